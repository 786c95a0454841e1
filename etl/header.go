package etl

import (
	"time"
	"unicode/utf16"

	"github.com/etwhy/etwhy/decode/cursor"
)

// A Header is the log's own description (TRACE_LOGFILE_HEADER), the payload of its first record.
type Header struct {
	BufferSize      uint32 // bytes
	Major, Minor    uint8  // of Windows
	SubVersion      uint8  // of the format, with SubMinor: 1.5 = Windows 7 and later, 2.0 = compressed or large
	SubMinor        uint8
	Build           uint32 // of Windows
	Processors      uint32
	End             Time // zero while the log is open; may lie before the last event
	TimerResolution uint32
	MaximumFileSize uint32
	Mode            LogFileMode
	BuffersWritten  uint32 // zero while the log is open
	StartBuffers    uint32
	PointerSize     uint32 // of the system; records have their own
	EventsLost      uint32
	CPUSpeed        uint32        // MHz
	Bias            time.Duration // UTC = local time + Bias
	StandardName    string
	DaylightName    string
	Boot            Time  // rounded; not a base for event times
	Frequency       int64 // of the performance counter, Hz
	Start           Time
	Clock           ClockType
	BuffersLost     uint32
	LoggerName      string
	LogFileName     string
}

// Open reports whether the session had not been stopped when the file was copied.
func (h *Header) Open() bool { return h.BuffersWritten == 0 }

// LogFileMode holds the EVENT_TRACE_*_MODE bits of a session.
type LogFileMode uint32

const (
	ModeSequential LogFileMode = 0x00000001
	ModeCircular   LogFileMode = 0x00000002
	ModeAppend     LogFileMode = 0x00000004
	ModeNewFile    LogFileMode = 0x00000008
	ModeCompressed LogFileMode = 0x04000000
)

// parseHeader reads the payload of a log header record; pointer is 4 or 8, by the record's own type.
// The offsets are those of TRACE_LOGFILE_HEADER (evntrace.h), with the four bytes of padding
// behind TIME_ZONE_INFORMATION that its 64-bit fields ask for.
func parseHeader(payload []byte, offset int64, pointer int) (Header, error) {
	c := cursor.New("TRACE_LOGFILE_HEADER", payload, offset)
	var h Header
	h.BufferSize = c.Uint32()
	h.Major, h.Minor, h.SubVersion, h.SubMinor = c.Uint8(), c.Uint8(), c.Uint8(), c.Uint8()
	h.Build = c.Uint32()
	h.Processors = c.Uint32()
	h.End = Time(c.Uint64())
	h.TimerResolution = c.Uint32()
	h.MaximumFileSize = c.Uint32()
	h.Mode = LogFileMode(c.Uint32())
	h.BuffersWritten = c.Uint32()
	h.StartBuffers = c.Uint32()
	h.PointerSize = c.Uint32()
	h.EventsLost = c.Uint32()
	h.CPUSpeed = c.Uint32()
	c.Skip(2 * pointer) // LoggerName, LogFileName: addresses in a process that is gone
	h.Bias = time.Duration(int32(c.Uint32())) * time.Minute
	h.StandardName = utf16String(c.Bytes(64))
	c.Skip(16 + 4) // StandardDate, StandardBias
	h.DaylightName = utf16String(c.Bytes(64))
	c.Skip(16 + 4) // DaylightDate, DaylightBias
	c.Skip(4)      // padding
	h.Boot = Time(c.Uint64())
	h.Frequency = int64(c.Uint64())
	h.Start = Time(c.Uint64())
	h.Clock = ClockType(c.Uint32())
	h.BuffersLost = c.Uint32()
	if err := c.Err(); err != nil {
		return Header{}, err
	}
	// The names may be missing in logs of private loggers.
	h.LoggerName = utf16String(c.UTF16z())
	h.LogFileName = utf16String(c.UTF16z())
	return h, nil
}

// utf16String decodes UTF-16LE up to the first NUL.
func utf16String(b []byte) string {
	var u []uint16
	for i := 0; i+1 < len(b); i += 2 {
		v := uint16(b[i]) | uint16(b[i+1])<<8
		if v == 0 {
			break
		}
		u = append(u, v)
	}
	return string(utf16.Decode(u))
}
