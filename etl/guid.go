package etl

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// A GUID is a 16-byte identifier in the mixed-endian layout in which Windows stores it:
// the first three groups little-endian, the rest as written.
type GUID [16]byte

// guidOrder maps the n-th byte of the text form to its place in memory.
var guidOrder = [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}

// ParseGUID reads the text form, with or without braces, in either case.
func ParseGUID(s string) (GUID, error) {
	t := s
	if strings.HasPrefix(t, "{") && strings.HasSuffix(t, "}") {
		t = t[1 : len(t)-1]
	}
	var raw [16]byte
	if len(t) == 36 && t[8] == '-' && t[13] == '-' && t[18] == '-' && t[23] == '-' {
		if n, err := hex.Decode(raw[:], []byte(t[:8]+t[9:13]+t[14:18]+t[19:23]+t[24:])); n == 16 && err == nil {
			var g GUID
			for i, at := range guidOrder {
				g[at] = raw[i]
			}
			return g, nil
		}
	}
	return GUID{}, fmt.Errorf("%q is not a GUID (want 8-4-4-4-12 hexadecimal digits)", s)
}

// MustParseGUID is ParseGUID for constants of the program: it panics if s is malformed.
func MustParseGUID(s string) GUID {
	g, err := ParseGUID(s)
	if err != nil {
		panic(err)
	}
	return g
}

// IsZero reports whether all bytes are zero.
func (g GUID) IsZero() bool { return g == GUID{} }

// String returns the text form in lower case with dashes, without braces.
func (g GUID) String() string { return string(g.AppendText(nil)) }

// AppendText appends the form that String returns.
func (g GUID) AppendText(b []byte) []byte {
	const digits = "0123456789abcdef"
	for i, at := range guidOrder {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, digits[g[at]>>4], digits[g[at]&15])
	}
	return b
}
