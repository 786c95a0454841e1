package freb_test

import (
	"bytes"
	"testing"

	"github.com/etwhy/etwhy/decode/freb"
)

// Thousands of files make one incident, so what a file costs counts.
func BenchmarkRequest(b *testing.B) {
	for name, file := range map[string][]byte{"real": sample(b, "fr000001.xml"), "made": made(b, "arr-timeout")} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			for b.Loop() {
				trace, err := freb.NewReader(bytes.NewReader(file))
				if err != nil {
					b.Fatal(err)
				}
				if r, err := trace.Request(); err != nil || r.Partial() {
					b.Fatal(err)
				}
			}
		})
	}
}
