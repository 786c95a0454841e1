package xmlscan_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/xmlscan"
)

const maxTag = 256

// A piece is a token with all that is told of it.
type piece struct {
	Token    xmlscan.Token
	Offset   int64
	Line     int
	Name     string
	Text     string // of Text, as it is meant
	Known    bool
	Verbatim bool
	Empty    bool
	Fault    xmlscan.Fault
	Attrs    []attr
	Sound    bool
}

type attr struct {
	Name, Value string
	Offset      int64
	Line        int
}

// pieces reads all of s. Texts that follow each other are one: where they are parted is up to the reads.
func pieces(t testing.TB, s *xmlscan.Scanner) (list []piece) {
	t.Helper()
	end := int64(0) // of the last text
	for last := int64(-1); ; {
		p := piece{Token: s.Next(), Offset: s.Offset}
		p.Line = s.Line(s.Offset)
		if p.Token == xmlscan.AtEnd {
			if s.Next() != xmlscan.AtEnd || s.Offset != p.Offset {
				t.Fatal("something comes behind the end")
			}
			return append(list, p)
		}
		if p.Offset <= last {
			t.Fatalf("offset %d after %d", p.Offset, last)
		}
		last = p.Offset
		switch p.Token {
		case xmlscan.StartTag, xmlscan.EndTag, xmlscan.Broken:
			p.Name = string(s.Name)
			a := s.Attributes()
			for name, value, ok := a.Next(); ok; name, value, ok = a.Next() {
				text, _ := xmlscan.AppendText(nil, value)
				p.Attrs = append(p.Attrs, attr{string(name), string(text), a.Offset(), s.Line(a.Offset())})
			}
			if p.Token == xmlscan.Broken {
				if p.Fault = s.Fault; p.Fault.String() == "" {
					t.Fatalf("fault %d", p.Fault)
				}
				break
			}
			p.Sound = a.Sound()
			p.Empty = p.Token == xmlscan.StartTag && s.Empty
		case xmlscan.Text:
			if len(s.Raw) == 0 {
				t.Fatal("a text of nothing")
			}
			text := s.Raw
			if p.Verbatim, p.Known = s.Verbatim, true; !p.Verbatim {
				text, p.Known = xmlscan.AppendText(nil, text)
			}
			p.Text = string(text)
			follows := p.Offset == end
			end = p.Offset + int64(len(s.Raw))
			if n := len(list); n > 0 && list[n-1].Token == xmlscan.Text && follows {
				list[n-1].Text += p.Text
				list[n-1].Known = list[n-1].Known && p.Known
				continue
			}
		}
		list = append(list, p)
	}
}

const sample = "<?xml version=\"1.0\"?>\r\n<!DOCTYPE a [<!ENTITY e \"<>]\">\n]>\n<!--> no <token> -->\n" +
	"<x:root xmlns:x='urn:x'>\r\n\t<Data\n\tName=\"Modul&#x65;\"  Text = 'a > \"b\"'>a &lt; b\r\n&unknown;</Data>" +
	"<![CDATA[a < &amp; ]] > b]]><empty/><empty a=\"1\" />\n<bad a=1 \"b\"c='2'd=\"3\"/><lost <found></found ></x:root>\n"

func TestScanner(t *testing.T) {
	text := func(at int64, line int, s string) piece {
		return piece{Token: xmlscan.Text, Offset: at, Line: line, Text: s, Known: true}
	}
	at := func(s string) int64 { return int64(strings.Index(sample, s)) }
	want := []piece{
		text(21, 1, "\n"),
		{Token: xmlscan.Doctype, Offset: 23, Line: 2},
		text(at("\n<!-->"), 3, "\n"),
		text(at("\n<x:"), 4, "\n"),
		{Token: xmlscan.StartTag, Offset: at("<x:root"), Line: 5, Name: "x:root", Attrs: []attr{{"xmlns:x", "urn:x", at("xmlns"), 5}}, Sound: true},
		text(at("\r\n\t<Data"), 5, "\n\t"),
		{Token: xmlscan.StartTag, Offset: at("<Data"), Line: 6, Name: "Data", Attrs: []attr{{"Name", "Module", at("Name"), 7}, {"Text", "a > \"b\"", at("Text"), 7}}, Sound: true},
		{Token: xmlscan.Text, Offset: at("a &lt;"), Line: 7, Text: "a < b\n&unknown;"},
		{Token: xmlscan.EndTag, Offset: at("</Data"), Line: 8, Name: "Data", Sound: true},
		{Token: xmlscan.Text, Offset: at("a < &amp;"), Line: 8, Text: "a < &amp; ]] > b", Known: true, Verbatim: true},
		{Token: xmlscan.StartTag, Offset: at("<empty/"), Line: 8, Name: "empty", Empty: true, Sound: true},
		{Token: xmlscan.StartTag, Offset: at("<empty a"), Line: 8, Name: "empty", Attrs: []attr{{"a", "1", at("a=\"1"), 8}}, Empty: true, Sound: true},
		text(at("\n<bad"), 8, "\n"),
		{Token: xmlscan.StartTag, Offset: at("<bad"), Line: 9, Name: "bad", Attrs: []attr{{"1 \"b\"c", "2", at("1 \"b"), 9}, {"d", "3", at("d=\"3"), 9}}, Empty: true},
		{Token: xmlscan.Broken, Offset: at("<lost"), Line: 9, Name: "lost", Fault: xmlscan.TagInTag},
		{Token: xmlscan.StartTag, Offset: at("<found"), Line: 9, Name: "found", Sound: true},
		{Token: xmlscan.EndTag, Offset: at("</found"), Line: 9, Name: "found", Sound: true},
		{Token: xmlscan.EndTag, Offset: at("</x:root"), Line: 9, Name: "x:root", Sound: true},
		text(int64(len(sample)-1), 9, "\n"),
		{Token: xmlscan.AtEnd, Offset: int64(len(sample)), Line: 10},
	}
	if diff := cmp.Diff(want, pieces(t, xmlscan.NewBytes([]byte(sample)))); diff != "" {
		t.Error(diff)
	}
	for name, r := range readers([]byte(sample)) {
		if diff := cmp.Diff(want, pieces(t, xmlscan.NewReader(r, 0, maxTag))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func readers(b []byte) map[string]io.Reader {
	return map[string]io.Reader{
		"whole": bytes.NewReader(b), "byte by byte": iotest.OneByteReader(bytes.NewReader(b)), "end with data": iotest.DataErrReader(bytes.NewReader(b)),
	}
}

func TestSound(t *testing.T) {
	for tag, want := range map[string]bool{
		`<a>`: true, `<a/>`: true, `<a b="1"/>`: true, "<a\n\tb = '1'\r\n c='\"'\n>": true, `</a>`: true, `</a >`: true, `<x:a x:b="1">`: true, `<a b="/" />`: true,
		`<a b>`: false, `<a b=1>`: false, `<a b="1"c="2">`: false, `<a ="1">`: false, `<a"b">`: false, `<a b="1"/ >`: false, `<a/ >`: false, `<a/b="1">`: false,
		`<a b="1" c>`: false, `<a b c="1">`: false, `<a b="1" "c">`: false, `<a b="1"x>`: false, `</a/>`: false, `<a='1'>`: false, `<a b==">">`: false,
	} {
		list := pieces(t, xmlscan.NewBytes([]byte(tag)))
		if len(list) != 2 || list[0].Sound != want {
			t.Errorf("%s: %+v", tag, list)
		}
	}
}

// A text that is cut has the same tokens up to the cut.
func TestTruncated(t *testing.T) {
	whole := pieces(t, xmlscan.NewBytes([]byte(sample)))
	for n := range len(sample) {
		list := pieces(t, xmlscan.NewBytes([]byte(sample[:n])))
		last := len(list) - 1
		if end := list[last]; end.Offset != int64(n) {
			t.Fatalf("%d bytes end at %d", n, end.Offset)
		}
		// The last token but one may be cut itself.
		if kept := max(0, last-1); cmp.Diff(whole[:kept], list[:kept]) != "" {
			t.Fatalf("%d bytes: %s", n, cmp.Diff(whole[:kept], list[:kept]))
		}
		for i, p := range list {
			if p.Fault == xmlscan.CutOff && i != last-1 {
				t.Fatalf("%d bytes: cut off at %d", n, p.Offset)
			}
		}
	}
}

// same compares all ways to read b. Where a tag is too long for a reader, it finds others inside of it.
func same(t *testing.T, b []byte) {
	t.Helper()
	var first []piece
	for name, r := range readers(b) {
		list := pieces(t, xmlscan.NewReader(r, 0, maxTag))
		if first == nil {
			first = list
		}
		if diff := cmp.Diff(first, list); diff != "" {
			t.Fatalf("%q, %s: %s", b, name, diff)
		}
	}
	for _, p := range first {
		if p.Fault == xmlscan.NoEnd {
			return
		}
	}
	if diff := cmp.Diff(first, pieces(t, xmlscan.NewBytes(b))); diff != "" {
		t.Fatalf("%q in memory: %s", b, diff)
	}
}

func TestMutations(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		b := []byte(sample)
		for range 1 + random.IntN(4) {
			at := random.IntN(len(b))
			switch random.IntN(3) {
			case 0:
				b[at] = byte(random.Uint32())
			case 1:
				b[at] = "<>\"'&/!?=[]-;\r\n "[random.IntN(16)]
			case 2:
				n := min(random.IntN(40), len(b)-at)
				copy(b[at:at+n], sample[random.IntN(len(sample)-n):])
			}
		}
		same(t, b)
	}
}

func FuzzScanner(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("<a b='&#x41;&#0;&#x110000;&lt;&amp;&'>\r\r\n&#1;]]></a"))
	f.Add([]byte("<![CDATA[]]]]>]]><!DOCTYPE x '>' [<!-- ' -->]><!x></>< ><//>"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4096 {
			return
		}
		same(t, b)
	})
}

// What encoding/xml reads without complaint is read alike here.
func TestOracle(t *testing.T) {
	names := []string{"a", "Data", "x:y", "_ü"}
	random := rand.New(rand.NewPCG(3, 4))
	var write func(w *strings.Builder, depth int)
	write = func(w *strings.Builder, depth int) {
		name := names[random.IntN(len(names))]
		fmt.Fprintf(w, "<%s%s", name, strings.Repeat(" ", random.IntN(2)))
		for i := range random.IntN(3) {
			fmt.Fprintf(w, "\n a%d%s=%s'%s'", i, []string{"", " "}[random.IntN(2)], []string{"", " "}[random.IntN(2)], []string{"", "1", "&quot;x&#10;", "a > b"}[random.IntN(4)])
		}
		if random.IntN(4) == 0 {
			w.WriteString("/>")
			return
		}
		w.WriteString(">")
		for range random.IntN(5) {
			switch random.IntN(6) {
			case 0:
				w.WriteString("text &amp; more\r\n")
			case 1:
				w.WriteString("<![CDATA[<&lt;>]]>")
			case 2:
				w.WriteString("<!-- <no> -->")
			case 3:
				w.WriteString("<?php '<' ?>")
			default:
				if depth < 5 {
					write(w, depth+1)
				}
			}
		}
		fmt.Fprintf(w, "</%s>", name)
	}
	for range 300 {
		var w strings.Builder
		write(&w, 0)
		var want, got []string
		d := xml.NewDecoder(strings.NewReader(w.String()))
		for {
			token, err := d.RawToken()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%v in %s", err, w.String())
			}
			switch token := token.(type) {
			case xml.StartElement:
				s := "<" + token.Name.Local
				for _, a := range token.Attr {
					s += " " + a.Name.Local + "=" + a.Value
				}
				want = append(want, s)
			case xml.EndElement:
				want = append(want, "/"+token.Name.Local)
			case xml.CharData:
				want = append(want, string(token))
			}
		}
		for _, p := range pieces(t, xmlscan.NewBytes([]byte(w.String()))) {
			local := string(xmlscan.Local([]byte(p.Name)))
			switch p.Token {
			case xmlscan.StartTag:
				s := "<" + local
				for _, a := range p.Attrs {
					s += " " + a.Name + "=" + a.Value
				}
				got = append(got, s)
				if p.Empty {
					got = append(got, "/"+local)
				}
			case xmlscan.EndTag:
				got = append(got, "/"+local)
			case xmlscan.Text:
				got = append(got, p.Text)
			}
			if (p.Token == xmlscan.StartTag || p.Token == xmlscan.EndTag) && !p.Sound {
				t.Fatalf("%+v is not sound in %s", p, w.String())
			}
		}
		// Comments part texts for one and not for the other.
		if strings.Join(want, "") != strings.Join(got, "") {
			t.Fatalf("%s\n%q\n%q", w.String(), want, got)
		}
	}
}

func TestReference(t *testing.T) {
	for in, want := range map[string]string{
		"&lt;&gt;&amp;&quot;&apos;": `<>&"'`, "&#65;&#x41;&#x0010FFFF;": "AA\U0010FFFF", "a\r\nb\rc\n": "a\nb\nc\n", "": "",
	} {
		if got, known := xmlscan.AppendText(nil, []byte(in)); string(got) != want || !known {
			t.Errorf("%q: %q, %v", in, got, known)
		}
	}
	for _, in := range []string{"&", "&;", "&lol;", "&#;", "&#x;", "&#0;", "&#x110000;", "&#xg;", "&#-1;", "&#6a;", "&#X41;", "&lt", "&nbsp;", "&#99999999999999999999;"} {
		if got, known := xmlscan.AppendText([]byte("x"), []byte(in)); string(got) != "x"+in || known {
			t.Errorf("%q: %q, %v", in, got, known)
		}
	}
}

// stream is head, n times body, and tail.
func stream(head, body string, n int, tail string) io.Reader {
	part := strings.Repeat(body, max(1, 1<<20/len(body)))
	all := []io.Reader{strings.NewReader(head)}
	for left := n * len(body); left > 0; left -= len(part) {
		all = append(all, strings.NewReader(part[:min(left, len(part))]))
	}
	return io.MultiReader(append(all, strings.NewReader(tail))...)
}

// Whatever comes, memory is bounded, and <end/> is found behind it.
func TestHostile(t *testing.T) {
	laughs := `<!DOCTYPE a [<!ENTITY a0 "ha">`
	for i := range 30 {
		laughs += fmt.Sprintf(`<!ENTITY a%d "%s">`, i+1, strings.Repeat(fmt.Sprintf("&a%d;", i), 10))
	}
	const gigabyte = 1 << 30
	for _, tt := range []struct {
		name   string
		in     io.Reader
		tokens int // at most; 0 = any number
	}{
		{"text", stream("<a>", "x", gigabyte, "<end/>"), 0},
		{"line breaks", stream("<a>", "\r\n", 1<<26, "<end/>"), 0},
		{"CDATA", stream("<![CDATA[", "]]", 1<<26, "]]><end/>"), 0},
		{"comment", stream("<!--", "-- >", 1<<25, "--><end/>"), 1},
		{"instruction", stream("<?x ", "?", 1<<26, "?><end/>"), 1},
		{"document type", stream("<!DOCTYPE a [", "<!ENTITY a 'b'>", 1<<22, "]><end/>"), 2},
		{"depth", stream("", "<a>", 100_000, "<end/>"), 100_001},
		{"tag", stream("<a b='", "x", 1<<26, "'/><end/>"), 0},
		{"name", stream("<", "x", 1<<26, "/><end/>"), 0},
		{"only <", stream("", "<", 1<<20, "<end/>"), 0},
		{"only &", stream("", "&", 1<<20, "<end/>"), 0},
		{"laughs", strings.NewReader(laughs + `]><a b="&a30;">&a30;</a><end/>`), 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s := xmlscan.NewReader(tt.in, 0, 64<<10)
			n, end, text := 0, false, []byte(nil)
			for token := s.Next(); token != xmlscan.AtEnd; token = s.Next() {
				n++
				end = token == xmlscan.StartTag && string(s.Name) == "end"
				if token == xmlscan.Text {
					if text, _ = xmlscan.AppendText(text[:0], s.Raw); len(text) > len(s.Raw) {
						t.Fatalf("%d bytes become %d", len(s.Raw), len(text))
					}
				}
				if s.Line(s.Offset); len(s.Raw) > 64<<10 {
					t.Fatalf("a token of %d bytes", len(s.Raw))
				}
			}
			runtime.ReadMemStats(&after)
			if err := s.Err(); err != nil || !end || tt.tokens > 0 && n > tt.tokens {
				t.Errorf("%d tokens, end %v, %v", n, end, err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
				t.Errorf("%d KB allocated", used>>10)
			}
		})
	}
}

// Lines are counted through what has left memory.
func TestLine(t *testing.T) {
	const lines = 200_000
	for name, in := range map[string]io.Reader{
		"text": stream("", "a line of text\n", lines, "<end/>"), "comment": stream("<!--", "a line\n", lines, "--><end/>"),
		"tags": stream("", "<a\nb='1'/>", lines, "<end/>"), "asked": stream("", "<ask\nb='1'/>", lines, "<end/>"),
	} {
		s := xmlscan.NewReader(in, 0, maxTag)
		for token := s.Next(); token != xmlscan.AtEnd; token = s.Next() {
			if string(s.Name) == "ask" && token == xmlscan.StartTag {
				a := s.Attributes()
				a.Next()
				if s.Line(a.Offset()) != s.Line(s.Offset)+1 { // forth and back
					t.Fatalf("%s: offset %d", name, s.Offset)
				}
			}
			if string(s.Name) == "end" && s.Line(s.Offset) != lines+1 {
				t.Errorf("%s: line %d", name, s.Line(s.Offset))
			}
		}
	}
}

func TestError(t *testing.T) {
	broken := errors.New("cable unplugged")
	for n := range len(sample) {
		s := xmlscan.NewReader(io.MultiReader(strings.NewReader(sample[:n]), iotest.ErrReader(broken)), 0, maxTag)
		if pieces(t, s); !errors.Is(s.Err(), broken) {
			t.Fatalf("%d bytes: %v", n, s.Err())
		}
	}
	s := xmlscan.NewReader(idle{}, 0, maxTag)
	if token := s.Next(); token != xmlscan.AtEnd || !errors.Is(s.Err(), io.ErrNoProgress) {
		t.Errorf("%v, %v", token, s.Err())
	}
}

// idle is a Reader that never gets anywhere.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// The longest tag that is one has exactly maxTag bytes, however it is read. Offsets count from the given one.
func TestMaxTag(t *testing.T) {
	for n := maxTag - 3; n < maxTag+3; n++ {
		tag := "<a b='" + strings.Repeat("x", n-len("<a b=''>")) + "'>"
		for name, r := range readers([]byte(tag)) {
			s := xmlscan.NewReader(r, 1000, maxTag)
			token := s.Next()
			if want := n <= maxTag; (token == xmlscan.StartTag) != want || !want && s.Fault != xmlscan.NoEnd || s.Offset != 1000 {
				t.Errorf("%d bytes, %s: token %d, %v at %d", n, name, token, s.Fault, s.Offset)
			}
		}
	}
}

func ExampleScanner() {
	s := xmlscan.NewReader(strings.NewReader("<pool name='R&amp;D'>\n<queue length=1000 <limit>5</limit>"), 0, 64<<10)
	for token := s.Next(); token != xmlscan.AtEnd; token = s.Next() {
		switch token {
		case xmlscan.StartTag:
			fmt.Printf("%d: <%s>\n", s.Line(s.Offset), s.Name)
			list := s.Attributes()
			for name, value, ok := list.Next(); ok; name, value, ok = list.Next() {
				text, _ := xmlscan.AppendText(nil, value)
				fmt.Printf("   %s is %s\n", name, text)
			}
		case xmlscan.Broken:
			fmt.Printf("%d: %v\n", s.Line(s.Offset), s.Fault)
		}
	}
	// Output:
	// 1: <pool>
	//    name is R&D
	// 2: '<' inside a tag
	// 2: <limit>
}
