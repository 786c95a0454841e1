package etltest

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// metadataClass is the class of the records in which merged logs describe their events.
var metadataClass = etl.MustParseGUID("bbccf6c1-6cd1-48c4-80ff-839482e37671")

const (
	infoOpcode = 32 // TRACE_EVENT_INFO
	mapOpcode  = 33 // a provider GUID and EVENT_MAP_INFO
)

// metadata writes a record of metadataClass.
func (e *encoder) metadata(ev *Event, a *attrs, opcode byte, blob []byte) error {
	b := fullHeader(nil, recordType(e.log.Bits, 10, 20), ev, metadataClass, opcode, 0, 0, e.base.timestamp(ev.At))
	return e.emit(ev, a, append(b, blob...), 0)
}

// embed writes the description of an event, from its schema or from typed fields, and the maps of
// the schema.
func (e *encoder) embed(ev *Event, a *attrs) error {
	if raw, ok := a.blob("raw"); ok {
		return e.metadata(ev, a, infoOpcode, raw)
	}
	var class etl.GUID
	classic := false
	if s, ok := a.text("class"); ok {
		var err error
		class, err = e.trace.resolve(s)
		a.note("class", err)
		classic = true
	}
	s := e.schemaOf(ev)
	if p := schema.LookupClass(class); classic && p != nil {
		s, _ = p.FindClassic(class, uint8(ev.ID), uint8(ev.Version))
	}
	if len(ev.Fields) > 0 {
		typed, err := typedLayout(ev.Fields)
		if err != nil {
			return err
		}
		s = &schema.Event{Fields: plainLayout(typed)}
	}
	switch {
	case s == nil:
		return errors.New("no schema is known for this event and version: give fields with types")
	case ev.Version > 0xFF || classic && ev.ID > 0xFF:
		return errors.New("version or opcode is over 255")
	}
	if err := e.metadata(ev, a, infoOpcode, e.eventInfo(ev, a, s, class, classic)); err != nil {
		return err
	}
	var maps []*schema.Map
	for _, p := range properties(s.Fields) {
		if m := p.Map; m != nil && len(m.Entries) > 0 && !slices.Contains(maps, m) {
			maps = append(maps, m)
			flag := uint32(1)
			if m.Bits {
				flag = 2
			}
			if err := e.metadata(ev, a, mapOpcode, eventMap(ev.Provider, m, flag)); err != nil {
				return err
			}
		}
	}
	return nil
}

// A property is a field with its place in TRACE_EVENT_INFO.
type property struct {
	schema.Field
	level int // index of the first property of its level, to which lengths and counts refer
	first int // index of the first member, of a struct
}

// properties returns the fields with all members: first the top level, then struct by struct.
func properties(fields []schema.Field) (list []property) {
	for _, f := range fields {
		list = append(list, property{Field: f})
	}
	for i := 0; i < len(list); i++ {
		if list[i].In != schema.Struct {
			continue
		}
		first := len(list)
		list[i].first = first
		for _, f := range list[i].Fields {
			list = append(list, property{Field: f, level: first})
		}
	}
	return list
}

// defaultOut holds what Windows puts for the default out type.
var defaultOut = map[schema.InType]schema.OutType{
	schema.UnicodeString: schema.OutString, schema.AnsiString: schema.OutString,
	schema.Int8: schema.OutByte, schema.UInt8: schema.OutUByte, schema.Int16: schema.OutShort,
	schema.UInt16: schema.OutUShort, schema.Int32: schema.OutInt, schema.UInt32: schema.OutUInt,
	schema.Int64: schema.OutLong, schema.UInt64: schema.OutULong, schema.Float: schema.OutFloat,
	schema.Double: schema.OutDouble, schema.Boolean: schema.OutBoolean, schema.Binary: schema.OutHexBinary,
	schema.GUID: schema.OutGUID, schema.Pointer: schema.OutHex64, schema.FileTime: schema.OutDateTime,
	schema.SystemTime: schema.OutDateTime, schema.SID: schema.OutString,
	schema.HexInt32: schema.OutHex32, schema.HexInt64: schema.OutHex64,
}

var levelNames = []string{1: "win:Critical", 2: "win:Error", 3: "win:Warning", 4: "win:Informational", 5: "win:Verbose"}

// eventInfo returns a TRACE_EVENT_INFO.
func (e *encoder) eventInfo(ev *Event, a *attrs, s *schema.Event, class etl.GUID, classic bool) []byte {
	const size, propertySize = 0x70, 24
	props := properties(s.Fields)
	info := make([]byte, size+propertySize*len(props))
	put := func(at int, text string) { // a string, or nothing
		if text != "" {
			le.PutUint32(info[at:], uint32(len(info)))
			info = utf16z(info, text)
		}
	}
	copy(info, ev.Provider[:])
	id, opcode := ev.ID, *s
	if classic {
		copy(info[0x10:], class[:])
		le.PutUint32(info[0x30:], 1) // DecodingSource: WBEM
		id, opcode.Opcode = 0, byte(ev.ID)
	}
	appendDescriptor(info[:0x20], id, ev.Version, a, &opcode, 0)
	put(0x34, cmp.Or(e.trace.fullName(ev.Provider), "Unknown"))
	if l := int(info[0x24]); l < len(levelNames) {
		put(0x38, levelNames[l])
	}
	if p := schema.Lookup(ev.Provider); p != nil && s.Keywords != 0 {
		le.PutUint32(info[0x40:], uint32(len(info)))
		for _, k := range p.Keywords {
			if k.Mask&s.Keywords != 0 {
				info = utf16z(info, k.Name)
			}
		}
		info = append(info, 0, 0)
	}
	for _, t := range []struct {
		at   int
		name string
		def  string
	}{{0x44, "taskname", s.TaskName}, {0x48, "opcodename", s.OpcodeName}, {0x4C, "message", s.Message}} {
		text, ok := a.text(t.name)
		if !ok {
			text = t.def
		}
		put(t.at, text)
	}
	le.PutUint32(info[0x64:], uint32(len(props)))
	le.PutUint32(info[0x68:], uint32(len(s.Fields)))
	le.PutUint32(info[0x6C:], 1) // TEMPLATE_EVENT_DATA
	for i, p := range props {
		at := size + propertySize*i
		put(at+4, p.Name)
		flags := propertySizes(info[at:], p)
		if p.In == schema.Struct {
			flags |= 1
			le.PutUint16(info[at+0x08:], uint16(p.first))
			le.PutUint16(info[at+0x0A:], uint16(len(p.Fields)))
		} else {
			out := p.Out
			if out == schema.OutDefault || out == schema.OutIPAddress {
				out = defaultOut[p.In]
			}
			le.PutUint16(info[at+0x08:], uint16(p.In))
			le.PutUint16(info[at+0x0A:], uint16(out))
			if p.Map != nil {
				put(at+0x0C, p.Map.Name)
			}
		}
		le.PutUint32(info[at:], flags)
	}
	return info
}

// propertySizes sets count and length of an EVENT_PROPERTY_INFO and returns the flags for them.
func propertySizes(info []byte, p property) (flags uint32) {
	length := uint16(integerSizes[p.In])
	switch p.In {
	case schema.GUID, schema.SystemTime:
		length = 16
	case schema.FileTime, schema.Double:
		length = 8
	case schema.Float:
		length = 4
	}
	count := uint16(1)
	for _, of := range []struct {
		size         schema.Size
		value        *uint16
		param, fixed uint32
	}{{p.Length, &length, 2, 0x10}, {p.Count, &count, 4, 0x20}} {
		switch of.size.Kind {
		case schema.Fixed:
			*of.value = of.size.N
			flags |= of.fixed
		case schema.ByField:
			*of.value = uint16(p.level) + of.size.N
			flags |= of.param
		}
	}
	le.PutUint16(info[0x10:], count)
	le.PutUint16(info[0x12:], length)
	return flags
}

// fullName returns the name of a provider as it registers itself, or "".
func (t *Trace) fullName(g etl.GUID) string {
	for _, p := range t.Providers {
		if p.GUID == g {
			return p.Name
		}
	}
	return schema.Name(g)
}

// mapInfo writes a map whose entries are the fields: number=text.
func (e *encoder) mapInfo(ev *Event, a *attrs) error {
	if raw, ok := a.blob("raw"); ok {
		return e.metadata(ev, a, mapOpcode, raw)
	}
	m := schema.Map{Name: ev.Source}
	for _, f := range ev.Fields {
		v, err := strconv.ParseUint(f.Name, 0, 32)
		if err != nil {
			return fmt.Errorf("an entry of a map is number=text: %w", err)
		}
		m.Entries = append(m.Entries, schema.MapEntry{Value: v, Text: f.Value})
	}
	return e.metadata(ev, a, mapOpcode, eventMap(ev.Provider, &m, uint32(a.number("flags", 32, 1))))
}

// eventMap returns a provider GUID and an EVENT_MAP_INFO. Windows ends the texts with a blank.
func eventMap(provider etl.GUID, m *schema.Map, flag uint32) []byte {
	const size, entrySize = 16, 8
	info := make([]byte, size+entrySize*len(m.Entries))
	le.PutUint32(info, uint32(len(info)))
	le.PutUint32(info[4:], flag)
	le.PutUint32(info[8:], uint32(len(m.Entries)))
	info = utf16z(info, m.Name)
	for i, entry := range m.Entries {
		at := size + entrySize*i
		le.PutUint32(info[at:], uint32(len(info)))
		le.PutUint32(info[at+4:], uint32(entry.Value))
		info = utf16z(info, strings.TrimSuffix(entry.Text, " ")+" ")
	}
	return append(provider[:], info...)
}

// traceLogging writes an event that carries its description in extended items.
func (e *encoder) traceLogging(ev *Event, a *attrs) error {
	typed, err := typedLayout(ev.Fields)
	if err != nil {
		return err
	}
	meta := append(tagBytes(uint32(a.number("tag", 28, 0))), ev.Name...)
	meta = append(meta, 0)
	if meta, err = appendTLFields(meta, typed, e.bits(a)); err != nil {
		return err
	}
	traits := append([]byte(ev.Source), 0)
	if s, ok := a.text("group"); ok {
		g, err := etl.ParseGUID(s)
		a.note("group", err)
		traits = append(le.AppendUint16(traits, 19), 1)
		traits = append(traits, g[:]...)
	}
	if strings.Contains(ev.Source+ev.Name, "\x00") || len(meta) > maxRecord || len(traits) > maxRecord {
		return errors.New("names are too long or contain NUL")
	}
	return e.event(ev, a, &schema.Event{Level: 5}, 11, []extension{
		{0x0C, append(u16(len(traits)+2), traits...)},
		{0x0B, append(u16(len(meta)+2), meta...)},
	}, plainLayout(typed))
}

// tagBytes returns a tag of 28 bits, seven to a byte from the top; bit 7 says that more follow.
func tagBytes(tag uint32) (b []byte) {
	for {
		b = append(b, byte(tag>>21&0x7F))
		if tag = tag << 7 & 0x0FFFFFFF; tag == 0 {
			return b
		}
		b[len(b)-1] |= 0x80
	}
}

// appendTLFields appends the metadata of fields, and changes their layout to that of TraceLogging
// where it is another.
func appendTLFields(b []byte, typed []typedField, bits int) ([]byte, error) {
	const hasOut, hasTag, constCount, varCount = 0x80, 0x80, 0x20, 0x40
	for i := range typed {
		f := &typed[i]
		if f.In == schema.Pointer {
			f.In = schema.HexInt64
			if bits == 32 {
				f.In = schema.HexInt32
			}
		}
		in, out := byte(f.In), f.tlgOut
		switch {
		case f.In > schema.CountedBinary || f.Length.Kind != schema.Unset || f.Count.Kind == schema.ByField:
			return nil, fmt.Errorf("field %s: TraceLogging has no such type", f.Name)
		case f.In == schema.Binary:
			f.Length.Kind = schema.Prefixed
		case f.In == schema.Struct:
			if len(f.members) > 0x7F {
				return nil, fmt.Errorf("struct %s has more than 127 members", f.Name)
			}
			out = byte(len(f.members))
		}
		switch f.Count.Kind {
		case schema.Fixed:
			in |= constCount
		case schema.Prefixed:
			in |= varCount
		}
		b = append(append(b, f.Name...), 0)
		if out != 0 || f.tag != 0 || f.In == schema.Struct {
			b = append(b, in|hasOut)
			if f.tag != 0 {
				b = append(append(b, out|hasTag), tagBytes(f.tag)...)
			} else {
				b = append(b, out)
			}
		} else {
			b = append(b, in)
		}
		if f.Count.Kind == schema.Fixed {
			b = le.AppendUint16(b, f.Count.N)
		}
		if f.In == schema.Struct {
			var err error
			if b, err = appendTLFields(b, f.members, bits); err != nil {
				return nil, err
			}
			f.Fields = plainLayout(f.members)
		}
	}
	return b, nil
}

// manifest writes the manifest of an EventSource in chunks.
func (e *encoder) manifest(ev *Event, a *attrs) error {
	text, err := manifestText(ev)
	if err != nil {
		return err
	}
	size := int(a.number("chunk", 16, 0xFF00))
	if size == 0 || size > 0xFF00 {
		return errors.New("the size of a chunk is 1 to 0xFF00")
	}
	total := max(1, (len(text)+size-1)/size)
	if total > 0xFFFF {
		return errors.New("more than 65535 chunks")
	}
	skip := a.numbers("skip")
	for n := range total {
		if slices.Contains(skip, uint64(n)) {
			continue
		}
		chunk := []byte{1, 1, 0, 0x5B} // format, version 1.0, magic
		chunk = le.AppendUint16(chunk, uint16(total))
		chunk = le.AppendUint16(chunk, uint16(n))
		chunk = append(chunk, text[n*size:min((n+1)*size, len(text))]...)
		one := Event{At: ev.At, CPU: ev.CPU, PID: ev.PID, TID: ev.TID, Provider: ev.Provider, ID: 0xFFFE, Version: 1, Activity: ev.Activity, Related: ev.Related}
		one.Attrs = []Field{{Name: "raw", Value: fmt.Sprintf("%x", chunk)}}
		if err := e.event(&one, &attrs{ev: &one}, &schema.Event{Opcode: 0xFE, Task: 0xFFFE, Keywords: 0xFFFFFFFFFFFFFF}, 0, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// manifestText returns the XML that the event gives, or makes it from fields: name/id="A:Int32 ...".
func manifestText(ev *Event) (string, error) {
	if len(ev.Fields) == 1 && ev.Fields[0].Name == "xml" {
		return ev.Fields[0].Value, nil
	}
	var tasks, events, templates strings.Builder
	for i, f := range ev.Fields {
		name, id, _ := strings.Cut(f.Name, "/")
		var about Event
		if err := parseID(&about, id); err != nil {
			return "", fmt.Errorf("event %s: %w", f.Name, err)
		}
		list, err := fields(strings.Fields(f.Value))
		if err != nil {
			return "", err
		}
		layout, err := typedLayout(list)
		if err != nil {
			return "", err
		}
		name = escape(name)
		fmt.Fprintf(&tasks, "<task name=\"%s\" value=\"%d\"/>\n", name, 0xFFFE-1-i)
		fmt.Fprintf(&events, "<event value=\"%d\" version=\"%d\" level=\"win:Informational\" symbol=\"%s\" task=\"%s\" template=\"%sArgs%d\"/>\n",
			about.ID, about.Version, name, name, name, i)
		fmt.Fprintf(&templates, "<template tid=\"%sArgs%d\">\n", name, i)
		for _, f := range layout {
			fmt.Fprintf(&templates, "<data name=\"%s\" inType=\"win:%s\"/>\n", escape(f.Name), inTypeName(f.In))
		}
		templates.WriteString("</template>\n")
	}
	return fmt.Sprintf(`<instrumentationManifest xmlns="http://schemas.microsoft.com/win/2004/08/events">
<instrumentation><events>
<provider name="%s" guid="{%s}" symbol="Source">
<tasks>
%s</tasks>
<events>
%s</events>
<templates>
%s</templates>
</provider>
</events></instrumentation>
</instrumentationManifest>
`, escape(ev.Source), ev.Provider, &tasks, &events, &templates), nil
}

func inTypeName(in schema.InType) string {
	for _, t := range inTypes {
		if t.in == in {
			return t.name
		}
	}
	return ""
}

func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
