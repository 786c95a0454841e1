package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/etwhy/etwhy/cab"
	"github.com/etwhy/etwhy/decode/charset"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline/redact"
)

func runCheckSecrets(env *environment, _ *options, args []string) error {
	c := &secretCheck{room: unpackMost}
	failed := false
	note := func(name string, err error) {
		if err != nil {
			env.warn("%s: %s", name, strings.ReplaceAll(err.Error(), "\n", "; ")) // of each member that could not be read
			failed = true
		}
	}
	for _, arg := range args {
		if arg == "-" {
			note(arg, c.look(arg, env.stdin, 0))
			continue
		}
		paths, err := glob(arg)
		note(arg, err)
		for _, path := range paths {
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				c.folder(path, note)
			} else {
				note(path, c.file(path))
			}
		}
	}
	if c.files > 0 || !failed { // of what was not looked at nothing can be said
		if err := c.write(env.stdout); err != nil {
			return err
		}
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

	room int64 // how many bytes of containers, and of what cannot be read in place, may still come
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
	times := map[string]int{} // in binary data there are no lines to tell places apart
	for _, p := range c.places {
		times[p]++
	}
	for _, p := range c.places {
		n := times[p]
		if times[p] = 0; n > 1 {
			fmt.Fprintf(&b, "%s, %d times\n", p, n)
		} else if n == 1 {
			b.WriteString(p + "\n")
		}
	}
	if c.more > 0 {
		fmt.Fprintf(&b, "and %d more\n", c.more)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// folder checks the files of a folder. What is not looked at is noted, and what cannot be.
func (c *secretCheck) folder(path string, note func(name string, err error)) {
	none := true
	err := fs.WalkDir(folder(path), ".", func(name string, d fs.DirEntry, err error) error {
		name = filepath.Join(path, name)
		if err != nil { // of a folder: the others may be read all the same
			note(name, cause(err))
			return nil
		}
		kind := d.Type()
		if kind&fs.ModeSymlink != 0 { // a link to a file is that file
			info, err := os.Stat(name)
			if err == nil && info.IsDir() {
				err = errors.New("a link to a folder is not followed")
			}
			if err != nil {
				note(name, cause(err))
				return nil
			}
			kind = info.Mode().Type()
		}
		switch {
		case kind.IsRegular():
			none = false
			note(name, c.file(name))
		case !kind.IsDir(): // a pipe, say, which may never end
			note(name, errors.New("no file of bytes: it is not looked at"))
		}
		return nil
	})
	note(path, err)
	if none {
		note(path, errors.New("the folder is empty"))
	}
}

// file checks a file, and what is in it if it is a container.
func (c *secretCheck) file(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return cause(err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return cause(err)
	case !info.Mode().IsRegular():
		return c.look(name, f, 0)
	}
	return c.content(name, f, info.Size(), 0)
}

// deepest is how many containers may lie in each other, unpackMost how many bytes all of them may unpack to.
const (
	deepest    = 4
	unpackMost = 64 << 30
)

// headSize is how many bytes of a file tell what it is.
const headSize = 80

// isPacked reports whether the bytes that a file begins with say that more is in it than can be read as it stands.
func isPacked(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("MSCF")) || bytes.HasPrefix(head, []byte("\x1f\x8b")) ||
		etl.Sniff(head, -1) == nil
}

// content checks bytes that can be read in place.
func (c *secretCheck) content(name string, r io.ReaderAt, size int64, depth int) error {
	head := make([]byte, headSize)
	n, _ := r.ReadAt(head, 0)
	var members []member
	switch head = head[:n]; {
	case etl.Sniff(head, size) == nil:
		return c.trace(name, r, size)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		z, err := zip.NewReader(r, size)
		if err != nil {
			return err
		}
		for _, m := range z.File {
			members = append(members, member{m.Name, m.Open})
		}
	case bytes.HasPrefix(head, []byte("MSCF")):
		z, err := cab.NewReader(r, size)
		if err != nil {
			return err
		}
		for _, m := range z.File {
			members = append(members, member{m.Name, m.Open})
		}
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		members = append(members, member{"", func() (io.ReadCloser, error) { return gzip.NewReader(io.NewSectionReader(r, 0, size)) }})
	default:
		return c.text(name, io.NewSectionReader(r, 0, size))
	}
	if depth == deepest {
		return fmt.Errorf("a container inside %d others is not looked into: unpack it", deepest)
	}
	var all error
	for _, m := range members {
		if strings.HasSuffix(m.name, "/") {
			continue
		}
		at := path.Join(name, m.name)
		r, err := m.open()
		if err == nil {
			err = errors.Join(c.look(at, r, depth+1), r.Close())
		}
		if err != nil {
			all = errors.Join(all, fmt.Errorf("%s: %w", cmp.Or(m.name, "unpacking"), err))
		}
		if c.room < 0 {
			break
		}
	}
	return all
}

// A member is a file in a container.
type member struct {
	name string
	open func() (io.ReadCloser, error)
}

// look checks what can be read once. Only what is packed has to be kept for that.
func (c *secretCheck) look(name string, r io.Reader, depth int) error {
	in := bufio.NewReader(&bounded{r, &c.room})
	if head, _ := in.Peek(headSize); !isPacked(head) {
		return c.text(name, in)
	}
	f, err := tempFile()
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := io.Copy(f, in)
	if err != nil {
		return err
	}
	return c.content(name, f, size, depth)
}

// A bounded reader fails where there is no room left for what it reads. Several readers share the room.
type bounded struct {
	r    io.Reader
	room *int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if *b.room -= int64(n); *b.room < 0 {
		return n, fmt.Errorf("more than %d GB in all containers: unpack it", unpackMost>>30)
	}
	return n, err
}

// trace looks through an event trace log. One that is not compressed is looked through as it stands, with what events of
// before have left in its buffers.
func (c *secretCheck) trace(name string, r io.ReaderAt, size int64) error {
	log, err := etl.NewReader(r, size)
	if err != nil || log.Compression() == etl.Uncompressed {
		return c.text(name, io.NewSectionReader(r, 0, size))
	}
	c.files++
	before := len(c.places) + c.more
	for record, err := range log.Unordered(0, 1) {
		if err != nil {
			return err
		}
		c.piece(name, record.Payload(), 0, len(record.Payload()), 0)
	}
	if len(c.places)+c.more > before {
		c.bad++
	}
	for _, a := range log.Anomalies() {
		if a.Kind == etl.BadCompression {
			return errors.New("a part of the log cannot be decompressed, what is in it was not looked at")
		}
	}
	return nil
}

// Sizes of the pieces of a text that are looked at one after the other: a piece ends with a line, or else before its
// last bytes, which belong to a secret that begins there; the name of a secret may stand in the piece before.
const (
	pieceSize   = 1 << 20
	pieceEnd    = 4 << 10
	pieceBefore = 1 << 10
)

// text looks through a text of any encoding.
func (c *secretCheck) text(name string, r io.Reader) error {
	c.files++
	text, _ := charset.NewReader(r)
	before := len(c.places) + c.more
	line, seen := 1, 0 // of piece, what was looked at before
	var piece []byte
	buf := make([]byte, pieceSize)
	for {
		n, err := io.ReadFull(text, buf)
		piece = append(piece, buf[:n]...)
		end := len(piece)
		if err == nil {
			if i := bytes.LastIndexByte(piece[seen:], '\n'); i >= 0 {
				end = seen + i + 1
			} else {
				end = max(end-pieceEnd, seen)
			}
		}
		c.piece(name, piece, seen, end, line)
		line += bytes.Count(piece[seen:end], []byte("\n"))
		from := max(end-pieceBefore, 0)
		piece, seen = bytes.Clone(piece[from:]), end-from
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

// piece looks for secrets that begin between two places, of which the first is in a line.
func (c *secretCheck) piece(name string, text []byte, from, to, line int) {
	binary := bytes.IndexByte(text, 0) >= 0
	if binary {
		text, from, to = narrow(text, from, to)
	}
	at := from
	for f := range redact.Find(text) {
		if f.Start < from || f.Start >= to || binary && f.End-f.Start < fewest {
			continue
		}
		line += bytes.Count(text[at:f.Start], []byte("\n"))
		at = f.Start
		place := charset.Printable(name)
		if !binary {
			place += fmt.Sprintf(":%d", line)
		}
		place += fmt.Sprintf(": %s (%d characters)", f.Rule, f.End-f.Start)
		if binary {
			place += ", in binary data"
		}
		c.found(place)
	}
}

// fewest characters make a secret in binary data, where any few bytes may look like the name of one.
const fewest = 4

// narrow returns what text is in binary data, be it of UTF-16: zeros stand between its parts. from and to are places in
// the data, and then in what is returned.
func narrow(data []byte, from, to int) (text []byte, newFrom, newTo int) {
	isText := func(i int) bool {
		return i >= 0 && i < len(data) && (data[i] >= ' ' && data[i] != 0x7f || data[i] == '\r' || data[i] == '\n' || data[i] == '\t')
	}
	isZero := func(i int) bool { return i >= 0 && i < len(data) && data[i] == 0 }
	text = make([]byte, 0, len(data))
	newFrom, newTo = -1, -1
	for i, c := range data {
		if i == from {
			newFrom = len(text)
		}
		if i == to {
			newTo = len(text)
		}
		switch {
		case isText(i):
			text = append(text, c)
		case c == 0 && isText(i-1) && (isZero(i-2) || isText(i+1) && isZero(i+2)): // the upper half of a character
		default:
			text = append(text, 0)
		}
	}
	if newFrom < 0 {
		newFrom = len(text)
	}
	if newTo < 0 {
		newTo = len(text)
	}
	return text, newFrom, newTo
}

func (c *secretCheck) found(place string) {
	if len(c.places) == mostPlaces {
		c.more++
		return
	}
	c.places = append(c.places, place)
}
