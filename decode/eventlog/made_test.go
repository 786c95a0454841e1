package eventlog_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/decode/eventlog/eventlogtest"
)

type (
	binXML = eventlogtest.BinXML
	values = []eventlogtest.Value
)

// madeRecord returns what a record holds: an event whose EventData has one Data for each value.
func madeRecord(data values) func(*binXML) {
	all := append(values{{Type: 0x11, Data: []byte{0x80, 0x1C, 0x25, 0x3F, 0x7A, 0xAC, 0xDC, 0x01}}}, data...)
	return func(x *binXML) {
		x.Template(fmt.Sprint(len(data)), all, func() {
			x.Open("Event", "xmlns", "urn:x")
			x.Open("System")
			x.Open("Provider", "Name", "Test & Co")
			x.End()
			x.Leaf("EventID", "17")
			x.Open("TimeCreated", "SystemTime", 0)
			x.End()
			x.Leaf("EventRecordID", "5")
			x.End()
			x.Open("EventData")
			for i := range data {
				x.Leaf("Data", i+1)
			}
			x.End()
			x.End()
		})
	}
}

// madeEVTX returns a log with one chunk that holds records.
func madeEVTX(records ...func(*binXML)) []byte {
	data, err := eventlogtest.Log(records...)
	if err != nil {
		panic(err)
	}
	return data
}

func TestValues(t *testing.T) {
	list := check(t, madeEVTX(madeRecord(values{
		{Type: 0x01, Data: eventlogtest.UTF16("Söhne \U0000263A\x00")},
		{Type: 0x01, Data: []byte{0x3D, 0xD8, 0x00, 0xDE, 0x3D, 0xD8}},
		{Type: 0x02, Data: []byte("caf\xe9\x00")},
		{Type: 0x03, Data: []byte{0xFE}}, {Type: 0x04, Data: []byte{0xFE}},
		{Type: 0x05, Data: []byte{0xFE, 0xFF}}, {Type: 0x06, Data: []byte{0xFE, 0xFF}},
		{Type: 0x07, Data: []byte{0x02, 0x40, 0x00, 0x80}}, {Type: 0x08, Data: []byte{0x02, 0x40, 0x00, 0x80}},
		{Type: 0x09, Data: []byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}}, {Type: 0x0A, Data: []byte{1, 0, 0, 0, 0, 0, 0, 0x80}},
		{Type: 0x0B, Data: []byte{0, 0, 0xC0, 0x3F}}, {Type: 0x0C, Data: []byte{0, 0, 0, 0, 0, 0, 0xF8, 0x3F}},
		{Type: 0x0D, Data: []byte{1, 0, 0, 0}}, {Type: 0x0E, Data: []byte{0xAB, 0x01}},
		{Type: 0x0F, Data: []byte{0x04, 0x5D, 0x4B, 0x52, 0x3C, 0x13, 0x62, 0x4A, 0x83, 0x62, 0x64, 0xE8, 0xED, 0xB9, 0xCE, 0x40}},
		{Type: 0x12, Data: []byte{0xEA, 7, 3, 0, 4, 0, 5, 0, 9, 0, 14, 0, 7, 0, 123, 0}},
		{Type: 0x13, Data: []byte{1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0}},
		{Type: 0x14, Data: []byte{0x0A, 0, 7, 0x80}}, {Type: 0x15, Data: []byte{0, 0, 0, 0, 1, 0, 0, 0}}, {Type: 0x10, Data: []byte{8, 0, 0, 0}},
		{Type: 0x00, Data: nil},
		{Type: 0x7E, Data: []byte{1, 2}}, // unknown
		{Type: 0x81, Data: eventlogtest.UTF16("one\x00two\x00")},
		{Type: 0x88, Data: []byte{1, 0, 0, 0, 2, 0, 0, 0}},
	})))
	if len(list) != 1 {
		t.Fatalf("%d entries", len(list))
	}
	e := list[0]
	var got []string
	for _, f := range e.Fields {
		got = append(got, f.Value)
	}
	want := []string{"Söhne ☺", "😀\uFFFD", "café", "-2", "254", "-2", "65534", "-2147467262", "2147500034", "-1", "9223372036854775809", "1.5", "1.5", "true", "AB01",
		"{524b5d04-133c-4a62-8362-64e8edb9ce40}", "2026-03-05T09:14:07.123Z", "S-1-5-18", "0x8007000a", "0x100000000", "0x8", "", "0102", "one", "two", "1", "2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if e.Provider != "Test & Co" || e.ID != 17 || e.Record != 5 || e.Time.Time().Truncate(24*time.Hour).Format(time.DateOnly) != "2026-03-05" {
		t.Errorf("%+v", *e)
	}
}

// TestAttacks holds what a hostile file may try.
func TestAttacks(t *testing.T) {
	patch := func(attack func(*binXML)) []byte { return madeEVTX(madeRecord(nil), attack, madeRecord(nil)) }
	self := func(x *binXML) { // a template that holds instances of itself
		x.Template("self", nil, func() {
			for range 1000 {
				x.Template("self", nil, nil)
			}
		})
	}
	for _, test := range []struct {
		name string
		data []byte
		want int // entries besides the attack
		kind string
	}{
		{"counts", patch(func(x *binXML) { x.Uint8(0x0C, 1); x.Uint32(7); x.Uint32(600); x.Uint32(0xFFFFFFFF) }), 2, "bad-xml"},
		{"template outside", patch(func(x *binXML) { x.Uint8(0x0C, 1); x.Uint32(7); x.Uint32(0xFFFFFFF0); x.Uint32(0) }), 2, "bad-xml"},
		{"name outside", patch(func(x *binXML) { x.Uint8(0x01); x.Uint16(0xFFFF); x.Uint32(0); x.Uint32(0xFFFFFFF0); x.Uint8(2) }), 2, "bad-xml"},
		{"ends", patch(func(x *binXML) { x.Uint8(4, 4, 4, 4) }), 2, "bad-xml"},
		{"unknown token", patch(func(x *binXML) { x.Uint8(0x3F) }), 2, "bad-xml"},
		{"depth", patch(func(x *binXML) {
			for range 2000 {
				x.Open("a")
			}
		}), 2, "bad-xml"},
		{"self", patch(self), 1, "bad-xml"},
		{"laughs", madeEVTX(laughs, madeRecord(nil)), 0, "excess"},
		{"free space", func() []byte {
			d := madeEVTX(madeRecord(nil))
			binary.LittleEndian.PutUint32(d[4096+48:], 0xFFFFFFFF)
			return d
		}(), 1, "bad-header"},
		{"open log", func() []byte { // the header of the chunk is older than its last record
			d := madeEVTX(madeRecord(nil), madeRecord(nil))
			size := binary.LittleEndian.Uint32(d[4096+512+4:])
			binary.LittleEndian.PutUint32(d[4096+48:], 512+size)
			return d
		}(), 2, ""},
		{"old round", func() []byte {
			d := madeEVTX(madeRecord(nil), madeRecord(nil))
			size := binary.LittleEndian.Uint32(d[4096+512+4:])
			binary.LittleEndian.PutUint32(d[4096+48:], 512+size)
			d[4096+512+size+8] = 77
			return d
		}(), 1, ""},
		{"size of a record", func() []byte {
			d := madeEVTX(madeRecord(nil), madeRecord(nil))
			d[4096+512+4] = 0xFF
			return d
		}(), 1, "bad-record"},
		{"no chunk", append(madeEVTX(madeRecord(nil)), madeEVTX(madeRecord(nil))[4096-8:]...), 1, "bad-chunk"},
	} {
		list := check(t, test.data)
		_, r := read(t, test.data, eventlog.Options{})
		n := 0
		for _, e := range list {
			if e.Provider == "Test & Co" {
				n++
			}
		}
		if got := strings.Join(kinds(r), " "); n < test.want || !strings.Contains(got, test.kind) || test.kind == "" && got != "" {
			t.Errorf("%s: %d entries, %v", test.name, n, r.Anomalies())
		}
	}
}

// A name that is put together of many values is cut as any other.
func TestMadeName(t *testing.T) {
	list := check(t, madeEVTX(func(x *binXML) {
		x.Template("name", values{{Type: 0x01, Data: bytes.Repeat([]byte{0xE5, 0x65}, 0x2000)}}, func() {
			x.Open("Event")
			x.Open("System")
			x.Open("Provider", "Name", 0)
			for range 40 { // more of the attribute's value
				x.Uint8(0x0D, 0, 0, 0x01)
			}
			x.End()
			x.Leaf("EventID", "17")
			x.End()
			x.End()
		})
	}))
	if len(list) != 1 || list[0].ID != 17 || len(list[0].Provider) > 64<<10 || strings.Trim(list[0].Provider, "日") != "" {
		t.Errorf("%d entries", len(list))
	}
}

// laughs writes a template that uses one long value again and again.
func laughs(x *binXML) {
	x.Template("laughs", values{{Type: 0x0E, Data: make([]byte, 0x4000)}}, func() {
		x.Open("Event")
		x.Open("EventData")
		for range 200 {
			x.Leaf("Data", 0)
		}
		x.End()
		x.End()
	})
}
