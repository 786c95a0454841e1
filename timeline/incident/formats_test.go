package incident_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/etwhy/etwhy/decode/freb/frebtest"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
)

// A FREB file without an event that has a time makes no request; its root element is quoted.
func TestRootAlone(t *testing.T) {
	text, err := os.ReadFile("../../testdata/cases/02-content-server-off/ARR01/fr000031.freb.txt")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := frebtest.XML(string(text))
	if err != nil {
		t.Fatal(err)
	}
	root := whole[:bytes.Index(whole, []byte("<Event"))]
	undated := regexp.MustCompile(`<TimeCreated [^>]*>`).ReplaceAll(whole, nil)
	const told = "; its root says GET http://test:80/time/ answered 502.3 after 21016 ms in process 1432 of pool ARRPool, " +
		"activity 80000021-0003-f600-b63f-84710c7967bb; when that was it does not say"
	for _, test := range []struct {
		name, want string
		data       []byte
	}{
		{"whole", "", whole},
		{"cut behind the root", "cut before its first event" + told, root},
		{"cut inside the first event", "cut before its first event" + told, append(bytes.Clone(root), "<Event><System>"...)},
		{"no event", "no event in it" + told, append(bytes.Clone(root), "</failedRequest>"...)},
		{"no time", "no event of it has a time" + told, undated},
		{"a query", "cut before its first event" + told, bytes.Replace(root, []byte("/time/"), []byte("/time/?key=secret"), 1)},
		{"a bare root", "no event in it; when that was it does not say", []byte("<failedRequest />")},
		{"the first status only", "no event in it; its root says answered 500.0; when that was it does not say", []byte(`<failedRequest triggerStatusCode="500.0" />`)},
	} {
		inc, res := analyzeFile(t, "fr000031.xml", test.data)
		if got := inc.Inputs[0].Note; got != test.want {
			t.Errorf("%s: note %q, want %q", test.name, got, test.want)
		}
		if n := len(res.Requests); (n > 0) != (test.want == "") {
			t.Errorf("%s: %d requests", test.name, n)
		}
		if n := len(inc.Inputs[0].Damage); strings.Contains(test.want, "cut") && n != 1 {
			t.Errorf("%s: %v", test.name, inc.Inputs[0].Damage)
		}
	}
}

// What is wrong with a file is told with its place once, and in good English.
func TestDamageWords(t *testing.T) {
	const fields = "#Software: Microsoft Internet Information Services 10.0\n#Date: 2026-03-05 09:00:00\n#Fields: date time cs-method cs-uri-stem sc-status\n"
	const line = "2026-03-05 09:00:01 GET /a 200\n"
	const event = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='WAS'/><EventID>5002</EventID>" +
		"<TimeCreated SystemTime='2026-03-05T09:14:07Z'/><EventRecordID>7</EventRecordID><Channel>System</Channel><Computer>WEB02</Computer></System></Event>\n"
	const counters = "\"(PDH-CSV 4.0) (W. Europe Standard Time)(-60)\",\"\\\\WEB02\\Memory\\Available MBytes\",\"\\\\WEB02\\Memory\\Pages/sec\"\n\"03/05/2026 10:14:07.100\",\"1\",\"2\"\n"
	const converted = "<Events>\n<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-WebIO' Guid='{50b3e73c-9370-461d-bb9f-26f32d68887d}'/><EventID>201</EventID>" +
		"<TimeCreated SystemTime='2026-03-02T10:31:53Z'/><Execution ProcessID='1' ThreadID='2' ProcessorID='0'/></System></Event>\n"
	short := "2026-03-05 09:00:02 GET\n"
	at := func(texts ...string) int64 { return int64(len(strings.Join(texts, ""))) }
	for _, test := range []struct {
		name, text string
		want       string
	}{
		{"u_ex260305.log", fields + line + short + line,
			fmt.Sprintf("[{short-line %d line 5: the line has fewer values than #Fields: 3 of 5}]", at(fields, line))},
		{"u_ex260305.log", fields + short + short + line,
			fmt.Sprintf("[{short-line %d line 4: the line has fewer values than #Fields: 3 of 5; 2 times in all}]", at(fields))},
		{"u_ex260305.log", fields + line + "\x00",
			fmt.Sprintf("[{zero-filled %d 1 byte is zero: the machine stopped hard, or the log was copied while open}]", at(fields, line))},
		{"u_ex260305.log", fields + line + "\x00\x00\x00",
			fmt.Sprintf("[{zero-filled %d 3 bytes are zero: the machine stopped hard, or the log was copied while open}]", at(fields, line))},
		{"System.xml", "<Events>" + event + event,
			fmt.Sprintf("[{cut-file %d the file is cut off behind an event}]", at("<Events>", event, event))},
		{"System.xml", "<Events>" + strings.Replace(event, "</Event>", "", 1) + event + "</Events>",
			"[{open-event 8 the event has no end: the file is cut off, or damaged}]"},
		{"memory.csv", counters + "\"03/05/2026 10:14:08.100\",\"1\"\n",
			"[{short-line -1 line 3: the line has fewer values than there are counters: 1 of 2}]"},
		{"net.xml", converted, fmt.Sprintf("[{cut-file %d the file is cut off behind an event}]", at(converted))},
		{"net.xml", converted + "</Events>\n", "[]"},
	} {
		inc, _ := analyzeFile(t, test.name, []byte(test.text))
		if got := fmt.Sprint(inc.Inputs[0].Damage); got != test.want {
			t.Errorf("%s: %s, want %s (%s)", test.name, got, test.want, inc.Inputs[0].Kind)
		}
	}
}

// A text that was made of a log does not tell what the log lost.
func TestConvertedTellsNoLoss(t *testing.T) {
	const text = "<Events>\n<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-TCPIP' Guid='{2f07e2ee-15db-40f1-90ef-9d7ba282188a}'/><EventID>1045</EventID>" +
		"<TimeCreated SystemTime='2026-03-02T10:31:53Z'/><Execution ProcessID='1' ThreadID='2' ProcessorID='0'/></System></Event>\n</Events>\n"
	inc := incident.New(incident.Options{})
	defer inc.Close()
	inc.AddFS(fstest.MapFS{"net.xml": {Data: []byte(text)}}, "net.xml", "net.xml")
	inc.Scan(incident.Details{})
	said := false
	for _, f := range inc.Analyze(timeline.Options{}).Inputs[0].Health.Findings {
		for _, s := range append(f.Text, f.Title) {
			said = said || strings.Contains(s, ", 1 event.")
			if strings.Contains(s, "lost") || strings.Contains(s, "1 events") {
				t.Error(s)
			}
		}
	}
	if !said {
		t.Error("nothing says how much the text holds")
	}
}
