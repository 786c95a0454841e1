package schema

import (
	"bytes"
	"compress/flate"
	_ "embed"
	"io"
	"sync"

	"github.com/etwhy/etwhy/decode/cursor"
	"github.com/etwhy/etwhy/etl"
)

//go:generate go run ./gen

// tables is written by gen out of names.txt and providers/*.txt. Little-endian throughout;
// str is a u8 length and so many bytes.
//
//	file  := u16 n, n * entry, blob...
//	entry := GUID, str name, u16 owner, u32 size
//
// owner is 0, or for a class the place of its provider among the entries, from 1; size is that of
// the provider's blob, 0 if it has none. The entries are sorted by name, the blobs lie in their
// order. A blob is deflated on its own, so that one provider is unpacked without the others:
//
//	blob    := strings, keywords, maps, lists, classes, events, each u16 n and n of
//	string  := str                          others refer to strings by their place, from 0
//	keyword := u16 name, u64 mask
//	map     := u16 name, u8 bits, u16 n, n * { u64 value, u16 text }
//	list    := u16 n, n * field             events with equal fields share a list
//	field   := u16 name, u16 in, u16 out, size length, size count, u16 map (from 1), u8 secret
//	size    := u8 kind, u16 n
//	class   := GUID
//	event   := u16 id, u8 version, u8 level, u8 opcode, u16 task, u16 class (from 1), u64 keywords,
//	           u16 symbol, u16 task name, u16 opcode name, u32 min build, u32 max build, u16 list
//
//go:embed tables.bin
var tables []byte

// An entry is a known GUID.
type entry struct {
	guid     etl.GUID
	name     string
	class    bool   // the GUID is a class of classic events
	packed   []byte // the table, if this provider has one
	provider func() *Provider
}

// contents is the unpacked list of entries.
type contents struct {
	entries []*entry // by name
	byGUID  map[etl.GUID]*entry
}

var index = sync.OnceValue(func() *contents {
	c := cursor.New("tables", tables, 0)
	n := int(c.Uint16())
	x := &contents{byGUID: make(map[etl.GUID]*entry, n)}
	var owners, sizes []int
	for range n {
		e := &entry{guid: c.GUID(), name: str(&c)}
		x.entries = append(x.entries, e)
		x.byGUID[e.guid] = e
		owners = append(owners, int(c.Uint16()))
		sizes = append(sizes, int(c.Uint32()))
	}
	for i, e := range x.entries {
		e.provider = func() *Provider { return nil }
		if sizes[i] > 0 {
			e.packed = c.Bytes(sizes[i])
			e.provider = sync.OnceValue(func() *Provider { return unpack(e.guid, e.name, e.packed) })
		}
	}
	for i, e := range x.entries {
		if owner := owners[i]; owner > 0 && owner <= n {
			e.class = true
			e.provider = x.entries[owner-1].provider
		}
	}
	return x
})

func str(c *cursor.Cursor) string { return string(c.Bytes(int(c.Uint8()))) }

// at returns the element that a reference from a table points to.
func at[T any](s []T, i uint16) (v T) {
	if int(i) < len(s) {
		v = s[i]
	}
	return v
}

// unpack decodes one blob. It does not report errors: the blobs are constants of the program, and
// a test decodes them all.
func unpack(g etl.GUID, name string, packed []byte) *Provider {
	data, _ := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	c := cursor.New(name, data, 0)
	p := &Provider{GUID: g, Name: name}

	strings := make([]string, c.Uint16())
	for i := range strings {
		strings[i] = str(&c)
	}
	text := func() string { return at(strings, c.Uint16()) }

	for range c.Uint16() {
		p.Keywords = append(p.Keywords, Keyword{Name: text(), Mask: c.Uint64()})
	}
	maps := make([]*Map, 1+int(c.Uint16())) // maps[0] is "no map"
	for i := range maps[1:] {
		m := &Map{Name: text(), Bits: c.Uint8() != 0, Entries: make([]MapEntry, c.Uint16())}
		for k := range m.Entries {
			m.Entries[k] = MapEntry{Value: c.Uint64(), Text: text()}
		}
		maps[1+i] = m
	}
	size := func() Size { return Size{Kind: SizeKind(c.Uint8()), N: c.Uint16()} }
	lists := make([][]Field, c.Uint16())
	for i := range lists {
		lists[i] = make([]Field, c.Uint16())
		for k := range lists[i] {
			lists[i][k] = Field{
				Name:   text(),
				In:     InType(c.Uint16()),
				Out:    OutType(c.Uint16()),
				Length: size(),
				Count:  size(),
				Map:    at(maps, c.Uint16()),
				Secret: c.Uint8() != 0,
			}
		}
	}
	classes := make([]etl.GUID, 1+int(c.Uint16())) // classes[0] is "no class"
	for i := range classes[1:] {
		classes[1+i] = c.GUID()
	}
	p.Events = make([]Event, c.Uint16())
	for i := range p.Events {
		p.Events[i] = Event{
			ID:         c.Uint16(),
			Version:    c.Uint8(),
			Level:      c.Uint8(),
			Opcode:     c.Uint8(),
			Task:       c.Uint16(),
			Class:      at(classes, c.Uint16()),
			Keywords:   c.Uint64(),
			Symbol:     text(),
			TaskName:   text(),
			OpcodeName: text(),
			MinBuild:   c.Uint32(),
			MaxBuild:   c.Uint32(),
			Fields:     at(lists, c.Uint16()),
		}
	}
	return p
}
