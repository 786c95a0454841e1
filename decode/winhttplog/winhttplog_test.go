package winhttplog

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
)

var update = flag.Bool("update", false, "write the golden files")

// render writes what a Line holds, leaving out what it does not.
func render(l Line) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", l.Number, l.Kind)
	field := func(name string, v any, set bool) {
		if set {
			fmt.Fprintf(&b, " %s=%v", name, v)
		}
	}
	field("time", l.Time, !l.Time.IsZero())
	field("clock", l.Clock, true)
	field("frame", l.Frame, l.Frame != 0)
	field("wall", l.Wall.Format(time.DateTime), !l.Wall.IsZero())
	field("offset", l.Offset, l.Offset != 0)
	field("process", l.Process, l.Process != "")
	field("pid", l.PID, l.PID != 0)
	field("tag", l.Tag, l.Tag != "")
	field("who", l.Who, l.Who != "")
	field("api", fmt.Sprintf("%q", l.API), l.API != "")
	field("args", fmt.Sprintf("%q", l.Args), l.Args != "")
	field("handle", fmt.Sprintf("%#x", l.Handle), l.Handle != 0)
	field("code", l.Code, l.Code != 0)
	field("name", l.Name, l.Name != "")
	field("target", l.Target, l.Target != 0)
	field("target_name", l.TargetName, l.TargetName != "")
	fmt.Fprintf(&b, "\n\t%s\n", l.Text)
	return b.String()
}

func parseAll(t *testing.T, data []byte) string {
	t.Helper()
	var b strings.Builder
	for l, err := range Parse(bytes.NewReader(data)) {
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(render(l))
	}
	return b.String()
}

func TestParseGolden(t *testing.T) {
	for _, name := range []string{"columns.txt", "joined.txt", "markdown.txt", "upload-w3wp.exe.3004.20130304.LOG"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			got := parseAll(t, data)
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			if !Recognise(data) {
				t.Error("not recognised")
			}
		})
	}
}

func TestEncodings(t *testing.T) {
	data, err := os.ReadFile("testdata/columns.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := parseAll(t, data)
	for name, enc := range map[string]interface {
		Bytes([]byte) ([]byte, error)
	}{
		"UTF-16LE": unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder(),
		"UTF-16BE": unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder(),
		"UTF-8":    unicode.UTF8BOM.NewEncoder(),
	} {
		in, err := enc.Bytes(data)
		if err != nil {
			t.Fatal(err)
		}
		if got := parseAll(t, in); got != want {
			t.Errorf("%s: got:\n%s", name, got)
		}
		if !Recognise(in) {
			t.Errorf("%s: not recognised", name)
		}
	}
}

func TestRecogniseNot(t *testing.T) {
	data, err := os.ReadFile("testdata/notes.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, head := range [][]byte{data, nil, bytes.Repeat([]byte{0}, 4096), []byte("::::::::"), []byte("#Fields: date time ::1 80")} {
		if Recognise(head) {
			t.Errorf("%.60q was recognised", head)
		}
	}
}

// The published lines: both excerpts of the troubleshooting article, as a file of their own and inside the page.
func TestSamples(t *testing.T) {
	type key struct {
		kind         Kind
		code, target uint32
	}
	// Kinds and codes of the two excerpts; the page's first one does not show every frame of the file's.
	want := map[key]int{
		{State, 0, 0}:          2,
		{Call, 0, 0}:           1,
		{Other, 0, 0}:          2,
		{Completion, 1460, 0}:  1,
		{Failure, 1460, 0}:     1,
		{Mapped, 1460, 12002}:  1,
		{Returning, 12002, 0}:  2,
		{Done, 12002, 0}:       1,
		{Completion, 10060, 0}: 1,
		{Failure, 10060, 0}:    1,
		{Mapped, 10060, 12002}: 1,
	}
	for _, name := range []string{"samples/text/arr_502_winhttp_trace_win2008r2.txt", "guides/002_2ad5ee48b162fb7b.txt"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("../../../shared", name))
			if err != nil {
				if os.Getenv("ETWHY_SAMPLES") == "required" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			got := make(map[key]int)
			for l, err := range Parse(bytes.NewReader(data)) {
				if err != nil {
					t.Fatal(err)
				}
				got[key{l.Kind, l.Code, l.Target}]++
				clock, pid, process := "2011-07-22 12:32:23.123", uint32(1432), "w3wp.exe"
				if l.Time.Time().Minute() == 26 {
					clock, pid, process = "2011-07-22 12:26:39.704", 0, ""
				}
				if s := l.Time.Time().Format("2006-01-02 15:04:05.000"); s != clock || l.PID != pid || l.Process != process {
					t.Errorf("line %d: %s %s (%d), want %s %s (%d): %s", l.Number, s, l.Process, l.PID, clock, process, pid, l.Text)
				}
				if strings.Contains(l.Text, "NetEvent") || strings.Contains(l.Text, "WINHTTP_M") {
					t.Errorf("line %d keeps its wrapping: %s", l.Number, l.Text)
				}
			}
			for k, n := range want {
				if got[k] != n {
					t.Errorf("%v: %d lines, want %d", k, got[k], n)
				}
			}
			if len(got) != len(want) {
				t.Errorf("got %v", got)
			}
			if !Recognise(data[:min(len(data), HeadSize)]) {
				t.Error("not recognised")
			}
		})
	}
}

func TestParseMessage(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Line
	}{
		{"12:26:39.704 ::WinHttpReceiveResponse(0x11d23d0, 0x0)", Line{Kind: Call, API: "WinHttpReceiveResponse", Args: "0x11d23d0, 0x0", Handle: 0x11d23d0}},
		{"::sys-recver failed to receive headers; error = ? (1460)\r\n", Line{Kind: Failure, Who: "sys-recver", API: "receive headers", Name: "?", Code: 1460}},
		{"sys-recver processing WebReceiveHttpResponse completion (error-cdoe = WSAETIMEDOUT (0x274c), overlapped = 003728F0))", Line{Kind: Completion, Who: "sys-recver", API: "WebReceiveHttpResponse", Name: "WSAETIMEDOUT", Code: 10060}},
		{"sys-recver processing WebReceiveHttpResponse completion (error-code = ? (0x5b4), overlapped = 0)", Line{Kind: Completion, Who: "sys-recver", API: "WebReceiveHttpResponse", Name: "?", Code: 1460}},
		{"sys-req completes recv-headers inline (sync); error = ERROR_SUCCESS (0)", Line{Kind: Done, Who: "sys-req", API: "recv-headers", Name: "ERROR_SUCCESS"}},
		{"WinHttpOpenRequest() returning handle 0x36aae0", Line{Kind: Return, API: "WinHttpOpenRequest", Args: "handle 0x36aae0", Handle: 0x36aae0}},
		{"ERROR_WINHTTP_FROM_WIN32 mapped (?) 99999999999 to (X) 12002", Line{Kind: Mapped, Name: "?", TargetName: "X", Target: 12002}},
		{"current thread is not impersonating", Line{}},
		{"", Line{}},
	} {
		got, ok := ParseMessage(c.in)
		if ok != (c.want.Kind != Other) {
			t.Errorf("%q: ok = %v", c.in, ok)
		}
		got.Text, got.Clock = "", 0
		if got != c.want {
			t.Errorf("%q:\n got %+v\nwant %+v", c.in, got, c.want)
		}
	}
}

func TestParseName(t *testing.T) {
	for name, want := range map[string]string{
		"winhttp-w3wp.exe.1432.20110722.LOG":  "w3wp.exe 1432 true",
		"svchost.exe.88.1.log":                "svchost.exe 88 true",
		"u_ex130609.log":                      " 0 false",
		"w3wp.exe.txt":                        " 0 false",
		"a-b-w3wp.exe.99999999999.x.LOG":      "w3wp.exe 0 true",
		"winhttp-w3wp.exe.1432.20110722.LOGx": " 0 false",
	} {
		process, pid, ok := ParseName(name)
		if got := fmt.Sprint(process, " ", pid, " ", ok); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestLongLines(t *testing.T) {
	line := "12:00:00.001 ::sys-recver starts in _INIT state\n"
	data := line + strings.Repeat("x", 3*maxLine) + "\n" + line
	var numbers []int
	for l, err := range Parse(strings.NewReader(data)) {
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, l.Number)
	}
	if fmt.Sprint(numbers) != "[1 3]" {
		t.Errorf("lines %v, want [1 3]", numbers)
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("disk gone")
	in := iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("12:00:00.001 ::sys-recver starts in _INIT state\n")))
	var last error
	for _, err := range Parse(in) {
		last = err
	}
	if !errors.Is(last, iotest.ErrTimeout) {
		t.Errorf("got %v", last)
	}
	n := 0
	for l, err := range Parse(iotest.ErrReader(broken)) {
		n++
		if err != broken || l.Number != 0 {
			t.Errorf("got %+v, %v", l, err)
		}
	}
	if n != 1 {
		t.Errorf("%d steps, want 1", n)
	}
}

func FuzzParse(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.*")
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		last, known := 0, false
		newlines := bytes.Count(data, []byte("\n"))
		plain := utf8.Valid(data) && !bytes.HasPrefix(data, []byte("\xEF\xBB\xBF"))
		unescaped := bytes.ReplaceAll(data, []byte(`\_`), []byte("_"))
		for l, err := range Parse(bytes.NewReader(data)) {
			if err != nil {
				t.Fatal(err)
			}
			if l.Number < last || plain && l.Number > newlines+1 {
				t.Fatalf("line number %d after %d, of %d", l.Number, last, newlines+1)
			}
			last = l.Number
			if l.Clock < 0 || l.Clock >= 24*time.Hour {
				t.Fatalf("clock %v", l.Clock)
			}
			if plain && len(data) < maxLine && !bytes.Contains(unescaped, []byte(l.Text)) {
				t.Fatalf("text %q is not in the input", l.Text)
			}
			if l.Kind == Mapped && !strings.Contains(l.Text, fmt.Sprint(l.Target)) && l.Target != 0 {
				t.Fatalf("target %d is not in %q", l.Target, l.Text)
			}
			if l.Kind != Sent && l.Kind != Received {
				again, ok := ParseMessage(l.Text)
				if l.Tag == "" && again.Tag == "" && again.Text == l.Text && (ok != (l.Kind != Other) || again.Code != l.Code || again.API != l.API) {
					t.Fatalf("%q parses to %+v inside a file and to %+v alone", l.Text, l, again)
				}
			}
			known = known || l.Kind != Other
		}
		if known && len(data) < maxLine && !Recognise(data) {
			t.Fatal("a known line, but not recognised")
		}
	})
}

func BenchmarkParseMessage(b *testing.B) {
	for _, text := range []string{
		"12:32:23.123 ::current thread is not impersonating",
		"12:32:23.123 ::sys-recver failed to receive headers; error = ? (1460)",
	} {
		b.Run(text[15:25], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ParseMessage(text)
			}
		})
	}
}
