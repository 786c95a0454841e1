package incident_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
)

// analyzeFolder reads the files of a folder.
func analyzeFolder(t testing.TB, files fstest.MapFS) (*incident.Incident, *timeline.Result) {
	t.Helper()
	inc := incident.New(incident.Options{})
	t.Cleanup(func() { inc.Close() })
	inc.AddFS(files, ".", "case")
	inc.Scan(incident.Details{})
	return inc, inc.Analyze(timeline.Options{})
}

const failedLog = "#Software: Microsoft Internet Information Services 10.0\r\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port c-ip sc-status sc-substatus sc-win32-status time-taken\r\n" +
	"2026-03-05 08:14:30 10.0.0.12 GET /orders - 80 10.0.0.8 500 0 0 20000\r\n"

// Counters of the time say how busy the machine was; those of another time say nothing.
func TestCounters(t *testing.T) {
	perf := func(day, processor string) []byte {
		return []byte(`"(PDH-CSV 4.0) (W. Europe Standard Time)(-60)","\\WEB02\Processor(_Total)\% Processor Time","\\WEB02\Process(w3wp)\Private Bytes",` +
			`"\\WEB02\Process(w3wp#1)\Private Bytes","\\WEB02\HTTP Service Request Queues(Shop)\CurrentQueueSize"` + "\r\n" +
			`"` + day + ` 09:14:00.000"," ","100000000","1073741824","0"` + "\r\n" +
			`"` + day + ` 09:14:15.000","` + processor + `","100000000","3221225472","12"` + "\r\n" +
			`"` + day + ` 09:14:30.000","` + processor + `","100000000","3221225472","900"` + "\r\n")
	}
	for _, test := range []struct {
		name string
		perf []byte
		want []string // sentences of the context begin so
	}{
		{"busy", perf("03/05/2026", "99.2"), []string{
			"The processor of WEB02 was at 99 % from 08:14:00 to 08:14:30 UTC.",
			"w3wp.exe on WEB02 held 3.0 GB from",
			"Up to 900 requests waited in the queue Shop of WEB02 from",
		}},
		{"idle", perf("03/05/2026", "3"), []string{"The processor of WEB02 was at 3 % from 08:14:00 to 08:14:30 UTC."}},
		{"day before", perf("03/04/2026", "99"), nil},
	} {
		inc, res := analyzeFolder(t, fstest.MapFS{"u_ex260305.log": {Data: []byte(failedLog)}, "perf.csv": {Data: test.perf}})
		if in := inc.Inputs[0]; in.Kind != timeline.KindPerf || in.Err != nil || in.Entries != 3 {
			t.Errorf("%s: %s %v %d entries", test.name, in.Kind, in.Err, in.Entries)
		}
		if len(res.Requests) != 1 || res.Requests[0].Verdict == nil {
			t.Fatalf("%s: %d requests", test.name, len(res.Requests))
		}
		context := res.Requests[0].Verdict.Context
		for _, want := range test.want {
			if !slices.ContainsFunc(context, func(s string) bool { return strings.HasPrefix(s, want) }) {
				t.Errorf("%s: %q is not in %q", test.name, want, context)
			}
		}
		if told := strings.Contains(strings.Join(context, " "), "processor"); len(test.want) == 0 && told {
			t.Errorf("%s: %q", test.name, context)
		}
	}
}

// libraryDatabase returns a database of go-ese's own tests.
func libraryDatabase(t testing.TB, name string) []byte {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "www.velocidex.com/golang/go-ese").Output()
	if err != nil || len(dir) == 0 {
		t.Skip("no module folder: ", err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "testdata", name))
	if err != nil {
		t.Skip(err)
	}
	return data
}

// What SRUM tells is read, and whatever state the file is in, the others are.
func TestSRUM(t *testing.T) {
	data := libraryDatabase(t, "SRUM/SRUDB.dat")
	damaged := slices.Clone(data)
	for i := 3 << 12; i < len(damaged); i += 4099 {
		damaged[i] ^= 0x55
	}
	for name, data := range map[string][]byte{"whole": data, "damaged": damaged, "cut": data[:len(data)/3], "header": data[:5000]} {
		inc, res := analyzeFolder(t, fstest.MapFS{"u_ex260305.log": {Data: []byte(failedLog)}, "SRUDB.dat": {Data: data}})
		in := inc.Inputs[0]
		if in.Kind != timeline.KindSRUM {
			t.Errorf("%s: %s", name, in.Kind)
		}
		if whole := name == "whole"; whole && (in.Err != nil || in.Entries == 0 || in.Start.IsZero()) || !whole && in.Err == nil && len(in.Damage) == 0 {
			t.Errorf("%s: %v, damage %v, %d entries", name, in.Err, in.Damage, in.Entries)
		}
		if len(res.Requests) != 1 {
			t.Errorf("%s: %d requests", name, len(res.Requests))
		}
	}
}

// A database of something else is none of ours.
func TestOtherDatabase(t *testing.T) {
	data := libraryDatabase(t, "Samples/WebCacheV01.dat")
	inc, _ := analyzeFolder(t, fstest.MapFS{"u_ex260305.log": {Data: []byte(failedLog)}, "WebCacheV01.dat": {Data: data}})
	if in := inc.Inputs[0]; in.Kind != timeline.KindOther || in.Note == "" || in.Err != nil {
		t.Errorf("%s %q %v", in.Kind, in.Note, in.Err)
	}
	inc, _ = analyzeFile(t, "WebCacheV01.dat", data)
	if in := inc.Inputs[0]; !errors.Is(in.Err, incident.ErrUnknown) || !inc.Failed() {
		t.Errorf("named: %v", in.Err)
	}
}
