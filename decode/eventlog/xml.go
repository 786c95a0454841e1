package eventlog

import (
	"bytes"
	"io"

	"github.com/etwhy/etwhy/decode/charset"
	"github.com/etwhy/etwhy/decode/xmlscan"
)

const (
	readSize = 64 << 10
	maxEvent = 1 << 20 // bytes of an event; the event log itself takes 64 KB
)

// readXML reads event after event. Each is cut out of the file before it is read as XML, so that damage costs that event
// alone: behind a comment or a quote without end the next event is one all the same.
func (r *Reader) readXML(yield func(*Entry, error) bool) error {
	text, mark := charset.NewReader(io.NewSectionReader(r.r, 0, r.size))
	s := &splitter{r: text, base: mark}
	whole := false // the event before has its end
	for {
		event, offset, end := s.next()
		switch end {
		case noEvent:
			if s.err == io.EOF && whole && s.around.Open() {
				r.note(CutFile, s.base+int64(len(s.buf)), "the file is cut off behind an event")
			}
			return s.failure()
		case longEnd:
			r.note(LongEvent, offset, "the event is longer than %d bytes; read up to there", maxEvent)
		case openEnd:
			r.note(OpenEvent, offset, "the event has no end: the file is cut off, or damaged")
		}
		whole = end == closedEnd
		r.build.begin(offset)
		ok := parseXML(event, &r.build)
		b := &r.build
		if end == closedEnd && !b.unwanted && (!ok || b.depth != 0) || b.empty() {
			r.note(BadXML, offset, "the event is damaged and read in part")
		}
		if b.empty() {
			continue
		}
		if !r.emit(yield) {
			return nil
		}
	}
}

// An ending is how an event ends.
type ending uint8

const (
	noEvent ending = iota
	closedEnd
	openEnd // the input, or the next event
	longEnd // maxEvent
)

// A splitter cuts a text into <Event> elements. It holds no more than one.
type splitter struct {
	r    io.Reader
	buf  []byte
	pos  int // buf[pos:] is to come
	base int64
	err  error

	around xmlscan.Around
}

// failure returns the error that ended reading, or nil where the input just ended.
func (s *splitter) failure() error {
	if s.err == io.EOF {
		return nil
	}
	return s.err
}

// fill reads more behind buf and reports whether there is more. It moves buf[pos:] to the front.
func (s *splitter) fill() bool {
	if s.err != nil {
		return false
	}
	s.base += int64(s.pos)
	s.buf = append(s.buf[:0], s.buf[s.pos:]...)
	s.pos = 0
	n := len(s.buf)
	s.buf = append(s.buf, make([]byte, readSize)...)
	more, err := io.ReadFull(s.r, s.buf[n:])
	s.buf = s.buf[:n+more]
	if s.err = err; err == io.ErrUnexpectedEOF {
		s.err = io.EOF
	}
	return more > 0
}

// next returns the next event, with its tags as far as they are there. It is valid until the next call.
func (s *splitter) next() (event []byte, offset int64, end ending) {
	for {
		i, ok := element(s.buf[s.pos:], "<Event")
		s.around.Pass(s.buf[s.pos : s.pos+i])
		s.pos += i
		if ok {
			s.around.Begin()
			break
		}
		if !s.fill() {
			s.around.Pass(s.buf[s.pos:])
			return nil, 0, noEvent
		}
	}
	from := 1
	for {
		b := s.buf[s.pos:]
		limit := min(len(b), maxEvent)
		stop, closed := element(b[from:limit], "</Event")
		stop += from
		if other, ok := element(b[from:stop], "<Event"); ok {
			stop, end = other+from, openEnd
		} else if gt := bytes.IndexByte(b[stop:], '>'); closed && gt >= 0 {
			stop, end = stop+gt+1, closedEnd
		} else if limit == maxEvent {
			stop, end = limit, longEnd
		} else {
			from = max(1, stop)
			if s.fill() {
				continue
			}
			stop, end = len(s.buf)-s.pos, openEnd
		}
		event, offset = s.buf[s.pos:s.pos+stop], s.base+int64(s.pos)
		s.pos += stop
		return event, offset, end
	}
}

// element returns where a tag begins, or else from where on it may begin if more follows.
func element(b []byte, tag string) (at int, ok bool) {
	for {
		i := bytes.Index(b[at:], []byte(tag))
		if i < 0 {
			return max(at, len(b)-len(tag)), false
		}
		at += i
		end := at + len(tag)
		if end == len(b) {
			return at, false
		}
		if c := b[end]; space(c) || c == '>' || c == '/' {
			return at, true
		}
		at++
	}
}

// parseXML tells the builder what stands in an event. It returns false if that is damaged.
func parseXML(event []byte, build *builder) bool {
	s := xmlscan.NewBytes(event)
	sound := true
	var scratch []byte
	for !build.unwanted {
		switch s.Next() {
		case xmlscan.AtEnd:
			return sound
		case xmlscan.Text:
			if s.Verbatim {
				build.text(s.Raw)
			} else if build.leaf != "" {
				var known bool
				scratch, known = xmlscan.AppendText(scratch[:0], s.Raw)
				sound = sound && known
				build.text(scratch)
			}
		case xmlscan.StartTag:
			build.open(build.intern(xmlscan.Local(s.Name)))
			list := s.Attributes()
			for name, value, ok := list.Next(); ok; name, value, ok = list.Next() {
				scratch, _ = xmlscan.AppendText(scratch[:0], value)
				build.attribute(build.intern(name), scratch)
			}
			if s.Empty {
				build.end()
			}
		case xmlscan.EndTag:
			build.end()
		case xmlscan.Broken:
			return false
		}
	}
	return sound
}
