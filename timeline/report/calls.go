package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/etwhy/etwhy/timeline"
)

// A request that an application was working on, and the call that failed while it did, are one trouble: the call tells
// the cause, the request what came of it. Where that is likely, they are one finding; where it is only possible, they
// are two, the cause first.

// others returns the requests of a kind that one is related with, the likeliest first. Views of the request itself are
// of no such kind.
func others(r *timeline.Request, kind string) (list []timeline.Related) {
	for _, q := range r.Related {
		if q.Request != nil && q.Kind == kind {
			list = append(list, q)
		}
	}
	return list
}

// cause returns the call that may be why a request failed.
func cause(r *timeline.Request) (q timeline.Related, ok bool) {
	if list := others(r, timeline.RelatedCall); len(list) > 0 {
		return list[0], true
	}
	return q, false
}

// callsOf returns the calls among requests that others came in for, each without a group yet.
func callsOf(requests []*timeline.Request, outcome timeline.Outcome) map[*timeline.Request]*group {
	calls := map[*timeline.Request]*group{}
	for _, r := range requests {
		if r.Outcome == outcome && len(others(r, timeline.RelatedCaller)) > 0 {
			calls[r] = nil
		}
	}
	return calls
}

// behind returns the group of the first call that requests of this one possibly failed because of; nil if fewer than half
// of them did.
func (g *group) behind(calls map[*timeline.Request]*group) (first *group) {
	n := 0
	for _, r := range g.requests {
		if q, ok := cause(r); ok && calls[q.Request] != nil {
			n++
			first = cmp.Or(first, calls[q.Request])
		}
	}
	if 2*n < len(g.requests) {
		return nil
	}
	return first
}

// consequence says in the title of a group what likely came of it.
func (g *group) consequence() string {
	n := len(g.came)
	if n == 0 {
		return ""
	}
	r := g.came[0]
	what := strings.TrimSpace(r.Method + " " + shorten(shortURL(r.URL), 40))
	if n > 1 || what == "" {
		what = plural(n, "request") + " that came in"
	}
	end := fmt.Sprintf("%s answered %d", either(n, "was", "were"), r.Status)
	if slices.ContainsFunc(g.came, func(q *timeline.Request) bool { return q.Status != r.Status }) {
		end = "failed"
	}
	return fmt.Sprintf("; likely because of that, %s %s", what, end)
}

// calls says what came of a group, or what it came of, as far as that is known to be possible; each as a sentence.
func (s *screen) calls(g *group) (told []string) {
	tell := func(kind string, sentence func(*timeline.Request, []timeline.Related) string) {
		var of *timeline.Request
		var likeliest []timeline.Related
		for _, r := range slices.Concat([]*timeline.Request{g.first()}, g.requests) {
			if list := others(r, kind); len(list) > 0 && (of == nil || list[0].Confidence > likeliest[0].Confidence) {
				of, likeliest = r, list
			}
		}
		if of != nil {
			told = append(told, sentence(of, likeliest))
		}
	}
	name := func(r *timeline.Request) string {
		t := strings.TrimSpace(r.Method + " " + shorten(webAddress(r.URL), s.width/2))
		if r.Client != "" {
			t += " from " + r.Client
		}
		return strings.TrimSpace(t + " (" + r.ID + ")")
	}
	tell(timeline.RelatedCaller, func(c *timeline.Request, list []timeline.Related) string {
		this := "this call"
		if len(g.requests) > 1 {
			this = c.ID
		}
		if len(list) > 1 {
			var names []string
			for _, q := range list {
				names = append(names, name(q.Request))
			}
			return fmt.Sprintf("Which request %s was made for cannot be told. These were under way when it failed, and failed as well (by %s): %s.",
				this, list[0].By, strings.Join(names, ", "))
		}
		q := list[0]
		t := fmt.Sprintf("What came of it, %s: %s was answered %s after %s. It was under way when %s failed (by %s).",
			sureWords[q.Confidence], name(q.Request), status(q.Request), took(q.Request.Duration()), this, q.By)
		more := len(g.came)
		if slices.Contains(g.came, q.Request) {
			more--
		}
		if more > 0 {
			t += fmt.Sprintf(" So %s %s more, %s own call.", either(more, "was", "were"), thousands(more), either(more, "with its", "each with its"))
		}
		return t
	})
	tell(timeline.RelatedCall, func(r *timeline.Request, list []timeline.Related) string {
		q := list[0]
		these := "this request was"
		if len(g.requests) > 1 {
			these = r.ID + " was"
		}
		if len(others(q.Request, timeline.RelatedCaller)) > 1 {
			these = strings.TrimSuffix(these, " was") + " and others were"
		}
		return fmt.Sprintf("%s why: %s, a call that failed while %s under way (by %s): %s",
			begun(sureWords[q.Confidence]), q.Request.ID, these, q.By, sentence(q.Text))
	})
	return told
}

// callWords say what another request is to one, by kind.
var callWords = map[string]string{
	timeline.RelatedCall:   "a call that failed while this request was under way",
	timeline.RelatedCaller: "a request that this call may have been made for",
}

var sureWords = map[timeline.Confidence]string{timeline.Possible: "possibly", timeline.Likely: "likely", timeline.Certain: "certainly"}
