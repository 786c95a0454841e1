package tracetext

import (
	"bytes"
	"encoding/hex"
	"encoding/xml"
	"io"
	"math"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/xmlscan"
	"github.com/etwhy/etwhy/etl"
)

const (
	readSize  = 64 << 10
	maxEvent  = 1 << 20 // bytes of an event as text; a record has no more than 64 KB
	maxFields = 4096    // of an event
)

// isXML recognises events that carry what only a trace has: the processor, or the class.
func isXML(text []byte) bool {
	if !bytes.HasPrefix(text, []byte("<")) || bytes.Contains(text, []byte("<failedRequest")) {
		return false
	}
	event, ok := element(text, "<Event")
	if !ok {
		return false
	}
	rest := text[event:]
	return bytes.Contains(rest, []byte("<System")) && !bytes.Contains(rest, []byte("<EventRecordID")) &&
		(bytes.Contains(rest, []byte("ProcessorID=")) || bytes.Contains(rest, []byte("<ExtendedTracingInfo")))
}

// element returns where a tag begins. ok is false if it does not.
func element(b []byte, tag string) (at int, ok bool) {
	for {
		i := bytes.Index(b[at:], []byte(tag))
		if i < 0 || at+i+len(tag) == len(b) {
			return len(b), false
		}
		at += i
		if c := b[at+len(tag)]; c == '>' || c == '/' || c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			return at, true
		}
		at++
	}
}

// readXML cuts event after event out of the text, so that damage costs that event alone.
func (r *Reader) readXML(yield func(*Entry) bool) error {
	var (
		buf  []byte
		base int64 // of buf in the text
		e    Entry
		p    xmlParser

		around xmlscan.Around
	)
	closing := []byte("</Event>")
	drop := func(n int) {
		buf = append(buf[:0], buf[n:]...)
		base += int64(n)
	}
	chunk := make([]byte, readSize)
	open, searched := false, 0 // whether buf begins with an event, and how much of it has no end
	for {
		n, err := io.ReadFull(r.text, chunk)
		buf = append(buf, chunk[:n]...)
		used := 0
		for {
			if !open {
				at, ok := element(buf[used:], "<Event")
				if !ok {
					at = max(0, len(buf)-used-len("<Event"))
				}
				around.Pass(buf[used : used+at])
				used += at
				if !ok {
					break
				}
				around.Begin()
				open, searched = true, 1
			}
			b := buf[used:]
			end := bytes.Index(b[searched:], closing)
			limit := len(b)
			if end >= 0 {
				limit = searched + end
			}
			if next, ok := element(b[searched:limit], "<Event"); ok { // the one before has no end
				r.note(OpenEvent, base+int64(used))
				used += searched + next
				searched = 1
				continue
			}
			if end < 0 {
				if len(b) > maxEvent {
					r.note(LongEvent, base+int64(used))
					used, open = len(buf), false
				}
				searched = max(1, len(b)-len(closing))
				break
			}
			end += searched + len(closing)
			open = false
			if p.parse(b[:end], &e, base+int64(used)) {
				if !yield(&e) {
					return nil
				}
			} else {
				r.note(BadEvent, base+int64(used))
			}
			used += end
		}
		drop(min(used, len(buf)))
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			around.Pass(buf)
			switch {
			case open:
				r.note(OpenEvent, base)
			case around.Open():
				r.note(CutFile, base+int64(len(buf)))
			}
			return nil
		default:
			return err
		}
	}
}

// An xmlParser parses events. It keeps names, which repeat.
type xmlParser struct {
	names map[string]string
	path  []string // of the elements that are open
}

func (p *xmlParser) name(s string) string {
	if t, ok := p.names[s]; ok {
		return t
	}
	const most = 10_000 // a hostile variety
	if p.names == nil || len(p.names) > most {
		p.names = map[string]string{}
	}
	t := strings.Clone(s)
	p.names[t] = t
	return t
}

// parse reads one event. It returns false if it is damaged.
func (p *xmlParser) parse(b []byte, e *Entry, offset int64) bool {
	*e = Entry{Fields: e.Fields[:0], Offset: offset, PID: etl.NoID, TID: etl.NoID}
	for i, c := range b { // bytes from a network, which XML forbids
		if c < ' ' && c != '\t' && c != '\r' && c != '\n' {
			b[i] = '?'
		}
	}
	d := xml.NewDecoder(bytes.NewReader(b))
	d.Strict = false
	d.Entity = xml.HTMLEntity
	p.path = p.path[:0]
	var text []byte
	for {
		t, err := d.RawToken()
		if err != nil {
			break
		}
		switch t := t.(type) {
		case xml.StartElement:
			const maxDepth = 64
			if len(p.path) == maxDepth {
				return false
			}
			p.path = append(p.path, t.Name.Local)
			text = text[:0]
			p.start(e, t)
		case xml.CharData:
			text = append(text, t...)
		case xml.EndElement:
			if len(p.path) == 0 || p.path[len(p.path)-1] != t.Name.Local {
				return false
			}
			p.end(e, string(text))
			p.path = p.path[:len(p.path)-1]
			text = text[:0]
			if len(p.path) == 0 {
				return e.Time > 0
			}
		}
	}
	return false
}

// start takes the attributes of an element.
func (p *xmlParser) start(e *Entry, t xml.StartElement) {
	for _, a := range t.Attr {
		if take := attributes[[2]string{t.Name.Local, a.Name.Local}]; take != nil {
			take(e, strings.TrimSpace(a.Value))
		}
	}
	if t.Name.Local == "Data" && len(e.Fields) < maxFields {
		f := Field{}
		for _, a := range t.Attr {
			if a.Name.Local == "Name" {
				f.Name = p.name(a.Value)
			}
		}
		e.Fields = append(e.Fields, f)
	}
}

// attributes are what is read of attributes, by element and name.
var attributes = map[[2]string]func(*Entry, string){
	{"Provider", "Name"}:                 func(e *Entry, s string) { e.Source = s },
	{"Provider", "Guid"}:                 func(e *Entry, s string) { e.Provider = guid(s) },
	{"TimeCreated", "SystemTime"}:        func(e *Entry, s string) { e.Time = parseTime(s) },
	{"Correlation", "ActivityID"}:        func(e *Entry, s string) { e.Activity = guid(s) },
	{"Correlation", "RelatedActivityID"}: func(e *Entry, s string) { e.Related = guid(s) },
	{"Execution", "ProcessID"}:           func(e *Entry, s string) { e.PID = number[uint32](s) },
	{"Execution", "ThreadID"}:            func(e *Entry, s string) { e.TID = number[uint32](s) },
	{"Execution", "ProcessorID"}:         func(e *Entry, s string) { e.CPU = number[uint16](s) },
}

// elements are what is read of the texts of elements, by name and that of the element around.
var elements = map[[2]string]func(*Entry, string){
	{"System", "EventID"}:                   func(e *Entry, s string) { e.ID = number[uint16](s) },
	{"System", "Version"}:                   func(e *Entry, s string) { e.Version = number[uint8](s) },
	{"System", "Level"}:                     func(e *Entry, s string) { e.Level = number[uint8](s) },
	{"System", "Task"}:                      func(e *Entry, s string) { e.Task = number[uint16](s) },
	{"System", "Opcode"}:                    func(e *Entry, s string) { e.Opcode = number[uint8](s) },
	{"System", "Keywords"}:                  func(e *Entry, s string) { e.Keyword = number[uint64](s) },
	{"RenderingInfo", "Message"}:            func(e *Entry, s string) { e.Message = s },
	{"ProcessingErrorData", "EventPayload"}: func(e *Entry, s string) { e.Payload, _ = hex.DecodeString(s) },
	{"ExtendedTracingInfo", "EventGuid"}:    func(e *Entry, s string) { e.Class = guid(s) },
}

// end takes the text of the element that ends.
func (p *xmlParser) end(e *Entry, text string) {
	n := len(p.path)
	if n < 2 {
		return
	}
	if p.path[n-1] == "Data" {
		if len(e.Fields) > 0 {
			e.Fields[len(e.Fields)-1].Value = text
		}
		return
	}
	if take := elements[[2]string{p.path[n-2], p.path[n-1]}]; take != nil {
		take(e, strings.TrimSpace(text))
	}
}

// guid reads a GUID; zero if it is none.
func guid(s string) etl.GUID {
	g, _ := etl.ParseGUID(s)
	return g
}

// number reads a number that a field has room for; 0 if it is none.
func number[T uint8 | uint16 | uint32 | uint64](s string) T {
	n, ok := parseNumber(s)
	if !ok || uint64(T(n)) != n {
		return 0
	}
	return T(n)
}

// parseTime reads the time of an event; 0 if it is none. The zone that newer tools write is a minute short of
// the real one (+01:59), and every zone is at a quarter of an hour.
func parseTime(s string) etl.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0
	}
	const quarter = 15 * 60
	_, zone := t.Zone()
	nearest := int(math.Round(float64(zone)/quarter)) * quarter
	return max(etl.FromTime(t.Add(time.Duration(zone-nearest)*time.Second)), 0)
}
