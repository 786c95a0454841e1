package report

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/decode/freb/frebtest"
	"github.com/etwhy/etwhy/timeline"
)

// diaryOf reads a Failed Request Tracing file.
func diaryOf(t testing.TB, file []byte) *Diary {
	t.Helper()
	open := func() *freb.Trace {
		trace, err := freb.NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		return trace
	}
	q, err := open().Request()
	if err != nil {
		t.Fatal(err)
	}
	d := &Diary{Request: q}
	trace := open()
	for ev, err := range trace.Events() {
		if err != nil {
			t.Fatal(err)
		}
		one := *ev
		one.Fields = slices.Clone(ev.Fields)
		d.Events = append(d.Events, one)
	}
	for _, an := range trace.Anomalies() {
		d.Damage = append(d.Damage, Damage{an.Kind.String(), an.Offset, an.Detail})
	}
	return d
}

// madeDiary is a file that text describes, see frebtest.
func madeDiary(t testing.TB, text string) *Diary {
	t.Helper()
	file, err := frebtest.XML(text)
	if err != nil {
		t.Fatal(err)
	}
	return diaryOf(t, file)
}

// withDiaries is a result of one request for each list of files.
func withDiaries(lists ...[]*Diary) *Analysis {
	a := &Analysis{Details: &Details{requests: map[string]*Detail{}}}
	for i, list := range lists {
		r := &timeline.Request{ID: fmt.Sprintf("r%d", i+1)}
		a.Requests = append(a.Requests, r)
		for _, d := range list {
			d.Input = len(a.Inputs)
			a.Inputs = append(a.Inputs, Input{Path: fmt.Sprintf("W3SVC1/fr%06d.xml", d.Input+1)})
		}
		a.Details.requests[r.ID] = &Detail{Diaries: list}
	}
	return a
}

// diaryHTML renders the files of a.
func diaryHTML(t testing.TB, a *Analysis) string {
	t.Helper()
	page, err := template.ParseFiles("web/diary.html")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, v := range a.diaryViews() {
		if err := page.ExecuteTemplate(&out, "diary", v); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// A diaryElement is an element of a page, or a text; the template writes what is XML as well.
type diaryElement struct {
	name  string // "" = a text
	attr  map[string]string
	data  string // of a text
	nodes []*diaryElement
}

// text returns the text of an element with that of the elements inside.
func (n *diaryElement) text() string {
	var b strings.Builder
	n.every(func(n *diaryElement) { b.WriteString(n.data) })
	return b.String()
}

// child returns the n-th element inside.
func (n *diaryElement) child(i int) *diaryElement {
	for _, c := range n.nodes {
		if c.name != "" {
			if i == 0 {
				return c
			}
			i--
		}
	}
	return &diaryElement{}
}

func parseDiaries(t testing.TB, page string) *diaryElement {
	t.Helper()
	root := &diaryElement{}
	stack := []*diaryElement{root}
	d := xml.NewDecoder(strings.NewReader("<main>" + page + "</main>"))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			n := &diaryElement{name: token.Name.Local, attr: map[string]string{}}
			for _, a := range token.Attr {
				n.attr[a.Name.Local] = a.Value
			}
			top := stack[len(stack)-1]
			top.nodes = append(top.nodes, n)
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top := stack[len(stack)-1]
			top.nodes = append(top.nodes, &diaryElement{data: string(token)})
		}
	}
}

// all returns the elements with a class, in the order of the page.
func (n *diaryElement) all(class string) (list []*diaryElement) {
	for _, c := range n.nodes {
		if slices.Contains(strings.Fields(c.attr["class"]), class) {
			list = append(list, c)
		}
		list = append(list, c.all(class)...)
	}
	return list
}

func (n *diaryElement) every(visit func(*diaryElement)) {
	visit(n)
	for _, c := range n.nodes {
		c.every(visit)
	}
}

// A frebContent is what encoding/xml finds in a file, without any knowledge of what it means.
type frebContent struct {
	root         map[string]string // attributes
	values       []string          // of Data, "name=value"
	descriptions []string
	system       []map[string]string // by event: everything else that has a text or is an attribute, by element or attribute
}

func contentOfFREB(t testing.TB, file []byte) (all frebContent) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(file))
	all.root = map[string]string{}
	var path []string
	var name string
	text := ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			path, text = append(path, token.Name.Local), ""
			if token.Name.Local == "Event" {
				all.system = append(all.system, map[string]string{})
			}
			for _, a := range token.Attr {
				switch {
				case a.Name.Local == "xmlns" || a.Name.Space == "xmlns":
				case token.Name.Local == "Data" || token.Name.Local == "Description":
					name = a.Value
				case len(path) == 1:
					all.root[a.Name.Local] = a.Value
				case len(path) > 2:
					all.system[len(all.system)-1][token.Name.Local+"@"+a.Name.Local] = a.Value
				}
			}
		case xml.CharData:
			text += string(token)
		case xml.EndElement:
			switch {
			case token.Name.Local == "Data":
				all.values = append(all.values, name+"="+text)
			case token.Name.Local == "Description":
				all.descriptions = append(all.descriptions, strings.TrimSpace(text))
			case len(path) > 2 && strings.TrimSpace(text) != "":
				all.system[len(all.system)-1][path[len(path)-2]+">"+path[len(path)-1]] = strings.TrimSpace(text)
			}
			path, text = path[:len(path)-1], ""
		}
	}
}

// shownAs writes a value as the page does: lines stay lines, an end of lines goes.
func shownAs(s string) string {
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), "\n"), "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

func sampleFREB(t testing.TB, name string) []byte {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("../../../shared/samples/freb", name))
	if err != nil {
		if os.Getenv("ETWHY_SAMPLES") == "required" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return file
}

// TestDiaryComplete finds everything of real and made files on the page again.
func TestDiaryComplete(t *testing.T) {
	for _, name := range []string{"fr000001.xml", "fr000005.xml"} {
		t.Run(name, func(t *testing.T) { diaryComplete(t, sampleFREB(t, name)) })
	}
	for name, text := range map[string]string{"arr": arrDiary, "core module": strings.TrimSuffix(coreDiary, "open\n")} {
		t.Run(name, func(t *testing.T) {
			file, err := frebtest.XML(text)
			if err != nil {
				t.Fatal(err)
			}
			diaryComplete(t, file)
		})
	}
}

func diaryComplete(t *testing.T, file []byte) {
	want := contentOfFREB(t, file)
	a := withDiaries([]*Diary{diaryOf(t, file)})
	page := parseDiaries(t, diaryHTML(t, a))

	counts := plural(len(want.system), "event") + " with " + plural(len(want.values), "value")
	if !strings.Contains(page.text(), counts) {
		t.Errorf("the page does not say %q", counts)
	}
	for name, value := range want.root {
		if name == "timeTaken" {
			value += " ms"
		}
		if !strings.Contains(strings.ReplaceAll(page.text(), ",", ""), value) {
			t.Errorf("%s=%q of the root element is not on the page", name, value)
		}
	}
	table := page.all("events")[0]
	var rows []*diaryElement
	table.every(func(n *diaryElement) {
		if n.name == "tr" && n.attr["id"] != "" {
			rows = append(rows, n)
		}
	})
	if len(rows) != len(want.system) {
		t.Fatalf("%d rows for %d events", len(rows), len(want.system))
	}
	var values []string
	for _, p := range table.all("p") {
		values = append(values, p.child(0).text()+"="+p.all("v")[0].text())
	}
	if len(values) != len(want.values) {
		t.Fatalf("%d values of %d", len(values), len(want.values))
	}
	for i, v := range want.values {
		if values[i] != shownAs(v) {
			t.Errorf("value %d is %q, want %q", i, values[i], shownAs(v))
		}
	}
	var quotes []string
	table.every(func(n *diaryElement) {
		if n.name == "q" {
			quotes = append(quotes, n.text())
		}
	})
	descriptions := slices.Clone(want.descriptions)
	for i := range descriptions {
		descriptions[i] = clean(descriptions[i])
	}
	slices.Sort(quotes)
	slices.Sort(descriptions)
	if !slices.Equal(quotes, descriptions) {
		t.Errorf("%d descriptions of %d", len(quotes), len(descriptions))
	}

	// What System, RenderingInfo and ExtendedTracingInfo hold stands in the row, in the row of its kind or above all.
	kinds := map[string]*diaryElement{}
	page.all("kinds")[0].every(func(n *diaryElement) {
		if n.name == "tr" && n.attr["id"] != "" {
			kinds[n.attr["id"]] = n
		}
	})
	shared := ""
	for _, p := range page.all("all")[0].all("hint") {
		shared += p.text()
	}
	words := map[string]string{"0": "general", "1": "critical", "2": "error", "3": "warning", "4": "information", "5": "verbose"}
	for i, row := range rows {
		kind := kinds[strings.TrimPrefix(row.all("area")[0].child(0).attr["href"], "#")]
		if kind == nil {
			t.Fatalf("event %d is of no kind", i+1)
		}
		datetime := ""
		row.every(func(n *diaryElement) { datetime += n.attr["datetime"] })
		area := cmp.Or(kind.child(9).text(), "General")
		if got := row.all("area")[0].child(0).text(); got != area {
			t.Errorf("event %d is of area %q, and %q", i+1, got, area)
		}
		for name, want := range want.system[i] {
			got := ""
			switch name {
			case "RenderingInfo>Opcode":
				got = row.all("name")[0].child(0).text()
				if got != kind.child(0).text() {
					got += " of kind " + kind.child(0).text()
				}
			case "Provider@Name":
				got = kind.child(2).text()
			case "Provider@Guid":
				got = kind.child(3).text()
			case "System>EventID":
				got = kind.child(4).text()
			case "System>Version":
				got = kind.child(5).text()
			case "System>Opcode":
				got = kind.child(6).text()
			case "System>Level":
				if got = kind.child(7).text(); row.all("level")[0].text() != words[got] {
					got += " as " + row.all("level")[0].text()
				}
			case "System>Keywords":
				got = kind.child(8).text()
			case "Keywords>Keyword":
				got = kind.child(9).text()
			case "ExtendedTracingInfo>EventGuid":
				got = kind.child(10).text()
			case "RenderingInfo@Culture":
				got = kind.child(11).text()
			case "Execution@ThreadID":
				got = row.all("thread")[0].text()
			case "TimeCreated@SystemTime":
				if got = datetime; strings.HasPrefix(got, strings.TrimSuffix(want, "Z")) {
					got = want
				}
			case "Execution@ProcessID", "System>Computer", "Correlation@ActivityID":
				lead := map[string]string{"Execution@ProcessID": "process ", "System>Computer": "computer ", "Correlation@ActivityID": "activity "}[name]
				if own := row.all("values")[0].all("own"); len(own) == 0 && strings.Contains(shared, lead+want) {
					got = want
				} else if slices.ContainsFunc(own, func(n *diaryElement) bool { return n.text() == lead+want }) {
					got = want
				}
			}
			if got != want {
				t.Errorf("event %d: %s is %q, want %q", i+1, name, got, want)
			}
		}
	}
}

// The texts of files below are those of a proxy that waits in vain, and of the module that hands requests to ASP.NET Core.
const (
	arrDiary = `url http://shop.example:80/time/?a=1
siteId 2
appPoolId ARRPool
processId 1432
verb GET
userName CORP\anna
remoteUserName anna
tokenUserName NT AUTHORITY\IUSR
authenticationType Negotiate
activityId {80000012-0003-F600-B63F-84710C7967BB}
failureReason STATUS_CODE
statusCode 502.3
triggerStatusCode 502.3
timeTaken 30014
computer ARR01
date 2026-03-04
16:50:21.033 @2452 GENERAL_REQUEST_START SiteId=2 AppPoolId=ARRPool ConnId=1610612741 RawConnId=0 RequestURL=http://shop.example/time/?a=1 RequestVerb=GET
16:50:21.033 @2452 GENERAL_ENDPOINT_INFORMATION RemoteAddress=192.168.0.204 RemotePort=49247 LocalAddress=192.168.0.205 LocalPort=80
16:50:21.033 @2452 GENERAL_REQUEST_HEADERS Headers="Accept: */*\r\nHost: shop.example\r\n\r\n"
16:50:21.033 @2452 > RewriteModule 1
16:50:21.033 @2452 URL_CHANGED OldUrl=/time/ NewUrl=http://shopfarm/time/
16:50:21.033 @2452 < RewriteModule 1
16:50:21.033 @2452 HANDLER_CHANGED OldHandlerName=StaticFile NewHandlerName=ApplicationRequestRoutingHandler NewHandlerModules=ApplicationRequestRouting
16:50:21.033 @2452 FILE_CACHE_ACCESS_END Successful=false ErrorCode=2147942402~"The system cannot find the file specified. (0x80070002)"
16:50:21.033 @2452 > ApplicationRequestRouting 128
16:50:21.033 @2452 ARR_REQUEST_ROUTED WebFarm=farm Server=10.0.0.16 Algorithm=LeastCurrentRequest RoutingReason=LoadBalancing
16:50:21.033 @2452 ARR_SERVER_ROUTED RoutingReason=LoadBalancing Server=10.0.0.16 State=Active TotalRequests=10 FailedRequests=2 CurrentRequests=1 BytesSent=3339 BytesReceived=5508 ResponseTime=64
16:50:21.033 @2452 GENERAL_SET_REQUEST_HEADER HeaderName=X-ARR-LOG-ID HeaderValue=dbf06c50-adb0-4141-8c04-20bc2f193a61 Replace=true
16:50:21.033 @2452 ARR_REQUEST_HEADERS_START
16:50:21.049 @2452 ARR_REQUEST_HEADERS_END
16:50:21.049 @2452 ARR_RESPONSE_HEADERS_START
16:50:21.049 @2452 < ApplicationRequestRouting 128 1
16:50:51.047 @2470 MODULE_SET_RESPONSE_ERROR_STATUS ModuleName=ApplicationRequestRouting Notification=128~EXECUTE_REQUEST_HANDLER HttpStatus=502 HttpReason="Bad Gateway" HttpSubStatus=3 ErrorCode=2147954402~"The operation timed out. (0x80072ee2)" ConfigExceptionInfo=
16:50:51.047 @2470 NOTIFY_MODULE_COMPLETION ModuleName=ApplicationRequestRouting Notification=128~EXECUTE_REQUEST_HANDLER fIsPostNotificationEvent=false CompletionBytes=0 ErrorCode=0
16:50:51.047 @2470 > HttpLoggingModule 1024
16:50:51.047 @2470 < HttpLoggingModule 1024
16:50:51.047 @2470 GENERAL_FLUSH_RESPONSE_START
16:50:51.047 @2470 GENERAL_FLUSH_RESPONSE_END BytesSent=1477 ErrorCode=2147943629~"An operation was attempted on a nonexistent network connection. (0x800704cd)"
16:50:51.047 @2470 GENERAL_REQUEST_END BytesSent=1477 BytesReceived=322 HttpStatus=502 HttpSubStatus=3
`
	coreDiary = `url http://api.example/report
processId 7320
activityId {4000A1B2-0000-FE00-B63F-84710C7967BB}
failureReason TIME_TAKEN
statusCode 200
triggerStatusCode 200
timeTaken 5000
date 2026-03-17
09:40:03.200 GENERAL_REQUEST_START RequestURL=http://api.example/report RequestVerb=POST
09:40:03.200 > AspNetCoreModule 128
09:40:03.200 ANCM_REQUEST_FORWARD_START
09:40:03.217 ANCM_WINHTTP_CALLBACK InternetStatus=16
09:40:03.218 ANCM_WINHTTP_CALLBACK InternetStatus=4194304
09:40:08.200 ANCM_REQUEST_FORWARD_FAIL ErrorCode=2147954402
open
`
)

// TestDiaryView tells of a proxy that waited in vain.
func TestDiaryView(t *testing.T) {
	a := withDiaries([]*Diary{madeDiary(t, arrDiary)})
	a.Requests[0].Verdict = &timeline.Verdict{Title: "10.0.0.16 sent no answer within 30 s"}
	v := a.diaryViews()[0]
	if v.ID != "diary-1" || v.Folded || !v.Alone || v.Status != "502.3" || v.Severity != "bad" || v.Took != "30.0 s" ||
		v.Machine != "ARR01" || v.File != "fr000001.xml" || v.Request.ID != "r1" || v.Request.Note == "" || len(v.Cautions) > 0 {
		t.Errorf("head: %+v", v)
	}
	if want := "IIS wrote this file because a tracing rule of the site covers the status 502.3 (STATUS_CODE)."; v.Why != want {
		t.Errorf("why: %s", v.Why)
	}
	facts := map[string]string{}
	for _, f := range v.Facts {
		facts[f.Name] = f.Value
	}
	for name, want := range map[string]string{
		"Final status": "502.3", "Status when the rule was met": "502.3", "Failure reason": "STATUS_CODE", "Time taken": "30,014 ms",
		"Started": "2026-03-04 16:50:21.033 UTC", "Ended": "2026-03-04 16:50:51.047 UTC", "URL at the end": "http://shop.example:80/time/?a=1",
		"Rewritten to": "http://shopfarm/time/", "Handler": "ApplicationRequestRoutingHandler", "Site": "2", "Application pool": "ARRPool",
		"Worker process": "1432", "Computer": "ARR01", "Authentication": "Negotiate", "User": `CORP\anna`, "Remote user": "anna",
		"User of the token": `NT AUTHORITY\IUSR`, "Client": "192.168.0.204:49247", "Local address": "192.168.0.205:80",
		"Connection": "1610612741", "Activity": "{80000012-0003-F600-B63F-84710C7967BB}",
		"Request id of ARR": "dbf06c50-adb0-4141-8c04-20bc2f193a61", "Received": "322 bytes", "Sent": "1,477 bytes",
	} {
		if facts[name] != want {
			t.Errorf("%s: %q, want %q", name, facts[name], want)
		}
	}
	if v.Verdict != "1 warning, 1 other failure" || len(v.Troubles) != 2 || len(v.Lesser) != 1 {
		t.Fatalf("%s: %+v, %+v", v.Verdict, v.Troubles, v.Lesser)
	}
	if x := v.Troubles[0]; x.Status != "502.3 Bad Gateway" || x.Code != "0x80072EE2 ERROR_WINHTTP_TIMEOUT" || x.Quote != "The operation timed out. (0x80072ee2)" ||
		!x.Final || x.Late || x.Module != "ApplicationRequestRouting" || x.Stage != "EXECUTE_REQUEST_HANDLER" || x.Since != "30.014 s" ||
		x.Clock != "16:50:51.047 UTC" || x.Level != "warning" || x.Text != "17" || x.ID != "diary-1-e17" {
		t.Errorf("%+v", x)
	}
	if x := v.Troubles[1]; x.What != "sending the answer failed" || x.Code != "0x800704CD ERROR_CONNECTION_INVALID" {
		t.Errorf("%+v", x)
	}
	if x := v.Lesser[0]; x.Name != "FILE_CACHE_ACCESS_END" || x.Code != "0x80070002 ERROR_FILE_NOT_FOUND" {
		t.Errorf("%+v", x)
	}
	if len(v.Modules) != 1 || v.Modules[0].Name != "ApplicationRequestRouting" || v.Modules[0].Own != "30.0 s" || v.Modules[0].Share != "100 %" {
		t.Errorf("modules %+v", v.Modules)
	}
	if len(v.Pauses) != 1 || v.Pauses[0].From.Text != "16" || v.Pauses[0].To.Text != "17" || v.Pauses[0].Took != "30.0 s" {
		t.Errorf("pauses %+v", v.Pauses)
	}
	var bars []string
	for _, b := range v.Bars {
		bars = append(bars, fmt.Sprintf("%s %s|%s|%s %d+%d", b.Kind, b.Name, b.Since, b.Took, b.X, b.W))
	}
	want := []string{
		"async ApplicationRequestRouting|0.000 s|30.0 s 0+1000",
		"forward ARR > 10.0.0.16|0.000 s|16 ms 0+3",
		"wait ARR > 10.0.0.16|0.016 s|30.0 s 0+1000",
		"flush answer to the client|30.014 s|0 ms 997+3",
	}
	if !slices.Equal(bars, want) {
		t.Errorf("bars:\n%s", strings.Join(bars, "\n"))
	}
	if len(v.Brief) != 2 || v.Briefly != "2 module calls" || !strings.Contains(v.Tick, "0 ms") {
		t.Errorf("brief calls %+v", v.Brief)
	}
	if len(v.Forwards) != 1 || v.Forwards[0].Title != "ARR > 10.0.0.16" {
		t.Fatalf("forwards %+v", v.Forwards)
	}
	forward := map[string]diaryFact{}
	for _, f := range v.Forwards[0].Facts {
		forward[f.Name] = f
	}
	if forward["Farm"].Value != "farm" || forward["Failed at"].Note != "while awaiting headers" || forward["No progress for"].Value != "30.0 s" ||
		forward["Error"].Value != "0x80072EE2 ERROR_WINHTTP_TIMEOUT" || !strings.Contains(forward["The server then"].Note, "2 failed") {
		t.Errorf("forward %+v", v.Forwards[0].Facts)
	}
}

// TestDiaryTree looks at what stands inside of what.
func TestDiaryTree(t *testing.T) {
	tree := func(text string) string {
		var lines []string
		for _, ev := range withDiaries([]*Diary{madeDiary(t, text)}).diaryViews()[0].Events {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%d %s|%s|%s", ev.Depth, ev.Name, ev.Inside, ev.Took)))
		}
		return strings.Join(lines, "\n")
	}
	for name, c := range map[string]struct{ text, want string }{
		"a call within a call": {`09:00:00.000 > A 1
09:00:00.000 > B 536870912
09:00:00.016 < B 536870912
09:00:00.016 X
09:00:00.031 < A 1`, `0 NOTIFY_MODULE_START|A|31 ms
1 NOTIFY_MODULE_START|B|16 ms
1 NOTIFY_MODULE_END|B|
1 X|A|
0 NOTIFY_MODULE_END|A|`},
		"one that goes on": {`09:00:00.000 > A 128
09:00:00.000 < A 128 1
09:00:01.000 X
09:00:02.000 NOTIFY_MODULE_COMPLETION ModuleName=A Notification=128 fIsPostNotificationEvent=false
09:00:02.000 Y`, `0 NOTIFY_MODULE_START|A|2.0 s, asynchronous
1 NOTIFY_MODULE_END|A|
1 X|A|
0 NOTIFY_MODULE_COMPLETION|A|
0 Y||`},
		"one that goes on without a word": {`09:00:00.000 > A 128
09:00:00.000 < A 128 1
09:00:01.000 > B 1024
09:00:01.000 < B 1024`, `0 NOTIFY_MODULE_START|A|1.0 s, asynchronous
0 NOTIFY_MODULE_END|A|
0 NOTIFY_MODULE_START|B|
0 NOTIFY_MODULE_END|B|`},
		"pairs, one without end": {`09:00:00.000 A_START
09:00:00.000 B_START
09:00:00.000 AspNetPageInitEnter
09:00:00.016 AspNetPageInitLeave
09:00:00.016 A_END
09:00:00.016 C`, `0 A_START||16 ms
1 B_START||
1 AspNetPageInitEnter||16 ms
1 AspNetPageInitLeave||
0 A_END||
0 C||`},
		"ends alone": {"09:00:00.000 A_END\n09:00:00.000 < A 1\n09:00:00.000 X", "0 A_END||\n0 NOTIFY_MODULE_END||\n0 X||"},
		"a file that ends inside a call": {"09:00:00.000 > A 128\n09:00:00.000 B_START\n09:00:00.000 X\nopen",
			"0 NOTIFY_MODULE_START|A|did not end\n1 B_START|A|\n1 X|A|"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tree("date 2026-03-04\n" + c.text); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestDiaryCautions looks at files that are not whole.
func TestDiaryCautions(t *testing.T) {
	v := withDiaries([]*Diary{madeDiary(t, coreDiary)}).diaryViews()[0]
	if len(v.Cautions) != 2 || !strings.Contains(v.Cautions[0], "end is not in the file") || !strings.Contains(v.Cautions[1], "cut-file") {
		t.Errorf("cautions %q", v.Cautions)
	}
	if !strings.HasPrefix(v.Why, "IIS wrote this file because the request took longer than a tracing rule") {
		t.Error(v.Why)
	}
	if b := v.Bars[0]; b.Kind != "open" || b.Took != "at least 5.0 s" || b.ID != "diary-1-e2" || b.Note != "did not end" {
		t.Errorf("%+v", b)
	}
	if x := v.Troubles[0]; v.Verdict != "1 error" || x.Module != "AspNetCoreModule" || x.Code != "0x80072EE2 ERROR_WINHTTP_TIMEOUT" {
		t.Errorf("%s: %+v", v.Verdict, x)
	}
	for text, want := range map[string]string{
		"09:00:00.000 X": "start is not in the file",
		"09:00:00.000 GENERAL_REQUEST_START\n09:00:00.000 LOG_FILE_MAX_SIZE_TRUNCATE": "size limit",
		"statusCode 404": "no event",
	} {
		a := withDiaries([]*Diary{madeDiary(t, text)})
		if got := strings.Join(a.diaryViews()[0].Cautions, " "); !strings.Contains(got, want) {
			t.Errorf("%q: %q", text, got)
		}
		diaryHTML(t, a)
	}
	// A status that no module set.
	silent := madeDiary(t, "date 2026-03-04\n09:00:00.000 GENERAL_REQUEST_START\n09:00:00.003 > A 128\n09:00:00.005 < A 128\n09:00:00.005 GENERAL_REQUEST_END HttpStatus=404 HttpSubStatus=0")
	if v := withDiaries([]*Diary{silent}).diaryViews()[0]; !strings.Contains(v.Silent, "No module set the status 404.0 as an error: it seems to have come with the answer of the application.") ||
		!strings.Contains(v.Tick, "in milliseconds") || v.Scale[1] != "1.2 ms" {
		t.Errorf("%q, %q, scale %q", v.Silent, v.Tick, v.Scale)
	}
	// What the root element does not tell is not shown as 0.
	for _, f := range withDiaries([]*Diary{madeDiary(t, "statusCode 404")}).diaryViews()[0].Facts {
		if f.Name == "Time taken" || f.Name == "Sent" || f.Name == "Site" {
			t.Errorf("%+v", f)
		}
	}
	a := withDiaries([]*Diary{madeDiary(t, arrDiary)})
	a.Details.requests["r1"].Unread = 2
	if got := a.diaryViews()[0].Cautions; len(got) != 1 || !strings.Contains(got[0], "2 further files") {
		t.Errorf("cautions %q", got)
	}
}

// TestDiaryHostile shows strings that want to be something else.
func TestDiaryHostile(t *testing.T) {
	evil := []string{
		"</td></script><script>alert(1)</script>", `" onclick="alert(1)`, "=cmd|' /C calc'!A0", "\x1b[31mred", "evil\u202etxt.exe",
		"javascript:alert(1)", "{{.Verdict}}", "<!--", "]]>", "a\x00b\xff", "\u05d0\u05d1\u05d2 123", "&lt;b&gt;",
	}
	d := madeDiary(t, arrDiary)
	q := d.Request
	all := strings.Join(evil, "\n")
	q.URL, q.Verb, q.AppPool, q.Computer, q.Handler = all, evil[0], evil[1], evil[4], evil[5]
	q.Header.User, q.Header.FailureReason, q.Header.More = all, evil[0], []freb.Field{{Name: evil[1], Value: all}}
	q.Forwards[0].Server, q.Forwards[0].Farm = all, evil[3]
	for i := range q.Calls {
		q.Calls[i].Module = evil[i%len(evil)]
	}
	d.Damage = []Damage{{Kind: evil[0], Detail: all}}
	for i := range d.Events {
		ev := &d.Events[i]
		ev.Name, ev.Area, ev.Source, ev.Culture = ev.Name+evil[i%len(evil)], evil[(i+1)%len(evil)]+fmt.Sprint(i), evil[0], evil[1]
		for j := range ev.Fields {
			ev.Fields[j].Value, ev.Fields[j].Text = all, all
		}
		ev.Fields = append(ev.Fields, freb.Field{Name: all, Value: strings.Repeat("\u00e9<", 1<<19), Text: strings.Repeat("x", 1<<19)})
	}
	a := withDiaries([]*Diary{d})
	a.Inputs[0].Path, a.Inputs[0].Machine = all, evil[0]
	a.Requests[0].Verdict = &timeline.Verdict{Title: all}
	html := diaryHTML(t, a)
	page := parseDiaries(t, html) // fails where something broke out
	plain := map[string]bool{
		"section": true, "details": true, "summary": true, "div": true, "span": true, "p": true, "h3": true, "h4": true, "h5": true, "a": true, "b": true, "i": true,
		"small": true, "em": true, "bdi": true, "q": true, "ul": true, "ol": true, "li": true, "dl": true, "dt": true, "dd": true, "table": true, "caption": true, "thead": true,
		"tbody": true, "tr": true, "th": true, "td": true, "svg": true, "rect": true, "path": true, "fieldset": true, "legend": true, "label": true, "input": true,
		"pre": true, "time": true, "abbr": true, "main": true, "": true,
	}
	page.every(func(n *diaryElement) {
		if !plain[n.name] {
			t.Errorf("an element %s", n.name)
		}
		for name, value := range n.attr {
			if name == "style" || strings.HasPrefix(name, "on") || name == "href" && !strings.HasPrefix(value, "#") || name == "src" {
				t.Errorf("an attribute %s=%q", name, value)
			}
		}
	})
	for _, bad := range []string{"\x1b", "\u202e", "\x00", "\xff"} {
		if strings.Contains(html, bad) {
			t.Errorf("%q is on the page", bad)
		}
	}
	for _, e := range evil[:3] {
		if !strings.Contains(page.text(), e) {
			t.Errorf("%q is not shown", e)
		}
	}
	if want := "the first 20,000 of 1,048,576 characters"; !strings.Contains(page.text(), want) {
		t.Errorf("the page does not say %q", want)
	}
	if n := len(html); n > len(d.Events)*150_000 {
		t.Errorf("%d bytes", n)
	}
	if n := len(a.diaryViews()[0].Groups); n != maxBoxes+1 {
		t.Errorf("%d groups", n)
	}
}

// TestDiaries looks at a page of many files: identifiers, links, what begins closed.
func TestDiaries(t *testing.T) {
	arr, core := madeDiary(t, arrDiary), madeDiary(t, coreDiary)
	lists := [][]*Diary{{arr, core, arr}, {core}} // the same file is shown once
	for range 98 {
		lists = append(lists, []*Diary{madeDiary(t, coreDiary)})
	}
	a := withDiaries(lists...)
	html := diaryHTML(t, a)
	if html != diaryHTML(t, a) {
		t.Error("another page the second time")
	}
	page := parseDiaries(t, html)
	ids, open := map[string]bool{}, 0
	var sections []string
	page.every(func(n *diaryElement) {
		if id := n.attr["id"]; id != "" {
			if ids[id] {
				t.Errorf("%s twice", id)
			}
			ids[id] = true
		}
		if n.name == "section" {
			sections = append(sections, n.attr["id"])
			if _, ok := n.child(0).attr["open"]; ok {
				open++
			}
		}
	})
	if len(sections) != 100 || sections[99] != "diary-100" || open != unfolded {
		t.Errorf("%d sections, %d open", len(sections), open)
	}
	page.every(func(n *diaryElement) {
		if to := strings.TrimPrefix(n.attr["href"], "#"); to != "" && !ids[to] && !strings.HasPrefix(to, "r") {
			t.Errorf("a link to %s, which is nowhere", to)
		}
	})
	views := a.diaryViews()
	if o := views[0].Others; len(o) != 1 || o[0].ID != "diary-2" || views[0].Alone || len(views[2].Others) != 0 {
		t.Errorf("other files %+v, %+v", views[0].Others, views[2].Others)
	}
	if got := new(Analysis).diaryViews(); got != nil {
		t.Errorf("views of nothing: %+v", got)
	}
}

// TestDiaryFields looks at how values are shown.
func TestDiaryFields(t *testing.T) {
	const text = `activityId {80000012-0003-F600-B63F-84710C7967BB}
date 2026-03-04
09:00:00.000 X Long=LONG Lines="a: b\r\nc: d\r\n\r\n" Empty= ErrorCode=87 InternetStatus=2097152 "Context ID={80000012-0003-F600-B63F-84710C7967BB}"
09:00:00.000 FILTER_END NotificationStatus=1
09:00:00.000 NOTIFY_MODULE_END Notification=32768 NotificationStatus=1 ErrorCode=-2147012894`
	for name, want := range map[string]diaryField{
		"0 ContextId":          {Value: "{80000012-0003-F600-B63F-84710C7967BB}", Same: true},
		"0 Long":               {Value: strings.Repeat("y", 700), Folded: "700 characters"},
		"0 Lines":              {Lines: "a: b\nc: d"},
		"0 Empty":              {},
		"0 ErrorCode":          {Value: "87", Meaning: "ERROR_INVALID_PARAMETER"},
		"0 InternetStatus":     {Value: "2097152", Meaning: "REQUEST_ERROR"},
		"1 NotificationStatus": {Value: "1"},
		"2 Notification":       {Value: "32768", Meaning: "0x8000"},
		"2 NotificationStatus": {Value: "1", Meaning: "PENDING"},
		"2 ErrorCode":          {Value: "-2147012894", Meaning: "0x80072EE2 ERROR_WINHTTP_TIMEOUT"},
	} {
		v := withDiaries([]*Diary{madeDiary(t, strings.ReplaceAll(text, "LONG", strings.Repeat("y", 700)))}).diaryViews()[0]
		var event int
		fmt.Sscanf(name, "%d %s", &event, &want.Name)
		at := slices.IndexFunc(v.Events[event].Fields, func(f diaryField) bool { return f.Name == want.Name })
		if at < 0 || v.Events[event].Fields[at] != want {
			t.Errorf("%s: %+v, want %+v", name, v.Events[event].Fields, want)
		}
	}
}

func TestDiarySpan(t *testing.T) {
	if got := cmp.Compare(diarySpan(1, 1<<62), 0); got != 1 || diarySpan(1<<62, 1) >= 0 {
		t.Error("a time too far away")
	}
}
