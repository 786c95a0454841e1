package incident_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
	"github.com/etwhy/etwhy/timeline/incident/incidenttest"
)

const casesFolder = "../../testdata/cases"

// caseResult reads the files of a folder.
func caseResult(t testing.TB, files fs.FS, label string) *timeline.Result {
	t.Helper()
	inc := incident.New(incident.Options{})
	t.Cleanup(func() { inc.Close() })
	inc.AddFS(files, ".", label)
	inc.Scan(incident.Details{})
	return inc.Analyze(timeline.Options{})
}

// sureness is the place of a word for confidence.
var sureness = map[string]timeline.Confidence{
	"possible": timeline.Possible, "likely": timeline.Likely, "certain": timeline.Certain,
}

func TestCases(t *testing.T) {
	folders, err := os.ReadDir(casesFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if !f.IsDir() {
			continue
		}
		t.Run(f.Name(), func(t *testing.T) {
			dir := os.DirFS(filepath.Join(casesFolder, f.Name()))
			c, err := incidenttest.ReadCase(dir)
			if err != nil {
				t.Fatal(err)
			}
			files, err := incidenttest.Folder(dir)
			if err != nil {
				t.Fatal(err)
			}
			res := caseResult(t, files, f.Name())
			v := incidenttest.Answer(res)
			if v == nil { // no request, and nothing else that tells
				v = &timeline.Verdict{ID: "NE", Title: "nothing here tells"}
			}
			told := fmt.Sprintf("%s %s: %s", v.ID, v.Confidence, v.Title)
			t.Log(told)
			if !slices.Contains(c.Allowed, v.ID) || v.Confidence > sureness[c.Strongest] {
				t.Errorf("%s; allowed are %s, at most %s", told, strings.Join(c.Allowed, " "), c.Strongest)
			}
		})
	}
}

// sharedCases is a table of the cases that other tools are held to as well. It lies beside the project, if at all.
const sharedCases = "../../../shared/facts/errors/cases.tsv"

// What case.txt allows is what the table allows.
func TestCasesTable(t *testing.T) {
	table, err := os.ReadFile(sharedCases)
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("ETWHY_SAMPLES") != "required" {
		t.Skip("the table is not there")
	}
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[int]incidenttest.Case{}
	for i, line := range strings.Split(strings.TrimSpace(string(table)), "\n") {
		columns := strings.Split(strings.TrimRight(line, "\r"), "\t")
		if i == 0 {
			continue // names of the columns
		}
		n, err := strconv.Atoi(columns[0])
		if err != nil || len(columns) < 4 {
			t.Fatalf("line %d of the table: %q", i+1, line)
		}
		allowed[n] = incidenttest.Case{Number: n, Allowed: strings.Fields(columns[2]), Strongest: columns[3]}
	}
	folders, err := filepath.Glob(casesFolder + "/*/case.txt")
	if err != nil || len(folders) != len(allowed) {
		t.Errorf("%d cases, the table has %d (%v)", len(folders), len(allowed), err)
	}
	for _, name := range folders {
		c, err := incidenttest.ReadCase(os.DirFS(filepath.Dir(name)))
		if err != nil {
			t.Fatal(err)
		}
		if want := allowed[c.Number]; !slices.Equal(c.Allowed, want.Allowed) || c.Strongest != want.Strongest {
			t.Errorf("case %d allows %v, at most %s; the table %v, at most %s", c.Number, c.Allowed, c.Strongest, want.Allowed, want.Strongest)
		}
	}
}
