package eventlogtest

import (
	"bytes"
	"encoding/xml"
	"fmt"
)

// XML returns the export that text describes: UTF-8, laid out as the Event Viewer does it, with
// EventRecordID counted from 1. Characters that XML 1.0 cannot hold become U+FFFD.
func XML(text string) ([]byte, error) {
	events, err := parse(text)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="utf-8" standalone="yes"?>` + "\r\n<Events>")
	for _, e := range events {
		e.writeXML(&b)
	}
	b.WriteString("</Events>")
	return b.Bytes(), nil
}

func (e *event) writeXML(b *bytes.Buffer) {
	security := "<Security/>"
	if e.user != "" {
		security = fmt.Sprintf("<Security UserID='%s'/>", e.user)
	}
	fmt.Fprintf(b, `<Event xmlns='%s'><System><Provider Name='%s'/>`+
		`<EventID Qualifiers='0'>%d</EventID><Version>0</Version><Level>%d</Level><Task>0</Task><Opcode>0</Opcode><Keywords>%#x</Keywords>`+
		`<TimeCreated SystemTime='%s'/><EventRecordID>%d</EventRecordID><Correlation/><Execution ProcessID='%d' ThreadID='0'/>`+
		`<Channel>%s</Channel><Computer>%s</Computer>%s</System>`,
		namespace, escape(e.provider), e.id, e.level, uint64(keywords), e.time, e.record, e.pid, escape(e.channel), escape(e.computer), security)
	if len(e.data) == 0 {
		b.WriteString("<EventData/></Event>")
		return
	}
	b.WriteString("<EventData>")
	for _, d := range e.data {
		name := ""
		if d.name != "" {
			name = fmt.Sprintf(" Name='%s'", d.name)
		}
		fmt.Fprintf(b, "<Data%s>%s</Data>", name, escape(d.value))
	}
	b.WriteString("</EventData></Event>")
}

func escape(s string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(s)) // writes to memory only
	return b.String()
}
