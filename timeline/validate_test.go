package timeline_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/timeline"
)

// validate checks what must hold of every result, whatever the input.
func validate(t testing.TB, res *timeline.Result) {
	t.Helper()
	for i, r := range res.Requests {
		bad := func(format string, args ...any) {
			t.Helper()
			t.Errorf("%s: "+format, append([]any{describe(r)}, args...)...)
		}
		if r.ID != "r"+strconv.Itoa(i+1) {
			bad("id is not r%d", i+1)
		}
		if i > 0 && r.Start < res.Requests[i-1].Start {
			bad("starts before the one before it")
		}
		if r.Partial == timeline.PartialStart && r.Duration() != 0 {
			bad("takes %v from an unknown start", r.Duration())
		}
		ended := !r.End.IsZero()
		switch {
		case r.Start.IsZero():
			bad("no start")
		case ended && r.End < r.Start:
			bad("ends %v before it starts", r.Duration())
		case ended == (r.Outcome == timeline.Unfinished):
			bad("end %v", r.End)
		}
		troubled := r.Outcome == timeline.Failed || r.Outcome == timeline.Cancelled
		switch {
		case troubled != (r.Verdict != nil):
			bad("verdict %v", r.Verdict)
		case r.Outcome != timeline.Failed && (r.Error != 0 || r.WinHTTP.Code != 0 || r.Timer != nil):
			bad("an error, but not failed")
		case r.Outcome == timeline.OK && r.Phase != "":
			bad("a phase, but nothing stopped")
		case (r.WinHTTP.Code == 0) != (r.WinHTTP.From == timeline.FromNowhere):
			bad("WinHTTP code %d from %v", r.WinHTTP.Code, r.WinHTTP.From)
		case r.Error == 995 || r.Error == 12017 || r.Error == 997:
			bad("the error is an effect")
		}
		stopped := false
		for j, p := range r.Phases {
			unknown := p.Start.IsZero()
			switch {
			case unknown && (r.Partial != timeline.PartialStart || p.Duration() != 0):
				bad("phase %s starts at a time that nobody knows, and takes %v", p.Name, p.Duration())
			case !unknown && p.Start < r.Start:
				bad("phase %s starts before the request", p.Name)
			case !p.End.IsZero() && p.End < p.Start:
				bad("phase %s ends before it starts", p.Name)
			case ended && (p.End > r.End || p.End.IsZero()):
				bad("phase %s ends after the request", p.Name)
			case j > 0 && p.Start < r.Phases[j-1].Start:
				bad("phase %s is out of order", p.Name)
			case p.Error != 0 && p.Outcome != timeline.Failed:
				bad("phase %s has an error and is %s", p.Name, p.Outcome)
			case p.Outcome == timeline.Unfinished && ended:
				bad("phase %s is unfinished", p.Name)
			}
			stopped = stopped || p.Name == r.Phase && p.Outcome == r.Outcome
		}
		if r.Phase != "" && len(r.Phases) > 0 && !stopped {
			bad("no phase has the outcome of the request")
		}
		if v := r.Verdict; v != nil && r.Side == timeline.Client {
			// A phase that failed lasts until what stopped it, or until the next attempt.
			for j, p := range r.Phases {
				marked := slices.ContainsFunc(v.Evidence, func(e timeline.Evidence) bool { return e.Time == p.End })
				repeated := slices.ContainsFunc(r.Phases[j+1:], func(next timeline.Phase) bool { return next.Start >= p.End })
				switch {
				case p.Outcome == timeline.OK || p.End == r.End || marked || repeated:
				case p.Name == r.Phase && p.Outcome == r.Outcome || p.Outcome == timeline.Failed:
					bad("phase %s ends %v before the request, when nothing happened", p.Name, r.End.Sub(p.End))
				}
			}
			key := 0
			for _, e := range v.Evidence {
				if e.Key {
					key++
				}
			}
			if len(v.Evidence) > 8 || len(v.Evidence) > 0 && key == 0 {
				bad("%d lines of evidence, the verdict rests on %d", len(v.Evidence), key)
			}
		}
		if r.Verdict != nil && r.Marks != nil {
			bad("marks that the verdict quotes are kept")
		}
		if n := len(r.Attempts); n > 0 && r.Attempts[n-1].Status != r.Status {
			bad("status of the last attempt is %d", r.Attempts[n-1].Status)
		}
		if v := r.Verdict; v != nil {
			if v.ID == "" || v.Title == "" || v.Confidence > timeline.Likely {
				bad("verdict %+v", v)
			}
			if !slices.IsSortedFunc(v.Evidence, func(a, b timeline.Evidence) int { return int(a.Time - b.Time) }) {
				bad("evidence out of order")
			}
			for _, n := range v.Rejected {
				if n.ID == v.ID {
					bad("the verdict rejects itself")
				}
			}
		}
	}
	for _, s := range timeline.Servers(slices.Values(res.Requests)) {
		if s.Connected > s.Tried || s.Failed > s.Tried || s.FirstByte.Median > s.FirstByte.P95 || s.FirstByte.P95 > s.FirstByte.Slowest {
			t.Errorf("server %+v does not add up", s)
		}
	}
}

// validateTexts checks the sentences of the verdicts, of input that has nothing odd in its names.
func validateTexts(t testing.TB, res *timeline.Result) {
	t.Helper()
	for _, r := range res.Requests {
		v := r.Verdict
		if v == nil {
			continue
		}
		texts := slices.Concat([]string{v.Title, v.Open}, v.Context, v.DoNow, v.FindOut)
		for _, n := range v.Rejected {
			texts = append(texts, n.Why)
		}
		for _, e := range v.Evidence {
			texts = append(texts, e.Text)
		}
		for _, text := range texts {
			if strings.ContainsAny(text, "{}") || strings.Contains(text, "  ") || text != strings.TrimSpace(text) {
				t.Errorf("%s: text %q", describe(r), text)
			}
		}
	}
}
