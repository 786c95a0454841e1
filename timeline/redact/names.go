package redact

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/Yawning/cryptopan"
)

// A Kind says what a name is the name of. Its pseudonyms begin with it.
type Kind string

// Kinds of names.
const (
	Host    Kind = "host" // a machine, without its domain
	Domain  Kind = "domain"
	User    Kind = "user"
	SID     Kind = "sid" // of an account
	MAC     Kind = "mac" // hardware address
	Address Kind = "address"
	Pool    Kind = "pool"    // application pool
	Site    Kind = "site"    // of IIS
	Farm    Kind = "farm"    // of servers
	Process Kind = "process" // image name
	Path    Kind = "path"    // a part of a path, of a URL or of a file
	Module  Kind = "module"
	Label   Kind = "name" // anything else
)

// rule is the name of the rule that replaces names of a kind.
func (k Kind) rule() string {
	switch k {
	case Host, Domain, via, machines:
		return "host name"
	case Address:
		return "ip address"
	case MAC:
		return "mac address"
	}
	return string(k)
}

// kinds are those that pseudonyms show.
var kinds = []Kind{Host, Domain, User, SID, MAC, Pool, Site, Farm, Process, Path, Module, Label}

// ofNames are the rules that take out names, or words that may be some, not secrets.
var ofNames = func() map[string]bool {
	m := map[string]bool{Address.rule(): true, ruleSubject: true, ruleField: true, ruleWord: true}
	for _, k := range kinds {
		m[k.rule()] = true
	}
	return m
}()

// A Name is a pseudonym that was given out.
type Name struct {
	Kind      Kind
	Pseudonym string
	Original  string
}

// names are the pseudonyms of a key, and the names that typed fields told.
type names struct {
	key    Key
	pan    *cryptopan.Cryptopan
	given  [2]generation       // what was given out: of late, and before that
	lost   bool                // what was given out before that
	learnt map[string][]learnt // by first word in lower case, the longest first
	// organisations are learnt names that are found within words too: what domains are called.
	organisations []learnt
	// changes is how often learnt has changed.
	changes int
}

// A generation is what was given out in a while. Both ways are kept, as what stands for a name is to stay as it is.
type generation struct {
	pseudonyms map[Name]string // by kind and original
	originals  map[string]Name // by pseudonym
	addresses  map[netip.Addr]netip.Addr
	anonymous  map[netip.Addr]bool // values of addresses
	size       int                 // bytes, about
}

func newGeneration() generation {
	return generation{map[Name]string{}, map[string]Name{}, map[netip.Addr]netip.Addr{}, map[netip.Addr]bool{}, 0}
}

// maxGeneration bounds the bytes of a generation: some 200,000 names. A name of a generation that is gone gets the same
// pseudonym again, as it is made of the key.
const maxGeneration = 64 << 20

// keep makes room for what takes size bytes, and returns where to put it.
func (n *names) keep(size int) *generation {
	const entries = 250 // bytes of what is in maps beside the texts
	if n.given[0].size += size + entries; n.given[0].size > maxGeneration {
		n.lost = n.lost || n.given[1].size > 0
		n.given[0], n.given[1] = newGeneration(), n.given[0]
		n.given[0].size = size + entries
	}
	return &n.given[0]
}

// A learnt name is found in free texts.
type learnt struct {
	name string // in lower case
	kind Kind
}

func newNames(key Key) *names {
	n := &names{key: key, given: [2]generation{newGeneration(), newGeneration()}, learnt: map[string][]learnt{}}
	n.pan, _ = cryptopan.New(key[:]) // the only error is that of a key of another size
	return n
}

// minDigits are the hexadecimal digits of a pseudonym, unless another name has got the same. With so many, thousands of
// names seldom have one that depends on which of them came first.
const minDigits = 8

// pseudonym returns the pseudonym of a name: hexadecimal digits of its keyed hash behind its kind.
func (n *names) pseudonym(kind Kind, name string) string {
	id := Name{Kind: kind, Original: name}
	if p, ok := n.given[0].pseudonyms[id]; ok {
		return p
	}
	p, ok := n.given[1].pseudonyms[id]
	if !ok {
		h := hmac.New(sha256.New, n.key[:])
		h.Write([]byte(kind))
		h.Write([]byte{0})
		h.Write([]byte(name))
		digits := hex.EncodeToString(h.Sum(nil))
		for size := minDigits; size <= len(digits); size += 2 {
			p = string(kind) + "-" + digits[:size]
			if !n.isPseudonym([]byte(p)) && !n.isName(p) {
				break
			}
		}
	}
	g := n.keep(len(name) + len(p))
	g.pseudonyms[id] = p
	g.originals[p] = Name{kind, p, name}
	return p
}

// isName reports whether what would be a pseudonym is the name of something itself.
func (n *names) isName(p string) bool {
	l, end, ok := n.find([]byte(p), 0, len(firstWord(p)))
	return ok && end == len(p) && l.name == p
}

// list returns what was given out, by kind and original, and says at its end if there was more than is kept.
func (n *names) list() (out []Name) {
	for i := range n.given {
		g := &n.given[i]
		for _, one := range g.originals {
			out = append(out, one)
		}
		for from, to := range g.addresses {
			if from != to {
				out = append(out, Name{Address, to.String(), from.String()})
			}
		}
	}
	slices.SortFunc(out, func(a, b Name) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Original, b.Original), strings.Compare(a.Pseudonym, b.Pseudonym))
	})
	if out = slices.Compact(out); n.lost {
		out = append(out, Name{"", "...", "..."})
	}
	return out
}

// isPseudonym reports whether text is one that was given out.
func (n *names) isPseudonym(text []byte) bool {
	return len(text) > 0 && n.pseudonymEnd(text, 0) == len(text)
}

// pseudonymEnd returns where the pseudonym ends that begins at i; i if there is none. What only looks like one is a name.
func (n *names) pseudonymEnd(b []byte, i int) int {
	if n == nil {
		return i
	}
	for _, k := range kinds {
		if !bytes.HasPrefix(b[i:], []byte(k)) {
			continue
		}
		at := i + len(k)
		if at >= len(b) || b[at] != '-' {
			continue
		}
		end := at + 1
		for end < len(b) && end-at <= 2*sha256.Size && (isDigit(b[end]) || b[end] >= 'a' && b[end] <= 'f') {
			end++
		}
		if end-at <= minDigits || end < len(b) && isWord(b[end]) {
			continue
		}
		for g := range n.given {
			if _, ok := n.given[g].originals[string(b[i:end])]; ok {
				return end
			}
		}
	}
	return i
}

// isAnonymous reports whether an address stands for another one.
func (n *names) isAnonymous(a netip.Addr) bool {
	return n.given[0].anonymous[a] || n.given[1].anonymous[a]
}

// anonymous returns the address that stands for a by Crypto-PAn: addresses of a network stay in one network. Loopback
// and unspecified addresses stay, and so do those that stand for others already.
func (n *names) anonymous(a netip.Addr) netip.Addr {
	zone := a.Zone()
	if a = a.WithZone(""); !tells(a) || n.isAnonymous(a) {
		return a.WithZone(zone)
	}
	to, ok := n.given[0].addresses[a]
	if !ok {
		to = a
		for ok := false; !ok; ok = tells(to) { // a permutation that skips those that stay
			to = n.permute(to)
		}
		g := n.keep(0)
		g.addresses[a] = to
		g.anonymous[to] = true
	}
	return to.WithZone(zone)
}

func (n *names) permute(a netip.Addr) netip.Addr {
	if a.Is4In6() {
		to := n.permute(a.Unmap()).As4()
		return netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff, 12: to[0], 13: to[1], 14: to[2], 15: to[3]})
	}
	out, ok := netip.AddrFromSlice(n.pan.Anonymize(net.IP(a.AsSlice())))
	if !ok {
		return a
	}
	if a.Is4() {
		return out.Unmap()
	}
	return out
}

// tells reports whether an address says anything: loopback, unspecified and broadcast addresses do not.
func tells(a netip.Addr) bool {
	u := a.Unmap()
	return !u.IsLoopback() && !u.IsUnspecified() && u != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// learn notes a name. Those that are words of reports as well are not looked for in texts: they tell nobody.
func (n *names) learn(kind Kind, name string) bool {
	name = lowered(strings.TrimSpace(name))
	if len(name) < 2 || len(name) > 255 || isOrdinary(name) || n.isPseudonym([]byte(name)) {
		return false
	}
	first := firstWord(name)
	if first == "" {
		return false
	}
	if len(first) == len(name) && strings.Trim(name, "0123456789") == "" {
		return false
	}
	list := n.learnt[first]
	if len(list) >= maxAlike || n.changes >= maxLearnt {
		return false // hostile variety
	}
	for _, one := range list {
		if one.name == name {
			return false
		}
	}
	list = append(list, learnt{name, kind})
	slices.SortStableFunc(list, func(a, b learnt) int { return cmp.Compare(len(b.name), len(a.name)) })
	n.learnt[first] = list
	n.changes++
	return true
}

// Bounds on the names that are looked for in texts: with one first word, at all, and within words.
const (
	maxAlike         = 200
	maxLearnt        = 100_000
	maxOrganisations = 32
)

// minOrganisation is how long a name is that is found within words.
const minOrganisation = 5

// learnOrganisation notes what a domain is called, by which applications are called as well: ContosoShopPool.
func (n *names) learnOrganisation(kind Kind, name string) {
	n.learn(kind, name)
	for part := range strings.SplitSeq(lowered(name), "-") {
		if len(part) < minOrganisation || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz") != "" || isOrdinary(part) || n.isOrganisation(part) ||
			len(n.organisations) == maxOrganisations {
			continue
		}
		n.learn(kind, part)
		if l, end, ok := n.find([]byte(part), 0, len(part)); ok && end == len(part) {
			n.organisations = append(n.organisations, l)
		}
	}
}

// isOrganisation reports whether a learnt name is that of an organisation.
func (n *names) isOrganisation(name string) bool {
	return slices.ContainsFunc(n.organisations, func(o learnt) bool { return o.name == name })
}

// findWithin returns the organisation whose name is part of the word b[i:end]: one of its parts, as capital letters and
// digits show these, or where it begins.
func (n *names) findWithin(b []byte, i, end int) (l learnt, start, after int, ok bool) {
	if end-i <= minOrganisation || end-i > 64 {
		return l, 0, 0, false
	}
	for _, l := range n.organisations {
		for start = i; start+len(l.name) <= end; start++ {
			after = start + len(l.name)
			if !hasPrefixFold(b[start:end], l.name) || start > i && !isPartOfWord(b[start-1], b[start]) || after < end && start > i && !isPartOfWord(b[after-1], b[after]) {
				continue
			}
			return l, start, after, true
		}
	}
	return l, 0, 0, false
}

// isPartOfWord reports whether a part of a word begins with c behind p.
func isPartOfWord(p, c byte) bool {
	return c >= 'A' && c <= 'Z' && !(p >= 'A' && p <= 'Z') || isDigit(c) != isDigit(p)
}

// firstWord returns the letters and digits that s begins with.
func firstWord(s string) string {
	for i := range len(s) {
		if !isWord(s[i]) {
			return s[:i]
		}
	}
	return s
}

// lowered returns s in lower case, as far as that is ASCII.
func lowered(s string) string { return string(appendLower(nil, []byte(s))) }

// find returns the learnt name that b has at i, in lower case, and where it ends.
func (n *names) find(b []byte, i, wordEnd int) (l learnt, end int, ok bool) {
	if len(n.learnt) == 0 {
		return l, i, false
	}
	var buffer [64]byte
	if wordEnd-i > len(buffer) {
		return l, i, false
	}
	for _, l := range n.learnt[string(appendLower(buffer[:0], b[i:wordEnd]))] {
		end := i + len(l.name)
		if end <= len(b) && (end == len(b) || !isWord(b[end])) && hasPrefixFold(b[i:], l.name) {
			return l, end, true
		}
	}
	return l, i, false
}
