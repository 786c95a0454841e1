package tracetext

import (
	"bufio"
	"bytes"
	"io"
	"strings"

	"github.com/etwhy/etwhy/etl"
)

// Columns of a line of CSV. The values of the event come behind them.
const (
	colName = iota // of the provider; of a classic event, of its class
	colType        // name of the opcode
	colID
	colVersion
	colChannel
	colLevel
	colOpcode
	colTask
	colKeyword
	colPID // hexadecimal
	colTID
	colCPU
	colInstance
	colParent
	colActivity
	colRelated
	colTime // FILETIME
	colKernel
	colUser
	columns // values from here on
)

// isCSV goes by the first line of values, since the heads come in any language. A text of a head alone must be in English.
func isCSV(text []byte) bool {
	line, rest, more := bytes.Cut(text, []byte("\n"))
	if bytes.HasPrefix(line, []byte("Event Name,")) && bytes.Count(line, []byte(",")) >= colTime {
		return true
	}
	if !more || bytes.Count(line, []byte(",")) < columns-1 {
		return false
	}
	for line := range bytes.Lines(rest) {
		if _, ok := parseCSV(string(bytes.TrimSpace(line)), &Entry{}); ok {
			return true
		}
	}
	return false
}

// parseCSV reads one line. ok is false if it is no event.
func parseCSV(line string, e *Entry) (_ *Entry, ok bool) {
	*e = Entry{Fields: e.Fields[:0]}
	var head [columns]string
	n := 0
	for line != "" {
		var value string
		value, line = cutValue(line)
		switch {
		case n < columns:
			head[n] = value
		case len(e.Fields) < maxFields:
			e.Fields = append(e.Fields, Field{Value: value})
		}
		n++
	}
	at, ok := parseNumber(head[colTime])
	const earliest = 0x01000000_00000000 // in the 1830s: what is lower is no FILETIME
	if n < columns || !ok || at < earliest || at > 1<<63-1 || !strings.HasPrefix(head[colKeyword], "0x") || !strings.HasPrefix(head[colPID], "0x") {
		return e, false
	}
	e.Time = etl.Time(at)
	e.Source = head[colName]
	e.ID, e.Version, e.Level = number[uint16](head[colID]), number[uint8](head[colVersion]), number[uint8](head[colLevel])
	e.Opcode, e.Task, e.Keyword = number[uint8](head[colOpcode]), number[uint16](head[colTask]), number[uint64](head[colKeyword])
	e.PID, e.TID, e.CPU = number[uint32](head[colPID]), number[uint32](head[colTID]), number[uint16](head[colCPU])
	e.Activity, e.Related = guid(head[colActivity]), guid(head[colRelated])
	return e, true
}

// cutValue takes the first value off a line. Quotes inside a quoted value are not doubled; it ends where a comma or the
// line's end follows.
func cutValue(line string) (value, rest string) {
	line = strings.TrimLeft(line, " \t")
	if !strings.HasPrefix(line, `"`) {
		value, rest, _ = strings.Cut(line, ",")
		return strings.TrimSpace(value), rest
	}
	for i := 1; i < len(line); i++ {
		if line[i] != '"' {
			continue
		}
		after := strings.TrimLeft(line[i+1:], " \t")
		if after == "" {
			return line[1:i], ""
		}
		if after[0] == ',' {
			return line[1:i], after[1:]
		}
	}
	return line[1:], ""
}

// lines calls yield with each line, without its end, and its offset.
func (r *Reader) lines(yield func(line []byte, offset int64) bool) error {
	b := bufio.NewReaderSize(r.text, maxEvent)
	offset, long := int64(0), false
	for {
		line, err := b.ReadSlice('\n')
		at := offset
		offset += int64(len(line))
		switch {
		case err == bufio.ErrBufferFull:
			if !long {
				r.note(LongEvent, at)
			}
			long = true
			continue
		case err != nil && err != io.EOF:
			return err
		}
		if !long && len(bytes.TrimSpace(line)) > 0 && !yield(bytes.TrimSpace(line), at) {
			return nil
		}
		long = false
		if err == io.EOF {
			return nil
		}
	}
}

// readCSV reads the events of a CSV. A line that is no event goes on with the text of the last value of the one before.
func (r *Reader) readCSV(yield func(*Entry) bool) error {
	var e, probe Entry
	var open []byte // the event in hand
	var at int64
	head := true
	emit := func() bool {
		if len(open) == 0 {
			return true
		}
		parseCSV(string(open), &e)
		e.Offset = at
		open = open[:0]
		return yield(&e)
	}
	err := r.lines(func(line []byte, offset int64) bool {
		_, ok := parseCSV(string(line), &probe)
		switch {
		case ok:
			if !emit() {
				open = open[:0]
				return false
			}
			open, at = append(open, line...), offset
		case len(open) > 0 && len(open) < maxEvent:
			open = append(append(open, "\r\n"...), line...)
		case !head:
			r.note(BadEvent, offset)
		}
		head = false
		return true
	})
	emit()
	return err
}
