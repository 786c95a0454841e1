package eventlog

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/etwhy/etwhy/decode/cursor"
	"github.com/etwhy/etwhy/decode/xmlscan"
	"github.com/etwhy/etwhy/etl"
)

const (
	fileMagic   = "ElfFile\x00"
	chunkMagic  = "ElfChnk\x00"
	recordMagic = "**\x00\x00"

	chunkSize    = 64 << 10
	chunkHeader  = 512
	recordHeader = 24
	recordFrame  = recordHeader + 4 // the size is there again at the end
	templateHead = 24               // next template, GUID, size

	// chunkBudget is how much a chunk may unfold to: bytes of values, and tokenCost for each piece of binary
	// XML. Real chunks need less than a tenth.
	chunkBudget = 8 << 20
	tokenCost   = 16
	maxNesting  = 8 // of templates in templates; real events have 2
)

// A chunk is 64 KB of an .evtx; everything in it refers to places in it.
type chunk struct {
	data   []byte
	base   int64 // offset in the file
	names  map[uint32]string
	budget int
	build  *builder
	fault  error  // of the record being read
	text   []byte // scratch
}

// readEVTX reads chunk after chunk. The file's own count of chunks is not looked at: it is stale while a log is open.
func (r *Reader) readEVTX(yield func(*Entry, error) bool) error {
	var head [128]byte
	start := int64(4096)
	if _, err := r.r.ReadAt(head[:], 0); err == nil {
		if n := int64(binary.LittleEndian.Uint16(head[40:])); n >= 128 {
			start = n
		}
		if major := binary.LittleEndian.Uint16(head[38:]); major != 3 {
			r.note(BadHeader, 38, "its version is %d, not 3", major)
		}
	}
	buffer := make([]byte, chunkSize)
	c := &chunk{names: map[uint32]string{}, build: &r.build}
	for offset := start; offset < r.size; offset += chunkSize {
		data := buffer[:min(chunkSize, r.size-offset)]
		n, err := r.r.ReadAt(data, offset)
		if err != nil && err != io.EOF {
			return err
		}
		if n == 0 { // the file is shorter than it was told to be
			return nil
		}
		if !r.readChunk(c, data[:n], offset, yield) {
			return nil
		}
	}
	return nil
}

// readChunk yields the records of a chunk. It returns false if no more are wanted.
func (r *Reader) readChunk(c *chunk, data []byte, base int64, yield func(*Entry, error) bool) bool {
	if len(data) < chunkHeader || string(data[:len(chunkMagic)]) != chunkMagic {
		if len(bytes.Trim(data, "\x00")) > 0 { // logs grow by empty chunks
			r.note(BadChunk, base, "the chunk is damaged and passed over, with the events in it")
		}
		return true
	}
	if len(data) < chunkSize {
		r.note(CutChunk, base, "the chunk is cut off at %d bytes", len(data))
	}
	c.data, c.base, c.budget = data, base, chunkBudget
	clear(c.names)
	free := int(binary.LittleEndian.Uint32(data[48:]))
	if free < chunkHeader || free > chunkSize {
		r.note(BadHeader, base+48, "the chunk tells a wrong place of its free space: %d", free)
		free = chunkSize
	}
	var last uint64
	for at := chunkHeader; at+recordFrame <= len(data); {
		head := data[at : at+recordHeader]
		size := int(binary.LittleEndian.Uint32(head[4:]))
		id := binary.LittleEndian.Uint64(head[8:])
		whole := string(head[:4]) == recordMagic && size >= recordFrame && size <= len(data)-at &&
			int(binary.LittleEndian.Uint32(data[at+size-4:])) == size
		// Behind the free space lie records of an older round, or new ones that an open log's header lacks.
		if at >= free && (!whole || id != last+1) {
			break
		}
		if !whole {
			next := bytes.Index(data[at+1:], []byte(recordMagic))
			if len(data) == chunkSize {
				r.note(BadRecord, base+int64(at), "the record is damaged and passed over")
			}
			if next < 0 {
				break
			}
			at += 1 + next
			continue
		}
		last = id
		c.build.begin(base + int64(at))
		c.fault = nil
		c.fragment(at+recordHeader, at+size-4, nil, 0)
		if c.budget <= 0 {
			r.note(Excess, base+int64(at), "the chunk unfolds to more than %d MB: its rest is passed over", chunkBudget>>20)
			return true
		}
		e := &c.build.entry
		if !c.build.marks.record {
			e.Record = id
		}
		switch {
		case c.fault != nil && !c.build.unwanted:
			r.note(BadXML, e.Offset, "the event is damaged and read in part: %v", c.fault)
		case c.build.empty():
			r.note(BadXML, e.Offset, "the event is damaged and passed over: nothing tells whose it is")
		}
		if !c.build.empty() && !r.emit(yield) {
			return false
		}
		at += size
	}
	return true
}

// A value is one of those that a template is filled with.
type value struct {
	kind       uint8
	start, end int // in the chunk
}

// Tokens of binary XML; 0x40 on top means that more of the kind follow, or attributes.
const (
	endToken         = 0x00
	openToken        = 0x01
	closeStartToken  = 0x02
	closeEmptyToken  = 0x03
	endElementToken  = 0x04
	valueToken       = 0x05
	attributeToken   = 0x06
	cdataToken       = 0x07
	charToken        = 0x08
	entityToken      = 0x09
	piTargetToken    = 0x0A
	piDataToken      = 0x0B
	templateToken    = 0x0C
	substitution     = 0x0D
	optional         = 0x0E
	fragmentToken    = 0x0F
	moreFlag         = 0x40
	arrayFlag        = 0x80
	binXMLType       = 0x21
	fragmentOverhead = 3
)

func (c *chunk) fail(at int, format string, args ...any) bool {
	if c.fault == nil {
		c.fault = &cursor.FormatError{Name: "binary XML", Offset: c.base + int64(at), Msg: fmt.Sprintf(format, args...)}
	}
	return false
}

// fragment tells the builder what stands in data[at:end], filled with values. It returns false if the rest of the event
// is damaged or not wanted.
func (c *chunk) fragment(at, end int, values []value, nesting int) bool {
	if nesting > maxNesting {
		return c.fail(at, "templates are nested more than %d deep", maxNesting)
	}
	cur := cursor.New("binary XML", c.data[at:end], int64(at))
	attribute := "" // whose value comes next
	c.text = c.text[:0]
	flush := func() {
		if attribute != "" {
			c.build.attribute(attribute, c.text)
			attribute = ""
		} else if len(c.text) > 0 {
			c.build.text(c.text)
		}
		c.text = c.text[:0]
	}
	opened := 0
	for cur.Len() > 0 {
		if c.budget -= tokenCost; c.budget <= 0 || c.build.unwanted {
			return false
		}
		place := int(cur.Offset())
		token := cur.Uint8()
		kind := token &^ moreFlag
		if kind != valueToken && kind != substitution && kind != optional && kind != charToken && kind != entityToken && kind != cdataToken {
			flush()
		}
		switch kind {
		case endToken:
			return true
		case openToken:
			dependency, size := int(cur.Uint16()), int(cur.Uint32())
			if dependency < len(values) && values[dependency].start == values[dependency].end {
				cur.Skip(size) // an element for a value that is not there
				break
			}
			name := c.name(&cur)
			if token&moreFlag != 0 {
				cur.Skip(4) // size of the attributes
			}
			if opened++; opened > maxDepth {
				return c.fail(place, "elements are nested more than %d deep", maxDepth)
			}
			if cur.Err() == nil {
				c.build.open(name)
			}
		case closeStartToken:
		case closeEmptyToken, endElementToken:
			if opened--; opened < 0 {
				return c.fail(place, "an end of an element that was not begun")
			}
			c.build.end()
		case valueToken:
			cur.Skip(1) // type: string
			c.append16(cur.Bytes(2 * int(cur.Uint16())))
		case attributeToken:
			attribute = c.name(&cur)
		case cdataToken, piDataToken:
			text := cur.Bytes(2 * int(cur.Uint16()))
			if kind == cdataToken {
				c.append16(text)
			}
		case charToken:
			c.text = utf8.AppendRune(c.text, rune(cur.Uint16()))
		case entityToken:
			if char, ok := xmlscan.Reference([]byte(c.name(&cur))); ok {
				c.text = utf8.AppendRune(c.text, char)
			}
		case piTargetToken:
			c.name(&cur)
		case templateToken:
			if !c.template(&cur, nesting) {
				return false
			}
		case substitution, optional:
			id := int(cur.Uint16())
			cur.Skip(1)
			if cur.Err() != nil || id >= len(values) {
				break
			}
			if v := values[id]; v.kind == binXMLType {
				flush()
				if !c.fragment(v.start, v.end, nil, nesting+1) {
					return false
				}
			} else {
				c.append(v, attribute == "")
			}
		case fragmentToken:
			cur.Skip(fragmentOverhead)
		default:
			return c.fail(place, "token %#x is unknown", token)
		}
	}
	if err := cur.Err(); err != nil {
		return c.fail(int(cur.Offset()), "it ends too soon")
	}
	flush()
	return true
}

// name reads a reference to a name, and the name itself if it stands right there.
func (c *chunk) name(cur *cursor.Cursor) string {
	at := cur.Uint32()
	if cur.Err() != nil {
		return ""
	}
	from := cursor.New("name", nil, int64(at))
	if uint64(at) < uint64(len(c.data)) {
		from = cursor.New("name", c.data[at:], int64(at))
	}
	from.Skip(4 + 2) // next name, hash
	n := int(from.Uint16())
	text := from.Bytes(2 * n)
	if from.Err() != nil {
		cur.Fail(nil, "a name lies outside of the chunk: %#x", at)
		return ""
	}
	if int64(at) == cur.Offset() {
		cur.Skip(4 + 2 + 2 + 2*n + 2)
	}
	name, ok := c.names[at]
	if !ok {
		c.budget -= 2 * n
		name = c.build.intern(decode16(nil, text))
		c.names[at] = name
	}
	return name
}

// template reads an instance: where the template is, and the values to fill it with.
func (c *chunk) template(cur *cursor.Cursor, nesting int) bool {
	place := int(cur.Offset())
	cur.Skip(1 + 4) // version, id
	at := int64(cur.Uint32())
	head := cursor.New("template", nil, at)
	if at < int64(len(c.data)) {
		head = cursor.New("template", c.data[at:], at)
	}
	head.Skip(templateHead - 4)
	size := int(head.Uint32())
	body := int(head.Offset())
	if head.Bytes(size) == nil {
		return c.fail(place, "the template lies outside of the chunk: %#x", at)
	}
	if at == cur.Offset() {
		cur.Skip(templateHead + size)
	}
	count := int64(cur.Uint32())
	if cur.Err() != nil || count*4 > int64(cur.Len()) {
		return c.fail(place, "%d values are told, %d bytes left", count, cur.Len())
	}
	c.budget -= 4 * int(count)
	values := make([]value, count) // each has 4 bytes, checked above
	start := int(cur.Offset()) + 4*len(values)
	for i := range values {
		n := int(cur.Uint16())
		values[i] = value{kind: cur.Uint8(), start: start, end: start + n}
		cur.Skip(1)
		start += n
	}
	if start-int(cur.Offset()) > cur.Len() {
		return c.fail(place, "values are longer than the record")
	}
	cur.Skip(start - int(cur.Offset()))
	return c.fragment(body, body+size, values, nesting+1)
}

func (c *chunk) append16(text []byte) {
	c.budget -= len(text)
	c.text = decode16(c.text, text)
}

// decode16 appends UTF-16LE text as UTF-8. Half a character is replaced.
func decode16(dst, text []byte) []byte {
	for i := 0; i+1 < len(text); i += 2 {
		r := rune(binary.LittleEndian.Uint16(text[i:]))
		switch {
		case r < utf8.RuneSelf:
			dst = append(dst, byte(r))
			continue
		case 0xD800 <= r && r < 0xDC00 && i+3 < len(text):
			if low := rune(binary.LittleEndian.Uint16(text[i+2:])); 0xDC00 <= low && low < 0xE000 {
				r = (r-0xD800)<<10 | (low - 0xDC00) + 0x10000
				i += 2
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// append appends a value to the text, as Windows writes it. An array becomes one element for each of
// its values, where elements is true.
func (c *chunk) append(v value, elements bool) {
	data := c.data[v.start:v.end]
	c.budget -= 3 * len(data)
	kind := v.kind &^ arrayFlag
	f, ok := formats[kind]
	if !ok {
		c.text = appendHex(c.text, data)
		return
	}
	if v.kind&arrayFlag == 0 {
		if len(data) > 0 {
			c.text = f.append(c.text, data)
		}
		return
	}
	for first := true; len(data) > 0; first = false {
		n := f.size
		if n == 0 {
			n = terminated(data, kind)
		}
		if n = min(n, len(data)); n == 0 {
			return
		}
		if c.budget -= tokenCost; c.budget <= 0 {
			return
		}
		if !first && elements {
			c.build.text(c.text)
			c.text = c.text[:0]
			c.build.again()
		} else if !first {
			c.text = append(c.text, ' ')
		}
		c.text = f.append(c.text, data[:n])
		data = data[n:]
	}
}

// terminated returns the length of the string at the start of data, with its NUL.
func terminated(data []byte, kind uint8) int {
	if kind == ansiType {
		if n := bytes.IndexByte(data, 0); n >= 0 {
			return n + 1
		}
		return len(data)
	}
	for i := 0; i+1 < len(data); i += 2 {
		if data[i] == 0 && data[i+1] == 0 {
			return i + 2
		}
	}
	return len(data)
}

// A format is how a type of value is written; its size within an array, 0 = up to a NUL.
type format struct {
	size   int
	append func(dst, data []byte) []byte
}

const (
	stringType = 0x01
	ansiType   = 0x02
)

// formats are the types of values ([MS-EVEN6] 2.2.12, BinXml types).
var formats = map[uint8]format{
	0x00:       {1, func(dst, _ []byte) []byte { return dst }}, // no value
	stringType: {0, func(dst, data []byte) []byte { return decode16(dst, trimNUL(data, 2)) }},
	ansiType:   {0, appendANSI},
	0x03:       {1, signed}, 0x05: {2, signed}, 0x07: {4, signed}, 0x09: {8, signed},
	0x04: {1, unsigned}, 0x06: {2, unsigned}, 0x08: {4, unsigned}, 0x0A: {8, unsigned},
	0x0B: {4, float}, 0x0C: {8, float},
	0x0D: {4, func(dst, data []byte) []byte { return strconv.AppendBool(dst, little(data) != 0) }},
	0x0E: {1, appendHex},
	0x0F: {16, appendGUID},
	0x10: {8, hexadecimal}, 0x14: {4, hexadecimal}, 0x15: {8, hexadecimal},
	0x11: {8, func(dst, data []byte) []byte { return etl.Time(little(data)).AppendText(dst) }},
	0x12: {16, appendSystemTime},
	0x13: {12, appendSID},
}

// trimNUL cuts NUL characters of that many bytes off the end.
func trimNUL(data []byte, size int) []byte {
	for n := len(data); n >= size && (data[n-1] == 0 && data[n-size] == 0); n = len(data) {
		data = data[:n-size]
	}
	return data
}

// little reads a number of up to 8 bytes.
func little(data []byte) (n uint64) {
	for i, b := range data[:min(len(data), 8)] {
		n |= uint64(b) << (8 * i)
	}
	return n
}

func signed(dst, data []byte) []byte {
	shift := 64 - 8*min(len(data), 8)
	return strconv.AppendInt(dst, int64(little(data)<<shift)>>shift, 10)
}

func unsigned(dst, data []byte) []byte { return strconv.AppendUint(dst, little(data), 10) }

func hexadecimal(dst, data []byte) []byte {
	return strconv.AppendUint(append(dst, "0x"...), little(data), 16)
}

func float(dst, data []byte) []byte {
	if len(data) == 4 {
		return strconv.AppendFloat(dst, float64(math.Float32frombits(uint32(little(data)))), 'g', -1, 32)
	}
	return strconv.AppendFloat(dst, math.Float64frombits(little(data)), 'g', -1, 64)
}

func appendHex(dst, data []byte) []byte {
	n := len(dst)
	dst = hex.AppendEncode(dst, data)
	copy(dst[n:], bytes.ToUpper(dst[n:]))
	return dst
}

func appendANSI(dst, data []byte) []byte {
	for _, b := range trimNUL(data, 1) {
		dst = utf8.AppendRune(dst, charmap.Windows1252.DecodeByte(b))
	}
	return dst
}

func appendGUID(dst, data []byte) []byte {
	if len(data) != 16 {
		return appendHex(dst, data)
	}
	return append(append(append(dst, '{'), etl.GUID(data).String()...), '}')
}

func appendSystemTime(dst, data []byte) []byte {
	if len(data) != 16 {
		return appendHex(dst, data)
	}
	f := func(i int) int { return int(binary.LittleEndian.Uint16(data[2*i:])) }
	return fmt.Appendf(dst, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", f(0), f(1), f(3), f(4), f(5), f(6), f(7))
}

func appendSID(dst, data []byte) []byte {
	if len(data) < 8 || len(data) != 8+4*int(data[1]) {
		return appendHex(dst, data)
	}
	authority := uint64(binary.BigEndian.Uint16(data[2:]))<<32 | uint64(binary.BigEndian.Uint32(data[4:]))
	dst = fmt.Appendf(dst, "S-%d-%d", data[0], authority)
	for data = data[8:]; len(data) > 0; data = data[4:] {
		dst = strconv.AppendUint(append(dst, '-'), uint64(binary.LittleEndian.Uint32(data)), 10)
	}
	return dst
}
