package cursor_test

import (
	"errors"
	"testing"

	"github.com/etwhy/etwhy/decode/cursor"
)

func TestCursor(t *testing.T) {
	data := []byte{
		0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, // u8, u16, u32
		0x08, 0, 0, 0, 0, 0, 0, 0x80, // u64
		0x09, 0, 0, 0, // pointer of a 32-bit process
		'h', 0, 'i', 0, 0, 0, // UTF-16
		'o', 'k', 0, // 8-bit
		0xFF,
	}
	c := cursor.New("thing", data, 0x100)
	if v := c.Uint8(); v != 0x01 {
		t.Errorf("Uint8 %#x", v)
	}
	if v := c.Uint16(); v != 0x0302 {
		t.Errorf("Uint16 %#x", v)
	}
	if v := c.Uint32(); v != 0x07060504 {
		t.Errorf("Uint32 %#x", v)
	}
	if v := c.Uint64(); v != 0x8000000000000008 {
		t.Errorf("Uint64 %#x", v)
	}
	if v := c.Pointer(4); v != 9 {
		t.Errorf("Pointer %#x", v)
	}
	if s := c.UTF16z(); string(s) != "h\x00i\x00" {
		t.Errorf("UTF16z %q", s)
	}
	if s := c.Stringz(); string(s) != "ok" {
		t.Errorf("Stringz %q", s)
	}
	if c.Err() != nil || c.Len() != 1 || c.Offset() != 0x100+int64(len(data))-1 {
		t.Errorf("%v, %d left at %#x", c.Err(), c.Len(), c.Offset())
	}
}

// TestSticky: the first error stays, and nothing can be read behind it.
func TestSticky(t *testing.T) {
	c := cursor.New("thing", []byte{1, 2, 3}, 0x40)
	c.Uint16()
	c.Uint32()
	first := c.Err()
	var fe *cursor.FormatError
	if !errors.As(first, &fe) || fe.Offset != 0x42 || first.Error() != "thing at offset 0x42: 4 bytes needed, 1 left" {
		t.Fatalf("error %v", first)
	}
	if v := c.Uint8(); v != 0 || c.Bytes(1) != nil || c.UTF16z() != nil || c.Len() != 0 {
		t.Errorf("something was read behind the error")
	}
	if c.GUID() != [16]byte{} || c.Err() != first {
		t.Errorf("error is now %v", c.Err())
	}
}

func TestMalformed(t *testing.T) {
	errOdd := errors.New("odd")
	for _, tt := range []struct {
		name string
		data string
		read func(*cursor.Cursor)
		want string
	}{
		{"string without NUL", "abc", func(c *cursor.Cursor) { c.Stringz() }, "thing at offset 0x0: string without NUL in the 3 bytes left"},
		{"UTF-16 cut in a character", "a\x00b", func(c *cursor.Cursor) { c.UTF16z() }, "thing at offset 0x0: UTF-16 string without NUL in the 3 bytes left"},
		{"negative size", "abc", func(c *cursor.Cursor) { c.Bytes(-1) }, "thing at offset 0x0: -1 bytes needed, 3 left"},
		{"the caller's own", "abc", func(c *cursor.Cursor) { c.Skip(1); c.Fail(errOdd, "version %d, want 2", 9) }, "thing at offset 0x1: version 9, want 2"},
	} {
		c := cursor.New("thing", []byte(tt.data), 0)
		tt.read(&c)
		if err := c.Err(); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
		if tt.name == "the caller's own" && !errors.Is(c.Err(), errOdd) {
			t.Error("the sentinel is lost")
		}
	}
}
