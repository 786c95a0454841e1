package tracetext

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

var le = binary.LittleEndian

// Record makes the record that the log had: the values laid out as the built-in description of the event wants
// them on that build of Windows, 0 = not known. An event without a description becomes one that describes itself (as TraceLogging does), its
// values as text. What the text does not tell is zero. The error wraps [etl.ErrRecordSize].
func (e *Entry) Record(build uint32) (*etl.Record, error) {
	h := etl.EventHeader{
		Time: e.Time, Provider: e.Provider, ID: e.ID, Version: e.Version, Level: e.Level, Opcode: e.Opcode, Task: e.Task,
		Keyword: e.Keyword, PID: e.PID, TID: e.TID, CPU: e.CPU, Activity: e.Activity, Related: e.Related,
		Position: etl.Position{Buffer: e.Offset},
	}
	ev := e.describe(build)
	if ev != nil && !ev.Class.IsZero() {
		h.Class = ev.Class
	}
	switch {
	case e.Class == eventTrace:
		h.Class = e.Class
		return etl.NewRecord(h, nil) // the reader has its values
	case e.Payload != nil:
		if ev == nil && e.ID == 0 && !e.Class.IsZero() {
			h.Class = e.Class
		}
		return etl.NewRecord(h, e.Payload)
	case ev != nil:
		return etl.NewRecord(h, e.layOut(ev.Fields))
	}
	meta, payload := e.selfDescribed()
	return etl.NewRecord(h, payload,
		etl.Extension{Type: etl.ExtProviderTraits, Data: counted(e.Source)}, etl.Extension{Type: etl.ExtSchemaTL, Data: meta})
}

// describe returns the built-in description of the event, or nil.
func (e *Entry) describe(build uint32) *schema.Event {
	if !e.Class.IsZero() && e.ID == 0 {
		return decode.Classic(e.Class, e.Opcode, e.Version)
	}
	if t := schema.Lookup(e.Provider); t != nil {
		ev, _ := t.Find(e.ID, e.Version, build)
		return ev
	}
	return nil
}

// counted returns u16 size of all, text, NUL.
func counted(text string) []byte {
	text, _, _ = strings.Cut(text, "\x00")
	b := append(make([]byte, 2), text...)
	b = append(b, 0)
	le.PutUint16(b, uint16(len(b)))
	return b
}

// selfDescribed returns the values as texts, and TraceLogging's description of them:
// u16 size, tags, name NUL, then for each field name NUL, type.
func (e *Entry) selfDescribed() (meta, payload []byte) {
	meta = append(meta, 0, 0, 0) // size, no tags
	if e.ID != 0 {
		meta = append(meta, strconv.Itoa(int(e.ID))...)
	}
	meta = append(meta, 0)
	for i, f := range e.Fields {
		name := f.Name
		if name == "" {
			name = "value" + strconv.Itoa(i+1)
		}
		name, _, _ = strings.Cut(name, "\x00")
		meta = append(append(meta, name...), 0, byte(schema.UnicodeString))
		payload = appendWide(payload, f.Value)
	}
	le.PutUint16(meta, uint16(min(len(meta), math.MaxUint16)))
	return meta, payload
}

// lineEnds gives texts back what XML has made of CR LF. Texts with line ends are headers of HTTP.
var lineEnds = strings.NewReplacer("\r\n", "\r\n", "\n", "\r\n")

// appendWide appends text in UTF-16 with its NUL.
func appendWide(b []byte, text string) []byte {
	text, _, _ = strings.Cut(text, "\x00")
	for _, c := range utf16.Encode([]rune(text)) {
		b = le.AppendUint16(b, c)
	}
	return append(b, 0, 0)
}

// values returns the values of each field. Those without names go by their place.
func (e *Entry) values(fields []schema.Field) [][]string {
	of := make([][]string, len(fields))
	named := false
	for _, f := range e.Fields {
		if f.Name == "" {
			continue
		}
		named = true
		for i := range fields {
			if fields[i].Name == f.Name {
				of[i] = append(of[i], f.Value)
				break
			}
		}
	}
	for i := 0; !named && i < min(len(fields), len(e.Fields)); i++ {
		of[i] = []string{e.Fields[i].Value}
	}
	return of
}

// layOut returns the payload that holds the values. It stops at a field that cannot be laid out: a struct.
func (e *Entry) layOut(fields []schema.Field) []byte {
	values := e.values(fields)
	pieces := make([][]byte, len(fields))
	for i := range fields {
		f := &fields[i]
		if f.In == schema.Struct {
			pieces = pieces[:i]
			break
		}
		texts := values[i]
		if len(texts) == 0 {
			texts = []string{""}
		}
		count := 1
		if f.Count.Kind != schema.Unset {
			count = len(values[i])
			if f.Count.Kind == schema.Fixed {
				count = int(f.Count.N)
			}
		}
		var b []byte
		length := 0
		if f.Count.Kind == schema.Prefixed {
			b = le.AppendUint16(b, uint16(count))
		}
		for n := range count {
			text := ""
			if n < len(texts) {
				text = texts[n]
			}
			var one []byte
			one, length = value(f, text)
			if b = append(b, one...); len(b) > math.MaxUint16 {
				break
			}
		}
		pieces[i] = b
		// What tells the size of this one must fit what is there.
		for _, s := range []struct {
			size schema.Size
			n    int
		}{{f.Length, length}, {f.Count, count}} {
			if n := int(s.size.N); s.size.Kind == schema.ByField && n < i {
				pieces[n], _ = value(&fields[n], strconv.Itoa(s.n))
			}
		}
	}
	return bytes.Join(pieces, nil)
}

// sizes holds the bytes of numbers. Addresses are those of a 64-bit system.
var sizes = map[schema.InType]int{
	schema.Int8: 1, schema.UInt8: 1, schema.AnsiChar: 1, schema.Int16: 2, schema.UInt16: 2, schema.UnicodeChar: 2,
	schema.Int32: 4, schema.UInt32: 4, schema.HexInt32: 4, schema.Boolean: 4,
	schema.Int64: 8, schema.UInt64: 8, schema.HexInt64: 8, schema.Pointer: 8, schema.SizeT: 8,
	schema.FileTime: 8, schema.Float: 4, schema.Double: 8,
}

// value lays out one value. length is its size in the unit of schema.Field.Length.
func value(f *schema.Field, text string) (b []byte, length int) {
	if size := sizes[f.In]; size > 0 {
		b = le.AppendUint64(nil, integer(f, text))[:size]
		if f.Out == schema.OutPort && size == 2 {
			b[0], b[1] = b[1], b[0]
		}
		return b, size
	}
	wide := false
	if strings.Contains(text, "\n") {
		text = lineEnds.Replace(text)
	}
	switch f.In {
	case schema.GUID:
		g := guid(strings.TrimSpace(text))
		return g[:], len(g)
	case schema.SystemTime:
		return make([]byte, 16), 16 // of no use to anyone
	case schema.SID:
		return sid(strings.TrimSpace(text)), 0
	case schema.WbemSID:
		return make([]byte, 4), 0 // none: the text has a name, or the SID of nobody who matters here
	case schema.UnicodeString, schema.CountedString, schema.MOFCountedString, schema.ReversedString, schema.UnterminatedString:
		b, wide = appendWide(nil, text), true
		b = b[:len(b)-2]
	case schema.Binary, schema.CountedBinary, schema.HexDump:
		b = blob(text)
	default:
		text, _, _ = strings.Cut(text, "\x00")
		b = []byte(text)
	}
	unit := 1
	if wide {
		unit = 2
	}
	if len(b) > math.MaxUint16 {
		b = b[:math.MaxUint16-1]
	}
	length = len(b) / unit
	switch {
	case f.Length.Kind == schema.Fixed:
		n := int(f.Length.N) * unit
		b = append(b[:min(len(b), n)], make([]byte, max(0, n-len(b)))...)
	case f.Length.Kind == schema.Prefixed:
		b = append(le.AppendUint16(nil, uint16(length)), b...)
	case f.Length.Kind == schema.ByField:
	case f.In == schema.UnicodeString, f.In == schema.AnsiString:
		b = append(b, make([]byte, unit)...)
	case f.In == schema.ReversedString, f.In == schema.ReversedAnsi:
		b = append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
	case f.In == schema.HexDump:
		b = append(le.AppendUint32(nil, uint32(len(b))), b...)
	case f.In == schema.UnterminatedString, f.In == schema.UnterminatedAnsi, f.In == schema.Binary:
	default:
		b = append(le.AppendUint16(nil, uint16(len(b))), b...)
	}
	return b, length
}

// integer reads what stands for a number: the number, the name that a map gives it, an address, a time, or an error
// number with its text. 0 if it is none.
func integer(f *schema.Field, text string) uint64 {
	text = strings.TrimSpace(text)
	switch f.In {
	case schema.Float:
		v, _ := strconv.ParseFloat(text, 32)
		return uint64(math.Float32bits(float32(v)))
	case schema.Double:
		v, _ := strconv.ParseFloat(text, 64)
		return math.Float64bits(v)
	case schema.FileTime:
		if at := parseTime(text); at != 0 {
			return uint64(at)
		}
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Is4() {
		b := a.As4()
		return uint64(le.Uint32(b[:]))
	}
	if v, ok := parseNumber(text); ok {
		return v
	}
	if v, ok := mapped(f.Map, text); ok {
		return v
	}
	if strings.EqualFold(text, "true") {
		return 1
	}
	first, _, _ := strings.Cut(text, " ")
	v, _ := parseNumber(strings.TrimRight(first, ":,"))
	return v
}

// mapped returns the number of a name, or of the names of several bits.
func mapped(m *schema.Map, text string) (v uint64, ok bool) {
	if m == nil || text == "" {
		return 0, false
	}
	for name := range strings.SplitSeq(text, "|") {
		found := false
		for _, e := range m.Entries {
			if strings.TrimSpace(e.Text) == strings.TrimSpace(name) {
				v, found = v|e.Value, true
				break
			}
		}
		if !found {
			return 0, false
		}
	}
	return v, true
}

// parseNumber reads a decimal number, which may have a sign, or a hexadecimal one with 0x.
func parseNumber(s string) (uint64, bool) {
	if digits, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		v, err := strconv.ParseUint(digits, 16, 64)
		return v, err == nil
	}
	if v, err := strconv.ParseUint(s, 10, 64); err == nil {
		return v, true
	}
	v, err := strconv.ParseInt(s, 10, 64)
	return uint64(v), err == nil
}

// blob reads bytes: socket addresses, an IP address, or hexadecimal digits. nil if it is none of them.
func blob(text string) []byte {
	var b []byte
	addresses := strings.FieldsFunc(text, func(c rune) bool { return c == ';' || c == ',' || c == ' ' })
	for _, s := range addresses {
		if a, err := netip.ParseAddrPort(s); err == nil {
			b = append(b, socketAddress(a)...)
		} else if a, err := netip.ParseAddr(s); err == nil {
			b = append(b, a.AsSlice()...)
		} else {
			b = nil
			break
		}
	}
	if b != nil {
		return b
	}
	digits := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(text), "0x"), "0X")
	b, _ = hex.DecodeString(digits)
	return b
}

// socketAddress writes a SOCKADDR_IN or SOCKADDR_IN6.
func socketAddress(a netip.AddrPort) []byte {
	const familyIPv4, familyIPv6 = 2, 23
	family, flow, tail := uint16(familyIPv4), 0, 8
	if !a.Addr().Is4() {
		family, flow, tail = familyIPv6, 4, 4
	}
	b := le.AppendUint16(nil, family)
	b = binary.BigEndian.AppendUint16(b, a.Port())
	b = append(b, make([]byte, flow)...)
	b = append(b, a.Addr().AsSlice()...)
	return append(b, make([]byte, tail)...)
}

// sid writes S-1-5-18; the SID of nobody, if it is another text.
func sid(text string) []byte {
	parts := strings.Split(text, "-")
	const most = 15 // sub-authorities
	if len(parts) < 3 || len(parts) > 3+most || parts[0] != "S" {
		parts = []string{"S", "1", "0", "0"}
	}
	authority, _ := strconv.ParseUint(parts[2], 10, 48)
	b := append([]byte{1, byte(len(parts) - 3)}, binary.BigEndian.AppendUint64(nil, authority)[2:]...)
	for _, p := range parts[3:] {
		v, _ := strconv.ParseUint(p, 10, 32)
		b = le.AppendUint32(b, uint32(v))
	}
	return b
}
