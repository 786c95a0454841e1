package incident_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
)

// Files that come with traces and are not read here are named, with what opens them.
func TestKnown(t *testing.T) {
	for _, test := range []struct{ name, data, note string }{
		{"w3wp.dmp", "MDMP\x93\xa7\x00\x00", "WinDbg"},
		{"MEMORY.DMP", "PAGEDU64\x0f\x00", "WinDbg"},
		{"net.cap", "GMBU\x00\x02\x01\x00", "Network Monitor"},
		{"a.pcap", "\xd4\xc3\xb2\xa1\x02\x00\x04\x00", "Wireshark"},
		{"a.pcapng", "\x0a\x0d\x0d\x0a\x6c\x00\x00\x00", "Wireshark"},
		{"renamed.etl", "\x0a\x0d\x0d\x0a\x6c\x00\x00\x00", "Wireshark"},
		{"SysEvent.Evt", "\x30\x00\x00\x00LfLe\x01\x00\x00\x00", "save it as .evtx"},
		{"perf.blg", "\x00\x00\x01\x00what", "relog perf.blg -f csv -o perf.csv"},
		{"System_1033.MTA", "\x01\x02", "event log"},
		{"access.log", strings.Repeat("10.0.0.8 - - [05/Mar/2026:09:14:09 +0000] \"GET / HTTP/1.1\" 503 299 \"-\" \"curl\"\n", 3), "Apache"},
		{"u_in260305.log", strings.Repeat("10.0.0.8, -, 03/05/26, 9:14:09, W3SVC1, WEB02, 10.0.0.12, 15, 300, 299, 503, 0, GET, /orders, -,\r\n", 3), "W3C"},
	} {
		inc, res := analyzeFile(t, test.name, []byte(test.data))
		in := inc.Inputs[0]
		if !strings.Contains(in.Note, test.note) || in.Kind != timeline.KindOther {
			t.Errorf("%s: %s, note %q", test.name, in.Kind, in.Note)
		}
		if !errors.Is(in.Err, incident.ErrUnknown) || !strings.Contains(in.Err.Error(), in.Note) || !inc.Failed() || len(res.Requests) > 0 {
			t.Errorf("%s: error %v", test.name, in.Err)
		}
		// One that lies in a folder is no failure.
		inc, _ = analyzeFolder(t, fstest.MapFS{test.name: {Data: []byte(test.data)}, "u_ex260305.log": {Data: []byte(failedLog)}})
		for _, in := range inc.Inputs {
			if in.Err != nil || strings.HasSuffix(in.Path, test.name) && !strings.Contains(in.Note, test.note) {
				t.Errorf("%s in a folder: %v, note %q", test.name, in.Err, in.Note)
			}
		}
		// Nor is it in an archive.
		inc, _ = analyzeFile(t, "case.zip", archive(t, test.name, test.data))
		if in := inc.Inputs[1]; in.Err != nil || !strings.Contains(in.Note, test.note) {
			t.Errorf("%s in an archive: %v, note %q", test.name, in.Err, in.Note)
		}
	}
}
