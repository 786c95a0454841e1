// Package xmlscan cuts XML into tokens, however damaged it is.
//
//	<Data Name="Modul&#x65;">a &lt; b</Data>  <![CDATA[a < b]]>  <!-- no token -->  <Data Na<Data>
//	└ StartTag               └ Text   └ EndTag └ Text: Verbatim                     └ Broken └ StartTag
//	 └ Name
//	     └ Raw: Attributes
//
// Files come cut off, overwritten in the middle, or made to do harm. A tag that is none is one [Broken] token of a byte or
// more, and the next begins behind it; whether to go on is up to the caller. Nothing is expanded: there are the five
// references of XML itself and those to characters, see [AppendText], and what a document type declares is skipped with
// it. Whether tags pair up is not looked at, so no depth of elements costs anything: those who keep a stack bound it.
//
// The text must be UTF-8, or at least a superset of ASCII, see package charset; invalid bytes are passed on as they are.
// Prefixes of names are left on them, and whether they are declared does not matter, see [Local].
//
// encoding/xml would do, at a sixth of the speed, with a stack as deep as the file, up to the first damage, and with every
// value made a string, the secret ones too.
package xmlscan

import (
	"bytes"
	"io"
	"math"
)

// A Token is a piece of XML. Comments and processing instructions are none.
type Token uint8

const (
	AtEnd    Token = iota // nothing is left, or reading failed; a comment or declaration that the input cuts off is nothing
	StartTag              // <name ...>
	EndTag                // </name>
	Text                  // characters up to the next tag, or as many as are in memory
	Broken                // no XML, see Fault
	Doctype               // a document type declaration, skipped
)

// A Fault is what is wrong with a Broken token.
type Fault uint8

const (
	CutOff   Fault = iota + 1 // the input ends inside of it
	NoEnd                     // it is longer than a tag may be
	TagInTag                  // another tag begins inside of it
	NoName                    // it has no name
)

var faults = [...]string{
	CutOff: "the input ends inside a tag", NoEnd: "a tag without end", TagInTag: "'<' inside a tag", NoName: "a tag without name",
}

// String describes it.
func (f Fault) String() string { return faults[f] }

// window is how much is read at once.
const window = 32 << 10

// A Scanner cuts a text into tokens. The exported fields tell of the current one: slices alias memory that the next
// call of Next uses again, or the text of [NewBytes].
type Scanner struct {
	Offset   int64  // of its first byte; at the end, of what would come
	Name     []byte // of a tag, with prefix
	Raw      []byte // of a tag: what follows the name; of Text: all of it
	Empty    bool   // of a StartTag: <name/>
	Verbatim bool   // of Text: CDATA, in which & is just a character
	Fault    Fault  // of Broken, which has Name and Raw as far as they go

	r      io.Reader
	buf    []byte // the window, or the text; buf[pos:] is unread
	pos    int
	base   int64 // offset of buf[0]
	err    error // of r, io.EOF included
	maxTag int

	rawAt   int64 // offset of a tag's Raw
	inCDATA bool
	counted int // in buf: up to there line breaks are counted
	breaks  int
	line    int // of a Doctype, which may have left the window
}

// NewReader returns a Scanner of r, whose first byte has the given offset. A tag of more than maxTag bytes is Broken. The
// Scanner holds a window of 32 KB, or up to twice maxTag for a tag.
func NewReader(r io.Reader, offset int64, maxTag int) *Scanner {
	return &Scanner{r: r, buf: make([]byte, 0, window), base: offset, Offset: offset, maxTag: max(maxTag, len("<a>"))}
}

// NewBytes returns a Scanner of a text that is in memory. What the tokens hold stays valid, and tags may be of any length.
func NewBytes(text []byte) *Scanner {
	return &Scanner{buf: text, err: io.EOF, maxTag: math.MaxInt}
}

// Err returns the error that ended reading, or nil where the input just ended.
func (s *Scanner) Err() error {
	if s.err == io.EOF {
		return nil
	}
	return s.err
}

// Line returns the line, from 1, of a byte of the current token. It counts from where it was asked before.
func (s *Scanner) Line(offset int64) int {
	if offset < s.base {
		return s.line
	}
	at := int(min(offset-s.base, int64(len(s.buf))))
	if at >= s.counted {
		s.breaks += bytes.Count(s.buf[s.counted:at], lineBreak)
	} else {
		s.breaks -= bytes.Count(s.buf[at:s.counted], lineBreak)
	}
	s.counted = at
	return s.breaks + 1
}

var lineBreak = []byte{'\n'}

// fill reads more behind buf, keeping what is unread, and reports whether there is more.
func (s *Scanner) fill() bool {
	if s.err != nil {
		return false
	}
	if s.pos > 0 {
		s.Line(s.base + int64(s.pos))
		s.counted = 0
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

// Next moves to the next token.
func (s *Scanner) Next() Token {
	for {
		s.Offset = s.base + int64(s.pos)
		if s.pos == len(s.buf) && !s.fill() {
			return AtEnd
		}
		if s.inCDATA {
			if s.cdata() {
				return Text
			}
			continue
		}
		if s.buf[s.pos] != '<' {
			s.text()
			return Text
		}
		for len(s.buf)-s.pos < len("<![CDATA[") && s.fill() {
		}
		b := s.buf[s.pos:]
		if len(b) < 2 || b[1] != '!' && b[1] != '?' {
			return s.tag()
		}
		switch {
		case b[1] == '?':
			s.skipPast("?>")
		case bytes.HasPrefix(b, []byte("<!--")):
			s.pos += len("<!--") // <!--> is none yet
			s.skipPast("-->")
		case bytes.HasPrefix(b, []byte("<![CDATA[")):
			s.pos += len("<![CDATA[")
			s.inCDATA = true
		case bytes.HasPrefix(b, []byte("<!DOCTYPE")):
			s.line = s.Line(s.Offset)
			if s.skipDoctype() {
				return Doctype
			}
		default:
			return s.tag()
		}
	}
}

// text takes characters up to the next tag. What may go on behind the window, a reference or the first half of CR LF, is
// left for the next token.
func (s *Scanner) text() {
	s.Verbatim = false
	for {
		b := s.buf[s.pos:]
		n := bytes.IndexByte(b, '<')
		if n < 0 {
			n = len(b)
			tail := b[max(0, n-maxReference):]
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
		s.Raw = s.buf[s.pos : s.pos+n]
		s.pos += n
		return
	}
}

// cdata takes characters of a CDATA section and reports whether there are any.
func (s *Scanner) cdata() bool {
	s.Verbatim = true
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
	s.Raw = b[:n]
	s.pos += n
	return true
}

// skipPast skips what ends with mark, or everything.
func (s *Scanner) skipPast(mark string) {
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

// skipDoctype skips a document type declaration with all that it declares, and reports whether it has an end.
func (s *Scanner) skipDoctype() bool {
	depth := 0
	var quote byte
	for {
		if s.pos == len(s.buf) && !s.fill() {
			return false
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
				return true
			}
		}
	}
}

// tag takes a start or end tag.
func (s *Scanner) tag() Token {
	var quote byte
	name := 0 // where the name ends; 0 = not yet known
	for n := 1; ; {
		b := s.buf[s.pos:]
		b = b[:min(len(b), s.maxTag)]
		for i, c := range b[n:] {
			switch {
			case !marks[c]:
			case blank(c):
				if name == 0 {
					name = n + i
				}
			case c == '<':
				return s.breakOff(n+i, name, TagInTag)
			case c == quote:
				quote = 0
			case quote != 0:
			case c == '>':
				return s.take(n+i, name)
			default:
				quote = c
			}
		}
		if n = len(b); n == s.maxTag {
			return s.breakOff(1, 1, NoEnd)
		}
		if !s.fill() {
			return s.breakOff(n, name, CutOff)
		}
	}
}

// marks are the characters that make the form of a tag.
var marks = [256]bool{'<': true, '>': true, '"': true, '\'': true, ' ': true, '\t': true, '\n': true, '\r': true}

// breakOff gives up n bytes. The name ends at name, or with them.
func (s *Scanner) breakOff(n, name int, fault Fault) Token {
	s.Fault = fault
	s.split(1, name, n)
	s.pos += n
	return Broken
}

// take makes a token of a tag whose > is at n and whose name ends at name, or with the tag.
func (s *Scanner) take(n, name int) Token {
	kind, from, to := StartTag, 1, n
	s.Empty = false
	if s.buf[s.pos+1] == '/' {
		kind, from = EndTag, 2
	} else if s.buf[s.pos+n-1] == '/' {
		s.Empty = true
		to--
	}
	s.split(from, name, to)
	s.pos += n + 1
	if len(s.Name) == 0 {
		s.Fault = NoName
		return Broken
	}
	return kind
}

// split parts the name of the tag, which begins at from, from what follows it.
func (s *Scanner) split(from, name, to int) {
	if name == 0 {
		name = to
	}
	b := s.buf[s.pos : s.pos+to]
	s.Name, s.Raw, s.rawAt = b[from:name], b[name:], s.Offset+int64(name)
}

// blank reports whether c parts names and values: the white space of XML.
func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
