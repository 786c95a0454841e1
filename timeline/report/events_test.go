package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/etl/etltest"
)

// eventKeys are the names of "events -f ndjson", in order.
var eventKeys = []string{"time", "input", "cpu", "pid", "tid", "process", "provider", "provider_guid", "id", "version", "level",
	"opcode", "task", "keywords", "activity_id", "related_activity_id", "name", "fields", "message", "decoded_by", "reason", "raw", "request_id"}

// trace holds each sort of event that the writers treat in a way of its own.
const trace = `
log start=2026-03-02T12:31:52.9Z cpus=2 name=net
provider Acme-Shop {11111111-2222-3333-4444-555555555555}
process 1432 w3wp.exe parent=800
embed Acme-Shop/7 Who:UnicodeString="" Count:UInt32=0 message='%1 bought %2 of = and "x"'
+0.0001 cpu0 1432:2280 WebIO/17 act=0x20/0x1000 Request=0x1000 RequestHandle=0x20 Method=GET URI=http://bob:hunter2@192.168.0.216/time/
+0.0002 WebIO/100 act=0x20/0x1000 Request=0x1000 Headers="GET /time/ HTTP/1.1\r\nHost: 192.168.0.216\r\nCookie: sid=hunter2\r\nAuthorization: Basic hunter2\r\n\r\n"
+0.0003 WinHttp/100 UserName=bob Password=hunter2
+0.0012 cpu1 1432:2284 WebIO/202 act=0x20/0x1000 Connection=0x3000 Error=10060 RemainingAddressCount=0
+0.0013 Acme-Shop/7 Who:UnicodeString="=cmd" Count:UInt32=3
+0.0014 Acme-Shop/8 raw=0102030405
+0.0015 WebIO/202 act=0x20/0x1000 Connection=0x3000 Error=10060 extra=436f6f6b69653a2068756e746572320d0a41
+1.5    tlg Acme.Text Said Text:UnicodeString="Cookie: hunter2" Secret:Struct={Cookie:AnsiString=hunter2 N:Int32=1}
+1.6    tlg Acme.Bytes Sent Data:CountedBinary=text:Set-Cookie:hunter2
`

// events calls yield for each event of a log in time order.
func events(tb testing.TB, log []byte, yield func(*decode.Event)) {
	tb.Helper()
	l, err := etl.NewReader(bytes.NewReader(log), int64(len(log)))
	if err != nil {
		tb.Fatal(err)
	}
	d := decode.New(l.Header())
	for r, err := range l.Unordered(0, 1) {
		if err != nil {
			tb.Fatal(err)
		}
		d.Learn(r)
	}
	for r, err := range l.Records() {
		if err != nil {
			tb.Fatal(err)
		}
		if !decode.IsLogRecord(r) {
			yield(d.Decode(r))
		}
	}
}

// writeEvents writes all events of a log.
func writeEvents(tb testing.TB, log []byte, format string, opt Options) []byte {
	tb.Helper()
	var out bytes.Buffer
	w, err := NewEventWriter(&out, format, opt)
	if err != nil {
		tb.Fatal(err)
	}
	events(tb, log, func(ev *decode.Event) {
		row := EventRow{Event: ev, Input: "net.etl", Process: "w3wp.exe"}
		if !ev.Activity().IsZero() {
			row.Request = "r1"
		}
		if err := w.Write(row); err != nil {
			tb.Fatal(err)
		}
	})
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func compile(tb testing.TB, text string) []byte {
	tb.Helper()
	log, err := etltest.Compile(text)
	if err != nil {
		tb.Fatal(err)
	}
	return log
}

func TestEvents(t *testing.T) {
	log := compile(t, trace)
	for _, format := range Formats("events") {
		golden(t, "events/events."+format, writeEvents(t, log, format, Options{Redact: defaults()}))
	}
	golden(t, "events/events.120.table", writeEvents(t, log, "table", Options{Redact: defaults(), Width: 120}))
}

func TestEventFormats(t *testing.T) {
	log := compile(t, trace)
	var list []map[string]any
	if err := json.Unmarshal(writeEvents(t, log, "json", Options{Redact: defaults()}), &list); err != nil {
		t.Fatal(err)
	}
	n := 0
	for l := range bytes.Lines(writeEvents(t, log, "ndjson", Options{Redact: defaults()})) {
		n++
		objects(t, l, func(at string, keys []string) {
			if at == "" {
				if diff := cmp.Diff(eventKeys, keys); diff != "" {
					t.Errorf("line %d (-want +got):\n%s", n, diff)
				}
			}
		})
	}
	text := writeEvents(t, log, "csv", Options{Redact: defaults()})
	rows := readCSV(t, "events", text)
	if got := strings.Join(rows[0], ","); got != "time,input,cpu,pid,tid,process,provider,id,version,level,task,opcode,activity_id,message,fields" {
		t.Errorf("header %s", got)
	}
	if len(list) != n || len(rows)-1 != n {
		t.Fatalf("%d events in json, %d in ndjson, %d in csv", len(list), n, len(rows)-1)
	}
	for i, row := range rows[1:] {
		var fields map[string]any
		if err := json.Unmarshal([]byte(row[14]), &fields); err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
		if diff := cmp.Diff(list[i]["fields"], any(fields)); diff != "" {
			t.Errorf("row %d: fields in json and csv:\n%s", i, diff)
		}
		if row[0] != list[i]["time"] {
			t.Errorf("row %d: time %s in csv, %v in json", i, row[0], list[i]["time"])
		}
	}
}

// An event without credentials reads the same in every mode, and with --redact none all are there.
func TestEventRedaction(t *testing.T) {
	log := compile(t, trace)
	for _, format := range Formats("events") {
		if text := writeEvents(t, log, format, Options{Redact: defaults()}); bytes.Contains(text, []byte("hunter2")) || bytes.Contains(text, []byte("68756e74657232")) {
			t.Errorf("%s shows a credential:\n%s", format, text)
		}
		want := 8
		if format == "csv" {
			want = 7 // it has no column for what is not decoded
		}
		text := writeEvents(t, log, format, Options{})
		if n := bytes.Count(text, []byte("hunter2")) + bytes.Count(text, []byte("68756e74657232")); n != want {
			t.Errorf("%s shows %d of %d credentials without redaction:\n%s", format, n, want, text)
		}
	}
}

func TestNoEvents(t *testing.T) {
	for format, want := range map[string]string{
		"table": "", "ndjson": "", "json": "[\n]\n",
		"csv": "time,input,cpu,pid,tid,process,provider,id,version,level,task,opcode,activity_id,message,fields\r\n",
	} {
		if got := writeEvents(t, compile(t, "log start=2026-03-02T12:31:52.9Z"), format, Options{}); string(got) != want {
			t.Errorf("%s: %q", format, got)
		}
	}
}

// Real logs: every line parses, no event is left out.
func TestSampleEvents(t *testing.T) {
	for _, name := range []string{"tx/HTTP_Server.etl", "perfview/primitive-types.etl", "perfview/smallEtlFile.etl", "perfview/SelfDescribingSingleEvent.etl", "demikernel/PktMon.etl",
		"krabsetw/powershell.etl", "etl-parser/AMSITrace.etl"} {
		path := filepath.FromSlash("../../../shared/samples/etl/" + name)
		matches, _ := filepath.Glob(path)
		if len(matches) == 0 {
			if os.Getenv("ETWHY_SAMPLES") == "required" {
				t.Errorf("no sample %s", path)
			}
			continue
		}
		log, err := os.ReadFile(matches[0])
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		events(t, log, func(*decode.Event) { n++ })
		lines := bytes.Split(bytes.TrimSpace(writeEvents(t, log, "ndjson", Options{})), []byte("\n"))
		for i, l := range lines {
			if !json.Valid(l) {
				t.Fatalf("%s: line %d is not JSON: %s", name, i+1, l)
			}
		}
		rows, err := csv.NewReader(bytes.NewReader(writeEvents(t, log, "csv", Options{}))).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(lines) != n || len(rows) != n+1 || n == 0 {
			t.Errorf("%s: %d events, %d in ndjson, %d in csv", name, n, len(lines), len(rows)-1)
		}
		for _, row := range rows[1:] {
			if !json.Valid([]byte(row[14])) {
				t.Fatalf("%s: fields are not JSON: %s", name, row[14])
			}
		}
	}
}

// BenchmarkEvents measures reading, decoding and writing the events of healthy requests, in one goroutine.
func BenchmarkEvents(b *testing.B) {
	var buf bytes.Buffer
	records, err := etltest.Generate(&buf, etltest.Log{}, 16<<20)
	if err != nil {
		b.Fatal(err)
	}
	log, err := etl.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		b.Fatal(err)
	}
	d := decode.New(log.Header())
	for _, format := range Formats("events") {
		b.Run(format, func(b *testing.B) {
			w, err := NewEventWriter(io.Discard, format, Options{Redact: defaults()})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				for r := range log.Records() {
					row := EventRow{Event: d.Decode(r), Input: "net.etl", Process: "w3wp.exe", Request: "r1"}
					if err := w.Write(row); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
