package eventlogtest_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/decode/eventlog/eventlogtest"
)

// hostile are values that try to be something else.
const hostile = `
computer "WEB<02>&amp;'\" "
channel "Sys\u202etem"
user S-1-5-21-4294967295-0-1103
2026-03-05T09:14:07.1234567Z "Провайдер 😀" 65535 always a="</Data></EventData>" b="]]><!--" c="\r\n\t x " d="" "" "\u202e\ufeff%1 %%2"
user none
1999-12-31T23:59:59.9999999Z @4294967295 "\"'><x/>" 0 verbose
2026-03-05T09:14:07Z x 1 critical a="😀" a=two a="=" _="` + "\xff" + `"
`

// compile writes text with both writers.
func compile(t testing.TB, text string) (xml, evtx []byte) {
	t.Helper()
	xml, err := eventlogtest.XML(text)
	if err != nil {
		t.Fatal(err)
	}
	if evtx, err = eventlogtest.EVTX(text); err != nil {
		t.Fatal(err)
	}
	return xml, evtx
}

// entries reads a log. They have no offsets: those are all that the two forms of a log cannot have in common.
func entries(t testing.TB, data []byte) ([]*eventlog.Entry, *eventlog.Reader) {
	t.Helper()
	r := eventlog.NewReader(bytes.NewReader(data), int64(len(data)), eventlog.Options{})
	var list []*eventlog.Entry
	for e, err := range r.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		e = e.Clone()
		e.Offset = 0
		list = append(list, e)
	}
	return list, r
}

// many are events that fill some chunks, the longest one that fits among them.
func many() string {
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "2026-03-05T09:14:07Z Microsoft-Windows-WAS %d warning AppPoolID=Shop%d Text=%q\n", 5000+i%7, i, strings.Repeat("é", i%300))
		if i == 1000 {
			fmt.Fprintf(&b, "computer WEB02\n2026-03-05T09:14:08Z Application 1 error %s\n", strings.Repeat("x", 31_000))
		}
	}
	return b.String()
}

func TestEVTX(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want int
	}{
		"story": {story, 3}, "hostile": {hostile, 3}, "many": {many(), 2001}, "none": {"computer WEB02", 0},
	} {
		xml, evtx := compile(t, test.text)
		want, _ := entries(t, xml)
		got, r := entries(t, evtx)
		if diff := cmp.Diff(want, got); diff != "" || len(got) != test.want {
			t.Errorf("%s: %d entries: %.2000s", name, len(got), diff)
		}
		if r.Form() != eventlog.EVTX || len(r.Anomalies()) > 0 {
			t.Errorf("%s: %v, %v", name, r.Form(), r.Anomalies())
		}
		if _, again := compile(t, test.text); !bytes.Equal(evtx, again) {
			t.Errorf("%s: other bytes the second time", name)
		}
	}
}

// What an export cannot hold is in the log as it stands.
func TestControls(t *testing.T) {
	const value = "\x00\x01\x08\x0b\x1b[31m\x7f\u0085\ufffe\uffff."
	xml, evtx := compile(t, fmt.Sprintf("2026-03-05T09:14:07Z %q 1 error %q a=%q", value, value, value))
	replaced := strings.Map(func(r rune) rune {
		if strings.ContainsRune("\x00\x01\x08\x0b\x1b\ufffe\uffff", r) {
			return '\ufffd'
		}
		return r
	}, value)
	for want, data := range map[string][]byte{value: evtx, replaced: xml} {
		list, _ := entries(t, data)
		if len(list) != 1 || list[0].Provider != want || list[0].At(0) != want || list[0].Value("a") != want {
			t.Errorf("%+q: %+v", want, list)
		}
	}
}

func TestTooLong(t *testing.T) {
	long := "2026-03-05T09:14:07Z WAS 1 error\n\n2026-03-05T09:14:07Z WAS 2 error " + strings.Repeat("x", 33_000)
	if _, err := eventlogtest.EVTX(long); err == nil || !strings.Contains(err.Error(), "line 3: a record of 67") {
		t.Error(err)
	}
	if _, err := eventlogtest.Log(func(x *eventlogtest.BinXML) { x.Leaf("a", strings.Repeat("x", 40_000)) }); err == nil {
		t.Error("no error")
	}
}

// TestLayout holds everything that chunks tell about themselves against what they hold, first in a real log.
func TestLayout(t *testing.T) {
	t.Run("real", func(t *testing.T) {
		data, err := os.ReadFile("../../../../shared/samples/evtx/System.evtx")
		if errors.Is(err, os.ErrNotExist) && os.Getenv("ETWHY_SAMPLES") != "required" {
			t.Skip("no samples")
		}
		if err != nil {
			t.Fatal(err)
		}
		layout(t, data)
	})
	for name, text := range map[string]string{"story": story, "hostile": hostile, "many": many()} {
		t.Run(name, func(t *testing.T) {
			_, evtx := compile(t, text)
			layout(t, evtx)
		})
	}
	_, evtx := compile(t, many())
	if n := binary.LittleEndian.Uint16(evtx[42:]); n < 10 || n > 30 {
		t.Errorf("%d chunks", n)
	}
}

func layout(t *testing.T, data []byte) {
	u16, u32, u64 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32, binary.LittleEndian.Uint64
	equal := func(what string, got, want uint64) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	equal("checksum of the file header", uint64(u32(data[124:])), uint64(crc32.ChecksumIEEE(data[:120])))
	size := 4096 + int(u16(data[42:]))<<16
	if len(data) < size { // more are empty chunks: logs grow by them
		t.Fatalf("%d bytes, want %d", len(data), size)
	}
	equal("last chunk", u64(data[16:]), uint64(u16(data[42:]))-1)
	next := uint64(1)
	for chunk := range slices.Chunk(data[4096:size], 64<<10) {
		free := int(u32(chunk[48:]))
		equal("checksum of records", uint64(u32(chunk[52:])), uint64(crc32.ChecksumIEEE(chunk[512:free])))
		equal("checksum of the chunk header", uint64(u32(chunk[124:])), uint64(crc32.ChecksumIEEE(slices.Concat(chunk[:120], chunk[128:512]))))
		equal("first record", u64(chunk[8:]), next)
		last := 0
		for at := 512; at < free; at += int(u32(chunk[at+4:])) {
			equal("record", u64(chunk[at+8:]), next)
			last = at
			next++
		}
		equal("last record", u64(chunk[16:]), next-1)
		equal("place of the last record", uint64(u32(chunk[44:])), uint64(last))
		names := map[string]bool{}
		for bucket := range 64 {
			for at := u32(chunk[128+4*bucket:]); at != 0; at = u32(chunk[at:]) {
				hash, name := uint16(0), chunk[at+8:][:2*u16(chunk[at+6:])]
				for i := 0; i < len(name); i += 2 {
					hash = hash*(65599&0xFFFF) + u16(name[i:])
				}
				equal("hash", uint64(u16(chunk[at+4:])), uint64(hash))
				equal("bucket", uint64(bucket), uint64(hash%64))
				if names[string(name)] {
					t.Errorf("%q is there twice", name)
				}
				names[string(name)] = true
			}
		}
		if len(names) < 20 { // those of System alone
			t.Errorf("%d names", len(names))
		}
	}
	equal("next record", u64(data[24:]), next)
}

// plain takes out of hostile what evtxexport does not write as it read it: pairs of surrogates, carriage returns, and
// what has to be escaped in an attribute.
var plain = strings.NewReplacer("😀", "ü", `\r`, "", `"\"'><x/>"`, "x")

// TestOracle has evtxexport read what was written.
func TestOracle(t *testing.T) {
	tool, err := exec.LookPath("evtxexport")
	if err != nil {
		t.Skip(err)
	}
	for name, text := range map[string]string{"story": story, "hostile": plain.Replace(hostile), "many": many()} {
		_, evtx := compile(t, text)
		path := filepath.Join(t.TempDir(), "a.evtx")
		if err := os.WriteFile(path, evtx, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(tool, "-f", "xml", path).Output()
		if err != nil {
			t.Fatal(err)
		}
		theirs, _ := entries(t, out[max(0, bytes.Index(out, []byte("<Event"))):])
		ours, _ := entries(t, evtx)
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Errorf("%s: %.2000s", name, diff)
		}
		if n := bytes.Count(out, []byte(`<Security UserID="S-1-5-21-4294967295-0-1103"/>`)); n != strings.Count(text, "user S-") {
			t.Errorf("%s: %d events of the user", name, n)
		}
		if info, err := exec.Command("evtxinfo", path).Output(); err != nil || bytes.Contains(info, []byte("corrupted")) {
			t.Errorf("%s: %v %s", name, err, info)
		}
	}
}

// FuzzText: what one writer takes the other takes, and both say the same.
func FuzzText(f *testing.F) {
	f.Add(story)
	f.Add(hostile)
	f.Add("user S-1-5-18\n2026-03-05T09:14:07Z WAS 1 error a=\"\\x00\" \"\\x00\"")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 10_000 {
			return
		}
		xml, err := eventlogtest.XML(text)
		evtx, err2 := eventlogtest.EVTX(text)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("%v, but %v", err, err2)
		}
		if err != nil {
			return
		}
		want, _ := entries(t, xml)
		got, _ := entries(t, evtx)
		for _, e := range slices.Concat(want, got) {
			for _, s := range []*string{&e.Provider, &e.Channel, &e.Computer} {
				*s = legal(*s)
			}
			for i := range e.Fields {
				e.Fields[i].Value = legal(e.Fields[i].Value)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// legal returns s with what an export cannot hold as it is there, without NULs at the end.
func legal(s string) string {
	return strings.TrimRight(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\ufffe' || r == '\uffff' {
			return '\ufffd'
		}
		return r
	}, s), "\ufffd")
}
