package incident

import (
	"archive/zip"
	"path"
	"slices"

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
		label := path.Join(box.Path, path.Clean("/"+f.Name))
		r, err := f.Open()
		if err != nil {
			in := inc.input(label, box.Path, timeline.KindOther)
			in.Size, in.Err = int64(f.UncompressedSize64), err
			continue
		}
		inc.addStream(r, label, box.Path, int64(f.UncompressedSize64), false)
		r.Close()
	}
}
