package tracetext_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/unicode"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/decode/tracetext"
	"github.com/etwhy/etwhy/etl"
)

const head = `<?xml version="1.0" encoding="utf-8"?>
<Events>
<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event">
	<System>
		<Provider Guid="{68fdd900-4a3e-11d1-84f4-0000f80464e3}" />
		<EventID>0</EventID><Version>2</Version><Level>0</Level><Task>0</Task><Opcode>0</Opcode><Keywords>0x0</Keywords>
		<TimeCreated SystemTime="2026-03-02T12:31:52.900000000+01:59" />
		<Execution ProcessID="5120" ThreadID="99" ProcessorID="1" KernelTime="0" UserTime="15" />
	</System>
	<EventData>
		<Data Name="BufferSize">65536</Data><Data Name="ProviderVersion">20348</Data><Data Name="NumberOfProcessors">       4</Data>
		<Data Name="PointerSize">       8</Data><Data Name="EventsLost">       7</Data>
	</EventData>
	<RenderingInfo Culture="de-DE"><Opcode>Header</Opcode></RenderingInfo>
	<ExtendedTracingInfo xmlns="http://schemas.microsoft.com/win/2004/08/events/trace"><EventGuid>{68fdd900-4a3e-11d1-84f4-0000f80464e3}</EventGuid></ExtendedTracingInfo>
</Event>
`

const failed = `<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event">
	<System>
		<Provider Name="Microsoft-Windows-WebIO" Guid="{50b3e73c-9370-461d-bb9f-26f32d68887d}" />
		<EventID>201</EventID><Version>0</Version><Level>4</Level><Task>200</Task><Opcode>2</Opcode><Keywords>0x8000000000000080</Keywords>
		<TimeCreated SystemTime="2026-03-02T10:31:53.123456700Z" />
		<Correlation ActivityID="{a1000000-0000-0000-0000-000000000050}" RelatedActivityID="{b2000000-0000-0000-0000-000000000001}" />
		<Execution ProcessID="1432" ThreadID="2320" ProcessorID="3" KernelTime="0" UserTime="0" />
	</System>
	<EventData>
		<Data Name="Connection">0x1A2B00350000</Data>
		<Data Name="Error">10061: refused &amp; gone</Data>
	</EventData>
	<RenderingInfo Culture="en-US"><Message>a message </Message></RenderingInfo>
</Event>
`

const raw = `<Event><System><Provider Name="Shop &lt;1&gt;" Guid="{11111111-2222-3333-4444-555555555555}" />
<EventID>12</EventID><TimeCreated SystemTime="2026-03-02T10:31:54Z" /><Execution ProcessID="4294967295" ThreadID="1" ProcessorID="0" KernelTime="0" UserTime="0" /></System>
<ProcessingErrorData><ErrorCode>15003</ErrorCode><EventPayload>0A0BFF</EventPayload></ProcessingErrorData></Event>
`

const named = `<Event><System><Provider Name="Shop" Guid="{11111111-2222-3333-4444-555555555555}" />
<EventID>13</EventID><TimeCreated SystemTime="2026-03-02T10:31:55Z" /><Execution ProcessID="5" ThreadID="1" ProcessorID="0" KernelTime="0" UserTime="0" /></System>
<EventData><Data Name="Order">47</Data><Data Name="Customer">Jörg</Data></EventData></Event>
`

const whole = head + failed + raw + named + "</Events>\n"

// read describes what is in a text, one line per event.
func read(t testing.TB, text []byte) (*tracetext.Reader, []string) {
	t.Helper()
	r, err := tracetext.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for e, err := range r.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprintf("%v %s %d v%d op%d %d:%d cpu%d", e.Time, e.Source, e.ID, e.Version, e.Opcode, e.PID, e.TID, e.CPU)
		if e.Message != "" {
			line += fmt.Sprintf(" %q", strings.TrimSpace(e.Message))
		}
		if !e.Local {
			rec, err := e.Record(r.Header().Build)
			if err != nil {
				t.Fatal(err)
			}
			ev := decode.New(r.Header()).Decode(rec)
			line += " " + ev.ProviderName() + " " + string(ev.AppendFields(nil))
			if _, left := ev.Undecoded(); len(left) > 0 {
				line += fmt.Sprintf(" left %x", left)
			}
		}
		lines = append(lines, line)
	}
	return r, lines
}

var wholeLines = []string{
	`2026-03-02T10:31:52.9000000Z  0 v2 op0 5120:99 cpu1 MSNT_SystemTrace `,
	`2026-03-02T10:31:53.1234567Z Microsoft-Windows-WebIO 201 v0 op2 1432:2320 cpu3 "a message" Microsoft-Windows-WebIO `,
	`2026-03-02T10:31:54.0000000Z Shop <1> 12 v0 op0 4294967295:1 cpu0  {} left 0a0bff`,
	`2026-03-02T10:31:55.0000000Z Shop 13 v0 op0 5:1 cpu0 Shop {"Order":"47","Customer":"Jörg"}`,
}

func TestXML(t *testing.T) {
	wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"utf-8": []byte(whole), "mark": []byte("\uFEFF" + whole), "utf-16": wide} {
		if form, ok := tracetext.Recognise(text); form != tracetext.XML || !ok {
			t.Errorf("%s: recognised as %v", name, form)
		}
		r, lines := read(t, text)
		if len(lines) != len(wholeLines) || len(r.Anomalies()) > 0 {
			t.Fatalf("%s: %q, %v", name, lines, r.Anomalies())
		}
		for i, want := range wholeLines {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("%s:\n got %s\nwant %s", name, lines[i], want)
			}
		}
		if !strings.Contains(lines[1], "10061") || !strings.Contains(lines[1], "0x1A2B00350000") {
			t.Errorf("%s: values of %s", name, lines[1])
		}
		if h := r.Header(); h.Build != 20348 || h.EventsLost != 7 || h.PointerSize != 8 || h.Processors != 4 {
			t.Errorf("%s: %+v", name, h)
		}
	}
}

const csv = "Event Name, Type, Event ID, Version, Channel, Level, Opcode, Task, Keyword, PID, TID, Processor Number, Instance ID, " +
	"Parent Instance ID, Activity ID, Related Activity ID, Clock-Time, Kernel(ms), User(ms), User Data\r\n" +
	"EventTrace, Header, 0, 2, 0, 0, 0, 0, 0x0, 0x00000410, 0x0000046D, 0, , , {00000000-0000-0000-0000-000000000000}, , 134168203129000000, 0, 0, 65536, 0, 17763, 2, 0, 156250, 0, 0x1, 25, 1, 8, 3\r\n" +
	"Microsoft-Windows-WebIO, Stop , 201, 0, 0, 4, 2, 200, 0x8000000000000080, 0x00000598, 0x910, 3, , , {a1000000-0000-0000-0000-000000000050}, , 134168203131234567, 0, 0, 0x1A2B00350000, 2688, 0x7, 10061\r\n" +
	"Microsoft-Windows-WebIO, Info, 101, 0, 0, 4, 0, 0, 0x0, 0x598, 0x910, 3, , , {a1000000-0000-0000-0000-000000000050}, , 134168203131234568, 0, 0, 0x1A2B, 31, \"HTTP/1.1 200 OK\r\nA: \"\"b\"\", c\r\n\"\r\n"

func TestCSV(t *testing.T) {
	if form, ok := tracetext.Recognise([]byte(csv)); form != tracetext.CSV || !ok {
		t.Errorf("recognised as %v", form)
	}
	r, lines := read(t, []byte(csv))
	if len(lines) != 3 || len(r.Anomalies()) > 0 || r.Header().Build != 17763 || r.Header().EventsLost != 3 {
		t.Fatalf("%q, %v, %+v", lines, r.Anomalies(), r.Header())
	}
	for i, part := range []string{"EventTrace 0 v2", "1432:2320 cpu3", `HTTP/1.1 200 OK`} {
		if !strings.Contains(lines[i], part) {
			t.Errorf("%s lacks %s", lines[i], part)
		}
	}
}

func TestLines(t *testing.T) {
	text := "[0]0EF8.2EF4::08/28/17-13:24:29.549 [Microsoft-Windows-WLAN-AutoConfig]one\r\n" +
		"[0] 0EF8.1174:: 08/28/17-13:24:29.705 [Microsoft-Windows-WLAN-AutoConfig]two\r\n and more\r\n" +
		"[00]1864.06A4::2021-06-03 19:19:55.454004600 [MSNT_SystemTrace] three\r\n"
	if form, ok := tracetext.Recognise([]byte(text)); form != tracetext.Lines || !ok {
		t.Errorf("recognised as %v", form)
	}
	r, lines := read(t, []byte(text))
	want := []string{
		`2017-08-28T13:24:29.5490000Z Microsoft-Windows-WLAN-AutoConfig 0 v0 op0 3832:12020 cpu0 "one"`,
		`2017-08-28T13:24:29.7050000Z Microsoft-Windows-WLAN-AutoConfig 0 v0 op0 3832:4468 cpu0 "two"`,
		`2021-06-03T19:19:55.4540046Z MSNT_SystemTrace 0 v0 op0 6244:1700 cpu0 "three"`,
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if a := r.Anomalies(); len(a) != 1 || a[0].Kind != tracetext.Messages || a[0].Count != 3 {
		t.Errorf("%v", a)
	}
}

func TestNotConverted(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "other XML": "<configuration><system.webServer/></configuration>", "a line": "12:32:23.123 ::WinHttpOpen()",
		"event log": `<Events><Event><System><Provider Name="WAS"/><EventID>5002</EventID><EventRecordID>1</EventRecordID><Execution ProcessID="1" ThreadID="2"/></System></Event></Events>`,
		"FREB":      `<failedRequest url="x"><Event><System><Execution ProcessID="1"/></System><ExtendedTracingInfo><EventGuid>x</EventGuid></ExtendedTracingInfo></Event></failedRequest>`,
		"CSV":       "Name,Time\r\na,b\r\n",
	} {
		if form, ok := tracetext.Recognise([]byte(text)); ok {
			t.Errorf("%s is recognised as %v", name, form)
		}
		if _, err := tracetext.NewReader(strings.NewReader(text)); !errors.Is(err, tracetext.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Damage costs the event that it hits, and is told.
func TestDamage(t *testing.T) {
	for _, test := range []struct {
		name, text string
		kind       tracetext.AnomalyKind
	}{
		{"tag", head + strings.Replace(failed, "</System>", "</Sys", 1) + named, tracetext.BadEvent},
		{"time", head + strings.Replace(failed, "2026-03-02", "yesterday", 1) + named, tracetext.BadEvent},
		{"no end", head + strings.Replace(failed, "</Event>", "", 1) + named, tracetext.OpenEvent},
		{"cut", head + named + failed[:200], tracetext.OpenEvent},
		{"deep", head + "<Event>" + strings.Repeat("<a>", 1000) + "</Event>" + named, tracetext.BadEvent},
		{"long", head + "<Event>" + strings.Repeat("x", 3<<20) + "</Event>" + named, tracetext.LongEvent},
		{"CSV", csv + strings.Repeat("a", 3<<20) + "\r\n", tracetext.LongEvent},
	} {
		r, lines := read(t, []byte(test.text))
		if a := r.Anomalies(); len(a) == 0 || a[0].Kind != test.kind {
			t.Errorf("%s: %v, want %v", test.name, a, test.kind)
		}
		if len(lines) < 2 {
			t.Errorf("%s: %d events", test.name, len(lines))
		}
	}
}

// A text that is cut off behind an event says so; one without anything around its events is whole.
func TestCutBehindEvent(t *testing.T) {
	_, bare, _ := strings.Cut(head, "<Events>\n")
	for _, test := range []struct {
		text string
		want string
	}{
		{head + failed + "</Events>\n", "[]"},
		{head + failed, "[the file is cut off behind an event]"},
		{head + strings.TrimSpace(failed), "[the file is cut off behind an event]"},
		{head + failed + "</Even", "[the file is cut off behind an event]"},
		{bare + failed, "[]"},
		{failed, "[]"},
		{head + failed + failed[:200], "[the event has no end and is left out]"},
		{head + failed[:200] + failed + failed[:200], "[the event has no end and is left out; 2 times in all]"},
	} {
		r, _ := read(t, []byte(test.text))
		if got := fmt.Sprint(r.Anomalies()); got != test.want {
			t.Errorf("...%q: %s, want %s", test.text[max(0, len(test.text)-20):], got, test.want)
		}
		for _, a := range r.Anomalies() {
			if a.Kind == tracetext.CutFile && a.Offset != int64(len(test.text)) {
				t.Errorf("at %d of %d", a.Offset, len(test.text))
			}
		}
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("broken")
	long := head + strings.Repeat(named, 100)
	r, err := tracetext.NewReader(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(long))))
	if err == nil {
		for _, err = range r.Entries() {
		}
	}
	if !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("%v", err)
	}
	if _, err := tracetext.NewReader(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// consume reads all of a text, whatever it is.
func consume(t testing.TB, text []byte) int {
	r, err := tracetext.NewReader(bytes.NewReader(text))
	if err != nil {
		return 0
	}
	n := 0
	for e, err := range r.Entries() {
		if err != nil {
			t.Fatalf("a reader of memory failed: %v", err)
		}
		n++
		if rec, err := e.Record(r.Header().Build); err == nil {
			decode.New(r.Header()).Decode(rec).AppendFields(nil)
		} else if !errors.Is(err, etl.ErrRecordSize) {
			t.Fatal(err)
		}
	}
	if n != r.Count() {
		t.Fatalf("%d events, Count is %d", n, r.Count())
	}
	return n
}

func TestMutations(t *testing.T) {
	for _, text := range []string{whole, csv} {
		n := consume(t, []byte(text))
		for i := range text {
			if got := consume(t, []byte(text[:i])); got > n {
				t.Fatalf("cut at %d: %d events", i, got)
			}
		}
		r := rand.New(rand.NewPCG(1, 2))
		for range 2000 {
			b := []byte(text)
			for range 1 + r.IntN(4) {
				b[r.IntN(len(b))] = byte(r.IntN(256))
			}
			consume(t, b)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(csv))
	f.Add([]byte("[0]0EF8.2EF4::08/28/17-13:24:29.549 [Microsoft-Windows-WLAN-AutoConfig]one\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) { consume(t, b) })
}

func ExampleReader() {
	text := `<Events><Event><System><Provider Name="Microsoft-Windows-WebIO" Guid="{50b3e73c-9370-461d-bb9f-26f32d68887d}"/>
<EventID>125</EventID><TimeCreated SystemTime="2026-03-02T10:31:53.5Z"/><Execution ProcessID="1432" ThreadID="7" ProcessorID="0"/></System>
<EventData><Data Name="Request">0x1A2B</Data><Data Name="HttpResponseCode">502</Data></EventData></Event></Events>`
	r, err := tracetext.NewReader(strings.NewReader(text))
	if err != nil {
		fmt.Println(err)
		return
	}
	for e, err := range r.Entries() {
		if err != nil {
			fmt.Println(err)
			return
		}
		rec, err := e.Record(0)
		if err != nil {
			fmt.Println(err)
			return
		}
		ev := decode.New(r.Header()).Decode(rec)
		fmt.Println(ev.Time(), ev.Get("HttpResponseCode").Uint())
	}
	// Output: 2026-03-02T10:31:53.5000000Z 502
}

// The lines that the documentation of netsh shows.
func TestSample(t *testing.T) {
	text, err := os.ReadFile("../../../shared/samples/text/netsh_convert_txt_format.txt")
	if err != nil {
		if os.Getenv("ETWHY_SAMPLES") == "required" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	_, lines := read(t, text)
	if len(lines) != 4 {
		t.Errorf("%q", lines)
	}
}
