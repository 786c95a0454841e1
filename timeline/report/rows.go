package report

import (
	"bufio"
	"io"
	"iter"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// A requestRow is a request with the path of its input.
type requestRow struct {
	*timeline.Request
	path string
}

// analyzeColumns are the columns of "analyze -f csv".
var analyzeColumns = []column[requestRow]{
	{"id", func(r requestRow) cell { return text(r.ID) }},
	{"start", func(r requestRow) cell { return moment(r.Start) }},
	{"duration_ms", func(r requestRow) cell { return span(begin(r.Request), r.End) }},
	{"outcome", func(r requestRow) cell { return text(r.Outcome.String()) }},
	{"phase", func(r requestRow) cell { return text(string(r.Phase)) }},
	{"method", func(r requestRow) cell { return text(r.Method) }},
	{"url", func(r requestRow) cell { return text(r.URL) }},
	{"server", func(r requestRow) cell { return text(r.Server) }},
	{"status", func(r requestRow) cell { return positive(r.Status) }},
	{"substatus", func(r requestRow) cell {
		if !r.HasSub {
			return cell{}
		}
		return number(r.SubStatus)
	}},
	{"error_code", func(r requestRow) cell { return codeNumber(r.Error) }},
	{"error_name", func(r requestRow) cell { return codeName(r.Error) }},
	{"winhttp_code", func(r requestRow) cell { return codeNumber(r.WinHTTP.Code) }},
	{"winhttp_name", func(r requestRow) cell { return codeName(r.WinHTTP.Code) }},
	{"verdict", func(r requestRow) cell { return ofVerdict(r, func(v *timeline.Verdict) string { return v.ID }) }},
	{"confidence", func(r requestRow) cell {
		return ofVerdict(r, func(v *timeline.Verdict) string { return v.Confidence.String() })
	}},
	{"side", func(r requestRow) cell { return text(r.Side.String()) }},
	{"pid", func(r requestRow) cell { return positive(r.PID) }},
	{"process", func(r requestRow) cell { return text(r.Process) }},
	{"app_pool", func(r requestRow) cell { return text(r.AppPool) }},
	{"input", func(r requestRow) cell { return text(r.path) }},
}

// begin returns when a request began; zero where the trace has only what came later of it.
func begin(r *timeline.Request) etl.Time {
	if r.Partial == timeline.PartialStart {
		return 0
	}
	return r.Start
}

// span is the time between two moments in milliseconds, unknown if one of them is.
func span(start, end etl.Time) cell {
	if start.IsZero() || end.IsZero() {
		return cell{}
	}
	return millis(end.Sub(start))
}

func ofVerdict(r requestRow, get func(*timeline.Verdict) string) cell {
	if r.Verdict == nil {
		return cell{}
	}
	return text(get(r.Verdict))
}

func (a *Analysis) requestRows() iter.Seq[requestRow] {
	return func(yield func(requestRow) bool) {
		for _, r := range a.Requests {
			if !yield(requestRow{r, a.source(r.Input)}) {
				return
			}
		}
	}
}

func analysisCSV(w io.Writer, a *Analysis, _ Options) error {
	return writeCSV(w, analyzeColumns, a.requestRows())
}

// A phaseRow is a phase of a request; of a request without phases it is the one that it stopped in, if
// that is known, without times.
type phaseRow struct {
	requestRow
	phase timeline.Phase
	stops bool // it is where the request stopped
}

// timelineColumns are the columns of "timeline" in all its formats but the table.
var timelineColumns = []column[phaseRow]{
	{"request_id", func(r phaseRow) cell { return text(r.ID) }},
	{"phase", func(r phaseRow) cell { return text(string(r.phase.Name)) }},
	{"detail", func(r phaseRow) cell { return text(r.phase.Detail) }},
	{"start", func(r phaseRow) cell { return moment(r.phase.Start) }},
	{"duration_ms", func(r phaseRow) cell { return span(r.phase.Start, r.phase.End) }},
	{"outcome", func(r phaseRow) cell { return text(r.phase.Outcome.String()) }},
	{"error_code", func(r phaseRow) cell { return codeNumber(r.phase.Error) }},
	{"error_name", func(r phaseRow) cell { return codeName(r.phase.Error) }},
	{"winhttp_code", func(r phaseRow) cell { return r.winHTTP(codeNumber) }},
	{"winhttp_name", func(r phaseRow) cell { return r.winHTTP(codeName) }},
	{"method", func(r phaseRow) cell { return text(r.Method) }},
	{"url", func(r phaseRow) cell { return text(r.URL) }},
	{"server", func(r phaseRow) cell { return text(r.Server) }},
	{"pid", func(r phaseRow) cell { return positive(r.PID) }},
	{"process", func(r phaseRow) cell { return text(r.Process) }},
	{"app_pool", func(r phaseRow) cell { return text(r.AppPool) }},
	{"input", func(r phaseRow) cell { return text(r.path) }},
}

// winHTTP gives the code that WinHTTP reports to the phase that the request stopped in.
func (r phaseRow) winHTTP(value func(timeline.Code) cell) cell {
	if !r.stops {
		return cell{}
	}
	return value(r.WinHTTP.Code)
}

func (a *Analysis) phaseRows() iter.Seq[phaseRow] {
	return func(yield func(phaseRow) bool) {
		for r := range a.requestRows() {
			stop := stoppedAt(r.Request)
			for i, p := range r.Phases {
				if !yield(phaseRow{r, p, i == stop}) {
					return
				}
			}
			if len(r.Phases) == 0 {
				// When it began and ended is known of the request, not of the phase.
				known := timeline.Phase{Name: r.Phase, Outcome: r.Outcome, Error: r.Error}
				if !yield(phaseRow{r, known, true}) {
					return
				}
			}
		}
	}
}

// stoppedAt returns the index of the phase where a request failed, hangs or was cancelled: the last
// of that name that did not go well. -1 if there is none.
func stoppedAt(r *timeline.Request) int {
	if r.Outcome == timeline.OK {
		return -1
	}
	for i := len(r.Phases) - 1; i >= 0; i-- {
		if r.Phases[i].Name == r.Phase && r.Phases[i].Outcome != timeline.OK {
			return i
		}
	}
	return -1
}

func timelineCSV(w io.Writer, a *Analysis, _ Options) error {
	return writeCSV(w, timelineColumns, a.phaseRows())
}

func timelineNDJSON(w io.Writer, a *Analysis, _ Options) error {
	return writeRows(w, timelineColumns, a.phaseRows(), "", "\n", "")
}

func timelineJSON(w io.Writer, a *Analysis, _ Options) error {
	return writeRows(w, timelineColumns, a.phaseRows(), "[\n", ",\n", "\n]\n")
}

// writeRows writes rows as JSON objects. The last row is followed by last instead of between, unless
// that is empty.
func writeRows[R any](w io.Writer, columns []column[R], rows iter.Seq[R], first, between, last string) error {
	out := bufio.NewWriterSize(w, 1<<16)
	buf := []byte(first)
	begun := false
	for row := range rows {
		if begun && last != "" {
			buf = append(buf, between...)
		}
		buf = appendRow(buf, columns, row)
		if last == "" {
			buf = append(buf, between...)
		}
		begun = true
		if _, err := out.Write(buf); err != nil {
			return err
		}
		buf = buf[:0]
	}
	out.Write(append(buf, last...))
	return out.Flush()
}

// infoColumns are the columns of "info -f csv": the fields of an input that are no lists.
var infoColumns = []column[*Input]{
	{"path", func(in *Input) cell { return text(in.Path) }},
	{"container", func(in *Input) cell { return text(in.Container) }},
	{"kind", func(in *Input) cell { return text(in.Kind) }},
	{"size", func(in *Input) cell { return positive(in.Size) }},
	{"sha256", func(in *Input) cell { return text(in.SHA256) }},
	{"machine", func(in *Input) cell { return text(in.Machine) }},
	{"role", func(in *Input) cell { return text(in.Role) }},
	{"start", func(in *Input) cell { return moment(in.Start) }},
	{"end", func(in *Input) cell { return moment(in.End) }},
	{"utc_offset_min", ofLog(func(in *Input) cell { return number(in.utcOffset()) })},
	{"os_build", ofLog(func(in *Input) cell { return positive(in.Log.Header.Build) })},
	{"pointer_size", ofLog(func(in *Input) cell { return positive(in.Log.Header.PointerSize) })},
	{"clock", ofLog(func(in *Input) cell { return text(in.Log.Header.Clock.String()) })},
	{"records", func(in *Input) cell { return in.counted(in.Log.total, in.Lines) }},
	{"events", func(in *Input) cell { return in.counted(in.Log.events, in.Entries) }},
	{"undecoded", ofLog(func(in *Input) cell {
		if in.Log.Undecoded == nil {
			return cell{}
		}
		return number(*in.Log.Undecoded)
	})},
	{"events_lost", ofLog(func(in *Input) cell { return counted(in.Log.eventsLost()) })},
	{"buffers_lost", ofLog(func(in *Input) cell { return counted(in.Log.buffersLost()) })},
	{"sequence_gaps", ofLog(func(in *Input) cell { return number(in.Log.Loss.SequenceGaps) })},
	{"open", ofLog(func(in *Input) cell { return truth(in.Log.Header.Open()) })},
	{"anomalies", ofLog(func(in *Input) cell { return number(len(in.Log.Anomalies)) })},
	{"error", func(in *Input) cell { return text(in.Error) }},
	{"duplicate_of", func(in *Input) cell { return text(in.DuplicateOf) }},
	{"compression", ofLog(func(in *Input) cell { return text(in.Log.Compression.String()) })},
}

// ofLog is a value that only logs have.
func ofLog(value func(*Input) cell) func(*Input) cell {
	return func(in *Input) cell {
		if in.Log == nil {
			return cell{}
		}
		return value(in)
	}
}

// counted is a number that may be unknown.
func counted(n uint32, ok bool) cell {
	if !ok {
		return cell{}
	}
	return number(n)
}

// counted is a number of records: of a log, or else of lines.
func (in *Input) counted(log func() int, entries int) cell {
	switch {
	case in.DuplicateOf != "":
		return cell{}
	case in.Log != nil:
		return number(log())
	}
	return positive(entries)
}

func infoCSV(w io.Writer, a *Analysis, _ Options) error {
	return writeCSV(w, infoColumns, func(yield func(*Input) bool) {
		for _, in := range a.pointers() {
			if !yield(in) {
				return
			}
		}
	})
}
