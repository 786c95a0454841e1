package timeline_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etwhy/etwhy/etl/etltest"
	"github.com/etwhy/etwhy/timeline"
)

// sureness orders what a result can say about a request.
func sureness(r *timeline.Request) int {
	switch v := r.Verdict; {
	case v == nil:
		return 0
	case v.ID == "NE":
		return 1
	default:
		return 2 + int(v.Confidence)
	}
}

// counterpart returns the request of the original result that r stands for.
func counterpart(r *timeline.Request, original []*timeline.Request) *timeline.Request {
	for _, same := range []func(o *timeline.Request) bool{
		func(o *timeline.Request) bool { return r.LogID != "" && r.LogID == o.LogID },
		func(o *timeline.Request) bool { return r.URL != "" && r.URL == o.URL && r.Start == o.Start },
		func(o *timeline.Request) bool { return r.URL != "" && r.URL == o.URL },
		func(o *timeline.Request) bool { return r.Server != "" && r.Server == o.Server && r.End == o.End },
		func(o *timeline.Request) bool { return r.PID == o.PID && r.Start >= o.Start && r.Start <= o.End },
	} {
		if i := slices.IndexFunc(original, same); i >= 0 {
			return original[i]
		}
	}
	return nil
}

// noSurer checks that a changed trace gives no verdict that the original one does not give as surely.
func noSurer(t *testing.T, what string, original, changed *timeline.Result) {
	t.Helper()
	for _, r := range changed.Requests {
		if r.Verdict == nil {
			continue
		}
		o := counterpart(r, original.Requests)
		switch {
		case o == nil:
			t.Errorf("%s: %s appears from nowhere", what, describe(r))
		case o.Verdict != nil && o.Verdict.ID == r.Verdict.ID && o.Verdict.Confidence >= r.Verdict.Confidence:
		case o.Verdict == nil && r.Verdict.Confidence == timeline.Possible:
		case r.Verdict.ID != "NE" && sureness(r) >= sureness(o):
			t.Errorf("%s: now\n\t%s\ninstead of\n\t%s", what, describe(r), describe(o))
		}
	}
}

// sameVerdicts checks that a change that changes nothing changes nothing.
func sameVerdicts(t *testing.T, what string, original, changed *timeline.Result) {
	t.Helper()
	list := func(res *timeline.Result) []string {
		var out []string
		for _, r := range res.Requests {
			v := "-"
			if r.Verdict != nil {
				v = r.Verdict.ID + "/" + r.Verdict.Confidence.String()
			}
			out = append(out, fmt.Sprintf("%s %s %s %d %s", r.Outcome, r.Phase, v, r.Error, r.URL))
		}
		return out
	}
	if a, b := list(original), list(changed); !slices.Equal(a, b) {
		t.Errorf("%s: now\n\t%s\ninstead of\n\t%s", what, strings.Join(b, "\n\t"), strings.Join(a, "\n\t"))
	}
}

func TestDropAnyEvent(t *testing.T) {
	for _, s := range scenarios(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			trace := s.parse(t)
			trace.Log.BufferSize = 8192 // less to write
			original := analyzeTrace(t, trace)
			events := trace.Events
			for i, ev := range events {
				if ev.Kind != etltest.Manifested {
					continue // the process table
				}
				trace.Events = slices.Delete(slices.Clone(events), i, i+1)
				noSurer(t, fmt.Sprintf("without event %d in line %d", ev.ID, ev.Line), original, analyzeTrace(t, trace))
			}
		})
	}
}

// names are the fields that hold handles and addresses.
var names = []string{
	"Request", "RequestHandle", "SessionHandle", "ApiHandle", "Connection", "Endpoint", "SocketHandle", "Socket",
	"Context", "DnsQuery", "CacheEntry", "ReferenceContext", "Tcb", "DataChunks", "RequestId", "RequestObj",
	"ConnectionId", "ConnectionObj",
}

// renaming gives every handle and address of a trace another value, of 32 bits.
func renaming(trace *etltest.Trace, by uint64) map[uint64]uint64 {
	to := map[uint64]uint64{}
	for _, ev := range trace.Events {
		for _, f := range ev.Fields {
			var v uint64
			if n, err := fmt.Sscanf(f.Value, "0x%x", &v); n == 1 && err == nil && v != 0 && slices.Contains(names, f.Name) {
				to[v] = v&0x0FFF_FFFF + by
			}
		}
	}
	return to
}

func TestChangesThatChangeNothing(t *testing.T) {
	healthy := readScenario(t, "../testdata/scenarios/tls-ok.txt")
	for _, s := range scenarios(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			original := analyzeTrace(t, s.parse(t))

			renamed := s.parse(t)
			renamed.Rename(renaming(renamed, 0x2000_0000))
			sameVerdicts(t, "other handles", original, analyzeTrace(t, renamed))

			for _, clock := range []etltest.Clock{etltest.QPC, etltest.SystemTime, etltest.Cycles} {
				other := s.parse(t)
				other.Log.Clock = clock
				sameVerdicts(t, fmt.Sprintf("clock %d", clock), original, analyzeTrace(t, other))
			}

			packed := s.parse(t)
			packed.Log.Compress, packed.Log.BufferSize = etltest.Xpress, 4096
			sameVerdicts(t, "compressed", original, analyzeTrace(t, packed))

			small := s.parse(t)
			small.Log.BufferSize = 2048
			data, err := small.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(1, 2))
			for range 3 {
				buffers := etltest.Buffers(data)
				r.Shuffle(len(buffers)-1, func(i, j int) { buffers[i+1], buffers[j+1] = buffers[j+1], buffers[i+1] })
				sameVerdicts(t, "shuffled buffers", original, analyze(t, etltest.Join(data, buffers)))
			}

			for pid, what := range map[uint32]string{1432: "the same", 4000: "another"} {
				more := s.parse(t)
				for n := range 3 {
					more.Events = append(more.Events, traffic(healthy.parse(t), more.Log.Start, pid, n)...)
				}
				res := analyzeTrace(t, more)
				added := 0
				res.Requests = slices.DeleteFunc(res.Requests, func(r *timeline.Request) bool {
					if r.URL != extraURL {
						return false
					}
					if r.Outcome != timeline.OK {
						t.Errorf("added traffic of %s process: %s", what, describe(r))
					}
					added++
					return true
				})
				if added != 3 {
					t.Errorf("%d of 3 added requests of %s process", added, what)
				}
				noSurer(t, "more traffic of "+what+" process", original, res)
				if len(res.Requests) != len(original.Requests) {
					t.Errorf("more traffic of %s process: %d requests, want %d", what, len(res.Requests), len(original.Requests))
				}
			}
		})
	}
}

const extraURL = "https://extra.example/"

// traffic returns the events of a healthy trace as those of another request, in a log that starts elsewhere.
func traffic(healthy *etltest.Trace, start time.Time, pid uint32, n int) []etltest.Event {
	if start.IsZero() {
		start = healthy.Log.Start // the default
	}
	healthy.Rename(renaming(healthy, 0x4000_0000+uint64(n)<<24))
	var events []etltest.Event
	for _, ev := range healthy.Events {
		if ev.Kind != etltest.Manifested {
			continue
		}
		ev.At += healthy.Log.Start.Sub(start) + time.Duration(n)*7*time.Millisecond
		if ev.PID == 1432 {
			ev.PID, ev.TID = pid, ev.TID+0x5000+uint32(4*n)
		}
		ev.Activity[15] ^= byte(0x80 + n)
		for i := range ev.Fields {
			f := &ev.Fields[i]
			f.Value = strings.ReplaceAll(f.Value, "https://shop.example/pay", extraURL)
			f.Value = strings.ReplaceAll(f.Value, "shop.example", "extra.example")
		}
		events = append(events, ev)
	}
	return events
}
