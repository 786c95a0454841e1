package report

import (
	"time"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/redact"
)

// An Analysis is all that the writers know. For info only Tool and Inputs matter.
type Analysis struct {
	Tool   Tool
	Inputs []Input // every one, whatever the filter

	timeline.Selection                        // the requests to speak of, and how many there are besides
	Everything         []*timeline.Request    // all requests of the inputs, in start order: how the servers fared; nil = the selected ones
	Filter             string                 // as the user wrote it: --pid 1432; "" = none
	Traces             []timeline.InputResult // by [timeline.Request.Input], which also counts Inputs

	Machines    []*timeline.Machine  // that the inputs are from; nil = not looked for
	Discoveries []timeline.Discovery // what the files tell although no request shows it

	Beside string // name of a file with the phases of all requests, beside the one that is written; "" = there is none

	Details *Details // of single requests; nil = not collected

	names    []string         // see name
	redactor *redact.Redactor // that was applied; nil = none
	events   *redactor        // for events of details
}

// A redaction is what was masked, for the header of JSON output.
type redaction struct {
	Mode   string         `json:"mode"`
	KeyID  *string        `json:"key_id"`
	Counts map[string]int `json:"counts"`
}

// A Tool names the program that made the result.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// An Input is one file or one member of a container. The zero value of a field means "unknown".
type Input struct {
	Path      string // unique; a member of a container is net.cab/report.etl
	Container string // path of the container
	Kind      string // etl, cab, text, ..., other
	Note      string // of what is known and not read: what it is, and what opens it
	Size      int64  // bytes; -1 = not known
	SHA256    string // hex
	Machine   string
	Role      string
	Start     etl.Time // of its records
	End       etl.Time
	Lines     int      // or elements, of what is no log of events
	Entries   int      // of these, those that could be read
	Log       *Log     // of kind etl; nil if it could not be read
	Channels  []string // of an event log: System, Application
	Damage    []Damage // of what is no trace log
	Error     string   // why it was not read, or not to its end

	DuplicateOf string // path of the input with the same bytes, which was read instead

	// ClockOffset is what was added to the times of this input to fit those of ClockOffsetFrom;
	// meaningful only with the latter.
	ClockOffset     etl.Time
	ClockOffsetFrom string
}

// A Damage is something wrong with an input that was read as far as it goes.
type Damage struct {
	Kind   string // stable
	Offset int64
	Detail string
}

// A Log is what is known of a trace log.
type Log struct {
	Header      etl.Header
	Compression etl.Compression
	Records     [etl.Kinds]int // by kind
	Undecoded   *int           // events that could not be decoded whole; nil = not counted
	Loss        etl.Loss
	Providers   []Provider // by events, most first
	Anomalies   []etl.Anomaly
}

// A Provider counts the events of one provider.
type Provider struct {
	GUID   etl.GUID
	Name   string
	Events int
}

// total returns the number of records.
func (l *Log) total() int {
	n := 0
	for _, k := range l.Records {
		n += k
	}
	return n
}

// events returns the number of records with an event header.
func (l *Log) events() int { return l.Records[etl.KindEvent] }

// eventsLost and buffersLost return what the header counts as lost; ok is false for a log that was never
// closed: its header was written before anything could be lost, so that 0 says nothing.
func (l *Log) eventsLost() (n uint32, ok bool) {
	return l.Loss.EventsLost, l.Loss.EventsLost > 0 || !l.Header.Open()
}

func (l *Log) buffersLost() (n uint32, ok bool) {
	return l.Loss.BuffersLost, l.Loss.BuffersLost > 0 || !l.Header.Open()
}

// utcOffset returns how far the traced machine's clock was ahead of UTC, in minutes.
func (in *Input) utcOffset() int { return -int(in.Log.Header.Bias / time.Minute) }

// source returns the path of an input of the timeline.
func (a *Analysis) source(i int) string {
	if i < 0 || i >= len(a.Traces) {
		return ""
	}
	return a.Traces[i].Path
}

// inputAt returns an input by the number that requests and evidence have of it; nil if there is none.
func (a *Analysis) inputAt(i int) *Input {
	if i < 0 || i >= len(a.Inputs) {
		return nil
	}
	return &a.Inputs[i]
}

// counted returns the counts of the lines of logs that are no requests here, for want of room.
func (a *Analysis) counted() timeline.Tally {
	var sum timeline.Tally
	for i := range a.Traces {
		sum.Add(&a.Traces[i].Counted)
	}
	return sum
}

// apart returns the analysis without the requests of content servers that their proxy has as well, and these: they
// are listed, and no further requests of users. If they are all that was selected, there is nothing to set them apart from.
func (a *Analysis) apart() (*Analysis, []*timeline.Request) {
	var loose, rest []*timeline.Request
	for _, r := range a.Requests {
		if r.Loose {
			loose = append(loose, r)
		}
	}
	if len(loose) == 0 || len(loose) == len(a.Requests) {
		return a, nil
	}
	for _, r := range a.Requests {
		if !r.Loose {
			rest = append(rest, r)
		}
	}
	b := *a
	b.Requests = rest
	return &b, loose
}

// count returns the number of selected requests by outcome, those that are only counted included.
func (a *Analysis) count() (n [timeline.Cancelled + 1]int) {
	more := a.counted()
	n[timeline.OK], n[timeline.Failed], n[timeline.Cancelled] = more.OK, more.Failed, more.Cancelled
	for _, r := range a.Requests {
		n[r.Outcome]++
	}
	return n
}

// damages counts the places where an input is damaged.
func (in *Input) damages() int {
	n := len(in.Damage)
	if in.Log != nil {
		n += len(in.Log.Anomalies)
	}
	return n
}
