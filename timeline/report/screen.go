package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// screenLines is how long an answer may be, whatever it is about.
const screenLines = 40

// analysisScreen answers: what failed, where, why, how sure, what next.
func analysisScreen(w io.Writer, a *Analysis, opt Options) error {
	s := &screen{a, newPage(opt)}
	switch failed := groups(a.Requests, timeline.Failed); {
	case len(failed) > 0:
		s.failures(failed)
	case len(a.Requests) > 0:
		s.healthy()
	default:
		s.nothing()
	}
	return s.writeTo(w, screenLines)
}

// A screen is the page of an analysis in the making.
type screen struct {
	*Analysis
	*page
}

// shownGroups is how many groups of failures are told of one by one.
const shownGroups = 4

// failures tells of the requests that failed.
func (s *screen) failures(failed []*group) {
	total := 0
	for _, g := range failed {
		total += len(g.requests)
	}
	head := fmt.Sprintf("%s of %s", thousands(total), plural(len(s.Requests), "request"))
	if len(s.Requests) == 1 {
		head = "The only request"
	}
	if who := owners(s.Requests); who != "" {
		head += " of " + who
	}
	if len(failed) == 1 {
		s.headline(head+" failed: "+sentence(failed[0].title()), true)
	} else {
		s.headline(fmt.Sprintf("%s failed, in %s ways.", head, thousands(len(failed))), true)
	}
	s.warnings()
	s.blank()
	for i, g := range failed[:min(len(failed), shownGroups)] {
		if len(failed) > 1 {
			s.groupTitle(g, i > 0)
		}
		if i == 0 {
			s.story(g)
			s.block(extra)
			s.servers(g.first())
			s.block(needed)
			s.actions(g)
		} else {
			s.summary(g)
		}
		if len(failed) > 1 {
			s.blank()
		}
	}
	if len(failed) > 1 || total > shownIDs {
		s.others(failed[min(len(failed), shownGroups):])
	}
	s.unhappy()
	s.footer()
}

// healthy tells of requests none of which failed.
func (s *screen) healthy() {
	n := s.count()
	head := "No failed requests: " + thousands(len(s.Requests))
	served := !slices.ContainsFunc(s.Requests, func(r *timeline.Request) bool { return r.Side != timeline.Server })
	who := owners(s.Requests)
	switch {
	case served && who != "":
		head += " served by " + who
	case served:
		head += " served"
	case who != "":
		head += " of " + who
	}
	if n[timeline.OK] == len(s.Requests) {
		head += ", all answered."
	} else {
		head += ", " + outcomes(n) + "."
	}
	var slowest *timeline.Request
	for _, r := range s.Requests {
		if r.Outcome == timeline.OK && (slowest == nil || r.Duration() > slowest.Duration()) {
			slowest = r
		}
	}
	if slowest != nil && slowest.Duration() > 0 {
		head += " Slowest " + took(slowest.Duration()) + "."
	}
	s.headline(head, false)
	s.warnings()
	s.extent()
	s.blank()
	for i, g := range slices.Concat(groups(s.Requests, timeline.Unfinished), groups(s.Requests, timeline.Cancelled)) {
		if i == shownGroups {
			break
		}
		s.groupTitle(g, i > 0)
		if i == 0 {
			s.story(g)
			s.actions(g)
		} else {
			s.summary(g)
		}
		s.blank()
	}
	s.servers(nil)
	if t := answers(s.Requests); t != "" {
		s.labelled("Answers:", sentence(t))
	}
	s.repeated()
	s.aside()
	s.selection()
	s.notes()
	if n[timeline.OK] == len(s.Requests) {
		s.elsewhere(served)
	}
}

// outcomes counts what is not failed: "38 answered, 2 given up by the caller, 1 not finished".
func outcomes(n [timeline.Cancelled + 1]int) string {
	var parts []string
	for _, o := range []struct {
		outcome timeline.Outcome
		words   string
	}{
		{timeline.OK, "answered"},
		{timeline.Cancelled, "given up by the caller"},
		{timeline.Unfinished, "without an end in the trace"},
	} {
		if n[o.outcome] > 0 {
			parts = append(parts, thousands(n[o.outcome])+" "+o.words)
		}
	}
	return strings.Join(parts, ", ")
}

// elsewhere says where else to look for an error that users did see.
func (s *screen) elsewhere(served bool) {
	s.block(extra)
	if served {
		s.text("If users did get an error at this time, it was made in front of this server, or on its way to them.", 2)
	} else {
		s.line("If users did get a 502 or 503 at this time, it was not made here:")
		s.text("  503 made by HTTP.sys never gets this far: look in the HTTPERR folder and the System event log.", 4)
		s.text("  502 made by a load balancer in front: compare the Server: header of the error page.", 4)
	}
	if start, end := s.cover(); !start.IsZero() {
		s.text(fmt.Sprintf("  Another server, or another time: this trace knows %s to %s UTC only.", clock(start), clock(end)), 4)
	}
}

// repeated tells of requests that went well at the second try.
func (s *screen) repeated() {
	var again, onward, longest = 0, 0, time.Duration(0)
	var broken, refused timeline.Code
	for _, r := range s.Requests {
		if r.Outcome != timeline.OK {
			continue
		}
		if i := slices.IndexFunc(r.Attempts, func(t timeline.Attempt) bool { return t.Error != 0 }); i >= 0 {
			again++
			broken = cmp.Or(broken, r.Attempts[i].Error)
			continue
		}
		lost := time.Duration(0)
		for i := range r.Phases {
			if p := &r.Phases[i]; p.Name == timeline.PhaseConnect && p.Outcome == timeline.Failed {
				lost += p.Duration()
				refused = cmp.Or(refused, p.Error)
			}
		}
		if lost > 0 {
			onward++
			longest = max(longest, lost)
		}
	}
	if again > 0 {
		s.labelled("Worth knowing:", fmt.Sprintf("%s repeated after %s and then answered; %s saw nothing of it.",
			either(again, "1 request was", thousands(again)+" requests were"), code(broken), either(again, "its user", "their users")))
	}
	if onward > 0 {
		t := "an address"
		if refused != 0 {
			t += " (" + code(refused) + ")"
		}
		s.labelled("Worth knowing:", fmt.Sprintf("%s tried %s in vain before another one answered, which took up to %s.",
			plural(onward, "request"), t, took(longest)))
	}
}

// nothing tells why there is no request to speak of.
func (s *screen) nothing() {
	blind := s.findings(timeline.Blind)
	switch {
	case s.FilteredOut > 0:
		s.headline(fmt.Sprintf("No request fits %s; %s.", cmp.Or(s.Filter, "the filter"),
			either(s.FilteredOut, "the only one there is does not", "none of the "+thousands(s.FilteredOut)+" that there are does")), false)
		s.speakers()
	case len(s.Aside) > 0:
		s.headline("No request of an application: all are probes or background traffic.", false)
		s.line("With them: --all-traffic.")
	case len(blind) > 0:
		s.finding(blind[0])
	case len(s.Traces) == 0:
		s.headline("Nothing here that requests could be read from: no trace, no text of one.", false)
	default:
		s.headline("No HTTP requests in what was recorded.", false)
	}
	s.warnings()
	if len(blind) == 0 || s.FilteredOut > 0 || len(s.Aside) > 0 {
		s.extent()
	}
	s.aside()
	s.notes()
}

// speakers lists the processes that the traces know requests of.
func (s *screen) speakers() {
	var names []string
	for _, t := range s.Traces {
		for _, sp := range t.Health.Speakers {
			name := fmt.Sprintf("%s (%d)", cmp.Or(sp.Process, "process"), sp.PID)
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	const most = 8
	if len(names) > most {
		names = append(names[:most], fmt.Sprintf("and %d more", len(names)-most))
	}
	if len(names) > 0 {
		s.labelled("Processes with requests:", sentence(strings.Join(names, ", ")))
	}
}

// findings returns what the traces' health has of a severity, each title once. What a trace without
// requests cannot tell matters only if no trace has any.
func (s *screen) findings(severity timeline.Severity) []timeline.Finding {
	var out []timeline.Finding
	for _, t := range s.Traces {
		if t.Health.Events == 0 && severity == timeline.Blind {
			continue // not that it says nothing: there is nothing
		}
		for _, f := range t.Health.Findings {
			same := func(g timeline.Finding) bool { return g.ID == f.ID && g.Title == f.Title }
			if f.Severity == severity && !slices.ContainsFunc(out, same) {
				out = append(out, f)
			}
		}
	}
	return out
}

// finding tells all of a finding.
func (s *screen) finding(f timeline.Finding) {
	s.headline(sentence(f.Title), true)
	for i, t := range f.Text {
		if i == 1 {
			s.blank()
		}
		s.text(sentence(t), 2)
	}
	s.remedy(f)
}

// remedy says how to do without the trouble that a finding is about.
func (s *screen) remedy(f timeline.Finding) {
	s.steps("Do:", f.DoNow, 3)
	for _, c := range f.Commands {
		s.command(c)
	}
	s.labelled("Warning:", sentence(f.Warning))
	for _, t := range f.FindOut {
		s.text(sentence(t), 2)
	}
}

// warnings says what makes the answer less sure: damage, loss, what was not recorded.
func (s *screen) warnings() {
	const most = 3
	for i, f := range s.findings(timeline.Doubt) {
		if i == most {
			break
		}
		s.labelled("Careful:", sentence(f.Title))
	}
	for i := range s.Inputs {
		in := &s.Inputs[i]
		switch {
		case in.Error != "":
			s.labelled("Careful:", fmt.Sprintf("%s: %s", in.Path, sentence(in.Error)))
		case in.Log != nil && len(in.Log.Anomalies) > 0:
			s.labelled("Careful:", fmt.Sprintf("%s is damaged in %s; what is left was read (see etwhy info).",
				in.Path, plural(len(in.Log.Anomalies), "place")))
		default:
			continue
		}
		if rest := s.troubled(i + 1); rest > 1 {
			s.labelled("Careful:", fmt.Sprintf("%d more files could not be read whole (see etwhy info).", rest))
			break
		}
	}
	for _, t := range s.Traces {
		if t.Abandoned > 0 {
			s.labelled("Careful:", fmt.Sprintf("%s: too much was open at once; %s given up.", t.Path,
				either(t.Abandoned, "1 request or connection was", thousands(t.Abandoned)+" requests or connections were")))
		}
	}
}

// troubled counts the inputs from an index on that were not read, or not whole.
func (s *screen) troubled(from int) (n int) {
	for i := from; i < len(s.Inputs); i++ {
		if in := &s.Inputs[i]; in.Error != "" || in.Log != nil && len(in.Log.Anomalies) > 0 {
			n++
		}
	}
	return n
}

// unhappy counts what neither failed nor went well.
func (s *screen) unhappy() {
	n := s.count()
	n[timeline.OK] = 0
	if t := outcomes(n); t != "" {
		s.block(useful)
		s.labelled("Besides:", sentence(t))
	}
}

// footer adds what belongs under every answer about failures.
func (s *screen) footer() {
	s.block(needed)
	s.extent()
	s.block(useful)
	s.aside()
	s.selection()
	s.notes()
	for _, f := range s.findings(timeline.Doubt) {
		if len(f.Commands) > 0 {
			s.block(extra)
			s.remedy(f)
			break
		}
	}
}

// extent says what the traces cover and whether they are whole.
func (s *screen) extent() {
	start, end := s.cover()
	if start.IsZero() {
		return
	}
	logs, lost, gaps := 0, etl.Loss{}, false
	for i := range s.Inputs {
		if l := s.Inputs[i].Log; l != nil && s.Inputs[i].DuplicateOf == "" {
			logs++
			lost.EventsLost += l.Loss.EventsLost
			lost.BuffersLost += l.Loss.BuffersLost
			gaps = gaps || l.Loss.SequenceGaps > 0 || l.Loss.FlagBuffers > 0 || l.Loss.FlagEvents > 0
		}
	}
	what := "The trace runs"
	if logs > 1 {
		what = fmt.Sprintf("The %d traces run", logs)
	}
	t := fmt.Sprintf("%s %s %s", what, start.Time().Format(time.DateOnly), s.between(start, end))
	if logs == 0 && end.Sub(start) < time.Second {
		t = fmt.Sprintf("The lines are of %s %s UTC.", start.Time().Format(time.DateOnly), clock(start))
	}
	switch {
	case logs == 0:
	case lost.EventsLost == 0 && lost.BuffersLost == 0 && !gaps:
		t += " No events lost, no gaps."
	default:
		t += fmt.Sprintf(" Lost: %s, %s.", plural(int(lost.EventsLost), "event"), plural(int(lost.BuffersLost), "buffer"))
	}
	s.text(t, 2)
}

// between writes a span of time in UTC and by the traced machine's clock.
func (s *screen) between(start, end etl.Time) string {
	t := fmt.Sprintf("%s to %s UTC", clock(start), clock(end))
	minutes, _ := s.zone()
	if local, ok := s.local(start); ok {
		until, _ := s.local(end)
		t += fmt.Sprintf(" (%s to %s server time, %s)", local, until, utcOffset(minutes))
	}
	return t + "."
}

// utcOffset writes UTC+2, UTC-5:30.
func utcOffset(minutes int) string {
	sign := "+"
	if minutes < 0 {
		sign, minutes = "-", -minutes
	}
	if minutes%60 == 0 {
		return fmt.Sprintf("UTC%s%d", sign, minutes/60)
	}
	return fmt.Sprintf("UTC%s%d:%02d", sign, minutes/60, minutes%60)
}

// aside counts what was set aside: probes and background traffic.
func (s *screen) aside() {
	if len(s.Aside) == 0 {
		return
	}
	type tally struct {
		name          string
		total, failed int
	}
	var list []*tally
	index := map[string]*tally{}
	for _, r := range s.Aside {
		name := cmp.Or(r.Process, "other processes")
		if r.Traffic == timeline.Probe {
			name = "health probes"
		}
		t := index[name]
		if t == nil {
			t = &tally{name: name}
			index[name] = t
			list = append(list, t)
		}
		t.total++
		if r.Outcome == timeline.Failed {
			t.failed++
		}
	}
	slices.SortStableFunc(list, func(a, b *tally) int {
		return cmp.Or(cmp.Compare(b.failed, a.failed), cmp.Compare(b.total, a.total))
	})
	var parts []string
	const most = 4
	for i, t := range list {
		if i == most {
			parts = append(parts, fmt.Sprintf("%d more processes", len(list)-most))
			break
		}
		part := fmt.Sprintf("%s of %s", plural(t.total, "request"), t.name)
		if t.name == "health probes" {
			part = plural(t.total, "health probe")
		}
		if t.failed > 0 {
			part += fmt.Sprintf(" (%s failed)", thousands(t.failed))
		}
		parts = append(parts, part)
	}
	s.labelled("Not counted:", strings.Join(parts, ", ")+". With them: --all-traffic.")
}

// selection says what the filter did.
func (s *screen) selection() {
	if s.FilteredOut > 0 {
		s.labelled("Filter:", fmt.Sprintf("%s left out %s.", cmp.Or(s.Filter, "it"), plural(s.FilteredOut, "request")))
	}
	if s.Unattributed > 0 {
		s.text(fmt.Sprintf("Not attributable: of %s the trace names no process; %s counted here.",
			plural(s.Unattributed, "request"), either(s.Unattributed, "it is", "they are")), 2)
	}
}

// notes adds what else is worth knowing about the traces.
func (s *screen) notes() {
	s.block(extra)
	const most = 3
	for i, f := range s.findings(timeline.Note) {
		if i == most {
			break
		}
		s.labelled("Note:", sentence(f.Title))
	}
}

// servers adds the table of servers, if it says more than the story does: r is the request that the
// story is about, nil if there is none.
func (s *screen) servers(r *timeline.Request) {
	stats := timeline.Servers(slices.Values(s.Requests))
	switch len(stats) {
	case 0:
		return
	case 1: // it must say more than the story
		if f := stats[0].FirstByte; f.URL == "" && f.Slowest == 0 || r != nil && stats[0].Tried <= 1 {
			return
		}
	}
	const most = 6
	more := len(stats) - most
	if more > 0 {
		// Those that failed most are the ones to see.
		slices.SortStableFunc(stats, func(a, b timeline.ServerStats) int {
			return cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(b.Tried, a.Tried))
		})
		stats = stats[:most]
	}
	var rows [][]string
	if r != nil && r.Phase == timeline.PhaseConnect {
		for _, t := range stats {
			last := "none in this trace"
			if !t.Success.IsZero() {
				last = clock(t.Success)
			}
			rows = append(rows, []string{t.Server, thousands(t.Tried), thousands(t.Connected), thousands(t.Tried - t.Connected), last})
		}
		s.table([]tableColumn{{title: "Server"}, {title: "tried", right: true}, {title: "connected", right: true},
			{title: "failed", right: true}, {title: "last success"}}, rows)
	} else {
		for _, t := range stats {
			row := []string{t.Server, thousands(t.Tried), thousands(t.Failed), thousands(t.Retried), "", "", "", ""}
			if f := t.FirstByte; f.URL != "" || f.Slowest > 0 {
				copy(row[4:], []string{took(f.Median), took(f.P95), took(f.Slowest),
					shorten(strings.TrimSpace(f.Method+" "+shortURL(f.URL)), 40)})
			}
			rows = append(rows, row)
		}
		s.table([]tableColumn{{title: "Server"}, {title: "requests", right: true}, {title: "failed", right: true},
			{title: "retried", right: true, spare: true}, {title: "first byte: median", right: true},
			{title: "95 %", right: true, spare: true}, {title: "slowest", right: true}, {spare: true}}, rows)
	}
	if more > 0 {
		s.line(fmt.Sprintf("and %s more servers", thousands(more)))
	}
}
