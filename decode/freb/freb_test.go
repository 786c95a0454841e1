package freb_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf16"

	"github.com/etwhy/etwhy/decode/cursor"
	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/decode/freb/frebtest"
	"github.com/etwhy/etwhy/etl"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// made returns the file that testdata/name.txt describes.
func made(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := frebtest.XML(string(text))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return file
}

func cases(t testing.TB) (names []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".txt"))
	}
	return names
}

// sample returns a real file; tests that need it are skipped without, unless ETWHY_SAMPLES=required.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "samples", "freb", name))
	if err != nil {
		if os.Getenv("ETWHY_SAMPLES") == "required" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return file
}

// result is all that a file yields.
type result struct {
	header    freb.Header
	events    []freb.Event
	anomalies []freb.Anomaly
}

func read(t testing.TB, r io.Reader) (res result, err error) {
	t.Helper()
	trace, err := freb.NewReader(r)
	if err != nil {
		return res, err
	}
	res.header = trace.Header()
	for ev, err := range trace.Events() {
		if err != nil {
			return res, err
		}
		kept := *ev
		kept.Fields = slices.Clone(ev.Fields)
		res.events = append(res.events, kept)
	}
	res.anomalies = trace.Anomalies()
	if trace.Count() != len(res.events) {
		t.Errorf("Count is %d after %d events", trace.Count(), len(res.events))
	}
	return res, nil
}

func request(t testing.TB, file []byte) *freb.Request {
	t.Helper()
	trace, err := freb.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	r, err := trace.Request()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// dump writes a request as lines, leaving out what is zero.
func dump(r *freb.Request) string {
	var b strings.Builder
	var walk func(indent, name string, v reflect.Value)
	walk = func(indent, name string, v reflect.Value) {
		if v.Kind() == reflect.Pointer && !v.IsNil() {
			v = v.Elem()
		}
		if v.IsZero() {
			return
		}
		if s, ok := v.Interface().(fmt.Stringer); ok {
			fmt.Fprintf(&b, "%s%s: %s\n", indent, name, s)
			return
		}
		switch v.Kind() {
		case reflect.Struct:
			fmt.Fprintf(&b, "%s%s:\n", indent, name)
			for i := range v.NumField() {
				walk(indent+"  ", v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(indent, fmt.Sprintf("%s[%d]", name, i), v.Index(i))
			}
		case reflect.Uint32:
			fmt.Fprintf(&b, "%s%s: %d (%#x)\n", indent, name, v.Uint(), v.Uint())
		default:
			fmt.Fprintf(&b, "%s%s: %v\n", indent, name, v)
		}
	}
	walk("", "Request", reflect.ValueOf(r))
	for _, m := range r.Modules() {
		fmt.Fprintf(&b, "module %s: %v in %d calls, %d open\n", m.Name, m.Own, m.Calls, m.Open)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for _, name := range cases(t) {
		t.Run(name, func(t *testing.T) {
			got := dump(request(t, made(t, name)))
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// The conclusions that verdicts rest on, said once more apart from the golden files.
func TestConclusions(t *testing.T) {
	tests := []struct {
		name    string
		module  string // that set the final status; "" = none
		status  string
		by      freb.Forwarder
		server  string
		phase   freb.Phase
		waited  time.Duration
		code    uint32
		partial bool
		slowest string
	}{
		{"arr-timeout", "ApplicationRequestRouting", "502.3", freb.ARR, "192.0.2.216", freb.Routed, 29857 * time.Millisecond, 0x80072ee2, false, "ApplicationRequestRouting"},
		{"arr-marks", "ApplicationRequestRouting", "502.3", freb.ARR, "web2", freb.ReceivingBody, 3062 * time.Millisecond, 0x80072efe, false, "ApplicationRequestRouting"},
		{"arr-noserver", "ApplicationRequestRouting", "502.4", freb.ARR, "", freb.Routing, 0, 0, false, "ApplicationRequestRouting"},
		{"content-server", "", "200.0", freb.NoForwarder, "", freb.NotForwarded, 0, 0, false, "ManagedPipelineHandler"},
		{"ancm-timeout", "AspNetCoreModule", "502.3", freb.ANCM, "", freb.AwaitingHeaders, 122001 * time.Millisecond, 0x80072ee2, false, "AspNetCoreModule"},
		{"filtered", "RequestFilteringModule", "404.7", freb.NoForwarder, "", freb.NotForwarded, 0, 0, false, "RequestFilteringModule"},
		{"cut", "", "200", freb.ARR, "192.0.2.216", freb.ReceivingBody, 0, 0, true, "ApplicationRequestRouting"},
	}
	if len(tests) != len(cases(t)) {
		t.Errorf("%d tests for %d cases", len(tests), len(cases(t)))
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request(t, made(t, tt.name))
			module := ""
			if f := r.Failure(); f != nil {
				module = f.Module
			}
			var fw freb.Forward
			if f := r.Forward(); f != nil {
				fw = *f
			}
			if module != tt.module || r.Status.String() != tt.status || r.Partial() != tt.partial || r.Modules()[0].Name != tt.slowest {
				t.Errorf("module %q, status %s, partial %v, slowest %s; want %+v", module, r.Status, r.Partial(), r.Modules()[0].Name, tt)
			}
			if fw.By != tt.by || fw.Server != tt.server || fw.Phase != tt.phase || fw.Waited() != tt.waited || fw.Code != tt.code {
				t.Errorf("forward %+v waited %v; want %+v", fw, fw.Waited(), tt)
			}
		})
	}
	arr, server := request(t, made(t, "arr-timeout")), request(t, made(t, "content-server"))
	if id := arr.Forwarded.LogID(); id == "" || id != server.Received.LogID() {
		t.Errorf("identifiers %q and %q do not join", id, server.Received.LogID())
	}
	if arr.Client != server.Received.Get("x-forwarded-for") {
		t.Errorf("client %q, forwarded for %q", arr.Client, server.Received.Get("x-forwarded-for"))
	}
	if server.Flush.Code != 0x800704cd {
		t.Errorf("flush code %#x", server.Flush.Code)
	}
	if marks := request(t, made(t, "arr-marks")); !marks.Failure().Late || len(marks.Forwards) != 2 || marks.Forwards[0].Phase != freb.Forwarding {
		t.Errorf("late failure or first attempt not told: %+v", marks.Forwards)
	}
}

func TestSecrets(t *testing.T) {
	got := dump(request(t, made(t, "arr-timeout")))
	for _, secret := range []string{"5ecret", "dXNlcjpodW50ZXIy", "ARRAffinity"} {
		if strings.Contains(got, secret) {
			t.Errorf("%q is kept", secret)
		}
	}
	own, err := frebtest.XML("12:00:00.000 GENERAL_REQUEST_HEADERS Headers=\"Farm-Id: 77\\r\\nX-ARR-LOG_ID: 5\\r\\n\"")
	if err != nil {
		t.Fatal(err)
	}
	trace, err := freb.NewReader(bytes.NewReader(own))
	if err != nil {
		t.Fatal(err)
	}
	r, err := trace.Request("farm-id")
	if id := r.Received.LogID("farm-id"); err != nil || id != "77" || r.Received.LogID() != "5" {
		t.Errorf("identifier %q, %v", id, err)
	}
}

func TestRealFiles(t *testing.T) {
	for name, want := range map[string]struct {
		events int
		header freb.Header
		client string
		sent   uint64
		took   time.Duration
		calls  int
	}{
		"fr000001.xml": {285, freb.Header{
			URL: "http://localhost:80/test1.aspx", Verb: "GET", Site: 1, AppPool: "DefaultAppPool", PID: 8588,
			TokenUser: `NT AUTHORITY\IUSR`, AuthType: "anonymous", Activity: etl.MustParseGUID("800000B0-0001-B100-B63F-84710C7967BB"),
			FailureReason: "STATUS_CODE", Status: freb.Status{Code: 200}, TriggerStatus: freb.Status{Code: 200}, TimeTaken: 140 * time.Millisecond, Timed: true,
		}, "[::1]:26361", 420, 140 * time.Millisecond, 49},
		"fr000005.xml": {121, freb.Header{
			URL: "http://localhost:80/iisstart.htm", Verb: "GET", Site: 1, AppPool: "DefaultAppPool", PID: 8588,
			TokenUser: `NT AUTHORITY\IUSR`, AuthType: "anonymous", Activity: etl.MustParseGUID("800000B4-0001-B100-B63F-84710C7967BB"),
			FailureReason: "STATUS_CODE", Status: freb.Status{Code: 200}, TriggerStatus: freb.Status{Code: 200}, TimeTaken: 0, Timed: true,
		}, "[::1]:26361", 896, 0, 37},
	} {
		t.Run(name, func(t *testing.T) {
			file := sample(t, name)
			res, err := read(t, bytes.NewReader(file))
			if err != nil || len(res.anomalies) > 0 || len(res.events) != want.events {
				t.Fatalf("%d events, %v, %v", len(res.events), res.anomalies, err)
			}
			if diff := cmp.Diff(want.header, res.header); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if n := bytes.Count(file, []byte("<Data ")); n != fields(res.events) {
				t.Errorf("%d fields of %d", fields(res.events), n)
			}
			if n := bytes.Count(file, []byte("<freb:Description ")); n != descriptions(res.events) {
				t.Errorf("%d descriptions of %d", descriptions(res.events), n)
			}
			for _, ev := range res.events {
				if ev.Activity != res.header.Activity || ev.PID != res.header.PID || ev.Time.IsZero() || ev.Name == "" ||
					ev.Computer != "DOMINION" || !bytes.HasPrefix(file[ev.Offset:], []byte("<Event ")) {
					t.Fatalf("%+v", ev)
				}
				bare := ev // names come from class and number as well
				bare.Name = ""
				if effect := freb.Canonical(&bare); effect != "" && effect != ev.Name {
					t.Errorf("%s is taken for %s", ev.Name, effect)
				}
			}
			r := request(t, file)
			if r.Partial() || r.Client != want.client || r.BytesSent != want.sent || r.Duration() != want.took || len(r.Calls) != want.calls {
				t.Errorf("partial %v, client %s, sent %d, took %v, %d calls", r.Partial(), r.Client, r.BytesSent, r.Duration(), len(r.Calls))
			}
			var own time.Duration
			for _, m := range r.Modules() {
				own += m.Own
				if m.Open > 0 {
					t.Errorf("%s has calls without end", m.Name)
				}
			}
			if own > r.Duration() {
				t.Errorf("modules took %v of %v", own, r.Duration())
			}
		})
	}
}

func fields(events []freb.Event) (n int) {
	for _, ev := range events {
		n += len(ev.Fields)
	}
	return n
}

func descriptions(events []freb.Event) (n int) {
	for _, ev := range events {
		for _, f := range ev.Fields {
			if f.Text != "" {
				n++
			}
		}
	}
	return n
}

// Reading byte by byte, and in UTF-16, yields the same.
func TestForms(t *testing.T) {
	for _, name := range cases(t) {
		file := made(t, name)
		want, err := read(t, bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		for form, r := range map[string]io.Reader{
			"byte by byte":  iotest.OneByteReader(bytes.NewReader(file)),
			"UTF-8 BOM":     bytes.NewReader(append([]byte("\xef\xbb\xbf"), file...)),
			"UTF-16LE":      bytes.NewReader(wide(file, binary.LittleEndian)),
			"UTF-16BE BOM":  bytes.NewReader(append([]byte{0xfe, 0xff}, wide(file, binary.BigEndian)...)),
			"UTF-16LE BOM":  iotest.HalfReader(bytes.NewReader(append([]byte{0xff, 0xfe}, wide(file, binary.LittleEndian)...))),
			"without CR":    bytes.NewReader(bytes.ReplaceAll(file, []byte("\r"), nil)),
			"undeclared":    bytes.NewReader(bytes.Replace(file, []byte("xmlns:freb"), []byte("xmlns:x"), 1)),
			"as attributes": bytes.NewReader(bytes.ReplaceAll(file, []byte(`"`), []byte(`'`))),
		} {
			got, err := read(t, r)
			if moved := map[string]bool{"UTF-8 BOM": true, "without CR": true, "undeclared": true}; moved[form] && err == nil {
				if form == "UTF-8 BOM" && got.events[0].Offset != want.events[0].Offset+3 {
					t.Errorf("%s: the first event is at %d", form, got.events[0].Offset)
				}
				for i := range got.events {
					got.events[i].Offset = want.events[i].Offset
				}
				for i := range got.anomalies {
					got.anomalies[i].Offset = want.anomalies[i].Offset
				}
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); err != nil || diff != "" {
				t.Errorf("%s, %s: %v\n%s", name, form, err, diff)
			}
		}
	}
}

func wide(b []byte, order binary.AppendByteOrder) (w []byte) {
	for _, u := range utf16.Encode([]rune(string(b))) {
		w = order.AppendUint16(w, u)
	}
	return w
}

func TestRecognise(t *testing.T) {
	file := made(t, "cut")
	for name, tt := range map[string]struct {
		head []byte
		want bool
	}{
		"head":             {file[:200], true},
		"inside the tag":   {file[:bytes.Index(file, []byte("<failedRequest"))+14], true},
		"inside the name":  {file[:bytes.Index(file, []byte("<failedRequest"))+9], false},
		"UTF-16":           {wide(file[:200], binary.LittleEndian), true},
		"with a comment":   {append([]byte("<!-- fr -->\n"), file...), true},
		"other XML":        {[]byte(`<Events><Event/></Events>`), false},
		"a log":            {[]byte("#Software: Microsoft Internet Information Services 8.5\r\n"), false},
		"nothing":          {nil, false},
		"name inside text": {[]byte("see <failedRequest url=''>"), false},
	} {
		if got := freb.Recognise(tt.head); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestStatus(t *testing.T) {
	for s, want := range map[string]freb.Status{
		"404": {Code: 404}, "404.7": {Code: 404, Sub: 7, HasSub: true}, "401.503": {Code: 401, Sub: 503, HasSub: true}, "500.0": {Code: 500, HasSub: true},
	} {
		if got, ok := freb.ParseStatus(s); !ok || got != want || got.String() != s {
			t.Errorf("%s: %+v %v", s, got, ok)
		}
	}
	for _, s := range []string{"", ".", "404.", "404.x", "-1", "70000", "404.70000", "4 04"} {
		if got, ok := freb.ParseStatus(s); ok || got != (freb.Status{}) {
			t.Errorf("%q: %+v", s, got)
		}
	}
}

// The same events from ETW, mixed with those of other requests, give the same requests.
func TestCollector(t *testing.T) {
	want := map[etl.GUID]*freb.Request{}
	var mixed []freb.Event
	for _, name := range cases(t) {
		file := made(t, name)
		res, err := read(t, bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		r := request(t, file)
		if name == "cut" {
			r.Status = freb.Status{} // only the root element tells it
		}
		r.Header, r.Computer = nil, ""
		for i := range r.Failures {
			r.Failures[i].Offset = 0
		}
		for i := range r.Calls {
			r.Calls[i].Offset = 0
		}
		for i := range r.Notes {
			r.Notes[i].Offset = 0
		}
		want[r.Activity] = r
		for _, ev := range res.events {
			mixed = append(mixed, freb.Event{ // what a decoder of classic events has
				Time: ev.Time, Provider: ev.Provider, Name: "IIS/" + ev.Name, PID: ev.PID, TID: ev.TID, Level: ev.Level, Fields: ev.Fields,
			})
		}
	}
	slices.SortStableFunc(mixed, func(a, b freb.Event) int { return int(a.Time - b.Time) })
	c := freb.NewCollector()
	got := map[etl.GUID]*freb.Request{}
	for i := range mixed {
		if r := c.Add(&mixed[i]); r != nil {
			got[r.Activity] = r
		}
	}
	if len(got) != len(want)-1 {
		t.Errorf("%d requests ended", len(got))
	}
	for r := range c.Finish() {
		got[r.Activity] = r
	}
	for id, w := range want {
		if w.Site != 0 && w.NoEnd { // the root element's
			w.Verb = got[id].Verb
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if r := c.Add(&freb.Event{Name: "GENERAL_REQUEST_END"}); r != nil {
		t.Error("a request without identifier")
	}
}

func TestCalls(t *testing.T) {
	file, err := frebtest.XML(`
activityId {80000017-0003-F600-B63F-84710C7967BB}
date 2026-03-04
12:00:00.000 > Outer 128
12:00:01.000 > Inner 536870912
12:00:03.000 < Inner 536870912
12:00:04.000 < Outer 128 1
12:00:05.000 > Inner 536870912
12:00:06.000 < Inner 536870912
12:00:08.000 NOTIFY_MODULE_COMPLETION ModuleName=Outer Notification=128 fIsPostNotificationEvent=false CompletionBytes=5 ErrorCode=64
12:00:09.000 > Next 256
12:00:10.000 < Next 256 2
12:00:11.000 > Left 512
12:00:12.000 > Silent 1024
12:00:13.000 < Silent 1024 1
12:00:15.000 > Last 2048p
12:00:16.000 < Last 2048p
12:00:17.000 < Stray 2048
`)
	if err != nil {
		t.Fatal(err)
	}
	type call struct {
		name   string
		depth  int
		all    time.Duration
		own    time.Duration
		async  bool
		finish bool
		code   uint32
	}
	var got []call
	for _, c := range request(t, file).Calls {
		got = append(got, call{fmt.Sprint(c.Module, " ", c.Notification, " ", c.Post), c.Depth, c.Duration(), c.Own, c.Async, c.Finished, c.Code})
	}
	want := []call{
		{"Outer EXECUTE_REQUEST_HANDLER false", 0, 8 * time.Second, 5 * time.Second, true, false, 64},
		{"Inner SEND_RESPONSE false", 1, 2 * time.Second, 2 * time.Second, false, false, 0},
		{"Inner SEND_RESPONSE false", 1, time.Second, time.Second, false, false, 0},
		{"Next RELEASE_REQUEST_STATE false", 0, time.Second, time.Second, false, true, 0},
		{"Left UPDATE_REQUEST_CACHE false", 0, 0, 0, false, false, 0},
		{"Silent LOG_REQUEST false", 1, 3 * time.Second, 3 * time.Second, true, false, 0},
		{"Last END_REQUEST true", 1, time.Second, time.Second, false, false, 0},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(call{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestNotFREB(t *testing.T) {
	for name, input := range map[string]string{
		"empty": "", "blank": " \r\n", "text": "hello", "other": "<Events/>", "end": "</failedRequest>",
		"cut comment": "<!-- ", "deep": strings.Repeat("<a>", 100_000), "binary": "\x00\x01\x02\x03", "lone <": "<",
	} {
		_, err := freb.NewReader(strings.NewReader(input))
		var fe *cursor.FormatError
		if !errors.Is(err, freb.ErrFormat) || !errors.As(err, &fe) || fe.Offset < 0 || fe.Offset > int64(len(input)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := freb.NewReader(iotest.ErrReader(io.ErrClosedPipe)); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	trace, err := freb.NewReader(io.MultiReader(bytes.NewReader(made(t, "cut")), iotest.ErrReader(io.ErrClosedPipe)))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := trace.Request(); !errors.Is(err, io.ErrClosedPipe) || !r.SizeLimit {
		t.Errorf("%v after %d events", err, r.Events)
	}
}

func ExampleTrace_Request() {
	file, err := frebtest.XML(`
url http://shop.example.com/time/
date 2026-03-04
16:50:21.033 GENERAL_REQUEST_START RequestURL=http://shop.example.com/time/ RequestVerb=GET
16:50:21.033 ARR_SERVER_ROUTED RoutingReason=LoadBalancing Server=192.0.2.216 State=Active
16:50:50.890 MODULE_SET_RESPONSE_ERROR_STATUS ModuleName=ApplicationRequestRouting Notification=128 HttpStatus=502 HttpSubStatus=3 ErrorCode=2147954402
16:50:50.906 GENERAL_REQUEST_END HttpStatus=502 HttpSubStatus=3
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	trace, err := freb.NewReader(bytes.NewReader(file))
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := trace.Request()
	if err != nil {
		fmt.Println(err)
		return
	}
	f := r.Failure()
	fmt.Printf("%s %s: %s by %s in %s, %#x\n", r.Verb, r.URL, f.Status, f.Module, f.Notification, f.Code)
	fw := r.Forward()
	fmt.Printf("%s to %s: %s, %v without progress\n", fw.By, fw.Server, fw.Phase, fw.Waited())
	// Output:
	// GET http://shop.example.com/time/: 502.3 by ApplicationRequestRouting in EXECUTE_REQUEST_HANDLER, 0x80072ee2
	// ARR to 192.0.2.216: routed, 29.857s without progress
}

func TestText(t *testing.T) {
	for written, want := range map[string]string{
		"a&lt;b&gt;&amp;&quot;&apos;": `a<b>&"'`,
		"&#65;&#x42;&#x1F600;":        "AB\U0001F600",
		"&amp;lt;":                    "&lt;", // resolved once
		"a\r\nb\rc\n":                 "a\nb\nc\n",
		"&nope;&;&#;&#x;&#xZ;&":       "&nope;&;&#;&#x;&#xZ;&",
		"&#x110000;&#0;":              "&#x110000;&#0;",
		"&&#x41\x1b&lt;":              "&&#x41\x1b<",
		"x<![CDATA[<a>&lt;]]]>y":      "x<a>&lt;]y",
		"x<!-- no -->y<?no?>z":        "xyz",
		"\xff\xe4":                    "\ufffd",
		"":                            "",
	} {
		res, err := read(t, iotest.OneByteReader(strings.NewReader(head+`<Event><EventData><Data Name="A">`+written+`</Data></EventData></Event></failedRequest>`)))
		if err != nil || len(res.events) != 1 {
			t.Fatal(err, len(res.events))
		}
		if got := res.events[0].Value("A"); got != want {
			t.Errorf("%q is %q, want %q", written, got, want)
		}
	}
}

func TestFields(t *testing.T) {
	ev := freb.Event{Fields: []freb.Field{
		{Name: "Context ID", Value: "{}"}, {Name: "ResponseTime(ms)", Value: "12"}, {Name: "ErrorCode", Value: "-2147012894", Text: "late"},
		{Name: "Replace", Value: "True"}, {Name: "Mask", Value: "0x100"}, {Name: "errorcode", Value: "5"},
	}}
	if v := ev.Value("ContextId"); v != "{}" {
		t.Error(v)
	}
	if n, ok := ev.Uint("ResponseTime"); n != 12 || !ok {
		t.Error(n, ok)
	}
	if n, ok := ev.Uint("Mask"); n != 0x100 || !ok {
		t.Error(n, ok)
	}
	if code, text := ev.Code("ErrorCode"); code != 0x80072EE2 || text != "late" {
		t.Errorf("%#x %s", code, text)
	}
	if !ev.Bool("Replace") || ev.Bool("Mask") {
		t.Error("Bool")
	}
	for _, name := range []string{"Context", "ContextIdentifier", "Response", ""} {
		if f, ok := ev.Field(name); ok {
			t.Errorf("%q is %+v", name, f)
		}
	}
}

// TestRest reads what files hold beside what they usually do.
func TestRest(t *testing.T) {
	const file = `<failedRequest url="http://h/" ticket="7&amp;8" xmlns:freb="u" freb:note="x"><Event>` +
		`<EventData><Data Name="A">1</Data></EventData><RenderingInfo Culture="de-DE"><Opcode>NOTIFY_MODULE_START</Opcode>` +
		`<Keywords><Keyword>Cache</Keyword><Keyword>Module</Keyword></Keywords>` +
		`<freb:Description Data="B">two</freb:Description><freb:Description Data="A">one</freb:Description><freb:Description Data="A">eins</freb:Description>` +
		`</RenderingInfo></Event><Event><System><Level>2</Level></System><RenderingInfo><Opcode>ODD</Opcode></RenderingInfo></Event></failedRequest>`
	res, err := read(t, strings.NewReader(file))
	if err != nil || len(res.events) != 2 {
		t.Fatalf("%d events, %v", len(res.events), err)
	}
	if diff := cmp.Diff([]freb.Field{{Name: "ticket", Value: "7&8"}, {Name: "freb:note", Value: "x"}}, res.header.More); diff != "" || res.header.Timed {
		t.Errorf("timed %v, -want +got\n%s", res.header.Timed, diff)
	}
	ev := res.events[0]
	if ev.Culture != "de-DE" || ev.Area != "Cache, Module" || res.events[1].Culture != "" {
		t.Errorf("culture %q, area %q", ev.Culture, ev.Area)
	}
	if diff := cmp.Diff([]freb.Field{{Name: "A", Value: "1", Text: "one"}, {Name: "B", Text: "two"}, {Name: "A", Text: "eins"}}, ev.Fields); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	r := request(t, []byte(file))
	if len(r.Calls) != 1 || r.Calls[0].Offset != ev.Offset || len(r.Notes) != 1 || r.Notes[0].Offset != res.events[1].Offset {
		t.Errorf("calls %+v, notes %+v", r.Calls, r.Notes)
	}
}
