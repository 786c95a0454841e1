package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/etwhy/etwhy/etl/etltest"
)

// hostile are texts that mean something to what a result is opened with. Each has a mark of its own.
var hostile = []string{
	`</script><script>alert("zqh00")</script>`,
	`=cmd|'/c calc'!A1 zqh01`,
	"\x1b[31mzqh02\x1b[0m\x07\x1b]0;title\x07\u009b31m",
	"\u202egnp.exe\u202c zqh03 \u2066x\u2069\u200e",
	"zqh04\x00behind",
	"zqh05 \xff\xfe\xc3( \xed\xa0\x80",
	"%00%0d%0aSet-Cookie:%20zqh06",
	"zqh07 \"'` |pipe| {{.}} ${x} $(calc) <%= z %> \\",
	`]]>--><!--zqh08<img src=x onerror=alert(1)>`,
	"-2+3+cmd|' /C calc'!A0 zqh09",
	"@SUM(1+1)*cmd zqh10",
	"\t=1+1 zqh11",
	"\r=1+1 zqh12",
	"[zqh13](javascript:alert(1)) ![x](http://evil.example/x.png) <a href=javascript:alert(1)>y</a> http://evil.example",
	"&lt;b&gt;zqh14&#60;script&#62;&nbsp",
	"\u2028zqh15\u2029\ufeff\u200b",
	"zqh16\r\n\r\n# heading\r\n- item\n```\n<b>live</b>\n    code",
	"+zqh17 *bold* _it_ ~~x~~ |a|b|\n|-|-|",
	"`zqh18` ``<i>live</i>` <u>live</u>",
	"\" onmouseover=\"alert(1) zqh19",
}

// A disguise is how hostile texts are put into the files of testdata/planted.txtar.
type disguise struct {
	name string
	text func(kind, name string, n int) string // for the nth placeholder
}

// longURL is what nobody would have to type.
var longURL = strings.Repeat("long/", 1<<20/5)

var disguises = []disguise{
	{"values", func(kind, name string, n int) string { // hosts and addresses are as they should be, so that files fit together
		switch class(kind) {
		case host:
			return "h" + strings.NewReplacer(".", "").Replace(name)
		default:
			return hostile[n%len(hostile)]
		}
	}},
	{"names", func(kind, name string, n int) string { return hostile[(n*7+3)%len(hostile)] }},
	{"long", func(kind, name string, n int) string {
		if strings.HasSuffix(name, ".path") || strings.HasSuffix(name, ".stem") {
			return longURL
		}
		return "n" + strings.NewReplacer(".", "").Replace(name)
	}},
}

// badInNames are characters that no name of a file can have.
var badInNames = map[bool]string{false: "/\x00", true: "/\x00\\:*?\"<>|\t\r\n\x07\x1b"}[runtime.GOOS == "windows"]

// dressed is a hostile text as the file takes it that it is put into.
func dressed(file, before, text string) string {
	keep := func(bad string) func(r rune) rune {
		return func(r rune) rune {
			if strings.ContainsRune(bad, r) {
				return -1
			}
			return r
		}
	}
	quoted := inQuotes(before)
	switch {
	case file == "": // a name of a file
		text = strings.Map(keep(badInNames), text)
		return text[:min(len(text), 60)]
	case strings.HasSuffix(file, ".etl.txt") && quoted:
		q := strconv.Quote(text[:min(len(text), 8_000)]) // a record has less than 64 KB
		return q[1 : len(q)-1]
	case strings.HasSuffix(file, ".evtx.txt") && quoted: // a record has less than a chunk of 64 KB
		q := strconv.Quote(strings.ToValidUTF8(text[:min(len(text), 5_000)], ""))
		return q[1 : len(q)-1]
	case strings.HasSuffix(file, ".srum.txt") && quoted: // a name has its place in one page
		q := strconv.Quote(strings.ToValidUTF8(text[:min(len(text), 1_500)], ""))
		return q[1 : len(q)-1]
	case (strings.HasSuffix(file, ".freb.txt") || strings.HasSuffix(file, ".events.txt")) && quoted:
		q := strconv.Quote(text)
		return q[1 : len(q)-1]
	case strings.HasSuffix(file, ".freb.txt"):
		return strings.Map(keep("\r\n\""), text)
	case strings.HasSuffix(file, ".events.txt"), strings.HasSuffix(file, ".evtx.txt"), strings.HasSuffix(file, ".etl.txt"):
		return strings.Map(keep("\r\n\t \"'`#{}[]=\x00"), strings.ToValidUTF8(text, ""))
	case strings.HasSuffix(file, ".config"), strings.HasSuffix(file, ".xml"), strings.HasSuffix(file, ".htm"):
		var b bytes.Buffer
		xml.EscapeText(&b, []byte(text)) // writes to memory only
		return b.String()
	case strings.HasSuffix(file, ".LOG"): // whose lines are taken apart by regular expressions
		return strings.Map(keep("\r\n"), text[:min(len(text), 50_000)])
	case strings.HasSuffix(file, ".log"):
		return strings.NewReplacer(" ", "+", "\r", "", "\n", "", "\t", "+").Replace(text)
	case strings.HasSuffix(file, ".csv"):
		return strings.Map(keep("\r\n"), strings.ReplaceAll(text, `"`, `""`))
	}
	return strings.Map(keep("\r\n"), text)
}

// inQuotes reports whether a quotation is open at the end of the beginning of a line.
func inQuotes(line string) (open bool) {
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\' && open:
			i++
		case line[i] == '"':
			open = !open
		}
	}
	return open
}

// hostileIncident writes the incident with hostile texts in every field.
func hostileIncident(t testing.TB, d disguise) incidentFolder {
	t.Helper()
	numbers := newCanaries() // for addresses and SIDs, and to number the rest
	fill := func(file, before, kind, name string) string {
		switch kind {
		case "ip", "ip6", "sid":
			return numbers.fill(file, kind, name)
		}
		numbers.plant("", class("other"), kind+name)
		return dressed(file, before, d.text(kind, name, numbers.number(kind+name)))
	}
	dir := filepath.Join(t.TempDir(), "case")
	more := map[string][]byte{
		// What no writer makes: bytes that the encoding does not have.
		"broken/fr000099.xml": []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<failedRequest url=\"http://x/\xff\x00\x1b[31m\" siteId=\"1\" appPoolId=\"\xc3(\" processId=\"1\" verb=\"GE\x07T\" statusCode=\"500\" timeTaken=\"5\">" +
			"<Event xmlns=\"http://schemas.microsoft.com/win/2004/08/events/event\"><System><Provider Name=\"WWW Server\"/><EventID>0</EventID><TimeCreated SystemTime=\"2026-03-04T16:50:21.033Z\"/><Computer>\xed\xa0\x80</Computer></System><EventData><Data Name=\"Re\x00questURL\">http://\xfe\xff/</Data></EventData></Event></failedRequest>"),
		"broken/u_ex260304.log": []byte("#Software: Microsoft Internet Information Services 10.0\r\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip sc-status sc-substatus sc-win32-status time-taken\r\n" +
			"2026-03-04 16:50:51 10.0.0.1 G\x00ET /\xff\xfe\x1b[2J\xed\xa0\x80 \x07 80 \xc3( 10.0.0.2 500 0 0 10\r\n"),
		"broken/System.xml": []byte("<Events><Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-WAS'/><EventID>5002</EventID><Level>2</Level><TimeCreated SystemTime='2026-03-04T16:50:21Z'/><Channel>System</Channel><Computer>\xff\x1b[31m</Computer></System><EventData><Data Name='AppPoolID'>\xc3(\x00</Data></EventData></Event></Events>"),
		dressed("", "", "broken\x1b[31m\u202ezqh02") + ".etl": []byte("no trace, whatever it is called"),
		dressed("", "", "broken\x1b[31m") + ".csv":            []byte("\"(PDH-CSV 4.0) (GMT Standard Time)(0)\",\"\\\\W\x1b[31m\\Processor(_Total)\\% Processor Time\"\r\n\"03/04/2026 16:50:30.123\"\r\n\"x\",\"y\"\r\n"),
		"broken/utf16.config":                                 append([]byte{0xff, 0xfe}, wide("<configuration><system.applicationHost><applicationPools><add name=\"\ue0f0x\" /></applicationPools><sites><site name=\"\ue0f0\" id=\"1\"><application path=\"/\" applicationPool=\"\ue0f0x\"/></site></sites></system.applicationHost></configuration>")...),
	}
	halves, err := etltest.Compile(`log start=2026-03-04T19:00:00Z name="\ue0f0"
+1 cpu0 44:45 WinHttp/9 act={a1000000-0000-0000-0000-000000000001} ApiHandle=0x11d20100 Api=WinHttpSendRequest
+1 WebIO/17 act={a1000000-0000-0000-0000-000000000001} Request=0x2000 RequestHandle=0x30 Method=GET URI="http://\ue0f0.example/\ue0f0\ue0f0x?\ue0f0"
+2 WebIO/134 act=0x30/0x2000 Request=0x2000 Error=11001`)
	if err != nil {
		t.Fatal(err)
	}
	more["broken/halves.etl"] = bytes.ReplaceAll(halves, []byte("\xf0\xe0"), []byte("\x00\xd8"))
	return writeIncident(t, dir, fill, more)
}

// number counts what was planted.
func (p *canaries) number(name string) int {
	c := p.byName["other "+name]
	n, _ := strconv.Atoi(strings.Trim(c.text[len(wordMark):], "osiv"))
	return n
}

// wide returns a text in UTF-16LE, U+E0F0 as half a character.
func wide(s string) []byte {
	var b []byte
	for _, r := range s {
		if r == '\ue0f0' {
			r = 0xd800
		}
		b = append(b, byte(r), byte(r>>8))
	}
	return b
}

// Whatever stands in a file, no format lets it do anything: it is shown, and it is text.
func TestHostile(t *testing.T) {
	t.Parallel()
	const most = 30 << 20
	key := keyFile(t, testKey)
	for _, d := range disguises {
		t.Run(d.name, func(t *testing.T) {
			in := hostileIncident(t, d)
			quiet(t, in)
			marks := map[string]bool{}
			largest := document{}
			for _, p := range products {
				for _, mode := range []string{"none", "strict"} {
					for _, doc := range p.documents(t, in.path, redactFlags(mode, key)...) {
						if len(doc.data) > len(largest.data) {
							largest = doc
						}
						if len(doc.data) > most {
							t.Errorf("%s, --redact %s: %d bytes", doc.name, mode, len(doc.data))
							continue
						}
						if err := inert(doc); err != nil {
							t.Errorf("%s, --redact %s: %v", doc.name, mode, err)
						}
						if d.name == "long" && mode == "none" && slices.Contains([]string{"html", "analyze.json", "analyze.csv"}, doc.name) && !bytes.Contains(doc.data, []byte(longURL[:1000])) {
							t.Errorf("%s shows nothing of the long URLs", doc.name)
						}
						if mode != "none" || d.name == "long" {
							continue
						}
						for i := range hostile {
							if mark := fmt.Sprintf("zqh%02d", i); bytes.Contains(doc.data, []byte(mark)) {
								marks[doc.name+" "+mark] = true
							}
						}
					}
				}
			}
			t.Logf("the largest is %s with %d bytes", largest.name, len(largest.data))
			if d.name != "values" {
				return
			}
			for _, name := range []string{"html", "analyze.json", "analyze.csv", "events.ndjson", "markdown"} {
				n := 0
				for i := range hostile {
					if marks[fmt.Sprintf("%s zqh%02d", name, i)] {
						n++
					}
				}
				t.Logf("%s shows %d of %d", name, n, len(hostile))
				if n < 5 {
					t.Errorf("%s shows %d of the texts", name, n)
				}
			}
		})
	}
}

// quiet checks that what commands say about the incident besides its result does nothing to a terminal either.
func quiet(t *testing.T, in incidentFolder) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(in.path, "*", "*"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, args := range [][]string{
		{"analyze", in.path}, {"info", in.path}, {"events", in.path},
		{"analyze", "--process", hostile[2], "--app-pool", hostile[3], in.path},
		{"analyze", "--pid", "99", in.path},
		{"events", "--provider", hostile[2], in.path},
		{"analyze", in.path + hostile[2]},
		{"analyze", "-f", hostile[2], in.path},
		{"extract", "-l", filepath.Join(in.path, "net.cab")},
		append([]string{"check-secrets"}, files...),
		{"explain", hostile[2], hostile[3], hostile[12]},
	} {
		var stdout, stderr bytes.Buffer
		run(args, strings.NewReader(""), &stdout, &stderr)
		for name, data := range map[string][]byte{"output": stdout.Bytes(), "error output": stderr.Bytes()} {
			if err := inertText(data); err != nil {
				t.Errorf("%.80q: %s: %v", args[:min(len(args), 4)], name, err)
			}
		}
	}
}

// The checks of these tests find what they look for.
func TestInert(t *testing.T) {
	var page bytes.Buffer
	sum := sha256.Sum256([]byte("app()"))
	fmt.Fprintf(&page, "<!DOCTYPE html><html><head><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'sha256-%s'\"></head>"+
		"<body><p title=\"x\">1 &lt; 2</p>@<script>app()</script></body></html>", base64.StdEncoding.EncodeToString(sum[:]))
	with := func(text string) string { return strings.Replace(page.String(), "@", text, 1) }
	for _, c := range []struct {
		name, text string
		fine       bool
	}{
		{"a.json", `{"a":"<b>"}`, true},
		{"a.json", `{"a":"` + "\xff" + `"}`, false},
		{"a.json", `{"a":"` + "\x7f" + `"}`, false},
		{"a.json", `{"a":1`, false},
		{"a.csv", "a,b\r\n'=1,-2\r\n", true},
		{"a.csv", "a,b\r\n=1+1,2\r\n", false},
		{"a.csv", "a,b\r\n1\r\n", false},
		{"text", "a\n  b ü\n", true},
		{"text", "a\x1b[31m", false},
		{"text", "a\u009b31m", false},
		{"text", "a\u202eb", false},
		{"a.md", "a `<b>` \\<b> `` ` <i> `` and\n\n```\n<b>\n```\n\n[a](#b)\n", true},
		{"a.md", "a <b>", false},
		{"a.md", "a `<b>\n\n` <i>", false},
		{"a.md", "![a](#b)", false},
		{"a.md", "[a](javascript:x)", false},
		{"a.md", "```\n<b>", false},
		{"html", with(""), true},
		{"html", with("<script>app()</script>"), false},
		{"html", with("<script>other()</script>"), false},
		{"html", with(`<b onclick="x()">a</b>`), false},
		{"html", with(`<a href="http://x/">a</a>`), false},
		{"html", with(`<a href="#x">a</a>`), true},
		{"html", with("a < b"), false},
		{"html", with("<img src=x>"), false},
		{"html", with(`<b title="a" style="color:red">a</b>`), false},
		{"html", with("<script type=\"application/json\">{</script>"), false},
		{"html", strings.Replace(with(""), "default-src", "x-src", 1), false},
	} {
		if err := inert(document{c.name, []byte(c.text)}); (err == nil) != c.fine {
			t.Errorf("%s %q: %v", c.name, c.text, err)
		}
	}
}

// inert checks that a document is well-formed, and that nothing in it is more than text.
func inert(d document) error {
	switch ext := cmp.Or(strings.TrimPrefix(path.Ext(d.name), "."), d.name); ext {
	case "json", "har", "otlp":
		return inertJSON(d.data)
	case "ndjson":
		for line := range bytes.Lines(d.data) {
			if err := inertJSON(line); err != nil {
				return err
			}
		}
		return nil
	case "csv":
		return inertCSV(d.data)
	case "table", "text":
		return inertText(d.data)
	case "markdown", "md":
		return errors.Join(inertText(d.data), inertMarkdown(d.data))
	case "html", "report":
		return inertHTML(d.data)
	case "perfetto", "ticket/SHA256SUMS":
		return nil
	default:
		return fmt.Errorf("what is %s?", ext)
	}
}

func inertJSON(data []byte) error {
	switch {
	case !utf8.Valid(data):
		return errors.New("not UTF-8")
	case !json.Valid(data):
		return errors.New("not JSON")
	}
	if i := bytes.IndexFunc(data, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }); i >= 0 {
		return fmt.Errorf("control character %q: %s", data[i], excerpt(data, i, i+1))
	}
	return nil
}

func inertCSV(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll() // also checks that all rows have the same number of cells
	if err != nil {
		return err
	}
	for n, row := range rows {
		for i, text := range row {
			if text == "" || !strings.ContainsRune("=+-@\t\r", rune(text[0])) {
				continue
			}
			if _, err := strconv.ParseFloat(text, 64); err != nil {
				return fmt.Errorf("row %d: %s begins with a formula: %.60q", n, rows[0][i], text)
			}
		}
	}
	return nil
}

// inertText checks that a terminal shows what is there.
func inertText(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	line := 1
	for i, r := range string(data) {
		if r == '\n' {
			line++
		}
		if r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return fmt.Errorf("line %d: %U: %s", line, r, excerpt(data, i, i+utf8.RuneLen(r)))
		}
	}
	return nil
}

var (
	fence    = regexp.MustCompile("^ {0,3}(`{3,}|~{3,})")
	liveHTML = regexp.MustCompile(`<[A-Za-z/!?][^\n]*`)
	liveLink = regexp.MustCompile(`!?\[[^\]\n]*\]\([^)\n]*`)
)

// inertMarkdown checks that there is no markup of HTML in Markdown, no image, and no link out of the text.
func inertMarkdown(data []byte) error {
	var prose strings.Builder
	closing := ""
	for line := range strings.Lines(string(data)) {
		if m := fence.FindStringSubmatch(line); m != nil {
			switch {
			case closing == "":
				closing = m[1]
				continue
			case m[1][0] == closing[0] && len(m[1]) >= len(closing) && strings.TrimSpace(line) == m[1]:
				closing = ""
				continue
			}
		}
		if closing == "" {
			prose.WriteString(line)
		}
	}
	if closing != "" {
		return errors.New("a block of code without end")
	}
	text := withoutCode(prose.String())
	if m := liveHTML.FindString(text); m != "" {
		return fmt.Errorf("live HTML: %.80q", m)
	}
	for _, m := range liveLink.FindAllString(text, -1) {
		if !strings.Contains(m, "](#") || m[0] == '!' {
			return fmt.Errorf("live link: %.80q", m)
		}
	}
	return nil
}

// withoutCode returns the paragraphs of Markdown without code spans and escaped characters (CommonMark 6.1, 2.4).
func withoutCode(text string) string {
	var b strings.Builder
	for _, block := range strings.Split(text, "\n\n") {
		for i := 0; i < len(block); {
			switch {
			case block[i] == '\\' && i+1 < len(block) && block[i+1] < 0x80 && !unicode.IsLetter(rune(block[i+1])):
				b.WriteByte(' ')
				i += 2
			case block[i] == '`':
				n := 1
				for i+n < len(block) && block[i+n] == '`' {
					n++
				}
				if end := endOfCode(block[i+n:], n); end >= 0 {
					b.WriteString("code")
					i += n + end
				} else {
					b.WriteString(block[i : i+n])
					i += n
				}
			default:
				b.WriteByte(block[i])
				i++
			}
		}
		b.WriteString("\n\n")
	}
	return b.String()
}

// endOfCode returns the end of the run of n backticks in a text, -1 if there is none.
func endOfCode(text string, n int) int {
	for i := 0; i < len(text); {
		if text[i] != '`' {
			i++
			continue
		}
		run := 1
		for i+run < len(text) && text[i+run] == '`' {
			run++
		}
		if run == n {
			return i + run
		}
		i += run
	}
	return -1
}

var (
	htmlTag    = regexp.MustCompile(`(?s)<(/?)([A-Za-z][A-Za-z0-9]*)((?:\s+[^\s"'<>/=]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>` + "`" + `]+))?)*)\s*/?>`)
	attribute  = regexp.MustCompile(`(?s)([^\s"'<>/=]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'=<>` + "`" + `]+))?`)
	policy     = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)"\s*/?>`)
	scriptPart = regexp.MustCompile(`(?s)<script([^>]*)>(.*?)</script>`)
	stylePart  = regexp.MustCompile(`(?s)<style>.*?</style>`)
)

// inertHTML checks that all scripts of a page are those that its policy allows or data, that there is no attribute that
// runs anything, no address that leads out, and no "<" that is not of a tag.
func inertHTML(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	page := string(data)
	m := policy.FindStringSubmatch(page)
	if m == nil {
		return errors.New("no Content-Security-Policy")
	}
	allowed := html.UnescapeString(m[1])
	if !strings.Contains(allowed, "default-src 'none'") || strings.Contains(allowed, "unsafe") {
		return fmt.Errorf("Content-Security-Policy %s", allowed)
	}
	scripts := scriptPart.FindAllStringSubmatch(page, -1)
	run := 0
	for _, s := range scripts {
		if strings.Contains(s[1], `type="application/json"`) {
			if err := inertJSON([]byte(s[2])); err != nil {
				return fmt.Errorf("data: %w", err)
			}
			continue
		}
		run++
		sum := sha256.Sum256([]byte(s[2]))
		if s[1] != "" || !strings.Contains(allowed, "sha256-"+base64.StdEncoding.EncodeToString(sum[:])) {
			return fmt.Errorf("a script that the policy does not allow: %s %.80q", s[1], s[2])
		}
	}
	if run != 1 {
		return fmt.Errorf("%d scripts", run)
	}
	page = stylePart.ReplaceAllString(scriptPart.ReplaceAllString(page, ""), "")
	rest := htmlTag.ReplaceAllStringFunc(page, func(tag string) string { return "" })
	if i := strings.Index(strings.Replace(strings.ToLower(rest), "<!doctype html>", "", 1), "<"); i >= 0 {
		return fmt.Errorf("a < that is of no tag: %s", excerpt([]byte(rest), i, i+80))
	}
	for _, tag := range htmlTag.FindAllStringSubmatch(page, -1) {
		name := strings.ToLower(tag[2])
		if slices.Contains([]string{"script", "iframe", "object", "embed", "img", "link", "base", "form", "audio", "video", "image", "use", "foreignobject"}, name) {
			return fmt.Errorf("element %.120q", tag[0])
		}
		for _, a := range attribute.FindAllStringSubmatch(tag[3], -1) {
			key, value := strings.ToLower(a[1]), strings.Trim(a[2], `"'`)
			switch {
			case strings.HasPrefix(key, "on"), key == "style", key == "srcdoc", key == "src", key == "action", key == "formaction":
				return fmt.Errorf("attribute %s of %.120q", key, tag[0])
			case (key == "href" || key == "xlink:href") && !strings.HasPrefix(value, "#"):
				return fmt.Errorf("a link out: %.120q", tag[0])
			}
		}
	}
	for _, r := range page {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return fmt.Errorf("control character %U", r)
		}
	}
	return nil
}
