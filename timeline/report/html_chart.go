package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// Drawings on the page. Along they are measured in percent of their width, whatever that is, so that the words in them
// stay as large as those around them; across in pixels.

// percent is a place or length along a drawing.
type percent float64

func (p percent) String() string { return strconv.FormatFloat(float64(p), 'f', 3, 64) + "%" }

// Anchor is on which side of a place words have room.
func (p percent) Anchor() string {
	switch {
	case p < 20:
		return "start"
	case p > 80:
		return "end"
	}
	return "middle"
}

// A figure draws a request, and below it what the content server saw of it, on one scale.
//
//	            limit 30 s ┆
//	ARR     ▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂┆×
//	server  ▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂
//	        0 s      10 s      20 s
type figure struct {
	Height int
	Thick  int // of bars
	Axis   int // where the axis is
	Rows   []figureRow
	Ticks  []tick
	Limit  *tick
	Legend []legend
}

type figureRow struct {
	Label string
	Top   int // of the bar
	Bars  []figureBar
	Stop  *tick // where it broke off
}

// Text is where the label stands.
func (r figureRow) Text() int { return r.Top - 7 }

// Inside is where words in the bar stand.
func (r figureRow) Inside() int { return r.Top + barHeight/2 + 5 }

type figureBar struct {
	X, Width percent
	Class    string // p-connect
	Words    string // in it, if there is room
}

// Middle is where words in the bar stand.
func (b figureBar) Middle() percent { return b.X + b.Width/2 }

type tick struct {
	X     percent
	Words string
}

// A legend says in words what a bar shows.
type legend struct {
	Of    string // whose bar it is; "" = there is one
	Items []legendItem
}

type legendItem struct {
	Class string // of its pattern; "" = none
	Words string
	Never bool // it did not get to that phase
}

// Measures of figures.
const (
	barHeight   = 24
	labelHeight = 24
	axisHeight  = 26
	roomInside  = 22 // percent that words in a bar take
)

// Roof is where the lines of the grid begin.
func (f *figure) Roof() int { return f.Rows[0].Top - 4 }

// AxisText is where the words of the axis stand.
func (f *figure) AxisText() int { return f.Axis + 17 }

// A scale places times along a drawing.
type scale struct{ from, to etl.Time }

// see makes room for a time, unless it is unknown.
func (c *scale) see(t etl.Time) {
	if t.IsZero() {
		return
	}
	if c.from == 0 || t < c.from {
		c.from = t
	}
	c.to = max(c.to, t)
}

// length is the time that the drawing is long: a little more than what is in it, for what stands at the end.
func (c *scale) length() time.Duration {
	d := c.to.Sub(c.from)
	return d + d/50
}

func (c *scale) place(t etl.Time) percent {
	return percent(100 * float64(t.Sub(c.from)) / float64(c.length()))
}

// newFigure draws a request; nil if no file tells how long anything took.
func (s *screen) newFigure(r *timeline.Request) *figure {
	c := &scale{}
	if !begin(r).IsZero() {
		c.see(r.Start)
	}
	c.see(r.End)
	for i := range r.Phases {
		c.see(r.Phases[i].Start)
		c.see(r.Phases[i].End)
	}
	if r.End.IsZero() && r.Input >= 0 && r.Input < len(s.Traces) {
		c.see(s.Traces[r.Input].Last)
	}
	b := r.Behind
	if b != nil && (b.Start.IsZero() || endBehind(b) <= b.Start) {
		b = nil
	}
	if b != nil {
		c.see(b.Start)
		c.see(endBehind(b))
		for i := range b.Phases {
			c.see(b.Phases[i].Start)
			c.see(b.Phases[i].End)
		}
	}
	const longest = 366 * 24 * 60 * timeline.Minute // what is longer is damage
	if d := c.to - c.from; d <= 0 || d > longest {
		return nil
	}
	f := &figure{Axis: 8, Thick: barHeight}
	if at := limitOf(r); at > c.from && at.Sub(c.from) < 4*c.length() {
		c.see(at)
		f.Limit = &tick{c.place(at), "limit " + limit(r.Timer.Limit)}
		f.Axis += labelHeight
	}
	front, words := frontRow(r, c)
	switch {
	case b != nil:
		front.Label = cmp.Or(s.who(r.Input), "proxy")
		back := backRow(b, c)
		back.Label = cmp.Or(s.who(b.Input), "content server")
		f.Rows = []figureRow{front, back}
		f.Legend = []legend{{front.Label, words}, {back.Label, legendBehind(b, back.Bars)}}
	case f.Limit == nil && len(front.Bars) == 1 && front.Bars[0].Class == wholeBar:
		return nil // it would say no more than its length
	default:
		f.Rows, f.Legend = []figureRow{front}, []legend{{"", words}}
	}
	for i := range f.Rows {
		if f.Rows[i].Label != "" {
			f.Axis += labelHeight
		}
		f.Rows[i].Top = f.Axis
		f.Axis += barHeight + 10
	}
	step := tickStep(c.length())
	for d := time.Duration(0); d < c.length(); d += step {
		f.Ticks = append(f.Ticks, tick{c.place(c.from.Add(d)), tickWords(d)})
	}
	f.Height = f.Axis + axisHeight
	return f
}

// wholeBar is the pattern of a time of which no file tells the phases.
const wholeBar = "p-whole"

// frontRow draws a request itself, and says what is drawn.
func frontRow(r *timeline.Request, c *scale) (figureRow, []legendItem) {
	row, words := figureRow{Bars: bars(r.Side, r.Phases, c.to, c)}, legendOf(r)
	covered := percent(0)
	for _, b := range row.Bars {
		covered += b.Width
	}
	if d := r.Duration(); d > 0 && covered < 0.9*(c.place(r.End)-c.place(r.Start)) {
		base := figureBar{c.place(r.Start), c.place(r.End) - c.place(r.Start), wholeBar, took(d)}
		all := took(d) + " in all"
		if len(row.Bars) == 0 {
			all += "; in which phases, no file tells"
		}
		row.Bars = append([]figureBar{base}, row.Bars...)
		words = append([]legendItem{{Class: wholeBar, Words: all}}, words...)
	}
	switch stop := stoppedAt(r); {
	case r.Outcome != timeline.Failed && r.Outcome != timeline.Cancelled:
	case stop >= 0 && !r.Phases[stop].End.IsZero():
		row.Stop = &tick{X: c.place(r.Phases[stop].End)}
	case !r.End.IsZero():
		row.Stop = &tick{X: c.place(r.End)}
	}
	return row, words
}

// backRow draws what the content server saw.
func backRow(b *timeline.Behind, c *scale) figureRow {
	end := endBehind(b)
	row := figureRow{Bars: bars(timeline.Server, b.Phases, end, c)}
	if len(row.Bars) == 0 {
		row.Bars = []figureBar{{c.place(b.Start), c.place(end) - c.place(b.Start), "p-server", ""}}
	}
	return row
}

// endBehind is when the content server was done; 0 = unknown.
func endBehind(b *timeline.Behind) etl.Time {
	if b.Took > 0 {
		return max(b.End, b.Start.Add(b.Took))
	}
	return b.End
}

// limitOf is when the limit that ended a request ran out; 0 if none did, or that is not known.
func limitOf(r *timeline.Request) etl.Time {
	if r.Timer == nil || r.Timer.Limit <= 0 {
		return 0
	}
	start := r.Start
	if i := stoppedAt(r); i >= 0 {
		start = r.Phases[i].Start
	}
	if start.IsZero() {
		return 0
	}
	return start.Add(r.Timer.Limit)
}

// bars draws phases. What has no start is not drawn, what has no end goes on to the end of what is known.
func bars(side timeline.Side, phases []timeline.Phase, last etl.Time, c *scale) []figureBar {
	var out []figureBar
	const most = 200
	for i := range phases {
		p := &phases[i]
		if p.Start.IsZero() || len(out) == most {
			continue
		}
		end := p.End
		if end.IsZero() {
			end = last
		}
		end = max(end, p.Start)
		bar := figureBar{X: c.place(p.Start), Width: max(0, c.place(end)-c.place(p.Start)), Class: "p-" + patternOf(side, p)}
		if bar.Width > roomInside {
			bar.Words = phaseWord(side, p)
			if side == timeline.Server {
				bar.Words = cmp.Or(spentWords[p.Name], bar.Words)
			}
			if p.End.IsZero() {
				bar.Words += ", no end"
			} else {
				bar.Words += " " + took(p.Duration())
			}
		}
		out = append(out, bar)
	}
	return out
}

// patternOf is what the colour and the pattern of a phase are called.
func patternOf(side timeline.Side, p *timeline.Phase) string {
	switch w := phaseWord(side, p); w {
	case "wait for a connection":
		return "pool"
	case "route", "proxy", "resolve", "connect", "tls", "send", "wait", "read", "receive", "queue", "process":
		return w
	}
	return strings.TrimPrefix(wholeBar, "p-")
}

// legendOf lists the phases of a request with their durations, what ended it, and the phases that it did not get to.
func legendOf(r *timeline.Request) (out []legendItem) {
	type entry struct {
		step
		class string
		error timeline.Code // the last one
	}
	var list []entry
	for i := range r.Phases {
		p := &r.Phases[i]
		t := step{name: phaseWord(r.Side, p), count: 1, ended: !p.End.IsZero(), outcome: p.Outcome}
		if t.timed = t.ended && !p.Start.IsZero(); t.timed {
			t.length = p.Duration()
		}
		n := len(list)
		if n > 0 && list[n-1].name == t.name {
			last := &list[n-1]
			last.count++
			last.length += t.length
			last.timed = last.timed && t.timed
			last.ended, last.outcome = t.ended, t.outcome
		} else {
			list = append(list, entry{step: t, class: "p-" + patternOf(r.Side, p)})
			n++
		}
		list[n-1].error = cmp.Or(p.Error, list[n-1].error)
	}
	const most = 14
	for i, e := range list {
		if i == most {
			out = append(out, legendItem{Words: fmt.Sprintf("and %d more", len(list)-most)})
			break
		}
		words := e.String()
		switch {
		case e.error != 0 && e.outcome == timeline.OK:
			words += ", after " + code(e.error)
		case e.error != 0:
			words += ", " + code(e.error)
		case e.outcome == timeline.Unfinished && !e.ended:
			words += ", no end in the files"
		case e.outcome == timeline.Cancelled:
			words += ", given up"
		}
		out = append(out, legendItem{Class: e.class, Words: words})
	}
	if r.Timer != nil {
		out = append(out, legendItem{Class: "limit", Words: reason(r)})
	}
	if r.Outcome != timeline.OK {
		for _, name := range missing(r) {
			out = append(out, legendItem{Words: name + " not reached", Never: true})
		}
	}
	return out
}

// legendBehind says how long the content server took, and for what.
func legendBehind(b *timeline.Behind, bars []figureBar) []legendItem {
	words := "finished after " + took(cmp.Or(b.Took, endBehind(b).Sub(b.Start)))
	if len(bars) == 1 {
		return []legendItem{{Class: bars[0].Class, Words: words}}
	}
	out := []legendItem{{Words: words}}
	for i := range b.Phases {
		p := &b.Phases[i]
		if d := p.Duration(); d > 0 && spentWords[p.Name] != "" {
			out = append(out, legendItem{Class: "p-" + patternOf(timeline.Server, p), Words: spentWords[p.Name] + " " + took(d)})
		}
	}
	return out
}

// steps of axes, in seconds.
var tickSteps = []float64{
	0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800,
	3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600,
}

// tickStep is how far the marks of an axis are apart: four to a drawing or so, never more than twelve.
func tickStep(whole time.Duration) time.Duration {
	for _, t := range tickSteps {
		if d := time.Duration(t * float64(time.Second)); whole <= 5*d {
			return d
		}
	}
	return max(whole/4, 1)
}

func tickWords(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return fmt.Sprintf("%g ms", d.Seconds()*1000)
	}
	return limit(d)
}

// A strip draws how many requests began when, by outcome: those that did not go well above, on a scale of their own,
// and all of them below.
type strip struct {
	Bad, All []stripBar
	// In pixels: where the bars stand, and below those of all requests the marks end, their words are, and all ends.
	BadFoot, AllFoot, AllTick, AllText, AllHeight int

	BadMost  string // the number of the tallest bar
	AllMost  string
	Ticks    []tick
	Step     string // of time that a bar stands for
	Span     string
	Words    string
	Rows     [][]string // as a table: time, failed, given up, without an end, all
	Short    bool       // not all rows are in it
	Outcomes []count    // that there are, with their patterns
}

type stripBar struct {
	X, Width  percent
	Y, Height int
	Class     string // o-failed
}

// Measures of the strip, in pixels.
const (
	badHeight = 72
	allHeight = 36
)

// stripSteps are how much time a bar may stand for, in seconds.
var stripSteps = []int64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 7 * 24 * 3600}

// newStrip draws requests over time; nil if they are too few, or all at once.
func newStrip(requests []*timeline.Request) *strip {
	c := countStarts(requests)
	if c == nil {
		return nil
	}
	s := &strip{
		BadFoot: badHeight, AllFoot: allHeight, AllTick: allHeight + 5, AllText: allHeight + 18, AllHeight: allHeight + 24,
		Step: stepWords(c.step), Span: datedSpan(c.from, c.to),
	}
	s.bars(c)
	s.ticks(c.at(0), c.step, len(c.columns))
	s.Words = thousands(c.total.all()) + " requests began " + s.Span + c.failures(s.Step)
	s.rows(c)
	return s
}

// A tally is how many requests ended how, by outcome.
type tally [timeline.Cancelled + 1]int

// bad is how many did not go well.
func (o tally) bad() int {
	return o[timeline.Failed] + o[timeline.Cancelled] + o[timeline.Unfinished]
}

func (o tally) all() int { return o.bad() + o[timeline.OK] }

// starts are the numbers of requests that began in each step of time.
type starts struct {
	from, to          etl.Time // when the first and the last one began
	step              etl.Time
	columns           []tally
	total             tally
	firstBad, lastBad etl.Time // when the first and the last one that failed began
}

// countStarts counts when requests began; nil if they are too few, or all at once.
func countStarts(requests []*timeline.Request) *starts {
	c := &starts{}
	for _, r := range requests {
		if r.Start.IsZero() {
			continue
		}
		if c.total.all() == 0 || r.Start < c.from {
			c.from = r.Start
		}
		c.to = max(c.to, r.Start)
		c.total[r.Outcome]++
		if r.Outcome == timeline.Failed {
			if c.firstBad == 0 || r.Start < c.firstBad {
				c.firstBad = r.Start
			}
			c.lastBad = max(c.lastBad, r.Start)
		}
	}
	const fewest = 3
	if c.total.all() < fewest || c.to-c.from < 2*etl.Second {
		return nil
	}
	c.step = stripStep(c.to - c.from)
	c.columns = make([]tally, c.to/c.step-c.from/c.step+1)
	for _, r := range requests {
		if !r.Start.IsZero() {
			c.columns[r.Start/c.step-c.from/c.step][r.Outcome]++
		}
	}
	return c
}

// stripStep is how much time a bar stands for, of a span.
func stripStep(span etl.Time) etl.Time {
	const bars = 60
	for _, t := range stripSteps {
		if step := etl.Time(t) * etl.Second; span/step < bars {
			return step
		}
	}
	step := etl.Time(stripSteps[len(stripSteps)-1]) * etl.Second
	for span/step >= 4*bars { // years, in a damaged file
		step *= 4
	}
	return step
}

// at is when a column begins.
func (c *starts) at(column int) etl.Time { return (c.from/c.step + etl.Time(column)) * c.step }

// failures says when requests failed, behind the words on all of them.
func (c *starts) failures(step string) string {
	peak := 0
	for i, o := range c.columns {
		if o[timeline.Failed] > c.columns[peak][timeline.Failed] {
			peak = i
		}
	}
	switch f, most := c.total[timeline.Failed], c.columns[peak][timeline.Failed]; {
	case f == 0:
		return ", none of them failed."
	case f == 1:
		return ", one of them failed: the one that began at " + clock(c.firstBad) + "."
	case most > 1 && most < f:
		return fmt.Sprintf(", %s of them failed: between %s and %s, most (%s) in the %s from %s on.", thousands(f), clock(c.firstBad), clock(c.lastBad),
			thousands(most), step, clock(c.at(peak)))
	default:
		return fmt.Sprintf(", %s of them failed: between %s and %s.", thousands(f), clock(c.firstBad), clock(c.lastBad))
	}
}

// bars draws the columns, and lists which outcomes there are.
func (s *strip) bars(c *starts) {
	mostBad, mostAll := 0, 0
	for _, o := range c.columns {
		mostBad, mostAll = max(mostBad, o.bad()), max(mostAll, o.all())
	}
	s.BadMost, s.AllMost = thousands(mostBad), thousands(mostAll)
	width := percent(100 / float64(len(c.columns)))
	for i, o := range c.columns {
		x := width * percent(i)
		y := badHeight
		for _, outcome := range []timeline.Outcome{timeline.Failed, timeline.Cancelled, timeline.Unfinished} {
			if o[outcome] == 0 {
				continue
			}
			h := max(3, o[outcome]*(badHeight-6)/mostBad)
			y -= h
			s.Bad = append(s.Bad, stripBar{x + width*0.08, width * 0.84, y, h, "o-" + outcome.String()})
		}
		if o.all() > 0 {
			h := max(1, o.all()*(allHeight-4)/mostAll)
			s.All = append(s.All, stripBar{x + width*0.08, width * 0.84, allHeight - h, h, "o-ok"})
		}
	}
	for _, o := range []count{{"", "failed", "o-failed"}, {"", "given up by the caller", "o-cancelled"}, {"", "without an end", "o-unfinished"}} {
		if slices.ContainsFunc(s.Bad, func(b stripBar) bool { return b.Class == o.Class }) {
			s.Outcomes = append(s.Outcomes, o)
		}
	}
}

// rows lists the columns in which something did not go well.
func (s *strip) rows(c *starts) {
	const most = 240
	for i, o := range c.columns {
		if o.bad() == 0 {
			continue
		}
		if len(s.Rows) == most {
			s.Short = true
			break
		}
		s.Rows = append(s.Rows, []string{c.at(i).Time().Format("2006-01-02 15:04:05"), thousands(o[timeline.Failed]), thousands(o[timeline.Cancelled]),
			thousands(o[timeline.Unfinished]), thousands(o.all())})
	}
}

// stepWords writes a span of time that is a whole number of some unit, to go behind "per".
func stepWords(t etl.Time) string {
	for _, u := range []struct {
		length etl.Time
		name   string
	}{{24 * 60 * timeline.Minute, "day"}, {60 * timeline.Minute, "hour"}, {timeline.Minute, "minute"}} {
		if t%u.length == 0 {
			return either(int(t/u.length), u.name, plural(int(t/u.length), u.name))
		}
	}
	return either(int(t/etl.Second), "second", plural(int(t/etl.Second), "second"))
}

// ticks marks times along the strip: four or five.
func (s *strip) ticks(start, step etl.Time, columns int) {
	every := max(1, (columns+3)/4)
	layout := "15:04:05"
	switch end := start + step*etl.Time(columns); {
	case start.Time().YearDay() != end.Time().YearDay() || end-start > 24*60*timeline.Minute:
		layout = "01-02 15:04"
	case step%timeline.Minute == 0:
		layout = "15:04"
	}
	for i := 0; i < columns; i += every {
		s.Ticks = append(s.Ticks, tick{percent(100 * float64(i) / float64(columns)), (start + step*etl.Time(i)).Time().Format(layout)})
	}
}
