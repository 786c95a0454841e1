package report

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// OTLP JSON: an ExportTraceServiceRequest of OpenTelemetry, as a file that collectors and Jaeger take. Its JSON is that of
// protobuf, but that ids are in hexadecimal form; 64-bit numbers are strings, enums are numbers.
//
//	resource: a machine or process ─ scope: etwhy ─ spans
//	   request                  CLIENT, or SERVER with what the proxy did as a CLIENT below
//	   ├ phases                 INTERNAL
//	   └ at the content server  SERVER, of the resource that this is; its phases below
//
// Attributes have the names of OpenTelemetry's conventions for HTTP where there are such, else those of the JSON output
// behind "etwhy.". The X-ARR-LOG-ID of a request is the id of its trace.

// otlpSchema is the version of the conventions.
const otlpSchema = "https://opentelemetry.io/schemas/1.27.0"

// Kinds and codes of spans.
const (
	spanInternal = 1
	spanServer   = 2
	spanClient   = 3

	spanError = 2 // status
)

// An otlpItem is what one resource has of a request: the request, or what the content server saw of it.
type otlpItem struct {
	request *exchange
	behind  *exchange // nil: the request
}

// analysisOTLP writes spans for each request, its phases below.
func analysisOTLP(w io.Writer, a *Analysis, _ Options) error {
	list, left := a.exchanges()
	var homes []home
	items := map[home][]otlpItem{}
	add := func(h home, item otlpItem) {
		if items[h] == nil {
			homes = append(homes, h)
		}
		items[h] = append(items[h], item)
	}
	for i := range list {
		x := &list[i]
		add(x.home(), otlpItem{x, nil})
		if b := a.behind(x); b != nil {
			add(b.home(), otlpItem{x, b})
		}
	}

	out := bufio.NewWriterSize(w, 1<<16) // its error is sticky
	out.WriteString(`{"resourceSpans":[`)
	about := []column[*Analysis]{
		{"redaction", func(a *Analysis) cell { return text(a.Masked()) }},
		{"left_out", func(*Analysis) cell { return positive(left) }}, // requests; nothing tells when they began
	}
	s := &spanWriter{a: a}
	for i, h := range homes {
		s.buf = s.buf[:0]
		s.raw(separator(i) + `{"resource":{"attributes":[`)
		attributes(s, "", homeFacts, h)
		s.raw(`]},"schemaUrl":"` + otlpSchema + `","scopeSpans":[{"scope":{"name":`)
		s.text(a.Tool.Name)
		s.raw(`,"version":`)
		s.text(a.Tool.Version)
		s.raw(`,"attributes":[`)
		attributes(s, "etwhy.", about, a)
		s.raw(`]},"schemaUrl":"` + otlpSchema + `","spans":[`)
		s.first = true
		for _, item := range items[h] {
			if item.behind != nil {
				s.behind(item.request, item.behind)
			} else {
				s.exchange(item.request)
			}
			if _, err := out.Write(s.buf); err != nil {
				return err
			}
			s.buf = s.buf[:0]
		}
		out.WriteString("\n]}]}")
	}
	out.WriteString("]}\n")
	return out.Flush()
}

func separator(i int) string {
	if i > 0 {
		return ",\n"
	}
	return "\n"
}

// homeFacts are what is known of a resource.
var homeFacts = []column[home]{
	{"service.name", func(h home) cell { return text(cmp.Or(h.pool, h.process, h.machine, "unknown_service")) }},
	{"host.name", func(h home) cell { return text(h.machine) }},
	{"process.pid", func(h home) cell { return positive(h.pid) }},
	{"process.executable.name", func(h home) cell { return text(h.process) }},
}

// A spanWriter collects the JSON of spans.
type spanWriter struct {
	a     *Analysis
	buf   []byte
	first bool // in its list
}

func (s *spanWriter) raw(t string)  { s.buf = append(s.buf, t...) }
func (s *spanWriter) text(t string) { s.buf = appendJSON(s.buf, t) }

// spanIDs are the ids of the spans of a request.
type spanIDs struct {
	trace [16]byte
	first uint64
}

// The numbers of the spans of a request: those of phases follow.
const (
	numberRoot = iota
	numberOutbound
	numberBehind
	numberPhases
)

// ids returns ids that depend on the input and the request's id alone.
func (s *spanWriter) ids(x *exchange) (ids spanIDs) {
	source := x.input
	if in := s.a.inputAt(x.Input); in != nil {
		source = cmp.Or(in.SHA256, source)
	}
	sum := sha256.Sum256([]byte(source + "\x00" + x.ID))
	copy(ids.trace[:], sum[:])
	ids.first = max(binary.BigEndian.Uint64(sum[16:])>>1, 1) // so that what is added is no overflow
	if id, err := hex.DecodeString(strings.ReplaceAll(x.LogID, "-", "")); err == nil && len(id) == len(ids.trace) && !bytes.Equal(id, make([]byte, len(id))) {
		copy(ids.trace[:], id)
	}
	return ids
}

// begin writes what is known of the span of an exchange by the conventions, and leaves its attributes open; parent is a
// number, or -1.
func (s *spanWriter) begin(ids spanIDs, number, parent int, x *exchange) {
	name, kind := "HTTP", spanClient // the conventions want no names of which there are as many as of pages
	if isMethod(x.Method) {
		name = x.Method
	}
	if x.Side == timeline.Server {
		kind = spanServer
	}
	s.open(ids, number, parent, name, kind, x.stretch)
	attributes(s, "", httpFacts, newHTTPSpan(x))
}

// open writes what every span has, and leaves its attributes open.
func (s *spanWriter) open(ids spanIDs, number, parent int, name string, kind int, t stretch) {
	if !s.first {
		s.raw(",")
	}
	s.first = false
	s.raw("\n{\"traceId\":\"")
	s.buf = hex.AppendEncode(s.buf, ids.trace[:])
	s.raw(`","spanId":"`)
	s.spanID(ids, number)
	if parent >= 0 {
		s.raw(`","parentSpanId":"`)
		s.spanID(ids, parent)
	}
	s.raw(`","name":`)
	s.text(name)
	s.raw(`,"kind":`)
	s.buf = strconv.AppendInt(s.buf, int64(kind), 10)
	s.time("startTimeUnixNano", t.start)
	s.time("endTimeUnixNano", t.end)
	s.raw(`,"attributes":[`)
}

func (s *spanWriter) spanID(ids spanIDs, number int) {
	s.buf = hex.AppendEncode(s.buf, binary.BigEndian.AppendUint64(nil, ids.first+uint64(number)))
}

func (s *spanWriter) time(name string, t etl.Time) {
	s.raw(`,"` + name + `":"`)
	s.buf = strconv.AppendUint(s.buf, unixNano(t), 10)
	s.raw(`"`)
}

// end writes the status of a span whose attributes are written, and closes it.
func (s *spanWriter) end(outcome timeline.Outcome, message string) {
	if outcome == timeline.Failed || outcome == timeline.Cancelled {
		s.raw(`,"status":{"code":` + strconv.Itoa(spanError))
		if message != "" {
			s.raw(`,"message":`)
			s.text(message)
		}
		s.raw("}")
	}
	s.raw("}")
}

// attributes appends what is known of something to a list of attributes.
func attributes[R any](s *spanWriter, prefix string, columns []column[R], row R) {
	for _, c := range columns {
		v := c.value(row)
		if v.value == "" {
			continue
		}
		if s.buf[len(s.buf)-1] == '}' {
			s.raw(",")
		}
		s.raw(`{"key":"` + prefix + c.name + `","value":{`)
		switch {
		case !v.literal:
			s.raw(`"stringValue":`)
			s.text(v.value)
		case v.value == "true" || v.value == "false":
			s.raw(`"boolValue":` + v.value)
		case strings.Contains(v.value, "."):
			s.raw(`"doubleValue":` + v.value)
		default:
			s.raw(`"intValue":"` + v.value + `"`)
		}
		s.raw("}}")
	}
}

// exchange writes the spans of a request at the machine that it is of.
func (s *spanWriter) exchange(x *exchange) {
	ids := s.ids(x)
	pieces := within(x.Phases, x.stretch)
	whole, out := x, (*exchange)(nil)
	if x.Proxied {
		if whole = x.inbound(); len(pieces) > 0 {
			out = x.outbound(pieces)
		}
	}
	s.begin(ids, numberRoot, -1, whole)
	attributes(s, "etwhy.", exchangeFacts, x)
	message := ""
	if v := x.Verdict; v != nil {
		message = v.Title
		attributes(s, "etwhy.", verdictFacts, v)
	}
	s.raw("]")
	s.evidence(x)
	s.end(x.Outcome, message)

	parent := numberRoot
	if out != nil {
		parent = numberOutbound
		s.begin(ids, numberOutbound, numberRoot, out)
		s.raw("]")
		s.end(out.Outcome, failure(out.Error))
	}
	s.phases(ids, numberPhases, parent, pieces)
}

// behind writes the spans of what the content server, b, saw of a request.
func (s *spanWriter) behind(x, b *exchange) {
	ids := s.ids(x)
	parent, first := numberRoot, numberPhases+len(within(x.Phases, x.stretch))
	if x.Proxied && first > numberPhases {
		parent = numberOutbound
	}
	s.begin(ids, numberBehind, parent, b)
	attributes(s, "etwhy.", exchangeFacts, b)
	s.raw("]")
	s.end(b.Outcome, "")
	s.phases(ids, first, numberBehind, within(b.Phases, b.stretch))
}

// phases writes phases as spans below another one, numbered from first on.
func (s *spanWriter) phases(ids spanIDs, first, parent int, pieces []piece) {
	for i := range pieces {
		p := &pieces[i]
		s.open(ids, first+i, parent, stepOf(p.Phase), spanInternal, p.stretch)
		attributes(s, "etwhy.", pieceFacts, p)
		s.raw("]")
		s.end(p.Outcome, failure(p.Error))
	}
}

// failure says what a code means; 0 says nothing.
func failure(c timeline.Code) string {
	if c == 0 {
		return ""
	}
	return code(c)
}

// evidence writes what the verdict rests on as events of a span. What has no time has that of the span's end.
func (s *spanWriter) evidence(x *exchange) {
	if x.Verdict == nil || len(x.Verdict.Evidence) == 0 {
		return
	}
	s.raw(`,"events":[`)
	for i, e := range x.Verdict.Evidence {
		if i > 0 {
			s.raw(",")
		}
		facts := []column[timeline.Evidence]{
			{"text", func(e timeline.Evidence) cell { return text(e.Text) }},
			{"input", func(e timeline.Evidence) cell { return text(s.a.source(e.Input)) }},
			{"line", func(e timeline.Evidence) cell { return positive(e.Line) }},
			{"record", func(e timeline.Evidence) cell {
				if e.Record > math.MaxInt64 {
					return text(strconv.FormatUint(e.Record, 10))
				}
				return positive(e.Record)
			}},
			{"key", func(e timeline.Evidence) cell { return yes(e.Key) }},
			{"time_unknown", func(e timeline.Evidence) cell { return yes(!plausible(e.Time)) }},
		}
		at := x.end
		if plausible(e.Time) {
			at = e.Time
		}
		s.raw(`{"name":"evidence"`)
		s.time("timeUnixNano", at)
		s.raw(`,"attributes":[`)
		attributes(s, "etwhy.", facts, e)
		s.raw("]}")
	}
	s.raw("]")
}

// inbound returns a proxied request as its client saw it. What went wrong behind is not of this half.
func (x *exchange) inbound() *exchange {
	r := *x.Request
	r.Side, r.Server, r.Connection, r.Error, r.WinHTTP, r.Phases = timeline.Server, "", nil, 0, timeline.WinHTTPCode{}, nil
	return &exchange{&r, x.stretch, x.input, x.machine}
}

// outbound returns a proxied request as the proxy sent it on.
func (x *exchange) outbound(pieces []piece) *exchange {
	r := *x.Request
	last := pieces[len(pieces)-1]
	t := stretch{start: pieces[0].start, end: last.end, open: last.open}
	for _, p := range pieces {
		t.end = max(t.end, p.end)
	}
	r.Proxied, r.URL, r.Host, r.Client, r.Status, r.HasSub, r.Outcome = false, "", "", "", 0, false, last.Outcome
	if n := len(r.Attempts); n > 0 {
		r.URL, r.Status = r.Attempts[n-1].URL, r.Attempts[n-1].Status
	}
	switch {
	case r.Outcome == timeline.OK && r.Status >= 500:
		r.Outcome = timeline.Failed
	case r.Outcome == timeline.OK:
		r.Error, r.WinHTTP = 0, timeline.WinHTTPCode{}
	}
	return &exchange{&r, t, x.input, x.machine}
}

// methods are those that the conventions know: of RFC 9110, and PATCH.
var methods = []string{"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}

func isMethod(s string) bool { return slices.Contains(methods, s) }

// An httpSpan is an exchange as the conventions for HTTP see it.
type httpSpan struct {
	*exchange
	url                string // absolute; "" = unknown
	scheme, host, port string
	path, query        string
	peer, local        string // addresses at the other end of the connection and at this one
}

func newHTTPSpan(x *exchange) *httpSpan {
	h := &httpSpan{exchange: x}
	h.local, h.peer = x.ends()
	if x.Side == timeline.Server {
		h.local, h.peer = h.peer, h.local
	}
	if x.URL == "" {
		return h
	}
	u := x.absolute()
	var rest string
	h.scheme, rest, _ = strings.Cut(u, "://")
	rest, _, _ = strings.Cut(rest, "#")
	rest, h.query, _ = strings.Cut(rest, "?")
	host, path, _ := strings.Cut(rest, "/")
	h.path = "/" + path
	if host == noHost {
		h.scheme = ""
		return h
	}
	h.url = u
	h.host, h.port = timeline.SplitHost(timeline.Authority(u))
	h.port = cmp.Or(h.port, map[string]string{"http": "80", "ws": "80", "https": "443", "wss": "443"}[h.scheme])
	return h
}

// httpFacts are the attributes of the conventions for HTTP.
var httpFacts = []column[*httpSpan]{
	{"http.request.method", func(h *httpSpan) cell {
		if h.Method != "" && !isMethod(h.Method) {
			return text("_OTHER")
		}
		return text(h.Method)
	}},
	{"http.request.method_original", func(h *httpSpan) cell {
		if isMethod(h.Method) {
			return cell{}
		}
		return text(h.Method)
	}},
	{"url.full", func(h *httpSpan) cell { return text(h.url) }},
	{"url.scheme", ofServer(func(h *httpSpan) string { return h.scheme })},
	{"url.path", ofServer(func(h *httpSpan) string { return h.path })},
	{"url.query", ofServer(func(h *httpSpan) string { return h.query })},
	{"http.response.status_code", func(h *httpSpan) cell { return positive(h.Status) }},
	{"server.address", func(h *httpSpan) cell { return text(h.host) }},
	{"server.port", func(h *httpSpan) cell {
		if n, err := strconv.ParseUint(h.port, 10, 16); err == nil {
			return positive(n)
		}
		return cell{}
	}},
	{"client.address", ofServer(func(h *httpSpan) string { return addressOf(h.peer).value })},
	{"network.peer.address", func(h *httpSpan) cell { return addressOf(h.peer) }},
	{"network.peer.port", func(h *httpSpan) cell { return portOf(h.peer) }},
	{"network.local.address", func(h *httpSpan) cell { return addressOf(h.local) }},
	{"network.local.port", func(h *httpSpan) cell { return portOf(h.local) }},
	{"error.type", func(h *httpSpan) cell { return text(h.errorType()) }},
}

// ofServer is an attribute that only what answers has.
func ofServer(value func(*httpSpan) string) func(*httpSpan) cell {
	return func(h *httpSpan) cell {
		if h.Side != timeline.Server {
			return cell{}
		}
		return text(value(h))
	}
}

func addressOf(s string) cell {
	if addr, _, ok := timeline.ParseEndpoint(s); ok {
		return text(addr.String())
	}
	return cell{}
}

func portOf(s string) cell {
	_, port, _ := timeline.ParseEndpoint(s)
	return positive(port)
}

// errorType names the kind of error: by its code, else by the status.
func (h *httpSpan) errorType() string {
	switch {
	case h.Outcome == timeline.Cancelled:
		return "cancelled"
	case h.Outcome != timeline.Failed:
		return ""
	case h.Error != 0:
		return cmp.Or(winerr.Name(uint32(h.Error)), winerr.Hex(uint32(h.Error)))
	case h.Status >= 500:
		return strconv.Itoa(h.Status)
	}
	return "_OTHER" // the conventions' word for what has no name
}
