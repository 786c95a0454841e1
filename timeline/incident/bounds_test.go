package incident_test

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
)

// caseTexts returns the files of a case as they are written, some of them replaced; "" leaves one out.
func caseTexts(t *testing.T, name string, changed map[string]string) fs.FS {
	t.Helper()
	texts := map[string]string{}
	dir := os.DirFS("../../testdata/cases/" + name)
	err := fs.WalkDir(dir, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(dir, p)
		texts[p] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(texts, "case.txt")
	for p, text := range changed {
		if texts[p] = text; text == "" {
			delete(texts, p)
		}
	}
	return folder(t, texts)
}

// said returns all that a verdict says.
func said(v *timeline.Verdict) string {
	list := slices.Concat([]string{v.Title, v.Open}, v.Context, v.DoNow, v.FindOut)
	for _, e := range v.Evidence {
		list = append(list, e.Text)
	}
	for _, n := range v.Rejected {
		list = append(list, n.Why)
	}
	return strings.Join(list, "\n")
}

// Of a log of which lines were only counted, nothing is concluded from a request not being among the others. Lines of
// requests that did not go well are kept before others.
func TestPassedOver(t *testing.T) {
	const (
		head  = "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time s-ip cs-method cs-uri-stem s-port c-ip sc-status sc-substatus sc-win32-status time-taken\n"
		ended = "2026-03-04 16:58:00 192.168.0.216 GET /about/ 80 192.168.0.9 200 0 0 20\n"
	)
	// A minute and its neighbours are of interest where a trace has requests: 16:50 is.
	many := func(n int) string {
		return strings.Repeat("2026-03-04 16:50:30 192.168.0.216 GET /about/ 80 192.168.0.9 200 0 0 20\n", n)
	}
	first := "2026-03-04 16:40:00 192.168.0.216 GET /about/ 80 192.168.0.9 200 0 0 20\n"
	const silence = "no entry of this request"
	for _, test := range []struct {
		name        string
		log         string
		want, never string
	}{
		{"all kept", first + many(10) + ended, silence, "--from"},
		{"counted", first + many(101_000) + ended, "--from 16:50 --to 16:52", silence},
		{"left", first + many(101_000) + "2026-03-04 16:51:06 192.168.0.216 GET /time/ 80 192.168.0.205 200 0 64 45208\n" + ended, "needed 45.2 s", silence},
	} {
		res := caseResult(t, caseTexts(t, "01-arr-receive-timeout", map[string]string{
			"WEB16/fr000004.freb.txt": "", "WEB16/httperr1.log": "", "WEB16/u_ex260304.log": head + test.log,
		}), test.name)
		list := failed(res)
		if len(list) != 1 {
			t.Fatalf("%s: %d requests failed", test.name, len(list))
		}
		if text := said(list[0].Verdict); !strings.Contains(text, test.want) || strings.Contains(text, test.never) {
			t.Errorf("%s: want %q, not %q:\n%s", test.name, test.want, test.never, text)
		}
	}
}

// Of an event log with more entries than there is room for, nothing is concluded from what it has not. Services that
// start and stop take no room from the others.
func TestManyEvents(t *testing.T) {
	const refused = "#Software: Microsoft HTTP API 2.0\n#Fields: date time c-ip c-port s-ip s-port cs-version cs-method cs-uri sc-status s-siteid s-reason s-queuename\n" +
		"2026-03-05 09:14:10 10.1.1.1 5000 10.0.0.9 80 HTTP/1.1 GET /p 503 1 AppOffline Shop\n"
	event := func(provider string, id int, time string, data string) string {
		return fmt.Sprintf(`<Event><System><Provider Name="%s"/><EventID>%d</EventID><TimeCreated SystemTime="2026-03-05T%sZ"/><Channel>System</Channel><Computer>WEB02</Computer></System><EventData>%s</EventData></Event>`+"\n", provider, id, time, data)
	}
	service := func(id int, time string) string {
		return event("Service Control Manager", id, time, `<Data Name="param1">Print Spooler</Data><Data Name="param2">stopped</Data>`)
	}
	was := func(id int, time, pool string) string {
		return event("Microsoft-Windows-WAS", id, time, `<Data Name="AppPoolID">`+pool+`</Data><Data Name="ProcessID">4711</Data>`)
	}
	for _, test := range []struct {
		name        string
		events      string
		gaps        bool
		want, never string
	}{
		{"services", strings.Repeat(service(7036, "09:00:00"), 51_000) + was(5002, "09:14:07", "Shop"), false, "switched off", "no 5002"},
		{"none", was(5186, "09:00:00", "Other"), false, "no 5002", "System.evtx"},
		{"others", strings.Repeat(was(5186, "09:00:00", "Other"), 50_001) + was(5002, "09:14:07", "Shop"), true, "", "no 5002"},
	} {
		inc := incident.New(incident.Options{})
		defer inc.Close()
		inc.AddFS(fstest.MapFS{
			"WEB02/httperr1.log": {Data: []byte(refused)},
			"WEB02/System.xml":   {Data: []byte("<Events>" + test.events + service(7036, "10:00:00") + "</Events>")},
		}, ".", "case")
		inc.Scan(incident.Details{})
		res := inc.Analyze(timeline.Options{})
		list := failed(res)
		if len(list) != 1 {
			t.Fatalf("%s: %d requests failed", test.name, len(list))
		}
		if text := said(list[0].Verdict); !strings.Contains(text, test.want) || strings.Contains(text, test.never) {
			t.Errorf("%s: want %q, not %q:\n%s", test.name, test.want, test.never, text)
		}
		told := slices.ContainsFunc(inc.Inputs, func(in *incident.Input) bool {
			return slices.ContainsFunc(in.Damage, func(d incident.Damage) bool { return d.Kind == "too-many" })
		})
		if told != test.gaps {
			t.Errorf("%s: said that entries are left out: %v", test.name, told)
		}
	}
}
