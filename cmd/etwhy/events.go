package main

import (
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
	"github.com/etwhy/etwhy/timeline/redact"
	"github.com/etwhy/etwhy/timeline/report"
)

func runEvents(env *environment, opts *options, args []string) error {
	s, filter, err := env.scan(opts, args)
	if err != nil {
		return err
	}
	defer s.close()
	providers := s.providers()
	keep, result := s.eventFilter(filter)
	if s.redactor.Mode() >= redact.Identities {
		s.learnNames()
	}
	s.done()
	if !slices.ContainsFunc(s.inc.Inputs, func(in *incident.Input) bool { return in.Log != nil || in.Decoder() != nil }) && s.inc.Readable() && !opts.quiet {
		env.warn("warning: events are those of traces (.etl), and there is none among these files: etwhy timeline lists the requests of the others")
	}
	return s.write(func(w io.Writer, ro report.Options) error {
		out, err := report.NewEventWriter(w, opts.format, ro)
		if err != nil {
			return err
		}
		for ev := range s.inc.Events(result) {
			at := ev.Time()
			if at < filter.From || filter.To != 0 && at > filter.To ||
				len(providers) > 0 && !slices.Contains(providers, ev.Provider()) {
				continue
			}
			process := ""
			if p, ok := ev.Input.Decoder().Processes().At(ev.PID(), at); ok {
				process = p.Name
			}
			if !keep(&ev, process) {
				continue
			}
			row := report.EventRow{Event: ev.Event, Input: ev.Input.Path, Process: process, Request: ev.Request}
			if err := out.Write(row); err != nil {
				return err
			}
		}
		return out.Close()
	}, exitOK)
}

// learnNames tells the redactor the names of everything, so that an event is shown without a name that only a later one
// tells to be one.
func (s *session) learnNames() {
	s.model(s.inc.Analyze(timeline.Options{})).Redact(s.redactor)
	for ev := range s.inc.Events(nil) {
		report.LearnEvent(s.redactor, ev.Event)
	}
}

// eventFilter says which events the filter keeps, and the result that events need to know their requests:
// nil if neither the filter nor the format asks for them, which saves building them.
func (s *session) eventFilter(f *timeline.Filter) (keep func(ev *incident.Event, process string) bool, result *timeline.Result) {
	byProcess := len(f.PIDs) > 0 || len(f.Processes) > 0
	byRequest := len(f.AppPools) > 0 || len(f.URLs) > 0 || len(f.Hosts) > 0 || len(f.IDs) > 0 || f.FailedOnly || f.MinDuration > 0
	if !byProcess && !byRequest {
		if s.opts.format != "table" && s.opts.format != "csv" { // which have no column for the request
			result = s.inc.Analyze(timeline.Options{Brief: true})
		}
		return func(*incident.Event, string) bool { return true }, result
	}
	result = s.inc.Analyze(timeline.Options{})
	s.warnFilter(f, result)
	everything := *f
	everything.AllTraffic = true
	selected := map[string]bool{}
	for _, r := range everything.Select(result.Requests).Requests {
		selected[r.ID] = true
	}
	return func(ev *incident.Event, process string) bool {
		return selected[ev.Request] || !byRequest && f.MatchProcess(ev.PID(), process)
	}, result
}

// providers turns the names and GUIDs of --provider into GUIDs.
func (s *session) providers() []etl.GUID {
	var guids []etl.GUID
	seen := map[string]bool{}
	for _, in := range s.inc.Inputs {
		for _, p := range in.Providers {
			seen[cmp.Or(p.Name, p.GUID.String())] = true
		}
	}
	for _, name := range s.opts.providers {
		g, ok := schema.ByName(name)
		found := false
		for _, in := range s.inc.Inputs {
			for _, p := range in.Providers {
				if !ok && strings.EqualFold(p.Name, name) {
					g, ok = p.GUID, true
				}
				found = found || ok && p.GUID == g
			}
		}
		if !found && len(seen) > 0 && !s.opts.quiet {
			s.env.warn("warning: no events of provider %s; providers seen: %s", name, list(seen))
		}
		guids = append(guids, g) // zero, which no event has, where the name says nothing
	}
	return guids
}
