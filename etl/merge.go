package etl

import (
	"cmp"
	"iter"
	"math"
	"runtime"
	"slices"
	"sync"
)

// Unordered returns an iteration over the records in file order: each byte is read once, in sequence.
// Of parts equal shares of the file it reads number part, so that several goroutines can share the work;
// Unordered(0, 1) reads all.
//
// A record is valid until the next step. The error, if any, is of the reader below and ends the iteration.
func (l *Log) Unordered(part, parts int) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		from, to := len(l.buffers)*part/parts, len(l.buffers)*(part+1)/parts
		s := &stream{log: l, chunk: int(min(l.budget, maxBuffer))}
		for i := from; i < to; i++ {
			if err := s.open(i); err != nil {
				yield(nil, err)
				return
			}
			for s.next() {
				if s.complete() && !yield(&s.rec, nil) {
					return
				}
			}
			if s.err != nil {
				yield(nil, s.err)
				return
			}
			s.shrink()
		}
	}
}

// Records returns an iteration over all records by time: within a session the buffers of each
// processor are taken by sequence number, the processors are merged, and records of the same
// time keep their order in the file. The header record comes first. Sessions follow each other.
//
// A record is valid until the next step. The error, if any, is of the reader below and ends the iteration.
func (l *Log) Records() iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		for i := range l.sessions {
			m := l.newMerge(i)
			ok := m.run(yield)
			m.close()
			if !ok {
				return
			}
		}
	}
}

// A merge brings the processors of one session together. Its heap holds the streams that have a
// current record, the earliest on top.
type merge struct {
	log   *Log
	heap  []*lane
	ahead int // how many whole buffers each lane reads ahead, in the background
	work  sync.WaitGroup
	slots chan struct{} // bounds how many are read at a time
}

// A lane is the stream of one processor with its place in the heap.
type lane struct {
	stream
	key   int64     // time of the current record
	queue []pending // buffers being read ahead
	spare []*stream
}

// A pending buffer is being read ahead.
type pending struct {
	buffer int
	stream *stream
	done   chan struct{}
}

// newMerge sorts the buffers of session i into lanes.
func (l *Log) newMerge(i int) *merge {
	end := len(l.buffers)
	if i+1 < len(l.sessions) {
		end = l.sessions[i+1].first
	}
	lanes := map[uint16]*lane{}
	m := &merge{log: l}
	var largest = map[uint16]int64{}
	for n := l.sessions[i].first; n < end; n++ {
		b := &l.buffers[n]
		ln := lanes[b.cpu]
		if ln == nil {
			ln = &lane{stream: stream{log: l}}
			lanes[b.cpu] = ln
			m.heap = append(m.heap, ln)
		}
		ln.list = append(ln.list, n)
		largest[b.cpu] = max(largest[b.cpu], int64(b.used)+int64(b.size))
	}
	var all int64
	for cpu, ln := range lanes {
		all += largest[cpu]
		slices.SortStableFunc(ln.list, func(x, y int) int {
			bx, by := &l.buffers[x], &l.buffers[y]
			if bx.header != by.header { // the header buffer comes first whatever its number
				if bx.header {
					return -1
				}
				return 1
			}
			return cmp.Compare(bx.seq, by.seq)
		})
	}
	chunk := maxBuffer
	switch {
	case 2*all <= l.budget:
		// One processor may have most of the buffers, so a lane reads ahead more than one.
		m.ahead = int(min(4, l.budget/all-1))
		m.slots = make(chan struct{}, runtime.GOMAXPROCS(0))
	case all > l.budget:
		chunk = int(max(l.budget/int64(len(lanes))-8<<10, 8<<10))
	}
	for _, ln := range m.heap {
		ln.chunk = chunk
	}
	return m
}

// close waits for what is being read ahead.
func (m *merge) close() { m.work.Wait() }

// run yields all records and reports whether the caller wants more.
func (m *merge) run(yield func(*Record, error) bool) bool {
	lanes := m.heap
	m.heap = m.heap[:0:0]
	for _, ln := range lanes {
		if m.advance(ln) {
			m.heap = append(m.heap, ln)
		}
		if ln.err != nil {
			return yield(nil, ln.err) && false
		}
	}
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
	for len(m.heap) > 0 {
		top := m.heap[0]
		// While the top lane stays ahead of all others, the heap need not be touched.
		limit := m.second()
		for {
			if top.complete() && !yield(&top.rec, nil) {
				return false
			}
			if !m.advance(top) {
				if top.err != nil {
					yield(nil, top.err)
					return false
				}
				last := len(m.heap) - 1
				m.heap[0] = m.heap[last]
				m.heap = m.heap[:last]
				break
			}
			if limit != nil && before(limit, top) {
				break
			}
		}
		m.down(0)
	}
	return true
}

// second returns the lane that is earliest after the top one, or nil.
func (m *merge) second() *lane {
	switch {
	case len(m.heap) < 2:
		return nil
	case len(m.heap) == 2 || before(m.heap[1], m.heap[2]):
		return m.heap[1]
	}
	return m.heap[2]
}

// before orders lanes by the time of their records, then by place in the file.
func before(a, b *lane) bool {
	if a.key != b.key {
		return a.key < b.key
	}
	return a.rec.pos.Buffer < b.rec.pos.Buffer
}

// down moves the lane at i to its place.
func (m *merge) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(m.heap) {
			return
		}
		if c+1 < len(m.heap) && before(m.heap[c+1], m.heap[c]) {
			c++
		}
		if !before(m.heap[c], m.heap[i]) {
			return
		}
		m.heap[i], m.heap[c] = m.heap[c], m.heap[i]
		i = c
	}
}

// advance goes to the lane's next record, in this buffer or a later one, and reports whether there is one.
func (m *merge) advance(ln *lane) bool {
	for {
		if ln.b != nil && ln.next() {
			ln.key = ln.rec.stamp
			if ln.b.header && ln.rec.pos.Offset == bufferHeader {
				ln.key = math.MinInt64 // the log header, whatever its time
			}
			return true
		}
		if ln.err != nil || len(ln.list)+len(ln.queue) == 0 {
			return false
		}
		m.openNext(ln)
	}
}

// openNext starts the lane's next buffer and sends for those behind it.
func (m *merge) openNext(ln *lane) {
	if m.ahead == 0 {
		ln.shrink()
		ln.err = ln.open(ln.list[0])
		ln.list = ln.list[1:]
		return
	}
	m.fetch(ln)
	p := ln.queue[0]
	ln.queue = append(ln.queue[:0], ln.queue[1:]...)
	<-p.done
	if ln.err = p.stream.err; ln.err != nil {
		return
	}
	ln.take(p.buffer, p.stream)
	ln.spare = append(ln.spare, p.stream)
	m.fetch(ln)
}

// fetch reads buffers of the lane in the background until enough are on their way.
func (m *merge) fetch(ln *lane) {
	for len(ln.queue) < m.ahead && len(ln.list) > 0 {
		s := &stream{log: m.log, chunk: maxBuffer}
		if n := len(ln.spare); n > 0 {
			s, ln.spare = ln.spare[n-1], ln.spare[:n-1]
		}
		p := pending{ln.list[0], s, make(chan struct{})}
		ln.list = ln.list[1:]
		ln.queue = append(ln.queue, p)
		m.work.Go(func() {
			m.slots <- struct{}{}
			p.stream.load(p.buffer)
			<-m.slots
			close(p.done)
		})
	}
}
