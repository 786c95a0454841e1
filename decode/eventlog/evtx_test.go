package eventlog_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/eventlog"
)

// TestSamples reads real logs. Counts are those of evtxexport.
func TestSamples(t *testing.T) {
	for name, want := range map[string]int{"Application_no_crc32.evtx": 17, "HTTP_Server.evtx": 2041, "System.evtx": 5009} {
		list, r := read(t, sample(t, "evtx/"+name), eventlog.Options{})
		if len(list) != want || len(r.Anomalies()) > 0 {
			t.Errorf("%s: %d entries, %v", name, len(list), r.Anomalies())
		}
		for _, e := range list {
			if e.Provider == "" || e.Time.IsZero() || e.Offset < 4096 {
				t.Errorf("%s: %+v", name, *e)
			}
		}
	}
}

// TestSystem holds the facts of a real log against it.
func TestSystem(t *testing.T) {
	data := sample(t, "evtx/System.evtx")
	got := map[string]int{}
	list, r := read(t, data, eventlog.Options{Keep: eventlog.Known})
	for _, e := range list {
		f, ok := e.Fact()
		if !ok {
			t.Fatalf("kept but not known: %+v", *e)
		}
		got[f.Kind.String()]++
		// The words of this log are English: they prove what the data say.
		if word := e.Value("param2"); f.Kind == eventlog.ServiceState && f.Detail != word {
			t.Errorf("record %d: %s, but %q", e.Record, f.Detail, word)
		}
		if f.Kind == eventlog.URLReserved && f.Detail != "http://+:80/Temporary_Listen_Addresses/" {
			t.Errorf("%+v", f)
		}
	}
	want := map[string]int{"service-state": 3434, "service-startup": 1018, "service-failed": 2, "url-reserved": 1,
		"system-start": 16, "system-stop": 11, "system-crash": 3, "restart-wanted": 9}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := r.Coverage().Entries; n != 5009 {
		t.Errorf("%d entries are covered", n)
	}
}

// TestOracle compares everything with what evtxexport reads.
func TestOracle(t *testing.T) {
	tool, err := exec.LookPath("evtxexport")
	if err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"Application_no_crc32.evtx", "HTTP_Server.evtx", "System.evtx", "sample_with_a_bad_chunk_magic.evtx"} {
		data := sample(t, "evtx/"+name)
		path, err := filepath.Abs(filepath.Join(samples, "evtx", name))
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(tool, "-f", "xml", path).Output()
		if err != nil {
			t.Fatal(err)
		}
		want, _ := read(t, out[bytes.Index(out, []byte("<Event")):], eventlog.Options{})
		got, r := read(t, data, eventlog.Options{})
		if len(want) == 0 || len(got) < len(want) || len(got) > len(want) && len(r.Anomalies()) == 0 {
			t.Errorf("%s: %d entries, evtxexport has %d", name, len(got), len(want))
		}
		// Behind damage we read on, evtxexport does not.
		byRecord := map[uint64]*eventlog.Entry{}
		for _, e := range got {
			byRecord[e.Record] = e
		}
		differ := 0
		for _, w := range want {
			g := byRecord[w.Record]
			if g == nil {
				t.Errorf("%s: record %d is missing", name, w.Record)
				continue
			}
			normalise(g)
			normalise(w)
			if diff := cmp.Diff(w, g); diff != "" {
				if differ++; differ <= 3 {
					t.Errorf("%s: record %d: %s", name, w.Record, diff)
				}
			}
		}
		if differ > 0 {
			t.Errorf("%s: %d of %d differ", name, differ, len(want))
		}
	}
}

// zeros are those in front of hexadecimal numbers and behind fractions of a second.
var zeros = regexp.MustCompile(`^(0x)0+([0-9a-f])|\.?0*z$`)

// normalise takes out what two readers may write differently.
func normalise(e *eventlog.Entry) {
	e.Offset = 0
	for i := range e.Fields {
		v := &e.Fields[i].Value
		*v = zeros.ReplaceAllString(strings.ToLower(strings.TrimSpace(*v)), "$1$2")
	}
}
