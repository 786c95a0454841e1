package etltest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/etl"
)

// A logKey is an option of a "log" line. get returns "" for the default.
type logKey struct {
	name string
	get  func(l *Log) string
	set  func(l *Log, text string) error
}

var logKeys = []logKey{
	timeKey("start", func(l *Log) *time.Time { return &l.Start }),
	timeKey("end", func(l *Log) *time.Time { return &l.End }),
	wordKey("clock", clockWords, func(l *Log) *Clock { return &l.Clock }),
	numberKey("freq", func(l *Log) *int64 { return &l.Freq }),
	numberKey("mhz", func(l *Log) *uint32 { return &l.MHz }),
	numberKey("cpus", func(l *Log) *int { return &l.CPUs }),
	numberKey("buffer", func(l *Log) *int { return &l.BufferSize }),
	numberKey("bits", func(l *Log) *int { return &l.Bits }),
	numberKey("build", func(l *Log) *uint32 { return &l.Build }),
	numberKey("bias", func(l *Log) *int32 { return &l.Bias }),
	textKey("zone", func(l *Log) *string { return &l.TimeZone }),
	wordKey("compress", compressionWords, func(l *Log) *Compression { return &l.Compress }),
	numberKey("lost", func(l *Log) *uint32 { return &l.EventsLost }),
	numberKey("bufferslost", func(l *Log) *uint32 { return &l.BuffersLost }),
	numberKey("mode", func(l *Log) *uint32 { return &l.Mode }),
	textKey("name", func(l *Log) *string { return &l.Name }),
	textKey("file", func(l *Log) *string { return &l.File }),
	{"open",
		func(l *Log) string { return strings.TrimPrefix(strconv.FormatBool(l.Open), "false") },
		func(l *Log, text string) (err error) { l.Open, err = strconv.ParseBool(text); return err }},
	numberKey("sequence", func(l *Log) *int64 { return &l.Sequence }),
	{"uptime",
		func(l *Log) string {
			if l.Uptime == 0 {
				return ""
			}
			return seconds(l.Uptime)
		},
		func(l *Log, text string) (err error) { l.Uptime, err = parseSeconds(text); return err }},
}

func timeKey(name string, of func(*Log) *time.Time) logKey {
	return logKey{name, func(l *Log) string {
		if t := *of(l); !t.IsZero() {
			return t.UTC().Format(time.RFC3339Nano)
		}
		return ""
	}, func(l *Log, text string) (err error) {
		*of(l), err = time.Parse(time.RFC3339, text)
		*of(l) = of(l).UTC().Truncate(100)
		return err
	}}
}

func wordKey[T ~int](name string, words []string, of func(*Log) *T) logKey {
	return logKey{name, func(l *Log) string {
		if v := *of(l); v > 0 && int(v) < len(words) {
			return words[v]
		}
		return ""
	}, func(l *Log, text string) error {
		i := slices.Index(words, text)
		if i < 0 {
			return fmt.Errorf("%q is none of %s", text, strings.Join(words, ", "))
		}
		*of(l) = T(i)
		return nil
	}}
}

func numberKey[T int | int32 | int64 | uint32](name string, of func(*Log) *T) logKey {
	return logKey{name, func(l *Log) string {
		if v := *of(l); v != 0 {
			return fmt.Sprint(v)
		}
		return ""
	}, func(l *Log, text string) error {
		v, err := strconv.ParseInt(text, 0, 64)
		if err == nil && int64(T(v)) != v {
			err = fmt.Errorf("%s is out of range", text)
		}
		*of(l) = T(v)
		return err
	}}
}

func textKey(name string, of func(*Log) *string) logKey {
	return logKey{name, func(l *Log) string { return *of(l) }, func(l *Log, text string) error { *of(l) = text; return nil }}
}

// parseSeconds reads a span like +29.9 or -0.0000001.
func parseSeconds(s string) (time.Duration, error) {
	whole, fraction, _ := strings.Cut(strings.TrimLeft(s, "+-"), ".")
	sec, err := strconv.ParseUint(whole, 10, 32)
	if err == nil && len(fraction) > 7 {
		err = errors.New("more than 7 decimals")
	}
	var ticks uint64
	if err == nil {
		ticks, err = strconv.ParseUint((fraction + "0000000")[:7], 10, 32)
	}
	d := time.Duration(sec)*time.Second + time.Duration(ticks)*100
	if err == nil && d > longest {
		err = fmt.Errorf("more than %v", longest)
	}
	if err != nil {
		return 0, fmt.Errorf("%q is no number of seconds: %w", s, err)
	}
	if s[0] == '-' {
		d = -d
	}
	return d, nil
}

// seconds is the inverse of parseSeconds.
func seconds(d time.Duration) string {
	sign := '+'
	if d < 0 {
		sign, d = '-', -d
	}
	return fmt.Sprintf("%c%d.%07d", sign, d/time.Second, d%time.Second/100)
}

// Parse reads a text in the form that the package documentation describes. Whatever Parse
// accepts, [Trace.Bytes] can write. Errors are of type *[Error].
func Parse(text string) (*Trace, error) {
	p := parser{src: source{lines: strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")}}
	for {
		line, n, ok := p.src.next()
		if !ok {
			break
		}
		if err := p.line(line, n); err != nil {
			return nil, &Error{Line: n, Err: err}
		}
	}
	if err := p.begin(); err != nil {
		return nil, &Error{Err: err}
	}
	return &p.trace, nil
}

type parser struct {
	src   source
	trace Trace
	enc   *encoder // from the first event on
	last  Event    // what a line leaves out is as in the one before
}

// lineKinds are the lines that are no events.
var lineKinds = map[string]func(p *parser, words []string) error{
	"log":      (*parser).logLine,
	"provider": (*parser).providerLine,
}

func (p *parser) line(line string, n int) error {
	list, err := words(line)
	if err != nil || len(list) == 0 {
		return err
	}
	if parse := lineKinds[list[0]]; parse != nil {
		return parse(p, list[1:])
	}
	if err := p.begin(); err != nil {
		return err
	}
	ev, err := p.event(list)
	if err != nil {
		return err
	}
	ev.Line = n
	if err := p.enc.check(&ev); err != nil {
		return err
	}
	p.trace.Events = append(p.trace.Events, ev)
	return nil
}

// begin checks the log options, which are complete when the first event comes.
func (p *parser) begin() (err error) {
	if p.enc != nil {
		return nil
	}
	l := p.trace.Log.withDefaults(1, 0)
	p.enc, err = newEncoder(&p.trace, &l)
	if err == nil {
		_, err = l.headerBuffer(0)
	}
	return err
}

func (p *parser) logLine(words []string) error {
	if p.enc != nil {
		return errors.New("log options must stand before the first event")
	}
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		i := slices.IndexFunc(logKeys, func(k logKey) bool { return k.name == name })
		if !ok || i < 0 {
			return fmt.Errorf("unknown log option %q", w)
		}
		text, err := unquote(value)
		if err == nil {
			err = logKeys[i].set(&p.trace.Log, text)
		}
		if err != nil {
			return fmt.Errorf("log option %s: %w", name, err)
		}
	}
	return nil
}

func (p *parser) providerLine(words []string) error {
	if len(words) < 1 || len(words) > 2 {
		return errors.New("want: provider NAME, with or without {GUID}")
	}
	name, err := unquote(words[0])
	if err != nil {
		return err
	}
	if _, known := p.trace.custom(name); known || name == "" {
		return fmt.Errorf("a second provider %q", name)
	}
	g := NameGUID(name)
	if len(words) == 2 {
		if g, err = etl.ParseGUID(words[1]); err != nil {
			return err
		}
	}
	p.trace.Providers = append(p.trace.Providers, Provider{name, g})
	return nil
}

var (
	cpuForm    = regexp.MustCompile(`^cpu(\d+)$`)
	threadForm = regexp.MustCompile(`^(\d+):(\d+)$`)
	idForm     = regexp.MustCompile(`^(0[xX][0-9a-fA-F]+|\d+)(?:v(\d+))?$`)
)

// event reads [time] [cpuN] [PID:TID] and what follows.
func (p *parser) event(words []string) (ev Event, err error) {
	ev = Event{At: p.last.At, CPU: p.last.CPU, PID: p.last.PID, TID: p.last.TID}
	next := func() string {
		if len(words) > 0 {
			return words[0]
		}
		return ""
	}
	if w := next(); w != "" && strings.Contains("+-0123456789", w[:1]) && !threadForm.MatchString(w) {
		if ev.At, err = p.time(w); err != nil {
			return ev, err
		}
		words = words[1:]
	}
	if m := cpuForm.FindStringSubmatch(next()); m != nil {
		n, err := strconv.ParseUint(m[1], 10, 16)
		if err != nil {
			return ev, err
		}
		ev.CPU, words = int(n), words[1:]
	}
	if m := threadForm.FindStringSubmatch(next()); m != nil {
		pid, err1 := strconv.ParseUint(m[1], 10, 32)
		tid, err2 := strconv.ParseUint(m[2], 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return ev, err
		}
		ev.PID, ev.TID, words = uint32(pid), uint32(tid), words[1:]
	}
	p.last = ev
	if len(words) == 0 {
		return ev, errors.New("no event")
	}
	if words[0] == "process" {
		return ev, p.process(&ev, words[1:])
	}
	ev.Kind = Manifested
	for k := range kinds {
		if kinds[k].word == words[0] {
			ev.Kind, words = Kind(k), words[1:]
			break
		}
	}
	k := &kinds[ev.Kind]
	if words, err = k.subject.parse(p, &ev, words); err != nil {
		return ev, err
	}
	if n := len(words) - 1; n >= 0 && strings.HasPrefix(words[n], "<<") {
		text, err := p.src.block(words[n][2:])
		if err != nil {
			return ev, err
		}
		ev.Fields = []Field{{Name: "xml", Value: text}}
		words = words[:n]
	}
	list, err := fields(words)
	if err != nil {
		return ev, err
	}
	for _, f := range list {
		switch {
		case f.Type != "" || !k.hasAttr(f.Name):
			ev.Fields = append(ev.Fields, f)
		case f.Name == "act" || f.Name == "activity":
			ev.Activity, err = parseActivity(f.Value)
		case f.Name == "related":
			ev.Related, err = parseActivity(f.Value)
		case f.Name == "guid":
			ev.Provider, err = etl.ParseGUID(f.Value)
		default:
			ev.Attrs = append(ev.Attrs, f)
		}
		if err != nil {
			return ev, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return ev, nil
}

// time reads an offset from the start of the log, or a moment in RFC 3339.
func (p *parser) time(s string) (time.Duration, error) {
	if s[0] == '+' || s[0] == '-' {
		return parseSeconds(s)
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return 0, fmt.Errorf("%q is neither +seconds nor a time like 2006-01-02T15:04:05.9Z", s)
	}
	d := t.Sub(p.enc.log.Start)
	if d > longest || d < -longest {
		return 0, fmt.Errorf("%s is more than %v from the start of the log", s, longest)
	}
	return d.Truncate(100), nil
}

// parseActivity reads HANDLE/REQUEST, HANDLE or a GUID.
func parseActivity(s string) (etl.GUID, error) {
	if strings.HasPrefix(s, "{") {
		return etl.ParseGUID(s)
	}
	first, second, _ := strings.Cut(s, "/")
	handle, err := strconv.ParseUint(first, 0, 64)
	if err != nil {
		return etl.ParseGUID(s)
	}
	var request uint64
	if second != "" {
		request, err = strconv.ParseUint(second, 0, 64)
	}
	return Activity(handle, uint32(request)), err
}

// activityText is the inverse of parseActivity.
func activityText(g etl.GUID) string {
	handle, request := le.Uint64(g[:]), le.Uint32(g[8:])
	switch {
	case g != Activity(handle, request):
		return "{" + g.String() + "}"
	case request == 0:
		return fmt.Sprintf("%#x", handle)
	}
	return fmt.Sprintf("%#x/%#x", handle, request)
}
