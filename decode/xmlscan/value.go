package xmlscan

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// Local cuts the prefix off a name.
func Local(name []byte) []byte { return name[bytes.IndexByte(name, ':')+1:] }

// An Attribute is one of a tag's. Name and Value are as written and alias the tag.
type Attribute struct {
	Name   []byte // with prefix
	Value  []byte // between the quotes, see [AppendText]
	Offset int64  // of the name
}

// Attributes are those of one tag, in order, as long as the tag is the current token.
type Attributes struct {
	// Sound tells whether the tag is written as XML demands it, as far as Next has come: names without strange
	// characters, values in quotes, blanks between them. What is not is passed over.
	Sound bool

	rest []byte
	at   int64 // offset of rest
}

// Attributes returns the attributes of the current token, a tag or a broken one.
func (s *Scanner) Attributes() Attributes {
	return Attributes{Sound: isName(s.Name), rest: s.Raw, at: s.rawAt}
}

// Next returns the next attribute. It reports false if there is no more.
func (a *Attributes) Next() (Attribute, bool) {
	for {
		eq := bytes.IndexByte(a.rest, '=')
		if eq < 0 {
			a.Sound = a.Sound && blanks(a.rest) == len(a.rest)
			a.rest = nil
			return Attribute{}, false
		}
		start := blanks(a.rest[:eq])
		end := eq
		for end > start && blank(a.rest[end-1]) {
			end--
		}
		found := Attribute{Name: a.rest[start:end], Offset: a.at + int64(start)}
		a.Sound = a.Sound && start > 0 && isName(found.Name)
		a.skip(eq + 1)
		a.skip(blanks(a.rest))
		if len(a.rest) == 0 || a.rest[0] != '"' && a.rest[0] != '\'' {
			a.Sound = false
			continue
		}
		n := bytes.IndexByte(a.rest[1:], a.rest[0])
		if n < 0 {
			a.Sound, a.rest = false, nil
			return Attribute{}, false
		}
		found.Value = a.rest[1 : 1+n]
		a.skip(n + 2)
		return found, true
	}
}

func (a *Attributes) skip(n int) {
	a.rest = a.rest[n:]
	a.at += int64(n)
}

// blanks returns how many there are at the start of b.
func blanks(b []byte) (n int) {
	for n < len(b) && blank(b[n]) {
		n++
	}
	return n
}

// isName reports whether b has nothing in it that ends a name. More is not asked of it.
func isName(b []byte) bool {
	for _, c := range b {
		if endsName[c] {
			return false
		}
	}
	return len(b) > 0
}

var endsName = [256]bool{' ': true, '\t': true, '\n': true, '\r': true, '<': true, '>': true, '/': true, '=': true, '"': true, '\'': true}

// entities are the references that XML has without a declaration.
var entities = map[string]rune{"lt": '<', "gt": '>', "amp": '&', "quot": '"', "apos": '\''}

// maxReference is the length of the longest reference that means something: &#x0010FFFF;
const maxReference = 12

// AppendText appends characters, or the value of an attribute, as they are meant: references resolved, CR LF as LF. A
// reference that means nothing without a declaration is kept as it is written, and makes known false.
func AppendText(dst, raw []byte) (_ []byte, known bool) {
	known = true
	for {
		i := bytes.IndexAny(raw, "&\r")
		if i < 0 {
			return append(dst, raw...), known
		}
		dst = append(dst, raw[:i]...)
		raw = raw[i:]
		if raw[0] == '\r' {
			if len(raw) == 1 || raw[1] != '\n' {
				dst = append(dst, '\n')
			}
			raw = raw[1:]
			continue
		}
		end := max(bytes.IndexByte(raw[:min(len(raw), maxReference)], ';'), 1)
		r, ok := Reference(raw[1:end])
		if !ok {
			dst, raw, known = append(dst, '&'), raw[1:], false
			continue
		}
		dst = utf8.AppendRune(dst, r)
		raw = raw[end+1:]
	}
}

// Reference returns the character that stands between & and ;: lt, #13, #xD.
func Reference(name []byte) (rune, bool) {
	if r, ok := entities[string(name)]; ok {
		return r, true
	}
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	base, digits := rune(10), name[1:]
	if digits[0] == 'x' {
		base, digits = 16, digits[1:]
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
