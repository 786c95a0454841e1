package incident_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/text/encoding/unicode"

	"github.com/etwhy/etwhy/decode/eventlog/eventlogtest"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
)

// samples are a sound file of each kind, by name.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	events, err := eventlogtest.XML("computer WEB02\nchannel System\n2026-03-05T08:14:07Z Microsoft-Windows-WAS 5002 warning AppPoolID=Shop\n")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{
		"net.etl":       healthy(t, 2),
		"net.cab":       cabinet(t, "report.etl", string(healthy(t, 3)), "processes.txt", processList),
		"case.zip":      archive(t, "fr000009.xml", string(frebFile(t, 9))),
		"net.xml":       convert(t, healthy(t, 4), dumpers["xml"]),
		"net.csv":       convert(t, healthy(t, 5), dumpers["csv"]),
		"fr000001.xml":  frebFile(t, 1),
		"System.xml":    events,
		"u_ex.log":      []byte(failedLog),
		"httperr1.log":  bytes.Repeat([]byte("2026-03-05 08:14:09 10.0.0.8 55210 10.0.0.12 80 HTTP/1.1 GET /orders 503 2 AppOffline Shop\r\n"), 4),
		"perf.csv":      []byte("\"(PDH-CSV 4.0) (UTC)(0)\",\"\\\\WEB02\\Processor(_Total)\\% Processor Time\"\r\n\"03/05/2026 08:14:15.000\",\"99\"\r\n"),
		"web.config":    []byte("<?xml version=\"1.0\"?>\r\n<configuration><system.webServer><handlers><add name=\"a\" path=\"*\" modules=\"AspNetCoreModuleV2\" /></handlers></system.webServer></configuration>\r\n"),
		"processes.txt": []byte(processList),
	}
	return files
}

// Whatever has become of a file, the ones beside it are used, and nothing fails that nobody named.
func TestDamagedFiles(t *testing.T) {
	files := samples(t)
	wide := func(b []byte) []byte {
		b, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes(b)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	r := rand.New(rand.NewPCG(3, 4))
	damages := map[string]func(b []byte) []byte{
		"whole":  slices.Clone[[]byte],
		"empty":  func([]byte) []byte { return nil },
		"half":   func(b []byte) []byte { return b[:len(b)/2] },
		"a bit":  func(b []byte) []byte { return b[:len(b)*9/10] },
		"utf-16": wide,
		"deep":   func(b []byte) []byte { return append(b[:len(b)/2:len(b)/2], strings.Repeat("<a>", 100_000)...) },
		"mutated": func(b []byte) []byte {
			b = slices.Clone(b)
			for range 1 + len(b)/200 {
				b[r.IntN(len(b))] = byte(r.IntN(256))
			}
			return b
		},
	}
	good := frebFile(t, 77)
	for what, damage := range damages {
		all := fstest.MapFS{"good/fr000077.xml": {Data: good}}
		for name, data := range files {
			all["bad/"+name] = &fstest.MapFile{Data: damage(data)}
		}
		inc, res := analyzeFolder(t, all)
		if !slices.ContainsFunc(res.Requests, func(r *timeline.Request) bool { return r.URL == "http://shop.example/77" && r.Status == 500 }) {
			t.Errorf("%s: the sound file is not used: %d requests", what, len(res.Requests))
		}
		if inc.Failed() {
			t.Errorf("%s: failed, and nothing was named", what)
		}
		for _, in := range inc.Inputs {
			if what == "whole" && (in.Err != nil || len(in.Damage) > 0 || len(in.Anomalies) > 0) {
				t.Errorf("%s: %v %v %v", in.Path, in.Err, in.Damage, in.Anomalies)
			}
			for _, d := range in.Damage {
				if d.Kind == "" || d.Detail == "" {
					t.Errorf("%s: %s: damage without a name: %+v", what, in.Path, d)
				}
			}
		}
	}
}

// A cut file that was named says so.
func TestCutIsTold(t *testing.T) {
	for name, data := range samples(t) {
		if name == "u_ex.log" || name == "httperr1.log" || name == "processes.txt" || name == "perf.csv" || name == "net.csv" {
			continue // a text without an end mark may end anywhere
		}
		inc, _ := analyzeFile(t, name, data[:len(data)*3/4])
		if !slices.ContainsFunc(inc.Inputs, func(in *incident.Input) bool { return in.Err != nil || len(in.Damage) > 0 || len(in.Anomalies) > 0 }) {
			t.Errorf("%s: nothing tells that it is cut", name)
		}
	}
}

// A slab is a file that begins like another and goes on for ever with one byte.
type slab struct {
	head []byte
	fill byte
	size int64
	at   int64
}

func (s *slab) ReadAt(b []byte, off int64) (int, error) {
	n := int(min(int64(len(b)), s.size-off))
	if n <= 0 {
		return 0, io.EOF
	}
	k := 0
	if off < int64(len(s.head)) {
		k = copy(b[:n], s.head[off:])
	}
	if k < n {
		b[k] = s.fill
		for m := k + 1; m < n; m += copy(b[m:n], b[k:m]) {
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (s *slab) Read(b []byte) (int, error) {
	n, err := s.ReadAt(b, s.at)
	s.at += int64(n)
	return n, err
}
func (s *slab) Close() error               { return nil }
func (s *slab) Stat() (fs.FileInfo, error) { return s, nil }
func (s *slab) Name() string               { return "slab" }
func (s *slab) Size() int64                { return s.size }
func (s *slab) Mode() fs.FileMode          { return 0o444 }
func (s *slab) ModTime() time.Time         { return time.Time{} }
func (s *slab) IsDir() bool                { return false }
func (s *slab) Sys() any                   { return nil }

// A line of a gigabyte is passed over, in any text.
func TestLongLine(t *testing.T) {
	if testing.Short() {
		t.Skip("reads gigabytes")
	}
	for name, data := range samples(t) {
		if name == "net.etl" || name == "net.cab" || name == "case.zip" {
			continue
		}
		const size = 1 << 30
		inc := incident.New(incident.Options{})
		inc.AddFile(&slab{head: data[:len(data)*3/4], fill: 'a', size: size}, name)
		inc.AddFS(fstest.MapFS{"fr000077.xml": {Data: frebFile(t, 77)}}, ".", "good")
		inc.Scan(incident.Details{})
		res := inc.Analyze(timeline.Options{})
		if !slices.ContainsFunc(res.Requests, func(r *timeline.Request) bool { return r.URL == "http://shop.example/77" }) {
			t.Errorf("%s: the other file is not used", name)
		}
		if in := inc.Inputs[0]; in.Err == nil && len(in.Damage) == 0 {
			t.Errorf("%s: nothing is told of the line", name)
		}
		if err := inc.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A counting file system knows how many of its files are open.
type counting struct {
	fs.FS
	open, most *atomic.Int32
}

type counted struct {
	fs.File
	io.ReaderAt
	of counting
}

func (c counting) Open(name string) (fs.File, error) {
	f, err := c.FS.Open(name)
	if err != nil {
		return nil, err
	}
	r, ok := f.(io.ReaderAt)
	if !ok {
		return f, nil // a folder
	}
	if n := c.open.Add(1); n > c.most.Load() {
		c.most.Store(n)
	}
	return counted{f, r, c}, nil
}

func (c counted) Close() error {
	c.of.open.Add(-1)
	return c.File.Close()
}

// Thousands of files are not open at the same time.
func TestFewOpen(t *testing.T) {
	files := fstest.MapFS{}
	for i := range 2000 {
		files[fmt.Sprintf("W3SVC2/fr%06d.xml", i+1)] = &fstest.MapFile{Data: frebFile(t, i+1)}
	}
	for i := range 50 {
		files[fmt.Sprintf("LogFiles/u_ex26%04d.log", i+101)] = &fstest.MapFile{Data: bytes.ReplaceAll([]byte(failedLog), []byte("2026-03-05"), fmt.Appendf(nil, "2026-04-%02d", i%28+1))}
		files[fmt.Sprintf("other/notes%d.txt", i)] = &fstest.MapFile{Data: []byte("notes")}
	}
	fsys := counting{files, new(atomic.Int32), new(atomic.Int32)}
	inc := incident.New(incident.Options{})
	inc.AddFS(fsys, ".", "case")
	inc.Scan(incident.Details{})
	res := inc.Analyze(timeline.Options{})
	if len(res.Requests) < 2000 {
		t.Errorf("%d requests", len(res.Requests))
	}
	if n := fsys.most.Load(); n > 16 {
		t.Errorf("%d files open at a time", n)
	}
	if err := inc.Close(); err != nil {
		t.Error(err)
	}
	if n := fsys.open.Load(); n != 0 {
		t.Errorf("%d files are left open", n)
	}
}

// Files that nobody may read are told, and the others are used.
func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may read everything")
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/a.log", []byte(failedLog), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/b.log", []byte(failedLog), 0o644); err != nil {
		t.Fatal(err)
	}
	inc := incident.New(incident.Options{})
	defer inc.Close()
	inc.AddFS(os.DirFS(dir), ".", "case")
	inc.Scan(incident.Details{})
	if res := inc.Analyze(timeline.Options{}); len(res.Requests) != 1 || inc.Inputs[0].Err == nil {
		t.Errorf("%d requests, %v", len(res.Requests), inc.Inputs[0].Err)
	}
}
