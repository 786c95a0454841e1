package decode

import (
	"encoding/binary"
	"iter"
	"net/netip"
	"time"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// A Value is one field of an event, an element of an array, or a member of a struct. It aliases the
// record that it was decoded from. The zero Value stands for "no such field".
type Value struct {
	field   *schema.Field
	data    []byte // as it lies in the payload; of an array without its count
	count   int32  // elements; -1 if it is no array
	length  int32  // of each, see span
	pointer uint8
}

// Field returns the description of the field, or nil for the zero Value.
func (v Value) Field() *schema.Field { return v.field }

// OK reports whether there is a value: the event has such a field, and its payload reaches so far.
func (v Value) OK() bool { return v.field != nil }

// Secret reports whether the value is a credential, to be kept out of output. Text and AppendJSON
// give it all the same.
func (v Value) Secret() bool { return v.field != nil && v.field.Secret }

// Uint returns the value of a whole number, pointer, boolean or FILETIME, not sign-extended;
// of a port in host byte order. It returns 0 for everything else.
func (v Value) Uint() uint64 {
	if v.field == nil || v.count >= 0 {
		return 0
	}
	n, _ := number(v.field, v.data)
	return n
}

// Int is Uint with the sign of signed types.
func (v Value) Int() int64 {
	n := v.Uint()
	if v.field != nil && typeOf(v.field.In).style == signed {
		return extend(n, len(v.data))
	}
	return int64(n)
}

// extend gives a number of size bytes its sign.
func extend(n uint64, size int) int64 {
	shift := max(64-8*size, 0)
	return int64(n<<shift) >> shift
}

// Time returns the value of a FILETIME or SYSTEMTIME; zero if it is none or holds no moment.
func (v Value) Time() etl.Time {
	if v.field != nil && v.count < 0 {
		switch v.style() {
		case fileTime:
			return etl.Time(v.Uint())
		case systemTime:
			t, _ := parseSystemTime(v.data)
			return t
		}
	}
	return 0
}

// GUID returns the value of a GUID, else zero.
func (v Value) GUID() (g etl.GUID) {
	if v.field != nil && v.field.In == schema.GUID && v.count < 0 {
		copy(g[:], v.data)
	}
	return g
}

// Bytes returns the bytes of the value as they lie in the payload, without a count in front or a
// NUL behind. They alias the record.
func (v Value) Bytes() []byte {
	if v.field == nil || v.count >= 0 {
		return v.data
	}
	if prefixed(v.field) {
		return v.data[min(2, len(v.data)):]
	}
	switch t := typeOf(v.field.In); t.form {
	case text:
		if i := indexNUL(v.data, int(t.bytes)); i >= 0 {
			return v.data[:i]
		}
	case counted, reversed:
		return v.data[min(int(t.bytes), len(v.data)):]
	case wbem:
		skip, _, _ := wbemSID(v.data, int(v.pointer))
		return v.data[skip:]
	}
	return v.data
}

// Values yields the elements of an array or the members of a struct; nothing for other values.
func (v Value) Values() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		switch {
		case v.field == nil:
		case v.count >= 0:
			v.elements(yield)
		case v.field.In == schema.Struct:
			v.members(yield)
		}
	}
}

func (v Value) elements(yield func(Value) bool) {
	w := walker{pointer: int(v.pointer)}
	data := v.data
	for range v.count {
		n := w.value(v.field, v.length, data)
		if !yield(Value{v.field, data[:n:n], -1, v.length, v.pointer}) {
			return
		}
		data = data[n:]
	}
}

func (v Value) members(yield func(Value) bool) {
	var buf [16]span
	w := walker{pointer: int(v.pointer)}
	spans, _ := w.walk(v.field.Fields, v.data, buf[:0])
	for i, s := range spans {
		if !yield(s.value(&v.field.Fields[i], v.data, v.pointer)) {
			return
		}
	}
}

// value returns the field that s measured in data.
func (s span) value(f *schema.Field, data []byte, pointer uint8) Value {
	return Value{f, data[s.start:s.end:s.end], s.count, s.length, pointer}
}

// Address families of a SOCKADDR (ws2def.h).
const (
	familyIPv4 = 2
	familyIPv6 = 23
)

// AddrPorts yields the addresses that a value of OutType SocketAddress, IPv4, IPv6 or IPAddress
// holds; the port is 0 where the type has none. Several socket addresses of equal size may lie one
// behind the other, as in WebIO event 206. A value that is no address yields nothing.
func (v Value) AddrPorts() iter.Seq[netip.AddrPort] {
	return func(yield func(netip.AddrPort) bool) {
		if v.field == nil || v.count >= 0 {
			return
		}
		data := v.Bytes()
		switch v.style() {
		case address:
			if a, ok := netip.AddrFromSlice(data); ok {
				yield(netip.AddrPortFrom(a, 0))
			}
		case socketAddress:
			stride := sockaddrStride(data)
			for ; stride > 0 && len(data) >= stride; data = data[stride:] {
				if a, ok := parseSockaddr(data[:stride]); !ok || !yield(a) {
					return
				}
			}
		}
	}
}

// parseSockaddr reads a SOCKADDR_IN {u16 family, u16 port, address} or a
// SOCKADDR_IN6 {u16 family, u16 port, u32 flow, address, u32 scope}; port and addresses are big-endian.
func parseSockaddr(b []byte) (netip.AddrPort, bool) {
	switch sockaddrFamily(b) {
	case familyIPv4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), binary.BigEndian.Uint16(b[2:])), true
	case familyIPv6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), binary.BigEndian.Uint16(b[2:])), true
	}
	return netip.AddrPort{}, false
}

// sockaddrFamily returns the family of a socket address that b holds whole, or 0.
func sockaddrFamily(b []byte) uint16 {
	if len(b) < 8 {
		return 0
	}
	switch f := binary.LittleEndian.Uint16(b); {
	case f == familyIPv4, f == familyIPv6 && len(b) >= 24:
		return f
	}
	return 0
}

// sockaddrStride returns the size of each of the socket addresses in b: the smallest that divides b
// into nothing but such; 0 if there is none.
func sockaddrStride(b []byte) int {
	if sockaddrFamily(b) == 0 {
		return 0
	}
	const smallest = 16 // SOCKADDR_IN
next:
	for n := len(b) / smallest; n > 1; n-- {
		stride := len(b) / n
		if stride*n != len(b) {
			continue
		}
		for i := 0; i < len(b); i += stride {
			if sockaddrFamily(b[i:i+stride]) == 0 {
				continue next
			}
		}
		return stride
	}
	return len(b)
}

// parseSystemTime reads a SYSTEMTIME: year, month, day of week, day, hour, minute, second,
// milliseconds, each a u16. ok is false if it is no moment.
func parseSystemTime(b []byte) (t etl.Time, ok bool) {
	if len(b) != 16 {
		return 0, false
	}
	var n [8]int
	for i := range n {
		n[i] = int(binary.LittleEndian.Uint16(b[2*i:]))
	}
	u := time.Date(n[0], time.Month(n[1]), n[3], n[4], n[5], n[6], n[7]*1e6, time.UTC)
	if n[0] < 1601 || n[0] > 9999 || u.Month() != time.Month(n[1]) || u.Day() != n[3] || u.Hour() != n[4] ||
		u.Minute() != n[5] || u.Second() != n[6] || n[7] > 999 {
		return 0, false
	}
	return etl.FromTime(u), true
}
