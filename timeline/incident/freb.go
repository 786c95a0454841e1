package incident

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"

	"github.com/etwhy/etwhy/decode/freb"
)

// ErrReleased says that a file is not read again: it was a member of a container, and there was no room to keep it.
var ErrReleased = errors.New("not kept for another reading")

// FREB reads a Failed Request Tracing file once more, event by event, which Scan does not keep. For members of
// containers see [Options.Keep].
func (inc *Incident) FREB(in *Input, read func(*freb.Trace) error) error {
	from := func(r io.Reader) error {
		t, err := freb.NewReader(r)
		if err != nil {
			return err
		}
		return read(t)
	}
	switch {
	case in.data != nil:
		return inc.reading(in, func(r *io.SectionReader) error { return from(r) })
	case in.kept == nil:
		return ErrReleased
	}
	z, err := gzip.NewReader(bytes.NewReader(in.kept))
	if err != nil {
		return err
	}
	return from(z)
}

// keepFREB keeps a member of a container, packed, while there is room. Such files pack to a twentieth.
func (inc *Incident) keepFREB(in *Input) error {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return err
	}
	err = inc.reading(in, func(r *io.SectionReader) error { _, err := io.Copy(z, r); return err })
	if err = errors.Join(err, z.Close()); err != nil {
		return err
	}
	if n := int64(packed.Len()); n <= inc.opts.Keep-inc.kept {
		inc.kept += n
		in.kept = packed.Bytes()
	}
	return nil
}
