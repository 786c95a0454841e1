package iisconfig

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Change is one setting in which two copies of a file differ.
type Change struct {
	What     string // pool Shop: processModel.idleTimeout
	From, To string // values; "absent" and "present" of entries as a whole. A default has " (default)" behind it
	File     string // where the new value stands or, if it does not stand anywhere now, the old one
	Line     int
}

// String returns the change on one line.
func (c Change) String() string { return fmt.Sprintf("%s: %s -> %s", c.What, c.From, c.To) }

const absent, present = "absent", "present"

// Diff returns what changed from one copy of a file to a later one, among the settings that this package knows, in the
// order of the new file; entries that are gone come last of their kind. What a pool or site inherits is reported once, as
// a change of the defaults. Where one of the copies could not be read whole ([File.Partial]), changes may be missing or
// made up.
func Diff(old, new *File) []Change {
	d := &differ{}
	compare(d, poolTable, "pool defaults", &old.PoolDefaults, &new.PoolDefaults, nil, nil)
	d.schedules("pool defaults", &old.PoolDefaults, &new.PoolDefaults)
	each(d, "pool", old.Pools, new.Pools, func(p *Pool) string { return p.Name }, func(what string, o, n *Pool) {
		compare(d, poolTable, what, o, n, &old.PoolDefaults, &new.PoolDefaults)
		if !slices.Equal(o.Recycling.Schedule, old.PoolDefaults.Recycling.Schedule) || !slices.Equal(n.Recycling.Schedule, new.PoolDefaults.Recycling.Schedule) {
			d.schedules(what, o, n)
		}
	})

	compare(d, siteTable, "site defaults", &old.SiteDefaults, &new.SiteDefaults, nil, nil)
	each(d, "site", old.Sites, new.Sites, func(s *Site) string { return s.Name }, func(what string, o, n *Site) {
		compare(d, siteTable, what, o, n, &old.SiteDefaults, &new.SiteDefaults)
		each(d, what+" binding", o.Bindings, n.Bindings, func(b *Binding) string { return b.Protocol + " " + b.Information }, nil)
		each(d, what+" application", o.Applications, n.Applications, func(a *Application) string { return a.Path }, func(what string, o, n *Application) {
			compare(d, appTable, what, o, n, nil, nil)
			each(d, what+" folder", o.Folders, n.Folders, func(f *Folder) string { return f.Path + " " + f.PhysicalPath }, nil)
		})
	})

	each(d, "farm", old.Farms, new.Farms, func(f *Farm) string { return f.Name }, func(what string, o, n *Farm) {
		compare(d, farmTable, what, o, n, nil, nil)
		each(d, what+" server", o.Servers, n.Servers, func(m *Member) string { return m.Address }, simply(d, memberTable))
	})

	sections(d, proxyTable, old.Proxies, new.Proxies)
	sections(d, runtimeTable, old.Runtimes, new.Runtimes)
	sections(d, ancmTable, old.ANCM, new.ANCM)
	sections(d, webSocketTable, old.WebSocket, new.WebSocket)

	each(d, "fastCgi", old.FastCGI, new.FastCGI, func(f *FastCGI) string { return f.FullPath }, simply(d, fastCGITable))
	each(d, "rewrite rule", old.RewriteProxyRules, new.RewriteProxyRules, func(r *ProxyRule) string { return join(r.Location, r.Name) + " to " + r.Scheme + "://" + r.Target }, simply(d, ruleTable))
	each(d, "AutoHeal trigger", old.AutoHeal, new.AutoHeal, func(t *Trigger) string { return join(t.Location, t.Type) }, simply(d, triggerTable))
	each(d, "AutoHeal action", old.HealActions, new.HealActions, func(a *Action) string { return a.Location }, simply(d, actionTable))

	o, n := redirectTable.fresh, redirectTable.fresh
	if old.Redirect != nil {
		o = *old.Redirect
	}
	if new.Redirect != nil {
		n = *new.Redirect
	}
	compare(d, redirectTable, "redirection", &o, &n, nil, nil)
	return d.changes
}

type differ struct{ changes []Change }

func (d *differ) add(what, from, to string, at Origin) {
	d.changes = append(d.changes, Change{what, from, to, at.File, at.Line})
}

// simply returns a comparison of the settings of t.
func simply[T any](d *differ, t *table[T]) func(string, *T, *T) {
	return func(what string, o, n *T) { compare(d, t, what, o, n, nil, nil) }
}

// each calls same, if there is such, for entries that both lists have, and notes those that only one has.
func each[T interface{ origin() Origin }](d *differ, what string, old, new []T, key func(*T) string, same func(string, *T, *T)) {
	before, after := keys(old, key), keys(new, key)
	left := index(before)
	for i, k := range after {
		n := &new[i]
		j, ok := left[k]
		delete(left, k)
		switch {
		case !ok:
			d.add(what+" "+k, absent, present, (*n).origin())
		case same != nil:
			same(what+" "+k, &old[j], n)
		}
	}
	for j, k := range before {
		if _, gone := left[k]; gone {
			d.add(what+" "+k, present, absent, old[j].origin())
		}
	}
}

// sections compares sections, of which there is one per location. One that is not there says nothing.
func sections[T interface{ origin() Origin }](d *differ, t *table[T], old, new []T) {
	location := func(s *T) string { return (*s).origin().Location }
	before, after := keys(old, location), keys(new, location)
	left := index(before)
	for i, k := range after {
		o := &t.fresh
		if j, ok := left[k]; ok {
			o = &old[j]
			delete(left, k)
		}
		compare(d, t, k, o, &new[i], nil, nil)
	}
	for j, k := range before {
		if _, gone := left[k]; gone {
			compare(d, t, k, &old[j], &t.fresh, nil, nil)
		}
	}
}

func index(keys []string) map[string]int {
	at := make(map[string]int, len(keys))
	for i, k := range keys {
		at[k] = i
	}
	return at
}

// keys returns the keys of a list; a second entry with the same key has #2 behind it.
func keys[T any](list []T, key func(*T) string) []string {
	all := make([]string, len(list))
	count := map[string]int{}
	for i := range list {
		k := key(&list[i])
		if count[k]++; count[k] > 1 {
			k += " #" + strconv.Itoa(count[k])
		}
		all[i] = k
	}
	return all
}

// compare notes the settings of t in which two entries differ, but not what both inherit of defaults.
func compare[T any](d *differ, t *table[T], what string, old, new, oldDefaults, newDefaults *T) {
	seen := map[setting]bool{} // two attributes may be one setting
	for _, f := range t.fields {
		o, n := f.of(old), f.of(new)
		if seen[n] || o.text() == n.text() {
			continue
		}
		seen[n] = true
		if oldDefaults != nil && inherited(o, f.of(oldDefaults)) && inherited(n, f.of(newDefaults)) {
			continue
		}
		at, set := n.at()
		if !set {
			at, _ = o.at()
		}
		name := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(f.name, "system.webServer/"), "system.web/"), "@")
		name = strings.NewReplacer("/", ".", "@", ".").Replace(name)
		d.add(strings.TrimPrefix(what+": "+name, ": "), said(o), said(n), at)
	}
}

// inherited reports whether a setting is that of the defaults.
func inherited(s, defaults setting) bool {
	at, set := s.at()
	from, known := defaults.at()
	return set == known && at.Line == from.Line && s.text() == defaults.text()
}

// said returns the value of a setting as a Change has it.
func said(s setting) string {
	text := s.text()
	if text == "" {
		text = `""`
	}
	if !isSet(s) {
		text += " (default)"
	}
	return text
}

// schedules notes that the times of day of a pool's recycling differ.
func (d *differ) schedules(what string, old, new *Pool) {
	times := func(p *Pool) string {
		var list []string
		for _, s := range p.Recycling.Schedule {
			list = append(list, (time.Time{}).Add(s.Value).Format("15:04"))
		}
		if list == nil {
			return "none"
		}
		return strings.Join(list, " ")
	}
	if from, to := times(old), times(new); from != to {
		at := new.Origin
		if len(new.Recycling.Schedule) > 0 {
			at, _ = new.Recycling.Schedule[0].at()
		}
		d.add(what+": recycling.periodicRestart.schedule", from, to, at)
	}
}
