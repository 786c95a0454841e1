package timeline

import (
	"time"

	"github.com/etwhy/etwhy/etl"
)

// A Request is one exchange at one machine: who asked what of whom, how far it came, and why it stopped.
// It holds what every report needs and nothing of the files it came from, so that millions fit in memory.
type Request struct {
	ID    string // r1, r2, ... in start order; given by Finish
	Input int    // index of the input that it was read from

	Side    Side
	Proxied bool   // the inbound and the outbound half of a proxied exchange, joined
	PID     uint32 // of the process that owns it; 0 = unknown
	Process string // image name, e.g. w3wp.exe; "" = unknown
	AppPool string

	Method string
	URL    string
	Host   string
	Server string // address:port last tried, or [v6]:port; for the server side the local address
	Client string // address:port of the peer on the server side

	Start     etl.Time // first event; with PartialStart it began earlier
	End       etl.Time // last event before or at close; 0 = unfinished
	Status    int      // HTTP status; 0 = none seen
	SubStatus int      // IIS substatus; only with HasSub
	HasSub    bool

	Traffic Traffic
	Outcome Outcome
	Phase   PhaseName // where it failed, hangs or was cancelled; "" = none
	Error   Code      // raw code at the event where Phase stopped
	WinHTTP WinHTTPCode

	Phases   []Phase
	Attempts []Attempt // one per WebIO request under one WinHTTP handle
	Restarts int       // retried connections and folded 401 legs
	Partial  Partial
	Loose    bool // a content server's view of a request that its proxy has as well, not joined with that: no further request
	claims   uint8

	MadeBy     *MadeBy // who set the status
	Timer      *Timer
	Connection *Connection
	LogID      string // X-ARR-LOG-ID
	Farm       string // of servers, that a proxy chose from
	Activity   etl.GUID
	Queue      string // HTTP.sys request queue: the application pool's name

	Verdict *Verdict
	Behind  *Behind // of a proxied request that did not go well; nil = no file of the content server has it
	Related []Related
	Marks   []Mark // the events of a request that was repeated, in time order; others quote them in their verdict

	sight  *sight   // what other files than a trace tell of it; nil once judged
	into   *Request // the request that this one was joined with
	facts  *facts   // for the rules; nil once judged, and for requests that went well
	place  int32    // among all requests, from 1
	number int32    // among the requests of its input, in the order in which they were begun; see Session.Add
}

// Duration returns End-Start, or 0 if that is not known: while unfinished, and with PartialStart.
func (r *Request) Duration() time.Duration {
	if r.End.IsZero() || r.Partial == PartialStart {
		return 0
	}
	return r.End.Sub(r.Start)
}

// A Side tells which end of the exchange was traced.
type Side uint8

const (
	Client Side = iota // WinHTTP, WebIO
	Server             // HTTP.sys
)

// String returns the name that output uses.
func (s Side) String() string { return [...]string{"client", "server"}[s] }

// Traffic says whose request it is.
type Traffic uint8

const (
	App        Traffic = iota // w3wp.exe, or what a filter names; everything while no process is known
	Probe                     // a proxy's health test
	Background                // known processes other than w3wp.exe
)

// String returns the name that output uses.
func (t Traffic) String() string { return [...]string{"app", "probe", "background"}[t] }

// An Outcome is how a request ended.
type Outcome uint8

const (
	Unfinished Outcome = iota // no end within the trace
	OK
	Failed    // the transport failed, or a 5xx, or rejected by HTTP.sys or IIS, or a body that broke off
	Cancelled // the caller gave up before any error
)

// String returns the name that output uses.
func (o Outcome) String() string {
	return [...]string{"unfinished", "ok", "failed", "cancelled"}[o]
}

// A PhaseName names a step of an exchange.
type PhaseName string

const (
	PhaseRoute   PhaseName = "route"
	PhaseProxy   PhaseName = "proxy"
	PhaseResolve PhaseName = "resolve"
	PhaseConnect PhaseName = "connect"
	PhaseTLS     PhaseName = "tls"
	PhaseSend    PhaseName = "send"
	PhaseReceive PhaseName = "receive"
	PhaseQueue   PhaseName = "queue"   // server side: until a worker took it
	PhaseProcess PhaseName = "process" // server side: in the worker
)

// A Phase is one step, with its own outcome. A name may occur several times (fallback addresses, attempts).
type Phase struct {
	Name    PhaseName
	Detail  string   // headers, body (receive); pool (connect: waiting for a pooled connection); else an address
	Start   etl.Time // 0 = unknown: it began before the first line that is there (text form)
	End     etl.Time // 0 = did not end within the trace
	Outcome Outcome
	Error   Code
}

// Duration returns End-Start, or 0 if that is not known: if the phase did not end, or its Start is 0.
func (p *Phase) Duration() time.Duration {
	if p.End.IsZero() || p.Start.IsZero() {
		return 0
	}
	return p.End.Sub(p.Start)
}

// A Code is an error number as the trace has it: Win32, Winsock, HRESULT, SEC_E or NTSTATUS.
// The zero Code is "none"; success is none as well.
type Code uint32

// A WinHTTPCode is the 12xxx code that the caller of WinHTTP got.
type WinHTTPCode struct {
	Code Code
	From CodeSource
}

// A CodeSource says how a WinHTTP code is known.
type CodeSource uint8

const (
	FromNowhere CodeSource = iota
	FromTrace              // an event tells it
	FromLog                // a log line tells it
	FromTable              // mapped from the raw code by a documented or observed row with one target
)

// String returns the name that output uses; "" for FromNowhere.
func (s CodeSource) String() string { return [...]string{"", "trace", "log", "table"}[s] }

// An Attempt is one WebIO request under a WinHTTP handle: the first, a redirect, a retry.
type Attempt struct {
	URL    string
	Status int
	Start  etl.Time
	Error  Code
}

// Partial says which end of a request the trace does not cover.
type Partial uint8

const (
	Whole Partial = iota
	PartialStart
	PartialEnd
)

// String returns the end that is not covered, as output names it; "" for Whole.
func (p Partial) String() string { return [...]string{"", "start", "end"}[p] }

// MadeBy names the tier that set the status (http.sys, iis, ...) and its module, "" if it was none or is
// not known.
type MadeBy struct{ Tier, Module string }

// A Timer is the limit that ended a request.
type Timer struct {
	Name   string // connect, resolve, send, receive, receive response
	Limit  time.Duration
	Source string // where its value is known from
}

// Sources of a timer's value.
const (
	TimerTrace   = "trace"   // an event shows it being set
	TimerConfig  = "config"  // a configuration file has it
	TimerDefault = "default" // assumed: nothing tells, and it is the product's default
)

// Behind is the exchange as the content server behind a proxy saw it. Its times are moved by what its clock is off
// that of the proxy, see [Machine.ClockOffset].
type Behind struct {
	Input     int // index of the input that tells most of it
	Start     etl.Time
	End       etl.Time      // 0 = unfinished
	Took      time.Duration // 0 = unknown
	Status    int           // 0 = none seen
	SubStatus int           // only with HasSub
	HasSub    bool
	Phases    []Phase // receive (the upload), queue, process, send; nil = not known
}

// A Connection is the TCP connection that carried the request.
type Connection struct {
	Local, Remote string
	Reused        bool
	Opened        etl.Time      // 0 = before the trace
	Idle          time.Duration // before this request, if Reused
}

// Confidence says how sure a verdict is.
type Confidence uint8

const (
	Possible Confidence = iota // elapsed time or absence only
	Likely                     // the evidence fits one row and contradicts none
	Certain                    // direct events of both ends of the phase, no loss in its span, and a proven schema or two independent sources
)

// String returns the name that output uses.
func (c Confidence) String() string { return [...]string{"possible", "likely", "certain"}[c] }

// A Verdict is a claim with its evidence.
type Verdict struct {
	ID         string // row of the decision table: T1, C3, ...; HTTP-5xx; NE
	Title      string // the claim as a sentence, with numbers and names of this request
	Confidence Confidence
	Evidence   []Evidence // in time order
	Open       string     // what cannot be told from this side, as a sentence; "" = nothing worth saying. Observations are in Context
	Context    []string   // what was observed beside the evidence, as sentences: how other requests fared, where the error showed up
	DoNow      []string   // what gets it working
	FindOut    []string   // what settles the open question
	Rejected   []Rejection
	AtLeast    bool // there were more such requests than the files still have: a log has rolled over
}

// Evidence is one observation that a verdict rests on.
type Evidence struct {
	Input int
	Time  etl.Time
	Text  string
	Key   bool // the verdict rests on it; the others say what happened around it
	Place
}

// A Place is where in its file an observation stands; 0 = unknown, or the file has no such numbers. Of a trace, provider
// and id of the event, which are in the text, and the time tell.
type Place struct {
	Line   int    // of a text file, from 1
	Record uint64 // EventRecordID of an event log, number of the event (from 1) of a Failed Request Tracing file
}

// A Rejection says why a neighbouring rule was not it.
type Rejection struct{ ID, Why string }

// Related is another witness's view of the same exchange, or a candidate for it; or, by its kind, another request:
// [RelatedCall], [RelatedCaller].
type Related struct {
	Input      int
	Kind, By   string // kind of the input, or one of the two; how it is known to be related
	Confidence Confidence
	Time       etl.Time
	Text       string
	Place
	Request *Request // the other request; nil = a view of this one
}

// A Mark is an event worth showing as evidence. Its record can be read again at Position.
type Mark struct {
	Time     etl.Time
	Position etl.Position
	Provider string // short name: WebIO, TCPIP, ...; "" = no single event shows it
	ID       uint16
	Error    Code
	Line     uint32 // of a text file, from 1; 0 = the event is from a trace
	Text     string // what it says, from a fixed phrase; "" = derive from provider and id
}
