package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etwhy/etwhy/etl"
)

// instant is a time of day of the morning that the texts of WEB02 are of.
func instant(clock string) etl.Time {
	t, err := time.Parse("2006-01-02 15:04:05.999", "2026-03-23 "+clock)
	if err != nil {
		panic(err)
	}
	return etl.FromTime(t)
}

// outward is a call that could not connect. The times are of the day; pool may be "".
func outward(from, to string, pid uint32, pool string) *Request {
	r := stopped(PhaseConnect, "10.0.0.77:80", 10061)
	r.Side, r.PID, r.Process, r.AppPool = Client, pid, "w3wp.exe", pool
	r.Start, r.End = instant(from), instant(to)
	r.Phases[0].Start, r.Phases[0].End = r.Start, r.End
	r.facts = &facts{seen: factTried | factRefused}
	return r
}

// inward is a request that came in, as a trace knows it: to the millisecond, and with its process.
func inward(from, to string, pid uint32, status int) *Request {
	r := &Request{
		Side: Server, PID: pid, Method: "GET", URL: "http://shop/checkout", Client: "10.0.1.9:50123", Server: "10.0.0.12:80",
		Start: instant(from), End: instant(to), Status: status, Outcome: OK, facts: &facts{seen: factHeaders},
	}
	if status >= 500 {
		r.Outcome = Failed
	}
	return r
}

// cancelled makes a request one that its caller gave up.
func cancelled(r *Request) *Request {
	r.Outcome, r.Error = Cancelled, 0
	return r
}

// aspnet is an unhandled exception in a worker process.
func aspnet(at string, pid int) told {
	return application(fmt.Sprintf(`%sZ "ASP.NET 4.0.30319.0" 1309 warning 3005 "unhandled exception" "x" "x" 6f0d 1 1 0 /LM/W3SVC/2/ROOT Full / D:\\sites\\shop\\ WEB02 "" %d w3wp.exe "IIS APPPOOL\\Shop" WinHttpException "Error 12029" http://shop/cart /cart 10.0.1.9`, at, pid))
}

// What came of a call that failed, and what nothing tells of it.
func TestCalls(t *testing.T) {
	shop := pool("", "")
	call := func() *Request { return outward("09:14:01.100", "09:14:02.100", 6208, "Shop") }
	tests := []struct {
		name   string
		traced []*Request
		texts  []told
		want   string // of each request that came in, in order: how the calls are related, and of calls, how those are
	}{
		{"one process", []*Request{call(), inward("09:14:01", "09:14:02.110", 6208, 500)}, nil,
			"caller r1 by process and time (likely); call r2 by process and time (likely)"},
		{"another process", []*Request{call(), inward("09:14:01", "09:14:02.110", 6209, 500)}, nil, ""},
		{"it went well", []*Request{call(), inward("09:14:01", "09:14:02.110", 6208, 200)}, nil, ""},
		{"it found nothing", []*Request{call(), inward("09:14:01", "09:14:02.110", 6208, 404)}, nil, ""},
		{"it ended before the call failed", []*Request{call(), inward("09:14:01", "09:14:02.050", 6208, 500)}, nil, ""},
		{"it ended a clock tick before", []*Request{call(), inward("09:14:01", "09:14:02.090", 6208, 500)}, nil,
			"caller r1 by process and time (likely); call r2 by process and time (likely)"},
		{"it ended long after the call failed", []*Request{call(), inward("09:14:01", "09:14:03.200", 6208, 500)}, nil, ""},
		{"it came in after the call was made", []*Request{call(), inward("09:14:01.200", "09:14:02.110", 6208, 500)}, nil, ""},
		{"the call was given up", []*Request{cancelled(call()), inward("09:14:01", "09:14:02.110", 6208, 500)}, nil, ""},
		{"two came in", []*Request{call(), inward("09:14:01", "09:14:02.110", 6208, 500), inward("09:14:01.050", "09:14:02.150", 6208, 500)}, nil,
			"caller r1 by process and time (possible), caller r2 by process and time (possible); call r3 by process and time (possible); call r3 by process and time (possible)"},
		{"two came in, one of another process", []*Request{call(), inward("09:14:01", "09:14:02.110", 6208, 500), inward("09:14:01.050", "09:14:02.150", 6209, 500)}, nil,
			"caller r1 by process and time (likely); call r3 by process and time (likely)"},
		{"two calls, the last one first", []*Request{call(), outward("09:14:01.100", "09:14:02.105", 6208, "Shop"), inward("09:14:01", "09:14:02.110", 6208, 500)}, nil,
			"caller r1 by process and time (likely); caller r1 by process and time (likely); call r3 by process and time (likely), call r2 by process and time (likely)"},
		{"a status of another cause", []*Request{call(), func() *Request {
			r := inward("09:14:01", "09:14:02.110", 6208, 500)
			r.SubStatus, r.HasSub = 19, true
			return r
		}()}, nil, ""},

		{"a log", []*Request{call()}, []told{served("09:14:02 80 500.0 1030")},
			"caller r1 by machine and time (possible); call r2 by machine and time (possible)"},
		{"a log, too short", []*Request{call()}, []told{served("09:14:02 80 500.0 900")}, ""},
		{"a log, a second late", []*Request{call()}, []told{served("09:14:03 80 500.0 2010")},
			"caller r1 by machine and time (possible); call r2 by machine and time (possible)"},
		{"a log, too late", []*Request{call()}, []told{served("09:14:04 80 500.0 3010")}, ""},
		{"a log, a second too early", []*Request{call()}, []told{served("09:14:01 80 500.0 1100")}, ""},
		{"the pool", []*Request{call()}, []told{served("09:14:02 80 500.0 1030"), shop},
			"caller r1 by application pool and time (likely); call r2 by application pool and time (likely)"},
		{"another pool", []*Request{call()}, []told{served("09:14:02 8081 500.0 1030"), shop}, ""},
		{"an exception", []*Request{call()}, []told{served("09:14:02 80 500.0 1030"), aspnet("09:14:02.104", 6208)},
			"caller r1 by time, and an unhandled exception in the calling process (likely); call r2 by time, and an unhandled exception in the calling process (likely)"},
		{"an exception in another process", []*Request{call()}, []told{served("09:14:02 80 500.0 1030"), aspnet("09:14:02.104", 6209)},
			"caller r1 by machine and time (possible); call r2 by machine and time (possible)"},
		{"an exception before", []*Request{call()}, []told{served("09:14:02 80 500.0 1030"), aspnet("09:14:01.904", 6208)},
			"caller r1 by machine and time (possible); call r2 by machine and time (possible)"},
		{"no web application", []*Request{func() *Request {
			r := outward("09:14:01.100", "09:14:02.100", 6208, "")
			r.Process = "OrderClient.exe"
			return r
		}()}, []told{served("09:14:02 80 500.0 1030")}, ""},
	}
	for _, tt := range tests {
		b := NewBuilder(Options{})
		s := b.Input(Input{Path: "WEB02/net.etl", Machine: "WEB02"})
		for _, r := range tt.traced {
			s.emit(s.begin(r))
		}
		s.Close()
		tell(t, b, tt.texts)
		res := b.Finish()
		byside := slices.Clone(res.Requests)
		slices.SortStableFunc(byside, func(x, y *Request) int { return cmp.Compare(x.Side, y.Side) }) // the calls first
		var got []string
		for _, r := range byside {
			var list []string
			for _, q := range r.Related {
				if q.Request != nil {
					list = append(list, fmt.Sprintf("%s %s by %s (%s)", q.Kind, q.Request.ID, q.By, q.Confidence))
				}
			}
			if len(list) > 0 {
				got = append(got, strings.Join(list, ", "))
			}
			// What is only possible or likely leaves the verdict as it is, but for what is open.
			if v := r.Verdict; r.Side == Server && v != nil && (v.ID != "HTTP-5xx" || strings.HasPrefix(v.Open, "whether the call that failed is why") != (len(list) > 0)) {
				t.Errorf("%s: %s %q", tt.name, v.ID, v.Open)
			}
		}
		if strings.Join(got, "; ") != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, strings.Join(got, "; "), tt.want)
		}
	}
}

// Of many that came in at once, a few are listed, and none is likelier than possible.
func TestCallsOfMany(t *testing.T) {
	b := NewBuilder(Options{})
	s := b.Input(Input{Path: "WEB02/net.etl", Machine: "WEB02"})
	for range 2 * maxEndings {
		s.emit(s.begin(inward("09:14:01", "09:14:02.110", 6208, 500)))
		s.emit(s.begin(outward("09:14:01.100", "09:14:02.100", 6208, "Shop")))
	}
	// The only one of its process stands behind more than are looked at.
	s.emit(s.begin(inward("09:14:01", "09:14:02.120", 77, 500)))
	s.emit(s.begin(outward("09:14:01.100", "09:14:02.100", 77, "Docs")))
	// And this one in front of them.
	s.emit(s.begin(inward("09:14:01", "09:14:02.101", 78, 500)))
	s.emit(s.begin(outward("09:14:01.100", "09:14:02.100", 78, "News")))
	s.Close()
	for _, r := range b.Finish().Requests {
		if len(r.Related) > maxRivals || slices.ContainsFunc(r.Related, func(q Related) bool { return q.Confidence != Possible }) {
			t.Fatalf("%s: %+v", r.ID, r.Related)
		}
		if r.PID == 78 && len(r.Related) != 1 {
			t.Errorf("%s in front: %+v", r.ID, r.Related)
		}
		if r.PID == 77 && len(r.Related) > 0 {
			t.Errorf("%s of another process: %+v", r.ID, r.Related)
		}
	}
}
