package eventlog_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/decode/eventlog"
)

func BenchmarkReader(b *testing.B) {
	csv := testFile(b, "export.csv")
	for _, bench := range []struct {
		name string
		data []byte
		o    eventlog.Options
	}{
		{"evtx", sample(b, "evtx/System.evtx"), eventlog.Options{}},
		{"evtx-known", sample(b, "evtx/System.evtx"), eventlog.Options{Keep: eventlog.Known}},
		{"xml", export(b, strings.Repeat(story, 2000)), eventlog.Options{}},
		{"csv", append(csv, bytes.Repeat(csv[bytes.IndexByte(csv, '\n')+1:], 5000)...), eventlog.Options{}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(bench.data)))
			b.ReportAllocs()
			for b.Loop() {
				r := eventlog.NewReader(bytes.NewReader(bench.data), int64(len(bench.data)), bench.o)
				for e, err := range r.Entries() {
					if err != nil {
						b.Fatal(err)
					}
					e.Fact()
				}
			}
		})
	}
}
