package report

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// The report is one file that loads nothing: what stands in it is readable without its script, which adds the list of
// all requests. Style and script are allowed by their hashes alone, so there is no style or event attribute anywhere.
var (
	//go:embed web/page.html web/diary.html
	htmlFiles embed.FS
	//go:embed web/style.css
	styleCSS string
	//go:embed web/app.css
	appCSS string
	//go:embed web/app.js
	appJS string
)

// htmlTemplates are "top" and "bottom" of the page, with the data of the script between them, and "diary".
var htmlTemplates = sync.OnceValues(func() (*template.Template, error) {
	return template.New("report").ParseFS(htmlFiles, "web/*.html")
})

// Bounds on what the page says of single things without its script.
const (
	fullCards   = 12   // told at once; the others are folded
	mostCards   = 30   //
	mostRows    = 50   // of requests
	mostNamed   = 12   // requests of a card
	mostServers = 40   //
	mostFiles   = 200  //
	longName    = 300  // columns of a URL, path or name
	longWords   = 2000 // columns of a sentence
)

// An htmlPage is what the templates show. The texts in it are as the files have them: the templates print them by
// [htmlPage.T] and the like, which make them harmless.
type htmlPage struct {
	Policy        string
	Style, Script template.HTML

	Answer  string
	Covers  string   // the span of time of the files
	Files   string   // how many, of which machines
	Tally   []count  // requests by outcome
	Tool    Tool     //
	Masking masking  //
	Nav     []anchor //

	Health  health
	Missing []uncaptured // what was not captured
	Cards   []cardView
	Folded  []cardView
	Left    int // cards that there is no room for
	Strip   *strip
	Servers *table
	Wider   bool // the table of servers is of all requests
	Hosts   []host
	Rows    []exchangeRow
	Total   int // requests
	Loose   int // of these, content servers' own lines of requests that their proxy has as well
	Remarks []string
	Diaries []diaryView

	Undiaried string // of how many Failed Request Tracing files there is no view
	Terms     []term
	Words     []glossEntry
	Inputs    []inputRow
	More      int // inputs that there is no room for

	anchors map[string]string // of the codes of the glossary, by symbol
}

// A count is a number of requests that ended alike.
type count struct {
	N     string
	Words string
	Class string // outcome
}

// An anchor leads to a section.
type anchor struct{ ID, Title, N string }

// A table has rows of cells below a head.
type table struct {
	Head []headCell
	Rows [][]string
	More int // rows that there is no room for
}

type headCell struct {
	Title  string
	Number bool
}

// sourceHash is the source expression that allows a script or style of these bytes.
func sourceHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// analysisHTML writes the report as one file that is complete in itself.
func analysisHTML(w io.Writer, a *Analysis, _ Options) error {
	t, err := htmlTemplates()
	if err != nil {
		return err
	}
	p := a.htmlPage()
	out := bufio.NewWriterSize(w, 1<<16)
	if err := t.ExecuteTemplate(out, "top", p); err != nil {
		return err
	}
	out.WriteString(`<script type="application/json" id="data">`) // errors of out are sticky
	if err := a.htmlData(out); err != nil {
		return err
	}
	out.WriteString("</script>\n")
	if err := t.ExecuteTemplate(out, "bottom", p); err != nil {
		return err
	}
	return out.Flush()
}

// htmlPage sorts out what the page shows.
func (a *Analysis) htmlPage() *htmlPage {
	style := styleCSS + appCSS
	s := a.telling(longPage())
	p := &htmlPage{
		Policy: "default-src 'none'; style-src " + sourceHash(style) + "; script-src " + sourceHash(appJS) +
			"; base-uri 'none'; form-action 'none'",
		Style:   template.HTML("<style>" + style + "</style>"),
		Script:  template.HTML("<script>" + appJS + "</script>"),
		Answer:  s.answer(),
		Tool:    a.Tool,
		Masking: a.masking(),
		Health:  s.health(),
		Strip:   newStrip(s.Requests),
		Total:   len(a.Requests),
		Diaries: a.diaryViews(),
	}
	p.Covers = strings.Join(s.said((*screen).extent), " ")
	p.Files = s.filesWords()
	p.Tally = s.tally()
	p.Remarks = s.remarks()
	cards := a.cards()
	for i := range cards[:min(len(cards), mostCards)] {
		v := s.newCardView(p, &cards[i], i)
		if i < fullCards {
			p.Cards = append(p.Cards, v)
		} else {
			p.Folded = append(p.Folded, v)
		}
	}
	p.Left = max(0, len(cards)-mostCards)
	p.Servers, p.Wider = s.serverTable()
	p.Hosts = s.hosts()
	if n := a.undiaried(len(p.Diaries)); n > 0 {
		p.Undiaried = fmt.Sprintf("%s of Failed Request Tracing %s not shown here: there is no room, or other requests are more urgent. Each one alone: etwhy report FILE.",
			plural(n, "file"), either(n, "is", "are"))
	}
	p.Rows = exchanges(a.Requests)
	p.Inputs, p.More = a.listed(mostFiles)
	p.Words = a.glossary(cards)
	p.Terms = a.terms(cards)
	p.Missing = missed(cards)
	p.Loose = len(s.loose)
	p.anchors = map[string]string{}
	for _, w := range p.Words {
		if w.Name != "" && p.anchors[w.Name] == "" {
			p.anchors[w.Name] = w.ID
		}
	}
	p.Nav = p.sections()
	return p
}

// undiaried counts the Failed Request Tracing files of which there is no view among so many.
func (a *Analysis) undiaried(shown int) (n int) {
	if a.Details == nil {
		return 0
	}
	for i := range a.Inputs {
		if in := &a.Inputs[i]; in.Kind == string(timeline.KindFREB) && in.Entries > 0 && in.DuplicateOf == "" {
			n++
		}
	}
	return max(n-shown, 0)
}

// longPage is a page on which every paragraph is one line.
func longPage() *page { return &page{width: 1 << 20, blocks: []block{{weight: needed}}} }

// said returns the paragraphs that methods of a screen write.
func (s *screen) said(methods ...func(*screen)) []string {
	t := *s
	t.page = longPage()
	for _, m := range methods {
		m(&t)
	}
	var out []string
	for _, b := range t.blocks {
		for _, l := range b.lines {
			if l != "" {
				out = append(out, l)
			}
		}
	}
	return out
}

// remarks says which requests are spoken of and which not, and of those that went well how.
func (s *screen) remarks() []string {
	about := []func(*screen){(*screen).unjoined, (*screen).counted, (*screen).setAside, (*screen).selection}
	switch {
	case len(s.failed) > 0:
	case len(s.Requests) > 0:
		fared := func(s *screen) {
			if t := answers(s.Requests, s.Analysis.counted().Statuses); t != "" {
				s.labelled("Answers:", sentence(t))
			}
		}
		about = append([]func(*screen){fared, (*screen).repeated}, about...)
		if len(s.unhappy) == 0 {
			about = append(about, func(s *screen) { s.elsewhere(s.served()) })
		}
	case s.FilteredOut > 0:
		about = append(about, (*screen).speakers)
	}
	return s.said(about...)
}

// sections lists the parts of the page that there are.
func (p *htmlPage) sections() []anchor {
	var out []anchor
	add := func(there bool, id, title string, n int) {
		if !there {
			return
		}
		number := ""
		if n > 0 {
			number = thousands(n)
		}
		out = append(out, anchor{id, title, number})
	}
	add(len(p.Cards) > 0, "verdicts", "Verdicts", len(p.Cards)+len(p.Folded)+p.Left)
	add(p.Strip != nil, "overtime", "Over time", 0)
	add(p.Servers != nil, "servers", "Servers", 0)
	add(len(p.Hosts) > 0, "machines", "Machines", len(p.Hosts))
	add(p.Total > 0, "requests", "Requests", p.Total-p.Loose)
	if n := len(out) - 1; p.Loose > 0 {
		out[n].N += " + " + thousands(p.Loose)
	}
	add(len(p.Diaries) > 0 || p.Undiaried != "", "diaries", "Request tracing", len(p.Diaries))
	add(len(p.Terms)+len(p.Words) > 0, "glossary", "Words, codes", 0)
	add(true, "provenance", "Where this is from", 0)
	return out
}

// filesWords says how many files of which machines the report is about.
func (s *screen) filesWords() string {
	n := 0
	for i := range s.Inputs {
		if in := &s.Inputs[i]; timeline.Kind(in.Kind).IsSource() && in.DuplicateOf == "" {
			n++
		}
	}
	t := plural(n, "file")
	var names []string
	for _, m := range s.Machines {
		if m.Name != "" && !m.Guessed {
			names = append(names, shorten(m.Name, 40))
		}
	}
	const most = 6
	if rest := len(names) - most; rest > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", rest))
	}
	if len(names) > 0 {
		t += " of " + strings.Join(names, ", ")
	}
	return t
}

// tally counts the requests by outcome, those that failed first.
func (s *screen) tally() []count {
	n := s.count()
	sum := 0
	for _, k := range n {
		sum += k
	}
	out := []count{{thousands(sum), either(sum, "request", "requests"), "all"}}
	for _, o := range []struct {
		outcome timeline.Outcome
		words   string
	}{
		{timeline.Failed, "failed"}, {timeline.Cancelled, "given up by the caller"},
		{timeline.Unfinished, "without an end in the files"}, {timeline.OK, "answered"},
	} {
		if n[o.outcome] > 0 {
			out = append(out, count{thousands(n[o.outcome]), o.words, o.outcome.String()})
		}
	}
	return out
}

// A masking says what the report was made without, and what it still holds.
type masking struct {
	Mode   string
	Words  string
	KeyID  string
	Counts []maskCount
	Left   []string // not removed
}

type maskCount struct {
	Rule string
	N    string
}

func (a *Analysis) masking() masking {
	r := a.redaction()
	m := masking{Mode: r.Mode, Words: a.Masked(), Left: a.notRemoved()}
	if r.KeyID != nil {
		m.KeyID = *r.KeyID
	}
	for _, rule := range slices.Sorted(maps.Keys(r.Counts)) {
		m.Counts = append(m.Counts, maskCount{rule, thousands(r.Counts[rule])})
	}
	return m
}

// A cardView is a card with what is drawn of it.
type cardView struct {
	*card
	ID      string
	Class   string // outcome
	Badge   string // certain, likely, possible
	Page    *htmlPage
	Heading string
	One     bool // there is one request
	Judged  bool // there is a verdict
	Not     []string
	Links   []string
	More    int // requests that are not linked to
	Figure  *figure
}

func (s *screen) newCardView(p *htmlPage, c *card, i int) cardView {
	v := cardView{card: c, Page: p, ID: fmt.Sprintf("card-%d", i+1), Class: c.Outcome.String(), Badge: c.Confidence.String(), Links: c.IDs, One: len(c.IDs) == 1}
	v.Judged = c.discovery != nil || c.Request != nil && c.Request.Verdict != nil
	v.Heading = c.Headline
	if only, ok := strings.CutPrefix(c.Headline, "1 x "); ok {
		v.Heading = begun(only)
	}
	for _, t := range c.Not {
		v.Not = append(v.Not, begun(t))
	}
	if len(c.IDs) > mostNamed {
		v.Links, v.More = c.IDs[:mostNamed], len(c.IDs)-mostNamed
	}
	if c.Request != nil && c.discovery == nil {
		v.Figure = s.newFigure(c.Request)
	}
	return v
}

// With hands a concern to a template together with the page.
func (p *htmlPage) With(c concern) any {
	return struct {
		Page    *htmlPage
		Concern concern
	}{p, c}
}

// Thousands groups the digits of a number.
func (p *htmlPage) Thousands(n int) string { return thousands(n) }

// LongName is how much of a URL, path or name is shown.
func (p *htmlPage) LongName() int { return longName }

// Title is the answer as plain text.
func (p *htmlPage) Title() string { return shorten(p.Answer, longName) }

// Plain makes a short name printable, for drawings.
func (p *htmlPage) Plain(s string) string { return shorten(s, 40) }

// Class is the class of a cell of a table.
func (t *table) Class(column int, value string) string {
	switch {
	case !t.Head[column].Number:
		return ""
	case t.Head[column].Title == "Failed" && value != "0":
		return "num bad"
	}
	return "num"
}

// Texts of files on the page.

// T prints words, of which parts may be from a file: harmless, and apart from the direction of what is around them.
// Names of codes lead to what they mean.
func (p *htmlPage) T(s string) template.HTML {
	return template.HTML("<bdi>" + p.linked(shorten(s, longWords)) + "</bdi>")
}

// Lead prints a heading.
func (p *htmlPage) Lead(s string) template.HTML { return isolated(s, 2*longName) }

// N prints a name, URL or path.
func (p *htmlPage) N(s string) template.HTML { return isolated(s, longName) }

func isolated(s string, columns int) template.HTML {
	return "<bdi>" + template.HTML(template.HTMLEscapeString(shorten(s, columns))) + "</bdi>"
}

// Step prints something to do: a sentence, in which commands can be told from words.
func (p *htmlPage) Step(s string) template.HTML {
	var b strings.Builder
	b.WriteString("<bdi>")
	for _, x := range stepPieces(s) {
		switch x.kind {
		case stepText:
			b.WriteString(p.linked(x.text))
		case stepCommand:
			b.WriteString("<code>" + template.HTMLEscapeString(x.text) + "</code>")
		case stepLine:
			b.WriteString(`<code class="line" tabindex="0">` + template.HTMLEscapeString(x.text) + "</code>")
		}
	}
	b.WriteString("</bdi>")
	return template.HTML(b.String())
}

// A stepPiece is a part of something to do.
type stepPiece struct {
	kind stepKind
	text string
}

type stepKind int

const (
	stepText stepKind = iota
	stepCommand
	stepLine // a command that is long enough to have a line of its own
)

// stepPieces parts something to do into words and commands.
func stepPieces(s string) (out []stepPiece) {
	const short = 24 // bytes of a command that stands among words
	s = instruction(shorten(s, longWords))
	add := func(kind stepKind, text string) {
		if n := len(out); n > 0 && kind == stepText && out[n-1].kind == stepLine {
			text = strings.TrimLeft(text, ".,; ") // the end of the line is all that parts them
		}
		if text != "" {
			out = append(out, stepPiece{kind, text})
		}
	}
	from := 0
	for _, span := range commandSpans(s) {
		kind := stepLine
		if within := strings.HasSuffix(s[:span[0]], "("); within || span[1]-span[0] <= short {
			kind = stepCommand
		}
		add(stepText, s[from:span[0]])
		add(kind, s[span[0]:span[1]])
		from = span[1]
	}
	add(stepText, s[from:])
	return out
}

// symbolName finds what may be the name of a code.
var symbolName = regexp.MustCompile(`\b[A-Za-z][A-Za-z0-9_]{4,}\b|\b[45]\d\d\.\d{1,3}\b`)

// linked escapes a text, and links the codes in it that are explained further down.
func (p *htmlPage) linked(s string) string {
	var b strings.Builder
	from := 0
	for _, m := range symbolName.FindAllStringIndex(s, -1) {
		id := p.anchors[s[m[0]:m[1]]]
		if id == "" {
			continue
		}
		b.WriteString(template.HTMLEscapeString(s[from:m[0]]))
		fmt.Fprintf(&b, `<a class="code" href="#%s">%s</a>`, id, template.HTMLEscapeString(s[m[0]:m[1]]))
		from = m[1]
	}
	b.WriteString(template.HTMLEscapeString(s[from:]))
	return b.String()
}

// Day prints a time with its day, UTC.
func (p *htmlPage) Day(t etl.Time) template.HTML { return moments(t, "2006-01-02 15:04:05") }

// Clock prints the time of day with milliseconds, UTC.
func (p *htmlPage) Clock(t etl.Time) template.HTML { return moments(t, "15:04:05.000") }

// When prints a time of day as finely as a file tells it.
func (p *htmlPage) When(t etl.Time, when string) template.HTML {
	if t.IsZero() {
		return template.HTML(template.HTMLEscapeString(clean(when)))
	}
	return template.HTML(`<time datetime="` + t.Time().Format(time.RFC3339Nano) + `">` + template.HTMLEscapeString(clean(when)) + `</time>`)
}

func moments(t etl.Time, layout string) template.HTML {
	if t.IsZero() {
		return ""
	}
	return template.HTML(`<time datetime="` + t.Time().Format(time.RFC3339Nano) + `">` + t.Time().Format(layout) + `</time>`)
}

// commandStart finds where a command to be typed begins in a sentence.
var commandStart = regexp.MustCompile(`(?:^|[\s(,;:])((?:%windir%\\\S*\\)?(?:netsh (?:int|http|trace|winhttp|wfp)|netstat -|ipconfig /|route print|appcmd (?:[a-z]+ [a-z/-]|-)|procdump -|certutil -|dotnet-dump |wevtutil |curl -|xcopy /|etwhy (?:-|(?:analyze|timeline|events|info|explain|extract|report|ticket|check-secrets)\b)|(?:Test|Get|Resolve|Invoke|Install|New|Start|Stop|Restart)-[A-Z][A-Za-z]+))`)

// commandEnd finds where it ends: at the end of a clause.
var commandEnd = regexp.MustCompile(`[,;)](?:[\s,;.]|$)|: |\.$| \(| (?:and|or|to|with|of the|on|here|if|while|then|names|again|in which) `)

// commandSpans finds the commands in a sentence.
func commandSpans(s string) [][2]int {
	var out [][2]int
	for from := 0; from < len(s); {
		m := commandStart.FindStringSubmatchIndex(s[from:])
		if m == nil {
			break
		}
		start := from + m[2]
		end := len(s)
		for _, e := range commandEnd.FindAllStringIndex(s[start:], -1) {
			if strings.Count(s[start:start+e[0]], `"`)%2 == 0 { // else it is within a name
				end = start + e[0]
				break
			}
		}
		out = append(out, [2]int{start, end})
		from = end
	}
	return out
}

// exchangeRow is a request in the table that is read without a script.
type exchangeRow struct {
	ID, Outcome  string
	Start        etl.Time
	Method, URL  string
	Server       string
	Status       string
	Took         string
	Phase, Error string
	Title        string // of the verdict
}

// exchanges lists the requests that matter most: those that failed, then the slowest.
func exchanges(requests []*timeline.Request) []exchangeRow {
	chosen := byUrgency(requests)
	var out []exchangeRow
	for _, r := range chosen[:min(len(chosen), mostRows)] {
		row := exchangeRow{
			ID: r.ID, Outcome: r.Outcome.String(), Start: r.Start, Method: r.Method, URL: webAddress(r.URL), Server: target(r),
			Phase: string(r.Phase),
		}
		if i := stoppedAt(r); r.Phase != "" && i >= 0 {
			row.Phase = phaseWord(r.Side, &r.Phases[i])
		}
		if r.Status != 0 {
			row.Status = status(r)
		}
		if d := r.Duration(); d > 0 {
			row.Took = took(d)
		}
		if e := cmp.Or(r.WinHTTP.Code, r.Error); e != 0 {
			row.Error = code(e)
		}
		if r.Verdict != nil {
			row.Title = begun(sentence(r.Verdict.Title))
		}
		out = append(out, row)
	}
	return out
}
