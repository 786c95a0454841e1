// Package perfmon reads performance counters in the text form of the Performance Data Helper (PDH), which perfmon,
// logman, relog -f csv, typeperf and Export-Counter write.
//
//	"(PDH-CSV 4.0) (W. Europe Standard Time)(-60)","\\WEB01\Processor(_Total)\% Processor Time",...
//	"03/05/2026 09:14:07.123","12.482031",...            │      │        │       └ name
//	   └ local time           ▲                       machine object  instance
//	                          └ " " where there is no value
//
// The second pair of parentheses of the first line is the bias: the minutes from local time to UTC, summer time
// included, though the name before it stays that of standard time. It holds for the beginning of the log: where clocks
// are put back in the middle, an hour of times occurs twice. Names of time zones have parentheses of their own, and on
// some systems the first value ends in the midst of the name, with no bias.
//
// Objects and counters are named in the language of the system that wrote the log.
package perfmon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding"

	"github.com/etwhy/etwhy/decode/charset"
	"github.com/etwhy/etwhy/etl"
)

// ErrFormat is wrapped by the error about a text that does not begin with a line of counters.
var ErrFormat = errors.New("not a log of performance counters")

// HeadSize is how much of a file [Recognise] should see.
const HeadSize = 512

// maxCounters bounds the counters of a log.
const maxCounters = 16 << 10

// marks is what the first line begins with: values separated by a comma, or by a tab.
var marks = [][]byte{[]byte("(PDH-CSV "), []byte("(PDH-TSV ")}

// Recognise reports whether head, the first HeadSize bytes of a file or all of it, is the beginning of such a log.
func Recognise(head []byte) bool {
	in := newLines(bytes.NewReader(head[:min(len(head), HeadSize)]))
	for line, ok := in.next(); ok; line, ok = in.next() {
		if text := bytes.TrimSpace(line.text); len(text) > 0 {
			return isHeader(text)
		}
	}
	return false
}

func isHeader(line []byte) bool {
	line = bytes.TrimPrefix(line, []byte(`"`))
	return slices.ContainsFunc(marks, func(mark []byte) bool { return bytes.HasPrefix(line, mark) })
}

// A Counter is one column of a log.
type Counter struct {
	Machine  string // without backslashes; "" if not told
	Object   string // Processor
	Instance string // _Total; "" if the object has none
	Name     string // % Processor Time
}

// Is reports whether it is a counter of that object and name, in upper or lower case.
func (c Counter) Is(object, name string) bool {
	return strings.EqualFold(c.Object, object) && strings.EqualFold(c.Name, name)
}

// String returns the path: \\WEB01\Processor(_Total)\% Processor Time.
func (c Counter) String() string {
	var b strings.Builder
	if c.Machine != "" {
		b.WriteString(`\\` + c.Machine)
	}
	if c.Object != "" || c.Instance != "" {
		b.WriteString(`\` + c.Object)
	}
	if c.Instance != "" {
		b.WriteString("(" + c.Instance + ")")
	}
	return b.String() + `\` + c.Name
}

// parseCounter takes a path apart. Instances may have backslashes and parentheses in them, names parentheses.
func parseCounter(path string) (c Counter) {
	if rest, ok := strings.CutPrefix(path, `\\`); ok {
		c.Machine, path, _ = strings.Cut(rest, `\`)
	}
	path = strings.TrimPrefix(path, `\`)
	if i := strings.LastIndex(path, `)\`); i >= 0 {
		if object, instance, ok := strings.Cut(path[:i], "("); ok {
			c.Object, c.Instance, c.Name = object, instance, path[i+2:]
			return c
		}
	}
	if object, name, ok := strings.Cut(path, `\`); ok {
		c.Object, c.Name = object, name
		return c
	}
	c.Name = path
	return c
}

// A Header is what the first line says.
type Header struct {
	Machine  string // of the first counter that names one
	Zone     string // name of the time zone, in the system's language
	Bias     int    // minutes that UTC is ahead of local time: -60 for central Europe in winter
	HasBias  bool
	Counters []Counter
}

// A Sample is a line of values.
type Sample struct {
	Time   etl.Time  // 0 if the bias is not known
	Local  etl.Time  // the same on the clock of the machine, which is not UTC
	Values []float64 // one for each counter, NaN where there is none; valid until the next sample
	Line   int64     // from 1
}

// Options say how to read a log.
type Options struct {
	// Charset is the code page of text that is neither UTF-8 nor UTF-16; nil is Windows-1252.
	Charset encoding.Encoding
}

// A Reader reads one log, once. Make it with [NewReader].
type Reader struct {
	header    Header
	in        *lines
	separator byte
	names     []byte // the first line
	bias      time.Duration
	last      etl.Time // local time of the sample before
	values    []float64
	fields    []field
	anomalies []Anomaly
}

// NewReader reads the first line of r: UTF-8, UTF-16 with or without byte order mark, or a code page. The error wraps
// [ErrFormat] or is the one of r.
func NewReader(r io.Reader, options Options) (*Reader, error) {
	reader := &Reader{in: newLines(r), separator: ','}
	for {
		line, ok := reader.in.next()
		if !ok {
			if err := reader.in.err; err != io.EOF {
				return nil, err
			}
			return nil, fmt.Errorf("%w: it is empty", ErrFormat)
		}
		if text := bytes.TrimSpace(line.text); len(text) > 0 {
			if !isHeader(text) {
				return nil, fmt.Errorf("%w: line %d is %.60q", ErrFormat, line.number, text)
			}
			reader.readHeader(text, line, options.Charset)
			return reader, nil
		}
	}
}

func (r *Reader) readHeader(text []byte, line line, page encoding.Encoding) {
	r.names = slices.Clone(text)
	r.separator = separator(text)
	r.fields = split(r.fields[:0], text, r.separator)
	if line.long {
		r.note(LongLine, line, "the line of counters is longer than %d bytes; read up to there", maxLine)
		r.fields = r.fields[:max(1, len(r.fields)-1)]
	} else if line.open {
		r.note(NoLineEnd, line, "the last line has no end: the file may be cut off in it")
	}
	h := &r.header
	if h.Zone, h.Bias, h.HasBias = parseZone(charset.String(r.fields[0].text, page)); h.HasBias {
		r.bias = time.Duration(h.Bias) * time.Minute
	} else {
		r.note(NoBias, line, "the line of counters tells no offset from UTC: times are local")
	}
	for _, f := range r.fields[1:] {
		if len(h.Counters) == maxCounters {
			r.note(ManyCounters, line, "it names more than %d counters; the others are not read", maxCounters)
			break
		}
		c := parseCounter(charset.String(f.text, page))
		if h.Machine == "" {
			h.Machine = c.Machine
		}
		h.Counters = append(h.Counters, c)
	}
	r.values = make([]float64, len(h.Counters))
}

// separator returns what stands behind the first value: the list separator of the system's region.
func separator(line []byte) byte {
	for i, c := range line {
		quoted := line[0] == '"'
		if (c == ',' || c == ';' || c == '\t') && (!quoted || i > 1 && line[i-1] == '"') {
			return c
		}
	}
	return ','
}

// maxBias is more than any time zone has, in minutes.
const maxBias = 16 * 60

// parseZone reads "(PDH-CSV 4.0) (Maroc (heure d'été))(-60)". typeperf leaves out what follows the version.
func parseZone(s string) (zone string, bias int, ok bool) {
	_, s, _ = strings.Cut(s, ")")
	s = strings.TrimSpace(s)
	if i := strings.LastIndexByte(s, '('); i >= 0 && strings.HasSuffix(s, ")") {
		if n, err := strconv.Atoi(s[i+1 : len(s)-1]); err == nil && -maxBias <= n && n <= maxBias {
			bias, ok = n, true
			s = strings.TrimSuffix(s[:i], ")")
		}
	}
	return strings.TrimPrefix(s, "("), bias, ok
}

// Header returns what the first line says.
func (r *Reader) Header() Header { return r.header }

// Samples yields the samples in file order. Damage does not end it, it is told by [Reader.Anomalies]; an error of the
// io.Reader does, with a zero Sample, and so does a line of other counters in the midst of the text.
func (r *Reader) Samples() iter.Seq2[Sample, error] {
	return func(yield func(Sample, error) bool) {
		for {
			line, ok := r.in.next()
			if !ok {
				break
			}
			text := bytes.TrimRight(line.text, "\r \x00")
			if len(text) == 0 {
				continue
			}
			if isHeader(text) {
				if bytes.Equal(bytes.TrimSpace(text), r.names) {
					continue
				}
				r.note(OtherCounters, line, "the line names other counters; what follows is not read")
				return
			}
			if s, ok := r.parse(text, line); ok && !yield(s, nil) {
				return
			}
		}
		if err := r.in.err; err != io.EOF {
			yield(Sample{}, fmt.Errorf("line %d: %w", r.in.number+1, err))
		}
	}
}

// parse reads a line of values.
func (r *Reader) parse(text []byte, line line) (Sample, bool) {
	r.fields = split(r.fields[:0], text, r.separator)
	if line.open || line.long { // then the last value may be cut
		if last := len(r.fields) - 1; !r.fields[last].closed {
			r.fields = r.fields[:last]
		}
	}
	if line.long {
		r.note(LongLine, line, "the line is longer than %d bytes; read up to there", maxLine)
	} else if line.open {
		r.note(NoLineEnd, line, "the last line has no end: the file may be cut off in it")
	}
	if len(r.fields) == 0 {
		return Sample{}, false
	}
	local, ok := parseTime(r.fields[0].text)
	if !ok {
		r.note(BadLine, line, "the line is no sample: %.80q", text)
		return Sample{}, false
	}
	values := r.fields[1:]
	switch {
	case len(values) < len(r.values) && !line.open && !line.long:
		r.note(ShortLine, line, "the line has fewer values than there are counters: %d of %d", len(values), len(r.values))
	case len(values) > len(r.values) && len(r.values) < maxCounters:
		r.note(SurplusValues, line, "the line has more values than there are counters: %d for %d", len(values), len(r.values))
	}
	for i := range r.values {
		r.values[i] = math.NaN()
		if i < len(values) {
			v, ok := parseValue(values[i].text)
			if !ok {
				r.note(BadValue, line, "a value is no number: %s is %.40q", r.header.Counters[i], values[i].text)
			}
			r.values[i] = v
		}
	}
	s := Sample{Local: local, Values: r.values, Line: line.number}
	if back := r.last - local; back > 0 {
		const minute = 60 * etl.Second
		r.note(ClockBack, line, "the time goes back, from %s to %s", localText(r.last), localText(local))
		// The end of summer time is an hour, less what lies between two samples.
		if back > 20*minute && back <= 60*minute {
			r.bias += time.Hour
		}
	}
	r.last = local
	if r.header.HasBias {
		s.Time = local.Add(r.bias)
	}
	return s, true
}

// localText leaves out the zone, which is not UTC.
func localText(t etl.Time) string { return t.Time().Format("2006-01-02 15:04:05.000") }

// parseValue reads a number, with a decimal comma where the region has one. A blank one is NaN.
func parseValue(b []byte) (float64, bool) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return math.NaN(), true
	}
	const maxDigits = 64
	if len(b) > maxDigits || len(bytes.Trim(b, "0123456789+-.,eE")) > 0 {
		return math.NaN(), false
	}
	v, err := strconv.ParseFloat(strings.Replace(string(b), ",", ".", 1), 64)
	if err != nil {
		return math.NaN(), false
	}
	return v, true
}

// parseTime reads 03/05/2026 09:14:07.123, month first in every region. Programs that rewrite such files leave out
// leading zeros and what is finer than minutes.
func parseTime(b []byte) (etl.Time, bool) {
	for _, layout := range []string{"1/2/2006 15:4:5", "1/2/2006 15:4"} {
		t, err := time.Parse(layout, string(bytes.TrimSpace(b[:min(len(b), 64)])))
		const firstYear = 1990 // before Windows NT
		if err == nil && t.Year() >= firstYear {
			return etl.FromTime(t), true
		}
	}
	return 0, false
}

// A field is a value of a line.
type field struct {
	text   []byte
	closed bool // stands in quotes
}

// split appends the values of a line to dst: at least one.
func split(dst []field, line []byte, separator byte) []field {
	for {
		if len(line) > 0 && line[0] == '"' {
			end := bytes.Index(line[1:], []byte{'"', separator})
			if end >= 0 {
				dst = append(dst, field{line[1 : 1+end], true})
				line = line[end+3:]
				continue
			}
			text, closed := bytes.CutSuffix(line[1:], []byte{'"'})
			return append(dst, field{text, closed})
		}
		end := bytes.IndexByte(line, separator)
		if end < 0 {
			return append(dst, field{line, false})
		}
		dst = append(dst, field{line[:end], false})
		line = line[end+1:]
	}
}

// An AnomalyKind is a kind of damage.
type AnomalyKind uint8

const (
	BadLine       AnomalyKind = iota + 1 // a line that is no sample
	ShortLine                            // fewer values than counters
	SurplusValues                        // more values than counters
	LongLine                             // a line is longer than is read
	BadValue                             // a number that is none
	NoLineEnd                            // the last line is cut off, or lacks its line end
	NoBias                               // the offset from UTC is not told
	ClockBack                            // local time goes back
	ManyCounters                         // more counters than are read
	OtherCounters                        // another log was appended
)

var anomalyNames = [...]string{BadLine: "bad-line", ShortLine: "short-line", SurplusValues: "surplus-values", LongLine: "long-line",
	BadValue: "bad-value", NoLineEnd: "no-line-end", NoBias: "no-bias", ClockBack: "clock-back", ManyCounters: "many-counters",
	OtherCounters: "other-counters"}

// String returns the kind's name: "short-line".
func (k AnomalyKind) String() string { return anomalyNames[k] }

// An Anomaly is what is wrong with a log.
type Anomaly struct {
	Kind   AnomalyKind
	Line   int64 // the first place
	Count  int64 // lines or values
	Detail string
}

// Text returns it in words, without its place: "the line is no sample: "x"; 2 times in all".
func (a Anomaly) Text() string {
	if a.Count < 2 {
		return a.Detail
	}
	return fmt.Sprintf("%s; %d times in all", a.Detail, a.Count)
}

// String puts the place in front of [Anomaly.Text]: "line 7: ...".
func (a Anomaly) String() string { return fmt.Sprintf("line %d: %s", a.Line, a.Text()) }

// Anomalies returns the damage seen so far, one of each kind.
func (r *Reader) Anomalies() []Anomaly { return slices.Clone(r.anomalies) }

// note counts an anomaly. Only the first of a kind is put into words.
func (r *Reader) note(kind AnomalyKind, at line, format string, args ...any) {
	for i := range r.anomalies {
		if r.anomalies[i].Kind == kind {
			r.anomalies[i].Count++
			return
		}
	}
	r.anomalies = append(r.anomalies, Anomaly{kind, at.number, 1, fmt.Sprintf(format, args...)})
}
