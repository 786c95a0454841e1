package etl

import (
	"math"
	"math/bits"
)

// A ClockType is the clock of a session (TRACE_LOGFILE_HEADER.ReservedFlags).
type ClockType uint32

const (
	ClockUnknown ClockType = 0 // very old logs
	ClockQPC     ClockType = 1 // performance counter
	ClockSystem  ClockType = 2 // FILETIME
	ClockCycles  ClockType = 3 // CPU cycles
)

// String returns the name that reports use.
func (t ClockType) String() string {
	switch t {
	case ClockQPC:
		return "qpc"
	case ClockSystem:
		return "system"
	case ClockCycles:
		return "cycles"
	}
	return "unknown"
}

// A clock turns raw timestamps into Time: start + (stamp-origin)*mul/div, or the stamp itself if div is 0.
// It also holds what else the records of a session have from its header.
type clock struct {
	pointer  uint8 // size of the system's addresses
	origin   int64 // timestamp of the record that carries the log header; BootTime is no usable base
	start    Time
	mul, div uint64
}

// newClock returns the clock of a log whose header record has the timestamp origin.
func newClock(h *Header, origin int64) *clock {
	c := &clock{pointer: 8, origin: origin, start: h.Start}
	if h.PointerSize == 4 {
		c.pointer = 4
	}
	switch {
	case h.Clock == ClockSystem:
	case h.Clock == ClockCycles:
		c.mul, c.div = 10, uint64(h.CPUSpeed)
	case h.Clock == ClockUnknown && (h.Frequency <= 0 || Time(origin) > unixEpoch):
		// No frequency, or stamps that are FILETIMEs already.
	default:
		c.mul, c.div = uint64(Second), uint64(max(h.Frequency, 0))
	}
	if c.div == c.mul {
		c.mul, c.div = 1, 1
	}
	return c
}

func (c *clock) time(stamp int64) Time {
	switch c.div {
	case 0:
		return Time(stamp)
	case 1:
		return c.start + Time(stamp-c.origin)
	}
	d := stamp - c.origin
	abs := uint64(d)
	if d < 0 {
		abs = -abs
	}
	hi, lo := bits.Mul64(abs, c.mul)
	if hi >= c.div {
		return Time(math.MaxInt64) // no moment of this era
	}
	q, _ := bits.Div64(hi, lo, c.div)
	if d < 0 {
		return c.start - Time(q)
	}
	return c.start + Time(q)
}
