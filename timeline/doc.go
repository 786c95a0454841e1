// Package timeline joins the events of a capture into HTTP requests and says why those that failed did.
//
//	WebIO, WinHttp ─┐                                                        rules
//	TCPIP, DNS, TLS ─┼─► Session ─► exchange ─► leg ─► Request ─► Finish ─► Verdict
//	HttpService ─────┤   one per    by handle,  one     compact    sorted,    a claim with
//	WinHTTP's text ──┘   input      address,    pass               numbered   its evidence
//	                                activity
//
// A Builder takes the inputs one after the other, each as events in time order. A request leaves as soon
// as it is closed; what is kept of it is small, so that millions fit in memory. Verdicts come last, when
// everything was seen.
//
// The phase of a request is where its work stopped, not the call that reported it: on Windows 7 a server
// that is off shows up at WinHttpReceiveResponse. The error is the raw code at that place, never the
// effect of a cancellation.
//
// The schemas of WebIO have not been proven on real traces, and one file is one witness: no verdict
// of this package is more than likely. Loss, contradicting witnesses and mere elapsed time make it less.
package timeline
