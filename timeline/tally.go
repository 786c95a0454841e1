package timeline

import (
	"slices"
	"time"

	"github.com/etwhy/etwhy/decode/w3c"
	"github.com/etwhy/etwhy/etl"
)

// A Tally counts the lines of a log that are no requests of the result, for want of room.
type Tally struct {
	OK, Failed, Cancelled int
	LeftOut               int         // that the filter leaves out
	Statuses              map[int]int // of those that went well

	Slowest     time.Duration // of those that went well
	Method, URL string        // of the slowest
}

// Total returns how many lines the filter keeps, or all without one.
func (t *Tally) Total() int { return t.OK + t.Failed + t.Cancelled }

// Add adds the counts of another tally.
func (t *Tally) Add(o *Tally) {
	t.OK, t.Failed, t.Cancelled, t.LeftOut = t.OK+o.OK, t.Failed+o.Failed, t.Cancelled+o.Cancelled, t.LeftOut+o.LeftOut
	for status, n := range o.Statuses {
		t.status(status, n)
	}
	if o.Slowest > t.Slowest {
		t.Slowest, t.Method, t.URL = o.Slowest, o.Method, o.URL
	}
}

func (t *Tally) status(status, n int) {
	if t.Statuses == nil {
		t.Statuses = map[int]int{}
	}
	t.Statuses[status] += n
}

// count counts a line.
func (t *Tally) count(e *w3c.Entry, outcome Outcome) {
	switch outcome {
	case Failed:
		t.Failed++
		return
	case Cancelled:
		t.Cancelled++
		return
	}
	t.OK++
	status, _ := e.Status()
	t.status(status, 1)
	if took, ok := e.TimeTaken(); ok && took > t.Slowest {
		t.Slowest, t.Method, t.URL = took, e.Method(), e.URL()
	}
}

// Bounds on the lines of logs that become requests; what is beyond them is counted only.
const (
	maxPlain  = 50_000  // that went well, and of which no other file can know
	maxAround = 50_000  // that went well, at a time when a log saw others fail
	maxNear   = 100_000 // that went well, at a time of which traces and the like know requests
	maxTold   = 150_000 // that failed, or that a filter asks for
	maxSpare  = 10_000  // that did not go well, at a time that others are concerned with, when there is no room for them above
)

// interest says why requests of a time may be of interest.
func (b *Builder) interest(from, to etl.Time, why concern) {
	const most = 60 * 24 // minutes: longer ones are damaged, or of no help
	first, last := from/Minute-1, to/Minute+1
	for m := first; m <= min(last, first+most); m++ {
		b.minutes[m] = max(b.minutes[m], why)
	}
}

// A concern says why the requests of a minute are of interest. The stronger one counts.
type concern uint8

const (
	watched concern = iota + 1 // a log saw one fail
	known                      // a trace or the like knows some
)

// Minute is a minute in the unit of etl.Time.
const Minute = 60 * etl.Second

// Watch says that something went wrong at a time, so that what logs have of it is worth keeping.
// [Session.LogEntry] must come after it.
func (b *Builder) Watch(from, to etl.Time) { b.interest(from, to, watched) }

// keeps decides whether a line of a log becomes a request, and counts it if not. What the filter leaves out may
// still be another witness of what it keeps.
func (s *Session) keeps(e *w3c.Entry, outcome Outcome) bool {
	b := s.b
	wanted := b.opt.Filter == nil || b.opt.Filter.admits(e, outcome)
	kept, most := &b.plain, maxPlain
	concern := max(b.minutes[e.Start()/Minute], b.minutes[e.Time/Minute])
	switch {
	case wanted && b.opt.Filter != nil:
		kept, most = &b.wanted, maxTold
	case outcome == Failed:
		kept, most = &b.told, maxTold
	case concern == known:
		kept, most = &b.near, maxNear
	case concern == watched:
		kept, most = &b.around, maxAround
	case !wanted:
		most = 0
	}
	if *kept >= most && concern > 0 && outcome != OK {
		kept, most = &b.spare, maxSpare
	}
	if *kept < most {
		*kept++
		return true
	}
	s.pass(e.Start() / Minute)
	s.pass(e.Time / Minute)
	if wanted {
		s.counted.count(e, outcome)
	} else {
		s.counted.LeftOut++
	}
	return false
}

// A passing is what is remembered of the lines of a log that were not kept: the minutes that they are of.
type passing struct {
	minutes map[etl.Time]bool
	last    etl.Time // the one noted last
	always  bool     // there are too many to tell
}

// maxPassed bounds the minutes that are remembered of one log: a month.
const maxPassed = 31 * 24 * 60

// pass notes that a line of a minute was not kept.
func (s *Session) pass(minute etl.Time) {
	p := &s.passed
	switch {
	case p.always || p.minutes != nil && p.last == minute:
		return
	case p.minutes == nil:
		p.minutes = map[etl.Time]bool{}
	case len(p.minutes) >= maxPassed:
		p.always, p.minutes = true, nil
		return
	}
	p.minutes[minute], p.last = true, minute
}

// over reports whether lines of a time were not kept.
func (p *passing) over(from, to etl.Time) bool {
	const most = 60 * 24 // minutes: who asks for more gets no claim
	first, last := from/Minute, to/Minute
	if p.always || len(p.minutes) > 0 && last-first > most {
		return true
	}
	for m := first; m <= last && len(p.minutes) > 0; m++ {
		if p.minutes[m] {
			return true
		}
	}
	return false
}

// passedOver reports whether a log of this machine has lines of a time that were only counted. That a request is not
// among those that were kept then says nothing.
func (m *Machine) passedOver(kind Kind, from, to etl.Time) bool {
	return slices.ContainsFunc(m.counted, func(s *Session) bool { return s.in.Kind == kind && s.passed.over(from, to) })
}

// Passed says that n lines of a log were not even looked at, since the filter's time leaves them out.
func (s *Session) Passed(n int) { s.counted.LeftOut += n }
