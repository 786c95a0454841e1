package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
	"github.com/etwhy/etwhy/timeline/report"
)

func runReport(env *environment, opts *options, args []string) error {
	opts.output = cmp.Or(opts.output, nameAfter(args)+report.TraitsOf(opts.format).Extension)
	f, err := env.find(opts, args)
	if err != nil {
		return err
	}
	defer f.close()
	if err := f.writeAs(report.WriteAnalysis, exitOK); err != nil {
		return err
	}
	f.wrote()
	return f.listPhases()
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
	err = f.write(func(w io.Writer, ro report.Options) error { return report.WriteTicket(w, f.analysis, originals, ro) }, f.exit)
	if err != nil {
		return err
	}
	f.wrote()
	return nil
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

// wrote says on standard error what was written, and what is still in it.
func (f *found) wrote() {
	if f.opts.quiet || !f.opts.toFile() {
		return
	}
	info, err := os.Stat(f.opts.output)
	if err != nil {
		return
	}
	f.env.warn("wrote %s (%s). %s", f.opts.output, megabytes(info.Size()), f.analysis.Masked())
}

func megabytes(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d KB", (n+1023)>>10)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
}

// listPhases writes beside a report that does not show every request event by event what it has of all of them.
func (f *found) listPhases() error {
	n := f.analysis.Details.Len()
	if f.opts.format != "html" || !f.opts.toFile() || n == len(f.analysis.Requests) {
		return nil
	}
	f.opts.output = strings.TrimSuffix(f.opts.output, filepath.Ext(f.opts.output)) + ".csv"
	if _, err := os.Lstat(f.opts.output); err == nil && !f.opts.force {
		return f.opts.exists()
	}
	f.opts.format = "csv"
	if err := f.write(func(w io.Writer, ro report.Options) error {
		return report.WriteTimeline(w, "csv", f.analysis, ro)
	}, exitOK); err != nil {
		return err
	}
	f.wrote()
	return nil
}

// collect reads the files once more, for what the report shows event by event.
func (s *session) collect(a *report.Analysis, res *timeline.Result) {
	d := report.NewDetails(a)
	a.Details = d
	number := map[*incident.Input]int{}
	diaries := map[string][]int{} // inputs by request
	for i, in := range s.inc.Inputs {
		number[in] = i
		if in.Kind == timeline.KindFREB && in.DuplicateOf == "" {
			id := res.Inputs[i].ID(1) // there is one request in such a file
			diaries[id] = append(diaries[id], i)
		}
	}
	for _, id := range d.IDs() {
		for _, i := range diaries[id] {
			if !d.WantsDiary(id) {
				continue
			}
			if file, err := s.diary(i); err == nil { // the scan has told what is wrong with it
				d.Diary(id, file)
			}
		}
	}
	for ev := range s.inc.Events(res) {
		if d.Of(ev.Request) != nil {
			d.Event(number[ev.Input], report.EventRow{Event: ev.Event, Input: ev.Input.Path, Request: ev.Request})
		}
	}
}

// diary reads a Failed Request Tracing file with all its events.
func (s *session) diary(i int) (*report.Diary, error) {
	in := s.inc.Inputs[i]
	d := &report.Diary{Input: i}
	err := s.inc.FREB(in, func(t *freb.Trace) error {
		q, err := t.Request()
		d.Request = q
		return err
	})
	if d.Request == nil {
		return nil, err
	}
	for _, e := range in.Damage {
		d.Damage = append(d.Damage, report.Damage(e))
	}
	return d, errors.Join(err, s.inc.FREB(in, func(t *freb.Trace) error {
		for ev, err := range t.Events() {
			if err != nil {
				return err
			}
			one := *ev
			one.Fields = slices.Clone(ev.Fields)
			d.Events = append(d.Events, one)
		}
		return nil
	}))
}
