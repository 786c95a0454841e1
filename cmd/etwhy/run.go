package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
	"github.com/etwhy/etwhy/timeline/report"
)

func runAnalyze(env *environment, opts *options, args []string) error {
	return analyzed(env, opts, args, report.WriteAnalysis, func(a *report.Analysis) int {
		if slices.ContainsFunc(a.Requests, func(r *timeline.Request) bool { return r.Outcome == timeline.Failed }) {
			return exitFailed
		}
		return exitOK
	})
}

func runTimeline(env *environment, opts *options, args []string) error {
	return analyzed(env, opts, args, report.WriteTimeline, func(*report.Analysis) int { return exitOK })
}

// analyzed reads the inputs, builds the requests, selects, and writes them.
func analyzed(env *environment, opts *options, args []string,
	write func(io.Writer, string, *report.Analysis, report.Options) error, code func(*report.Analysis) int) error {
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
	result := s.inc.Analyze(timeline.Options{})
	s.done()
	s.warnFilter(filter, result)
	if opts.format == "table" && !s.inc.Readable() {
		return exitError{exitInput, errors.New("nothing to analyze: no trace among these files")}
	}
	a := s.model()
	a.Selection = filter.Select(result.Requests)
	a.Traces = result.Inputs
	return s.write(func(w io.Writer, ro report.Options) error { return write(w, opts.format, a, ro) }, code(a))
}

func runInfo(env *environment, opts *options, args []string) error {
	s, err := env.open(opts, args)
	if err != nil {
		return err
	}
	defer s.close()
	s.inc.Scan(true)
	s.done()
	return s.write(func(w io.Writer, ro report.Options) error { return report.WriteInfo(w, opts.format, s.model(), ro) }, exitOK)
}

func runExplain(env *environment, opts *options, args []string) error {
	if err := opts.check(); err != nil {
		return err
	}
	// "502 3 12002 29889" without quotes is the end of a log line, too.
	if n, err := strconv.Atoi(args[0]); err == nil && n >= 100 && n < 600 && len(args) > 1 && !slices.ContainsFunc(args, notNumber) {
		args = []string{strings.Join(args, " ")}
	}
	var meanings []winerr.Meaning
	for _, a := range args {
		meanings = append(meanings, winerr.Explain(a)...)
	}
	code := exitOK
	if slices.ContainsFunc(meanings, func(m winerr.Meaning) bool { return m.Unknown }) {
		code = exitFailed
	}
	s := &session{env: env, opts: opts}
	return s.write(func(w io.Writer, ro report.Options) error {
		return report.WriteExplanation(w, opts.format, meanings, ro)
	}, code)
}

func notNumber(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err != nil
}

// A session is one run over an incident.
type session struct {
	env      *environment
	opts     *options
	args     []string
	inc      *incident.Incident
	progress *progress
}

// open recognises what args name. Globs are expanded here as well, since Windows' shells do not.
func (env *environment) open(opts *options, args []string) (*session, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	s := &session{env: env, opts: opts, args: args, progress: newProgress(env.stderr, opts.quiet)}
	s.inc = incident.New(incident.Options{TempFile: tempFile, Progress: s.progress.add})
	for _, arg := range args {
		if arg == "-" {
			s.inc.AddReader(env.stdin, "-")
			continue
		}
		paths := []string{arg}
		if _, err := os.Stat(arg); err != nil && strings.ContainsAny(arg, "*?[") {
			if paths, err = filepath.Glob(arg); err != nil {
				return nil, exitError{exitUsage, fmt.Errorf("%s: %w", arg, err)}
			}
			if len(paths) == 0 {
				s.inc.Fail(arg, fmt.Errorf("no file has such a name"))
			}
		}
		for _, path := range paths {
			s.add(path)
		}
	}
	return s, nil
}

func (s *session) add(path string) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err // the path is said anyway
		}
		s.inc.Fail(path, err)
	case info.IsDir():
		s.inc.AddFS(os.DirFS(path), ".", filepath.ToSlash(path))
	default:
		s.inc.AddFS(os.DirFS(filepath.Dir(path)), filepath.Base(path), filepath.ToSlash(path))
	}
}

// close releases the files.
func (s *session) close() {
	s.progress.finish()
	s.inc.Close()
}

// done ends the progress display and says on standard error what went wrong with the inputs.
func (s *session) done() {
	s.progress.finish()
	for _, in := range s.inc.Inputs {
		if in.Err != nil && (in.Container == "" || in.Kind != incident.Other) {
			s.env.warn("%s: %v", in.Path, in.Err)
		}
		if n := len(in.Anomalies); n > 0 && !s.opts.quiet {
			a := in.Anomalies[0]
			s.env.warn("warning: %s is damaged in %d places, read as far as it goes; first at offset %#x: %s", in.Path, n, a.Offset, a.Detail)
		}
	}
}

// filter reads the filter flags, now that the span of the inputs is known.
func (s *session) filter() (*timeline.Filter, error) {
	start, end := s.inc.Span()
	var bias time.Duration
	for _, in := range s.inc.Inputs {
		if in.Log != nil {
			bias = in.Header().Bias
			break
		}
	}
	return s.opts.filter(start, end, bias)
}

// warnFilter warns where a filter asks for what no input knows.
func (s *session) warnFilter(f *timeline.Filter, res *timeline.Result) {
	if s.opts.quiet || len(f.PIDs) == 0 && len(f.Processes) == 0 {
		return
	}
	names, pids := false, map[uint32]bool{}
	for _, r := range res.Requests {
		names = names || r.Process != ""
		if r.PID != 0 {
			pids[r.PID] = true
		}
	}
	seen := make([]string, 0, len(pids))
	for pid := range pids {
		seen = append(seen, fmt.Sprint(pid))
	}
	slices.SortFunc(seen, func(a, b string) int { return len(a)*100 - len(b)*100 + strings.Compare(a, b) })
	const most = 20
	if len(seen) > most {
		seen = append(seen[:most], "...")
	}
	switch {
	case len(res.Requests) == 0:
	case len(pids) == 0:
		s.env.warn("warning: no process is known in these files, so nothing can be told apart by process")
	case len(f.Processes) > 0 && !names:
		s.env.warn("warning: no process names in these files; PIDs seen: %s", strings.Join(seen, ", "))
	case len(f.PIDs) > 0 && !slices.ContainsFunc(f.PIDs, func(p uint32) bool { return pids[p] }):
		s.env.warn("warning: no request of that PID; PIDs seen: %s", strings.Join(seen, ", "))
	}
}

// write writes the result and returns the exit code as an error.
func (s *session) write(result func(io.Writer, report.Options) error, code int) error {
	if s.inc != nil && s.inc.Failed() {
		code = exitInput
	}
	w, err := s.env.create(s.opts)
	if err != nil {
		return err
	}
	err = errors.Join(result(w, s.reportOptions()), w.Close())
	if err != nil {
		return err
	}
	if code != exitOK {
		return exitError{code: code}
	}
	return nil
}

// reportOptions looks at standard output: its width, and whether it takes colour.
func (s *session) reportOptions() report.Options {
	var ro report.Options
	ro.Redact = report.RedactDefault
	if s.opts.redactGiven && s.opts.redact == "none" {
		ro.Redact = report.RedactNone
	}
	if s.opts.redact == "secrets" {
		ro.Redact = report.RedactSecrets
	}
	ro.Color = s.opts.color == "always"
	f, ok := s.env.stdout.(*os.File)
	if !ok || s.opts.output != "" && s.opts.output != "-" || !term.IsTerminal(int(f.Fd())) {
		return ro
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil {
		ro.Width = width
	}
	if s.opts.color == "auto" && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		ro.Color = true
	}
	return ro
}

// model describes the inputs for the writers.
func (s *session) model() *report.Analysis {
	a := &report.Analysis{Tool: report.Tool{Name: "etwhy", Version: version()}}
	for _, in := range s.inc.Inputs {
		a.Inputs = append(a.Inputs, describe(in))
	}
	a.Filter = s.opts.filterText()
	return a
}

func describe(in *incident.Input) report.Input {
	d := report.Input{
		Path: in.Path, Container: in.Container, Kind: string(in.Kind), Size: in.Size, SHA256: in.SHA256,
		Start: in.Start, End: in.End, Entries: in.Lines, DuplicateOf: in.DuplicateOf,
	}
	if in.Err != nil {
		d.Error = in.Err.Error()
	}
	if in.Log != nil && in.DuplicateOf == "" {
		d.Log = &report.Log{
			Header: in.Header(), Compression: in.Log.Compression(), Records: in.Records,
			Undecoded: in.Undecoded, Loss: in.Loss, Anomalies: in.Anomalies,
		}
		for _, p := range in.Providers {
			d.Log.Providers = append(d.Log.Providers, report.Provider{GUID: p.GUID, Name: p.Name, Events: p.Events})
		}
	}
	return d
}

// tempFile makes a file that is gone when it is closed.
func tempFile() (incident.TempFile, error) {
	f, err := os.CreateTemp("", "etwhy-")
	if err != nil {
		return nil, err
	}
	return &spoolFile{f}, nil
}

type spoolFile struct{ *os.File }

func (f *spoolFile) Close() error { return errors.Join(f.File.Close(), os.Remove(f.Name())) }
