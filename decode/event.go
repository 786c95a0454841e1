package decode

import (
	"fmt"
	"iter"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// An Event is a record with its description. It aliases the record.
type Event struct {
	*etl.Record
	Schema    *schema.Event // nil if nothing describes the event; shared: do not modify it
	DecodedBy Source

	plan   *plan
	walked bool
	walker walker
	spans  []span // of the fields that the payload has
	used   int    // bytes of the payload that they take
}

// reset makes e the event of another record. The record is in place already.
func (e *Event) reset(p *plan) {
	e.plan = p
	e.Schema, e.DecodedBy = p.event, p.source
	e.walked = false
}

// walk finds the fields in the payload.
func (e *Event) walk() {
	if e.walked {
		return
	}
	e.walked = true
	e.spans, e.used = e.spans[:0], 0
	e.walker = walker{pointer: e.Record.PointerSize()}
	if e.Schema == nil {
		return
	}
	payload := e.Payload()
	e.spans, e.used = e.walker.walk(e.Schema.Fields, payload, e.spans)
	if e.DecodedBy != MOF || e.used == len(payload) && e.walker.fault.kind == noFault {
		return
	}
	// Some loggers put 64-bit payloads under 32-bit headers.
	var buf [32]span
	other := walker{pointer: 12 - e.walker.pointer} // 4 or 8
	if spans, used := other.walk(e.Schema.Fields, payload, buf[:0]); other.fault.kind == noFault && used == len(payload) {
		e.walker, e.used = other, used
		e.spans = append(e.spans[:0], spans...)
	}
}

// PointerSize returns the size of addresses in the payload, 4 or 8. It differs from that of the
// Record where a classic event has an exact layout only with the other one.
func (e *Event) PointerSize() int {
	e.walk()
	return e.walker.pointer
}

// ProviderName returns the name of the provider, or "" if it is not known.
func (e *Event) ProviderName() string { return e.plan.provider }

// Name returns a name for the event: its symbol, its TraceLogging name, or "Task/Opcode"; "" if
// nothing gives it one.
func (e *Event) Name() string { return e.plan.name }

// Get returns the first field with that name at the top level. It returns the zero Value if the
// event has none, or if the payload ends before it.
func (e *Event) Get(name string) Value {
	e.walk()
	for i := range e.spans {
		if e.Schema.Fields[i].Name == name {
			return e.value(i)
		}
	}
	return Value{}
}

// Values yields the fields at the top level that the payload has, in order.
func (e *Event) Values() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		e.walk()
		for i := range e.spans {
			if !yield(e.value(i)) {
				return
			}
		}
	}
}

// value returns field i, which has a span.
func (e *Event) value(i int) Value {
	return e.spans[i].value(&e.Schema.Fields[i], e.Payload(), uint8(e.walker.pointer))
}

// AppendFields appends the fields as a JSON object, credentials in clear. A name that occurs again
// gets a number: "Name#2". Of fields beyond all measure, megabytes of text, "..." stands for the rest.
func (e *Event) AppendFields(dst []byte) []byte {
	e.walk()
	dst = append(dst, '{')
	start := len(dst)
	for i := range e.spans {
		if i > 0 {
			dst = append(dst, ',')
		}
		if len(dst)-start > maxText {
			dst = append(dst, `"...":null`...)
			break
		}
		dst = e.AppendKey(dst, i)
		dst = e.value(i).AppendJSON(dst)
	}
	return append(dst, '}')
}

// AppendKey appends what AppendFields has in front of value i, counted as Values yields them.
func (e *Event) AppendKey(dst []byte, i int) []byte {
	if e.plan.keys == nil {
		e.plan.keys = fieldKeys(e.Schema.Fields)
	}
	return append(dst, e.plan.keys[i]...)
}

func fieldKeys(fields []schema.Field) []string {
	keys := make([]string, len(fields))
	times := make(map[string]int, len(fields)) // how often a name was given
	for i := range fields {
		given := fields[i].Name
		name := given
		for times[name] > 0 {
			times[given]++
			name = fmt.Sprintf("%s#%d", given, times[given])
		}
		times[name]++
		keys[i] = string(appendKey(nil, name))
	}
	return keys
}

// Undecoded returns why the event is not decoded whole, and the bytes of the payload that are not.
// The reason is "" if all is well. The bytes may be none, where the payload ends too early or the
// layout is that of an older version. They alias the record.
func (e *Event) Undecoded() (reason string, raw []byte) {
	e.walk()
	raw = e.Payload()[e.used:]
	switch reason = e.plan.reason; {
	case e.Schema == nil:
		return reason, raw
	case e.walker.fault.kind != noFault:
		return joinReasons(reason, e.walker.fault.String()), raw
	case len(raw) > 0:
		return joinReasons(reason, fmt.Sprintf("%d bytes are left behind the last field", len(raw))), raw
	}
	return reason, nil
}

func joinReasons(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
