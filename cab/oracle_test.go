package cab_test

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/cab"
	"github.com/etwhy/etwhy/cab/cabtest"
)

// tool returns the path of a program that the test needs.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(err)
	}
	return path
}

var cabextractLine = regexp.MustCompile(`(?m)^  (.*\S)  (OK|failed)\b.*?([0-9a-f]{32})?$`)

// cabextract returns the MD5 of each file that cabextract unpacks from the cabinet at path.
func cabextract(t *testing.T, path string) map[string]string {
	t.Helper()
	cmd := exec.Command(tool(t, "cabextract"), "-t", "-s", path)
	cmd.Env = append(cmd.Environ(), "LC_ALL=C.UTF-8")
	// It exits with 1 if anything fails; what it prints about the rest counts.
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, m := range cabextractLine.FindAllStringSubmatch(string(out), -1) {
		if m[2] == "OK" {
			sums[m[1]] = m[3]
		}
	}
	return sums
}

// How many files we read and cabextract does not. It gives up a cabinet for one entry that is wrong or has no name.
var beyondCabextract = map[string]int{
	"libmspack/bad_folderindex.cab":           1,
	"libmspack/filename-read-violation-1.cab": 1,
}

// Its list of files is not right after the folders. Like 7-Zip and extract.exe we look where CFHEADER
// says; cabextract and expand.exe do not.
const hidden = "libmspack/hidden-files.cab"

// Cabinets of the samples that lie behind other data.
var embedded = map[string]bool{
	"libmspack/search_basic.cab":   true,
	"libmspack/search_tricky1.cab": true,
}

func TestSamples(t *testing.T) {
	const dir = "../../shared/samples/cab"
	paths, err := filepath.Glob(dir + "/*/*.cab")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		if os.Getenv("ETWHY_SAMPLES") == "required" {
			t.Fatal("no samples in " + dir)
		}
		t.Skip("no samples in " + dir)
	}
	for _, path := range paths {
		name, _ := filepath.Rel(dir, path)
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := cabextract(t, path)
			if name == hidden {
				empty := fmt.Sprintf("%x", md5.Sum(nil))
				want = map[string]string{"hidden1.txt": empty, "hidden2.txt": empty}
			}
			r, err := cab.NewReader(bytes.NewReader(data), int64(len(data)))
			if embedded[name] {
				// cabextract looks for cabinets anywhere; here the caller says where one begins.
				at := bytes.LastIndex(data, []byte("MSCF"))
				r, err = cab.NewReader(io.NewSectionReader(bytes.NewReader(data), int64(at), int64(len(data)-at)), int64(len(data)-at))
			}
			if err != nil {
				if !errors.Is(err, cab.ErrFormat) || len(want) > 0 {
					t.Errorf("NewReader: %v; cabextract reads %d files", err, len(want))
				}
				return
			}
			extra := 0
			for _, f := range r.File {
				got, err := content(f)
				sum, ok := want[f.Name]
				delete(want, f.Name)
				switch {
				case err == nil && ok:
					if sum != fmt.Sprintf("%x", md5.Sum(got)) {
						t.Errorf("%s: other bytes than cabextract's", f.Name)
					}
				case err == nil:
					extra++
				case errors.Is(err, cab.ErrAlgorithm) && (f.Method == cab.LZX || f.Method == cab.Quantum):
				case ok:
					t.Errorf("%s: %v; cabextract reads it", f.Name, err)
				case !errors.Is(err, cab.ErrFormat) && !errors.Is(err, cab.ErrChecksum) && !errors.Is(err, cab.ErrAlgorithm):
					t.Errorf("%s: %v", f.Name, err)
				}
			}
			if extra != beyondCabextract[name] {
				t.Errorf("%d files that cabextract does not read, want %d", extra, beyondCabextract[name])
			}
			for left := range want {
				// Other characters for the bytes of a name are no loss.
				if !slices.ContainsFunc(r.File, func(f *cab.File) bool { return strings.ReplaceAll(f.RawName, `\`, "/") == left }) {
					t.Errorf("%q is missing", left)
				}
			}
		})
	}
}

// A large cabinet by another writer, and by cabtest, is read alike by cabextract and this package.
func TestOtherWriters(t *testing.T) {
	dir := t.TempDir()
	files := []cabtest.File{
		{Name: "report.etl", Data: text(1, 3<<20)},
		{Name: "noise.bin", Data: noise(2, 1<<20)},
		{Name: "zero.bin", Data: make([]byte, 5<<20)},
		{Name: "osinfo.txt", Data: text(3, 100_001)},
	}
	args := []string{"-c", "-n"}
	sums := map[string]string{}
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if err := os.WriteFile(path, f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
		sums[f.Name] = fmt.Sprintf("%x", md5.Sum(f.Data))
	}
	check := func(t *testing.T, path string) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r := open(t, data)
		if len(r.File) != len(files) || r.Damage != nil {
			t.Errorf("%d files, Damage = %v", len(r.File), r.Damage)
		}
		for i, f := range r.File {
			if got, err := content(f); err != nil || !bytes.Equal(got, files[i].Data) {
				t.Errorf("%s: %d bytes, %v", f.Name, len(got), err)
			}
		}
	}
	for _, method := range []struct {
		name string
		gcab []string
		ours uint16
	}{{"stored", nil, cabtest.Stored}, {"mszip", []string{"-z"}, cabtest.MSZIP}} {
		t.Run("gcab "+method.name, func(t *testing.T) {
			path := filepath.Join(dir, "gcab.cab")
			args := append(append(method.gcab, args...), path)
			for _, f := range files {
				args = append(args, filepath.Join(dir, f.Name))
			}
			if out, err := exec.Command(tool(t, "gcab"), args...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			check(t, path)
		})
		t.Run("cabtest "+method.name, func(t *testing.T) {
			path := filepath.Join(dir, "own.cab")
			data := build(t, cabtest.Cabinet{Folders: []cabtest.Folder{{Method: method.ours, Files: files}}})
			if err := os.WriteFile(path, data, 0o666); err != nil {
				t.Fatal(err)
			}
			check(t, path)
			got := cabextract(t, path)
			for name, sum := range sums {
				if got[name] != sum {
					t.Errorf("cabextract on %s: %q, want %q", name, got[name], sum)
				}
			}
		})
	}
}
