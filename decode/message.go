package decode

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Message returns the provider's text about the event with the values filled in, as Windows renders
// it but for times, which are in UTC, and error codes, which are "number (SYMBOL)". ok is false if
// the file carries no such text.
func (e *Event) Message() (text string, ok bool) {
	dst, ok := e.AppendMessage(nil)
	return string(dst), ok
}

// maxText bounds what one event becomes as text, in bytes. A description may name a long value over
// and over; an honest one stays far below.
const maxText = 4 << 20

// AppendMessage appends what Message returns, of a text beyond all measure only the start.
//
//	%1 .. %99  a field at the top level, by its place; %1!fmt! with a format as of printf
//	%n %r %t   line break, carriage return, tab
//	%0         the end of the text
//	%%  %x     the character itself
func (e *Event) AppendMessage(dst []byte) ([]byte, bool) {
	if e.Schema == nil || e.Schema.Message == "" {
		return dst, false
	}
	e.walk()
	text := e.Schema.Message
	for start := len(dst); len(dst)-start < maxText; {
		i := strings.IndexByte(text, '%')
		if i < 0 || i+1 == len(text) {
			return append(dst, text...), true
		}
		dst = append(dst, text[:i]...)
		text = text[i+1:]
		switch c := text[0]; {
		case c == '0':
			return dst, true
		case c >= '1' && c <= '9':
			dst, text = e.appendInsert(dst, text)
			continue
		case c == 'n':
			dst = append(dst, '\r', '\n')
		case c == 'r':
			dst = append(dst, '\r')
		case c == 't':
			dst = append(dst, '\t')
		default:
			_, n := utf8.DecodeRuneInString(text)
			dst = append(dst, text[:n]...)
			text = text[n:]
			continue
		}
		text = text[1:]
	}
	return append(dst, "..."...), true
}

// appendInsert appends the value that the number at the start of text asks for, and returns the text
// behind it.
func (e *Event) appendInsert(dst []byte, text string) ([]byte, string) {
	digits := 1
	if len(text) > 1 && text[1] >= '0' && text[1] <= '9' {
		digits = 2
	}
	n, _ := strconv.Atoi(text[:digits])
	format, after := "", text[digits:]
	if strings.HasPrefix(after, "!") {
		if f, a, ok := strings.Cut(after[1:], "!"); ok {
			format, after = f, a
		}
	}
	switch {
	case n <= len(e.spans):
		dst = e.value(n-1).appendFormatted(dst, format)
	case n > len(e.Schema.Fields): // Windows leaves a number without a field as it is
		dst = append(append(dst, '%'), text[:digits]...)
	}
	return dst, after
}

// appendFormatted appends the value by a printf format without its "%": [flags][width][.precision][h|l|ll|w|I32|I64]type.
// What it does not know it ignores: the value is there in any case.
func (v Value) appendFormatted(dst []byte, format string) []byte {
	flags := format[:len(format)-len(strings.TrimLeft(format, "-+ #0"))]
	format = format[len(flags):]
	widthText := format[:len(format)-len(strings.TrimLeft(format, "0123456789"))]
	format = format[len(widthText):]
	precision := -1
	if after, ok := strings.CutPrefix(format, "."); ok {
		format = strings.TrimLeft(after, "0123456789")
		precision, _ = strconv.Atoi(after[:len(after)-len(format)])
	}
	kind := format[len(strings.TrimRight(format, "diuxXocCsSpeEfgG")):]
	n, isNumber := uint64(0), false
	if v.field.Map == nil && v.count < 0 {
		n, isNumber = number(v.field, v.data)
	}

	var buf [64]byte
	s := buf[:0]
	switch {
	case isNumber && (kind == "x" || kind == "X"):
		if strings.Contains(flags, "#") {
			s = append(s, '0', kind[0])
		}
		digits := strconv.AppendUint(nil, n, 16)
		if kind == "X" {
			digits = bytes.ToUpper(digits)
		}
		for i := len(digits); i < min(precision, 64); i++ {
			s = append(s, '0')
		}
		s = append(s, digits...)
	case isNumber && kind == "u":
		s = strconv.AppendUint(s, n, 10)
	default:
		s = v.append(s, messageText)
	}

	const maxWidth = 64
	width, _ := strconv.Atoi(widthText)
	pad := min(width, maxWidth) - utf8.RuneCount(s)
	left, zero := strings.Contains(flags, "-"), strings.Contains(flags, "0") && isNumber
	if left {
		dst = append(dst, s...)
	}
	for ; pad > 0; pad-- {
		if zero && !left {
			dst = append(dst, '0')
		} else {
			dst = append(dst, ' ')
		}
	}
	if !left {
		dst = append(dst, s...)
	}
	return dst
}
