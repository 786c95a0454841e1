package timeline

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/etwhy/etwhy/etl"
)

// ServerStats says how the requests to one server went.
type ServerStats struct {
	Server    string   // address:port
	Tried     int      // requests that were sent there or tried to connect, also those that went on to another address; not those still connecting when the trace ends
	Connected int      // of these, those that had a connection the last time
	Unclear   int      // of these, those of which no file tells whether they had one
	Failed    int      // failed requests that had it last
	Retried   int      // repetitions on another connection
	Success   etl.Time // end of the last answer that was none of a failed request, or that sent the request elsewhere; 0 = none
	FirstByte FirstByte
}

// FirstByte is the time that a server took from the end of a request to the header of its answer.
// The values are of all answered requests; all are 0 if there is none.
type FirstByte struct {
	Median, P95, Slowest time.Duration
	Method, URL          string // of the slowest; after a redirect the last URL
}

// Servers returns the table of the servers that client-side requests were sent to, by address.
func Servers(requests iter.Seq[*Request]) []ServerStats {
	type row struct {
		ServerStats
		waits []time.Duration
	}
	rows := map[string]*row{}
	get := func(server string) *row {
		w := rows[server]
		if w == nil {
			w = &row{ServerStats: ServerStats{Server: server}}
			rows[server] = w
		}
		return w
	}
	for r := range requests {
		if r.Side != Client {
			continue
		}
		went := hops(r)
		for _, h := range went {
			w := get(h.server)
			w.Tried++
			switch {
			case h.connected:
				w.Connected++
			case h.unclear:
				w.Unclear++
			}
			if h.server != r.Server && h.answered {
				w.Success = max(w.Success, h.end)
			}
		}
		if !slices.ContainsFunc(went, func(h hop) bool { return h.server == r.Server }) {
			continue
		}
		w := get(r.Server)
		w.Retried += r.Restarts
		switch r.Outcome {
		case Failed:
			w.Failed++
		case OK:
			w.Success = max(w.Success, r.End)
		}
		if wait, ok := firstByte(r); ok {
			w.waits = append(w.waits, wait)
			if wait > w.FirstByte.Slowest || w.FirstByte.URL == "" {
				w.FirstByte.Slowest, w.FirstByte.Method, w.FirstByte.URL = wait, r.Method, r.lastURL()
			}
		}
	}
	stats := make([]ServerStats, 0, len(rows))
	for _, w := range rows {
		if n := len(w.waits); n > 0 {
			slices.Sort(w.waits)
			w.FirstByte.Median, w.FirstByte.P95 = w.waits[n/2], w.waits[min(n-1, n*95/100)]
		}
		stats = append(stats, w.ServerStats)
	}
	slices.SortFunc(stats, func(a, b ServerStats) int { return cmp.Compare(a.Server, b.Server) })
	return stats
}

// A hop is how a request fared at one of the servers that it went to.
type hop struct {
	server              string
	connected, answered bool     // connected: when it last went there
	unclear             bool     // not connected as far as is known; where a proxy gave up, its log does not tell
	attempt             int      // the last one with a connection
	end                 etl.Time // of the answer's header
}

// hops returns the servers that a request went to, each once: fallback addresses, those of redirects, and
// the last one. One that it was still connecting to when the trace ended is none. What follows a connect,
// up to the next attempt, happened at the address that it reached.
func hops(r *Request) []hop {
	var out []hop
	get := func(server string) *hop {
		i := slices.IndexFunc(out, func(h hop) bool { return h.server == server })
		if i < 0 {
			i = len(out)
			out = append(out, hop{server: server})
		}
		return &out[i]
	}
	last := max(len(r.Attempts)-1, 0)
	attempt, at := -1, ""
	reach := func(server string) *hop {
		h := get(server)
		h.connected, h.attempt = true, attempt
		return h
	}
	for i := range r.Phases {
		p := &r.Phases[i]
		for attempt < last && (attempt < 0 || p.Start >= r.Attempts[attempt+1].Start) {
			attempt++
			if at == "" || Authority(r.Attempts[attempt].URL) != Authority(r.Attempts[attempt-1].URL) {
				at = ""
				if len(r.Attempts) > 0 {
					at = literalServer(r.Attempts[attempt].URL)
				}
			}
			if attempt == last && r.Server != "" {
				at = r.Server
			}
		}
		switch {
		case p.Name == PhaseConnect && p.Detail != "pool" && p.Detail != "":
			switch p.Outcome {
			case OK:
				reach(p.Detail)
				at = p.Detail
			case Unfinished:
			default:
				if h := get(p.Detail); attempt > h.attempt { // a repetition; else it is a second socket
					h.connected = false
				}
			}
		case at == "":
		case p.Name == PhaseSend || p.Name == PhaseTLS:
			reach(at)
		case p.Name == PhaseReceive && p.Detail == "headers" && p.Outcome == OK:
			h := reach(at)
			h.answered, h.end = true, p.End
		}
	}
	status := r.serverStatus()
	connected := r.Connection != nil || status != 0 || r.Phase == PhaseTLS || r.Phase == PhaseSend || r.Phase == PhaseReceive
	if r.Server != "" && (connected || r.Outcome != Unfinished) {
		h := get(r.Server)
		h.connected = h.connected || connected
		h.unclear = r.Phase == "" && r.unanswered()
		h.answered = h.answered || status != 0
	}
	return out
}

// serverStatus returns the status that the server gave; 0 = none that is known. It is not that of a proxied request
// where the proxy itself answered for want of one.
func (r *Request) serverStatus() int {
	if r.Proxied && r.Outcome != OK {
		if n := len(r.Attempts); n > 0 {
			return r.Attempts[n-1].Status
		}
		if r.Phase != "" || r.unanswered() {
			return 0
		}
	}
	return r.Status
}

// unanswered reports whether the status of a request is one that a proxy gives because the server gave none.
func (r *Request) unanswered() bool {
	return r.Proxied && (r.Status == 502 && (r.HasSub && r.SubStatus >= 3 || isWinHTTP(r.Error)) ||
		r.Status >= 500 && r.sight != nil && r.sight.serverStatus == 0)
}

// firstByte returns how long the last attempt of a request waited for its answer.
func firstByte(r *Request) (time.Duration, bool) {
	for i := len(r.Phases) - 1; i >= 0; i-- {
		if p := &r.Phases[i]; p.Name == PhaseReceive && p.Detail == "headers" && p.Outcome == OK && r.Status != 0 {
			return p.Duration(), true
		}
	}
	return 0, false
}

// lastURL returns the URL of the last attempt.
func (r *Request) lastURL() string {
	if n := len(r.Attempts); n > 0 && r.Attempts[n-1].URL != "" {
		return r.Attempts[n-1].URL
	}
	return r.URL
}

// isWorker reports whether an image is that of an IIS worker process.
func isWorker(image string) bool {
	return strings.EqualFold(strings.TrimSuffix(strings.ToLower(image), ".exe"), "w3wp")
}
