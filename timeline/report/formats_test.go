package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// The names that scripts rely on, in order. A field may be added behind these lists, none renamed.
var (
	inputKeys = []string{"path", "container", "kind", "size", "sha256", "machine", "role", "start", "end", "utc_offset_min",
		"os_build", "pointer_size", "clock", "records", "records_by_kind", "events", "undecoded", "events_lost", "buffers_lost",
		"sequence_gaps", "open", "providers", "anomalies", "clock_offset_ms", "clock_offset_from", "error", "duplicate_of", "compression", "note"}
	requestKeys = []string{"id", "input", "side", "proxied", "pid", "process", "app_pool", "method", "url", "host", "server",
		"start", "duration_ms", "status", "substatus", "traffic", "outcome", "phase", "error", "winhttp", "phases", "attempts",
		"restarts", "partial", "made_by", "timer", "connection", "log_id", "client", "farm", "verdict", "related", "behind", "unjoined"}
	keysAt = map[string][]string{
		"":                                 {"schema", "tool", "redaction", "inputs", "requests", "summary", "discoveries"},
		"tool":                             {"name", "version"},
		"redaction":                        {"mode", "key_id", "counts"},
		"inputs[]":                         inputKeys,
		"inputs[].records_by_kind":         {"event", "classic", "kernel", "message", "other"},
		"inputs[].providers[]":             {"guid", "name", "events"},
		"inputs[].anomalies[]":             {"kind", "offset", "detail"},
		"requests[]":                       requestKeys,
		"requests[].error":                 {"code", "hex", "name"},
		"requests[].winhttp":               {"code", "hresult", "name", "from"},
		"requests[].phases[]":              {"name", "start", "duration_ms", "outcome", "error", "detail"},
		"requests[].phases[].error":        {"code", "hex", "name"},
		"requests[].attempts[]":            {"url", "status", "start", "error"},
		"requests[].attempts[].error":      {"code", "hex", "name"},
		"requests[].made_by":               {"tier", "module"},
		"requests[].timer":                 {"name", "ms", "source"},
		"requests[].connection":            {"local", "remote", "reused", "age_ms", "idle_ms"},
		"requests[].verdict":               {"id", "title", "confidence", "evidence", "next_steps", "rejected", "open", "context", "at_least"},
		"requests[].verdict.evidence[]":    {"input", "time", "text", "line", "record"},
		"requests[].verdict.rejected[]":    {"id", "why"},
		"requests[].related[]":             {"input", "kind", "by", "confidence", "time", "text", "line", "record", "request"},
		"summary":                          {"requests", "ok", "failed", "cancelled", "unfinished", "filtered_out", "verdicts", "probes", "background", "unattributed", "unjoined", "counted"},
		"summary.counted":                  {"ok", "failed", "cancelled"},
		"requests[].behind":                {"input", "start", "duration_ms", "status", "substatus", "phases"},
		"requests[].behind.phases[]":       {"name", "start", "duration_ms", "outcome", "error", "detail"},
		"discoveries[]":                    {"machine", "verdict"},
		"discoveries[].verdict":            {"id", "title", "confidence", "evidence", "next_steps", "rejected", "open", "context", "at_least"},
		"discoveries[].verdict.evidence[]": {"input", "time", "text", "line", "record"},
		"discoveries[].verdict.rejected[]": {"id", "why"},
		"requests[].behind.phases[].error": {"code", "hex", "name"},
		"summary.verdicts[]":               {"id", "title", "count"},
	}
)

// full is a model in which every field of the output has a value.
func full() *Analysis {
	a := models["receive-timeout"]()
	in := &a.Inputs[0]
	in.Container, in.Machine, in.Role, in.Error, in.DuplicateOf = "net.cab", "ARR01", "arr", "cut", ""
	in.ClockOffset, in.ClockOffsetFrom = 12_345, "net2.etl"
	in.Log.Anomalies = []etl.Anomaly{{Kind: etl.CutRecord, Offset: 4096, Detail: "x"}}
	r := a.Requests[40]
	r.Status, r.SubStatus, r.HasSub = 502, 3, true
	r.MadeBy = &timeline.MadeBy{Tier: "arr", Module: "ApplicationRequestRouting"}
	r.Client, r.Partial = "192.168.0.204:49247", timeline.PartialEnd
	r.Connection.Reused, r.Connection.Opened, r.Connection.Idle = true, r.Start.Add(-time.Second), ms(250.5)
	r.Behind = &timeline.Behind{Start: r.Start, End: r.End, Took: time.Second, Status: 200, Phases: r.Phases[2:]}
	a.Discoveries = []timeline.Discovery{{Machine: &timeline.Machine{Name: "ARR01"}, Verdict: r.Verdict}}
	r.Related = []timeline.Related{{Input: 0, Kind: "iis-log", By: "log_id", Confidence: timeline.Certain, Time: r.End, Text: "502.3", Place: timeline.Place{Line: 23, Record: 1 << 60}}}
	r.Verdict.Evidence[0].Place = timeline.Place{Line: 7, Record: 1234}
	return a
}

func render(t *testing.T, write func(io.Writer, string, *Analysis, Options) error, format string, a *Analysis, opt Options) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out, format, a, opt); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// objects calls visit for every object of a JSON text with its place and its names in order.
func objects(t *testing.T, text []byte, visit func(at string, keys []string)) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	var value func(at string)
	value = func(at string) {
		tok, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		switch tok {
		case json.Delim('{'):
			var keys []string
			for d.More() {
				key, err := d.Token()
				if err != nil {
					t.Fatal(err)
				}
				keys = append(keys, key.(string))
				value(strings.TrimPrefix(at+"."+key.(string), "."))
			}
			visit(at, keys)
		case json.Delim('['):
			for d.More() {
				value(at + "[]")
			}
		default:
			return
		}
		if _, err := d.Token(); err != nil {
			t.Fatal(err)
		}
	}
	value("")
	if _, err := d.Token(); err != io.EOF {
		t.Errorf("more than one JSON value: %v", err)
	}
}

func TestJSONNames(t *testing.T) {
	seen := map[string]bool{}
	objects(t, render(t, WriteAnalysis, "json", full(), Options{Redact: defaults()}), func(at string, keys []string) {
		if strings.HasPrefix(at, "redaction.") {
			return // counts by kind
		}
		seen[at] = true
		if diff := cmp.Diff(keysAt[at], keys); diff != "" {
			t.Errorf("%q (-want +got):\n%s", at, diff)
		}
	})
	for at := range keysAt {
		if !seen[at] {
			t.Errorf("no object at %q", at)
		}
	}
}

// JSON of every model: one value, no empty text where null is meant, the numbers of the summary right.
func TestJSONModels(t *testing.T) {
	t.Parallel()
	for _, name := range modelNames() {
		text := render(t, WriteAnalysis, "json", models[name](), Options{Redact: defaults()})
		var got struct {
			Schema   string
			Inputs   []map[string]any
			Requests []map[string]any
			Summary  struct {
				Requests, OK, Failed, Cancelled, Unfinished int
				FilteredOut                                 int `json:"filtered_out"`
				Background                                  int
				Unjoined                                    int
				Counted                                     struct{ OK, Failed, Cancelled int }
				Verdicts                                    []struct{ Count int }
			}
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s := got.Summary
		if got.Schema != "etwhy/analysis/1" || s.Requests+s.Unjoined != len(got.Requests)+s.Counted.OK+s.Counted.Failed+s.Counted.Cancelled || s.OK+s.Failed+s.Cancelled+s.Unfinished != s.Requests {
			t.Errorf("%s: schema %q, summary %+v, %d requests", name, got.Schema, s, len(got.Requests))
		}
		verdicts := 0
		for _, v := range s.Verdicts {
			verdicts += v.Count
		}
		a := models[name]()
		judged := 0
		for _, r := range a.Requests {
			if r.Verdict != nil {
				judged++
			}
		}
		if verdicts != judged || s.FilteredOut != a.FilteredOut || s.Background != len(a.Aside) {
			t.Errorf("%s: summary %+v", name, s)
		}
		if bytes.Contains(text, []byte(`:""`)) {
			t.Errorf("%s: an empty text, where null is meant", name)
		}
	}
}

func TestJSONValues(t *testing.T) {
	var got struct {
		Inputs   []map[string]any
		Requests []map[string]any
	}
	text := render(t, WriteAnalysis, "json", full(), Options{Redact: defaults()})
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	r := got.Requests[40]
	for name, want := range map[string]any{
		"id": "r41", "input": "case/net.etl", "side": "client", "proxied": false, "pid": 1432.0, "app_pool": "ARRPool",
		"start": "2011-07-22T12:31:52.9000000Z", "duration_ms": 30002.0, "status": 502.0, "substatus": 3.0,
		"traffic": "app", "outcome": "failed", "phase": "receive", "partial": "end", "farm": nil,
		"error":      map[string]any{"code": 1460.0, "hex": "0x5B4", "name": "ERROR_TIMEOUT"},
		"winhttp":    map[string]any{"code": 12002.0, "hresult": "0x80072EE2", "name": "ERROR_WINHTTP_TIMEOUT", "from": "trace"},
		"timer":      map[string]any{"name": "receive", "ms": 30000.0, "source": "trace"},
		"connection": map[string]any{"local": "10.0.0.5:50001", "remote": "192.168.0.216:80", "reused": true, "age_ms": 1000.0, "idle_ms": 250.5},
		"made_by":    map[string]any{"tier": "arr", "module": "ApplicationRequestRouting"},
	} {
		if diff := cmp.Diff(want, r[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	in := got.Inputs[0]
	for name, want := range map[string]any{
		"utc_offset_min": 120.0, "os_build": 20348.0, "clock": "qpc", "records": 814769.0, "events": 812410.0, "undecoded": 0.0,
		"events_lost": 0.0, "sequence_gaps": 0.0, "open": false, "clock_offset_ms": 1.2345, "compression": "xpress",
	} {
		if diff := cmp.Diff(want, in[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Verdicts are counted by what they say: one title never stands for another server.
func TestSummaryVerdicts(t *testing.T) {
	var got struct {
		Summary struct{ Verdicts []verdictCountJSON }
	}
	if err := json.Unmarshal(render(t, WriteAnalysis, "json", models["unknown-servers"](), Options{Redact: defaults()}), &got); err != nil {
		t.Fatal(err)
	}
	want := []verdictCountJSON{
		{"C1", "beta refused the connection", 2}, {"C1", "alpha refused the connection", 1}, {"N1", "the name gamma is not known", 1},
	}
	if diff := cmp.Diff(want, got.Summary.Verdicts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What began before the trace has no duration, in no format.
func TestUnknownStart(t *testing.T) {
	a := models["cut-start"]()
	var got struct {
		Start    *string
		Duration *float64 `json:"duration_ms"`
		Phases   []struct {
			Start    *string
			Duration *float64 `json:"duration_ms"`
		}
	}
	if err := json.Unmarshal(render(t, WriteAnalysis, "ndjson", a, Options{Redact: defaults()}), &got); err != nil {
		t.Fatal(err)
	}
	if got.Start == nil || got.Duration != nil {
		t.Errorf("request: start %v, duration %v", got.Start, got.Duration)
	}
	if len(got.Phases) != 1 || got.Phases[0].Start != nil || got.Phases[0].Duration != nil {
		t.Errorf("phases: %+v", got.Phases)
	}
	for command, write := range map[string]func(io.Writer, string, *Analysis, Options) error{"analyze": WriteAnalysis, "timeline": WriteTimeline} {
		rows := readCSV(t, command, render(t, write, "csv", a, Options{Redact: defaults()}))
		if v := rows[1][slices.Index(rows[0], "duration_ms")]; v != "" {
			t.Errorf("%s: duration %s in csv", command, v)
		}
	}
}

// The header of a log that was never closed does not know what was lost.
func TestOpenLog(t *testing.T) {
	a := models["open-log"]()
	var got struct{ Inputs []map[string]any }
	if err := json.Unmarshal(render(t, WriteInfo, "json", a, Options{Redact: defaults()}), &got); err != nil {
		t.Fatal(err)
	}
	rows := readCSV(t, "info", render(t, WriteInfo, "csv", a, Options{Redact: defaults()}))
	for _, name := range []string{"events_lost", "buffers_lost"} {
		if v := got.Inputs[0][name]; v != nil {
			t.Errorf("%s is %v in json", name, v)
		}
		if v := rows[1][slices.Index(rows[0], name)]; v != "" {
			t.Errorf("%s is %s in csv", name, v)
		}
	}
	if v := got.Inputs[0]["open"]; v != true {
		t.Errorf("open is %v", v)
	}
	a.Inputs[0].Log.Loss.EventsLost = 3
	if err := json.Unmarshal(render(t, WriteInfo, "json", a, Options{Redact: defaults()}), &got); err != nil {
		t.Fatal(err)
	}
	if v := got.Inputs[0]["events_lost"]; v != 3.0 {
		t.Errorf("3 lost events are %v in json", v)
	}
}

func TestInfoJSON(t *testing.T) {
	objects(t, render(t, WriteInfo, "json", full(), Options{Redact: defaults()}), func(at string, keys []string) {
		want := keysAt[at]
		if at == "" {
			want = []string{"schema", "tool", "redaction", "inputs"}
		}
		if diff := cmp.Diff(want, keys); diff != "" && !strings.HasPrefix(at, "redaction.") {
			t.Errorf("%q (-want +got):\n%s", at, diff)
		}
	})
	lines := bytes.Split(bytes.TrimSpace(render(t, WriteInfo, "ndjson", models["many-ways"](), Options{Redact: defaults()})), []byte("\n"))
	if len(lines) != 31 {
		t.Fatalf("%d lines for 31 inputs", len(lines))
	}
	for _, l := range lines {
		objects(t, l, func(at string, keys []string) {
			if diff := cmp.Diff(keysAt[strings.TrimSuffix("inputs[]."+at, ".")], keys); diff != "" {
				t.Errorf("%q (-want +got):\n%s", at, diff)
			}
		})
	}
}

func TestNDJSON(t *testing.T) {
	t.Parallel()
	for _, name := range modelNames() {
		a := models[name]()
		out := render(t, WriteAnalysis, "ndjson", a, Options{Redact: defaults()})
		n := 0
		for l := range bytes.Lines(out) {
			if n++; n > 300 {
				continue
			}
			objects(t, l, func(at string, keys []string) {
				if diff := cmp.Diff(keysAt[strings.TrimSuffix("requests[]."+at, ".")], keys); diff != "" {
					t.Errorf("%s, line %d, %q (-want +got):\n%s", name, n, at, diff)
				}
			})
		}
		if n != len(a.Requests) {
			t.Errorf("%s: %d lines for %d requests", name, n, len(a.Requests))
		}
	}
}

// The header lines that scripts rely on.
var csvHeaders = map[string]string{
	"analyze":  "id,start,duration_ms,outcome,phase,method,url,server,status,substatus,error_code,error_name,winhttp_code,winhttp_name,verdict,confidence,side,pid,process,app_pool,input",
	"timeline": "request_id,phase,detail,start,duration_ms,outcome,error_code,error_name,winhttp_code,winhttp_name,method,url,server,pid,process,app_pool,input",
	"info":     "path,container,kind,size,sha256,machine,role,start,end,utc_offset_min,os_build,pointer_size,clock,records,events,undecoded,events_lost,buffers_lost,sequence_gaps,open,anomalies,error,duplicate_of,compression",
}

// readCSV parses what a writer wrote, and checks what holds for all CSV.
func readCSV(t *testing.T, name string, text []byte) [][]string {
	t.Helper()
	for l := range bytes.Lines(text) {
		if !bytes.HasSuffix(l, []byte("\r\n")) && bytes.Count(l, []byte(`"`))%2 == 0 {
			t.Fatalf("%s: line without CRLF: %q", name, l)
		}
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, row := range rows {
		for i, c := range row {
			if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) && !slices.Contains([]string{"utc_offset_min"}, rows[0][i]) {
				t.Errorf("%s: a spreadsheet would run %q", name, c)
			}
		}
	}
	return rows
}

func TestCSV(t *testing.T) {
	writers := map[string]func(io.Writer, string, *Analysis, Options) error{
		"analyze": WriteAnalysis, "timeline": WriteTimeline, "info": WriteInfo,
	}
	for command, write := range writers {
		for _, name := range modelNames() {
			rows := readCSV(t, command+" "+name, render(t, write, "csv", models[name](), Options{Redact: defaults()}))
			if got := strings.Join(rows[0], ","); got != csvHeaders[command] {
				t.Errorf("%s: header %s", command, got)
			}
		}
	}
	for _, name := range []string{"connect-timeout", "hostile", "unfinished", "text-form", "server-side"} {
		a := models[name]()
		a.Requests = a.Requests[max(0, len(a.Requests)-3):]
		golden(t, "csv/analyze-"+name+".csv", render(t, WriteAnalysis, "csv", a, Options{Redact: defaults()}))
		golden(t, "csv/timeline-"+name+".csv", render(t, WriteTimeline, "csv", a, Options{Redact: defaults()}))
	}
}

// The rows of timeline are the same in all formats.
func TestTimelineFormats(t *testing.T) {
	t.Parallel()
	for _, name := range modelNames() {
		a := models[name]()
		rows := readCSV(t, name, render(t, WriteTimeline, "csv", a, Options{Redact: defaults()}))
		names, rows := rows[0], rows[1:]
		want := 0
		for _, r := range a.Requests {
			want += max(1, len(r.Phases))
		}
		if len(rows) != want {
			t.Errorf("%s: %d rows, want %d", name, len(rows), want)
		}
		var list []map[string]any
		if err := json.Unmarshal(render(t, WriteTimeline, "json", a, Options{Redact: defaults()}), &list); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		lines := bytes.Split(bytes.TrimSpace(render(t, WriteTimeline, "ndjson", a, Options{Redact: defaults()})), []byte("\n"))
		if len(a.Requests) == 0 {
			lines = nil
		}
		if len(list) != len(rows) || len(lines) != len(rows) {
			t.Fatalf("%s: %d rows in csv, %d in json, %d in ndjson", name, len(rows), len(list), len(lines))
		}
		for i, row := range rows[:min(len(rows), 300)] {
			objects(t, lines[i], func(_ string, keys []string) {
				if diff := cmp.Diff(names, keys); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			})
			for j, cell := range row {
				got := fmt.Sprint(list[i][names[j]])
				switch v := list[i][names[j]].(type) {
				case nil:
					got = ""
				case float64:
					got = strings.TrimSuffix(fmt.Sprintf("%.4f", v), ".0000")
					if strings.Contains(got, ".") {
						got = strings.TrimRight(got, "0")
					}
				}
				if cell = strings.TrimPrefix(cell, "'"); name != "hostile" && got != cell {
					t.Errorf("%s row %d: %s is %q in csv, %q in json", name, i, names[j], cell, got)
				}
			}
		}
	}
}

func TestFormats(t *testing.T) {
	for command, want := range map[string]string{
		"analyze": "table csv json ndjson text markdown html har perfetto otlp", "timeline": "table csv json ndjson", "events": "table csv json ndjson",
		"info": "table csv json ndjson", "explain": "table json", "report": "html text markdown har perfetto otlp", "extract": "", "": "",
	} {
		if got := strings.Join(Formats(command), " "); got != want {
			t.Errorf("Formats(%q) = %s", command, got)
		}
	}
	if err := WriteAnalysis(io.Discard, "xml", full(), Options{Redact: defaults()}); !errors.Is(err, ErrFormat) {
		t.Errorf("unknown format: %v", err)
	}
	if _, err := NewEventWriter(io.Discard, "xml", Options{Redact: defaults()}); !errors.Is(err, ErrFormat) {
		t.Errorf("unknown format: %v", err)
	}
}

// A failing writer ends every format with its error.
func TestWriteErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken pipe")
	model := func() *Analysis { // longer than what is written at a time, in every format that lists requests
		return analysis(append(many(1500, "192.168.0.216:80"), receiveTimeout(at("12:31:52.9")))...)
	}
	for command, write := range map[string]func(io.Writer, string, *Analysis, Options) error{
		"analyze": WriteAnalysis, "timeline": WriteTimeline, "info": WriteInfo,
	} {
		for _, format := range Formats(command) {
			opt := Options{Redact: defaults()}
			var whole bytes.Buffer
			if err := write(&whole, format, model(), opt); err != nil || whole.Len() == 0 {
				t.Errorf("%s %s: %d bytes, %v", command, format, whole.Len(), err)
			}
			for _, n := range []int{0, whole.Len() / 2, whole.Len() - 1} {
				if err := write(&failing{n, broken}, format, model(), opt); !errors.Is(err, broken) {
					t.Errorf("%s %s after %d of %d bytes: %v", command, format, n, whole.Len(), err)
				}
			}
		}
	}
}

// failing takes a number of bytes and then no more.
type failing struct {
	room int
	err  error
}

func (f *failing) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, f.err
	}
	return len(b), nil
}

func TestExplainJSON(t *testing.T) {
	var out bytes.Buffer
	if err := WriteExplanation(&out, "json", winerr.Explain("12002 64"), Options{Redact: defaults()}); err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	if err := json.Unmarshal(out.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 2 || list[0]["symbol"] != "ERROR_WINHTTP_TIMEOUT" {
		t.Errorf("explain 12002 64 = %v", list)
	}
}

func TestMillis(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0", 100: "0.0001", time.Microsecond: "0.001", 1500 * time.Microsecond: "1.5", 30 * time.Second: "30000",
		30*time.Second + 1234_500: "30001.2345", -time.Millisecond - 100: "-1.0001", 99: "0",
	} {
		if got := string(appendMillis(nil, d)); got != want {
			t.Errorf("%d ns = %s ms, want %s", d, got, want)
		}
	}
}

func FuzzTextForms(f *testing.F) {
	for _, s := range []string{"", "=1+1", "a\"b,c\r\nd", "\xff\x00\x1b[0m", "\u2028日本", "-", "\t", "'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		valid := strings.ToValidUTF8(s, "\uFFFD")
		var back string
		if err := json.Unmarshal(appendJSON(nil, s), &back); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		// encoding/json makes one replacement character of each byte, strings one of each run.
		if back != string([]rune(s)) {
			t.Errorf("JSON of %q reads %q", s, back)
		}
		cells, err := csv.NewReader(bytes.NewReader(append(appendCSV([]byte("x,"), s), ",y\r\n"...))).Read()
		if err != nil || len(cells) != 3 {
			t.Fatalf("CSV of %q: %q, %v", s, cells, err)
		}
		got := strings.TrimPrefix(cells[1], "'")
		if s == valid && got != strings.ReplaceAll(strings.TrimPrefix(s, "'"), "\r\n", "\n") {
			t.Errorf("CSV of %q reads %q", s, cells[1])
		}
		for _, l := range wrap(s, 40, 2) {
			if strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r == 0x7F }) {
				t.Errorf("wrap of %q gives %q", s, l)
			}
		}
	})
}
