package w3c

import (
	"strings"
	"time"

	"github.com/etwhy/etwhy/etl"
)

// eventLayout has the fields of event 6200 under their names in a log.
var eventLayout = newLayout("date time c-ip cs-username s-sitename s-computername s-ip cs-method cs-uri-stem cs-uri-query sc-status "+
	"sc-win32-status sc-bytes cs-bytes time-taken s-port cs(User-Agent) cs(Cookie) cs(Referer) cs-version cs-host sc-substatus CustomFields", softwareIIS)

// eventNames are the fields that the event calls otherwise.
var eventNames = map[string]string{"cs(User-Agent)": "csUser-Agent", "cs(Cookie)": "csCookie", "cs(Referer)": "csReferer"}

// logExtFileFlags of applicationHost.config: the bit of EnabledFieldsFlags that says that a field was logged.
// Fields that were not are zero in the event.
var enabled = map[string]uint64{
	"date": 1 << 0, "time": 1 << 1, "c-ip": 1 << 2, "cs-username": 1 << 3, "s-sitename": 1 << 4, "s-computername": 1 << 5,
	"s-ip": 1 << 6, "cs-method": 1 << 7, "cs-uri-stem": 1 << 8, "cs-uri-query": 1 << 9, "sc-status": 1 << 10,
	"sc-win32-status": 1 << 11, "sc-bytes": 1 << 12, "cs-bytes": 1 << 13, "time-taken": 1 << 14, "s-port": 1 << 15,
	"cs(User-Agent)": 1 << 16, "cs(Cookie)": 1 << 17, "cs(Referer)": 1 << 18, "cs-version": 1 << 19, "cs-host": 1 << 20,
	"sc-substatus": 1 << 21,
}

// FromEvent makes an entry of event 6200 of Microsoft-Windows-IIS-Logging, the log line as an ETW event. text
// returns a field of the event as text, "" if there is none. The entry's time is that of the record, which is finer
// than the whole seconds in the event; without one it is the event's.
func FromEvent(record etl.Time, text func(field string) string) *Entry {
	e := &Entry{layout: eventLayout, conf: newConfig(Options{})}
	flags, ok := parseNumber([]byte(text("EnabledFieldsFlags")), 32)
	if !ok {
		flags = ^uint64(0)
	}
	for _, f := range eventLayout.fields {
		name := f.name
		if n, ok := eventNames[name]; ok {
			name = n
		}
		value := strings.TrimSpace(text(name))
		if bit := enabled[f.name]; value == "" || bit != 0 && flags&bit == 0 {
			value = string(noValue)
		}
		start := len(e.line)
		e.line = append(e.line, value...)
		e.values = append(e.values, span{uint32(start), uint32(len(e.line))})
		e.line = append(e.line, ' ')
	}
	e.line = e.line[:len(e.line)-1]
	if !record.IsZero() {
		e.Time, e.Dated = record, LineDate
		e.Clock = time.Duration(record%day) * 100 // 1601-01-01 began at midnight
		return e
	}
	var s dateState
	s.set(e, parseDate)
	return e
}
