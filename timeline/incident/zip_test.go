package incident_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/etwhy/etwhy/decode/freb/frebtest"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
)

// archive packs members in name, content pairs.
func archive(t testing.TB, members ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		f, err := w.Create(members[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(members[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// frebFile is the n-th of many files of Failed Request Tracing.
func frebFile(t testing.TB, n int) []byte {
	t.Helper()
	b, err := frebtest.XML(fmt.Sprintf(`url http://shop.example/%[1]d
activityId {%08[1]x-0003-F600-B63F-84710C7967BB}
statusCode 500.19
date 2026-03-05
08:14:30.000 GENERAL_REQUEST_START SiteId=2 RequestURL=http://shop.example/%[1]d RequestVerb=GET
08:14:30.000 > IsapiModule 128
08:14:31.000 MODULE_SET_RESPONSE_ERROR_STATUS ModuleName=IsapiModule Notification=128 HttpStatus=500 HttpSubStatus=19 HttpReason=%[2]s ErrorCode=2147942413
08:14:31.000 < IsapiModule 128
08:14:31.000 GENERAL_REQUEST_END HttpStatus=500 HttpSubStatus=19
`, n, strings.Repeat("x", 3000)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Names in an archive say where a member is told of, never where anything is written.
func TestArchiveNames(t *testing.T) {
	inc, _ := analyzeFile(t, "case.zip", archive(t, "../../up.log", failedLog, `..\..\back.log`, failedLog+" ", "/root.log", failedLog+"  ", `LogFiles\W3SVC1\u_ex.log`, failedLog+"   "))
	got := list(inc)[1:]
	want := []string{"iis-log case.zip/up.log", "iis-log case.zip/back.log", "iis-log case.zip/root.log", "iis-log case.zip/LogFiles/W3SVC1/u_ex.log"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// A member that cannot be unpacked says why, and the others are read.
func TestArchiveMembers(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, h := range []*zip.FileHeader{
		{Name: "secret.log", Flags: 1, Method: zip.Deflate},
		{Name: "explorer.log", Method: 9},
		{Name: "wrong.log", Method: zip.Store, CRC32: 1},
		{Name: "good.log", Method: zip.Store, CRC32: crc32.ChecksumIEEE([]byte(failedLog))},
	} {
		h.CompressedSize64, h.UncompressedSize64 = uint64(len(failedLog)), uint64(len(failedLog))
		f, err := w.CreateRaw(h)
		if err == nil {
			_, err = f.Write([]byte(failedLog))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	inc, res := analyzeFile(t, "case.zip", b.Bytes())
	for i, want := range []string{"", "password", "method 9", "checksum", ""} {
		if err := inc.Inputs[i].Err; want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", inc.Inputs[i].Path, err, want)
		}
	}
	if len(res.Requests) == 0 || inc.Failed() {
		t.Errorf("%d requests, failed %v", len(res.Requests), inc.Failed())
	}
}

// A small archive that claims to hold everything costs no more than is allowed, and the files before it are read.
func TestArchiveBomb(t *testing.T) {
	bomb := archive(t, "a.log", failedLog, "bomb.log", failedLog+strings.Repeat("\x00", 32<<20), "c.log", failedLog)
	inc := incident.New(incident.Options{Unpacked: 1 << 20})
	defer inc.Close()
	inc.AddFS(fstest.MapFS{"case.zip": {Data: bomb}}, "case.zip", "case.zip")
	inc.Scan(incident.Details{})
	res := inc.Analyze(timeline.Options{})
	for i, want := range []string{"", "", "1 MB", "1 MB"} {
		if err := inc.Inputs[i].Err; want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", inc.Inputs[i].Path, err, want)
		}
	}
	if len(res.Requests) == 0 {
		t.Error("no requests")
	}
}

// What a collector packs: netsh's cabinet in an archive.
func TestArchiveOfCabinet(t *testing.T) {
	box := cabinet(t, "report.etl", string(healthy(t, 3)), "processes.txt", processList)
	inc, res := analyzeFile(t, "case.zip", archive(t, "WEB01/net.cab", string(box)))
	if len(res.Requests) != 3 || res.Requests[0].Process != "w3wp.exe" {
		t.Errorf("%q: %d requests", list(inc), len(res.Requests))
	}
}

// Thousands of members are read one by one; their bytes are not kept.
func TestArchiveOfMany(t *testing.T) {
	const files = 600
	var members []string
	for i := range files {
		members = append(members, fmt.Sprintf("FailedReqLogFiles/W3SVC2/fr%06d.xml", i+1), string(frebFile(t, i+1)))
	}
	members = append(members, "again/fr000001.xml", string(frebFile(t, 1)))
	inc := incident.New(incident.Options{
		MemoryLimit: 256 << 10,
		TempFile:    func() (incident.TempFile, error) { return nil, errors.New("no room in memory") },
	})
	defer inc.Close()
	inc.AddFS(fstest.MapFS{"case.zip": {Data: archive(t, members...)}}, "case.zip", "case.zip")
	inc.Scan(incident.Details{})
	copies := 0
	for _, in := range inc.Inputs {
		if in.Err != nil {
			t.Fatalf("%s: %v", in.Path, in.Err)
		}
		if in.DuplicateOf != "" {
			copies++
		}
	}
	if res := inc.Analyze(timeline.Options{}); len(res.Requests) != files || copies != 1 {
		t.Errorf("%d requests of %d files, %d copies", len(res.Requests), files, copies)
	}
}
