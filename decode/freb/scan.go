package freb

import (
	"bytes"
	"errors"
	"io"
	"unicode"
	"unicode/utf8"
)

// A token is a piece of XML. Comments and processing instructions are none.
type token uint8

const (
	atEnd      token = iota // nothing is left, or reading failed
	startTag                // <name ...>
	endTag                  // </name>
	text                    // characters up to the next tag, or as many as the window holds
	broken                  // no XML; the scanner has moved on by a byte or more
	doctypeTag              // a document type declaration, skipped
)

const (
	window    = 32 << 10  // bytes that are read at once
	maxTag    = 256 << 10 // a tag longer than this is no tag
	maxEntity = 12        // bytes of the longest reference that means something: &#x0010FFFF;
)

// A scanner cuts XML into tokens. It holds no more than a window, or one tag.
//
// encoding/xml would do, at a sixth of the speed and with a stack that grows with the depth of the file.
type scanner struct {
	r    io.Reader
	buf  []byte // the window; buf[pos:] is unread
	pos  int
	base int64 // offset of buf[0]
	err  error // of r, io.EOF included

	at       int64  // offset of the token
	name     []byte // of a tag, without prefix
	raw      []byte // of a tag: what follows the name; of text: all of it. Both alias the window until the next token
	empty    bool   // of a start tag: <name/>
	verbatim bool   // of text: CDATA, in which & is just a character
	fault    string // of a broken token: what is wrong
	inCDATA  bool
}

// newScanner returns a scanner whose first byte has that offset.
func newScanner(r io.Reader, offset int64) *scanner {
	return &scanner{r: r, buf: make([]byte, 0, window), base: offset}
}

// fill reads more behind buf, keeping what is unread, and reports whether there is more.
func (s *scanner) fill() bool {
	if s.err != nil {
		return false
	}
	if s.pos > 0 {
		s.base += int64(s.pos)
		s.buf = s.buf[:copy(s.buf, s.buf[s.pos:])]
		s.pos = 0
	}
	if len(s.buf) == cap(s.buf) {
		s.buf = append(make([]byte, 0, 2*cap(s.buf)), s.buf...)
	}
	for range 100 {
		n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		s.err = err
		if n > 0 || err != nil {
			return n > 0
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// failure returns the error that ended reading, or nil where the input just ended.
func (s *scanner) failure() error {
	if errors.Is(s.err, io.EOF) {
		return nil
	}
	return s.err
}

// offset returns where the next token begins.
func (s *scanner) offset() int64 { return s.base + int64(s.pos) }

// next moves to the next token.
func (s *scanner) next() token {
	for {
		s.at = s.offset()
		if s.pos == len(s.buf) && !s.fill() {
			return atEnd
		}
		if s.inCDATA {
			if s.cdata() {
				return text
			}
			continue
		}
		if s.buf[s.pos] != '<' {
			s.text()
			return text
		}
		for len(s.buf)-s.pos < len("<![CDATA[") && s.fill() {
		}
		switch b := s.buf[s.pos:]; {
		case bytes.HasPrefix(b, []byte("<?")):
			s.skipPast("?>")
		case bytes.HasPrefix(b, []byte("<!--")):
			s.skipPast("-->")
		case bytes.HasPrefix(b, []byte("<![CDATA[")):
			s.pos += len("<![CDATA[")
			s.inCDATA = true
		case bytes.HasPrefix(b, []byte("<!DOCTYPE")):
			s.skipDoctype()
			return doctypeTag
		default:
			return s.tag()
		}
	}
}

// text takes characters up to the next tag. What may go on behind the window, a reference or the
// first half of CR LF, is left for the next token.
func (s *scanner) text() {
	s.verbatim = false
	for {
		b := s.buf[s.pos:]
		n := bytes.IndexByte(b, '<')
		if n < 0 {
			n = len(b)
			tail := b[max(0, n-maxEntity):]
			if i := bytes.LastIndexByte(tail, '&'); i >= 0 && bytes.IndexByte(tail[i:], ';') < 0 {
				n -= len(tail) - i
			} else if b[n-1] == '\r' {
				n--
			}
			if n == 0 {
				if s.fill() {
					continue
				}
				n = len(s.buf) - s.pos
			}
		}
		s.raw = s.buf[s.pos : s.pos+n]
		s.pos += n
		return
	}
}

// cdata takes characters of a CDATA section and reports whether there are any.
func (s *scanner) cdata() bool {
	s.verbatim = true
	for len(s.buf)-s.pos < len("]]>") && s.fill() {
	}
	b := s.buf[s.pos:]
	n := bytes.Index(b, []byte("]]>"))
	switch {
	case n == 0:
		s.pos += len("]]>")
		s.inCDATA = false
		return false
	case n < 0 && len(b) < len("]]>"): // the input ends
		n = len(b)
	case n < 0:
		n = len(b) - 2 // of the three, two may be there
	}
	s.raw = b[:n]
	s.pos += n
	return true
}

// skipPast skips what ends with mark, or everything.
func (s *scanner) skipPast(mark string) {
	for {
		if i := bytes.Index(s.buf[s.pos:], []byte(mark)); i >= 0 {
			s.pos += i + len(mark)
			return
		}
		s.pos = max(s.pos, len(s.buf)-len(mark)+1)
		if !s.fill() {
			s.pos = len(s.buf)
			return
		}
	}
}

// skipDoctype skips a document type declaration with all that it declares.
func (s *scanner) skipDoctype() {
	depth := 0
	var quote byte
	for {
		if s.pos == len(s.buf) && !s.fill() {
			return
		}
		c := s.buf[s.pos]
		s.pos++
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '[' || c == '<':
			depth++
		case c == ']':
			depth--
		case c == '>':
			if depth--; depth <= 0 {
				return
			}
		}
	}
}

// tag takes a start or end tag.
func (s *scanner) tag() token {
	var quote byte
	s.name, s.raw = nil, nil
	n := 1 // bytes of the tag seen
	for {
		if len(s.buf)-s.pos <= n {
			if n >= maxTag {
				return s.breakOff(1, "a tag without end")
			}
			if !s.fill() {
				s.split(s.buf[s.pos+1 : s.pos+n])
				return s.breakOff(n, "the input ends inside a tag")
			}
		}
		b := s.buf[s.pos:]
		switch c := b[n]; {
		case c == '<':
			s.split(b[1:n])
			return s.breakOff(n, "'<' inside a tag")
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return s.take(b[1:n])
		}
		n++
	}
}

// breakOff gives up n bytes.
func (s *scanner) breakOff(n int, fault string) token {
	s.pos = min(s.pos+n, len(s.buf))
	s.fault = fault
	return broken
}

// take makes a token of what stands between < and >.
func (s *scanner) take(b []byte) token {
	s.pos += len(b) + 2
	kind := startTag
	s.empty = false
	if n := len(b); n > 0 && b[0] == '/' {
		kind, b = endTag, b[1:]
	} else if n > 0 && b[n-1] == '/' {
		s.empty, b = true, b[:n-1]
	}
	s.split(b)
	if len(s.name) == 0 {
		s.fault = "a tag without name"
		return broken
	}
	return kind
}

// split parts the name of a tag from its attributes.
func (s *scanner) split(b []byte) {
	n := 0
	for n < len(b) && !space(b[n]) {
		n++
	}
	s.name, s.raw = local(b[:n]), b[n:]
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// local cuts the prefix off a name. Whether the prefix is declared does not matter.
func local(name []byte) []byte {
	return name[bytes.IndexByte(name, ':')+1:]
}

// attributes calls f with each attribute of a start tag: its local name and its value, references unresolved.
func attributes(b []byte, f func(name, value []byte)) {
	for {
		eq := bytes.IndexByte(b, '=')
		if eq < 0 {
			return
		}
		name := local(bytes.TrimSpace(b[:eq]))
		b = bytes.TrimLeft(b[eq+1:], " \t\r\n")
		if len(b) == 0 || b[0] != '"' && b[0] != '\'' {
			continue
		}
		end := bytes.IndexByte(b[1:], b[0])
		if end < 0 {
			return
		}
		f(name, b[1:1+end])
		b = b[end+2:]
	}
}

// attribute returns one attribute of a start tag, or nil.
func attribute(b []byte, name string) (value []byte) {
	attributes(b, func(n, v []byte) {
		if string(n) == name && value == nil {
			value = v
		}
	})
	return value
}

// entities are the five references that XML has without a declaration. There are no others: what a
// document type declares is not looked at.
var entities = map[string]byte{"lt": '<', "gt": '>', "amp": '&', "quot": '"', "apos": '\''}

// appendText appends characters of the file: references resolved, CR LF as LF. A reference that means
// nothing is kept as it is written, and makes known false.
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
		end := max(bytes.IndexByte(b[:min(len(b), maxEntity)], ';'), 1)
		ref := b[1:end]
		if c, ok := entities[string(ref)]; ok {
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
func character(ref []byte) (rune, bool) {
	if len(ref) < 2 || ref[0] != '#' {
		return 0, false
	}
	base, digits := rune(10), ref[1:]
	if digits[0] == 'x' {
		base, digits = 16, digits[1:]
	}
	if len(digits) == 0 {
		return 0, false
	}
	var r rune
	for _, c := range digits {
		var d rune
		switch {
		case '0' <= c && c <= '9':
			d = rune(c - '0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			d = rune(c|0x20-'a') + 10
		default:
			return 0, false
		}
		if d >= base {
			return 0, false
		}
		if r = r*base + d; r > unicode.MaxRune {
			return 0, false
		}
	}
	return r, r != 0
}
