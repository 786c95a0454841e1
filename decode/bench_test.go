package decode

import (
	"testing"

	"github.com/etwhy/etwhy/etl"
)

func benchmarkRecords(b *testing.B, name string) (*Decoder, []*etl.Record) {
	log := openSample(b, name)
	d := New(log.Header())
	var records []*etl.Record
	for r := range log.Records() {
		d.Learn(r)
		if r.Kind() == etl.KindEvent && !IsLogRecord(r) {
			records = append(records, r.Clone())
		}
	}
	return d, records
}

func BenchmarkDecodeGet(b *testing.B) {
	d, records := benchmarkRecords(b, "etl/tx/HTTP_Server.etl")
	b.ReportAllocs()
	n := uint64(0)
	for i := 0; b.Loop(); i++ {
		ev := d.Decode(records[i%len(records)])
		n += ev.Get("RequestId").Uint() + ev.Get("ConnectionId").Uint() + ev.Get("Status").Uint()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
}

func benchmarkFields(b *testing.B, name string) {
	d, records := benchmarkRecords(b, name)
	b.ReportAllocs()
	var buf []byte
	for i := 0; b.Loop(); i++ {
		buf = d.Decode(records[i%len(records)]).AppendFields(buf[:0])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
}

func BenchmarkFieldsBuiltin(b *testing.B)  { benchmarkFields(b, "etl/tx/HTTP_Server.etl") }
func BenchmarkFieldsEmbedded(b *testing.B) { benchmarkFields(b, "etl/demikernel/PktMon.etl") }
func BenchmarkFieldsTraceLogging(b *testing.B) {
	benchmarkFields(b, "etl/s4/WindowsUpdate.20251008.140245.443.8.etl")
}

func BenchmarkLearn(b *testing.B) {
	d, records := benchmarkRecords(b, "etl/tx/HTTP_Server.etl")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d.Learn(records[i%len(records)])
	}
}
