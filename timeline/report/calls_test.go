package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/etwhy/etwhy/timeline"
)

// cameIn is a request that came in and was answered 500, while calls failed, as a timeline would relate them.
func cameIn(url string, call *timeline.Request, by string, sure timeline.Confidence) *timeline.Request {
	r := served(call.Start.Add(-ms(30)), 500)
	r.URL, r.Client, r.Outcome, r.End = url, "10.0.1.31:51210", timeline.Failed, call.End.Add(ms(20))
	r.Phases = nil
	r.Verdict = &timeline.Verdict{
		ID: "HTTP-5xx", Title: "the application answered 500", Confidence: timeline.Likely,
		Open: "whether the call that failed is why: its own log knows",
	}
	r.Related = []timeline.Related{{Kind: timeline.RelatedCall, By: by, Confidence: sure, Time: call.End, Text: call.Verdict.Title, Request: call}}
	call.Related = append(call.Related, timeline.Related{
		Kind: timeline.RelatedCaller, By: by, Confidence: sure, Time: r.End, Text: "500", Request: r,
	})
	return r
}

// failedCalls are two calls alike, which two requests likely failed because of, with one that failed by itself.
func failedCalls() *Analysis {
	const by = "process and time"
	one, two := connectTimeout(at("12:26:10"), "10.0.0.77:80"), connectTimeout(at("12:27:10"), "10.0.0.77:80")
	list := append(many(9, "10.0.0.11:80"),
		cameIn("http://shop/checkout?cart=7", one, by, timeline.Likely), one,
		cameIn("http://shop/item/7", two, by, timeline.Likely), two)
	alone := cameIn("http://shop/search", connectTimeout(at("12:28:10"), "10.0.0.78:80"), by, timeline.Likely)
	alone.Related, alone.Verdict.Open = nil, "why: its own log knows"
	return analysis(append(list, alone)...)
}

// mixedCalls are calls alike: what came of the first is only possible, of the two others likely.
func mixedCalls() *Analysis {
	list := many(9, "10.0.0.11:80")
	for i, sure := range []timeline.Confidence{timeline.Possible, timeline.Likely, timeline.Likely} {
		call := connectTimeout(at("12:26:10").Add(time.Duration(i)*time.Minute), "10.0.0.77:80")
		list = append(list, cameIn("http://shop/checkout?cart=7", call, "process and time", sure), call)
	}
	return analysis(list...)
}

// possibleCalls are two requests of which one possibly failed because of a call.
func possibleCalls() *Analysis {
	const by = "machine and time"
	call := connectTimeout(at("12:26:10"), "10.0.0.77:80")
	one := cameIn("http://shop/checkout?cart=7", call, by, timeline.Possible)
	other := cameIn("http://shop/item/7", connectTimeout(at("12:27:10"), "10.0.0.78:80"), by, timeline.Possible)
	other.Related = nil
	return analysis(append(many(9, "10.0.0.11:80"), one, call, other)...)
}

// rivalCalls are two requests of which one possibly failed because of a call: nothing tells which.
func rivalCalls() *Analysis {
	call := connectTimeout(at("12:26:10"), "10.0.0.77:80")
	one := cameIn("http://shop/checkout?cart=7", call, "process and time", timeline.Possible)
	two := cameIn("http://shop/item/7", call, "process and time", timeline.Possible)
	return analysis(append(many(9, "10.0.0.11:80"), one, two, call)...)
}

// Likely calls and what came of them are one finding, possible ones two, the cause first; every request is counted once.
func TestFailedCalls(t *testing.T) {
	only := func(a *Analysis, want func(*timeline.Request) bool) *Analysis {
		a.Everything = a.Requests
		a.Requests = nil
		for _, r := range a.Everything {
			if want(r) {
				a.Requests = append(a.Requests, r)
			}
		}
		return a
	}
	tests := []struct {
		name   string
		a      *Analysis
		groups string   // how many calls, and how many that came of them, of each
		parts  []string // of the screen
	}{
		{"likely", failedCalls(), "2+2 1+0", []string{
			"5 of 14 requests of w3wp.exe (2 pools) failed, in 2 ways: nothing answered at 10.0.0.77:80 (4); the application answered 500 (1).",
			"2 x nothing answered at 10.0.0.77:80; likely because of that, 2 requests that came in were answered 500.",
			"What came of it, likely: GET http://shop/checkout?cart=7 from 10.0.1.31:51210 (r10) was answered 500 after 21.1 s. It was under way when r11 failed (by process and time). So was 1 more, with its own call.",
		}},
		{"possible", possibleCalls(), "1+0 2+0", []string{
			"3 of 12 requests of w3wp.exe (2 pools) failed, in 2 ways: nothing answered at 10.0.0.77:80 (1); the application answered 500 (2).",
			"What came of it, possibly: GET http://shop/checkout?cart=7 from 10.0.1.31:51210 (r10) was answered 500",
			"Possibly why: r11, a call that failed while r10 was under way (by machine and time): nothing answered at 10.0.0.77:80.",
		}},
		{"rivals", rivalCalls(), "1+0 2+0", []string{
			"Which request this call was made for cannot be told. These were under way when it failed, and failed as well (by process and time): " +
				"GET http://shop/checkout?cart=7 from 10.0.1.31:51210 (r10), GET http://shop/item/7 from 10.0.1.31:51210 (r11).",
			"Possibly why: r12, a call that failed while r10 and others were under way (by process and time): nothing answered at 10.0.0.77:80.",
		}},
		{"likely but for the first", mixedCalls(), "3+2 1+0", []string{
			"3 x nothing answered at 10.0.0.77:80; likely because of that, 2 requests that came in were answered 500.",
			"What came of it, likely: GET http://shop/checkout?cart=7 from 10.0.1.31:51210 (r12) was answered 500 after 21.1 s. " +
				"It was under way when r13 failed (by process and time). So was 1 more, with its own call.",
			"Possibly why: r11, a call that failed while this request was under way",
		}},
		{"the call is not asked for", only(failedCalls(), func(r *timeline.Request) bool { return r.Side == timeline.Server }), "3+0", []string{
			"3 of 3 requests of w3wp.exe (PID 4400) failed: the application answered 500.",
			"Likely why: r11, a call that failed while r10 was under way (by process and time): nothing answered at 10.0.0.77:80.",
		}},
		{"the call alone", only(failedCalls(), func(r *timeline.Request) bool { return r.Side == timeline.Client }), "2+0", []string{
			"2 of 11 requests of w3wp.exe (PID 1432) failed: nothing answered at 10.0.0.77:80.",
			"What came of it, likely: GET http://shop/checkout?cart=7 from 10.0.1.31:51210 (r10) was answered 500",
		}},
	}
	for _, tt := range tests {
		var got []string
		for _, g := range tt.a.groups(tt.a.Requests, timeline.Failed) {
			got = append(got, fmt.Sprintf("%d+%d", len(g.requests), len(g.came)))
		}
		if strings.Join(got, " ") != tt.groups {
			t.Errorf("%s: groups %s, want %s", tt.name, strings.Join(got, " "), tt.groups)
		}
		var out bytes.Buffer
		if err := WriteAnalysis(&out, "table", tt.a, Options{Redact: defaults(), Width: 100}); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(out.String()), " ")
		for _, part := range tt.parts {
			if !strings.Contains(text, part) {
				t.Errorf("%s: no %q in\n%s", tt.name, part, out.String())
			}
		}
	}
}

// A call is no witness of the request that it was made for.
func TestCallsAreNoWitnesses(t *testing.T) {
	for _, a := range []*Analysis{failedCalls(), possibleCalls(), rivalCalls()} {
		for _, c := range a.cards() {
			if c.Candidates != "" || strings.Contains(c.Sure, "joined by") {
				t.Errorf("%s: %q, %q", c.Headline, c.Candidates, c.Sure)
			}
			if len(c.IDs) != c.Count {
				t.Errorf("%s: %d requests, %v", c.Headline, c.Count, c.IDs)
			}
		}
	}
}

// Statuses that differ are not named.
func TestConsequence(t *testing.T) {
	g := &group{came: []*timeline.Request{served(at("12:00:00").Add(time.Second), 500), served(at("12:00:00"), 503)}}
	if got := g.consequence(); got != "; likely because of that, 2 requests that came in failed" {
		t.Error(got)
	}
	g.came = g.came[1:]
	if got := g.consequence(); got != "; likely because of that, GET /welcome.png was answered 503" {
		t.Error(got)
	}
}
