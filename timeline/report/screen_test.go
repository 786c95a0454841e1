package report

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/clipperhouse/displaywidth"
	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// names of the models, in order.
func modelNames() []string { return slices.Sorted(maps.Keys(models)) }

func TestAnalysisScreen(t *testing.T) {
	for _, name := range modelNames() {
		for _, width := range []int{80, 120} {
			var out bytes.Buffer
			if err := WriteAnalysis(&out, "table", models[name](), Options{Redact: defaults(), Width: width}); err != nil {
				t.Fatal(err)
			}
			golden(t, fmt.Sprintf("analyze/%s.%d.txt", name, width), out.Bytes())
			checkScreen(t, name, out.String(), width, screenLines)
		}
	}
}

// checkScreen holds for every answer: not too long, not too wide, nothing that a terminal obeys, no ids of rules.
func checkScreen(t *testing.T, name, text string, width, most int) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > most {
		t.Errorf("%s at %d: %d lines, want %d at most", name, width, len(lines), most)
	}
	for i, l := range lines {
		if l == "" && (i == 0 || i == len(lines)-1 || lines[i-1] == "") {
			t.Errorf("%s at %d: line %d is empty for nothing", name, width, i+1)
		}
		if w := displaywidth.String(l); w > width && strings.Contains(strings.TrimSpace(l), " ") {
			t.Errorf("%s at %d: line %d is %d wide: %s", name, width, i+1, w, l)
		}
		for _, r := range l {
			if !unicode.IsPrint(r) {
				t.Errorf("%s: line %d holds %q", name, i+1, r)
			}
		}
		if l != strings.TrimRight(l, " ") {
			t.Errorf("%s: line %d ends with blanks", name, i+1)
		}
	}
	for _, id := range []string{"T1", "T4", "C1", "R8", "HTTP-5xx"} {
		if slices.Contains(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\n' || r == '(' || r == ')' }), id) {
			t.Errorf("%s shows the rule id %s", name, id)
		}
	}
}

func TestColor(t *testing.T) {
	for _, name := range []string{"receive-timeout", "healthy", "three-ways"} {
		var plain, color bytes.Buffer
		if err := WriteAnalysis(&plain, "table", models[name](), Options{Redact: defaults(), Width: 100}); err != nil {
			t.Fatal(err)
		}
		if err := WriteAnalysis(&color, "table", models[name](), Options{Redact: defaults(), Width: 100, Color: true}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(color.String(), "\x1b[") || strings.Contains(plain.String(), "\x1b") {
			t.Errorf("%s: colour where it was not asked for, or none where it was", name)
		}
		stripped := strings.NewReplacer(bold, "", red, "", plainColor, "").Replace(color.String())
		if diff := cmp.Diff(plain.String(), stripped); diff != "" {
			t.Errorf("%s: colour changes the text:\n%s", name, diff)
		}
	}
}

func TestInfoScreen(t *testing.T) {
	a := models["many-ways"]()
	a.Inputs = a.Inputs[:3]
	a.Inputs[0].Log.Loss = etl.Loss{EventsLost: 41, BuffersLost: 1, FlagBuffers: 2, SequenceGaps: 908}
	a.Inputs = append(a.Inputs,
		Input{Path: "net.cab", Kind: "cab", Size: 2_300_000_000},
		Input{Path: "net.cab/report.etl", Container: "net.cab", Kind: "etl", Size: 43_210_987, DuplicateOf: "case/net.etl", Log: a.Inputs[0].Log},
		Input{Path: "net.cab/processes.txt", Container: "net.cab", Kind: "netsh-text", Size: 310},
		Input{Path: "net.cab/osinfo.txt", Container: "net.cab", Kind: "other", Size: 812},
		Input{Path: "paste.txt", Kind: "text", Size: 1410, Lines: 14, Entries: 14},
	)
	a.Inputs[0].Log.Providers = a.Inputs[0].Log.Providers[:1]
	for _, width := range []int{80, 120} {
		var out bytes.Buffer
		if err := WriteInfo(&out, "table", a, Options{Redact: defaults(), Width: width}); err != nil {
			t.Fatal(err)
		}
		golden(t, fmt.Sprintf("info.%d.txt", width), out.Bytes())
		checkScreen(t, "info", out.String(), width, 100)
	}
}

func TestTimelineScreen(t *testing.T) {
	for _, name := range []string{"connect-timeout", "unfinished", "hostile", "server-side", "text-form", "filtered-out"} {
		a := models[name]()
		a.Requests = a.Requests[max(0, len(a.Requests)-5):]
		var out bytes.Buffer
		if err := WriteTimeline(&out, "table", a, Options{Redact: defaults(), Width: 100}); err != nil {
			t.Fatal(err)
		}
		golden(t, "timeline/"+name+".txt", out.Bytes())
		checkScreen(t, name, out.String(), 100, 100)
	}
}

func TestExplainScreen(t *testing.T) {
	for _, text := range []string{"12002", "-2147012894", "0x80090326", "502.3", "64", "12092", "Timer_ReqQueue", "WAS 5002", "alert 40", "flag 0x18", "502 3 12002 29889"} {
		for _, width := range []int{80, 120} {
			var out bytes.Buffer
			if err := WriteExplanation(&out, "table", winerr.Explain(text), Options{Redact: defaults(), Width: width}); err != nil {
				t.Fatal(err)
			}
			checkScreen(t, text, out.String(), width, 100)
			if *update || testing.Verbose() {
				t.Logf("%s:\n%s", text, out.String())
			}
		}
	}
}

// Between the widths of the golden files the answers fit as well.
func TestWidths(t *testing.T) {
	t.Parallel()
	for _, name := range modelNames() {
		for width := 70; width <= 130; width += 10 {
			var out bytes.Buffer
			if err := WriteAnalysis(&out, "table", models[name](), Options{Redact: defaults(), Width: width}); err != nil {
				t.Fatal(err)
			}
			checkScreen(t, name, out.String(), width, screenLines)
		}
	}
}

// told renders the answer about a model.
func told(t *testing.T, name string, width int) string {
	t.Helper()
	var out bytes.Buffer
	if err := WriteAnalysis(&out, "table", models[name](), Options{Redact: defaults(), Width: width}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A group that is told of is told of in full; the others are counted.
func TestGroupsWhole(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"three-ways", "ten-ways", "ten-ways-of-leaving", "many-ways", "unknown-servers"} {
		for width := 70; width <= 120; width += 10 {
			text := told(t, name, width)
			groups := strings.Count(text, " x ") - strings.Count(text, "Answers:")
			if name == "many-ways" {
				groups = 1
			}
			if n := strings.Count(text, "How sure:"); n != groups || n == 0 {
				t.Errorf("%s at %d: %d groups, %d times how sure:\n%s", name, width, groups, n, text)
			}
			if n := strings.Count(text, "Cannot be told"); n != groups {
				t.Errorf("%s at %d: %d groups, %d times what cannot be told", name, width, groups, n)
			}
			if strings.HasPrefix(name, "ten-ways") && !strings.Contains(text, fmt.Sprintf("%d other ways", 10-groups)) {
				t.Errorf("%s at %d: %d groups, the others not counted:\n%s", name, width, groups, text)
			}
		}
	}
}

// No group is named after one host that stands for others, and every host is named.
func TestHostsApart(t *testing.T) {
	text := told(t, "unknown-servers", 100)
	for _, title := range []string{"2 x beta refused", "1 x alpha refused", "1 x the name gamma"} {
		if !strings.Contains(text, title) {
			t.Errorf("no %q in\n%s", title, text)
		}
	}
	m := models["unknown-servers"]()
	all := m.groupBy(m.Requests, timeline.Failed, false)
	if got := all[0].title(); got != "a server refused the connection (2 servers, first alpha)" {
		t.Errorf("title of two hosts: %s", got)
	}
}

// A title of several servers names none as the one that it all happened to.
func TestTitleOfMany(t *testing.T) {
	for _, c := range []struct{ server, host, verdict, want string }{
		{"10.0.0.1:80", "shop", "10.0.0.1:80 refused the connection.", "a server refused the connection"},
		{"10.0.0.1:80", "shop", "10.0.0.1 sent no answer within 30 s", "a server sent no answer within 30 s"},
		{"[fe80::1]:443", "shop", "fe80::1 sent no answer", "a server sent no answer"},
		{"10.0.0.1:80", "shop", "the connection to 10.0.0.1:80 was dead: what was sent was not acknowledged", "the connection to a server was dead: what was sent was not acknowledged"},
		{"10.0.0.1:80", "shop", "10.0.0.1:80, which is off", "a server, which is off"},
		{"10.0.0.1:80", "shop", "10.0.0.1:8080 was asked", "10.0.0.1:8080 was asked"},
		{"", "shop", "the name shop is not known", "the name of a server is not known"},
		{"", "", "no answer came in time", "no answer came in time"},
	} {
		r := &timeline.Request{Server: c.server, Host: c.host, Verdict: &timeline.Verdict{Title: c.verdict}}
		other := &timeline.Request{Server: "10.9.9.9:80", Verdict: &timeline.Verdict{Title: "another"}}
		g := &group{told: r, requests: []*timeline.Request{r, other, other}, servers: map[string]bool{target(r): true, "10.9.9.9:80": true}}
		want := c.want + " (2 servers"
		if first := target(r); first != "" {
			want += ", first " + first
		}
		if got := g.title(); got != want+")" {
			t.Errorf("%s: got %q, want %q", c.verdict, got, want+")")
		}
	}
}

// What the verdict rests on is quoted at every width, in order, and nothing else.
func TestSeen(t *testing.T) {
	const want = "Seen (WebIO): connected; sent 412 bytes, the whole request; no byte came back; WebIO gave up on the request: " +
		"1460 ERROR_TIMEOUT, which WinHTTP reports as 12002 ERROR_WINHTTP_TIMEOUT"
	for width := 60; width <= 120; width += 20 {
		text := strings.Join(strings.Fields(told(t, "receive-timeout-alone", width)), " ")
		if !strings.Contains(text, want) {
			t.Errorf("at %d: no %q in\n%s", width, want, text)
		}
	}
	first, last := strings.Repeat("a", 100), strings.Repeat("z", 100)
	for _, c := range []struct {
		list      []string
		allMatter bool
		want      []string
	}{
		{[]string{first, "b", last}, true, []string{first, "b", last}},
		{[]string{first, strings.Repeat("b", 50), "c", last}, true, []string{first, "c", last}},
		{[]string{first, strings.Repeat("b", 50), last}, false, []string{strings.Repeat("b", 50), last}},
		{[]string{strings.Repeat("a", 400)}, true, []string{strings.Repeat("a", 400)}},
		{nil, false, nil},
	} {
		if diff := cmp.Diff(c.want, abridge(slices.Clone(c.list), 240, c.allMatter)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// The table does not contradict the sentences, which are about all requests of the files.
func TestServersUnfiltered(t *testing.T) {
	text := told(t, "filtered-table", 100)
	for _, row := range [][]string{
		{"192.168.0.216:80", "11", "10", "1", "12:26:16"}, // 10 were answered
		{"192.168.0.217:80", "17", "17", "0", "12:31:00"},
	} {
		if !slices.ContainsFunc(strings.Split(text, "\n"), func(l string) bool { return slices.Equal(strings.Fields(l), row) }) {
			t.Errorf("no row %q in\n%s", row, text)
		}
	}
	if strings.Contains(text, "93.184.216.34") {
		t.Errorf("a server of other programs is in the table:\n%s", text)
	}
	if !strings.Contains(text, "also those that are not counted above") {
		t.Errorf("the table is not said to be of all:\n%s", text)
	}
}

func TestSaid(t *testing.T) {
	for _, c := range []struct{ model, want, not string }{
		{"redirect", "redirected to http://10.0.0.6:8080/new/", ""},
		{"cut-start", "start not in the trace, failed 12:26:29.002 UTC", "started"},
		{"cut-start", "", "=="},
		{"text-form", "No process is named in these lines.", "=="},
		{"open-log", "How many events were lost is not recorded.", "No events lost"},
		{"connect-timeout", "Also seen: The error shows up at WinHttpReceiveResponse", "silent. The error"},
		{"unfinished", "Answers: 12 x 200.", ""},
		{"silent-worker", "HttpClient", "Note:"},
		{"silent-filtered", "Careful: w3wp.exe (PID 4120, pool Shop) sent nothing through WinHTTP while the trace ran; other processes did. Either", ""},
		{"several-files", "net.etl 12:31:52.902 connected, sent 412 bytes", "Seen"},
		{"several-files", "server.etl 12:32:22.902 WebIO gave up", "Seen"},
		{"two-servers", "client 192.168.0.204:49247 > ARR01 > 192.168.0.216:80 answered 502.3", "http://test:80"},
		{"two-servers", "Four files agree, joined by X-ARR-LOG-ID dbf06c50-... (server log: by URL, method and time).", ""},
		{"two-servers", "server log 16:51:06 200.0, win32 64", "16:51:06.000"},
		{"two-servers", "finished after 45.2 s: upload 4.0 s, in the queue 8.0 s, work 33.2 s", "clock"},
		{"clock-ahead", "WEB16's clock is 92 s ahead; its times are shown as ARR01's.", "16:52:38"},
		{"clock-ahead", "server log 16:51:06", ""},
		{"rivals", "Not joined, since several fit and one can be it: server log 16:50:51 200.0, 31,200 ms; server log 16:50:52 200.0, 32,100 ms.", "agree"},
		{"pool-off", "At least 318 requests got 503: IIS had switched off application pool Shop after 5 crashes.", "318 of"},
		{"pool-off", "From 09:14:07 to 09:31:55 UTC on WEB02, every request for Shop; the other pools answered normally.", "start not in"},
		{"pool-off", "These requests never reached IIS, so its log has no line for them. The first of them: GET / from 10.0.1.21:49300 at 09:14:07 UTC (r1, r3, r4, r5, ...); the last at 09:31:55.", "Also seen"},
		{"pool-off", "first 503 AppOffline (log rolled since) httperr3.log:5", "The exchange itself went well"},
		{"pool-off", "09:12:19 the worker process of pool Shop ended unexpectedly, 5 times until WAS 5011 09:14:06", "(WAS 5011)"},
		{"pool-off-alone", "318 of 337 requests got 503: application pool Shop was off.", "At least"},
		{"pool-off-alone", "Cannot be told from these files: why it was off", ""},
		{"pool-off-alone", "GET / from 10.0.1.21:49300 failed 09:14:07 UTC pool Shop answered 503", "09:14:07.000"},
		{"pool-off-alone", "the last was at 09:31:55 UTC", "start not in"},
		{"only-counted", "No failed requests: 41,240 of", ""},
		{"only-counted", "Only counted, not looked at one by one: 41,200 lines of logs;", ""},
		{"discovery", "Pool Shop was switched off. ", ""},
		{"discovery-beside", "Also found: Pool Shop was switched off. Do: start the pool", ""},
		{"odd", "5 x the connection became a WebSocket", "If users did"},
	} {
		text := strings.Join(strings.Fields(told(t, c.model, 100)), " ")
		if !strings.Contains(text, c.want) {
			t.Errorf("%s: no %q in %s", c.model, c.want, text)
		}
		if c.not != "" && strings.Contains(text, c.not) {
			t.Errorf("%s: %q in %s", c.model, c.not, text)
		}
	}
	// What makes an answer less sure stands above the story.
	text := told(t, "open-log", 100)
	if careful, story := strings.Index(text, "Careful: The log was never closed"), strings.Index(text, "GET "); careful < 0 || careful > story {
		t.Errorf("not told first:\n%s", text)
	}
	if text := told(t, "silent-worker", 100); !strings.HasPrefix(text, "w3wp.exe (PID 4120, pool Shop) sent nothing") {
		t.Errorf("the silent worker is not told first:\n%s", text)
	}
}

// What makes an answer less sure stands above the details also where the trace cannot answer, and once.
func TestDoubtAboveBlind(t *testing.T) {
	for _, c := range []struct{ aside, filtered bool }{{false, false}, {true, false}, {false, true}} {
		a := models["no-webio"]()
		if c.aside {
			a.Aside = many(2, "10.0.0.11:80")
		}
		if c.filtered {
			a.FilteredOut = 4
		}
		a.Traces[0].Health.Findings = append(a.Traces[0].Health.Findings, timeline.Finding{
			ID: timeline.FindNotClosed, Severity: timeline.Doubt, Title: "The log was never closed: its end may be missing.",
		})
		var out bytes.Buffer
		if err := WriteAnalysis(&out, "table", a, Options{Redact: defaults(), Width: 120}); err != nil {
			t.Fatal(err)
		}
		const doubt = "Careful: The log was never closed"
		if i := strings.Index(out.String(), doubt); strings.Count(out.String(), doubt) != 1 || c.aside != strings.Contains(out.String(), onlyAside) ||
			i > strings.Index(out.String(), "It runs") {
			t.Errorf("%+v: the doubt is not told first, and once:\n%s", c, out.String())
		}
	}
}

// Where handshakes failed here, it is not said that errors come from elsewhere.
// Of several traces each doubt names its own; what holds for all of them is said once.
func TestDoubtsNameTraces(t *testing.T) {
	lost := func(title string) timeline.Health {
		return timeline.Health{Events: 9, Findings: []timeline.Finding{{ID: timeline.FindLoss, Severity: timeline.Doubt, Title: title}}}
	}
	a := analysis(many(12, "192.168.0.216:80")...)
	a.Traces[0].Path, a.Traces[0].Health = "case/a.etl", lost("41 events were lost")
	for _, path := range []string{"case/b.etl", "case/c.etl"} {
		a.Inputs = append(a.Inputs, Input{Path: path, Kind: string(timeline.KindETL)})
		a.Traces = append(a.Traces, timeline.InputResult{Path: path, Health: lost("3 events were lost")})
	}
	a.Inputs[0].Path = "case/a.etl"
	text := string(render(t, WriteAnalysis, "table", a, Options{Redact: defaults(), Width: 100}))
	for _, want := range []string{"Careful: a.etl: 41 events were lost.\n", "Careful: b.etl and 1 more trace: 3 events were lost.\n"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is not there once:\n%s", want, text)
		}
	}
}

func TestHandshakesFailedHere(t *testing.T) {
	const elsewhere = "in front of this server"
	for _, failed := range []bool{false, true} {
		a := analysis(served(at("12:26:00"), 0))
		if failed {
			a.Traces[0].Health.Findings = []timeline.Finding{{
				ID: timeline.FindHandshakes, Severity: timeline.Note, Title: "2 TLS handshakes with this server failed.",
			}}
		}
		var out bytes.Buffer
		if err := WriteAnalysis(&out, "table", a, Options{Redact: defaults(), Width: 120}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), elsewhere) == failed || !strings.Contains(out.String(), "Another server, or another time") {
			t.Errorf("handshakes failed: %v\n%s", failed, out.String())
		}
	}
}

// Where a limit is known from is told at every width: an assumption is not read as a fact.
func TestLimitSource(t *testing.T) {
	for source, words := range timerSources {
		for width := 60; width <= 120; width += 4 {
			r := receiveTimeout(at("12:31:52.9"))
			r.Timer.Source = source
			r.Phases = append([]timeline.Phase{{Name: timeline.PhaseResolve, Start: r.Start, End: r.Start, Outcome: timeline.OK}}, r.Phases...)
			s := newScreen(analysis(r), Options{Width: width})
			s.bar(r)
			text := strings.Join(strings.Fields(strings.Join(s.blocks[0].lines, " ")), " ")
			if !strings.Contains(text, "=X limit 30 s ("+words+")") {
				t.Errorf("%s at %d: %s", source, width, text)
			}
		}
	}
}

// A request without phases has a row, but no times of a phase that nobody saw.
func TestRowWithoutPhases(t *testing.T) {
	for _, phase := range []timeline.PhaseName{"", timeline.PhaseReceive} {
		r := receiveTimeout(at("12:31:52.9"))
		r.Phase, r.Phases = phase, nil
		rows := slices.Collect(analysis(r).phaseRows())
		if len(rows) != 1 {
			t.Fatalf("%d rows", len(rows))
		}
		want := timeline.Phase{Name: phase, Outcome: timeline.Failed, Error: 1460}
		if diff := cmp.Diff(want, rows[0].phase); diff != "" || rows[0].ID != r.ID || !rows[0].stops {
			t.Errorf("row %+v (-want +got):\n%s", rows[0], diff)
		}
	}
}

// Only the answers to requests that went well are counted as answers.
func TestAnswers(t *testing.T) {
	list := many(3, "10.0.0.1:80")
	list[2].Outcome = timeline.Cancelled
	if got := answers(list, nil); got != "2 x 200" {
		t.Errorf("answers: %s", got)
	}
}

// A phase whose end is not known has no bar, nor has one whose start is not.
func TestNoBar(t *testing.T) {
	a := analysis(served(at("12:26:00"), 0))
	r := a.Requests[0]
	r.Outcome, r.Phase, r.End, r.Phases = timeline.Unfinished, timeline.PhaseProcess, 0, r.Phases[:3]
	r.Phases[2].Outcome, r.Phases[2].End = timeline.Unfinished, 0
	a.Traces = nil // so that the end of the trace is not known
	s := newScreen(a, Options{})
	s.bar(r)
	if diff := cmp.Diff([]string{"  receive 0.1 ms, queue 0.2 ms, process: the trace ends"}, s.blocks[0].lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
