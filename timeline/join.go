package timeline

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/etl"
)

// Joining makes one request of what several files tell of the same exchange:
//
//	ARR server                                          content server
//	  log line ─┐                                         log line, HTTPERR ─┐
//	  FREB ─────┼─ inbound ─► proxied request ◄─ behind ─ FREB ──────────────┤
//	  trace ────┼─ inbound                                trace ─────────────┘
//	            └─ outbound
//
// What an id proves (X-ARR-LOG-ID, an activity, an address with its port) comes first. Where only URL and time
// speak, exactly one candidate has to fit; of several, none is joined and all are listed.

// Ways in which two witnesses are known to be of the same exchange.
const (
	byLogID    = "X-ARR-LOG-ID"
	byActivity = "activity id"
	byClient   = "client address and port"
	byAddress  = "addresses and ports of the connection"
	byForward  = "X-Forwarded-For"
	byProcess  = "process, URL and time"
	byURL      = "URL, method and time"
	byPage     = "URL and status"
)

// join makes one request of what belongs together. Call it once all inputs are read.
func (b *Builder) join() {
	b.findMachines()
	b.givePools()
	b.giveRoles()
	b.joinWitnesses()
	b.joinHalves()
	for _, r := range b.requests {
		if r.into == nil && r.sight != nil && r.sight.onward && r.Side == Server {
			r.forward()
		}
	}
	b.giveRoles() // what was joined tells of more servers
	b.joinBehind()
	b.joinPages()
	b.foldLegs()
	b.requests = slices.DeleteFunc(b.requests, func(r *Request) bool { return r.into != nil })
	b.joinCandidates()
	b.findProbes()
	b.findLoose()
	b.giveProcesses()
}

// on returns the machine that a request was seen at.
func (b *Builder) on(r *Request) *Machine { return b.sessions[r.Input].on }

// A pageKey says which page was asked for at which machine.
type pageKey struct {
	on           *Machine
	method, path string
}

// richness orders the witnesses of an exchange at one machine: the one that knows most comes first.
var richness = map[Kind]int{KindETL: 0, KindFREB: 1, KindIISLog: 2, KindHTTPERR: 3}

// kind returns what the request is known from.
func (r *Request) kind() Kind {
	if r.sight == nil {
		return KindETL
	}
	return r.sight.kind
}

// joinWitnesses joins what the trace, FREB, the log and HTTPERR of one machine have of a request that came in.
func (b *Builder) joinWitnesses() {
	var served []*Request
	for _, r := range b.requests {
		if r.Side == Server {
			served = append(served, r)
		}
	}
	slices.SortStableFunc(served, func(x, y *Request) int { return cmp.Compare(richness[x.kind()], richness[y.kind()]) })
	type id struct {
		on     *Machine
		id     string
		onward bool // of a machine that is proxy and content server in one, the log has both halves
	}
	ids := map[id]*Request{}
	clients := map[id][]*Request{}
	pages := map[pageKey][]*Request{}
	var rest []*Request
	for _, r := range served {
		on := b.on(r)
		w := r.sight
		onward := w != nil && w.onward
		byID, byAct := id{on, strings.ToLower(r.LogID), onward}, id{on: on}
		if !r.Activity.IsZero() {
			byAct.id = r.Activity.String()
		}
		endpoint := id{on: on, id: r.Client}
		hub, by := (*Request)(nil), ""
		if r.LogID != "" && ids[byID] != nil {
			hub, by = ids[byID], byLogID
		}
		if hub == nil && !r.Activity.IsZero() && ids[byAct] != nil {
			hub, by = ids[byAct], byActivity
		}
		if _, port := SplitHost(r.Client); hub == nil && port != "" {
			for _, q := range clients[endpoint] {
				if q.kind() == r.kind() { // and so are all behind it: a connection may have thousands
					break
				}
				if samePath(q, r) && meets(q, r, 0, 2*etl.Second) {
					hub, by = q, byClient
				}
			}
			if r.kind() != KindHTTPERR { // nothing comes after these that could be of the same request
				clients[endpoint] = append(clients[endpoint], r)
			}
		}
		if hub != nil && hub.copied(r) {
			r.into = hub
			continue
		}
		if hub != nil && (hub.kind() == r.kind() || !meets(hub, r, 0, sameDay)) {
			hub = nil
		}
		if hub != nil {
			hub.absorb(r, by, Certain)
			b.proven.join(hub.Input, r.Input)
			continue
		}
		if r.LogID != "" {
			ids[byID] = r
		}
		if !r.Activity.IsZero() {
			ids[byAct] = r
		}
		if r.kind() == KindIISLog || r.kind() == KindHTTPERR {
			rest = append(rest, r)
			continue
		}
		for _, p := range r.paths() {
			key := pageKey{on, r.Method, p}
			pages[key] = append(pages[key], r)
		}
	}
	for _, fit := range []func(hub, r *Request) bool{fitsExactly, fitsWitness} {
		joinUnique(rest, func(r *Request) iter.Seq[*Request] {
			return slices.Values(pages[pageKey{b.on(r), r.Method, pathOfRequest(r)}])
		}, fit,
			func(hub, r *Request) { hub.absorb(r, byURL, Likely) }, nil)
		rest = slices.DeleteFunc(rest, func(r *Request) bool { return r.into != nil })
	}
}

// fitsWitness reports whether a log's line r is of the same exchange as hub, without an id: the same page, the same end,
// the same answer.
func fitsWitness(hub, r *Request) bool {
	if hub.into != nil || hub.by(r.kind()) != nil || hub.LogID != "" && r.LogID != "" && hub.LogID != r.LogID {
		return false
	}
	if hub.Status != 0 && r.Status != 0 && (hub.Status != r.Status || hub.HasSub && r.HasSub && hub.SubStatus != r.SubStatus) {
		return false
	}
	if x, y := hostName(hub.Client), hostName(r.Client); x != "" && y != "" && x != y && hub.sight != nil && hostName(hub.sight.forwarded) != y {
		return false
	}
	// A log gives the end in whole seconds, and counts from the first byte to the last one sent.
	end := hub.End
	return !end.IsZero() && r.End <= end+etl.Second && r.End > end-2*etl.Second && r.Start <= hub.Start+2*etl.Second
}

// fitsExactly reports whether the lengths are alike, too: these tell apart requests that follow each other within a
// second. That of a log is rounded to milliseconds, and FREB's clock ticks every 16.
func fitsExactly(hub, r *Request) bool {
	const tick = 20 * time.Millisecond
	return fitsWitness(hub, r) && r.sight.took >= 0 && hub.End/etl.Second == r.End/etl.Second && (r.sight.took-hub.Duration()).Abs() <= tick
}

// copied reports whether a line with the same id stands in another log as well: somebody kept a copy of the file.
func (r *Request) copied(q *Request) bool {
	return r.kind() == q.kind() && r.Input != q.Input && r.LogID != "" && r.End == q.End && r.sight != nil && q.sight != nil &&
		r.sight.took == q.sight.took && r.sight.path == q.sight.path && r.Status == q.Status
}

// sameDay is how far apart the clocks of two machines may be at the most.
const sameDay = 12 * 60 * Minute

// pathOfRequest returns the path for joins.
func pathOfRequest(r *Request) string {
	if r.sight != nil {
		return r.sight.path
	}
	return pathOf(r.URL)
}

func samePath(q, r *Request) bool { return pathOfRequest(q) == pathOfRequest(r) }

// meets reports whether two requests overlap in time, within slack, once shift was added to the times of the second.
func meets(q, r *Request, shift time.Duration, slack etl.Time) bool {
	d := etl.Time(shift / 100)
	return r.Start+d <= ended(q)+slack && ended(r)+d >= q.Start-slack
}

// ended is when a request ended, or when it was last heard of.
func ended(r *Request) etl.Time { return max(r.End, r.Start) }

// joinUnique joins each r with the one candidate that fits it, provided that this fits no other r; of several,
// none is joined and rivals is told of the first ones.
func joinUnique(rest []*Request, candidates func(*Request) iter.Seq[*Request], fits func(hub, r *Request) bool,
	join func(hub, r *Request), rivals func(r *Request, list []*Request)) {
	found := make([][]*Request, len(rest))
	sole := false
	for i, r := range rest {
		list := found[i]
		for q := range candidates(r) {
			if fits(q, r) {
				if list = append(list, q); len(list) == maxRivals {
					break
				}
			}
		}
		if found[i] = list; len(list) == 1 {
			list[0].claims, sole = claimed, true
		}
	}
	// Of those that are the only one for some r, it counts whether they fit another r as well.
	for i, r := range rest {
		if list := found[i]; len(list) < maxRivals {
			for _, q := range list {
				q.claim()
			}
			continue
		} else if !sole {
			continue
		}
		for q := range candidates(r) {
			if q.claims >= claimed && q.claims <= claimed+1 && fits(q, r) {
				q.claim()
			}
		}
	}
	for i, r := range rest {
		switch list := found[i]; {
		case len(list) == 1 && list[0].claims == claimed+1:
			join(list[0], r)
		case len(list) > 0 && rivals != nil:
			rivals(r, list)
		}
	}
	for _, list := range found {
		for _, q := range list {
			q.claims = 0
		}
	}
}

// maxRivals is how many candidates for a request are found out: one is needed, and a few are listed.
const maxRivals = 4

// claimed is in Request.claims if one request has no other candidate; above it they are counted, up to two.
const claimed uint8 = 1

func (r *Request) claim() {
	if r.claims >= claimed && r.claims < claimed+2 {
		r.claims++
	}
}

// absorb makes r a witness of the same exchange at the same machine.
func (r *Request) absorb(q *Request, by string, sure Confidence) {
	w := r.witness()
	r.relate(q, by, sure)
	w.told = r.line() // before it takes over what q has
	w.same = append(w.same, q)
	q.into = r
	if s := q.sight; s != nil {
		if s.took >= 0 && w.took < 0 {
			w.took = s.took
		}
		w.win32 = cmp.Or(w.win32, s.win32)
		w.reason = cmp.Or(w.reason, s.reason)
		w.site = cmp.Or(w.site, s.site)
		w.forwarded, w.original = cmp.Or(w.forwarded, s.forwarded), cmp.Or(w.original, s.original)
		w.serverStatus = max(w.serverStatus, s.serverStatus)
		w.onward = w.onward || s.onward
		w.forwarder = max(w.forwarder, s.forwarder)
		if s.freb != nil && w.freb == nil {
			w.freb = s.freb
		}
		for _, x := range s.same {
			w.same = append(w.same, x)
			x.into = r
		}
	}
	r.LogID = cmp.Or(r.LogID, q.LogID)
	r.PID, r.Process, r.AppPool = cmp.Or(r.PID, q.PID), cmp.Or(r.Process, q.Process), cmp.Or(r.AppPool, q.AppPool)
	r.Queue, r.Farm = cmp.Or(r.Queue, q.Queue), cmp.Or(r.Farm, q.Farm)
	r.Method, r.Host = cmp.Or(r.Method, q.Method), cmp.Or(r.Host, q.Host)
	if strings.Contains(q.URL, "://") && !strings.Contains(r.URL, "://") || r.URL == "" {
		r.URL = q.URL
	}
	if r.Client == "" || strings.HasPrefix(q.Client, r.Client) {
		r.Client = q.Client
	}
	if r.Activity.IsZero() {
		r.Activity = q.Activity
	}
	if r.Status == 0 || r.Status == q.Status && !r.HasSub {
		r.Status, r.SubStatus, r.HasSub = q.Status, q.SubStatus, q.HasSub
	}
	if r.MadeBy == nil || r.MadeBy.Module == "" && q.MadeBy != nil && q.MadeBy.Module != "" {
		r.MadeBy = q.MadeBy
	}
	r.worsen(q)
}

// worsen takes the outcome of another witness, if that knows of trouble that this one did not see.
func (r *Request) worsen(q *Request) {
	rank := func(o Outcome) int { return [...]int{Unfinished: 0, OK: 1, Cancelled: 2, Failed: 3}[o] }
	if rank(q.Outcome) <= rank(r.Outcome) {
		return
	}
	f, own := q.known(), r.known()
	own.seen |= f.seen
	own.call = cmp.Or(own.call, f.call)
	if r.Outcome == Unfinished {
		r.End = max(q.End, r.Start)
		for i := range r.Phases {
			if p := &r.Phases[i]; p.End.IsZero() {
				p.End, p.Outcome = max(r.End, p.Start), q.Outcome
			}
		}
	}
	r.Outcome, r.Phase = q.Outcome, ""
}

// relate lists another witness.
func (r *Request) relate(q *Request, by string, sure Confidence) {
	at := q.End
	if at.IsZero() {
		at = q.Start
	}
	r.Related = append(r.Related, Related{Input: q.Input, Kind: string(q.kind()), By: by, Confidence: sure, Time: at, Text: unique.Make(q.line()).Value(), Place: q.where()})
	if q.sight != nil {
		for _, x := range q.Related {
			x.Confidence = min(x.Confidence, sure)
			r.Related = append(r.Related, x)
		}
	}
}

// joinHalves joins what came in at a proxy with what it sent on, as its trace shows.
func (b *Builder) joinHalves() {
	ids := map[string][]*Request{}
	pages := map[pageKey][]*Request{}
	for _, r := range b.requests {
		if r.Side == Client && r.into == nil && r.kind() == KindETL {
			if r.LogID != "" {
				ids[strings.ToLower(r.LogID)] = append(ids[strings.ToLower(r.LogID)], r)
			}
			key := pageKey{b.on(r), r.Method, pathOf(r.URL)}
			pages[key] = append(pages[key], r)
		}
	}
	if len(pages) == 0 {
		return
	}
	var rest []*Request
	for _, in := range b.requests {
		if in.Side != Server || in.into != nil {
			continue
		}
		w := in.sight
		if list := ids[strings.ToLower(in.LogID)]; in.LogID != "" && w != nil && w.onward {
			if len(list) == 1 && list[0].into == nil && meets(list[0], in, 0, 5*Minute) {
				list[0].enclose(in, byLogID, Certain)
			}
			if len(list) > 0 || in.Outcome == OK {
				continue // the id would have been there
			}
		}
		if w != nil && w.onward || in.kind() == KindETL {
			rest = append(rest, in)
		}
	}
	fits := func(out, in *Request) bool {
		if in.LogID != "" && in.sight != nil && in.sight.onward && (out.facts == nil || out.facts.seen.has(factSending)) {
			return false // it was sent, and the id would have been there
		}
		if out.into != nil || out.Proxied || in.PID != 0 && out.PID != in.PID || out.LogID != "" && in.LogID != "" && out.LogID != in.LogID {
			return false
		}
		slack := 50 * etl.Millisecond // FREB's clock ticks every 16 ms
		if in.sight != nil && in.sight.coarse {
			slack = 2 * etl.Second
		}
		return out.Start >= in.Start-slack && ended(out) <= ended(in)+slack
	}
	joinUnique(rest, func(in *Request) iter.Seq[*Request] {
		return slices.Values(pages[pageKey{b.on(in), in.Method, pathOfRequest(in)}])
	}, fits,
		func(out, in *Request) { out.enclose(in, byProcess, Likely) }, nil)
}

// enclose makes the outbound half r and the inbound half one proxied request: what the client asked and got is
// that of the inbound half, where it stopped that of the outbound one.
func (r *Request) enclose(in *Request, by string, sure Confidence) {
	status, sub, hasSub := r.Status, r.SubStatus, r.HasSub
	r.Status = 0 // what the client got, only the inbound half knows
	phase := r.Phase
	r.absorb(in, by, sure)
	if r.Status == 0 {
		r.Status, r.SubStatus, r.HasSub = status, sub, hasSub
	}
	if r.Outcome == Failed && phase != "" {
		r.Phase = phase
	}
	r.Proxied = true
	r.Method, r.URL, r.Host = cmp.Or(in.Method, r.Method), cmp.Or(in.URL, r.URL), cmp.Or(in.Host, r.Host)
	if !strings.Contains(r.URL, "://") && r.Host != "" {
		r.URL = "http://" + r.Host + r.URL
	}
	r.Client = cmp.Or(in.Client, r.Client)
	if in.MadeBy != nil {
		r.MadeBy = in.MadeBy
	}
	r.credit()
	coarse := in.sight != nil && in.sight.coarse && in.by(KindFREB) == nil
	if !coarse {
		r.Start = min(r.Start, in.Start)
		if !in.End.IsZero() && !r.End.IsZero() {
			r.End = max(r.End, in.End)
		}
		return
	}
	// A log ends a second early at most. Whatever of its time does not fit was spent before.
	if w := in.sight; w.took >= 0 && !r.End.IsZero() {
		if more := w.took - r.End.Sub(r.Start); more > 0 {
			r.Start = r.Start.Add(-min(more, in.End.Add(time.Second).Sub(in.Start)))
		}
	}
}

// forward makes a request that came in at a proxy one that it sent on, by what the proxy's FREB file or log tell
// of the outbound half.
func (r *Request) forward() {
	w := r.sight
	r.Side, r.Proxied = Client, true
	r.Server = ""
	if r.Outcome != OK {
		r.known()
	}
	if n := w.win32; n != 0 && r.Outcome == Failed {
		if isWinHTTP(n) {
			r.WinHTTP = WinHTTPCode{n, FromLog}
		}
		r.Error = n
	}
	r.Phases, r.Phase = nil, ""
	if r.facts != nil && r.unanswered() {
		r.facts.seen &^= factHeaders
	}
	r.credit()
	q := w.freb
	if q == nil || q.Forward() == nil {
		if r.Outcome == Cancelled {
			r.Phases = nil
		}
		r.routed()
		return
	}
	f := q.Forward()
	r.Server, r.Farm = f.Server, cmp.Or(f.Farm, r.Farm)
	if r.MadeBy == nil && f.Failed {
		r.MadeBy = &MadeBy{Tier: strings.ToLower(f.By.String())}
	}
	if c := win32Of(f.Code); c != 0 && r.Outcome == Failed {
		r.Error = c
		if isWinHTTP(c) {
			r.WinHTTP = WinHTTPCode{c, FromLog}
		}
	}
	if r.facts != nil {
		r.facts.seen &^= factHeaders
		r.facts.seen |= reached[f.Phase]
		r.facts.wait = f.Waited()
	}
	if first := &q.Forwards[0]; first.By == freb.ARR && first.Server != "" && !q.NoStart && first.Start >= r.Start {
		r.Phases = []Phase{{Name: PhaseRoute, Start: r.Start, End: first.Start, Outcome: OK}}
	}
	if f.Sent >= r.Start && f.Answered >= f.Sent { // what lies before is several phases that nothing tells apart
		r.Phases = append(r.Phases, Phase{Name: PhaseReceive, Detail: "headers", Start: f.Sent, End: f.Answered, Outcome: OK})
		if f.Phase == freb.Completed && f.End >= f.Answered {
			r.Phases = append(r.Phases, Phase{Name: PhaseReceive, Detail: "body", Start: f.Answered, End: f.End, Outcome: OK})
		}
	}
	if r.Outcome == OK {
		return
	}
	steps := f.Phase.Steps()
	if len(steps) == 1 {
		r.Phase = PhaseName(steps[0])
	}
	if r.Phase == PhaseRoute || r.Phase == "" {
		r.routed()
		return
	}
	from := max(cmp.Or(f.Progress, f.Start, r.Start), r.Start)
	detail := ""
	switch f.Phase {
	case freb.AwaitingHeaders:
		detail = "headers"
	case freb.ReceivingBody:
		detail = "body"
	}
	p := Phase{Name: r.Phase, Detail: detail, Start: from, End: max(cmp.Or(f.End, r.End), from), Outcome: r.Outcome}
	if r.Outcome == Failed {
		p.Error = r.Error
	}
	p.End = min(p.End, max(r.End, from))
	r.Phases = append(r.Phases, p)
}

// credit names who set the status of a proxied request where only a log tells of it, which has all statuses alike: the
// proxy, if that gave it for want of an answer.
func (r *Request) credit() {
	if r.MadeBy != nil && *r.MadeBy == (MadeBy{Tier: "iis"}) {
		r.MadeBy = nil
	}
	if w := r.sight; r.MadeBy == nil && w.forwarder != freb.NoForwarder && (r.unanswered() || r.Status == 502 && w.serverStatus == 0) {
		r.MadeBy = &MadeBy{Tier: strings.ToLower(w.forwarder.String())}
	}
}

// routed says of a request that no server was found for that it stopped there.
func (r *Request) routed() {
	if r.Status == 502 && r.SubStatus == 4 && r.Outcome == Failed {
		r.Phase, r.Phases, r.Error, r.WinHTTP = PhaseRoute, nil, 0, WinHTTPCode{}
	}
}

// reached is what a FREB file shows of an exchange that came so far.
var reached = map[freb.Phase]fact{
	freb.AwaitingHeaders: factTried | factConnected | factSending | factSent,
	freb.ReceivingBody:   factTried | factConnected | factSending | factSent | factBytes | factStatus | factHeaders,
	freb.Sending:         factTried | factConnected | factSending,
	freb.Securing:        factTried | factConnected | factTLS,
	freb.Connecting:      factTried,
	freb.Resolving:       factResolve,
	freb.Completed:       factTried | factConnected | factSending | factSent | factBytes | factStatus | factHeaders,
}

// joinBehind finds what the content servers have of the requests that a proxy passed on.
func (b *Builder) joinBehind() {
	fronts, backs := b.halves()
	if len(fronts) == 0 || len(backs.pages) == 0 {
		return
	}
	var rest []*Request
	for _, p := range fronts {
		if !backs.joinNamed(p) {
			rest = append(rest, p)
		}
	}
	b.setClocks(fronts)
	for _, list := range backs.pages {
		slices.SortStableFunc(list, func(x, y *Request) int { return cmp.Compare(x.Start, y.Start) })
	}
	candidates := func(p *Request) iter.Seq[*Request] { return b.candidates(p, backs.pages) }
	joinUnique(rest, candidates, b.fitsBehind, func(q, p *Request) { p.see(q, byURL, Likely) }, func(p *Request, list []*Request) {
		if p.Outcome == OK {
			return
		}
		for _, q := range list[:min(len(list), 3)] {
			p.relate(q, byURL, Possible)
			p.witness().rivals = append(p.witness().rivals, q)
		}
	})
}

// backs are requests as servers saw them, by all that a proxy may know of the one it passed on.
type backs struct {
	ids       map[string][]*Request // by ARR's identifier
	forwarded map[string][]*Request // by address and port of who asked the proxy
	clients   map[string][]*Request // by address and port of the client
	pages     map[pageKey][]*Request
}

// halves returns the requests that were passed on, as the proxy saw them, and those that may be their other halves.
func (b *Builder) halves() (fronts []*Request, x *backs) {
	x = &backs{map[string][]*Request{}, map[string][]*Request{}, map[string][]*Request{}, map[pageKey][]*Request{}}
	for _, r := range b.requests {
		switch {
		case r.into != nil:
		case r.Side == Client && !r.local():
			if at := b.machineAt(r.Server); b.on(r).Role == RoleProxy || r.Proxied || at != nil && at != b.on(r) {
				fronts = append(fronts, r)
			}
		default: // what a module passed on to a program of the same machine, its own clients see as a server does
			if id := strings.ToLower(r.LogID); id != "" {
				x.ids[id] = append(x.ids[id], r)
			}
			if w := r.sight; w != nil && strings.Contains(w.forwarded, ":") {
				x.forwarded[w.forwarded] = append(x.forwarded[w.forwarded], r)
			}
			if _, port := SplitHost(r.Client); port != "" {
				x.clients[r.Client] = append(x.clients[r.Client], r)
			}
			for _, p := range r.paths() {
				key := pageKey{b.on(r), r.Method, p}
				x.pages[key] = append(x.pages[key], r)
			}
		}
	}
	return fronts, x
}

// joinNamed joins a request that was passed on with the one that its id, its client or its connection names, and
// reports whether it is joined.
func (x *backs) joinNamed(p *Request) bool {
	return p.LogID != "" && p.seeOnly(x.ids[strings.ToLower(p.LogID)], byLogID) ||
		strings.Contains(p.Client, ":") && p.seeOnly(x.forwarded[p.Client], byForward) ||
		p.Connection != nil && p.seeOnly(x.clients[p.Connection.Local], byAddress)
}

// seeOnly joins a request that was passed on with the one of a list that it can be, and reports whether there is just one.
func (p *Request) seeOnly(list []*Request, by string) bool {
	var only *Request
	for _, q := range list {
		slack := etl.Time(sameDay)
		if by != byLogID { // ports are used again
			slack = 5 * Minute
		}
		if q.into != nil || q == p || !meets(p, q, 0, slack) || by != byLogID && !samePage(p, q) {
			continue
		}
		if only != nil {
			return false
		}
		only = q
	}
	if only != nil {
		p.see(only, by, Certain)
	}
	return only != nil
}

// candidates yields, of each other machine, the requests of p's page that began at about the time, by its clock.
func (b *Builder) candidates(p *Request, pages map[pageKey][]*Request) iter.Seq[*Request] {
	const slack = 5*etl.Second + 2*etl.Second
	paths := []string{pathOfRequest(p)}
	if len(p.Attempts) > 0 {
		if sent := pathOf(p.Attempts[0].URL); sent != paths[0] {
			paths = append(paths, sent)
		}
	}
	began := func(r *Request, t etl.Time) int { return cmp.Compare(r.Start, t) }
	return func(yield func(*Request) bool) {
		at := b.on(p)
		for _, path := range paths {
			for _, on := range b.machines {
				list := pages[pageKey{on, p.Method, path}]
				if on == at || len(list) == 0 {
					continue
				}
				shift := on.shift(at)
				from, _ := slices.BinarySearchFunc(list, p.Start.Add(-shift)-slack, began)
				to, _ := slices.BinarySearchFunc(list, ended(p).Add(-shift)+slack+1, began)
				for _, q := range list[from:max(from, to)] {
					if !yield(q) {
						return
					}
				}
			}
		}
	}
}

// fitsBehind reports whether a server's request q can be what it saw of p, which a proxy passed on.
func (b *Builder) fitsBehind(q, p *Request) bool {
	on, at := b.on(q), b.on(p)
	if q.into != nil || on == at || p.LogID != "" && q.LogID != "" {
		return false
	}
	if w := p.sight; w != nil && w.serverStatus > 0 && q.Status > 0 && w.serverStatus != q.Status {
		return false // the server gave another answer
	}
	// Not before it was sent on, and it arrives at once.
	slack := 500 * etl.Millisecond
	if q.sight != nil && q.sight.coarse || p.sight != nil && p.sight.coarse {
		slack = 2 * etl.Second
	}
	shift := on.shift(at)
	t := q.Start.Add(shift)
	if q.Partial == PartialStart {
		t = q.End.Add(shift)
	} else if t > p.Start+5*etl.Second+slack {
		return false
	}
	if t < p.Start-slack || t > ended(p)+slack {
		return false
	}
	if target, ok := plainAddress(p.Server); ok && len(on.addresses) > 0 && !on.addresses[target] {
		return false // it went to another server
	}
	if q.sight != nil && q.sight.kind != KindIISLog && len(at.addresses) > 0 {
		if from, ok := plainAddress(q.Client); ok && !at.addresses[from] {
			return false // it came from elsewhere
		}
	}
	return true
}

// joinCandidates lists, with the requests of proxies that did not go well, the lines of the content server's logs that
// may be of them: no id tells, the page goes by the name of its default document, or nothing tells how far the
// clocks are apart.
func (b *Builder) joinCandidates() {
	for _, p := range b.requests {
		if p.Side != Client || p.Outcome != Failed && p.Outcome != Cancelled || p.local() {
			continue
		}
		at, to := b.on(p), b.machineAt(p.Server)
		var behind *Request
		if w := p.sight; w != nil {
			if len(w.rivals) > 0 {
				continue
			}
			behind = w.behind
		}
		if behind != nil {
			to = b.on(behind)
		}
		if to == nil || to == at || behind.by(KindIISLog) != nil {
			continue
		}
		list := b.mayBe(p, behind, to)
		if len(list) == 0 {
			continue
		}
		p.witness().maybe = list
		for _, q := range list {
			if given(q) {
				p.relate(q, byURL, Possible)
			}
		}
	}
}

// given reports whether a server gave its answer up, or to a client that was gone.
func given(q *Request) bool {
	return q.Outcome == Cancelled || q.sight != nil && departed[q.sight.win32]
}

// mayBe returns what the logs of a content server have that may be a request of the proxy: those whose client was
// gone, else one of the others.
func (b *Builder) mayBe(p, behind *Request, on *Machine) []*Request {
	const (
		most  = 3
		lines = 2000 // to look at
	)
	at := b.on(p)
	slack := clockSlack(at, on)
	shift := on.shift(at)
	from, to := p.Start.Add(-shift)-slack, ended(p).Add(-shift)+slack
	waited := ended(p).Sub(p.Start)
	timed := slices.Contains(timerCodes, p.Error) || slices.Contains(timerCodes, p.WinHTTP.Code)
	asker := hostName(p.Client)
	var left, others []*Request
	pages := p.paths()
	if n := len(p.Attempts); n > 0 && !slices.Contains(pages, pathOf(p.Attempts[n-1].URL)) {
		pages = append(pages, pathOf(p.Attempts[n-1].URL))
	}
	seen := 0
	for _, page := range pages {
		for _, q := range since(b.look().pages[pageKey{on, p.Method, page}], from-aside) {
			if seen++; q.Start >= to+2*etl.Second || seen > lines || len(left) == most {
				break
			}
			if q.into != nil || q == behind || others != nil && !given(q) || p.LogID != "" && q.LogID != "" || ended(q) < from-2*etl.Second {
				continue
			}
			client := hostName(q.Client)
			a, ok := plainAddress(client)
			if ok && len(at.addresses) > 0 && !at.addresses[a] && client != asker {
				continue // of another client
			}
			w := q.sight
			if timed && w != nil && w.took >= 0 && busy(q) < waited-2*time.Second && waited > 0 {
				continue // done while the proxy was waiting
			}
			if given(q) && ok && at.addresses[a] {
				left = append(left, q)
			} else {
				others = []*Request{q}
			}
		}
	}
	if len(left) > 0 {
		return left
	}
	return others
}

// joinPages lists the error pages that users saved with the requests that they may be of. A page does not tell
// when it was made, so its URL and its status speak.
func (b *Builder) joinPages() {
	for _, s := range b.sessions {
		p := s.page
		if p == nil || p.Status == 0 || p.URL == "" {
			continue
		}
		for _, r := range b.requests {
			if r.into != nil || r.Status != p.Status || r.HasSub && p.HasSub && r.SubStatus != p.SubStatus || !slices.Contains(r.paths(), pathOf(p.URL)) {
				continue
			}
			if on := b.on(r); on != s.on && !s.on.Guessed {
				continue // of another machine
			}
			s.joined = true
			w := r.witness()
			if w.page == nil {
				w.page, w.pageInput = p, s.number
			}
			r.Related = append(r.Related, Related{Input: s.number, Kind: string(KindPage), By: byPage, Confidence: Possible, Text: pageLine(p)})
		}
	}
}

// paths returns the paths under which others may know a request.
func (r *Request) paths() []string {
	list := []string{pathOfRequest(r)}
	add := func(p string) {
		if p != "" && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	if w := r.sight; w != nil {
		add(w.original)
		if w.freb != nil { // the log has the page that the request was led to in the end
			if w.freb.Header != nil {
				add(pathOf(w.freb.Header.URL))
			}
			for _, u := range w.freb.Rewrites {
				add(pathOf(u))
			}
		}
	}
	return list
}

// samePage reports whether the proxied request p and the content server's q are for the same page.
func samePage(p, q *Request) bool {
	return p.Method == q.Method && (slices.Contains(q.paths(), pathOfRequest(p)) ||
		len(p.Attempts) > 0 && slices.Contains(q.paths(), pathOf(p.Attempts[0].URL)))
}

// see makes q what the content server saw of the proxied request p.
func (p *Request) see(q *Request, by string, sure Confidence) {
	w := p.witness()
	p.relate(q, by, sure)
	w.behind = q
	q.into = p
	if p.Traffic == Background {
		p.Traffic = App // the server that it asked is one of those that the files are about
	}
}

// local reports whether the machine that passed the request on did so to a program of its own, or may have: then
// to those in front of it, it is the server.
func (r *Request) local() bool {
	w := r.sight
	return w != nil && w.onward && (w.forwarder == freb.ANCM || w.forwarder == freb.HTTPPlatform)
}

// setClocks estimates how far the clocks of the content servers are off those of the proxies in front, from the
// exchanges that both saw and an id proves.
func (b *Builder) setClocks(fronts []*Request) {
	type pair struct{ front, back *Machine }
	type window struct {
		low, high etl.Time // to be added to the back's times
		slack     etl.Time // of low
		n         int
	}
	windows := map[pair]*window{}
	var order []pair
	for _, p := range fronts {
		if p.sight == nil || p.sight.behind == nil {
			continue
		}
		q := p.sight.behind
		key := pair{b.on(p), b.on(q)}
		if key.front == key.back || q.Partial == PartialStart {
			continue
		}
		w := windows[key]
		if w == nil {
			w = &window{low: -1 << 62, high: 1 << 62}
			windows[key] = w
			order = append(order, key)
		}
		w.n++
		// The server cannot have begun before the proxy did. An answer that arrived had left before; of one that
		// the proxy did not wait for, only the beginning tells, which follows within seconds.
		slack := 20 * etl.Millisecond
		if q.sight != nil && q.sight.coarse || p.sight != nil && p.sight.coarse && p.kind() != KindETL {
			slack = etl.Second + slack
		}
		if low := p.Start - q.Start - slack; low > w.low {
			w.low, w.slack = low, slack
		}
		if p.Outcome == OK && !p.End.IsZero() && !q.End.IsZero() {
			w.high = min(w.high, p.End-q.End+slack)
		} else {
			// What waited in the queue reached its worker late: its log counts from the first byte.
			began := q.Start
			if l := q.by(KindIISLog); l != nil && l.sight.took >= 0 {
				began = min(began, l.Start)
			}
			w.high = min(w.high, p.Start-began+5*etl.Second)
		}
	}
	for _, key := range order {
		w := windows[key]
		if w.low > w.high {
			w.low, w.high = (w.low+w.high)/2, (w.low+w.high)/2 // the clock was set meanwhile, or drifts
		}
		key.back.ClockFrom, key.back.ClockPairs = key.front.Name, w.n
		if w.low <= 0 && w.high >= 0 {
			continue // they agree as far as that can be told
		}
		// A server begins as soon as the request arrives: the truth is near the lower end.
		key.back.ClockOffset = min(w.low+w.slack, w.high).Sub(0)
	}
}
