package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/etwhy/etwhy/decode/charset"
	"github.com/etwhy/etwhy/timeline/report"
)

// An environment is what a run may touch besides files.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// A command is one row of the command table.
type command struct {
	use     string
	short   string
	long    string
	example string
	traces  bool // takes the flags that commands on traces share
	run     func(*environment, *options, []string) error
}

// commands is the table of commands. The first is also what etwhy does with paths alone.
var commands = []command{
	{
		use:   "analyze PATH...",
		short: "say which requests failed, in which phase, and why",
		long: `Analyze reads what servers recorded and says which requests failed, in which phase and why. Files of
several machines are best put into one folder, with a folder for each machine inside.
A PATH is a file, a folder, a cabinet, a zip, a glob, or - for standard input. "etwhy PATH..." does the same.

Exit codes: 0 no failed request, 1 at least one, 2 wrong usage, 3 a path could not be read.`,
		example: `  etwhy net.cab
  etwhy net.etl --process w3wp --url /shop/
  etwhy net.cab --around 14:32 --tz +02:00
  etwhy case/ -f json -o case.json`,
		traces: true,
		run:    runAnalyze,
	},
	{
		use:   "report PATH...",
		short: "write the answer with all its evidence as one HTML file",
		long: `Report writes one HTML file that any browser opens without a network: the answer, what it rests on, every
request on one time axis, the events of those that failed, and Failed Request Tracing files as a page.
Secrets are masked, see --redact. Without -o the file is named after the first PATH. Other formats than HTML are
those of analyze that are made to be passed on.`,
		example: `  etwhy report net.cab -o case.html
  etwhy report fr000001.xml
  etwhy report case/ --redact identities -o case.html`,
		traces: true,
		run:    runReport,
	},
	{
		use:   "ticket PATH...",
		short: "pack the answer for a support ticket, with secrets out of it",
		long: `Ticket writes a zip archive to attach to a support ticket: the report, a summary in Markdown, the requests and
their phases as CSV, everything as JSON, what was masked, and the SHA-256 of each file. Secrets are masked, see
--redact; the files themselves stay out of it unless --include-originals asks for them.`,
		example: `  etwhy ticket case/ -o ticket.zip
  etwhy ticket net.cab --redact identities --redact-names names.csv -o ticket.zip`,
		traces: true,
		run:    runTicket,
	},
	{
		use:   "check-secrets PATH...",
		short: "look for secrets in any file before it is passed on",
		long: `Check-secrets looks in files of any kind, and in folders, for what looks like a secret: cookies, tokens, passwords,
keys. It says where they are, and does not show them. Zips, cabinets, gzip and compressed traces are unpacked for that.
A PATH is a file, a folder, a glob or - for standard input.

Exit codes: 0 nothing found, 1 something found, 2 wrong usage, 3 a file could not be read.`,
		example: `  etwhy check-secrets ticket.zip
  etwhy check-secrets report.html u_ex260305.log
  etwhy check-secrets case/`,
		run: runCheckSecrets,
	},
	{
		use:   "timeline PATH...",
		short: "list the phases of each request",
		example: `  etwhy timeline net.cab -f csv -o timeline.csv
  etwhy timeline net.etl --failed --pid 1432`,
		traces: true,
		run:    runTimeline,
	},
	{
		use:   "events PATH...",
		short: "print every record decoded, in time order",
		example: `  etwhy events net.etl --provider WebIO -f ndjson
  etwhy events net.etl --pid 1432 -f csv -o events.csv`,
		traces: true,
		run:    runEvents,
	},
	{
		use:   "info PATH...",
		short: "say what each file holds and what it lost",
		example: `  etwhy info net.cab
  etwhy info case/ -f json`,
		traces: true,
		run:    runInfo,
	},
	{
		use:   "explain CODE...",
		short: "explain an error code in any form",
		long: `Explain names an error code, says what it means, in which phase it occurs and what WinHTTP makes of it.
It knows WinHTTP, Win32, Winsock, HRESULT, NTSTATUS and SSPI codes, TLS alerts, IIS substatus codes,
HTTPERR reasons, and event ids, in decimal, hexadecimal, signed or by name.

Exit code 1: a code is not known.`,
		example: `  etwhy explain 12002
  etwhy explain -2147012894
  etwhy explain 0x80072EE2 WSAETIMEDOUT 502.3
  etwhy explain Timer_ReqQueue`,
		run: runExplain,
	},
	{
		use:   "extract CAB [NAME...]",
		short: "unpack a cabinet safely",
		example: `  etwhy extract -l net.cab
  etwhy extract net.cab report.etl -d case`,
		run: runExtract,
	},
}

// newRoot builds the command tree.
func newRoot(env *environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "etwhy PATH...",
		Short: "say why an HTTP request failed, from captured Windows traces",
		Long: `etwhy reads what Windows servers recorded (netsh traces, Failed Request Tracing, IIS and HTTPERR logs, event
logs, configuration; one file, a folder of all of them, a cabinet or a zip) and says why an HTTP request
failed, in which phase, and what to do next.`,
		Example:       commands[0].example,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SuggestionsMinimumDistance = 2
	root.SetVersionTemplate("etwhy {{.Version}}\n")
	analyze := newCommand(env, commands[0])
	root.Args, root.RunE = cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return exitError{exitUsage, fmt.Errorf("no PATH: name a trace, a cabinet or a folder")}
		}
		if meant := c.SuggestionsFor(args[0]); len(meant) > 0 && !exists(args[0]) {
			env.warn("%s is no command: is etwhy %s meant?", args[0], strings.Join(meant, " or "))
		}
		return analyze.RunE(c, args)
	}
	root.Flags().AddFlagSet(analyze.Flags())
	root.AddCommand(analyze)
	for _, c := range commands[1:] {
		root.AddCommand(newCommand(env, c))
	}
	return root
}

func newCommand(env *environment, c command) *cobra.Command {
	opts := &options{}
	name, operands, _ := strings.Cut(c.use, " ")
	cc := &cobra.Command{
		Use: c.use, Short: c.short, Long: c.long, Example: c.example,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("nothing is named: etwhy %s %s", name, operands)
			}
			return nil
		},
		RunE: func(cc *cobra.Command, args []string) error {
			opts.redactGiven = cc.Flags().Changed("redact")
			return c.run(env, opts, args)
		},
	}
	f := cc.Flags()
	f.SortFlags = false
	if formats := report.Formats(name); len(formats) > 0 {
		f.StringVarP(&opts.format, "format", "f", formats[0], "output format: "+strings.Join(formats, ", "))
		opts.formats = formats
		f.StringVarP(&opts.output, "output", "o", "", "write to `FILE` instead of standard output")
		f.BoolVar(&opts.force, "force", false, "let -o replace an existing file")
	}
	if c.traces {
		opts.addTraceFlags(f)
	}
	if name == "report" || name == "ticket" {
		f.Lookup("redact").DefValue = "secrets"
	}
	if name == "ticket" {
		f.StringVarP(&opts.output, "output", "o", "", "write to `FILE`; - is standard output")
		f.BoolVar(&opts.force, "force", false, "let -o replace an existing file")
		f.BoolVar(&opts.originals, "include-originals", false, "put the files that were read into it, as they are")
	}
	if name == "extract" {
		f.BoolVarP(&opts.list, "list", "l", false, "list the members, unpack nothing")
		f.StringVarP(&opts.dir, "dir", "d", ".", "unpack into folder `DIR`")
		f.BoolVar(&opts.force, "force", false, "replace existing files")
	}
	return cc
}

// version returns the module version and the commit that the build recorded.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			v += " " + s.Value[:12]
		}
	}
	return v + " " + info.GoVersion
}

// create opens the file that -o names, or standard output.
func (env *environment) create(opts *options) (io.WriteCloser, error) {
	if !opts.toFile() {
		return nopCloser{env.stdout}, nil
	}
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	info, err := os.Stat(opts.output)
	if opts.force || err == nil && !info.Mode().IsRegular() { // there is nothing to lose in a device or pipe
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(opts.output, mode, 0o666)
	if os.IsExist(err) {
		return nil, existsError("-o", opts.output)
	}
	if err != nil {
		return nil, exitError{exitUsage, err}
	}
	return f, nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// warn writes a line to standard error. Names in it may be a stranger's.
func (env *environment) warn(format string, args ...any) {
	fmt.Fprintf(env.stderr, "etwhy: %s\n", charset.Printable(fmt.Sprintf(format, args...)))
}
