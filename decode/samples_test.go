package decode

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// openSample opens a real log. They are not part of the repository.
func openSample(t testing.TB, name string) *etl.Log {
	t.Helper()
	f, err := os.Open(samplePath(t, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	log, err := etl.NewReader(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func samplePath(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "shared", "samples", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("ETWHY_SAMPLES") == "required" {
			t.Fatal(err)
		}
		t.Skip("no samples: ", err)
	}
	return path
}

// TestSamplesExact: in real logs, every event that is described decodes to its last byte.
func TestSamplesExact(t *testing.T) {
	for _, tt := range []struct {
		file string
		want map[string]int // source → events that are decoded whole; "" → events without description
	}{
		{"etl/demikernel/PktMon.etl", map[string]int{"embedded": 403}},
		{"etl/rpcinvestigator/ms-rpc-capture-arrays.etl", map[string]int{"embedded": 86}},
		{"etl/perfview/primitive-types.etl", map[string]int{"tracelogging": 5}},
		{"etl/perfview/SelfDescribingSingleEvent.etl", map[string]int{"tracelogging": 1}},
		{"etl/perfview/gcevents.etl", map[string]int{"": 69}},
		{"etl/perfview/gcrundownevents.etl", map[string]int{"": 110}},
		{"etl/etwanalyzer/TraceLoggingTester.etl", map[string]int{"embedded": 47490, "tracelogging": 70}},
		{"etl/sonde/test.etl", map[string]int{"tracelogging": 9}},
		{"etl/hw3d/trace.etl", map[string]int{"tracelogging": 1}},
		{"etl/etl-parser/AMSITrace.etl", map[string]int{"tracelogging": 19}},
		{"etl/etl-parser/lxcore_kernel.etl", map[string]int{"tracelogging": 2}},
		{"etl/s4/SIH.20230422.034724.362.1.etl", map[string]int{"tracelogging": 10}},
		{"etl/s4/WindowsUpdate.20251008.140245.443.8.etl", map[string]int{"tracelogging": 80}},
		{"etl/s4/waasmedic.20251005_113019_195.etl", map[string]int{"tracelogging": 17}},
		{"etl/tx/HTTP_Server.etl", map[string]int{"builtin": 2041}},
		{"etl/tx/KernelNetwork.etl", map[string]int{"builtin": 8923}},
		{"etl/tx/Process.etl", map[string]int{"builtin": 10343}},
		{"etl/tx/WsRm01.etl", map[string]int{"": 70}},
		// Nothing describes these: 112 of them are shown as bytes.
		{"etl/krabsetw/powershell.etl", map[string]int{"": 112}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			got := map[string]int{}
			decodeLog(t, openSample(t, tt.file), func(ev *Event) {
				if ev.Kind() != etl.KindEvent {
					return
				}
				got[ev.DecodedBy.String()]++
				why, raw := ev.Undecoded()
				if ev.DecodedBy != Undescribed && why != "" {
					t.Errorf("%s %s: %s [%x]", ev.ProviderName(), ev.Name(), why, raw)
				}
				if ev.DecodedBy == Undescribed && (!strings.HasPrefix(why, "no schema for provider ") || !bytes.Equal(raw, ev.Payload())) {
					t.Errorf("event %d: reason %q, %d of %d bytes", ev.ID(), why, len(raw), len(ev.Payload()))
				}
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// runtimeEvents gives the ids of events that baselines name and no description in the log does.
var runtimeEvents = map[string]uint16{
	"Microsoft-Windows-DotNETRuntime/GC/AllocationTick":                               10,
	"Microsoft-Windows-DotNETRuntime/GC/CreateSegment":                                5,
	"Microsoft-Windows-DotNETRuntime/GC/FinalizeObject":                               29,
	"Microsoft-Windows-DotNETRuntime/GC/FinalizersStart":                              14,
	"Microsoft-Windows-DotNETRuntime/GC/FinalizersStop":                               13,
	"Microsoft-Windows-DotNETRuntime/GC/FitBucketInfo":                                209,
	"Microsoft-Windows-DotNETRuntime/GC/GlobalHeapHistory":                            205,
	"Microsoft-Windows-DotNETRuntime/GC/HeapStats":                                    4,
	"Microsoft-Windows-DotNETRuntime/GC/LOHCompact":                                   208,
	"Microsoft-Windows-DotNETRuntime/GC/MarkWithType":                                 202,
	"Microsoft-Windows-DotNETRuntime/GC/PerHeapHistory":                               204,
	"Microsoft-Windows-DotNETRuntime/GC/PinObjectAtGCTime":                            33,
	"Microsoft-Windows-DotNETRuntime/GC/RestartEEStart":                               7,
	"Microsoft-Windows-DotNETRuntime/GC/RestartEEStop":                                3,
	"Microsoft-Windows-DotNETRuntime/GC/Start":                                        1,
	"Microsoft-Windows-DotNETRuntime/GC/Stop":                                         2,
	"Microsoft-Windows-DotNETRuntime/GC/SuspendEEStart":                               9,
	"Microsoft-Windows-DotNETRuntime/GC/SuspendEEStop":                                8,
	"Microsoft-Windows-DotNETRuntime/GC/Triggered":                                    35,
	"Microsoft-Windows-DotNETRuntime/Runtime/Start":                                   187,
	"Microsoft-Windows-DotNETRuntimeRundown/GC/SettingsRundown":                       10,
	"Microsoft-Windows-DotNETRuntimeRundown/Loader/AppDomainDCStop":                   158,
	"Microsoft-Windows-DotNETRuntimeRundown/Loader/AssemblyDCStop":                    156,
	"Microsoft-Windows-DotNETRuntimeRundown/Loader/DomainModuleDCStop":                152,
	"Microsoft-Windows-DotNETRuntimeRundown/Loader/ModuleDCStop":                      154,
	"Microsoft-Windows-DotNETRuntimeRundown/Method/DCStopComplete":                    146,
	"Microsoft-Windows-DotNETRuntimeRundown/Method/DCStopInit":                        148,
	"Microsoft-Windows-DotNETRuntimeRundown/Runtime/Start":                            187,
	"Microsoft-Windows-DotNETRuntimeRundown/TieredCompilationRundown/SettingsDCStart": 280,
}

var runtimeProviders = map[string]string{
	"Microsoft-Windows-DotNETRuntime":        "e13c0d23-ccbc-4e12-931b-d9cc2eee27e4",
	"Microsoft-Windows-DotNETRuntimeRundown": "a669021c-c450-4609-a035-5af59af4df18",
}

// TestSamplesBaselines compares with the counts of another reader. It names some events of its own accord.
func TestSamplesBaselines(t *testing.T) {
	for _, tt := range []struct {
		file  string
		all   bool // every COUNT line must be found; else those with a name that a log or a table here gives
		least int  // lines to be compared
	}{
		{"etl/perfview/primitive-types", true, 2},
		{"etl/perfview/gcevents", true, 21},
		{"etl/perfview/gcrundownevents", true, 10},
		{"etl/perfview/net.4.5.2.x64", false, 60},
	} {
		t.Run(tt.file, func(t *testing.T) {
			text, err := os.ReadFile(samplePath(t, tt.file+".baseline.txt"))
			if err != nil {
				t.Fatal(err)
			}
			log := openSample(t, tt.file+".etl")
			counts := map[string]int{}
			count := func(name string) { counts[strings.ToLower(name)]++ }
			decodeLog(t, log, func(ev *Event) {
				switch ev.Kind() {
				case etl.KindEvent:
					count(ev.ProviderName() + "/" + ev.Name())
					count(fmt.Sprintf("%v#%d", ev.Provider(), ev.ID()))
				default:
					count("Windows Kernel/" + ev.Name())
				}
			})
			for r := range log.Records() {
				if r.Kind() == etl.KindKernel && r.Group() == 0 && r.Opcode() == 0 {
					count("Windows Kernel/EventTrace")
				}
			}
			compared := 0
			for line := range strings.Lines(string(text)) {
				rest, ok := strings.CutPrefix(strings.TrimSpace(line), "COUNT ")
				if !ok {
					continue
				}
				colon := strings.LastIndex(rest, ":")
				name, number := rest[:colon], rest[colon+1:]
				want, err := strconv.Atoi(number)
				if err != nil {
					t.Fatal(err)
				}
				got := counts[strings.ToLower(name)]
				if id, ok := runtimeEvents[name]; ok {
					provider, _, _ := strings.Cut(name, "/")
					got = counts[fmt.Sprintf("%s#%d", runtimeProviders[provider], id)]
				}
				if got == 0 && !tt.all {
					continue
				}
				compared++
				if got != want {
					t.Errorf("%s: %d, want %d", name, got, want)
				}
			}
			if compared < tt.least {
				t.Errorf("%d lines compared, want %d", compared, tt.least)
			}
		})
	}
}

// TestSamplesWaaSMedic: another reader's rendering has the names of the events in its output.
func TestSamplesWaaSMedic(t *testing.T) {
	const name = "etl/s4/waasmedic.20251005_113019_195.etl"
	text, err := os.ReadFile(samplePath(t, name+".stdout"))
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, m := range regexp.MustCompile(`ThreadId=(\d+) ProcessId=(\d+) .*'ProviderName': b'([^']*)'.*'EventSchema': b'\\x0\w\\x00\\x00(\w+)\\x00`).FindAllStringSubmatch(string(text), -1) {
		want = append(want, strings.Join(m[1:], " "))
	}
	decodeLog(t, openSample(t, name), func(ev *Event) {
		if ev.Kind() == etl.KindEvent {
			got = append(got, fmt.Sprintf("%d %d %s %s", ev.TID(), ev.PID(), ev.ProviderName(), ev.Name()))
		}
	})
	if len(got) != 17 {
		t.Errorf("%d events, want 17", len(got))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestSamplesEventLog holds the values of HTTP_Server.etl against Windows' own conversion of it.
func TestSamplesEventLog(t *testing.T) {
	evtxexport, err := exec.LookPath("evtxexport")
	if err != nil {
		t.Skip("no evtxexport: ", err)
	}
	path := samplePath(t, "evtx/HTTP_Server.evtx")
	out, err := exec.Command(evtxexport, "-f", "xml", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	type xmlEvent struct {
		ID       uint16 `xml:"System>EventID"`
		Keywords string `xml:"System>Keywords"`
		Time     struct {
			SystemTime string `xml:",attr"`
		} `xml:"System>TimeCreated"`
		Data []struct {
			Name string `xml:",attr"`
			Text string `xml:",chardata"`
		} `xml:"EventData>Data"`
		Error   string `xml:"ProcessingErrorData>DataItemName"`
		Payload string `xml:"ProcessingErrorData>EventPayload"`
	}
	var want []xmlEvent
	dec := xml.NewDecoder(bytes.NewReader(out[bytes.IndexByte(out, '<'):]))
	for {
		var x xmlEvent
		if err := dec.Decode(&x); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		want = append(want, x)
	}
	i, values := 0, 0
	decodeLog(t, openSample(t, "etl/tx/HTTP_Server.etl"), func(ev *Event) {
		if ev.Kind() != etl.KindEvent || i >= len(want) {
			i++
			return
		}
		x := want[i]
		i++
		at := fmt.Sprintf("record %d, event %d", i, x.ID)
		if ev.ID() != x.ID || !strings.HasPrefix(x.Time.SystemTime, strings.TrimSuffix(ev.Time().String(), "Z")[:26]) {
			t.Fatalf("%s: event %d at %v, want %s", at, ev.ID(), ev.Time(), x.Time.SystemTime)
		}
		if x.Error != "" { // Windows gave up on it
			if got := fmt.Sprintf("%X", ev.Payload()); got != x.Payload {
				t.Errorf("%s: payload %s, want %s", at, got, x.Payload)
			}
			return
		}
		n := 0
		for v := range ev.Values() {
			if n >= len(x.Data) {
				t.Errorf("%s: %s is too many", at, v.Field().Name)
				return
			}
			d := x.Data[n]
			n++
			values++
			if v.Field().Name != d.Name {
				t.Errorf("%s: field %s, want %s", at, v.Field().Name, d.Name)
			}
			var same bool
			if number, err := strconv.ParseUint(d.Text, 0, 64); err == nil && v.Field().In != schema.UnicodeString && v.Field().In != schema.AnsiString {
				same = v.Uint() == number
			} else if v.Field().In == schema.Binary {
				same = fmt.Sprintf("%X", v.Bytes()) == d.Text
			} else {
				same = strings.TrimSpace(v.Text()) == strings.TrimSpace(d.Text)
			}
			if !same {
				t.Errorf("%s: %s = %s, want %s", at, d.Name, v.Text(), d.Text)
			}
		}
		if n != len(x.Data) {
			t.Errorf("%s: %d fields, want %d", at, n, len(x.Data))
		}
	})
	if i != 2041 || len(want) != 2041 || values < 4000 {
		t.Errorf("%d events, %d in the event log, %d values compared", i, len(want), values)
	}
}
