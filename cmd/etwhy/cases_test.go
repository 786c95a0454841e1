package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/etwhy/etwhy/timeline/incident/incidenttest"
)

// eachCase hands on the texts of each case, and a folder with the files made of them. Their bytes are changed before, if
// change is not nil.
func eachCase(t *testing.T, change func([]byte) []byte, look func(t *testing.T, texts fs.FS, dir string)) {
	t.Helper()
	root := os.DirFS("../../testdata/cases")
	cases, err := fs.Glob(root, "*/case.txt")
	if err != nil || len(cases) < 50 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		name, _, _ := strings.Cut(c, "/")
		t.Run(name, func(t *testing.T) {
			texts, err := fs.Sub(root, name)
			if err != nil {
				t.Fatal(err)
			}
			changed := fstest.MapFS{}
			err = fs.WalkDir(texts, ".", func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				data, err := fs.ReadFile(texts, path)
				if change != nil {
					data = change(data)
				}
				changed[path] = &fstest.MapFile{Data: data}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			made, err := incidenttest.Folder(changed)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "case")
			if err := os.CopyFS(dir, made); err != nil {
				t.Fatal(err)
			}
			look(t, texts, dir)
		})
	}
}
