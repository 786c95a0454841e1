package timeline_test

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/etl/etltest"
	"github.com/etwhy/etwhy/timeline"
)

// manyRequests returns a log that has the request of a scenario n times, each with handles of its own,
// and the number of its events.
func manyRequests(t testing.TB, name string, n int) (data []byte, events int) {
	t.Helper()
	s := readScenario(t, "../testdata/scenarios/"+name+".txt")
	all := &etltest.Trace{Log: s.parse(t).Log}
	for i := range n {
		one := s.parse(t)
		one.Rename(renaming(one, uint64(i%4096)<<32))
		for _, ev := range one.Events {
			if ev.Kind == etltest.Manifested {
				ev.At += time.Duration(i) * 3 * time.Millisecond
				ev.Activity[14], ev.Activity[15] = ev.Activity[14]^byte(i>>8), ev.Activity[15]^byte(i)
				all.Events = append(all.Events, ev)
			}
		}
	}
	data, err := all.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return data, len(all.Events)
}

// BenchmarkAdd measures reading, decoding and joining the events of WebIO, WinHttp, TCPIP and DNS.
func BenchmarkAdd(b *testing.B) {
	data, events := manyRequests(b, "tls-ok", 2000)
	log, err := etl.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		b.Fatal(err)
	}
	d := decode.New(log.Header())
	b.ReportAllocs()
	for b.Loop() {
		build := timeline.NewBuilder(timeline.Options{})
		in := build.Input(timeline.Input{Header: log.Header()})
		for r, err := range log.Records() {
			if err != nil {
				b.Fatal(err)
			}
			in.Add(d.Decode(r))
		}
		in.Close()
		build.Finish()
	}
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A finished request takes no more than 2 KB and its URL, a failed one with its verdict included.
func TestMemoryOfRequests(t *testing.T) {
	const n = 1000
	for _, name := range []string{"tls-ok", "clock-system"} {
		data, _ := manyRequests(t, name, n)
		before := heap()
		res := analyze(t, data)
		each := (heap() - before) / n
		if len(res.Requests) != n {
			t.Fatalf("%s: %d requests, want %d", name, len(res.Requests), n)
		}
		if limit := int64(2048 + len(res.Requests[0].URL)); each > limit {
			t.Errorf("%s: %d bytes for each request, want at most %d", name, each, limit)
		}
		t.Log(name, each)
		runtime.KeepAlive(data)
	}
}
