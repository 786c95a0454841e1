package eventlog_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/decode/eventlog/eventlogtest"
)

// check reads data and holds what is true of every file, good or bad.
func check(t testing.TB, data []byte) []*eventlog.Entry {
	t.Helper()
	r := eventlog.NewReader(bytes.NewReader(data), int64(len(data)), eventlog.Options{})
	var list []*eventlog.Entry
	last := int64(-1)
	for e, err := range r.Entries() {
		if err != nil {
			t.Fatalf("error of bytes: %v", err)
		}
		if e.Offset <= last {
			t.Fatalf("offset %d after %d", e.Offset, last)
		}
		last = e.Offset
		if last >= 3*int64(len(data)) { // UTF-16 grows as UTF-8
			t.Fatalf("offset %d of %d bytes", last, len(data))
		}
		if f, ok := e.Fact(); ok != eventlog.Known(e.Provider, e.ID) || ok && f.Kind.String() == "" {
			t.Fatalf("fact %+v, %v", f, ok)
		}
		list = append(list, e.Clone())
	}
	if n := r.Coverage().Entries; n != int64(len(list)) {
		t.Fatalf("%d entries are covered, %d read", n, len(list))
	}
	_, known := eventlog.Recognise(data)
	if !known && (len(list) > 0 || len(r.Anomalies()) != 1) {
		t.Fatalf("%d entries of no log, %v", len(list), r.Anomalies())
	}
	for _, a := range r.Anomalies() {
		if a.Kind.String() == "" || a.Count < 1 || a.Detail == "" {
			t.Fatalf("%+v", a)
		}
	}
	return list
}

func TestCutXML(t *testing.T) {
	for _, name := range []string{"rendered.xml", "appservice.xml", "export.csv", "german.csv"} {
		data := testFile(t, name)
		whole := check(t, data)
		for n := range data {
			list := check(t, data[:n])
			for i := range list { // the last may be cut itself
				if i < len(list)-1 && (list[i].Offset != whole[i].Offset || list[i].Message != whole[i].Message) {
					t.Fatalf("%s, %d bytes: entry %d differs", name, n, i)
				}
			}
		}
	}
}

// A file that is cut off behind an event says so; one without anything around its events is whole.
func TestCutBehindEvent(t *testing.T) {
	whole := strings.TrimSpace(string(export(t, "computer WEB02\nchannel System\n2026-03-05T09:14:07Z WAS 5002 warning Shop\n2026-03-05T09:14:08Z WAS 5002 warning Shop")))
	cut, ok := strings.CutSuffix(whole, "</Events>")
	if !ok {
		t.Fatal(whole)
	}
	cut = strings.TrimSpace(cut)
	for _, test := range []struct{ text, want string }{
		{whole, "[]"},
		{cut, fmt.Sprintf("[offset %#x: the file is cut off behind an event]", len(cut))},
		{cut[strings.Index(cut, "<Event "):], "[]"},
		{cut[strings.LastIndex(cut, "<Event "):], "[]"},
		{strings.Replace(whole, "</Event>", "", 1), fmt.Sprintf("[offset %#x: the event has no end: the file is cut off, or damaged]", strings.Index(cut, "<Event "))},
		{strings.ReplaceAll(whole, "</Event>", ""), fmt.Sprintf("[offset %#x: the event has no end: the file is cut off, or damaged; 2 times in all]", strings.Index(cut, "<Event "))},
	} {
		_, r := read(t, []byte(test.text), eventlog.Options{})
		if got := fmt.Sprint(r.Anomalies()); got != test.want {
			t.Errorf("...%q: %s, want %s", test.text[max(0, len(test.text)-30):], got, test.want)
		}
	}
}

func TestCutMade(t *testing.T) {
	data := madeFilled()
	for n := range data {
		if list := check(t, data[:n]); len(list) > 1 {
			t.Fatalf("%d of %d bytes: %d entries", n, len(data), len(list))
		}
	}
	if n := len(check(t, data)); n == 0 {
		t.Error("no entries")
	}
}

func TestCutEVTX(t *testing.T) {
	data := sample(t, "evtx/Application_no_crc32.evtx")
	before := 0
	for n := 0; n < len(data); n += 61 {
		count := len(check(t, data[:n]))
		if count < before {
			t.Fatalf("%d bytes: %d entries, %d before", n, count, before)
		}
		before = count
	}
	if before != 17 {
		t.Errorf("%d entries", before)
	}
}

// mutate changes some bytes of data.
func mutate(data []byte, r *rand.Rand) []byte {
	m := bytes.Clone(data)
	for range 1 + r.IntN(8) {
		i := r.IntN(len(m))
		switch r.IntN(6) {
		case 0:
			m[i] ^= 1 << r.IntN(8)
		case 1:
			m[i] = byte(r.IntN(256))
		case 2:
			m[i] = 0xFF
		case 3:
			m[i] = "<>&'\"/=,;\x00"[r.IntN(10)]
		case 4: // a piece is repeated elsewhere
			n := min(r.IntN(64), len(m)-i)
			copy(m[r.IntN(len(m)):], bytes.Clone(m[i:i+n]))
		case 5: // a piece is lost
			n := min(r.IntN(16), len(m)-i)
			if len(m) > 2*n {
				m = append(m[:i], m[i+n:]...)
			}
		}
	}
	return m
}

func TestMutations(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"rendered.xml", "appservice.xml", "export.csv", "german.csv"} {
		data := testFile(t, name)
		for range 2500 {
			check(t, mutate(data, r))
		}
	}
	made := madeFilled()
	for range 2500 {
		check(t, mutate(made, r))
	}
}

// madeFilled returns the part of a made log that holds something.
func madeFilled() []byte {
	filled := madeRecord(values{
		{Type: 0x01, Data: eventlogtest.UTF16("w3wp.exe")}, {Type: 0x14, Data: []byte{5, 0, 7, 0x80}}, {Type: 0x81, Data: eventlogtest.UTF16("one\x00two\x00")}})
	return bytes.TrimRight(madeEVTX(filled, filled), "\x00")
}

func TestMutationsEVTX(t *testing.T) {
	data := sample(t, "evtx/Application_no_crc32.evtx")[:4096+28<<10] // header and what is filled of the chunk
	r := rand.New(rand.NewPCG(3, 4))
	for range 6000 {
		check(t, mutate(data, r))
	}
	busy := sample(t, "evtx/System.evtx")[:4096+64<<10]
	for range 4000 {
		check(t, mutate(busy, r))
	}
}

func TestDamageCostsOneEvent(t *testing.T) {
	good := export(t, story)
	for _, test := range []struct {
		name, from, to, anomaly string
		want                    int
	}{
		{"lost end", "</Data><Data Name='ProcessID'>6700</Data></EventData></Event>", "</Data>", "open-event", 4},
		{"lost end of a tag", "<Data Name='ProcessID'>6700", "<Data Name='ProcessID' 6700", "bad-xml", 4},
		{"lost quote in the first", "<Provider Name='Microsoft-Windows-WAS'", "<Provider Name='Microsoft-Windows-WAS", "bad-xml", 3},
		{"unknown entity", "6700", "&boom;", "bad-xml", 4},
		{"no provider", "<System><Provider Name='Microsoft-Windows-WAS'/><EventID Qualifiers='0'>9999</EventID>", "<System>", "bad-xml", 3},
		{"no time", "2026-03-05T09:12:21.0000000Z", "yesterday", "undated", 4},
	} {
		if !bytes.Contains(good, []byte(test.from)) {
			t.Fatalf("%s: nothing to damage", test.name)
		}
		list, r := read(t, bytes.Replace(good, []byte(test.from), []byte(test.to), 1), eventlog.Options{})
		if len(list) != test.want {
			t.Errorf("%s: %d entries", test.name, len(list))
		}
		if got := kinds(r); len(got) != 1 || got[0] != test.anomaly {
			t.Errorf("%s: %v", test.name, r.Anomalies())
		}
	}
}

func TestDepth(t *testing.T) {
	event := func(middle string) []byte {
		return []byte("<Events><Event" + ns + "><System><Provider Name='x'/><EventID>1</EventID><EventRecordID>1</EventRecordID></System>" + middle + "</Event></Events>")
	}
	const depth = 100_000
	for name, data := range map[string][]byte{
		"elements":    event("<UserData>" + strings.Repeat("<a>", depth) + "x" + strings.Repeat("</a>", depth) + "</UserData>"),
		"open":        event("<UserData>" + strings.Repeat("<a>", depth)),
		"events":      []byte("<Events>" + strings.Repeat("<Event"+ns+">", depth)),
		"ends":        event(strings.Repeat("</a>", depth)),
		"attributes":  event("<EventData><Data " + strings.Repeat("a='b' ", depth) + "/></EventData>"),
		"fields":      event("<EventData>" + strings.Repeat("<Data>1</Data>", depth/2) + "</EventData>"),
		"csv columns": []byte("A,B,C,D,E\nx,3/25/2026 14:12:21,Tcpip,4231,y" + strings.Repeat(",", depth) + "\nx,3/25/2026 14:12:21,Tcpip,4231,y\n"),
	} {
		list := check(t, data)
		for _, e := range list {
			if len(e.Fields) > 1000 {
				t.Errorf("%s: %d fields", name, len(e.Fields))
			}
		}
	}
	if list := check(t, event("<UserData>"+strings.Repeat("<a>", depth)+"x"+strings.Repeat("</a>", depth)+"</UserData>")); len(list) != 1 || list[0].At(0) != "x" {
		t.Errorf("%d entries", len(list))
	}
}

func TestBillionLaughs(t *testing.T) {
	var b strings.Builder
	b.WriteString("<?xml version='1.0'?><!DOCTYPE Events [<!ENTITY a0 'ha'>")
	for i := range 30 {
		fmt.Fprintf(&b, "<!ENTITY a%d '%s'>", i+1, strings.Repeat(fmt.Sprintf("&a%d;", i), 10))
	}
	b.WriteString("]><Events><Event" + ns + "><System><Provider Name='x'/><EventID>1</EventID><TimeCreated SystemTime='2026-03-05T09:12:21Z'/><EventRecordID>1</EventRecordID></System>" +
		"<EventData><Data>&a30;</Data></EventData></Event></Events>")
	list, r := read(t, []byte(b.String()), eventlog.Options{})
	if len(list) != 1 || list[0].At(0) != "&a30;" {
		t.Errorf("%d entries", len(list))
	}
	if got := kinds(r); len(got) != 1 || got[0] != "bad-xml" {
		t.Errorf("%v", got)
	}
}

// A stretched text is head, then fill for as long as size goes, then tail. It is not in memory.
type stretched struct {
	head, fill, tail string
	size             int64
}

func (s stretched) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		at := off + int64(n)
		switch start := s.size - int64(len(s.tail)); {
		case at >= s.size:
			return n, io.EOF
		case at < int64(len(s.head)):
			n += copy(p[n:], s.head[at:])
		case at >= start:
			n += copy(p[n:], s.tail[at-start:])
		default:
			i := (at - int64(len(s.head))) % int64(len(s.fill))
			n += copy(p[n:min(len(p), n+int(start-at))], s.fill[i:])
		}
	}
	return n, nil
}

func TestLongLines(t *testing.T) {
	system := "<System><Provider Name='x'/><EventID>1</EventID><EventRecordID>1</EventRecordID></System>"
	event := "<Event" + ns + ">" + system + "</Event>"
	row := "x,3/25/2026 14:12:21,Tcpip,4231,y\n"
	for _, test := range []struct {
		name string
		text stretched
		want int
		kind string
	}{
		{"data", stretched{"<Events><Event" + ns + ">" + system + "<EventData><Data>", strings.Repeat("a", 4096), "</Data></EventData></Event>" + event + "</Events>", 1 << 30}, 2, "long-event"},
		{"between", stretched{"<Events>" + event, strings.Repeat("<", 4096), event + "</Events>", 1 << 30}, 2, ""},
		{"attribute", stretched{"<Events><Event" + ns + ">" + system + "<EventData><Data Name='", strings.Repeat("a", 4096), "'/></EventData></Event>" + event + "</Events>", 1 << 30}, 2, "long-event"},
		{"row", stretched{"A,B,C,D,E\n" + row, strings.Repeat("a", 4096), "\n" + row, 1 << 28}, 2, "long-event"},
		{"quote", stretched{"A,B,C,D,E\n" + row + "\"", strings.Repeat("a,", 2048), "\n" + row, 1 << 28}, 2, "long-event"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := eventlog.NewReader(test.text, test.text.size, eventlog.Options{})
		n, peak := 0, uint64(0)
		for e, err := range r.Entries() {
			if err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			peak = max(peak, after.HeapSys)
			if n++; len(e.At(0)) > 64<<10 {
				t.Errorf("%s: a value of %d bytes", test.name, len(e.At(0)))
			}
		}
		if n != test.want {
			t.Errorf("%s: %d entries", test.name, n)
		}
		if got := strings.Join(kinds(r), " "); !strings.Contains(got, test.kind) {
			t.Errorf("%s: %s", test.name, got)
		}
		if peak > before.HeapSys+64<<20 {
			t.Errorf("%s: %d MB of memory", test.name, (peak-before.HeapSys)>>20)
		}
	}
}

// A value that is too long is cut between two characters, a name as well.
func TestLongValues(t *testing.T) {
	for _, long := range []string{strings.Repeat("日", 30_000), "a" + strings.Repeat("日", 30_000), "aa" + strings.Repeat("日", 30_000), strings.Repeat("😀", 30_000), strings.Repeat("x", 100_000)} {
		const system = "<EventID>1</EventID><EventRecordID>1</EventRecordID></System>"
		data := []byte("<Events><Event" + ns + "><System><Provider Name='x'/>" + system + "</Event><Event" + ns + "><System><Provider Name='" + long + "'/>" + system +
			"<EventData><Data Name='" + long + "'>" + long + "&lt;" + long + "</Data></EventData><RenderingInfo><Message>" + long + "</Message></RenderingInfo></Event></Events>")
		list := check(t, data)
		if len(list) != 2 || len(list[1].Fields) != 1 {
			t.Fatalf("%d entries", len(list))
		}
		e := list[1]
		for _, got := range []string{e.Provider, e.Fields[0].Name, e.Fields[0].Value, e.Message} {
			if len(got) > 64<<10 || len(got) <= 64<<10-4 || !strings.HasPrefix(long, got) {
				t.Errorf("%d bytes of %.10q...: %.10q...", len(got), long, got)
			}
		}
	}
}

// Names that are not repeated do not pile up, nor does a file that is shorter than it is told to be take its time.
func TestHold(t *testing.T) {
	event := "<Event" + ns + "><System><Provider Name='%07d" + strings.Repeat("x", 60_000) + "'/><EventID>1</EventID><EventRecordID>1</EventRecordID></System></Event>"
	var data bytes.Buffer
	data.WriteString("<Events>")
	const n = 1500
	for i := range n {
		fmt.Fprintf(&data, event, i)
	}
	var before, after runtime.MemStats
	r := eventlog.NewReader(bytes.NewReader(data.Bytes()), int64(data.Len()), eventlog.Options{})
	runtime.GC()
	runtime.ReadMemStats(&before)
	count := 0
	for range r.Entries() {
		count++
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); count != n || held > 8<<20 {
		t.Errorf("%d entries, %d KB held", count, held>>10)
	}
	runtime.KeepAlive(r)

	short := madeEVTX(madeRecord(nil))
	r = eventlog.NewReader(bytes.NewReader(short), 1<<50, eventlog.Options{})
	count = 0
	for range r.Entries() {
		count++
	}
	if count != 1 {
		t.Errorf("%d entries", count)
	}
}

func FuzzReader(f *testing.F) {
	for _, name := range []string{"rendered.xml", "appservice.xml", "export.csv", "german.csv"} {
		f.Add(testFile(f, name))
	}
	f.Add(madeEVTX(madeRecord(nil)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 256<<10 {
			return
		}
		check(t, data)
	})
}
