package decode

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/etwhy/etwhy/decode/cursor"
	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// errManifest is what the errors about manifests wrap.
var errManifest = errors.New("malformed manifest")

// An EventSource sends its manifest as events of this id, with opcode 0xFE:
//
//	u8 format (1 = XML), u8 major, u8 minor, u8 0x5B, u16 chunks, u16 number of this one, from 0
//	UTF-8 text
const (
	manifestID     = 0xFFFE
	manifestOpcode = 0xFE
	manifestHeader = 8
	manifestMagic  = 0x5B
)

// maxManifests bounds the manifest text of a log, in bytes, equal pieces counted once. Those of the
// .NET runtime, the longest known, have 537 KB.
const maxManifests = 32 << 20

// A manifestChunk is one piece of a manifest.
type manifestChunk struct {
	provider      etl.GUID
	pid, tid      uint32
	total, number uint16
	stamp         int64
	pos           etl.Position
	text          string
}

// A documentKey names a manifest that was put together: its text, and the provider that sent it.
type documentKey struct {
	provider etl.GUID
	text     string
}

// A document is a manifest that was parsed.
type document struct {
	table *schema.Provider
	err   error
}

// isManifestChunk reports whether r is a piece of a manifest.
func isManifestChunk(r *etl.Record) bool {
	if r.Kind() != etl.KindEvent || r.ID() != manifestID || r.Opcode() != manifestOpcode {
		return false
	}
	p := r.Payload()
	return len(p) >= manifestHeader && p[0] == 1 && p[3] == manifestMagic
}

// parseManifestChunk reads a record that isManifestChunk reports true for.
func parseManifestChunk(r *etl.Record) manifestChunk {
	c := cursor.New("manifest chunk", r.Payload(), 0)
	c.Skip(4)
	return manifestChunk{
		provider: r.Provider(), pid: r.PID(), tid: r.TID(),
		total: c.Uint16(), number: c.Uint16(),
		stamp: r.Timestamp(), pos: r.Position(),
		text: string(c.Rest()),
	}
}

// A manifestProvider holds what an EventSource says about itself. Different processes may send
// different manifests for one provider.
type manifestProvider struct {
	first *schema.Provider // by time, for processes that sent none
	byPID map[uint32]*schema.Provider
	same  bool // all processes sent the same
	bad   string
}

// assemble puts manifests together. It sorts the chunks: the same thread sends the pieces one after
// the other, from 0; what lacks a piece is of no use. parsed holds the manifests of earlier calls.
func assemble(chunks []manifestChunk, parsed map[documentKey]document) map[etl.GUID]*manifestProvider {
	slices.SortFunc(chunks, func(a, b manifestChunk) int {
		return cmp.Or(bytes.Compare(a.provider[:], b.provider[:]), cmp.Compare(a.pid, b.pid), cmp.Compare(a.tid, b.tid),
			cmp.Compare(a.stamp, b.stamp), comparePosition(a.pos, b.pos))
	})
	providers := make(map[etl.GUID]*manifestProvider)
	firsts := make(map[etl.GUID]int64)
	for len(chunks) > 0 {
		head := &chunks[0]
		n := 1
		for n < len(chunks) && n < int(head.total) && chunks[n].follows(&chunks[n-1]) {
			n++
		}
		set := chunks[:n]
		chunks = chunks[n:]
		p := providers[head.provider]
		if p == nil {
			p = &manifestProvider{byPID: make(map[uint32]*schema.Provider), same: true}
			providers[head.provider] = p
		}
		if head.number != 0 || n != int(head.total) {
			p.bad = fmt.Sprintf("the manifest of process %d is incomplete: %d of %d pieces", head.pid, n, head.total)
			continue
		}
		key := documentKey{head.provider, joined(set)}
		doc, ok := parsed[key]
		if !ok {
			doc.table, doc.err = parseManifest(strings.NewReader(key.text), head.provider)
			parsed[key] = doc
		}
		if doc.err != nil {
			p.bad = doc.err.Error()
			continue
		}
		table := doc.table
		if p.first != nil && p.first != table {
			p.same = false
		}
		if p.first == nil || head.stamp < firsts[head.provider] {
			p.first = table
			firsts[head.provider] = head.stamp
		}
		p.byPID[head.pid] = table
	}
	return providers
}

func (c *manifestChunk) follows(b *manifestChunk) bool {
	return c.provider == b.provider && c.pid == b.pid && c.tid == b.tid && c.total == b.total && c.number == b.number+1
}

func joined(set []manifestChunk) string {
	if len(set) == 1 {
		return set[0].text
	}
	var b strings.Builder
	for i := range set {
		b.WriteString(set[i].text)
	}
	return b.String()
}

// A manifest is the subset of an instrumentation manifest that matters here (eventman.xsd):
//
//	instrumentationManifest
//	  instrumentation/events/provider   name guid
//	    tasks/task opcodes/opcode keywords/keyword maps/valueMap maps/bitMap
//	    events/event                    value version level opcode task template message
//	    templates/template              data and struct
//	  localization/resources/stringTable/string   id value
type manifest struct {
	Providers []xmlProvider `xml:"instrumentation>events>provider"`
	Strings   []struct {
		ID    string `xml:"id,attr"`
		Value string `xml:"value,attr"`
	} `xml:"localization>resources>stringTable>string"`
}

type xmlProvider struct {
	Name      string        `xml:"name,attr"`
	GUID      string        `xml:"guid,attr"`
	Tasks     []xmlTask     `xml:"tasks>task"`
	Opcodes   []xmlName     `xml:"opcodes>opcode"`
	Keywords  []xmlName     `xml:"keywords>keyword"`
	ValueMaps []xmlMap      `xml:"maps>valueMap"`
	BitMaps   []xmlMap      `xml:"maps>bitMap"`
	Events    []xmlEvent    `xml:"events>event"`
	Templates []xmlTemplate `xml:"templates>template"`
}

type xmlName struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
	Mask  string `xml:"mask,attr"`
}

type xmlTask struct {
	xmlName
	Opcodes []xmlName `xml:"opcodes>opcode"`
}

type xmlMap struct {
	Name    string `xml:"name,attr"`
	Entries []struct {
		Value   string `xml:"value,attr"`
		Message string `xml:"message,attr"`
	} `xml:"map"`
}

type xmlEvent struct {
	Value    string `xml:"value,attr"`
	Version  string `xml:"version,attr"`
	Symbol   string `xml:"symbol,attr"`
	Level    string `xml:"level,attr"`
	Opcode   string `xml:"opcode,attr"`
	Task     string `xml:"task,attr"`
	Template string `xml:"template,attr"`
	Message  string `xml:"message,attr"`
	Keywords string `xml:"keywords,attr"`
}

type xmlTemplate struct {
	ID    string    `xml:"tid,attr"`
	Items []xmlItem `xml:",any"`
}

// An xmlItem is a data or struct element; others may stand between them.
type xmlItem struct {
	XMLName xml.Name
	Name    string    `xml:"name,attr"`
	In      string    `xml:"inType,attr"`
	Out     string    `xml:"outType,attr"`
	Map     string    `xml:"map,attr"`
	Length  string    `xml:"length,attr"`
	Count   string    `xml:"count,attr"`
	Items   []xmlItem `xml:",any"`
}

// parseManifest reads an instrumentation manifest and returns the table of the provider guid.
func parseManifest(r io.Reader, guid etl.GUID) (*schema.Provider, error) {
	var m manifest
	dec := xml.NewDecoder(r)
	dec.Strict = false
	if err := dec.Decode(&m); err != nil {
		return nil, fmt.Errorf("%w: %w", errManifest, err)
	}
	i := slices.IndexFunc(m.Providers, func(p xmlProvider) bool {
		g, err := etl.ParseGUID(p.GUID)
		return err == nil && g == guid
	})
	if i < 0 {
		return nil, fmt.Errorf("%w: no provider %v", errManifest, guid)
	}
	c := manifestCompiler{
		xmlProvider: &m.Providers[i],
		texts:       make(map[string]string, len(m.Strings)),
		maps:        make(map[string]*schema.Map),
		templates:   make(map[string][]schema.Field),
	}
	for _, s := range m.Strings {
		if _, ok := c.texts[s.ID]; !ok {
			c.texts[s.ID] = s.Value
		}
	}
	return c.provider(guid)
}

// A manifestCompiler turns a provider of a manifest into a table.
type manifestCompiler struct {
	*xmlProvider
	texts     map[string]string
	maps      map[string]*schema.Map
	templates map[string][]schema.Field
}

func (c *manifestCompiler) provider(guid etl.GUID) (*schema.Provider, error) {
	for bits, list := range [][]xmlMap{c.ValueMaps, c.BitMaps} {
		for _, x := range list {
			m := &schema.Map{Name: x.Name, Bits: bits == 1}
			for _, e := range x.Entries {
				m.Entries = append(m.Entries, schema.MapEntry{Value: parseNumber(e.Value), Text: c.text(e.Message)})
			}
			c.maps[x.Name] = m
		}
	}
	for _, t := range c.Templates {
		fields, err := c.fields(t.Items, 0)
		if err != nil {
			return nil, err
		}
		c.templates[t.ID] = fields
	}
	tasks, opcodes := make(map[string]uint64), maps.Clone(standardOpcodes)
	for _, t := range c.Tasks {
		tasks[t.Name] = parseNumber(t.Value)
		addNumbers(opcodes, t.Opcodes)
	}
	addNumbers(opcodes, c.Opcodes)
	p := &schema.Provider{GUID: guid, Name: c.Name}
	masks := make(map[string]uint64)
	for _, k := range c.Keywords {
		masks[k.Name] = parseNumber(k.Mask)
		p.Keywords = append(p.Keywords, schema.Keyword{Name: k.Name, Mask: masks[k.Name]})
	}
	for _, x := range c.Events {
		ev := schema.Event{
			ID:         uint16(parseNumber(x.Value)),
			Version:    uint8(parseNumber(x.Version)),
			Level:      uint8(standardLevels[x.Level]),
			Opcode:     uint8(opcodes[x.Opcode]),
			Task:       uint16(tasks[x.Task]),
			Symbol:     x.Symbol,
			TaskName:   x.Task,
			OpcodeName: cleanName(x.Opcode),
			Message:    c.text(x.Message),
			Fields:     c.templates[x.Template],
		}
		for _, name := range strings.Fields(x.Keywords) {
			ev.Keywords |= masks[name]
		}
		p.Events = append(p.Events, ev)
	}
	slices.SortStableFunc(p.Events, schema.Compare)
	return p, nil
}

// text returns the text that a reference stands for: $(string.ID).
func (c *manifestCompiler) text(ref string) string {
	if id, ok := strings.CutPrefix(ref, "$(string."); ok {
		return c.texts[strings.TrimSuffix(id, ")")]
	}
	return ref
}

func (c *manifestCompiler) fields(items []xmlItem, depth int) ([]schema.Field, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: structs nest deeper than %d", errManifest, maxDepth)
	}
	fields := []schema.Field{}
	places := make(map[string]int) // of the fields so far
	for i := range items {
		x := &items[i]
		f := schema.Field{Name: x.Name}
		var err error
		switch x.XMLName.Local {
		case "data":
			var ok bool
			if f.In, ok = manifestIn[x.In]; !ok {
				return nil, fmt.Errorf("%w: %s has the unknown type %q", errManifest, x.Name, x.In)
			}
			f.Out = manifestOut[x.Out]
			f.Map = c.maps[x.Map]
			if f.Length, err = manifestSize(places, x.Length); err != nil {
				return nil, err
			}
		case "struct":
			f.In = schema.Struct
			if f.Fields, err = c.fields(x.Items, depth+1); err != nil {
				return nil, err
			}
		default:
			continue // UserData
		}
		if f.Count, err = manifestSize(places, x.Count); err != nil {
			return nil, err
		}
		if _, ok := places[f.Name]; !ok {
			places[f.Name] = len(fields)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// manifestSize reads a length or count: a number, or the name of an earlier field.
func manifestSize(earlier map[string]int, s string) (schema.Size, error) {
	if s == "" {
		return schema.Size{}, nil
	}
	if n, err := strconv.ParseUint(s, 0, 16); err == nil {
		return schema.Size{Kind: schema.Fixed, N: uint16(n)}, nil
	}
	i, ok := earlier[s]
	if !ok || i > 0xFFFF {
		return schema.Size{}, fmt.Errorf("%w: a size refers to %q, which is no earlier field", errManifest, s)
	}
	return schema.Size{Kind: schema.ByField, N: uint16(i)}, nil
}

// parseNumber reads a decimal or 0x number; what is none is 0.
func parseNumber(s string) uint64 {
	n, _ := strconv.ParseUint(s, 0, 64)
	return n
}

func addNumbers(to map[string]uint64, names []xmlName) {
	for _, x := range names {
		to[x.Name] = parseNumber(x.Value)
	}
}

// The names that every manifest may use (winmeta.xml).
var (
	standardLevels = map[string]uint64{
		"win:LogAlways": 0, "win:Critical": 1, "win:Error": 2, "win:Warning": 3, "win:Informational": 4, "win:Verbose": 5,
	}
	standardOpcodes = map[string]uint64{
		"win:Info": 0, "win:Start": 1, "win:Stop": 2, "win:DC_Start": 3, "win:DC_Stop": 4, "win:Extension": 5, "win:Reply": 6,
		"win:Resume": 7, "win:Suspend": 8, "win:Send": 9, "win:Receive": 240,
	}
	manifestIn = map[string]schema.InType{
		"win:UnicodeString": schema.UnicodeString, "win:AnsiString": schema.AnsiString,
		"win:Int8": schema.Int8, "win:UInt8": schema.UInt8, "win:Int16": schema.Int16, "win:UInt16": schema.UInt16,
		"win:Int32": schema.Int32, "win:UInt32": schema.UInt32, "win:Int64": schema.Int64, "win:UInt64": schema.UInt64,
		"win:Float": schema.Float, "win:Double": schema.Double, "win:Boolean": schema.Boolean, "win:Binary": schema.Binary,
		"win:GUID": schema.GUID, "win:Pointer": schema.Pointer, "win:FILETIME": schema.FileTime, "win:SYSTEMTIME": schema.SystemTime,
		"win:SID": schema.SID, "win:HexInt32": schema.HexInt32, "win:HexInt64": schema.HexInt64,
		"win:CountedUnicodeString": schema.CountedString, "win:CountedAnsiString": schema.CountedAnsiString,
		"win:CountedBinary": schema.CountedBinary,
	}
	manifestOut = map[string]schema.OutType{
		"xs:string": schema.OutString, "xs:dateTime": schema.OutDateTime, "xs:byte": schema.OutByte, "xs:unsignedByte": schema.OutUByte,
		"xs:short": schema.OutShort, "xs:unsignedShort": schema.OutUShort, "xs:int": schema.OutInt, "xs:unsignedInt": schema.OutUInt,
		"xs:long": schema.OutLong, "xs:unsignedLong": schema.OutULong, "xs:float": schema.OutFloat, "xs:double": schema.OutDouble,
		"xs:boolean": schema.OutBoolean, "xs:GUID": schema.OutGUID, "xs:hexBinary": schema.OutHexBinary,
		"win:HexInt8": schema.OutHex8, "win:HexInt16": schema.OutHex16, "win:HexInt32": schema.OutHex32, "win:HexInt64": schema.OutHex64,
		"win:PID": schema.OutPID, "win:TID": schema.OutTID, "win:Port": schema.OutPort, "win:IPv4": schema.OutIPv4, "win:IPv6": schema.OutIPv6,
		"win:SocketAddress": schema.OutSocketAddress, "win:CIMDateTime": schema.OutCIMDateTime, "win:ETWTIME": schema.OutETWTime,
		"win:Xml": schema.OutXML, "win:ErrorCode": schema.OutErrorCode, "win:Win32Error": schema.OutWin32Error,
		"win:NTSTATUS": schema.OutNTStatus, "win:HResult": schema.OutHResult,
		"win:DateTimeCultureInsensitive": schema.OutDateTimeCI, "win:Json": schema.OutJSON, "win:Utf8": schema.OutUTF8,
		"win:Pkcs7WithTypeInfo": schema.OutPKCS7, "win:CodePointer": schema.OutCodePointer, "win:DateTimeUtc": schema.OutDateTimeUTC,
	}
)
