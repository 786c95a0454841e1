// Package eventlogtest makes Windows event logs of readable text, for tests and demonstrations: what the Event Viewer
// exports as XML, and the binary log itself.
//
//	# a comment
//	computer WEB02
//	channel System
//	2026-03-05T09:14:07.123Z Microsoft-Windows-WAS 5002 warning AppPoolID=Shop
//	user S-1-5-21-1004336348-1177238915-682003330-1103
//	channel Application
//	2026-03-05T09:12:19Z "Application Error" 1000 error w3wp.exe 10.0.20348.1 5f2e KERNELBASE.dll 10.0.20348.1
//	2026-03-05T09:12:20Z @1234 "Service Control Manager" 7036 information param1="World Wide Web" param2=stopped
//
// An event is a time, an optional @process that wrote it, a provider, an event id, a level (critical, error, warning,
// information, verbose), and its data: Name=Value, or a bare value for data without a name. Provider, bare value
// and Value may stand in quotes of Go; a value of the form a=b has to. "computer", "channel" and "user" (the SID of
// who wrote the events, or none, as at the start) hold until the next such line.
//
// The writers have layout code of their own and share none with package eventlog: an offset that one of them gets
// wrong does not agree with the other.
package eventlogtest

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/internal/textline"
	"github.com/etwhy/etwhy/etl"
)

// An event is what a line tells, and the lines before that hold for it. All else is the same in every event.
type event struct {
	line                              int
	record                            uint64 // from 1
	time                              etl.Time
	computer, channel, provider, user string
	sid                               []byte // of user; nil = none
	pid                               uint32
	id                                uint16
	level                             uint8
	data                              []datum
}

// A datum is one of an event's data.
type datum struct{ name, value string }

const (
	namespace = "http://schemas.microsoft.com/win/2004/08/events/event"
	keywords  = 0x80000000000000 // classic
)

var levels = []string{"always", "critical", "error", "warning", "information", "verbose"}

// names are what data are called; anything else in front of "=" makes it part of a value.
var names = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// parse returns the events that text describes.
func parse(text string) ([]event, error) {
	held := event{computer: "WEB01", channel: "System"}
	var list []event
	for n, line := range textline.Lines(text) {
		words, err := textline.Split(line)
		switch {
		case err != nil:
		case words[0] == "computer" || words[0] == "channel" || words[0] == "user":
			err = held.hold(words)
		default:
			e := held
			e.line, e.record = n, uint64(len(list)+1)
			err = e.parse(words)
			list = append(list, e)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return list, nil
}

// hold takes what holds for the events that follow.
func (e *event) hold(words []string) error {
	if len(words) != 2 {
		return fmt.Errorf("want: %s name", words[0])
	}
	name := textline.Unquote(words[1])
	switch words[0] {
	case "computer":
		e.computer = name
	case "channel":
		e.channel = name
	case "user":
		if e.user, e.sid = "", nil; name == "none" {
			break
		}
		sid, ok := parseSID(name)
		if !ok {
			return fmt.Errorf("%q is no user like S-1-5-18, nor none", name)
		}
		e.user, e.sid = name, sid
	}
	return nil
}

func (e *event) parse(words []string) error {
	at, err := time.Parse(time.RFC3339Nano, words[0])
	if err != nil || at.Year() < 1601 {
		return fmt.Errorf("%q is no time like 2026-03-05T09:14:07.123Z", words[0])
	}
	if len(words) > 1 && words[1][0] == '@' {
		pid, err := strconv.ParseUint(words[1][1:], 10, 32)
		if err != nil {
			return fmt.Errorf("%q is no process", words[1])
		}
		e.pid = uint32(pid)
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
	e.time, e.provider, e.id, e.level = etl.FromTime(at), textline.Unquote(words[1]), uint16(id), uint8(level)
	for _, word := range words[4:] {
		name, value, ok := strings.Cut(word, "=")
		if !ok || !names.MatchString(name) {
			name, value = "", word
		}
		e.data = append(e.data, datum{name, textline.Unquote(value)})
	}
	return nil
}

// parseSID returns the bytes of a security identifier: revision 1, how many numbers, the authority in 6 bytes
// big-endian, the numbers.
func parseSID(text string) (sid []byte, ok bool) {
	parts := strings.Split(text, "-")
	if len(parts) < 4 || len(parts) > 3+15 || parts[0] != "S" || parts[1] != "1" {
		return nil, false
	}
	sid = []byte{1, byte(len(parts) - 3), 0, 0}
	for i, part := range parts[2:] {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return nil, false
		}
		if i == 0 {
			sid = binary.BigEndian.AppendUint32(sid, uint32(n))
		} else {
			sid = binary.LittleEndian.AppendUint32(sid, uint32(n))
		}
	}
	return sid, true
}
