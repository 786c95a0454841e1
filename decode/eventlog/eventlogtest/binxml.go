package eventlogtest

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"maps"
	"math"
	"unicode/utf16"

	"github.com/etwhy/etwhy/etl"
)

// The layout is that of libevtx's documentation and [MS-EVEN6] 2.2.12; real logs settled the rest: how templates
// are hashed, what is counted in the size of an element.
const (
	fileHeader    = 4096
	chunkSize     = 64 << 10
	chunkHeader   = 512
	nameTable     = 128 // of the header of a chunk: places of names by hash, 64 of 4 bytes
	templateTable = 384 // likewise of templates, 32
)

// A BinXML writes binary XML into a chunk of a log. What it writes by name, element and template is sound; what is
// damaged on purpose is written by Uint8, Uint16 and Uint32.
type BinXML struct {
	b         []byte            // of the chunk, from its header on
	names     map[string]uint32 // places in the chunk
	templates map[string]uint32
	values    []Value // of the template that is being written
	open      []int   // places of the sizes of open elements
	tag       bool    // the last one's tag is open as well
}

func newBinXML() *BinXML {
	return &BinXML{b: make([]byte, chunkHeader, chunkSize), names: map[string]uint32{}, templates: map[string]uint32{}}
}

// A Value is what an instance fills a place of its template with.
type Value struct {
	Type byte
	Data []byte // nil = there is no value
	XML  func() // of type 0x21: writes binary XML in place of Data
}

// Uint8 writes bytes as they are.
func (x *BinXML) Uint8(v ...byte) { x.b = append(x.b, v...) }

// Uint16 writes a number, little-endian.
func (x *BinXML) Uint16(v uint16) { x.b = binary.LittleEndian.AppendUint16(x.b, v) }

// Uint32 writes a number, little-endian.
func (x *BinXML) Uint32(v uint32) { x.b = binary.LittleEndian.AppendUint32(x.b, v) }

func (x *BinXML) place() uint32 { return uint32(len(x.b)) }

// UTF16 returns s as little-endian UTF-16; never nil.
func UTF16(s string) []byte {
	b := make([]byte, 0, 2*len(s))
	for _, unit := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return b
}

// hash is that of a name, and of the GUID of a template.
func hash(words []byte) (h uint32) {
	for ; len(words) > 1; words = words[2:] {
		h = h*65599 + uint32(binary.LittleEndian.Uint16(words))
	}
	return h
}

// enter puts what is written next into one of the header's tables. It begins with the place of what was the
// first in its bucket before.
func (x *BinXML) enter(table int, buckets, hash uint32) {
	first := x.b[table+4*int(hash%buckets):]
	next := binary.LittleEndian.Uint32(first)
	binary.LittleEndian.PutUint32(first, x.place())
	x.Uint32(next)
}

// name refers to a name. It is written where it is used first.
func (x *BinXML) name(s string) {
	if at, ok := x.names[s]; ok {
		x.Uint32(at)
		return
	}
	x.Uint32(x.place() + 4)
	x.names[s] = x.place()
	text := UTF16(s)
	x.enter(nameTable, 64, hash(text))
	x.Uint16(uint16(hash(text)))
	x.Uint16(uint16(len(text) / 2))
	x.Uint8(text...)
	x.Uint16(0)
}

// sized fills in the size of what was written behind the 4 bytes at that place.
func (x *BinXML) sized(at int) { binary.LittleEndian.PutUint32(x.b[at:], uint32(len(x.b)-at-4)) }

// Open begins an element with attributes: pairs of a name and what [BinXML.Value] takes.
func (x *BinXML) Open(name string, attributes ...any) {
	x.closeTag()
	token := byte(0x01)
	if len(attributes) > 0 {
		token = 0x41
	}
	x.Uint8(token, 0xFF, 0xFF) // depends on no value
	x.open, x.tag = append(x.open, len(x.b)), true
	x.Uint32(0)
	x.name(name)
	if len(attributes) == 0 {
		return
	}
	size := len(x.b)
	x.Uint32(0)
	for i := 0; i < len(attributes); i += 2 {
		token = 0x46
		if i+2 == len(attributes) {
			token = 0x06
		}
		x.Uint8(token)
		x.name(attributes[i].(string))
		x.value(attributes[i+1])
	}
	x.sized(size)
}

func (x *BinXML) closeTag() {
	if x.tag {
		x.Uint8(0x02)
	}
	x.tag = false
}

// Optional is the number of a value that may be missing, and with it the attribute or element that it stands in.
type Optional int

// Value writes content of the open element: text (string), or the place of a value of the template, by its number (int,
// [Optional]).
func (x *BinXML) Value(v any) {
	x.closeTag()
	x.value(v)
}

func (x *BinXML) value(v any) {
	switch v := v.(type) {
	case string:
		text := UTF16(v)
		x.Uint8(0x05, 0x01)
		x.Uint16(uint16(len(text) / 2))
		x.Uint8(text...)
	case int:
		x.substitution(0x0D, v)
	case Optional:
		x.substitution(0x0E, int(v))
	}
}

func (x *BinXML) substitution(token byte, i int) {
	x.Uint8(token)
	x.Uint16(uint16(i))
	x.Uint8(x.values[i].Type)
}

// End ends the element that was opened last.
func (x *BinXML) End() {
	if x.tag {
		x.Uint8(0x03)
	} else {
		x.Uint8(0x04)
	}
	x.tag = false
	last := len(x.open) - 1
	x.sized(x.open[last])
	x.open = x.open[:last]
}

// Leaf writes an element with one value.
func (x *BinXML) Leaf(name string, v any) {
	x.Open(name)
	x.Value(v)
	x.End()
}

// fragment writes what body does, with its frame.
func (x *BinXML) fragment(body func()) {
	x.Uint8(0x0F, 1, 1, 0)
	body()
	x.Uint8(0)
}

// Template writes an instance of a template, that of the chunk with that key, or else the one that body writes.
func (x *BinXML) Template(key string, values []Value, body func()) {
	h := fnv.New128a()
	h.Write([]byte(key))
	guid := h.Sum(nil)
	x.Uint8(0x0C, 1)
	x.Uint8(guid[:4]...)
	if at, ok := x.templates[key]; ok {
		x.Uint32(at)
	} else {
		x.Uint32(x.place() + 4)
		x.templates[key] = x.place()
		x.enter(templateTable, 32, hash(guid))
		x.Uint8(guid...)
		size := len(x.b)
		x.Uint32(0)
		outer := x.values
		x.values = values
		x.fragment(body)
		x.values = outer
		x.sized(size)
	}
	x.Uint32(uint32(len(values)))
	types := len(x.b)
	for _, v := range values {
		if v.Data == nil && v.XML == nil {
			v.Type = 0
		}
		x.Uint16(0)
		x.Uint8(v.Type, 0)
	}
	for i, v := range values {
		start := len(x.b)
		x.Uint8(v.Data...)
		if v.XML != nil {
			x.fragment(v.XML)
		}
		binary.LittleEndian.PutUint16(x.b[types+4*i:], uint16(len(x.b)-start))
	}
}

// A log is an .evtx that grows.
type log struct {
	full  []byte // the chunks that have no room left
	chunk *BinXML
	first uint64 // record of the chunk; records are counted from 1
	next  uint64
	last  int // place of the last record in the chunk
}

// Log returns a log of records, each as a function writes it; it may be called twice. The numbers, sizes and checksums
// of records, chunks and file are right. A record that a chunk has no room for is an error.
func Log(records ...func(*BinXML)) ([]byte, error) {
	l := newLog()
	for _, body := range records {
		if err := l.add(0, body); err != nil {
			return nil, err
		}
	}
	return l.bytes(), nil
}

func newLog() *log { return &log{chunk: newBinXML(), first: 1, next: 1, last: chunkHeader} }

// add writes a record into the chunk, or into a new one if it has no room left.
func (l *log) add(at etl.Time, body func(*BinXML)) error {
	size, ok := l.record(at, body)
	if !ok && l.next > l.first {
		l.flush()
		size, ok = l.record(at, body)
	}
	if !ok {
		return fmt.Errorf("a record of %d bytes, a chunk of the log has room for %d", size, chunkSize-chunkHeader)
	}
	l.next++
	return nil
}

// record writes a record and returns its size. It takes it back if it is too long for what is left of the chunk.
func (l *log) record(at etl.Time, body func(*BinXML)) (size int, ok bool) {
	x := l.chunk
	x.open, x.tag = x.open[:0], false
	header, start := [chunkHeader]byte(x.b), len(x.b)
	x.b = append(x.b, "**\x00\x00"...)
	x.Uint32(0)
	x.b = binary.LittleEndian.AppendUint64(x.b, l.next)
	x.b = binary.LittleEndian.AppendUint64(x.b, uint64(at))
	x.fragment(func() { body(x) })
	size = len(x.b) - start + 4
	if start+size <= chunkSize {
		binary.LittleEndian.PutUint32(x.b[start+4:], uint32(size))
		x.Uint32(uint32(size))
		l.last = start
		return size, true
	}
	x.b = x.b[:start]
	copy(x.b, header[:])
	gone := func(_ string, place uint32) bool { return int(place) >= start }
	maps.DeleteFunc(x.names, gone)
	maps.DeleteFunc(x.templates, gone)
	return size, false
}

// flush ends the chunk and begins another.
func (l *log) flush() {
	b := l.chunk.b
	end := len(b)
	last := l.next - 1
	if last < l.first {
		last = math.MaxUint64 // none
	}
	copy(b, "ElfChnk\x00")
	put32, put64 := binary.LittleEndian.PutUint32, binary.LittleEndian.PutUint64
	for i, n := range []uint64{l.first, last, l.first, last} { // in the file, and in the log that it may be a part of
		put64(b[8+8*i:], n)
	}
	put32(b[40:], 128) // size of the header without its tables
	put32(b[44:], uint32(l.last))
	put32(b[48:], uint32(end))
	put32(b[52:], crc32.ChecksumIEEE(b[chunkHeader:]))
	put32(b[120:], 1)
	put32(b[124:], crc32.Update(crc32.ChecksumIEEE(b[:120]), crc32.IEEETable, b[128:chunkHeader]))
	l.full = append(append(l.full, b...), make([]byte, chunkSize-end)...)
	l.chunk, l.first = newBinXML(), l.next
}

// bytes ends the log and returns it.
func (l *log) bytes() []byte {
	l.flush()
	chunks := len(l.full) / chunkSize
	b := make([]byte, fileHeader, fileHeader+len(l.full))
	copy(b, "ElfFile\x00")
	put16, put32, put64 := binary.LittleEndian.PutUint16, binary.LittleEndian.PutUint32, binary.LittleEndian.PutUint64
	put64(b[16:], uint64(chunks-1)) // the last one; the first is 0
	put64(b[24:], l.next)
	put32(b[32:], 128) // size of the header without what is reserved
	put16(b[36:], 1)   // version 3.1
	put16(b[38:], 3)
	put16(b[40:], fileHeader)
	put16(b[42:], uint16(chunks))
	put32(b[124:], crc32.ChecksumIEEE(b[:120]))
	return append(b, l.full...)
}
