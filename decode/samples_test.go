package decode

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/etwhy/etwhy/etl"
)

// openSample opens a real log. They are not part of the repository.
func openSample(t testing.TB, name string) *etl.Log {
	t.Helper()
	f, err := os.Open(samplePath(t, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	log, err := etl.NewReader(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func samplePath(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "shared", "samples", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("ETWHY_SAMPLES") == "required" {
			t.Fatal(err)
		}
		t.Skip("no samples: ", err)
	}
	return path
}
