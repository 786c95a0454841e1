package timeline

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/decode/iisconfig"
	"github.com/etwhy/etwhy/etl"
)

// A Role is what a machine does in the exchanges.
type Role string

const (
	RoleUnknown Role = ""
	RoleProxy   Role = "arr"     // passes requests on
	RoleContent Role = "content" // answers those that a proxy passes on
)

// A Machine is a computer that inputs come from. Inputs are told apart by the computer's name, by the
// addresses that it answers at, and, where a file has neither, by the folder that it lies in.
type Machine struct {
	Name      string // as files have it; else an address, or the folder
	Role      Role
	Inputs    []int    // of it
	Addresses []string // that requests came in at, in order
	Guessed   bool     // nothing in the files names it: Name is that of their folder, or ""

	// ClockOffset is what has to be added to the times of this machine to fit those of ClockFrom,
	// estimated from ClockPairs exchanges that both saw. 0 where they agree as far as that can be told.
	ClockOffset time.Duration
	ClockFrom   string
	ClockPairs  int

	names     map[string]bool
	addresses map[string]bool
	known     []coverage // of each kind of source
	counted   []*Session // logs of which lines were only counted

	happened   []*occurrence // by time
	events     map[subject][]*occurrence
	turns      turns             // of requests, as HTTPERR tells
	settings   *iisconfig.Server // never nil once the inputs are joined
	configured bool              // settings are of a file, not only the defaults
	consoles   []printed
	hosts      *hosting          // how it runs applications; nil until asked for
	history    []*iisconfig.File // copies of applicationHost.config, the oldest first, and the one in use
	served     []*Request        // that a worker process of a known pool answered, by start; empty unless others were refused
}

// A coverage is a time of which the inputs of a kind speak.
type coverage struct {
	kind        Kind
	first, last etl.Time
}

// host notes the name of the computer that a file is from.
func (s *Session) host(name string) {
	if name == "" || s.machine == name {
		return
	}
	if s.machine == "" {
		s.machine = name
	}
}

// address notes an address that requests came in at, with or without port.
func (s *Session) address(local string) {
	if a, ok := plainAddress(local); ok && !s.addresses[a] && len(s.addresses) < maxAddresses {
		if s.addresses == nil {
			s.addresses = map[string]bool{}
		}
		s.addresses[a] = true
	}
}

// maxAddresses bounds the addresses of one machine.
const maxAddresses = 100

// shift is what has to be added to the times of a machine to have them by the clock of another.
func (m *Machine) shift(to *Machine) time.Duration { return m.ClockOffset - to.ClockOffset }

// hostLabel is the name of a computer without its domain, in lower case.
func hostLabel(name string) string {
	name, _, _ = strings.Cut(strings.ToLower(name), ".")
	return name
}

// A partition joins sessions into machines. Of each set its root, find, knows what is known of all.
type partition struct {
	parent    []int
	names     []string // of the computer, as hostLabel has it; "" = not known
	addressed []bool   // that an address is known of
}

func newPartition(sessions []*Session) *partition {
	p := &partition{}
	for i, s := range sessions {
		p.parent = append(p.parent, i)
		p.names = append(p.names, hostLabel(s.machine))
		p.addressed = append(p.addressed, len(s.addresses) > 0)
	}
	return p
}

func (p *partition) find(i int) int {
	for p.parent[i] != i {
		p.parent[i] = p.parent[p.parent[i]]
		i = p.parent[i]
	}
	return i
}

// name returns the computer name of the set that i is in, or "".
func (p *partition) name(i int) string { return p.names[p.find(i)] }

// join makes i and j one machine, unless their computers have different names.
func (p *partition) join(i, j int) {
	a, b := p.find(i), p.find(j)
	if x, y := p.names[a], p.names[b]; a == b || x != "" && y != "" && x != y {
		return
	}
	a, b = min(a, b), max(a, b)
	p.parent[b] = a
	p.names[a] = cmp.Or(p.names[a], p.names[b])
	p.addressed[a] = p.addressed[a] || p.addressed[b]
}

// findMachines tells which inputs are from the same machine.
func (b *Builder) findMachines() {
	p := newPartition(b.sessions)
	b.proven = newPartition(b.sessions)
	same := func(i, j int) { p.join(i, j); b.proven.join(i, j) }
	names, addresses := map[string]int{}, map[string]int{}
	for i, s := range b.sessions {
		if n := hostLabel(s.machine); n != "" {
			if j, ok := names[n]; ok {
				same(i, j)
			} else {
				names[n] = i
			}
		}
	}
	for i, s := range b.sessions {
		for _, a := range sortedKeys(s.addresses) {
			if j, ok := addresses[a]; ok {
				same(i, j)
			} else {
				addresses[a] = i
			}
		}
	}
	b.joinFolders(p)
	index := map[int]int{}
	for i, s := range b.sessions {
		root := p.find(i)
		n, ok := index[root]
		if !ok {
			n = len(b.machines)
			index[root] = n
			b.machines = append(b.machines, &Machine{names: map[string]bool{}, addresses: map[string]bool{}})
		}
		s.on = b.machines[n]
		s.on.add(i, s)
	}
	for _, m := range b.machines {
		m.finish(b)
	}
}

// joinFolders joins the files of a folder that nothing else joins: those that tell nothing of their machine with the
// one that the others are from, and a name with an address. What lies in a folder of its own and has a name or an
// address is of another machine than what lies around that folder, unless the folder around has the machine's name.
func (b *Builder) joinFolders(p *partition) {
	folders, homes := map[string][]int{}, make([]string, len(b.sessions))
	for i, s := range b.sessions {
		if !s.in.Kind.IsSource() {
			continue
		}
		homes[i] = home(s.in.Path)
		for d := homes[i]; ; d = path.Dir(d) {
			folders[d] = append(folders[d], i)
			if d == "." || d == "/" || path.Dir(d) == d {
				break
			}
		}
	}
	dirs := sortedKeys(folders)
	slices.SortStableFunc(dirs, func(a, b string) int { return cmp.Compare(strings.Count(b, "/"), strings.Count(a, "/")) }) // the deepest first
	top := commonFolder(b.sessions)
	for _, d := range dirs {
		if len(d) < len(top) {
			continue // above everything: it tells nothing
		}
		var told, addressed, blank []int               // a member of each machine with a name, with addresses only, and files with neither
		direct, away := map[int]bool{}, map[int]bool{} // by machine: it has files in this very folder; outside
		anything := false
		for i := range b.sessions {
			switch root := p.find(i); {
			case homes[i] == d:
				direct[root], anything = true, true
			case homes[i] != "" && !strings.HasPrefix(homes[i], d+"/") && d != ".":
				away[root] = true
			}
		}
		if d == top && !anything {
			continue // only folders: each is a machine, or several
		}
		seen := map[int]bool{}
		for _, i := range folders[d] {
			root := p.find(i)
			if seen[root] {
				continue
			}
			seen[root] = true
			switch {
			case p.name(i) != "":
				told = append(told, i)
			case p.addressed[root]:
				addressed = append(addressed, i)
			default:
				blank = append(blank, i)
			}
		}
		named := len(told) == 1 && isNamedAfter(d, p.name(told[0]))
		join := func(list []int) {
			for _, i := range list[min(len(list), 1):] {
				if named || d != top && p.name(list[0]) == "" && p.name(i) == "" {
					b.proven.join(list[0], i)
				}
				p.join(list[0], i)
			}
		}
		// A machine may have several addresses.
		near := addressed
		if !named {
			near = slices.DeleteFunc(slices.Clone(addressed), func(i int) bool { return !direct[p.find(i)] })
		}
		switch {
		case named,
			len(told) == 1 && direct[p.find(told[0])] && !away[p.find(told[0])] && (d != top || len(addressed) <= 1):
			join(slices.Concat(told, near))
		case len(told) == 0 && d != top:
			join(near)
		}
		var owners []int // that files with neither may be of
		for _, i := range slices.Concat(told, addressed) {
			if !slices.ContainsFunc(owners, func(o int) bool { return p.find(o) == p.find(i) }) {
				owners = append(owners, i)
			}
		}
		if len(owners) > 1 { // those around are as likely as not of another one
			owners = slices.DeleteFunc(owners, func(i int) bool { return !direct[p.find(i)] || away[p.find(i)] })
		}
		if len(owners) == 1 || len(told)+len(addressed) == 0 {
			join(slices.Concat(owners, blank))
		}
	}
}

// isNamedAfter reports whether a folder has the name of a machine: WEB02, web02-logs, or WEB for all of its kind.
func isNamedAfter(dir, machine string) bool {
	d := strings.ToLower(path.Base(dir))
	return strings.Contains(d, machine) || len(d) > 2 && strings.HasPrefix(machine, d)
}

// windowsFolders are the folders in which Windows, IIS and App Service keep the files of one machine by kind: they tell
// no machines apart.
var windowsFolders = map[string]bool{
	"logfiles": true, "rawlogs": true, "detailederrors": true, "httperr": true, "failedreqlogfiles": true, "inetpub": true,
	"logs": true, "wwwroot": true, "windows": true, "system32": true, "inetsrv": true, "config": true, "winevt": true,
}

// home returns the folder that an input lies in, of those that may stand for a machine.
func home(name string) string {
	d := path.Dir(name)
	for d != "." && d != "/" {
		base := strings.ToLower(path.Base(d))
		if site, ok := strings.CutPrefix(base, "w3svc"); !windowsFolders[base] && !(ok && strings.Trim(site, "0123456789") == "") &&
			!(base == "http" && strings.EqualFold(path.Base(path.Dir(d)), "LogFiles")) {
			break
		}
		d = path.Dir(d)
	}
	return d
}

// commonFolder returns the folder that all inputs lie in.
func commonFolder(sessions []*Session) string {
	top := ""
	for i, s := range sessions {
		d := home(s.in.Path)
		if i == 0 {
			top = d
		}
		for top != "." && top != "/" && d != top && !strings.HasPrefix(d, top+"/") {
			top = path.Dir(top)
		}
	}
	return top
}

// joinedByFolder reports whether what a verdict quotes rests on files of which nothing but their folder says that they
// are of the same machine.
func (x *scene) joinedByFolder(list []Evidence) bool {
	first := map[*Machine]int{}
	differs := func(input int) bool {
		s, proven := x.b.sessions[input], x.b.proven.find(input)
		if s.in.Kind == KindPage {
			return false // joined by what is on it
		}
		n, ok := first[s.on]
		first[s.on] = proven
		return ok && n != proven
	}
	if !x.alone {
		differs(x.r.Input)
	}
	return slices.ContainsFunc(list, func(e Evidence) bool { return differs(e.Input) })
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// add counts an input to the machine.
func (m *Machine) add(i int, s *Session) {
	m.Inputs = append(m.Inputs, i)
	if m.Name == "" {
		m.Name = s.machine
	}
	for a := range s.addresses {
		m.addresses[a] = true
	}
	if s.in.First != 0 {
		m.known = append(m.known, coverage{s.in.Kind, s.in.First, s.in.Last})
		for _, c := range s.in.Channels {
			if !s.in.Gaps {
				m.known = append(m.known, coverage{Kind(c), s.in.First, s.in.Last})
			}
		}
	}
	if s.passed.always || len(s.passed.minutes) > 0 {
		m.counted = append(m.counted, s)
	}
}

// finish names the machine, and joins the spans of logs that follow each other.
func (m *Machine) finish(b *Builder) {
	m.Addresses = sortedKeys(m.addresses)
	if m.Name == "" {
		m.Guessed = len(m.Addresses) == 0
		if !m.Guessed {
			m.Name = m.Addresses[0]
		} else if d := path.Base(home(b.sessions[m.Inputs[0]].in.Path)); d != "." && d != "/" {
			m.Name = d
		}
	}
	slices.SortFunc(m.known, func(x, y coverage) int {
		return cmp.Or(cmp.Compare(x.kind, y.kind), cmp.Compare(x.first, y.first))
	})
	// A log that rolled over goes on in the next file.
	const rolled = 10 * Minute
	out := m.known[:0]
	for _, k := range m.known {
		if n := len(out); n > 0 && out[n-1].kind == k.kind && k.first <= out[n-1].last+rolled {
			out[n-1].last = max(out[n-1].last, k.last)
			continue
		}
		out = append(out, k)
	}
	m.known = out
	m.furnish(b)
}

// lateness is how long HTTP.sys and the event log may take to write what has happened.
const lateness = 2 * Minute

// Event logs that rules ask for, by channel. Their coverage goes by that.
const (
	systemLog      Kind = "System"
	applicationLog Kind = "Application"
)

// covers reports whether a source of this machine would have said so if something had happened at t: it
// has an entry before, and one late enough after. Of logs of requests see also passedOver.
func (m *Machine) covers(kind Kind, t etl.Time) bool {
	return slices.ContainsFunc(m.known, func(k coverage) bool { return k.kind == kind && k.first <= t && k.last >= t+lateness })
}

// ends returns when the last span of a kind that begins before t ends; 0 if there is none.
func (m *Machine) ends(kind Kind, t etl.Time) (end etl.Time) {
	for _, k := range m.known {
		if k.kind == kind && k.first <= t {
			end = max(end, k.last)
		}
	}
	return end
}

// has reports whether there is any input of a kind.
func (m *Machine) has(b *Builder, kind Kind) bool {
	return slices.ContainsFunc(m.Inputs, func(i int) bool { return b.sessions[i].in.Kind == kind })
}

// giveRoles says what each machine does, by what its requests show.
func (b *Builder) giveRoles() {
	for _, r := range b.requests {
		m := b.sessions[r.Input].on
		switch w := r.sight; {
		case w != nil && w.onward && w.forwarder == freb.ARR, r.Side == Client && r.LogID != "" && !r.local() && !b.sessions[r.Input].platform:
			m.Role = RoleProxy
		case w != nil && m.Role == RoleUnknown && (r.Side == Server || r.local()) && (w.forwarded != "" || r.LogID != "" && (!w.onward || r.local())):
			m.Role = RoleContent
		}
	}
	// Who answers at an address that a proxy sends to, or is asked from a proxy's address, is a content server.
	targets := map[string]bool{}
	for _, r := range b.requests {
		if r.Side == Client || r.sight != nil && r.sight.onward {
			if a, ok := plainAddress(r.Server); ok && b.sessions[r.Input].on.Role == RoleProxy {
				targets[a] = true
			}
		}
	}
	proxies := map[string]bool{}
	for _, m := range b.machines {
		for a := range m.addresses {
			proxies[a] = proxies[a] || m.Role == RoleProxy
		}
	}
	for _, r := range b.requests {
		if on := b.on(r); r.Side == Server && on.Role == RoleUnknown && len(proxies) > 0 {
			if a, ok := plainAddress(r.Client); ok && proxies[a] && !on.addresses[a] {
				on.Role = RoleContent
			}
		}
	}
	for _, m := range b.machines {
		if m.Role == RoleUnknown {
			for a := range m.addresses {
				if targets[a] {
					m.Role = RoleContent
				}
			}
		}
	}
}

// machineAt returns the machine that answers at an address, or nil.
func (b *Builder) machineAt(server string) *Machine {
	a, ok := plainAddress(server)
	host := hostLabel(hostName(server))
	for _, m := range b.machines {
		if ok && m.addresses[a] || !ok && host != "" && host == hostLabel(m.Name) {
			return m
		}
	}
	return nil
}
