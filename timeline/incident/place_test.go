package incident_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf16"

	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
	"github.com/etwhy/etwhy/timeline/incident/incidenttest"
)

// A quotation is an observation, and where it stands.
type quotation struct {
	timeline.Evidence
	related bool
}

// quotations are all that is quoted of an input.
func quotations(res *timeline.Result, input int) (list []quotation) {
	add := func(q quotation) {
		if q.Input == input && !slices.Contains(list, q) {
			list = append(list, q)
		}
	}
	evidence := func(v *timeline.Verdict) {
		if v != nil {
			for _, e := range v.Evidence {
				add(quotation{Evidence: e})
			}
		}
	}
	for _, r := range res.Requests {
		evidence(r.Verdict)
		for _, q := range r.Related {
			add(quotation{timeline.Evidence{Input: q.Input, Time: q.Time, Text: q.Text, Place: q.Place}, true})
		}
	}
	for _, d := range res.Discoveries {
		evidence(d.Verdict)
	}
	return list
}

// checkPlaces looks up what is quoted of a file where it is said to stand, and returns how much of it there was.
func checkPlaces(t *testing.T, res *timeline.Result, in *incident.Input, number int, text []byte) (found int) {
	t.Helper()
	lines := strings.Split(string(text), "\n")
	var entries map[uint64]*eventlog.Entry
	var events []freb.Event
	for _, q := range quotations(res, number) {
		if q.Line < 0 || q.Line > len(lines) {
			t.Errorf("%s has %d lines, and %q is said to be of line %d", in.Path, len(lines), q.Text, q.Line)
			continue
		}
		switch in.Kind {
		case timeline.KindIISLog, timeline.KindHTTPERR:
			if q.Line == 0 {
				if whole := q.related || strings.Contains(q.Text, "win32") || strings.Contains(q.Text, "queue"); whole {
					t.Errorf("%s: no line of %q", in.Path, q.Text)
				}
				continue
			}
			if strings.Contains(q.Text, ", the slowest ") {
				break // has the time at which that one began; the line, that of its end
			}
			if at := q.Time.Time().UTC().Format("2006-01-02 15:04:05"); !strings.HasPrefix(lines[q.Line-1], at) {
				t.Errorf("%s:%d is\n%s\nand not %q of %s", in.Path, q.Line, lines[q.Line-1], q.Text, at)
			}
		case timeline.KindEvents:
			if entries == nil {
				entries = map[uint64]*eventlog.Entry{}
				for e, err := range eventlog.NewReader(bytes.NewReader(text), int64(len(text)), eventlog.Options{}).Entries() {
					if err != nil {
						t.Fatal(err)
					}
					entries[e.Record] = e.Clone()
				}
			}
			if e := entries[q.Record]; e == nil || !strings.Contains(q.Text, fmt.Sprintf(" %d", e.ID)) || e.Time.Sub(q.Time).Abs().Seconds() > 1 {
				t.Errorf("%s, event %d is %+v, and not %q", in.Path, q.Record, e, q.Text)
			}
		case timeline.KindFREB:
			if q.Record == 0 {
				if strings.Contains(q.Text, " set by ") {
					t.Errorf("%s: no event of %q", in.Path, q.Text)
				}
				continue
			}
			if events == nil {
				file, err := freb.NewReader(bytes.NewReader(text))
				if err != nil {
					t.Fatal(err)
				}
				for ev := range file.Events() {
					events = append(events, *ev)
				}
			}
			if q.Record > uint64(len(events)) || events[q.Record-1].Name != "MODULE_SET_RESPONSE_ERROR_STATUS" {
				t.Errorf("%s has %d events; %d does not tell %q", in.Path, len(events), q.Record, q.Text)
			}
		case timeline.KindText:
			if q.Line == 0 || !strings.Contains(q.Text, fmt.Sprintf(" line %d: ", q.Line)) {
				t.Errorf("%s: line %d of %q", in.Path, q.Line, q.Text)
			}
		case timeline.KindConfig:
			if q.Line == 0 || !strings.Contains(lines[q.Line-1], "<") && !strings.Contains(lines[q.Line-1], `="`) {
				t.Errorf("%s, line %d does not tell %q", in.Path, q.Line, q.Text)
			}
		default:
			continue
		}
		found++
	}
	return found
}

// What is quoted stands where evidence says: in all cases, in the forms that files come in.
func TestPlaces(t *testing.T) {
	again := func(text []byte) []byte { // what IIS writes whenever it is started
		var head, out []string
		for i, l := range strings.SplitAfter(string(text), "\n") {
			if strings.HasPrefix(l, "#") && len(head) < 4 {
				head = append(head, l)
			} else if i%3 == 0 && strings.HasSuffix(l, "\n") {
				out = append(out, head...)
			}
			out = append(out, l)
		}
		return []byte(strings.Join(out, ""))
	}
	wide := func(text []byte) []byte {
		out := []byte{0xFF, 0xFE}
		for _, u := range utf16.Encode([]rune(string(text))) {
			out = binary.LittleEndian.AppendUint16(out, u)
		}
		return out
	}
	same := func(text []byte) []byte { return text }
	folders := []string{"../../testdata/demo"}
	cases, err := os.ReadDir(casesFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if c.IsDir() {
			folders = append(folders, path.Join(casesFolder, c.Name()))
		}
	}
	for _, tt := range []struct {
		name         string
		change, pack func([]byte) []byte // the text of a log; how it is stored
		suffix       string
	}{
		{"as they are", same, same, ""},
		{"with headers in the middle", again, same, ""},
		{"in UTF-16", same, wide, ""},
		{"packed", same, func(b []byte) []byte { return zipped(t, b) }, ".gz"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := map[timeline.Kind]int{}
			for _, name := range folders {
				dir := os.DirFS(name)
				if name != folders[0] {
					made, err := incidenttest.Folder(dir)
					if err != nil {
						t.Fatal(err)
					}
					dir = made
				}
				files, texts := fstest.MapFS{}, map[string][]byte{}
				err := fs.WalkDir(dir, ".", func(p string, d fs.DirEntry, err error) error {
					if err != nil || d.IsDir() {
						return err
					}
					text, err := fs.ReadFile(dir, p)
					if isLog := path.Ext(p) == ".log" && bytes.HasPrefix(text, []byte("#Software")); isLog {
						text = tt.change(text)
						files[p+tt.suffix] = &fstest.MapFile{Data: tt.pack(text)}
						texts[p+tt.suffix] = text
						return err
					}
					files[p], texts[p] = &fstest.MapFile{Data: text}, text
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				inc, res := analyzeFolder(t, files)
				for number, trace := range res.Inputs {
					i := slices.IndexFunc(inc.Inputs, func(in *incident.Input) bool { return in.Path == trace.Path })
					if i < 0 {
						t.Fatalf("%s is no input", trace.Path)
					}
					text, ok := texts[strings.TrimPrefix(trace.Path, "case/")]
					if ok {
						found[inc.Inputs[i].Kind] += checkPlaces(t, res, inc.Inputs[i], number, text)
					}
				}
				inc.Close()
			}
			for kind, least := range map[timeline.Kind]int{
				timeline.KindIISLog: 30, timeline.KindHTTPERR: 5, timeline.KindEvents: 10, timeline.KindFREB: 10, timeline.KindConfig: 2,
			} {
				if found[kind] < least {
					t.Errorf("%d places in files of kind %s, want %d or more", found[kind], kind, least)
				}
			}
			t.Log(found)
		})
	}
}
