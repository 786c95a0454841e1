// Package report writes what was found, one writer per output format over one model.
//
//	Analysis ─► Redact ─► table, text, markdown    the answer, for people
//	 requests              html                     the same with all evidence, as one page
//	 inputs                csv                      one line per request, phase or input
//	 machines              json, ndjson             everything
//	 Details               har, perfetto, otlp      for the programs that read these
//	                       ticket                   a zip with several of them, see [WriteTicket]
//
// It knows nothing of how the files were read. Names, orders and units of the machine-readable
// formats are stable; fields may be added behind the others, never renamed. What is not known is
// null, or an empty cell, never 0 or "".
package report

import (
	"errors"
	"fmt"
	"io"

	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/timeline/redact"
)

// ErrFormat says that a command has no such format.
var ErrFormat = errors.New("unknown output format")

// Options say how a result is written.
type Options struct {
	// Width is the number of columns of the terminal. 0 means that it is not known: answers are
	// wrapped at 100 columns, and rows are not cut.
	Width int
	Color bool // a little of it, by ANSI sequences

	// Redact masks the model before it is written; nil = nothing is masked. Command-line output masks credentials by
	// [redact.Default] at least.
	Redact *redact.Redactor
}

// defaultWidth is where answers are wrapped if the width is not known, minWidth where they are
// wrapped at the narrowest.
const (
	defaultWidth = 100
	minWidth     = 60
)

// A format is one way to write a model.
type format[M any] struct {
	name  string
	write func(io.Writer, M, Options) error
}

// The formats of each command; the first is the default.
var (
	analyzeFormats = []format[*Analysis]{
		{"table", analysisScreen},
		{"csv", analysisCSV},
		{"json", analysisJSON},
		{"ndjson", analysisNDJSON},
		{"text", analysisText},
		{"markdown", analysisMarkdown},
		{"html", analysisHTML},
		{"har", analysisHAR},
		{"perfetto", analysisPerfetto},
		{"otlp", analysisOTLP},
	}
	timelineFormats = []format[*Analysis]{
		{"table", timelineScreen},
		{"csv", timelineCSV},
		{"json", timelineJSON},
		{"ndjson", timelineNDJSON},
	}
	infoFormats = []format[*Analysis]{
		{"table", infoScreen},
		{"csv", infoCSV},
		{"json", infoJSON},
		{"ndjson", infoNDJSON},
	}
	explainFormats = []format[[]winerr.Meaning]{
		{"table", explainScreen},
		{"json", explainJSON},
	}
)

// Traits say what a format asks of the one who has it written.
type Traits struct {
	Shared    bool   // it is made to be passed on: secrets are masked, unless a user says otherwise
	Binary    bool   // it is not for a terminal
	Detailed  bool   // it shows single requests event by event, see [Details]
	Extension string // of files of the format
	Digests   bool   // it tells of a few Failed Request Tracing files in short, see [Analysis.OfTracings]
	Inputs    bool   // it shows hashes of the inputs, and how many events could not be decoded whole
}

var traits = map[string]Traits{
	"table":    {Digests: true},
	"json":     {Inputs: true},
	"text":     {Extension: ".txt", Shared: true, Inputs: true, Digests: true},
	"markdown": {Extension: ".md", Shared: true, Inputs: true, Digests: true},
	"html":     {Extension: ".html", Shared: true, Inputs: true, Detailed: true, Binary: true},
	"ticket":   {Extension: ".zip", Shared: true, Inputs: true, Detailed: true, Binary: true},
	"har":      {Extension: ".har", Shared: true},
	"perfetto": {Extension: ".pftrace", Shared: true, Binary: true},
	"otlp":     {Extension: ".otlp.json", Shared: true},
}

// TraitsOf returns the traits of a format; "ticket" is what [WriteTicket] writes.
func TraitsOf(format string) Traits { return traits[format] }

// Formats returns the names of the formats that a command of etwhy can write, the default first;
// nil if it writes none.
func Formats(command string) []string {
	return map[string][]string{
		"analyze":  names(analyzeFormats),
		"timeline": names(timelineFormats),
		"events":   eventFormatNames(),
		"info":     names(infoFormats),
		"explain":  names(explainFormats),
		"report":   reportFormats(),
	}[command]
}

// reportFormats are those of "analyze" that are made to be passed on: the page first.
func reportFormats() []string {
	out := []string{"html"}
	for _, f := range analyzeFormats {
		if traits[f.name].Shared && f.name != "html" {
			out = append(out, f.name)
		}
	}
	return out
}

func names[M any](formats []format[M]) []string {
	out := make([]string, len(formats))
	for i, f := range formats {
		out[i] = f.name
	}
	return out
}

func write[M any](w io.Writer, formats []format[M], name string, model M, opt Options) error {
	for _, f := range formats {
		if f.name == name {
			return f.write(w, model, opt)
		}
	}
	return fmt.Errorf("%w %q", ErrFormat, name)
}

// WriteAnalysis writes the requests and what is to be said of them, in one of the formats of
// "analyze". a is masked in place first, see [Analysis.Redact].
func WriteAnalysis(w io.Writer, format string, a *Analysis, opt Options) error {
	a.Redact(opt.Redact)
	return write(w, analyzeFormats, format, a, opt)
}

// WriteTimeline writes one row per phase of each request, in one of the formats of "timeline".
// A request without phases has one row with an empty phase. a is masked in place first.
func WriteTimeline(w io.Writer, format string, a *Analysis, opt Options) error {
	a.Redact(opt.Redact)
	return write(w, timelineFormats, format, a, opt)
}

// WriteInfo writes what each input holds and what it lost, in one of the formats of "info".
// a is masked in place first.
func WriteInfo(w io.Writer, format string, a *Analysis, opt Options) error {
	a.Redact(opt.Redact)
	return write(w, infoFormats, format, a, opt)
}

// WriteExplanation writes the meanings of error codes, in one of the formats of "explain".
func WriteExplanation(w io.Writer, format string, meanings []winerr.Meaning, opt Options) error {
	return write(w, explainFormats, format, meanings, opt)
}
