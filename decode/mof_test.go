package decode

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// TestMOFTable checks what a slip of the pen in the table would break.
func TestMOFTable(t *testing.T) {
	type id struct {
		class           etl.GUID
		opcode, version uint8
	}
	seen := make(map[id]string)
	for _, ev := range mofEvents().Events {
		key := id{ev.Class, ev.Opcode, ev.Version}
		if other, ok := seen[key]; ok {
			t.Errorf("%s and %s are both opcode %d version %d", ev.Symbol, other, ev.Opcode, ev.Version)
		}
		seen[key] = ev.Symbol
		if ev.OpcodeName == "" || ev.TaskName == "" || ev.Class.IsZero() {
			t.Errorf("%+v lacks a name", ev)
		}
		names := make(map[string]bool)
		for i, f := range ev.Fields {
			if f.Name == "" || f.In == schema.Null || names[f.Name] {
				t.Errorf("%s v%d: field %d: %+v", ev.Symbol, ev.Version, i, f)
			}
			names[f.Name] = true
			for _, size := range []schema.Size{f.Length, f.Count} {
				if size.Kind == schema.ByField && int(size.N) >= i {
					t.Errorf("%s v%d: the size of %s is field %d", ev.Symbol, ev.Version, f.Name, size.N)
				}
			}
		}
	}
	// Words that mofFields does not know would be dropped in silence.
	for _, layout := range mofTable {
		for _, s := range strings.Fields(layout.fields) {
			_, typ, ok := strings.Cut(s, ":")
			typ, out, _ := strings.Cut(typ, "/")
			typ, _, _ = strings.Cut(typ, "*")
			if _, known := mofTypes[typ]; !ok || !known {
				t.Errorf("%s: type of %q", layout.task, s)
			}
			if _, known := mofOuts[out]; !known {
				t.Errorf("%s: out type of %q", layout.task, s)
			}
		}
	}
}

func TestMOFEvent(t *testing.T) {
	for _, tt := range []struct {
		class           etl.GUID
		opcode, version uint8
		want            string // symbol and version of the layout; "" = none
	}{
		{processClass, 1, 0, "ProcessStart 0"},
		{processClass, 3, 4, "ProcessDCStart 4"},
		{processClass, 4, 9, "ProcessDCEnd 4"}, // newer than the table
		{processClass, 39, 4, "ProcessDefunct 4"},
		{processClass, 39, 5, "ProcessDefunct 5"},
		{processClass, 11, 2, "ProcessTerminate 0"},
		{processClass, 10, 3, "ImageLoad 3"},
		{processClass, 10, 0, ""}, // older than the table
		{processClass, 200, 0, ""},
		{imageClass, 2, 2, "ImageUnLoad 2"},
		{threadClass, 4, 1, "ThreadDCEnd 1"},
		{threadClass, 1, 5, "ThreadStart 3"},
		{eventTraceClass, 0, 2, "EventTraceHeader 0"},
		{systemConfigClass, 15, 2, "SystemConfigServices 0"},
		{systemConfigExClass, 35, 0, "SystemConfigExVolumeMapping 0"},
		{imageIDClass, 36, 2, "ImageIdDbgIdRSDS 0"},
		{etl.GUID{}, 0, 0, ""},
		{etl.GUID{0xFF}, 1, 1, ""},
	} {
		got := ""
		if ev := mofEvent(tt.class, tt.opcode, tt.version); ev != nil {
			got = fmt.Sprint(ev.Symbol, " ", ev.Version)
		}
		if got != tt.want {
			t.Errorf("mofEvent(%s, %d, %d) = %q, want %q", tt.class, tt.opcode, tt.version, got, tt.want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { mofEvent(processClass, 1, 4) }); n != 0 {
		t.Errorf("%v allocations per look-up", n)
	}
}

const (
	systemSID = "0101000000000005 12000000"
	userSID   = "0105000000000005 15000000 962cec2c 68fd3106 f1dca4d3 e8030000"
)

// payload builds a payload: strings are hexadecimal, uint32 and uint64 little-endian, asz and wsz texts.
func payload(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			raw, err := hex.DecodeString(strings.ReplaceAll(p, " ", ""))
			if err != nil {
				panic(err)
			}
			b = append(b, raw...)
		case uint32:
			b = binary.LittleEndian.AppendUint32(b, p)
		case uint64:
			b = binary.LittleEndian.AppendUint64(b, p)
		case asz:
			b = append(append(b, p...), 0)
		case wsz:
			for _, u := range utf16.Encode([]rune(string(p) + "\x00")) {
				b = binary.LittleEndian.AppendUint16(b, u)
			}
		}
	}
	return b
}

type (
	asz string
	wsz string
)

func TestWbemSID(t *testing.T) {
	for _, tt := range []struct {
		name       string
		data       []byte
		pointer    int
		skip, size int
		ok         bool
	}{
		{"user, 32-bit", payload("e0a41b82 00000000", systemSID, asz("a.exe")), 4, 8, 12, true},
		{"user, 64-bit", payload(uint64(0xFFFFB4814690BC5E), uint64(0), systemSID, asz("a.exe")), 8, 16, 12, true},
		{"user, the pointer is a multiple of 4 GB", payload(uint64(0xFFFFB48100000000), uint64(0), userSID), 8, 16, 28, true},
		{"user, the pointer is zero, 32-bit", payload("00000000 00000000", userSID, asz("notepad.exe")), 4, 8, 28, true},
		{"user, the pointer is zero, 64-bit", payload(uint64(0), uint64(0), systemSID, asz("Idle")), 8, 16, 12, true},
		{"no user", payload(uint32(0), asz("Idle")), 4, 4, 0, true},
		{"no user, 64-bit", payload(uint32(0), asz("System"), wsz(`\SystemRoot\a.exe`)), 8, 4, 0, true},
		{"no user, at the end", payload(uint32(0)), 8, 4, 0, true},
		{"SID cut", payload(uint64(1), uint64(0), "0105000000000005 15000000"), 8, 0, 0, false},
		{"no SID", payload(uint64(1), uint64(0), asz("notepad.exe")), 8, 0, 0, false},
		{"nothing", nil, 8, 0, 0, false},
	} {
		skip, size, ok := wbemSID(tt.data, tt.pointer)
		if skip != tt.skip || size != tt.size || ok != tt.ok {
			t.Errorf("%s: %d, %d, %v; want %d, %d, %v", tt.name, skip, size, ok, tt.skip, tt.size, tt.ok)
		}
	}
}

// values renders the fields of a payload by the layout of the table, as NAME=TEXT.
func values(fields []schema.Field, data []byte, w walker, spans []span) string {
	var b strings.Builder
	for i, s := range spans {
		v := s.value(&fields[i], data, uint8(w.pointer))
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s=%s", fields[i].Name, v.Text())
	}
	return b.String()
}

// TestMOFLayouts lays every version of the events over bytes as Windows wrote them.
func TestMOFLayouts(t *testing.T) {
	ptr32, ptr64 := uint32(0x8A5C1030), uint64(0xFFFFB48146905EBC)
	head := payload(uint32(1776), uint32(988), uint32(1), uint32(259))
	headText := "ProcessId=1776 ParentId=988 SessionId=1 ExitStatus=259"
	head4 := payload(ptr64, hex.EncodeToString(head), uint64(0x3930500000), uint32(2), ptr64, uint64(0), systemSID, asz("SearchIndexer.exe"))
	text4 := "UniqueProcessKey=0xFFFFB48146905EBC " + headText + " DirectoryTableBase=0x3930500000 Flags=0x2 UserSID=S-1-5-18 ImageFileName=SearchIndexer.exe"
	for _, tt := range []struct {
		class           etl.GUID
		opcode, version uint8
		pointer         int
		data            []byte
		want            string
	}{
		{processClass, 1, 0, 4, payload(uint32(1776), uint32(988), "a0b0c0d0 00000000", userSID, asz("notepad.exe")),
			"ProcessId=0x6F0 ParentId=0x3DC UserSID=S-1-5-21-753675414-103939432-3550797041-1000 ImageFileName=notepad.exe"},
		{processClass, 1, 1, 4, payload(ptr32, hex.EncodeToString(head), "00000000 00000000", userSID, asz("notepad.exe")),
			"PageDirectoryBase=0x8A5C1030 " + headText + " UserSID=S-1-5-21-753675414-103939432-3550797041-1000 ImageFileName=notepad.exe"},
		{processClass, 3, 2, 4, payload(ptr32, hex.EncodeToString(head), ptr32, uint32(0), systemSID, asz("smss.exe"), wsz(`\SystemRoot\smss.exe`)),
			"UniqueProcessKey=0x8A5C1030 " + headText + ` UserSID=S-1-5-18 ImageFileName=smss.exe CommandLine=\SystemRoot\smss.exe`},
		{processClass, 3, 2, 8, payload(ptr64, hex.EncodeToString(head), uint32(0), asz("Idle"), wsz("")),
			"UniqueProcessKey=0xFFFFB48146905EBC " + headText + " UserSID= ImageFileName=Idle CommandLine="},
		{processClass, 3, 3, 8, payload(uint64(0), hex.EncodeToString(head), uint64(0), uint64(0), uint64(0), systemSID, asz("smss.exe"), wsz("x")),
			"UniqueProcessKey=0x0 " + headText + " DirectoryTableBase=0x0 UserSID=S-1-5-18 ImageFileName=smss.exe CommandLine=x"},
		{processClass, 4, 4, 8, payload(hex.EncodeToString(head4), wsz("si -Embedding"), wsz("Pkg_1"), wsz("App")),
			text4 + " CommandLine=si -Embedding PackageFullName=Pkg_1 ApplicationId=App"},
		{processClass, 39, 5, 8, payload(hex.EncodeToString(head4), wsz(""), wsz(""), wsz(""), uint64(133976736000000000)),
			text4 + " CommandLine= PackageFullName= ApplicationId= ExitTime=2025-07-22T16:00:00.0000000Z"},
		{processClass, 11, 2, 8, payload(uint32(1776)), "ProcessId=1776"},
		{threadClass, 3, 3, 8, payload(uint32(4), uint32(8), ptr64, ptr64, uint64(1), uint64(2), uint64(0xFFF), ptr64, uint64(3), uint32(70), "08050200"),
			"ProcessId=4 TThreadId=8 StackBase=0xFFFFB48146905EBC StackLimit=0xFFFFB48146905EBC UserStackBase=0x1 UserStackLimit=0x2 " +
				"Affinity=0xFFF Win32StartAddr=0xFFFFB48146905EBC TebBase=0x3 SubProcessTag=70 BasePriority=8 PagePriority=5 IoPriority=2 ThreadFlags=0"},
		{imageClass, 10, 1, 8, payload(uint64(0x1160000), uint64(0x19E000), uint32(7644), wsz(`C:\a.exe`)),
			`ImageBase=0x1160000 ImageSize=1695744 ProcessId=7644 FileName=C:\a.exe`},
		{imageClass, 10, 2, 4, payload(uint32(0x1160000), uint32(0x19E000), uint32(7644), uint32(5), uint32(6), uint32(0),
			uint32(0x400000), uint32(0), uint32(0), uint32(0), uint32(0), wsz(`C:\a.exe`)),
			"ImageBase=0x1160000 ImageSize=1695744 ProcessId=7644 ImageChecksum=5 TimeDateStamp=6 Reserved0=0 DefaultBase=0x400000 " +
				`Reserved1=0 Reserved2=0 Reserved3=0 Reserved4=0 FileName=C:\a.exe`},
		{systemConfigClass, 15, 3, 8, payload(uint32(1068), uint32(4), uint32(70), wsz("Dhcp"), wsz("DHCP Client"), wsz("svchost.exe"), wsz("TDI"), wsz("LocalServiceNetworkRestricted")),
			"ProcessId=1068 ServiceState=4 SubProcessTag=70 ServiceName=Dhcp DisplayName=DHCP Client ProcessName=svchost.exe LoadOrderGroup=TDI SvchostGroup=LocalServiceNetworkRestricted"},
		{systemConfigExClass, 35, 0, 8, payload(wsz(`\Device\HarddiskVolume3\`), wsz(`C:\`)), `NtPath=\Device\HarddiskVolume3\ DosPath=C:\`},
		{tcpIPClass, 11, 2, 8, payload(uint32(1776), uint32(1460), "0a000005 0a000006 01bb c001", uint32(9), uint64(0)),
			"PID=1776 size=1460 daddr=10.0.0.5 saddr=10.0.0.6 dport=443 sport=49153 seqnum=9 connid=0x0"},
		{tcpIPClass, 29, 2, 8, payload(uint32(4), uint32(0), "fe80000000000000 0000000000000001 fe80000000000000 0000000000000002 01bb c001", uint32(9), uint64(0)),
			"PID=4 size=0 daddr=fe80::1 saddr=fe80::2 dport=443 sport=49153 seqnum=9 connid=0x0"},
	} {
		ev := mofEvent(tt.class, tt.opcode, tt.version)
		if ev == nil {
			t.Errorf("no layout for %s opcode %d version %d", tt.class, tt.opcode, tt.version)
			continue
		}
		w := walker{pointer: tt.pointer}
		spans, used := w.walk(ev.Fields, tt.data, nil)
		if w.fault.kind != noFault || used != len(tt.data) {
			t.Errorf("%s v%d: %d of %d bytes, fault %v", ev.Symbol, tt.version, used, len(tt.data), w.fault)
		}
		if diff := cmp.Diff(tt.want, values(ev.Fields, tt.data, w, spans)); diff != "" {
			t.Errorf("%s v%d: -want +got:\n%s", ev.Symbol, tt.version, diff)
		}
	}
}

// TestMOFSamples: in real logs, the layouts end where the payloads end.
func TestMOFSamples(t *testing.T) {
	type count struct {
		Records, Exact int
		OtherPointer   int // records with a payload of the other pointer size than their header's
	}
	for _, tt := range []struct {
		path string
		want map[string]count
	}{
		{"etl/sawbuck/process_data_32_v1.etl", map[string]count{"EventTrace": {1, 1, 0}, "Process": {2, 2, 0}}},
		{"etl/sawbuck/process_data_32_v2.etl", map[string]count{"EventTrace": {1, 1, 0}, "Process": {8, 8, 0}}},
		{"etl/sawbuck/process_data_64_v3.etl", map[string]count{"EventTrace": {1, 1, 0}, "Process": {8, 8, 8}}},
		{"etl/sawbuck/image_data_32_v2.etl", map[string]count{"EventTrace": {1, 1, 0}, "Image": {26, 26, 0}}},
		{"etl/sawbuck/image_data_64_v1.etl", map[string]count{"EventTrace": {1, 1, 0}, "Image": {26, 26, 26}}},
		{"etl/sawbuck/test_data_32_v0.etl", map[string]count{"EventTrace": {1, 1, 0}, "Image": {26, 26, 0}}},
		{"etl/sawbuck/test_data_64_v2.etl", map[string]count{"EventTrace": {1, 1, 0}, "Image": {26, 26, 26}}},
		{"etl/perfview/net.4.5.2.x64.etl", map[string]count{
			"EventTrace": {8, 8, 0}, "FileIo": {3084, 3084, 0}, "Image": {3598, 3598, 0}, "ImageId": {7885, 7885, 0},
			"PerfInfo": {79528, 79528, 0}, "Process": {101, 101, 0}, "StackWalk": {12280, 12280, 0}, "SystemConfig": {157, 157, 0},
			"SystemConfigEx": {12, 12, 0}, "TcpIp": {490, 490, 0}, "Thread": {1358, 1358, 0}, "UdpIp": {36, 36, 0},
		}},
		{"etl/etl-parser/ShutdownPerfDiagLogger.etl", map[string]count{
			"EventTrace": {9, 9, 0}, "Image": {13755, 13755, 0}, "Process": {256, 256, 0}, "Thread": {3058, 3058, 0},
		}},
		{"etl/etwanalyzer/TraceLoggingTester.etl", map[string]count{
			"EventTrace": {16, 16, 0}, "Image": {23418, 23418, 0}, "ImageId": {71386, 71386, 0}, "PerfInfo": {4, 4, 0},
			"Process": {489, 489, 0}, "SystemConfig": {340, 340, 0}, "SystemConfigEx": {16, 16, 0}, "Thread": {6751, 6751, 0},
		}},
	} {
		t.Run(filepath.Base(tt.path), func(t *testing.T) {
			t.Parallel()
			got := make(map[string]count)
			l := openSample(t, tt.path)
			d := New(l.Header())
			for r, err := range l.Records() {
				if err != nil {
					t.Fatal(err)
				}
				ev := d.Decode(r)
				if ev.DecodedBy != MOF {
					continue
				}
				c := got[ev.Schema.TaskName]
				c.Records++
				if why, _ := ev.Undecoded(); why == "" {
					c.Exact++
				} else if c.Records-c.Exact < 3 {
					t.Errorf("%s v%d: %s: %x", ev.Name(), r.Version(), why, r.Payload())
				}
				if ev.PointerSize() != r.PointerSize() {
					c.OtherPointer++
				}
				got[ev.Schema.TaskName] = c
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
