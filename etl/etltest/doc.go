// Package etltest writes event trace logs (.etl) from readable text, for tests and for the demo.
//
// It has layout code of its own and shares none with package etl: an offset that one of them gets
// wrong does not agree with the other.
//
//	# One request that nobody answers.
//	log start=2026-03-02T12:31:52.9Z cpus=2 name=net
//	process 1432 w3wp.exe parent=800 cmdline='c:\windows\system32\inetsrv\w3wp.exe -ap "ARRPool"'
//	+0.0001 cpu0 1432:2280 WebIO/17  act=0x20/0x1000 Request=0x1000 RequestHandle=0x20 Method=GET
//	                                 URI=http://192.168.0.216/time/
//	+0.0002 WebIO/200  act=0x20/0x1000 Connection=0x3000 SocketHandle=0x88 Address=192.168.0.216:80
//	+0.0012 WebIO/201  act=0x20/0x1000 Connection=0x3000 SocketHandle=0x88
//	+29.9   cpu1 1432:2284 WebIO/134 act=0x20/0x1000 Request=0x1000 Error=1460
//
// # Lines
//
// A line is words between blanks. A line that begins with a blank continues the one before. "#" at
// the start of a word begins a comment. A value with blanks is quoted: '...' takes everything as it
// stands, so that paths need no escapes; "..." knows the escapes of Go strings. Brackets keep their
// contents together.
//
//	log KEY=VALUE ...                       options of the log; before the first event
//	provider NAME [{GUID}]                  a name for other lines; without GUID, the one that
//	                                        EventSource and TraceLogging derive from the name
//	[TIME] [cpuN] [PID:TID] EVENT ...       an event
//
// TIME is an offset from the start of the log in seconds (+29.9) or a moment
// (2026-03-02T12:32:22.8Z). What an event leaves out is as in the event before. The log has the
// events in the order of their times, whatever their order in the text.
//
// # Log options
//
//	start= end=         times of the header; end is the last event's if not given
//	clock=              qpc (default), system, cycles, unset;  freq= ticks per second, mhz=, uptime= seconds
//	cpus= bits= build=  of the machine; bits=32 changes all records
//	bias= zone=         minutes from local time to UTC; name of the time zone
//	buffer=             bytes of a buffer, 65536
//	compress=           none (default), xpress, lznt1, xpresshuff
//	lost= bufferslost=  losses that the header reports
//	open=true           a log that was never closed
//	mode= name= file=   LogFileMode, LoggerName, LogFileName
//	sequence=           number of the first buffer after the header buffer
//
// # Events
//
//	Provider/ID[vVERSION] ...              manifest event
//	tlg PROVIDER EVENT ...                 TraceLogging event; guid= tag= group=
//	kernel|perfinfo|compact GROUP/OPCODE[vVERSION] ...   kernel event; pebs= pmc=1,2
//	process PID IMAGE ...                  kernel process event, rundown if event= does not say start or
//	                                       end; version= parent= session= cmdline= sid= package= app= ...
//	classic CLASS/OPCODE[vVERSION] ...     event with a class GUID
//	instance CLASS/OPCODE[vVERSION] ...    the same with instance= parent= parentclass=
//	message {GUID}/NUMBER ...              WPP; flags=0xAA sequence= component=
//	record TYPE [flags=0xC0] raw=...       any other record
//	header [uptime=+60]                    a further log header; its clock starts anew
//	embed Provider/ID[vVERSION] ...        metadata of an event, from its schema or from fields with
//	                                       types; class= for a classic one; message= taskname= opcodename=
//	map Provider/NAME 1=One 2=Two          metadata of a map; flags=2 for bits
//	manifest SOURCE Name/ID="A:Int32 ..."  manifest of an EventSource, made from fields or given as XML
//	                                       (manifest SOURCE <<END, lines, END); guid= chunk=BYTES skip=1,2
//
// A provider is a full name, one without "Microsoft-Windows-", a short one (WebIO, WinHttp, TCPIP,
// HttpService, AFD, DNS, GAI, Schannel, KernelProcess ...), one that a provider line gives, or a
// GUID. The version is the lowest that the schema has if none is given.
//
// Header values come with lower-case names. All kinds with a payload have raw= (the whole payload),
// extra= (bytes after the fields) and cut= (payload bytes to keep). Events, plain and TraceLogging:
//
//	act= activity=      HANDLE/REQUEST as WebIO makes its activity ids (see [Activity]), or a GUID
//	related=            the same, as an extended item
//	level= opcode= task= keyword= channel= property=    of the descriptor; defaults from the schema
//	sid= session= stack=0x1,0x2 ext=TYPE:BYTES          further extended items
//	bits=32             a record of a 32-bit process
//
// # Fields
//
// Fields are Name=value with the names of the schema (package decode/schema); what is not given is
// zero or empty. Lengths and counts of other fields follow from these if they are not given; if
// given they are written as they stand, right or wrong. Where there is no schema, or instead of it,
// all fields have types:
//
//	Name:Type/Out(length)[count]<map>#tag=value
//
// with the types of package schema. length and count are numbers, the names of earlier fields or
// nothing (a count before the data). Out, map and tag matter in metadata only. Values:
//
//	numbers     12, -1, 0x1f; true, false; names of the field's map, joined by | if it has bits
//	addresses   192.168.0.216:80 and [::1]:80 for socket addresses, 192.168.0.216, ::1
//	bytes       hexadecimal digits, or text:... wide:... u8:... u16:... u32:... u64:... ip:... sock:...
//	times       2026-03-02T12:31:52Z; for FILETIME also a number
//	others      S-1-5-18, {GUID} with or without braces
//	arrays      [1,2,3]
//	structs     {A=1 B=2}; members of a struct with a type have types: {A:UInt32=1 B:GUID}
//
// # Damage
//
// Parse, then change the [Trace]; or change the bytes: [Buffers], [Join], [SetField] and [Mutate].
// [Bomb], [ExtendedItems] and [DeepStructs] are logs that nobody would write by accident. [Generate]
// writes large logs fast.
package etltest
