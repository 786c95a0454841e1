package report

import (
	"github.com/clipperhouse/displaywidth"

	"github.com/etwhy/etwhy/decode/charset"
)

// A text of a file may be a megabyte. What has a place in a line is cut to it by shorten, what is read for itself by
// excerpt.

// shorten makes a text from a file harmless and cuts it to a number of columns; dots show that it did.
func shorten(s string, columns int) string {
	const dots = "..."
	columns = max(columns, len(dots))
	head := charset.Head(s, 4*columns) // nothing behind it has a place, in any script
	t := clean(head)
	if len(head) < len(s) {
		t += dots
	}
	return displaywidth.TruncateString(t, columns, dots)
}

// excerpt makes a text from a file harmless and cuts it to a number of characters; what is cut says how many there are.
func excerpt(s string, most int) string {
	s, all := first(s, most)
	if s = clean(s); all > most {
		s += " ... (" + thousands(most) + " of " + thousands(all) + " characters)"
	}
	return s
}

// first returns the first n characters of a text, and how many it has.
func first(s string, n int) (head string, all int) {
	head = s
	for at := range s {
		if all == n {
			head = s[:at]
		}
		all++
	}
	return head, all
}
