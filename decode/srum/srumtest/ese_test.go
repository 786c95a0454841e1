package srumtest

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Windows has the same checksums, in a database that it wrote.
func TestChecksums(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "www.velocidex.com/golang/go-ese").Output()
	if err != nil || len(dir) == 0 {
		t.Skip("no module folder: ", err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "testdata", "SRUM", "SRUDB.dat"))
	if err != nil {
		t.Fatal(err)
	}
	header := data[:pageSize]
	if got, want := xor(header[4:], 0x89abcdef), binary.LittleEndian.Uint32(header); got != want {
		t.Errorf("header: %#x, want %#x", got, want)
	}
	written := 0
	for number := 1; (number+2)*pageSize <= len(data); number++ {
		page := data[(number+1)*pageSize:][:pageSize]
		want := binary.LittleEndian.Uint64(page)
		if want == 0 {
			continue // never used
		}
		written++
		if got := uint64(xor(page[8:], uint32(number))) | uint64(ecc(page))<<32; got != want {
			t.Errorf("page %d: %#x, want %#x", number, got, want)
		}
	}
	if written < 100 {
		t.Errorf("%d pages", written)
	}
}
