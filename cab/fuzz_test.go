package cab_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/cab"
	"github.com/etwhy/etwhy/cab/cabtest"
	"github.com/etwhy/etwhy/decode/cursor"
)

// fuzzLimit bounds what is read of one file, and so the time that one input takes.
const fuzzLimit = 1 << 17

func FuzzReader(f *testing.F) {
	small := []cabtest.File{
		{Name: `a\hello.txt`, Data: []byte("hello, hello, hello, cabinet"), Modified: someTime},
		{Name: "empty"},
		{Name: `..\C:nul.txt`, Data: text(1, 300)},
	}
	long := []cabtest.File{{Name: "zeros", Data: make([]byte, 70_000)}, {Name: "end", Data: []byte("end")}}
	for _, c := range []cabtest.Cabinet{
		{Folders: []cabtest.Folder{{Files: small}}},
		{Folders: []cabtest.Folder{{Method: cabtest.MSZIP, Files: small}, {Method: 3, Files: small}}},
		{Folders: []cabtest.Folder{{Method: cabtest.MSZIP, Files: long}}, NoChecksums: true},
		{Folders: []cabtest.Folder{{Files: small}}, Prev: "p", Next: "n", HeaderReserve: 3, FolderReserve: 2, DataReserve: 1},
	} {
		data := build(f, c)
		f.Add(data)
		f.Add(data[:len(data)*2/3])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := cab.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			checkError(t, err)
			return
		}
		if len(r.File) == 0 {
			t.Fatal("no file and no error")
		}
		files := r.File[:min(len(r.File), 50)]
		names := map[string]bool{}
		for i, file := range files {
			if !fs.ValidPath(file.Name) || file.Name == "." || cab.CleanName(file.Name) != file.Name || names[strings.ToLower(file.Name)] {
				t.Fatalf("name %q", file.Name)
			}
			names[strings.ToLower(file.Name)] = true
			if i > 0 && (files[i-1].Folder > file.Folder || files[i-1].Folder == file.Folder && files[i-1].Offset > file.Offset) {
				t.Fatalf("%q comes after %q", file.Name, files[i-1].Name)
			}
			if info, err := r.Stat(file.Name); err != nil || info.Size() != file.Size || info.IsDir() {
				t.Fatalf("Stat(%q): %v", file.Name, err)
			}
		}
		// In order, from a decoder that goes on; backwards, from decoders that start again. The
		// second time also through the file system.
		first := make([][]byte, len(files))
		errs := make([]error, len(files))
		for i, file := range files {
			rc, err := file.Open()
			if err == nil {
				first[i], err = io.ReadAll(io.LimitReader(rc, fuzzLimit))
				rc.Close()
			}
			errs[i] = err
			if err != nil {
				checkError(t, err)
			} else if int64(len(first[i])) != min(file.Size, fuzzLimit) {
				t.Fatalf("%q: %d bytes of %d, no error", file.Name, len(first[i]), file.Size)
			}
		}
		for i := len(files) - 1; i >= 0; i-- {
			var again []byte
			rc, err := r.Open(files[i].Name)
			if err == nil {
				again, err = io.ReadAll(io.LimitReader(rc, fuzzLimit))
				rc.Close()
			}
			if !bytes.Equal(again, first[i]) || (err == nil) != (errs[i] == nil) {
				t.Fatalf("%q: %d bytes, %v; again: %d bytes, %v", files[i].Name, len(first[i]), errs[i], len(again), err)
			}
		}
	})
}

// checkError fails unless err is one that the package documents, with a place if it is about damage.
func checkError(t *testing.T, err error) {
	t.Helper()
	var where *cursor.FormatError
	switch {
	case errors.Is(err, cab.ErrAlgorithm):
	case (errors.Is(err, cab.ErrFormat) || errors.Is(err, cab.ErrChecksum)) && errors.As(err, &where) && where.Offset >= 0:
	default:
		t.Fatalf("%#v", err)
	}
}
