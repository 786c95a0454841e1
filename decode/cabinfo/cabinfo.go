// Package cabinfo reads the texts that netsh puts beside a trace into its cabinet.
//
// processes.txt is what "tasklist /svc" prints, in the language and the OEM code page of the machine:
//
//	(blank line)
//	Abbildname                     PID Dienste                                        headings, translated
//	========================= ======== ============================================   the ruler: widths of the columns
//	System Idle Process              0 Nicht zutreffend                               "not applicable", translated
//	svchost.exe                    984 Dhcp, EventLog, lmhosts, TimeBrokerSvc,        services, separated by commas
//	                                   WinHttpAutoProxySvc                            continued
//
// Nothing here looks at a translated word: the ruler tells the columns, and the text that stands for
// "no services" is the one that several processes have. Other forms of tasklist (plain, /v) have the
// same first two columns.
package cabinfo

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/width"

	"github.com/etwhy/etwhy/decode/charset"
)

// ErrFormat is the error for a text in which no process was recognised.
var ErrFormat = errors.New("not a list of processes")

// An Entry is one process of a listing.
type Entry struct {
	Name     string // as listed: without path, and cut to the width of its column (25 characters)
	PID      uint32
	Services []string // key names of the services it hosts; nil if none, or not listed
}

// Processes returns the processes of a tasklist listing in their order. What it does not understand
// it passes over; the error is ErrFormat if it recognised no process at all. If the text holds
// several listings, as of tasklist /v and /svc, a process that stands in each is returned once.
func Processes(b []byte) ([]Entry, error) {
	_, encoding := charset.Guess(b, true)
	text, _ := encoding.NewDecoder().Bytes(b) // what it does not know it replaces
	p := parser{seen: make(map[key]int)}
	for line := range strings.Lines(string(text)) {
		p.line(strings.TrimRight(line, "\r\n\x1a "))
	}
	p.finish()
	if len(p.entries) == 0 {
		return nil, ErrFormat
	}
	return p.entries, nil
}

type key struct {
	name string
	pid  uint32
}

type parser struct {
	columns []column // of the last ruler; empty before the first
	entries []Entry
	seen    map[key]int // index into entries
	cells   []cell      // of the services column
	open    bool        // the line before belongs to the last of cells
}

// A column is a range of cells on the screen.
type column struct{ start, end int }

// A cell is the services column of one process, with its continuation lines.
type cell struct {
	entry int
	text  string
}

func (p *parser) line(line string) {
	if columns := ruler(line); columns != nil {
		p.columns, p.open = columns, false
		return
	}
	name, id, rest := p.split(line)
	if p.open && name == "" && id == "" && rest != "" {
		// A name that is wider than the column goes on without a comma.
		p.cells[len(p.cells)-1].text += rest
		return
	}
	p.open = false
	pid, err := strconv.ParseUint(id, 10, 32)
	if name == "" || err != nil {
		return
	}
	k := key{name, uint32(pid)}
	at, ok := p.seen[k]
	if !ok {
		at = len(p.entries)
		p.seen[k] = at
		p.entries = append(p.entries, Entry{Name: name, PID: k.pid})
	}
	if len(p.columns) == 3 {
		p.cells = append(p.cells, cell{at, rest})
		p.open = true
	}
}

// split returns the first two columns and what follows them. Without a ruler, or where the line does
// not keep to it, a line is a process if it reads NAME.EXT NUMBER.
func (p *parser) split(line string) (name, pid, rest string) {
	if len(p.columns) >= 2 {
		first, second := p.columns[0], p.columns[1]
		name, ok1 := cut(line, first)
		pid, ok2 := cut(line, second)
		rest, ok3 := cut(line, column{second.end + 1, len(line)})
		if ok1 && ok2 && ok3 && !strings.Contains(pid, " ") {
			return name, pid, rest
		}
	}
	for at := 0; ; {
		dot := strings.IndexByte(line[at:], '.')
		if dot < 0 {
			return "", "", ""
		}
		at += dot + 1
		extension, after, found := strings.Cut(line[at:], " ")
		if !found || extension == "" || len(extension) > 4 {
			continue
		}
		after = strings.TrimLeft(after, " ")
		id, rest, _ := strings.Cut(after, " ")
		if _, err := strconv.ParseUint(id, 10, 32); err == nil {
			return strings.TrimSpace(line[:at+len(extension)]), id, strings.TrimSpace(rest)
		}
	}
}

// finish turns the cells of the services column into lists.
func (p *parser) finish() {
	// The idle process has no services; and no service runs in two processes. So the text of the one,
	// and any that stands in several cells, is the word for "none".
	none := make(map[string]bool)
	first := make(map[string]int)
	for _, c := range p.cells {
		if at, ok := first[c.text]; p.entries[c.entry].PID == 0 || ok && at != c.entry {
			none[c.text] = true
		}
		first[c.text] = c.entry
	}
	for _, c := range p.cells {
		if none[c.text] {
			continue
		}
		e := &p.entries[c.entry]
		for s := range strings.SplitSeq(c.text, ",") {
			if s = strings.TrimSpace(s); s != "" && !slices.Contains(e.Services, s) {
				e.Services = append(e.Services, s)
			}
		}
	}
}

// ruler returns the columns if the line is made of two or more runs of '=', else nil.
func ruler(line string) []column {
	if strings.Trim(line, "= ") != "" || !strings.HasPrefix(line, "==") {
		return nil
	}
	var columns []column
	for at := 0; at < len(line); {
		end := at + len(line[at:]) - len(strings.TrimLeft(line[at:], "="))
		columns = append(columns, column{at, end})
		at = end + len(line[end:]) - len(strings.TrimLeft(line[end:], " "))
	}
	if len(columns) < 2 {
		return nil
	}
	return columns
}

// cut returns the text of a column without the blanks around it. East Asian characters take two
// cells. It reports false if a character that is no blank lies across an end of the column.
func cut(line string, c column) (string, bool) {
	start, end, cells := len(line), len(line), 0
	ok := true
	for i, r := range line {
		n := cellsOf(r)
		if cells >= c.start && i < start {
			start = i
		}
		if cells+n > c.end {
			end = i
			ok = ok && r == ' '
			break
		}
		// The cell before a column separates it from the one before.
		ok = ok && (cells+n != c.start || r == ' ')
		cells += n
	}
	if start > end {
		return "", ok
	}
	return strings.TrimSpace(line[start:end]), ok
}

func cellsOf(r rune) int {
	if r < utf8.RuneSelf {
		return 1
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}
