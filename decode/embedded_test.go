package decode

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// A property is an EVENT_PROPERTY_INFO for infoBytes.
type property struct {
	flags         uint32
	name          string
	in, out       uint16 // of a struct: first member, number of members
	count, length uint16
}

// infoBytes returns a TRACE_EVENT_INFO with the properties, of which the first top are at the top level.
func infoBytes(top int, properties ...property) []byte {
	b := make([]byte, eventInfoSize+propertyInfoSize*len(properties))
	binary.LittleEndian.PutUint32(b[0x64:], uint32(len(properties)))
	binary.LittleEndian.PutUint32(b[0x68:], uint32(top))
	for i, p := range properties {
		at := b[eventInfoSize+propertyInfoSize*i:]
		binary.LittleEndian.PutUint32(at, p.flags)
		binary.LittleEndian.PutUint32(at[4:], uint32(len(b)))
		binary.LittleEndian.PutUint16(at[8:], p.in)
		binary.LittleEndian.PutUint16(at[10:], p.out)
		binary.LittleEndian.PutUint16(at[16:], p.count)
		binary.LittleEndian.PutUint16(at[18:], p.length)
		for _, u := range utf16.Encode([]rune(p.name + "\x00")) {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
	}
	return b
}

func noMap(etl.GUID, string) *schema.Map { return &schema.Map{} }

func TestEventInfo(t *testing.T) {
	const u8, text = uint16(schema.UInt8), uint16(schema.UnicodeString)
	for _, tt := range []struct {
		name string
		data []byte
		want []schema.Field // nil: malformed
		bad  string         // what the error says
	}{
		{"no properties", infoBytes(0), []schema.Field{}, ""},
		{"counts and lengths",
			infoBytes(6, property{name: "n", in: u8, count: 1, length: 1},
				property{flags: propertyCountField, name: "a", in: u8, count: 0, length: 1},
				property{flags: propertyLengthField, name: "s", in: text, count: 1, length: 0},
				property{flags: propertyFixedCount, name: "b", in: u8, count: 1},
				property{name: "c", in: u8, count: 3},
				property{flags: propertyFixedLength, name: "d", in: text, count: 1, length: 4}),
			[]schema.Field{
				{Name: "n", In: schema.UInt8},
				{Name: "a", In: schema.UInt8, Count: schema.Size{Kind: schema.ByField}},
				{Name: "s", In: schema.UnicodeString, Length: schema.Size{Kind: schema.ByField}},
				{Name: "b", In: schema.UInt8, Count: schema.Size{Kind: schema.Fixed, N: 1}},
				{Name: "c", In: schema.UInt8, Count: schema.Size{Kind: schema.Fixed, N: 3}},
				{Name: "d", In: schema.UnicodeString, Length: schema.Size{Kind: schema.Fixed, N: 4}},
			}, ""},
		{"struct with a size of its own",
			infoBytes(2, property{name: "x", in: u8}, property{flags: propertyStruct, name: "p", in: 2, out: 2, count: 1},
				property{name: "n", in: u8}, property{flags: propertyCountField, name: "l", in: u8, count: 2}),
			[]schema.Field{{Name: "x", In: schema.UInt8}, {Name: "p", In: schema.Struct, Fields: []schema.Field{
				{Name: "n", In: schema.UInt8}, {Name: "l", In: schema.UInt8, Count: schema.Size{Kind: schema.ByField}}}}}, ""},
		{"too short", make([]byte, eventInfoSize-1), nil, "bytes needed"},
		{"more properties than bytes", slices.Concat(infoBytes(1)[:0x64], []byte{255, 255, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0}), nil, "4294967295 properties"},
		{"more at the top than there are", infoBytes(2, property{name: "x", in: u8}), nil, "1 properties, 2 at the top"},
		{"members beyond the end", infoBytes(1, property{flags: propertyStruct, name: "p", in: 1, out: 1}), nil, "members 1 to 2 of 1"},
		{"a struct within itself", infoBytes(1, property{flags: propertyStruct, name: "p", in: 0, out: 1}), nil, "several structs"},
		{"two structs around each other",
			infoBytes(1, property{flags: propertyStruct, name: "p", in: 1, out: 1}, property{flags: propertyStruct, name: "q", in: 0, out: 1}), nil, "several structs"},
		{"members shared", infoBytes(2, property{flags: propertyStruct, name: "p", in: 2, out: 1}, property{flags: propertyStruct, name: "q", in: 2, out: 1},
			property{name: "x", in: u8}), nil, "several structs"},
		{"a thousand structs within each other", infoBytes(1, nested(1000)...), nil, "at depth 33"},
		{"size of what follows", infoBytes(2, property{flags: propertyCountField, name: "a", in: u8, count: 1}, property{name: "n", in: u8}), nil, "refers to property 1"},
		{"size of itself", infoBytes(1, property{flags: propertyLengthField, name: "a", in: text, length: 0}), nil, "refers to property 0"},
		{"size from outside the struct",
			infoBytes(2, property{name: "n", in: u8}, property{flags: propertyStruct, name: "p", in: 2, out: 1},
				property{flags: propertyCountField, name: "l", in: u8, count: 0}), nil, "refers to property 0"},
		{"name beyond the end", func() []byte {
			b := infoBytes(1, property{name: "x", in: u8})
			binary.LittleEndian.PutUint32(b[eventInfoSize+4:], uint32(len(b)))
			return b
		}(), nil, "string at offset"},
		{"names inside each other", func() []byte {
			many := make([]property, 500)
			b := infoBytes(len(many), many...)
			at := uint32(len(b))
			b = append(b, strings.Repeat("x\x00", 250)...)
			for i := range many {
				binary.LittleEndian.PutUint32(b[eventInfoSize+i*propertyInfoSize+4:], at+uint32(2*(i%250)))
			}
			return b
		}(), nil, "strings overlap"},
		{"a name without measure", infoBytes(1, property{name: strings.Repeat("x", 300), in: u8}), nil, "a name of 300 bytes"},
	} {
		info := parseEventInfo(tt.data, noMap)
		err := info.err
		switch {
		case tt.want == nil:
			if !errors.Is(err, errMetadata) || !strings.Contains(err.Error(), tt.bad) {
				t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.bad)
			}
		case err != nil:
			t.Errorf("%s: %v", tt.name, err)
		default:
			if diff := cmp.Diff(tt.want, info.event.Fields); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tt.name, diff)
			}
		}
	}
}

// nested returns n structs, each the only member of the one before.
func nested(n int) []property {
	list := make([]property, n)
	for i := range list {
		list[i] = property{flags: propertyStruct, name: "p", in: uint16(i + 1), out: 1}
	}
	return append(list, property{name: "x", in: uint16(schema.UInt8)})
}

func TestMapInfo(t *testing.T) {
	// A map of two names: header, entries, texts.
	good := payload(uint32(32), uint32(mapManifestBits), uint32(2), uint32(0), uint32(36), uint32(1), uint32(42), uint32(2), wsz("M"), wsz("A "), wsz("B "))
	change := func(at int, n uint32) []byte {
		b := slices.Clone(good)
		binary.LittleEndian.PutUint32(b[at:], n)
		return b
	}
	want := schema.Map{Name: "M", Bits: true, Entries: []schema.MapEntry{{Value: 1, Text: "A "}, {Value: 2, Text: "B "}}}
	got, err := parseMapInfo(good)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v: -want +got:\n%s", err, diff)
	}
	for name, data := range map[string][]byte{
		"cut":                     good[:15],
		"more entries than bytes": change(8, 100),
		"4 G entries":             change(8, 0xFFFFFFFF),
		"name beyond the end":     change(0, 1000),
		"text beyond the end":     change(16, 1000),
	} {
		if m, err := parseMapInfo(data); !errors.Is(err, errMetadata) || m.Entries != nil {
			t.Errorf("%s: %v, error %v", name, m, err)
		}
	}
	for name, data := range map[string][]byte{"a map of patterns": change(4, mapPatternOrString), "a map of strings": change(12, 1)} {
		if m, err := parseMapInfo(data); err != nil || m.Name != "M" || m.Entries != nil {
			t.Errorf("%s: %v, error %v", name, m, err)
		}
	}
}
