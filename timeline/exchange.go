package timeline

import (
	"bytes"
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
)

// Codes that steer the joining.
const (
	codeAborted      Code = 995   // ERROR_OPERATION_ABORTED
	codePending      Code = 997   // ERROR_IO_PENDING: no error
	codeTimeout      Code = 1460  // ERROR_TIMEOUT
	codeConnReset    Code = 10054 // WSAECONNRESET
	codeRefused      Code = 10061 // WSAECONNREFUSED
	codeRefusedWin32 Code = 1225  // ERROR_CONNECTION_REFUSED
	codeConnTimeout  Code = 10060 // WSAETIMEDOUT
	codeWinHTTPFirst Code = 12000
	codeCancelled    Code = 12017 // ERROR_WINHTTP_OPERATION_CANCELLED
	codeWinHTTPLast  Code = 12199
)

// isError reports whether a code in an event means that something went wrong.
func isError(c Code) bool { return c != 0 && c != codePending }

// isCancel reports whether a code is the effect of a cancellation, never its cause.
func isCancel(c Code) bool { return c == codeAborted || c == codeCancelled }

// isWinHTTP reports whether a code is one of WinHTTP's own.
func isWinHTTP(c Code) bool { return c >= codeWinHTTPFirst && c <= codeWinHTTPLast }

// An exchange is a request in the making: all WebIO requests under one WinHTTP handle, one after the other.
type exchange struct {
	c        *client
	req      *Request
	address  scope // of the WebIO request in progress
	handle   scope
	session  uint64
	activity etl.GUID // WinHTTP's
	internet scope    // WinHTTP handle; zero = unknown

	leg    leg
	limits [timerCount]time.Duration
	notes  []note
	last   etl.Time // event

	ended     etl.Time // when the request was decided: an error, or the answer's end
	err       Code     // that WebIO reported for the request
	cancelled etl.Time // WebIO 136, or a code that tells of it
	closed    etl.Time // WebIO 19 or 30, whichever came first
	winhttp   Code     // that WinHTTP reported to its caller
	call      string   // the WinHTTP function that reported it
	gone      bool     // handed over
}

// A note is an event that may become evidence.
type note struct {
	time etl.Time
	pos  etl.Position
	from *phrase
	id   uint16
	err  Code
	name string // address, host, function
	n    uint64 // bytes, status
}

// maxNotes bounds the notes of one request. The first and the last are kept.
const maxNotes = 24

// A phrase says in words what an event shows.
type phrase struct {
	provider string
	text     string
}

// note keeps the event in hand as possible evidence.
func (x *exchange) note(ev *decode.Event, p *phrase, err Code, name string, n uint64) {
	x.c.s.owner = x.req.number
	if len(x.notes) >= maxNotes {
		x.notes = slices.Delete(x.notes, maxNotes/3, maxNotes/3+1)
	}
	x.notes = append(x.notes, note{x.c.now, ev.Position(), p, ev.ID(), err, name, n})
}

// open begins an exchange with the event in hand.
func (c *client) open(ev *decode.Event, address, handle uint64) *exchange {
	x := &exchange{
		c:   c,
		req: c.s.begin(&Request{Side: Client, PID: ev.PID(), Start: c.now}),
		leg: leg{start: c.now},
	}
	x.enter(ev.PID(), address, handle)
	return x
}

// enter makes x known under the names of a WebIO request. Whoever had them before is over.
func (x *exchange) enter(pid uint32, address, handle uint64) {
	x.address, x.handle = scope{pid, address}, scope{pid, handle}
	if old := live(x.c.requests.get(x.address)); old != nil && old != x && old.closed.IsZero() {
		old.closed = old.last // its end was not traced
		old.finish(false)
	}
	x.c.requests.put(x.address, x)
	if handle != 0 {
		x.c.handles.put(x.handle, x)
	}
}

// part forgets the names of the WebIO request.
func (x *exchange) part() {
	drop(x.c.requests, x.address, x)
	drop(x.c.handles, x.handle, x)
}

// create handles WebIO 17: a new request, or the next one under the same WinHTTP handle.
func (c *client) create(ev *decode.Event) *exchange {
	pid := ev.PID()
	address, handle := ev.Get("Request").Uint(), ev.Get("RequestHandle").Uint()
	method := c.s.intern(ev.Get("Method").Bytes())
	target := ev.Get("URI").Text()
	activity := ev.Activity()
	join := bond{pid, activity}
	session := ev.Get("SessionHandle").Uint()

	var x *exchange
	if !activity.IsZero() {
		if prev := live(c.activities.get(join)); prev != nil && prev.session == session && prev.continues(method, target, c.now) {
			x = prev
			x.part()
			x.next(true)
			x.revive()
			x.enter(pid, address, handle)
		}
	}
	if x == nil {
		x = c.open(ev, address, handle)
		x.req.Method, x.req.URL = method, target
		x.req.Host = Authority(target)
		x.activity, x.session = activity, session
		if !activity.IsZero() {
			c.activities.put(join, x)
			x.takeSearch(c.searches.get(join))
		}
	}
	x.leg.url = target
	c.adopt(ev, x)
	return x
}

// continues reports whether a new WebIO request for target carries on what x began: a redirect, the
// answer to a 401 or 407, or a repetition after an error. The activity alone does not say so, since a
// caller may make all its requests under one.
func (x *exchange) continues(method, target string, now etl.Time) bool {
	if x.ended.IsZero() && x.closed.IsZero() && x.leg.headers.IsZero() || now > x.last+linger {
		return false
	}
	same := x.leg.url == target && x.req.Method == method
	switch status := x.leg.status; {
	case status >= 301 && status <= 308 && status != 304:
		return true
	case status == 401 || status == 407:
		return same
	}
	return same && (x.err != 0 && !isCancel(x.err) || x.leg.headers.IsZero() && x.leg.broken())
}

// next ends the leg in progress and begins another. fresh tells that a new WebIO request does it.
func (x *exchange) next(fresh bool) {
	now := x.c.now
	if status := x.leg.status; status < 300 || status >= 400 {
		x.req.Restarts++ // a redirect is no repetition
	}
	if !x.leg.headers.IsZero() && x.leg.receive == 0 {
		x.settle(now, OK)
	} else {
		x.settle(now, Failed)
	}
	conn, address := x.leg.conn, x.leg.url
	if conn != nil && (fresh || x.leg.headers.IsZero()) {
		conn.leave(x, now)
		conn = nil
	}
	x.leg = leg{start: now, url: address, conn: conn}
	if conn != nil {
		x.leg.seen |= factReused
	}
}

// revive takes back how the request ended: it goes on.
func (x *exchange) revive() {
	x.ended, x.err, x.cancelled, x.closed = 0, 0, 0, 0
	x.winhttp, x.call = 0, ""
}

// resume begins a new leg if the one in progress has done what a leg does once.
func (x *exchange) resume() {
	l := &x.leg
	if x.ended.IsZero() && (!l.send.start.IsZero() || !l.tls.start.IsZero() || l.resolve.err != 0 || l.exhausted) {
		x.next(false)
	}
}

// bind puts x on a connection.
func (x *exchange) bind(k *conn) {
	if k == nil || x.leg.conn == k {
		return
	}
	if old := x.leg.conn; old != nil {
		old.leave(x, x.c.now)
	}
	x.leg.conn = k
	if len(k.users) < maxStreams {
		k.users = append(k.users, x)
	}
}

// sending notes that the request's own bytes go out on its connection.
func (x *exchange) sending() {
	l, now := &x.leg, x.c.now
	if !l.send.start.IsZero() {
		return
	}
	if !l.tls.start.IsZero() && l.seen&factTLSDone == 0 {
		if l.tls.err != 0 {
			return // sent too early, on a connection that failed
		}
		l.tls.stop(now, 0)
		l.seen |= factTLSDone
	}
	l.send.begin(now)
	l.progress = now
	switch {
	case l.seen&factConnected != 0:
	case len(l.tries) > 0:
		// Its success was not seen.
		t := l.lastTry()
		t.stop(now, 0)
		t.connected = true
		l.seen |= factConnected
		l.seen &^= factTryFailed
	case l.conn == nil:
		l.seen |= factReused // which one, was not seen
	case l.conn.carried > 0 || l.conn.opened.IsZero():
		l.seen |= factReused
		l.idleSince = l.conn.used
	}
}

// wrote notes that a write completed.
func (x *exchange) wrote() {
	x.sending()
	x.leg.send.stop(x.c.now, x.leg.send.err)
	x.leg.progress = x.c.now
}

// ioFailed notes that a read or write failed: in the handshake, if that is going on.
func (x *exchange) ioFailed(s *step, err Code) {
	l := &x.leg
	if err == codeConnReset {
		l.seen |= factPeerReset
	}
	if l.handshaking() {
		s = &l.tls
	}
	if s.err == 0 && isError(err) && !isCancel(err) && x.ended.IsZero() {
		s.stop(x.c.now, err)
	}
}

// fail ends the request with a code that WebIO reported for the request itself.
func (x *exchange) fail(err Code) {
	if !x.ended.IsZero() {
		return
	}
	x.ended = x.c.now
	if isCancel(err) {
		if x.cancelled.IsZero() {
			x.cancelled = x.c.now
		}
		return
	}
	x.err = err
}

// close notes that the WebIO request is closed. The first event of it counts.
func (x *exchange) close() {
	if x.closed.IsZero() {
		x.closed = x.c.now
		x.c.closing = append(x.c.closing, x)
	}
}

// settle writes the phases and the attempt of the leg in progress into the request. The step that the
// leg was in gets the outcome; the steps before it went well, or the leg would not have come so far.
func (x *exchange) settle(end etl.Time, outcome Outcome) {
	l, r := &x.leg, x.req
	attempt := Attempt{URL: l.url, Status: l.status, Start: l.start}
	if outcome == Failed {
		attempt.Error = x.rawError()
	}
	r.Attempts = append(r.Attempts, attempt)
	first := len(r.Phases)
	r.Phases = l.appendPhases(r.Phases)
	blamed := -1
	if stage, detail := l.stage(); outcome != OK && stage != "" {
		for i := first; i < len(r.Phases); i++ {
			// A connect's detail is the address.
			if p := &r.Phases[i]; p.Name == stage && (p.Detail == detail || stage == PhaseConnect && detail == "") {
				blamed = i
			}
		}
		if blamed < 0 { // it waited to begin
			blamed = len(r.Phases)
			r.Phases = append(r.Phases, Phase{Name: stage, Detail: detail, Start: max(l.progress, l.start)})
		}
		p := &r.Phases[blamed]
		p.Outcome = outcome
		switch {
		case outcome == Unfinished:
			p.End = 0
		case p.End.IsZero() || !isError(p.Error) || isCancel(p.Error):
			p.End = x.stopped(end) // not with the last sign of work
		}
		if p.Error == 0 {
			p.Error = x.rawError()
		}
	}
	phases := r.Phases[first:]
	for i := range phases {
		p := &phases[i]
		p.Start = max(r.Start, min(p.Start, end)) // time may go back in a damaged log
		if p.Outcome != Failed || isCancel(p.Error) {
			p.Error = 0
		}
		if first+i == blamed && outcome == Unfinished {
			continue
		}
		if p.End.IsZero() { // its end was not seen; it was over when the next one began
			p.End = end
			if i+1 < len(phases) {
				p.End = phases[i+1].Start
			}
		}
		p.End = max(p.Start, min(p.End, end))
	}
}

// stopped returns the moment when the request failed or was given up, for one whose last event was at end.
func (x *exchange) stopped(end etl.Time) etl.Time {
	for _, t := range [...]etl.Time{x.cancelled, x.ended, x.closed} {
		if !t.IsZero() {
			end = min(end, t)
		}
	}
	return end
}

// rawError returns the code of the event where the request stopped: that of the step, else what WebIO
// reported for the request; never one that only follows a cancellation.
func (x *exchange) rawError() Code {
	for _, c := range [...]Code{x.leg.failure(), x.err, x.leg.parse} {
		if isError(c) && !isCancel(c) {
			return c
		}
	}
	return 0
}

// finish completes the request and hands it over. cut tells that the trace ends here.
func (x *exchange) finish(cut bool) {
	x.gone = true
	c, r, l := x.c, x.req, &x.leg
	x.part()
	drop(c.activities, bond{r.PID, x.activity}, x)
	drop(c.internet, x.internet, x)
	if l.conn != nil {
		l.conn.leave(x, x.last)
	}

	outcome := x.outcome(cut)
	end := x.last
	r.Outcome, r.Status, r.Activity = outcome, l.status, x.activity
	if outcome != Unfinished {
		r.End = end
	} else if cut {
		r.Partial = PartialEnd
	}
	x.connection()
	if outcome != OK || l.status == 101 {
		r.facts = x.facts(end)
	}
	if outcome == OK || x.answered() {
		x.settle(end, OK)
	} else {
		r.Phase, _ = l.stage()
		x.settle(end, outcome)
		if outcome == Failed {
			x.codes()
			x.phaseByCode(end)
		}
	}
	slices.SortStableFunc(r.Phases, func(a, b Phase) int { return cmp.Compare(a.Start, b.Start) })
	if outcome != OK || r.Restarts > 0 {
		r.Marks = x.marks(end)
	}
	c.s.emit(r)
	x.req, x.notes, x.leg = nil, nil, leg{} // some table may still hold x
}

// codePhases are the phases that codes stand for by themselves: those that no other step yields.
var codePhases = map[Code]PhaseName{
	codeRefused: PhaseConnect, codeRefusedWin32: PhaseConnect, 10048: PhaseConnect, 10013: PhaseConnect,
	11001: PhaseResolve, 11002: PhaseResolve, 11003: PhaseResolve, 11004: PhaseResolve,
	9002: PhaseResolve, 9003: PhaseResolve, 9501: PhaseResolve,
	12166: PhaseProxy, 12167: PhaseProxy, 12177: PhaseProxy, 12178: PhaseProxy,
}

// phaseByCode fills in where the request stopped, if no event below it tells and the code does. When that
// step began is not known.
func (x *exchange) phaseByCode(end etl.Time) {
	r := x.req
	phase, ok := codePhases[r.Error]
	if r.Phase != "" || !ok {
		return
	}
	r.Phase = phase
	if n := len(r.Phases); n > 0 {
		at := x.stopped(end)
		r.Phases = append(r.Phases, Phase{Name: phase, Start: min(r.Phases[n-1].End, at), End: at, Outcome: Failed, Error: r.Error})
	}
}

// answered reports whether the answer itself is the failure: a 5xx that came over in good order.
func (x *exchange) answered() bool {
	return x.leg.status >= 500 && !x.leg.headers.IsZero() && x.rawError() == 0
}

// outcome says how the request ended.
func (x *exchange) outcome(cut bool) Outcome {
	l := &x.leg
	switch {
	case l.status >= 500 && !l.headers.IsZero():
		return Failed
	case isError(x.err):
		return Failed
	case !l.headers.IsZero():
		switch {
		case (l.receive != 0 || l.seen.has(factStreamReset)) && !l.bodyDone:
			return Failed
		case !x.cancelled.IsZero() && l.reading && !l.bodyDone:
			return x.gaveUp(x.cancelled)
		case !x.closed.IsZero() || l.bodyDone:
			return OK
		}
		return Unfinished
	case !x.cancelled.IsZero():
		if l.failure() != 0 && !isCancel(l.failure()) {
			return Failed
		}
		return x.gaveUp(x.cancelled)
	case l.broken() && !isCancel(l.failure()) && (!x.closed.IsZero() || !cut || x.last+etl.Second < x.c.s.last):
		return Failed
	case isWinHTTP(x.winhttp) && !isCancel(x.winhttp):
		return Failed
	case !x.closed.IsZero():
		return x.gaveUp(x.closed)
	}
	return Unfinished
}

// gaveUp tells a caller's cancellation from a timer that is enforced by one: the wait since the last
// progress then equals a timer that the trace shows being set.
func (x *exchange) gaveUp(at etl.Time) Outcome {
	if x.timerAt(at) {
		return Failed
	}
	return Cancelled
}

// timerAt reports whether the timer of the step in progress ran out at that moment.
func (x *exchange) timerAt(at etl.Time) bool {
	stage, _ := x.leg.stage()
	t, ok := timerOf[stage]
	return ok && near(x.leg.wait(at), x.limits[t])
}

// facts says what the rules need to know.
func (x *exchange) facts(end etl.Time) *facts {
	l, r := &x.leg, x.req
	at := x.stopped(end)
	f := &facts{
		seen: l.seen, wait: l.wait(at), bytes: l.bytes, cert: l.cert, alert: l.alert,
		tries: len(l.tries), resent: l.resent, proxy: l.proxyTime(end), call: x.call,
	}
	for i := range l.tries {
		t := &l.tries[i]
		f.loops = f.loops || strings.HasPrefix(t.address, "[::1]")
		switch t.err {
		case codeConnTimeout:
			f.silent++
		case codeRefused, codeRefusedWin32:
			f.refused++
		}
	}
	sent, open := l.votes()
	for bit, on := range map[fact]bool{
		factPartial:       r.Partial == PartialStart,
		factClosedEarly:   !x.cancelled.IsZero() || x.ended.IsZero() && !x.closed.IsZero(),
		factProxyGap:      f.proxy > end.Sub(r.Start)/2,
		factResolve:       !l.resolve.start.IsZero(),
		factResolved:      !l.resolve.end.IsZero() && l.resolve.err == 0,
		factResolveFailed: l.resolve.err != 0 || l.resolver != 0,
		factTried:         len(l.tries) > 0,
		factTLS:           !l.tls.start.IsZero(),
		factSending:       !l.send.start.IsZero(),
		factSent:          l.sent(),
		factSendError:     l.send.err != 0,
		factSendOpen:      open > 1,
		factSendUnclear:   sent > 0 && open > 0 && l.firstByte.IsZero() && l.headers.IsZero(),
		factBytes:         !l.firstByte.IsZero(),
		factHeaders:       !l.headers.IsZero(),
		factParser:        l.parse != 0,
		factStatus:        l.status != 0,
		factHTTP2:         l.conn != nil && l.conn.multi,
		factInUse:         l.seen.has(factConnected) || !l.idleSince.IsZero() && x.idle() < shortIdle,
	} {
		if on {
			f.seen |= bit
		}
	}
	x.timer(f, at)
	return f
}

// timer finds the limit that ended the request. Its value is what the trace shows being set; WinHTTP's
// default counts only if the wait was as long.
func (x *exchange) timer(f *facts, at etl.Time) {
	stage, detail := x.leg.stage()
	t, ok := timerOf[stage]
	if !ok {
		return
	}
	name, limit, source := timerNames[t], x.limits[t], TimerTrace
	if limit == 0 {
		limit, source = timerDefaults[t], TimerDefault
	}
	if stage == PhaseReceive && detail == "headers" && f.seen.has(factBytes) && f.wait < limit-limit/10 {
		// Every read came in time, so it was not the timer for a read.
		f.seen |= factHeaderLimit
		name, limit, source = "receive response", headerLimit, TimerDefault
		f.wait = at.Sub(max(x.leg.send.end, x.leg.start))
	}
	if source == TimerTrace {
		f.seen |= factTimerKnown
	}
	if near(f.wait, limit) {
		f.seen |= factTimerNear
	}
	stopped := x.req.Outcome == Failed && x.rawError() == 0 && f.seen.has(factClosedEarly) && x.timerAt(at)
	if stopped {
		f.seen |= factTimerCancel
	}
	ran := stopped || x.req.Outcome == Failed && x.rawError() == codeTimeout
	if ran && (near(f.wait, limit) || source == TimerTrace && f.seen.has(factPartial)) {
		x.req.Timer = &Timer{Name: name, Limit: limit, Source: source}
	}
}

// codes fills in what went wrong: the raw code, and the WinHTTP code from the trace if it is there, else
// by a mapping that is documented or was observed.
func (x *exchange) codes() {
	r, raw := x.req, x.rawError()
	switch {
	case isWinHTTP(x.winhttp) && !isCancel(x.winhttp):
		r.WinHTTP = WinHTTPCode{x.winhttp, FromTrace}
	case isWinHTTP(x.err):
		r.WinHTTP = WinHTTPCode{x.err, FromTrace}
	default:
		if m, ok := winerr.ToWinHTTP(uint32(raw)); ok {
			r.WinHTTP = WinHTTPCode{Code(m.To.Number), FromTable}
		}
	}
	if r.Error = raw; raw == 0 {
		r.Error = r.WinHTTP.Code
	}
}

// connection fills in the server and the connection that carried the request.
func (x *exchange) connection() {
	l, r := &x.leg, x.req
	if n := len(l.tries); n > 0 {
		r.Server = l.lastTry().address
		for i := range l.tries {
			if l.tries[i].connected {
				r.Server = l.tries[i].address
			}
		}
	}
	k := l.conn
	if k != nil && r.Server == "" {
		r.Server = k.remote
	}
	if stage, _ := l.stage(); r.Server == "" && stage != PhaseProxy && stage != PhaseResolve {
		r.Server = literalServer(r.URL)
	}
	if k == nil || l.seen&(factConnected|factReused) == 0 {
		return
	}
	r.Connection = &Connection{Local: k.local, Remote: k.remote, Reused: l.seen&factReused != 0 && k.opened < r.Start, Opened: k.opened, Idle: x.idle()}
}

// shortIdle is how long a connection may lie idle without anything in between forgetting it. Firewalls and
// address translation keep it for a minute at the least, as a rule.
const shortIdle = 30 * time.Second

// idle returns how long the connection had lain idle before this request sent on it.
func (x *exchange) idle() time.Duration {
	l := &x.leg
	if l.idleSince.IsZero() || l.send.start < l.idleSince {
		return 0
	}
	return l.send.start.Sub(l.idleSince)
}

// head reads the header block of the request: the start line, Host, and the id that ARR gives each
// request. Everything else stays in the trace; it may hold secrets.
func (x *exchange) head(block []byte) {
	line, rest, _ := bytes.Cut(block, []byte("\r\n"))
	method, target, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return
	}
	target, _, _ = bytes.Cut(target, []byte(" "))
	r := x.req
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Host")):
			r.Host = x.c.s.intern(value)
		case bytes.EqualFold(name, []byte("X-ARR-LOG-ID")), bytes.EqualFold(name, []byte("X-ARR-LOG_ID")):
			r.LogID = string(value)
		case bytes.EqualFold(name, []byte("MS-ASPNETCORE-TOKEN")):
			x.leg.seen |= factCoreToken
		}
	}
	if r.Method == "" {
		r.Method = x.c.s.intern(method)
	}
	if r.URL == "" && r.Host != "" && bytes.HasPrefix(target, []byte("/")) {
		scheme := "http://"
		if !x.leg.tls.start.IsZero() {
			scheme = "https://"
		}
		r.URL = scheme + r.Host + string(target)
		x.leg.url = r.URL
	}
}

// answer takes the status of a final answer.
func (x *exchange) answer(status int) {
	if status >= 200 && status <= 999 || status == 101 {
		x.leg.status = status
	}
}

// parseStatus reads the status from the first line of a header block; 0 if it is none.
func parseStatus(block []byte) int {
	line, _, _ := bytes.Cut(block, []byte("\r\n"))
	version, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok || !bytes.HasPrefix(version, []byte("HTTP/")) {
		return 0
	}
	digits, _, _ := bytes.Cut(rest, []byte(" "))
	n, err := strconv.Atoi(string(digits))
	if err != nil || n < 100 || n > 999 {
		return 0
	}
	return n
}

// literalServer returns the address that a URL names by number, with its port; else "".
func literalServer(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return ""
	}
	port := uint64(80)
	if u.Scheme == "https" {
		port = 443
	}
	if p := u.Port(); p != "" {
		if port, err = strconv.ParseUint(p, 10, 16); err != nil {
			return ""
		}
	}
	return netip.AddrPortFrom(addr, uint16(port)).String()
}

// Words for what no single event shows.
var (
	openPhrase   = phrase{"", "an open connection was used"}
	sentPhrase   = phrase{"", "request sent in full"}
	silentPhrase = phrase{"", "no byte back"}
	afterPhrase  = phrase{"", "nothing after the interim answer"}
)

// sums returns what no single event shows, as notes without provider and id. end is that of the last event.
func (x *exchange) sums(end etl.Time) []note {
	l := &x.leg
	var list []note
	sum := func(p *phrase, at etl.Time) { list = append(list, note{time: at, from: p}) }
	stage, detail := l.stage()
	if stage != PhaseSend && stage != PhaseReceive {
		return nil
	}
	if l.seen&(factReused|factConnected) == factReused && !l.send.start.IsZero() {
		sum(&openPhrase, l.send.start)
	}
	if _, open := l.votes(); open == 0 && detail == "headers" && !l.send.end.IsZero() {
		sum(&sentPhrase, l.send.end)
	}
	if detail == "headers" && l.firstByte.IsZero() {
		at := x.stopped(end)
		if !l.received.IsZero() {
			at = min(at, l.received)
		}
		silent := note{time: at, from: &silentPhrase}
		for i := range x.notes {
			if n := &x.notes[i]; n.from == &interimPhrase && n.time >= l.start {
				silent.from, silent.n = &afterPhrase, n.n
			}
		}
		list = append(list, silent)
	}
	return list
}

// marks writes the notes out. end is the time of the last event.
func (x *exchange) marks(end etl.Time) []Mark {
	notes := x.notes
	if x.req.Outcome != OK {
		notes = append(x.sums(end), notes...) // before the events of the same time
	}
	marks := make([]Mark, 0, len(notes))
	for _, n := range notes {
		marks = append(marks, Mark{
			Time: n.time, Position: n.pos, Provider: n.from.provider, ID: n.id, Error: n.err, Text: n.text(),
		})
	}
	slices.SortStableFunc(marks, func(a, b Mark) int { return cmp.Compare(a.Time, b.Time) })
	return marks
}

// text says what the event shows, without its error.
func (n *note) text() string {
	t := n.from.text
	if n.name != "" {
		t += " " + n.name
	}
	switch {
	case n.n == 0:
	case n.from == &webPhrases[101] || n.from == &interimPhrase || n.from == &afterPhrase || n.from.provider == "Schannel":
		t += " " + strconv.FormatUint(n.n, 10)
	case n.from == &webPhrases[713]:
		t += ", flags 0x" + strconv.FormatUint(n.n, 16)
	case n.from.provider == "WebIO":
		t += " " + strconv.FormatUint(n.n, 10) + " bytes"
	}
	return t
}
