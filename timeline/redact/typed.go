package redact

import (
	"net/netip"
	"strings"
)

// Values whose meaning is known from where they stand. Below [Identities] they are texts like any other.

// Host returns a host name, or an address, maybe with a port, as it may be shown.
func (r *Redactor) Host(s string) string { return r.typed(Host, s, r.address) }

// Address returns address:port, [v6]:port, or host:port as it may be shown.
func (r *Redactor) Address(s string) string { return r.typed(Host, s, r.address) }

// User returns the name of an account as it may be shown: user, DOMAIN\user, user@domain, or a SID.
func (r *Redactor) User(s string) string { return r.typed(User, s, r.user) }

// Named returns the name of something of a kind as it may be shown: before [Strict] as a text, with a pseudonym then.
// Pools, sites and farms that are called after a machine do not become one.
func (r *Redactor) Named(kind Kind, s string) string {
	if r.Mode() < Identities || s == "" || r.isPseudonym([]byte(s)) || isWellKnown(s) {
		return r.Text(s)
	}
	if r.mode < Strict {
		is, ok := "", false
		if kind == Pool || kind == Site || kind == Farm {
			is, ok = r.named(kind, []byte(s))
		}
		if !ok {
			return r.Text(s)
		}
		return r.counted(kind.rule(), s, is)
	}
	return r.counted(kind.rule(), s, r.pseudonym(kind, lowered(s)))
}

// counted returns is, and counts if it is something else than what it was.
func (r *Redactor) counted(rule, was, is string) string {
	if is != was {
		r.counts[rule]++
	}
	return is
}

// typed applies what is for values of a kind to s.
func (r *Redactor) typed(kind Kind, s string, is func(string) string) string {
	if r.Mode() < Identities || s == "" {
		return r.Text(s)
	}
	out := is(s)
	if out == s {
		return r.Text(s)
	}
	host, _ := splitPort(s)
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		kind = Address
	} else if strings.HasPrefix(out, string(SID)+"-") {
		kind = SID
	}
	return r.counted(kind.rule(), s, out)
}

// URL returns a URL, or a path with its query, as it may be shown. Strict leaves the scheme, the host, and how many
// parts the path has.
func (r *Redactor) URL(s string) string {
	if r.Mode() < Strict || s == "" {
		return r.Text(s)
	}
	if is := r.shape(s); is != s {
		return is
	}
	return r.Text(s)
}

// Path returns the path of a file as it may be shown. Strict leaves what kind of file it is.
func (r *Redactor) Path(s string) string {
	switch {
	case r.Mode() < Identities || s == "":
		return r.Text(s)
	case r.mode < Strict:
		switch {
		case s[0] == '/': // of a URL, it would seem
			s = r.Text("." + s)[1:]
		case s[0] != '\\' && !strings.Contains(s, ":"): // Users/x is a part of a path here, and words in a text
			const here = "./"
			s = r.Text(here + s)[len(here):]
		default:
			s = r.Text(s)
		}
		return r.machineFolders(s)
	}
	return r.counted(Path.rule(), s, r.file(s))
}

// Body returns what stands for the content of a message: its size in bytes.
func (r *Redactor) Body(s string) string { return r.sized(ruleBody, s) }

// Unknown returns what stands for bytes that may mean anything, a name too: their number.
func (r *Redactor) Unknown(s string) string { return r.sized(ruleField, s) }

func (r *Redactor) sized(rule, s string) string {
	if r.Mode() == None || r.Mode() == Default || s == "" {
		return r.Text(s)
	}
	if strings.HasPrefix(s, Mask) {
		return s
	}
	r.counts[rule]++
	return masked(len(s))
}

// CommandLine returns a command line as it may be shown: without the values of options that take a password.
func (r *Redactor) CommandLine(s string) string {
	if r.Mode() == None || r.Mode() == Default || s == "" {
		return r.Text(s)
	}
	return r.Text(string(r.secrets([]byte(s), &scanner{mode: r.mode, names: r.names, args: true})))
}

// Header returns the value of a header as it may be shown.
func (r *Redactor) Header(name, value string) string {
	if r == nil || value == "" || name == "" {
		return r.Text(value)
	}
	if rule := HeaderRule(name, r.mode); rule != "" {
		if value != Mask {
			r.counts[rule]++
		}
		return Mask
	}
	if r.mode >= Identities {
		switch identityHeader([]byte(name)) {
		case Host:
			return r.Host(value)
		case User:
			return r.User(value)
		case via:
			return r.Text(r.counted(Host.rule(), value, r.via(value)))
		case machines:
			return r.Text(r.counted(Host.rule(), value, r.machines(value)))
		}
	}
	return r.Text(value)
}

// Learn notes a name that a typed value tells, so that free texts lose it as well, from then on. Names that are words
// of reports, or too short to be told from these, are not looked for.
func (r *Redactor) Learn(kind Kind, name string) {
	if r.Mode() < Identities || name == "" {
		return
	}
	switch kind {
	case Host, Domain, Address:
		r.learnHost(name)
	case User:
		r.learnUser(name)
	case Path:
		for i := range name {
			if end, ok := userSegment([]byte(name), i); ok {
				r.learnUser(name[i:end])
			}
		}
		if r.mode >= Strict {
			for _, part := range strings.FieldsFunc(name, isSeparator) {
				if !isPlainFile(part) {
					r.learn(Path, part)
				}
			}
		}
	default:
		if r.mode >= Strict && !isWellKnown(name) {
			r.learn(kind, name)
		}
	}
}

// machineFolders gives pseudonyms to the folders of a path that are called as machines are.
func (r *Redactor) machineFolders(path string) string {
	for from := 0; ; {
		n := strings.IndexFunc(path[from:], isSeparator)
		if n < 0 {
			return path
		}
		if folder := path[from : from+n]; isNamedLikeMachine(folder) && !r.isPseudonym([]byte(folder)) {
			is := r.counted(Host.rule(), folder, r.host(folder))
			path, n = path[:from]+is+path[from+n:], len(is)
		}
		from += n + 1
	}
}

// isNamedLikeMachine reports whether a folder is called as machines are: WEB02, shop-node-3. Files are put into a folder
// for each machine, and may not tell its name themselves.
func isNamedLikeMachine(folder string) bool {
	letters, digits := 0, 0
	for i := range len(folder) {
		switch c := folder[i]; {
		case isLetter(c):
			letters++
		case isDigit(c) && letters > 0:
			digits++
		case c != '-' || letters == 0:
			return false
		}
	}
	if letters < 2 || digits == 0 {
		return false
	}
	name := lowered(folder) // System32, W3SVC1
	return !isFolder([]byte(name)) && strings.TrimRight(name, "0123456789") != "w3svc"
}

// learnHost notes a name with and without its domain, and what the domain is called.
func (r *Redactor) learnHost(name string) {
	name, _ = splitPort(lowered(strings.TrimPrefix(strings.TrimSuffix(name, "."), "*.")))
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil || anyHost[name] || isPublic(name) || !isHostName(name) {
		return
	}
	label, domain, dotted := strings.Cut(name, ".")
	rest, _, shared := cutShared(name)
	if shared {
		label = rest
	}
	if !services[label] && len(label) > 2 {
		r.learn(Host, label)
	}
	if shared {
		r.learn(Host, name)
		return
	}
	if !dotted {
		return
	}
	r.learn(Host, name)
	if !strings.Contains(domain, ".") {
		return
	}
	r.learn(Domain, domain)
	for part := range strings.SplitSeq(domain, ".") {
		if _, ok := topLevels[part]; !ok && len(part) > 3 && !services[part] {
			r.learnOrganisation(Label, part)
		}
	}
}

func (r *Redactor) learnUser(name string) {
	if i := strings.LastIndexByte(name, '\\'); i >= 0 {
		if isAuthority([]byte(name[:i]), i) {
			return
		}
		if domain := strings.TrimRight(name[:i], `\`); strings.Contains(domain, ".") {
			r.learnHost(domain)
		} else {
			r.learnOrganisation(Host, domain)
		}
		name = name[i+1:]
	} else if user, domain, ok := strings.Cut(name, "@"); ok {
		r.learnHost(domain)
		name = user
	}
	if name = lowered(name); len(name) > 2 && !everybody[name] && namesEnd([]byte(name)) {
		r.learn(User, name)
	}
}

// namesEnd reports whether a name has nothing in it that no name has.
func namesEnd(name []byte) bool {
	for _, c := range name {
		if !isWord(c) && strings.IndexByte(" ._-'$", c) < 0 {
			return false
		}
	}
	return true
}

func isHostName(s string) bool {
	for i := range len(s) {
		if !isWord(s[i]) && s[i] != '.' && s[i] != '-' && s[i] != '_' {
			return false
		}
	}
	return s != ""
}

// What follows gives the pseudonyms.

// host is what stands for a name. The domain has a pseudonym of its own, so that a machine keeps that of its short name.
func (r *Redactor) host(name string) string {
	bare := lowered(strings.TrimSuffix(name, "."))
	if anyHost[bare] || bare == "" || isPublic(bare) {
		return name
	}
	if a, err := netip.ParseAddr(bare); err == nil {
		return r.anonymous(a).String()
	}
	if rest, ok := strings.CutPrefix(bare, "*."); ok {
		return "*." + r.host(rest)
	}
	if rest, domain, ok := cutShared(bare); ok {
		if rest == "" || r.isPseudonym([]byte(rest)) {
			return name
		}
		return r.pseudonym(Host, rest) + domain
	}
	label, domain, dotted := strings.Cut(bare, ".")
	if r.isPseudonym([]byte(label)) && (!dotted || r.isPseudonym([]byte(domain))) {
		return name
	}
	switch {
	case !dotted:
		return r.pseudonym(Host, bare)
	case !strings.Contains(domain, ".") && !internal[domain]:
		return r.pseudonym(Domain, bare)
	}
	return r.pseudonym(Host, label) + "." + r.pseudonym(Domain, domain)
}

// address is what stands for a host with a port.
func (r *Redactor) address(s string) string {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return netip.AddrPortFrom(r.anonymous(ap.Addr()), ap.Port()).String()
	}
	name, port := splitPort(s)
	if inner, ok := strings.CutPrefix(name, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); ok {
			return "[" + r.host(inner) + "]" + port
		}
	}
	return r.host(name) + port
}

// splitPort returns the host and the port with its colon in host:port.
func splitPort(s string) (host, port string) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || i == len(s)-1 || strings.Trim(s[i+1:], "0123456789") != "" || strings.IndexByte(s, ':') != i && !strings.HasSuffix(s[:i], "]") {
		return s, ""
	}
	return s[:i], s[i:]
}

// user is what stands for an account with its domain.
func (r *Redactor) user(name string) string {
	if strings.HasPrefix(lowered(name), "s-1-") {
		return r.sid(name)
	}
	if i := strings.LastIndexByte(name, '\\'); i >= 0 {
		if isAuthority([]byte(name[:i]), i) {
			return name
		}
		domain := strings.TrimRight(name[:i], `\`)
		return r.host(domain) + name[len(domain):i+1] + r.account(name[i+1:])
	}
	if i := strings.LastIndexByte(name, '@'); i > 0 {
		return r.account(name[:i]) + "@" + r.host(name[i+1:])
	}
	return r.account(name)
}

// account is what stands for an account without its domain. That of a machine is the machine's name.
func (r *Redactor) account(name string) string {
	bare := lowered(strings.TrimSpace(name))
	if bare == "" || bare == "-" || everybody[bare] || r.isPseudonym([]byte(bare)) || strings.Trim(bare, "*") == "" || bare == blank {
		return name
	}
	if machine, ok := strings.CutSuffix(bare, "$"); ok {
		return r.host(machine) + "$"
	}
	return r.pseudonym(User, bare)
}

// profile is what stands for the folder of a user: Windows may add the domain to the name.
func (r *Redactor) profile(name string) string {
	return r.account(name)
}

func (r *Redactor) sid(s string) string {
	if !namesSomebody(s) {
		return s
	}
	return r.pseudonym(SID, strings.ToUpper(s))
}

func (r *Redactor) mac(s string) string {
	bare := lowered(strings.NewReplacer("-", "", ":", "").Replace(s))
	if strings.Trim(bare, "0") == "" || strings.Trim(bare, "f") == "" {
		return s
	}
	return r.pseudonym(MAC, bare)
}
