package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
)

// Health says what a trace is good for: what it holds, what it lacks to explain a request, and how to
// record one that does not lack it.
type Health struct {
	Events     uint64          // records with an EVENT_HEADER, or lines of text
	Providers  []ProviderCount // most events first
	WebIO      uint64          // events of Microsoft-Windows-WebIO that tell of requests
	WinHTTP    uint64          // the same of Microsoft-Windows-WinHttp, lines of text included
	Idle       uint64          // events of both that tell of their threads only (59992 to 59998)
	HTTPSys    uint64          // events of Microsoft-Windows-HttpService
	Speakers   []Speaker       // processes that the events of WebIO and WinHTTP come from, most first
	Failures   []CallFailure   // calls into WinHTTP that failed, where no event of WebIO is there to tell why
	Connects   []ConnectCount  // TCP connections tried by processes without events of WebIO and WinHTTP; by all if there is no WebIO
	Handshakes []HandshakeCount
	Findings   []Finding // gravest first
}

// A ProviderCount is a provider with the number of its events.
type ProviderCount struct {
	GUID   etl.GUID
	Name   string // full name, or the GUID
	Events uint64
}

// A Speaker is a process whose requests the trace can tell of.
type Speaker struct {
	PID     uint32
	Process string // image name; "" = unknown
	Events  uint64
}

// A ConnectCount counts the attempts of one process to connect to one address, by TCPIP events.
type ConnectCount struct {
	PID         uint32
	Process     string // image name; "" = unknown
	Remote      string // address:port
	Tried       int
	Connected   int
	NoReply     int  // TCPIP 1045
	Refused     int  // TCPIP 1183
	Failed      int  // TCPIP 1034 and nothing that says more
	Error       Code // of the last of Failed: an NTSTATUS
	First, Last etl.Time
}

// A CallFailure counts the failures of one call into WinHTTP in one process with one result.
type CallFailure struct {
	PID         uint32
	Process     string // image name; "" = unknown
	Call        string // as WinHTTP names it: WinHttpReceiveResponse
	Result      Code   // 12xxx
	Count       int
	First, Last etl.Time
}

// A HandshakeCount counts TLS handshakes that failed at HTTP.sys, so that no request came of them.
type HandshakeCount struct {
	Local  string // address:port
	Host   string // that the client asked for (SNI); "" = none
	Error  Code
	Failed int
	Left   int // of these: the client broke it off
	First  etl.Time
}

// A Severity says what a finding means for the answers.
type Severity uint8

const (
	Blind Severity = iota // the trace cannot answer
	Doubt                 // an answer may be missing or incomplete
	Note                  // worth knowing
)

var severityNames = [...]string{"blind", "doubt", "note"}

// String returns the name that output uses.
func (s Severity) String() string { return severityNames[s] }

// A FindingID names a finding; it is stable.
type FindingID string

const (
	FindNoWinHTTP   FindingID = "no-winhttp"       // no WinHttp, WebIO or HttpService events at all
	FindNoWebIO     FindingID = "no-webio"         // WinHttp events, but none of WebIO and no lines of text
	FindNotClosed   FindingID = "not-closed"       // the log was copied before its session had ended
	FindThreadsOnly FindingID = "thread-actions"   // WinHttp and WebIO events, but of threads only
	FindSilent      FindingID = "process-silent"   // other processes have such events, this one has none
	FindErrorsOnly  FindingID = "errors-only"      // WebIO recorded at a level that shows failures only
	FindNoCallerErr FindingID = "no-winhttp-level" // no WinHttp events of level 5: what the caller got is not in the trace
	FindLoss        FindingID = "loss"             // events or buffers were lost
	FindTooShort    FindingID = "too-short"        // it ended before a timer could run out
	FindOverwritten FindingID = "overwritten"      // a ring that wrapped
	FindServerOnly  FindingID = "server-side-only" // HTTP.sys only
	FindHandshakes  FindingID = "tls-handshakes"   // handshakes failed at HTTP.sys
	FindTextOnly    FindingID = "text-only"        // WinHTTP's text lines and nothing else
)

// A Finding is one thing to know about a trace before its requests are read. The texts are whole
// sentences for people; times in them are UTC.
type Finding struct {
	ID       FindingID
	Severity Severity
	Title    string
	Text     []string // what it rests on
	DoNow    []string
	Commands []string // to type as they are, one after the other
	FindOut  []string
	Warning  string // that belongs to the commands
}

// A health counts while the events pass.
type health struct {
	events    uint64
	providers map[etl.GUID]*providerHealth
	recent    *providerHealth // of the event before
	speakers  map[uint32]uint64
	webIO     uint64
	winHTTP   uint64
	idle      uint64
	detailed  uint64 // WinHttp events of level 5 that tell what the caller got
	texts     uint64 // of these: events that are lines of text
	webIOMax  uint8  // highest level of a WebIO event that tells of requests

	lines, nameless uint64 // of text; without a process

	failures   map[failureKey]*CallFailure
	tries      *table[uint64, *tcpTry]
	connects   map[connectKey]*ConnectCount
	handshakes map[handshakeKey]*HandshakeCount
}

type providerHealth struct {
	guid   etl.GUID
	name   string
	events uint64
}

// A tcpTry is a TCP connection in the making.
type tcpTry struct{ counts *ConnectCount }

type connectKey struct {
	pid    uint32
	remote string
}

type failureKey struct {
	pid    uint32
	call   string
	result Code
}

type handshakeKey struct {
	local, host string
	err         Code
}

// maxHealth bounds each list of what a trace holds.
const maxHealth = 10_000

// Events of WinHttp and WebIO that say nothing on requests: the work of their threads and tokens.
const (
	firstIdle = 59992
	lastIdle  = 59998
)

// add counts an event.
func (h *health) add(provider etl.GUID, ev *decode.Event) {
	h.events++
	p := h.recent
	if p == nil || p.guid != provider {
		if p = h.providers[provider]; p == nil {
			p = h.provider(provider, ev.ProviderName())
		}
		h.recent = p
	}
	p.events++
	switch provider {
	case guidWebIO, guidWinHTTP:
		h.client(provider, ev)
	case guidTCPIP:
		h.tcp(ev)
	}
}

// provider returns the counter of a provider. Those beyond the bound share one.
func (h *health) provider(guid etl.GUID, name string) *providerHealth {
	if h.providers == nil {
		h.providers = map[etl.GUID]*providerHealth{}
	}
	if len(h.providers) >= maxHealth {
		guid, name = etl.GUID{}, "others"
	}
	p := h.providers[guid]
	if p == nil {
		p = &providerHealth{guid: guid, name: cmp.Or(name, guid.String())}
		h.providers[guid] = p
	}
	return p
}

// client counts an event of WinHttp or WebIO.
func (h *health) client(provider etl.GUID, ev *decode.Event) {
	id := ev.ID()
	if id >= firstIdle && id <= lastIdle {
		h.idle++
		return
	}
	if provider == guidWebIO {
		h.webIO++
		h.webIOMax = max(h.webIOMax, ev.Level())
	} else {
		h.winHTTP++
		switch {
		case id == textLine1 || id == textLine2:
			h.detailed++
			h.texts++
		case id >= apiCallStart && id <= apiAsyncFail:
			h.detailed++
			h.call(ev, id)
		}
	}
	if h.speakers == nil {
		h.speakers = map[uint32]uint64{}
	}
	pid := ev.PID()
	if n := h.speakers[pid]; n > 0 || len(h.speakers) < maxHealth {
		h.speakers[pid] = n + 1
	}
}

// call counts a call into WinHTTP that failed, for a trace in which nothing else tells of its request.
func (h *health) call(ev *decode.Event, id uint16) {
	if id != apiReturnFail && id != apiAsyncFail || h.webIO > 0 {
		return
	}
	key := failureKey{ev.PID(), ev.Get("Api").Text(), Code(ev.Get("Result").Uint())}
	if !isWinHTTP(key.result) || !carriesResult(key.call) {
		return
	}
	f := h.failures[key]
	if f == nil {
		if len(h.failures) >= maxHealth {
			return
		}
		if h.failures == nil {
			h.failures = map[failureKey]*CallFailure{}
		}
		f = &CallFailure{PID: key.pid, Call: key.call, Result: key.result, First: ev.Time()}
		h.failures[key] = f
	}
	f.Count++
	f.Last = ev.Time()
}

// line counts a line of text.
func (h *health) line(named bool) {
	h.lines++
	if !named {
		h.nameless++
	}
}

// TCPIP events of a connection in the making.
const (
	tcpConnect    = 1002
	tcpProceeding = 1031
	tcpConnected  = 1033
	tcpFailed     = 1034
	tcpNoReply    = 1045
	tcpRefused    = 1183
)

// tcp counts attempts to connect, for processes of which nothing else tells.
func (h *health) tcp(ev *decode.Event) {
	id := ev.ID()
	switch id {
	case tcpConnect, tcpProceeding, tcpConnected, tcpFailed, tcpNoReply, tcpRefused:
	default:
		return
	}
	if h.tries == nil {
		h.tries = newTable[uint64, *tcpTry](maxHealth, nil)
		h.connects = map[connectKey]*ConnectCount{}
	}
	tcb := ev.Get("Tcb").Uint()
	try := h.tries.get(tcb)
	switch id {
	case tcpConnect, tcpProceeding:
		if try != nil && id == tcpProceeding {
			return // the same attempt, one step on
		}
		// The header's process is right in these two only, the payload's wherever it is not 0.
		pid := cmp.Or(uint32(ev.Get("ProcessId").Uint()), ev.PID())
		key := connectKey{pid, ev.Get("RemoteAddress").Text()}
		c := h.connects[key]
		if c == nil {
			if len(h.connects) >= maxHealth {
				return
			}
			c = &ConnectCount{PID: pid, Remote: key.remote, First: ev.Time()}
			h.connects[key] = c
		}
		c.Tried++
		c.Last = ev.Time()
		h.tries.put(tcb, &tcpTry{c})
		return
	}
	if try == nil {
		return
	}
	h.tries.delete(tcb)
	switch id {
	case tcpConnected:
		try.counts.Connected++
	case tcpNoReply:
		try.counts.NoReply++
	case tcpRefused:
		try.counts.Refused++
	case tcpFailed:
		try.counts.Failed++
		try.counts.Error = Code(ev.Get("Status").Uint())
	}
}

// handshakeFailed counts a TLS handshake that HTTP.sys reports as failed.
func (h *health) handshakeFailed(local, host string, err Code, left bool, at etl.Time) {
	if h.handshakes == nil {
		h.handshakes = map[handshakeKey]*HandshakeCount{}
	}
	key := handshakeKey{local, host, err}
	c := h.handshakes[key]
	if c == nil {
		if len(h.handshakes) >= maxHealth {
			return
		}
		c = &HandshakeCount{Local: local, Host: host, Error: err, First: at}
		h.handshakes[key] = c
	}
	c.Failed++
	if left {
		c.Left++
	}
}

// result judges what was counted. It is called when all requests of the incident are known.
func (h *health) result(s *Session) Health {
	r := Health{
		Events: h.events + h.lines,
		WebIO:  h.webIO, WinHTTP: h.winHTTP + h.lines, Idle: h.idle,
	}
	for _, p := range h.providers {
		r.Providers = append(r.Providers, ProviderCount{p.guid, p.name, p.events})
		if p.guid == guidHTTPService {
			r.HTTPSys = p.events
		}
	}
	slices.SortFunc(r.Providers, func(a, b ProviderCount) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), strings.Compare(a.Name, b.Name))
	})
	for pid, n := range h.speakers {
		r.Speakers = append(r.Speakers, Speaker{pid, s.processName(pid, s.last), n})
	}
	slices.SortFunc(r.Speakers, func(a, b Speaker) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.PID, b.PID))
	})
	for _, c := range h.connects {
		if h.webIO == 0 || h.speakers[c.PID] == 0 {
			c.Process = s.processName(c.PID, c.First)
			r.Connects = append(r.Connects, *c)
		}
	}
	slices.SortFunc(r.Connects, func(a, b ConnectCount) int {
		return cmp.Or(cmp.Compare(b.Tried-b.Connected, a.Tried-a.Connected), cmp.Compare(a.First, b.First),
			strings.Compare(a.Remote, b.Remote), cmp.Compare(a.PID, b.PID))
	})
	if h.webIO == 0 {
		for _, f := range h.failures {
			f.Process = s.processName(f.PID, f.First)
			r.Failures = append(r.Failures, *f)
		}
		slices.SortFunc(r.Failures, func(a, b CallFailure) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.First, b.First), strings.Compare(a.Call, b.Call),
				cmp.Compare(a.PID, b.PID), cmp.Compare(a.Result, b.Result))
		})
	}
	for _, c := range h.handshakes {
		r.Handshakes = append(r.Handshakes, *c)
	}
	slices.SortFunc(r.Handshakes, func(a, b HandshakeCount) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(a.First, b.First), strings.Compare(a.Local, b.Local))
	})
	d := diagnosis{h, &r, s}
	for _, find := range findings {
		r.Findings = append(r.Findings, find(d)...)
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(a.Severity, b.Severity) })
	return r
}

// Speaks reports whether the trace holds events of WinHttp or WebIO from a process.
func (h *Health) Speaks(pid uint32) bool {
	return slices.ContainsFunc(h.Speakers, func(s Speaker) bool { return s.PID == pid })
}

// processName returns the image name of a process, or "".
func (s *Session) processName(pid uint32, at etl.Time) string {
	if s.in.Processes == nil {
		return ""
	}
	if p, ok := s.in.Processes.At(pid, at); ok {
		return p.Name
	}
	return ""
}

// A diagnosis is what the findings are made of.
type diagnosis struct {
	*health
	res *Health
	s   *Session
}

// findings are the rules, in the order in which equally grave ones are told.
var findings = []func(diagnosis) []Finding{
	diagnosis.noWinHTTP,
	diagnosis.threadsOnly,
	diagnosis.noWebIO,
	diagnosis.notClosed,
	diagnosis.overwritten,
	diagnosis.tooShort,
	diagnosis.lost,
	diagnosis.errorsOnly,
	diagnosis.silent,
	diagnosis.tlsHandshakes,
	diagnosis.noCallerError,
	diagnosis.serverOnly,
	diagnosis.textOnly,
}

// secrets is what whoever records must know.
const secrets = "Such a trace holds cookies, passwords and page content in clear. Pass on the report, not the trace."

// recordAgain is what has to be done around the capture commands.
const recordAgain = "Record again on the server that sends the requests, as administrator: start, repeat the failure, wait 2 minutes, stop."

// CaptureCommands returns the commands that record what the requests of a machine can be explained from,
// for the Windows build they are to run on; 0 means a recent one. Windows 7 and Server 2008 R2 know the
// scenario; later its events are mostly those of threads, therefore the providers are named.
func CaptureCommands(build uint32) []string {
	if build != 0 && build < 9200 {
		return []string{
			`netsh trace start scenario=internetclient capture=yes persistent=no level=verbose maxsize=2048 tracefile=C:\temp\net.etl`,
			`netsh trace stop`,
		}
	}
	return []string{
		`netsh trace start capture=yes maxsize=2048 tracefile=C:\temp\net.etl ` +
			`provider=Microsoft-Windows-WinHttp level=5 provider=Microsoft-Windows-WebIO level=5 ` +
			`provider=Microsoft-Windows-TCPIP level=4`,
		`netsh trace stop`,
	}
}

// capture completes a finding with the way to record a better trace.
func (d diagnosis) capture(f Finding) []Finding {
	f.DoNow = append(f.DoNow, recordAgain)
	f.Commands = CaptureCommands(d.s.in.Header.Build)
	f.Warning = secrets
	return []Finding{f}
}

// extent says what the trace covers, and what of it was lost.
func (d diagnosis) extent() string {
	var b strings.Builder
	if !d.s.first.IsZero() {
		first, last := d.s.first.Time(), d.s.last.Time()
		if start := d.s.in.Header.Start; start != 0 && start < d.s.first {
			first = start.Time()
		}
		fmt.Fprintf(&b, "It runs %s to %s UTC (%s)", first.Format(time.TimeOnly), last.Format(time.TimeOnly), span(last.Sub(first)))
	} else {
		b.WriteString("It holds no events with a time")
	}
	if build := d.s.in.Header.Build; build != 0 {
		fmt.Fprintf(&b, ", Windows build %d", build)
	}
	b.WriteString(", " + count(int(d.events), "event"))
	switch loss := lossWords(d.s.in.Loss); {
	case loss != "":
		b.WriteString(", " + loss + " lost.")
	case d.s.in.Converted:
		b.WriteString(".")
	case d.s.in.Header.Open():
		b.WriteString("; how many were lost is not known.")
	default:
		b.WriteString(", none lost.")
	}
	return b.String()
}

// holds lists the providers with the most events.
func (d diagnosis) holds() string {
	const most = 5
	var parts []string
	for i, p := range d.res.Providers {
		if i == most {
			parts = append(parts, strconv.Itoa(len(d.res.Providers)-most)+" more providers")
			break
		}
		parts = append(parts, shortName(p.Name)+" "+thousands(p.Events))
	}
	if len(parts) == 0 {
		return "There are no events of any provider in it."
	}
	return "In it: " + strings.Join(parts, ", ") + "."
}

func (d diagnosis) noWinHTTP() []Finding {
	nothing := d.events == 0 && d.s.in.Header == (etl.Header{}) // no log was read at all
	if nothing || d.webIO+d.winHTTP+d.idle+d.res.HTTPSys+d.lines > 0 {
		return nil
	}
	f := Finding{
		ID: FindNoWinHTTP, Severity: Blind,
		Title: "This trace cannot tell why a request failed: it has no WinHTTP and no WebIO events.",
		Text: []string{
			d.extent(),
			d.holds() + " WebIO 0, WinHttp 0.",
			"Not one process has such events, so they were not switched on. (A process that does not use WinHTTP, " +
				"such as ASP.NET Core in-process or .NET's HttpClient, would be missing alone.)",
		},
		FindOut: []string{"Meanwhile: the IIS log of the proxy (column sc-win32-status) and its failed request tracing may tell already. Put them into the same folder."},
	}
	f.Text = append(f.Text, d.res.tried(anyProcess)...)
	return d.capture(f)
}

// mostNamed is the number of counts of one kind that a finding names.
const mostNamed = 3

// anyProcess stands for the PID of every process.
const anyProcess = etl.NoID

// tried says what became of the attempts of a process to connect that were in vain.
func (h *Health) tried(pid uint32) []string {
	var out []string
	for i := range h.Connects {
		c := &h.Connects[i]
		if pid != anyProcess && c.PID != pid || c.Tried == c.Connected {
			continue
		}
		if len(out) == mostNamed {
			break
		}
		out = append(out, "Still to be seen: "+c.sentence())
	}
	return out
}

// processWords names a process as people do.
func processWords(name string, pid uint32) string {
	if name == "" {
		return fmt.Sprintf("process %d", pid)
	}
	return fmt.Sprintf("%s (PID %d)", name, pid)
}

// sentence says what became of the attempts to connect.
func (c *ConnectCount) sentence() string {
	times := "once"
	if c.Tried > 1 {
		times = fmt.Sprintf("%d times from", c.Tried)
	}
	at := c.First.Time().Format(time.TimeOnly)
	if c.Tried == 1 {
		at = "at " + at
	}
	failed := "failed (TCPIP 1034)"
	if c.Error != 0 {
		failed = "failed (TCPIP 1034: " + codeWords(c.Error) + ")"
	}
	var ends []string
	for _, e := range [...]struct {
		n    int
		what string
	}{{c.Connected, "connected"}, {c.NoReply, "without any reply (TCPIP 1045)"}, {c.Refused, "refused (TCPIP 1183)"}, {c.Failed, failed}} {
		if e.n == c.Tried && e.n > 0 {
			ends = []string{e.what}
			break
		}
		if e.n > 0 {
			ends = append(ends, fmt.Sprintf("%d %s", e.n, e.what))
		}
	}
	if ends == nil {
		ends = []string{"without an outcome in the trace"}
	}
	return fmt.Sprintf("%s tried %s %s %s: %s.", processWords(c.Process, c.PID), c.Remote, times, at, strings.Join(ends, ", "))
}

func (d diagnosis) threadsOnly() []Finding {
	if d.idle == 0 || d.webIO+d.winHTTP+d.lines > 0 {
		return nil
	}
	return d.capture(Finding{
		ID: FindThreadsOnly, Severity: Blind,
		Title: fmt.Sprintf("This trace has %s of WinHTTP, and %s about its threads: the events that tell of requests are missing.", count(int(d.idle), "event"), either(int(d.idle), "it is", "all of them are")),
		Text: []string{
			d.extent(),
			d.holds(),
			"That is what the scenario internetclient records since Windows 8; the providers have to be named instead.",
		},
	})
}

func (d diagnosis) noWebIO() []Finding {
	if d.winHTTP == 0 || d.webIO+d.texts+d.lines > 0 {
		return nil
	}
	f := Finding{
		ID: FindNoWebIO, Severity: Blind,
		Title: "This trace cannot tell why a request failed: it has events of WinHTTP, but none of WebIO, which would tell of the requests.",
		Text:  []string{d.extent(), d.holds() + " WebIO 0."},
	}
	named := min(len(d.res.Failures), mostNamed)
	for i := range named {
		f.Text = append(f.Text, d.res.Failures[i].sentence())
	}
	if rest := d.res.Failures[named:]; len(rest) > 0 {
		n := 0
		for i := range rest {
			n += rest[i].Count
		}
		f.Text = append(f.Text, "And "+count(n, "failure")+" of other calls, results or processes.")
	}
	switch {
	case len(d.res.Failures) > 0:
		f.Text = append(f.Text, "Which server it was about, and how far the request had come, these events do not say.")
	case d.detailed == 0:
		f.Text = append(f.Text, "What WinHTTP told its callers is not in the trace either: that takes provider WinHttp at level 5.")
	}
	f.Text = append(f.Text, d.res.tried(anyProcess)...)
	return d.capture(f)
}

// sentence says which call failed with what, how often and when.
func (f *CallFailure) sentence() string {
	when := "at " + f.First.Time().Format(time.TimeOnly)
	if f.Count > 1 {
		when = fmt.Sprintf("%s times from %s to %s", thousands(uint64(f.Count)), f.First.Time().Format(time.TimeOnly), f.Last.Time().Format(time.TimeOnly))
	}
	return fmt.Sprintf("%s failed with %s in %s, %s.", f.Call, codeText(f.Result), processWords(f.Process, f.PID), when)
}

func (d diagnosis) notClosed() []Finding {
	if d.s.in.Header == (etl.Header{}) || !d.s.in.Header.Open() {
		return nil
	}
	return []Finding{{
		ID: FindNotClosed, Severity: Doubt,
		Title: "The log was never closed: its end may be missing, and how many events were lost is not known.",
		Text:  []string{"Both are written when the session is stopped. The file was copied before, or the machine went down."},
		DoNow: []string{"Stop the trace (netsh trace stop) before its file is copied; if it is stopped by now, copy it again."},
	}}
}

func (d diagnosis) overwritten() []Finding {
	hd := &d.s.in.Header
	written := uint64(hd.BuffersWritten) * uint64(hd.BufferSize)
	limit := uint64(hd.MaximumFileSize) << 20
	if hd.Mode&etl.ModeCircular == 0 || limit == 0 || written <= limit || d.s.first.IsZero() {
		return nil
	}
	return d.capture(Finding{
		ID: FindOverwritten, Severity: Doubt,
		Title: fmt.Sprintf("The log is a ring of %d MB that went round: what happened before %s UTC was overwritten.",
			hd.MaximumFileSize, d.s.first.Time().Format(time.TimeOnly)),
		Text: []string{fmt.Sprintf("It was started at %s UTC, and %s MB were written into it.", hd.Start.Time().Format(time.TimeOnly), thousands(written>>20))},
	})
}

// shortestTimer is the default of WinHTTP's send and receive timers, the shortest there are.
const shortestTimer = 30 * time.Second

func (d diagnosis) tooShort() []Finding {
	waiting, longest := 0, time.Duration(0)
	for _, r := range d.s.requests() {
		if r.Side != Client || r.Outcome != Unfinished || r.Traffic != App {
			continue
		}
		limit := shortestTimer
		if r.Timer != nil && r.Timer.Limit > 0 {
			limit = r.Timer.Limit
		}
		if waited := d.s.last.Sub(r.Start); waited >= 0 && waited < limit {
			waiting++
			longest = max(longest, waited)
		}
	}
	if waiting == 0 {
		return nil
	}
	return []Finding{{
		ID: FindTooShort, Severity: Doubt,
		Title: fmt.Sprintf("%s still waiting at the end of the trace, after %s at most: too early for any timer to run out.", were(waiting, "request"), span(longest)),
		Text:  []string{d.extent(), "WinHTTP gives up after 30 s or more, unless it is told otherwise; a proxy farm after 30 s or 2 minutes."},
		DoNow: []string{"Record again, and stop only 2 minutes after the failure was seen."},
	}}
}

func (d diagnosis) lost() []Finding {
	loss := d.s.in.Loss
	words := lossWords(loss)
	if words == "" {
		return nil
	}
	failed := 0
	for _, r := range d.s.requests() {
		if r.Outcome == Failed {
			failed++
		}
	}
	f := Finding{
		ID: FindLoss, Severity: Doubt,
		Title: "Windows could not keep up: " + words + " of this trace were lost, and one of them may be what is looked for.",
		DoNow: []string{"Record again with fewer providers (without capture=yes, for one), or for a shorter time."},
	}
	if failed > 0 {
		f.Text = append(f.Text, fmt.Sprintf("The %s that failed may look different with what is missing.", count(failed, "request")))
	}
	if loss.SequenceGaps > 0 && loss.EventsLost == 0 && loss.BuffersLost == 0 {
		f.Text = append(f.Text, "The log's header counts no loss; the numbers of its buffers have gaps.")
	}
	return []Finding{f}
}

// lossWords counts what was lost; "" if nothing.
func lossWords(l etl.Loss) string {
	var parts []string
	if l.EventsLost > 0 {
		parts = append(parts, count(int(l.EventsLost), "event"))
	}
	if n := max(uint64(l.BuffersLost), l.SequenceGaps, uint64(l.FlagBuffers)); n > 0 {
		parts = append(parts, count(int(min(n, 1<<31-1)), "buffer"))
	}
	if len(parts) == 0 && l.Any() {
		return "an unknown number of events"
	}
	return strings.Join(parts, " and ")
}

func (d diagnosis) errorsOnly() []Finding {
	if d.webIO == 0 || d.webIOMax >= 4 {
		return nil
	}
	return d.capture(Finding{
		ID: FindErrorsOnly, Severity: Doubt,
		Title: fmt.Sprintf("WebIO was recorded at level %d: the trace has its failures, but not what went before them.", d.webIOMax),
	})
}

func (d diagnosis) silent() []Finding {
	if d.webIO+d.winHTTP == 0 || d.s.in.Processes == nil {
		return nil
	}
	var out []Finding
	severity := Blind // no worker has such events: the trace knows nothing of what it is mostly asked about
	if d.res.HTTPSys > 0 {
		severity = Doubt // but for what the workers served
	}
	for p := range d.s.in.Processes.All() {
		over := !p.End.IsZero() && p.End < d.s.first || p.Start > d.s.last
		switch {
		case !isWorker(p.Name) || over:
		case d.res.Speaks(p.PID):
			severity = Note
		default:
			out = append(out, d.res.SilentProcess(p.Name, p.PID, p.AppPool))
		}
	}
	for i := range out {
		out[i].Severity = severity
	}
	// One that tried to connect comes before one that did nothing.
	slices.SortStableFunc(out, func(a, b Finding) int { return cmp.Compare(len(b.Text), len(a.Text)) })
	return out
}

// SilentProcess is the finding that a process has no events of WinHTTP while others have: the providers
// were on, so recording again does not help. It is Blind, as for a question about this very process;
// of a trace with events of another worker process it is a Note.
func (h *Health) SilentProcess(name string, pid uint32, pool string) Finding {
	who := processWords(name, pid)
	if pool != "" {
		who = fmt.Sprintf("%s (PID %d, pool %s)", cmp.Or(name, "process"), pid, pool)
	}
	text := []string{"Either it sent no request in this time, or it does not use WinHTTP: ASP.NET Core in-process, " +
		".NET's HttpClient, YARP and HttpWebRequest have their own ways."}
	return Finding{
		ID: FindSilent, Severity: Blind,
		Title:   who + " sent nothing through WinHTTP while the trace ran; other processes did.",
		Text:    append(text, h.tried(pid)...),
		FindOut: []string{"For such a process: its own log, and the packets of the trace."},
	}
}

func (d diagnosis) tlsHandshakes() []Finding {
	if len(d.res.Handshakes) == 0 {
		return nil
	}
	total := 0
	for _, c := range d.res.Handshakes {
		total += c.Failed
	}
	f := Finding{
		ID: FindHandshakes, Severity: Note,
		Title: fmt.Sprintf("%s with this server failed, so that no request came of %s.", count(total, "TLS handshake"), pronoun(total)),
	}
	const most = 3
	for i, c := range d.res.Handshakes {
		if i == most {
			break
		}
		t := c.Local
		if c.Host != "" {
			t += " for " + c.Host
		}
		t += fmt.Sprintf(": %d times %s", c.Failed, codeWords(c.Error))
		if c.Left > 0 {
			t += fmt.Sprintf(", %d of them broken off by the client", c.Left)
		}
		f.Text = append(f.Text, t+".")
	}
	return []Finding{f}
}

func (d diagnosis) noCallerError() []Finding {
	if d.webIO == 0 || d.detailed > 0 {
		return nil
	}
	for _, r := range d.s.requests() {
		if r.Side == Client && r.Outcome == Failed && r.WinHTTP.From != FromTrace {
			return []Finding{{
				ID: FindNoCallerErr, Severity: Note,
				Title: "What WinHTTP told its callers is not in the trace: provider WinHttp was recorded below level 5, or not at all.",
				Text:  []string{"Codes of WinHTTP (12xxx) are therefore worked out from the raw errors, and are missing where that is not certain."},
			}}
		}
	}
	return nil
}

func (d diagnosis) serverOnly() []Finding {
	if d.res.HTTPSys == 0 || d.webIO+d.winHTTP+d.lines > 0 {
		return nil
	}
	return []Finding{{
		ID: FindServerOnly, Severity: Note,
		Title: "The trace shows the requests that this machine answered (HTTP.sys), not those that it sent.",
	}}
}

func (d diagnosis) textOnly() []Finding {
	if d.texts+d.lines == 0 || d.webIO > 0 {
		return nil
	}
	const title = "These are WinHTTP's own text lines: they hold codes and calls, but no names, connections and bytes"
	f := Finding{ID: FindTextOnly, Severity: Note, Title: title + "."}
	const unowned = "whose requests they tell of is not known."
	switch {
	case d.nameless == 0:
	case d.nameless == d.lines:
		f.Severity, f.Title = Doubt, title+"; none of them names a process."
		f.Text = []string{"No process is named in these rows: " + unowned}
	default:
		f.Severity, f.Title = Doubt, title+"; some of them name no process."
		f.Text = []string{fmt.Sprintf("No process is named in %s of them: %s", thousands(d.nameless), unowned)}
	}
	return []Finding{f}
}

// requests yields the requests of this input.
func (s *Session) requests() []*Request {
	var out []*Request
	for _, r := range s.b.requests {
		if r.Input == s.number {
			out = append(out, r)
		}
	}
	return out
}

// Words for people.

// shortName is how people speak of a provider.
func shortName(name string) string {
	switch name {
	case "Microsoft-Windows-NDIS-PacketCapture", "Microsoft-Windows-PktMon":
		return "packets"
	}
	return strings.TrimPrefix(name, "Microsoft-Windows-")
}

// thousands writes 812410 as 812,410.
func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count writes "1 request", "2 requests".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return thousands(uint64(max(n, 0))) + " " + what
}

// were writes "1 request was", "2 requests were".
func were(n int, what string) string {
	if n == 1 {
		return count(n, what) + " was"
	}
	return count(n, what) + " were"
}

func pronoun(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

// codeWords writes a code with its name.
func codeWords(c Code) string {
	if name := winerr.Name(uint32(c)); name != "" {
		return winerr.Hex(uint32(c)) + " " + name
	}
	return winerr.Hex(uint32(c))
}

// span writes a duration as people say it.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}
