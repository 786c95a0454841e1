package iisconfig

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// A token is a piece of XML that matters here. Characters, comments and processing instructions do not.
type token uint8

const (
	startTag token = iota
	endTag
	doctypeTag
	atEnd  // nothing is left
	cutOff // the input ends inside of something
	broken // no XML
)

// A scanner cuts XML into tags. The attributes of a tag alias the data.
//
// encoding/xml would do, if it told the lines of attributes and did not turn every password into a string.
type scanner struct {
	data []byte
	pos  int
	line int // of data[pos]

	at    int // offset of the token
	start int // line of the token
	name  []byte
	attrs []attr // of a start tag
	more  bool   // it had more than maxAttrs
	empty bool   // <name/>
	text  bool   // characters other than blanks were skipped in front of the token
}

// An attr is an attribute, its value as written.
type attr struct {
	name, raw []byte
	line      int
}

// advance moves to offset to.
func (s *scanner) advance(to int) {
	s.line += bytes.Count(s.data[s.pos:to], []byte{'\n'})
	s.pos = to
}

// past moves behind mark and reports whether there is one.
func (s *scanner) past(mark string) bool {
	i := bytes.Index(s.data[s.pos:], []byte(mark))
	if i < 0 {
		s.advance(len(s.data))
		return false
	}
	s.advance(s.pos + i + len(mark))
	return true
}

// next moves to the next token.
func (s *scanner) next() token {
	s.text = false
	for {
		n := bytes.IndexByte(s.data[s.pos:], '<')
		if n < 0 {
			n = len(s.data) - s.pos
		}
		s.text = s.text || len(bytes.TrimSpace(s.data[s.pos:s.pos+n])) > 0
		s.advance(s.pos + n)
		s.at, s.start = s.pos, s.line
		rest := s.data[s.pos:]
		ok := true
		switch {
		case len(rest) == 0:
			return atEnd
		case bytes.HasPrefix(rest, []byte("<?")):
			ok = s.past("?>")
		case bytes.HasPrefix(rest, []byte("<!--")):
			s.pos += len("<!--")
			ok = s.past("-->")
		case bytes.HasPrefix(rest, []byte("<![CDATA[")):
			s.text = true
			ok = s.past("]]>")
		case bytes.HasPrefix(rest, []byte("<!DOCTYPE")):
			if !s.doctype() {
				return cutOff
			}
			return doctypeTag
		default:
			return s.tag()
		}
		if !ok {
			return cutOff
		}
	}
}

// doctype skips a document type declaration with all that it declares.
func (s *scanner) doctype() bool {
	depth := 0
	var quote byte
	for i := s.pos; i < len(s.data); i++ {
		switch c := s.data[i]; {
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
				s.advance(i + 1)
				return true
			}
		}
	}
	s.advance(len(s.data))
	return false
}

// tag takes a start or end tag.
func (s *scanner) tag() token {
	s.attrs, s.more, s.empty = s.attrs[:0], false, false
	s.pos++
	kind := startTag
	if s.peek() == '/' {
		kind = endTag
		s.pos++
	}
	if s.name = s.word(); len(s.name) == 0 {
		return s.fail()
	}
	for {
		blank := s.blanks()
		switch c := s.peek(); {
		case c == '>':
			s.pos++
			return kind
		case c == '/' && kind == startTag:
			s.pos++
			if s.peek() != '>' {
				return s.fail()
			}
			s.pos++
			s.empty = true
			return kind
		case kind == endTag || !blank || !s.attribute():
			return s.fail()
		}
	}
}

// fail tells a tag that is no tag from one that the input cuts off.
func (s *scanner) fail() token {
	if s.pos == len(s.data) {
		return cutOff
	}
	return broken
}

// attribute takes one attribute.
func (s *scanner) attribute() bool {
	a := attr{line: s.line, name: s.word()}
	s.blanks()
	if len(a.name) == 0 || s.peek() != '=' {
		return false
	}
	s.pos++
	s.blanks()
	quote := s.peek()
	if quote != '"' && quote != '\'' {
		return false
	}
	s.pos++
	n := bytes.IndexByte(s.data[s.pos:], quote)
	if n < 0 {
		n = len(s.data) - s.pos
	}
	a.raw = s.data[s.pos : s.pos+n]
	if lt := bytes.IndexByte(a.raw, '<'); lt >= 0 {
		s.advance(s.pos + lt)
		return false
	}
	s.advance(s.pos + n)
	if s.pos == len(s.data) {
		return false
	}
	s.pos++
	if s.more = s.more || len(s.attrs) == maxAttrs; !s.more {
		s.attrs = append(s.attrs, a)
	}
	return true
}

// peek returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.pos == len(s.data) {
		return 0
	}
	return s.data[s.pos]
}

// blanks skips blanks and reports whether there are any.
func (s *scanner) blanks() bool {
	start := s.pos
	for s.pos < len(s.data) && space(s.data[s.pos]) {
		if s.data[s.pos] == '\n' {
			s.line++
		}
		s.pos++
	}
	return s.pos > start
}

// word takes a name.
func (s *scanner) word() []byte {
	start := s.pos
	for s.pos < len(s.data) && !space(s.data[s.pos]) && bytes.IndexByte([]byte(`<>/="'`), s.data[s.pos]) < 0 {
		s.pos++
	}
	return s.data[start:s.pos]
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// find returns an attribute of the start tag, or the zero attr.
func (s *scanner) find(name string) attr {
	for _, a := range s.attrs {
		if string(a.name) == name {
			return a
		}
	}
	return attr{}
}

// entities are the five references that XML has without a declaration. There are no others: what a document type
// declares is not looked at.
var entities = map[string]rune{"lt": '<', "gt": '>', "amp": '&', "quot": '"', "apos": '\''}

const maxEntity = 12 // bytes of the longest reference that means something: &#x0010FFFF;

// plain returns a value with its references resolved. It does not alias raw.
func plain(raw []byte) (_ string, known bool) {
	if bytes.IndexByte(raw, '&') < 0 {
		return string(bytes.ToValidUTF8(raw, []byte("\ufffd"))), true
	}
	var b []byte
	for {
		i := bytes.IndexByte(raw, '&')
		if i < 0 {
			return string(bytes.ToValidUTF8(append(b, raw...), []byte("\ufffd"))), true
		}
		b, raw = append(b, raw[:i]...), raw[i+1:]
		end := bytes.IndexByte(raw[:min(len(raw), maxEntity)], ';')
		if end < 0 {
			return "", false
		}
		r, ok := reference(string(raw[:end]))
		if !ok {
			return "", false
		}
		b, raw = utf8.AppendRune(b, r), raw[end+1:]
	}
}

// reference resolves what stands between & and ;.
func reference(ref string) (rune, bool) {
	if r, ok := entities[ref]; ok {
		return r, true
	}
	if len(ref) < 2 || ref[0] != '#' {
		return 0, false
	}
	digits, radix := ref[1:], rune(10)
	if digits[0] == 'x' {
		digits, radix = digits[1:], 16
	}
	var r rune
	for _, c := range digits {
		var d rune
		switch {
		case '0' <= c && c <= '9':
			d = c - '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			d = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		if d >= radix {
			return 0, false
		}
		if r = r*radix + d; r > unicode.MaxRune {
			return 0, false
		}
	}
	return r, r != 0
}
