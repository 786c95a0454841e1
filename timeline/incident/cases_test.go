package incident_test

import (
	"cmp"
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

// answer is the verdict that the screen begins with: of the largest group of failed requests, else of those
// that were given up.
func answer(res *timeline.Result) (v *timeline.Verdict, count int) {
	for _, outcome := range []timeline.Outcome{timeline.Failed, timeline.Cancelled} {
		groups := map[string][]*timeline.Request{}
		var order []string
		for _, r := range res.Requests {
			if r.Outcome == outcome && r.Traffic == timeline.App && r.Verdict != nil {
				key := r.Verdict.ID + r.Server
				if groups[key] == nil {
					order = append(order, key)
				}
				groups[key] = append(groups[key], r)
			}
		}
		slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(len(groups[b]), len(groups[a])) })
		if len(order) > 0 {
			first := groups[order[0]]
			return first[0].Verdict, len(first)
		}
	}
	return nil, 0
}

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
			v, n := answer(res)
			if v == nil {
				t.Fatalf("no verdict; allowed are %s", strings.Join(c.Allowed, " "))
			}
			told := fmt.Sprintf("%d x %s %s: %s", n, v.ID, v.Confidence, v.Title)
			t.Log(told)
			if !slices.Contains(c.Allowed, v.ID) || v.Confidence > sureness[c.Strongest] {
				t.Errorf("%s; allowed are %s, at most %s", told, strings.Join(c.Allowed, " "), c.Strongest)
			}
		})
	}
}
