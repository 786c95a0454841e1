package timeline

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/etl"
)

// An outage is a time in which HTTP.sys turned down the requests for one pool, or for one port that no pool is
// known of, all with the same word. There may be hundreds of thousands of them: what the other files tell is
// looked up once, and those that only HTTPERR knows share one verdict.
type outage struct {
	on          *Machine
	pool        string // the request queue, which IIS names after the pool; "" = none
	word        string // reason, as HTTPERR and HTTP.sys write it; "" = the event logs alone tell of the outage
	first, last etl.Time
	requests    []*Request // in time order
	begins      bool       // HTTPERR begins with it
	rolled      bool       // so it does, and is not the first file: there were more

	found   *scene // what the other files tell; nil = not looked up yet
	verdict *Verdict
}

// turnedDown are the words for requests that no worker process got, or that one let go of, with the longest time
// between two of one outage.
var turnedDown = map[string]time.Duration{
	"AppOffline": time.Hour, "Disabled": time.Hour, "AppShutdown": time.Hour, "N/A": time.Hour,
	"QueueFull": 10 * time.Minute, "ConnLimit": 10 * time.Minute, "AppPoolTimer": 10 * time.Minute,
	"Connection_Abandoned_By_ReqQueue": 10 * time.Second, "Connection_Abandoned_By_AppPool": 10 * time.Second,
}

// outage returns the outage that the request was turned down in, or nil.
func (r *Request) outage() *outage {
	if r.sight == nil {
		return nil
	}
	return r.sight.outage
}

// alike returns the outage of a request of which nothing more is known than of the others in it, or nil.
func (r *Request) alike() *outage {
	if o := r.outage(); o != nil && r.sight.kind == KindHTTPERR && r.sight.same == nil && r.sight.behind == nil && !r.Proxied {
		return o
	}
	return nil
}

// sample returns the request that the verdict is written for.
func (o *outage) sample() *Request {
	if i := slices.IndexFunc(o.requests, func(r *Request) bool { return r.alike() != nil }); i >= 0 {
		return o.requests[i]
	}
	return o.requests[0]
}

// findOutages puts the requests that were turned down together, also those that a proxy had sent on. The requests
// are in time order.
func (b *Builder) findOutages() {
	type key struct {
		on               *Machine
		pool, word, port string
	}
	open := map[key]*outage{}
	all := slices.Clip(b.requests)
	for _, r := range b.requests {
		if r.sight != nil && r.sight.behind != nil { // judged along with the one in front
			all = append(all, r.sight.behind)
		}
	}
	if len(all) > len(b.requests) {
		slices.SortStableFunc(all, func(x, y *Request) int { return cmp.Compare(x.Start, y.Start) })
	}
	for _, r := range all {
		if r.Side != Server || r.Outcome != Failed {
			continue
		}
		gap, ok := turnedDown[r.call()]
		if !ok {
			continue
		}
		pool := cmp.Or(r.Queue, r.AppPool)
		k := key{on: b.on(r), pool: strings.ToLower(pool), word: r.call()}
		if pool == "" {
			_, k.port = SplitHost(r.Server)
		}
		o := open[k]
		if o == nil || r.End > o.last.Add(gap) || pool != "" && len(k.on.during(o.last+2*etl.Second, r.End-2*etl.Second, pool, eventlog.PoolDisabled)) > 0 {
			o = &outage{on: k.on, pool: pool, word: k.word, first: ended(r)}
			if w := r.by(KindHTTPERR); w != nil {
				o.begins = !k.on.recorded(KindHTTPERR, o.first)
				o.rolled = o.begins && laterFile.MatchString(b.sessions[w.Input].in.Path)
			}
			open[k] = o
			b.outages = append(b.outages, o)
		}
		o.last = max(o.last, ended(r))
		o.requests = append(o.requests, r)
		r.witness().outage = o
	}
	if len(b.outages) == 0 {
		return
	}
	for _, m := range b.machines {
		m.turns = turns{}
	}
	for _, o := range b.outages {
		o.on.turns.add(o)
	}
	for _, m := range b.machines {
		m.turns.sort()
	}
	for _, r := range all {
		if r.Side == Server && r.AppPool != "" && (r.Outcome == OK || r.MadeBy == nil || r.MadeBy.Tier != tierHTTPSys) && r.Status != 0 {
			m := b.on(r)
			m.served = append(m.served, r)
		}
	}
}

// turns tell when a machine turned requests down for pools that it knows.
type turns struct {
	all     turned
	of      map[string]*turned // by pool, in lower case
	refused []refusal          // in time order
}

// A turned finds outages, and the requests of them, by time: each list is in order.
type turned struct{ first, last, refused []etl.Time }

// A refusal is a request that was turned down, and for which pool.
type refusal struct {
	at   etl.Time
	pool string
}

// pool returns what is known of a pool.
func (t *turns) pool(name string) *turned {
	name = strings.ToLower(name)
	if t.of[name] == nil {
		if t.of == nil {
			t.of = map[string]*turned{}
		}
		t.of[name] = new(turned)
	}
	return t.of[name]
}

func (t *turns) add(o *outage) {
	if o.pool == "" {
		return
	}
	for _, to := range [...]*turned{&t.all, t.pool(o.pool)} {
		to.first, to.last = append(to.first, o.first), append(to.last, o.last)
		for _, r := range o.requests {
			to.refused = append(to.refused, ended(r))
		}
	}
	for _, r := range o.requests {
		t.refused = append(t.refused, refusal{ended(r), o.pool})
	}
}

func (t *turns) sort() {
	sort := func(u *turned) {
		slices.Sort(u.first)
		slices.Sort(u.last)
		slices.Sort(u.refused)
	}
	sort(&t.all)
	for _, u := range t.of {
		sort(u)
	}
	slices.SortStableFunc(t.refused, func(x, y refusal) int { return cmp.Compare(x.at, y.at) })
}

// until returns how many times of a list, which is in order, are not later than t.
func until(list []etl.Time, t etl.Time) int {
	n, _ := slices.BinarySearch(list, t+1)
	return n
}

// outages counts those that touch a time.
func (u *turned) outages(from, to etl.Time) int { return until(u.first, to) - until(u.last, from-1) }

// requests counts those that were turned down within a time.
func (u *turned) requests(from, to etl.Time) int {
	return until(u.refused, to) - until(u.refused, from-1)
}

// beside returns how many outages of other pools touch a time, and how many of their requests are within it.
func (t *turns) beside(pool string, from, to etl.Time) (outages, requests int) {
	own := t.pool(pool)
	return t.all.outages(from, to) - own.outages(from, to), t.all.requests(from, to) - own.requests(from, to)
}

// pools names other pools for which requests were turned down within a time. Of very many it looks at the first.
func (t *turns) pools(pool string, from, to etl.Time) []string {
	const most = 1_000
	i, _ := slices.BinarySearchFunc(t.refused, from, func(r refusal, t etl.Time) int { return cmp.Compare(r.at, t) })
	names := map[string]bool{}
	for _, r := range t.refused[i:min(i+most, len(t.refused))] {
		if r.at <= to && !strings.EqualFold(r.pool, pool) {
			names[r.pool] = true
		}
	}
	return sortedKeys(names)
}

// laterFile is the name of an HTTPERR log that came after others: HTTP.sys numbers them, from 1.
var laterFile = regexp.MustCompile(`(?i)httperr0*(?:[2-9]|[1-9][0-9]+)[^/0-9][^/]*$`)

// recorded reports whether a log of this machine begins before t.
func (m *Machine) recorded(kind Kind, t etl.Time) bool {
	return slices.ContainsFunc(m.known, func(k coverage) bool { return k.kind == kind && k.first < t })
}

// maxServed is how many requests are looked at for one outage.
const maxServed = 20_000

// servedBetween returns requests that began within a time and that a worker process of this machine answered.
func (m *Machine) servedBetween(from, to etl.Time) []*Request {
	i, _ := slices.BinarySearchFunc(m.served, from, func(r *Request, t etl.Time) int { return cmp.Compare(r.Start, t) })
	j, _ := slices.BinarySearchFunc(m.served, to+1, func(r *Request, t etl.Time) int { return cmp.Compare(r.Start, t) })
	if j < i {
		return nil
	}
	return m.served[i:min(j, i+maxServed)]
}

// outageOf returns the outage that the event logs of a machine tell of: the first time that a pool was switched
// off. nil if there is none.
func (m *Machine) outageOf() *outage {
	for _, h := range m.happened {
		if h.Kind == eventlog.PoolDisabled && h.Pool != "" {
			return &outage{on: m, pool: h.Pool, first: h.Time, last: h.Time}
		}
	}
	return nil
}
