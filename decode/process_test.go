package decode

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// at is a moment of the made-up logs below, in seconds.
func at(seconds float64) etl.Time { return etl.Time(seconds*float64(etl.Second)) + 1e17 }

func saw(what processTell, seconds float64, p Process) *sighting {
	return &sighting{Process: p, at: at(seconds), what: what}
}

const (
	smss = `\SystemRoot\System32\smss.exe`
	w3wp = `c:\windows\system32\inetsrv\w3wp.exe`
)

func TestProcessesAt(t *testing.T) {
	for _, tt := range []struct {
		name      string
		sightings []*sighting
		others    []Process
		want      map[float64]string // moment → name of the process with id 8; "" = none
	}{
		{"nothing", nil, nil, map[float64]string{0: ""}},
		{"named last in the log",
			[]*sighting{saw(present, 100, Process{Name: "a.exe"})}, nil,
			map[float64]string{0: "a.exe", 100: "a.exe", 200: "a.exe"}},
		{"starts and runs on",
			[]*sighting{saw(started, 50, Process{Name: "a.exe"}), saw(present, 100, Process{Name: "a.exe"})}, nil,
			map[float64]string{49: "", 50: "a.exe", 200: "a.exe"}},
		{"id is used again",
			[]*sighting{
				saw(present, 0, Process{Name: "a.exe"}), saw(ended, 20, Process{Name: "a.exe"}),
				saw(started, 30, Process{Name: "b.exe"}), saw(ended, 40, Process{Name: "b.exe"}),
				saw(started, 40, Process{Name: "a.exe"}), saw(present, 100, Process{Name: "a.exe"}),
			}, nil,
			map[float64]string{-5: "a.exe", 19: "a.exe", 25: "a.exe", 30: "b.exe", 39: "b.exe", 40: "a.exe", 200: "a.exe"}},
		{"id is used again, the start is lost",
			[]*sighting{saw(started, 0, Process{Name: "a.exe"}), saw(ended, 20, Process{Name: "a.exe"}), saw(present, 100, Process{Name: "b.exe"})}, nil,
			map[float64]string{10: "a.exe", 20: "b.exe", 90: "b.exe"}},
		{"id is used again, end and start are lost",
			[]*sighting{saw(started, 0, Process{Name: "a.exe"}), saw(present, 100, Process{Name: "b.exe"})}, nil,
			map[float64]string{10: "a.exe", 90: "a.exe", 100: "b.exe"}},
		{"the same program again, the end is lost",
			[]*sighting{saw(started, 0, Process{Name: "a.exe", ParentPID: 1}), saw(started, 50, Process{Name: "a.exe", ParentPID: 2})}, nil,
			map[float64]string{10: "a.exe 1", 49: "a.exe 1", 50: "a.exe 2"}},
		{"two providers tell of one start",
			[]*sighting{saw(started, 10, Process{Name: "a.exe", ParentPID: 1}), saw(started, 10.003, Process{Image: `\Device\a.exe`}), saw(ended, 20, Process{Name: "a.exe"}), saw(ended, 20.001, Process{Name: "a.exe"})}, nil,
			map[float64]string{9: "", 10: "a.exe 1", 30: "a.exe 1"}},
		{"only the end, with the time of the start",
			[]*sighting{saw(ended, 50, Process{Name: "a.exe", Start: at(-1000)})}, nil,
			map[float64]string{-2000: "", -900: "a.exe", 40: "a.exe"}},
		{"ended long ago, still referred to",
			[]*sighting{saw(ended, 100, Process{Name: "a.exe", End: at(-300)})}, nil,
			map[float64]string{-400: "a.exe", 0: "a.exe"}},
		{"creation times by a clock that was set",
			[]*sighting{saw(started, 10, Process{Name: "a.exe", Start: at(14)}), saw(ended, 20, Process{Name: "a.exe", Start: at(14)})}, nil,
			map[float64]string{9: "", 11: "a.exe", 15: "a.exe"}},
		{"named by its image, then the id is used again",
			[]*sighting{saw(loaded, 10, Process{Image: `\x\a.exe`}), saw(loaded, 11, Process{Image: `\x\c.exe`}), saw(started, 50, Process{Name: "b.exe"})}, nil,
			map[float64]string{0: "a.exe", 49: "a.exe", 50: "b.exe"}},
		{"a listing, where the log knows nothing", nil, []Process{{Name: "a.exe"}}, map[float64]string{0: "a.exe"}},
		{"a listing, where the log knows better",
			[]*sighting{saw(present, 10, Process{Name: "a.exe"})}, []Process{{Name: "b.exe", Services: []string{"B"}}},
			map[float64]string{0: "a.exe"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p Processes
			for _, s := range tt.sightings {
				s.PID = 8
				p.see(s)
				p.see(&sighting{at: s.at, what: s.what, Process: Process{PID: 12, Name: "other.exe"}})
			}
			for _, o := range tt.others {
				o.PID = 8
				p.Add(o)
			}
			for seconds, want := range tt.want {
				got := ""
				if process, ok := p.At(8, at(seconds)); ok {
					got = process.Name
					if process.ParentPID != 0 {
						got += fmt.Sprint(" ", process.ParentPID)
					}
				}
				if got != want {
					t.Errorf("at %v: %q, want %q", seconds, got, want)
				}
			}
		})
	}
}

// TestProcessJoined: what a process is put together from.
func TestProcessJoined(t *testing.T) {
	for _, tt := range []struct {
		name      string
		sightings []*sighting
		others    []Process
		want      Process
	}{
		{"path from the load of its image",
			[]*sighting{saw(started, 1, Process{Name: "a.exe", ParentPID: 4}), saw(loaded, 1.1, Process{Image: `\Device\HarddiskVolume1\a.exe`}), saw(present, 9, Process{Name: "a.exe"})}, nil,
			Process{ParentPID: 4, Name: "a.exe", Image: `\Device\HarddiskVolume1\a.exe`, Start: at(1)}},
		{"images of other programs",
			[]*sighting{saw(loaded, 1, Process{Image: `\x\viewed.exe`}), saw(loaded, 2, Process{Image: `\x\a.exe`}), saw(loaded, 3, Process{Image: `\x\viewed.exe`}), saw(present, 9, Process{Name: "a.exe"})}, nil,
			Process{Name: "a.exe", Image: `\x\a.exe`}},
		{"nothing but images",
			[]*sighting{saw(loaded, 2, Process{Image: `\x\viewed.exe`}), saw(loaded, 1, Process{Image: `\x\a.exe`})}, nil,
			Process{Name: "a.exe", Image: `\x\a.exe`}},
		{"cut name, whole in the path",
			[]*sighting{saw(present, 1, Process{Name: "PresentationFo", Start: at(0)}), saw(loaded, 2, Process{Image: `\x\PresentationFontCache.exe`}), saw(ended, 3, Process{Name: "PresentationFo"})}, nil,
			Process{Name: "PresentationFontCache.exe", Image: `\x\PresentationFontCache.exe`, Start: at(0), End: at(3)}},
		{"cut name, whole in the command line",
			[]*sighting{saw(present, 1, Process{Name: "Microsoft.Activ", CommandLine: `"C:\Program Files\Microsoft.ActiveDirectory.WebServices.exe" -x`})}, nil,
			Process{Name: "Microsoft.ActiveDirectory.WebServices.exe", Image: `C:\Program Files\Microsoft.ActiveDirectory.WebServices.exe`,
				CommandLine: `"C:\Program Files\Microsoft.ActiveDirectory.WebServices.exe" -x`}},
		{"cut name, whole in a listing",
			[]*sighting{saw(present, 1, Process{Name: "inetinfosvchost"})}, []Process{{Name: "InetInfoSvcHostProcess.exe"}},
			Process{Name: "InetInfoSvcHostProcess.exe"}},
		{"a command line without a path", []*sighting{saw(present, 1, Process{Name: "wpr.exe", CommandLine: `"wpr" -stop a.etl`})}, nil,
			Process{Name: "wpr.exe", CommandLine: `"wpr" -stop a.etl`}},
		{"application pool",
			[]*sighting{saw(present, 1, Process{Name: "w3wp.exe", CommandLine: w3wp + ` -ap "Shop Pool" -v "v4.0"`})}, nil,
			Process{Name: "w3wp.exe", Image: w3wp, CommandLine: w3wp + ` -ap "Shop Pool" -v "v4.0"`, AppPool: "Shop Pool"}},
		{"application pool from a request", []*sighting{saw(present, 1, Process{AppPool: "Shop Pool"})}, []Process{{Name: "w3wp.exe"}},
			Process{Name: "w3wp.exe", AppPool: "Shop Pool"}},
		{"-ap of another program", []*sighting{saw(present, 1, Process{Name: "a.exe", CommandLine: `a.exe -ap b`})}, nil,
			Process{Name: "a.exe", CommandLine: `a.exe -ap b`}},
		{"services", []*sighting{
			saw(present, 1, Process{Name: "svchost.exe"}),
			{at: at(9), service: "lmhosts", Process: Process{Name: "svchost.exe"}},
			{at: at(9), service: "Dhcp", Process: Process{Name: "svchost.exe"}},
		}, []Process{{Name: "svchost.exe", Services: []string{"EventLog", "Dhcp"}}},
			Process{Name: "svchost.exe", Services: []string{"Dhcp", "EventLog", "lmhosts"}}},
		{"what is known of the idle process",
			[]*sighting{saw(present, 1, Process{Name: "Idle"})}, []Process{{Name: "System Idle Process"}},
			Process{Name: "Idle"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p Processes
			tt.want.PID = 8
			for _, s := range tt.sightings {
				s.PID = 8
				p.see(s)
			}
			for _, o := range tt.others {
				o.PID = 8
				p.Add(o)
			}
			var got []Process
			for q := range p.All() {
				got = append(got, *q)
			}
			if diff := gocmp.Diff([]Process{tt.want}, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAppPoolOf(t *testing.T) {
	for commandLine, want := range map[string]string{
		w3wp + ` -ap "DefaultAppPool" -v "v4.0" -l "webengine4.dll" -a \\.\pipe\iisipm0 -h "C:\inetpub\temp\apppools\d.config"`: "DefaultAppPool",
		w3wp + ` -a \\.\pipe\iisipm0 -AP Shop -t 20`: "Shop",
		w3wp + ` -ap   Shop`:                         "Shop",
		w3wp + ` -ap "My ""Pool`:                     "My ",
		w3wp + ` -ap "open`:                          "open",
		w3wp + ` -ap `:                               "",
		w3wp + ` -app x`:                             "",
		"":                                           "",
	} {
		if got := appPoolOf(commandLine); got != want {
			t.Errorf("appPoolOf(%q) = %q, want %q", commandLine, got, want)
		}
	}
}

func TestProgramOf(t *testing.T) {
	for commandLine, want := range map[string]string{
		`"C:\Program Files\a b.exe" -x`:     `C:\Program Files\a b.exe`,
		`C:\Program Files\a b.EXE -x c.exe`: `C:\Program Files\a b.EXE`,
		smss:                                smss,
		`winlogon -k`:                       `winlogon`,
		`%SystemRoot%\csrss.exe Max=1`:      `%SystemRoot%\csrss.exe`,
		`a.execute b`:                       `a.execute`,
		`"open`:                             `open`,
		``:                                  ``,
	} {
		if got := programOf(commandLine); got != want {
			t.Errorf("programOf(%q) = %q, want %q", commandLine, got, want)
		}
	}
}

func TestSameName(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"a.exe", "A.EXE", true},
		{"a.exe", "", true},
		{"a.exe", "b.exe", false},
		{"PresentationFo", "presentationfontcache.exe", true},
		{"Presentation", "PresentationFontCache.exe", false}, // too short to be cut
		{"PresentationFx", "PresentationFontCache.exe", false},
	} {
		if sameName(tt.a, tt.b) != tt.want || sameName(tt.b, tt.a) != tt.want {
			t.Errorf("sameName(%q, %q), want %v", tt.a, tt.b, tt.want)
		}
	}
}

// The events that may come with every request are kept once a minute.
func TestProcessesRoutine(t *testing.T) {
	var p Processes
	for i := range 10000 {
		p.see(saw(present, float64(i)/100, Process{PID: 8, AppPool: "Shop"}))
	}
	if n := len(p.sightings); n > 3 {
		t.Errorf("%d sightings kept of 100 seconds", n)
	}
	p.see(saw(present, -1e6, Process{PID: 8, AppPool: "Shop"}))
	if q, ok := p.At(8, at(0)); !ok || q.AppPool != "Shop" {
		t.Errorf("%+v, %v", q, ok)
	}
}

func TestProcessesBound(t *testing.T) {
	var p Processes
	long := strings.Repeat("x", 1<<20)
	for i := range uint32(2 * maxProcessBytes >> 20) {
		p.see(saw(present, 1, Process{PID: i, CommandLine: long}))
		p.see(saw(present, 1, Process{PID: i, Name: long}))
	}
	if p.size > maxProcessBytes || len(p.sightings)+len(p.routine) > 2*maxProcessBytes>>20 {
		t.Errorf("%d bytes, %d and %d sightings", p.size, len(p.sightings), len(p.routine))
	}
	if _, ok := p.At(0, at(1)); !ok {
		t.Error("the first process is gone")
	}
}

// TestProcessesConcurrent: several goroutines tell, another asks.
func TestProcessesConcurrent(t *testing.T) {
	var p Processes
	var wg sync.WaitGroup
	for g := range uint32(4) {
		wg.Go(func() {
			for i := range uint32(200) {
				p.see(saw(started, float64(i), Process{PID: g, Name: fmt.Sprintf("p%d.exe", i)}))
				p.At(g, at(float64(i)))
			}
		})
	}
	wg.Wait()
	for g := range uint32(4) {
		for i := range uint32(200) {
			q, ok := p.At(g, at(float64(i)+0.5))
			if want := fmt.Sprintf("p%d.exe", i); !ok || q.Name != want {
				t.Fatalf("id %d at %d: %+v, want %s", g, i, q, want)
			}
		}
	}
}

// TestProcessSources: the fields that are asked for are in the layouts that the program has.
func TestProcessSources(t *testing.T) {
	found := make(map[etl.GUID]int)
	for key, s := range processSources().byEvent {
		fields := make(map[string]bool) // of all versions
		for _, p := range []*schema.Provider{schema.Lookup(key.provider), schema.LookupClass(key.provider), mofEvents()} {
			if p == nil {
				continue
			}
			for _, ev := range p.Events {
				if ev.Class.IsZero() && ev.ID == key.id && p.GUID == key.provider || ev.Class == key.provider && uint16(ev.Opcode) == key.id {
					for _, f := range ev.Fields {
						fields[f.Name] = true
					}
				}
			}
		}
		if key.provider == schannel && !fields[s.pid] {
			continue // an id without event, within the range
		}
		found[key.provider]++
		for _, name := range []string{s.pid, s.parent, s.name, s.image, s.commandLine, s.appPool, s.service, s.created} {
			if name != "" && !fields[name] {
				t.Errorf("%s event %d has no field %s", schema.Name(key.provider), key.id, name)
			}
		}
	}
	want := map[etl.GUID]int{processClass: 6, imageClass: 3, systemConfigClass: 1, kernelProcess: 3, schannel: 26, httpService: 12,
		winHTTP: 1, winINetCapture: 1, iisGeneral: 1}
	if diff := gocmp.Diff(want, found); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// when reads a time as the program writes it.
func when(s string) etl.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return etl.FromTime(t)
}

// learnedProcesses returns the process table of a real log.
func learnedProcesses(t *testing.T, name string) (*Processes, etl.Header) {
	l := openSample(t, name)
	d := New(l.Header())
	var wg sync.WaitGroup
	for part := range 2 {
		wg.Go(func() {
			for r, err := range l.Unordered(part, 2) {
				if err != nil {
					t.Error(err)
					return
				}
				d.Learn(r)
			}
		})
	}
	wg.Wait()
	return d.Processes(), l.Header()
}

func TestProcessesSamples(t *testing.T) {
	// The numbers are those of an independent scan: distinct ids, and services with a process.
	for _, tt := range []struct {
		path                string
		processes, services int
		some                []Process
	}{
		{"etl/etwanalyzer/TraceLoggingTester.etl", 486, 150, []Process{
			{PID: 0, Name: "Idle"},
			{PID: 4, Name: "System"},
			{PID: 868, ParentPID: 1508, Name: "winlogon.exe", Image: `\Device\HarddiskVolume3\Windows\System32\winlogon.exe`, CommandLine: "winlogon.exe"},
			{PID: 1880, ParentPID: 1592, Name: "svchost.exe", Image: `\Device\HarddiskVolume3\Windows\System32\svchost.exe`,
				CommandLine: `C:\WINDOWS\system32\svchost.exe -k RPCSS -p`, Services: []string{"RpcEptMapper", "RpcSs"}},
		}},
		{"etl/perfview/net.4.5.2.x64.etl", 35, 67, []Process{
			{PID: 724, ParentPID: 632, Name: "lsass.exe", Image: `\Device\HarddiskVolume2\Windows\System32\lsass.exe`,
				CommandLine: `C:\Windows\system32\lsass.exe`, Services: []string{"KeyIso", "SamSs"}},
			// It looks into the image of another program.
			{PID: 3508, ParentPID: 2876, Name: "cmd.exe", Image: `\Device\HarddiskVolume2\Windows\System32\cmd.exe`, CommandLine: `"C:\Windows\system32\cmd.exe"`},
		}},
		{"etl/etl-parser/ShutdownPerfDiagLogger.etl", 97, 0, []Process{
			{PID: 256, ParentPID: 764, Name: "RuntimeBroker.exe", Image: `\Device\HarddiskVolume3\Windows\System32\RuntimeBroker.exe`,
				CommandLine: `C:\Windows\System32\RuntimeBroker.exe -Embedding`, End: when("2020-02-28T17:15:48.7102838Z")},
		}},
		{"etl/sawbuck/process_data_64_v3.etl", 4, 0, []Process{
			{PID: 1776, ParentPID: 988, Name: "notepad.exe", Image: `C:\Windows\system32\notepad.exe`,
				CommandLine: `"C:\Windows\system32\notepad.exe"`, Start: when("2011-05-02T12:56:56.1175296Z"), End: when("2011-05-02T12:56:57.1175720Z")},
		}},
		{"etl/sawbuck/image_data_32_v2.etl", 1, 0, []Process{
			{PID: 7644, Name: "test_program.exe", Image: `C:\code\sawbuck\src\sawbuck\Debug\test_program.exe`},
		}},
		{"etl/tx/Process.etl", 6, 0, []Process{
			{PID: 4492, Name: "SearchFilterHo", Start: when("2010-10-29T19:06:25.4656143Z"), End: when("2010-10-29T19:09:17.8126424Z")},
			{PID: 2880, ParentPID: 3324, Name: "OUTLOOK.EXE", Image: `\Device\HarddiskVolume2\Program Files (x86)\Microsoft Office\Office14\OUTLOOK.EXE`,
				Start: when("2010-10-29T19:09:26.8137490Z"), End: when("2010-10-29T19:09:57.7163837Z")},
		}},
	} {
		t.Run(tt.path, func(t *testing.T) {
			t.Parallel()
			p, _ := learnedProcesses(t, tt.path)
			byPID := make(map[uint32]Process)
			services := 0
			for q := range p.All() {
				if _, ok := byPID[q.PID]; ok {
					t.Errorf("process %d twice", q.PID)
				}
				byPID[q.PID] = *q
				services += len(q.Services)
				if q.Name == "" {
					t.Errorf("process %d has no name", q.PID)
				}
			}
			if len(byPID) != tt.processes || services != tt.services {
				t.Errorf("%d processes and %d services, want %d and %d", len(byPID), services, tt.processes, tt.services)
			}
			for _, want := range tt.some {
				if diff := gocmp.Diff(want, byPID[want.PID]); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
		})
	}
}

// TestProcessesOracle compares the process of each event with what another reader of the log printed.
func TestProcessesOracle(t *testing.T) {
	p, header := learnedProcesses(t, "etl/perfview/net.4.5.2.x64.etl")
	text, err := os.ReadFile(samplePath(t, "etl/perfview/net.4.5.2.x64.baseline.txt"))
	if err != nil {
		t.Fatal(err)
	}
	// EVENT 1,491.295: PROVIDER/NAME PID=144; TID=1716; PName=svchost; ...
	event := regexp.MustCompile(`(?m)^EVENT ([\d,.]+): .*? PID=(\d+); TID=-?\d+; PName=([^;(]+);`)
	compared := 0
	for _, m := range event.FindAllStringSubmatch(string(text), -1) {
		ms, err := strconv.ParseFloat(strings.ReplaceAll(m[1], ",", ""), 64)
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.ParseUint(m[2], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		name := ""
		if q, ok := p.At(uint32(pid), header.Start+etl.Time(ms*float64(etl.Millisecond))); ok {
			name = strings.TrimSuffix(q.Name, ".exe")
		}
		if name != m[3] {
			t.Errorf("%q, want %q: %s", name, m[3], m[0])
		}
		compared++
	}
	if compared < 400 {
		t.Errorf("%d events compared", compared)
	}
}

func ExampleProcesses_At() {
	var p Processes
	p.Add(Process{PID: 1432, Name: "w3wp.exe"})
	if process, ok := p.At(1432, etl.Time(0)); ok {
		fmt.Println(process.Name)
	}
	// Output: w3wp.exe
}

// FuzzProcesses: the table does not depend on the order of learning, and every sighting is found in it.
func FuzzProcesses(f *testing.F) {
	f.Add([]byte{1, 1, 10, 0, 2, 1, 20, 0, 0, 2, 30, 0}, uint64(1))
	f.Add([]byte{0, 1, 100, 0, 1, 2, 50, 0, 2, 2, 60, 7, 0, 3, 10, 1}, uint64(2))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		names := []string{"", "a.exe", "b.exe", "PresentationFo", "PresentationFontCache.exe"}
		build := func() (list []*sighting) {
			for d := data; len(d) >= 4 && len(list) < 100; d = d[4:] {
				s := saw(processTell(d[0]%4), float64(binary.LittleEndian.Uint16(d[2:]))/4, Process{PID: uint32(d[0]>>2) % 3, Name: names[int(d[1])%len(names)]})
				if d[1] >= 200 {
					s.Start = s.at - etl.Time(d[1]-200)*etl.Second
				}
				list = append(list, s)
			}
			return list
		}
		var p, shuffled Processes
		list := build()
		for _, s := range list {
			p.see(s)
		}
		other := build()
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
		for _, s := range other {
			shuffled.see(s)
			shuffled.At(0, s.at) // in between
		}
		if diff := gocmp.Diff(slices.Collect(p.All()), slices.Collect(shuffled.All())); diff != "" {
			t.Fatalf("another order:\n%s", diff)
		}
		for _, s := range list {
			q, ok := p.At(s.PID, s.at)
			if !ok || q.PID != s.PID {
				t.Fatalf("%+v is not found: %+v", s, q)
			}
			isIt := func(l lifetime) bool {
				return l.Start != 0 && l.Start <= s.at && s.at-l.Start <= sameStart && sameName(l.Name, s.Name)
			}
			if s.what == started && !slices.ContainsFunc(p.resolved().byPID[s.PID], isIt) {
				t.Fatalf("%+v did not start", s)
			}
		}
		for _, lives := range p.resolved().byPID {
			if !slices.IsSortedFunc(lives, func(a, b lifetime) int { return cmp.Compare(a.from, b.from) }) {
				t.Fatalf("lifetimes out of order")
			}
		}
	})
}
