package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/errorpage"
	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/decode/iisconfig"
	"github.com/etwhy/etwhy/etl"
)

// Clues on why HTTP.sys turned requests down.
const (
	turnedAway   clue = "HTTP.sys turned requests for the pool down"
	poolUnnamed  clue = "of which pool is not told"
	systemKnown  clue = "the System log covers the time"
	poolDisabled clue = "WAS switched the pool off after failures"
	poolStartOff clue = "WAS switched the pool off since no process of it could be started"
	poolCrashed  clue = "worker processes of the pool crashed just before"
	someCrashed  clue = "as many worker processes crashed just before as switch a pool off, of which pool is not told"
	poolHung     clue = "worker processes of the pool did not answer WAS"
	poolIdentity clue = "the account of the pool does not work"
	identityOff  clue = "WAS switched the pool off for its account"
	moduleFailed clue = "a native module could not be loaded"
	channelLost  clue = "the listener channel of worker processes failed"
	severalPools clue = "that befell several pools at once"
	memoryLimit  clue = "the pool reached its limit of memory again and again"
	cpuLimit     clue = "the pool used more processor time than it may"
	cpuKills     clue = "the settings end worker processes that do"
	cpuOpen      clue = "no file has the settings of a pool that used more processor time than it may"
	byHand       clue = "the settings do not start the pool, and WAS tells of no failure"
	urlTaken     clue = "a program reserved the URL before"
	urlReserved  clue = "the URL is in the list of reservations"
	wasTold      clue = "WAS tells of trouble at that time"
	queueSlow    clue = "the answers of the pool had become slow"
	workerDied   clue = "a worker process of the pool crashed at that time"
	workerMayDie clue = "a worker process crashed at that time, of which pool is not told"
	workerForced clue = "a worker process of the pool did not stop in time and was ended"
	workerNew    clue = "the pool was recycled at that time"
	noKernelRoom clue = "HTTP.sys refused connections for want of kernel memory"
	tooMany      clue = "HTTP.sys refused connections beyond a limit"
	noHeaders    clue = "many connections brought no whole request"
	frontAnswer  clue = "a tier in front of the servers made the page, and no log of theirs has such an answer"
	leftQueued   clue = "HTTPERR tells that the client left before a worker process had the request"
)

// lookPool looks for what happened to the application pool that a request was for.
func (x *scene) lookPool() {
	o := x.r.outage()
	if x.alone {
		x.lookConnections()
		o = x.front.outageOf()
	}
	if o == nil {
		x.lookLimits()
		return
	}
	if o.found == nil {
		o.found = &scene{b: x.b, r: x.r, f: x.f, front: o.on, alone: x.alone}
		if !x.alone {
			o.found.r = o.sample()
			o.found.f = o.found.r.known()
		}
		o.found.lookOutage(o)
	}
	x.clues = append(x.clues, o.found.clues...)
	x.quotes = append(x.quotes, o.found.quotes...)
	x.words = append(x.words, o.found.words...)
	x.context = append(x.context, o.found.context...)
	x.rejected = append(x.rejected, o.found.rejected...)
	if x.r.alike() == o {
		x.instead = o.found.instead
	}
}

// lookOutage looks for what the files tell of an outage. The verdict on it is written for the whole time.
func (x *scene) lookOutage(o *outage) {
	from, to := o.first.Add(-10*time.Minute), o.last.Add(lateness.Sub(0))
	from, to = from-from%(5*Minute), to+5*Minute-1
	to -= to % (5 * Minute)
	x.say("pool", o.pool)
	x.say("pool name", commandWord(o.pool))
	x.say("machine", x.front.called())
	x.say("at", clockTime(o.first, "15:04:05"))
	x.say("span", clockTime(from, "15:04")+" to "+clockTime(to, "15:04")+" UTC")
	switch {
	case o.pool == "":
		x.lookAddress(o)
	case o.word == "QueueFull":
		x.lookQueue(o)
	case strings.HasPrefix(o.word, "Connection_Abandoned"):
		x.lookWorker(o)
	default:
		x.lookFall(o)
	}
	if !x.alone {
		x.note(turnedAway)
		if o.pool == "" {
			x.note(poolUnnamed)
		}
		first := x.r.by(KindHTTPERR)
		if first != nil && len(o.requests) > 1 {
			e := quoted(first)
			e.Text = strings.TrimSuffix("first "+strings.Replace(e.Text, " N/A", ", no reason given (N/A)", 1), ", queue "+o.pool)
			switch {
			case o.rolled:
				e.Text += " (the log has rolled since)"
			case o.begins:
				e.Text += " (the log begins with it)"
			}
			x.instead = &e
		}
		x.lookOthers(o)
	}
	x.say("get", x.front.missing(o.first, from, to, systemLog, applicationLog))
	x.say("get system", x.front.missing(o.first, from, to, systemLog))
}

// called returns what to call the machine in texts.
func (m *Machine) called() string { return cmp.Or(m.Name, "this machine") }

// missing asks for those of some event logs that do not cover a time; "" if all do.
func (m *Machine) missing(t, from, to etl.Time, logs ...Kind) string {
	var list []string
	for _, l := range logs {
		if !m.covers(l, t) {
			list = append(list, fileNames[l])
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "get " + enumerate(list) + " of " + m.called() + ", " + clockTime(from, "15:04") + " to " + clockTime(to, "15:04") + " UTC, put " + either(len(list), "it", "them") + " in this folder and run again"
}

// commandWord writes a name as an argument of a command.
func commandWord(name string) string {
	if strings.ContainsAny(name, " \t") {
		return `"` + name + `"`
	}
	return name
}

// lookFall looks for what took the pool out of service.
func (x *scene) lookFall(o *outage) {
	m := x.front
	pool, configured := m.settings.Pool(o.pool)
	off := x.switchedOff(o)
	until := o.first + 2*etl.Second // a log has whole seconds
	if off != nil {
		until = off.Time + etl.Second
	}
	interval := pool.RapidFail.Interval.Value + time.Minute
	since := until.Add(-interval)
	if m.covers(systemLog, o.first) {
		x.note(systemKnown)
	}
	begun := until
	if off != nil {
		begun = off.Time
		e := off.evidence()
		if configured && pool.RapidFail.MaxFailures.Set && off.Detail == eventlog.DisabledRapidFail {
			e.Text = fmt.Sprintf("pool switched off: %d failures within %s (%s)", pool.RapidFail.MaxFailures.Value, spell(pool.RapidFail.Interval.Value), off.source)
		}
		switch off.Detail {
		case eventlog.DisabledRapidFail:
			x.note(poolDisabled, e)
		case eventlog.DisabledIdentity:
			x.note(poolIdentity)
			x.note(identityOff, e)
		case eventlog.DisabledStart:
			x.note(poolStartOff, e)
		default:
			x.context = append(x.context, sentenceOf(off.String())+".")
		}
	}
	begun = min(begun, x.lookCrashes(o, since, until, int(pool.RapidFail.MaxFailures.Value)))
	begun = min(begun, x.lookModules(o, since, until))
	x.lookAccount(o, since, until, pool, off)
	x.lookMemory(o, until, pool)
	x.lookProcessor(o, until, pool, configured)
	if list := m.during(since, until, o.pool, eventlog.PingFailed); len(list) > 0 && list[0].Pool != "" {
		x.note(poolHung, list[0].evidence())
		x.say("hung", counted(len(list), "once", "times"))
		begun = min(begun, list[0].Time)
	}
	x.lookByHand(o, pool, off)
	x.lookChanges(o, begun)
	x.refute(o)
}

// switchedOff returns the event that switched the pool off before, or while, requests were refused.
func (x *scene) switchedOff(o *outage) (off *occurrence) {
	const longest = 7 * 24 * 60 * Minute
	m := x.front
	for _, h := range m.during(o.first-longest, o.last, o.pool, eventlog.PoolDisabled) {
		if off != nil && off.Detail == eventlog.DisabledIdentity && h.Detail == eventlog.DisabledStart && h.Time <= off.Time+Minute {
			continue // that comes of it
		}
		if h.Pool != "" && (off == nil || h.Time <= o.first+2*etl.Second) {
			off = h
		}
	}
	if off == nil || off.Time > o.first {
		return off
	}
	// Since then it may have been started again, and stopped for another reason.
	alive := m.during(off.Time+Minute, o.first-etl.Second, o.pool, eventlog.Recycle, eventlog.MemoryRecycle, eventlog.IdleStop, eventlog.Crash)
	if slices.ContainsFunc(alive, func(h *occurrence) bool { return h.Pool != "" }) {
		return nil
	}
	for _, r := range m.servedBetween(off.Time+5*etl.Second, o.first-etl.Second) {
		if strings.EqualFold(r.AppPool, o.pool) {
			return nil
		}
	}
	return off
}

// lookCrashes looks for crashed worker processes. It returns when the first one ended.
func (x *scene) lookCrashes(o *outage, since, until etl.Time, most int) etl.Time {
	m := x.front
	var own, any []*occurrence // of the pool, by WAS; of any pool, by Windows
	pids := map[uint32]bool{}
	for _, h := range m.during(since, until, o.pool, eventlog.Crash) {
		switch {
		case h.Pool != "":
			own = append(own, h)
			pids[h.PID] = true
		case isWorker(h.Image):
			any = append(any, h)
		}
	}
	sources := []string{}
	list := own
	if len(own) > 0 {
		sources = append(sources, own[0].source)
		any = slices.DeleteFunc(any, func(h *occurrence) bool { return !pids[h.PID] })
	} else if m.covers(systemLog, until-2*etl.Second) {
		any = nil // WAS would have told
	} else {
		if others, _ := m.turns.beside(o.pool, o.first, o.last); others > 0 {
			any = nil // the crashes may be theirs
		}
		list = any
		clear(pids)
		for _, h := range any {
			pids[h.PID] = true
		}
	}
	if len(list) == 0 {
		return until
	}
	n, last := len(pids), list[len(list)-1].Time
	if len(any) > 0 && !slices.Contains(sources, any[0].source) {
		sources = append(sources, any[0].source)
	}
	e := Evidence{Input: list[0].input, Time: list[0].Time, Key: true, Text: fmt.Sprintf("w3wp.exe (PID %d) crashed", list[0].PID), Place: list[0].where()}
	if n > 1 {
		e.Text = fmt.Sprintf("w3wp.exe crashed %s until %s", often(n), clockTime(last, "15:04:05"))
	}
	e.Text += " (" + strings.Join(sources, ", ") + ")"
	what := poolCrashed
	if len(own) == 0 {
		what = someCrashed
	}
	cause, fix := x.lookCause(any, list)
	evidence := []Evidence{e}
	if cause != nil { // they are told within a second, in no fixed order
		evidence[0].Time = min(e.Time, cause.Time)
		cause.Time = evidence[0].Time
		evidence = append(evidence, *cause)
	}
	x.say("crashes", counted(n, "crash", "crashes"))
	x.say("fix", fix)
	if what == someCrashed && n < most {
		x.context = append(x.context, sentenceOf(e.Text)+"; of which pool is not told.")
		return list[0].Time
	}
	x.note(what, evidence...)
	return list[0].Time
}

// lookCause looks for what crashed worker processes ended of, and what mends that. reports are those of Windows.
func (x *scene) lookCause(reports, crashes []*occurrence) (*Evidence, string) {
	const before = 10 * etl.Second
	first, last := crashes[0].Time-before, crashes[len(crashes)-1].Time+before
	var managed []*occurrence
	for _, h := range x.front.during(first, last, "", eventlog.ManagedCrash) {
		if isWorker(h.Image) && slices.ContainsFunc(crashes, func(c *occurrence) bool { return max(c.Time-h.Time, h.Time-c.Time) <= before }) {
			managed = append(managed, h)
		}
	}
	type cause struct{ what, missing string }
	count := func(list []*occurrence, tell func(*occurrence) cause) (best cause, n int) {
		seen := map[cause]int{}
		for _, h := range list {
			c := tell(h)
			if c.what == "" {
				continue
			}
			if seen[c]++; seen[c] > n {
				best, n = c, seen[c]
			}
		}
		return best, n
	}
	goBack := "go back to the last version that worked"
	list := managed
	best, n := count(managed, func(h *occurrence) cause { return cause{h.Detail, h.Missing} })
	fix := goBack
	switch {
	case n > 0 && best.missing != "":
		fix = "put back the missing " + best.missing + " or the old version"
		best.what += ", " + best.missing
	case n == 0:
		list = reports
		best, n = count(reports, func(h *occurrence) cause {
			if h.Module == "" || runtimeModules[strings.ToLower(h.Module)] {
				return cause{}
			}
			return cause{"in " + h.Module + ", " + eventCode(h.Code), h.Module}
		})
		if n > 0 {
			fix = "update, repair or remove " + best.missing + ", or " + goBack
		}
	}
	if n == 0 {
		return nil, fix
	}
	often := "each time"
	if n < len(list) {
		often = fmt.Sprintf("%d of %d times", n, len(list))
	}
	return &Evidence{Input: list[0].input, Time: list[0].Time, Key: true, Text: often + ": " + best.what + " (" + list[0].source + ")", Place: list[0].where()}, fix
}

// runtimeModules are in every crash of their kind, and tell nothing of its cause.
var runtimeModules = map[string]bool{
	"kernelbase.dll": true, "ntdll.dll": true, "clr.dll": true, "coreclr.dll": true, "mscorwks.dll": true, "ucrtbase.dll": true, "unknown": true,
}

// lookModules looks for native modules that do not load.
func (x *scene) lookModules(o *outage, since, until etl.Time) etl.Time {
	m := x.front
	begun := until
	if list := m.during(since, until+5*etl.Second, o.pool, eventlog.ModuleFailed); len(list) > 0 {
		h := list[0]
		e := h.evidence()
		if n := len(list); n > 1 {
			e.Text = fmt.Sprintf("native module %s could not be loaded, %s until %s (%s)", h.Module, often(n), clockTime(list[n-1].Time, "15:04:05"), h.source)
		}
		x.note(moduleFailed, e)
		name := cmp.Or(h.Module, "a native module")
		x.say("module", name)
		x.say("bitness", map[bool]string{true: ": it is built for another kind of process (32 or 64 bit)"}[h.Detail == "bitness"])
		begun = min(begun, h.Time)
	}
	var own []*occurrence
	others := map[string]bool{}
	for _, h := range m.during(since-5*Minute, max(until, o.last)+5*etl.Second, "", eventlog.ListenerFailed) {
		switch {
		case strings.EqualFold(h.Pool, o.pool) && h.Time > until+5*etl.Second:
		case strings.EqualFold(h.Pool, o.pool):
			own = append(own, h)
		case h.Pool != "":
			others[h.Pool] = true
		}
	}
	if n := len(own); n > 0 {
		e := own[0].evidence()
		if n > 1 {
			e.Text = fmt.Sprintf("worker processes could not listen for requests, %s until %s (%s)", often(n), clockTime(own[n-1].Time, "15:04:05"), own[0].source)
		}
		x.note(channelLost, e)
		x.say("failed starts", counted(n, "worker process", "worker processes"))
		begun = min(begun, own[0].Time)
		if len(others) > 0 {
			x.note(severalPools)
			x.context = append(x.context, "The same befell "+counted(len(others), "other pool", "other pools")+" of "+m.called()+" within minutes: "+listed(sortedKeys(others), 4)+".")
		}
	}
	return begun
}

// listed writes names one after the other, a few of them.
func listed(names []string, most int) string {
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " ..."
	}
	return strings.Join(names, ", ")
}

// An accountError says what a Windows error means for the account of a pool, and what mends it.
type accountError struct{ what, mend string }

// accountErrors are the errors with which Windows refuses to log an account on.
var accountErrors = map[Code]accountError{
	5:    {"access is denied", "give {account} read access to the site's folders and files"},
	1326: {"its name or password is wrong", "enter the account and its password anew: IIS Manager, Application Pools, {pool}, Advanced Settings, Identity"},
	1327: {"a restriction of the account forbids it to log on", "look at the restrictions of {account}: hours, computers, empty password"},
	1330: {"its password has expired", "set a new password for {account} and enter it: IIS Manager, Application Pools, {pool}, Advanced Settings, Identity"},
	1331: {"it is disabled", "enable {account}, or use another"},
	1385: {"it may not log on as a batch job", "give {account} the right \"Log on as a batch job\": secpol.msc, User Rights Assignment"},
	1793: {"it has expired", "extend {account}, or use another"},
	1907: {"its password must be changed first", "set a new password for {account} and enter it: IIS Manager, Application Pools, {pool}, Advanced Settings, Identity"},
	1909: {"it is locked", "unlock {account} and find out who tries wrong passwords with it"},
}

// lookAccount looks for an account that does not work.
func (x *scene) lookAccount(o *outage, since, until etl.Time, pool iisconfig.Pool, off *occurrence) {
	var code uint32
	for _, h := range x.front.during(since.Add(-10*time.Minute), until+5*etl.Second, o.pool, eventlog.IdentityInvalid) {
		if h.Pool != "" {
			x.note(poolIdentity, h.evidence())
			code = cmp.Or(h.Code, code)
		}
	}
	if off != nil && off.Detail != eventlog.DisabledRapidFail {
		code = cmp.Or(off.Code, code)
		if _, known := accountErrors[win32Of(code)]; known && off.Detail == eventlog.DisabledStart {
			x.note(poolIdentity)
			x.note(identityOff, off.evidence())
		}
	}
	account := cmp.Or(pool.UserName.Value, "its account")
	what, mend := ": "+strings.TrimSpace("its account "+pool.UserName.Value)+" does not work", "enter the account and its password anew, and see that it may log on as a batch job"
	if e, known := accountErrors[win32Of(code)]; known {
		what, mend = " as "+account+": "+e.what, e.mend
	}
	if code != 0 {
		what += " (" + codeText(win32Of(code)) + ")"
	}
	x.say("account trouble", what)
	x.say("mend account", strings.NewReplacer("{account}", account, "{pool}", o.pool).Replace(mend))
}

// lookMemory looks for recycling at a limit of memory.
func (x *scene) lookMemory(o *outage, until etl.Time, pool iisconfig.Pool) {
	const span = 2 * 60 * Minute
	list := x.front.during(until-span, until, o.pool, eventlog.MemoryRecycle)
	if len(list) < 2 {
		return
	}
	last := list[len(list)-1]
	e := list[0].evidence()
	e.Text = fmt.Sprintf("pool %s recycled at its limit of memory, %d times until %s (%s)", o.pool, len(list), clockTime(last.Time, "15:04:05"), last.source)
	x.note(memoryLimit, e)
	limit, name, setting := pool.Recycling.PrivateMemory, "its limit of private memory", "privateMemory"
	if last.Detail == eventlog.VirtualMemory {
		limit, name, setting = pool.Recycling.Memory, "its limit of virtual memory", "memory"
	}
	if limit.Set {
		name += fmt.Sprintf(" (%s KB, %s)", grouped(uint64(limit.Value)), limit.Source())
	}
	x.say("memory limit", name)
	x.say("memory setting", setting)
	x.say("times", strconv.Itoa(len(list)))
}

// grouped writes a number with commas.
func grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// lookProcessor looks for the limit of processor time, and whether reaching it ends worker processes.
func (x *scene) lookProcessor(o *outage, until etl.Time, pool iisconfig.Pool, configured bool) {
	list := x.front.during(until-60*Minute, until, o.pool, eventlog.CPULimit)
	if len(list) == 0 {
		return
	}
	e := list[len(list)-1].evidence()
	x.note(cpuLimit, e)
	limit := ""
	if pool.CPU.Limit.Set {
		limit = fmt.Sprintf("%s %% of the processors within %s, %s", thousandths(pool.CPU.Limit.Value), spell(pool.CPU.ResetInterval.Value), pool.CPU.Limit.Source())
	}
	text := "The pool used more processor time than it may at " + clockTime(list[0].Time, "15:04:05")
	why := ""
	switch {
	case x.alone:
		x.context = append(x.context, text+".")
		return
	case o.word != "AppShutdown":
		why = "requests would have been refused with AppShutdown"
	case !configured: // what its limit does is not known: the default is no more than likely
		x.note(cpuOpen)
		return
	case !strings.EqualFold(pool.CPU.Action.Value, "KillW3wp"):
		why = "its action is " + pool.CPU.Action.Value + ", which stops nothing"
	}
	if why != "" {
		x.context = append(x.context, text+", but that did not stop it: "+why+".")
		x.rejected = append(x.rejected, Rejection{"Q7", "stopped by the CPU limit: " + why})
		return
	}
	x.note(cpuKills, x.setting(pool.CPU.Action.File, pool.CPU.Action.Line, "cpu action KillW3wp, limit "+cmp.Or(limit, "not told")))
	x.say("cpu limit", cmp.Or(limit, "see its settings"))
}

// thousandths writes a limit of processor time, which the configuration has in 1/1000 of a percent.
func thousandths(n uint) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%d.%03d", n/1000, n%1000), "0"), ".")
}

// setting quotes a line of a configuration file, which holds at any time.
func (x *scene) setting(file string, line int, text string) Evidence {
	e := Evidence{Input: x.r.Input, Text: text, Key: true, Place: Place{Line: line}}
	for _, i := range x.front.Inputs {
		if s := x.b.sessions[i]; s.settings != nil && s.settings.Name == file {
			e.Input = i
		}
	}
	return e
}

// lookByHand looks for a pool that somebody stopped: IIS Manager writes so into the settings, and WAS has nothing to
// tell.
func (x *scene) lookByHand(o *outage, pool iisconfig.Pool, off *occurrence) {
	set := pool.AutoStart
	for _, p := range x.front.consoles {
		for _, q := range p.Pools {
			if strings.EqualFold(q.Name, o.pool) && strings.EqualFold(q.State, "Stopped") {
				x.context = append(x.context, "appcmd list apppool showed the pool as stopped.")
			}
		}
	}
	if !set.Set || set.Value || off != nil {
		return
	}
	text := "autoStart=\"false\" of pool " + o.pool + ", " + set.Source()
	if o.word != "Disabled" || !x.has(systemKnown) {
		x.context = append(x.context, "The settings have "+text+": somebody stopped it before the file was copied.")
		return
	}
	x.note(byHand, x.setting(set.File, set.Line, text))
}

// changes are the events by which people change what a pool runs with.
var changes = []eventlog.FactKind{eventlog.ConfigChanged, eventlog.Recycle, eventlog.SystemStart, eventlog.ServiceState}

// iisServices are the services whose start or stop befalls all pools.
var iisServices = map[string]bool{
	"w3svc": true, "was": true, "iisadmin": true, "world wide web publishing service": true, "windows process activation service": true,
}

// lookChanges looks for what was changed in the quarter of an hour before the trouble began.
func (x *scene) lookChanges(o *outage, begun etl.Time) {
	const span = 15 * Minute
	var list []*occurrence
	for _, h := range x.front.during(begun-span, begun-1, o.pool, changes...) {
		switch {
		case h.Kind == eventlog.Recycle && h.Detail != eventlog.RecycleConfig && h.Detail != eventlog.RecycleAdministrator && h.Detail != eventlog.RecycleStore:
		case h.Kind == eventlog.ServiceState && !iisServices[strings.ToLower(h.Service)]:
		default:
			list = append(list, h)
		}
	}
	if n := len(list); n > 2 {
		x.context = append(x.context, fmt.Sprintf("%d changes are told of in the %s before; the last two count here.", n, spell((begun-list[0].Time).Sub(0))))
		list = list[n-2:]
	}
	for _, h := range list {
		for _, c := range []clue{poolDisabled, poolStartOff, identityOff, moduleFailed, channelLost, someCrashed, workerDied, workerNew} {
			if e := h.evidence(); x.has(c) {
				e.Key = false // what it has to do with it is not told
				x.note(c, e)
			}
		}
	}
	if diff, copyName := x.front.changed(); len(diff) > 0 {
		var parts []string
		for _, d := range diff {
			parts = append(parts, d.String())
		}
		x.context = append(x.context, "The last change of the settings that "+copyName+" shows: "+listed(parts, 2)+".")
	}
}

// refute says which neighbours the covered logs speak against.
func (x *scene) refute(o *outage) {
	no := func(id, why string) { x.rejected = append(x.rejected, Rejection{id, why}) }
	known := x.has(systemKnown)
	if known && !x.has(poolDisabled) && !x.has(poolStartOff) && o.word == "AppOffline" {
		no("Q1", "switched off by IIS after crashes: the System log has no 5002 at that time")
	}
	if o.word == "AppOffline" {
		no("Q2", "stopped by a person: that is Disabled")
	}
	no("Q4", "queue full: that is QueueFull")
	if known && !x.has(poolIdentity) {
		no("Q3", "wrong password: no 5021, 5057")
	}
	if known && !x.has(cpuLimit) {
		no("Q7", "stopped by the CPU limit: no 5025")
	}
}

// lookOthers tells how the other pools of the machine fared at that time.
func (x *scene) lookOthers(o *outage) {
	m := x.front
	if o.pool == "" {
		return
	}
	span := "At " + clockTime(o.first, "15:04:05")
	if o.last > o.first {
		span = "From " + clockTime(o.first, "15:04:05") + " to " + clockTime(o.last, "15:04:05")
	}
	own, well, bad := 0, 0, 0
	for _, r := range m.servedBetween(o.first, o.last) {
		switch {
		case strings.EqualFold(r.AppPool, o.pool):
			own++
		case r.Status < 500:
			well++
		default:
			bad++
		}
	}
	did := "refused"
	if strings.HasPrefix(o.word, "Connection_Abandoned") { // these had been taken
		did = "abandoned by a worker process"
	}
	text := span + " UTC on " + m.called() + ", " + counted(len(o.requests), "request for "+o.pool+" was "+did, "requests for "+o.pool+" were "+did)
	switch {
	case own > 0 && o.word != "QueueFull":
		text += ", " + counted(own, "other was served", "others were served")
	case well > 0 && turnedDown[o.word] == time.Hour && !m.passedOver(KindIISLog, o.first, o.last):
		text = span + " UTC on " + m.called() + ", every request for " + o.pool
	}
	_, refused := m.turns.beside(o.pool, o.first, o.last)
	switch {
	case well > 0 && bad == 0 && refused == 0:
		text += "; the other pools answered normally"
	case well > 0:
		text += "; the other pools answered " + counted(well+bad, "request", "requests")
		if bad > 0 {
			text += fmt.Sprintf(", %d of them with an error", bad)
		}
	}
	if refused > 0 {
		text += "; " + counted(refused, "request", "requests") + " for " + listed(m.turns.pools(o.pool, o.first, o.last), 3) + either(refused, " was", " were") + " not served either"
	}
	x.context = slices.Insert(x.context, 0, text+".")
	if !strings.HasPrefix(o.word, "Connection_") {
		x.context = slices.Insert(x.context, 1, "These requests never reached IIS, so its log has no line for them.")
	}
}

// lookAddress looks for why nobody takes the requests for an address.
func (x *scene) lookAddress(o *outage) {
	m := x.front
	r := x.r
	_, port := SplitHost(r.Server)
	x.say("port", port)
	var reserved string
	kinds := []eventlog.FactKind{eventlog.URLReserved, eventlog.URLReleased}
	for _, h := range m.ever(kinds...) {
		if h.Time > o.last {
			break
		}
		switch {
		case !takes(h.Detail, port, r):
		case h.Kind == eventlog.URLReleased:
			x.clues = slices.DeleteFunc(x.clues, func(c clue) bool { return c == urlTaken })
			x.quotes = slices.DeleteFunc(x.quotes, func(q quote) bool { return q.clue == urlTaken })
		default:
			x.note(urlTaken, h.evidence())
			reserved = h.Detail
		}
	}
	owner := ""
	for _, p := range m.consoles {
		for _, v := range p.Reservations {
			if !takes(v.URL, port, r) {
				continue
			}
			e := Evidence{Input: p.input, Key: true, Text: "URL reservation " + v.URL, Place: Place{Line: v.Line}}
			if len(v.Users) > 0 {
				owner = v.Users[0]
				e.Text += " of " + owner
			}
			e.Text += " (netsh http show urlacl)"
			x.note(urlReserved, e)
			reserved = cmp.Or(reserved, v.URL)
		}
	}
	x.say("reserved", reserved)
	x.say("owner", cmp.Or(owner, "another program"))
	if m.covers(systemLog, o.first) {
		x.note(systemKnown)
		if list := m.during(o.first-10*Minute, o.last, "", eventlog.PoolDisabled, eventlog.StartFailed, eventlog.IdentityInvalid, eventlog.WASFailed, eventlog.BindFailed); len(list) > 0 {
			x.context = append(x.context, "At that time also: "+list[0].String()+".")
			x.note(wasTold)
		} else if o.word == "N/A" {
			x.rejected = append(x.rejected, Rejection{"Q1", "pool switched off: WAS tells of nothing, and the reason would be AppOffline"})
		}
	}
	if id := m.boundTo(r.Server, r.Host); id != 0 {
		if site, ok := m.settings.Site(id); ok {
			x.context = append(x.context, "Site "+site.Name+" has a binding for port "+port+" ("+site.Source()+").")
		}
	} else if m.settings.Host() != nil {
		x.context = append(x.context, "No single site has a binding for port "+port+" in the settings.")
	}
}

// takes reports whether a reserved URL takes requests away from sites that are bound to all addresses of the port:
// http://+:80/ does, in HTTP.sys it comes before *:80.
func takes(reserved, port string, r *Request) bool {
	_, rest, ok := strings.Cut(reserved, "://")
	if !ok {
		return false
	}
	address, path, _ := strings.Cut(rest, "/")
	host, own := SplitHost(address)
	if own == "" || own != port || host != "+" && !strings.EqualFold(host, hostName(r.Host)) && !strings.EqualFold(host, hostName(r.Server)) {
		return false
	}
	return strings.HasPrefix(pathOfRequest(r), "/"+strings.ToLower(strings.TrimSuffix(path, "/")))
}

// lookQueue looks for why workers took requests too slowly.
func (x *scene) lookQueue(o *outage) {
	m := x.front
	pool, configured := m.settings.Pool(o.pool)
	limit := ""
	if configured {
		limit = fmt.Sprintf(" (%s requests, %s)", grouped(uint64(pool.QueueLength.Value)), pool.QueueLength.Source())
	}
	x.say("queue limit", limit)
	const slow = 5 * time.Second
	type page struct {
		n    int
		took time.Duration
	}
	pages := map[string]*page{}
	var usual []time.Duration
	var worst *Request
	n := 0
	for _, r := range m.servedBetween(o.first-30*Minute, o.last) {
		took := r.took()
		switch {
		case !strings.EqualFold(r.AppPool, o.pool):
		case ended(r) < o.first-5*Minute:
			usual = append(usual, took)
		case took >= slow:
			n++
			p := pages[pathOfRequest(r)]
			if p == nil {
				p = new(page)
				pages[pathOfRequest(r)] = p
			}
			p.n++
			p.took += took
			if worst == nil || took > worst.took() {
				worst = r
			}
		}
	}
	if worst == nil {
		return
	}
	text := counted(n, "answer", "answers") + " of pool " + o.pool + " took " + spell(slow) + " or more at that time, the slowest " + spell(worst.took())
	if len(usual) > 0 {
		slices.Sort(usual)
		text += "; before that half of them took less than " + spell(max(usual[len(usual)/2], time.Millisecond))
	}
	x.note(queueSlow, Evidence{Input: worst.Input, Time: worst.Start, Key: true, Text: text, Place: worst.where()})
	names := sortedKeys(pages)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(pages[b].took, pages[a].took) })
	x.say("slow page", names[0])
	x.say("slow time", spell(pages[names[0]].took))
	x.say("slow count", counted(pages[names[0]].n, "request", "requests"))
}

// took returns how long a request took, as its log says or else its events.
func (r *Request) took() time.Duration {
	if r.sight != nil && r.sight.took >= 0 {
		return r.sight.took
	}
	return r.Duration()
}

// lookWorker looks for why a worker process let go of requests that it had, or was about to take.
func (x *scene) lookWorker(o *outage) {
	m := x.front
	const dump, shutdown = Minute, 100 * etl.Second // a dump is written before WAS tells; a process has 90 s to end
	if m.covers(systemLog, o.first) {
		x.note(systemKnown)
	}
	begun := o.first
	for _, h := range m.during(o.first-5*etl.Second, o.last+dump, o.pool, eventlog.Crash, eventlog.StopTimeout) {
		what := workerDied
		if h.Kind == eventlog.StopTimeout {
			what = workerForced
		}
		switch {
		case h.Pool != "":
			x.note(what, h.evidence())
			begun = min(begun, h.Time)
		case h.Kind == eventlog.Crash && isWorker(h.Image):
			x.note(workerMayDie, h.evidence())
		}
	}
	if x.has(workerDied) || x.has(workerMayDie) {
		crashes := m.during(o.first-5*etl.Second, o.last+dump, o.pool, eventlog.Crash)
		cause, fix := x.lookCause(slices.DeleteFunc(slices.Clone(crashes), func(h *occurrence) bool { return h.Pool != "" || !isWorker(h.Image) }), crashes)
		if cause != nil {
			for _, c := range []clue{workerDied, workerMayDie} {
				if x.has(c) {
					x.note(c, *cause)
				}
			}
		}
		x.say("fix", fix)
	}
	for _, h := range m.during(o.first-shutdown, o.last+5*etl.Second, o.pool, eventlog.Recycle, eventlog.MemoryRecycle, eventlog.CPULimit) {
		if h.Pool != "" {
			x.note(workerNew, h.evidence())
			x.say("recycle", cmp.Or(details[h.Detail], "a limit"))
		}
	}
	x.lookChanges(o, begun)
}

// lookConnections looks for connections that HTTP.sys refused, of which no request is known.
func (x *scene) lookConnections() {
	m := x.front
	count := func(word string) (n int, evidence []Evidence) {
		for _, i := range m.Inputs {
			s := x.b.sessions[i]
			if k := s.dropped[word]; k > 0 {
				n += k
				evidence = append(evidence, Evidence{Input: i, Time: s.in.First, Key: true, Text: counted(k, "connection", "connections") + " ended with " + word})
			}
		}
		return n, evidence
	}
	x.say("machine", m.called())
	for _, w := range []struct {
		word, name string
		most       int
		clue       clue
	}{
		{"Connections_Refused", "refused", 1, noKernelRoom},
		{"ConnLimit", "limited", 1, tooMany},
		{"Timer_HeaderWait", "silent", 1_000, noHeaders}, // fewer are every day's scanners
	} {
		if n, evidence := count(w.word); n >= w.most {
			x.note(w.clue, evidence...)
			x.say(w.name, counted(n, "connection", "connections"))
		}
	}
}

// lookLimits gives the rules on requests that IIS itself refused the limits that are set, and notes what HTTPERR
// tells of clients that left.
func (x *scene) lookLimits() {
	r, m := x.r, x.front
	x.say("unmet", httpTimers[x.f.call].unmet)
	if r.Side == Server && r.kind() == KindHTTPERR && r.sight.reason == "Client_Reset" {
		x.note(leftQueued)
	}
	if r.Side != Server || r.Status != 503 || !r.HasSub {
		return
	}
	location := ""
	if w := r.sight; w != nil {
		if site, ok := m.settings.Site(cmp.Or(w.site, m.boundTo(r.Server, r.Host))); ok {
			location = site.Name + w.path
		}
	}
	runtime, _ := m.settings.Runtime(location)
	limit := func(s iisconfig.Setting[uint]) string {
		if s.Value == 0 {
			return ""
		}
		return " (" + grouped(uint64(s.Value)) + ", " + s.Source() + ")"
	}
	x.say("request limit", limit(runtime.AppConcurrentRequestLimit))
	x.say("asp limit", limit(runtime.AppRequestQueueLimit))
	x.say("ofpool", map[bool]string{true: " of pool " + r.AppPool}[r.AppPool != ""])
}

// lookFront looks whether an error page is of a tier in front of the servers, whose logs have no such answer.
func (x *scene) lookFront(p *errorpage.Page) {
	if p.MadeBy != errorpage.AppService && p.MadeBy != errorpage.ApplicationGateway {
		return
	}
	logs := false
	for _, m := range x.b.machines {
		logs = logs || m.has(x.b, KindIISLog) || m.has(x.b, KindHTTPERR)
	}
	if logs && !slices.ContainsFunc(x.b.requests, func(r *Request) bool { return r.Status == p.Status }) {
		x.note(frontAnswer)
	}
}

// sentenceOf begins a text with a capital letter.
func sentenceOf(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
