package w3c

import (
	"bytes"
	"testing"
	"time"

	"github.com/etwhy/etwhy/etl"
)

func BenchmarkReader(b *testing.B) {
	data := big(64<<20, true)
	_, r := read(b, data[:1<<20], Options{})
	middle := r.Coverage().First.Add(4 * time.Hour)
	window := Options{From: middle, To: middle + 120*etl.Second}
	join := func(e *Entry) {
		e.LogID()
		e.URL()
		e.Status()
		e.Win32()
	}
	for _, bench := range []struct {
		name    string
		options Options
		use     func(*Entry)
	}{
		{"whole", Options{}, func(*Entry) {}},
		{"whole,read", Options{}, join},
		{"window", window, join},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for e, err := range NewReader(bytes.NewReader(data), bench.options).Entries() {
					if err != nil {
						b.Fatal(err)
					}
					bench.use(e)
					n++
				}
				if n == 0 {
					b.Fatal("no entries")
				}
			}
		})
	}
}
