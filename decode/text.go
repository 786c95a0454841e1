package decode

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
)

// A style is how a value looks as text.
type style uint8

const (
	unknownStyle  style = iota
	null                // nothing
	signed              // 9, -9
	unsigned            // 9
	hexNumber           // 0x9
	boolean             // true
	float               // 1.5
	character           // A
	errorCode           // 12002
	text16              // UTF-16
	text8               // UTF-8 or else Windows-1252
	binaryHex           // 00ff
	guid                // 00000000-0000-0000-0000-000000000000
	fileTime            // 2011-07-22T12:26:39.7040000Z
	systemTime          // the same
	sidText             // S-1-5-18
	address             // 10.0.0.1, fe80::1
	socketAddress       // 10.0.0.1:443, [fe80::1]:443
	composite           // {"A":1}
)

// An outType says how a schema.OutType changes the looks of the values that it can be meant for.
type outType struct {
	numbers style // of whole numbers; unknownStyle = no change
	bytes   int   // they must have this size; 0 = any
	blobs   style // of binary
}

var outTypes = [...]outType{
	schema.OutString:        {numbers: character, blobs: text8},
	schema.OutDateTime:      {numbers: fileTime, bytes: 8},
	schema.OutByte:          {numbers: signed},
	schema.OutUByte:         {numbers: unsigned},
	schema.OutShort:         {numbers: signed},
	schema.OutUShort:        {numbers: unsigned},
	schema.OutInt:           {numbers: signed},
	schema.OutUInt:          {numbers: unsigned},
	schema.OutLong:          {numbers: signed},
	schema.OutULong:         {numbers: unsigned},
	schema.OutBoolean:       {numbers: boolean},
	schema.OutHex8:          {numbers: hexNumber},
	schema.OutHex16:         {numbers: hexNumber},
	schema.OutHex32:         {numbers: hexNumber},
	schema.OutHex64:         {numbers: hexNumber},
	schema.OutPID:           {numbers: unsigned},
	schema.OutTID:           {numbers: unsigned},
	schema.OutPort:          {numbers: unsigned, bytes: 2},
	schema.OutIPv4:          {numbers: address, bytes: 4, blobs: address},
	schema.OutIPv6:          {blobs: address},
	schema.OutIPAddress:     {blobs: address},
	schema.OutSocketAddress: {blobs: socketAddress},
	schema.OutXML:           {blobs: text8},
	schema.OutErrorCode:     {numbers: errorCode},
	schema.OutWin32Error:    {numbers: errorCode},
	schema.OutNTStatus:      {numbers: errorCode},
	schema.OutHResult:       {numbers: errorCode},
	schema.OutDateTimeCI:    {numbers: fileTime, bytes: 8},
	schema.OutJSON:          {blobs: text8},
	schema.OutUTF8:          {blobs: text8},
	schema.OutCodePointer:   {numbers: hexNumber},
	schema.OutDateTimeUTC:   {numbers: fileTime, bytes: 8},
}

// style returns how v looks, which its size may forbid an OutType to change.
func (v Value) style() style {
	base := typeOf(v.field.In).style
	if int(v.field.Out) >= len(outTypes) {
		return base
	}
	out := outTypes[v.field.Out]
	switch base {
	case signed, unsigned, hexNumber:
		size := len(v.data)
		if v.count > 0 {
			size /= int(v.count)
		}
		if out.numbers != unknownStyle && (out.bytes == 0 || out.bytes == size) && (out.numbers != character || size <= 2) {
			return out.numbers
		}
	case binaryHex:
		if out.blobs != unknownStyle {
			return out.blobs
		}
	}
	return base
}

// A form of output.
type output uint8

const (
	plainText   output = iota
	jsonText           // quoted and escaped
	messageText        // as Windows puts it into the text of a message
)

// Text returns the value as people read it: mapped values as the map's text, flags joined with "|",
// binary in hex, times as RFC 3339 in UTC, arrays and structs as JSON; "" for the zero Value.
// Text that is not valid in its encoding has U+FFFD where it is not.
func (v Value) Text() string { return string(v.AppendText(nil)) }

// AppendText appends what Text returns.
func (v Value) AppendText(dst []byte) []byte { return v.append(dst, plainText) }

// AppendJSON appends the value as JSON. Numbers are numbers, but strings in hex are pointers and
// hex types, and strings are integers beyond ±2^53 and floating-point numbers that are not finite.
// It appends null for the zero Value, and for a SYSTEMTIME of zeros.
func (v Value) AppendJSON(dst []byte) []byte { return v.append(dst, jsonText) }

func (v Value) append(dst []byte, out output) []byte {
	switch {
	case v.field == nil:
		if out == jsonText {
			dst = append(dst, "null"...)
		}
		return dst
	case v.count >= 0:
		if v.style() == character {
			return v.appendString(dst, out)
		}
		dst = append(dst, '[')
		first := len(dst)
		for e := range v.Values() {
			if len(dst) > first {
				dst = append(dst, ',')
			}
			if len(dst)-first > maxText {
				dst = append(dst, `"..."`...)
				break
			}
			dst = e.append(dst, jsonText)
		}
		return append(dst, ']')
	case v.field.In == schema.Struct:
		dst = append(dst, '{')
		first := len(dst)
		for m := range v.Values() {
			if len(dst) > first {
				dst = append(dst, ',')
			}
			dst = appendKey(dst, m.field.Name)
			dst = m.append(dst, jsonText)
		}
		return append(dst, '}')
	}
	return v.appendScalar(dst, out)
}

// appendKey appends "name": for a JSON object.
func appendKey(dst []byte, name string) []byte {
	dst = append(dst, '"')
	dst = appendUTF8(dst, name, jsonText)
	return append(dst, '"', ':')
}

// appendScalar appends a value that is neither array nor struct.
func (v Value) appendScalar(dst []byte, out output) []byte {
	n, isNumber := number(v.field, v.data)
	if m := v.field.Map; m != nil && isNumber {
		if d := appendMapped(dst, m, n, out); len(d) > len(dst) {
			return d
		}
	}
	switch v.style() {
	case signed:
		return appendInt(dst, extend(n, len(v.data)), out)
	case unsigned:
		return appendUint(dst, n, out)
	case errorCode:
		dst = appendUint(dst, n, out)
		if out == messageText {
			dst = appendErrorName(dst, v.field.Out, n)
		}
		return dst
	case boolean:
		return strconv.AppendBool(dst, n != 0)
	case float:
		return appendFloat(dst, v.data, out)
	case systemTime:
		if out == jsonText && len(bytes.Trim(v.data, "\x00")) == 0 {
			return append(dst, "null"...)
		}
	case null, unknownStyle:
		if out == jsonText {
			return append(dst, "null"...)
		}
		return dst
	}
	return v.appendString(dst, out)
}

// appendString appends a value that JSON has no type of its own for, and a whole array of characters.
func (v Value) appendString(dst []byte, out output) []byte {
	if out == jsonText {
		dst = append(dst, '"')
	}
	data := v.Bytes()
	switch v.style() {
	case text16:
		dst = appendUTF16(dst, v.trimmed(data, 2), out)
	case text8:
		dst = v.appendText8(dst, v.trimmed(data, 1), out)
	case character:
		if v.count >= 0 && len(data) == 2*int(v.count) || v.count < 0 && len(data) == 2 {
			dst = appendUTF16(dst, v.trimmed(data, 2), out)
		} else {
			dst = v.appendText8(dst, v.trimmed(data, 1), out)
		}
	case hexNumber:
		n, _ := number(v.field, data)
		dst = appendHexNumber(dst, n)
	case guid:
		dst = v.GUID().AppendText(dst)
	case fileTime:
		n, _ := number(v.field, data)
		dst = appendTime(dst, n)
	case systemTime:
		if t, ok := parseSystemTime(data); ok {
			dst = t.AppendText(dst)
		} else {
			dst = appendBinary(dst, data, out)
		}
	case sidText:
		dst = appendSID(dst, data)
	case address, socketAddress:
		dst = v.appendAddresses(dst, data, out)
	default:
		dst = appendBinary(dst, data, out)
	}
	if out == jsonText {
		dst = append(dst, '"')
	}
	return dst
}

// trimmed returns text without the NULs behind it; text of a given length ends at its first NUL.
func (v Value) trimmed(data []byte, size int) []byte {
	if v.length >= 0 {
		if i := indexNUL(data, size); i >= 0 {
			return data[:i]
		}
		return data
	}
	for len(data) >= size && len(bytes.Trim(data[len(data)-size:], "\x00")) == 0 {
		data = data[:len(data)-size]
	}
	return data
}

// indexNUL returns where the first NUL character of size 1 or 2 bytes is, or -1.
func indexNUL(data []byte, size int) int {
	if size == 1 {
		return bytes.IndexByte(data, 0)
	}
	i := 0
	for ; i+8 <= len(data); i += 8 {
		// Not zero if one of the four characters is: the lowest set bit is that of the first one.
		u := binary.LittleEndian.Uint64(data[i:])
		if z := (u - 0x0001000100010001) & ^u & 0x8000800080008000; z != 0 {
			return i + bits.TrailingZeros64(z)/16*2
		}
	}
	for ; i+2 <= len(data); i += 2 {
		if data[i]|data[i+1] == 0 {
			return i
		}
	}
	return -1
}

// maxSafe is the largest integer that every JSON reader keeps as it is.
const maxSafe = 1 << 53

func appendInt(dst []byte, n int64, out output) []byte {
	if out == jsonText && (n > maxSafe || n < -maxSafe) {
		return append(strconv.AppendInt(append(dst, '"'), n, 10), '"')
	}
	return strconv.AppendInt(dst, n, 10)
}

func appendUint(dst []byte, n uint64, out output) []byte {
	if out == jsonText && n > maxSafe {
		return append(strconv.AppendUint(append(dst, '"'), n, 10), '"')
	}
	return strconv.AppendUint(dst, n, 10)
}

func appendFloat(dst, data []byte, out output) []byte {
	var f float64
	size := 8 * len(data)
	switch size {
	case 32:
		f = float64(math.Float32frombits(binary.LittleEndian.Uint32(data)))
	case 64:
		f = math.Float64frombits(binary.LittleEndian.Uint64(data))
	}
	if out == jsonText && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return append(strconv.AppendFloat(append(dst, '"'), f, 'g', -1, size), '"')
	}
	return strconv.AppendFloat(dst, f, 'g', -1, size)
}

// appendHexNumber appends n as Windows writes pointers and flags: 0x1A.
func appendHexNumber(dst []byte, n uint64) []byte {
	const digits = "0123456789ABCDEF"
	dst = append(dst, '0', 'x')
	for shift := max(bits.Len64(n)-1, 0) &^ 3; shift >= 0; shift -= 4 {
		dst = append(dst, digits[n>>shift&15])
	}
	return dst
}

// lastTime is the end of the year 9999, after which RFC 3339 has no form.
const lastTime = 2650467744000000000 - 1

func appendTime(dst []byte, n uint64) []byte {
	if n > lastTime {
		return appendHexNumber(dst, n)
	}
	return etl.Time(n).AppendText(dst)
}

// appendBinary appends bytes as hex digits; in messages as Windows writes them.
func appendBinary(dst, data []byte, out output) []byte {
	if out != messageText {
		return hex.AppendEncode(dst, data)
	}
	dst = append(dst, '0', 'x')
	at := len(dst)
	dst = hex.AppendEncode(dst, data)
	for i, c := range dst[at:] {
		if c >= 'a' {
			dst[at+i] = c - 'a' + 'A'
		}
	}
	return dst
}

// appendSID appends a SID in the form of ConvertSidToStringSid, or hex if data is none.
func appendSID(dst, data []byte) []byte {
	if len(data) == 0 {
		return dst
	}
	if len(data) < 8 || len(data) != 8+4*int(data[1]) {
		return hex.AppendEncode(dst, data)
	}
	dst = append(dst, "S-"...)
	dst = strconv.AppendUint(dst, uint64(data[0]), 10)
	dst = append(dst, '-')
	if authority := uint64(binary.BigEndian.Uint16(data[2:]))<<32 | uint64(binary.BigEndian.Uint32(data[4:])); authority > math.MaxUint32 {
		dst = appendHexNumber(dst, authority)
	} else {
		dst = strconv.AppendUint(dst, authority, 10)
	}
	for sub := data[8:]; len(sub) >= 4; sub = sub[4:] {
		dst = append(dst, '-')
		dst = strconv.AppendUint(dst, uint64(binary.LittleEndian.Uint32(sub)), 10)
	}
	return dst
}

// appendAddresses appends addresses with commas between them, or hex if data holds none.
func (v Value) appendAddresses(dst, data []byte, out output) []byte {
	first := len(dst)
	ports := v.style() == socketAddress
	for a := range v.AddrPorts() {
		if len(dst) > first {
			dst = append(dst, ", "...)
		}
		if ports {
			dst = a.AppendTo(dst)
		} else {
			dst = a.Addr().AppendTo(dst)
		}
	}
	if len(dst) == first {
		dst = appendBinary(dst, data, out)
	}
	return dst
}

// appendMapped appends what m calls n, or nothing if it has no name for it. Flags without a name are
// appended in hex behind those that have one.
func appendMapped(dst []byte, m *schema.Map, n uint64, out output) []byte {
	text := func(e *schema.MapEntry) string {
		if out == messageText {
			return e.Text
		}
		return strings.TrimRight(e.Text, " \r\n")
	}
	start := len(dst)
	if out == jsonText {
		dst = append(dst, '"')
	}
	first := len(dst)
	if i := slices.IndexFunc(m.Entries, func(e schema.MapEntry) bool { return e.Value == n }); i >= 0 {
		dst = appendUTF8(dst, text(&m.Entries[i]), out)
	} else if m.Bits {
		left := n
		for i := range m.Entries {
			e := &m.Entries[i]
			if e.Value == 0 || e.Value&n != e.Value || e.Value&left == 0 {
				continue
			}
			left &^= e.Value
			if len(dst) > first {
				dst = append(dst, '|')
			}
			dst = appendUTF8(dst, text(e), out)
		}
		if len(dst) > first && left != 0 {
			dst = append(dst, '|')
			dst = appendHexNumber(dst, left)
		}
	}
	if len(dst) == first {
		return dst[:start]
	}
	if out == jsonText {
		dst = append(dst, '"')
	}
	return dst
}

// appendErrorName appends the symbol of an error code in parentheses, if it has one.
func appendErrorName(dst []byte, out schema.OutType, n uint64) []byte {
	name := ""
	if out != schema.OutNTStatus {
		name = winerr.Name(uint32(n))
	} else if c, ok := winerr.NTStatus.Look(uint32(n)); ok {
		name = c.Symbol
	}
	if name == "" {
		return dst
	}
	return append(append(append(dst, " ("...), name...), ')')
}

// verbatim says which ASCII characters a JSON string takes as they are.
var verbatim = func() (t [utf8.RuneSelf]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return t
}()

// appendRune appends a character, escaped if it is for JSON and needs it.
func appendRune(dst []byte, r rune, out output) []byte {
	if out != jsonText || r >= utf8.RuneSelf || verbatim[r] {
		return utf8.AppendRune(dst, r)
	}
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
}

// appendUTF16 appends UTF-16LE text.
func appendUTF16(dst, s []byte, out output) []byte {
	dst = slices.Grow(dst, len(s)/2)
	for ; len(s) >= 2; s = s[2:] {
		c := rune(binary.LittleEndian.Uint16(s))
		if c < utf8.RuneSelf && (out != jsonText || verbatim[c]) {
			dst = append(dst, byte(c))
			continue
		}
		if utf16.IsSurrogate(c) {
			low := rune(0)
			if len(s) >= 4 {
				low = rune(binary.LittleEndian.Uint16(s[2:]))
			}
			if c = utf16.DecodeRune(c, low); c != utf8.RuneError {
				s = s[2:]
			}
		}
		dst = appendRune(dst, c, out)
	}
	if len(s) > 0 { // half a character
		dst = appendRune(dst, utf8.RuneError, out)
	}
	return dst
}

// appendUTF8 appends UTF-8 text.
func appendUTF8[S []byte | string](dst []byte, s S, out output) []byte {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf && (out != jsonText || verbatim[c]) {
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		dst = appendRune(dst, r, out)
		i += n
	}
	return dst
}

// appendText8 appends 8-bit text. Nothing in a log tells its code page: it is taken for UTF-8 if it
// can be that, else for Windows-1252.
func (v Value) appendText8(dst, s []byte, out output) []byte {
	if v.field.Out == schema.OutUTF8 || v.field.Out == schema.OutJSON || utf8.Valid(s) {
		return appendUTF8(dst, s, out)
	}
	for _, c := range s {
		dst = appendRune(dst, charmap.Windows1252.DecodeByte(c), out)
	}
	return dst
}
