package textline_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/etwhy/etwhy/decode/internal/textline"
)

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"":                      nil,
		" ":                     nil,
		"a  bc d ":              {"a", "bc", "d"},
		`a "b c" d="e \" f"g h`: {"a", `"b c"`, `d="e \" f"g`, "h"},
		"List`1 'x y'":          {"List`1", "'x", "y'"},
	} {
		if got, err := textline.Split(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v, want %q", line, got, err, want)
		}
	}
	if got, err := textline.Split(`a "b`); err == nil {
		t.Errorf("%q of a quote without end", got)
	}
}

func TestUnquote(t *testing.T) {
	for word, want := range map[string]string{"": "", "a": "a", `"a b"`: "a b", `"\x1b\n"`: "\x1b\n", `"a`: `"a`, `a"b"`: `a"b"`} {
		if got := textline.Unquote(word); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}

func TestLines(t *testing.T) {
	var got []string
	for n, line := range textline.Lines("# head\r\n\r\n a b \n\t# c\nd") {
		got = append(got, fmt.Sprint(n, " ", line))
	}
	if want := []string{"3 a b", "5 d"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
