package eventlogtest

import (
	"encoding/binary"
	"fmt"
)

// EVTX returns the binary log of the events that [XML] writes as an export, with the same numbers: an .evtx with as
// many chunks of 64 KB as they take. As in real logs, provider, channel and computer are part of a template, the data of
// another, and a chunk has each of these and each name once. Values are as they stand, whatever characters they
// have; readers cut NULs off their ends.
func EVTX(text string) ([]byte, error) {
	events, err := parse(text)
	if err != nil {
		return nil, err
	}
	l := newLog()
	for _, e := range events {
		if err := l.add(e.time, e.writeBinXML); err != nil {
			return nil, fmt.Errorf("line %d: %w", e.line, err)
		}
	}
	return l.bytes(), nil
}

// Types of values.
const (
	stringType   = 0x01
	uint8Type    = 0x04
	uint16Type   = 0x06
	uint32Type   = 0x08
	uint64Type   = 0x0A
	guidType     = 0x0F
	filetimeType = 0x11
	sidType      = 0x13
	hex64Type    = 0x15
	binXMLType   = 0x21
)

func (e *event) writeBinXML(x *BinXML) {
	little := binary.LittleEndian
	var values []Value
	value := func(kind byte, data []byte) int {
		values = append(values, Value{Type: kind, Data: data})
		return len(values) - 1
	}
	id := value(uint16Type, little.AppendUint16(nil, e.id))
	zero8 := value(uint8Type, []byte{0})
	zero16 := value(uint16Type, []byte{0, 0})
	level := value(uint8Type, []byte{e.level})
	keyword := value(hex64Type, little.AppendUint64(nil, keywords))
	at := value(filetimeType, little.AppendUint64(nil, uint64(e.time)))
	record := value(uint64Type, little.AppendUint64(nil, e.record))
	activity := value(guidType, nil)
	pid := value(uint32Type, little.AppendUint32(nil, e.pid))
	tid := value(uint32Type, make([]byte, 4))
	user := value(sidType, e.sid)
	data := value(binXMLType, nil)
	values[data].XML = func() { e.writeData(x) }
	x.Template(fmt.Sprintf("event %q %q %q", e.provider, e.channel, e.computer), values, func() {
		x.Open("Event", "xmlns", namespace)
		x.Open("System")
		x.Open("Provider", "Name", e.provider)
		x.End()
		x.Open("EventID", "Qualifiers", zero16)
		x.Value(id)
		x.End()
		x.Leaf("Version", zero8)
		x.Leaf("Level", level)
		x.Leaf("Task", zero16)
		x.Leaf("Opcode", zero8)
		x.Leaf("Keywords", keyword)
		x.Open("TimeCreated", "SystemTime", at)
		x.End()
		x.Leaf("EventRecordID", record)
		x.Open("Correlation", "ActivityID", Optional(activity), "RelatedActivityID", Optional(activity))
		x.End()
		x.Open("Execution", "ProcessID", pid, "ThreadID", tid)
		x.End()
		x.Leaf("Channel", e.channel)
		x.Leaf("Computer", e.computer)
		x.Open("Security", "UserID", Optional(user))
		x.End()
		x.End()
		x.Value(Optional(data))
		x.End()
	})
}

// writeData writes the data, by a template for all events whose data are called the same.
func (e *event) writeData(x *BinXML) {
	key := "data"
	var values []Value
	for _, d := range e.data {
		key += "," + d.name
		values = append(values, Value{Type: stringType, Data: UTF16(d.value)})
	}
	x.Template(key, values, func() {
		x.Open("EventData")
		for i, d := range e.data {
			if d.name == "" {
				x.Open("Data")
			} else {
				x.Open("Data", "Name", d.name)
			}
			x.Value(i)
			x.End()
		}
		x.End()
	})
}
