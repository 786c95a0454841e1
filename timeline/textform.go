package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/decode/winhttplog"
	"github.com/etwhy/etwhy/etl"
)

// A textForm makes requests out of WinHTTP's lines of text: those of events 58999 and 59999 (Windows 7 and
// Server 2008 R2), of text pasted from Network Monitor, and of .LOG files.
//
//	WinHttpReceiveResponse(0x11d23d0, 0x0)              handle
//	sys-recver starts in _INIT state                    a receive begins
//	sys-recver ... completion (error-cdoe = ... )       raw code
//	ERROR_WINHTTP_FROM_WIN32 mapped ... 10060 to 12002  raw code and WinHTTP's
//	sys-req completes recv-headers ... error = 12002    end
//
// Lines belong together by handle, else by thread or .LOG tag, else because they stand next to each other.
// They show the call in which a failure came up, not where the work stopped: nothing tells of connects
// and bytes. The phase is the one that the raw code stands for, and that is all that is claimed.
//
// Where the trace has WebIO's events as well, the request is theirs, and the lines only add what WinHTTP
// told its caller.
type textForm struct {
	s        *Session
	current  *table[textKey, *textRequest] // the request that a thread or tag works for
	handles  *table[scope, *textRequest]   // by WinHTTP handle
	targets  *table[scope, textTarget]     // what handles were opened for
	openings *table[textKey, textTarget]   // of the call that has not returned its handle yet

	// A .LOG file has no dates. Its requests wait until an answer's Date header tells one.
	undated []*Request
	clock   time.Duration // of the last line without a date
	days    etl.Time      // midnights passed since the first, plus one
	shift   etl.Time      // from the times of undated lines to UTC; 0 = not known yet
}

// A textKey names a sequence of lines. Of pasted lines, all parts may be empty: then they are one sequence.
type textKey struct {
	pid, tid uint32
	tag      string
}

// A textTarget is what a handle was opened for, as far as it is known.
type textTarget struct{ scheme, host, method, path string }

// A textRequest is a request as its lines tell of it.
type textRequest struct {
	r        *Request
	key      textKey
	handle   scope
	raw      Code
	winhttp  Code
	call     string // that reported the error
	over     bool   // success, or an error that was reported to the end
	sent     bool   // its sending is in the lines
	started  bool   // so is the beginning of its receive
	undated  bool
	emitted  bool
	target   textTarget
	lastLine etl.Time
}

func newTextForm(s *Session) *textForm {
	room := s.b.opt.MaxOpen
	t := &textForm{s: s, days: day}
	t.current = newTable[textKey](room, func(x *textRequest) {
		s.abandoned++
		t.finish(x)
	})
	t.handles = newTable[scope, *textRequest](room, nil)
	t.targets = newTable[scope, textTarget](room, nil)
	t.openings = newTable[textKey, textTarget](room, nil)
	return t
}

// Events of WinHTTP that are lines of text.
const (
	textLine1 = 58999
	textLine2 = 59999
)

const day = 24 * 3600 * etl.Second

// Text takes the next line of a text file. Lines come in file order.
func (s *Session) Text(l winhttplog.Line) {
	s.health.line(l.Process != "" || l.PID != 0)
	at, undated := l.Time, l.Time.IsZero()
	if undated {
		at = s.text.virtual(l.Clock)
	} else {
		s.seen(at)
	}
	s.text.line(&textLine{Line: l, at: at, undated: undated})
}

// add takes an event that carries a line.
func (t *textForm) add(ev *decode.Event) {
	l, _ := winhttplog.ParseMessage(ev.Get("Message").Text())
	l.PID, l.Thread = ev.PID(), ev.TID()
	if t.typed(ev, &l) {
		return
	}
	t.line(&textLine{Line: l, at: ev.Time(), pos: ev.Position(), event: ev.ID()})
}

// typed gives a line to the request of WebIO events that it belongs to, if there is one.
func (t *textForm) typed(ev *decode.Event, l *winhttplog.Line) bool {
	c := t.s.client
	x := live(c.internet.get(scope{l.PID, l.Handle}))
	if x == nil {
		if x = c.byThread(ev); x == nil {
			return false
		}
	}
	code := Code(l.Code)
	switch {
	case l.Kind == winhttplog.Mapped:
		code = Code(l.Target)
	case l.Kind == winhttplog.Returning, l.Kind == winhttplog.Done:
	default:
		return true
	}
	if isWinHTTP(code) && x.winhttp == 0 {
		c.now = ev.Time()
		x.winhttp = code
		x.note(ev, &textPhrase, code, t.keep(l.Text), 0)
	}
	return true
}

var textPhrase = phrase{"WinHttp", "text line"}

// virtual returns a time for a clock without a date. It is right but for the day and the zone.
func (t *textForm) virtual(clock time.Duration) etl.Time {
	if clock < t.clock-12*time.Hour {
		t.days += day
	}
	t.clock = clock
	return t.days.Add(clock)
}

// A textLine is a line with what is known of where it came from.
type textLine struct {
	winhttplog.Line
	at      etl.Time
	undated bool
	pos     etl.Position
	event   uint16 // 0 = pasted
}

// textHandlers is the dispatch table by kind of line.
var textHandlers = [...]func(*textForm, *textLine, textKey){
	winhttplog.Call:       (*textForm).called,
	winhttplog.Return:     (*textForm).returned,
	winhttplog.State:      (*textForm).starts,
	winhttplog.Completion: (*textForm).told,
	winhttplog.Failure:    (*textForm).told,
	winhttplog.Mapped:     (*textForm).told,
	winhttplog.Returning:  (*textForm).told,
	winhttplog.Done:       (*textForm).told,
	winhttplog.Sent:       (*textForm).wire,
	winhttplog.Received:   (*textForm).wire,
}

func (t *textForm) line(l *textLine) {
	if f := textHandlers[l.Kind]; f != nil {
		f(t, l, textKey{l.PID, l.Thread, l.Tag})
	}
}

// begin starts a request with the line in hand. The one before on the same sequence is over.
func (t *textForm) begin(l *textLine, key textKey) *textRequest {
	if old := t.current.get(key); old != nil {
		t.finish(old)
	}
	x := &textRequest{
		r:   t.s.begin(&Request{Side: Client, PID: l.PID, Process: t.keep(l.Process), Start: l.at, facts: &facts{seen: factText}}),
		key: key, undated: l.undated,
	}
	if x.r.Process != "" && !isWorker(x.r.Process) {
		x.r.Traffic = Background
	}
	t.current.put(key, x)
	t.note(x, l, 0)
	return x
}

// keep returns a copy of a part of a line, which may be very long.
func (t *textForm) keep(s string) string { return t.s.intern([]byte(s)) }

// note keeps a line as evidence.
func (t *textForm) note(x *textRequest, l *textLine, code Code) {
	x.lastLine = max(x.lastLine, l.at)
	if len(x.r.Marks) >= maxNotes {
		x.r.Marks = slices.Delete(x.r.Marks, maxNotes/3, maxNotes/3+1)
	}
	text := l.Text
	if l.Kind == winhttplog.Call {
		text = fmt.Sprintf("%s(%#x, ...)", l.API, l.Handle) // the arguments may be headers, with secrets
	}
	if l.Name != "?" {
		code = 0 // the line has the name itself
	}
	line := uint32(0)
	if l.event == 0 {
		line = lineNumber(int64(l.Number))
	}
	x.r.Marks = append(x.r.Marks, Mark{Time: l.at, Position: l.pos, Provider: "WinHttp", ID: l.event, Error: code, Line: line, Text: text})
}

// Calls that matter. WinHttpSendRequest begins a request, WinHttpReceiveResponse waits for its answer.
const (
	callConnect     = "WinHttpConnect"
	callOpenRequest = "WinHttpOpenRequest"
	callSend        = "WinHttpSendRequest"
	callReceive     = "WinHttpReceiveResponse"
	callClose       = "WinHttpCloseHandle"
)

func (t *textForm) called(l *textLine, key textKey) {
	handle := scope{l.PID, l.Handle}
	switch l.API {
	case callConnect:
		if a := arguments(l.Args); len(a) >= 3 {
			target := textTarget{scheme: "http", host: t.keep(unquoted(a[1]))}
			switch port := a[2]; port {
			case "443":
				target.scheme = "https"
			case "80", "0":
			default:
				target.host += ":" + port
			}
			t.openings.put(key, target)
		}
	case callOpenRequest:
		if a := arguments(l.Args); len(a) >= 3 {
			target := t.targets.get(handle)
			target.method, target.path = t.keep(unquoted(a[1])), t.keep(unquoted(a[2]))
			t.openings.put(key, target)
		}
	case callSend:
		x := t.begin(l, key)
		x.sent = true
		t.handle(x, handle)
	case callReceive:
		x := t.handles.get(handle)
		if x == nil || x.over || x.emitted {
			x = t.begin(l, key)
			x.r.Partial = PartialStart
			t.handle(x, handle)
			return
		}
		if x.key != key { // another thread takes the request on
			if old := t.current.get(key); old != nil {
				t.finish(old)
			}
			t.current.delete(x.key)
			x.key = key
			t.current.put(key, x)
		}
		t.note(x, l, 0)
	case callClose:
		if x := t.handles.get(handle); x != nil {
			x.lastLine = max(x.lastLine, l.at)
			t.finish(x)
		}
		t.handles.delete(handle)
		t.targets.delete(handle)
	}
}

// handle gives x its WinHTTP handle and what that was opened for.
func (t *textForm) handle(x *textRequest, handle scope) {
	if handle.id == 0 {
		return
	}
	x.handle = handle
	t.handles.put(handle, x)
	if target := t.targets.get(handle); target != (textTarget{}) {
		x.target = target
	}
}

func (t *textForm) returned(l *textLine, key textKey) {
	if l.Handle != 0 {
		if target := t.openings.get(key); target != (textTarget{}) {
			t.targets.put(scope{l.PID, l.Handle}, target)
		}
		return
	}
	if x := t.current.get(key); x != nil && l.Args == "FALSE" && carriesResult(l.API) && x.raw|x.winhttp != 0 {
		t.note(x, l, 0)
		t.finish(x)
	}
}

// starts begins a receive. It is the first sign of a request if its call was not recorded.
func (t *textForm) starts(l *textLine, key textKey) {
	x := t.current.get(key)
	if x == nil || x.over || x.emitted || x.started || x.raw|x.winhttp != 0 {
		x = t.begin(l, key)
		x.r.Partial = PartialStart
	}
	x.started = true
	x.lastLine = max(x.lastLine, l.at)
}

// told takes a line with a code.
func (t *textForm) told(l *textLine, key textKey) {
	x := t.current.get(key)
	if strings.HasPrefix(l.API, "WinHttp") && !carriesResult(l.API) {
		return // a failure without harm, as of a header that the answer does not have
	}
	code := Code(l.Code)
	raw := l.Who != "" && (l.Kind == winhttplog.Completion || l.Kind == winhttplog.Failure)
	// The raw code comes before the mapped one: after it, it is another request's.
	if x == nil || x.emitted || raw && x.winhttp != 0 {
		if code == 0 {
			return
		}
		x = t.begin(l, key)
		x.r.Partial = PartialStart
		x.r.Marks = nil
	}
	t.note(x, l, code)
	switch {
	case code == codePending:
	case isWinHTTP(code):
		x.winhttp = code
	case code != 0 && !(isCancel(code) && x.raw != 0):
		x.raw = code
	}
	if l.Kind == winhttplog.Mapped {
		x.winhttp = Code(l.Target)
	}
	if code != 0 && x.call == "" && l.API != "" {
		x.call = callNames[l.API]
		if x.call == "" && strings.HasPrefix(l.API, "WinHttp") {
			x.call = l.API
		}
	}
	switch {
	case l.Kind == winhttplog.Done:
		x.over = true
		t.finish(x)
	case l.Kind == winhttplog.Completion && code == 0:
		x.over = true
	}
}

// callNames says which call reports what the parts of WinHTTP name in their own way.
var callNames = map[string]string{
	"WebReceiveHttpResponse": callReceive,
	"RecvResponse":           callReceive,
	"receive headers":        callReceive,
	"recv-headers":           callReceive,
}

// wire reads the few lines of what was sent and received that carry no secrets: start lines, Host and Date.
func (t *textForm) wire(l *textLine, key textKey) {
	x := t.current.get(key)
	if date, ok := strings.CutPrefix(l.Text, "Date: "); ok && l.Kind == winhttplog.Received && l.undated && t.shift == 0 {
		if d, err := time.Parse(time.RFC1123, date); err == nil && d.Year() >= 1970 {
			// The server's clock gives the day, and the offset of the zone to a quarter of an hour.
			const quarter = 15 * 60 * etl.Second
			t.shift = (etl.FromTime(d) - l.at + quarter/2) / quarter * quarter
		}
	}
	if x == nil || x.emitted {
		return
	}
	x.lastLine = max(x.lastLine, l.at)
	if host, ok := strings.CutPrefix(l.Text, "Host: "); ok && l.Kind == winhttplog.Sent {
		x.target.host = t.keep(host)
		return
	}
	if l.Kind == winhttplog.Received {
		if status := parseStatus([]byte(l.Text)); status >= 200 {
			x.r.Status, x.over = status, true
		}
		return
	}
	if f := strings.Fields(l.Text); len(f) == 3 && strings.HasPrefix(f[2], "HTTP/") {
		x.target.method, x.target.path = t.keep(f[0]), t.keep(f[1])
	}
}

// finish ends a request, and emits it if its lines tell how it ended.
func (t *textForm) finish(x *textRequest) {
	if t.current.get(x.key) == x {
		t.current.delete(x.key)
	}
	if x.emitted {
		return
	}
	x.emitted = true
	r := x.r
	r.End = x.lastLine
	r.Method, r.Host = x.target.method, x.target.host
	if r.Host != "" && strings.HasPrefix(x.target.path, "/") {
		r.URL = cmp.Or(x.target.scheme, "http") + "://" + r.Host + x.target.path
	}
	code := x.raw
	if code == 0 {
		code = x.winhttp
	}
	switch {
	case isCancel(code):
		r.Outcome = Cancelled
		r.facts.seen |= factCancelled
		t.phase(x, textPhase(x), 0)
	case code != 0:
		r.Outcome = Failed
		r.Error = code
		if isWinHTTP(x.winhttp) {
			r.WinHTTP = WinHTTPCode{x.winhttp, FromTrace}
		} else if m, ok := winerr.ToWinHTTP(uint32(code)); ok {
			r.WinHTTP = WinHTTPCode{Code(m.To.Number), FromTable}
		}
		t.phase(x, textPhase(x), code)
	case x.over:
		r.Outcome = OK
		if r.Status >= 500 {
			r.Outcome = Failed
			r.facts.seen |= factHeaders
		}
	case x.sent && x.key.tag != "":
		r.End = 0
		r.Partial = PartialEnd
	default:
		return // an excerpt that tells nothing of the outcome
	}
	if r.Outcome == OK {
		r.Marks, r.facts = nil, nil
	}
	slices.SortStableFunc(r.Marks, func(a, b Mark) int { return cmp.Compare(a.Time, b.Time) }) // pasted lines come in any order
	r.Attempts = []Attempt{{URL: r.URL, Status: r.Status, Start: r.Start, Error: r.Error}}
	if x.undated {
		t.undated = append(t.undated, r)
		return
	}
	t.s.emit(r)
}

// phase writes the only phase that the lines tell of. Where they begin in the middle of a request, nothing
// tells when the phase began.
func (t *textForm) phase(x *textRequest, name PhaseName, code Code) {
	r := x.r
	r.Phase = name
	p := Phase{Name: name, Start: r.Start, End: r.End, Outcome: r.Outcome, Error: code}
	if r.Partial == PartialStart {
		p.Start = 0
	}
	if name == PhaseReceive {
		p.Detail = "headers"
		if r.Status != 0 {
			p.Detail = "body"
		}
	}
	r.Phases = []Phase{p}
}

// textPhase returns the phase that the codes stand for. The call that reports them does not tell it:
// a failure to connect shows at WinHttpReceiveResponse.
func textPhase(x *textRequest) PhaseName {
	reported := PhaseReceive
	if strings.Contains(x.call, "SendRequest") || strings.Contains(x.call, "WriteData") {
		reported = PhaseSend
	}
	if x.raw == codeTimedOut {
		return PhaseConnect // mostly; a connection that went dead gives the same
	}
	for _, c := range [...]Code{x.raw, x.winhttp} {
		meaning, ok := winerr.Look(uint32(c))
		if c == 0 || !ok {
			continue
		}
		names := strings.FieldsFunc(strings.ReplaceAll(meaning.Phase, " or ", ","), func(r rune) bool { return r == ',' || r == ' ' })
		if slices.Contains(names, string(reported)) {
			return reported
		}
		if len(names) > 0 && slices.Contains(clientPhases, PhaseName(names[0])) {
			return PhaseName(names[0])
		}
	}
	return reported
}

const codeTimedOut Code = 10060 // WSAETIMEDOUT

var clientPhases = []PhaseName{PhaseProxy, PhaseResolve, PhaseConnect, PhaseTLS, PhaseSend, PhaseReceive}

// close ends what is open, and dates what was not.
func (t *textForm) close() {
	for _, x := range slices.Collect(t.current.oldest) {
		t.finish(x)
	}
	for _, r := range t.undated {
		for at := range r.times {
			switch {
			case at.IsZero():
			case t.shift == 0:
				*at = 0 // no date in the whole file
			default:
				*at += t.shift
				t.s.seen(*at)
			}
		}
		t.s.emit(r)
	}
	t.s.text = newTextForm(t.s) // lets go of the state
}

// times yields every time that the request of a text line holds.
func (r *Request) times(yield func(*etl.Time) bool) {
	list := []*etl.Time{&r.Start, &r.End}
	for i := range r.Phases {
		list = append(list, &r.Phases[i].Start, &r.Phases[i].End)
	}
	for i := range r.Attempts {
		list = append(list, &r.Attempts[i].Start)
	}
	for i := range r.Marks {
		list = append(list, &r.Marks[i].Time)
	}
	for _, at := range list {
		if !yield(at) {
			return
		}
	}
}

// seen widens the span of the input.
func (s *Session) seen(at etl.Time) {
	if s.first.IsZero() {
		s.first = at
	}
	s.first, s.last = min(s.first, at), max(s.last, at)
}

// arguments splits the arguments of a call at the commas that stand outside quotes.
func arguments(s string) []string {
	quoted := false
	parts := strings.FieldsFunc(s, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ',' && !quoted
	})
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func unquoted(s string) string { return strings.Trim(s, `"`) }
