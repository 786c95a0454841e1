package decode

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/etwhy/etwhy/decode/schema"
)

// A form says how the size of a value is found.
type form uint8

const (
	unknownForm form = iota
	fixed            // so many bytes
	pointer          // 4 or 8, by the record
	text             // so many characters, or up to NUL
	blob             // so many bytes, or all that are left
	counted          // a count of bytes in front, little-endian
	reversed         // the same, big-endian
	rest             // all that are left
	sid              // tells its own length
	wbem             // TOKEN_USER and SID, see wbemSID
	members          // a struct
)

// An inType is what there is to know about a schema.InType.
type inType struct {
	form  form
	bytes uint8 // of a fixed value, of a character of text, of the count of a counted value
	style style // of a value without an OutType
}

var inTypes = [...]inType{
	schema.Null:               {fixed, 0, null},
	schema.UnicodeString:      {text, 2, text16},
	schema.AnsiString:         {text, 1, text8},
	schema.Int8:               {fixed, 1, signed},
	schema.UInt8:              {fixed, 1, unsigned},
	schema.Int16:              {fixed, 2, signed},
	schema.UInt16:             {fixed, 2, unsigned},
	schema.Int32:              {fixed, 4, signed},
	schema.UInt32:             {fixed, 4, unsigned},
	schema.Int64:              {fixed, 8, signed},
	schema.UInt64:             {fixed, 8, unsigned},
	schema.Float:              {fixed, 4, float},
	schema.Double:             {fixed, 8, float},
	schema.Boolean:            {fixed, 4, boolean},
	schema.Binary:             {blob, 1, binaryHex},
	schema.GUID:               {fixed, 16, guid},
	schema.Pointer:            {pointer, 0, hexNumber},
	schema.FileTime:           {fixed, 8, fileTime},
	schema.SystemTime:         {fixed, 16, systemTime},
	schema.SID:                {sid, 0, sidText},
	schema.HexInt32:           {fixed, 4, hexNumber},
	schema.HexInt64:           {fixed, 8, hexNumber},
	schema.CountedString:      {counted, 2, text16},
	schema.CountedAnsiString:  {counted, 2, text8},
	schema.Struct:             {members, 0, composite},
	schema.CountedBinary:      {counted, 2, binaryHex},
	schema.MOFCountedString:   {counted, 2, text16},
	schema.MOFCountedAnsi:     {counted, 2, text8},
	schema.ReversedString:     {reversed, 2, text16},
	schema.ReversedAnsi:       {reversed, 2, text8},
	schema.UnterminatedString: {rest, 0, text16},
	schema.UnterminatedAnsi:   {rest, 0, text8},
	schema.UnicodeChar:        {fixed, 2, character},
	schema.AnsiChar:           {fixed, 1, character},
	schema.SizeT:              {pointer, 0, unsigned},
	schema.HexDump:            {counted, 4, binaryHex},
	schema.WbemSID:            {wbem, 0, sidText},
}

func typeOf(in schema.InType) inType {
	if int(in) < len(inTypes) {
		return inTypes[in]
	}
	return inType{}
}

// A span says where a field lies in a payload.
type span struct {
	start, end int32 // without the count of an array in front
	count      int32 // elements; -1 if the field is no array
	length     int32 // of each element, in the unit of Field.Length; -1 if it has none
}

// A fault is what stopped a walk.
type fault struct {
	kind       faultKind
	field      *schema.Field
	need, left int // bytes, of a cutShort
}

type faultKind uint8

const (
	noFault        faultKind = iota
	cutShort                 // the payload ends before the field does
	unknownType              // an InType without a form
	unknownMembers           // a struct whose members the description does not tell
	badReference             // a size that refers to no number
	emptyElements            // an array of many structs without a byte
	badSID                   // neither a SID nor the mark of none
)

func (f fault) String() string {
	switch f.kind {
	case cutShort:
		return fmt.Sprintf("the payload ends early: %s needs %d bytes, %d are left", f.field.Name, f.need, f.left)
	case unknownType:
		return fmt.Sprintf("%s has the unknown type %d", f.field.Name, f.field.In)
	case unknownMembers:
		return fmt.Sprintf("the members of %s are not known", f.field.Name)
	case badReference:
		return fmt.Sprintf("the size of %s refers to no number", f.field.Name)
	case emptyElements:
		return fmt.Sprintf("the elements of %s are empty", f.field.Name)
	case badSID:
		return fmt.Sprintf("%s holds no SID", f.field.Name)
	}
	return ""
}

// A walker lays fields over payloads. Whatever described the fields, this is the one place that
// knows how values lie in memory.
type walker struct {
	pointer int // bytes of an address
	fault   fault
}

func (w *walker) stop(f fault) {
	if w.fault.kind == noFault {
		w.fault = f
	}
}

// walk appends to spans where each field lies in data, and returns the bytes used. At a fault it
// stops; the field at fault is there if it has at least something.
func (w *walker) walk(fields []schema.Field, data []byte, spans []span) ([]span, int) {
	first, at := len(spans), 0
	for i := range fields {
		s, next, ok := w.field(fields, i, spans[first:], data, at)
		at = next
		if ok {
			spans = append(spans, s)
		}
		if !ok || w.fault.kind != noFault {
			break
		}
	}
	return spans, at
}

// measure is walk for those who want nothing but the bytes used: it keeps the spans of a struct off
// the heap.
func (w *walker) measure(fields []schema.Field, data []byte) int {
	var buf [16]span
	spans, at := buf[:0], 0
	for i := range fields {
		s, next, ok := w.field(fields, i, spans, data, at)
		at = next
		if ok {
			spans = append(spans, s)
		}
		if !ok || w.fault.kind != noFault {
			break
		}
	}
	return at
}

// field measures fields[i], which begins at data[at], and returns where the next one does. spans are
// those of the fields before. ok is false if there is nothing of the field.
func (w *walker) field(fields []schema.Field, i int, spans []span, data []byte, at int) (s span, next int, ok bool) {
	f := &fields[i]
	t := typeOf(f.In)
	if t.form == fixed && f.Count.Kind == schema.Unset && int(t.bytes) <= len(data)-at {
		next = at + int(t.bytes)
		return span{int32(at), int32(next), -1, -1}, next, true
	}
	if at == len(data) && i == len(fields)-1 && t.form == text && f.Length.Kind == schema.Unset && f.Count.Kind == schema.Unset {
		return s, at, false // some writers leave out a last string; nothing of the payload is lost
	}
	var lengthOK, countOK bool
	s.length, lengthOK = size(f.Length, fields[:i], spans, data)
	s.count, countOK = size(f.Count, fields[:i], spans, data)
	if !lengthOK || !countOK {
		w.stop(fault{kind: badReference, field: f})
		return s, at, false
	}
	if f.Count.Kind == schema.Prefixed {
		if len(data)-at < 2 {
			w.stop(fault{cutShort, f, 2, len(data) - at})
			return s, at, false
		}
		s.count = int32(binary.LittleEndian.Uint16(data[at:]))
		at += 2
	}
	n := 0
	if f.Count.Kind == schema.Unset {
		n = w.value(f, s.length, data[at:])
	} else {
		n, s.count = w.array(f, s.count, s.length, data[at:])
	}
	s.start, s.end = int32(at), int32(at+n)
	return s, at + n, n > 0 || w.fault.kind == noFault
}

// size returns the number that s stands for, or -1 if it stands for none. earlier are the fields
// before, and spans where they lie.
func size(s schema.Size, earlier []schema.Field, spans []span, data []byte) (n int32, ok bool) {
	switch s.Kind {
	case schema.Fixed:
		return int32(s.N), true
	case schema.ByField:
		if int(s.N) >= len(spans) || spans[s.N].count >= 0 {
			return -1, false
		}
		at := spans[s.N]
		n, ok := number(&earlier[s.N], data[at.start:at.end])
		return int32(min(n, math.MaxInt32)), ok
	}
	return -1, true
}

// array measures count values of f at the start of data. It returns the elements that are there.
func (w *walker) array(f *schema.Field, count, length int32, data []byte) (used int, elements int32) {
	if n, ok := w.constant(f, length); ok {
		if n == 0 {
			return 0, min(count, int32(len(data)))
		}
		if need := int64(n) * int64(count); need > int64(len(data)) {
			w.stop(fault{cutShort, f, int(min(need, math.MaxInt32)), len(data)})
			count = int32(len(data) / n)
		}
		return n * int(count), count
	}
	for elements < count && w.fault.kind == noFault {
		n := w.value(f, length, data[used:])
		used += n
		if w.fault.kind == noFault || n > 0 {
			elements++
		}
		if n == 0 && count > 1 {
			w.stop(fault{kind: emptyElements, field: f})
		}
	}
	return used, elements
}

// constant returns the size of a value of f if it is the same for all.
func (w *walker) constant(f *schema.Field, length int32) (n int, ok bool) {
	t := typeOf(f.In)
	switch t.form {
	case fixed:
		return int(t.bytes), true
	case pointer:
		return w.pointer, true
	case text, blob:
		if length >= 0 && length <= math.MaxUint16 {
			return int(length) * int(t.bytes), true
		}
	}
	return 0, false
}

// value measures one value of f at the start of data.
func (w *walker) value(f *schema.Field, length int32, data []byte) int {
	t := typeOf(f.In)
	if prefixed(f) {
		if len(data) < 2 {
			return w.whole(f, 2, data)
		}
		return w.clipped(f, 2+int64(binary.LittleEndian.Uint16(data))*int64(t.bytes), data)
	}
	switch t.form {
	case fixed:
		return w.whole(f, int64(t.bytes), data)
	case pointer:
		return w.whole(f, int64(w.pointer), data)
	case text:
		if length >= 0 {
			return w.clipped(f, int64(length)*int64(t.bytes), data)
		}
		if len(data) == 0 {
			return w.whole(f, int64(t.bytes), data)
		}
		return terminated(data, int(t.bytes))
	case blob:
		switch {
		case length >= 0:
			return w.clipped(f, int64(length), data)
		case f.Out == schema.OutIPv6:
			return w.whole(f, 16, data)
		}
		return len(data)
	case counted, reversed:
		n, ok := prefix(t, data)
		if !ok {
			return w.whole(f, int64(t.bytes), data)
		}
		return w.clipped(f, int64(t.bytes)+n, data)
	case rest:
		return len(data)
	case sid:
		if len(data) < 8 {
			return w.whole(f, 8, data)
		}
		return w.whole(f, 8+4*int64(data[1]), data)
	case wbem:
		skip, size, ok := wbemSID(data, w.pointer)
		if !ok {
			w.stop(fault{kind: badSID, field: f})
			return 0
		}
		return skip + size
	case members:
		if f.Fields == nil {
			w.stop(fault{kind: unknownMembers, field: f})
			return 0
		}
		return w.measure(f.Fields, data)
	}
	w.stop(fault{kind: unknownType, field: f})
	return 0
}

// prefixed reports whether the payload has the length of a text or blob in front of it.
func prefixed(f *schema.Field) bool {
	form := typeOf(f.In).form
	return f.Length.Kind == schema.Prefixed && (form == text || form == blob)
}

// whole returns n if data has so many bytes; else it stops the walk and returns 0: half a number is none.
func (w *walker) whole(f *schema.Field, n int64, data []byte) int {
	if n > int64(len(data)) {
		w.stop(fault{cutShort, f, int(min(n, math.MaxInt32)), len(data)})
		return 0
	}
	return int(n)
}

// clipped returns n or, if data has fewer bytes, stops the walk and returns those there are: half a
// text is worth reading.
func (w *walker) clipped(f *schema.Field, n int64, data []byte) int {
	if n > int64(len(data)) {
		w.stop(fault{cutShort, f, int(min(n, math.MaxInt32)), len(data)})
		return len(data)
	}
	return int(n)
}

// prefix reads the count of bytes in front of a counted value. ok is false if data is too short for it.
func prefix(t inType, data []byte) (n int64, ok bool) {
	switch {
	case len(data) < int(t.bytes):
		return 0, false
	case t.form == reversed:
		return int64(binary.BigEndian.Uint16(data)), true
	case t.bytes == 4:
		return int64(binary.LittleEndian.Uint32(data)), true
	}
	return int64(binary.LittleEndian.Uint16(data)), true
}

// terminated returns the bytes of text of characters of size bytes at the start of data, up to and
// with its NUL. Text that runs to the end of the payload may lack the NUL.
func terminated(data []byte, size int) int {
	if i := indexNUL(data, size); i >= 0 {
		return i + size
	}
	return len(data)
}

// number returns the value of a field that holds a whole number, zero-extended from its size, in
// the byte order of its meaning.
func number(f *schema.Field, data []byte) (n uint64, ok bool) {
	switch typeOf(f.In).style {
	case signed, unsigned, hexNumber, boolean, character, fileTime:
	default:
		return 0, false
	}
	switch len(data) {
	case 1:
		return uint64(data[0]), true
	case 2:
		if f.Out == schema.OutPort {
			return uint64(binary.BigEndian.Uint16(data)), true
		}
		return uint64(binary.LittleEndian.Uint16(data)), true
	case 4:
		return uint64(binary.LittleEndian.Uint32(data)), true
	case 8:
		return binary.LittleEndian.Uint64(data), true
	}
	return 0, false
}
