package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
	"github.com/etwhy/etwhy/timeline/redact"
	"github.com/etwhy/etwhy/timeline/report"
)

func runReport(env *environment, opts *options, args []string) error {
	opts.output = cmp.Or(opts.output, nameAfter(args)+report.TraitsOf(opts.format).Extension)
	f, err := env.find(opts, args)
	if err != nil {
		return err
	}
	defer f.close()
	list := f.phasesFile()
	if list != "" && f.reads(list) {
		return evidenceError("-o", list)
	}
	if list != "" && exists(list) && !opts.force {
		return exitError{exitUsage, fmt.Errorf("%s exists, where the phases of all requests belong: choose another name for -o, or add --force", list)}
	}
	if list != "" {
		f.analysis.Beside = filepath.Base(list)
	}
	if err := f.put(func(w io.Writer, ro report.Options) error {
		return report.WriteAnalysis(w, opts.format, f.analysis, ro)
	}); err != nil {
		return err
	}
	f.wrote(true)
	if list != "" {
		f.opts.output = list
		if err := f.put(func(w io.Writer, ro report.Options) error { return report.WriteTimeline(w, "csv", f.analysis, ro) }); err != nil {
			return err
		}
		f.wrote(false)
	}
	return f.finish(f.exit)
}

func runTicket(env *environment, opts *options, args []string) error {
	opts.output = cmp.Or(opts.output, nameAfter(args)+"-ticket.zip")
	opts.formats, opts.format = []string{"ticket"}, "ticket"
	f, err := env.find(opts, args)
	if err != nil {
		return err
	}
	defer f.close()
	var originals []report.Original
	if opts.originals {
		originals = f.originals()
		env.warn("warning: %d original files go into the ticket as they are, with everything that is secret in them", len(originals))
	}
	f.analysis.Beside = "timeline.csv"
	if err := f.put(func(w io.Writer, ro report.Options) error { return report.WriteTicket(w, f.analysis, originals, ro) }); err != nil {
		return err
	}
	f.wrote(true)
	return f.finish(f.exit)
}

// nameAfter is what a file that is made of args is called, without extension.
func nameAfter(args []string) string {
	base := filepath.Base(filepath.Clean(args[0]))
	name := strings.TrimSuffix(base, filepath.Ext(base))
	if name == "" || strings.Trim(name, "-.") == "" || strings.ContainsAny(name, `*?[]/\`) {
		return "report"
	}
	return name
}

// originals are the files that were read, not what is in containers.
func (f *found) originals() []report.Original {
	var list []report.Original
	for i, in := range f.inc.Inputs {
		path := filepath.FromSlash(in.Path)
		if in.Container != "" || in.Err != nil || in.DuplicateOf != "" || path == "-" {
			continue
		}
		list = append(list, report.Original{
			Name: f.analysis.Inputs[i].Path,
			Open: func() (io.ReadCloser, error) { return os.Open(path) },
		})
	}
	return list
}

// wrote says on standard error what was written and, of the first file, what is still in it.
func (f *found) wrote(first bool) {
	info, err := os.Stat(f.opts.output)
	if err != nil || f.opts.quiet || !f.opts.toFile() {
		return
	}
	masked := ""
	if first {
		masked = " " + f.analysis.Masked()
	}
	f.env.warn("wrote %s (%s).%s", f.opts.output, megabytes(info.Size()), masked)
}

func megabytes(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d KB", (n+1023)>>10)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
}

// phasesFile names the file beside a page that does not show every request event by event, for the phases of all of
// them; "" if there is no need for one.
func (f *found) phasesFile() string {
	if f.opts.format != "html" || !f.opts.toFile() || f.analysis.Details.Len() == len(f.analysis.Requests) {
		return ""
	}
	ext := filepath.Ext(f.opts.output)
	if strings.EqualFold(ext, ".csv") {
		ext = ""
	}
	return strings.TrimSuffix(f.opts.output, ext) + ".csv"
}

// collect reads the files once more, for what the report shows event by event, and masks a: names that only events
// tell are to be known before anything is masked.
func (s *session) collect(a *report.Analysis, res *timeline.Result) {
	d := report.NewDetails(a)
	a.Details = d
	diaries := map[string][]int{} // inputs by request
	for i, in := range s.inc.Inputs {
		if in.Kind == timeline.KindFREB && in.DuplicateOf == "" {
			id := res.Inputs[i].ID(1) // there is one request in such a file
			diaries[id] = append(diaries[id], i)
		}
	}
	if s.redactor.Mode() >= redact.Identities {
		s.eachDiary(d, diaries, func(_ string, file *report.Diary) bool {
			if file != nil {
				report.LearnDiary(s.redactor, file)
			}
			return true
		})
		s.eachEvent(d, res, func(ev incident.Event) { report.LearnEvent(s.redactor, ev.Event) })
	}
	a.Redact(s.redactor)
	s.eachDiary(d, diaries, d.Diary)
	number := map[*incident.Input]int{}
	for i, in := range s.inc.Inputs {
		number[in] = i
	}
	s.eachEvent(d, res, func(ev incident.Event) {
		d.Event(number[ev.Input], report.EventRow{Event: ev.Event, Input: ev.Input.Path, Request: ev.Request})
	})
}

// eachEvent hands on the events of the requests that d is of.
func (s *session) eachEvent(d *report.Details, res *timeline.Result, take func(incident.Event)) {
	for ev := range s.inc.Events(res) {
		if d.Of(ev.Request) != nil {
			take(ev)
		}
	}
}

// eachDiary hands on the Failed Request Tracing files of the requests that d is of, the most urgent first.
func (s *session) eachDiary(d *report.Details, inputs map[string][]int, take func(request string, file *report.Diary) bool) {
	for _, id := range d.IDs() {
		for _, i := range inputs[id] {
			if !d.WantsDiary(id) {
				continue
			}
			take(id, s.diary(i))
		}
	}
}

// diary reads a Failed Request Tracing file with all its events, as far as it goes: what is wrong with it the scan has
// told. nil if it cannot be read again.
func (s *session) diary(i int) *report.Diary {
	in := s.inc.Inputs[i]
	d := &report.Diary{Input: i}
	_ = s.inc.FREB(in, func(t *freb.Trace) (err error) {
		d.Request, err = t.Request()
		return err
	})
	if d.Request == nil {
		return nil
	}
	for _, e := range in.Damage {
		d.Damage = append(d.Damage, report.Damage(e))
	}
	_ = s.inc.FREB(in, func(t *freb.Trace) error {
		for ev, err := range t.Events() {
			if err != nil {
				return err
			}
			one := *ev
			one.Fields = slices.Clone(ev.Fields)
			d.Events = append(d.Events, one)
		}
		return nil
	})
	return d
}
