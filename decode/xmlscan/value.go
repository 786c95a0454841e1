package xmlscan

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// Local cuts the prefix off a name.
func Local(name []byte) []byte { return name[bytes.IndexByte(name, ':')+1:] }

// Attributes are those of one tag, in order, as long as the tag is the current token.
type Attributes struct {
	s       *Scanner
	rest    []byte
	start   int // of the last name, in Raw
	unsound bool
}

// Attributes returns the attributes of the current token, a tag or a broken one.
func (s *Scanner) Attributes() Attributes { return Attributes{s: s, rest: s.Raw} }

// Next returns name and value of the next attribute as they are written, the value without its quotes: see [Local] and
// [AppendText]. ok is false if there is no more. Both alias the tag.
func (a *Attributes) Next() (name, value []byte, ok bool) {
	for len(a.rest) > 0 {
		b := a.rest
		eq := bytes.IndexByte(b, '=')
		if eq < 0 {
			a.unsound = a.unsound || blanks(b) < len(b)
			break
		}
		from, to := blanks(b[:eq]), eq
		for to > from && blank(b[to-1]) {
			to--
		}
		name = b[from:to]
		a.start = len(a.s.Raw) - len(b) + from
		a.unsound = a.unsound || from == 0 || !isName(name)
		a.rest = b[eq+1:]
		b = a.rest[blanks(a.rest):]
		if len(b) == 0 || b[0] != '"' && b[0] != '\'' {
			a.unsound = true
			continue
		}
		end := bytes.IndexByte(b[1:], b[0])
		if end < 0 {
			a.unsound = true
			break
		}
		a.rest = b[end+2:]
		return name, b[1 : 1+end], true
	}
	a.rest = nil
	return nil, nil, false
}

// Offset returns that of the last attribute.
func (a *Attributes) Offset() int64 { return a.s.rawAt + int64(a.start) }

// Sound reports whether the tag is written as XML demands it, as far as Next has come: names without strange characters,
// values in quotes, blanks between them. Next passes over what is not.
func (a *Attributes) Sound() bool { return !a.unsound && isName(a.s.Name) }

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
