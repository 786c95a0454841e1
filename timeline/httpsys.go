package timeline

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/etl"
)

// An httpSys follows the requests that HTTP.sys takes in and hands to applications.
//
//	21 connected ─ 22 id ─┬─ 1 received ─ 2 parsed ─ 3 delivered ─ 4 or 8 answered ─ 10, 12, 13 sent ─┬─ 23 client left
//	  ConnectionObj       │    RequestId    RequestObj    queue         by the worker                   └─ 24 cleaned up
//	                      └─ next request ...           phases: receive │ queue │ process │ send
//
// The ids of requests and connections are used again, and so are the objects' addresses: each is good
// from the event that gives it until the object is closed or another one gets it.
//
// The order of events and the activity ids (bytes 0 to 7 are the request's id) are as real traces of
// Windows 7 show them; what follows 23, 53, 64, 65, 97 and 124 is told by their documentation only.
type httpSys struct {
	s        *Session
	now      etl.Time                    // of the event in hand
	requests *table[uint64, *inbound]    // by RequestId
	objects  *table[uint64, *inbound]    // by RequestObj
	ids      *table[uint64, *serverConn] // by ConnectionId
	conns    *table[uint64, *serverConn] // by ConnectionObj
	scratch  []byte
}

func newHTTPSys(s *Session) *httpSys {
	room := s.b.opt.MaxOpen
	h := &httpSys{s: s}
	h.requests = newTable[uint64](room, func(x *inbound) {
		if !x.emitted {
			s.abandoned++
			h.unfinished(x)
		}
	})
	h.objects = newTable[uint64, *inbound](room, nil)
	h.ids = newTable[uint64, *serverConn](room, nil)
	h.conns = newTable[uint64, *serverConn](room, nil)
	return h
}

// A serverConn is a connection that a client opened.
type serverConn struct {
	id, object    uint64
	local, remote string
	opened        etl.Time // event 21; 0 = before the trace
	used          etl.Time // end of the request that ended last
	served        int      // requests that came on it
	multi         bool     // carries HTTP/2 streams: several requests at once
	open          []*inbound
}

// An inbound is a request that HTTP.sys received.
type inbound struct {
	r       *Request
	conn    *serverConn // nil = unknown
	claim   claim
	last    bool     // the application passed the last part of its answer
	sent    bool     // a part of the answer was taken for sending
	left    etl.Time // when the client closed the connection; 0 = it did not
	leftIn  int      // the phases that the request had come to by then
	passed  etl.Time // when the application passed the first part of its answer; 0 = it did not
	seen    etl.Time // last event
	emitted bool
	saw     fact   // for the rules
	word    string // by which HTTP.sys ended it, as in the HTTPERR log
	steps   []Mark // the events that it went through
}

// A claim says how the PID of a request is known, from weakest to strongest.
type claim uint8

const (
	unclaimed   claim = iota
	byDelivery        // event 3 was written in the context of that process
	byHTTPSys         // event 97 names it, and it had the request
	byAnswering       // it passed the answer
)

// maxSteps bounds the events kept of one request.
const maxSteps = 16

// httpEvents is the dispatch table by event id.
var httpEvents = map[uint16]func(*httpSys, *decode.Event){
	1:   (*httpSys).received,
	2:   (*httpSys).parsed,
	3:   (*httpSys).delivered,
	4:   (*httpSys).answered,
	5:   (*httpSys).lastPart,
	6:   (*httpSys).answered,
	7:   (*httpSys).lastPart,
	8:   (*httpSys).answered,
	9:   (*httpSys).lastPart,
	10:  (*httpSys).sending,
	11:  (*httpSys).sent,
	12:  (*httpSys).sent,
	13:  (*httpSys).sent,
	14:  (*httpSys).sendFailed,
	15:  (*httpSys).sendFailed,
	16:  (*httpSys).cached,
	17:  (*httpSys).cached,
	21:  (*httpSys).connected,
	22:  (*httpSys).identified,
	23:  (*httpSys).clientLeft,
	24:  (*httpSys).cleanedUp,
	52:  (*httpSys).malformed,
	53:  (*httpSys).timedOut,
	64:  (*httpSys).rejected,
	65:  (*httpSys).cancelled,
	96:  (*httpSys).handshakeFailed,
	97:  (*httpSys).errorSent,
	124: (*httpSys).overflow,
	125: (*httpSys).http2,
	132: (*httpSys).http2,
}

func (h *httpSys) add(ev *decode.Event) {
	if f := httpEvents[ev.ID()]; f != nil {
		h.now = max(h.now, ev.Time()) // a damaged log may go back in time
		f(h, ev)
	}
}

// close emits what is still open.
func (h *httpSys) close() {
	for x := range h.requests.oldest {
		if !x.emitted {
			h.unfinished(x)
		}
	}
	h.s.server = newHTTPSys(h.s) // lets go of the state
}

// Finding the request and the connection of an event.

// activityID returns the request id in an event's activity id, or 0.
func activityID(ev *decode.Event) uint64 {
	a := ev.Activity()
	return binary.LittleEndian.Uint64(a[:8])
}

// request returns the request of an event. One whose first event is not in the trace begins with this one.
func (h *httpSys) request(ev *decode.Event) *inbound {
	id := ev.Get("RequestId").Uint()
	if id == 0 {
		id = activityID(ev)
	}
	x := h.requests.get(id)
	if x == nil {
		if id == 0 {
			return nil
		}
		x = h.open(id, ev)
		x.r.Partial = PartialStart
		if c := h.ids.get(ev.Get("ConnectionId").Uint()); c != nil {
			h.join(x, c)
		}
	}
	x.touch(h.now)
	h.s.owner = x.r.number
	return x
}

// known is request for events that do not say enough to begin one.
func (h *httpSys) known(ev *decode.Event) *inbound {
	x := h.requests.get(ev.Get("RequestId").Uint())
	if x == nil {
		x = h.requests.get(activityID(ev))
	}
	if x == nil {
		if x = h.objects.get(ev.Get("RequestObj").Uint()); x != nil && x.emitted {
			return nil // the object may be another request's by now
		}
	}
	if x != nil {
		x.touch(h.now)
		h.s.owner = x.r.number
	}
	return x
}

// open begins a request with the event in hand. Whoever had its id before is over.
func (h *httpSys) open(id uint64, ev *decode.Event) *inbound {
	if old := h.requests.get(id); old != nil {
		h.leave(old)
	}
	x := h.newInbound()
	if activityID(ev) == id {
		x.r.Activity = ev.Activity()
	}
	h.requests.put(id, x)
	return x
}

func (h *httpSys) newInbound() *inbound {
	return &inbound{r: h.s.begin(&Request{Side: Server, Start: h.now}), seen: h.now}
}

// join puts x on a connection.
func (h *httpSys) join(x *inbound, c *serverConn) {
	x.conn = c
	if len(c.open) >= maxStreams {
		c.open = slices.Delete(c.open, 0, len(c.open)/2)
	}
	c.open = append(c.open, x)
	r := x.r
	if r.Client == "" {
		r.Client = c.remote
	}
	r.Server = c.local
	r.Connection = &Connection{Local: c.local, Remote: r.Client, Reused: c.served > 0 || c.opened.IsZero(), Opened: c.opened}
	if !c.used.IsZero() && r.Start > c.used {
		r.Connection.Idle = r.Start.Sub(c.used)
	}
	c.served++
}

// connection returns the connection with an id; one that was opened before the trace is new.
func (h *httpSys) connection(id uint64) *serverConn {
	if id == 0 {
		return nil
	}
	c := h.ids.get(id)
	if c == nil {
		c = &serverConn{id: id}
		h.ids.put(id, c)
	}
	return c
}

// leave takes a request that is over off its connection. Its id stays known, for a late word of a failed
// send, until another request gets it.
func (h *httpSys) leave(x *inbound) {
	if !x.emitted {
		h.unfinished(x)
	}
	if c := x.conn; c != nil {
		c.open = slices.DeleteFunc(c.open, func(o *inbound) bool { return o == x })
	}
	x.conn, x.steps = nil, nil
}

// text returns a field's text, one copy of each.
func (h *httpSys) text(ev *decode.Event, name string) string {
	h.scratch = ev.Get(name).AppendText(h.scratch[:0])
	return h.s.intern(h.scratch)
}

// because joins what happened and why, if that is known.
func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

// What happens to a request.

// phaseOrder is the way of a request on the server side.
var phaseOrder = map[PhaseName]int{PhaseReceive: 1, PhaseQueue: 2, PhaseProcess: 3, PhaseSend: 4}

func (x *inbound) touch(now etl.Time) { x.seen = max(x.seen, now) }

// phase returns the phase that x is in, or nil.
func (x *inbound) phase() *Phase {
	if n := len(x.r.Phases); n > 0 {
		return &x.r.Phases[n-1]
	}
	return nil
}

// answered reports whether the application passed an answer, or a part of it.
func (x *inbound) answered() bool {
	p := x.phase()
	return p != nil && p.Name == PhaseSend
}

// enter begins a phase and ends the one before. There is no way back.
func (x *inbound) enter(name PhaseName, now etl.Time) {
	if x.emitted {
		return
	}
	if p := x.phase(); p != nil {
		if phaseOrder[p.Name] >= phaseOrder[name] {
			return
		}
		p.End, p.Outcome = now, OK
	} else {
		x.r.Phases = make([]Phase, 0, 4)
	}
	x.r.Phases = append(x.r.Phases, Phase{Name: name, Start: now})
}

// step keeps an event as possible evidence.
func (h *httpSys) step(x *inbound, ev *decode.Event, code Code, text string) {
	if len(x.steps) >= maxSteps {
		x.steps = slices.Delete(x.steps, maxSteps/2, maxSteps/2+1)
	}
	x.steps = append(x.steps, Mark{Time: h.now, Position: ev.Position(), Provider: "HttpService", ID: ev.ID(), Error: code, Text: text})
}

// delivered reports whether a worker got the request.
func (x *inbound) delivered() bool {
	return slices.ContainsFunc(x.r.Phases, func(p Phase) bool { return p.Name == PhaseProcess })
}

// own takes the process of an event as the owner of the request. The kernel's own processes never are.
func (x *inbound) own(pid uint32, how claim) {
	if pid > 4 && pid != etl.NoID && how > x.claim {
		x.r.PID, x.claim = pid, how
	}
}

// status takes the status of a final answer.
func (x *inbound) status(v decode.Value) {
	if n := v.Uint(); n >= 200 && n <= 999 || n == 101 {
		x.r.Status = int(n)
	}
}

// end closes the request in the phase that it is in and emits it. A request that its client gave up ends
// when the client left, in the phase that it was in then: what is done for it later nobody waits for.
func (h *httpSys) end(x *inbound, at etl.Time, outcome Outcome, code Code) {
	r := x.r
	if c := x.conn; c != nil {
		c.used = max(c.used, at)
	}
	if outcome == Cancelled {
		at = x.left
		r.Phases = r.Phases[:x.leftIn]
	}
	r.Outcome = outcome
	if p := x.phase(); p != nil {
		p.Outcome = outcome
		if outcome != Unfinished {
			p.End = at
		}
		if outcome == Failed {
			p.Error = code
		}
		if outcome != OK {
			r.Phase = p.Name
		}
	}
	if outcome == Unfinished {
		r.Partial = PartialEnd
	} else {
		r.End = at
	}
	if outcome == Failed {
		r.Error = code
	}
	if outcome == OK && r.Status >= 500 {
		r.Outcome = Failed // answered, in good order, that it failed: no phase of the exchange did
		x.saw |= factHeaders
	}
	x.mark()
	if !x.emitted {
		x.emitted = true
		h.s.emit(r)
	}
}

// blame moves a failure from the phase that x was in to the one that a timer belongs to, which then ends
// where the request does. A body is read while the worker has the request already: the time since then is
// the body's.
func (x *inbound) blame(t httpTimer) {
	phases := x.r.Phases
	i := slices.IndexFunc(phases, func(p Phase) bool { return p.Name == t.phase })
	last := len(phases) - 1
	if i < 0 || i == last && t.detail == "" {
		return
	}
	stop := phases[last]
	if t.detail == "" {
		phases = phases[:i+1]
		stop.Start = phases[i].Start
	}
	stop.Name, stop.Detail = t.phase, t.detail
	phases[len(phases)-1] = stop
	x.r.Phases, x.r.Phase = phases, t.phase
}

// mark shows the events of a request that did not go well.
func (x *inbound) mark() {
	if x.r.Outcome == OK {
		return
	}
	x.r.Marks = x.steps
	if x.r.facts == nil {
		x.r.facts = &facts{}
	}
	x.r.facts.seen |= x.saw
	if x.left != 0 {
		x.r.facts.wait = x.left.Sub(x.r.Start)
		if x.passed > x.left {
			x.r.facts.late = x.passed.Sub(x.r.Start)
		}
	}
	x.r.facts.call = x.word
}

// done ends a request that was answered. Later signs of the same end only move it.
func (h *httpSys) done(x *inbound, at etl.Time) {
	switch {
	case !x.emitted:
		h.end(x, at, OK, 0)
	case x.r.Outcome == OK || x.r.Outcome == Failed && x.r.Phase == "":
		x.r.End = max(x.r.End, at)
		if p := x.phase(); p != nil {
			p.End = max(p.End, at)
		}
	}
}

// fail ends a request that went wrong, also one that seemed to be answered: HTTP.sys may learn later
// that the answer did not arrive. If the client had left before, it is the client who gave up.
func (h *httpSys) fail(x *inbound, at etl.Time, code Code) {
	if x.emitted && x.r.Outcome != OK {
		x.mark()
		return
	}
	if x.left != 0 {
		h.end(x, at, Cancelled, 0)
		return
	}
	h.end(x, at, Failed, code)
}

// unfinished ends a request of which nothing more is known.
func (h *httpSys) unfinished(x *inbound) {
	if x.left != 0 && !x.answered() {
		h.end(x, x.seen, Cancelled, 0)
		return
	}
	h.end(x, x.seen, Unfinished, 0)
}

// The events.

func (h *httpSys) received(ev *decode.Event) {
	id := ev.Get("RequestId").Uint()
	if id == 0 {
		return
	}
	x := h.open(id, ev)
	if a, ok := ev.RelatedActivity(); ok {
		x.r.Activity = a
	}
	x.r.Client = h.text(ev, "RemoteAddr")
	x.enter(PhaseReceive, h.now)
	h.step(x, ev, 0, "the request arrived")
	c := h.connection(ev.Get("ConnectionId").Uint())
	if c == nil {
		return
	}
	if c.remote == "" {
		c.remote = x.r.Client
	}
	h.join(x, c)
	for _, before := range slices.Clone(c.open) {
		if before.answered() && !before.emitted && !c.multi && before != x {
			h.done(before, before.seen) // or the client would not have sent the next one
		}
		if before.emitted {
			h.leave(before)
		}
	}
}

// verbs are the methods by HTTP_VERB (http.h). Those that HTTP.sys does not know come as text with the answer.
var verbs = [...]string{
	3: "OPTIONS", 4: "GET", 5: "HEAD", 6: "POST", 7: "PUT", 8: "DELETE", 9: "TRACE", 10: "CONNECT", 11: "TRACK",
	12: "MOVE", 13: "COPY", 14: "PROPFIND", 15: "PROPPATCH", 16: "MKCOL", 17: "LOCK", 18: "UNLOCK", 19: "SEARCH",
}

func (h *httpSys) parsed(ev *decode.Event) {
	x := h.request(ev)
	if x == nil {
		return
	}
	h.nameObject(x, ev)
	if n := ev.Get("HttpVerb").Uint(); n < uint64(len(verbs)) {
		x.r.Method = verbs[n]
	}
	x.url(ev)
	x.enter(PhaseQueue, h.now)
}

// nameObject remembers the address of the request's object.
func (h *httpSys) nameObject(x *inbound, ev *decode.Event) {
	if object := ev.Get("RequestObj").Uint(); object != 0 {
		h.objects.put(object, x)
	}
}

func (x *inbound) url(ev *decode.Event) {
	if x.r.URL == "" {
		x.r.URL = ev.Get("Url").Text()
		x.r.Host = Authority(x.r.URL)
	}
}

func (h *httpSys) delivered(ev *decode.Event) {
	x := h.request(ev)
	if x == nil {
		return
	}
	h.nameObject(x, ev)
	x.url(ev)
	x.r.Queue = h.text(ev, "RequestQueueName")
	if ev.Get("SiteId").Uint() != 0 {
		x.r.AppPool = x.r.Queue // IIS names the queue after the pool
	}
	if status := Code(ev.Get("Status").Uint()); status != 0 {
		h.step(x, ev, status, "handing the request to the application failed")
		return
	}
	x.own(ev.PID(), byDelivery)
	h.step(x, ev, 0, "the request was handed to the application")
	x.enter(PhaseProcess, h.now)
}

func (h *httpSys) answered(ev *decode.Event) {
	x := h.request(ev)
	if x == nil {
		return
	}
	x.own(ev.PID(), byAnswering)
	if n := ev.Get("StatusCode").Uint(); n != 0 && n < 200 && n != 101 {
		return // 100 Continue and its like
	}
	x.status(ev.Get("StatusCode"))
	if x.r.Method == "" {
		x.r.Method = h.text(ev, "Verb")
	}
	x.enter(PhaseSend, h.now)
	h.step(x, ev, 0, "the application passed an answer")
	if x.passed == 0 {
		x.passed = h.now
	}
	if x.emitted {
		x.mark() // its client was gone already
	}
}

func (h *httpSys) lastPart(ev *decode.Event) {
	x := h.request(ev)
	if x == nil {
		return
	}
	x.own(ev.PID(), byAnswering)
	x.last = true
	// Windows 7 writes this event before that of the part itself.
	if x.sent {
		h.done(x, h.now)
	}
}

func (h *httpSys) sending(ev *decode.Event) {
	x := h.request(ev)
	if x == nil {
		return
	}
	x.own(ev.PID(), byAnswering)
	x.status(ev.Get("HttpStatus"))
	x.enter(PhaseSend, h.now)
	x.sent = true
	if x.last {
		h.done(x, h.now)
	}
}

func (h *httpSys) sent(ev *decode.Event) {
	h.sending(ev)
	if x := h.known(ev); x != nil {
		h.done(x, h.now)
	}
}

func (h *httpSys) sendFailed(ev *decode.Event) {
	x := h.request(ev)
	if x == nil {
		return
	}
	x.status(ev.Get("HttpStatus"))
	x.enter(PhaseSend, h.now)
	code := Code(ev.Get("Status").Uint())
	h.step(x, ev, code, because("sending the answer failed", h.text(ev, "Reason")))
	x.saw |= factSendError
	h.fail(x, h.now, code)
	if x.r.Outcome == Failed && x.r.Error == 0 && code != 0 {
		x.r.Error = code // event 14 came first, 15 tells the code
		if p := x.phase(); p != nil {
			p.Error = code
		}
	}
}

func (h *httpSys) cached(ev *decode.Event) {
	x := h.known(ev)
	if x == nil {
		return
	}
	if ev.ID() == 17 && x.r.Status == 0 {
		x.r.Status = 304
	}
	x.enter(PhaseSend, h.now)
	if p := x.phase(); p != nil && !x.emitted {
		p.Detail = "cache"
	}
	h.done(x, h.now)
}

func (h *httpSys) connected(ev *decode.Event) {
	object := ev.Get("ConnectionObj").Uint()
	if object == 0 {
		return
	}
	h.conns.put(object, &serverConn{
		object: object, opened: h.now,
		local: h.text(ev, "LocalAddr"), remote: h.text(ev, "RemoteAddr"),
	})
}

func (h *httpSys) identified(ev *decode.Event) {
	id, object := ev.Get("ConnectionId").Uint(), ev.Get("ConnectionObj").Uint()
	c := h.conns.get(object)
	if c == nil {
		c = &serverConn{object: object}
		h.conns.put(object, c)
	}
	if id != 0 {
		c.id = id
		h.ids.put(id, c)
	}
}

// live yields the requests of a connection that are not answered.
func (c *serverConn) live(yield func(*inbound) bool) {
	for _, x := range slices.Clone(c.open) {
		if !x.emitted && !yield(x) {
			return
		}
	}
}

func (h *httpSys) clientLeft(ev *decode.Event) {
	c := h.conns.get(ev.Get("ConnectionObj").Uint())
	if c == nil {
		return
	}
	text := "the client closed the connection"
	if ev.Get("Abortive").Uint() != 0 {
		text = "the client reset the connection"
	}
	for x := range c.live {
		// It may have closed its own direction only, and still be given an answer.
		x.leave(h.now)
		x.touch(h.now)
		h.step(x, ev, 0, text)
	}
}

// leave notes that the client gave the request up.
func (x *inbound) leave(now etl.Time) {
	if x.left != 0 {
		return
	}
	x.left, x.leftIn = now, len(x.r.Phases)
}

func (h *httpSys) cleanedUp(ev *decode.Event) {
	object := ev.Get("ConnectionObj").Uint()
	c := h.conns.get(object)
	if c == nil {
		return
	}
	h.conns.delete(object)
	waiting := false
	for x := range c.live {
		waiting = true
		x.touch(h.now)
		if x.answered() && (x.last || x.sent && x.left != 0) {
			h.done(x, h.now) // no error of sending it was told
			continue
		}
		if x.left == 0 {
			h.step(x, ev, 0, "the connection ended on this side before the answer was complete")
		}
		h.fail(x, h.now, 0)
	}
	if !waiting {
		// The event that names the timer comes after this one: keep the id while it may be about a request.
		h.ids.delete(c.id)
		for _, x := range slices.Clone(c.open) {
			h.leave(x)
		}
	}
}

// An httpTimer says which phase a timer of HTTP.sys belongs to, and its default where it has one.
type httpTimer struct {
	phase  PhaseName
	detail string // of the phase; "" = all of it
	limit  time.Duration
	unmet  string // what had not come by then
}

// httpTimers has the timers by their names in the HTTPERR log.
var httpTimers = map[string]httpTimer{
	"Timer_ConnectionIdle":    {"", "", 2 * time.Minute, ": nothing more came in"},
	"Timer_HeaderWait":        {PhaseReceive, "", 2 * time.Minute, ": its header had not come in"},
	"Timer_EntityBody":        {PhaseReceive, "body", 2 * time.Minute, ": its body had not come in"},
	"Timer_ReqQueue":          {PhaseQueue, "", 2 * time.Minute, ""},
	"Timer_AppPool":           {PhaseQueue, "", 2 * time.Minute, ""},
	"Timer_MinBytesPerSecond": {PhaseSend, "", 0, ": the client took its answer too slowly"},
	"Timer_Response":          {PhaseSend, "", 0, ": the client had not taken its answer"},
	"Timer_SslRenegotiation":  {PhaseProcess, "", 2 * time.Minute, ": the TLS handshake that asks for a client certificate was not done"},
}

func (h *httpSys) timedOut(ev *decode.Event) {
	c := h.ids.get(ev.Get("ConnectionId").Uint())
	if c == nil {
		c = h.conns.get(ev.Get("ConnectionObj").Uint())
	}
	if c == nil {
		return
	}
	name := h.text(ev, "Timer")
	for _, x := range slices.Clone(c.open) {
		if x.emitted && x.r.Outcome == OK {
			continue // it was answered: an idle connection ended
		}
		x.touch(h.now)
		h.step(x, ev, 0, because("a timer of HTTP.sys ran out", name))
		x.word = name
		h.fail(x, h.now, 0)
		if x.r.Outcome != Failed {
			continue
		}
		// If the clean-up came first, the timer was its cause.
		x.r.End = max(x.r.End, h.now)
		if p := x.phase(); p != nil {
			p.End = x.r.End
		}
		t := httpTimers[name]
		x.r.Timer = &Timer{Name: name, Limit: t.limit, Source: TimerDefault}
		x.blame(t)
	}
}

func (h *httpSys) malformed(ev *decode.Event) {
	x := h.request(ev)
	if x == nil {
		return
	}
	x.r.MadeBy = &MadeBy{Tier: tierHTTPSys}
	code := Code(ev.Get("Status").Uint())
	x.word = h.text(ev, "Reason")
	x.saw |= factParser
	h.step(x, ev, code, because("HTTP.sys could not parse the request", x.word))
	h.fail(x, h.now, code)
}

// tierHTTPSys made an answer before any worker or module saw the request.
const tierHTTPSys = "http.sys"

// A reason is the word by which HTTP.sys says why it ends a request, as in the HTTPERR log.
type reason struct {
	status int  // that HTTP.sys answers with; 0 = none, or several
	client bool // it was the client who ended it
}

var reasons = map[string]reason{
	"AppOffline":   {status: 503},
	"AppPoolTimer": {status: 503},
	"AppShutdown":  {status: 503},
	"ConnLimit":    {status: 503},
	"Disabled":     {status: 503},
	"N/A":          {status: 503},
	"QueueFull":    {status: 503},
	"Client_Reset": {client: true},
}

func (h *httpSys) rejected(ev *decode.Event) {
	x := h.request(ev)
	if x == nil {
		return
	}
	word := h.text(ev, "Reason")
	h.refuse(x, ev, word, because("HTTP.sys refused the request", word))
}

// refuse ends a request that HTTP.sys answers itself.
func (h *httpSys) refuse(x *inbound, ev *decode.Event, word, text string) {
	if queue := h.text(ev, "RequestQueueName"); queue != "" {
		x.r.Queue = queue
		x.r.AppPool = cmp.Or(x.r.AppPool, queue) // as the verdict reads it: IIS names the queue after the pool
		text += " (queue " + queue + ")"
	}
	h.step(x, ev, 0, text)
	x.word = word
	x.r.MadeBy = &MadeBy{Tier: tierHTTPSys}
	if x.r.Status == 0 {
		x.r.Status = reasons[word].status
	}
	h.fail(x, h.now, 0)
}

func (h *httpSys) cancelled(ev *decode.Event) {
	x := h.request(ev)
	if x == nil {
		return
	}
	word := h.text(ev, "Reason")
	if queue := h.text(ev, "RequestQueueName"); queue != "" {
		x.r.Queue = queue
	}
	h.step(x, ev, 0, because("HTTP.sys took the request back", word))
	x.word = word
	if reasons[word].client {
		x.leave(h.now)
	}
	h.fail(x, h.now, 0)
}

func (h *httpSys) overflow(ev *decode.Event) {
	if x := h.request(ev); x != nil {
		h.refuse(x, ev, "QueueFull", "the request queue is full")
	}
}

// handshakeFailed counts for the trace's health: no request came of it.
func (h *httpSys) handshakeFailed(ev *decode.Event) {
	h.s.health.handshakeFailed(h.text(ev, "LocalAddress"), h.text(ev, "SniHostname"), Code(ev.Get("Status").Uint()),
		ev.Get("ClientDisconnect").Uint() != 0, h.now)
}

// errorSent is the answer that HTTP.sys makes itself, with all that it knows (since Windows 10 1903).
func (h *httpSys) errorSent(ev *decode.Event) {
	x := h.known(ev)
	if x == nil {
		x = h.newInbound()
		x.r.Partial = PartialStart
	}
	r := x.r
	x.url(ev)
	if x.delivered() {
		x.own(uint32(ev.Get("ProcessId").Uint()), byHTTPSys) // else it is the pool's worker, which never saw it
	}
	x.status(ev.Get("StatusCode"))
	if r.Queue == "" {
		r.Queue = h.text(ev, "RequestQueue")
	}
	r.AppPool = cmp.Or(r.AppPool, r.Queue)
	if n := ev.Get("Verb").Uint(); r.Method == "" && n < uint64(len(verbs)) {
		r.Method = verbs[n]
	}
	cause := h.text(ev, "ErrorCause")
	if _, known := reasons[cause]; x.word == "" && known {
		x.word = cause
	}
	if x.word == "" {
		x.word = h.text(ev, "ReasonPhrase")
	}
	if r.MadeBy == nil {
		r.MadeBy = &MadeBy{Tier: tierHTTPSys}
	}
	h.step(x, ev, Code(ev.Get("SendStatus").Uint()), because("HTTP.sys answered with an error of its own", cause))
	h.fail(x, h.now, 0)
}

// http2 notes that a connection carries several requests at once.
func (h *httpSys) http2(ev *decode.Event) {
	if c := h.connection(ev.Get("ConnectionId").Uint()); c != nil {
		c.multi = true
	}
}

// What it means.

// eventLogs is where the reasons of a pool's state are written.
const eventLogs = "from this machine get System.evtx and Application.evtx for {span} (source WAS, and crashes)"

// serverRules are for requests of the server side, by what HTTP.sys says.
var serverRules = []rule{
	{
		reasons: []string{"QueueFull"},
		id:      "Q4",
		title:   "HTTP.sys refused the request ({reason}): the queue of pool {queue} is full",
		open:    "why its workers do not take requests fast enough",
		near: []neighbour{
			{"Q1", 0, 0, "pool switched off: that is AppOffline or Disabled"},
		},
		doNow:   []string{"find the slow requests before making the queue longer: a longer queue is a longer wait"},
		findOut: []string{"on this machine: appcmd list requests; a dump of the worker process", "HTTPERR and the IIS log for {span}"},
	},
	{
		reasons: []string{"AppPoolTimer"},
		id:      "T2",
		title:   "HTTP.sys refused the request ({reason}): the workers of pool {queue} were too busy to take it",
		findOut: []string{"on this machine: appcmd list requests; a dump of the worker process"},
	},
	{
		reasons: []string{"ConnLimit"},
		id:      "Q9",
		title:   "HTTP.sys refused the request ({reason}): the site has as many connections as it may have",
		findOut: []string{"count the connections by client before raising the limit (maxConnections)"},
	},
	{
		reasons: []string{"Connection_Abandoned_By_ReqQueue", "Connection_Abandoned_By_AppPool"},
		id:      "R2",
		title:   "the worker process ended with the request open",
		open:    "whether it crashed, was recycled or was shut down",
		findOut: []string{eventLogs},
	},
	{
		reasons: []string{"Timer_ReqQueue", "Timer_AppPool"},
		id:      "T2",
		title:   "no worker took the request in time ({reason})",
		open:    "why not: no free threads, or a worker that hangs",
		findOut: []string{"on this machine: appcmd list requests; a dump of the worker process"},
	},
	{
		reasons: []string{"Timer_EntityBody", "Timer_HeaderWait", "Timer_MinBytesPerSecond", "Timer_ConnectionIdle", "Timer_SslRenegotiation", "Timer_Response"},
		id:      "NE", unsure: ^fact(0),
		title:   "HTTP.sys ended the request when {reason} ran out{unmet}",
		open:    "whether the client or the way to it was slow",
		doNow:   []string{"for clients that are slow by nature, look at the limits: netsh http show timeout"},
		findOut: []string{"packets of this machine and of {client}"},
	},
	{
		id: "NE", all: factParser, unsure: ^fact(0),
		title:   "HTTP.sys could not read the request: {reason}",
		open:    "what the client sent",
		findOut: []string{"packets from {client}, and what kind of program it is"},
	},
	{
		id: "R7", as: Cancelled, phases: []PhaseName{PhaseSend},
		title:   "the client {client} left after {wait}, {where}",
		open:    "whether it lost patience or had what it wanted: compare the wait with what such requests take",
		findOut: []string{"the time-out of the client or proxy in front"},
	},
	{
		id: "R7", as: Cancelled,
		title:   "the client {client} left after {wait}, {where}; it had no answer by then",
		open:    "whether it lost patience: compare the wait with what such requests take",
		findOut: []string{"the time-out of the client or proxy in front"},
	},
	{
		id: "R7", all: factSendError, unsure: lost,
		title:   "the answer could not be delivered: the connection to {client} was gone",
		open:    "who ended it: the client, or something on the way",
		findOut: []string{"the log of {client} for {span}; if it is a proxy, its time-out"},
	},
	{
		id: "HTTP-5xx", phases: []PhaseName{""}, all: factHeaders,
		title:   "the application answered {status}",
		open:    "why: its own log knows",
		near:    []neighbour{{"Q4", 0, 0, "refused by HTTP.sys: a worker took the request and answered it"}},
		findOut: []string{"{get witnesses}"},
	},
	{
		reasons: []string{"Connection_Dropped"},
		id:      "NE", unsure: ^fact(0),
		title:   "the connection to {client} ended with the request open",
		open:    "who ended it: the client, the application or something on the way; HTTP.sys writes Connection_Dropped for all, and the client may have had its answer",
		findOut: []string{"the log of {client} for {span}", "the IIS log and Failed Request Tracing of this machine for {span}"},
	},
	{
		id: "NE", phases: []PhaseName{PhaseProcess}, unsure: ^fact(0),
		title:   "the connection ended on this side before there was an answer, {where}",
		open:    "whether the application closed it, or the worker process ended",
		findOut: []string{"the application's log, and System.evtx and Application.evtx for {span}"},
	},
	{
		id: "NE", phases: []PhaseName{PhaseSend}, unsure: ^fact(0),
		title:   "the connection ended on this side {where}",
		open:    "whether the application broke the answer off, or only the event of its end is missing",
		findOut: []string{"the application's log, and the IIS log of this machine for {span}"},
	},
	{
		id: "NE", unsure: ^fact(0),
		title:   "the request failed {where}, and {the files} not tell why",
		findOut: []string{"HTTPERR and the IIS log of this machine for {span}"},
	},
}

// whereAtServer says what was being done in a phase of the server side.
var whereAtServer = map[PhaseName]string{
	"":           "at a point that was not traced",
	PhaseReceive: "while it was coming in",
	PhaseQueue:   "while it waited for a worker",
	PhaseProcess: "while the application had it",
	PhaseSend:    "while its answer was being sent",
}
