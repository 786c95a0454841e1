package incident

import (
	"errors"
	"io"
	"iter"
	"path"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/decode/winhttplog"
	"github.com/etwhy/etwhy/timeline"
)

// Analyze is pass 2: it builds the requests of all inputs. Call Scan first.
// Request.Input and the inputs of the result count as Inputs does.
func (inc *Incident) Analyze(opts timeline.Options) *timeline.Result {
	b := timeline.NewBuilder(opts)
	for _, in := range inc.Inputs {
		s := b.Input(in.describe())
		var err error
		switch {
		case in.DuplicateOf != "" || in.data == nil:
		case in.Log != nil:
			err = in.feed(s)
		case in.Kind == Text:
			err = in.feedText(s)
		}
		in.Err = errors.Join(in.Err, err)
		s.Close()
	}
	return b.Finish()
}

// describe returns what the builder needs to know before the events come.
func (in *Input) describe() timeline.Input {
	d := timeline.Input{Path: in.Path, Header: in.Header(), Loss: in.Loss}
	if in.decoder != nil {
		d.Processes = in.decoder.Processes()
	}
	return d
}

// feed hands all events of a log to the builder. An error of the reader was met by the scan already.
func (in *Input) feed(s *timeline.Session) error {
	for r, err := range in.Log.Records() {
		if err != nil {
			return nil
		}
		s.Add(in.decoder.Decode(r))
	}
	return nil
}

func (in *Input) feedText(s *timeline.Session) error {
	process, pid, named := winhttplog.ParseName(path.Base(in.Path))
	for line, err := range winhttplog.Parse(io.NewSectionReader(in.data, 0, in.data.size)) {
		if err != nil {
			return err
		}
		in.Lines++
		if named && line.PID == 0 {
			line.Process, line.PID = process, pid
		}
		s.Text(line)
	}
	return nil
}

// An Event is a decoded record and the input that it is from.
type Event struct {
	*decode.Event
	Input *Input
}

// Events returns all records that are not the log's own, of all inputs, by time. An event is valid until
// the next step. Call Scan first.
func (inc *Incident) Events() iter.Seq[Event] {
	var logs []*Input
	for _, in := range inc.Inputs {
		if in.Log != nil && in.DuplicateOf == "" {
			logs = append(logs, in)
		}
	}
	if len(logs) == 1 {
		return logs[0].events
	}
	return func(yield func(Event) bool) {
		type source struct {
			next func() (Event, bool)
			ev   Event
		}
		var open []source
		for _, in := range logs {
			next, stop := iter.Pull(iter.Seq[Event](in.events))
			defer stop()
			if ev, ok := next(); ok {
				open = append(open, source{next, ev})
			}
		}
		for len(open) > 0 {
			first := 0
			for i := range open {
				if open[i].ev.Time() < open[first].ev.Time() {
					first = i
				}
			}
			s := &open[first]
			if !yield(s.ev) {
				return
			}
			var ok bool
			if s.ev, ok = s.next(); !ok {
				open = append(open[:first], open[first+1:]...)
			}
		}
	}
}

// events yields the listed records of one log by time.
func (in *Input) events(yield func(Event) bool) {
	for r, err := range in.Log.Records() {
		if err != nil {
			return // met by the scan already
		}
		if !decode.IsLogRecord(r) && !yield(Event{in.decoder.Decode(r), in}) {
			return
		}
	}
}
