package timeline

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
)

// maxEvidence is the number of lines that a verdict quotes.
const maxEvidence = 8

// A judge gives failed and cancelled requests their verdicts. Requests fail in swarms, with the same
// words: it keeps one copy of each text.
type judge struct {
	fared *fared
	texts map[string]string
}

// maxTexts bounds the texts that a judge remembers.
const maxTexts = 50_000

// same returns one copy of equal texts.
func (j *judge) same(s string) string {
	if t, ok := j.texts[s]; ok {
		return t
	}
	if len(j.texts) >= maxTexts {
		clear(j.texts)
	}
	j.texts[s] = s
	return s
}

// judgeAll judges what did not go well, with an eye on how the other requests fared.
func judgeAll(requests []*Request) {
	j := &judge{newFared(requests), map[string]string{}}
	for _, r := range requests {
		if r.Outcome == Failed || r.Outcome == Cancelled {
			r.Verdict = j.verdict(r)
			r.Marks = nil // the verdict quotes them
		}
		r.facts = nil
	}
}

// verdict finds the rule that fits, and writes it out.
func (j *judge) verdict(r *Request) *Verdict {
	f := r.facts
	if f == nil {
		f = new(facts)
	}
	if m, ok := winerr.ToWinHTTP(uint32(r.Error)); ok && r.WinHTTP.From == FromTrace && Code(m.To.Number) != r.WinHTTP.Code {
		f.seen |= factMixed
	}
	var v *Verdict
	if r.Side == Server {
		v = judgeServer(r, f)
	} else if i := slices.IndexFunc(rules, func(u rule) bool { return u.fits(r, f) }); i >= 0 {
		v = rules[i].verdict(r, f)
		v.Context = j.fared.context(r, f)
	}
	if v != nil {
		j.share(v)
	}
	return v
}

// share replaces the texts of a verdict by those of others.
func (j *judge) share(v *Verdict) {
	v.Title, v.Open = j.same(v.Title), j.same(v.Open)
	for _, list := range [...][]string{v.Context, v.DoNow, v.FindOut} {
		for i, s := range list {
			list[i] = j.same(s)
		}
	}
	for i := range v.Evidence {
		v.Evidence[i].Text = j.same(v.Evidence[i].Text)
	}
	for i := range v.Rejected {
		v.Rejected[i].Why = j.same(v.Rejected[i].Why)
	}
}

// fits reports whether the rule's conditions hold.
func (u *rule) fits(r *Request, f *facts) bool {
	as := u.as
	if as == 0 {
		as = Failed
	}
	switch {
	case r.Outcome != as,
		u.phases != nil && !slices.Contains(u.phases, r.Phase),
		!f.seen.has(u.all),
		u.any != 0 && f.seen&u.any == 0,
		f.seen&u.none != 0,
		u.detail != "" && r.stoppedIn() != u.detail:
		return false
	}
	if u.codes == nil && u.cert == 0 && u.alerts == nil {
		return true
	}
	return slices.Contains(u.codes, r.Error) ||
		r.Error == 0 && u.codes != nil && slices.Contains(u.codes, r.WinHTTP.Code) ||
		f.cert&u.cert != 0 ||
		f.alert != 0 && slices.Contains(u.alerts, f.alert)
}

// stoppedIn returns the detail of the phase where the request stopped.
func (r *Request) stoppedIn() string {
	for i := len(r.Phases) - 1; i >= 0; i-- {
		if p := &r.Phases[i]; p.Name == r.Phase && p.Outcome != OK {
			return p.Detail
		}
	}
	return ""
}

// verdict writes the rule out for a request.
func (u *rule) verdict(r *Request, f *facts) *Verdict {
	fill := words(r, f).Replace
	v := &Verdict{ID: u.id, Title: fill(u.title), Open: fill(u.open), Confidence: Likely}
	if u.sure != 0 && f.seen&u.sure == 0 || f.seen&(u.unsure|factMixed) != 0 || u.unsure == always {
		v.Confidence = Possible
	}
	if f.seen&factLoss != 0 {
		v.Open = strings.TrimPrefix(v.Open+"; the trace lost events, so what is missing here may have happened", "; ")
	}
	marks := r.evidence()
	v.Evidence = make([]Evidence, len(marks))
	for i, m := range marks {
		v.Evidence[i] = Evidence{Input: r.Input, Time: m.Time, Text: m.String()}
	}
	for _, n := range u.near {
		if f.seen.has(n.all) && f.seen&n.none == 0 {
			v.Rejected = append(v.Rejected, Rejection{n.id, fill(n.why)})
		}
	}
	v.Rejected = slices.Clone(v.Rejected) // without the room that append made
	v.DoNow, v.FindOut = slices.Clone(u.doNow), slices.Clone(u.findOut)
	for _, list := range [...][]string{v.DoNow, v.FindOut} {
		for i, s := range list {
			list[i] = fill(s)
		}
	}
	return v
}

// evidence returns the marks to quote: those of the last attempt, the last ones if there are many.
func (r *Request) evidence() []Mark {
	marks := r.Marks
	if n := len(r.Attempts); n > 1 {
		start := r.Attempts[n-1].Start
		marks = slices.DeleteFunc(slices.Clone(marks), func(m Mark) bool { return m.Time < start })
	}
	return marks[max(0, len(marks)-maxEvidence):]
}

// String says what the event shows, with the provider, its id and the name of its error:
// "WebIO 202 connect failed: 10060 WSAETIMEDOUT".
func (m Mark) String() string {
	s := m.Provider + " " + m.Text
	if m.ID != 0 { // a pasted line has none
		s = m.Provider + " " + strconv.Itoa(int(m.ID)) + " " + m.Text
	}
	if m.Error != 0 {
		s += ": " + codeText(m.Error)
	}
	return s
}

// codeText names a code: "10060 WSAETIMEDOUT"; large ones in hexadecimal.
func codeText(c Code) string {
	s := strconv.FormatUint(uint64(c), 10)
	if c > 0xFFFF {
		s = winerr.Hex(uint32(c))
	}
	if name := winerr.Name(uint32(c)); name != "" {
		s += " " + name
	}
	return s
}

// words fills the texts of rules with the values of a request.
func words(r *Request, f *facts) *strings.Replacer {
	server, host := r.Server, r.Host
	if host == "" {
		host = hostOf(r.URL)
	}
	name := host
	if u, err := url.Parse("//" + host); err == nil {
		name = u.Hostname()
	}
	if server == "" {
		server = host
	}
	if server == "" {
		server = "the server"
	}
	address, port := server, "80"
	if u, err := url.Parse("//" + server); err == nil && u.Hostname() != "" {
		address = u.Hostname()
		if u.Port() != "" {
			port = u.Port()
		}
	}
	if name == "" {
		name = server
	}
	process := r.Process
	if process == "" {
		process = "the calling process"
	}
	limit := spell(f.wait)
	if r.Timer != nil {
		limit = spell(r.Timer.Limit)
	}
	end := r.End
	if end.IsZero() {
		end = r.Start
	}
	return strings.NewReplacer(
		"{server}", server, "{address}", address, "{port}", port, "{host}", name, "{process}", process,
		"{limit}", limit, "{wait}", spell(f.wait), "{proxy}", spell(f.proxy), "{duration}", spell(r.Duration()),
		"{bytes}", strconv.FormatUint(f.bytes, 10)+" bytes", "{status}", strconv.Itoa(r.Status),
		"{doing}", r.doing(), "{what}", r.what(),
		"{at}", clockTime(end, "15:04:05"),
		"{from}", clockTime(r.Start-10*etl.Second, "15:04"), "{to}", clockTime(end+120*etl.Second, "15:04"),
	)
}

// doing says what a request that stopped in a phase was about.
var doing = map[PhaseName]string{
	"":           "before anything was sent",
	PhaseRoute:   "while a server was being chosen",
	PhaseProxy:   "while a proxy was being looked for",
	PhaseResolve: "while the name was being looked up",
	PhaseConnect: "while connecting",
	PhaseTLS:     "during the TLS handshake",
	PhaseSend:    "while the request was being sent",
	PhaseReceive: "while waiting for the answer",
	PhaseQueue:   "while waiting for a worker",
	PhaseProcess: "while the worker had it",
}

// doing says what was being done when the request stopped.
func (r *Request) doing() string {
	if r.Phase == PhaseReceive && r.stoppedIn() == "body" {
		return "while the answer was coming in"
	}
	return doing[r.Phase]
}

// what says in general terms how a request failed.
func (r *Request) what() string {
	s := "the request failed"
	if r.Phase != "" {
		s += " " + r.doing()
	}
	switch {
	case r.Error != 0:
		s += " with " + codeText(r.Error)
	case r.WinHTTP.Code != 0:
		s += " with " + codeText(r.WinHTTP.Code)
	}
	return s
}

func clockTime(t etl.Time, layout string) string { return t.Time().Format(layout) }

// spell writes a duration as people say it: 0.3 ms, 41 ms, 2.1 s, 30 s, 2 min 5 s.
func spell(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1000)
	case d < 2*time.Minute:
		s := d.Seconds()
		if d.Round(100*time.Millisecond)%time.Second == 0 {
			return fmt.Sprintf("%.0f s", s)
		}
		return fmt.Sprintf("%.1f s", s)
	}
	d = d.Round(time.Second)
	if d%time.Minute == 0 {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
}

// fared says how the requests to each server went, as the surroundings of one that failed.
type fared struct {
	answered map[string]int
	slowest  map[string]time.Duration
	pages    map[[2]string]int // answered, by server and URL, of pages that failed too
}

func newFared(requests []*Request) *fared {
	w := &fared{map[string]int{}, map[string]time.Duration{}, map[[2]string]int{}}
	for _, r := range requests {
		if r.Side == Client && r.Outcome == Failed && r.Server != "" {
			w.pages[[2]string{r.Server, r.URL}] = 0
		}
	}
	if len(w.pages) == 0 {
		return w
	}
	for _, r := range requests {
		if r.Side != Client || r.Outcome != OK || r.Server == "" {
			continue
		}
		w.answered[r.Server]++
		w.slowest[r.Server] = max(w.slowest[r.Server], r.Duration())
		page := [2]string{r.Server, r.URL}
		if n, ok := w.pages[page]; ok {
			w.pages[page] = n + 1
		}
	}
	return w
}

// context returns sentences on what surrounds a request's failure.
func (w *fared) context(r *Request, f *facts) []string {
	var out []string
	if f.call != "" && r.Phase == PhaseConnect && f.seen&factSending == 0 && strings.Contains(f.call, "Receive") {
		out = append(out, "The error shows up at "+f.call+", but nothing was ever sent.")
	}
	if f.resent > 0 && f.tries == 1 && f.seen&(factRefused|factConnected) == 0 {
		out = append(out, strconv.Itoa(f.resent+1)+" connection attempts were sent, none was answered.")
	}
	if f.tries > 1 {
		out = append(out, strconv.Itoa(f.tries)+" addresses were tried.")
	}
	if r.Side != Client || r.Server == "" {
		return out
	}
	switch n := w.answered[r.Server]; {
	case r.Outcome != Failed:
	case n == 0:
		out = append(out, "No request to "+r.Server+" was answered in this trace.")
	default:
		s := fmt.Sprintf("%d other requests to the same server were answered, slowest %s", n, spell(w.slowest[r.Server]))
		if n == 1 {
			s = "1 other request to the same server was answered, after " + spell(w.slowest[r.Server])
		}
		if w.pages[[2]string{r.Server, r.URL}] == 0 {
			s += ", all for other pages"
		}
		out = append(out, s+".")
	}
	return out
}
