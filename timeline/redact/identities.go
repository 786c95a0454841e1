package redact

import (
	"bytes"
	"net/netip"
	"strings"
)

// authority is the kind of what stands between :// and the path of a URL: user, host, port.
const authority Kind = "authority"

// authority finds it.
func (s *scanner) authority(b []byte, _, at int) (h hit, ok bool) {
	switch rest := b[at:]; {
	case bytes.HasPrefix(rest, []byte("://")):
		h.start = at + len("://")
	case hasPrefixFold(rest, "%3a%2f%2f"):
		h.start = at + len("%3a%2f%2f")
	default:
		return h, false
	}
	if at == 0 || !isLetter(b[at-1]) && !isDigit(b[at-1]) {
		return h, false
	}
	h.end = h.start
	for h.end < len(b) && strings.IndexByte(" \t\r\n\"'<>/?#\\,;(){}|%`", b[h.end]) < 0 {
		h.end++
	}
	for h.end > h.start && (b[h.end-1] == '.' || b[h.end-1] == ':') { // the end of a sentence
		h.end--
	}
	h.rule, h.kind = Host.rule(), authority
	return h, true
}

// authority is what stands for the authority of a URL.
func (r *Redactor) authority(text []byte) string {
	at := bytes.LastIndexByte(text, '@')
	host := r.address(string(text[at+1:]))
	if at < 0 {
		return host
	}
	user, password, ok := strings.Cut(string(text[:at]), ":")
	if user = r.user(user); ok && password != "" {
		password = Mask
	}
	if ok {
		user += ":" + password
	}
	return user + "@" + host
}

// via is the kind of the value of the header Via, which names proxies: 1.1 proxy (squid), HTTP/1.0 edge:3128.
const via Kind = "via"

// via is what stands for it.
func (r *Redactor) via(value string) string {
	hops := strings.Split(value, ",")
	for i, hop := range hops {
		start := len(hop) - len(strings.TrimLeft(hop, " \t"))
		protocol, rest, _ := strings.Cut(hop[start:], " ")
		if version := protocol[strings.LastIndexByte(protocol, '/')+1:]; version == "" || !isDigit(version[0]) {
			continue
		}
		name, rest, comment := strings.Cut(rest, " ")
		if name != Mask && name != blank {
			name = r.address(name)
		}
		if comment {
			name += " " + rest
		}
		hops[i] = hop[:start] + protocol + " " + name
	}
	return strings.Join(hops, ",")
}

// machines is the kind of values that may be names of machines, or else say what these are: FRPWEB07, nginx.
const machines Kind = "machines"

// machines is what stands for them.
func (r *Redactor) machines(value string) string {
	list := strings.Split(value, ",")
	for i, one := range list {
		name := strings.TrimSpace(one)
		if host, _ := splitPort(name); isNamedLikeMachine(host) && !r.isPseudonym([]byte(host)) || looksLikeHost([]byte(host)) {
			list[i] = strings.Replace(one, name, r.address(name), 1)
		}
	}
	return strings.Join(list, ",")
}

// subject finds the parts of the name that a certificate has for its owner: CN=..., OU=...
func (s *scanner) subject(b []byte, from, at int) (h hit, ok bool) {
	start := at
	for start > from && isLetter(b[start-1]) {
		start--
	}
	switch string(b[start:at]) {
	case "CN", "OU", "DC":
	case "O", "L", "ST", "S", "E", "G", "SN", "T", "STREET", "UID", "SERIALNUMBER":
		if !bytes.Contains(b[max(0, start-512):start], []byte("CN=")) && !bytes.Contains(b[at:min(len(b), at+512)], []byte("CN=")) {
			return h, false
		}
	default:
		return h, false
	}
	h = hit{start: at + 1, rule: ruleSubject, kind: Label}
	if h.start < len(b) && b[h.start] == '"' {
		h.start++
		h.end = endOfQuote(b, h.start, []byte{'"'})
		return h, true
	}
	h.end = endBefore(b, h.start, ",+/;\"'<>\r\n)]")
	for h.end > h.start && (b[h.end-1] == ' ' || b[h.end-1] == '.') {
		h.end--
	}
	return h, true
}

// words gives pseudonyms to what looks like a name of a person or a machine, word by word.
func (r *Redactor) words(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/8+16)
	changed := false
	put := func(rule string, was []byte, is string) {
		if string(was) != is {
			r.counts[rule]++
			changed = true
		}
		out = append(out, is...)
	}
	for i := 0; i < len(b); {
		c := b[i]
		start := isWord(c) && (i == 0 || !isWord(b[i-1]))
		switch {
		case start:
		case c == ':' && i+1 < len(b) && b[i+1] == ':' && (i == 0 || !isWord(b[i-1]) && b[i-1] != ':'):
			if a, end, ok := ipv6(b, i); ok {
				put(Address.rule(), b[i:end], r.anonymous(a).String())
				i = end
				continue
			}
			fallthrough
		default:
			if _, size := next(b, i); size > 2 { // an escape: what follows is another word
				out = append(out, b[i:i+size]...)
				i += size
				if i < len(b) && isWord(b[i]) {
					i = r.word(&out, b, i, put)
				}
				continue
			}
			out = append(out, c)
			i++
			continue
		}
		i = r.word(&out, b, i, put)
	}
	if !changed {
		return b
	}
	return out
}

// word takes the word at i, and what belongs to it, and returns where that ends.
func (r *Redactor) word(out *[]byte, b []byte, i int, put func(rule string, was []byte, is string)) int {
	if end := r.pseudonymEnd(b, i); end > i {
		*out = append(*out, b[i:end]...)
		return end
	}
	end := i
	for end < len(b) && isWord(b[end]) {
		end++
	}
	c := b[i]
	if c|0x20 == 's' && end == i+1 {
		if end := sidEnd(b, i); end > i {
			put(string(SID), b[i:end], r.sid(string(b[i:end])))
			return end
		}
	}
	if isHex(c) && end-i <= 4 && end < len(b) {
		if end, ok := macEnd(b, i); ok {
			put(MAC.rule(), b[i:end], r.mac(string(b[i:end])))
			return end
		}
		if a, end, ok := ipv6(b, i); ok {
			put(Address.rule(), b[i:end], r.anonymous(a).String())
			return end
		}
		if a, end, ok := ipv4(b, i); ok {
			put(Address.rule(), b[i:end], r.anonymous(a).String())
			return end
		}
	}
	if end, ok := userSegment(b, i); ok {
		put(string(User), b[i:end], r.profile(string(b[i:end])))
		return end
	}
	if user, end, ok := mailbox(b, i); ok {
		at := user
		_, size := next(b, at)
		put(string(User), b[i:user], r.account(string(b[i:user])))
		*out = append(*out, b[at:at+size]...)
		put(Host.rule(), b[at+size:end], r.host(string(b[at+size:end])))
		return end
	}
	if domain, sep, end, ok := account(b, i, end); ok {
		if keepsAccount(b, i, domain) {
			if leadKind(b, domain+sep) != "" { // IIS APPPOOL\
				end = domain + sep
			}
			*out = append(*out, b[i:end]...)
			return end
		}
		put(Host.rule(), b[i:domain], r.host(string(b[i:domain])))
		*out = append(*out, b[domain:domain+sep]...)
		put(string(User), b[domain+sep:end], r.account(string(b[domain+sep:end])))
		return end
	}
	hostEnd := dottedEnd(b, i)
	if kind := leadKind(b, i); kind != "" {
		end := hostEnd
		if c := b[i-1]; c == '"' || c == '\'' {
			if at := endOfQuote(b, i, []byte{c}); at < len(b) && b[at] == c {
				end = at
			}
		}
		if is, ok := r.named(kind, b[i:end]); ok {
			put(kind.rule(), b[i:end], is)
			return end
		}
	}
	switch kind := toldKind(b, i, hostEnd); {
	case kind == User:
		put(string(User), b[i:hostEnd], r.account(string(b[i:hostEnd])))
		return hostEnd
	case kind == Host || isUNC(b, i) || looksLikeHost(b[i:hostEnd]):
		put(Host.rule(), b[i:hostEnd], r.host(string(b[i:hostEnd])))
		return hostEnd
	}
	if l, end, ok := r.find(b, i, end); ok && !(l.kind == Host && !r.isOrganisation(l.name) && (isWordOfPath(b, i, end) || isProgram(b, i, end))) {
		is := ""
		switch l.kind {
		case Host:
			is = r.host(l.name)
		case User:
			is = r.account(l.name)
		case Path:
			is = r.filePart(l.name)
		default:
			is = r.pseudonym(l.kind, l.name)
		}
		put(l.kind.rule(), b[i:end], is)
		return end
	}
	// An address right behind letters: ip10.0.0.5.
	digits := end
	for digits > i && isDigit(b[digits-1]) {
		digits--
	}
	if digits > i && digits < end {
		if a, end, ok := ipv4(b, digits); ok {
			*out = append(*out, b[i:digits]...)
			put(Address.rule(), b[digits:end], r.anonymous(a).String())
			return end
		}
	}
	if l, start, after, ok := r.findWithin(b, i, end); ok {
		*out = append(*out, b[i:start]...)
		if start > i {
			*out = append(*out, '-')
		}
		put(l.kind.rule(), b[start:after], r.organisation(l))
		if after == end {
			return end
		}
		*out = append(*out, '-')
		return r.word(out, b, after, put)
	}
	*out = append(*out, b[i:end]...)
	return end
}

// organisation is what stands for the name of one.
func (r *Redactor) organisation(l learnt) string {
	if l.kind == Host {
		return r.host(l.name)
	}
	return r.pseudonym(l.kind, l.name)
}

// introductions are words in front of names in quotation marks, as messages of Windows and .NET have them.
var introductions = [...]struct {
	text string
	kind Kind
}{
	{"user ", User}, {"login ", User}, {"account ", User}, {"host ", Host}, {"server ", Host}, {"machine ", Host}, {"computer ", Host}, {"resolved: ", Host},
}

// principals are what names of services begin with, for Kerberos: HTTP/web02.
var principals = [...]string{"http/", "host/", "mssqlsvc/", "termsrv/", "cifs/", "ldap/", "rpcss/"}

// toldKind returns the kind of the name b[i:end] where a free text tells what it is; "" if it does not:
//
//	for user 'x'   resolved: 'x'   (x:8080)   web02:8080   HTTP/web02
func toldKind(b []byte, i, end int) Kind {
	name := b[i:end]
	lead := b[:i]
	quote, n := before(b, 0, i)
	quoted := (quote == '\'' || quote == '"') && end < len(b) && firstOf(b, end) == quote
	if quoted {
		lead = b[:i-n]
	}
	machine := isNamedLikeMachine(string(name))
	port := end
	for port < len(b) && (port == end && b[port] == ':' || port > end && isDigit(b[port])) {
		port++
	}
	digits := port - end - 1
	switch {
	case !quoted && !machine && digits < 2 || isOrdinaryWord(name) || isRequestID(name):
		return ""
	case digits >= 2 && digits <= 5 && (port == len(b) || !isWord(b[port])) &&
		(machine || i > 0 && b[i-1] == '(' && port < len(b) && b[port] == ')' && bytes.IndexByte(name, '.') < 0):
		return Host
	}
	for _, t := range introductions {
		at := len(lead) - len(t.text)
		if (quoted || machine && t.kind == Host) && hasSuffixFold(lead, t.text) && (at == 0 || !isWord(lead[at-1])) {
			return t.kind
		}
	}
	for _, p := range principals {
		at := i - len(p)
		if machine && hasSuffixFold(lead, p) && (at == 0 || !isWord(b[at-1]) && b[at-1] != '/' && b[at-1] != '.') {
			return Host
		}
	}
	return ""
}

// leads are what stands in front of the names of things that are no machines, whatever they are called after.
var leads = [...]struct {
	text string
	kind Kind
}{
	{"pool ", Pool}, {"apppool ", Pool}, {"apppool.name:", Pool}, {`apppool\`, Pool}, {"farm ", Farm}, {"site ", Site}, {"site.name:", Site},
}

// sections are parts of the names of sections of the configuration, whose elements have names: /[name='Shop'].
var sections = [...]struct {
	text []byte
	kind Kind
}{
	{[]byte("farms"), Farm}, {[]byte("sites"), Site}, {[]byte("pools"), Pool},
}

// leadKind returns the kind of the name at i by what stands in front of it, maybe with a quotation mark between; "" if
// that says nothing.
func leadKind(b []byte, i int) Kind {
	if i < len("pool ") {
		return ""
	}
	quoted := b[i-1] == '"' || b[i-1] == '\''
	if quoted {
		i--
	}
	switch c := b[i-1]; {
	case c == '=' && quoted && hasSuffixFold(b[:i], "[name="):
		const most = 100
		var buffer [most]byte
		lead := appendLower(buffer[:0], b[max(0, i-most):i])
		for _, s := range sections {
			if bytes.Contains(lead, s.text) {
				return s.kind
			}
		}
	case c == ' ' || c == ':' || c == '\\':
		for _, l := range leads {
			if at := i - len(l.text); hasSuffixFold(b[:i], l.text) && (at == 0 || !isWord(b[at-1])) {
				return l.kind
			}
		}
	}
	return ""
}

// named returns what stands for the name of something that is no machine; ok is false if texts decide. Before Strict
// such names stay, even if one is that of a machine too, unless it looks as if it were.
func (r *Redactor) named(kind Kind, name []byte) (is string, ok bool) {
	bare := string(appendLower(nil, name))
	switch {
	case bare == "" || r.isPseudonym(name) || isWellKnown(bare):
		return "", false
	case r.mode >= Strict:
		if isOrdinary(bare) || bytes.ContainsAny(name, "[*") {
			return "", false
		}
	case !looksLikeHost(name):
		l, end, found := r.find(name, 0, len(firstWord(bare)))
		if !found || end != len(name) {
			return "", false
		}
		if l.kind != User && !looksLikeMachine(name) && !r.isOrganisation(l.name) {
			return string(name), true
		}
	}
	return r.pseudonym(kind, bare), true
}

// looksLikeMachine reports whether a learnt name can hardly be a word.
func looksLikeMachine(name []byte) bool { return bytes.ContainsAny(name, ".0123456789") }

// isWordOfPath reports whether the learnt name b[i:end] is a word in the path of a URL: what is called after a machine
// there is mostly something else.
func isWordOfPath(b []byte, i, end int) bool {
	if i == 0 || looksLikeMachine(b[i:end]) {
		return false
	}
	const most = 1000
	start := i
	for start > 0 && i-start < most && !isSpace(b[start-1]) && strings.IndexByte("\"'<>()[]{}=,;|`\\?#", b[start-1]) < 0 {
		start--
	}
	token := b[start:i]
	if at := bytes.Index(token, []byte("://")); at >= 0 {
		return bytes.IndexByte(token[at+len("://"):], '/') >= 0
	}
	return len(token) > 0 && token[0] == '/' && !bytes.HasPrefix(token, []byte("//"))
}

// isProgram reports whether the learnt name b[i:end] is what a program is called: Orders.exe.
func isProgram(b []byte, i, end int) bool {
	return !looksLikeMachine(b[i:end]) && (hasPrefixFold(b[end:], ".exe") || hasPrefixFold(b[end:], ".dll"))
}

// ipv4 reads the address at i. A number of four parts behind "Version" is none.
func ipv4(b []byte, i int) (a netip.Addr, end int, ok bool) {
	if i > 1 && b[i-1] == '.' && isDigit(b[i-2]) || !isDigit(b[i]) {
		return a, i, false
	}
	var parts [4]byte
	end = i
	for n := range parts {
		if n > 0 {
			if end >= len(b) || b[end] != '.' {
				return a, i, false
			}
			end++
		}
		value, first := 0, end
		for end < len(b) && isDigit(b[end]) && end-first < 4 {
			value = value*10 + int(b[end]-'0')
			end++
		}
		if end == first || end-first > 3 || value > 255 {
			return a, i, false
		}
		parts[n] = byte(value)
	}
	if end < len(b) && (isWord(b[end]) || b[end] == '.' && end+1 < len(b) && isDigit(b[end+1])) {
		return a, i, false
	}
	if hasSuffixFold(bytes.TrimRight(b[max(0, i-12):i], " =:\""), "version") {
		return a, i, false
	}
	return netip.AddrFrom4(parts), end, true
}

// ipv6 reads the address at i, without brackets.
func ipv6(b []byte, i int) (a netip.Addr, end int, ok bool) {
	end = i
	colons, digits := 0, false
	for end < len(b) && end-i < 46 && (isHex(b[end]) || b[end] == ':' || b[end] == '.') {
		if b[end] == ':' {
			colons++
		}
		digits = digits || isDigit(b[end])
		end++
	}
	if colons < 2 || !digits {
		return a, i, false
	}
	for end > i && (b[end-1] == '.' || b[end-1] == ':' && (end < i+2 || b[end-2] != ':')) {
		end--
	}
	if end < len(b) && isWord(b[end]) {
		return a, i, false
	}
	a, err := netip.ParseAddr(string(b[i:end]))
	if err != nil || !a.Is6() {
		return a, i, false
	}
	return a, end, true
}

// macEnd returns where the hardware address at i ends: 00-15-5D-01-02-03, 00:15:5d:01:02:03.
func macEnd(b []byte, i int) (end int, ok bool) {
	const size = 17
	end = i + size
	if end > len(b) || end < len(b) && (isWord(b[end]) || b[end] == b[i+2]) || i > 0 && b[i-1] == b[i+2] {
		return i, false
	}
	sep := b[i+2]
	if sep != '-' && sep != ':' {
		return i, false
	}
	for n := range size {
		if n%3 == 2 && b[i+n] != sep || n%3 != 2 && !isHex(b[i+n]) {
			return i, false
		}
	}
	return end, true
}

// sidEnd returns where the security identifier at i ends; i if there is none.
func sidEnd(b []byte, i int) int {
	if !hasPrefixFold(b[i:], "s-1-") {
		return i
	}
	end := i + len("S-1")
	for end+1 < len(b) && b[end] == '-' && isDigit(b[end+1]) {
		for end++; end < len(b) && isDigit(b[end]); end++ {
		}
	}
	return end
}

// namesSomebody reports whether a security identifier is that of an account of a machine or a domain. The others mean
// the same everywhere, or are made of a name that is no person's: those of services and application pools.
func namesSomebody(sid string) bool {
	sid = lowered(sid)
	return strings.HasPrefix(sid, "s-1-5-21-") || strings.HasPrefix(sid, "s-1-12-")
}

// profiles are the folders that hold one of each user.
var profiles = [...]string{"users", "documents and settings", "profiles", "home$", home}

// home is the folder of Unix, as it is written there: /Home/Index is mostly a page.
const home = "home"

// userSegment returns where the name of a user ends that a path has at i: C:\Users\x\...
func userSegment(b []byte, i int) (end int, ok bool) {
	dir := i
	for dir > 0 && isSeparator(rune(b[dir-1])) {
		dir--
	}
	if dir == i {
		return i, false
	}
	for _, p := range profiles {
		at := dir - len(p)
		if at > 0 && isSeparator(rune(b[at-1])) && hasSuffixFold(b[:dir], p) && (p != home || string(b[at:dir]) == p && !isInURL(b, at)) {
			return segmentEnd(b, i), true
		}
	}
	return i, false
}

// isInURL reports whether the part of a path at i is of a URL of the web, or of a request: GET /home/index.
func isInURL(b []byte, i int) bool {
	const most = 1024
	start := i
	for start > 0 && i-start < most && !isSpace(b[start-1]) && strings.IndexByte("\"'<>()[]{}|", b[start-1]) < 0 {
		start--
	}
	if hasPrefixFold(b[start:i], "http://") || hasPrefixFold(b[start:i], "https://") {
		return true
	}
	if start == 0 || b[start-1] != ' ' {
		return false
	}
	word := start - 1
	for word > 0 && b[word-1] >= 'A' && b[word-1] <= 'Z' {
		word--
	}
	switch string(b[word : start-1]) {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS":
		return true
	}
	return false
}

// segmentEnd returns where a part of a path ends. It holds blanks only if the path goes on behind it.
func segmentEnd(b []byte, i int) int {
	end := i
	for end < len(b) && strings.IndexByte("\\/\"'<>|?*:,;&=\r\n\t", b[end]) < 0 {
		end++
	}
	if end == len(b) || b[end] != '\\' && b[end] != '/' {
		if n := bytes.IndexByte(b[i:end], ' '); n > 0 {
			end = i + n
		}
	}
	return end
}

// mailbox finds an address of mail, or a user principal name, and returns where its @ stands and where it ends.
func mailbox(b []byte, i int) (at, end int, ok bool) {
	const most = 64
	at = i
	for at < len(b) && at-i <= most && (isWord(b[at]) || strings.IndexByte("._+-'", b[at]) >= 0) {
		at++
	}
	if at >= len(b) || b[at] != '@' && b[at] != '%' {
		return i, i, false
	}
	c, size := next(b, at)
	if c != '@' {
		return i, i, false
	}
	end = dottedEnd(b, at+size)
	return at, end, end > at+size && bytes.ContainsFunc(b[at+size:end], func(r rune) bool { return r > 0x7f || isLetter(byte(r)) })
}

// dottedEnd returns where a name with dots and dashes ends that begins at i. What is longer than any name is cut.
func dottedEnd(b []byte, i int) int {
	const most = 255
	end := i
	for at := i; at < len(b) && at-i < most && (isWord(b[at]) || (b[at] == '.' || b[at] == '-' || b[at] == '_') && at > i && b[at-1] != '.'); at++ {
		if isWord(b[at]) {
			end = at + 1
		}
	}
	return end
}

// account finds DOMAIN\user, and returns where its domain ends, how long the separator is, and where it ends. A path is
// none: parts of which begin or go on with a separator, or have an extension.
func account(b []byte, i, wordEnd int) (domain, sep, end int, ok bool) {
	domain = wordEnd
	for domain < len(b) && domain-i < 64 && (isWord(b[domain]) || b[domain] == '.' || b[domain] == '-' || b[domain] == '_') {
		domain++
	}
	if domain >= len(b) {
		return 0, 0, 0, false
	}
	switch rest := b[domain:]; {
	case rest[0] == '%':
		c, n := next(b, domain)
		if c != '\\' {
			return 0, 0, 0, false
		}
		sep = n
	case bytes.HasPrefix(rest, []byte(`\\`)):
		sep = 2
	case rest[0] == '\\':
		sep = 1
	default:
		return 0, 0, 0, false
	}
	if i > 0 && strings.IndexByte("\\/.%-_", b[i-1]) >= 0 {
		return 0, 0, 0, false
	}
	end = dottedEnd(b, domain+sep)
	if end == domain+sep {
		return 0, 0, 0, false
	}
	if end < len(b) && (b[end] == '$' || b[end] == '*') {
		end++
	}
	name := b[domain+sep : end]
	if end < len(b) && strings.IndexByte(`\/*:(%`, b[end]) >= 0 {
		return 0, 0, 0, false
	}
	if dot := bytes.LastIndexByte(name, '.'); dot >= 0 && isExtension(name[dot+1:]) {
		return 0, 0, 0, false
	}
	var buffer [64]byte
	if n := domain - i; n > len(buffer) || isFolder(appendLower(buffer[:0], b[i:domain])) {
		return 0, 0, 0, false
	}
	return domain, sep, end, true
}

// keepsAccount reports whether the account whose domain is b[i:domain] is one that every Windows has.
func keepsAccount(b []byte, i, domain int) bool {
	return isAuthority(b[:domain], i)
}

// isUNC reports whether the name of a server stands at i: \\server\share.
func isUNC(b []byte, i int) bool {
	n := 0
	for i-n > 0 && b[i-n-1] == '\\' {
		n++
	}
	if (n == 1 || n == 2) && hasSuffixFold(b[:i-n], "unc") { // \\?\UNC\server\share
		return true
	}
	if n != 2 && n != 4 {
		return false
	}
	end := dottedEnd(b, i)
	if end >= len(b) || b[end] != '\\' {
		return false
	}
	return i == n || n == 4 || !isWord(b[i-n-1]) && b[i-n-1] != ':'
}

// looksLikeHost reports whether a name with dots is that of a machine or a domain, not of a file or a piece of software.
func looksLikeHost(name []byte) bool {
	last := bytes.LastIndexByte(name, '.')
	if last <= 0 || len(name) > 253 {
		return false
	}
	var buffer [24]byte
	top := name[last+1:]
	if len(top) < 2 || len(top) > len(buffer) {
		return false
	}
	labels := bytes.Count(name, []byte{'.'}) + 1
	top = appendLower(buffer[:0], top)
	kind, ok := topLevels[string(top)]
	switch {
	case !ok && len(top) == 2 && isLetter(top[0]) && isLetter(top[1]):
		kind = topCountry
		if ambiguousCountries[string(top)] {
			kind = topAmbiguous
		}
	case !ok:
		return false
	}
	if kind == topAmbiguous && labels < 3 {
		return false
	}
	if kind != topSure && looksLikeCode(name) {
		return false
	}
	return !isSoftware(name)
}

// looksLikeCode reports whether a part of a name is written as those of programs are: System.Net, applicationHost.
func looksLikeCode(name []byte) bool {
	for i := 1; i < len(name); i++ {
		if c, p := name[i-1], name[i]; c >= 'A' && c <= 'Z' && p >= 'a' && p <= 'z' || c >= 'a' && c <= 'z' && p >= 'A' && p <= 'Z' {
			return true
		}
	}
	return false
}

// isSoftware reports whether what looks like a host is known to be a product: ASP.NET.
func isSoftware(name []byte) bool {
	first, _, _ := bytes.Cut(name, []byte{'.'})
	var buffer [16]byte
	return len(first) <= len(buffer) && products[string(appendLower(buffer[:0], first))] && (hasSuffixFold(name, ".net") || hasSuffixFold(name, ".io"))
}

// isPublic reports whether a host is one that texts name in every installation: of schemas, and of documents.
func isPublic(name string) bool {
	for _, domain := range publicDomains {
		if rest, ok := strings.CutSuffix(name, domain); ok && (rest == "" || strings.HasSuffix(rest, ".")) {
			return true
		}
	}
	return false
}
