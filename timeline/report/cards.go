package report

import (
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// A card is what is told of the requests that ended alike, in words, for formats that are not as wide as a terminal.
type card struct {
	group      *group
	discovery  *timeline.Verdict   // instead of group: what the files tell although no request shows it
	Headline   string              // a sentence: "2 x nothing answered at 10.0.0.12:80."
	Sentence   string              // the same as the only answer: "2 of 41 requests failed: nothing answered at 10.0.0.12:80."
	Outcome    timeline.Outcome    //
	Count      int                 // requests
	Request    *timeline.Request   // that stands for them
	IDs        []string            // of all
	Facts      []string            // which request it is: method and URL, way, when, pool, answer
	Stage      string              // in what it ended, and where; "" = the headline says it
	Confidence timeline.Confidence //
	Sure       string              // a sentence or more behind the word of Confidence: which files agree, by what; the error
	Evidence   []proof             // what it rests on, in the order of time
	Clocks     []string            // whose clock was moved
	Lesser     string              // of how many it is less sure
	Candidates string              // what may be of the same request, and is not joined
	Context    []string            // observed beside the evidence
	OpenLabel  string              // "Cannot be told from this side"
	Open       string              // what cannot be told
	Not        []string            // neighbouring causes with why not
	DoNow      []string            //
	FindOut    []string            //
}

// A proof is one observation that a verdict rests on.
type proof struct {
	Time   etl.Time // by the clock of the request's machine; 0 = unknown
	When   string   // of day, as finely as the file tells; "" = unknown
	Label  string   // ARR trace, server log
	Text   string
	Source string // file, with line or event: u_ex260718.log:5, WAS 5002
	Path   string // of the input
}

// cards returns what is to be told: failed requests by cause, the largest group first; then those without an end, given
// up, and odd ones; then discoveries that no request shows.
func (a *Analysis) cards() []card { return nil }
