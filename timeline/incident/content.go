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
	closer io.Closer // nil for bytes in memory, and once closed
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
		return inc.keep(&content{r, info.Size(), f}), nil
	}
	c, err := inc.spool(f)
	return c, errors.Join(err, f.Close())
}

// spool keeps what r holds: in memory up to the limit, beyond that in a temporary file.
// On an error of r it returns what came before as well.
func (inc *Incident) spool(r io.Reader) (*content, error) {
	var mem bytes.Buffer
	n, err := io.Copy(&mem, io.LimitReader(r, inc.opts.MemoryLimit))
	if err != nil || n < inc.opts.MemoryLimit {
		return &content{bytes.NewReader(mem.Bytes()), n, nil}, err
	}
	if inc.opts.TempFile == nil {
		return nil, fmt.Errorf("more than %d MB that cannot be read in place", inc.opts.MemoryLimit>>20)
	}
	f, err := inc.opts.TempFile()
	if err != nil {
		return nil, err
	}
	c := inc.keep(&content{f, n, f})
	if _, err = f.Write(mem.Bytes()); err != nil {
		return nil, err
	}
	m, err := io.Copy(f, r)
	c.size += m
	return c, err
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
