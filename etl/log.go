package etl

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/etwhy/etwhy/decode/cursor"
)

var (
	// ErrFormat says that the input is no event trace log.
	ErrFormat = errors.New("not an event trace log")
	// ErrVersion says that the log is older than Windows Vista, whose buffers look different.
	ErrVersion = errors.New("log of a Windows before Vista")
)

// Limits of the format, which hold for every log that Windows writes.
const (
	bufferHeader = 72
	minBuffer    = 512      // bytes; the first buffer of a log is no smaller
	maxBuffer    = 16 << 20 // bytes of a buffer, plain
)

// Flags of a buffer header.
const (
	bufferEventsLost = 0x0002
	bufferLost       = 0x0004
	bufferProcIndex  = 0x0020
	bufferCompressed = 0x0040
)

const bufferTypeHeader = 4

// DefaultBudget is the memory that a Log's iterations use for buffers unless [WithBudget] says otherwise.
const DefaultBudget = 128 << 20

// An Option changes how a log is read.
type Option func(*Log)

// WithBudget sets the bytes of buffers, plain, that one iteration may hold.
// Less than a few MB makes reading slow, not wrong.
func WithBudget(bytes int64) Option { return func(l *Log) { l.budget = bytes } }

// A Log is an event trace log. Its methods may be called from several goroutines.
type Log struct {
	r      io.ReaderAt
	size   int64
	budget int64

	sessions []session
	buffers  []buffer // in file order
	loss     Loss

	mu        sync.Mutex
	anomalies []Anomaly
	seen      map[Anomaly]bool
}

// A session begins with a header record. A log has one, or several where it was appended to.
type session struct {
	header      Header
	clock       *clock
	compression Compression
	first       int // index of its header buffer
}

// A buffer is what a buffer's header says, once it was found plausible.
type buffer struct {
	offset  int64 // of the header in the file
	seq     int64
	size    uint32 // bytes in the file, header included
	used    uint32 // bytes of records after decompression
	cpu     uint16
	session uint16
	packed  bool
	header  bool
	odd     bool // the count of valid bytes cannot be
}

// A Loss counts what is missing from a log by what Windows recorded.
type Loss struct {
	EventsLost   uint32 // by the log header
	BuffersLost  uint32 // by the log header
	FlagEvents   int    // buffers marked "events were lost before this"
	FlagBuffers  int    // buffers marked "a buffer was lost before this"
	SequenceGaps uint64 // missing sequence numbers over all processors, after the header buffer
}

// Any reports whether anything was lost.
func (l Loss) Any() bool { return l != Loss{} }

// An AnomalyKind classifies damage.
type AnomalyKind uint8

const (
	CutBuffer          AnomalyKind = iota // the file ends inside a buffer
	BadBufferHeader                       // a buffer header, or a number in it, that cannot be
	BadRecord                             // a record header that cannot be one; the rest of the buffer was skipped
	CutRecord                             // a record that claims more bytes than its buffer has left
	BadExtension                          // a malformed chain of extended data
	BadCompression                        // compressed data that does not decompress, or not to its claimed size
	UnknownCompression                    // a compression format that this package does not know
	UnusedSpace                           // an end mark before the buffer's claimed end
	BadClock                              // a clock without frequency: times are unknown
)

var anomalyNames = [...]string{
	CutBuffer: "cut-buffer", BadBufferHeader: "bad-buffer-header", BadRecord: "bad-record", CutRecord: "cut-record",
	BadExtension: "bad-extension", BadCompression: "bad-compression", UnknownCompression: "unknown-compression",
	UnusedSpace: "unused-space", BadClock: "bad-clock",
}

// String returns the stable name that JSON output uses.
func (k AnomalyKind) String() string { return anomalyNames[k] }

// An Anomaly is damage found in a log. Reading went on behind it.
type Anomaly struct {
	Kind   AnomalyKind
	Offset int64 // in the file; of the buffer header, where the damage is inside compressed data
	Detail string
}

// maxAnomalies bounds the list; a further one is counted in the last entry.
const maxAnomalies = 1000

// NewReader returns the log that r holds. It reads every buffer header, and no records but the first.
// r must allow ReadAt from several goroutines.
//
// The error is a *cursor.FormatError that wraps [ErrFormat] or [ErrVersion], or an error of r.
func NewReader(r io.ReaderAt, size int64, opts ...Option) (*Log, error) {
	l := &Log{r: r, size: size, budget: DefaultBudget, seen: map[Anomaly]bool{}}
	for _, o := range opts {
		o(l)
	}
	var head [minBuffer]byte
	n, err := r.ReadAt(head[:min(size, minBuffer)], 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if err := Sniff(head[:n], size); err != nil {
		return nil, err
	}
	if err := l.index(); err != nil {
		return nil, err
	}
	l.countLoss()
	return l, nil
}

// lookalikes are beginnings of files that carry the name .etl and are none, with the word for them.
var lookalikes = []struct{ magic, what string }{
	{"RlFs", "this is a container of the real-time event log backup (RlFs), which only Windows can open"},
	{"version https://git-lfs", "this is a pointer of Git LFS: the file itself was not fetched (git lfs pull)"},
	{"\x1f\x8b", "this is gzip: unpack it first"},
	{"MSCF", "this is a cabinet (.cab)"},
	{"PK\x03\x04", "this is a zip archive"},
	{"ElfFile\x00", "this is an event log (.evtx)"},
	{"\x0a\x0d\x0d\x0a", "this is a pcapng capture"},
	{"MDMP", "this is a memory dump"},
	{"{", "this is JSON text"},
	{"<", "this is XML text"},
	{"\xef\xbb\xbf", "this is text"},
	{"\xff\xfe", "this is UTF-16 text"},
}

// Lookalike says what a file is that begins with head and is no log, as a clause ("this is XML text"),
// or "" if that is none of the files that are met under the name .etl.
func Lookalike(head []byte) string {
	for _, k := range lookalikes {
		if strings.HasPrefix(string(head[:min(len(head), len(k.magic))]), k.magic) {
			return k.what
		}
	}
	return ""
}

// Sniff reports whether head, the first bytes of an input of size bytes (-1 = not known), begins like an event
// trace log. 80 bytes suffice. The error is a *cursor.FormatError that wraps ErrFormat and says what the input
// looks like instead.
func Sniff(head []byte, size int64) error {
	bad := func(offset int64, format string, args ...any) error {
		return &cursor.FormatError{Name: "buffer header", Offset: offset, Msg: fmt.Sprintf(format, args...), Err: ErrFormat}
	}
	if size == 0 {
		return bad(0, "the file is empty")
	}
	if what := Lookalike(head); what != "" {
		return bad(0, "%s", what)
	}
	if len(head) < bufferHeader+8 {
		return bad(0, "%d bytes, an event trace log has at least %d", len(head), minBuffer)
	}
	if n := binary.LittleEndian.Uint32(head); n < minBuffer || n > maxBuffer {
		return bad(0, "buffer size %d, want %d to %d", n, minBuffer, maxBuffer)
	}
	if t := binary.LittleEndian.Uint16(head[0x36:]); t != bufferTypeHeader {
		return bad(0x36, "buffer type %d, want %d (header)", t, bufferTypeHeader)
	}
	if head[0x4B] != 0xC0 || HeaderType(head[0x4A]) != System32 && HeaderType(head[0x4A]) != System64 {
		return bad(0x48, "record marker %#x, want that of a log header", binary.LittleEndian.Uint32(head[0x48:]))
	}
	if head[0x4E] != 0 || head[0x4F] != 0 {
		return bad(0x4E, "first record is group %d opcode %d, want the log header, 0 and 0", head[0x4F], head[0x4E])
	}
	return nil
}

// index reads all buffer headers.
func (l *Log) index() error {
	var h [bufferHeader]byte
	skipFrom := int64(-1)
	skipped := func(to int64) {
		if skipFrom >= 0 {
			l.anomaly(BadBufferHeader, skipFrom, "%d bytes without a buffer header were skipped", to-skipFrom)
			skipFrom = -1
		}
	}
	pos := int64(0)
	for pos+bufferHeader <= l.size {
		if _, err := l.r.ReadAt(h[:], pos); err != nil && err != io.EOF {
			return fmt.Errorf("buffer header at offset %#x: %w", pos, err)
		}
		b, ok := parseBuffer(h[:], pos)
		if ok && b.header {
			s, err := l.startSession(b, Compression(binary.LittleEndian.Uint16(h[0x2C:])))
			switch {
			case err == nil:
				l.sessions = append(l.sessions, s)
			case len(l.sessions) == 0:
				return err
			default:
				ok = false
			}
		}
		if !ok {
			step := int64(l.sessions[0].header.BufferSize)
			if skipFrom < 0 {
				skipFrom = pos
			}
			// Compressed buffers have no fixed distance: nothing tells where the next one starts.
			if step < minBuffer || step > maxBuffer || l.sessions[0].header.Mode&ModeCompressed != 0 {
				skipped(l.size)
				return nil
			}
			pos += step
			continue
		}
		skipped(pos)
		if end := pos + int64(b.size); end > l.size {
			l.anomaly(CutBuffer, pos, "the file ends %d bytes before this buffer does", end-l.size)
			b.size = uint32(l.size - pos)
			if !b.packed {
				b.used = min(b.used, b.size-bufferHeader)
			}
		}
		b.session = uint16(len(l.sessions) - 1)
		if b.odd {
			l.anomaly(BadBufferHeader, pos, "%d valid bytes cannot be: the buffer is read to its end mark", binary.LittleEndian.Uint32(h[0x30:]))
		}
		if flags := binary.LittleEndian.Uint16(h[0x34:]); flags != 0 {
			if flags&bufferEventsLost != 0 {
				l.loss.FlagEvents++
			}
			if flags&bufferLost != 0 {
				l.loss.FlagBuffers++
			}
		}
		l.buffers = append(l.buffers, b)
		pos += int64(b.size)
	}
	skipped(min(pos, l.size))
	if pos < l.size {
		l.anomaly(CutBuffer, pos, "%d bytes after the last buffer", l.size-pos)
	}
	return nil
}

// parseBuffer reads a buffer header and reports whether it can be one.
func parseBuffer(h []byte, offset int64) (buffer, bool) {
	b := buffer{
		offset: offset,
		size:   binary.LittleEndian.Uint32(h),
		seq:    int64(binary.LittleEndian.Uint64(h[0x18:])),
		used:   binary.LittleEndian.Uint32(h[0x30:]), // not SavedOffset at 4, which is too small in header buffers
		cpu:    uint16(h[0x28]),                      // the byte behind it is the alignment
		header: binary.LittleEndian.Uint16(h[0x36:]) == bufferTypeHeader,
	}
	flags := binary.LittleEndian.Uint16(h[0x34:])
	if flags&bufferProcIndex != 0 {
		b.cpu = binary.LittleEndian.Uint16(h[0x28:]) & 0x7FF
	}
	b.packed = flags&bufferCompressed != 0
	// Incompressible data may grow by its flags.
	if b.size < bufferHeader || b.size > maxBuffer+maxBuffer/8 {
		return b, false
	}
	limit := b.size
	if b.packed {
		limit = maxBuffer + bufferHeader
	}
	b.odd = b.used < bufferHeader || b.used > limit
	if b.odd {
		b.used = limit // read to the end mark
	}
	b.used -= bufferHeader
	return b, true
}

// startSession reads the header record at the start of buffer b.
func (l *Log) startSession(b buffer, c Compression) (session, error) {
	data := make([]byte, min(int64(b.size), l.size-b.offset, 64<<10)-bufferHeader)
	if _, err := l.r.ReadAt(data, b.offset+bufferHeader); err != nil && err != io.EOF {
		return session{}, err
	}
	at := b.offset + bufferHeader
	format := func(sentinel error, format string, args ...any) (session, error) {
		return session{}, &cursor.FormatError{Name: "log header", Offset: at, Msg: fmt.Sprintf(format, args...), Err: sentinel}
	}
	var rec Record
	size, bad := rec.parse(data)
	if size > len(data) {
		return format(ErrFormat, "the log header has %d bytes, its buffer %d", size, len(data))
	}
	if bad != "" || rec.Kind() != KindKernel || rec.Group() != 0 || rec.Opcode() != 0 {
		return format(ErrFormat, "the first record of a header buffer is no log header")
	}
	h, err := parseHeader(rec.Payload(), at+int64(rec.body), rec.PointerSize())
	if err != nil {
		var fe *cursor.FormatError
		if errors.As(err, &fe) {
			fe.Err = ErrFormat
		}
		return session{}, err
	}
	if h.SubVersion < 1 || h.SubVersion == 1 && h.SubMinor < 3 {
		return format(ErrVersion, "log format %d.%d of Windows %d.%d, want 1.3 or later", h.SubVersion, h.SubMinor, h.Major, h.Minor)
	}
	s := session{header: h, compression: c, first: len(l.buffers), clock: newClock(&h, rec.stamp)}
	if h.Clock != ClockSystem && s.clock.div == 0 && h.Clock != ClockUnknown {
		l.anomaly(BadClock, at, "clock %s has no frequency", h.Clock)
	}
	return s, nil
}

// countLoss sums what the session headers and the sequence numbers tell.
func (l *Log) countLoss() {
	for i, s := range l.sessions {
		l.loss.EventsLost += s.header.EventsLost
		l.loss.BuffersLost += s.header.BuffersLost
		end := len(l.buffers)
		if i+1 < len(l.sessions) {
			end = l.sessions[i+1].first
		}
		var seqs []int64
		for _, b := range l.buffers[s.first:end] {
			if !b.header {
				seqs = append(seqs, b.seq)
			}
		}
		slices.Sort(seqs)
		for j := 1; j < len(seqs); j++ {
			if gap := uint64(seqs[j] - seqs[j-1]); gap > 1 {
				l.loss.SequenceGaps += gap - 1
			}
		}
	}
}

// Header returns the log's header; of an appended log, that of its first session.
func (l *Log) Header() Header { return l.sessions[0].header }

// Compression returns the format of the log's compressed buffers.
func (l *Log) Compression() Compression {
	for _, b := range l.buffers {
		if b.packed {
			return max(l.sessions[0].compression, LZNT1)
		}
	}
	return Uncompressed
}

// Loss returns what is missing from the log. It is known from the start.
func (l *Log) Loss() Loss { return l.loss }

// Anomalies returns the damage found so far, by offset. It is complete after an iteration over all records.
func (l *Log) Anomalies() []Anomaly {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := slices.Clone(l.anomalies)
	slices.SortFunc(out, func(a, b Anomaly) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Detail, b.Detail))
	})
	return out
}

// anomaly records damage, once however often it is met.
func (l *Log) anomaly(kind AnomalyKind, offset int64, format string, args ...any) {
	a := Anomaly{kind, offset, fmt.Sprintf(format, args...)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen[a] || len(l.anomalies) == maxAnomalies {
		return
	}
	if len(l.anomalies) == maxAnomalies-1 {
		a.Detail += "; further damage is not listed"
	}
	l.seen[a] = true
	l.anomalies = append(l.anomalies, a)
}

// At reads the record at p again. The record stays valid.
func (l *Log) At(p Position) (*Record, error) {
	i := sort.Search(len(l.buffers), func(i int) bool { return l.buffers[i].offset >= p.Buffer })
	if i == len(l.buffers) || l.buffers[i].offset != p.Buffer || p.Offset < bufferHeader {
		return nil, fmt.Errorf("no record at buffer %#x offset %#x", p.Buffer, p.Offset)
	}
	var s stream
	s.log, s.chunk = l, maxBuffer
	if err := s.open(i); err != nil {
		return nil, err
	}
	for s.next() {
		if s.rec.pos.Offset == p.Offset {
			if !s.complete() {
				break
			}
			return s.rec.Clone(), nil
		}
	}
	return nil, fmt.Errorf("no record at buffer %#x offset %#x", p.Buffer, p.Offset)
}
