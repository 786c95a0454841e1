package timeline

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/decode/iisconfig"
	"github.com/etwhy/etwhy/decode/netshtext"
	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
)

// Clues on requests that were sent on.
const (
	frontAgrees   clue = "another file of the machine that sent it gives the same error"
	confirmed     clue = "two independent sources agree on where it stopped"
	serverGave    clue = "the proxy's log has the status that the server gave"
	serverSilent  clue = "by the proxy's log no server gave a status"
	rivalsLater   clue = "of several requests at the content servers it is one, and all of them went on longer"
	behindWaited  clue = "the content server's worker got it late"
	behindWhole   clue = "the content server sent its answer whole"
	behindLeft    clue = "HTTP.sys of the content server saw the proxy leave just then"
	behindDropped clue = "HTTP.sys of the content server lost the connection"
	behindRan     clue = "the page was done without an answer when the connection ended"
	askerLeft     clue = "the client of the proxy left"
	leftDirect    clue = "the other end closed the connection"

	workerCrashed  clue = "the worker process of the request ended unexpectedly"
	workerServed   clue = "the request was in that process"
	workerRetired  clue = "the worker process of the request was retired and ended before it was done"
	workerReplaced clue = "the worker process of the request was being replaced, and had time to finish"
	serverStopped  clue = "the content server was being shut down"
	serverDown     clue = "the content server was shut down"
	coldStart      clue = "it was the first request after the application had stopped"

	memberSlots     clue = "every member of the farm is switched off"
	memberTests     clue = "the health tests of every member failed"
	farmForgot      clue = "the proxy's own worker process was stopped or replaced, and nothing got through since"
	membersWell     clue = "the members were well"
	liveFailures    clue = "as many answers failed as take a member out of the farm"
	risingFailures  clue = "many answers had failed just before"
	otherAnswered   clue = "another server than the member answered"
	proxyIsSet      clue = "the machine has a proxy for what goes out"
	proxyUnknown    clue = "ARR's settings do not name that proxy"
	tunnelPacked    clue = "the WebSocket was agreed to be compressed"
	tunnelShort     clue = "the WebSocket was over at once"
	tunnelTimed     clue = "the WebSocket lasted as long as the limit"
	portsGone       clue = "the machine had no free port for outgoing connections"
	portsChurn      clue = "the machine's ports for outgoing connections were used again too soon"
	portsScarce     clue = "nearly all ports for outgoing connections were taken"
	portsFree       clue = "most ports for outgoing connections were free"
	bindTrouble     clue = "HTTP.sys could not listen on the address"
	saidUnreachable clue = "WinHTTP called it a failed connect"
	tlsTold         clue = "the event log has a TLS alert of that moment"
	idleRace        clue = "the connection had been idle for as long as servers keep idle ones"
	idleClosed      clue = "HTTP.sys of the content server closed the connection for being idle"
	expectWait      clue = "the client waits for leave to send the body"
	bodyHeld        clue = "nothing of the body arrived"
	loopbackTarget  clue = "the rule sends it to localhost"
)

// Limits that the clues are held against.
const (
	nodeIdle    = 5 * time.Second // keepAliveTimeout of Node
	httpSysIdle = 2 * time.Minute // connectionTimeout of IIS
	raceWithin  = time.Second     // from the first byte out to the end of the connection
	atOnce      = 2 * time.Second // a WebSocket that is over so soon carried nothing
	aroundTLS   = 2 * etl.Second  // Schannel writes its events with the alert
	lastBlind   = 9600            // the last build of Windows (2012 R2) whose WinHTTP calls a failed handshake a failed connect
	coldWithin  = 5 * Minute      // a start shows in requests for so long
)

// lookProxy looks for why a request that a proxy or another client of WinHTTP sent on did not go well.
func (x *scene) lookProxy() {
	if x.alone {
		x.lookAtPorts()
		return
	}
	if x.r.Side != Client {
		return
	}
	x.say("answer", cmp.Or(x.r.status(), "no answer"))
	x.agreeFront()
	x.lookAtLimit()
	x.lookAtWork()
	x.lookForAbsence()
	x.lookAtWorker()
	x.lookAtPorts()
	x.lookAtTLS()
	x.lookAtConnection()
	switch {
	case x.r.Phase == PhaseRoute:
		x.lookAtFarm()
	case x.r.Outcome == OK && x.r.Status == 400:
		x.lookAtAnswerer()
	case x.r.Outcome == OK && x.r.Status == 101:
		x.lookAtTunnel()
	}
}

// at turns a time of the request into one of a machine's clock.
func (x *scene) at(m *Machine, t etl.Time) etl.Time { return t.Add(-x.shift(m)) }

// passage returns what went through the proxy.
func (x *scene) passage() *passage { return x.b.passed(x.front) }

// agreeFront sees whether the log or the FREB file of the machine gives the error that its trace shows.
func (x *scene) agreeFront() {
	r, w := x.r, x.r.sight
	if w == nil {
		return
	}
	if w.serverStatus >= 500 && w.serverStatus == r.Status {
		x.note(serverGave)
	}
	if w.serverStatus == 0 && r.Status >= 500 {
		x.note(serverSilent)
		x.lookAtFields()
	}
	if r.kind() != KindETL || r.Outcome != Failed {
		return
	}
	code := w.win32
	if w.freb != nil && w.freb.Forward() != nil {
		if c := win32Of(w.freb.Forward().Code); c != 0 {
			code = c
		}
	}
	if code != 0 && (code == r.WinHTTP.Code || code == r.Error) {
		x.note(frontAgrees)
	}
}

// lookAtFields sees which fields the log of the proxy leaves out that would tell why it had no answer.
func (x *scene) lookAtFields() {
	r := x.r
	var missing []string
	for _, f := range []struct {
		name string
		ok   bool
	}{{"sc-substatus", r.HasSub}, {"sc-win32-status", r.sight.hasWin32}, {"time-taken", r.sight.took >= 0}} {
		if !f.ok {
			missing = append(missing, f.name)
		}
	}
	why, more := "the log has no error of Windows that would tell", ""
	if len(missing) > 0 {
		why = "there was no server to choose (502.4), or no connection, no answer in time or a broken one (502.3): the log leaves out " + enumerate(missing)
		more = "let IIS of this machine log " + enumerate(missing) + " as well (IIS Manager, Logging, Select Fields), and run again when it has happened again"
	}
	x.say("unlogged", why)
	x.say("log more", more)
}

// lookForAbsence sees whether the content server's log would have the request and does not.
func (x *scene) lookForAbsence() {
	r, m := x.r, x.back
	if list := x.candidates(); len(list) > 0 {
		if q := list[0]; given(q) {
			on := x.b.on(q)
			text := "The log of " + on.called() + " may have it: " + either(len(list), "a line", "several lines") + " of this page from the proxy, whose client was gone when the answer was done, " +
				either(len(list), "fits.", "fit.") + " No id tells"
			if x.slack(on) > 0 {
				text += ", and by how much the clocks of the two machines differ is not known"
			}
			x.context = append(x.context, text+": nothing was joined.")
		}
		return
	}
	if r.sight != nil && len(r.sight.rivals) > 0 {
		if !x.has(rivalsLater) {
			x.context = append(x.context, "Several requests of the content servers fit this one by URL and time, so none was taken for it. With X-ARR-LOG-ID in their logs it could be told.")
		}
		return
	}
	if m == nil || m == x.front || x.behind != nil {
		return
	}
	if x.counted(m, KindIISLog) {
		from, to := x.span()
		x.context = append(x.context, "The log of "+m.called()+" has more lines of that time than there is room for, and some were only counted: it may have the request. With --from "+from+" --to "+to+" it can be told.")
		return
	}
	if !x.covered(m, KindIISLog) {
		to := x.at(m, x.end())
		if end := m.ends(KindIISLog, to); end != 0 && end < to+lateness {
			x.context = append(x.context, "The log of "+m.Name+" does not have the request; it ends "+clockTime(end, "15:04:05")+" UTC, and logs are written late.")
		}
		return
	}
	if x.has(frontAgrees) {
		x.note(confirmed)
	}
}

// lookAtLimit finds the limit of the proxy that ran out, where it is set, and what it would have to be.
func (x *scene) lookAtLimit() {
	r := x.r
	took := time.Duration(0)
	if x.behind != nil {
		took = busy(x.behind)
	}
	if rivals := x.rivalsLater(); took == 0 && rivals > 0 {
		took = rivals
	}
	set, where, farm := x.limit()
	waited := x.f.wait
	if waited == 0 && r.sight != nil {
		waited = r.sight.took
	}
	if set.Value > 0 && near(waited, set.Value) && r.Outcome == Failed {
		if r.Timer == nil {
			source := TimerDefault
			if set.Set {
				source = TimerConfig
			}
			x.timer = &Timer{Name: "proxy", Limit: set.Value, Source: source}
		}
	}
	x.say("limitset", where)
	enough := roundUp(took)
	raise := "raise " + where + " above " + spell(took)
	if enough > 0 {
		raise += ", to " + spell(enough)
		if farm != "" {
			raise += fmt.Sprintf(": appcmd set config -section:webFarms /[name='%s'].applicationRequestRouting.protocol.timeout:%s /commit:apphost", farm, clockSpan(enough))
		}
	}
	x.say("raise", raise)
	x.near(enough)
	x.ladder(set, where)
}

// limits that people set.
var roundLimits = []time.Duration{
	45 * time.Second, time.Minute, 90 * time.Second, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute,
}

// roundUp returns the limit that leaves a request of this length some room; 0 if there is none.
func roundUp(took time.Duration) time.Duration {
	if took == 0 {
		return 0
	}
	for _, l := range roundLimits {
		if l >= took+took/10 {
			return l
		}
	}
	return 0
}

// clockSpan writes a duration as the configuration does: 00:01:30.
func clockSpan(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
}

// limit returns how long the proxy waits for the server of the request, the setting in words, and the name of the farm.
func (x *scene) limit() (set iisconfig.Setting[time.Duration], where, farm string) {
	m := x.front
	if f, ok := x.farm(); ok {
		set = m.settings.FarmTimeout(f.Name)
		return set, "the time-out of farm " + f.Name + " (" + setTo(set) + ")", f.Name
	}
	if _, ok := m.settings.Proxy(""); ok && x.has(fromARR) {
		set = m.settings.ProxyTimeout("")
		return set, "the time-out of the proxy (" + setTo(set) + ")", ""
	}
	switch {
	case x.has(fromARR):
		return set, "the time-out of the farm (30 s is ARR's default, 2 min without a farm; no configuration here)", ""
	case x.r.Proxied:
		return set, "the time-out of the proxy's farm", ""
	}
	return set, "the caller's time-out", ""
}

// setTo says what a limit is set to and where.
func setTo(set iisconfig.Setting[time.Duration]) string {
	if set.Set {
		return spell(set.Value) + ", " + set.Source()
	}
	return spell(set.Value) + " is the default, and no file sets another"
}

// farm returns the settings of the farm that the request was for.
func (x *scene) farm() (iisconfig.Farm, bool) {
	r, m := x.r, x.front
	names := []string{r.Farm}
	if w := r.sight; w != nil && w.freb != nil {
		for _, u := range w.freb.Rewrites {
			names = append(names, hostName(Authority(u)))
		}
	}
	if a, ok := plainAddress(r.Server); ok {
		names = append(names, a)
	} else {
		names = append(names, hostName(r.Server))
	}
	for _, n := range names {
		if n != "" {
			if f, ok := m.settings.Farm(n); ok {
				return f, true
			}
		}
	}
	if list := m.farms(); len(list) == 1 && x.has(fromARR) {
		return list[0], true
	}
	return iisconfig.Farm{}, false
}

// near says how many of the requests for the page a longer limit would have let through.
func (x *scene) near(enough time.Duration) {
	if x.r.Error != 12002 && x.r.WinHTTP.Code != 12002 {
		return
	}
	times := x.passage().pages[pathOfRequest(x.r)]
	if len(times) < 3 || enough == 0 {
		return
	}
	longest := times[len(times)-1]
	for _, l := range roundLimits { // the smallest that saves nearly all
		if n, _ := slices.BinarySearch(times, l); n >= len(times)*9/10 {
			x.context = append(x.context, fmt.Sprintf("A limit of %s would have saved %d of %d such requests; the slowest took %s.", spell(l), n, len(times), spell(longest)))
			return
		}
	}
}

// ladder says of limits behind the proxy's that they are longer than it.
func (x *scene) ladder(outer iisconfig.Setting[time.Duration], where string) {
	if x.back == nil || outer.Value == 0 || x.r.Outcome != Failed {
		return
	}
	at := ""
	if x.behind != nil && x.behind.sight != nil {
		if s, ok := x.back.settings.Site(x.behind.sight.site); ok {
			at = s.Name
		}
	}
	longer := func(what string, s iisconfig.Setting[time.Duration]) {
		if s.Set && s.Value > outer.Value {
			x.context = append(x.context, fmt.Sprintf("%s of %s is %s (%s), longer than %s: the proxy gives up first.", what, x.back.Name, spell(s.Value), s.Source(), where))
		}
	}
	if a, ok := x.back.settings.ANCM(at); ok {
		longer("requestTimeout", a.RequestTimeout)
	}
	if t, ok := x.back.settings.Runtime(at); ok {
		longer("executionTimeout", t.ExecutionTimeout)
	}
}

// rivalsLater returns how long the longest of the requests took that may be this one at the content servers, if
// each of them went on for longer than the proxy waited and found its client gone.
func (x *scene) rivalsLater() time.Duration {
	w := x.r.sight
	if w == nil || len(w.rivals) == 0 || x.behind != nil {
		return 0
	}
	waited := max(x.f.wait, w.took)
	least, most := time.Duration(math.MaxInt64), time.Duration(0)
	for _, q := range w.rivals {
		if q.sight == nil || !departed[q.sight.win32] && q.sight.freb == nil {
			return 0
		}
		least, most = min(least, busy(q)), max(most, busy(q))
	}
	if waited <= 0 || least <= waited {
		return 0
	}
	if list := x.passage().pages[w.path]; len(list) > 0 { // they are only the first of them
		least, most = list[0], list[len(list)-1]
	}
	if least <= waited {
		return 0
	}
	evidence := make([]Evidence, 0, len(w.rivals))
	for _, q := range w.rivals {
		evidence = append(evidence, quotedAny(q))
	}
	x.note(rivalsLater, evidence...)
	took := spell(least)
	if a, b := spell(least), spell(most); a != b {
		took = a + " to " + b
	}
	x.say("rivals", took)
	return most
}

// lookAtWork tells the time apart that the content server took: receiving, the queue, the worker, sending.
func (x *scene) lookAtWork() {
	q := x.behind
	if q == nil || q.sight == nil {
		return
	}
	w := q.sight
	f := w.freb
	took := busy(q)
	queue, upload, send, work := time.Duration(-1), time.Duration(-1), time.Duration(-1), time.Duration(-1)
	if q.kind() == KindETL {
		for i := range q.Phases {
			d := q.Phases[i].Duration()
			switch q.Phases[i].Name {
			case PhaseQueue:
				queue = max(queue, 0) + d
			case PhaseReceive:
				upload = max(upload, 0) + d
			case PhaseProcess:
				work = max(work, 0) + d
			case PhaseSend:
				send = max(send, 0) + d
			}
		}
	}
	if f != nil {
		upload, send = 0, f.Flush.Busy
		if f.Read.Bytes > 0 && !f.Read.Open {
			upload = f.Read.Last.Sub(f.Read.First)
		}
		work = max(f.Duration()-upload-send, 0)
		if w.took >= 0 {
			queue = max(w.took-f.Duration(), 0)
			took = w.took
		}
		announced, err := strconv.ParseUint(f.Answered.Get("Content-Length"), 10, 63)
		switch {
		case f.Flush.Code == 0 && f.BytesSent == 0 && !f.NoEnd:
			// A connection that something in between had cut would have left the page running.
			if f.End.Add(x.shift(x.back)) <= x.end()+100*etl.Millisecond {
				x.note(behindRan)
			}
		case f.Flush.Code != 0 || f.NoEnd || w.reason != "": // not to the end
		case err == nil && f.BytesSent >= announced, logged(q):
			x.note(behindWhole, quotedAny(q))
		}
		x.say("answersize", strconv.FormatUint(f.BytesSent, 10)+" bytes")
		if f.Read.Bytes == 0 && f.Read.Open {
			x.note(bodyHeld)
		}
	} else if w.reason == "" && logged(q) {
		x.note(behindWhole, quotedAny(q))
		x.say("answersize", "by its log")
	}
	switch left := x.at(x.back, x.end()).Sub(ended(q)).Abs(); {
	case w.reason == "Connection_Dropped":
		x.note(behindDropped)
	case w.reason == "Client_Reset" && left < 3*time.Second: // HTTPERR has whole seconds
		x.note(behindLeft)
	}
	if r := x.r; r.Outcome == Failed && (queue >= 0 || work >= 0 || upload >= 0) {
		var parts []string
		for _, p := range []struct {
			what string
			d    time.Duration
		}{{"the upload", upload}, {"the queue of HTTP.sys", queue}, {"the worker process", work}, {"sending", send}} {
			if p.d >= 50*time.Millisecond {
				parts = append(parts, spell(p.d)+" in "+p.what)
			}
		}
		if upload >= 0 && upload < 50*time.Millisecond {
			parts = append(parts, "no upload")
		}
		if queue >= 0 && queue < 50*time.Millisecond {
			parts = append(parts, "no queueing")
		}
		if len(parts) > 0 {
			x.context = append(x.context, "The content server's "+spell(took)+": "+strings.Join(parts, ", ")+".")
		}
	} else if r.Outcome == Failed && w.kind == KindIISLog && took > time.Second {
		x.context = append(x.context, "The "+spell(took)+" are all of it: upload, queue and work are not told apart in a log. Failed Request Tracing of the content server would.")
	}
	if limit := x.f.wait; queue > 2*time.Second && (limit == 0 || queue > limit/2) {
		x.note(behindWaited)
		x.say("queued", spell(queue))
	}
	x.say("queuename", cmp.Or(q.Queue, cmp.Or(q.AppPool, "the application")))
}

// logged reports whether the log has the request as one whose answer was delivered.
func logged(q *Request) bool {
	l := q.by(KindIISLog)
	return l != nil && l.Outcome == OK && l.sight.win32 == 0
}

// lookAtWorker looks for what happened to the process that had the request at the content server, or to that server.
func (x *scene) lookAtWorker() {
	m, r, q := x.back, x.r, x.behind
	if m == nil || m == x.front || r.Outcome != Failed {
		return
	}
	pool, pid, reason := "", uint32(0), ""
	if q != nil {
		pool, pid = cmp.Or(q.AppPool, q.Queue), q.PID
		if q.sight != nil {
			reason = q.sight.reason
		}
	}
	start, end := x.at(m, r.Start), x.at(m, x.end())
	abandoned := strings.HasPrefix(reason, "Connection_Abandoned")
	// The process is named by its id; how long after its end that is written, a dump may delay. Without, its pool
	// and the moment have to do.
	for _, o := range m.during(end-5*etl.Second, end+5*Minute, "", eventlog.Crash) {
		mine := pid != 0 && o.PID == pid
		like := (pid == 0 || o.PID == 0) && o.Time <= end+10*etl.Second &&
			(pool != "" && strings.EqualFold(o.Pool, pool) || abandoned && isWorker(o.Image))
		if !mine && !like {
			continue
		}
		x.note(workerCrashed, o.evidence())
		x.say("no crash", "")
		x.say("crash", o.String())
		if mine || abandoned {
			x.note(workerServed, quotedAny(q))
		}
	}
	for _, o := range m.during(start-Minute, end+5*etl.Second, pool, eventlog.Recycle, eventlog.MemoryRecycle, eventlog.StopTimeout, eventlog.PoolDisabled, eventlog.ConfigChanged) {
		if pool == "" || o.PID != 0 && pid != 0 && o.PID != pid {
			continue
		}
		if o.Kind == eventlog.StopTimeout && pid != 0 && o.PID == pid || abandoned && o.Kind != eventlog.ConfigChanged {
			x.note(workerRetired, o.evidence())
			x.note(workerServed, quotedAny(q))
			x.say("recycle", o.String())
		} else if o.Kind == eventlog.Recycle || o.Kind == eventlog.MemoryRecycle {
			x.note(workerReplaced, o.evidence())
			x.say("replaced", o.String())
		}
	}
	x.say("no crash", m.noCrash(end))
	power := x.b.look().power[m]
	if n := before(power, end+2*etl.Second); n > 0 && power[n-1].Kind != eventlog.SystemStart {
		until := ""
		if n < len(power) && power[n].Kind == eventlog.SystemStart {
			until = " and came up again at " + clockTime(power[n].Time, "15:04:05")
		}
		o := power[n-1]
		for n > 1 && power[n-2].Kind == o.Kind && power[n-2].Time > o.Time-Minute { // two events tell of it
			n--
			o = power[n-1]
		}
		if o.Time < start {
			x.note(serverDown, o.evidence())
		} else {
			x.note(serverStopped, o.evidence())
		}
		x.say("downsince", clockTime(o.Time, "15:04:05")+until)
	}
	if slices.Contains(timerCodes, r.Error) || slices.Contains(timerCodes, r.WinHTTP.Code) {
		x.lookForStart(m, pool, start, end)
	}
	if r.Phase == PhaseConnect || r.Phase == "" {
		for _, o := range m.during(start-10*Minute, end+lateness, "", eventlog.BindFailed) {
			x.note(bindTrouble, o.evidence())
			x.say("binding", cmp.Or(o.Detail, "its address"))
			break
		}
	}
}

// noCrash says which event log of a machine speaks against a crash at a time, though it would have it; "" if none does.
func (m *Machine) noCrash(t etl.Time) string {
	var logs []string
	for _, l := range []Kind{systemLog, applicationLog} {
		if m.covers(l, t) {
			logs = append(logs, string(l))
		}
	}
	if len(logs) == 0 || len(m.during(t-lateness, t+lateness, "", eventlog.Crash)) > 0 {
		return ""
	}
	return "crash: the " + enumerate(logs) + either(len(logs), " log covers the time and has none", " logs cover the time and have none")
}

// lookForStart sees whether the request was the first that the application had to start for.
func (x *scene) lookForStart(m *Machine, pool string, start, end etl.Time) {
	list := x.b.look().starts[m]
	for _, o := range slices.Backward(list[:before(list, end)]) {
		if o.Time < start-sameDay {
			return
		}
		if o.Kind != eventlog.IdleStop && o.Time < start-coldWithin || pool != "" && o.Pool != "" && !strings.EqualFold(o.Pool, pool) {
			continue
		}
		if x.b.answeredBetween(m, o.Time, end) != nil || m.passedOver(KindIISLog, o.Time, end) {
			return // it was warm by then, or may have been
		}
		x.note(coldStart, o.evidence())
		x.say("cold", o.String())
		return
	}
}

// lookAtFarm looks for why the proxy had no server to choose from.
func (x *scene) lookAtFarm() {
	r, m := x.r, x.front
	f, ok := x.farm()
	name := "the farm"
	if ok {
		name = "farm " + f.Name
	}
	x.say("farm", name)
	x.say("farmname", cmp.Or(f.Name, "NAME"))
	p := x.passage()
	if ok && len(f.Servers) > 0 {
		x.say("members", everyOf(len(f.Servers), name))
		x.say("member", f.Servers[0].Address)
		x.lookAtMembers(&f)
		x.lookAtTests(&f, p)
	}
	x.lookAtState(f, ok)
	x.lookForLostState(p)
	period, most := 2*time.Minute, 3
	if ok && f.HealthCheck.LiveTrafficFailurePeriod.Value > 0 {
		period, most = f.HealthCheck.LiveTrafficFailurePeriod.Value, int(f.HealthCheck.MaxLiveTrafficFailures.Value)
	}
	// A member that was taken out stays out until the next test.
	back := period
	if ok {
		back += f.HealthCheck.Interval.Value
	}
	if n := p.brokenBetween(r.Start.Add(-back), r.Start+1); n >= max(most, 1) {
		x.say("failures", counted(n, "request", "requests"))
		x.say("period", spell(back))
		x.say("minservers", "minServers")
		if ok && f.HealthCheck.LiveTrafficFailurePeriod.Value > 0 {
			x.note(liveFailures)
			h := f.HealthCheck
			x.context = append(x.context, fmt.Sprintf("Farm %s takes a member out after %d failures within %s (%s), and keeps at least %d (%s).", f.Name,
				h.MaxLiveTrafficFailures.Value, spell(h.LiveTrafficFailurePeriod.Value), h.LiveTrafficFailurePeriod.Source(), h.MinServers.Value, h.MinServers.Source()))
		} else if !ok {
			x.note(risingFailures)
		}
	}
	if !m.configured {
		x.context = append(x.context, "No configuration of "+m.Name+" is here: which members the farm has, and which are on, is not known.")
	}
}

// everyOf names all members of a farm, with the verb.
func everyOf(n int, farm string) string {
	switch n {
	case 1:
		return "the only member of " + farm + " is"
	case 2:
		return "both members of " + farm + " are"
	}
	return "all " + strconv.Itoa(n) + " members of " + farm + " are"
}

// lookAtState says what the configuration tells of the members of the farms, and what stays open of their state.
func (x *scene) lookAtState(f iisconfig.Farm, known bool) {
	m := x.front
	if m.settings.Host() == nil {
		x.say("state", "whether the members are switched off, fail their health test, or were taken out")
		x.say("ask members", "from each member the IIS log of that time: do the health tests pass")
		return
	}
	farms := m.farms()
	if known {
		farms = []iisconfig.Farm{f}
	}
	var ask []string
	tested := false
	for i := range farms {
		f := &farms[i]
		var on, off []string
		for j := range f.Servers {
			s := &f.Servers[j]
			if !s.Enabled.Value {
				off = append(off, s.Address)
				continue
			}
			on = append(on, s.Address)
			if f.HealthCheck.URL.Value != "" {
				tested = true
				if b := x.b.machineAt(s.Address); !x.tells(b, KindIISLog, nil) {
					ask = append(ask, s.Address)
				}
			}
		}
		if len(off) > 0 && len(on) > 0 {
			x.context = append(x.context, fmt.Sprintf("Of the %d members of farm %s, %s switched off (%s), and %s on.", len(f.Servers), f.Name, isAre(off), f.Servers[slices.IndexFunc(f.Servers, func(s iisconfig.Member) bool { return !s.Enabled.Value })].Enabled.Source(), isAre(on)))
		} else if len(on) > 0 {
			x.context = append(x.context, fmt.Sprintf("The configuration has no member of farm %s switched off.", f.Name))
		} else if len(off) > 0 && !known {
			x.context = append(x.context, fmt.Sprintf("Every member of farm %s is switched off (%s).", f.Name, f.Servers[0].Enabled.Source()))
		}
	}
	state := "whether the members that are on were taken out"
	if tested && !x.tested {
		state = "whether the members that are on fail their health test, or were taken out"
	}
	if !known && len(farms) > 1 {
		state = "which of the farms the request was for, and " + state
	}
	x.say("state", state)
	text := ""
	if len(ask) > 0 {
		from, to := x.span()
		text = "from " + enumerate(ask) + " get the IIS log for " + from + " to " + to + " UTC: do the health tests pass"
	}
	x.say("ask members", text)
}

// isAre lists some, with the verb.
func isAre(list []string) string { return enumerate(list) + either(len(list), " is", " are") }

// lookAtMembers sees whether the members of a farm are switched off.
func (x *scene) lookAtMembers(f *iisconfig.Farm) {
	var lines []string
	var evidence []Evidence
	for i := range f.Servers {
		s := &f.Servers[i]
		if s.Enabled.Value {
			return
		}
		source := s.Enabled.Source()
		if len(lines) > 0 { // the file once, and the lines
			source = strconv.Itoa(s.Enabled.Line)
		}
		lines = append(lines, source)
		evidence = append(evidence, x.setting(s.Enabled.File, s.Enabled.Line, "member "+s.Address+" of farm "+f.Name+" has enabled=\"false\" ("+s.Enabled.Source()+")"))
	}
	x.note(memberSlots, evidence...)
	x.say("where", strings.Join(lines, ", "))
	for _, i := range x.front.Inputs {
		old := x.b.sessions[i].settings
		if h := x.front.settings.Host(); old != nil && old.History != 0 && h != nil {
			for _, c := range iisconfig.Diff(old, h) {
				if strings.Contains(c.What, f.Name) && strings.HasSuffix(c.What, "enabled") && strings.HasPrefix(c.To, "false") {
					x.context = append(x.context, fmt.Sprintf("The copy of the configuration with number %d in the history had them on: %s.", old.History, c))
					break
				}
			}
		}
	}
}

// lookAtTests sees whether the health tests of all members failed, the last ones before the request.
func (x *scene) lookAtTests(f *iisconfig.Farm, p *passage) {
	if f.HealthCheck.URL.Value == "" {
		return
	}
	within := 3*f.HealthCheck.Interval.Value + f.HealthCheck.Timeout.Value
	low, high := statusRange(f.HealthCheck.StatusCodeMatch.Value)
	var evidence []Evidence
	failing, saidWell := 0, 0
	var results []string
	for i := range f.Servers {
		a, ok := plainAddress(f.Servers[i].Address)
		if !ok || !f.Servers[i].Enabled.Value {
			continue
		}
		var last *Request
		for _, q := range p.tests[a] {
			on := x.b.on(q)
			if t := ended(q).Add(x.shift(on)); t <= x.r.Start+etl.Second && t > x.r.Start.Add(-within) && (last == nil || ended(q) > ended(last)) {
				last = q
			}
		}
		switch {
		case last == nil:
			continue
		case last.Outcome == Failed || last.Status < low || last.Status > high:
			failing++
			evidence = append(evidence, Evidence{Input: last.Input, Time: ended(last), Text: "health test " + last.Method + " " + pathOfRequest(last) + " at " + a + ": " + testResult(last), Key: true, Place: last.where()})
		default:
			saidWell++
		}
		results = append(results, a+" "+testResult(last))
	}
	x.tested = failing+saidWell == enabled(f)
	if failing+saidWell > 0 {
		x.context = append(x.context, "Health tests of farm "+f.Name+" ("+f.HealthCheck.URL.Value+") just before: "+enumerate(results)+".")
	}
	x.say("testurl", f.HealthCheck.URL.Value)
	x.say("testsource", f.HealthCheck.URL.Source())
	if failing > 0 && saidWell == 0 {
		if failing == enabled(f) {
			x.note(memberTests, evidence...)
		}
		x.say("testresult", evidence[0].Text[strings.LastIndex(evidence[0].Text, ": ")+2:])
	}
}

// enabled counts the members of a farm that are not switched off.
func enabled(f *iisconfig.Farm) (n int) {
	for i := range f.Servers {
		if f.Servers[i].Enabled.Value {
			n++
		}
	}
	return n
}

// testResult says how a health test ended.
func testResult(r *Request) string {
	if r.Status != 0 {
		return "answered " + r.status()
	}
	return "failed with " + codeText(r.Error)
}

// statusRange reads a range of statuses: 200-399.
func statusRange(s string) (low, high int) {
	a, b, ok := strings.Cut(s, "-")
	low, err := strconv.Atoi(strings.TrimSpace(a))
	if err != nil {
		return 200, 399
	}
	high = low
	if ok {
		if high, err = strconv.Atoi(strings.TrimSpace(b)); err != nil {
			high = 999
		}
	}
	return low, high
}

// lookForLostState sees whether the proxy's own process was stopped or replaced, so that what it knew of its servers
// is gone, and nothing has got through since.
func (x *scene) lookForLostState(p *passage) {
	r, m := x.r, x.front
	list := x.b.look().stops[m]
	for _, o := range slices.Backward(list[:before(list, r.Start+etl.Second)]) {
		if o.Time < r.Start-24*60*Minute {
			return
		}
		if o.Pool != "" && !x.inPool(o.Pool, p) || o.Pool == "" && !isWorker(o.Image) {
			continue
		}
		if p.wellBetween(o.Time, r.Start) != 0 || m.passedOver(KindIISLog, o.Time, r.Start) {
			return
		}
		x.note(farmForgot, o.evidence())
		x.say("lost", o.String())
		x.say("lostat", clockTime(o.Time, "15:04:05"))
		x.say("pool", cmp.Or(o.Pool, "of the proxy"))
		if o.Kind == eventlog.IdleStop {
			x.say("never", "appcmd set apppool "+commandWord(cmp.Or(o.Pool, "NAME"))+" /processModel.idleTimeout:00:00:00")
		} else {
			x.say("never", "appcmd set apppool "+commandWord(cmp.Or(o.Pool, "NAME"))+" /recycling.periodicRestart.time:00:00:00")
		}
		// Meanwhile the members answered others.
		until := p.wellBetween(r.Start, math.MaxInt64)
		if until == 0 {
			until = r.Start + 60*Minute
		}
		for _, b := range x.b.machines {
			if b == m {
				continue
			}
			if q := x.b.answeredBetween(b, x.at(b, o.Time), x.at(b, until)); q != nil {
				x.note(membersWell, Evidence{Input: q.Input, Time: ended(q), Text: q.Method + " " + q.URL + " answered " + q.status(), Key: true, Place: q.where()})
			}
		}
		return
	}
}

// quotedAny makes evidence of a request that a file of any kind tells of.
func quotedAny(q *Request) Evidence {
	if e := quoted(q); e.Text != "" {
		return e
	}
	return Evidence{Input: q.Input, Time: ended(q), Text: q.Method + " " + q.URL + ": " + cmp.Or(q.status(), q.Outcome.String()), Key: true, Place: q.where()}
}

// inPool reports whether the proxy runs in a pool: by what its files say, or by being the only one.
func (x *scene) inPool(pool string, p *passage) bool {
	if slices.Contains(p.pools, strings.ToLower(pool)) {
		return true
	}
	if len(p.pools) > 0 {
		return false
	}
	if w := x.r.sight; w != nil && w.site != 0 {
		if set, ok := x.front.settings.PoolOf(w.site, w.path); ok {
			return strings.EqualFold(set.Name, pool)
		}
	}
	h := x.front.settings.Host()
	return h != nil && len(h.Pools) == 1 && strings.EqualFold(h.Pools[0].Name, pool)
}

// lookAtAnswerer sees who answered 400: the member of the farm, or a proxy on the way to it.
func (x *scene) lookAtAnswerer() {
	r, w := x.r, x.r.sight
	if w == nil || !r.Proxied {
		return
	}
	proxy, member := "", "the member of the farm"
	if w.freb != nil {
		if via := w.freb.Answered.Get("Via"); via != "" {
			proxy = via
			x.note(otherAnswered, Evidence{Input: r.by(KindFREB).Input, Time: ended(r), Text: "the answer has Via: " + via, Key: true})
		}
		if f := w.freb.Forward(); f != nil && r.Connection != nil {
			a, ok := plainAddress(f.Server)
			remote, _ := plainAddress(r.Connection.Remote)
			if ok && remote != "" && remote != a {
				proxy = r.Connection.Remote
				member = f.Server
				x.note(otherAnswered, Evidence{Input: r.Input, Time: r.Start, Text: "connected to " + r.Connection.Remote + ", not to the member " + f.Server, Key: true})
			}
		}
	}
	for _, c := range x.front.consoles {
		if c.Proxy != nil && c.Proxy.Server != "" {
			x.note(proxyIsSet, Evidence{Input: c.input, Text: "WinHTTP of this machine goes out through " + c.Proxy.Server, Key: true, Place: Place{Line: c.Proxy.Line}})
			proxy = c.Proxy.Server
		}
	}
	if f, ok := x.farm(); ok && f.ProxyServer.Value == "" {
		x.note(proxyUnknown)
		x.say("farmname", f.Name)
	} else if !ok {
		x.say("farmname", "NAME")
	}
	if f, ok := x.farm(); ok && len(f.Servers) == 1 {
		member = f.Servers[0].Address
	}
	x.say("member", member)
	x.say("outbound", cmp.Or(proxy, "a proxy"))
}

// lookAtTunnel sees how a connection ended that was switched to WebSocket.
func (x *scene) lookAtTunnel() {
	r, w := x.r, x.r.sight
	lasted := r.Duration()
	if w != nil && w.took > lasted {
		lasted = w.took
	}
	x.say("lasted", spell(lasted))
	if x.f.seen.has(factDeflate) {
		x.note(tunnelPacked)
	}
	if w != nil && w.freb != nil && strings.Contains(strings.ToLower(w.freb.Answered.Get("Sec-WebSocket-Extensions")), "permessage-deflate") {
		x.note(tunnelPacked, Evidence{Input: r.by(KindFREB).Input, Time: ended(r), Text: "the answer has Sec-WebSocket-Extensions: permessage-deflate", Key: true})
	}
	if lasted > 0 && lasted < atOnce {
		x.note(tunnelShort)
	}
	if x.f.seen.has(factClosedHere) {
		x.context = append(x.context, "This machine ended the connection to "+r.Server+" itself.")
	}
	if set, where, _ := x.limit(); set.Value > 0 && near(lasted, set.Value) {
		x.note(tunnelTimed)
		x.say("limitset", where)
	}
	if d := x.passage().tunnels[pathOfRequest(r)]; d > time.Minute && d > lasted {
		x.context = append(x.context, "Another connection to the same page stayed open for "+spell(d)+".")
	}
}

// lookAtPorts sees whether the machine ran out of ports for what goes out.
func (x *scene) lookAtPorts() {
	from, to := x.r.Start-Minute, x.end()+lateness
	if !x.alone && x.r.Phase != PhaseConnect && x.r.Phase != "" {
		return
	}
	for _, o := range x.front.during(from, to, "", eventlog.PortsExhausted) {
		x.note(portsGone, o.evidence())
		x.say("portsat", clockTime(o.Time, "15:04:05"))
		break
	}
	if list := x.front.during(from, to, "", eventlog.PortReused); len(list) > 0 {
		x.note(portsChurn, list[0].evidence())
		x.say("portsat", clockTime(list[0].Time, "15:04:05"))
	}
	size := 16384 // of the range, by default
	for _, c := range x.front.consoles {
		if c.Ports != nil {
			size = c.Ports.Count
		}
	}
	for _, c := range x.front.consoles {
		if c.Connections == nil {
			continue
		}
		n := c.Connections
		taken := 0
		for _, e := range n.Remotes {
			taken = max(taken, e.Ports)
		}
		out := n.TCP - len(n.Listeners)
		x.say("taken", thousands(uint64(max(out, 0))))
		in := func(state netshtext.State) string { return thousands(uint64(n.Count(state))) }
		x.say("timewait", in(netshtext.TimeWait))
		x.say("closewait", in(netshtext.CloseWait))
		x.say("established", in(netshtext.Established))
		x.say("range", thousands(uint64(size)))
		what := Evidence{Input: c.input, Text: fmt.Sprintf("netstat: %s connections, %s of them in TIME_WAIT, %s in CLOSE_WAIT; the range has %s ports", thousands(uint64(max(out, 0))),
			in(netshtext.TimeWait), in(netshtext.CloseWait), thousands(uint64(size))), Key: true}
		if max(taken, n.Count(netshtext.TimeWait)) >= size*8/10 {
			x.note(portsScarce, what)
		} else if x.alone && !slices.ContainsFunc(x.b.requests, func(r *Request) bool { return x.b.on(r) == x.front }) {
			x.note(portsFree, what)
		}
	}
}

// lookAtTLS looks for what the event logs of both ends tell of a handshake.
func (x *scene) lookAtTLS() {
	r := x.r
	if x.f.alert != 0 {
		x.say("alert", "alert "+alertName(uint32(x.f.alert)))
	}
	build := x.b.sessions[r.Input].in.Header.Build
	if code := Code(12029); build <= lastBlind && (build > 0 || r.kind() != KindETL) && (r.WinHTTP.Code == code || r.Error == code || r.sight != nil && r.sight.win32 == code) && (r.Phase == PhaseTLS || r.Phase == "") {
		x.note(saidUnreachable)
	}
	if r.Phase != PhaseTLS && !(r.Phase == "" && strings.HasPrefix(r.lastURL(), "https:")) {
		return
	}
	// What confirms the trace is an event about the same thing.
	fits := []eventlog.FactKind{eventlog.TLSNoCipher, eventlog.TLSAlertReceived, eventlog.TLSAlertSent}
	switch {
	case x.f.cert != 0 || x.f.seen.has(factCertificate):
		fits = []eventlog.FactKind{eventlog.TLSCertificate}
	case x.f.seen.has(factCredentials):
		fits = []eventlog.FactKind{eventlog.TLSCredential}
	}
	look := func(m *Machine) {
		t := x.at(m, x.end())
		for _, o := range m.during(t-aroundTLS, t+aroundTLS, "", fits...) {
			if n := x.f.alert; n != 0 && o.Kind != eventlog.TLSNoCipher && o.Code != uint32(n) {
				continue
			}
			x.note(tlsTold, o.evidence())
			x.say("alert", alertText(o))
			if r.kind() == KindETL {
				x.note(confirmed, o.evidence())
			}
		}
	}
	look(x.front)
	if x.back != nil && x.back != x.front {
		look(x.back)
	}
	x.say("alert", "the handshake failed")
}

// alertText names the TLS alert of an event.
func alertText(o *occurrence) string {
	switch o.Kind {
	case eventlog.TLSAlertReceived:
		return "alert " + alertName(o.Code) + " came in"
	case eventlog.TLSAlertSent:
		return "alert " + alertName(o.Code) + " was sent"
	}
	return o.String()
}

// alertName names a TLS alert: 40 handshake_failure.
func alertName(n uint32) string {
	s := strconv.Itoa(int(n))
	if c, ok := winerr.TLSAlert.Look(n); ok {
		s += " " + c.Symbol
	}
	return s
}

// lookAtConnection looks at the life of the connection that the request went out on.
func (x *scene) lookAtConnection() {
	r := x.r
	if x.f.seen&(factPeerClosed|factPeerReset) != 0 && x.f.seen&(factCancelled|factClosedEarly|factTimerCancel) == 0 {
		x.note(leftDirect)
	}
	if w := r.sight; w != nil && w.freb != nil && strings.EqualFold(w.freb.Received.Get("Expect"), "100-continue") {
		x.note(expectWait)
	}
	if x.r.Proxied && r.Outcome == Cancelled {
		x.note(askerLeft)
	}
	if w := r.sight; w != nil && w.freb != nil && w.freb.Forward() != nil && r.Connection != nil && r.Outcome == Failed {
		member, ok := plainAddress(w.freb.Forward().Server)
		if remote, _ := plainAddress(r.Connection.Remote); ok && remote != "" && remote != member {
			x.context = append(x.context, "The connection went to "+r.Connection.Remote+", not to the member "+member+" that had been chosen: a proxy may stand in between (netsh winhttp show proxy).")
		}
	}
	if u := x.target(); u != "" {
		x.note(loopbackTarget)
		x.say("target", u)
	}
	k := r.Connection
	if k == nil || !k.Reused {
		return
	}
	idle := []time.Duration{nodeIdle, httpSysIdle}
	if m := x.back; m != nil {
		if h := m.settings.Host(); h != nil && h.SiteDefaults.ConnectionTimeout.Value > 0 {
			idle = append(idle, h.SiteDefaults.ConnectionTimeout.Value)
		}
	}
	if x.f.wait < raceWithin && slices.ContainsFunc(idle, func(d time.Duration) bool { return near(k.Idle, d) }) {
		x.note(idleRace)
	}
	if m := x.back; m != nil && m != x.front {
		for _, e := range x.b.look().idled[m][k.Local] {
			if e.at.Sub(x.at(m, x.end())).Abs() < 3*time.Second {
				x.note(idleClosed, Evidence{Input: e.input, Time: e.at, Text: "Timer_ConnectionIdle: HTTP.sys closed the connection from " + k.Local, Key: true, Place: Place{Line: int(e.line)}})
			}
		}
	}
	x.say("idle", spell(k.Idle))
	if n := x.passage().repeated[r.Server]; n > 0 {
		x.context = append(x.context, counted(n, "request was", "requests were")+" repeated on another connection to "+r.Server+" and went well; nobody saw it.")
	}
}

// target returns where a rewrite rule sends the request, if that is this machine itself.
func (x *scene) target() string {
	if h := x.front.settings; h != nil && x.front.configured {
		for _, i := range x.front.Inputs {
			s := x.b.sessions[i].settings
			if s == nil {
				continue
			}
			for _, u := range s.RewriteProxyRules {
				host := hostName(u.Target)
				if a, err := netip.ParseAddr(host); strings.EqualFold(host, "localhost") || err == nil && a.IsLoopback() {
					return u.Target + " (" + u.Source() + ")"
				}
			}
		}
	}
	return ""
}
