package netshtext

import (
	"bytes"
	"fmt"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	var rows bytes.Buffer
	for i := range 100_000 {
		fmt.Fprintf(&rows, "  TCP    10.0.0.5:%d        10.0.0.12:80           TIME_WAIT       0\r\n", 1024+i%60_000)
	}
	for name, text := range map[string][]byte{
		"netstat": rows.Bytes(),
		"other":   bytes.Repeat([]byte("2026-03-05 09:14:07 10.0.0.12 GET /time/ n=2 80 - 10.0.0.5 Mozilla/5.0 - 502 3 12002 29889\r\n"), 50_000),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := Parse(bytes.NewReader(text)); err != nil && name == "netstat" {
					b.Fatal(err)
				}
			}
		})
	}
}
