package eventlog

import (
	"bytes"
	"io"
	"strings"
)

// HeadSize is how much of a file [Recognise] should see.
const HeadSize = 64 << 10

// Recognise tells which form of event log head is the beginning of, the first HeadSize bytes of a file or all of it. It
// goes by content, never by name. It returns false for what only looks alike: Failed Request Tracing, and
// event traces (ETW) that were converted to XML, whose events have no number and belong to no log.
func Recognise(head []byte) (Form, bool) {
	head = head[:min(len(head), HeadSize)]
	if bytes.HasPrefix(head, []byte(fileMagic)) {
		return EVTX, true
	}
	text, _ := io.ReadAll(utf8Reader(bytes.NewReader(head), head)) // half a character at the end is no matter
	text = trim(bytes.TrimPrefix(text, []byte("\uFEFF")))
	if len(text) > 0 && text[0] == '<' {
		return recogniseXML(text)
	}
	if looksLikeCSV(text) {
		return CSV, true
	}
	return Unknown, false
}

func recogniseXML(text []byte) (Form, bool) {
	root := skipProlog(text)
	n := tagLength(root)
	if n == 0 {
		n = len(root)
	}
	name, _, _ := strings.Cut(string(root[:min(n, len("<Events "))]), " ")
	if name = strings.TrimRight(name, "/>\r\n\t"); name != "<Events" && name != "<Event" {
		return Unknown, false
	}
	s := &splitter{r: bytes.NewReader(root)}
	event, _, _ := s.next()
	b := &builder{options: &Options{}}
	b.begin(0)
	parseXML(event, b)
	m := b.marks
	m.namespace = m.namespace || bytes.Contains(root[:n], []byte("xmlns"))
	switch {
	case !m.system:
		return Unknown, false
	case m.namespace && (m.record || m.channel && !m.activity && !m.kernel):
		return XML, true
	case !m.namespace && (m.record || !m.activity):
		return AppService, true
	}
	return Unknown, false
}

// skipProlog returns what follows declaration, comments and document type.
func skipProlog(b []byte) []byte {
	for {
		b = trim(b)
		n := 0
		switch {
		case bytes.HasPrefix(b, []byte("<?")):
			n = past(b, "?>")
		case bytes.HasPrefix(b, []byte("<!--")):
			n = past(b, "-->")
		case bytes.HasPrefix(b, []byte("<!DOCTYPE")):
			n = past(b, ">")
			if i := bytes.IndexByte(b[:n], '['); i >= 0 {
				inner := past(b[i:], "]")
				if inner == 0 {
					return nil
				}
				n = i + inner + past(b[i+inner:], ">")
			}
		default:
			return b
		}
		if n == 0 {
			return nil
		}
		b = b[n:]
	}
}
