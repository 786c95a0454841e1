package report

import (
	"bufio"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// A cell is one value of a row. The zero cell is "unknown".
type cell struct {
	value   string
	literal bool // a number or truth value: in JSON without quotation marks
}

func text(s string) cell { return cell{value: s} }

// moment is a time as RFC 3339; zero is unknown.
func moment(t etl.Time) cell {
	if t.IsZero() {
		return cell{}
	}
	return text(t.String())
}

// number is a count or a code.
func number[N int | int64 | uint16 | uint32 | uint64](n N) cell {
	return cell{strconv.FormatInt(int64(n), 10), true}
}

// positive is a number of which 0 means "unknown".
func positive[N int | int64 | uint16 | uint32 | uint64](n N) cell {
	if n == 0 {
		return cell{}
	}
	return number(n)
}

func truth(b bool) cell { return cell{strconv.FormatBool(b), true} }

// millis is a duration in milliseconds.
func millis(d time.Duration) cell { return cell{string(appendMillis(nil, d)), true} }

func codeNumber(c timeline.Code) cell { return positive(uint32(c)) }

// codeName is the symbol of a code. Success is no error.
func codeName(c timeline.Code) cell {
	if c == 0 {
		return cell{}
	}
	return text(winerr.Name(uint32(c)))
}

// appendMillis appends d in milliseconds with as many decimals as it needs, at most 4.
func appendMillis(dst []byte, d time.Duration) []byte {
	ticks := int64(d / 100)
	if ticks < 0 {
		dst, ticks = append(dst, '-'), -ticks
	}
	dst = strconv.AppendInt(dst, ticks/10_000, 10)
	rest := ticks % 10_000
	if rest == 0 {
		return dst
	}
	dst = append(dst, '.')
	for scale := int64(1000); rest > 0; scale /= 10 {
		dst = append(dst, byte('0'+rest/scale))
		rest %= scale
	}
	return dst
}

// A column is a named value of a row of type R.
type column[R any] struct {
	name  string
	value func(R) cell
}

// writeCSV writes a header line and the rows, as RFC 4180 has it.
func writeCSV[R any](w io.Writer, columns []column[R], rows func(yield func(R) bool)) error {
	out := bufio.NewWriterSize(w, 1<<16)
	var buf []byte
	for i, c := range columns {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = append(buf, c.name...)
	}
	buf = append(buf, "\r\n"...)
	for row := range rows {
		for i, c := range columns {
			if i > 0 {
				buf = append(buf, ',')
			}
			if v := c.value(row); v.literal {
				buf = append(buf, v.value...)
			} else {
				buf = appendCSV(buf, v.value)
			}
		}
		buf = append(buf, "\r\n"...)
		if _, err := out.Write(buf); err != nil {
			return err
		}
		buf = buf[:0]
	}
	out.Write(buf) // the header, where there were no rows
	return out.Flush()
}

// appendCSV appends a text cell. A text that a spreadsheet would run as a formula gets an apostrophe
// in front. Bytes that are not UTF-8 become U+FFFD.
func appendCSV[T string | []byte](dst []byte, s T) []byte {
	if len(s) == 0 {
		return dst
	}
	quote, valid := false, true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == ',' || c == '\n' || c == '\r':
			quote = true
		case c >= utf8.RuneSelf:
			valid = false
		}
	}
	if !valid && !utf8.ValidString(string(s)) {
		return appendCSV(dst, string([]rune(string(s))))
	}
	if quote {
		dst = append(dst, '"')
	}
	switch s[0] {
	case '=', '+', '-', '@', '\t', '\r':
		dst = append(dst, '\'')
	}
	if !quote {
		return append(dst, s...)
	}
	for i := 0; i < len(s); i++ {
		if s[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}

// appendRow appends a row as a JSON object.
func appendRow[R any](dst []byte, columns []column[R], row R) []byte {
	dst = append(dst, '{')
	for i, c := range columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSON(dst, c.name), ':')
		switch v := c.value(row); {
		case v.value == "":
			dst = append(dst, "null"...)
		case v.literal:
			dst = append(dst, v.value...)
		default:
			dst = appendJSON(dst, v.value)
		}
	}
	return append(dst, '}')
}

const hexDigits = "0123456789abcdef"

// appendJSON appends a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendJSON[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < 0x7F {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			dst = append(dst, s[start:i]...)
			dst = append(dst, "\uFFFD"...)
			i += size
			start = i
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
