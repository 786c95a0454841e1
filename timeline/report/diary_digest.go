package report

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/etwhy/etwhy/timeline"
)

// Bounds on what is told of a Failed Request Tracing file in short.
const (
	mostDigests  = 3  // files: of more, how they fared together is told
	digestLines  = 17 // of each, beyond which what matters least goes
	mostTroubles = 5
	mostModules  = 4
)

// OfTracings reports whether there is nothing to tell of but a few Failed Request Tracing files. If their requests went
// well, answers for people tell of each file, which needs [Details].
func (a *Analysis) OfTracings() bool {
	files := 0
	for i := range a.Inputs {
		switch in := &a.Inputs[i]; {
		case in.Kind == string(timeline.KindFREB):
			if in.DuplicateOf == "" {
				files++
			}
		case timeline.Kind(in.Kind).IsSource(): // the style sheet beside them is none
			return false
		}
	}
	return 1 <= files && files <= mostDigests
}

// A digest is what is told of a Failed Request Tracing file in short, where there is no room for its view: why IIS
// wrote it, what went wrong in it, where the time went.
type digest struct {
	File     string
	Facts    []string // which request it is
	Why      string
	Cautions []string // what is missing or damaged
	Troubles []string // warnings and errors
	Silent   string   // instead of Troubles
	Pauses   []string // the longest times without events
	Modules  []string // that took time by themselves, the longest first
	Tick     string   // what the clock makes of times, if it ticks seldom
}

// digests tells of the files that the answer is about; nil if it is not about a few of them whose requests went well: of
// others there is a story.
func (s *screen) digests() (out []digest) {
	if len(s.failed)+len(s.unhappy) > 0 || !s.OfTracings() {
		return nil
	}
	views := s.diaryViews()
	for i := range views {
		out = append(out, views[i].digest())
	}
	return out
}

// briefFacts are those of a file that a digest has, each with what stands in front of it.
var briefFacts = []struct{ name, lead string }{
	{"Started", "started "}, {"Application pool", "pool "}, {"Site", "site "}, {"Worker process", "w3wp.exe PID "}, {"Handler", "handler "},
	{"Client", "client "}, {"User", "user "}, {"URL at the end", "at the end "},
}

func (v *diaryView) digest() digest {
	d := digest{File: v.File, Why: v.Why, Cautions: v.Cautions}
	if v.Tick != inMilliseconds {
		d.Tick = v.Tick
	}
	add := func(lead, value string) {
		if value != "" {
			d.Facts = append(d.Facts, lead+value)
		}
	}
	add("", strings.TrimSpace(v.Method+" "+v.URL))
	add("answered ", v.Status)
	add("took ", v.Took)
	for _, b := range briefFacts {
		for _, f := range v.Facts {
			if f.Name == b.name {
				add(b.lead, f.Value)
			}
		}
	}
	add("machine ", v.Machine)
	for _, f := range v.Forwards {
		add("passed on: ", f.Title)
	}

	if len(v.Troubles) == 0 {
		d.Silent = v.Silent
	}
	for i := range v.Troubles[:min(len(v.Troubles), mostTroubles)] {
		d.Troubles = append(d.Troubles, v.Troubles[i].words())
	}
	if n := len(v.Troubles) - mostTroubles; n > 0 {
		d.Troubles = append(d.Troubles, "and "+thousands(n)+" more")
	}
	for _, p := range v.Pauses {
		where := ""
		if v.Tick != "" { // else no event tells of modules
			where = " " + cmp.Or(when(p.Inside != "", "in "+p.Inside), "outside of modules")
		}
		d.Pauses = append(d.Pauses, p.Took+where+", from event "+p.From.words()+" to "+p.To.words())
	}
	for _, m := range v.Modules[:min(len(v.Modules), mostModules)] {
		d.Modules = append(d.Modules, strings.TrimSpace(m.Name+" "+m.Own+when(m.Share != "", " ("+m.Share+")")))
	}
	return d
}

// words names an event: 83 HANDLER_CHANGED.
func (l *diaryLink) words() string { return strings.TrimSpace(l.Text + " " + l.Note) }

// codeBehind finds the error number that IIS adds to its text about it.
var codeBehind = regexp.MustCompile(`\s*\(0x[0-9A-Fa-f]+\)$`)

// words tells of an event that reports trouble: "warning: 401.2 Unauthorized, 0x80070005 ERROR_ACCESS_DENIED, set by
// WindowsAuthenticationModule in AUTHENTICATE_REQUEST, 0.109 s after the start (event 45)".
func (t *diaryTrouble) words() string {
	code := t.Code
	if quote := codeBehind.ReplaceAllString(t.Quote, ""); quote != "" {
		code += ` "` + quote + `"`
	}
	parts := []string{t.What, t.Status, code, when(t.Config != "", "configuration: "+t.Config)}
	if strings.Join(parts, "") == "" {
		parts[0] = t.Name
		for _, f := range t.Fields[:min(len(t.Fields), 3)] {
			parts = append(parts, f.Name+" "+cmp.Or(f.Text, f.Meaning, f.Value))
		}
	}
	by := t.Module
	if t.Stage != "" {
		by = strings.TrimSpace(by + " in " + t.Stage)
	}
	parts = append(parts, when(by != "", "by "+by), when(t.Since != "", "at "+t.Since))
	out := ""
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			out += ", " + p
		}
	}
	return t.Level + ": " + strings.TrimPrefix(out, ", ") + " (event " + t.Text + ")"
}

// digest adds what is told of a Failed Request Tracing file in short. Of several, the name tells them apart.
func (s *screen) digest(d *digest, several bool) {
	room := 2 * s.width // of what a file says
	if s.whole {
		room *= 10
	}
	facts := make([]string, 0, len(d.Facts)+1)
	if several {
		facts = append(facts, d.File+":")
	}
	for _, f := range d.Facts {
		facts = append(facts, shorten(f, s.width*2/3))
	}
	s.parts("", facts)
	s.text(d.Why, 2)
	for _, c := range d.Cautions {
		s.labelled("Careful:", c)
	}
	s.labelled("Warnings and errors:", d.Silent)
	if len(d.Troubles) > 0 {
		s.line("Warnings and errors:")
	}
	for _, t := range d.Troubles {
		s.indented(shorten(t, room))
	}
	for i, p := range d.Pauses {
		if i > 0 {
			s.block(extra)
		}
		s.labelled(either(i+1, "Longest pause:", "Another one:"), sentence(p))
	}
	s.block(useful)
	s.labelled("Time by module:", sentence(strings.Join(d.Modules, ", ")))
	s.block(extra)
	s.text(d.Tick, 2)
	s.block(needed)
	s.blank()
}
