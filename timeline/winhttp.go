package timeline

import (
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/etl"
)

// An apiCall is a call into WinHTTP that has not returned yet.
type apiCall struct {
	internet uint64 // the handle it was made with
	activity etl.GUID
	at       etl.Time
	number   int32 // kept for the request that it may begin; 0 = it has one already
}

// WinHTTP's own events: calls (level 5 only) and the search for a proxy (Windows 10 1607 and later).
const (
	apiCallStart   = 9
	apiReturnOK    = 10
	apiReturnFail  = 11
	apiPending     = 12
	apiAsyncFail   = 14
	proxySearch    = 801
	proxyNotFound  = 808
	proxyPACFail   = 811
	proxyPACType   = 812
	proxyForURL    = 813
	proxyForURLOK  = 814
	proxyForURLErr = 815
	proxyWait      = 816
	proxyWaitEnd   = 817
	proxyTransfer  = 818
	tlsBlocked     = 1053
)

// proxySteps says what the events of proxy detection do: begin it, end it, or fail. Failures are normal
// where there is no proxy; the request then goes on directly.
var proxySteps = map[uint16]struct {
	begins, ends bool
	text         string
}{
	proxySearch:    {begins: true},
	proxyNotFound:  {ends: true, text: "no proxy configuration found"},
	809:            {begins: true},
	810:            {},
	proxyPACFail:   {text: "the proxy script could not be loaded"},
	proxyPACType:   {text: "the proxy script has a wrong type"},
	proxyForURL:    {begins: true},
	proxyForURLOK:  {ends: true},
	proxyForURLErr: {ends: true, text: "the proxy script gave no answer"},
	proxyWait:      {begins: true},
	proxyWaitEnd:   {ends: true},
}

// A search is one search for a proxy, by the activity that waits for it.
type search struct {
	step
	fail fact // factProxyFailed if a part of it failed
	note note // of the last failure; time 0 = none
}

// addWinHTTP takes a typed event of WinHTTP.
func (c *client) addWinHTTP(ev *decode.Event) {
	id := ev.ID()
	c.now = ev.Time()
	switch {
	case id >= apiCallStart && id <= apiAsyncFail:
		c.addCall(ev, id)
	case id >= proxySearch && id <= proxyTransfer:
		c.addProxy(ev, id)
	case id == tlsBlocked:
		if x := live(c.activities.get(bond{ev.PID(), ev.Activity()})); x != nil && x.ended.IsZero() {
			x.note(ev, &tlsBlockedPhrase, 0, "", 0)
		}
	}
}

var (
	tlsBlockedPhrase = phrase{"WinHttp", "TLS failed"}
	apiFailPhrase    = phrase{"WinHttp", "reported by"}
)

// apiSend is the call that begins a request.
const apiSend = "WinHttpSendRequest"

// addCall follows the calls into WinHTTP. They tell which WinHTTP handle a WebIO request belongs to, and
// the code that the caller got.
func (c *client) addCall(ev *decode.Event, id uint16) {
	thread := scope{ev.PID(), uint64(ev.TID())}
	internet := scope{ev.PID(), ev.Get("ApiHandle").Uint()}
	known := live(c.internet.get(internet))
	if known != nil {
		c.s.owner = known.req.number
	}
	switch id {
	case apiCallStart:
		call := apiCall{internet: internet.id, activity: ev.Activity(), at: c.now}
		if known == nil && ev.Get("Api").Text() == apiSend {
			call.number = c.s.reserve()
		}
		c.calls.put(thread, call)
		return
	case apiReturnOK, apiReturnFail, apiPending:
		c.calls.delete(thread)
	}
	if id != apiReturnFail && id != apiAsyncFail {
		return
	}
	result := Code(ev.Get("Result").Uint())
	x := live(c.internet.get(internet))
	if x == nil && !ev.Activity().IsZero() {
		x = live(c.activities.get(bond{ev.PID(), ev.Activity()}))
	}
	if x == nil || !isError(result) {
		return
	}
	function := ev.Get("Api").Text()
	if !carriesResult(function) || !isWinHTTP(result) {
		return
	}
	x.winhttp, x.call = result, c.s.intern([]byte(function))
	if isCancel(result) && x.ended.IsZero() && x.cancelled.IsZero() {
		x.cancelled = c.now
	}
	c.touch(ev, x)
	x.note(ev, &apiFailPhrase, result, x.call, 0)
}

// carriesResult reports whether a function's error is the request's. Others fail without harm, for
// example when a header is asked for that the answer does not have.
func carriesResult(function string) bool {
	for _, f := range [...]string{"SendRequest", "ReceiveResponse", "WriteData", "ReadData", "QueryDataAvailable"} {
		if strings.Contains(function, f) {
			return true
		}
	}
	return false
}

// adopt joins x to the WinHTTP call that created it on the thread of the event in hand.
func (c *client) adopt(ev *decode.Event, x *exchange) {
	thread := scope{ev.PID(), uint64(ev.TID())}
	call := c.calls.get(thread)
	if call.internet == 0 {
		return
	}
	x.internet = scope{ev.PID(), call.internet}
	c.internet.put(x.internet, x)
	if call.number != 0 && call.activity == ev.Activity() && x.req.Start == c.now {
		x.req.Start, x.req.number = call.at, call.number // the call was its first event
		call.number = 0
		c.calls.put(thread, call)
	}
}

// addProxy follows the search for a proxy. It runs under the activity of the WinHTTP request that waits
// for it, or is handed over to it by event 818.
func (c *client) addProxy(ev *decode.Event, id uint16) {
	activity := ev.Activity()
	if activity.IsZero() {
		return
	}
	key := bond{ev.PID(), activity}
	s := c.searches.get(key)
	if s == nil {
		s = new(search)
		c.searches.put(key, s)
	}
	if id == proxyTransfer {
		if related, ok := ev.RelatedActivity(); ok {
			c.searches.put(bond{ev.PID(), related}, s)
		}
		return
	}
	step := proxySteps[id]
	if step.begins {
		s.begin(c.now)
		s.end = 0
	}
	if err := Code(ev.Get("Error").Uint()); isError(err) && step.text != "" {
		s.fail = factProxyFailed
		s.err = err
		s.note = note{c.now, ev.Position(), &phrase{"WinHttp", step.text}, id, err, "", 0}
	}
	if step.ends && !s.start.IsZero() {
		s.end = c.now
	}
	if x := live(c.activities.get(key)); x != nil && x.ended.IsZero() {
		c.touch(ev, x)
		x.takeSearch(s)
	}
}

// takeSearch makes the search for a proxy a part of the request that waited for it.
func (x *exchange) takeSearch(s *search) {
	if s == nil || s.start.IsZero() || !s.end.IsZero() && s.end+linger < x.req.Start {
		return // long over: it served another request
	}
	l := &x.leg
	if len(x.req.Attempts) == 0 && s.start < x.req.Start {
		x.req.Start, l.start = s.start, s.start
	}
	l.proxy = s.step
	l.seen |= factProxySearch | s.fail
	if !s.note.time.IsZero() && (len(x.notes) == 0 || x.notes[len(x.notes)-1].pos != s.note.pos) {
		x.notes = append(x.notes, s.note)
	}
}

// proxyTime returns how long the leg searched for a proxy.
func (l *leg) proxyTime(end etl.Time) time.Duration {
	switch {
	case l.proxy.start.IsZero():
		return 0
	case l.proxy.end.IsZero():
		return end.Sub(l.proxy.start)
	}
	return l.proxy.end.Sub(l.proxy.start)
}
