package report

import (
	"net/netip"
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
	for _, m := range a.Machines {
		if !m.Guessed {
			learn(redact.Host, m.Name)
		}
		learn(redact.Host, m.ClockFrom)
	}
	for i := range a.Inputs {
		in := &a.Inputs[i]
		learn(redact.Path, in.Path)
		learn(redact.Path, in.Container)
	}
	for i := range a.Traces {
		t := &a.Traces[i]
		if t.Machine != nil && !t.Machine.Guessed {
			learn(redact.Host, t.Machine.Name)
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
			if _, rest, ok := strings.Cut(q.URL, "://"); ok {
				host, _, _ := strings.Cut(rest, "/")
				learn(redact.Host, host[strings.LastIndexByte(host, '@')+1:])
			}
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
	for _, m := range a.Machines {
		w.machine(m)
	}
	for i := range a.Traces {
		w.machine(a.Traces[i].Machine)
	}
	for _, d := range a.Discoveries {
		w.machine(d.Machine)
	}
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
		for _, q := range list {
			w.request(q)
		}
	}
	w.Redactor = w.Uncounted() // of these, no format shows anything that is counted
	for _, q := range a.Everything {
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

func (w *walk) machine(m *timeline.Machine) {
	if m == nil {
		return
	}
	if _, ok := w.machines[m.Name]; !ok {
		name := w.Host
		if m.Guessed { // it is called after a folder
			name = w.Path
		}
		w.machines[m.Name] = name(m.Name)
	} else if w.isMachine(m.Name) {
		return // it has been here
	}
	m.Name = w.machines[m.Name]
	w.machines[m.Name] = m.Name
	for i := range m.Addresses {
		m.Addresses[i] = w.Address(m.Addresses[i])
	}
	m.ClockFrom = w.computer(m.ClockFrom)
	w.role(&m.Role)
}
