// Package srum reads SRUDB.dat, where Windows keeps account of what each program sent and received.
//
// The System Resource Usage Monitor (SRUM) collects in memory and writes about once an hour, and at shutdown, to a
// database of the Extensible Storage Engine (ESE), C:\Windows\System32\sru\SRUDB.dat:
//
//	SruDbIdMapTable                             IdType IdIndex IdBlob
//	                                                     ▲       └ text in UTF-16, or a SID
//	                               ┌─────────────────────┤
//	{973F5D5C-...}  TimeStamp  AppId  UserId  InterfaceLuid  BytesSent  BytesRecvd             → Usage
//	{DD6636C4-...}  TimeStamp  AppId  UserId  InterfaceLuid  ConnectedTime  ConnectStartTime   → Connectivity
//	{D10CA2FE-...}  TimeStamp  AppId  UserId  ForegroundCycleTime  ForegroundBytesRead  ...    → AppResource
//	                   └ when the row was written: it speaks of up to an hour before
//
// What it tells is coarse: a program that did nothing for an hour has no row, and of two requests in one hour nothing
// can be told apart. The newest rows may be missing: they stay in the transaction logs SRU*.log beside the database
// until it is closed, and a copy taken from a running machine is not closed ([Dirty]).
//
// # Damage
//
// Each page carries a checksum. A page that does not match it is left out with all that hangs below it, so a damaged
// file gives fewer rows, never other ones. Tables are read one by one with limits of their own; what stops one does
// not stop the others.
//
// # Sources
//
// The trees of pages are read by www.velocidex.com/golang/go-ese. Header, checksum, catalog and the layout of rows are
// as the Extensible Storage Engine's source (github.com/microsoft/Extensible-Storage-Engine) has them; the meaning of
// tables and columns was settled on real files.
package srum

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/etwhy/etwhy/decode/cursor"
	"github.com/etwhy/etwhy/etl"
)

var (
	// ErrFormat is wrapped by the error about a file that is no ESE database, or of which not even the catalog of
	// tables can be read.
	ErrFormat = errors.New("not an ESE database that can be read")

	// ErrNotSRUM is wrapped by the error about an ESE database of something else.
	ErrNotSRUM = errors.New("not the database of the System Resource Usage Monitor")
)

// Names of tables.
const (
	catalogTable      = "MSysObjects"
	idTable           = "SruDbIdMapTable"
	usageTable        = "{973F5D5C-1D90-4944-BE8E-24B94231A174}"
	connectivityTable = "{DD6636C4-8929-4683-974E-22C046A43763}"
	resourceTable     = "{D10CA2FE-6FCF-4F6D-848E-B2E99266FA89}"
)

// Limits. Real databases have some megabytes and, of one kind, some thousand to some hundred thousand rows.
const (
	maxSize   = 1 << 30          // of the file
	maxRows   = 500_000          // of a table
	maxBudget = 256 << 20        // bytes that reading one table may come to hold, see pages
	maxTime   = 30 * time.Second // for one table
	grace     = time.Second      // to wind up after that
)

// HeadSize is how much of a file [Recognise] must see.
const HeadSize = 8

const signature uint32 = 0x89abcdef

// Recognise reports whether head is the beginning of an ESE database. Whether it is SRUM's is told by [NewReader],
// which has to open it for that.
func Recognise(head []byte) bool {
	return len(head) >= HeadSize && binary.LittleEndian.Uint32(head[4:]) == signature
}

// A Database is an opened SRUDB.dat. Make it with [NewReader]. It is for one goroutine at a time.
type Database struct {
	src       io.ReaderAt
	header    header
	limits    limits
	tables    []table
	ids       map[uint32]string
	anomalies []Anomaly
}

// header is what is needed of the first page.
type header struct {
	size     int64 // of the file
	pageSize int64
}

type limits struct {
	rows   int
	budget int64
	time   time.Duration
}

// NewReader opens the database of size bytes that r reads. It reads the catalog and the names of programs and users;
// r is read again by the methods. The error wraps [ErrFormat], [ErrNotSRUM] or what r failed with.
func NewReader(r io.ReaderAt, size int64) (*Database, error) {
	return newReader(r, size, limits{maxRows, maxBudget, maxTime})
}

func newReader(r io.ReaderAt, size int64, l limits) (*Database, error) {
	db := &Database{src: r, limits: l, ids: make(map[uint32]string)}
	if err := db.readHeader(size); err != nil {
		return nil, err
	}
	if err := db.readCatalog(); err != nil {
		return nil, err
	}
	if err := db.readIDs(); err != nil {
		return nil, err
	}
	return db, nil
}

// pageSizes are the sizes that pages may have.
var pageSizes = []int64{4 << 10, 8 << 10, 16 << 10, 32 << 10}

func (db *Database) readHeader(size int64) error {
	head := make([]byte, pageSizes[len(pageSizes)-1])
	n, err := db.src.ReadAt(head[:min(size, int64(len(head)))], 0)
	if err != nil && err != io.EOF {
		return err
	}
	head = head[:n]
	c := cursor.New("header", head, 0)
	checksum := c.Uint32()
	if magic := c.Uint32(); c.Err() == nil && magic != signature {
		c.Fail(ErrFormat, "signature is %#x, not %#x", magic, signature)
	}
	c.Skip(4) // version
	if kind := c.Uint32(); c.Err() == nil && kind != 0 {
		c.Fail(ErrFormat, "is of type %d, not a database", kind)
	}
	c.Skip(52 - 16)
	state := c.Uint32()
	c.Skip(236 - 56)
	pageSize := int64(c.Uint32())
	switch {
	case c.Err() != nil:
	case !slices.Contains(pageSizes, pageSize):
		c.Fail(ErrFormat, "page size is %d", pageSize)
	case size > maxSize:
		c.Fail(ErrFormat, "%d bytes: larger than the %d that are read", size, maxSize)
	}
	if err := c.Err(); err != nil {
		if errors.Is(err, ErrFormat) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrFormat, err) // too short
	}
	db.header = header{size: size, pageSize: pageSize}
	if n := int(pageSize); len(head) >= n && xor(head[4:n], signature) != checksum {
		db.note(BadHeader, "", 0, 1, "the header does not match its checksum")
	}
	const cleanlyClosed = 3
	if state != cleanlyClosed {
		db.note(Dirty, "", 52, 1, "it was not closed: its newest rows are in SRU*.log, which are not read")
	}
	return nil
}

// readCatalog reads which tables there are. The catalog is a table itself, always at the same place.
func (db *Database) readCatalog() error {
	db.tables = []table{catalog}
	const (
		typeTable  = 1
		typeColumn = 2
	)
	type entry struct {
		table, kind, id uint32
		where           uint32 // page of a table, type of a column
		size            uint32
		name            string
	}
	columns := []string{"ObjidTable", "Type", "Id", "ColtypOrPgnoFDP", "SpaceUsage"}
	entries, err := collect(db, catalogTable, columns, func(r row, v []uint64) (entry, bool) {
		return entry{uint32(v[0]), uint32(v[1]), uint32(v[2]), uint32(v[3]), uint32(v[4]), string(r.variable)}, true
	})
	if err != nil {
		return err
	}
	tables := make(map[uint32]*table)
	var order []*table
	for _, e := range entries {
		switch t := tables[e.table]; {
		case e.kind == typeTable && t == nil:
			t = &table{name: e.name, root: int64(e.where), fixed: make(map[string]column), tags: make(map[string]uint32)}
			tables[e.table] = t
			order = append(order, t)
		case e.kind == typeColumn && t != nil:
			t.add(e.name, e.id, int64(e.size))
		}
	}
	db.tables = nil
	for _, t := range order {
		db.tables = append(db.tables, *t)
	}
	if db.table(idTable) != nil {
		return nil
	}
	for _, a := range db.anomalies {
		if a.Table == catalogTable {
			return &cursor.FormatError{Name: "catalog of tables", Offset: a.Offset, Msg: a.Detail, Err: ErrFormat}
		}
	}
	if db.table(catalogTable) == nil {
		return fmt.Errorf("%w: there are no tables", ErrFormat)
	}
	return fmt.Errorf("%w: there is no table %s", ErrNotSRUM, idTable)
}

func (db *Database) table(name string) *table {
	for i := range db.tables {
		if db.tables[i].name == name {
			return &db.tables[i]
		}
	}
	return nil
}

// A Table is a table of the database, the engine's own (MSys...) included.
type Table struct {
	Name string
	Rows int
}

// Tables counts the rows of all tables, in the catalog's order. It reads the whole database. The error is one of the
// io.ReaderAt.
func (db *Database) Tables() ([]Table, error) {
	list := make([]Table, 0, len(db.tables))
	for _, t := range db.tables {
		rows, err := collect(db, t.name, nil, func(row, []uint64) (struct{}, bool) { return struct{}{}, true })
		if err != nil {
			return list, err
		}
		list = append(list, Table{t.name, len(rows)})
	}
	return list, nil
}

// Usage is what one program of one user sent and received over one kind of interface, in the time up to an hour
// before Time.
type Usage struct {
	Time      etl.Time // when the row was written
	App       string   // see [Database.Usage]
	SID       string   // of the user: S-1-5-18; "" if not known
	Interface uint16   // IANA ifType: 6 Ethernet, 71 Wi-Fi, 24 loopback
	Sent      uint64   // bytes
	Received  uint64   // bytes
}

// Usage yields the network usage in the order of the table, which is that of writing. App is as SRUM names
// programs: the path of the image from the device on (\device\harddiskvolume4\windows\system32\inetsrv\w3wp.exe),
// !!svchost.exe!date!checksum!services of a service host, the name of a service or of a package, "" if not known.
// The error is one of the io.ReaderAt and comes last; damage is told by [Database.Anomalies].
func (db *Database) Usage() iter.Seq2[Usage, error] {
	columns := []string{"TimeStamp", "AppId", "UserId", "InterfaceLuid", "BytesSent", "BytesRecvd"}
	return rows(db, usageTable, columns, func(_ row, v []uint64) (Usage, bool) {
		t, ok := oleTime(v[0])
		return Usage{t, db.ids[uint32(v[1])], db.ids[uint32(v[2])], interfaceType(v[3]), v[4], v[5]}, ok
	})
}

// Connectivity is how long an interface was connected.
type Connectivity struct {
	Time      etl.Time      // when the row was written
	Interface uint16        // IANA ifType
	Start     etl.Time      // since when; 0 if not known
	Connected time.Duration // in whole seconds, at Time; it grows from row to row while Start stays
}

// Connectivity yields the connections in the order of the table. The error is as with [Database.Usage].
func (db *Database) Connectivity() iter.Seq2[Connectivity, error] {
	columns := []string{"TimeStamp", "InterfaceLuid", "ConnectStartTime", "ConnectedTime"}
	return rows(db, connectivityTable, columns, func(_ row, v []uint64) (Connectivity, bool) {
		t, ok := oleTime(v[0])
		start := max(etl.Time(v[2]), 0)
		return Connectivity{t, interfaceType(v[1]), start, time.Duration(uint32(v[3])) * time.Second}, ok
	})
}

// AppResource is what one program of one user took of processor and disk in the time up to an hour before Time.
type AppResource struct {
	Time    etl.Time // when the row was written
	App     string   // as in [Usage]
	SID     string   // of the user
	Cycles  uint64   // of processors, in the foreground and in the background
	Read    uint64   // bytes
	Written uint64   // bytes
}

// AppResources yields the use of resources in the order of the table. The error is as with [Database.Usage].
func (db *Database) AppResources() iter.Seq2[AppResource, error] {
	columns := []string{"TimeStamp", "AppId", "UserId", "ForegroundCycleTime", "BackgroundCycleTime",
		"ForegroundBytesRead", "BackgroundBytesRead", "ForegroundBytesWritten", "BackgroundBytesWritten"}
	return rows(db, resourceTable, columns, func(_ row, v []uint64) (AppResource, bool) {
		t, ok := oleTime(v[0])
		return AppResource{t, db.ids[uint32(v[1])], db.ids[uint32(v[2])], v[3] + v[4], v[5] + v[6], v[7] + v[8]}, ok
	})
}

// rows yields what collect collects.
func rows[T any](db *Database, name string, columns []string, convert func(row, []uint64) (T, bool)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		list, err := collect(db, name, columns, convert)
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}

// An AnomalyKind is a kind of damage, or of what is not there.
type AnomalyKind uint8

const (
	Dirty       AnomalyKind = iota + 1 // the database was not closed
	BadHeader                          // the header does not match its checksum
	BadPage                            // pages do not match their checksum and are left out
	Truncated                          // pages lie beyond the end of the file
	BadRow                             // rows cannot be read and are left out
	UnreadID                           // programs and users whose names cannot be read
	LimitHit                           // a table has more rows than are read, or takes too long
	BrokenTable                        // a table is such that reading it failed
)

var anomalyNames = [...]string{Dirty: "dirty", BadHeader: "bad-header", BadPage: "bad-page", Truncated: "truncated", BadRow: "bad-row",
	UnreadID: "unread-id", LimitHit: "limit-hit", BrokenTable: "broken-table"}

// String returns the kind's name: "bad-page".
func (k AnomalyKind) String() string { return anomalyNames[k] }

// An Anomaly is what is wrong with a database.
type Anomaly struct {
	Kind   AnomalyKind
	Table  string // whose rows it may cost; "" is the database
	Offset int64  // in the file, of the first place; 0 if not known
	Count  int
	Detail string // in words
}

// Text returns it in words, without its place in the file: "database: a page does not match its checksum; left out".
func (a Anomaly) Text() string {
	s := cmp.Or(a.Table, "database") + ": " + a.Detail
	if a.Count > 1 {
		s += fmt.Sprintf("; %d times in all", a.Count)
	}
	return s
}

// String puts the place in front of [Anomaly.Text]: "offset 0x3000: ...".
func (a Anomaly) String() string { return fmt.Sprintf("offset %#x: %s", a.Offset, a.Text()) }

// Anomalies returns the damage seen so far: that of the catalog and the names, and that of the tables that were
// read. There is one for each kind and table.
func (db *Database) Anomalies() []Anomaly { return slices.Clone(db.anomalies) }

// note counts an anomaly.
func (db *Database) note(kind AnomalyKind, table string, offset int64, count int, detail string) {
	for i := range db.anomalies {
		if a := &db.anomalies[i]; a.Kind == kind && a.Table == table {
			a.Count += count
			return
		}
	}
	db.anomalies = append(db.anomalies, Anomaly{kind, table, offset, count, detail})
}
