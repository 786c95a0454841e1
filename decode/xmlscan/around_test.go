package xmlscan_test

import (
	"testing"

	"github.com/etwhy/etwhy/decode/xmlscan"
)

// Whatever the pieces are that a text comes in, the element around counts as open until its end tag.
func TestAround(t *testing.T) {
	for _, test := range []struct {
		prolog, rest string
		want         bool
	}{
		{"", "", false},
		{"<?xml version='1.0'?>\n", "\n", false},
		{"<?xml version='1.0'?>\n<Events>\n ", " \n", true},
		{"<?xml version='1.0'?>\n<Events>\n ", " \n</Events>\n", false},
		{"<Events>", "</Events", false}, // nothing is missing that counts
		{"<Events>", "</Event", true},
		{"<!-- <Events> -->", "", false},
		{"<a/><b></b>", "", false},
		{"<ns:Events x='>'><Head>", "</Head>", true},
		{"<ns:Events x='>'><Head></Head>", "</ns:Events>", false},
	} {
		for size := 1; size < 20; size++ {
			var a xmlscan.Around
			pass := func(s string) {
				for len(s) > 0 {
					n := min(size, len(s))
					a.Pass([]byte(s[:n]))
					s = s[n:]
				}
			}
			pass(test.prolog)
			a.Begin()
			a.Begin()
			pass(test.rest)
			if a.Open() != test.want {
				t.Errorf("%q %q in pieces of %d: open is %v", test.prolog, test.rest, size, a.Open())
			}
		}
	}
}
