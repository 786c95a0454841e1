package timeline

import (
	"strconv"
	"sync"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/decode/w3c"
	"github.com/etwhy/etwhy/etl"
)

// What IIS itself writes into a trace: the events of Failed Request Tracing, which are classic ones, and its log lines.
var (
	guidWWWServer  = etl.MustParseGUID("3a2a4e84-4c21-4981-ae10-3fda0d9b0f83")
	guidIISLogging = etl.MustParseGUID("7e8ad27f-b271-4ea2-a783-a47bde29143b")
)

// iisClasses returns the classes of the events of IIS.
var iisClasses = sync.OnceValue(func() map[etl.GUID]bool {
	classes := map[etl.GUID]bool{}
	if p := schema.Lookup(guidWWWServer); p != nil {
		for i := range p.Events {
			classes[p.Events[i].Class] = true
		}
	}
	delete(classes, etl.GUID{})
	return classes
})

// addClassic takes a classic event of IIS.
func (s *Session) addClassic(ev *decode.Event) {
	if s.iis == nil {
		s.iis = freb.NewCollector()
	}
	e := freb.Event{
		Time: ev.Time(), Provider: guidWWWServer, Name: ev.Name(), Version: uint8(ev.Version()), Level: ev.Level(), Opcode: ev.Opcode(),
		Class: ev.Provider(), PID: ev.PID(), TID: ev.TID(), Fields: s.iisFields[:0],
	}
	for v := range ev.Values() {
		e.Fields = append(e.Fields, freb.Field{Name: v.Field().Name, Value: rawText(v)})
	}
	s.iisFields = e.Fields
	if q := s.iis.Add(&e); q != nil {
		s.FREB(q)
	}
}

// rawText writes a value as the files of Failed Request Tracing do: numbers in decimal, true and false.
func rawText(v decode.Value) string {
	f := v.Field()
	if f.In == schema.Boolean || f.Out == schema.OutBoolean {
		return strconv.FormatBool(v.Uint() != 0)
	}
	switch f.In {
	case schema.Int8, schema.UInt8, schema.Int16, schema.UInt16, schema.Int32, schema.UInt32, schema.Int64, schema.UInt64,
		schema.HexInt32, schema.HexInt64, schema.Pointer:
		return strconv.FormatUint(v.Uint(), 10)
	}
	return v.Text()
}

// addIISLogging takes a line of IIS' log that is logged as an event.
func (s *Session) addIISLogging(ev *decode.Event) {
	const logLine = 6200
	if ev.ID() != logLine {
		return
	}
	e := w3c.FromEvent(ev.Time(), func(field string) string {
		if v := ev.Get(field); v.OK() {
			return v.Text()
		}
		return ""
	})
	s.LogEntry(e)
}

// closeIIS hands over the requests whose end is not in the trace.
func (s *Session) closeIIS() {
	if s.iis == nil {
		return
	}
	for q := range s.iis.Finish() {
		s.FREB(q)
	}
}
