package cabinfo

import (
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// An oemCodePage is a code page of the Windows console, and what everyday words of its languages are
// made of in it: the bytes above ASCII or, if double is set, the pairs of bytes.
type oemCodePage struct {
	encoding encoding.Encoding
	double   bool
	usual    []byteRange
}

// A byteRange holds the bytes from..to; of pairs, those with a second byte from trail on.
type byteRange struct{ from, to, trail byte }

// oemCodePages: of those that fit equally well the first is taken. 850 stands for 437 too, which has the
// letters of Western Europe in the same places.
var oemCodePages = []oemCodePage{
	{charmap.CodePage850, false, []byteRange{{0x80, 0x9B, 0}, {0xA0, 0xA5, 0}, {0xB5, 0xB7, 0}, {0xC6, 0xC7, 0}, {0xD0, 0xD8, 0}, {0xE0, 0xED, 0}}},
	{charmap.CodePage852, false, []byteRange{{0x80, 0x9D, 0}, {0x9F, 0xA9, 0}, {0xAB, 0xAD, 0}, {0xB5, 0xB8, 0}, {0xBD, 0xBE, 0}, {0xC6, 0xC7, 0},
		{0xD0, 0xD8, 0}, {0xDD, 0xDE, 0}, {0xE0, 0xEE, 0}, {0xFB, 0xFD, 0}}},
	{charmap.CodePage866, false, []byteRange{{0x80, 0xAF, 0}, {0xE0, 0xF1, 0}}},
	{japanese.ShiftJIS, true, []byteRange{{0x81, 0x83, 0x40}, {0x88, 0x97, 0x40}}}, // kana, first level of kanji
	{korean.EUCKR, true, []byteRange{{0xB0, 0xC8, 0xA1}}},                          // hangul
	{simplifiedchinese.GBK, true, []byteRange{{0xB0, 0xD7, 0xA1}}},                 // first level of hanzi
	{traditionalchinese.Big5, true, []byteRange{{0xA4, 0xC6, 0x40}}},               // first level of hanzi
}

// decodeOEM returns the text of b, which has bytes above ASCII, in the code page that fits best.
func decodeOEM(b []byte) string {
	best, most := 0, -1
	for i, page := range oemCodePages {
		if n := page.fit(b); n > most {
			best, most = i, n
		}
	}
	// The decoders of x/text replace what they do not know; they return no errors.
	text, _ := oemCodePages[best].encoding.NewDecoder().Bytes(b)
	return string(text)
}

// fit returns how many bytes of b belong to usual characters of the code page. A pair by itself counts
// one: its second byte may be ASCII and so a letter of the same word.
func (p *oemCodePage) fit(b []byte) (n int) {
	run := false // the character before was a usual pair
	for i := 0; i < len(b); i++ {
		usual := p.isUsual(b[i:])
		if usual {
			n++
		}
		if p.double && b[i] >= 0x80 && i+1 < len(b) {
			i++
			if usual && run {
				n++
			}
		}
		run = usual
	}
	return n
}

func (p *oemCodePage) isUsual(b []byte) bool {
	if p.double && len(b) < 2 {
		return false
	}
	for _, r := range p.usual {
		if r.from <= b[0] && b[0] <= r.to {
			return !p.double || b[1] >= r.trail
		}
	}
	return false
}
