package timeline

import (
	"cmp"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/decode/iisconfig"
	"github.com/etwhy/etwhy/etl"
)

// A log names neither the pool nor the process of a request. The pool is told by the configuration:
//
//	s-sitename W3SVC2, folder W3SVC2, or the one site bound to port and host  →  site 2
//	site 2, the application that the path is in                               →  pool Shop
//
// and the process by those files that name both pool and process, FREB and WAS' events, where they show that one
// process of the pool, and no other, lived before and after.

// siteOfFolder returns the site that a log is of by the folder that IIS writes it to, W3SVC2; 0 = not told.
func siteOfFolder(file string) uint32 {
	name, ok := strings.CutPrefix(strings.ToUpper(path.Base(path.Dir(file))), "W3SVC")
	if !ok {
		return 0
	}
	n, _ := strconv.ParseUint(name, 10, 32)
	return uint32(n)
}

// givePools names the pools of requests that only logs know.
func (b *Builder) givePools() {
	type place struct {
		on           *Machine
		site         uint32
		server, host string
		path         string
	}
	const most = 100_000 // pages remembered
	pools := map[place]string{}
	for _, r := range b.requests {
		w, m := r.sight, b.on(r)
		if r.Side != Server || w == nil || r.AppPool != "" || !m.configured || r.MadeBy != nil && r.MadeBy.Tier == tierHTTPSys {
			continue
		}
		at := place{m, w.site, r.Server, r.Host, w.path}
		name, ok := pools[at]
		if !ok {
			site := cmp.Or(at.site, m.boundTo(r.Server, r.Host))
			if pool, found := m.settings.PoolOf(site, w.path); found && site != 0 {
				name = pool.Name
			}
			if len(pools) >= most {
				clear(pools)
			}
			pools[at] = name
		}
		r.AppPool = name
	}
}

// boundTo returns the one site that has a binding for the port, and for the host if that is known; 0 = none, or
// several.
func (m *Machine) boundTo(server, host string) (id uint32) {
	file := m.settings.Host()
	_, number := SplitHost(server)
	port, err := strconv.ParseUint(number, 10, 16)
	if file == nil || err != nil {
		return 0
	}
	host = hostName(host)
	fits := func(v iisconfig.Binding) bool {
		return v.Port == uint16(port) && (v.Host == "" || host == "" || strings.EqualFold(v.Host, host))
	}
	for _, site := range file.Sites {
		for _, v := range site.Bindings {
			switch {
			case !fits(v):
			case id != 0 && id != site.ID:
				return 0
			default:
				id = site.ID
			}
		}
	}
	return id
}

// A life is the time for which a worker process of a pool is known to have lived.
type life struct {
	pid         uint32
	first, last etl.Time
}

// lives are the events that name a worker process which lived until then.
var lives = []eventlog.FactKind{eventlog.Crash, eventlog.PingFailed, eventlog.Recycle, eventlog.MemoryRecycle, eventlog.IdleStop}

// giveProcesses names the worker process of requests that only logs know.
func (b *Builder) giveProcesses() {
	type pool struct {
		on   *Machine
		name string
	}
	known := map[pool][]life{}
	see := func(p pool, pid uint32, first, last etl.Time) {
		list := known[p]
		for i := range list {
			if l := &list[i]; l.pid == pid && first < l.last.Add(sameProcess) && last > l.first.Add(-sameProcess) {
				l.first, l.last = min(l.first, first), max(l.last, last)
				return
			}
		}
		if len(list) < maxLives {
			known[p] = append(list, life{pid, first, last})
		}
	}
	for _, r := range b.requests {
		for q := range r.sights {
			if q.PID != 0 && q.AppPool != "" && (q.Side == Server || q.sight != nil) {
				see(pool{b.on(q), strings.ToLower(q.AppPool)}, q.PID, q.Start, ended(q))
			}
		}
	}
	for _, m := range b.machines {
		for _, o := range m.ever(lives...) {
			if o.Pool != "" && o.PID != 0 {
				see(pool{m, strings.ToLower(o.Pool)}, o.PID, o.Time, o.Time)
			}
		}
	}
	if len(known) == 0 {
		return
	}
	for _, r := range b.requests {
		if w := r.sight; w == nil || w.kind != KindIISLog || r.PID != 0 || r.AppPool == "" {
			continue
		}
		m := b.on(r)
		if p, ok := m.settings.Pool(r.AppPool); ok && p.ProcessModel.MaxProcesses.Value != 1 {
			continue // a web garden
		}
		pid, several := uint32(0), false
		for _, l := range known[pool{m, strings.ToLower(r.AppPool)}] {
			switch {
			case r.Start < l.first || ended(r) > l.last:
			case pid != 0:
				several = true
			default:
				pid = l.pid
			}
		}
		if pid != 0 && !several {
			r.PID, r.Process = pid, cmp.Or(r.Process, "w3wp.exe")
		}
	}
}

// Bounds on what is known of worker processes.
const (
	maxLives    = 1_000          // of one pool
	sameProcess = 24 * time.Hour // between two sightings: a number is not given again that soon
)
