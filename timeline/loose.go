package timeline

import (
	"cmp"
	"slices"

	"github.com/etwhy/etwhy/etl"
)

// A loose request is what a content server's files have of a request that a proxy in these files passed on, where it
// cannot be told of which: it has no id, and time and URL fit none or several. It is no further request of a user.

// askedByProxy is the clue that who asked this server is a proxy that there are files of.
const askedByProxy clue = "a proxy in these files asked this server"

// looseRules are for what a content server sees of its proxy.
var looseRules = []rule{
	{
		id: "R7", as: Cancelled, see: []clue{askedByProxy},
		title:   "the proxy ({asker}) had hung up before the answer was delivered",
		open:    "why: its own limit ran out, or its client left; and which of its requests this was",
		findOut: []string{"let the content servers log X-ARR-LOG-ID (ARR Helper, or a custom field of the log): then each of its requests can be told"},
	},
}

// asker returns the proxy that sent a request to the content server where it was seen; nil if it came from
// elsewhere, as far as is known.
func (b *Builder) asker(r *Request) *Machine {
	on := b.on(r)
	from, ok := plainAddress(r.Client)
	if !ok || r.Side != Server || on.Role != RoleContent {
		return nil
	}
	i := slices.IndexFunc(b.machines, func(m *Machine) bool { return m != on && m.Role == RoleProxy && m.addresses[from] })
	if i < 0 {
		return nil
	}
	return b.machines[i]
}

// findLoose marks the requests that a proxy has in its log as well. One that failed is only loose if one of the
// same page failed at the proxy at about that time: nothing that went wrong may get lost.
func (b *Builder) findLoose() {
	failed := map[pageKey][]*Request{}
	for _, r := range b.requests {
		if r.Side == Client && r.Outcome == Failed {
			key := pageKey{b.on(r), r.Method, pathOfRequest(r)}
			failed[key] = append(failed[key], r)
		}
	}
	for _, r := range b.requests {
		front := (*Machine)(nil)
		if r.Traffic == App && r.Side == Server && r.Client != "" {
			front = b.asker(r)
		}
		if front == nil {
			continue
		}
		shift := b.on(r).shift(front)
		if !front.spans(KindIISLog, r.Start.Add(shift), ended(r).Add(shift)) {
			continue
		}
		r.Loose = r.Outcome != Failed || slices.ContainsFunc(failed[pageKey{front, r.Method, pathOfRequest(r)}],
			func(p *Request) bool { return meets(p, r, shift, Minute) })
	}
}

// spans reports whether a source of this machine runs from one time to the other.
func (m *Machine) spans(kind Kind, from, to etl.Time) bool {
	return slices.ContainsFunc(m.known, func(k coverage) bool { return k.kind == kind && k.first <= from && to <= k.last })
}

// maxLegs is how many 401 come before the answer at the most: Negotiate, and the two of NTLM, need fewer.
const maxLegs = 4

// foldLegs makes one request of the lines that a log has of a handshake: IIS writes a line for each 401 of it.
func (b *Builder) foldLegs() {

	type asked struct { // of one log
		input               int
		client, method, url string
	}
	if !slices.ContainsFunc(b.requests, func(r *Request) bool { return r.Status == 401 }) {
		return
	}
	hubs := map[*Request]*Request{}
	var lines []*Request
	for _, r := range b.requests {
		if q := r.by(KindIISLog); q != nil && r.into == nil && q.Client != "" {
			lines, hubs[q] = append(lines, q), r
		}
	}
	slices.SortStableFunc(lines, func(x, y *Request) int { return cmp.Or(cmp.Compare(x.Input, y.Input), cmp.Compare(x.number, y.number)) })
	open := map[asked][]*Request{}
	fold := func(chain []*Request, r *Request) {
		for _, leg := range chain {
			leg.into = r
			r.Start = min(r.Start, leg.Start)
			r.Restarts++
		}
	}
	end := func(chain []*Request) {
		if n := len(chain); n > 0 { // nobody was let in
			fold(chain[:n-1], chain[n-1])
		}
	}
	for _, q := range lines {
		r := hubs[q]
		key := asked{q.Input, hostName(q.Client), q.Method, q.URL}
		chain := open[key]
		if n := len(chain); n > 0 && (n == maxLegs || q.Start > ended(chain[n-1])+2*etl.Second) {
			end(chain)
			chain = nil
		}
		if q.Status == 401 && r.onlyLogged() {
			open[key] = append(chain, r)
			continue
		}
		fold(chain, r)
		delete(open, key)
	}
	for _, chain := range open {
		end(chain)
	}
}

// onlyLogged reports whether no file but logs of IIS tells of a request, at either end.
func (r *Request) onlyLogged() bool {
	for q := range r.sights {
		if q.kind() != KindIISLog {
			return false
		}
	}
	return r.sight.behind == nil || r.sight.behind.onlyLogged()
}
