package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/etl"
)

// modules fills in what each module took by itself, and what none of them did; the longest first.
func (b *diaryBuilder) modules() {
	list := b.q.Modules()
	b.v.Tick = b.tick(len(list) > 0)
	rest, open := b.total, false
	for _, m := range list {
		row := diaryModule{Name: clean(cmp.Or(m.Name, "(no name)")), Own: diaryTook(m.Own), Calls: thousands(m.Calls)}
		if m.Open > 0 {
			open = true
			row.Note = plural(m.Open, "call") + " did not end"
		}
		if m.Own == 0 && m.Open == 0 {
			continue
		}
		rest -= m.Own
		row.W, row.Share = b.share(m.Own)
		b.v.Modules = append(b.v.Modules, row)
	}
	if len(list) > 0 && rest > 0 && b.total > 0 {
		row := diaryModule{Name: "outside of modules", Own: diaryTook(rest), Note: when(open, "or in the calls that did not end")}
		row.W, row.Share = b.share(rest)
		b.v.Modules = append(b.v.Modules, row)
		slices.SortStableFunc(b.v.Modules, func(x, y diaryModule) int { return cmp.Compare(y.W, x.W) })
	}
}

const inMilliseconds = "Times are as the events have them, in milliseconds; the clock of many systems ticks only about every 15.6 ms."

// tick says how far the times of events can be trusted. Files have whole milliseconds; mostly the clock behind them
// ticks less often.
func (b *diaryBuilder) tick(calls bool) string {
	if !calls {
		return ""
	}
	last := etl.Time(0)
	for i := range b.d.Events {
		t := b.d.Events[i].Time
		if d := diarySpan(last, t); !last.IsZero() && d > 0 && d < diaryTick/2 {
			return inMilliseconds
		}
		if !t.IsZero() {
			last = t
		}
	}
	return "These events are timed by a clock that ticks about every 15.6 ms: what is shorter shows as 0 ms, and other times are that much unsure."
}

// share returns a part of the whole in units of the time axis, and in words.
func (b *diaryBuilder) share(d time.Duration) (int, string) {
	if b.total <= 0 {
		return 0, ""
	}
	part := min(d.Seconds()/b.total.Seconds(), 1)
	if part > 0 && part < .005 {
		return 3, "<1 %"
	}
	return int(part * 1000), strconv.FormatFloat(part*100, 'f', 0, 64) + " %"
}

// bar returns a row of the time axis. An end of 0 is the end of the file.
func (b *diaryBuilder) bar(kind string, from, to etl.Time) diaryBar {
	end := to
	if to.IsZero() {
		end = max(b.q.End, b.q.Last)
	}
	bar := diaryBar{Kind: kind, Since: b.since(from), Took: diaryTook(diarySpan(from, end))}
	if b.total > 0 {
		at := func(t etl.Time) int {
			return int(min(max(diarySpan(b.q.Start, t).Seconds()/b.total.Seconds(), 0), 1) * 1000)
		}
		bar.X = at(from)
		bar.W = max(at(end)-bar.X, 3)
		bar.X = min(bar.X, 1000-bar.W)
	}
	return bar
}

// bars fills in what took time: calls of modules within each other, what was passed on to other servers, transfers.
func (b *diaryBuilder) bars() {
	q := b.q
	if b.total > 0 {
		for i := range 5 {
			mark := b.total * time.Duration(i) / 4
			if b.total < 10*time.Millisecond {
				b.v.Scale = append(b.v.Scale, strconv.FormatFloat(mark.Seconds()*1000, 'f', 1, 64)+" ms")
			} else {
				b.v.Scale = append(b.v.Scale, diaryTook(mark))
			}
		}
	}
	for i := range q.Calls {
		c := &q.Calls[i]
		kind, note := "call", ""
		switch {
		case c.End.IsZero():
			kind, note = "open", "did not end"
		case c.Async:
			kind, note = "async", "asynchronous"
		}
		if c.Code != 0 {
			note = strings.TrimPrefix(note+", completed with "+diaryCode(c.Code), ", ")
		}
		if c.Finished {
			note = strings.TrimPrefix(note+", ended the way through the pipeline", ", ")
		}
		bar := b.bar(kind, c.Start, c.End)
		bar.Depth, bar.Name, bar.Stage, bar.Note = min(c.Depth, maxDepth), clean(cmp.Or(c.Module, "(no name)")), diaryStage(c), note
		if kind == "open" {
			bar.Took = "at least " + bar.Took
		}
		if n, ok := b.index[c.Offset]; ok {
			bar.ID = b.link(n).ID
		}
		if kind == "call" && c.Duration() == 0 && note == "" {
			b.v.Brief = append(b.v.Brief, bar)
		} else {
			b.v.Bars = append(b.v.Bars, bar)
		}
	}
	b.v.Briefly = plural(len(b.v.Brief), "module call")
	b.transfers()
	if f := q.Failure(); f != nil && b.total > 0 {
		bar := b.bar("failure", f.Time, f.Time)
		bar.Name = "status " + f.Status.String()
		b.v.Failure = &bar
	}
	b.pauses()
}

// transfers adds the exchange with other servers and with the client to the time axis.
func (b *diaryBuilder) transfers() {
	q := b.q
	for i := range q.Forwards {
		f := &q.Forwards[i]
		name := f.By.String() + " > " + cmp.Or(clean(f.Server), when(f.By == freb.ARR, "a server"), "the application")
		step := func(kind, stage string, from, to etl.Time) {
			if from.IsZero() || !to.IsZero() && to < from {
				return
			}
			bar := b.bar(kind, from, to)
			bar.Name, bar.Stage = name, stage
			if to.IsZero() {
				bar.Took, bar.Note = "at least "+bar.Took, "no end is told"
			} else if to == f.End && f.Failed {
				bar.Note = strings.TrimSpace("failed " + diaryCode(f.Code))
				if f.Code == 0 {
					bar.Note = "failed"
				}
			}
			b.v.Bars = append(b.v.Bars, bar)
		}
		switch {
		case f.Sent.IsZero() && f.Answered.IsZero():
			step("forward", diaryPhase(f.Phase, ""), f.Start, f.End)
		default:
			step("forward", "passing it on", f.Start, cmp.Or(f.Sent, f.Answered))
			if !f.Sent.IsZero() {
				step("wait", "awaiting the answer", f.Sent, cmp.Or(f.Answered, f.End))
			}
			if !f.Answered.IsZero() {
				step("answer", "receiving the body", f.Answered, f.End)
			}
		}
	}
	for _, t := range []struct {
		kind, name string
		*freb.Transfer
	}{{"read", "request's body", &q.Read}, {"flush", "answer to the client", &q.Flush}} {
		if t.First.IsZero() {
			continue
		}
		end := t.Last
		if t.Open {
			end = 0
		}
		bar := b.bar(t.kind, t.First, end)
		bar.Name = t.name
		bar.Stage = plural(t.Count, "step") + ", " + thousands(t.Bytes) + " bytes"
		switch {
		case t.Code != 0:
			bar.Note = "failed " + diaryCode(t.Code)
		case t.Open:
			bar.Took, bar.Note = "at least "+bar.Took, "did not end"
		case t.Busy < t.Last.Sub(t.First):
			bar.Note = diaryTook(t.Busy) + " of it inside the steps"
		}
		b.v.Bars = append(b.v.Bars, bar)
	}
}

// pauses fills in the longest times without events, if they are longer than a tick or two and worth a tenth of the whole.
func (b *diaryBuilder) pauses() {
	type gap struct {
		d        time.Duration
		from, to int
	}
	var gaps []gap
	last := -1
	for i := range b.d.Events {
		t := b.d.Events[i].Time
		if t.IsZero() {
			continue
		}
		if last >= 0 {
			if d := diarySpan(b.d.Events[last].Time, t); b.long(d) {
				gaps = append(gaps, gap{d, last, i})
			}
		}
		last = i
	}
	slices.SortStableFunc(gaps, func(x, y gap) int { return cmp.Compare(y.d, x.d) })
	for _, g := range gaps[:min(len(gaps), 3)] {
		b.v.Pauses = append(b.v.Pauses, diaryPause{diaryTook(g.d), b.during(g.from, g.to), b.link(g.from), b.link(g.to)})
	}
}

// during returns the innermost call of a module that lasted from one event to a later one.
func (b *diaryBuilder) during(from, to int) string {
	for i := from; i >= 0; i-- {
		node := &b.tree[i]
		c := node.call
		if c == nil || c.Offset != b.d.Events[i].Offset { // it begins none
			continue
		}
		if node.end >= to || c.End.IsZero() {
			return clean(strings.TrimSpace(c.Module + " " + diaryStage(c)))
		}
	}
	return ""
}

// long reports whether a time without events is worth a look.
func (b *diaryBuilder) long(d time.Duration) bool { return d >= 2*diaryTick && d >= b.total/10 }

// forwards fills in what was passed on to other servers.
func (b *diaryBuilder) forwards() {
	for i := range b.q.Forwards {
		f := &b.q.Forwards[i]
		out := diaryForward{Title: f.By.String()}
		if f.Server != "" {
			out.Title += " > " + excerpt(f.Server, longestHead)
		}
		if n := len(b.q.Forwards); n > 1 {
			out.Title = fmt.Sprintf("Attempt %d of %d: %s", i+1, n, out.Title)
		}
		add := func(name, value, note string) {
			if value != "" {
				out.Facts = append(out.Facts, diaryFact{name, excerpt(value, longestValue), clean(note)})
			}
		}
		add("Farm", f.Farm, "")
		add("Server", f.Server, f.State)
		add("Chosen by", f.Algorithm, f.RoutingReason)
		if f.Algorithm == "" {
			add("Chosen by", f.RoutingReason, "")
		}
		if c := f.Counters; c != nil {
			add("The server then", plural(int(min(c.TotalRequests, math.MaxInt32)), "request"), fmt.Sprintf("%s failed, %s at that moment, %s on average",
				thousands(c.FailedRequests), thousands(c.CurrentRequests), diaryTook(c.ResponseTime)))
		}
		at := func(name string, t etl.Time) { add(name, b.since(t), "") }
		at("Passed on at", f.Start)
		at("Request was out at", f.Sent)
		at("Headers were in at", f.Answered)
		switch {
		case f.Failed:
			add("Failed at", b.since(f.End), diaryPhase(f.Phase, "while "))
			if f.Code != 0 {
				add("Error", diaryCode(f.Code), when(!strings.HasPrefix(f.Text, "("), diaryQuote(f.Text)))
			}
			if w := f.Waited(); w > 0 {
				add("No progress for", diaryTook(w), "before it failed: what a time limit compares with")
			}
		case f.Phase == freb.Completed:
			add("Answered at", b.since(f.End), "whole")
		default:
			add("Came to", diaryPhase(f.Phase, ""), "no end is told")
		}
		b.v.Forwards = append(b.v.Forwards, out)
	}
}

// diaryPhase says how far an exchange with another server came; lead goes in front of a step.
func diaryPhase(p freb.Phase, lead string) string {
	switch p {
	case freb.Routed:
		return "no event tells in which step"
	case freb.Forwarding:
		return lead + "resolving, connecting, TLS or sending: no event tells which"
	case freb.Routing:
		return "no server was found for it"
	}
	return lead + p.String()
}

// diaryQuote writes what IIS says, in the marks that tell it from other words.
func diaryQuote(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return ""
	}
	return "\u201c" + s + "\u201d"
}
