package etl

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"
)

// The examples of [MS-XCA] 3: the only bytes of LZNT1 and XPRESS-Huffman that come from Windows' own specification.
var xcaExamples = []struct {
	name   string
	format Compression
	packed string
	plain  string
}{
	{"xpress literals", XPRESS, "3f000000" + "6162636465666768696a6b6c6d6e6f707172737475767778797a", "abcdefghijklmnopqrstuvwxyz"},
	{"xpress long match", XPRESS, "ffffff1f" + "616263" + "17000fff2601", strings.Repeat("abc", 100)},
	{"huffman literals", XPRESSHuffman,
		strings.Repeat("00", 48) + "50" + strings.Repeat("55", 10) + "454404" + strings.Repeat("00", 66) + "04" + strings.Repeat("00", 127) +
			"d8523ed794115be9195ff9d67cdf8d0400000000", "abcdefghijklmnopqrstuvwxyz"},
	{"huffman long match", XPRESSHuffman,
		strings.Repeat("00", 48) + "3023" + strings.Repeat("00", 78) + "02" + strings.Repeat("00", 14) + "20" + strings.Repeat("00", 112) +
			"a8dc0000ff2601", strings.Repeat("abc", 100)},
	{"lznt1", LZNT1, "38b08846232000204720410010a24701a045204400084501507900c045200524138805b4024a44ef0358028c0916014845" +
		"00be009e000401189000",
		"F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D E A F# F# G A A G F# E D D E F# E D D\x00"},
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestInflateExamples(t *testing.T) {
	for _, ex := range xcaExamples {
		for _, step := range []int{1, 2, 3, 7, 64, 1 << 20} {
			got, err := inflateInSteps(newInflater(ex.format, unhex(t, ex.packed)), len(ex.plain), step)
			if err != nil || string(got) != ex.plain {
				t.Errorf("%s in steps of %d: %q, %v", ex.name, step, got, err)
			}
		}
	}
}

// inflateInSteps decompresses with a window that keeps no more than the format reaches back.
func inflateInSteps(in inflater, size, step int) ([]byte, error) {
	var all, window []byte
	for len(all) < size {
		if drop := len(window) - in.history(); drop > 0 {
			window = append([]byte(nil), window[drop:]...)
		}
		before := len(window)
		var err error
		window, err = in.inflate(window, before+min(step, size-len(all)))
		all = append(all, window[before:]...)
		if err != nil || len(window) == before {
			return all, err
		}
	}
	return all, nil
}

// TestInflateSteps: whatever the steps, the output is the same, on data that is mostly damage.
func TestInflateSteps(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, ex := range xcaExamples {
		packed := unhex(t, ex.packed)
		for range 2000 {
			damaged := bytes.Clone(packed)
			for range 1 + rng.IntN(3) {
				damaged[rng.IntN(len(damaged))] = byte(rng.Uint32())
			}
			const size = 3000
			whole, wholeErr := inflateInSteps(newInflater(ex.format, damaged), size, size)
			parts, partsErr := inflateInSteps(newInflater(ex.format, damaged), size, 1+rng.IntN(100))
			if !bytes.Equal(whole, parts) || (wholeErr == nil) != (partsErr == nil) {
				t.Fatalf("%s, %x:\nat once  %d bytes, %v\nin steps %d bytes, %v", ex.name, damaged, len(whole), wholeErr, len(parts), partsErr)
			}
		}
	}
}

func TestInflateDamage(t *testing.T) {
	for _, tt := range []struct {
		name   string
		format Compression
		packed string
		want   error
	}{
		{"xpress match before the start", XPRESS, "ffffffff" + "0000", errDistance},
		{"xpress length missing", XPRESS, "ffffff7f" + "61" + "0700", errInput},
		{"xpress long length below its minimum", XPRESS, "ffffff7f" + "61" + "0700" + "0f" + "ff" + "0100", errLength},
		{"huffman without table", XPRESSHuffman, "0011", errInput},
		{"huffman with too many codes", XPRESSHuffman, strings.Repeat("11", 260), errTable},
		{"lznt1 chunk cut off", LZNT1, "38b088", errInput},
		{"lznt1 match before the start", LZNT1, "02b0" + "01" + "0000", errDistance},
	} {
		if _, err := inflateInSteps(newInflater(tt.format, unhex(t, tt.packed)), 1000, 1000); err != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}
