// Package charset reads text of unknown encoding as UTF-8.
//
//	EF BB BF ...             UTF-8 with a byte order mark
//	FF FE 3C 00 ...          UTF-16 with a mark, little-endian (FE FF 00 3C: big-endian)
//	3C 00 3F 00 ...          UTF-16 without: every other byte of the first two characters is zero
//	4D 6F 64 75 6C 20 ...    UTF-8, if no byte contradicts that
//	84 6E 64 65 72 75 6E 67  else a code page: the one in which most of it is what everyday words are made of
//
// XML and logs name their encoding, or stay with UTF-8: for those there is [NewReader], which only takes UTF-16 away.
// What consoles print is in the OEM code page of a machine that nobody has asked: for that there is [Guess]. Where single
// values may be in a code page, as in request logs, there is [String].
package charset

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

const (
	mark8    = "\xef\xbb\xbf"
	markSize = 4 // bytes that tell UTF-16
)

// NewReader returns the text of r as UTF-8, without its byte order mark, if it is UTF-16 or UTF-8. All else comes as it
// is. mark is the length of the mark in a UTF-8 text: the first byte that the reader returns has that offset in r. It is
// 0 for UTF-16, where offsets are of the text as UTF-8.
//
// It reads the first bytes of r at once; an error of r comes in its place, from the returned reader. That holds a few
// kilobytes at most, and none of a text that is not UTF-16.
func NewReader(r io.Reader) (text io.Reader, mark int64) {
	in := bufio.NewReaderSize(r, 16)
	head, err := in.Peek(markSize)
	if bytes.HasPrefix(head, []byte(mark8)) {
		mark = int64(len(mark8))
		_, _ = in.Discard(len(mark8)) // they are there
	}
	text = in
	if err != nil && err != io.EOF { // bufio tells it only once
		text = io.MultiReader(bytes.NewReader(head[mark:]), failing{err})
	}
	if enc := utf16(head); enc != nil {
		text = enc.NewDecoder().Reader(text)
	}
	return text, mark
}

// failing is a Reader of nothing but an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Bytes is [NewReader] for a text that is in memory. The result may alias b.
func Bytes(b []byte) []byte {
	enc := utf16(b)
	if enc == nil {
		return bytes.TrimPrefix(b, []byte(mark8))
	}
	text, _ := enc.NewDecoder().Bytes(b) // what it does not know it replaces
	return text
}

// utf16 returns the encoding of a text that begins with head if that is UTF-16, else nil.
func utf16(head []byte) encoding.Encoding {
	pattern := 0 // of the first four bytes that are zero
	for i, c := range head[:min(len(head), markSize)] {
		if c == 0 {
			pattern |= 1 << i
		}
	}
	short := len(head) < markSize
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case pattern == 0b1010 && !short:
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case pattern == 0b0101 && !short:
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	}
	return nil
}

// Guess returns the encoding of a text by its beginning, and its name: "UTF-8", "UTF-16", or the number of a code page of
// Windows. whole says that head is all of the text. The decoder takes away a byte order mark and replaces what it does not
// know by U+FFFD; it returns no errors.
//
// The code pages are those of the Windows consoles of Europe and East Asia, and 1252, which editors and PowerShell write
// for Western Europe. A text of a few words may fit two of them equally well.
func Guess(head []byte, whole bool) (name string, enc encoding.Encoding) {
	if enc := utf16(head); enc != nil {
		return "UTF-16", enc
	}
	valid := head
	if !whole {
		// The last character may be cut.
		for range utf8.UTFMax {
			if r, n := utf8.DecodeLastRune(valid); r != utf8.RuneError || n != 1 {
				break
			}
			valid = valid[:len(valid)-1]
		}
	}
	if utf8.Valid(valid) {
		return "UTF-8", unicode.UTF8BOM
	}
	best, most := 0, -1
	for i := range codePages {
		if n := codePages[i].fit(head); n > most {
			best, most = i, n
		}
	}
	return codePages[best].name, codePages[best].encoding
}

// String returns b as UTF-8: as it is if it is valid, else read as text of the code page. nil is Windows-1252, in which
// every byte is a character.
func String(b []byte, page encoding.Encoding) string {
	if utf8.Valid(b) {
		return string(b)
	}
	if page == nil {
		page = charmap.Windows1252
	}
	if text, err := page.NewDecoder().Bytes(b); err == nil {
		b = text
	}
	return strings.ToValidUTF8(string(b), "\ufffd")
}
