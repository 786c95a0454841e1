package report

import (
	"bufio"
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// The structs of this file fix names and order of the JSON output. A nil pointer is null: unknown.

type inputJSON struct {
	Path            string         `json:"path"`
	Container       *string        `json:"container"`
	Kind            string         `json:"kind"`
	Size            *int64         `json:"size"`
	SHA256          *string        `json:"sha256"`
	Machine         *string        `json:"machine"`
	Role            *string        `json:"role"`
	Start           *momentJSON    `json:"start"`
	End             *momentJSON    `json:"end"`
	UTCOffsetMin    *int           `json:"utc_offset_min"`
	OSBuild         *uint32        `json:"os_build"`
	PointerSize     *uint32        `json:"pointer_size"`
	Clock           *string        `json:"clock"`
	Records         *int           `json:"records"`
	RecordsByKind   *kindsJSON     `json:"records_by_kind"`
	Events          *int           `json:"events"`
	Undecoded       *int           `json:"undecoded"`
	EventsLost      *uint32        `json:"events_lost"`
	BuffersLost     *uint32        `json:"buffers_lost"`
	SequenceGaps    *uint64        `json:"sequence_gaps"`
	Open            *bool          `json:"open"`
	Providers       []providerJSON `json:"providers"`
	Anomalies       []anomalyJSON  `json:"anomalies"`
	ClockOffsetMS   *durationJSON  `json:"clock_offset_ms"`
	ClockOffsetFrom *string        `json:"clock_offset_from"`
	Error           *string        `json:"error"`
	DuplicateOf     *string        `json:"duplicate_of"`
	Compression     *string        `json:"compression"`
	Note            *string        `json:"note"`
}

type kindsJSON struct {
	Event   int `json:"event"`
	Classic int `json:"classic"`
	Kernel  int `json:"kernel"`
	Message int `json:"message"`
	Other   int `json:"other"`
}

type providerJSON struct {
	GUID   string  `json:"guid"`
	Name   *string `json:"name"`
	Events int     `json:"events"`
}

type anomalyJSON struct {
	Kind   string `json:"kind"`
	Offset int64  `json:"offset"`
	Detail string `json:"detail"`
}

type requestJSON struct {
	ID         string          `json:"id"`
	Input      *string         `json:"input"`
	Side       string          `json:"side"`
	Proxied    bool            `json:"proxied"`
	PID        *uint32         `json:"pid"`
	Process    *string         `json:"process"`
	AppPool    *string         `json:"app_pool"`
	Method     *string         `json:"method"`
	URL        *string         `json:"url"`
	Host       *string         `json:"host"`
	Server     *string         `json:"server"`
	Start      *momentJSON     `json:"start"`
	Duration   *durationJSON   `json:"duration_ms"`
	Status     *int            `json:"status"`
	Substatus  *int            `json:"substatus"`
	Traffic    string          `json:"traffic"`
	Outcome    string          `json:"outcome"`
	Phase      *string         `json:"phase"`
	Error      *codeJSON       `json:"error"`
	WinHTTP    *winHTTPJSON    `json:"winhttp"`
	Phases     []phaseJSON     `json:"phases"`
	Attempts   []attemptJSON   `json:"attempts"`
	Restarts   int             `json:"restarts"`
	Partial    *string         `json:"partial"`
	MadeBy     *madeByJSON     `json:"made_by"`
	Timer      *timerJSON      `json:"timer"`
	Connection *connectionJSON `json:"connection"`
	LogID      *string         `json:"log_id"`
	Client     *string         `json:"client"`
	Farm       *string         `json:"farm"`
	Verdict    *verdictJSON    `json:"verdict"`
	Related    []relatedJSON   `json:"related"`
	// Behind the names that scripts rely on:
	Behind *behindJSON `json:"behind"`
	// A content server's view of a request that its proxy has as well, and that could not be joined with that: it is
	// listed, and counts under summary.unjoined only.
	Unjoined bool `json:"unjoined"`
}

type behindJSON struct {
	Input     *string       `json:"input"`
	Start     *momentJSON   `json:"start"`
	Duration  *durationJSON `json:"duration_ms"`
	Status    *int          `json:"status"`
	Substatus *int          `json:"substatus"`
	Phases    []phaseJSON   `json:"phases"`
}

type discoveryJSON struct {
	Machine *string      `json:"machine"`
	Verdict *verdictJSON `json:"verdict"`
}

type codeJSON struct {
	Code uint32  `json:"code"`
	Hex  string  `json:"hex"`
	Name *string `json:"name"`
}

type winHTTPJSON struct {
	Code    uint32  `json:"code"`
	HResult string  `json:"hresult"`
	Name    *string `json:"name"`
	From    *string `json:"from"`
}

type phaseJSON struct {
	Name     string        `json:"name"`
	Start    *momentJSON   `json:"start"`
	Duration *durationJSON `json:"duration_ms"`
	Outcome  string        `json:"outcome"`
	Error    *codeJSON     `json:"error"`
	Detail   *string       `json:"detail"`
}

type attemptJSON struct {
	URL    *string     `json:"url"`
	Status *int        `json:"status"`
	Start  *momentJSON `json:"start"`
	Error  *codeJSON   `json:"error"`
}

type madeByJSON struct {
	Tier   *string `json:"tier"`
	Module *string `json:"module"`
}

type timerJSON struct {
	Name   string       `json:"name"`
	MS     durationJSON `json:"ms"`
	Source string       `json:"source"`
}

type connectionJSON struct {
	Local  *string       `json:"local"`
	Remote *string       `json:"remote"`
	Reused bool          `json:"reused"`
	AgeMS  *durationJSON `json:"age_ms"`
	IdleMS *durationJSON `json:"idle_ms"`
}

type verdictJSON struct {
	ID         string          `json:"id"`
	Title      string          `json:"title"`
	Confidence string          `json:"confidence"`
	Evidence   []evidenceJSON  `json:"evidence"`
	NextSteps  []string        `json:"next_steps"`
	Rejected   []rejectionJSON `json:"rejected"`
	// Behind the names that scripts rely on:
	Open    *string  `json:"open"`
	Context []string `json:"context"`
	AtLeast bool     `json:"at_least"` // there were more such requests than the files have
}

type evidenceJSON struct {
	Input *string     `json:"input"`
	Time  *momentJSON `json:"time"`
	Text  string      `json:"text"`
	// Behind the names that scripts rely on:
	placeJSON
}

// placeJSON is where in the input something stands.
type placeJSON struct {
	Line   *int        `json:"line"`
	Record *recordJSON `json:"record"`
}

// recordJSON is written as a number or, beyond those that every reader of JSON keeps exactly, as a string.
type recordJSON uint64

func (n recordJSON) MarshalJSON() ([]byte, error) {
	const exact = 1 << 53
	if n > exact {
		return strconv.AppendQuote(nil, strconv.FormatUint(uint64(n), 10)), nil
	}
	return strconv.AppendUint(nil, uint64(n), 10), nil
}

func newPlace(p timeline.Place) placeJSON {
	return placeJSON{known(p.Line), known(recordJSON(p.Record))}
}

type rejectionJSON struct {
	ID  string `json:"id"`
	Why string `json:"why"`
}

type relatedJSON struct {
	Input      *string     `json:"input"`
	Kind       string      `json:"kind"`
	By         *string     `json:"by"`
	Confidence string      `json:"confidence"`
	Time       *momentJSON `json:"time"`
	Text       *string     `json:"text"`
	// Behind the names that scripts rely on:
	placeJSON
	Request *string `json:"request"` // id of another request; null = a view of this one
}

type summaryJSON struct {
	Requests    int                `json:"requests"`
	OK          int                `json:"ok"`
	Failed      int                `json:"failed"`
	Cancelled   int                `json:"cancelled"`
	Unfinished  int                `json:"unfinished"`
	FilteredOut int                `json:"filtered_out"`
	Verdicts    []verdictCountJSON `json:"verdicts"`
	// Not part of the numbers above:
	Probes       int         `json:"probes"`
	Background   int         `json:"background"`
	Unattributed int         `json:"unattributed"` // but of these
	Unjoined     int         `json:"unjoined"`     // listed requests of content servers that the proxy's count has
	Counted      countedJSON `json:"counted"`      // of the requests, those that are not listed: lines of logs beyond what there is room for
}

type countedJSON struct {
	OK        int `json:"ok"`
	Failed    int `json:"failed"`
	Cancelled int `json:"cancelled"`
}

type verdictCountJSON struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Count int    `json:"count"`
}

// momentJSON is written as RFC 3339 with 7 decimals.
type momentJSON etl.Time

func (m momentJSON) MarshalJSON() ([]byte, error) {
	return append(etl.Time(m).AppendText([]byte{'"'}), '"'), nil
}

// durationJSON is written in milliseconds with up to 4 decimals.
type durationJSON time.Duration

func (d durationJSON) MarshalJSON() ([]byte, error) { return appendMillis(nil, time.Duration(d)), nil }

// known returns nil for the zero value, which stands for "unknown".
func known[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func knownMoment(t etl.Time) *momentJSON { return known(momentJSON(t)) }

// between returns the time from start to end, or nil if there is no end.
func between(start, end etl.Time) *durationJSON {
	if start.IsZero() || end.IsZero() {
		return nil
	}
	d := durationJSON(end.Sub(start))
	return &d
}

func newCode(c timeline.Code) *codeJSON {
	if c == 0 {
		return nil
	}
	return &codeJSON{uint32(c), winerr.Hex(uint32(c)), known(winerr.Name(uint32(c)))}
}

func newInput(in *Input) inputJSON {
	out := inputJSON{
		Path: in.Path, Container: known(in.Container), Kind: in.Kind, SHA256: known(in.SHA256),
		Machine: known(in.Machine), Role: known(in.Role), Start: knownMoment(in.Start), End: knownMoment(in.End),
		Records: known(in.Lines), Events: known(in.Entries),
		Providers: []providerJSON{}, Anomalies: []anomalyJSON{},
		Error: known(in.Error), DuplicateOf: known(in.DuplicateOf), Note: known(in.Note),
	}
	if in.Size >= 0 {
		out.Size = &in.Size
	}
	for _, d := range in.Damage {
		out.Anomalies = append(out.Anomalies, anomalyJSON(d))
	}
	if in.ClockOffsetFrom != "" {
		d := durationJSON(in.ClockOffset.Sub(0))
		out.ClockOffsetMS, out.ClockOffsetFrom = &d, &in.ClockOffsetFrom
	}
	l := in.Log
	if l == nil {
		return out
	}
	h := &l.Header
	offset, clock, open, compression := in.utcOffset(), h.Clock.String(), h.Open(), l.Compression.String()
	out.UTCOffsetMin, out.Clock, out.Open, out.Compression = &offset, &clock, &open, &compression
	out.OSBuild, out.PointerSize = known(h.Build), known(h.PointerSize)
	if in.DuplicateOf != "" {
		return out // not counted
	}
	total := l.total()
	out.Records, out.Events = &total, &l.Records[etl.KindEvent]
	out.RecordsByKind = &kindsJSON{
		l.Records[etl.KindEvent], l.Records[etl.KindClassic], l.Records[etl.KindKernel],
		l.Records[etl.KindMessage], l.Records[etl.KindOther],
	}
	out.Undecoded = l.Undecoded
	if n, ok := l.eventsLost(); ok {
		out.EventsLost = &n
	}
	if n, ok := l.buffersLost(); ok {
		out.BuffersLost = &n
	}
	out.SequenceGaps = &l.Loss.SequenceGaps
	for _, p := range l.Providers {
		out.Providers = append(out.Providers, providerJSON{p.GUID.String(), known(p.Name), p.Events})
	}
	for _, a := range l.Anomalies {
		out.Anomalies = append(out.Anomalies, anomalyJSON{a.Kind.String(), a.Offset, a.Detail})
	}
	return out
}

func (a *Analysis) newRequest(r *timeline.Request) requestJSON {
	out := requestJSON{
		ID: r.ID, Input: known(a.source(r.Input)), Side: r.Side.String(), Proxied: r.Proxied,
		PID: known(r.PID), Process: known(r.Process), AppPool: known(r.AppPool),
		Method: known(r.Method), URL: known(r.URL), Host: known(r.Host), Server: known(r.Server),
		Start: knownMoment(r.Start), Duration: between(begin(r), r.End),
		Status: known(r.Status), Traffic: r.Traffic.String(), Outcome: r.Outcome.String(), Phase: known(string(r.Phase)),
		Error: newCode(r.Error), Attempts: []attemptJSON{}, Restarts: r.Restarts,
		Partial: known(r.Partial.String()), LogID: known(r.LogID), Client: known(r.Client), Farm: known(r.Farm), Related: []relatedJSON{},
		Unjoined: r.Loose,
	}
	if r.HasSub {
		out.Substatus = &r.SubStatus
	}
	if w := r.WinHTTP; w.Code != 0 {
		code := uint32(w.Code)
		out.WinHTTP = &winHTTPJSON{code, winerr.Hex(winerr.HResultFromWin32(code)), known(winerr.Name(code)), known(w.From.String())}
	}
	out.Phases = newPhases(r.Phases)
	for _, t := range r.Attempts {
		out.Attempts = append(out.Attempts, attemptJSON{known(t.URL), known(t.Status), knownMoment(t.Start), newCode(t.Error)})
	}
	if m := r.MadeBy; m != nil {
		out.MadeBy = &madeByJSON{known(m.Tier), known(m.Module)}
	}
	if t := r.Timer; t != nil {
		out.Timer = &timerJSON{t.Name, durationJSON(t.Limit), t.Source}
	}
	if c := r.Connection; c != nil {
		out.Connection = &connectionJSON{known(c.Local), known(c.Remote), c.Reused, between(c.Opened, max(c.Opened, r.Start)), nil}
		if c.Reused {
			out.Connection.IdleMS = known(durationJSON(c.Idle))
		}
	}
	if v := r.Verdict; v != nil {
		out.Verdict = a.newVerdict(v)
	}
	if b := r.Behind; b != nil {
		out.Behind = &behindJSON{
			Input: known(a.source(b.Input)), Start: knownMoment(b.Start), Duration: known(durationJSON(b.Took)),
			Status: known(b.Status), Phases: newPhases(b.Phases),
		}
		if b.HasSub {
			out.Behind.Substatus = &b.SubStatus
		}
	}
	for _, e := range r.Related {
		out.Related = append(out.Related, relatedJSON{
			known(a.source(e.Input)), e.Kind, known(e.By), e.Confidence.String(), knownMoment(e.Time), known(e.Text), newPlace(e.Place), nil,
		})
		if e.Request != nil {
			out.Related[len(out.Related)-1].Request = &e.Request.ID
		}
	}
	return out
}

func newPhases(list []timeline.Phase) []phaseJSON {
	out := make([]phaseJSON, len(list))
	for i := range list {
		p := &list[i]
		out[i] = phaseJSON{string(p.Name), knownMoment(p.Start), between(p.Start, p.End), p.Outcome.String(), newCode(p.Error), known(p.Detail)}
	}
	return out
}

func (a *Analysis) newDiscovery(d timeline.Discovery) discoveryJSON {
	out := discoveryJSON{Verdict: a.newVerdict(d.Verdict)}
	if d.Machine != nil {
		out.Machine = known(d.Machine.Name)
	}
	return out
}

func (a *Analysis) newVerdict(v *timeline.Verdict) *verdictJSON {
	out := &verdictJSON{
		ID: v.ID, Title: v.Title, Confidence: v.Confidence.String(),
		Evidence: []evidenceJSON{}, NextSteps: []string{}, Rejected: []rejectionJSON{},
		Open: known(v.Open), Context: append([]string{}, v.Context...), AtLeast: v.AtLeast,
	}
	for _, e := range v.Evidence {
		out.Evidence = append(out.Evidence, evidenceJSON{known(a.source(e.Input)), knownMoment(e.Time), e.Text, newPlace(e.Place)})
	}
	out.NextSteps = append(append(out.NextSteps, v.DoNow...), v.FindOut...)
	for _, r := range v.Rejected {
		out.Rejected = append(out.Rejected, rejectionJSON{r.ID, r.Why})
	}
	return out
}

// newSummary counts. Verdicts with the same id and title have one entry, the most frequent first.
func (a *Analysis) newSummary() summaryJSON {
	a, loose := a.apart()
	n := a.count()
	out := summaryJSON{
		Requests: n[timeline.OK] + n[timeline.Failed] + n[timeline.Cancelled] + n[timeline.Unfinished], OK: n[timeline.OK], Failed: n[timeline.Failed],
		Cancelled: n[timeline.Cancelled], Unfinished: n[timeline.Unfinished],
		FilteredOut: a.FilteredOut, Verdicts: []verdictCountJSON{}, Unattributed: a.Unattributed,
		Unjoined: len(loose),
	}
	more := a.counted()
	out.Counted = countedJSON{OK: more.OK, Failed: more.Failed, Cancelled: more.Cancelled}
	for _, r := range a.Aside {
		if r.Traffic == timeline.Probe {
			out.Probes++
		} else {
			out.Background++
		}
	}
	type claim struct{ id, title string }
	index := map[claim]int{}
	for _, r := range a.Requests {
		if r.Verdict == nil {
			continue
		}
		c := claim{r.Verdict.ID, r.Verdict.Title}
		i, ok := index[c]
		if !ok {
			i = len(out.Verdicts)
			index[c] = i
			out.Verdicts = append(out.Verdicts, verdictCountJSON{c.id, c.title, 0})
		}
		out.Verdicts[i].Count++
	}
	slices.SortStableFunc(out.Verdicts, func(a, b verdictCountJSON) int { return cmp.Compare(b.Count, a.Count) })
	return out
}

// A jsonWriter writes JSON values one after the other, each on a line. Its error is sticky.
type jsonWriter struct {
	w   *bufio.Writer
	enc *json.Encoder
	err error
}

func newJSONWriter(w io.Writer) *jsonWriter {
	j := &jsonWriter{w: bufio.NewWriterSize(w, 1<<16)}
	j.enc = json.NewEncoder(j.w)
	j.enc.SetEscapeHTML(false) // it goes to no browser
	return j
}

// value writes v and a line break.
func (j *jsonWriter) value(v any) {
	if j.err == nil {
		j.err = j.enc.Encode(v)
	}
}

func (j *jsonWriter) raw(s string) {
	if j.err == nil {
		_, j.err = j.w.WriteString(s)
	}
}

// member begins the next member of an object, and writes its value if there is one.
func (j *jsonWriter) member(lead, name string, v any) {
	j.raw(lead + strconv.Quote(name) + ":")
	if v != nil {
		j.value(v)
	}
}

func (j *jsonWriter) close() error {
	if j.err == nil {
		j.err = j.w.Flush()
	}
	return j.err
}

// writeArray writes the values of a list, each on a line of its own.
func writeArray[T, V any](j *jsonWriter, list []T, value func(T) V) {
	j.raw("[\n")
	for i, v := range list {
		if i > 0 {
			j.raw(",")
		}
		j.value(value(v))
	}
	j.raw("]\n")
}

// head writes what analysis and info have in common, and leaves the object open.
func (a *Analysis) head(j *jsonWriter, schema string) {
	j.member("{", "schema", schema)
	j.member(",", "tool", a.Tool)
	j.member(",", "redaction", a.redaction())
	j.member(",", "inputs", nil)
	writeArray(j, a.pointers(), newInput)
}

// pointers returns the inputs without copying them.
func (a *Analysis) pointers() []*Input {
	out := make([]*Input, len(a.Inputs))
	for i := range a.Inputs {
		out[i] = &a.Inputs[i]
	}
	return out
}

func analysisJSON(w io.Writer, a *Analysis, _ Options) error {
	j := newJSONWriter(w)
	a.head(j, "etwhy/analysis/1")
	j.member(",", "requests", nil)
	writeArray(j, a.Requests, a.newRequest)
	j.member(",", "summary", a.newSummary())
	j.member(",", "discoveries", nil)
	writeArray(j, a.Discoveries, a.newDiscovery)
	j.raw("}\n")
	return j.close()
}

func analysisNDJSON(w io.Writer, a *Analysis, _ Options) error {
	j := newJSONWriter(w)
	for _, r := range a.Requests {
		j.value(a.newRequest(r))
	}
	return j.close()
}

func infoJSON(w io.Writer, a *Analysis, _ Options) error {
	j := newJSONWriter(w)
	a.head(j, "etwhy/info/1")
	j.raw("}\n")
	return j.close()
}

func infoNDJSON(w io.Writer, a *Analysis, _ Options) error {
	j := newJSONWriter(w)
	for i := range a.Inputs {
		j.value(newInput(&a.Inputs[i]))
	}
	return j.close()
}

func explainJSON(w io.Writer, meanings []winerr.Meaning, _ Options) error {
	j := newJSONWriter(w)
	writeArray(j, meanings, func(m winerr.Meaning) winerr.Meaning { return m })
	return j.close()
}
