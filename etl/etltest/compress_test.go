package etltest

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var errStream = errors.New("damaged stream")

// unpackXpress is a plain decoder of [MS-XCA] 2.4.
func unpackXpress(in []byte, size int) (out []byte, err error) {
	defer func() {
		if recover() != nil { // any read past the end
			err = errStream
		}
	}()
	var flags uint32
	count, nibble, i := 0, -1, 0
	for len(out) < size {
		if count == 0 {
			flags, count = le.Uint32(in[i:]), 32
			i += 4
		}
		count--
		if flags>>count&1 == 0 {
			out = append(out, in[i])
			i++
			continue
		}
		m := int(le.Uint16(in[i:]))
		i += 2
		length := m & 7
		if length == 7 {
			if nibble < 0 {
				length, nibble = int(in[i]&15), i
				i++
			} else {
				length, nibble = int(in[nibble]>>4), -1
			}
			if length == 15 {
				length = int(in[i])
				i++
				if length == 255 {
					length = int(le.Uint16(in[i:]))
					i += 2
					if length == 0 {
						length = int(le.Uint32(in[i:]))
						i += 4
					}
					length -= 22
				}
				length += 15
			}
			length += 7
		}
		for at := len(out) - m>>3 - 1; length+3 > 0; length-- {
			out = append(out, out[at])
			at++
		}
	}
	if i != len(in) && (len(in)-i != 4 || count != 0) {
		return out, fmt.Errorf("%d bytes left", len(in)-i)
	}
	return out, nil
}

// unpackLZNT1 is a plain decoder of [MS-XCA] 2.5.
func unpackLZNT1(in []byte, size int) (out []byte, err error) {
	defer func() {
		if recover() != nil {
			err = errStream
		}
	}()
	for i := 0; i < len(in) && len(out) < size; {
		header := le.Uint16(in[i:])
		i += 2
		if header == 0 {
			break
		}
		end := i + int(header&0xFFF) + 1
		if header&0x7000 != 0x3000 {
			return nil, fmt.Errorf("chunk header %#x", header)
		}
		if header&0x8000 == 0 {
			out = append(out, in[i:end]...)
			i = end
			continue
		}
		start := len(out)
		for i < end {
			flags := in[i]
			i++
			for bit := 0; bit < 8 && i < end; bit++ {
				if flags>>bit&1 == 0 {
					out = append(out, in[i])
					i++
					continue
				}
				lengthBits := 12
				for n := len(out) - start; n > 1<<(16-lengthBits); {
					lengthBits--
				}
				m := int(le.Uint16(in[i:]))
				i += 2
				at := len(out) - m>>lengthBits - 1
				if at < start {
					return nil, errStream
				}
				for n := m&(1<<lengthBits-1) + 3; n > 0; n-- {
					out = append(out, out[at])
					at++
				}
			}
		}
	}
	return out, nil
}

// unpackXpressHuff is a plain decoder of [MS-XCA] 2.2, one bit at a time.
func unpackXpressHuff(in []byte, size int) (out []byte, err error) {
	defer func() {
		if recover() != nil {
			err = errStream
		}
	}()
	for i := 0; len(out) < size; {
		var lengths [512]int
		for s := range lengths {
			lengths[s] = int(in[i+s/2] >> (4 * (s & 1)) & 15)
		}
		type codeword struct{ n, code int }
		symbols, code := map[codeword]int{}, 0
		for n := 1; n <= 15; n++ {
			for s, l := range lengths {
				if l == n {
					symbols[codeword{n, code}] = s
					code++
				}
			}
			code <<= 1
		}
		i += 256
		word := uint32(le.Uint16(in[i:]))<<16 | uint32(le.Uint16(in[i+2:]))
		i += 4
		extra := 16
		bits := func(n int) int {
			v := int(uint64(word) << n >> 32)
			word <<= n
			if extra -= n; extra < 0 {
				if i+2 <= len(in) {
					word |= uint32(le.Uint16(in[i:])) << -extra
				}
				i += 2
				extra += 16
			}
			return v
		}
		for end := min(size, len(out)+1<<16); len(out) < end; {
			// A code is consumed whole, so that the next word is fetched where the writer put it.
			symbol, n, ok := 0, 1, false
			for ; n <= 15; n++ {
				if symbol, ok = symbols[codeword{n, int(word >> (32 - n))}]; ok {
					break
				}
			}
			if !ok {
				return nil, errStream
			}
			bits(n)
			if symbol < 256 {
				out = append(out, byte(symbol))
				continue
			}
			length, distBits := symbol&15, symbol>>4&15
			if length == 15 {
				length = int(in[i])
				i++
				if length == 255 {
					length = int(le.Uint16(in[i:])) - 15
					i += 2
				}
				length += 15
			}
			at := len(out) - 1<<distBits - bits(distBits)
			for length += 3; length > 0; length-- {
				out = append(out, out[at])
				at++
			}
		}
	}
	return out, nil
}

var unpackers = map[Compression]func(in []byte, size int) ([]byte, error){
	Xpress: unpackXpress, LZNT1: unpackLZNT1, XpressHuff: unpackXpressHuff,
}

// TestUnpackers holds the decoders above against the examples of [MS-XCA] 3.1 and 3.3.
func TestUnpackers(t *testing.T) {
	for _, test := range []struct {
		c         Compression
		in, plain string
	}{
		{Xpress, "3f0000006162636465666768696a6b6c6d6e6f707172737475767778797a", "abcdefghijklmnopqrstuvwxyz"},
		{Xpress, "ffffff1f61626317000fff2601", strings.Repeat("abc", 100)},
		{LZNT1, "38b08846232000204720410010a24701a045204400084501507900c045200524138805b4024a44ef0358028c091601484500be009e000401189000",
			"F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D E A F# F# G A A G F# E D D E F# E D D\x00"},
	} {
		in, err := hex.DecodeString(test.in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpackers[test.c](in, len(test.plain))
		if err != nil || string(got) != test.plain {
			t.Errorf("%s: %q, %v, want %q", compressionWords[test.c], got, err, test.plain)
		}
	}
}

// plainTexts are data that take the compressors through all their branches.
func plainTexts(t *testing.T) map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	texts := map[string][]byte{"16 MiB of zeros": make([]byte, 16<<20)}
	var log bytes.Buffer
	if _, err := Generate(&log, Log{}, 300_000); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 2, 3, 4, 31, 32, 33, 100, 277, 278, 300, 4095, 4096, 4097, 65535, 65536, 65537, 200_000} {
		noise, few := make([]byte, n), make([]byte, n)
		for i := range n {
			noise[i], few[i] = byte(r.Uint32()), byte(r.IntN(3))
		}
		texts[fmt.Sprint(n, " random bytes")] = noise
		texts[fmt.Sprint(n, " bytes of three values")] = few
		texts[fmt.Sprint(n, " zeros")] = make([]byte, n)
		texts[fmt.Sprint(n, " bytes of abc")] = bytes.Repeat([]byte("abc"), n)[:n]
		texts[fmt.Sprint(n, " bytes of a log")] = log.Bytes()[65536:][:n]
	}
	return texts
}

func TestCompress(t *testing.T) {
	for name, plain := range plainTexts(t) {
		for c, unpack := range unpackers {
			packed := compressors[c]([]byte("before"), plain)
			got, err := unpack(packed[6:], len(plain))
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s, %s: %d bytes of %d, %v", compressionWords[c], name, len(got), len(plain), err)
			}
			if strings.Contains(name, "of abc") && len(plain) > 300 && len(packed) > len(plain)/10+300 {
				t.Errorf("%s, %s: packed to %d", compressionWords[c], name, len(packed))
			}
		}
	}
}

// TestXpressHuff7zz puts XPRESS Huffman streams where another program reads them: in a Windows
// image (WIM), whose resources are chunks of 32 KiB in that format.
func TestXpressHuff7zz(t *testing.T) {
	program, err := exec.LookPath("7zz")
	if err != nil {
		t.Skip("no 7zz")
	}
	const chunk = 32768
	var plain []byte
	for _, text := range plainTexts(t) {
		if len(text) <= 1<<20 {
			plain = append(plain, text...)
		}
	}
	var table, packed []byte
	for i := 0; i < len(plain); i += chunk {
		if i > 0 {
			table = le.AppendUint32(table, uint32(len(packed)))
		}
		part := plain[i:min(i+chunk, len(plain))]
		if p := appendXpressHuff(nil, part); len(p) < len(part) {
			part = p
		}
		packed = append(packed, part...)
	}
	packed = append(table, packed...)
	const header = 208
	resource := func(b []byte, size, flags, offset, plain int) []byte {
		b = le.AppendUint64(b, uint64(size)|uint64(flags)<<56)
		return le.AppendUint64(le.AppendUint64(b, uint64(offset)), uint64(plain))
	}
	lookup := resource(nil, len(packed), 4, header, len(plain))
	lookup = append(lookup, 1, 0, 1, 0, 0, 0)
	sum := sha1.Sum(plain)
	lookup = append(lookup, sum[:]...)
	wim := []byte("MSWIM\x00\x00\x00")
	for _, v := range []uint32{header, 0x10D00, 0x20002, chunk, 1, 2, 3, 4, 1 | 1<<16, 0} {
		wim = le.AppendUint32(wim, v)
	}
	wim = resource(wim, len(lookup), 2, header+len(packed), len(lookup))
	wim = append(wim, make([]byte, header-len(wim))...)
	wim = append(append(wim, packed...), lookup...)
	name := filepath.Join(t.TempDir(), "t.wim")
	if err := os.WriteFile(name, wim, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "x", "-so", name).Output()
	if !bytes.Equal(out, plain) {
		t.Errorf("7zz unpacked %d bytes of %d: %v", len(out), len(plain), err)
	}
}
