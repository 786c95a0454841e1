package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/etwhy/etwhy/timeline"
)

// Titles that differ in numbers only tell of one cause.
func TestWording(t *testing.T) {
	tests := []struct {
		a, b string
		same bool
	}{
		{"ARR stopped waiting after 29.9 s; the content server needed 45.2 s", "ARR stopped waiting after 30 s; the content server needed 33 s", true},
		{"it took 2 min 5 s", "it took 1 min 10 s", true},
		{"10.0.0.1:80 broke off", "10.0.0.22:8080 broke off", true},
		{"[2001:db8::1]:80 broke off", "10.0.0.22:8080 broke off", true},
		{"switched off after 5 crashes", "switched off after 12 crashes", true},
		{"the queue was full (1,000 requests)", "the queue was full (5,000 requests)", true},
		{"502.5 came from a module", "502.3 came from a module", false},
		{"the application answered 500.19", "the application answered 500.121", false},
		{"WEB02 was off", "WEB03 was off", false},
		{"pool Shop was off", "pool News was off", false},
		{"HTTP.sys ended the request when Timer_EntityBody ran out", "HTTP.sys ended the request when Timer_MinBytesPerSecond ran out", false},
	}
	for _, tt := range tests {
		if got := wording(tt.a) == wording(tt.b); got != tt.same {
			t.Errorf("%q and %q: %q, %q", tt.a, tt.b, wording(tt.a), wording(tt.b))
		}
	}
}

// titled returns failed requests with verdicts.
func titled(id string, sure timeline.Confidence, servers []string, titles ...string) []*timeline.Request {
	var out []*timeline.Request
	for i, title := range titles {
		r := refused(at("12:26:00").Add(time.Duration(i)*time.Second), servers[i%len(servers)])
		r.Verdict = &timeline.Verdict{ID: id, Title: title, Confidence: sure}
		out = append(out, r)
	}
	return out
}

func TestGroups(t *testing.T) {
	one := []string{"10.0.0.1:80"}
	two := titled("R4", timeline.Likely, one, "it broke after 2 s", "it broke after 3 s", "it broke after 4 s")
	two[1].Verdict.Confidence = timeline.Certain
	other := two[2]
	other.Error = 10053
	tests := []struct {
		name     string
		requests []*timeline.Request
		want     string // size, told by, less sure
	}{
		{"one cause, differently sure", two, "3 r2 2 of 3 are only likely: fewer files know them."},
		{"equal words", titled("NE", timeline.Possible, one, "it is not known", "it is not known"), "2 r1 "},
		{"one row, other words", titled("NE", timeline.Possible, one, "it is not known", "no file tells"), "1 r1 \n1 r2 "},
		{"two servers", titled("C1", timeline.Likely, []string{"10.0.0.1:80", "10.0.0.2:80"}, "10.0.0.1:80 refused the connection", "10.0.0.2:80 refused the connection"), "1 r1 \n1 r2 "},
		{"possible beside certain", append(titled("R4", timeline.Certain, one, "it broke"), titled("R4", timeline.Possible, one, "it broke")...), "2 r1 1 of 2 is less sure: fewer files know it."},
	}
	for _, tt := range tests {
		a := analysis(tt.requests...)
		var got []string
		for _, g := range a.groups(a.Requests, timeline.Failed) {
			got = append(got, fmt.Sprintf("%d %s %s", len(g.requests), g.first().ID, g.lesser()))
		}
		if text := strings.Join(got, "\n"); text != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, text, tt.want)
		}
	}
}

// Two addresses of one machine are one server.
func TestGroupsOfOneMachine(t *testing.T) {
	list := titled("C1", timeline.Likely, []string{"10.0.0.1:80", "[2001:db8::1]:80"}, "nobody listened", "nobody listened")
	a := analysis(list...)
	if got := a.groups(a.Requests, timeline.Failed)[0].title(); got != "nobody listened (2 servers, first 10.0.0.1:80)" {
		t.Errorf("of two machines: %s", got)
	}
	a.Machines = []*timeline.Machine{{Name: "WEB01", Addresses: []string{"10.0.0.1", "2001:db8::1"}}}
	if got := a.groups(a.Requests, timeline.Failed)[0].title(); got != "nobody listened" {
		t.Errorf("of one machine: %s", got)
	}
}

// What a content server has of the proxy's requests is listed, and does not count.
func TestUnjoined(t *testing.T) {
	list := titled("T1", timeline.Likely, []string{"10.0.0.1:80"}, "it took too long", "it took too long")
	for i := range 3 {
		r := served(at("12:27:00").Add(time.Duration(i)*time.Second), 200)
		r.Outcome, r.Loose = timeline.Cancelled, true
		list = append(list, r)
	}
	a := analysis(list...)
	var out strings.Builder
	if err := WriteAnalysis(&out, "table", a, Options{}); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	const want = "Not counted twice: 3 lines of the content servers' logs belong to these requests, but cannot be matched one by one: on 3 the proxy had hung up."
	if !strings.HasPrefix(text, "2 of 2 requests ") || !strings.Contains(text, want) || strings.Contains(text, "given up by the caller") {
		t.Errorf("%s", out.String())
	}
	if s := a.newSummary(); s.Requests != 2 || s.Failed != 2 || s.Cancelled != 0 || s.Unjoined != 3 {
		t.Errorf("the summary is %+v", s)
	}
	a = analysis(list[2:]...) // alone, they are what is asked for
	if s := a.newSummary(); s.Requests != 3 || s.Unjoined != 0 {
		t.Errorf("the summary of these alone is %+v", s)
	}
}

// Of a path that no line has room for, the end tells the files apart.
func TestEnding(t *testing.T) {
	for _, tt := range []struct {
		path  string
		width int
		want  string
	}{
		{"case/ARR01/net.etl", 40, "case/ARR01/net.etl"},
		{"/very/long/folder/of/a/customer/case/ARR01/net.etl", 20, ".../case/ARR01/net.etl"},
		{"one-name-that-is-far-too-long-for-any-line.etl", 20, "one-name-that-is-far-too-long-for-any-line.etl"},
		{"", 20, ""},
	} {
		if got := ending(tt.path, tt.width); got != tt.want {
			t.Errorf("%q in %d: %q, want %q", tt.path, tt.width, got, tt.want)
		}
	}
}
