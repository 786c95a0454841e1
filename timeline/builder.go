package timeline

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/decode/errorpage"
	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/decode/iisconfig"
	"github.com/etwhy/etwhy/decode/netshtext"
	"github.com/etwhy/etwhy/etl"
)

// Options bound what a Builder keeps. The zero Options are the defaults.
type Options struct {
	// MaxOpen is the number of open requests, and of connections, that one input may have before the
	// least recently used is given up; 0 means 20,000. A log whose closing events were lost must not
	// fill the memory.
	MaxOpen int
	// Brief keeps of each request only what its id takes: Finish returns no requests, and InputResult.ID
	// works as ever.
	Brief bool
	// Filter says which requests are asked for. The result has others as well: it only decides which lines
	// of logs there must be room for. nil = all.
	Filter *Filter
}

// A Builder joins the events of the files of one incident into requests.
//
//	b := timeline.NewBuilder(timeline.Options{}) // decoder has learned from all records: see package decode
//	in := b.Input(timeline.Input{...})
//	for r, err := range log.Records() {
//		if err != nil { ... } // of the reader below; r is nil then
//		in.Add(decoder.Decode(r))
//	}
//	in.Close()
//	result := b.Finish()
//
// A Builder and its sessions belong to one goroutine.
type Builder struct {
	opt      Options
	sessions []*Session
	requests []*Request
	machines []*Machine
	proven   *partition // which inputs are of the same machine by more than their folder

	discoveries []Discovery
	outages     []*outage

	passages map[*Machine]*passage // of what was asked for
	index    *index                // likewise

	minutes map[etl.Time]concern // of which several files may know requests
	tiers   map[string]*MadeBy   // see madeBy

	plain, around, near, told, wanted, spare int // lines of logs that became requests

	briefs []brief // instead of requests, with Options.Brief
	sides  [2]bool // that there are requests of
}

// A brief is what the order of the requests, and so their ids, depends on.
type brief struct {
	start         etl.Time
	input, number int32
}

// NewBuilder returns a Builder without inputs.
func NewBuilder(opt Options) *Builder {
	if opt.MaxOpen <= 0 {
		opt.MaxOpen = 20_000
	}
	return &Builder{opt: opt, minutes: map[etl.Time]concern{}}
}

// An Input describes one file before its events come.
type Input struct {
	Path      string // as reports name it
	Kind      Kind   // "" = a trace
	Machine   string // name of the computer that it is from; "" = not known before the entries come
	Header    etl.Header
	Processes *decode.Processes // nil = no process is known
	Loss      etl.Loss          // what the first pass over the log found missing
	Converted bool              // a tool made a text of the log: whether anything was lost is not in it

	First, Last etl.Time // of its entries, of a log; 0 = unknown
	Channels    []string // of an event log: System, Application
	Gaps        bool     // entries of an event log are left out for want of room: that it has none of something says nothing
}

// Input starts the next input. Its number, [Request.Input], counts from 0.
func (b *Builder) Input(in Input) *Session {
	s := &Session{b: b, number: len(b.sessions), in: in, machine: in.Machine, texts: map[string]string{}, dropped: map[string]int{}, site: siteOfFolder(in.Path)}
	if s.in.Kind = cmp.Or(in.Kind, KindETL); s.traced() {
		s.client = newClient(s)
		s.server = newHTTPSys(s)
		s.text = newTextForm(s)
	}
	b.sessions = append(b.sessions, s)
	return s
}

// A Session takes what one input holds: the events of a trace, in time order, or the typed entries of another file, by the
// method for its kind. Close it before the result is asked for.
type Session struct {
	b      *Builder
	number int
	in     Input

	client *client   // WebIO, WinHttp and what lies below them
	server *httpSys  // HttpService
	text   *textForm // the WinHTTP text of Windows 7, and pasted text
	health health

	iis       *freb.Collector // events of IIS; nil = there were none
	iisFields []freb.Field    // of the event in hand

	first, last etl.Time // of the events seen
	texts       map[string]string
	abandoned   int // open requests and connections given up for want of room

	on        *Machine
	machine   string          // name of the computer
	addresses map[string]bool // that requests came in at
	counted   Tally           // lines of a log that are no requests
	passed    passing         // when they were
	undated   int             // lines of a log without a date
	dropped   map[string]int  // connections that HTTP.sys ended with no request on them, by reason
	idled     []idled         // ... because nothing came
	happened  []*occurrence   // of an event log
	unplaced  int             // of these, those in local time of an unknown zone
	settings  *iisconfig.File
	site      uint32 // whose log it is, by its folder; 0 = not told
	console   *netshtext.Text
	page      *errorpage.Page
	gauges    []gauge            // performance counters
	sampled   []etl.Time         // times of their values
	usages    map[string][]usage // of SRUM, by program in lower case
	connected []connection       // of SRUM
	used      int                // how many
	joined    bool               // a request is known that page may be of
	platform  bool               // a log of Azure App Service: what stands in front of it is not this machine

	begun int   // requests so far; each has its number from it
	owner int32 // number of the request that the event in hand belongs to; 0 = none
}

// traced reports whether the input is a trace, in one of its forms.
func (s *Session) traced() bool { return s.in.Kind == KindETL || s.in.Kind == KindText }

// A route is the sub-builder that a provider's events go to.
type route func(s *Session, ev *decode.Event)

// routes is the dispatch table. Events of other providers only count for the trace's health.
var routes = map[etl.GUID]route{
	guidWebIO:       func(s *Session, ev *decode.Event) { s.client.addWebIO(ev) },
	guidWinHTTP:     addWinHTTP,
	guidTCPIP:       func(s *Session, ev *decode.Event) { s.client.addTCPIP(ev) },
	guidDNSClient:   func(s *Session, ev *decode.Event) { s.client.addDNS(ev) },
	guidGAI:         func(s *Session, ev *decode.Event) { s.client.addGAI(ev) },
	guidSchannel:    func(s *Session, ev *decode.Event) { s.client.addSchannel(ev) },
	guidHTTPService: func(s *Session, ev *decode.Event) { s.server.add(ev) },
	guidIISLogging:  (*Session).addIISLogging,
}

// Providers whose events take part in the story of a request.
var (
	guidWebIO       = etl.MustParseGUID("50b3e73c-9370-461d-bb9f-26f32d68887d")
	guidWinHTTP     = etl.MustParseGUID("7d44233d-3055-4b9c-ba64-0d47ca40a232")
	guidTCPIP       = etl.MustParseGUID("2f07e2ee-15db-40f1-90ef-9d7ba282188a")
	guidDNSClient   = etl.MustParseGUID("1c95126e-7eea-49a9-a3fe-a378b03ddb4d")
	guidGAI         = etl.MustParseGUID("55404e71-4db9-4deb-a5f5-8f86e46dde56")
	guidSchannel    = etl.MustParseGUID("1f678132-5938-4686-9fdc-c8ff68f15c85")
	guidHTTPService = etl.MustParseGUID("dd5ef90a-6398-47a4-ad34-4dcecdef795f")
)

// addWinHTTP parts the two faces of the provider: typed events, and lines of text.
func addWinHTTP(s *Session, ev *decode.Event) {
	if id := ev.ID(); id == textLine1 || id == textLine2 {
		s.text.add(ev)
		return
	}
	s.client.addWinHTTP(ev)
}

// Add takes the next event. It keeps nothing of ev. It returns the number of the request that the event
// belongs to, which is the same whenever the same events are added; [InputResult.ID] turns it into an id.
// 0 is no request.
func (s *Session) Add(ev *decode.Event) (request int) {
	if ev.Kind() != etl.KindEvent && ev.Kind() != etl.KindClassic {
		return 0
	}
	provider := ev.Provider()
	if ev.Kind() == etl.KindEvent {
		s.health.add(provider, ev)
	} else if !iisClasses()[provider] {
		return 0
	}
	now := ev.Time()
	if now <= 0 || now > lastMoment {
		return 0 // a damaged timestamp: it has no place in the story
	}
	if s.first.IsZero() {
		s.first = now
	}
	s.last = max(s.last, now)
	s.owner = 0
	if ev.Kind() == etl.KindClassic {
		s.addClassic(ev)
	} else if r := routes[provider]; r != nil {
		r(s, ev)
	}
	return int(s.owner)
}

// begin gives a new request its number. The event in hand belongs to it.
func (s *Session) begin(r *Request) *Request {
	r.number = s.reserve()
	return r
}

// reserve returns a number for a request to come, to which the event in hand will belong.
func (s *Session) reserve() int32 {
	s.begun++
	s.owner = int32(s.begun)
	return s.owner
}

// lastMoment bounds believable times, so that sums and differences of them do not overflow.
const lastMoment = 1 << 60 // in the year 5254

// Close ends the input: what is still open becomes unfinished requests.
func (s *Session) Close() {
	if !s.traced() {
		return
	}
	s.client.close()
	s.server.close()
	s.text.close()
	s.closeIIS()
}

// emit hands over a request that is complete, or as complete as it will be. The sub-builder may go on
// to write to it until Close, never to its Start.
func (s *Session) emit(r *Request) {
	r.Input = s.number
	s.b.sides[r.Side] = true
	if s.b.opt.Brief {
		s.b.briefs = append(s.b.briefs, brief{r.Start, int32(s.number), r.number})
		return
	}
	if r.facts != nil && s.in.Loss.Any() {
		r.facts.seen |= factLoss
	}
	if s.in.Kind == KindETL || s.in.Kind == KindFREB {
		s.b.interest(r.Start, max(r.Start, r.End), known)
	}
	if r.Side == Server {
		s.address(r.Server)
	} else if r.Connection != nil {
		s.address(r.Connection.Local)
	}
	s.b.requests = append(s.b.requests, r)
}

// intern returns one copy of equal strings: servers, hosts and methods repeat a million times.
func (s *Session) intern(b []byte) string {
	if t, ok := s.texts[string(b)]; ok {
		return t
	}
	if len(s.texts) >= 10_000 {
		clear(s.texts) // hostile variety
	}
	t := string(b)
	s.texts[t] = t
	return t
}

// same returns one copy of equal strings.
func (s *Session) same(t string) string {
	if one, ok := s.texts[t]; ok {
		return one
	}
	if len(s.texts) >= 10_000 {
		clear(s.texts)
	}
	s.texts[t] = t
	return t
}

// madeBy returns who set a status, one for all requests that say no more than the tier.
func (b *Builder) madeBy(tier string) *MadeBy {
	if b.tiers[tier] == nil {
		if b.tiers == nil {
			b.tiers = map[string]*MadeBy{}
		}
		b.tiers[tier] = &MadeBy{Tier: tier}
	}
	return b.tiers[tier]
}

// A Result is everything that the inputs tell.
type Result struct {
	Requests []*Request // by start, then id
	Machines []*Machine
	Inputs   []InputResult

	Discoveries []Discovery // beside the verdicts on requests

	// Joined says of a brief result that requests of these inputs may be joined, which it does not
	// know: its ids are of no use then.
	Joined bool
}

// An InputResult is what is known about one input after its last event.
type InputResult struct {
	Path        string
	First, Last etl.Time // of its events; 0 = none
	Health      Health
	Abandoned   int // open requests and connections given up for want of room
	Machine     *Machine

	Counted Tally // lines of a log that are no requests here

	ids []int32 // by request number
}

// A Discovery is a verdict on a machine, where none of the requests shows the trouble.
type Discovery struct {
	Machine *Machine
	Verdict *Verdict
}

// ID returns the id of the request with a number that [Session.Add] returned, or "".
func (in *InputResult) ID(request int) string {
	if request <= 0 || request >= len(in.ids) || in.ids[request] == 0 {
		return ""
	}
	return requestID(int(in.ids[request]))
}

// requestID returns the id of the n-th request, counted from 1.
func requestID(n int) string { return "r" + strconv.Itoa(n) }

// Finish joins, judges and numbers the requests. Call it once, after the last input is closed.
func (b *Builder) Finish() *Result {
	res := &Result{}
	for _, s := range b.sessions {
		res.Inputs = append(res.Inputs, InputResult{
			Path: s.in.Path, First: s.first, Last: s.last, Abandoned: s.abandoned, ids: make([]int32, s.begun+1),
			Counted: s.counted,
		})
		if s.traced() {
			res.Inputs[s.number].Health = s.health.result(s)
		}
	}
	if b.opt.Brief {
		res.Joined = b.joinable()
		slices.SortStableFunc(b.briefs, func(x, y brief) int {
			return cmp.Or(cmp.Compare(x.start, y.start), cmp.Compare(x.input, y.input))
		})
		for i, q := range b.briefs {
			res.Inputs[q.input].ids[q.number] = int32(i + 1)
		}
		return res
	}
	for _, r := range b.requests {
		b.attribute(r)
	}
	all := slices.Clone(b.requests)
	b.join()
	slices.SortStableFunc(b.requests, func(x, y *Request) int {
		return cmp.Or(cmp.Compare(x.Start, y.Start), cmp.Compare(x.Input, y.Input))
	})
	for i, r := range b.requests {
		r.ID, r.place = requestID(i+1), int32(i+1)
	}
	for _, r := range all {
		hub := r
		for hub.into != nil {
			hub = hub.into
		}
		res.Inputs[r.Input].ids[r.number] = hub.place
	}
	b.judge()
	res.Requests, res.Machines, res.Discoveries = b.requests, b.machines, b.discoveries
	for i, s := range b.sessions {
		res.Inputs[i].Machine = s.on
	}
	return res
}

// joinable reports whether requests may have to be joined, so that their ids cannot be told without them.
func (b *Builder) joinable() bool {
	return b.sides[Client] && b.sides[Server] || slices.ContainsFunc(b.sessions, func(s *Session) bool { return !s.traced() && s.begun > 0 })
}

// attribute names the process and says whose traffic the request is. Process names may come last in a
// log, therefore at the end. What a health test of a proxy looks like, only its settings tell.
func (b *Builder) attribute(r *Request) {
	if ps := b.sessions[r.Input].in.Processes; ps != nil && r.PID != 0 {
		if p, ok := ps.At(r.PID, r.Start); ok {
			r.Process = cmp.Or(p.Name, r.Process)
			r.AppPool = cmp.Or(r.AppPool, p.AppPool)
		}
	}
	if r.Process != "" && !isWorker(r.Process) && r.Traffic == App {
		r.Traffic = Background
	}
}
