package timeline

import (
	"strings"

	"github.com/etwhy/etwhy/etl"
)

// fileNames are what the kinds of files are called that rules ask for.
var fileNames = map[Kind]string{
	KindIISLog:     "the IIS log",
	KindHTTPERR:    "HTTPERR",
	KindFREB:       "Failed Request Tracing",
	KindConfig:     "applicationHost.config",
	systemLog:      "System.evtx",
	applicationLog: "Application.evtx",
}

// tells reports whether the files of a machine, or the witnesses of the request there, tell what one of a kind would.
func (x *scene) tells(m *Machine, kind Kind, witness *Request) bool {
	switch {
	case witness.by(kind) != nil:
		return true
	case m == nil || kind == KindFREB: // that has a file for each request
		return false
	case kind == KindConfig:
		return m.settings.Host() != nil
	}
	return m.covers(kind, x.at(m, x.r.Start)) && m.covers(kind, x.at(m, x.end()))
}

// wanted asks for the files that would tell more, as far as they are not there: those of the server behind, and those
// of the machine that the request was seen at.
func (x *scene) wanted(behind, here []Kind) []string {
	list := func(kinds []Kind, m *Machine, witness *Request) (names []string, timed bool) {
		for _, k := range kinds {
			if !x.tells(m, k, witness) {
				names = append(names, fileNames[k])
				timed = timed || k != KindConfig // that speaks of no time
			}
		}
		return names, timed && !x.r.Start.IsZero()
	}
	var out []string
	span := func(timed bool) string {
		if !timed {
			return ""
		}
		return " for {span}"
	}
	if names, timed := list(behind, x.back, x.behind); len(names) > 0 {
		of := "{address}"
		switch {
		case x.r.Server != "":
		case x.back != nil:
			of = x.back.called()
		case x.r.Proxied:
			of = "the content server"
		}
		out = append(out, "from "+of+" get "+enumerate(names)+span(timed)+", put "+either(len(names), "it", "them")+" in this folder and run again")
	}
	if names, timed := list(here, x.front, x.r); len(names) > 0 {
		text := "from this machine add " + strings.ReplaceAll(enumerate(names), "the IIS log", "its IIS log")
		if len(out) == 0 { // else the time has been said
			text += span(timed)
		}
		out = append(out, text)
	}
	return out
}

// enumerate writes a list: a, b and c.
func enumerate(list []string) string {
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
	return strings.Join(list, "")
}

// unsettled is how far the clocks of two machines may be apart where no exchange that an id proves tells.
const unsettled = 5 * Minute

// slack is how far the times of a machine may be off those of the request's for all that is known.
func (x *scene) slack(m *Machine) etl.Time { return clockSlack(x.front, m) }

// clockSlack is how far the times of two machines may be apart after what is known of their clocks, beyond their offset.
func clockSlack(a, b *Machine) etl.Time {
	if a == b || b.ClockPairs > 0 && b.ClockFrom == a.Name || a.ClockPairs > 0 && a.ClockFrom == b.Name {
		return 0
	}
	return unsettled
}
