// Package winhttplog reads the text lines in which WinHTTP tells what it does.
//
// Up to Windows 7 and Server 2008 R2 the story of a request is text, not typed events:
//
//	12:32:23.123 ::sys-recver failed to receive headers; error = ? (1460)
//	└── clock ─┘   └── who ─┘ └──── what ──────┘         └── code ───┘
//
// The same lines come in three wrappings:
//
//   - as the message of events 58999 and 59999 of Microsoft-Windows-WinHttp: [ParseMessage];
//   - pasted from Network Monitor, each line behind columns of which any may be missing, and often with
//     several frames run together on one physical line: [Parse];
//     336  2:32:22 PM  7/22/2011  32.6380453  w3wp.exe (1432)  WINHTTP_X  WINHTTP_X:12:32:23.123 ::text {.., NetEvent:3}
//   - as the .LOG files of WinHTTP's own tracing (netsh winhttp set tracing, WinHttpTraceCfg): [Parse].
//     16:51:47.899 ::*0000004* :: WinHttpReceiveResponse(0x36aae0, 0x0)
//     There the word between asterisks tells the requests apart, and what was sent and received stands between.
//
// Two clocks meet in a pasted line: Network Monitor's wall clock (twelve hours, the zone of whoever looked at the
// trace) and the clock of the traced machine before the "::". The latter is taken as UTC once a date stands
// beside it; the .LOG files, which have no date, use the machine's local time.
//
// The grammar is that of the ARR troubleshooting article and of the WSDAPI documentation on learn.microsoft.com,
// the only published lines.
package winhttplog

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/etl"
)

// A Kind tells what a line reports.
type Kind uint8

const (
	Other      Kind = iota // a remark, or a form this package does not know
	Call                   // WinHttpReceiveResponse(0x11d23d0, 0x0)
	Return                 // WinHttpReceiveResponse() returning TRUE
	State                  // sys-recver starts in _INIT state
	Completion             // sys-recver processing WebReceiveHttpResponse completion (error-cdoe = ...)
	Failure                // sys-recver failed to receive headers; error = ? (1460)
	Mapped                 // ERROR_WINHTTP_FROM_WIN32 mapped (?) 1460 to (ERROR_WINHTTP_TIMEOUT) 12002
	Returning              // sys-recver returning ERROR_WINHTTP_TIMEOUT (12002) from RecvResponse()
	Done                   // sys-req completes recv-headers inline (sync); error = ERROR_WINHTTP_TIMEOUT (12002)
	Sent                   // a line of what went to the server (.LOG), secrets and all
	Received               // a line of what came from the server (.LOG)
)

var kindNames = [...]string{"other", "call", "return", "state", "completion", "failure", "mapped", "returning", "done", "sent", "received"}

// String returns the kind's name in lower case.
func (k Kind) String() string { return kindNames[k] }

// A Line is one line of WinHTTP's text.
type Line struct {
	Number int // physical line of the file, from 1; several Lines share it where frames run together

	Time   etl.Time      // UTC; 0 while no date is known
	Clock  time.Duration // time of day before the "::"; where that is left out, of the line before
	Frame  int           // Network Monitor's frame number; 0 = not told
	Wall   time.Time     // Network Monitor's wall clock, in a zone that is not told (Location is UTC); zero = not told
	Offset time.Duration // since the start of the capture; 0 = not told

	Process string // image name; "" = not told
	PID     uint32 // 0 = not told
	Thread  uint32 // text files do not tell it; for the caller who knows it from an event
	Tag     string // what stands between the asterisks of a .LOG file: a request's number, or Session

	Text string // what follows the "::", without wrapping
	Kind Kind
	Who  string // the part of WinHTTP that reports: sys-recver, sys-req; "" for calls
	API  string // the function called, returning or completing; for Failure and Done the step: receive headers, recv-headers

	Args   string // of a Call: the text between the parentheses; of a Return: the text after "returning"
	Handle uint64 // of a Call: its first argument; of a Return: the new handle; 0 = none

	Code       uint32 // error number; of Mapped: the number that was mapped
	Name       string // its symbol; WinHTTP writes ? for one that it does not know
	Target     uint32 // of Mapped: the WinHTTP code
	TargetName string
}

// A form is one sentence of the grammar.
type form struct {
	kind  Kind
	mark  string // occurs in every such line; tested before the expression
	match *regexp.Regexp
	set   func(l *Line, m []string)
}

// forms are tried in order. The misspelling error-cdoe is WinHTTP's own.
var forms = []form{
	{Mapped, " mapped (", regexp.MustCompile(`^ERROR_WINHTTP_FROM_WIN32 mapped \(([^)]*)\) (\d+) to \(([^)]*)\) (\d+)`), func(l *Line, m []string) {
		l.Name, l.Code, l.TargetName, l.Target = m[1], number(m[2]), m[3], number(m[4])
	}},
	{Completion, " completion (", regexp.MustCompile(`^(\S+) processing (\w+) completion \(error-c\w+ = (\S+) \((0x[0-9A-Fa-f]+|\d+)\)`), func(l *Line, m []string) {
		l.Who, l.API, l.Name, l.Code = m[1], m[2], m[3], number(m[4])
	}},
	{Returning, " returning ", regexp.MustCompile(`^(\S+) returning (\S+) \((\d+)\) from (\w+)\(\)`), func(l *Line, m []string) {
		l.Who, l.Name, l.Code, l.API = m[1], m[2], number(m[3]), m[4]
	}},
	{Done, "; error = ", regexp.MustCompile(`^(\S+) completes (\S+).*; error = (\S+) \((\d+)\)`), func(l *Line, m []string) {
		l.Who, l.API, l.Name, l.Code = m[1], m[2], m[3], number(m[4])
	}},
	{Failure, "; error = ", regexp.MustCompile(`^(\S+) fail\w* to ([^;]+); error = (\S+) \((\d+)\)`), func(l *Line, m []string) {
		l.Who, l.API, l.Name, l.Code = m[1], m[2], m[3], number(m[4])
	}},
	{Failure, " error ", regexp.MustCompile(`^(WinHttp\w+)(?:\(\))?: error (\d+) \[(\w+)\]`), func(l *Line, m []string) {
		l.API, l.Code, l.Name = m[1], number(m[2]), m[3]
	}},
	{State, " starts in ", regexp.MustCompile(`^(\S+) starts in (\w+) state`), func(l *Line, m []string) {
		l.Who, l.API = m[1], m[2]
	}},
	{Return, "() returning ", regexp.MustCompile(`^(WinHttp\w+)\(\) returning (.*)`), func(l *Line, m []string) {
		l.API, l.Args = m[1], m[2]
		l.Handle = handle(m[2])
	}},
	{Call, "(", regexp.MustCompile(`^(WinHttp\w+)\((.*)\)`), func(l *Line, m []string) {
		l.API, l.Args = m[1], m[2]
		l.Handle = handle(m[2])
	}},
}

// number reads a decimal or 0x number; one that does not fit 32 bits is 0, "none".
func number(s string) uint32 {
	digits, base := s, 10
	if d, ok := strings.CutPrefix(s, "0x"); ok {
		digits, base = d, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

var handlePattern = regexp.MustCompile(`^(?:handle )?0x([0-9A-Fa-f]{1,16})\b`)

func handle(s string) uint64 {
	m := handlePattern.FindStringSubmatch(s)
	if m == nil {
		return 0
	}
	h, _ := strconv.ParseUint(m[1], 16, 64)
	return h
}

// ParseMessage parses the text of one line, with or without its clock, as events 58999 and 59999 carry it.
// It reports false if the text is none of the forms that it knows; Text, Clock and Tag are set all the same.
func ParseMessage(s string) (Line, bool) {
	s = strings.TrimRight(s, "\r\n\x00 ")
	var l Line
	if m := clockPattern.FindStringSubmatch(s); m != nil {
		l.Clock = clock(m[1])
		s = s[len(m[0]):]
	} else {
		s = strings.TrimPrefix(s, "::")
	}
	l.Tag, s = tag(s)
	l.Text = strings.TrimSpace(s)
	l.parse()
	return l, l.Kind != Other
}

// parse recognises l.Text.
func (l *Line) parse() {
	for i := range forms {
		f := &forms[i]
		if !strings.Contains(l.Text, f.mark) {
			continue
		}
		if m := f.match.FindStringSubmatch(l.Text); m != nil {
			l.Kind = f.kind
			f.set(l, m)
			return
		}
	}
}

// clockPattern is the clock at the start of a line.
var clockPattern = regexp.MustCompile(`^(` + clockForm + `) ?::`)

const clockForm = `\d{1,2}:\d{2}:\d{2}\.\d{1,7}`

// clock reads HH:MM:SS.fff; 0 if it is no time of day.
func clock(s string) time.Duration {
	t, err := time.Parse("15:04:05.9999999", s)
	if err != nil {
		return 0
	}
	return t.Sub(t.Truncate(24 * time.Hour))
}

// tag cuts the "*0000004* ::" of .LOG files off.
func tag(s string) (name, rest string) {
	if !strings.HasPrefix(s, "*") {
		return "", s
	}
	name, rest, ok := strings.Cut(s[1:], "* ::")
	if !ok || len(name) > 16 {
		return "", s
	}
	return name, rest
}

var fileName = regexp.MustCompile(`(?i)^(?:.*-)?([^-/\\]+\.exe)\.(\d+)\..*\.log$`)

// ParseName reads process and PID off the name of a .LOG file, which WinHTTP forms as prefix-image.PID.suffix.LOG.
func ParseName(name string) (process string, pid uint32, ok bool) {
	m := fileName.FindStringSubmatch(name)
	if m == nil {
		return "", 0, false
	}
	return m[1], number(m[2]), true
}
