package report

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"
	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/etwhy/etwhy/decode/charset"
	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// A page is a text for a terminal: lines that fit its width, as blocks. Where it must not grow longer
// than a number of lines, the blocks that matter least go first.
type page struct {
	width  int
	color  bool
	brief  int // lines beyond which what matters least goes; 0 = those of the page
	blocks []block
}

// A block is a part of a page that is shown whole or not at all.
type block struct {
	weight weight
	lines  []string
}

// A weight says what a block is worth.
type weight uint8

const (
	extra  weight = iota // goes first
	useful               // goes next
	needed               // stays
)

// widest is where lines end however wide the terminal is: longer ones are hard to read.
const widest = 120

func newPage(opt Options) *page {
	width := opt.Width
	if width <= 0 {
		width = defaultWidth
	}
	return &page{width: min(max(width, minWidth), widest), color: opt.Color, blocks: []block{{weight: needed}}}
}

// block begins a part of the page.
func (p *page) block(w weight) { p.blocks = append(p.blocks, block{weight: w}) }

// line adds a line as it is.
func (p *page) line(s string) {
	b := &p.blocks[len(p.blocks)-1]
	b.lines = append(b.lines, strings.TrimRight(s, " "))
}

// blank adds an empty line.
func (p *page) blank() { p.line("") }

// parts adds short texts that belong together, as many to a line as fit, with more space between them
// than words have.
func (p *page) parts(lead string, parts []string) {
	line := ""
	put := func() {
		if displaywidth.String(line) > p.width { // one part alone
			p.text(line, len(lead)+4)
		} else {
			p.line(line)
		}
	}
	for _, part := range parts {
		switch part = clean(part); {
		case part == "":
		case line == "":
			line = lead + part
		case displaywidth.String(line)+3+displaywidth.String(part) > p.width:
			put()
			line = lead + "  " + part
		default:
			line += "   " + part
		}
	}
	if line != "" {
		put()
	}
}

// text adds a paragraph, with more space in front of all lines but the first.
func (p *page) text(s string, hang int) {
	for i, l := range wrap(s, p.width, hang) {
		if i > 0 {
			l = strings.Repeat(" ", hang) + l
		}
		p.line(l)
	}
}

// labelled adds a paragraph that begins with a label: "How sure: ...".
func (p *page) labelled(label, s string) {
	if s == "" {
		return
	}
	first := len(p.blocks[len(p.blocks)-1].lines)
	p.text(label+" "+s, 2)
	if p.color {
		l := &p.blocks[len(p.blocks)-1].lines[first]
		*l = strings.Replace(*l, label, bold+label+plainColor, 1)
	}
}

// steps adds a labelled list of things to do. What ends with a command to be copied ends a line.
func (p *page) steps(label string, steps []string, most int) {
	line := label
	put := func() {
		switch {
		case line == "":
		case strings.HasPrefix(line, label):
			p.labelled(label, strings.TrimPrefix(line, label+" "))
		default:
			p.indented(line)
		}
		line = ""
	}
	for _, s := range steps[:min(len(steps), most)] {
		switch {
		case line == "":
			line = s
		case line == label:
			line += " " + s
		default:
			line += "; " + s
		}
		if isCommand.MatchString(s) {
			put()
		}
	}
	if line != label {
		line = sentence(line)
		put()
	}
}

// isCommand finds steps that end with a command, which a period would spoil for copying.
var isCommand = regexp.MustCompile(`\s-[A-Za-z]+\b[^.;]*$|\b[A-Z][a-z]+-[A-Z][A-Za-z]+[^;]*$|\b(netsh|ipconfig|netstat|route|appcmd|procdump|wevtutil) [^;]*$`)

// instruction ends one thing to do as a sentence, unless it ends with a command.
func instruction(s string) string {
	if isCommand.MatchString(s) {
		return s
	}
	return sentence(s)
}

// indented adds a paragraph that belongs to what stands above it.
func (p *page) indented(s string) { p.text("  "+s, 4) }

// command adds a command line to be typed, cut between its words the way cmd.exe understands.
func (p *page) command(s string) {
	const lead, goOn = "  ", " ^"
	var line string
	for i, word := range strings.Fields(clean(s)) {
		word = shorten(word, longestCommand)
		if i > 0 && displaywidth.String(lead+line+" "+word+goOn) > p.width {
			p.line(lead + line + goOn)
			line = "  " + word
			continue
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	p.line(lead + line)
}

// ANSI sequences.
const (
	bold       = "\x1b[1m"
	red        = "\x1b[31m"
	plainColor = "\x1b[0m"
)

// headline adds the first sentence of an answer.
func (p *page) headline(s string, bad bool) {
	from := len(p.blocks[len(p.blocks)-1].lines)
	p.text(s, 0)
	if !p.color {
		return
	}
	on := bold
	if bad {
		on += red
	}
	lines := p.blocks[len(p.blocks)-1].lines
	for i := range lines[from:] {
		lines[from+i] = on + lines[from+i] + plainColor
	}
}

// least returns the number of lines that stay in any case.
func (p *page) least() (n int) {
	for _, b := range p.blocks {
		if b.weight == needed {
			n += len(b.lines)
		}
	}
	return n
}

// writeTo writes the page, of not more than limit lines if limit is not 0. No empty line is first,
// last, or behind another one.
func (p *page) writeTo(w io.Writer, limit int) error {
	total := 0
	for _, b := range p.blocks {
		total += len(b.lines)
	}
	for drop := extra; limit > 0 && drop < needed; drop++ {
		most := limit
		if drop == extra && p.brief > 0 {
			most = min(p.brief, limit)
		}
		for i := len(p.blocks) - 1; i >= 0 && total > most; i-- {
			if b := &p.blocks[i]; b.weight == drop {
				total -= len(b.lines)
				b.lines = nil
			}
		}
	}
	var buf bytes.Buffer
	gap := false
	for _, b := range p.blocks {
		for _, l := range b.lines {
			if l == "" {
				gap = buf.Len() > 0
				continue
			}
			if gap {
				buf.WriteByte('\n')
				gap = false
			}
			buf.WriteString(l)
			buf.WriteByte('\n')
		}
	}
	_, err := w.Write(buf.Bytes())
	return err
}

// A tableColumn is a column of a table on a page.
type tableColumn struct {
	title string
	right bool // numbers
	spare bool // may be left out, or be cut if it is the last one, where the page is narrow
}

// gap is the space between the columns of a table.
const gap = "  "

// table adds a table: no lines, only space between columns.
func (p *page) table(columns []tableColumn, rows [][]string) {
	for _, row := range rows {
		for i := range row {
			row[i] = shorten(row[i], p.width)
		}
	}
	for i := len(columns) - 1; i >= 0; i-- {
		excess := tableWidth(columns, rows) - p.width
		if excess <= 0 {
			break
		}
		if !columns[i].spare {
			continue
		}
		const least = 12
		room := columnWidth(columns, rows, i) - excess
		cut := i == len(columns)-1 && room >= least
		for j, row := range rows {
			if cut {
				row[i] = shorten(row[i], room)
			} else {
				rows[j] = slices.Delete(row, i, i+1)
			}
		}
		if !cut {
			columns = slices.Delete(columns, i, i+1)
		}
	}
	cells := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoFormat: tw.Off, AutoWrap: tw.WrapNone},
		Padding:    tw.CellPadding{Global: tw.Padding{Right: gap, Overwrite: true}},
	}
	var titles []string
	for _, c := range columns {
		titles = append(titles, c.title)
		align := tw.AlignLeft
		if c.right {
			align = tw.AlignRight
		}
		cells.Alignment.PerColumn = append(cells.Alignment.PerColumn, align)
	}
	var buf bytes.Buffer
	t := tablewriter.NewTable(&buf,
		tablewriter.WithEastAsian(tw.Off), // else it would depend on the locale
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		})),
		tablewriter.WithConfig(tablewriter.Config{Header: cells, Row: cells}))
	t.Header(titles)
	for _, row := range rows {
		t.Append(row) // cannot fail for strings
	}
	if t.Render() != nil {
		return // nor this, into a buffer
	}
	for l := range strings.Lines(buf.String()) {
		p.line(shorten(strings.TrimRight(l, " \n"), p.width))
	}
}

func tableWidth(columns []tableColumn, rows [][]string) int {
	n := len(gap) * (len(columns) - 1)
	for i := range columns {
		n += columnWidth(columns, rows, i)
	}
	return n
}

func columnWidth(columns []tableColumn, rows [][]string, i int) int {
	n := displaywidth.String(columns[i].title)
	for _, row := range rows {
		n = max(n, displaywidth.String(row[i]))
	}
	return n
}

// Bounds on what a page quotes of a file, which may hold a value of a megabyte.
const (
	longestText    = 40  // lines of a paragraph
	longestCommand = 400 // columns of a word in a command, which is of no use once it is cut
)

// wrap breaks a text into lines of at most width columns, all but the first shorter by hang. It breaks
// between words only, and keeps a number with the name or unit behind it. A word that no line has room for
// is cut, unless it is for copying. Blanks in front of the first word stay.
func wrap(s string, width, hang int) []string {
	s = shorten(s, longestText*width)
	longest := width - hang
	if isCommand.MatchString(s) {
		longest = longestCommand
	}
	line := s[:len(s)-len(strings.TrimLeft(s, " "))]
	room := width - len(line)
	var lines []string
	begun := false
	for _, w := range units(strings.Fields(s)) {
		w = shorten(w, longest)
		n := displaywidth.String(w)
		switch {
		case !begun:
		case n+1 > room:
			lines = append(lines, line)
			line, room = "", width-hang
		default:
			line += " "
			room--
		}
		line += w
		room -= n
		begun = true
	}
	return append(lines, line)
}

// units joins the words that belong together: 12002 ERROR_WINHTTP_TIMEOUT, 30 s, PID 1432.
func units(words []string) []string {
	out := words[:0]
	for i := 0; i < len(words); {
		unit := words[i]
		for i++; i < len(words) && belong(words[i-1], words[i]); i++ {
			unit += " " + words[i]
		}
		out = append(out, unit)
	}
	return out
}

func belong(a, b string) bool {
	a, b = strings.TrimLeft(a, "("), strings.TrimRight(b, ".,;:)")
	switch {
	case a != "" && strings.IndexByte(".,;:)", a[len(a)-1]) >= 0:
		return false // something else begins
	case isNumber(a):
		return slices.Contains([]string{"s", "ms", "min", "h", "%", "x", "MB", "bytes", "UTC"}, b) || isSymbol(b)
	case isNumber(b): // WebIO 202, PID 1432
		return a != "" && a[0] >= 'A' && a[0] <= 'Z'
	}
	return a == "phase" && b != ""
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789.,:xABCDEFabcdef") == "" && s[0] <= '9'
}

// isSymbol reports whether s looks like ERROR_TIMEOUT, WSAETIMEDOUT.
func isSymbol(s string) bool {
	return len(s) > 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// clean makes a text from a file harmless.
func clean(s string) string { return charset.Printable(s) }

// Words for people.

// sentence ends a text with a period, if it has no end yet.
func sentence(s string) string {
	end := strings.TrimRight(s, `)"'`)
	if end == "" || strings.IndexByte(".:?!", end[len(end)-1]) >= 0 {
		return s
	}
	return s + "."
}

// begun is a clause as the beginning of a sentence. What begins with a name or a code stays as it is.
func begun(s string) string {
	word, _, _ := strings.Cut(s, " ")
	word = strings.TrimRight(word, ",:")
	if word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") != "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// clause is a sentence without its end, to go on behind it.
func clause(s string) string { return strings.TrimRight(s, ". ") }

// thousands writes 812410 as 812,410.
func thousands[N int | int64 | uint64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural writes "1 request", "2 requests".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return thousands(n) + " " + what + "s"
}

// either returns one if n is 1, else many.
func either(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// took writes a duration: 41 ms, 8.4 s, 21.0 s, 2 min, 2 min 5 s.
func took(d time.Duration) string {
	switch {
	case d < time.Millisecond/10:
		return "<0.1 ms"
	case d < time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
	case d.Round(time.Millisecond) < time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond)/time.Millisecond)
	case d.Round(100*time.Millisecond) < 2*time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		if d = d.Round(time.Second); d%time.Minute == 0 {
			return fmt.Sprintf("%d min", d/time.Minute)
		}
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	if d = d.Round(time.Minute); d%time.Hour == 0 {
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}

// limit writes the value of a timer, which is mostly a whole number: 30 s, 2 min, 1.5 s.
func limit(d time.Duration) string {
	switch {
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d >= time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
	}
	return fmt.Sprintf("%d ms", d/time.Millisecond)
}

// clock writes the time of day.
func clock(t etl.Time) string { return t.Time().Format("15:04:05") }

// clockMS writes the time of day with milliseconds.
func clockMS(t etl.Time) string { return t.Time().Format("15:04:05.000") }

// code writes a number with its name: 12002 ERROR_WINHTTP_TIMEOUT, 0x80090326 SEC_E_ILLEGAL_MESSAGE.
func code(c timeline.Code) string {
	number := strconv.FormatUint(uint64(c), 10)
	if c > 0xFFFF {
		number = winerr.Hex(uint32(c))
	}
	if name := winerr.Name(uint32(c)); name != "" {
		return number + " " + name
	}
	return number
}
