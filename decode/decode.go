// Package decode turns the records of an event trace log into events with named, typed values.
//
//	record ──► description of its event: schema.Event ──► walker ──► values ──► text, JSON
//	           embedded in the file   TRACE_EVENT_INFO, for manifest and classic events
//	           tracelogging           each event carries its own
//	           eventsource            a manifest, sent in pieces as events
//	           builtin                tables of this program (package schema)
//	           mof                    the kernel's classic events
//
// Whatever the description comes from, it becomes a schema.Event, and one walker finds the values
// in the payload. Descriptions and the names of processes may come behind the events that need
// them, so a log is read twice:
//
//	d := decode.New(log.Header())
//	for r, err := range log.Unordered(0, 1) {
//		if err != nil { ... } // of the reader below; r is nil then
//		d.Learn(r)
//	}
//	for r, err := range log.Records() {
//		if err != nil { ... }
//		ev := d.Decode(r)
//		fmt.Println(ev.Time(), ev.ProviderName(), ev.Name(), ev.Get("Error").Text())
//	}
//
// Nothing is lost: what no description covers stays as bytes, with the reason ([Event.Undecoded]).
package decode

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// A Source says where the description of an event comes from.
type Source uint8

const (
	Undescribed  Source = iota // nothing describes the event
	Embedded                   // metadata embedded in the log
	TraceLogging               // metadata in the event
	EventSource                // a manifest sent as events
	BuiltIn                    // tables of this program
	MOF                        // the kernel's classes
)

var sourceNames = [...]string{"", "embedded", "tracelogging", "eventsource", "builtin", "mof"}

// String returns the name that JSON output uses; "" for Undescribed.
func (s Source) String() string { return sourceNames[s] }

// A Decoder decodes the records of one log. Learn may be called from several goroutines; Decode not,
// and not while another goroutine learns.
type Decoder struct {
	header    etl.Header
	processes Processes

	mu      sync.Mutex
	learned learned
	news    atomic.Bool // learned has what tables do not have yet

	// What follows belongs to Decode.
	event     Event
	embedded  map[etl.GUID]*schema.Provider // events by provider, classic ones by class
	malformed map[planKey]error             // why embedded metadata of an event is not in embedded
	manifests map[etl.GUID]*manifestProvider
	documents map[documentKey]document
	plans     map[planKey]*plan
	tlPlans   map[tlKey]*plan
	tlSize    int // rough bytes in tlPlans
}

// learned is what a log says about its events.
type learned struct {
	infos     map[infoKey]placed[eventInfo]
	maps      map[mapKey]*placed[*schema.Map]
	chunks    []manifestChunk
	texts     map[string]string // of chunks, each once
	textBytes int
}

// placed is something with its place in the file. The first place wins, whatever the order of learning.
type placed[T any] struct {
	pos etl.Position
	is  T
}

type infoKey struct {
	provider, class etl.GUID
	id              uint16
	opcode, version uint8
}

type mapKey struct {
	provider etl.GUID
	name     string
}

func comparePosition(a, b etl.Position) int {
	return cmp.Or(cmp.Compare(a.Buffer, b.Buffer), cmp.Compare(a.Offset, b.Offset))
}

// New returns a Decoder for the log with header h.
func New(h etl.Header) *Decoder {
	return &Decoder{
		header: h,
		learned: learned{
			infos: make(map[infoKey]placed[eventInfo]),
			maps:  make(map[mapKey]*placed[*schema.Map]),
			texts: make(map[string]string),
		},
		documents: make(map[documentKey]document),
		plans:     make(map[planKey]*plan),
		tlPlans:   make(map[tlKey]*plan),
	}
}

// IsLogRecord reports whether r is about the log itself, not about what was traced: its header and
// the like (class EventTrace), embedded metadata, pieces of EventSource manifests.
func IsLogRecord(r *etl.Record) bool {
	switch r.Kind() {
	case etl.KindEvent:
		return isManifestChunk(r)
	case etl.KindClassic, etl.KindKernel:
		p := r.Provider()
		return p == eventTraceClass || p == metadataClass
	}
	return false
}

// Learn takes in what r says about other records: event metadata, EventSource manifests, the names
// of processes. It is cheap for records that say nothing. The order of the records does not matter.
// Learn all before the first Decode: what comes later counts too, but is dear.
func (d *Decoder) Learn(r *etl.Record) {
	switch {
	case r.Kind() == etl.KindClassic && r.Provider() == metadataClass:
		d.learnMetadata(r)
	case isManifestChunk(r):
		d.learnChunk(parseManifestChunk(r))
	default:
		if s := processSourceOf(r); s != nil {
			// The tables of this program know these events, and they do not depend on what else was learned.
			p := newPlan(keyOf(r), builtin(keyOf(r)), d.header.Build)
			ev := Event{Record: r}
			ev.reset(p)
			d.processes.learn(&ev, s)
		}
	}
}

// Processes returns the processes that were learned about.
func (d *Decoder) Processes() *Processes { return &d.processes }

func (d *Decoder) learnMetadata(r *etl.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch r.Opcode() {
	case opcodeEventInfo:
		d.learned.addInfo(r.Payload(), r.Position())
	case opcodeMapInfo:
		d.learned.addMap(r.Payload(), r.Position())
	}
	d.news.Store(true)
}

// addInfo takes in a TRACE_EVENT_INFO. One that cannot be read is kept as the reason why the event
// is not decoded.
func (l *learned) addInfo(payload []byte, pos etl.Position) {
	info := parseEventInfo(payload, l.mapOf)
	if info.source != infoXML && info.source != infoWBEM {
		return
	}
	key := infoKey{info.provider, info.class, info.event.ID, info.event.Opcode, info.event.Version}
	if old, ok := l.infos[key]; !ok || comparePosition(pos, old.pos) < 0 {
		l.infos[key] = placed[eventInfo]{pos, info}
	}
}

// mapOf returns the map of a name, empty until it is described.
func (l *learned) mapOf(provider etl.GUID, name string) *schema.Map {
	return l.placedMap(provider, name).is
}

func (l *learned) placedMap(provider etl.GUID, name string) *placed[*schema.Map] {
	m := l.maps[mapKey{provider, name}]
	if m == nil {
		m = &placed[*schema.Map]{etl.Position{Buffer: -1}, &schema.Map{Name: name}}
		l.maps[mapKey{provider, name}] = m
	}
	return m
}

// addMap takes in a provider GUID and an EVENT_MAP_INFO.
func (l *learned) addMap(payload []byte, pos etl.Position) {
	const guidSize = 16
	if len(payload) < guidSize {
		return
	}
	info, err := parseMapInfo(payload[guidSize:])
	if err != nil {
		return // values stay numbers
	}
	m := l.placedMap(etl.GUID(payload[:guidSize]), info.Name)
	if m.pos.Buffer < 0 || comparePosition(pos, m.pos) < 0 {
		m.pos = pos
		*m.is = info
	}
}

func (d *Decoder) learnChunk(c manifestChunk) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := &d.learned
	// Each process sends its manifest anew, and again at the end.
	if same, ok := l.texts[c.text]; ok {
		c.text = same
	} else if l.textBytes+len(c.text) <= maxManifests {
		l.texts[c.text] = c.text
		l.textBytes += len(c.text)
	} else {
		return
	}
	l.chunks = append(l.chunks, c)
	d.news.Store(true)
}

// settle makes tables of what was learned.
func (d *Decoder) settle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.news.Store(false)
	clear(d.plans)
	d.manifests = assemble(d.learned.chunks, d.documents)
	d.embedded = make(map[etl.GUID]*schema.Provider)
	d.malformed = make(map[planKey]error)
	add := func(g etl.GUID, info *eventInfo, ev schema.Event) {
		p := d.embedded[g]
		if p == nil {
			p = &schema.Provider{GUID: g, Name: info.name}
			d.embedded[g] = p
		}
		p.Events = append(p.Events, ev)
	}
	malformed := func(k planKey, err error) {
		if d.malformed[k] == nil {
			d.malformed[k] = err
		}
	}
	infos := slices.SortedFunc(maps.Values(d.learned.infos), func(a, b placed[eventInfo]) int { return comparePosition(a.pos, b.pos) })
	for _, known := range infos {
		info, ev := &known.is, known.is.event
		if info.err != nil {
			malformed(planKey{guid: info.provider, id: ev.ID, version: ev.Version}, info.err)
			malformed(planKey{guid: info.class, id: uint16(ev.Opcode), version: ev.Version}, info.err)
			continue
		}
		if info.source == infoXML {
			add(info.provider, info, ev)
		}
		if !info.class.IsZero() {
			ev.Class = info.class
			add(info.class, info, ev)
		}
	}
	for _, p := range d.embedded {
		slices.SortStableFunc(p.Events, schema.Compare)
		p.Events = slices.CompactFunc(p.Events, func(a, b schema.Event) bool { return schema.Compare(a, b) == 0 })
	}
}

// A planKey names all events that are decoded alike.
type planKey struct {
	guid    etl.GUID // of the provider, class or message
	kind    etl.Kind
	id      uint16 // of a classic event the opcode; of a kernel event group and opcode; of an unknown record the type
	version uint8
	text    bool   // the payload is a string
	pid     uint32 // 0 unless processes sent different manifests
}

func keyOf(r *etl.Record) planKey {
	k := planKey{guid: r.Provider(), kind: r.Kind(), id: r.ID(), version: uint8(r.Version()), text: r.StringOnly()}
	switch {
	case k.classic():
		k.id = uint16(r.Group())<<8 | uint16(r.Opcode())
	case k.kind == etl.KindOther:
		k.id = uint16(r.Type())
	}
	return k
}

func (k planKey) classic() bool { return k.kind == etl.KindClassic || k.kind == etl.KindKernel }

// find returns what a table says about the event.
func (k planKey) find(t *schema.Provider, build uint32) (*schema.Event, bool) {
	if k.classic() {
		return t.FindClassic(k.guid, uint8(k.id), k.version)
	}
	return t.Find(k.id, k.version, build)
}

// A plan is how the events of one kind are decoded.
type plan struct {
	event    *schema.Event // nil if nothing describes the event
	source   Source
	provider string
	name     string
	reason   string   // why nothing is decoded, or why what is decoded may be wrong
	keys     []string // of the fields, as JSON; made when first needed
}

// A candidate is a table that may describe an event.
type candidate struct {
	source Source
	table  *schema.Provider // may be nil
}

// builtin returns the tables of this program for an event.
func builtin(k planKey) []candidate {
	if k.classic() {
		return []candidate{{BuiltIn, schema.LookupClass(k.guid)}, {MOF, mofEvents()}}
	}
	return []candidate{{BuiltIn, schema.Lookup(k.guid)}}
}

// Limits of what is kept between events, for logs that make up a new kind for each.
const (
	maxPlans  = 1 << 16
	maxTLSize = 16 << 20
)

// Decode returns the event of r. It stays valid until the next call of Decode, and no longer than r.
// It finds the description only; values are decoded when asked for.
func (d *Decoder) Decode(r *etl.Record) *Event {
	if d.news.Load() {
		d.settle()
	}
	ev := &d.event
	ev.Record = r
	if r.Kind() == etl.KindEvent {
		// What an event says about itself goes first: its id, mostly 0, may be that of others too.
		if meta, ok := r.Extension(etl.ExtSchemaTL); ok {
			ev.reset(d.tlPlan(r, meta))
			return ev
		}
	}
	k := keyOf(r)
	if len(d.manifests) > 0 {
		if m := d.manifests[k.guid]; m != nil && !m.same {
			k.pid = r.PID()
		}
	}
	p := d.plans[k]
	if p == nil {
		if len(d.plans) >= maxPlans {
			clear(d.plans)
		}
		p = d.newPlan(k, r)
		d.plans[k] = p
	}
	ev.reset(p)
	return ev
}

// newPlan finds the description of the events of kind k, of which r is one.
func (d *Decoder) newPlan(k planKey, r *etl.Record) *plan {
	switch k.kind {
	case etl.KindMessage:
		return &plan{reason: fmt.Sprintf("no TMF for %v", k.guid)}
	case etl.KindOther:
		return &plan{reason: fmt.Sprintf("record of the unknown type %d", k.id)}
	}
	if k.text {
		return &plan{event: &stringEvent, source: BuiltIn, provider: d.providerName(k, r)}
	}
	candidates := []candidate{{Embedded, d.embedded[k.guid]}}
	m := d.manifests[k.guid]
	if m != nil && k.kind == etl.KindEvent {
		table := m.byPID[k.pid]
		if table == nil {
			table = m.first
		}
		candidates = append(candidates, candidate{EventSource, table})
	}
	p := newPlan(k, append(candidates, builtin(k)...), d.header.Build)
	if p.provider == "" {
		p.provider = d.providerName(k, r)
	}
	if p.event == nil {
		p.reason = k.missing()
		if m != nil && m.bad != "" {
			p.reason += "; " + m.bad
		}
		if err := d.malformed[planKey{guid: k.guid, id: k.id, version: k.version}]; err != nil {
			p.reason += "; " + err.Error()
		}
	}
	return p
}

// missing says that nothing describes the event.
func (k planKey) missing() string {
	switch k.kind {
	case etl.KindKernel:
		return fmt.Sprintf("no layout for kernel event (group %#02x, opcode %d, version %d)", k.id>>8, k.id&0xFF, k.version)
	case etl.KindClassic:
		return fmt.Sprintf("no schema for class %v, opcode %d, version %d", k.guid, k.id, k.version)
	}
	return fmt.Sprintf("no schema for provider %v, event %d, version %d", k.guid, k.id, k.version)
}

// providerName returns the name of a provider whose event no description names.
func (d *Decoder) providerName(k planKey, r *etl.Record) string {
	if traits, ok := r.Extension(etl.ExtProviderTraits); ok {
		return traitsName(traits)
	}
	if t := d.embedded[k.guid]; t != nil {
		return t.Name
	}
	if m := d.manifests[k.guid]; m != nil && m.first != nil {
		return m.first.Name
	}
	name, _ := knownName(k)
	return name
}

// knownName returns the built-in name of the provider and, of a classic event, of its class.
func knownName(k planKey) (provider, class string) {
	name := schema.Name(k.guid)
	switch {
	case k.kind == etl.KindKernel && name == "":
		return schema.Name(etl.SystemTrace), fmt.Sprintf("kernel group %#02x", k.id>>8)
	case !k.classic():
		return name, ""
	}
	provider, class, _ = strings.Cut(name, "/")
	return provider, class
}

// newPlan chooses the first table that describes the very version of the event, else the first that
// describes a lower one.
func newPlan(k planKey, candidates []candidate, build uint32) *plan {
	p := &plan{}
	exact := false
	for _, c := range candidates {
		if c.table == nil {
			continue
		}
		ev, ok := k.find(c.table, build)
		if ev == nil {
			continue
		}
		ok = ok || c.source == MOF // whose versions are the first that have a layout
		if p.name == "" {
			p.name = eventName(ev)
		}
		if p.event == nil || ok && !exact {
			p.event, p.source, p.provider, exact = ev, c.source, c.table.Name, ok
		}
	}
	known, class := knownName(k)
	if p.provider == "" || k.classic() && p.source != Embedded {
		p.provider = known
	}
	if p.name == "" && class != "" {
		p.name = class + "/" + strconv.Itoa(int(k.id&0xFF))
	}
	switch {
	case p.event == nil || exact:
	case p.event.Version < k.version:
		p.reason = fmt.Sprintf("version %d is newer than the known version %d", k.version, p.event.Version)
	default:
		p.reason = "the layout depends on the Windows build, which the log does not tell"
	}
	if k.guid == kernelNetwork && k.kind == etl.KindEvent {
		p.event = widenConnID(p.event)
	}
	return p
}

// eventName returns the name that a description gives an event, or "". Where a symbol is only made up
// of task and opcode, the name is the same as in descriptions without symbols.
func eventName(ev *schema.Event) string {
	task, opcode := ev.TaskName, ev.OpcodeName
	switch {
	case ev.Symbol != "" && ev.Symbol != task+opcode:
		return ev.Symbol
	case ev.Opcode == 0 && opcode == "Info", opcode == "":
		return task
	case task == "":
		return opcode
	}
	return task + "/" + opcode
}

var kernelNetwork = etl.MustParseGUID("7dd42a49-5329-4832-8dfd-43d979153a88")

// widenConnID gives Kernel-Network's last field the size that it has: its manifest says 4 bytes, the
// driver writes a pointer.
func widenConnID(ev *schema.Event) *schema.Event {
	if ev == nil || len(ev.Fields) == 0 {
		return ev
	}
	last := len(ev.Fields) - 1
	if f := ev.Fields[last]; f.Name != "connid" || f.In != schema.UInt32 {
		return ev
	}
	wide := *ev
	wide.Fields = slices.Clone(ev.Fields)
	wide.Fields[last].In = schema.Pointer
	return &wide
}

// stringEvent describes what EventWriteString writes.
var stringEvent = schema.Event{Message: "%1", Fields: []schema.Field{{Name: "message", In: schema.UnicodeString}}}

// A tlKey names TraceLogging events that are decoded alike. Their ids are all 0.
type tlKey struct {
	provider etl.GUID
	metadata string
}

// tlPlan returns the plan for a TraceLogging event.
func (d *Decoder) tlPlan(r *etl.Record, meta []byte) *plan {
	provider := r.Provider()
	if p := d.tlPlans[tlKey{provider, string(meta)}]; p != nil {
		return p
	}
	p := &plan{source: TraceLogging, provider: d.providerName(planKey{guid: provider}, r)}
	ev, err := parseTraceLogging(meta)
	if err != nil {
		p.source = Undescribed
		p.reason = err.Error()
	} else {
		p.event = ev
		p.name = ev.Symbol
	}
	const planSize, fieldSize = 256, 100 // roughly
	if d.tlSize >= maxTLSize {
		clear(d.tlPlans)
		d.tlSize = 0
	}
	d.tlSize += planSize + len(meta) + len(meta)/2*fieldSize
	d.tlPlans[tlKey{provider, string(meta)}] = p
	return p
}
