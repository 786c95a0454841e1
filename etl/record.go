package etl

import (
	"encoding/binary"
	"iter"
	"slices"

	"github.com/etwhy/etwhy/decode/cursor"
)

// A Kind tells the families of records apart.
type Kind uint8

const (
	KindOther   Kind = iota // a header this package does not know: opaque
	KindEvent               // EVENT_HEADER: manifest, TraceLogging and EventSource events
	KindClassic             // EVENT_TRACE_HEADER: MOF events, and metadata that the merge step adds
	KindKernel              // SYSTEM, COMPACT and PERFINFO headers: the kernel's own events
	KindMessage             // TRACE_MESSAGE: WPP
)

var kindNames = [...]string{"other", "event", "classic", "kernel", "message"}

// Kinds is the number of kinds, for arrays indexed by Kind.
const Kinds = len(kindNames)

// String returns the name that reports use: event, classic, kernel, message, other.
func (k Kind) String() string { return kindNames[k] }

// A HeaderType is the type byte of a record's marker (ETL-format: TRACE_HEADER_TYPE_*).
type HeaderType uint8

const (
	System32   HeaderType = 1
	System64   HeaderType = 2
	Compact32  HeaderType = 3
	Compact64  HeaderType = 4
	Full32     HeaderType = 10
	Instance32 HeaderType = 11
	Message    HeaderType = 15 // our name for TRACE_MESSAGE, whose type byte is 0
	PerfInfo32 HeaderType = 16
	PerfInfo64 HeaderType = 17
	Event32    HeaderType = 18
	Event64    HeaderType = 19
	Full64     HeaderType = 20
	Instance64 HeaderType = 21
)

// NoID is the process or thread id of a record that does not tell it.
const NoID = 0xFFFFFFFF

// A headerLayout says where a record header keeps what. Offsets are from the start of the record; 0 = not there.
type headerLayout struct {
	kind    Kind
	size    uint8 // bytes before the payload
	sizeAt  uint8 // the record's size, u16, is at 0 or 4
	time    uint8 // i64
	thread  uint8 // u32; the process id follows
	pointer uint8 // bytes
}

// headers is indexed by HeaderType. A zero entry is a header that is passed through as opaque.
var headers = [32]headerLayout{
	System32:   {KindKernel, 0x20, 4, 0x10, 0x08, 4},
	System64:   {KindKernel, 0x20, 4, 0x10, 0x08, 8},
	Compact32:  {KindKernel, 0x18, 4, 0x10, 0x08, 4},
	Compact64:  {KindKernel, 0x18, 4, 0x10, 0x08, 8},
	PerfInfo32: {KindKernel, 0x10, 4, 0x08, 0, 4},
	PerfInfo64: {KindKernel, 0x10, 4, 0x08, 0, 8},
	Full32:     {KindClassic, 0x30, 0, 0x10, 0x08, 4},
	Full64:     {KindClassic, 0x30, 0, 0x10, 0x08, 8},
	Instance32: {KindClassic, 0x48, 0, 0x10, 0x08, 4},
	Instance64: {KindClassic, 0x48, 0, 0x10, 0x08, 8},
	Event32:    {KindEvent, 0x50, 0, 0x10, 0x08, 4},
	Event64:    {KindEvent, 0x50, 0, 0x10, 0x08, 8},
	Message:    {KindMessage, messageHeaderBytes, 0, 0, 0, 0}, // see parseMessage
}

// A Position names a record within a log, to read it again with [Log.At].
type Position struct {
	Buffer int64  // file offset of the buffer's header
	Offset uint32 // of the record in the buffer, decompressed, its 72-byte header included
}

// A Record is one entry of a log. It aliases the reader's buffer: it is valid until the iteration
// takes the next step. Use [Record.Clone] to keep it.
type Record struct {
	data    []byte // the whole record, header first, without padding
	body    int    // start of the payload
	layout  *headerLayout
	typ     HeaderType
	pointer uint8
	cpu     uint16
	stamp   int64 // raw
	clock   *clock
	pos     Position
	msg     MessageHeader // of a KindMessage record
}

// Clone returns a copy that stays valid.
func (r *Record) Clone() *Record {
	c := *r
	c.data = slices.Clone(r.data)
	return &c
}

// Kind returns the family of the record's header.
func (r *Record) Kind() Kind { return r.layout.kind }

// Type returns the header type.
func (r *Record) Type() HeaderType { return r.typ }

// CPU returns the processor whose buffer held the record.
func (r *Record) CPU() int { return int(r.cpu) }

// PointerSize returns 4 or 8. It differs between the records of one log: a 64-bit system also
// logs the events of its 32-bit processes. Of a record that does not tell it is that of the system.
func (r *Record) PointerSize() int {
	if r.pointer == 0 {
		return int(r.clock.pointer)
	}
	return int(r.pointer)
}

// Time returns when the record was written, in UTC by the clock of the traced machine.
func (r *Record) Time() Time { return r.clock.time(r.stamp) }

// Timestamp returns the raw value of the session's clock.
func (r *Record) Timestamp() int64 { return r.stamp }

// Position returns where the record lies, for [Log.At].
func (r *Record) Position() Position { return r.pos }

// Bytes returns the whole record with its header. It aliases the buffer.
func (r *Record) Bytes() []byte { return r.data }

// Payload returns the bytes after the header and its extended items. It aliases the buffer.
func (r *Record) Payload() []byte { return r.data[r.body:] }

// PID returns the process id, or NoID.
func (r *Record) PID() uint32 {
	if at := int(r.layout.thread); at != 0 {
		return binary.LittleEndian.Uint32(r.data[at+4:])
	}
	if r.layout.kind == KindMessage {
		return r.msg.pid
	}
	return NoID
}

// TID returns the thread id, or NoID.
func (r *Record) TID() uint32 {
	if at := int(r.layout.thread); at != 0 {
		return binary.LittleEndian.Uint32(r.data[at:])
	}
	if r.layout.kind == KindMessage {
		return r.msg.tid
	}
	return NoID
}

// Provider returns what names the event's origin: the provider of a KindEvent record, the event class of a
// KindClassic one, the class of a KindKernel record's group, the message GUID of a KindMessage one (zero if it has none).
func (r *Record) Provider() GUID {
	switch r.layout.kind {
	case KindEvent, KindClassic:
		return GUID(r.data[0x18:0x28])
	case KindKernel:
		return groupClass(r.data[7])
	case KindMessage:
		return r.msg.GUID
	}
	return GUID{}
}

// ID returns the event id of a KindEvent record and the message number of a KindMessage one; else 0.
func (r *Record) ID() uint16 {
	switch r.layout.kind {
	case KindEvent:
		return binary.LittleEndian.Uint16(r.data[0x28:])
	case KindMessage:
		return r.msg.Number
	}
	return 0
}

// Version returns the event's version.
func (r *Record) Version() uint16 {
	switch r.layout.kind {
	case KindEvent:
		return uint16(r.data[0x2A])
	case KindClassic:
		return binary.LittleEndian.Uint16(r.data[6:])
	case KindKernel:
		return uint16(r.data[0])
	}
	return 0
}

// Channel returns the channel of a KindEvent record; else 0.
func (r *Record) Channel() uint8 { return r.eventByte(0x2B) }

// Level returns the level: 1 critical, 2 error, 3 warning, 4 information, 5 verbose, 0 always.
func (r *Record) Level() uint8 {
	if r.layout.kind == KindClassic {
		return r.data[5]
	}
	return r.eventByte(0x2C)
}

// Opcode returns the opcode ("type" in older texts).
func (r *Record) Opcode() uint8 {
	switch r.layout.kind {
	case KindClassic:
		return r.data[4]
	case KindKernel:
		return r.data[6]
	}
	return r.eventByte(0x2D)
}

// Group returns the group of a KindKernel record; else 0.
func (r *Record) Group() uint8 {
	if r.layout.kind == KindKernel {
		return r.data[7]
	}
	return 0
}

// Task returns the task of a KindEvent record; else 0.
func (r *Record) Task() uint16 {
	if r.layout.kind == KindEvent {
		return binary.LittleEndian.Uint16(r.data[0x2E:])
	}
	return 0
}

// Keyword returns the keyword mask of a KindEvent record; else 0.
func (r *Record) Keyword() uint64 {
	if r.layout.kind == KindEvent {
		return binary.LittleEndian.Uint64(r.data[0x30:])
	}
	return 0
}

// Property returns the EventProperty bits of a KindEvent record
// (1 XML, 2 forwarded XML, 4 legacy event log, 8 reloggable); else 0.
func (r *Record) Property() uint16 {
	if r.layout.kind == KindEvent {
		return binary.LittleEndian.Uint16(r.data[6:])
	}
	return 0
}

// StringOnly reports whether the payload of a KindEvent record is one NUL-terminated UTF-16 string.
func (r *Record) StringOnly() bool {
	return r.layout.kind == KindEvent && r.data[4]&flagStringOnly != 0
}

// Activity returns the activity id of a KindEvent record; else zero.
func (r *Record) Activity() GUID {
	if r.layout.kind == KindEvent {
		return GUID(r.data[0x40:0x50])
	}
	return GUID{}
}

// RelatedActivity returns the activity that this one belongs to or was started by, if the record tells it.
func (r *Record) RelatedActivity() (GUID, bool) {
	if d, ok := r.Extension(ExtRelatedActivity); ok && len(d) >= 16 {
		return GUID(d[:16]), true
	}
	return GUID{}, false
}

// Message returns the fields of a KindMessage record's header; else a zero value.
func (r *Record) Message() MessageHeader {
	if r.layout.kind == KindMessage {
		return r.msg
	}
	return MessageHeader{}
}

func (r *Record) eventByte(at int) uint8 {
	if r.layout.kind == KindEvent {
		return r.data[at]
	}
	return 0
}

// EVENT_HEADER.Flags as they occur on disk.
const (
	flagExtended   = 0x01
	flagStringOnly = 0x04
)

// An ExtensionType is the type of an extended data item (EVENT_HEADER_EXT_TYPE_*, evntcons.h).
type ExtensionType uint16

const (
	ExtRelatedActivity ExtensionType = 0x01 // GUID
	ExtSID             ExtensionType = 0x02
	ExtTerminalSession ExtensionType = 0x03 // u32
	ExtInstance        ExtensionType = 0x04
	ExtStack32         ExtensionType = 0x05 // u64 match id, u32 addresses
	ExtStack64         ExtensionType = 0x06 // u64 match id, u64 addresses
	ExtSchemaTL        ExtensionType = 0x0B // TraceLogging: the event's name and fields
	ExtProviderTraits  ExtensionType = 0x0C // provider name and traits
	ExtProcessStartKey ExtensionType = 0x0D // u64
	ExtContainerID     ExtensionType = 0x10
)

// maxExtensions bounds the chain of extended items of one record.
const maxExtensions = 64

// Extensions returns the extended data items of a KindEvent record. Their data aliases the buffer.
// The chain was checked when the record was read.
func (r *Record) Extensions() iter.Seq2[ExtensionType, []byte] {
	return func(yield func(ExtensionType, []byte) bool) {
		if r.layout.kind != KindEvent {
			return
		}
		chain := r.data[r.layout.size:r.body]
		for len(chain) >= 8 {
			size := int(binary.LittleEndian.Uint16(chain[6:]))
			step := align8(8 + size)
			if step > len(chain) {
				return
			}
			if !yield(ExtensionType(binary.LittleEndian.Uint16(chain[2:])), chain[8:8+size]) {
				return
			}
			chain = chain[step:]
		}
	}
}

// Extension returns the data of the first extended item of type t.
func (r *Record) Extension(t ExtensionType) ([]byte, bool) {
	for et, data := range r.Extensions() {
		if et == t {
			return data, true
		}
	}
	return nil, false
}

// A MessageHeader is the header of a WPP record (TRACE_MESSAGE; flags as in TraceMessage, evntrace.h).
type MessageHeader struct {
	Number      uint16 // of the message in its TMF file
	Flags       MessageFlags
	Sequence    uint32
	GUID        GUID   // names the TMF file
	ComponentID uint32 // instead of GUID
	pid, tid    uint32
}

// MessageFlags say which fields a WPP record has.
type MessageFlags uint16

const (
	MessageSequence    MessageFlags = 0x01
	MessageGUID        MessageFlags = 0x02
	MessageComponent   MessageFlags = 0x04
	MessageTime        MessageFlags = 0x08
	MessagePerfTime    MessageFlags = 0x10
	MessageSystemInfo  MessageFlags = 0x20
	MessagePointer32   MessageFlags = 0x40
	MessagePointer64   MessageFlags = 0x80
	messageHeaderBytes              = 8
)

// parse reads the record header at the start of b and sets everything but where the record lies.
// It returns the record's size, which may exceed len(b): then the record is not whole, and only what
// its header says is set. b holds at least min(size, maxRecordHeader) bytes of the record.
// bad tells what is wrong with the header; "" = nothing.
func (r *Record) parse(b []byte) (size int, bad string) {
	if len(b) < 8 {
		return 0, "no room for a record header"
	}
	marker := binary.LittleEndian.Uint32(b)
	r.layout, r.typ = &headers[0], HeaderType(marker>>16)
	r.data, r.body = nil, 0
	switch flags := marker >> 24; {
	case flags&0xC0 == 0xC0:
		if int(r.typ) < len(headers) {
			r.layout = &headers[r.typ]
		}
		size = int(uint16(marker))
		if r.layout.sizeAt == 4 {
			size = int(binary.LittleEndian.Uint16(b[4:]))
		}
	case flags == 0x90:
		return r.parseMessage(b, int(uint16(marker)))
	case flags&0x80 != 0: // 0xB0 and kin: never seen in a file
		size = int(uint16(marker))
	default: // a WNODE_HEADER, whose first field is its size
		if marker > 0xFFFF {
			return 0, "unknown record marker"
		}
		size = int(marker)
	}
	h := r.layout
	if size < int(h.size) { // an older, shorter form: opaque
		h = &headers[0]
		r.layout = h
	}
	if size < 8 {
		return 0, "record size below that of a header"
	}
	if len(b) < int(h.size) {
		return size, ""
	}
	r.pointer = h.pointer
	if h.time != 0 {
		r.stamp = int64(binary.LittleEndian.Uint64(b[h.time:]))
	}
	if size > len(b) {
		return size, ""
	}
	r.data = b[:size:size]
	r.body = int(h.size)
	switch h.kind {
	case KindEvent:
		if b[4]&flagExtended != 0 {
			bad = r.parseExtensions()
		}
	case KindKernel:
		// Words of performance counters may stand between header and payload.
		if words := counterWords(b); words > 0 {
			r.body = min(r.body+8*words, size)
		}
	}
	return size, bad
}

// maxRecordHeader is the size of the longest record header, extended items aside.
const maxRecordHeader = 0x50

// counterWords returns how many 64-bit words follow a kernel header: one for a PEBS index, then the PMC values.
func counterWords(b []byte) int {
	version := binary.LittleEndian.Uint16(b)
	return int(version>>15) + int(version>>8&7)
}

// parseExtensions finds the payload behind the chain of extended items.
func (r *Record) parseExtensions() (bad string) {
	at := int(r.layout.size)
	for n := 0; ; n++ {
		if n == maxExtensions {
			r.body = len(r.data)
			return badChain + "too many items"
		}
		if len(r.data)-at < 8 {
			r.body = len(r.data)
			return badChain + "it runs past the record"
		}
		item := r.data[at:]
		step := align8(8 + int(binary.LittleEndian.Uint16(item[6:])))
		if step > len(item) {
			r.body = len(r.data)
			return badChain + "an item runs past the record"
		}
		at += step
		r.body = at
		if int(binary.LittleEndian.Uint16(item)) != step {
			return badChain + "an item's two sizes differ"
		}
		if item[4]&1 == 0 {
			return ""
		}
	}
}

// badChain begins every complaint of parseExtensions, after which the record is still usable.
const badChain = "extended data: "

// parseMessage reads a TRACE_MESSAGE header: eight bytes, then the fields that its flags name.
func (r *Record) parseMessage(b []byte, size int) (int, string) {
	r.typ = Message
	r.layout = &headers[Message]
	r.pointer = 0
	if size < messageHeaderBytes {
		return 0, "record size below that of a header"
	}
	m := MessageHeader{
		Number: binary.LittleEndian.Uint16(b[4:]),
		Flags:  MessageFlags(binary.LittleEndian.Uint16(b[6:])),
		pid:    NoID, tid: NoID,
	}
	switch {
	case m.Flags&MessagePointer32 != 0:
		r.pointer = 4
	case m.Flags&MessagePointer64 != 0:
		r.pointer = 8
	}
	c := cursor.New("TRACE_MESSAGE", b[:min(size, len(b))], 0)
	c.Skip(messageHeaderBytes)
	if m.Flags&MessageSequence != 0 {
		m.Sequence = c.Uint32()
	}
	if m.Flags&MessageComponent != 0 {
		m.ComponentID = c.Uint32()
	} else if m.Flags&MessageGUID != 0 {
		m.GUID = c.GUID()
	}
	if m.Flags&(MessageTime|MessagePerfTime) != 0 {
		r.stamp = int64(c.Uint64())
	}
	if m.Flags&MessageSystemInfo != 0 {
		m.tid = c.Uint32()
		m.pid = c.Uint32()
	}
	r.msg = m
	if size > len(b) {
		return size, ""
	}
	if c.Err() != nil {
		return 0, "TRACE_MESSAGE header runs past its record"
	}
	r.data = b[:size:size]
	r.body = int(c.Offset())
	return size, ""
}

func align8(n int) int { return (n + 7) &^ 7 }

// SystemTrace is the provider of the kernel's own records (SystemTraceControlGuid).
var SystemTrace = MustParseGUID("9e814aad-3204-11d2-9a82-006008a86939")

// groupClasses holds the event class of each kernel group.
var groupClasses = [...]GUID{
	0x00: MustParseGUID("68fdd900-4a3e-11d1-84f4-0000f80464e3"), // EventTrace
	0x01: MustParseGUID("3d6fa8d4-fe05-11d0-9dda-00c04fd7ba7c"), // DiskIo
	0x02: MustParseGUID("3d6fa8d3-fe05-11d0-9dda-00c04fd7ba7c"), // PageFault
	0x03: MustParseGUID("3d6fa8d0-fe05-11d0-9dda-00c04fd7ba7c"), // Process
	0x04: MustParseGUID("90cbdc39-4a3e-11d1-84f4-0000f80464e3"), // FileIo
	0x05: MustParseGUID("3d6fa8d1-fe05-11d0-9dda-00c04fd7ba7c"), // Thread
	0x06: MustParseGUID("9a280ac0-c8e0-11d1-84e2-00c04fb998a2"), // TcpIp
	0x07: MustParseGUID("3282fc76-feed-498e-8aa7-e70f459d430e"), // Job
	0x08: MustParseGUID("bf3a50c5-a9c9-4988-a005-2df0b7c80f80"), // UdpIp
	0x09: MustParseGUID("ae53722e-c863-11d2-8659-00c04fa321a1"), // Registry
	0x0A: MustParseGUID("13976d09-a327-438c-950b-7f03192815c7"), // DbgPrint
	0x0B: MustParseGUID("01853a65-418f-4f36-aefc-dc0f1d2fd235"), // EventTraceConfig
	0x0C: MustParseGUID("99134383-5248-43fc-834b-529454e75df3"), // Spare1
	0x0D: MustParseGUID("42695762-ea50-497a-9068-5cbbb35e0b95"), // Wnf
	0x0E: MustParseGUID("0268a8b6-74fd-4302-9dd0-6e8f1795c0cf"), // Pool
	0x0F: MustParseGUID("ce1dbfb4-137e-4da6-87b0-3f59aa102cbc"), // PerfInfo
	0x10: MustParseGUID("222962ab-6180-4b88-a825-346b75f2a24a"), // Heap
	0x11: MustParseGUID("89497f50-effe-4440-8cf2-ce6b1cdcaca7"), // Object
	0x12: MustParseGUID("e43445e0-0903-48c3-b878-ff0fccebdd04"), // Power
	0x13: MustParseGUID("a9152f00-3f58-4bee-92a1-70c7d079d5dd"), // ModBound
	0x14: MustParseGUID("2cb15d1d-5fc1-11d2-abe1-00a0c911f518"), // Image
	0x15: MustParseGUID("b2d14872-7c5b-463d-8419-ee9bf7d23e04"), // Dpc
	0x16: MustParseGUID("7687a439-f752-45b8-b741-321aec0f8df9"), // Cc
	0x17: MustParseGUID("3ac66736-cc59-4cff-8115-8df50e39816b"), // CritSec
	0x18: MustParseGUID("def2fe46-7bd6-4b80-bd94-f57fe20d0ce3"), // StackWalk
	0x19: MustParseGUID("9aec974b-5b8e-4118-9b92-3186d8002ce5"), // Ums
	0x1A: MustParseGUID("45d8cccd-539f-4b72-a8b7-5c683142609a"), // ALPC
	0x1B: MustParseGUID("d837ca92-12b9-44a5-ad6a-3a65b3578aa8"), // SplitIo
	0x1C: MustParseGUID("c861d0e2-a2c1-4d36-9f9c-970bab943a12"), // ThreadPool
	0x1D: MustParseGUID("7f2a405c-69b5-4bf9-a1f5-30e8f1afab5e"), // Hypervisor
	0x1E: MustParseGUID("2ce9a149-effe-42f0-a635-a1d39e26c8f2"), // HypervisorX
}

// groupClass returns the event class of a kernel group, or zero for a group without a known one.
func groupClass(group uint8) GUID {
	if int(group) < len(groupClasses) {
		return groupClasses[group]
	}
	return GUID{}
}
