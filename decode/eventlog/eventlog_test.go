package eventlog_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/unicode"

	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/decode/eventlog/eventlogtest"
	"github.com/etwhy/etwhy/etl"
)

// samples is where real files lie, on machines that have them.
const samples = "../../../shared/samples"

// sample returns a real file, or skips the test.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(samples, name))
	if os.IsNotExist(err) && os.Getenv("ETWHY_SAMPLES") != "required" {
		t.Skip("no samples")
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func testFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// read returns all entries, and the reader.
func read(t testing.TB, data []byte, o eventlog.Options) ([]*eventlog.Entry, *eventlog.Reader) {
	t.Helper()
	r := eventlog.NewReader(bytes.NewReader(data), int64(len(data)), o)
	var list []*eventlog.Entry
	for e, err := range r.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e.Clone())
	}
	return list, r
}

func export(t testing.TB, text string) []byte {
	t.Helper()
	data, err := eventlogtest.XML(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func at(s string) etl.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return etl.FromTime(t)
}

func kinds(r *eventlog.Reader) (list []string) {
	for _, a := range r.Anomalies() {
		list = append(list, a.Kind.String())
	}
	return list
}

const ns = ` xmlns="http://schemas.microsoft.com/win/2004/08/events/event"`

func TestRecognise(t *testing.T) {
	const traced = `<System><Provider Name="Microsoft-Windows-WebIO" Guid="{50b3e73c-9370-461d-bb9f-26f32d68887d}"/><EventID>100</EventID>` +
		`<TimeCreated SystemTime="2026-03-05T09:12:21Z"/><Correlation ActivityID="{80000001-0000-0000-0000-000000000000}"/>` +
		`<Execution ProcessID="4" ThreadID="8" ProcessorID="0" KernelTime="1" UserTime="0"/>%s<Computer/></System><RenderingInfo Culture="en-US"/>`
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes(testFile(t, "rendered.xml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, text string
		want       eventlog.Form
	}{
		{"evtx", "ElfFile\x00\x00\x00", eventlog.EVTX},
		{"export", string(testFile(t, "rendered.xml")), eventlog.XML},
		{"export in UTF-16", string(utf16), eventlog.XML},
		{"export in UTF-16 without mark", string(utf16[2:]), eventlog.XML},
		{"made", string(export(t, "2026-03-05T09:14:07Z Microsoft-Windows-WAS 5002 warning AppPoolID=Shop")), eventlog.XML},
		{"lone event", "\uFEFF<!-- a --><Event" + ns + "><System><Provider Name='x'/><EventID>1</EventID><EventRecordID>7</EventRecordID></System></Event>", eventlog.XML},
		{"cut in the first event", "<Events><Event" + ns + "><System><Provider Name='x'/><EventID>1</EventID><EventRecordID>7</EventRecordID><Cha", eventlog.XML},
		{"namespace on the root", "<Events" + ns + "><Event><System><Provider Name='x'/><EventRecordID>7</EventRecordID></System></Event>", eventlog.XML},
		{"App Service", string(testFile(t, "appservice.xml")), eventlog.AppService},
		{"App Service, bare", "<Events><Event><System><Provider Name='ASP.NET'/><EventID>1</EventID></System></Event>", eventlog.AppService},
		{"csv", string(testFile(t, "export.csv")), eventlog.CSV},
		{"german csv", string(testFile(t, "german.csv")), eventlog.CSV},
		{"trace", "<Events><Event" + ns + ">" + fmt.Sprintf(traced, "<Channel/>") + "</Event></Events>", eventlog.Unknown},
		{"trace with channel", "<Events><Event" + ns + ">" + fmt.Sprintf(traced, "<Channel>Microsoft-Windows-WebIO/Diagnostic</Channel>") + "</Event></Events>", eventlog.Unknown},
		{"trace without namespace", "<Events><Event>" + fmt.Sprintf(traced, "") + "</Event></Events>", eventlog.Unknown},
		{"failed request trace", "<failedRequest url='http://x/'><Event" + ns + "><System><Provider Name='WWW Server'/><EventID>0</EventID></System></Event>", eventlog.Unknown},
		{"no events", "<Events></Events>", eventlog.Unknown},
		{"html", "<!DOCTYPE html><html><Event>", eventlog.Unknown},
		{"document type without end", "<!DOCTYPE a [", eventlog.Unknown},
		{"other csv", "time,a,b,c,d\n2026-03-05 09:14:07,x,y,z,w\n", eventlog.Unknown},
		{"perfmon", "\"(PDH-CSV 4.0)\",\"\\\\WEB\\a\",\"b\",\"c\",\"d\"\n\"03/05/2026 09:14:07.123\",\"1\",\"2\",\"3\",\"4\"\n", eventlog.Unknown},
		{"log", "#Fields: date time s-ip\n2026-03-05 09:14:07 10.0.0.1\n", eventlog.Unknown},
		{"empty", "", eventlog.Unknown},
	} {
		got, ok := eventlog.Recognise([]byte(test.text))
		if got != test.want || ok != (test.want != eventlog.Unknown) {
			t.Errorf("%s: %v, %v; want %v", test.name, got, ok, test.want)
		}
	}
}

func TestSamplesOfOthers(t *testing.T) {
	for _, name := range []string{"freb/fr000001.xml", "freb/fr000005.xml", "iis/iis10.log", "text/netsh_convert_txt_format.txt"} {
		if form, ok := eventlog.Recognise(sample(t, name)); ok {
			t.Errorf("%s: %v", name, form)
		}
	}
}

func TestXML(t *testing.T) {
	want := []*eventlog.Entry{
		{Time: at("2026-03-05T09:12:21.0246158Z"), Computer: "WEB02", Provider: "Microsoft-Windows-WAS", Channel: "System", ID: 5011, Level: 3,
			Record: 221001, Fields: []eventlog.Field{{"AppPoolID", "Shop & Söhne"}, {"ProcessID", "4528"}}, Binary: []byte{0x6D, 0, 7, 0x80},
			Message: `Der Prozess "4528" des Anwendungspools "Shop & Söhne" hat die Verbindung verloren.`},
		{Time: at("2026-03-05T09:13:00.5Z"), Computer: "WEB02", Provider: "Microsoft-Windows-Eventlog", Channel: "System", ID: 104, Level: 4,
			Record: 221002, PID: 1016, TID: 4456, Fields: []eventlog.Field{{"SubjectUserName", "SYSTEM"}, {"Channel", "Setup"}, {"BackupPath", ""}}, Binary: []byte{}},
	}
	data := testFile(t, "rendered.xml")
	for name, encode := range map[string]func([]byte) []byte{
		"UTF-8":             func(b []byte) []byte { return b },
		"mark":              func(b []byte) []byte { return append([]byte("\uFEFF"), b...) },
		"UTF-16LE":          utf16(unicode.LittleEndian, unicode.UseBOM),
		"UTF-16BE":          utf16(unicode.BigEndian, unicode.UseBOM),
		"UTF-16LE, no mark": utf16(unicode.LittleEndian, unicode.IgnoreBOM),
		"UTF-16BE, no mark": utf16(unicode.BigEndian, unicode.IgnoreBOM),
		"single quotes":     func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`'`), []byte(`"`)) },
		"lines":             func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(`><`), []byte(">\r\n  <")) },
		"prefix":            prefix,
	} {
		got, r := read(t, encode(data), eventlog.Options{})
		for _, e := range got {
			e.Offset = 0
			if name == "lines" {
				for i := range e.Fields {
					e.Fields[i].Value = strings.TrimSpace(e.Fields[i].Value)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if len(r.Anomalies()) > 0 || r.Form() != eventlog.XML {
			t.Errorf("%s: %v, %v", name, r.Form(), r.Anomalies())
		}
	}
}

func utf16(e unicode.Endianness, p unicode.BOMPolicy) func([]byte) []byte {
	return func(b []byte) []byte {
		out, err := unicode.UTF16(e, p).NewEncoder().Bytes(b)
		if err != nil {
			panic(err)
		}
		return out
	}
}

// prefix puts a prefix before the names inside of events.
func prefix(b []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("<Data"), []byte("<e:Data")), []byte("</Data"), []byte("</e:Data"))
}

func TestAppService(t *testing.T) {
	got, r := read(t, testFile(t, "appservice.xml"), eventlog.Options{})
	if len(got) != 2 || r.Form() != eventlog.AppService || len(r.Anomalies()) > 0 {
		t.Fatalf("%d entries, %v, %v", len(got), r.Form(), r.Anomalies())
	}
	for i, want := range []eventlog.Fact{
		{Kind: eventlog.AppCrash, Time: at("2026-03-05T09:12:19Z"), Computer: "RD0003FF000001", Code: 0xe0434352, Detail: "/LM/W3SVC/1234567/ROOT"},
		{Kind: eventlog.RequestException, Time: at("2026-03-05T09:12:20Z"), Computer: "RD0003FF000001", PID: 5236, Image: "w3wp.exe", Detail: "SqlException"},
	} {
		if f, _ := got[i].Fact(); f != want {
			t.Errorf("%+v\nwant %+v", f, want)
		}
	}
}

func TestCSV(t *testing.T) {
	for _, test := range []struct {
		file string
		want []eventlog.Fact
	}{
		{"export.csv", []eventlog.Fact{
			{Kind: eventlog.Crash, Time: at("2026-03-05T10:12:21Z"), Local: true, Pool: "Shop", PID: 4528},
			{Kind: eventlog.ServiceState, Time: at("2026-03-25T14:12:21Z"), Local: true},
		}},
		{"german.csv", []eventlog.Fact{
			{Kind: eventlog.Crash, Time: at("2026-03-05T10:12:19Z"), Local: true, PID: 0x1a2c, Image: "w3wp.exe", Module: "KERNELBASE.dll", Code: 0xe0434352},
			{Kind: eventlog.Crash, Time: at("2026-03-05T10:12:21Z"), Local: true, Pool: "Shop", PID: 6700, Code: 0xe0434352},
		}},
	} {
		list, r := read(t, testFile(t, test.file), eventlog.Options{})
		var got []eventlog.Fact
		for _, e := range list {
			f, _ := e.Fact()
			got = append(got, f)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.file, diff)
		}
		if c := r.Coverage(); len(r.Anomalies()) > 0 || !c.Local || c.Covers(test.want[0].Time) {
			t.Errorf("%s: %v %+v", test.file, r.Anomalies(), c)
		}
	}
	if list, _ := read(t, testFile(t, "export.csv"), eventlog.Options{}); !strings.Contains(list[0].Message, "The \"data field\" has the number,\r\nsee there.") {
		t.Errorf("%q", list[0].Message)
	}
}

func TestLocalTimes(t *testing.T) {
	for _, test := range []struct {
		text, want string
		unclear    bool
	}{
		{"3/5/2026 2:12:21 PM", "2026-03-05T14:12:21Z", true},
		{"3/25/2026 12:12:21 AM", "2026-03-25T00:12:21Z", false},
		{"25/3/2026 12:12:21 PM", "2026-03-25T12:12:21Z", false},
		{"05/03/2026 14:12:21", "2026-03-05T14:12:21Z", true},
		{"05.03.2026 14:12:21", "2026-03-05T14:12:21Z", false},
		{"05-03-2026 14:12:21", "2026-03-05T14:12:21Z", false},
		{"2026-03-05 14:12:21", "2026-03-05T14:12:21Z", false},
		{"2026/3/5 14:12:21", "2026-03-05T14:12:21Z", false},
		{"2026-03-05 오후 2:12:21", "2026-03-05T14:12:21Z", false},
		{"2026/3/5 下午 02:12:21", "2026-03-05T14:12:21Z", false},
		{"\u200e3/\u200e5/\u200e2026 2:12:21 PM", "2026-03-05T14:12:21Z", true},
		{"5. 3. 2026 14:12:21", "2026-03-05T14:12:21Z", false},
		{"3/3/2026 2:12:21 a. m.", "2026-03-03T02:12:21Z", false},
	} {
		data := []byte("A,B,C,D,E\r\nx," + test.text + ",Tcpip,4231,y,z\r\n")
		list, r := read(t, data, eventlog.Options{})
		if len(list) != 1 {
			t.Errorf("%q: %d entries", test.text, len(list))
			continue
		}
		if got := list[0].Time; got != at(test.want) {
			t.Errorf("%q: %v, want %s", test.text, got, test.want)
		}
		if unclear := len(r.Anomalies()) > 0; unclear != test.unclear {
			t.Errorf("%q: %v", test.text, r.Anomalies())
		}
	}
	// A later row tells the order of all.
	list, r := read(t, []byte("A,B,C,D,E\nx,5/3/2026 14:12:21,Tcpip,4231,y\nx,3/25/2026 14:12:21,Tcpip,4231,y\n"), eventlog.Options{})
	if len(list) != 2 || list[0].Time != at("2026-05-03T14:12:21Z") || len(r.Anomalies()) > 0 {
		t.Errorf("%v %v", list[0].Time, r.Anomalies())
	}
}

const story = `
computer WEB02
channel Application
2026-03-05T09:12:19Z "Application Error" 1000 error w3wp.exe 10.0.20348.1 5f2e KERNELBASE.dll 10.0.20348.1 abcd e0434352 0000000000034b59 1a2c
channel System
2026-03-05T09:12:21Z Microsoft-Windows-WAS 5011 warning AppPoolID=Shop ProcessID=6700
2026-03-05T09:14:07.123Z Microsoft-Windows-WAS 5002 warning AppPoolID=Shop
2026-03-05T09:20:00Z Microsoft-Windows-WAS 9999 information
`

func TestChoice(t *testing.T) {
	data := export(t, story)
	for _, test := range []struct {
		name string
		o    eventlog.Options
		want int
	}{
		{"all", eventlog.Options{}, 4},
		{"known", eventlog.Options{Keep: eventlog.Known}, 3},
		{"from", eventlog.Options{From: at("2026-03-05T09:12:21Z")}, 3},
		{"to", eventlog.Options{To: at("2026-03-05T09:12:21Z")}, 2},
		{"both", eventlog.Options{From: at("2026-03-05T09:12:21Z"), To: at("2026-03-05T09:15:00Z"), Keep: eventlog.Known}, 2},
	} {
		list, r := read(t, data, test.o)
		if len(list) != test.want {
			t.Errorf("%s: %d entries, want %d", test.name, len(list), test.want)
		}
		if c := r.Coverage(); c.Entries != 4 || c.First != at("2026-03-05T09:12:19Z") || c.Last != at("2026-03-05T09:20:00Z") {
			t.Errorf("%s: coverage %+v", test.name, c)
		}
	}
	_, r := read(t, data, eventlog.Options{})
	for clock, want := range map[string]bool{"09:12:18": false, "09:12:19": true, "09:18:00": true, "09:18:01": false} {
		if got := r.Coverage().Covers(at("2026-03-05T" + clock + "Z")); got != want {
			t.Errorf("covers %s: %v", clock, got)
		}
	}
	// What a local clock says may be meant.
	csv := testFile(t, "export.csv")
	if list, _ := read(t, csv, eventlog.Options{From: at("2026-03-05T20:00:00Z"), To: at("2026-03-06T00:00:00Z")}); len(list) != 1 {
		t.Errorf("local times: %d entries", len(list))
	}
}

func TestStop(t *testing.T) {
	data := export(t, story)
	r := eventlog.NewReader(bytes.NewReader(data), int64(len(data)), eventlog.Options{})
	for range r.Entries() {
		break
	}
	if n := r.Coverage().Entries; n != 1 {
		t.Errorf("%d entries were read", n)
	}
}

type broken struct{ io.ReaderAt }

func (b broken) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > 100<<10 {
		return 0, io.ErrClosedPipe
	}
	return b.ReaderAt.ReadAt(p, off)
}

func TestReadError(t *testing.T) {
	data := export(t, strings.Repeat(story, 200))
	r := eventlog.NewReader(broken{bytes.NewReader(data)}, int64(len(data)), eventlog.Options{Name: "a.xml"})
	var last error
	for e, err := range r.Entries() {
		if last = err; err != nil && e != nil {
			t.Error("entry with an error")
		}
	}
	if last == nil || !strings.Contains(last.Error(), "a.xml") {
		t.Errorf("error %v", last)
	}
}

func TestLocaleFile(t *testing.T) {
	for name, want := range map[string]string{
		"wcmlog_1033.mta": "wcmlog 1033", `LocaleMetaData\System_1031.MTA`: "System 1031", "a/b_c_1033.mta": "b_c 1033",
		"System.evtx": "", "x.mta": "", "_1.mta": "", "x_y.mta": "", "x_99999.mta": "",
	} {
		log, language, ok := eventlog.LocaleFile(name)
		got := ""
		if ok {
			got = fmt.Sprint(log, " ", language)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func ExampleReader() {
	file, err := os.Open("testdata/rendered.xml")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		fmt.Println(err)
		return
	}
	r := eventlog.NewReader(file, info.Size(), eventlog.Options{Keep: eventlog.Known})
	for e, err := range r.Entries() {
		if err != nil {
			fmt.Println(err)
			break
		}
		if f, ok := e.Fact(); ok {
			fmt.Printf("%s %s: process %d of pool %q, %#x\n", e.Time, f.Kind, f.PID, f.Pool, f.Code)
		}
	}
	// Output:
	// 2026-03-05T09:12:21.0246158Z crash: process 4528 of pool "Shop & Söhne", 0x8007006d
}
