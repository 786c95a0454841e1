package timeline

import (
	"cmp"
	"strings"
	"time"

	"github.com/etwhy/etwhy/etl"
)

// A leg is one pass of a request over the wire: proxy, name, connection, TLS, send, receive. A redirect,
// a repetition on another connection and the answer to a 401 each begin a new leg.
//
// Which step a leg is in follows from the furthest sign of work, not from the last event: steps
// overlap, and events get lost.
type leg struct {
	start  etl.Time
	url    string
	status int
	conn   *conn

	proxy, resolve, pool, tls, send step
	tries                           []try
	exhausted                       bool     // WebIO 202 told that no address is left
	sockets, writes, calls          balance  // three witnesses of what was sent: WebIO 213/214, 110/112, 130 and 107/113
	firstByte, headers              etl.Time // when they came back
	receive                         Code     // error of WebIO 216, 117 or a stream
	received                        etl.Time // when it came
	bodyEnd                         etl.Time // last byte of a body
	bodyDone                        bool
	reading                         bool // WebIO 115 without 117
	parse                           Code // error of the response parser that nothing followed

	progress  etl.Time // last byte out or in, or the start of the step that waits
	idleSince etl.Time // when the request before this one left the connection
	bytes     uint64
	resent    int  // SYNs sent again, by TCPIP
	resolver  Code // what the resolver below WebIO answered
	seen      fact
	alert     uint8
	cert      uint32
}

// A step is a part of a leg.
type step struct {
	start, end etl.Time
	err        Code
}

func (s *step) begin(now etl.Time) {
	if s.start.IsZero() {
		s.start = now
	}
}

// stop ends the step; a later event may end it again.
func (s *step) stop(now etl.Time, err Code) {
	s.begin(now)
	s.end = now
	s.err = err
}

// A try is one attempt to connect, to one address.
type try struct {
	step
	address         string
	socket, context uint64
	connected       bool
}

// maxTries bounds the tries of a leg. WinHTTP itself stops at five addresses.
const maxTries = 32

// A balance compares what was begun with what was done.
type balance struct{ begun, done int }

// A closeReason is WebIO's word on why a socket was closed (map TCPCloseReasonType).
type closeReason uint8

const (
	closedLocal closeReason = iota
	closedByPeer
	resetLocal
	resetByPeer
	connectTimeout
	sendTimeout
	receiveTimeout
	scavenged
	noReason
	afterError
)

// closeFacts says what a reason tells about an established connection.
var closeFacts = map[closeReason]fact{
	closedByPeer:   factPeerClosed,
	resetByPeer:    factPeerReset,
	sendTimeout:    factGaveUp,
	receiveTimeout: factGaveUp,
}

// votes returns how many witnesses say that everything was sent, and how many that it was not.
func (l *leg) votes() (sent, open int) {
	for _, b := range [...]balance{l.sockets, l.writes, l.calls} {
		switch {
		case b.begun == 0 && b.done == 0:
		case b.done >= b.begun:
			sent++
		default:
			open++
		}
	}
	return sent, open
}

// sent reports whether the request went out in full.
func (l *leg) sent() bool {
	if !l.firstByte.IsZero() || !l.headers.IsZero() {
		return true
	}
	if l.send.err != 0 || l.send.start.IsZero() {
		return false
	}
	sent, open := l.votes()
	return sent > open
}

// stage returns the step that the leg is in.
func (l *leg) stage() (PhaseName, string) {
	switch {
	case !l.headers.IsZero():
		return PhaseReceive, "body"
	case l.sent():
		return PhaseReceive, "headers"
	case !l.send.start.IsZero():
		return PhaseSend, ""
	case l.seen&factTLSDone != 0:
		return PhaseSend, ""
	case !l.tls.start.IsZero():
		return PhaseTLS, ""
	case l.seen&factConnected != 0 && strings.HasPrefix(l.url, "https:"):
		return PhaseTLS, ""
	case l.seen&(factConnected|factReused) != 0:
		return PhaseSend, ""
	case len(l.tries) > 0:
		return PhaseConnect, ""
	case l.resolve.end.IsZero() && !l.resolve.start.IsZero() || l.resolve.err != 0:
		return PhaseResolve, ""
	case !l.resolve.start.IsZero():
		return PhaseConnect, ""
	case !l.pool.start.IsZero() && l.pool.end.IsZero():
		return PhaseConnect, "pool"
	case !l.proxy.start.IsZero() && (l.proxy.end.IsZero() || l.proxy.err != 0):
		return PhaseProxy, ""
	}
	return "", ""
}

// failure returns the raw code of the step that the leg is in, or 0.
func (l *leg) failure() Code {
	phase, detail := l.stage()
	switch phase {
	case PhaseReceive:
		return l.receive
	case PhaseSend:
		return l.send.err
	case PhaseTLS:
		return l.tls.err
	case PhaseConnect:
		if detail == "" && len(l.tries) > 0 {
			return l.lastTry().err
		}
	case PhaseResolve:
		return cmp.Or(l.resolve.err, l.resolver)
	case PhaseProxy:
		return l.proxy.err
	}
	return 0
}

// broken reports whether the leg came to a dead end by itself.
func (l *leg) broken() bool {
	if l.failure() != 0 {
		return true
	}
	phase, _ := l.stage()
	return phase == PhaseReceive && l.headers.IsZero() && l.seen&(factPeerClosed|factPeerReset|factStreamReset) != 0
}

// receiveFailed notes the first error of a read.
func (l *leg) receiveFailed(now etl.Time, err Code) {
	if l.receive == 0 && isError(err) && !isCancel(err) {
		l.receive, l.received = err, now
	}
}

// lastTry returns the try that ended last; one that is still open counts as last.
func (l *leg) lastTry() *try {
	last := &l.tries[0]
	for i := range l.tries {
		t := &l.tries[i]
		if t.end.IsZero() || !last.end.IsZero() && t.end >= last.end {
			last = t
		}
	}
	return last
}

// findTry returns the try of an event: by context, else by socket, else the last open one.
func (l *leg) findTry(context, socket uint64) *try {
	for _, match := range [...]func(*try) bool{
		func(t *try) bool { return context != 0 && t.context == context && t.end.IsZero() },
		func(t *try) bool { return socket != 0 && t.socket == socket && t.end.IsZero() },
		func(t *try) bool { return context == 0 && socket == 0 && t.end.IsZero() }, // fields that old systems left empty
	} {
		for i := len(l.tries) - 1; i >= 0; i-- {
			if match(&l.tries[i]) {
				return &l.tries[i]
			}
		}
	}
	return nil
}

// tryFailed ends a try with an error. f is as much of it as the event of its failure tells; if nothing
// showed its beginning, f is the try.
func (l *leg) tryFailed(f try, err Code) {
	now := f.start
	t := l.findTry(f.context, f.socket)
	if t == nil {
		for _, old := range l.tries {
			if old.context == f.context && f.context != 0 || old.socket == f.socket && f.socket != 0 {
				return // told before
			}
		}
		if len(l.tries) >= maxTries {
			return
		}
		l.tries = append(l.tries, f)
		t = &l.tries[len(l.tries)-1]
	}
	if isCancel(err) {
		err = 0
	} else {
		l.seen |= factTryFailed
	}
	t.stop(now, err)
}

// arrived notes that a part of the answer came.
func (l *leg) arrived(now etl.Time) {
	l.progress = now
	if l.firstByte.IsZero() {
		l.firstByte = now
	}
	if !l.headers.IsZero() {
		l.bodyEnd = now
	}
}

// complete notes that the header block is there. So the end that WebIO saw before it was none: old
// systems report 0 bytes for reads that brought some.
func (l *leg) complete(now etl.Time) {
	if l.headers.IsZero() {
		l.headers = now
	}
	l.seen &^= factPeerClosed | factPeerReset
}

// idle reports whether nothing happened in the leg yet.
func (l *leg) idle() bool {
	return l.send.start.IsZero() && l.tls.start.IsZero() && l.resolve.start.IsZero() && len(l.tries) == 0
}

// appendPhases appends the leg's steps as phases that went well, but for tries that did not connect.
func (l *leg) appendPhases(phases []Phase) []Phase {
	add := func(name PhaseName, detail string, s step, outcome Outcome) {
		if !s.start.IsZero() {
			phases = append(phases, Phase{Name: name, Detail: detail, Start: s.start, End: s.end, Outcome: outcome, Error: s.err})
		}
	}
	add(PhaseProxy, "", l.proxy, OK)
	if len(l.tries) == 0 && l.resolve.start.IsZero() && (l.pool.end.IsZero() || l.pool.end-l.pool.start >= etl.Millisecond) {
		add(PhaseConnect, "pool", l.pool, OK)
	}
	add(PhaseResolve, "", l.resolve, OK)
	for i := range l.tries {
		t := &l.tries[i]
		outcome := Failed
		switch {
		case t.connected:
			outcome = OK
		case t.err == 0 && !t.end.IsZero():
			outcome = Cancelled // another one was faster
		}
		add(PhaseConnect, t.address, t.step, outcome)
	}
	add(PhaseTLS, "", l.tls, OK)
	send := l.send
	if l.sent() && send.end.IsZero() {
		send.end = send.start
	}
	add(PhaseSend, "", send, OK)
	if !l.sent() {
		return phases
	}
	wait := step{start: max(send.end, l.start), end: l.headers}
	body := step{start: l.headers, end: l.bodyEnd}
	if l.receive != 0 && !l.bodyDone {
		failed := &body
		if l.headers.IsZero() {
			failed = &wait
		}
		failed.end, failed.err = l.received, l.receive
	}
	add(PhaseReceive, "headers", wait, OK)
	if !l.bodyEnd.IsZero() || l.receive != 0 || l.reading {
		add(PhaseReceive, "body", body, OK)
	}
	return phases
}

// wait returns how long nothing had moved at a moment.
func (l *leg) wait(at etl.Time) time.Duration {
	if l.progress.IsZero() || at < l.progress {
		return 0
	}
	return at.Sub(l.progress)
}

// handshaking reports whether what goes over the socket belongs to a TLS handshake.
func (l *leg) handshaking() bool {
	return !l.tls.start.IsZero() && l.seen&factTLSDone == 0 && l.send.start.IsZero()
}
