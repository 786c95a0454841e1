package cabtest

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// What the deflater writes, compress/flate reads, with the 32 KB before the block as dictionary.
func TestDeflater(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	// Runs, noise, and copies from all distances and of all lengths.
	var plain []byte
	for len(plain) < 10*blockSize+100 {
		switch n := rnd.IntN(600); rnd.IntN(4) {
		case 0:
			plain = append(plain, bytes.Repeat([]byte{byte(n)}, n)...)
		case 1:
			for range n {
				plain = append(plain, byte(rnd.Uint32()))
			}
		default:
			if at := len(plain) - 1 - rnd.IntN(2*blockSize); at >= 0 {
				plain = append(plain, plain[at:min(len(plain), at+n)]...)
			}
		}
	}
	for i := range 2 * blockSize { // a block that does not compress
		plain[5*blockSize+i] = byte(rnd.Uint32())
	}
	d := deflater{plain: plain}
	total := 0
	for at := 0; at < len(plain); at += blockSize {
		end := min(at+blockSize, len(plain))
		packed := d.block(at, end)
		total += len(packed)
		if len(packed) > end-at+7 || string(packed[:2]) != "CK" {
			t.Fatalf("block at %d: %d bytes, %q", at, len(packed), packed[:2])
		}
		got, err := io.ReadAll(flate.NewReaderDict(bytes.NewReader(packed[2:]), plain[max(0, at-blockSize):at]))
		if err != nil || !bytes.Equal(got, plain[at:end]) {
			t.Fatalf("block at %d: %d bytes, %v", at, len(got), err)
		}
	}
	if total > len(plain)*7/10 {
		t.Errorf("%d bytes become %d: no matches found", len(plain), total)
	}
}

func TestWrite(t *testing.T) {
	c := Cabinet{Folders: []Folder{{Method: MSZIP, Files: []File{
		{Name: "a", Data: bytes.Repeat([]byte("abc"), 30_000), Modified: time.Date(1979, 12, 31, 0, 0, 0, 0, time.UTC)},
	}}}}
	var first, second bytes.Buffer
	if err := Write(&first, c); err != nil {
		t.Fatal(err)
	}
	if err := Write(&second, c); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Errorf("not the same twice: %v", err)
	}
	for _, name := range []string{strings.Repeat("x", 256), "a\x00b"} {
		c := Cabinet{Folders: []Folder{{Files: []File{{Name: name}}}}}
		if err := Write(io.Discard, c); err == nil {
			t.Errorf("name %.10q is written", name)
		}
	}
}
