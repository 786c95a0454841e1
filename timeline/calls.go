package timeline

import (
	"cmp"
	"slices"
	"strings"
	"unique"

	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/etl"
)

// An application that works on a request calls other servers. If such a call fails, the request that it was made for
// often does as well:
//
//	came in   ├─────────────────────────────┤ 500
//	call          ├──────────────────┤ 10060
//	                                 ├ soon ─┤
//
// That is one trouble and two requests, neither a witness of the other. No id says so: the process, or the pool, and
// the times do, so that it is likely at most. Of several requests that came in, nothing tells for which the call was
// made: the first few are listed, each as no more than possible.

// Kinds of [Related] that are no views of the same exchange.
const (
	RelatedCall   = "call"   // of a request that came in: a call that failed while it was under way; the likeliest first
	RelatedCaller = "caller" // of such a call: a request that it may have been made for
)

// Ways in which a call is known to be of a request that came in.
const (
	byProcessTime   = "process and time"
	byPoolTime      = "application pool and time"
	byExceptionTime = "time, and an unhandled exception in the calling process"
	byMachineTime   = "machine and time"
)

const (
	soon       = etl.Second           // after a call has failed, the request that it was made for is answered
	clockTick  = 20 * etl.Millisecond // of logs and Failed Request Tracing
	maxEndings = 500                  // requests that ended at the time: more are not told apart
)

// A call is what may be why a request that came in failed.
type call struct {
	*Request
	by   string
	sure Confidence
}

// joinCalls relates the calls that failed with the requests that came in and failed for no other reason that is known.
// Call it once they are judged.
func (b *Builder) joinCalls() {
	served := map[*Machine][]*Request{}
	for _, r := range b.requests {
		if r.Side == Server && r.Outcome == Failed && !r.End.IsZero() && r.Verdict != nil && r.Verdict.ID == "HTTP-5xx" && r.SubStatus == 0 {
			served[b.on(r)] = append(served[b.on(r)], r)
		}
	}
	if len(served) == 0 {
		return
	}
	for _, list := range served {
		slices.SortStableFunc(list, func(x, y *Request) int { return cmp.Compare(x.End, y.End) })
	}
	made := map[*Request][]call{}
	for _, c := range b.requests {
		if c.Side == Client && c.Outcome == Failed && !c.Proxied && c.Traffic != Probe && !c.End.IsZero() && c.Verdict != nil {
			b.findCallers(c, served[b.on(c)], made)
		}
	}
	for _, list := range served {
		for _, r := range list {
			r.blame(made[r])
		}
	}
}

// findCallers lists the requests that a call may have been made for, of those that came in at its machine, by end.
func (b *Builder) findCallers(c *Request, served []*Request, made map[*Request][]call) {
	from, _ := slices.BinarySearchFunc(served, c.End-etl.Second-clockTick, func(r *Request, t etl.Time) int { return cmp.Compare(r.End, t) })
	n := 0
	var callers []*Request
	var ways []call
	for _, r := range served[from:] {
		if r.End > c.End+soon || len(callers) == maxRivals {
			break
		}
		if n++; n > maxEndings {
			break
		}
		if !r.spans(c) {
			continue
		}
		if by, sure := b.calledBy(c, r); by != "" {
			callers, ways = append(callers, r), append(ways, call{c, by, sure})
		}
	}
	for i, r := range callers {
		w := ways[i]
		if len(callers) > 1 || n > maxEndings {
			w.sure = Possible
		}
		made[r] = append(made[r], w)
		c.Related = append(c.Related, Related{
			Input: r.Input, Kind: RelatedCaller, By: w.by, Confidence: w.sure, Time: r.End, Text: unique.Make(r.line()).Value(), Place: r.where(), Request: r,
		})
	}
}

// spans reports whether a request that came in was under way all the time that a call took, and ended soon after.
func (r *Request) spans(c *Request) bool {
	cut := etl.Time(0)
	if r.sight != nil && r.sight.coarse {
		cut = etl.Second
	}
	// It was up to so much later than its log says.
	least, most := max(c.End-r.End-clockTick, 0), min(c.Start-r.Start+clockTick, cut)
	return least <= most && r.End <= c.End+soon
}

// calledBy says how a call is known to be from the program that worked on a request of the same machine, and how sure
// that makes it; "" if it is known to be from another one, or from no web application.
func (b *Builder) calledBy(c, r *Request) (by string, sure Confidence) {
	excepted := func(o *occurrence) bool { return o.PID == c.PID }
	switch {
	case c.PID != 0 && r.PID != 0:
		return eitherWay(c.PID == r.PID, byProcessTime)
	case c.AppPool != "" && r.AppPool != "":
		return eitherWay(strings.EqualFold(c.AppPool, r.AppPool), byPoolTime)
	case !isWorker(c.Process) && c.Process != "":
		return "", 0
	case c.PID != 0 && slices.ContainsFunc(b.on(c).during(c.End-clockTick, c.End+soon, "", eventlog.RequestException), excepted):
		return byExceptionTime, Likely
	}
	return byMachineTime, Possible
}

func eitherWay(same bool, by string) (string, Confidence) {
	if same {
		return by, Likely
	}
	return "", 0
}

// blame lists the calls that may be why a request that came in failed.
func (r *Request) blame(calls []call) {
	if len(calls) == 0 {
		return
	}
	slices.SortStableFunc(calls, func(x, y call) int {
		return cmp.Or(cmp.Compare(y.sure, x.sure), cmp.Compare(y.End, x.End))
	})
	for _, c := range calls[:min(len(calls), maxRivals)] {
		r.Related = append(r.Related, Related{
			Input: c.Input, Kind: RelatedCall, By: c.by, Confidence: c.sure, Time: c.End, Text: c.Verdict.Title, Request: c.Request,
		})
	}
	v := *r.Verdict // its texts may be those of others
	if rest, ok := strings.CutPrefix(v.Open, "why: "); ok {
		v.Open = "whether the call that failed is why: " + rest
	}
	r.Verdict = &v
}
