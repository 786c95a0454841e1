package incident_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident/incidenttest"
)

// A change is something that befalls the files of a case and that must not make the answer wrong, nor surer.
type change struct {
	name  string
	files fstest.MapFS
	alone bool // one file is left
}

// TestCasesChanged takes files and entries away from the cases, shifts the clock of a machine, and adds healthy
// requests: the verdict stays, or becomes less sure, or says what is missing.
func TestCasesChanged(t *testing.T) {
	folders, err := os.ReadDir(casesFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if !f.IsDir() {
			continue
		}
		t.Run(f.Name(), func(t *testing.T) {
			t.Parallel()
			dir := os.DirFS(filepath.Join(casesFolder, f.Name()))
			c, err := incidenttest.ReadCase(dir)
			if err != nil {
				t.Fatal(err)
			}
			texts := fstest.MapFS{}
			err = fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					var b []byte
					b, err = fs.ReadFile(dir, name)
					texts[name] = &fstest.MapFile{Data: b}
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			res, ok := resultOf(t, texts)
			if !ok {
				t.Fatal("the case itself does not compile")
			}
			whole := incidenttest.Answer(res)
			surest := map[string]timeline.Confidence{} // by verdict, of all requests
			for _, r := range res.Requests {
				if r.Verdict != nil {
					surest[r.Verdict.ID] = max(surest[r.Verdict.ID], r.Verdict.Confidence)
				}
			}
			for _, changed := range changes(texts) {
				res, ok := resultOf(t, changed.files)
				if !ok {
					continue // no text any more
				}
				v := incidenttest.Answer(res)
				switch {
				case v == nil: // nothing that failed is left
				case whole == nil:
					if v.ID != "NE" && !slices.Contains(c.Allowed, v.ID) {
						t.Errorf("%s: %s %s: %s; the whole case has no verdict", changed.name, v.ID, v.Confidence, v.Title)
					}
				case changed.alone: // another story, maybe
					if v.Confidence > timeline.Likely {
						t.Errorf("%s: %s %s: %s; a single file cannot be certain", changed.name, v.ID, v.Confidence, v.Title)
					}
				case v.ID == "NE", v.Confidence < whole.Confidence, v.ID == whole.ID && v.Confidence <= max(whole.Confidence, surest[v.ID]):
				case v.Confidence == whole.Confidence && (v.ID == "HTTP-5xx" || v.ID == "PT1" || slices.Contains(c.Allowed, v.ID)):
				default:
					t.Errorf("%s: %s %s: %s; the whole case says %s %s", changed.name, v.ID, v.Confidence, v.Title, whole.ID, whole.Confidence)
				}
			}
		})
	}
}

// resultOf compiles the texts of a case and analyzes it; ok is false if they do not compile.
func resultOf(t *testing.T, texts fstest.MapFS) (*timeline.Result, bool) {
	t.Helper()
	files, err := incidenttest.Folder(texts)
	if err != nil {
		return nil, false
	}
	return caseResult(t, files, "case"), true
}

// changes makes the changes of a case.
func changes(texts fstest.MapFS) []change {
	var out []change
	with := func(name, file string, data []byte) {
		files := maps.Clone(texts)
		if data == nil {
			delete(files, file)
		} else {
			files[file] = &fstest.MapFile{Data: data}
		}
		out = append(out, change{name: name, files: files})
	}
	machines := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if name == "case.txt" || name == "answer.txt" {
			continue
		}
		if dir, _, below := strings.Cut(name, "/"); below {
			machines[dir] = true
		}
		with("without "+name, name, nil)
		out = append(out, change{"only " + name, fstest.MapFS{name: texts[name]}, true})
		lines := strings.SplitAfter(string(texts[name].Data), "\n")
		step := 1
		if most := 25; len(lines) > most { // of long texts, a sample
			step = len(lines)/most + 1
		}
		for i := 0; i < len(lines); i += step {
			if !isEntry(name, lines[i]) {
				continue
			}
			rest := strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "")
			with(fmt.Sprintf("%s without line %d %.60q", name, i+1, lines[i]), name, []byte(rest))
		}
		if more := moreHealthy(name, lines); more != nil {
			with("1,000 healthy requests more in "+name, name, more)
		}
	}
	for _, m := range slices.Sorted(maps.Keys(machines)) {
		files := maps.Clone(texts)
		for name, f := range texts {
			if strings.HasPrefix(name, m+"/") {
				files[name] = &fstest.MapFile{Data: shifted(name, f.Data)}
			}
		}
		out = append(out, change{name: "the clock of " + m + " is 90 s ahead", files: files})
	}
	return out
}

// isEntry reports whether a line of a text is an entry of a log or an event.
func isEntry(name, line string) bool {
	switch {
	case strings.TrimSpace(line) == "" || line[0] == '#':
		return false
	case strings.HasSuffix(name, ".log"), strings.HasSuffix(name, ".events.txt"), strings.HasSuffix(name, ".evtx.txt"):
		return line[0] >= '0' && line[0] <= '9'
	case strings.HasSuffix(name, ".freb.txt"):
		return line[0] >= '0' && line[0] <= '9'
	case strings.HasSuffix(name, ".etl.txt"):
		return line[0] == '+'
	}
	return false
}

// moreHealthy adds 1,000 lines like the first that went well to a log of IIS.
func moreHealthy(name string, lines []string) []byte {
	if !strings.HasSuffix(name, ".log") || strings.HasPrefix(path.Base(name), "httperr") {
		return nil
	}
	i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, " 200 0 0 ") && isEntry(name, l) })
	if i < 0 {
		return nil
	}
	line := guid.ReplaceAllString(lines[i], "-")
	var b strings.Builder
	b.WriteString(strings.Join(lines, ""))
	for n := range 1000 {
		at := strings.Index(line, " /")
		b.WriteString(line[:at] + fmt.Sprintf(" /more/%d", n) + line[at+1:])
	}
	return []byte(b.String())
}

var guid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// Times as the texts of a case have them.
var (
	logTime   = regexp.MustCompile(`(?m)^(#Date: )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)`)
	frebTime  = regexp.MustCompile(`(?m)^(\d\d:\d\d:\d\d\.\d{3})`)
	eventTime = regexp.MustCompile(`(?m)^(\d{4}-\d\d-\d\dT[0-9:.]+Z)`)
	startTime = regexp.MustCompile(`start=(\S+)`)
)

// shifted moves all times of a text by 90 s.
func shifted(name string, data []byte) []byte {
	move := func(re *regexp.Regexp, layout string) []byte {
		return re.ReplaceAllFunc(data, func(m []byte) []byte {
			groups := re.FindSubmatch(m)
			at := string(groups[len(groups)-1])
			was, err := time.Parse(layout, at)
			if err != nil {
				return m
			}
			return []byte(strings.Replace(string(m), at, was.Add(90*time.Second).Format(layout), 1))
		})
	}
	switch {
	case strings.HasSuffix(name, ".log"):
		return move(logTime, "2006-01-02 15:04:05")
	case strings.HasSuffix(name, ".freb.txt"):
		return move(frebTime, "15:04:05.000")
	case strings.HasSuffix(name, ".events.txt"), strings.HasSuffix(name, ".evtx.txt"):
		return move(eventTime, time.RFC3339Nano)
	case strings.HasSuffix(name, ".etl.txt"):
		return move(startTime, time.RFC3339Nano)
	}
	return data
}
