package timeline

import (
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
	switch concern := max(b.minutes[e.Start()/Minute], b.minutes[e.Time/Minute]); {
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
	if *kept < most {
		*kept++
		return true
	}
	if wanted {
		s.counted.count(e, outcome)
	} else {
		s.counted.LeftOut++
	}
	return false
}

// Passed says that n lines of a log were not even looked at, since the filter's time leaves them out.
func (s *Session) Passed(n int) { s.counted.LeftOut += n }
