package incidenttest_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/etwhy/etwhy/timeline/incident/incidenttest"
)

// texts makes a folder of names and contents.
func texts(pairs ...string) fs.FS {
	dir := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		dir[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return dir
}

const story = "# The page is slow.\n#\n# Nobody waits for it.\ncase 7\nallowed T1 NE\nstrongest likely\n"

func TestFolder(t *testing.T) {
	made, err := incidenttest.Folder(texts(
		"case.txt", story,
		"answer.txt", "an answer",
		"net.etl.txt", "log start=2026-03-02T12:31:52.9Z\n+0 process 1432 w3wp.exe",
		"ARR01/fr000001.freb.txt", "url http://shop.example/\n10:00:00.000 GENERAL_REQUEST_START SiteId=2",
		"ARR01/System.events.txt", "computer ARR01\nchannel System\n2026-03-05T09:14:07Z Microsoft-Windows-WAS 5002 warning AppPoolID=Shop",
		"ARR01/Application.evtx.txt", "channel Application\n2026-03-05T09:12:19Z \"Application Error\" 1000 error w3wp.exe",
		"ARR01/SRUDB.srum.txt", "usage 2026-03-05T10:00:00Z W3SVC S-1-5-18 ethernet sent=1",
		"ARR01/answer.txt", "a file like any other",
		"ARR01/u_ex260302.log", "#Fields: date time\r\n",
	))
	if err != nil {
		t.Fatal(err)
	}
	for name, start := range map[string]string{
		"ARR01/fr000001.xml":     "<?xml version=",
		"ARR01/System.xml":       "<?xml version=",
		"ARR01/Application.evtx": "ElfFile\x00",
		"ARR01/answer.txt":       "a file like any other",
		"ARR01/u_ex260302.log":   "#Fields: date time\r\n",
		"ARR01/SRUDB.dat":        "",
		"net.etl":                "",
	} {
		data, err := fs.ReadFile(made, name)
		if err != nil {
			t.Error(err)
		} else if !strings.HasPrefix(string(data), start) || len(data) == 0 {
			t.Errorf("%s begins with %.40q", name, data)
		}
	}
	n := 0
	fs.WalkDir(made, ".", func(name string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			n++
		}
		return err
	})
	if n != 7 {
		t.Errorf("%d files, want 7", n)
	}
}

func TestFolderErrors(t *testing.T) {
	for _, c := range []struct {
		dir  fs.FS
		want string
	}{
		{texts("ARR01/net.etl.txt", "log start=2026-03-02T12:31:52Z\n\n+0 WebIO/none"), "ARR01/net.etl.txt: "},
		{texts("fr000001.freb.txt", "url x\nnothing y"), "fr000001.freb.txt: line 2: "},
		{texts("a.evtx.txt", "\n\n2026-03-05T09:12:19Z x 1 error "+strings.Repeat("x", 40_000)), "a.evtx.txt: line 3: "},
		{texts("SRUDB.srum.txt", "\nusage today"), "SRUDB.srum.txt: line 2: "},
		{texts("fr000001.freb.txt", "url x", "fr000001.xml", "<a/>"), "fr000001.xml: two texts make this file"},
	} {
		if _, err := incidenttest.Folder(c.dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

func TestReadCase(t *testing.T) {
	c, err := incidenttest.ReadCase(texts("case.txt", story))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%d %q %q %s", c.Number, c.Story, c.Allowed, c.Strongest)
	if want := `7 ["The page is slow." "" "Nobody waits for it."] ["T1" "NE"] likely`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, c := range []struct{ text, want string }{
		{"# a\ncase x\nallowed T1\nstrongest likely", "line 2: "},
		{"# a\ncase 1\nallowed T1\nstrongest sure", "line 4: "},
		{"# a\ncase 1\nallowed T1", "are needed"},
		{"case 1\nallowed T1\nstrongest likely", "are needed"},
		{"# a\nverdict T1", "line 2: "},
	} {
		if _, err := incidenttest.ReadCase(texts("case.txt", c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.text, err, c.want)
		}
	}
	if _, err := incidenttest.ReadCase(texts()); err == nil {
		t.Error("a folder without case.txt is no case")
	}
}

// Every case of the project can be made, twice with the same bytes, and its number is that of its folder.
func TestCases(t *testing.T) {
	root := os.DirFS("../../../testdata/cases")
	dirs, err := fs.ReadDir(root, ".")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		t.Run(d.Name(), func(t *testing.T) {
			dir, err := fs.Sub(root, d.Name())
			if err != nil {
				t.Fatal(err)
			}
			c, err := incidenttest.ReadCase(dir)
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("%02d-", c.Number); !strings.HasPrefix(d.Name(), want) {
				t.Errorf("case %d in folder %s", c.Number, d.Name())
			}
			made, err := incidenttest.Folder(dir)
			if err != nil {
				t.Fatal(err)
			}
			again, err := incidenttest.Folder(dir)
			if err != nil {
				t.Fatal(err)
			}
			files := 0
			err = fs.WalkDir(made, ".", func(name string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				files++
				one, err := fs.ReadFile(made, name)
				if err != nil {
					return err
				}
				two, err := fs.ReadFile(again, name)
				if err == nil && !bytes.Equal(one, two) {
					t.Errorf("%s: other bytes the second time", name)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if files == 0 {
				t.Error("a case without files")
			}
		})
	}
}
