package etltest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

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
		return errors.New("want: process PID IMAGE, then parent=, cmdline= and others")
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
