package w3c

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"github.com/etwhy/etwhy/etl"
)

var update = flag.Bool("update", false, "write the golden files")

// read returns all entries of a text, cloned, and the reader.
func read(t testing.TB, data []byte, o Options) ([]*Entry, *Reader) {
	t.Helper()
	r := NewReader(bytes.NewReader(data), o)
	var list []*Entry
	for e, err := range r.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e.Clone())
	}
	return list, r
}

// render writes what an entry tells, leaving out what it does not.
func render(e *Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d@%d %v", e.Line, e.Offset, e.Kind())
	if e.Time.IsZero() {
		fmt.Fprintf(&b, " clock=%v", e.Clock)
	} else {
		fmt.Fprintf(&b, " %v", e.Time)
	}
	if e.Start() != e.Time {
		fmt.Fprintf(&b, " start=%v", e.Start())
	}
	if e.Dated != LineDate {
		fmt.Fprintf(&b, " dated=%d", e.Dated)
	}
	if e.Cut {
		b.WriteString(" CUT")
	}
	text := func(name, v string) {
		if v != "" {
			fmt.Fprintf(&b, " %s=%s", name, v)
		}
	}
	text("method", e.Method())
	text("url", e.URL())
	text("version", e.Version())
	number(&b, "status", e.Status)
	number(&b, "sub", e.SubStatus)
	number(&b, "win32", e.Win32)
	number(&b, "taken", e.TimeTaken)
	text("c", e.ClientIP())
	number(&b, "cport", e.ClientPort)
	text("s", e.ServerIP())
	number(&b, "sport", e.ServerPort)
	text("host", e.Host())
	text("user", e.User())
	text("site", e.Site())
	number(&b, "siteid", e.SiteID)
	text("computer", e.Computer())
	text("affinity", e.Affinity())
	text("log_id", e.LogID())
	number(&b, "cache_hit", e.CacheHit)
	number(&b, "server_status", e.ServerStatus)
	text("routed", e.ServerRouted())
	text("reason", e.Reason())
	text("queue", e.QueueName())
	number(&b, "stream", e.StreamID)
	text("transport", e.Transport())
	number(&b, "sent", e.Sent)
	number(&b, "received", e.Received)
	if e.Management() {
		b.WriteString(" MANAGEMENT")
	}
	return b.String() + "\n"
}

func number[T any](b *strings.Builder, name string, get func() (T, bool)) {
	if v, ok := get(); ok {
		fmt.Fprintf(b, " %s=%v", name, v)
	}
}

func summary(list []*Entry, r *Reader) string {
	var b strings.Builder
	for _, e := range list {
		b.WriteString(render(e))
	}
	c := r.Coverage()
	fmt.Fprintf(&b, "\n%d lines, %d entries, %v to %v\n", r.Lines(), c.Entries, c.First, c.Last)
	for _, a := range r.Anomalies() {
		fmt.Fprintf(&b, "%v: %v\n", a.Kind, a)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s:\n%s", path, got)
	}
}

func testdata(t testing.TB) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	for _, pattern := range []string{"*.log", "*.txt"} {
		names, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(name)] = data
		}
	}
	if len(files) == 0 {
		t.Fatal("no testdata")
	}
	return files
}

func TestGolden(t *testing.T) {
	for name, data := range testdata(t) {
		t.Run(name, func(t *testing.T) {
			list, r := read(t, data, Options{Name: name})
			golden(t, name, summary(list, r))
		})
	}
}

// samples are real logs. They have the oddities that real logs have.
func TestSamples(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "samples", "iis")
	tests := []struct {
		name      string
		entries   int
		anomalies []AnomalyKind
		first     string // of the first entry
	}{
		{"iis10.log", 1, []AnomalyKind{NoLineEnd}, "2021-04-01T00:00:21.0000000Z GET /foo/bar/baz.asp 200"},
		{"iis10_cookies.log", 3, nil, "2021-04-01T00:00:21.0000000Z GET /foo/bar/baz.asp 200"},
		{"iis10_edge_cases.log", 15, []AnomalyKind{BadValue}, "2022-01-01T00:01:24.0000000Z POST /powershell?clientApplication=ActiveMonitor;PSVersion=5.1.14393.4467 200"},
		{"iis6.log", 12, nil, "2013-07-30T00:00:00.0000000Z GET /some/image/path/something.jpg 200"},
		{"iis7_owa.log", 3, nil, "2015-12-31T00:19:48.0000000Z GET /owa/?&prfltncy=16&prfrpccnt=14&prfrpcltncy=15&prfldpcnt=0&prfldpltncy=0&prfavlcnt=0&prfavlltncy=0 200"},
		{"iis7_sqli.log", 2, nil, ""},
		{"iis_without_date.log", 11, []AnomalyKind{NoLineEnd}, "2013-07-30T00:00:00.0000000Z GET /some/image/path/something.jpg 200"},
		{"u_ex130609.log", 17, nil, "2013-06-09T17:49:17.0000000Z GET / 200"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dir, test.name))
			if errors.Is(err, os.ErrNotExist) && os.Getenv("ETWHY_SAMPLES") != "required" {
				t.Skip(err)
			} else if err != nil {
				t.Fatal(err)
			}
			if kind, ok := Recognise(data); kind != IIS || !ok {
				t.Errorf("recognised as %v, %v", kind, ok)
			}
			list, r := read(t, data, Options{Name: test.name})
			if len(list) != test.entries || r.Coverage().Entries != int64(test.entries) {
				t.Fatalf("%d entries, want %d: %v", len(list), test.entries, r.Anomalies())
			}
			if first := list[0]; test.first != "" {
				status, _ := first.Status()
				if got := fmt.Sprintf("%v %s %s %d", first.Time, first.Method(), first.URL(), status); got != test.first {
					t.Errorf("first is %s", got)
				}
			}
			var kinds []AnomalyKind
			for _, a := range r.Anomalies() {
				kinds = append(kinds, a.Kind)
			}
			if !slices.Equal(kinds, test.anomalies) {
				t.Errorf("anomalies %v", r.Anomalies())
			}
			for _, e := range list {
				if status, ok := e.Status(); !ok || status < 200 || e.Method() == "" || e.Time.IsZero() || e.ClientIP() == "" {
					t.Errorf("misread: %s", render(e))
				}
			}
		})
	}
}

func TestRecognise(t *testing.T) {
	const w3c = "#Version: 1.0\n#Software: "
	tests := []struct {
		name, head string
		want       Kind
	}{
		{"header alone", "#Software: Microsoft Internet Information Services 10.0\r\n#Fields: date time s-ip cs-method\r\n", IIS},
		{"no software", "#Fields: date time cs-method cs-uri-stem sc-status sc-win32-status\n", IIS},
		{"HTTPERR header", "#Software: Microsoft HTTP API 2.0\n#Fields: date time c-ip c-port s-ip s-port cs-version cs-method cs-uri sc-status s-siteid s-reason s-queuename\n", HTTPERR},
		{"quoted in a page", "How to read it:\n\n> the file\n\n2018-08-13 03:25:22 293.217.138.127 12052 10.1.2.5 80 HTTP/1.1 GET / - 503 - N/A -\n\nand so on.", HTTPERR},
		{"pasted line", "2024-03-05 16:52:00 10.0.0.1 GET /plain - 80 - 10.0.0.2 - - 502 4 0 0", IIS},
		{"UTF-16", "\xff\xfe#\x00F\x00i\x00e\x00l\x00d\x00s\x00:\x00 \x00t\x00i\x00m\x00e\x00 \x00s\x00-\x00i\x00p\x00 \x00s\x00c\x00-\x00s\x00t\x00a\x00t\x00u\x00s\x00\n\x00", IIS},
		{"Apache", `203.0.113.9 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326` + "\n", AccessLog},
		{"Apache errors", "[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187] File does not exist\n", ApacheError},
		{"IIS's own format", "192.168.114.201, -, 03/20/01, 7:55:20, W3SVC2, SERVER, 172.21.13.45, 4502, 163, 3223, 200, 0, GET, /a.gif, -,\n", Native},
		{"firewall", w3c + "Microsoft Windows Firewall\n#Fields: date time action protocol src-ip dst-ip src-port dst-port size\n2024-03-05 16:52:00 DROP TCP 1.1.1.1 2.2.2.2 1 2 0\n", Unknown},
		{"CloudFront", "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status\n2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\td.example\t/index.html\t200\n", Unknown},
		{"FTP", w3c + "Microsoft Internet Information Services 10.0\n#Fields: date time c-ip cs-method cs-uri-stem sc-status sc-win32-status x-session\n", Unknown},
		{"Exchange", w3c + "Microsoft Exchange Server\n#Fields: date-time,client-ip,event-id\n", Unknown},
		{"media server", w3c + "Windows Media Services\n#Fields: c-ip date time cs-uri-stem cs-method s-ip sc-status\n", Unknown},
		{"application log", "2024-03-05 10:00:00.412 +00:00 [Information] GET /orders 200\n", Unknown},
		{"Markdown", "# Fields\n\nText about sc-status and s-ip.\n", Unknown},
		{"XML", `<?xml version="1.0"?><failedRequest url="http://a/" />`, Unknown},
		{"zeros", string(make([]byte, 4096)), Unknown},
		{"nothing", "", Unknown},
	}
	for _, test := range tests {
		got, ok := Recognise([]byte(test.head))
		if got != test.want || ok != (test.want != Unknown) {
			t.Errorf("%s: %v, %v; want %v", test.name, got, ok, test.want)
		}
	}
	want := map[string]Kind{"appservice.log": AppService, "logstream.txt": AppService, "httperr-bare.log": HTTPERR, "httperr-http3.log": HTTPERR, "httperr-streamid.log": HTTPERR}
	for name, data := range testdata(t) {
		kind, ok := Recognise(data)
		if w := max(want[name], IIS); !ok || kind != w {
			t.Errorf("%s: %v, %v; want %v", name, kind, ok, w)
		}
	}
}

// reasons are all that Microsoft documents; they are upper and lower case, with "_" and "/".
var reasons = strings.Fields(`AppOffline AppPoolTimer AppShutdown BadRequest Client_Reset Connection_Abandoned_By_AppPool
	Connection_Abandoned_By_ReqQueue Connection_Dropped Connection_Dropped_List_Full ConnLimit Connections_Refused Disabled
	EntityTooLarge FieldLength Forbidden Header Hostname Internal Invalid_CR/LF LengthRequired N/A N/I Number Precondition QueueFull
	RequestLength Timer_AppPool Timer_ConnectionIdle Timer_EntityBody Timer_HeaderWait Timer_MinBytesPerSecond Timer_ReqQueue
	Timer_Response Timer_SslRenegotiation URL URL_Length Verb Version_N/S Request_Cancelled NotFound`)

// Every reason is read with every field set, with and without a header.
func TestReasons(t *testing.T) {
	const header = "#Software: Microsoft HTTP API 2.0\n#Fields: date time c-ip c-port s-ip s-port cs-version cs-method cs-uri "
	sets := []struct{ fields, values string }{
		{"sc-status s-siteid s-reason", "503 1 %s"},
		{"sc-status s-siteid s-reason s-queuename", "503 - %s Pool"},
		{"sc-status s-siteid s-reason s-queuename", "- 1 %s -"},
		{"streamid sc-status s-siteid s-reason", "- 503 - %s"},
		{"streamid sc-status s-siteid s-reason", "7 503 1 %s"},
		{"streamid sc-status s-siteid s-reason s-queuename", "- 503 - %s -"},
		{"streamid streamid_ex sc-status s-siteid s-reason s-queuename transport", "7 0 503 1 %s Pool TCP"},
	}
	for _, reason := range reasons {
		for _, set := range sets {
			line := "2024-03-05 16:50:21 10.0.0.9 49247 10.0.0.5 80 HTTP/1.1 GET /time/?a=b " + fmt.Sprintf(set.values, reason) + "\n"
			for _, text := range []string{line, header + set.fields + "\n" + line} {
				list, r := read(t, []byte(text), Options{})
				if len(list) != 1 || len(r.Anomalies()) != 0 {
					t.Fatalf("%q: %d entries, %v", text, len(list), r.Anomalies())
				}
				e := list[0]
				port, _ := e.ClientPort()
				status, ok := e.Status()
				if e.Kind() != HTTPERR || e.Reason() != reason || e.URL() != "/time/?a=b" || port != 49247 || ok != (status == 503) {
					t.Errorf("%q: %s", text, render(e))
				}
			}
		}
	}
}

// A header whose lines are of another field set: Windows was updated, or the queue name is left out.
func TestOtherFieldSet(t *testing.T) {
	list, r := read(t, testdata(t)["httperr-streamid.log"], Options{})
	last := list[len(list)-1]
	if status, _ := last.Status(); last.Reason() != "Version_N/S" || status != 505 || last.QueueName() != "" || last.Cut {
		t.Errorf("without queue name: %s", render(last))
	}
	if len(r.Anomalies()) != 0 {
		t.Error(r.Anomalies())
	}
}

func TestParseLine(t *testing.T) {
	tests := []struct{ line, want string }{
		{"HTTP/1.1 GET /time/ - 1 Connection_Dropped DefaultAppPool",
			"0@0 HTTPERR log clock=0s method=GET url=/time/ version=HTTP/1.1 siteid=1 reason=Connection_Dropped queue=DefaultAppPool"},
		{"HTTP/1.1 GET / - 503 - N/A -", "0@0 HTTPERR log clock=0s method=GET url=/ version=HTTP/1.1 status=503 reason=N/A"},
		{"  502 3 12002 29889\r\n", "0@0 IIS log clock=0s status=502 sub=3 win32=12002 taken=29.889s"},
		{"2024-03-05 16:52:00 10.0.0.1 GET /plain - 80 - 10.0.0.2 - - 502 4 0 0",
			"0@0 IIS log 2024-03-05T16:52:00.0000000Z method=GET url=/plain status=502 sub=4 win32=0 taken=0s c=10.0.0.2 s=10.0.0.1 sport=80"},
		{"12002", ""}, {"", ""}, {"502.3", ""}, {"1 2 3 4", ""}, {"the request was dropped", ""},
	}
	for _, test := range tests {
		e, ok := ParseLine(test.line)
		got := ""
		if ok {
			got = strings.Replace(strings.TrimSpace(render(e)), " dated=0", "", 1)
		}
		if got != test.want {
			t.Errorf("%q:\n got %s\nwant %s", test.line, got, test.want)
		}
	}
}

func TestOptionsOfEntries(t *testing.T) {
	const header = "#Fields: date time s-ip cs-uri-stem cs-uri-query sc-status\n2024-03-05 16:52:00 10.0.0.1 "
	sjis, err := japanese.ShiftJIS.NewEncoder().String("/注文")
	if err != nil {
		t.Fatal(err)
	}
	list, _ := read(t, []byte(header+sjis+" a=1&requestid=77&SERVER-STATUS=503&X-ARR-LOG-ID=78 503\n"), Options{Charset: japanese.ShiftJIS, LogIDName: "RequestID"})
	if len(list) != 1 {
		t.Fatal(len(list))
	}
	e := list[0]
	status, _ := e.ServerStatus()
	if e.URL() != "/注文?a=1" || e.LogID() != "78" || status != 503 {
		t.Error(render(e))
	}
	if got := e.Field("CS-URI-QUERY"); got != "a=1&requestid=77&SERVER-STATUS=503&X-ARR-LOG-ID=78" {
		t.Error(got)
	}
	if _, ok := e.Win32(); ok || e.Field("no-such") != "" {
		t.Error("a field that is not logged has a value")
	}
	var names []string
	for name := range e.Fields() {
		names = append(names, name)
	}
	if got := strings.Join(names, " "); got != "date time s-ip cs-uri-stem cs-uri-query sc-status" {
		t.Error(got)
	}
}

// The same log in every encoding gives the same entries.
func TestEncodings(t *testing.T) {
	text := strings.Replace(string(testdata(t)["arr-u_ex240305.log"]), "/plain", "/Größe/注文", 1)
	list, r := read(t, []byte(text), Options{})
	want := summary(list, r)
	if !strings.Contains(want, "/Größe/注文") {
		t.Fatal(want)
	}
	for _, test := range []struct {
		endian unicode.Endianness
		bom    unicode.BOMPolicy
		name   string
	}{
		{unicode.LittleEndian, unicode.UseBOM, "UTF-16LE with mark"},
		{unicode.BigEndian, unicode.UseBOM, "UTF-16BE with mark"},
		{unicode.LittleEndian, unicode.IgnoreBOM, "UTF-16LE"},
		{unicode.BigEndian, unicode.IgnoreBOM, "UTF-16BE"},
	} {
		encoded, err := unicode.UTF16(test.endian, test.bom).NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		list, r := read(t, []byte(encoded), Options{})
		if got := summary(list, r); got != want {
			t.Errorf("%s:\n%s", test.name, got)
		}
	}
	list, _ = read(t, []byte("\xef\xbb\xbf"+text), Options{})
	if list[0].Line != 5 || list[0].Offset != int64(strings.Index(text, "2024-03-05 16:49:02 192"))+3 {
		t.Errorf("with UTF-8 mark: line %d at %d", list[0].Line, list[0].Offset)
	}
}

func TestDateOfName(t *testing.T) {
	for name, want := range map[string]string{
		"u_ex240305.log":              "2024-03-05T00:00:00.0000000Z",
		"U_EX24030517.log":            "2024-03-05T00:00:00.0000000Z",
		`C:\logs\W3SVC1\ex240305.log`: "2024-03-05T00:00:00.0000000Z",
		"logs/u_ex240305_x.log":       "2024-03-05T00:00:00.0000000Z",
		"u_ex240305":                  "2024-03-05T00:00:00.0000000Z",
		"u_ex2403.log":                "", "u_ex241301.log": "", "u_ex240230.log": "", "u_extend1.log": "", "httperr1.log": "", "": "",
	} {
		got := ""
		if day, ok := dateOfName(name); ok {
			got = day.String()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	// Without any date the clock is known all the same.
	list, r := read(t, testdata(t)["ex240305.log"], Options{})
	if list[0].Dated != NoDate || !list[0].Time.IsZero() || list[0].Clock != 8*time.Hour+15*time.Minute || r.Anomalies()[0].Kind != Undated {
		t.Errorf("%s %v", render(list[0]), r.Anomalies())
	}
}

func TestCovers(t *testing.T) {
	at := func(minute int) etl.Time {
		return etl.FromTime(time.Date(2024, 3, 5, 16, minute, 0, 0, time.UTC))
	}
	c := Coverage{First: at(10), Last: at(20), Entries: 2}
	for minute, want := range map[int]bool{9: false, 10: true, 15: true, 18: true, 19: false, 20: false, 21: false} {
		if got := c.Covers(at(minute)); got != want {
			t.Errorf("16:%02d: %v", minute, got)
		}
	}
	if (Coverage{}).Covers(at(10)) {
		t.Error("an empty log covers a time")
	}
}

// big returns a log of about n bytes with one entry a second and, at every restart, a header.
func big(n int, crlf bool) []byte {
	end := "\n"
	if crlf {
		end = "\r\n"
	}
	const set = "date time s-sitename s-computername s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs-version cs(User-Agent) cs(Referer) cs-host sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken"
	var b bytes.Buffer
	at := time.Date(2024, 3, 5, 0, 0, 0, 0, time.UTC)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := 0; b.Len() < n; i++ {
		if i%20000 == 0 {
			b.WriteString("#Software: Microsoft Internet Information Services 10.0" + end + "#Fields: " + set + end)
		}
		stamp := at.Add(-time.Duration(rng.IntN(40)) * time.Second) // out of order
		fmt.Fprintf(&b, "%s W3SVC1 WEB1 10.0.0.5 GET /orders/%d/lines.aspx id=%d&X-ARR-CACHE-HIT=0&X-ARR-LOG-ID=dbf06c50-adb0-4141-8c04-20bc2f%06x&SERVER-STATUS=200 443 - 10.0.0.%d HTTP/1.1 Mozilla/5.0+(Windows+NT+10.0;+Win64;+x64)+AppleWebKit/537.36 https://shop.example/cart shop.example 200 0 0 5310 1204 %d%s",
			stamp.Format("2006-01-02 15:04:05"), i, i, i, i%250, rng.IntN(60000), end)
		if i%3 == 0 {
			at = at.Add(time.Second)
		}
	}
	return b.Bytes()
}

// Passing over blocks gives what reading all of them gives.
func TestWindow(t *testing.T) {
	data := big(4<<20, true)
	all, whole := read(t, data, Options{})
	first, last := whole.Coverage().First, whole.Coverage().Last
	span := last - first
	for _, window := range [][2]etl.Time{
		{first + span/2, first + span/2 + 60*etl.Second},
		{first + span/3, 0},
		{0, first + span/4},
		{first - day, first - day/2},
		{last + day, 0},
		{first, last},
		{last, last},
	} {
		o := Options{From: window[0], To: window[1]}
		got, r := read(t, data, o)
		var want []*Entry
		for _, e := range all {
			if (o.From == 0 || e.Time+etl.Second > o.From) && (o.To == 0 || e.Start() <= o.To) {
				want = append(want, e)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%v to %v: %d entries, want %d", o.From, o.To, len(got), len(want))
		}
		for i := range got {
			if got[i].Text() != want[i].Text() || got[i].Line != want[i].Line || got[i].Offset != want[i].Offset {
				t.Fatalf("%v to %v: entry %d is %s, want %s", o.From, o.To, i, render(got[i]), render(want[i]))
			}
		}
		if r.Lines() != whole.Lines() || r.Coverage().Entries != whole.Coverage().Entries {
			t.Errorf("%v to %v: %d lines, %+v; want %d, %+v", o.From, o.To, r.Lines(), r.Coverage(), whole.Lines(), whole.Coverage())
		}
		if d := r.Coverage().Last.Sub(last).Abs(); d > time.Minute || r.Coverage().First.Sub(first).Abs() > time.Minute {
			t.Errorf("%v to %v: covers %v to %v", o.From, o.To, r.Coverage().First, r.Coverage().Last)
		}
	}
}

// A block that a directive stands in is read, wherever the directive is.
func TestWindowFieldsChange(t *testing.T) {
	data := big(2<<20, false)
	tail := "#Fields: date time sc-status cs-method cs-uri-stem\n2024-03-09 12:00:00 500 GET /needle\n"
	for _, cut := range []int{0, 1, 777, bufferSize - 5, bufferSize, bufferSize + 5} {
		at := len(data) - cut
		at = bytes.LastIndexByte(data[:at], '\n') + 1
		text := string(data[:at]) + tail
		list, _ := read(t, []byte(text), Options{From: etl.FromTime(time.Date(2024, 3, 9, 0, 0, 0, 0, time.UTC))})
		if len(list) != 1 || list[0].URL() != "/needle" || list[0].Line != int64(strings.Count(text, "\n")) {
			t.Fatalf("cut %d: %d entries", cut, len(list))
		}
	}
}

// Every prefix of a log gives the entries of its whole lines, and tells where it ends inside of one.
func TestTruncated(t *testing.T) {
	for name, data := range testdata(t) {
		all, _ := read(t, data, Options{Name: name})
		for n := range data {
			list, r := read(t, data[:n], Options{Name: name})
			for i, e := range list {
				if e.Cut && e.Offset+int64(len(e.line)) >= int64(n)-1 {
					continue // the last
				}
				if i >= len(all) || render(e) != render(all[i]) {
					t.Fatalf("%s cut to %d: entry %d is %s", name, n, i, render(e))
				}
			}
			open := n > 0 && data[n-1] != '\n'
			told := slices.ContainsFunc(r.Anomalies(), func(a Anomaly) bool { return a.Kind == NoLineEnd })
			if open != told {
				t.Fatalf("%s cut to %d: %v", name, n, r.Anomalies())
			}
		}
	}
}

// A change in one line of a log changes no other line's entry, unless it makes or breaks a directive.
func TestMutations(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	files := testdata(t)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		data := files[name]
		all, _ := read(t, data, Options{})
		body := len(data)
		if len(all) > 0 {
			body = int(all[0].Offset)
		}
		for range 10_000 / len(files) * 2 {
			mutant := bytes.Clone(data)
			at := rng.IntN(len(mutant))
			mutant[at] ^= 1 << rng.IntN(8)
			list, r := read(t, mutant, Options{})
			if r.Lines() > int64(bytes.Count(mutant, lineEnd))+1 {
				t.Fatalf("%s: more lines than there are", name)
			}
			last := int64(0)
			for _, e := range list {
				if e.Line <= last {
					t.Fatalf("%s: line %d after %d", name, e.Line, last)
				}
				last = e.Line
				render(e)
			}
			if at < body || bytes.Count(mutant, lineEnd) != bytes.Count(data, lineEnd) || bytes.ContainsRune(mutant[body:], '#') || mutant[at] == 0 {
				continue
			}
			line := int64(bytes.Count(data[:at], lineEnd) + 1)
			for _, e := range all {
				if e.Line == line || e.Dated != LineDate {
					continue
				}
				if !slices.ContainsFunc(list, func(g *Entry) bool { return g.Line == e.Line && render(g) == render(e) }) {
					t.Fatalf("%s: a change of byte %d in line %d changed line %d", name, at, line, e.Line)
				}
			}
		}
	}
}

// endless yields one byte again and again.
type endless byte

func (e endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(e)
	}
	return len(b), nil
}

// Lines of 1 GB need no more memory than others, and do not hide what follows.
func TestLongLine(t *testing.T) {
	for _, c := range []byte("x #\x00") {
		long := int64(64 << 20)
		if c == 'x' {
			long = 1 << 30
		}
		text := io.MultiReader(
			strings.NewReader("#Fields: date time s-ip cs-uri-stem sc-status\n"),
			io.LimitReader(endless(c), long),
			strings.NewReader("\n2024-03-05 16:50:00 10.0.0.1 /a 200\n2024-03-05 16:50:00 10.0.0.1 /"),
			io.LimitReader(endless(c), long),
			strings.NewReader(" 200\n2024-03-05 16:50:01 10.0.0.1 /b 200\n"))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := NewReader(text, Options{})
		var urls []string
		for e, err := range r.Entries() {
			if err != nil {
				t.Fatal(err)
			}
			if !e.Cut {
				urls = append(urls, e.URL())
			}
		}
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
			t.Errorf("%q: %d bytes allocated", c, grown)
		}
		if strings.Join(urls, " ") != "/a /b" {
			t.Errorf("%q: %q", c, urls)
		}
		var kinds []string
		for _, a := range r.Anomalies() {
			kinds = append(kinds, a.Kind.String())
		}
		if got := strings.Join(kinds, " "); !strings.Contains(got, LongLine.String()) || c == 0 && !strings.Contains(got, ZeroFilled.String()) {
			t.Errorf("%q: %v", c, r.Anomalies())
		}
	}
}

// HTTP.sys allocates ahead: a log of a machine that stopped hard has zeros at the end or, later, in the middle.
func TestZeros(t *testing.T) {
	zeros := make([]byte, 65536)
	data := testdata(t)["cloudservice.log"]
	for _, size := range []int{1, 2, 4096, 65536} {
		list, r := read(t, slices.Concat(data, zeros[:size], []byte("2024-03-05 16:51:00 W3SVC1 WEB 10.1.2.5 GET /z - 80 - 10.0.0.1 HTTP/1.1 - - - - 200 0 0 1 1 1\r\n"), zeros[:size]), Options{})
		a := r.Anomalies()
		if len(list) != 3 || len(a) != 1 || a[0].Kind != ZeroFilled || a[0].Count != int64(2*size) || a[0].Offset != int64(len(data)) {
			t.Errorf("%d: %d entries, %v", size, len(list), a)
		}
	}
}

func TestReadError(t *testing.T) {
	data := testdata(t)["cloudservice.log"]
	broken := errors.New("broken")
	for _, n := range []int{0, 2, len(data) / 2, len(data)} {
		r := NewReader(io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(broken)), Options{})
		var got error
		for e, err := range r.Entries() {
			if (e == nil) == (err == nil) || got != nil {
				t.Fatal("entry and error, or more after an error")
			}
			got = err
		}
		if !errors.Is(got, broken) {
			t.Errorf("%d bytes: %v", n, got)
		}
	}
	// Reads of one byte give the same.
	list, r := read(t, data, Options{})
	want := summary(list, r)
	slow := NewReader(iotest.OneByteReader(bytes.NewReader(data)), Options{})
	list = nil
	for e := range slow.Entries() {
		list = append(list, e.Clone())
	}
	if got := summary(list, slow); got != want {
		t.Error(got)
	}
}

func TestFromEvent(t *testing.T) {
	values := map[string]string{
		"EnabledFieldsFlags": fmt.Sprint(1<<0 | 1<<1 | 1<<2 | 1<<7 | 1<<8 | 1<<9 | 1<<10 | 1<<11 | 1<<14 | 1<<16 | 1<<21), "date": "2024-03-05", "time": "16:50:50",
		"c-ip": "192.168.0.204", "cs-method": "GET", "cs-uri-stem": "/time/", "cs-uri-query": "a=b&X-ARR-LOG-ID=dbf06c50&SERVER-STATUS=200",
		"sc-status": "502", "sc-substatus": "3", "sc-win32-status": "12002", "time-taken": "29889", "csUser-Agent": "Mozilla/5.0 (Windows)",
		"s-port": "0", "sc-bytes": "0", "cs-bytes": "0", "CustomFields": "one two",
	}
	text := func(name string) string { return values[name] }
	e := FromEvent(0, text)
	const want = "0@0 IIS log 2024-03-05T16:50:50.0000000Z start=2024-03-05T16:50:20.1110000Z method=GET url=/time/?a=b status=502 sub=3 win32=12002 taken=29.889s c=192.168.0.204 log_id=dbf06c50 server_status=200\n"
	if got := render(e); got != want {
		t.Errorf("%s", got)
	}
	if e.UserAgent() != "Mozilla/5.0 (Windows)" || e.Field("CustomFields") != "one two" {
		t.Errorf("%q %q", e.UserAgent(), e.Field("CustomFields"))
	}
	finer := etl.FromTime(time.Date(2024, 3, 5, 16, 50, 50, 123456700, time.UTC))
	if e := FromEvent(finer, text); e.Time != finer || e.Clock != 16*time.Hour+50*time.Minute+50123456700 {
		t.Errorf("%v %v", e.Time, e.Clock)
	}
	if e := FromEvent(0, func(string) string { return "" }); !e.Time.IsZero() || e.Method() != "" {
		t.Error(render(e))
	}
}
