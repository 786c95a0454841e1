package decode

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// The classes of classic events that have layouts here. The kernel's own records carry a group
// instead of a GUID; [etl.Record.Provider] returns the class of the group.
var (
	eventTraceClass   = etl.MustParseGUID("68fdd900-4a3e-11d1-84f4-0000f80464e3")
	processClass      = etl.MustParseGUID("3d6fa8d0-fe05-11d0-9dda-00c04fd7ba7c")
	threadClass       = etl.MustParseGUID("3d6fa8d1-fe05-11d0-9dda-00c04fd7ba7c")
	imageClass        = etl.MustParseGUID("2cb15d1d-5fc1-11d2-abe1-00a0c911f518")
	fileIoClass       = etl.MustParseGUID("90cbdc39-4a3e-11d1-84f4-0000f80464e3")
	tcpIPClass        = etl.MustParseGUID("9a280ac0-c8e0-11d1-84e2-00c04fb998a2")
	udpIPClass        = etl.MustParseGUID("bf3a50c5-a9c9-4988-a005-2df0b7c80f80")
	systemConfigClass = etl.MustParseGUID("01853a65-418f-4f36-aefc-dc0f1d2fd235")
	perfInfoClass     = etl.MustParseGUID("ce1dbfb4-137e-4da6-87b0-3f59aa102cbc")
	stackWalkClass    = etl.MustParseGUID("def2fe46-7bd6-4b80-bd94-f57fe20d0ce3")

	// Records that the merge step adds.
	imageIDClass        = etl.MustParseGUID("b3e675d7-2554-4f18-830b-2762732560de")
	systemConfigExClass = etl.MustParseGUID("9b79ee91-b5fd-41c0-a243-4248e266e9d0")
)

// A mofLayout is one line of mofTable.
type mofLayout struct {
	class   etl.GUID
	task    string
	opcodes string // number and name of each event that has these fields
	version uint8  // the first version that has them
	fields  string // NAME:TYPE[*COUNT][/OUT]; TYPE and OUT as in mofTypes and mofOuts
}

const (
	processHead = "ProcessId:u32/pid ParentId:u32/pid SessionId:u32 ExitStatus:i32"
	process4    = "UniqueProcessKey:ptr " + processHead + " DirectoryTableBase:ptr Flags:x32 UserSID:sid ImageFileName:asz " +
		"CommandLine:wsz PackageFullName:wsz ApplicationId:wsz"

	processEvents = "1 Start, 2 End, 3 DCStart, 4 DCEnd, 39 Defunct"

	threadStacks = "ProcessId:u32/pid TThreadId:u32/tid StackBase:ptr StackLimit:ptr UserStackBase:ptr UserStackLimit:ptr"
	threadEvents = "1 Start, 2 End, 3 DCStart, 4 DCEnd"

	imageHead = "ImageBase:ptr ImageSize:size ProcessId:u32/pid ImageChecksum:u32 TimeDateStamp:u32"
	imageTail = "DefaultBase:ptr Reserved1:u32 Reserved2:u32 Reserved3:u32 Reserved4:u32 FileName:wsz"

	imageEvents = "10 Load, 2 UnLoad, 3 DCStart, 4 DCEnd"

	ports     = " dport:u16/port sport:u16/port"
	tcpEnds4  = "PID:u32/pid size:u32 daddr:u32/ip4 saddr:u32/ip4" + ports
	tcpEnds6  = "PID:u32/pid size:u32 daddr:bin*16/ip6 saddr:bin*16/ip6" + ports
	tcpTimes  = " startime:u32 endtime:u32 seqnum:u32 connid:ptr"
	tcpSeq    = " seqnum:u32 connid:ptr"
	tcpAccept = " mss:u16 sackopt:u16 tsopt:u16 wsopt:u16 rcvwin:u32 rcvwinscale:i16 sndwinscale:i16 seqnum:u32 connid:ptr"

	pdb = "ImageBase:ptr ProcessId:u32/pid GuidSig:guid Age:u32 PdbFileName:asz"
)

// mofTable holds the layouts of classic events, from the MOF class descriptions of the Windows SDK
// (Process_V2_TypeGroup1 and its like) as real logs have them.
var mofTable = []mofLayout{
	{eventTraceClass, "EventTrace", "0 Header", 0, "BufferSize:u32 MajorVersion:u8 MinorVersion:u8 SubVersion:u8 SubMinorVersion:u8 " +
		"ProviderVersion:u32 NumberOfProcessors:u32 EndTime:time TimerResolution:u32 MaxFileSize:u32 LogFileMode:x32 BuffersWritten:u32 " +
		"StartBuffers:u32 PointerSize:u32 EventsLost:u32 CPUSpeed:u32 LoggerName:ptr LogFileName:ptr TimeZoneInformation:bin*176 " +
		"BootTime:time PerfFreq:i64 StartTime:time ReservedFlags:u32 BuffersLost:u32 SessionNameString:wsz LogFileNameString:wsz"},
	{eventTraceClass, "EventTrace", "5 Extension, 32 EndExtension", 0, "GroupMask:x32*8 KernelEventVersion:u32"},
	{eventTraceClass, "EventTrace", "8 RDComplete", 0, ""},
	{eventTraceClass, "EventTrace", "64 DbgIdRSDS", 0, "GuidSig:guid Age:u32 PdbFileName:asz"},
	{eventTraceClass, "EventTrace", "66 BuildLab", 0, "BuildLab:asz"},
	{eventTraceClass, "EventTrace", "67 ProviderBinaryPath", 0, "GuidCount:u32 Guid:guid*GuidCount BinaryPath:wsz"},
	{eventTraceClass, "EventTrace", "80 PartitionInfoExtensionV2", 0,
		"EventVersion:u16 Reserved:u16 PartitionType:u32 QpcOffsetFromRoot:i64 PartitionId:guid ParentId:guid"},

	{processClass, "Process", processEvents, 0, "ProcessId:ptr ParentId:ptr UserSID:sid ImageFileName:asz"},
	{processClass, "Process", processEvents, 1, "PageDirectoryBase:ptr " + processHead + " UserSID:sid ImageFileName:asz"},
	{processClass, "Process", processEvents, 2, "UniqueProcessKey:ptr " + processHead + " UserSID:sid ImageFileName:asz CommandLine:wsz"},
	{processClass, "Process", processEvents, 3, "UniqueProcessKey:ptr " + processHead + " DirectoryTableBase:ptr UserSID:sid ImageFileName:asz CommandLine:wsz"},
	{processClass, "Process", processEvents, 4, process4},
	{processClass, "Process", "39 Defunct", 5, process4 + " ExitTime:time"},
	{processClass, "Process", "11 Terminate", 0, "ProcessId:u32/pid"},
	{processClass, "Process", "32 PerfCtr, 33 PerfCtrRundown", 2, "ProcessId:u32/pid PageFaultCount:u32 HandleCount:u32 Reserved:u32 " +
		"PeakVirtualSize:size PeakWorkingSetSize:size PeakPagefileUsage:size QuotaPeakPagedPoolUsage:size QuotaPeakNonPagedPoolUsage:size " +
		"VirtualSize:size WorkingSetSize:size PagefileUsage:size QuotaPagedPoolUsage:size QuotaNonPagedPoolUsage:size PrivatePageCount:size"},

	{threadClass, "Thread", threadEvents, 0, "TThreadId:u32/tid ProcessId:u32/pid"},
	{threadClass, "Thread", "1 Start, 3 DCStart", 1, threadStacks + " StartAddr:ptr Win32StartAddr:ptr WaitMode:i8"},
	{threadClass, "Thread", "2 End, 4 DCEnd", 1, "ProcessId:u32/pid TThreadId:u32/tid"},
	{threadClass, "Thread", threadEvents, 2, threadStacks + " StartAddr:ptr Win32StartAddr:ptr TebBase:ptr SubProcessTag:u32"},
	// The name came with a later Windows, without a new version.
	{threadClass, "Thread", threadEvents, 3, threadStacks + " Affinity:ptr Win32StartAddr:ptr TebBase:ptr SubProcessTag:u32 " +
		"BasePriority:u8 PagePriority:u8 IoPriority:u8 ThreadFlags:u8 ThreadName:wsz"},
	{threadClass, "Thread", "36 CSwitch", 2, "NewThreadId:u32/tid OldThreadId:u32/tid NewThreadPriority:i8 OldThreadPriority:i8 PreviousCState:u8 " +
		"SpareByte:i8 OldThreadWaitReason:i8 OldThreadWaitMode:i8 OldThreadState:i8 OldThreadWaitIdealProcessor:i8 NewThreadWaitTime:u32 Reserved:u32"},
	{threadClass, "Thread", "72 SetName", 0, "ProcessId:u32/pid ThreadId:u32/tid ThreadName:wsz"},

	{imageClass, "Image", imageEvents, 0, "BaseAddress:ptr ModuleSize:u32 ImageFileName:wsz"},
	{imageClass, "Image", imageEvents, 1, "ImageBase:ptr ImageSize:size ProcessId:u32/pid FileName:wsz"},
	{imageClass, "Image", imageEvents, 2, imageHead + " Reserved0:u32 " + imageTail},
	{imageClass, "Image", imageEvents, 3, imageHead + " SignatureLevel:u8 SignatureType:u8 Reserved0:u16 " + imageTail},
	{imageClass, "Image", "33 KernelBase, 34 HypercallPage", 0, "Address:ptr"},
	// The kernel logs a load in the process group.
	{processClass, "Image", "10 Load", 1, "ImageBase:ptr ImageSize:size ProcessId:u32/pid FileName:wsz"},
	{processClass, "Image", "10 Load", 2, imageHead + " Reserved0:u32 " + imageTail},
	{processClass, "Image", "10 Load", 3, imageHead + " SignatureLevel:u8 SignatureType:u8 Reserved0:u16 " + imageTail},

	{systemConfigClass, "SystemConfig", "15 Services", 0, "ProcessId:u32/pid ServiceState:u32 SubProcessTag:u32 ServiceName:wsz DisplayName:wsz ProcessName:wsz"},
	{systemConfigClass, "SystemConfig", "15 Services", 3, "ProcessId:u32/pid ServiceState:u32 SubProcessTag:u32 ServiceName:wsz DisplayName:wsz ProcessName:wsz " +
		"LoadOrderGroup:wsz SvchostGroup:wsz"},

	{fileIoClass, "FileIo", "0 Name, 32 FileCreate, 35 FileDelete, 36 FileRundown", 0, "FileObject:ptr FileName:wsz"},

	{tcpIPClass, "TcpIp", "10 SendIPV4", 2, tcpEnds4 + tcpTimes},
	{tcpIPClass, "TcpIp", "26 SendIPV6", 2, tcpEnds6 + tcpTimes},
	{tcpIPClass, "TcpIp", "11 RecvIPV4, 13 DisconnectIPV4, 14 RetransmitIPV4, 16 ReconnectIPV4, 18 TCPCopyIPV4", 2, tcpEnds4 + tcpSeq},
	{tcpIPClass, "TcpIp", "27 RecvIPV6, 29 DisconnectIPV6, 30 RetransmitIPV6, 32 ReconnectIPV6, 34 TCPCopyIPV6", 2, tcpEnds6 + tcpSeq},
	{tcpIPClass, "TcpIp", "12 ConnectIPV4, 15 AcceptIPV4", 2, tcpEnds4 + tcpAccept},
	{tcpIPClass, "TcpIp", "28 ConnectIPV6, 31 AcceptIPV6", 2, tcpEnds6 + tcpAccept},
	{tcpIPClass, "TcpIp", "17 Fail", 2, "Proto:u16 FailureCode:u16"},
	{udpIPClass, "UdpIp", "10 SendIPV4, 11 RecvIPV4", 2, tcpEnds4 + tcpSeq},
	{udpIPClass, "UdpIp", "26 SendIPV6, 27 RecvIPV6", 2, tcpEnds6 + tcpSeq},
	{udpIPClass, "UdpIp", "17 Fail", 2, "Proto:u16 FailureCode:u16"},

	{perfInfoClass, "PerfInfo", "34 Mark", 0, "Message:asz"},
	{perfInfoClass, "PerfInfo", "46 SampleProf", 2, "InstructionPointer:ptr ThreadId:u32/tid Count:u32"},

	{stackWalkClass, "StackWalk", "32 Stack", 0, "EventTimeStamp:u64 StackProcess:u32/pid StackThread:u32/tid Stack:bin"},
	{stackWalkClass, "StackWalk", "35 KeyCreate, 36 KeyRundown", 0, "StackKey:ptr Stack:bin"},
	{stackWalkClass, "StackWalk", "37 KernelKey, 38 UserKey", 0, "EventTimeStamp:u64 StackProcess:u32/pid StackThread:u32/tid StackKey:ptr"},

	{imageIDClass, "ImageId", "0 Info", 0, "ImageBase:ptr ImageSize:size ProcessId:u32/pid TimeDateStamp:u32 OriginalFileName:wsz"},
	{imageIDClass, "ImageId", "32 DbgIdNone, 40 DbgIdDeterm", 0, "ImageBase:ptr ProcessId:u32/pid"},
	{imageIDClass, "ImageId", "36 DbgIdRSDS, 37 DbgIdILRSDS", 0, pdb},
	{imageIDClass, "ImageId", "64 FileVersion", 0, "ImageSize:u32 TimeDateStamp:u32 OrigFileName:wsz FileDescription:wsz FileVersion:wsz BinFileVersion:wsz " +
		"VerLanguage:wsz ProductName:wsz CompanyName:wsz ProductVersion:wsz FileId:wsz ProgramId:wsz"},

	{systemConfigExClass, "SystemConfigEx", "32 BuildInfo", 0, "InstallDate:time BuildLab:wsz ProductName:wsz"},
	{systemConfigExClass, "SystemConfigEx", "33 SystemPaths", 0, "SystemDirectory:wsz SystemWindowsDirectory:wsz"},
	{systemConfigExClass, "SystemConfigEx", "34 Volume", 0, "NtPath:wsz"},
	{systemConfigExClass, "SystemConfigEx", "35 VolumeMapping", 0, "NtPath:wsz DosPath:wsz"},
}

var mofTypes = map[string]schema.InType{
	"i8": schema.Int8, "u8": schema.UInt8, "i16": schema.Int16, "u16": schema.UInt16, "i32": schema.Int32, "u32": schema.UInt32,
	"i64": schema.Int64, "u64": schema.UInt64, "x32": schema.HexInt32, "ptr": schema.Pointer, "size": schema.SizeT,
	"guid": schema.GUID, "time": schema.FileTime, "sid": schema.WbemSID,
	"asz": schema.AnsiString, "wsz": schema.UnicodeString, "bin": schema.Binary,
}

var mofOuts = map[string]schema.OutType{
	"": schema.OutDefault, "pid": schema.OutPID, "tid": schema.OutTID, "port": schema.OutPort, "ip4": schema.OutIPv4, "ip6": schema.OutIPv6,
}

// mofEvents holds the layouts of mofTable, unpacked.
var mofEvents = sync.OnceValue(func() *schema.Provider {
	p := &schema.Provider{GUID: etl.SystemTrace, Name: schema.Name(etl.SystemTrace)}
	for _, layout := range mofTable {
		fields := mofFields(layout.fields)
		for _, s := range strings.Split(layout.opcodes, ", ") {
			number, name, _ := strings.Cut(s, " ")
			opcode, _ := strconv.ParseUint(number, 10, 8)
			p.Events = append(p.Events, schema.Event{
				Class: layout.class, Opcode: uint8(opcode), Version: layout.version,
				Symbol: layout.task + name, TaskName: layout.task, OpcodeName: name,
				Fields: fields,
			})
		}
	}
	slices.SortFunc(p.Events, schema.Compare)
	return p
})

// mofFields reads the field list of a line of mofTable.
func mofFields(list string) []schema.Field {
	var fields []schema.Field
	for _, s := range strings.Fields(list) {
		name, typ, _ := strings.Cut(s, ":")
		typ, out, _ := strings.Cut(typ, "/")
		typ, count, _ := strings.Cut(typ, "*")
		f := schema.Field{Name: name, In: mofTypes[typ], Out: mofOuts[out]}
		if count != "" {
			size := schema.Size{Kind: schema.Fixed}
			if n, err := strconv.ParseUint(count, 10, 16); err == nil {
				size.N = uint16(n)
			} else {
				at := slices.IndexFunc(fields, func(f schema.Field) bool { return f.Name == count })
				size = schema.Size{Kind: schema.ByField, N: uint16(at)}
			}
			if f.In == schema.Binary {
				f.Length = size
			} else {
				f.Count = size
			}
		}
		fields = append(fields, f)
	}
	return fields
}

// mofEvent returns the layout of a classic event: that of the version or, if the event is newer
// than the table, the newest, whose fields are then the first of the payload. It returns nil for an
// event without a layout.
func mofEvent(class etl.GUID, opcode, version uint8) *schema.Event {
	ev, _ := mofEvents().FindClassic(class, opcode, version)
	return ev
}

// sidBytes returns the length of the SID at the start of b, or 0 if there is none. A SID is
// u8 revision (1), u8 number of sub-authorities (up to 15), 6-byte big-endian authority, u32 for each.
func sidBytes(b []byte) int {
	// No authority in use is above 0xFFFF: text, which may lie where a SID is looked for, fails this.
	if len(b) < 8 || b[0] != 1 || b[1] > 15 || b[2]|b[3]|b[4]|b[5] != 0 {
		return 0
	}
	if n := 8 + 4*int(b[1]); n <= len(b) {
		return n
	}
	return 0
}

// wbemSID measures a WbemSID at the start of b: skip bytes of header, then size bytes of SID.
//
//	TOKEN_USER (2 pointers)  SID      user known
//	u32 0                             no user: the field ends here
//
// The TOKEN_USER is not looked at where a SID follows it: its pointer, dead on disk, may well be
// zero. ok is false if neither form is there.
func wbemSID(b []byte, pointer int) (skip, size int, ok bool) {
	if user := 2 * pointer; len(b) > user {
		if n := sidBytes(b[user:]); n != 0 {
			return user, n, true
		}
	}
	if len(b) >= 4 && b[0]|b[1]|b[2]|b[3] == 0 {
		return 4, 0, true
	}
	return 0, 0, false
}

// Classic returns what this program has of the fields of a classic event, also of the kernel's own, which go by the class
// of their group; nil if it has nothing. Of a version that is not known it is the one before. The event is shared: do not modify it.
func Classic(class etl.GUID, opcode, version uint8) *schema.Event {
	if p := schema.LookupClass(class); p != nil {
		if ev, _ := p.FindClassic(class, opcode, version); ev != nil {
			return ev
		}
	}
	return mofEvent(class, opcode, version)
}
