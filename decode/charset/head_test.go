package charset_test

import (
	"fmt"
	"testing"

	"github.com/etwhy/etwhy/decode/charset"
)

func TestHead(t *testing.T) {
	for _, c := range []struct {
		s    string
		n    int
		want string
	}{
		{"", 0, ""}, {"abc", 0, ""}, {"abc", 3, "abc"}, {"abcd", 3, "abc"},
		{"a\u00e9\u20ac\U0001f600", 1, "a"}, {"a\u00e9\u20ac\U0001f600", 2, "a"}, {"a\u00e9\u20ac\U0001f600", 3, "a\u00e9"},
		{"a\u00e9\u20ac\U0001f600", 5, "a\u00e9"}, {"a\u00e9\u20ac\U0001f600", 9, "a\u00e9\u20ac"}, {"a\u00e9\u20ac\U0001f600", 10, "a\u00e9\u20ac\U0001f600"},
		{"\xa0\xa0\xa0", 2, ""}, {"ab\xa0\xa0\xa0\xa0\xa0\xa0", 7, "ab\xa0"}, // no UTF-8: something is kept
	} {
		if got := charset.Head(c.s, c.n); got != c.want {
			t.Errorf("%d bytes of %q: %q", c.n, c.s, got)
		}
		if got := charset.Head([]byte(c.s), c.n); string(got) != c.want {
			t.Errorf("%d bytes of %q as bytes: %q", c.n, c.s, got)
		}
	}
}

func ExampleHead() {
	fmt.Println(charset.Head("naïve", 3))
	// Output: na
}
