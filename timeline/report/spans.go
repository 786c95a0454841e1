package report

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// What the formats for other tools' time lines have in common: HAR, Perfetto, OTLP. They want both ends of everything,
// count from 1970 in 64 bits, and nest.

// A stretch is a piece of time with both ends.
type stretch struct {
	start, end etl.Time
	late       bool // it began before start: nothing tells when
	open       bool // it did not end by end, which is that of its trace, or of what it is a part of
}

// An exchange is a request with its place in time.
type exchange struct {
	*timeline.Request
	stretch
	input   string // path; "" = unknown
	machine string // name; "" = unknown
}

// A home is where requests are: a machine, or a process of it.
type home struct {
	machine, process, pool string
	pid                    uint32
}

func (x *exchange) home() home { return home{x.machine, x.Process, x.AppPool, x.PID} }

// A piece is a phase with its place in time.
type piece struct {
	*timeline.Phase
	stretch
}

// earliest and latest bound the times that count: of files that are damaged, others may come.
var (
	earliest = etl.FromTime(time.Unix(0, 0)) + 1
	latest   = etl.FromTime(time.Unix(0, math.MaxInt64))
)

func plausible(t etl.Time) bool { return earliest <= t && t <= latest }

// unixNano returns a plausible time in nanoseconds since 1970.
func unixNano(t etl.Time) uint64 { return uint64(t.Time().UnixNano()) }

// exchanges returns the selected requests by start, and how many have no place in time.
func (a *Analysis) exchanges() (list []exchange, left int) {
	list = make([]exchange, 0, len(a.Requests))
	for _, r := range a.Requests {
		if !plausible(r.Start) {
			left++
			continue
		}
		x := exchange{Request: r, input: a.source(r.Input), machine: a.machineName(r.Input)}
		x.stretch = stretch{start: r.Start, end: r.End, late: r.Partial == timeline.PartialStart, open: r.End.IsZero()}
		if x.open && r.Input >= 0 && r.Input < len(a.Traces) {
			x.end = a.Traces[r.Input].Last
		}
		if x.open {
			x.end = max(x.end, lastOf(r.Phases))
		}
		x.end = min(max(x.end, x.start), latest)
		list = append(list, x)
	}
	slices.SortStableFunc(list, func(x, y exchange) int { return cmp.Compare(x.start, y.start) })
	return list, left
}

// behind returns what the content server saw of a request as an exchange of its own; nil if that has no place in time.
func (a *Analysis) behind(x *exchange) *exchange {
	b := x.Behind
	if b == nil || !plausible(b.Start) {
		return nil
	}
	s := stretch{start: b.Start, end: b.End}
	if s.end.IsZero() && b.Took > 0 {
		s.end = b.Start.Add(b.Took)
	}
	if s.open = s.end.IsZero(); s.open {
		s.end = lastOf(b.Phases)
	}
	s.end = min(max(s.end, s.start), latest)

	r := &timeline.Request{
		ID: x.ID, Input: b.Input, Side: timeline.Server, Traffic: x.Traffic, Method: x.Method, URL: x.URL, Host: x.Host,
		Server: x.Server, Status: b.Status, SubStatus: b.SubStatus, HasSub: b.HasSub, Outcome: timeline.OK, Phases: b.Phases, LogID: x.LogID,
	}
	if n := len(b.Phases); n > 0 {
		r.Outcome = b.Phases[n-1].Outcome
	}
	switch {
	case s.open:
		r.Outcome = timeline.Unfinished
	case b.Status >= 500:
		r.Outcome = timeline.Failed
	}
	return &exchange{r, s, a.source(b.Input), a.machineName(b.Input)}
}

// lastOf returns the last time that phases tell.
func lastOf(phases []timeline.Phase) (last etl.Time) {
	for i := range phases {
		last = max(last, phases[i].Start, phases[i].End)
	}
	return last
}

// within returns phases by start, each inside of what it is a part of. Those of which no time is known are left out.
func within(phases []timeline.Phase, whole stretch) []piece {
	list := make([]piece, 0, len(phases))
	for i := range phases {
		p := &phases[i]
		if p.Start.IsZero() && p.End.IsZero() {
			continue
		}
		s := stretch{start: p.Start, end: p.End, late: p.Start.IsZero(), open: p.End.IsZero()}
		if s.open {
			s.end = whole.end
		}
		s.start = min(max(s.start, whole.start), whole.end)
		s.end = min(max(s.end, s.start), whole.end)
		list = append(list, piece{p, s})
	}
	slices.SortStableFunc(list, func(p, q piece) int {
		return cmp.Or(cmp.Compare(p.start, q.start), cmp.Compare(q.end, p.end))
	})
	return list
}

// stepOf is a phase's name with what tells it from others of that name.
func stepOf(p *timeline.Phase) string {
	switch p.Detail {
	case "headers", "body", "pool":
		return string(p.Name) + " " + p.Detail
	}
	return string(p.Name)
}

func (a *Analysis) machineName(input int) string {
	if m := a.machineOf(input); m != nil && m.Name != "" {
		return m.Name
	}
	if in := a.inputAt(input); in != nil {
		return in.Machine
	}
	return ""
}

// yes is a truth value of which only true is worth telling.
func yes(b bool) cell {
	if !b {
		return cell{}
	}
	return truth(b)
}

// exchangeFacts are what is known of a request beside its place in time, in the names of the JSON output.
var exchangeFacts = []column[*exchange]{
	{"id", func(x *exchange) cell { return text(x.ID) }},
	{"side", func(x *exchange) cell { return text(x.Side.String()) }},
	{"proxied", func(x *exchange) cell { return yes(x.Proxied) }},
	{"app_pool", func(x *exchange) cell { return text(x.AppPool) }},
	{"url", func(x *exchange) cell { return text(x.URL) }},
	{"host", func(x *exchange) cell { return text(x.Host) }},
	{"server", func(x *exchange) cell { return text(x.Server) }},
	{"client", func(x *exchange) cell { return text(x.Client) }},
	{"farm", func(x *exchange) cell { return text(x.Farm) }},
	{"status", func(x *exchange) cell { return positive(x.Status) }},
	{"substatus", func(x *exchange) cell {
		if !x.HasSub {
			return cell{}
		}
		return number(x.SubStatus)
	}},
	{"traffic", func(x *exchange) cell { return text(x.Traffic.String()) }},
	{"outcome", func(x *exchange) cell { return text(x.Outcome.String()) }},
	{"unfinished", func(x *exchange) cell { return yes(x.open) }},
	{"partial", func(x *exchange) cell { return text(x.Partial.String()) }},
	{"phase", func(x *exchange) cell { return text(string(x.Phase)) }},
	{"error_code", func(x *exchange) cell { return codeNumber(x.Error) }},
	{"error_name", func(x *exchange) cell { return codeName(x.Error) }},
	{"winhttp_code", func(x *exchange) cell { return codeNumber(x.WinHTTP.Code) }},
	{"winhttp_name", func(x *exchange) cell { return codeName(x.WinHTTP.Code) }},
	{"winhttp_from", func(x *exchange) cell { return text(x.WinHTTP.From.String()) }},
	{"restarts", func(x *exchange) cell { return positive(x.Restarts) }},
	{"made_by", func(x *exchange) cell {
		if x.MadeBy == nil {
			return cell{}
		}
		return text(strings.TrimSpace(x.MadeBy.Tier + " " + x.MadeBy.Module))
	}},
	{"timer", func(x *exchange) cell {
		if x.Timer == nil {
			return cell{}
		}
		return text(x.Timer.Name)
	}},
	{"timer_ms", func(x *exchange) cell {
		if x.Timer == nil {
			return cell{}
		}
		return millis(x.Timer.Limit)
	}},
	{"timer_source", func(x *exchange) cell {
		if x.Timer == nil {
			return cell{}
		}
		return text(x.Timer.Source)
	}},
	{"connection_reused", func(x *exchange) cell {
		if x.Connection == nil {
			return cell{}
		}
		return truth(x.Connection.Reused)
	}},
	{"log_id", func(x *exchange) cell { return text(x.LogID) }},
	{"unjoined", func(x *exchange) cell { return yes(x.Loose) }},
	{"input", func(x *exchange) cell { return text(x.input) }},
}

// pieceFacts are what is known of a phase beside its place in time.
var pieceFacts = []column[*piece]{
	{"outcome", func(p *piece) cell { return text(p.Outcome.String()) }},
	{"detail", func(p *piece) cell { return text(p.Detail) }},
	{"error_code", func(p *piece) cell { return codeNumber(p.Error) }},
	{"error_name", func(p *piece) cell { return codeName(p.Error) }},
	{"unfinished", func(p *piece) cell { return yes(p.open) }},
	{"start_unknown", func(p *piece) cell { return yes(p.late) }},
}

// verdictFacts are what a verdict claims.
var verdictFacts = []column[*timeline.Verdict]{
	{"verdict", func(v *timeline.Verdict) cell { return text(v.ID) }},
	{"title", func(v *timeline.Verdict) cell { return text(v.Title) }},
	{"confidence", func(v *timeline.Verdict) cell { return text(v.Confidence.String()) }},
	{"open", func(v *timeline.Verdict) cell { return text(v.Open) }},
	{"context", func(v *timeline.Verdict) cell { return text(strings.Join(v.Context, "\n")) }},
	{"do_now", func(v *timeline.Verdict) cell { return text(strings.Join(v.DoNow, "\n")) }},
	{"find_out", func(v *timeline.Verdict) cell { return text(strings.Join(v.FindOut, "\n")) }},
}

// noHost stands for a host that is not known, where a format wants one: RFC 2606 keeps it from being anybody's.
const noHost = "unknown.invalid"

// absolute returns the URL of an exchange with scheme and host, and only characters that RFC 3986 allows. Of a log that
// has only the path, the host is what the request named, else the server's address or name.
func (x *exchange) absolute() string {
	u := x.URL
	scheme, rest, ok := strings.Cut(u, "://")
	if scheme = strings.ToLower(scheme); !ok || scheme != "http" && scheme != "https" && scheme != "ws" && scheme != "wss" {
		scheme, rest = "http", ""
		if x.secure() {
			scheme = "https"
		}
		for _, host := range []string{x.Host, x.Server, x.machine} {
			if rest = host; isHost(host) {
				break
			}
			rest = noHost
		}
		if !strings.HasPrefix(u, "/") {
			u = "/" + u
		}
		rest += u
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	out := append(make([]byte, 0, len(u)+len(u)/8+32), scheme...)
	out = append(out, "://"...)
	out = appendEscaped(out, rest[:end], inAuthority)
	return string(appendEscaped(out, rest[end:], 0))
}

// secure reports whether anything tells of TLS on the way to the server.
func (x *exchange) secure() bool {
	return strings.HasSuffix(x.Server, ":443") || strings.HasSuffix(x.Host, ":443") ||
		slices.ContainsFunc(x.Phases, func(p timeline.Phase) bool { return p.Name == timeline.PhaseTLS })
}

// inAuthority are the characters that are allowed in that part of a URL besides those that are everywhere.
const inAuthority = 1

// uriChars says of each byte whether it may stand in a URL as it is: anywhere (2), only in the authority (1).
var uriChars = func() (t [256]uint8) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#@!$&'()*+,;=") {
		t[c] = 2
	}
	t['['], t[']'] = 1, 1
	return t
}()

// appendEscaped appends a part of a URL, what must not stand there percent-encoded.
func appendEscaped(dst []byte, s string, more uint8) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case uriChars[c] >= 2-more, c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			dst = append(dst, c)
		default:
			dst = append(dst, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		}
	}
	return dst
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// isHost reports whether s can be the authority of a URL: a name or an address, with or without port.
func isHost(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:[]") == ""
}
