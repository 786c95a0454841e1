package report

import (
	"cmp"
	"slices"

	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// Bounds on what a report shows of single requests, so that it stays one that a mail takes.
const (
	maxDetailed = 2_000     // requests shown event by event
	maxMoments  = 3 << 20   // bytes of all their events
	minMoments  = 1_500     // bytes of the events of each one, whatever the others take
	mostMoments = 200 << 10 // bytes of the events of one of them
	maxDiaries  = 2 << 20   // bytes of Failed Request Tracing files; the first is whole in any case
)

// Details are what the files tell of single requests event by event, for the formats that show it: of those that
// failed, then of the slowest.
type Details struct {
	a        *Analysis
	order    []string           // ids, the most urgent first
	requests map[string]*Detail // by request id
	diaries  int                // bytes that diaries may still take
	first    bool               // a diary is there
}

// A Detail is what the files tell of one request.
type Detail struct {
	Moments []Moment // events of traces that belong to it, by time
	Omitted int      // events that there is no room for, behind the first half of Moments
	Diaries []*Diary // Failed Request Tracing files of it, at either server
	Unread  int      // such files that there is no room for

	early, late int // bytes that the events in front and those at the end may still take
	tail        int // index of the first of those at the end; -1 = there are none yet
}

// A Moment is an event of a trace. Its texts hold no secrets.
type Moment struct {
	Input  int
	Time   etl.Time // by the clock of its machine, as in the file
	Source string   // short name of the provider: WebIO, TCPIP, HttpService
	ID     uint16
	Event  string // name; "" = none
	Level  uint8
	Text   string // the provider's message; "" = none
	Fields []Field
}

// A Field is a named value of an event.
type Field struct{ Name, Value string }

// size is about what a moment takes in a report.
func (m *Moment) size() int {
	n := 40 + len(m.Source) + len(m.Event) + len(m.Text)
	for i := range m.Fields {
		n += len(m.Fields[i].Name) + len(m.Fields[i].Value) + 8
	}
	return n
}

// A Diary is a Failed Request Tracing file with all its events. Its texts hold no secrets.
type Diary struct {
	Input   int
	Request *freb.Request // what the events come to, module calls included
	Events  []freb.Event
	Damage  []Damage
}

func (d *Diary) size() (n int) {
	for i := range d.Events {
		n += 100
		for _, f := range d.Events[i].Fields {
			n += len(f.Name) + len(f.Value) + len(f.Text) + 20
		}
	}
	return n
}

// NewDetails chooses the requests of a that are told of event by event. a must have been redacted: see
// [Analysis.Redact].
func NewDetails(a *Analysis) *Details {
	chosen := byUrgency(a.Requests)
	chosen = chosen[:min(len(chosen), maxDetailed)]
	d := &Details{a: a, requests: make(map[string]*Detail, len(chosen)), diaries: maxDiaries}
	room := min(max(maxMoments/max(len(chosen), 1), minMoments), mostMoments)
	for _, r := range chosen {
		d.order = append(d.order, r.ID)
		d.requests[r.ID] = &Detail{early: room / 2, late: room / 2, tail: -1}
	}
	return d
}

// byUrgency returns requests with those in front of which there is most to tell: failed ones, then the slowest.
func byUrgency(list []*timeline.Request) []*timeline.Request {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(x, y *timeline.Request) int {
		return cmp.Or(cmp.Compare(urgency(y), urgency(x)), cmp.Compare(y.Duration(), x.Duration()))
	})
	return list
}

// urgency orders requests by how much there is to tell of them.
func urgency(r *timeline.Request) int {
	switch {
	case r.Outcome == timeline.Failed:
		return 3
	case r.Outcome == timeline.Unfinished || r.Outcome == timeline.Cancelled:
		return 2
	case r.Verdict != nil:
		return 1
	}
	return 0
}

// Of returns what is known of a request; nil if it is not among those that are told of event by event.
func (d *Details) Of(id string) *Detail {
	if d == nil {
		return nil
	}
	return d.requests[id]
}

// IDs returns the ids of the requests that are told of event by event: failed ones first, then the slowest.
func (d *Details) IDs() []string { return d.order }

// Len returns the number of requests that are told of event by event.
func (d *Details) Len() int {
	if d == nil {
		return 0
	}
	return len(d.requests)
}

// Event takes an event of a trace, in the order of time. It keeps nothing of row. Events of requests that are not
// chosen, and of none, are left out.
func (d *Details) Event(input int, row EventRow) {
	t := d.requests[row.Request]
	if t == nil {
		return
	}
	m := d.a.moment(row)
	m.Input = input
	size := m.size()
	if t.tail < 0 && size <= t.early {
		t.early -= size
		t.Moments = append(t.Moments, m)
		return
	}
	if t.tail < 0 {
		t.tail = len(t.Moments)
	}
	t.late -= size
	t.Moments = append(t.Moments, m)
	for t.late < 0 && len(t.Moments) > t.tail+1 { // the last one stays: it tells how it ended
		t.late += t.Moments[t.tail].size()
		t.Moments = slices.Delete(t.Moments, t.tail, t.tail+1)
		t.Omitted++
	}
}

// WantsDiary reports whether a Failed Request Tracing file of a request would be taken. If there is no room left, it is
// counted.
func (d *Details) WantsDiary(request string) bool {
	t := d.requests[request]
	if t == nil {
		return false
	}
	if d.first && d.diaries <= 0 {
		t.Unread++
		return false
	}
	return true
}

// Diary takes a Failed Request Tracing file of a request; nil is one that cannot be read again. It reports whether it is
// there now; if not, it is counted.
func (d *Details) Diary(request string, file *Diary) bool {
	t := d.requests[request]
	if t == nil {
		return false
	}
	if file == nil {
		t.Unread++
		return false
	}
	size := file.size()
	if d.first && size > d.diaries {
		t.Unread++
		return false
	}
	d.first = true
	d.diaries -= size
	d.a.redactDiary(file)
	t.Diaries = append(t.Diaries, file)
	return true
}
