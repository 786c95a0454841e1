package report_test

import (
	"fmt"
	"os"
	"time"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/report"
)

func ExampleWriteAnalysis() {
	start := etl.FromTime(time.Date(2026, 3, 2, 12, 31, 52, 0, time.UTC))
	a := &report.Analysis{
		Tool: report.Tool{Name: "etwhy", Version: "v1.0.0"},
		Selection: timeline.Selection{Requests: []*timeline.Request{{
			ID: "r1", PID: 1432, Process: "w3wp.exe", Method: "GET", URL: "http://192.168.0.216/time/",
			Start: start, End: start.Add(30 * time.Second),
			Outcome: timeline.Failed, Phase: timeline.PhaseReceive, Error: 1460,
			Verdict: &timeline.Verdict{
				ID: "T1", Title: "192.168.0.216 sent no answer within 30 s", Confidence: timeline.Likely,
				Rejected: []timeline.Rejection{{ID: "C1", Why: "closed port: it was connected"}},
			},
		}}},
	}
	if err := report.WriteAnalysis(os.Stdout, "table", a, report.Options{Width: 80}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// The only request of w3wp.exe (PID 1432) failed: 192.168.0.216 sent no answer
	// within 30 s.
	//
	// GET http://192.168.0.216/time/   started 12:31:52.000, failed 12:32:22.000 UTC
	// Failed while waiting for the answer (phase receive).
	// How sure: likely. The error: 1460 ERROR_TIMEOUT.
	// Not: closed port (it was connected).
}

func ExampleFormats() {
	fmt.Println(report.Formats("analyze"))
	fmt.Println(report.Formats("explain"))
	// Output:
	// [table csv json ndjson text markdown html har perfetto otlp]
	// [table json]
}
