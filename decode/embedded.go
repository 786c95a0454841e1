package decode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/etwhy/etwhy/decode/cursor"
	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// metadataClass is the class of the records that the merge step adds to describe events.
//
//	opcode 32  TRACE_EVENT_INFO
//	opcode 33  provider GUID, EVENT_MAP_INFO
var metadataClass = etl.MustParseGUID("bbccf6c1-6cd1-48c4-80ff-839482e37671")

const (
	opcodeEventInfo = 32
	opcodeMapInfo   = 33
)

// errMetadata is what the errors about embedded metadata wrap.
var errMetadata = errors.New("malformed event metadata")

const (
	maxDepth = 32  // of structs within structs
	maxName  = 256 // bytes of a field's name, which many fields may share
)

// An infoSource says where a TRACE_EVENT_INFO comes from (DECODING_SOURCE, tdh.h).
type infoSource uint32

const (
	infoXML  infoSource = 0 // manifest
	infoWBEM infoSource = 1 // MOF class
	// WPP (2) and TraceLogging (3) descriptions are of one message or event kind each, which the id
	// in them does not tell apart from others.
)

// Flags of an EVENT_PROPERTY_INFO.
const (
	propertyStruct      = 0x01
	propertyLengthField = 0x02 // the length is the index of a property
	propertyCountField  = 0x04 // the count is the index of a property
	propertyFixedLength = 0x10
	propertyFixedCount  = 0x20 // an array, even of one
)

// An eventInfo is a TRACE_EVENT_INFO.
type eventInfo struct {
	provider etl.GUID
	class    etl.GUID // of the event when it is logged in the classic way; may be zero
	source   infoSource
	name     string // of the provider
	event    schema.Event
	err      error // what is wrong with it: then it only names the event, if it reaches so far
}

// Sizes in bytes and offsets of TRACE_EVENT_INFO (tdh.h).
const (
	eventInfoSize    = 0x70
	propertyInfoSize = 24
	mapInfoSize      = 16
	mapEntrySize     = 8
)

// An infoBlob reads the strings of a blob, which it refers to by their offset.
type infoBlob struct {
	data    []byte
	budget  int // bytes of string that may still be read: honest blobs do not use theirs twice over
	strings map[uint32]string
}

func newInfoBlob(data []byte) infoBlob {
	return infoBlob{data: data, budget: len(data), strings: map[uint32]string{}}
}

// str returns the NUL-terminated UTF-16 string at offset at; "" at 0.
func (b *infoBlob) str(at uint32) (string, error) {
	if at == 0 {
		return "", nil
	}
	if s, ok := b.strings[at]; ok {
		return s, nil
	}
	if int64(at) >= int64(len(b.data)) {
		return "", fmt.Errorf("%w: string at offset %#x of %d bytes", errMetadata, at, len(b.data))
	}
	raw := b.data[at:]
	if n := indexNUL(raw, 2); n >= 0 {
		raw = raw[:n]
	}
	if b.budget -= len(raw); b.budget < 0 {
		return "", fmt.Errorf("%w: strings overlap", errMetadata)
	}
	s := string(appendUTF16(nil, raw, plainText))
	b.strings[at] = s
	return s, nil
}

// parseEventInfo reads a TRACE_EVENT_INFO. getMap returns the map of a name, which may be described
// only later.
//
//	00 provider GUID, event GUID, EVENT_DESCRIPTOR, u32 source
//	34 u32 offsets of strings: provider, level, channel, keywords, task, opcode, message, ...
//	64 u32 properties, u32 of them at the top level, u32 flags
//	70 properties, 24 bytes each: those of structs behind those of the top level
func parseEventInfo(data []byte, getMap func(provider etl.GUID, name string) *schema.Map) eventInfo {
	c := cursor.New("TRACE_EVENT_INFO", data, 0)
	var info eventInfo
	ev := &info.event
	info.provider, info.class = c.GUID(), c.GUID()
	ev.ID, ev.Version = c.Uint16(), c.Uint8()
	c.Skip(1) // channel
	ev.Level, ev.Opcode, ev.Task = c.Uint8(), c.Uint8(), c.Uint16()
	ev.Keywords = c.Uint64()
	info.source = infoSource(c.Uint32())
	var offsets [12]uint32 // provider, level, channel, keywords, task, opcode, message, ...
	for i := range offsets {
		offsets[i] = c.Uint32()
	}
	properties, top := c.Uint32(), c.Uint32()
	c.Skip(4)
	if err := c.Err(); err != nil {
		info.err = fmt.Errorf("%w: %w", errMetadata, err)
		return info
	}
	if int64(properties) > int64(c.Len()/propertyInfoSize) || top > properties {
		info.err = fmt.Errorf("%w: %d properties, %d at the top, in %d bytes", errMetadata, properties, top, c.Len())
		return info
	}

	blob := newInfoBlob(data)
	for _, s := range []struct {
		to *string
		at uint32
	}{{&info.name, offsets[0]}, {&ev.TaskName, offsets[4]}, {&ev.OpcodeName, offsets[5]}, {&ev.Message, offsets[6]}} {
		if *s.to, info.err = blob.str(s.at); info.err != nil {
			return info
		}
	}
	info.name = strings.TrimRight(info.name, " ")
	ev.TaskName = cleanName(ev.TaskName)
	ev.OpcodeName = cleanName(ev.OpcodeName)

	list := propertyList{
		blob:   blob,
		data:   c.Bytes(int(properties) * propertyInfoSize),
		left:   int(properties),
		wbem:   info.source == infoWBEM,
		getMap: func(name string) *schema.Map { return getMap(info.provider, name) },
	}
	ev.Fields, info.err = list.fields(0, int(top), 0)
	return info
}

// cleanName drops what names of tasks and opcodes have around them in manifests' resources.
func cleanName(s string) string {
	return strings.TrimPrefix(strings.TrimRight(s, " "), "win:")
}

// A propertyList is the array of EVENT_PROPERTY_INFO of a blob:
//
//	00 u32 flags, u32 offset of the name
//	08 u16 in type  or  index of the first member
//	0A u16 out type  or  number of members
//	0C u32 offset of the map's name
//	10 u16 count  or  index of the property that holds it
//	12 u16 length  or  index of the property that holds it
type propertyList struct {
	blob   infoBlob
	data   []byte
	left   int // properties not used yet: each has one place in the event
	wbem   bool
	getMap func(name string) *schema.Map
}

// fields returns n properties from index first on.
func (l *propertyList) fields(first, n, depth int) ([]schema.Field, error) {
	if total := len(l.data) / propertyInfoSize; first+n > total || depth > maxDepth {
		return nil, fmt.Errorf("%w: members %d to %d of %d properties at depth %d", errMetadata, first, first+n, total, depth)
	}
	if l.left -= n; l.left < 0 {
		return nil, fmt.Errorf("%w: properties are members of several structs", errMetadata)
	}
	fields := make([]schema.Field, n)
	for i := range fields {
		if err := l.field(&fields[i], first, first+i, depth); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

// field reads property i of the level that begins with property first.
func (l *propertyList) field(f *schema.Field, first, i, depth int) error {
	p := l.data[i*propertyInfoSize:]
	flags := binary.LittleEndian.Uint32(p)
	in, out := binary.LittleEndian.Uint16(p[8:]), binary.LittleEndian.Uint16(p[10:])
	count, length := binary.LittleEndian.Uint16(p[16:]), binary.LittleEndian.Uint16(p[18:])
	var err error
	if f.Name, err = l.blob.str(binary.LittleEndian.Uint32(p[4:])); err != nil {
		return err
	}
	if len(f.Name) > maxName {
		return fmt.Errorf("%w: a name of %d bytes", errMetadata, len(f.Name))
	}
	// The index of an earlier property of this level.
	reference := func(index uint16) (schema.Size, error) {
		if int(index) < first || int(index) >= i {
			return schema.Size{}, fmt.Errorf("%w: the size of %s refers to property %d", errMetadata, f.Name, index)
		}
		return schema.Size{Kind: schema.ByField, N: index - uint16(first)}, nil
	}
	switch {
	case flags&propertyCountField != 0:
		f.Count, err = reference(count)
	case flags&propertyFixedCount != 0 || count > 1:
		f.Count = schema.Size{Kind: schema.Fixed, N: count}
	}
	if err != nil {
		return err
	}
	if flags&propertyStruct != 0 {
		f.In = schema.Struct
		f.Fields, err = l.fields(int(in), int(out), depth+1)
		return err
	}
	f.In, f.Out = schema.InType(in), schema.OutType(out)
	if l.wbem && f.In == schema.Boolean { // one byte in MOF
		f.In, f.Out = schema.UInt8, schema.OutBoolean
	}
	switch form := typeOf(f.In).form; {
	case flags&propertyLengthField != 0:
		if f.Length, err = reference(length); err != nil {
			return err
		}
	case (form == text || form == blob) && (flags&propertyFixedLength != 0 || length != 0):
		f.Length = schema.Size{Kind: schema.Fixed, N: length}
	}
	name, err := l.blob.str(binary.LittleEndian.Uint32(p[12:]))
	if err == nil && name != "" {
		f.Map = l.getMap(name)
	}
	return err
}

// Flags of an EVENT_MAP_INFO.
const (
	mapManifestBits    = 0x02
	mapWBEMBits        = 0x10
	mapWBEMFlag        = 0x20
	mapPatternOrString = 0x04 // maps text, not numbers
)

// parseMapInfo reads an EVENT_MAP_INFO. A map of text comes back without entries.
//
//	00 u32 offset of the name, u32 flags, u32 entries, u32 type of the values (0 = numbers)
//	10 entries: u32 offset of the text, u32 value
func parseMapInfo(data []byte) (schema.Map, error) {
	c := cursor.New("EVENT_MAP_INFO", data, 0)
	nameAt, flags, n, valueType := c.Uint32(), c.Uint32(), c.Uint32(), c.Uint32()
	if err := c.Err(); err != nil {
		return schema.Map{}, fmt.Errorf("%w: %w", errMetadata, err)
	}
	if int64(n) > int64(c.Len()/mapEntrySize) {
		return schema.Map{}, fmt.Errorf("%w: %d map entries in %d bytes", errMetadata, n, c.Len())
	}
	blob := newInfoBlob(data)
	name, err := blob.str(nameAt)
	m := schema.Map{Name: name, Bits: flags&(mapManifestBits|mapWBEMBits|mapWBEMFlag) != 0}
	if err != nil || flags&mapPatternOrString != 0 || valueType != 0 {
		return m, err
	}
	m.Entries = make([]schema.MapEntry, n)
	for i := range m.Entries {
		text, err := blob.str(c.Uint32())
		if err != nil {
			return schema.Map{}, err
		}
		m.Entries[i] = schema.MapEntry{Value: uint64(c.Uint32()), Text: text}
	}
	return m, nil
}
