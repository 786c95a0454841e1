package main

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones by name on systems without a zone database

	"github.com/spf13/pflag"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/redact"
)

// options are the values of the flags.
type options struct {
	formats      []string // that the command has
	format       string
	output       string
	force        bool
	pids         []uint
	processes    []string
	appPools     []string
	urls         []string
	hosts        []string
	ids          []string
	from, to     string
	around, zone string
	allTraffic   bool
	failed       bool
	minDuration  time.Duration
	providers    []string
	redact       string
	redactGiven  bool
	color        string
	quiet        bool
	keyFile      string
	namesFile    string
	originals    bool
	list         bool
	dir          string
}

func (o *options) addTraceFlags(f *pflag.FlagSet) {
	f.UintSliceVar(&o.pids, "pid", nil, "only requests of process `N`")
	f.Lookup("pid").DefValue = "" // instead of []
	f.StringArrayVar(&o.processes, "process", nil, "only requests of process `NAME`, with or without .exe; \"w3wp.exe (1432)\" names one")
	f.StringArrayVar(&o.appPools, "app-pool", nil, "only requests of application pool `NAME`")
	f.StringArrayVar(&o.urls, "url", nil, "only requests whose URL contains `TEXT`")
	f.StringArrayVar(&o.hosts, "host", nil, "only requests whose host or server contains `TEXT`")
	f.StringArrayVar(&o.ids, "id", nil, "only the request with this `ID`: request id, X-ARR-LOG-ID, activity id")
	f.StringVar(&o.from, "from", "", "from `TIME` on: RFC 3339, or a clock time in --tz")
	f.StringVar(&o.to, "to", "", "up to `TIME`")
	f.StringVar(&o.around, "around", "", "two minutes before and after `TIME`")
	f.StringVar(&o.zone, "tz", "UTC", "`ZONE` of the clock times that flags have: a name, an offset such as +02:00, or capture for the traced machine's")
	f.BoolVar(&o.allTraffic, "all-traffic", false, "speak of health probes and other processes, too")
	f.BoolVar(&o.failed, "failed", false, "only failed requests")
	f.DurationVar(&o.minDuration, "min-duration", 0, "only requests that took at least `D`, such as 2.5s")
	f.StringArrayVar(&o.providers, "provider", nil, "only events of provider `NAME` or GUID (events)")
	f.StringVar(&o.redact, "redact", "none", "mask before writing: "+strings.Join(redact.Modes(), ", ")+
		"; without it, passwords, cookies and authorization, and in formats made to be passed on all secrets")
	f.Lookup("redact").DefValue = "" // which is less than none, and depends on the format
	f.StringVar(&o.keyFile, "redact-key", "", "`FILE` with the key of pseudonyms, made if it is not there (default: in your configuration folder)")
	f.StringVar(&o.namesFile, "redact-names", "", "write to `FILE` which pseudonym stands for what, for you alone")
	f.StringVar(&o.color, "color", "auto", "auto, always or never")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no progress, no warnings")
}

// check finds what pflag cannot.
func (o *options) check() error {
	if !slices.Contains(o.formats, o.format) {
		return exitError{exitUsage, fmt.Errorf("format %q: this command writes %s", o.format, strings.Join(o.formats, ", "))}
	}
	for _, one := range []struct {
		flag, value string
		allowed     []string
	}{
		{"redact", o.redact, redact.Modes()},
		{"color", o.color, []string{"auto", "always", "never"}},
	} {
		if one.value != "" && !slices.Contains(one.allowed, one.value) {
			return exitError{exitUsage, fmt.Errorf("--%s %q: want %s", one.flag, one.value, strings.Join(one.allowed, ", "))}
		}
	}
	if o.around != "" && (o.from != "" || o.to != "") {
		return exitError{exitUsage, fmt.Errorf("--around sets both ends: leave out --from and --to")}
	}
	for flag, path := range o.outputs() {
		switch info, err := os.Stat(path); {
		case err == nil && info.IsDir():
			return exitError{exitUsage, fmt.Errorf("%s is a folder: %s names a file", path, flag)}
		case err == nil && !info.Mode().IsRegular(): // there is nothing to lose in a device or pipe
		case !o.force && exists(path):
			return existsError(flag, path)
		}
	}
	// Any day will do to see whether times can be read.
	_, err := o.filter(time.Unix(0, 0), time.Unix(0, 0), new(time.Duration))
	return err
}

// outputs yields the files that flags name for what a run writes, by flag.
func (o *options) outputs() iter.Seq2[string, string] {
	return func(yield func(flag, path string) bool) {
		if o.toFile() && !yield("-o", o.output) {
			return
		}
		if o.namesFile != "" {
			yield("--redact-names", o.namesFile)
		}
	}
}

// toFile reports whether the result goes to a file, not to standard output.
func (o *options) toFile() bool { return o.output != "" && o.output != "-" }

// exists reports whether there is anything of that name.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// existsError is the error of a run that would replace a file that a flag names.
func existsError(flag, path string) error {
	return exitError{exitUsage, fmt.Errorf("%s exists: choose another name for %s, or add --force", path, flag)}
}

// filterText returns the filter flags as the user may have written them.
func (o *options) filterText() string {
	var words []string
	add := func(flag string, values ...string) {
		for _, v := range values {
			if strings.ContainsAny(v, " \t") {
				v = strconv.Quote(v)
			}
			words = append(words, "--"+flag, v)
		}
	}
	for _, p := range o.pids {
		add("pid", fmt.Sprint(p))
	}
	for _, one := range []struct {
		flag   string
		values []string
	}{
		{"process", o.processes}, {"app-pool", o.appPools}, {"url", o.urls}, {"host", o.hosts}, {"id", o.ids},
		{"from", nonEmpty(o.from)}, {"to", nonEmpty(o.to)}, {"around", nonEmpty(o.around)},
	} {
		add(one.flag, one.values...)
	}
	if o.zone != "UTC" && (o.from != "" || o.to != "" || o.around != "") {
		add("tz", o.zone)
	}
	if o.failed {
		words = append(words, "--failed")
	}
	if o.minDuration > 0 {
		add("min-duration", o.minDuration.String())
	}
	return strings.Join(words, " ")
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// aroundSpan is what --around adds on both sides.
const aroundSpan = 2 * time.Minute

// filter returns the filter that the flags describe. start and end are what the inputs cover, bias
// the traced machine's UTC offset, for clock times.
func (o *options) filter(start, end time.Time, bias *time.Duration) (*timeline.Filter, error) {
	f := &timeline.Filter{
		Processes: o.processes, AppPools: o.appPools, URLs: o.urls, Hosts: o.hosts, IDs: o.ids,
		AllTraffic: o.allTraffic, FailedOnly: o.failed, MinDuration: o.minDuration,
	}
	for _, p := range o.pids {
		f.PIDs = append(f.PIDs, uint32(p))
	}
	zone, err := o.location(bias)
	if err != nil {
		return nil, err
	}
	span := span{start, end, zone}
	moment := func(flag, value string, lean lean, after time.Time) (time.Time, error) {
		if value == "" {
			return time.Time{}, nil
		}
		t, err := span.parse(value, lean, after)
		if err != nil {
			return t, exitError{exitUsage, fmt.Errorf("--%s: %w", flag, err)}
		}
		return t, nil
	}
	if o.around != "" {
		t, err := moment("around", o.around, leanNowhere, time.Time{})
		f.From, f.To = etl.FromTime(t.Add(-aroundSpan)), etl.FromTime(t.Add(aroundSpan))
		return f, err
	}
	from, err := moment("from", o.from, leanBefore, time.Time{})
	if err != nil {
		return nil, err
	}
	to, err := moment("to", o.to, leanAfter, from)
	switch {
	case err != nil:
		return nil, err
	case o.from != "" && o.to != "" && to.Before(from):
		return nil, exitError{exitUsage, fmt.Errorf("--to %s is before --from %s", o.to, o.from)}
	}
	if o.from != "" {
		f.From = etl.FromTime(from)
	}
	if o.to != "" {
		f.To = etl.FromTime(to)
	}
	return f, nil
}

// location returns the zone that --tz names.
func (o *options) location(bias *time.Duration) (*time.Location, error) {
	switch {
	case o.zone == "capture" && bias == nil:
		return nil, exitError{exitUsage, errors.New("--tz capture: no trace among these files that tells the zone of the server: give an offset such as +02:00")}
	case o.zone == "capture":
		return time.FixedZone("capture", -int(*bias/time.Second)), nil
	}
	if t, err := time.Parse("Z07:00", o.zone); err == nil {
		return t.Location(), nil
	}
	zone, err := time.LoadLocation(o.zone)
	if err != nil {
		return nil, exitError{exitUsage, fmt.Errorf("--tz %q: want a zone such as Europe/Berlin, an offset such as +02:00, or capture", o.zone)}
	}
	return zone, nil
}

// A span is what the inputs cover, and the zone of clock times.
type span struct {
	start, end time.Time // zero if no input tells
	zone       *time.Location
}

// A lean says on which side of a span a clock time is rather looked for that does not lie within.
type lean uint8

const (
	leanNowhere lean = iota
	leanBefore
	leanAfter
)

// parse reads RFC 3339, or a date and time or a clock time in the span's zone. A clock time is that of the
// day on which it lies in the span or nearest to it, and not before after.
func (s span) parse(text string, lean lean, after time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, s.zone); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04:05.999999999", "15:04", "3:04PM", "3:04:05PM"} {
		clock, err := time.Parse(layout, strings.ToUpper(strings.ReplaceAll(text, " ", "")))
		if err != nil {
			continue
		}
		if s.start.IsZero() {
			return time.Time{}, fmt.Errorf("%q has no date, and no input tells one: write 2006-01-02T%s", text, text)
		}
		return s.nearest(clock, lean, after), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: want RFC 3339 (2006-01-02T15:04:05Z) or a clock time (15:04)", text)
}

// nearest returns the first moment with that clock time that is nearest to the span, and not before after.
// The side that it leans to counts half.
func (s span) nearest(clock time.Time, lean lean, after time.Time) (best time.Time) {
	distance := func(t time.Time) time.Duration {
		before, behind := s.start.Sub(t), t.Sub(s.end)
		switch lean {
		case leanBefore:
			before /= 2
		case leanAfter:
			behind /= 2
		}
		return max(before, behind, 0)
	}
	first := s.start.In(s.zone)
	for day := -1; ; day++ {
		t := time.Date(first.Year(), first.Month(), first.Day()+day, clock.Hour(), clock.Minute(), clock.Second(), clock.Nanosecond(), s.zone)
		if !t.Before(after) && (best.IsZero() || distance(t) < distance(best)) {
			best = t
		}
		if t.After(s.end) && !best.IsZero() {
			return best
		}
	}
}
