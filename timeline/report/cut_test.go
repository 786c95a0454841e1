package report

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

func TestShorten(t *testing.T) {
	for _, c := range []struct {
		s       string
		columns int
		want    string
	}{
		{"", 5, ""}, {"abcde", 5, "abcde"}, {"abcdef", 5, "ab..."}, {"abcdef", 0, "..."}, {"ab", 0, "ab"},
		{"\u4f60\u597d\u4e16\u754c", 8, "\u4f60\u597d\u4e16\u754c"}, {"\u4f60\u597d\u4e16\u754c", 7, "\u4f60\u597d..."}, {"\u4f60\u597d\u4e16\u754c", 6, "\u4f60..."},
		{strings.Repeat("\U00010330", 9), 5, "\U00010330\U00010330..."},                           // four bytes, one column
		{"e" + strings.Repeat("\u0301", 90) + "nd", 5, "e" + strings.Repeat("\u0301", 9) + "..."}, // two bytes, no column
		{"\x1b[31mred", 20, `\x1b[31mred`}, {"\x1b[31mred", 6, `\x1...`}, {"a\r\nb", 4, "a  b"},
		{strings.Repeat("\xff", 1<<20), 8, strings.Repeat("\ufffd", 5) + "..."},
	} {
		got := shorten(c.s, c.columns)
		if got != c.want {
			t.Errorf("%d columns of %.40q: %q, want %q", c.columns, c.s, got, c.want)
		}
		if n := displaywidth.String(got); n > max(c.columns, 3) || !utf8.ValidString(got) {
			t.Errorf("%q has %d columns", got, n)
		}
	}
}

func TestExcerpt(t *testing.T) {
	for _, c := range []struct {
		s           string
		n           int
		first, want string
		all         int
	}{
		{"", 3, "", "", 0}, {"abc", 3, "abc", "abc", 3}, {"abcd", 3, "abc", "abc ... (3 of 4 characters)", 4},
		{"\u00e9\u00e9\u00e9\u00e9\u00e9", 2, "\u00e9\u00e9", "\u00e9\u00e9 ... (2 of 5 characters)", 5},
		{"a\xff\xffb", 2, "a\xff", "a\ufffd ... (2 of 4 characters)", 4},
	} {
		if got, all := first(c.s, c.n); got != c.first || all != c.all {
			t.Errorf("%q: %q of %d", c.s, got, all)
		}
		if got := excerpt(c.s, c.n); got != c.want {
			t.Errorf("%q: %q, want %q", c.s, got, c.want)
		}
	}
}
