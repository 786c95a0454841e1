package etltest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/etwhy/etwhy/etl"
)

// String returns the trace in the form that [Parse] reads.
func (t *Trace) String() string {
	b := []byte("log")
	for _, k := range logKeys {
		if v := k.get(&t.Log); v != "" {
			b = append(append(append(append(b, ' '), k.name...), '='), quote(v)...)
		}
	}
	b = append(b, '\n')
	for _, p := range t.Providers {
		b = fmt.Appendf(b, "provider %s {%s}\n", quote(p.Name), p.GUID)
	}
	for i := range t.Events {
		b = t.appendEvent(b, &t.Events[i])
	}
	return string(b)
}

func (t *Trace) appendEvent(b []byte, ev *Event) []byte {
	b = fmt.Appendf(b, "%s cpu%d %d:%d ", seconds(ev.At), ev.CPU, ev.PID, ev.TID)
	if line, ok := appendProcess(b, ev); ok {
		return line
	}
	k := &kinds[ev.Kind]
	if k.word != "" {
		b = append(append(b, k.word...), ' ')
	}
	b = bytes.TrimSuffix(k.subject.append(b, t, ev), []byte{' '})
	if k.hasAttr("guid") && ev.Provider != t.sourceGUID(ev.Source) {
		b = fmt.Appendf(b, " guid={%s}", ev.Provider)
	}
	for _, a := range []struct {
		name string
		g    etl.GUID
	}{{"act", ev.Activity}, {"related", ev.Related}} {
		if !a.g.IsZero() {
			b = fmt.Appendf(b, " %s=%s", a.name, activityText(a.g))
		}
	}
	for _, a := range ev.Attrs {
		b = a.append(b)
	}
	block := ""
	for _, f := range ev.Fields {
		if ev.Kind == Manifest && f.Name == "xml" && !strings.Contains(f.Value, "\r") {
			block = f.Value
			continue
		}
		b = f.append(b)
	}
	if block == "" {
		return append(b, '\n')
	}
	end := "END"
	for slices.Contains(strings.Split(block, "\n"), end) {
		end += "D"
	}
	return fmt.Appendf(b, " <<%s\n%s\n%s\n", end, block, end)
}
