package freb_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
	"weak"

	"github.com/etwhy/etwhy/decode/freb"
	"github.com/google/go-cmp/cmp"
)

// Whatever is cut off, what came before is the same, and the cut is told.
func TestTruncated(t *testing.T) {
	file := made(t, "filtered")
	whole, err := read(t, bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	rootEnd := bytes.Index(file, []byte("<Event ")) - len("\r\n")
	end := bytes.Index(file, []byte("</failedRequest>")) + len("</failedRequest>")
	for n := range len(file) {
		got, err := read(t, bytes.NewReader(file[:n]))
		if err != nil {
			if n >= rootEnd || !errors.Is(err, freb.ErrFormat) {
				t.Fatalf("%d bytes: %v", n, err)
			}
			continue
		}
		if n < end && (len(got.anomalies) != 1 && len(got.anomalies) != 2) || n >= end && len(got.anomalies) > 0 {
			t.Fatalf("%d bytes of %d: %v", n, len(file), got.anomalies)
		}
		complete := bytes.Count(file[:n], []byte("</Event>"))
		if len(got.events) != complete || complete > 0 && !reflect.DeepEqual(whole.events[:complete], got.events) {
			t.Fatalf("%d bytes: %d events, %d are complete", n, len(got.events), complete)
		}
	}
}

// Damage costs the events that it hits.
func TestMutations(t *testing.T) {
	file := made(t, "arr-timeout")
	whole, err := read(t, bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	first := int(whole.events[0].Offset)
	random := rand.New(rand.NewPCG(1, 2))
	damaged := make([]byte, len(file))
	for range 10_000 {
		copy(damaged, file)
		at := first + random.IntN(len(file)-first)
		switch random.IntN(3) {
		case 0:
			damaged[at] = byte(random.Uint32())
		case 1:
			damaged[at] = "<>\"'&/!?="[random.IntN(9)]
		case 2:
			n := min(random.IntN(100), len(file)-at)
			copy(damaged[at:at+n], file[random.IntN(len(file)-n):])
		}
		got, err := read(t, bytes.NewReader(damaged))
		if err != nil {
			t.Fatal(err)
		}
		// The hundred bytes may lie across two events.
		if len(got.events) < len(whole.events)-2 && !slices.ContainsFunc(got.anomalies, swallowed) {
			t.Fatalf("damage at %#x leaves %d events of %d: %v", at, len(got.events), len(whole.events), got.anomalies)
		}
		if len(got.events) != len(whole.events) && len(got.anomalies) == 0 {
			t.Fatalf("damage at %#x leaves %d events of %d without a word", at, len(got.events), len(whole.events))
		}
		check(t, got)
	}
}

// swallowed reports whether XML reads the rest of the file as one thing.
func swallowed(a freb.Anomaly) bool { return a.Kind == freb.CutFile || a.Kind == freb.Doctype }

// check tests what holds for every result.
func check(t *testing.T, res result) {
	t.Helper()
	last := int64(-1)
	for _, ev := range res.events {
		if ev.Offset <= last {
			t.Fatalf("an event at %#x follows one at %#x", ev.Offset, last)
		}
		last = ev.Offset
		for _, s := range []string{ev.Name, ev.Source, ev.Area, ev.Computer} {
			if !utf8.ValidString(s) {
				t.Fatalf("invalid UTF-8: %q", s)
			}
		}
		for _, f := range ev.Fields {
			if !utf8.ValidString(f.Name) || !utf8.ValidString(f.Value) || !utf8.ValidString(f.Text) {
				t.Fatalf("invalid UTF-8: %+v", f)
			}
		}
	}
	if len(res.anomalies) > 101 {
		t.Fatalf("%d anomalies", len(res.anomalies))
	}
	last = -1
	for _, a := range res.anomalies {
		if a.Offset < last || a.Kind.String() == "" || a.Detail == "" {
			t.Fatalf("anomaly %+v after offset %#x", a, last)
		}
		last = a.Offset
	}
}

// repeated is a reader of head, n times body, and tail.
func repeated(head, body string, n int, tail string) io.Reader {
	readers := []io.Reader{strings.NewReader(head)}
	part := strings.Repeat(body, max(1, 1<<20/len(body)))
	for all := n * len(body); all > 0; all -= len(part) {
		readers = append(readers, strings.NewReader(part[:min(all, len(part))]))
	}
	return io.MultiReader(append(readers, strings.NewReader(tail))...)
}

const (
	head = `<failedRequest url="http://h/" statusCode="404.7">`
	good = `<Event><System><Opcode>1</Opcode></System><EventData><Data Name="RequestVerb">GET</Data></EventData><RenderingInfo><Opcode>GENERAL_REQUEST_START</Opcode></RenderingInfo></Event>`
	tail = good + `</failedRequest>`
)

func TestHostile(t *testing.T) {
	laughs := `<?xml version="1.0"?><!DOCTYPE failedRequest [<!ENTITY lol "lol">`
	for i := range 9 {
		laughs += `<!ENTITY lol` + string(rune('1'+i)) + ` "` + strings.Repeat("&lol;", 10) + `">`
	}
	laughs += `]><failedRequest url="&lol9;"><Event><EventData><Data Name="A">&lol9;</Data></EventData></Event>` + tail
	const gigabyte = 1 << 30
	tests := []struct {
		name   string
		input  io.Reader
		want   []freb.AnomalyKind // the first ones
		events int
	}{
		{"laughs", strings.NewReader(laughs), []freb.AnomalyKind{freb.Doctype, freb.BadEntity, freb.BadEntity}, 2},
		{"deep", repeated(head+"<Event>", "<a>", 100_000, "</Event>"+tail), []freb.AnomalyKind{freb.TooDeep}, 1},
		{"deep outside", repeated(head, "<a>", 100_000, tail), []freb.AnomalyKind{freb.BadXML, freb.TooDeep}, 1},
		{"long value", repeated(head+`<Event><EventData><Data Name="A">`, "x", gigabyte, "</Data></EventData></Event>"+tail), []freb.AnomalyKind{freb.TooLong}, 2},
		{"long CDATA", repeated(head+`<Event><EventData><Data Name="A"><![CDATA[`, "]]", 1<<25, "]]></Data></EventData></Event>"+tail), []freb.AnomalyKind{freb.TooLong}, 2},
		{"many values", repeated(head+`<Event><EventData>`, `<Data Name="A">1</Data>`, 1<<18, "</EventData></Event>"+tail), []freb.AnomalyKind{freb.TooLong}, 2},
		{"long tag", repeated(head+`<Event><EventData><Data Name="`, "x", 1<<26, `"/></EventData></Event>`+tail), []freb.AnomalyKind{freb.BadXML}, 1},
		{"long comment", repeated(head+"<!--", "-- >", 1<<24, "-->"+tail), nil, 1},
		{"text between", repeated(head, "x&y;", 1<<24, tail), nil, 1},
		{"many entities", repeated(head+`<Event><EventData><Data Name="A">`, "&y;", 1<<22, "</Data></EventData></Event>"+tail), []freb.AnomalyKind{freb.BadEntity}, 2},
		{"only <", repeated(head, "<", 1<<24, tail), []freb.AnomalyKind{freb.BadXML}, 1},
		{"no end of value", repeated(head+"<Event><EventData><Data Name=\"A\">", "x", 1<<24, ""), []freb.AnomalyKind{freb.TooLong, freb.CutFile}, 0},
		{"event in event", strings.NewReader(head + "<Event><System>" + tail), []freb.AnomalyKind{freb.BadXML}, 1},
		{"wrong end tag", strings.NewReader(head + "<Event><System></Event>" + tail), []freb.AnomalyKind{freb.BadXML}, 1},
		{"bad numbers", strings.NewReader(head + `<Event><System><Provider Guid="{1}"/><Level>x</Level><TimeCreated SystemTime="now"/></System></Event>` + tail), []freb.AnomalyKind{freb.BadNumber, freb.BadNumber, freb.BadNumber}, 2},
		{"root broken", strings.NewReader(`<failedRequest url="http://h/" ` + tail), []freb.AnomalyKind{freb.BadRoot}, 1},
		{"nothing", strings.NewReader(`<failedRequest/>`), nil, 0},
		{"doctype inside", strings.NewReader(head + `<Event><!DOCTYPE x></Event>` + tail), []freb.AnomalyKind{freb.Doctype}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got, err := read(t, tt.input)
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			check(t, got)
			var kinds []freb.AnomalyKind
			for _, a := range got.anomalies {
				kinds = append(kinds, a.Kind)
			}
			if len(kinds) < len(tt.want) || !slices.Equal(kinds[:len(tt.want)], tt.want) || len(tt.want) == 0 && len(kinds) > 0 || len(got.events) != tt.events {
				t.Errorf("%v, %d events", got.anomalies, len(got.events))
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 32<<20 {
				t.Errorf("%d MB allocated", used>>20)
			}
		})
	}
}

// However many events there are, a request holds a bounded part of them.
func TestBounds(t *testing.T) {
	event := func(name, fields string) string {
		return `<Event><EventData>` + fields + `</EventData><RenderingInfo><Opcode>` + name + `</Opcode></RenderingInfo></Event>`
	}
	body := event("NOTIFY_MODULE_START", `<Data Name="ModuleName">M</Data>`) +
		event("NOTIFY_MODULE_END", `<Data Name="ModuleName">M</Data>`) +
		event("NOTIFY_MODULE_START", `<Data Name="ModuleName">Open</Data>`) +
		event("MODULE_SET_RESPONSE_ERROR_STATUS", "") + event("ARR_SERVER_ROUTED", "") + event("CGI_TIMEOUT", "") +
		event("URL_CHANGED", "") + event("GENERAL_REQUEST_HEADERS", `<Data Name="Headers">Host: h</Data>`)
	const n = 10_000
	trace, err := freb.NewReader(repeated(head, body, n, tail))
	if err != nil {
		t.Fatal(err)
	}
	r, err := trace.Request()
	if err != nil || r.Events != 8*n+1 || trace.Count() != r.Events {
		t.Fatalf("%d events, %v", r.Events, err)
	}
	kept := len(r.Calls) + len(r.Failures) + len(r.Forwards) + len(r.Notes) + len(r.Rewrites) + len(r.Received)
	if len(r.Calls) > 4096 || kept > 4096+5*64 || r.Dropped+kept != 7*n {
		t.Errorf("%d kept, %d dropped", kept, r.Dropped)
	}
}

// A request holds nothing of the file, else thousands of them would hold thousands of files.
func TestKept(t *testing.T) {
	trace, err := freb.NewReader(bytes.NewReader(made(t, "arr-timeout")))
	if err != nil {
		t.Fatal(err)
	}
	r, err := trace.Request()
	if err != nil {
		t.Fatal(err)
	}
	held := weak.Make(trace)
	trace = nil
	runtime.GC()
	if held.Value() != nil {
		t.Error("the trace is still there")
	}
	runtime.KeepAlive(r)
}

func FuzzTrace(f *testing.F) {
	for _, name := range cases(f) {
		f.Add(made(f, name))
	}
	f.Add([]byte(head + "<Event><EventData><Data Name='A'><![CDATA[<&]]>&#x41;&lt;\r\n</Data></EventData></Event>" + tail))
	f.Add([]byte("\xff\xfe<\x00f\x00"))
	f.Add([]byte(head + "<Event><EventData><Data>&&#x41\x1b&lt;</Data></EventData></Event>" + tail))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := read(t, bytes.NewReader(file))
		if err != nil {
			if !errors.Is(err, freb.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		check(t, got)
		if !freb.Recognise(file) {
			t.Error("read, but not recognised")
		}
		slow, err := read(t, iotest.OneByteReader(bytes.NewReader(file)))
		if diff := cmp.Diff(got, slow, cmp.AllowUnexported(result{})); err != nil || diff != "" {
			t.Errorf("in small steps: %v\n%s", err, diff)
		}
		r := request(t, file)
		if r.Events != len(got.events) || r.Duration() < 0 {
			t.Errorf("%d events, %v", r.Events, r.Duration())
		}
		for _, c := range r.Calls {
			if c.Own < 0 || c.Own > c.Duration() {
				t.Errorf("%+v", c)
			}
		}
	})
}
