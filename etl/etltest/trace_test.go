package etltest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etwhy/etwhy/etl"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden shows what changes in the bytes of every kind of record.
func TestGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/kinds.txt")
	if err != nil {
		t.Fatal(err)
	}
	log := compile(t, string(text))
	got := ""
	for _, s := range Buffers(log) {
		got += hex.Dump(log[s.Offset:s.Offset+int(s.Used)]) + "\n"
	}
	golden := filepath.Join("testdata", "kinds.hex")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Error(diff)
	}
}

// record returns the bytes of the only event of a text.
func record(t *testing.T, text string) []byte {
	t.Helper()
	log := compile(t, text)
	s := Buffers(log)[1]
	return log[s.Offset+bufferHeaderSize : s.Offset+int(s.Used)]
}

// TestRecords holds the headers of records against offsets that are written down here once more.
func TestRecords(t *testing.T) {
	const start = 134169283129000000 // 2026-03-02T12:31:52.9Z as FILETIME
	system := "log clock=system\n"
	rec := record(t, system+"+1.5 cpu0 7:9 WebIO/200 act=0x1122334455667788/0xaabbccdd level=1 opcode=2 task=3 keyword=4 channel=5 property=6 raw=0102 bits=32")
	for _, f := range []struct {
		at   int
		want string
	}{
		{0x00, "5200 12 c0 0000 0600 09000000 07000000"}, {0x10, hex.EncodeToString(le.AppendUint64(nil, start+15_000_000))},
		{0x18, "3ce7b350 7093 1d46 bb9f 26f32d68887d"}, {0x28, "c800 00 05 01 02 0300 0400000000000000"}, {0x38, "0000000000000000"},
		{0x40, "8877665544332211 ddccbbaa 00000000"}, {0x50, "0102 000000000000"},
	} {
		want, err := hex.DecodeString(strings.ReplaceAll(f.want, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if got := rec[f.at : f.at+len(want)]; !bytes.Equal(got, want) {
			t.Errorf("EVENT_HEADER+%#x: % x, want % x", f.at, got, want)
		}
	}
	const clock = "00e1f50500000000" // 100,000,000
	for _, test := range []struct{ text, want string }{
		{"kernel Process/11v2 ProcessId=5", "0200 02c0 2400 0b03 09000000 07000000" + clock + "0000000000000000 05000000"},
		{"kernel Process/11v2 ProcessId=5 bits=32 extra=ff", "0200 01c0 2500 0b03 09000000 07000000" + clock + "0000000000000000 05000000 ff"},
		{"compact 5/36v3 raw=aa", "0300 04c0 1900 2405 09000000 07000000" + clock + "aa"},
		{"perfinfo PerfInfo/46v2 raw=aa", "0200 11c0 1100 2e0f" + clock + "aa"},
		{"perfinfo PerfInfo/46v2 pebs=1 pmc=2,3 raw=aa", "0282 11c0 2900 2e0f" + clock + "0100000000000000 0200000000000000 0300000000000000 aa"},
		{"classic Process/1v300 level=2 raw=aa", "3100 14c0 01 02 2c01 09000000 07000000" + clock + "d0a86f3d 05fe d011 9dda 00c04fd7ba7c 0000000000000000 aa"},
		{"instance Process/1 instance=1 parent=2 parentclass={11223344-5566-7788-99aa-bbccddeeff00} raw=aa",
			"4900 15c0 01 00 0000 09000000 07000000" + clock + "d0a86f3d 05fe d011 9dda 00c04fd7ba7c 0000000000000000 01000000 02000000 44332211 6655 8877 99aabbccddeeff00 aa"},
		{"message {11223344-5566-7788-99aa-bbccddeeff00}/43 P:Pointer=1", "3000 0090 2b00 aa00 44332211 6655 8877 99aabbccddeeff00" + clock + "09000000 07000000 0100000000000000"},
		{"message {11223344-5566-7788-99aa-bbccddeeff00}/43 flags=0x75 sequence=3 component=4 P:Pointer=1", "2400 0090 2b00 7500 03000000 04000000" + clock + "09000000 07000000 01000000"},
		{"record 13 raw=0102030405", "0900 0dc0 0102030405"},
		{"record 0 flags=0xB0", "0800 00b0 00000000"},
		{"record 16 raw=0100", "0000 10c0 0800 0000"},
	} {
		rec := record(t, "log uptime=+10\n+0 cpu0 7:9 "+test.text)
		want, err := hex.DecodeString(strings.ReplaceAll(test.want, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, make([]byte, (8-len(want)%8)%8)...)
		if !bytes.Equal(rec, want) {
			t.Errorf("%s:\n% x, want\n% x", test.text, rec, want)
		}
	}
}

// TestValues packs one value of each type.
func TestValues(t *testing.T) {
	for _, test := range []struct{ fields, want string }{
		{"A:UInt8=255 B:Int8=-1 C:UInt16=0x1234 D:Int32=-2 E:UInt64=18446744073709551615", "ff ff 3412 feffffff ffffffffffffffff"},
		{"A:UInt32", "00000000"},
		{"A:Boolean=true B:Boolean=false C:HexInt32=0xC01C000F D:Pointer=1 E:SizeT=2", "01000000 00000000 0f001cc0 0100000000000000 0200000000000000"},
		{"A:Float=1.5 B:Double=-2", "0000c03f 00000000000000c0"},
		{"A:UnicodeString=hé😀 B:AnsiString=hi", "6800 e900 3dd8 00de 0000 6869 00"},
		{"A:UnicodeString(3)=h B:AnsiString(2)=hello C:Binary(3)=ff", "6800 0000 0000 6865 ff0000"},
		{"N:UInt16 A:UnicodeString(N)=abc", "0300 6100 6200 6300"},
		{"N:UInt16=9 A:UnicodeString(N)=abc", "0900 6100 6200 6300"},
		{"N:UInt8 A:UInt16[N]=[1,2,3] B:UInt8[2]=[7] C:UInt8[]=[8,9]", "03 0100 0200 0300 07 00 0200 08 09"},
		{"N:UInt8 A:Struct[N]=[{X:UInt8=1 S:AnsiString=a},{X=2}] E:UInt8=9", "02 01 6100 02 00 09"},
		{"A:Struct={M:UInt8 B:Binary(M)=0102} M:UInt8=5", "02 0102 05"},
		{"A:Binary=text:hi B:Binary=wide:h C:Binary=u32:1 D:Binary=[u8:1,ff] E:Binary=0x0a0b", "6869 6800 01000000 01 ff 0a0b"},
		{"A:Binary/SocketAddress=192.168.0.216:80", "0200 0050 c0a800d8 0000000000000000"},
		{"A:Binary/SocketAddress=[2001:db8::1]:443", "1700 01bb 00000000 20010db8000000000000000000000001 00000000"},
		{"A:Binary/SocketAddress=[1.2.3.4:5,1.2.3.5:5]", "0200 0005 01020304 0000000000000000 0200 0005 01020305 0000000000000000"},
		{"A:Binary/IPv6=::1 B:UInt32/IPv4=1.2.3.4 C:UInt16/Port=80 D:Binary=ip:1.2.3.4 E:Binary=sock:1.2.3.4:80", "00000000000000000000000000000001 01020304 0050 01020304 0200 0050 01020304 0000000000000000"},
		{"A:GUID={11223344-5566-7788-99aa-bbccddeeff00} B:GUID", "44332211 6655 8877 99aabbccddeeff00 00000000000000000000000000000000"},
		{"A:FILETIME=2026-03-02T12:31:52.9Z B:FILETIME=5 C:FILETIME", "4040ac8c40aadc01 0500000000000000 0000000000000000"},
		{"A:SYSTEMTIME=2026-03-02T12:31:52.9Z", "ea07 0300 0100 0200 0c00 1f00 3400 8403"},
		{"A:SID=S-1-5-21-1-2 B:SID", "01 03 000000000005 15000000 01000000 02000000 01 01 000000000000 00000000"},
		{"A:WbemSID=S-1-5-18 B:WbemSID", "502bed01a0f8ffff 0000000000000000 01 01 000000000005 12000000 00000000"},
		{"A:CountedString=ab B:CountedAnsiString=ab C:CountedBinary=ab D:ReversedAnsi=a E:HexDump=aabb F:UnterminatedString=z", "0400 6100 6200 0200 6162 0100 ab 0001 61 02000000 aabb 7a00"},
		{"A:UnicodeChar=x B:AnsiChar=0x41 C:Null", "7800 41"},
	} {
		fields := test.fields
		want := strings.ReplaceAll(test.want, " ", "")
		rec := record(t, "provider P\nP/1 "+fields)
		got := hex.EncodeToString(rec[0x50:le.Uint16(rec)])
		if got != want {
			t.Errorf("%s:\n%s, want\n%s", fields, got, want)
		}
	}
}

// TestSchemaValues packs events by schema: lengths follow from the data, names from maps.
func TestSchemaValues(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"WebIO/200 Connection=0x3000 Address=1.2.3.4:80 RemainingAddressCount=1 Error=5",
			"0030000000000000 0000000000000000 0a000000 31002e0032002e0033002e0034003a0038003000 0000000000000000 0100000000000000 05000000"},
		{"WebIO/200v1 Http3ClientConnectionId=7", strings.Repeat("00", 8+8+4+8+8+4) + "0700000000000000"},
		{"WebIO/204 Endpoint=1 Reason=Remote_Reset bits=32", "01000000 0000000000000000 03000000 00000000"},
		{"WebIO/15 Option=ReceiveTimeout Value=u32:30000", strings.Repeat("00", 16) + "22000000 04000000 30750000 00000000"},
		{"WebIO/206 FQDN=a AddressCount=1 SockAddr=1.2.3.4:80", "0000000000000000 61000000 0000 01000000 10000000 0200 0050 01020304 0000000000000000"},
		{"WebIO/100 Headers=GET cut=9", "0000000000000000 03"},
		{"TCPIP/1002 Tcb=1 RemoteAddress=1.2.3.4:80", "0100000000000000 00000000 10000000 0200 0050 01020304 0000000000000000 00000000 00000000"},
		{"process 5 a.exe version=2 parent=4", "0000000000000000 05000000 04000000 00000000 00000000 00000000 612e65786500 0000"},
		{"classic {d42cf7ef-de92-473e-8b6c-621ea663113a}/2 HttpStatus=502 HttpSubStatus=3", strings.Repeat("00", 24) + "f6010000 0300"},
	} {
		rec := record(t, test.text)
		header := map[byte]int{17: 0x10, 18: 0x50, 19: 0x50, 20: 0x30}[rec[2]]
		size := le.Uint16(rec)
		if rec[2] == 17 {
			size = le.Uint16(rec[4:])
		}
		got := hex.EncodeToString(rec[header:size])
		if want := strings.ReplaceAll(test.want, " ", ""); got != want {
			t.Errorf("%s:\n%s, want\n%s", test.text, got, want)
		}
	}
	rec := record(t, "WebIO/204")
	if level, task := rec[0x2C], le.Uint16(rec[0x2E:]); level != 4 || task != 419 {
		t.Errorf("WebIO/204 has level %d, task %d, want those of its schema: 4, 419", level, task)
	}
}

// ignoreLines compares events by what they say.
var ignoreLines = cmpopts.IgnoreFields(Event{}, "Line")

func TestRoundTrip(t *testing.T) {
	kinds, err := os.ReadFile("testdata/kinds.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		string(kinds), healthyText, "",
		"log clock=cycles mhz=100 freq=5 cpus=3 bits=32 build=7601 bias=-60 zone='a b' compress=lznt1 mode=0x10001 file=C:\\x open=true sequence=9 uptime=+1.5 end=2027-01-01T00:00:00Z",
		"-0.0000001 WebIO/204v1 Reason=1\n2026-03-02T12:31:53Z WebIO/204 Reason=2\n0:5 WebIO/204\nheader uptime=+3",
		"provider \"A b/c\"\n\"A b/c\"/7 X:AnsiString='it is \"so\"' Y:AnsiString=\"it's\\n\" Z:AnsiString=\"{\" E:AnsiString W:AnsiString='#x'",
		"process 5 a.exe event=start\nprocess 6 'b c.exe' event=dcend exit=259\nkernel Process/3v4 ProcessId=5 ImageFileName=x",
		"manifest M guid={11223344-5566-7788-99aa-bbccddeeff00} <<END\nEND of it\nENDD\nEND\ntlg M E guid={11223344-5566-7788-99aa-bbccddeeff00}",
	} {
		trace := mustParse(t, text)
		printed := trace.String()
		again, err := Parse(printed)
		if err != nil {
			t.Errorf("%v\n%s", err, printed)
			continue
		}
		if diff := cmp.Diff(trace, again, ignoreLines); diff != "" {
			t.Errorf("%s\n%s", printed, diff)
		}
		if s := again.String(); s != printed {
			t.Errorf("printed twice:\n%s\n%s", printed, s)
		}
	}
}

func TestParse(t *testing.T) {
	trace := mustParse(t, "+1.25 cpu3 1432:2280 WebIO/17 act=0x20/0x1000 related={00000001-0000-0000-0000-000000000000} Request=0x1000 URI='a \\b'\n# x\nWebIO/204 level=1\n  Reason=3")
	activity := etl.GUID{0: 0x20, 9: 0x10}
	web := etl.MustParseGUID("50b3e73c-9370-461d-bb9f-26f32d68887d")
	want := []Event{
		{At: 1250 * time.Millisecond, CPU: 3, PID: 1432, TID: 2280, Provider: web, ID: 17, Activity: activity, Related: etl.GUID{1},
			Fields: []Field{{"Request", "", "0x1000"}, {"URI", "", `a \b`}}, Line: 1},
		{At: 1250 * time.Millisecond, CPU: 3, PID: 1432, TID: 2280, Provider: web, ID: 204,
			Attrs: []Field{{"level", "", "1"}}, Fields: []Field{{"Reason", "", "3"}}, Line: 3},
	}
	if diff := cmp.Diff(want, trace.Events); diff != "" {
		t.Error(diff)
	}
}

func TestParseErrors(t *testing.T) {
	for _, test := range []struct {
		text string
		line int
		want string
	}{
		{"\n\nlog nonsense=1", 3, `unknown log option "nonsense=1"`},
		{"log bits=16", 0, "32 or 64"},
		{"log clock=sundial", 1, "none of qpc, system, cycles, unset"},
		{"log start=yesterday", 1, "log option start"},
		{"log name=" + strings.Repeat("x", 40000), 0, "bytes"},
		{"WebIO/204\nlog lost=1", 2, "before the first event"},
		{"provider A\nprovider A", 2, "second provider"},
		{"+0 Nobody/1", 1, `unknown provider "Nobody"`},
		{"+0 WebIO", 1, "neither a kind of line nor Provider/ID"},
		{"+0 WebIO/x", 1, "not a number"},
		{"+1.00000001 WebIO/204", 1, "7 decimals"},
		{"+999999999 WebIO/204", 1, "more than"},
		{"yesterday WebIO/204", 1, "neither a kind"},
		{"2026-03-02 WebIO/204", 1, "neither .seconds nor a time"},
		{"+0", 1, "no event"},
		{"WebIO/204 Raison=3", 1, `no field "Raison"; the event has Endpoint, Socket, Reason, Result`},
		{"WebIO/204 Reason=3 Reason=4", 1, `no field "Reason"`},
		{"WebIO/204 Reason=Gremlins", 1, "neither a number nor a name of map TCPCloseReasonType"},
		{"WebIO/204 Reason=0x1ffffffff", 1, "does not fit into 32 bits"},
		{"WebIO/204v7 Reason=3", 1, "nothing is known about version 7 of event 204"},
		{"WebIO/204 Reason", 1, "not a field"},
		{"WebIO/204 Reason=3 X:UInt8=3", 1, "all or nothing"},
		{"WebIO/204 raw=00 Reason=3", 1, "raw is the whole payload"},
		{"WebIO/204 raw=0", 1, "neither hexadecimal digits"},
		{"WebIO/204 level=256", 1, "level: .*range"},
		{"WebIO/204 bits=48", 1, "neither 32 nor 64"},
		{"provider P\nP/1 bits= A:Pointer=1", 2, "bits"},
		{"WebIO/204 act=x", 1, "act"},
		{`WebIO/17 URI="c:\windows"`, 1, "in '...' a backslash is just that"},
		{`WebIO/17 URI="abc`, 1, "without its end"},
		{"WebIO/17 URI={abc", 1, "} is missing"},
		{"WebIO/17 URI=abc]", 1, "] without its start"},
		{"WebIO/17 URI=" + strings.Repeat("{", 5000) + strings.Repeat("}", 5000), 1, "brackets within each other"},
		{"provider P\nP/1 A:Thing=1", 2, `unknown type "Thing"`},
		{"provider P\nP/1 A:UInt8/Odd=1", 2, `unknown out type "Odd"`},
		{"provider P\nP/1 A:Binary(B)=00", 2, "neither a number nor an earlier field"},
		{"provider P\nP/1 A:UInt8[1]=[1,2]", 2, "2 elements in an array of 1"},
		{"provider P\nP/1 A:Binary(65535)", 2, "65535 bytes"},
		{"log buffer=4096\nprovider P\nP/1 A:Binary(5000)", 3, "does not fit into a buffer of 4096"},
		{"provider P\nP/1 A:Struct", 2, "members come from its value"},
		{"provider P\nP/1 A:SID=bob", 2, "not a SID"},
		{"tlg P", 1, "names of provider and event"},
		{"tlg P E A:UnicodeString(3)=abc", 1, "TraceLogging has no such type"},
		{"kernel Nothing/1", 1, "unknown kernel group"},
		{"kernel 3/256", 1, "over 255"},
		{"manifest S <<END\n<x/>", 1, "no line END"},
		{"embed WebIO/60000", 1, "no schema"},
		{"map WebIO/X a=b", 1, "number=text"},
		{"process 5", 1, "want: process"},
		{"process 5 x colour=blue", 1, `a process has no "colour"`},
		{"header uptime=-5", 1, "uptime"},
	} {
		_, err := Parse(test.text)
		var e *Error
		if !errors.As(err, &e) || e.Line != test.line || !regexp.MustCompile(test.want).MatchString(err.Error()) {
			t.Errorf("%.60q: %v, want %q in line %d", test.text, err, test.want, test.line)
		}
	}
}

func TestBytesErrors(t *testing.T) {
	for _, test := range []struct {
		trace Trace
		want  string
	}{
		{Trace{Log: Log{BufferSize: 7}}, "buffer size"},
		{Trace{Log: Log{Compress: 9}}, "compression"},
		{Trace{Log: Log{Clock: -1}}, "clock"},
		{Trace{Log: Log{Freq: 1e12}}, "clock of"},
		{Trace{Events: []Event{{Kind: 99}}}, "unknown kind"},
		{Trace{Events: []Event{{CPU: -1}}}, "no CPU"},
		{Trace{Events: []Event{{At: 1 << 62}}}, "from the start"},
		{Trace{Events: []Event{{Attrs: []Field{{Name: "colour"}}}}}, "no header value"},
	} {
		if _, err := test.trace.Bytes(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
}

// TestClock reads timestamps back as the formulas for logs say.
func TestClock(t *testing.T) {
	moments := []time.Duration{0, 100, 300, 29_999_999_900, 12345_6789_000, -5_000_000_100, 3 * 365 * 24 * time.Hour}
	for _, l := range []Log{
		{}, {Freq: 1_818_300}, {Freq: 3_117_777}, {Freq: 24_000_000}, {Freq: 1e9}, {Clock: Unset},
		{Clock: SystemTime}, {Clock: Cycles}, {Clock: Cycles, MHz: 10},
	} {
		trace := Trace{Log: l}
		for _, at := range moments {
			trace.Events = append(trace.Events, Event{At: at, Provider: NameGUID("P"), ID: uint16(len(trace.Events))})
		}
		log, err := trace.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		full := l.withDefaults(1, 0)
		zero, mul, div := int64(le.Uint64(log[72+0x10:])), int64(10_000_000), full.Freq
		switch l.Clock {
		case SystemTime:
			mul, div = 1, 1
		case Cycles:
			mul, div = 10, int64(full.MHz)
		}
		slack := max(0, mul/div) // a clock that is coarser than 100 ns
		s := Buffers(log)[1]
		for rec := log[s.Offset+72 : s.Offset+int(s.Used)]; len(rec) > 0; rec = rec[0x50:] {
			want := int64(moments[le.Uint16(rec[0x28:])]) / 100
			ticks := int64(le.Uint64(rec[0x10:])) - zero
			got := ticks/div*mul + ticks%div*mul/div
			if d := got - want; d != 0 && (d < 0 != (want < 0) || max(d, -d) > slack) {
				t.Errorf("%+v: %d ticks are %d, want %d", l, ticks, got, want)
			}
		}
	}
}

// TestSecondHeader: after a further header, times count from there.
func TestSecondHeader(t *testing.T) {
	log := compile(t, "+1 WebIO/204\n+60 header uptime=+5\n+61 WebIO/204")
	s := Buffers(log)[1]
	rec := log[s.Offset+72:]
	rec = rec[(le.Uint16(rec)+7)&^7:]
	if start := int64(le.Uint64(rec[0x20+0x108:])); start != filetime(defaultStart.Add(time.Minute)) || le.Uint64(rec[0x10:]) != 50_000_000 {
		t.Errorf("second header: start %d, timestamp %d", start, le.Uint64(rec[0x10:]))
	}
	rec = rec[(le.Uint16(rec[4:])+7)&^7:]
	if ticks := le.Uint64(rec[0x10:]); ticks != 60_000_000 {
		t.Errorf("event one second after the second header at %d ticks", ticks)
	}
}

func TestNameGUID(t *testing.T) {
	for name, want := range map[string]string{
		"MySource": "a61ea624-4944-55fc-c2a8-37838829438d", // from a log of an EventSource
		"PerfView": "a8a71ac1-040f-54a2-07ca-00a89b5ab761", // from a log of PerfView
	} {
		if got := NameGUID(name).String(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestManifest(t *testing.T) {
	log := compile(t, "manifest My&Source chunk=200 skip=1 A&B/3v2=\"Count:Int32 Name:UnicodeString\"")
	s := Buffers(log)[1]
	var chunks []int
	var xml []byte
	total := 0
	for rec := log[s.Offset+72 : s.Offset+int(s.Used)]; len(rec) > 0; rec = rec[(le.Uint16(rec)+7)&^7:] {
		data := rec[0x50:le.Uint16(rec)]
		if id, op, task := le.Uint16(rec[0x28:]), rec[0x2D], le.Uint16(rec[0x2E:]); id != 0xFFFE || op != 0xFE || task != 0xFFFE || data[0] != 1 || data[3] != 0x5B {
			t.Fatalf("event %#x, opcode %#x, task %#x, payload % x", id, op, task, data[:8])
		}
		total = int(le.Uint16(data[4:]))
		chunks = append(chunks, int(le.Uint16(data[6:])))
		xml = append(xml, data[8:]...)
	}
	if slices.Contains(chunks, 1) || len(chunks) != total-1 || total < 3 {
		t.Errorf("chunks %v of %d", chunks, total)
	}
	whole, err := manifestText(&mustParse(t, "manifest My&Source A&B/3v2=\"Count:Int32 Name:UnicodeString\"").Events[0])
	if err != nil {
		t.Fatal(err)
	}
	if want := whole[:200] + whole[400:]; string(xml) != want {
		t.Errorf("XML of the chunks:\n%s", xml)
	}
	for _, want := range []string{`name="My&amp;Source"`, `value="3" version="2"`, `inType="win:Int32"`, `inType="win:UnicodeString"`} {
		if !strings.Contains(whole, want) {
			t.Errorf("no %s in\n%s", want, whole)
		}
	}
}

func TestRename(t *testing.T) {
	trace := mustParse(t, "WebIO/17 act=0x20/0x1000 related=0x30 Request=0x1000 RequestHandle=0x20 URI=0x20.test")
	trace.Rename(map[uint64]uint64{0x20: 0x1000, 0x1000: 0x20, 0x30: 0x40})
	want := mustParse(t, "WebIO/17 act=0x1000/0x20 related=0x40 Request=0x20 RequestHandle=0x1000 URI=0x20.test")
	if diff := cmp.Diff(want, trace); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	kinds, err := os.ReadFile("testdata/kinds.txt")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(kinds))
	for line := range strings.SplitSeq(string(kinds), "\n") {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, text string) {
		trace, err := Parse(text)
		if err != nil {
			return
		}
		if trace.Log.BufferSize > 1<<16 || len(trace.Events) > 1000 {
			return
		}
		log, err := trace.Bytes()
		if err != nil {
			t.Fatal("parsed, but not written: ", err)
		}
		printed := trace.String()
		again, err := Parse(printed)
		if err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
		if diff := cmp.Diff(trace, again, ignoreLines, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s\n%s", printed, diff)
		}
		if other, err := again.Bytes(); err != nil || !bytes.Equal(log, other) {
			t.Fatalf("another log from\n%s", printed)
		}
		size := 0
		for _, s := range Buffers(log) {
			size += s.Size
		}
		if size != len(log) {
			t.Fatalf("buffers of %d bytes in a log of %d", size, len(log))
		}
	})
}
