package incident

import (
	"io"
	"iter"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/decode/tracetext"
	"github.com/etwhy/etwhy/etl"
)

// isConverted recognises the text forms of an .etl that carry the fields of its events.
func isConverted(head []byte) bool {
	form, ok := tracetext.Recognise(head)
	return ok && form != tracetext.Lines
}

// isMessages recognises the text form of an .etl that has messages only.
func isMessages(head []byte) bool {
	form, ok := tracetext.Recognise(head)
	return ok && form == tracetext.Lines
}

// scanConverted is pass 1 over a log that a tool has converted to text.
func (inc *Incident) scanConverted(in *Input, r *io.SectionReader) error {
	log, err := tracetext.NewReader(r)
	if err != nil {
		in.unread = true
		return err
	}
	t := &tally{providers: map[etl.GUID]*providerTally{}}
	names := map[etl.GUID]string{}
	for rec, err := range converted(log) {
		if err != nil {
			t.err = err
			break
		}
		if in.decoder == nil { // the event about the log is the first
			in.decoder = decode.New(log.Header())
		}
		t.add(rec)
		in.decoder.Learn(rec)
		if g := rec.Provider(); len(names) < maxNames && names[g] == "" {
			names[g] = in.decoder.ProviderName(rec)
		}
	}
	in.header, in.Lines, in.Entries = log.Header(), log.Count(), log.Count()
	in.header.BuffersWritten = max(in.header.BuffersWritten, 1) // whether the session was still on is not told
	in.Loss.EventsLost, in.Loss.BuffersLost = log.Header().EventsLost, log.Header().BuffersLost
	in.merge(t)
	for i := range in.Providers {
		in.Providers[i].Name = names[in.Providers[i].GUID]
	}
	for _, a := range log.Anomalies() {
		in.Damage = append(in.Damage, Damage{a.Kind.String(), a.Offset, a.String()})
	}
	in.unread = in.decoder == nil
	return nil
}

// maxNames bounds the names of providers that are kept of one text.
const maxNames = 10_000

// converted yields the records that a text was made of. One that is too long for a record is left out.
func converted(log *tracetext.Reader) iter.Seq2[*etl.Record, error] {
	return func(yield func(*etl.Record, error) bool) {
		for e, err := range log.Entries() {
			if err != nil {
				yield(nil, err)
				return
			}
			if rec, err := e.Record(log.Header().Build); err == nil && !yield(rec, nil) {
				return
			}
		}
	}
}

// scanMessages counts the lines of a text that has messages only.
func (inc *Incident) scanMessages(in *Input, r *io.SectionReader) error {
	log, err := tracetext.NewReader(r)
	if err != nil {
		in.unread = true
		return err
	}
	for _, err := range log.Entries() {
		if err != nil {
			return err
		}
	}
	in.Lines = log.Count()
	for _, a := range log.Anomalies() {
		in.Damage = append(in.Damage, Damage{a.Kind.String(), a.Offset, a.String()})
	}
	return nil
}

// records yields the records of a trace, whatever its form, by time as far as the form is sorted. An error was met by the scan already.
func (inc *Incident) records(in *Input) iter.Seq[*etl.Record] {
	return func(yield func(*etl.Record) bool) {
		if in.Log != nil {
			for r, err := range in.Log.Records() {
				if err != nil || !yield(r) {
					return
				}
			}
			return
		}
		inc.again(in, func(r *io.SectionReader) {
			log, err := tracetext.NewReader(r)
			if err != nil {
				return
			}
			for rec, err := range converted(log) {
				if err != nil || !yield(rec) {
					return
				}
			}
		})
	}
}
