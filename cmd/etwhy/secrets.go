package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/etwhy/etwhy/cab"
	"github.com/etwhy/etwhy/decode/charset"
	"github.com/etwhy/etwhy/timeline/redact"
)

func runCheckSecrets(env *environment, _ *options, args []string) error {
	c := &secretCheck{}
	failed := false
	for _, name := range args {
		if err := c.file(name); err != nil {
			env.warn("%s: %v", name, err)
			failed = true
		}
	}
	if err := c.write(env.stdout); err != nil {
		return err
	}
	switch {
	case failed:
		return exitError{code: exitInput}
	case len(c.places) > 0:
		return exitError{code: exitFailed}
	}
	return nil
}

// cause is an error about a file without the path, which is said anyway.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// A secretCheck looks for secrets in files.
type secretCheck struct {
	files  int
	places []string // file:line: rule
	more   int      // places beyond those listed
	bad    int      // files with any
}

// mostPlaces is how many places are listed.
const mostPlaces = 200

// write writes the answer, then the places.
func (c *secretCheck) write(w io.Writer) error {
	total := len(c.places) + c.more
	var b strings.Builder
	files := fmt.Sprintf("%d files", c.files)
	if c.files == 1 {
		files = "1 file"
	}
	switch total {
	case 0:
		fmt.Fprintf(&b, "Nothing that looks like a secret in %s.\n", files)
	case 1:
		fmt.Fprintf(&b, "1 place looks like a secret, in %s.\n", files)
	default:
		fmt.Fprintf(&b, "%d places look like secrets, in %d of %s.\n", total, c.bad, files)
	}
	for _, p := range c.places {
		b.WriteString(p + "\n")
	}
	if c.more > 0 {
		fmt.Fprintf(&b, "and %d more\n", c.more)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// file checks a file, and what is in it if it is a container.
func (c *secretCheck) file(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return cause(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return cause(err)
	}
	if info.IsDir() {
		return errors.New("a folder: name the files in it")
	}
	head := make([]byte, 4)
	n, _ := f.ReadAt(head, 0)
	switch head = head[:n]; {
	case bytes.Equal(head, []byte("PK\x03\x04")):
		z, err := zip.NewReader(f, info.Size())
		if err != nil {
			return err
		}
		for _, m := range z.File {
			err = errors.Join(err, c.member(path.Join(name, m.Name), m.Open))
		}
		return err
	case bytes.Equal(head, []byte("MSCF")):
		z, err := cab.NewReader(f, info.Size())
		if err != nil {
			return err
		}
		for _, m := range z.File {
			err = errors.Join(err, c.member(path.Join(name, m.Name), m.Open))
		}
		return err
	}
	return c.text(name, f)
}

func (c *secretCheck) member(name string, open func() (io.ReadCloser, error)) error {
	r, err := open()
	if err == nil {
		err = errors.Join(c.text(name, r), r.Close())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// text looks through a text of any encoding, in pieces that end with a line.
func (c *secretCheck) text(name string, r io.Reader) error {
	const piece = 1 << 20
	c.files++
	text, _ := charset.NewReader(r)
	before := len(c.places) + c.more
	line := 1
	var rest []byte
	buf := make([]byte, piece)
	for {
		n, err := io.ReadFull(text, buf)
		chunk := append(rest, buf[:n]...)
		end := len(chunk)
		if err == nil {
			if i := bytes.LastIndexByte(chunk, '\n'); i >= 0 {
				end = i + 1
			}
		}
		if part := chunk[:end]; bytes.IndexByte(part, 0) >= 0 { // binary: what text is in it may be UTF-16
			for f := range redact.Find(bytes.ReplaceAll(part, []byte{0}, nil)) {
				c.found(fmt.Sprintf("%s: %s (%d characters), in binary data", name, f.Rule, f.End-f.Start))
			}
		} else {
			at := 0
			for f := range redact.Find(part) {
				line += bytes.Count(part[at:f.Start], []byte("\n"))
				at = f.Start
				c.found(fmt.Sprintf("%s:%d: %s (%d characters)", name, line, f.Rule, f.End-f.Start))
			}
			line += bytes.Count(part[at:], []byte("\n"))
		}
		rest = bytes.Clone(chunk[end:])
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			if len(c.places)+c.more > before {
				c.bad++
			}
			return nil
		case err != nil:
			return err
		}
	}
}

func (c *secretCheck) found(place string) {
	if len(c.places) == mostPlaces {
		c.more++
		return
	}
	c.places = append(c.places, place)
}
