package incidenttest

import (
	"cmp"
	"slices"

	"github.com/etwhy/etwhy/timeline"
)

// Answer returns the verdict that a screen begins with: that of the largest group of requests that failed, else of
// those that were given up, else of those that went well and are odd all the same; without any, what the files
// of a machine tell. nil if there is none. What may have come of a call that failed stands behind that.
func Answer(res *timeline.Result) *timeline.Verdict {
	for _, outcome := range []timeline.Outcome{timeline.Failed, timeline.Cancelled, timeline.OK} {
		type alike struct {
			id, server string
			sure       timeline.Confidence
		}
		groups := map[alike][]*timeline.Request{}
		var order []alike
		for _, r := range res.Requests {
			if r.Outcome != outcome || r.Verdict == nil || r.Traffic == timeline.Probe || slices.ContainsFunc(r.Related, isCall) {
				continue
			}
			key := alike{r.Verdict.ID, r.Server, r.Verdict.Confidence}
			if groups[key] == nil {
				order = append(order, key)
			}
			groups[key] = append(groups[key], r)
		}
		slices.SortStableFunc(order, func(a, b alike) int { return cmp.Compare(len(groups[b]), len(groups[a])) })
		if len(order) > 0 {
			return groups[order[0]][0].Verdict
		}
	}
	if len(res.Discoveries) > 0 {
		return res.Discoveries[0].Verdict
	}
	return nil
}

func isCall(q timeline.Related) bool { return q.Kind == timeline.RelatedCall }
