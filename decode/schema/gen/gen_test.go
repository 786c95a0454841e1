package main

import (
	"encoding/binary"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"compress/flate"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func sources(t *testing.T) ([]name, []*schema.Provider) {
	t.Helper()
	names, providers, err := readSources(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	return names, providers
}

// unpackFile splits tables.bin into its list of entries, without the sizes, and the inflated
// blobs: the deflated form may change with the version of Go.
func unpackFile(t *testing.T, data []byte) (head []byte, blobs [][]byte) {
	t.Helper()
	n := int(binary.LittleEndian.Uint16(data))
	at := 2
	var sizes []int
	for range n {
		end := at + 16 + 1 + int(data[at+16]) + 2
		head = append(head, data[at:end]...)
		sizes = append(sizes, int(binary.LittleEndian.Uint32(data[end:])))
		at = end + 4
	}
	for _, size := range sizes {
		if size == 0 {
			continue
		}
		blob, err := io.ReadAll(flate.NewReader(strings.NewReader(string(data[at : at+size]))))
		if err != nil {
			t.Fatal(err)
		}
		blobs = append(blobs, blob)
		at += size
	}
	if at != len(data) {
		t.Fatalf("%d bytes after the last blob", len(data)-at)
	}
	return head, blobs
}

func TestCheckedInFileIsCurrent(t *testing.T) {
	want, err := encode(sources(t))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../tables.bin")
	if err != nil {
		t.Fatal(err)
	}
	wantHead, wantBlobs := unpackFile(t, want)
	gotHead, gotBlobs := unpackFile(t, got)
	if !slices.Equal(gotHead, wantHead) || !slices.EqualFunc(gotBlobs, wantBlobs, slices.Equal) {
		t.Error("tables.bin is not what the texts say: run go generate ./decode/schema")
	}
}

func TestEncodeIsDeterministic(t *testing.T) {
	a, err := encode(sources(t))
	if err != nil {
		t.Fatal(err)
	}
	b, err := encode(sources(t))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a, b) {
		t.Error("two runs differ")
	}
}

// TestRoundTrip compares the texts with what the package makes of the packed form.
func TestRoundTrip(t *testing.T) {
	_, providers := sources(t)
	byName := map[string]*schema.Provider{}
	for p := range schema.Providers() {
		byName[p.Name] = p
	}
	if len(byName) != len(providers) {
		t.Errorf("%d providers packed, %d texts", len(byName), len(providers))
	}
	for _, want := range providers {
		if diff := cmp.Diff(want, byName[want.Name], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-text +packed):\n%s", want.Name, diff)
		}
	}
}

const head = `provider 50b3e73c-9370-461d-bb9f-26f32d68887d Test
keyword 0x10 K
keyword ? Unknown
task 7 In/Out
task 8 DoStart
opcode 1 Start
map M bits: 1=One; 0x80=High
`

func parse(text string) (*schema.Provider, error) {
	p := newParser()
	if err := scan(strings.NewReader(text), "test.txt", p.line); err != nil {
		return nil, err
	}
	return p.p, p.finish()
}

func TestParse(t *testing.T) {
	p, err := parse(head + `
# comments and empty lines are skipped
9 v1 L2 In/Out/Start kw=K|Unknown|0x8000000000000000 : N:UInt16; A:AnsiString[N]; S:SID*N; Flags:UInt32=M; E:UInt32:Win32Error; P:UnicodeString secret
8 v0 L4 DoStart/Start op=3 :
5 v0 L0 - "Own" builds=100- : B:Binary:IPv6[16]
5 v0 L0 - builds=-99 : D:Struct*2
`)
	if err != nil {
		t.Fatal(err)
	}
	m := &schema.Map{Name: "M", Bits: true, Entries: []schema.MapEntry{{Value: 1, Text: "One"}, {Value: 0x80, Text: "High"}}}
	want := []schema.Event{
		{ID: 5, MaxBuild: 99, Fields: []schema.Field{
			{Name: "D", In: schema.Struct, Count: schema.Size{Kind: schema.Fixed, N: 2}},
		}},
		{ID: 5, MinBuild: 100, Symbol: "Own", Fields: []schema.Field{
			{Name: "B", In: schema.Binary, Out: schema.OutIPv6, Length: schema.Size{Kind: schema.Fixed, N: 16}},
		}},
		{ID: 8, Level: 4, Task: 8, Opcode: 3, Symbol: "DoStart", TaskName: "DoStart", OpcodeName: "Start"},
		{ID: 9, Version: 1, Level: 2, Task: 7, Opcode: 1, Keywords: 0x8000000000000010,
			Symbol: "In/OutStart", TaskName: "In/Out", OpcodeName: "Start", Fields: []schema.Field{
				{Name: "N", In: schema.UInt16},
				{Name: "A", In: schema.AnsiString, Length: schema.Size{Kind: schema.ByField, N: 0}},
				{Name: "S", In: schema.SID, Count: schema.Size{Kind: schema.ByField, N: 0}},
				{Name: "Flags", In: schema.UInt32, Map: m},
				{Name: "E", In: schema.UInt32, Out: schema.OutWin32Error},
				{Name: "P", In: schema.UnicodeString, Secret: true},
			}},
	}
	if diff := cmp.Diff(want, p.Events); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseClass(t *testing.T) {
	p, err := parse(`provider 3a2a4e84-4c21-4981-ae10-3fda0d9b0f83 Classic
class d42cf7ef-de92-473e-8b6c-621ea663113a 2 General
51 v0 L0 General/REQUEST_ENTITY : Buffer:AnsiString
`)
	if err != nil {
		t.Fatal(err)
	}
	ev := p.Events[0]
	if ev.ID != 0 || ev.Opcode != 51 || ev.Task != 2 || ev.Symbol != "REQUEST_ENTITY" || ev.Class.String() != "d42cf7ef-de92-473e-8b6c-621ea663113a" {
		t.Errorf("got %+v", ev)
	}
}

func TestParseErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"task 1 A\n", "test.txt:1: the provider line must come first"},
		{"", "no provider line"},
		{head + "provider 50b3e73c-9370-461d-bb9f-26f32d68887d Again\n", "want one provider"},
		{head + "task 9 In/Out\n", `task "In/Out": empty or declared twice`},
		{head + "map M values: 1=a\n", `map "M": empty or declared twice`},
		{head + "map N values: 2=a; 1=b\n", "out of order"},
		{head + "map N values: 1=\n", "not NUMBER=TEXT"},
		{head + "map N values: 1=a\n", "is not used"},
		{head + "1 v0 L4 -\n", "want: ID"},
		{head + "70000 v0 L4 - :\n", "out of range"},
		{head + "1 v0 L4 Other :\n", `task "Other" is not declared`},
		{head + "1 v0 L4 DoStart/Stop :\n", `opcode "Stop" is not declared`},
		{head + "1 v0 L4 - kw=Other :\n", `keyword "Other" is not declared`},
		{head + "1 v0 L4 - color=red :\n", "not an attribute"},
		{head + "1 v0 L4 - : A:Word\n", `unknown type "Word"`},
		{head + "1 v0 L4 - : A:UInt64:Win32Error\n", "cannot be shown"},
		{head + "1 v0 L4 - : A:UInt32[4]\n", "has no length"},
		{head + "1 v0 L4 - : A:Binary\n", "needs a length"},
		{head + "1 v0 L4 - : A:Binary[N]; N:UInt16\n", "nor an earlier field"},
		{head + "1 v0 L4 - : N:GUID; A:Binary[N]\n", "N is not a number"},
		{head + "1 v0 L4 - : A:UInt32=Other\n", `map "Other" is not declared`},
		{head + "1 v0 L4 - : F:UInt32=M\n1 v0 L4 - :\n", "without gap"},
		{head + "1 v0 L4 - builds=-9 : F:UInt32=M\n1 v0 L4 - builds=11- :\n", "without gap"},
		{head + "1 v0 L4 - builds=9- : F:UInt32=M\n", "without gap"},
	} {
		_, err := parse(test.text)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s\ngot error %v, want %q", strings.TrimPrefix(test.text, head), err, test.want)
		}
	}
}
