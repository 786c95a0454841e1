// Package schema describes the layout of event payloads: which fields an event has, of which
// types, in which order.
//
// The built-in tables ([Lookup]) cover the providers that tell the story of an HTTP request.
// Descriptions found in a file (embedded metadata, TraceLogging, EventSource manifests) use the
// same types, so that one walker decodes them all; they come before the built-in ones, which were
// made from manifests of some builds of Windows and are partly untested on real payloads.
//
// # Source texts
//
// The tables are kept as text in providers/*.txt, one provider a file, and packed by go
// generate. A line is empty, a comment that starts with #, or one of:
//
//	provider GUID NAME                          first of all
//	keyword  MASK NAME
//	task     NUMBER NAME
//	class    GUID NUMBER NAME                   a task whose events are classic ones
//	opcode   NUMBER NAME
//	map      NAME values|bits: NUMBER=TEXT; ...
//	ID vVERSION LLEVEL TASK[/OPCODE] ["SYMBOL"] [kw=KEYWORD|...] [op=OPCODE] [builds=FROM-TO] :[ FIELD; ...]
//
// A mask or number that is not known is written ?. An event has the task - if its task has no
// name; for a classic event, ID is the opcode. A symbol is written where task and opcode do not
// make one. kw also takes numbers, for bits without a name; op is for opcodes without one. builds
// tells apart layouts that share id and version, and is inclusive; a layout is taken to last until
// the first build known to have the next one. A field is
//
//	NAME:IN[:OUT][[LENGTH]][*COUNT][=MAP][ secret]
//
// where IN and OUT are constants of this package (OUT without its prefix), and LENGTH and COUNT a
// number or an earlier field. So a line, here cut at the right, looks like
//
//	200 v1 L4 ConnectionSocketConnect/Start kw=Keyword.L3_CONNECT : Connection:Pointer; ...
package schema

import "github.com/etwhy/etwhy/etl"

// An InType says how a value lies in the payload. The numbers are those of _TDH_IN_TYPE
// (Windows SDK, tdh.h); Struct is our own.
type InType uint16

const (
	Null               InType = 0
	UnicodeString      InType = 1
	AnsiString         InType = 2
	Int8               InType = 3
	UInt8              InType = 4
	Int16              InType = 5
	UInt16             InType = 6
	Int32              InType = 7
	UInt32             InType = 8
	Int64              InType = 9
	UInt64             InType = 10
	Float              InType = 11
	Double             InType = 12
	Boolean            InType = 13 // 4 bytes
	Binary             InType = 14
	GUID               InType = 15
	Pointer            InType = 16
	FileTime           InType = 17
	SystemTime         InType = 18
	SID                InType = 19
	HexInt32           InType = 20
	HexInt64           InType = 21
	CountedString      InType = 22 // u16 byte count, UTF-16
	CountedAnsiString  InType = 23 // u16 byte count, bytes
	Struct             InType = 24
	CountedBinary      InType = 25 // u16 byte count, bytes
	MOFCountedString   InType = 300
	MOFCountedAnsi     InType = 301
	ReversedString     InType = 302 // big-endian u16 byte count, UTF-16
	ReversedAnsi       InType = 303
	UnterminatedString InType = 304 // UTF-16 to the end
	UnterminatedAnsi   InType = 305
	UnicodeChar        InType = 306
	AnsiChar           InType = 307
	SizeT              InType = 308
	HexDump            InType = 309 // u32 byte count, bytes
	WbemSID            InType = 310 // TOKEN_USER, then a SID
)

// An OutType says how a value is meant to be shown. The numbers are those of _TDH_OUT_TYPE.
type OutType uint16

const (
	OutDefault       OutType = 0
	OutString        OutType = 1
	OutDateTime      OutType = 2
	OutByte          OutType = 3
	OutUByte         OutType = 4
	OutShort         OutType = 5
	OutUShort        OutType = 6
	OutInt           OutType = 7
	OutUInt          OutType = 8
	OutLong          OutType = 9
	OutULong         OutType = 10
	OutFloat         OutType = 11
	OutDouble        OutType = 12
	OutBoolean       OutType = 13
	OutGUID          OutType = 14
	OutHexBinary     OutType = 15
	OutHex8          OutType = 16
	OutHex16         OutType = 17
	OutHex32         OutType = 18
	OutHex64         OutType = 19
	OutPID           OutType = 20
	OutTID           OutType = 21
	OutPort          OutType = 22 // network byte order
	OutIPv4          OutType = 23
	OutIPv6          OutType = 24
	OutSocketAddress OutType = 25
	OutCIMDateTime   OutType = 26
	OutETWTime       OutType = 27
	OutXML           OutType = 28
	OutErrorCode     OutType = 29
	OutWin32Error    OutType = 30
	OutNTStatus      OutType = 31
	OutHResult       OutType = 32
	OutDateTimeCI    OutType = 33
	OutJSON          OutType = 34
	OutUTF8          OutType = 35
	OutPKCS7         OutType = 36
	OutCodePointer   OutType = 37
	OutDateTimeUTC   OutType = 38
	OutIPAddress     OutType = 290 // our own: an address of 4 or 16 bytes, told by its length
	OutReducedString OutType = 300
	OutNoPrint       OutType = 301
)

// A Size is a number of elements, characters or bytes that a description gives.
type Size struct {
	Kind SizeKind
	N    uint16 // the number (Fixed) or the index of an earlier field of the same level (ByField)
}

// A SizeKind says where a Size comes from.
type SizeKind uint8

const (
	Unset    SizeKind = iota // a scalar; a string that ends with NUL; a blob that runs to the end
	Fixed                    // Size.N
	ByField                  // the value of field Size.N
	Prefixed                 // a u16 in the payload, just before the data
)

// A Field is one value, array or struct of a payload.
type Field struct {
	Name   string
	In     InType
	Out    OutType
	Length Size // characters of a UnicodeString, bytes of an AnsiString or Binary
	Count  Size // elements, when Kind is not Unset
	Map    *Map
	Fields []Field // members, if In is Struct; none if they are not known: nothing after can be told
	Secret bool    // the value is a credential: keep it out of every output
}

// A Map gives names to numbers.
type Map struct {
	Name    string
	Bits    bool // entries are flags, to be joined
	Entries []MapEntry
}

// A MapEntry is one name of a Map. Text keeps the trailing space that Windows' resources have.
type MapEntry struct {
	Value uint64
	Text  string
}

// An Event describes one event: provider, id and version for manifest events, class GUID, opcode
// and version for classic ones.
type Event struct {
	ID       uint16
	Version  uint8
	Level    uint8
	Opcode   uint8
	Task     uint16
	Class    etl.GUID // of a classic event (MOF class, or task GUID); zero for others
	Keywords uint64

	Symbol     string // a name for the event; made up of task and opcode where the provider has none, maybe ""
	TaskName   string
	OpcodeName string
	Message    string // the provider's text with %1..%n, where the file carries it; else ""

	MinBuild, MaxBuild uint32 // Windows builds that have this layout, if it changed within a version; 0 = no bound
	Fields             []Field
}

// A Provider is what is known about one event provider.
type Provider struct {
	GUID     etl.GUID
	Name     string
	Events   []Event // sorted by [Compare]
	Keywords []Keyword
}

// A Keyword is a named bit of an event's keyword mask. Mask is 0 if it is not known.
type Keyword struct {
	Name string
	Mask uint64
}
