package timeline_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
	"github.com/etwhy/etwhy/timeline/incident/incidenttest"
)

// A proxy's own 502 is no answer of the server, though a file of the proxy is all that tells of the request; nor is
// there a trace that could lack one.
func TestOwnStatusIsNoAnswer(t *testing.T) {
	const path = "../testdata/cases/02-content-server-off/ARR01/fr000031.freb.txt"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	texts := fstest.MapFS{}
	for i := range 4 {
		other := strings.NewReplacer("80000021-", fmt.Sprintf("8000002%d-", i), "d95bafc8-", fmt.Sprintf("d95bafc%d-", i), "12:26:", fmt.Sprintf("12:2%d:", i))
		texts[fmt.Sprintf("ARR01/fr00000%d.freb.txt", i)] = &fstest.MapFile{Data: []byte(other.Replace(string(text)))}
	}
	files, err := incidenttest.Folder(texts)
	if err != nil {
		t.Fatal(err)
	}
	inc := incident.New(incident.Options{})
	defer inc.Close()
	inc.AddFS(files, ".", ".")
	inc.Scan(incident.Details{})
	res := inc.Analyze(timeline.Options{})
	if len(res.Requests) != 4 {
		t.Fatalf("%d requests", len(res.Requests))
	}
	for _, r := range res.Requests {
		if r.Verdict == nil || r.Server != "192.168.0.216" || r.Phase != "" {
			t.Fatalf("%s: %v", r.ID, r.Verdict)
		}
		for _, s := range r.Verdict.Context {
			if strings.Contains(s, "answer") || strings.Contains(s, "trace") {
				t.Errorf("%s: %s", r.ID, s)
			}
		}
	}
	stats := timeline.Servers(func(yield func(*timeline.Request) bool) {
		for _, r := range res.Requests {
			if !yield(r) {
				return
			}
		}
	})
	if len(stats) != 1 || stats[0].Tried != 4 || stats[0].Connected != 0 || stats[0].Unclear != 4 || stats[0].Failed != 4 {
		t.Errorf("%+v", stats)
	}
}

// Who made the status of a proxied request, where only a log tells of it.
func TestMadeByOfLog(t *testing.T) {
	for _, test := range []struct {
		name, base string
		want       string // of what failed; "" = not known
		edits      []edit
	}{
		{"ARR by its marks", "09", "arr", nil},
		{"no server to choose", "05", "arr", []edit{without("ARR01/*.freb.txt"), without("ARR01/*.config"), without("ARR01/history/*/*")}},
		{"no marks", "09", "", []edit{{"PROXY01/*.log", "&SERVER-STATUS=0", ""}, {"PROXY01/*.log", "X-ARR-CACHE-HIT=0&X-ARR-LOG-ID=", "id="}}},
		{"the server's own", "09", "", []edit{{"PROXY01/*.log", "SERVER-STATUS=0 ", "SERVER-STATUS=503 "}, {"PROXY01/*.log", " 502 3 12002 ", " 503 0 0 "}}},
		{"the module's file beside the log", "12", "ancm AspNetCoreModule", nil},
		{"ARR's file beside the log", "13", "arr ApplicationRequestRouting", []edit{without("ARR01/*.etl.txt"), without("WEB*/*")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			failed := 0
			for _, r := range resultOf(t, test.base, test.edits).Requests {
				if r.Outcome != timeline.Failed || !r.Proxied {
					continue
				}
				failed++
				got := ""
				if m := r.MadeBy; m != nil {
					got = strings.TrimSpace(m.Tier + " " + m.Module)
				}
				if got != test.want {
					t.Errorf("%s %d.%d made by %q, want %q: %s", r.ID, r.Status, r.SubStatus, got, test.want, r.Verdict.Title)
				}
			}
			if failed == 0 {
				t.Error("nothing failed")
			}
		})
	}
}

// A FREB file of a proxy gives the phases that its events tell, and nothing of what lies between.
func TestForwardedPhases(t *testing.T) {
	alone := []edit{without("ARR01/*.etl.txt"), without("ARR01/*.log"), without("WEB*/*")}
	for _, test := range []struct {
		name, base, want string
		edits            []edit
	}{
		{"routed, and no more is told", "02", ": route ok 0s", alone},
		{"routed after a while", "02", ": route ok 300ms", append([]edit{{"ARR01/*.freb.txt", "12:26:18.690 @2452 GENERAL_REQUEST_START", "12:26:18.390 @2452 GENERAL_REQUEST_START"}}, alone...)},
		{"marks up to the body", "04", "receive: route ok 0s, receive headers ok 52ms, receive body failed 1.007s", alone},
		{"the begin is not there", "02", ":", append([]edit{{"ARR01/*.freb.txt", "12:26:18.690 @2452 GENERAL_REQUEST_START SiteId=1", "12:26:18.690 @2452 OTHER SiteId=1"}}, alone...)},
		{"the marks of an answer", "04", ": route ok 0s, receive headers ok 52ms, receive body ok 1.008s", append([]edit{
			{"ARR01/*.freb.txt", "HttpStatus=502", "HttpStatus=200"}, {"ARR01/*.freb.txt", "HttpSubStatus=3", "HttpSubStatus=0"},
			{"ARR01/*.freb.txt", "10:40:13.563 @2470 MODULE_SET_RESPONSE_ERROR_STATUS", "10:40:13.563 @2470 ARR_RESPONSE_ENTITY_END IgnoredName=x"},
			{"ARR01/*.freb.txt", "statusCode 502.3", "statusCode 200"},
		}, alone...)},
	} {
		t.Run(test.name, func(t *testing.T) {
			requests := resultOf(t, test.base, test.edits).Requests
			if len(requests) != 1 {
				t.Fatalf("%d requests", len(requests))
			}
			r := requests[0]
			var parts []string
			for _, p := range r.Phases {
				parts = append(parts, strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", p.Name, p.Detail, p.Outcome, p.Duration())), " "))
			}
			if got := strings.TrimSpace(string(r.Phase) + ": " + strings.Join(parts, ", ")); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
