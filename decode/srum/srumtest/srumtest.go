// Package srumtest makes databases of the System Resource Usage Monitor (SRUDB.dat) of readable text, for tests and
// demonstrations.
//
//	# a comment
//	usage 2026-03-05T09:00:00Z \device\harddiskvolume3\windows\system32\inetsrv\w3wp.exe S-1-5-18 ethernet sent=4063 received=12213
//	connected 2026-03-05T09:00:00Z ethernet since=2026-03-05T07:54:15Z for=1h5m45s
//	app 2026-03-05T09:00:00Z "!!svchost.exe!2037/07/18:06:45:20!15eca![LocalService] [W32Time]" S-1-5-19 cycles=3137649 read=4096
//	usage 2026-03-05T10:00:00Z WManSvc - wifi sent=1
//	dirty
//
// Each line is a row, in the order of the table. It begins with the time when the row was written, in milliseconds at
// the finest. A program is a name, in quotes of Go if there are blanks in it; a user is a security identifier; an
// interface is ethernet, wifi, loopback or the number of an ifType. "-" is a program or user without a name, and
// hex:0041d8ff one that stands in the database as these bytes, whatever they mean there. What is left out at the end of
// a line is 0. "dirty" makes a database that was not closed.
//
// # What is made
//
// The header and its copy, and pages of 4 KB that are nodes of B+ trees, with the right checksums:
//
//	page 4    MSysObjects       ──▶ SruDbIdMapTable   {973F5D5C-...}   {DD6636C4-...}   {D10CA2FE-...}
//	page 24   MSysObjectsShadow           root              root
//	                                       │                ┌─┴─┐
//	                                     leaves        leaves ⇄ leaves
//
// Pages, rows and the names and types of columns are as Windows has them. Tables that SRUM has besides are not made,
// nor are indices and the trees in which the engine keeps free space: readers have no use for them, the engine has.
//
// The format is that of the Extensible Storage Engine's published source
// (github.com/microsoft/Extensible-Storage-Engine) and of real files.
package srumtest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/etwhy/etwhy/decode/internal/textline"
	"github.com/etwhy/etwhy/etl"
)

// Tables of SRUM.
var (
	names = &table{"SruDbIdMapTable", []column{{"IdType", unsignedByte}, {"IdIndex", long}, {"IdBlob", longBinary}}}
	usage = &table{"{973F5D5C-1D90-4944-BE8E-24B94231A174}", account(
		column{"InterfaceLuid", longLong}, column{"L2ProfileId", long}, column{"L2ProfileFlags", long},
		column{"BytesSent", longLong}, column{"BytesRecvd", longLong})}
	connectivity = &table{"{DD6636C4-8929-4683-974E-22C046A43763}", account(
		column{"InterfaceLuid", longLong}, column{"L2ProfileId", long}, column{"ConnectedTime", long},
		column{"ConnectStartTime", longLong}, column{"L2ProfileFlags", long})}
	resources = &table{"{D10CA2FE-6FCF-4F6D-848E-B2E99266FA89}", account(
		column{"ForegroundCycleTime", longLong}, column{"BackgroundCycleTime", longLong}, column{"FaceTime", longLong},
		column{"ForegroundContextSwitches", long}, column{"BackgroundContextSwitches", long},
		column{"ForegroundBytesRead", longLong}, column{"ForegroundBytesWritten", longLong},
		column{"ForegroundNumReadOperations", long}, column{"ForegroundNumWriteOperations", long}, column{"ForegroundNumberOfFlushes", long},
		column{"BackgroundBytesRead", longLong}, column{"BackgroundBytesWritten", longLong},
		column{"BackgroundNumReadOperations", long}, column{"BackgroundNumWriteOperations", long}, column{"BackgroundNumberOfFlushes", long})}

	tables = []*table{names, usage, connectivity, resources}
)

// account returns the columns of a table that keeps account of something.
func account(columns ...column) []column {
	return append([]column{{"AutoIncId", long}, {"TimeStamp", dateTime}, {"AppId", long}, {"UserId", long}}, columns...)
}

// A kind of line fills the rows of a table.
type kind struct {
	table   *table
	program bool // a program and a user follow the time
	network bool // then an interface
	fields  map[string]field
}

// A field is what follows as Name=Value.
type field struct {
	column string
	parse  func(string) (uint64, error)
}

var kinds = map[string]kind{
	"usage":     {usage, true, true, map[string]field{"sent": {"BytesSent", number}, "received": {"BytesRecvd", number}}},
	"connected": {connectivity, false, true, map[string]field{"since": {"ConnectStartTime", fileTime}, "for": {"ConnectedTime", seconds}}},
	"app": {resources, true, false, map[string]field{"cycles": {"BackgroundCycleTime", number},
		"read": {"BackgroundBytesRead", number}, "written": {"BackgroundBytesWritten", number}}},
}

// Types of names, and the numbers of those that every database begins with: no program, no user.
const (
	program, noProgram = 0, 1
	user, noUser       = 3, 2
)

// A writer collects the rows.
type writer struct {
	rows  map[*table][]entry
	ids   map[name]uint32
	dirty bool
}

// A name is one of a program or user.
type name struct {
	kind uint64
	blob string
}

// Database returns the database that text describes. The same text gives the same bytes. The error tells the line.
func Database(text string) ([]byte, error) {
	w := &writer{rows: make(map[*table][]entry), ids: make(map[name]uint32)}
	w.id(name{program, ""})
	w.id(name{user, ""})
	for n, line := range textline.Lines(text) {
		if err := w.line(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return database(tables, w.rows, w.dirty), nil
}

func (w *writer) line(line string) error {
	if line == "dirty" {
		w.dirty = true
		return nil
	}
	words, err := textline.Split(line)
	if err != nil {
		return err
	}
	k, ok := kinds[words[0]]
	if !ok {
		return fmt.Errorf("%q is no kind of row", words[0])
	}
	if len(words) < 2 {
		return fmt.Errorf("%s: the time is missing", words[0])
	}
	values := map[string]uint64{"AutoIncId": uint64(len(w.rows[k.table]) + 1), "AppId": noProgram, "UserId": noUser}
	if values["TimeStamp"], err = oleDate(words[1]); err != nil {
		return err
	}
	words = words[2:]
	// next parses the next word into a column.
	next := func(what, column string, parse func(string) (uint64, error)) {
		switch {
		case err != nil:
		case len(words) == 0:
			err = fmt.Errorf("the %s is missing", what)
		default:
			values[column], err = parse(words[0])
			words = words[1:]
		}
	}
	if k.program {
		next("program", "AppId", func(s string) (uint64, error) { return w.named(program, s, utf16z) })
		next("user", "UserId", func(s string) (uint64, error) { return w.named(user, s, sid) })
	}
	if k.network {
		next("interface", "InterfaceLuid", luid)
	}
	for err == nil && len(words) > 0 {
		key, value, _ := strings.Cut(words[0], "=")
		f, ok := k.fields[key]
		if _, again := values[f.column]; !ok || again {
			return fmt.Errorf("%q is no field, or there twice", words[0])
		}
		next(key, f.column, func(string) (uint64, error) { return f.parse(value) })
	}
	if err == nil {
		w.add(k.table, values, nil)
	}
	return err
}

// add adds a row. Its key is its number, as in tables without a primary index.
func (w *writer) add(t *table, values map[string]uint64, blob []byte) {
	number := uint32(len(w.rows[t]) + 1)
	w.rows[t] = append(w.rows[t], entry{binary.BigEndian.AppendUint32(nil, number), t.record(values, "", blob)})
}

// id returns the number of a name, which gets a row if it is new.
func (w *writer) id(n name) uint32 {
	id, ok := w.ids[n]
	if !ok {
		id = uint32(len(w.ids) + 1)
		w.ids[n] = id
		w.add(names, map[string]uint64{"IdType": n.kind, "IdIndex": uint64(id)}, []byte(n.blob))
	}
	return id
}

// maxBlob is how long a name may be that stands in its row. That is what a page holds; the engine puts names of more
// than about a kilobyte elsewhere, and Windows has none.
var maxBlob = room - entry{make([]byte, 4), names.record(nil, "", make([]byte, 1))}.size() + 1

// named returns the number of the name that a word tells.
func (w *writer) named(kind uint64, word string, encode func(string) ([]byte, error)) (uint64, error) {
	var blob []byte
	var err error
	if digits, ok := strings.CutPrefix(word, "hex:"); ok {
		blob, err = hex.DecodeString(digits)
	} else if word != "-" {
		blob, err = encode(textline.Unquote(word))
	}
	if err == nil && len(blob) > maxBlob {
		err = fmt.Errorf("a name of %d bytes, %.40s...: %d fit into its row", len(blob), word, maxBlob)
	}
	if err != nil {
		return 0, err
	}
	return uint64(w.id(name{kind, string(blob)})), nil
}

// utf16z encodes a text with the NUL that ends it.
func utf16z(s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%.40q is not UTF-8; hex: takes any bytes", s)
	}
	var b []byte
	for _, u := range utf16.Encode([]rune(s + "\x00")) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b, nil
}

// sid encodes S-1-5-18: revision, number of the parts after the authority, authority, parts.
func sid(s string) ([]byte, error) {
	wrong := fmt.Errorf("%.40q is no user like S-1-5-18", s)
	words := strings.Split(s, "-")
	if len(words) < 3 || words[0] != "S" || len(words)-3 > math.MaxUint8 {
		return nil, wrong
	}
	revision, err := strconv.ParseUint(words[1], 10, 8)
	if err != nil {
		return nil, wrong
	}
	authority, err := strconv.ParseUint(words[2], 10, 48)
	if err != nil {
		return nil, wrong
	}
	b := binary.BigEndian.AppendUint64(nil, authority)
	b[0], b[1] = byte(revision), byte(len(words)-3)
	for _, word := range words[3:] {
		part, err := strconv.ParseUint(word, 10, 32)
		if err != nil {
			return nil, wrong
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(part))
	}
	return b, nil
}

var interfaces = map[string]string{"ethernet": "6", "wifi": "71", "loopback": "24"}

// luid returns the locally unique identifier of an interface (NET_LUID) of a type.
func luid(s string) (uint64, error) {
	if known, ok := interfaces[s]; ok {
		s = known
	}
	ifType, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is no interface like ethernet or 6", s)
	}
	const index = 0x8000 // of the first one that is hardware
	return ifType<<48 | index<<24, nil
}

func number(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) }

// seconds returns a time span in whole seconds, of 32 bits.
func seconds(s string) (uint64, error) {
	d, err := time.ParseDuration(s)
	if err == nil && (d < 0 || d%time.Second != 0 || d/time.Second > math.MaxUint32) {
		err = fmt.Errorf("%s are no whole seconds of 32 bits", s)
	}
	return uint64(d / time.Second), err
}

// fileTime returns a time in 100 ns since 1601.
func fileTime(s string) (uint64, error) {
	at, err := parseTime(s)
	if err == nil && at.Year() < 1601 {
		err = fmt.Errorf("%s is before 1601", s)
	}
	return uint64(etl.FromTime(at)), err
}

// oleDate returns the bits of the days since 1899-12-30.
func oleDate(s string) (uint64, error) {
	at, err := parseTime(s)
	if err == nil && (at.Year() < 1900 || at.Nanosecond()%int(time.Millisecond) != 0) {
		err = fmt.Errorf("%s is before 1900, or finer than milliseconds", s)
	}
	ms := at.UnixMilli() - time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).UnixMilli()
	return math.Float64bits(float64(ms) / (24 * 60 * 60 * 1000)), err
}

func parseTime(s string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, s)
	if at = at.UTC(); err != nil || at.Year() > 9999 {
		return at, fmt.Errorf("%q is no time like 2026-03-05T09:00:00Z", s)
	}
	return at, nil
}
