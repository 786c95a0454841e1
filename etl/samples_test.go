package etl_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/etwhy/etwhy/etl"
)

const samples = "../../shared/samples"

// samplePath returns the path of a real file, or skips: those files are not part of this repository.
func samplePath(t testing.TB, name string) string {
	path := filepath.Join(samples, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("ETWHY_SAMPLES") == "required" {
			t.Fatal(err)
		}
		t.Skip("no samples here")
	}
	return path
}

func openLog(t testing.TB, path string, opts ...etl.Option) *etl.Log {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	l, err := etl.NewReader(f, info.Size(), opts...)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return l
}

// validate reads l in both orders and checks what must hold for any log; ordered adds what holds for one
// whose sequence numbers and times are as Windows wrote them. It returns the records by kind.
func validate(t testing.TB, l *etl.Log, ordered bool) (kinds [etl.Kinds]int) {
	t.Helper()
	positions := map[etl.Position]int64{}
	for r, err := range l.Unordered(0, 1) {
		if err != nil {
			t.Fatal(err)
		}
		kinds[r.Kind()]++
		if _, ok := positions[r.Position()]; ok {
			t.Fatalf("two records at %+v", r.Position())
		}
		positions[r.Position()] = r.Timestamp()
		if len(r.Payload()) > len(r.Bytes()) || len(r.Bytes()) > 1<<16 {
			t.Fatalf("record at %+v: payload of %d bytes in %d", r.Position(), len(r.Payload()), len(r.Bytes()))
		}
	}
	last := map[int]int64{} // per processor
	whole := len(l.Anomalies()) == 0
	n := 0
	for r, err := range l.Records() {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if n == 1 && whole && (r.Kind() != etl.KindKernel || r.Group() != 0 || r.Opcode() != 0) {
			t.Fatalf("the first record is no log header")
		}
		if _, ok := positions[r.Position()]; !ok {
			t.Fatalf("record at %+v is met only in time order", r.Position())
		}
		delete(positions, r.Position())
		if before, ok := last[r.CPU()]; ok && ordered && r.Timestamp() < before {
			t.Errorf("processor %d goes back in time at %+v", r.CPU(), r.Position())
		}
		last[r.CPU()] = r.Timestamp()
	}
	for p := range positions {
		t.Fatalf("record at %+v is met only in file order", p)
	}
	shared := 0
	for part := range 3 {
		for range l.Unordered(part, 3) {
			shared++
		}
	}
	if shared != n {
		t.Fatalf("%d records in three shares, %d at once", shared, n)
	}
	return kinds
}

// TestSamples: every real log is read to its end without damage, and an independent scanner counts the same.
func TestSamples(t *testing.T) {
	samplePath(t, "etl")
	paths, _ := filepath.Glob(samples + "/etl/*/*.etl")
	more, _ := filepath.Glob(samples + "/wpp/s4-onedrive/*.etl")
	paths = append(paths, more...)
	if len(paths) != 32 {
		t.Errorf("%d logs, want 32", len(paths))
	}
	gaps := map[string]uint64{"Process.etl": 2}
	lost := map[string]uint32{"AMSITrace.etl": 3, "WindowsUpdate.20251008.140245.443.8.etl": 41}
	records := map[string]int{"HTTP_Server.etl": 2042, "net.4.5.2.x64.etl": 179474, "TraceLoggingTester.etl": 172716, "ShutdownPerfDiagLogger.etl": 17078}
	python, _ := exec.LookPath("python3")
	for _, path := range paths {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := openLog(t, path)
			kinds := validate(t, l, true)
			if a := l.Anomalies(); len(a) != 0 {
				t.Errorf("anomalies %v", a)
			}
			if n := l.Loss().SequenceGaps; n != gaps[name] {
				t.Errorf("%d sequence gaps, want %d", n, gaps[name])
			}
			if n := l.Loss().EventsLost; n != lost[name] {
				t.Errorf("%d events lost, want %d", n, lost[name])
			}
			total := 0
			for _, n := range kinds {
				total += n
			}
			if n := records[name]; n != 0 && n != total {
				t.Errorf("%d records, want %d", total, n)
			}
			if info, _ := os.Stat(path); python == "" || info.Size() > 4<<20 {
				return // the scanner takes a minute for the large ones
			}
			out, err := exec.Command(python, samples+"/../tools/etlscan.py", path).Output()
			if err != nil {
				t.Skip("no scanner:", err)
			}
			m := regexp.MustCompile(`(?m)^events +(\d+)$`).FindSubmatch(out)
			if m == nil || string(m[1]) != strconv.Itoa(total) {
				t.Errorf("%d records, the scanner counts %s", total, m[1])
			}
		})
	}
}

// TestSampleKinds: the counts that are known of the largest compressed log.
func TestSampleKinds(t *testing.T) {
	kinds := validate(t, openLog(t, samplePath(t, "etl/perfview/net.4.5.2.x64.etl")), true)
	want := [etl.Kinds]int{etl.KindEvent: 68143, etl.KindClassic: 7983, etl.KindKernel: 103348}
	if kinds != want {
		t.Errorf("records by kind %v, want %v", kinds, want)
	}
}

// TestSampleBudget: the same records in the same order, however little memory there is.
func TestSampleBudget(t *testing.T) {
	path := samplePath(t, "etl/perfview/net.4.5.2.x64.etl")
	var want []etl.Position
	for r := range openLog(t, path).Records() {
		want = append(want, r.Position())
	}
	for _, budget := range []int64{0, 1 << 20, 5 << 20} {
		l := openLog(t, path, etl.WithBudget(budget))
		n := 0
		for r, err := range l.Records() {
			if err != nil {
				t.Fatal(err)
			}
			if n == len(want) || r.Position() != want[n] {
				t.Fatalf("budget %d: record %d at %+v differs", budget, n, r.Position())
			}
			n++
		}
		if n != len(want) {
			t.Errorf("budget %d: %d records, want %d", budget, n, len(want))
		}
	}
}

// TestSampleAt: a record found by its position is the same record.
func TestSampleAt(t *testing.T) {
	l := openLog(t, samplePath(t, "etl/demikernel/PktMon.etl"))
	n := 0
	for r, err := range l.Records() {
		if err != nil {
			t.Fatal(err)
		}
		again, err := l.At(r.Position())
		if err != nil {
			t.Fatal(err)
		}
		if string(again.Bytes()) != string(r.Bytes()) || again.CPU() != r.CPU() || again.Time() != r.Time() {
			t.Fatalf("record at %+v differs when read again", r.Position())
		}
		n++
	}
	if n != 467 {
		t.Errorf("%d records, want 467", n)
	}
	if _, err := l.At(etl.Position{Buffer: 1, Offset: 72}); err == nil {
		t.Error("a record where no buffer is")
	}
}
