package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
	"github.com/etwhy/etwhy/timeline/redact"
	"github.com/etwhy/etwhy/timeline/report"
)

func runAnalyze(env *environment, opts *options, args []string) error {
	f, err := env.find(opts, args)
	if err != nil {
		return err
	}
	defer f.close()
	exit := f.exit
	if exit == exitOK && slices.ContainsFunc(f.analysis.Requests, func(r *timeline.Request) bool { return r.Outcome == timeline.Failed }) {
		exit = exitFailed
	}
	return f.writeAs(report.WriteAnalysis, exit)
}

func runTimeline(env *environment, opts *options, args []string) error {
	f, err := env.find(opts, args)
	if err != nil {
		return err
	}
	defer f.close()
	return f.writeAs(report.WriteTimeline, f.exit)
}

// A found is a session with what came of it.
type found struct {
	*session
	analysis *report.Analysis
	exit     int // exitInput if none of the files could be read, else exitOK
}

// find reads the inputs, builds the requests, and selects. The caller closes what it returns.
func (env *environment) find(opts *options, args []string) (*found, error) {
	s, filter, err := env.scan(opts, args)
	if err != nil {
		return nil, err
	}
	read := timeline.Options{}
	if s.opts.filterText() != "" {
		read.Filter = filter
	}
	result := s.inc.Analyze(read)
	a := s.model(result)
	a.Selection = filter.Select(result.Requests)
	for i := range result.Inputs {
		a.FilteredOut += result.Inputs[i].Counted.LeftOut
	}
	f := &found{session: s, analysis: a}
	s.warnFilter(filter, result) // which needs the names as they are
	if t := report.TraitsOf(opts.format); t.Detailed || t.Digests && a.OfTracings() {
		s.collect(a, result)
	}
	s.done()
	s.warnCounted(result)
	if !s.inc.Readable() {
		if slices.ContainsFunc(s.inc.Inputs, func(in *incident.Input) bool { return in.Err == nil }) { // of the others it is said
			s.env.warn("nothing to analyze: none of these files is one that etwhy reads; etwhy info says what they are")
		}
		if f.exit = exitInput; opts.format != "csv" && opts.format != "json" && opts.format != "ndjson" { // whose sentences would be about a trace
			s.close()
			return nil, exitError{code: f.exit}
		}
	}
	return f, nil
}

// writeAs writes the analysis in the format of the session.
func (f *found) writeAs(write func(io.Writer, string, *report.Analysis, report.Options) error, exit int) error {
	return f.write(func(w io.Writer, ro report.Options) error { return write(w, f.opts.format, f.analysis, ro) }, exit)
}

func runInfo(env *environment, opts *options, args []string) error {
	s, err := env.open(opts, args)
	if err != nil {
		return err
	}
	defer s.close()
	s.inc.Scan(incident.Details{Undecoded: true, Hashes: opts.format != "table"})
	var result *timeline.Result
	if s.mixed() { // which machine a file is from, and what is missing, only all of them together tell
		result = s.inc.Analyze(timeline.Options{})
	}
	s.done()
	a := s.model(result)
	return s.write(func(w io.Writer, ro report.Options) error { return report.WriteInfo(w, opts.format, a, ro) }, exitOK)
}

// mixed reports whether there are several files, and not only traces among them.
func (s *session) mixed() bool {
	files, others := 0, false
	for _, in := range s.inc.Inputs {
		if !isSource(in) || in.Kind == timeline.KindConsole && in.Container != "" {
			continue // netsh puts a good deal beside its trace
		}
		files++
		others = others || in.Log == nil && in.Kind != timeline.KindText
	}
	return files > 1 && others
}

// isSource reports whether an input is one that tells something of a machine.
func isSource(in *incident.Input) bool { return in.Kind.IsSource() && in.DuplicateOf == "" }

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
	redactor *redact.Redactor // nil masks nothing
	inc      *incident.Incident
	progress *progress
}

// scan opens what args name, reads it once, and reads the filter flags, which need to know the inputs' span.
func (env *environment) scan(opts *options, args []string) (*session, *timeline.Filter, error) {
	s, err := env.open(opts, args)
	if err != nil {
		return nil, nil, err
	}
	full := report.TraitsOf(opts.format).Inputs
	s.inc.Scan(incident.Details{Undecoded: full, Hashes: full})
	filter, err := s.filter()
	if err != nil {
		s.close()
		return nil, nil, err
	}
	return s, filter, nil
}

// open recognises what args name. Globs are expanded here as well, since Windows' shells do not.
func (env *environment) open(opts *options, args []string) (*session, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	redactor, err := opts.redactor(env)
	if err != nil {
		return nil, err
	}
	s := &session{env: env, opts: opts, args: args, redactor: redactor, progress: newProgress(env.stderr, opts.quiet)}
	read := incident.Options{TempFile: tempFile, Progress: s.progress.add}
	if t := report.TraitsOf(opts.format); t.Detailed || t.Digests {
		read.Keep = 64 << 20
	}
	s.inc = incident.New(read)
	for _, arg := range args {
		if arg == "-" {
			s.inc.AddReader(env.stdin, "-")
			continue
		}
		paths, err := glob(arg)
		if err != nil {
			s.inc.Fail(arg, err)
		}
		for _, path := range paths {
			s.add(path)
		}
	}
	for flag, path := range opts.outputs() {
		if s.reads(path) {
			s.close()
			return nil, evidenceError(flag, path)
		}
	}
	return s, nil
}

// evidenceError is the error of a run that would replace a file that it reads.
func evidenceError(flag, path string) error {
	return exitError{exitUsage, fmt.Errorf("%s is one of the files to read: choose another name for %s", path, flag)}
}

// reads reports whether path is a file that tells something of a machine, or holds one that does.
func (s *session) reads(path string) bool {
	there, err := os.Stat(path)
	if err != nil {
		return false
	}
	within := "" // members lie behind their container
	return slices.ContainsFunc(s.inc.Inputs, func(in *incident.Input) bool {
		if in.Container == "" {
			within = ""
			if file, err := os.Stat(filepath.FromSlash(in.Path)); err == nil && os.SameFile(there, file) {
				within = in.Path
			}
		}
		return within != "" && in.Kind.IsSource()
	})
}

// glob returns the paths that an argument stands for, as not every shell does.
func glob(arg string) ([]string, error) {
	if _, err := os.Stat(arg); err == nil || !strings.ContainsAny(arg, "*?[") {
		return []string{arg}, nil
	}
	paths, _ := filepath.Glob(arg)
	if len(paths) == 0 { // or it is no valid pattern
		return nil, errors.New("no file has such a name")
	}
	return paths, nil
}

func (s *session) add(path string) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		s.inc.AddFS(folder(path), ".", filepath.ToSlash(path))
		return
	}
	f, err := os.Open(path)
	if err != nil {
		s.inc.Fail(path, cause(err))
		return
	}
	s.inc.AddFile(f, filepath.ToSlash(path))
}

// A folder is os.DirFS for names of any bytes: those of a customer's archive need not be UTF-8.
type folder string

func (d folder) Open(name string) (fs.File, error) { return os.Open(d.path(name)) }

func (d folder) Stat(name string) (fs.FileInfo, error) { return os.Stat(d.path(name)) }

func (d folder) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(d.path(name)) }

func (d folder) path(name string) string { return filepath.Join(string(d), filepath.FromSlash(name)) }

// close releases the files.
func (s *session) close() {
	s.progress.finish()
	s.inc.Close()
}

// done ends the progress display and says on standard error what went wrong with the inputs.
func (s *session) done() {
	s.progress.finish()
	const most = 10
	more := 0
	warn := func(path, format string, args ...any) {
		if more++; more <= most {
			s.env.warn(format, append([]any{path}, args...)...)
		}
	}
	told := map[string]int{} // by container: of its members that are nothing, the first stands for all
	for _, in := range s.inc.Inputs {
		if in.Err != nil && (in.Kind != timeline.KindOther || told[in.Container] == 0) {
			if n := alike(s.inc, in) - 1; n > 0 {
				warn(in.Path, "%s: %v (and %d more in %s)", in.Err, n, in.Container)
			} else {
				warn(in.Path, "%s: %v", in.Err)
			}
		}
		if in.Err != nil && in.Container != "" {
			told[in.Container]++
		}
		if s.opts.quiet {
			continue
		}
		const damaged = "warning: %s is damaged (anomalies: %d), read as far as it goes; first"
		if n := len(in.Damage); n > 0 && in.Damage[0].Offset < 0 { // a text, whose details have the line
			warn(in.Path, damaged+": %s", n, in.Damage[0].Detail)
		} else if n > 0 {
			warn(in.Path, damaged+" at offset %#x: %s", n, in.Damage[0].Offset, in.Damage[0].Detail)
		}
		if n := len(in.Anomalies); n > 0 {
			warn(in.Path, damaged+" at offset %#x: %s", n, in.Anomalies[0].Offset, in.Anomalies[0].Detail)
		}
	}
	if more > most {
		s.env.warn("and %d more such messages; etwhy info -f json has them all", more-most)
	}
}

// alike counts the members of the container that could not be read either.
func alike(inc *incident.Incident, in *incident.Input) (n int) {
	if in.Container == "" || in.Kind != timeline.KindOther {
		return 1
	}
	for _, o := range inc.Inputs {
		if o.Container == in.Container && o.Kind == timeline.KindOther && o.Err != nil {
			n++
		}
	}
	return n
}

// filter reads the filter flags.
func (s *session) filter() (*timeline.Filter, error) {
	if !s.inc.Readable() { // then a clock time has no date, but that is not what is wrong
		return &timeline.Filter{}, nil
	}
	start, end := s.inc.Span()
	var bias *time.Duration // of the clock of the traced machine; nil = no file tells
	for _, in := range s.inc.Inputs {
		if in.Log != nil {
			b := in.Header().Bias
			bias = &b
			break
		}
	}
	return s.opts.filter(start, end, bias)
}

// warnFilter warns where a filter asks for what no input knows, and says what they know.
func (s *session) warnFilter(f *timeline.Filter, res *timeline.Result) {
	if s.opts.quiet || len(res.Requests) == 0 {
		return
	}
	pids, names, pools := map[uint32]bool{}, map[string]bool{}, map[string]bool{}
	for _, r := range res.Requests {
		pids[r.PID], names[r.Process], pools[r.AppPool] = true, true, true
	}
	delete(pids, 0)
	delete(names, "")
	delete(pools, "")
	nothing := func(part timeline.Filter) bool {
		part.AllTraffic = true
		return !slices.ContainsFunc(res.Requests, func(r *timeline.Request) bool { return part.Match(r) == timeline.FitSelected })
	}
	byPID, byProcess, byPool := len(f.PIDs) > 0, len(f.Processes) > 0, len(f.AppPools) > 0
	switch {
	case (byPID || byProcess) && len(pids) == 0:
		s.env.warn("warning: no process is known in these files, so nothing can be told apart by process")
	case byProcess && len(names) == 0:
		s.env.warn("warning: no process names in these files; PIDs seen: %s", list(pids))
	case byPID && nothing(timeline.Filter{PIDs: f.PIDs}):
		s.env.warn("warning: no request of that PID; PIDs seen: %s", list(pids))
	case byProcess && nothing(timeline.Filter{Processes: f.Processes}):
		s.env.warn("warning: no request of that process; processes seen: %s", list(names))
	case byPool && len(pools) == 0:
		s.env.warn("warning: no application pools are known in these files")
	case byPool && nothing(timeline.Filter{AppPools: f.AppPools}):
		s.env.warn("warning: no request of that application pool; pools seen: %s", list(pools))
	}
	if len(s.opts.providers) > 0 {
		s.env.warn("warning: --provider selects events, not requests: only etwhy events goes by it")
	}
}

// warnCounted warns where a format that lists requests does not list them all.
func (s *session) warnCounted(res *timeline.Result) {
	n := 0
	for i := range res.Inputs {
		n += res.Inputs[i].Counted.Total()
	}
	if n > 0 && s.opts.format != "table" && !s.opts.quiet {
		s.env.warn("warning: %d lines of logs are counted in the summary and not listed: narrow the time (--from, --to), the URL or the outcome (--failed)", n)
	}
}

// list writes what was seen in a line, in order.
func list[T cmp.Ordered](seen map[T]bool) string {
	const most = 20
	var words []string
	for _, one := range slices.Sorted(maps.Keys(seen)) {
		if len(words) == most {
			words = append(words, "...")
			break
		}
		words = append(words, fmt.Sprint(one))
	}
	return strings.Join(words, ", ")
}

// write writes the result and returns the exit code as an error.
func (s *session) write(result func(io.Writer, report.Options) error, code int) error {
	if err := s.put(result); err != nil {
		return err
	}
	return s.finish(code)
}

// put writes a result.
func (s *session) put(result func(io.Writer, report.Options) error) error {
	if f, ok := s.env.stdout.(*os.File); ok && !s.opts.toFile() && report.TraitsOf(s.opts.format).Binary && term.IsTerminal(int(f.Fd())) {
		return exitError{exitUsage, fmt.Errorf("%s is not for a terminal: name a file with -o", s.opts.format)}
	}
	w, err := s.env.create(s.opts)
	if err != nil {
		return err
	}
	err = errors.Join(result(w, s.reportOptions()), w.Close())
	if err != nil && !isClosedPipe(err) {
		return exitError{exitInput, fmt.Errorf("the result is not whole: %w", err)}
	}
	return err
}

// finish ends a run whose results are written: with the list of pseudonyms, and the exit code as an error.
func (s *session) finish(code int) error {
	if err := s.saveNames(); err != nil {
		return exitError{exitInput, fmt.Errorf("the list of pseudonyms is not whole: %w", err)}
	}
	if s.inc != nil && s.inc.Failed() {
		code = exitInput
	}
	if code != exitOK {
		return exitError{code: code}
	}
	return nil
}

// reportOptions looks at standard output: its width, and whether it takes colour.
func (s *session) reportOptions() report.Options {
	var ro report.Options
	ro.Redact = s.redactor
	ro.Color = s.opts.color == "always"
	f, ok := s.env.stdout.(*os.File)
	if !ok || s.opts.toFile() || !term.IsTerminal(int(f.Fd())) {
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

// model describes the inputs and what was found for the writers. Without a result, nothing was looked for.
func (s *session) model(res *timeline.Result) *report.Analysis {
	a := &report.Analysis{Tool: report.Tool{Name: "etwhy", Version: version()}}
	for _, in := range s.inc.Inputs {
		a.Inputs = append(a.Inputs, describe(in))
	}
	a.Filter = s.opts.filterText()
	if res == nil {
		return a
	}
	a.Traces, a.Everything, a.Discoveries = res.Inputs, res.Requests, res.Discoveries
	for i, in := range s.inc.Inputs {
		if m := res.Inputs[i].Machine; m != nil && isSource(in) && !slices.Contains(a.Machines, m) {
			a.Machines = append(a.Machines, m)
		}
	}
	for i, in := range s.inc.Inputs {
		m := res.Inputs[i].Machine
		if m == nil || !isSource(in) {
			continue
		}
		d := &a.Inputs[i]
		d.Role = string(m.Role)
		if !m.Guessed || len(a.Machines) > 1 { // the folder of a single one need not be its name
			d.Machine = m.Name
		}
		if m.ClockFrom != "" {
			d.ClockOffset, d.ClockOffsetFrom = etl.Time(m.ClockOffset/100), m.ClockFrom
		}
	}
	return a
}

func describe(in *incident.Input) report.Input {
	d := report.Input{
		Path: in.Path, Container: in.Container, Kind: string(in.Kind), Size: in.Size, SHA256: in.SHA256,
		Start: in.Start, End: in.End, Lines: in.Lines, Entries: in.Entries, DuplicateOf: in.DuplicateOf,
		Channels: in.Channels, Note: in.Note,
	}
	for _, e := range in.Damage {
		d.Damage = append(d.Damage, report.Damage(e))
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

// tempFile makes a file that is gone when it is closed, and where the system can do that, also when the run is broken off.
func tempFile() (incident.TempFile, error) {
	f, err := os.CreateTemp("", "etwhy-")
	if err != nil {
		return nil, err
	}
	return &spoolFile{f, os.Remove(f.Name()) == nil}, nil
}

type spoolFile struct {
	*os.File
	nameless bool // its name is gone already; Windows keeps that of an open file
}

func (f *spoolFile) Close() error {
	err := f.File.Close()
	if f.nameless {
		return err
	}
	return errors.Join(err, os.Remove(f.Name()))
}
