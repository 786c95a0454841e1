package freb

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/etwhy/etwhy/decode/charset"
	"github.com/etwhy/etwhy/decode/cursor"
	"github.com/etwhy/etwhy/decode/xmlscan"
	"github.com/etwhy/etwhy/etl"
)

const (
	rootName = "failedRequest"

	maxTag       = 256 << 10 // bytes; the root element's holds a URL
	maxDepth     = 64        // of elements; files have 6
	maxText      = 1 << 20   // bytes of one value; the rest is left out
	maxEventText = 4 << 20   // bytes of all values of one event
	maxFields    = 1024      // of one event
	maxArea      = 1024      // bytes of the names of its areas, before the last one
	maxWords     = 4096      // that are kept to be shared; beyond, each event has its own
	maxProlog    = 16 << 20  // bytes in front of the root element
	maxAnomalies = 100       // in the list; a further one is counted in the last entry
)

// An AnomalyKind classifies damage.
type AnomalyKind uint8

const (
	CutFile   AnomalyKind = iota // the file ends before its root element does
	BadXML                       // the event in which it is found is left out
	TooDeep                      // elements nested beyond all measure; the event is left out
	TooLong                      // a value, or a number of them, beyond all measure; the rest is left out
	BadEntity                    // a reference that XML does not know; kept as written
	Doctype                      // a document type declaration, skipped: nothing it declares is expanded
	BadRoot                      // a root element's tag that is damaged; what can be read is used
	BadNumber                    // a number, time or identifier that is none; taken as unknown
)

var anomalyNames = [...]string{
	CutFile: "cut-file", BadXML: "bad-xml", TooDeep: "too-deep", TooLong: "too-long",
	BadEntity: "bad-entity", Doctype: "doctype", BadRoot: "bad-root", BadNumber: "bad-number",
}

// String returns a stable name.
func (k AnomalyKind) String() string { return anomalyNames[k] }

// An Anomaly is damage found in a file. Reading went on behind it.
type Anomaly struct {
	Kind   AnomalyKind
	Offset int64 // in the file; in a UTF-16 file, in its text as UTF-8
	Detail string
}

// A Trace is one file, read as a stream. It must be used by one goroutine at a time.
type Trace struct {
	scan   *xmlscan.Scanner
	header Header
	events int // yielded

	anomalies []Anomaly
	unlisted  int // anomalies that are not in the list

	words map[string]string   // that occur again and again
	guids map[string]etl.GUID // likewise

	stack []node // open elements, the root first
	lost  bool   // XML broke: nothing counts before the next Event
	done  bool   // the root element has ended

	ev    Event
	texts []byte                  // of the values of the event, and behind them of the element being read
	parts []part                  // the fields, as parts of texts
	field int                     // that the element being read belongs to; -1 = none
	start int                     // where its text begins
	at    int64                   // offset of its tag
	told  [len(anomalyNames)]bool // anomalies of the event that are in the list, see once
}

// A part is a field while its event is being read.
type part struct {
	name        string
	value, text [2]int // from, to
}

// A node is an element that means something where it stands.
type node uint8

const (
	other node = iota // anything else, with all inside
	root
	event
	system
	provider
	eventID
	version
	level
	opcode
	keywords
	timeCreated
	correlation
	execution
	computer
	eventData
	data
	rendering
	eventName
	areas
	area
	description
	extended
	class
)

// elements are the elements of a file, by what they stand in.
var elements = [...]map[string]node{
	root:  {"Event": event},
	event: {"System": system, "EventData": eventData, "RenderingInfo": rendering, "ExtendedTracingInfo": extended},
	system: {
		"Provider": provider, "EventID": eventID, "Version": version, "Level": level, "Opcode": opcode,
		"Keywords": keywords, "TimeCreated": timeCreated, "Correlation": correlation, "Execution": execution, "Computer": computer,
	},
	eventData: {"Data": data},
	rendering: {"Opcode": eventName, "Keywords": areas, "Description": description},
	areas:     {"Keyword": area},
	extended:  {"EventGuid": class},
}

// names are the elements' names, to check that tags pair up.
var names = func() (names [class + 1]string) {
	names[root] = rootName
	for _, inside := range elements {
		for name, n := range inside {
			names[n] = name
		}
	}
	return names
}()

// leaf tells the elements whose text counts.
var leaf = [class + 1]bool{
	eventID: true, version: true, level: true, opcode: true, keywords: true, computer: true,
	data: true, eventName: true, area: true, description: true, class: true,
}

// NewReader reads the root element's tag from r. The text may be UTF-8 or UTF-16, with or without byte
// order mark.
//
// The error is a *cursor.FormatError that wraps [ErrFormat], or an error of r.
func NewReader(r io.Reader) (*Trace, error) {
	t := &Trace{scan: newScanner(r), words: map[string]string{}, guids: map[string]etl.GUID{}}
	if err := t.readRoot(); err != nil {
		return nil, err
	}
	return t, nil
}

// newScanner reads r as UTF-8; offsets are those of a UTF-8 file.
func newScanner(r io.Reader) *xmlscan.Scanner {
	text, mark := charset.NewReader(r)
	return xmlscan.NewReader(text, mark, maxTag)
}

// readRoot reads up to the root element's tag.
func (t *Trace) readRoot() error {
	s := t.scan
	fail := func(format string, args ...any) error {
		if err := s.Err(); err != nil {
			return err
		}
		return &cursor.FormatError{Name: "failed request trace", Offset: s.Offset, Msg: fmt.Sprintf(format, args...), Err: ErrFormat}
	}
	for s.Offset < maxProlog {
		switch s.Next() {
		case xmlscan.Text:
			if len(bytes.TrimSpace(s.Raw)) > 0 {
				return fail("text in front of the root element")
			}
		case xmlscan.Doctype:
			t.anomaly(Doctype, "what it declares is not expanded")
		case xmlscan.AtEnd:
			return fail("no root element")
		case xmlscan.EndTag:
			return fail("an end tag in front of the root element")
		case xmlscan.Broken:
			if string(xmlscan.Local(s.Name)) != rootName {
				return fail("%s", s.Fault)
			}
			t.anomaly(BadRoot, "%s", s.Fault)
			t.readHeader()
			t.stack = append(t.stack, root)
			return nil
		case xmlscan.StartTag:
			if name := xmlscan.Local(s.Name); string(name) != rootName {
				return fail("the root element is %.40q, not %q", name, rootName)
			}
			t.readHeader()
			t.stack = append(t.stack, root)
			t.done = s.Empty
			return nil
		}
	}
	return fail("no root element in the first %d bytes", maxProlog)
}

// readHeader reads the root element's attributes.
func (t *Trace) readHeader() {
	h := &t.header
	list := t.scan.Attributes()
	for name, value, ok := list.Next(); ok; name, value, ok = list.Next() {
		v := strings.ToValidUTF8(string(t.plain(value)), "\ufffd")
		switch string(xmlscan.Local(name)) {
		case "url":
			h.URL = v
		case "verb":
			h.Verb = v
		case "siteId":
			h.Site = uint32(t.number("siteId", v, 32))
		case "appPoolId":
			h.AppPool = v
		case "processId":
			h.PID = uint32(t.number("processId", v, 32))
		case "remoteUserName":
			h.RemoteUser = v
		case "userName":
			h.User = v
		case "tokenUserName":
			h.TokenUser = v
		case "authenticationType":
			h.AuthType = v
		case "activityId":
			h.Activity = t.guid(value)
		case "failureReason":
			h.FailureReason = v
		case "statusCode":
			h.Status = t.status(v)
		case "triggerStatusCode":
			h.TriggerStatus = t.status(v)
		case "timeTaken":
			h.TimeTaken, h.Timed = time.Duration(min(t.number("timeTaken", v, 63), 1<<40))*time.Millisecond, v != ""
		default:
			if !bytes.HasPrefix(name, []byte("xmlns")) && len(h.More) < maxFields {
				h.More = append(h.More, Field{Name: strings.ToValidUTF8(string(name), "\ufffd"), Value: v})
			}
		}
	}
}

// attribute returns one attribute of the start tag, or nil.
func (t *Trace) attribute(name string) []byte {
	list := t.scan.Attributes()
	for n, value, ok := list.Next(); ok; n, value, ok = list.Next() {
		if string(xmlscan.Local(n)) == name {
			return value
		}
	}
	return nil
}

// Header returns what the root element tells.
func (t *Trace) Header() Header { return t.header }

// Count returns how many events were read.
func (t *Trace) Count() int { return t.events }

// Anomalies returns the damage found so far, in file order.
func (t *Trace) Anomalies() []Anomaly {
	list := t.anomalies
	if t.unlisted > 0 {
		list = append(list[:len(list):len(list)], Anomaly{BadXML, list[len(list)-1].Offset, fmt.Sprintf("%d further anomalies", t.unlisted)})
	}
	return list
}

func (t *Trace) anomaly(kind AnomalyKind, format string, args ...any) {
	t.anomalyAt(t.scan.Offset, kind, format, args...)
}

func (t *Trace) anomalyAt(at int64, kind AnomalyKind, format string, args ...any) {
	if len(t.anomalies) == maxAnomalies {
		t.unlisted++
		return
	}
	t.anomalies = append(t.anomalies, Anomaly{kind, at, fmt.Sprintf(format, args...)})
}

// Events reads the events in file order, which is time order. An event is valid until the next step,
// but its strings may be kept. An event that is damaged is left out; see [Trace.Anomalies].
//
// The error is one of the reader's; nothing comes after it. Each event is yielded once: breaking off and
// calling Events again goes on behind the last one.
func (t *Trace) Events() iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		for t.next() {
			t.events++
			if !yield(&t.ev, nil) {
				return
			}
		}
		if err := t.scan.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// next reads one event into t.ev and reports whether there was one.
func (t *Trace) next() bool {
	s := t.scan
	for !t.done {
		switch s.Next() {
		case xmlscan.AtEnd:
			t.done = true
			if s.Err() == nil {
				t.cut()
			}
		case xmlscan.StartTag:
			t.open()
			if s.Empty && !t.lost && t.close() {
				return true
			}
		case xmlscan.EndTag:
			name := xmlscan.Local(s.Name)
			if t.lost {
				t.done = string(name) == rootName
				continue
			}
			top := t.stack[len(t.stack)-1]
			if top != other && names[top] != string(name) {
				t.lose(BadXML, "</%.40s> where </%s> is due", name, names[top])
				continue
			}
			if t.close() {
				return true
			}
		case xmlscan.Text:
			if !t.lost && leaf[t.stack[len(t.stack)-1]] {
				t.addText()
			}
		case xmlscan.Broken:
			if !t.lost { // a file of nothing else would keep lose busy
				t.lose(BadXML, "%s", s.Fault)
			}
		case xmlscan.Doctype:
			t.lose(Doctype, "inside the root element")
		}
	}
	return false
}

// cut notes that the file ends too early.
func (t *Trace) cut() {
	switch {
	case t.lost:
		t.anomaly(CutFile, "the file ends behind damaged XML")
	case len(t.stack) > 1:
		t.anomaly(CutFile, "the file ends inside the event that begins at offset %#x", t.ev.Offset)
	default:
		t.anomaly(CutFile, "the file ends without </%s>", rootName)
	}
}

// lose gives up the event being read.
func (t *Trace) lose(kind AnomalyKind, format string, args ...any) {
	if t.lost { // part of the same damage
		return
	}
	t.anomaly(kind, format, args...)
	t.lost = true
}

// open takes a start tag.
func (t *Trace) open() {
	s := t.scan
	name, n := xmlscan.Local(s.Name), other
	if string(name) == names[event] { // always begins an event, whatever was before
		if !t.lost && len(t.stack) > 1 {
			t.anomaly(BadXML, "<Event> inside the event that begins at offset %#x, which is left out", t.ev.Offset)
		}
		t.lost = false
		t.stack = t.stack[:1]
		n = event
	} else if t.lost {
		return
	} else if top := t.stack[len(t.stack)-1]; top == root {
		t.anomaly(BadXML, "<%.40s> where <Event> is due", name)
	} else if int(top) < len(elements) {
		n = elements[top][string(name)]
	}
	if len(t.stack) == maxDepth {
		t.lose(TooDeep, "elements nested deeper than %d", maxDepth)
		return
	}
	t.stack = append(t.stack, n)
	t.start, t.at = len(t.texts), s.Offset
	switch n {
	case event:
		t.ev = Event{Fields: t.ev.Fields[:0], Offset: s.Offset}
		t.texts, t.parts, t.told, t.start = t.texts[:0], t.parts[:0], [len(anomalyNames)]bool{}, 0
	case provider:
		t.ev.Source = t.word(t.plain(t.attribute("Name")))
		t.ev.Provider = t.guid(t.attribute("Guid"))
	case timeCreated:
		t.ev.Time = t.time(t.attribute("SystemTime"))
	case correlation:
		t.ev.Activity = t.guid(t.attribute("ActivityID"))
	case execution:
		t.ev.PID = uint32(t.number("ProcessID", string(t.attribute("ProcessID")), 32))
		t.ev.TID = uint32(t.number("ThreadID", string(t.attribute("ThreadID")), 32))
	case data:
		t.field = -1
		if len(t.parts) < maxFields {
			t.field = len(t.parts)
			t.parts = append(t.parts, part{name: t.word(t.plain(t.attribute("Name")))})
		} else {
			t.once(TooLong, "more than %d values", maxFields)
		}
	case rendering:
		t.ev.Culture = t.word(t.plain(t.attribute("Culture")))
	case description:
		name := t.plain(t.attribute("Data"))
		if t.field = t.described(name); t.field < 0 && len(t.parts) < maxFields {
			t.field = len(t.parts)
			t.parts = append(t.parts, part{name: t.word(name)})
		}
	}
}

// described returns the field that a Description speaks of, or -1.
func (t *Trace) described(name []byte) int {
	for i := range t.parts {
		if p := &t.parts[i]; p.name == string(name) && p.text == [2]int{} {
			return i
		}
	}
	return -1
}

// addText adds text to the element being read.
func (t *Trace) addText() {
	limit := min(t.start+maxText, maxEventText)
	if len(t.texts) >= limit {
		t.once(TooLong, "more than %d bytes in a value, or %d in an event", maxText, maxEventText)
		return
	}
	known := true
	if t.scan.Verbatim {
		t.texts = append(t.texts, t.scan.Raw...)
	} else {
		t.texts, known = xmlscan.AppendText(t.texts, t.scan.Raw)
	}
	if len(t.texts) > limit {
		t.texts = t.texts[:limit]
		t.once(TooLong, "more than %d bytes in a value, or %d in an event", maxText, maxEventText)
	}
	if !known {
		t.once(BadEntity, "kept as it is written")
	}
}

// once notes what is wrong with the element being read, unless the event has had the same.
func (t *Trace) once(kind AnomalyKind, format string, args ...any) {
	if !t.told[kind] {
		t.told[kind] = true
		t.anomalyAt(t.at, kind, format, args...)
	}
}

// close ends the innermost element and reports whether an event is complete.
func (t *Trace) close() bool {
	n := t.stack[len(t.stack)-1]
	t.stack = t.stack[:len(t.stack)-1]
	switch n {
	case root:
		t.done = true
		return false
	case event:
		t.finish()
		return true
	}
	if !leaf[n] {
		return false
	}
	at := [2]int{t.start, len(t.texts)}
	switch n {
	case data, description:
		if t.field >= 0 {
			if n == data {
				t.parts[t.field].value = at
			} else {
				t.parts[t.field].text = at
			}
			return false // the text stays
		}
	default:
		t.property(n, t.texts[t.start:])
	}
	t.texts = t.texts[:t.start]
	return false
}

// property sets what a leaf of System, RenderingInfo or ExtendedTracingInfo tells.
func (t *Trace) property(n node, b []byte) {
	ev := &t.ev
	switch n {
	case eventID:
		ev.ID = uint16(t.number(names[n], string(b), 16))
	case version:
		ev.Version = uint8(t.number(names[n], string(b), 8))
	case level:
		ev.Level = uint8(t.number(names[n], string(b), 8))
	case opcode:
		ev.Opcode = uint8(t.number(names[n], string(b), 8))
	case keywords:
		ev.Keywords = t.number(names[n], string(b), 64)
	case computer:
		ev.Computer = t.word(b)
	case eventName:
		ev.Name = t.word(b)
	case area:
		if name := t.word(b); ev.Area == "" {
			ev.Area = name
		} else if len(ev.Area) < maxArea {
			ev.Area += ", " + name
		}
	case class:
		ev.Class = t.guid(b)
	}
}

// finish makes the fields of the event. All their texts are parts of one string.
func (t *Trace) finish() {
	if !utf8.Valid(t.texts) {
		t.repair()
	}
	all := string(t.texts)
	for _, p := range t.parts {
		t.ev.Fields = append(t.ev.Fields, Field{p.name, all[p.value[0]:p.value[1]], all[p.text[0]:p.text[1]]})
	}
}

// repair replaces invalid bytes in the texts of the fields by U+FFFD.
func (t *Trace) repair() {
	var valid []byte
	for i := range t.parts {
		for _, at := range []*[2]int{&t.parts[i].value, &t.parts[i].text} {
			from := len(valid)
			valid = append(valid, bytes.ToValidUTF8(t.texts[at[0]:at[1]], []byte("\ufffd"))...)
			*at = [2]int{from, len(valid)}
		}
	}
	t.texts = valid
}

// word returns b as a string, the same one each time.
func (t *Trace) word(b []byte) string {
	if s, ok := t.words[string(b)]; ok {
		return s
	}
	s := strings.ToValidUTF8(string(b), "\ufffd")
	if len(t.words) < maxWords && len(b) <= 256 {
		t.words[string(b)] = s
	}
	return s
}

// plain resolves the references in an attribute's value. The result may alias it.
func (t *Trace) plain(raw []byte) []byte {
	if bytes.IndexByte(raw, '&') < 0 {
		return raw
	}
	b, known := xmlscan.AppendText(nil, raw)
	if !known {
		t.anomaly(BadEntity, "in an attribute")
	}
	return b
}

// number reads a decimal or 0x number. "" is 0.
func (t *Trace) number(name, s string, bits int) uint64 {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseUint(s, 0, bits)
	if err != nil {
		t.anomaly(BadNumber, "%s is %.40q", name, s)
		return 0
	}
	return n
}

// guid reads an identifier, with or without braces. "" is the zero GUID.
func (t *Trace) guid(b []byte) etl.GUID {
	if g, ok := t.guids[string(b)]; ok {
		return g
	}
	b = bytes.TrimSpace(b)
	g, err := etl.ParseGUID(string(b))
	switch {
	case err == nil && len(t.guids) < maxWords:
		t.guids[string(b)] = g
	case err != nil && len(b) > 0:
		t.anomaly(BadNumber, "%.60q is not a GUID", b)
	}
	return g
}

func (t *Trace) status(s string) Status {
	status, ok := ParseStatus(s)
	if !ok && s != "" {
		t.anomaly(BadNumber, "%.40q is not a status", s)
	}
	return status
}

func (t *Trace) time(b []byte) etl.Time {
	if len(b) == 0 {
		return 0
	}
	clock, err := time.Parse(time.RFC3339Nano, string(b))
	at := etl.FromTime(clock)
	if err != nil || at < 0 {
		t.anomaly(BadNumber, "%.40q is not a time", b)
		return 0
	}
	return at
}
