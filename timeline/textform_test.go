package timeline_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/etwhy/etwhy/decode/winhttplog"
	"github.com/etwhy/etwhy/timeline"
)

// sample reads one of the real files, or skips the test.
func sample(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../shared", name))
	if err != nil {
		if os.Getenv("ETWHY_SAMPLES") == "required" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return string(data)
}

// analyzeText reads a text file the way etwhy does.
func analyzeText(t testing.TB, text string) *timeline.Result {
	t.Helper()
	b := timeline.NewBuilder(timeline.Options{})
	in := b.Input(timeline.Input{Path: "winhttp.txt"})
	for l, err := range winhttplog.Parse(strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		in.Text(l)
	}
	in.Close()
	return b.Finish()
}

// The only published lines of a real trace: two failures, by the same lines with another code.
func TestTextSamples(t *testing.T) {
	for _, name := range []string{"samples/text/arr_502_winhttp_trace_win2008r2.txt", "guides/002_2ad5ee48b162fb7b.txt"} {
		t.Run(name, func(t *testing.T) {
			res := analyzeText(t, sample(t, name))
			validate(t, res)
			if len(res.Requests) != 2 {
				t.Fatalf("%d requests, want 2:\n%s", len(res.Requests), outline(res))
			}
			offline, slow := res.Requests[0], res.Requests[1]
			for _, c := range []struct {
				r       *timeline.Request
				start   string
				phase   timeline.PhaseName
				code    timeline.Code
				pid     uint32
				process string
				verdict string
				other   string // the alternative that must be named
			}{
				{offline, "2011-07-22 12:26:39.704", timeline.PhaseConnect, 10060, 0, "", "T4", "went dead"},
				{slow, "2011-07-22 12:32:23.123", timeline.PhaseReceive, 1460, 1432, "w3wp.exe", "T1", "timers"},
			} {
				r := c.r
				if got := r.Start.Time().Format("2006-01-02 15:04:05.000"); got != c.start {
					t.Errorf("start %s, want %s", got, c.start)
				}
				if d := r.Duration(); d != 0 || len(r.Phases) != 1 || !r.Phases[0].Start.IsZero() || r.Phases[0].Duration() != 0 || r.End.IsZero() {
					t.Errorf("the beginning is not in the file: took %v, phases %+v", d, r.Phases)
				}
				if r.Outcome != timeline.Failed || r.Phase != c.phase || r.Error != c.code || r.PID != c.pid || r.Process != c.process || r.Partial != timeline.PartialStart {
					t.Errorf("got %s", describe(r))
				}
				if want := (timeline.WinHTTPCode{Code: 12002, From: timeline.FromTrace}); r.WinHTTP != want {
					t.Errorf("winhttp %v, want %v", r.WinHTTP, want)
				}
				v := r.Verdict
				if v == nil || v.ID != c.verdict || v.Confidence != timeline.Likely || !strings.Contains(v.Open, c.other) {
					t.Errorf("verdict %+v, want %s, likely, with %q named", v, c.verdict, c.other)
				}
				if mapped := "mapped ("; !strings.Contains(evidence(v), mapped) {
					t.Errorf("no line with %q in the evidence:\n%s", mapped, evidence(v))
				}
			}
			if f := find(res, timeline.FindTextOnly); f == nil || f.Severity != timeline.Doubt || !strings.Contains(f.Title, "some of them name no process") || !strings.Contains(strings.Join(f.Text, " "), "No process is named in 7 of them") {
				t.Errorf("finding %+v", f)
			}
			if f := find(res, timeline.FindNoWinHTTP); f != nil {
				t.Errorf("text without events is no blind trace: %+v", f)
			}
		})
	}
}

func evidence(v *timeline.Verdict) string {
	var b strings.Builder
	if v != nil {
		for _, e := range v.Evidence {
			b.WriteString(e.Text + "\n")
		}
	}
	return b.String()
}

// find returns the finding of the first input with an id, or nil.
func find(res *timeline.Result, id timeline.FindingID) *timeline.Finding {
	for i, f := range res.Inputs[0].Health.Findings {
		if f.ID == id {
			return &res.Inputs[0].Health.Findings[i]
		}
	}
	return nil
}

// logFile is a .LOG file: two requests, one over midnight, whose lines are told apart by their tags.
const logFile = `
23:59:50.000 ::*Session* :: WinHttpConnect(0x100, "backend", 8080, 0x0)
23:59:50.001 ::*Session* :: WinHttpConnect() returning handle 0x200
23:59:50.002 ::*Session* :: WinHttpOpenRequest(0x200, "GET", "/slow?a=1,2", "", "", 0x0, 0)
23:59:50.003 ::*Session* :: WinHttpOpenRequest() returning handle 0x300
23:59:50.010 ::*0000001* :: WinHttpSendRequest(0x300, "Cookie: secret", 14, 0x0, 0, 0, 0)
23:59:50.011 ::*0000001* :: WinHttpSendRequest() returning TRUE
23:59:50.020 ::*0000001* :: WinHttpReceiveResponse(0x300, 0x0)
23:59:51.000 ::*0000002* :: WinHttpSendRequest(0x400, "", 0, 0x0, 0, 0, 0)
23:59:51.001 ::*0000002* :: sending data:
23:59:51.001 ::*0000002* :: <<<<-------- HTTP stream follows below ----------------------------------------------->>>>
23:59:51.001 ::*0000002* :: POST /order HTTP/1.1
23:59:51.001 ::*0000002* :: Host: shop:8080
23:59:51.001 ::*0000002* :: Cookie: secret
23:59:51.001 ::*0000002* :: <<<<-------- End ----------------------------------------------->>>>
23:59:51.002 ::*0000002* :: WinHttpReceiveResponse(0x400, 0x0)
23:59:51.100 ::*0000002* :: received data:
23:59:51.100 ::*0000002* :: <<<<-------- HTTP stream follows below ----------------------------------------------->>>>
23:59:51.100 ::*0000002* :: HTTP/1.1 201 Created
23:59:51.100 ::*0000002* :: Date: Tue, 05 Mar 2013 07:58:00 GMT
23:59:51.101 ::*0000002* :: <<<<-------- End ----------------------------------------------->>>>
23:59:51.200 ::*0000002* :: WinHttpQueryHeaders: error 12150 [ERROR_WINHTTP_HEADER_NOT_FOUND]
23:59:51.300 ::*0000002* :: WinHttpCloseHandle(0x400)
00:00:20.020 ::*0000001* :: ERROR_WINHTTP_FROM_WIN32 mapped (?) 1460 to (ERROR_WINHTTP_TIMEOUT) 12002
00:00:20.021 ::*0000001* :: WinHttpReceiveResponse: error 12002 [ERROR_WINHTTP_TIMEOUT]
00:00:20.022 ::*0000001* :: WinHttpReceiveResponse() returning FALSE
00:00:21.000 ::*0000003* :: WinHttpSendRequest(0x500, "", 0, 0x0, 0, 0, 0)
`

// A .LOG file has local time and no date; the Date header of an answer gives both.
func TestLogFile(t *testing.T) {
	want := strings.Join([]string{
		"r1 failed phase=receive error=1460 winhttp=12002/trace verdict=T1/likely pid=0 took=30.012s receive.headers:failed:1460 GET http://backend:8080/slow?a=1,2",
		"r2 ok status=201 pid=0 took=300ms POST http://shop:8080/order",
		"r3 unfinished pid=0 partial=end took=0s",
	}, "\n")
	res := analyzeText(t, logFile)
	validate(t, res)
	var got []string
	for _, r := range res.Requests {
		got = append(got, strings.TrimSpace(describe(r)))
	}
	if got := strings.Join(got, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := res.Requests[0].Start.String(); got != "2013-03-05T07:59:50.0100000Z" {
		t.Errorf("starts at %s: the zone is 8 hours behind, the server's clock 2 minutes", got)
	}
	if got := res.Requests[2].Start.String(); got != "2013-03-05T08:00:21.0000000Z" {
		t.Errorf("after midnight: %s", got)
	}
	if strings.Contains(evidence(res.Requests[0].Verdict), "secret") {
		t.Errorf("secrets, or data of another request, in the evidence:\n%s", evidence(res.Requests[0].Verdict))
	}

	// Without an answer nothing gives the date. The requests are there, without times.
	undated := analyzeText(t, strings.ReplaceAll(logFile, ":: Date: ", ":: X-Date: "))
	codes := map[timeline.Code]int{}
	for _, r := range undated.Requests {
		codes[r.Error]++
		if !r.Start.IsZero() || !r.End.IsZero() {
			t.Errorf("a time from nowhere: %v to %v", r.Start, r.End)
		}
	}
	if codes[1460] != 1 || codes[0] != 2 {
		t.Errorf("got\n%s", outline(undated))
	}
}

// Lines of several threads and handles must not be mixed, and a caller's harmless errors are not the request's.
func TestTextJoin(t *testing.T) {
	const at = "1:00:00 PM 3/4/2013 1.0000000 "
	res := analyzeText(t, strings.Join([]string{
		at + "a.exe (10) WINHTTP_X WINHTTP_X:12:00:00.000 ::WinHttpReceiveResponse(0x10, 0x0)",
		at + "b.exe (20) WINHTTP_X WINHTTP_X:12:00:00.001 ::WinHttpReceiveResponse(0x10, 0x0)",
		at + "a.exe (10) WINHTTP_X WINHTTP_X:12:00:00.002 ::sys-recver failed to receive headers; error = WSAECONNRESET (10054)",
		at + "b.exe (20) WINHTTP_X WINHTTP_X:12:00:00.003 ::sys-recver failed to receive headers; error = WSAECONNREFUSED (10061)",
		at + "b.exe (20) WINHTTP_X WINHTTP_X:12:00:00.004 ::ERROR_WINHTTP_FROM_WIN32 mapped (WSAECONNREFUSED) 10061 to (ERROR_WINHTTP_CANNOT_CONNECT) 12029",
		at + "a.exe (10) WINHTTP_X WINHTTP_X:12:00:00.005 ::ERROR_WINHTTP_FROM_WIN32 mapped (WSAECONNRESET) 10054 to (ERROR_WINHTTP_CONNECTION_ERROR) 12030",
		at + "a.exe (10) WINHTTP_X WINHTTP_X:12:00:00.997 ::WinHttpSendRequest(0x20, ...)",
		at + "a.exe (10) WINHTTP_X WINHTTP_X:12:00:01.000 ::WinHttpReceiveResponse(0x20, 0x0)",
		at + "a.exe (10) WINHTTP_X WINHTTP_X:12:00:01.001 ::sys-req completes recv-headers inline (sync); error = ERROR_SUCCESS (0)",
		at + "a.exe (10) WINHTTP_X WINHTTP_X:12:00:02.000 ::WinHttpReceiveResponse(0x30, 0x0)",
		at + "a.exe (10) WINHTTP_X WINHTTP_X:12:00:02.001 ::sys-req completes recv-headers inline (sync); error = ERROR_WINHTTP_OPERATION_CANCELLED (12017)",
	}, "\n"))
	validate(t, res)
	type row struct {
		pid     uint32
		outcome timeline.Outcome
		phase   timeline.PhaseName
		code    timeline.Code
		winhttp timeline.Code
		took    time.Duration
	}
	want := []row{
		{10, timeline.Failed, timeline.PhaseReceive, 10054, 12030, 0},
		{20, timeline.Failed, timeline.PhaseConnect, 10061, 12029, 0},
		{10, timeline.OK, "", 0, 0, 4 * time.Millisecond},
		{10, timeline.Cancelled, timeline.PhaseReceive, 0, 0, 0}, // the calls that sent these three are not in the lines
	}
	if len(res.Requests) != len(want) {
		t.Fatalf("got\n%s", outline(res))
	}
	for i, r := range res.Requests {
		if got := (row{r.PID, r.Outcome, r.Phase, r.Error, r.WinHTTP.Code, r.Duration()}); got != want[i] {
			t.Errorf("got %v, want %v", got, want[i])
		}
		if r.Traffic != timeline.Background {
			t.Errorf("%s is %v", r.Process, r.Traffic)
		}
	}
}

// What a .LOG file shows of the answer counts: a 5xx, and a body that broke off.
func TestLogFileAnswers(t *testing.T) {
	const answer = `10:00:00.000 ::*0000001* :: WinHttpSendRequest(0x300, "", 0, 0x0, 0, 0, 0)
10:00:00.100 ::*0000001* :: received data:
10:00:00.100 ::*0000001* :: <<<<-------- HTTP stream follows below ----------------------------------------------->>>>
10:00:00.100 ::*0000001* :: HTTP/1.1 %s
10:00:00.100 ::*0000001* :: Date: Tue, 05 Mar 2013 10:00:00 GMT
10:00:00.101 ::*0000001* :: <<<<-------- End ----------------------------------------------->>>>
%s10:00:01.000 ::*0000001* :: WinHttpCloseHandle(0x300)
`
	const broken = "10:00:00.900 ::*0000001* :: WinHttpReadData: error 12030 [ERROR_WINHTTP_CONNECTION_ERROR]\n"
	for _, c := range []struct{ status, more, want string }{
		{"404 Not Found", "", "r1 ok status=404"},
		{"503 Service Unavailable", "", "r1 failed status=503 verdict=HTTP-5xx/likely"},
		{"200 OK", broken, "r1 failed phase=receive error=12030 winhttp=12030/trace status=200 verdict="},
	} {
		res := analyzeText(t, fmt.Sprintf(answer, c.status, c.more))
		validate(t, res)
		if len(res.Requests) != 1 || !strings.HasPrefix(describe(res.Requests[0]), c.want) {
			t.Errorf("%s: got\n%swant %s", c.status, outline(res), c.want)
		}
	}
}

// Whether the lines name a process is said, since without one nobody knows whose requests they are.
func TestTextProcess(t *testing.T) {
	const at = "1:00:00 PM 3/4/2013 1.0000000 "
	const line = "WINHTTP_X WINHTTP_X:12:00:00.002 ::sys-recver failed to receive headers; error = WSAECONNRESET (10054)\n"
	for _, c := range []struct {
		text     string
		severity timeline.Severity
		want     string
	}{
		{at + "a.exe (10) " + line, timeline.Note, ""},
		{at + line, timeline.Doubt, "none of them names a process."},
		{at + "a.exe (10) " + line + at + line, timeline.Doubt, "No process is named in 1 of them"},
	} {
		res := analyzeText(t, c.text)
		if find(res, timeline.FindNotClosed) != nil {
			t.Error("text is no log that was not closed")
		}
		f := find(res, timeline.FindTextOnly)
		if f == nil || f.Severity != c.severity || !strings.Contains(text(*f), c.want) {
			t.Errorf("%s\ngot %+v", c.text, f)
		}
	}
}
