package report

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// sourceWords say in a word what a kind of file is.
var sourceWords = map[string]string{
	string(timeline.KindETL):     "trace",
	string(timeline.KindText):    "trace text",
	string(timeline.KindFREB):    "FREB",
	string(timeline.KindIISLog):  "log",
	string(timeline.KindHTTPERR): "HTTPERR",
	string(timeline.KindEvents):  "event log",
	string(timeline.KindConfig):  "config",
	string(timeline.KindConsole): "console",
	string(timeline.KindPage):    "error page",
	string(timeline.KindPerf):    "counters",
	string(timeline.KindSRUM):    "SRUM",
}

// roleWords say what the machine of a role is called where there is one of it.
var roleWords = map[string]string{
	string(timeline.RoleProxy):   "ARR",
	string(timeline.RoleContent): "server",
}

// isTrace reports whether an input is a trace, in one of its forms. What has no input is from one.
func (a *Analysis) isTrace(i int) bool {
	in := a.inputAt(i)
	return in == nil || in.Kind == string(timeline.KindETL) || in.Kind == string(timeline.KindText)
}

// onlyTraces reports whether requests can be known from traces only.
func (a *Analysis) onlyTraces() bool {
	for i := range a.Inputs {
		if in := &a.Inputs[i]; !a.isTrace(i) && (!in.Start.IsZero() || in.Entries > 0) {
			return false
		}
	}
	return true
}

// coarse reports whether the times of an input are whole seconds.
func (a *Analysis) coarse(i int) bool {
	in := a.inputAt(i)
	return in != nil && (in.Kind == string(timeline.KindIISLog) || in.Kind == string(timeline.KindHTTPERR))
}

// who names the machine of an input in a word: of two machines by what it does, if only one does it. "" where there is
// only one machine, of no special role.
func (a *Analysis) who(i int) string {
	in := a.inputAt(i)
	if in == nil {
		return ""
	}
	machines, alike := map[string]bool{}, map[string]bool{}
	for j := range a.Inputs {
		if other := &a.Inputs[j]; other.Machine != "" {
			machines[other.Machine] = true
			if other.Role == in.Role {
				alike[other.Machine] = true
			}
		}
	}
	word := roleWords[in.Role]
	switch {
	case len(machines) < 2 && in.Role != string(timeline.RoleProxy):
		return ""
	case word != "" && len(machines) <= 2 && len(alike) < 2:
		return word
	}
	name := hostWord(in.Machine)
	for other := range machines {
		if other != in.Machine && hostWord(other) == name {
			name = in.Machine
		}
	}
	const most = 15 // a NetBIOS name
	return shorten(name, most)
}

// hostWord is the first part of a machine's name, which its domain follows.
func hostWord(machine string) string {
	if _, err := netip.ParseAddr(machine); err == nil {
		return machine
	}
	word, _, _ := strings.Cut(machine, ".")
	return word
}

// label names an input by its machine and what it is: ARR trace, server log, System log.
func (a *Analysis) label(i int) string {
	in := a.inputAt(i)
	if in == nil {
		return ""
	}
	what := cmp.Or(sourceWords[in.Kind], "file")
	if in.Kind == string(timeline.KindEvents) && len(in.Channels) == 1 {
		what = shorten(in.Channels[0], 20) + " log"
	}
	who := a.who(i)
	if who == "" && in.Kind == string(timeline.KindIISLog) {
		who = "IIS"
	}
	return strings.TrimSpace(who + " " + what)
}

// shift is what has to be added to the times of an input to fit those of another one.
func (a *Analysis) shift(from, to int) time.Duration {
	offset := func(i int) time.Duration {
		if in := a.inputAt(i); in != nil && in.ClockOffsetFrom != "" {
			return in.ClockOffset.Sub(0)
		}
		return 0
	}
	return offset(from) - offset(to)
}

// A row is a line of evidence.
type row struct {
	input  int
	at     etl.Time // by the clock of the machine of the request
	until  etl.Time // of the last of several alike; 0 = there is one
	text   string
	source string         // the file
	place  timeline.Place // in it
	event  string         // that tells; "" = none
	count  int
}

// occurrence finds the event that tells at the end of an observation: "... (WAS 5002)".
var occurrence = regexp.MustCompile(`^(.*) \(([A-Za-z.][\w. -]* \d+(?:, [A-Za-z.][\w. -]* \d+)*)\)$`)

// process finds the id of a process in a text; those of several alike differ.
var process = regexp.MustCompile(` \(PID \d+\)`)

// row is an observation about a request as a line of evidence, by the clock of the request's machine.
func (s *screen) row(e timeline.Evidence, r *timeline.Request) row {
	t := row{input: e.Input, at: e.Time, text: clause(e.Text), source: shortPath(s.source(e.Input)), place: e.Place, count: 1}
	if !e.Time.IsZero() {
		t.at = e.Time.Add(s.shift(e.Input, r.Input))
	}
	if m := source.FindString(t.text); s.isTrace(e.Input) {
		t.text, t.event = t.text[len(m):], strings.TrimSpace(m)
	} else if m := occurrence.FindStringSubmatch(t.text); m != nil {
		t.text, t.event = m[1], m[2]
	}
	return t
}

// tells names what tells: the event of a log of events, else the file, with the line.
func (t *row) tells() string {
	return cmp.Or(t.event, placed(t.source, timeline.Place{Line: t.place.Line}, ""))
}

// kindOf is the kind of an input; a trace if it is not known.
func (a *Analysis) kindOf(input int) timeline.Kind {
	if in := a.inputAt(input); in != nil {
		return timeline.Kind(in.Kind)
	}
	return timeline.KindETL
}

// placed writes a place behind the name of its file: u_ex260718.log:5; System.evtx #1234; fr000012.xml, event 45.
func placed(file string, p timeline.Place, kind timeline.Kind) string {
	switch {
	case file == "":
		return ""
	case p.Line > 0:
		return fmt.Sprintf("%s:%d", file, p.Line)
	case p.Record > 0 && kind == timeline.KindFREB:
		return fmt.Sprintf("%s, event %d", file, p.Record)
	case p.Record > 0:
		return fmt.Sprintf("%s #%d", file, p.Record)
	}
	return file
}

// name is the path of an input without the folders that nobody needs to tell it from the others: of two
// u_ex260304.log it is ARR01/u_ex260304.log.
func (a *Analysis) name(i int) string {
	if i < 0 || i >= len(a.Traces) {
		return ""
	}
	if a.names == nil {
		paths := make([]string, len(a.Traces))
		for j := range paths {
			paths[j] = strings.ReplaceAll(a.source(j), `\`, "/")
		}
		a.names = shortNames(paths)
	}
	return a.names[i]
}

// shortNames returns as many of the last parts of each path as tell it from all others.
func shortNames(paths []string) []string {
	type ending struct {
		parts []string // the last one first
		index int
	}
	list := make([]ending, len(paths))
	for i, p := range paths {
		parts := strings.Split(p, "/")
		slices.Reverse(parts)
		list[i] = ending{parts, i}
	}
	// Those that have most in common are neighbours.
	slices.SortFunc(list, func(x, y ending) int { return slices.Compare(x.parts, y.parts) })
	names := make([]string, len(paths))
	for i, e := range list {
		need := 1
		for _, j := range []int{i - 1, i + 1} {
			if j < 0 || j >= len(list) || paths[list[j].index] == paths[e.index] {
				continue
			}
			same := 0
			for same < min(len(e.parts), len(list[j].parts)) && e.parts[same] == list[j].parts[same] {
				same++
			}
			need = max(need, same+1)
		}
		last := slices.Clone(e.parts[:min(need, len(e.parts))])
		slices.Reverse(last)
		names[e.index] = strings.Join(last, "/")
	}
	return names
}

// inOrder sorts rows by time. What is cut to whole seconds was later than it says.
func (s *screen) inOrder(rows []row) {
	when := func(t row) etl.Time {
		if s.coarse(t.input) {
			return t.at + etl.Second - 1
		}
		return t.at
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(when(a), when(b)) })
}

// rows returns what a verdict rests on, where that is from several files: what a trace tells in one row, of the
// others each observation in its own; nil if it is all from one file.
func (s *screen) rows(r *timeline.Request, v *timeline.Verdict) []row {
	if !slices.ContainsFunc(v.Evidence, func(e timeline.Evidence) bool { return e.Input != v.Evidence[0].Input }) {
		return nil
	}
	var out []row
	told := map[int][]string{} // by traces
	last := map[int]timeline.Evidence{}
	var traces []int
	for _, e := range v.Evidence {
		t := s.row(e, r)
		if !s.isTrace(e.Input) {
			out = append(out, t)
			continue
		}
		if last[e.Input].Key && !e.Key { // what it does not rest on is left out
			continue
		}
		if e.Key && !last[e.Input].Key {
			told[e.Input] = nil
		}
		if !slices.Contains(traces, e.Input) {
			traces = append(traces, e.Input)
		}
		last[e.Input] = e
		if !slices.Contains(told[e.Input], t.text) {
			told[e.Input] = append(told[e.Input], t.text)
		}
	}
	room := 120
	if s.whole {
		room *= 10
	}
	for _, i := range traces {
		t := s.row(last[i], r)
		t.text, t.event = strings.Join(abridge(told[i], room, false), ", "), ""
		out = append(out, t)
	}
	s.inOrder(out)
	return alike(out)
}

// alike makes one row of observations that say the same.
func alike(rows []row) []row {
	out := rows[:0]
	for _, t := range rows {
		bare := process.ReplaceAllString(t.text, "")
		i := slices.IndexFunc(out, func(o row) bool {
			return o.input == t.input && o.source == t.source && o.event == t.event && process.ReplaceAllString(o.text, "") == bare
		})
		if i < 0 {
			out = append(out, t)
			continue
		}
		out[i].count++
		out[i].until, out[i].text = t.at, bare
	}
	for i := range out {
		if t := &out[i]; t.count > 1 {
			t.text += fmt.Sprintf(", %d times", t.count)
			if clock(t.until) != clock(t.at) {
				t.text += " until " + clock(t.until)
			}
		}
	}
	return out
}

// moment writes when something happened, as finely as the file tells.
func (s *screen) moment(input int, t etl.Time) string {
	switch {
	case t.IsZero():
		return ""
	case s.coarse(input):
		return clock(t)
	}
	return clockMS(t)
}

// witnesses adds rows of evidence, each with the file that tells in front.
//
//	ARR log      16:50:50      502.3, win32 12002 ERROR_WINHTTP_TIMEOUT, 29,889 ms
func (s *screen) witnesses(rows []row) {
	labels := make([]string, len(rows))
	first := map[string]int{} // input, by label
	for _, t := range rows {
		l := s.label(t.input)
		if other, ok := first[l]; ok && other != t.input {
			first[l] = -1
			continue
		}
		first[l] = t.input
	}
	label, at := 0, len("15:04:05")
	for i, t := range rows {
		if labels[i] = s.label(t.input); first[labels[i]] < 0 {
			const most = 24
			labels[i] = shorten(shortPath(s.source(t.input)), most) // the names of files tell them apart
		}
		label = max(label, displaywidth.String(clean(labels[i])))
		at = max(at, len(s.moment(t.input, t.at)))
	}
	lead := len("  ") + label + len(gap) + at + len(gap)
	for i, t := range rows {
		s.columns(lead, "  "+pad(labels[i], label)+gap+pad(s.moment(t.input, t.at), at)+gap, s.observation(t, s.width-lead), "")
	}
}

// observation is the text of a row: it leaves clauses of an observation out until the rest takes two lines at most: the last ones, but of what a
// trace tells those in front of the last, which is how it ended.
func (s *screen) observation(t row, width int) string {
	if s.whole {
		return t.text
	}
	trace := s.isTrace(t.input)
	clauses := strings.Split(t.text, ", ")
	for len(clauses) > 1 && len(wrap(strings.Join(clauses, ", "), width, 0)) > 2 {
		if trace {
			clauses = slices.Delete(clauses, len(clauses)-2, len(clauses)-1)
		} else {
			clauses = clauses[:len(clauses)-1]
		}
	}
	return strings.Join(clauses, ", ")
}

// course adds rows of evidence in the order of time, each with what tells it behind.
//
//	09:14:07  pool switched off (5 failures within 5 minutes)        WAS 5002
func (s *screen) course(rows []row) {
	at, tells := len("15:04:05"), 0
	const widest = 34
	for i := range rows {
		tells = max(tells, displaywidth.String(shorten(rows[i].tells(), widest)))
	}
	lead := len("  ") + at + len(gap)
	for _, t := range rows {
		when := ""
		if !t.at.IsZero() {
			when = clock(t.at)
		}
		s.columns(lead, "  "+pad(when, at)+gap, t.text, pad(shorten(t.tells(), widest), tells))
	}
}

// columns adds a text that is wrapped in a column of its own, between what stands in front of its first line
// and what stands behind it.
func (p *page) columns(lead int, front, text, behind string) {
	room := p.width - lead
	if behind != "" {
		room -= len(gap) + displaywidth.String(behind)
	}
	for i, l := range wrap(text, max(room, 20), 0) {
		switch {
		case i > 0:
			p.line(strings.Repeat(" ", lead) + l)
		case behind != "":
			p.line(shorten(front+pad(l, room)+gap+behind, p.width))
		default:
			p.line(shorten(front+l, p.width))
		}
	}
}

// pad fills a text with blanks to a number of columns.
func pad(s string, columns int) string {
	s = clean(s)
	return s + strings.Repeat(" ", max(0, columns-displaywidth.String(s)))
}

// numbers are the words of small ones.
var numbers = [...]string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}

func inWords(n int) string {
	if n < len(numbers) {
		return numbers[n]
	}
	return thousands(n)
}

// agreement says how many files tell of a request, and by what they are known to be about the same one.
// "" if there is one only.
func (s *screen) agreement(r *timeline.Request) string {
	files := map[int]bool{r.Input: true}
	var ways []string
	by := map[string][]string{} // labels
	for _, q := range r.Related {
		if q.Request != nil || q.Confidence == timeline.Possible || q.By == "" || files[q.Input] {
			continue
		}
		files[q.Input] = true
		if by[q.By] == nil {
			ways = append(ways, q.By)
		}
		by[q.By] = append(by[q.By], s.label(q.Input))
	}
	if len(ways) == 0 {
		return ""
	}
	slices.SortStableFunc(ways, func(x, y string) int { return cmp.Compare(len(by[y]), len(by[x])) })
	words := inWords(len(files))
	t := strings.ToUpper(words[:1]) + words[1:] + " files "
	if r.Verdict.Confidence == timeline.Certain {
		t += "agree"
	} else {
		t += "tell of it"
	}
	t += ", joined by " + ways[0]
	if strings.HasPrefix(ways[0], "X-") && r.LogID != "" && strings.Contains(ways[0], "LOG") {
		t += " " + shorten(r.LogID, len("dbf06c50-..."))
	}
	var others []string
	for _, w := range ways[1:] {
		others = append(others, strings.Join(by[w], ", ")+": by "+w)
	}
	if len(others) > 0 {
		t += " (" + strings.Join(others, "; ") + ")"
	}
	return sentence(t)
}

// notJoined labels candidates.
func notJoined(list []string) string {
	return "Not joined, since " + either(len(list), "it may be of another request", "several fit and one can be it")
}

// candidates lists what may be about the same request, of which no more than one can be.
func (s *screen) candidates(r *timeline.Request, v *timeline.Verdict) (list []string) {
	for _, q := range r.Related {
		quoted := func(e timeline.Evidence) bool { return e.Input == q.Input && e.Time == q.Time }
		if q.Request == nil && q.Confidence == timeline.Possible && !slices.ContainsFunc(v.Evidence, quoted) {
			at := q.Time
			if !at.IsZero() {
				at = at.Add(s.shift(q.Input, r.Input))
			}
			list = append(list, strings.Join(strings.Fields(s.label(q.Input)+" "+s.moment(q.Input, at)+" "+clause(q.Text)), " "))
		}
	}
	const most = 3
	if len(list) > most {
		list = append(list[:most], fmt.Sprintf("%d more", len(list)-most))
	}
	return list
}

// clocks says which machines' times were moved in what is told of a request.
func (s *screen) clocks(r *timeline.Request, v *timeline.Verdict) (out []string) {
	inputs := []int{}
	for _, e := range v.Evidence {
		inputs = append(inputs, e.Input)
	}
	if r.Behind != nil {
		inputs = append(inputs, r.Behind.Input)
	}
	told := map[string]bool{}
	for _, i := range inputs {
		d := s.shift(i, r.Input)
		in := s.inputAt(i)
		if d == 0 || in == nil || told[in.Machine] {
			continue
		}
		told[in.Machine] = true
		how := "ahead"
		if d > 0 {
			how = "behind"
		}
		front := "the proxy"
		if own := s.inputAt(r.Input); own != nil && own.Machine != "" {
			front = own.Machine
		}
		out = append(out, fmt.Sprintf("%s's clock is %s %s; its times are shown as %s's.", cmp.Or(in.Machine, "The server"), offset(d.Abs()), how, front))
	}
	return out
}

// offset writes by how much clocks differ: 92 s, 40 ms.
func offset(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return took(d)
	case d < time.Hour:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return took(d)
}

// sureOf says how certain a verdict is that rests on several files, and what the error was if none of them names it.
func (s *screen) sureOf(r *timeline.Request, rows []row) string {
	return strings.TrimSpace(r.Verdict.Confidence.String() + ". " + s.grounds(r, rows))
}

// grounds says which files agree, and what the error was if no evidence names it.
func (s *screen) grounds(r *timeline.Request, rows []row) string {
	t := s.agreement(r)
	said := func(c timeline.Code) bool {
		return c == 0 || slices.ContainsFunc(rows, func(t row) bool { return strings.Contains(t.text, code(c)) })
	}
	w := r.WinHTTP.Code
	switch {
	case said(r.Error) && said(w):
	case said(r.Error):
		t += " WinHTTP reports " + code(r.Error) + " as " + winHTTPWords(r) + "."
	default:
		t += " The error: " + sentence(codeWords(r))
	}
	return strings.TrimSpace(t)
}

// way writes how a proxied request went: client 192.168.0.204:49247 > ARR01 > 192.168.0.216:80.
func (s *screen) way(r *timeline.Request) string {
	if !r.Proxied && (r.Side != timeline.Client || r.Client == "") {
		return ""
	}
	var hops []string
	if r.Client != "" {
		hops = append(hops, "client "+r.Client)
	}
	front := "the proxy"
	if in := s.inputAt(r.Input); in != nil {
		front = cmp.Or(in.Machine, roleWords[in.Role], front)
	}
	hops = append(hops, front)
	if r.Server != "" {
		hops = append(hops, r.Server)
	} else if r.Phase == timeline.PhaseRoute {
		hops = append(hops, "no server")
	}
	if len(hops) < 2 {
		return ""
	}
	return strings.Join(hops, " > ")
}

// bars draws a request that the content server saw as well: both ends on one scale.
//
//	ARR     ===================X connect 1 ms, send 1 ms, wait 29.9 s, limit 30 s (set in the trace)
//	server  ............................. finished after 45.2 s
func (s *screen) bars(r *timeline.Request) {
	b := r.Behind
	if b == nil || b.Took == 0 || b.Start.IsZero() || r.Duration() == 0 {
		s.bar(r)
		return
	}
	done := b.Start.Add(b.Took)
	if !b.End.IsZero() {
		done = max(b.End, done)
	}
	from := min(r.Start, b.Start)
	whole := max(r.End, done).Sub(from)
	front, back := cmp.Or(s.who(r.Input), "proxy"), cmp.Or(s.who(b.Input), "server")
	label := max(displaywidth.String(front), displaywidth.String(back))

	right, number, short := s.came(r)
	finished := "finished after " + took(b.Took)
	if b.End.IsZero() {
		finished = "no end in its files"
	}
	split := spent(b)
	const shortest, longest = 10, 40
	lead := len("  ") + label + len(gap)
	room := func(words ...string) int {
		n := 0
		for _, w := range words {
			n = max(n, displaywidth.String(w))
		}
		return s.width - lead - n - len("X ")
	}
	behind := finished + split
	if room(right, behind) < shortest {
		right = number // the text below says the name of a code, too
	}
	if room(right, behind) < shortest {
		right = short
	}
	if room(right, behind) < shortest {
		behind = finished
	}
	scale := min(max(room(right, behind), shortest), longest)
	place := func(t etl.Time) int { return int(int64(t-from) * int64(scale) / max(int64(whole/100), 1)) }
	draw := func(name, mark, end, words string, start, stop etl.Time) {
		x := place(start)
		s.columns(lead, "  "+pad(name, label)+gap, strings.Repeat(" ", x)+strings.Repeat(mark, max(place(stop)-x, 1))+end+" "+words, "")
	}
	end := "X"
	if r.Outcome == timeline.OK {
		end = ""
	}
	draw(front, "=", end, right, r.Start, r.End)
	if s.color && end != "" {
		lines := s.blocks[len(s.blocks)-1].lines
		for i := range lines {
			lines[i] = strings.Replace(lines[i], "=X ", "="+red+"X"+plainColor+" ", 1)
		}
	}
	draw(back, ".", "", behind, b.Start, done)
}

// came says how far a request came, and what ended it; number does without the name of a code, short is the last step
// only.
func (s *screen) came(r *timeline.Request) (long, number, short string) {
	steps := lastAttempt(r)
	end := reason(r)
	if r.Timer == nil && r.Outcome == timeline.Failed && r.Error == 0 && r.WinHTTP.Code == 0 {
		end = "gave up"
	}
	bare := end
	if n, _, _ := strings.Cut(end, " "); isNumber(n) {
		bare = n
	}
	stop := slices.IndexFunc(steps, func(t step) bool { return t.outcome != timeline.OK })
	if stop < 0 && (len(steps) == 0 || r.Outcome == timeline.Failed) { // in which step, no file tells
		long = took(r.Duration()) + ", " + end
		return long, took(r.Duration()) + ", " + bare, long
	}
	last := steps[len(steps)-1:]
	if stop >= 0 {
		steps = steps[:stop+1]
		last = steps[stop:]
	}
	return join(steps) + ", " + end, join(steps) + ", " + bare, join(last) + ", " + end
}

// spentWords are what the server's phases are called beside its bar.
var spentWords = map[timeline.PhaseName]string{
	timeline.PhaseReceive: "upload",
	timeline.PhaseQueue:   "in the queue",
	timeline.PhaseProcess: "work",
	timeline.PhaseSend:    "sending",
}

// spent says on what the server spent its time, if not all on one thing.
func spent(b *timeline.Behind) string {
	var parts []string
	for i := range b.Phases {
		p := &b.Phases[i]
		if d := p.Duration(); d*100 >= b.Took && spentWords[p.Name] != "" {
			parts = append(parts, spentWords[p.Name]+" "+took(d))
		}
	}
	if len(parts) < 2 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

// turnedAway reports whether HTTP.sys turned a request away before any worker process saw it.
func turnedAway(r *timeline.Request) bool {
	return r.MadeBy != nil && r.MadeBy.Tier == "http.sys" && r.Outcome == timeline.Failed && r.Status != 0
}

// got says what the requests of a group got where HTTP.sys refused them: "got 503". "" if it did not.
func (g *group) got() string {
	first := g.first()
	for _, r := range g.requests {
		if !turnedAway(r) || r.Status != first.Status {
			return ""
		}
	}
	return fmt.Sprintf("got %d", first.Status)
}

// refusal tells of requests that HTTP.sys refused: when, which, and how the others fared meanwhile.
func (s *screen) refusal(g *group) {
	if v := g.first().Verdict; v == nil || len(v.Context) == 0 {
		s.facts(g)
		return
	}
	for _, t := range sentences(g.first().Verdict.Context) {
		s.text(t, 2)
	}
	if t := s.refused(g); t != "" {
		s.block(extra)
		s.text(t, 2)
		s.block(needed)
	}
}

// refused says which request stands for those that HTTP.sys refused; "" if nothing is known of it.
func (s *screen) refused(g *group) string {
	r := g.first()
	var first []string
	if what := strings.TrimSpace(r.Method + " " + shorten(webAddress(r.URL), s.width/2)); what != "" {
		first = append(first, what)
	}
	if r.Client != "" {
		first = append(first, "from "+r.Client)
	}
	if len(first) == 0 {
		return ""
	}
	last := g.requests[len(g.requests)-1]
	which := either(len(g.requests), "The request: ", "The first of them: ")
	if r != g.requests[0] {
		which = "One of them: "
	}
	return which + strings.Join(first, " ") +
		fmt.Sprintf(" at %s UTC (%s)", clock(r.Start), g.ids()) + either(len(g.requests), "", "; the last at "+clock(last.Start)) + strings.TrimSuffix("; "+g.numbered(), "; ") + "."
}

// webAddress is a URL without a port that goes without saying.
func webAddress(url string) string {
	for scheme, port := range map[string]string{"http://": ":80", "https://": ":443"} {
		rest, ok := strings.CutPrefix(url, scheme)
		if !ok {
			continue
		}
		host, path := rest, ""
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			host, path = rest[:i], rest[i:]
		}
		return scheme + strings.TrimSuffix(host, port) + path
	}
	return url
}
