package freb

import (
	"container/list"
	"iter"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/charset"
	"github.com/etwhy/etwhy/etl"
)

// Bounds of a Request, far beyond what IIS writes.
const (
	maxCalls    = 4096
	maxOpen     = 64 // calls inside each other
	maxList     = 64 // failures, forwards, notes, rewrites
	maxHeaders  = 64
	maxKept     = 16 << 10 // bytes of a text that is kept
	maxRequests = 8192     // of a Collector at a time
)

// Request reads all events that are left and distils them. The header of ARR's request identifier is
// looked for under its usual names and those given. The error is one of the reader's; the request is
// never nil and holds what came before.
func (t *Trace) Request(logIDHeaders ...string) (*Request, error) {
	b := newBuilder(logIDHeaders)
	h := t.header // a copy: the request must not hold the trace
	for ev, err := range t.Events() {
		if err != nil {
			return b.finish(&h), err
		}
		b.add(ev)
	}
	return b.finish(&h), nil
}

// A Collector makes requests of events that belong to many of them, such as the classic events of an .etl
// file. Each event needs Time, Name, Activity (or a field ContextId), PID, TID, Level and Fields; in Name a
// task before a slash does not matter: IISGeneral/GENERAL_REQUEST_START. Values are as in files: numbers
// in decimal, true and false.
type Collector struct {
	logIDs []string
	open   map[etl.GUID]*list.Element // of *builder
	order  *list.List                 // the one that had no event for longest first
}

// NewCollector returns a Collector. The header of ARR's request identifier is looked for under its usual
// names and those given.
func NewCollector(logIDHeaders ...string) *Collector {
	return &Collector{logIDs: logIDHeaders, open: map[etl.GUID]*list.Element{}, order: list.New()}
}

// Add takes an event; it keeps nothing of it but strings. It returns the request that ends here, or nil. Of too many
// open requests the one that had no event for longest is returned, without its end. Events without
// activity are left out.
func (c *Collector) Add(ev *Event) *Request {
	id := ev.Activity
	if context, err := etl.ParseGUID(ev.Value("ContextId")); err == nil {
		id = context
	}
	if id.IsZero() {
		return nil
	}
	at, ok := c.open[id]
	if !ok {
		b := newBuilder(c.logIDs)
		b.r.Activity = id
		at = c.order.PushBack(b)
		c.open[id] = at
	}
	c.order.MoveToBack(at)
	b := at.Value.(*builder)
	b.add(ev)
	if b.r.End.IsZero() {
		if c.order.Len() <= maxRequests {
			return nil
		}
		at = c.order.Front()
	}
	return c.take(at)
}

// Finish yields the requests that are left, without their end.
func (c *Collector) Finish() iter.Seq[*Request] {
	return func(yield func(*Request) bool) {
		for c.order.Len() > 0 && yield(c.take(c.order.Front())) {
		}
	}
}

func (c *Collector) take(at *list.Element) *Request {
	b := c.order.Remove(at).(*builder)
	delete(c.open, b.r.Activity)
	return b.finish(nil)
}

// A builder makes one request of its events.
type builder struct {
	r                 Request
	logIDs            []string
	names             map[string]string // modules, to hold each once
	stack             []openCall        // calls that have not ended, outermost first
	started           bool              // GENERAL_REQUEST_START was seen
	set               etl.Time          // when a request header was set last
	reading, flushing etl.Time          // start of the step that is under way

	// of the last Forward
	marked  bool     // there was a mark of its progress
	request bool     // ARR_REQUEST_ROUTED was seen
	server  bool     // ARR_SERVER_ROUTED was seen
	ended   etl.Time // ANCM_REQUEST_FORWARD_END
}

// An openCall is a call on the stack.
type openCall struct {
	index   int           // in Calls
	inner   time.Duration // taken by calls inside
	pending bool          // it left its thread
	done    etl.Time      // when it reported completion
}

func newBuilder(logIDs []string) *builder {
	return &builder{logIDs: logIDs, names: map[string]string{}}
}

// effects are the events that a Request has a place for.
var effects = map[string]func(*builder, *Event){
	"GENERAL_REQUEST_START":        (*builder).requestStart,
	"GENERAL_REQUEST_END":          (*builder).requestEnd,
	"GENERAL_ENDPOINT_INFORMATION": (*builder).endpoint,
	"GENERAL_REQUEST_HEADERS":      (*builder).requestHeaders,
	"GENERAL_RESPONSE_HEADERS":     (*builder).responseHeaders,
	"GENERAL_SET_REQUEST_HEADER":   (*builder).setHeader,
	"GENERAL_READ_ENTITY_START":    func(b *builder, ev *Event) { b.r.Read.start(ev, &b.reading) },
	"GENERAL_READ_ENTITY_END":      (*builder).readEnd,
	"GENERAL_FLUSH_RESPONSE_START": func(b *builder, ev *Event) { b.r.Flush.start(ev, &b.flushing) },
	"GENERAL_FLUSH_RESPONSE_END":   func(b *builder, ev *Event) { b.r.Flush.end(ev, &b.flushing, "BytesSent") },
	"HANDLER_CHANGED":              (*builder).handler,
	"URL_CHANGED":                  (*builder).urlChanged,
	"GENERAL_URL_CHANGED":          (*builder).urlChanged,
	"LOG_FILE_MAX_SIZE_TRUNCATE":   func(b *builder, _ *Event) { b.r.SizeLimit = true },

	"PRE_BEGIN_REQUEST_START":            (*builder).callStart,
	"PRE_BEGIN_REQUEST_END":              (*builder).callEnd,
	"NOTIFY_MODULE_START":                (*builder).callStart,
	"NOTIFY_MODULE_END":                  (*builder).callEnd,
	"NOTIFY_MODULE_COMPLETION":           (*builder).callCompletion,
	"MODULE_SET_RESPONSE_ERROR_STATUS":   (*builder).errorStatus,
	"MODULE_SET_RESPONSE_SUCCESS_STATUS": (*builder).successStatus,

	"ARR_REQUEST_ROUTED":         (*builder).routed,
	"ARR_SERVER_ROUTED":          (*builder).routed,
	"ARR_SERVER_STATS":           (*builder).routed,
	"ARR_REQUEST_HEADERS_START":  mark(ARR, Forwarding),
	"ARR_REQUEST_HEADERS_END":    mark(ARR, headersSent),
	"ARR_RESPONSE_HEADERS_START": mark(ARR, AwaitingHeaders),
	"ARR_RESPONSE_HEADERS_END":   mark(ARR, ReceivingBody),
	"ARR_RESPONSE_ENTITY_START":  mark(ARR, ReceivingBody),
	"ARR_RESPONSE_ENTITY_END":    mark(ARR, ReceivingBody),

	"ANCM_REQUEST_FORWARD_START": (*builder).forwardStart,
	"ANCM_REQUEST_FORWARD_END":   (*builder).forwardEnd,
	"ANCM_REQUEST_FORWARD_FAIL":  (*builder).forwardFail,
	"ANCM_WINHTTP_CALLBACK":      (*builder).callback,
}

// troubles are further events that become a Note whatever their level, which ETW does not always tell.
var troubles = map[string]bool{
	"ANCM_START_APPLICATION_FAIL": true, "REQUEST_PROCESSING_ERROR": true,
	"MODULE_CRITICAL_ERROR": true, "MODULE_ERROR": true, "FILTER_ERROR": true, "GENERAL_MODULE_FACTORY_FAILED": true,
	"CGI_TIMEOUT": true, "CGI_PREMATURE_TERMINATION": true, "CGIF_ACTIVITY_TIMEOUT": true, "CGIF_REQUEST_TIMEOUT": true,
	"CGIF_UNEXPECTED_EXIT": true, "CGIF_RAPID_FAILURE_PROTECTION": true, "CGIF_QUEUE_FULL": true, "CGIF_TRACE_ERROR": true,
	"FASTCGI_ACTIVITY_TIMEOUT": true, "FASTCGI_REQUEST_TIMEOUT": true, "FASTCGI_UNEXPECTED_EXIT": true,
	"FASTCGI_RAPID_FAILURE_PROTECTION": true, "FASTCGI_QUEUE_FULL": true, "FASTCGI_UNKNOWN_ERROR": true,
	"FASTCGI_STDERR_TRACE_ERROR": true, "FASTCGI_PATH_NOT_FOUND": true, "FASTCGI_SCRIPT_PROCESSOR_MISSING": true,
	"WEBSOCKET_END_FAILURE": true, "WEBSOCKET_READ_IO_FAILED": true, "WEBSOCKET_WRITE_IO_FAILED": true,
	"WEBSOCKET_INITIALIZE_FAILED": true, "WEBSOCKET_HANDSHAKE_NOT_SUCCESS": true,
	"WEBSOCKET_READ_IO_NOT_SUCCESS": true, "WEBSOCKET_WRITE_IO_NOT_SUCCESS": true,
}

// add takes an event.
func (b *builder) add(ev *Event) {
	r := &b.r
	r.Events++
	if r.Start.IsZero() || ev.Time != 0 && ev.Time < r.Start {
		r.Start = ev.Time
	}
	r.Last = max(r.Last, ev.Time)
	if r.PID == 0 {
		r.PID = ev.PID
	}
	if r.Computer == "" {
		r.Computer = ev.Computer
	}
	if r.Activity.IsZero() {
		r.Activity = ev.Activity
	}
	name := ev.canonical()
	if effect := effects[name]; effect != nil {
		effect(b, ev)
	} else if troubles[name] || 1 <= ev.Level && ev.Level <= 3 {
		b.note(name, ev)
	}
}

// finish returns the request. h is nil for events of ETW.
func (b *builder) finish(h *Header) *Request {
	r := &b.r
	for len(b.stack) > 0 {
		if top := b.stack[len(b.stack)-1]; top.done != 0 {
			b.pop(top.done)
		} else {
			b.stack = b.stack[:len(b.stack)-1]
		}
	}
	r.NoStart, r.NoEnd = !b.started, r.End.IsZero()
	r.Read.Open, r.Flush.Open = b.reading != 0, b.flushing != 0
	if f := r.Forward(); f != nil && !f.Failed && !r.NoEnd {
		if f.Phase == ReceivingBody || f.Phase == Routed && r.Failure() == nil {
			f.complete(max(b.ended, f.Progress))
		}
	}
	if h != nil {
		r.adopt(h)
	}
	kept := *r // without the builder
	return &kept
}

// adopt takes from the root element what the events do not tell.
func (r *Request) adopt(h *Header) {
	r.Header = h
	for _, s := range []struct {
		to   *string
		from string
	}{{&r.URL, h.URL}, {&r.Verb, h.Verb}, {&r.AppPool, h.AppPool}} {
		if *s.to == "" {
			*s.to = keep(s.from)
		}
	}
	if r.Site == 0 {
		r.Site = h.Site
	}
	if r.PID == 0 {
		r.PID = h.PID
	}
	if r.Activity.IsZero() {
		r.Activity = h.Activity
	}
	if r.NoEnd && h.Status.Code != 0 {
		r.Status = h.Status
	}
}

// keep returns a copy of s, so that a word does not hold all texts of its event. What is too long is cut.
func keep(s string) string {
	return strings.Clone(charset.Head(s, maxKept))
}

// module returns a module's name, the same string each time.
func (b *builder) module(ev *Event) string {
	name := ev.Value("ModuleName")
	if kept, ok := b.names[name]; ok {
		return kept
	}
	kept := keep(name)
	if len(b.names) < maxCalls {
		b.names[kept] = kept
	}
	return kept
}

// add appends to a list of the request that has room for n entries.
func add[T any](r *Request, list *[]T, n int, entry T) {
	if len(*list) >= n {
		r.Dropped++
		return
	}
	*list = append(*list, entry)
}

func (b *builder) requestStart(ev *Event) {
	r := &b.r
	b.started = true
	r.URL, r.Verb, r.AppPool = keep(ev.Value("RequestURL")), keep(ev.Value("RequestVerb")), keep(ev.Value("AppPoolId"))
	site, _ := ev.Uint("SiteId")
	r.Site = uint32(site)
	r.ConnID, _ = ev.Uint("ConnId")
}

func (b *builder) requestEnd(ev *Event) {
	r := &b.r
	r.End = ev.Time
	r.BytesSent, _ = ev.Uint("BytesSent")
	r.BytesReceived, _ = ev.Uint("BytesReceived")
	if s := status(ev); s.Code != 0 {
		r.Status = s
	}
}

// status returns the status that an event carries.
func status(ev *Event) Status {
	code, _ := ev.Uint("HttpStatus")
	sub, has := ev.Uint("HttpSubStatus")
	return Status{uint16(code), uint16(sub), has}
}

func (b *builder) endpoint(ev *Event) {
	b.r.Client = address(ev.Value("RemoteAddress"), ev.Value("RemotePort"))
	b.r.Local = address(ev.Value("LocalAddress"), ev.Value("LocalPort"))
}

func address(host, port string) string {
	if port == "" || host == "" {
		return keep(host)
	}
	return keep(net.JoinHostPort(host, port))
}

func (b *builder) requestHeaders(ev *Event)  { b.headers(&b.r.Received, ev) }
func (b *builder) responseHeaders(ev *Event) { b.headers(&b.r.Answered, ev) }

// headers keeps what may be kept of the lines of a header.
func (b *builder) headers(to *Headers, ev *Event) {
	for line := range strings.Lines(ev.Value("Headers")) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			b.header(to, name, value)
		}
	}
}

func (b *builder) header(to *Headers, name, value string) {
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if value == "" || !headersKept[strings.ToLower(name)] && !slices.ContainsFunc(b.logIDs, func(id string) bool { return strings.EqualFold(id, name) }) {
		return
	}
	add(&b.r, (*[]HeaderField)(to), maxHeaders, HeaderField{keep(name), keep(value)})
}

func (b *builder) setHeader(ev *Event) {
	b.set = ev.Time
	if f := b.r.Forward(); f != nil && f.Phase == Routed && !f.Failed {
		f.Progress = ev.Time
	}
	name := ev.Value("HeaderName")
	if ev.Bool("Replace") {
		b.r.Forwarded = slices.DeleteFunc(b.r.Forwarded, func(h HeaderField) bool { return strings.EqualFold(h.Name, name) })
	}
	b.header(&b.r.Forwarded, name, ev.Value("HeaderValue"))
}

func (b *builder) handler(ev *Event) { b.r.Handler = keep(ev.Value("NewHandlerName")) }

func (b *builder) urlChanged(ev *Event) {
	add(&b.r, &b.r.Rewrites, maxList, keep(ev.Value("NewUrl")))
}

func (b *builder) note(name string, ev *Event) {
	n := Note{Time: ev.Time, Event: keep(name), Level: ev.Level, Offset: ev.Offset, Number: b.r.Events}
	n.Code, n.Text = ev.Code("ErrorCode")
	for _, field := range []string{"FailureDescription", "Message", "ErrorDescription"} {
		if v := ev.Value(field); v != "" {
			n.Text = v
		}
	}
	n.Text = keep(n.Text)
	add(&b.r, &b.r.Notes, maxList, n)
}

// harmless are codes that are no error of a transfer: the body is at its end, and the step goes on asynchronously.
const (
	handleEOF = 38
	ioPending = 997
	facility  = 0x8007_0000 // of an HRESULT around a Windows error
)

func (t *Transfer) start(ev *Event, open *etl.Time) {
	if t.First.IsZero() {
		t.First = ev.Time
	}
	*open = ev.Time
}

func (t *Transfer) end(ev *Event, open *etl.Time, bytes string) {
	t.Count++
	n, _ := ev.Uint(bytes)
	t.Bytes += n
	t.Last = ev.Time
	t.Busy += span(*open, ev.Time)
	*open = 0
	switch code, text := ev.Code("ErrorCode"); code {
	case 0, ioPending, facility | ioPending:
	case handleEOF, facility | handleEOF:
		t.Whole = true
	default:
		if t.Code == 0 {
			t.Code, t.Text, t.FailedAt = code, keep(text), ev.Time
		}
	}
}

// readEnd takes GENERAL_READ_ENTITY_END. A forwarder reads what it then passes on.
func (b *builder) readEnd(ev *Event) {
	before := b.r.Read.Bytes
	b.r.Read.end(ev, &b.reading, "BytesReceived")
	if f := b.r.Forward(); f != nil && !f.Failed && f.Phase != Completed && b.r.Read.Bytes > before {
		f.Progress = ev.Time
	}
}

// callStart takes NOTIFY_MODULE_START. Stages of the pipeline follow each other: the next one tells
// that a call which went on asynchronously is over, also where no completion told it.
func (b *builder) callStart(ev *Event) {
	r := &b.r
	c := b.call(ev)
	for len(b.stack) > 0 && !c.Notification.inner() {
		top := b.stack[len(b.stack)-1]
		if !top.pending || r.Calls[top.index].Notification.inner() {
			break
		}
		if top.done == 0 {
			top.done = ev.Time
		}
		b.pop(top.done)
	}
	c.Start, c.Depth, c.Offset = ev.Time, len(b.stack), ev.Offset
	if len(r.Calls) >= maxCalls || len(b.stack) >= maxOpen {
		r.Dropped++
		return
	}
	b.stack = append(b.stack, openCall{index: len(r.Calls)})
	r.Calls = append(r.Calls, c)
}

// call returns what an event tells about a call.
func (b *builder) call(ev *Event) Call {
	n, _ := ev.Uint("Notification")
	return Call{
		Module: b.module(ev), Notification: Notification(n),
		Post: ev.Bool("fIsPostNotification") || ev.Bool("fIsPostNotificationEvent"),
	}
}

// find returns the innermost open call that the event speaks of, by its place on the stack, or -1.
func (b *builder) find(ev *Event) int {
	c := b.call(ev)
	for i := range slices.Backward(b.stack) {
		o := &b.r.Calls[b.stack[i].index]
		if o.Module == c.Module && o.Notification == c.Notification && o.Post == c.Post {
			return i
		}
	}
	return -1
}

// States that a module returns (NotificationStatus).
const (
	statusPending = 1
	statusFinish  = 2
)

func (b *builder) callEnd(ev *Event) {
	at := b.find(ev)
	if at < 0 {
		return
	}
	b.stack = b.stack[:at+1] // calls inside without an end stay without
	state, _ := ev.Uint("NotificationStatus")
	open := &b.stack[at]
	c := &b.r.Calls[open.index]
	if state == statusPending {
		c.Async = true
		open.pending, open.done = true, 0
		return
	}
	c.Finished = state == statusFinish
	b.pop(ev.Time)
}

func (b *builder) callCompletion(ev *Event) {
	at := b.find(ev)
	if at < 0 {
		return
	}
	b.stack = b.stack[:at+1]
	open := &b.stack[at]
	c := &b.r.Calls[open.index]
	c.Async = true
	c.Code, _ = ev.Code("ErrorCode")
	open.pending, open.done = true, ev.Time
}

// pop ends the innermost call.
func (b *builder) pop(end etl.Time) {
	top := b.stack[len(b.stack)-1]
	b.stack = b.stack[:len(b.stack)-1]
	c := &b.r.Calls[top.index]
	c.End = max(end, c.Start)
	all := c.Duration()
	c.Own = max(all-top.inner, 0)
	if n := len(b.stack); n > 0 {
		b.stack[n-1].inner += all
	}
}

func (b *builder) successStatus(ev *Event) { b.r.Status = status(ev) }

func (b *builder) errorStatus(ev *Event) {
	r := &b.r
	n, _ := ev.Uint("Notification")
	f := Failure{
		Time: ev.Time, Module: b.module(ev), Notification: Notification(n), Status: status(ev),
		Reason: keep(ev.Value("HttpReason")), Config: keep(ev.Value("ConfigExceptionInfo")),
		Late: r.Flush.Count > 0 || b.flushing != 0, Offset: ev.Offset, Number: r.Events,
	}
	f.Code, f.Text = ev.Code("ErrorCode")
	f.Text = keep(f.Text)
	r.Status = f.Status
	add(r, &r.Failures, maxList, f)
	if by := ForwarderOf(f.Module); by != NoForwarder {
		b.forwardStatus(by, &f)
	}
}

// Substatus numbers of 502, as ARR and ANCM set them.
const (
	subForward = 3 // the exchange failed
	subRoute   = 4 // there is no server for it
)

// forwardStatus takes an error status that a forwarder set.
func (b *builder) forwardStatus(by Forwarder, f *Failure) {
	fw := b.r.Forward()
	gateway := f.Status.Code == 502 && f.Status.HasSub
	switch {
	case gateway && f.Status.Sub == subRoute:
		if fw == nil || fw.By != by || fw.Phase != Routed {
			fw = b.forward(by, Forward{Start: b.set})
		}
		fw.Phase = Routing
		fw.fail(f.Time, f.Code, f.Text)
	case fw == nil || fw.By != by:
		if gateway && f.Status.Sub == subForward {
			fw = b.forward(by, Forward{Phase: Routed, Start: b.set, Progress: b.set})
			fw.fail(f.Time, f.Code, f.Text)
		}
	case f.Code == 0 && f.Status.Sub == 0: // the other server's own status, handed on
		if !fw.Failed {
			fw.complete(f.Time)
		}
	case fw.Phase != Completed:
		fw.fail(f.Time, f.Code, f.Text)
	}
}

func (f *Forward) fail(at etl.Time, code uint32, text string) {
	if !f.Failed {
		f.Failed, f.End = true, at
	}
	if f.Code == 0 || f.Code == code && f.Text == "" {
		f.Code, f.Text = code, keep(text)
	}
}

func (f *Forward) complete(at etl.Time) { f.Phase, f.End = Completed, at }

// forward begins an attempt and returns it; beyond the bound one that is not kept.
func (b *builder) forward(by Forwarder, f Forward) *Forward {
	f.By = by
	b.marked, b.request, b.server, b.ended = false, false, false, 0
	before := len(b.r.Forwards)
	if add(&b.r, &b.r.Forwards, maxList, f); len(b.r.Forwards) == before {
		return &f
	}
	return b.r.Forward()
}

// current returns the attempt that events of a forwarder speak of, a new one if there is none.
func (b *builder) current(by Forwarder, at etl.Time) *Forward {
	if f := b.r.Forward(); f != nil && f.By == by {
		return f
	}
	return b.forward(by, Forward{Phase: Routed, Start: at, Progress: at})
}

// routed takes the events by which ARR tells where the request goes. Each occurs once per attempt.
func (b *builder) routed(ev *Event) {
	name := ev.canonical()
	f := b.r.Forward()
	again := name == "ARR_REQUEST_ROUTED" && b.request || name == "ARR_SERVER_ROUTED" && b.server ||
		name != "ARR_SERVER_STATS" && b.marked
	if f == nil || f.By != ARR || f.Failed || again {
		f = b.forward(ARR, Forward{Phase: Routed, Start: ev.Time, Progress: ev.Time})
	}
	b.request = b.request || name == "ARR_REQUEST_ROUTED"
	b.server = b.server || name == "ARR_SERVER_ROUTED"
	for _, s := range []struct {
		to    *string
		field string
	}{{&f.Farm, "WebFarm"}, {&f.Server, "Server"}, {&f.State, "State"}, {&f.Algorithm, "Algorithm"}, {&f.RoutingReason, "RoutingReason"}} {
		if v := ev.Value(s.field); v != "" {
			*s.to = keep(v)
		}
	}
	if total, ok := ev.Uint("TotalRequests"); ok && f.Counters == nil {
		c := &Counters{TotalRequests: total}
		c.FailedRequests, _ = ev.Uint("FailedRequests")
		c.CurrentRequests, _ = ev.Uint("CurrentRequests")
		c.BytesSent, _ = ev.Uint("BytesSent")
		c.BytesReceived, _ = ev.Uint("BytesReceived")
		ms, _ := ev.Uint("ResponseTime")
		c.ResponseTime = time.Duration(min(ms, 1<<40)) * time.Millisecond
		f.Counters = c
	}
}

// headersSent, or a piece of the body: what comes next depends on how much of the body there is.
const headersSent Phase = 0xFF

// mark returns an effect: the exchange has come as far as phase.
func mark(by Forwarder, phase Phase) func(*builder, *Event) {
	return func(b *builder, ev *Event) { b.advance(b.current(by, ev.Time), phase, ev.Time) }
}

// advance notes progress. A failure or the end of an exchange is followed by events that tidy up.
func (b *builder) advance(f *Forward, phase Phase, at etl.Time) {
	if f.Failed || f.Phase == Completed {
		return
	}
	if phase == headersSent {
		if phase = AwaitingHeaders; !b.bodyRead() {
			phase = Sending
		}
	}
	b.marked = true
	f.Phase = max(f.Phase, phase)
	f.Progress = at
	switch {
	case phase == AwaitingHeaders && f.Sent.IsZero():
		f.Sent = at
	case phase == ReceivingBody && f.Answered.IsZero():
		f.Answered = at
	}
}

// bodyRead reports whether there is nothing left to read of the request's body.
func (b *builder) bodyRead() bool {
	r := &b.r
	length := r.Received.Get("Content-Length")
	if length == "" && r.Received.Get("Transfer-Encoding") == "" || length == "0" {
		return true
	}
	n, err := strconv.ParseUint(length, 10, 64)
	return r.Read.Whole || err == nil && r.Read.Bytes >= n
}

func (b *builder) forwardStart(ev *Event) {
	if f := b.r.Forward(); f == nil || f.By != ANCM || b.marked || f.Failed {
		b.forward(ANCM, Forward{Phase: Routed, Start: ev.Time, Progress: ev.Time})
	}
}

func (b *builder) forwardEnd(ev *Event) {
	b.ended = ev.Time
	if f := b.r.Forward(); f != nil && !f.Failed && f.Phase == ReceivingBody {
		f.complete(ev.Time)
	}
}

func (b *builder) forwardFail(ev *Event) {
	code, text := ev.Code("ErrorCode")
	b.current(ANCM, ev.Time).fail(ev.Time, code, text)
}

// callbacks are WinHTTP's callback states (winhttp.h, WINHTTP_CALLBACK_STATUS) and how far the exchange is
// then. ANCM talks plain HTTP: behind the connection comes sending.
var callbacks = map[uint64]Phase{
	0x1:      Resolving,
	0x2:      Connecting, // the name is resolved
	0x4:      Connecting,
	0x8:      Sending, // connected
	0x10:     Sending,
	0x20:     headersSent,
	0x40:     AwaitingHeaders,
	0x80:     AwaitingHeaders,
	0x400:    Forwarding, // the handle is created
	0x10000:  Securing,   // failed
	0x20000:  ReceivingBody,
	0x40000:  ReceivingBody,
	0x80000:  ReceivingBody,
	0x100000: headersSent, // or a piece of the body
	0x400000: headersSent,
}

// requestError is the callback of a failure: WINHTTP_CALLBACK_STATUS_REQUEST_ERROR.
const requestError = 0x200000

func (b *builder) callback(ev *Event) {
	state, ok := ev.Uint("InternetStatus")
	if !ok {
		return
	}
	f := b.current(ANCM, ev.Time)
	if state == requestError {
		f.Phase = max(f.Phase, Forwarding)
		f.fail(ev.Time, 0, "")
	} else if phase, ok := callbacks[state]; ok {
		b.advance(f, phase, ev.Time)
	}
}

// A classEvent is what tells an event of IIS apart.
type classEvent struct {
	class  etl.GUID
	opcode uint8
}

// canonicalNames are the names of the events of IIS that a Request has a place for.
var canonicalNames = func() map[classEvent]string {
	names := map[classEvent]string{}
	for class, opcodes := range map[string]map[uint8]string{
		"d42cf7ef-de92-473e-8b6c-621ea663113a": { // General
			1: "GENERAL_REQUEST_START", 2: "GENERAL_REQUEST_END",
			35: "GENERAL_FLUSH_RESPONSE_START", 36: "GENERAL_FLUSH_RESPONSE_END",
			37: "GENERAL_READ_ENTITY_START", 38: "GENERAL_READ_ENTITY_END",
			42: "URL_CHANGED", 43: "HANDLER_CHANGED", 47: "GENERAL_RESPONSE_HEADERS", 50: "GENERAL_REQUEST_HEADERS",
			53: "GENERAL_SET_REQUEST_HEADER", 55: "GENERAL_ENDPOINT_INFORMATION",
		},
		"002e91e3-e7ae-44ab-8e07-99230ffa6ade": { // RequestNotifications
			1: "NOTIFY_MODULE_START", 2: "NOTIFY_MODULE_END", 3: "NOTIFY_MODULE_COMPLETION",
			4: "PRE_BEGIN_REQUEST_START", 5: "PRE_BEGIN_REQUEST_END", 15: "REQUEST_PROCESSING_ERROR",
			16: "MODULE_SET_RESPONSE_ERROR_STATUS", 17: "MODULE_SET_RESPONSE_SUCCESS_STATUS",
		},
	} {
		for opcode, name := range opcodes {
			names[classEvent{etl.MustParseGUID(class), opcode}] = name
		}
	}
	return names
}()

// canonical returns the name of the event: from class and number where they are known, since words may be
// missing, else as written, without a task in front.
func (e *Event) canonical() string {
	if known := canonicalNames[classEvent{e.Class, e.Opcode}]; known != "" {
		return known
	}
	return e.Name[strings.LastIndexByte(e.Name, '/')+1:]
}
