package report

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/timeline"
)

// What the tests read of a Perfetto trace. The reader knows protobuf from its description, and shares nothing with the
// writer.

// A protoField is one field of a message: a number, or bytes.
type protoField struct {
	number uint64
	value  uint64
	bytes  []byte
}

func protoFields(b []byte) (list []protoField, err error) {
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errors.New("no key")
		}
		b = b[n:]
		f := protoField{number: key >> 3}
		switch key & 7 {
		case 0:
			if f.value, n = binary.Uvarint(b); n <= 0 {
				return nil, errors.New("no number")
			}
			b = b[n:]
		case 1:
			if len(b) < 8 {
				return nil, errors.New("no eight bytes")
			}
			f.value, b = binary.LittleEndian.Uint64(b), b[8:]
		case 2:
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)-n) {
				return nil, errors.New("longer than the message")
			}
			f.bytes, b = b[n:n+int(size)], b[n+int(size):]
		default:
			return nil, fmt.Errorf("wire type %d", key&7)
		}
		list = append(list, f)
	}
	return list, nil
}

type perfettoTrack struct {
	name    string
	parent  uint64
	pid     uint64
	process string
}

type perfettoEvent struct {
	at, kind, track uint64
	name, category  string
	notes           map[string]string
	flows           []uint64
}

// A perfettoSlice is a begin with its end.
type perfettoSlice struct {
	perfettoEvent
	end   uint64
	depth int
}

type perfettoTrace struct {
	tracks map[uint64]perfettoTrack
	events []perfettoEvent
	slices []perfettoSlice
	marks  []perfettoEvent // instants
	clocks map[uint64]uint64
}

// readPerfetto reads a trace, and checks what holds for all.
func readPerfetto(t *testing.T, name string, b []byte) *perfettoTrace {
	t.Helper()
	fields := func(b []byte) []protoField {
		list, err := protoFields(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return list
	}
	text := func(b []byte) string {
		if !utf8.Valid(b) {
			t.Errorf("%s: %q is not UTF-8", name, b)
		}
		return string(b)
	}
	trace := &perfettoTrace{tracks: map[uint64]perfettoTrack{}, clocks: map[uint64]uint64{}}
	interned := map[uint64]map[uint64]string{1: {}, 2: {}, 3: {}}
	for i, f := range fields(b) {
		if f.number != 1 {
			t.Fatalf("%s: field %d of a trace", name, f.number)
		}
		var ev perfettoEvent
		var flags, seq uint64
		for _, f := range fields(f.bytes) {
			switch f.number {
			case 8:
				ev.at = f.value
			case 10:
				seq = f.value
			case 13:
				flags = f.value
			case 12:
				for _, f := range fields(f.bytes) {
					entry := fields(f.bytes)
					if len(entry) != 2 || entry[0].number != 1 || entry[1].number != 2 || interned[f.number][entry[0].value] != "" {
						t.Errorf("%s: interned as %d: %v", name, f.number, entry)
						continue
					}
					interned[f.number][entry[0].value] = text(entry[1].bytes)
				}
			case 6:
				for _, f := range fields(f.bytes) {
					if f.number == 1 {
						clock := fields(f.bytes)
						trace.clocks[clock[0].value] = clock[1].value
					} else if f.number != 2 || f.value != 1 {
						t.Errorf("%s: field %d of a clock snapshot: %d", name, f.number, f.value)
					}
				}
			case 59:
				if d := fields(f.bytes); len(d) != 1 || d[0].number != 58 || d[0].value != 1 {
					t.Errorf("%s: defaults: %v", name, d)
				}
			case 60:
				var id uint64
				var track perfettoTrack
				for _, f := range fields(f.bytes) {
					switch f.number {
					case 1:
						id = f.value
					case 2:
						track.name = text(f.bytes)
					case 5:
						track.parent = f.value
					case 3:
						for _, f := range fields(f.bytes) {
							if f.number == 1 {
								track.pid = f.value
							} else {
								track.process = text(f.bytes)
							}
						}
					}
				}
				if _, known := trace.tracks[track.parent]; id == 0 || track.parent != 0 && !known || trace.tracks[id].name != "" || track.name == "" {
					t.Errorf("%s: track %d: %+v", name, id, track)
				}
				trace.tracks[id] = track
			case 11:
				ev.notes = map[string]string{}
				for _, f := range fields(f.bytes) {
					switch f.number {
					case 9:
						ev.kind = f.value
					case 11:
						ev.track = f.value
					case 3:
						ev.category = interned[1][f.value]
					case 10:
						ev.name = interned[2][f.value]
					case 23:
						ev.name = text(f.bytes)
					case 47:
						ev.flows = append(ev.flows, f.value)
					case 4:
						note := fields(f.bytes)
						key, value := interned[3][note[0].value], note[1]
						if note[0].number != 1 || key == "" || len(note) != 2 || ev.notes[key] != "" {
							t.Errorf("%s: note %v", name, note)
						}
						ev.notes[key] = fmt.Sprint(value.value)
						if value.number == 6 {
							ev.notes[key] = text(value.bytes)
						}
					default:
						t.Errorf("%s: field %d of an event", name, f.number)
					}
				}
			case 87:
			default:
				t.Errorf("%s: field %d of a packet", name, f.number)
			}
		}
		if seq != 1 || flags&2 == 0 || flags&1 != 0 != (i == 0) {
			t.Errorf("%s: packet %d of sequence %d has flags %d", name, i, seq, flags)
		}
		if ev.kind != 0 {
			if _, known := trace.tracks[ev.track]; !known || ev.kind != 2 && (ev.name == "" || ev.category == "") {
				t.Errorf("%s: %+v on track %d", name, ev, ev.track)
			}
			trace.events = append(trace.events, ev)
		}
	}
	trace.nest(t, name)
	return trace
}

// nest puts events in order, as readers do, and pairs begins with ends.
func (trace *perfettoTrace) nest(t *testing.T, name string) {
	slices.SortStableFunc(trace.events, func(x, y perfettoEvent) int { return cmp.Compare(x.at, y.at) })
	open := map[uint64][]perfettoSlice{}
	for _, ev := range trace.events {
		stack := open[ev.track]
		switch ev.kind {
		case 1:
			open[ev.track] = append(stack, perfettoSlice{perfettoEvent: ev, depth: len(stack)})
		case 2:
			if len(stack) == 0 {
				t.Fatalf("%s: an end without begin on %q", name, trace.tracks[ev.track].name)
			}
			s := stack[len(stack)-1]
			s.end = ev.at
			open[ev.track] = stack[:len(stack)-1]
			trace.slices = append(trace.slices, s)
		case 3:
			trace.marks = append(trace.marks, ev)
		default:
			t.Errorf("%s: event of type %d", name, ev.kind)
		}
	}
	for track, stack := range open {
		if len(stack) > 0 {
			t.Errorf("%s: %d slices without end on %q", name, len(stack), trace.tracks[track].name)
		}
	}
}

// Every request is a slice at its own time, its phases are slices of theirs within, and tracks nest.
func TestPerfetto(t *testing.T) {
	for name, make := range drawn() {
		a := make()
		out := render(t, WriteAnalysis, "perfetto", a, Options{})
		if !bytes.Equal(out, render(t, WriteAnalysis, "perfetto", make(), Options{})) {
			t.Errorf("%s: written differently the second time", name)
		}
		trace := readPerfetto(t, name, out)
		if len(trace.clocks) != 2 || trace.clocks[1] != trace.clocks[6] {
			t.Errorf("%s: clocks %v", name, trace.clocks)
		}

		type place struct {
			what       string
			start, end uint64
		}
		want, got := map[place]int{}, map[place]int{}
		list, _ := a.exchanges()
		add := func(category string, x *exchange) {
			want[place{category + " " + x.ID, uint64(x.start.Time().UnixNano()), uint64(x.end.Time().UnixNano())}]++
			for _, p := range within(x.Phases, x.stretch) {
				want[place{strings.ToValidUTF8(stepOf(p.Phase), "\uFFFD"), uint64(p.start.Time().UnixNano()), uint64(p.end.Time().UnixNano())}]++
			}
		}
		flows, verdicts := 0, 0
		for i := range list {
			x := &list[i]
			add("request", x)
			if b := a.behind(x); b != nil {
				add("behind", b)
				flows += 2
			}
			if x.Verdict != nil {
				verdicts++
			}
		}
		for _, s := range trace.slices {
			what := s.name
			if s.category != "phase" {
				what = s.category + " " + s.notes["id"]
			}
			got[place{what, s.at, s.end}]++
			flows -= len(s.flows)
			if s.category == "request" && s.depth != 0 {
				t.Errorf("%s: %s lies within another slice", name, s.name)
			}
			if at := trace.tracks[s.track]; at.parent == 0 {
				t.Errorf("%s: %s is on the track of a machine or process, %q", name, s.name, at.name)
			}
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%.2000s", name, diff)
		}
		for _, m := range trace.marks {
			if m.category == "verdict" {
				verdicts--
			}
		}
		if flows != 0 || verdicts != -len(a.Discoveries) {
			t.Errorf("%s: flows: %d too few; verdicts: %d too few", name, flows, verdicts+len(a.Discoveries))
		}
	}
}

// Tracks are what the picture in perfetto.go promises.
func TestPerfettoTracks(t *testing.T) {
	trace := readPerfetto(t, "awkward", render(t, WriteAnalysis, "perfetto", awkward(), Options{}))
	var lines []string
	for _, s := range trace.slices {
		if s.category == "phase" && !strings.Contains(trace.tracks[s.track].name, "same time") || s.notes["id"] == "r15" {
			continue
		}
		track := trace.tracks[s.track]
		home := trace.tracks[track.parent]
		lines = append(lines, fmt.Sprintf("%s | %d | %s | %s %s", home.name, home.pid, track.name, s.notes["id"], s.name))
	}
	slices.Sort(lines)
	golden(t, "perfetto/tracks.txt", []byte(strings.Join(lines, "\n")+"\n"))
}

// A request that has no end ends with the trace, and says so.
func TestPerfettoUnfinished(t *testing.T) {
	a := models["unfinished"]()
	trace := readPerfetto(t, "unfinished", render(t, WriteAnalysis, "perfetto", a, Options{}))
	found := 0
	for _, s := range trace.slices {
		if s.notes["unfinished"] == "1" {
			found++
			if s.end != uint64(a.Traces[0].Last.Time().UnixNano()) {
				t.Errorf("%s ends at %d", s.name, s.end)
			}
		}
	}
	if found != 2 { // and its phase
		t.Errorf("%d slices without end", found)
	}
}

// protoc reads it, too.
func TestPerfettoProtoc(t *testing.T) {
	protoc, err := exec.LookPath("protoc")
	if err != nil && os.Getenv("ETWHY_TOOLS") == "required" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"awkward", "empty", "receive-timeout"} {
		cmd := exec.Command(protoc, "--decode_raw")
		cmd.Stdin = bytes.NewReader(render(t, WriteAnalysis, "perfetto", drawn()[name](), Options{}))
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.HasPrefix(out, []byte("1 {\n  8: ")) {
			t.Errorf("%s: %v: %.500s", name, err, out)
		}
		if n := bytes.Count(out, []byte("\n  11 {")); n < 1 || name == "receive-timeout" && n < 2*41 {
			t.Errorf("%s: %d events", name, n)
		}
	}
}

// However phases overlap, each is drawn, and tracks nest.
func FuzzPerfettoNesting(f *testing.F) {
	f.Add([]byte{0, 10, 5, 15, 5, 5, 15, 30, 0, 255})
	f.Fuzz(func(t *testing.T, spec []byte) {
		a := awkward()
		r := a.Requests[0]
		r.Phases = nil
		a.Requests, a.Discoveries = []*timeline.Request{r, r}, nil
		for ; len(spec) >= 2; spec = spec[2:] {
			r.Phases = append(r.Phases, timeline.Phase{
				Name: timeline.PhaseConnect, Start: r.Start.Add(ms(float64(spec[0]))), End: r.Start.Add(ms(float64(spec[1]))),
			})
		}
		trace := readPerfetto(t, "fuzz", render(t, WriteAnalysis, "perfetto", a, Options{}))
		if want := 2 * (len(r.Phases) + 1); len(trace.slices) != want {
			t.Errorf("%d slices, want %d", len(trace.slices), want)
		}
	})
}
