package timeline_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
	"github.com/etwhy/etwhy/timeline/incident/incidenttest"
)

// An edit changes the texts of a case whose name fits a pattern. Without new text, the file is left out; with no
// old text, it is made.
type edit struct{ file, old, new string }

func without(file string) edit { return edit{file, "", ""} }

// resultOf compiles a case with some edits, and reads it.
func resultOf(t *testing.T, slug string, edits []edit) *timeline.Result {
	t.Helper()
	dirs, err := fs.Glob(os.DirFS("../testdata/cases"), slug+"-*")
	if err != nil || len(dirs) != 1 {
		t.Fatalf("case %s: %v %v", slug, dirs, err)
	}
	texts := fstest.MapFS{}
	dir := os.DirFS("../testdata/cases/" + dirs[0])
	err = fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(dir, name)
		texts[name] = &fstest.MapFile{Data: b}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range edits {
		if e.old == "" && e.new != "" {
			texts[e.file] = &fstest.MapFile{Data: []byte(e.new)}
			continue
		}
		used := false
		for name, f := range texts {
			if ok, _ := path.Match(e.file, name); !ok {
				continue
			}
			if e.old == "" {
				delete(texts, name)
				used = true
				continue
			}
			was := string(f.Data)
			f.Data = []byte(strings.ReplaceAll(was, e.old, e.new))
			used = used || string(f.Data) != was
		}
		if !used {
			t.Fatalf("nothing in %s has %q", e.file, e.old)
		}
	}
	files, err := incidenttest.Folder(texts)
	if err != nil {
		t.Fatal(err)
	}
	inc := incident.New(incident.Options{})
	defer inc.Close()
	inc.AddFS(files, ".", slug)
	inc.Scan(incident.Details{})
	return inc.Analyze(timeline.Options{})
}

// answerOf answers a case with some edits: id, confidence, and the verdict. Of several answers, the status picks one.
func answerOf(t *testing.T, slug, status string, edits []edit) (string, *timeline.Verdict) {
	t.Helper()
	res := resultOf(t, slug, edits)
	v := incidenttest.Answer(res)
	for _, r := range res.Requests {
		if status != "" && r.Verdict != nil && fmt.Sprintf("%d.%d", r.Status, r.SubStatus) == status {
			v = r.Verdict
			break
		}
	}
	if v == nil {
		return "none", nil
	}
	return v.ID + " " + v.Confidence.String(), v
}

// Texts that the edits need.
const (
	httperrFields = "#Fields: date time c-ip c-port s-ip s-port cs-version cs-method cs-uri streamid sc-status s-siteid s-reason s-queuename\n"
	crashed       = "computer WEB16\nchannel Application\n2026-03-06T09:00:00Z ESENT 326 information x\n" +
		"2026-03-06T09:14:33.100Z \"Application Error\" 1000 error w3wp.exe 10.0.20348.1 405e4a01 KERNELBASE.dll 10.0.20348.2322 7f8a90c1 e0434352 0000000000034b59 "
	abandoned = "Connection_Abandoned_By_ReqQueue"
)

// TestProxyRules has, for the rules that rest on several files, a case that each is about and one that is like it
// and is something else, or that has less to go by.
func TestProxyRules(t *testing.T) {
	tests := []struct {
		name string
		base string // of the cases
		want string
		miss string // an id that must not come out
		edit []edit
	}{
		{"slow page, all files", "01", "T1 certain", "", nil},
		{"without anything of the content server", "01", "T1 likely", "", []edit{without("WEB*/*")}},
		{"slow page, client not noted as gone", "06", "T1 likely", "", []edit{
			{"WEB11/*.log", " 200 0 64 41207", " 200 0 0 41207"}, without("WEB11/*.freb.txt"), without("ARR01/net.etl.txt"),
		}},
		{"one of several requests was slow", "08", "T1 likely", "NE", []edit{without("ARR01/fr000051.freb.txt"), without("WEB11/*.freb.txt")}},
		{"several requests, and one was faster than the limit", "08", "NE possible", "T1", []edit{
			without("ARR01/fr000051.freb.txt"), without("WEB11/*.freb.txt"), {"WEB1?/u_ex*.log", "200 0 64 3", "200 0 64 2"},
		}},
		{"the log of the proxy alone", "09", "NE possible", "T1", nil},

		{"left while in the queue", "06", "T2 likely", "T1", []edit{
			without("WEB11/*"), without("ARR01/net.etl.txt"),
			{"WEB11/httperr1.log", "", "#Software: Microsoft HTTP API 2.0\n" + httperrFields +
				"2026-03-11 13:14:10 10.0.0.9 52500 10.0.0.11 80 - - - - - - Timer_ConnectionIdle -\n" +
				"2026-03-11 13:20:35 10.0.0.4 50103 10.0.0.11 80 HTTP/1.1 GET /report - - 1 Client_Reset DefaultAppPool\n" +
				"2026-03-11 13:29:10 10.0.0.9 52503 10.0.0.11 80 - - - - - - Timer_ConnectionIdle -\n"},
		}},
		{"the worker got it late", "06", "T2 certain", "T1", []edit{
			{"WEB11/fr000003.freb.txt", "13:20:05.413", "13:20:41.413"}, {"WEB11/fr000003.freb.txt", "timeTaken 41207", "timeTaken 5207"},
		}},
		{"the worker had it at once", "06", "T1 certain", "T2", nil},

		{"first request after a recycle", "06", "T8 certain", "T1", []edit{
			{"WEB11/System.events.txt", "", "computer WEB11\nchannel System\n2026-03-11T13:00:00Z ESENT 326 information x\n" +
				"2026-03-11T13:20:04.900Z Microsoft-Windows-WAS 5079 information AppPoolID=DefaultAppPool\n2026-03-11T13:40:00Z ESENT 327 information x\n"},
			{"WEB11/u_ex*.log", "2026-03-11 13:20:09 10.0.0.11 GET / - 80 - 10.0.0.4", "2026-03-11 13:20:00 10.0.0.11 GET / - 80 - 10.0.0.4"},
		}},
		{"another request was answered after the recycle", "06", "T1 certain", "T8", []edit{
			{"WEB11/System.events.txt", "", "computer WEB11\nchannel System\n2026-03-11T13:00:00Z ESENT 326 information x\n" +
				"2026-03-11T13:20:04.900Z Microsoft-Windows-WAS 5079 information AppPoolID=DefaultAppPool\n2026-03-11T13:40:00Z ESENT 327 information x\n"},
		}},
		{"another pool was recycled", "06", "T1 certain", "T8", []edit{
			{"WEB11/System.events.txt", "", "computer WEB11\nchannel System\n2026-03-11T13:00:00Z ESENT 326 information x\n" +
				"2026-03-11T13:20:04.900Z Microsoft-Windows-WAS 5079 information AppPoolID=Other\n2026-03-11T13:40:00Z ESENT 327 information x\n"},
			{"WEB11/u_ex*.log", "2026-03-11 13:20:09 10.0.0.11 GET / - 80 - 10.0.0.4", "2026-03-11 13:20:00 10.0.0.11 GET / - 80 - 10.0.0.4"},
		}},
		{"the body waits for leave", "06", "T9 likely", "T1", []edit{
			without("ARR01/net.etl.txt"), without("WEB11/*.log"),
			{"*/*.freb.txt", "verb GET", "verb POST"}, {"*/*.freb.txt", "RequestVerb=GET", "RequestVerb=POST"},
			{"ARR01/u_ex*.log", "GET /report", "POST /report"},
			{"ARR01/fr000009.freb.txt", `Headers="Connection: keep-alive\r\n`, `Headers="Connection: keep-alive\r\nExpect: 100-continue\r\n`},
			{"WEB11/fr000003.freb.txt", "13:20:46.620 < ManagedPipelineHandler 128\n", "13:20:05.420 GENERAL_READ_ENTITY_START\n13:20:46.620 < ManagedPipelineHandler 128\n"},
		}},

		{"member off, known from its event log", "02", "T4 certain", "", nil},
		{"member silent, its log covers the time", "02", "T4 certain", "", []edit{without("WEB16/System.events.txt")}},
		{"member silent, its log ends before", "02", "T4 likely", "", []edit{
			without("WEB16/System.events.txt"), {"WEB16/u_ex*.log", "2026-03-05 13:07", "2026-03-05 12:23"},
		}},
		{"member was off, and ran again", "02", "T4 certain", "", []edit{
			{"WEB16/System.events.txt", "2026-03-05T13:05", "2026-03-05T12:25"},
		}},
		{"HTTP.sys of the member could not listen", "02", "C5 likely", "T4", []edit{
			{"WEB16/System.events.txt", "", "computer WEB16\nchannel System\n2026-03-05T12:00:00Z ESENT 326 information x\n" +
				"2026-03-05T12:25:00Z Microsoft-Windows-HttpEvent 15005 error DeviceObject=x Endpoint=0.0.0.0:80\n2026-03-05T13:40:00Z ESENT 327 information x\n"},
			without("ARR01/net.etl.txt"), {"ARR01/*", "12002", "12029"}, {"ARR01/fr000031.freb.txt", "2147954402", "2147954429"},
		}},

		{"page closes", "03", "R1 certain", "", nil},
		{"page still ran when the connection ended", "03", "R1 likely", "", []edit{{"WEB16/fr000002.freb.txt", "09:14:33.224", "09:14:43.224"}}},
		{"page closes, no trace", "03", "R1 likely", "", []edit{without("ARR01/net.etl.txt")}},
		{"page closes, the proxy's log alone", "03", "NE possible", "R1", []edit{without("ARR01/net.etl.txt"), without("WEB16/*"), without("ARR01/*.freb.txt")}},
		{"crash of that process", "03", "R2 certain", "R1", []edit{
			{"WEB16/Application.events.txt", "", crashed + "0x1394\n2026-03-06T09:30:00Z ESENT 327 information x\n"},
		}},
		{"crash of another process", "03", "R1 certain", "R2", []edit{
			{"WEB16/Application.events.txt", "", crashed + "0x1395\n2026-03-06T09:30:00Z ESENT 327 information x\n"},
		}},
		{"crash five minutes before", "03", "R1 certain", "R2", []edit{
			{"WEB16/Application.events.txt", "", strings.ReplaceAll(crashed, "09:14:33", "09:09:33") + "0x1394\n2026-03-06T09:30:00Z ESENT 327 information x\n"},
		}},
		{"process retired and ended", "03", "R3 certain", "R1", []edit{
			{"WEB16/System.events.txt", "", "computer WEB16\nchannel System\n2026-03-06T09:00:00Z ESENT 326 information x\n" +
				"2026-03-06T09:14:33Z Microsoft-Windows-WAS 5013 warning AppPoolID=DefaultAppPool ProcessID=5012\n2026-03-06T09:30:00Z ESENT 327 information x\n"},
		}},
		{"recycle that lets requests finish", "03", "R1 likely", "R3", []edit{
			{"WEB16/System.events.txt", "", "computer WEB16\nchannel System\n2026-03-06T09:00:00Z ESENT 326 information x\n" +
				"2026-03-06T09:14:32Z Microsoft-Windows-WAS 5074 information ProcessID=5012 AppPoolID=DefaultAppPool\n2026-03-06T09:30:00Z ESENT 327 information x\n"},
		}},
		{"recycle, and HTTP.sys gave the request up", "03", "R3 certain", "R1", []edit{
			{"WEB16/System.events.txt", "", "computer WEB16\nchannel System\n2026-03-06T09:00:00Z ESENT 326 information x\n" +
				"2026-03-06T09:14:32Z Microsoft-Windows-WAS 5074 information ProcessID=5012 AppPoolID=DefaultAppPool\n2026-03-06T09:30:00Z ESENT 327 information x\n"},
			{"WEB16/httperr1.log", "Connection_Dropped", abandoned},
		}},
		{"the server was shut down", "03", "R3 likely", "R1", []edit{
			{"WEB16/System.events.txt", "", "computer WEB16\nchannel System\n2026-03-06T09:00:00Z ESENT 326 information x\n" +
				"2026-03-06T09:14:33Z EventLog 6006 information\n"},
		}},

		{"cut off in the body", "04", "X1 certain", "R6", nil},
		{"whole answer, then a reset", "27", "R6 certain", "R1", nil},
		{"answer shorter than announced", "27", "R6 possible", "", []edit{
			without("WEB45/*.log"), {"WEB45/*.freb.txt", "Content-Length: 61", "Content-Length: 9000"},
		}},

		{"idle limit of Node", "25", "R4 likely", "R1", nil},
		{"idle for another time", "25", "R1 likely", "R4", []edit{
			{"ARR01/net.etl.txt", "+12.4", "+14.4"},
		}},

		{"members switched off", "05", "F1 certain", "NE", nil},
		{"one member is on", "05", "NE possible", "F1", []edit{{"ARR01/applicationHost.config", `"10.0.0.12" enabled="false"`, `"10.0.0.12" enabled="true"`}}},
		{"nothing known of the farm", "05", "NE possible", "F1", []edit{without("ARR01/applicationHost.config"), without("ARR01/history/*/*")}},
		{"health tests fail", "39", "F1 certain", "F2", nil},
		{"health tests fail at one member", "39", "NE possible", "F1", []edit{{"WEB12/u_ex*.log", " 404 0 2 15", " 200 0 0 15"}}},
		{"the page is not that of the test", "39", "NE possible", "F1", []edit{{"ARR01/applicationHost.config", "/health.htm", "/other.htm"}}},
		{"pool of the proxy was stopped", "40", "F2 certain", "NE", nil},
		{"members not heard of meanwhile", "40", "F2 likely", "", []edit{without("WEB*/*")}},
		{"another pool was stopped", "40", "NE possible", "F2", []edit{{"ARR01/System.events.txt", "AppPoolID=ARRPool", "AppPoolID=Docs"}}},
		{"a request got through after the stop", "40", "NE possible", "F2", []edit{
			{"ARR01/System.events.txt", "11:42:10", "11:12:10"}, {"ARR01/System.events.txt", "15:31:55", "15:01:55"},
		}},
		{"of 502.4: live traffic", "08", "F3 likely", "F1", nil},
		{"of 502.4: live traffic, settings not known", "08", "F3 possible", "F1", []edit{
			without("ARR01/applicationHost.config"), without("ARR01/*.freb.txt"), without("WEB*/*"),
		}},
		{"of 502.4: no live traffic rule is set", "08", "NE possible", "F3", []edit{
			{"ARR01/applicationHost.config", ` liveTrafficFailurePeriod="00:01:00"`, ""}, without("ARR01/*.freb.txt"), without("WEB*/*"),
		}},

		{"outbound proxy", "54", "P3 likely", "", nil},
		{"the member itself answered 400", "54", "none", "P3", []edit{
			{"ARR01/*.freb.txt", `Server: squid/6.6\r\nMime-Version: 1.0\r\nX-Squid-Error: ERR_INVALID_URL 0\r\nVia: 1.1 edgeproxy (squid/6.6)\r\n`, `Server: Microsoft-IIS/10.0\r\n`},
			{"ARR01/net.etl.txt", "192.168.0.3:3128", "192.168.50.11:80"},
		}},
		{"another server answered, no proxy is known of", "54", "P3 possible", "", []edit{without("ARR01/winhttp-proxy.txt")}},
		{"loop", "54", "F4 likely", "P3", []edit{
			{"ARR01/*.freb.txt", "HttpStatus=400 HttpSubStatus=0", "HttpStatus=400 HttpSubStatus=605"}, {"ARR01/*.freb.txt", "statusCode 400\n", "statusCode 400.605\n"},
			{"ARR01/u_ex*.log", " 400 0 0 15", " 400 605 0 15"}, without("ARR01/net.etl.txt"),
		}},
		{"the client left, by the log", "54", "R7 likely", "F4", []edit{
			{"ARR01/u_ex*.log", " 400 0 0 15", " 400 604 0 15"}, without("ARR01/net.etl.txt"), without("ARR01/*.freb.txt"),
		}},
		{"the client left, by FREB", "54", "R7 likely", "F4", []edit{
			{"ARR01/*.freb.txt", "HttpStatus=400 HttpSubStatus=0", "HttpStatus=400 HttpSubStatus=604"}, {"ARR01/*.freb.txt", "statusCode 400\n", "statusCode 400.604\n"},
			without("ARR01/u_ex*.log"), without("ARR01/net.etl.txt"),
		}},

		{"name lookup, and the proxy's files", "07", "T3 likely", "NE", nil},
		{"name lookup, the proxy's files alone", "07", "NE possible", "T3", []edit{without("ARR01/net.etl.txt")}},
		{"certificate, the server has no such request", "33", "S1 certain", "", []edit{
			{"WEB01/u_ex*.log", "2026-03-06 11:15:31", "2026-03-06 11:05:31"}, {"WEB01/u_ex*.log", "2026-03-06 11:24:30", "2026-03-06 11:34:30"},
		}},
		{"certificate, the clocks may differ by more than the server's log covers", "33", "S1 likely", "", nil},
		{"certificate, the server's log ends before", "33", "S1 likely", "", []edit{{"WEB01/u_ex*.log", "2026-03-06 11:24:30", "2026-03-06 11:19:30"}}},
		{"certificate, the proxy asked for the page just then", "33", "S1 likely", "", []edit{
			{"WEB01/u_ex*.log", "2026-03-06 11:15:31", "2026-03-06 11:05:31"}, {"WEB01/u_ex*.log", "2026-03-06 11:24:30", "2026-03-06 11:34:30"}, {"WEB01/u_ex*.log", "192.168.0.21 GET /pay/ - 443 - 192.168.0.21", "192.168.0.21 GET /pay/ - 443 - 192.168.0.205"}}},

		{"compressed WebSocket", "36", "W1 likely", "", nil},
		{"WebSocket without compression", "36", "none", "W1", []edit{{"ARR01/fr000031.freb.txt", `Sec-WebSocket-Extensions: permessage-deflate\r\nX-Powered-By`, `X-Powered-By`}}},
		{"compressed WebSocket that lasts", "36", "none", "W1", []edit{
			{"ARR01/fr000031.freb.txt", "09:41:10.048", "09:44:10.048"}, {"ARR01/u_ex*.log", "2026-03-09 09:41:10 ", "2026-03-09 09:44:10 "}, {"ARR01/u_ex*.log", " 101 0 0 31", " 101 0 0 180031"},
		}},
		{"compressed WebSocket, by the trace", "37", "W1 likely", "", nil},
		{"WebSocket ended at the limit", "36", "W3 possible", "W1", []edit{
			without("ARR01/fr000031.freb.txt"), {"ARR01/applicationHost.config", `timeout="00:00:30"`, `timeout="00:06:29"`},
		}},
		{"ARR fails at the switch", "36", "W2 likely", "", []edit{
			without("ARR01/*.freb.txt"), {"ARR01/u_ex*.log", "SERVER-STATUS=101 80", "SERVER-STATUS=0 80"}, {"ARR01/u_ex*.log", " 101 0 0 31", " 502 5 0 31"},
		}},

		{"handshake called a failed connect", "32", "C6 certain", "S5", nil},
		{"the same without the event log", "32", "C6 likely", "S5", []edit{without("GW01/System.events.txt")}},
		{"the same on a newer Windows", "32", "S5 certain", "C6", []edit{{"GW01/net.etl.txt", "build=9600", "build=20348"}}},
		{"HTTP/2 only", "34", "X4 likely", "X3", nil},
		{"HTTP/2 frames without a client certificate", "34", "X4 possible", "", []edit{{"PUSH01/net.etl.txt", " SSLClientCert=0x1a2b00901000", ""}}},
		{"garbage that is no frame", "34", "X3 possible", "X4", []edit{{"PUSH01/net.etl.txt", "Data=00001804000000000", "Data=15030100020228000"}}},

		{"ports used up", "55", "C3 likely", "NE", []edit{
			{"HOST01/System.events.txt", "", "computer HOST01\nchannel System\n2026-03-28T20:15:06Z Tcpip 4231 warning x\n"},
		}},
		{"ports used up an hour before", "55", "NE possible", "C3", []edit{
			{"HOST01/System.events.txt", "", "computer HOST01\nchannel System\n2026-03-28T19:15:06Z Tcpip 4231 warning x\n"},
		}},
		{"ports used again too soon", "55", "C3 possible", "", []edit{
			{"HOST01/System.events.txt", "", "computer HOST01\nchannel System\n2026-03-28T20:15:06Z Tcpip 4227 warning x\n"},
		}},
		{"failed connect to localhost", "55", "NE possible", "C1", nil},
		{"header too large", "09", "X5 likely", "NE", []edit{{"PROXY01/u_ex*.log", " 502 3 12002 ", " 502 3 12182 "}}},
		{"the log has the server's status", "09", "PT1 likely", "HTTP-5xx", []edit{
			{"PROXY01/u_ex*.log", "SERVER-STATUS=0 ", "SERVER-STATUS=503 "}, {"PROXY01/u_ex*.log", " 502 3 12002 ", " 503 0 0 "},
		}},
		{"the status is the proxy's own", "09", "NE possible", "HTTP-5xx", []edit{{"PROXY01/u_ex*.log", " 502 3 12002 ", " 503 0 0 "}}},
		{"the status is the proxy's own, without SERVER-STATUS", "09", "NE possible", "HTTP-5xx", []edit{
			{"PROXY01/u_ex*.log", " 502 3 12002 ", " 503 0 0 "}, {"PROXY01/u_ex*.log", "&SERVER-STATUS=0 ", " "},
		}},
		{"the status, in a log that has nothing else", "09", "NE possible", "HTTP-5xx", []edit{
			{"PROXY01/u_ex*.log", " sc-status sc-substatus sc-win32-status time-taken", " sc-status"},
			{"PROXY01/u_ex*.log", " 200 0 0 15", " 200"}, {"PROXY01/u_ex*.log", " 502 3 12002 30011", " 502"}, {"PROXY01/u_ex*.log", " 502 3 12002 30004", " 502"},
			{"PROXY01/u_ex*.log", " 502 3 12002 30017", " 502"}, {"PROXY01/u_ex*.log", " 502 3 12002 30009", " 502"},
		}},

		{"netstat, ports free", "23", "NE possible", "C3", nil},
		{"netstat, range nearly used up", "23", "C3 possible", "NE", []edit{{"NODE03/dynamicport.txt", ": 16384", ": 100"}}},
		{"nothing but the event", "23", "C3 likely", "NE", []edit{
			without("NODE03/netstat.txt"), {"NODE03/System.events.txt", "", "computer NODE03\nchannel System\n2026-03-28T20:15:06Z Tcpip 4231 warning x\n"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.base+" "+tt.name, func(t *testing.T) {
			status := ""
			if s, ok := strings.CutPrefix(tt.name, "of "); ok {
				status, _, _ = strings.Cut(s, ":")
			}
			got, v := answerOf(t, tt.base, status, tt.edit)
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if v == nil {
				return
			}
			t.Log(got + ": " + v.Title)
			if v.ID == tt.miss {
				t.Errorf("it must not be %s", tt.miss)
			}
			for _, list := range [][]string{{v.Title, v.Open}, v.DoNow, v.FindOut, v.Context} {
				for _, s := range list {
					if strings.ContainsAny(s, "{}") && !strings.Contains(s, "\\{") {
						t.Errorf("a word has no value: %s", s)
					}
				}
			}
			if v.Title == "" || len(v.Evidence) == 0 || v.ID != "NE" && len(v.DoNow) == 0 {
				t.Errorf("title %q, evidence %d, steps %q", v.Title, len(v.Evidence), v.DoNow)
			}
			for i, e := range v.Evidence[1:] {
				if e.Time < v.Evidence[i].Time {
					t.Errorf("evidence is out of order: %q", e.Text)
				}
			}
		})
	}
}

// TestProbes tells the health tests of a farm from the requests of users for the same page.
func TestProbes(t *testing.T) {
	count := func(edits ...edit) (probes, others int) {
		for _, r := range resultOf(t, "39", edits).Requests {
			switch {
			case r.Traffic == timeline.Probe:
				probes++
			case strings.Contains(r.URL, "/health.htm"):
				others++
			}
		}
		return
	}
	if probes, others := count(); probes != 52 || others != 0 {
		t.Errorf("%d probes and %d others, want 52 and 0", probes, others)
	}
	user := edit{"WEB12/u_ex*.log", "10:13:06 192.168.0.12 GET /health.htm - 80 - 192.168.0.205", "10:13:06 192.168.0.12 GET /health.htm - 80 - 192.168.0.77"}
	if probes, others := count(user); probes != 51 || others != 1 {
		t.Errorf("of another client: %d probes and %d others, want 51 and 1", probes, others)
	}
	if probes, _ := count(without("ARR01/applicationHost.config")); probes != 0 {
		t.Errorf("%d probes although no settings tell of a test", probes)
	}
}

// TestLimits checks what is said of the limit that ran out: where it is set, what to set it to, whom that would
// have helped, and which limit behind it is of no use.
func TestLimits(t *testing.T) {
	config := edit{"ARR01/applicationHost.config", `<protocol reverseRewriteHostInResponseHeaders="true" />`, `<protocol timeout="00:00:30" />`}
	tests := []struct {
		name, base string
		edit       []edit
		want, miss string
	}{
		{"set nowhere", "06", nil, "farm reportfarm (30 s is the default, and no file sets another) above 41.2 s, to 60 s: appcmd set config -section:webFarms /[name='reportfarm']", "applicationHost.config:"},
		{"set in a file", "06", []edit{config}, "farm reportfarm (30 s, applicationHost.config:", "default"},
		{"no configuration", "06", []edit{without("ARR01/applicationHost.config")}, "no configuration here", "appcmd"},
		{"others alike", "08", nil, "A limit of 60 s would have saved 21 of 22 such requests", ""},
		{"longer limit behind", "06", []edit{{"WEB11/web.config", "", "<configuration><system.web>\n<httpRuntime executionTimeout=\"110\" />\n</system.web></configuration>"}},
			"executionTimeout of WEB11 is 110 s (web.config:2), longer than", ""},
		{"shorter limit behind", "06", []edit{{"WEB11/web.config", "", "<configuration><system.web>\n<httpRuntime executionTimeout=\"20\" />\n</system.web></configuration>"}},
			"", "longer than"},
		{"work of the server", "06", nil, "The content server's 41.2 s: 41.2 s in the worker process, no upload, no queueing.", ""},
		{"work not told apart", "06", []edit{without("WEB11/*.freb.txt")}, "are not told apart in a log", "in the worker process"},
	}
	for _, tt := range tests {
		_, v := answerOf(t, tt.base, "", tt.edit)
		if v == nil || v.ID != "T1" {
			t.Errorf("%s: verdict %v", tt.name, v)
			continue
		}
		all := strings.Join(append(v.Context, v.DoNow...), "\n")
		if !strings.Contains(all, tt.want) || tt.miss != "" && strings.Contains(all, tt.miss) {
			t.Errorf("%s: want %q and not %q in\n%s", tt.name, tt.want, tt.miss, all)
		}
	}
	for _, r := range resultOf(t, "06", []edit{config, without("ARR01/net.etl.txt")}).Requests {
		if r.Verdict != nil && r.Verdict.ID == "T1" && (r.Timer == nil || r.Timer.Source != timeline.TimerConfig || r.Timer.Limit.Seconds() != 30) {
			t.Errorf("the limit of the settings is not the timer: %v", r.Timer)
		}
	}
}

// TestHandedOn judges a status that the content server made and the proxy handed on: the texts name that server, and
// send nobody to the proxy.
func TestHandedOn(t *testing.T) {
	_, v := answerOf(t, "09", "", []edit{
		{"PROXY01/u_ex*.log", "SERVER-STATUS=0 ", "SERVER-STATUS=503 "}, {"PROXY01/u_ex*.log", " 502 3 12002 300", " 503 0 0 "},
		{"WEB01/httperr1.log", "", "#Software: Microsoft HTTP API 2.0\n" + httperrFields +
			"2026-03-16 10:11:57 10.0.0.4 50101 10.0.0.11 80 HTTP/1.1 GET /api/poll - 503 1 QueueFull Polls\n" +
			"2026-03-16 10:12:36 10.0.0.4 50102 10.0.0.11 80 HTTP/1.1 GET /api/poll - 503 1 QueueFull Polls\n" +
			"2026-03-16 10:13:08 10.0.0.4 50103 10.0.0.11 80 HTTP/1.1 GET /api/poll - 503 1 QueueFull Polls\n" +
			"2026-03-16 10:13:41 10.0.0.4 50104 10.0.0.11 80 HTTP/1.1 GET /api/poll - 503 1 QueueFull Polls\n"},
	})
	if v == nil || v.ID != "Q4" {
		t.Fatalf("verdict %+v", v)
	}
	if want := "10.0.0.11 answered 503, and ARR handed it on: "; !strings.HasPrefix(v.Title, want) {
		t.Errorf("title %q, want %q", v.Title, want)
	}
	for _, s := range append(append([]string{v.Open}, v.DoNow...), v.FindOut...) {
		if strings.Contains(s, "this machine") {
			t.Errorf("which machine: %q", s)
		}
	}
	for _, s := range v.DoNow {
		if !strings.Contains(s, "10.0.0.11") {
			t.Errorf("it does not say where: %q", s)
		}
	}
	if _, v = answerOf(t, "09", "", []edit{{"PROXY01/u_ex*.log", "SERVER-STATUS=0 ", "SERVER-STATUS=503 "}, {"PROXY01/u_ex*.log", " 502 3 12002 300", " 503 0 0 "}}); v == nil || v.ID != "PT1" {
		t.Errorf("without the server's files: %+v", v)
	}
}

// told returns what a screen would say of a verdict: all its texts.
func told(v *timeline.Verdict) string {
	list := append([]string{v.Title, v.Open}, v.Context...)
	list = append(append(list, v.DoNow...), v.FindOut...)
	for _, r := range v.Rejected {
		list = append(list, r.ID+": "+r.Why)
	}
	for _, e := range v.Evidence {
		list = append(list, e.Text)
	}
	return strings.Join(list, "\n")
}

// TestCandidates checks that a line of the content server's log that may be the request is listed, is not joined,
// and keeps anybody from saying that there is none.
func TestCandidates(t *testing.T) {
	const silent = "no entry of this request"
	webLog := "WEB16/u_ex*.log"
	slow := func(to string) edit { return edit{webLog, "16:51:06 192.168.0.216 GET /time/default.aspx", to} }
	noFREB := without("WEB16/*.freb.txt")
	quick := func(to string) []edit { // of another page, and cover enough for clocks that differ
		return []edit{noFREB, slow(to), {webLog, "#Date: 2026-03-04 16:46:06", "#Date: 2026-03-04 16:30:06"},
			{webLog, "2026-03-04 16:46:06", "2026-03-04 16:30:06"}, {webLog, "2026-03-04 16:54:59", "2026-03-04 17:14:59"}}
	}
	tests := []struct {
		name   string
		edit   []edit
		listed int
		silent bool
	}{
		{"default document", []edit{noFREB}, 1, false},
		{"three minutes later by the server's clock", []edit{noFREB, slow("16:54:06 192.168.0.216 GET /time/")}, 1, false},
		{"another page", quick("16:51:06 192.168.0.216 GET /other/default.aspx"), 0, true},
		{"another page, and the log covers less than the clocks may differ", []edit{noFREB, slow("16:51:06 192.168.0.216 GET /other/default.aspx")}, 0, false},
		{"another client", append(quick("16:54:06 192.168.0.216 GET /time/"), edit{webLog, "GET /time/ - 80 - 192.168.0.205", "GET /time/ - 80 - 192.168.0.9"}), 0, true},
		{"a quarter of an hour before", quick("16:36:06 192.168.0.216 GET /time/"), 0, true},
		{"answered while the proxy was waiting", append(quick("16:50:46 192.168.0.216 GET /time/"), edit{webLog, " 200 0 64 45208", " 200 0 0 208"}), 0, true},
	}
	for _, tt := range tests {
		res := resultOf(t, "01", tt.edit)
		for _, r := range res.Requests {
			if r.Verdict == nil || r.Outcome != timeline.Failed {
				continue
			}
			listed, log := 0, false
			for _, q := range r.Related {
				if res.Inputs[q.Input].Machine.Name != "ARR01" && q.Confidence == timeline.Possible {
					listed++
				}
			}
			for _, e := range r.Verdict.Evidence {
				log = log || strings.HasPrefix(e.Text, silent) && strings.Contains(res.Inputs[e.Input].Path, "u_ex")
			}
			if listed != tt.listed || log != tt.silent {
				t.Errorf("%s: %d listed, no entry %v; want %d and %v\n%s", tt.name, listed, log, tt.listed, tt.silent, told(r.Verdict))
			}
			if tt.listed > 0 && (r.Behind != nil || strings.Contains(strings.Join(r.Verdict.FindOut, "\n"), "the IIS log")) {
				t.Errorf("%s: joined, or asked for although it is there: %v %q", tt.name, r.Behind, r.Verdict.FindOut)
			}
		}
	}
}

// TestProxyTexts checks sentences that depend on which files are there.
func TestProxyTexts(t *testing.T) {
	recycled := func(more string) edit {
		return edit{"WEB16/System.events.txt", "", "computer WEB16\nchannel System\n2026-03-06T09:00:00Z ESENT 326 information x\n" + more + "2026-03-06T09:30:00Z ESENT 327 information x\n"}
	}
	quiet := edit{"WEB16/Application.events.txt", "", "computer WEB16\nchannel Application\n2026-03-06T09:00:00Z ESENT 326 information x\n2026-03-06T09:30:00Z ESENT 327 information x\n"}
	tests := []struct {
		name, base string
		edit       []edit
		want       []string
		miss       []string
	}{
		{"crash: no event log", "03", nil, []string{"get System.evtx and Application.evtx for"}, []string{"R2: "}},
		{"crash: the System log", "03", []edit{recycled("")}, []string{"R2: crash: the System log covers the time and has none", "get Application.evtx for"}, []string{"System.evtx"}},
		{"crash: both logs", "03", []edit{recycled(""), quiet}, []string{"R2: crash: the System and Application logs cover the time and have none"}, []string{".evtx"}},
		{"recycle", "03", []edit{recycled("2026-03-06T09:14:32Z Microsoft-Windows-WAS 5074 information ProcessID=5012 AppPoolID=DefaultAppPool\n")},
			[]string{"while its worker process was being replaced", "was recycled"}, []string{"System.evtx"}},
		{"recycle of another process", "03", []edit{recycled("2026-03-06T09:14:32Z Microsoft-Windows-WAS 5074 information ProcessID=5013 AppPoolID=DefaultAppPool\n")},
			nil, []string{"being replaced", "was recycled"}},
		{"cut off, no event log", "04", nil, nil, []string{"R2: "}},

		{"both off", "05", nil, []string{"both members of farm shopfarm are switched off"}, []string{"all 2"}},
		{"one off", "05", []edit{{"ARR01/applicationHost.config", `"10.0.0.12" enabled="false"`, `"10.0.0.12" enabled="true"`}},
			[]string{"Of the 2 members of farm shopfarm, 10.0.0.11 is switched off (applicationHost.config:22), and 10.0.0.12 is on.", "System.evtx"},
			[]string{"add applicationHost.config", "are switched off", "health test"}},
		{"no configuration", "05", []edit{without("ARR01/applicationHost.config"), without("ARR01/history/*/*")},
			[]string{"applicationHost.config", "from each member the IIS log", "whether the members are switched off, fail their health test"}, nil},
		{"one member fails its test", "39", []edit{{"WEB12/u_ex*.log", " 404 0 2 15", " 200 0 0 15"}},
			[]string{"192.168.0.11 answered 404.0 and 192.168.0.12 answered 200.0", "has no member of farm shopfarm switched off"}, []string{"the IIS log", "add applicationHost.config"}},

		{"no address", "09", []edit{{"PROXY01/u_ex*.log", " 502 3 12002 ", " 502 3 12029 "}}, []string{"find out which server it was for"}, []string{"-Port 80", "Test-NetConnection the server"}},
		{"an address", "02", []edit{without("WEB16/System.events.txt"), without("WEB16/*.log")}, []string{"Test-NetConnection 192.168.0.216 -Port 80", "take 192.168.0.216 out of the farm"}, nil},
		{"no farm anywhere", "29", nil, []string{"let the caller use another address until 10.8.0.77 answers"}, []string{"farm"}},
		{"the log of the proxy alone", "09", nil, []string{"from the content server get the IIS log, HTTPERR and Failed Request Tracing"}, []string{"this trace"}},
		{"nothing but the status", "09", []edit{
			{"PROXY01/u_ex*.log", " sc-status sc-substatus sc-win32-status time-taken", " sc-status"}, {"PROXY01/u_ex*.log", " 502 3 12002 30011", " 502"}, {"PROXY01/u_ex*.log", " 502 3 12002 30004", " 502"},
		}, []string{"ARR itself answered 502", "the log leaves out sc-substatus, sc-win32-status and time-taken", "let IIS of this machine log"}, []string{"time-out: the answer came"}},
		{"the log is there", "09", []edit{{"PROXY01/u_ex*.log", " 502 3 12002 ", " 502 3 12175 "}}, []string{"the files here do not tell why"}, []string{"the trace does"}},
	}
	for _, tt := range tests {
		t.Run(tt.base+" "+tt.name, func(t *testing.T) {
			_, v := answerOf(t, tt.base, "", tt.edit)
			if v == nil {
				t.Fatal("no verdict")
			}
			all := told(v)
			for _, w := range tt.want {
				if !strings.Contains(all, w) {
					t.Errorf("%q is missing in\n%s", w, all)
				}
			}
			for _, w := range tt.miss {
				if strings.Contains(all, w) {
					t.Errorf("%q should not be in\n%s", w, all)
				}
			}
		})
	}
}
