package report

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/etwhy/etwhy/timeline"
)

// An otlpSpan is a span with its attributes by name and the name of its resource.
type otlpSpan struct {
	*tracepb.Span
	trace, id, parent string // hexadecimal
	of                string
	attr              map[string]string
}

// readOTLP reads what was written as OpenTelemetry's own types: TracesData, whose form is that of an
// ExportTraceServiceRequest.
func readOTLP(t *testing.T, name string, out []byte) (spans []otlpSpan) {
	t.Helper()
	var data tracepb.TracesData
	if err := protojson.Unmarshal(out, &data); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	attributes := func(list []*commonpb.KeyValue) map[string]string {
		m := map[string]string{}
		for _, kv := range list {
			if _, twice := m[kv.Key]; twice {
				t.Errorf("%s: two attributes %s", name, kv.Key)
			}
			switch v := kv.Value.Value.(type) {
			case *commonpb.AnyValue_StringValue:
				m[kv.Key] = v.StringValue
			case *commonpb.AnyValue_IntValue:
				m[kv.Key] = fmt.Sprint(v.IntValue)
			case *commonpb.AnyValue_DoubleValue:
				m[kv.Key] = fmt.Sprint(v.DoubleValue)
			case *commonpb.AnyValue_BoolValue:
				m[kv.Key] = fmt.Sprint(v.BoolValue)
			}
			if m[kv.Key] == "" {
				t.Errorf("%s: attribute %s says nothing", name, kv.Key)
			}
		}
		return m
	}
	// The JSON of protobuf has bytes in Base64. Hexadecimal digits are such, too: written as Base64 they come back.
	id := func(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
	isID := regexp.MustCompile(`^([0-9a-f]{16}){1,2}$`)
	for _, rs := range data.ResourceSpans {
		of := attributes(rs.Resource.Attributes)
		for _, ss := range rs.ScopeSpans {
			if ss.Scope.Name != "etwhy" || len(ss.Spans) == 0 {
				t.Errorf("%s: scope %v with %d spans", name, ss.Scope, len(ss.Spans))
			}
			for _, s := range ss.Spans {
				x := otlpSpan{s, id(s.TraceId), id(s.SpanId), id(s.ParentSpanId), strings.TrimSpace(of["host.name"] + " " + of["service.name"]), attributes(s.Attributes)}
				if len(x.trace) != 32 || len(x.id) != 16 || !isID.MatchString(x.trace) || !isID.MatchString(x.id) || strings.Trim(x.trace, "0") == "" || strings.Trim(x.id, "0") == "" {
					t.Errorf("%s: ids %q %q", name, x.trace, x.id)
				}
				spans = append(spans, x)
			}
		}
	}
	return spans
}

func TestOTLP(t *testing.T) {
	for name, make := range drawn() {
		a := make()
		out := render(t, WriteAnalysis, "otlp", a, Options{})
		if !bytes.Equal(out, render(t, WriteAnalysis, "otlp", make(), Options{})) {
			t.Errorf("%s: written differently the second time", name)
		}
		spans := readOTLP(t, name, out)
		byID := map[string]*otlpSpan{}
		roots, steps := 0, 0
		for i := range spans {
			s := &spans[i]
			if byID[s.id] != nil {
				t.Errorf("%s: two spans %s", name, s.id)
			}
			byID[s.id] = s
		}
		for _, s := range spans {
			at := fmt.Sprintf("%s: %s of %s", name, s.Name, s.attr["etwhy.id"])
			if s.StartTimeUnixNano > s.EndTimeUnixNano || s.StartTimeUnixNano == 0 || s.Name == "" {
				t.Errorf("%s from %d to %d", at, s.StartTimeUnixNano, s.EndTimeUnixNano)
			}
			for _, e := range s.Events {
				if e.TimeUnixNano == 0 || e.Name == "" {
					t.Errorf("%s: event %v", at, e)
				}
			}
			if s.Kind == tracepb.Span_SPAN_KIND_INTERNAL {
				steps++
			}
			if s.parent == "" {
				roots++
				continue
			}
			p := byID[s.parent]
			if p == nil || p.trace != s.trace {
				t.Errorf("%s has no parent in its trace", at)
				continue
			}
			// What the content server does goes on after the proxy has given up.
			if s.Kind != tracepb.Span_SPAN_KIND_SERVER && (s.StartTimeUnixNano < p.StartTimeUnixNano || s.EndTimeUnixNano > p.EndTimeUnixNano) {
				t.Errorf("%s from %d to %d, below %s from %d to %d", at, s.StartTimeUnixNano, s.EndTimeUnixNano, p.Name, p.StartTimeUnixNano, p.EndTimeUnixNano)
			}
		}
		list, _ := a.exchanges()
		want := 0
		for i := range list {
			x := &list[i]
			want += len(within(x.Phases, x.stretch))
			if b := a.behind(x); b != nil {
				want += len(within(b.Phases, b.stretch))
			}
		}
		if roots != len(list) || steps != want {
			t.Errorf("%s: %d requests with %d phases, want %d with %d", name, roots, steps, len(list), want)
		}
	}
}

// Times are whole nanoseconds as strings, and enums numbers, as OTLP wants; protojson would take more.
func TestOTLPForm(t *testing.T) {
	out := render(t, WriteAnalysis, "otlp", awkward(), Options{})
	for _, bad := range []string{`UnixNano":\d`, `"kind":"`, `"code":"`, `"intValue":\d`, `_[a-z]+":[^{]*UnixNano`} {
		if at := regexp.MustCompile(bad).FindIndex(out); at != nil {
			t.Errorf("%.100s", out[at[0]:])
		}
	}
	if out := render(t, WriteAnalysis, "otlp", &Analysis{Tool: tool}, Options{}); !json.Valid(out) || !bytes.Contains(out, []byte(`"resourceSpans":[`)) {
		t.Errorf("of nothing: %s", out)
	}
}

func TestOTLPValues(t *testing.T) {
	spans := readOTLP(t, "awkward", render(t, WriteAnalysis, "otlp", awkward(), Options{}))
	find := func(id string, kind tracepb.Span_SpanKind, of string) *otlpSpan {
		for i := range spans {
			if s := &spans[i]; s.attr["etwhy.id"] == id && s.Kind == kind && strings.Contains(s.of, of) {
				return s
			}
		}
		t.Fatalf("no span of %s", id)
		return nil
	}
	// A proxied request: what the client saw, what the proxy did, what the content server saw.
	in := find("r13", tracepb.Span_SPAN_KIND_SERVER, "ARR01")
	behind := find("r13", tracepb.Span_SPAN_KIND_SERVER, "WEB16")
	var out *otlpSpan
	for i := range spans {
		if spans[i].id == behind.parent {
			out = &spans[i]
		}
	}
	if in.parent != "" || out == nil || out.parent != in.id || out.Kind != tracepb.Span_SPAN_KIND_CLIENT || in.trace != "dbf06c50adb041418c0420bc2f193a61" {
		t.Fatalf("%v > %v > %v", in, out, behind)
	}
	for _, test := range []struct {
		of   *otlpSpan
		want map[string]string
	}{
		{in, map[string]string{
			"http.request.method": "GET", "http.response.status_code": "502", "url.full": "http://192.168.0.216/time/", "url.path": "/time/", "url.scheme": "http",
			"error.type": "502", "etwhy.verdict": "T1", "etwhy.phase": "receive", "etwhy.error_name": "ERROR_TIMEOUT", "etwhy.timer_ms": "30000", "etwhy.proxied": "true",
			"network.peer.address": "", "etwhy.unfinished": "",
		}},
		{out, map[string]string{
			"http.request.method": "GET", "http.response.status_code": "", "server.address": "192.168.0.216", "server.port": "80", "network.peer.address": "192.168.0.216",
			"network.local.address": "10.0.0.5", "network.local.port": "50001", "error.type": "ERROR_TIMEOUT", "url.path": "",
		}},
		{behind, map[string]string{"http.response.status_code": "200", "etwhy.unfinished": "true", "etwhy.outcome": "unfinished", "error.type": "", "etwhy.input": "case/web.etl"}},
		{find("r3", tracepb.Span_SPAN_KIND_CLIENT, "Shop"), map[string]string{"etwhy.unfinished": "true", "http.response.status_code": "", "error.type": ""}},
		{find("r14", tracepb.Span_SPAN_KIND_SERVER, "WEB16"), map[string]string{
			"url.path": "/only/a%20path%C3%A9", "url.query": "x=%25zz&y=1+1&&=z", "client.address": "127.0.0.1", "network.peer.port": "51210", "error.type": "503",
		}},
		{find("r15", tracepb.Span_SPAN_KIND_CLIENT, ""), map[string]string{"http.request.method": "_OTHER", "http.request.method_original": "=cmd|' /C calc'!A0"}},
	} {
		for key, want := range test.want {
			if got := test.of.attr[key]; got != want {
				t.Errorf("%s, %s is %q, want %q", test.of.attr["etwhy.id"], key, got, want)
			}
		}
	}
	if in.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR || in.Status.Message != "192.168.0.216 sent no answer within 30 s" || len(in.Events) != 6 {
		t.Errorf("status %v, %d events", in.Status, len(in.Events))
	}
	var texts []string
	for _, e := range in.Events {
		for _, kv := range e.Attributes {
			if kv.Key == "etwhy.text" || kv.Key == "etwhy.time_unknown" {
				texts = append(texts, fmt.Sprint(kv.Value.GetStringValue(), kv.Value.GetBoolValue()))
			}
		}
	}
	if !slices.Contains(texts, "WebIO 201 connectedfalse") || len(texts) != 7 {
		t.Errorf("evidence: %q", texts)
	}
}

// Requests of one process are of one resource, those of another machine of another.
func TestOTLPResources(t *testing.T) {
	counts := map[string]int{}
	for _, s := range readOTLP(t, "awkward", render(t, WriteAnalysis, "otlp", awkward(), Options{})) {
		if s.Kind != tracepb.Span_SPAN_KIND_INTERNAL && s.attr["etwhy.id"] != "r15" {
			counts[s.of]++
		}
	}
	want := map[string]int{"ARR01 Shop": 9, "ARR01 ARR01": 1, "ARR01 ARRPool": 2, "WEB16 WEB16": 1, "WEB16 DefaultAppPool": 1}
	if diff := gocmp.Diff(want, counts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	golden(t, "otlp/receive-timeout.json", render(t, WriteAnalysis, "otlp", models["receive-timeout-alone"](), Options{}))
}

func TestErrorType(t *testing.T) {
	for _, test := range []struct {
		r    timeline.Request
		want string
	}{
		{timeline.Request{Outcome: timeline.OK, Status: 404}, ""}, {timeline.Request{Outcome: timeline.Unfinished}, ""},
		{timeline.Request{Outcome: timeline.Cancelled, Error: 995}, "cancelled"}, {timeline.Request{Outcome: timeline.Failed, Error: 10061, Status: 502}, "WSAECONNREFUSED"},
		{timeline.Request{Outcome: timeline.Failed, Error: 0xDEADBEEF}, "0xDEADBEEF"}, {timeline.Request{Outcome: timeline.Failed, Status: 503}, "503"}, {timeline.Request{Outcome: timeline.Failed}, "_OTHER"},
	} {
		if got := newHTTPSpan(&exchange{Request: &test.r}).errorType(); got != test.want {
			t.Errorf("%+v: %s, want %s", test.r, got, test.want)
		}
	}
}
