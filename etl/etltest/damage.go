package etltest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// A Span is a buffer within a log, as its header tells.
type Span struct {
	Offset   int // of the header, in the log
	Size     int // with the header; less than the header says if the log ends before
	CPU      int
	Sequence int64
	Used     uint32 // bytes in use with the header; of compressed ones when unpacked
	Flags    uint16
	Type     uint16 // 4 for the first
}

// Buffers returns the buffers of a log in the order of the file. It ends at the first header that
// says nothing sensible about where the next one is.
func Buffers(log []byte) []Span {
	var spans []Span
	for at := 0; at+bufferHeaderSize <= len(log); {
		h := log[at:]
		size := int(le.Uint32(h))
		if size < bufferHeaderSize || size > 64<<20 {
			break
		}
		s := Span{
			Offset: at, Size: min(size, len(h)), CPU: int(h[0x28]), Sequence: int64(le.Uint64(h[0x18:])),
			Used: le.Uint32(h[0x30:]), Flags: le.Uint16(h[0x34:]), Type: le.Uint16(h[0x36:]),
		}
		if s.Flags&flagProcIndex != 0 {
			s.CPU = int(le.Uint16(h[0x28:]) & 0x7FF)
		}
		spans = append(spans, s)
		at += s.Size
	}
	return spans
}

// Join returns a log of these buffers of a log: in another order, without some, or with some twice.
func Join(log []byte, spans []Span) []byte {
	var b []byte
	for _, s := range spans {
		b = append(b, log[s.Offset:s.Offset+s.Size]...)
	}
	return b
}

// A HeaderField is a number in the header of a buffer: its offset, times 16, plus its bytes.
type HeaderField int

// The fields of a buffer header that a reader may look at.
const (
	BufferSize   HeaderField = 0x00<<4 | 4
	SavedOffset  HeaderField = 0x04<<4 | 4
	Timestamp    HeaderField = 0x10<<4 | 8
	Sequence     HeaderField = 0x18<<4 | 8
	Processor    HeaderField = 0x28<<4 | 2
	State        HeaderField = 0x2C<<4 | 4
	FilledOffset HeaderField = 0x30<<4 | 4
	BufferFlag   HeaderField = 0x34<<4 | 2
	BufferType   HeaderField = 0x36<<4 | 2
)

var headerFields = []HeaderField{BufferSize, SavedOffset, Timestamp, Sequence, Processor, State, FilledOffset, BufferFlag, BufferType}

// SetField returns a copy of a log in which the header of one buffer has another value.
func SetField(log []byte, s Span, f HeaderField, v uint64) []byte {
	b := bytes.Clone(log)
	copy(b[s.Offset+int(f>>4):], le.AppendUint64(nil, v)[:f&15])
	return b
}

// mutations are what Mutate does to a log; each changes b or returns another slice.
var mutations = []func(b []byte, r *rand.Rand) []byte{
	func(b []byte, r *rand.Rand) []byte { // a bit
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		return b
	},
	func(b []byte, r *rand.Rand) []byte { // a number at its extreme
		extremes := []uint32{0, 1, 7, 8, 71, 72, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, r.Uint32()}
		at := r.IntN(len(b))
		copy(b[at&^3:], le.AppendUint32(nil, extremes[r.IntN(len(extremes))]))
		return b
	},
	func(b []byte, r *rand.Rand) []byte { // a field of a buffer header
		if spans := Buffers(b); len(spans) > 0 {
			return SetField(b, spans[r.IntN(len(spans))], headerFields[r.IntN(len(headerFields))], r.Uint64()>>r.IntN(64))
		}
		return b
	},
	func(b []byte, r *rand.Rand) []byte { return b[:r.IntN(len(b))] }, // the tail missing
	func(b []byte, r *rand.Rand) []byte { // the tail zero
		clear(b[r.IntN(len(b)):])
		return b
	},
	func(b []byte, r *rand.Rand) []byte { // a hole
		at := r.IntN(len(b))
		clear(b[at:min(len(b), at+r.IntN(4096))])
		return b
	},
	func(b []byte, r *rand.Rand) []byte { // bytes that belong elsewhere
		from, to := r.IntN(len(b)), r.IntN(len(b))
		copy(b[to:], b[from:min(len(b), from+r.IntN(256))])
		return b
	},
	func(b []byte, r *rand.Rand) []byte { // another order
		spans := Buffers(b)
		r.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
		return Join(b, spans)
	},
}

// Mutate returns a copy of a log with one to four random mistakes.
func Mutate(log []byte, r *rand.Rand) []byte {
	b := bytes.Clone(log)
	for range 1 + r.IntN(4) {
		if len(b) > 0 {
			b = mutations[r.IntN(len(mutations))](b, r)
		}
	}
	return b
}

// oneEvent is the record that Bomb repeats.
const oneEvent = "+0 cpu0 1432:2280 WebIO/104 act=0x20/0x1000 Request=0x1000 Connection=0x3000"

// Bomb returns a compressed log with one small buffer for each of cpus CPUs that claims to unpack
// to size bytes of records. If filled is set it does; else one record comes and then no more.
func Bomb(cpus, size int, filled bool) ([]byte, error) {
	t, err := Parse(oneEvent)
	if err != nil {
		return nil, err
	}
	l := Log{Compress: Xpress, CPUs: cpus}
	l = l.withDefaults(cpus, 0)
	enc, err := newEncoder(t, &l)
	if err != nil {
		return nil, err
	}
	var records []byte
	err = enc.encode(&t.Events[0], func(rec []byte, _ int64) error { records = rec; return nil })
	if err != nil {
		return nil, err
	}
	if filled {
		records = bytes.Repeat(records, (size-bufferHeaderSize)/len(records))
		size = bufferHeaderSize + len(records)
	}
	packed := appendXpress(nil, records)
	log, err := l.headerBuffer(1 + cpus)
	if err != nil {
		return nil, err
	}
	for cpu := range cpus {
		h := bufferHeader{
			size: bufferHeaderSize + len(packed), saved: size, offset: size, timestamp: enc.base.ticks,
			sequence: int64(1 + cpu), state: 3, flags: flagCompressed,
		}
		h.processor(&l, cpu)
		log = append(h.append(log), packed...)
	}
	return log, nil
}

// ExtendedItems returns a log whose events have n extended data items in all, as many to an event
// as a record can hold.
func ExtendedItems(n int) ([]byte, error) {
	const most = 8000
	var t Trace
	for ; n > 0; n -= most {
		ev := Event{Provider: NameGUID("Items"), ID: 1}
		for range min(n, most) {
			ev.Attrs = append(ev.Attrs, Field{Name: "ext", Value: "7:"})
		}
		t.Events = append(t.Events, ev)
	}
	return t.Bytes()
}

// DeepStructs returns a log with an event whose payload is a struct within a struct and so on,
// depth of them around one number, three times: described by TraceLogging, by embedded metadata,
// and by embedded metadata in which the innermost struct has the outermost as its member.
func DeepStructs(depth int) ([]byte, error) {
	value := strings.Repeat("{S:Struct=", depth-1) + "{N:UInt32=7}" + strings.Repeat("}", depth-1)
	t, err := Parse(fmt.Sprintf(`
provider Deep
tlg Deep Nested S:Struct=%[1]s
embed Deep/1 S:Struct=%[1]s
Deep/1 N:UInt32=7
embed Deep/2 S:Struct=%[1]s
Deep/2 N:UInt32=7
`, value))
	if err != nil {
		return nil, err
	}
	log, err := t.Bytes()
	if err != nil {
		return nil, err
	}
	// The descriptions are in the order of the events; the innermost struct is the property before last.
	const header, info, propertySize, structStart = 0x30, 0x70, 24, 0x08
	second := bytes.LastIndex(log, metadataClass[:]) - 0x18 + header
	le.PutUint16(log[second+info+propertySize*(depth-1)+structStart:], 0)
	return log, nil
}
