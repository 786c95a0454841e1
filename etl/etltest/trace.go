package etltest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/etwhy/etwhy/etl"
)

// A Trace is a log to be written: its header and its events.
type Trace struct {
	Log       Log
	Providers []Provider // names beyond those that package schema knows
	Events    []Event    // in any order; the log has them by time, equal times as they stand here
}

// A Provider names a GUID in the text form and inside embedded metadata.
type Provider struct {
	Name string
	GUID etl.GUID
}

// Log holds what the header of a log says. The zero value of a field means its default.
type Log struct {
	Start       time.Time     // StartTime; default 2026-03-02T12:31:52.9Z
	End         time.Time     // EndTime; default the time of the last event
	Clock       Clock         // unit of all timestamps
	Freq        int64         // PerfFreq: ticks per second of [QPC]; default 10,000,000
	MHz         uint32        // CpuSpeedInMHz, for [Cycles]; default 2594
	CPUs        int           // NumberOfProcessors; default the highest CPU of an event plus 1
	BufferSize  int           // bytes; default 65536
	Bits        int           // 64 or 32: PointerSize and default of all records; default 64
	Build       uint32        // of Windows; default 20348
	Bias        int32         // minutes; UTC = local time + Bias
	TimeZone    string        // StandardName; default "@tzres.dll,-932"
	Compress    Compression   // of all buffers but the first
	EventsLost  uint32        // by count of the session
	BuffersLost uint32        // by count of the session
	Mode        uint32        // LogFileMode; default 1, sequential. The bit for compression is added
	Name        string        // LoggerName; default "etltest"
	File        string        // LogFileName; default "C:\net.etl"
	Open        bool          // never closed: EndTime and BuffersWritten are 0
	Sequence    int64         // sequence number of the first buffer after the header buffer; default 1
	Uptime      time.Duration // of the machine at Start: where QPC and Cycles stand; default one day
}

var defaultStart = time.Date(2026, 3, 2, 12, 31, 52, 900_000_000, time.UTC)

// A Clock is the unit of timestamps (ReservedFlags of the log header).
type Clock int

// The clocks of a log. The zero value is the usual one.
const (
	QPC        Clock = iota // ticks of the performance counter, type 1
	SystemTime              // 100 ns since 1601, type 2
	Cycles                  // of the processor, type 3
	Unset                   // type 0, as in very old logs; ticks as with QPC
)

var (
	clockWords   = []string{QPC: "qpc", SystemTime: "system", Cycles: "cycles", Unset: "unset"}
	clockNumbers = []uint32{QPC: 1, SystemTime: 2, Cycles: 3, Unset: 0}
)

// An Event is one line of the text form: one record of the log or, for [Embed] and [Manifest],
// several that belong together.
type Event struct {
	At       time.Duration // since Log.Start, in steps of 100 ns; may be negative
	CPU      int           // whose buffers it goes to
	PID, TID uint32        // of the record header, where the kind has them
	Kind     Kind
	Provider etl.GUID // the provider; the class of Classic and Instance; the message GUID of Message
	ID       uint16   // event id; opcode (Classic, Instance, Embed of a class); hook id, group<<8|opcode (Kernel ...); message number; record type (Opaque)
	Version  uint16
	Source   string   // provider name (TraceLogging, Manifest) or map name (Map)
	Name     string   // event name (TraceLogging)
	Activity etl.GUID // zero for none
	Related  etl.GUID // zero for none
	Attrs    []Field  // other values of the record header; which, depends on the kind
	Fields   []Field  // the payload
	Line     int      // where it stands in the parsed text, or 0
}

// A Field is a value of a payload. Its text is read by the type of the field: see the package
// documentation.
type Field struct {
	Name  string
	Type  string // as in the text form; "" if the schema of the event tells
	Value string
}

// A Kind says what record an event becomes.
type Kind int

// The kinds of events.
const (
	Manifested   Kind = iota // EVENT_HEADER with provider, id and version
	TraceLogging             // EVENT_HEADER whose extended items hold the description
	Kernel                   // SYSTEM_TRACE_HEADER
	PerfInfo                 // PERFINFO_TRACE_HEADER: no PID
	Compact                  // the short form of Kernel
	Classic                  // EVENT_TRACE_HEADER with a class GUID
	Instance                 // EVENT_INSTANCE_GUID_HEADER
	Message                  // WPP
	Opaque                   // any other record type
	Header                   // a further log header, as an appended session has it
	Embed                    // metadata of an event (TRACE_EVENT_INFO) and its maps
	Map                      // metadata of a map
	Manifest                 // the manifest of an EventSource, in chunks
)

// Bytes returns the log.
func (t *Trace) Bytes() ([]byte, error) {
	var b bytes.Buffer
	if _, err := t.WriteTo(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Compile returns the log that text describes.
func Compile(text string) ([]byte, error) {
	t, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return t.Bytes()
}

// WriteTo writes the log. It holds the log in memory first, because the header counts the buffers.
func (t *Trace) WriteTo(w io.Writer) (int64, error) {
	var body bytes.Buffer
	cpus, end := t.extent()
	l := t.Log.withDefaults(cpus, end)
	enc, err := newEncoder(t, &l)
	if err != nil {
		return 0, err
	}
	lw := newLogWriter(&body, &l)
	for _, i := range t.byTime() {
		ev := &t.Events[i]
		err := enc.encode(ev, func(rec []byte, ticks int64) error {
			return lw.add(ev.CPU, rec, ticks)
		})
		if err != nil {
			return 0, &Error{Line: ev.Line, Err: err}
		}
	}
	if err := lw.close(); err != nil {
		return 0, err
	}
	head, err := l.headerBuffer(lw.written + 1)
	if err != nil {
		return 0, err
	}
	n, err := w.Write(head)
	if err != nil {
		return int64(n), err
	}
	m, err := body.WriteTo(w)
	return int64(n) + m, err
}

// An Error says what is wrong with a line of text, or with an event that was parsed from it.
type Error struct {
	Line int // from 1; 0 if the event did not come from text
	Err  error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("line %d: %v", e.Line, e.Err)
}

// Unwrap returns the error without the line.
func (e *Error) Unwrap() error { return e.Err }

// Rename replaces handles and pointers wherever they occur: values of fields that are written as
// hexadecimal numbers, and the parts of activity ids that are made of them (see Activity).
func (t *Trace) Rename(names map[uint64]uint64) {
	for i := range t.Events {
		ev := &t.Events[i]
		ev.Activity, ev.Related = renameActivity(ev.Activity, names), renameActivity(ev.Related, names)
		for j := range ev.Fields {
			f := &ev.Fields[j]
			if v, ok := parseHex(f.Value); ok {
				if to, ok := names[v]; ok {
					f.Value = fmt.Sprintf("%#x", to)
				}
			}
		}
	}
}

func renameActivity(g etl.GUID, names map[uint64]uint64) etl.GUID {
	if to, ok := names[binary.LittleEndian.Uint64(g[:])]; ok {
		binary.LittleEndian.PutUint64(g[:], to)
	}
	if low := binary.LittleEndian.Uint32(g[8:]); low != 0 {
		for _, from := range slices.Sorted(maps.Keys(names)) {
			if uint32(from) == low {
				binary.LittleEndian.PutUint32(g[8:], uint32(names[from]))
				break
			}
		}
	}
	return g
}

// Activity returns the activity id that WebIO gives to the events of a request: its handle, then
// the low half of the request's address. TCPIP's ids are those of a TCB and no request, HTTP.sys's
// those of a request id and no request.
func Activity(handle uint64, request uint32) etl.GUID {
	var g etl.GUID
	binary.LittleEndian.PutUint64(g[:], handle)
	binary.LittleEndian.PutUint32(g[8:], request)
	return g
}
