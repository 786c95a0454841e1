package netshtext

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

var (
	hostName = regexp.MustCompile(`^[\pL\pN][\pL\pN_-]{0,62}$`)
	// "10.0.17763 N/A Build 17763": whatever stands between, the build comes twice.
	versionOfWindows = regexp.MustCompile(`^\d+\.\d+\.(\d{4,5}) .*?(\d{4,5})$`)
	buildLab         = regexp.MustCompile(`^Build Lab = (\d{4,5})\.`) // gatherNetworkInfo.vbs is not translated
	listItem         = regexp.MustCompile(`^\[\d\d\]$`)
)

// systemInfo reads systeminfo, of which osinfo.txt is mostly made. The first three lines are computer, product and
// version; addresses are items of a list.
//
//	Hostname:                  WEB02
//	Betriebssystemname:        Microsoft Windows Server 2019 Standard
//	Betriebssystemversion:     10.0.17763 Nicht zutreffend Build 17763
//	...
//	                                 [01]: 10.0.0.12
func (p *parser) systemInfo(l *line) {
	if m := buildLab.FindStringSubmatch(l.text); m != nil {
		p.Build, _ = strconv.Atoi(m[1])
		p.found[SystemInfo] = true
	}
	if l.bare || l.value == "" {
		return
	}
	if m := versionOfWindows.FindStringSubmatch(l.value); m != nil && m[1] == m[2] && len(p.before) == 2 && hostName.MatchString(p.before[0]) {
		p.Machine = p.before[0]
		p.Build, _ = strconv.Atoi(m[1])
		p.found[SystemInfo] = true
	}
	if l.indent == 0 {
		if p.before = append(p.before, l.value); len(p.before) > 2 {
			p.before = append(p.before[:0], p.before[1:]...)
		}
	} else if p.found[SystemInfo] && listItem.MatchString(l.label) {
		if a, err := netip.ParseAddr(l.value); err == nil {
			p.own(a)
		}
	}
}

// ipConfig reads ipconfig, also within envinfo.txt. Labels have leaders; headings of adapters end with a colon, that
// of the machine does not. An address of the machine has a remark in parentheses (with /all) or a mask below it;
// gateways, DNS servers and what ipconfig /displaydns lists have neither.
//
//	Windows-IP-Konfiguration
//
//	   Hostname  . . . . . . . . . . . . : WEB02
//
//	Ethernet-Adapter Ethernet0:
//
//	   IPv4-Adresse  . . . . . . . . . . : 10.0.0.12(Bevorzugt)
//	   Subnetzmaske  . . . . . . . . . . : 255.255.255.0
func (p *parser) ipConfig(l *line) {
	if l.text == "" {
		return
	}
	if l.indent == 0 {
		p.section, p.address = l.text, netip.Addr{}
		return
	}
	if l.bare || !strings.Contains(l.text, ". :") {
		p.section, p.address = "", netip.Addr{} // a record of ipconfig /displaydns, a further DNS server
		return
	}
	if s := p.section; s != "" && !strings.HasSuffix(s, ":") && !strings.HasSuffix(s, "：") && hostName.MatchString(l.value) {
		p.found[IPConfig] = true
		if p.Machine == "" {
			p.Machine = l.value
		}
	}
	p.section = ""
	address, remark := l.value, false
	if i := strings.IndexAny(address, "(（"); i > 0 {
		address, remark = address[:i], true
	}
	a, err := netip.ParseAddr(address)
	switch {
	case err != nil:
		p.address = netip.Addr{}
	case remark:
		p.found[IPConfig] = true
		p.own(a)
	case p.address.IsValid() && isMask(a):
		p.found[IPConfig] = true
		p.own(p.address)
		p.address = netip.Addr{}
	case a.Is4():
		p.address = a
	}
}

func isMask(a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	b := a.As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	return n != 0 && ^n&(^n+1) == 0
}

// dynamicPorts reads two numbers below a ruler whose title names the protocol.
func (p *parser) dynamicPorts(l *line) {
	n, ok := decimal(l.value)
	switch {
	case l.text == "":
	case isRuler(l):
		p.numbers = p.numbers[:0]
		if p.ruler = 0; strings.Contains(strings.ToLower(p.title.text), "tcp") {
			p.ruler = l.number
		}
	case p.ruler > 0 && ok && n < 1<<16:
		if p.numbers = append(p.numbers, int(n)); len(p.numbers) == 2 {
			if start, count := p.numbers[0], p.numbers[1]; start > 0 && count > 0 && start+count <= 1<<16 {
				p.Ports = &PortRange{start, count, p.ruler}
				p.found[DynamicPorts] = true
			}
			p.ruler = 0
		}
	default:
		p.ruler = 0
	}
	if l.text != "" {
		p.title = *l
	}
}

// proxy reads netsh winhttp show proxy: below a title that names WinHTTP either a remark, direct access, or two
// settings.
func (p *parser) proxy(l *line) {
	switch {
	case l.text == "":
	case l.indent == 0:
		p.winHTTP = 0
		if !l.bare && l.value == "" && strings.Contains(strings.ToLower(l.text), "winhttp") {
			p.winHTTP = l.number
		}
	case p.winHTTP == 0:
	case l.bare:
		if strings.ContainsAny(l.text, "(（") {
			p.Proxy = &Proxy{Line: l.number}
			p.found[WinHTTPProxy] = true
		}
		p.winHTTP = 0
	case p.Proxy == nil || p.Proxy.Line < p.winHTTP:
		if l.value == "" {
			break
		}
		p.Proxy = &Proxy{Server: withoutPassword(l.value), Line: l.number}
		p.found[WinHTTPProxy] = true
	default:
		p.Proxy.Bypass = l.value
		p.winHTTP = 0
	}
}

// withoutPassword leaves out what stands before the @ of each server.
func withoutPassword(list string) string {
	servers := strings.Split(list, ";")
	for i, s := range servers {
		if at := strings.LastIndexByte(s, '@'); at >= 0 {
			scheme := ""
			if j := strings.LastIndex(s[:at], "//"); j >= 0 {
				scheme = s[:j+2]
			} else if j := strings.IndexByte(s[:at], '='); j >= 0 {
				scheme = s[:j+1]
			}
			servers[i] = scheme + s[at+1:]
		}
	}
	return strings.Join(servers, ";")
}

// remains are ends of lines that the other texts of the cabinet have in every language: headings that
// gatherNetworkInfo.vbs writes, a library of the Winsock catalog, a server of Teredo.
var remains = []string{"IPCONFIG /DISPLAYDNS:", "NETSH NAMESPACE SHOW EFFECTIVE:", "ARP -A:", "NBTSTAT -N:", "NET CONFIG RDR:",
	`\system32\mswsock.dll`, ".ipv6.microsoft.com", ".ipv6.microsoft.com."}

func (p *parser) remainder(l *line) {
	for _, s := range remains {
		if at := len(l.text) - len(s); at >= 0 && strings.EqualFold(l.text[at:], s) {
			p.found[Remainder] = true
		}
	}
}
