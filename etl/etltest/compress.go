package etltest

import (
	"container/heap"
	"encoding/binary"
	"math/bits"
)

// A Compression is the way in which the buffers after the first are stored.
type Compression int

// The compressions of Windows that a log can name in its first buffer.
const (
	Plain      Compression = iota
	LZNT1                  // 4 KiB chunks, never seen in a real log
	Xpress                 // XPRESS plain LZ77: what Windows writes
	XpressHuff             // XPRESS with Huffman codes, never seen in a real log
)

var (
	compressionWords = []string{Plain: "none", LZNT1: "lznt1", Xpress: "xpress", XpressHuff: "xpresshuff"}

	// compressionStates are the State of the header buffer: COMPRESSION_FORMAT_*. 3 is also the
	// ordinary state of a buffer, "flush".
	compressionStates = []uint32{Plain: 3, LZNT1: 2, Xpress: 3, XpressHuff: 4}

	compressors = []func(dst, src []byte) []byte{Plain: nil, LZNT1: appendLZNT1, Xpress: appendXpress, XpressHuff: appendXpressHuff}
)

// A matcher finds earlier copies of the bytes at a position: one candidate per hash, the latest.
type matcher struct {
	src  []byte
	head [1 << 14]int32 // position + 1 of the last three bytes with this hash
}

// match returns the distance and length of an earlier copy of src[i:end] that starts at or after
// low, or 0, 0 if there is none of at least three bytes, and remembers position i.
func (m *matcher) match(i, end, low int) (dist, n int) {
	if i+3 > end {
		return 0, 0
	}
	h := (uint32(m.src[i]) | uint32(m.src[i+1])<<8 | uint32(m.src[i+2])<<16) * 0x9E3779B1 >> 18
	at := int(m.head[h]) - 1
	m.head[h] = int32(i + 1)
	if at < low || at < 0 {
		return 0, 0
	}
	for i+n+8 <= end {
		if x := binary.LittleEndian.Uint64(m.src[at+n:]) ^ binary.LittleEndian.Uint64(m.src[i+n:]); x != 0 {
			n += bits.TrailingZeros64(x) / 8
			break
		}
		n += 8
	}
	for i+n < end && m.src[at+n] == m.src[i+n] {
		n++
	}
	if n < 3 {
		return 0, 0
	}
	return i - at, n
}

// appendXpress appends src as an XPRESS plain LZ77 stream ([MS-XCA] 2.3).
func appendXpress(dst, src []byte) []byte {
	m := matcher{src: src}
	flagsAt, flags, n := len(dst), uint32(0), 0
	dst = append(dst, 0, 0, 0, 0)
	nibble := -1 // where the high half of a length byte is still free
	for i := 0; i < len(src); {
		dist, length := m.match(i, len(src), i-8192)
		if length == 0 {
			dst = append(dst, src[i])
			flags <<= 1
			i++
		} else {
			i += length
			dst, nibble = appendXpressMatch(dst, nibble, dist, length-3)
			flags = flags<<1 | 1
		}
		if n++; n == 32 {
			binary.LittleEndian.PutUint32(dst[flagsAt:], flags)
			flagsAt, flags, n = len(dst), 0, 0
			dst = append(dst, 0, 0, 0, 0)
		}
	}
	flags = uint32(uint64(flags)<<(32-n) | (1<<(32-n) - 1))
	binary.LittleEndian.PutUint32(dst[flagsAt:], flags)
	return dst
}

// appendXpressMatch appends one match; extra is its length less three. The length spills from 3
// bits to a nibble, a byte, two bytes and four.
func appendXpressMatch(dst []byte, nibble, dist, extra int) ([]byte, int) {
	word := uint16(dist-1) << 3
	if extra < 7 {
		return binary.LittleEndian.AppendUint16(dst, word|uint16(extra)), nibble
	}
	dst = binary.LittleEndian.AppendUint16(dst, word|7)
	half := byte(min(extra-7, 15))
	if nibble < 0 {
		nibble = len(dst)
		dst = append(dst, half)
	} else {
		dst[nibble] |= half << 4
		nibble = -1
	}
	switch {
	case half < 15:
	case extra-22 < 255:
		dst = append(dst, byte(extra-22))
	case extra <= 0xFFFF:
		dst = binary.LittleEndian.AppendUint16(append(dst, 255), uint16(extra))
	default:
		dst = binary.LittleEndian.AppendUint32(append(dst, 255, 0, 0), uint32(extra))
	}
	return dst, nibble
}

// appendLZNT1 appends src as an LZNT1 stream ([MS-XCA] 2.5).
func appendLZNT1(dst, src []byte) []byte {
	const chunk = 4096
	m := matcher{src: src}
	for start := 0; start < len(src); start += chunk {
		end := min(start+chunk, len(src))
		headerAt := len(dst)
		dst = append(dst, 0, 0)
		for i, flagsAt, n := start, 0, 8; i < end; n++ {
			if n == 8 {
				n, flagsAt = 0, len(dst)
				dst = append(dst, 0)
			}
			lengthBits := uint(12)
			for p := i - start - 1; p >= 0x10; p >>= 1 {
				lengthBits--
			}
			dist, length := m.match(i, min(end, i+1<<lengthBits+2), start)
			if length == 0 {
				dst = append(dst, src[i])
				i++
				continue
			}
			dst = binary.LittleEndian.AppendUint16(dst, uint16(dist-1)<<lengthBits|uint16(length-3))
			dst[flagsAt] |= 1 << n
			i += length
		}
		const compressed, signature = 0x8000, 0x3000
		header := compressed | signature | uint16(len(dst)-headerAt-3)
		if len(dst)-headerAt-2 > end-start { // it grew: stored as it is
			dst = append(dst[:headerAt+2], src[start:end]...)
			header = signature | uint16(end-start-1)
		}
		binary.LittleEndian.PutUint16(dst[headerAt:], header)
	}
	return dst
}

// appendXpressHuff appends src as an XPRESS Huffman stream ([MS-XCA] 2.1): for every 64 KiB a table
// of 512 code lengths, then codes.
func appendXpressHuff(dst, src []byte) []byte {
	const block, end = 1 << 16, 256
	type item struct{ dist, extra int } // dist 0: a literal
	m := matcher{src: src}
	for start := 0; start == 0 || start < len(src); start += block {
		stop := min(start+block, len(src))
		var items []item
		var count [512]int
		for i := start; i < stop; {
			dist, length := m.match(i, stop, i-0xFFFF)
			if length == 0 {
				items = append(items, item{0, int(src[i])})
				count[src[i]]++
				i++
				continue
			}
			items = append(items, item{dist, length - 3})
			count[huffSymbol(dist, length-3)]++
			i += length
		}
		last := stop == len(src)
		if last {
			count[end]++
		}
		lengths, codes := huffCodes(count[:])
		w := huffWriter{dst: dst}
		for s := 0; s < len(lengths); s += 2 {
			w.dst = append(w.dst, lengths[s]|lengths[s+1]<<4)
		}
		w.open()
		for _, it := range items {
			if it.dist == 0 {
				w.bits(int(lengths[it.extra]), codes[it.extra])
				continue
			}
			s := huffSymbol(it.dist, it.extra)
			w.bits(int(lengths[s]), codes[s])
			if it.extra >= 15 {
				if it.extra-15 < 255 {
					w.dst = append(w.dst, byte(it.extra-15))
				} else {
					w.dst = binary.LittleEndian.AppendUint16(append(w.dst, 255), uint16(it.extra))
				}
			}
			n := bits.Len(uint(it.dist)) - 1
			w.bits(n, uint32(it.dist)&(1<<n-1))
		}
		if last {
			w.bits(int(lengths[end]), codes[end])
		}
		dst = w.close()
	}
	return dst
}

// huffSymbol returns the symbol of a match: the size of the distance and the start of the length.
func huffSymbol(dist, extra int) int {
	return 256 + (bits.Len(uint(dist))-1)<<4 + min(extra, 15)
}

// A huffWriter writes bits in 16-bit words. The reader fetches two words ahead, so the places of
// two words are taken before the bytes that follow them.
type huffWriter struct {
	dst      []byte
	at, next int
	word     uint32
	free     int
}

func (w *huffWriter) open() {
	w.at, w.next, w.free = len(w.dst), len(w.dst)+2, 16
	w.dst = append(w.dst, 0, 0, 0, 0)
}

func (w *huffWriter) bits(n int, v uint32) {
	if n <= w.free {
		w.free -= n
		w.word = w.word<<n | v
		return
	}
	w.word = w.word<<w.free | v>>(n-w.free)
	binary.LittleEndian.PutUint16(w.dst[w.at:], uint16(w.word))
	w.at, w.next = w.next, len(w.dst)
	w.dst = append(w.dst, 0, 0)
	w.free += 16 - n
	w.word = v
}

func (w *huffWriter) close() []byte {
	binary.LittleEndian.PutUint16(w.dst[w.at:], uint16(w.word<<w.free))
	return w.dst
}

// huffCodes returns canonical code lengths of at most 15 bits and the codes.
func huffCodes(count []int) (lengths [512]byte, codes [512]uint32) {
	for scale := 0; ; scale++ {
		lengths = huffLengths(count, scale)
		longest := byte(0)
		for _, n := range lengths {
			longest = max(longest, n)
		}
		if longest <= 15 {
			break
		}
	}
	code := uint32(0)
	for n := byte(1); n <= 15; n++ {
		for s, l := range lengths {
			if l == n {
				codes[s] = code
				code++
			}
		}
		code <<= 1
	}
	return lengths, codes
}

// A huffNode is a tree of symbols. Trees are ordered by weight, then by age.
type huffNode struct {
	weight, age int
	symbols     []int
}

type huffHeap []huffNode

func (h huffHeap) Len() int { return len(h) }
func (h huffHeap) Less(i, j int) bool {
	return h[i].weight < h[j].weight || h[i].weight == h[j].weight && h[i].age < h[j].age
}
func (h huffHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *huffHeap) Push(x any)   { *h = append(*h, x.(huffNode)) }
func (h *huffHeap) Pop() any {
	last := len(*h) - 1
	n := (*h)[last]
	*h = (*h)[:last]
	return n
}

// huffLengths returns the depth of each symbol in the Huffman tree of the counts divided by 2^scale:
// the flatter the counts, the shallower the tree.
func huffLengths(count []int, scale int) (lengths [512]byte) {
	var h huffHeap
	for s, n := range count {
		if n > 0 {
			h = append(h, huffNode{n>>scale + 1, s, []int{s}})
		}
	}
	for s := 0; len(h) < 2; s++ { // a tree needs two leaves
		if count[s] == 0 {
			h = append(h, huffNode{1, s, []int{s}})
		}
	}
	heap.Init(&h)
	for age := len(count); len(h) > 1; age++ {
		a, b := heap.Pop(&h).(huffNode), heap.Pop(&h).(huffNode)
		symbols := append(a.symbols, b.symbols...)
		for _, s := range symbols {
			lengths[s]++
		}
		heap.Push(&h, huffNode{a.weight + b.weight, age, symbols})
	}
	return lengths
}
