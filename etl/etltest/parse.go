package etltest

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// shortNames are names that schema.ByName does not know.
var shortNames = map[string]string{
	"AFD":           "Microsoft-Windows-Winsock-AFD",
	"Sockets":       "Microsoft-Windows-Winsock-Sockets",
	"GAI":           "Microsoft-Windows-Winsock-NameResolution",
	"DNS":           "Microsoft-Windows-DNS-Client",
	"KernelProcess": "Microsoft-Windows-Kernel-Process",
	"KernelNetwork": "Microsoft-Windows-Kernel-Network",
	"NDIS":          "Microsoft-Windows-NDIS-PacketCapture",
}

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
		return errors.New("want: provider NAME [{GUID}]")
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

// NameGUID returns the GUID that TraceLogging and EventSource derive from the name of a provider.
func NameGUID(name string) etl.GUID {
	h := sha1.New()
	h.Write([]byte{0x48, 0x2C, 0x2D, 0xB2, 0xC3, 0x90, 0x47, 0xC8, 0x87, 0xF8, 0x1A, 0x15, 0xBF, 0xC1, 0x30, 0xFB})
	for _, u := range utf16.Encode([]rune(strings.ToUpper(name))) {
		h.Write(binary.BigEndian.AppendUint16(nil, u))
	}
	var g etl.GUID
	copy(g[:], h.Sum(nil))
	g[7] = g[7]&0x0F | 0x50
	return g
}

func (t *Trace) custom(name string) (etl.GUID, bool) {
	for _, p := range t.Providers {
		if p.Name == name {
			return p.GUID, true
		}
	}
	return etl.GUID{}, false
}

// resolve returns the GUID of a provider or of a kernel class.
func (t *Trace) resolve(name string) (etl.GUID, error) {
	if g, ok := t.custom(name); ok {
		return g, nil
	}
	for _, g := range groups {
		if g.name == name {
			return g.class, nil
		}
	}
	if full := shortNames[name]; full != "" {
		name = full
	}
	if g, ok := schema.ByName(name); ok {
		return g, nil
	}
	return etl.GUID{}, fmt.Errorf("unknown provider %q", name)
}

// providerName returns the shortest name that resolves to g, or the GUID in braces.
func (t *Trace) providerName(g etl.GUID) string {
	var names []string
	for _, p := range t.Providers {
		if p.GUID == g {
			names = append(names, p.Name)
		}
	}
	for _, gr := range groups {
		if gr.class == g {
			names = append(names, gr.name)
		}
	}
	full := schema.Name(g)
	for short, name := range shortNames {
		if name == full {
			names = append(names, short)
		}
	}
	names = append(names, strings.TrimPrefix(full, "Microsoft-Windows-"), full)
	for _, name := range names {
		if r, err := t.resolve(name); err == nil && r == g {
			return name
		}
	}
	return "{" + g.String() + "}"
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

// A subject is how a line names its event.
type subject struct {
	parse  func(p *parser, ev *Event, words []string) (rest []string, err error)
	append func(b []byte, t *Trace, ev *Event) []byte
}

var (
	bySchema = subject{ // Provider/ID or Provider/IDvVERSION
		func(p *parser, ev *Event, words []string) (rest []string, err error) {
			if len(words) == 0 {
				return nil, errors.New("no event")
			}
			if ev.Provider, err = p.provider(ev, words[0]); err != nil {
				return nil, err
			}
			return words[1:], nil
		},
		func(b []byte, t *Trace, ev *Event) []byte {
			return fmt.Appendf(b, "%s/%dv%d", quote(t.providerName(ev.Provider)), ev.ID, ev.Version)
		}}
	byHook = subject{ // Group/OPCODE
		func(_ *parser, ev *Event, words []string) (rest []string, err error) {
			if len(words) == 0 {
				return nil, errors.New("no event")
			}
			name, id, _ := strings.Cut(words[0], "/")
			group := slices.IndexFunc(groups[:], func(g group) bool { return g.name == name })
			if group < 0 {
				n, err := strconv.ParseUint(name, 0, 8)
				if err != nil {
					return nil, fmt.Errorf("unknown kernel group %q", name)
				}
				group = int(n)
			}
			if err := parseID(ev, id); err != nil {
				return nil, err
			}
			if ev.ID > 0xFF || ev.Version > 0xFF {
				return nil, fmt.Errorf("opcode or version of %s is over 255", words[0])
			}
			ev.ID |= uint16(group) << 8
			return words[1:], nil
		},
		func(b []byte, _ *Trace, ev *Event) []byte {
			name := strconv.Itoa(int(ev.ID >> 8))
			if n := int(ev.ID >> 8); n < len(groups) {
				name = groups[n].name
			}
			return fmt.Appendf(b, "%s/%dv%d", name, ev.ID&0xFF, ev.Version)
		}}
	byNames = subject{ // "Provider" "Event"
		func(p *parser, ev *Event, words []string) (rest []string, err error) {
			if len(words) < 2 {
				return nil, errors.New("want the names of provider and event")
			}
			if err := p.source(ev, words[0]); err != nil {
				return nil, err
			}
			ev.Name, err = unquote(words[1])
			return words[2:], err
		},
		func(b []byte, t *Trace, ev *Event) []byte {
			return append(append(t.appendSource(b, ev), ' '), quote(ev.Name)...)
		}}
	bySource = subject{ // "Provider"
		func(p *parser, ev *Event, words []string) (rest []string, err error) {
			if len(words) < 1 {
				return nil, errors.New("want the name of a provider")
			}
			return words[1:], p.source(ev, words[0])
		},
		func(b []byte, t *Trace, ev *Event) []byte { return t.appendSource(b, ev) }}
	byMap = subject{ // Provider/Map
		func(p *parser, ev *Event, words []string) (rest []string, err error) {
			if len(words) < 1 {
				return nil, errors.New("want Provider/Map")
			}
			slash := strings.LastIndexByte(words[0], '/')
			if slash < 0 {
				return nil, fmt.Errorf("%q is not Provider/Map", words[0])
			}
			ev.Source = words[0][slash+1:]
			if ev.Provider, err = p.named(words[0][:slash]); err != nil {
				return nil, err
			}
			return words[1:], nil
		},
		func(b []byte, t *Trace, ev *Event) []byte {
			return fmt.Appendf(b, "%s/%s", quote(t.providerName(ev.Provider)), ev.Source)
		}}
	byType = subject{ // TYPE
		func(_ *parser, ev *Event, words []string) (rest []string, err error) {
			if len(words) < 1 {
				return nil, errors.New("want the type of the record")
			}
			n, err := strconv.ParseUint(words[0], 0, 8)
			ev.ID = uint16(n)
			return words[1:], err
		},
		func(b []byte, _ *Trace, ev *Event) []byte { return fmt.Appendf(b, "%#02x", ev.ID) }}
	byNothing = subject{
		func(_ *parser, _ *Event, words []string) ([]string, error) { return words, nil },
		func(b []byte, _ *Trace, _ *Event) []byte { return b }}
)

// provider reads Provider/IDvVERSION. The default of the version is the lowest that the schema has.
func (p *parser) provider(ev *Event, word string) (etl.GUID, error) {
	slash := strings.LastIndexByte(word, '/')
	if slash < 0 {
		return etl.GUID{}, fmt.Errorf("%q is neither a kind of line nor Provider/ID", word)
	}
	g, err := p.named(word[:slash])
	if err != nil {
		return g, err
	}
	if err := parseID(ev, word[slash+1:]); err != nil {
		return g, err
	}
	ev.Provider = g
	if !strings.Contains(word[slash:], "v") {
		ev.Version = p.enc.lowestVersion(ev)
	}
	return g, nil
}

func (p *parser) named(word string) (etl.GUID, error) {
	name, err := unquote(word)
	if err != nil {
		return etl.GUID{}, err
	}
	return p.trace.resolve(name)
}

func parseID(ev *Event, s string) error {
	m := idForm.FindStringSubmatch(s)
	if m == nil {
		return fmt.Errorf("%q is not a number with or without a version, as 200 or 200v1", s)
	}
	id, err := strconv.ParseUint(m[1], 0, 16)
	if err == nil && m[2] != "" {
		var v uint64
		v, err = strconv.ParseUint(m[2], 10, 16)
		ev.Version = uint16(v)
	}
	ev.ID = uint16(id)
	return err
}

// source sets the name of a provider that describes itself, and the GUID that follows from it.
func (p *parser) source(ev *Event, word string) (err error) {
	ev.Source, err = unquote(word)
	ev.Provider = p.trace.sourceGUID(ev.Source)
	return err
}

func (t *Trace) sourceGUID(name string) etl.GUID {
	if g, ok := t.custom(name); ok {
		return g
	}
	return NameGUID(name)
}

func (t *Trace) appendSource(b []byte, ev *Event) []byte {
	b = append(b, quote(ev.Source)...)
	if ev.Provider != t.sourceGUID(ev.Source) {
		b = fmt.Appendf(b, " guid={%s}", ev.Provider)
	}
	return b
}

// String returns the trace in the form that [Parse] reads.
func (t *Trace) String() string {
	b := []byte("log")
	for _, k := range logKeys {
		if v := k.get(&t.Log); v != "" {
			b = append(append(append(append(b, ' '), k.name...), '='), quote(v)...)
		}
	}
	b = append(b, '\n')
	for _, p := range t.Providers {
		b = fmt.Appendf(b, "provider %s {%s}\n", quote(p.Name), p.GUID)
	}
	for i := range t.Events {
		b = t.appendEvent(b, &t.Events[i])
	}
	return string(b)
}

func (t *Trace) appendEvent(b []byte, ev *Event) []byte {
	b = fmt.Appendf(b, "%s cpu%d %d:%d ", seconds(ev.At), ev.CPU, ev.PID, ev.TID)
	if line, ok := appendProcess(b, ev); ok {
		return line
	}
	k := &kinds[ev.Kind]
	if k.word != "" {
		b = append(append(b, k.word...), ' ')
	}
	b = bytes.TrimSuffix(k.subject.append(b, t, ev), []byte{' '})
	for _, a := range []struct {
		name string
		g    etl.GUID
	}{{"act", ev.Activity}, {"related", ev.Related}} {
		if !a.g.IsZero() {
			b = fmt.Appendf(b, " %s=%s", a.name, activityText(a.g))
		}
	}
	for _, a := range ev.Attrs {
		b = a.append(b)
	}
	block := ""
	for _, f := range ev.Fields {
		if ev.Kind == Manifest && f.Name == "xml" && !strings.Contains(f.Value, "\r") {
			block = f.Value
			continue
		}
		b = f.append(b)
	}
	if block == "" {
		return append(b, '\n')
	}
	end := "END"
	for slices.Contains(strings.Split(block, "\n"), end) {
		end += "D"
	}
	return fmt.Appendf(b, " <<%s\n%s\n%s\n", end, block, end)
}

// A process line is a short form of the kernel's process events.
var (
	processEvents = []string{1: "start", 2: "end", 3: "dcstart", 4: "dcend", 39: "defunct"}
	processKeys   = []struct{ key, field string }{
		{"parent", "ParentId"}, {"session", "SessionId"}, {"exit", "ExitStatus"}, {"cmdline", "CommandLine"},
		{"sid", "UserSID"}, {"flags", "Flags"}, {"package", "PackageFullName"}, {"app", "ApplicationId"},
		{"key", "UniqueProcessKey"}, {"table", "DirectoryTableBase"}, {"exited", "ExitTime"},
	}
)

// process reads PID IMAGE [event=...] [version=N] and other values of the event.
func (p *parser) process(ev *Event, words []string) error {
	if len(words) < 2 {
		return errors.New("want: process PID IMAGE [parent=PID] [cmdline=...] ...")
	}
	image, err := unquote(words[1])
	if err != nil {
		return err
	}
	ev.Version = 4
	if p.enc.log.Build < 9200 {
		ev.Version = 3
	}
	opcode := 3
	ev.Fields = []Field{{Name: "ProcessId", Value: words[0]}, {Name: "ImageFileName", Value: image}}
	list, err := fields(words[2:])
	if err != nil {
		return err
	}
	for _, f := range list {
		switch i := slices.IndexFunc(processKeys, func(k struct{ key, field string }) bool { return k.key == f.Name }); {
		case f.Name == "event":
			opcode = slices.Index(processEvents, f.Value)
			if opcode < 1 {
				return fmt.Errorf("event %q is none of start, end, dcstart, dcend, defunct", f.Value)
			}
		case f.Name == "version":
			v, err := strconv.ParseUint(f.Value, 10, 8)
			if err != nil {
				return err
			}
			ev.Version = uint16(v)
		case i >= 0 && f.Type == "":
			ev.Fields = append(ev.Fields, Field{Name: processKeys[i].field, Value: f.Value})
		default:
			return fmt.Errorf("a process has no %q", f.Name)
		}
	}
	ev.Kind, ev.ID = processKind(opcode), processGroup<<8|uint16(opcode)
	return nil
}

const processGroup = 3

// processKind: the rundown has no thread of its own.
func processKind(opcode int) Kind {
	if opcode == 3 || opcode == 4 {
		return PerfInfo
	}
	return Kernel
}

// appendProcess writes the short form, if it can say all of ev.
func appendProcess(b []byte, ev *Event) ([]byte, bool) {
	opcode := int(ev.ID & 0xFF)
	if ev.ID>>8 != processGroup || opcode >= len(processEvents) || processEvents[opcode] == "" ||
		ev.Kind != processKind(opcode) || len(ev.Attrs) > 0 || len(ev.Fields) < 2 ||
		ev.Fields[0].Name != "ProcessId" || ev.Fields[1].Name != "ImageFileName" {
		return b, false
	}
	line := fmt.Appendf(b[:len(b):len(b)], "process %s %s event=%s version=%d", quote(ev.Fields[0].Value), quote(ev.Fields[1].Value), processEvents[opcode], ev.Version)
	for i, f := range ev.Fields {
		n := slices.IndexFunc(processKeys, func(k struct{ key, field string }) bool { return k.field == f.Name })
		if f.Type != "" || i > 1 && n < 0 {
			return b, false
		}
		if i > 1 {
			line = Field{Name: processKeys[n].key, Value: f.Value}.append(line)
		}
	}
	return append(line, '\n'), true
}
