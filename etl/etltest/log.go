package etltest

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"time"
	"unicode/utf16"
)

// le is the byte order of everything in a log.
var le = binary.LittleEndian

// filetime returns t in 100 ns since 1601.
func filetime(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	const toUnix = 11644473600 // seconds from 1601 to 1970
	return (t.Unix()+toUnix)*10_000_000 + int64(t.Nanosecond()/100)
}

// utf16z appends s in UTF-16LE with a NUL.
func utf16z(b []byte, s string) []byte {
	for _, u := range utf16.Encode([]rune(s)) {
		b = le.AppendUint16(b, u)
	}
	return append(b, 0, 0)
}

// extent returns the number of CPUs that the events use and the time of the last event.
func (t *Trace) extent() (cpus int, end time.Duration) {
	for i := range t.Events {
		cpus = max(cpus, t.Events[i].CPU+1)
		end = max(end, t.Events[i].At)
	}
	return max(cpus, 1), end
}

// byTime returns the places of the events in the order of their times.
func (t *Trace) byTime() []int {
	order := make([]int, len(t.Events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(t.Events[a].At/100, t.Events[b].At/100)
	})
	return order
}

// withDefaults returns l with a value in every field. cpus and end are what the events need.
func (l *Log) withDefaults(cpus int, end time.Duration) Log {
	d := *l
	if d.Start.IsZero() {
		d.Start = defaultStart
	}
	if d.End.IsZero() {
		d.End = d.Start.Add(end)
	}
	setDefault(&d.Freq, 10_000_000)
	setDefault(&d.MHz, 2594)
	setDefault(&d.CPUs, cpus)
	setDefault(&d.BufferSize, 65536)
	setDefault(&d.Bits, 64)
	setDefault(&d.Build, 20348)
	setDefault(&d.TimeZone, "@tzres.dll,-932")
	setDefault(&d.Mode, 1)
	setDefault(&d.Name, "etltest")
	setDefault(&d.File, `C:\net.etl`)
	setDefault(&d.Sequence, 1)
	setDefault(&d.Uptime, 24*time.Hour)
	return d
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// longest bounds times so that no timestamp overflows.
const longest = 10 * 365 * 24 * time.Hour

// check reports a header that no log can have or that would cost too much to write.
func (l *Log) check() error {
	switch {
	case l.Clock < 0 || int(l.Clock) >= len(clockNumbers):
		return fmt.Errorf("unknown clock %d", l.Clock)
	case l.Compress < 0 || int(l.Compress) >= len(compressors):
		return fmt.Errorf("unknown compression %d", l.Compress)
	case l.Bits != 32 && l.Bits != 64:
		return fmt.Errorf("bits are 32 or 64, not %d", l.Bits)
	case l.BufferSize < 1024 || l.BufferSize > 16<<20 || l.BufferSize%8 != 0:
		return fmt.Errorf("buffer size %d is not a multiple of 8 from 1024 to 16 MiB", l.BufferSize)
	case l.CPUs < 1 || l.CPUs > 1<<16:
		return fmt.Errorf("%d CPUs", l.CPUs)
	case l.Freq < 1 || l.Freq > 1e9 || l.MHz > 10000:
		return fmt.Errorf("clock of %d Hz, %d MHz", l.Freq, l.MHz)
	case l.Uptime < 0 || l.Uptime > longest:
		return fmt.Errorf("uptime %v", l.Uptime)
	case l.Start.Year() < 1601 || l.Start.Year() > 9999:
		return fmt.Errorf("start %v is outside the years 1601 to 9999", l.Start)
	}
	return nil
}

// newFormat reports whether the log says version 2.0 of its layout.
func (l *Log) newFormat() bool {
	return l.Compress != Plain || l.BufferSize > 1<<20 || l.CPUs > 256
}

// A timebase converts time since the start of the log into timestamps.
type timebase struct {
	at       time.Duration // a moment ...
	ticks    int64         // ... and its timestamp
	mul, div uint64        // ticks = 100 ns * mul / div
}

func (l *Log) timebase() timebase {
	b := timebase{mul: 1, div: 1}
	switch l.Clock {
	case SystemTime:
		b.ticks = filetime(l.Start)
		return b
	case Cycles:
		b.mul, b.div = uint64(l.MHz), 10
	default:
		b.mul, b.div = uint64(l.Freq), 10_000_000
	}
	b.ticks = b.span(l.Uptime)
	return b
}

// span converts a duration, rounding away from zero: a reader that cuts fractions off gets the same
// 100 ns back if the clock is fine enough to tell them apart.
func (b *timebase) span(d time.Duration) int64 {
	n := uint64(max(d, -d) / 100)
	hi, lo := bits.Mul64(n, b.mul)
	q, r := bits.Div64(hi, lo, b.div) // cannot overflow: see longest
	if r > 0 {
		q++
	}
	if d < 0 {
		return -int64(q)
	}
	return int64(q)
}

// timestamp returns the ticks of an event.
func (b *timebase) timestamp(at time.Duration) int64 { return b.ticks + b.span(at-b.at) }

// payload returns a TRACE_LOGFILE_HEADER with its strings. start is the moment that the timestamp
// of its record stands for.
func (l *Log) payload(start time.Time, buffers int) []byte {
	wide := l.Bits == 64
	pad := func(b []byte) []byte { // to a pointer or 64-bit boundary of the 64-bit layout
		if wide {
			return append(b, 0, 0, 0, 0)
		}
		return b
	}
	end, mode := filetime(l.End), l.Mode
	if l.Open {
		end, buffers = 0, 0
	}
	if l.Compress != Plain {
		mode |= 0x04000000 // EVENT_TRACE_COMPRESSED_MODE
	}
	b := le.AppendUint32(nil, uint32(l.BufferSize))
	b = append(b, l.version()...)
	b = le.AppendUint32(b, l.Build)
	b = le.AppendUint32(b, uint32(l.CPUs))
	b = le.AppendUint64(b, uint64(end))
	b = le.AppendUint32(b, 156250) // TimerResolution
	b = le.AppendUint32(b, 0)      // MaximumFileSize
	b = le.AppendUint32(b, mode)
	b = le.AppendUint32(b, uint32(buffers))
	b = le.AppendUint32(b, 1) // StartBuffers
	b = le.AppendUint32(b, uint32(l.Bits/8))
	b = le.AppendUint32(b, l.EventsLost)
	b = le.AppendUint32(b, l.MHz)
	b = pad(le.AppendUint32(b, 10)) // LoggerName: small numbers, no pointers
	b = pad(le.AppendUint32(b, 7))  // LogFileName
	b = le.AppendUint32(b, uint32(l.Bias))
	b = zoneName(b, l.TimeZone)
	b = append(b, 0, 0, 11, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0) // first Sunday of November, 2:00
	b = le.AppendUint32(b, 0)
	b = zoneName(b, l.TimeZone)
	b = append(b, 0, 0, 3, 0, 0, 0, 2, 0, 2, 0, 0, 0, 0, 0, 0, 0)
	b = le.AppendUint32(b, 0xFFFFFFC4)              // -60
	b = append(b, 0, 0, 0, 0)                       // in both layouts
	boot := start.Add(-l.Uptime - 37*time.Second)   // clock corrections moved it: not a base for times
	boot = boot.Truncate(500 * time.Millisecond)    //
	b = le.AppendUint64(b, uint64(filetime(boot)))  //
	b = le.AppendUint64(b, uint64(l.Freq))          //
	b = le.AppendUint64(b, uint64(filetime(start))) //
	b = le.AppendUint32(b, clockNumbers[l.Clock])   // ReservedFlags
	b = le.AppendUint32(b, l.BuffersLost)           //
	return utf16z(utf16z(b, l.Name), l.File)
}

// zoneName appends the 32 characters of a name in TIME_ZONE_INFORMATION.
func zoneName(b []byte, name string) []byte {
	z := utf16z(nil, name)
	z = append(z[:min(len(z), 62)], make([]byte, 64)...)
	return append(b, z[:64]...)
}

// version returns Major, Minor, SubVersion and SubMinor of the log.
func (l *Log) version() []byte {
	sub := [2]byte{1, 5}
	if l.newFormat() {
		sub = [2]byte{2, 0}
	} else if l.Build < 7600 {
		sub = [2]byte{1, 4}
	}
	for _, v := range []struct {
		build        uint32
		major, minor byte
	}{{10240, 10, 0}, {9600, 6, 3}, {9200, 6, 2}, {7600, 6, 1}} {
		if l.Build >= v.build {
			return []byte{v.major, v.minor, sub[0], sub[1]}
		}
	}
	return []byte{6, 0, sub[0], sub[1]}
}

// headerRecord returns a record with the header of the log, for the moment start.
func (l *Log) headerRecord(start time.Time, ticks int64, buffers int) ([]byte, error) {
	b := systemHeader(nil, l.Bits, 0, 2, 0x1000, 0x0B10, ticks)
	return finish(append(b, l.payload(start, buffers)...), 4)
}

// headerBuffer returns the first buffer of the log. buffers is the number of all.
func (l *Log) headerBuffer(buffers int) ([]byte, error) {
	base := l.timebase()
	rec, err := l.headerRecord(l.Start, base.ticks, buffers)
	if err != nil {
		return nil, err
	}
	used := bufferHeaderSize + len(rec)
	size := l.BufferSize
	if l.Compress != Plain { // merging writes it no longer than it must be
		size = (used + 511) &^ 511
	}
	if used > size {
		return nil, fmt.Errorf("the log header has %d bytes and does not fit into a buffer of %d", len(rec), l.BufferSize)
	}
	h := bufferHeader{size: size, offset: used, state: compressionStates[l.Compress], flags: flagFlush, kind: 4}
	if l.Build >= 9200 {
		h.saved = used
	}
	h.processor(l, 0)
	b := append(h.append(nil), rec...)
	return append(b, bytes.Repeat([]byte{0xFF}, size-used)...), nil
}

// The header of a buffer.
const (
	bufferHeaderSize = 72

	flagFlush      = 0x0001
	flagProcIndex  = 0x0020
	flagCompressed = 0x0040
)

// A bufferHeader is WMI_BUFFER_HEADER without what no reader should look at.
type bufferHeader struct {
	size      int // to the next header
	saved     int
	offset    int // bytes in use, with the header; of compressed ones when unpacked
	timestamp int64
	sequence  int64
	cpu       uint16
	logger    uint16
	state     uint32
	flags     uint16
	kind      uint16
}

// processor sets the number of the CPU: 16 bits with a flag since Windows 8, before that 8 bits
// and the alignment.
func (h *bufferHeader) processor(l *Log, cpu int) {
	switch {
	case l.Build >= 9200 || cpu > 0xFF:
		h.cpu = uint16(cpu)
		if h.kind != 4 || l.Compress == Plain {
			h.flags |= flagProcIndex
		}
	default:
		h.cpu = uint16(cpu) | 8<<8
	}
	if l.Compress == Plain {
		h.logger = 31
	}
}

func (h *bufferHeader) append(b []byte) []byte {
	cursor, stale := h.offset, uint64(0)
	if h.kind != 4 { // what the kernel left there, to catch who reads it
		cursor, stale = h.size+h.offset, 0xFFFFFA8004A0E038
	}
	b = le.AppendUint32(b, uint32(h.size))
	b = le.AppendUint32(b, uint32(h.saved))
	b = le.AppendUint32(b, uint32(cursor)) // CurrentOffset
	b = le.AppendUint32(b, 0)              // ReferenceCount
	b = le.AppendUint64(b, uint64(h.timestamp))
	b = le.AppendUint64(b, uint64(h.sequence))
	b = le.AppendUint64(b, stale) // clock or list
	b = le.AppendUint16(b, h.cpu)
	b = le.AppendUint16(b, h.logger)
	b = le.AppendUint32(b, h.state)
	b = le.AppendUint32(b, uint32(h.offset))
	b = le.AppendUint16(b, h.flags)
	b = le.AppendUint16(b, h.kind)
	b = le.AppendUint64(b, stale)
	return le.AppendUint64(b, stale)
}

// A logWriter collects records in buffers, one per CPU, and writes each when it is full.
type logWriter struct {
	w        io.Writer
	log      *Log
	cpus     [][]byte // records of the buffer that is being filled
	sequence int64
	last     int64 // timestamp of the last record
	written  int   // buffers
	out      []byte
	padding  []byte
}

func newLogWriter(w io.Writer, l *Log) *logWriter {
	return &logWriter{w: w, log: l, sequence: l.Sequence, padding: bytes.Repeat([]byte{0xFF}, l.BufferSize)}
}

// add appends a record whose size is a multiple of 8.
func (w *logWriter) add(cpu int, rec []byte, ticks int64) error {
	for cpu >= len(w.cpus) {
		w.cpus = append(w.cpus, nil)
	}
	room := w.log.BufferSize - bufferHeaderSize
	if len(rec) > room {
		return fmt.Errorf("a record of %d bytes does not fit into a buffer of %d", len(rec), w.log.BufferSize)
	}
	if len(w.cpus[cpu])+len(rec) > room {
		if err := w.flush(cpu, 0); err != nil {
			return err
		}
	}
	w.last = ticks
	w.cpus[cpu] = append(w.cpus[cpu], rec...)
	return nil
}

// close writes what is left in the buffers.
func (w *logWriter) close() error {
	for cpu, data := range w.cpus {
		if len(data) > 0 {
			if err := w.flush(cpu, flagFlush); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *logWriter) flush(cpu int, flags uint16) error {
	data := w.cpus[cpu]
	h := bufferHeader{
		size: w.log.BufferSize, offset: bufferHeaderSize + len(data),
		timestamp: w.last, sequence: w.sequence, state: 3, flags: flags,
	}
	h.saved = h.offset
	h.processor(w.log, cpu)
	w.out = append(w.out[:0], w.padding[:bufferHeaderSize]...) // the header follows
	if pack := compressors[w.log.Compress]; pack != nil {
		w.out = pack(w.out, data)
		h.size, h.flags = len(w.out), h.flags|flagCompressed
	} else {
		w.out = append(w.out, data...)
		w.out = append(w.out, w.padding[:h.size-h.offset]...)
	}
	h.append(w.out[:0])
	w.cpus[cpu] = data[:0]
	w.sequence++
	w.written++
	_, err := w.w.Write(w.out)
	return err
}
