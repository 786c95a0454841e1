package incident

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/etwhy/etwhy/decode/errorpage"
	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/decode/iisconfig"
	"github.com/etwhy/etwhy/decode/netshtext"
	"github.com/etwhy/etwhy/decode/perfmon"
	"github.com/etwhy/etwhy/decode/srum"
	"github.com/etwhy/etwhy/decode/w3c"
	"github.com/etwhy/etwhy/decode/winhttplog"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// A format is a kind of file that is neither a trace nor a container.
type format struct {
	kind      Kind
	recognise func(head []byte) bool
	// scan reads all of it once. It leaves the counts, the span, what is damaged, and in tell what
	// a timeline has to be told.
	scan func(inc *Incident, in *Input, r *io.SectionReader) error
	rank int  // the order in which a timeline is told: what a later one keeps may depend on the earlier ones
	once bool // the scan leaves all that is needed: the bytes are not read again
}

// The order in which a timeline is told.
const (
	rankSettings = iota // what the other files are read by
	rankTrace
	rankRequests
	rankLogs // of which only what the others know of may be kept
)

// formats are asked in order: one that is surer comes first.
var formats = []format{
	{timeline.KindFREB, freb.Recognise, (*Incident).scanFREB, rankRequests, true},
	{timeline.KindConfig, isConfig, (*Incident).scanConfig, rankSettings, true},
	{timeline.KindEvents, isEventLog, (*Incident).scanEvents, rankRequests, true},
	{timeline.KindETL, isConverted, (*Incident).scanConverted, rankTrace, false},
	{timeline.KindText, winhttplog.Recognise, (*Incident).scanText, rankTrace, false},
	{timeline.KindConsole, isMessages, (*Incident).scanMessages, rankTrace, true},
	{timeline.KindHTTPERR, isLog(w3c.HTTPERR), (*Incident).scanLines, rankRequests, false},
	{timeline.KindIISLog, isLog(w3c.IIS, w3c.AppService), (*Incident).scanLines, rankLogs, false},
	{timeline.KindPerf, perfmon.Recognise, (*Incident).scanCounters, rankRequests, false},
	{timeline.KindSRUM, srum.Recognise, (*Incident).scanSRUM, rankRequests, false},
	{timeline.KindPage, errorpage.Recognise, (*Incident).scanPage, rankRequests, true},
	{timeline.KindConsole, isConsole, (*Incident).scanConsole, rankSettings, true},
}

func isConfig(head []byte) bool {
	_, ok := iisconfig.Recognise(head)
	return ok
}

func isEventLog(head []byte) bool {
	_, ok := eventlog.Recognise(head)
	return ok
}

func isConsole(head []byte) bool {
	_, ok := netshtext.Recognise(head)
	return ok
}

// isLog recognises logs of some kinds.
func isLog(kinds ...w3c.Kind) func([]byte) bool {
	return func(head []byte) bool {
		kind, ok := w3c.Recognise(head)
		return ok && slices.Contains(kinds, kind)
	}
}

// scanTexts scans inputs in the order of their ranks, several at a time.
func (inc *Incident) scanTexts(inputs []*Input) {
	for rank := rankSettings; rank <= rankLogs; rank++ {
		work := make(chan *Input)
		var wg sync.WaitGroup
		for range min(runtime.GOMAXPROCS(0), 4) {
			wg.Go(func() {
				for in := range work {
					in.fault(inc.reading(in, func(r *io.SectionReader) error { return in.format.scan(inc, in, r) }))
				}
			})
		}
		for _, in := range inputs {
			if in.format != nil && in.format.rank == rank { // a scan may find that it is something else
				work <- in
			}
		}
		close(work)
		wg.Wait()
	}
}

// fault notes why the input was not read to its end.
func (in *Input) fault(err error) {
	switch {
	case err == nil:
	case in.Err == nil:
		in.Err = err
	default:
		in.Err = fmt.Errorf("%w; %w", in.Err, err)
	}
}

// scanText counts the lines of a text and finds the time that they cover.
func (inc *Incident) scanText(in *Input, r *io.SectionReader) error {
	for line, err := range winhttplog.Parse(r) {
		if err != nil {
			return err
		}
		in.Lines++
		if line.Time != 0 {
			in.cover(line.Time, line.Time)
		}
	}
	in.Entries = in.Lines
	in.tell = func(s *timeline.Session) {
		process, pid, named := winhttplog.ParseName(path.Base(in.Path))
		inc.again(in, func(r *io.SectionReader) {
			for line, err := range winhttplog.Parse(r) {
				if err != nil {
					return
				}
				if named && line.PID == 0 {
					line.Process, line.PID = process, pid
				}
				s.Text(line)
			}
		})
	}
	return nil
}

// again reads an input once more. An error was met by the scan already.
func (inc *Incident) again(in *Input, read func(*io.SectionReader)) {
	in.fault(inc.reading(in, func(r *io.SectionReader) error { read(r); return nil }))
}

// scanFREB reads a Failed Request Tracing file.
func (inc *Incident) scanFREB(in *Input, r *io.SectionReader) error {
	t, err := freb.NewReader(r)
	if err != nil {
		in.unread = true
		return err
	}
	q, err := t.Request(inc.logIDNames()...)
	for _, a := range t.Anomalies() {
		in.Damage = append(in.Damage, Damage{a.Kind.String(), a.Offset, a.Detail})
	}
	if q == nil {
		in.unread = err != nil
		return err
	}
	in.Entries = q.Events
	in.Lines = t.Count()
	if q.Start.IsZero() {
		in.Note = rootNote(q, len(in.Damage) > 0)
	}
	in.cover(q.Start, q.Start)
	in.cover(q.Last, max(q.End, q.Last))
	q.Calls = nil // hundreds in each of thousands of files, of which a timeline asks nothing
	in.tell = func(s *timeline.Session) { s.FREB(q) }
	return err
}

// rootNote quotes the root element of a file of which no event can be placed in time.
func rootNote(q *freb.Request, damaged bool) string {
	s := "no event of it has a time"
	switch {
	case q.Events == 0 && damaged:
		s = "cut before its first event"
	case q.Events == 0:
		s = "no event in it"
	}
	h := q.Header
	target, _, _ := strings.Cut(h.URL, "?")
	told := strings.TrimSpace(h.Verb + " " + target)
	if status := cmp.Or(h.Status.String(), h.TriggerStatus.String()); status != "" {
		told += " answered " + status
	}
	if h.TimeTaken > 0 {
		told += fmt.Sprintf(" after %d ms", h.TimeTaken.Milliseconds())
	}
	if h.PID != 0 {
		told += fmt.Sprintf(" in process %d", h.PID)
	}
	if h.AppPool != "" {
		told += " of pool " + h.AppPool
	}
	if !h.Activity.IsZero() {
		told += ", activity " + h.Activity.String()
	}
	if told != "" {
		s += "; its root says " + strings.TrimSpace(told)
	}
	return s + "; when that was it does not say"
}

// scanLines reads a log of IIS or HTTP.sys.
func (inc *Incident) scanLines(in *Input, r *io.SectionReader) error {
	options := w3c.Options{Name: path.Base(in.Path)}
	if names := inc.logIDNames(); len(names) > 0 {
		options.LogIDName = names[0]
	}
	log := w3c.NewReader(r, options)
	in.watch = map[etl.Time]bool{}
	var failed error
	for e, err := range log.Entries() {
		if err != nil {
			failed = err
			break
		}
		if status, _ := e.Status(); (status >= 500 || e.Kind() == w3c.HTTPERR) && e.Time != 0 && len(in.watch) < maxWatched {
			in.watch[e.Time/timeline.Minute], in.watch[e.Start()/timeline.Minute] = true, true
		}
	}
	for _, a := range log.Anomalies() {
		text := a.Text()
		if a.Line > 0 {
			text = fmt.Sprintf("line %d: %s", a.Line, text)
		}
		in.Damage = append(in.Damage, Damage{a.Kind.String(), a.Offset, text})
	}
	c := log.Coverage()
	in.cover(c.First, c.Last)
	in.Lines, in.Entries = int(log.Lines()), int(c.Entries)
	in.tell = func(s *timeline.Session) {
		narrow := options
		if inc.from != 0 { // what lies around it may be another witness, or tell how other requests fared
			narrow.From = inc.from - around
		}
		if inc.to != 0 {
			narrow.To = inc.to + around
		}
		inc.again(in, func(r *io.SectionReader) {
			n := 0
			for e, err := range w3c.NewReader(r, narrow).Entries() {
				if err != nil {
					return
				}
				n++
				s.LogEntry(e)
			}
			s.Passed(in.Entries - n)
		})
	}
	return failed
}

// scanEvents reads an event log in any of its forms.
func (inc *Incident) scanEvents(in *Input, r *io.SectionReader) error {
	log := eventlog.NewReader(r, r.Size(), eventlog.Options{Name: in.Path})
	var told []*eventlog.Entry
	kept, services, left := 0, 0, 0
	var failed error
	for e, err := range log.Entries() {
		if err != nil {
			failed = err
			break
		}
		in.computer = cmp.Or(e.Computer, in.computer) // the last one: while Windows is set up it has another name
		if e.Channel != "" && !slices.Contains(in.Channels, e.Channel) && len(in.Channels) < maxChannels {
			in.Channels = append(in.Channels, e.Channel)
		}
		f, ok := e.Fact()
		if !ok {
			continue
		}
		switch {
		case f.Kind == eventlog.ServiceState || f.Kind == eventlog.ServiceStartup:
			if services++; services > maxServices {
				continue // context at the most: nothing is concluded from there being none
			}
		case kept == maxTold:
			left++
			continue
		default:
			kept++
		}
		told = append(told, e.Clone())
	}
	if in.gaps = left > 0; in.gaps {
		in.Damage = append(in.Damage, Damage{"too-many", -1, fmt.Sprintf("%d entries tell of web servers: those after the first %d are left out", kept+left, kept)})
	}
	for _, a := range log.Anomalies() {
		in.Damage = append(in.Damage, Damage{a.Kind.String(), a.Offset, a.Text()})
	}
	c := log.Coverage()
	if !c.Local {
		in.cover(c.First, c.Last)
	}
	in.Lines, in.Entries = int(c.Entries), int(c.Entries)
	in.tell = func(s *timeline.Session) {
		for _, e := range told {
			s.Happened(e)
		}
	}
	return failed
}

// Bounds on what is kept of one event log.
const (
	maxChannels = 20
	maxTold     = 50_000 // entries that tell of web servers
	maxServices = 5_000  // those of services that start and stop: all programs of the machine have some
)

// scanConfig reads a configuration file of IIS.
func (inc *Incident) scanConfig(in *Input, r *io.SectionReader) error {
	f, err := iisconfig.Parse(r, in.Path)
	for _, a := range f.Anomalies {
		in.Damage = append(in.Damage, Damage{a.Kind.String(), -1, fmt.Sprintf("line %d: %s", a.Line, a.Detail)})
	}
	inc.settings.Lock()
	defer inc.settings.Unlock()
	for _, name := range iisconfig.NewServer(f).LogIDNames() {
		if !strings.EqualFold(name, defaultLogID) && !slices.Contains(inc.settings.logIDs, name) {
			inc.settings.logIDs = append(inc.settings.logIDs, name)
		}
	}
	in.tell = func(s *timeline.Session) { s.Settings(f) }
	return err
}

// defaultLogID is the header in which ARR passes on its identifier of a request, unless it is set otherwise.
const defaultLogID = "X-ARR-LOG-ID"

// logIDNames returns the other names that configuration files give that header.
func (inc *Incident) logIDNames() []string {
	inc.settings.Lock()
	defer inc.settings.Unlock()
	return inc.settings.logIDs
}

// scanConsole reads what a command printed.
func (inc *Incident) scanConsole(in *Input, r *io.SectionReader) error {
	t, err := netshtext.Parse(r)
	if t == nil {
		in.unread = true
		return err
	}
	for _, a := range t.Anomalies {
		in.Damage = append(in.Damage, Damage{"console-text", -1, fmt.Sprintf("line %d: %s", a.Line, a.Kind)})
	}
	in.tell = func(s *timeline.Session) { s.Console(t) }
	return err
}

// scanPage reads an error page that somebody saved.
func (inc *Incident) scanPage(in *Input, r *io.SectionReader) error {
	p, err := errorpage.Parse(r)
	if p == nil {
		in.unread = true
		return err
	}
	in.tell = func(s *timeline.Session) { s.Page(p) }
	return err
}

// scanCounters reads a log of performance counters.
func (inc *Incident) scanCounters(in *Input, r *io.SectionReader) error {
	log, err := perfmon.NewReader(r, perfmon.Options{})
	if err != nil {
		in.unread = true
		return err
	}
	for v, err := range log.Samples() {
		if err != nil {
			return err
		}
		in.Entries++
		if !v.Time.IsZero() {
			in.cover(v.Time, v.Time)
		}
	}
	in.Lines = in.Entries
	for _, a := range log.Anomalies() {
		in.Damage = append(in.Damage, Damage{a.Kind.String(), -1, fmt.Sprintf("line %d: %s", a.Line, a.Text())})
	}
	in.tell = func(s *timeline.Session) {
		inc.again(in, func(r *io.SectionReader) {
			log, err := perfmon.NewReader(r, perfmon.Options{})
			if err != nil {
				return
			}
			s.Counters(log.Header())
			for v, err := range log.Samples() {
				if err != nil {
					return
				}
				s.Sample(v)
			}
		})
	}
	return nil
}

// scanSRUM reads the account that Windows keeps of what programs sent and received.
func (inc *Incident) scanSRUM(in *Input, r *io.SectionReader) error {
	db, err := srum.NewReader(r, r.Size())
	if errors.Is(err, srum.ErrNotSRUM) {
		in.Kind, in.format, in.unread = timeline.KindOther, nil, true
		in.Note = "database of another program (ESE): nothing about requests"
		if !in.named {
			return nil
		}
		return fmt.Errorf("%w: %s", ErrUnknown, in.Note)
	}
	if err != nil {
		in.unread = true
		return err
	}
	var told []srum.Usage
	var failed error
	for u, err := range db.Usage() {
		if err != nil {
			failed = err
			break
		}
		in.Entries++
		in.cover(u.Time, u.Time)
		if len(told) < maxTold {
			told = append(told, u)
		}
	}
	var links []srum.Connectivity
	for c, err := range db.Connectivity() {
		if err != nil {
			failed = errors.Join(failed, err)
			break
		}
		if in.Entries++; len(links) < maxTold {
			links = append(links, c)
		}
	}
	in.Lines = in.Entries
	for _, a := range db.Anomalies() {
		if a.Kind == srum.Dirty { // as a copy of the database of a running system always is
			in.Note = a.Text()
			continue
		}
		if a.Offset == 0 {
			a.Offset = -1 // not known
		}
		in.Damage = append(in.Damage, Damage{a.Kind.String(), a.Offset, a.Text()})
	}
	in.tell = func(s *timeline.Session) {
		for _, u := range told {
			s.Usage(u)
		}
		for _, c := range links {
			s.Connected(c)
		}
	}
	return failed
}

// around is how much more of a log is read than the time that is asked for.
const around = 10 * timeline.Minute

// maxWatched bounds the minutes in which a log saw something go wrong: a month.
const maxWatched = 31 * 24 * 60
