package incident

import (
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
		switch {
		case in.DuplicateOf != "":
		case in.Log != nil:
			in.feed(s)
		case in.Kind == Text:
			in.feedText(s)
		}
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
func (in *Input) feed(s *timeline.Session) {
	for r, err := range in.Log.Records() {
		if err != nil {
			return
		}
		s.Add(in.decoder.Decode(r))
	}
}

// feedText hands all lines of a text to the builder. An error was met by the scan already.
func (in *Input) feedText(s *timeline.Session) {
	process, pid, named := winhttplog.ParseName(path.Base(in.Path))
	for line, err := range in.textLines() {
		if err != nil {
			return
		}
		if named && line.PID == 0 {
			line.Process, line.PID = process, pid
		}
		s.Text(line)
	}
}

// scanText counts the lines of a text and finds the time that they cover.
func (in *Input) scanText() error {
	for line, err := range in.textLines() {
		if err != nil {
			return err
		}
		in.Lines++
		if line.Time != 0 {
			in.cover(line.Time, line.Time)
		}
	}
	return nil
}

func (in *Input) textLines() iter.Seq2[winhttplog.Line, error] {
	return winhttplog.Parse(io.NewSectionReader(in.data, 0, in.data.size))
}

// An Event is a decoded record, the input that it is from, and the request that it belongs to.
type Event struct {
	*decode.Event
	Input   *Input
	Request string // id; "" if none, or if Events was called without a result
}

// Events returns all records that are not the log's own, of all inputs, by time. With the result of Analyze
// (Options.Brief is enough) the events know their requests; without it they are read a good deal faster.
// An event is valid until the next step. Call Scan first.
func (inc *Incident) Events(res *timeline.Result) iter.Seq[Event] {
	var logs []iter.Seq[Event]
	b := timeline.NewBuilder(timeline.Options{Brief: true})
	for i, in := range inc.Inputs {
		s := b.Input(in.describe())
		if in.Log == nil || in.DuplicateOf != "" {
			continue
		}
		request := func(*decode.Event) string { return "" }
		if res != nil {
			request = func(ev *decode.Event) string { return res.Inputs[i].ID(s.Add(ev)) }
		}
		logs = append(logs, in.events(request))
	}
	if len(logs) == 1 {
		return logs[0]
	}
	return func(yield func(Event) bool) {
		type source struct {
			next func() (Event, bool)
			ev   Event
		}
		var open []source
		for _, events := range logs {
			next, stop := iter.Pull(events)
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

// events returns the listed records of one log by time.
func (in *Input) events(request func(*decode.Event) string) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for r, err := range in.Log.Records() {
			if err != nil {
				return // met by the scan already
			}
			ev := in.decoder.Decode(r)
			id := request(ev)
			if !decode.IsLogRecord(r) && !yield(Event{ev, in, id}) {
				return
			}
		}
	}
}
