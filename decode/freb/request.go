package freb

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/etl"
)

// A Request is what the events tell about one request. It holds no credentials: of headers only those
// of a fixed list are kept, of bodies nothing.
type Request struct {
	Activity etl.GUID // of all events, here and in ETW
	URL      string   // as the client sent it; after rewriting where only the root element tells it
	Verb     string
	Site     uint32
	AppPool  string
	PID      uint32 // of the worker process
	Computer string
	ConnID   uint64 // HTTP.sys' connection, as in its ETW events; 0 = unknown
	Client   string // address:port, [v6]:port; "" = unknown
	Local    string

	Header *Header // what the file's root element tells; nil for events of ETW

	Start  etl.Time // GENERAL_REQUEST_START, else the first event
	End    etl.Time // GENERAL_REQUEST_END; 0 = the events stop before
	Last   etl.Time // last event
	Status Status   // at the end; else the one that was set last

	BytesSent, BytesReceived uint64 // by HTTP.sys, at the end

	NoStart   bool // GENERAL_REQUEST_START is missing
	NoEnd     bool // GENERAL_REQUEST_END is missing: a time limit triggered the file, or it is cut
	SizeLimit bool // IIS cut the file at its size limit

	Received  Headers // of the request
	Forwarded Headers // set on the request inside IIS: by a proxy, before it passes it on
	Answered  Headers // of the response

	Handler  string   // last one chosen
	Rewrites []string // URLs that the request was changed to

	Calls    []Call    // of modules, in start order
	Failures []Failure // statuses that modules set as errors, in time order
	Forwards []Forward // attempts to have another server answer, in time order
	Read     Transfer  // of the request's body
	Flush    Transfer  // of the response
	Notes    []Note    // other events that report trouble, in time order

	Events  int // seen
	Dropped int // entries that the lists above have no room for
}

// Partial reports whether events of the request are missing.
func (r *Request) Partial() bool { return r.NoStart || r.NoEnd || r.SizeLimit }

// Duration returns how long the request took, to the last event where its end is missing. Unlike the
// time-taken of IIS logs this leaves out what HTTP.sys does before and after.
func (r *Request) Duration() time.Duration {
	return span(r.Start, max(r.End, r.Last))
}

// span returns the time from one moment to a later one; 0 if one of them is unknown.
func span(from, to etl.Time) time.Duration {
	if from.IsZero() || to <= from {
		return 0
	}
	return time.Duration(min(to-from, math.MaxInt64/100)) * 100
}

// Failure returns the event that set the final status as an error, or nil. A module may set a status
// that another one replaces.
func (r *Request) Failure() *Failure {
	for i := range slices.Backward(r.Failures) {
		if f := &r.Failures[i]; f.Status.Code == r.Status.Code && (!r.Status.HasSub || f.Status.Sub == r.Status.Sub) {
			return f
		}
	}
	return nil
}

// Forward returns the last attempt to have another server answer, or nil.
func (r *Request) Forward() *Forward {
	if n := len(r.Forwards); n > 0 {
		return &r.Forwards[n-1]
	}
	return nil
}

// Modules returns the time that each module took, the longest own time first.
func (r *Request) Modules() []Module {
	at := map[string]int{}
	var list []Module
	for i := range r.Calls {
		c := &r.Calls[i]
		m, ok := at[c.Module]
		if !ok {
			m = len(list)
			at[c.Module] = m
			list = append(list, Module{Name: c.Module})
		}
		list[m].Calls++
		list[m].Own += c.Own
		if c.End.IsZero() {
			list[m].Open++
		}
	}
	slices.SortStableFunc(list, func(a, b Module) int { return cmp.Compare(b.Own, a.Own) })
	return list
}

// A Module is the sum of what a module did.
type Module struct {
	Name  string
	Calls int
	Own   time.Duration // without calls of other modules inside
	Open  int           // calls that did not end; their time is not in Own
}

// A Call is one notification that a module handled, from NOTIFY_MODULE_START to the END or, where the
// module went on asynchronously, to the COMPLETION. Times tick in steps of about 15.6 ms.
type Call struct {
	Module       string
	Notification Notification
	Post         bool // the notification after the event
	Depth        int  // calls around it
	Start        etl.Time
	End          etl.Time      // 0 = did not end
	Own          time.Duration // without the calls inside; 0 = did not end
	Async        bool          // the module left the thread and went on later
	Finished     bool          // the module ended the request's way through the pipeline
	Code         uint32        // error that the completion reports; 0 = none
	Offset       int64         // of the event that starts it
}

// Duration returns End-Start, or 0 for a call that did not end.
func (c *Call) Duration() time.Duration { return span(c.Start, c.End) }

// A Notification is a stage of IIS' pipeline, as a number that its events carry.
type Notification uint32

var notifications = map[Notification]string{
	0: "PRE_BEGIN_REQUEST", 1: "BEGIN_REQUEST", 2: "AUTHENTICATE_REQUEST", 4: "AUTHORIZE_REQUEST",
	8: "RESOLVE_REQUEST_CACHE", 0x10: "MAP_REQUEST_HANDLER", 0x20: "REQUEST_ACQUIRE_STATE",
	0x40: "PRE_EXECUTE_REQUEST_HANDLER", 0x80: "EXECUTE_REQUEST_HANDLER", 0x100: "RELEASE_REQUEST_STATE",
	0x200: "UPDATE_REQUEST_CACHE", 0x400: "LOG_REQUEST", 0x800: "END_REQUEST",
	0x1000_0000: "CUSTOM_NOTIFICATION", 0x2000_0000: "SEND_RESPONSE", 0x4000_0000: "READ_ENTITY", 0x8000_0000: "MAP_PATH",
}

// String returns the name that files show, or the number.
func (n Notification) String() string {
	if name, ok := notifications[n]; ok {
		return name
	}
	return "0x" + strconv.FormatUint(uint64(n), 16)
}

// inner reports whether the notification is raised from within a call of another module, at any time,
// and is no step of the way through the pipeline.
func (n Notification) inner() bool { return n >= 0x1000_0000 }

// A Failure is an error status that a module set.
type Failure struct {
	Time         etl.Time
	Module       string
	Notification Notification
	Status       Status
	Reason       string // words of the status line
	Code         uint32 // HRESULT or Windows error; 0 = none
	Text         string // what IIS says about the code, in the language of the system
	Config       string // what is wrong in the configuration; "" = nothing
	Late         bool   // part of a response was on its way before: the client has seen another status
	Offset       int64  // of the event
	Number       int    // of the event among those of the request, from 1
}

// A Phase says how far an exchange with another server had come.
type Phase uint8

const (
	NotForwarded    Phase = iota
	Routing               // no server was found for it
	Routed                // it was passed on; nothing tells how far it came
	Forwarding            // resolving, connecting, TLS or sending: the events do not tell which
	Resolving             // the server's name
	Connecting            //
	Securing              // TLS
	Sending               // the request
	AwaitingHeaders       // of the response
	ReceivingBody         //
	Completed             // the answer came whole
)

var phases = [...]struct {
	name  string
	steps []string
}{
	NotForwarded:    {"not forwarded", nil},
	Routing:         {"routing", []string{"route"}},
	Routed:          {"routed", []string{"resolve", "connect", "tls", "send", "receive"}},
	Forwarding:      {"forwarding", []string{"resolve", "connect", "tls", "send"}},
	Resolving:       {"resolving", []string{"resolve"}},
	Connecting:      {"connecting", []string{"connect"}},
	Securing:        {"securing", []string{"tls"}},
	Sending:         {"sending", []string{"send"}},
	AwaitingHeaders: {"awaiting headers", []string{"receive"}},
	ReceivingBody:   {"receiving body", []string{"receive"}},
	Completed:       {"completed", nil},
}

// String returns the phase in words.
func (p Phase) String() string { return phases[p].name }

// Steps returns the steps of an exchange that the phase may be: route, resolve, connect, tls, send,
// receive. There is one where the events tell. The slice is shared.
func (p Phase) Steps() []string { return phases[p].steps }

// A Forwarder is what passes requests on to another server.
type Forwarder uint8

const (
	NoForwarder  Forwarder = iota
	ARR                    // Application Request Routing
	ANCM                   // the ASP.NET Core Module
	HTTPPlatform           // the HTTP platform handler
)

var forwarderNames = [...]string{NoForwarder: "", ARR: "ARR", ANCM: "ANCM", HTTPPlatform: "HttpPlatformHandler"}

// String returns a short name.
func (f Forwarder) String() string { return forwarderNames[f] }

// forwarders are the modules, in lower case.
var forwarders = map[string]Forwarder{
	"applicationrequestrouting": ARR,
	"aspnetcoremodule":          ANCM,
	"aspnetcoremodulev2":        ANCM,
	"httpplatformhandler":       HTTPPlatform,
}

// ForwarderOf tells whether a module passes requests on.
func ForwarderOf(module string) Forwarder { return forwarders[strings.ToLower(module)] }

// A Forward is one attempt to have another server answer. One that is followed by another came to nothing.
type Forward struct {
	By Forwarder

	Farm          string
	Server        string // name or address, as ARR has it
	State         string // of the server: Active, ...
	Algorithm     string
	RoutingReason string    // LoadBalancing, or why the choice was not free
	Counters      *Counters // of the server, when it was chosen; nil = not told

	Start    etl.Time // when it was passed on; 0 = unknown
	Sent     etl.Time // when the request was out and the wait for the answer began; 0 = not told
	Answered etl.Time // when the headers of the answer were in; 0 = not told
	Progress etl.Time // last sign that it went on, a piece of the request's body that came in included; 0 = none
	End      etl.Time // of the failure or of the answer; 0 = neither is told

	Phase  Phase // where it stopped or stands
	Failed bool
	Code   uint32 // that it failed with, HRESULT or Windows error; 0 = none
	Text   string // what IIS says about the code
}

// Waited returns how long there was no progress before the failure; 0 without failure. It is what a
// timeout has to be compared with.
func (f *Forward) Waited() time.Duration {
	if !f.Failed {
		return 0
	}
	return span(f.Progress, f.End)
}

// Counters are ARR's numbers for a member of a farm, at the time of the event.
type Counters struct {
	TotalRequests, FailedRequests, CurrentRequests uint64
	BytesSent, BytesReceived                       uint64
	ResponseTime                                   time.Duration // whole milliseconds; ARR's average
}

// A Transfer sums up reading the request's body, or sending the response.
type Transfer struct {
	Count       int // completed steps
	Bytes       uint64
	Busy        time.Duration // inside the steps
	First, Last etl.Time      // start of the first step, end of the last one
	Open        bool          // the last step has not ended
	Whole       bool          // reading came to the end of the body
	Code        uint32        // first error; 0 = none
	Text        string        // what IIS says about it
	FailedAt    etl.Time
}

// A Note is an event that reports trouble and has no place of its own in a Request.
type Note struct {
	Time   etl.Time
	Event  string // its name
	Level  uint8
	Code   uint32 // 0 = none
	Text   string // what the event, or IIS about the code, says
	Offset int64  // of the event
	Number int    // of the event among those of the request, from 1
}

// Headers are the headers of a message that help to tell where it comes from and where it goes.
type Headers []HeaderField

// A HeaderField is one line of a header.
type HeaderField struct{ Name, Value string }

// Get returns the value of the first header with that name, in any case; "" if there is none.
func (h Headers) Get(name string) string {
	for i := range h {
		if strings.EqualFold(h[i].Name, name) {
			return h[i].Value
		}
	}
	return ""
}

// logIDHeaders are the usual names of the header that carries ARR's identifier of a request: the default,
// and a misspelling in Microsoft's article that people copy.
var logIDHeaders = []string{"X-ARR-LOG-ID", "X-ARR-LOG_ID"}

// LogID returns the identifier by which ARR marks a request, from the header of one of the names given
// or, without, of its usual names.
func (h Headers) LogID(names ...string) string {
	for _, name := range slices.Concat(names, logIDHeaders) {
		if id := h.Get(name); id != "" {
			return id
		}
	}
	return ""
}

// headersKept are the headers that may be kept, in lower case. None is a credential or a body.
var headersKept = map[string]bool{
	"x-arr-log-id": true, "x-arr-log_id": true, "x-forwarded-for": true, "x-original-url": true, "max-forwards": true,
	"x-forwarded-proto": true, "x-forwarded-host": true, "x-original-host": true, "via": true,
	"host": true, "connection": true, "content-length": true, "content-type": true, "transfer-encoding": true,
	"upgrade": true, "sec-websocket-extensions": true, "expect": true, "user-agent": true, "server": true, "x-powered-by": true, "retry-after": true,
	"traceparent": true, "request-id": true, "x-request-id": true, "x-correlation-id": true,
}
