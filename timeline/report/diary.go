package report

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// Diaries are Failed Request Tracing files. IIS delivers a style sheet to look at them, freb.xsl, which browsers no
// longer run. web/diary.html shows the same and more: why IIS wrote the file, what went wrong, where the time went,
// and every event with every value. The types here are what that template shows, as texts that need no more than
// escaping.

// unfolded is how many diaries of a page begin open.
const unfolded = 3

// A diaryView is one file.
type diaryView struct {
	ID       string // of its section: diary-1
	Folded   bool   // begins closed
	Alone    bool   // the only one of the page: nothing in it begins closed
	File     string
	Machine  string
	Method   string
	URL      string
	Status   string // at the end: 502.3; "" = unknown
	Severity string // of the status: bad, warn, fine
	Took     string
	Why      string // the file was written
	Request  diaryLink
	Others   []diaryLink // other files of the same request
	Cautions []string    // what is missing or damaged
	Facts    []diaryFact

	Verdict  string // of Troubles: "1 warning, 1 error"
	Troubles []diaryTrouble
	Silent   string         // instead of Troubles
	Lesser   []diaryTrouble // events that are no warnings and carry an error number

	Scale    []string // labels of the time axis, from 0 to the end; nil = the request took no time that can be drawn
	Failure  *diaryBar
	Bars     []diaryBar // what took time
	Brief    []diaryBar // module calls that ended in the tick of the clock in which they began
	Briefly  string     // how many
	Modules  []diaryModule
	Pauses   []diaryPause
	Forwards []diaryForward
	Tick     string // what the clock makes of times; "" = there are no calls

	Counts string // "285 events with 962 values"
	Groups []diaryGroup
	Events []diaryEvent
	Kinds  []diaryKind
	Shared []diaryFact // what System and RenderingInfo tell of every event alike
}

// A diaryLink leads to something on the same page.
type diaryLink struct{ ID, Text, Note string }

// A diaryFact is something with a name.
type diaryFact struct{ Name, Value, Note string }

// A diaryTrouble is an event that reports trouble.
type diaryTrouble struct {
	diaryLink        // to the event; Text is its number
	Since     string // start of the request
	Clock     string
	Level     string
	Severity  string // bad, warn
	Name      string
	Module    string
	Stage     string // notification
	What      string // it means, of a transfer
	Status    string // that it set: 502.3 Bad Gateway
	Code      string // number and name
	Quote     string // IIS' own text
	Config    string // what is wrong in the configuration
	Final     bool   // no other status was set later
	Late      bool   // part of a response was on its way before
	Fields    []diaryField
}

// A diaryBar is a row of the time axis, which is 1000 units wide.
type diaryBar struct {
	ID     string // of the event that begins it; "" = none
	Kind   string // call, async, open, forward, wait, answer, read, flush
	Depth  int
	Name   string
	Stage  string
	Since  string
	Took   string
	Note   string
	X, W   int
	Middle int // X, half a unit on
}

// A diaryModule is the time that a module took by itself.
type diaryModule struct {
	Name  string
	Own   string
	Share string // of the whole
	Calls string
	Note  string
	W     int // of 1000
}

// A diaryPause is a time without events.
type diaryPause struct {
	Took     string
	Inside   string // the module that was at work, and its stage; "" = none was
	From, To diaryLink
}

// A diaryForward is an attempt to have another server answer.
type diaryForward struct {
	Title string
	Facts []diaryFact
}

// levels are the words of the levels of events, by number.
var levels = [...]string{"general", "critical", "error", "warning", "information", "verbose"}

func diaryLevel(level uint8) string {
	if int(level) < len(levels) {
		return levels[level]
	}
	return "level " + strconv.Itoa(int(level))
}

// diaryLevelSeverity sorts levels: bad, warn, or neither.
func diaryLevelSeverity(level uint8) string {
	switch level {
	case 1, 2:
		return "bad"
	case 3:
		return "warn"
	}
	return ""
}

// diaryReasons say why IIS writes a file, by what its root element calls the reason.
var diaryReasons = []struct{ word, text string }{
	{"STATUS", "a tracing rule of the site covers the status"},
	{"TIME", "the request took longer than a tracing rule of the site allows"},
	{"VERBOSITY", "an event was as severe as a tracing rule of the site asks for"},
	{"SEVERITY", "an event was as severe as a tracing rule of the site asks for"},
}

// diaryTick is about how often the clock ticks that the events are timed by.
const diaryTick = 16 * time.Millisecond

// diaryViews returns the files of the requests of a, in their order.
func (a *Analysis) diaryViews() []diaryView {
	var views []diaryView
	seen := map[*Diary]bool{}
	for _, r := range a.Requests {
		detail := a.Details.Of(r.ID)
		if detail == nil {
			continue
		}
		first := len(views)
		for _, d := range detail.Diaries {
			if d == nil || d.Request == nil || seen[d] {
				continue
			}
			seen[d] = true
			b := diaryBuilder{a: a, of: r, d: d, q: d.Request, kinds: map[diaryKind]int{}}
			b.v.ID = "diary-" + strconv.Itoa(len(views)+1)
			b.v.Folded = len(views) >= unfolded
			views = append(views, b.build())
		}
		for i := range views[first:] {
			v := &views[first+i]
			for j := range views[first:] {
				if other := &views[first+j]; j != i {
					v.Others = append(v.Others, diaryLink{ID: other.ID, Text: other.File, Note: other.Machine})
				}
			}
			if detail.Unread > 0 {
				v.Cautions = append(v.Cautions, "There is no room here for "+plural(detail.Unread, "further file")+" of the same request.")
			}
		}
	}
	if len(views) == 1 {
		views[0].Alone = true
	}
	return views
}

// A diaryBuilder makes one view.
type diaryBuilder struct {
	a  *Analysis
	of *timeline.Request
	d  *Diary
	q  *freb.Request
	v  diaryView

	index map[int64]int // of events, by offset
	tree  []diaryNode   // by event
	total time.Duration
	kinds map[diaryKind]int // index in the view
}

func (b *diaryBuilder) build() diaryView {
	q := b.q
	b.index = make(map[int64]int, len(b.d.Events))
	for i := range b.d.Events {
		b.index[b.d.Events[i].Offset] = i
	}
	b.tree = diaryTree(b.d.Events, q)
	b.total = q.Duration()
	b.head()
	b.facts()
	b.cautions()
	b.troubles()
	b.modules()
	b.bars()
	b.forwards()
	b.events()
	return b.v
}

// since writes how long after the start of the request something was: 29.889 s.
func (b *diaryBuilder) since(t etl.Time) string {
	if t.IsZero() || b.q.Start.IsZero() {
		return ""
	}
	return diarySeconds(diarySpan(b.q.Start, t))
}

// diarySpan returns the time from one moment to another, which may be before; however far apart a file says they are.
func diarySpan(from, to etl.Time) time.Duration {
	const most = etl.Time(math.MaxInt64 / 100)
	return time.Duration(min(max(to-from, -most), most)) * 100
}

// diarySeconds writes a duration as the clock of the events has it: with milliseconds, or more if there is more.
func diarySeconds(d time.Duration) string {
	if d%time.Millisecond == 0 {
		return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) + " s"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
}

// diaryTook writes a duration of which the file tells no more than ticks.
func diaryTook(d time.Duration) string {
	if d <= 0 {
		return "0 ms"
	}
	return took(d)
}

// diaryMoment writes a time with its date.
func diaryMoment(t etl.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Time().Format("2006-01-02 15:04:05.000") + " UTC"
}

// diaryGUID writes an identifier the way files do.
func diaryGUID(g etl.GUID) string {
	if g.IsZero() {
		return ""
	}
	return "{" + strings.ToUpper(g.String()) + "}"
}

// link leads to an event.
func (b *diaryBuilder) link(i int) diaryLink {
	n := strconv.Itoa(i + 1)
	return diaryLink{ID: b.v.ID + "-e" + n, Text: n, Note: clean(b.d.Events[i].Name)}
}

// head fills in what stands above everything.
func (b *diaryBuilder) head() {
	v, q := &b.v, b.q
	v.File, v.Machine = b.a.source(b.d.Input), q.Computer
	if in := b.a.inputAt(b.d.Input); in != nil {
		v.File, v.Machine = strings.TrimPrefix(in.Path, b.a.folder()), cmp.Or(in.Machine, q.Computer)
	}
	v.File, v.Machine = clean(v.File), clean(v.Machine)
	v.Method, v.URL = clean(q.Verb), excerpt(cmp.Or(q.URL, "(URL not told)"), longestHead)
	v.Status, v.Severity = q.Status.String(), diarySeverity(q.Status)
	h := q.Header
	switch {
	case h != nil && h.Timed:
		v.Took = diaryTook(h.TimeTaken)
	case len(b.d.Events) > 0:
		v.Took = diaryTook(b.total)
	}
	if h != nil && h.FailureReason != "" {
		v.Why = b.why(h)
	}
	v.Request = diaryLink{ID: b.of.ID, Text: b.of.ID}
	if verdict := b.of.Verdict; verdict != nil {
		v.Request.Note = clean(verdict.Title)
	}
}

const longestHead = 300 // characters of a URL in a heading

func (b *diaryBuilder) why(h *freb.Header) string {
	s := "it names the reason " + clean(h.FailureReason)
	for _, r := range diaryReasons {
		if strings.Contains(strings.ToUpper(h.FailureReason), r.word) {
			s = r.text
			break
		}
	}
	if trigger := h.TriggerStatus.String(); trigger != "" && strings.HasSuffix(s, "the status") {
		s += " " + trigger
	}
	s = "IIS wrote this file because " + s + " (" + clean(h.FailureReason) + ")."
	if end := b.q.Status.String(); end != "" && h.TriggerStatus.Code != 0 && h.TriggerStatus.Code != b.q.Status.Code {
		s += " That was " + h.TriggerStatus.String() + "; in the end it was " + end + "."
	}
	return s
}

func diarySeverity(s freb.Status) string {
	switch {
	case s.Code >= 500:
		return "bad"
	case s.Code >= 400 || s.Code == 0:
		return "warn"
	}
	return "fine"
}

// facts fills in what is known of the request as a whole.
func (b *diaryBuilder) facts() {
	q := b.q
	add := func(name, value, note string) {
		if value != "" {
			b.v.Facts = append(b.v.Facts, diaryFact{name, excerpt(value, longestValue), clean(note)})
		}
	}
	var h freb.Header
	if q.Header != nil {
		h = *q.Header
	}
	add("Final status", q.Status.String(), "")
	add("Status when the rule was met", h.TriggerStatus.String(), "")
	add("Failure reason", h.FailureReason, "")
	if h.Timed {
		note := ""
		if b.total > 0 && b.total.Milliseconds() != h.TimeTaken.Milliseconds() {
			note = "the events span " + diarySeconds(b.total)
		}
		add("Time taken", thousands(h.TimeTaken.Milliseconds())+" ms", note)
	}
	add("Started", diaryMoment(q.Start), when(q.NoStart, "first event; the start is missing"))
	if q.NoEnd {
		add("Last event", diaryMoment(q.Last), "the end is missing")
	} else {
		add("Ended", diaryMoment(q.End), "")
	}
	if h.URL != "" && h.URL != q.URL {
		add("URL at the end", h.URL, "")
	}
	for _, u := range q.Rewrites {
		add("Rewritten to", u, "")
	}
	add("Handler", q.Handler, "the last one chosen")
	add("Site", positive(q.Site).value, "folder W3SVC"+strconv.Itoa(int(q.Site)))
	add("Application pool", q.AppPool, "")
	add("Worker process", positive(q.PID).value, "PID")
	add("Computer", q.Computer, "")
	add("Authentication", h.AuthType, "")
	add("User", h.User, "")
	if h.RemoteUser != h.User {
		add("Remote user", h.RemoteUser, "")
	}
	add("User of the token", h.TokenUser, "")
	add("Client", q.Client, "")
	add("Local address", q.Local, "")
	add("Connection", positive(q.ConnID).value, "as in events of HTTP.sys")
	add("Activity", diaryGUID(q.Activity), "")
	add("Request id of ARR", cmp.Or(q.Received.LogID(), q.Forwarded.LogID()), "X-ARR-LOG-ID")
	if !q.NoEnd {
		add("Received", thousands(q.BytesReceived)+" bytes", "")
		add("Sent", thousands(q.BytesSent)+" bytes", "")
	}
	for _, f := range h.More {
		add(f.Name, f.Value, "")
	}
}

// when returns s if b.
func when(b bool, s string) string {
	if !b {
		return ""
	}
	return s
}

// cautions fills in what is missing or damaged.
func (b *diaryBuilder) cautions() {
	v, q := &b.v, b.q
	say := func(format string, args ...any) { v.Cautions = append(v.Cautions, fmt.Sprintf(format, args...)) }
	if len(b.d.Events) == 0 {
		say("There is no event in the file.")
	}
	switch {
	case q.SizeLimit:
		say("IIS cut the file at its size limit (maxLogFileSizeKB): later events are missing.")
	case q.NoEnd && len(b.d.Events) > 0:
		say("The request's end is not in the file: a time limit had it written before, or it is cut. Nothing tells what came later.")
	}
	if q.NoStart && len(b.d.Events) > 0 {
		say("The request's start is not in the file: times count from its first event.")
	}
	if in := b.a.inputAt(b.d.Input); in != nil && in.ClockOffset != 0 && in.ClockOffsetFrom != "" {
		say("Times are as in the file. Elsewhere in this report they are moved by %s, to fit the clock of %s.",
			diarySeconds(diarySpan(0, in.ClockOffset)), clean(in.ClockOffsetFrom))
	}
	if q.Dropped > 0 {
		say("The overview has no room for %s: the list of events has everything.", plural(q.Dropped, "further step"))
	}
	for _, d := range b.d.Damage {
		say("Damaged at offset %d (%s): %s.", d.Offset, clean(d.Kind), excerpt(d.Detail, longestHead))
	}
}

// troubles fills in the events that report trouble: warnings and errors, statuses set as errors, transfers that failed.
// Other events with an error number come after these: mostly the number belongs to something that was tried in vain.
func (b *diaryBuilder) troubles() {
	q := b.q
	failures, final := map[int64]*freb.Failure{}, q.Failure()
	for i := range q.Failures {
		failures[q.Failures[i].Offset] = &q.Failures[i]
	}
	notes := map[int64]bool{}
	for i := range q.Notes {
		notes[q.Notes[i].Offset] = true
	}
	var count [len(diaryTroubleNouns)]int
	for i := range b.d.Events {
		ev := &b.d.Events[i]
		f, code := failures[ev.Offset], diaryError(ev)
		what := ""
		if code != 0 {
			what = diaryTransfers[ev.Name]
		}
		bad := 1 <= ev.Level && ev.Level <= 3
		if !bad && f == nil && !notes[ev.Offset] && code == 0 {
			continue
		}
		t := b.trouble(i, f)
		t.What, t.Final = what, f != nil && f == final
		if f != nil {
			t.Late = f.Late
		}
		if what != "" {
			t.Severity = cmp.Or(t.Severity, "warn")
		}
		if bad || f != nil || notes[ev.Offset] || what != "" {
			if bad {
				count[ev.Level]++
			} else {
				count[0]++
			}
			b.v.Troubles = append(b.v.Troubles, t)
		} else {
			b.v.Lesser = append(b.v.Lesser, t)
		}
	}
	var parts []string
	for i := range count {
		if level := (i + 1) % len(count); count[level] > 0 {
			parts = append(parts, plural(count[level], diaryTroubleNouns[level]))
		}
	}
	b.v.Verdict = strings.Join(parts, ", ")
	b.v.Silent = "No event reports any."
	if q.Status.Code >= 400 && final == nil && !q.Partial() {
		b.v.Silent += " No module set the status " + q.Status.String() + " as an error: it seems to have come with the answer of the " +
			cmp.Or(when(len(q.Forwards) > 0, "server that the request was passed on to"), "application") + "."
	}
}

// diaryTroubleNouns are events that report trouble, by their level; 0 = any other.
var diaryTroubleNouns = [...]string{"other failure", "critical error", "error", "warning"}

// diaryTransfers are events that move bytes, and what an error number in them says.
var diaryTransfers = map[string]string{
	"GENERAL_FLUSH_RESPONSE_END": "sending the answer failed",
	"GENERAL_READ_ENTITY_END":    "reading the request's body failed",
}

// diaryError returns the error number of an event; 0 if there is none, or one that is no trouble: the end of a body
// (38), a step that goes on by itself (997).
func diaryError(ev *freb.Event) uint32 {
	code, _ := ev.Code("ErrorCode")
	switch code {
	case 38, 997, 0x8007_0026, 0x8007_03E5:
		return 0
	}
	return code
}

// fieldsTold are fields that a trouble shows in another way.
var fieldsTold = map[string]bool{
	"ContextId": true, "ModuleName": true, "Notification": true, "HttpStatus": true, "HttpSubStatus": true, "HttpReason": true,
	"ErrorCode": true, "ConfigExceptionInfo": true, "fIsPostNotificationEvent": true, "fIsPostNotification": true,
}

// trouble tells of an event; f is the status that it set, or nil.
func (b *diaryBuilder) trouble(i int, f *freb.Failure) diaryTrouble {
	ev := &b.d.Events[i]
	t := diaryTrouble{
		diaryLink: b.link(i), Since: b.since(ev.Time), Level: diaryLevel(ev.Level), Severity: diaryLevelSeverity(ev.Level), Name: clean(ev.Name),
		Module: clean(ev.Value("ModuleName")),
	}
	if !ev.Time.IsZero() {
		t.Clock = clockMS(ev.Time) + " UTC"
	}
	if field, ok := ev.Field("Notification"); ok {
		t.Stage = clean(cmp.Or(field.Text, diaryMeaning(ev, field)))
	}
	if c := b.tree[i].call; c != nil && t.Module == "" {
		t.Module, t.Stage = clean(c.Module), diaryStage(c)
	}
	if f != nil {
		t.Status = clean(strings.TrimSpace(f.Status.String() + " " + f.Reason))
	}
	if code := diaryError(ev); code != 0 {
		t.Code = diaryCode(code)
	}
	field, _ := ev.Field("ErrorCode")
	if text := strings.TrimSpace(field.Text); t.Code != "" && !strings.HasPrefix(text, "(") { // else it is but the number again
		t.Quote = excerpt(text, longestValue)
	}
	t.Config = excerpt(ev.Value("ConfigExceptionInfo"), longestValue)
	for _, field := range b.fields(ev) {
		if !fieldsTold[field.Name] && !field.Same && (field.Value != "" || field.Lines != "" || field.Text != "") {
			t.Fields = append(t.Fields, field)
		}
	}
	return t
}

// diaryCode writes an error number: 0x80072EE2 ERROR_WINHTTP_TIMEOUT.
func diaryCode(c uint32) string { return code(timeline.Code(c)) }

// diaryStage writes the notification that a call handles.
func diaryStage(c *freb.Call) string {
	return c.Notification.String() + when(c.Post, " (after)")
}
