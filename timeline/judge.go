package timeline

import (
	"cmp"
	"fmt"
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
	lists map[string][]string
	nears map[string][]Rejection
	key   []byte // of the list in hand
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

// judge judges what did not go well, with an eye on how the other requests fared and on what else the files tell.
func (b *Builder) judge() {
	j := &judge{fared: newFared(b.requests), texts: map[string]string{}, lists: map[string][]string{}, nears: map[string][]Rejection{}}
	b.findOutages()
	for _, r := range b.requests {
		if r.Outcome == Failed || r.Outcome == Cancelled || r.odd() {
			told := r.facts != nil
			r.Verdict = j.verdict(b, r)
			if !told || r.kind() == KindIISLog { // nobody asks again
				r.facts = nil
			}
			if r.alike() == nil {
				j.share(r.Verdict)
			}
		}
	}
	b.discover(j)
	b.joinCalls()
	for _, r := range b.requests { // only now: one may be judged by what another one tells
		if r.Verdict != nil {
			r.Marks = nil // the verdict quotes them
			r.Behind = b.behind(r)
		}
		r.facts, r.sight = nil, nil
	}
}

// odd reports whether a request that went well may be worth a verdict all the same: one that began a tunnel, of which
// nobody knows what became of it, or one that was turned down on its way.
func (r *Request) odd() bool {
	return r.Outcome == OK && (r.Status == 101 || r.Status == 400 && r.Side == Client)
}

// tables are the rules for each side, in the order in which they are tried: what several files tell comes before
// what a trace tells alone.
var tables = [...][]rule{
	Client: slices.Concat(coreRules, proxyRules, rules),
	Server: slices.Concat(looseRules, servedRules, poolRules, loadRules, setterRules, serverRules),
}

// pageRules are the rules for error pages that are of no request that the files know.
var pageRules = slices.Concat(frontRules, coreAloneRules)

// machineRules are the rules for machines, whatever their requests tell.
var machineRules = slices.Concat(aloneRules, proxyAloneRules)

// verdict finds the rule that fits, and writes it out.
func (j *judge) verdict(b *Builder, r *Request) *Verdict {
	alike := r.alike()
	if alike != nil && alike.verdict != nil {
		return alike.verdict
	}
	f := r.known()
	if m, ok := winerr.ToWinHTTP(uint32(r.Error)); ok && r.WinHTTP.From == FromTrace && Code(m.To.Number) != r.WinHTTP.Code {
		f.seen |= factMixed
	}
	x := b.scene(r)
	if v := x.handedOn(j); v != nil {
		return v
	}
	table := tables[r.Side]
	i := slices.IndexFunc(table, func(u rule) bool { return u.fits(x) })
	if i < 0 {
		return nil
	}
	v := table[i].verdict(x)
	v.Context = append(v.Context, x.context...)
	if r.Timer == nil && r.Outcome == Failed {
		r.Timer = x.timer
	}
	if r.Side == Client {
		v.Context = append(v.Context, j.fared.context(x)...)
	} else if f.late > 0 {
		v.Context = append(v.Context, "The application passed its answer "+spell(f.late-f.wait)+" after that; it had taken "+spell(f.late)+".")
	}
	if o := r.outage(); o != nil {
		v.AtLeast = o.rolled || b.sessions[r.Input].counted.Failed > 0
	}
	if alike != nil {
		j.share(v)
		alike.verdict, alike.found = v, nil
	}
	return v
}

// discover looks for what the files of a machine tell although no request of theirs shows it.
func (b *Builder) discover(j *judge) {
	told := map[*Machine]map[string]bool{}
	for _, r := range b.requests {
		if r.Verdict != nil {
			for _, m := range []*Machine{b.on(r), b.machineAt(r.Server)} {
				if m != nil && told[m] == nil {
					told[m] = map[string]bool{}
				}
				if m != nil {
					told[m][r.Verdict.ID] = true
				}
			}
		}
	}
	for _, m := range b.machines {
		x := b.machineScene(m)
		for i := range machineRules {
			u := &machineRules[i]
			if told[m][u.id] && u.id != "NE" || !u.fits(x) {
				continue
			}
			v := u.verdict(x)
			v.Context = append(v.Context, x.context...)
			j.share(v)
			b.discoveries = append(b.discoveries, Discovery{m, v})
			if told[m] == nil {
				told[m] = map[string]bool{}
			}
			told[m][u.id] = true // the rules that follow say the same with less
		}
	}
	for _, x := range b.pageScenes() {
		i := slices.IndexFunc(pageRules, func(u rule) bool { return u.fits(x) })
		if i < 0 || told[x.front][pageRules[i].id] {
			continue
		}
		v := pageRules[i].verdict(x)
		j.share(v)
		b.discoveries = append(b.discoveries, Discovery{x.front, v})
	}
}

// share replaces the texts of a verdict by those of others.
func (j *judge) share(v *Verdict) {
	if v == nil {
		return
	}
	v.Title, v.Open = j.same(v.Title), j.same(v.Open)
	v.Context, v.DoNow, v.FindOut = j.sameList(v.Context), j.sameList(v.DoNow), j.sameList(v.FindOut)
	for i := range v.Evidence {
		v.Evidence[i].Text = j.same(v.Evidence[i].Text)
	}
	j.key = j.key[:0]
	for _, n := range v.Rejected {
		j.key = append(append(append(append(j.key, n.ID...), 0), n.Why...), 0)
	}
	v.Rejected = same(j.nears, j.key, v.Rejected)
}

// sameList returns one copy of equal lists.
func (j *judge) sameList(list []string) []string {
	j.key = j.key[:0]
	for _, s := range list {
		j.key = append(append(j.key, s...), 0)
	}
	return same(j.lists, j.key, list)
}

// maxLists bounds the lists that a judge remembers.
const maxLists = 10_000

// same returns the list that is known by the key, or else list, which will be.
func same[E any](known map[string][]E, key []byte, list []E) []E {
	if len(list) == 0 {
		return list
	}
	if one, ok := known[string(key)]; ok {
		return one
	}
	if len(known) >= maxLists {
		clear(known)
	}
	list = slices.Clip(slices.Clone(list))
	known[string(key)] = list
	return list
}

// fits reports whether the rule's conditions hold.
func (u *rule) fits(x *scene) bool {
	r, f := x.r, x.f
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
		u.detail != "" && r.stoppedIn() != u.detail,
		u.reasons != nil && !slices.Contains(u.reasons, f.call),
		u.statuses != nil && !slices.Contains(u.statuses, r.status()) && !slices.Contains(u.statuses, strconv.Itoa(r.Status)),
		!x.hasAll(u.see),
		u.seeAny != nil && !slices.ContainsFunc(u.seeAny, x.has),
		slices.ContainsFunc(u.unless, x.has):
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
func (u *rule) verdict(x *scene) *Verdict {
	f := x.f
	fill := x.replacer().Replace
	v := &Verdict{ID: u.id, Title: fill(u.title), Open: fill(u.open), Confidence: Likely}
	if u.sure != 0 && f.seen&u.sure == 0 || f.seen&(u.unsure|factMixed) != 0 || u.unsure == always {
		v.Confidence = Possible
	}
	if v.Confidence == Likely && u.proof != nil && f.seen&factLoss == 0 && x.hasAll(u.proof) {
		v.Confidence = Certain
	}
	if f.seen&factLoss != 0 {
		v.Open = strings.TrimPrefix(v.Open+"; the trace lost events, so what is missing here may have happened", "; ")
	}
	v.Evidence = x.evidence(u)
	if v.Confidence == Certain && x.joinedByFolder(v.Evidence) {
		v.Confidence = Likely
		v.Open = strings.TrimPrefix(v.Open+"; whether these files are of the same machine: only their folder says so", "; ")
	}
	for _, n := range u.near {
		if why := fill(n.why); f.seen.has(n.all) && f.seen&n.none == 0 && why != "" {
			v.Rejected = append(v.Rejected, Rejection{n.id, why})
		}
	}
	for _, n := range x.rejected {
		if n.ID != u.id && !slices.ContainsFunc(v.Rejected, func(o Rejection) bool { return o.ID == n.ID }) {
			v.Rejected = append(v.Rejected, n)
		}
	}
	v.Rejected = slices.Clone(v.Rejected) // without the room that append made
	v.DoNow, v.FindOut = slices.Clone(u.doNow), append(x.wanted(u.behind, u.here), u.findOut...)
	for _, list := range [...][]string{v.DoNow, v.FindOut} {
		for i, s := range list {
			list[i] = fill(s)
		}
	}
	empty := func(s string) bool { return s == "" } // a step that there is no need for
	v.DoNow, v.FindOut = slices.DeleteFunc(v.DoNow, empty), slices.DeleteFunc(v.FindOut, empty)
	return v
}

// A bearing says in which phases an event bears on why a request stopped there.
type bearing struct {
	provider    string
	first, last uint16      // event ids
	phases      []PhaseName // nil = any
}

// Where the events of connecting and of the wire bear.
var (
	atTLS      = []PhaseName{PhaseTLS}
	onWire     = []PhaseName{PhaseTLS, PhaseSend, PhaseReceive}
	resolving  = []PhaseName{PhaseResolve}
	receiving  = []PhaseName{PhaseReceive, ""}
	everyEvent = ^uint16(0)
)

// bearings are the events that verdicts rest on. The code that ended the request is not in it: see keys.
var bearings = []bearing{
	{"WinHttp", proxySearch, proxyTransfer, []PhaseName{PhaseProxy, ""}},
	{"WebIO", webCreateFailed, webCreateFailed, nil},
	{"WebIO", 205, 212, resolving},
	{"DNS-Client", 0, everyEvent, resolving},
	{"Winsock-NameResolution", 0, everyEvent, resolving},
	{"WebIO", 202, 204, connecting},
	{"TCPIP", 1018, 1030, connecting},
	{"TCPIP", 1045, 1045, connecting},
	{"TCPIP", 1183, 1183, connecting},
	{"TCPIP", 1564, 1564, connecting},
	{"WebIO", 201, 201, onWire},
	{"WebIO", 204, 204, onWire},
	{"WebIO", 216, 216, onWire},
	{"TCPIP", 1046, 1047, onWire},
	{"TCPIP", 1184, 1184, onWire},
	{"WebIO", 700, 730, atTLS},
	{"Schannel", 0, everyEvent, atTLS},
	{"", 0, 0, transferring}, // what no single event shows
	{"WebIO", 112, 112, []PhaseName{PhaseSend}},
	{"WebIO", 214, 214, []PhaseName{PhaseSend}},
	{"WebIO", 708, 708, []PhaseName{PhaseSend}},
	{"WebIO", 101, 101, receiving},
	{"WebIO", 117, 124, receiving},
	{"WebIO", 218, 224, transferring},
}

// endings are the events by which a caller ends a request.
var endings = []uint16{19, 30, 136, 902}

// bears reports whether the verdict on a request that stopped in a phase rests on the event.
func (m *Mark) bears(phase PhaseName) bool {
	return slices.ContainsFunc(bearings, func(b bearing) bool {
		return b.provider == m.Provider && m.ID >= b.first && m.ID <= b.last && (b.phases == nil || slices.Contains(b.phases, phase))
	})
}

// keys tells which marks the verdict on a request rests on. Next to the events that bear on the phase, that
// is where its code was reported first, or what gave it up.
func (r *Request) keys(marks []Mark) []bool {
	key := make([]bool, len(marks))
	coded, ended := r.Error == 0, r.Outcome == Failed && r.Timer == nil
	for i := range marks {
		m := &marks[i]
		if r.Side == Server {
			key[i] = m.Error != 0
		} else {
			key[i] = m.bears(r.Phase) && !isCancel(m.Error)
		}
		coded = coded || key[i] && m.Error == r.Error
	}
	for i := range marks {
		m := &marks[i]
		switch {
		case !coded && m.Error == r.Error:
			key[i], coded = true, true
		case !ended && r.Error == 0 && r.Side == Client && (m.Provider == "WebIO" && slices.Contains(endings, m.ID) || isCancel(m.Error)):
			key[i], ended = true, true
		}
	}
	if n := len(marks); n > 0 && !slices.Contains(key, true) {
		key[n-1] = true
	}
	return key
}

// evidence returns what the verdict quotes of the last attempt, in time order: what it rests on, and as
// much of what happened around it, the last first, as there is room for.
func (r *Request) evidence() []Evidence {
	marks := r.Marks
	if n := len(r.Attempts); n > 1 {
		start := r.Attempts[n-1].Start
		marks = slices.DeleteFunc(slices.Clone(marks), func(m Mark) bool { return m.Time < start })
	}
	keys := r.keys(marks)
	quoted := make([]bool, len(marks))
	room := maxEvidence
	for _, key := range [...]bool{true, false} {
		for i := len(marks) - 1; i >= 0 && room > 0; i-- {
			if keys[i] == key {
				quoted[i] = true
				room--
			}
		}
	}
	out := make([]Evidence, 0, maxEvidence-room)
	for i, m := range marks {
		if quoted[i] {
			out = append(out, Evidence{Input: r.Input, Time: m.Time, Text: m.String(), Key: keys[i], Place: Place{Line: int(m.Line)}})
		}
	}
	return out
}

// String says what the event shows, with the provider, its id and the name of its error:
// "WebIO 202 connect failed: 10060 WSAETIMEDOUT".
func (m Mark) String() string {
	s := m.Text
	if m.Line != 0 {
		s = "line " + strconv.Itoa(int(m.Line)) + ": " + s
	}
	if m.ID != 0 { // a pasted line has none
		s = strconv.Itoa(int(m.ID)) + " " + s
	}
	if m.Provider != "" {
		s = m.Provider + " " + s
	}
	if name := winerr.Name(uint32(m.Error)); m.Error != 0 && (name == "" || !strings.Contains(m.Text, name)) { // a text line may have it
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

// replacer fills the texts of rules with the values of a request, and with what the lookers of the scene found.
func (x *scene) replacer() filler {
	r, f, to := x.r, x.f, x.r.asked()
	process := r.Process
	if process == "" {
		process = "the calling process"
	}
	end := r.End
	if end.IsZero() {
		end = r.Start
	}
	wait := f.wait
	if wait == 0 { // what it waited for was not traced
		wait = end.Sub(r.Start)
	}
	limit := wait
	if r.Timer != nil {
		limit = r.Timer.Limit
	}
	after := ""
	if d := r.Duration(); d > 0 { // else its start is not known
		after = " after " + spell(d)
	}
	farm, loopback := &elsewhere, ""
	if r.Proxied || r.Farm != "" || r.LogID != "" || x.front.Role == RoleProxy { // else a program of its own asks
		farm = &inFarm
	}
	if f.loops || f.tries == 0 && strings.EqualFold(to.name, "localhost") {
		loopback = "; or [::1] was tried first, where nobody listens"
	}
	span := "that time"
	if !r.Start.IsZero() {
		first, last := x.span()
		span = first + " to " + last + " UTC"
	}
	return append(x.words,
		"{timeout}", farm.timeout, "{port of}", farm.port, "{retire}", strings.ReplaceAll(farm.retire, "{address}", to.address),
		"{loopback}", loopback, "{others}", f.others(r.Error),
		"{reach}", to.reach, "{the files}", r.toldBy().do, "{these files}", r.toldBy().these, "{record}", r.toldBy().record, "{no crash}", "",
		"{server}", to.server, "{address}", to.address, "{port}", to.port, "{host}", to.name, "{process}", process,
		"{limit}", spell(limit), "{wait}", spell(wait), "{proxy}", spell(f.proxy), "{duration}", spell(r.Duration()), "{after}", after,
		"{bytes}", strconv.FormatUint(f.bytes, 10)+" bytes", "{status}", strconv.Itoa(r.Status),
		"{unsent}", either(max(len(r.Attempts), 1), "the request was never sent", "the request was not sent this time"),
		"{doing}", r.doing(), "{while}", r.while(), "{what}", r.what(),
		"{at}", clockTime(end, "15:04:05"),
		"{span}", span,
		"{queue}", cmp.Or(r.Queue, "(unknown)"), "{reason}", cmp.Or(f.call, "for no reason given"),
		"{client}", cmp.Or(hostName(r.Client), "the client"), "{where}", whereAtServer[r.Phase],
	)
}

// A destination is what a request was for, in the words of rules.
type destination struct {
	server        string // as the files name it, with or without port
	address, port string // of it
	name          string // of the host that was asked for
	reach         string // how to find out whether it can be reached
}

// asked returns what a request was for.
func (r *Request) asked() (to destination) {
	host := r.Host
	if r.Proxied { // of the server behind, not that of the client's URL
		host = cmp.Or(r.Server, host)
		if len(r.Attempts) > 0 {
			host = cmp.Or(Authority(r.lastURL()), host)
		}
	}
	host = cmp.Or(host, Authority(r.URL))
	to.server = cmp.Or(r.Server, host, "the server")
	to.name, _ = SplitHost(host)
	to.name = cmp.Or(to.name, to.server)
	to.address, to.port = SplitHost(to.server)
	to.address = cmp.Or(to.address, to.server)
	switch {
	case to.port != "":
	case strings.HasPrefix(r.lastURL(), "https:"):
		to.port = "443"
	default:
		to.port = "80"
	}
	switch {
	case r.Server == "" && (r.Proxied || host == ""):
		to.reach = "find out which server it was for (rewrite rule, farm), then test its port from this machine (Test-NetConnection)"
	case r.Proxied && to.address == to.server && len(r.Attempts) == 0:
		to.reach = "on this machine: Test-NetConnection " + to.address + ", with the port that the farm has for it"
	default:
		to.reach = "on this machine: Test-NetConnection " + to.address + " -Port " + to.port
	}
	return to
}

// A filler has words in braces, each followed by what it stands for. Of a word that is there twice, the first counts.
type filler []string

// Replace replaces the words in a text. What it puts in their place is left as it is.
func (f filler) Replace(s string) string {
	var out []byte
	done := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '{' {
			continue
		}
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			break
		}
		word := s[i : i+end+1]
		for k := 0; k+1 < len(f); k += 2 {
			if f[k] == word {
				out = append(append(out, s[done:i]...), f[k+1]...)
				i += end
				done = i + 1
				break
			}
		}
	}
	if done == 0 {
		return s
	}
	return string(append(out, s[done:]...))
}

// span is the time for which files are asked for.
func (x *scene) span() (from, to string) {
	return clockTime(x.r.Start-10*etl.Second, "15:04"), clockTime(x.end()+120*etl.Second, "15:04")
}

// A telling has the words for what a request is known from.
type telling struct{ these, do, record string }

var (
	byTrace = telling{"this trace", "the trace does", "record again"}
	byFiles = telling{"these files", "the files here do", "record a trace on this machine"}
)

// toldBy returns the words for what the request is known from.
func (r *Request) toldBy() telling {
	if r.kind() == KindETL {
		return byTrace
	}
	return byFiles
}

// places are the words for where servers are set: a farm only with the worker process of a proxy.
type places struct{ timeout, port, retire string }

var (
	inFarm    = places{"the time-out of the proxy's farm", "the port in the farm", "take {address} out of the farm until it answers"}
	elsewhere = places{"the caller's time-out", "the port that the caller uses", "let the caller use another address until {address} answers"}
)

// others says how the addresses fared that were tried beside the one with the error.
func (f *facts) others(err Code) string {
	silent, refused := f.silent, f.refused
	switch err {
	case codeConnTimeout:
		silent--
	case codeRefused, codeRefusedWin32:
		refused--
	}
	s := ""
	if silent > 0 {
		s += ", and " + counted(silent, "other address", "other addresses") + " did not answer"
	}
	if refused > 0 {
		s += ", and " + counted(refused, "other address", "other addresses") + " refused"
	}
	return s
}

// counted writes a number of things.
func counted(n int, one, many string) string {
	return thousands(uint64(max(n, 0))) + " " + either(n, one, many)
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

// while says the same as an addition to a sentence. Of requests that only logs know, no phase is known unless they
// have one.
func (r *Request) while() string {
	if r.Phase == "" && r.kind() != KindETL && r.kind() != KindText {
		return ""
	}
	return ", " + r.doing()
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
	servers map[string]*server
	pages   map[[2]string]int // that went well, by server and URL, of pages that failed too
}

// A server is what is known of the requests to one address.
type server struct {
	well     int           // requests that went well
	slowest  time.Duration // of these
	answered int           // requests that got an answer, however they ended
}

func newFared(requests []*Request) *fared {
	w := &fared{map[string]*server{}, map[[2]string]int{}}
	for _, r := range requests {
		if r.Side == Client && r.Outcome == Failed && r.Server != "" {
			w.servers[r.Server] = new(server)
			w.pages[[2]string{r.Server, r.URL}] = 0
		}
	}
	if len(w.pages) == 0 {
		return w
	}
	for _, r := range requests {
		if r.Side != Client {
			continue
		}
		for _, h := range hops(r) {
			if s := w.servers[h.server]; s != nil && h.answered {
				s.answered++
			}
		}
		s := w.servers[r.Server]
		if r.Outcome != OK || s == nil {
			continue
		}
		s.well++
		s.slowest = max(s.slowest, r.Duration())
		page := [2]string{r.Server, r.URL}
		if n, ok := w.pages[page]; ok {
			w.pages[page] = n + 1
		}
	}
	return w
}

// context returns sentences on what surrounds a request's failure.
func (w *fared) context(x *scene) []string {
	r, f := x.r, x.f
	var out []string
	if f.call != "" && r.Phase == PhaseConnect && f.seen&factSending == 0 && strings.Contains(f.call, "Receive") {
		out = append(out, "The error shows up at "+f.call+", but "+either(max(len(r.Attempts), 1), "nothing was ever sent.", "nothing was sent this time."))
	}
	if f.resent > 0 && f.tries == 1 && f.seen&(factRefused|factConnected) == 0 {
		out = append(out, strconv.Itoa(f.resent+1)+" connection attempts were sent, none was answered.")
	}
	if f.tries > 1 {
		s := strconv.Itoa(f.tries) + " addresses were tried"
		switch {
		case f.silent > 0 && f.refused > 0:
			s += fmt.Sprintf(": %d did not answer, %d refused", f.silent, f.refused)
		case f.silent > 0:
			s += fmt.Sprintf(": %d did not answer", f.silent)
		case f.refused > 0:
			s += fmt.Sprintf(": %d refused", f.refused)
		}
		out = append(out, s+".")
	}
	s := w.servers[r.Server]
	if s == nil || r.Outcome != Failed || r.Server == "" {
		return out
	}
	itself := 0
	for _, h := range hops(r) {
		if h.server == r.Server && h.answered {
			itself = 1
		}
	}
	switch n := s.answered - itself; {
	case s.well > 0:
		t := counted(s.well, "other request to the same server was answered, after ", "other requests to the same server were answered, slowest ") + spell(s.slowest)
		if w.pages[[2]string{r.Server, r.URL}] == 0 {
			t += either(s.well, ", for another page", ", all for other pages")
		}
		out = append(out, t+".")
	case n > 0:
		out = append(out, counted(n, "other request to the same server got an answer, and did not go well either.", "other requests to the same server got an answer, and none of them went well."))
	case r.kind() != KindETL: // other files than traces tell of requests that failed, or not where they went
	case r.kind() != KindETL && x.back != nil && x.back != x.front && len(x.b.look().served[x.back]) > 0:
		// Its own files have requests: those of the proxy do not tell how they fared.
	case itself > 0 || f.seen&(factBytes|factHeaders) != 0:
		out = append(out, "No other request to "+r.Server+" was answered in "+r.toldBy().these+".")
	default:
		out = append(out, "No request to "+r.Server+" was answered in "+r.toldBy().these+".")
	}
	return out
}

// either returns one for 1 thing and many for several.
func either(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
