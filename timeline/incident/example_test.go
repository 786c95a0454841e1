package incident_test

import (
	"fmt"
	"testing/fstest"

	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
)

func Example() {
	files := fstest.MapFS{ // os.DirFS of a folder, mostly
		"WEB02/httperr1.log": {Data: []byte("#Software: Microsoft HTTP API 2.0\n#Version: 1.0\n#Date: 2026-03-05 09:14:00\n" +
			"#Fields: date time c-ip c-port s-ip s-port cs-version cs-method cs-uri sc-status s-siteid s-reason s-queuename\n" +
			"2026-03-05 09:14:09 10.0.0.8 55210 10.0.0.12 80 HTTP/1.1 GET /orders 503 2 AppOffline Shop\n")},
		"notes.txt": {Data: []byte("The shop was down after nine.\n")},
	}
	inc := incident.New(incident.Options{})
	defer inc.Close()
	inc.AddFS(files, ".", "case")
	inc.Scan(incident.Details{})
	for _, in := range inc.Inputs {
		fmt.Println(in.Path, in.Kind, in.Err)
	}
	for _, r := range inc.Analyze(timeline.Options{}).Requests {
		fmt.Println(r.ID, r.Method, r.URL, r.Status, r.Outcome)
		fmt.Println(r.Verdict.Confidence, r.Verdict.Title)
	}
	// Output:
	// case/WEB02/httperr1.log httperr <nil>
	// case/notes.txt other <nil>
	// r1 GET /orders 503 failed
	// likely application pool Shop was off
}
