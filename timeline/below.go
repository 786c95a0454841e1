package timeline

import (
	"encoding/binary"
	"net/netip"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/etl"
)

// What lies below WebIO says the same once more, from another provider: TCPIP of connects, the resolver
// of names, Schannel of handshakes. It confirms or it contradicts; it never makes a request.

// A dial is a connect in progress, to find its TCB by.
type dial struct {
	x *exchange
	k *conn
}

// A dialKey names a dial by process and address. Thread 0 stands for any.
type dialKey struct {
	pid, tid uint32
	remote   string
}

// dial notes that x begins to connect. TCPIP's events of it follow, the first of them on the same thread.
func (c *client) dial(ev *decode.Event, x *exchange, k *conn, remote string) {
	d := dial{x, k}
	c.dials.put(dialKey{ev.PID(), ev.TID(), remote}, d)
	c.dials.put(dialKey{ev.PID(), 0, remote}, d)
}

// A tcpEvent says what an event of TCPIP shows about a connect or a connection.
type tcpEvent struct {
	text    string
	is      fact
	connect bool // only while a try is under way
}

var tcpEvents = map[uint16]tcpEvent{
	1002: {"", 0, true},
	1018: {"connect refused by this system", factTCPAgrees, true},
	1019: {"connect refused by this system", factTCPAgrees, true},
	1020: {"connect refused by this system", factTCPAgrees, true},
	1021: {"no route", factTCPAgrees, true},
	1030: {"connect refused by this system: no free port", factTCPAgrees, true},
	1031: {"", 0, true},
	1033: {"TCP connected", 0, false},
	1034: {"TCP connect failed", factTCPAgrees, true},
	1035: {"TCP connect failed", factTCPAgrees, true},
	1036: {"TCP connect failed", factTCPAgrees, true},
	1037: {"TCP connect failed", factTCPAgrees, true},
	1045: {"TCP: no reply to the connection attempt", factSYNLost | factTCPAgrees, true},
	1046: {"TCP gave up: sent data was not acknowledged", factGaveUp, false},
	1047: {"TCP gave up: keep-alive was not answered", factGaveUp, false},
	1049: {"TCP connect failed", factTCPAgrees, true},
	1050: {"TCP connect failed", factTCPAgrees, true},
	1077: {"TCP sent data again", 0, false},
	1183: {"TCP: the connection attempt was answered by a reset", factRefused | factTCPAgrees, true},
	1184: {"TCP: the other end reset the connection", factPeerReset, false},
	1186: {"TCP: connection attempt sent again", factSYNLost, true},
	1351: {"TCP sent data again", 0, false},
	1564: {"connect refused by this system", factTCPAgrees, true},
}

var tcpPhrases = func() map[uint16]*phrase {
	m := map[uint16]*phrase{}
	for id, e := range tcpEvents {
		m[id] = &phrase{"TCPIP", e.text}
	}
	return m
}()

// addTCPIP takes an event of TCPIP. A TCB is known by its address from the first event that names a
// remote address which x just began to connect to.
func (c *client) addTCPIP(ev *decode.Event) {
	id := ev.ID()
	e, ok := tcpEvents[id]
	if !ok {
		return
	}
	c.now = ev.Time()
	address := ev.Get("Tcb").Uint()
	d := c.tcbs.get(address)
	if id == 1002 || d.x == nil {
		if d = c.dialOf(ev); d.x == nil {
			c.tcbs.delete(address) // another connection's by now
			return
		}
		c.tcbs.put(address, d)
	}
	x := live(d.x)
	if x == nil {
		c.tcbs.delete(address)
		return
	}
	c.s.owner = x.req.number
	if id == 1033 {
		d.k.local = c.s.intern([]byte(socketAddress(ev.Get("LocalAddress").Bytes())))
	}
	l := &x.leg
	if e.text == "" || !x.closed.IsZero() || l.conn != d.k || e.connect && l.seen&factConnected != 0 {
		return
	}
	l.seen |= e.is
	if id == 1186 {
		l.resent++
	}
	x.note(ev, tcpPhrases[id], Code(ev.Get("Status").Uint()), "", uint64(l.resent))
}

// dialOf finds the connect that an event of TCPIP belongs to. The PID of its header is reliable where
// connects begin, else a PID in its payload is.
func (c *client) dialOf(ev *decode.Event) dial {
	raw := ev.Get("RemoteAddress").Bytes()
	if len(raw) == 0 {
		return dial{}
	}
	remote := socketAddress(raw)
	pid := ev.PID()
	if ev.ID() == 1002 || ev.ID() == 1031 {
		if d := c.dials.get(dialKey{pid, ev.TID(), remote}); d.open() {
			return d
		}
	}
	if p := uint32(ev.Get("ProcessId").Uint()); p != 0 {
		pid = p
	}
	if d := c.dials.get(dialKey{pid, 0, remote}); d.open() {
		return d
	}
	return dial{}
}

// open reports whether the connect is still going on.
func (d dial) open() bool {
	return live(d.x) != nil && d.x.closed.IsZero() && d.x.leg.conn == d.k && d.x.leg.send.start.IsZero()
}

// socketAddress writes a SOCKADDR_IN or SOCKADDR_IN6 as address:port; "" for anything else.
func socketAddress(b []byte) string {
	if len(b) < 8 {
		return ""
	}
	port := binary.BigEndian.Uint16(b[2:])
	switch binary.LittleEndian.Uint16(b) {
	case 2: // AF_INET
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port).String()
	case 23: // AF_INET6
		if len(b) >= 24 {
			return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), port).String()
		}
	}
	return ""
}

// A nameEvent says what an event of the resolver shows about a lookup.
type nameEvent struct {
	field string // the status; "" = the event says it all
	text  string
	is    fact
	code  bool // the status is a Winsock code, as WebIO would report it
}

// dnsEvents are those of Microsoft-Windows-DNS-Client, gaiEvents those of Winsock's name resolution.
var (
	dnsEvents = map[uint16]nameEvent{
		1013: {"", "no DNS server answered", factResolveTimeout, false},
		1014: {"", "no DNS server answered", factResolveTimeout, false},
		1015: {"", "a DNS server did not answer", 0, false},
		1016: {"", "DNS: the name does not exist", 0, false},
		3008: {"QueryStatus", "DNS lookup failed", 0, false},
		3020: {"Status", "DNS query failed", 0, false},
	}
	gaiEvents = map[uint16]nameEvent{
		1001: {"Status", "Winsock could not resolve the name", 0, true},
		1004: {"Status", "Winsock could not resolve the name", 0, true},
	}
	dnsPhrases = namePhrases("DNS-Client", dnsEvents)
	gaiPhrases = namePhrases("Winsock-NameResolution", gaiEvents)
)

func namePhrases(provider string, events map[uint16]nameEvent) map[uint16]*phrase {
	m := map[uint16]*phrase{}
	for id, e := range events {
		m[id] = &phrase{provider, e.text}
	}
	return m
}

func (c *client) addDNS(ev *decode.Event) {
	c.addName(ev, dnsEvents, dnsPhrases, "QueryName")
}

func (c *client) addGAI(ev *decode.Event) {
	c.addName(ev, gaiEvents, gaiPhrases, "NodeName")
}

// addName joins an event of the resolver to the lookup that caused it: by the activity id, which WebIO
// hands down, else by the name.
func (c *client) addName(ev *decode.Event, events map[uint16]nameEvent, phrases map[uint16]*phrase, field string) {
	e, ok := events[ev.ID()]
	if !ok {
		return
	}
	c.now = ev.Time()
	var err Code
	if e.field != "" {
		if err = Code(ev.Get(e.field).Uint()); !isError(err) {
			return
		}
	}
	x := c.byActivity(ev)
	if x == nil {
		c.scratch = ev.Get(field).AppendText(c.scratch[:0])
		x = live(c.names.get(string(c.scratch)))
	}
	if x == nil || !x.ended.IsZero() || x.leg.resolve.start.IsZero() || !x.leg.resolve.end.IsZero() {
		return
	}
	x.leg.seen |= e.is
	if e.code && x.leg.resolver == 0 {
		x.leg.resolver = err
	}
	x.note(ev, phrases[ev.ID()], err, "", 0)
}

// shake notes that x began a TLS handshake.
func (c *client) shake(x *exchange) {
	kept := c.shaking[:0]
	for _, other := range c.shaking {
		if live(other) != nil && other != x && other.shaking(c.now) {
			kept = append(kept, other)
		}
	}
	if len(kept) >= maxStreams {
		kept = append(kept[:0], kept[len(kept)/2:]...)
	}
	c.shaking = append(kept, x)
}

// shaking reports whether x is in a handshake, or failed in it a moment ago.
func (x *exchange) shaking(now etl.Time) bool {
	return x.leg.handshaking() && (x.leg.tls.err == 0 || x.leg.tls.end+etl.Second > now) && x.closed.IsZero()
}

// Schannel's events. They come from LSASS; the caller is named from Windows 11 on.
var schannelEvents = map[uint16]*phrase{
	36871: {"Schannel", "no TLS credentials could be made"},
	36874: {"Schannel", "no cipher in common"},
	36876: {"Schannel", "the server's certificate was refused"},
	36881: {"Schannel", "the server's certificate has expired"},
	36882: {"Schannel", "the server's certificate has an unknown issuer"},
	36884: {"Schannel", "the server's certificate has another name"},
	36887: {"Schannel", "the server sent TLS alert"},
	36888: {"Schannel", "this side sent TLS alert"},
}

// addSchannel joins an event of Schannel to the handshake that was going on, if there was only one that
// it can mean.
func (c *client) addSchannel(ev *decode.Event) {
	words := schannelEvents[ev.ID()]
	if words == nil {
		return
	}
	c.now = ev.Time()
	caller := uint32(ev.Get("CallerProcessId").Uint())
	var x *exchange
	for _, other := range c.shaking {
		if live(other) == nil || !other.shaking(c.now) || caller != 0 && other.req.PID != caller {
			continue
		}
		if x != nil {
			return
		}
		x = other
	}
	if x == nil {
		return
	}
	alert := ev.Get("AlertDesc").Uint()
	if alert > 0 && alert < 256 {
		x.leg.alert = uint8(alert)
	}
	x.note(ev, words, Code(ev.Get("ErrorCode").Uint()), "", alert)
}
