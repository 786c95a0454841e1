package etl_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/etwhy/etwhy/etl"
)

// TestRecordFields: what the headers of each kind of record say, as a writer with layouts of its own wrote it.
func TestRecordFields(t *testing.T) {
	b := compile(t, `log start=2026-03-02T12:00:00Z
provider P {11111111-2222-3333-4444-555555555555}
+1 cpu3 1432:2280 P/7v2 channel=11 level=3 opcode=9 task=513 keyword=0x8000000000000005 property=4 activity={aaaaaaaa-0000-0000-0000-000000000001} related={aaaaaaaa-0000-0000-0000-000000000002} sid=S-1-5-18 A:UInt32=5
+2 P/8 bits=32 A:Pointer=0x10
+3 kernel SystemConfig/15v2 raw=0102030405060708
+4 kernel EventTrace/0x42v2 pebs=7 pmc=1,2 A:UInt32=6
+5 compact Registry/5 A:UInt32=7
+6 perfinfo PerfInfo/46v2 A:UInt32=8
+7 classic {9b79ee91-b5fd-41c0-a243-4248e266e9d0}/35v1 A:UInt32=9
+8 instance {9b79ee91-b5fd-41c0-a243-4248e266e9d0}/36 instance=5 parent=4 A:UInt32=10
+9 message {2818ef08-6a54-396f-2244-5a6ea4a98cf0}/43 flags=0xAB sequence=99 A:UInt32=11
+10 record 13 raw=0011223344556677
`)
	var got []string
	for r, err := range newLog(t, b).Records() {
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind() == etl.KindKernel && r.Group() == 0 && r.Opcode() == 0 {
			continue
		}
		line := fmt.Sprintf("%s type=%d cpu=%d ptr=%d %s", r.Kind(), r.Type(), r.CPU(), r.PointerSize(), r.Time().String()[17:19])
		if r.PID() != etl.NoID {
			line += fmt.Sprintf(" %d:%d", r.PID(), r.TID())
		}
		line += fmt.Sprintf(" %s id=%d v%d op=%d", r.Provider().String()[:8], r.ID(), r.Version(), r.Opcode())
		switch r.Kind() {
		case etl.KindEvent:
			related, _ := r.RelatedActivity()
			sid, _ := r.Extension(etl.ExtSID)
			line += fmt.Sprintf(" ch=%d level=%d task=%d kw=%#x prop=%d %s %s sid=%d", r.Channel(), r.Level(), r.Task(), r.Keyword(), r.Property(),
				r.Activity().String()[35:], related.String()[35:], len(sid))
		case etl.KindKernel:
			line += fmt.Sprintf(" group=%d", r.Group())
		case etl.KindMessage:
			m := r.Message()
			line += fmt.Sprintf(" n=%d flags=%#x seq=%d", m.Number, uint16(m.Flags), m.Sequence)
		}
		if p := r.Payload(); len(p) == 4 {
			line += fmt.Sprintf(" payload=%d", binary.LittleEndian.Uint32(p))
		} else {
			line += fmt.Sprintf(" %d bytes", len(p))
		}
		got = append(got, line)
	}
	want := []string{
		"event type=19 cpu=3 ptr=8 01 1432:2280 11111111 id=7 v2 op=9 ch=11 level=3 task=513 kw=0x8000000000000005 prop=4 1 2 sid=12 payload=5",
		"event type=18 cpu=3 ptr=4 02 1432:2280 11111111 id=8 v0 op=0 ch=0 level=0 task=0 kw=0x0 prop=0 0 0 sid=0 payload=16",
		"kernel type=2 cpu=3 ptr=8 03 1432:2280 01853a65 id=0 v2 op=15 group=11 8 bytes",
		"kernel type=2 cpu=3 ptr=8 04 1432:2280 68fdd900 id=0 v2 op=66 group=0 payload=6",
		"kernel type=4 cpu=3 ptr=8 05 1432:2280 ae53722e id=0 v0 op=5 group=9 payload=7",
		"kernel type=17 cpu=3 ptr=8 06 ce1dbfb4 id=0 v2 op=46 group=15 payload=8",
		"classic type=20 cpu=3 ptr=8 07 1432:2280 9b79ee91 id=0 v1 op=35 payload=9",
		"classic type=21 cpu=3 ptr=8 08 1432:2280 9b79ee91 id=0 v0 op=36 payload=10",
		"message type=15 cpu=3 ptr=8 09 1432:2280 2818ef08 id=43 v0 op=0 n=43 flags=0xab seq=99 payload=11",
		"other type=13 cpu=3 ptr=8 09 00000000 id=0 v0 op=0 12 bytes",
	}
	for i := range max(len(got), len(want)) {
		if !slices.Equal(got[min(i, len(got)):min(i+1, len(got))], want[min(i, len(want)):min(i+1, len(want))]) {
			t.Errorf("record %d\n got %s\nwant %s", i, got[min(i, len(got)):min(i+1, len(got))], want[min(i, len(want)):min(i+1, len(want))])
		}
	}
}
