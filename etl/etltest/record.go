package etltest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// maxRecord is the greatest size of a record: its size field has 16 bits.
const maxRecord = 0xFFFF

var errTooLong = errors.New("more than the 65535 bytes that a record can hold")

// A kind says how the events of a Kind are written as text and as records.
type kind struct {
	word    string // in front of the subject
	subject subject
	attrs   string // names of values of the header, each between blanks
	encode  func(e *encoder, ev *Event, a *attrs) error
}

const (
	eventAttrs  = " act activity related level opcode task keyword channel property sid session stack ext bits raw extra cut "
	kernelAttrs = " bits raw extra cut pebs pmc "
)

var kinds = [...]kind{
	Manifested:   {"", bySchema, eventAttrs, (*encoder).manifested},
	TraceLogging: {"tlg", byNames, eventAttrs + "guid tag group ", (*encoder).traceLogging},
	Kernel:       {"kernel", byHook, kernelAttrs, (*encoder).kernel},
	PerfInfo:     {"perfinfo", byHook, kernelAttrs, (*encoder).kernel},
	Compact:      {"compact", byHook, kernelAttrs, (*encoder).kernel},
	Classic:      {"classic", bySchema, " level bits raw extra cut ", (*encoder).classic},
	Instance:     {"instance", bySchema, " level bits raw extra cut instance parent parentclass ", (*encoder).classic},
	Message:      {"message", bySchema, " flags sequence component raw extra cut ", (*encoder).message},
	Opaque:       {"record", byType, " flags raw ", (*encoder).opaque},
	Header:       {"header", byNothing, " uptime ", (*encoder).header},
	Embed:        {"embed", bySchema, " message level opcode task keyword channel taskname opcodename class raw ", (*encoder).embed},
	Map:          {"map", byMap, " flags raw ", (*encoder).mapInfo},
	Manifest:     {"manifest", bySource, " guid chunk skip act activity related ", (*encoder).manifest},
}

func (k *kind) hasAttr(name string) bool {
	return strings.Contains(k.attrs, " "+name+" ")
}

// attrs reads the values of an event's header; the first mistake sticks.
type attrs struct {
	ev  *Event
	err error
}

func (a *attrs) text(name string) (string, bool) {
	for _, f := range a.ev.Attrs {
		if f.Name == name {
			return f.Value, true
		}
	}
	return "", false
}

// number returns the value of name, or def if it is not given.
func (a *attrs) number(name string, bits int, def uint64) uint64 {
	s, ok := a.text(name)
	if !ok {
		return def
	}
	v, err := strconv.ParseUint(s, 0, bits)
	a.note(name, err)
	return v
}

// numbers returns a list of numbers separated by commas.
func (a *attrs) numbers(name string) (list []uint64) {
	s, ok := a.text(name)
	if !ok {
		return nil
	}
	for part := range strings.SplitSeq(s, ",") {
		v, err := strconv.ParseUint(part, 0, 64)
		a.note(name, err)
		list = append(list, v)
	}
	return list
}

// blob returns bytes, and whether there are any.
func (a *attrs) blob(name string) ([]byte, bool) {
	s, ok := a.text(name)
	if !ok {
		return nil, false
	}
	b, err := blob(schema.OutDefault, s)
	a.note(name, err)
	return b, true
}

func (a *attrs) note(name string, err error) {
	if err != nil && a.err == nil {
		a.err = fmt.Errorf("%s: %w", name, err)
	}
}

// An encoder turns events into records.
type encoder struct {
	trace *Trace
	log   *Log
	base  timebase
	out   func(rec []byte, ticks int64) error
}

// newEncoder returns an encoder for a log with all defaults filled in.
func newEncoder(t *Trace, l *Log) (*encoder, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	return &encoder{trace: t, log: l, base: l.timebase()}, nil
}

// encode calls out with each record of an event. The record is out's to keep.
func (e *encoder) encode(ev *Event, out func(rec []byte, ticks int64) error) error {
	switch {
	case ev.At > longest || ev.At < -longest:
		return fmt.Errorf("%v is more than %v from the start of the log", ev.At, longest)
	case ev.CPU < 0 || ev.CPU > 0xFFFF:
		return fmt.Errorf("no CPU has the number %d", ev.CPU)
	case ev.Kind < 0 || int(ev.Kind) >= len(kinds):
		return fmt.Errorf("unknown kind %d", ev.Kind)
	}
	k := &kinds[ev.Kind]
	a := &attrs{ev: ev}
	for _, f := range ev.Attrs {
		if !k.hasAttr(f.Name) || f.Type != "" {
			return fmt.Errorf("no header value %q", f.Name)
		}
	}
	e.out = out
	if err := k.encode(e, ev, a); err != nil {
		return err
	}
	return a.err
}

// check reports what would go wrong with an event when the log is written.
func (e *encoder) check(ev *Event) error {
	saved := e.base
	defer func() { e.base = saved }()
	return e.encode(ev, func(rec []byte, _ int64) error {
		if len(rec) > e.log.BufferSize-bufferHeaderSize {
			return fmt.Errorf("a record of %d bytes does not fit into a buffer of %d", len(rec), e.log.BufferSize)
		}
		return nil
	})
}

// emit finishes a record and hands it over.
func (e *encoder) emit(ev *Event, a *attrs, rec []byte, sizeAt int) error {
	if a.err != nil {
		return a.err
	}
	rec, err := finish(rec, sizeAt)
	if err != nil {
		return err
	}
	return e.out(rec, e.base.timestamp(ev.At))
}

// finish sets the size of a record and pads it, since the next one starts at a multiple of 8.
func finish(rec []byte, sizeAt int) ([]byte, error) {
	if len(rec) > maxRecord {
		return nil, errTooLong
	}
	le.PutUint16(rec[sizeAt:], uint16(len(rec)))
	for len(rec)%8 != 0 {
		rec = append(rec, 0)
	}
	return rec, nil
}

// bits returns 32 or 64: the layout of this record and its pointers.
func (e *encoder) bits(a *attrs) int {
	n := int(a.number("bits", 8, uint64(e.log.Bits)))
	if n != 32 && n != 64 {
		a.note("bits", fmt.Errorf("%d is neither 32 nor 64", n))
		return e.log.Bits
	}
	return n
}

// recordType picks the type byte for 32 or 64 bits.
func recordType(bits int, narrow, wide byte) byte {
	if bits == 32 {
		return narrow
	}
	return wide
}

// payload appends the values of an event.
func (e *encoder) payload(rec []byte, ev *Event, a *attrs, layout []schema.Field, pointer int) ([]byte, error) {
	data, isRaw := a.blob("raw")
	if isRaw && len(ev.Fields) > 0 {
		return nil, errors.New("raw is the whole payload: give it or fields, and extra for bytes after the fields")
	}
	if !isRaw {
		var err error
		if data, err = (packer{pointer}).fields(layout, ev.Fields); err != nil {
			return nil, err
		}
	}
	extra, _ := a.blob("extra")
	data = append(data, extra...)
	if n := a.number("cut", 32, uint64(len(data))); n < uint64(len(data)) {
		data = data[:n]
	}
	return append(rec, data...), a.err
}

// layout returns the layout of a payload: that of fields with types or else what is known.
func layout(ev *Event, known []schema.Field, isKnown bool) ([]schema.Field, error) {
	var typed, untyped []Field
	for _, f := range ev.Fields {
		if f.Type != "" {
			typed = append(typed, f)
		} else {
			untyped = append(untyped, f)
		}
	}
	switch {
	case len(typed) > 0 && len(untyped) > 0:
		return nil, fmt.Errorf("field %s has a type and field %s has none: all or nothing", typed[0].Name, untyped[0].Name)
	case len(typed) > 0:
		fields, err := typedLayout(typed)
		return plainLayout(fields), err
	case len(untyped) > 0 && !isKnown:
		return nil, fmt.Errorf("nothing is known about version %d of event %d, so field %s needs a type", ev.Version, ev.ID, untyped[0].Name)
	}
	return known, nil
}

// schemaOf returns the description of a manifest event, or nil.
func (e *encoder) schemaOf(ev *Event) *schema.Event {
	if p := schema.Lookup(ev.Provider); p != nil && ev.Version <= 0xFF {
		if s, _ := p.Find(ev.ID, uint8(ev.Version), e.log.Build); s != nil && s.Version == uint8(ev.Version) {
			return s
		}
	}
	return nil
}

// lowestVersion returns the lowest version of an event that the schema has, or 0.
func (e *encoder) lowestVersion(ev *Event) uint16 {
	if p := schema.Lookup(ev.Provider); p != nil {
		for i := range p.Events {
			if s := &p.Events[i]; s.ID == ev.ID && s.Class.IsZero() {
				return uint16(s.Version)
			}
		}
	}
	return 0
}

// manifested writes an EVENT_HEADER with a payload by schema or by typed fields.
func (e *encoder) manifested(ev *Event, a *attrs) error {
	s, known := e.schemaOf(ev), true
	if s == nil {
		s, known = &schema.Event{}, false
	}
	fields, err := layout(ev, s.Fields, known)
	if err != nil {
		return err
	}
	return e.event(ev, a, s, 0, nil, fields)
}

// An extension is an extended data item of an EVENT_HEADER.
type extension struct {
	kind uint16
	data []byte
}

// event writes an EVENT_HEADER, its extended items and the payload. s and channel are what the
// descriptor says where the event does not.
func (e *encoder) event(ev *Event, a *attrs, s *schema.Event, channel uint8, exts []extension, layout []schema.Field) error {
	if ev.Version > 0xFF {
		return fmt.Errorf("version %d is over 255", ev.Version)
	}
	bits := e.bits(a)
	if !ev.Related.IsZero() {
		exts = append([]extension{{1, ev.Related[:]}}, exts...)
	}
	exts = append(exts, e.extensions(a, bits)...)
	b := le.AppendUint16(nil, 0)
	b = append(b, recordType(bits, 18, 19), 0xC0)
	b = le.AppendUint16(b, uint16(min(len(exts), 1))) // EXTENDED_INFO
	b = le.AppendUint16(b, uint16(a.number("property", 16, 0)))
	b = le.AppendUint32(b, ev.TID)
	b = le.AppendUint32(b, ev.PID)
	b = le.AppendUint64(b, uint64(e.base.timestamp(ev.At)))
	b = append(b, ev.Provider[:]...)
	b = appendDescriptor(b, ev.ID, ev.Version, a, s, channel)
	b = le.AppendUint64(b, 0) // ProcessorTime
	b = append(b, ev.Activity[:]...)
	for i, x := range exts {
		size := (8 + len(x.data) + 7) &^ 7
		if size > maxRecord {
			return errTooLong
		}
		b = le.AppendUint16(b, uint16(size))
		b = le.AppendUint16(b, x.kind)
		b = le.AppendUint16(b, uint16(min(len(exts)-1-i, 1))) // Linkage: another item follows
		b = le.AppendUint16(b, uint16(len(x.data)))
		b = append(b, x.data...)
		b = append(b, make([]byte, size-8-len(x.data))...)
	}
	b, err := e.payload(b, ev, a, layout, bits/8)
	if err != nil {
		return err
	}
	return e.emit(ev, a, b, 0)
}

// appendDescriptor appends an EVENT_DESCRIPTOR.
func appendDescriptor(b []byte, id, version uint16, a *attrs, s *schema.Event, channel uint8) []byte {
	b = le.AppendUint16(b, id)
	b = append(b, byte(version),
		byte(a.number("channel", 8, uint64(channel))),
		byte(a.number("level", 8, uint64(s.Level))),
		byte(a.number("opcode", 8, uint64(s.Opcode))))
	b = le.AppendUint16(b, uint16(a.number("task", 16, uint64(s.Task))))
	return le.AppendUint64(b, a.number("keyword", 64, s.Keywords))
}

// extensions returns the items that header values ask for.
func (e *encoder) extensions(a *attrs, bits int) (exts []extension) {
	if s, ok := a.text("sid"); ok {
		sid, err := packer{}.sid(&schema.Field{In: schema.SID}, s)
		a.note("sid", err)
		exts = append(exts, extension{2, sid})
	}
	if _, ok := a.text("session"); ok {
		exts = append(exts, extension{3, le.AppendUint32(nil, uint32(a.number("session", 32, 0)))})
	}
	if addresses := a.numbers("stack"); addresses != nil {
		data := le.AppendUint64(nil, 0) // MatchId
		for _, v := range addresses {
			data = append(data, le.AppendUint64(nil, v)[:bits/8]...)
		}
		exts = append(exts, extension{5 + uint16(bits)/64, data})
	}
	for _, f := range a.ev.Attrs {
		if f.Name != "ext" {
			continue
		}
		kind, data, _ := strings.Cut(f.Value, ":")
		n, err := strconv.ParseUint(kind, 0, 16)
		a.note("ext", err)
		b, err := blob(schema.OutDefault, data)
		a.note("ext", err)
		exts = append(exts, extension{uint16(n), b})
	}
	return exts
}

// systemHeader appends a SYSTEM_TRACE_HEADER.
func systemHeader(b []byte, bits int, hook, version uint16, tid, pid uint32, ticks int64) []byte {
	return systemHeaderOf(b, recordType(bits, 1, 2), hook, version, tid, pid, ticks, true)
}

func systemHeaderOf(b []byte, kind byte, hook, version uint16, tid, pid uint32, ticks int64, times bool) []byte {
	b = le.AppendUint16(b, version)
	b = append(b, kind, 0xC0)
	b = le.AppendUint16(b, 0) // size
	b = le.AppendUint16(b, hook)
	b = le.AppendUint32(b, tid)
	b = le.AppendUint32(b, pid)
	b = le.AppendUint64(b, uint64(ticks))
	if times {
		b = le.AppendUint64(b, 0) // KernelTime, UserTime
	}
	return b
}

// kernel writes SYSTEM, PERFINFO and COMPACT records.
func (e *encoder) kernel(ev *Event, a *attrs) error {
	if ev.Version > 0xFF {
		return fmt.Errorf("version %d is over 255", ev.Version)
	}
	bits, ticks, version := e.bits(a), e.base.timestamp(ev.At), ev.Version
	counters := a.numbers("pmc")
	if len(counters) > 7 {
		return errors.New("more than 7 performance counters")
	}
	version |= uint16(len(counters)) << 8
	_, pebs := a.text("pebs")
	if pebs {
		version |= 0x8000
	}
	var b []byte
	switch ev.Kind {
	case Kernel:
		b = systemHeader(nil, bits, ev.ID, version, ev.TID, ev.PID, ticks)
	case Compact:
		b = systemHeaderOf(nil, recordType(bits, 3, 4), ev.ID, version, ev.TID, ev.PID, ticks, false)
	default:
		b = le.AppendUint16(nil, version)
		b = append(b, recordType(bits, 16, 17), 0xC0)
		b = le.AppendUint16(b, 0)
		b = le.AppendUint16(b, ev.ID)
		b = le.AppendUint64(b, uint64(ticks))
	}
	if pebs {
		b = le.AppendUint64(b, a.number("pebs", 64, 0))
	}
	for _, v := range counters {
		b = le.AppendUint64(b, v)
	}
	known := kernelLayout(ev.ID, ev.Version)
	fields, err := layout(ev, known, known != nil)
	if err != nil {
		return err
	}
	if b, err = e.payload(b, ev, a, fields, bits/8); err != nil {
		return err
	}
	return e.emit(ev, a, b, 4)
}

// fullHeader appends an EVENT_TRACE_HEADER.
func fullHeader(b []byte, kind byte, ev *Event, class etl.GUID, opcode, level byte, version uint16, ticks int64) []byte {
	b = le.AppendUint16(b, 0)
	b = append(b, kind, 0xC0, opcode, level)
	b = le.AppendUint16(b, version)
	b = le.AppendUint32(b, ev.TID)
	b = le.AppendUint32(b, ev.PID)
	b = le.AppendUint64(b, uint64(ticks))
	b = append(b, class[:]...)
	return le.AppendUint64(b, 0) // KernelTime, UserTime
}

// classic writes an EVENT_TRACE_HEADER or an EVENT_INSTANCE_GUID_HEADER.
func (e *encoder) classic(ev *Event, a *attrs) error {
	if ev.ID > 0xFF {
		return fmt.Errorf("opcode %d is over 255", ev.ID)
	}
	bits, narrow, wide := e.bits(a), byte(10), byte(20)
	if ev.Kind == Instance {
		narrow, wide = 11, 21
	}
	known, level := classLayout(ev.Provider, ev.ID, ev.Version), uint64(0)
	isKnown := known != nil
	if p := schema.LookupClass(ev.Provider); p != nil && ev.Version <= 0xFF {
		if s, _ := p.FindClassic(ev.Provider, uint8(ev.ID), uint8(ev.Version)); s != nil {
			known, level, isKnown = s.Fields, uint64(s.Level), true
		}
	}
	fields, err := layout(ev, known, isKnown)
	if err != nil {
		return err
	}
	b := fullHeader(nil, recordType(bits, narrow, wide), ev, ev.Provider, byte(ev.ID), byte(a.number("level", 8, level)), ev.Version, e.base.timestamp(ev.At))
	if ev.Kind == Instance {
		b = le.AppendUint32(b, uint32(a.number("instance", 32, 0)))
		b = le.AppendUint32(b, uint32(a.number("parent", 32, 0)))
		var class etl.GUID
		if s, ok := a.text("parentclass"); ok {
			var err error
			class, err = etl.ParseGUID(s)
			a.note("parentclass", err)
		}
		b = append(b, class[:]...)
	}
	if b, err = e.payload(b, ev, a, fields, bits/8); err != nil {
		return err
	}
	return e.emit(ev, a, b, 0)
}

// message writes a WPP record. Which fields its header has, and the size of pointers, is in flags.
func (e *encoder) message(ev *Event, a *attrs) error {
	const sequence, guid, component, timestamp, performance, system, pointer32 = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40
	flags := a.number("flags", 16, 0xAA)
	b := le.AppendUint16(nil, 0)
	b = append(b, 0, 0x90)
	b = le.AppendUint16(b, ev.ID)
	b = le.AppendUint16(b, uint16(flags))
	if flags&sequence != 0 {
		b = le.AppendUint32(b, uint32(a.number("sequence", 32, 0)))
	}
	switch {
	case flags&guid != 0:
		b = append(b, ev.Provider[:]...)
	case flags&component != 0:
		b = le.AppendUint32(b, uint32(a.number("component", 32, 0)))
	}
	if flags&(timestamp|performance) != 0 {
		b = le.AppendUint64(b, uint64(e.base.timestamp(ev.At)))
	}
	if flags&system != 0 {
		b = le.AppendUint32(b, ev.TID)
		b = le.AppendUint32(b, ev.PID)
	}
	pointer := 8
	if flags&pointer32 != 0 {
		pointer = 4
	}
	fields, err := layout(ev, nil, false)
	if err != nil {
		return err
	}
	if b, err = e.payload(b, ev, a, fields, pointer); err != nil {
		return err
	}
	return e.emit(ev, a, b, 0)
}

// opaque writes a record of which only size, type and flags mean something.
func (e *encoder) opaque(ev *Event, a *attrs) error {
	if ev.ID > 0xFF || len(ev.Fields) > 0 {
		return errors.New("want a type up to 255, flags= and raw=")
	}
	raw, _ := a.blob("raw")
	b := append([]byte{0, 0, byte(ev.ID), byte(a.number("flags", 8, 0xC0))}, raw...)
	sizeAt := 0
	if t := ev.ID; t >= 1 && t <= 4 || t == 16 || t == 17 {
		sizeAt = 4
	}
	if len(b) < 8 {
		b = append(b, make([]byte, 8-len(b))...)
	}
	return e.emit(ev, a, b, sizeAt)
}

// header writes a second log header, which restarts the time: the machine has an uptime of its own.
func (e *encoder) header(ev *Event, a *attrs) error {
	l := *e.log
	if s, ok := a.text("uptime"); ok {
		d, err := parseSeconds(s)
		if err != nil || d < 0 {
			return errors.Join(fmt.Errorf("uptime %s", s), err)
		}
		l.Uptime = d
	} else {
		l.Uptime = time.Minute
	}
	if len(ev.Fields) > 0 {
		return errors.New("a log header has no fields here")
	}
	at := ev.At.Truncate(100)
	l.Start = l.Start.Add(at)
	l.End = l.End.Add(max(0, l.Start.Sub(l.End)))
	e.base = l.timebase()
	e.base.at = at
	rec, err := l.headerRecord(l.Start, e.base.ticks, 0)
	if err != nil {
		return err
	}
	return e.out(rec, e.base.ticks)
}
