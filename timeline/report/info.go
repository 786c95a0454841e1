package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// infoScreen tells of each file what it is, what it covers, what it holds and what it lost.
func infoScreen(w io.Writer, a *Analysis, opt Options) error {
	s := newScreen(a, opt)
	if len(a.sources()) > fewInputs && len(a.Machines) > 0 {
		s.machines()
		s.lacking()
		return s.writeTo(w, 0)
	}
	others := 0
	for i := range a.Inputs {
		in := &a.Inputs[i]
		if in.Kind == "other" && in.Error == "" && in.Note == "" && len(a.Inputs) > 1 {
			others++
			continue
		}
		s.blank()
		s.input(in)
	}
	if others > 0 {
		s.blank()
		s.text(fmt.Sprintf("And %s that etwhy does not read.", plural(others, "other file")), 2)
	}
	if len(a.Machines) > 0 {
		s.lacking()
	} else {
		s.missing()
	}
	if len(a.Inputs) == 0 {
		s.line("No files.")
	}
	return s.writeTo(w, 0)
}

// talkers are the providers whose events tell of requests.
var talkers = []etl.GUID{
	etl.MustParseGUID("50b3e73c-9370-461d-bb9f-26f32d68887d"), // WebIO
	etl.MustParseGUID("7d44233d-3055-4b9c-ba64-0d47ca40a232"), // WinHttp
	etl.MustParseGUID("dd5ef90a-6398-47a4-ad34-4dcecdef795f"), // HttpService
}

// missing says what the logs lack to explain a request, and how to record it.
func (s *screen) missing() {
	var log *Log
	for i := range s.Inputs {
		l := s.Inputs[i].Log
		if l == nil {
			continue
		}
		log = l
		if slices.ContainsFunc(l.Providers, func(p Provider) bool { return slices.Contains(talkers, p.GUID) }) {
			return
		}
	}
	if log == nil {
		return
	}
	s.blank()
	s.labelled("Missing:", "events of WinHttp, WebIO or HTTP.sys. Without them nothing here can tell why a request failed. To record them, as administrator:")
	for _, c := range timeline.CaptureCommands(log.Header.Build) {
		s.command(c)
	}
}

// input tells of one file.
func (s *screen) input(in *Input) {
	kind := in.Kind
	if words, ok := kinds[kind]; ok {
		kind = words
	}
	head := fmt.Sprintf("%s: %s", ending(in.Path, s.width-len("...")-len(": ")), kind)
	if in.Size > 0 {
		head += ", " + size(in.Size)
	}
	s.headline(head, in.Error != "")
	if in.Error != "" {
		s.indented("Not read, or not to its end: " + sentence(in.Error))
	}
	if in.DuplicateOf != "" {
		s.indented("The same bytes as " + in.DuplicateOf + ", which is read instead.")
		return
	}
	if in.Note != "" {
		s.indented(sentence(in.Note))
	}
	l := in.Log
	if l == nil {
		s.content(in)
		return
	}
	h := &l.Header
	s.indented(fmt.Sprintf("Windows build %d (%d.%d), %d-bit, %s; clock %s; %s; %s.", h.Build, h.Major, h.Minor, 8*h.PointerSize,
		plural(int(h.Processors), "processor"), h.Clock, compression(l.Compression), mode(h)))
	if !in.Start.IsZero() {
		t := fmt.Sprintf("%s (%s", datedSpan(in.Start, in.End), took(in.End.Sub(in.Start)))
		if m := in.utcOffset(); m != 0 {
			shift := time.Duration(m) * time.Minute
			t += fmt.Sprintf("; %s to %s server time, %s", clock(in.Start.Add(shift)), clock(in.End.Add(shift)), utcOffset(m))
		}
		s.indented(t + ").")
	}
	s.indented(records(l))
	s.indented("Lost: " + losses(l))
	if t := providers(l); t != "" {
		s.indented(t)
	}
	const most = 5
	for i, d := range l.Anomalies {
		if i == most {
			s.indented(fmt.Sprintf("And %d more places with damage: etwhy info -f json.", len(l.Anomalies)-most))
			break
		}
		s.indented(fmt.Sprintf("Damage at 0x%x: %s: %s", d.Offset, d.Kind, sentence(d.Detail)))
	}
}

// content tells of a file that is no trace log.
func (s *screen) content(in *Input) {
	if in.Machine != "" {
		s.indented("Of " + in.Machine + ".")
	}
	var parts []string
	if in.Lines > 0 {
		parts = append(parts, plural(in.Lines, cmp.Or(lineWords[in.Kind], "line")))
	}
	if in.Entries > 0 && in.Entries != in.Lines {
		parts = append(parts, thousands(in.Entries)+either(in.Entries, " entry", " entries"))
	}
	if !in.Start.IsZero() {
		parts = append(parts, datedSpan(in.Start, in.End))
	}
	if len(parts) > 0 {
		s.indented(sentence(strings.Join(parts, "; ")))
	}
	const most = 3
	for i, d := range in.Damage {
		if i == most {
			s.indented(fmt.Sprintf("And %d more places with damage: etwhy info -f json.", len(in.Damage)-most))
			break
		}
		where := ""
		if d.Offset >= 0 {
			where = fmt.Sprintf(" at 0x%x", d.Offset)
		}
		s.indented(fmt.Sprintf("Damage%s: %s: %s", where, d.Kind, sentence(d.Detail)))
	}
}

// lineWords say what the parts of a file are called; others have lines.
var lineWords = map[string]string{
	string(timeline.KindFREB): "event", string(timeline.KindEvents): "event",
}

// kinds says what the kinds of inputs are.
var kinds = map[string]string{
	string(timeline.KindETL):     "trace log",
	string(timeline.KindCab):     "cabinet",
	string(timeline.KindZip):     "zip archive",
	string(timeline.KindText):    "WinHTTP trace text",
	string(timeline.KindFREB):    "Failed Request Tracing",
	string(timeline.KindIISLog):  "IIS log",
	string(timeline.KindHTTPERR): "HTTPERR log of HTTP.sys",
	string(timeline.KindEvents):  "Windows event log",
	string(timeline.KindConfig):  "IIS configuration",
	string(timeline.KindConsole): "text that a Windows command wrote",
	string(timeline.KindPage):    "error page that a user saw",
	string(timeline.KindPerf):    "performance counters",
	string(timeline.KindSRUM):    "SRUM database: network use by program and hour",
	string(timeline.KindOther):   "not a file that etwhy reads",
}

// ending leaves out the beginning of a path that no line has room for: its end tells the files apart.
func ending(path string, width int) string {
	short := path
	for displaywidth.String(short) > width {
		_, rest, ok := strings.Cut(short[1:], "/")
		if !ok {
			return path
		}
		short = "/" + rest
	}
	if short != path {
		short = "..." + short
	}
	return short
}

// size writes a number of bytes.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1000_000:
		return fmt.Sprintf("%.1f KB", float64(n)/1e3)
	case n < 1000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

func compression(c etl.Compression) string {
	if c == etl.Uncompressed {
		return "not compressed"
	}
	return "compressed (" + c.String() + ")"
}

// mode says how the log was written.
func mode(h *etl.Header) string {
	switch {
	case h.Open():
		return "never closed: the session was still running"
	case h.Mode&etl.ModeCircular != 0:
		return fmt.Sprintf("a ring of %d MB", h.MaximumFileSize)
	}
	return "closed in good order"
}

// records counts what the log holds, by kind.
func records(l *Log) string {
	t := plural(l.total(), "record")
	var parts []string
	for _, k := range [...]etl.Kind{etl.KindEvent, etl.KindClassic, etl.KindKernel, etl.KindMessage, etl.KindOther} {
		if n := l.Records[k]; n > 0 {
			parts = append(parts, thousands(n)+" "+k.String())
		}
	}
	if len(parts) > 0 {
		t += ": " + strings.Join(parts, ", ")
	}
	if u := l.Undecoded; u != nil && *u > 0 {
		t += fmt.Sprintf("; %s not decoded whole", thousands(*u))
	}
	return t + "."
}

// losses says what is missing.
func losses(l *Log) string {
	var parts []string
	add := func(n uint64, what string) {
		if n > 0 {
			parts = append(parts, plural(int(n), what))
		}
	}
	add(uint64(l.Loss.EventsLost), "event")
	add(uint64(l.Loss.BuffersLost), "buffer")
	add(l.Loss.SequenceGaps, "missing buffer number")
	add(uint64(l.Loss.FlagEvents+l.Loss.FlagBuffers), "buffer")
	if n := len(parts); n > 0 && l.Loss.FlagEvents+l.Loss.FlagBuffers > 0 {
		parts[n-1] += " marked as coming after a loss"
	}
	nothing := "nothing"
	if l.Header.Open() {
		nothing = "not recorded, since the log was never closed"
	}
	return sentence(cmp.Or(strings.Join(parts, ", "), nothing))
}

// providers lists who wrote most.
func providers(l *Log) string {
	const most = 8
	var parts []string
	for i, p := range l.Providers {
		if i == most {
			parts = append(parts, fmt.Sprintf("%d more", len(l.Providers)-most))
			break
		}
		name := strings.TrimPrefix(p.Name, "Microsoft-Windows-")
		if name == "" {
			name = p.GUID.String()
		}
		parts = append(parts, name+" "+thousands(p.Events))
	}
	if len(parts) == 0 {
		return ""
	}
	return "Providers: " + strings.Join(parts, ", ") + "."
}
