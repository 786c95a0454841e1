package etl_test

import (
	"bytes"
	"encoding/binary"
	"iter"
	"os"
	"sync"
	"testing"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/etl/etltest"
)

// generated is a plain log of 136-byte records on average, from 8 CPUs in buffers of 64 KB.
var generated = sync.OnceValue(func() []byte {
	var w bytes.Buffer
	if _, err := etltest.Generate(&w, etltest.Log{}, 256<<20); err != nil {
		panic(err)
	}
	return w.Bytes()
})

// repeated is a real compressed log with its content repeated. The times go back at each repetition,
// which costs the merge nothing: every processor does so at the same place.
func repeated(b *testing.B) []byte {
	raw, err := os.ReadFile(samplePath(b, "etl/perfview/net.4.5.2.x64.etl"))
	if err != nil {
		b.Fatal(err)
	}
	first := int(binary.LittleEndian.Uint32(raw))
	out := raw[:first:first]
	for i := range 20 {
		at := len(out)
		out = append(out, raw[first:]...)
		for p := at; p < len(out); p += int(binary.LittleEndian.Uint32(out[p:])) {
			seq := out[p+0x18:]
			binary.LittleEndian.PutUint64(seq, binary.LittleEndian.Uint64(seq)+uint64(i)<<32)
		}
	}
	return out
}

func benchmark(b *testing.B, log []byte, walk func(*etl.Log) iter.Seq2[*etl.Record, error]) {
	l := newLog(b, log)
	records, size := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		for r, err := range walk(l) {
			if err != nil {
				b.Fatal(err)
			}
			records++
			size += len(r.Bytes())
		}
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds()/1e6, "Mrecords/s")
	b.ReportMetric(float64(size)/b.Elapsed().Seconds()/1e6, "MB/s")
}

func unordered(l *etl.Log) iter.Seq2[*etl.Record, error] { return l.Unordered(0, 1) }

// BenchmarkWalk reads a plain log in file order, in one goroutine.
func BenchmarkWalk(b *testing.B) { benchmark(b, generated(), unordered) }

// BenchmarkWalkShared reads it in two goroutines, as pass 1 does.
func BenchmarkWalkShared(b *testing.B) {
	l := newLog(b, generated())
	records := 0
	for b.Loop() {
		var wg sync.WaitGroup
		var n [2]int
		for part := range n {
			wg.Go(func() {
				count := 0
				for range l.Unordered(part, len(n)) {
					count++
				}
				n[part] = count
			})
		}
		wg.Wait()
		records += n[0] + n[1]
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds()/1e6, "Mrecords/s")
	b.ReportMetric(float64(len(generated()))*float64(b.N)/b.Elapsed().Seconds()/1e6, "MB/s")
}

// BenchmarkMerge reads it by time.
func BenchmarkMerge(b *testing.B) { benchmark(b, generated(), (*etl.Log).Records) }

// BenchmarkMergeXPRESS reads a compressed log by time.
func BenchmarkMergeXPRESS(b *testing.B) { benchmark(b, repeated(b), (*etl.Log).Records) }
