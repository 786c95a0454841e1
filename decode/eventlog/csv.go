package eventlog

import (
	"bufio"
	"bytes"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/charset"
	"github.com/etwhy/etwhy/etl"
)

// A dayOrder is how a local date is written.
type dayOrder uint8

const (
	unclear dayOrder = iota
	dayFirst
	monthFirst
)

// columns of a row, by what stands in them: headings are in the language of the system. The Event Viewer writes
//
//	Level | Date and Time | Source | Event ID | Task Category | text
//
// and for the Security log Keywords instead of Level.
type columns struct{ date, source, id, text int }

// readCSV reads row after row.
func (r *Reader) readCSV(yield func(*Entry, error) bool) error {
	order, err := r.dayOrder()
	if err != nil {
		return err
	}
	rows := r.rows(r.size)
	for first := true; rows.next(); first = false {
		if rows.long {
			r.note(LongEvent, rows.offset, "the row is longer than %d bytes; read up to there", maxEvent)
		}
		if rows.open {
			r.note(OpenEvent, rows.offset, "the row has a quote without end: the file is cut off, or damaged")
		}
		at, ok := arrange(rows.fields)
		if !ok {
			if !first && len(rows.fields) > 1 {
				r.note(BadRow, rows.offset, "the row is no event")
			}
			continue
		}
		b := &r.build
		b.begin(rows.offset)
		e := &b.entry
		e.Local = true
		var sure bool
		e.Time, sure, _ = parseLocal(string(rows.fields[at.date]), order)
		e.Provider = b.intern(trim(rows.fields[at.source]))
		e.ID = number32(bytes.TrimLeft(trim(rows.fields[at.id]), "0"))
		if at.text > 0 {
			e.Message = clean(rows.fields[at.text])
		}
		if !sure {
			r.note(AmbiguousDate, rows.offset, "the date may be day first or month first: %.40q", rows.fields[at.date])
		}
		b.unwanted = !r.options.wants(e)
		if !r.emit(yield) {
			return nil
		}
	}
	return rows.failure()
}

// rows returns the rows of the first size bytes.
func (r *Reader) rows(size int64) *rows {
	text, mark := charset.NewReader(io.NewSectionReader(r.r, 0, size))
	return newRows(text, mark)
}

// dayOrder finds out whether the day or the month comes first, by a date that tells it.
func (r *Reader) dayOrder() (dayOrder, error) {
	rows := r.rows(min(r.size, maxEvent))
	for rows.next() {
		if at, ok := arrange(rows.fields); ok {
			if _, _, order := parseLocal(string(rows.fields[at.date]), unclear); order != unclear {
				return order, nil
			}
		}
	}
	return unclear, rows.failure()
}

// looksLikeCSV reports whether one of the first rows is an event.
func looksLikeCSV(head []byte) bool {
	rows := newRows(bytes.NewReader(head), 0)
	for range 3 {
		if !rows.next() {
			return false
		}
		if _, ok := arrange(rows.fields); ok {
			return true
		}
	}
	return false
}

// arrange finds the columns of a row. It reports false if the row is no event.
func arrange(fields [][]byte) (at columns, ok bool) {
	if len(fields) < 5 || len(fields) > 12 {
		return at, false
	}
	for at.date = range fields {
		if len(fields[at.date]) < 50 && localTime.Match(fields[at.date]) {
			ok = true
			break
		}
	}
	for at.id = at.date + 2; ok && at.id < len(fields); at.id++ {
		if n, err := strconv.ParseUint(string(trim(fields[at.id])), 10, 32); err == nil && n <= 0xFFFF {
			at.source = at.id - 1
			if last := len(fields) - 1; last > at.id+1 || last == at.id+1 && at.date == 0 {
				at.text = last
			}
			source := trim(fields[at.source])
			return at, len(source) > 0 && strings.Trim(string(source), "0123456789") != ""
		}
	}
	return at, false
}

// localTime is a date and a time of day in any of the usual orders: 11/20/2026 3:52:55 PM, 20.11.2026 15:52:55,
// 2026/11/20 15:52:55. What marks the half of the day may stand on either side.
var localTime = regexp.MustCompile(`^[\s\x{200e}\x{200f}]*(\d{1,4})([./-])\s?[\x{200e}]?(\d{1,2})[./-]\s?[\x{200e}]?(\d{1,4})\.?,?\s+(?:([^\d\s]+)\s+)?(\d{1,2})[:.](\d{2})[:.](\d{2})(?:[.,]\d+)?\s*([^\d]*)$`)

// afternoons and mornings are what marks the half of the day, by how it begins.
var (
	afternoons = []string{"p", "P", "오후", "下午", "午後", "μμ", "م"}
	mornings   = []string{"a", "A", "오전", "上午", "午前", "πμ", "ص"}
)

// parseLocal reads a local time. sure tells whether day and month cannot be taken for each other, given order;
// told is the order that this date proves.
func parseLocal(s string, order dayOrder) (t etl.Time, sure bool, told dayOrder) {
	m := localTime.FindStringSubmatch(s)
	if m == nil {
		return 0, true, unclear
	}
	number := func(i int) int { n, _ := strconv.Atoi(m[i]); return n } // digits only
	half := m[5] + m[9]
	first, second, third := number(1), number(3), number(4)
	year, month, day := third, first, second
	sure = true
	switch {
	case first > 31:
		year, month, day = first, second, third
	case first > 12:
		told = dayFirst
		month, day = second, first
	case second > 12:
		told = monthFirst
	default:
		if order == unclear {
			sure = m[2] != "/" || first == second
			if order = dayFirst; m[2] == "/" && half != "" { // 12 hours: the United States, most of all
				order = monthFirst
			}
		}
		if order == dayFirst {
			month, day = second, first
		}
	}
	if year < 100 {
		year += 2000
	}
	hour := number(6)
	switch {
	case hour < 12 && prefixed(half, afternoons):
		hour += 12
	case hour == 12 && prefixed(half, mornings):
		hour = 0
	}
	if year < 1980 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || number(7) > 59 || number(8) > 59 {
		return 0, true, unclear
	}
	return etl.FromTime(time.Date(year, time.Month(month), day, hour, number(7), number(8), 0, time.UTC)), sure, told
}

func prefixed(s string, list []string) bool {
	for _, p := range list {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// rows cuts a text into rows of values. It holds no more than one row.
type rows struct {
	r      *bufio.Reader
	pos    int64
	err    error
	comma  byte // found in the first row
	row    []byte
	ends   []int
	fields [][]byte // of the row, valid until the next one
	offset int64    // of the row
	long   bool     // the row is cut at maxEvent
	open   bool     // a quote has no end
}

func newRows(r io.Reader, offset int64) *rows {
	return &rows{r: bufio.NewReaderSize(r, readSize), pos: offset}
}

func (s *rows) failure() error {
	if s.err == io.EOF {
		return nil
	}
	return s.err
}

// next moves to the next row that is not empty.
func (s *rows) next() bool {
	if s.comma == 0 {
		s.comma = ','
		head, _ := s.r.Peek(1024)
		line, _, _ := bytes.Cut(head, []byte("\n"))
		for _, c := range []byte{';', '\t'} {
			if bytes.Count(line, []byte{c}) > bytes.Count(line, []byte{s.comma}) {
				s.comma = c
			}
		}
	}
	for s.err == nil {
		s.read()
		if len(s.row) > 0 || len(s.ends) > 0 {
			s.fields = s.fields[:0]
			start := 0
			for _, end := range append(s.ends, len(s.row)) {
				s.fields = append(s.fields, s.row[start:end])
				start = end
			}
			return true
		}
	}
	return false
}

// read reads a row. Quotes are doubled inside of quotes.
func (s *rows) read() {
	s.offset, s.row, s.ends, s.long, s.open = s.pos, s.row[:0], s.ends[:0], false, false
	quoted, begun := false, true // begun: the value is empty so far
	size := 0
	for {
		c, err := s.r.ReadByte()
		if err != nil {
			s.err, s.open = err, quoted
			return
		}
		s.pos++
		if size++; size > maxEvent {
			s.long = true
			quoted = false // a quote without end would swallow the rest
		}
		switch {
		case c == '"' && begun && !quoted && !s.long:
			quoted = true
		case c == '"' && quoted:
			if next, _ := s.r.Peek(1); len(next) > 0 && next[0] == '"' {
				s.r.Discard(1)
				s.pos++
				s.keep('"')
			} else {
				quoted = false
			}
		case quoted:
			s.keep(c)
		case c == '\n':
			if n := len(s.row); n > 0 && s.row[n-1] == '\r' && (len(s.ends) == 0 || s.ends[len(s.ends)-1] < n) {
				s.row = s.row[:n-1]
			}
			return
		case c == s.comma && len(s.ends) < maxFields:
			s.ends = append(s.ends, len(s.row))
			begun = true
			continue
		default:
			s.keep(c)
		}
		begun = false
	}
}

func (s *rows) keep(c byte) {
	if !s.long {
		s.row = append(s.row, c)
	}
}
