package charset_test

import (
	"testing"

	"github.com/etwhy/etwhy/decode/charset"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"/orders/ä?a=1":       "/orders/ä?a=1",
		"a\x1b]0;title\x07b":  `a\x1b]0;title\ab`,
		"a\u202etxt.exe":      `a\u202etxt.exe`,
		"one\r\ntwo\tthree":   "one  two three",
		"cut \xff here\u200b": "cut \ufffd here\\u200b",
	} {
		if got := charset.Printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
