package charset

import (
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// A codePage is a code page of Windows, and what everyday words of its languages are made of in it: single bytes, or
// pairs whose second byte is trail or more.
type codePage struct {
	name     string
	encoding encoding.Encoding
	trail    byte // 0 = single bytes
	alone    bool // letters stand between ASCII characters
	usual    []byteRange
}

type byteRange struct{ from, to byte }

// codePages: of those that fit equally well the first is taken. 850 stands for 437 too, which has the letters of
// Western Europe in the same places. 1252 is no OEM code page, but editors and PowerShell write it.
var codePages = []codePage{
	{"850", charmap.CodePage850, 0, false, []byteRange{{0x80, 0x9B}, {0xA0, 0xA5}, {0xB5, 0xB7}, {0xC6, 0xC7}, {0xD0, 0xD8}, {0xE0, 0xED}}},
	{"852", charmap.CodePage852, 0, false, []byteRange{{0x80, 0x9D}, {0x9F, 0xA9}, {0xAB, 0xAD}, {0xB5, 0xB8}, {0xBD, 0xBE}, {0xC6, 0xC7},
		{0xD0, 0xD8}, {0xDD, 0xDE}, {0xE0, 0xEE}, {0xFB, 0xFD}}},
	{"866", charmap.CodePage866, 0, false, []byteRange{{0x80, 0xAF}, {0xE0, 0xF1}}},
	{"932", japanese.ShiftJIS, 0x40, false, []byteRange{{0x81, 0x83}, {0x88, 0x97}}}, // kana, first level of kanji
	{"949", korean.EUCKR, 0xA1, false, []byteRange{{0xB0, 0xC8}}},                    // hangul
	{"936", simplifiedchinese.GBK, 0xA1, false, []byteRange{{0xB0, 0xD7}}},           // first level of hanzi
	{"950", traditionalchinese.Big5, 0x40, false, []byteRange{{0xA4, 0xC6}}},         // first level of hanzi
	{"1252", charmap.Windows1252, 0, true, []byteRange{{0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0xFF}}},
}

// fit returns how many bytes of b belong to usual characters of the code page. A pair by itself counts one: its
// second byte may be ASCII and so a letter of the same word.
func (p *codePage) fit(b []byte) (n int) {
	run := false // the character before was a usual pair
	for i := 0; i < len(b); i++ {
		if b[i] < utf8.RuneSelf {
			run = false
			continue
		}
		usual := p.isUsual(b, i)
		if usual {
			n++
		}
		if p.trail != 0 {
			i++
			if usual && run {
				n++
			}
			run = usual
		}
	}
	return n
}

func (p *codePage) isUsual(b []byte, i int) bool {
	last := i+1 == len(b)
	if p.alone && (i > 0 && b[i-1] >= utf8.RuneSelf || !last && b[i+1] >= utf8.RuneSelf) {
		return false
	}
	for _, r := range p.usual {
		if r.from <= b[i] && b[i] <= r.to {
			return p.trail == 0 || !last && b[i+1] >= p.trail
		}
	}
	return false
}
