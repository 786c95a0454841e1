package main

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/etl/etltest"
)

// BenchmarkCommands runs whole commands over a log of 136-byte records on average, 8 CPUs, 64 KB buffers.
func BenchmarkCommands(b *testing.B) {
	path := filepath.Join(b.TempDir(), "net.etl")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	records, err := etltest.Generate(w, etltest.Log{}, 256<<20)
	if err != nil {
		b.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	for _, command := range []string{"info -f json", "analyze -f json", "timeline -f csv", "events -f csv", "events -f ndjson"} {
		b.Run(command, func(b *testing.B) {
			for b.Loop() {
				if code := run(append(strings.Fields(command), path), nil, io.Discard, io.Discard); code != exitOK {
					b.Fatalf("exit %d", code)
				}
			}
			b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrecords/s")
		})
	}
}
