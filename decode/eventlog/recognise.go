package eventlog

import (
	"bytes"

	"github.com/etwhy/etwhy/decode/charset"
	"github.com/etwhy/etwhy/decode/xmlscan"
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
	text := trim(charset.Bytes(head)) // half a character at the end is no matter
	if len(text) > 0 && text[0] == '<' {
		return recogniseXML(text)
	}
	if looksLikeCSV(text) {
		return CSV, true
	}
	return Unknown, false
}

func recogniseXML(text []byte) (Form, bool) {
	s := xmlscan.NewBytes(text)
	token := s.Next()
	for token == xmlscan.Doctype || token == xmlscan.Text && len(trim(s.Raw)) == 0 {
		token = s.Next()
	}
	root := string(s.Name)
	if token != xmlscan.StartTag && token != xmlscan.Broken || root != "Events" && root != "Event" { // Broken: head ends inside the tag
		return Unknown, false
	}
	namespace := bytes.Contains(s.Raw, []byte("xmlns"))
	events := &splitter{r: bytes.NewReader(text[s.Offset:])}
	b := &builder{options: &Options{}}
	for b.begin(0); !b.marks.system; { // the first ones may be damaged
		event, _, end := events.next()
		if end == noEvent {
			return Unknown, false
		}
		b.begin(0)
		parseXML(event, b)
	}
	m := b.marks
	namespace = namespace || m.namespace
	switch {
	case namespace && (m.record || m.channel && !m.activity && !m.kernel):
		return XML, true
	case !namespace && (m.record || !m.activity):
		return AppService, true
	}
	return Unknown, false
}
