package incident_test

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident/incidenttest"
)

// folder compiles texts, by their names.
func folder(t testing.TB, texts map[string]string) fs.FS {
	t.Helper()
	files := fstest.MapFS{}
	for name, text := range texts {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	made, err := incidenttest.Folder(files)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// related writes what a request was joined with: kind, how, and how sure, of each.
func related(r *timeline.Request) string {
	var list []string
	for _, q := range r.Related {
		list = append(list, fmt.Sprintf("%s by %s (%s)", q.Kind, q.By, q.Confidence))
	}
	return strings.Join(list, "\n")
}

// failed returns the requests that failed.
func failed(res *timeline.Result) []*timeline.Request {
	return slices.DeleteFunc(slices.Clone(res.Requests), func(r *timeline.Request) bool { return r.Outcome != timeline.Failed })
}

// All files of both servers are of one request.
func TestJoinAll(t *testing.T) {
	res := caseResult(t, os.DirFS("../../testdata/demo"), "demo")
	list := failed(res)
	if len(list) != 1 {
		t.Fatalf("%d requests failed, want 1", len(list))
	}
	r := list[0]
	const want = `freb by X-ARR-LOG-ID (certain)
iis-log by X-ARR-LOG-ID (certain)
freb by X-ARR-LOG-ID (certain)
iis-log by URL, method and time (likely)`
	if got := related(r); got != want {
		t.Errorf("joined with\n%s\nwant\n%s", got, want)
	}
	if !r.Proxied || r.Side != timeline.Client || r.Phase != timeline.PhaseReceive || r.Client != "192.168.0.204:49247" ||
		r.Server != "192.168.0.216:80" || r.Status != 502 || r.SubStatus != 3 || r.MadeBy == nil || r.MadeBy.Tier != "arr" {
		t.Errorf("the request is %+v", r)
	}
	quoted := map[string]bool{}
	for _, e := range r.Verdict.Evidence {
		quoted[res.Inputs[e.Input].Path] = true
	}
	for _, name := range []string{
		"ARR01/net.etl", "ARR01/fr000012.xml", "ARR01/u_ex260304.log", "WEB16/fr000004.xml", "WEB16/u_ex260304.log", "WEB16/httperr1.log",
	} {
		if !quoted["demo/"+name] {
			t.Errorf("nothing is quoted of %s", name)
		}
	}
	roles := ""
	for _, m := range res.Machines {
		roles += fmt.Sprintf("%s %s %d\n", m.Name, m.Role, len(m.Inputs))
	}
	if roles != "ARR01 arr 3\nWEB16 content 3\n" {
		t.Errorf("machines:\n%s", roles)
	}
}

const (
	proxyLog = `#Software: Microsoft Internet Information Services 10.0
#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port c-ip sc-status sc-substatus sc-win32-status time-taken
`
	pastedTrace = `2:32:22 PM 7/22/2011 32.6380453 w3wp.exe (1432) WINHTTP_MicrosoftWindowsWinHttp WINHTTP_MicrosoftWindowsWinHttp:12:32:23.123 ::sys-recver starts in _INIT state
2:32:22 PM 7/22/2011 32.6380606 w3wp.exe (1432) WINHTTP_MicrosoftWindowsWinHttp WINHTTP_MicrosoftWindowsWinHttp:12:32:23.123 ::sys-recver failed to receive headers; error = ? (1460)
2:32:22 PM 7/22/2011 32.6380800 w3wp.exe (1432) WINHTTP_MicrosoftWindowsWinHttp WINHTTP_MicrosoftWindowsWinHttp:12:32:23.123 ::ERROR_WINHTTP_FROM_WIN32 mapped (?) 1460 to (ERROR_WINHTTP_TIMEOUT) 12002
`
)

// Pieces of different days are of different requests, whatever else they share.
func TestJoinNotAcrossDays(t *testing.T) {
	res := caseResult(t, folder(t, map[string]string{
		"trace.txt": pastedTrace,
		"ARR/u_ex110718.log": proxyLog +
			"2011-07-18 16:50:50 192.168.0.205 GET /time/ X-ARR-CACHE-HIT=0&X-ARR-LOG-ID=dbf06c50-adb0-4141-8c04-20bc2f193a61 80 192.168.0.204 502 3 12002 29889\n",
		"WEB/fr000001.freb.txt": `url http://test:80/time/
computer WEB16
date 2011-07-22
16:50:21.033 GENERAL_REQUEST_START SiteId=1 RequestURL=http://test:80/time/ RequestVerb=GET
16:50:21.033 GENERAL_REQUEST_HEADERS Headers="Host: test\r\nX-Forwarded-For: 192.168.0.204:49247\r\nX-ARR-LOG-ID: dbf06c50-adb0-4141-8c04-20bc2f193a61\r\n\r\n"
16:51:06.240 GENERAL_REQUEST_END BytesSent=0 BytesReceived=371 HttpStatus=200 HttpSubStatus=0
`,
	}), "days")
	if len(res.Requests) != 3 {
		t.Errorf("%d requests, want 3", len(res.Requests))
	}
	for _, r := range res.Requests {
		if len(r.Related) > 0 {
			t.Errorf("%s is joined: %s", r.ID, related(r))
		}
	}
}

// Two lines that fit equally well are both named, and neither is joined.
func TestJoinOfTwo(t *testing.T) {
	front := proxyLog +
		"2026-03-05 10:00:00 10.0.0.5 GET / X-ARR-CACHE-HIT=0&X-ARR-LOG-ID=00000000-0000-4000-8000-000000000001&SERVER-STATUS=200 80 10.9.9.9 200 0 0 10\n" +
		"2026-03-05 10:01:00 10.0.0.5 GET /slow X-ARR-CACHE-HIT=0&X-ARR-LOG-ID=00000000-0000-4000-8000-000000000002&SERVER-STATUS=0 80 10.9.9.9 502 3 12002 30000\n" +
		"2026-03-05 10:09:00 10.0.0.5 GET / X-ARR-CACHE-HIT=0&X-ARR-LOG-ID=00000000-0000-4000-8000-000000000003&SERVER-STATUS=200 80 10.9.9.9 200 0 0 10\n"
	behind := proxyLog +
		"2026-03-05 10:00:00 10.0.0.11 GET / - 80 10.0.0.5 200 0 0 9\n" +
		"2026-03-05 10:01:15 10.0.0.11 GET /slow - 80 10.0.0.5 200 0 64 45000\n"
	second := "2026-03-05 10:01:20 10.0.0.11 GET /slow - 80 10.0.0.5 200 0 64 50000\n"
	end := "2026-03-05 10:09:00 10.0.0.11 GET / - 80 10.0.0.5 200 0 0 9\n"

	one := failed(caseResult(t, folder(t, map[string]string{"ARR/u_ex.log": front, "WEB/u_ex.log": behind + end}), "one"))
	if len(one) != 1 || related(one[0]) != "iis-log by URL, method and time (likely)" {
		t.Errorf("one candidate: joined with %q", related(one[0]))
	}
	two := failed(caseResult(t, folder(t, map[string]string{"ARR/u_ex.log": front, "WEB/u_ex.log": behind + second + end}), "two"))
	const want = "iis-log by URL, method and time (possible)\niis-log by URL, method and time (possible)"
	if len(two) != 1 || related(two[0]) != want {
		t.Errorf("two candidates: joined with %q", related(two[0]))
	}
	if len(one) == 1 && len(two) == 1 && two[0].Verdict.Confidence > one[0].Verdict.Confidence {
		t.Errorf("with two candidates the verdict is %s, with one %s", two[0].Verdict.Confidence, one[0].Verdict.Confidence)
	}
}

// The clocks of two machines are compared by the exchanges that both saw.
func TestJoinClock(t *testing.T) {
	fsys := os.DirFS("../../testdata/cases/01-arr-receive-timeout")
	texts := map[string]string{}
	fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(fsys, name)
		if strings.HasPrefix(name, "WEB16/") {
			b = shifted(name, b)
		}
		texts[name] = string(b)
		return err
	})
	res := caseResult(t, folder(t, texts), "clock")
	for _, m := range res.Machines {
		if m.Name != "WEB16" {
			continue
		}
		if off := m.ClockOffset.Seconds(); off < -90.1 || off > -89.9 || m.ClockFrom != "ARR01" || m.ClockPairs != 1 {
			t.Errorf("the clock of WEB16 is off by %.3f s against %s, by %d pairs", off, m.ClockFrom, m.ClockPairs)
		}
	}
	if list := failed(res); len(list) != 1 || len(list[0].Related) != 4 {
		t.Errorf("not joined with a clock that is 90 s ahead")
	}
}

// A copy of a log tells nothing twice.
func TestJoinCopy(t *testing.T) {
	line := "2026-03-05 10:01:00 10.0.0.5 GET /slow X-ARR-CACHE-HIT=0&X-ARR-LOG-ID=00000000-0000-4000-8000-000000000002&SERVER-STATUS=0 80 10.9.9.9 502 3 12002 30000\n"
	other := strings.Replace(line, "0002&", "0003&", 1)
	res := caseResult(t, folder(t, map[string]string{"u_ex.log": proxyLog + line + other, "u_ex - Copy.log": proxyLog + line}), "copy")
	if n := len(res.Requests); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
	for _, r := range res.Requests {
		if len(r.Related) > 0 {
			t.Errorf("%s is related to %s", r.ID, related(r))
		}
	}
}

// What found no server was not passed on.
func TestJoinNoServer(t *testing.T) {
	made, err := incidenttest.Folder(os.DirFS("../../testdata/cases/05-all-members-offline"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, r := range failed(caseResult(t, made, "case")) {
		for _, e := range r.Verdict.Evidence {
			if strings.Contains(e.Text, "ApplicationRequestRouting") {
				seen++
				if strings.Contains(e.Text, "passed on") {
					t.Errorf("%s: %q", r.ID, e.Text)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no FREB file is quoted")
	}
}

// In these cases a call fails, and with it the request that it was made for.
func TestJoinCalls(t *testing.T) {
	for name, want := range map[string]string{ // what the call is related with
		"29-syn-unanswered-infinite-timer": "caller by time, and an unhandled exception in the calling process (likely)",
		"32-partner-changed-certificate":   "caller by machine and time (possible)",
		"34-http2-push-falls-back":         "caller by time, and an unhandled exception in the calling process (likely)",
		"35-client-key-not-readable":       "caller by application pool and time (likely)",
		"53-search-for-a-proxy-stalls":     "caller by machine and time (possible)",
	} {
		made, err := incidenttest.Folder(os.DirFS(casesFolder + "/" + name))
		if err != nil {
			t.Fatal(err)
		}
		var calls []string
		for _, r := range failed(caseResult(t, made, name)) {
			if r.Side == timeline.Client {
				calls = append(calls, related(r))
			} else if got := related(r); got != "" && got != strings.Replace(want, "caller", "call", 1) {
				t.Errorf("%s, %s: %s", name, r.URL, got)
			}
		}
		if got := strings.Join(calls, "\n"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
