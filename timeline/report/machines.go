package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// fewInputs is how many files info tells of one by one, where their machines are known.
const fewInputs = 3

// sources returns the inputs that tell something of a machine.
func (a *Analysis) sources() []int {
	var out []int
	for i := range a.Inputs {
		in := &a.Inputs[i]
		if sourceWords[in.Kind] != "" && in.DuplicateOf == "" {
			out = append(out, i)
		}
	}
	return out
}

// A holding is what there is of one kind of source of one machine.
type holding struct {
	source     string
	rank       int
	inputs     []int
	start, end etl.Time
	entries    int
	damaged    int
	gaps       [][2]etl.Time // in logs that follow each other
}

// sourceKey names the kind of source that an input is: an event log by its channel.
func (in *Input) sourceKey() string {
	if in.Kind == string(timeline.KindEvents) && len(in.Channels) == 1 {
		const most = 30
		return shorten(strings.TrimPrefix(in.Channels[0], "Microsoft-Windows-"), most) + " log"
	}
	if in.Kind == string(timeline.KindIISLog) {
		return "IIS log"
	}
	return sourceWords[in.Kind]
}

// sourceRanks is the order in which sources are listed.
var sourceRanks = []timeline.Kind{
	timeline.KindETL, timeline.KindText, timeline.KindFREB, timeline.KindIISLog, timeline.KindHTTPERR, timeline.KindEvents,
	timeline.KindConfig, timeline.KindConsole, timeline.KindPage, timeline.KindPerf, timeline.KindSRUM,
}

// rolledAfter is how long a log may be silent before its next file without there being a gap.
const rolledAfter = 10 * timeline.Minute

// holdings lists what there is of a machine.
func (a *Analysis) holdings(m *timeline.Machine) []*holding {
	var out []*holding
	index := map[string]*holding{}
	for _, i := range m.Inputs {
		in := a.inputAt(i)
		if in == nil || sourceWords[in.Kind] == "" || in.DuplicateOf != "" {
			continue
		}
		key := in.sourceKey()
		h := index[key]
		if h == nil {
			h = &holding{source: key, rank: slices.Index(sourceRanks, timeline.Kind(in.Kind))}
			index[key] = h
			out = append(out, h)
		}
		h.inputs = append(h.inputs, i)
		if in.Start != 0 && (h.start == 0 || in.Start < h.start) {
			h.start = in.Start
		}
		h.end = max(h.end, in.End)
		if in.Log != nil {
			h.entries += in.Log.events()
		} else {
			h.entries += in.Entries
		}
		if in.damages() > 0 || in.Error != "" {
			h.damaged++
		}
	}
	for _, h := range out {
		h.findGaps(a)
	}
	slices.SortStableFunc(out, func(x, y *holding) int {
		return cmp.Or(cmp.Compare(x.rank, y.rank), cmp.Compare(x.source, y.source))
	})
	return out
}

// findGaps finds the times between files of a log that none of them covers.
func (h *holding) findGaps(a *Analysis) {
	if h.rank < 0 || sourceRanks[h.rank] != timeline.KindIISLog && sourceRanks[h.rank] != timeline.KindHTTPERR {
		return // the others need not be written all the time
	}
	type span struct{ start, end etl.Time }
	var spans []span
	for _, i := range h.inputs {
		if in := a.inputAt(i); in.Start != 0 {
			spans = append(spans, span{in.Start, in.End})
		}
	}
	slices.SortFunc(spans, func(x, y span) int { return cmp.Compare(x.start, y.start) })
	until := etl.Time(0)
	for _, t := range spans {
		if until != 0 && t.start > until+rolledAfter {
			h.gaps = append(h.gaps, [2]etl.Time{until, t.start})
		}
		until = max(until, t.end)
	}
}

// roleTitles say what machines do.
var roleTitles = map[timeline.Role]string{
	timeline.RoleProxy:   "proxy (ARR)",
	timeline.RoleContent: "content server",
}

// machines lists what there is of each machine, and which time it covers.
func (s *screen) machines() {
	start, end := s.cover()
	sameDay := start.Time().Format(time.DateOnly) == end.Time().Format(time.DateOnly)
	write := func(t etl.Time) string {
		switch {
		case sameDay:
			return clock(t)
		case start.Time().Year() == end.Time().Year():
			return t.Time().Format("01-02 15:04:05")
		}
		return t.Time().Format(time.DateTime)
	}
	files := s.sources()
	head := plural(len(files), "file") + " of " + plural(len(s.Machines), "machine")
	if !start.IsZero() {
		head += ", " + start.Time().Format(time.DateOnly)
		if sameDay {
			head += " " + clock(start) + " to " + clock(end) + " UTC"
		} else {
			head += " to " + end.Time().Format(time.DateOnly) + ", times in UTC"
		}
	}
	s.headline(head+".", false)
	s.blank()
	type line struct{ source, files, span, entries string }
	lines := map[*timeline.Machine][]line{}
	var gaps []string
	var widths line
	widen := func(w *string, text string) { *w = pad(*w, displaywidth.String(text)) }
	for _, m := range s.Machines {
		for _, h := range s.holdings(m) {
			l := line{source: h.source, files: plural(len(h.inputs), "file")}
			if !h.start.IsZero() {
				l.span = write(h.start) + " to " + write(h.end)
			}
			if h.entries > 0 {
				l.entries = thousands(h.entries) + either(h.entries, " entry", " entries")
			}
			if h.damaged > 0 {
				l.entries = strings.TrimPrefix(l.entries+"; "+either(len(h.inputs), "damaged", thousands(h.damaged)+" damaged"), "; ")
			}
			widen(&widths.source, l.source)
			widen(&widths.files, l.files)
			widen(&widths.span, l.span)
			lines[m] = append(lines[m], l)
			for _, g := range h.gaps {
				gaps = append(gaps, fmt.Sprintf("%s of %s, %s to %s", h.source, cmp.Or(m.Name, "this machine"), write(g[0]), write(g[1])))
			}
		}
	}
	const most = 12
	for i, m := range s.Machines {
		if i == most {
			s.line(fmt.Sprintf("And %s more: etwhy info -f csv.", plural(len(s.Machines)-most, "machine")))
			break
		}
		s.headline(s.machineTitle(m), false)
		for _, l := range lines[m] {
			s.line(shorten("  "+pad(l.source, len(widths.source))+gap+strings.Repeat(" ", len(widths.files)-len(l.files))+l.files+gap+
				pad(l.span, len(widths.span))+gap+l.entries, s.width))
		}
	}
	const mostGaps = 4
	if n := len(gaps) - mostGaps; n > 0 {
		gaps = append(gaps[:mostGaps], fmt.Sprintf("%d more", n))
	}
	if len(gaps) > 0 {
		s.labelled("Gaps:", sentence(strings.Join(gaps, "; ")))
	}
	s.unread()
}

// machineTitle says which machine it is, what it does, where it answers and how its clock goes.
func (s *screen) machineTitle(m *timeline.Machine) string {
	parts := []string{cmp.Or(roleTitles[m.Role], "no part in it is known")}
	if m.Role == timeline.RoleUnknown {
		parts = nil
	}
	const most = 4
	addresses := slices.DeleteFunc(slices.Clone(m.Addresses), func(a string) bool { return a == m.Name })
	if n := len(addresses) - most; n > 0 {
		addresses = append(addresses[:most], fmt.Sprintf("and %d more", n))
	}
	if len(addresses) > 0 {
		parts = append(parts, strings.Join(addresses, ", "))
	}
	if d := m.ClockOffset; d != 0 && m.ClockFrom != "" {
		how := "ahead of "
		if d > 0 {
			how = "behind "
		}
		parts = append(parts, fmt.Sprintf("its clock is %s %s%s's (by %s)", offset(d.Abs()), how, m.ClockFrom, plural(m.ClockPairs, "exchange")))
	}
	name := cmp.Or(m.Name, "One machine")
	if len(parts) == 0 {
		return name
	}
	return name + ": " + strings.Join(parts, "; ")
}

// unread lists what is damaged, a copy, or not read at all.
func (s *screen) unread() {
	const most = 5
	copies, others := 0, 0
	var failed, notes []string
	for i := range s.Inputs {
		in := &s.Inputs[i]
		switch {
		case in.DuplicateOf != "":
			copies++
		case in.Error != "":
			failed = append(failed, in.Path+": "+clause(in.Error))
		case in.Note != "":
			notes = append(notes, shortPath(in.Path)+": "+clause(in.Note))
		case in.Kind == string(timeline.KindOther):
			others++
		}
	}
	list := func(label string, texts []string) {
		if n := len(texts) - most; n > 0 {
			texts = append(texts[:most], fmt.Sprintf("%d more", n))
		}
		if len(texts) > 0 {
			s.labelled(label, sentence(strings.Join(texts, "; ")))
		}
	}
	list("Not read, or not to the end:", failed)
	list("Not read here:", notes)
	if copies > 0 {
		s.text(plural(copies, "file")+either(copies, " is a copy of another.", " are copies of others."), 2)
	}
	if others > 0 {
		s.text("And "+plural(others, "other file")+" that etwhy does not read.", 2)
	}
}

// A wanted is a source that a verdict may rest on: what it is called, and how to get it.
type wanted struct {
	key      string   // see sourceKey
	words    string   // to ask for it
	commands []string // that copy what is there already
	record   []string // what has to be switched on before the failure is repeated
	timeless bool     // it does not matter which time it covers
}

// The sources that verdicts rest on.
var (
	wantTrace = wanted{key: "trace", words: "a trace"} // its commands depend on the version of Windows
	wantFREB  = wanted{
		key: "FREB", words: "Failed Request Tracing",
		commands: []string{`xcopy /s /y %SystemDrive%\inetpub\logs\FailedReqLogFiles FailedReqLogFiles\`},
		record: []string{
			`%windir%\System32\inetsrv\appcmd configure trace "Default Web Site" /enablesite`,
			`%windir%\System32\inetsrv\appcmd configure trace "Default Web Site" /enable /path:* /statusCodes:400-999 /timeTaken:00:00:20 /verbosity:Verbose`,
		},
	}
	wantLog = wanted{
		key: "IIS log", words: "IIS log",
		commands: []string{`netsh http flush logbuffer`, `xcopy /s /y %SystemDrive%\inetpub\logs\LogFiles LogFiles\`},
	}
	wantHTTPERR = wanted{
		key: "HTTPERR", words: "HTTPERR",
		commands: []string{`netsh http flush logbuffer`, `xcopy /s /y %windir%\System32\LogFiles\HTTPERR HTTPERR\`},
	}
	wantSystem      = wanted{key: "System log", words: "System event log", commands: []string{`wevtutil epl System System.evtx`}}
	wantApplication = wanted{key: "Application log", words: "Application event log", commands: []string{`wevtutil epl Application Application.evtx`}}
	wantConfig      = wanted{
		key: "config", words: "applicationHost.config", timeless: true,
		commands: []string{`copy %windir%\System32\inetsrv\config\applicationHost.config`},
	}
)

// A need says what a verdict on a kind of failure rests on, of the machine that had the request and of the server
// behind it.
type need struct {
	what        string
	fits        func(r *timeline.Request) bool
	front, back []wanted
}

var (
	fromServer = []wanted{wantLog, wantHTTPERR, wantFREB, wantSystem, wantApplication}
	passedOn   = func(r *timeline.Request) bool { return r.Proxied || r.Side == timeline.Client }
)

// needs are asked in order; the first that fits counts.
var needs = []need{
	{"502.4", func(r *timeline.Request) bool { return r.Status == 502 && r.SubStatus == 4 },
		[]wanted{wantLog, wantFREB, wantConfig, wantSystem}, []wanted{wantLog}},
	{"502.3", func(r *timeline.Request) bool { return r.Status == 502 && r.SubStatus == 3 },
		[]wanted{wantTrace, wantFREB, wantLog, wantConfig}, fromServer},
	{"503", func(r *timeline.Request) bool { return r.Status == 503 && !passedOn(r) },
		[]wanted{wantHTTPERR, wantLog, wantSystem, wantApplication, wantConfig}, nil},
	{"a 5xx of the server behind", func(r *timeline.Request) bool { return r.Status >= 500 && passedOn(r) },
		[]wanted{wantLog}, fromServer},
	{"500", func(r *timeline.Request) bool { return r.Status >= 500 },
		[]wanted{wantLog, wantFREB, wantApplication}, nil},
	{"requests without an answer", passedOn,
		[]wanted{wantTrace}, fromServer},
}

// A lack is what is missing of one machine.
type lack struct {
	name    string
	machine *timeline.Machine // nil = there is no file of it
	wants   []wanted
	words   []string
}

// lacking says what is missing for a verdict on each kind of failure, and how to collect it.
func (s *screen) lacking() {
	done := map[*timeline.Request]bool{}
	var all []*lack
	failed := false
	for _, n := range needs {
		var list []*timeline.Request
		for _, r := range s.Everything {
			if r.Outcome == timeline.Failed && r.Traffic == timeline.App && !done[r] && n.fits(r) {
				list = append(list, r)
				done[r] = true
			}
		}
		if len(list) == 0 {
			continue
		}
		failed = true
		lacks := s.lacks(n, list)
		from, to := spanOf(list)
		head := fmt.Sprintf("for a verdict on %s (%s, %s)", n.what, plural(len(list), "request"), spanWords(from, to))
		s.blank()
		if len(lacks) == 0 {
			s.text("Nothing is missing "+head+".", 2)
			continue
		}
		s.headline("Missing "+head+":", false)
		for _, l := range lacks {
			s.indented(l.name + ": " + sentence(strings.Join(l.words, "; ")))
			i := slices.IndexFunc(all, func(o *lack) bool { return o.name == l.name })
			if i < 0 {
				all = append(all, &lack{name: l.name, machine: l.machine})
				i = len(all) - 1
			}
			for _, w := range l.wants {
				if !slices.ContainsFunc(all[i].wants, func(o wanted) bool { return o.key == w.key }) {
					all[i].wants = append(all[i].wants, w)
				}
			}
		}
	}
	if !failed && len(s.Machines) > 0 {
		s.blank()
		s.line("No request failed in these files, as far as they tell.")
	}
	s.collect(all)
}

func spanOf(list []*timeline.Request) (from, to etl.Time) {
	from = list[0].Start
	for _, r := range list {
		from, to = min(from, r.Start), max(to, r.Start, r.End)
	}
	return from, to
}

// spanWords writes a span of time, with its days if it is of several; one moment if it is within a second.
func spanWords(from, to etl.Time) string {
	write := clock
	if clock(from) == clock(to) && to.Sub(from).Abs() < time.Second {
		return clock(from) + " UTC"
	}
	if from.Time().Format(time.DateOnly) != to.Time().Format(time.DateOnly) {
		write = func(t etl.Time) string { return t.Time().Format(time.DateTime) }
	}
	return write(from) + " to " + write(to) + " UTC"
}

// datedSpan writes a span of time with its day, or days.
func datedSpan(from, to etl.Time) string {
	s := spanWords(from, to)
	if day := from.Time().Format(time.DateOnly); !strings.HasPrefix(s, day) {
		s = day + " " + s
	}
	return s
}

// lacks compares what is needed for a verdict on some requests with what there is.
func (s *screen) lacks(n need, list []*timeline.Request) []*lack {
	fronts, backs := map[*timeline.Machine][]*timeline.Request{}, map[string][]*timeline.Request{}
	var order []*timeline.Machine
	var names []string
	for _, r := range list {
		if m := s.machineOf(r.Input); m != nil {
			if fronts[m] == nil {
				order = append(order, m)
			}
			fronts[m] = append(fronts[m], r)
		}
		if name := s.behindName(r); name != "" && n.back != nil && s.inFarm(r) {
			if backs[name] == nil {
				names = append(names, name)
			}
			backs[name] = append(backs[name], r)
		}
	}
	var out []*lack
	for _, m := range order {
		if l := s.lack(cmp.Or(m.Name, "this machine"), m, n.front, fronts[m]); l != nil {
			out = append(out, l)
		}
	}
	const most = 4
	for i, name := range names {
		if i == most {
			break // the others lack the same
		}
		m := s.machineNamed(name)
		if m != nil && fronts[m] != nil {
			continue // one machine for both
		}
		if l := s.lack(name, m, n.back, backs[name]); l != nil {
			out = append(out, l)
		}
	}
	return out
}

func (a *Analysis) machineOf(input int) *timeline.Machine {
	if input < 0 || input >= len(a.Traces) {
		return nil
	}
	return a.Traces[input].Machine
}

// inFarm reports whether a request was passed on to a server that is one's own: what programs ask of others need not
// even be a server of IIS.
func (s *screen) inFarm(r *timeline.Request) bool {
	m := s.machineOf(r.Input)
	return r.Proxied || r.LogID != "" || r.Farm != "" || m != nil && m.Role == timeline.RoleProxy || s.machineNamed(s.behindName(r)) != nil
}

// behindName names the server that a request was passed on to: by its machine, if there are files of it, else by
// its address.
func (s *screen) behindName(r *timeline.Request) string {
	if r.Behind != nil {
		if m := s.machineOf(r.Behind.Input); m != nil && m.Name != "" {
			return m.Name
		}
	}
	host, _ := timeline.SplitHost(r.Server)
	if m := s.machineNamed(host); m != nil && m.Name != "" {
		return m.Name
	}
	return host
}

// machineNamed finds a machine by its name or one of its addresses.
func (a *Analysis) machineNamed(name string) *timeline.Machine {
	for _, m := range a.Machines {
		if name != "" && (strings.EqualFold(m.Name, name) || slices.Contains(m.Addresses, name)) {
			return m
		}
	}
	return nil
}

// quiet is for how long a log may have had nothing to say.
const quiet = timeline.Minute

// lack compares what there is of one machine with what is wanted of it about some requests; nil if it is all there.
func (s *screen) lack(name string, m *timeline.Machine, wants []wanted, list []*timeline.Request) *lack {
	l := &lack{name: name, machine: m}
	var there []*holding
	if m == nil {
		l.name += " (no file of it is here)"
	} else {
		there = s.holdings(m)
	}
	from, to := spanOf(list)
	if m != nil && m.ClockFrom != "" {
		from, to = from.Add(-m.ClockOffset), to.Add(-m.ClockOffset)
	}
	for _, w := range wants {
		i := slices.IndexFunc(there, func(h *holding) bool { return h.source == w.key })
		words := w.words
		isEventLog := w.key == wantSystem.key || w.key == wantApplication.key
		switch {
		case i < 0:
		case w.timeless, w.key == wantFREB.key: // a file per failure
			continue
		case there[i].start > from+quiet, there[i].start > from && isEventLog: // what it tells came before the failure
			words += fmt.Sprintf(" from before %s (this one begins at %s)", clock(from), clock(there[i].start))
		case there[i].end+quiet < to && !isEventLog: // those are silent if all is well
			words += fmt.Sprintf(" up to %s (this one ends at %s)", clock(to), clock(there[i].end))
		default:
			continue
		}
		l.words = append(l.words, words)
		l.wants = append(l.wants, w)
	}
	if len(l.wants) == 0 {
		return nil
	}
	return l
}

// collect gives the commands that collect what is missing.
func (s *screen) collect(all []*lack) {
	const most = 3
	var told []string
	for _, l := range all {
		var now, again []string
		add := func(list *[]string, commands []string) {
			for _, c := range commands {
				if !slices.Contains(*list, c) {
					*list = append(*list, c)
				}
			}
		}
		for _, w := range l.wants {
			add(&now, w.commands)
			add(&again, w.record)
			if w.key == wantTrace.key {
				add(&again, timeline.CaptureCommands(s.build(l.machine)))
			}
		}
		name, _, _ := strings.Cut(l.name, " (")
		same := strings.Join(now, "\n") + "\n\n" + strings.Join(again, "\n")
		if slices.Contains(told, same) {
			s.labelled("On "+name+":", "the same.")
			continue
		}
		if len(told) == most {
			break
		}
		told = append(told, same)
		s.blank()
		if len(now) > 0 {
			s.labelled("On "+name+", as administrator,", "copy what is there into one folder:")
			for _, c := range now {
				s.command(c)
			}
		}
		if len(again) > 0 {
			s.labelled("On "+name+",", "before the failure is repeated:")
			for _, c := range again {
				s.command(c)
			}
		}
	}
	if len(told) > 0 {
		s.blank()
		s.labelled("Careful:", "such files hold addresses, query strings, user names and, in traces, passwords in clear. Share the answer, not the files.")
	}
}

// build is the version of Windows of a machine, by its traces or else by any; 0 = unknown.
func (a *Analysis) build(m *timeline.Machine) uint32 {
	any := uint32(0)
	for i := range a.Inputs {
		if l := a.Inputs[i].Log; l != nil {
			any = cmp.Or(any, l.Header.Build)
			if m != nil && slices.Contains(m.Inputs, i) {
				return l.Header.Build
			}
		}
	}
	return any
}
