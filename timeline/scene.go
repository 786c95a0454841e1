package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/etl"
)

// A clue is something that the files around a request say, in words. The rules are written in clues and facts.
type clue string

// Clues on the two ends of a proxied request.
const (
	behindLater  clue = "the content server finished after the proxy had given up"
	behindGone   clue = "the content server found its client gone"
	behindSame   clue = "the content server gave the same status"
	behindQueued clue = "the content server had not yet given it to a worker when the proxy left"
	frontTrace   clue = "the proxy's trace tells"
	fromARR      clue = "Application Request Routing passed it on"
)

// A scene is a request that did not go well, and what all files tell of its surroundings.
type scene struct {
	b           *Builder
	r           *Request
	f           *facts
	front, back *Machine // that the request was seen at, and of the server behind it; nil = unknown
	behind      *Request // the content server's view, or nil

	clues    []clue
	quotes   []quote
	words    []string // for the texts of rules: name, value, name, value
	context  []string // sentences worth knowing, whatever the verdict
	timer    *Timer   // the limit that ran out, if the settings tell and the trace does not
	alone    bool     // there is no request: what the files of a machine tell by themselves
	rejected []Rejection
	tested   bool      // the last health test of every member is known
	instead  *Evidence // quoted for the request, if not what its witnesses tell
}

// A quote is evidence for a clue.
type quote struct {
	clue clue
	Evidence
}

// lookers look for clues. Each sees what the ones before it found.
var lookers = []func(*scene){
	(*scene).lookAtFront,
	(*scene).lookBehind,
	(*scene).lookProxy,
	(*scene).lookPool,
	(*scene).lookCore,
	(*scene).lookLoad,
}

// scene looks at the surroundings of a request.
func (b *Builder) scene(r *Request) *scene {
	x := &scene{b: b, r: r, f: r.known(), front: b.on(r)}
	if r.sight != nil {
		x.behind = r.sight.behind
	}
	switch {
	case x.behind != nil:
		x.back = b.on(x.behind)
	case r.Side == Client && r.Server != "":
		x.back = b.machineAt(r.Server)
	}
	for _, look := range lookers {
		look(x)
	}
	return x
}

// machineScene looks at what the files of a machine tell without any request. Its request stands for the time
// that they cover.
func (b *Builder) machineScene(m *Machine) *scene {
	r := &Request{Input: m.Inputs[0], Side: Server, Outcome: Failed, facts: new(facts)}
	for i, o := range m.happened {
		if i == 0 {
			r.Start = o.Time
		}
		r.End = o.Time
	}
	x := &scene{b: b, r: r, f: r.facts, front: m, alone: true}
	for _, look := range []func(*scene){(*scene).lookProxy, (*scene).lookPool, (*scene).lookCore} {
		look(x)
	}
	return x
}

// note adds a clue with its evidence, if it has any.
func (x *scene) note(c clue, evidence ...Evidence) {
	if !x.has(c) {
		x.clues = append(x.clues, c)
	}
	for _, e := range evidence {
		x.quotes = append(x.quotes, quote{c, e})
	}
}

func (x *scene) has(c clue) bool { return slices.Contains(x.clues, c) }

func (x *scene) hasAll(list []clue) bool {
	return !slices.ContainsFunc(list, func(c clue) bool { return !x.has(c) })
}

// say gives a word of the rules' texts its value.
func (x *scene) say(word, value string) { x.words = append(x.words, "{"+word+"}", value) }

// quoted makes evidence of what another file than a trace says of a request.
func quoted(r *Request) Evidence {
	at := r.End
	if at.IsZero() {
		at = r.Start
	}
	return Evidence{Input: r.Input, Time: at, Text: r.line(), Key: true, Place: r.where()}
}

// outside says, behind the time that the IIS log r has for a request, how much of it the worker process had the request, if
// its Failed Request Tracing file has much less: HTTP.sys counts from the arrival of a request to the end of the answer.
func (r *Request) outside(whole *Request) string {
	f := whole.sight
	if f == nil || f.freb == nil || f.freb.Partial() || r.kind() != KindIISLog || r.sight.took < 0 {
		return ""
	}
	inside := f.freb.Duration()
	rest := r.sight.took - inside
	if rest < 100*time.Millisecond || rest < r.sight.took/10 {
		return ""
	}
	t := " (" + milliseconds(inside) + " in the worker process; "
	if after := (r.End + etl.Second).Sub(f.freb.End); rest > after { // the log has whole seconds
		return t + "before that it waited for one)"
	}
	return t + "the rest before or after)"
}

// maxQuotes is the number of lines that a verdict quotes where several files tell of a request.
const maxQuotes = 10

// evidence returns what a verdict quotes, in time order: of the trace, of the other files that know the request,
// and of what the rule's clues rest on.
func (x *scene) evidence(u *rule) []Evidence {
	list := x.r.evidence()
	var more []Evidence
	add := func(e Evidence) {
		if !slices.Contains(more, e) {
			more = append(more, e)
		}
	}
	told := func(r *Request) {
		for q := range r.sights {
			if e := quoted(q); e.Text != "" {
				if r == x.r { // of the content server the context has it
					e.Text += q.outside(r)
				}
				add(e)
			}
		}
	}
	if x.instead != nil {
		add(*x.instead)
	} else {
		told(x.r)
	}
	if x.behind != nil {
		told(x.behind)
	}
	for _, e := range x.silences() {
		add(e)
	}
	for _, q := range x.quotes {
		if q.clue == pageTells || slices.Contains(u.see, q.clue) || slices.Contains(u.seeAny, q.clue) || slices.Contains(u.proof, q.clue) {
			add(q.Evidence)
		}
	}
	// What the trace has around the error makes room, from the beginning.
	more = more[:min(len(more), maxQuotes)]
	for len(more) > 0 && len(list)+len(more) > maxQuotes {
		i := slices.IndexFunc(list, func(e Evidence) bool { return !e.Key })
		list = slices.Delete(list, max(i, 0), max(i, 0)+1)
	}
	list = append(list, more...)
	place := func(e Evidence) etl.Time {
		if x.instead != nil && e == *x.instead {
			return e.Time + etl.Second - 1 // of whole seconds: what its second brought came before
		}
		return e.Time
	}
	slices.SortStableFunc(list, func(a, b Evidence) int { return cmp.Compare(place(a), place(b)) })
	return list
}

// candidates returns what the content server's logs have that may be the request, for all that is known.
func (x *scene) candidates() []*Request {
	if x.r.sight == nil {
		return nil
	}
	return x.r.sight.maybe
}

// covered reports whether a source of the server behind would tell of the request, whatever its clock is off.
func (x *scene) covered(m *Machine, kind Kind) bool {
	slack := x.slack(m)
	from, to := x.at(m, x.r.Start)-slack, x.at(m, x.end())+slack
	return m.covers(kind, from) && m.covers(kind, to) && !x.counted(m, kind)
}

// aside is how far a log's whole seconds may put a request from where it was.
const aside = 2 * etl.Second

// counted reports whether a log of the server behind is there for the time of the request, and lines of it were only
// counted.
func (x *scene) counted(m *Machine, kind Kind) bool {
	slack := x.slack(m)
	return m.passedOver(kind, x.at(m, x.r.Start)-slack-aside, x.at(m, x.end())+slack+lateness)
}

// silences quotes the logs of the server behind the proxy that would have an entry of the request, had it come to
// that, and have none.
func (x *scene) silences() []Evidence {
	if x.back == nil || x.back == x.front || len(x.candidates()) > 0 {
		return nil
	}
	t := x.end().Add(-x.shift(x.back))
	var out []Evidence
	for _, kind := range []Kind{KindIISLog, KindHTTPERR} {
		if x.behind.by(kind) != nil || !x.covered(x.back, kind) {
			continue
		}
		for _, i := range x.back.Inputs {
			if s := x.b.sessions[i]; s.in.Kind == kind && s.in.First <= t && s.in.Last >= t {
				out = append(out, Evidence{Input: i, Time: x.end(), Key: true, Text: fmt.Sprintf("no entry of this request (it covers %s to %s UTC)",
					clockTime(s.in.First, "15:04:05"), clockTime(s.in.Last, "15:04:05"))})
			}
		}
	}
	return out
}

// shift is what has to be added to the times of a machine to fit those of the request's.
func (x *scene) shift(m *Machine) time.Duration {
	if m == nil || m == x.front {
		return 0
	}
	return m.shift(x.front)
}

// end is when the request ended, or was last heard of.
func (x *scene) end() etl.Time { return ended(x.r) }

// lookAtFront sees what is known at the machine that the request was seen at.
func (x *scene) lookAtFront() {
	r := x.r
	if r.kind() == KindETL {
		x.note(frontTrace)
	}
	if m := x.b.asker(r); m != nil {
		x.note(askedByProxy)
		x.say("asker", m.Name)
	}
	waited := x.f.wait
	if waited == 0 && r.sight != nil && r.sight.took > 0 {
		waited = r.sight.took
	}
	x.say("waited", spell(waited))
	if w := r.sight; w != nil && w.onward {
		if w.forwarder == freb.ARR {
			x.note(fromARR)
		}
	} else if r.Side == Client && r.LogID != "" {
		x.note(fromARR)
	}
	x.say("forwarder", forwarderOf(x.front, r))
}

// forwarderOf names what passed a request on.
func forwarderOf(m *Machine, r *Request) string {
	switch w := r.sight; {
	case !r.Proxied && m.Role != RoleProxy:
		return "the caller"
	case w != nil && w.forwarder != freb.NoForwarder:
		return w.forwarder.String()
	case r.LogID != "":
		return "ARR"
	}
	return "the proxy"
}

// lookBehind compares what the proxy and the content server tell.
func (x *scene) lookBehind() {
	q := x.behind
	if q == nil {
		return
	}
	shift := x.shift(x.back)
	end := ended(q).Add(shift)
	slack := 100 * etl.Millisecond
	coarse := q.by(KindFREB) == nil && q.kind() != KindETL
	if coarse {
		slack = etl.Second
	}
	if q.Partial != PartialStart && !q.End.IsZero() && end > x.end()+slack {
		x.note(behindLater)
	}
	took := q.Duration()
	if w := q.sight; w != nil && w.took > took {
		took = w.took
	}
	x.say("took", spell(took))
	if w := q.sight; w != nil {
		if departed[w.win32] || w.freb != nil && departed[win32Of(w.freb.Flush.Code)] {
			x.note(behindGone)
		}
		if w.reason == "Client_Reset" {
			x.note(behindQueued)
		}
	}
	if q.Status == x.r.Status && q.Status >= 500 {
		x.note(behindSame)
	}
}

// handedOn judges a status that the content server gave and the proxy handed on: by what the content server's
// files tell, if they do.
func (x *scene) handedOn(j *judge) *Verdict {
	r, q := x.r, x.behind
	if q == nil || r.Outcome != Failed || r.Phase != "" || r.Status != q.Status || q.Status < 500 {
		return nil
	}
	v := j.verdict(x.b, q)
	if v == nil || v.ID == "NE" || v.ID == "HTTP-5xx" {
		return nil
	}
	r.MadeBy = cmp.Or(q.MadeBy, r.MadeBy)
	own := *v // that of the server behind may be shared
	v = &own
	// The rule speaks of the machine where the request came in, which is another one to who reads it here.
	at := cmp.Or(r.Server, x.back.called())
	v.Title = at + " answered " + q.status() + ", and " + forwarderOf(x.front, r) + " handed it on: " + v.Title
	host, _ := plainAddress(at)
	there := strings.NewReplacer("this machine", cmp.Or(host, at))
	v.Open = there.Replace(v.Open)
	for _, list := range []*[]string{&v.DoNow, &v.FindOut} {
		steps := make([]string, 0, len(*list))
		for _, s := range *list {
			s = there.Replace(s)
			if !strings.Contains(s, cmp.Or(host, at)) && !strings.Contains(s, x.back.called()) {
				s = "on " + cmp.Or(host, at) + ": " + s
			}
			steps = append(steps, s)
		}
		*list = steps
	}
	return v
}

// behind is what the content server saw of a request, by the clock of the machine in front; nil if no file tells.
func (b *Builder) behind(r *Request) *Behind {
	if r.sight == nil || r.sight.behind == nil {
		return nil
	}
	q := r.sight.behind
	shift := b.on(q).shift(b.on(r))
	v := &Behind{
		Input: q.Input, Start: q.Start.Add(shift), Took: q.Duration(),
		Status: q.Status, SubStatus: q.SubStatus, HasSub: q.HasSub, Phases: slices.Clone(q.Phases),
	}
	if !q.End.IsZero() {
		v.End = q.End.Add(shift)
	}
	if w := q.sight; w != nil {
		v.Took = max(v.Took, w.took)
	}
	for i := range v.Phases {
		p := &v.Phases[i]
		if !p.Start.IsZero() {
			p.Start = p.Start.Add(shift)
		}
		if !p.End.IsZero() {
			p.End = p.End.Add(shift)
		}
	}
	return v
}
