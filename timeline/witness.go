package timeline

import (
	"cmp"
	"fmt"
	"math"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/errorpage"
	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/decode/w3c"
	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
)

// A Kind says what an input is. The values are stable: reports show them.
type Kind string

// Kinds of input.
const (
	KindETL     Kind = "etl"
	KindText    Kind = "text" // lines of WinHTTP's text trace
	KindFREB    Kind = "freb"
	KindIISLog  Kind = "iis-log"
	KindHTTPERR Kind = "httperr"
	KindEvents  Kind = "evtx" // an event log, in any form
	KindConfig  Kind = "iis-config"
	KindConsole Kind = "netsh-text" // what console programs write
	KindPage    Kind = "error-page"
	KindPerf    Kind = "perfmon"
	KindSRUM    Kind = "srum"
	KindCab     Kind = "cab"
	KindZip     Kind = "zip"
	KindOther   Kind = "other"
)

// IsContainer reports whether inputs of the kind hold other inputs, and tell nothing themselves.
func (k Kind) IsContainer() bool { return k == KindCab || k == KindZip }

// IsSource reports whether inputs of the kind tell something of a machine.
func (k Kind) IsSource() bool { return k != KindOther && !k.IsContainer() }

// A sight is what a file other than a trace says of a request, as far as the joins and the rules need it.
// A request that several files know has that of the richest, and those of the others under same.
type sight struct {
	kind      Kind
	told      string         // the witness in a line, if it cannot be made of the request any more: see Request.line
	took      time.Duration  // time-taken of a log; -1 = not logged
	win32     Code           // of a log
	hasWin32  bool           // it was logged
	coarse    bool           // its times are cut to whole seconds
	onward    bool           // this machine passed it on, or was about to
	forwarder freb.Forwarder // what passed the request on; ARR also where only its marks in a log tell
	reason    string         // of HTTPERR

	path      string // of the URL, for joins: without query, in lower case
	original  string // the same of X-Original-URL: before a proxy rewrote it
	forwarded string // X-Forwarded-For: address:port of who asked the proxy
	site      uint32
	row       uint32 // line of a log, from 1; 0 = not known

	serverStatus int // SERVER-STATUS in ARR's log; 0 = no server gave one, -1 = not known
	freb         *freb.Request
	page         *errorpage.Page // that a user saved, of this URL and status; nil = none
	pageInput    int

	same   []*Request // other witnesses of the exchange at this machine
	behind *Request   // the exchange as the server behind this proxy saw it
	outage *outage    // that the request was refused in
	rivals []*Request // requests of that server that may be it, when there are several
	maybe  []*Request // what its logs have that may be it, for all that is known
}

// witness returns the sight of a request, which is made if it was known from a trace only.
func (r *Request) witness() *sight {
	if r.sight == nil {
		r.sight = &sight{kind: KindETL, took: -1, serverStatus: -1, path: pathOf(r.URL)}
	}
	return r.sight
}

// sights yields a request and the other witnesses of it at the same machine.
func (r *Request) sights(yield func(*Request) bool) {
	if !yield(r) || r.sight == nil {
		return
	}
	for _, q := range r.sight.same {
		if !yield(q) {
			return
		}
	}
}

// by returns the witness of a kind, or nil.
func (r *Request) by(kind Kind) *Request {
	if r == nil {
		return nil
	}
	for q := range r.sights {
		if q.sight != nil && q.sight.kind == kind {
			return q
		}
	}
	return nil
}

// pathOf returns the path of a URL, with or without host, as joins compare it.
func pathOf(target string) string {
	if _, rest, ok := strings.Cut(target, "://"); ok {
		i := strings.IndexByte(rest, '/')
		if i < 0 {
			return "/"
		}
		target = rest[i:]
	}
	target, _, _ = strings.Cut(target, "?")
	if p, err := url.PathUnescape(target); err == nil {
		target = p
	}
	return strings.ToLower(target)
}

// hostPort writes an address and a port as requests do; "" without an address.
func hostPort(address string, port uint16, known bool) string {
	switch {
	case address == "":
		return ""
	case !known:
		return address
	}
	return net.JoinHostPort(address, strconv.Itoa(int(port)))
}

// win32Of returns the Windows error that an HRESULT wraps: 0x80072ee2 is 12002. Others are as they are.
func win32Of(code uint32) Code {
	const win32 = 0x8007_0000
	if code&0xFFFF_0000 == win32 {
		return Code(code & 0xFFFF)
	}
	return Code(code)
}

// milliseconds writes the time that a log gives: 29,889 ms.
func milliseconds(d time.Duration) string {
	return grouped(uint64(max(d, 0).Milliseconds())) + " ms"
}

// departed are the codes by which a log or a FREB file says that the other end of the connection is gone.
var departed = map[Code]bool{64: true, 1229: true, 1236: true, 995: true, 10053: true, 10054: true, 109: true, 232: true}

// FREB takes what a Failed Request Tracing file tells.
func (s *Session) FREB(q *freb.Request) {
	s.host(q.Computer)
	s.address(q.Local)
	r := &Request{
		Side: Server, PID: q.PID, AppPool: q.AppPool, Process: "w3wp.exe",
		Method: q.Verb, URL: q.URL, Host: Authority(q.URL), Server: q.Local, Client: q.Client,
		Start: q.Start, End: max(q.End, q.Last, q.Start),
		Status: int(q.Status.Code), SubStatus: int(q.Status.Sub), HasSub: q.Status.HasSub,
		Activity: q.Activity, facts: new(facts),
	}
	if r.Start.IsZero() {
		return // without a time it has no place
	}
	if q.NoStart {
		r.Partial = PartialStart
	} else if q.NoEnd {
		r.Partial = PartialEnd
	}
	w := &sight{
		kind: KindFREB, took: -1, serverStatus: -1, path: pathOf(q.URL), site: q.Site, freb: q,
		original: pathOf(q.Received.Get("X-Original-URL")), forwarded: q.Received.Get("X-Forwarded-For"),
	}
	r.sight = w
	r.LogID = q.Received.LogID()
	q.Calls = nil // hundreds, of which nothing is asked any more
	if f := q.Failure(); f != nil {
		r.MadeBy = &MadeBy{Tier: tierOf(f.Module), Module: f.Module}
	}
	if f := q.Forward(); f != nil {
		w.forwarder, w.onward = f.By, true
		r.LogID = cmp.Or(q.Forwarded.LogID(), r.LogID)
		r.Farm = f.Farm
	}
	if id := q.Forwarded.LogID(); id != "" {
		w.onward, r.LogID = true, id
	}
	r.settle(q)
	s.emit(s.begin(r))
}

// tierOf names the tier that a module belongs to.
func tierOf(module string) string {
	switch freb.ForwarderOf(module) {
	case freb.ARR:
		return "arr"
	case freb.ANCM:
		return "ancm"
	}
	return "iis"
}

// settle says how a request ended by what its FREB file shows, and in which phases.
func (r *Request) settle(q *freb.Request) {
	f := r.facts
	failure := q.Failure()
	code := Code(0)
	if failure != nil {
		code = win32Of(failure.Code)
	}
	flush := win32Of(q.Flush.Code)
	switch {
	case failure != nil && failure.Late:
		r.Outcome = Failed // the client saw another status, and a part of the answer
	case departed[flush], r.Status == 400 && r.HasSub && r.SubStatus == leftARR, code == 10054 && r.Status == 400, r.Status == 400 && departed[code]:
		r.Outcome = Cancelled
	case r.Status >= 500:
		r.Outcome = Failed
	case q.NoEnd && !q.SizeLimit && r.Status == 0:
		r.Outcome, r.End = Unfinished, 0
	default:
		r.Outcome = OK
	}
	r.servePhases(q)
	if r.Outcome == Failed {
		f.seen |= factHeaders
	}
}

// servePhases tells the time at the server apart: reading the request, the modules, sending the answer.
func (r *Request) servePhases(q *freb.Request) {
	end := r.End
	if end.IsZero() {
		end = max(q.Last, r.Start)
	}
	at := r.Start
	step := func(name PhaseName, to etl.Time) {
		if to > at {
			r.Phases = append(r.Phases, Phase{Name: name, Start: at, End: to, Outcome: OK})
			at = to
		}
	}
	if q.Read.Bytes > 0 && !q.Read.Open {
		step(PhaseReceive, min(q.Read.Last, end))
	}
	if q.Flush.First > at {
		step(PhaseProcess, min(q.Flush.First, end))
		step(PhaseSend, end)
	} else {
		step(PhaseProcess, end)
	}
	if n := len(r.Phases); n > 0 && r.Outcome == Unfinished {
		r.Phases[n-1].End, r.Phases[n-1].Outcome = 0, Unfinished
		r.Phase = r.Phases[n-1].Name
	} else if n > 0 && r.Outcome == Cancelled {
		r.Phases[n-1].Outcome = Cancelled
		r.Phase = r.Phases[n-1].Name
	}
}

// frebLine says in a line what a FREB file shows.
func frebLine(q *freb.Request) string {
	var parts []string
	if s := q.Status.String(); s != "" {
		parts = append(parts, s)
	}
	if f := q.Failure(); f != nil {
		parts[0] += " set by " + f.Module
		if f.Code != 0 {
			parts[0] += ": " + hexCode(f.Code)
		}
	}
	if f := q.Forward(); f != nil && f.Phase > freb.Routing { // else no server was found
		t := "passed on"
		if f.Server != "" {
			t += " to " + f.Server
		}
		if f.Failed && f.Waited() > 0 {
			t += ", no progress for " + spell(f.Waited()) + " (" + f.Phase.String() + ")"
		}
		parts = append(parts, t)
	}
	if q.Flush.Code != 0 {
		parts = append(parts, "sending the answer failed, "+hexCode(q.Flush.Code))
	}
	if len(q.Forwards) == 0 && q.Duration() > 0 {
		parts = append(parts, "took "+spell(q.Duration()))
	}
	if q.SizeLimit {
		parts = append(parts, "cut at its size limit")
	}
	return strings.Join(parts, ", ")
}

// pageLine says in a line what an error page shows.
func pageLine(p *errorpage.Page) string {
	s := "saved error page: " + strconv.Itoa(p.Status)
	if p.HasSub {
		s += "." + strconv.Itoa(p.SubStatus)
	}
	if p.Module != "" {
		s += " set by " + p.Module
	} else if p.MadeBy != "" {
		s += " made by " + p.MadeBy
	}
	if p.Code != 0 {
		s += ": " + hexCode(p.Code)
	}
	return s
}

// hexCode names an HRESULT: 0x80072ee2 ERROR_WINHTTP_TIMEOUT.
func hexCode(code uint32) string {
	s := winerr.Hex(code)
	if code <= 0xFFFF {
		s = strconv.FormatUint(uint64(code), 10)
	}
	if name := winerr.Name(code); name != "" {
		s += " " + name
	}
	return s
}

// leftARR is the substatus of ARR's 400 for a client that left before ARR was done with its request.
const leftARR = 604

// givenUp reports whether a line is of a request that ARR gave up since its client had left.
func givenUp(e *w3c.Entry) bool {
	status, _ := e.Status()
	sub, ok := e.SubStatus()
	return status == 400 && ok && sub == leftARR
}

// LogEntry takes a line of an IIS or HTTPERR log. It keeps nothing of e.
func (s *Session) LogEntry(e *w3c.Entry) {
	s.host(e.Computer())
	s.address(e.ServerIP())
	if e.Time.IsZero() {
		s.undated++
		return // without a date it has no place among the others
	}
	if e.Kind() == w3c.HTTPERR {
		s.refusal(e)
		return
	}
	status, _ := e.Status()
	win32, hasWin32 := e.Win32()
	left := departed[Code(win32)]
	outcome := OK
	switch {
	case status >= 500:
		outcome = Failed
	case left || status == 0 || givenUp(e):
		outcome = Cancelled // the client was gone before the answer was delivered
	}
	took, hasTook := e.TimeTaken()
	if e.Cut && !hasTook {
		return // values are missing: the anomalies tell
	}
	if !s.keeps(e, outcome) {
		return
	}
	sub, hasSub := e.SubStatus()
	start, partial := e.Start(), Whole
	if !hasTook || e.Cut { // of a cut line the last value may be cut, too
		took, start, partial = -1, e.Time, PartialStart
	}
	port, hasPort := e.ServerPort()
	clientPort, hasClientPort := e.ClientPort()
	site, ok := e.SiteID()
	if !ok {
		site = s.site
	}
	r := &Request{
		Side: Server, Method: s.intern([]byte(e.Method())), URL: s.same(e.URL()), Host: s.intern([]byte(e.Host())),
		Server: s.intern([]byte(hostPort(e.ServerIP(), port, hasPort))), Client: s.same(hostPort(e.ClientIP(), clientPort, hasClientPort)),
		Start: start, End: e.Time, Partial: partial, Status: status, SubStatus: sub, HasSub: hasSub, LogID: e.LogID(),
		Outcome: outcome,
	}
	w := &sight{kind: KindIISLog, coarse: true, took: took, win32: Code(win32), hasWin32: hasWin32, path: s.same(pathOf(r.URL)), site: site, row: lineNumber(e.Line), serverStatus: -1}
	if n, ok := e.ServerStatus(); ok {
		w.serverStatus, w.onward = n, true
	}
	if hit, ok := e.CacheHit(); ok {
		w.onward = true
		if !hit {
			w.serverStatus = max(w.serverStatus, 0) // else it would be there
		}
	}
	if status == 502 && (sub == 3 || sub == 4) {
		w.onward = true // only what passes requests on gives these
	}
	if e.Kind() == w3c.AppService {
		s.platform = true // the id is that of the platform's front end
	} else if w.onward && r.LogID != "" {
		w.forwarder = freb.ARR
	}
	r.sight = w
	if !hasTook {
		r.Partial = PartialStart // when it began is not logged
	}
	if outcome != OK {
		r.MadeBy = s.b.madeBy("iis")
	}
	if e.Management() { // the console and the deployments of an App Service, not the app
		r.Traffic = Background
	}
	if r.Outcome == Cancelled {
		r.Phase = PhaseSend
		if status == 0 {
			r.Phase = PhaseProcess
		}
	}
	s.emit(s.begin(r))
}

// line says in a line what another file than a trace has of the request; "" if it is of a trace.
func (r *Request) line() string {
	w := r.sight
	switch {
	case w == nil:
		return ""
	case w.told != "":
		return w.told
	}
	switch w.kind {
	case KindFREB:
		return frebLine(w.freb)
	case KindIISLog:
		return r.logLine()
	case KindHTTPERR:
		return r.refusalLine()
	}
	return ""
}

// where returns the place in its file of what line says.
func (r *Request) where() Place {
	w := r.sight
	if w == nil {
		return Place{}
	}
	if w.kind == KindFREB {
		if f := w.freb.Failure(); f != nil {
			return stepOf(w.freb, f.Number)
		}
	}
	return Place{Line: int(w.row)}
}

// stepOf is the place of an event of a Failed Request Tracing file; of a trace, whose events are of many requests, it is
// not known.
func stepOf(q *freb.Request, number int) Place {
	if q.Header == nil {
		return Place{}
	}
	return Place{Record: uint64(number)}
}

// lineNumber is the number of a line as requests keep it; 0 if it is beyond all files.
func lineNumber(n int64) uint32 {
	if n < 0 || n > math.MaxUint32 {
		return 0
	}
	return uint32(n)
}

// logLine says in a line what a log says: "502.3, win32 12002 ERROR_WINHTTP_TIMEOUT, 29,889 ms".
func (r *Request) logLine() string {
	w := r.sight
	t := strconv.Itoa(r.Status)
	if r.HasSub {
		t += "." + strconv.Itoa(r.SubStatus)
	}
	if w.win32 != 0 {
		t += ", win32 " + codeText(w.win32)
	}
	if w.took >= 0 {
		t += ", " + milliseconds(w.took)
	}
	if w.serverStatus > 0 {
		t += ", SERVER-STATUS " + strconv.Itoa(w.serverStatus)
	}
	return t
}

// refusalLine says in a line what HTTPERR says: "503 AppOffline, queue Shop".
func (r *Request) refusalLine() string {
	t := cmp.Or(r.sight.reason, "no reason given")
	if r.Status != 0 {
		t = strconv.Itoa(r.Status) + " " + t
	}
	if r.Queue != "" {
		t += ", queue " + r.Queue
	}
	return t
}

// known returns the facts of a request. Those of one that only a log tells of are made when they are asked for.
func (r *Request) known() *facts {
	if r.facts == nil {
		r.facts = new(facts)
		if w := r.sight; w != nil && r.Outcome != OK {
			switch w.kind {
			case KindIISLog:
				r.facts.seen = factHeaders
			case KindHTTPERR:
				r.facts.call = w.reason
			}
		}
	}
	return r.facts
}

// call returns the reason for which HTTP.sys ended a request, or the function that failed.
func (r *Request) call() string {
	switch {
	case r.facts != nil:
		return r.facts.call
	case r.kind() == KindHTTPERR && r.Outcome != OK:
		return r.sight.reason
	}
	return ""
}

// refusal takes a line of HTTPERR: a request that HTTP.sys refused or ended, or a connection without any.
func (s *Session) refusal(e *w3c.Entry) {
	word := s.same(e.Reason())
	how := reasons[word]
	method := e.Method()
	if method == "" && e.Stem() == "" {
		s.idle(e, word) // no request was on the connection
		return
	}
	outcome, status := Failed, how.status
	if n, ok := e.Status(); ok {
		status = n
	}
	switch {
	case how.client:
		outcome = Cancelled
	case status >= 400 && status < 500:
		outcome = OK // an answer, to something that was no good request
	}
	if e.Cut || !s.keeps(e, outcome) {
		return
	}
	port, hasPort := e.ServerPort()
	clientPort, hasClientPort := e.ClientPort()
	queue := s.same(strings.ReplaceAll(e.QueueName(), "+", " "))
	site, _ := e.SiteID()
	r := &Request{
		Side: Server, Method: s.intern([]byte(method)), URL: s.same(e.URL()), Queue: queue, AppPool: queue,
		Server: s.intern([]byte(hostPort(e.ServerIP(), port, hasPort))), Client: s.same(hostPort(e.ClientIP(), clientPort, hasClientPort)),
		Start: e.Time, End: e.Time, Status: status, Outcome: outcome, MadeBy: s.b.madeBy(tierHTTPSys),
		Partial: PartialStart, // when it began is not logged
	}
	if outcome == Cancelled {
		r.Phase = PhaseQueue // Client_Reset: no worker process had it
	}
	r.sight = &sight{kind: KindHTTPERR, coarse: true, took: -1, reason: word, path: s.same(pathOf(r.URL)), site: site, row: lineNumber(e.Line), serverStatus: -1}
	s.emit(s.begin(r))
}

// maxIdle bounds the ends of connections that are remembered of one log.
const maxIdle = 10_000

// idle notes the end of a connection on which no request was.
func (s *Session) idle(e *w3c.Entry, word string) {
	s.dropped[word]++
	if word != "Timer_ConnectionIdle" || len(s.idled) >= maxIdle {
		return
	}
	port, ok := e.ClientPort()
	s.idled = append(s.idled, idled{e.Time, hostPort(e.ClientIP(), port, ok), lineNumber(e.Line)})
}

// An idled is a connection that HTTP.sys closed because nothing came on it.
type idled struct {
	at     etl.Time
	client string
	line   uint32
}

// status writes the status of a request with its substatus.
func (r *Request) status() string {
	if r.Status == 0 {
		return ""
	}
	if r.HasSub {
		return fmt.Sprintf("%d.%d", r.Status, r.SubStatus)
	}
	return strconv.Itoa(r.Status)
}
