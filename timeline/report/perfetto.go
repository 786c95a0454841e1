package report

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// Perfetto's trace format: a protobuf message of packets. A packet belongs to a sequence and describes a track, or holds
// an event on one. Slices on a track begin and end, and nest.
//
//	machine or process      a track, and if the PID is known one of Perfetto's processes
//	└ connection            a track for its requests, and another one for those that overlap
//	  request               slice ─ phases: slices within ─ verdict: instant at the end
//
// Phases that overlap without nesting have tracks of their own, too. An arrow, here a flow, leads from a request to what
// the content server saw of it. Times are in nanoseconds since 1970, so the clock of the trace is REALTIME. Names that
// come again are interned: sent once, and meant by number then.

// Numbers of the fields, as Perfetto's .proto files have them.
const (
	tracePacket = 1 // Trace

	packetClocks    = 6 // TracePacket
	packetTimestamp = 8
	packetSequence  = 10
	packetEvent     = 11
	packetInterned  = 12
	packetFlags     = 13
	packetDefaults  = 59
	packetTrack     = 60
	packetFirst     = 87

	defaultsClock = 58 // TracePacketDefaults

	clocksClock    = 1 // ClockSnapshot
	clocksPrimary  = 2
	clockID        = 1 // ClockSnapshot.Clock
	clockTimestamp = 2

	trackID      = 1 // TrackDescriptor
	trackName    = 2
	trackProcess = 3
	trackParent  = 5
	trackMerging = 15
	processPID   = 1 // ProcessDescriptor
	processName  = 6

	eventCategory = 3 // TrackEvent: number of a name
	eventNote     = 4
	eventType     = 9
	eventNameID   = 10
	eventTrack    = 11
	eventName     = 23
	eventFlow     = 47

	noteNameID = 1 // DebugAnnotation
	noteBool   = 2
	noteInt    = 4
	noteDouble = 5
	noteText   = 6

	internedCategory  = 1 // InternedData
	internedEventName = 2
	internedNoteName  = 3
	internedID        = 1 // EventCategory, EventName, DebugAnnotationName
	internedName      = 2
)

// Values of fields.
const (
	sequence = 1 // there is only one

	flagCleared = 1 // what was interned before is void
	flagNeeded  = 2 // interned names are used

	clockRealtime = 1
	clockBoottime = 6

	mergeNever = 2 // siblings with the same name stay apart

	sliceBegin = 1
	sliceEnd   = 2
	instant    = 3
)

// maxSliceName bounds the names of requests, in columns. Their annotations have the whole URL.
const maxSliceName = 200

// A proto is a protobuf message in the making.
type proto []byte

// The kinds of values on the wire.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
)

func (m proto) tag(field, wire int) proto {
	return binary.AppendUvarint(m, uint64(field)<<3|uint64(wire))
}

func (m proto) varint(field int, v uint64) proto {
	return binary.AppendUvarint(m.tag(field, wireVarint), v)
}

func (m proto) fixed64(field int, v uint64) proto {
	return binary.LittleEndian.AppendUint64(m.tag(field, wireFixed64), v)
}

func (m proto) message(field int, sub proto) proto {
	return append(binary.AppendUvarint(m.tag(field, wireBytes), uint64(len(sub))), sub...)
}

// text appends a string. Bytes that are not UTF-8 become U+FFFD.
func (m proto) text(field int, s string) proto {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return append(binary.AppendUvarint(m.tag(field, wireBytes), uint64(len(s))), s...)
}

// A perfettoWriter writes packets.
type perfettoWriter struct {
	a      *Analysis
	w      *bufio.Writer // its error is sticky
	now    etl.Time      // where the trace begins: tracks are there from then on
	tracks uint64        // described so far: their numbers are 1, 2, ...
	flows  uint64        // so far: 1, 2, ...
	groups map[home]uint64
	lanes  map[laneKey]*lanes
	names  map[nameKey]uint64 // interned
	fresh  proto              // names that the next packet has to bring
}

// A laneKey is what has tracks of its own below that of a machine or process: a connection.
type laneKey struct {
	group uint64
	name  string
}

// A nameKey is a name, and what it is the name of, by the field of InternedData.
type nameKey struct {
	field int
	name  string
}

// lanes are tracks side by side, the one in front that is free the soonest.
type lanes []lane

type lane struct {
	track uint64
	until etl.Time // in use
}

func (l lanes) Len() int { return len(l) }
func (l lanes) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(l[i].until, l[j].until), cmp.Compare(l[i].track, l[j].track)) < 0
}
func (l lanes) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l *lanes) Push(x any)   { *l = append(*l, x.(lane)) }
func (l *lanes) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}

// analysisPerfetto writes a slice for each request, its phases within.
func analysisPerfetto(w io.Writer, a *Analysis, _ Options) error {
	p := &perfettoWriter{
		a: a, w: bufio.NewWriterSize(w, 1<<16),
		groups: map[home]uint64{}, lanes: map[laneKey]*lanes{}, names: map[nameKey]uint64{},
	}
	list, left := a.exchanges()
	p.begin(list, left)
	for i := range list {
		p.exchange(&list[i])
	}
	for _, d := range a.Discoveries {
		p.discovery(d)
	}
	return p.w.Flush()
}

// begin sets the clock, and says of what the trace is made.
func (p *perfettoWriter) begin(list []exchange, left int) {
	p.now = earliest
	if len(list) > 0 {
		p.now = list[0].start
		for i := range list {
			if b := p.a.behind(&list[i]); b != nil {
				p.now = min(p.now, b.start)
			}
		}
	}
	at := unixNano(p.now)
	var clocks proto
	for _, id := range []uint64{clockRealtime, clockBoottime} { // the latter is what readers count in, unless told otherwise
		clocks = clocks.message(clocksClock, proto(nil).varint(clockID, id).varint(clockTimestamp, at))
	}
	p.write(proto(nil).varint(packetTimestamp, at).varint(packetSequence, sequence).
		varint(packetFlags, flagCleared|flagNeeded).varint(packetFirst, 1).
		message(packetDefaults, proto(nil).varint(defaultsClock, clockRealtime)).
		message(packetClocks, clocks.varint(clocksPrimary, clockRealtime)))

	about := []column[*Analysis]{
		{"version", func(a *Analysis) cell { return text(a.Tool.Version) }},
		{"redaction", func(a *Analysis) cell { return text(a.Masked()) }},
		{"left_out", func(*Analysis) cell { return positive(left) }}, // nothing tells when they began
	}
	p.event(p.now, notes(p, p.mark(p.track(0, p.a.Tool.Name, nil), instant, "about", p.a.Tool.Name), about, p.a))
}

// exchange writes a request, and what the content server saw of it.
func (p *perfettoWriter) exchange(x *exchange) {
	var flows []uint64
	b := p.a.behind(x)
	if b != nil {
		p.flows++
		flows = []uint64{p.flows}
	}
	p.slice(x, x.link(), "request", flows)
	if b != nil {
		p.slice(b, strings.TrimSpace("from "+x.machine), "behind", flows)
	}
}

// slice writes an exchange with its phases and its verdict, on a track for exchanges over the same link.
func (p *perfettoWriter) slice(x *exchange, link, category string, flows []uint64) {
	group := p.group(x.home())
	track := p.lane(group, link, x.stretch)
	ev := notes(p, p.mark(track, sliceBegin, category, x.title()), exchangeFacts, x)
	for _, id := range flows {
		ev = ev.fixed64(eventFlow, id)
	}
	p.event(x.start, ev)
	p.nest(group, track, link, within(x.Phases, x.stretch))
	if v := x.Verdict; v != nil {
		p.event(x.end, notes(p, p.mark(track, instant, "verdict", shorten(v.Title, maxSliceName)), verdictFacts, v))
	}
	p.end(x.end, track)
}

// nest writes phases, by start, as slices within the one that is open on a track.
func (p *perfettoWriter) nest(group, track uint64, link string, pieces []piece) {
	var open []etl.Time // ends
	closing := func(until etl.Time) {
		for n := len(open); n > 0 && open[n-1] <= until; n-- {
			p.end(open[n-1], track)
			open = open[:n-1]
		}
	}
	for i := range pieces {
		q := &pieces[i]
		closing(q.start)
		on := track
		beside := len(open) > 0 && open[len(open)-1] < q.end
		if beside {
			on = p.lane(group, link+", at the same time", q.stretch)
		}
		p.event(q.start, notes(p, p.mark(on, sliceBegin, "phase", stepOf(q.Phase)), pieceFacts, q))
		if beside {
			p.end(q.end, on)
		} else {
			open = append(open, q.end)
		}
	}
	closing(latest)
}

// discovery writes what the files tell although no request shows it, at the time of the first piece of evidence that has
// one.
func (p *perfettoWriter) discovery(d timeline.Discovery) {
	if d.Verdict == nil {
		return
	}
	at := p.now
	for _, e := range d.Verdict.Evidence {
		if plausible(e.Time) {
			at = e.Time
			break
		}
	}
	var of home
	if d.Machine != nil {
		of.machine = d.Machine.Name
	}
	track := p.lane(p.group(of), "found", stretch{start: at, end: at})
	p.event(at, notes(p, p.mark(track, instant, "verdict", shorten(d.Verdict.Title, maxSliceName)), verdictFacts, d.Verdict))
}

// group returns the track of a machine or process.
func (p *perfettoWriter) group(h home) uint64 {
	if track, ok := p.groups[h]; ok {
		return track
	}
	name := strings.Join(strings.Fields(strings.Join([]string{h.machine, h.process, h.pool}, " ")), " ")
	var of proto
	if h.pid != 0 {
		of = proto(nil).message(trackProcess, proto(nil).varint(processPID, uint64(h.pid)).text(processName, cmp.Or(name, "process")))
	}
	track := p.track(0, cmp.Or(name, "requests"), of)
	p.groups[h] = track
	return track
}

// lane returns a track below that of a group, of those with a name the one that is free the soonest.
func (p *perfettoWriter) lane(group uint64, name string, s stretch) uint64 {
	key := laneKey{group, name}
	l := p.lanes[key]
	if l == nil {
		l = &lanes{}
		p.lanes[key] = l
	}
	if len(*l) > 0 && (*l)[0].until <= s.start {
		track := (*l)[0].track
		(*l)[0].until = s.end
		heap.Fix(l, 0)
		return track
	}
	if n := len(*l); n > 0 {
		name = fmt.Sprintf("%s (%d)", name, n+1)
	}
	track := p.track(group, name, nil)
	heap.Push(l, lane{track, s.end})
	return track
}

// track describes a track, and returns its number.
func (p *perfettoWriter) track(parent uint64, name string, of proto) uint64 {
	p.tracks++
	d := append(proto(nil).varint(trackID, p.tracks).text(trackName, shorten(name, maxSliceName)).varint(trackMerging, mergeNever), of...)
	if parent != 0 {
		d = d.varint(trackParent, parent)
	}
	p.write(proto(nil).varint(packetTimestamp, unixNano(p.now)).varint(packetSequence, sequence).varint(packetFlags, flagNeeded).
		message(packetTrack, d))
	return p.tracks
}

// mark returns an event on a track. Only what few events are called is interned.
func (p *perfettoWriter) mark(track uint64, kind uint64, category, name string) proto {
	ev := proto(nil).varint(eventType, kind).varint(eventTrack, track).varint(eventCategory, p.intern(internedCategory, category))
	if category == "phase" {
		return ev.varint(eventNameID, p.intern(internedEventName, name))
	}
	return ev.text(eventName, name)
}

// notes appends what is known of something as annotations of an event.
func notes[R any](p *perfettoWriter, ev proto, columns []column[R], row R) proto {
	var n proto
	for _, c := range columns {
		v := c.value(row)
		if v.value == "" {
			continue
		}
		n = n[:0].varint(noteNameID, p.intern(internedNoteName, c.name))
		switch {
		case !v.literal:
			n = n.text(noteText, v.value)
		case v.value == "true":
			n = n.varint(noteBool, 1)
		case v.value == "false":
			n = n.varint(noteBool, 0)
		default:
			if i, err := strconv.ParseInt(v.value, 10, 64); err == nil {
				n = n.varint(noteInt, uint64(i))
			} else if f, err := strconv.ParseFloat(v.value, 64); err == nil {
				n = n.fixed64(noteDouble, math.Float64bits(f))
			}
		}
		ev = ev.message(eventNote, n)
	}
	return ev
}

// intern returns the number of a name.
func (p *perfettoWriter) intern(field int, name string) uint64 {
	key := nameKey{field, name}
	id, ok := p.names[key]
	if !ok {
		id = uint64(len(p.names) + 1)
		p.names[key] = id
		p.fresh = p.fresh.message(field, proto(nil).varint(internedID, id).text(internedName, name))
	}
	return id
}

// event writes an event.
func (p *perfettoWriter) event(at etl.Time, ev proto) {
	m := proto(nil).varint(packetTimestamp, unixNano(at)).varint(packetSequence, sequence).varint(packetFlags, flagNeeded)
	if len(p.fresh) > 0 {
		m, p.fresh = m.message(packetInterned, p.fresh), p.fresh[:0]
	}
	p.write(m.message(packetEvent, ev))
}

// end closes the slice that was opened last on a track.
func (p *perfettoWriter) end(at etl.Time, track uint64) {
	p.event(at, proto(nil).varint(eventType, sliceEnd).varint(eventTrack, track))
}

func (p *perfettoWriter) write(packet proto) {
	var buf [16]byte
	p.w.Write(proto(buf[:0]).tag(tracePacket, wireBytes))
	p.w.Write(binary.AppendUvarint(buf[:0], uint64(len(packet))))
	p.w.Write(packet)
}

// title names a request: its method and path.
func (x *exchange) title() string {
	path := x.URL
	if _, rest, ok := strings.Cut(path, "://"); ok {
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			path = rest[i:]
		}
	}
	return cmp.Or(shorten(strings.TrimSpace(x.Method+" "+path), maxSliceName), "request "+x.ID)
}

// link names the connection that carried a request, as far as it is known.
func (x *exchange) link() string {
	client, server := x.ends()
	if client == "" && server == "" {
		return "requests"
	}
	return strings.TrimSpace(client + " > " + server)
}
