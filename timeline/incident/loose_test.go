package incident_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/timeline"
)

// The lines of a handshake are one request, and what only looks like one is not.
func TestHandshakeLegs(t *testing.T) {
	line := func(at, client, page string, status string) string {
		return "2026-03-05 " + at + " 10.0.0.11 GET " + page + " - 80 " + client + " " + status + " 10\n"
	}
	tests := []struct {
		name  string
		lines string
		want  string // status and restarts of each request
	}{
		{"NTLM", line("09:00:00", "10.9.9.9", "/a", "401 2 5") + line("09:00:00", "10.9.9.9", "/a", "401 1 2148074254") + line("09:00:01", "10.9.9.9", "/a", "200 0 0"), "200+2"},
		{"a failure behind it", line("09:00:00", "10.9.9.9", "/a", "401 2 5") + line("09:00:01", "10.9.9.9", "/a", "500 0 0"), "500+1"},
		{"nobody let in", line("09:00:00", "10.9.9.9", "/a", "401 2 5") + line("09:00:00", "10.9.9.9", "/a", "401 1 2148074254") + line("09:00:01", "10.9.9.9", "/a", "401 1 1326"), "401+2"},
		{"another line in between", line("09:00:00", "10.9.9.9", "/a", "401 2 5") + line("09:00:00", "10.9.9.8", "/b", "200 0 0") + line("09:00:01", "10.9.9.9", "/a", "200 0 0"), "200+0 200+1"},
		{"another client", line("09:00:00", "10.9.9.9", "/a", "401 2 5") + line("09:00:01", "10.9.9.8", "/a", "200 0 0"), "401+0 200+0"},
		{"another page", line("09:00:00", "10.9.9.9", "/a", "401 2 5") + line("09:00:01", "10.9.9.9", "/b", "200 0 0"), "401+0 200+0"},
		{"too late", line("09:00:00", "10.9.9.9", "/a", "401 2 5") + line("09:00:05", "10.9.9.9", "/a", "200 0 0"), "401+0 200+0"},
		{"two at once", line("09:00:00", "10.9.9.9", "/a", "401 2 5") + line("09:00:00", "10.9.9.9", "/a", "401 2 5") + line("09:00:01", "10.9.9.9", "/a", "200 0 0") + line("09:00:01", "10.9.9.9", "/a", "200 0 0"), "200+0 200+2"},
		{"403 is no leg", line("09:00:00", "10.9.9.9", "/a", "403 0 5") + line("09:00:01", "10.9.9.9", "/a", "200 0 0"), "403+0 200+0"},
	}
	for _, tt := range tests {
		res := caseResult(t, folder(t, map[string]string{"u_ex.log": proxyLog + tt.lines}), "case")
		var got []string
		for _, r := range res.Requests {
			got = append(got, fmt.Sprintf("%d+%d", r.Status, r.Restarts))
		}
		same := strings.Join(got, " ") == tt.want
		if tt.name == "two at once" { // whose are which, nobody can tell
			same = len(got) == 2
		}
		if !same {
			t.Errorf("%s: %s, want %s", tt.name, strings.Join(got, " "), tt.want)
		}
	}
}

// What a content server has of the proxy's requests is no request of its own, also where nothing joins the two.
func TestLoose(t *testing.T) {
	texts := func() map[string]string {
		out := map[string]string{}
		add := func(to, name string) {
			b, err := os.ReadFile("../../testdata/cases/08-long-requests-then-no-server/" + name)
			if err != nil {
				t.Fatal(err)
			}
			out[to] = string(b)
		}
		for _, name := range []string{"ARR01/u_ex260313.log", "ARR01/fr000051.freb.txt", "WEB11/u_ex260313.log", "WEB12/u_ex260313.log"} {
			add(name, name)
		}
		return out
	}
	count := func(res *timeline.Result) (loose, rest, left int) {
		for _, r := range res.Requests {
			switch {
			case !r.Loose:
				rest++
				continue
			case r.Side != timeline.Server || r.Outcome == timeline.Failed:
				t.Errorf("%s is loose: %+v", r.ID, r)
			case r.Outcome == timeline.Cancelled:
				left++
				if r.Verdict == nil || r.Verdict.Title != "the proxy (ARR01) had hung up before the answer was delivered" {
					t.Errorf("%s: %+v", r.ID, r.Verdict)
				}
			}
			loose++
		}
		return loose, rest, left
	}
	if loose, rest, left := count(caseResult(t, folder(t, texts()), "case")); loose < 15 || left < 15 || rest != 39 {
		t.Errorf("%d are loose, of which the proxy gave %d up; %d others, want 39", loose, left, rest)
	}
	// A proxy's log of another time has none of them.
	files := texts()
	files["ARR01/u_ex260313.log"] = strings.ReplaceAll(files["ARR01/u_ex260313.log"], "2026-03-13", "2026-03-12")
	if loose, _, _ := count(caseResult(t, folder(t, files), "case")); loose != 0 {
		t.Errorf("%d are loose though the proxy's log is of another day", loose)
	}
	// What failed there alone counts.
	files = texts()
	log := files["WEB12/u_ex260313.log"]
	i := strings.Index(log, "#Fields:")
	fields := strings.Fields(log[i : strings.IndexByte(log[i:], '\n')+i])[1:]
	values := map[string]string{"date": "2026-03-13", "time": "14:03:00", "s-ip": "10.0.0.12", "cs-method": "GET", "cs-uri-stem": "/other", "s-port": "80",
		"c-ip": "10.0.0.5", "sc-status": "500", "sc-substatus": "0", "sc-win32-status": "0", "time-taken": "20"}
	failure := ""
	for _, f := range fields {
		v := values[f]
		if v == "" {
			v = "-"
		}
		failure += v + " "
	}
	files["WEB12/u_ex260313.log"] = strings.TrimSuffix(log, "\n") + "\n" + strings.TrimSpace(failure) + "\n"
	for _, r := range failed(caseResult(t, folder(t, files), "case")) {
		if r.Status == 500 && r.Loose {
			t.Error("a failure that only the content server has is not counted")
		}
	}
}
