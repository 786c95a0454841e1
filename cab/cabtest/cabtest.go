// Package cabtest writes small cabinets, for tests and demonstrations. It shares no code with
// package cab, so that each checks the other, and everything is built in memory.
package cabtest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// Compression methods. Under any other number blocks are written as they are, which makes a
// cabinet that only looks as if it had that method.
const (
	Stored = 0
	MSZIP  = 1
)

// A Cabinet is what [Write] writes.
type Cabinet struct {
	Folders    []Folder
	Prev, Next string // names of the neighbours in a set; "" for none

	// Sizes of the reserved areas, which are filled with 0xA5.
	HeaderReserve, FolderReserve, DataReserve int

	NoChecksums bool // write 0, which means "none"
}

// A Folder is packed as one stream.
type Folder struct {
	Method uint16
	Files  []File
}

// A File is a member. Name is written as it is, with any bytes but NUL; the format wants backslashes
// between directories. Modified is written as the wall clock that it shows in its location, cut to 2 s.
type File struct {
	Name       string
	Data       []byte
	Modified   time.Time
	Attributes uint16
}

const blockSize = 1 << 15 // bytes of output per CFDATA

// Write writes c to w. The same cabinet gives the same bytes under the same version of Go.
// It fails if something does not fit the format's fields, or w fails.
func Write(w io.Writer, c Cabinet) error {
	var front, folders, files, data []byte
	le := binary.LittleEndian

	nFiles := 0
	var blocks [][]byte // the CFDATA of each folder
	for i, folder := range c.Folders {
		packed, n, err := c.pack(folder)
		if err != nil {
			return fmt.Errorf("cabtest: folder %d: %w", i, err)
		}
		blocks = append(blocks, packed)
		folders = le.AppendUint32(folders, 0) // offset, known when all else is
		folders = le.AppendUint16(folders, uint16(n))
		folders = le.AppendUint16(folders, folder.Method)
		folders = appendReserve(folders, c.FolderReserve)

		offset := 0
		for _, f := range folder.Files {
			if len(f.Name) > 255 || strings.IndexByte(f.Name, 0) >= 0 {
				return fmt.Errorf("cabtest: name %q is too long or has a NUL", f.Name)
			}
			files = le.AppendUint32(files, uint32(len(f.Data)))
			files = le.AppendUint32(files, uint32(offset))
			files = le.AppendUint16(files, uint16(i))
			files = appendTime(files, f.Modified)
			files = le.AppendUint16(files, f.Attributes)
			files = append(append(files, f.Name...), 0)
			offset += len(f.Data)
			nFiles++
		}
	}
	if len(c.Folders) > math.MaxUint16 || nFiles > math.MaxUint16 {
		return fmt.Errorf("cabtest: %d folders, %d files: too many", len(c.Folders), nFiles)
	}

	var flags uint16
	var names, reserve []byte
	for i, name := range []string{c.Prev, c.Next} {
		if name != "" {
			flags |= 1 << i
			names = append(append(names, name...), 0)
			names = append(names, 0) // disk label
		}
	}
	if c.HeaderReserve+c.FolderReserve+c.DataReserve > 0 {
		flags |= 4
		reserve = le.AppendUint16(reserve, uint16(c.HeaderReserve))
		reserve = append(reserve, byte(c.FolderReserve), byte(c.DataReserve))
		reserve = appendReserve(reserve, c.HeaderReserve)
	}

	const headerSize = 36
	filesAt := headerSize + len(reserve) + len(names) + len(folders)
	dataAt := filesAt + len(files)
	for i, b := range blocks {
		le.PutUint32(folders[i*(8+c.FolderReserve):], uint32(dataAt+len(data)))
		data = append(data, b...)
	}
	size := dataAt + len(data)
	if size > math.MaxInt32 {
		return fmt.Errorf("cabtest: a cabinet of %d bytes is too large", size)
	}

	front = append(front, "MSCF\x00\x00\x00\x00"...)
	front = le.AppendUint32(front, uint32(size))
	front = le.AppendUint32(front, 0)
	front = le.AppendUint32(front, uint32(filesAt))
	front = le.AppendUint32(front, 0)
	front = append(front, 3, 1) // version 1.3
	front = le.AppendUint16(front, uint16(len(c.Folders)))
	front = le.AppendUint16(front, uint16(nFiles))
	front = le.AppendUint16(front, flags)
	front = le.AppendUint16(front, 0) // set
	front = le.AppendUint16(front, 0) // number in the set
	_, err := w.Write(bytes.Join([][]byte{front, reserve, names, folders, files, data}, nil))
	return err
}

// pack returns the CFDATA blocks of a folder and how many they are.
func (c *Cabinet) pack(folder Folder) (packed []byte, n int, err error) {
	var plain []byte
	for _, f := range folder.Files {
		plain = append(plain, f.Data...)
	}
	le := binary.LittleEndian
	mszip := deflater{plain: plain}
	for at := 0; at < len(plain); at += blockSize {
		end := min(at+blockSize, len(plain))
		payload := plain[at:end]
		if folder.Method == MSZIP {
			payload = mszip.block(at, end)
		}
		sized := le.AppendUint16(nil, uint16(len(payload)))
		sized = le.AppendUint16(sized, uint16(end-at))
		sized = appendReserve(sized, c.DataReserve)
		var sum uint32
		if !c.NoChecksums {
			sum = fold(payload) ^ fold(sized)
		}
		packed = le.AppendUint32(packed, sum)
		packed = append(append(packed, sized...), payload...)
		n++
	}
	if n > math.MaxUint16 {
		return nil, 0, fmt.Errorf("%d blocks are too many", n)
	}
	return packed, n, nil
}

// fold is the checksum of b, seen as little-endian numbers of 32 bits. What is left over at the end is
// a big-endian number of one to three bytes.
func fold(b []byte) (sum uint32) {
	whole := len(b) &^ 3
	for i, x := range b[:whole] {
		sum ^= uint32(x) << (8 * (i % 4))
	}
	for i, x := range b[whole:] {
		sum ^= uint32(x) << (8 * (len(b) - whole - 1 - i))
	}
	return sum
}

// appendTime appends the date and time words: zeros, which are no date, for years that do not fit.
func appendTime(b []byte, t time.Time) []byte {
	var date, clock int
	if t.Year() >= 1980 && t.Year() < 1980+128 {
		date = (t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day()
		clock = t.Hour()<<11 | t.Minute()<<5 | t.Second()/2
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(date))
	return binary.LittleEndian.AppendUint16(b, uint16(clock))
}

func appendReserve(b []byte, n int) []byte {
	return append(b, bytes.Repeat([]byte{0xA5}, n)...)
}
