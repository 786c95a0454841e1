package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"
)

// analysisText writes the answer as plain text for a ticket: what the terminal shows, but nothing left out for want of
// lines, and what the reader of a ticket has to know beside it: of which files it is, and what was masked.
func analysisText(w io.Writer, a *Analysis, _ Options) error {
	s := a.telling(newPage(Options{Width: ticketColumns}))
	s.shown, s.whole = max(len(s.failed), len(s.unhappy)), true
	s.tell()
	s.block(needed)
	s.files()
	s.blank()
	k := a.masking()
	s.labelled("Redaction:", "mode "+k.Mode+". "+k.Words+k.counted())
	s.labelled("Not removed:", k.left())
	s.blank()
	s.text(a.Tool.made(), 2)
	return s.writeTo(w, 0)
}

// left says in a sentence what was not taken out.
func (k *masking) left() string {
	const most = 4
	var list []string
	for i, t := range k.Left {
		if i == most {
			list = append(list, fmt.Sprintf("%d more kinds, which the HTML report and redaction.json of a ticket list", len(k.Left)-most))
			break
		}
		for _, details := range []string{", and ", ", which ", ", where "} {
			t, _, _ = strings.Cut(t, details)
		}
		list = append(list, t)
	}
	return sentence(strings.Join(list, "; "))
}

// files lists the inputs, each with its hash.
func (s *screen) files() {
	list := s.fileList()
	if len(list) == 0 {
		return
	}
	s.blank()
	s.line("Files:")
	for _, f := range list {
		s.indented(f.words)
		if f.hash != "" {
			s.line("    SHA-256 " + f.hash)
		}
	}
}

// A listedFile is an input in the words of a ticket.
type listedFile struct{ words, hash string }

// fileList lists the inputs, as many as a ticket takes. Of where they lay when they were read it names what tells them
// apart.
func (a *Analysis) fileList() (out []listedFile) {
	const most = 60
	folder := a.folder()
	for i := range a.Inputs {
		if i == most {
			return append(out, listedFile{words: fmt.Sprintf("And %s. To list all: etwhy info -f csv PATH", plural(len(a.Inputs)-most, "more file"))})
		}
		in := &a.Inputs[i]
		out = append(out, listedFile{in.words(folder), clean(in.SHA256)})
	}
	return out
}

// words says of an input what it is, what it covers and what is wrong with it.
func (in *Input) words(folder string) string {
	what := cmp.Or(in.sourceKey(), in.Kind)
	if in.Machine != "" {
		what += " of " + shorten(in.Machine, 40)
	}
	parts := []string{what}
	if n := in.Entries; in.Log != nil {
		parts = append(parts, plural(in.Log.total(), "record"))
	} else if n > 0 {
		parts = append(parts, thousands(n)+either(n, " entry", " entries"))
	}
	if in.Size >= 0 {
		parts = append(parts, thousands(in.Size)+" bytes")
	}
	switch {
	case in.Start.IsZero():
	case in.End.Sub(in.Start) < time.Second:
		parts = append(parts, in.Start.Time().Format(time.DateTime)+" UTC")
	default:
		parts = append(parts, datedSpan(in.Start, in.End))
	}
	if in.Log != nil && in.DuplicateOf == "" {
		parts = append(parts, "lost: "+in.Log.lossWords())
	}
	if d := in.ClockOffset.Sub(0); d != 0 && in.ClockOffsetFrom != "" {
		parts = append(parts, fmt.Sprintf("its clock is %s %s %s's", offset(d.Abs()), aheadOrBehind(d), shorten(in.ClockOffsetFrom, 40)))
	}
	const longest = 70
	t := ending(strings.TrimPrefix(in.Path, folder), longest) + ": " + sentence(strings.Join(parts, ", "))
	if in.Error != "" {
		t += " Not read, or not to its end: " + sentence(in.Error)
	}
	if in.damages() > 0 {
		t += " Damaged in " + plural(in.damages(), "place") + "."
	}
	if in.DuplicateOf != "" {
		t += " The same bytes as " + sentence(strings.TrimPrefix(in.DuplicateOf, folder))
	}
	if in.Note != "" {
		t += " " + sentence(in.Note)
	}
	return t
}

// aheadOrBehind says how a clock goes to whose times d has to be added.
func aheadOrBehind(d time.Duration) string {
	if d > 0 {
		return "behind"
	}
	return "ahead of"
}

// listed returns the first rows of inputs, with paths below what they have in common, and how many more there are.
func (a *Analysis) listed(most int) (rows []inputRow, more int) {
	rows, more = a.inputRows()
	if n := len(rows) - most; n > 0 {
		rows, more = rows[:most], more+n
	}
	folder := a.folder()
	for i := range rows {
		rows[i].Path = strings.TrimPrefix(rows[i].Path, folder)
	}
	return rows, more
}

// folder is the part that the paths of all inputs have in common.
func (a *Analysis) folder() string {
	if len(a.Inputs) == 0 {
		return ""
	}
	cut := func(path string) string { return path[:strings.LastIndexAny(path, `/\\`)+1] }
	common := cut(a.Inputs[0].Path)
	for i := range a.Inputs {
		for !strings.HasPrefix(a.Inputs[i].Path, common) {
			common = cut(common[:len(common)-1])
		}
	}
	return common
}
