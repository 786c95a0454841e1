package srumtest_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/srum"
	"github.com/etwhy/etwhy/decode/srum/srumtest"
	"github.com/etwhy/etwhy/etl"
)

func ExampleDatabase() {
	file, err := srumtest.Database(`
# The pool sends more than it gets.
usage 2026-03-05T09:00:00Z \device\harddiskvolume3\windows\system32\inetsrv\w3wp.exe S-1-5-18 ethernet sent=4063 received=12213
usage 2026-03-05T10:00:00Z \device\harddiskvolume3\windows\system32\inetsrv\w3wp.exe S-1-5-18 ethernet sent=734003200 received=12213
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	db, err := srum.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		fmt.Println(err)
		return
	}
	for u, err := range db.Usage() {
		fmt.Println(u.Time, u.SID, u.Sent, u.Received, err)
	}
	// Output:
	// 2026-03-05T09:00:00.0000000Z S-1-5-18 4063 12213 <nil>
	// 2026-03-05T10:00:00.0000000Z S-1-5-18 734003200 12213 <nil>
}

func made(t testing.TB, text string) []byte {
	t.Helper()
	data, err := srumtest.Database(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func open(t testing.TB, data []byte) *srum.Database {
	t.Helper()
	db, err := srum.NewReader(bytes.NewReader(data), int64(len(data)))
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

// contents is all that is read of a database.
type contents struct {
	Usage     []srum.Usage
	Connected []srum.Connectivity
	Resources []srum.AppResource
	Anomalies []srum.Anomaly
}

func read(t testing.TB, data []byte) contents {
	t.Helper()
	db := open(t, data)
	return contents{gather(t, db.Usage()), gather(t, db.Connectivity()), gather(t, db.AppResources()), db.Anomalies()}
}

func at(s string) etl.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return etl.FromTime(t)
}

const sample = `
# a comment
usage 2026-03-05T09:00:00Z \Device\HarddiskVolume3\w3wp.exe S-1-5-21-1-2-4294967295-500 ethernet sent=4063 received=12213
	connected 2026-03-05T09:00:00Z wifi since=2026-03-05T07:54:15.6499330Z for=1h5m45s
app 2026-03-05T09:00:00Z "a b" S-1-5-18 cycles=18446744073709551615 read=2 written=3
usage 2026-03-05T10:00:00.001+01:00 "a b" - loopback received=1
usage 1900-01-01T00:00:00Z - S-1-281474976710655 65535 sent=18446744073709551615
connected 2026-03-05T12:00:00Z 0
app 9999-12-31T23:59:59.999Z \Device\HarddiskVolume3\w3wp.exe S-1-5-18
usage 2026-03-05T09:00:00Z "" "S-1-5" ethernet
`

func TestRows(t *testing.T) {
	w3wp := `\Device\HarddiskVolume3\w3wp.exe`
	want := contents{
		Usage: []srum.Usage{
			{Time: at("2026-03-05T09:00:00Z"), App: w3wp, SID: "S-1-5-21-1-2-4294967295-500", Interface: 6, Sent: 4063, Received: 12213},
			{Time: at("2026-03-05T09:00:00.001Z"), App: "a b", SID: "", Interface: 24, Sent: 0, Received: 1},
			{Time: at("1900-01-01T00:00:00Z"), App: "", SID: "S-1-281474976710655", Interface: 65535, Sent: 1<<64 - 1, Received: 0},
			{Time: at("2026-03-05T09:00:00Z"), App: "", SID: "S-1-5", Interface: 6, Sent: 0, Received: 0},
		},
		Connected: []srum.Connectivity{
			{Time: at("2026-03-05T09:00:00Z"), Interface: 71, Start: at("2026-03-05T07:54:15.649933Z"), Connected: 3945 * time.Second},
			{Time: at("2026-03-05T12:00:00Z"), Interface: 0, Start: 0, Connected: 0},
		},
		Resources: []srum.AppResource{
			{Time: at("2026-03-05T09:00:00Z"), App: "a b", SID: "S-1-5-18", Cycles: 1<<64 - 1, Read: 2, Written: 3},
			{Time: at("9999-12-31T23:59:59.999Z"), App: w3wp, SID: "S-1-5-18", Cycles: 0, Read: 0, Written: 0},
		},
	}
	data := made(t, sample)
	if diff := cmp.Diff(want, read(t, data)); diff != "" {
		t.Error(diff)
	}
	if !bytes.Equal(data, made(t, sample)) {
		t.Error("other bytes the second time")
	}
}

// line is a row of its own for each number.
func line(i int) string {
	return fmt.Sprintf("usage 2026-03-05T09:00:00Z %s S-1-5-21-%d ethernet sent=%d\n", app(i), i, i)
}

func app(i int) string { return fmt.Sprintf(`\Device\é😀\%d.exe`, i) }

func TestSizes(t *testing.T) {
	for _, n := range []int{0, 1, 57, 1000, 30_000} { // the last has pages above pages above leaves
		var text strings.Builder
		var want []srum.Usage
		for i := range n {
			text.WriteString(line(i))
			want = append(want, srum.Usage{Time: at("2026-03-05T09:00:00Z"), App: app(i), SID: fmt.Sprintf("S-1-5-21-%d", i), Interface: 6, Sent: uint64(i)})
		}
		db := open(t, made(t, text.String()))
		if diff := cmp.Diff(want, gather(t, db.Usage())); diff != "" {
			t.Fatalf("%d rows: %s", n, diff)
		}
		tables, err := db.Tables()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]srum.Table{
			{Name: "MSysObjects", Rows: 66},
			{Name: "MSysObjectsShadow", Rows: 66},
			{Name: "SruDbIdMapTable", Rows: 2 + 2*n},
			{Name: "{973F5D5C-1D90-4944-BE8E-24B94231A174}", Rows: n},
			{Name: "{DD6636C4-8929-4683-974E-22C046A43763}", Rows: 0},
			{Name: "{D10CA2FE-6FCF-4F6D-848E-B2E99266FA89}", Rows: 0},
		}, tables); diff != "" {
			t.Error(diff)
		}
		if a := db.Anomalies(); len(a) > 0 {
			t.Errorf("%d rows: %v", n, a)
		}
	}
}

func apps(c contents) (list []string) {
	for _, u := range c.Usage {
		list = append(list, u.App)
	}
	return list
}

// Names may be anything.
func TestNames(t *testing.T) {
	names := []string{"</script>", "\x1b[2J\a", "=cmd|'/c calc'!A1", "\u202egpj.exe", "日本語 😀", "-", "#", "hex:41", `"`, "line\nbreak", "\ufeff", "\ufffd"}
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, "usage 2026-03-05T09:00:00Z %q - ethernet\n", name)
	}
	got := read(t, made(t, text.String()))
	if diff := cmp.Diff(names, apps(got)); diff != "" || len(got.Anomalies) > 0 {
		t.Error(diff, got.Anomalies)
	}
	// A surrogate of its own, half a unit, a NUL in the middle; a user whose identifier lacks a part.
	got = read(t, made(t, `
usage 2026-03-05T09:00:00Z hex:00d84100 - ethernet
usage 2026-03-05T09:00:00Z hex:410042 - ethernet
usage 2026-03-05T09:00:00Z "A\x00B" - ethernet
usage 2026-03-05T09:00:00Z X hex:0102000000000005120000 ethernet
`))
	if diff := cmp.Diff([]string{"\ufffdA", "A", "A", "X"}, apps(got)); diff != "" {
		t.Error(diff)
	}
	if len(got.Anomalies) != 1 || got.Anomalies[0].Kind != srum.UnreadID {
		t.Error(got.Anomalies)
	}
}

// A name may fill its page, and no more.
func TestLongNames(t *testing.T) {
	row := func(bytes int) string {
		return "usage 2026-03-05T09:00:00Z hex:" + strings.Repeat("41", bytes) + " - ethernet\n"
	}
	const most = 4011
	for _, n := range []int{1, 100, most - 1, most} {
		text := row(n) + line(1) + row(n-1) + line(2)
		if a := read(t, made(t, text)).Anomalies; len(a) > 0 {
			t.Errorf("%d bytes: %v", n, a)
		}
	}
	if _, err := srumtest.Database(line(1) + row(most+1)); err == nil || !strings.Contains(err.Error(), "line 2: a name of 4012 bytes") {
		t.Error(err)
	}
}

func TestDirty(t *testing.T) {
	got := read(t, made(t, line(1)+"dirty\n"+line(2)))
	if len(got.Usage) != 2 || len(got.Anomalies) != 1 || got.Anomalies[0].Kind != srum.Dirty {
		t.Errorf("%+v", got)
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"\n\nuse 2026-03-05T09:00:00Z":                                          `line 3: "use" is no kind`,
		"usage":                                                                 "the time is missing",
		"usage today":                                                           `"today" is no time`,
		"usage 2026-03-05T09:00:00Z":                                            "the program is missing",
		"usage 2026-03-05T09:00:00Z X":                                          "the user is missing",
		"usage 2026-03-05T09:00:00Z X -":                                        "the interface is missing",
		"usage 2026-03-05T09:00:00Z X SYSTEM ethernet":                          `"SYSTEM" is no user`,
		"usage 2026-03-05T09:00:00Z X S-1 ethernet":                             "no user",
		"usage 2026-03-05T09:00:00Z X S-256-5 ethernet":                         "no user",
		"usage 2026-03-05T09:00:00Z X S-1-281474976710656 ethernet":             "no user",
		"usage 2026-03-05T09:00:00Z X S-1-5-4294967296 ethernet":                "no user",
		"usage 2026-03-05T09:00:00Z X S-1-5" + strings.Repeat("-1", 256) + " 6": "no user",
		"usage 2026-03-05T09:00:00Z X - cable":                                  `"cable" is no interface`,
		"usage 2026-03-05T09:00:00Z X - 65536":                                  "no interface",
		"usage 2026-03-05T09:00:00Z X - 6 sent":                                 "invalid syntax",
		"usage 2026-03-05T09:00:00Z X - 6 sent=-1":                              "invalid syntax",
		"usage 2026-03-05T09:00:00Z X - 6 read=1":                               `"read=1" is no field`,
		"usage 2026-03-05T09:00:00Z X - 6 sent=1 sent=2":                        "there twice",
		"usage 2026-03-05T09:00:00Z \"X - 6":                                    "a quote without end",
		"usage 2026-03-05T09:00:00Z \"\\xff\" - 6":                              "hex: takes any bytes",
		"usage 2026-03-05T09:00:00Z hex:4 - 6":                                  "odd length",
		"usage 1899-12-31T09:00:00Z X - 6":                                      "before 1900",
		"usage 9999-12-31T23:59:59-01:00 X - 6":                                 "no time",
		"usage 2026-03-05T09:00:00.0001Z X - 6":                                 "finer than milliseconds",
		"connected 2026-03-05T09:00:00Z 6 since=1600-01-01T00:00:00Z":           "before 1601",
		"connected 2026-03-05T09:00:00Z 6 since=never":                          "no time",
		"connected 2026-03-05T09:00:00Z 6 for=1.5s":                             "no whole seconds",
		"connected 2026-03-05T09:00:00Z 6 for=1193047h":                         "no whole seconds",
		"connected 2026-03-05T09:00:00Z 6 for=3":                                "missing unit",
		"app 2026-03-05T09:00:00Z X - ethernet":                                 "is no field",
	} {
		if _, err := srumtest.Database(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

// TestOracle compares all rows with what esedbexport says, whose fractions of seconds have the error of a double.
func TestOracle(t *testing.T) {
	tool, err := exec.LookPath("esedbexport")
	if err != nil {
		t.Skip(err)
	}
	text := sample
	for i := range 1000 {
		text += line(i)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "SRUDB.dat")
	if err := os.WriteFile(file, made(t, text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, "-t", filepath.Join(dir, "out"), file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	export := func(table string, columns ...string) (list [][]string) {
		found, _ := filepath.Glob(filepath.Join(dir, "out.export", table+".*"))
		if len(found) != 1 {
			t.Fatalf("%s: %q", table, found)
		}
		f, err := os.Open(found[0])
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r := csv.NewReader(f)
		r.Comma = '\t'
		lines, err := r.ReadAll()
		if err != nil || len(lines) == 0 {
			t.Fatal(table, err)
		}
		for _, line := range lines[1:] {
			var row []string
			for _, column := range columns {
				row = append(row, line[slices.Index(lines[0], column)])
			}
			list = append(list, row)
		}
		return list
	}
	names := export("SruDbIdMapTable", "IdIndex", "IdType", "IdBlob")
	if diff := cmp.Diff([][]string{
		{"1", "0", ""},
		{"2", "3", ""},
		{"3", "0", "5c004400650076006900630065005c0048006100720064006400690073006b0056006f006c0075006d00650033005c0077003300770070002e006500780065000000"},
		{"4", "3", "01050000000000051500000001000000" + "02000000fffffffff4010000"},
		{"5", "0", "6100200062000000"},
		{"6", "3", "010100000000000512000000"},
		{"7", "3", "0100ffffffffffff"},
		{"8", "0", "0000"},
		{"9", "3", "0100000000000005"},
	}, names[:9]); diff != "" || len(names) != 2009 {
		t.Error(diff, len(names))
	}
	usage := export("{973F5D5C-*", "AutoIncId", "TimeStamp", "AppId", "UserId", "InterfaceLuid", "BytesSent", "BytesRecvd")
	if diff := cmp.Diff([][]string{
		{"1", "Mar 05, 2026 09:00:00.000000000", "3", "4", "1689399616077824", "4063", "12213"},
		{"2", "Mar 05, 2026 09:00:00.001000170", "5", "2", "6755949196869632", "0", "1"},
		{"3", "Jan 01, 1900 00:00:00.000000000", "1", "7", "-280925220896768", "-1", "0"},
		{"4", "Mar 05, 2026 09:00:00.000000000", "8", "9", "1689399616077824", "0", "0"},
	}, usage[:4]); diff != "" || len(usage) != 1004 {
		t.Error(diff, len(usage))
	}
	for i, row := range usage[4:] {
		want := []string{fmt.Sprint(i + 5), "Mar 05, 2026 09:00:00.000000000", fmt.Sprint(2*i + 10), fmt.Sprint(2*i + 11), "1689399616077824", fmt.Sprint(i), "0"}
		if !slices.Equal(row, want) {
			t.Fatalf("row %q, want %q", row, want)
		}
	}
	connected := export("{DD6636C4-*", "TimeStamp", "AppId", "InterfaceLuid", "ConnectedTime", "ConnectStartTime")
	if diff := cmp.Diff([][]string{
		{"Mar 05, 2026 09:00:00.000000000", "1", "19985273102270464", "3945", "Mar 05, 2026 07:54:15.649933000"},
		{"Mar 05, 2026 12:00:00.000000000", "1", "549755813888", "0", "Jan 01, 1601 00:00:00.000000000"},
	}, connected); diff != "" {
		t.Error(diff)
	}
	resources := export("{D10CA2FE-*", "AppId", "UserId", "ForegroundCycleTime", "BackgroundCycleTime", "BackgroundBytesRead", "BackgroundBytesWritten")
	if diff := cmp.Diff([][]string{
		{"5", "6", "0", "-1", "2", "3"},
		{"3", "6", "0", "0", "0", "0"},
	}, resources); diff != "" {
		t.Error(diff)
	}
}

// What can be made can be read, row by row.
func FuzzDatabase(f *testing.F) {
	f.Add(sample)
	f.Add(line(1) + "dirty\n" + line(2))
	f.Add("usage 2026-03-05T09:00:00Z hex:00d8 hex:01 ethernet")
	f.Fuzz(func(t *testing.T, text string) {
		data, err := srumtest.Database(text)
		if err != nil {
			return
		}
		rows := 0
		for line := range strings.Lines(text) {
			for _, kind := range []string{"usage ", "connected ", "app "} {
				if strings.HasPrefix(strings.TrimSpace(line), kind) {
					rows++
				}
			}
		}
		got := read(t, data)
		if n := len(got.Usage) + len(got.Connected) + len(got.Resources); n != rows {
			t.Errorf("%d rows of %d", n, rows)
		}
		for _, a := range got.Anomalies {
			if a.Kind != srum.Dirty && (a.Kind != srum.UnreadID || !strings.Contains(text, "hex:")) {
				t.Error(a)
			}
		}
		for _, name := range apps(got) {
			if !utf8.ValidString(name) {
				t.Errorf("%q is not UTF-8", name)
			}
		}
	})
}
