package timeline_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/etl/etltest"
	"github.com/etwhy/etwhy/timeline"
)

var update = flag.Bool("update", false, "write the expectations of the scenarios anew")

// A scenario is a file of testdata/scenarios: what happened, as a trace, and what must come out.
//
//	what it is about
//	-- expect --
//	one line per request, as describe writes it, and the sentence of its verdict
//	-- trace --
//	the text of package etltest
type scenario struct {
	name, path           string
	about, expect, trace string
}

const (
	expectMark = "-- expect --\n"
	traceMark  = "-- trace --\n"
)

func readScenario(t testing.TB, path string) *scenario {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	about, rest, ok1 := strings.Cut(string(data), expectMark)
	expect, trace, ok2 := strings.Cut(rest, traceMark)
	if !ok1 || !ok2 {
		t.Fatalf("%s: sections expect and trace are missing", path)
	}
	return &scenario{strings.TrimSuffix(filepath.Base(path), ".txt"), path, about, expect, trace}
}

func (s *scenario) write(t testing.TB) {
	t.Helper()
	if err := os.WriteFile(s.path, []byte(s.about+expectMark+s.expect+traceMark+s.trace), 0o644); err != nil {
		t.Fatal(err)
	}
}

// parse returns the scenario's trace, anew at each call.
func (s *scenario) parse(t testing.TB) *etltest.Trace {
	t.Helper()
	trace, err := etltest.Parse(s.trace)
	if err != nil {
		t.Fatalf("%s: %v", s.path, err)
	}
	return trace
}

func scenarios(t testing.TB) []*scenario {
	t.Helper()
	paths, err := filepath.Glob("../testdata/scenarios/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	var list []*scenario
	for _, path := range paths {
		list = append(list, readScenario(t, path))
	}
	return list
}

// analyze reads a log the way etwhy does.
func analyze(t testing.TB, data []byte) *timeline.Result {
	t.Helper()
	log, err := etl.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	d := decode.New(log.Header())
	for r, err := range log.Unordered(0, 1) {
		if err != nil {
			t.Fatal(err)
		}
		d.Learn(r)
	}
	b := timeline.NewBuilder(timeline.Options{})
	in := b.Input(timeline.Input{Path: "net.etl", Header: log.Header(), Processes: d.Processes(), Loss: log.Loss()})
	for r, err := range log.Records() {
		if err != nil {
			t.Fatal(err)
		}
		in.Add(d.Decode(r))
	}
	in.Close()
	res := b.Finish()
	validate(t, res)
	validateTexts(t, res)
	return res
}

func analyzeTrace(t testing.TB, trace *etltest.Trace) *timeline.Result {
	t.Helper()
	data, err := trace.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return analyze(t, data)
}

// describe writes a request on one line, as the expectations have it.
func describe(r *timeline.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.ID, r.Outcome)
	add := func(key, format string, args ...any) {
		fmt.Fprintf(&b, " %s="+format, append([]any{key}, args...)...)
	}
	if r.Phase != "" {
		add("phase", "%s", r.Phase)
	}
	if r.Error != 0 {
		add("error", "%d", r.Error)
	}
	if r.WinHTTP.Code != 0 {
		add("winhttp", "%d/%s", r.WinHTTP.Code, r.WinHTTP.From)
	}
	if r.Status != 0 {
		add("status", "%d", r.Status)
	}
	if v := r.Verdict; v != nil {
		add("verdict", "%s/%s", v.ID, v.Confidence)
	}
	if r.Timer != nil {
		add("timer", "%s/%v/%s", r.Timer.Name, r.Timer.Limit, r.Timer.Source)
	}
	if r.Side == timeline.Server {
		add("side", "server")
	}
	if r.Traffic != timeline.App {
		add("traffic", "%s", r.Traffic)
	}
	add("pid", "%d", r.PID)
	if r.Process != "" {
		add("process", "%s", r.Process)
	}
	if r.Server != "" {
		add("server", "%s", r.Server)
	}
	if c := r.Connection; c != nil && c.Reused {
		add("reused", "%v", c.Idle)
	}
	if r.Restarts > 0 {
		add("restarts", "%d", r.Restarts)
	}
	if len(r.Attempts) > 1 {
		add("attempts", "%d", len(r.Attempts))
	}
	if r.Partial != timeline.Whole {
		add("partial", "%s", r.Partial)
	}
	if r.LogID != "" {
		add("log", "%s", r.LogID)
	}
	add("took", "%v", r.Duration())
	for _, p := range r.Phases {
		name := string(p.Name)
		if p.Detail != "" {
			name += "." + p.Detail
		}
		fmt.Fprintf(&b, " %s:%s", name, p.Outcome)
		if p.Error != 0 {
			fmt.Fprintf(&b, ":%d", p.Error)
		}
	}
	fmt.Fprintf(&b, " %s %s", r.Method, r.URL)
	return b.String()
}

// outline writes the requests with the sentences of their verdicts.
func outline(res *timeline.Result) string {
	var b strings.Builder
	for _, r := range res.Requests {
		b.WriteString(describe(r) + "\n")
		if r.Verdict != nil {
			fmt.Fprintf(&b, "  %s\n", r.Verdict.Title)
		}
	}
	return b.String()
}

func TestScenarios(t *testing.T) {
	for _, s := range scenarios(t) {
		t.Run(s.name, func(t *testing.T) {
			res := analyzeTrace(t, s.parse(t))
			if all, err := json.Marshal(res.Requests); err != nil || bytes.Contains(all, []byte("c2VjcmV0")) || bytes.Contains(all, []byte("secret")) {
				t.Errorf("a header that may hold secrets was kept, or %v", err)
			}
			got := outline(res)
			switch {
			case got == s.expect:
			case *update:
				s.expect = got
				s.write(t)
			default:
				t.Errorf("got\n%s\nwant\n%s", got, s.expect)
			}
		})
	}
}
