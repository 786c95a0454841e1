package srum

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"www.velocidex.com/golang/go-ese/parser"
)

// pages is what the library reads by: whole pages whose checksum was verified, and no more than it was given.
//
// The library swallows errors of reading and takes zeros instead, which end each of its loops. So a page that must
// not be read reads as an empty one, and when the budget is spent or the time is up, all pages do: it comes to its
// end soon. Each read costs its bytes and a flat price, about what the library may keep in memory for it.
type pages struct {
	header
	src    io.ReaderAt
	budget int64
	stop   atomic.Bool
	cache  [16]page
	damage map[int64]AnomalyKind // by offset
	err    error                 // of src
}

type page struct {
	end  int64 // offset of the page after it; 0 is an empty slot
	data []byte
}

const readPrice = 64

var errLimit = errors.New("limit")

// ReadAt reads within one page.
func (p *pages) ReadAt(b []byte, offset int64) (int, error) {
	p.budget -= readPrice + int64(len(b))
	if p.budget < 0 || p.stop.Load() || offset < 0 {
		return 0, errLimit
	}
	in := offset % p.pageSize
	data := p.page(offset - in)
	n := copy(b, data[min(in, int64(len(data))):])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// page returns the page at an offset, nothing if it is damaged.
func (p *pages) page(offset int64) []byte {
	slot := &p.cache[offset/p.pageSize%int64(len(p.cache))]
	if slot.end == offset+p.pageSize {
		return slot.data
	}
	if p.damage[offset] != 0 {
		return nil
	}
	buf := slot.data[:0]
	if int64(cap(buf)) < p.pageSize {
		buf = make([]byte, p.pageSize)
	}
	buf = buf[:p.pageSize]
	slot.end = 0
	if offset > p.size-p.pageSize {
		p.damage[offset] = Truncated
		return nil
	}
	if n, err := p.src.ReadAt(buf, offset); n < len(buf) {
		switch {
		case err == nil || err == io.EOF:
			p.damage[offset] = Truncated
		case p.err == nil:
			p.err = err
		}
		return nil
	}
	if !p.sound(buf, offset) {
		p.damage[offset] = BadPage
		return nil
	}
	*slot = page{end: offset + p.pageSize, data: buf}
	return buf
}

// sound reports whether a page matches its checksum. The first two pages are the header and its copy. Pages of more
// than 8 KB have several checksums of another kind, which are not looked at.
func (p *pages) sound(data []byte, offset int64) bool {
	number := offset/p.pageSize - 1
	return number < 1 || p.pageSize > 8<<10 || xor(data[8:], uint32(number)) == binary.LittleEndian.Uint32(data)
}

// xor returns the checksum of b, whose length is a multiple of 4: all words of 32 bits and the seed, exclusively
// ored.
func xor(b []byte, seed uint32) uint32 {
	for ; len(b) >= 4; b = b[4:] {
		seed ^= binary.LittleEndian.Uint32(b)
	}
	return seed
}

// run lets f read by the library within the limits, and notes for the table what stood in its way. If it returns
// false, f runs still: what f writes to must not be touched. The error is one of the io.ReaderAt.
func (db *Database) run(name string, f func(*parser.ESEContext) error) (ended bool, err error) {
	p := &pages{header: db.header, src: db.src, budget: db.limits.budget, damage: make(map[int64]AnomalyKind)}
	end := make(chan error, 1)
	go func() {
		var err error
		defer func() {
			// The library trusts what it reads.
			if v := recover(); v != nil {
				err = fmt.Errorf("failed with %v", v)
			}
			end <- err
		}()
		var ctx *parser.ESEContext
		if ctx, err = parser.NewESEContext(p, p.size); err == nil {
			ctx.MaxPage = 0 // no limit: a page beyond the end reads as empty, and the walk goes on
			err = f(ctx)
		}
	}()
	limit := time.NewTimer(db.limits.time)
	defer limit.Stop()
	var failure error
	select {
	case failure = <-end:
	case <-limit.C:
		db.note(LimitHit, name, 0, 1, fmt.Sprintf("reading it takes longer than %v", db.limits.time))
		p.stop.Store(true)
		limit.Reset(grace)
		select {
		case failure = <-end:
		case <-limit.C:
			return false, nil
		}
	}
	switch {
	case p.budget < 0:
		db.note(LimitHit, name, 0, 1, largeText)
	case failure != nil && p.err == nil && !p.stop.Load():
		db.note(BrokenTable, name, 0, 1, "the table cannot be read: "+failure.Error())
	}
	for _, kind := range []AnomalyKind{BadPage, Truncated} {
		first, count := int64(0), 0
		for offset, k := range p.damage {
			if k == kind {
				if count == 0 || offset < first {
					first = offset
				}
				count++
			}
		}
		if count > 0 {
			db.note(kind, name, first, count, damageText[kind])
		}
	}
	return true, p.err
}

var damageText = map[AnomalyKind]string{
	BadPage:   "a page does not match its checksum; left out",
	Truncated: "a page lies beyond the end of the file: it is cut off",
}
