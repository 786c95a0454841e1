package timeline

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode"
)

// An owner says what the key field of a WebIO event names.
type owner uint8

const (
	ofRequest    owner = iota // a request, by address
	ofHandle                  // a request, by handle
	ofConnection              // a connection, by address
	ofIO                      // the same, for reads and writes, whose activity id may be another request's
	ofStream                  // the same, and field StreamId names one of its streams
	ofLookup                  // an entry of the name cache, by address
)

// A webEvent says how one WebIO event is read.
type webEvent struct {
	of    owner
	field string // that names the owner
	code  string // field that holds the error; "" = none
	do    func(h *happening) bool
	text  string // what it says as evidence when do returns true; "" = never evidence
	also  special
}

// A special is a property that few events have.
type special uint8

const (
	opens special = 1 << iota // shows a request whose beginning was not traced
	idle                      // matters for a connection that carries no request, too
	first                     // begins work on a connection, on the request's own thread
)

// A happening is a WebIO event with what it happens to.
type happening struct {
	*decode.Event
	c   *client
	x   *exchange // nil only for events marked idle
	k   *conn     // nil for events of requests
	err Code

	// For the note that is taken of the event.
	words *phrase
	name  string
	n     uint64
}

// webEvents is the dispatch table, by event id. Fields and roles are those of the provider's manifest;
// versions 0 and 1 name them alike.
var webEvents = [...]webEvent{
	15:  {ofRequest, "Request", "Error", onOption, "", 0},
	19:  {ofHandle, "ApiHandle", "", onClose, "the request was closed", 0},
	30:  {ofHandle, "ApiHandle", "", onClose, "the request was closed", 0},
	100: {ofRequest, "Request", "", onRequestHead, "request headers sent", opens},
	101: {ofRequest, "Request", "", onResponseHead, "answered", opens},
	102: {ofRequest, "Context", "", onProxyStart, "", 0},
	103: {ofRequest, "Context", "", onProxyStop, "", 0},
	104: {ofRequest, "Request", "", onConnection, "", opens},
	105: {ofRequest, "Request", "", onEndpoint, "", 0},
	106: {ofRequest, "Request", "", onAlive, "", opens},
	107: {ofRequest, "Request", "", onCall, "", opens},
	108: {ofRequest, "Request", "Error", onDone, "sending the body failed", 0},
	109: {ofRequest, "Request", "", onAlive, "", opens},
	110: {ofRequest, "Request", "", onWriteStart, "", opens},
	112: {ofRequest, "Request", "Error", onWriteStop, "write failed", 0},
	113: {ofRequest, "Request", "Error", onSent, "send failed", opens},
	115: {ofRequest, "Request", "", onReadStart, "", opens},
	116: {ofRequest, "Request", "Error", onDone, "reading the body failed", 0},
	117: {ofRequest, "Request", "Error", onRead, "reading the body failed", opens},
	122: {ofIO, "Connection", "", onData, "what came back is not HTTP", 0},
	123: {ofRequest, "Request", "", onParse, "", opens},
	124: {ofRequest, "Request", "Error", onParsed, "the answer could not be parsed", 0},
	125: {ofRequest, "Request", "", onStatus, "", opens},
	130: {ofRequest, "Request", "", onCall, "", opens},
	131: {ofRequest, "Request", "Error", onDone, "send failed at once", 0},
	132: {ofRequest, "Request", "", onAlive, "", opens},
	133: {ofRequest, "Request", "Error", onDone, "receive failed at once", 0},
	134: {ofRequest, "Request", "Error", onReceived, "WebIO gave up on the request", opens},
	136: {ofRequest, "Request", "", onCancel, "the caller cancelled", 0},

	200: {ofConnection, "Connection", "", onTry, "connecting to", first},
	201: {ofConnection, "Connection", "", onConnected, "connected", idle},
	202: {ofConnection, "Connection", "Error", onTryFailed, "connect failed", 0},
	203: {ofConnection, "Connection", "Error", onSocket, "no socket could be had", first},
	204: {ofConnection, "Endpoint", "Result", onSocketClose, "socket closed", idle},
	205: {ofConnection, "DnsQuery", "", onResolve, "looking up", first},
	206: {ofConnection, "DnsQuery", "", onResolved, "name found", 0},
	207: {ofConnection, "DnsQuery", "Error", onResolveFailed, "name lookup failed", 0},
	208: {ofConnection, "DnsQuery", "", onQueued, "", 0},
	210: {ofConnection, "ReferenceContext", "", onResolveTimeout, "name lookup ran out of time", 0},
	211: {ofLookup, "CacheEntry", "", onLookup, "", 0},
	212: {ofLookup, "CacheEntry", "Error", onLookupStop, "the resolver failed", 0},
	213: {ofIO, "Connection", "", onWrite, "", first},
	214: {ofIO, "Connection", "Error", onWritten, "sent", 0},
	216: {ofIO, "Connection", "Error", onReceive, "received", 0},
	217: {ofConnection, "StreamConnection", "", onStreamConnection, "", idle},
	218: {ofStream, "Connection", "", onStreamData, "received on the stream", 0},
	219: {ofConnection, "Connection", "", onStream, "", idle},
	220: {ofStream, "Connection", "Error", onStreamAborted, "the stream was aborted", 0},
	223: {ofConnection, "Connection", "Error", onGoAway, "the server announced the end of the connection (GOAWAY)", idle},
	224: {ofConnection, "Connection", "Error", onAborted, "the HTTP/2 connection was aborted", idle},

	700: {ofConnection, "Connection", "", onHandshake, "", 0},
	703: {ofConnection, "Connection", "Result", onHandshakeStep, "TLS handshake failed", 0},
	708: {ofConnection, "Connection", "Error", onEncrypt, "encryption failed", 0},
	712: {ofConnection, "Connection", "", onCertificate, "certificate accepted", 0},
	713: {ofConnection, "Connection", "Error", onCertificateFailed, "certificate refused", 0},
	728: {ofConnection, "Connection", "", onCertificateToShow, "", 0},
	730: {ofConnection, "Connection", "Result", onCredentials, "no TLS credentials could be had", 0},
	902: {ofRequest, "Request", "", onCancel, "the caller cancelled", 0},
}

// webStates are the states of a request that matter; most say what other events say in more detail.
var webStates = map[uint16]webEvent{
	2102: {ofRequest, "Context", "", onEndpoint, "", 0},
	2132: {ofRequest, "Context", "", onComplete, "", 0},
	2140: {ofRequest, "Context", "", onRestart, "request restarted", 0},
	2141: {ofRequest, "Context", "", onComplete, "", 0},
}

// The events that begin a WebIO request, or fail to.
const (
	webCreate       = 17
	webCreateFailed = 18
)

// Words for the events that the table does not have, or that say several things.
var (
	createPhrase        = phrase{"WebIO", "request created"}
	noCreatePhrase      = phrase{"WebIO", "the request could not be created"}
	restartPhrase       = phrase{"WebIO", "request restarted"}
	peerClosedPhrase    = phrase{"WebIO", "the other end closed the connection"}
	interimPhrase       = phrase{"WebIO", "the server answered in the interim"}
	notHTTPPhrase       = phrase{"WebIO", "what came back is not HTTP"}
	framesPhrase        = phrase{"WebIO", "what came back is a frame of HTTP/2"}
	sendFailedPhrase    = phrase{"WebIO", "send failed"}
	receiveFailedPhrase = phrase{"WebIO", "receive failed"}
	clientCertPhrase    = phrase{"WebIO", "the server asks for a client certificate"}
	webPhrases          = func() (p [len(webEvents)]phrase) {
		for i := range webEvents {
			p[i] = phrase{"WebIO", webEvents[i].text}
		}
		return p
	}()
)

// addWebIO takes an event of WebIO.
func (c *client) addWebIO(ev *decode.Event) {
	id := ev.ID()
	c.now = ev.Time()
	c.expire(c.now)
	h := &c.happening
	*h = happening{Event: ev, c: c}
	var e webEvent
	switch {
	case id == webCreate:
		x := c.create(ev)
		c.touch(ev, x)
		x.note(ev, &createPhrase, 0, "", 0)
		return
	case id == webCreateFailed:
		x := c.create(ev)
		c.touch(ev, x)
		err := Code(ev.Get("Error").Uint())
		x.note(ev, &noCreatePhrase, err, "", 0)
		x.fail(err)
		x.close()
		return
	case int(id) < len(webEvents):
		e, h.words = webEvents[id], &webPhrases[id]
	default:
		e, h.words = webStates[id], &restartPhrase
	}
	if e.do == nil { // it tells nothing that others do not, and belongs to its request all the same
		if x := c.byActivity(ev); x != nil {
			c.s.owner = x.req.number
		}
		return
	}
	h.x, h.k = c.owner(&e, ev)
	if h.x == nil && (h.k == nil || e.also&idle == 0) {
		return
	}
	if h.x != nil {
		c.touch(ev, h.x)
	}
	if e.code != "" {
		h.err = Code(ev.Get(e.code).Uint())
	}
	if e.do(h) && h.x != nil && e.text != "" {
		h.x.note(ev, h.words, h.err, h.name, h.n)
	}
}

// touch notes that the event in hand belongs to x. In a damaged log, time may go back within a buffer;
// within a request it does not.
func (c *client) touch(ev *decode.Event, x *exchange) {
	c.now = max(c.now, x.last)
	x.last = c.now
	c.s.owner = x.req.number
	c.threads.put(scope{ev.PID(), uint64(ev.TID())}, x)
}

// owner finds what an event happens to. k is the connection it names, if it names one; x may be nil,
// for a connection that lies idle or carries several requests.
func (c *client) owner(e *webEvent, ev *decode.Event) (x *exchange, k *conn) {
	pid := ev.PID()
	key := scope{pid, ev.Get(e.field).Uint()}
	switch e.of {
	case ofRequest:
		if x = live(c.requests.get(key)); x != nil {
			return x, nil
		}
		if x = c.byActivity(ev); x != nil && (e.field == "Context" || x.address.id == 0) {
			return x, nil
		}
		if e.also&opens != 0 && key.id != 0 {
			return c.openLate(ev, key.id), nil
		}
		return nil, nil
	case ofHandle:
		return live(c.handles.get(key)), nil
	case ofLookup:
		if x = c.byActivity(ev); x == nil {
			x = live(c.lookups.get(key))
		}
		return x, nil
	}

	k = c.connection(pid, key.id)
	if k == nil {
		return c.byActivity(ev), new(conn)
	}
	switch e.of {
	case ofStream:
		return k.byStream(uint32(ev.Get("StreamId").Uint())), k
	case ofIO:
		if k.multi {
			return nil, k // whose bytes they are, only the stream events tell
		}
		if x = k.sole(); x == nil {
			x = c.byActivity(ev)
		}
	default:
		if x = c.byActivity(ev); x == nil {
			x = k.sole()
		}
	}
	if x == nil && e.also&first != 0 && len(k.users) == 0 && ev.Activity().IsZero() {
		if t := c.byThread(ev); t != nil && t.leg.conn == nil && t.closed.IsZero() && t.ended.IsZero() {
			x = t
		}
	}
	return x, k
}

// openLate begins an exchange for a request that was under way when the trace began, or whose first
// event was lost.
func (c *client) openLate(ev *decode.Event, address uint64) *exchange {
	a := ev.Activity()
	handle := binary.LittleEndian.Uint64(a[:8])
	if binary.LittleEndian.Uint32(a[8:]) != uint32(address) {
		handle = 0 // not an id that WebIO made: those hold the low half of the address next
	}
	x := c.open(ev, address, handle)
	x.req.Partial = PartialStart
	return x
}

// A request's options and its end.

func onOption(h *happening) bool {
	t := h.Get("Option").Uint() - firstTimerOption
	value := h.Get("Value").Bytes()
	if t >= uint64(timerCount) || len(value) < 4 || isError(h.err) {
		return false
	}
	ms := binary.LittleEndian.Uint32(value)
	if ms == noLimit {
		ms = 0
	}
	h.x.limits[t] = time.Duration(ms) * time.Millisecond
	return false
}

// noLimit is how a timer says that it never runs out.
const noLimit = 0xFFFFFFFF

func onAlive(*happening) bool { return false }

// onClose takes the end of a request. It is worth a note if nothing ended it before.
func onClose(h *happening) bool {
	x := h.x
	early := x.closed.IsZero() && x.ended.IsZero() && x.cancelled.IsZero() && (x.leg.headers.IsZero() || x.leg.reading)
	x.close()
	return early
}

// onDone takes the end of a call that failed without waiting.
func onDone(h *happening) bool {
	if !isError(h.err) {
		return false
	}
	h.x.fail(h.err)
	return true
}

func onCancel(h *happening) bool {
	x := h.x
	if !x.ended.IsZero() || !x.cancelled.IsZero() {
		return false
	}
	x.cancelled = h.c.now
	x.leg.seen |= factCancelled
	return true
}

func onRestart(h *happening) bool {
	x := h.x
	if x.leg.idle() {
		return false
	}
	x.next(false)
	x.revive()
	return true
}

// Proxy and connection.

func onProxyStart(h *happening) bool {
	h.x.leg.proxy.begin(h.c.now)
	return false
}

func onProxyStop(h *happening) bool {
	if p := &h.x.leg.proxy; !p.start.IsZero() {
		p.end = h.c.now
	}
	return false
}

func onEndpoint(h *happening) bool {
	if l := &h.x.leg; l.conn == nil && l.pool.start.IsZero() {
		l.pool.begin(h.c.now)
		l.progress = h.c.now
	}
	return false
}

func onConnection(h *happening) bool {
	x := h.x
	x.resume()
	if p := &x.leg.pool; !p.start.IsZero() {
		p.end = h.c.now
	}
	x.bind(h.c.connection(h.PID(), h.Get("Connection").Uint()))
	return false
}

func onSocket(h *happening) bool {
	if !isError(h.err) {
		return false
	}
	x := h.x
	x.resume()
	x.bind(h.k)
	x.leg.tryFailed(try{step: step{start: h.c.now}, socket: h.Get("SocketHandle").Uint()}, h.err)
	return true
}

func onTry(h *happening) bool {
	x, l := h.x, &h.x.leg
	x.resume()
	x.bind(h.k)
	h.c.scratch = h.Get("Address").AppendText(h.c.scratch[:0])
	h.name = h.c.s.intern(h.c.scratch)
	if len(l.tries) < maxTries {
		l.tries = append(l.tries, try{
			step:    step{start: h.c.now},
			address: h.name,
			socket:  h.Get("SocketHandle").Uint(),
			context: h.Get("Context").Uint(),
		})
	}
	l.progress = h.c.now
	h.c.dial(h.Event, x, h.k, h.name)
	return true
}

func onConnected(h *happening) bool {
	k := h.k
	k.opened, k.carried = h.c.now, 0
	if h.x == nil {
		return false
	}
	l := &h.x.leg
	if t := l.findTry(h.Get("Context").Uint(), h.Get("SocketHandle").Uint()); t != nil {
		t.stop(h.c.now, 0)
		t.connected = true
		k.remote = t.address
	}
	l.seen |= factConnected
	l.progress = h.c.now
	return true
}

func onTryFailed(h *happening) bool {
	l := &h.x.leg
	h.c.scratch = h.Get("Address").AppendText(h.c.scratch[:0])
	f := try{
		step:    step{start: h.c.now},
		address: h.c.s.intern(h.c.scratch),
		socket:  h.Get("SocketHandle").Uint(),
		context: h.Get("Context").Uint(),
	}
	if t := l.findTry(f.context, f.socket); t != nil {
		h.name = h.c.s.intern([]byte("at " + t.address))
	}
	l.tryFailed(f, h.err)
	l.exhausted = h.Get("RemainingAddressCount").Uint() == 0
	return true
}

func onSocketClose(h *happening) bool {
	x, k := h.x, h.k
	reason := closeReason(h.Get("Reason").Uint())
	if x == nil {
		if len(k.users) == 0 {
			h.c.conns.delete(scope{h.PID(), h.Get("Endpoint").Uint()})
		}
		return false
	}
	l := &x.leg
	socket := h.Get("Socket").Uint()
	if t := l.findTry(0, socket); t != nil || len(l.tries) == 0 && reason == connectTimeout {
		// An address that did not work out; another may.
		if t != nil {
			h.name = h.c.s.intern([]byte("at " + t.address))
		}
		if h.err == 0 && reason == connectTimeout {
			h.err = codeConnTimeout
		}
		l.tryFailed(try{step: step{start: h.c.now}, socket: socket}, h.err)
		return isError(h.err) && !isCancel(h.err)
	}
	if !x.closed.IsZero() || l.conn != k {
		return false
	}
	l.seen |= closeFacts[reason]
	if l.status == 101 && (reason == closedLocal || reason == resetLocal) {
		l.seen |= factClosedHere
	}
	if l.handshaking() && l.tls.err == 0 && isError(h.err) && !isCancel(h.err) {
		l.tls.stop(h.c.now, h.err)
	}
	return closeFacts[reason] != 0
}

// Names.

func onResolve(h *happening) bool {
	x := h.x
	x.resume()
	x.bind(h.k)
	x.leg.resolve = step{start: h.c.now}
	x.leg.progress = h.c.now
	if ms := h.Get("Timeout").Uint(); ms > 0 && ms < noLimit && x.limits[timerResolve] == 0 {
		x.limits[timerResolve] = time.Duration(ms) * time.Millisecond
	}
	h.c.scratch = h.Get("HostName").AppendText(h.c.scratch[:0])
	h.name = h.c.s.intern(h.c.scratch)
	h.c.names.put(h.name, x)
	return true
}

func onResolved(h *happening) bool {
	l := &h.x.leg
	l.resolve.stop(h.c.now, 0)
	l.resolver = 0
	l.progress = h.c.now
	return true
}

func onResolveFailed(h *happening) bool {
	if !isCancel(h.err) {
		h.x.leg.resolve.stop(h.c.now, h.err)
	}
	return true
}

func onResolveTimeout(h *happening) bool {
	h.x.leg.resolve.begin(h.c.now)
	h.x.leg.seen |= factResolveTimeout
	return true
}

func onQueued(h *happening) bool {
	h.c.lookups.put(scope{h.PID(), h.Get("CacheEntry").Uint()}, h.x)
	return false
}

func onLookup(h *happening) bool {
	h.c.lookups.put(scope{h.PID(), h.Get("CacheEntry").Uint()}, h.x)
	return false
}

func onLookupStop(h *happening) bool {
	r := &h.x.leg.resolve
	if !isError(h.err) || isCancel(h.err) || r.start.IsZero() || !r.end.IsZero() {
		return false
	}
	r.stop(h.c.now, h.err)
	return true
}

// TLS. The handshake's own reads and writes are socket events like all others.

// What InitializeSecurityContext answers while a handshake goes well (sspi.h). The provider's map has
// the last two without their severity bit.
const (
	secContinueNeeded        Code = 0x00090312
	secIncompleteCredentials Code = 0x00090320
	secIncompleteMessage     Code = 0x80090318
	secIncompleteMessageMap  Code = 0x00090318
)

func onHandshake(h *happening) bool {
	x, l := h.x, &h.x.leg
	x.bind(h.k)
	if l.send.start.IsZero() && l.tls.start.IsZero() {
		l.tls.begin(h.c.now)
		l.progress = h.c.now
		h.c.shake(x)
	}
	return false
}

// onCertificateToShow takes the request for credentials, which names the certificate that this machine has to show.
func onCertificateToShow(h *happening) bool {
	if h.Get("SSLClientCert").Uint() != 0 {
		h.x.leg.seen |= factOwnCert
	}
	return onHandshake(h)
}

func onHandshakeStep(h *happening) bool {
	onHandshake(h)
	l := &h.x.leg
	switch h.err {
	case secContinueNeeded, secIncompleteMessage, secIncompleteMessageMap:
		return false
	case secIncompleteCredentials:
		l.seen |= factClientCert
		h.words = &clientCertPhrase
		return true
	case 0:
		l.tls.stop(h.c.now, 0)
		return false
	}
	if l.send.start.IsZero() {
		l.tls.stop(h.c.now, h.err)
		l.seen |= factTLSFailed
	}
	return true
}

func onCertificate(h *happening) bool {
	l := &h.x.leg
	l.tls.stop(h.c.now, 0)
	l.seen |= factTLSDone
	l.progress = h.c.now
	return true
}

func onCertificateFailed(h *happening) bool {
	l := &h.x.leg
	l.tls.stop(h.c.now, h.err)
	l.cert = uint32(h.Get("ServerCertErrors").Uint())
	l.seen |= factTLSFailed | factCertificate
	h.n = uint64(l.cert)
	return true
}

func onCredentials(h *happening) bool {
	l := &h.x.leg
	l.tls.stop(h.c.now, h.err)
	l.seen |= factTLSFailed | factCredentials
	return true
}

func onEncrypt(h *happening) bool {
	h.x.ioFailed(&h.x.leg.send, h.err)
	return true
}

// Sending.

func onRequestHead(h *happening) bool {
	x := h.x
	if !x.leg.headers.IsZero() && x.ended.IsZero() {
		x.next(false) // the answer to a 401 on the same connection
	}
	x.head(h.Get("Headers").Bytes())
	x.sending()
	return true
}

func onCall(h *happening) bool {
	x := h.x
	if h.ID() == 130 && !x.ended.IsZero() && x.closed.IsZero() {
		x.next(false) // the caller sends it again
		x.revive()
	}
	x.leg.calls.begun++
	return false
}

func onWriteStart(h *happening) bool {
	x := h.x
	if k := h.c.connection(h.PID(), h.Get("Connection").Uint()); k != nil {
		x.bind(k)
		k.share(x)
	}
	x.sending()
	x.leg.writes.begun++
	return false
}

func onWriteStop(h *happening) bool {
	x := h.x
	if isError(h.err) {
		x.ioFailed(&x.leg.send, h.err)
		return !isCancel(h.err)
	}
	x.leg.writes.done++
	x.wrote()
	return false
}

func onSent(h *happening) bool {
	x := h.x
	if isError(h.err) {
		x.fail(h.err)
		return true
	}
	x.leg.calls.done++
	x.sending()
	return false
}

func onWrite(h *happening) bool {
	x, l := h.x, &h.x.leg
	if l.handshaking() {
		l.progress = h.c.now
		return false
	}
	if l.conn != h.k && len(h.k.users) == 0 {
		x.bind(h.k) // what WebIO 104 named was stale
	}
	x.sending()
	l.sockets.begun++
	return false
}

func onWritten(h *happening) bool {
	x, l := h.x, &h.x.leg
	if isError(h.err) {
		x.ioFailed(&l.send, h.err)
		h.words = &sendFailedPhrase
		return !isCancel(h.err)
	}
	if l.handshaking() {
		l.progress = h.c.now
		return false
	}
	l.sockets.done++
	x.wrote()
	h.n = h.Get("Information").Uint()
	return l.sockets.done == 1
}

// Receiving.

func onResponseHead(h *happening) bool {
	x, l := h.x, &h.x.leg
	block := h.Get("Headers").Bytes()
	l.arrived(h.c.now)
	status := parseStatus(block)
	if status == 0 && len(block) > 0 && block[0] != ':' {
		l.seen |= factNotHTTP
		h.words = &notHTTPPhrase
		return true
	}
	if status >= 100 && status < 200 && status != 101 {
		l.firstByte, l.bytes = 0, 0 // the answer is still to come
		h.words, h.n = &interimPhrase, uint64(status)
		return true
	}
	x.answer(status)
	l.complete(h.c.now)
	h.n = uint64(status)
	if status == 101 && bytes.Contains(bytes.ToLower(block), []byte("permessage-deflate")) {
		l.seen |= factDeflate
	}
	return true
}

func onStatus(h *happening) bool {
	h.x.leg.arrived(h.c.now)
	h.x.answer(int(h.Get("HttpResponseCode").Uint() & 0xFFFF))
	return false
}

func onReceived(h *happening) bool {
	x, l := h.x, &h.x.leg
	if isError(h.err) {
		x.fail(h.err)
		return true
	}
	if l.headers.IsZero() && x.ended.IsZero() {
		l.arrived(h.c.now)
		l.complete(h.c.now)
	}
	return false
}

func onReadStart(h *happening) bool {
	h.x.leg.reading = true
	return false
}

func onRead(h *happening) bool {
	x, l := h.x, &h.x.leg
	if isError(h.err) {
		l.receiveFailed(h.c.now, h.err)
		x.fail(h.err)
		return true
	}
	l.reading = false
	if l.headers.IsZero() {
		l.arrived(h.c.now)
		l.complete(h.c.now)
	}
	l.arrived(h.c.now)
	if h.Get("CompletionInformation").Uint() == 0 {
		return onComplete(h)
	}
	return false
}

// onComplete takes the end of the answer.
func onComplete(h *happening) bool {
	x, l := h.x, &h.x.leg
	if x.ended.IsZero() && !l.headers.IsZero() {
		l.bodyDone = true
		if l.conn != nil {
			l.conn.leave(x, h.c.now)
		}
	}
	return false
}

// onData looks at the first bytes of an answer that nobody encrypted.
func onData(h *happening) bool {
	x, l := h.x, &h.x.leg
	data := h.Get("Data").Bytes()
	if l.headers.IsZero() && !l.send.start.IsZero() && isSettingsFrame(data) {
		l.seen |= factFrames
		h.words = &framesPhrase
		return true
	}
	if l.bytes > 0 || !l.headers.IsZero() || l.send.start.IsZero() || len(data) < 5 || !strings.HasPrefix(x.leg.url, "http:") {
		return false
	}
	if bytes.HasPrefix(data, []byte("HTTP/")) || l.seen.has(factNotHTTP) {
		return false
	}
	l.seen |= factNotHTTP
	return true
}

// isSettingsFrame reports whether data begin with the frame that an HTTP/2 server sends first: SETTINGS, on
// stream 0, with entries of 6 bytes (RFC 9113, section 6.5).
func isSettingsFrame(data []byte) bool {
	const header, settings = 9, 4
	return len(data) >= header && data[0] == 0 && data[1] == 0 && data[2]%6 == 0 && data[3] == settings && data[4] == 0 &&
		bytes.Equal(data[5:header], make([]byte, 4))
}

// onParse takes the start of the parser: there is something to parse.
func onParse(h *happening) bool {
	h.x.leg.arrived(h.c.now)
	return false
}

func onParsed(h *happening) bool {
	h.x.leg.arrived(h.c.now)
	if !isError(h.err) {
		h.x.leg.parse = 0
		return false
	}
	h.x.leg.parse = h.err
	return true
}

func onReceive(h *happening) bool {
	x, l := h.x, &h.x.leg
	if isError(h.err) {
		h.words = &receiveFailedPhrase
		switch {
		case l.handshaking():
			x.ioFailed(&l.tls, h.err)
		case l.receive == 0 && !isCancel(h.err) && x.ended.IsZero():
			l.receiveFailed(h.c.now, h.err)
			if h.err == codeConnReset {
				l.seen |= factPeerReset
			}
		}
		return !isCancel(h.err)
	}
	n := h.Get("Information").Uint()
	if n == 0 {
		if l.conn != h.k || l.bodyDone || !x.ended.IsZero() {
			return false
		}
		l.seen |= factPeerClosed
		h.words = &peerClosedPhrase
		return true
	}
	if l.handshaking() {
		l.progress = h.c.now
		return false
	}
	fresh := l.firstByte.IsZero()
	l.arrived(h.c.now)
	l.bytes += n
	l.parse = 0
	h.n = n
	return fresh
}

// HTTP/2 and HTTP/3.

// resetNames are the error codes of HTTP/2 (RFC 9113, section 7), h3Names those of HTTP/3 from 0x100 on
// (RFC 9114, section 8.1).
var (
	resetNames = [...]string{
		"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
		"REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
	}
	h3Names = [...]string{
		"H3_NO_ERROR", "H3_GENERAL_PROTOCOL_ERROR", "H3_INTERNAL_ERROR", "H3_STREAM_CREATION_ERROR", "H3_CLOSED_CRITICAL_STREAM",
		"H3_FRAME_UNEXPECTED", "H3_FRAME_ERROR", "H3_EXCESSIVE_LOAD", "H3_ID_ERROR", "H3_SETTINGS_ERROR", "H3_MISSING_SETTINGS",
		"H3_REQUEST_REJECTED", "H3_REQUEST_CANCELLED", "H3_REQUEST_INCOMPLETE", "H3_MESSAGE_ERROR", "H3_CONNECT_ERROR", "H3_VERSION_FALLBACK",
	}
)

// h3First is the first error code of HTTP/3.
const h3First = 0x100

// resetName writes an error code of HTTP/2 or HTTP/3; "" for 0, which events without one have too.
func resetName(code uint64) string {
	switch {
	case code == 0:
		return ""
	case code < uint64(len(resetNames)):
		return "with code " + strconv.FormatUint(code, 10) + " " + resetNames[code]
	case code >= h3First && code-h3First < uint64(len(h3Names)):
		return "with code 0x" + strconv.FormatUint(code, 16) + " " + h3Names[code-h3First]
	}
	return "with code " + strconv.FormatUint(code, 10)
}

func onStreamConnection(h *happening) bool {
	if base := h.c.connection(h.PID(), h.Get("Connection").Uint()); base != nil {
		h.k.opened, h.k.remote, h.k.local = base.opened, base.remote, base.local
	}
	if h.x != nil {
		h.x.bind(h.k)
	}
	return false
}

func onStream(h *happening) bool {
	x := h.x
	if x == nil {
		// Streams are created by the thread that sends the request.
		if t := h.c.byThread(h.Event); t != nil && t.leg.conn == h.k {
			x = t
		}
	}
	h.k.openStream(uint32(h.Get("StreamId").Uint()), x)
	return false
}

func onStreamData(h *happening) bool {
	l := &h.x.leg
	fresh := l.firstByte.IsZero()
	h.x.sending()
	l.arrived(h.c.now)
	h.n = h.Get("Size").Uint()
	l.bytes += h.n
	return fresh
}

func onStreamAborted(h *happening) bool {
	x, l := h.x, &h.x.leg
	code := h.Get("ResetCode").Uint()
	h.name = resetName(code)
	if l.receive == 0 && x.ended.IsZero() && x.cancelled.IsZero() && (h.err != 0 || code != 0) && !isCancel(h.err) {
		l.receiveFailed(h.c.now, h.err)
		l.seen |= factStreamReset
	}
	return true
}

func onGoAway(h *happening) bool {
	h.k.multi = true
	if h.err < Code(len(resetNames)) { // the frame's own code, which looks like a small system code
		h.name, h.err = resetName(uint64(h.err)), 0
	}
	for _, x := range h.k.users {
		x.leg.seen |= factGoAway
	}
	h.c.tellUsers(h)
	return false
}

func onAborted(h *happening) bool {
	h.k.multi = true
	for _, x := range h.k.users {
		if l := &x.leg; live(x) != nil && x.ended.IsZero() && x.cancelled.IsZero() && l.receive == 0 && !l.bodyDone && !isCancel(h.err) {
			l.receiveFailed(h.c.now, h.err)
			l.seen |= factStreamReset
		}
	}
	h.c.tellUsers(h)
	return false
}

// tellUsers notes an event of a shared connection with every request on it.
func (c *client) tellUsers(h *happening) {
	for _, x := range h.k.users {
		if live(x) != nil {
			x.last = max(x.last, c.now)
			x.note(h.Event, h.words, h.err, h.name, 0)
		}
	}
}
