package incident_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
