package eventlog

import (
	"bytes"
	"io"
	"strconv"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
)

const (
	readSize = 64 << 10
	maxEvent = 1 << 20 // bytes of an event; the event log itself takes 64 KB
)

// entities are the references that XML has without a declaration. What a document type declares is not looked at.
var entities = map[string]byte{"lt": '<', "gt": '>', "amp": '&', "quot": '"', "apos": '\''}

// utf8Reader returns r as UTF-8, if head shows it to be UTF-16.
func utf8Reader(r io.Reader, head []byte) io.Reader {
	if len(head) < 2 {
		return r
	}
	endian := unicode.LittleEndian
	switch {
	case head[0] == 0xFF && head[1] == 0xFE, head[0] != 0 && head[1] == 0:
	case head[0] == 0xFE && head[1] == 0xFF, head[0] == 0 && head[1] != 0:
		endian = unicode.BigEndian
	default:
		return r
	}
	return unicode.UTF16(endian, unicode.UseBOM).NewDecoder().Reader(r)
}

// readXML reads event after event. Each is cut out of the file first, so that damage costs that event alone.
func (r *Reader) readXML(yield func(*Entry, error) bool) error {
	var head [2]byte
	n, err := r.r.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return err
	}
	s := &splitter{r: utf8Reader(io.NewSectionReader(r.r, 0, r.size), head[:n])}
	for {
		event, offset, end := s.next()
		switch end {
		case noEvent:
			return s.failure()
		case longEnd:
			r.note(LongEvent, offset, "events are longer than %d bytes; read up to there", maxEvent)
		case openEnd:
			r.note(OpenEvent, offset, "events have no end: the file is cut off, or damaged")
		}
		r.build.begin(offset)
		ok := parseXML(event, &r.build)
		b := &r.build
		if end == closedEnd && !b.unwanted && (!ok || b.depth != 0) || b.empty() {
			r.note(BadXML, offset, "events are damaged and read in part")
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
		s.pos += i
		if ok {
			break
		}
		if !s.fill() {
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

// parseXML tells the builder what stands in b. It returns false if it is damaged.
func parseXML(b []byte, build *builder) bool {
	sound := true
	var scratch []byte
	for len(b) > 0 && !build.unwanted {
		i := bytes.IndexByte(b, '<')
		if i < 0 {
			i = len(b)
		}
		if i > 0 && build.leaf != "" {
			var known bool
			scratch, known = appendText(scratch[:0], b[:i])
			sound = sound && known
			build.text(scratch)
		}
		if b = b[i:]; len(b) == 0 {
			break
		}
		n := 0
		switch {
		case bytes.HasPrefix(b, []byte("<!--")):
			n = past(b, "-->")
		case bytes.HasPrefix(b, []byte("<?")):
			n = past(b, "?>")
		case bytes.HasPrefix(b, []byte("<![CDATA[")):
			if n = past(b, "]]>"); n > 0 {
				build.text(b[len("<![CDATA[") : n-len("]]>")])
			}
		default:
			n = tagLength(b)
			if n > 0 {
				tag(b[1:n-1], build, &scratch)
			}
		}
		if n <= 0 {
			return false
		}
		b = b[n:]
	}
	return sound
}

// past returns how many bytes there are up to the end of mark; 0 if it does not come.
func past(b []byte, mark string) int {
	if i := bytes.Index(b, []byte(mark)); i >= 0 {
		return i + len(mark)
	}
	return 0
}

// tagLength returns the length of the tag at the start of b; 0 if it has no end.
func tagLength(b []byte) int {
	var quote byte
	for i, c := range b {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i + 1
		case c == '<' && i > 0:
			return 0
		}
	}
	return 0
}

// tag takes what stands between < and >.
func tag(b []byte, build *builder, scratch *[]byte) {
	if len(b) > 0 && b[0] == '/' {
		build.end()
		return
	}
	empty := len(b) > 0 && b[len(b)-1] == '/'
	if empty {
		b = b[:len(b)-1]
	}
	n := 0
	for n < len(b) && !space(b[n]) {
		n++
	}
	build.open(build.intern(local(b[:n])))
	for b = b[n:]; ; {
		eq := bytes.IndexByte(b, '=')
		if eq < 0 {
			break
		}
		name := trim(b[:eq])
		b = b[eq+1:]
		for len(b) > 0 && space(b[0]) {
			b = b[1:]
		}
		if len(b) == 0 || b[0] != '"' && b[0] != '\'' {
			continue
		}
		end := bytes.IndexByte(b[1:], b[0])
		if end < 0 {
			break
		}
		*scratch, _ = appendText((*scratch)[:0], b[1:1+end])
		build.attribute(build.intern(name), *scratch)
		b = b[end+2:]
	}
	if empty {
		build.end()
	}
}

// local cuts the prefix off a name.
func local(name []byte) []byte { return name[bytes.IndexByte(name, ':')+1:] }

// appendText appends characters of the file: references resolved, CR LF as LF. A reference that means nothing is
// kept as it is written, and makes known false.
func appendText(dst, b []byte) (_ []byte, known bool) {
	known = true
	for {
		i := bytes.IndexAny(b, "&\r")
		if i < 0 {
			return append(dst, b...), known
		}
		dst = append(dst, b[:i]...)
		b = b[i:]
		if b[0] == '\r' {
			if len(b) == 1 || b[1] != '\n' {
				dst = append(dst, '\n')
			}
			b = b[1:]
			continue
		}
		end := max(bytes.IndexByte(b[:min(len(b), len("&#x0010FFFF;"))], ';'), 1)
		ref := string(b[1:end])
		if c, ok := entities[ref]; ok {
			dst = append(dst, c)
		} else if r, ok := character(ref); ok {
			dst = utf8.AppendRune(dst, r)
		} else {
			dst, b, known = append(dst, '&'), b[1:], false
			continue
		}
		b = b[end+1:]
	}
}

// character reads the number of a character reference: #13, #xD.
func character(ref string) (rune, bool) {
	if len(ref) < 2 || ref[0] != '#' {
		return 0, false
	}
	digits, base := ref[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	return rune(n), err == nil && n > 0 && n <= utf8.MaxRune
}
