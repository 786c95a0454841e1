package timeline

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/decode/iisconfig"
	"github.com/etwhy/etwhy/etl"
)

// A passage is what went through a proxy, as far as one request's fate tells of another's.
type passage struct {
	pools    []string                   // that the proxy runs in, in lower case
	well     []etl.Time                 // ends of requests that a content server answered
	broken   []etl.Time                 // ends of those that ended 502.3
	pages    map[string][]time.Duration // how long the content servers took for those that the proxy had left
	tunnels  map[string]time.Duration   // the longest time that a WebSocket to a page stayed open
	repeated map[string]int             // requests that went well on another connection to a server
	tests    map[string][]*Request      // health tests, by address of the member
}

// passed returns what went through the proxy on a machine.
func (b *Builder) passed(m *Machine) *passage {
	if p, ok := b.passages[m]; ok {
		return p
	}
	p := &passage{
		pages: map[string][]time.Duration{}, tunnels: map[string]time.Duration{}, repeated: map[string]int{}, tests: map[string][]*Request{},
	}
	members := p.members(m)
	for _, r := range b.requests {
		on := b.on(r)
		w := r.sight
		switch {
		case r.Traffic == Probe:
			if a, ok := plainAddress(r.Server); ok && members[a] {
				p.tests[a] = append(p.tests[a], r)
			}
		case on == m && r.Side == Client && (r.Proxied || r.LogID != ""):
			if pool := strings.ToLower(r.AppPool); pool != "" && !slices.Contains(p.pools, pool) {
				p.pools = append(p.pools, pool)
			}
			switch {
			case r.Outcome == OK:
				p.well = append(p.well, ended(r))
				if page := pathOfRequest(r); r.Status == 101 {
					p.tunnels[page] = max(p.tunnels[page], busy(r))
				}
				if r.Restarts > 0 && len(r.Attempts) > 0 { // else they are of a handshake
					p.repeated[r.Server]++
				}
			case r.Outcome == Failed && r.status() == "502.3":
				p.broken = append(p.broken, ended(r))
			}
			if w != nil && w.behind != nil {
				p.late(pathOfRequest(r), w.behind)
			}
		case on != m && r.Side == Server && w != nil:
			p.late(w.path, r)
		}
	}
	slices.Sort(p.well)
	slices.Sort(p.broken)
	for _, list := range p.pages {
		slices.Sort(list)
	}
	if b.passages == nil {
		b.passages = map[*Machine]*passage{}
	}
	b.passages[m] = p
	return p
}

// members returns the addresses of the servers of a machine's farms.
func (p *passage) members(m *Machine) map[string]bool {
	list := map[string]bool{}
	for _, f := range m.farms() {
		for _, s := range f.Servers {
			if a, ok := plainAddress(s.Address); ok {
				list[a] = true
			}
		}
	}
	return list
}

// farms returns the server farms that are set up on a machine.
func (m *Machine) farms() []iisconfig.Farm {
	if h := m.settings.Host(); h != nil {
		return h.Farms
	}
	return nil
}

// late notes a request that the content server went on with while its client had left.
func (p *passage) late(page string, q *Request) {
	if w := q.sight; w != nil && (departed[w.win32] || w.freb != nil && departed[win32Of(w.freb.Flush.Code)]) {
		p.pages[page] = append(p.pages[page], busy(q))
	}
}

// busy is how long a server was busy with a request, by the witness that counts most.
func busy(q *Request) time.Duration {
	took := q.Duration()
	if w := q.sight; w != nil {
		took = max(took, w.took)
	}
	return took
}

// wellBetween returns the first moment in a span at which a content server had answered through the proxy; 0 if
// there is none.
func (p *passage) wellBetween(from, to etl.Time) etl.Time {
	i, _ := slices.BinarySearch(p.well, from)
	if i < len(p.well) && p.well[i] < to {
		return p.well[i]
	}
	return 0
}

// brokenBetween counts the requests that ended 502.3 in a span.
func (p *passage) brokenBetween(from, to etl.Time) int {
	i, _ := slices.BinarySearch(p.broken, from)
	j, _ := slices.BinarySearch(p.broken, to)
	return max(j-i, 0)
}

// findProbes tells the health tests of proxies from the requests of users: those for the URL of a farm's test that
// come from the proxy and bear none of its marks.
func (b *Builder) findProbes() {
	type test struct {
		front   *Machine
		members map[string]bool
	}
	tests := map[string][]test{}
	for _, m := range b.machines {
		for _, f := range m.farms() {
			if f.HealthCheck.URL.Value == "" {
				continue
			}
			t := test{m, map[string]bool{}}
			for _, s := range f.Servers {
				if a, ok := plainAddress(s.Address); ok {
					t.members[a] = true
				}
			}
			page := pathOf(f.HealthCheck.URL.Value)
			tests[page] = append(tests[page], t)
		}
	}
	if len(tests) == 0 {
		return
	}
	for _, r := range b.requests {
		if r.LogID != "" || r.Proxied || r.into != nil {
			continue
		}
		server, _ := plainAddress(r.Server)
		client, _ := plainAddress(r.Client)
		for _, t := range tests[pathOfRequest(r)] {
			if !t.members[server] {
				continue
			}
			if on := b.on(r); r.Side == Client && on == t.front || r.Side == Server && on != t.front && t.front.addresses[client] {
				r.Traffic = Probe
			}
		}
	}
}

// An index finds what a rule asks of a machine, of which there may be much.
type index struct {
	served map[*Machine][]*Request           // what it served as the end of the way, by start
	pages  map[pageKey][]*Request            // the same by page, a default document also by its folder
	power  map[*Machine][]*occurrence        // when it was started and shut down
	stops  map[*Machine][]*occurrence        // when a worker process was stopped or replaced
	starts map[*Machine][]*occurrence        // after what an application had to start anew
	idled  map[*Machine]map[string][]idleEnd // connections closed for being idle, by their client
}

// An idleEnd is the end of an idle connection, and the log that tells it.
type idleEnd struct {
	at    etl.Time
	input int
	line  uint32
}

// look returns the index, which is made when it is first asked for: after joining.
func (b *Builder) look() *index {
	if b.index != nil {
		return b.index
	}
	x := &index{
		served: map[*Machine][]*Request{}, pages: map[pageKey][]*Request{}, power: map[*Machine][]*occurrence{},
		stops: map[*Machine][]*occurrence{}, starts: map[*Machine][]*occurrence{}, idled: map[*Machine]map[string][]idleEnd{},
	}
	b.index = x
	add := func(r *Request) {
		on := b.on(r)
		x.served[on] = append(x.served[on], r)
		for _, page := range r.paths() {
			key := pageKey{on, r.Method, page}
			x.pages[key] = append(x.pages[key], r)
			if folder, ok := folderOf(page); ok {
				key.path = folder
				x.pages[key] = append(x.pages[key], r)
			}
		}
	}
	for _, r := range b.requests {
		if r.Side == Server {
			add(r)
		}
		if r.sight != nil && r.sight.behind != nil {
			add(r.sight.behind)
		}
	}
	byStart := func(x, y *Request) int { return cmp.Compare(x.Start, y.Start) }
	for _, list := range x.served {
		slices.SortStableFunc(list, byStart)
	}
	for _, list := range x.pages {
		slices.SortStableFunc(list, byStart)
	}
	for _, m := range b.machines {
		for _, o := range m.happened {
			switch o.Kind {
			case eventlog.SystemStart, eventlog.SystemStop, eventlog.SystemCrash:
				x.power[m] = append(x.power[m], o)
			case eventlog.IdleStop, eventlog.Recycle, eventlog.MemoryRecycle, eventlog.Crash:
				x.stops[m] = append(x.stops[m], o)
			}
			switch o.Kind {
			case eventlog.AppStarted, eventlog.AppRecycle, eventlog.Recycle, eventlog.MemoryRecycle, eventlog.IdleStop, eventlog.SystemStart:
				x.starts[m] = append(x.starts[m], o)
			}
		}
		ends := map[string][]idleEnd{}
		for _, i := range m.Inputs {
			for _, e := range b.sessions[i].idled {
				ends[e.client] = append(ends[e.client], idleEnd{e.at, i, e.line})
			}
		}
		x.idled[m] = ends
	}
	return x
}

// folderOf returns the folder whose default document a page is: /time/ of /time/default.aspx, as logs have it.
func folderOf(page string) (string, bool) {
	dir, name := path.Split(page)
	name, _, _ = strings.Cut(name, ".")
	return dir, name == "default" || name == "index" || name == "iisstart"
}

// before returns how many occurrences of a list, which is in time order, are not later than t.
func before(list []*occurrence, t etl.Time) int {
	i, _ := slices.BinarySearchFunc(list, t+1, func(o *occurrence, t etl.Time) int { return cmp.Compare(o.Time, t) })
	return i
}

// since returns the requests of a list, which is in order, that began at t or later.
func since(list []*Request, t etl.Time) []*Request {
	i, _ := slices.BinarySearchFunc(list, t, func(r *Request, t etl.Time) int { return cmp.Compare(r.Start, t) })
	return list[i:]
}

// answeredBetween reports whether a server answered a request that began after from and ended before to.
func (b *Builder) answeredBetween(m *Machine, from, to etl.Time) *Request {
	for _, q := range since(b.look().served[m], from) {
		if q.Start >= to {
			break
		}
		if q.Outcome == OK && q.Status < 500 && q.Traffic != Probe && ended(q) < to {
			return q
		}
	}
	return nil
}
