package decode

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

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
			[]*sighting{saw(started, 1, Process{Name: "a.exe", ParentPID: 4}), saw(present, 1.1, Process{Image: `\Device\HarddiskVolume1\a.exe`}), saw(present, 2, Process{Image: `\Device\HarddiskVolume1\a.exe`})}, nil,
			Process{ParentPID: 4, Name: "a.exe", Image: `\Device\HarddiskVolume1\a.exe`, Start: at(1)}},
		{"cut name, whole in the path",
			[]*sighting{saw(present, 1, Process{Name: "PresentationFo", Start: at(0)}), saw(present, 2, Process{Image: `\x\PresentationFontCache.exe`}), saw(ended, 3, Process{Name: "PresentationFo"})}, nil,
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
				s := saw(processTell(d[0]%3), float64(binary.LittleEndian.Uint16(d[2:]))/4, Process{PID: uint32(d[0]>>2) % 3, Name: names[int(d[1])%len(names)]})
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
