package netshtext

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// stateWords are those of the English and the German netstat; most other languages print the English ones.
var stateWords = map[string]State{
	"LISTENING": Listening, "LISTEN": Listening, "ABHÖREN": Listening,
	"ESTABLISHED": Established, "HERGESTELLT": Established,
	"TIME_WAIT": TimeWait, "WARTEND": TimeWait,
	"CLOSE_WAIT": CloseWait, "SCHLIESSEN_WARTEN": CloseWait,
	"SYN_SENT": SynSent, "SYN_GESENDET": SynSent,
	"SYN_RECEIVED": SynReceived, "SYN_EMPFANGEN": SynReceived,
	"BOUND":      Bound,
	"FIN_WAIT_1": Closing, "FIN_WAIT_2": Closing, "LAST_ACK": Closing, "CLOSING": Closing, "CLOSED": Closing,
	"FIN_WARTEN_1": Closing, "FIN_WARTEN_2": Closing, "SCHLIESSEND": Closing,
}

// A connection is a local port and what it is connected to.
type connection struct {
	port   uint16
	remote netip.AddrPort
}

// maxConnections bounds the connections of which the local ports are told apart: four times what one address has ports.
const maxConnections = 1 << 18

// netstat reads a row: protocol, two endpoints, for TCP the state, and with -o the process id, which may be followed
// by an offload state (-t).
//
//	TCP    10.0.0.5:49712    10.0.0.12:80    WARTEND    0
//	UDP    0.0.0.0:123       *:*                        1068
func (p *parser) netstat(l *line) {
	tcp := strings.HasPrefix(l.text, "TCP")
	if !tcp && !strings.HasPrefix(l.text, "UDP") || len(l.text) < 8 || l.text[3] != ' ' && l.text[3] != '\t' {
		return
	}
	f := strings.Fields(l.text)
	if len(f) < 3 || strings.Count(f[1], ":") == 0 {
		return
	}
	local, err := netip.ParseAddrPort(f[1])
	if err != nil {
		if p.Connections != nil {
			p.anomaly(BrokenRow)
		}
		return
	}
	remote, err := netip.ParseAddrPort(f[2])
	if tcp && err != nil {
		p.anomaly(BrokenRow)
		return
	}
	p.found[Netstat] = true
	if p.Connections == nil {
		p.Connections = new(Connections)
	}
	c := p.Connections
	if !tcp {
		c.UDP++
		p.own(local.Addr())
		return
	}
	c.TCP++
	word, pid, told := "", uint32(0), false
	for _, s := range f[3:] {
		if n, ok := decimal(s); ok && !told {
			pid, told = n, true
		} else if !told {
			word = strings.TrimSpace(word + " " + s)
		}
	}
	state, known := stateWords[strings.ToUpper(word)]
	switch {
	case known:
	case remote.Port() == 0:
		state = Listening
	case told && pid == 0:
		state = TimeWait // nobody's any more
	}
	c.States[state]++
	p.own(local.Addr())
	switch {
	case state == Listening:
		if p.room(Netstat, len(c.Listeners)) {
			c.Listeners = append(c.Listeners, Listener{local, pid, l.number})
		}
	case remote.Port() != 0:
		p.connect(local, remote, state)
	}
}

func (p *parser) connect(local, remote netip.AddrPort, state State) {
	end := p.ends[remote]
	if end == nil {
		if !p.room(Netstat, len(p.ends)) {
			return
		}
		end = &Remote{Addr: remote}
		p.ends[remote] = end
	}
	if state == TimeWait {
		end.TimeWait++
	}
	k := connection{local.Port(), remote}
	if !p.ports[k] && len(p.ports) < maxConnections {
		p.ports[k] = true
		end.Ports++
	}
}

func (p *parser) finishConnections() {
	if p.Connections == nil {
		return
	}
	for _, e := range p.ends {
		p.Connections.Remotes = append(p.Connections.Remotes, *e)
	}
	slices.SortFunc(p.Connections.Remotes, func(a, b Remote) int {
		return cmp.Or(cmp.Compare(b.Ports, a.Ports), a.Addr.Compare(b.Addr))
	})
}
