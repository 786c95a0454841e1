package timeline_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/etl/etltest"
	"github.com/etwhy/etwhy/timeline"
)

// read analyzes a log that may be damaged; nil if it is none.
func read(t testing.TB, data []byte, opt timeline.Options) *timeline.Result {
	t.Helper()
	log, err := etl.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil
	}
	d := decode.New(log.Header())
	b := timeline.NewBuilder(opt)
	in := b.Input(timeline.Input{Header: log.Header()})
	for r, err := range log.Records() {
		if err != nil {
			break
		}
		in.Add(d.Decode(r))
	}
	in.Close()
	return b.Finish()
}

func TestMutations(t *testing.T) {
	for _, s := range scenarios(t) {
		data, err := s.parse(t).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(3, uint64(len(data))))
		for range 10 {
			if res := read(t, etltest.Mutate(data, r), timeline.Options{}); res != nil {
				validate(t, res)
			}
		}
	}
}

func FuzzAnalyze(f *testing.F) {
	for _, s := range scenarios(f) {
		trace := s.parse(f)
		trace.Log.BufferSize = 1024 // small inputs fuzz faster
		data, err := trace.Bytes()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if res := read(t, data, timeline.Options{MaxOpen: 4}); res != nil {
			validate(t, res)
		}
	})
}

// Requests and connections that never close do not pile up.
func TestRoomForOpenRequests(t *testing.T) {
	const n, room = 100, 10
	var text strings.Builder
	text.WriteString("log start=2026-03-02T12:31:52.9Z\n")
	for i := range n {
		fmt.Fprintf(&text, "+%d.0 cpu0 1432:2280 WebIO/17 Request=%#x RequestHandle=%#x Method=GET URI=http://a/%d\n", i, 0x1000+i, 0x20+i, i)
		fmt.Fprintf(&text, "+%d.1 WebIO/104 Request=%#x Connection=%#x\n", i, 0x1000+i, 0x9000+i)
	}
	data, err := etltest.Compile(text.String())
	if err != nil {
		t.Fatal(err)
	}
	res := read(t, data, timeline.Options{MaxOpen: room})
	validate(t, res)
	if len(res.Requests) != n {
		t.Errorf("%d requests, want %d", len(res.Requests), n)
	}
	if got := res.Inputs[0].Abandoned; got < n-room {
		t.Errorf("%d objects abandoned, want at least %d", got, n-room)
	}
	for _, r := range res.Requests {
		if r.Outcome != timeline.Unfinished {
			t.Errorf("%s is not unfinished", describe(r))
		}
	}
}

// The inputs of one incident are numbered, and their requests sorted together.
func TestInputs(t *testing.T) {
	b := timeline.NewBuilder(timeline.Options{})
	for _, name := range []string{"receive-closed", "connect-refused"} {
		data, err := readScenario(t, "../testdata/scenarios/"+name+".txt").parse(t).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		log, err := etl.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		d := decode.New(log.Header())
		in := b.Input(timeline.Input{Path: name, Header: log.Header()})
		for r := range log.Records() {
			in.Add(d.Decode(r))
		}
		in.Close()
	}
	res := b.Finish()
	validate(t, res)
	count := map[int]int{}
	for _, r := range res.Requests {
		count[r.Input]++
	}
	if count[0] != 3 || count[1] != 3 || len(res.Inputs) != 2 || res.Inputs[1].Path != "connect-refused" {
		t.Errorf("requests per input %v of %d inputs", count, len(res.Inputs))
	}
}
