package srum

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf16"

	"www.velocidex.com/golang/go-ese/parser"

	"github.com/etwhy/etwhy/decode/cursor"
	"github.com/etwhy/etwhy/etl"
)

// A table is where its rows are and what stands in them.
type table struct {
	name  string
	root  int64 // page
	fixed map[string]column
	last  uint32            // identifier of the fixed column added last
	end   int64             // of it
	tags  map[string]uint32 // identifiers of tagged columns
}

// A column of fixed size.
type column struct {
	id     uint32
	offset int64 // in the row's fixed part
	size   int64
}

// Columns of fixed size have the identifiers from 1 to 127, tagged ones those from 256 on.
const (
	lastFixed   = 127
	firstTagged = 256
)

// add adds a column; fixed ones come in the order of their identifiers. After one that is missing the places of the
// others are not known: they are not added.
func (t *table) add(name string, id uint32, size int64) {
	switch {
	case id == t.last+1 && id <= lastFixed:
		t.fixed[name] = column{id, t.end, size}
		t.last = id
		t.end += size
	case id >= firstTagged:
		t.tags[name] = id
	}
}

// catalog is the table of tables and columns, MSysObjects.
var catalog = table{
	name: catalogTable,
	root: parser.CATALOG_PAGE_NUMBER,
	fixed: map[string]column{
		"ObjidTable":      {1, 0, 4},
		"Type":            {2, 4, 2},
		"Id":              {3, 6, 4},
		"ColtypOrPgnoFDP": {4, 10, 4},
		"SpaceUsage":      {5, 14, 4},
	},
}

// A row is the data of a leaf entry. The library's own decoding of rows and of the catalog is not used: it writes to
// standard output about data that it does not know, cuts times to seconds, and gives a table the columns of another
// where a part of the catalog is missing.
//
//	┌ 1 ────────┬ 1 ───────────┬ 2 ──────┬───────────────┬──────┬ 2 each ──────────────┬───────────────┬────────┐
//	│ last fixed│ last variable│ offset  │ fixed columns │ NULL │ ends of variable ones│ variable ones │ tagged │
//	└───────────┴──────────────┴─────────┴───────────────┴──────┴──────────────────────┴───────────────┴────────┘
//	                                └ of the ends ───── a bit each ┘
type row struct {
	last     uint32 // identifier
	fixed    []byte
	nulls    []byte
	variable []byte // the first variable column: the name, in the catalog
	tags     []byte
}

// Flags of a leaf entry.
const (
	defunct    = 2 // deleted, but still there
	commonPart = 4 // its key has a part in common with that of the page
)

var errRow = errors.New("row is damaged")

// parseRow reads a leaf entry: the key, of which nothing is needed, and the row. The row aliases entry.
func parseRow(entry []byte, flags uint64) (row, error) {
	c := cursor.New("row", entry, 0)
	if flags&commonPart != 0 {
		c.Skip(2)
	}
	c.Skip(int(c.Uint16() & 0x1fff))
	data := c.Rest()
	r := row{last: uint32(c.Uint8())}
	variable := max(int(c.Uint8())-lastFixed, 0)
	start := int(c.Uint16())
	nulls := (int(r.last) + 7) / 8
	if c.Err() != nil || r.last > lastFixed || start < 4+nulls || start > len(data) {
		return row{}, errRow
	}
	r.fixed, r.nulls = data[4:start-nulls], data[start-nulls:start]
	c = cursor.New("row", data[start:], 0)
	ends := c.Bytes(2 * variable)
	if len(ends) > 0 {
		values := c.Bytes(int(binary.LittleEndian.Uint16(ends[len(ends)-2:]) & 0x7fff))
		r.variable = values[:min(int(binary.LittleEndian.Uint16(ends)&0x7fff), len(values))]
	}
	r.tags = c.Rest()
	return r, c.Err()
}

// uint returns the integer or the bits of a fixed column; 0 if it is NULL, as in rows older than the column.
func (r row) uint(c column) uint64 {
	if c.id > r.last || r.nulls[(c.id-1)/8]>>((c.id-1)%8)&1 != 0 || c.offset+c.size > int64(len(r.fixed)) {
		return 0
	}
	switch b := r.fixed[c.offset:]; c.size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	case 8:
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// tagged returns the value of a tagged column. It reports false if the value is not in the row as it is: it is
// compressed, one of several, or stored elsewhere. A value that is not there is empty.
//
//	┌ 2 ─┬ 2 ─────┬ 2 ─┬ 2 ─────┬───┬ 0 or 1 ┬───────┬───
//	│ id │ offset │ id │ offset │...│ flags  │ value │...
//	└────┴────────┴────┴────────┴───┴────────┴───────┴───
//	   offset of the flags from the first id on, and in its upper bits whether there are any
func (r row) tagged(id uint32, pageSize int64) ([]byte, bool) {
	if len(r.tags) < 4 {
		return nil, true
	}
	mask, always := uint16(0x1fff), false
	if pageSize > 8<<10 {
		mask, always = 0x7fff, true
	}
	const (
		flagged = 0x4000
		isNull  = 0x2000
		plain   = 1 // of the flags, the only one that changes nothing: a long value
	)
	heads := int(binary.LittleEndian.Uint16(r.tags[2:]) & mask)
	if heads > len(r.tags) {
		return nil, false
	}
	for at := 0; at+4 <= heads; at += 4 {
		if uint32(binary.LittleEndian.Uint16(r.tags[at:])) != id {
			continue
		}
		head := binary.LittleEndian.Uint16(r.tags[at+2:])
		start, end := int(head&mask), len(r.tags)
		if at+8 <= heads {
			end = int(binary.LittleEndian.Uint16(r.tags[at+6:]) & mask)
		}
		if start > end || end > len(r.tags) {
			return nil, false
		}
		value := r.tags[start:end]
		if !always && head&isNull != 0 {
			return nil, true
		}
		if always || head&flagged != 0 {
			if len(value) == 0 || value[0]&^plain != 0 {
				return nil, false
			}
			value = value[1:]
		}
		return value, true
	}
	return nil, true
}

var errRows = errors.New("too many rows")

// collect reads a table, which need not be there. convert gets each row and the values of the columns; a row for
// which it reports false is left out and noted. convert may run on when collect has returned: it must write nowhere.
func collect[T any](db *Database, name string, columns []string, convert func(row, []uint64) (T, bool)) ([]T, error) {
	db.anomalies = slices.DeleteFunc(db.anomalies, func(a Anomaly) bool { return a.Table == name })
	t := db.table(name)
	if t == nil {
		return nil, nil
	}
	fixed := make([]column, len(columns))
	for i, column := range columns {
		c, ok := t.fixed[column]
		if !ok {
			db.note(BrokenTable, name, 0, 1, "the table has no column "+column)
			return nil, nil
		}
		fixed[i] = c
	}
	var (
		list   []T
		bad    int
		badAt  int64
		unread bool
	)
	ended, err := db.run(name, func(ctx *parser.ESEContext) error {
		values := make([]uint64, len(fixed))
		err := parser.WalkPages(ctx, t.root, func(_ *parser.PageHeader, _ int64, value *parser.Value) error {
			if value.Flags&defunct != 0 {
				return nil
			}
			if len(list) == db.limits.rows {
				return errRows
			}
			r, err := parseRow(value.GetBuffer(), value.Flags)
			if err == nil {
				for i, c := range fixed {
					values[i] = r.uint(c)
				}
				if v, ok := convert(r, values); ok {
					list = append(list, v)
					return nil
				}
			}
			if bad == 0 {
				badAt = value.BufferOffset
			}
			bad++
			return nil
		})
		if unread = err == errRows; unread {
			return nil
		}
		return err
	})
	if !ended {
		return nil, err
	}
	if bad > 0 {
		db.note(BadRow, name, badAt, bad, "a row cannot be read; left out")
	}
	if unread {
		db.note(LimitHit, name, 0, 1, largeText)
	}
	return list, err
}

const largeText = "the table is larger than is read"

// idSID is the type of ids that are users. All others are text.
const idSID = 3

// readIDs reads the names of programs and users.
func (db *Database) readIDs() error {
	type name struct {
		id   uint32
		text string
		ok   bool
	}
	blobs := db.table(idTable).tags["IdBlob"]
	list, err := collect(db, idTable, []string{"IdType", "IdIndex"}, func(r row, v []uint64) (name, bool) {
		n := name{id: uint32(v[1])}
		blob, ok := r.tagged(blobs, db.header.pageSize)
		switch {
		case len(blob) == 0:
			n.ok = ok
		case v[0] == idSID:
			n.text, n.ok = sidText(blob)
		default:
			n.text, n.ok = utf16Text(blob), true
		}
		return n, true
	})
	unread := 0
	for _, n := range list {
		db.ids[n.id] = n.text
		if !n.ok {
			unread++
		}
	}
	if unread > 0 {
		db.note(UnreadID, idTable, 0, unread, "a name is in a form that is not read")
	}
	return err
}

// maxName bounds the text of a name. Paths have up to 260 characters.
const maxName = 1 << 10

// utf16Text returns the text up to its NUL.
func utf16Text(b []byte) string {
	units := make([]uint16, 0, min(len(b)/2, maxName))
	for ; len(b) >= 2 && len(units) < maxName; b = b[2:] {
		u := binary.LittleEndian.Uint16(b)
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}

// sidText returns a security identifier in the form S-1-5-18.
func sidText(b []byte) (string, bool) {
	if len(b) < 8 || len(b) != 8+4*int(b[1]) {
		return "", false
	}
	authority := uint64(binary.BigEndian.Uint16(b[2:]))<<32 | uint64(binary.BigEndian.Uint32(b[4:]))
	text := fmt.Appendf(nil, "S-%d-%d", b[0], authority)
	for b = b[8:]; len(b) > 0; b = b[4:] {
		text = strconv.AppendUint(append(text, '-'), uint64(binary.LittleEndian.Uint32(b)), 10)
	}
	return string(text), true
}

// oleTime converts an OLE date, the bits of the days since 1899-12-30 00:00 UTC. SRUM's times are whole
// milliseconds at the finest, which the days hold inexactly.
func oleTime(bits uint64) (etl.Time, bool) {
	const (
		epoch   = 109_205 * day // 1899-12-30
		maxDays = 2_958_466     // the year 10000
	)
	days := math.Float64frombits(bits)
	if !(days > 0 && days < maxDays) { // not a number, too
		return 0, false
	}
	return epoch + etl.Time(math.Round(days*float64(day/etl.Millisecond)))*etl.Millisecond, true
}

const day = 24 * 3600 * etl.Second

// interfaceType returns the type that a locally unique identifier of an interface (NET_LUID) begins with.
func interfaceType(luid uint64) uint16 { return uint16(luid >> 48) }
