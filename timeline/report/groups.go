package report

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// A group is a set of requests that ended alike: same cause, at the same server.
type group struct {
	outcome  timeline.Outcome
	requests []*timeline.Request // in start order
	came     []*timeline.Request // requests that likely failed because these, calls made for them, did
	servers  map[string]bool     // by site
	varied   bool                // the titles of their verdicts differ
	weight   int                 // its place among groups: how many requests are told of, or fewer, to stand behind their cause
	told     *timeline.Request   // the first of those with the surest verdict
}

// size is how many requests are told of.
func (g *group) size() int { return len(g.requests) + len(g.came) }

// first returns the request that stands for the group.
func (g *group) first() *timeline.Request { return g.told }

// add takes another request, that went to a site.
func (g *group) add(r *timeline.Request, site string) {
	g.requests = append(g.requests, r)
	if site != "" {
		g.servers[site] = true
	}
	switch {
	case g.told == nil:
		g.told = r
	case r.Verdict == nil || g.told.Verdict == nil:
	default:
		g.varied = g.varied || r.Verdict.Title != g.told.Verdict.Title
		if r.Verdict.Confidence > g.told.Verdict.Confidence {
			g.told = r
		}
	}
}

// lesser says of how many requests of a group the verdict is less sure than that of the one that is told of.
func (g *group) lesser() string {
	if g.told.Verdict == nil {
		return ""
	}
	n, least := 0, g.told.Verdict.Confidence
	for _, r := range g.requests {
		if r.Verdict != nil && r.Verdict.Confidence < g.told.Verdict.Confidence {
			n++
			least = min(least, r.Verdict.Confidence)
		}
	}
	if n == 0 {
		return ""
	}
	what := "only " + least.String()
	if least == timeline.Possible && g.told.Verdict.Confidence == timeline.Certain {
		what = "less sure"
	}
	return fmt.Sprintf("%s of %s %s %s: fewer files know %s.", thousands(n), thousands(len(g.requests)), either(n, "is", "are"), what, either(n, "it", "them"))
}

// groupKey is what is alike: of requests with a verdict what that says, of others how they ended.
type groupKey struct {
	verdict, words string // the title, without what differs from one request to the next
	site           string
	phase          timeline.PhaseName
	code           timeline.Code
	status         int
}

// saidKey is what is said of a request. What is said in the same words is alike, whatever else is not.
type saidKey struct{ verdict, title string }

// figures are the numbers in titles: addresses, times, durations, counts, and statuses and codes.
var figures = regexp.MustCompile(`\[[0-9A-Fa-f:.]+\](:\d+)?|\bPID \d+|\b\d[\d,.:]*( (ms|s|min|bytes|%))\b|\b\d[\d,.:]*\b`)

// telling are those that tell one cause from another: statuses, and codes, of four digits or more.
var telling = regexp.MustCompile(`^([1-5]\d\d(\.\d+)?|\d{4,})$`)

// wording returns a title without the numbers that differ from one request to the next. Those of a name, as in WEB02,
// stay.
func wording(title string) string {
	return figures.ReplaceAllStringFunc(title, func(s string) string {
		if telling.MatchString(s) {
			return s
		}
		return "#"
	})
}

// target is where a request went: the address of the server, or else the host that it asked for.
func target(r *timeline.Request) string {
	if t := cmp.Or(r.Server, r.Host); t != "" {
		return t
	}
	_, rest, ok := strings.Cut(r.URL, "://")
	if !ok {
		return ""
	}
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// maxGroups is how many groups are kept apart by target.
const maxGroups = 8

// groups returns the requests with an outcome in groups, the largest first. If there are many, the
// server does not tell them apart.
func (a *Analysis) groups(requests []*timeline.Request, outcome timeline.Outcome) []*group {
	if out := a.groupBy(requests, outcome, true); len(out) <= maxGroups {
		return out
	}
	return a.groupBy(requests, outcome, false)
}

func (a *Analysis) groupBy(requests []*timeline.Request, outcome timeline.Outcome, bySite bool) []*group {
	var out []*group
	site := a.sites()
	index, said := map[groupKey]*group{}, map[saidKey]*group{}
	worded := map[[2]string]string{} // by title and target
	calls := callsOf(requests, outcome)
	var caused []*timeline.Request
	for _, r := range requests {
		if r.Outcome != outcome {
			continue
		}
		if q, ok := cause(r); ok && q.Confidence > timeline.Possible {
			if _, ok := calls[q.Request]; ok {
				caused = append(caused, r)
				continue
			}
		}
		at, key := site(r), groupKey{}
		if v := r.Verdict; v != nil {
			say := [2]string{v.Title, target(r)}
			w, ok := worded[say]
			if !ok {
				w = wording(ofAny(v.Title, r))
				worded[say] = w
			}
			key = groupKey{verdict: v.ID, words: w}
		} else {
			key = groupKey{phase: r.Phase, code: r.Error}
			if r.Phase == "" {
				key.status = r.Status // the answer is the failure
			}
		}
		if bySite {
			key.site = at
		}
		g := index[key]
		if v := r.Verdict; g == nil && v != nil {
			g = said[saidKey{v.ID, v.Title}]
		}
		if g == nil {
			g = &group{outcome: outcome, servers: map[string]bool{}}
			out = append(out, g)
		}
		index[key] = g
		if v := r.Verdict; v != nil && said[saidKey{v.ID, v.Title}] == nil {
			said[saidKey{v.ID, v.Title}] = g
		}
		g.add(r, at)
		if _, ok := calls[r]; ok {
			calls[r] = g
		}
	}
	for _, r := range caused {
		q, _ := cause(r)
		calls[q.Request].came = append(calls[q.Request].came, r)
	}
	after := map[*group]int{}
	for _, g := range out {
		g.weight = g.size()
		if c := g.behind(calls); c != nil && c != g {
			g.weight, after[g] = min(g.weight, c.size()), 1
		}
	}
	slices.SortStableFunc(out, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(after[a], after[b]))
	})
	return out
}

// sites returns a function that says where a request went: to which machine, if the files tell, or else the
// address. A machine may have several.
func (a *Analysis) sites() func(*timeline.Request) string {
	machines := map[string]string{}
	for i, m := range a.Machines {
		for _, address := range m.Addresses {
			machines[address] = fmt.Sprintf("machine %d", i)
		}
	}
	return func(r *timeline.Request) string {
		if r.Side == timeline.Server && r.Input >= 0 && r.Input < len(a.Traces) {
			if i := slices.Index(a.Machines, a.Traces[r.Input].Machine); i >= 0 {
				return fmt.Sprintf("machine %d", i)
			}
		}
		t := target(r)
		host, port := timeline.SplitHost(t)
		if m := machines[host]; m != "" {
			return m + ":" + port
		}
		return t
	}
}

// title says how the requests of a group ended, as a clause.
func (g *group) title() string {
	t := claim(g.first())
	switch {
	case len(g.servers) > 1:
		t = ofAny(t, g.first()) + fmt.Sprintf(" (%s servers", thousands(len(g.servers)))
		if first := target(g.first()); first != "" {
			t += ", first " + first
		}
		t += ")"
	}
	return t + g.consequence()
}

// gist is the title without its details.
func (g *group) gist() string {
	t := g.title()
	for _, end := range []string{": ", "; ", " (", ", and "} {
		if i := strings.Index(t, end); i > 0 {
			t = t[:i]
		}
	}
	return t
}

// ofAny makes a claim about the server of a request one about some server.
func ofAny(claim string, r *timeline.Request) string {
	address, _ := timeline.SplitHost(r.Server)
	words := strings.Fields(claim)
	for _, name := range []string{r.Server, address, target(r), r.Host} {
		if i := slices.IndexFunc(words, func(w string) bool { return name != "" && strings.TrimRight(w, ",;:") == name }); i >= 0 {
			words[i] = "a server" + words[i][len(name):]
			if i > 0 && words[i-1] == "name" {
				words[i] = "of " + words[i]
			}
			return strings.Join(words, " ")
		}
	}
	return claim
}

// claim says how a request ended.
func claim(r *timeline.Request) string {
	if r.Verdict != nil && r.Verdict.Title != "" {
		return clause(r.Verdict.Title)
	}
	switch p := r.Phases; {
	case r.Outcome == timeline.Unfinished && r.Phase != "":
		return "no end when the trace stopped, " + doing(r)
	case r.Outcome == timeline.Unfinished:
		return "no end when the trace stopped"
	case r.Phase == "" && r.Status != 0:
		return fmt.Sprintf("answered %d", r.Status)
	case r.Phase == "" && len(p) == 0:
		return "the trace does not tell why"
	}
	return "stopped " + doing(r)
}

// doing says what was being done when the request stopped, by side, phase and detail; the entry
// without detail is for all others.
func doing(r *timeline.Request) string {
	detail := ""
	if i := stoppedAt(r); i >= 0 {
		detail = r.Phases[i].Detail
	}
	words := doings[r.Side]
	if w, ok := words[string(r.Phase)+" "+detail]; ok {
		return w
	}
	return cmp.Or(words[string(r.Phase)], "in phase "+string(r.Phase))
}

var doings = [...]map[string]string{
	timeline.Client: {
		"route":        "while no server was chosen yet",
		"proxy":        "while looking for a proxy",
		"resolve":      "while looking up the name of the server",
		"connect":      "while connecting",
		"connect pool": "while waiting for a free connection",
		"tls":          "during the TLS handshake",
		"send":         "while sending the request",
		"receive":      "while waiting for the answer",
		"receive body": "while reading the body of the answer",
	},
	timeline.Server: {
		"receive": "while receiving the request",
		"queue":   "while waiting in the queue for a worker process",
		"process": "while the worker process was busy with it",
		"send":    "while sending the answer",
	},
}

// owners says which processes the requests belong to: "w3wp.exe (PID 1432)", "w3wp.exe (2 pools)";
// "" if they are of several programs, or of none that is known.
func owners(requests []*timeline.Request) string {
	names, pids, pools := map[string]bool{}, map[uint32]bool{}, map[string]bool{}
	for _, r := range requests {
		names[r.Process] = true
		pids[r.PID] = true
		pools[r.AppPool] = true
	}
	switch {
	case len(names) != 1 || len(pids) == 0:
		return ""
	case names[""] && (len(pids) != 1 || pids[0]):
		return ""
	}
	r := requests[0]
	name := cmp.Or(clean(r.Process), "the process")
	switch {
	case len(pids) == 1 && r.PID == 0:
		return name
	case len(pids) == 1 && r.Process == "":
		return fmt.Sprintf("PID %d", r.PID)
	case len(pids) == 1:
		return fmt.Sprintf("%s (PID %d)", name, r.PID)
	case len(pools) == len(pids) && !pools[""]:
		return fmt.Sprintf("%s (%d pools)", name, len(pools))
	}
	return fmt.Sprintf("%s (%d processes)", name, len(pids))
}

// answers counts the status codes of the requests that went well, the most frequent first.
// More of them may have been counted by status.
func answers(requests []*timeline.Request, more map[int]int) string {
	n := map[int]int{}
	maps.Copy(n, more)
	silent := 0
	for _, r := range requests {
		switch {
		case r.Outcome != timeline.OK: // what came of its answer is no answer
		case r.Status != 0:
			n[r.Status]++
		default:
			silent++
		}
	}
	var codes []int
	clientErrors := false
	for c := range n {
		codes = append(codes, c)
		clientErrors = clientErrors || c >= 400 && c < 500
	}
	slices.SortFunc(codes, func(a, b int) int { return cmp.Or(cmp.Compare(n[b], n[a]), cmp.Compare(a, b)) })
	var parts []string
	rest := 0
	for i, c := range codes {
		if i >= 6 {
			rest += n[c]
			continue
		}
		parts = append(parts, fmt.Sprintf("%s x %d", thousands(n[c]), c))
	}
	if rest > 0 {
		parts = append(parts, fmt.Sprintf("%s x others", thousands(rest)))
	}
	if silent > 0 {
		parts = append(parts, thousands(silent)+" x not in the trace")
	}
	s := strings.Join(parts, ", ")
	if clientErrors {
		s += " (4xx is an answer, not a failure)"
	}
	return s
}

// shortURL is a URL as a table shows it: without scheme, host and query.
func shortURL(url string) string {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		rest = url
	} else if i := strings.IndexByte(rest, '/'); i >= 0 {
		rest = rest[i:]
	} else {
		rest = "/"
	}
	rest, _, _ = strings.Cut(rest, "?")
	return rest
}

// shortPath is the name of a file.
func shortPath(p string) string { return path.Base(strings.ReplaceAll(p, `\`, "/")) }

// cover returns the span of time that the logs cover.
func (a *Analysis) cover() (start, end etl.Time) {
	for i := range a.Inputs {
		in := &a.Inputs[i]
		if in.Log == nil && in.Start.IsZero() {
			continue
		}
		if !in.Start.IsZero() && (start.IsZero() || in.Start < start) {
			start = in.Start
		}
		end = max(end, in.End)
	}
	return start, end
}

// zone returns the UTC offset of the traced machines in minutes; ok is false if they differ or if
// no log tells.
func (a *Analysis) zone() (minutes int, ok bool) {
	for i := range a.Inputs {
		if a.Inputs[i].Log == nil {
			continue
		}
		m := a.Inputs[i].utcOffset()
		if ok && m != minutes {
			return 0, false
		}
		minutes, ok = m, true
	}
	return minutes, ok
}
