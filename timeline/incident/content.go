package incident

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// A content is the bytes of an input, open for reading at any place.
type content struct {
	io.ReaderAt
	size   int64
	closer io.Closer               // nil for bytes in memory, and once closed
	again  func() (fs.File, error) // opens it once more; nil if that is not possible
	memory int64                   // bytes of it that are kept in memory
}

// rest closes c until it is read again, if it can be opened again.
func (c *content) rest() {
	if c.again != nil && c.closer != nil {
		c.Close()
		c.ReaderAt = nil
	}
}

// wake opens c if it rests.
func (c *content) wake() error {
	if c.ReaderAt != nil {
		return nil
	}
	f, err := c.again()
	if err != nil {
		return err
	}
	r, ok := f.(io.ReaderAt)
	if !ok {
		return errors.Join(errors.New("the file cannot be read in place any more"), f.Close())
	}
	c.ReaderAt, c.closer = r, f
	return nil
}

// reading hands the bytes of an input to read, from the beginning.
func (inc *Incident) reading(in *Input, read func(*io.SectionReader) error) error {
	if err := in.data.wake(); err != nil {
		return err
	}
	if in.Log == nil {
		defer in.data.rest()
	}
	return read(io.NewSectionReader(inc.counted(in.data), 0, in.data.size))
}

// Close closes what the bytes are read from.
func (c *content) Close() error {
	if c.closer == nil {
		return nil
	}
	closer := c.closer
	c.closer = nil
	return closer.Close()
}

// keep has c closed with the incident.
func (inc *Incident) keep(c *content) *content {
	inc.close = append(inc.close, c)
	return c
}

// open makes a content of f, which is closed with the incident, or at once if it had to be spooled.
func (inc *Incident) open(f fs.File) (*content, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if r, ok := f.(io.ReaderAt); ok && info.Mode().IsRegular() {
		return inc.keep(&content{ReaderAt: r, size: info.Size(), closer: f}), nil
	}
	c, err := inc.spool(f)
	return c, errors.Join(err, f.Close())
}

// defaultUnpacked bounds what containers may unpack to, all of them together: a small file can claim to hold
// anything.
const defaultUnpacked = 64 << 30

// spool keeps what r holds: in memory while there is room, beyond that in a temporary file.
// On an error of r it returns what came before as well.
func (inc *Incident) spool(r io.Reader) (*content, error) {
	r = &rationed{r, inc}
	var mem bytes.Buffer
	const several = 4 // as much as this many inputs of the limit
	room := max(min(inc.opts.MemoryLimit, several*inc.opts.MemoryLimit-inc.memory), 0)
	n, err := io.Copy(&mem, io.LimitReader(r, room))
	inc.memory += n
	if err != nil || n < room {
		return &content{ReaderAt: bytes.NewReader(mem.Bytes()), size: n, memory: n}, err
	}
	if inc.opts.TempFile == nil {
		inc.memory -= n
		return nil, fmt.Errorf("more than %d MB that cannot be read in place", inc.opts.MemoryLimit>>20)
	}
	f, err := inc.opts.TempFile()
	inc.memory -= n
	if err != nil {
		return nil, err
	}
	c := inc.keep(&content{ReaderAt: f, size: n, closer: f})
	if _, err = f.Write(mem.Bytes()); err != nil {
		return nil, err
	}
	m, err := io.Copy(f, r)
	c.size += m
	return c, err
}

// rationed is a reader of what is packed: it counts, and fails when all together is too much.
type rationed struct {
	io.Reader
	inc *Incident
}

func (r *rationed) Read(b []byte) (int, error) {
	left := r.inc.opts.Unpacked - r.inc.spooled
	if left <= 0 {
		return 0, fmt.Errorf("the containers hold more than %d MB: what comes after that is left out", r.inc.opts.Unpacked>>20)
	}
	n, err := r.Reader.Read(b[:min(int64(len(b)), left)])
	r.inc.spooled += int64(n)
	return n, err
}

// release lets go of spooled bytes that will not be read again.
func (inc *Incident) release(c *content) error {
	inc.memory -= c.memory
	c.memory = 0
	c.ReaderAt = nil
	return c.Close()
}

// counted returns c with every read reported to Options.Progress.
func (inc *Incident) counted(c *content) io.ReaderAt {
	if inc.opts.Progress == nil {
		return c
	}
	return progressReader{c, inc.opts.Progress}
}

type progressReader struct {
	io.ReaderAt
	report func(int64)
}

func (p progressReader) ReadAt(b []byte, off int64) (int, error) {
	n, err := p.ReaderAt.ReadAt(b, off)
	p.report(int64(n))
	return n, err
}
