package report

import (
	"time"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// An Analysis is all that the writers know. For info only Tool and Inputs matter.
type Analysis struct {
	Tool   Tool
	Inputs []Input // every one, whatever the filter

	timeline.Selection                        // the requests to speak of, and how many there are besides
	Filter             string                 // as the user wrote it: --pid 1432; "" = none
	Traces             []timeline.InputResult // by [timeline.Request.Input]

	redaction redaction
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
	Size      int64
	SHA256    string // hex
	Machine   string
	Role      string
	Start     etl.Time // of its records
	End       etl.Time
	Entries   int    // lines or elements of what is no log
	Log       *Log   // of kind etl; nil if it could not be read
	Error     string // why it was not read, or not to its end

	DuplicateOf string // path of the input with the same bytes, which was read instead

	// ClockOffset is what was added to the times of this input to fit those of ClockOffsetFrom;
	// meaningful only with the latter.
	ClockOffset     etl.Time
	ClockOffsetFrom string
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

// utcOffset returns how far the traced machine's clock was ahead of UTC, in minutes.
func (in *Input) utcOffset() int { return -int(in.Log.Header.Bias / time.Minute) }

// source returns the path of an input of the timeline.
func (a *Analysis) source(i int) string {
	if i < 0 || i >= len(a.Traces) {
		return ""
	}
	return a.Traces[i].Path
}

// count returns the number of selected requests by outcome.
func (a *Analysis) count() (n [timeline.Cancelled + 1]int) {
	for _, r := range a.Requests {
		n[r.Outcome]++
	}
	return n
}
