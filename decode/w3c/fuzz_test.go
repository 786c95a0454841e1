package w3c

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"github.com/etwhy/etwhy/etl"
)

// However the bytes arrive, and with a window that holds everything, the entries are the same; each is found at its
// offset in the file.
func FuzzReader(f *testing.F) {
	for name, data := range testdata(f) {
		f.Add(data, name)
	}
	f.Add([]byte("\xff\xfe#\x00F\x00"), "u_ex240305.log")
	f.Add([]byte("#Fields: time sc-status s-ip\n\x00\x0001:00 200 -\n\"\" \" \n"), "")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		summarize := func(r io.Reader, o Options) string {
			reader := NewReader(r, o)
			var list []*Entry
			for e, err := range reader.Entries() {
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, e.Clone())
				for name, value := range e.Fields() {
					if name == "" || value == "" || value == "-" {
						t.Fatalf("field %q is %q", name, value)
					}
				}
			}
			return summary(list, reader)
		}
		want := summarize(bytes.NewReader(data), Options{Name: name})
		if got := summarize(iotest.HalfReader(bytes.NewReader(data)), Options{Name: name}); got != want {
			t.Errorf("in other pieces:\n%s\nwant\n%s", got, want)
		}
		if got := summarize(bytes.NewReader(data), Options{Name: name, From: 1, To: etl.Time(1) << 62}); got != want {
			t.Errorf("within a wide window:\n%s\nwant\n%s", got, want)
		}
		list, _ := read(t, data, Options{Name: name})
		for _, e := range list {
			if at := e.Offset; bytes.IndexByte(data, 0) < 0 && !bytes.HasPrefix(data[at:], e.line) {
				t.Errorf("line %d is not at %d", e.Line, at)
			}
		}
		kind, ok := Recognise(data)
		if ok != (kind != Unknown) || len(data) <= HeadSize && len(list) > 0 && !kind.Readable() && list[0].Dated != NameDate {
			t.Errorf("%d entries, recognised as %v, %v", len(list), kind, ok)
		}
	})
}

func FuzzParseLine(f *testing.F) {
	f.Add("HTTP/1.1 GET /time/ - 1 Connection_Dropped DefaultAppPool")
	f.Add("502 3 12002 29889")
	f.Add("2024-03-05 16:52:00 10.0.0.1 GET /plain - 80 - 10.0.0.2 - - 502 4 0 0")
	f.Fuzz(func(t *testing.T, line string) {
		e, ok := ParseLine(line)
		if !ok {
			return
		}
		// The same line again is the same entry.
		again, ok := ParseLine(" " + e.Text() + "\r\n")
		if !ok || render(again) != render(e) {
			t.Errorf("%q is not %q", e.Text(), line)
		}
	})
}
