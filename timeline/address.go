package timeline

import (
	"net/netip"
	"strings"
)

// SplitHost parts host:port, where the host is a name, an IPv4 address, or an IPv6 address in brackets. The host is
// without the brackets; port is "" if there is none: shop:80, 10.0.0.5, [fe80::1]:443, [fe80::1] and fe80::1 all have
// the host that one expects.
func SplitHost(s string) (host, port string) {
	i := strings.LastIndexByte(s, ':')
	if i >= 0 && (i == strings.IndexByte(s, ':') || s[i-1] == ']') {
		s, port = s[:i], s[i+1:]
	}
	return strings.Trim(s, "[]"), port
}

// hostName returns the host in "host:port" or "host".
func hostName(s string) string {
	host, _ := SplitHost(s)
	return host
}

// ParseEndpoint reads the address of a peer: 10.0.0.5:80, [fe80::1%4]:443, 10.0.0.5. It comes without zone, and as IPv4
// if it stands for that; port 0 is unknown. ok is false if s is a name, or nothing.
func ParseEndpoint(s string) (addr netip.Addr, port uint16, ok bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), ap.Port(), true
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return addr.Unmap().WithZone(""), 0, err == nil
}

// plainAddress returns the address in "10.0.0.5:80", if it is one that tells machines apart.
func plainAddress(s string) (string, bool) {
	a, _, ok := ParseEndpoint(s)
	if !ok {
		return "", false
	}
	return a.String(), !a.IsLoopback() && !a.IsUnspecified() && !a.IsLinkLocalUnicast()
}

// isLoopback reports whether a server is the machine itself.
func isLoopback(server string) bool {
	a, _, ok := ParseEndpoint(server)
	return ok && a.IsLoopback() || strings.EqualFold(hostName(server), "localhost")
}

// Authority returns host and port of a URL, as they stand there; "" if it names none.
func Authority(url string) string {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return ""
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return rest[strings.LastIndexByte(rest, '@')+1:]
}
