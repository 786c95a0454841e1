// Package eventlog reads Windows event logs, in the forms in which they are handed on, as typed entries.
//
//	.evtx            ElfFile | ElfChnk record record ... | ElfChnk ...       chunks of 64 KB, binary XML
//	export as XML    <Events><Event xmlns=...><System>...</System><EventData>  also one lone <Event>, also UTF-16
//	App Service      the same without a namespace: LogFiles\eventlog.xml
//	export as CSV    Level,Date and Time,Source,Event ID,Task Category         and the text, without a heading
//
//	<Event>
//	 <System>     provider, id, level, time (UTC), record, process and thread, channel, computer   [Entry]
//	 <EventData>  <Data Name="AppPoolID">Shop</Data>, or <Data>Shop</Data>                         [Field]
//	              <Binary>6D000780</Binary>     often the error number                             [Entry.Binary]
//	 <RenderingInfo> <Message>                  in the language of the system                       [Entry.Message]
//	</Event>
//
// What an event means is read off provider, id and data, see [Entry.Fact]; never off words, since logs come in
// every language. Only the CSV has nothing but words: there numbers, quotes and file names are what is looked at.
//
// An .evtx is decoded here chunk by chunk, with a budget per chunk: binary XML can name its own parts again and again.
// Its templates hold everything but the texts of messages. Those lie on the system that wrote it, or
// in an .MTA file beside it (LocaleMetaData, see [LocaleFile]). Of that file the protocol documentation
// [MS-EVEN6] 3.1.1.7 tells the contents (texts of levels, tasks, opcodes, keywords and events, per publisher) but not
// the bytes; so it is known by its name and not read.
//
// The layout of .evtx is that of [MS-EVEN6] 2.2.12 and of the documentation of libevtx; real files settled the rest.
package eventlog

import (
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/etl"
)

// A Form is the form in which a log comes.
type Form uint8

// The forms that a [Reader] reads.
const (
	Unknown    Form = iota
	EVTX            // the log itself, .evtx
	XML             // export of the Event Viewer or of wevtutil
	CSV             // export of the Event Viewer
	AppService      // eventlog.xml of Azure App Service
)

var formNames = [...]string{"unknown", "event log", "event log as XML", "event log as CSV", "event log of App Service"}

// String returns what to call it in a sentence.
func (f Form) String() string { return formNames[f] }

// An Entry is one event. Its strings may be kept; Fields and Binary are used again for the next entry.
type Entry struct {
	Time     etl.Time // 0 = unknown
	Local    bool     // Time is what the clock of some system showed, its zone unknown (CSV)
	Computer string
	Provider string // Microsoft-Windows-WAS, Application Error
	Channel  string // System, Application
	ID       uint32 // without the qualifiers
	Level    uint8  // 1 critical, 2 error, 3 warning, 4 information, 5 verbose; 0 always, or unknown (CSV)
	Record   uint64 // EventRecordID
	PID, TID uint32 // who wrote it; rarely whom it is about
	Fields   []Field
	Binary   []byte // data of the event: often an error number, little-endian
	Message  string // the text, if the file carries it
	Offset   int64  // of the event in the file; of a UTF-16 file, in its text as UTF-8
}

// A Field is one value of an event.
type Field struct {
	Name  string // "" where data have no name
	Value string
}

// Value returns the value of the field with that name, or "". Case makes no difference.
func (e *Entry) Value(name string) string {
	for i := range e.Fields {
		if strings.EqualFold(e.Fields[i].Name, name) {
			return e.Fields[i].Value
		}
	}
	return ""
}

// At returns the value of the i-th field, counted from 0, whatever its name, or "".
func (e *Entry) At(i int) string {
	if i < 0 || i >= len(e.Fields) {
		return ""
	}
	return e.Fields[i].Value
}

// Clone returns a copy that stays valid when reading goes on.
func (e *Entry) Clone() *Entry {
	c := *e
	c.Fields = slices.Clone(e.Fields)
	c.Binary = slices.Clone(e.Binary)
	return &c
}

// Options say how to read a log. The zero Options read all of it.
type Options struct {
	// Name is the name of the file, for messages only.
	Name string

	// From and To narrow the entries to those of that time; zero is open. Entries of unknown time are yielded always,
	// those with a local time if they lie within in some zone.
	From, To etl.Time

	// Keep chooses entries by provider and id; nil keeps all. Choosing few makes reading faster.
	Keep func(provider string, id uint32) bool
}

// zones is how far a local clock may be from UTC.
const zones = 14 * time.Hour

// wants reports whether an entry, of which provider, id and time are known, is to be yielded.
func (o *Options) wants(e *Entry) bool {
	if o.Keep != nil && !o.Keep(e.Provider, e.ID) {
		return false
	}
	if e.Time.IsZero() {
		return true
	}
	slack := time.Duration(0)
	if e.Local {
		slack = zones
	}
	return (o.From.IsZero() || e.Time.Add(slack) >= o.From) && (o.To.IsZero() || e.Time.Add(-slack) <= o.To)
}

// A Reader reads one log, once. Make it with [NewReader].
type Reader struct {
	r         io.ReaderAt
	size      int64
	options   Options
	form      Form
	build     builder
	coverage  Coverage
	anomalies []Anomaly
}

// NewReader returns a Reader of the size bytes of r. It holds some 3 MB, whatever the file.
func NewReader(r io.ReaderAt, size int64, options Options) *Reader {
	return &Reader{r: r, size: size, options: options}
}

// Form returns the form of the log; Unknown before the first entry, and for anything else.
func (r *Reader) Form() Form { return r.form }

// Entries yields the entries in file order, which may be newest first. Damage does not end it, it is told by
// [Reader.Anomalies]; an error of the io.ReaderAt does, with a nil Entry. What is no event log has no entries.
func (r *Reader) Entries() iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		head := make([]byte, min(r.size, HeadSize))
		n, err := r.r.ReadAt(head, 0)
		if err != nil && err != io.EOF {
			yield(nil, fmt.Errorf("%s: %w", r.options.Name, err))
			return
		}
		r.form, _ = Recognise(head[:n])
		r.build = builder{options: &r.options}
		switch r.form {
		case EVTX:
			err = r.readEVTX(yield)
		case XML, AppService:
			err = r.readXML(yield)
		case CSV:
			err = r.readCSV(yield)
		default:
			r.note(NoLog, 0, "no event log of a form that is known")
			err = nil
		}
		if err != nil {
			yield(nil, fmt.Errorf("%s: %w", r.options.Name, err))
		}
	}
}

// emit counts the entry that was built, and yields it if it is wanted. It returns false if no more are.
func (r *Reader) emit(yield func(*Entry, error) bool) bool {
	e := &r.build.entry
	r.coverage.add(e.Time, e.Local)
	if e.Time.IsZero() {
		r.note(Undated, e.Offset, "the entry has no time that can be read")
	}
	return r.build.unwanted || !r.options.wants(e) || yield(e, nil)
}

// Coverage returns what time the entries read so far span, those that are not wanted included.
func (r *Reader) Coverage() Coverage { return r.coverage }

// Anomalies returns the damage seen so far, one of each kind.
func (r *Reader) Anomalies() []Anomaly { return slices.Clone(r.anomalies) }

// Coverage tells which time a log speaks of.
type Coverage struct {
	First, Last etl.Time // of all entries; 0 if none has a time
	Entries     int64
	Local       bool // First and Last are of a clock whose zone is unknown
}

func (c *Coverage) add(t etl.Time, local bool) {
	c.Entries++
	if t.IsZero() {
		return
	}
	c.Local = c.Local || local
	if c.First.IsZero() || t < c.First {
		c.First = t
	}
	c.Last = max(c.Last, t)
}

// written is how long after a failure its event is in the log: that of a crash waits for the dump.
const written = 2 * time.Minute

// Covers reports whether the absence of an entry for t means something: the log has an entry before t and one at
// least two minutes after, and its times are UTC.
func (c Coverage) Covers(t etl.Time) bool {
	return !c.Local && !c.First.IsZero() && c.First <= t && c.Last >= t.Add(written)
}

// An AnomalyKind is a kind of damage.
type AnomalyKind uint8

const (
	NoLog         AnomalyKind = iota + 1 // nothing that can be read
	BadHeader                            // the header of an .evtx contradicts itself
	BadChunk                             // 64 KB of an .evtx that are no chunk; passed over
	CutChunk                             // an .evtx ends inside a chunk
	BadRecord                            // the rest of a chunk holds no record
	BadXML                               // an event whose (binary) XML is damaged; read as far as it goes
	Excess                               // a chunk that unfolds without bounds; its rest is passed over
	LongEvent                            // an event longer than is read
	OpenEvent                            // an event has no end: the file is cut off, or damaged
	BadRow                               // a row of a CSV that is no event
	Undated                              // no time
	AmbiguousDate                        // day and month could be the other way round
	CutFile                              // the file ends behind an event, without the end of the element around all
)

var anomalyNames = [...]string{NoLog: "no-log", BadHeader: "bad-header", BadChunk: "bad-chunk", CutChunk: "cut-chunk", BadRecord: "bad-record",
	BadXML: "bad-xml", Excess: "excess", LongEvent: "long-event", OpenEvent: "open-event", BadRow: "bad-row", Undated: "undated", AmbiguousDate: "ambiguous-date", CutFile: "cut-file"}

// String returns the kind's name: "bad-chunk".
func (k AnomalyKind) String() string { return anomalyNames[k] }

// An Anomaly is what is wrong with a log.
type Anomaly struct {
	Kind   AnomalyKind
	Offset int64  // of the first
	Count  int64  // how often
	Detail string // what about the first
}

// Text returns it in words, without its place: "the record is damaged and passed over; 2 times in all".
func (a Anomaly) Text() string {
	if a.Count < 2 {
		return a.Detail
	}
	return fmt.Sprintf("%s; %d times in all", a.Detail, a.Count)
}

// String puts the place in front of [Anomaly.Text]: "offset 0x11000: ...".
func (a Anomaly) String() string { return fmt.Sprintf("offset %#x: %s", a.Offset, a.Text()) }

// note counts an anomaly. Only the first of a kind is put into words.
func (r *Reader) note(kind AnomalyKind, offset int64, format string, args ...any) {
	for i := range r.anomalies {
		if r.anomalies[i].Kind == kind {
			r.anomalies[i].Count++
			return
		}
	}
	r.anomalies = append(r.anomalies, Anomaly{kind, offset, 1, fmt.Sprintf(format, args...)})
}

// LocaleFile reports whether name is that of a file with the texts for an exported log: netsh's wcmlog_1033.mta, the
// Event Viewer's LocaleMetaData/System_1033.MTA. It returns the name of the log without ending, and the number of
// the language (LCID).
func LocaleFile(name string) (log string, language uint16, ok bool) {
	base := path.Base(strings.ReplaceAll(name, `\`, "/"))
	stem, ending := strings.TrimSuffix(base, path.Ext(base)), path.Ext(base)
	i := strings.LastIndexByte(stem, '_')
	if i <= 0 || !strings.EqualFold(ending, ".mta") {
		return "", 0, false
	}
	n, err := strconv.ParseUint(stem[i+1:], 10, 16)
	return stem[:i], uint16(n), err == nil
}
