package report

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// health is what makes an answer less sure, or impossible.
type health struct {
	Whole    bool // nothing was lost, nothing is damaged
	Concerns []concern
	Notes    []concern
}

// A concern is one of these things, and what helps.
type concern struct {
	Class    string // blind, doubt, note
	Label    string
	Title    string
	Text     []string
	DoNow    []string
	Commands []string
	FindOut  []string
	Warning  string
}

func (s *screen) health() health {
	var h health
	folder := s.folder()
	add := func(f timeline.Finding, class, label string) {
		c := concern{class, label, f.Title, f.Text, f.DoNow, f.Commands, f.FindOut, f.Warning}
		if class == "note" {
			h.Notes = append(h.Notes, c)
			return
		}
		h.Concerns = append(h.Concerns, c)
	}
	for _, f := range s.findings(timeline.Blind) {
		add(f, "blind", "Cannot be told")
	}
	for _, f := range s.findings(timeline.Doubt) {
		add(f, "doubt", "Careful")
	}
	const most = 6
	shown, left := 0, 0
	for i := range s.Inputs {
		in := &s.Inputs[i]
		name := strings.TrimPrefix(in.Path, folder)
		c := concern{Class: "doubt", Label: "Careful"}
		switch {
		case in.Error != "":
			c.Title = name + " was not read, or not to its end: " + sentence(in.Error)
		case in.Kind == string(timeline.KindFREB) && in.Note != "":
			c.Title = name + ": " + sentence(in.Note)
		case in.damages() > 0:
			c.Title = fmt.Sprintf("%s is damaged in %s; what is left was read.", name, plural(in.damages(), "place"))
			c.Text = in.damageWords()
		default:
			continue
		}
		if shown == most {
			left++
			continue
		}
		shown++
		h.Concerns = append(h.Concerns, c)
	}
	if left > 0 {
		h.Concerns = append(h.Concerns, concern{Class: "doubt", Label: "Careful",
			Title: fmt.Sprintf("%s could not be read whole: the list of files has them.", plural(left, "more file"))})
	}
	for _, t := range s.Traces {
		if t.Abandoned > 0 {
			h.Concerns = append(h.Concerns, concern{Class: "doubt", Label: "Careful", Title: fmt.Sprintf("%s: too much was open at once; %s given up.", strings.TrimPrefix(t.Path, folder),
				either(t.Abandoned, "1 request or connection was", thousands(t.Abandoned)+" requests or connections were"))})
		}
	}
	h.Whole = len(h.Concerns) == 0
	for _, f := range s.findings(timeline.Note) {
		add(f, "note", "Note")
	}
	return h
}

// An uncaptured is something that was not captured, and would make an answer surer.
type uncaptured struct {
	Step string
	Card string // anchor of the first card that lacks it
	Of   string // which one that is
}

// capturable is what a step names that is about what to capture, and not what to think.
var capturable = regexp.MustCompile(`(?i)\b(?:logs?|HTTPERR|trac(?:e|es|ing)|FREB|dump|capture|record|netsh|event log|applicationHost\.config|web\.config)\b`)

// missed lists what was not captured, from what cards say is to be found out.
func missed(cards []card) (out []uncaptured) {
	const most = 6
	seen := map[string]bool{}
	for i := range cards[:min(len(cards), fullCards)] {
		for _, t := range cards[i].FindOut {
			if key := wording(t); capturable.MatchString(t) && !strings.Contains(t, "?") && !seen[key] && len(out) < most {
				seen[key] = true
				m := uncaptured{Step: t, Card: fmt.Sprintf("card-%d", i+1)}
				if len(cards) > 1 {
					m.Of = fmt.Sprintf("verdict %d", i+1)
				}
				out = append(out, m)
			}
		}
	}
	return out
}

// A term is a word that not everybody knows.
type term struct{ Word, Meaning string }

// terms explains the words that stand in cards.
func (a *Analysis) terms(cards []card) (out []term) {
	var doc strings.Builder
	say := func(texts ...string) {
		for _, t := range texts {
			doc.WriteString(shorten(t, longWords))
			doc.WriteByte('\n')
		}
	}
	for i := range cards[:min(len(cards), mostCards)] {
		c := &cards[i]
		if c.verdict() != nil {
			say("How sure:")
		}
		say(c.Headline, c.Stage, c.Sure, c.Candidates, c.Open)
		for _, e := range c.Evidence {
			say(e.Label, e.Text, e.Source)
		}
		for _, texts := range [][]string{c.Facts, c.Clocks, c.Context, c.Not, c.DoNow, c.FindOut} {
			say(texts...)
		}
	}
	for _, t := range terms {
		if t.sign.MatchString(doc.String()) {
			out = append(out, term{t.word, t.meaning})
		}
	}
	return out
}

// damageWords says what is wrong with an input: the first places.
func (in *Input) damageWords() []string {
	const most = 3
	var out []string
	add := func(kind string, offset int64, detail string) {
		if len(out) < most {
			out = append(out, sentence(fmt.Sprintf("%s at offset %s: %s", kind, thousands(offset), detail)))
		}
	}
	for _, d := range in.Damage {
		add(d.Kind, d.Offset, d.Detail)
	}
	if in.Log != nil {
		for _, d := range in.Log.Anomalies {
			add(d.Kind.String(), d.Offset, d.Detail)
		}
	}
	if n := in.damages() - len(out); n > 0 && len(out) > 0 {
		out = append(out, fmt.Sprintf("And %s more.", plural(n, "place")))
	}
	return out
}

// serverTable says how the servers fared; nil if requests went to none, or if the servers of hardly any are known.
func (s *screen) serverTable() (t *table, wider bool) {
	stats, wider := s.surround()
	stats = slices.Clone(stats)
	if len(stats) == 0 || s.scattered() {
		return nil, false
	}
	slices.SortStableFunc(stats, func(a, b timeline.ServerStats) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(b.Tried, a.Tried))
	})
	t = &table{Head: []headCell{{"Server", false}, {"Requests", true}, {"Failed", true}, {"Not connected", true}, {"Repeated", true},
		{"First byte: median", true}, {"95 %", true}, {"Slowest", true}, {"Slowest request", false}, {"Last answer (UTC)", false}}}
	t.More = max(0, len(stats)-mostServers)
	for _, x := range stats[:min(len(stats), mostServers)] {
		row := []string{x.Server, thousands(x.Tried), thousands(x.Failed), thousands(x.Tried - x.Connected - x.Unclear), thousands(x.Retried), "", "", "", "", "none"}
		host, _ := timeline.SplitHost(x.Server)
		if m := s.machineNamed(host); m != nil && m.Name != "" && !m.Guessed && m.Name != host {
			row[0] += " (" + m.Name + ")"
		}
		if f := x.FirstByte; f.URL != "" || f.Slowest > 0 {
			copy(row[5:], []string{took(f.Median), took(f.P95), took(f.Slowest), strings.TrimSpace(f.Method + " " + shortURL(f.URL))})
		}
		if !x.Success.IsZero() {
			row[9] = clock(x.Success)
		}
		t.Rows = append(t.Rows, row)
	}
	return t, wider
}

// A host is a machine with what there is of it.
type host struct {
	Title string
	Rows  [][]string
	Gaps  []string
}

// hosts lists the machines; nil if there is only one, of which nothing is known.
func (s *screen) hosts() []host {
	if len(s.Machines) < 2 && (len(s.Machines) == 0 || s.Machines[0].Role == timeline.RoleUnknown) {
		return nil
	}
	const most = 40
	var out []host
	for _, m := range s.Machines[:min(len(s.Machines), most)] {
		x := host{Title: s.machineTitle(m)}
		for _, h := range s.holdings(m) {
			row := []string{h.source, thousands(len(h.inputs)), "", "", ""}
			if !h.start.IsZero() {
				row[2] = datedSpan(h.start, h.end)
			}
			if h.entries > 0 {
				row[3] = thousands(h.entries)
			}
			if h.damaged > 0 {
				row[4] = thousands(h.damaged)
			}
			x.Rows = append(x.Rows, row)
			for _, g := range h.gaps {
				x.Gaps = append(x.Gaps, fmt.Sprintf("%s: nothing from %s", h.source, datedSpan(g[0], g[1])))
			}
		}
		const mostGaps = 6
		if n := len(x.Gaps) - mostGaps; n > 0 {
			x.Gaps = append(x.Gaps[:mostGaps], fmt.Sprintf("and %d more gaps", n))
		}
		out = append(out, x)
	}
	return out
}

// An inputRow is an input in the table of where the report is from.
type inputRow struct {
	Path, Kind, Machine string
	Size, SHA256        string
	Records             string
	Start, End          etl.Time
	Clock               string
	Loss                string
	Remarks             []string
	Bad                 bool
}

// Name is the last element of its path.
func (r inputRow) Name() string { return shortPath(r.Path) }

// Folder is what stands in front of it.
func (r inputRow) Folder() string { return strings.TrimSuffix(r.Path, r.Name()) }

// inputRows lists the inputs, and how many there is no room for.
func (a *Analysis) inputRows() (out []inputRow, more int) {
	folder := a.folder()
	for i := range a.Inputs {
		in := &a.Inputs[i]
		if len(out) == mostFiles {
			return out, len(a.Inputs) - mostFiles
		}
		row := inputRow{Path: in.Path, Kind: in.kindWords(), Machine: in.Machine, SHA256: in.SHA256, Start: in.Start, End: in.End}
		if in.Size >= 0 {
			row.Size = thousands(in.Size)
		}
		switch l := in.Log; {
		case l != nil && in.DuplicateOf == "":
			row.Records = thousands(l.total())
			row.Loss = l.lossWords()
		case in.Entries > 0:
			row.Records = thousands(in.Entries)
		}
		switch d := in.ClockOffset.Sub(0); {
		case in.ClockOffsetFrom == "":
		case d == 0:
			row.Clock = "agrees with that of " + in.ClockOffsetFrom
		default:
			row.Clock = fmt.Sprintf("%+.3f s, to fit %s", d.Seconds(), in.ClockOffsetFrom)
		}
		if in.Error != "" {
			row.Remarks = append(row.Remarks, "Not read, or not to its end: "+sentence(in.Error))
			row.Bad = true
		}
		if in.damages() > 0 {
			row.Remarks = append(row.Remarks, "Damaged in "+plural(in.damages(), "place")+".")
			row.Remarks = append(row.Remarks, in.damageWords()...)
			row.Bad = true
		}
		if in.DuplicateOf != "" {
			row.Remarks = append(row.Remarks, "The same bytes as "+strings.TrimPrefix(in.DuplicateOf, folder)+".")
		}
		if in.Note != "" {
			row.Remarks = append(row.Remarks, sentence(in.Note))
		}
		out = append(out, row)
	}
	return out, 0
}

// kindWords says what kind of file it is.
func (in *Input) kindWords() string {
	if source := in.sourceKey(); source != "" {
		return source
	}
	return in.Kind
}

// lossWords says what of a log was lost.
func (l *Log) lossWords() string {
	if l.Header.Open() && !l.Loss.Any() {
		return "never closed: not recorded"
	}
	var parts []string
	if n := l.Loss.EventsLost; n > 0 {
		parts = append(parts, plural(int(n), "event"))
	}
	if n := l.Loss.BuffersLost; n > 0 {
		parts = append(parts, plural(int(n), "buffer"))
	}
	if n := l.Loss.SequenceGaps; n > 0 {
		parts = append(parts, plural(int(n), "number")+" of buffers missing")
	}
	switch {
	case len(parts) == 0 && l.Loss.Any():
		parts = append(parts, "some, not counted")
	case len(parts) == 0:
		return "none"
	}
	if l.Header.Open() {
		parts = append(parts, "never closed")
	}
	return strings.Join(parts, ", ")
}

// A glossEntry explains a code.
type glossEntry struct {
	ID      string
	Number  string // 12002 (0x80072EE2)
	Name    string
	Kind    string
	Meaning string
	Phase   string
	Reports string // what WinHTTP makes of it
	Points  string // what it is a sign of
	Count   string // requests that have it
	rank    int    // of its kind
	number  uint32
}

// familyWords say what kinds of codes are called, in the order of the glossary.
var familyWords = []struct {
	family winerr.Family
	words  string
}{
	{winerr.Status, "status"},
	{winerr.HTTPErr, "HTTPERR reason"},
	{winerr.WinHTTP, "WinHTTP error"},
	{winerr.Win32, "Windows error"},
	{winerr.Winsock, "Winsock error"},
	{winerr.HResult, "HRESULT"},
	{winerr.NTStatus, "NTSTATUS"},
	{winerr.WinINet, "WinINet error"},
	{winerr.TLSAlert, "TLS alert"},
	{winerr.Event, "event"},
}

// A glossator collects the codes to be explained.
type glossator struct {
	list  []glossEntry
	known map[string]bool // by family, symbol and source
	seen  map[string]bool // words that were looked up
}

// glossary explains the codes, statuses and reasons that requests have, and those that are named in what is told of
// them.
func (a *Analysis) glossary(cards []card) []glossEntry {
	g := glossator{known: map[string]bool{}, seen: map[string]bool{}}
	g.requests(a.Requests)
	for i := range cards[:min(len(cards), mostCards)] {
		c := &cards[i]
		for _, e := range c.Evidence {
			g.text(e.Text)
			for name := range strings.SplitSeq(e.Source, ", ") {
				g.named(name, winerr.Event)
			}
		}
		for _, texts := range [][]string{{c.Headline, c.Stage, c.Sure, c.Open}, c.Facts, c.Context, c.Not, c.DoNow, c.FindOut} {
			for _, t := range texts {
				g.text(t)
			}
		}
	}
	slices.SortStableFunc(g.list, func(x, y glossEntry) int {
		return cmp.Or(cmp.Compare(x.rank, y.rank), cmp.Compare(x.number, y.number), cmp.Compare(x.Name, y.Name))
	})
	const most = 150
	list := g.list[:min(len(g.list), most)]
	for i := range list {
		list[i].ID = fmt.Sprintf("code-%d", i+1)
	}
	return list
}

// requests collects the codes of requests, each with how many have it.
func (g *glossator) requests(requests []*timeline.Request) {
	errors := map[timeline.Code]int{}
	statuses, makers := map[string]int{}, map[string][]string{} // makers: who set it, where that is known
	var mine []timeline.Code
	for _, r := range requests {
		mine = append(mine[:0], r.Error, r.WinHTTP.Code)
		for i := range r.Phases {
			mine = append(mine, r.Phases[i].Error)
		}
		for i := range r.Attempts {
			mine = append(mine, r.Attempts[i].Error)
		}
		slices.Sort(mine)
		for _, c := range slices.Compact(mine) {
			if c != 0 {
				errors[c]++
			}
		}
		if r.Status >= 400 {
			name := status(r)
			statuses[name]++
			if m := r.MadeBy; m != nil && !slices.Contains(makers[name], m.Tier) {
				makers[name] = append(makers[name], m.Tier)
			}
		}
	}
	for _, c := range slices.Sorted(maps.Keys(errors)) {
		row, ok := winerr.Look(uint32(c))
		if !ok {
			row = winerr.Code{Number: uint32(c)}
		}
		g.add(row, errors[c])
	}
	for _, name := range slices.Sorted(maps.Keys(statuses)) {
		g.status(name, makers[name], statuses[name])
	}
}

// status adds what a status means if those set it who did, whatever else it may mean; or else the status without its
// substatus.
func (g *glossator) status(name string, makers []string, requests int) {
	var all, fit []winerr.Code
	for _, m := range winerr.Explain(name) {
		if m.Family != winerr.Status || m.Symbol != name {
			continue
		}
		all = append(all, m.Code)
		if slices.ContainsFunc(makers, func(tier string) bool { return strings.EqualFold(tier, m.Source) }) {
			fit = append(fit, m.Code)
		}
	}
	if len(fit) == 0 {
		fit = all
	}
	for _, c := range fit {
		g.add(c, requests)
	}
	if plain, _, ok := strings.Cut(name, "."); ok && len(all) == 0 {
		g.status(plain, makers, requests)
	}
}

// reasonName is what reasons in an HTTPERR log look like: AppOffline, Timer_ReqQueue, N/A is none.
var reasonName = regexp.MustCompile(`\b[A-Z][a-z]+(?:_?[A-Z][A-Za-z]*)+\b|\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b|\bWSA[A-Z]+\b`)

// text adds the codes that a text names by their symbols.
func (g *glossator) text(s string) {
	for _, word := range reasonName.FindAllString(shorten(s, longWords), -1) {
		g.named(word, winerr.HTTPErr, winerr.WinHTTP, winerr.Win32, winerr.Winsock, winerr.HResult, winerr.NTStatus)
	}
}

// named adds what a symbol means in one of some families.
func (g *glossator) named(symbol string, families ...winerr.Family) {
	if g.seen[symbol] {
		return
	}
	g.seen[symbol] = true
	for _, m := range winerr.Explain(symbol) {
		if m.Symbol == symbol && slices.Contains(families, m.Family) {
			g.add(m.Code, 0)
		}
	}
}

// add adds a code, which requests have: 0 = it is only named.
func (g *glossator) add(c winerr.Code, requests int) {
	key := fmt.Sprint(c.Family, c.Number, c.Symbol, c.Source)
	if g.known[key] {
		return
	}
	g.known[key] = true
	e := glossEntry{Name: c.Symbol, Meaning: c.Meaning, Phase: c.Phase, Points: c.PointsTo, rank: len(familyWords), number: c.Number}
	for i, f := range familyWords {
		if f.family == c.Family {
			e.rank, e.Kind = i, f.words
		}
	}
	switch c.Family {
	case winerr.Status, winerr.Event:
		if c.Source != "" && !strings.HasPrefix(c.Source, "Microsoft-Windows-") {
			e.Kind += ", " + c.Source
		}
	case winerr.HTTPErr:
	default:
		e.Number = fmt.Sprint(c.Number)
		if c.Number > 0xFFFF {
			e.Number = winerr.Hex(c.Number)
		} else if h := c.HResult(); h != 0 {
			e.Number += " (" + winerr.Hex(h) + ")"
		}
	}
	if requests > 0 {
		e.Count = thousands(requests)
	}
	if c.Family == "" {
		e.Meaning = "not in the tables of etwhy"
	}
	e.Reports = reported(c)
	g.list = append(g.list, e)
}

// reported says what WinHTTP tells its caller instead of a raw code: the only one that is documented or was observed, or
// those that it may be.
func reported(c winerr.Code) string {
	if c.Family == winerr.Status || c.Family == winerr.HTTPErr || c.Family == winerr.Event || c.Family == "" {
		return ""
	}
	if m, ok := winerr.ToWinHTTP(c.Number); ok {
		return code(timeline.Code(m.To.Number))
	}
	var names []string
	for _, m := range c.Mappings() {
		if m.To.Family == winerr.WinHTTP && m.To.Number != c.Number {
			if name := code(timeline.Code(m.To.Number)); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return strings.Join(names, " or ")
}
