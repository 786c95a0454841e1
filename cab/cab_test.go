package cab_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/etwhy/etwhy/cab"
	"github.com/etwhy/etwhy/cab/cabtest"
	"github.com/etwhy/etwhy/decode/cursor"
)

// build returns the bytes of a cabinet.
func build(t testing.TB, c cabtest.Cabinet) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := cabtest.Write(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// open returns a Reader of data.
func open(t testing.TB, data []byte) *cab.Reader {
	t.Helper()
	r, err := cab.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// content reads a file through its own Open.
func content(f *cab.File) ([]byte, error) {
	rc, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return io.ReadAll(rc)
}

// text makes n bytes that compress well; those of two seeds have little in common.
func text(seed, n int) []byte {
	var b bytes.Buffer
	rnd := rand.New(rand.NewPCG(uint64(seed), 1))
	for b.Len() < n {
		fmt.Fprintf(&b, "%d: event %d of %d\r\n", seed, rnd.IntN(1000), rnd.IntN(3))
	}
	return b.Bytes()[:n]
}

// noise makes n bytes that do not compress.
func noise(seed, n int) []byte {
	b := make([]byte, n)
	rnd := rand.New(rand.NewPCG(uint64(seed), 2))
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

var someTime = time.Date(2024, 2, 29, 23, 59, 58, 0, time.UTC)

// members are files of many sizes around the block size.
func members() []cabtest.File {
	return []cabtest.File{
		{Name: "empty.txt"},
		{Name: "report.etl", Data: text(1, 150_000), Modified: someTime, Attributes: 0x20},
		{Name: `sub\dir\one.bin`, Data: noise(2, 1)},
		{Name: `sub\noise.bin`, Data: noise(3, 70_000), Attributes: 0x21},
		{Name: "block.bin", Data: text(4, 32768)},
		{Name: "osinfo.txt", Data: text(5, 3_000)},
		{Name: `sub\end.txt`, Data: text(6, 40_000)},
		{Name: "last.txt"},
	}
}

func TestRead(t *testing.T) {
	tests := []struct {
		name   string
		change func(*cabtest.Cabinet)
	}{
		{"stored", func(c *cabtest.Cabinet) {}},
		{"mszip", func(c *cabtest.Cabinet) { c.Folders[0].Method = cabtest.MSZIP }},
		{"no checksums", func(c *cabtest.Cabinet) { c.NoChecksums = true }},
		{"reserved", func(c *cabtest.Cabinet) { c.HeaderReserve, c.FolderReserve, c.DataReserve = 6144, 17, 23 }},
		{"reserved large", func(c *cabtest.Cabinet) { c.HeaderReserve, c.FolderReserve, c.DataReserve = 60000, 255, 255 }},
		{"neighbours", func(c *cabtest.Cabinet) { c.Prev, c.Next = "a.cab", "c.cab" }},
		{"two folders", func(c *cabtest.Cabinet) {
			all := c.Folders[0].Files
			c.Folders = []cabtest.Folder{{Method: cabtest.MSZIP, Files: all[:3]}, {Method: cabtest.Stored, Files: all[3:5]}, {Method: cabtest.MSZIP, Files: all[5:]}}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := cabtest.Cabinet{Folders: []cabtest.Folder{{Files: members()}}}
			test.change(&c)
			data := build(t, c)
			r := open(t, append(data, "trailing signature"...))
			if r.Damage != nil {
				t.Errorf("Damage = %v", r.Damage)
			}
			var names []string
			i := 0
			for n, folder := range c.Folders {
				for _, want := range folder.Files {
					f := r.File[i]
					i++
					name := strings.ReplaceAll(want.Name, `\`, "/")
					names = append(names, name)
					if f.Name != name || f.RawName != want.Name || f.Size != int64(len(want.Data)) || f.Folder != n ||
						f.Method != cab.Method(folder.Method) || f.Attributes != want.Attributes || !f.Modified.Equal(want.Modified) {
						t.Errorf("header = %+v", f.FileHeader)
					}
					if got, err := content(f); err != nil || !bytes.Equal(got, want.Data) {
						t.Errorf("%s: %d bytes, err %v; want %d", name, len(got), err, len(want.Data))
					}
				}
			}
			if i != len(r.File) {
				t.Errorf("%d files, want %d", len(r.File), i)
			}
			if err := fstest.TestFS(r, names...); err != nil {
				t.Error(err)
			}
		})
	}
}

// countingReader counts how often each byte is read.
type countingReader struct {
	data  []byte
	times []int
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := bytes.NewReader(c.data).ReadAt(p, off)
	for i := range n {
		c.times[int(off)+i]++
	}
	return n, err
}

func TestOnePass(t *testing.T) {
	data := build(t, cabtest.Cabinet{Folders: []cabtest.Folder{
		{Method: cabtest.MSZIP, Files: members()},
		{Method: cabtest.Stored, Files: members()},
		{Method: cabtest.MSZIP, Files: members()},
	}})
	firstBlock := int(binary.LittleEndian.Uint32(data[36:]))
	c := &countingReader{data, make([]int, len(data))}
	r, err := cab.NewReader(c, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for at, n := range c.times[firstBlock+4096:] { // the lists are read 4 KB at a time
		if n != 0 {
			t.Fatalf("NewReader reads data at %d", firstBlock+4096+at)
		}
	}
	clear(c.times)
	for _, f := range r.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		size := f.Size
		if f.Name == "sub/noise.bin" {
			size /= 2 // who reads only a part does not disturb the rest
		}
		if _, err := io.CopyN(io.Discard, rc, size); err != nil {
			t.Fatal(err)
		}
		if err := rc.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for at, n := range c.times[firstBlock:] {
		if n != 1 {
			t.Fatalf("byte %d is read %d times", firstBlock+at, n)
		}
	}
}

// Files out of order and overlapping in the list come in the order of their data.
func TestOrder(t *testing.T) {
	all := text(1, 100_000)
	data := build(t, cabtest.Cabinet{Folders: []cabtest.Folder{{Method: cabtest.MSZIP, Files: []cabtest.File{
		{Name: "first", Data: all[:50_000]}, {Name: "second", Data: all[50_000:]},
	}}}})
	patchEntry(data, "first", func(e entry) { binary.LittleEndian.PutUint32(e[4:], 50_000) })
	patchEntry(data, "second", func(e entry) { binary.LittleEndian.PutUint32(e[4:], 10_000) })
	r := open(t, data)
	if r.File[0].Name != "second" || r.File[1].Name != "first" {
		t.Fatalf("order: %s, %s", r.File[0].Name, r.File[1].Name)
	}
	for _, f := range r.File {
		got, err := content(f)
		if want := all[f.Offset : f.Offset+f.Size]; err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", f.Name, len(got), err)
		}
	}
}

func TestConcurrent(t *testing.T) {
	files := members()
	r := open(t, build(t, cabtest.Cabinet{Folders: []cabtest.Folder{{Method: cabtest.MSZIP, Files: files}}}))
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 0))
			for range 20 {
				i := rnd.IntN(len(files))
				if got, err := content(r.File[i]); err != nil || !bytes.Equal(got, files[i].Data) {
					t.Errorf("%s: %d bytes, %v", r.File[i].Name, len(got), err)
				}
			}
		})
	}
	wg.Wait()
}

// An entry is a CFFILE.
type entry []byte

// patchEntry changes the CFFILE of the file called name.
func patchEntry(data []byte, name string, change func(entry)) {
	at := bytes.Index(data, append([]byte(name), 0))
	change(entry(data[at-16:]))
}

// A block is where a CFDATA lies, and what it holds.
type block struct {
	at, packed int // offset; size of the payload
	from, to   int // in the output of the folder
}

// blocksOf walks the CFDATA of a folder of a cabinet without reserved areas.
func blocksOf(data []byte, folder int) (blocks []block) {
	le := binary.LittleEndian
	head := data[36+8*folder:]
	at, out := int(le.Uint32(head)), 0
	for range le.Uint16(head[4:]) {
		b := block{at, int(le.Uint16(data[at+4:])), out, out + int(le.Uint16(data[at+6:]))}
		blocks = append(blocks, b)
		at, out = at+8+b.packed, b.to
	}
	return blocks
}

// A flipped bit costs the files in its block, and in MSZIP those that copy from it, nothing else.
func TestChecksum(t *testing.T) {
	files := members()
	for _, method := range []uint16{cabtest.Stored, cabtest.MSZIP} {
		good := build(t, cabtest.Cabinet{Folders: []cabtest.Folder{{Method: method, Files: files}}})
		blocks := blocksOf(good, 0)
		for i, b := range blocks {
			data := bytes.Clone(good)
			data[b.at+8+b.packed/2] ^= 4
			r := open(t, data)
			unharmed := 0
			for j, f := range r.File {
				got, err := content(f)
				want := files[j].Data
				start, end := int(f.Offset), int(f.Offset+f.Size)
				touched := f.Size > 0 && start < b.to && end > b.from
				switch {
				case !bytes.HasPrefix(want, got):
					t.Fatalf("method %d, block %d: %s has wrong bytes", method, i, f.Name)
				case touched && (!errors.Is(err, cab.ErrChecksum) || len(got) != max(0, b.from-start)):
					t.Errorf("method %d, block %d: %s gives %d bytes, err %v", method, i, f.Name, len(got), err)
				case touched:
					var where *cursor.FormatError
					if !errors.As(err, &where) || where.Offset != int64(b.at) {
						t.Errorf("method %d, block %d: %s: err %v does not say %#x", method, i, f.Name, err, b.at)
					}
				case (method == cabtest.Stored || end <= b.from) && (err != nil || len(got) != len(want)):
					t.Errorf("method %d, block %d: %s is not touched, but gives %d bytes, err %v", method, i, f.Name, len(got), err)
				case err == nil && f.Size > 0 && start >= b.to:
					unharmed++
				}
			}
			// noise.bin and the files after it copy nothing from the first blocks.
			if i == 0 && unharmed == 0 {
				t.Errorf("method %d: damage in block 0 costs all files after it", method)
			}
		}
	}
}

// Damage does not travel further than MSZIP copies it.
func TestDamageEnds(t *testing.T) {
	noisy := noise(1, 40_000)
	files := []cabtest.File{
		{Name: "damaged", Data: slices.Concat(noisy[:1000], noise(2, 31_768))}, // block 0
		{Name: "copies", Data: noisy[:1000]},                                   // from block 0
		{Name: "own", Data: noise(3, 500)},
		{Name: "copies2", Data: noisy[:1000]}, // from block 1 or 0
		{Name: "fill", Data: noise(4, 100_000)},
		{Name: "later", Data: text(5, 50_000)},
	}
	data := build(t, cabtest.Cabinet{Folders: []cabtest.Folder{{Method: cabtest.MSZIP, Files: files}}})
	data[blocksOf(data, 0)[0].at+500] ^= 1
	r := open(t, data)
	for i, want := range []bool{false, false, true, false, true, true} {
		got, err := content(r.File[i])
		if ok := err == nil && bytes.Equal(got, files[i].Data); ok != want || !ok && !errors.Is(err, cab.ErrChecksum) {
			t.Errorf("%s: %d bytes, err %v; want ok=%v", r.File[i].Name, len(got), err, want)
		}
	}
}

// No single damaged byte of the data gives wrong content.
func TestEveryByteDamaged(t *testing.T) {
	for _, method := range []uint16{cabtest.Stored, cabtest.MSZIP} {
		files := []cabtest.File{{Name: "a", Data: text(1, 200)}, {Name: "b", Data: bytes.Repeat([]byte("xyz"), 12_000)}, {Name: "c", Data: text(3, 300)}}
		if method == cabtest.Stored {
			files[1].Data = files[1].Data[:300]
		}
		good := build(t, cabtest.Cabinet{Folders: []cabtest.Folder{{Method: method, Files: files}, {Method: method, Files: files}}})
		for at := blocksOf(good, 0)[0].at; at < len(good); at++ {
			for _, bit := range []byte{0x01, 0x80, 0xFF} {
				data := bytes.Clone(good)
				data[at] ^= bit
				r := open(t, data)
				failed := 0
				for i, f := range r.File {
					got, err := content(f)
					if want := files[i%3].Data; !bytes.HasPrefix(want, got) || err == nil && len(got) != len(want) {
						t.Fatalf("method %d, byte %d ^ %#x: %s has wrong bytes", method, at, bit, f.Name)
					}
					if err != nil {
						failed++
						if !errors.Is(err, cab.ErrChecksum) && !errors.Is(err, cab.ErrFormat) {
							t.Fatalf("method %d, byte %d ^ %#x: %s: %v", method, at, bit, f.Name, err)
						}
					}
				}
				if failed == 0 || failed > 3 {
					t.Fatalf("method %d, byte %d ^ %#x: %d of 6 files fail; one folder is damaged", method, at, bit, failed)
				}
			}
		}
	}
}

// A cabinet that is cut off anywhere gives every file whose blocks are there.
func TestCut(t *testing.T) {
	files := members()[:4]
	files[1].Data = files[1].Data[:33_000]
	files[3].Data = files[3].Data[:400]
	for _, method := range []uint16{cabtest.Stored, cabtest.MSZIP} {
		good := build(t, cabtest.Cabinet{Folders: []cabtest.Folder{{Method: method, Files: files}, {Method: method, Files: files}}})
		blocks := [][]block{blocksOf(good, 0), blocksOf(good, 1)}
		step := 1
		for cut := 0; cut < len(good); cut += step {
			if method == cabtest.Stored && cut > 300 {
				step = 97
			}
			r, err := cab.NewReader(bytes.NewReader(good[:cut]), int64(cut))
			if err != nil {
				if !errors.Is(err, cab.ErrFormat) || cut >= blocks[0][0].at {
					t.Fatalf("cut at %d: %v", cut, err)
				}
				continue
			}
			if len(r.Damage) == 0 || cut >= blocks[0][0].at && len(r.File) != 8 {
				t.Fatalf("cut at %d: Damage = %v, %d files", cut, r.Damage, len(r.File))
			}
			for i, f := range r.File {
				there := 0
				for _, b := range blocks[f.Folder] {
					if b.at+8+b.packed <= cut {
						there = b.to
					}
				}
				got, err := content(f)
				want := files[i%4].Data[:min(int(f.Size), max(0, there-int(f.Offset)))]
				if !bytes.Equal(got, want) || (err == nil) != (int64(len(want)) == f.Size) || err != nil && !errors.Is(err, cab.ErrFormat) {
					t.Fatalf("method %d, cut at %d: %s in folder %d gives %d bytes, want %d of %d; err %v", method, cut, f.Name, f.Folder, len(got), len(want), f.Size, err)
				}
			}
		}
	}
}

func TestAlgorithm(t *testing.T) {
	data := build(t, cabtest.Cabinet{Folders: []cabtest.Folder{
		{Method: 2, Files: []cabtest.File{{Name: "q", Data: []byte("x")}}},
		{Method: 0x1503, Files: []cabtest.File{{Name: "l", Data: []byte("x")}}},
		{Method: 4, Files: []cabtest.File{{Name: "n", Data: []byte("x")}}},
		{Method: 0, Files: []cabtest.File{{Name: "s", Data: []byte("x")}}},
	}})
	r := open(t, data)
	for i, want := range []string{"Quantum", "LZX", "method 4", ""} {
		_, err := content(r.File[i])
		_, ferr := r.ReadFile(r.File[i].Name)
		if want == "" {
			if err != nil || ferr != nil {
				t.Errorf("stored: %v, %v", err, ferr)
			}
			continue
		}
		if !errors.Is(err, cab.ErrAlgorithm) || !errors.Is(ferr, cab.ErrAlgorithm) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", want, err, ferr)
		}
		if info, err := r.Stat(r.File[i].Name); err != nil || info.Size() != 1 {
			t.Errorf("Stat: %v, %v", info, err)
		}
	}
}

func TestSplit(t *testing.T) {
	setFolder := func(n uint16) func(entry) { return func(e entry) { binary.LittleEndian.PutUint16(e[8:], n) } }
	data := build(t, cabtest.Cabinet{Prev: "disk1.cab", Next: "disk3.cab", NoChecksums: true, Folders: []cabtest.Folder{
		{Files: []cabtest.File{{Name: "from prev", Data: []byte("abc")}, {Name: "same folder", Data: []byte("def")}}},
		{Files: []cabtest.File{{Name: "own", Data: []byte("ghi")}}},
		{Files: []cabtest.File{{Name: "whole", Data: text(1, 32768)}, {Name: "to next", Data: []byte("mno")}, {Name: "runs out", Data: []byte("mno")}}},
		{Files: []cabtest.File{{Name: "both", Data: []byte("jkl")}}},
	}})
	patchEntry(data, "from prev", setFolder(0xFFFD))
	patchEntry(data, "both", setFolder(0xFFFF))
	patchEntry(data, "to next", setFolder(0xFFFE))
	// The last folder's last block is cut in two: its size is in the next cabinet.
	last := bytes.LastIndex(data, []byte("jkl"))
	binary.LittleEndian.PutUint16(data[last-2:], 0)
	r := open(t, data)
	want := map[string]string{
		"from prev":   "disk1.cab",
		"same folder": "disk1.cab",
		"own":         "",
		"whole":       "",
		"to next":     "disk3.cab",
		"both":        "disk3.cab",
		"runs out":    "",
	}
	for _, f := range r.File {
		_, err := content(f)
		if cabinet := want[f.Name]; cabinet == "" && err != nil || cabinet != "" && (!errors.Is(err, cab.ErrAlgorithm) || !strings.Contains(err.Error(), cabinet)) {
			t.Errorf("%s: %v; want %q", f.Name, err, cabinet)
		}
	}

	// A file that is whole by its entry but not by its blocks.
	data = build(t, cabtest.Cabinet{Next: "disk2.cab", NoChecksums: true, Folders: []cabtest.Folder{
		{Files: []cabtest.File{{Name: "a", Data: []byte("abc")}}},
	}})
	binary.LittleEndian.PutUint16(data[len(data)-5:], 0)
	if _, err := content(open(t, data).File[0]); !errors.Is(err, cab.ErrAlgorithm) || !strings.Contains(err.Error(), "disk2.cab") {
		t.Errorf("split block: %v", err)
	}
}

func TestHostile(t *testing.T) {
	le := binary.LittleEndian
	hello := cabtest.File{Name: "hello", Data: []byte("hello, cabinet")}
	stored := cabtest.Cabinet{NoChecksums: true, Folders: []cabtest.Folder{{Files: []cabtest.File{hello}}}}
	mszip := cabtest.Cabinet{NoChecksums: true, Folders: []cabtest.Folder{{Method: cabtest.MSZIP, Files: []cabtest.File{hello}}}}
	tests := []struct {
		name    string
		cabinet cabtest.Cabinet
		change  func(data []byte, first block)
		newErr  bool  // NewReader fails
		damage  bool  // Reader.Damage is set
		err     error // of reading the first file
	}{
		{"sound", mszip, func([]byte, block) {}, false, false, nil},
		{"signature", stored, func(d []byte, _ block) { d[3] = 'X' }, true, false, nil},
		{"no files", stored, func(d []byte, _ block) { le.PutUint16(d[28:], 0) }, true, false, nil},
		{"65535 files", stored, func(d []byte, _ block) { le.PutUint16(d[28:], 65535) }, false, true, nil},
		{"65535 folders", stored, func(d []byte, _ block) { le.PutUint16(d[26:], 65535) }, true, false, nil},
		{"files past the end", stored, func(d []byte, _ block) { le.PutUint32(d[16:], 0xFFFFFFFF) }, true, false, nil},
		{"claims 4 GB", stored, func(d []byte, _ block) { le.PutUint32(d[8:], 0xFFFFFFFF) }, false, true, nil},
		{"file of 4 GB", mszip, func(d []byte, _ block) { patchEntry(d, "hello", func(e entry) { le.PutUint32(e, 0xFFFFFFFF) }) }, false, false, cab.ErrFormat},
		{"file at 4 GB", mszip, func(d []byte, _ block) { patchEntry(d, "hello", func(e entry) { le.PutUint32(e[4:], 0xFFFFFFFF) }) }, false, false, cab.ErrFormat},
		{"no such folder", stored, func(d []byte, _ block) { patchEntry(d, "hello", func(e entry) { e[8] = 1 }) }, false, false, cab.ErrFormat},
		{"continued, no set", stored, func(d []byte, _ block) { patchEntry(d, "hello", func(e entry) { le.PutUint16(e[8:], 0xFFFE) }) }, false, false, cab.ErrAlgorithm},
		{"no blocks", stored, func(d []byte, _ block) { le.PutUint16(d[40:], 0) }, false, false, cab.ErrFormat},
		{"65535 blocks", stored, func(d []byte, _ block) {
			le.PutUint16(d[40:], 65535)
			patchEntry(d, "hello", func(e entry) { le.PutUint32(e, 0xFFFF) })
		}, false, false, cab.ErrFormat},
		{"folder at 4 GB", stored, func(d []byte, _ block) { le.PutUint32(d[36:], 0xFFFFFFFF) }, false, false, cab.ErrFormat},
		{"folder in the header", stored, func(d []byte, _ block) { le.PutUint32(d[36:], 0) }, false, false, cab.ErrFormat},
		{"payload past the end", stored, func(d []byte, b block) { le.PutUint16(d[b.at+4:], 0xFFFF) }, false, false, cab.ErrFormat},
		{"block of 0", stored, func(d []byte, b block) { le.PutUint16(d[b.at+6:], 0) }, false, false, cab.ErrFormat},
		{"block of 32769", mszip, func(d []byte, b block) { le.PutUint16(d[b.at+6:], 32769) }, false, false, cab.ErrFormat},
		{"block too long", mszip, func(d []byte, b block) { d[b.at+6]-- }, false, false, cab.ErrFormat},
		{"block too short", mszip, func(d []byte, b block) { d[b.at+6]++ }, false, false, cab.ErrFormat},
		{"stored too long", stored, func(d []byte, b block) { d[b.at+6]-- }, false, false, cab.ErrFormat},
		{"no CK", mszip, func(d []byte, b block) { d[b.at+9] = 'L' }, false, false, cab.ErrFormat},
		{"bad DEFLATE", mszip, func(d []byte, b block) { d[b.at+10] |= 6 }, false, false, cab.ErrFormat},
		{"wrong checksum", stored, func(d []byte, b block) { d[b.at] = 1 }, false, false, cab.ErrChecksum},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data := build(t, test.cabinet)
			test.change(data, blocksOf(data, 0)[0])
			r, err := cab.NewReader(bytes.NewReader(data), int64(len(data)))
			if (err != nil) != test.newErr || err != nil && !errors.Is(err, cab.ErrFormat) {
				t.Fatalf("NewReader: %v", err)
			}
			if err != nil {
				return
			}
			if (r.Damage != nil) != test.damage {
				t.Errorf("Damage = %v", r.Damage)
			}
			got, err := r.ReadFile("hello")
			if !errors.Is(err, test.err) {
				t.Errorf("err = %v, want %v", err, test.err)
			}
			if err == nil && string(got) != string(hello.Data) {
				t.Errorf("%q", got)
			}
		})
	}
}

// A block that is damaged and lies about its size must not shift what follows.
func TestDamagedSize(t *testing.T) {
	files := []cabtest.File{{Name: "a", Data: text(1, 50_000)}, {Name: "b", Data: text(2, 50_000)}}
	data := build(t, cabtest.Cabinet{Folders: []cabtest.Folder{{Files: files}}})
	b := blocksOf(data, 0)[1]
	binary.LittleEndian.PutUint16(data[b.at+6:], 1000)
	r := open(t, data)
	got, err := content(r.File[0])
	if !errors.Is(err, cab.ErrChecksum) || len(got) != 32768 {
		t.Errorf("a: %d bytes, %v", len(got), err)
	}
	if got, err := content(r.File[1]); !errors.Is(err, cab.ErrChecksum) || len(got) != 0 {
		t.Errorf("b: %d bytes, %v", len(got), err)
	}
}

// Blocks that nothing proves are not taken after damage.
func TestNoChecksumAfterDamage(t *testing.T) {
	files := []cabtest.File{{Name: "a", Data: text(1, 32768)}, {Name: "b", Data: text(2, 32768)}, {Name: "c", Data: text(3, 32768)}}
	data := build(t, cabtest.Cabinet{Folders: []cabtest.Folder{{Files: files}}})
	blocks := blocksOf(data, 0)
	data[blocks[0].at+100] ^= 1
	binary.LittleEndian.PutUint32(data[blocks[1].at:], 0)
	r := open(t, data)
	for i, want := range []error{cab.ErrChecksum, cab.ErrChecksum, nil} {
		if _, err := content(r.File[i]); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", r.File[i].Name, err, want)
		}
	}
}

// allocated returns how many bytes f allocates, freed or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What a cabinet unpacks to, or claims, does not decide how much memory it takes.
func TestMemory(t *testing.T) {
	const blocks = 4000 // 131 MB of zeros
	data := build(t, cabtest.Cabinet{Folders: []cabtest.Folder{{Method: cabtest.MSZIP, Files: []cabtest.File{{Name: "zeros", Data: make([]byte, 65536)}}}}})
	data = append(data, bytes.Repeat(data[blocksOf(data, 0)[1].at:], blocks-2)...)
	binary.LittleEndian.PutUint16(data[40:], blocks)
	for _, claim := range []uint32{blocks * 32768, 0xFFFFFFFF} {
		patchEntry(data, "zeros", func(e entry) { binary.LittleEndian.PutUint32(e, claim) })
		n := allocated(func() {
			rc, err := open(t, data).File[0].Open()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.Copy(io.Discard, rc)
			if got != blocks*32768 || (err == nil) != (claim == blocks*32768) {
				t.Errorf("%d bytes, %v", got, err)
			}
		})
		if n > 1<<20 {
			t.Errorf("%d bytes allocated to stream %d", n, claim)
		}
	}

	data = build(t, cabtest.Cabinet{Folders: []cabtest.Folder{{Files: []cabtest.File{{Name: "small", Data: []byte("x")}}}}})
	patchEntry(data, "small", func(e entry) { binary.LittleEndian.PutUint32(e, 0x7FFFFFFF) })
	binary.LittleEndian.PutUint16(data[28:], 0xFFFF)
	if n := allocated(func() {
		if got, err := fs.ReadFile(open(t, data), "small"); string(got) != "x" || !errors.Is(err, cab.ErrFormat) {
			t.Errorf("%q, %v", got, err)
		}
	}); n > 1<<20 {
		t.Errorf("%d bytes allocated for 1", n)
	}
}

type failingReader struct {
	io.ReaderAt
	from int64
	err  error
}

func (r failingReader) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > r.from {
		return 0, r.err
	}
	return r.ReaderAt.ReadAt(p, off)
}

// A disk that fails is not a damaged cabinet, and a reader that ends early is not the end of a file.
func TestReadError(t *testing.T) {
	data := build(t, cabtest.Cabinet{Folders: []cabtest.Folder{{Files: []cabtest.File{{Name: "a", Data: noise(1, 100_000)}}}}})
	broken := errors.New("disk on fire")
	for _, err := range []error{broken, io.EOF} {
		want := cmp.Or(map[error]error{io.EOF: io.ErrUnexpectedEOF}[err], err)
		r, nerr := cab.NewReader(failingReader{bytes.NewReader(data), 40_000, err}, int64(len(data)))
		if nerr != nil {
			t.Fatal(nerr)
		}
		got, rerr := content(r.File[0])
		if len(got) != 32768 || !errors.Is(rerr, want) || errors.Is(rerr, cab.ErrFormat) {
			t.Errorf("%d bytes, %v; want %v", len(got), rerr, want)
		}
	}
	if _, err := cab.NewReader(failingReader{bytes.NewReader(data), 0, broken}, int64(len(data))); !errors.Is(err, broken) {
		t.Errorf("NewReader: %v", err)
	}
}

func TestClosed(t *testing.T) {
	r := open(t, build(t, cabtest.Cabinet{Folders: []cabtest.Folder{{Files: members()}}}))
	rc, err := r.File[1].Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := rc.Close(); err != nil {
		t.Error(err)
	}
	if _, err := rc.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Read: %v", err)
	}
	if err := rc.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Close: %v", err)
	}
	for _, name := range []string{"nothing", "sub/nothing", "su", "/", "sub/", `sub\noise.bin`} {
		if _, err := r.Open(name); err == nil {
			t.Errorf("Open(%q) works", name)
		}
	}
	if _, err := r.ReadDir("report.etl"); err == nil {
		t.Error("ReadDir of a file works")
	}
	info, err := r.Stat("report.etl")
	if err != nil || info.Sys() != &r.File[1].FileHeader {
		t.Errorf("Stat: %v, %v", info, err)
	}
}

func TestModified(t *testing.T) {
	tests := []struct {
		date, clock uint16
		want        string
	}{
		{0x3d9d, 0xb15a, "2010-12-29T22:10:52Z"}, // a real one
		{0x0021, 0x0000, "1980-01-01T00:00:00Z"},
		{0xFF9F, 0xBF7D, "2107-12-31T23:59:58Z"},
		{0x0000, 0x0000, "0001-01-01T00:00:00Z"},
		{0x0001, 0x0000, "0001-01-01T00:00:00Z"}, // month 0
		{0x0020, 0x0000, "0001-01-01T00:00:00Z"}, // day 0
		{0x01A1, 0x0000, "0001-01-01T00:00:00Z"}, // month 13
		{0x3a5d, 0x0000, "0001-01-01T00:00:00Z"}, // 29 February 2009
		{0x0021, 0xC000, "0001-01-01T00:00:00Z"}, // 24:00
		{0x0021, 0x001E, "0001-01-01T00:00:00Z"}, // 60 s
	}
	data := build(t, cabtest.Cabinet{Folders: []cabtest.Folder{{Files: []cabtest.File{{Name: "a"}}}}})
	for _, test := range tests {
		patchEntry(data, "a", func(e entry) {
			binary.LittleEndian.PutUint16(e[10:], test.date)
			binary.LittleEndian.PutUint16(e[12:], test.clock)
		})
		if got := open(t, data).File[0].Modified.Format(time.RFC3339); got != test.want {
			t.Errorf("%#04x %#04x: %s, want %s", test.date, test.clock, got, test.want)
		}
	}
}
