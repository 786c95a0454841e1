package w3c

import (
	"bytes"
	"regexp"
)

// HeadSize is how much of a file [Recognise] should see.
const HeadSize = 64 << 10

// others are logs that are not read, by what their lines look like.
var others = []struct {
	kind Kind
	line *regexp.Regexp
}{
	{AccessLog, regexp.MustCompile(`(?m)^\S+ \S+ \S.{0,255} \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "`)},
	{ApacheError, regexp.MustCompile(`(?m)^\[[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d(?:\.\d+)? \d{4}\] \[`)},
	{Native, regexp.MustCompile(`(?m)^[0-9a-fA-F.:%]+, [^,\n]*, \d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}, \d{1,2}:\d\d:\d\d, W3SVC\d+, `)},
}

// Recognise tells which log head is the beginning of, the first HeadSize bytes of a file or all of it. It goes by
// content, never by name. A text is a log if one of its lines is a header or, with date, time and all, an entry;
// what else stands around it (log streams, pages that quote lines) is no obstacle. It returns false for
// everything else, and for W3C logs of other servers.
func Recognise(head []byte) (Kind, bool) {
	r := NewReader(bytes.NewReader(head[:min(len(head), HeadSize)]), Options{})
	for e, err := range r.Entries() {
		if err != nil {
			break
		}
		return e.Kind(), true
	}
	if r.layout != nil {
		return r.layout.kind, true
	}
	for _, o := range others {
		if o.line.Match(head[:min(len(head), HeadSize)]) {
			return o.kind, true
		}
	}
	return Unknown, false
}

// ParseLine reads one line as people paste it: of any of the usual field sets, or the end of an HTTPERR line from the
// version on ("HTTP/1.1 GET /time/ - 1 Connection_Dropped DefaultAppPool"), or of an IIS line from the status on
// ("502 3 12002 29889"). What the fragment lacks is unknown, the time too.
func ParseLine(text string) (*Entry, bool) {
	e := &Entry{line: bytes.TrimSpace([]byte(text)), conf: newConfig(Options{})}
	if len(e.line) > maxLine {
		return nil, false
	}
	e.values = split(nil, e.line, false)
	if e.layout = match(standard, e.line, e.values); e.layout == nil {
		e.layout = match(fragments, e.line, e.values)
	}
	if e.layout == nil {
		return nil, false
	}
	var s dateState
	return e, s.set(e, parseDate)
}
