package etltest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// inTypes are the types of values with their names in the text form and, after "win:", in manifests.
var inTypes = []struct {
	name string
	in   schema.InType
}{
	{"Null", schema.Null},
	{"UnicodeString", schema.UnicodeString},
	{"AnsiString", schema.AnsiString},
	{"Int8", schema.Int8},
	{"UInt8", schema.UInt8},
	{"Int16", schema.Int16},
	{"UInt16", schema.UInt16},
	{"Int32", schema.Int32},
	{"UInt32", schema.UInt32},
	{"Int64", schema.Int64},
	{"UInt64", schema.UInt64},
	{"Float", schema.Float},
	{"Double", schema.Double},
	{"Boolean", schema.Boolean},
	{"Binary", schema.Binary},
	{"GUID", schema.GUID},
	{"Pointer", schema.Pointer},
	{"FILETIME", schema.FileTime},
	{"SYSTEMTIME", schema.SystemTime},
	{"SID", schema.SID},
	{"HexInt32", schema.HexInt32},
	{"HexInt64", schema.HexInt64},
	{"CountedString", schema.CountedString},
	{"CountedAnsiString", schema.CountedAnsiString},
	{"Struct", schema.Struct},
	{"CountedBinary", schema.CountedBinary},
	{"MOFCountedString", schema.MOFCountedString},
	{"MOFCountedAnsi", schema.MOFCountedAnsi},
	{"ReversedString", schema.ReversedString},
	{"ReversedAnsi", schema.ReversedAnsi},
	{"UnterminatedString", schema.UnterminatedString},
	{"UnterminatedAnsi", schema.UnterminatedAnsi},
	{"UnicodeChar", schema.UnicodeChar},
	{"AnsiChar", schema.AnsiChar},
	{"SizeT", schema.SizeT},
	{"HexDump", schema.HexDump},
	{"WbemSID", schema.WbemSID},
}

func inType(name string) (schema.InType, bool) {
	for _, t := range inTypes {
		if strings.EqualFold(t.name, name) {
			return t.in, true
		}
	}
	return 0, false
}

// outTypes gives the number of an out type in TRACE_EVENT_INFO and, where it has one, in
// TraceLogging. Names are in lower case here; in the text case does not matter.
var outTypes = map[string]struct {
	out schema.OutType
	tlg byte
}{
	"string": {schema.OutString, 2}, "datetime": {schema.OutDateTime, 0}, "byte": {schema.OutByte, 17},
	"unsignedbyte": {schema.OutUByte, 18}, "short": {schema.OutShort, 17}, "unsignedshort": {schema.OutUShort, 18},
	"int": {schema.OutInt, 17}, "unsignedint": {schema.OutUInt, 18}, "long": {schema.OutLong, 17},
	"unsignedlong": {schema.OutULong, 18}, "float": {schema.OutFloat, 0}, "double": {schema.OutDouble, 0},
	"boolean": {schema.OutBoolean, 3}, "guid": {schema.OutGUID, 0}, "hexbinary": {schema.OutHexBinary, 4},
	"hexint8": {schema.OutHex8, 4}, "hexint16": {schema.OutHex16, 4}, "hexint32": {schema.OutHex32, 4},
	"hexint64": {schema.OutHex64, 4}, "pid": {schema.OutPID, 5}, "tid": {schema.OutTID, 6},
	"port": {schema.OutPort, 7}, "ipv4": {schema.OutIPv4, 8}, "ipv6": {schema.OutIPv6, 9},
	"socketaddress": {schema.OutSocketAddress, 10}, "cimdatetime": {schema.OutCIMDateTime, 0},
	"etwtime": {schema.OutETWTime, 16}, "xml": {schema.OutXML, 11}, "errorcode": {schema.OutErrorCode, 0},
	"win32error": {schema.OutWin32Error, 13}, "ntstatus": {schema.OutNTStatus, 14},
	"hresult": {schema.OutHResult, 15}, "datetimeci": {schema.OutDateTimeCI, 33},
	"json": {schema.OutJSON, 12}, "utf8": {schema.OutUTF8, 35}, "pkcs7": {schema.OutPKCS7, 36},
	"codepointer": {schema.OutCodePointer, 37}, "datetimeutc": {schema.OutDateTimeUTC, 38},
	"ipaddress": {schema.OutIPAddress, 0}, "reducedstring": {schema.OutReducedString, 0},
	"noprint": {schema.OutNoPrint, 1},
}

// A typed field is a field of a layout with what only TraceLogging has of it.
type typedField struct {
	schema.Field
	tlgOut  byte
	tag     uint32 // 0 for none
	members []typedField
}

var typeForm = regexp.MustCompile(`^(\w+)(?:/(\w+))?(?:\(([^()]*)\))?(?:\[([^\[\]]*)\])?(?:<([^<>]+)>)?(?:#(\w+))?$`)

// typedLayout returns the layout that fields with types describe. Members of structs come from
// their values.
func typedLayout(given []Field) ([]typedField, error) {
	var layout []typedField
	for _, g := range given {
		m := typeForm.FindStringSubmatch(g.Type)
		if m == nil {
			return nil, fmt.Errorf("field %s: %q is not a type; want Type/Out(length)[count]<map>#tag", g.Name, g.Type)
		}
		in, ok := inType(m[1])
		if !ok {
			return nil, fmt.Errorf("field %s: unknown type %q", g.Name, m[1])
		}
		f := typedField{Field: schema.Field{Name: g.Name, In: in}}
		if m[2] != "" {
			out, ok := outTypes[strings.ToLower(m[2])]
			if !ok {
				return nil, fmt.Errorf("field %s: unknown out type %q", g.Name, m[2])
			}
			f.Out, f.tlgOut = out.out, out.tlg
		}
		var err error
		if f.Length, err = typedSize(layout, m[3], strings.Contains(g.Type, "(")); err != nil {
			return nil, fmt.Errorf("length of field %s: %w", g.Name, err)
		}
		if f.Count, err = typedSize(layout, m[4], strings.Contains(g.Type, "[")); err != nil {
			return nil, fmt.Errorf("count of field %s: %w", g.Name, err)
		}
		if m[5] != "" {
			f.Map = &schema.Map{Name: m[5]}
		}
		if m[6] != "" {
			tag, err := strconv.ParseUint(m[6], 0, 28)
			if err != nil {
				return nil, fmt.Errorf("tag of field %s: %w", g.Name, err)
			}
			f.tag = uint32(tag)
		}
		if in == schema.Struct {
			if err := f.structMembers(g.Value); err != nil {
				return nil, fmt.Errorf("struct %s: %w", g.Name, err)
			}
		}
		layout = append(layout, f)
	}
	return layout, nil
}

// typedSize reads a length or count: a number, an earlier field, or nothing: a count before the data.
func typedSize(layout []typedField, s string, given bool) (schema.Size, error) {
	if !given {
		return schema.Size{}, nil
	}
	if s == "" {
		return schema.Size{Kind: schema.Prefixed}, nil
	}
	if n, err := strconv.ParseUint(s, 0, 16); err == nil {
		return schema.Size{Kind: schema.Fixed, N: uint16(n)}, nil
	}
	for i, f := range layout {
		if f.Name == s {
			return schema.Size{Kind: schema.ByField, N: uint16(i)}, nil
		}
	}
	return schema.Size{}, fmt.Errorf("%q is neither a number nor an earlier field", s)
}

// structMembers takes the members of a struct from its value, those of an array of structs from
// its first element (or from one struct, where only the members matter).
func (f *typedField) structMembers(value string) error {
	if strings.HasPrefix(value, "[") {
		elements, err := splitList(value)
		if err != nil {
			return err
		}
		value = elements[0]
	}
	if value == "" {
		return errors.New("its members come from its value, and it has none")
	}
	members, err := splitStruct(value)
	if err != nil {
		return err
	}
	if f.members, err = typedLayout(members); err != nil {
		return err
	}
	f.Fields = plainLayout(f.members)
	return nil
}

// plainLayout drops what only TraceLogging has.
func plainLayout(typed []typedField) []schema.Field {
	fields := make([]schema.Field, len(typed))
	for i, f := range typed {
		fields[i] = f.Field
	}
	return fields
}

// A packer lays values out as a payload.
type packer struct {
	pointer int // bytes
}

// fields returns the bytes of the given values in the order of the layout. What is not given is
// zero or empty; lengths and counts that are not given are those of the data they describe.
func (p packer) fields(layout []schema.Field, given []Field) ([]byte, error) {
	values := make([]*Field, len(layout))
next:
	for i := range given {
		for j := range layout {
			if layout[j].Name == given[i].Name && values[j] == nil {
				if given[i].Value != "" || given[i].Type == "" { // a type alone gives no value
					values[j] = &given[i]
				}
				continue next
			}
		}
		return nil, fmt.Errorf("no field %q; the event has %s", given[i].Name, fieldNames(layout))
	}
	pieces := make([][]byte, len(layout))
	for i := range layout {
		f := &layout[i]
		text := ""
		if values[i] != nil {
			text = values[i].Value
		}
		data, length, count, err := p.field(f, text)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", f.Name, err)
		}
		pieces[i] = data
		for _, of := range []struct {
			size schema.Size
			n    int
		}{{f.Length, length}, {f.Count, count}} {
			if n := int(of.size.N); of.size.Kind == schema.ByField && n < i && values[n] == nil {
				if pieces[n], err = p.integer(&layout[n], strconv.Itoa(of.n)); err != nil {
					return nil, fmt.Errorf("field %s, size of %s: %w", layout[n].Name, f.Name, err)
				}
			}
		}
	}
	var b []byte
	for _, piece := range pieces {
		b = append(b, piece...)
	}
	return b, nil
}

func fieldNames(layout []schema.Field) string {
	if len(layout) == 0 {
		return "no fields"
	}
	names := make([]string, len(layout))
	for i, f := range layout {
		names[i] = f.Name
	}
	return strings.Join(names, ", ")
}

// field returns the bytes of a field, the length of its (first) element in the unit of
// schema.Field.Length, and the number of elements.
func (p packer) field(f *schema.Field, text string) (data []byte, length, count int, err error) {
	if f.Count.Kind == schema.Unset {
		data, length, err = p.value(f, text)
		return data, length, 1, err
	}
	elements, err := splitList(text)
	if err != nil {
		return nil, 0, 0, err
	}
	if f.Count.Kind == schema.Fixed {
		if len(elements) > int(f.Count.N) {
			return nil, 0, 0, fmt.Errorf("%d elements in an array of %d", len(elements), f.Count.N)
		}
	}
	if f.Count.Kind == schema.Prefixed {
		data = le.AppendUint16(data, uint16(len(elements)))
	}
	for i, e := range elements {
		d, n, err := p.value(f, e)
		if err != nil {
			return nil, 0, 0, fmt.Errorf("element %d: %w", i, err)
		}
		if i == 0 {
			length = n
		}
		if data = append(data, d...); len(data) > maxRecord {
			return nil, 0, 0, errTooLong
		}
	}
	if n := int(f.Count.N) - len(elements); f.Count.Kind == schema.Fixed && n > 0 { // the rest is empty
		d, _, err := p.value(f, "")
		if err != nil {
			return nil, 0, 0, err
		}
		if len(d) > maxRecord/n {
			return nil, 0, 0, errTooLong
		}
		data = append(data, bytes.Repeat(d, n)...)
	}
	return data, length, len(elements), nil
}

// packers turns text into the bytes of one element, for types without a length.
var packers = map[schema.InType]func(p packer, f *schema.Field, text string) ([]byte, error){
	schema.Null: func(packer, *schema.Field, string) ([]byte, error) { return nil, nil },
	schema.Int8: packer.integer, schema.UInt8: packer.integer, schema.Int16: packer.integer,
	schema.UInt16: packer.integer, schema.Int32: packer.integer, schema.UInt32: packer.integer,
	schema.Int64: packer.integer, schema.UInt64: packer.integer, schema.HexInt32: packer.integer,
	schema.HexInt64: packer.integer, schema.Boolean: packer.integer, schema.Pointer: packer.integer,
	schema.SizeT: packer.integer, schema.UnicodeChar: packer.integer, schema.AnsiChar: packer.integer,
	schema.Float: packer.float, schema.Double: packer.float, schema.GUID: packer.guid,
	schema.FileTime: packer.time, schema.SystemTime: packer.time,
	schema.SID: packer.sid, schema.WbemSID: packer.sid,
}

// A run describes a type that is a string or a blob.
type run struct {
	wide   bool // UTF-16
	binary bool
	zero   bool // ends with NUL if it has no length
	prefix func(n int) []byte
}

var runs = map[schema.InType]run{
	schema.UnicodeString:      {wide: true, zero: true},
	schema.AnsiString:         {zero: true},
	schema.Binary:             {binary: true},
	schema.CountedString:      {wide: true, prefix: u16},
	schema.CountedAnsiString:  {prefix: u16},
	schema.CountedBinary:      {binary: true, prefix: u16},
	schema.MOFCountedString:   {wide: true, prefix: u16},
	schema.MOFCountedAnsi:     {prefix: u16},
	schema.ReversedString:     {wide: true, prefix: u16BE},
	schema.ReversedAnsi:       {prefix: u16BE},
	schema.UnterminatedString: {wide: true},
	schema.UnterminatedAnsi:   {},
	schema.HexDump:            {binary: true, prefix: u32},
}

func u16(n int) []byte   { return le.AppendUint16(nil, uint16(n)) }
func u16BE(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }
func u32(n int) []byte   { return le.AppendUint32(nil, uint32(n)) }

// value returns the bytes of one element and its length in characters (UnicodeString) or bytes.
func (p packer) value(f *schema.Field, text string) (data []byte, length int, err error) {
	if f.In == schema.Struct {
		members, err := splitStruct(text)
		if err != nil {
			return nil, 0, err
		}
		data, err = p.fields(f.Fields, members)
		return data, len(data), err
	}
	if pack := packers[f.In]; pack != nil {
		data, err = pack(p, f, text)
		return data, len(data), err
	}
	r, ok := runs[f.In]
	if !ok {
		return nil, 0, fmt.Errorf("no way to write type %d", f.In)
	}
	unit := 1
	switch {
	case r.binary:
		if data, err = blob(f.Out, text); err != nil {
			return nil, 0, err
		}
	case r.wide:
		data = utf16z(nil, text)
		data = data[:len(data)-2]
		unit = 2
	default:
		data = []byte(text)
	}
	length = len(data) / unit
	switch {
	case f.Length.Kind == schema.Fixed:
		n := int(f.Length.N) * unit
		data = append(data[:min(len(data), n)], make([]byte, max(0, n-len(data)))...)
	case f.Length.Kind == schema.Prefixed:
		data = append(u16(length), data...)
	case r.prefix != nil:
		data = append(r.prefix(len(data)), data...)
	case r.zero && f.Length.Kind == schema.Unset:
		data = append(data, make([]byte, unit)...)
	}
	if len(data) > maxRecord {
		return nil, 0, errTooLong
	}
	return data, length, nil
}

// integerSizes holds the bytes of the integers; 0 is a pointer.
var integerSizes = map[schema.InType]int{
	schema.Int8: 1, schema.UInt8: 1, schema.AnsiChar: 1,
	schema.Int16: 2, schema.UInt16: 2, schema.UnicodeChar: 2,
	schema.Int32: 4, schema.UInt32: 4, schema.HexInt32: 4, schema.Boolean: 4,
	schema.Int64: 8, schema.UInt64: 8, schema.HexInt64: 8,
}

// integer packs a number, or what the field has for numbers: names of its map, true and false,
// an IPv4 address, a port (in network order), a character.
func (p packer) integer(f *schema.Field, text string) ([]byte, error) {
	size, ok := integerSizes[f.In]
	if !ok {
		size = p.pointer
	}
	if f.Out == schema.OutIPv4 && size == 4 {
		if a, err := netip.ParseAddr(text); err == nil && a.Is4() {
			return a.AsSlice(), nil
		}
	}
	v, err := integerValue(f, text)
	if err != nil {
		return nil, err
	}
	if bits := 8 * size; bits < 64 && v>>bits != 0 && int64(v)>>(bits-1) != -1 {
		return nil, fmt.Errorf("%s does not fit into %d bits", text, bits)
	}
	b := le.AppendUint64(nil, v)[:size]
	if f.Out == schema.OutPort && size == 2 {
		b[0], b[1] = b[1], b[0]
	}
	return b, nil
}

func integerValue(f *schema.Field, text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	if v, err := strconv.ParseInt(text, 0, 64); err == nil {
		return uint64(v), nil
	}
	if v, err := strconv.ParseUint(text, 0, 64); err == nil {
		return v, nil
	}
	if f.In == schema.UnicodeChar || f.In == schema.AnsiChar {
		if r, n := utf8.DecodeRuneInString(text); n == len(text) {
			return uint64(r), nil
		}
	}
	switch text {
	case "true":
		return 1, nil
	case "false":
		return 0, nil
	}
	if f.Map == nil || len(f.Map.Entries) == 0 {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return mapValue(f.Map, text)
}

// mapValue returns the value with this name, or of several joined with "|".
func mapValue(m *schema.Map, text string) (v uint64, err error) {
	names := []string{text}
	if m.Bits {
		names = strings.Split(text, "|")
	}
next:
	for _, name := range names {
		for _, e := range m.Entries {
			if strings.TrimSpace(e.Text) == strings.TrimSpace(name) {
				v |= e.Value
				continue next
			}
		}
		return 0, fmt.Errorf("%q is neither a number nor a name of map %s", name, m.Name)
	}
	return v, nil
}

func (packer) float(f *schema.Field, text string) ([]byte, error) {
	size := 64
	if f.In == schema.Float {
		size = 32
	}
	v, err := 0.0, error(nil)
	if text != "" {
		if v, err = strconv.ParseFloat(text, size); err != nil {
			return nil, err
		}
	}
	if size == 32 {
		return le.AppendUint32(nil, math.Float32bits(float32(v))), nil
	}
	return le.AppendUint64(nil, math.Float64bits(v)), nil
}

func (packer) guid(_ *schema.Field, text string) ([]byte, error) {
	if text == "" {
		return make([]byte, 16), nil
	}
	g, err := etl.ParseGUID(text)
	return g[:], err
}

// time packs RFC 3339 or, for a FILETIME, a number.
func (packer) time(f *schema.Field, text string) ([]byte, error) {
	if v, err := strconv.ParseInt(text, 0, 64); err == nil && f.In == schema.FileTime {
		return le.AppendUint64(nil, uint64(v)), nil
	}
	var t time.Time
	if text != "" {
		var err error
		if t, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, fmt.Errorf("%q is not a time in the form 2006-01-02T15:04:05Z", text)
		}
		t = t.UTC()
	}
	if f.In == schema.FileTime {
		return le.AppendUint64(nil, uint64(filetime(t))), nil
	}
	b := make([]byte, 0, 16)
	if t.IsZero() {
		return b[:16], nil
	}
	for _, v := range []int{t.Year(), int(t.Month()), int(t.Weekday()), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond() / 1e6} {
		b = le.AppendUint16(b, uint16(v))
	}
	return b, nil
}

// sid packs S-1-5-18. As a WBEM SID it follows a TOKEN_USER, whose pointer is stale.
func (p packer) sid(f *schema.Field, text string) ([]byte, error) {
	var b []byte
	if f.In == schema.WbemSID {
		if text == "" {
			return make([]byte, 4), nil
		}
		b = le.AppendUint64(b, 0xFFFFF8A001ED2B50)[:p.pointer]
		b = append(b, make([]byte, p.pointer)...)
	}
	if text == "" {
		text = "S-1-0-0"
	}
	parts := strings.Split(text, "-")
	if len(parts) < 3 || len(parts) > 18 || parts[0] != "S" || parts[1] != "1" {
		return nil, fmt.Errorf("%q is not a SID like S-1-5-18", text)
	}
	authority, err := strconv.ParseUint(parts[2], 0, 48)
	if err != nil {
		return nil, fmt.Errorf("authority of SID %s: %w", text, err)
	}
	b = append(b, 1, byte(len(parts)-3))
	b = append(b, binary.BigEndian.AppendUint64(nil, authority)[2:]...)
	for _, part := range parts[3:] {
		v, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("SID %s: %w", text, err)
		}
		b = le.AppendUint32(b, uint32(v))
	}
	return b, nil
}

// blobForms are the ways to write bytes other than in hexadecimal.
var blobForms = map[string]func(text string) ([]byte, error){
	"text": func(s string) ([]byte, error) { return []byte(s), nil },
	"wide": func(s string) ([]byte, error) { b := utf16z(nil, s); return b[:len(b)-2], nil },
	"u8":   func(s string) ([]byte, error) { return packer{}.integer(&schema.Field{In: schema.UInt8}, s) },
	"u16":  func(s string) ([]byte, error) { return packer{}.integer(&schema.Field{In: schema.UInt16}, s) },
	"u32":  func(s string) ([]byte, error) { return packer{}.integer(&schema.Field{In: schema.UInt32}, s) },
	"u64":  func(s string) ([]byte, error) { return packer{}.integer(&schema.Field{In: schema.UInt64}, s) },
	"ip":   ipAddress,
	"sock": socketAddress,
}

// blob reads bytes: hexadecimal digits, a form of blobForms, or the form that the out type wants;
// a list of these stands for one after the other.
func blob(out schema.OutType, text string) ([]byte, error) {
	if form, rest, ok := strings.Cut(text, ":"); ok && blobForms[form] != nil {
		return blobForms[form](rest)
	}
	switch out {
	case schema.OutSocketAddress:
		if b, err := socketAddress(text); err == nil {
			return b, nil
		}
	case schema.OutIPv6, schema.OutIPAddress:
		if b, err := ipAddress(text); err == nil {
			return b, nil
		}
	}
	if strings.HasPrefix(text, "[") {
		elements, err := splitList(text)
		if err != nil {
			return nil, err
		}
		var b []byte
		for _, e := range elements {
			piece, err := blob(out, e)
			if err != nil {
				return nil, err
			}
			b = append(b, piece...)
		}
		return b, nil
	}
	b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		return nil, fmt.Errorf("%q is neither hexadecimal digits nor text:, wide:, u8:, u16:, u32:, u64:, ip: or sock: with a value", text)
	}
	return b, nil
}

func ipAddress(s string) ([]byte, error) {
	a, err := netip.ParseAddr(s)
	return a.AsSlice(), err
}

// socketAddress packs host:port as SOCKADDR_IN or SOCKADDR_IN6.
func socketAddress(s string) ([]byte, error) {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return nil, err
	}
	family, flow, tail := uint16(2), 0, 8 // AF_INET; sin_zero
	if !a.Addr().Is4() {
		family, flow, tail = 23, 4, 4 // AF_INET6; flow info; scope id
	}
	b := le.AppendUint16(nil, family)
	b = binary.BigEndian.AppendUint16(b, a.Port())
	b = append(b, make([]byte, flow)...)
	b = append(b, a.Addr().AsSlice()...)
	return append(b, make([]byte, tail)...), nil
}

func parseHex(s string) (uint64, bool) {
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseUint(digits, 16, 64)
	return v, err == nil
}
