package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// Bounds of what is meant for a ticket: systems take some 30,000 characters of text.
const (
	ticketColumns = 98 // columns
	ticketCards   = 4  // told in full; of the others the headline
	ticketOthers  = 30

	ticketWords = 25 // codes that are explained
)

// analysisMarkdown writes the answer to be pasted into a ticket. It is plain enough to be read as text where Markdown is
// not understood: short lines, few tables, no HTML, no links. Values of files are code spans.
func analysisMarkdown(w io.Writer, a *Analysis, _ Options) error {
	s := a.telling(longPage())
	cards := a.cards()
	m := &markdown{}
	m.title(s.answer())
	h := s.health()
	blind := len(s.Requests) == 0 && len(h.Concerns) > 0 && h.Concerns[0].Class == "blind"
	digests := s.digests()
	if digests == nil && (!blind || s.FilteredOut > 0 || len(s.Aside) > 0) { // else what is said of them has it
		for _, t := range s.said((*screen).extent) {
			m.text("", t)
		}
	}
	for i := range h.Concerns {
		if c := &h.Concerns[i]; len(s.Requests) == 0 {
			m.concern(s, c, s.answer())
		} else {
			m.text(c.Label+":", sentence(c.Title))
		}
	}
	if len(s.Requests) == 0 {
		m.silence(s)
	}
	for i := range cards[:min(len(cards), ticketCards)] {
		m.card(s, &cards[i], len(cards), i)
	}
	if rest := cards[min(len(cards), ticketCards):]; len(rest) > 0 {
		m.heading(2, "Also found")
		for i := range rest[:min(len(rest), ticketOthers)] {
			c := &rest[i]
			t := c.Headline
			if c.verdict() != nil {
				t += " How sure: " + c.Confidence.String() + "."
			}
			if len(c.DoNow) > 0 {
				t += " Do now: " + c.DoNow[0]
			}
			m.item("- ", t)
		}
		if n := len(rest) - ticketOthers; n > 0 {
			m.item("- ", fmt.Sprintf("And %s more.", thousands(n)))
		}
	}
	for i := range digests {
		m.digest(&digests[i])
	}
	if digests == nil {
		m.servers(s)
	}
	m.rest(s, digests == nil)
	m.surer(s, h)
	m.words(a.glossary(cards))
	m.files(a)
	m.masking(a)
	_, err := m.buf.WriteTo(w)
	return err
}

// A markdown is a document in the making.
type markdown struct{ buf bytes.Buffer }

// gap adds an empty line, but not in front of everything.
func (m *markdown) gap() {
	if m.buf.Len() > 0 {
		m.buf.WriteByte('\n')
	}
}

func (m *markdown) line(s string) {
	m.buf.WriteString(strings.TrimRight(s, " "))
	m.buf.WriteByte('\n')
}

// title adds what leads. A heading is one line, so what is longer goes on in bold below.
func (m *markdown) title(s string) {
	const lead = "# "
	if h := lead + strings.Join(inline(s), " "); displaywidth.String(h) <= ticketColumns {
		m.line(h)
		return
	}
	head, rest, ok := strings.Cut(s, ": ")
	h := lead + strings.Join(inline(head), " ")
	if !ok || displaywidth.String(h) > ticketColumns {
		h, rest = lead+"Summary", s
	}
	m.line(h)
	m.gap()
	m.fill("", "", "**", inline(begun(rest)), "**")
}

func (m *markdown) heading(level int, s string) {
	m.gap()
	m.line(strings.Repeat("#", level) + " " + s)
}

// text adds a paragraph, with a label in bold in front of it: "Not:".
func (m *markdown) text(label, s string) {
	if s == "" {
		return
	}
	m.gap()
	pieces := inline(s)
	if label != "" {
		pieces = slices.Insert(pieces, 0, "**"+label+"**")
	}
	m.fill("", "", "", pieces, "")
}

// item adds an element of a list. The first one of a list needs a gap in front of it.
func (m *markdown) item(bullet, s string) {
	m.pieces(bullet, inline(s))
}

func (m *markdown) pieces(bullet string, pieces []string) {
	if !m.inList() {
		m.gap()
	}
	m.fill(bullet, strings.Repeat(" ", len(bullet)), "", pieces, "")
}

// inList reports whether the last line is one of a list.
func (m *markdown) inList() bool {
	b := bytes.TrimSuffix(m.buf.Bytes(), []byte("\n"))
	return isItem.Match(b[bytes.LastIndexByte(b, '\n')+1:])
}

var isItem = regexp.MustCompile(`^(?:- |\d+\. | {2,}\S)`)

// list adds a labelled list.
func (m *markdown) list(label string, texts []string, numbered bool) {
	if len(texts) == 0 {
		return
	}
	m.gap()
	m.line("**" + label + "**")
	for i, t := range texts {
		if numbered { // a task, which may begin with a command
			m.item(fmt.Sprintf("%d. ", i+1), t)
		} else {
			m.item("- ", begun(t))
		}
	}
}

// fill adds a paragraph of pieces, none of which is broken.
func (m *markdown) fill(lead, hang, open string, pieces []string, end string) {
	if len(pieces) == 0 {
		return
	}
	line, begun := lead+open, false
	for i, p := range pieces {
		if i == len(pieces)-1 {
			p += end
		}
		if begun && displaywidth.String(line)+1+displaywidth.String(p) > ticketColumns {
			m.line(line)
			line, begun = hang, false
		}
		if begun {
			line += " "
		}
		line += p
		begun = true
	}
	m.line(line)
}

// code adds lines as they are.
func (m *markdown) code(lines []string) {
	if len(lines) == 0 {
		return
	}
	fence := strings.Repeat("`", max(3, longestRun(strings.Join(lines, "\n"))+1))
	m.gap()
	m.line(fence)
	for _, l := range lines {
		m.line(clean(l))
	}
	m.line(fence)
}

// table adds a table, if it can be one: short lines, and no cell with what separates them. It reports whether it is.
func (m *markdown) table(head []headCell, rows [][]string) bool {
	var lines []string
	add := func(cells []string) {
		lines = append(lines, "| "+strings.Join(cells, " | ")+" |")
	}
	titles, rule := []string{}, []string{}
	for _, h := range head {
		titles = append(titles, h.Title)
		if h.Number {
			rule = append(rule, "--:")
		} else {
			rule = append(rule, "---")
		}
	}
	add(titles)
	add(rule)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, t := range row {
			if strings.ContainsAny(t, "|") {
				return false
			}
			cells[i] = strings.Join(inline(t), " ")
		}
		add(cells)
	}
	for _, l := range lines {
		if displaywidth.String(l) > ticketColumns {
			return false
		}
	}
	m.gap()
	for _, l := range lines {
		m.line(l)
	}
	return true
}

// card tells of requests that ended alike, the i-th of all.
func (m *markdown) card(s *screen, c *card, all, i int) {
	if all > 1 {
		m.heading(2, fmt.Sprintf("Finding %d of %d", i+1, all))
	}
	if all > 1 || c.Sentence != s.answer() {
		m.gap()
		m.fill("", "", "**", inline(c.Headline), "**")
	}
	m.text("", c.Stage)
	facts := slices.Clone(c.Facts)
	if start, end := s.cover(); c.Request != nil && !c.Request.Start.IsZero() && len(facts) > 0 && dateOf(start) != dateOf(end) {
		facts = append(facts, "on "+dateOf(c.Request.Start))
	}
	for _, t := range facts {
		if strings.Contains(t, " > ") { // the way from machine to machine
			m.pieces("- ", []string{shortSpan(t, ticketColumns-len("- "))})
			continue
		}
		m.item("- ", t)
	}
	m.text("", c.Alike)
	if c.Request != nil {
		m.code(s.drawn(c.Request))
	}
	if c.verdict() == nil {
		return
	}
	m.text("How sure:", strings.TrimSpace(c.Confidence.String()+". "+c.Sure+" "+c.Lesser))
	m.evidence(c.Evidence)
	for _, t := range c.Clocks {
		m.text("", t)
	}
	m.text("", c.Candidates)
	m.list("Also seen", c.Context, false)
	m.list("Not the cause", c.Not, false)
	m.text(c.OpenLabel+":", c.Open)
	m.list("Do now", c.DoNow, true)
	m.list("Find out", c.FindOut, true)
}

// evidence lists observations.
func (m *markdown) evidence(proofs []proof) {
	if len(proofs) == 0 {
		return
	}
	m.gap()
	m.line("**Evidence** (times in UTC)")
	for _, p := range proofs {
		t := strings.TrimSpace(p.When + " " + p.Text)
		if where := p.where(); where != "" {
			t += " (" + where + ")"
		}
		m.item("- ", t)
	}
}

// where says what tells an observation: ARR trace, net.etl, WebIO 134. A file that the observation names is not named
// again.
func (p *proof) where() string {
	if file := p.Source[:strings.IndexAny(p.Source+",", ",:")]; file != "" && p.Label != "" && strings.Contains(p.Text, file) {
		return p.Label
	}
	return strings.Trim(p.Label+", "+p.Source, ", ")
}

// drawn is the bar of a request.
func (s *screen) drawn(r *timeline.Request) []string {
	t := *s
	t.page = newPage(Options{Width: ticketColumns})
	t.bars(r)
	var out []string
	for _, b := range t.blocks {
		out = append(out, b.lines...)
	}
	return out
}

// concern says what makes an answer less sure, or impossible, and how to do without it. What has been said already is
// left out.
func (m *markdown) concern(s *screen, c *concern, said string) {
	if title := sentence(c.Title); title != said {
		m.text(c.Label+":", title)
	}
	for _, t := range c.Text {
		m.text("", sentence(t))
	}
	const none = -1 // of no input
	m.list("Do now", s.tasks(c.DoNow, none), true)
	m.commands(c.Commands)
	m.text("Warning:", sentence(c.Warning))
	m.list("Find out", s.tasks(c.FindOut, none), true)
}

// surer says how to do without what makes the answer less sure, where that helps.
func (m *markdown) surer(s *screen, h health) {
	if len(s.Requests) == 0 {
		return
	}
	begun := false
	for i := range h.Concerns {
		c := &h.Concerns[i]
		if len(c.DoNow)+len(c.FindOut)+len(c.Commands) == 0 {
			continue
		}
		if !begun {
			m.heading(2, "To be surer")
			begun = true
		}
		m.concern(s, c, "")
	}
}

// silence says what there is where no request is to be told of.
func (m *markdown) silence(s *screen) {
	for _, t := range s.said((*screen).speakers) {
		m.text("", t)
	}
	if len(s.Aside) > 0 && s.answer() != onlyAside {
		m.text("", onlyAside)
	}
}

// commands adds command lines to be typed.
func (m *markdown) commands(list []string) {
	p := newPage(Options{Width: ticketColumns})
	for _, c := range list {
		p.command(c)
	}
	m.code(p.blocks[0].lines)
}

// servers adds the table of servers, without the columns that say nothing or that there is no room for.
func (m *markdown) servers(s *screen) {
	t, wider := s.serverTable()
	if t == nil {
		return
	}
	const most = 12
	more := t.More + max(0, len(t.Rows)-most)
	head, rows := t.Head, t.Rows[:min(len(t.Rows), most)]
	drop := func(i int) {
		head = slices.Delete(slices.Clone(head), i, i+1)
		for j, row := range rows {
			rows[j] = slices.Delete(slices.Clone(row), i, i+1)
		}
	}
	for i := len(head) - 1; i > 2; i-- {
		if !slices.ContainsFunc(rows, func(row []string) bool { return row[i] != "" && row[i] != "0" }) {
			drop(i)
		}
	}
	const longest = 40
	for _, row := range rows {
		for i := range row {
			row[i] = shorten(row[i], longest)
		}
	}
	m.heading(2, "Servers")
	for !m.table(head, rows) {
		if len(head) <= 3 { // names that no table takes
			for _, row := range rows {
				m.item("- ", fmt.Sprintf("%s: %s requests, %s failed", row[0], row[1], row[2]))
			}
			break
		}
		drop(len(head) - 1)
	}
	if more > 0 {
		m.text("", fmt.Sprintf("And %s.", plural(more, "more server")))
	}
	if wider {
		m.text("", "In this table: every request of these files, also those that are not counted above.")
	}
}

// digest tells of a Failed Request Tracing file in short.
func (m *markdown) digest(d *digest) {
	m.heading(2, strings.Join(inline(d.File), " "))
	for _, t := range d.Facts {
		m.item("- ", shorten(t, cardWidth))
	}
	m.text("", d.Why)
	for _, t := range d.Cautions {
		m.text("Careful:", t)
	}
	m.text("Warnings and errors:", d.Silent)
	m.list("Warnings and errors", d.Troubles, false)
	m.list("Longest pauses", d.Pauses, false)
	m.list("Time by module", d.Modules, false)
	m.text("", d.Tick)
}

// rest adds what else there is to say of the requests; fared: how these went, which nothing else tells.
func (m *markdown) rest(s *screen, fared bool) {
	var said []string
	add := func(methods ...func(*screen)) { said = append(said, s.said(methods...)...) }
	if len(s.failed) > 0 {
		add((*screen).besides)
	} else {
		if len(s.Discoveries) > 0 && len(s.Requests) > 0 { // else it leads
			said = append(said, s.healthyHead())
		}
		if t := answers(s.Requests, s.Analysis.counted().Statuses); t != "" && fared {
			said = append(said, "Answers: "+sentence(t))
		}
		add((*screen).repeated, (*screen).unjoined)
	}
	add((*screen).counted, (*screen).setAside, (*screen).selection)
	for _, f := range s.findings(timeline.Note) {
		said = append(said, "Note: "+sentence(f.Title))
	}
	if n := s.count(); fared && len(s.Requests) > 0 && len(s.unhappy) == 0 && n[timeline.Failed]+n[timeline.Cancelled]+n[timeline.Unfinished] == 0 {
		add(func(s *screen) { s.elsewhere(s.served()) })
	}
	if len(said) == 0 {
		return
	}
	m.heading(2, "Also worth knowing")
	for _, t := range said {
		bullet := "- "
		if t[0] == ' ' { // of what is above
			bullet = "  - "
		}
		m.item(bullet, strings.TrimSpace(t))
	}
}

// words explains the codes, and how sure is meant.
func (m *markdown) words(list []glossEntry) {
	doc := m.buf.String()
	add := func(t string) {
		if m.buf.Len() == len(doc) {
			m.heading(2, "Words")
		}
		m.item("- ", t)
	}
	for _, t := range terms {
		if t.sign.MatchString(doc) {
			add(t.word + ": " + t.meaning)
		}
	}
	n := 0
	for i := range list {
		e := &list[i]
		if e.Name == "" || !strings.Contains(doc, e.Name) {
			continue // of a request that is not told of
		}
		if n++; n > ticketWords {
			break
		}
		t := strings.TrimSpace(e.Number + " " + e.Name)
		if e.Kind != "" {
			t += " (" + e.Kind + ")"
		}
		add(t + ": " + sentence(e.Meaning))
	}
}

// terms are the words of IIS and Windows that not everybody knows.
var terms = []struct {
	sign          *regexp.Regexp
	word, meaning string
}{
	{regexp.MustCompile(`How sure:`), "how sure", "certain: two sources that know nothing of each other agree, and nothing was lost; likely: the evidence fits one cause and " +
		"contradicts none; possible: only the time that passed, or what is missing, speaks for it."},
	{regexp.MustCompile(`\(phase `), "phase", "the step of an exchange at which it stopped: route, proxy, resolve, connect, tls, send, receive; at the server " +
		"receive, queue, process, send."},
	{regexp.MustCompile(`\bARR\b`), "ARR", "Application Request Routing, the proxy of IIS: it passes requests on to content servers."},
	{regexp.MustCompile(`\bFREB\b`), "FREB", "Failed Request Tracing of IIS, a file for each request that it was told to record."},
	{regexp.MustCompile(`\bHTTPERR\b`), "HTTPERR", "the log of HTTP.sys, of requests that never reached IIS or whose connection broke."},
	{regexp.MustCompile(`\bIIS log\b`), "IIS log", "the log of a web site, a line for each request."},
	{regexp.MustCompile(`\bWinHTTP\b|\bWebIO\b`), "WinHTTP", "the part of Windows by which a program sends HTTP requests; WebIO is the part of it that talks to the network."},
	{regexp.MustCompile(`\bwin32\b`), "win32", "in an IIS log, the Windows error of a request; 0 is none."},
	{regexp.MustCompile(`\bw3wp\.exe\b`), "w3wp.exe", "the worker process of IIS that runs the application of a pool."},
}

// files lists the inputs, each with its hash.
func (m *markdown) files(a *Analysis) {
	if len(a.Inputs) == 0 {
		return
	}
	m.heading(2, "Files")
	for _, f := range a.fileList() {
		m.item("- ", f.words)
		if f.hash != "" {
			m.line("  SHA-256 " + codeSpan(f.hash))
		}
	}
}

// masking says what was taken out, what was not, and what made the text.
func (m *markdown) masking(a *Analysis) {
	m.heading(2, "Redaction")
	k := a.masking()
	m.text("", "Redaction mode "+k.Mode+". "+k.Words+k.counted())
	m.text("Not removed:", k.left())
	m.text("", a.Tool.made())
}

// counted says how often what was taken out, and by which key.
func (k *masking) counted() (t string) {
	var counts []string
	for _, c := range k.Counts {
		counts = append(counts, c.N+" x "+c.Rule)
	}
	if len(counts) > 0 {
		t += " Taken out: " + strings.Join(counts, ", ") + "."
	}
	if k.KeyID != "" {
		t += " Key: " + k.KeyID + "."
	}
	return t
}

// made names what made a text.
func (t *Tool) made() string {
	made := "Made by " + cmp.Or(t.Name, "etwhy")
	if t.Version != "" {
		made += ", version " + t.Version
	}
	return made + "."
}

// inline turns a text into pieces of Markdown that mean nothing but themselves and that no line may break. What could be
// read as markup, or be made a link or a mention by some system, is a code span; so are commands.
func inline(s string) []string {
	s = shorten(s, longWords)
	var out []string
	add := func(piece string, joined bool) {
		if n := len(out); joined && n > 0 && !(strings.HasSuffix(out[n-1], "`") && strings.HasPrefix(piece, "`")) {
			out[len(out)-1] += piece
			return
		}
		out = append(out, piece)
	}
	from, joined := 0, false
	words := func(text string) {
		list := strings.Fields(text)
		for i, w := range list {
			glued := i == 0 && joined && text[0] != ' '
			switch {
			case isListNumber.MatchString(w) && len(out) == 0:
				add(shortSpan(w, ticketColumns), false)
				continue
			case len(out) > 0 && !glued && (isListNumber.MatchString(w) || i > 0 && belong(list[i-1], w)):
				add(" ", true)
				glued = true
			}
			add(inlineWord(w), glued)
		}
		if text != "" {
			joined = text[len(text)-1] != ' '
		}
	}
	for _, span := range commandSpans(s) {
		words(s[from:span[0]])
		add(codeSpan(shorten(s[span[0]:span[1]], longestCommand)), joined)
		from, joined = span[1], true
	}
	words(s[from:])
	return out
}

// isListNumber finds words that would begin a list where they begin a line.
var isListNumber = regexp.MustCompile(`^\d+[.)]$`)

// inlineWord is a word, as a code span if it may be taken for anything else.
func inlineWord(w string) string {
	const longest = ticketColumns - len("100. ")
	core := strings.TrimLeft(w, `("'`)
	front := w[:len(w)-len(core)]
	cut := strings.TrimRight(core, ")") // its dots are of the name
	core = strings.TrimRight(core, `.,;:)?!"'`)
	if strings.HasSuffix(cut, "...") && core != "" && !(plainWord.MatchString(core) && !telltale.MatchString(core) && !isHash(core)) {
		core = cut
	}
	end := w[len(front)+len(core):]
	for _, pair := range []string{"()", `""`, "''"} { // what is opened in the word is closed in it
		if strings.HasPrefix(end, pair[1:]) && opens(core, pair[0], pair[1]) {
			core, end = core+pair[1:], end[1:]
		}
	}
	switch {
	case w == "->": // between an old value and a new one
		return w
	case core == "" && !strings.Contains(w, "::"):
		return shorten(w, longest)
	case core == "":
		return shortSpan(w, longest)
	case plainWord.MatchString(core) && !telltale.MatchString(core) && !isHash(core):
		return shorten(w, longest)
	}
	const most = 8 // brackets and the like
	front, end = shorten(front, most), shorten(end, most)
	return front + shortSpan(core, longest-len(front)-len(end)) + end
}

// opens reports whether a bracket or a quotation is open at the end of a text.
func opens(s string, open, end byte) bool {
	if open == end {
		return strings.Count(s, string(open))%2 == 1
	}
	return strings.Count(s, string(open)) > strings.Count(s, string(end))
}

// plainWord is what no Markdown, Jira or chat takes for markup. telltale are words of such letters that some system
// makes something else of: a link, a mention, an emoji, a command.
var (
	plainWord = regexp.MustCompile(`^[\p{L}\p{N}.,;:()'"/%?+-]*$`)
	telltale  = regexp.MustCompile(`//|^(?i:www\.)|^[-/:]|[\p{L}\p{N}]\.\p{L}|^(?i:gh-\d|h[1-6]$|bq$)|:[\p{L}-][\p{L}\p{N}-]*:|%.|\p{L}%|--|^\+|\+[^\p{N}]|\+$`)
)

// isHash reports whether a word looks like the short form of a hash, which may be made a link to a commit.
func isHash(s string) bool {
	s, _, _ = strings.Cut(s, "-")
	return len(s) >= 7 && strings.Trim(s, "0123456789abcdef") == "" && strings.Trim(s, "0123456789") != ""
}

// codeSpan quotes a text with a backtick, or with two where it has some. Those that follow each other are set apart: a
// line that begins with three would begin a block.
func codeSpan(s string) string {
	quote := "`"
	if strings.Contains(s, quote) {
		for strings.Contains(s, "``") {
			s = strings.ReplaceAll(s, "``", "` `")
		}
		quote = "``"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.HasPrefix(s, " ") && strings.HasSuffix(s, " ") {
		s = " " + s + " "
	}
	return quote + s + quote
}

// shortSpan is a code span of a number of columns at most.
func shortSpan(s string, columns int) string {
	columns -= len("``")
	s = shorten(s, columns)
	code := codeSpan(s)
	if excess := displaywidth.String(code) - len("``") - columns; excess > 0 {
		code = codeSpan(shorten(s, columns-excess))
	}
	return code
}

var backticks = regexp.MustCompile("`+")

// longestRun is the length of the longest run of backticks in a text.
func longestRun(s string) (n int) {
	for _, r := range backticks.FindAllString(s, -1) {
		n = max(n, len(r))
	}
	return n
}

// dateOf is the day of a time, UTC.
func dateOf(t etl.Time) string { return t.Time().Format(time.DateOnly) }
