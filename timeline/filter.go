package timeline

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/w3c"
	"github.com/etwhy/etwhy/etl"
)

// A Filter selects requests. The zero Filter selects all that the application made. Of a list, one
// entry has to fit; of several conditions, all. Texts are substrings in either case of letters.
type Filter struct {
	PIDs      []uint32
	Processes []string // image names, with or without .exe; "w3wp.exe (1432)" also fixes the process id
	AppPools  []string
	URLs      []string
	Hosts     []string // of the URL, or of the server's address
	IDs       []string // request id, X-ARR-LOG-ID or activity id, the whole of it

	From, To    etl.Time // what overlaps this span; 0 = no bound. An unfinished request has no end
	MinDuration time.Duration
	FailedOnly  bool
	AllTraffic  bool // also probes and background traffic
}

// A Fit says how a request stands to a filter.
type Fit uint8

const (
	// FitNot is a request that the filter leaves out.
	FitNot Fit = iota
	// FitAside is one that the filter would keep, were it the application's: a probe, or background traffic.
	FitAside
	// FitUnattributed is a selected one of which no process is known, while the filter names processes.
	FitUnattributed
	// FitSelected is any other selected one.
	FitSelected
)

// Match says how r stands to the filter. Requests of a process that the filter names count as the
// application's, except probes. What it names by id is never set aside.
func (f *Filter) Match(r *Request) Fit {
	owner := f.owner(r.PID, r.Process)
	everything := f.AllTraffic || len(f.IDs) > 0
	switch {
	case owner == ownedByOther || !f.fits(r):
		return FitNot
	case !everything && (r.Traffic == Probe || r.Traffic == Background && owner != ownedByNamed):
		return FitAside
	case owner == ownedByUnknown:
		return FitUnattributed
	}
	return FitSelected
}

// fits checks what does not concern the owner.
func (f *Filter) fits(r *Request) bool {
	switch {
	case f.FailedOnly && r.Outcome != Failed,
		len(f.AppPools) > 0 && !containsAny(r.AppPool, f.AppPools),
		len(f.URLs) > 0 && !containsAny(r.URL, f.URLs),
		len(f.Hosts) > 0 && !containsAny(r.Host, f.Hosts) && !containsAny(r.Server, f.Hosts),
		len(f.IDs) > 0 && !slices.ContainsFunc(f.IDs, r.isCalled),
		f.To != 0 && r.Start > f.To,
		f.From != 0 && !r.End.IsZero() && r.End < f.From,
		f.MinDuration > 0 && r.short(f.MinDuration):
		return false
	}
	return true
}

// short reports whether a request took less than d, as far as that is known: one whose start was not traced may have
// taken longer, one of which a single moment is known counts as short.
func (r *Request) short(d time.Duration) bool {
	return !r.End.IsZero() && r.End.Sub(r.Start) < d && (r.Partial != PartialStart || r.End == r.Start)
}

// admits reports whether the request of a log line may be one that the filter keeps, as far as the line tells.
func (f *Filter) admits(e *w3c.Entry, outcome Outcome) bool {
	took, timed := e.TimeTaken()
	switch {
	case f.FailedOnly && outcome != Failed,
		f.To != 0 && e.Start() > f.To,
		f.From != 0 && e.Time < f.From,
		f.MinDuration > 0 && (!timed || took < f.MinDuration),
		len(f.URLs) > 0 && !containsAny(e.URL(), f.URLs),
		len(f.Hosts) > 0 && e.Host() != "" && !containsAny(e.Host(), f.Hosts):
		return false
	}
	// An id of the result (r12) is not known yet, nor is the log's id of a request that another file gives it.
	return len(f.IDs) == 0 || slices.ContainsFunc(f.IDs, func(id string) bool {
		return len(id) < 12 || e.LogID() == "" || strings.EqualFold(strings.Trim(id, "{} "), e.LogID())
	})
}

// Span returns the time that the filter is about, 0 where it is open.
func (f *Filter) Span() (from, to etl.Time) {
	if f == nil {
		return 0, 0
	}
	return f.From, f.To
}

// An ownership says whether the process of a request is one that the filter names.
type ownership uint8

const (
	ownedByAny     ownership = iota // the filter names none
	ownedByNamed                    // yes
	ownedByUnknown                  // the input does not tell
	ownedByOther                    // no
)

// MatchProcess reports whether the filter keeps what a process did: it names none, it names this one,
// or it is not known which one it was. pid may be 0 or [etl.NoID] and process "" where they are not known.
func (f *Filter) MatchProcess(pid uint32, process string) bool {
	if pid == etl.NoID {
		pid = 0
	}
	return f.owner(pid, process) != ownedByOther
}

// owner checks process ids and process names: both must fit where both are given.
func (f *Filter) owner(pid uint32, process string) ownership {
	if len(f.PIDs) == 0 && len(f.Processes) == 0 {
		return ownedByAny
	}
	found := ownedByNamed
	if len(f.PIDs) > 0 {
		switch {
		case pid == 0:
			found = ownedByUnknown
		case !slices.Contains(f.PIDs, pid):
			return ownedByOther
		}
	}
	if len(f.Processes) > 0 {
		best := ownedByOther
		for _, p := range f.Processes {
			best = min(best, ownedBy(p, pid, process))
		}
		found = max(found, best)
	}
	return found
}

// ownedBy checks a process against one name.
func ownedBy(pattern string, pid uint32, process string) ownership {
	name, id := splitProcess(pattern)
	switch {
	case id != 0 && pid != 0 && id != pid:
		return ownedByOther
	case process == "" && id != 0 && id == pid:
		return ownedByNamed // the id says so, and no name contradicts
	case process == "":
		return ownedByUnknown
	case !containsFold(trimExe(process), trimExe(name)):
		return ownedByOther
	case id != 0 && pid == 0:
		return ownedByUnknown
	}
	return ownedByNamed
}

// splitProcess takes apart what Network Monitor writes: w3wp.exe (1432). pid is 0 if there is none.
func splitProcess(s string) (name string, pid uint32) {
	s = strings.TrimSpace(s)
	if open := strings.LastIndexByte(s, '('); open >= 0 && strings.HasSuffix(s, ")") {
		if n, err := strconv.ParseUint(strings.TrimSpace(s[open+1:len(s)-1]), 10, 32); err == nil {
			return strings.TrimSpace(s[:open]), uint32(n)
		}
	}
	return s, 0
}

func trimExe(name string) string {
	const exe = ".exe"
	if n := len(name) - len(exe); n >= 0 && strings.EqualFold(name[n:], exe) {
		return name[:n]
	}
	return name
}

// isCalled reports whether id names the request.
func (r *Request) isCalled(id string) bool {
	id = strings.Trim(strings.TrimSpace(id), "{}")
	return id != "" && (strings.EqualFold(id, r.ID) ||
		strings.EqualFold(id, strings.Trim(r.LogID, "{}")) ||
		!r.Activity.IsZero() && strings.EqualFold(id, r.Activity.String()))
}

func containsAny(s string, parts []string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return containsFold(s, p) })
}

// containsFold is strings.Contains for either case of letters. An unknown text contains nothing.
func containsFold(s, part string) bool {
	return s != "" && strings.Contains(strings.ToLower(s), strings.ToLower(part))
}

// A Selection is what a filter makes of the requests of an incident.
type Selection struct {
	Requests     []*Request // selected, in the order given
	Aside        []*Request // probes and background traffic that fit in all other respects
	FilteredOut  int        // left out by the filter
	Unattributed int        // of Requests: it is not known whether the named process made them
}

// Select applies the filter. Selected requests that were background traffic become the application's
// if the filter names their process: [Request.Traffic] is changed.
func (f *Filter) Select(all []*Request) Selection {
	var s Selection
	for _, r := range all {
		fit := f.Match(r)
		switch fit {
		case FitNot:
			s.FilteredOut++
			continue
		case FitAside:
			s.Aside = append(s.Aside, r)
			continue
		case FitUnattributed:
			s.Unattributed++
		case FitSelected:
			if r.Traffic == Background && f.owner(r.PID, r.Process) == ownedByNamed {
				r.Traffic = App
			}
		}
		s.Requests = append(s.Requests, r)
	}
	return s
}
