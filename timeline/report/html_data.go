package report

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// The data of the interactive part of the HTML report, as web/app.js reads it. It is written in one go, rows first, so
// that nothing of it has to be held; what rows have in common is in tables behind them, that they refer to by index.
//
//	{"base": ms of 1970 that all times count from, "zone": minutes or null, "total": requests, "detailed": of these, "beside": file,
//	 "rows":     [[id, start, took, who, how, path, client, behind, step, gap, took, step, gap, took, ...], ...],
//	 "details":  [{...}, ...],      of the requests that are told of event by event
//	 "who":      [[...], ...],      whose request it is, see [party]
//	 "how":      [[...], ...],      how it went, see [course]
//	 "steps":    [[...], ...],      phases without their times, see [stage]
//	 "verdicts": [[id, title], ...],
//	 "cards":    [{...}, ...],      what verdicts say of requests of details, see [htmlDataWriter.card]
//	 "codes":    [[number, in words], ...],
//	 "inputs":   [[label, path, 1 = times are whole seconds], ...],
//	 "strings":  ["", ...]}         all texts, by index; 0 = none
//
// Times are whole microseconds: of a row since the row in front of it, of a step since the end of the one in front of it,
// in details since the base. null = unknown. An id is the difference to the one in front, or the id itself.
const (
	maxRows     = 200_000 // requests that are listed: the most urgent ones of more
	maxClaims   = 5_000   // titles of verdicts of requests that are not told of event by event
	maxDataText = 4 << 10 // characters of one text
	maxEntries  = 10_000  // events of Failed Request Tracing files, which the views of these have whole
)

// A dataTable gives each value an index, in the order in which they come.
type dataTable[K comparable] struct {
	index map[K]int
	list  []K
}

func (t *dataTable[K]) at(k K) int {
	i, ok := t.index[k]
	if !ok {
		if t.index == nil {
			t.index = map[K]int{}
		}
		i = len(t.list)
		t.index[k] = i
		t.list = append(t.list, k)
	}
	return i
}

// A party is whose request it is. Texts are indices.
type party struct {
	input                                              int
	side                                               timeline.Side
	proxied, loose                                     bool
	traffic                                            timeline.Traffic
	pid                                                uint32
	process, pool, method, origin, server, host, queue int
}

// A course is how a request went. Texts are indices.
type course struct {
	outcome           timeline.Outcome
	phase             int
	status, sub       int // sub: -1 = none
	error, winhttp    timeline.Code
	verdict           int // -1 = none
	confidence        timeline.Confidence
	partial           timeline.Partial
	restarts          int
	timer, timerKnown int           // its name, and where its value is known from
	limit             time.Duration // 0 = none
}

// A stage is a phase without its times. Texts are indices.
type stage struct {
	name, word, detail int
	outcome            timeline.Outcome
	error              timeline.Code
}

// A saying is what verdicts of several requests say alike. Texts are indices.
type saying struct{ id, title int }

// A htmlDataWriter writes the data. Its tables grow while rows and details are written.
type htmlDataWriter struct {
	a        *Analysis
	w        *bufio.Writer
	buf      []byte // of the row at hand
	base     etl.Time
	texts    dataTable[string]
	parties  dataTable[party]
	courses  dataTable[course]
	stages   dataTable[stage]
	claims   dataTable[saying]
	cards    dataTable[string] // as JSON
	told     *screen           // in whose words
	folder   string            // that the paths of all inputs have in common
	codes    dataTable[timeline.Code]
	err      error
	detailed *Details
	entries  int            // events of Failed Request Tracing files that there still is room for
	diaries  map[*Diary]int // the number of the view of a file, from 1
}

// htmlData writes the data of the interactive part of the HTML report as one JSON object that can stand in a script
// element: it has no <, > and &.
func (a *Analysis) htmlData(w io.Writer) error {
	d := &htmlDataWriter{a: a, w: bufio.NewWriterSize(w, 1<<16), detailed: a.Details, entries: maxEntries, diaries: map[*Diary]int{}}
	if d.detailed == nil {
		d.detailed = NewDetails(a) // chosen, with what is known of them without their events
	}
	d.texts.at("")
	d.told, d.folder = a.telling(&page{width: cardWidth}), a.folder()
	rows := d.rows()
	for _, r := range rows {
		if !r.Start.IsZero() && (d.base == 0 || r.Start < d.base) {
			d.base = r.Start
		}
	}
	d.base -= d.base % etl.Second

	zone := "null"
	if m, ok := a.zone(); ok {
		zone = strconv.Itoa(m)
	}
	base := int64(0)
	if d.base != 0 {
		base = d.base.Time().UnixMilli()
	}
	d.print(`{"base":%d,"zone":%s,"total":%d,"detailed":%d,"beside":`, base, zone, len(a.Requests), min(d.detailed.Len(), len(rows)))
	d.quote(a.Beside)
	d.array("rows", len(rows), func() func(int) {
		var last timeline.Request
		number := 0
		last.Start = d.base
		return func(i int) {
			r := rows[i]
			d.row(r, last.Start, &number)
			if !r.Start.IsZero() {
				last.Start = r.Start
			}
		}
	}())
	told := slices.DeleteFunc(slices.Clone(rows), func(r *timeline.Request) bool { return d.detailed.Of(r.ID) == nil })
	d.array("details", len(told), func(i int) { d.detail(told[i]) })
	d.array("who", len(d.parties.list), func(i int) { d.party(d.parties.list[i]) })
	d.array("how", len(d.courses.list), func(i int) { d.course(d.courses.list[i]) })
	d.array("steps", len(d.stages.list), func(i int) {
		t := d.stages.list[i]
		d.numbers(t.name, t.word, t.detail, int(t.outcome), d.code(t.error))
	})
	d.array("verdicts", len(d.claims.list), func(i int) { d.numbers(d.claims.list[i].id, d.claims.list[i].title) })
	d.array("cards", len(d.cards.list), func(i int) { d.print("%s", d.cards.list[i]) })
	d.array("codes", len(d.codes.list), func(i int) {
		c := d.codes.list[i]
		d.wide(int64(c), int64(d.text(code(c))), int64(d.text(winerr.Hex(uint32(c)))))
	})
	d.array("levels", len(levels), func(i int) { d.quote(levels[i]) })
	labels := a.badges()
	d.array("inputs", len(a.Inputs), func(i int) {
		d.numbers(d.text(labels[i]), d.text(strings.TrimPrefix(a.Inputs[i].Path, d.folder)), truthNumber(a.coarse(i)))
	})
	d.array("strings", len(d.texts.list), func(i int) { d.quote(d.texts.list[i]) })
	d.print("}")
	if d.err == nil {
		d.err = d.w.Flush()
	}
	return d.err
}

// rows returns the requests to list, in their order.
func (d *htmlDataWriter) rows() []*timeline.Request {
	all := d.a.Requests
	if len(all) <= maxRows {
		return all
	}
	listed := make(map[*timeline.Request]bool, maxRows)
	for _, r := range byUrgency(all)[:maxRows] {
		listed[r] = true
	}
	return slices.DeleteFunc(slices.Clone(all), func(r *timeline.Request) bool { return !listed[r] })
}

func (d *htmlDataWriter) print(format string, args ...any) {
	d.flush(fmt.Appendf(d.buf[:0], format, args...))
}

func (d *htmlDataWriter) flush(buf []byte) {
	if d.buf = buf; d.err == nil {
		_, d.err = d.w.Write(buf)
	}
}

// array writes a member that is a list, an element a line. An element is what the function writes.
func (d *htmlDataWriter) array(name string, n int, element func(i int)) {
	d.print(",\n%q:[", name)
	for i := range n {
		if i > 0 {
			d.print(",\n")
		}
		element(i)
	}
	d.print("]")
}

// numbers writes a list of numbers.
func (d *htmlDataWriter) numbers(list ...int) { d.flush(appendNumbers(d.buf[:0], list)) }

// wide writes a list with numbers that may need more than 32 bits, or all of these: codes, ids of processes, times.
func (d *htmlDataWriter) wide(list ...int64) { d.flush(appendNumbers(d.buf[:0], list)) }

func appendNumbers[N int | int64](dst []byte, list []N) []byte {
	dst = append(dst, '[')
	for i, n := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, int64(n), 10)
	}
	return append(dst, ']')
}

// quote writes a text as JSON that can stand in a script element.
func (d *htmlDataWriter) quote(s string) {
	b, err := json.Marshal(s) // escapes <, > and & as well as U+2028 and U+2029
	if err != nil && d.err == nil {
		d.err = err
	}
	d.flush(append(d.buf[:0], b...))
}

// text returns the index of a text, made harmless: what is not printable is shown as in a Go string, so that no mark in
// it turns others around. A very long one is cut, and says so.
func (d *htmlDataWriter) text(s string) int { return d.texts.at(excerpt(s, maxDataText)) }

// code returns a code, and has its name written with the others.
func (d *htmlDataWriter) code(c timeline.Code) int {
	if c != 0 {
		d.codes.at(c)
	}
	return int(c)
}

func truthNumber(b bool) int {
	if b {
		return 1
	}
	return 0
}

// micros is a moment in microseconds since the base.
func (d *htmlDataWriter) micros(t etl.Time) int64 {
	const ticks = int64(time.Microsecond / 100)
	n := int64(t - d.base)
	if n < 0 {
		n -= ticks - 1
	}
	return n / ticks
}

// appendSpan adds how long something took in microseconds, or null.
func (d *htmlDataWriter) appendSpan(buf []byte, start, end etl.Time) []byte {
	if start.IsZero() || end.IsZero() {
		return append(buf, "null"...)
	}
	return strconv.AppendInt(buf, d.micros(end)-d.micros(start), 10)
}

// row writes a request of the list. previous is the start of the one in front of it, number its number.
func (d *htmlDataWriter) row(r *timeline.Request, previous etl.Time, number *int) {
	buf := append(d.buf[:0], '[')
	if n, err := strconv.Atoi(strings.TrimPrefix(r.ID, "r")); err == nil && "r"+strconv.Itoa(n) == r.ID {
		buf = strconv.AppendInt(buf, int64(n-*number), 10)
		*number = n
	} else {
		id, _ := json.Marshal(clean(r.ID))
		buf = append(buf, id...)
	}
	buf = d.appendSpan(append(buf, ','), previous, r.Start)
	buf = d.appendSpan(append(buf, ','), begin(r), r.End)
	origin, path := split(excerpt(webAddress(r.URL), maxDataText))
	client, _ := timeline.SplitHost(r.Client) // ports are of details
	for _, n := range [...]int{d.who(r, origin), d.how(r), d.texts.at(path), d.text(client)} {
		buf = strconv.AppendInt(append(buf, ','), int64(n), 10)
	}
	buf = d.appendBehind(append(buf, ','), r)
	buf = append(d.appendSteps(buf, r.Side, r.Phases, r.Start), ']')
	d.flush(buf)
}

// split parts a URL where its path begins. The part in front of it is common to many requests.
func split(url string) (origin, path string) {
	from := 0
	if i := strings.Index(url, "://"); i >= 0 && i < 10 {
		from = i + len("://")
	}
	if i := strings.IndexByte(url[from:], '/'); i >= 0 {
		return url[:from+i], url[from+i:]
	}
	return "", url
}

// appendSteps adds three numbers for each phase.
func (d *htmlDataWriter) appendSteps(buf []byte, side timeline.Side, phases []timeline.Phase, from etl.Time) []byte {
	for i := range phases {
		p := &phases[i]
		kind := stage{d.text(string(p.Name)), d.text(phaseWord(side, p)), d.text(p.Detail), p.Outcome, p.Error}
		buf = strconv.AppendInt(append(buf, ','), int64(d.stages.at(kind)), 10)
		buf = d.appendSpan(append(buf, ','), from, p.Start)
		buf = d.appendSpan(append(buf, ','), p.Start, p.End)
		from = cmp.Or(p.End, p.Start, from)
	}
	return buf
}

// appendBehind adds what the content server tells of a request: [input, start, took, status, sub, steps ...], or 0.
func (d *htmlDataWriter) appendBehind(buf []byte, r *timeline.Request) []byte {
	b := r.Behind
	if b == nil || b.Start.IsZero() {
		return append(buf, '0')
	}
	buf = strconv.AppendInt(append(buf, '['), int64(b.Input), 10)
	buf = d.appendSpan(append(buf, ','), r.Start, b.Start)
	end := b.End
	if b.Took != 0 {
		end = b.Start.Add(b.Took)
	}
	buf = d.appendSpan(append(buf, ','), b.Start, end)
	sub := -1
	if b.HasSub {
		sub = b.SubStatus
	}
	buf = fmt.Appendf(buf, ",%d,%d", b.Status, sub)
	return append(d.appendSteps(buf, timeline.Server, b.Phases, b.Start), ']')
}

func (d *htmlDataWriter) who(r *timeline.Request, origin string) int {
	return d.parties.at(party{
		input: r.Input, side: r.Side, proxied: r.Proxied, loose: r.Loose, traffic: r.Traffic, pid: r.PID,
		process: d.text(r.Process), pool: d.text(r.AppPool), method: d.text(r.Method), origin: d.texts.at(origin),
		server: d.text(r.Server), host: d.text(strings.TrimPrefix(webAddress("http://"+r.Host), "http://")), queue: d.text(r.Queue),
	})
}

func (d *htmlDataWriter) party(p party) {
	d.wide(int64(p.input), int64(p.side), int64(truthNumber(p.proxied)), int64(truthNumber(p.loose)), int64(p.traffic), int64(p.pid),
		int64(p.process), int64(p.pool), int64(p.method), int64(p.origin), int64(p.server), int64(p.host), int64(p.queue))
}

func (d *htmlDataWriter) how(r *timeline.Request) int {
	c := course{
		outcome: r.Outcome, phase: d.text(string(r.Phase)), status: r.Status, sub: -1, error: r.Error, winhttp: r.WinHTTP.Code,
		verdict: -1, partial: r.Partial, restarts: r.Restarts,
	}
	if r.HasSub {
		c.sub = r.SubStatus
	}
	if v := r.Verdict; v != nil {
		title := ""
		if len(d.claims.list) < maxClaims || d.detailed.Of(r.ID) != nil {
			title = sentence(begun(v.Title))
		}
		c.verdict, c.confidence = d.claims.at(saying{d.text(v.ID), d.text(title)}), v.Confidence
	}
	if t := r.Timer; t != nil {
		c.timer, c.timerKnown, c.limit = d.text(t.Name), d.text(timerSources[t.Source]), t.Limit
	}
	return d.courses.at(c)
}

func (d *htmlDataWriter) course(c course) {
	d.wide(int64(c.outcome), int64(c.phase), int64(c.status), int64(c.sub), int64(d.code(c.error)), int64(d.code(c.winhttp)),
		int64(c.verdict), int64(c.confidence), int64(c.partial), int64(c.restarts), int64(c.timer), int64(c.timerKnown),
		c.limit.Microseconds())
}

// A taleLine is a line of what the files tell of a request, in the order of time.
type taleLine struct {
	at     etl.Time // by the clock of the request's machine; 0 = unknown
	until  etl.Time // 0 = it is no span, or has no end
	input  int
	kind   taleKind
	head   string // which event: WebIO 134; or which phase
	text   string
	place  string // in which file, and where in it; "" = the source says all
	by     string // how it is known to be about this request
	level  uint8  // of an event
	link   string // to where the page has all of it; "" = nowhere
	key    bool   // the verdict rests on it
	moment *Moment
}

// A taleKind orders what happened at the same time.
type taleKind int

const (
	toldPhase taleKind = iota
	toldAttempt
	toldEvent
	toldOmitted
	toldEvidence
	toldRelated
	toldEnd // of a phase that did not go well
)

// A tale is what the files tell of a request, all on the clock of its machine.
type tale struct {
	*Analysis
	r     *timeline.Request
	lines []taleLine
}

// tale returns what the files tell of a request, in the order of time.
func (d *htmlDataWriter) tale(r *timeline.Request, t *Detail) []taleLine {
	x := tale{Analysis: d.a, r: r}
	x.phases(r.Input, r.Side, r.Phases)
	if r.Behind != nil {
		x.phases(r.Behind.Input, timeline.Server, r.Behind.Phases)
	}
	x.attempts()
	x.moments(t)
	for _, file := range t.Diaries {
		x.lines = append(x.lines, d.entriesOf(file, r)...)
	}
	x.evidence()
	x.related()
	slices.SortStableFunc(x.lines, func(l, m taleLine) int {
		return cmp.Or(cmp.Compare(x.when(l), x.when(m)), cmp.Compare(l.kind, m.kind))
	})
	return x.lines
}

// when is where a line stands: what is cut to whole seconds was later than it says; what has no time is told at the end.
func (x *tale) when(l taleLine) etl.Time {
	switch {
	case l.at.IsZero():
		return 1<<63 - 1
	case x.coarse(l.input) && l.kind >= toldEvidence:
		return l.at + etl.Second - 1
	}
	return l.at
}

// on is a time of an input by the clock of the request; unknown stays so.
func (x *tale) on(input int, t etl.Time) etl.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(x.shift(input, x.r.Input))
}

func (x *tale) phases(input int, side timeline.Side, list []timeline.Phase) {
	for i := range list {
		p := &list[i]
		l := taleLine{at: p.Start, until: p.End, input: input, kind: toldPhase, head: phaseWord(side, p), text: p.Detail}
		if p.Name == timeline.PhaseReceive || p.Detail == "pool" {
			l.text = "" // its word says it
		}
		if !p.Start.IsZero() {
			x.lines = append(x.lines, l)
		}
		if p.Outcome == timeline.Failed || p.Outcome == timeline.Cancelled {
			l.at, l.until, l.kind, l.text = p.End, 0, toldEnd, p.Outcome.String()
			if p.Error != 0 {
				l.text += ": " + code(p.Error)
			}
			x.lines = append(x.lines, l)
		}
	}
}

func (x *tale) attempts() {
	if len(x.r.Attempts) < 2 {
		return
	}
	for i, t := range x.r.Attempts {
		text := t.URL
		switch {
		case t.Error != 0:
			text += ": " + code(t.Error)
		case t.Status != 0:
			text += ": answered " + strconv.Itoa(t.Status)
		}
		x.lines = append(x.lines, taleLine{at: t.Start, input: x.r.Input, kind: toldAttempt, head: "attempt " + strconv.Itoa(i+1), text: text})
	}
}

// moments tells the events of the traces, and where some are left out.
func (x *tale) moments(t *Detail) {
	for i := range t.Moments {
		m := &t.Moments[i]
		at := m.Time.Add(x.shift(m.Input, x.r.Input))
		if t.Omitted > 0 && i == max(t.tail, 0) {
			x.lines = append(x.lines, taleLine{at: at, input: m.Input, kind: toldOmitted, text: fmt.Sprintf(
				"%s between these two left out: etwhy events --id %s shows all.", plural(t.Omitted, "event"), x.r.ID)})
		}
		x.lines = append(x.lines, taleLine{
			at: at, input: m.Input, kind: toldEvent, head: strings.TrimSpace(m.Source + " " + strconv.Itoa(int(m.ID))),
			text: cmp.Or(m.Text, m.Event), level: m.Level, moment: m,
		})
	}
}

// evidence tells what the verdict rests on. An event that it quotes is one of the trace: it is told once, in the
// verdict's words.
func (x *tale) evidence() {
	if x.r.Verdict == nil {
		return
	}
	for _, e := range x.r.Verdict.Evidence {
		head, text := source.FindString(e.Text), e.Text
		text, head = text[len(head):], strings.TrimSpace(head)
		if i := slices.IndexFunc(x.lines, func(l taleLine) bool {
			return l.moment != nil && l.input == e.Input && l.moment.Time == e.Time && l.head == head && !l.key
		}); i >= 0 {
			x.lines[i].text, x.lines[i].key = text, true
			continue
		}
		x.lines = append(x.lines, taleLine{
			at: x.on(e.Input, e.Time), input: e.Input, kind: toldEvidence, head: head, text: text, place: x.place(e.Input, e.Place, text), key: true,
		})
	}
}

// related tells what of other files is about the request.
func (x *tale) related() {
	for _, q := range x.r.Related {
		by := q.By
		switch {
		case q.Request != nil:
			by = callWords[q.Kind] + ", " + q.Request.ID + "; by " + by
		case q.Confidence == timeline.Possible:
			by = strings.TrimSpace("not joined, since it may be of another request; " + by)
		}
		at := x.on(q.Input, q.Time)
		if i := slices.IndexFunc(x.lines, func(l taleLine) bool {
			return l.kind == toldEvidence && l.input == q.Input && l.at == at && strings.HasPrefix(l.text, q.Text) // a verdict adds to it
		}); i >= 0 {
			x.lines[i].by = by
			continue
		}
		x.lines = append(x.lines, taleLine{at: at, input: q.Input, kind: toldRelated, text: q.Text, place: x.place(q.Input, q.Place, q.Text), by: by})
	}
}

// place names where in its file an observation stands; "" if nothing tells, or the observation does.
func (a *Analysis) place(input int, p timeline.Place, text string) string {
	t := placed(a.name(input), p, a.kindOf(input))
	if p == (timeline.Place{}) || strings.Contains(text, t) {
		return ""
	}
	return t
}

// entriesOf returns the events of a Failed Request Tracing file: if there is no room for all of them, those that report
// trouble.
func (d *htmlDataWriter) entriesOf(file *Diary, r *timeline.Request) []taleLine {
	number := d.number(file)
	if number == 0 {
		return nil
	}
	var out []taleLine
	for i := range file.Events {
		e := &file.Events[i]
		if trouble := e.Level >= 1 && e.Level <= 3; e.Time.IsZero() || d.entries <= 0 && !trouble {
			continue
		}
		d.entries--
		x := taleLine{
			at: e.Time.Add(d.a.shift(file.Input, r.Input)), input: file.Input, kind: toldEvent, head: cmp.Or(e.Name, e.Source),
			level: e.Level, link: "#diary-" + strconv.Itoa(number) + "-e" + strconv.Itoa(i+1),
		}
		for _, f := range e.Fields {
			const most = 100
			value := cmp.Or(strings.TrimSpace(f.Text), diaryMeaning(e, f), f.Value)
			if f.Name == "ContextId" || value == "" || value == "0" || value == "false" || len(x.text)+len(f.Name)+len(value) > most {
				continue
			}
			if x.text != "" {
				x.text += ", "
			}
			x.text += f.Name + " " + value
		}
		out = append(out, x)
	}
	return out
}

// number returns the number of the view of a Failed Request Tracing file in the page, 0 if it has none: they are
// numbered in the order of the requests, like here.
func (d *htmlDataWriter) number(file *Diary) int {
	if file == nil || file.Request == nil {
		return 0
	}
	if d.diaries[file] == 0 {
		d.diaries[file] = len(d.diaries) + 1
	}
	return d.diaries[file]
}

// detail writes what is known of one request besides its row: an object with
//
//	id, facts [[label, text], ...], card, proofs [when, who, what, where, when, ...],
//	tale [[at, took, input, kind, head, text, place, by, 1 = key, level, link, event, message, name, value, ...], ...],
//	diaries [number, input, number, input, ...], unread
//
// with texts as indices. The part behind "key" is of events only, that behind "link" of those of traces.
func (d *htmlDataWriter) detail(r *timeline.Request) {
	t := d.detailed.Of(r.ID)
	id, _ := json.Marshal(clean(r.ID))
	d.print(`{"id":%s,"facts":[`, id)
	for i, f := range d.a.requestFacts(r) {
		if i > 0 {
			d.print(",")
		}
		d.numbers(d.text(f.Name), d.text(f.Value))
	}
	d.print("]")
	if r.Verdict != nil {
		var c card
		d.told.judge(&c, r)
		d.print(`,"card":%d,"proofs":`, d.cards.at(d.card(r, &c)))
		var proofs []int
		for _, p := range c.Evidence {
			proofs = append(proofs, d.text(p.When), d.text(p.Label), d.text(p.Text), d.text(p.Source))
		}
		d.numbers(proofs...)
	}
	if t.Unread > 0 {
		d.print(`,"unread":%d`, t.Unread)
	}
	if len(t.Diaries) > 0 {
		var list []int
		for _, file := range t.Diaries {
			if n := d.number(file); n != 0 {
				list = append(list, n, file.Input)
			}
		}
		d.print(`,"diaries":`)
		d.numbers(list...)
	}
	d.print(`,"tale":[`)
	for i, x := range d.tale(r, t) {
		if i > 0 {
			d.print(",\n")
		}
		d.line(x)
	}
	d.print("]}")
}

// card returns what a card tells besides its proofs, as JSON, which is the same for many requests: texts, lists of them,
// and things to do in pieces, which are [kind, text, kind, text, ...].
func (d *htmlDataWriter) card(r *timeline.Request, c *card) string {
	texts := func(list []string) []int {
		out := []int{}
		for _, t := range list {
			out = append(out, d.text(t))
		}
		return out
	}
	steps := func(list []string) [][]int {
		out := [][]int{}
		for _, t := range list {
			var pieces []int
			for _, x := range stepPieces(t) {
				pieces = append(pieces, int(x.kind), d.text(x.text))
			}
			out = append(out, pieces)
		}
		return out
	}
	not := make([]string, len(c.Not))
	for i, t := range c.Not {
		not[i] = begun(t)
	}
	b, err := json.Marshal(struct {
		Sure       int     `json:"sure"`
		AtLeast    int     `json:"atLeast"`
		Candidates int     `json:"candidates"`
		OpenLabel  int     `json:"openLabel"`
		Open       int     `json:"open"`
		Clocks     []int   `json:"clocks"`
		Context    []int   `json:"context"`
		Not        []int   `json:"not"`
		Do         [][]int `json:"do"`
		Find       [][]int `json:"find"`
	}{
		d.text(c.Sure), truthNumber(r.Verdict.AtLeast), d.text(c.Candidates), d.text(c.OpenLabel), d.text(c.Open), texts(c.Clocks), texts(c.Context), texts(not),
		steps(c.DoNow), steps(c.FindOut),
	})
	if err != nil && d.err == nil {
		d.err = err
	}
	return string(b)
}

// line writes a line of a tale.
func (d *htmlDataWriter) line(x taleLine) {
	buf := append(d.buf[:0], '[')
	if x.at.IsZero() {
		buf = append(buf, "null"...)
	} else {
		buf = strconv.AppendInt(buf, d.micros(x.at), 10)
	}
	buf = d.appendSpan(append(buf, ','), x.at, x.until)
	numbers := []int{x.input, int(x.kind), d.text(x.head), d.text(x.text), d.text(x.place), d.text(x.by), truthNumber(x.key)}
	if x.kind == toldEvent {
		numbers = append(numbers, int(x.level), d.text(x.link))
	}
	if m := x.moment; m != nil {
		message := m.Text
		if message == x.text {
			message = "" // told already
		}
		numbers = append(numbers, d.text(m.Event), d.text(message))
		for _, f := range m.Fields {
			numbers = append(numbers, d.text(f.Name), d.text(f.Value))
		}
	}
	for _, n := range numbers {
		buf = strconv.AppendInt(append(buf, ','), int64(n), 10)
	}
	d.flush(append(buf, ']'))
}

// tierNames are the names of what sets statuses.
var tierNames = map[string]string{"arr": "ARR", "iis": "IIS", "http.sys": "HTTP.sys", "ancm": "the ASP.NET Core module", "app": "the application"}

// requestFacts returns what is known of a request that its row has no room for.
func (a *Analysis) requestFacts(r *timeline.Request) []Field {
	var out []Field
	add := func(name, value string) {
		if value != "" {
			out = append(out, Field{name, value})
		}
	}
	add("Client", r.Client)
	if in := a.inputAt(r.Input); in != nil {
		add("Machine", in.Machine)
	}
	add("Farm", r.Farm)
	if m := r.MadeBy; m != nil {
		tier := cmp.Or(tierNames[m.Tier], m.Tier)
		words := cmp.Or(m.Module, tier)
		if m.Module != "" && tier != "" {
			words = "module " + m.Module + " of " + tier
		}
		add("Status set by", words)
	}
	if w := r.WinHTTP; w.Code != 0 {
		add("WinHTTP reports", code(w.Code)+" ("+hresult(w.Code)+"), known from the "+map[timeline.CodeSource]string{
			timeline.FromTrace: "trace", timeline.FromLog: "log", timeline.FromTable: "table of codes",
		}[w.From])
	}
	if c := r.Connection; c != nil {
		words := strings.Trim(c.Local+" > "+c.Remote, " >")
		switch {
		case c.Reused && c.Idle > 0:
			words += ", used again after " + took(c.Idle)
		case c.Reused:
			words += ", used again"
		default:
			words += ", new"
		}
		add("Connection", words)
	}
	add("X-ARR-LOG-ID", r.LogID)
	if r.Activity != (etl.GUID{}) {
		add("Activity", r.Activity.String())
	}
	return out
}

// badges returns the labels of all inputs: those of the same name say which file it is.
func (a *Analysis) badges() []string {
	out := make([]string, len(a.Inputs))
	count := map[string]int{}
	for i := range out {
		out[i] = a.label(i)
		count[out[i]]++
	}
	for i, l := range out {
		if count[l] > 1 {
			out[i] = l + " " + shortPath(a.Inputs[i].Path)
		}
	}
	return out
}
