package incident_test

import (
	"os"
	"slices"
	"testing"

	"github.com/etwhy/etwhy/timeline"
)

// The texts that netsh puts beside its trace are read in whatever language and code page they are; what tells nothing
// of requests is left alone.
func TestCabinetTexts(t *testing.T) {
	text := func(name string) string {
		b, err := os.ReadFile("../../decode/netshtext/testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	box := cabinet(t,
		"report.etl", string(healthy(t, 2)), "processes.txt", processList,
		"osinfo.txt", text("osinfo.txt"), "envinfo.txt", text("ipconfig-short-de.txt"), "dns.txt", text("dns.txt"),
		"netiostate.txt", "Effective policy\r\n", "system_1033.mta", "\x01\x02", "dispdiag_stop.dat", "\x00\x01\x02\x03",
	)
	inc, res := analyzeFile(t, "net.cab", box)
	want := []string{
		"cab net.cab", "etl net.cab/report.etl", "netsh-text net.cab/processes.txt", "netsh-text net.cab/osinfo.txt", "netsh-text net.cab/envinfo.txt",
		"netsh-text net.cab/dns.txt", "other net.cab/netiostate.txt", "other net.cab/system_1033.mta", "other net.cab/dispdiag_stop.dat",
	}
	if got := list(inc); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for _, in := range inc.Inputs {
		if in.Err != nil || len(in.Damage) > 0 {
			t.Errorf("%s: %v %v", in.Path, in.Err, in.Damage)
		}
	}
	if len(res.Requests) != 2 || res.Requests[0].Process != "w3wp.exe" || res.Requests[0].Outcome != timeline.OK {
		t.Errorf("%d requests", len(res.Requests))
	}
	if m := res.Inputs[1].Machine; m == nil || m.Name == "" || !slices.Equal(m.Inputs[:1], []int{1}) && !slices.Contains(m.Inputs, 3) {
		t.Errorf("machine %+v", m)
	}
}
