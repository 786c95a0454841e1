package timeline_test

import (
	"math/rand/v2"
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
