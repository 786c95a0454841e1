package etltest

import (
	"bytes"
	"maps"
	"testing"
	"time"
)

func generate(t *testing.T, l Log, size int64) (log []byte, records int64) {
	t.Helper()
	var b bytes.Buffer
	records, err := Generate(&b, l, size)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), records
}

// TestGenerate holds generated records against the same requests written the slow way.
func TestGenerate(t *testing.T) {
	for _, l := range []Log{{CPUs: 3}, {CPUs: 2, Bits: 32, Clock: SystemTime, BufferSize: 8192}, {Compress: Xpress, CPUs: 1, Freq: 3_117_777}} {
		const size = 1 << 20
		log, records := generate(t, l, size)
		d := l.withDefaults(1, 0)
		spans := Buffers(log)
		if n := int(le.Uint32(log[72+0x20+0x24:])); n != len(spans) {
			t.Errorf("%d buffers, the header says %d", len(spans), n)
		}
		got := map[int][]byte{} // by CPU
		for _, s := range spans[2:] {
			data := log[s.Offset+72 : s.Offset+s.Size]
			if l.Compress == Xpress {
				var err error
				if data, err = unpackXpress(data, int(s.Used)-72); err != nil {
					t.Fatal(err)
				}
			}
			got[s.CPU] = append(got[s.CPU], data[:s.Used-72]...)
		}
		enc, err := newEncoder(&Trace{}, &d)
		if err != nil {
			t.Fatal(err)
		}
		counted := int64(1 + 3)
		for cpu, data := range got {
			for n := 0; len(data) > 0; n++ {
				events, err := Healthy(n*d.CPUs + cpu)
				if err != nil {
					t.Fatal(err)
				}
				for i := range events {
					ev := &events[i]
					ev.At += time.Duration(n)*healthyPeriod + time.Duration(cpu)*100
					ev.TID = uint32(2280 + 4*cpu)
					err := enc.encode(ev, func(rec []byte, _ int64) error {
						if len(data) == 0 {
							return nil
						}
						if !bytes.HasPrefix(data, rec) {
							t.Fatalf("%+v: CPU %d, request %d, event %d:\n% x, want\n% x", l, cpu, n, i, data[:len(rec)], rec)
						}
						data = data[len(rec):]
						counted++
						return nil
					})
					if err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if counted != records || len(got) != d.CPUs {
			t.Errorf("%d records on %d CPUs, Generate says %d", counted, len(got), records)
		}
	}
}

func TestHealthy(t *testing.T) {
	seen := map[string]bool{}
	for n := range 3 {
		events, err := Healthy(n)
		if err != nil {
			t.Fatal(err)
		}
		mine := map[string]bool{}
		for _, ev := range events {
			for _, f := range ev.Fields {
				if v, ok := parseHex(f.Value); ok && v > 0xFFFF || f.Name == "URI" {
					mine[f.Value] = true
				}
			}
		}
		if len(mine) != 7 { // six handles in fields, one URL
			t.Errorf("request %d has %v", n, mine)
		}
		for v := range mine {
			if seen[v] {
				t.Errorf("request %d shares %s with another", n, v)
			}
		}
		maps.Copy(seen, mine)
	}
}

func BenchmarkGenerate(b *testing.B) {
	for _, c := range []Compression{Plain, Xpress} {
		b.Run(compressionWords[c], func(b *testing.B) {
			const size = 32 << 20
			b.SetBytes(size)
			for b.Loop() {
				var n counter
				if _, err := Generate(&n, Log{Compress: c}, size); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}
