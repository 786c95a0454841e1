package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/etwhy/etwhy/timeline/incident/incidenttest"
)

const (
	demoSource = "../../testdata/cases/01-arr-receive-timeout"
	demoFolder = "../../testdata/demo"
)

// The demo is the first case, compiled, to the same byte on every machine.
func TestDemo(t *testing.T) {
	made, err := incidenttest.Folder(os.DirFS(demoSource))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.RemoveAll(demoFolder); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(demoFolder, made); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, got := map[string][]byte{}, map[string][]byte{}
	readAll(t, made, want)
	readAll(t, os.DirFS(demoFolder), got)
	for name, data := range want {
		if !bytes.Equal(got[name], data) {
			t.Errorf("%s is not what its source says; -update writes it", name)
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("%s has no source", name)
	}
}

// readAll reads the files of a folder and of those below it.
func readAll(t *testing.T, fsys fs.FS, into map[string][]byte) {
	t.Helper()
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			into[filepath.ToSlash(name)], err = fs.ReadFile(fsys, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
