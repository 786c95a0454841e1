package eventlog

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/charset"
	"github.com/etwhy/etwhy/etl"
)

const (
	maxFields  = 1000     // of an event; real ones have up to some 60
	maxDepth   = 64       // of elements that are looked at
	maxInterns = 4096     // names that are kept once for all entries
	maxIntern  = 256      // bytes of such a name; longer ones are not kept
	maxValue   = 64 << 10 // bytes of a value; what is longer is cut
)

// A section is a part of an event.
type section uint8

const (
	other section = iota
	system
	eventData
	userData
	rendering
)

var sections = map[string]section{"System": system, "EventData": eventData, "UserData": userData, "RenderingInfo": rendering}

// A builder makes an entry of the elements of an event, which both forms of XML tell it in the same way:
// open, attribute ..., text ..., open ..., end, end.
type builder struct {
	options  *Options
	entry    Entry
	unwanted bool // the rest of the event does not matter
	marks    marks

	depth   int // of the open element; 1 = Event
	section section
	leaf    string // the open element, as long as it has no children
	name    string // its attribute Name
	value   []byte // its text
	full    bool   // there was more of it
	interns map[string]string
}

// marks are what tells an event log from other XML of the same form.
type marks struct {
	namespace bool // the event is in one
	record    bool // it has a number
	channel   bool
	activity  bool
	kernel    bool // times of the processor, as ETW tells them
	system    bool // there is a System with a Provider
}

func (b *builder) begin(offset int64) {
	e := &b.entry
	*e = Entry{Offset: offset, Fields: e.Fields[:0], Binary: e.Binary[:0]}
	b.unwanted, b.marks = false, marks{}
	b.depth, b.section, b.leaf, b.name, b.value = 0, other, "", "", b.value[:0]
	b.full = false
}

// empty reports whether there is no entry: nothing tells whose event it is.
func (b *builder) empty() bool { return b.entry.Provider == "" && b.entry.ID == 0 }

// intern returns text as a string, of which there is one for all entries.
func (b *builder) intern(text []byte) string {
	if s, ok := b.interns[string(text)]; ok {
		return s
	}
	s := clean(charset.Head(text, maxValue))
	if len(text) > maxIntern {
		return s
	}
	if b.interns == nil || len(b.interns) >= maxInterns {
		b.interns = map[string]string{}
	}
	b.interns[string(text)] = s
	return s
}

func (b *builder) open(name string) {
	b.depth++
	if b.depth == 2 {
		b.section = sections[name]
	}
	b.leaf, b.name, b.value, b.full = name, "", b.value[:0], false
}

func (b *builder) attribute(name string, value []byte) {
	e := &b.entry
	switch {
	case b.depth == 1:
		b.marks.namespace = b.marks.namespace || name == "xmlns"
	case b.section == eventData && name == "Name":
		b.name = b.intern(value)
	case b.section != system || b.depth != 3:
	case b.leaf == "Provider" && name == "Name":
		e.Provider = b.intern(value)
		b.marks.system = true
	case b.leaf == "TimeCreated" && name == "SystemTime":
		e.Time = parseTime(value)
	case b.leaf == "Execution" && name == "ProcessID":
		e.PID = number32(value)
	case b.leaf == "Execution" && name == "ThreadID":
		e.TID = number32(value)
	case b.leaf == "Execution" && name == "KernelTime":
		b.marks.kernel = true
	case b.leaf == "Correlation" && name == "ActivityID":
		b.marks.activity = len(value) > 0
	}
}

func (b *builder) text(value []byte) {
	if b.leaf == "" || b.full {
		return
	}
	b.value = append(b.value, value[:min(len(value), maxValue+1)]...)
	if b.full = len(b.value) > maxValue; b.full {
		b.value = charset.Head(b.value, maxValue)
	}
}

func (b *builder) end() {
	if b.depth == 0 {
		return
	}
	if b.leaf != "" {
		b.close(b.leaf)
	}
	b.leaf = ""
	b.depth--
	if b.depth == 1 {
		if b.section == system {
			b.unwanted = !b.options.wants(&b.entry)
		}
		b.section = other
	}
}

// again ends the open element and begins another one like it, for lists.
func (b *builder) again() {
	name, field := b.leaf, b.name
	b.end()
	b.open(name)
	b.name = field
}

// close takes an element without children.
func (b *builder) close(name string) {
	e := &b.entry
	switch b.section {
	case system:
		if b.depth == 3 {
			b.system(name)
		}
	case eventData:
		switch {
		case b.depth < 3:
		case name == "Binary" && b.depth == 3:
			e.Binary, _ = hex.AppendDecode(e.Binary[:0], trim(b.value))
		case name == "Data" || b.name != "":
			b.field(b.name)
		default:
			b.field(b.intern([]byte(name)))
		}
	case userData:
		if b.depth >= 3 {
			b.field(b.intern([]byte(name)))
		}
	case rendering:
		if name == "Message" {
			e.Message = clean(b.value)
		}
	}
}

func (b *builder) system(name string) {
	e := &b.entry
	value := trim(b.value)
	switch name {
	case "EventID":
		e.ID = number32(value) & 0xFFFF // some tools leave the qualifiers in
	case "Level":
		e.Level = uint8(min(number32(value), 255))
	case "EventRecordID":
		n, err := strconv.ParseUint(string(value), 10, 64)
		e.Record, b.marks.record = n, err == nil
	case "Channel":
		e.Channel = b.intern(value)
		b.marks.channel = len(value) > 0
	case "Computer":
		e.Computer = b.intern(value)
	}
}

func (b *builder) field(name string) {
	if e := &b.entry; len(e.Fields) < maxFields {
		e.Fields = append(e.Fields, Field{name, clean(b.value)})
	}
}

// clean returns b as a string; what is not UTF-8 is taken for Windows-1252, as old exports are.
func clean(b []byte) string { return charset.String(b, nil) }

func trim(b []byte) []byte {
	for len(b) > 0 && space(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && space(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func number32(b []byte) uint32 {
	n, _ := strconv.ParseUint(string(b), 0, 32)
	return uint32(n)
}

// parseTime reads 2026-03-05T09:14:07.1234567Z; without a zone it is UTC, as SystemTime is. 0 if it is none.
func parseTime(b []byte) etl.Time {
	if len(b) > 40 {
		return 0
	}
	s := strings.Replace(string(trim(b)), " ", "T", 1)
	if n := len(s); n > 0 && s[n-1] != 'Z' && len(s) <= len("2006-01-02T15:04:05.999999999") {
		s += "Z"
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() < 1601 {
		return 0
	}
	return etl.FromTime(t)
}
