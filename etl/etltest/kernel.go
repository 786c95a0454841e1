package etltest

import (
	"strings"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// A group is a kind of kernel events and the class that it has in other records.
type group struct {
	name  string
	class etl.GUID
}

// groups are the event groups of SYSTEM, COMPACT and PERFINFO records.
var groups = [...]group{
	0x00: {"EventTrace", etl.MustParseGUID("68fdd900-4a3e-11d1-84f4-0000f80464e3")},
	0x01: {"DiskIo", etl.MustParseGUID("3d6fa8d4-fe05-11d0-9dda-00c04fd7ba7c")},
	0x02: {"PageFault", etl.MustParseGUID("3d6fa8d3-fe05-11d0-9dda-00c04fd7ba7c")},
	0x03: {"Process", etl.MustParseGUID("3d6fa8d0-fe05-11d0-9dda-00c04fd7ba7c")},
	0x04: {"FileIo", etl.MustParseGUID("90cbdc39-4a3e-11d1-84f4-0000f80464e3")},
	0x05: {"Thread", etl.MustParseGUID("3d6fa8d1-fe05-11d0-9dda-00c04fd7ba7c")},
	0x06: {"TcpIp", etl.MustParseGUID("9a280ac0-c8e0-11d1-84e2-00c04fb998a2")},
	0x07: {"Job", etl.MustParseGUID("3282fc76-feed-498e-8aa7-e70f459d430e")},
	0x08: {"UdpIp", etl.MustParseGUID("bf3a50c5-a9c9-4988-a005-2df0b7c80f80")},
	0x09: {"Registry", etl.MustParseGUID("ae53722e-c863-11d2-8659-00c04fa321a1")},
	0x0A: {"DbgPrint", etl.MustParseGUID("13976d09-a327-438c-950b-7f03192815c7")},
	0x0B: {"SystemConfig", etl.MustParseGUID("01853a65-418f-4f36-aefc-dc0f1d2fd235")},
	0x0C: {"Spare1", etl.MustParseGUID("99134383-5248-43fc-834b-529454e75df3")},
	0x0D: {"Wnf", etl.MustParseGUID("42695762-ea50-497a-9068-5cbbb35e0b95")},
	0x0E: {"Pool", etl.MustParseGUID("0268a8b6-74fd-4302-9dd0-6e8f1795c0cf")},
	0x0F: {"PerfInfo", etl.MustParseGUID("ce1dbfb4-137e-4da6-87b0-3f59aa102cbc")},
	0x10: {"Heap", etl.MustParseGUID("222962ab-6180-4b88-a825-346b75f2a24a")},
	0x11: {"Object", etl.MustParseGUID("89497f50-effe-4440-8cf2-ce6b1cdcaca7")},
	0x12: {"Power", etl.MustParseGUID("e43445e0-0903-48c3-b878-ff0fccebdd04")},
	0x13: {"ModBound", etl.MustParseGUID("a9152f00-3f58-4bee-92a1-70c7d079d5dd")},
	0x14: {"Image", etl.MustParseGUID("2cb15d1d-5fc1-11d2-abe1-00a0c911f518")},
	0x15: {"Dpc", etl.MustParseGUID("b2d14872-7c5b-463d-8419-ee9bf7d23e04")},
	0x16: {"Cc", etl.MustParseGUID("7687a439-f752-45b8-b741-321aec0f8df9")},
	0x17: {"CritSec", etl.MustParseGUID("3ac66736-cc59-4cff-8115-8df50e39816b")},
	0x18: {"StackWalk", etl.MustParseGUID("def2fe46-7bd6-4b80-bd94-f57fe20d0ce3")},
	0x19: {"Ums", etl.MustParseGUID("9aec974b-5b8e-4118-9b92-3186d8002ce5")},
	0x1A: {"ALPC", etl.MustParseGUID("45d8cccd-539f-4b72-a8b7-5c683142609a")},
	0x1B: {"SplitIo", etl.MustParseGUID("d837ca92-12b9-44a5-ad6a-3a65b3578aa8")},
	0x1C: {"ThreadPool", etl.MustParseGUID("c861d0e2-a2c1-4d36-9f9c-970bab943a12")},
	0x1D: {"Hypervisor", etl.MustParseGUID("7f2a405c-69b5-4bf9-a1f5-30e8f1afab5e")},
	0x1E: {"HypervisorX", etl.MustParseGUID("2ce9a149-effe-42f0-a635-a1d39e26c8f2")},
}

// kernelLayouts are the payloads of the kernel events that a reader of traces needs most: by hook
// id (group<<8 | opcode) and version.
var kernelLayouts = func() map[[2]uint16][]schema.Field {
	m := map[[2]uint16][]schema.Field{}
	for _, l := range kernelEvents {
		fields, err := describe(l.fields)
		if err != nil {
			panic(err) // a mistake in the table below
		}
		for _, op := range l.opcodes {
			m[[2]uint16{l.group<<8 | op, l.version}] = fields
		}
	}
	return m
}()

var kernelEvents = []struct {
	group   uint16
	opcodes []uint16
	version uint16
	fields  string
}{
	{3, []uint16{1, 2, 3, 4}, 0, "ProcessId:Pointer ParentId:Pointer UserSID:WbemSID ImageFileName:AnsiString"},
	{3, []uint16{1, 2, 3, 4}, 1, "PageDirectoryBase:Pointer " + process + " UserSID:WbemSID ImageFileName:AnsiString"},
	{3, []uint16{1, 2, 3, 4, 39}, 2, "UniqueProcessKey:Pointer " + process + " UserSID:WbemSID " + processNames},
	{3, []uint16{1, 2, 3, 4, 39}, 3, "UniqueProcessKey:Pointer " + process + " DirectoryTableBase:Pointer UserSID:WbemSID " + processNames},
	{3, []uint16{1, 2, 3, 4, 39}, 4, process4},
	{3, []uint16{39}, 5, process4 + " ExitTime:FileTime"},
	{3, []uint16{11}, 2, "ProcessId:UInt32"},

	{5, []uint16{1, 2, 3, 4}, 0, "TThreadId:UInt32 ProcessId:UInt32"},
	{5, []uint16{1, 2, 3, 4}, 1, thread + " StartAddr:Pointer Win32StartAddr:Pointer WaitMode:Int8"},
	{5, []uint16{1, 2, 3, 4}, 2, thread + " StartAddr:Pointer Win32StartAddr:Pointer TebBase:Pointer SubProcessTag:UInt32"},
	{5, []uint16{1, 2, 3, 4}, 3, thread + " Affinity:Pointer Win32StartAddr:Pointer TebBase:Pointer SubProcessTag:UInt32" +
		" BasePriority:UInt8 PagePriority:UInt8 IoPriority:UInt8 ThreadFlags:UInt8"},

	{0x14, []uint16{2, 3, 4, 10}, 0, "ImageBase:Pointer ImageSize:UInt32 FileName:UnicodeString"},
	{0x14, []uint16{2, 3, 4, 10}, 1, "ImageBase:Pointer ImageSize:Pointer ProcessId:UInt32 FileName:UnicodeString"},
	{0x14, []uint16{2, 3, 4, 10}, 2, "ImageBase:Pointer ImageSize:Pointer ProcessId:UInt32 ImageCheckSum:UInt32 TimeDateStamp:UInt32" +
		" Reserved0:UInt32 " + imageEnd},
	{0x14, []uint16{2, 3, 4, 10}, 3, "ImageBase:Pointer ImageSize:Pointer ProcessId:UInt32 ImageCheckSum:UInt32 TimeDateStamp:UInt32" +
		" SignatureLevel:UInt8 SignatureType:UInt8 Reserved0:UInt16 " + imageEnd},

	{0x0B, []uint16{15}, 2, services},
	{0x0B, []uint16{15}, 3, services + " LoadOrderGroup:UnicodeString SvchostGroup:UnicodeString"},
}

const (
	process      = "ProcessId:UInt32 ParentId:UInt32 SessionId:UInt32 ExitStatus:Int32"
	processNames = "ImageFileName:AnsiString CommandLine:UnicodeString"
	process4     = "UniqueProcessKey:Pointer " + process + " DirectoryTableBase:Pointer Flags:UInt32 UserSID:WbemSID " +
		processNames + " PackageFullName:UnicodeString ApplicationId:UnicodeString"
	thread = "ProcessId:UInt32 TThreadId:UInt32 StackBase:Pointer StackLimit:Pointer UserStackBase:Pointer UserStackLimit:Pointer"

	imageEnd = "DefaultBase:Pointer Reserved1:UInt32 Reserved2:UInt32 Reserved3:UInt32 Reserved4:UInt32 FileName:UnicodeString"
	services = "ProcessId:UInt32 ServiceState:UInt32 SubProcessTag:UInt32 ServiceName:UnicodeString DisplayName:UnicodeString ProcessName:UnicodeString"
)

// describe returns the layout that "Name:Type Name:Type" stands for.
func describe(s string) ([]schema.Field, error) {
	list, err := fields(strings.Fields(s))
	if err != nil {
		return nil, err
	}
	layout, err := typedLayout(list)
	return plainLayout(layout), err
}

// kernelLayout returns the layout of a kernel event, or nil.
func kernelLayout(hook, version uint16) []schema.Field {
	return kernelLayouts[[2]uint16{hook, version}]
}

// classLayout returns the layout of a kernel event that is recorded under its class, or nil.
func classLayout(class etl.GUID, opcode, version uint16) []schema.Field {
	for i, g := range groups {
		if g.class == class {
			return kernelLayout(uint16(i)<<8|opcode, version)
		}
	}
	return nil
}
