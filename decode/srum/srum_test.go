package srum

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/etl"
)

var moduleDir = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "www.velocidex.com/golang/go-ese").Output()
	return strings.TrimSpace(string(out)), err
})

// libraryFile returns a database of the library's own tests.
func libraryFile(t testing.TB, name string) []byte {
	t.Helper()
	dir, err := moduleDir()
	if err != nil || dir == "" {
		t.Skip("no module folder: ", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func srudb(t testing.TB) []byte { return libraryFile(t, "SRUM/SRUDB.dat") }

func open(t testing.TB, data []byte) *Database {
	t.Helper()
	db, err := NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func gather[T any](t testing.TB, seq iter.Seq2[T, error]) (list []T) {
	t.Helper()
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

// quiet fails if anything is written to standard output meanwhile.
func quiet(t *testing.T) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = f
	t.Cleanup(func() {
		os.Stdout = stdout
		f.Close()
		if written, _ := os.ReadFile(f.Name()); len(written) > 0 {
			t.Errorf("standard output has %.200q", written)
		}
	})
}

// The counts are those of esedbexport of libesedb 20181229.
func TestTables(t *testing.T) {
	quiet(t)
	db := open(t, srudb(t))
	got, err := db.Tables()
	if err != nil {
		t.Fatal(err)
	}
	want := []Table{
		{"MSysObjects", 241},
		{"MSysObjectsShadow", 241},
		{"MSysObjids", 34},
		{"MSysLocales", 7},
		{"SruDbIdMapTable", 1141},
		{"SruDbCheckpointTable", 0},
		{"{5C8CF1C7-7257-4F13-B223-970EF5939312}", 4038},
		{"{7ACBBAA3-D029-4BE4-9A7A-0885927F1D8F}", 44},
		{usageTable, 255},
		{resourceTable, 1778},
		{connectivityTable, 17},
		{"{FEE4E14F-02A9-4550-B5CE-5FA2DA202E37}", 0},
		{"{FEE4E14F-02A9-4550-B5CE-5FA2DA202E37}LT", 1},
		{"{D10CA2FE-6FCF-4F6D-848E-B2E99266FA86}", 10},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if a := db.Anomalies(); len(a) > 0 {
		t.Error(a)
	}
}

func at(s string) etl.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return etl.FromTime(t)
}

// The values are those of esedbexport.
func TestRows(t *testing.T) {
	db := open(t, srudb(t))
	usage := gather(t, db.Usage())
	if len(usage) != 255 {
		t.Fatal(len(usage))
	}
	want := []Usage{
		{at("2021-10-07T08:54:00Z"), "WManSvc", "S-1-5-18", 6, 4063, 12213},
		{at("2021-10-07T08:54:00Z"), "LicenseManager", "S-1-5-19", 6, 276118, 515572},
	}
	if diff := cmp.Diff(want, usage[:2]); diff != "" {
		t.Error(diff)
	}
	connected := gather(t, db.Connectivity())
	if diff := cmp.Diff([]Connectivity{
		{at("2021-10-07T08:55:00Z"), 6, at("2021-10-07T07:54:15.649933Z"), 3644 * time.Second},
		{at("2021-10-07T09:56:00Z"), 6, at("2021-10-07T07:54:15.649933Z"), 7304 * time.Second},
	}, connected[:2]); diff != "" {
		t.Error(diff)
	}
	resources := gather(t, db.AppResources())
	if diff := cmp.Diff([]AppResource{
		{at("2021-10-07T08:55:00Z"), "svc.ownproc.s0.uc0.host2000000000000000_1.0.0.0_neutral__1234567890abc", "S-1-5-18",
			31376492830, 195990016, 10457088},
	}, resources[:1]); diff != "" {
		t.Error(diff)
	}
}

// TestOracle compares all rows of three tables and all names with what esedbexport says.
func TestOracle(t *testing.T) {
	tool, err := exec.LookPath("esedbexport")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "SRUDB.dat")
	if err := os.WriteFile(file, srudb(t), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, "-t", filepath.Join(dir, "out"), file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	export := func(table string) []map[string]string {
		names, _ := filepath.Glob(filepath.Join(dir, "out.export", table+".*"))
		if len(names) != 1 {
			t.Fatalf("%s: %q", table, names)
		}
		f, err := os.Open(names[0])
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r := csv.NewReader(f)
		r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
		lines, err := r.ReadAll()
		if err != nil || len(lines) == 0 {
			t.Fatal(table, err)
		}
		var list []map[string]string
		for _, line := range lines[1:] {
			row := make(map[string]string)
			for i, name := range lines[0] {
				row[name] = line[i]
			}
			list = append(list, row)
		}
		return list
	}
	number := func(s string) uint64 {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	// Its seconds are cut and its fraction has the errors of a double; here all times are whole minutes, see TestTime.
	stamp := func(s string) etl.Time {
		v, err := time.Parse("Jan 02, 2006 15:04:05.000000000", s)
		if err != nil {
			t.Fatal(err)
		}
		return etl.FromTime(v.Round(time.Minute))
	}
	names := make(map[string]string)
	for _, row := range export(idTable) {
		blob, err := hex.DecodeString(row["IdBlob"])
		if err != nil {
			t.Fatal(err)
		}
		if row["IdType"] == "3" && len(blob) > 0 {
			text := fmt.Sprintf("S-%d-%d", blob[0], blob[7])
			for i := 8; i < len(blob); i += 4 {
				text += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(blob[i:]))
			}
			names[row["IdIndex"]] = text
			continue
		}
		text := ""
		for i := 0; i+1 < len(blob); i += 2 {
			if c := rune(binary.LittleEndian.Uint16(blob[i:])); c != 0 {
				text += string(c)
			}
		}
		names[row["IdIndex"]] = text
	}

	db := open(t, srudb(t))
	var usage []Usage
	for _, row := range export(usageTable) {
		usage = append(usage, Usage{stamp(row["TimeStamp"]), names[row["AppId"]], names[row["UserId"]],
			uint16(number(row["InterfaceLuid"]) >> 48), number(row["BytesSent"]), number(row["BytesRecvd"])})
	}
	if diff := cmp.Diff(usage, gather(t, db.Usage())); diff != "" {
		t.Error(diff)
	}
	var resources []AppResource
	for _, row := range export(resourceTable) {
		sum := func(name string) uint64 { return number(row["Foreground"+name]) + number(row["Background"+name]) }
		resources = append(resources, AppResource{stamp(row["TimeStamp"]), names[row["AppId"]], names[row["UserId"]],
			sum("CycleTime"), sum("BytesRead"), sum("BytesWritten")})
	}
	if diff := cmp.Diff(resources, gather(t, db.AppResources())); diff != "" {
		t.Error(diff)
	}
	var connected []Connectivity
	for _, row := range export(connectivityTable) {
		start, err := time.Parse("Jan 02, 2006 15:04:05.000000000", row["ConnectStartTime"])
		if err != nil {
			t.Fatal(err)
		}
		connected = append(connected, Connectivity{stamp(row["TimeStamp"]), uint16(number(row["InterfaceLuid"]) >> 48),
			etl.FromTime(start), time.Duration(number(row["ConnectedTime"])) * time.Second})
	}
	if diff := cmp.Diff(connected, gather(t, db.Connectivity())); diff != "" {
		t.Error(diff)
	}
}

func TestTime(t *testing.T) {
	for _, test := range []struct {
		days float64
		want string // "" is none
	}{
		{2, "1900-01-01T00:00:00Z"},
		{25569, "1970-01-01T00:00:00Z"},
		{35065, "1996-01-01T00:00:00Z"}, // the day that the documentation of VARIANT dates gives
		{44476.370833333334, "2021-10-07T08:54:00Z"},
		{44476.5 + 1.0/86400/1000, "2021-10-07T12:00:00.001Z"},
		{0, ""}, {-1, ""}, {math.NaN(), ""}, {math.Inf(1), ""}, {1e300, ""},
	} {
		got, ok := oleTime(math.Float64bits(test.days))
		if ok != (test.want != "") || ok && got != at(test.want) {
			t.Errorf("%v days is %v, %v, not %q", test.days, got, ok, test.want)
		}
	}
}

func TestSID(t *testing.T) {
	for blob, want := range map[string]string{
		"010100000000000512000000":                                      "S-1-5-18",
		"01050000000000051500000001000000020000000300000" + "0f4010000": "S-1-5-21-1-2-3-500",
		"0100000000000005":                                              "S-1-5",
		"01020000000000051200":                                          "", "": "", "0101": "",
	} {
		data, err := hex.DecodeString(blob)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := sidText(data); got != want || ok != (want != "") {
			t.Errorf("%s is %q, not %q", blob, got, want)
		}
	}
}

func TestRecognise(t *testing.T) {
	data := srudb(t)
	for n := range 16 {
		if got := Recognise(data[:n]); got != (n >= HeadSize) {
			t.Errorf("%d bytes: %v", n, got)
		}
	}
	if Recognise([]byte("ElfFile\x00ElfFile\x00")) {
		t.Error("event log is taken for a database")
	}
}

func TestErrors(t *testing.T) {
	quiet(t)
	data := srudb(t)
	changed := func(offset int, b ...byte) []byte {
		d := slices.Clone(data)
		copy(d[offset:], b)
		return d
	}
	for _, test := range []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, ErrFormat},
		{"text", []byte(strings.Repeat("no database ", 1000)), ErrFormat},
		{"head only", data[:600], ErrFormat},
		{"header only", data[:4096], ErrFormat},
		{"streaming file", changed(12, 1), ErrFormat},
		{"page size", changed(236, 0, 0, 0, 0x80), ErrFormat},
		{"other page size", changed(236, 0, 0x20, 0, 0), ErrFormat},
		{"catalog zero-filled", changed(5*4096, make([]byte, 4096)...), ErrFormat},
		{"Background Intelligent Transfer", libraryFile(t, "Samples/qmgr.db"), ErrNotSRUM},
		{"User Access Logging", libraryFile(t, "Sample_UAL/HyperV-PC/Current.mdb"), ErrNotSRUM},
	} {
		if _, err := NewReader(bytes.NewReader(test.data), int64(len(test.data))); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if _, err := NewReader(bytes.NewReader(data), maxSize+1); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}

func TestDirty(t *testing.T) {
	data := slices.Clone(srudb(t))
	data[52] = 2
	binary.LittleEndian.PutUint32(data, xor(data[4:4096], signature))
	db := open(t, data)
	if got := kinds(db); !slices.Equal(got, []AnomalyKind{Dirty}) {
		t.Error(db.Anomalies())
	}
	data[300]++
	if got := kinds(open(t, data)); !slices.Equal(got, []AnomalyKind{BadHeader, Dirty}) {
		t.Error(got)
	}
}

func kinds(db *Database) (list []AnomalyKind) {
	for _, a := range db.Anomalies() {
		list = append(list, a.Kind)
	}
	return list
}

// rendered is all that a database tells.
func rendered(t *testing.T, db *Database) []string {
	var list []string
	for u := range gatherSeq(t, db.Usage()) {
		list = append(list, fmt.Sprint(u))
	}
	for c := range gatherSeq(t, db.Connectivity()) {
		list = append(list, fmt.Sprint(c))
	}
	for a := range gatherSeq(t, db.AppResources()) {
		list = append(list, fmt.Sprint(a))
	}
	for _, a := range db.Anomalies() {
		if a.Kind == 0 || a.Kind.String() == "" || a.Detail == "" || a.Count < 1 {
			t.Errorf("nameless %+v", a)
		}
	}
	return list
}

func gatherSeq[T any](t *testing.T, seq iter.Seq2[T, error]) iter.Seq[T] {
	return slices.Values(gather(t, seq))
}

// A file that is cut off gives a part of its rows and says so. Rows whose program's name is lost have none.
func TestTruncated(t *testing.T) {
	quiet(t)
	data := srudb(t)
	whole := rendered(t, open(t, data))
	opened := 0
	for size := 0; size < len(data); size += 4096*7 + 1234 {
		db, err := NewReader(bytes.NewReader(data[:size]), int64(size))
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("%d bytes: %v", size, err)
			}
			continue
		}
		opened++
		got := rendered(t, db)
		if len(got) > len(whole) {
			t.Fatalf("%d bytes: %d rows of %d", size, len(got), len(whole))
		}
		if len(got) < len(whole) && !slices.Contains(kinds(db), Truncated) {
			t.Fatalf("%d bytes: %d rows of %d: %v", size, len(got), len(whole), db.Anomalies())
		}
	}
	if opened < 10 {
		t.Error(opened)
	}
}

// A page that was changed is noticed, and what is read in spite of it is what was there before.
func TestMutations(t *testing.T) {
	quiet(t)
	data := srudb(t)
	whole := make(map[string]bool)
	for _, s := range rendered(t, open(t, data)) {
		whole[s] = true
	}
	random := rand.New(rand.NewPCG(1, 2))
	lost := 0
	for range 300 {
		damaged := slices.Clone(data)
		for range 1 + random.IntN(40) {
			damaged[4096+random.IntN(len(data)-4096)] = byte(random.Uint32())
		}
		db, err := NewReader(bytes.NewReader(damaged), int64(len(damaged)))
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			lost++
			continue
		}
		got := rendered(t, db)
		names := slices.ContainsFunc(db.Anomalies(), func(a Anomaly) bool { return a.Table == idTable })
		for _, s := range got {
			if !whole[s] && !names {
				t.Fatalf("%s was not there; %v", s, db.Anomalies())
			}
		}
		if len(got) < len(whole) && len(db.Anomalies()) == 0 {
			t.Fatalf("%d rows of %d without a word", len(got), len(whole))
		}
	}
	if lost == 300 {
		t.Error("no database could be read")
	}
}

// What has a right checksum and is wrong all the same does no harm.
func TestHostile(t *testing.T) {
	quiet(t)
	data := srudb(t)
	random := rand.New(rand.NewPCG(3, 4))
	values := []byte{0, 1, 0x7f, 0x80, 0xff}
	broken, read := 0, 0
	for i := range 400 {
		damaged := slices.Clone(data)
		for range 1 + random.IntN(60) {
			n := 1 + random.IntN(140) // catalog, ids, the first of each table
			if i%2 == 0 {
				n = 4 + random.IntN(6)
			}
			page := damaged[(n+1)*4096 : (n+2)*4096]
			offset := []int{8 + random.IntN(32), 40 + random.IntN(100), 4096 - 1 - random.IntN(120), 8 + random.IntN(4088)}[random.IntN(4)]
			page[offset] = values[random.IntN(len(values))]
			if random.IntN(2) == 0 {
				page[offset] = byte(random.Uint32())
			}
			binary.LittleEndian.PutUint32(page, xor(page[8:], uint32(n)))
		}
		db, err := newReader(bytes.NewReader(damaged), int64(len(damaged)), limits{maxRows, 16 << 20, maxTime})
		if err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrNotSRUM) {
				t.Fatal(err)
			}
			continue
		}
		read++
		rendered(t, db)
		if _, err := db.Tables(); err != nil {
			t.Fatal(err)
		}
		if len(db.Anomalies()) > 0 {
			broken++
		}
	}
	if read < 50 || broken < 10 {
		t.Errorf("%d read, %d of them with anomalies", read, broken)
	}
}

func FuzzRow(f *testing.F) {
	f.Add([]byte("\x04\x00abcd\x02\x7f\x0a\x00\x03\x01\x00\x00\x00\x00\x00\x01\x04\x00\x01\x41\x00"), byte(0))
	f.Add([]byte("\x02\x00\x00\x00\x03\x80\x0c\x00\x03\x01\x00\x00\x00\x00\x00\x00\x02\x00hi\x00\x01\x04\x40\x01A\x00"), byte(4))
	f.Fuzz(func(t *testing.T, entry []byte, flags byte) {
		r, err := parseRow(entry, uint64(flags))
		if err != nil {
			return
		}
		if len(r.fixed)+len(r.nulls)+len(r.tags) > len(entry) {
			t.Errorf("%d bytes became %d", len(entry), len(r.fixed)+len(r.nulls)+len(r.tags))
		}
		for id := uint32(1); id <= 130; id++ {
			r.uint(column{id, int64(id), 8})
		}
		for _, size := range []int64{4096, 32768} {
			if v, ok := r.tagged(firstTagged, size); ok && !bytes.Contains(r.tags, v) {
				t.Errorf("%x is not in %x", v, r.tags)
			}
		}
	})
}

// failing reads up to an offset, and then does as it is told.
type failing struct {
	io.ReaderAt
	from int64
	fail func() error
}

func (f failing) ReadAt(b []byte, offset int64) (int, error) {
	if offset >= f.from {
		if err := f.fail(); err != nil {
			return 0, err
		}
	}
	return f.ReaderAt.ReadAt(b, offset)
}

func TestReadError(t *testing.T) {
	data := srudb(t)
	sick := errors.New("disk is sick")
	for from := int64(0); from < 100*4096; from += 4096 {
		r := failing{bytes.NewReader(data), from, func() error { return sick }}
		db, err := NewReader(r, int64(len(data)))
		if err == nil {
			for _, e := range db.Usage() {
				err = e
			}
		}
		if !errors.Is(err, sick) {
			t.Fatalf("from %d: %v", from, err)
		}
	}
}

func TestLimits(t *testing.T) {
	data := srudb(t)
	db := open(t, data)

	db.limits = limits{100, maxBudget, maxTime}
	if n := len(gather(t, db.Usage())); n != 100 || !slices.Equal(kinds(db), []AnomalyKind{LimitHit}) {
		t.Error(n, db.Anomalies())
	}
	db.limits = limits{maxRows, 30_000, maxTime}
	if n := len(gather(t, db.Usage())); n == 0 || n >= 255 || !slices.Equal(kinds(db), []AnomalyKind{LimitHit}) {
		t.Error(n, db.Anomalies())
	}
	// Again without the limits: what was said then is said no more.
	db.limits = limits{maxRows, maxBudget, maxTime}
	if n := len(gather(t, db.Usage())); n != 255 || len(db.Anomalies()) != 0 {
		t.Error(n, db.Anomalies())
	}

	// A read that does not come back, in a table and in the catalog.
	release := make(chan struct{})
	defer close(release)
	stuck := func() error { <-release; return io.ErrClosedPipe }
	db.src = failing{bytes.NewReader(data), 90 * 4096, stuck}
	db.limits.time = time.Millisecond
	if n := len(gather(t, db.Usage())); n != 0 || !slices.Equal(kinds(db), []AnomalyKind{LimitHit}) {
		t.Error(n, db.Anomalies())
	}
	if _, err := newReader(failing{bytes.NewReader(data), 4096, stuck}, int64(len(data)), db.limits); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}
