package redact

import "bytes"

// Texts quote texts: a URL within a URL, JSON within JSON, headers within XML. The characters that rules look at are
// therefore read in any of these forms:
//
//	"   %22   %2522   \"   \u0022   &quot;   &#34;   &#x22;

// entities are the character references that matter.
var entities = []struct {
	text string
	char byte
}{
	{"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&lt;", '<'}, {"&gt;", '>'}, {"&#34;", '"'}, {"&#39;", '\''}, {"&#x22;", '"'},
	{"&#x27;", '\''}, {"&#38;", '&'}, {"&#x26;", '&'}, {"&#x3d;", '='}, {"&#61;", '='}, {"&#13;", '\r'}, {"&#10;", '\n'}, {"&#xd;", '\r'}, {"&#xa;", '\n'},
}

// next returns the character at i and how many bytes its form takes. i must be within b.
func next(b []byte, i int) (char byte, size int) {
	c := b[i]
	rest := b[i:]
	switch c {
	case '%':
		if len(rest) >= 5 && rest[1] == '2' && rest[2] == '5' && isHex(rest[3]) && isHex(rest[4]) {
			return unhex(rest[3])<<4 | unhex(rest[4]), 5
		}
		if len(rest) >= 3 && isHex(rest[1]) && isHex(rest[2]) {
			return unhex(rest[1])<<4 | unhex(rest[2]), 3
		}
	case '\\':
		if len(rest) >= 6 && rest[1] == 'u' && rest[2] == '0' && rest[3] == '0' && isHex(rest[4]) && isHex(rest[5]) {
			return unhex(rest[4])<<4 | unhex(rest[5]), 6
		}
		if len(rest) >= 2 {
			switch rest[1] {
			case '"', '\'', '/':
				return rest[1], 2
			case 'n':
				return '\n', 2
			case 'r':
				return '\r', 2
			case 't':
				return '\t', 2
			}
		}
	case '&':
		for i := range entities {
			if e := &entities[i]; hasPrefixFold(rest, e.text) {
				return e.char, len(e.text)
			}
		}
	}
	return c, 1
}

// firstOf returns the character at i, in any form. i must be within b.
func firstOf(b []byte, i int) byte {
	c, _ := next(b, i)
	return c
}

// longest is the size of the longest form of a character.
const longest = 6

// before returns the character whose form ends at i, and how many bytes that takes; size is 0 at from.
func before(b []byte, from, i int) (char byte, size int) {
	for n := min(longest, i-from); n > 1; n-- {
		if c := b[i-n]; c == '%' || c == '\\' || c == '&' {
			if char, size := next(b, i-n); size == n {
				return char, n
			}
		}
	}
	if i <= from {
		return 0, 0
	}
	return b[i-1], 1
}

func isHex(c byte) bool {
	return c-'0' < 10 || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

func isDigit(c byte) bool  { return c-'0' < 10 }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// isWord reports whether c is of a word: a letter, a digit, or of a character beyond ASCII.
func isWord(c byte) bool { return isLetter(c) || isDigit(c) || c >= 0x80 }

func isBlank(c byte) bool { return c == ' ' || c == '\t' }
func isSpace(c byte) bool { return c <= ' ' }

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// appendLower appends s in lower case, as far as that is ASCII.
func appendLower(dst, s []byte) []byte {
	for _, c := range s {
		dst = append(dst, lower(c))
	}
	return dst
}

// hasPrefixFold reports whether b begins with prefix, which is in lower case.
func hasPrefixFold(b []byte, prefix string) bool {
	if len(b) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(b[i]) != prefix[i] {
			return false
		}
	}
	return true
}

// hasSuffixFold reports whether b ends with suffix, which is in lower case.
func hasSuffixFold(b []byte, suffix string) bool {
	return len(b) >= len(suffix) && hasPrefixFold(b[len(b)-len(suffix):], suffix)
}

// run returns where the bytes from i on end that are of a set.
func run(b []byte, i int, in *[256]bool) int {
	for i < len(b) && in[b[i]] {
		i++
	}
	return i
}

// set returns the set of the letters and digits, and of the characters of more.
func set(more string) (s [256]bool) {
	for c := range s {
		s[c] = isLetter(byte(c)) || isDigit(byte(c)) || bytes.IndexByte([]byte(more), byte(c)) >= 0
	}
	return s
}

var (
	base64Chars    = set("+/=")
	base64URLChars = set("-_")
	tokenChars     = set("-._~+/=")
	hookChars      = set("-@/")
	nameChars      = set("_.-$")
)
