package decode

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/etwhy/etwhy/etl"
)

// A Process is one process of the traced machine, as far as a log tells of it. Fields that are not
// known are zero.
type Process struct {
	PID       uint32
	ParentPID uint32
	// Name is the file name of the image with its extension: "w3wp.exe". Windows cuts it to 14
	// characters in some events; it is whole if any event or the command line has all of it.
	Name        string
	Image       string // path of the image, mostly in the kernel's form: \Device\HarddiskVolume2\Windows\...
	CommandLine string
	AppPool     string   // the application pool that an IIS worker process serves
	Services    []string // key names of the services in the process, sorted
	Start       etl.Time // zero for a process that ran before the log began, unless an event tells its start
	End         etl.Time // zero for a process that ran on when the log ended
}

// Processes is the process table of a log over time. Windows uses process ids again, and the events
// that name a process may come last in the log: learn everything, then ask. Its methods may be
// called from several goroutines.
type Processes struct {
	table atomic.Pointer[processTable] // nil while there is something new

	mu        sync.Mutex
	sightings []*sighting
	routine   map[presence]*sighting
	others    []Process // from Add
	size      int       // rough bytes of sightings
}

// maxProcessBytes bounds the memory that a log's process events can claim. What comes beyond is not
// learned. A busy server logs well under 1 MB of them an hour.
const maxProcessBytes = 64 << 20

// A processTable is what the sightings come to. It does not change.
type processTable struct {
	byPID map[uint32][]lifetime // each by from
	all   []*Process            // by Start, then PID
}

// A lifetime is a process and the moment from which events with its id are its own.
type lifetime struct {
	*Process
	from etl.Time
}

// A sighting is what one event tells about a process.
type sighting struct {
	Process // without Services
	service string
	at      etl.Time
	what    processTell
}

// A presence is what makes a sighting routine: another one in the same minute tells no more.
type presence struct {
	what                 processTell
	pid                  uint32
	name, image, appPool string
	minute               etl.Time
}

// At returns the process that had the id at time t. The Process is shared: do not modify it.
func (p *Processes) At(pid uint32, t etl.Time) (*Process, bool) {
	return p.resolved().at(pid, t)
}

// All yields the processes by start, those that ran before the log began first. They are shared:
// do not modify them.
func (p *Processes) All() iter.Seq[*Process] { return slices.Values(p.resolved().all) }

// Add tells of a process from outside the log, as a listing does. It counts where the log itself
// does not know better: it names a process id that the log does not name, completes a name that was
// cut, and gives the services.
func (p *Processes) Add(other Process) {
	other.Services = slices.Clone(other.Services)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.others = append(p.others, other)
	p.table.Store(nil)
}

// A processTell says what an event tells about a process.
type processTell uint8

const (
	present processTell = iota // it was there
	started
	ended
	loaded // it has an image whose name is a program's: its own, or one that it looks into
)

// A processSource says how an event tells about a process: the names of its fields.
type processSource struct {
	what                                               processTell
	pid                                                string // "" is the process that wrote the event
	parent, name, image, commandLine, appPool, service string
	created, exited                                    string // FILETIMEs
}

// A sourceKey names an event: id of a manifest event, opcode of a classic one.
type sourceKey struct {
	provider etl.GUID
	id       uint16
}

var (
	kernelProcess  = etl.MustParseGUID("22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716")
	schannel       = etl.MustParseGUID("1f678132-5938-4686-9fdc-c8ff68f15c85")
	httpService    = etl.MustParseGUID("dd5ef90a-6398-47a4-ad34-4dcecdef795f")
	winHTTP        = etl.MustParseGUID("7d44233d-3055-4b9c-ba64-0d47ca40a232")
	winINetCapture = etl.MustParseGUID("a70ff94f-570b-4979-ba5c-e59c9feab61b")
	iisGeneral     = etl.MustParseGUID("d42cf7ef-de92-473e-8b6c-621ea663113a")
)

// A processSourceTable finds the events that tell about processes among the many that do not.
type processSourceTable struct {
	byEvent map[sourceKey]*processSource
	first   [256]bool // the first bytes of their providers
}

// processSources lists the events that tell about processes.
var processSources = sync.OnceValue(func() *processSourceTable {
	// Only a process that ended and is still referred to, opcode 39, has an ExitTime.
	kernel := processSource{pid: "ProcessId", parent: "ParentId", name: "ImageFileName", commandLine: "CommandLine", exited: "ExitTime"}
	manifest := processSource{pid: "ProcessID", parent: "ParentProcessID", image: "ImageName", created: "CreateTime"}
	stop := processSource{pid: "ProcessID", name: "ImageName", created: "CreateTime"}
	image := processSource{pid: "ProcessId", image: "FileName"}
	service := processSource{pid: "ProcessId", name: "ProcessName", service: "ServiceName"}
	caller := processSource{pid: "CallerProcessId", image: "CallerProcessImageName"}
	urls := processSource{pid: "ProcessId", image: "ExecutablePath"}
	client := processSource{name: "ProcessName", image: "ProcessPath"}
	request := processSource{appPool: "AppPoolId"}

	sources := &processSourceTable{byEvent: make(map[sourceKey]*processSource)}
	add := func(provider etl.GUID, s processSource, what processTell, ids ...uint16) {
		s.what = what
		sources.first[provider[0]] = true
		for _, id := range ids {
			sources.byEvent[sourceKey{provider, id}] = &s
		}
	}
	add(processClass, kernel, started, 1)
	add(processClass, kernel, ended, 2, 39)
	add(processClass, kernel, present, 3, 4)
	add(processClass, image, loaded, 10)
	add(imageClass, image, loaded, 3, 4, 10)
	add(systemConfigClass, service, present, 15)
	add(kernelProcess, manifest, started, 1)
	add(kernelProcess, stop, ended, 2)
	add(kernelProcess, manifest, present, 15)
	for id := uint16(36867); id <= 36912; id++ {
		add(schannel, caller, present, id)
	}
	for id := uint16(111); id <= 122; id++ {
		add(httpService, urls, present, id)
	}
	add(winHTTP, client, present, 1053)
	add(winINetCapture, client, present, 2005)
	add(iisGeneral, request, present, 1)
	return sources
})

// processSourceOf returns how r tells about a process, or nil if it does not. It is cheap: most
// records do not.
func processSourceOf(r *etl.Record) *processSource {
	sources := processSources()
	provider := r.Provider()
	if !sources.first[provider[0]] {
		return nil
	}
	id := uint16(r.Opcode())
	switch r.Kind() {
	case etl.KindEvent:
		id = r.ID()
	case etl.KindMessage, etl.KindOther:
		return nil
	}
	s := sources.byEvent[sourceKey{provider, id}]
	if s != nil && s.what == loaded && !endsInExe(r.Payload()) {
		return nil
	}
	return s
}

// endsInExe reports whether b ends in the UTF-16 text ".exe" and a NUL.
func endsInExe(b []byte) bool {
	const want = ".\x00e\x00x\x00e\x00\x00\x00"
	return len(b) >= len(want) && strings.EqualFold(string(b[len(b)-len(want):]), want)
}

// learn takes in what ev tells about a process in the way of s.
func (p *Processes) learn(ev *Event, s *processSource) {
	get := func(name string) Value {
		if name == "" {
			return Value{}
		}
		return ev.Get(name)
	}
	pid := ev.PID()
	if s.pid != "" {
		v := get(s.pid)
		if !v.OK() {
			return
		}
		pid = uint32(v.Uint())
	}
	if pid == etl.NoID || pid == 0 && (s.service != "" || s.what == loaded) {
		return // a service that does not run; an image of the kernel
	}
	p.see(&sighting{at: ev.Time(), what: s.what, service: get(s.service).Text(), Process: Process{
		PID:         pid,
		ParentPID:   uint32(get(s.parent).Uint()),
		Name:        baseName(get(s.name).Text()),
		Image:       get(s.image).Text(),
		CommandLine: strings.TrimSpace(get(s.commandLine).Text()),
		AppPool:     get(s.appPool).Text(),
		Start:       etl.Time(get(s.created).Uint()),
		End:         etl.Time(get(s.exited).Uint()),
	}})
}

// see keeps a sighting.
func (p *Processes) see(s *sighting) {
	switch s.what {
	case started:
		// Not the creation time that an event tells: it is by another clock, which may be set meanwhile.
		s.Start = s.at
	case ended:
		if s.End != 0 {
			s.at = min(s.at, s.End)
		}
		s.End = s.at
	}
	if s.Name == "" {
		s.Name = baseName(s.Image)
	}
	size := 256 + len(s.Name) + len(s.Image) + len(s.CommandLine) + len(s.AppPool) + len(s.service)

	// There may be one of these with every request.
	isRoutine := (s.what == present || s.what == loaded) && s.service == "" && s.CommandLine == "" && s.ParentPID == 0 && s.Start == 0
	key := presence{s.what, s.PID, s.Name, s.Image, s.AppPool, s.at / (60 * etl.Second)}

	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.routine[key]; isRoutine && first != nil {
		if s.at < first.at {
			first.at = s.at
			p.table.Store(nil)
		}
		return
	}
	if p.size+size > maxProcessBytes {
		return
	}
	p.size += size
	if isRoutine {
		if p.routine == nil {
			p.routine = make(map[presence]*sighting)
		}
		p.routine[key] = s
	}
	p.sightings = append(p.sightings, s)
	p.table.Store(nil)
}

// resolved returns the table of everything learned so far.
func (p *Processes) resolved() *processTable {
	if t := p.table.Load(); t != nil {
		return t
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.table.Load(); t != nil {
		return t
	}
	t := newProcessTable(p.sightings, p.others)
	p.table.Store(t)
	return t
}

// newProcessTable joins the sightings of each process. It sorts them.
func newProcessTable(sightings []*sighting, others []Process) *processTable {
	slices.SortFunc(sightings, compareSightings)
	t := &processTable{byPID: make(map[uint32][]lifetime)}
	for _, s := range sightings {
		if s.what == loaded {
			continue
		}
		lives := t.byPID[s.PID]
		if n := len(lives); n > 0 && lives[n-1].same(s) {
			lives[n-1].merge(&s.Process)
		} else {
			t.begin(s.Process, s.at)
			lives = t.byPID[s.PID]
		}
		if p := lives[len(lives)-1].Process; s.service != "" {
			p.Services = append(p.Services, s.service)
		}
	}
	for _, lives := range t.byPID {
		for i := range lives {
			lives[i].settle(lives[:i])
		}
	}
	for _, s := range sightings {
		if s.what == loaded {
			t.load(s)
		}
	}
	for _, o := range others {
		if o.Name == "" {
			o.Name = baseName(o.Image)
		}
		if lives := t.byPID[o.PID]; len(lives) == 0 {
			t.begin(o, cmp.Or(o.Start, always))
		} else if last := lives[len(lives)-1]; sameName(last.Name, o.Name) {
			// A listing is made when the log ends, so it tells of the last with this id.
			last.merge(&o)
		}
	}
	for _, p := range t.all {
		p.complete()
	}
	slices.SortStableFunc(t.all, func(a, b *Process) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.PID, b.PID))
	})
	return t
}

// at returns the process that had the id at time t.
func (t *processTable) at(pid uint32, at etl.Time) (*Process, bool) {
	lives := t.byPID[pid]
	after := sort.Search(len(lives), func(i int) bool { return lives[i].from > at })
	if after == 0 {
		return nil, false
	}
	return lives[after-1].Process, true
}

// load gives a process the path of its program. Where nothing else tells of a process with the id
// at that time, the first image with a program's name is taken for its program.
func (t *processTable) load(s *sighting) {
	p, ok := t.at(s.PID, s.at)
	if !ok {
		first := s.Process
		t.byPID[s.PID] = slices.Insert(t.byPID[s.PID], 0, lifetime{&first, always})
		t.all = append(t.all, &first)
	} else if p.Image == "" && sameName(p.Name, s.Name) {
		p.merge(&s.Process)
	}
}

// compareSightings orders by time. An end comes before a start at the same time, and what is present
// then is the new one. The rest makes the order that of no goroutine.
func compareSightings(a, b *sighting) int {
	order := [...]int{ended: 0, started: 1, present: 2, loaded: 3}
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(order[a.what], order[b.what]),
		cmp.Compare(a.Start, b.Start), cmp.Compare(a.ParentPID, b.ParentPID), strings.Compare(a.Name, b.Name),
		strings.Compare(a.Image, b.Image), strings.Compare(a.CommandLine, b.CommandLine), strings.Compare(a.AppPool, b.AppPool))
}

// begin adds a process that was first seen at time at.
func (t *processTable) begin(p Process, at etl.Time) {
	p.Services = slices.Clone(p.Services)
	t.byPID[p.PID] = append(t.byPID[p.PID], lifetime{&p, at})
	t.all = append(t.all, &p)
}

// always is before all times.
const always = etl.Time(math.MinInt64)

// settle decides from when on events are l's, which was first seen at l.from.
func (l *lifetime) settle(before []lifetime) {
	switch {
	case l.Start != 0:
		l.from = min(l.from, l.Start)
	case len(before) == 0:
		l.from = always
	case before[len(before)-1].End != 0:
		// It began somewhere between the end of the one before and its own first event.
		l.from = before[len(before)-1].End
	}
	if len(before) > 0 {
		l.from = max(l.from, before[len(before)-1].from)
	}
}

// Two providers log the same start within milliseconds, and creation times are by a clock that may
// be set while the log runs.
const (
	sameStart   = etl.Second
	sameCreated = 60 * etl.Second
)

// same reports whether s is about l, given that it is later than all that is known of l, which is
// the last process with its id so far.
func (l lifetime) same(s *sighting) bool {
	if !sameName(l.Name, s.Name) {
		return false
	}
	var apart etl.Time
	if l.Start != 0 && s.Start != 0 {
		apart = s.Start - l.Start
	}
	switch s.what {
	case started:
		return l.Start != 0 && l.End == 0 && apart <= sameStart
	case present:
		if l.End != 0 && s.at-l.End > sameStart {
			return false
		}
	}
	return max(apart, -apart) <= sameCreated
}

// merge fills in what p does not know from q.
func (p *Process) merge(q *Process) {
	if p.Name == "" || len(q.Name) > len(p.Name) { // the same name, cut
		p.Name = q.Name
	}
	p.ParentPID = cmp.Or(p.ParentPID, q.ParentPID)
	p.Image = cmp.Or(p.Image, q.Image)
	p.CommandLine = cmp.Or(p.CommandLine, q.CommandLine)
	p.AppPool = cmp.Or(p.AppPool, q.AppPool)
	p.Start = cmp.Or(p.Start, q.Start)
	p.End = cmp.Or(p.End, q.End)
	p.Services = append(p.Services, q.Services...)
}

// complete derives what the command line tells, and puts the services in order.
func (p *Process) complete() {
	slices.Sort(p.Services)
	p.Services = slices.Compact(p.Services)
	program := programOf(p.CommandLine)
	if p.Image == "" && strings.Contains(program, `\`) {
		p.Image = program
	}
	for _, path := range []string{p.Image, program} {
		if base := baseName(path); sameName(p.Name, base) && len(base) > len(p.Name) {
			p.Name = base
		}
	}
	if p.AppPool == "" && strings.EqualFold(p.Name, "w3wp.exe") {
		p.AppPool = appPoolOf(p.CommandLine)
	}
}

// minCutName is the shortest that a cut name can be: the kernel keeps 15 bytes of a name with its NUL.
const minCutName = 14

// sameName reports whether two names can be the same process's: one may be unknown, or cut.
func sameName(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return a == "" || strings.EqualFold(a, b) || len(a) >= minCutName && strings.EqualFold(a, b[:len(a)])
}

// baseName returns the last part of a Windows path.
func baseName(path string) string { return path[strings.LastIndexAny(path, `\/`)+1:] }

// programOf returns the program at the start of a command line. Without quotes a path with blanks
// ends behind ".exe".
func programOf(commandLine string) string {
	if quoted, ok := strings.CutPrefix(commandLine, `"`); ok {
		program, _, _ := strings.Cut(quoted, `"`)
		return program
	}
	for at := 0; at < len(commandLine); at++ {
		if end := at + len(".exe"); end <= len(commandLine) && strings.EqualFold(commandLine[at:end], ".exe") &&
			(end == len(commandLine) || commandLine[end] == ' ') {
			return commandLine[:end]
		}
	}
	program, _, _ := strings.Cut(commandLine, " ")
	return program
}

// appPoolOf returns the application pool in the command line of a worker process:
//
//	c:\windows\system32\inetsrv\w3wp.exe -ap "DefaultAppPool" -v "v4.0" -l "webengine4.dll" ...
func appPoolOf(commandLine string) string {
	for at := 0; at < len(commandLine); at++ {
		const option = " -ap "
		if end := at + len(option); end <= len(commandLine) && strings.EqualFold(commandLine[at:end], option) {
			value := strings.TrimLeft(commandLine[end:], " ")
			stop := " "
			if quoted, ok := strings.CutPrefix(value, `"`); ok {
				value, stop = quoted, `"`
			}
			pool, _, _ := strings.Cut(value, stop)
			return pool
		}
	}
	return ""
}
