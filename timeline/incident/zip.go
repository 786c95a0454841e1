package incident

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/etwhy/etwhy/timeline"
)

// maxNested is how deep containers may lie in each other: a collector's zip may hold netsh's cabinet.
const maxNested = 3

// nested reports whether a container inside the one with that path would lie too deep.
func (inc *Incident) nested(container string) bool {
	depth := 0
	for container != "" && depth < maxNested {
		i := slices.IndexFunc(inc.Inputs, func(in *Input) bool { return in.Path == container })
		if i < 0 {
			break
		}
		depth++
		container = inc.Inputs[i].Container
	}
	return depth >= maxNested
}

// memberPath is what a member of a container is called. Whatever its name, that lies within the container.
func memberPath(box *Input, name string) string {
	return path.Join(box.Path, path.Clean("/"+strings.ReplaceAll(name, `\`, "/")))
}

// openMember opens a member of an archive, or says why it cannot be read.
func openMember(f *zip.File) (io.ReadCloser, error) {
	const encrypted = 1
	if f.Flags&encrypted != 0 {
		return nil, errors.New("encrypted: unpack the archive with its password, and give etwhy the files")
	}
	r, err := f.Open()
	if errors.Is(err, zip.ErrAlgorithm) {
		return nil, fmt.Errorf("packed by method %d, which etwhy does not read: unpack the archive, and give etwhy the files", f.Method)
	}
	return r, err
}

// addZip adds the members of a zip archive.
func (inc *Incident) addZip(box *Input, c *content) {
	z, err := zip.NewReader(inc.counted(c), c.size)
	if err != nil {
		box.Err, box.unread = err, true
		return
	}
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		label := memberPath(box, f.Name)
		r, err := openMember(f)
		if err != nil {
			in := inc.input(label, box.Path, timeline.KindOther)
			in.Size, in.Err = int64(f.UncompressedSize64), err
			continue
		}
		inc.addStream(r, label, box.Path, int64(f.UncompressedSize64), false)
		r.Close()
	}
}
