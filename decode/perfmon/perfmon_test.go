package perfmon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// server is a log as a data collector set of perfmon writes it.
const server = `"(PDH-CSV 4.0) (W. Europe Standard Time)(-60)",` +
	`"\\WEB02\Processor(_Total)\% Processor Time",` +
	`"\\WEB02\Process(w3wp)\Private Bytes",` +
	`"\\WEB02\Process(w3wp#1)\Working Set",` +
	`"\\WEB02\HTTP Service Request Queues(Shop (new))\CurrentQueueSize",` +
	`"\\WEB02\ASP.NET\Requests Queued"` + "\r\n" +
	`"03/05/2026 09:14:07.123"," "," ","734212096","0","0"` + "\r\n" +
	`"03/05/2026 09:14:22.119","97.482031250000003","812212224","734212096","1000","0"` + "\r\n" +
	`"03/05/2026 09:14:37.121","1.2345e-005","812212224"," ","1000","5000"` + "\r\n"

type result struct {
	Header    Header
	Samples   []string
	Anomalies []AnomalyKind
	Err       error `json:"-"`
}

func render(s Sample) string {
	when := "?"
	if !s.Time.IsZero() {
		when = s.Time.String()
	}
	return fmt.Sprint(s.Line, " ", when, " ", s.Local.Time().Format("01/02 15:04:05.000"), " ", s.Values)
}

// read returns all that a text tells. It fails if what it tells is not in itself right.
func read(t testing.TB, r io.Reader) result {
	t.Helper()
	reader, err := NewReader(r, Options{})
	if err != nil {
		return result{Err: err}
	}
	got := result{Header: reader.Header()}
	for s, err := range reader.Samples() {
		if err != nil {
			got.Err = err
			break
		}
		if len(s.Values) != len(got.Header.Counters) || s.Local.IsZero() || s.Time.IsZero() == got.Header.HasBias {
			t.Fatalf("sample %+v of %d counters", s, len(got.Header.Counters))
		}
		got.Samples = append(got.Samples, render(s))
	}
	for _, a := range reader.Anomalies() {
		if a.Kind.String() == "" || a.Line < 1 || a.Count < 1 || a.Detail == "" {
			t.Fatalf("nameless %+v", a)
		}
		got.Anomalies = append(got.Anomalies, a.Kind)
	}
	return got
}

func text(t testing.TB, s string) result { return read(t, strings.NewReader(s)) }

func TestServer(t *testing.T) {
	got := text(t, server)
	want := result{
		Header: Header{
			Machine: "WEB02", Zone: "W. Europe Standard Time", Bias: -60, HasBias: true,
			Counters: []Counter{
				{"WEB02", "Processor", "_Total", "% Processor Time"},
				{"WEB02", "Process", "w3wp", "Private Bytes"},
				{"WEB02", "Process", "w3wp#1", "Working Set"},
				{"WEB02", "HTTP Service Request Queues", "Shop (new)", "CurrentQueueSize"},
				{"WEB02", "ASP.NET", "", "Requests Queued"},
			},
		},
		Samples: []string{
			"2 2026-03-05T08:14:07.1230000Z 03/05 09:14:07.123 [NaN NaN 7.34212096e+08 0 0]",
			"3 2026-03-05T08:14:22.1190000Z 03/05 09:14:22.119 [97.48203125 8.12212224e+08 7.34212096e+08 1000 0]",
			"4 2026-03-05T08:14:37.1210000Z 03/05 09:14:37.121 [1.2345e-05 8.12212224e+08 NaN 1000 5000]",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestForms(t *testing.T) {
	for _, test := range []struct {
		name, text string
		machine    string
		bias       int // noBias if it is not told
		samples    []string
		anomalies  []AnomalyKind
	}{
		{"typeperf", "\r\n\"(PDH-CSV 4.0)\",\"\\\\A\\Memory\\Available MBytes\"\r\n\"03/05/2026 09:14:07.123\",\"3521.000000\"\r\n" +
			"The command completed successfully.\r\n",
			"A", noBias, []string{"3 ? 03/05 09:14:07.123 [3521]"}, []AnomalyKind{NoBias, BadLine}},
		{"tabs", "\"(PDH-TSV 4.0) (GMT)(0)\"\t\"\\\\A\\Memory\\Available MBytes\"\t\"\\\\A\\System\\Threads\"\n\"03/05/2026 09:14:07.123\"\t\"1\"\t\" \"\n",
			"A", 0, []string{"2 2026-03-05T09:14:07.1230000Z 03/05 09:14:07.123 [1 NaN]"}, nil},
		{"decimal comma", `"(PDH-CSV 4.0) (Mitteleuropäische Sommerzeit)(-120)";"\\A\Prozessor(_Total)\Prozessorzeit (%)"` + "\n" +
			`"07/05/2026 09:14:07.123";"12,5"` + "\n",
			"A", -120, []string{"2 2026-07-05T07:14:07.1230000Z 07/05 09:14:07.123 [12.5]"}, nil},
		{"decimal comma in quotes", `"(PDH-CSV 4.0) (CET)(-60)","\\A\X\Y","\\A\X\Z"` + "\n" + `"03/05/2026 09:14:07.123","12,5","7"` + "\n",
			"A", -60, []string{"2 2026-03-05T08:14:07.1230000Z 03/05 09:14:07.123 [12.5 7]"}, nil},
		{"zone in parentheses", `"(PDH-CSV 4.0) (Maroc (heure d’été))(-60)","\\A\X\Y"` + "\n" + `"03/05/2026 09:14:07.123","1"` + "\n",
			"A", -60, []string{"2 2026-03-05T08:14:07.1230000Z 03/05 09:14:07.123 [1]"}, nil},
		{"zone cut off", `"(PDH-CSV 4.0) (Maroc (heure d","\\A\X\Y"` + "\n" + `"03/05/2026 09:14:07.123","1"` + "\n",
			"A", noBias, []string{"2 ? 03/05 09:14:07.123 [1]"}, []AnomalyKind{NoBias}},
		{"impossible bias", `"(PDH-CSV 4.0) (X)(99999)","\\A\X\Y"` + "\n", "A", noBias, nil, []AnomalyKind{NoBias}},
		{"written again by a spreadsheet", "(PDH-CSV 4.0) (GMT)(0),\\\\A\\X\\Y\n3/5/2026 9:14,1\n", "A", 0,
			[]string{"2 2026-03-05T09:14:00.0000000Z 03/05 09:14:00.000 [1]"}, nil},
		{"no machine", `"(PDH-CSV 4.0) (GMT)(0)","\Memory\Available MBytes"` + "\n", "", 0, nil, nil},
		{"end of summer time", `"(PDH-CSV 4.0) (GMT Standard Time)(-60)","\\A\X\Y"` + "\n" +
			`"10/29/2017 01:59:59.562","1"` + "\n" + `"10/29/2017 01:00:14.562","2"` + "\n" + `"10/29/2017 01:00:29.563","3"` + "\n",
			"A", -60, []string{
				"2 2017-10-29T00:59:59.5620000Z 10/29 01:59:59.562 [1]",
				"3 2017-10-29T01:00:14.5620000Z 10/29 01:00:14.562 [2]",
				"4 2017-10-29T01:00:29.5630000Z 10/29 01:00:29.563 [3]",
			}, []AnomalyKind{ClockBack}},
		{"clock set", `"(PDH-CSV 4.0) (GMT)(0)","\\A\X\Y"` + "\n" + `"10/29/2017 01:59:59.562","1"` + "\n" + `"10/29/2017 01:59:58.562","2"` + "\n",
			"A", 0, []string{"2 2017-10-29T01:59:59.5620000Z 10/29 01:59:59.562 [1]", "3 2017-10-29T01:59:58.5620000Z 10/29 01:59:58.562 [2]"},
			[]AnomalyKind{ClockBack}},
		{"too few, too many, none", `"(PDH-CSV 4.0) (GMT)(0)","\\A\X\Y","\\A\X\Z"` + "\n" +
			`"10/29/2017 01:59:59.562","1"` + "\n" + `"10/29/2017 02:00:00.562","1","2","3"` + "\n" + `"10/29/2017 02:00:01.562","-1.#IND","NaN"` + "\n",
			"A", 0, []string{
				"2 2017-10-29T01:59:59.5620000Z 10/29 01:59:59.562 [1 NaN]",
				"3 2017-10-29T02:00:00.5620000Z 10/29 02:00:00.562 [1 2]",
				"4 2017-10-29T02:00:01.5620000Z 10/29 02:00:01.562 [NaN NaN]",
			}, []AnomalyKind{ShortLine, SurplusValues, BadValue}},
		{"not a day", `"(PDH-CSV 4.0) (GMT)(0)","\\A\X\Y"` + "\n" + `"13/29/2017 01:59:59.562","1"` + "\n", "A", 0, nil, []AnomalyKind{BadLine}},
		{"twice", server + server, "WEB02", -60, append(text(t, server).Samples,
			"6 2026-03-05T08:14:07.1230000Z 03/05 09:14:07.123 [NaN NaN 7.34212096e+08 0 0]",
			"7 2026-03-05T08:14:22.1190000Z 03/05 09:14:22.119 [97.48203125 8.12212224e+08 7.34212096e+08 1000 0]",
			"8 2026-03-05T08:14:37.1210000Z 03/05 09:14:37.121 [1.2345e-05 8.12212224e+08 NaN 1000 5000]"), []AnomalyKind{ClockBack}},
		{"another behind it", server + strings.ReplaceAll(server, "w3wp", "other"), "WEB02", -60, text(t, server).Samples, []AnomalyKind{OtherCounters}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := text(t, test.text)
			if !Recognise([]byte(test.text)) {
				t.Error("is not recognised")
			}
			h := got.Header
			if got.Err != nil || h.Machine != test.machine || h.HasBias != (test.bias != noBias) || h.HasBias && h.Bias != test.bias {
				t.Errorf("%+v, %v", h, got.Err)
			}
			if diff := cmp.Diff(test.samples, got.Samples); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.anomalies, got.Anomalies); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const noBias = 1 << 20

func TestCounter(t *testing.T) {
	for path, want := range map[string]Counter{
		`\\WEB02\Processor(_Total)\% Processor Time`:                  {"WEB02", "Processor", "_Total", "% Processor Time"},
		`\\WEB02\Processor(_Total)\Prozessorzeit (%)`:                 {"WEB02", "Processor", "_Total", "Prozessorzeit (%)"},
		`\\web02\LogicalDisk(C:\mount (1)\data)\% Free Space`:         {"web02", "LogicalDisk", `C:\mount (1)\data`, "% Free Space"},
		`\\WEB02\System\Processor Queue Length`:                       {"WEB02", "System", "", "Processor Queue Length"},
		`\Memory\Available MBytes`:                                    {"", "Memory", "", "Available MBytes"},
		`\\WEB02\% C2 Time`:                                           {"WEB02", "", "", "% C2 Time"},
		`\\10.0.0.5\ASP.NET Apps v4.0.30319(_LM_W3SVC_1_ROOT)\Errors`: {"10.0.0.5", "ASP.NET Apps v4.0.30319", "_LM_W3SVC_1_ROOT", "Errors"},
	} {
		got := parseCounter(path)
		if got != want || got.String() != path {
			t.Errorf("%s is %+v, and that %s", path, got, got)
		}
	}
	c := parseCounter(`\\WEB02\Processor(_Total)\% Processor Time`)
	if !c.Is("processor", "% PROCESSOR time") || c.Is("Process", "% Processor Time") || c.Is("Processor", "% User Time") {
		t.Error(c)
	}
}

func TestRecognise(t *testing.T) {
	for _, s := range []string{
		"", "\n\n", `"(PDH-BIN 4.0)"`, `"time","value"`, "PDH-CSV", "#Fields: date time", "x\n" + server,
		"Timestamp,Percentage CPU\n2026-03-05T09:14:00Z,12\n", // a metrics export of Azure
	} {
		if Recognise([]byte(s)) {
			t.Errorf("%q is recognised", s)
		}
		if _, err := NewReader(strings.NewReader(s), Options{}); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestEncodings(t *testing.T) {
	german := strings.ReplaceAll(server, "ASP.NET", "Übertragung")
	want := text(t, german)
	latin, err := charmap.Windows1252.NewEncoder().String(german)
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]string{
		"UTF-8 with mark": "\ufeff" + german,
		"Windows-1252":    latin,
		"UTF-16":          utf16(t, german, unicode.LittleEndian, unicode.UseBOM),
		"UTF-16 no mark":  utf16(t, german, unicode.LittleEndian, unicode.IgnoreBOM),
		"UTF-16 BE":       utf16(t, german, unicode.BigEndian, unicode.UseBOM),
		"UTF-16 BE bare":  utf16(t, german, unicode.BigEndian, unicode.IgnoreBOM),
	} {
		if diff := cmp.Diff(want, text(t, e)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if !Recognise([]byte(e)[:100]) {
			t.Errorf("%s is not recognised", name)
		}
	}
	cyrillic, err := charmap.Windows1251.NewEncoder().String(strings.ReplaceAll(server, "ASP.NET", "Память"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(strings.NewReader(cyrillic), Options{Charset: charmap.Windows1251})
	if err != nil || r.Header().Counters[4].Object != "Память" {
		t.Error(r, err)
	}
}

func utf16(t *testing.T, s string, order unicode.Endianness, mark unicode.BOMPolicy) string {
	t.Helper()
	e, err := unicode.UTF16(order, mark).NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Whatever is cut off, the samples before are the same, and no value is a piece of one.
func TestTruncated(t *testing.T) {
	for _, log := range []string{server, strings.ReplaceAll(server, `"`, "")} {
		whole := text(t, log)
		if len(whole.Samples) != 3 {
			t.Fatal(whole)
		}
		for n := range len(log) {
			got := text(t, log[:n])
			complete := strings.Count(log[:n], "\n") - 1
			if got.Err != nil {
				if !errors.Is(got.Err, ErrFormat) || n > 20 {
					t.Fatalf("%d bytes: %v", n, got.Err)
				}
				continue
			}
			if open := !strings.HasSuffix(log[:n], "\n"); open != slices.Contains(got.Anomalies, NoLineEnd) {
				t.Fatalf("%d bytes: %v", n, got.Anomalies)
			}
			if complete < 0 {
				continue
			}
			if len(got.Samples) < complete || len(got.Samples) > complete+1 || !slices.Equal(got.Samples[:complete], whole.Samples[:complete]) {
				t.Fatalf("%d bytes: %q", n, got.Samples)
			}
			if len(got.Samples) > complete { // of the cut line
				is, was := strings.Fields(got.Samples[complete]), strings.Fields(whole.Samples[complete])
				for i := range was {
					if is[i] != was[i] && strings.Trim(is[i], "[]") != "NaN" {
						t.Fatalf("%d bytes: %q of %q", n, is, was)
					}
				}
			}
		}
	}
}

// Damage costs the lines that it hits.
func TestMutations(t *testing.T) {
	whole := text(t, server)
	random := rand.New(rand.NewPCG(1, 2))
	first := strings.IndexByte(server, '\n') + 1
	for range 5000 {
		damaged := []byte(server)
		at := first + random.IntN(len(server)-first)
		damaged[at] = byte(random.Uint32())
		got := read(t, bytes.NewReader(damaged))
		if got.Err != nil {
			t.Fatalf("%q: %v", damaged, got.Err)
		}
		hit := strings.Count(server[first:at], "\n")
		for i, s := range whole.Samples {
			// A line end more or less moves the numbers of the lines.
			_, values, _ := strings.Cut(s, " ")
			if i != hit && i != hit+1 && !slices.ContainsFunc(got.Samples, func(s string) bool { return strings.HasSuffix(s, values) }) &&
				!slices.Contains(got.Anomalies, ClockBack) {
				t.Fatalf("%q lost %q", damaged, s)
			}
		}
	}
	for range 5000 {
		damaged := []byte(server)
		for range 1 + random.IntN(30) {
			damaged[random.IntN(len(damaged))] = byte(random.Uint32())
		}
		if got := read(t, bytes.NewReader(damaged)); got.Err != nil && !errors.Is(got.Err, ErrFormat) {
			t.Fatalf("%q: %v", damaged, got.Err)
		}
	}
}

// endless is a text of n times the same byte.
type endless struct {
	c byte
	n int64
}

func (e *endless) Read(b []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), e.n)]
	for i := range b {
		b[i] = e.c
	}
	e.n -= int64(len(b))
	return len(b), nil
}

func TestHugeLine(t *testing.T) {
	const gigabyte = 1 << 30
	lines := strings.SplitAfter(server, "\n")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := read(t, io.MultiReader(strings.NewReader(lines[0]+lines[1]), &endless{'9', gigabyte}, strings.NewReader("\n"+lines[2])))
	runtime.ReadMemStats(&after)
	if got.Err != nil || len(got.Samples) != 2 || !slices.Equal(got.Anomalies, []AnomalyKind{LongLine}) {
		t.Error(got)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 10*maxLine {
		t.Errorf("%d bytes were allocated", used)
	}
	// As a line of counters, and of values.
	got = read(t, io.MultiReader(strings.NewReader(strings.TrimSpace(lines[0])+`,"`), &endless{'x', maxLine}, strings.NewReader("\n"+lines[1])))
	if got.Err != nil || len(got.Header.Counters) != 5 || len(got.Samples) != 1 {
		t.Error(got)
	}
	got = read(t, io.MultiReader(strings.NewReader(lines[0]+strings.TrimSpace(lines[1])+","), &endless{',', 2 * maxLine}, strings.NewReader("\n"+lines[2])))
	if got.Err != nil || len(got.Samples) != 2 || !slices.Equal(got.Anomalies, []AnomalyKind{LongLine, SurplusValues}) {
		t.Error(got)
	}
	if _, err := NewReader(&endless{'\n', 64 << 20}, Options{}); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}

func TestManyCounters(t *testing.T) {
	n := maxCounters + 10
	log := `"(PDH-CSV 4.0) (GMT)(0)"` + strings.Repeat(`,"\\A\Thread(x)\ID"`, n) + "\n" + `"10/29/2017 01:59:59.562"` + strings.Repeat(`,"1"`, n) + "\n"
	got := text(t, log)
	if len(got.Header.Counters) != maxCounters || len(got.Samples) != 1 || !slices.Equal(got.Anomalies, []AnomalyKind{ManyCounters}) {
		t.Error(len(got.Header.Counters), len(got.Samples), got.Anomalies)
	}
}

func TestReadError(t *testing.T) {
	sick := errors.New("disk is sick")
	for n := range len(server) {
		got := read(t, io.MultiReader(strings.NewReader(server[:n]), iotest.ErrReader(sick)))
		if !errors.Is(got.Err, sick) {
			t.Fatalf("after %d bytes: %v", n, got.Err)
		}
	}
}

// However the bytes arrive, the samples are the same. A counter is what its own path says.
func FuzzReader(f *testing.F) {
	f.Add([]byte(server))
	f.Add([]byte("\xff\xfe\"\x00(\x00P\x00"))
	f.Add([]byte("(PDH-TSV 4.0) (Maroc (heure)(0)\t\\\\A\\X(b)\\c\n3/5/2026 9:14\t1,5\n"))
	f.Add([]byte(`"(PDH-CSV 4.0)";"\X(")\c` + "\n\"03/05/2026 09:14:07.123\";\"\";;"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got := read(t, bytes.NewReader(data))
		again := read(t, iotest.HalfReader(bytes.NewReader(data)))
		if (got.Err == nil) != (again.Err == nil) {
			t.Fatalf("%v, in other pieces %v", got.Err, again.Err)
		}
		got.Err, again.Err = nil, nil
		if diff := cmp.Diff(got, again); diff != "" {
			t.Error(diff)
		}
		for _, c := range got.Header.Counters {
			if !c.Is(c.Object, c.Name) {
				t.Errorf("%+v is not itself", c)
			}
			if c.Machine != "" && c.Object != "" && !strings.ContainsAny(c.Object+c.Name, `\()`) && parseCounter(c.String()) != c {
				t.Errorf("%s is %+v, not %+v", c, parseCounter(c.String()), c)
			}
		}
		if h := got.Header; math.Abs(float64(h.Bias)) > maxBias {
			t.Error(h)
		}
	})
}
