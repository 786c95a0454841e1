package etl_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/etl/etltest"
)

// small is a log with every kind of record, two processors and several buffers.
const small = `
log start=2026-03-02T12:31:52.9Z cpus=2 buffer=1024
process 1432 w3wp.exe
+0.000000 cpu0 1432:2280 WebIO/17 act=0x20/0x1000 Request=0x1000 RequestHandle=0x20 Method=GET URI="http://192.168.0.216/time/"
+0.001000 cpu1 1432:2284 WebIO/100 act=0x20/0x1000 Request=0x1000 Headers="GET /time/ HTTP/1.1"
+0.002000 cpu0 1432:2280 WebIO/213 act=0x20/0x1000 Connection=0x3000
+0.003000 cpu1 1432:2284 WebIO/214 act=0x20/0x1000 Connection=0x3000
+0.500000 cpu0 1432:2280 WebIO/216 act=0x20/0x1000 Connection=0x3000 Information=200
+0.600000 cpu0 1432:2280 WebIO/101 act=0x20/0x1000 Request=0x1000 Headers="HTTP/1.1 200 OK"
+0.700000 cpu1 1432:2284 WebIO/30 ApiHandle=0x20
`

// logs are five logs that differ in what a reader has to do.
func logs(t testing.TB) map[string][]byte {
	healthy, err := etltest.Healthy(1)
	if err != nil {
		t.Fatal(err)
	}
	trace := &etltest.Trace{Events: healthy}
	out := map[string][]byte{}
	for name, l := range map[string]etltest.Log{
		"plain":   {CPUs: 2, BufferSize: 1024},
		"xpress":  {CPUs: 2, BufferSize: 1024, Compress: etltest.Xpress},
		"huffman": {CPUs: 2, BufferSize: 1024, Compress: etltest.XpressHuff},
		"lznt1":   {CPUs: 2, BufferSize: 1024, Compress: etltest.LZNT1},
		"system":  {CPUs: 2, BufferSize: 1024, Clock: etltest.SystemTime, Bits: 32},
	} {
		trace.Log = l
		if out[name], err = trace.Bytes(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func compile(t testing.TB, text string) []byte {
	b, err := etltest.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newLog(t testing.TB, b []byte, opts ...etl.Option) *etl.Log {
	l, err := etl.NewReader(bytes.NewReader(b), int64(len(b)), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// read reads b both ways, with little memory, and returns the records. A damaged log must be refused with
// ErrFormat or ErrVersion, or be read as far as it goes with the same records in both orders.
func read(t testing.TB, b []byte) (positions []etl.Position, anomalies []etl.Anomaly, err error) {
	t.Helper()
	l, err := etl.NewReader(bytes.NewReader(b), int64(len(b)), etl.WithBudget(1<<20))
	if err != nil {
		if !errors.Is(err, etl.ErrFormat) && !errors.Is(err, etl.ErrVersion) {
			t.Fatalf("NewReader: %v", err)
		}
		return nil, nil, err
	}
	validate(t, l, false)
	for r, err := range l.Records() {
		if err != nil {
			t.Fatal(err)
		}
		positions = append(positions, r.Position())
	}
	return positions, l.Anomalies(), nil
}

// TestPrefixes: a log cut off anywhere gives the records before the cut and says that it is cut.
func TestPrefixes(t *testing.T) {
	for name, b := range logs(t) {
		all, anomalies, err := read(t, b)
		if err != nil || len(anomalies) > 0 {
			t.Fatalf("%s: %v, %v", name, anomalies, err)
		}
		order := func(p []etl.Position) []etl.Position {
			p = slices.Clone(p)
			slices.SortFunc(p, func(a, b etl.Position) int {
				return int(a.Buffer-b.Buffer)*1e6 + int(a.Offset) - int(b.Offset)
			})
			return p
		}
		all = order(all)
		ends := map[int]bool{}
		for _, s := range etltest.Buffers(b) {
			ends[s.Offset] = true
		}
		last := 0
		for n := range b {
			got, anomalies, err := read(t, b[:n])
			if err != nil {
				if last > 0 {
					t.Fatalf("%s: %d bytes: %v, although a shorter prefix was read", name, n, err)
				}
				continue
			}
			got = order(got)
			if len(got) < last || !slices.Equal(got, all[:len(got)]) {
				t.Fatalf("%s: %d bytes: %d records, not the first of all", name, n, len(got))
			}
			last = len(got)
			if len(anomalies) == 0 && len(got) < len(all) && !ends[n] {
				t.Fatalf("%s: %d bytes: %d of %d records and no anomaly", name, n, len(got), len(all))
			}
		}
	}
}

// TestMutations: random damage is survived, and the two orders agree.
func TestMutations(t *testing.T) {
	n := 10_000
	if testing.Short() {
		n = 300
	}
	for name, b := range logs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(7, uint64(len(b))))
			refused := 0
			for range n {
				if _, _, err := read(t, etltest.Mutate(b, rng)); err != nil {
					refused++
				}
			}
			if refused > n/2 {
				t.Errorf("%d of %d damaged logs were refused outright", refused, n)
			}
		})
	}
}

// TestShuffled: the order of the buffers in the file does not matter.
func TestShuffled(t *testing.T) {
	b := compile(t, small)
	want := stamps(newLog(t, b))
	spans := etltest.Buffers(b)
	rng := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		rng.Shuffle(len(spans)-1, func(i, j int) { spans[i+1], spans[j+1] = spans[j+1], spans[i+1] })
		if got := stamps(newLog(t, etltest.Join(b, spans))); !slices.Equal(got, want) {
			t.Fatalf("shuffled:\n%v\nwant\n%v", got, want)
		}
	}
}

func stamps(l *etl.Log) (s []etl.Time) {
	for r := range l.Records() {
		s = append(s, r.Time())
	}
	return s
}

// TestHeaderDamage: numbers in a buffer header that cannot be are named, and the other buffers are read.
func TestHeaderDamage(t *testing.T) {
	b := logs(t)["plain"]
	spans := etltest.Buffers(b)
	whole := len(stamps(newLog(t, b)))
	for _, tt := range []struct {
		name  string
		field etltest.HeaderField
		value uint64
		want  etl.AnomalyKind
		min   int // records that must still be read
	}{
		{"size 0", etltest.BufferSize, 0, etl.BadBufferHeader, whole / 2},
		{"size 0xFFFFFFFF", etltest.BufferSize, 0xFFFFFFFF, etl.BadBufferHeader, whole / 2},
		{"size past the end", etltest.BufferSize, 1 << 20, etl.CutBuffer, 3},
		{"filled 0", etltest.FilledOffset, 0, etl.BadBufferHeader, whole},
		{"filled 0xFFFFFFFF", etltest.FilledOffset, 0xFFFFFFFF, etl.BadBufferHeader, whole},
		{"compressed, but plain", etltest.BufferFlag, 0x40, etl.BadCompression, whole / 2},
	} {
		damaged := etltest.SetField(b, spans[1], tt.field, tt.value)
		got, anomalies, err := read(t, damaged)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if !slices.ContainsFunc(anomalies, func(a etl.Anomaly) bool { return a.Kind == tt.want }) {
			t.Errorf("%s: anomalies %v, want a %v", tt.name, anomalies, tt.want)
		}
		if len(got) < tt.min {
			t.Errorf("%s: %d records, want at least %d of %d", tt.name, len(got), tt.min, whole)
		}
	}
}

// TestZeroTail: what a crash leaves behind the last buffer is said and skipped.
func TestZeroTail(t *testing.T) {
	b := compile(t, small)
	want := len(stamps(newLog(t, b)))
	l := newLog(t, append(b, make([]byte, 1<<16)...))
	if got := len(stamps(l)); got != want {
		t.Errorf("%d records, want %d", got, want)
	}
	if a := l.Anomalies(); len(a) != 1 || a[0].Kind != etl.BadBufferHeader || a[0].Offset != int64(len(b)) {
		t.Errorf("anomalies %v", a)
	}
}

// TestHostileMemory: what a log claims costs no memory, only what it holds.
func TestHostileMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of MB are unpacked")
	}
	for _, tt := range []struct {
		name string
		make func() ([]byte, error)
	}{
		{"2,048 processors that claim 16 MiB", func() ([]byte, error) { return etltest.Bomb(2048, 16<<20, false) }},
		{"2,048 processors that hold 256 KiB", func() ([]byte, error) { return etltest.Bomb(2048, 256<<10, true) }},
		{"8 processors that hold 16 MiB", func() ([]byte, error) { return etltest.Bomb(8, 16<<20, true) }},
		{"a million extended items", func() ([]byte, error) { return etltest.ExtendedItems(1_000_000) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := tt.make()
			if err != nil {
				t.Fatal(err)
			}
			runtime.GC()
			var before, now runtime.MemStats
			runtime.ReadMemStats(&before)
			l := newLog(t, b, etl.WithBudget(16<<20))
			n, peak := 0, uint64(0)
			for _, err := range l.Records() {
				if err != nil {
					t.Fatal(err)
				}
				if n++; n%50_000 == 1 {
					runtime.ReadMemStats(&now)
					peak = max(peak, now.HeapInuse-min(now.HeapInuse, before.HeapInuse))
				}
			}
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapInuse-min(now.HeapInuse, before.HeapInuse))
			if limit := uint64(64<<20 + len(b)); peak > limit {
				t.Errorf("%d MB in use, want at most %d MB", peak>>20, limit>>20)
			}
			t.Logf("%d bytes, %d records, %d MB in use at most, %d anomalies", len(b), n, peak>>20, len(l.Anomalies()))
		})
	}
}

// TestClaim4GB: a compressed buffer that claims 4 GB gives what it holds.
func TestClaim4GB(t *testing.T) {
	trace, err := etltest.Parse(small)
	if err != nil {
		t.Fatal(err)
	}
	trace.Log.Compress = etltest.Xpress
	b, err := trace.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	want := len(stamps(newLog(t, b)))
	for _, s := range etltest.Buffers(b)[1:] {
		b = etltest.SetField(b, s, etltest.FilledOffset, 0xFFFFFFFF)
	}
	l := newLog(t, b)
	if got := len(stamps(l)); got != want {
		t.Errorf("%d records, want %d", got, want)
	}
	if len(l.Anomalies()) == 0 {
		t.Error("no anomaly")
	}
}

// TestAppended: a second header record starts a session with a clock of its own.
func TestAppended(t *testing.T) {
	first := compile(t, "log start=2026-03-02T12:00:00Z\n+1 cpu0 1:1 WebIO/30 ApiHandle=1\n")
	second := compile(t, "log start=2026-03-03T09:00:00Z clock=system\n+2 cpu0 1:1 WebIO/30 ApiHandle=2\n")
	var got []string
	for r := range newLog(t, append(first, second...)).Records() {
		if r.Kind() == etl.KindEvent {
			got = append(got, r.Time().String())
		}
	}
	want := []string{"2026-03-02T12:00:01.0000000Z", "2026-03-03T09:00:02.0000000Z"}
	if !slices.Equal(got, want) {
		t.Errorf("times %v, want %v", got, want)
	}
}

// TestLookalikes: what only has the name of a log is refused with a word for what it is.
func TestLookalikes(t *testing.T) {
	for _, tt := range []struct{ data, want string }{
		{"", "buffer header at offset 0x0: the file is empty"},
		{"RlFs\x01\x00\x00\x00", "buffer header at offset 0x0: this is a container of the real-time event log backup (RlFs), which only Windows can open"},
		{"version https://git-lfs.github.com/spec/v1\n", "buffer header at offset 0x0: this is a pointer of Git LFS: the file itself was not fetched (git lfs pull)"},
		{`{"traceEvents":[]}`, "buffer header at offset 0x0: this is JSON text"},
	} {
		_, err := etl.NewReader(bytes.NewReader([]byte(tt.data)), int64(len(tt.data)))
		if !errors.Is(err, etl.ErrFormat) || err.Error() != tt.want {
			t.Errorf("%q: %v, want %s", tt.data, err, tt.want)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, b := range logs(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { read(t, b) })
}
