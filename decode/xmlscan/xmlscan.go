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
}

// NewReader returns a Scanner of r, whose first byte has the given offset. A tag of more than maxTag bytes is Broken. The
// Scanner holds a window of 32 KB, or up to twice maxTag to hold a tag.
func NewReader(r io.Reader, offset int64, maxTag int) *Scanner {
	return &Scanner{r: r, buf: make([]byte, 0, window), base: offset, Offset: offset, maxTag: maxTag}
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
	at := int(min(max(offset-s.base, 0), int64(len(s.buf))))
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
	s.Name, s.Raw = nil, nil
	for n := 1; ; {
		b := s.buf[s.pos:]
		for limit := min(len(b), s.maxTag); n < limit; n++ {
			switch c := b[n]; {
			case c == '<':
				s.split(b[1:n], s.Offset+1)
				return s.breakOff(n, TagInTag)
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '"' || c == '\'':
				quote = c
			case c == '>':
				return s.take(b[1:n])
			}
		}
		if n >= s.maxTag {
			return s.breakOff(1, NoEnd)
		}
		if !s.fill() {
			s.split(s.buf[s.pos+1:], s.Offset+1)
			return s.breakOff(n, CutOff)
		}
	}
}

// breakOff gives up n bytes.
func (s *Scanner) breakOff(n int, fault Fault) Token {
	s.pos += n
	s.Fault = fault
	return Broken
}

// take makes a token of what stands between < and >.
func (s *Scanner) take(b []byte) Token {
	s.pos += len(b) + 2
	kind := StartTag
	s.Empty = false
	at := s.Offset + 1
	if n := len(b); n > 0 && b[0] == '/' {
		kind, b = EndTag, b[1:]
		at++
	} else if n > 0 && b[n-1] == '/' {
		s.Empty, b = true, b[:n-1]
	}
	s.split(b, at)
	if len(s.Name) == 0 {
		s.Fault = NoName
		return Broken
	}
	return kind
}

// split parts the name of a tag from what follows it. at is the offset of b.
func (s *Scanner) split(b []byte, at int64) {
	n := 0
	for n < len(b) && !blank(b[n]) {
		n++
	}
	s.Name, s.Raw, s.rawAt = b[:n], b[n:], at+int64(n)
}

// blank reports whether c parts names and values: the white space of XML.
func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
