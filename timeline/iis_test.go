package timeline_test

import (
	"testing"

	"github.com/etwhy/etwhy/etl/etltest"
	"github.com/etwhy/etwhy/timeline"
)

// What Failed Request Tracing writes to files is in a trace as classic events, and the log's line as an event.
func TestIISEvents(t *testing.T) {
	const (
		general       = "{d42cf7ef-de92-473e-8b6c-621ea663113a}"
		notifications = "{002e91e3-e7ae-44ab-8e07-99230ffa6ade}"
		context       = "ContextId={80000017-0003-f600-b63f-84710c7967bb}"
	)
	trace, err := etltest.Parse(`log start=2026-03-02T12:31:52.9Z cpus=2 build=20348
+0 cpu0 0:0 process 1432 w3wp.exe parent=800 cmdline='c:\windows\system32\inetsrv\w3wp.exe -ap "Shop"'
+0.1 cpu0 1432:2320 classic ` + general + `/1 ` + context + ` SiteId=2 AppPoolId=Shop ConnId=0 RawConnId=0 RequestURL=http://shop.example/time/ RequestVerb=GET
+0.2 cpu0 1432:2320 classic ` + notifications + `/1 ` + context + ` ModuleName=IsapiModule Notification=128 fIsPostNotification=0
+0.3 cpu0 1432:2320 classic ` + notifications + `/16 ` + context + ` ModuleName=IsapiModule Notification=128 HttpStatus=500 HttpReason="Internal Server Error" HttpSubStatus=19 ErrorCode=2147942413
+0.4 cpu0 1432:2320 classic ` + general + `/2 ` + context + ` BytesSent=400 BytesReceived=300 HttpStatus=500 HttpSubStatus=19
+0.5 cpu0 1432:2320 classic ` + general + `/1 ContextId={80000018-0003-f600-b63f-84710c7967bb} SiteId=2 AppPoolId=Shop RequestURL=http://shop.example/slow RequestVerb=POST
+1 cpu0 4:60 IIS-Logging/6200 EnabledFieldsFlags=4194303 date=2026-03-02 time=12:31:53 c-ip=10.0.0.9 s-ip=10.0.0.12 cs-method=GET cs-uri-stem=/other cs-uri-query=- sc-status=503 sc-win32-status=0 time-taken=12 s-port=80 sc-substatus=2
`)
	if err != nil {
		t.Fatal(err)
	}
	res := analyzeTrace(t, trace)
	type request struct {
		method, url string
		status, sub int
		outcome     timeline.Outcome
		module      string
	}
	var got []request
	for _, r := range res.Requests {
		q := request{r.Method, r.URL, r.Status, r.SubStatus, r.Outcome, ""}
		if r.MadeBy != nil {
			q.module = r.MadeBy.Module
		}
		got = append(got, q)
	}
	want := []request{
		{"GET", "http://shop.example/time/", 500, 19, timeline.Failed, "IsapiModule"},
		{"POST", "http://shop.example/slow", 0, 0, timeline.Unfinished, ""},
		{"GET", "/other", 503, 2, timeline.Failed, ""},
	}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for _, w := range want {
		found := false
		for _, g := range got {
			found = found || g == w
		}
		if !found {
			t.Errorf("no %+v in %+v", w, got)
		}
	}
}
