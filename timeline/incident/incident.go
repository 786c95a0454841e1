// Package incident opens all files of one incident: it recognises what each one is, by content and not by name, looks
// into containers, and hands what it reads to a timeline. It is the only package that knows every format.
//
//	paths ─► Add ─► recognise ─► inputs ─► Scan ─► Analyze: 1. settings: configuration, console texts
//	        folders  formats,     files     each            2. traces, by time
//	        .cab     known        rest      once            3. FREB, event logs, HTTPERR, pages, counters
//	        .zip .gz              closed                    4. IIS logs: what the others know of, or failed
//
// Scan reads every input once: of a trace the metadata, processes and losses; of a log its span, damage, and the minutes
// in which something failed; all else it keeps. Analyze tells a timeline in the order above, since which lines of a large
// log are kept depends on what the other files know. Files are closed between the passes, traces excepted.
package incident

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etwhy/etwhy/cab"
	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/decode/cabinfo"
	"github.com/etwhy/etwhy/decode/winhttplog"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// ErrUnknown says that a path named by the user is nothing that etwhy reads.
var ErrUnknown = errors.New("not a file that etwhy reads")

// A Kind says what an input is.
type Kind = timeline.Kind

// An Input is one file, or one member of a container.
type Input struct {
	Path      string // unique; a member of a container is net.cab/report.etl
	Container string // path of the container, or ""
	Kind      Kind
	Size      int64  // bytes; -1 = not known
	SHA256    string // hex
	Err       error  // why it was not read, or not to its end

	DuplicateOf string // path of the input with the same bytes, which is read instead

	Start, End etl.Time // of its records
	Records    [etl.Kinds]int
	Lines      int  // of a text; lines, or elements, of what is no log of events
	Entries    int  // of these, those that could be read
	Undecoded  *int // records that events prints and that do not decode whole; nil = not counted
	Providers  []ProviderCount
	Anomalies  []etl.Anomaly // of a log
	Damage     []Damage      // of what is no trace
	Loss       etl.Loss
	Channels   []string // of an event log: System, Application
	Note       string   // of what is known and not read: what it is, and what opens it

	Log *etl.Log // of an ETL input; nil of one that was converted to text

	header    etl.Header // of one that was converted to text
	data      *content
	kept      []byte // of a FREB file in a container: its bytes, packed
	format    *format
	decoder   *decode.Decoder
	named     bool // by the user, not found in a folder or container
	unread    bool // nothing of it could be read, or it is nothing that etwhy reads
	gaps      bool // entries of an event log had to be left out
	processes []cabinfo.Entry

	computer string // that an event log is from

	tell  func(*timeline.Session) // hands what was read to a timeline; nil if there is nothing
	watch map[etl.Time]bool       // minutes in which something went wrong
}

// A Damage is something wrong with an input that was read as far as it goes.
type Damage struct {
	Kind   string // stable
	Offset int64
	Detail string
}

// Header returns the log's header, or a zero one for other kinds.
func (in *Input) Header() etl.Header {
	if in.Log == nil {
		return in.header
	}
	return in.Log.Header()
}

// Decoder returns what pass 1 learnt about the events of an ETL input, or nil.
func (in *Input) Decoder() *decode.Decoder { return in.decoder }

// A ProviderCount counts the records of one provider or event class.
type ProviderCount struct {
	GUID   etl.GUID
	Name   string // "" = unknown
	Events int

	one etl.Position // a record of the provider
}

// Options say how an incident is read.
type Options struct {
	// Budget is the memory for the live bytes of logs; 0 = etl.DefaultBudget.
	Budget int64
	// TempFile makes a file for what is not seekable (members of containers, gzip, standard input)
	// beyond MemoryLimit bytes. Without it such input is an error.
	TempFile func() (TempFile, error)
	// MemoryLimit is how much of such input is kept in memory; 0 = 16 MB.
	MemoryLimit int64
	// Unpacked is how many bytes containers may unpack to, all together; 0 = 64 GB.
	Unpacked int64
	// Keep is how many bytes of memory Failed Request Tracing files in containers may take, packed, so that
	// [Incident.FREB] can read them. 0 keeps none.
	Keep int64
	// Progress, if set, is told how many bytes were read. It is called from several goroutines.
	Progress func(bytes int64)
}

// A TempFile holds spooled bytes until Close, which also removes it.
type TempFile interface {
	io.ReaderAt
	io.Writer
	io.Closer
}

// An Incident is a set of inputs. Close it when done.
type Incident struct {
	Inputs []*Input // by path of what was added, members behind their container

	opts  Options
	paths map[string]int
	close []io.Closer // what is open

	from, to etl.Time // that an analysis is about; 0 = open

	settings struct { // what configuration files say that others are read by
		sync.Mutex
		logIDs []string
	}
	memory  int64 // bytes that were spooled in memory
	spooled int64 // and altogether
	kept    int64 // bytes kept for another reading, see Options.Keep
}

// New returns an empty incident.
func New(opts Options) *Incident {
	opts.MemoryLimit = cmp.Or(opts.MemoryLimit, 16<<20)
	opts.Budget = cmp.Or(opts.Budget, etl.DefaultBudget)
	opts.Unpacked = cmp.Or(opts.Unpacked, defaultUnpacked)
	return &Incident{opts: opts, paths: map[string]int{}}
}

// Close closes the files and removes what was spooled.
func (inc *Incident) Close() error {
	var err error
	for _, c := range inc.close {
		err = errors.Join(err, c.Close())
	}
	inc.close = nil
	return err
}

// AddFile adds an open file, which the incident closes. label is what the user calls it.
func (inc *Incident) AddFile(f fs.File, label string) { inc.addOpen(f, nil, label, true) }

// AddFS adds the file name of fsys, or everything below it if it is a folder. label is what the user
// calls it. What is found in a folder and not recognised is an input of kind other; a file that was
// named and is not recognised is an input with an error that wraps ErrUnknown.
func (inc *Incident) AddFS(fsys fs.FS, name, label string) {
	info, err := fs.Stat(fsys, name)
	switch {
	case err != nil:
		inc.fail(label, err)
	case info.IsDir():
		inc.addFolder(fsys, name, label)
	default:
		inc.addFile(fsys, name, label, true)
	}
}

// AddReader adds what r holds, such as standard input.
func (inc *Incident) AddReader(r io.Reader, label string) {
	c, err := inc.spool(r)
	if err != nil {
		inc.fail(label, err)
		return
	}
	inc.addContent(c, label, "", true)
}

// Fail adds an input that could not be opened, under the name that the user gave.
func (inc *Incident) Fail(label string, err error) { inc.fail(label, err) }

func (inc *Incident) fail(label string, err error) *Input {
	in := inc.input(label, "", timeline.KindOther)
	in.Err, in.named, in.unread, in.Size = err, true, true, -1
	return in
}

func (inc *Incident) addFolder(fsys fs.FS, root, label string) {
	before := len(inc.Inputs)
	err := fs.WalkDir(fsys, root, func(name string, d fs.DirEntry, err error) error {
		at := path.Join(label, strings.TrimPrefix(name, root))
		if err != nil {
			inc.fail(at, err).named = false
			return nil
		}
		kind := d.Type()
		if kind&fs.ModeSymlink != 0 { // a link to a file is that file
			info, err := fs.Stat(fsys, name)
			if err != nil {
				inc.fail(at, err).named = false
				return nil
			}
			if kind = info.Mode().Type(); kind.IsDir() {
				inc.fail(at, errors.New("a link to a folder is not followed")).named = false
				return nil
			}
		}
		if kind.IsRegular() {
			inc.addFile(fsys, name, at, false)
		}
		return nil
	})
	if err != nil {
		inc.fail(label, err)
	}
	if len(inc.Inputs) == before {
		inc.fail(label, fmt.Errorf("the folder is empty"))
	}
}

func (inc *Incident) addFile(fsys fs.FS, name, label string, named bool) {
	again := func() (fs.File, error) { return fsys.Open(name) }
	f, err := again()
	if err != nil {
		inc.fail(label, err).named = named
		return
	}
	inc.addOpen(f, again, label, named)
}

// addOpen adds an open file. again opens it once more; nil if that is not possible.
func (inc *Incident) addOpen(f fs.File, again func() (fs.File, error), label string, named bool) {
	c, err := inc.open(f)
	if err != nil {
		inc.fail(label, err).named = named
		return
	}
	if c.closer != nil {
		c.again = again
	}
	if in := inc.addContent(c, label, "", named); in.data != c || in.Kind == timeline.KindOther {
		c.Close() // nothing more will be read of it
	} else if in.format != nil {
		c.rest() // there may be thousands
	}
}

// input appends an input under a path that no other has.
func (inc *Incident) input(path, container string, kind Kind) *Input {
	inc.paths[path]++
	if n := inc.paths[path]; n > 1 {
		path = fmt.Sprintf("%s#%d", path, n)
	}
	in := &Input{Path: path, Container: container, Kind: kind}
	inc.Inputs = append(inc.Inputs, in)
	return in
}

// headBytes is what recognition looks at: a log shows at once, lines of text may stand behind others.
const headBytes = winhttplog.HeadSize

// packed is the kind of what has to be unpacked before it is recognised.
const packed Kind = "gzip"

// recognise tells by its first bytes what an input of size bytes is; -1 is an unknown size.
func recognise(head []byte, size int64) (Kind, *format) {
	switch {
	case etl.Sniff(head, size) == nil:
		return timeline.KindETL, nil
	case bytes.HasPrefix(head, []byte("MSCF")):
		return timeline.KindCab, nil
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return timeline.KindZip, nil
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return packed, nil
	}
	for i := range formats {
		if formats[i].recognise(head) {
			return formats[i].kind, &formats[i]
		}
	}
	return timeline.KindOther, nil
}

// addContent recognises c and adds it and, of a container, its members.
func (inc *Incident) addContent(c *content, label, container string, named bool) *Input {
	head := make([]byte, headBytes)
	n, err := c.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		in := inc.fail(label, err)
		in.named = named
		return in
	}
	head = head[:n]
	kind, format := recognise(head, c.size)
	if kind == packed {
		zr, err := gzip.NewReader(io.NewSectionReader(c, 0, c.size))
		if err != nil {
			in := inc.fail(label, err)
			in.named = named
			return in
		}
		return inc.addStream(zr, label, container, -1, named)
	}
	in := inc.input(label, container, kind)
	in.Size, in.data, in.named, in.format = c.size, c, named, format
	switch {
	case format != nil:
	case kind == timeline.KindETL:
		in.Log, in.Err = etl.NewReader(inc.counted(c), c.size, etl.WithBudget(inc.opts.Budget))
		if in.unread = in.Err != nil; !in.unread {
			in.decoder = decode.New(in.Log.Header())
		}
	case kind == timeline.KindCab:
		inc.addCabinet(in, c)
	case kind == timeline.KindZip:
		inc.addZip(in, c)
	default:
		in.unread = true
		in.Note = noteOf(label, head)
		if named {
			in.Err = unknown(label, in.Note, head, c.size)
		}
	}
	return in
}

// unknown says what a file that was named is not, with the note on it if there is one.
func unknown(label, note string, head []byte, size int64) error {
	if note != "" {
		return fmt.Errorf("%w: %s", ErrUnknown, note)
	}
	if strings.HasSuffix(strings.ToLower(label), ".etl") {
		return etl.Sniff(head, size)
	}
	if what := etl.Lookalike(head); what != "" {
		return fmt.Errorf("%w: %s", ErrUnknown, what)
	}
	return ErrUnknown
}

// addStream adds what can be read once only: a member of a container, or gzip. Only what its first
// bytes show to be of use is kept. size is -1 if it is not known.
func (inc *Incident) addStream(r io.Reader, label, container string, size int64, named bool) *Input {
	head := make([]byte, headBytes)
	n, err := io.ReadFull(r, head)
	head = head[:n]
	cut := err != nil && err != io.EOF && err != io.ErrUnexpectedEOF
	kind, _ := recognise(head, size)
	deep := kind.IsContainer() && inc.nested(container)
	if kind == timeline.KindOther || kind == packed || deep || cut {
		in := inc.input(label, container, timeline.KindOther)
		in.Size, in.named, in.unread, in.Note = size, named, true, noteOf(label, head)
		switch {
		case cut:
			in.Err = err
		case deep:
			in.Err = fmt.Errorf("a container inside %d others: unpack it", maxNested)
		case named:
			in.Err = unknown(label, in.Note, head, size)
		}
		return in
	}
	c, err := inc.spool(io.MultiReader(bytes.NewReader(head), r))
	if c == nil {
		in := inc.input(label, container, timeline.KindOther)
		in.Size, in.Err, in.named, in.unread = size, err, named, true
		return in
	}
	in := inc.addContent(c, label, container, named)
	in.Err = errors.Join(in.Err, err) // what came before the damage is read all the same
	if in.format != nil && in.format.once {
		inc.readOnce(in)
	}
	return in
}

// readOnce scans a member of a container at once and lets go of its bytes: there may be thousands.
func (inc *Incident) readOnce(in *Input) {
	in.fault(inc.hash(in))
	in.fault(inc.reading(in, func(r *io.SectionReader) error { return in.format.scan(inc, in, r) }))
	if in.Kind == timeline.KindFREB && inc.opts.Keep > inc.kept {
		in.fault(inc.keepFREB(in))
	}
	in.fault(inc.release(in.data))
	in.data = nil
}

// hash sets the hash of an input.
func (inc *Incident) hash(in *Input) error {
	h := sha256.New()
	if err := inc.reading(in, func(r *io.SectionReader) error { _, err := io.Copy(h, r); return err }); err != nil {
		return err
	}
	in.SHA256 = hex.EncodeToString(h.Sum(nil))
	return nil
}

// addCabinet adds the members of a cabinet, in the order in which they unpack once.
func (inc *Incident) addCabinet(box *Input, c *content) {
	z, err := cab.NewReader(inc.counted(c), c.size)
	if err != nil {
		box.Err, box.unread = err, true
		return
	}
	for _, e := range z.Damage {
		box.Damage = append(box.Damage, Damage{"cut-cabinet", e.Offset, e.Name + ": " + e.Msg})
	}
	before := len(inc.Inputs)
	var listed []cabinfo.Entry
	for _, f := range z.File {
		label := memberPath(box, f.Name)
		r, err := f.Open()
		if err != nil {
			in := inc.input(label, box.Path, timeline.KindOther)
			in.Size, in.Err = f.Size, err
			continue
		}
		if strings.EqualFold(path.Base(f.Name), "processes.txt") {
			listed = append(listed, inc.addProcesses(r, label, box.Path, f.Size)...)
		} else {
			inc.addStream(r, label, box.Path, f.Size, false)
		}
		r.Close()
	}
	for _, in := range inc.Inputs[before:] {
		in.processes = listed
	}
}

// addProcesses adds the process list of a netsh cabinet.
func (inc *Incident) addProcesses(r io.Reader, label, container string, size int64) []cabinfo.Entry {
	const limit = 4 << 20 // a listing has a line per process
	b, err := io.ReadAll(io.LimitReader(r, limit))
	in := inc.input(label, container, timeline.KindConsole)
	in.Size, in.Lines = size, bytes.Count(b, []byte("\n"))
	if err != nil {
		in.Err = err
	} else if len(b) < limit {
		in.SHA256 = fmt.Sprintf("%x", sha256.Sum256(b))
	}
	entries, err := cabinfo.Processes(b)
	if err != nil && in.Err == nil {
		in.Err = err
	}
	return entries
}

// Details are what a scan finds out only if asked, because it takes another reading of every byte.
type Details struct {
	Undecoded bool // count the events that do not decode whole
	Hashes    bool // of all inputs; those that may be copies of each other are hashed anyway
}

// Scan is pass 1 over all inputs: it leaves counts, loss, anomalies and what is needed to decode the events.
func (inc *Incident) Scan(d Details) {
	inc.findDuplicates(d.Hashes)
	var texts []*Input
	for _, in := range inc.Inputs {
		if in.DuplicateOf != "" {
			continue
		}
		if in.format != nil && in.data != nil {
			texts = append(texts, in)
		}
		if in.Log == nil {
			continue
		}
		inc.scanLog(in, d.Undecoded)
		for _, e := range in.processes {
			in.decoder.Processes().Add(decode.Process{PID: e.PID, Name: e.Name, Services: e.Services})
		}
	}
	inc.scanTexts(texts)
}

// findDuplicates hashes the inputs that have the size of another one, or all, and marks later copies of the same bytes: netsh leaves
// the log beside the cabinet that also holds it.
func (inc *Incident) findDuplicates(all bool) {
	first := map[string]*Input{}
	sizes := map[int64]int{} // only files of one size can be copies of each other
	for _, in := range inc.Inputs {
		sizes[in.Size]++
	}
	// What lies open comes before what a container holds.
	order := slices.Clone(inc.Inputs)
	slices.SortStableFunc(order, func(a, b *Input) int { return cmp.Compare(len(a.Container), len(b.Container)) })
	for _, in := range order {
		if in.SHA256 == "" && (in.data == nil || in.Kind == timeline.KindOther || !all && sizes[in.Size] < 2) {
			continue
		}
		if in.SHA256 == "" {
			if err := inc.hash(in); err != nil {
				in.Err = errors.Join(in.Err, err)
				continue
			}
		}
		if original, ok := first[in.SHA256]; ok {
			in.DuplicateOf = original.Path
			// What the cabinet says about its copy holds for the original.
			original.processes = append(original.processes, in.processes...)
			continue
		}
		first[in.SHA256] = in
	}
}

// A tally counts what one goroutine of a scan met.
type tally struct {
	records    [etl.Kinds]int
	providers  map[etl.GUID]*providerTally
	undecoded  int
	start, end etl.Time
	err        error

	last etl.GUID // provider of the record before
	of   *providerTally
}

// add counts a record.
func (t *tally) add(r *etl.Record) {
	t.records[r.Kind()]++
	g := r.Provider()
	if r.Kind() == etl.KindKernel { // one provider for all classes of the kernel
		g = etl.SystemTrace
	}
	if t.of == nil || g != t.last {
		if t.of = t.providers[g]; t.of == nil {
			t.of = &providerTally{one: r.Position()}
			t.providers[g] = t.of
		}
		t.last = g
	}
	t.of.count++
	if at := r.Time(); at > 0 {
		if t.start == 0 || at < t.start {
			t.start = at
		}
		t.end = max(t.end, at)
	}
}

// A providerTally counts the records of a provider and remembers one of them.
type providerTally struct {
	count int
	one   etl.Position
}

func (inc *Incident) scanLog(in *Input, undecoded bool) {
	share(func(part, parts int) *tally {
		return scanPart(in, part, parts)
	}, in.merge)
	if undecoded { // needs what the whole first pass has learnt
		in.Undecoded = new(int)
		share(func(part, parts int) *tally {
			return countUndecoded(in, part, parts)
		}, in.merge)
	}
	slices.SortFunc(in.Providers, func(a, b ProviderCount) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), bytes.Compare(a.GUID[:], b.GUID[:]))
	})
	for i := range in.Providers {
		if r, err := in.Log.At(in.Providers[i].one); err == nil {
			in.Providers[i].Name = in.decoder.ProviderName(r)
		}
	}
	in.Anomalies = in.Log.Anomalies()
	in.Loss = in.Log.Loss()
}

// scanWorkers is how many goroutines share the reading of one log.
const scanWorkers = 2

// share runs scan in several goroutines, one share of the file each, and merges what they found.
func share(scan func(part, parts int) *tally, merge func(*tally)) {
	var wg sync.WaitGroup
	found := make([]*tally, scanWorkers)
	for part := range found {
		wg.Go(func() { found[part] = scan(part, scanWorkers) })
	}
	wg.Wait()
	for _, t := range found {
		merge(t)
	}
}

func scanPart(in *Input, part, parts int) *tally {
	t := &tally{providers: map[etl.GUID]*providerTally{}}
	for r, err := range in.Log.Unordered(part, parts) {
		if err != nil {
			t.err = err
			break
		}
		t.add(r)
		in.decoder.Learn(r)
	}
	return t
}

func countUndecoded(in *Input, part, parts int) *tally {
	t := &tally{}
	d := in.decoder.Fork()
	for r, err := range in.Log.Unordered(part, parts) {
		if err != nil {
			break // reported by the first pass
		}
		if ev := d.Decode(r); !decode.IsLogRecord(r) {
			if reason, _ := ev.Undecoded(); reason != "" {
				t.undecoded++
			}
		}
	}
	return t
}

// merge adds what one share of a scan found.
func (in *Input) merge(t *tally) {
	for k, n := range t.records {
		in.Records[k] += n
	}
	for g, p := range t.providers {
		i := slices.IndexFunc(in.Providers, func(p ProviderCount) bool { return p.GUID == g })
		if i < 0 {
			i = len(in.Providers)
			in.Providers = append(in.Providers, ProviderCount{GUID: g, one: p.one})
		}
		in.Providers[i].Events += p.count
	}
	if in.Undecoded != nil {
		*in.Undecoded += t.undecoded
	}
	in.cover(t.start, t.end)
	in.Err = errors.Join(in.Err, t.err)
}

// cover widens the time that the input covers. 0 is no time.
func (in *Input) cover(start, end etl.Time) {
	if start != 0 && (in.Start == 0 || start < in.Start) {
		in.Start = start
	}
	in.End = max(in.End, end)
}

// Failed reports whether something that the user named could not be opened, read at all or recognised.
func (inc *Incident) Failed() bool {
	return slices.ContainsFunc(inc.Inputs, func(in *Input) bool { return in.named && in.unread })
}

// Readable reports whether there is any input that can tell something.
func (inc *Incident) Readable() bool {
	return slices.ContainsFunc(inc.Inputs, func(in *Input) bool { return in.Log != nil || in.format != nil && !in.unread })
}

// Span returns the time that the logs cover.
func (inc *Incident) Span() (start, end time.Time) {
	for _, in := range inc.Inputs {
		if in.Start != 0 && (start.IsZero() || in.Start.Time().Before(start)) {
			start = in.Start.Time()
		}
		if in.End != 0 && in.End.Time().After(end) {
			end = in.End.Time()
		}
	}
	return start, end
}
