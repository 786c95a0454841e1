package timeline_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etwhy/etwhy/timeline"
)

// HTTP.sys on Windows 7: 291 requests of one worker on two connections.
func TestHTTPServer(t *testing.T) {
	res := analyze(t, []byte(sample(t, "samples/etl/tx/HTTP_Server.etl")))
	if len(res.Requests) != 291 {
		t.Fatalf("%d requests, want 291", len(res.Requests))
	}
	status := map[int]int{}
	urls := map[string]int{}
	clients := map[string]int{}
	activities := map[string]bool{}
	for _, r := range res.Requests {
		status[r.Status]++
		urls[r.URL]++
		clients[r.Client]++
		activities[r.Activity.String()] = true
		if r.Side != timeline.Server || r.Outcome != timeline.OK || r.PID != 4400 || r.Method != "GET" ||
			r.AppPool != "DefaultAppPool" || r.Partial != timeline.Whole || r.Traffic != timeline.App ||
			r.Server != "[2001:4898:0:fff:0:5efe:a78:109d]:80" || r.Host != "georgis2:80" {
			t.Errorf("got %s", describe(r))
		}
		var names []string
		for _, p := range r.Phases {
			names = append(names, string(p.Name))
		}
		if got := strings.Join(names, " "); got != "receive queue process send" {
			t.Errorf("%s: phases %s", r.ID, got)
		}
		if d := r.Duration(); d <= 0 || d > 50*time.Millisecond {
			t.Errorf("%s took %v", r.ID, d)
		}
		if r.Marks != nil || r.Verdict != nil {
			t.Errorf("%s went well and keeps its evidence", r.ID)
		}
	}
	if status[304] != 289 || status[200] != 2 || len(status) != 2 {
		t.Errorf("answers %v, want 289 x 304, 2 x 200", status)
	}
	if len(urls) != 2 || urls["http://georgis2:80/windir.txt"] == 0 || urls["http://georgis2:80/helloworld.htm"] == 0 {
		t.Errorf("addresses %v", urls)
	}
	if len(clients) != 2 || clients["[2001:4898:0:fff:0:5efe:a50:e410]:37837"] == 0 || clients["[2001:4898:0:fff:0:5efe:a50:e410]:37838"] == 0 {
		t.Errorf("clients %v", clients)
	}
	if len(activities) != 291 {
		t.Errorf("%d activities, want one per request", len(activities))
	}
	first := res.Requests[0]
	if first.Connection == nil || first.Connection.Reused || res.Requests[290].Connection == nil || !res.Requests[290].Connection.Reused {
		t.Error("the first request opens a connection, the last one is on a used one")
	}
	f := timeline.Filter{PIDs: []uint32{4400}}
	if s := f.Select(res.Requests); len(s.Requests) != 291 || s.FilteredOut != 0 || s.Unattributed != 0 {
		t.Errorf("PID 4400 selects %d of 291", len(s.Requests))
	}
	f = timeline.Filter{PIDs: []uint32{4}}
	if s := f.Select(res.Requests); len(s.Requests) != 0 {
		t.Errorf("PID 4 owns %d requests", len(s.Requests))
	}
	if find(res, timeline.FindServerOnly) == nil || find(res, timeline.FindNoWinHTTP) != nil {
		t.Errorf("findings %+v", res.Inputs[0].Health.Findings)
	}
}

// What a failed request rests on is shown in the order in which it happened.
func TestServerEvidence(t *testing.T) {
	s := readScenario(t, "../testdata/scenarios/httpsys-client-left.txt")
	res := analyzeTrace(t, s.parse(t))
	want := []string{
		"HttpService 1 the request arrived",
		"HttpService 3 the request was handed to the application",
		"HttpService 23 the client reset the connection",
		"HttpService 4 the application passed an answer",
		"HttpService 15 sending the answer failed: SendFailed: 0xC000020D STATUS_CONNECTION_RESET",
	}
	if got := strings.TrimSpace(evidence(res.Requests[0].Verdict)); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	r := res.Requests[0]
	if r.Client != "10.0.0.9:50001" || r.Queue != "Shop" || r.Connection == nil || r.Connection.Local != "10.0.0.5:80" {
		t.Errorf("got %+v", r)
	}
}

// A request that the client gave up ends when it left, whatever was done for it later; that is told as well.
func TestClientLeft(t *testing.T) {
	const answer = "+45.2001 cpu1 4400:3516 HttpService/4"
	for _, c := range []struct {
		name   string
		change func(string) string
		late   bool
	}{
		{"as it is", func(s string) string { return s }, true},
		{"a word for it", func(s string) string {
			return strings.Replace(s, "HttpService/23 act={00000100-0000-0003-193d-42fb30bbcb01} ConnectionObj=0xfffffa8003e92010 Abortive=1",
				"HttpService/65 act={80000146-0000-fe00-b63f-84710c7967bb} RequestId=0xfe00000080000146 Reason=Client_Reset", 1)
		}, true},
		{"a word for it, and an answer that nobody sent", func(s string) string {
			s, _, _ = strings.Cut(s, "+45.2002")
			return strings.Replace(s, "HttpService/23 act={00000100-0000-0003-193d-42fb30bbcb01} ConnectionObj=0xfffffa8003e92010 Abortive=1",
				"HttpService/65 act={80000146-0000-fe00-b63f-84710c7967bb} RequestId=0xfe00000080000146 Reason=Client_Reset", 1)
		}, true},
		{"never answered", func(s string) string { s, _, _ = strings.Cut(s, "+45.2000"); return s }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := readScenario(t, "../testdata/scenarios/httpsys-client-left.txt")
			if s.trace = c.change(s.trace); strings.Contains(s.trace, answer) != c.late {
				t.Fatal("the scenario is another one")
			}
			r := analyzeTrace(t, s.parse(t)).Requests[0]
			if got := r.End.Time().Format("15:04:05.0000"); r.Outcome != timeline.Cancelled || got != "09:14:30.1000" {
				t.Errorf("ends at %s: %s", got, describe(r))
			}
			last := r.Phases[len(r.Phases)-1]
			if last.Name != timeline.PhaseProcess || last.Outcome != timeline.Cancelled || last.End != r.End {
				t.Errorf("phases %+v", r.Phases)
			}
			if !strings.Contains(r.Verdict.Title, "left after 30 s") {
				t.Errorf("title %q", r.Verdict.Title)
			}
			const told = "The application passed its answer 15.1 s after that; it had taken 45.1 s."
			if got := strings.Join(r.Verdict.Context, " "); strings.Contains(got, told) != c.late {
				t.Errorf("context %q", got)
			}
			if got := evidence(r.Verdict); strings.Contains(got, "passed an answer") != c.late {
				t.Errorf("evidence\n%s", got)
			}
		})
	}

	// A word that does not say who ended the connection.
	s := readScenario(t, "../testdata/scenarios/httpsys-client-left.txt")
	s.trace, _, _ = strings.Cut(s.trace, "+45.2000")
	s.trace = strings.Replace(s.trace, "HttpService/23 act={00000100-0000-0003-193d-42fb30bbcb01} ConnectionObj=0xfffffa8003e92010 Abortive=1",
		"HttpService/65 act={80000146-0000-fe00-b63f-84710c7967bb} RequestId=0xfe00000080000146 Reason=Connection_Dropped", 1)
	if r := analyzeTrace(t, s.parse(t)).Requests[0]; r.Outcome != timeline.Failed || r.Verdict.ID != "NE" || r.Verdict.Title != "the connection to 10.0.0.9 ended with the request open" {
		t.Errorf("got %s\n%+v", describe(r), r.Verdict)
	}

	// It had a part of its answer.
	s = readScenario(t, "../testdata/scenarios/httpsys-client-left.txt")
	early := "+20.0000 cpu1 4400:3516 HttpService/4 act={80000146-0000-fe00-b63f-84710c7967bb} RequestId=0xfe00000080000146 StatusCode=200 Verb=GET\n"
	s.trace = strings.Replace(s.trace, "+30.1000", early+"+30.1000", 1)
	r := analyzeTrace(t, s.parse(t)).Requests[0]
	if r.Phase != timeline.PhaseSend || r.Verdict.Title != "the client 10.0.0.9 left after 30 s, while its answer was being sent" || r.Verdict.Context != nil {
		t.Errorf("got %s\n%+v", describe(r), r.Verdict)
	}
}

// Nobody owns a request that HTTP.sys refused: event 97 names a worker of the pool, which never saw it.
func TestRefused(t *testing.T) {
	const delivered = "+0.1002 cpu0 4:2252 HttpService/3 act={80000146-0000-fe00-b63f-84710c7967bb} RequestId=0xfe00000080000146 SiteId=1 RequestQueueName=Shop Status=%s\n"
	for _, c := range []struct {
		name string
		edit func(lines string) string
		pid  uint32
		id   string
	}{
		{"as it is", func(s string) string { return s }, 0, "NE"},
		{"handing over failed", func(s string) string {
			return strings.Replace(s, "+0.1003", strings.Replace(delivered, "%s", "0xc0000001", 1)+"+0.1003", 1)
		}, 0, "NE"},
		{"delivered before", func(s string) string {
			return strings.Replace(s, "+0.1003", strings.Replace(delivered, "%s", "0", 1)+"+0.1003", 1)
		}, 4400, "NE"},
		{"event 97 alone", func(s string) string {
			lines := strings.SplitAfter(s, "\n")
			return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.Contains(l, "HttpService/64 ") }), "")
		}, 0, "NE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := readScenario(t, "../testdata/scenarios/httpsys-pool-off.txt")
			s.trace = c.edit(s.trace)
			r := analyzeTrace(t, s.parse(t)).Requests[0]
			if r.PID != c.pid || (r.Process == "") != (c.pid == 0) || r.Status != 503 || r.Verdict.ID != c.id {
				t.Errorf("got %s", describe(r))
			}
			if r.AppPool != "Shop" {
				t.Errorf("pool %q, so a filter for Shop would lose the request", r.AppPool)
			}
			if want := (timeline.MadeBy{Tier: "http.sys"}); r.MadeBy == nil || *r.MadeBy != want {
				t.Errorf("made by %+v, want %+v", r.MadeBy, want)
			}
			if !strings.Contains(r.Verdict.Title, "pool Shop was off") || !strings.Contains(evidence(r.Verdict), "AppOffline") {
				t.Errorf("the reason is missing: %q,\n%s", r.Verdict.Title, evidence(r.Verdict))
			}
		})
	}
}

// The phase that a timer of HTTP.sys ends is the one that it belongs to. It lasts as long as the timer ran, and
// no other phase goes on meanwhile.
func TestServerTimers(t *testing.T) {
	for _, c := range []struct {
		scenario string
		timer    string // instead of the one in the scenario
		phase    timeline.PhaseName
		detail   string
		phases   int
	}{
		{"httpsys-timer-body", "Timer_EntityBody", timeline.PhaseReceive, "body", 3},
		{"httpsys-timer-body", "Timer_HeaderWait", timeline.PhaseReceive, "", 1},
		{"httpsys-timer-body", "Timer_ReqQueue", timeline.PhaseQueue, "", 2},
		{"httpsys-timer-body", "Timer_MinBytesPerSecond", timeline.PhaseProcess, "", 3},
		{"httpsys-timer-queue", "Timer_ReqQueue", timeline.PhaseQueue, "", 2},
		{"httpsys-timer-queue", "Timer_EntityBody", timeline.PhaseReceive, "body", 2},
	} {
		t.Run(c.scenario+" "+c.timer, func(t *testing.T) {
			s := readScenario(t, "../testdata/scenarios/"+c.scenario+".txt")
			_, was, _ := strings.Cut(strings.TrimSpace(s.trace), " Timer=")
			was, _, _ = strings.Cut(was, "\n")
			s.trace = strings.Replace(s.trace, "Timer="+was, "Timer="+c.timer, 1)
			r := analyzeTrace(t, s.parse(t)).Requests[0]
			last := r.Phases[len(r.Phases)-1]
			if r.Outcome != timeline.Failed || r.Phase != c.phase || last.Name != c.phase || last.Detail != c.detail || len(r.Phases) != c.phases {
				t.Errorf("got %s", describe(r))
			}
			if last.Outcome != timeline.Failed || last.End != r.End || last.Duration() < 119*time.Second {
				t.Errorf("the phase that failed took %v of %v", last.Duration(), r.Duration())
			}
			for i := range r.Phases[1:] {
				if r.Phases[i].End > r.Phases[i+1].Start {
					t.Errorf("phases overlap: %+v", r.Phases)
				}
			}
		})
	}
}

// Requests and connections whose ends are lost must not fill the memory.
func TestServerBound(t *testing.T) {
	s := readScenario(t, "../testdata/scenarios/httpsys-ok.txt")
	trace := s.parse(t)
	whole := analyzeTrace(t, trace)
	data, err := trace.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	bounded := analyzeWith(t, data, timeline.Options{MaxOpen: 2})
	if len(bounded.Requests) < len(whole.Requests) || bounded.Inputs[0].Abandoned > len(whole.Requests) {
		t.Errorf("with room for two: %d requests, %d given up, of %d", len(bounded.Requests), bounded.Inputs[0].Abandoned, len(whole.Requests))
	}
}

// Events in any order must give requests that make sense, whatever they say. analyzeTrace checks that.
func TestServerDisorder(t *testing.T) {
	for _, s := range scenarios(t) {
		if !strings.HasPrefix(s.name, "httpsys-") {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(3, 4))
			for range 40 {
				trace := s.parse(t)
				r.Shuffle(len(trace.Events), func(i, j int) {
					a, b := &trace.Events[i], &trace.Events[j]
					a.At, b.At = b.At, a.At
				})
				res := analyzeTrace(t, trace)
				for _, req := range res.Requests {
					if req.PID == 4 || req.Side != timeline.Server {
						t.Errorf("got %s", describe(req))
					}
				}
			}
		})
	}
}
