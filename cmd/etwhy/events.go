package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline/report"
)

func runEvents(env *environment, opts *options, args []string) error {
	providers, err := parseProviders(opts.providers)
	if err != nil {
		return err
	}
	s, err := env.open(opts, args)
	if err != nil {
		return err
	}
	defer s.close()
	s.inc.Scan(false)
	filter, err := s.filter()
	if err != nil {
		return err
	}
	s.done()
	return s.write(func(w io.Writer, ro report.Options) error {
		out, err := report.NewEventWriter(w, opts.format, ro)
		if err != nil {
			return err
		}
		for ev := range s.inc.Events() {
			if filter.To != 0 && ev.Time() > filter.To {
				break
			}
			if ev.Time() < filter.From || len(providers) > 0 && !slices.Contains(providers, ev.Provider()) {
				continue
			}
			process := ""
			if p, ok := ev.Input.Decoder().Processes().At(ev.PID(), ev.Time()); ok {
				process = p.Name
			}
			if !filter.MatchProcess(ev.PID(), process) {
				continue
			}
			if err := out.Write(report.EventRow{Event: ev.Event, Input: ev.Input.Path, Process: process}); err != nil {
				return err
			}
		}
		return out.Close()
	}, exitOK)
}

// parseProviders turns names and GUIDs into GUIDs.
func parseProviders(names []string) ([]etl.GUID, error) {
	var guids []etl.GUID
	for _, name := range names {
		g, ok := schema.ByName(name)
		if !ok {
			return nil, exitError{exitUsage, fmt.Errorf("--provider %q: no such provider is known; give its GUID (etwhy info lists those of a file)", name)}
		}
		guids = append(guids, g)
	}
	return guids, nil
}
