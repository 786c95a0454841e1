package timeline

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/etl"
)

// linger is how long a closed request waits for what belongs to it: the result that WinHTTP reports to
// its caller, and the next WebIO request under the same WinHTTP handle.
const linger = 2 * etl.Second

// A scope is an address, handle or thread of one process. Windows uses all three again, so that each is
// good only until the object it names is closed or the next one appears under the same name.
type scope struct {
	pid uint32
	id  uint64
}

// A bond is an activity id within a process.
type bond struct {
	pid      uint32
	activity etl.GUID
}

// A client follows the requests that processes make through WinHTTP.
//
//	WinHTTP handle ─► exchange ─► leg ──────► conn ─────► try ─────► tcb
//	 WinHttp 9-14      WebIO 17    one pass    WebIO 104,  WebIO      TCPIP
//	 8xx, by the       to 30       over the    110, 213    200-204
//	 activity of 17                wire
type client struct {
	s   *Session
	now etl.Time // of the event in hand

	requests   *table[scope, *exchange]  // by the address of the WebIO request
	handles    *table[scope, *exchange]  // by its handle
	threads    *table[scope, *exchange]  // the one that a thread worked for last
	activities *table[bond, *exchange]   // by WinHTTP's activity
	internet   *table[scope, *exchange]  // by WinHTTP handle
	calls      *table[scope, apiCall]    // of WinHTTP, in progress on a thread
	searches   *table[bond, *search]     // proxy detection
	lookups    *table[scope, *exchange]  // by the address of WebIO's name cache entry
	conns      *table[scope, *conn]      // by address
	names      *table[string, *exchange] // the one that looked a name up last
	dials      *table[dialKey, dial]     // connects in progress
	tcbs       *table[uint64, dial]      // the connects that TCBs serve, by address in the kernel
	shaking    []*exchange               // in a TLS handshake
	closing    []*exchange               // in the order of their closing

	happening happening // the WebIO event in hand
	scratch   []byte
}

func newClient(s *Session) *client {
	room := s.b.opt.MaxOpen
	c := &client{
		s:          s,
		handles:    newTable[scope, *exchange](room, nil),
		threads:    newTable[scope, *exchange](room, nil),
		activities: newTable[bond, *exchange](room, nil),
		internet:   newTable[scope, *exchange](room, nil),
		calls:      newTable[scope, apiCall](room, nil),
		searches:   newTable[bond, *search](room, nil),
		lookups:    newTable[scope, *exchange](room, nil),
		names:      newTable[string, *exchange](room, nil),
		dials:      newTable[dialKey, dial](room, nil),
		tcbs:       newTable[uint64, dial](room, nil),
	}
	c.requests = newTable[scope](room, func(x *exchange) {
		if !x.gone {
			s.abandoned++
			x.finish(false)
		}
	})
	c.conns = newTable[scope](room, func(k *conn) {
		if len(k.users) > 0 {
			s.abandoned++
		}
	})
	return c
}

// close finishes what is still open.
func (c *client) close() {
	c.expire(c.s.last + linger + 1)
	for _, x := range slices.Collect(c.requests.oldest) {
		if !x.gone {
			x.finish(true)
		}
	}
	c.s.client = newClient(c.s) // lets go of the state
}

// expire emits the requests that were closed long enough before now.
func (c *client) expire(now etl.Time) {
	for len(c.closing) > 0 && c.closing[0].closed+linger < now {
		x := c.closing[0]
		c.closing[0] = nil
		c.closing = c.closing[1:]
		// One that another WebIO request continued is open again, or stands further back.
		if !x.gone && !x.closed.IsZero() {
			x.finish(false)
		}
	}
}

// live returns x unless its request was handed over.
func live(x *exchange) *exchange {
	if x == nil || x.gone {
		return nil
	}
	return x
}

// byActivity returns the exchange that the event's activity id names: bytes 0 to 7 are the handle of the
// WebIO request. It is how the events of connections, sockets and the resolver tell whom they serve.
func (c *client) byActivity(ev *decode.Event) *exchange {
	a := ev.Activity()
	handle := binary.LittleEndian.Uint64(a[:8])
	if handle == 0 {
		return nil
	}
	return live(c.handles.get(scope{ev.PID(), handle}))
}

// byThread returns the exchange that the event's thread worked for last.
func (c *client) byThread(ev *decode.Event) *exchange {
	return live(c.threads.get(scope{ev.PID(), uint64(ev.TID())}))
}

// A conn is a connection object of WebIO. It outlives its sockets and carries one request after the
// other, or several at once with HTTP/2.
type conn struct {
	users   []*exchange
	remote  string
	local   string
	opened  etl.Time // WebIO 201; 0 = before the trace, or not yet
	used    etl.Time // last event of the last request that has left it
	carried int      // requests that were sent on it and have left it
	streams []stream // of HTTP/2 and 3
	multi   bool     // carries several requests at once
}

// A stream is one exchange on an HTTP/2 or HTTP/3 connection.
type stream struct {
	id uint32
	x  *exchange
}

// maxStreams bounds the list of a connection: the newest push out the oldest.
const maxStreams = 1024

// connection returns the object at an address of the event's process.
func (c *client) connection(pid uint32, address uint64) *conn {
	if address == 0 {
		return nil
	}
	key := scope{pid, address}
	k := c.conns.get(key)
	if k == nil {
		k = new(conn)
		c.conns.put(key, k)
	}
	return k
}

// sole returns the only exchange on the connection, if there is exactly one.
func (k *conn) sole() *exchange {
	if len(k.users) == 1 && !k.multi {
		return live(k.users[0])
	}
	return nil
}

// share notes that x writes to the connection. On HTTP/1.1 everybody else must be done with it; who still
// waits for an answer shares it.
func (k *conn) share(x *exchange) {
	for _, u := range slices.Backward(k.users) {
		switch {
		case u == x:
		case live(u) == nil, !u.leg.headers.IsZero(), !u.ended.IsZero():
			k.leave(u, u.last)
		case !u.leg.send.start.IsZero():
			k.multi = true
		}
	}
}

// leave takes x off the connection.
func (k *conn) leave(x *exchange, now etl.Time) {
	i := slices.Index(k.users, x)
	if i < 0 {
		return
	}
	k.users = slices.Delete(k.users, i, i+1)
	if x.leg.conn == k && !x.leg.send.start.IsZero() {
		k.used = now
		k.carried++
	}
}

// byStream returns the exchange of a stream.
func (k *conn) byStream(id uint32) *exchange {
	for i := len(k.streams) - 1; i >= 0; i-- {
		if k.streams[i].id == id {
			return live(k.streams[i].x)
		}
	}
	return nil
}

// openStream notes that a stream was created for x, which may be nil.
func (k *conn) openStream(id uint32, x *exchange) {
	k.multi = true
	if len(k.streams) >= maxStreams {
		k.streams = slices.Delete(k.streams, 0, len(k.streams)/2)
	}
	k.streams = append(k.streams, stream{id, x})
}

// The timers that WebIO knows, by their option numbers (map mapRequestOption). Values are milliseconds.
type timer uint8

const (
	timerConnect timer = iota
	timerResolve
	timerSend
	timerReceive
	timerCount
)

const firstTimerOption = 0x1F

// timerNames are what reports call the timers; defaults are WinHTTP's own (WinHttpSetTimeouts).
// Resolve has no limit by default.
var (
	timerNames    = [timerCount]string{"connect", "resolve", "send", "receive"}
	timerDefaults = [timerCount]time.Duration{60 * time.Second, 0, 30 * time.Second, 30 * time.Second}
	timerOf       = map[PhaseName]timer{
		PhaseConnect: timerConnect, PhaseResolve: timerResolve, PhaseSend: timerSend, PhaseReceive: timerReceive,
	}
)

// headerLimit is WinHTTP's default for a complete header block. It is looked at only when bytes arrive.
const headerLimit = 90 * time.Second

// near reports whether a wait names a timer: within a tenth of it and 2 s.
func near(wait, limit time.Duration) bool {
	d := (wait - limit).Abs()
	return limit > 0 && d <= limit/10 && d <= 2*time.Second
}
