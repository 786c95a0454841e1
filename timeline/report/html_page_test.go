package report

import (
	"fmt"
	"html"
	"iter"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// htmlReport writes a model as a report.
func htmlReport(t *testing.T, a *Analysis) string {
	t.Helper()
	return string(render(t, WriteAnalysis, "html", a, Options{Redact: defaults()}))
}

// A mark is a tag of a page with its attributes, or the text up to the next one.
type markup struct {
	name  string // "" = text
	end   bool
	alone bool // <br>, or <x/>
	attrs map[string]string
	text  string // with its character references
}

var (
	tagPattern  = regexp.MustCompile(`^<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z][-a-zA-Z0-9:]*(?:="[^"]*"|=[^\s"'<>=]+)?)*)\s*(/?)>`)
	attrPattern = regexp.MustCompile(`([a-zA-Z][-a-zA-Z0-9:]*)(?:="([^"]*)"|=([^\s"'<>=]+))?`)
	voidTags    = map[string]bool{"meta": true, "br": true, "link": true, "img": true, "input": true, "hr": true, "col": true, "wbr": true}
)

// marksOf reads a page the way its own templates write one, which is stricter than what a browser takes.
func marksOf(t *testing.T, page string) iter.Seq[markup] {
	t.Helper()
	return func(yield func(markup) bool) {
		rest, found := strings.CutPrefix(page, "<!DOCTYPE html>")
		if !found {
			t.Error("no document type")
		}
		for rest != "" {
			if text, _, _ := strings.Cut(rest, "<"); text != "" {
				rest = rest[len(text):]
				if !yield(markup{text: text}) {
					return
				}
				continue
			}
			m := tagPattern.FindStringSubmatch(rest)
			if m == nil {
				t.Errorf("no tag: %.100q", rest)
				return
			}
			rest = rest[len(m[0]):]
			tag := markup{name: strings.ToLower(m[2]), end: m[1] != "", alone: m[4] != "", attrs: map[string]string{}}
			tag.alone = tag.alone || voidTags[tag.name]
			for _, p := range attrPattern.FindAllStringSubmatch(m[3], -1) {
				name := strings.ToLower(p[1])
				if _, twice := tag.attrs[name]; twice {
					t.Errorf("%s twice in %.200s", name, m[0])
				}
				tag.attrs[name] = html.UnescapeString(p[2] + p[3])
			}
			if !yield(tag) {
				return
			}
			if (tag.name == "script" || tag.name == "style") && !tag.end {
				i := strings.Index(rest, "</"+tag.name)
				if i < 0 {
					t.Errorf("<%s> without an end", tag.name)
					return
				}
				if !yield(markup{text: rest[:i]}) {
					return
				}
				rest = rest[i:]
			}
		}
	}
}

// withoutCode returns a page without what stands in its style and script elements, and without their hashes.
func withoutCode(page string) string {
	page = regexp.MustCompile(`(?s)(<(style|script)[^>]*>).*?(</(?:style|script)>)`).ReplaceAllString(page, "$1$3")
	return regexp.MustCompile(`sha256-(?:[A-Za-z0-9/=]|&#43;)*`).ReplaceAllString(page, "sha256-")
}

// textOf returns the text of a page as one that shows no markup has it, with single blanks.
func textOf(page string) string {
	page = regexp.MustCompile(`</?(?:a|b|bdi|i|span|code|time|small|em|q)\b[^>]*>`).ReplaceAllString(withoutCode(page), "")
	return strings.Join(strings.Fields(html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, " "))), " ")
}

// The page loads nothing, runs nothing but its own script, and is well formed.
func TestHTMLMarkup(t *testing.T) {
	t.Parallel()
	for name, model := range models {
		t.Run(name, func(t *testing.T) { checkMarkup(t, htmlReport(t, model())) })
	}
}

func checkMarkup(t *testing.T, page string) {
	t.Helper()
	if !utf8.ValidString(page) {
		t.Error("not UTF-8")
	}
	var open, ids, refs []string
	var policy string
	code := map[string][]string{}
	in := ""
	headings := 0
	for m := range marksOf(t, page) {
		if m.name == "" {
			if in != "" {
				code[in] = append(code[in], m.text)
			}
			in = ""
			continue
		}
		for name, value := range m.attrs {
			switch {
			case name == "style" || strings.HasPrefix(name, "on"):
				t.Errorf("<%s %s=%q>", m.name, name, value)
			case slices.Contains([]string{"src", "srcset", "data", "action", "formaction", "poster", "background", "ping", "xlink:href", "http-equiv"}, name) &&
				!(name == "http-equiv" && value == "Content-Security-Policy"):
				t.Errorf("<%s %s=%q>", m.name, name, value)
			case name == "href" && !strings.HasPrefix(value, "#"):
				t.Errorf("<%s href=%q>", m.name, value)
			case name == "href":
				refs = append(refs, value[1:])
			case strings.Contains(value, "url(") && !regexp.MustCompile(`^url\(#[a-z0-9-]+\)$`).MatchString(value):
				t.Errorf("<%s %s=%q>", m.name, name, value)
			case name == "aria-labelledby" || name == "aria-controls" || name == "aria-describedby":
				refs = append(refs, strings.Fields(value)...)
			case name == "id":
				if slices.Contains(ids, value) {
					t.Errorf("two elements are called %q", value)
				}
				ids = append(ids, value)
			}
			if strings.HasPrefix(value, "url(#") {
				refs = append(refs, strings.TrimSuffix(strings.TrimPrefix(value, "url(#"), ")"))
			}
		}
		switch {
		case m.name == "meta" && m.attrs["http-equiv"] != "":
			policy = m.attrs["content"]
		case slices.Contains([]string{"iframe", "object", "embed", "base", "link", "form", "img", "image", "use", "foreignobject", "applet", "audio", "video"}, m.name):
			t.Errorf("<%s> in the page", m.name)
		}
		switch {
		case m.alone:
		case !m.end:
			open = append(open, m.name)
			if m.name == "script" || m.name == "style" {
				in = m.name + m.attrs["type"]
			}
			if len(m.name) == 2 && m.name[0] == 'h' && m.name[1] <= '6' {
				level := int(m.name[1] - '0')
				if level > headings+1 {
					t.Errorf("<%s> follows a heading of level %d", m.name, headings)
				}
				headings = level
			}
		case len(open) == 0 || open[len(open)-1] != m.name:
			t.Fatalf("</%s> ends %q", m.name, open)
		default:
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("never ended: %q", open)
	}
	request := regexp.MustCompile(`^r\d+$`) // of which the script shows all
	for _, ref := range refs {
		if !slices.Contains(ids, ref) && !request.MatchString(ref) {
			t.Errorf("nothing is called %q", ref)
		}
	}
	if len(code["style"]) != 1 || len(code["script"]) != 1 || len(code["scriptapplication/json"]) != 1 {
		t.Fatalf("%d styles, %d scripts, %d pieces of data", len(code["style"]), len(code["script"]), len(code["scriptapplication/json"]))
	}
	want := "default-src 'none'; style-src " + sourceHash(code["style"][0]) + "; script-src " + sourceHash(code["script"][0]) +
		"; base-uri 'none'; form-action 'none'"
	if policy != want {
		t.Errorf("policy\n%s\nwant\n%s", policy, want)
	}
	if bad := regexp.MustCompile(`(?i)@import|url\((?:[^#]|#[^)]*[^a-z0-9)-])|expression\(|https?:`).FindString(code["style"][0]); bad != "" {
		t.Errorf("style loads something: %q", bad)
	}
}

// What a browser is told not to run is in the page as text only.
func TestHTMLHostile(t *testing.T) {
	t.Parallel()
	const attack = "</script></title></style>-->\"'><script>alert(1)</script><img src=x onerror=alert(1)><!-- javascript:alert(1) \x1b]0;owned\x07 \u202egnp.exe \u2066x \x00 \xff =cmd|' /C calc'!A0 {{.}} &lt;b&gt; "
	for name, value := range map[string]string{
		"attack": attack, "long": strings.Repeat("a/very%20long\u202e/", 1<<10), "megabyte": strings.Repeat("a/b", 1<<20/3),
		"lines": strings.Repeat("a\r\n", 1<<12), "bytes": strings.Repeat("\xff\xfe", 1<<12),
	} {
		for _, model := range []string{"receive-timeout", "two-servers", "clock-ahead", "pool-off", "discovery", "no-webio", "odd", "unfinished", "filtered-out"} {
			t.Run(name+" "+model, func(t *testing.T) {
				switch {
				case name == "megabyte" && model != "two-servers":
					t.Skip("one is enough")
				case testing.Short() && name != "attack":
					t.Skip("short")
				}
				page := htmlReport(t, poisoned(models[model](), value))
				checkMarkup(t, page)
				static := withoutCode(page)
				for i, r := range static {
					if r != '\n' && !unicode.IsPrint(r) {
						t.Fatalf("%q at %d: %q", r, i, static[max(0, i-40):min(len(static), i+40)])
					}
				}
				if strings.Contains(static, "<script>alert") || strings.Contains(static, "<img") {
					t.Error("text of a file became markup")
				}
				if name == "attack" && !strings.Contains(textOf(page), `<script>alert(1)</script>`) {
					t.Error("the text is not shown")
				}
				if n := len(static); n > 800<<10 { // U+FFFD has three bytes
					t.Errorf("%d bytes", n)
				}
			})
		}
	}
}

// poisoned puts a value into every text of a model that may be from a file.
func poisoned(a *Analysis, value string) *Analysis {
	for i := range a.Inputs {
		in := &a.Inputs[i]
		in.Path += value + strconv.Itoa(i)
		in.Machine += value
		in.Note, in.Error = value, value
		in.Channels = append(in.Channels, value)
		in.Damage = []Damage{{Kind: value, Offset: 1, Detail: value}}
		if in.ClockOffsetFrom != "" {
			in.ClockOffsetFrom += value
		}
	}
	for i := range a.Traces {
		h := &a.Traces[i].Health
		a.Traces[i].Abandoned = 3
		a.Traces[i].Path += value
		for j := range h.Speakers {
			h.Speakers[j].Process = value
		}
		h.Findings = append(h.Findings, timeline.Finding{ID: "x", Severity: timeline.Doubt, Title: value, Text: []string{value}, DoNow: []string{value},
			Commands: []string{value}, FindOut: []string{value}, Warning: value}, timeline.Finding{ID: "y", Severity: timeline.Note, Title: value + "."})
	}
	for _, m := range a.Machines {
		m.Name += value
		m.Addresses = append(m.Addresses, value)
	}
	verdict := func(v *timeline.Verdict) {
		if v == nil {
			return
		}
		v.Title, v.Open = v.Title+" "+value, value
		v.Context, v.DoNow, v.FindOut = append(v.Context, value), append(v.DoNow, value), append(v.FindOut, value)
		v.Rejected = append(v.Rejected, timeline.Rejection{ID: "T1", Why: value + ": " + value})
		for i := range v.Evidence {
			v.Evidence[i].Text += " " + value
		}
	}
	for _, d := range a.Discoveries {
		verdict(d.Verdict)
	}
	done := map[*timeline.Verdict]bool{}
	const most = 60
	a.Requests = slices.DeleteFunc(slices.Clone(a.Requests), func(r *timeline.Request) bool { return r.Verdict == nil && r.Outcome == timeline.OK && r.ID > "r3" })
	a.Requests = a.Requests[:min(len(a.Requests), most)]
	for _, r := range a.Requests {
		r.Method, r.URL, r.Host, r.Process, r.AppPool = value, "http://h/"+value, value, value, value
		r.Server, r.Client, r.LogID, r.Farm, r.Queue = r.Server+value, value, value, value, value
		for i := range r.Phases {
			r.Phases[i].Detail = value
		}
		for i := range r.Attempts {
			r.Attempts[i].URL = value
		}
		for i := range r.Related {
			r.Related[i].Text, r.Related[i].By = value, value
		}
		if r.Verdict != nil && !done[r.Verdict] {
			done[r.Verdict] = true
			verdict(r.Verdict)
		}
	}
	a.Filter = value
	return a
}

// A reader without a script sees the whole answer.
func TestHTMLWithoutScript(t *testing.T) {
	a := models["receive-timeout"]()
	text := textOf(htmlReport(t, a))
	v := a.Requests[40].Verdict
	wants := []string{
		"1 of 41 requests of w3wp.exe (PID 1432) failed: 192.168.0.216 sent no answer within 30 s.",
		"2011-07-22 12:25:58 to 12:33:40 UTC (14:25:58 to 14:33:40 server time, UTC+2)",
		"Failed while waiting for the answer (phase receive).",
		"connect 1 ms", "send 1 ms", "wait 30.0 s, 1460 ERROR_TIMEOUT", "limit 30 s (set in the trace)",
		"How sure: likely",
		"12:31:52.902", "no byte came back",
		"from 192.168.0.216 get the IIS log, HTTPERR and Failed Request Tracing",
		"closed port or server down (it was connected)",
		"40 other requests to the same server were answered",
		"41 requests began", "one of them failed: the one that began at 12:31:52.",
		"192.168.0.216:80", "First byte: median",
		"12002 (0x80072EE2)", "A wait ran out",
		"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"etwhy v0.0.0-test", "net.etl", "43,210,987",
	}
	wants = append(wants, begun(v.DoNow[0]), begun(v.Open))
	for _, want := range wants {
		if !strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
			t.Errorf("%q is missing", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// What is not known of files is said before anything else, with what helps.
func TestHTMLHealth(t *testing.T) {
	t.Parallel()
	for model, wants := range map[string][]string{
		"no-webio": {"This trace cannot tell why", "Still to be seen: w3wp.exe", "Record again on the server", "provider=Microsoft-Windows-WinHttp level=5",
			"netsh trace stop", "cookies, passwords", "Meanwhile: the IIS log"},
		"three-ways":     {"Careful Windows could not keep up: 41 events", "41 events", "Record again with fewer providers"},
		"many-ways":      {"net.etl is damaged in 1 place", "the file ends 300 bytes into a buffer", "broken0.etl was not read", "25 more files could not be read"},
		"open-log":       {"The log was never closed", "never closed: not recorded"},
		"filtered-table": {"left out 28 requests"},
		"healthy":        {"Not counted: 6 requests of svchost.exe", "Every file was read whole"},
		"server-side":    {"Note The trace shows the requests that this machine answered"},
	} {
		text := textOf(htmlReport(t, models[model]()))
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is missing in\n%.3000s", model, want, text)
			}
		}
	}
}

func TestHTMLGolden(t *testing.T) {
	for _, name := range []string{"receive-timeout-alone", "two-servers"} {
		golden(t, "html/"+name+".html", []byte(withoutCode(htmlReport(t, models[name]()))))
	}
}

// The same analysis gives the same bytes, whenever and however often it is written.
func TestHTMLDeterministic(t *testing.T) {
	t.Parallel()
	for name, model := range models {
		a := model()
		again := 3
		if len(a.Requests) > 1000 {
			again = 1 // takes long
		}
		first := htmlReport(t, a)
		for range again {
			if htmlReport(t, model()) != first {
				t.Fatalf("%s: not the same bytes twice", name)
			}
		}
	}
}

// However many requests there are, what stands in the page besides its data stays small.
func TestHTMLStaysSmall(t *testing.T) {
	t.Parallel()
	var list []*timeline.Request
	for i := range 6_000 {
		start := at("02:00:00").Add(time.Duration(i) * ms(13000))
		if i%3 > 0 {
			list = append(list, answered(start, "10.0.0.11:80", "http://10.0.0.11/"+strings.Repeat("long/", 100), ms(40)))
			continue
		}
		r := receiveTimeout(start)
		r.Server, r.Error = fmt.Sprintf("10.%d.%d.1:80", i%50, i%7), timeline.Code(i)
		r.URL += strings.Repeat("x", 2000)
		r.Verdict.Title = fmt.Sprintf("way %c%c of failing at %s", 'a'+i%26, 'a'+i/26%26, strings.Repeat("y", 300))
		list = append(list, r)
	}
	a := analysis(list...)
	for i := range 2000 {
		a.Inputs = append(a.Inputs, Input{Path: fmt.Sprintf("case/%s/fr%06d.xml", strings.Repeat("folder", 20), i), Kind: "freb", Size: 100, SHA256: strings.Repeat("0", 64), Machine: "WEB01"})
	}
	page := withoutCode(htmlReport(t, a))
	if n := len(page); n > 400<<10 {
		t.Errorf("%d bytes", n)
	}
	text := textOf(page)
	for _, want := range []string{"50 of 6,000 requests", "And 1,801 more files", "more, of fewer requests"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

// The bars of a figure lie where the phases do.
func TestFigures(t *testing.T) {
	for name, model := range models {
		a := model()
		s := a.telling(longPage())
		for _, r := range a.Requests {
			f := s.newFigure(r)
			if f == nil {
				continue
			}
			for _, row := range f.Rows {
				for _, b := range row.Bars {
					if b.X < 0 || b.Width < 0 || b.X+b.Width > 100.001 || math.IsNaN(float64(b.X)) {
						t.Errorf("%s %s: bar from %v, %v long", name, r.ID, b.X, b.Width)
					}
				}
			}
			for _, x := range f.Ticks {
				if x.X < 0 || x.X > 100 {
					t.Errorf("%s %s: tick at %v", name, r.ID, x.X)
				}
			}
			if len(f.Ticks) < 2 || len(f.Ticks) > 12 {
				t.Errorf("%s %s: %d ticks", name, r.ID, len(f.Ticks))
			}
		}
	}
	a := models["receive-timeout-alone"]()
	s := a.telling(longPage())
	f := s.newFigure(a.Requests[0])
	near := func(x percent, want float64) bool { return math.Abs(float64(x)-want) < 0.1 }
	// 30.002 s and a fiftieth of it are the whole width.
	if bars := f.Rows[0].Bars; len(bars) != 3 || !near(bars[2].X, 0) || !near(bars[2].Width, 98) || bars[2].Class != "p-wait" {
		t.Errorf("%+v", bars)
	}
	if f.Limit == nil || !near(f.Limit.X, 98) || f.Limit.Words != "limit 30 s" || f.Rows[0].Stop == nil || !near(f.Rows[0].Stop.X, 98) {
		t.Errorf("limit %+v, stop %+v", f.Limit, f.Rows[0].Stop)
	}
	// What no file tells is drawn as such.
	r := *a.Requests[0]
	r.Phases = r.Phases[:1]
	if bars := s.newFigure(&r).Rows[0].Bars; len(bars) != 2 || bars[0].Class != "p-whole" || !near(bars[0].Width, 98) {
		t.Errorf("%+v", bars)
	}
	r.Behind = &timeline.Behind{Start: r.Start, Took: 45 * time.Second, End: r.Start.Add(45 * time.Second)}
	r.Proxied = true
	f = s.newFigure(&r)
	if len(f.Rows) != 2 || !near(f.Rows[1].Bars[0].Width, 98) || !near(f.Rows[0].Bars[0].Width, 98*30.0/45) || f.Legend[1].Items[0].Words != "finished after 45.0 s" {
		t.Errorf("%+v\n%+v", f.Rows, f.Legend)
	}
	// A request of which nothing has a length is not drawn.
	r = timeline.Request{Start: at("12:00:00"), End: at("12:00:00"), Outcome: timeline.Failed}
	if f := s.newFigure(&r); f != nil {
		t.Errorf("%+v", f)
	}
}

// The strip has every request once, and never more bars than there is room for.
func TestStrips(t *testing.T) {
	for _, span := range []time.Duration{2 * time.Second, 61 * time.Second, time.Hour, 30 * time.Hour, 400 * 24 * time.Hour, 90 * 365 * 24 * time.Hour} {
		var list []*timeline.Request
		for i := range 500 {
			r := &timeline.Request{Start: at("12:00:00").Add(span * time.Duration(i) / 499), Outcome: timeline.Outcome(i % 4)}
			list = append(list, r)
		}
		list = append(list, &timeline.Request{Outcome: timeline.Failed}) // without a time
		s := newStrip(list)
		if s == nil {
			t.Fatalf("%s: no strip", span)
		}
		if len(s.All) > 240 || len(s.Ticks) > 8 || len(s.Ticks) < 1 {
			t.Errorf("%s: %d bars, %d ticks", span, len(s.All), len(s.Ticks))
		}
		sum := 0
		for _, row := range s.Rows {
			for _, c := range row[1:4] {
				n, err := strconv.Atoi(strings.ReplaceAll(c, ",", ""))
				if err != nil {
					t.Fatal(err)
				}
				sum += n
			}
		}
		if sum != 375 {
			t.Errorf("%s: the table has %d of 375 that did not go well", span, sum)
		}
		for _, b := range slices.Concat(s.Bad, s.All) {
			if b.X < 0 || b.X+b.Width > 100.001 || b.Y < 0 || b.Height < 1 || b.Y+b.Height > badHeight {
				t.Errorf("%s: %+v", span, b)
			}
		}
	}
	if s := newStrip([]*timeline.Request{{Start: 1}, {Start: 2}}); s != nil {
		t.Errorf("%+v", s)
	}
}

func TestCommandSpans(t *testing.T) {
	for text, want := range map[string][]string{
		"on this machine: Test-NetConnection 10.0.0.12 -Port 80":                                  {"Test-NetConnection 10.0.0.12 -Port 80"},
		"recycle the pool: appcmd recycle apppool /apppool.name:Shop":                             {"appcmd recycle apppool /apppool.name:Shop"},
		"repair or remove module X (appcmd list module; appcmd uninstall module), then start it.": {"appcmd list module", "appcmd uninstall module"},
		"look at netsh http show iplisten on WEB01; if it has entries":                            {"netsh http show iplisten"},
		"while it happens: netstat -ano, and netsh int ipv4 show dynamicport tcp":                 {"netstat -ano", "netsh int ipv4 show dynamicport tcp"},
		"start the pool: appcmd start apppool /apppool.name:Shop (starting it alone will end so)": {"appcmd start apppool /apppool.name:Shop"},
		"from WEB02 get the IIS log, HTTPERR and Set-Cookie headers":                              nil,
		`start it: appcmd start apppool "/apppool.name:Cash and Carry", then look`:                {`appcmd start apppool "/apppool.name:Cash and Carry"`},
		"find it (netstat -ano names its PID); netstat -ano again while it happens":               {"netstat -ano", "netstat -ano"},
		"does it have its key: certutil -store My: the subject":                                   {"certutil -store My"},
		"clear the cache: ipconfig /flushdns.":                                                    {"ipconfig /flushdns"},
	} {
		var got []string
		for _, s := range commandSpans(text) {
			got = append(got, text[s[0]:s[1]])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// The glossary explains each code once, and says what WinHTTP makes of it.
func TestGlossary(t *testing.T) {
	a := models["connect-timeout"]()
	a.Requests[0].Status, a.Requests[0].SubStatus, a.Requests[0].HasSub = 502, 3, true
	a.Requests[0].MadeBy = &timeline.MadeBy{Tier: "arr"}
	a.Requests[1].Error = 987654
	list := a.glossary([]card{{Evidence: []proof{{Text: "503 AppOffline", Source: "WAS 5002"}}}})
	got := map[string]glossEntry{}
	for _, e := range list {
		if _, twice := got[e.Name+e.Number]; twice {
			t.Errorf("%s %s twice", e.Name, e.Number)
		}
		got[e.Name+e.Number] = e
	}
	for key, want := range map[string]glossEntry{
		"WSAETIMEDOUT10060 (0x8007274C)":          {Count: "2", Kind: "Winsock error", Reports: "12002 ERROR_WINHTTP_TIMEOUT"},
		"ERROR_WINHTTP_TIMEOUT12002 (0x80072EE2)": {Count: "2", Kind: "WinHTTP error"},
		"502.3":      {Count: "1", Kind: "status, ARR"},
		"AppOffline": {Kind: "HTTPERR reason"},
		"WAS 5002":   {Kind: "event"},
		"0xF1206":    {Count: "1", Meaning: "not in the tables of etwhy"},
	} {
		e, ok := got[key]
		if !ok {
			t.Errorf("%s is missing in %v", key, got)
			continue
		}
		if e.Count != want.Count || e.Kind != want.Kind || e.Reports != want.Reports || want.Meaning != "" && e.Meaning != want.Meaning || e.Meaning == "" {
			t.Errorf("%s: %+v", key, e)
		}
	}
}

// Colours can be told from what they stand on, in light and dark: WCAG 2, level AA.
func TestContrast(t *testing.T) {
	variable := regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)
	themes := map[string]map[string]string{}
	for name, start := range map[string]string{"light": ":root {", "dark": ":root[data-theme=dark] {", "dark by itself": ":root:not([data-theme=light]) {"} {
		_, rest, ok := strings.Cut(styleCSS, start)
		if !ok {
			t.Fatalf("no %s", start)
		}
		rest, _, _ = strings.Cut(rest, "}")
		themes[name] = map[string]string{}
		for _, m := range variable.FindAllStringSubmatch(rest, -1) {
			themes[name][m[1]] = m[2]
		}
	}
	for _, m := range []string{"dark", "dark by itself"} {
		for name := range themes["light"] {
			if themes[m][name] == "" || themes[m][name] != themes["dark"][name] {
				t.Errorf("%s: --%s is %q", m, name, themes[m][name])
			}
		}
	}
	luminance := func(color string) float64 {
		n, err := strconv.ParseUint(color[1:], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			c := float64(n>>(16-8*i)&0xFF) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	for theme, v := range themes {
		check := func(a, b string, least float64) {
			x, y := luminance(v[a]), luminance(v[b])
			if ratio := (max(x, y) + 0.05) / (min(x, y) + 0.05); ratio < least {
				t.Errorf("%s: --%s on --%s has contrast %.2f, less than %.1f", theme, a, b, ratio, least)
			}
		}
		for _, ground := range []string{"bg", "panel", "raise", "tint-act", "tint-bad", "tint-warn"} {
			check("ink", ground, 7)
			for _, text := range []string{"soft", "accent", "bad", "warn"} {
				check(text, ground, 4.5)
			}
		}
		check("good", "panel", 4.5)
		for name := range v {
			switch {
			case strings.HasPrefix(name, "p-"):
				check("mark", name, 4.5)
				check(name, "panel", 3)
			case slices.Contains([]string{"failed", "cancelled", "unfinished"}, name):
				check(name, "panel", 3)
			}
		}
	}
}

// Times of a figure or strip that make no sense do no harm.
func FuzzDrawings(f *testing.F) {
	f.Add(int64(0), int64(10), int64(5), int64(100))
	f.Add(int64(math.MaxInt64), int64(math.MinInt64), int64(-5), int64(1))
	f.Fuzz(func(t *testing.T, start, end, phase, limit int64) {
		r := receiveTimeout(at("12:00:00"))
		r.Start, r.End = etl.Time(start), etl.Time(end)
		r.Phases[1].Start, r.Phases[2].End = etl.Time(phase), etl.Time(end)
		r.Timer.Limit = time.Duration(limit)
		r.Behind = &timeline.Behind{Start: etl.Time(phase), Took: time.Duration(limit)}
		a := analysis(r)
		if f := a.telling(longPage()).newFigure(r); f != nil {
			for _, row := range f.Rows {
				for _, b := range row.Bars {
					if !(b.X >= -0.01 && b.Width >= 0 && b.X+b.Width <= 100.01) {
						t.Fatalf("%+v", b)
					}
				}
			}
			if len(f.Ticks) > 20 {
				t.Fatalf("%d ticks", len(f.Ticks))
			}
		}
		other := receiveTimeout(etl.Time(end))
		if s := newStrip([]*timeline.Request{r, other, receiveTimeout(etl.Time(phase))}); s != nil && len(s.All) > 240 {
			t.Fatalf("%d bars", len(s.All))
		}
	})
}

// Where the servers of hardly any request are known, no format has a table of them.
func TestScatteredServers(t *testing.T) {
	for known, want := range map[int]bool{400: true, 30: false} {
		a := models["healthy"]()
		for i, r := range a.Requests {
			if r.Proxied = true; i >= known {
				r.Server = ""
			}
		}
		a.Everything = a.Requests
		for format, table := range map[string]string{"html": `id="servers"`, "markdown": "## Servers", "table": "first byte: median"} {
			if got := strings.Contains(string(render(t, WriteAnalysis, format, a, Options{Redact: defaults()})), table); got != want {
				t.Errorf("%s, %d of %d known: a table of servers %v, want %v", format, known, len(a.Requests), got, want)
			}
		}
	}
}
