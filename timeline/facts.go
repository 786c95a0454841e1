package timeline

import "time"

// A fact is one thing that the events of a request say, as a bit. The rules are written in facts.
type fact uint64

const (
	factLoss        fact = 1 << iota // the input lost events: what was not seen may have happened
	factText                         // known from WinHTTP's text lines only: no connect or send events
	factPartial                      // the trace does not have the beginning of the request
	factMixed                        // the WinHTTP code in the trace is not the one that the raw code becomes
	factCancelled                    // the caller cancelled the request (WebIO 136) before any error
	factClosedEarly                  // ... or closed it, or WinHTTP told that it had been cancelled
	factTimerCancel                  // ... exactly when a timer that the trace shows ran out
	factTimerKnown                   // the timer of the step where it stopped is in the trace
	factTimerNear                    // the wait was as long as a timer, be it only a default
	factHeaderLimit                  // bytes kept coming, but the header block was not complete

	factProxySearch // proxy detection took part
	factProxyFailed // and a part of it failed: WinHttp 808, 811, 812, 815
	factProxyGap    // and took most of the request's time

	factResolve        // a name lookup was started
	factResolved       // and found the name: WebIO 206
	factResolveFailed  // and failed: WebIO 207 or 212, or the resolver below
	factResolveTimeout // WebIO 210, or no DNS server answered

	factTried     // WebIO 200 within the request
	factTryFailed // WebIO 202 or 204 ended a try
	factConnected // WebIO 201 within the request
	factReused    // sent on a connection that was open before
	factSYNLost   // TCPIP 1045, 1186: the handshake was not answered
	factRefused   // TCPIP 1183: it was answered by a reset
	factTCPAgrees // a TCPIP event tells that the connect failed

	factTLS         // a handshake was started
	factTLSDone     // and ended well
	factTLSFailed   // WebIO 703, 713, 730 with an error
	factClientCert  // the server asked for a client certificate
	factCredentials // WebIO 730: no credentials could be had
	factCertificate // WebIO 713: the certificate was looked at and turned down

	factSending     // a send was started
	factSent        // and all of it completed
	factSendError   // an event tells that the send failed
	factSendOpen    // two witnesses or more saw it begin and not end
	factSendUnclear // the witnesses disagree: an event is missing

	factBytes       // a part of the answer came
	factStatus      // its first line could be read
	factHeaders     // and its header block was complete
	factPeerClosed  // the other end closed the connection in good order: WebIO 216 with 0 bytes, 204 reason 1
	factPeerReset   // or reset it: 10054, 204 reason 3, TCPIP 1184
	factGaveUp      // TCP gave up on what was sent: WebIO 204 reason 5 or 6, TCPIP 1046, 1047
	factNotHTTP     // the answer is not HTTP
	factParser      // the response parser gave up
	factHTTP2       // the connection carries several requests at once
	factStreamReset // the stream, or the HTTP/2 connection, was aborted
	factGoAway      // the server announced the end of the HTTP/2 connection
	factInUse       // the connection was made for this request, or another one had just been served on it
	factOwnCert     // this machine had a client certificate to show
	factFrames      // what came back are frames of HTTP/2, to a request in HTTP/1.1
	factCoreToken   // the request carries the mark that the ASP.NET Core Module puts on those it passes on
	factDeflate     // the answer agrees on compressed WebSocket messages
	factClosedHere  // and this machine ended the connection
)

// has reports whether all bits of g are in f.
func (f fact) has(g fact) bool { return f&g == g }

// facts is what is kept of a request's events for judging it. Requests that went well have none.
type facts struct {
	seen    fact
	wait    time.Duration // between the last byte that went out or came in and the end
	bytes   uint64        // of the answer
	cert    uint32        // WebIO ServerCertErrors
	alert   uint8         // TLS alert, if Schannel told one; 0 = none
	tries   int           // addresses tried
	silent  int           // ... that did not answer
	refused int           // ... that refused
	loops   bool          // ... and one of them was [::1]
	resent  int           // SYNs sent again
	proxy   time.Duration // spent on proxy detection
	late    time.Duration // from the start to the answer that came when the client had left; 0 = none came
	call    string        // the WinHTTP function that reported the failure; "" = unknown
}
