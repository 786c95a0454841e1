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
	case Host, Domain:
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

// A Name is a pseudonym that was given out.
type Name struct {
	Kind      Kind
	Pseudonym string
	Original  string
}

// names are the pseudonyms of a key, and the names that typed fields told.
type names struct {
	key     Key
	pan     *cryptopan.Cryptopan
	given   map[Name]string // pseudonyms by kind and original
	taken   map[string]Name // names by pseudonym
	address map[netip.Addr]netip.Addr
	panned  map[netip.Addr]bool
	learnt  map[string][]learnt // by first word in lower case, the longest first
	changes int                 // how often learnt has changed
}

// A learnt name is found in free texts.
type learnt struct {
	name string // in lower case
	kind Kind
}

func newNames(key Key) *names {
	n := &names{
		key: key, given: map[Name]string{}, taken: map[string]Name{},
		address: map[netip.Addr]netip.Addr{}, panned: map[netip.Addr]bool{}, learnt: map[string][]learnt{},
	}
	n.pan, _ = cryptopan.New(key[:]) // the only error is that of a key of another size
	return n
}

// pseudonym returns the pseudonym of a name: 4 hexadecimal digits of its keyed hash behind its kind, more if another
// name has got these.
func (n *names) pseudonym(kind Kind, name string) string {
	id := Name{Kind: kind, Original: name}
	if p, ok := n.given[id]; ok {
		return p
	}
	h := hmac.New(sha256.New, n.key[:])
	h.Write([]byte(kind))
	h.Write([]byte{0})
	h.Write([]byte(name))
	digits := hex.EncodeToString(h.Sum(nil))
	p := ""
	for size := 4; size <= len(digits); size += 2 {
		p = string(kind) + "-" + digits[:size]
		if _, ok := n.taken[p]; !ok {
			break
		}
	}
	n.given[id] = p
	id.Pseudonym = p
	n.taken[p] = id
	return p
}

// list returns what was given out, by kind and original.
func (n *names) list() []Name {
	var out []Name
	for _, one := range n.taken {
		out = append(out, one)
	}
	for from, to := range n.address {
		if from != to {
			out = append(out, Name{Address, to.String(), from.String()})
		}
	}
	slices.SortFunc(out, func(a, b Name) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Original, b.Original), strings.Compare(a.Pseudonym, b.Pseudonym))
	})
	return out
}

// isPseudonym reports whether text is one.
func isPseudonym(text []byte) bool { return pseudonymEnd(text, 0) == len(text) && len(text) > 0 }

// pseudonymEnd returns where the pseudonym ends that begins at i; i if there is none.
func pseudonymEnd(b []byte, i int) int {
	for _, k := range kinds {
		if !bytes.HasPrefix(b[i:], []byte(k)) {
			continue
		}
		at := i + len(k)
		if at >= len(b) || b[at] != '-' {
			continue
		}
		end := at + 1
		for end < len(b) && (isDigit(b[end]) || b[end] >= 'a' && b[end] <= 'f') {
			end++
		}
		if n := end - at - 1; n >= 4 && n%2 == 0 && n <= 2*sha256.Size && (end == len(b) || !isWord(b[end])) {
			return end
		}
	}
	return i
}

// anonymous returns the address that stands for a by Crypto-PAn: addresses of a network stay in one network. Loopback
// and unspecified addresses stay, and so do those that stand for others already.
func (n *names) anonymous(a netip.Addr) netip.Addr {
	zone := a.Zone()
	if a = a.WithZone(""); !tells(a) || n.panned[a] {
		return a.WithZone(zone)
	}
	to, ok := n.address[a]
	if !ok {
		to = a
		for ok := false; !ok; ok = tells(to) { // a permutation that skips those that stay
			to = n.permute(to)
		}
		if len(n.address) >= maxNames {
			clear(n.address) // hostile variety
			clear(n.panned)
		}
		n.address[a] = to
		n.panned[to] = true
	}
	return to.WithZone(zone)
}

// maxNames bounds the addresses that are kept.
const maxNames = 1_000_000

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
	if len(name) < 2 || len(name) > 255 || isOrdinary(name) || isPseudonym([]byte(name)) {
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

// Bounds on the names that are looked for in texts: with one first word, and at all.
const (
	maxAlike  = 200
	maxLearnt = 100_000
)

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
