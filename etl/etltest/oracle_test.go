package etltest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// readers is where independent readers in Python lie beside the repository, if at all.
const readers = "../../../shared/tools"

// scanScript prints what these readers find in a log.
const scanScript = `
import json, sys
sys.path.insert(0, sys.argv[1])
import etlscan, etlmeta, tlg
path = sys.argv[2]
r = dict(etlscan.scan(path))
r["infos"], r["tlg"], r["data"], r["order"] = [], [], [], []
for e in etlmeta.events(path):
    r["order"].append(e["cpu"])
    if e["kind"] == "classic" and e["guid"] == etlmeta.META and e["op"] == 32: r["infos"].append(etlmeta.tei(e["data"]))
    if e["kind"] == "ev":
        r["data"].append(e["data"].hex())
        x = dict(e["ext"])
        if 11 in x:
            name, tag, fields, whole = tlg.meta(x[11])
            values, end = tlg.top(fields, e["data"])
            r["tlg"].append(dict(name=name, tag=tag, fields=len(fields), whole=whole, left=len(e["data"]) - end, values=str(values)))
json.dump(r, sys.stdout, default=str)
`

type scanned struct {
	Header struct {
		BufSize, Build, NCPU, Buffers, Ptr, EvLost, BufLost int
		MHz, Freq, Clock, Bias                              int64
		Version                                             string `json:"ver"`
		Startt, Endt, TZ                                    string
		LoggerName                                          string `json:"logger"`
		EndOfStrings                                        int    `json:"end_of_strings"`
		EvSize                                              int
		Is64                                                bool
	}
	Buffers, Events int
	HdrTypes        map[string]int
	EvFlags, MsgOpt map[string]int
	BufFlags        map[string]int
	BufTypes        map[string]int
	Ext             map[string]int
	OutOfOrder      int  `json:"ooo_within_cpu"`
	Sorted          bool `json:"seq_sorted_per_cpu"`
	Pad             map[string]int
	Anomalies       map[string]int
	First, Last     string
	TopProv         [][2]any
	Infos           []struct {
		Prov, Provname, Taskn, Msg string
		ID, Ver, Lvl, Op, Src      int
		Np, Nt                     int
		Props                      []map[string]any
	}
	TLG []struct {
		Name, Values      string
		Tag, Fields, Left int
		Whole             bool
	}
	Data  []string
	Order []int
}

// scan reads a log with the independent readers; without them it skips the test.
func scan(t *testing.T, log []byte) scanned {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	if _, err := os.Stat(filepath.Join(readers, "etlscan.py")); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no independent readers in ", readers)
	}
	name := filepath.Join(t.TempDir(), "t.etl")
	if err := os.WriteFile(name, log, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-B", "-c", scanScript, readers, name)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var s scanned
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func compile(t *testing.T, text string) []byte {
	t.Helper()
	log, err := Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func mustParse(t *testing.T, text string) *Trace {
	t.Helper()
	trace, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

// TestScan writes the same events in every form of a log and has them read back.
func TestScan(t *testing.T) {
	text, err := os.ReadFile("testdata/kinds.txt")
	if err != nil {
		t.Fatal(err)
	}
	const (
		freq  = 3_117_777
		first = "2026-03-02T12:31:52.900000Z"
		last  = "2026-03-02T12:31:53.800000Z"
	)
	narrow := map[string]int{"SYSTEM32": 4, "PERFINFO32": 2, "EVENT32": 13, "COMPACT32": 1, "FULL32": 5, "INSTANCE32": 1, "MESSAGE 90/00": 2}
	wide := map[string]int{"SYSTEM64": 4, "PERFINFO64": 2, "EVENT64": 12, "EVENT32": 1, "COMPACT64": 1, "FULL64": 5, "INSTANCE64": 1, "MESSAGE 90/00": 2}
	for _, test := range []struct {
		name        string
		change      func(l *Log)
		types       map[string]int
		clock       int64
		version     string
		inaccuracy  time.Duration // of the clock
		bufferFlags map[string]int
	}{
		{name: "plain", change: func(l *Log) {}, bufferFlags: map[string]int{"FLUSH_MARKER|PROC_INDEX": 3}},
		{name: "slow clock", change: func(l *Log) { l.Freq = freq }, inaccuracy: time.Second / freq},
		{name: "fast clock", change: func(l *Log) { l.Freq = 1e9 }},
		{name: "system time", change: func(l *Log) { l.Clock = SystemTime }, clock: 2},
		{name: "cycles", change: func(l *Log) { l.Clock, l.MHz = Cycles, 3592 }, clock: 3, inaccuracy: time.Microsecond}, // the reader computes with floats
		{name: "32 bits", change: func(l *Log) { l.Bits = 32 }, types: narrow},
		{name: "xpress", change: func(l *Log) { l.Compress = Xpress }, version: "10.0.2.0",
			bufferFlags: map[string]int{"FLUSH_MARKER": 1, "FLUSH_MARKER|PROC_INDEX|COMPRESSED": 2}},
		{name: "xpress, 32 bits, system time", change: func(l *Log) { l.Compress, l.Bits, l.Clock = Xpress, 32, SystemTime }, types: narrow, clock: 2, version: "10.0.2.0"},
		{name: "lznt1", change: func(l *Log) { l.Compress = LZNT1 }, version: "10.0.2.0"},
		{name: "Windows 7", change: func(l *Log) { l.Build = 7601 }, version: "6.1.1.5", bufferFlags: map[string]int{"FLUSH_MARKER": 3}},
		{name: "Vista", change: func(l *Log) { l.Build = 6002 }, version: "6.0.1.4"},
		{name: "Windows 11", change: func(l *Log) { l.Build = 26100 }},
		{name: "16 MiB buffers", change: func(l *Log) { l.BufferSize = 16 << 20 }, version: "10.0.2.0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			trace := mustParse(t, string(text))
			trace.Log.BufferSize = 65536
			test.change(&trace.Log)
			log, err := trace.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			s := scan(t, log)
			if test.types == nil {
				test.types = wide
			}
			if test.clock == 0 {
				test.clock = 1
			}
			if test.version == "" {
				test.version = "10.0.1.5"
			}
			if len(s.Anomalies) > 0 || s.OutOfOrder > 0 || !s.Sorted {
				t.Errorf("anomalies %v, %d records out of order, sequence sorted %v", s.Anomalies, s.OutOfOrder, s.Sorted)
			}
			if !reflect.DeepEqual(s.HdrTypes, test.types) {
				t.Errorf("records %v, want %v", s.HdrTypes, test.types)
			}
			if test.bufferFlags != nil && !reflect.DeepEqual(s.BufFlags, test.bufferFlags) {
				t.Errorf("buffer flags %v, want %v", s.BufFlags, test.bufferFlags)
			}
			if want := map[string]int{"HEADER": 1, "GENERIC": 2}; !reflect.DeepEqual(s.BufTypes, want) {
				t.Errorf("buffer types %v, want %v", s.BufTypes, want)
			}
			if s.Pad["ff"] == 0 || len(s.Pad) > 1 {
				t.Errorf("padding %v, want ff", s.Pad)
			}
			h := s.Header
			l := trace.Log.withDefaults(0, 0)
			if h.EvLost != 3 || h.BufLost != 1 || h.Bias != -60 || h.LoggerName != "kinds" || h.Startt != first || h.Endt != last ||
				h.Clock != test.clock || h.Version != test.version || h.Ptr != l.Bits/8 || h.Is64 != (l.Bits == 64) ||
				h.Freq != l.Freq || h.MHz != int64(l.MHz) || h.Build != int(l.Build) || h.NCPU != 2 || h.Buffers != 3 ||
				h.BufSize != l.BufferSize || h.TZ != l.TimeZone || h.EndOfStrings != h.EvSize {
				t.Errorf("header %+v, want that of %+v", h, l)
			}
			for _, moment := range [][2]string{{s.First, first}, {s.Last, last}} {
				got, err1 := time.Parse(time.RFC3339, moment[0])
				want, err2 := time.Parse(time.RFC3339, moment[1])
				if err := errors.Join(err1, err2); err != nil {
					t.Fatal(err)
				}
				if d := got.Sub(want); d < 0 && -d > test.inaccuracy || d > test.inaccuracy {
					t.Errorf("event at %s, want %s", moment[0], moment[1])
				}
			}
			for _, tl := range s.TLG {
				if tl.Name != "Started" || !tl.Whole || tl.Left != 0 || tl.Tag != 0x123 || tl.Fields != 10 ||
					!strings.Contains(tl.Values, `('Name', 'a b'), ('S', [('A', b'\xff'), ('B', b'\x01\x02')]), ('L', [b'\x01\x00', b'\x02\x00', b'\x03\x00'])`) {
					t.Errorf("TraceLogging event %+v", tl)
				}
			}
			if len(s.TLG) != 1 || s.MsgOpt["0xaa"] != 1 || s.MsgOpt["0x63"] != 1 {
				t.Errorf("%d TraceLogging events, messages %v", len(s.TLG), s.MsgOpt)
			}
		})
	}
}

// TestScanMetadata has the descriptions of two events read back.
func TestScanMetadata(t *testing.T) {
	s := scan(t, compile(t, `
provider My-Provider {11111111-2222-3333-4444-555555555555}
embed WebIO/204
embed My-Provider/1v3 level=2 opcode=7 message="A is %1" taskname=Work A:UInt32<Dir> N:UInt16 L:UnicodeString(N) S:Struct[2]={K:UInt8 V:Binary(K)} F:GUID[3]
`))
	if len(s.Infos) != 2 {
		t.Fatalf("%d descriptions", len(s.Infos))
	}
	web, my := s.Infos[0], s.Infos[1]
	if web.Provname != "Microsoft-Windows-WebIO" || web.ID != 204 || web.Np != 4 || web.Props[2]["map"] != "TCPCloseReasonType" || web.Props[3]["it"] != 8.0 {
		t.Errorf("WebIO/204: %+v", web)
	}
	if my.Prov != "11111111-2222-3333-4444-555555555555" || my.Provname != "My-Provider" || my.ID != 1 || my.Ver != 3 || my.Lvl != 2 ||
		my.Op != 7 || my.Msg != "A is %1" || my.Taskn != "Work" || my.Np != 7 || my.Nt != 5 {
		t.Errorf("My-Provider/1: %+v", my)
	}
	for i, want := range []map[string]any{
		{"flags": 0.0, "name": "A", "it": 8.0, "ot": 8.0, "map": "Dir", "count": 1.0, "len": 4.0, "tag": 0.0},
		{"flags": 0.0, "name": "N", "it": 6.0, "ot": 6.0, "map": nil, "count": 1.0, "len": 2.0, "tag": 0.0},
		{"flags": 2.0, "name": "L", "it": 1.0, "ot": 1.0, "map": nil, "count": 1.0, "len": 1.0, "tag": 0.0},
		{"flags": 33.0, "name": "S", "it": 5.0, "ot": 2.0, "map": 0.0, "count": 2.0, "len": 0.0, "tag": 0.0},
		{"flags": 32.0, "name": "F", "it": 15.0, "ot": 14.0, "map": nil, "count": 3.0, "len": 16.0, "tag": 0.0},
		{"flags": 0.0, "name": "K", "it": 4.0, "ot": 4.0, "map": nil, "count": 1.0, "len": 1.0, "tag": 0.0},
		{"flags": 2.0, "name": "V", "it": 14.0, "ot": 15.0, "map": nil, "count": 1.0, "len": 5.0, "tag": 0.0},
	} {
		if !reflect.DeepEqual(my.Props[i], want) {
			t.Errorf("property %d: %v, want %v", i, my.Props[i], want)
		}
	}
}

// TestScanBuffers spreads many events over CPUs and small buffers.
func TestScanBuffers(t *testing.T) {
	trace := Trace{Log: Log{BufferSize: 2048, CPUs: 300, Open: true, Sequence: 908}}
	const events = 500
	for i := range events {
		trace.Events = append(trace.Events, Event{
			At: time.Duration(events-i) * time.Millisecond, CPU: i % 3 * 130, PID: 1432, TID: uint32(i),
			Provider: NameGUID("Mine"), ID: 5, Fields: []Field{{"N", "UInt32", "7"}},
		})
	}
	log, err := trace.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	s := scan(t, log)
	spans := Buffers(log)
	if len(s.Anomalies) > 0 || s.OutOfOrder > 0 || !s.Sorted || s.Events != events+1 || s.Buffers != len(spans) {
		t.Errorf("anomalies %v, %d out of order, sorted %v, %d records in %d buffers", s.Anomalies, s.OutOfOrder, s.Sorted, s.Events, s.Buffers)
	}
	if s.Header.Buffers != 0 || s.Header.Endt != "1601-01-01T00:00:00Z" || s.Header.NCPU != 300 || s.Header.Version != "10.0.2.0" {
		t.Errorf("header of an open log: %+v", s.Header)
	}
	cpus := map[int]int{}
	for _, cpu := range s.Order[1:] {
		cpus[cpu]++
	}
	if want := map[int]int{0: 167, 130: 167, 260: 166}; !reflect.DeepEqual(cpus, want) {
		t.Errorf("events by CPU %v, want %v", cpus, want)
	}
	for i, span := range spans[1:] {
		if span.Sequence != int64(908+i) {
			t.Errorf("buffer %d has sequence number %d", i+1, span.Sequence)
		}
	}
}

// TestScanGenerate has a generated log read back.
func TestScanGenerate(t *testing.T) {
	for _, c := range []Compression{Plain, Xpress} {
		log, records := generate(t, Log{Compress: c, CPUs: 3}, 2<<20)
		s := scan(t, log)
		if len(s.Anomalies) > 0 || s.OutOfOrder > 0 || !s.Sorted || int64(s.Events) != records || s.Header.Buffers != s.Buffers {
			t.Errorf("%s: anomalies %v, %d out of order, sorted %v, %d records of %d, %d buffers of %d", compressionWords[c],
				s.Anomalies, s.OutOfOrder, s.Sorted, s.Events, records, s.Buffers, s.Header.Buffers)
		}
		if s.Last >= s.Header.Endt || s.First != s.Header.Startt {
			t.Errorf("%s: from %s to %s, but the header says %s to %s", compressionWords[c], s.First, s.Last, s.Header.Startt, s.Header.Endt)
		}
		if mean := float64(len(log)-2*65536) / float64(s.Events); c == Plain && math.Abs(mean-136) > 1 {
			t.Errorf("%.1f bytes per record", mean)
		}
	}
}
