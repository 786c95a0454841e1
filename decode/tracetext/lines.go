package tracetext

import (
	"bytes"
	"regexp"
	"strconv"
	"time"

	"github.com/etwhy/etwhy/etl"
)

// lineForm matches what stands before a message: [cpu]PID.TID::time [provider]. Older tools leave blanks, and
// pktmon writes the date the other way round.
var lineForm = regexp.MustCompile(`^\[(\d{1,5})\] ?([0-9A-Fa-f]{4,8})\.([0-9A-Fa-f]{4,8}):: ?` +
	`(?:(\d{1,2}/\d{1,2}/\d{2,4})-|(\d{4}-\d{2}-\d{2}) )(\d{2}:\d{2}:\d{2})(\.\d{1,9})? ?\[([^\]]{1,200})\] ?(.*)`)

// isLines wants two lines of the form, or one that is all there is.
func isLines(text []byte) bool {
	seen, found := 0, 0
	for line := range bytes.Lines(text) {
		if seen++; lineForm.Match(bytes.TrimSpace(line)) {
			found++
		}
	}
	return found >= 2 || found == 1 && seen == 1
}

// readLines reads a text of messages.
func (r *Reader) readLines(yield func(*Entry) bool) error {
	var e Entry
	return r.lines(func(line []byte, offset int64) bool {
		m := lineForm.FindSubmatch(line)
		if m == nil {
			return true // a message goes on
		}
		r.note(Messages, offset)
		cpu, _ := strconv.ParseUint(string(m[1]), 10, 16)
		pid, _ := strconv.ParseUint(string(m[2]), 16, 32)
		tid, _ := strconv.ParseUint(string(m[3]), 16, 32)
		e = Entry{
			Local: true, CPU: uint16(cpu), PID: uint32(pid), TID: uint32(tid), Time: localTime(m[4], m[5], m[6], m[7]),
			Source: string(m[8]), Message: string(m[9]), Offset: offset,
		}
		return yield(&e)
	})
}

// localTime joins date, in either form, and time as if they were UTC; 0 if they are none.
func localTime(american, iso, clock, fraction []byte) etl.Time {
	date, layouts := string(american), []string{"1/2/06", "1/2/2006"}
	if len(iso) > 0 {
		date, layouts = string(iso), []string{"2006-01-02"}
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout+" 15:04:05.999999999", date+" "+string(clock)+string(fraction)); err == nil {
			return etl.FromTime(t)
		}
	}
	return 0
}
