package netshtext

import (
	"net/netip"
	"regexp"
	"strings"
)

var (
	versionValue = regexp.MustCompile(`^\d\.\d$`)
	idValue      = regexp.MustCompile(`^[0-9A-F]{16}$`)
	processValue = regexp.MustCompile(`^(\d{1,10})\s*[,，、]`) // "ID: 1432, image: ...", since Windows 10
	urlText      = regexp.MustCompile(`^(?i:https?)://\S+$`)
	sddlValue    = regexp.MustCompile(`^[OGD]:\S*\(|^D:P?(?:A[IR])*\(`)
	guidValue    = regexp.MustCompile(`^\{[0-9a-fA-F-]{36}\}$`)
	endpoint     = regexp.MustCompile(`^(?:\S+:)?\d{1,5}$`)
)

// state is what serviceState keeps.
type state struct {
	before   line // the labelled line before
	ids      bool // an id of 16 digits was there
	queue    *Queue
	step     int  // labelled lines of the queue read
	list     bool // numbers are process ids
	group    int  // labelled lines of the URL group read, from 1; 0 = outside of its head
	owner    string
	queues   []entry
	groups   []entry // URL groups that stand outside of queues, by the name of theirs
	entries  int
	snapshot int // outputs of the command so far: a ruler stands above each
	count    map[key]int
	unnamed  map[string]bool
}

// An entry is a queue, or what is known of one, in one of several outputs.
type entry struct {
	key
	*Queue
}

type key struct {
	name     string
	snapshot int
}

// serviceState reads both views of netsh http show servicestate. In that of request queues the URL groups stand in
// their queue; in that of server sessions they name it, and the queues follow at the end.
func (p *parser) serviceState(l *line) {
	s := &p.state
	if l.text == "" {
		return
	}
	if l.bare {
		p.serviceItem(l)
		return
	}
	m := processValue.FindStringSubmatch(l.value)
	switch {
	case versionValue.MatchString(l.value):
		s.group, s.step, s.list = 0, 0, false
		if s.before.value != "" && !idValue.MatchString(s.before.value) && s.entries < maxEntries {
			s.entries++
			p.openQueue(&s.before)
		}
	case idValue.MatchString(l.value):
		s.ids, s.group, s.list, s.step = true, 1, false, 0
	case s.group > 0:
		if s.group++; s.group == 3 {
			s.owner, s.group = l.value, 0
		}
	case s.queue != nil && m != nil:
		p.process(m[1])
	case s.step > 0:
		s.step++
		s.list = l.value == ""
		switch s.step {
		case 2:
			s.queue.State = l.value
		case 4: // between them is how much a 503 tells the client
			s.queue.Limit, _ = decimal(l.value)
		}
	}
	s.before = *l
}

// openQueue begins the queue that the line names. One without a name has a sentence in its place: names are unique,
// the sentence is not.
func (p *parser) openQueue(l *line) {
	s := &p.state
	s.queue, s.owner, s.step = &Queue{Name: l.value, Line: l.number}, l.value, 1
	k := key{l.value, s.snapshot}
	s.queues = append(s.queues, entry{k, s.queue})
	if s.count[k]++; s.count[k] > 1 || strings.HasSuffix(l.value, ".") || strings.HasSuffix(l.value, "。") {
		s.unnamed[l.value] = true
	}
}

// serviceItem reads a process id or a URL.
func (p *parser) serviceItem(l *line) {
	s := &p.state
	switch {
	case isRuler(l):
		s.snapshot++
		s.queue, s.owner, s.step, s.group, s.list, s.before = nil, "", 0, 0, false, line{}
	case s.queue != nil && s.list:
		p.process(l.text)
	case !s.ids || !urlText.MatchString(l.text) || s.entries >= maxEntries:
	case s.queue != nil && s.owner == s.queue.Name:
		s.entries++
		s.queue.URLs = append(s.queue.URLs, l.text)
	case s.owner != "":
		s.entries++
		k := key{s.owner, s.snapshot}
		if n := len(s.groups); n == 0 || s.groups[n-1].key != k {
			s.groups = append(s.groups, entry{k, &Queue{Name: s.owner}})
		}
		g := s.groups[len(s.groups)-1]
		g.URLs = append(g.URLs, l.text)
	}
}

func (p *parser) process(id string) {
	if pid, ok := decimal(id); ok && p.state.entries < maxEntries {
		p.state.entries++
		p.state.queue.PIDs = append(p.state.queue.PIDs, pid)
	}
}

// finishQueues puts the URL groups to their queues.
func (p *parser) finishQueues() {
	s := &p.state
	if !s.ids || len(s.queues) == 0 && len(s.groups) == 0 {
		return
	}
	owners := make(map[key]*Queue)
	for _, q := range s.queues {
		owners[q.key] = q.Queue
	}
	for _, g := range s.groups {
		// Which of several unnamed queues a group belongs to is not told.
		if s.count[g.key] == 1 {
			owners[g.key].URLs = append(owners[g.key].URLs, g.URLs...)
		} else {
			s.queues = append(s.queues, g)
		}
	}
	for _, q := range s.queues {
		if s.unnamed[q.Name] {
			q.Name = ""
		}
		p.Queues = append(p.Queues, *q.Queue)
	}
	p.found[ServiceState] = true
	if s.entries >= maxEntries {
		p.anomaly(TooMany)
	}
}

// reservation reads netsh http show urlacl.
//
//	Reservierte URL            : http://+:80/Temporary_Listen_Addresses/
//	    Benutzer: \Jeder
//	        Abhören: Ja
//	        Delegieren: Nein
//	        SDDL: D:(A;;GX;;;WD)
func (p *parser) reservation(l *line) {
	switch r := p.pending; {
	case l.text == "":
	case l.bare:
		p.pending = nil
	case urlText.MatchString(l.value):
		p.pending, p.level = &Reservation{URL: l.value, Line: l.number}, -1
	case r == nil:
	case sddlValue.MatchString(l.value):
		if r.SDDL = l.value; p.room(URLReservations, len(p.Reservations)) {
			p.Reservations = append(p.Reservations, *r)
		}
		p.pending = nil
	case p.level < 0:
		p.level = l.indent
		r.Users = append(r.Users, l.value)
	case p.level == l.indent && l.indent > 0 && len(r.Users) < 1000:
		r.Users = append(r.Users, l.value)
	}
}

// Lines of a binding of netsh http show sslcert, in their order.
const (
	tlsEndpoint = iota
	tlsHash
	tlsApplication // a GUID
	tlsStore
	tlsRevocation
	tlsCachedOnly // off by default
	tlsUsage      // on by default
	tlsFreshness
	tlsTimeout
	tlsControlID
	tlsControlStore
	tlsMapper
	tlsClient
	tlsLines
)

func (p *parser) certificate(l *line) {
	switch {
	case l.bare:
		return
	case len(p.tls) == tlsApplication && !(guidValue.MatchString(l.value) && endpoint.MatchString(p.tls[tlsEndpoint].value)):
		p.tls = append(p.tls[:0], p.tls[1:]...) // not yet at a binding
	}
	if p.tls = append(p.tls, *l); len(p.tls) == tlsLines {
		p.finishCertificate()
	}
}

func (p *parser) finishCertificate() {
	t := p.tls
	p.tls = t[:0]
	if len(t) <= tlsApplication || !p.room(Certificates, len(p.Bindings)) {
		return
	}
	b := Binding{Endpoint: t[tlsEndpoint].value, Line: t[tlsEndpoint].number}
	if len(t) > tlsClient {
		// The words for on and off are those of two settings that hardly anybody changes.
		switch v := t[tlsClient].value; {
		case strings.EqualFold(v, "Enabled"):
			b.Client = On
		case strings.EqualFold(v, "Disabled"):
			b.Client = Off
		case t[tlsUsage].value == t[tlsCachedOnly].value:
		case v == t[tlsUsage].value:
			b.Client = On
		case v == t[tlsCachedOnly].value:
			b.Client = Off
		}
	}
	p.Bindings = append(p.Bindings, b)
}

// ipListen reads netsh http show iplisten: addresses below a ruler.
func (p *parser) ipListen(l *line) {
	if l.text == "" {
		return
	}
	a, err := netip.ParseAddr(l.text)
	switch {
	case isRuler(l):
		p.list = true
	case !p.list || err != nil || l.indent == 0:
		p.list = false
	case p.room(IPListenList, len(p.IPListen)):
		p.IPListen = append(p.IPListen, a)
	}
}

func isRuler(l *line) bool { return len(l.text) >= 10 && strings.Trim(l.text, "-") == "" }
