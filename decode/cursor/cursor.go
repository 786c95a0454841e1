// Package cursor reads little-endian binary data with a sticky error.
//
// A decoder reads straight through and checks once at the end:
//
//	c := cursor.New("TRACE_EVENT_INFO", data, offset)
//	n := c.Uint32()
//	name := c.UTF16z()
//	if err := c.Err(); err != nil { ... }
//
// The first read past the end records a [*FormatError] and empties the data, so
// every later read returns zero and no loop that asks for more can run on.
package cursor

import (
	"encoding/binary"
	"fmt"
)

// A FormatError says what in a file is not as its format demands, and where.
// It unwraps to Err, the sentinel of the package that found it.
type FormatError struct {
	Name   string // the structure being read, e.g. "TRACE_EVENT_INFO"
	Offset int64  // bytes from the start of the file or, inside compressed data, of that data
	Msg    string // what was found and what was expected
	Err    error  // sentinel of the reporting package; may be nil
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s at offset %#x: %s", e.Name, e.Offset, e.Msg)
}

// Unwrap returns the sentinel error, for errors.Is.
func (e *FormatError) Unwrap() error { return e.Err }

// A Cursor reads from a byte slice. The zero Cursor is empty. It is a value: copy it to look ahead.
type Cursor struct {
	name string
	data []byte // what is left
	base int64  // offset of data[0]
	err  error
}

// New returns a cursor over data. name and base (the offset of data[0]) appear in errors.
// The cursor does not copy data.
func New(name string, data []byte, base int64) Cursor {
	return Cursor{name: name, data: data, base: base}
}

// Err returns the first error, or nil.
func (c *Cursor) Err() error { return c.err }

// Len returns the number of bytes left.
func (c *Cursor) Len() int { return len(c.data) }

// Offset returns the offset of the next byte.
func (c *Cursor) Offset() int64 { return c.base }

// Rest returns the bytes left, without consuming them. It aliases the data.
func (c *Cursor) Rest() []byte { return c.data }

// Fail records an error at the current offset, unless there is one already, and empties the cursor.
func (c *Cursor) Fail(sentinel error, format string, args ...any) {
	if c.err == nil {
		c.err = &FormatError{Name: c.name, Offset: c.base, Msg: fmt.Sprintf(format, args...), Err: sentinel}
	}
	c.data = nil
}

// Bytes consumes n bytes and returns them; they alias the data. It returns nil after an error.
func (c *Cursor) Bytes(n int) []byte {
	if n < 0 || n > len(c.data) {
		c.Fail(nil, "%d bytes needed, %d left", n, len(c.data))
		return nil
	}
	b := c.data[:n:n]
	c.data = c.data[n:]
	c.base += int64(n)
	return b
}

// Skip consumes n bytes.
func (c *Cursor) Skip(n int) { c.Bytes(n) }

// Uint8 consumes one byte.
func (c *Cursor) Uint8() uint8 {
	if b := c.Bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// Uint16 consumes a 16-bit integer.
func (c *Cursor) Uint16() uint16 {
	if b := c.Bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// Uint32 consumes a 32-bit integer.
func (c *Cursor) Uint32() uint32 {
	if b := c.Bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// Uint64 consumes a 64-bit integer.
func (c *Cursor) Uint64() uint64 {
	if b := c.Bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Pointer consumes an address of size bytes, 4 or 8.
func (c *Cursor) Pointer(size int) uint64 {
	if size == 4 {
		return uint64(c.Uint32())
	}
	return c.Uint64()
}

// GUID consumes 16 bytes as they lie, in the mixed-endian layout of Windows.
func (c *Cursor) GUID() (g [16]byte) {
	copy(g[:], c.Bytes(16))
	return g
}

// UTF16z consumes a UTF-16LE string and its two-byte NUL and returns the bytes before the NUL.
// Without a NUL it fails.
func (c *Cursor) UTF16z() []byte {
	for i := 0; i+1 < len(c.data); i += 2 {
		if c.data[i] == 0 && c.data[i+1] == 0 {
			s := c.Bytes(i)
			c.Skip(2)
			return s
		}
	}
	c.Fail(nil, "UTF-16 string without NUL in the %d bytes left", len(c.data))
	return nil
}

// Stringz consumes an 8-bit string and its NUL and returns the bytes before the NUL.
// Without a NUL it fails.
func (c *Cursor) Stringz() []byte {
	for i, b := range c.data {
		if b == 0 {
			s := c.Bytes(i)
			c.Skip(1)
			return s
		}
	}
	c.Fail(nil, "string without NUL in the %d bytes left", len(c.data))
	return nil
}
