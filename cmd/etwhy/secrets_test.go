package main

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"
)

// zipped returns a zip of files.
func zipped(t *testing.T, files map[string][]byte, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(files[name])
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What lies in containers within containers counts, all of it; what there is no room for is said, not left out silently.
func TestSecretCheckRoom(t *testing.T) {
	const size = 100_000
	long := map[string][]byte{"long.txt": bytes.Repeat([]byte("nothing "), size/8)}
	inner := zipped(t, long, "long.txt")
	outer := zipped(t, map[string][]byte{"one.zip": inner, "two.zip": inner, "three.zip": inner}, "one.zip", "two.zip", "three.zip")
	need := int64(3 * (size + len(inner)))
	tests := []struct {
		name     string
		room     int64
		files    int
		complain int // about members
	}{
		{"enough", need, 3, 0},
		{"too little for the last one", need - 1, 3, 1},
		{"for one", need / 3, 1, 1},
	}
	for _, tt := range tests {
		c := &secretCheck{room: tt.room}
		err := c.content("outer.zip", bytes.NewReader(outer), int64(len(outer)), 0)
		complaints := 0
		if err != nil {
			complaints = strings.Count(err.Error(), "more than")
		}
		if c.files != tt.files || complaints != tt.complain {
			t.Errorf("%s: %d files looked at, %v", tt.name, c.files, err)
		}
	}
}
