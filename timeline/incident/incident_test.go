package incident_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/etwhy/etwhy/cab/cabtest"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/etl/etltest"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
)

// healthy is a log of n requests of PID 1432, without the name of that process.
func healthy(t testing.TB, n int) []byte {
	trace := &etltest.Trace{}
	for i := range n {
		events, err := etltest.Healthy(i)
		if err != nil {
			t.Fatal(err)
		}
		trace.Events = append(trace.Events, events...)
	}
	b, err := trace.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const processList = "\r\nImage Name                     PID Services\r\n" +
	"========================= ======== ============================================\r\n" +
	"System Idle Process              0 N/A\r\n" +
	"w3wp.exe                      1432 N/A\r\n"

// cabinet packs members in name, content pairs.
func cabinet(t testing.TB, members ...string) []byte {
	var files []cabtest.File
	for i := 0; i < len(members); i += 2 {
		files = append(files, cabtest.File{Name: members[i], Data: []byte(members[i+1])})
	}
	var b bytes.Buffer
	err := cabtest.Write(&b, cabtest.Cabinet{Folders: []cabtest.Folder{{Method: cabtest.MSZIP, Files: files}}})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t testing.TB, b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// list describes the inputs, one line each.
func list(inc *incident.Incident) []string {
	var lines []string
	for _, in := range inc.Inputs {
		line := string(in.Kind) + " " + in.Path
		if in.DuplicateOf != "" {
			line += " = " + in.DuplicateOf
		}
		if in.Err != nil {
			line += " error"
		}
		lines = append(lines, line)
	}
	return lines
}

func TestFolder(t *testing.T) {
	log := healthy(t, 3)
	fsys := fstest.MapFS{
		"net.etl":         {Data: log},
		"net.cab":         {Data: cabinet(t, "report.etl", string(log), "processes.txt", processList, "osinfo.txt", "Windows")},
		"sub/packed.etl":  {Data: zipped(t, healthy(t, 2))},
		"sub/notes.txt":   {Data: []byte("call at noon")},
		"sub/pointer.etl": {Data: []byte("version https://git-lfs.github.com/spec/v1\n")},
	}
	inc := incident.New(incident.Options{})
	defer inc.Close()
	inc.AddFS(fsys, ".", "case")
	inc.Scan(incident.Details{Undecoded: true, Hashes: true})
	want := []string{
		"cab case/net.cab",
		"etl case/net.cab/report.etl = case/net.etl",
		"netsh-text case/net.cab/processes.txt",
		"other case/net.cab/osinfo.txt",
		"etl case/net.etl",
		"other case/sub/notes.txt",
		"etl case/sub/packed.etl",
		"other case/sub/pointer.etl",
	}
	if got := list(inc); !slices.Equal(got, want) {
		t.Errorf("inputs\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if inc.Failed() {
		t.Error("a file that nobody named counts as failed")
	}
	res := inc.Analyze(timeline.Options{})
	if len(res.Requests) != 5 {
		t.Fatalf("%d requests, want 3 and 2: the copy in the cabinet counts once", len(res.Requests))
	}
	for _, r := range res.Requests {
		if path := inc.Inputs[r.Input].Path; path == "case/net.etl" && r.Process != "w3wp.exe" {
			t.Errorf("process %q of a request in %s, want the name that the cabinet beside it has", r.Process, path)
		}
	}
}

func TestNamed(t *testing.T) {
	fsys := fstest.MapFS{
		"notes.txt": {Data: []byte("call at noon")},
		"cut.etl":   {Data: healthy(t, 1)[:100]},
		"good.etl":  {Data: healthy(t, 1)},
	}
	for _, tt := range []struct {
		name   string
		failed bool
		is     error
	}{
		{"notes.txt", true, incident.ErrUnknown},
		{"cut.etl", true, etl.ErrFormat},
		{"missing.etl", true, os.ErrNotExist},
		{"good.etl", false, nil},
	} {
		inc := incident.New(incident.Options{})
		inc.AddFS(fsys, tt.name, tt.name)
		if got := inc.Failed(); got != tt.failed {
			t.Errorf("%s: failed %v", tt.name, got)
		}
		if err := inc.Inputs[0].Err; !errors.Is(err, tt.is) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.is)
		}
		inc.Close()
	}
}

// TestGzip: gzip is unpacked only as far as it takes to see that it is of use, and only once.
func TestGzip(t *testing.T) {
	spooled := 0
	inc := incident.New(incident.Options{MemoryLimit: 1 << 20, TempFile: func() (incident.TempFile, error) {
		spooled++
		return nil, errors.New("no room")
	}})
	defer inc.Close()
	log := healthy(t, 2)
	fsys := fstest.MapFS{
		"bomb.etl":  {Data: zipped(t, make([]byte, 64<<20))},
		"twice.etl": {Data: zipped(t, zipped(t, log))},
		"once.etl":  {Data: zipped(t, log)},
		"cut.etl":   {Data: zipped(t, log)[:1000]},
	}
	inc.AddFS(fsys, ".", "case")
	want := []string{"other case/bomb.etl", "etl case/cut.etl error", "etl case/once.etl", "other case/twice.etl"}
	if got := list(inc); !slices.Equal(got, want) || spooled > 0 {
		t.Errorf("inputs %q, %d spooled", got, spooled)
	}
}

// TestLinks: a link to a file is read as that file, a link to a folder is named and left.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/real", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/real/net.etl", healthy(t, 1), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir+"/case", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink("../real/net.etl", dir+"/case/a.etl"), os.Symlink("../real", dir+"/case/b")); err != nil {
		t.Skip(err)
	}
	inc := incident.New(incident.Options{})
	defer inc.Close()
	inc.AddFS(os.DirFS(dir+"/case"), ".", "case")
	if got, want := list(inc), []string{"etl case/a.etl", "other case/b error"}; !slices.Equal(got, want) || inc.Failed() {
		t.Errorf("inputs %q, want %q; failed %v", got, want, inc.Failed())
	}
}

// A file that counts whether it was closed.
type tempFile struct {
	bytes.Buffer
	closed *int
}

func (f *tempFile) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(f.Bytes()).ReadAt(p, off)
}

func (f *tempFile) Close() error { *f.closed++; return nil }

// TestSpool: input that cannot be read in place goes to a temporary file beyond the limit, which is gone afterwards.
func TestSpool(t *testing.T) {
	log := healthy(t, 5)
	opened, closed := 0, 0
	inc := incident.New(incident.Options{
		MemoryLimit: 1000,
		TempFile: func() (incident.TempFile, error) {
			opened++
			return &tempFile{closed: &closed}, nil
		},
	})
	inc.AddReader(io.MultiReader(bytes.NewReader(log)), "-")
	inc.Scan(incident.Details{})
	if n := len(inc.Analyze(timeline.Options{}).Requests); n != 5 || opened != 1 || closed != 0 {
		t.Errorf("%d requests, %d files opened, %d closed; want 5, 1, 0", n, opened, closed)
	}
	inc.Close()
	if closed != 1 {
		t.Errorf("%d files closed, want 1", closed)
	}
	inc = incident.New(incident.Options{MemoryLimit: 1000})
	defer inc.Close()
	inc.AddReader(bytes.NewReader(log), "-")
	if !inc.Failed() {
		t.Error("input beyond the limit is accepted without a place to keep it")
	}
}

// TestEvents: the events of several logs come by time, each once, without the log's own records.
func TestEvents(t *testing.T) {
	compile := func(text string) *fstest.MapFile {
		b, err := etltest.Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		return &fstest.MapFile{Data: b}
	}
	fsys := fstest.MapFS{
		"a.etl": compile("log start=2026-03-02T12:00:00Z\n+1 cpu0 1:1 WebIO/30 ApiHandle=1\n+3 cpu0 1:1 WebIO/30 ApiHandle=3\n"),
		"b.etl": compile("log start=2026-03-02T12:00:01Z\n+1 cpu0 1:1 WebIO/30 ApiHandle=2\n+3 cpu0 1:1 WebIO/30 ApiHandle=4\n"),
	}
	inc := incident.New(incident.Options{})
	defer inc.Close()
	inc.AddFS(fsys, ".", "case")
	inc.Scan(incident.Details{})
	var got []uint64
	for ev := range inc.Events(nil) {
		got = append(got, ev.Get("ApiHandle").Uint())
	}
	if want := []uint64{1, 2, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

// TestEventRequests: each event names the request that it belongs to, by the id that Analyze gave.
func TestEventRequests(t *testing.T) {
	fsys := fstest.MapFS{"a.etl": {Data: healthy(t, 3)}, "b.etl": {Data: healthy(t, 2)}}
	inc := incident.New(incident.Options{})
	defer inc.Close()
	inc.AddFS(fsys, ".", "case")
	inc.Scan(incident.Details{})
	res := inc.Analyze(timeline.Options{})
	brief := inc.Analyze(timeline.Options{Brief: true})
	if len(brief.Requests) != 0 {
		t.Errorf("%d requests in a brief result", len(brief.Requests))
	}
	urls := map[string]string{}
	for _, r := range res.Requests {
		urls[r.ID] = r.URL
	}
	seen := map[string]int{}
	for ev := range inc.Events(brief) {
		if ev.Request == "" {
			continue
		}
		seen[ev.Request]++
		if uri := ev.Get("URI"); uri.OK() && uri.Text() != urls[ev.Request] {
			t.Errorf("%s is %s, its event 17 says %s", ev.Request, urls[ev.Request], uri.Text())
		}
	}
	if len(seen) != 5 {
		t.Errorf("events of %d requests, want 5", len(seen))
	}
	for id, n := range seen {
		if n < 20 {
			t.Errorf("%d events of %s, a healthy request has more", n, id)
		}
	}
}

// analyze returns the requests of one log, and its input.
func analyze(t *testing.T, log []byte) ([]*timeline.Request, *incident.Input) {
	t.Helper()
	inc := incident.New(incident.Options{Budget: 4 << 20})
	defer inc.Close()
	inc.AddFS(fstest.MapFS{"net.etl": {Data: log}}, "net.etl", "net.etl")
	inc.Scan(incident.Details{Undecoded: true, Hashes: true})
	return inc.Analyze(timeline.Options{}).Requests, inc.Inputs[0]
}

// TestDamagedLog: of a log that is cut off or damaged, the requests before the damage appear.
func TestDamagedLog(t *testing.T) {
	trace := &etltest.Trace{Log: etltest.Log{BufferSize: 4096}}
	const requests = 40
	for i := range requests {
		events, err := etltest.Healthy(i)
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			ev.At += time.Duration(i) * 20 * time.Millisecond
			trace.Events = append(trace.Events, ev)
		}
	}
	log, err := trace.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	finished := func(rs []*timeline.Request) (n int) {
		for _, r := range rs {
			if r.Outcome == timeline.OK && r.Status == 200 {
				n++
			}
		}
		return n
	}
	last := 0
	for n := len(log) / 8; n < len(log); n += 1001 {
		rs, in := analyze(t, log[:n])
		got := finished(rs)
		if got < last {
			t.Fatalf("%d requests in %d bytes, %d in fewer", got, n, last)
		}
		if last = got; len(in.Anomalies) == 0 && n%4096 != 0 {
			t.Errorf("%d bytes: no anomaly", n)
		}
	}
	if last < requests*3/4 {
		t.Errorf("%d of %d requests before the last cut", last, requests)
	}
	spans := etltest.Buffers(log)
	middle := spans[len(spans)/2]
	rs, in := analyze(t, etltest.SetField(log, middle, etltest.BufferSize, 0))
	if n := finished(rs); n < requests/2 || n == requests || len(in.Anomalies) == 0 {
		t.Errorf("a buffer lost: %d requests, anomalies %v", n, in.Anomalies)
	}
}

// TestHostileMetadata: descriptions of events that go too deep, or in circles, cost their events and nothing else.
func TestHostileMetadata(t *testing.T) {
	log, err := etltest.DeepStructs(1000)
	if err != nil {
		t.Fatal(err)
	}
	_, in := analyze(t, log)
	if in.Err != nil || len(in.Anomalies) > 0 || in.Undecoded == nil || *in.Undecoded == 0 {
		t.Errorf("%v, %v, undecoded %v", in.Err, in.Anomalies, in.Undecoded)
	}
}
