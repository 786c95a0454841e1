package decode

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

var sourceGUID = etl.MustParseGUID("11112222-3333-4444-5555-666677778888")

// manifestXML returns a manifest around the parts of a provider.
func manifestXML(parts string) string {
	return `<?xml version="1.0" encoding="utf-8"?>
<instrumentationManifest xmlns="http://schemas.microsoft.com/win/2004/08/events">
 <instrumentation xmlns:win="http://manifests.microsoft.com/win/2004/08/windows/events"><events>
  <provider name="Source" guid="{11112222-3333-4444-5555-666677778888}" symbol="S">` + parts + `</provider>
 </events></instrumentation>
 <localization><resources culture="en-US"><stringTable>
  <string id="event_Go" value="Go %1 &amp; %2%n"/><string id="map_M.One" value="One "/>
 </stringTable></resources></localization>
</instrumentationManifest>`
}

func TestManifest(t *testing.T) {
	p, err := parseManifest(strings.NewReader(manifestXML(`
<tasks><task name="Loop" value="7"><opcodes><opcode name="Turn" value="12"/></opcodes></task></tasks>
<opcodes><opcode name="Go" value="0x0b"/></opcodes>
<keywords><keyword name="A" mask="0x1"/><keyword name="B" mask="0x20"/></keywords>
<maps>
 <valueMap name="M"><map value="0x1" message="$(string.map_M.One)"/></valueMap>
 <bitMap name="N"><map value="2" message="plain"/></bitMap>
</maps>
<events>
 <event value="2" version="1" level="win:Error" opcode="Go" task="Loop" keywords="A B" template="T" message="$(string.event_Go)"/>
 <event value="1" opcode="win:Stop" task="Loop"/>
 <event value="3" symbol="Named" opcode="Turn" task="Loop" template="U"/>
</events>
<templates>
 <template tid="T">
  <data name="a" inType="win:UInt32" map="M"/><data name="n" inType="win:UInt16"/>
  <struct name="s" count="n"><data name="x" inType="win:Int32" outType="xs:int"/><data name="size" inType="win:UInt32"/><data name="b" inType="win:Binary" length="size"/></struct>
  <data name="f" inType="win:UnicodeString" length="3"/>
  <UserData><x xmlns="http://schemas.example"><y>%1</y></x></UserData>
 </template>
 <template tid="U"><data name="k" inType="win:UInt32" map="N"/></template>
</templates>`)), sourceGUID)
	if err != nil {
		t.Fatal(err)
	}
	m := &schema.Map{Name: "M", Entries: []schema.MapEntry{{Value: 1, Text: "One "}}}
	n := &schema.Map{Name: "N", Bits: true, Entries: []schema.MapEntry{{Value: 2, Text: "plain"}}}
	byField := func(n uint16) schema.Size { return schema.Size{Kind: schema.ByField, N: n} }
	want := &schema.Provider{
		GUID: sourceGUID, Name: "Source",
		Keywords: []schema.Keyword{{Name: "A", Mask: 1}, {Name: "B", Mask: 0x20}},
		Events: []schema.Event{
			{ID: 1, Opcode: 2, Task: 7, TaskName: "Loop", OpcodeName: "Stop"},
			{ID: 2, Version: 1, Level: 2, Opcode: 11, Task: 7, TaskName: "Loop", OpcodeName: "Go", Keywords: 0x21, Message: "Go %1 & %2%n",
				Fields: []schema.Field{
					{Name: "a", In: schema.UInt32, Map: m},
					{Name: "n", In: schema.UInt16},
					{Name: "s", In: schema.Struct, Count: byField(1), Fields: []schema.Field{
						{Name: "x", In: schema.Int32, Out: schema.OutInt},
						{Name: "size", In: schema.UInt32},
						{Name: "b", In: schema.Binary, Length: byField(1)},
					}},
					{Name: "f", In: schema.UnicodeString, Length: schema.Size{Kind: schema.Fixed, N: 3}},
				}},
			{ID: 3, Opcode: 12, Task: 7, TaskName: "Loop", OpcodeName: "Turn", Symbol: "Named", Fields: []schema.Field{{Name: "k", In: schema.UInt32, Map: n}}},
		},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestManifestMalformed(t *testing.T) {
	template := func(items string) string {
		return manifestXML(`<templates><template tid="T">` + items + `</template></templates>`)
	}
	for name, doc := range map[string]string{
		"nothing":               "",
		"no XML":                "hello",
		"cut":                   manifestXML("")[:300],
		"another root":          "<manifest/>",
		"another provider":      strings.Replace(manifestXML(""), "11112222", "99992222", 1),
		"unknown type":          template(`<data name="a" inType="win:Strange"/>`),
		"size of no field":      template(`<data name="a" inType="win:UInt8" count="b"/>`),
		"size of a later field": template(`<data name="a" inType="win:UInt8" count="b"/><data name="b" inType="win:UInt8"/>`),
		"deep structs":          template(strings.Repeat(`<struct name="s">`, 40) + strings.Repeat(`</struct>`, 40)),
		"very deep":             template(strings.Repeat(`<struct name="s">`, 30000) + strings.Repeat(`</struct>`, 30000)),
		"another encoding":      strings.Replace(manifestXML(""), "utf-8", "utf-16", 1),
	} {
		p, err := parseManifest(strings.NewReader(doc), sourceGUID)
		if !errors.Is(err, errManifest) || p != nil {
			t.Errorf("%s: %v, error %v", name, p, err)
		}
	}
}

// Entities that a manifest declares are not expanded.
func TestManifestEntities(t *testing.T) {
	doc := strings.Replace(manifestXML(`<tasks><task name="&bomb;" value="1"/></tasks>`), "<instrumentationManifest",
		`<!DOCTYPE x [<!ENTITY a "boom"><!ENTITY bomb "&a;&a;&a;&a;">]><instrumentationManifest`, 1)
	p, err := parseManifest(strings.NewReader(doc), sourceGUID)
	if strings.Contains(fmt.Sprint(p, err), "boom") {
		t.Error(p, err)
	}
}

// TestManifestChunks: what becomes of manifests that come late, twice, in pieces, and with pieces missing.
func TestManifestChunks(t *testing.T) {
	const event = "Src/1v0 A:Int32=5"
	for _, tt := range []struct {
		name string
		log  string
		want []string
	}{
		{"behind its events, in many pieces", `
+1 1:1 ` + event + `
+2 1:1 manifest Src Ev/1="A:Int32" chunk=7`,
			[]string{`eventsource|Src|Ev|{"A":5}`}},
		{"twice, the first without an end", `
+1 1:1 manifest Src Ev/1="A:Int32" chunk=100 skip=5
+2 1:1 manifest Src Ev/1="A:Int32" chunk=100
+3 1:1 ` + event,
			[]string{`eventsource|Src|Ev|{"A":5}`}},
		{"the pieces of two processes mixed", `
+1 cpu0 1:1 manifest Src Ev/1="A:Int32" chunk=100
+1 cpu1 2:2 manifest Src Ev/1="A:Int32" chunk=100
+3 1:1 ` + event,
			[]string{`eventsource|Src|Ev|{"A":5}`}},
		{"a piece is missing", `
+1 7:1 manifest Src Ev/1="A:Int32" chunk=300 skip=1
+3 7:1 ` + event,
			[]string{`|||{}|no schema for provider GUID, event 1, version 0; the manifest of process 7 is incomplete: 1 of 2 pieces [05000000]`}},
		{"the first piece is missing", `
+1 7:1 manifest Src Ev/1="A:Int32" chunk=300 skip=0
+3 7:1 ` + event,
			[]string{`|||{}|no schema for provider GUID, event 1, version 0; the manifest of process 7 is incomplete: 1 of 2 pieces [05000000]`}},
		{"malformed", `
+1 7:1 manifest Src <<END
<nonsense/>
END
+3 7:1 ` + event,
			[]string{`|||{}|no schema for provider GUID, event 1, version 0; malformed manifest: no provider GUID [05000000]`}},
		{"another event of the provider", `
+1 1:1 manifest Src Ev/2="A:Int32"
+3 1:1 ` + event,
			[]string{`|Src||{}|no schema for provider GUID, event 1, version 0 [05000000]`}},
	} {
		got := lines(t, "provider Src "+sourceGUID.String()+tt.log)
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], sourceGUID.String(), "GUID")
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.name, diff)
		}
	}
}
