package w3c

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/encoding"

	"github.com/etwhy/etwhy/etl"
)

// Options say how to read a log. The zero Options read all of it.
type Options struct {
	// Name is the name of the file, for the date of lines that have none.
	Name string

	// From and To narrow the entries to those that were running within that time; zero is open. Entries of unknown
	// time are yielded always. Blocks of lines that lie more than [Slack] outside are passed over unread, so what was
	// logged later than To+Slack is missed although it began before To.
	From, To etl.Time

	// Charset is the code page of text that is not UTF-8; nil is Windows-1252.
	Charset encoding.Encoding

	// LogIDName is the header that carries ARR's id, if it is not X-ARR-LOG-ID (logGuidName of the proxy).
	LogIDName string
}

// Slack is how far out of order lines may be for a narrowed [Reader], and how long a request may take.
const Slack = 10 * time.Minute

// A Reader reads one log, once. Make it with [NewReader].
type Reader struct {
	options   Options
	conf      *config
	in        lines
	software  string
	names     []byte  // of the current #Fields line
	layout    *layout // what it says; nil without one
	guess     *layout // of the last line without one
	looked    int64   // up to there no block is to be passed over
	date      dateState
	dateText  [10]byte
	dateValue etl.Time
	coverage  Coverage
	anomalies []Anomaly
	entry     Entry
}

// NewReader returns a Reader of r: UTF-8, UTF-16 with or without byte order mark, or a code page. It reads ahead
// and holds at most 1 MB.
func NewReader(r io.Reader, options Options) *Reader {
	reader := &Reader{options: options, conf: newConfig(options), in: lines{src: r}}
	if day, ok := dateOfName(options.Name); ok {
		reader.date = dateState{day: day, source: NameDate}
	}
	return reader
}

// Entries yields the entries in file order. Damage does not end it, it is told by [Reader.Anomalies]; an error of
// the io.Reader does, with a nil Entry. Lines that are no entries, in a text without a header, are passed over.
func (r *Reader) Entries() iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		for {
			r.skip()
			line, ok := r.in.next()
			if !ok {
				break
			}
			e := r.parse(line)
			if e == nil {
				continue
			}
			r.coverage.add(e.Time, 1)
			if r.wants(e) && !yield(e, nil) {
				return
			}
		}
		if err := r.in.err; err != io.EOF {
			yield(nil, fmt.Errorf("line %d: %w", r.in.number+1, err))
		}
	}
}

// Lines returns how many lines were read so far, directives and others included.
func (r *Reader) Lines() int64 { return r.in.number }

// Coverage returns what time the entries read so far span, those outside of From and To included.
func (r *Reader) Coverage() Coverage { return r.coverage }

// Anomalies returns the damage seen so far, one of each kind.
func (r *Reader) Anomalies() []Anomaly {
	list := slices.Clone(r.anomalies)
	if r.in.zeros > 0 {
		zeros := "1 byte is"
		if r.in.zeros > 1 {
			zeros = fmt.Sprintf("%d bytes are", r.in.zeros)
		}
		list = append(list, Anomaly{ZeroFilled, 0, r.in.zerosAt, r.in.zeros, zeros + " zero: the machine stopped hard, or the log was copied while open"})
	}
	return list
}

func (r *Reader) wants(e *Entry) bool {
	if e.Time.IsZero() {
		return true
	}
	return (r.options.From.IsZero() || e.Time+etl.Second > r.options.From) && // times are whole seconds, cut
		(r.options.To.IsZero() || e.Start() <= r.options.To)
}

// skip passes over the buffered lines if they lie outside of From and To.
func (r *Reader) skip() {
	if r.options.From.IsZero() && r.options.To.IsZero() || r.layout == nil || !r.layout.stamped {
		return
	}
	for r.in.offset >= r.looked {
		block := r.in.block()
		if len(block) == 0 {
			return
		}
		last := bytes.LastIndexByte(block[:len(block)-1], '\n') + 1
		// A directive may change what follows: such a block is read.
		if block[0] == '#' || bytes.Contains(block, directiveInside) || !r.outside(block, last) {
			r.looked = r.in.offset + int64(len(block))
			return
		}
		n := int64(bytes.Count(block, lineEnd))
		r.coverage.add(r.stamp(block), 1)
		r.coverage.add(r.stamp(block[last:]), n-1)
		r.in.pass(len(block), n)
	}
}

var (
	directiveInside = []byte("\n#")
	lineEnd         = []byte("\n")
)

// outside reports whether both the first and the last line of a block are on the same side of the window.
func (r *Reader) outside(block []byte, last int) bool {
	first, end := r.stamp(block), r.stamp(block[last:])
	if first.IsZero() || end.IsZero() {
		return false
	}
	return max(first, end).Add(Slack) < r.options.From || !r.options.To.IsZero() && min(first, end).Add(-Slack) > r.options.To
}

// stamp returns the time that a line begins with; 0 if it does not.
func (r *Reader) stamp(line []byte) etl.Time {
	if len(line) < 20 || line[10] != ' ' && line[10] != '\t' {
		return 0
	}
	date, ok := r.parseDate(line[:10])
	clock, fine := parseClock(line[11:19])
	if !ok || !fine {
		return 0
	}
	return date + clock
}

// parseDate remembers the last date, which most lines repeat.
func (r *Reader) parseDate(b []byte) (etl.Time, bool) {
	if len(b) == len(r.dateText) && [10]byte(b) == r.dateText {
		return r.dateValue, true
	}
	t, ok := parseDate(b)
	if ok {
		r.dateText, r.dateValue = [10]byte(b), t
	}
	return t, ok
}

// parse returns the entry that a line is, or nil.
func (r *Reader) parse(line line) *Entry {
	if line.long {
		r.note(LongLine, line, "the line is longer than %d bytes; read up to there", maxLine)
	}
	if line.open {
		r.note(NoLineEnd, line, "the last line has no end: the file may be cut off in it")
	}
	text := bytes.TrimRight(line.text, "\r \t")
	if len(text) == 0 {
		return nil
	}
	if text[0] == '#' {
		r.directive(text, line)
		return nil
	}
	e := &r.entry
	*e = Entry{Line: line.number, Offset: line.offset, Cut: line.open || line.long, conf: r.conf, line: text, layout: r.layout}
	e.values = split(r.in.spans[:0], text, r.layout != nil && r.layout.quoted)
	r.in.spans = e.values
	fault, ok := r.arrange(e)
	if !ok || !r.date.set(e, r.parseDate) {
		if r.layout != nil {
			r.note(BadLine, line, "the line is no entry: %.80q", text)
		}
		return nil
	}
	switch fault {
	case ShortLine:
		r.note(fault, line, "the line has fewer values than #Fields: %d of %d", len(e.values), len(e.layout.fields))
	case SurplusValues:
		r.note(fault, line, "the line has more values than #Fields, for blanks in one of them")
	}
	if e.Dated == NoDate {
		r.note(Undated, line, "the line has no date, nor has the header or the file's name")
	}
	for _, i := range e.layout.numbers {
		if v := e.value(int(i)); len(v) > 0 {
			if _, ok := parseNumber(v, e.layout.fields[i].bits); !ok {
				r.note(BadValue, line, "a value is no number, or too great: %s is %.80q", e.layout.fields[i].name, v)
			}
		}
	}
	return e
}

// arrange finds out which value is which: it sets layout and values so that they belong together. It reports false
// if the line is no entry, and ShortLine or SurplusValues if it is a damaged one.
func (r *Reader) arrange(e *Entry) (fault AnomalyKind, ok bool) {
	surplus := 0
	if r.layout != nil {
		if surplus = len(e.values) - len(r.layout.fields); surplus == 0 {
			return 0, true
		}
	}
	// Without a header. With one: HTTPERR leaves the queue name out, and Windows is updated under a log.
	if r.guess == nil || len(e.values) != len(r.guess.fields) || !r.guess.fits(e.line, e.values) {
		r.guess = match(standard, e.line, e.values)
	}
	if r.guess != nil {
		e.layout = r.guess
		return 0, true
	}
	switch {
	case surplus > 0:
		e.values = r.layout.join(e.line, e.values)
		return SurplusValues, e.values != nil
	case surplus < 0 && len(e.values) > 2: // the last value may be cut itself
		e.Cut = true
		return ShortLine, r.layout.fits(e.line, e.values[:len(e.values)-1])
	}
	return 0, false
}

// directive takes in a line that begins with "#".
func (r *Reader) directive(text []byte, line line) {
	name, value, _ := bytes.Cut(text, []byte(":"))
	value = bytes.TrimSpace(value)
	switch strings.ToLower(string(name[:min(len(name), 16)])) {
	case "#software":
		r.software = string(value[:min(len(value), 256)])
	case "#date", "#start-date":
		date, clock, _ := bytes.Cut(value, []byte(" "))
		if day, ok := parseDate(date); ok {
			r.date = dateState{day: day, source: DirectiveDate}
			r.date.clock, _ = parseClock(clock)
		}
	case "#fields":
		if r.layout != nil && bytes.Equal(value, r.names) {
			return
		}
		r.names = append(r.names[:0], value...)
		if r.layout = newLayout(string(value), r.software); r.layout == nil {
			r.note(ForeignFields, line, "#Fields is not that of a log of HTTP requests: %.80q", value)
		}
	}
}

// A dateState dates lines that have no date of their own.
type dateState struct {
	day    etl.Time
	clock  etl.Time // of the line before
	source DateSource
	passed bool // midnight, since day was told
}

// Around midnight lines are out of order by up to this much.
const shuffle = 10 * 60 * etl.Second

// set sets the time of e. It reports false if there is something else where a time should be.
func (s *dateState) set(e *Entry, parseDate func([]byte) (etl.Time, bool)) bool {
	if e.layout.has(colTime) {
		clock, ok := parseClock(e.bytes(colTime))
		if !ok {
			return false
		}
		e.Clock = time.Duration(clock) * 100
	}
	clock := etl.Time(e.Clock / 100)
	if e.layout.has(colDate) {
		day, ok := parseDate(e.bytes(colDate))
		if !ok {
			return false
		}
		if e.layout.has(colTime) { // a date alone is no time
			e.Time, e.Dated = day+clock, LineDate
		}
		return true
	}
	if s.source == NoDate || !e.layout.has(colTime) {
		return true
	}
	e.Dated = s.source
	if s.passed && s.clock < shuffle && clock >= day-shuffle {
		e.Time = s.day - day + clock // of the evening before, written late
		return true
	}
	if clock+day/2 < s.clock {
		s.day += day
		s.passed = true
	}
	s.clock = clock
	e.Time = s.day + clock
	return true
}

// Coverage tells which time a log speaks of.
type Coverage struct {
	First, Last etl.Time // of all entries; 0 if none has a time
	Entries     int64
}

func (c *Coverage) add(t etl.Time, entries int64) {
	c.Entries += entries
	if t.IsZero() {
		return
	}
	if c.First.IsZero() || t < c.First {
		c.First = t
	}
	c.Last = max(c.Last, t)
}

// flushed is how long after a request its line is on disk for sure.
const flushed = 2 * time.Minute

// Covers reports whether the absence of an entry for t means something: the log has an entry before t and one at
// least two minutes after. HTTP.sys writes late, so the end of a log may lack what has happened already.
func (c Coverage) Covers(t etl.Time) bool {
	return !c.First.IsZero() && c.First <= t && c.Last >= t.Add(flushed)
}

// An AnomalyKind is a kind of damage.
type AnomalyKind uint8

const (
	BadLine       AnomalyKind = iota + 1 // below a header, a line that is no entry
	ShortLine                            // fewer values than #Fields
	SurplusValues                        // more values than #Fields
	LongLine                             // a line is longer than is read
	BadValue                             // a number that is none, or too great
	Undated                              // no date is known; Time is 0
	ZeroFilled                           // zero bytes
	NoLineEnd                            // the last line is cut off, or lacks its line end
	ForeignFields                        // a #Fields line of another kind of log
)

var anomalyNames = [...]string{BadLine: "bad-line", ShortLine: "short-line", SurplusValues: "surplus-values", LongLine: "long-line",
	BadValue: "bad-value", Undated: "undated", ZeroFilled: "zero-filled", NoLineEnd: "no-line-end", ForeignFields: "foreign-fields"}

// String returns the kind's name: "short-line".
func (k AnomalyKind) String() string { return anomalyNames[k] }

// An Anomaly is what is wrong with a log.
type Anomaly struct {
	Kind   AnomalyKind
	Line   int64 // the first place; 0 if not known
	Offset int64
	Count  int64  // how often; for ZeroFilled bytes
	Detail string // what about the first
}

// Text returns it in words, without its place: "the line has fewer values than #Fields: 4 of 15; 3 times in all".
func (a Anomaly) Text() string {
	if a.Count < 2 || a.Kind == ZeroFilled {
		return a.Detail
	}
	return fmt.Sprintf("%s; %d times in all", a.Detail, a.Count)
}

// String puts the place in front of [Anomaly.Text]: "line 7 at offset 0x1f4: ...".
func (a Anomaly) String() string {
	place := fmt.Sprintf("offset %#x", a.Offset)
	if a.Line > 0 {
		place = fmt.Sprintf("line %d at %s", a.Line, place)
	}
	return place + ": " + a.Text()
}

// note counts an anomaly. Only the first of a kind is put into words.
func (r *Reader) note(kind AnomalyKind, at line, format string, args ...any) {
	for i := range r.anomalies {
		if r.anomalies[i].Kind == kind {
			r.anomalies[i].Count++
			return
		}
	}
	r.anomalies = append(r.anomalies, Anomaly{kind, at.number, at.offset, 1, fmt.Sprintf(format, args...)})
}
