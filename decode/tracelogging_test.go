package decode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// tlBytes puts the size in front of TraceLogging metadata.
func tlBytes(meta string) []byte {
	return append(binary.LittleEndian.AppendUint16(nil, uint16(len(meta)+2)), meta...)
}

func TestTraceLogging(t *testing.T) {
	prefixed := schema.Size{Kind: schema.Prefixed}
	for _, tt := range []struct {
		name string
		meta string
		want *schema.Event // nil: malformed
	}{
		{"no fields", "\x00Ev\x00", &schema.Event{Symbol: "Ev"}},
		{"no name", "\x00\x00", &schema.Event{}},
		{"tags of several bytes", "\x81\x82\x03Ev\x00", &schema.Event{Symbol: "Ev"}},
		{"a name that is no UTF-8", "\x00\xffv\x00", &schema.Event{Symbol: "\uFFFDv"}},
		{"fields", "\x00Ev\x00" + "a\x00\x08" + "b\x00\x88\x04" + "c\x00\x84\x83\x81\x02" + "d\x00\x01",
			&schema.Event{Symbol: "Ev", Fields: []schema.Field{
				{Name: "a", In: schema.UInt32},
				{Name: "b", In: schema.UInt32, Out: schema.OutHex64},
				{Name: "c", In: schema.UInt8, Out: schema.OutBoolean},
				{Name: "d", In: schema.UnicodeString},
			}}},
		{"arrays and counts", "\x00Ev\x00" + "a\x00\x28\x03\x00" + "b\x00\x48" + "c\x00\x0e" + "d\x00\x4e" + "e\x00\x19",
			&schema.Event{Symbol: "Ev", Fields: []schema.Field{
				{Name: "a", In: schema.UInt32, Count: schema.Size{Kind: schema.Fixed, N: 3}},
				{Name: "b", In: schema.UInt32, Count: prefixed},
				{Name: "c", In: schema.Binary, Length: prefixed},
				{Name: "d", In: schema.Binary, Length: prefixed, Count: prefixed},
				{Name: "e", In: schema.CountedBinary},
			}}},
		{"a struct in an array of structs, and what follows", "\x00Ev\x00" + "s\x00\xd8\x02" + "a\x00\x04" + "t\x00\x98\x01" + "b\x00\x04" + "z\x00\x04",
			&schema.Event{Symbol: "Ev", Fields: []schema.Field{
				{Name: "s", In: schema.Struct, Count: prefixed, Fields: []schema.Field{
					{Name: "a", In: schema.UInt8},
					{Name: "t", In: schema.Struct, Fields: []schema.Field{{Name: "b", In: schema.UInt8}}},
				}},
				{Name: "z", In: schema.UInt8},
			}}},
		{"a struct without members", "\x00Ev\x00" + "s\x00\x18",
			&schema.Event{Symbol: "Ev", Fields: []schema.Field{{Name: "s", In: schema.Struct, Fields: []schema.Field{}}}}},
		{"a type of someone's own", "\x00Ev\x00" + "a\x00\x62\x03\x00xyz" + "b\x00\x04",
			&schema.Event{Symbol: "Ev", Fields: []schema.Field{{Name: "a", In: schema.CountedBinary}, {Name: "b", In: schema.UInt8}}}},
		{"out types with numbers of TDH", "\x00Ev\x00" + "a\x00\x82\x23" + "b\x00\x91\x26",
			&schema.Event{Symbol: "Ev", Fields: []schema.Field{
				{Name: "a", In: schema.AnsiString, Out: schema.OutUTF8}, {Name: "b", In: schema.FileTime, Out: schema.OutDateTimeUTC}}}},

		{"nothing", "", nil},
		{"a name without NUL", "\x00Ev", nil},
		{"tags without end", "\x80\x80", nil},
		{"a field without type", "\x00Ev\x00a\x00", nil},
		{"a field without out type", "\x00Ev\x00a\x00\x84", nil},
		{"half a count", "\x00Ev\x00a\x00\x24\x01", nil},
		{"a struct that wants more members", "\x00Ev\x00s\x00\x98\x02a\x00\x04", nil},
		{"a description of 64 KB that is not there", "\x00Ev\x00a\x00\x62\xff\xff", nil},
		{"a thousand structs within each other", "\x00Ev\x00" + strings.Repeat("s\x00\x98\x01", 1000) + "a\x00\x04", nil},
	} {
		got, err := parseTraceLogging(tlBytes(tt.meta))
		if tt.want == nil {
			if !errors.Is(err, errTraceLogging) || got != nil {
				t.Errorf("%s: %v, error %v", tt.name, got, err)
			}
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v: -want +got:\n%s", tt.name, err, diff)
		}
	}
	for _, data := range [][]byte{nil, {0}, {1, 0}, {9, 0, 0, 0}} { // sizes that are none
		if _, err := parseTraceLogging(data); !errors.Is(err, errTraceLogging) {
			t.Errorf("% x: error %v", data, err)
		}
	}
	// What lies behind the size is not metadata.
	if ev, err := parseTraceLogging(append(tlBytes("\x00Ev\x00"), "\x00junk"...)); err != nil || len(ev.Fields) != 0 {
		t.Errorf("bytes behind the metadata: %v, %v", ev, err)
	}
}

// TestTraceLoggingIDs: events with the same id, 0, are told apart by their metadata, and by provider.
func TestTraceLoggingIDs(t *testing.T) {
	got := lines(t, `
+1 tlg P A x:UInt8=1
+2 tlg P B x:UInt8=1
+3 tlg Q A x:UInt8=1
+4 tlg P A x:UInt8=1 extra=ff
+5 tlg P A x:UInt8=1 cut=0
+6 {11112222-3333-4444-5555-666677778888}/0v0 ext=0x0C:0400585900 ext=0x0B:030000 A:UInt8=1
`)
	want := []string{
		`tracelogging|P|A|{"x":1}`,
		`tracelogging|P|B|{"x":1}`,
		`tracelogging|Q|A|{"x":1}`,
		`tracelogging|P|A|{"x":1}|1 bytes are left behind the last field [ff]`,
		`tracelogging|P|A|{}|the payload ends early: x needs 1 bytes, 0 are left []`,
		`|XY||{}|malformed TraceLogging metadata: EVENT_SCHEMA_TL at offset 0x3: string without NUL in the 0 bytes left [01]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestTraceLoggingMemory: a log that makes up new metadata for each event does not make the decoder grow.
func TestTraceLoggingMemory(t *testing.T) {
	d := New(etl.Header{})
	var r *etl.Record
	for x := range compile(t, "+1 tlg P A x:UInt8=1").Records() {
		if x.Kind() == etl.KindEvent {
			r = x.Clone()
		}
	}
	for i := range 40000 {
		meta := tlBytes(fmt.Sprintf("\x00Ev%d\x00", i) + strings.Repeat("\x00\x04", 50))
		if p := d.tlPlan(r, meta); p.name != fmt.Sprintf("Ev%d", i) {
			t.Fatal(p.name)
		}
		if d.tlSize > maxTLSize+1<<16 || len(d.tlPlans) > maxTLSize/256+1 {
			t.Fatalf("%d bytes in %d plans", d.tlSize, len(d.tlPlans))
		}
	}
}
