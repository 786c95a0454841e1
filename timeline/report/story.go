package report

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// groupTitle adds the headline of one group among others, with the phase if no story follows that tells it.
func (s *screen) groupTitle(g *group, alone bool) {
	t := g.counted()
	if phase := g.first().Phase; alone && phase != "" {
		t += fmt.Sprintf(" (phase %s)", phase)
	}
	s.headline(sentence(t), false)
}

// counted is the headline of a group among others, as a clause.
func (g *group) counted() string {
	return fmt.Sprintf("%s x %s", thousands(len(g.requests)), g.title())
}

// story tells of a group by its first request, and reports whether several files tell of that.
func (s *screen) story(g *group) (several bool) {
	r, v := g.first(), g.first().Verdict
	if g.got() != "" {
		s.refusal(g)
	} else {
		s.facts(g)
		if t := s.stage(r, g.outcome); t != "" {
			s.text(t, 2)
		}
	}
	s.bars(r)
	for _, t := range s.calls(g) {
		s.text(t, 2)
	}
	if v == nil {
		return false
	}
	several = s.proof(r, v, g.got() != "")
	if t := g.lesser(); t != "" {
		s.text(t, 2)
	}
	s.block(useful)
	if list := s.candidates(r, v); len(list) > 0 {
		s.labelled(notJoined(list)+":", sentence(strings.Join(list, "; ")))
	}
	if several {
		s.block(extra)
	}
	if g.got() == "" { // else it is told above
		s.labelled("Also seen:", strings.Join(sentences(v.Context), " "))
	}
	s.block(needed)
	s.labelled(s.limits(r, v)+":", sentence(v.Open))
	s.block(useful)
	const most = 4
	not := alternatives(v)
	if !s.whole {
		not = not[:min(len(not), most)]
	}
	if len(not) > 0 {
		s.labelled("Not:", sentence(strings.Join(not, "; ")))
	}
	s.block(needed)
	return several
}

// stage says in what a request ended, and where; "" if the title says it all.
func (s *screen) stage(r *timeline.Request, outcome timeline.Outcome) string {
	verb := map[timeline.Outcome]string{
		timeline.Failed: "Failed", timeline.Cancelled: "Given up by the caller", timeline.Unfinished: "Without an end",
	}[outcome]
	switch {
	case r.Verdict == nil, outcome == timeline.OK:
	case r.Phase != "":
		return fmt.Sprintf("%s %s (phase %s).", verb, doing(r), r.Phase)
	case r.Status != 0 && s.isTrace(r.Input) && !r.Proxied:
		return fmt.Sprintf("The exchange itself went well; the answer was %s.", status(r))
	case r.Status != 0: // the facts have it
	case s.isTrace(r.Input):
		return fmt.Sprintf("%s; the trace does not show in which phase.", verb)
	default:
		return fmt.Sprintf("%s; the files do not show in which phase.", verb)
	}
	return ""
}

// proof adds how sure a verdict is, and what it rests on: in the order of time, if that tells a story, else by
// file. It reports whether that are several files.
func (s *screen) proof(r *timeline.Request, v *timeline.Verdict, inTime bool) (several bool) {
	rows := s.rows(r, v)
	switch {
	case len(rows) == 0:
		s.labelled("How sure:", sure(r, s.seen(v)))
	case inTime:
		s.course(rows)
		s.labelled("How sure:", s.sureOf(r, rows))
	default:
		s.labelled("How sure:", s.sureOf(r, rows))
		s.witnesses(rows)
	}
	for _, t := range s.clocks(r, v) {
		s.text(t, 2)
	}
	return len(rows) > 0
}

// limits labels what the files at hand cannot tell.
func (s *screen) limits(r *timeline.Request, v *timeline.Verdict) string {
	other := func(e timeline.Evidence) bool { return !s.isTrace(e.Input) }
	if r.Behind != nil || slices.ContainsFunc(v.Evidence, other) {
		return "Cannot be told from these files"
	}
	return "Cannot be told from this side"
}

// alternatives are the neighbouring causes that it was not, each with why not.
func alternatives(v *timeline.Verdict) []string {
	var not []string
	for _, x := range v.Rejected {
		not = append(not, alternative(x.Why))
	}
	return not
}

// alternative writes "slow page: it was never sent" as "slow page (it was never sent)".
func alternative(why string) string {
	what, reason, ok := strings.Cut(clause(why), ": ")
	if !ok {
		return what
	}
	return what + " (" + reason + ")"
}

// actions adds what to do about a group.
func (s *screen) actions(g *group) {
	if v := g.first().Verdict; v != nil {
		s.todo(v, g.first().Input)
	}
}

// todo adds what to do about what a verdict says of a request of an input.
func (s *screen) todo(v *timeline.Verdict, input int) {
	if s.whole {
		s.numbered("Do now:", s.tasks(v.DoNow, input))
		s.numbered("Find out:", s.tasks(v.FindOut, input))
		return
	}
	s.steps("Do now:", s.naming(v.DoNow, input), 3)
	s.steps("Find out:", s.naming(v.FindOut, input), 3)
}

// numbered adds a labelled list.
func (p *page) numbered(label string, texts []string) {
	if len(texts) == 0 {
		return
	}
	p.line(label)
	for i, t := range texts {
		number := fmt.Sprintf("  %d. ", i+1)
		p.text(number+t, len(number))
	}
}

// summary tells of a group in few lines.
func (s *screen) summary(g *group) {
	r, last := g.first(), g.requests[len(g.requests)-1]
	begun := g.requests[0].Start
	var parts []string
	if what := strings.TrimSpace(r.Method + " " + shorten(webAddress(r.URL), s.width/2)); what != "" {
		parts = append(parts, what)
	}
	if !r.Start.IsZero() {
		t := s.moment(r.Input, r.Start) + " UTC"
		if len(g.requests) > 1 {
			t = clock(begun) + " to " + clock(last.Start) + " UTC"
		}
		parts = append(parts, t)
	}
	s.parts("  ", append(parts, g.ids(), g.numbered()))
	s.block(useful)
	s.bars(r)
	s.block(needed)
	for _, t := range s.calls(g) {
		s.indented(t)
	}
	v := r.Verdict
	if v == nil {
		return
	}
	s.indented(strings.TrimSpace("How sure: " + sure(r, quotes{}) + " " + g.lesser()))
	if v.Open != "" {
		s.indented("Cannot be told: " + sentence(v.Open))
	}
	s.block(useful)
	if len(v.DoNow) > 0 {
		s.indented("Do now: " + instruction(v.DoNow[0]))
	}
	s.block(needed)
}

// others counts the groups that are not told of.
func (s *screen) others(rest []*group) {
	if n := requestsOf(rest); n > 0 {
		s.text(fmt.Sprintf("And %s more in %s other %s.", thousands(n), thousands(len(rest)), either(len(rest), "way", "ways")), 2)
	}
}

// facts adds the lines that say which request it is.
func (s *screen) facts(g *group) {
	parts, alike := s.factsOf(g)
	s.parts("", parts)
	if alike != "" {
		s.text(alike, 2)
	}
}

// factsOf says which request stands for a group, and which others there are.
func (s *screen) factsOf(g *group) (parts []string, alike string) {
	r := g.first()
	if what := strings.TrimSpace(r.Method + " " + shorten(webAddress(r.URL), s.width*2/3)); what != "" {
		parts = append(parts, what)
	} else if r.Server != "" {
		parts = append(parts, "server "+r.Server)
	}
	if r.Side == timeline.Server && r.Client != "" {
		parts = append(parts, "from "+r.Client)
	}
	way := s.way(r)
	if way != "" {
		parts = append(parts, way)
		if r.Status != 0 {
			parts = append(parts, "answered "+status(r))
		}
	}
	if t := redirected(r); t != "" {
		parts = append(parts, "redirected to "+shorten(t, s.width*2/3))
	}
	parts = append(parts, s.when(g))
	if r.AppPool != "" {
		parts = append(parts, "pool "+r.AppPool)
	}
	if r.Status != 0 && way == "" {
		parts = append(parts, "answered "+status(r))
	}
	switch {
	case r.Restarts > 0 && len(r.Attempts) == 0:
		parts = append(parts, "after "+either(r.Restarts, "one 401", thousands(r.Restarts)+" x 401")+" of a handshake")
	case r.Restarts > 0:
		parts = append(parts, "repeated "+either(r.Restarts, "once", thousands(r.Restarts)+" times"))
	}
	if n := len(g.requests); n > 1 {
		last := g.requests[n-1]
		which := "The first"
		if r != g.requests[0] {
			which = "One"
		}
		alike = fmt.Sprintf("%s of %s alike: %s", which, thousands(n), g.ids())
		if !last.Start.IsZero() {
			verb := "started"
			if begin(last).IsZero() && !s.isTrace(last.Input) {
				verb = "was at"
			}
			alike += fmt.Sprintf("; the last %s %s UTC", verb, s.moment(last.Input, last.Start))
		}
		if t := g.numbered(); t != "" {
			alike += "; " + t
		}
		alike += "."
	}
	return parts, alike
}

// redirected returns where a request was sent on to by the answer to its last but one attempt; "" if nowhere.
func redirected(r *timeline.Request) string {
	n := len(r.Attempts)
	if n < 2 || r.Attempts[n-1].URL == r.Attempts[n-2].URL || r.Attempts[n-1].URL == r.URL {
		return ""
	}
	return r.Attempts[n-1].URL
}

// numbered says whose the numbers in the title of a group are, where those of the others differ.
func (g *group) numbered() string {
	if !g.varied || len(g.servers) > 1 { // then the title names the server only
		return ""
	}
	return "the numbers above are of " + g.first().ID
}

// shownIDs is how many requests of a group are named.
const shownIDs = 4

// ids lists the requests of a group.
func (g *group) ids() string {
	var ids []string
	for i, r := range g.requests {
		if i == shownIDs {
			ids = append(ids, "...")
			break
		}
		ids = append(ids, r.ID)
	}
	return strings.Join(ids, ", ")
}

// when says when the first request of a group started and ended.
func (s *screen) when(g *group) string {
	r := g.first()
	if r.Start.IsZero() {
		return ""
	}
	write := func(t etl.Time) string { return s.moment(r.Input, t) }
	t, at := "started "+write(r.Start), r.Start
	if begin(r).IsZero() {
		t = "start not in the trace"
		if !s.isTrace(r.Input) {
			t = "" // such a file never has it
		}
		if r.End.IsZero() {
			t += ", first seen " + write(r.Start)
		}
	}
	if !r.End.IsZero() {
		verb := map[timeline.Outcome]string{timeline.Failed: "failed", timeline.Cancelled: "given up"}[g.outcome]
		end := cmp.Or(verb, "ended") + " " + write(r.End)
		if write(r.End) != write(r.Start) || begin(r).IsZero() {
			end = t + ", " + end
		}
		t, at = end, r.End
	}
	t = strings.TrimPrefix(t, ", ") + " UTC"
	if local, ok := s.local(at); ok {
		t += " (" + local + " server time)"
	}
	return t
}

// local writes a time of day by the clock of the traced machine; ok is false if that is UTC, or unknown.
func (s *screen) local(t etl.Time) (string, bool) {
	minutes, ok := s.zone()
	return clock(t.Add(time.Duration(minutes) * time.Minute)), ok && minutes != 0
}

// status writes the status and substatus of a request.
func status(r *timeline.Request) string {
	if r.HasSub {
		return fmt.Sprintf("%d.%d", r.Status, r.SubStatus)
	}
	return fmt.Sprint(r.Status)
}

// quotes are what the screen shows of the evidence of a verdict.
type quotes struct {
	from []string // the providers, if there is one input
	text string
}

// source finds the provider, and the id of its event, in front of an observation: "WebIO 202 connect failed".
var source = regexp.MustCompile(`^(WebIO|WinHttp|TCPIP|HttpService|Schannel|DNS-Client|Winsock-NameResolution) (?:\d+ )?`)

// seen quotes what a verdict rests on, in the order in which it tells the story, or else the last
// observations. Where they come from several files, it says which and when.
func (s *screen) seen(v *timeline.Verdict) quotes {
	rests := slices.ContainsFunc(v.Evidence, func(e timeline.Evidence) bool { return e.Key })
	several := slices.ContainsFunc(v.Evidence, func(e timeline.Evidence) bool { return e.Input != v.Evidence[0].Input })
	var list, from []string
	for _, e := range v.Evidence {
		if rests && !e.Key {
			continue
		}
		t := clause(e.Text)
		if m := source.FindStringSubmatch(t); m != nil && !several {
			t = t[len(m[0]):]
			if !slices.Contains(from, m[1]) {
				from = append(from, m[1])
			}
		}
		if several {
			where := shortPath(s.source(e.Input))
			if !e.Time.IsZero() {
				where += " " + clockMS(e.Time)
			}
			t = where + " " + t
		}
		if !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	room := 240
	if several {
		room = 360 // with names and times
	}
	if s.whole {
		room *= 10
	}
	return quotes{from, strings.Join(abridge(list, room, rests), "; ")}
}

// abridge leaves observations out until the rest has so many characters at most, whatever the width of
// the page: about three lines. The last one stays, and the first one where all of them matter.
func abridge(list []string, room int, allMatter bool) []string {
	total := 0
	for _, t := range list {
		total += len(t) + len("; ")
	}
	stay := 0
	if allMatter {
		stay = 1
	}
	for total > room && len(list) > stay+1 {
		total -= len(list[stay]) + len("; ")
		list = slices.Delete(list, stay, stay+1)
	}
	return list
}

// sure says how certain the verdict of a request is, on what evidence, and what the error was.
func sure(r *timeline.Request, q quotes) string {
	t := r.Verdict.Confidence.String() + "."
	raw, codes, w := code(r.Error), codeWords(r), r.WinHTTP.Code
	if q.text != "" {
		t += " Seen"
		if len(q.from) > 0 {
			t += " (" + strings.Join(q.from, ", ") + ")"
		}
		t += ": "
	}
	says := func(c timeline.Code) bool { return c != 0 && strings.Contains(q.text, code(c)) }
	switch {
	case r.Error != 0 && strings.HasSuffix(q.text, raw): // with which codes begins
		return t + sentence(q.text+strings.TrimPrefix(codes, raw))
	case says(w) && strings.HasSuffix(q.text, code(w)):
		return t + q.text + " (" + hresult(w) + ")."
	}
	if q.text != "" {
		t += sentence(q.text)
	}
	switch {
	case codes == "", w == 0 && says(r.Error):
	case says(w) && (r.Error == 0 || says(r.Error)):
		t += " Other tools write it as " + hresult(w) + "."
	case w != 0 && says(r.Error):
		t += " WinHTTP reports that as " + winHTTPWords(r) + "."
	default:
		t += " The error: " + sentence(codes)
	}
	return t
}

// codeWords names the raw code of a request and what WinHTTP makes of it; it begins with the raw code.
func codeWords(r *timeline.Request) string {
	w := r.WinHTTP.Code
	switch {
	case w == 0 && r.Error == 0:
		return ""
	case w == 0:
		return code(r.Error)
	case r.Error == 0 || r.Error == w:
		return winHTTPWords(r)
	}
	return code(r.Error) + ", which WinHTTP reports as " + winHTTPWords(r)
}

// winHTTPWords names the code that WinHTTP reports.
func winHTTPWords(r *timeline.Request) string {
	w := r.WinHTTP
	if w.From == timeline.FromTable && r.Error != w.Code {
		return fmt.Sprintf("%s (%s; by its rules, not seen here)", code(w.Code), hresult(w.Code))
	}
	return fmt.Sprintf("%s (%s)", code(w.Code), hresult(w.Code))
}

// sentences ends each text with a period.
func sentences(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = sentence(s)
	}
	return out
}
