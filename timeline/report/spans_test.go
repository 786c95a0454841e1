package report

import (
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// awkward is a model of what fits badly into the time lines of other tools.
func awkward() *Analysis {
	at0 := at("12:26:00")
	after := func(n float64) etl.Time { return at0.Add(ms(n)) }
	phase := func(name timeline.PhaseName, detail string, from, to float64) timeline.Phase {
		p := timeline.Phase{Name: name, Detail: detail, Outcome: timeline.OK}
		if from >= 0 {
			p.Start = after(from)
		}
		if to >= 0 {
			p.End = after(to)
		}
		return p
	}
	request := func(from, to float64, phases ...timeline.Phase) *timeline.Request {
		r := &timeline.Request{
			Side: timeline.Client, PID: 77, Process: "w3wp.exe", AppPool: "Shop", Method: "GET", URL: "http://shop.example/a?b=c",
			Server: "10.0.0.1:80", Start: after(from), Outcome: timeline.OK, Status: 200, Phases: phases,
		}
		if to >= 0 {
			r.End = after(to)
		}
		return r
	}
	const resolve, connect, tls, send, receive = timeline.PhaseResolve, timeline.PhaseConnect, timeline.PhaseTLS, timeline.PhaseSend, timeline.PhaseReceive

	race := request(0, 1000, // fallback addresses
		phase(resolve, "", 0, 10), phase(connect, "[2001:db8::1]:443", 10, 400), phase(connect, "10.0.0.1:443", 260, 300), phase(connect, "10.0.0.2:443", 270, 500),
		phase(tls, "", 500, 600), phase(send, "", 600, 600), phase(receive, "headers", 600, 990), phase(receive, "body", 990, 1000))
	race.URL = "https://shop.example/race"
	nested := request(5, 200, phase(receive, "headers", 5, 190), phase(resolve, "", 10, 20), phase(connect, "", 20, 60), phase(receive, "body", 190, 195))
	hangs := request(50, -1, phase(connect, "pool", 50, 60), phase(send, "", 60, -1))
	hangs.Outcome, hangs.Partial, hangs.Status = timeline.Unfinished, timeline.PartialEnd, 0
	cut := request(10, 30, phase(receive, "headers", -1, 20), phase(receive, "body", 20, 30), phase(send, "", -1, -1))
	cut.Partial = timeline.PartialStart
	beyond := request(100, 110, phase(connect, "", 90, 120), phase(send, "", 130, 105))
	instant := request(110, 110, phase(receive, "headers", 110, 110), phase(connect, "", 110, 110), phase(send, "", 110, 110))
	timeless := request(0, 0)
	timeless.Start, timeless.End = 0, 0
	absurd := request(0, 10, phase(connect, "", 1, 2))
	absurd.Start = math.MaxInt64
	endless := request(0, 0, phase(connect, "", 1, -1))
	endless.End, endless.Phases[0].End = math.MaxInt64, math.MaxInt64
	bare := &timeline.Request{Start: after(7), End: after(9), Outcome: timeline.OK, Proxied: true, LogID: "cd613e30-d8f1-4adf-91b7-584a2265b1f5"}
	moved := request(0, 100, phase(connect, "10.0.0.5:80", 1, 5), phase(receive, "headers", 5, 40), phase(connect, "10.0.0.6:80", 50, 60), phase(receive, "headers", 60, 100))
	moved.URL, moved.Server = "http://10.0.0.5/old", "10.0.0.6:80"
	moved.Attempts = []timeline.Attempt{{URL: moved.URL, Status: 302, Start: after(0)}, {URL: "http://10.0.0.6/new", Status: 200, Start: after(45)}}
	mixed := request(0, 100, phase(connect, "10.0.0.5:80", 1, 70))
	mixed.Attempts = moved.Attempts

	behind := receiveTimeout(at("12:31:52.9"))
	behind.Proxied, behind.Status = true, 502
	behind.Behind = &timeline.Behind{Input: 1, Start: behind.Start.Add(-ms(2)), Status: 200, Phases: []timeline.Phase{
		{Name: timeline.PhaseProcess, Start: behind.Start, End: behind.End.Add(ms(5000)), Outcome: timeline.OK},
		{Name: timeline.PhaseSend, Start: behind.End.Add(ms(5000)), Outcome: timeline.Cancelled},
	}}
	behind.Verdict.Evidence[2].Time = 0

	other := served(after(3), 503)
	other.Input, other.PID, other.Process, other.Outcome, other.Queue = 1, 77, "w3wp.exe", timeline.Failed, ""
	other.URL, other.Host = "/only/a path\u00e9?x=%zz&y=1+1&&=z", ""

	hostile := receiveTimeout(after(1))
	hostile.Method, hostile.URL = "=cmd|' /C calc'!A0", "http://x/\x1b]0;owned\x07\u202e\xff/\"quoted\",</script>\r\nnext\tline?"+strings.Repeat("a=\xc3\x28&", 1<<17)
	hostile.Process, hostile.AppPool, hostile.Server, hostile.Host = "+evil\x00.exe", "-2+3\xff", "@SUM(A1)", "</script>"
	hostile.Verdict.Title, hostile.LogID = "\x1b[31mred\x1b[0m\xff", "00000000-0000-0000-0000-000000000000"
	hostile.Phases[1].Name, hostile.Phases[1].Detail = "\xff\x1b", "\x00"
	hostile.Connection = &timeline.Connection{Local: "\xff", Remote: "\u202e[fe80::1%eth0]:80"}

	a := analysis(race, nested, hangs, cut, beyond, instant, timeless, absurd, endless, bare, moved, mixed, behind, other, hostile)
	web := traceLog("case/web.etl", at("12:26:00"), at("12:34:00"))
	a.Inputs = append(a.Inputs, web)
	a.Traces = append(a.Traces, timeline.InputResult{Path: web.Path, First: web.Start, Last: web.End, Machine: &timeline.Machine{Name: "WEB16"}})
	a.Traces[0].Machine = &timeline.Machine{Name: "ARR01"}
	a.Discoveries = []timeline.Discovery{{Verdict: &timeline.Verdict{ID: "V3", Title: "the pool is off"}}, {Machine: a.Traces[1].Machine, Verdict: behind.Verdict}}
	return a
}

// drawn are the models that the formats for other tools' time lines have to cope with, made anew.
func drawn() map[string]func() *Analysis {
	out := map[string]func() *Analysis{
		"awkward": awkward, "full": full,
		"empty": func() *Analysis { return &Analysis{Tool: tool} },
	}
	for name, make := range models {
		if name != "many-ways" && name != "ten-ways" && name != "three-ways" { // the same again, ten thousand times
			out[name] = make
		}
	}
	return out
}

func TestExchanges(t *testing.T) {
	a := awkward()
	list, left := a.exchanges()
	if left != 2 || len(list) != len(a.Requests)-2 {
		t.Errorf("%d of %d requests have a place in time, %d have none", len(list), len(a.Requests), left)
	}
	for i := range list {
		x := &list[i]
		if i > 0 && x.start < list[i-1].start {
			t.Errorf("%s begins before %s", x.ID, list[i-1].ID)
		}
		if !plausible(x.start) || !plausible(x.end) || x.start > x.end || x.start != x.Start {
			t.Errorf("%s from %v to %v", x.ID, x.start, x.end)
		}
		if x.Outcome == timeline.Unfinished && (!x.open || x.end != a.Traces[0].Last) {
			t.Errorf("%s has no end, and is drawn until %v", x.ID, x.end)
		}
		last := x.start
		for _, p := range within(x.Phases, x.stretch) {
			if p.start < last || p.end < p.start || p.end > x.end {
				t.Errorf("%s: %s from %v to %v, within %v to %v", x.ID, p.Name, p.start, p.end, x.start, x.end)
			}
			last = p.start
		}
	}
	for _, b := range []*exchange{a.behind(&list[len(list)-1]), a.behind(&exchange{Request: &timeline.Request{}})} {
		if b != nil && (b.machine != "WEB16" || b.input != "case/web.etl" || !b.open || b.end != b.Phases[1].Start || b.Outcome != timeline.Unfinished) {
			t.Errorf("behind: %+v of %+v", b, b.Request)
		}
	}
}

func TestUnixNano(t *testing.T) {
	for _, test := range []struct {
		t  etl.Time
		ok bool
	}{
		{0, false}, {-1, false}, {etl.FromTime(time.Unix(0, 0)), false}, {etl.FromTime(time.Unix(0, 100)), true},
		{at("12:26:00.0000001"), true}, {etl.FromTime(time.Unix(1<<33, 0)), true}, {math.MaxInt64, false}, {latest, true}, {latest + 1, false},
	} {
		if plausible(test.t) != test.ok {
			t.Errorf("%v: plausible is %v", test.t, !test.ok)
		}
		if test.ok {
			if back := etl.FromTime(time.Unix(0, int64(unixNano(test.t)))); back != test.t {
				t.Errorf("%v comes back as %v", test.t, back)
			}
		}
	}
}

func TestAbsolute(t *testing.T) {
	for _, test := range []struct {
		r    timeline.Request
		want string
	}{
		{timeline.Request{URL: "http://shop/a?b=c"}, "http://shop/a?b=c"},
		{timeline.Request{URL: "HTTPS://shop"}, "https://shop"},
		{timeline.Request{URL: "/a b", Host: "shop:8080", Server: "10.0.0.1:80"}, "http://shop:8080/a%20b"},
		{timeline.Request{URL: "/a", Server: "10.0.0.1:443"}, "https://10.0.0.1:443/a"},
		{timeline.Request{URL: "/a", Server: "[2001:db8::1]:80"}, "http://[2001:db8::1]:80/a"},
		{timeline.Request{URL: "/a"}, "http://WEB16/a"},
		{timeline.Request{URL: "", Host: "shop"}, "http://shop/"},
		{timeline.Request{URL: "*", Host: "shop"}, "http://shop/*"},
		{timeline.Request{URL: "/a", Host: "shop", Phases: []timeline.Phase{{Name: timeline.PhaseTLS}}}, "https://shop/a"},
		{timeline.Request{URL: "javascript://x", Host: "shop"}, "http://shop/javascript://x"},
		{timeline.Request{URL: "/%41%4%zz[]", Host: "a b"}, "http://WEB16/%41%254%25zz%5B%5D"},
		{timeline.Request{URL: "http://[fe80::1]:80/\xff\u00e9\x00"}, "http://[fe80::1]:80/%FF%C3%A9%00"},
		{timeline.Request{URL: "http://a\"b/<c>"}, "http://a%22b/%3Cc%3E"},
	} {
		x := exchange{Request: &test.r, machine: "WEB16"}
		if got := x.absolute(); got != test.want {
			t.Errorf("%q at %q, %q: %s, want %s", test.r.URL, test.r.Host, test.r.Server, got, test.want)
		}
	}
	if got := (&exchange{Request: &timeline.Request{URL: "/a"}, machine: "two words"}).absolute(); got != "http://unknown.invalid/a" {
		t.Error(got)
	}
}

// Whatever a file holds, what is written can be read.
func FuzzDrawnTexts(f *testing.F) {
	for _, s := range []string{"", "/a?b=c", "http://[::1", "://", "\xff\x00\x1b[0m", "\u2028\u202e</script>", "%", "a:b@c:d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		model := func() *Analysis {
			r := receiveTimeout(at("12:31:52.9"))
			r.Method, r.URL, r.Host, r.Server, r.Client, r.Process, r.AppPool, r.LogID, r.Farm = s, s, s, s, s, s, s, s, s
			r.Phases[0].Name, r.Phases[0].Detail, r.Verdict.Title, r.Verdict.Evidence[0].Text = timeline.PhaseName("x"+s), s, "x"+s, s
			r.Connection.Local, r.Connection.Remote = s, s
			r.Attempts = append(r.Attempts, timeline.Attempt{URL: s, Start: r.Start.Add(ms(1))})
			a := analysis(r)
			a.Traces[0].Path, a.Inputs[0].Path, a.Traces[0].Machine = s, s, &timeline.Machine{Name: s}
			return a
		}
		for _, e := range readHAR(t, s, render(t, WriteAnalysis, "har", model(), Options{})).Log.Entries {
			if strings.ContainsFunc(e.Request.URL, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Errorf("URL %q", e.Request.URL)
			}
		}
		readPerfetto(t, s, render(t, WriteAnalysis, "perfetto", model(), Options{}))
		readOTLP(t, s, render(t, WriteAnalysis, "otlp", model(), Options{}))
	})
}

// 50,000 requests, in about a second.
func BenchmarkDrawn(b *testing.B) {
	list := many(40_000, "192.168.0.216:80")
	for i := range 10_000 {
		list = append(list, receiveTimeout(at("12:26:00").Add(time.Duration(i)*ms(40))))
	}
	a := analysis(list...)
	for _, format := range []string{"har", "perfetto", "otlp", "json"} {
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				if err := WriteAnalysis(io.Discard, format, a, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
