package cab

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"slices"
	"sort"
	"strings"
	"time"
)

var (
	_ fs.ReadDirFS  = (*Reader)(nil)
	_ fs.ReadFileFS = (*Reader)(nil)
	_ fs.StatFS     = (*Reader)(nil)
)

// find returns what name is: a file, or a directory of which entries, sorted by name, are what lies
// below it.
func (z *Reader) find(op, name string) (file *File, entries []*File, err error) {
	if !fs.ValidPath(name) {
		return nil, nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return nil, z.byName, nil
	}
	from := func(name string) []*File {
		return z.byName[sort.Search(len(z.byName), func(i int) bool { return z.byName[i].Name >= name }):]
	}
	if at := from(name); len(at) > 0 && at[0].Name == name {
		return at[0], nil, nil
	}
	below := from(name + "/")
	below = below[:len(below)-len(from(name+"0"))] // '0' is the character after '/'
	if len(below) == 0 {
		return nil, nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return nil, below, nil
}

// Open implements [fs.FS]. Directories are made up from the names of the files.
func (z *Reader) Open(name string) (fs.File, error) {
	file, entries, err := z.find("open", name)
	switch {
	case err != nil:
		return nil, err
	case file == nil:
		return &dir{dirInfo(name), dirEntries(name, entries)}, nil
	case file.err != nil:
		return nil, &fs.PathError{Op: "open", Path: name, Err: file.err}
	}
	return &fileReader{file: file}, nil
}

// Stat implements [fs.StatFS]. It works on files that cannot be opened too. Sys of a file is its
// *FileHeader.
func (z *Reader) Stat(name string) (fs.FileInfo, error) {
	file, _, err := z.find("stat", name)
	switch {
	case err != nil:
		return nil, err
	case file == nil:
		return dirInfo(name), nil
	}
	return file.info(), nil
}

// ReadDir implements [fs.ReadDirFS].
func (z *Reader) ReadDir(name string) ([]fs.DirEntry, error) {
	file, entries, err := z.find("readdir", name)
	switch {
	case err != nil:
		return nil, err
	case file != nil:
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	return dirEntries(name, entries), nil
}

// ReadFile implements [fs.ReadFileFS]. Unlike [fs.ReadFile] without it, it does not allocate the
// size that the cabinet claims. With an error it returns the bytes before the damage.
func (z *Reader) ReadFile(name string) ([]byte, error) {
	f, err := z.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// dirEntries returns the entries of the directory name from the sorted files below it.
func dirEntries(name string, files []*File) []fs.DirEntry {
	prefix := name + "/"
	if name == "." {
		prefix = ""
	}
	var entries []fs.DirEntry
	last := "" // a directory's files are neighbours
	for _, f := range files {
		elem, _, isDir := strings.Cut(f.Name[len(prefix):], "/")
		switch {
		case !isDir:
			entries = append(entries, fs.FileInfoToDirEntry(f.info()))
		case elem != last:
			entries = append(entries, fs.FileInfoToDirEntry(dirInfo(elem)))
			last = elem
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return entries
}

// An info is the fs.FileInfo of a file or a directory.
type info struct {
	name     string
	mode     fs.FileMode
	size     int64
	modified time.Time
	sys      any
}

func (f *File) info() info {
	return info{f.Name[strings.LastIndexByte(f.Name, '/')+1:], 0444, f.Size, f.Modified, &f.FileHeader}
}

func dirInfo(name string) info {
	return info{name: name[strings.LastIndexByte(name, '/')+1:], mode: fs.ModeDir | 0555}
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.modified }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return i.sys }

// A dir is an open directory.
type dir struct {
	info
	entries []fs.DirEntry // that ReadDir has not given yet
}

func (d *dir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *dir) Close() error               { return nil }

func (d *dir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errors.New("is a directory")}
}

func (d *dir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(d.entries) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.entries) {
		n = len(d.entries)
	}
	entries := d.entries[:n:n]
	d.entries = d.entries[n:]
	return entries, nil
}
