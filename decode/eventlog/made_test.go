package eventlog_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/eventlog"
)

// A maker writes binary XML at its place in a chunk.
type maker struct {
	b    []byte
	base int // place of b[0] in the chunk
}

func (m *maker) u8(v ...byte)   { m.b = append(m.b, v...) }
func (m *maker) u16(v uint16)   { m.b = binary.LittleEndian.AppendUint16(m.b, v) }
func (m *maker) u32(v uint32)   { m.b = binary.LittleEndian.AppendUint32(m.b, v) }
func (m *maker) place() uint32  { return uint32(m.base + len(m.b)) }
func (m *maker) utf16(s string) { m.b = append(m.b, utf16Bytes(s)...) }

func utf16Bytes(s string) (b []byte) {
	for _, r := range s {
		b = binary.LittleEndian.AppendUint16(b, uint16(r))
	}
	return b
}

// name writes a name where it is used.
func (m *maker) name(s string) {
	m.u32(m.place() + 4)
	m.u32(0)
	m.u16(0)
	m.u16(uint16(len(s)))
	m.utf16(s)
	m.u16(0)
}

// open begins an element with attributes: names, and numbers of values.
func (m *maker) open(name string, attributes ...any) {
	if len(attributes) == 0 {
		m.u8(0x01)
	} else {
		m.u8(0x41)
	}
	m.u16(0xFFFF)
	m.u32(0)
	m.name(name)
	if len(attributes) > 0 {
		m.u32(0)
	}
	for i := 0; i < len(attributes); i += 2 {
		m.u8(0x06)
		m.name(attributes[i].(string))
		m.value(attributes[i+1])
	}
	m.u8(0x02)
}

// value writes the number of a value, or text.
func (m *maker) value(v any) {
	switch v := v.(type) {
	case int:
		m.u8(0x0D)
		m.u16(uint16(v))
		m.u8(0)
	case string:
		m.u8(0x05, 1)
		m.u16(uint16(len(v)))
		m.utf16(v)
	}
}

func (m *maker) end() { m.u8(0x04) }

// leaf writes an element with one value.
func (m *maker) leaf(name string, v any) {
	m.open(name)
	m.value(v)
	m.end()
}

// template writes an instance of a template with that body. Its values are to follow.
func (m *maker) template(body func()) {
	m.u8(0x0F, 1, 1, 0, 0x0C, 1)
	m.u32(7)
	m.u32(m.place() + 4)
	m.b = append(m.b, make([]byte, 20)...)
	size := len(m.b)
	m.u32(0)
	body()
	binary.LittleEndian.PutUint32(m.b[size:], uint32(len(m.b)-size-4))
}

// A madeValue is a value of a template.
type madeValue struct {
	kind byte
	data []byte
}

// madeRecord returns what a record holds: an event whose EventData has one Data for each value.
func madeRecord(values []madeValue) func(*maker) {
	return func(m *maker) {
		m.template(func() {
			m.u8(0x0F, 1, 1, 0)
			m.open("Event", "xmlns", "urn:x")
			m.open("System")
			m.open("Provider", "Name", "Test & Co")
			m.end()
			m.leaf("EventID", "17")
			m.open("TimeCreated", "SystemTime", 0)
			m.end()
			m.leaf("EventRecordID", "5")
			m.end()
			m.open("EventData")
			for i := range values {
				m.leaf("Data", i+1)
			}
			m.end()
			m.end()
			m.u8(0)
		})
		values = append([]madeValue{{0x11, []byte{0x80, 0x1C, 0x25, 0x3F, 0x7A, 0xAC, 0xDC, 0x01}}}, values...)
		m.u32(uint32(len(values)))
		for _, v := range values {
			m.u16(uint16(len(v.data)))
			m.u8(v.kind, 0)
		}
		for _, v := range values {
			m.b = append(m.b, v.data...)
		}
	}
}

// madeEVTX returns a log with one chunk that holds records.
func madeEVTX(records ...func(*maker)) []byte {
	file := make([]byte, 4096+64<<10)
	copy(file, "ElfFile\x00")
	binary.LittleEndian.PutUint16(file[38:], 3)
	binary.LittleEndian.PutUint16(file[40:], 4096)
	chunk := file[4096:]
	copy(chunk, "ElfChnk\x00")
	at := 512
	for i, write := range records {
		m := &maker{base: at + 24}
		write(m)
		size := 24 + len(m.b) + 4
		copy(chunk[at:], "**\x00\x00")
		binary.LittleEndian.PutUint32(chunk[at+4:], uint32(size))
		binary.LittleEndian.PutUint64(chunk[at+8:], uint64(i+1))
		copy(chunk[at+24:], m.b)
		binary.LittleEndian.PutUint32(chunk[at+size-4:], uint32(size))
		at += size
	}
	binary.LittleEndian.PutUint32(chunk[48:], uint32(at))
	return file
}

func TestValues(t *testing.T) {
	list := check(t, madeEVTX(madeRecord([]madeValue{
		{0x01, utf16Bytes("Söhne \U0000263A\x00")},
		{0x01, []byte{0x3D, 0xD8, 0x00, 0xDE, 0x3D, 0xD8}},
		{0x02, []byte("caf\xe9\x00")},
		{0x03, []byte{0xFE}}, {0x04, []byte{0xFE}},
		{0x05, []byte{0xFE, 0xFF}}, {0x06, []byte{0xFE, 0xFF}},
		{0x07, []byte{0x02, 0x40, 0x00, 0x80}}, {0x08, []byte{0x02, 0x40, 0x00, 0x80}},
		{0x09, []byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}}, {0x0A, []byte{1, 0, 0, 0, 0, 0, 0, 0x80}},
		{0x0B, []byte{0, 0, 0xC0, 0x3F}}, {0x0C, []byte{0, 0, 0, 0, 0, 0, 0xF8, 0x3F}},
		{0x0D, []byte{1, 0, 0, 0}}, {0x0E, []byte{0xAB, 0x01}},
		{0x0F, []byte{0x04, 0x5D, 0x4B, 0x52, 0x3C, 0x13, 0x62, 0x4A, 0x83, 0x62, 0x64, 0xE8, 0xED, 0xB9, 0xCE, 0x40}},
		{0x12, []byte{0xEA, 7, 3, 0, 4, 0, 5, 0, 9, 0, 14, 0, 7, 0, 123, 0}},
		{0x13, []byte{1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0}},
		{0x14, []byte{0x0A, 0, 7, 0x80}}, {0x15, []byte{0, 0, 0, 0, 1, 0, 0, 0}}, {0x10, []byte{8, 0, 0, 0}},
		{0x00, nil},
		{0x7E, []byte{1, 2}}, // unknown
		{0x81, utf16Bytes("one\x00two\x00")},
		{0x88, []byte{1, 0, 0, 0, 2, 0, 0, 0}},
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
	patch := func(f func(*maker)) []byte { return madeEVTX(madeRecord(nil), f, madeRecord(nil)) }
	head := func(m *maker) { m.u8(0x0F, 1, 1, 0) }
	self := func(m *maker) { // a template that holds instances of itself
		head(m)
		m.u8(0x0C, 1)
		m.u32(7)
		at := m.place() + 4
		m.u32(at)
		m.b = append(m.b, make([]byte, 20)...)
		size := len(m.b)
		m.u32(0)
		for range 1000 {
			m.u8(0x0C, 1)
			m.u32(7)
			m.u32(at)
			m.u32(0)
		}
		binary.LittleEndian.PutUint32(m.b[size:], uint32(len(m.b)-size-4))
		m.u32(0)
	}
	for _, test := range []struct {
		name string
		data []byte
		want int // entries besides the attack
		kind string
	}{
		{"counts", patch(func(m *maker) { head(m); m.u8(0x0C, 1); m.u32(7); m.u32(600); m.u32(0xFFFFFFFF) }), 2, "bad-xml"},
		{"template outside", patch(func(m *maker) { head(m); m.u8(0x0C, 1); m.u32(7); m.u32(0xFFFFFFF0); m.u32(0) }), 2, "bad-xml"},
		{"name outside", patch(func(m *maker) {
			head(m)
			m.u8(0x01)
			m.u16(0xFFFF)
			m.u32(0)
			m.u32(0xFFFFFFF0)
			m.u8(2)
		}), 2, "bad-xml"},
		{"ends", patch(func(m *maker) { head(m); m.u8(4, 4, 4, 4) }), 2, "bad-xml"},
		{"unknown token", patch(func(m *maker) { head(m); m.u8(0x3F) }), 2, "bad-xml"},
		{"depth", patch(func(m *maker) {
			head(m)
			for range 2000 {
				m.open("a")
			}
		}), 2, "bad-xml"},
		{"self", patch(self), 1, "bad-xml"},
		{"laughs", madeEVTX(func(m *maker) { laughs(m) }, madeRecord(nil)), 0, "excess"},
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
	list := check(t, madeEVTX(func(m *maker) {
		m.template(func() {
			m.open("Event")
			m.open("System")
			m.open("Provider", "Name", 0)
			m.b = m.b[:len(m.b)-1] // its tag is not closed yet
			for range 40 {
				m.value(0)
			}
			m.u8(0x02)
			m.end()
			m.leaf("EventID", "17")
			m.end()
			m.end()
		})
		m.u32(1)
		m.u16(0x4000)
		m.u8(0x01, 0)
		m.b = append(m.b, bytes.Repeat([]byte{0xE5, 0x65}, 0x2000)...)
	}))
	if len(list) != 1 || list[0].ID != 17 || len(list[0].Provider) > 64<<10 || strings.Trim(list[0].Provider, "日") != "" {
		t.Errorf("%d entries", len(list))
	}
}

// laughs writes a template that uses one long value again and again.
func laughs(m *maker) {
	m.template(func() {
		m.open("Event")
		m.open("EventData")
		for range 200 {
			m.leaf("Data", 0)
		}
		m.end()
		m.end()
	})
	m.u32(1)
	m.u16(0x4000)
	m.u8(0x0E, 0)
	m.b = append(m.b, make([]byte, 0x4000)...)
}
