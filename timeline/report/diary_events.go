package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
)

// Bounds on what the page shows of one file.
const (
	longestValue = 20_000 // characters of a value
	longestLine  = 600    // characters of a value that is shown without being asked for
	mostLines    = 60     // lines, likewise
	maxDepth     = 12     // of the indentation
	maxBoxes     = 15     // groups of events that can be hidden each by itself
	manyAlike    = 20     // events with the same name, from which on they are such a group
)

// A diaryEvent is an event as a row.
type diaryEvent struct {
	ID       string
	Number   string
	Class    string // of the row: its group, and whether it is a warning or an error
	Clock    string // RFC 3339
	Since    string
	Delta    string // since the event before; "" = none
	Long     bool   // Delta is worth a look
	Level    string
	Severity string // bad, warn, ""
	Name     string
	Depth    int
	Took     string // from this event to the one that ends what it begins
	Area     string
	Kind     string // anchor
	Inside   string // module and notification
	Thread   string
	Fields   []diaryField
	Own      []diaryFact // what System tells otherwise than of most events
}

// A diaryField is one value of an event.
type diaryField struct {
	Name    string
	Value   string
	Lines   string // instead of Value: it has several lines
	Folded  string // not empty: it is long; how long
	Meaning string // of a number
	Text    string // IIS' own about the value
	Same    bool   // it says no more than the activity in the head
}

// A diaryGroup is a box that shows and hides the events of an area, or those with a name that there are many of.
type diaryGroup struct {
	Class string
	Name  string
	Count int
}

// A diaryKind is what System and ExtendedTracingInfo tell alike of all events with a name.
type diaryKind struct {
	ID, Name                      string
	Source, Provider, Class       string
	Event, Version, Opcode, Level string
	Keywords, Area, Culture       string
	Count                         int
}

// A diaryNode is the place of an event in the tree of calls.
type diaryNode struct {
	depth int
	end   int        // index of the event that ends what this one begins; 0 = none
	call  *freb.Call // of a module, that the event is within or begins; nil = none
}

// diaryPairs are the endings by which names of events tell a beginning from an end.
var diaryPairs = []struct{ begin, end string }{{"_START", "_END"}, {"Enter", "Leave"}, {"Begin", "End"}}

// diaryBegins tells whether an event begins something, and the name of the event that ends it.
func diaryBegins(name string) (begins bool, end string) {
	for _, p := range diaryPairs {
		if stem, ok := strings.CutSuffix(name, p.begin); ok && stem != "GENERAL_REQUEST" { // which is everything
			return true, stem + p.end
		}
	}
	return false, ""
}

// diaryCall returns which call an event begins or ends.
func diaryCall(ev *freb.Event) freb.Call {
	n, _ := ev.Uint("Notification")
	return freb.Call{
		Module: ev.Value("ModuleName"), Notification: freb.Notification(n),
		Post: ev.Bool("fIsPostNotification") || ev.Bool("fIsPostNotificationEvent"),
	}
}

// diaryTree finds which events are within what others begin and end. Beginnings without end count only for modules, where
// the file ends before.
func diaryTree(events []freb.Event, q *freb.Request) []diaryNode {
	calls := map[int64]*freb.Call{}
	for i := range q.Calls {
		calls[q.Calls[i].Offset] = &q.Calls[i]
	}
	tree := make([]diaryNode, len(events))
	type begun struct {
		index   int
		end     string
		call    freb.Call // module and notification
		pending int       // event by which the module left its thread, 0 = it did not
	}
	var stack []begun
	// unwind gives up what was begun inside another one and has no end.
	unwind := func(n int) {
		for _, s := range stack[n:] {
			tree[s.index].end = s.pending
		}
		stack = stack[:n]
	}
	for i := range events {
		ev := &events[i]
		if begins, end := diaryBegins(ev.Name); begins {
			if len(stack) < 10*maxDepth { // deeper than any file; each end looks through it
				stack = append(stack, begun{i, end, diaryCall(ev), 0})
			}
			continue
		}
		name := ev.Name
		if name == "NOTIFY_MODULE_COMPLETION" {
			name = "NOTIFY_MODULE_END"
		}
		call := freb.Call{}
		for j := len(stack) - 1; j >= 0; j-- {
			s := &stack[j]
			if s.end != name {
				continue
			}
			if call == (freb.Call{}) {
				call = diaryCall(ev)
			}
			if s.call != call {
				continue
			}
			unwind(j + 1)
			if name == ev.Name && ev.Value("NotificationStatus") == "1" {
				s.pending = i // it goes on: a completion comes
				break
			}
			tree[s.index].end = i
			stack = stack[:j]
			break
		}
	}
	for _, s := range stack {
		tree[s.index].end = s.pending
		if c := calls[events[s.index].Offset]; c != nil && c.End.IsZero() {
			tree[s.index].end = len(events)
		}
	}
	type open struct {
		end  int
		call *freb.Call
	}
	var inside []open
	for i := range tree {
		for len(inside) > 0 && inside[len(inside)-1].end < i {
			inside = inside[:len(inside)-1]
		}
		depth := len(inside)
		if depth > 0 && inside[depth-1].end == i { // an end stands as deep as its beginning
			depth--
		}
		tree[i].depth = depth
		if n := len(inside); n > 0 {
			tree[i].call = inside[n-1].call
		}
		if c := calls[events[i].Offset]; c != nil {
			tree[i].call = c
		}
		if tree[i].end > i {
			inside = append(inside, open{tree[i].end, tree[i].call})
		}
		if tree[i].end == len(events) {
			tree[i].end = 0
		}
	}
	return tree
}

// diaryMeaning says what a number means that IIS says nothing about; "" = it is plain.
func diaryMeaning(ev *freb.Event, f freb.Field) string {
	n, err := strconv.ParseUint(f.Value, 0, 32)
	switch f.Name {
	case "ErrorCode":
		if c, _ := ev.Code(f.Name); c > 0xFFFF {
			return diaryCode(c)
		} else if c != 0 {
			return winerr.Name(c)
		}
	case "Notification":
		if err == nil && f.Text == "" {
			return freb.Notification(n).String()
		}
	case "NotificationStatus":
		if name := diaryStates[n]; err == nil && f.Text == "" && !strings.HasPrefix(ev.Name, "FILTER_") {
			return name
		}
	case "InternetStatus":
		if err == nil && f.Text == "" {
			return diaryCallbacks[n]
		}
	}
	return ""
}

// diaryStates are what modules return (NotificationStatus).
var diaryStates = map[uint64]string{0: "CONTINUE", 1: "PENDING", 2: "FINISH_REQUEST"}

// diaryCallbacks are WinHTTP's callback states (winhttp.h, WINHTTP_CALLBACK_STATUS_*) in the events of the ASP.NET
// Core Module.
var diaryCallbacks = map[uint64]string{
	0x1: "RESOLVING_NAME", 0x2: "NAME_RESOLVED", 0x4: "CONNECTING_TO_SERVER", 0x8: "CONNECTED_TO_SERVER",
	0x10: "SENDING_REQUEST", 0x20: "REQUEST_SENT", 0x40: "RECEIVING_RESPONSE", 0x80: "RESPONSE_RECEIVED",
	0x100: "CLOSING_CONNECTION", 0x200: "CONNECTION_CLOSED", 0x400: "HANDLE_CREATED", 0x800: "HANDLE_CLOSING",
	0x10000: "SECURE_FAILURE", 0x20000: "HEADERS_AVAILABLE", 0x40000: "DATA_AVAILABLE", 0x80000: "READ_COMPLETE",
	0x100000: "WRITE_COMPLETE", 0x200000: "REQUEST_ERROR", 0x400000: "SENDREQUEST_COMPLETE",
}

// fields returns the values of an event.
func (b *diaryBuilder) fields(ev *freb.Event) []diaryField {
	out := make([]diaryField, 0, len(ev.Fields))
	for _, f := range ev.Fields {
		field := diaryField{Name: clean(f.Name), Meaning: diaryMeaning(ev, f), Text: excerpt(strings.TrimSpace(f.Text), longestValue)}
		value, length := first(f.Value, longestValue)
		if strings.ContainsAny(strings.TrimRight(value, "\r\n"), "\r\n") {
			lines := strings.Split(strings.TrimRight(strings.ReplaceAll(value, "\r\n", "\n"), "\n"), "\n")
			for i := range lines {
				lines[i] = clean(lines[i])
			}
			field.Lines = strings.Join(lines, "\n")
			if len(lines) > mostLines {
				field.Folded = thousands(len(lines)) + " lines, "
			}
		} else {
			field.Value = clean(value)
		}
		switch {
		case length > longestValue:
			field.Folded = fmt.Sprintf("the first %s of %s characters", thousands(longestValue), thousands(length))
		case length > longestLine && field.Lines == "" || field.Folded != "":
			field.Folded += thousands(length) + " characters"
		}
		field.Same = len(f.Value) < 40 && !b.q.Activity.IsZero() && strings.EqualFold(strings.Trim(f.Value, "{}"), b.q.Activity.String())
		out = append(out, field)
	}
	return out
}

// A diarySystem is what System and RenderingInfo tell of most events alike.
type diarySystem struct {
	PID      uint32
	Computer string
	Activity etl.GUID
}

// events fills in every event.
func (b *diaryBuilder) events() {
	events := b.d.Events
	usual := mostCommon(events, func(ev *freb.Event) diarySystem { return diarySystem{ev.PID, ev.Computer, ev.Activity} })
	b.shared(usual)
	values := 0
	alike := map[string]int{}
	for i := range events {
		alike[events[i].Name]++
	}
	last := etl.Time(0)
	b.v.Events = make([]diaryEvent, 0, len(events))
	for i := range events {
		ev, node := &events[i], &b.tree[i]
		link := b.link(i)
		row := diaryEvent{
			ID: link.ID, Number: link.Text, Since: b.since(ev.Time), Level: diaryLevel(ev.Level),
			Severity: diaryLevelSeverity(ev.Level), Name: cmp.Or(clean(ev.Name), "(no name)"),
			Depth: min(node.depth, maxDepth), Area: cmp.Or(clean(ev.Area), "General"), Fields: b.fields(ev),
		}
		values += len(ev.Fields)
		if !ev.Time.IsZero() {
			row.Clock = ev.Time.String()
			if !last.IsZero() {
				d := diarySpan(last, ev.Time)
				row.Delta, row.Long = diaryDelta(d), b.long(d)
			}
			last = ev.Time
		}
		if ev.TID != 0 {
			row.Thread = strconv.FormatUint(uint64(ev.TID), 10)
		}
		if c := node.call; c != nil {
			if c.Offset == ev.Offset {
				switch {
				case c.End.IsZero():
					row.Took = "did not end"
				case c.Async:
					row.Took = diaryTook(c.Duration()) + ", asynchronous"
				case c.Duration() > 0:
					row.Took = diaryTook(c.Duration())
				}
			}
			row.Inside = clean(c.Module)
		}
		if row.Took == "" && node.end > i && !ev.Time.IsZero() && events[node.end].Time > ev.Time {
			row.Took = diaryTook(diarySpan(ev.Time, events[node.end].Time))
		}
		group := row.Area
		if alike[ev.Name] >= manyAlike && !strings.HasPrefix(ev.Name, "NOTIFY_MODULE_") {
			group = row.Name
		}
		row.Class, row.Kind = b.group(group), b.kind(ev)
		if row.Severity != "" {
			row.Class += " " + row.Severity
		}
		if ev.PID != usual.PID {
			row.Own = append(row.Own, diaryFact{Name: "process", Value: strconv.FormatUint(uint64(ev.PID), 10)})
		}
		if ev.Computer != usual.Computer {
			row.Own = append(row.Own, diaryFact{Name: "computer", Value: clean(ev.Computer)})
		}
		if ev.Activity != usual.Activity {
			row.Own = append(row.Own, diaryFact{Name: "activity", Value: diaryGUID(ev.Activity)})
		}
		b.v.Events = append(b.v.Events, row)
	}
	b.v.Counts = plural(len(events), "event") + " with " + plural(values, "value")
}

// diaryDelta writes the time since the event before: nothing within a tick of the clock. Clocks are set back now and then.
func diaryDelta(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d < 0:
		return diarySeconds(d)
	}
	return "+" + diarySeconds(d)
}

// mostCommon returns the property that most events have.
func mostCommon[T comparable](events []freb.Event, property func(*freb.Event) T) (most T) {
	counts := map[T]int{}
	for i := range events {
		p := property(&events[i])
		if counts[p]++; counts[p] > counts[most] {
			most = p
		}
	}
	return most
}

// shared fills in what is told of most events alike.
func (b *diaryBuilder) shared(s diarySystem) {
	if s.Computer != "" {
		b.v.Shared = append(b.v.Shared, diaryFact{Name: "computer", Value: clean(s.Computer)})
	}
	if s.PID != 0 {
		b.v.Shared = append(b.v.Shared, diaryFact{Name: "process", Value: strconv.FormatUint(uint64(s.PID), 10)})
	}
	if !s.Activity.IsZero() {
		b.v.Shared = append(b.v.Shared, diaryFact{Name: "activity", Value: diaryGUID(s.Activity)})
	}
}

// group returns the class of the rows of a group, and counts it. Groups beyond the first are taken together.
func (b *diaryBuilder) group(name string) string {
	at := slices.IndexFunc(b.v.Groups, func(g diaryGroup) bool { return g.Name == name })
	switch n := len(b.v.Groups); {
	case at >= 0:
	case n > maxBoxes:
		at = maxBoxes
	default:
		if at = n; at == maxBoxes {
			name = "all others"
		}
		b.v.Groups = append(b.v.Groups, diaryGroup{Class: "a" + strconv.Itoa(at), Name: name})
	}
	b.v.Groups[at].Count++
	return b.v.Groups[at].Class
}

// kind returns the anchor of the kind of an event, and counts it.
func (b *diaryBuilder) kind(ev *freb.Event) string {
	k := diaryKind{
		Name: clean(ev.Name), Source: clean(ev.Source), Provider: diaryGUID(ev.Provider), Class: diaryGUID(ev.Class),
		Event: strconv.Itoa(int(ev.ID)), Version: strconv.Itoa(int(ev.Version)), Opcode: strconv.Itoa(int(ev.Opcode)),
		Level: strconv.Itoa(int(ev.Level)), Keywords: "0x" + strconv.FormatUint(ev.Keywords, 16), Area: clean(ev.Area), Culture: clean(ev.Culture),
	}
	at, ok := b.kinds[k]
	if !ok {
		at = len(b.v.Kinds)
		b.kinds[k] = at
		k.ID = b.v.ID + "-k" + strconv.Itoa(at+1)
		b.v.Kinds = append(b.v.Kinds, k)
	}
	b.v.Kinds[at].Count++
	return b.v.Kinds[at].ID
}
