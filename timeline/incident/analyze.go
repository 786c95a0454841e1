package incident

import (
	"iter"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/timeline"
)

// Analyze is pass 2: it builds the requests of all inputs. Call Scan first.
// Request.Input and the inputs of the result count as Inputs does.
func (inc *Incident) Analyze(opts timeline.Options) *timeline.Result {
	b := timeline.NewBuilder(opts)
	inc.from, inc.to = opts.Filter.Span()
	sessions := make([]*timeline.Session, len(inc.Inputs))
	for i, in := range inc.Inputs {
		sessions[i] = b.Input(in.describe())
		for m := range in.watch {
			b.Watch(m*timeline.Minute, m*timeline.Minute)
		}
	}
	for rank := rankSettings; rank <= rankLogs; rank++ {
		for i, in := range inc.Inputs {
			switch {
			case in.DuplicateOf != "" || in.rank() != rank:
			case in.decoder != nil:
				inc.feed(in, sessions[i])
			case in.tell != nil:
				in.tell(sessions[i])
			}
			if in.rank() == rank {
				sessions[i].Close()
			}
		}
	}
	res := b.Finish()
	if opts.Brief && res.Joined { // then there is no short way
		opts.Brief = false
		return inc.Analyze(opts)
	}
	return res
}

// rank is the input's place in the order in which a timeline is told.
func (in *Input) rank() int {
	if in.format != nil {
		return in.format.rank
	}
	return rankTrace
}

// describe returns what the builder needs to know before the events come.
func (in *Input) describe() timeline.Input {
	d := timeline.Input{Path: in.Path, Kind: in.Kind, Machine: in.computer, Header: in.Header(), Loss: in.Loss}
	if in.Log == nil {
		d.First, d.Last, d.Channels, d.Gaps = in.Start, in.End, in.Channels, in.gaps
		d.Converted = in.Kind == timeline.KindETL
	}
	if in.decoder != nil {
		d.Processes = in.decoder.Processes()
	}
	return d
}

// feed hands all events of a trace to the builder.
func (inc *Incident) feed(in *Input, s *timeline.Session) {
	for r := range inc.records(in) {
		s.Add(in.decoder.Decode(r))
	}
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
		if in.decoder == nil || in.DuplicateOf != "" {
			continue
		}
		request := func(*decode.Event) string { return "" }
		if res != nil {
			request = func(ev *decode.Event) string { return res.Inputs[i].ID(s.Add(ev)) }
		}
		logs = append(logs, inc.events(in, request))
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

// events returns the listed records of one trace by time.
func (inc *Incident) events(in *Input, request func(*decode.Event) string) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for r := range inc.records(in) {
			ev := in.decoder.Decode(r)
			id := request(ev)
			if !decode.IsLogRecord(r) && !yield(Event{ev, in, id}) {
				return
			}
		}
	}
}
