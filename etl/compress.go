package etl

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// A Compression is the format of a log's compressed buffers (COMPRESSION_FORMAT_*, ntifs.h),
// which the State field of the first buffer names.
type Compression uint16

const (
	Uncompressed  Compression = 0
	LZNT1         Compression = 2 // [MS-XCA] 2.5
	XPRESS        Compression = 3 // [MS-XCA] 2.4, plain LZ77; what Windows writes
	XPRESSHuffman Compression = 4 // [MS-XCA] 2.2
)

// String returns the name that reports use.
func (c Compression) String() string {
	switch c {
	case Uncompressed:
		return "none"
	case LZNT1:
		return "lznt1"
	case XPRESS:
		return "xpress"
	case XPRESSHuffman:
		return "xpress-huffman"
	}
	return "unknown"
}

// An inflater decompresses one buffer in steps, so that memory follows what was produced and not what was claimed.
type inflater interface {
	// inflate appends to dst until its length is limit or the input ends. The caller keeps at least
	// history bytes of what was appended before at the end of dst.
	inflate(dst []byte, limit int) ([]byte, error)
	// history returns how far back the format reaches, in bytes.
	history() int
}

// newInflater returns the inflater of format c for src, or nil for a format that this package does not know.
func newInflater(c Compression, src []byte) inflater {
	switch c {
	case LZNT1:
		return &lznt1{src: src}
	case XPRESS, Uncompressed: // a compressed buffer in a log that names no format
		return &xpress{src: src}
	case XPRESSHuffman:
		return &xpressHuffman{src: src}
	}
	return nil
}

var (
	errDistance = errors.New("a match reaches back before the first byte")
	errInput    = errors.New("the compressed data ends inside a code")
	errLength   = errors.New("a match length is malformed")
	errTable    = errors.New("the Huffman table is malformed")
)

// A match is a copy that the limit of an inflate step cut off.
type match struct{ distance, left int }

// copy appends the rest of the match to dst, up to limit.
func (m *match) copy(dst []byte, limit int) ([]byte, error) {
	if m.distance > len(dst) {
		return dst, errDistance
	}
	n := min(m.left, limit-len(dst))
	m.left -= n
	at := len(dst)
	from := at - m.distance
	dst = dst[:at+n]
	if m.distance >= 8 {
		// Eight bytes at a time never read what this copy has yet to write. What is written
		// past the match is overwritten by what follows, or lies beyond len(dst).
		full := dst[:cap(dst)]
		for n > 0 && at+8 <= len(full) {
			binary.LittleEndian.PutUint64(full[at:], binary.LittleEndian.Uint64(full[from:]))
			at, from, n = at+8, from+8, n-8
		}
	}
	for ; n > 0; n-- {
		dst[at] = dst[from]
		at++
		from++
	}
	return dst, nil
}

// grow returns dst with room up to limit, and some more for copies of eight bytes at a time.
func grow(dst []byte, limit int) []byte {
	if cap(dst) >= limit {
		return dst
	}
	g := make([]byte, len(dst), limit+8)
	copy(g, dst)
	return g
}

// xpress is plain LZ77: groups of 32 flags, literals, and matches of 13 bits distance and 3 bits length,
// whose longer lengths continue in a half byte shared by two matches, a byte, two bytes, four bytes.
type xpress struct {
	src    []byte
	flags  uint32 // unread flags, from the top
	count  int    // how many
	nibble uint8  // high half of a shared byte
	shared bool   // nibble is waiting for its match
	match  match
}

func (x *xpress) history() int { return 8192 }

func (x *xpress) inflate(dst []byte, limit int) ([]byte, error) {
	dst = grow(dst, limit)
	var err error
	if x.match.left > 0 {
		if dst, err = x.match.copy(dst, limit); err != nil {
			return dst, err
		}
	}
	src, flags, count := x.src, x.flags, x.count
	full, at := dst[:cap(dst)], len(dst)
	for at < limit && len(src) > 0 {
		if count == 0 {
			if len(src) < 4 {
				src = nil
				break
			}
			flags, count = binary.LittleEndian.Uint32(src), 32
			src = src[4:]
		}
		if run := min(bits.LeadingZeros32(flags), count); run > 0 {
			n := min(run, len(src), limit-at)
			if n <= 8 && len(src) >= 8 && at+8 <= len(full) {
				binary.LittleEndian.PutUint64(full[at:], binary.LittleEndian.Uint64(src))
			} else {
				copy(full[at:], src[:n])
			}
			at += n
			src = src[n:]
			flags <<= n
			count -= n
			continue
		}
		if len(src) < 2 {
			src = nil // the flags of the last group that stand for nothing are ones
			break
		}
		flags <<= 1
		count--
		code := int(binary.LittleEndian.Uint16(src))
		src = src[2:]
		distance, length := code>>3+1, code&7+3
		if length < 10 && distance >= 8 && distance <= at && at+16 <= len(full) && at+length <= limit {
			// Most matches: at most nine bytes that this copy does not write itself.
			from := full[at-distance:]
			to := full[at:]
			v := binary.LittleEndian.Uint64(from)
			to[8] = from[8]
			binary.LittleEndian.PutUint64(to, v)
			if distance == 8 {
				to[8] = to[0]
			}
			at += length
			continue
		}
		if length == 10 {
			if length, src, err = x.longLength(src); err != nil {
				break
			}
			length += 3
		}
		x.match = match{distance, length}
		if dst, err = x.match.copy(full[:at], limit); err != nil {
			break
		}
		at = len(dst)
	}
	x.src, x.flags, x.count = src, flags, count
	return full[:at], err
}

// longLength reads what follows a length of 7 and returns the length in full, less the 3 of all lengths.
func (x *xpress) longLength(src []byte) (int, []byte, error) {
	n := int(x.nibble)
	if !x.shared {
		if len(src) < 1 {
			return 0, nil, errInput
		}
		n, x.nibble = int(src[0]&15), src[0]>>4
		src = src[1:]
	}
	x.shared = !x.shared
	if n < 15 {
		return n + 7, src, nil
	}
	if len(src) < 1 {
		return 0, nil, errInput
	}
	n, src = int(src[0]), src[1:]
	if n == 255 {
		var err error
		if n, src, err = wideLength(src); err != nil {
			return 0, nil, err
		}
		if n < 22 {
			return 0, nil, errLength
		}
		n -= 22
	}
	return n + 15 + 7, src, nil
}

// wideLength reads a length of two bytes or, where those are zero, of four.
func wideLength(src []byte) (int, []byte, error) {
	if len(src) < 2 {
		return 0, nil, errInput
	}
	n := uint64(binary.LittleEndian.Uint16(src))
	src = src[2:]
	if n == 0 {
		if len(src) < 4 {
			return 0, nil, errInput
		}
		n = uint64(binary.LittleEndian.Uint32(src))
		src = src[4:]
	}
	// No buffer is larger than maxBuffer, so a longer match only fills it up.
	return int(min(n, 2*maxBuffer)), src, nil
}

// lznt1 is a sequence of chunks of 4 KiB each, compressed on their own.
type lznt1 struct {
	src   []byte
	chunk []byte // plain bytes not handed out yet
	buf   [4096]byte
}

func (z *lznt1) history() int { return 0 }

func (z *lznt1) inflate(dst []byte, limit int) ([]byte, error) {
	dst = grow(dst, limit)
	for len(dst) < limit {
		if len(z.chunk) == 0 {
			if err := z.next(); err != nil || len(z.chunk) == 0 {
				return dst, err
			}
		}
		n := min(len(z.chunk), limit-len(dst))
		dst = append(dst, z.chunk[:n]...)
		z.chunk = z.chunk[n:]
	}
	return dst, nil
}

// next decompresses a chunk: 12 bits size less 3 (header included), 3 bits signature, 1 bit compressed.
func (z *lznt1) next() error {
	if len(z.src) < 2 {
		z.src = nil
		return nil
	}
	h := binary.LittleEndian.Uint16(z.src)
	if h == 0 {
		z.src = nil
		return nil
	}
	size := int(h&0xFFF) + 1
	if size > len(z.src)-2 {
		return errInput
	}
	in := z.src[2 : 2+size]
	z.src = z.src[2+size:]
	if h&0x8000 == 0 {
		z.chunk = in
		return nil
	}
	out := z.buf[:0]
	for len(in) > 0 {
		flags := in[0]
		in = in[1:]
		for bit := 0; bit < 8 && len(in) > 0; bit++ {
			if len(out) == cap(out) {
				return errLength
			}
			if flags>>bit&1 == 0 {
				out = append(out, in[0])
				in = in[1:]
				continue
			}
			if len(in) < 2 {
				return errInput
			}
			// The further into the chunk, the more of the 16 bits are distance.
			phrase := int(binary.LittleEndian.Uint16(in))
			in = in[2:]
			width := max(bits.Len(uint(len(out)-1)), 4)
			if len(out) == 0 {
				return errDistance
			}
			m := match{distance: phrase>>(16-width) + 1, left: phrase&(1<<(16-width)-1) + 3}
			var err error
			if out, err = m.copy(out, cap(out)); err != nil {
				return err
			}
			if m.left > 0 {
				return errLength
			}
		}
	}
	z.chunk = out
	return nil
}

// xpressHuffman is LZ77 whose literals and matches are Huffman coded, with a new table every 64 KiB of output.
type xpressHuffman struct {
	src   []byte
	next  uint32 // bits to come, from the top
	extra int    // valid bits in next beyond 16; below 0 at the end of the input
	block int    // output bytes until the next table
	match match

	counts  [16]uint16 // codes of each length
	symbols [512]uint16
}

func (x *xpressHuffman) history() int { return 65536 }

func (x *xpressHuffman) inflate(dst []byte, limit int) ([]byte, error) {
	dst = grow(dst, limit)
	var err error
	for len(dst) < limit {
		before := len(dst)
		switch {
		case x.match.left > 0:
			dst, err = x.match.copy(dst, limit)
		case x.block <= 0:
			if len(x.src) == 0 {
				return dst, nil
			}
			err = x.table()
		default:
			var symbol int
			if symbol, err = x.symbol(); err != nil {
				break
			}
			switch {
			case symbol < 256:
				dst = append(dst, byte(symbol))
			case symbol == 256 && len(x.src) == 0:
				x.block = 0 // the end mark
				return dst, nil
			default:
				err = x.startMatch(symbol - 256)
			}
		}
		if err != nil {
			return dst, err
		}
		x.block -= len(dst) - before
	}
	return dst, nil
}

// table reads 512 code lengths of 4 bits and the first 32 bits behind them.
func (x *xpressHuffman) table() error {
	if len(x.src) < 256+4 {
		return errInput
	}
	x.counts = [16]uint16{}
	for _, b := range x.src[:256] {
		x.counts[b&15]++
		x.counts[b>>4]++
	}
	var offsets [16]uint16
	space := 1 << 15
	for n := 1; n < 16; n++ {
		space -= int(x.counts[n]) << (15 - n)
		if n < 15 {
			offsets[n+1] = offsets[n] + x.counts[n]
		}
	}
	if space < 0 {
		return errTable
	}
	for s := range 512 {
		n := x.src[s/2] >> (4 * (s % 2)) & 15
		if n != 0 {
			x.symbols[offsets[n]] = uint16(s)
			offsets[n]++
		}
	}
	x.next = uint32(binary.LittleEndian.Uint16(x.src[256:]))<<16 | uint32(binary.LittleEndian.Uint16(x.src[258:]))
	x.extra = 16
	x.src = x.src[260:]
	x.block = 65536
	return nil
}

// symbol reads one code, canonical Huffman: codes of one length follow each other.
func (x *xpressHuffman) symbol() (int, error) {
	code, first, index := 0, 0, 0
	for n := 1; n < 16; n++ {
		code = code<<1 | int(x.next>>(32-n)&1)
		count := int(x.counts[n])
		if code-first < count {
			if !x.take(n) {
				return 0, errInput
			}
			return int(x.symbols[index+code-first]), nil
		}
		index += count
		first = (first + count) << 1
	}
	return 0, errTable
}

// take consumes n bits and refills. It reports whether there were n bits.
func (x *xpressHuffman) take(n int) bool {
	if n > 16+x.extra {
		return false
	}
	x.next <<= n
	x.extra -= n
	if x.extra < 0 {
		if len(x.src) < 2 {
			x.src = nil
			return true // these may have been the last
		}
		x.next |= uint32(binary.LittleEndian.Uint16(x.src)) << -x.extra
		x.src = x.src[2:]
		x.extra += 16
	}
	return true
}

func (x *xpressHuffman) startMatch(code int) error {
	length, width := code&15, code>>4
	if length == 15 {
		if len(x.src) < 1 {
			return errInput
		}
		length, x.src = int(x.src[0]), x.src[1:]
		if length == 255 {
			var err error
			if length, x.src, err = wideLength(x.src); err != nil {
				return err
			}
			if length < 15 {
				return errLength
			}
			length -= 15
		}
		length += 15
	}
	distance := 1 << width
	if width > 0 {
		distance += int(x.next >> (32 - width))
	}
	if !x.take(width) {
		return errInput
	}
	x.match = match{distance: distance, left: length + 3}
	return nil
}
