package report

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/clipperhouse/displaywidth"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline/redact"
)

// An EventRow is an event with what its log alone does not tell.
type EventRow struct {
	Event   *decode.Event
	Input   string // path
	Process string // image name; "" = unknown
	Request string // id of the request that it belongs to; "" = none
}

// An EventWriter writes events, one row each, without keeping anything of them. Its methods belong to
// one goroutine. Close it when done.
type EventWriter struct {
	w      *bufio.Writer
	format eventFormat
	buf    []byte
	rows   int
	input  string // of the last row
	eventScratch
}

// An eventFormat is one way to write events.
type eventFormat struct {
	name                 string
	first, between, last string // before, between and behind the rows
	appendRow            func(*eventScratch, []byte) []byte
}

var eventFormats = []eventFormat{
	{"table", "", "", "", (*eventScratch).appendLine},
	{"csv", "time,input,cpu,pid,tid,process,provider,id,version,level,task,opcode,activity_id,message,fields\r\n", "", "",
		(*eventScratch).appendCSV},
	{"json", "[\n", ",\n", "\n]\n", (*eventScratch).appendJSON},
	{"ndjson", "", "\n", "\n", (*eventScratch).appendJSON},
}

func eventFormatNames() []string {
	out := make([]string, len(eventFormats))
	for i, f := range eventFormats {
		out[i] = f.name
	}
	return out
}

// NewEventWriter returns a writer in one of the formats of "events".
func NewEventWriter(w io.Writer, format string, opt Options) (*EventWriter, error) {
	for _, f := range eventFormats {
		if f.name == format {
			return &EventWriter{
				w: bufio.NewWriterSize(w, 1<<18), format: f,
				eventScratch: eventScratch{redactor: newRedactor(opt.Redact), width: opt.Width},
			}, nil
		}
	}
	return nil, fmt.Errorf("%w %q", ErrFormat, format)
}

// Write writes a row. An error is that of the underlying writer.
func (e *EventWriter) Write(row EventRow) error {
	if row.Input != e.input {
		e.input = row.Input
		e.redactor.Learn(redact.Path, row.Input)
	}
	e.row = row
	e.buf = e.buf[:0]
	if e.rows == 0 {
		e.buf = append(e.buf, e.format.first...)
	} else {
		e.buf = append(e.buf, e.format.between...)
	}
	e.rows++
	e.buf = e.format.appendRow(&e.eventScratch, e.buf)
	_, err := e.w.Write(e.buf)
	e.row = EventRow{}
	return err
}

// Close writes what belongs behind the last row. It does not close the underlying writer.
func (e *EventWriter) Close() error {
	last := e.format.last
	if e.rows == 0 {
		last = e.format.first
		if e.format.name == "json" {
			last += "]\n"
		}
	}
	if _, err := e.w.WriteString(last); err != nil {
		return err
	}
	return e.w.Flush()
}

// eventScratch is what the rows are made with.
type eventScratch struct {
	row      EventRow // the row in hand
	redactor *redactor
	width    int
	times    timeText
	text     []byte
	day      etl.Time // of the last line of a table
}

// appendCSV appends the row of an event with its line break.
func (s *eventScratch) appendCSV(dst []byte) []byte {
	row := &s.row
	ev := row.Event
	kind := ev.Kind()
	if t := ev.Time(); t != 0 {
		dst = s.times.append(dst, t)
	}
	dst = append(dst, ',')
	dst = appendCSV(dst, s.redactor.Path(row.Input))
	dst = append(dst, ',')
	dst = strconv.AppendUint(dst, uint64(ev.CPU()), 10)
	dst = append(dst, ',')
	dst = appendID(dst, ev.PID(), "")
	dst = append(dst, ',')
	dst = appendID(dst, ev.TID(), "")
	dst = append(dst, ',')
	dst = appendCSV(dst, s.redactor.Named(redact.Process, row.Process))
	dst = append(dst, ',')
	if name := s.redactor.provider(ev); name != "" {
		dst = appendCSV(dst, name)
	} else if g := ev.Provider(); !g.IsZero() {
		dst = g.AppendText(dst)
	}
	dst = append(dst, ',')
	if hasID(kind) {
		dst = strconv.AppendUint(dst, uint64(ev.ID()), 10)
	}
	dst = append(dst, ',')
	if kind != etl.KindMessage && kind != etl.KindOther {
		dst = strconv.AppendUint(dst, uint64(ev.Version()), 10)
		dst = append(dst, ',')
		if kind != etl.KindKernel {
			dst = strconv.AppendUint(dst, uint64(ev.Level()), 10)
		}
		dst = append(dst, ',')
		if kind == etl.KindEvent {
			dst = strconv.AppendUint(dst, uint64(ev.Task()), 10)
		}
		dst = append(dst, ',')
		dst = strconv.AppendUint(dst, uint64(ev.Opcode()), 10)
		dst = append(dst, ',')
	} else {
		dst = append(dst, ",,,,"...)
	}
	if a := ev.Activity(); !a.IsZero() {
		dst = a.AppendText(dst)
	}
	dst = append(dst, ',')
	if text, ok := s.redactor.message(s.text[:0], ev); ok {
		dst = appendCSV(dst, text)
		s.text = text
	}
	dst = append(dst, ',')
	s.text = s.redactor.fields(s.text[:0], ev)
	dst = appendQuoted(dst, s.text)
	return append(dst, '\r', '\n')
}

// appendQuoted appends a cell that has quotation marks, as JSON does.
func appendQuoted(dst, cell []byte) []byte {
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(cell, '"')
		if i < 0 {
			break
		}
		dst = append(dst, cell[:i+1]...)
		dst = append(dst, '"')
		cell = cell[i+1:]
	}
	dst = append(dst, cell...)
	return append(dst, '"')
}

// hasID reports whether records of a kind have an event id.
func hasID(k etl.Kind) bool { return k == etl.KindEvent || k == etl.KindMessage }

// appendID appends a process or thread id, or what stands for unknown.
func appendID(dst []byte, id uint32, unknown string) []byte {
	if id == etl.NoID {
		return append(dst, unknown...)
	}
	return strconv.AppendUint(dst, uint64(id), 10)
}

// appendJSON appends an event as a JSON object.
func (s *eventScratch) appendJSON(dst []byte) []byte {
	const null = "null"
	row := &s.row
	ev := row.Event
	kind := ev.Kind()
	key := func(lead string) { dst = append(dst, lead...) }
	str := func(lead, v string) {
		key(lead)
		if v == "" {
			dst = append(dst, null...)
		} else {
			dst = appendJSON(dst, v)
		}
	}
	num := func(lead string, v uint64, ok bool) {
		key(lead)
		if ok {
			dst = strconv.AppendUint(dst, v, 10)
		} else {
			dst = append(dst, null...)
		}
	}
	guid := func(lead string, g etl.GUID) {
		key(lead)
		if g.IsZero() {
			dst = append(dst, null...)
			return
		}
		dst = append(dst, '"')
		dst = g.AppendText(dst)
		dst = append(dst, '"')
	}
	key(`{"time":`)
	if t := ev.Time(); t != 0 {
		dst = append(dst, '"')
		dst = s.times.append(dst, t)
		dst = append(dst, '"')
	} else {
		dst = append(dst, null...)
	}
	described := kind != etl.KindMessage && kind != etl.KindOther
	related, _ := ev.RelatedActivity()
	str(`,"input":`, s.redactor.Path(row.Input))
	num(`,"cpu":`, uint64(ev.CPU()), true)
	num(`,"pid":`, uint64(ev.PID()), ev.PID() != etl.NoID)
	num(`,"tid":`, uint64(ev.TID()), ev.TID() != etl.NoID)
	str(`,"process":`, s.redactor.Named(redact.Process, row.Process))
	str(`,"provider":`, s.redactor.provider(ev))
	guid(`,"provider_guid":`, ev.Provider())
	num(`,"id":`, uint64(ev.ID()), hasID(kind))
	num(`,"version":`, uint64(ev.Version()), described)
	num(`,"level":`, uint64(ev.Level()), described && kind != etl.KindKernel)
	num(`,"opcode":`, uint64(ev.Opcode()), described)
	num(`,"task":`, uint64(ev.Task()), kind == etl.KindEvent)
	key(`,"keywords":`)
	if kind == etl.KindEvent {
		dst = append(dst, `"0x`...)
		dst = strconv.AppendUint(dst, ev.Keyword(), 16)
		dst = append(dst, '"')
	} else {
		dst = append(dst, null...)
	}
	guid(`,"activity_id":`, ev.Activity())
	guid(`,"related_activity_id":`, related)
	str(`,"name":`, s.redactor.name(ev))
	key(`,"fields":`)
	dst = s.redactor.fields(dst, ev)
	key(`,"message":`)
	if text, ok := s.redactor.message(s.text[:0], ev); ok {
		dst = appendJSON(dst, text)
		s.text = text
	} else {
		dst = append(dst, null...)
	}
	str(`,"decoded_by":`, ev.DecodedBy.String())
	reason, raw := ev.Undecoded()
	str(`,"reason":`, reason)
	key(`,"raw":`)
	if len(raw) > 0 {
		dst = append(dst, '"')
		dst = s.redactor.raw(dst, ev, raw)
		dst = append(dst, '"')
	} else {
		dst = append(dst, null...)
	}
	str(`,"request_id":`, row.Request)
	return append(dst, '}')
}

// appendLine appends an event as a line for people:
//
//	12:31:52.9120000  1432 w3wp.exe  WebIO 202 ConnectionSocketConnect/Fail  Connection=0x1a2b, Error=10060
//
// A line with the date stands in front of the first event of a day. Lines are cut at the width, if that is known.
func (s *eventScratch) appendLine(dst []byte) []byte {
	const day = 24 * 3600 * etl.Second
	row := &s.row
	ev := row.Event
	line := s.text[:0]
	if t := ev.Time(); t != 0 {
		if d := t - t%day; d != s.day {
			s.day = d
			dst = append(dst, "-- "...)
			dst = append(dst, t.Time().Format("2006-01-02")...)
			dst = append(dst, " (UTC)\n"...)
		}
		full := s.times.append(line, t)
		line = append(line, full[len("2006-01-02T"):len(full)-len("Z")]...)
	} else {
		line = append(line, "-               "...)
	}
	pid := appendID(nil, ev.PID(), "-")
	for range 6 - len(pid) {
		line = append(line, ' ')
	}
	line = append(append(line, ' '), pid...)
	if row.Process != "" {
		line = append(append(line, ' '), s.redactor.Named(redact.Process, row.Process)...)
	}
	line = append(line, ' ', ' ')
	if name := s.redactor.provider(ev); name != "" {
		line = append(line, strings.TrimPrefix(name, "Microsoft-Windows-")...)
	} else {
		line = ev.Provider().AppendText(line)
	}
	if hasID(ev.Kind()) {
		line = append(line, ' ')
		line = strconv.AppendUint(line, uint64(ev.ID()), 10)
	}
	if name := s.redactor.name(ev); name != "" {
		line = append(append(line, ' '), name...)
	}
	line = append(line, ' ', ' ')
	if text, ok := s.redactor.message(line, ev); ok {
		line = text
	} else {
		from := len(line)
		for name, text := range s.redactor.texts(ev) {
			if len(line) > from {
				line = append(line, ", "...)
			}
			line = append(append(append(line, name...), '='), text...)
		}
	}
	if reason, raw := ev.Undecoded(); reason != "" {
		line = append(line, " [not decoded: "...)
		line = append(line, reason...)
		if len(raw) > 0 {
			line = append(line, "; "...)
			line = s.redactor.raw(line, ev, raw)
		}
		line = append(line, ']')
	}
	if row.Request != "" {
		line = append(append(line, "  "...), row.Request...)
	}
	s.text = line
	text := clean(string(bytes.TrimRight(line, " ")))
	if s.width > 0 && displaywidth.String(text) > s.width {
		text = shorten(text, s.width)
	}
	return append(append(dst, text...), '\n')
}

// A timeText writes times as RFC 3339 with 7 decimals. Of a moment in the same second as the one
// before it writes the decimals only.
type timeText struct {
	second etl.Time // since 1601
	prefix [20]byte // 2006-01-02T15:04:05.
}

func (c *timeText) append(dst []byte, t etl.Time) []byte {
	second := t / etl.Second
	if t < 0 || second != c.second || c.prefix[0] == 0 {
		full := t.AppendText(nil)
		if t < 0 || len(full) != len("2006-01-02T15:04:05.0000000Z") {
			return append(dst, full...)
		}
		c.second = second
		copy(c.prefix[:], full)
	}
	dst = append(dst, c.prefix[:]...)
	rest := t % etl.Second
	var digits [8]byte
	for i := 6; i >= 0; i-- {
		digits[i] = byte('0' + rest%10)
		rest /= 10
	}
	digits[7] = 'Z'
	return append(dst, digits[:]...)
}
