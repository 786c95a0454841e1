package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// bar draws the phases of the last attempt of a request: those that went well with their durations, the
// one where it stopped as a bar, those that it did not get to. What has no known duration is no bar.
//
//	connect 1 ms, send 1 ms, wait 30.0 s =============X limit 30 s (set in the trace)
func (s *screen) bar(r *timeline.Request) {
	steps := lastAttempt(r)
	if len(steps) == 0 {
		return
	}
	stop := slices.IndexFunc(steps, func(t step) bool { return t.outcome != timeline.OK })
	if stop < 0 && r.Outcome != timeline.OK && r.Proxied && r.Phase == "" {
		return // where its time went is not among them
	}
	if r.Outcome == timeline.OK || stop < 0 {
		s.text("  "+join(steps), 4)
		return
	}
	left := "  "
	if stop > 0 {
		left += join(steps[:stop]) + ", "
	}
	t := steps[stop]
	right, end := reason(r), "X "
	if t.outcome == timeline.Unfinished {
		right, end = "the trace ends", "> "
	}
	if !t.ended && !t.start.IsZero() && r.Input >= 0 && r.Input < len(s.Traces) && s.Traces[r.Input].Last > t.start {
		t.length, t.timed = s.Traces[r.Input].Last.Sub(t.start), true
	}
	switch {
	case t.timed && (t.length > 0 || len(steps) > 1):
		left += t.String()
	case stop > 0: // how long it took is not in the file, so there is nothing to draw
		s.text(left+t.name+": "+right, 4)
		return
	default:
		return
	}
	for _, name := range missing(r) {
		right += " | " + name + " -"
	}
	const shortest, longest = 5, 30
	room := s.width - len(left) - len(end) - len(right) - 1
	if room < shortest {
		right, _, _ = strings.Cut(right, " | ")
		room = s.width - len(left) - len(end) - len(right) - 1
	}
	if number, _, _ := strings.Cut(right, " "); room < shortest && isNumber(number) {
		right = number // the text below says the name of a code, too
		room = s.width - len(left) - len(end) - len(right) - 1
	}
	// Where a limit is known from is said nowhere else: rather a short bar, or two lines, than one that lacks it.
	least := 1
	if room < least {
		least = shortest
	}
	s.text(left+" "+strings.Repeat("=", min(max(room, least), longest))+end+right, 4)
	if s.color {
		lines := s.blocks[len(s.blocks)-1].lines
		for i := range lines {
			lines[i] = strings.Replace(lines[i], "=X ", "="+red+"X"+plainColor+" ", 1)
		}
	}
}

// A step is one or several phases of the same name, one after the other.
type step struct {
	name    string
	count   int
	start   etl.Time
	length  time.Duration
	timed   bool // length is known
	ended   bool
	outcome timeline.Outcome
}

func (t step) String() string {
	name := t.name
	if t.count > 1 {
		name += fmt.Sprintf(" (%d times)", t.count)
	}
	if !t.timed {
		return name
	}
	return name + " " + took(t.length)
}

func join(steps []step) string {
	parts := make([]string, len(steps))
	for i, t := range steps {
		parts[i] = t.String()
	}
	return strings.Join(parts, ", ")
}

// lastAttempt returns the phases of a request's last attempt as steps.
func lastAttempt(r *timeline.Request) []step {
	var from etl.Time
	if n := len(r.Attempts); n > 1 {
		from = r.Attempts[n-1].Start
	}
	var out []step
	for i := range r.Phases {
		p := &r.Phases[i]
		if p.Start < from {
			continue
		}
		t := step{name: phaseWord(r.Side, p), count: 1, start: p.Start, ended: !p.End.IsZero(), outcome: p.Outcome}
		if t.timed = t.ended && !p.Start.IsZero(); t.timed {
			t.length = p.Duration()
		}
		if n := len(out); n > 0 && out[n-1].name == t.name {
			last := &out[n-1]
			last.count++
			last.length += t.length
			last.timed = last.timed && t.timed
			last.ended, last.outcome = t.ended, t.outcome
			continue
		}
		out = append(out, t)
	}
	return out
}

// phaseWord is what people call a phase.
func phaseWord(side timeline.Side, p *timeline.Phase) string {
	switch {
	case p.Name == timeline.PhaseReceive && side == timeline.Client && p.Detail == "body":
		return "read"
	case p.Name == timeline.PhaseReceive && side == timeline.Client:
		return "wait"
	case p.Name == timeline.PhaseConnect && p.Detail == "pool":
		return "wait for a connection"
	}
	return string(p.Name)
}

// missing returns the words of the phases that every exchange has and that this one did not get to.
func missing(r *timeline.Request) []string {
	type stage struct {
		name timeline.PhaseName
		word string
	}
	order := []stage{{timeline.PhaseConnect, "connect"}, {timeline.PhaseTLS, ""}, {timeline.PhaseSend, "send"}, {timeline.PhaseReceive, "wait"}}
	before := []timeline.PhaseName{timeline.PhaseRoute, timeline.PhaseProxy, timeline.PhaseResolve}
	if r.Side == timeline.Server {
		order = []stage{{timeline.PhaseReceive, "receive"}, {timeline.PhaseQueue, "queue"}, {timeline.PhaseProcess, "process"}, {timeline.PhaseSend, "send"}}
		before = nil
	}
	at := slices.IndexFunc(order, func(t stage) bool { return t.name == r.Phase })
	if at < 0 && !slices.Contains(before, r.Phase) {
		return nil
	}
	var out []string
	for _, t := range order[at+1:] {
		if t.word != "" {
			out = append(out, t.word)
		}
	}
	return out
}

// reason says what ended the phase where a request stopped.
func reason(r *timeline.Request) string {
	switch t := r.Timer; {
	case t != nil:
		return fmt.Sprintf("limit %s (%s)", limit(t.Limit), timerSources[t.Source])
	case r.Outcome == timeline.Cancelled:
		return "given up by the caller"
	case r.Error != 0:
		return code(r.Error)
	case r.WinHTTP.Code != 0:
		return code(r.WinHTTP.Code)
	case r.Status != 0:
		return "answered " + status(r)
	}
	return "broken off"
}

// timerSources says where the value of a timer is known from.
var timerSources = map[string]string{
	timeline.TimerTrace:   "set in the trace",
	timeline.TimerConfig:  "from the configuration",
	timeline.TimerDefault: "assumed: the default",
}

func hresult(c timeline.Code) string { return winerr.Hex(winerr.HResultFromWin32(uint32(c))) }
