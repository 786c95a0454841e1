package cabtest

import (
	"encoding/binary"
	"math/bits"
)

// A deflater packs blocks of a folder as MSZIP. It uses the fixed Huffman codes only: compress/flate
// writes an incomplete distance code for a block with a single distance, such as one of zeros, which
// libmspack refuses, and its output changes with Go.
type deflater struct {
	plain []byte // all of the folder
	last  [1 << 15]int
	prev  []int // of each position: the one before that has the same hash, plus 1

	out  []byte
	bits uint64
	n    int // how many bits
}

const (
	minMatch = 4 // bytes that are hashed; DEFLATE could do 3
	maxMatch = 258
	maxTries = 64
)

// block packs plain[from:to], which may refer to the 32 KB before it. Blocks come in order.
func (d *deflater) block(from, to int) []byte {
	d.out, d.bits, d.n = []byte("CK"), 0, 0
	d.write(1, 1) // the last block of the stream
	d.write(1, 2) // with the fixed codes
	for at := from; at < to; {
		length, distance := d.match(at, to)
		if length < minMatch {
			length = 1
			d.literal(int(d.plain[at]))
		} else {
			d.length(length)
			d.distance(distance)
		}
		for range length {
			d.remember(at)
			at++
		}
	}
	d.literal(256) // end of block
	d.write(0, 7)  // fill the last byte
	if len(d.out) <= to-from+7 {
		return d.out
	}
	// Readers allow little more than that, which is one stored block.
	stored := []byte{'C', 'K', 1}
	stored = binary.LittleEndian.AppendUint16(stored, uint16(to-from))
	stored = binary.LittleEndian.AppendUint16(stored, ^uint16(to-from))
	return append(stored, d.plain[from:to]...)
}

func (d *deflater) hash(at int) uint32 {
	return binary.LittleEndian.Uint32(d.plain[at:]) * 2654435761 >> 17
}

// remember makes the string at position at known to match. Positions come in order.
func (d *deflater) remember(at int) {
	link := 0
	if at+minMatch <= len(d.plain) {
		h := d.hash(at)
		link, d.last[h] = d.last[h], at+1
	}
	d.prev = append(d.prev, link)
}

// match looks for the longest earlier string that is equal to the one at position at, before to.
func (d *deflater) match(at, to int) (length, distance int) {
	if at+minMatch > to {
		return 0, 0
	}
	limit := min(maxMatch, to-at)
	tries := 0
	for p := d.last[d.hash(at)] - 1; p >= 0 && at-p <= blockSize && tries < maxTries; p = d.prev[p] - 1 {
		n := 0
		for n < limit && d.plain[p+n] == d.plain[at+n] {
			n++
		}
		if n > length {
			length, distance = n, at-p
		}
		if n == limit {
			break
		}
		tries++
	}
	return length, distance
}

// write appends the low n bits of v, least significant first.
func (d *deflater) write(v, n int) {
	d.bits |= uint64(v) << d.n
	for d.n += n; d.n >= 8; d.n -= 8 {
		d.out = append(d.out, byte(d.bits))
		d.bits >>= 8
	}
}

// code appends a Huffman code, most significant bit first.
func (d *deflater) code(v, n int) {
	d.write(int(bits.Reverse16(uint16(v))>>(16-n)), n)
}

// literal appends a symbol of the literal and length alphabet. RFC 1951, 3.2.6.
func (d *deflater) literal(v int) {
	switch {
	case v < 144:
		d.code(0x30+v, 8)
	case v < 256:
		d.code(0x190+v-144, 9)
	case v < 280:
		d.code(v-256, 7)
	default:
		d.code(0xC0+v-280, 8)
	}
}

// length appends the symbol and the extra bits for a length. Four symbols share each number of
// extra bits; 258 has a symbol of its own.
func (d *deflater) length(length int) {
	if length == maxMatch {
		d.literal(285)
		return
	}
	v := length - 3
	extra := max(0, bits.Len(uint(v))-3)
	d.literal(257 + 4*extra + v>>extra)
	d.write(v&(1<<extra-1), extra)
}

// distance appends the symbol and the extra bits for a distance. Two symbols share each number of
// extra bits.
func (d *deflater) distance(distance int) {
	v := distance - 1
	extra := max(0, bits.Len(uint(v))-2)
	d.code(2*extra+v>>extra, 5)
	d.write(v&(1<<extra-1), extra)
}
