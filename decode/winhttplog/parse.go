package winhttplog

import (
	"bufio"
	"bytes"
	"io"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/charset"
	"github.com/etwhy/etwhy/etl"
)

// maxLine bounds a physical line. What is longer is read as several lines of the same number.
const maxLine = 256 << 10

// maxTags bounds the requests whose data a .LOG file may show interleaved.
const maxTags = 4096

// Parse returns the lines of a text file in file order: Network Monitor text or a .LOG file, UTF-8 or UTF-16.
// Text between them is passed over. A read error ends the iteration.
func Parse(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		text, _ := charset.NewReader(r)
		in := bufio.NewReaderSize(text, maxLine)
		p := parser{flow: make(map[string]flow)}
		for number := 1; ; {
			data, err := in.ReadSlice('\n')
			for _, l := range p.records(strings.TrimRight(string(data), "\r\n")) {
				l.Number = number
				if !yield(l, nil) {
					return
				}
			}
			switch err {
			case nil:
				number++
			case bufio.ErrBufferFull:
			case io.EOF:
				return
			default:
				yield(Line{}, err)
				return
			}
		}
	}
}

// HeadSize is how much of a file [Recognise] should see: pasted lines often stand far down in a page of explanations.
const HeadSize = 64 << 10

// Recognise reports whether head, the first HeadSize bytes of a file or all of it, is text with WinHTTP lines:
// at least one line with a clock whose sentence is known. What stands around them is no obstacle.
func Recognise(head []byte) bool {
	if len(head) > maxLine {
		head = head[:maxLine]
	}
	text := charset.Bytes(head)
	if !bytes.Contains(text, []byte("::")) {
		return false
	}
	p := parser{flow: make(map[string]flow)}
	for line := range bytes.Lines(text) {
		for _, l := range p.records(string(bytes.TrimRight(line, "\r\n"))) {
			if l.Kind != Other || l.Tag != "" {
				return true
			}
		}
	}
	return false
}

// wrapping matches all that stands before the text of a line: Network Monitor's columns as far as they are there,
// and the clock, or the dots of an excerpt that leaves it out. | separates the columns of a Markdown table.
// The process must have an extension: the end of the text before may look like "NAME (number)" as well.
var wrapping = regexp.MustCompile(
	`(?:(\d{1,2}:\d{2}:\d{2}(?: [AP]M)?)[\s|]+(\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4})[\s|]+)?` +
		`(?:(\d{1,9}\.\d{4,9})[\s|]+)?` +
		`(?:([^\s|()=]+\.[A-Za-z]{2,4}) \((\d+)\)[\s|]+)?` +
		`(?:(?:WINHTTP|WEBIO)\w+[\s|]+)?` +
		`(?:(?:(?:WINHTTP|WEBIO)\w+:)?(` + clockForm + `)|\.\.\.|…) ?::`)

// Submatches of wrapping.
const (
	wallAt = 1 + iota
	dateAt
	offsetAt
	processAt
	pidAt
	clockAt
)

var (
	frameBefore = regexp.MustCompile(`^[\s|]*(\d{1,9})[\s|]*$`)
	frameAfter  = regexp.MustCompile(`[\s|]+(\d{1,9})[\s|]*$`)
	frameTail   = regexp.MustCompile(`\s*\{[^{}]*NetEvent:\d+[^{}]*\}`)
)

// A parser keeps what one line takes over from those before it.
type parser struct {
	time   etl.Time
	clock  time.Duration
	offset time.Duration
	flow   map[string]flow // by tag
}

// A flow is a block of data in a .LOG file.
type flow struct {
	kind Kind // Sent or Received
	open bool // announced blocks open a line or two later
}

// records cuts a physical line into its lines.
func (p *parser) records(s string) []Line {
	s = strings.ReplaceAll(s, `\_`, "_") // Markdown
	at := wrapping.FindAllStringSubmatchIndex(s, -1)
	if at == nil {
		return nil
	}
	lines := make([]Line, 0, len(at))
	frame, numbered := 0, false
	if m := frameBefore.FindStringSubmatch(s[:at[0][0]]); m != nil {
		frame, numbered = int(number(m[1])), true
	}
	for i, m := range at {
		text := s[m[1]:]
		name, rest := tag(text)
		if name == "" && i+1 < len(at) {
			text = s[m[1]:at[i+1][0]]
		}
		group := func(n int) string {
			if m[2*n] < 0 {
				return ""
			}
			return s[m[2*n]:m[2*n+1]]
		}
		l := Line{Frame: frame, Process: group(processAt), PID: number(group(pidAt)), Tag: name}
		frame = 0
		if name != "" {
			text = rest
		} else if numbered && i+1 < len(at) {
			// Numbers end some texts, too; but if the first frame had one, so has the next.
			if f := frameAfter.FindStringSubmatchIndex(text); f != nil {
				frame = int(number(text[f[2]:f[3]]))
				text = text[:f[0]]
			}
		}
		if t := frameTail.FindStringIndex(text); t != nil && name == "" {
			text = text[:t[0]]
		}
		l.Text = strings.Trim(text, " \t|")
		l.Wall = wall(group(wallAt), group(dateAt))
		l.Offset = seconds(group(offsetAt))
		p.date(&l, group(clockAt))
		p.classify(&l)
		lines = append(lines, l)
		if name != "" {
			break // what follows is this line's text, whatever it looks like
		}
	}
	return lines
}

// date sets Clock and Time from the line's own columns and, for what they leave out, from the line before.
func (p *parser) date(l *Line, hms string) {
	day := l.Wall
	if day.IsZero() && !p.time.IsZero() {
		day = p.time.Time()
	}
	l.Clock = p.clock
	switch {
	case hms != "":
		l.Clock = clock(hms)
		if !day.IsZero() {
			l.Time = etl.FromTime(nearest(day, l.Clock))
		}
	case !p.time.IsZero():
		l.Time = p.time
		if l.Offset > p.offset && p.offset > 0 {
			l.Time = p.time.Add(l.Offset - p.offset)
		}
	}
	p.clock, p.time = l.Clock, l.Time
	if l.Offset > 0 {
		p.offset = l.Offset
	}
}

// nearest returns the moment with the given time of day that is nearest to t: around midnight the two clocks of a
// line have different dates.
func nearest(t time.Time, clock time.Duration) time.Time {
	u := t.Truncate(24 * time.Hour).Add(clock)
	switch d := u.Sub(t); {
	case d > 12*time.Hour:
		return u.AddDate(0, 0, -1)
	case d < -12*time.Hour:
		return u.AddDate(0, 0, 1)
	}
	return u
}

// Lines of a .LOG file around what was sent or received.
const (
	sendsData    = "sending data:"
	receivesData = "received data:"
	dataFollows  = "<<<<-------- HTTP stream follows"
	dataEnds     = "<<<<-------- End"
)

// classify sets Kind and what goes with it. Data is never parsed: a server may send anything.
func (p *parser) classify(l *Line) {
	if l.Tag == "" {
		l.parse()
		return
	}
	f := p.flow[l.Tag]
	switch {
	case strings.HasPrefix(l.Text, dataEnds):
		delete(p.flow, l.Tag)
	case f.open:
		l.Kind = f.kind
	case l.Text == sendsData:
		p.set(l.Tag, flow{kind: Sent})
	case l.Text == receivesData:
		p.set(l.Tag, flow{kind: Received})
	case strings.HasPrefix(l.Text, dataFollows) && f.kind != Other:
		p.set(l.Tag, flow{kind: f.kind, open: true})
	default:
		l.parse()
	}
}

func (p *parser) set(tag string, f flow) {
	if _, known := p.flow[tag]; known || len(p.flow) < maxTags {
		p.flow[strings.Clone(tag)] = f
	}
}

// layouts of Network Monitor's date and time, by locale.
var layouts = []string{"1/2/2006 3:04:05 PM", "2/1/2006 3:04:05 PM", "2.1.2006 15:04:05", "2006-1-2 15:04:05", "2006/1/2 15:04:05"}

func wall(hms, date string) time.Time {
	if date == "" {
		return time.Time{}
	}
	for _, layout := range layouts {
		// Before 1601 there is no etl.Time.
		if t, err := time.Parse(layout, date+" "+hms); err == nil && t.Year() >= 1970 {
			return t
		}
	}
	return time.Time{}
}

func seconds(s string) time.Duration {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0
	}
	return time.Duration(f * 1e9).Round(100)
}
