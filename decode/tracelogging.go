package decode

import (
	"errors"
	"fmt"
	"strings"

	"github.com/etwhy/etwhy/decode/cursor"
	"github.com/etwhy/etwhy/decode/schema"
)

// errTraceLogging is what the errors about TraceLogging metadata wrap.
var errTraceLogging = errors.New("malformed TraceLogging metadata")

// Bits of the type byte of a TraceLogging field. The other five are an InType.
const (
	tlInMask  = 0x1F
	tlArray   = 0x20 // u16 count in the metadata
	tlCounted = 0x40 // u16 count in the payload
	tlCustom  = 0x60 // both: opaque, u16 bytes of type description in the metadata and of data in the payload
	tlMore    = 0x80 // another byte follows: the out type, or tags
)

// tlOutTypes holds the out types of TraceLogging (TraceLoggingProvider.h) up to its last number of
// its own; those above are numbered like schema.OutType.
var tlOutTypes = [...]schema.OutType{
	1:  schema.OutNoPrint,
	2:  schema.OutString,
	3:  schema.OutBoolean,
	4:  schema.OutHex64,
	5:  schema.OutPID,
	6:  schema.OutTID,
	7:  schema.OutPort,
	8:  schema.OutIPv4,
	9:  schema.OutIPv6,
	10: schema.OutSocketAddress,
	11: schema.OutXML,
	12: schema.OutJSON,
	13: schema.OutWin32Error,
	14: schema.OutNTStatus,
	15: schema.OutHResult,
	16: schema.OutDateTime,
	17: schema.OutLong,
	18: schema.OutULong,
}

// A tlReader reads the metadata of a TraceLogging event.
type tlReader struct{ cursor.Cursor }

// parseTraceLogging reads the metadata that a TraceLogging event carries (extended item
// EVENT_SCHEMA_TL).
//
//	u16 size of all, tags, name NUL, fields
//	field: name NUL, u8 in type and flags, [u8 out type], [tags], [u16 count | u16 n, n bytes]
//	tags: bytes up to and with one whose top bit is clear
//
// Names are UTF-8. A struct is followed by its members; its out type is their number.
func parseTraceLogging(data []byte) (*schema.Event, error) {
	c := tlReader{cursor.New("EVENT_SCHEMA_TL", data, 0)}
	size := int(c.Uint16())
	if size < 2 || size > len(data) {
		return nil, fmt.Errorf("%w: size %d of %d bytes", errTraceLogging, size, len(data))
	}
	c.Cursor = cursor.New("EVENT_SCHEMA_TL", data[2:size], 2)
	c.tags()
	ev := &schema.Event{Symbol: c.name()}
	for c.Err() == nil && c.Len() > 0 {
		ev.Fields = append(ev.Fields, c.field(0))
	}
	if err := c.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", errTraceLogging, err)
	}
	return ev, nil
}

func (c *tlReader) tags() {
	for c.Uint8()&0x80 != 0 {
	}
}

func (c *tlReader) name() string { return strings.ToValidUTF8(string(c.Stringz()), "\uFFFD") }

func (c *tlReader) field(depth int) schema.Field {
	f := schema.Field{Name: c.name()}
	in := c.Uint8()
	out := uint8(0)
	if in&tlMore != 0 {
		if out = c.Uint8(); out&tlMore != 0 {
			c.tags()
			out &^= tlMore
		}
	}
	switch in & tlCustom {
	case tlCustom:
		c.Skip(int(c.Uint16()))
		f.In = schema.CountedBinary
		return f
	case tlArray:
		f.Count = schema.Size{Kind: schema.Fixed, N: c.Uint16()}
	case tlCounted:
		f.Count = schema.Size{Kind: schema.Prefixed}
	}
	f.In = schema.InType(in & tlInMask)
	switch f.In {
	case schema.Struct:
		c.members(&f, int(out), depth+1)
		return f
	case schema.Binary:
		f.Length = schema.Size{Kind: schema.Prefixed}
	}
	f.Out = schema.OutType(out)
	if int(out) < len(tlOutTypes) {
		f.Out = tlOutTypes[out]
	}
	return f
}

// members reads the fields of a struct.
func (c *tlReader) members(f *schema.Field, n, depth int) {
	if depth > maxDepth {
		c.Fail(nil, "structs nest deeper than %d", maxDepth)
	}
	f.Fields = []schema.Field{}
	for ; n > 0 && c.Err() == nil; n-- {
		f.Fields = append(f.Fields, c.field(depth))
	}
}

// traitsName returns the provider's name from an extended item PROV_TRAITS: u16 size of all, UTF-8
// name, NUL, traits.
func traitsName(data []byte) string {
	c := tlReader{cursor.New("PROV_TRAITS", data, 0)}
	c.Skip(2)
	return c.name()
}
