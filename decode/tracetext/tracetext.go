// Package tracetext reads event trace logs that a tool has converted to text, as typed entries.
//
//	XML    tracerpt FILE -of XML, netsh trace convert FILE dump=XML
//	       <Events><Event><System> provider, id, version, time, process, processor </System>
//	        <EventData><Data Name="Error">12002</Data>      values, by name                      [Field]
//	        <ProcessingErrorData><EventPayload>1A2B...      instead, where the tool had no manifest [Entry.Payload]
//	        <RenderingInfo><Message>                        in the language of the system        [Entry.Message]
//	CSV    tracerpt FILE -of CSV, netsh trace convert FILE dump=CSV
//	       Event Name, Type, Event ID, Version, Channel, Level, Opcode, Task, Keyword, PID, TID, Processor Number,
//	       Instance ID, Parent Instance ID, Activity ID, Related Activity ID, Clock-Time, Kernel(ms), User(ms), User Data
//	       heads in the language of the system, numbers of processes in hexadecimal, values by place only
//	Lines  netsh trace convert FILE (dump=TXT), pktmon etl2txt
//	       [0]0EF8.2EF4::08/28/17-13:24:29.549 [Microsoft-Windows-WLAN-AutoConfig]message
//	       messages only, and times in local time of an unknown zone
//
// What XML and CSV tell is enough to make the record again that the log had: [Entry.Record] lays the values out as
// the built-in description of the event wants them. Lines are counted; only the other forms carry fields.
//
// The forms are those of dumps that others published; there is no documentation of them.
package tracetext

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/decode/charset"
	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// A Form is the form in which a converted log comes.
type Form uint8

// The forms that a [Reader] reads.
const (
	Unknown Form = iota
	XML
	CSV
	Lines
)

var formNames = [...]string{"unknown", "xml", "csv", "lines"}

// String returns a short name: xml, csv, lines.
func (f Form) String() string { return formNames[f] }

// ErrFormat says that a text is no converted log.
var ErrFormat = errors.New("not a converted event trace log")

// An Entry is one event. Its slices are used again for the next one; its strings may be kept.
type Entry struct {
	Time     etl.Time // 0 = not told
	Local    bool     // Time is what the clock of some system showed, its zone unknown (Lines)
	Source   string   // name of the provider
	Provider etl.GUID // zero = not told, and no known provider has that name
	Class    etl.GUID // of a classic event
	ID       uint16
	Version  uint8
	Level    uint8
	Opcode   uint8
	Task     uint16
	Keyword  uint64
	PID, TID uint32
	CPU      uint16
	Activity etl.GUID
	Related  etl.GUID
	Fields   []Field
	Payload  []byte // of the record, where the tool could not decode it; else nil
	Message  string // in the language of the system
	Offset   int64  // of the event in the text as UTF-8
}

// A Field is one value of an event.
type Field struct {
	Name  string // "" in CSV, where only the place tells
	Value string
}

// Value returns the first value of that name, or "".
func (e *Entry) Value(name string) string {
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			return e.Fields[i].Value
		}
	}
	return ""
}

// An AnomalyKind classifies damage.
type AnomalyKind uint8

// Kinds of damage.
const (
	BadEvent  AnomalyKind = iota + 1 // damaged, and left out
	OpenEvent                        // without an end
	LongEvent                        // longer than is read; left out
	Messages                         // the text has messages only, no fields
	CutFile                          // the text ends behind an event, without the end of the element around all
)

var anomalyNames = [...]string{"", "bad-event", "open-event", "long-event", "messages-only", "cut-file"}

// String returns a stable name.
func (k AnomalyKind) String() string { return anomalyNames[k] }

var anomalyTexts = [...]string{
	"", "the event is damaged and left out", "the event has no end and is left out", "the event is too long to be read and left out",
	"only messages, no fields: convert the .etl with dump=XML, or hand in the .etl itself",
	"the file is cut off behind an event",
}

// An Anomaly is what is wrong with a text: the first place, and how often.
type Anomaly struct {
	Kind   AnomalyKind
	Offset int64
	Count  int
}

// String returns it in words, without its place.
func (a Anomaly) String() string {
	s := anomalyTexts[a.Kind]
	if a.Count > 1 && a.Kind != Messages {
		s += fmt.Sprintf("; %d times in all", a.Count)
	}
	return s
}

// HeadSize is how much of a file [Recognise] looks at.
const HeadSize = 8 << 10

// Recognise tells which form of a converted log head is the beginning of. The text may be UTF-8 or UTF-16.
func Recognise(head []byte) (Form, bool) {
	head = head[:min(len(head), HeadSize)]
	text := bytes.TrimLeft(charset.Bytes(head), " \t\r\n")
	for _, f := range []struct {
		form Form
		is   func([]byte) bool
	}{{XML, isXML}, {CSV, isCSV}, {Lines, isLines}} {
		if f.is(text) {
			return f.form, true
		}
	}
	return Unknown, false
}

// A Reader reads one text, once. Make it with [NewReader].
type Reader struct {
	form      Form
	text      io.Reader
	header    etl.Header
	providers map[string]etl.GUID // by name
	anomalies [len(anomalyNames)]Anomaly
	count     int
}

// NewReader looks at the beginning of r. The error wraps ErrFormat or is the one of r.
func NewReader(r io.Reader) (*Reader, error) {
	head := make([]byte, HeadSize)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	head = head[:n]
	form, ok := Recognise(head)
	if !ok {
		return nil, ErrFormat
	}
	text, _ := charset.NewReader(io.MultiReader(bytes.NewReader(head), r))
	return &Reader{form: form, text: text}, nil
}

// Form returns the form of the text.
func (r *Reader) Form() Form { return r.form }

// Header returns what the event about the log itself, its first, has told so far of build, clock and loss.
func (r *Reader) Header() etl.Header { return r.header }

// Count returns how many events were read.
func (r *Reader) Count() int { return r.count }

// Anomalies returns the damage seen so far, one of each kind.
func (r *Reader) Anomalies() []Anomaly {
	var all []Anomaly
	for _, a := range r.anomalies {
		if a.Count > 0 {
			all = append(all, a)
		}
	}
	return all
}

func (r *Reader) note(kind AnomalyKind, offset int64) {
	a := &r.anomalies[kind]
	if a.Count == 0 {
		a.Kind, a.Offset = kind, offset
	}
	a.Count++
}

// Entries yields the events in the order of the text. Damage costs the event that it hits; an error of the
// io.Reader comes last.
func (r *Reader) Entries() iter.Seq2[*Entry, error] {
	read := [...]func(*Reader, func(*Entry) bool) error{XML: (*Reader).readXML, CSV: (*Reader).readCSV, Lines: (*Reader).readLines}[r.form]
	return func(yield func(*Entry, error) bool) {
		stopped := false
		err := read(r, func(e *Entry) bool {
			r.count++
			switch {
			case r.form == CSV && e.ID == 0 && !csvClasses[e.Source].IsZero():
				e.Class = csvClasses[e.Source]
			case e.Class.IsZero() && e.ID == 0 && (e.Provider == eventTrace || decode.Classic(e.Provider, e.Opcode, e.Version) != nil):
				e.Class = e.Provider
			case e.Class.IsZero() && e.Provider.IsZero():
				e.Provider = r.provider(e.Source)
			}
			r.learn(e)
			stopped = !yield(e, nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// provider returns the provider of a name; zero if it is not known.
func (r *Reader) provider(name string) etl.GUID {
	g, ok := r.providers[name]
	if !ok && name != "" {
		const most = 10_000 // a hostile variety
		if r.providers == nil || len(r.providers) >= most {
			r.providers = map[string]etl.GUID{}
		}
		g, _ = schema.ByName(name)
		r.providers[name] = g
	}
	return g
}

// csvClasses are the classes of classic events, which CSV gives by name, as far as they matter here.
var csvClasses = map[string]etl.GUID{"EventTrace": eventTrace, "Process": etl.MustParseGUID("3d6fa8d0-fe05-11d0-9dda-00c04fd7ba7c")}

// The event that repeats the header of the log. In CSV its values go by their place.
var (
	eventTrace   = etl.MustParseGUID("68fdd900-4a3e-11d1-84f4-0000f80464e3")
	headerFields = []string{
		"BufferSize", "Version", "ProviderVersion", "NumberOfProcessors", "EndTime", "TimerResolution", "MaxFileSize", "LogFileMode",
		"BuffersWritten", "StartBuffers", "PointerSize", "EventsLost",
	}
)

// learn keeps what the event about the log itself tells.
func (r *Reader) learn(e *Entry) {
	const headerOpcode = 0
	if e.Class != eventTrace || e.Opcode != headerOpcode || r.header.Build != 0 {
		return
	}
	number := func(name string) uint32 {
		value := e.Value(name)
		if i := slices.Index(headerFields, name); r.form == CSV && 0 <= i && i < len(e.Fields) {
			value = e.Fields[i].Value
		}
		n, _ := parseNumber(strings.TrimSpace(value))
		return uint32(n)
	}
	h := &r.header
	h.Build, h.PointerSize, h.Processors = number("ProviderVersion"), number("PointerSize"), number("NumberOfProcessors")
	h.EventsLost, h.BuffersLost, h.BuffersWritten = number("EventsLost"), number("BuffersLost"), number("BuffersWritten")
}
