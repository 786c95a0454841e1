package decode

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/etl/etltest"
)

// checkFields lays fields over data and tests what must hold whatever both are: each byte is used or
// left, the spans lie in order inside the payload, what is rendered is valid JSON, and it is the same
// every time.
func checkFields(t *testing.T, fields []schema.Field, data []byte) {
	for _, pointer := range []int{4, 8} {
		w := walker{pointer: pointer}
		spans, used := w.walk(fields, data, nil)
		if used < 0 || used > len(data) || len(spans) > len(fields) {
			t.Fatalf("%d of %d bytes, %d of %d fields", used, len(data), len(spans), len(fields))
		}
		if len(spans) < len(fields)-1 && w.fault.kind == noFault {
			t.Fatalf("%d of %d fields without a fault", len(spans), len(fields))
		}
		at := int32(0)
		for i, s := range spans {
			if s.start < at || s.end < s.start || int(s.end) > used {
				t.Fatalf("field %d at %d..%d, the one before ends at %d, used %d", i, s.start, s.end, at, used)
			}
			at = s.end
			v := s.value(&fields[i], data, uint8(pointer))
			first := v.AppendJSON(nil)
			if !json.Valid(first) {
				t.Fatalf("%+v: %s is no JSON", fields[i], first)
			}
			if second := v.AppendJSON(nil); !bytes.Equal(first, second) {
				t.Fatalf("%s, then %s", first, second)
			}
			v.Text()
			v.appendFormatted(nil, "08x")
			v.Int()
			v.Bytes()
			for range v.AddrPorts() {
			}
		}
		w = walker{pointer: pointer}
		if again, n := w.walk(fields, bytes.Clone(data), nil); n != used || len(again) != len(spans) {
			t.Fatalf("%d bytes, then %d", used, n)
		}
	}
}

// countFields returns the fields of all levels, and how deep they nest.
func countFields(fields []schema.Field) (n, depth int) {
	for _, f := range fields {
		inner, d := countFields(f.Fields)
		n += 1 + inner
		depth = max(depth, d+1)
	}
	return n, depth
}

func FuzzEventInfo(f *testing.F) {
	f.Add(infoBytes(0), []byte{})
	f.Add(infoBytes(1, nested(3)...), []byte{1})
	f.Add(infoBytes(2, property{name: "n", in: 4}, property{flags: propertyCountField, name: "a", in: 1}), []byte("\x02a\x00\x00\x00b\x00"))
	f.Add(infoBytes(2, property{name: "n", in: 6}, property{flags: propertyStruct | propertyCountField, name: "s", in: 2, out: 1}, property{name: "x", in: 25}), []byte("\x02\x00\x01\x00a\x02\x00bc"))
	for _, typ := range []schema.InType{schema.SID, schema.WbemSID, schema.ReversedString, schema.HexDump, schema.SystemTime, schema.Binary} {
		for _, out := range []schema.OutType{schema.OutDefault, schema.OutSocketAddress, schema.OutIPv6} {
			f.Add(infoBytes(1, property{name: "x", in: uint16(typ), out: uint16(out)}), bytes.Repeat([]byte{2, 0}, 20))
		}
	}
	f.Fuzz(func(t *testing.T, info, data []byte) {
		m := &schema.Map{Bits: true, Entries: []schema.MapEntry{{Value: 1, Text: "a\" "}, {Value: 6, Text: "\xff"}}}
		parsed := parseEventInfo(info, func(etl.GUID, string) *schema.Map { return m })
		if parsed.err != nil {
			return
		}
		n, depth := countFields(parsed.event.Fields)
		if n > len(info)/propertyInfoSize || depth > maxDepth+1 {
			t.Fatalf("%d fields, %d deep, of %d bytes", n, depth, len(info))
		}
		checkFields(t, parsed.event.Fields, data)
	})
}

func FuzzMapInfo(f *testing.F) {
	f.Add(payload(uint32(24), uint32(1), uint32(1), uint32(0), uint32(28), uint32(7), wsz("M"), wsz("A ")))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseMapInfo(data)
		size := 0
		texts := map[string]bool{m.Name: true}
		for _, e := range m.Entries {
			texts[e.Text] = true
		}
		for text := range texts {
			size += len(text)
		}
		// Half a character of two bytes becomes U+FFFD, three bytes.
		if err == nil && (len(m.Entries) > len(data)/mapEntrySize || size > 2*len(data)+3*len(texts)) {
			t.Fatalf("%d entries, %d bytes of text, of %d", len(m.Entries), size, len(data))
		}
	})
}

func FuzzTraceLogging(f *testing.F) {
	f.Add(tlBytes("\x00Ev\x00a\x00\x08"), []byte("1234"))
	f.Add(tlBytes("\x00Ev\x00s\x00\xd8\x02a\x00\x04t\x00\x98\x01b\x00\x04z\x00\x04"), []byte("\x02\x00abcdz"))
	f.Add(tlBytes("\x00Ev\x00a\x00\x62\x03\x00xyzb\x00\x4ec\x00\x93\x0a"), []byte("\x01\x00x\x02\x00\x01\x00a\x01\x00b\x01\x01\x00\x00\x00\x00\x00\x05\x12\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, meta, data []byte) {
		ev, err := parseTraceLogging(meta)
		if err != nil {
			return
		}
		n, depth := countFields(ev.Fields)
		if n > len(meta)/2 || depth > maxDepth+1 {
			t.Fatalf("%d fields, %d deep, of %d bytes", n, depth, len(meta))
		}
		checkFields(t, ev.Fields, data)
	})
}

func FuzzManifest(f *testing.F) {
	f.Add(manifestXML(`<events><event value="1" template="T"/></events><templates><template tid="T">
<data name="n" inType="win:UInt8"/><struct name="s" count="n"><data name="b" inType="win:Binary" length="2"/></struct></template></templates>`), []byte("\x02abcd"))
	f.Add(manifestXML(`<maps><bitMap name="M"><map value="0x1" message="$(string.map_M.One)"/></bitMap></maps><events><event value="1" template="T"/></events>`+
		`<templates><template tid="T"><data name="a" inType="win:UInt32" map="M"/></template></templates>`), []byte("\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, doc string, data []byte) {
		p, err := parseManifest(strings.NewReader(doc), sourceGUID)
		if err != nil {
			return
		}
		for i := range p.Events {
			ev := &p.Events[i]
			if _, depth := countFields(ev.Fields); depth > maxDepth+1 {
				t.Fatalf("%d deep", depth)
			}
			if found, _ := p.Find(ev.ID, ev.Version, 0); found == nil || found.ID != ev.ID || found.Version != ev.Version {
				t.Fatalf("event %d version %d is not found: %v", ev.ID, ev.Version, found)
			}
			checkFields(t, ev.Fields, data)
		}
	})
}

// FuzzDecode decodes damaged logs whole.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		"provider T\n+1 embed T/1v0 A:UInt8<M> n:UInt16 S:Struct[n]=[{x:UInt8=1 y:UnicodeString=b}] message='%1 %2'\n+1 map T/M 1=One\n" +
			"+2 T/1v0 A:UInt8=1 S:Struct[]=[{x:UInt8=1 y:UnicodeString=b}]",
		"+1 tlg P E a:UInt8=1 s:Struct={x:UInt16/Port=80 y:SID=S-1-5-18} l:UnicodeString[]=[a,b]",
		"provider Src\n+1 manifest Src Ev/1=\"A:Int32\" chunk=200\n+2 Src/1v0 A:Int32=5",
		"+1 WebIO/206 FQDN=a AddressCount=2 SockAddr=[10.0.0.1:80,10.0.0.2:80]\n+2 kernel Process/1v4 raw=00\n+3 process 8 w3wp.exe",
	} {
		data, err := etltest.Compile("log buffer=4096\n" + text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		log, err := etl.NewReader(bytes.NewReader(data), int64(len(data)), etl.WithBudget(1<<20))
		if err != nil {
			return
		}
		decodeLog(t, log, func(*Event) {})
	})
}
