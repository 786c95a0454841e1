// Package cab reads Microsoft cabinet files as an [fs.FS]. It is shaped like archive/zip.
//
//	CFHEADER  "MSCF", sizes, counts, flags; [reserved area]; [names of the previous and next cabinet]
//	CFFOLDER  one per folder: where its blocks begin, how many, how they are packed
//	CFFILE    one per file: which folder, where in the folder's output, size, DOS time, attributes, name
//	CFDATA    blocks: checksum, packed size, size; up to 32 KB of the folder's output each
//
//	folder 0   | CFDATA | CFDATA | CFDATA | CFDATA |      each at most 32 KB when unpacked
//	           |  file A   |    file B        | C  |      files lie back to back in the output
//
// A folder is a unit of compression, not a directory: it is solid, so the only way to a file leads
// through everything before it in its folder. A [Reader] therefore lists the files in the order of
// their data, and remembers how far the last reader came: opening, reading and closing the files
// in the order of [Reader.File] unpacks every block once. Any other order (fs.WalkDir goes by name)
// works and costs a new start of the folder for each step back.
//
// Stored and MSZIP folders are read. MSZIP packs each block as "CK" and one DEFLATE stream that may
// refer to the 32 KB before it. LZX and Quantum folders, and what is not whole in one cabinet of a
// set, answer [ErrAlgorithm].
//
// Nothing is allocated from a size that the cabinet claims, and files are streamed: how much
// output is too much is for the caller to say. A file that ends early or fails its checksum gives
// the bytes before the damage, then an error; files that do not depend on the damaged block stay
// readable. See [File.Open].
//
// A cabinet inside another file (a self-extracting program) is read through an [io.SectionReader].
// Bytes after the cabinet, such as a signature, are ignored.
//
// The layout is that of [MS-CAB]; MSZIP is [MS-MCI].
//
// [MS-CAB]: https://learn.microsoft.com/en-us/openspecs/exchange_server_protocols/ms-cab/
// [MS-MCI]: https://learn.microsoft.com/en-us/openspecs/exchange_server_protocols/ms-mci/
package cab

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etwhy/etwhy/decode/cursor"
)

// What can be wrong with a cabinet or a file in it, for errors.Is. ErrFormat and ErrChecksum come
// in a *cursor.FormatError, which says where.
var (
	ErrFormat    = errors.New("cab: not a valid cabinet")
	ErrChecksum  = errors.New("cab: checksum error")
	ErrAlgorithm = errors.New("cab: not supported")
)

// A Method says how the blocks of a folder are packed: the low four bits of CFFOLDER.typeCompress.
type Method uint16

// The methods of the format. Stored and MSZIP can be read.
const (
	Stored  Method = 0
	MSZIP   Method = 1
	Quantum Method = 2
	LZX     Method = 3
)

// String returns the name of the method.
func (m Method) String() string {
	names := [...]string{"stored", "MSZIP", "Quantum", "LZX"}
	if int(m) < len(names) {
		return names[m]
	}
	return fmt.Sprintf("method %d", uint16(m))
}

// A Reader serves the files of a cabinet. It may be used by several goroutines at once.
type Reader struct {
	// File lists the files in the order of their data: by folder, then by place in it.
	File []*File

	// Damage is what is wrong with the cabinet as a whole: it is cut off, or its list of files
	// breaks off. What is wrong with one file is said by that file's Open and Read.
	Damage []*cursor.FormatError

	r           io.ReaderAt
	size        int64
	prev, next  string // names of the neighbours in a set; "" if there is none
	dataReserve int    // bytes of reserved area in each CFDATA
	folders     []folder
	byName      []*File

	mu   sync.Mutex
	idle *decoder // of the file that was closed last, so that the next file can go on from there
}

// A folder is a CFFOLDER.
type folder struct {
	data   int64 // offset of its first CFDATA
	blocks int
	method Method
}

// A FileHeader describes a file in a cabinet.
type FileHeader struct {
	// Name is the name to use: slash separated, valid by fs.ValidPath, harmless as a path below
	// a directory on any system ([CleanName]), and unique in the cabinet, even where case makes
	// no difference. Of files that would have the same name all but the first have "_2", "_3", ...
	// before the extension.
	Name string

	// RawName is the name as it lies in the cabinet, in whatever encoding. Name is made from it as
	// UTF-8 if it is that, whether or not the attribute NameUTF says so, else as Windows-1252: a
	// cabinet does not record its code page. In one where a backslash can be half a character
	// (Japanese, Chinese) such a character becomes a directory.
	RawName string

	// Size is the claimed size in bytes. Reading gives exactly that many or an error.
	Size int64

	// Modified is the wall clock of the machine that made the file, in steps of 2 s, labelled UTC
	// because the cabinet does not record a zone. It is zero if the cabinet has no valid date.
	Modified time.Time

	Attributes uint16 // DOS attributes: ReadOnly, Hidden, ...

	Folder int    // index of the folder that holds the data; -1 if the file names none that exists
	Offset int64  // where the file begins in the unpacked folder
	Method Method // how the folder is packed
}

// Bits of FileHeader.Attributes.
const (
	ReadOnly = 0x01
	Hidden   = 0x02
	System   = 0x04
	Archive  = 0x20
	Exec     = 0x40 // to be run after extraction
	NameUTF  = 0x80 // the name is UTF-8
)

// A File is a file in a cabinet.
type File struct {
	FileHeader
	cab   *Reader
	entry int64 // offset of its CFFILE
	err   error // why it cannot be read at all
}

// Bits of CFHEADER.flags, and the folder numbers of files that are not whole in this cabinet.
const (
	hasPrev    = 1
	hasNext    = 2
	hasReserve = 4

	continuedFromPrev    = 0xFFFD
	continuedToNext      = 0xFFFE
	continuedPrevAndNext = 0xFFFF
)

// maxName is the longest string of a cabinet, with its NUL.
const maxName = 256

// NewReader returns a Reader of the cabinet that begins at offset 0 of r and lies within size bytes.
// It reads the lists at the front, not the data. It fails with ErrFormat if that is not a cabinet
// or not even one file can be listed; a cabinet that is cut off behind that gives a Reader with Damage.
func NewReader(r io.ReaderAt, size int64) (*Reader, error) {
	z := &Reader{r: r, size: size}
	err := z.readLists()
	// Damage behind the first file is for the user of the other files to know, not a reason to give up.
	var damage *cursor.FormatError
	if errors.As(err, &damage) && len(z.File) > 0 {
		z.Damage = append(z.Damage, damage)
		err = nil
	}
	if err != nil {
		return nil, err
	}
	z.resolve()
	slices.SortStableFunc(z.File, func(a, b *File) int {
		return cmp.Or(cmp.Compare(a.Folder, b.Folder), cmp.Compare(a.Offset, b.Offset))
	})
	nameFiles(z.File)
	z.byName = slices.SortedFunc(slices.Values(z.File), func(a, b *File) int { return strings.Compare(a.Name, b.Name) })
	return z, nil
}

// readLists reads CFHEADER, CFFOLDER and CFFILE.
func (z *Reader) readLists() error {
	var claimed, files int64
	var nFolders, nFiles, flags, folderReserve int
	l := z.list(0)
	err := l.next("CFHEADER", 36, func(c *cursor.Cursor) {
		if !strings.HasPrefix(string(c.Rest()), "MSCF") {
			c.Fail(ErrFormat, "no MSCF signature")
		}
		c.Skip(8)
		claimed = int64(c.Uint32())
		c.Skip(4)
		files = int64(c.Uint32())
		c.Skip(4 + 2) // reserved; version: decoders that check it refuse readable cabinets
		nFolders, nFiles, flags = int(c.Uint16()), int(c.Uint16()), int(c.Uint16())
		c.Skip(2 + 2) // set, number in the set
	})
	if err != nil {
		return err
	}
	if claimed > z.size {
		z.Damage = append(z.Damage, &cursor.FormatError{Name: "CFHEADER", Offset: 8, Err: ErrFormat,
			Msg: fmt.Sprintf("the cabinet has %d bytes, %d are there", claimed, z.size)})
	}
	if flags&hasReserve != 0 {
		headerReserve := 0
		err := l.next("CFHEADER", 4, func(c *cursor.Cursor) {
			headerReserve, folderReserve, z.dataReserve = int(c.Uint16()), int(c.Uint8()), int(c.Uint8())
		})
		if err != nil {
			return err
		}
		l.skip(headerReserve)
	}
	for _, neighbour := range []struct {
		flag int
		name *string
	}{{hasPrev, &z.prev}, {hasNext, &z.next}} {
		if flags&neighbour.flag == 0 {
			continue
		}
		for _, s := range []*string{neighbour.name, new(string)} { // the second is a disk label
			if err := l.next("CFHEADER", maxName, func(c *cursor.Cursor) { *s = decodeName(c.Stringz()) }); err != nil {
				return err
			}
		}
	}
	for range nFolders {
		err := l.next("CFFOLDER", 8+folderReserve, func(c *cursor.Cursor) {
			z.folders = append(z.folders, folder{int64(c.Uint32()), int(c.Uint16()), Method(c.Uint16() & 0xF)})
			c.Skip(folderReserve)
		})
		if err != nil {
			return err
		}
	}
	l = z.list(files)
	for range nFiles {
		f := &File{cab: z, entry: l.off}
		err := l.next("CFFILE", 16+maxName, func(c *cursor.Cursor) {
			f.Size, f.Offset, f.Folder = int64(c.Uint32()), int64(c.Uint32()), int(c.Uint16())
			f.Modified = dosTime(c.Uint16(), c.Uint16())
			f.Attributes = c.Uint16()
			f.RawName = string(c.Stringz())
		})
		if err != nil {
			return err
		}
		z.File = append(z.File, f)
	}
	if len(z.File) == 0 {
		return &cursor.FormatError{Name: "CFHEADER", Offset: 28, Msg: "the cabinet lists no file", Err: ErrFormat}
	}
	return nil
}

// resolve replaces the folder number that each CFFILE gives by an index and marks the files that
// cannot be read.
func (z *Reader) resolve() {
	before := fmt.Errorf("%w: the folder begins in cabinet %q", ErrAlgorithm, z.prev)
	after := fmt.Errorf("%w: the file continues in cabinet %q", ErrAlgorithm, z.next)
	both := fmt.Errorf("%w: the file begins in cabinet %q and continues in cabinet %q", ErrAlgorithm, z.prev, z.next)

	cutAtFront := false
	for _, f := range z.File {
		switch f.Folder {
		case continuedFromPrev:
			f.Folder, cutAtFront = 0, true
		case continuedPrevAndNext:
			f.Folder, f.err, cutAtFront = 0, both, true
		case continuedToNext:
			f.Folder, f.err = len(z.folders)-1, after
		}
	}
	for _, f := range z.File {
		if f.Folder < 0 || f.Folder >= len(z.folders) {
			f.err = cmp.Or(f.err, error(&cursor.FormatError{Name: "CFFILE", Offset: f.entry, Err: ErrFormat,
				Msg: fmt.Sprintf("%q lies in folder %d of %d", f.RawName, f.Folder, len(z.folders))}))
			f.Folder = -1
			continue
		}
		f.Method = z.folders[f.Folder].method
		if f.err == nil && f.Folder == 0 && cutAtFront {
			// Offsets count from the folder's beginning: how much of it lay in the previous cabinet is not known.
			f.err = before
		}
		if f.err == nil && int(f.Method) >= len(unpackers) {
			f.err = fmt.Errorf("%w: %v compression", ErrAlgorithm, f.Method)
		}
	}
}

// A list reads entries one after the other, so that memory does not depend on the counts in the file.
type list struct {
	br  *bufio.Reader
	off int64
}

func (z *Reader) list(off int64) *list {
	return &list{bufio.NewReader(io.NewSectionReader(z.r, off, max(0, z.size-off))), off}
}

// next hands up to max bytes to read, which consumes what it needs.
func (l *list) next(name string, max int, read func(*cursor.Cursor)) error {
	data, err := l.br.Peek(max)
	if err != nil && err != io.EOF {
		return err
	}
	c := cursor.New(name, data, l.off)
	read(&c)
	if err := c.Err(); err != nil {
		var f *cursor.FormatError
		if errors.As(err, &f) && f.Err == nil {
			f.Err = ErrFormat
		}
		return err
	}
	l.skip(int(c.Offset() - l.off))
	return nil
}

// skip consumes n bytes. That they are not all there is found by the next read.
func (l *list) skip(n int) {
	l.br.Discard(n)
	l.off += int64(n)
}

// dosTime reads the date and time words of a CFFILE. Impossible ones give the zero time.
func dosTime(date, clock uint16) time.Time {
	y, m, d := 1980+int(date>>9), time.Month(date>>5&15), int(date&31)
	h, min, s := int(clock>>11), int(clock>>5&63), 2*int(clock&31)
	t := time.Date(y, m, d, h, min, s, 0, time.UTC)
	if t.Month() != m || t.Day() != d || t.Hour() != h || t.Minute() != min { // time.Date carried over
		return time.Time{}
	}
	return t
}

// Open returns a reader of the file's content. What makes the whole file unreadable is said here:
// ErrAlgorithm for a method or a part of a set that is not supported, ErrFormat for a file in a
// folder that does not exist. Damage is met while reading: the bytes before it are good, then Read
// gives ErrChecksum (a block does not match its checksum) or ErrFormat (a block is not there or
// cannot be unpacked), with the block's offset. Bytes that an MSZIP block takes from a damaged one
// are damaged too, nothing else is. A block without checksum (0) cannot be verified and is taken
// as it is, unless a block before it was damaged.
//
// Close it: the next file goes on where this one stopped.
func (f *File) Open() (io.ReadCloser, error) {
	if f.err != nil {
		return nil, f.err
	}
	return &fileReader{file: f}, nil
}

// A fileReader reads one file. It is the fs.File too.
type fileReader struct {
	file *File
	d    *decoder // while reading
	read int64    // bytes given
	err  error    // sticky
}

func (r *fileReader) Stat() (fs.FileInfo, error) { return r.file.info(), nil }

func (r *fileReader) Read(p []byte) (int, error) {
	left := r.file.Size - r.read
	if r.err == nil && left == 0 {
		r.err = io.EOF
	}
	if r.err != nil || len(p) == 0 {
		return 0, r.err
	}
	if r.d == nil {
		r.d = r.file.cab.acquire()
		r.d.seek(r.file.Folder, r.file.Offset)
	}
	n, err := r.d.Read(p[:min(int64(len(p)), left)])
	r.read += int64(n)
	r.err = err
	if err != nil || r.read == r.file.Size {
		r.release()
	}
	return n, err
}

func (r *fileReader) Close() error {
	if errors.Is(r.err, fs.ErrClosed) {
		return fs.ErrClosed
	}
	r.err = fs.ErrClosed
	r.release()
	return nil
}

func (r *fileReader) release() {
	if r.d != nil {
		r.file.cab.release(r.d)
		r.d = nil
	}
}

// acquire returns the idle decoder or a new one.
func (z *Reader) acquire() *decoder {
	z.mu.Lock()
	defer z.mu.Unlock()
	d := z.idle
	z.idle = nil
	if d == nil {
		d = &decoder{cab: z, folder: -1}
	}
	return d
}

// release keeps d for the next file. One is enough: files are read in order or they are not.
func (z *Reader) release(d *decoder) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.idle = d
}
