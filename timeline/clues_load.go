package timeline

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/etwhy/etwhy/decode/perfmon"
	"github.com/etwhy/etwhy/decode/srum"
	"github.com/etwhy/etwhy/etl"
)

// processorBusy is what performance counters tell of a machine.
const processorBusy clue = "the processor of the machine was at its limit"

// A load is what a performance counter measures, as far as it says how busy a machine was.
type load uint8

const (
	processorLoad load = iota // percent, of all processors together
	memoryFree                // MB
	workerBytes               // private bytes of a worker process
	queueSize                 // requests that wait for a worker process, of a pool
)

// counters are those that are kept, as English systems name them. instance is its beginning; "" is any.
var counters = []struct {
	object, name, instance string
	load                   load
}{
	{"Processor", "% Processor Time", "_Total", processorLoad},
	{"Processor Information", "% Processor Time", "_Total", processorLoad},
	{"Memory", "Available MBytes", "", memoryFree},
	{"Process", "Private Bytes", "w3wp", workerBytes},
	{"HTTP Service Request Queues", "CurrentQueueSize", "", queueSize},
}

// A gauge is a column of performance counters.
type gauge struct {
	load     load
	instance string
	column   int
	values   []float32 // NaN where there is none
}

// Bounds on what is kept of one file of counters, and of one database.
const (
	maxGauges  = 64
	maxSamples = 200_000
	maxUsages  = 50_000
)

// Counters takes the head of a log of performance counters. [Session.Sample] takes its lines.
func (s *Session) Counters(h perfmon.Header) {
	s.host(h.Machine)
	s.gauges = nil
	for i, c := range h.Counters {
		for _, k := range counters {
			if len(s.gauges) < maxGauges && c.Is(k.object, k.name) && strings.HasPrefix(strings.ToLower(c.Instance), strings.ToLower(k.instance)) {
				s.gauges = append(s.gauges, gauge{load: k.load, instance: c.Instance, column: i})
			}
		}
	}
}

// Sample takes a line of performance counters, in time order. It keeps nothing of v.
func (s *Session) Sample(v perfmon.Sample) {
	switch {
	case v.Time.IsZero():
		s.undated++
		return
	case len(s.gauges) == 0 || len(s.sampled) >= maxSamples:
		return
	}
	s.sampled = append(s.sampled, v.Time)
	for i := range s.gauges {
		g := &s.gauges[i]
		value := math.NaN()
		if g.column < len(v.Values) {
			value = v.Values[g.column]
		}
		g.values = append(g.values, float32(value))
	}
}

// A usage is what a program sent and received in the hour before a time.
type usage struct {
	at             etl.Time
	program        string
	sent, received uint64
}

// Usage takes a row of SRUM's account of the network. Rows of one program and time are added up.
func (s *Session) Usage(u srum.Usage) {
	program := u.App[strings.LastIndexAny(u.App, `\/`)+1:]
	if u.Time.IsZero() || program == "" {
		return
	}
	name := strings.ToLower(program)
	list := s.usages[name]
	if n := len(list); n > 0 && list[n-1].at == u.Time { // the rows of one hour follow each other
		list[n-1].sent, list[n-1].received = list[n-1].sent+u.Sent, list[n-1].received+u.Received
		return
	}
	if s.used < maxUsages {
		if s.usages == nil {
			s.usages = map[string][]usage{}
		}
		s.used++
		s.usages[name] = append(list, usage{u.Time, program, u.Sent, u.Received})
	}
}

// A connection is a time during which the machine had a network, as SRUM's account says.
type connection struct{ since, until etl.Time }

// Connected takes a row of SRUM's account of network connections. Its time grows from row to row while it lasts.
func (s *Session) Connected(c srum.Connectivity) {
	if c.Start.IsZero() || c.Connected <= 0 {
		return
	}
	until := c.Start.Add(c.Connected)
	for i := range s.connected {
		if s.connected[i].since == c.Start {
			s.connected[i].until = max(s.connected[i].until, until)
			return
		}
	}
	const most = 1000 // more than a year of days
	if len(s.connected) < most {
		s.connected = append(s.connected, connection{c.Start, until})
	}
}

// sortUsages puts the usages of each program in order.
func (s *Session) sortUsages() {
	for _, list := range s.usages {
		slices.SortStableFunc(list, func(x, y usage) int { return cmp.Compare(x.at, y.at) })
	}
}

// lookLoad says how busy the machines were. It is context for whoever reads, and decides nothing; what SRUM has is
// too coarse even to be quoted.
func (x *scene) lookLoad() {
	if x.alone {
		return
	}
	machines := []*Machine{x.front}
	if x.back != nil && x.back != x.front {
		machines = append(machines, x.back)
	}
	for _, m := range machines {
		if m == nil {
			continue
		}
		shift := etl.Time(x.shift(m) / 100)
		from, to := x.r.Start-shift, max(x.end(), x.r.Start)-shift
		for _, i := range m.Inputs {
			s := x.b.sessions[i]
			if len(s.sampled) > 0 {
				x.lookGauges(m, s, from, to)
			}
			if len(s.usages) > 0 {
				x.lookUsage(m, s, from, to)
			}
			for _, c := range s.connected {
				if c.since <= from && c.until >= to {
					x.context = append(x.context, m.called()+" had a network at that time, since "+c.since.Time().Format("2006-01-02 15:04")+" UTC (SRUM).")
					break
				}
			}
		}
	}
}

// lookGauges tells what counters had in a time, and just before and after it.
func (x *scene) lookGauges(m *Machine, s *Session, from, to etl.Time) {
	first, _ := slices.BinarySearch(s.sampled, from)
	last, _ := slices.BinarySearch(s.sampled, to)
	const near = 2 * Minute // a sample further away says nothing
	if first > 0 && from-s.sampled[first-1] <= near {
		first--
	}
	if last < len(s.sampled) && s.sampled[last]-to <= near {
		last++
	}
	if first >= last {
		return
	}
	span := clockTime(s.sampled[first], "15:04:05")
	if last-first > 1 {
		span = "from " + span + " to " + clockTime(s.sampled[last-1], "15:04:05")
	} else {
		span = "at " + span
	}
	span += " UTC"
	var memory, queue *measure
	var worker string
	for i := range s.gauges {
		g := &s.gauges[i]
		v, ok := measured(g.values[first:last])
		if !ok {
			continue
		}
		v.instance = g.instance
		switch {
		case g.load == processorLoad:
			text := fmt.Sprintf("the processor of %s was at %.0f %% %s", m.called(), v.mean, span)
			if v.most >= v.mean+5 {
				text += fmt.Sprintf(", up to %.0f %%", v.most)
			}
			x.context = append(x.context, sentenceOf(text)+".")
			const limit = 95
			if v.mean >= limit {
				x.note(processorBusy, Evidence{Input: s.number, Time: s.sampled[first], Text: text})
				x.say("load", text)
			}
		case g.load == memoryFree && v.least < 200:
			x.context = append(x.context, fmt.Sprintf("%s had %.0f MB of memory left %s.", sentenceOf(m.called()), v.least, span))
		case g.load == workerBytes && (memory == nil || v.most > memory.most):
			memory, worker = &v, g.instance
		case g.load == queueSize && v.most > 0 && (queue == nil || x.r.AppPool == g.instance || v.most > queue.most && x.r.AppPool != queue.instance):
			queue = &v
		}
	}
	if memory != nil {
		x.context = append(x.context, fmt.Sprintf("%s on %s held %s %s (counter Private Bytes, of the largest).", processName(worker), m.called(), bytesText(uint64(memory.most)), span))
	}
	if queue != nil {
		x.context = append(x.context, fmt.Sprintf("Up to %.0f requests waited in the queue %s of %s %s.", queue.most, queue.instance, m.called(), span))
	}
}

// A measure sums up values of a counter.
type measure struct {
	mean, least, most float64
	instance          string
}

// measured returns what the values come to; ok is false if there are none.
func measured(values []float32) (v measure, ok bool) {
	n := 0
	v.least = math.Inf(1)
	for _, f := range values {
		if f := float64(f); !math.IsNaN(f) && !math.IsInf(f, 0) && f >= 0 {
			v.mean += f
			v.least, v.most = min(v.least, f), max(v.most, f)
			n++
		}
	}
	v.mean /= float64(max(n, 1))
	return v, n > 0
}

// processName is the name of the program of an instance of a counter: w3wp#1 is w3wp.exe.
func processName(instance string) string {
	name, _, _ := strings.Cut(instance, "#")
	name, _, _ = strings.Cut(name, "_") // w3wp_1432, where the registry asks for it
	return name + ".exe"
}

// lookUsage tells what the process of a request sent and received in its hour.
func (x *scene) lookUsage(m *Machine, s *Session, from, to etl.Time) {
	const hour = 60 * Minute
	list := s.usages[strings.ToLower(cmp.Or(x.r.Process, "w3wp.exe"))]
	i, _ := slices.BinarySearchFunc(list, to, func(u usage, t etl.Time) int { return cmp.Compare(u.at, t) })
	if i == len(list) || list[i].at-hour > from {
		return
	}
	u := list[i]
	x.context = append(x.context, fmt.Sprintf("%s on %s sent %s and received %s between %s and %s UTC (SRUM).", u.program, m.called(),
		bytesText(u.sent), bytesText(u.received), clockTime(u.at-hour, "15:04"), clockTime(u.at, "15:04")))
}

// bytesText writes a number of bytes as people say it.
func bytesText(n uint64) string {
	for _, unit := range []struct {
		size uint64
		name string
	}{{1 << 30, "GB"}, {1 << 20, "MB"}, {1 << 10, "KB"}} {
		if n >= unit.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(unit.size), unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
