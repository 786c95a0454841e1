package timeline

import (
	"testing"
	"time"

	"github.com/etwhy/etwhy/etl"
)

func TestFilterMatch(t *testing.T) {
	const noon = 129_500_000_000_000_000 * etl.Time(1)
	base := Request{
		ID: "r7", PID: 1432, Process: "w3wp.exe", AppPool: "Shop", URL: "http://Shop.example/Cart?id=1", Host: "shop.example",
		Server: "10.0.0.11:80", Start: noon, End: noon + 2*etl.Second, Outcome: OK, LogID: "{DBF06C50-adb0-4141-8c04-20bc2f193a61}",
		Activity: etl.MustParseGUID("00000020-0000-0000-0010-000000000000"),
	}
	edit := func(change func(*Request)) *Request {
		r := base
		change(&r)
		return &r
	}
	nobody := edit(func(r *Request) { r.PID, r.Process, r.AppPool = 0, "", "" })
	nameless := edit(func(r *Request) { r.Process = "" })
	svchost := edit(func(r *Request) { r.Process, r.PID, r.Traffic = "svchost.exe", 900, Background })
	probe := edit(func(r *Request) { r.Traffic = Probe })
	open := edit(func(r *Request) { r.End, r.Outcome = 0, Unfinished })
	failed := edit(func(r *Request) { r.Outcome = Failed })

	for _, tt := range []struct {
		name   string
		filter Filter
		r      *Request
		want   Fit
	}{
		{"zero", Filter{}, &base, FitSelected},
		{"zero, nobody's", Filter{}, nobody, FitSelected},
		{"zero, background", Filter{}, svchost, FitAside},
		{"zero, probe", Filter{}, probe, FitAside},
		{"all traffic, background", Filter{AllTraffic: true}, svchost, FitSelected},
		{"all traffic, probe", Filter{AllTraffic: true}, probe, FitSelected},

		{"pid", Filter{PIDs: []uint32{1432}}, &base, FitSelected},
		{"one of two pids", Filter{PIDs: []uint32{7, 1432}}, &base, FitSelected},
		{"other pid", Filter{PIDs: []uint32{7}}, &base, FitNot},
		{"pid, nobody's", Filter{PIDs: []uint32{7}}, nobody, FitUnattributed},
		{"pid names background", Filter{PIDs: []uint32{900}}, svchost, FitSelected},
		{"pid names a probe's process", Filter{PIDs: []uint32{1432}}, probe, FitAside},

		{"process", Filter{Processes: []string{"w3wp"}}, &base, FitSelected},
		{"process with exe", Filter{Processes: []string{"W3WP.EXE"}}, &base, FitSelected},
		{"part of a process", Filter{Processes: []string{"3w"}}, &base, FitSelected},
		{"other process", Filter{Processes: []string{"svchost"}}, &base, FitNot},
		{"exe is no name", Filter{Processes: []string{"exec"}}, &base, FitNot},
		{"process names background", Filter{Processes: []string{"svchost"}}, svchost, FitSelected},
		{"process, nobody's", Filter{Processes: []string{"w3wp"}}, nobody, FitUnattributed},
		{"process, only its id known", Filter{Processes: []string{"w3wp"}}, nameless, FitUnattributed},
		{"process (pid)", Filter{Processes: []string{"w3wp.exe (1432)"}}, &base, FitSelected},
		{"process (other pid)", Filter{Processes: []string{"w3wp.exe (1433)"}}, &base, FitNot},
		{"other process (pid)", Filter{Processes: []string{"svchost.exe (1432)"}}, &base, FitNot},
		{"process (pid), only its id known", Filter{Processes: []string{"w3wp.exe (1432)"}}, nameless, FitSelected},
		{"process (other pid), only its id known", Filter{Processes: []string{"w3wp.exe (7)"}}, nameless, FitNot},
		{"process (pid), nobody's", Filter{Processes: []string{"w3wp.exe (1432)"}}, nobody, FitUnattributed},
		{"pid and process", Filter{PIDs: []uint32{1432}, Processes: []string{"w3wp"}}, &base, FitSelected},
		{"pid and other process", Filter{PIDs: []uint32{1432}, Processes: []string{"svchost"}}, &base, FitNot},
		{"other pid and process", Filter{PIDs: []uint32{7}, Processes: []string{"w3wp"}}, &base, FitNot},

		{"pool", Filter{AppPools: []string{"shop"}}, &base, FitSelected},
		{"other pool", Filter{AppPools: []string{"blog"}}, &base, FitNot},
		{"pool, not known", Filter{AppPools: []string{"shop"}}, nobody, FitNot},
		{"url", Filter{URLs: []string{"/cart"}}, &base, FitSelected},
		{"other url", Filter{URLs: []string{"/blog"}}, &base, FitNot},
		{"url of background", Filter{URLs: []string{"/cart"}}, svchost, FitAside},
		{"host", Filter{Hosts: []string{"SHOP"}}, &base, FitSelected},
		{"address", Filter{Hosts: []string{"10.0.0.11"}}, &base, FitSelected},
		{"other host", Filter{Hosts: []string{"10.0.0.12"}}, &base, FitNot},

		{"id", Filter{IDs: []string{"R7"}}, &base, FitSelected},
		{"not a part of an id", Filter{IDs: []string{"r"}}, &base, FitNot},
		{"log id", Filter{IDs: []string{"dbf06c50-ADB0-4141-8c04-20bc2f193a61"}}, &base, FitSelected},
		{"activity in braces", Filter{IDs: []string{"{00000020-0000-0000-0010-000000000000}"}}, &base, FitSelected},
		{"no id", Filter{IDs: []string{""}}, edit(func(r *Request) { r.LogID = "" }), FitNot},
		{"id of background", Filter{IDs: []string{"r7"}}, svchost, FitSelected},

		{"failed", Filter{FailedOnly: true}, failed, FitSelected},
		{"failed, went well", Filter{FailedOnly: true}, &base, FitNot},
		{"failed, unfinished", Filter{FailedOnly: true}, open, FitNot},
		{"took long enough", Filter{MinDuration: 2 * time.Second}, &base, FitSelected},
		{"did not take long enough", Filter{MinDuration: 2*time.Second + 100}, &base, FitNot},
		{"may take long enough", Filter{MinDuration: time.Hour}, open, FitSelected},
		{"may have taken long enough", Filter{MinDuration: time.Hour}, edit(func(r *Request) { r.Partial = PartialStart }), FitSelected},

		{"overlaps the beginning", Filter{From: noon + etl.Second}, &base, FitSelected},
		{"over before", Filter{From: noon + 3*etl.Second}, &base, FitNot},
		{"overlaps the end", Filter{To: noon + etl.Second}, &base, FitSelected},
		{"begins later", Filter{To: noon - 1}, &base, FitNot},
		{"within", Filter{From: noon + etl.Second, To: noon + etl.Second}, &base, FitSelected},
		{"still open then", Filter{From: noon + 3600*etl.Second}, open, FitSelected},

		{"several conditions", Filter{PIDs: []uint32{1432}, URLs: []string{"cart"}, AppPools: []string{"shop"}}, &base, FitSelected},
		{"several conditions, one fails", Filter{PIDs: []uint32{1432}, URLs: []string{"cart"}, AppPools: []string{"blog"}}, &base, FitNot},
	} {
		if got := tt.filter.Match(tt.r); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestFilterSelect(t *testing.T) {
	requests := []*Request{
		{ID: "r1", PID: 1432, Process: "w3wp.exe"},
		{ID: "r2", PID: 900, Process: "svchost.exe", Traffic: Background},
		{ID: "r3"},
		{ID: "r4", PID: 1432, Process: "w3wp.exe", Traffic: Probe},
		{ID: "r5", PID: 1444, Process: "w3wp.exe"},
	}
	f := Filter{PIDs: []uint32{1432, 900}}
	s := f.Select(requests)
	if len(s.Requests) != 3 || s.Requests[0].ID != "r1" || s.Requests[1].ID != "r2" || s.Requests[2].ID != "r3" {
		t.Errorf("selected %v", s.Requests)
	}
	if len(s.Aside) != 1 || s.Aside[0].ID != "r4" || s.FilteredOut != 1 || s.Unattributed != 1 {
		t.Errorf("selection %+v", s)
	}
	if requests[1].Traffic != App || requests[3].Traffic != Probe {
		t.Errorf("traffic of what the filter names: %v, of the probe: %v", requests[1].Traffic, requests[3].Traffic)
	}
	if len(s.Requests)+len(s.Aside)+s.FilteredOut != len(requests) {
		t.Error("a request is lost")
	}
}

func TestMatchProcess(t *testing.T) {
	f := Filter{PIDs: []uint32{1432}}
	g := Filter{Processes: []string{"w3wp"}}
	for _, tt := range []struct {
		f       *Filter
		pid     uint32
		process string
		want    bool
	}{
		{&Filter{}, 7, "x", true}, {&f, 1432, "", true}, {&f, 7, "w3wp.exe", false}, {&f, etl.NoID, "", true}, {&f, 0, "", true},
		{&g, 7, "w3wp.exe", true}, {&g, 7, "svchost.exe", false}, {&g, 7, "", true},
	} {
		if got := tt.f.MatchProcess(tt.pid, tt.process); got != tt.want {
			t.Errorf("%+v: MatchProcess(%d, %q) = %v", *tt.f, tt.pid, tt.process, got)
		}
	}
}
