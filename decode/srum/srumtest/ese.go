package srumtest

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// A table is what the catalog tells of a table. Columns of fixed size come first; there is at most one of another
// kind.
type table struct {
	name    string
	columns []column
}

type column struct {
	name string
	columnType
}

// A columnType is a type of column.
type columnType struct {
	code  uint32
	size  uint32 // in bytes; the largest, unless the size is fixed
	first uint32 // identifier of a table's first column of this kind
}

// Kinds of columns by their first identifier.
const (
	firstFixed    = 1
	firstVariable = 128
	firstTagged   = 256
)

var (
	bit          = columnType{1, 1, firstFixed}
	unsignedByte = columnType{2, 1, firstFixed}
	short        = columnType{3, 2, firstFixed}
	long         = columnType{4, 4, firstFixed}
	dateTime     = columnType{8, 8, firstFixed}
	text         = columnType{10, 255, firstVariable}
	longBinary   = columnType{11, 0, firstTagged}
	longLong     = columnType{15, 8, firstFixed}
)

// The catalog, of which there is a copy in the same file. It describes itself, too. Columns that it has besides are
// NULL in all rows.
var (
	catalog = &table{"MSysObjects", []column{{"ObjidTable", long}, {"Type", short}, {"Id", long}, {"ColtypOrPgnoFDP", long},
		{"SpaceUsage", long}, {"Flags", long}, {"PagesOrLocale", long}, {"RootFlag", bit}, {"RecordOffset", short}, {"Name", text}}}
	shadow = &table{"MSysObjectsShadow", catalog.columns}
)

// record returns a row, with a name or a blob if the table has a column for it. Columns without a value are 0.
//
//	┌ 1 ────────┬ 1 ───────────┬ 2 ──────┬───────────────┬──────────────────────┬──────┐
//	│ last fixed│ last variable│ offset  │ fixed columns │ a bit each: is NULL? │ rest │
//	└───────────┴──────────────┴─────────┴───────────────┴──────────────────────┴──────┘
//	                                └ of the rest, which is nothing or one of these:
//
//	┌ 2 ──────────┬──────┐     ┌ 2 ─────────┬ 2 ─────────────────┬ 1 ─────────┬──────┐
//	│ end of name │ name │     │ identifier │ offset 4 and flags │ long value │ blob │
//	└─────────────┴──────┘     └────────────┴────────────────────┴────────────┴──────┘
func (t *table) record(values map[string]uint64, name string, blob []byte) []byte {
	r := make([]byte, 4)
	fixed, variable := 0, firstVariable-1
	for _, c := range t.columns {
		if c.first == firstFixed {
			r = append(r, binary.LittleEndian.AppendUint64(nil, values[c.name])[:c.size]...)
			fixed++
		}
	}
	nulls := make([]byte, (fixed+7)/8)
	for i := fixed; i < 8*len(nulls); i++ {
		nulls[i/8] |= 1 << (i % 8) // that there is no column counts as NULL
	}
	r = append(r, nulls...)
	end := len(r)
	if name != "" {
		variable = firstVariable
		r = binary.LittleEndian.AppendUint16(r, uint16(len(name)))
		r = append(r, name...)
	}
	if len(blob) > 0 {
		const flagged, longValue = 0x4000, 1
		r = binary.LittleEndian.AppendUint16(r, firstTagged)
		r = binary.LittleEndian.AppendUint16(r, 4|flagged)
		r = append(r, longValue)
		r = append(r, blob...)
	}
	r[0], r[1] = byte(fixed), byte(variable)
	binary.LittleEndian.PutUint16(r[2:], uint16(end))
	return r
}

// define returns the catalog's entries for a table.
func (t *table) define(object, root, flags uint32) []entry {
	const isTable, isColumn = 1, 2
	define := func(kind, id, where, size, flags, locale, offset uint32, name string) entry {
		values := map[string]uint64{"ObjidTable": uint64(object), "Type": uint64(kind), "Id": uint64(id), "ColtypOrPgnoFDP": uint64(where),
			"SpaceUsage": uint64(size), "Flags": uint64(flags), "PagesOrLocale": uint64(locale), "RootFlag": 0xff, "RecordOffset": uint64(offset)}
		// Numbers in keys have a sign, and are such that bytes compare as they do.
		key := binary.BigEndian.AppendUint32([]byte{0x7f}, object^1<<31)
		key = binary.BigEndian.AppendUint16(append(key, 0x7f), uint16(kind^1<<15))
		key = binary.BigEndian.AppendUint32(append(key, 0x7f), id^1<<31)
		return entry{key, catalog.record(values, name, nil)}
	}
	const density, codePage = 80, 1252
	list := []entry{define(isTable, object, root, density, flags, 1, 0, t.name)}
	offset := uint32(4) // in the record
	for i, c := range t.columns {
		switch c.first {
		case firstFixed:
			list = append(list, define(isColumn, uint32(i)+firstFixed, c.code, c.size, 0, 0, offset, c.name))
			offset += c.size
		case firstVariable:
			list = append(list, define(isColumn, c.first, c.code, c.size, 0, codePage, 0, c.name))
		case firstTagged:
			list = append(list, define(isColumn, c.first, c.code, c.size, 0, 0, 0, c.name))
		}
	}
	return list
}

// An entry is a node of a tree: in a leaf a key and a row, above a page and a key that is greater than all on the
// page.
type entry struct{ key, data []byte }

// size is what an entry takes of a page.
func (e entry) size() int { return tagSize + 2 + len(e.key) + len(e.data) }

// Layout of a page.
//
//	┌ 40 ────┬────┬─────────┬─────────┬───┬──────┬───┬ 4 ────┬ 4 ────┬ 4 ────┐
//	│ header │ 0  │ entry 1 │ entry 2 │...│ free │...│ tag 2 │ tag 1 │ tag 0 │
//	└────────┴────┴─────────┴─────────┴───┴──────┴───┴───────┴───────┴───────┘
//	          └ of a root: about its space   size and offset of each
const (
	pageSize   = 4096
	headerSize = 40
	tagSize    = 4
	spaceSize  = 16
	room       = pageSize - headerSize - spaceSize - tagSize // for the entries of any page
)

// Flags of pages.
const (
	rootPage          = 1
	leafPage          = 2
	parentOfLeaf      = 4
	newRecordFormat   = 0x800
	newChecksumFormat = 0x2000
	written           = 0x8000 // once
)

// Pages and objects that have their places.
const (
	databasePage, databaseObject = 1, 1
	catalogPage, catalogObject   = 4, 2
	shadowPage, shadowObject     = 24, 3
	firstObject                  = 8 // that is no system table
)

// A file is a database under construction.
type file []byte

// database returns a database of some tables and their rows.
func database(tables []*table, rows map[*table][]entry, dirty bool) []byte {
	f := make(file, 2*pageSize)
	f.extend(shadowPage)
	f.page(databasePage, databaseObject, rootPage|leafPage, 0, 0, nil)
	const system = 0xc0000000
	described := slices.Concat(catalog.define(catalogObject, catalogPage, system), shadow.define(shadowObject, shadowPage, system))
	object := uint32(firstObject)
	for _, t := range tables {
		root := f.extend(1)
		f.tree(root, object, rows[t])
		described = append(described, t.define(object, root, 0)...)
		object++
	}
	f.tree(catalogPage, catalogObject, described)
	f.tree(shadowPage, shadowObject, described)
	f.header(object-1, dirty)
	return f
}

// header writes the header and its copy.
func (f file) header(lastObject uint32, dirty bool) {
	const dirtyShutdown, cleanShutdown = 2, 3
	state := uint32(cleanShutdown)
	if dirty {
		state = dirtyShutdown
	}
	h := f[:pageSize]
	for offset, value := range map[int]uint32{
		4:   0x89abcdef, // signature
		8:   0x620,      // version of the format
		12:  0,          // a database
		16:  1,          // time of the last change, as pages have it
		52:  state,
		212: lastObject,
		216: 10,  // of Windows
		232: 110, // revision of the format
		236: pageSize,
		340: 0x620, // version and revision with which it was made
		344: 20,
	} {
		binary.LittleEndian.PutUint32(h[offset:], value)
	}
	binary.LittleEndian.PutUint32(h, xor(h[4:], 0x89abcdef))
	copy(f[pageSize:], h)
}

// extend adds pages and returns the number of the first. Page 1 comes after the header's copy.
func (f *file) extend(pages int) uint32 {
	first := len(*f)/pageSize - 1
	*f = append(*f, make([]byte, pages*pageSize)...)
	return uint32(first)
}

// tree writes the entries of a tree, from its leaves up to the root.
func (f *file) tree(root, object uint32, entries []entry) {
	level := uint32(leafPage)
	for {
		pages := paged(entries)
		if len(pages) == 1 {
			f.page(root, object, rootPage|level, 0, 0, entries)
			return
		}
		first := f.extend(len(pages))
		entries = nil
		for i, page := range pages {
			number := first + uint32(i)
			prev, next := number-1, number+1
			above := entry{data: binary.LittleEndian.AppendUint32(nil, number)}
			if i == 0 {
				prev = 0
			}
			if i == len(pages)-1 {
				next = 0 // and no key above, as there is nothing greater
			} else {
				above.key = pages[i+1][0].key
			}
			f.page(number, object, level, prev, next, page)
			entries = append(entries, above)
		}
		if level == leafPage {
			level = parentOfLeaf
		} else {
			level = 0
		}
	}
}

// paged parts entries into what fits on a page; there is at least one page.
func paged(entries []entry) [][]entry {
	var pages [][]entry
	start, used := 0, 0
	for i, e := range entries {
		if used += e.size(); used > room {
			pages = append(pages, entries[start:i])
			start, used = i, e.size()
		}
	}
	return append(pages, entries[start:])
}

// page writes a page.
func (f file) page(number, object, flags, prev, next uint32, entries []entry) {
	p := f[(number+1)*pageSize:][:pageSize]
	used := 0
	put := func(tag int, parts ...[]byte) {
		value := slices.Concat(parts...)
		copy(p[headerSize+used:], value)
		t := p[pageSize-tagSize*(tag+1):]
		binary.LittleEndian.PutUint16(t, uint16(len(value)))
		binary.LittleEndian.PutUint16(t[2:], uint16(used))
		used += len(value)
	}
	if flags&rootPage != 0 {
		space := make([]byte, spaceSize)
		binary.LittleEndian.PutUint32(space, 1) // pages at first
		if number != databasePage {
			binary.LittleEndian.PutUint32(space[4:], databasePage) // the tree that they were taken from
		}
		put(0, space)
	}
	for i, e := range entries {
		put(i+1, binary.LittleEndian.AppendUint16(nil, uint16(len(e.key))), e.key, e.data)
	}
	tags := len(entries) + 1
	binary.LittleEndian.PutUint64(p[8:], 1) // time of the last change, in the database's own count
	binary.LittleEndian.PutUint32(p[16:], prev)
	binary.LittleEndian.PutUint32(p[20:], next)
	binary.LittleEndian.PutUint32(p[24:], object)
	binary.LittleEndian.PutUint16(p[28:], uint16(pageSize-headerSize-used-tags*tagSize))
	binary.LittleEndian.PutUint16(p[32:], uint16(used))
	binary.LittleEndian.PutUint16(p[34:], uint16(tags))
	binary.LittleEndian.PutUint32(p[36:], flags|newRecordFormat|newChecksumFormat|written)
	binary.LittleEndian.PutUint32(p, xor(p[8:], number))
	binary.LittleEndian.PutUint32(p[4:], ecc(p))
}

// xor returns all words of 32 bits and the seed, exclusively ored.
func xor(b []byte, seed uint32) uint32 {
	for ; len(b) > 0; b = b[4:] {
		seed ^= binary.LittleEndian.Uint32(b)
	}
	return seed
}

// ecc returns what tells which bit is wrong if one is: in the lower half the numbers of all bits that are set,
// exclusively ored, in the upper half their complements. The checksums do not count.
func ecc(page []byte) uint32 {
	const mask = 8*pageSize - 1
	sum := uint32(0)
	for i := 8; i < len(page); i++ {
		for b := page[i]; b != 0; b &= b - 1 {
			n := uint32(8*i + bits.TrailingZeros8(b))
			sum ^= n | ^n&mask<<16
		}
	}
	return sum
}
