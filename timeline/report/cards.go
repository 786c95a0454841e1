package report

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// A card is what is told of the requests that ended alike, in words, for formats that are not as wide as a terminal.
// Its texts are those of the terminal, as they come from the files: the writer of a format escapes them. What is not
// known, or goes without saying, is empty.
type card struct {
	group      *group
	discovery  *timeline.Verdict   // instead of group: what the files tell although no request shows it
	Headline   string              // a sentence: "2 x nothing answered at 10.0.0.12:80."
	Sentence   string              // the same as the only answer: "2 of 41 requests failed: nothing answered at 10.0.0.12:80."
	Outcome    timeline.Outcome    // not of a discovery
	Count      int                 // requests; 0 = a discovery
	Request    *timeline.Request   // that stands for them; nil = a discovery
	IDs        []string            // of all
	Facts      []string            // which request it is: method and URL, way, when, pool, answer
	Alike      string              // a sentence: "The first of 12 alike: r1, r2, ...; the last started 12:26:40.001 UTC."
	Stage      string              // in what it ended, and where; "" = the headline says it
	Confidence timeline.Confidence // means something only with a verdict
	Sure       string              // a sentence or more behind the word of Confidence: which files agree, by what; the error
	Evidence   []proof             // what it rests on, in the order of time
	Clocks     []string            // whose clock was moved
	Lesser     string              // of how many it is less sure
	Candidates string              // what may be of the same request, and is not joined
	Context    []string            // observed beside the evidence
	OpenLabel  string              // "Cannot be told from this side"
	Open       string              // what cannot be told
	Not        []string            // neighbouring causes with why not: "closed port (that is 10061)"
	DoNow      []string            // sentences, and commands
	FindOut    []string            //
}

// verdict is what the card tells; nil = nobody knows why its requests ended so.
func (c *card) verdict() *timeline.Verdict {
	if c.Request != nil {
		return c.Request.Verdict
	}
	return c.discovery
}

// A proof is one observation that a verdict rests on. One with neither time nor source says how many others there
// is no room for.
type proof struct {
	Time   etl.Time // by the clock of the request's machine; 0 = unknown
	When   string   // of day, as finely as the file tells; "" = unknown
	Label  string   // ARR trace, server log
	Text   string
	Source string // file, with folders as far as they are needed, and place: ARR01/u_ex260718.log:5; System.evtx #77, WAS 5002; fr000012.xml, event 45
	Path   string // of the input
}

// cardWidth is where a card cuts a URL, by the share of a line that the terminal gives it.
const cardWidth = 450

// cards returns what is to be told: failed requests by cause, the largest group first; then those without an end, given
// up, and odd ones; then discoveries that no request shows. Without a failed request, discoveries come first.
func (a *Analysis) cards() []card {
	s := a.telling(&page{width: cardWidth})
	var found, told []card
	for _, d := range s.Discoveries {
		found = append(found, s.discovered(d))
	}
	for _, g := range slices.Concat(s.failed, s.unhappy) {
		told = append(told, s.card(g))
	}
	if len(s.failed) == 0 {
		return slices.Concat(found, told)
	}
	return slices.Concat(told, found)
}

// card tells of a group.
func (s *screen) card(g *group) card {
	r := g.first()
	c := card{
		group: g, Outcome: g.outcome, Count: g.size(), Request: r,
		Headline: sentence(g.counted()),
		Lesser:   g.lesser(),
	}
	c.Sentence = c.Headline
	switch {
	case g.outcome == timeline.Failed && len(s.failed) == 1:
		c.Sentence = s.answer()
	case g.outcome == timeline.Failed:
		c.Sentence = s.failedHead([]*group{g}, 0)
	}
	for _, q := range slices.Concat(g.requests, g.came) {
		c.IDs = append(c.IDs, q.ID)
	}
	refused := g.got() != "" && r.Verdict != nil && len(r.Verdict.Context) > 0
	if refused {
		c.Alike = s.refused(g)
	} else {
		c.Facts, c.Alike = s.factsOf(g)
		c.Facts = slices.DeleteFunc(c.Facts, func(t string) bool { return t == "" })
	}
	if g.got() == "" {
		c.Stage = s.stage(r, g.outcome)
	}
	s.judge(&c, r)
	return c
}

// discovered tells of what the files tell although no request shows it.
func (s *screen) discovered(d timeline.Discovery) card {
	t := sentence(begun(d.Verdict.Title))
	c := card{discovery: d.Verdict, Headline: t, Sentence: t}
	s.judge(&c, found(d))
	if c.Open != "" {
		c.OpenLabel = "Cannot be told from these files"
	}
	return c
}

// judge adds what a verdict says.
func (s *screen) judge(c *card, r *timeline.Request) {
	v := r.Verdict
	if v == nil {
		return
	}
	c.Confidence = v.Confidence
	rows := s.observed(r, v)
	c.Sure = s.grounds(r, rows)
	if s.agreement(r) == "" {
		c.Sure = strings.TrimSpace(s.tellers(rows) + " " + c.Sure)
	}
	c.Evidence = s.proofs(rows)
	c.Clocks = s.clocks(r, v)
	if list := s.candidates(r, v); len(list) > 0 {
		c.Candidates = notJoined(list) + ": " + sentence(strings.Join(list, "; "))
	}
	c.Context = slices.Concat(s.calls(cmp.Or(c.group, &group{requests: []*timeline.Request{r}, told: r})), sentences(v.Context))
	if v.Open != "" {
		c.OpenLabel, c.Open = s.limits(r, v), sentence(begun(v.Open))
	}
	c.Not = alternatives(v)
	c.DoNow, c.FindOut = s.tasks(v.DoNow, r.Input), s.tasks(v.FindOut, r.Input)
}

// observed returns what a verdict rests on, each observation in its own row. What it does not rest on is left out,
// but not of a file that tells nothing else.
func (s *screen) observed(r *timeline.Request, v *timeline.Verdict) []row {
	rests := map[int]bool{}
	for _, e := range v.Evidence {
		rests[e.Input] = rests[e.Input] || e.Key
	}
	var rows []row
	for _, e := range v.Evidence {
		if e.Key || !rests[e.Input] || len(rests) > 1 && !s.isTrace(e.Input) {
			rows = append(rows, s.row(e, r))
		}
	}
	s.inOrder(rows)
	return alike(rows)
}

// tellers says which files observations are from.
func (s *screen) tellers(rows []row) string {
	files := map[int]bool{}
	var labels []string
	for _, t := range rows {
		files[t.input] = true
		if l := s.label(t.input); l != "" && !slices.Contains(labels, l) {
			labels = append(labels, l)
		}
	}
	switch n := len(files); {
	case n == 0 || len(labels) == 0:
		return ""
	case n == 1:
		return "One file tells of it: " + sentence(shortPath(s.source(rows[0].input)))
	default:
		const most = 5
		if n := len(labels) - most; n > 0 {
			labels = append(labels[:most], fmt.Sprintf("%d more", n))
		}
		words := inWords(n)
		return strings.ToUpper(words[:1]) + words[1:] + " files tell of it: " + sentence(strings.Join(labels, ", "))
	}
}

// mostProofs is how many observations a card shows: of more, those in front and those at the end.
const mostProofs = 12

// proofs makes proofs of observations.
func (s *screen) proofs(rows []row) []proof {
	const front = mostProofs / 3
	left := len(rows) - mostProofs
	var out []proof
	for i, t := range rows {
		if left > 0 && i >= front && i <= front+left {
			if i == front {
				out = append(out, proof{Text: fmt.Sprintf("(%d more observations)", left+1)})
			}
			continue
		}
		p := proof{
			Time: t.at, When: s.moment(t.input, t.at), Label: s.label(t.input), Text: t.text,
			Source: placed(s.name(t.input), t.place, s.kindOf(t.input)), Path: s.source(t.input),
		}
		switch {
		case p.Source == "":
			p.Source = t.event
		case t.event != "":
			p.Source += ", " + t.event
		}
		out = append(out, p)
	}
	return out
}

// tasks are things to do, as sentences of their own, for somebody who is not at the machine of the input that they are
// about.
func (a *Analysis) tasks(steps []string, input int) []string {
	machine := "this machine"
	if in := a.inputAt(input); in != nil {
		machine = cmp.Or(in.Machine, machine)
	}
	elsewhere := strings.NewReplacer("this folder", "the folder of the other files", "run again", "analyze again", "this machine", machine)
	out := make([]string, len(steps))
	for i, t := range a.naming(steps, input) {
		t = elsewhere.Replace(t)
		if word, _, _ := strings.Cut(t, " "); !isProgram.MatchString(word) {
			t = begun(t)
		}
		if q, rest, ok := strings.Cut(t, "? "); ok {
			t = q + "? " + begun(rest)
		}
		if out[i] = instruction(t); isQuestion.MatchString(t) && !isCommand.MatchString(t) {
			out[i] = strings.TrimRight(t, ".? ") + "?"
		}
	}
	return out
}

// naming returns steps with the name of the application's stdout log, if there is one in the folder of an input.
func (a *Analysis) naming(steps []string, input int) []string {
	const log = "stdout log"
	own := a.inputAt(input)
	folder := func(in *Input) string { return strings.TrimSuffix(in.Path, shortPath(in.Path)) }
	i := slices.IndexFunc(a.Inputs, func(in Input) bool {
		return own != nil && in.Kind == string(timeline.KindOther) && strings.HasPrefix(shortPath(in.Path), "stdout") && folder(&in) == folder(own)
	})
	if i < 0 {
		return steps
	}
	out := make([]string, len(steps))
	for j, t := range steps {
		out[j] = strings.Replace(t, log, log+" "+shortPath(a.Inputs[i].Path), 1)
	}
	return out
}

var (
	isProgram  = regexp.MustCompile(`^(appcmd|certutil|curl|etwhy|ipconfig|netsh|netstat|ping|procdump|route|tasklist|tracert|wevtutil|winver)$`)
	isQuestion = regexp.MustCompile(`^(Are|Does|Do|Has|Have|How|Is|What|When|Where|Which|Who|Why)\b([^:]|:\S)*$`)
)
