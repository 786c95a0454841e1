package timeline

import (
	"strings"
	"testing"

	"github.com/etwhy/etwhy/decode/perfmon"
	"github.com/etwhy/etwhy/decode/w3c"
)

// A processor at its limit is a cause on App Service only, at that time only, and never a sure one.
func TestLoadRules(t *testing.T) {
	perf := func(day, processor string) string {
		return `"(PDH-CSV 4.0) (UTC)(0)","\\RD0003\Processor(_Total)\% Processor Time"` + "\n" +
			`"` + day + ` 09:09:50.000","` + processor + `"` + "\n" + `"` + day + ` 09:10:05.000","` + processor + `"` + "\n"
	}
	for _, test := range []struct {
		name, log, perf string
		fits            bool
	}{
		{"busy", platformLog("09:10:00 GET /a 503 0 0 15"), perf("03/05/2026", "99.5"), true},
		{"idle", platformLog("09:10:00 GET /a 503 0 0 15"), perf("03/05/2026", "40"), false},
		{"the day before", platformLog("09:10:00 GET /a 503 0 0 15"), perf("03/04/2026", "99.5"), false},
		{"its own limit", platformLog("09:10:00 GET /a 500 0 0 230015"), perf("03/05/2026", "99.5"), false},
		{"not App Service", "#Fields: date time s-ip cs-method cs-uri-stem sc-status sc-substatus sc-win32-status time-taken\n2026-03-05 09:10:00 10.0.0.12 GET /a 503 0 0 15\n", perf("03/05/2026", "99.5"), false},
	} {
		b := NewBuilder(Options{})
		counters, err := perfmon.NewReader(strings.NewReader(test.perf), perfmon.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := b.Input(Input{Path: "case/LogFiles/perf.csv", Kind: KindPerf})
		s.Counters(counters.Header())
		for v, err := range counters.Samples() {
			if err != nil {
				t.Fatal(err)
			}
			s.Sample(v)
		}
		s = b.Input(Input{Path: "case/LogFiles/http/RawLogs/u.log", Kind: KindIISLog})
		for e, err := range w3c.NewReader(strings.NewReader(test.log), w3c.Options{}).Entries() {
			if err != nil {
				t.Fatal(err)
			}
			s.LogEntry(e)
		}
		res := b.Finish()
		if len(res.Requests) != 1 || res.Requests[0].Verdict == nil {
			t.Fatalf("%s: %d requests", test.name, len(res.Requests))
		}
		v := res.Requests[0].Verdict
		if fits := v.ID == "A2"; fits != test.fits || fits && (v.Confidence != Possible || !strings.Contains(v.Title, "at 100 %") && !strings.Contains(v.Title, "at 99 %")) {
			t.Errorf("%s: %s %s %q", test.name, v.ID, v.Confidence, v.Title)
		}
	}
}
