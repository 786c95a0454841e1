package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// screenLines is how long an answer may be, whatever it is about. One about a single trouble that several files
// tell of should have no more than briefLines.
const (
	screenLines = 40
	briefLines  = 20
)

// analysisScreen answers: what failed, where, why, how sure, what next.
func analysisScreen(w io.Writer, a *Analysis, opt Options) error {
	all := a.telling(newPage(opt))
	// What there is no room for is counted: a group that is told of is told of in full.
	for shown := shownGroups; ; shown-- {
		s := *all
		s.page, s.shown = newPage(opt), shown
		s.tell()
		if shown == 1 || s.least() <= screenLines {
			return s.writeTo(w, screenLines)
		}
	}
}

// tell writes the answer.
func (s *screen) tell() {
	switch {
	case len(s.failed) > 0:
		s.failures()
	case len(s.Requests) > 0:
		s.healthy()
	default:
		s.nothing()
	}
}

// judged returns the requests that there is a verdict on.
func judged(requests []*timeline.Request) []*timeline.Request {
	var out []*timeline.Request
	for _, r := range requests {
		if r.Verdict != nil {
			out = append(out, r)
		}
	}
	return out
}

// A screen is the page of an analysis in the making.
type screen struct {
	*Analysis
	*page
	shown int                 // groups of requests that are told of one by one
	whole bool                // each in full
	loose []*timeline.Request // see Analysis.apart

	failed  []*group
	unhappy []*group // neither failed nor went well

	// What all requests have to be looked at for, once.
	told, aside map[int]bool                          // inputs of the requests, and of those set aside
	selected    func() []timeline.ServerStats         // how the servers of the selected requests fared with these
	surround    func() ([]timeline.ServerStats, bool) // see surroundings
}

func newScreen(a *Analysis, opt Options) *screen {
	s := &screen{Analysis: a, page: newPage(opt), told: inputsOf(a.Requests), aside: inputsOf(a.Aside)}
	s.selected = sync.OnceValue(func() []timeline.ServerStats { return timeline.Servers(slices.Values(a.Requests)) })
	s.surround = sync.OnceValues(s.surroundings)
	return s
}

// telling is a screen for the answer about an analysis, with what is to be told sorted out.
func (a *Analysis) telling(p *page) *screen {
	told := inputsOf(a.Requests)
	a, loose := a.apart()
	s := newScreen(a, Options{})
	s.page, s.loose, s.told = p, loose, told
	s.failed = a.groups(a.Requests, timeline.Failed)
	s.unhappy = slices.Concat(a.groups(a.Requests, timeline.Unfinished), a.groups(a.Requests, timeline.Cancelled),
		a.groups(judged(a.Requests), timeline.OK))
	return s
}

// inputsOf returns the inputs that requests are from.
func inputsOf(requests []*timeline.Request) map[int]bool {
	m := map[int]bool{}
	for _, r := range requests {
		m[r.Input] = true
	}
	return m
}

// shownGroups is how many groups of requests are told of one by one at most.
const shownGroups = 4

// answer is the sentence that leads.
func (s *screen) answer() string {
	switch {
	case len(s.failed) > 0:
		return s.failedHead(s.failed, s.Analysis.counted().Failed)
	case len(s.Discoveries) > 0:
		return sentence(begun(s.Discoveries[0].Verdict.Title))
	case len(s.Requests) > 0:
		return s.healthyHead()
	}
	return s.nothingHead()
}

// requestsOf counts the requests of groups.
func requestsOf(groups []*group) (n int) {
	for _, g := range groups {
		n += g.size()
	}
	return n
}

// failedHead says how many of the requests failed, and how. Of those that are only counted, bad more did.
func (s *screen) failedHead(failed []*group, bad int) string {
	total := requestsOf(failed) + bad
	more := s.Analysis.counted()
	all := len(s.Requests) + more.Total()
	head := fmt.Sprintf("%s of %s", thousands(total), plural(all, "request"))
	if all == 1 {
		head = "The only request"
	}
	if who := owners(s.Requests); who != "" {
		head += " of " + who
	}
	got := cmp.Or(failed[0].got(), "failed")
	switch v := failed[0].first().Verdict; {
	case len(failed) > 1:
		return fmt.Sprintf("%s failed, in %s ways%s.", head, thousands(len(failed)), ways(failed, total))
	case v != nil && v.AtLeast:
		return fmt.Sprintf("At least %s %s: %s", plural(total, "request"), got, sentence(failed[0].title()))
	}
	return head + " " + got + ": " + sentence(failed[0].title())
}

// ways says in short how requests failed, as far as that takes two lines, and of how many it does: ": nothing answered
// at 10.0.0.12:80 (2); others (1)".
func ways(failed []*group, total int) string {
	const room, longest = 150, 90
	var gists []string
	count, weight := map[string]int{}, map[string]int{}
	for _, g := range failed {
		t := g.gist()
		if count[t] == 0 {
			gists = append(gists, t)
		}
		count[t] += g.size()
		weight[t] += g.weight
	}
	slices.SortStableFunc(gists, func(x, y string) int { return cmp.Compare(weight[y], weight[x]) })
	var t string
	told := 0
	for _, gist := range gists {
		part := fmt.Sprintf("%s (%s)", gist, thousands(count[gist]))
		if len(part) > longest || len(t)+len(part) > room {
			break
		}
		t += "; " + part
		told += count[gist]
	}
	switch {
	case t == "":
		return ""
	case told < total:
		t += fmt.Sprintf("; others (%s)", thousands(total-told))
	}
	return ": " + strings.TrimPrefix(t, "; ")
}

// failures tells of the requests that failed.
func (s *screen) failures() {
	failed := s.failed
	s.headline(s.answer(), true)
	s.warnings()
	s.blank()
	for i, g := range failed[:min(len(failed), s.shown)] {
		if len(failed) > 1 {
			s.groupTitle(g, i > 0 && !s.whole)
		}
		if i == 0 || s.whole {
			several := s.story(g)
			if several && len(failed) == 1 {
				s.brief = briefLines
				if s.width < defaultWidth {
					s.brief += briefLines / 5
				}
			}
			if i == 0 && g.first().Behind == nil { // else the other end has told how it fared
				if several {
					s.block(useful)
				} else {
					s.block(extra)
				}
				s.servers(g.first())
				s.block(needed)
			}
			s.actions(g)
		} else {
			s.summary(g)
		}
		if len(failed) > 1 {
			s.blank()
		}
	}
	s.others(failed[min(len(failed), s.shown):])
	if len(failed) > 1 || requestsOf(failed) > shownIDs {
		if len(failed) <= s.shown {
			s.block(extra)
		}
		s.text("Every one of them: etwhy --failed -f csv PATH; phase by phase: etwhy timeline --failed -f csv PATH", 2)
		s.block(needed)
	}
	s.besides()
	s.also()
	s.footer()
}

// served reports whether all requests are known from the server that had them.
func (s *screen) served() bool {
	return !slices.ContainsFunc(s.Requests, func(r *timeline.Request) bool { return r.Side != timeline.Server })
}

// healthyHead says that no request failed, and how they fared.
func (s *screen) healthyHead() string {
	n := s.count()
	more := s.Analysis.counted()
	all := len(s.Requests) + more.Total()
	one := all == 1 && len(s.Requests) == 1 && n[timeline.OK] == 1
	head := "No failed requests: "
	if one {
		head += "the only one"
	} else {
		head += thousands(all)
	}
	served := s.served()
	who := owners(s.Requests)
	switch {
	case served && who != "":
		head += " served by " + who
	case served:
		head += " served"
	case who != "":
		head += " of " + who
	}
	switch {
	case one && s.Requests[0].Status != 0:
		head += " was answered " + status(s.Requests[0]) + "."
	case one:
		head += " was answered."
	case n[timeline.OK] == all:
		head += ", all answered."
	default:
		head += ", " + outcomes(n) + "."
	}
	if odd := slices.DeleteFunc(slices.Clone(s.unhappy), func(g *group) bool { return g.outcome != timeline.OK }); len(odd) > 0 {
		head = "No failed requests"
		if who != "" {
			head += " of " + who
		}
		head += fmt.Sprintf(", but %s of %s did not go as meant", thousands(requestsOf(odd)), thousands(all))
		if len(odd) == 1 {
			head += ": " + odd[0].gist()
		}
		head += "."
		if n[timeline.OK] != all {
			head += " In all: " + outcomes(n) + "."
		}
	}
	var slowest *timeline.Request
	for _, r := range s.Requests {
		if r.Outcome == timeline.OK && !begin(r).IsZero() && (slowest == nil || r.Duration() > slowest.Duration()) {
			slowest = r
		}
	}
	longest := more.Slowest
	if slowest != nil {
		longest = max(longest, slowest.Duration())
	}
	if longest > 0 && !s.OfTracings() { // which have times of their own
		head += " Slowest " + took(longest) + "."
	}
	return head
}

// healthy tells of requests none of which failed, and of those that did not go well either.
func (s *screen) healthy() {
	n, more, unhappy := s.count(), s.Analysis.counted(), s.unhappy
	digests := s.digests()
	s.discovery()
	s.headline(s.healthyHead(), false)
	s.warnings()
	if digests == nil { // which have their own times
		s.extent()
	}
	s.also()
	s.blank()
	for i, g := range unhappy[:min(len(unhappy), s.shown)] {
		s.groupTitle(g, i > 0 && !s.whole)
		if i == 0 || s.whole {
			s.story(g)
			s.actions(g)
		} else {
			s.summary(g)
		}
		s.blank()
	}
	s.others(unhappy[min(len(unhappy), s.shown):])
	s.blank()
	s.brief = digestLines * len(digests)
	for i := range digests {
		s.digest(&digests[i], len(digests) > 1)
	}
	if digests == nil {
		s.servers(nil)
		if t := answers(s.Requests, more.Statuses); t != "" {
			s.labelled("Answers:", sentence(t))
		}
	}
	s.repeated()
	s.unjoined()
	s.counted()
	s.setAside()
	s.selection()
	s.notes()
	if n[timeline.OK] == len(s.Requests)+more.Total() && len(unhappy) == 0 && digests == nil {
		s.elsewhere(s.served())
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
	failedHere := func(f timeline.Finding) bool { return f.ID == timeline.FindHandshakes }
	switch {
	case served && slices.ContainsFunc(s.findings(timeline.Note), failedHere):
		s.text("If users did get an error at this time, the TLS handshakes that failed here may be it.", 2)
	case served:
		s.text("If users did get an error at this time, it was made in front of this server, or on its way to them.", 2)
	default:
		s.line("If users did get a 502 or 503 at this time, it was not made here:")
		s.text("  503 made by HTTP.sys never gets this far: look in the HTTPERR folder and the System event log.", 4)
		s.text("  502 made by a load balancer in front: compare the Server: header of the error page.", 4)
	}
	if start, end := s.cover(); !start.IsZero() {
		what := "this trace knows"
		if !s.onlyTraces() {
			what = "these files know"
		}
		s.text(fmt.Sprintf("  Another server, or another time: %s %s only.", what, spanWords(start, end)), 4)
	}
}

// repeated tells of requests that went well at the second try.
func (s *screen) repeated() {
	var again, onward, longest = 0, 0, time.Duration(0)
	var broken, refused timeline.Code
	var vain []string // addresses
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
			if p := &r.Phases[i]; p.Name == timeline.PhaseConnect && p.Outcome == timeline.Failed && !p.Start.IsZero() {
				lost += p.Duration()
				refused = cmp.Or(refused, p.Error)
				if !slices.Contains(vain, p.Detail) {
					vain = append(vain, p.Detail)
				}
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
		t := thousands(len(vain)) + " addresses"
		if len(vain) == 1 && vain[0] != "" {
			t = vain[0]
		}
		if refused != 0 {
			t += " (" + code(refused) + ")"
		}
		s.labelled("Worth knowing:", fmt.Sprintf("%s tried %s in vain before another one answered, which took up to %s.",
			plural(onward, "request"), t, took(longest)))
	}
}

// nothingHead says that there is no request to speak of, or why.
func (s *screen) nothingHead() string {
	blind := s.findings(timeline.Blind)
	switch {
	case s.FilteredOut > 0:
		others := either(s.FilteredOut, "the only one there is does not", "none of the "+thousands(s.FilteredOut)+" that there are does")
		if slices.ContainsFunc(s.Traces, func(in timeline.InputResult) bool { return in.Counted.LeftOut > 0 }) {
			others = "none that these files tell of does" // lines of logs that were not joined are no number of requests
		}
		return fmt.Sprintf("No request fits %s; %s.", cmp.Or(s.Filter, "the filter"), others)
	case len(blind) > 0:
		return sentence(blind[0].Title)
	case len(s.Aside) > 0:
		return onlyAside
	case len(s.Discoveries) > 0:
		return "No HTTP requests in these files."
	case len(s.Traces) == 0:
		return "Nothing here that requests could be read from: no trace, no text of one."
	}
	return "No HTTP requests in what was recorded."
}

const onlyAside = "No request of an application: all are probes or background traffic."

// nothing tells why there is no request to speak of.
func (s *screen) nothing() {
	blind := s.findings(timeline.Blind)
	s.discovery()
	switch {
	case s.FilteredOut > 0:
		s.headline(s.nothingHead(), false)
		s.warnings()
		s.speakers()
		if len(blind) > 0 { // that may be why
			s.labelled("Careful:", sentence(blind[0].Title))
			for _, t := range blind[0].Text {
				s.indented(sentence(t))
			}
		}
	case len(blind) > 0:
		s.finding(blind[0])
		if len(s.Aside) > 0 {
			s.blank()
			s.headline(onlyAside, false)
		}
	case len(s.Discoveries) > 0 && len(s.Aside) == 0:
		s.line(s.nothingHead())
	default:
		s.headline(s.nothingHead(), false)
	}
	if len(blind) == 0 && s.FilteredOut == 0 { // else they stand further up
		s.warnings()
	}
	if len(blind) == 0 || s.FilteredOut > 0 || len(s.Aside) > 0 {
		s.extent()
	}
	s.also()
	s.counted()
	s.setAside()
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

// findings returns what the traces' health has of a severity, each title once. What a trace cannot tell
// at all is among the doubts where requests of it are told of, and of no matter where others have requests;
// that some process has none is a note then. Of several traces, a doubt says which it is of.
func (s *screen) findings(severity timeline.Severity) []timeline.Finding {
	var out []timeline.Finding
	var of [][]string // paths of traces, by finding
	traces, folder := 0, s.folder()
	for i, t := range s.Traces {
		if t.Health.Events > 0 {
			traces++
		}
		for _, f := range t.Health.Findings {
			as := f.Severity
			switch {
			case as == timeline.Blind && s.told[i] && f.ID == timeline.FindSilent:
				as = timeline.Note
			case as == timeline.Blind && s.told[i]:
				as = timeline.Doubt
			case as == timeline.Blind && len(s.aside) > 0 && !s.aside[i]:
				continue
			case as == timeline.Blind && t.Health.Events == 0:
				continue // not that it says nothing: there is nothing
			}
			if as != severity {
				continue
			}
			at := slices.IndexFunc(out, func(g timeline.Finding) bool { return g.ID == f.ID && g.Title == f.Title })
			if at < 0 {
				at, out, of = len(out), append(out, f), append(of, nil)
			}
			of[at] = append(of[at], strings.TrimPrefix(t.Path, folder))
		}
	}
	if severity == timeline.Doubt && traces > 1 {
		for i, paths := range of {
			name := paths[0]
			if more := len(paths) - 1; more > 0 {
				name += " and " + plural(more, "more trace")
			}
			out[i].Title = name + ": " + out[i].Title
		}
	}
	return out
}

// finding tells all of a finding, and before its details what makes the answer less sure.
func (s *screen) finding(f timeline.Finding) {
	s.headline(sentence(f.Title), true)
	s.warnings()
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
	doubts := s.findings(timeline.Doubt)
	for i, f := range doubts {
		if i == most {
			s.labelled("Careful:", sentence(fmt.Sprintf("%s about these traces (see etwhy info)", plural(len(doubts)-most, "more doubt"))))
			break
		}
		s.labelled("Careful:", sentence(f.Title))
	}
	for i := range s.Inputs {
		in := &s.Inputs[i]
		switch {
		case in.Error != "":
			s.labelled("Careful:", fmt.Sprintf("%s: %s", in.Path, sentence(in.Error)))
		case in.Kind == string(timeline.KindFREB) && in.Note != "":
			s.labelled("Careful:", fmt.Sprintf("%s: %s", in.Path, sentence(in.Note)))
		case in.damages() > 0:
			s.labelled("Careful:", fmt.Sprintf("%s is damaged in %s; what is left was read (see etwhy info).",
				in.Path, plural(in.damages(), "place")))
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
		if in := &s.Inputs[i]; in.Error != "" || in.damages() > 0 {
			n++
		}
	}
	return n
}

// besides counts what neither failed nor went well.
func (s *screen) besides() {
	n := s.count()
	n[timeline.OK] = 0
	if t := outcomes(n); t != "" {
		s.block(useful)
		s.labelled("Besides:", sentence(t))
	}
	s.block(needed)
	s.unjoined()
}

// footer adds what belongs under every answer about failures.
func (s *screen) footer() {
	s.block(needed)
	if s.brief > 0 {
		s.block(extra) // the evidence has times
	}
	s.extent()
	s.block(useful)
	s.counted()
	s.setAside()
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
	logs, lost, gaps, open := 0, etl.Loss{}, false, false
	for i := range s.Inputs {
		if l := s.Inputs[i].Log; l != nil && s.Inputs[i].DuplicateOf == "" {
			logs++
			lost.EventsLost += l.Loss.EventsLost
			lost.BuffersLost += l.Loss.BuffersLost
			open = open || l.Header.Open()
			gaps = gaps || l.Loss.SequenceGaps > 0 || l.Loss.FlagBuffers > 0 || l.Loss.FlagEvents > 0
		}
	}
	what := "The trace runs"
	if logs > 1 {
		what = fmt.Sprintf("The %d traces run", logs)
	}
	files := !s.onlyTraces()
	if files {
		what = "The files cover"
	}
	t := fmt.Sprintf("%s %s%s.", what, datedSpan(start, end), s.localSpan(start, end))
	switch {
	case logs == 0 && end.Sub(start) < time.Second:
		t = fmt.Sprintf("The lines are of %s UTC.", start.Time().Format(time.DateTime))
	}
	if files && logs > 0 {
		t = strings.TrimSuffix(t, ".") + either(logs, "; in the trace:", "; in the traces:")
	}
	add := func(s string) {
		if files {
			s = strings.ToLower(s[:1]) + s[1:]
		}
		t += " " + s
	}
	switch {
	case logs == 0:
	case open && lost.EventsLost == 0 && lost.BuffersLost == 0 && !gaps:
		add("How many events were lost is not recorded.")
	case lost.EventsLost == 0 && lost.BuffersLost == 0 && !gaps:
		add("No events lost, no gaps.")
	case lost.EventsLost == 0 && lost.BuffersLost == 0:
		add("No loss was counted, but numbers of buffers are missing.")
	default:
		add(fmt.Sprintf("Lost: %s, %s.", plural(int(lost.EventsLost), "event"), plural(int(lost.BuffersLost), "buffer")))
	}
	s.text(t, 2)
}

// localSpan adds what a span of time is by the clock of the traced machine, where that is known.
func (s *screen) localSpan(start, end etl.Time) string {
	local, ok := s.local(start)
	if !ok {
		return ""
	}
	until, _ := s.local(end)
	minutes, _ := s.zone()
	return fmt.Sprintf(" (%s to %s server time, %s)", local, until, utcOffset(minutes))
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

// unjoined counts what content servers have of the requests that were counted at the proxy.
func (s *screen) unjoined() {
	if len(s.loose) == 0 {
		return
	}
	n, one := [timeline.Cancelled + 1]int{}, len(s.loose) == 1
	for _, r := range s.loose {
		n[r.Outcome]++
	}
	t := fmt.Sprintf("%s of the content servers' logs belong to these requests, but cannot be matched one by one", plural(len(s.loose), "line"))
	if one {
		t = "1 line of the content servers' logs belongs to these requests, but it cannot be told to which"
	}
	var parts []string
	if c := n[timeline.Failed]; c > 0 {
		parts = append(parts, thousands(c)+" failed")
	}
	if c := n[timeline.Cancelled]; c > 0 {
		parts = append(parts, "on "+thousands(c)+" the proxy had hung up")
	}
	if len(parts) > 0 {
		t += ": " + strings.Join(parts, ", ")
	}
	s.labelled("Not counted twice:", sentence(t))
}

// setAside counts what was set aside: probes and background traffic.
func (s *screen) setAside() {
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
	notes := s.findings(timeline.Note)
	for _, f := range notes[:min(len(notes), most)] {
		t := sentence(f.Title)
		const short = 200
		if more := strings.Join(sentences(f.Text), " "); len(more) <= short {
			t += " " + more
		}
		s.labelled("Note:", t)
	}
}

// surroundings returns how the servers of the selected requests, and of others that the same programs
// sent, fared with all requests of the inputs, whoever sent them: what a verdict says of other requests is
// about all as well. wider says that these are more than the selected ones.
func (s *screen) surroundings() (stats []timeline.ServerStats, wider bool) {
	selected := s.selected()
	if s.Everything == nil {
		return selected, false
	}
	known, programs := map[string]bool{}, map[string]bool{}
	for _, t := range selected {
		known[t.Server] = true
	}
	for _, r := range s.Requests {
		programs[r.Process] = true
	}
	for _, r := range s.Everything {
		if programs[r.Process] && r.Traffic != timeline.Probe {
			known[r.Server] = true
		}
	}
	stats = timeline.Servers(slices.Values(s.Everything))
	stats = slices.DeleteFunc(stats, func(t timeline.ServerStats) bool { return !known[t.Server] })
	return stats, tried(stats) > tried(selected)
}

func tried(stats []timeline.ServerStats) (n int) {
	for _, t := range stats {
		n += t.Tried
	}
	return n
}

// scattered reports whether the servers of hardly any request are known: a table of these would mislead.
func (s *screen) scattered() bool {
	known, all := 0, 0
	for _, r := range s.Requests {
		if r.Proxied || r.Side == timeline.Client {
			all++
			if r.Server != "" {
				known++
			}
		}
	}
	return known*10 < all
}

// servers adds the table of servers, if it says more than the story does: r is the failed request that
// the story is about, nil if there is none. Then the table is of the selected requests, of which the answer
// speaks alone.
func (s *screen) servers(r *timeline.Request) {
	stats, wider := s.selected(), false
	if r != nil {
		stats, wider = s.surround()
	}
	stats = slices.Clone(stats)
	if s.scattered() {
		return
	}
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
			rows = append(rows, []string{t.Server, thousands(t.Tried), thousands(t.Connected), thousands(t.Tried - t.Connected - t.Unclear), last})
		}
		s.table([]tableColumn{{title: "Server"}, {title: "tried", right: true}, {title: "connected", right: true},
			{title: "not connected", right: true}, {title: "last success"}}, rows)
	} else {
		for _, t := range stats {
			row := []string{t.Server, thousands(t.Tried), thousands(t.Failed), thousands(t.Retried), thousands(t.Tried - t.Connected - t.Unclear), "", "", "", ""}
			if f := t.FirstByte; f.URL != "" || f.Slowest > 0 {
				copy(row[5:], []string{took(f.Median), took(f.P95), took(f.Slowest),
					shorten(strings.TrimSpace(f.Method+" "+shortURL(f.URL)), 40)})
			}
			rows = append(rows, row)
		}
		columns := []tableColumn{{title: "Server"}, {title: "requests", right: true}, {title: "failed", right: true},
			{title: "retried", right: true, spare: true}, {title: "not connected", right: true}, {title: "first byte: median", right: true},
			{title: "95 %", right: true, spare: true}, {title: "slowest", right: true}, {spare: true}}
		if !slices.ContainsFunc(stats, func(t timeline.ServerStats) bool { return t.Tried > t.Connected+t.Unclear }) {
			const connected = 4 // all were: nothing to say
			columns = slices.Delete(columns, connected, connected+1)
			for i, row := range rows {
				rows[i] = slices.Delete(row, connected, connected+1)
			}
		}
		s.table(columns, rows)
	}
	if more > 0 {
		s.line(fmt.Sprintf("and %s more servers", thousands(more)))
	}
	if wider {
		s.text("(In this table: every request of these files, also those that are not counted above.)", 2)
	}
}

// discovery leads the answer with what the files tell although no request shows it.
func (s *screen) discovery() {
	if len(s.Discoveries) == 0 {
		return
	}
	d := s.Discoveries[0]
	v, r := d.Verdict, found(d)
	s.headline(begun(sentence(v.Title)), true)
	s.blank()
	s.proof(r, v, true)
	s.block(useful)
	s.labelled("Also seen:", strings.Join(sentences(v.Context), " "))
	s.block(needed)
	s.labelled("Cannot be told from these files:", sentence(v.Open))
	s.todo(v, r.Input)
	s.blank()
}

// found is a request that stands for a discovery: of its time, at its machine.
func found(d timeline.Discovery) *timeline.Request {
	r := &timeline.Request{Side: timeline.Server, Verdict: d.Verdict}
	if len(d.Verdict.Evidence) > 0 {
		r.Input = d.Verdict.Evidence[0].Input
	} else if d.Machine != nil && len(d.Machine.Inputs) > 0 {
		r.Input = d.Machine.Inputs[0]
	}
	return r
}

// also tells of discoveries that do not lead the answer.
func (s *screen) also() {
	list := s.Discoveries
	if !slices.ContainsFunc(s.Requests, func(r *timeline.Request) bool { return r.Outcome == timeline.Failed }) && len(list) > 0 {
		list = list[1:]
	}
	const most = 3
	s.block(useful)
	for _, d := range list[:min(len(list), most)] {
		t := begun(sentence(d.Verdict.Title))
		if steps := slices.Concat(d.Verdict.DoNow, d.Verdict.FindOut); len(steps) > 0 {
			t += " Do: " + instruction(steps[0])
		}
		s.labelled("Also found:", t)
	}
	if n := len(list) - most; n > 0 {
		s.line(fmt.Sprintf("And %s more: etwhy -f json.", plural(n, "finding")))
	}
	s.block(needed)
}

// counted says which requests were not looked at one by one.
func (s *screen) counted() {
	more := s.Analysis.counted()
	if more.Total() == 0 {
		return
	}
	t := plural(more.Total(), "line") + " of logs"
	if more.Failed > 0 {
		t += fmt.Sprintf(", %s of them about requests that failed", thousands(more.Failed))
	}
	s.labelled("Only counted, not looked at one by one:", t+"; an exchange that two servers log counts twice.")
}
