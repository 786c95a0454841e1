package etl

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// A stream reads the records of some buffers, one after the other, through a window on the
// plain bytes. The window holds a whole buffer, or a part where memory is short.
type stream struct {
	log   *Log
	list  []int // buffers to come
	chunk int   // bytes by which the window grows; maxBuffer = whole buffers
	err   error // of the reader below; ends the stream

	rec   Record // the current record
	size  int    // of rec, without padding
	whole bool   // rec is complete, not only its header

	b      *buffer  // the current buffer
	in     inflater // its decompressor; nil if it is plain
	packed []byte   // its compressed bytes, for reuse
	data   []byte   // plain bytes: what the decompressor looks back to, then what is unread
	base   int      // position of data[0] among the buffer's plain bytes
	at     int      // index of rec in data
	eof    bool     // data holds all there is
}

// open starts buffer i.
func (s *stream) open(i int) error {
	s.b = &s.log.buffers[i]
	s.data, s.base, s.at, s.size, s.eof, s.in = s.data[:0], 0, 0, 0, false, nil
	s.rec.cpu = s.b.cpu
	s.rec.clock = s.log.sessions[s.b.session].clock
	if !s.b.packed {
		return nil
	}
	n := int(s.b.size) - bufferHeader
	s.packed = slices.Grow(s.packed[:0], n)[:n]
	if _, err := s.log.r.ReadAt(s.packed, s.b.offset+bufferHeader); err != nil && err != io.EOF {
		s.err = fmt.Errorf("buffer at offset %#x: %w", s.b.offset, err)
		return s.err
	}
	c := s.log.sessions[s.b.session].compression
	if s.in = newInflater(c, s.packed); s.in == nil {
		s.log.anomaly(UnknownCompression, s.b.offset, "buffer is compressed with format %d", uint16(c))
		s.eof = true
	}
	return nil
}

// take starts buffer i with its plain bytes, which another stream has read.
func (s *stream) take(i int, from *stream) {
	s.b = &s.log.buffers[i]
	s.data, from.data = from.data, s.data
	s.base, s.at, s.size, s.eof, s.in = 0, 0, 0, true, nil
	s.rec.cpu = s.b.cpu
	s.rec.clock = s.log.sessions[s.b.session].clock
}

// load reads the whole of buffer i.
func (s *stream) load(i int) error {
	if err := s.open(i); err != nil {
		return err
	}
	for !s.eof && len(s.data) < int(s.b.used) {
		s.fill(0)
	}
	return s.err
}

// peek returns the unread bytes of the buffer, at least n of them unless there are fewer.
func (s *stream) peek(n int) []byte {
	for len(s.data)-s.at < n && !s.eof {
		s.fill(n)
	}
	return s.data[min(s.at, len(s.data)):] // s.at may lie in padding that the file does not have
}

// fill makes the window hold more, n bytes from s.at on if it can.
func (s *stream) fill(n int) {
	keep := 0
	if s.in != nil {
		keep = s.in.history()
	}
	if drop := min(s.at-keep, len(s.data)); drop > 0 {
		s.data = s.data[:copy(s.data, s.data[drop:])]
		s.base += drop
		s.at -= drop
	}
	step := s.chunk
	if s.in != nil {
		// Memory follows what was produced: most buffers shrink to a fifth, no more is taken on trust.
		step = min(step, max(64<<10, 8*len(s.packed)))
	}
	left := int(s.b.used) - s.base
	want := min(max(len(s.data)+step, s.at+n), left)
	if s.in == nil {
		s.read(want)
	} else {
		var err error
		s.data, err = s.in.inflate(s.data, want)
		if short := len(s.data) < want; short || err != nil {
			s.eof = true
			if err == nil {
				err = fmt.Errorf("it ends there")
			}
			s.log.anomaly(BadCompression, s.b.offset, "%d of %d bytes decompressed: %v", s.base+len(s.data), s.b.used, err)
		}
	}
	if len(s.data) >= left {
		s.eof = true
	}
}

// read fills the window from the file up to length want.
func (s *stream) read(want int) {
	have := len(s.data)
	if cap(s.data) < want {
		s.data = append(make([]byte, 0, want), s.data...)
	}
	n, err := s.log.r.ReadAt(s.data[have:want], s.b.offset+bufferHeader+int64(s.base+have))
	s.data = s.data[:have+n]
	if n < want-have {
		s.eof = true
		if err != io.EOF {
			s.err = fmt.Errorf("buffer at offset %#x: %w", s.b.offset, err)
		}
	}
}

// next goes to the next record of the buffer and reports whether there is one.
// Afterwards the record's header is known; complete makes it whole.
func (s *stream) next() bool {
	s.at += align8(s.size)
	left := int(s.b.used) - s.base - s.at
	if left < 8 {
		return false
	}
	b := s.peek(min(maxRecordHeader, left))
	if len(b) < 8 {
		return false // reported when the window ended
	}
	if m := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24; m == 0 || m == 0xFFFFFFFF {
		s.log.anomaly(UnusedSpace, s.offset(), "records end here, %d bytes before the buffer's claimed end", left)
		return false
	}
	size, bad := s.rec.parse(b)
	switch {
	case bad != "" && strings.HasPrefix(bad, badChain):
		s.log.anomaly(BadExtension, s.offset(), "%s", bad)
	case bad != "":
		s.log.anomaly(BadRecord, s.offset(), "%s; %d bytes of the buffer are skipped", bad, left)
		return false
	case size > left:
		s.log.anomaly(CutRecord, s.offset(), "record of %d bytes, the buffer has %d left", size, left)
		return false
	}
	s.size = size
	s.whole = s.rec.data != nil
	s.rec.pos = Position{Buffer: s.b.offset, Offset: uint32(bufferHeader + s.base + s.at)}
	return true
}

// complete makes the current record whole and reports whether that was possible.
func (s *stream) complete() bool {
	if s.whole {
		return true
	}
	b := s.peek(s.size)
	if len(b) < s.size {
		return false // reported when the window ended
	}
	if _, bad := s.rec.parse(b); bad != "" {
		s.log.anomaly(BadExtension, s.offset(), "%s", bad)
	}
	s.whole = true
	return true
}

// offset returns where the current record lies for an anomaly: its place in the file,
// or that of its buffer if that is compressed.
func (s *stream) offset() int64 {
	if s.b.packed {
		return s.b.offset
	}
	return s.b.offset + bufferHeader + int64(s.base+s.at)
}

// shrink gives back what a single large record made the window take.
func (s *stream) shrink() {
	if cap(s.data) > 4*s.chunk+64<<10 {
		s.data = append(make([]byte, 0, len(s.data)+s.chunk), s.data...)
	}
}
