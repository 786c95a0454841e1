package timeline

import (
	"testing"
	"time"

	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/etl"
)

// What the log of a server counts beyond the time of the worker process is put in front of it where it cannot be behind.
func TestOutside(t *testing.T) {
	second := etl.Second
	start := 1000 * second
	for _, tt := range []struct {
		name          string
		took          time.Duration
		logged, begun etl.Time // whole seconds; first event
		inside        time.Duration
		change        func(log, whole *Request)
		want          string
	}{
		{"before", 1203 * time.Millisecond, start, start + second/5, 0, nil, " (0 ms in the worker process; before that it waited for one)"},
		{"either", 1203 * time.Millisecond, start + second, start + second/5, 0, nil, " (0 ms in the worker process; the rest before or after)"},
		{"part", 5 * time.Second, start, start - 2*second, 2100 * time.Millisecond, nil, " (2,100 ms in the worker process; before that it waited for one)"},
		{"as good as all", 45208 * time.Millisecond, start, start - 45*second, 45 * time.Second, nil, ""},
		{"little", 90 * time.Millisecond, start, start, 0, nil, ""},
		{"not told", -1, start, start, 0, nil, ""},
		{"not whole", 1203 * time.Millisecond, start, start, 0, func(_, whole *Request) { whole.sight.freb.NoEnd = true }, ""},
		{"no FREB", 1203 * time.Millisecond, start, start, 0, func(_, whole *Request) { whole.sight.freb = nil }, ""},
		{"HTTPERR", 1203 * time.Millisecond, start, start, 0, func(log, _ *Request) { log.sight.kind = KindHTTPERR }, ""},
	} {
		whole := &Request{sight: &sight{kind: KindFREB, freb: &freb.Request{Start: tt.begun, End: tt.begun.Add(tt.inside)}}}
		log := &Request{End: tt.logged, sight: &sight{kind: KindIISLog, took: tt.took}}
		if tt.change != nil {
			tt.change(log, whole)
		}
		if got := log.outside(whole); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
