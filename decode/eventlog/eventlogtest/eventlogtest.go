// Package eventlogtest makes exports of the Windows Event Viewer of readable text, for tests and demonstrations.
//
//	# a comment
//	computer WEB02
//	channel System
//	2026-03-05T09:14:07.123Z Microsoft-Windows-WAS 5002 warning AppPoolID=Shop
//	channel Application
//	2026-03-05T09:12:19Z "Application Error" 1000 error w3wp.exe 10.0.20348.1 5f2e KERNELBASE.dll 10.0.20348.1
//	2026-03-05T09:12:20Z @1234 "Service Control Manager" 7036 information param1="World Wide Web" param2=stopped
//
// An event is a time, an optional @process that wrote it, a provider, an event id, a level (critical, error, warning,
// information, verbose), and its data: Name=Value, or a bare value for data without a name. Provider, bare value
// and Value may stand in quotes of Go; a value of the form a=b has to. "computer" and "channel" hold until the next
// such line.
package eventlogtest

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var levels = []string{"always", "critical", "error", "warning", "information", "verbose"}

// names are what data are called; anything else in front of "=" makes it part of a value.
var names = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// A writer collects the export.
type writer struct {
	bytes.Buffer
	computer, channel string
	record            int
}

// XML returns the export that text describes: UTF-8, laid out as the Event Viewer does it, with
// EventRecordID counted from 1.
func XML(text string) ([]byte, error) {
	w := &writer{computer: "WEB01", channel: "System"}
	w.WriteString(`<?xml version="1.0" encoding="utf-8" standalone="yes"?>` + "\r\n<Events>")
	n := 0
	for line := range strings.Lines(text) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		words, err := split(line)
		if err == nil {
			err = w.line(words)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	w.WriteString("</Events>")
	return w.Bytes(), nil
}

func (w *writer) line(words []string) error {
	switch words[0] {
	case "computer", "channel":
		if len(words) != 2 {
			return fmt.Errorf("want: %s name", words[0])
		}
		if words[0] == "computer" {
			w.computer = unquote(words[1])
		} else {
			w.channel = unquote(words[1])
		}
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, words[0])
	if err != nil {
		return fmt.Errorf("%q is no time like 2026-03-05T09:14:07.123Z", words[0])
	}
	pid := uint64(0)
	if len(words) > 1 && words[1][0] == '@' {
		if pid, err = strconv.ParseUint(words[1][1:], 10, 32); err != nil {
			return fmt.Errorf("%q is no process", words[1])
		}
		words = slices.Delete(words, 1, 2)
	}
	if len(words) < 4 {
		return fmt.Errorf("want: time provider id level, then data")
	}
	id, err := strconv.ParseUint(words[2], 10, 16)
	if err != nil {
		return fmt.Errorf("%q is no event id", words[2])
	}
	level := slices.Index(levels, words[3])
	if level < 0 {
		return fmt.Errorf("%q is no level: %s", words[3], strings.Join(levels, " "))
	}
	w.record++
	fmt.Fprintf(w, `<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='%s'/>`+
		`<EventID Qualifiers='0'>%d</EventID><Version>0</Version><Level>%d</Level><Task>0</Task><Opcode>0</Opcode><Keywords>0x80000000000000</Keywords>`+
		`<TimeCreated SystemTime='%s'/><EventRecordID>%d</EventRecordID><Correlation/><Execution ProcessID='%d' ThreadID='0'/>`+
		`<Channel>%s</Channel><Computer>%s</Computer><Security/></System>`,
		escape(unquote(words[1])), id, level, at.UTC().Format("2006-01-02T15:04:05.0000000Z"), w.record, pid, escape(w.channel), escape(w.computer))
	w.data(words[4:])
	w.WriteString("</Event>")
	return nil
}

func (w *writer) data(words []string) {
	if len(words) == 0 {
		w.WriteString("<EventData/>")
		return
	}
	w.WriteString("<EventData>")
	for _, word := range words {
		if name, value, ok := strings.Cut(word, "="); ok && names.MatchString(name) {
			fmt.Fprintf(w, "<Data Name='%s'>%s</Data>", name, escape(unquote(value)))
		} else {
			fmt.Fprintf(w, "<Data>%s</Data>", escape(unquote(word)))
		}
	}
	w.WriteString("</EventData>")
}

// split parts a line at blanks that are not inside quotes. The words keep their quotes.
func split(line string) (words []string, err error) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		n := 0
		for n < len(line) && line[n] != ' ' && line[n] != '\t' {
			if line[n] != '"' {
				n++
				continue
			}
			quoted, err := strconv.QuotedPrefix(line[n:])
			if err != nil {
				return nil, fmt.Errorf("a quote without end: %.40s", line[n:])
			}
			n += len(quoted)
		}
		words = append(words, line[:n])
		line = line[n:]
	}
	return words, nil
}

func unquote(s string) string {
	if plain, err := strconv.Unquote(s); err == nil {
		return plain
	}
	return s
}

func escape(s string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(s)) // writes to memory only
	return b.String()
}
