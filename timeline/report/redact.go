package report

import (
	"slices"
	"strconv"
	"strings"

	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/redact"
)

// Redact masks a in place, as the writers do with that of their options: once by each redactor, however many formats
// are written. What the redactor counts is what is in the formats, not what the filter left out.
func (a *Analysis) Redact(r *redact.Redactor) {
	if r == nil || a.redactor == r {
		return
	}
	a.redactor = r
	w := &walk{Redactor: r, machines: map[string]string{}, paths: map[string]string{}, requests: map[*timeline.Request]bool{}}
	if r.Mode() >= redact.Identities {
		w.learn(a)
	}
	w.analysis(a)
}

// redaction says what was masked, for the header of JSON output.
func (a *Analysis) redaction() redaction {
	out := redaction{Mode: a.redactor.Mode().String(), Counts: a.redactor.Counts()}
	if id := a.redactor.KeyID(); id != "" {
		out.KeyID = &id
	}
	return out
}

// notRemoved says what the redaction left in, for those who pass a report on.
func (a *Analysis) notRemoved() []string { return redact.NotRemoved(a.redactor.Mode()) }

// A walk goes over the texts of an analysis.
type walk struct {
	*redact.Redactor
	machines map[string]string // names of machines as they were, and as they are shown
	paths    map[string]string // the same of inputs
	requests map[*timeline.Request]bool
	related  []*timeline.Request // that requests led to, not gone over yet
}

// learn tells the redactor the names that typed fields have.
func (w *walk) learn(a *Analysis) {
	known := map[string]bool{}
	learn := func(kind redact.Kind, name string) {
		if name != "" && !known[string(kind)+name] {
			known[string(kind)+name] = true
			w.Learn(kind, name)
		}
	}
	machine := func(m *timeline.Machine) {
		if m != nil {
			learn(redact.Host, m.Name) // a folder that nothing else names is mostly called after its machine
			learn(redact.Host, m.ClockFrom)
		}
	}
	for _, m := range a.Machines {
		machine(m)
	}
	for i := range a.Inputs {
		in := &a.Inputs[i]
		learn(redact.Path, in.Path)
		learn(redact.Path, in.Container)
	}
	for i := range a.Traces {
		t := &a.Traces[i]
		if i >= len(a.Inputs) || timeline.Kind(a.Inputs[i].Kind).IsSource() { // others are called after what they lie in, be it a cabinet
			machine(t.Machine)
		}
		for _, s := range t.Health.Speakers {
			learn(redact.Process, s.Process)
		}
		for _, c := range t.Health.Connects {
			learn(redact.Host, c.Remote)
			learn(redact.Process, c.Process)
		}
		for _, f := range t.Health.Failures {
			learn(redact.Process, f.Process)
		}
		for _, h := range t.Health.Handshakes {
			learn(redact.Host, h.Host)
		}
	}
	for _, list := range [][]*timeline.Request{a.Everything, a.Requests, a.Aside} {
		for _, q := range list {
			learn(redact.Host, q.Host)
			learn(redact.Host, q.Server)
			learn(redact.Host, q.Client)
			learn(redact.Host, timeline.Authority(q.URL))
			learn(redact.Pool, q.AppPool)
			learn(redact.Pool, q.Queue)
			learn(redact.Farm, q.Farm)
			learn(redact.Process, q.Process)
			if q.MadeBy != nil {
				learn(redact.Module, q.MadeBy.Module)
			}
		}
	}
}

func (w *walk) analysis(a *Analysis) {
	a.Filter = w.filter(a.Filter)
	w.allMachines(a)
	w.inputs(a)
	for i := range a.Traces {
		t := &a.Traces[i]
		t.Path = w.path(t.Path)
		w.health(&t.Health)
		w.text(&t.Counted.Method)
		t.Counted.URL = w.URL(t.Counted.URL)
	}
	for _, d := range a.Discoveries {
		w.verdict(d.Verdict)
	}
	for _, list := range [][]*timeline.Request{a.Requests, a.Aside} {
		w.allRequests(list)
	}
	w.Redactor = w.Uncounted() // of these, no format shows anything that is counted
	w.allRequests(a.Everything)
}

// allRequests goes over requests, and over those that they are related with: one may lead to all others, which is too
// deep to follow by recursion.
func (w *walk) allRequests(list []*timeline.Request) {
	for _, q := range list {
		w.request(q)
	}
	for len(w.related) > 0 {
		last := len(w.related) - 1
		q := w.related[last]
		w.related = w.related[:last]
		w.request(q)
	}
}

func (w *walk) text(s *string) { *s = w.Text(*s) }

func (w *walk) texts(list []string) {
	for i := range list {
		w.text(&list[i])
	}
}

// filter masks the flags that name hosts, users of which no other text may know.
func (w *walk) filter(s string) string {
	if w.Mode() < redact.Identities {
		return w.Text(s)
	}
	words := strings.Split(s, " ")
	for i := range words {
		if i > 0 && words[i-1] == "--host" {
			words[i] = w.Host(words[i])
		}
	}
	return w.Text(strings.Join(words, " "))
}

// allMachines masks every machine of a, once.
func (w *walk) allMachines(a *Analysis) {
	var list []*timeline.Machine
	add := func(m *timeline.Machine) {
		if m != nil && !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	for _, m := range a.Machines {
		add(m)
	}
	for i := range a.Traces {
		add(a.Traces[i].Machine)
	}
	for _, d := range a.Discoveries {
		add(d.Machine)
	}
	for _, m := range list {
		if m.Guessed { // it is called after a folder
			w.machines[m.Name] = w.Path(m.Name)
		} else {
			w.machines[m.Name] = w.Host(m.Name)
		}
	}
	for _, m := range list {
		m.Name, m.ClockFrom = w.computer(m.Name), w.computer(m.ClockFrom)
		for i := range m.Addresses {
			m.Addresses[i] = w.Address(m.Addresses[i])
		}
	}
}

// computer masks the name of a computer as that of its machine.
func (w *walk) computer(name string) string {
	if is, ok := w.machines[name]; ok {
		return is
	}
	return w.Host(name)
}

func (w *walk) inputs(a *Analysis) {
	taken := map[string]bool{}
	for i := range a.Inputs {
		in := &a.Inputs[i]
		was := in.Path
		if _, ok := w.paths[was]; !ok {
			is := w.Path(was)
			for n := 2; taken[is]; n++ { // paths that differ in what is masked only
				is = strings.TrimSuffix(is, "~"+strconv.Itoa(n-1)) + "~" + strconv.Itoa(n)
			}
			taken[is] = true
			w.paths[was] = is
		}
	}
	for i := range a.Inputs {
		in := &a.Inputs[i]
		in.Path, in.Container, in.DuplicateOf = w.path(in.Path), w.path(in.Container), w.path(in.DuplicateOf)
		in.Machine, in.ClockOffsetFrom = w.computer(in.Machine), w.computer(in.ClockOffsetFrom)
		w.text(&in.Note)
		w.text(&in.Error)
		w.texts(in.Channels)
		w.damage(in.Damage)
		if in.Log != nil {
			w.log(in.Log)
		}
	}
}

// path masks the path of an input.
func (w *walk) path(path string) string {
	if is, ok := w.paths[path]; ok {
		return is
	}
	return w.Path(path)
}

func (w *walk) damage(list []Damage) {
	for i := range list {
		w.text(&list[i].Detail)
	}
}

func (w *walk) log(l *Log) {
	h := &l.Header
	w.text(&h.StandardName)
	w.text(&h.DaylightName)
	w.text(&h.LoggerName)
	h.LogFileName = w.Path(h.LogFileName)
	for i := range l.Providers {
		p := &l.Providers[i]
		p.Name = provider(w.Redactor, p.Name)
	}
	for i := range l.Anomalies {
		w.text(&l.Anomalies[i].Detail)
	}
}

// provider masks the name of a provider that is not a known one of Windows.
func provider(r *redact.Redactor, name string) string {
	if _, ok := schema.ByName(name); ok {
		return name
	}
	return r.Named(redact.Label, name)
}

func (w *walk) health(h *timeline.Health) {
	for i := range h.Providers {
		h.Providers[i].Name = provider(w.Redactor, h.Providers[i].Name)
	}
	for i := range h.Speakers {
		w.process(&h.Speakers[i].Process)
	}
	for i := range h.Failures {
		w.process(&h.Failures[i].Process)
		w.text(&h.Failures[i].Call)
	}
	for i := range h.Connects {
		c := &h.Connects[i]
		w.process(&c.Process)
		c.Remote = w.Address(c.Remote)
	}
	for i := range h.Handshakes {
		c := &h.Handshakes[i]
		c.Local, c.Host = w.Address(c.Local), w.Host(c.Host)
	}
	for i := range h.Findings {
		f := &h.Findings[i]
		w.text(&f.Title)
		w.text(&f.Warning)
		w.texts(f.Text)
		w.texts(f.DoNow)
		w.texts(f.Commands)
		w.texts(f.FindOut)
	}
}

func (w *walk) process(s *string) { *s = w.Named(redact.Process, *s) }
func (w *walk) pool(s *string)    { *s = w.Named(redact.Pool, *s) }
func (w *walk) module(s *string)  { *s = w.Named(redact.Module, *s) }

// request masks a request, once, whatever lists it is in.
func (w *walk) request(q *timeline.Request) {
	if w.requests[q] {
		return
	}
	w.requests[q] = true
	w.process(&q.Process)
	w.pool(&q.AppPool)
	w.pool(&q.Queue)
	w.text(&q.Method)
	w.text(&q.LogID)
	q.Farm = w.Named(redact.Farm, q.Farm)
	q.URL = w.URL(q.URL)
	q.Host, q.Server, q.Client = w.Host(q.Host), w.Address(q.Server), w.Address(q.Client)
	w.phases(q.Phases)
	for i := range q.Attempts {
		q.Attempts[i].URL = w.URL(q.Attempts[i].URL)
	}
	if q.MadeBy != nil {
		w.text(&q.MadeBy.Tier)
		w.module(&q.MadeBy.Module)
	}
	if q.Timer != nil {
		w.text(&q.Timer.Name)
	}
	if c := q.Connection; c != nil {
		c.Local, c.Remote = w.Address(c.Local), w.Address(c.Remote)
	}
	w.verdict(q.Verdict)
	if q.Behind != nil {
		w.phases(q.Behind.Phases)
	}
	for i := range q.Related {
		w.text(&q.Related[i].By)
		w.text(&q.Related[i].Text)
		if other := q.Related[i].Request; other != nil && !w.requests[other] {
			w.related = append(w.related, other)
		}
	}
	for i := range q.Marks {
		q.Marks[i].Provider = provider(w.Redactor, q.Marks[i].Provider)
		w.text(&q.Marks[i].Text)
	}
}

func (w *walk) phases(list []timeline.Phase) {
	for i := range list {
		switch p := &list[i]; p.Detail {
		case "", "headers", "body", "pool", "cache":
		default:
			p.Detail = w.Address(p.Detail)
		}
	}
}

func (w *walk) verdict(v *timeline.Verdict) {
	if v == nil {
		return
	}
	w.text(&v.Title)
	w.text(&v.Open)
	for i := range v.Evidence {
		w.text(&v.Evidence[i].Text)
	}
	for i := range v.Rejected {
		w.text(&v.Rejected[i].Why)
	}
	w.texts(v.Context)
	w.texts(v.DoNow)
	w.texts(v.FindOut)
}

// moment returns an event as the formats show it that tell of requests event by event.
func (a *Analysis) moment(row EventRow) Moment {
	ev := row.Event
	if a.events == nil {
		a.events = newRedactor(a.redactor)
	}
	m := Moment{
		Time: ev.Time(), ID: ev.ID(), Level: ev.Level(),
		Source: strings.TrimPrefix(a.events.provider(ev), "Microsoft-Windows-"), Event: a.events.name(ev),
	}
	if text, ok := a.events.message(nil, ev); ok {
		m.Text = string(text)
	}
	for name, text := range a.events.texts(ev) {
		m.Fields = append(m.Fields, Field{name, text})
	}
	return m
}

// redactDiary masks a Failed Request Tracing file in place.
func (a *Analysis) redactDiary(d *Diary) {
	if a.redactor == nil {
		return
	}
	w := &walk{Redactor: a.redactor}
	if w.Mode() >= redact.Identities {
		LearnDiary(w.Redactor, d)
	}
	w.damage(d.Damage)
	if d.Request != nil {
		w.diary(d.Request)
	}
	for i := range d.Events {
		ev := &d.Events[i]
		ev.Computer = w.Host(ev.Computer)
		if w.Mode() < redact.Strict || schema.Lookup(ev.Provider) == nil { // those of IIS itself tell nothing of who uses it
			ev.Source, ev.Name = w.Named(redact.Label, ev.Source), w.Named(redact.Label, ev.Name)
			w.text(&ev.Area)
		}
		header, _ := ev.Field("HeaderName")
		for j := range ev.Fields {
			f := &ev.Fields[j]
			if strings.EqualFold(f.Name, "HeaderValue") && header.Value != "" {
				f.Value = w.Header(header.Value, f.Value)
			} else {
				f.Value = w.Field(f.Name, f.Value)
			}
			w.text(&f.Text)
		}
	}
}

// LearnDiary tells r the names that typed fields of a Failed Request Tracing file have, so that the texts that it masks
// from then on lose them as well.
func LearnDiary(r *redact.Redactor, d *Diary) {
	if r.Mode() < redact.Identities {
		return
	}
	if q := d.Request; q != nil {
		r.Learn(redact.Host, q.Computer)
		r.Learn(redact.Pool, q.AppPool)
		if h := q.Header; h != nil {
			for _, user := range []string{h.RemoteUser, h.User, h.TokenUser} {
				r.Learn(redact.User, user)
			}
		}
		for _, list := range []freb.Headers{q.Received, q.Forwarded, q.Answered} {
			for _, h := range list {
				r.LearnHeader(h.Name, h.Value)
			}
		}
		for i := range q.Forwards {
			r.Learn(redact.Farm, q.Forwards[i].Farm)
			r.Learn(redact.Host, q.Forwards[i].Server)
		}
	}
	for i := range d.Events {
		ev := &d.Events[i]
		r.Learn(redact.Host, ev.Computer)
		header, _ := ev.Field("HeaderName")
		for _, f := range ev.Fields {
			if strings.EqualFold(f.Name, "HeaderValue") {
				r.LearnHeader(header.Value, f.Value)
			} else {
				r.LearnField(f.Name, f.Value)
				r.LearnText(f.Value)
			}
		}
	}
}

// diary masks what the events of a file come to.
func (w *walk) diary(q *freb.Request) {
	q.URL, q.Computer = w.URL(q.URL), w.Host(q.Computer)
	q.Client, q.Local = w.Address(q.Client), w.Address(q.Local)
	w.pool(&q.AppPool)
	w.text(&q.Verb)
	if h := q.Header; h != nil {
		h.URL = w.URL(h.URL)
		w.text(&h.Verb)
		w.pool(&h.AppPool)
		h.RemoteUser, h.User, h.TokenUser = w.User(h.RemoteUser), w.User(h.User), w.User(h.TokenUser)
		w.text(&h.AuthType)
		w.text(&h.FailureReason)
		for i := range h.More {
			f := &h.More[i]
			f.Value, f.Text = w.Field(f.Name, f.Value), w.Text(f.Text)
		}
	}
	for _, list := range []freb.Headers{q.Received, q.Forwarded, q.Answered} {
		for i := range list {
			list[i].Value = w.Header(list[i].Name, list[i].Value)
		}
	}
	w.module(&q.Handler)
	for i := range q.Rewrites {
		q.Rewrites[i] = w.URL(q.Rewrites[i])
	}
	for i := range q.Calls {
		w.module(&q.Calls[i].Module)
	}
	for i := range q.Failures {
		f := &q.Failures[i]
		w.module(&f.Module)
		w.text(&f.Reason)
		w.text(&f.Text)
		w.text(&f.Config)
	}
	for i := range q.Forwards {
		f := &q.Forwards[i]
		f.Farm, f.Server = w.Named(redact.Farm, f.Farm), w.Address(f.Server)
		w.text(&f.State)
		w.text(&f.Algorithm)
		w.text(&f.RoutingReason)
		w.text(&f.Text)
	}
	w.text(&q.Read.Text)
	w.text(&q.Flush.Text)
	for i := range q.Notes {
		w.text(&q.Notes[i].Event)
		w.text(&q.Notes[i].Text)
	}
}
