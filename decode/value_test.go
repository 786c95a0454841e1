package decode

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// TestTypes sends a value of every type through a log, once described by embedded metadata and,
// where TraceLogging has the type, once in its form.
func TestTypes(t *testing.T) {
	const both, embedded = true, false
	for _, tt := range []struct {
		typ, value string
		forms      bool
		json       string
		text       string // "" = the JSON without its quotes
	}{
		{"UnicodeString", `"a\"\\\n\u00e4\U0001F600"`, both, `"a\"\\\nä😀"`, "a\"\\\nä😀"},
		{"UnicodeString", "", both, `""`, ""},
		{"UnicodeString(3)", "abcd", embedded, `"abc"`, ""},
		{"UnicodeString(5)", "ab", embedded, `"ab"`, ""},
		{"AnsiString", "'a b'", both, `"a b"`, ""},
		{"AnsiString", "ä", both, `"ä"`, ""},
		{"AnsiString(2)", "abc", embedded, `"ab"`, ""},
		{"Int8", "-1", both, "-1", ""},
		{"UInt8", "255", both, "255", ""},
		{"Int16", "-32768", both, "-32768", ""},
		{"UInt16", "65535", both, "65535", ""},
		{"Int32", "-2147012894", both, "-2147012894", ""},
		{"UInt32", "4294967295", both, "4294967295", ""},
		{"Int64", "-9007199254740992", both, "-9007199254740992", ""},
		{"Int64", "-9007199254740993", both, `"-9007199254740993"`, ""},
		{"UInt64", "9007199254740992", both, "9007199254740992", ""},
		{"UInt64", "18446744073709551615", both, `"18446744073709551615"`, ""},
		{"Float", "1.5", both, "1.5", ""},
		{"Double", "-1e300", both, "-1e+300", ""},
		{"Double", "NaN", both, `"NaN"`, ""},
		{"Float", "-Inf", both, `"-Inf"`, ""},
		{"Boolean", "true", both, "true", ""},
		{"Boolean", "0", both, "false", ""},
		{"Boolean", "256", both, "true", ""},
		{"Binary(3)", "00ff7f", embedded, `"00ff7f"`, ""},
		{"Binary", "00ff7f", both, `"00ff7f"`, ""}, // to the end, or with a count in front
		{"CountedBinary", "00ff7f", both, `"00ff7f"`, ""},
		{"HexDump", "00ff7f", embedded, `"00ff7f"`, ""},
		{"GUID", "7D44233D-3055-4B9C-BA64-0D47CA40A232", both, `"7d44233d-3055-4b9c-ba64-0d47ca40a232"`, ""},
		{"Pointer", "0xfffffa8003e92010", both, `"0xFFFFFA8003E92010"`, ""},
		{"Pointer", "0", both, `"0x0"`, ""},
		{"SizeT", "4096", embedded, "4096", ""},
		{"FileTime", "2011-07-22T12:26:39.7040001Z", both, `"2011-07-22T12:26:39.7040001Z"`, ""},
		{"FileTime", "0x7FFFFFFFFFFFFFFF", both, `"0x7FFFFFFFFFFFFFFF"`, ""},
		{"SystemTime", "2011-07-22T12:26:39.704Z", both, `"2011-07-22T12:26:39.7040000Z"`, ""},
		{"SID", "S-1-5-21-753675414-103939432-3550797041-1000", both, `"S-1-5-21-753675414-103939432-3550797041-1000"`, ""},
		{"SID", "S-1-0x123456789ABC-7", both, `"S-1-0x123456789ABC-7"`, ""},
		{"WbemSID", "S-1-5-18", embedded, `"S-1-5-18"`, ""},
		{"WbemSID", `""`, embedded, `""`, ""},
		{"HexInt32", "0x80072ee2", both, `"0x80072EE2"`, ""},
		{"HexInt64", "0x1000000000", both, `"0x1000000000"`, ""},
		{"CountedString", "ab", both, `"ab"`, ""},
		{"CountedAnsiString", "ab", both, `"ab"`, ""},
		{"MOFCountedString", "ab", embedded, `"ab"`, ""},
		{"MOFCountedAnsi", "ab", embedded, `"ab"`, ""},
		{"ReversedString", "ab", embedded, `"ab"`, ""},
		{"ReversedAnsi", "ab", embedded, `"ab"`, ""},
		{"UnterminatedString", "ab", embedded, `"ab"`, ""},
		{"UnterminatedAnsi", "ab", embedded, `"ab"`, ""},
		{"UnicodeChar", "Ω", embedded, `"Ω"`, ""},
		{"AnsiChar", "x", embedded, `"x"`, ""},

		{"UInt8/Boolean", "1", both, "true", ""},
		{"UInt8/String", "77", both, `"M"`, ""},
		{"UInt16/String", "937", both, `"Ω"`, ""},
		{"UInt16/String[]", "[104,105,0]", both, `"hi"`, ""},
		{"UInt16/Port", "443", both, "443", ""},
		{"UInt32/IPv4", "10.0.0.1", both, `"10.0.0.1"`, ""},
		{"UInt32/HexInt32", "10", both, `"0xA"`, ""},
		{"Int32/HexInt32", "-1", both, `"0xFFFFFFFF"`, ""},
		{"UInt32/PID", "1432", both, "1432", ""},
		{"UInt32/Win32Error", "12002", both, "12002", ""},
		{"Int32/HResult", "-2147012894", both, "2147954402", ""},
		{"UInt32/NTStatus", "0xC00000B5", both, "3221225653", ""},
		{"HexInt32/HResult", "0x80072EE2", embedded, "2147954402", ""},
		{"Binary/IPv6(16)", "fe800000000000000000000000000001", embedded, `"fe80::1"`, ""},
		{"Binary/SocketAddress(16)", "10.0.0.1:443", embedded, `"10.0.0.1:443"`, ""},
		{"Binary/SocketAddress(28)", "[fe80::1]:443", embedded, `"[fe80::1]:443"`, ""},
		{"Binary/SocketAddress", "[::ffff:10.0.0.1]:80", both, `"[::ffff:10.0.0.1]:80"`, ""},
		{"Binary/SocketAddress", "0100", both, `"0100"`, ""}, // no family
		{"UInt64/DateTime", "129558111997040001", embedded, `"2011-07-22T12:26:39.7040001Z"`, ""},

		{"UInt8[2]", "[1,2]", both, "[1,2]", ""},
		{"UInt8[0]", "[]", both, "[]", ""},
		{"UInt8[1]", "[1]", both, "[1]", ""},
		{"UInt16[]", "[]", both, "[]", ""},
		{"UnicodeString[]", `[a,"",c]`, both, `["a","","c"]`, ""},
		{"Pointer[]", "[1,2]", both, `["0x1","0x2"]`, ""},
		{"SID[]", "[S-1-5-18,S-1-5-19]", both, `["S-1-5-18","S-1-5-19"]`, ""},
		{"Struct", "{x:UInt8=1 y:UnicodeString=b z:Struct={w:UInt16=5}}", both, `{"x":1,"y":"b","z":{"w":5}}`, ""},
		{"Struct[2]", "[{x:UInt8=1 y:UnicodeString=b},{x:UInt8=2 y:UnicodeString=}]", both, `[{"x":1,"y":"b"},{"x":2,"y":""}]`, ""},
		{"Struct[]", "[{n:UInt8=1 l:UInt8[]=[]},{n:UInt8=2 l:UInt8[]=[7,8]}]", both, `[{"n":1,"l":[]},{"n":2,"l":[7,8]}]`, ""},
		{"Struct", "{n:UInt8=2 l:UInt8[n]=[7,8]}", embedded, `{"n":2,"l":[7,8]}`, ""},
	} {
		t.Run(tt.typ+" "+tt.value, func(t *testing.T) {
			field := "F:" + tt.typ
			value := field + "=" + tt.value
			var logs []string
			if !strings.Contains(tt.typ+tt.value, "[]=") && !strings.HasSuffix(tt.typ, "[]") {
				// Embedded metadata has no counts in the payload.
				logs = append(logs, fmt.Sprintf("provider T\n+1 embed T/1v0 %s\n+2 T/1v0 %s", value, value))
			}
			if tt.forms == both {
				logs = append(logs, "+2 tlg T Ev "+value)
			}
			want := tt.text
			if want == "" {
				want = strings.Trim(tt.json, `"`)
			}
			for _, log := range logs {
				decodeLog(t, compile(t, log), func(ev *Event) {
					v := ev.Get("F")
					if got := string(v.AppendJSON(nil)); got != tt.json {
						t.Errorf("%v: JSON %s, want %s", ev.DecodedBy, got, tt.json)
					}
					if got := v.Text(); got != want {
						t.Errorf("%v: text %s, want %s", ev.DecodedBy, got, want)
					}
					if why, raw := ev.Undecoded(); why != "" {
						t.Errorf("%v: %s [%x]", ev.DecodedBy, why, raw)
					}
				})
			}
		})
	}
}

// render walks a payload and returns what it gives: the fields as JSON, and the fault or what is left.
func render(fields []schema.Field, data []byte, pointer int) string {
	w := walker{pointer: pointer}
	spans, used := w.walk(fields, data, nil)
	var b []byte
	for i, s := range spans {
		b = append(b, ' ')
		b = append(append(b, fields[i].Name...), '=')
		b = s.value(&fields[i], data, uint8(pointer)).AppendJSON(b)
	}
	if used < len(data) || w.fault.kind != noFault {
		b = fmt.Appendf(b, " [%x] %v", data[used:], w.fault)
	}
	return strings.TrimSpace(string(b))
}

// TestWalk: payloads that are not as their description says, and ones that no Windows writes.
func TestWalk(t *testing.T) {
	size := func(kind schema.SizeKind, n uint16) schema.Size { return schema.Size{Kind: kind, N: n} }
	u8 := schema.Field{Name: "n", In: schema.UInt8}
	u32 := schema.Field{Name: "n", In: schema.UInt32}
	str := schema.Field{Name: "s", In: schema.UnicodeString}
	fields := func(f ...schema.Field) []schema.Field { return f }
	pair := schema.Field{Name: "p", In: schema.Struct, Fields: fields(schema.Field{Name: "a", In: schema.UInt8}, schema.Field{Name: "b", In: schema.UInt16})}
	for _, tt := range []struct {
		name    string
		fields  []schema.Field
		data    []byte
		pointer int
		want    string
	}{
		{"nothing", nil, nil, 8, ""},
		{"nothing described", nil, payload("0102"), 8, "[0102]"},
		{"pointers", fields(schema.Field{Name: "p", In: schema.Pointer}), payload("01000000"), 4, `p="0x1"`},
		{"half a pointer", fields(schema.Field{Name: "p", In: schema.Pointer}), payload("01000000"), 8,
			"[01000000] the payload ends early: p needs 8 bytes, 4 are left"},
		{"last string without NUL", fields(u8, str), payload("01 6100 6200"), 8, `n=1 s="ab"`},
		{"last string with half a character", fields(str), payload("6100 62"), 8, `s="a�"`},
		{"last string missing", fields(u8, str), payload("01"), 8, `n=1`},
		{"two strings, the last missing", fields(str, str), payload("6100 0000"), 8, `s="a"`},
		{"two strings, the first without NUL", fields(str, str), payload("6100"), 8, `s="a"`},
		{"a string missing before the last field", fields(str, u8), nil, 8, "[] the payload ends early: s needs 2 bytes, 0 are left"},
		{"lone surrogates", fields(str), payload("00d8 6100 00dc 0000"), 8, `s="�a�"`},
		{"controls", fields(str), payload("0100 1f00 7f00 2820 0000"), 8, `s="\u0001\u001f` + "\x7f\u2028" + `"`},
		{"Windows-1252", fields(schema.Field{Name: "s", In: schema.AnsiString}), payload("80 e4 00"), 8, `s="€ä"`},
		{"UTF-8 that is none", fields(schema.Field{Name: "s", In: schema.AnsiString, Out: schema.OutUTF8}), payload("61 e4 00"), 8, `s="a�"`},
		{"length by field", fields(u8, schema.Field{Name: "s", In: schema.UnicodeString, Length: size(schema.ByField, 0)}), payload("02 6100 6200"), 8, `n=2 s="ab"`},
		{"length beyond the end", fields(u8, schema.Field{Name: "s", In: schema.AnsiString, Length: size(schema.ByField, 0)}, u8), payload("09 6162"), 8,
			`n=9 s="ab" [] the payload ends early: s needs 9 bytes, 2 are left`},
		{"length of 4 GB", fields(u32, schema.Field{Name: "b", In: schema.Binary, Length: size(schema.ByField, 0)}), payload("ffffffff 01"), 8,
			`n=4294967295 b="01" [] the payload ends early: b needs 2147483647 bytes, 1 are left`},
		{"count of 4 G", fields(u32, schema.Field{Name: "a", In: schema.UInt16, Count: size(schema.ByField, 0)}), payload("ffffffff 0100 02"), 8,
			`n=4294967295 a=[1] [02] the payload ends early: a needs 2147483647 bytes, 3 are left`},
		{"4 G nulls", fields(u32, schema.Field{Name: "a", In: schema.Null, Count: size(schema.ByField, 0)}, u8), payload("ffffffff 07"), 8,
			`n=4294967295 a=[null] n=7`},
		{"length in front, in characters", fields(schema.Field{Name: "s", In: schema.UnicodeString, Length: size(schema.Prefixed, 0)}), payload("0200 6100 6200"), 8, `s="ab"`},
		{"half a count in front", fields(schema.Field{Name: "a", In: schema.UInt8, Count: size(schema.Prefixed, 0)}), payload("02"), 8,
			"[02] the payload ends early: a needs 2 bytes, 1 are left"},
		{"counted string cut", fields(schema.Field{Name: "s", In: schema.CountedString}), payload("0800 6100"), 8,
			`s="a" [] the payload ends early: s needs 10 bytes, 4 are left`},
		{"array of strings cut", fields(schema.Field{Name: "s", In: schema.UnicodeString, Count: size(schema.Fixed, 3)}), payload("6100 0000 6200"), 8,
			`s=["a","b"] [] the payload ends early: s needs 2 bytes, 0 are left`},
		{"array of structs cut", fields(schema.Field{Name: "p", In: schema.Struct, Fields: pair.Fields, Count: size(schema.Fixed, 2)}), payload("01 0200 03"), 8,
			`p=[{"a":1,"b":2},{"a":3}] [] the payload ends early: b needs 2 bytes, 0 are left`},
		{"struct without members", fields(schema.Field{Name: "p", In: schema.Struct, Fields: []schema.Field{}}, u8), payload("01"), 8, `p={} n=1`},
		{"struct of unknown members", fields(schema.Field{Name: "p", In: schema.Struct}, u8), payload("01"), 8, "[01] the members of p are not known"},
		{"many structs without a byte", fields(schema.Field{Name: "p", In: schema.Struct, Fields: []schema.Field{}, Count: size(schema.Fixed, 60000)}), payload("01"), 8,
			"[01] the elements of p are empty"},
		{"a size that refers to text", fields(str, schema.Field{Name: "b", In: schema.Binary, Length: size(schema.ByField, 0)}), payload("3100 0000 ff"), 8,
			`s="1" [ff] the size of b refers to no number`},
		{"a size that refers to what follows", fields(schema.Field{Name: "b", In: schema.Binary, Length: size(schema.ByField, 1)}, u8), payload("ff"), 8,
			`[ff] the size of b refers to no number`},
		{"unknown type", fields(u8, schema.Field{Name: "x", In: 99}), payload("01 02"), 8, "n=1 [02] x has the unknown type 99"},
		{"a type beyond all", fields(schema.Field{Name: "x", In: 65535}), payload("02"), 8, "[02] x has the unknown type 65535"},
		{"SID cut", fields(schema.Field{Name: "s", In: schema.SID}), payload("0102000000000005 12000000"), 8,
			"[010200000000000512000000] the payload ends early: s needs 16 bytes, 12 are left"},
		{"no SID", fields(schema.Field{Name: "s", In: schema.WbemSID}), payload("ffff"), 8, "[ffff] s holds no SID"},
		{"SYSTEMTIME of zeros, and of nonsense", fields(schema.Field{Name: "t", In: schema.SystemTime}, schema.Field{Name: "u", In: schema.SystemTime}),
			payload("00000000000000000000000000000000 e9070d00000001000000000000000000"), 8,
			`t=null u="e9070d00000001000000000000000000"`},
		{"two addresses of a size", fields(schema.Field{Name: "a", In: schema.Binary, Out: schema.OutSocketAddress}),
			payload("0200 0050 0a000001 0000000000000000 0200 01bb 0a000002 0000000000000000"), 8, `a="10.0.0.1:80, 10.0.0.2:443"`},
		{"two addresses in IPv6 size", fields(schema.Field{Name: "a", In: schema.Binary, Out: schema.OutSocketAddress}),
			payload("1700 0050 00000000 fe800000000000000000000000000001 03000000 0200 01bb 0a000002 000000000000000000000000 0000000000000000"), 8,
			`a="[fe80::1]:80, 10.0.0.2:443"`},
		{"an address in a large box", fields(schema.Field{Name: "a", In: schema.Binary, Out: schema.OutSocketAddress}),
			payload("0200 0050 0a000001" + strings.Repeat("00", 120)), 8, `a="10.0.0.1:80"`},
		{"address by its length", fields(schema.Field{Name: "a", In: schema.Binary, Out: schema.OutIPAddress}), payload("0a000001"), 8, `a="10.0.0.1"`},
		{"no address", fields(schema.Field{Name: "a", In: schema.Binary, Out: schema.OutIPAddress}), payload("0a0000"), 8, `a="0a0000"`},
	} {
		if diff := cmp.Diff(tt.want, render(tt.fields, tt.data, tt.pointer)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.name, diff)
		}
	}
}

func TestMaps(t *testing.T) {
	values := &schema.Map{Entries: []schema.MapEntry{{Value: 1, Text: "One "}, {Value: 0xFFFFFFFF, Text: "Minus \"one\""}}}
	flags := &schema.Map{Bits: true, Entries: []schema.MapEntry{{Value: 0, Text: "None "}, {Value: 1, Text: "A "}, {Value: 6, Text: "BC "}, {Value: 2, Text: "B "}, {Value: 4, Text: "C"}}}
	for _, tt := range []struct {
		m                   *schema.Map
		n                   uint32
		json, text, message string
	}{
		{values, 1, `"One"`, "One", "One "},
		{values, 2, "2", "2", "2"},
		{values, 0xFFFFFFFF, `"Minus \"one\""`, `Minus "one"`, `Minus "one"`},
		{flags, 0, `"None"`, "None", "None "},
		{flags, 3, `"A|B"`, "A|B", "A |B "},
		{flags, 6, `"BC"`, "BC", "BC "},
		{flags, 0x13, `"A|B|0x10"`, "A|B|0x10", "A |B |0x10"},
		{flags, 0x10, "16", "16", "16"},
		{&schema.Map{}, 7, "7", "7", "7"},
	} {
		f := schema.Field{Name: "f", In: schema.UInt32, Map: tt.m}
		v := span{0, 4, -1, -1}.value(&f, payload(tt.n), 8)
		if got := string(v.AppendJSON(nil)); got != tt.json {
			t.Errorf("%d: JSON %s, want %s", tt.n, got, tt.json)
		}
		if got := v.Text(); got != tt.text {
			t.Errorf("%d: text %s, want %s", tt.n, got, tt.text)
		}
		if got := string(v.append(nil, messageText)); got != tt.message {
			t.Errorf("%d: message %q, want %q", tt.n, got, tt.message)
		}
		if v.Uint() != uint64(tt.n) {
			t.Errorf("%d: number %d", tt.n, v.Uint())
		}
	}
}

// TestAccessors: what programs read, and what they get from a value of another type, or none.
func TestAccessors(t *testing.T) {
	log := compile(t, `+1 tlg T E I:Int16=-2 P:UInt16/Port=443 S:UnicodeString=ab B:Binary=0102 G:GUID={7d44233d-3055-4b9c-ba64-0d47ca40a232} `+
		`F:FileTime=2011-07-22T12:26:39.704Z Y:SystemTime=2011-07-22T12:26:39.704Z A:UInt8[]=[1,2] T:Struct={x:UInt8=1 y:UInt8=2} `+
		`K:Binary/SocketAddress=10.0.0.1:443 V:UInt32/IPv4=10.0.0.2 C:CountedString=xy L:Int64[2]=[-1,-2]`)
	decodeLog(t, log, func(ev *Event) {
		type row struct {
			Uint          uint64
			Int           int64
			Bytes         string
			Time, GUID    bool
			Inner, AddrPs string
		}
		rows := map[string]row{}
		for _, name := range []string{"I", "P", "S", "B", "G", "F", "Y", "A", "T", "K", "V", "C", "L", "missing"} {
			v := ev.Get(name)
			if v.OK() != (name != "missing") || v.Secret() {
				t.Errorf("%s: OK %v", name, v.OK())
			}
			r := row{Uint: v.Uint(), Int: v.Int(), Bytes: fmt.Sprintf("%x", v.Bytes()), Time: v.Time() != 0, GUID: !v.GUID().IsZero()}
			for e := range v.Values() {
				r.Inner += e.Text() + " "
			}
			for a := range v.AddrPorts() {
				r.AddrPs += a.String()
			}
			rows[name] = r
		}
		ft := uint64(etl.Time(129558111997040000))
		want := map[string]row{
			"I": {Uint: 0xFFFE, Int: -2, Bytes: "feff"},
			"P": {Uint: 443, Int: 443, Bytes: "01bb"},
			"S": {Bytes: "61006200"},
			"B": {Bytes: "0102"},
			"G": {Bytes: "3d23447d55309c4bba640d47ca40a232", GUID: true},
			"F": {Uint: ft, Int: int64(ft), Bytes: "80955a9b6a48cc01", Time: true},
			"Y": {Bytes: "db0707000500160" + "00c001a002700c002", Time: true},
			"A": {Bytes: "0102", Inner: "1 2 "},
			"T": {Bytes: "0102", Inner: "1 2 "},
			"K": {Bytes: "020001bb0a0000010000000000000000", AddrPs: "10.0.0.1:443"},
			"V": {Uint: 0x0200000A, Int: 0x0200000A, Bytes: "0a000002", AddrPs: "10.0.0.2:0"},
			"C": {Bytes: "78007900"},
			"L": {Bytes: "fffffffffffffffffeffffffffffffff", Inner: "-1 -2 "},
			// A value that is not there is zero in every way.
			"missing": {},
		}
		if diff := cmp.Diff(want, rows); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if got := string(ev.Get("missing").AppendJSON(nil)); got != "null" {
			t.Errorf("missing: %s", got)
		}
	})
}

// TestFieldKeys: names that occur again stay apart in JSON.
func TestFieldKeys(t *testing.T) {
	fields := []schema.Field{{Name: "a"}, {Name: "a"}, {Name: "a#2"}, {Name: "a"}, {Name: "q\"\n"}, {Name: ""}, {Name: ""}}
	want := []string{`"a":`, `"a#2":`, `"a#2#2":`, `"a#3":`, `"q\"\n":`, `"":`, `"#2":`}
	keys := fieldKeys(fields)
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestBombs: small records whose descriptions blow their values up.
func TestBombs(t *testing.T) {
	const n = 60000
	name := strings.Repeat("n", 10000)
	big := &schema.Map{Entries: []schema.MapEntry{{Value: 1, Text: name}}}
	member := []schema.Field{{Name: name, In: schema.UInt8}}
	many := schema.Size{Kind: schema.Fixed, N: n}
	var fields []schema.Field
	for range 1000 {
		fields = append(fields, schema.Field{Name: name, In: schema.UInt8, Map: big})
	}
	for _, tt := range []struct {
		name  string
		event schema.Event
	}{
		{"long names in an array of structs", schema.Event{Fields: []schema.Field{{Name: "a", In: schema.Struct, Fields: member, Count: many}}}},
		{"long names of values", schema.Event{Fields: []schema.Field{{Name: "a", In: schema.UInt8, Map: big, Count: many}}}},
		{"many fields with both", schema.Event{Fields: fields}},
		{"a long value over and over", schema.Event{Message: strings.Repeat("%1", 10000), Fields: []schema.Field{{Name: "a", In: schema.AnsiString, Length: many}}}},
	} {
		var r *etl.Record
		for x := range compile(t, "+1 {11112222-3333-4444-5555-666677778888}/1v0 raw="+strings.Repeat("01", n)).Records() {
			if x.Kind() == etl.KindEvent {
				r = x.Clone()
			}
		}
		ev := Event{Record: r}
		ev.reset(&plan{event: &tt.event, source: Embedded})
		got := ev.AppendFields(nil)
		message, _ := ev.Message()
		if !json.Valid(got) || len(got) > 2*maxText || len(message) > 2*maxText {
			t.Errorf("%s: %d bytes of JSON, valid %v; a message of %d", tt.name, len(got), json.Valid(got), len(message))
		}
		if long := max(len(got), len(message)); long < maxText {
			t.Errorf("%s: %d bytes are no bomb", tt.name, long)
		}
	}
}

// TestFloats: every float is valid JSON and says which it is.
func TestFloats(t *testing.T) {
	f := schema.Field{Name: "f", In: schema.Double}
	for _, x := range []float64{0, math.Copysign(0, -1), 1e21, 5e-324, math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN()} {
		v := span{0, 8, -1, -1}.value(&f, payload(math.Float64bits(x)), 8)
		got := v.AppendJSON(nil)
		var back any
		if err := json.Unmarshal(got, &back); err != nil {
			t.Errorf("%v: %s: %v", x, got, err)
		}
	}
}
