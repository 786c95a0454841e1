package timeline

import (
	"cmp"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/errorpage"
	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/decode/iisconfig"
	"github.com/etwhy/etwhy/decode/netshtext"
	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
)

// Clues on a module of IIS that hands requests to a program of the same machine.
const (
	viaModule     clue = "a module passed it on to a program of this machine"
	viaModuleSeen clue = "this machine's settings or events name the module"
	viaNobody     clue = "nothing tells what passed it on"
	alikeTold     clue = "FREB has the module with the same code in a request alike"
	ownCall       clue = "it is a call that a program of this machine makes"
	setByModule   clue = "the module set the status"

	limitRan       clue = "the wait was as long as the module's limit"
	aroundLimit    clue = "the log's time-taken was as long as the module's limit"
	heldUp         clue = "FREB has the request sent and no answer"
	neverSent      clue = "FREB has no end of the sending"
	toldTwice      clue = "FREB and another file tell the same code"
	pageTells      clue = "a saved error page of this URL and status"
	clientGone     clue = "its client was gone"
	answerBegun    clue = "the application's answer had begun to arrive"
	processEnded   clue = "the application's process ended at that time"
	startRefused   clue = "the module could not start the application"
	startNearby    clue = "the module could not start an application, maybe this one"
	portsShort     clue = "ports for outgoing connections were scarce"
	bindRefused    clue = "HTTP.sys could not listen on an address"
	deafPort       clue = "a program listens, and connections to it hang"
	postsOnly      clue = "only requests that are not repeated fail"
	someClients    clue = "only requests of some clients fail"
	shuttingDown   clue = "the application was shutting down"
	stopSeen       clue = "the pool or application was being stopped"
	stopNearby     clue = "an application was being stopped, maybe this one"
	ownStopSeen    clue = "the process that had it was being stopped"
	hangSeen       clue = "the pool's process hung"
	ownHangSeen    clue = "the process that had it hung"
	pipeEnded      clue = "the pipe to Node had been closed"
	pipeTold       clue = "FREB has iisnode with the closed pipe"
	alternating    clue = "every second request fails, at a steady pace"
	socketAsked    clue = "a WebSocket was asked for"
	socketRefused  clue = "IIS says that WebSockets are off"
	socketsOff     clue = "WebSockets are switched off in the configuration"
	fastCGIFull    clue = "the queue for FastCGI processes was full"
	onPlatform     clue = "Azure App Service"
	platformLimit  clue = "the time of App Service's front end was up"
	platformStatus clue = "the status of App Service's front end for that"
	memoryShort    clue = "memory was short"
	setterKnown    clue = "only one module gives this substatus"
	setterUnclear  clue = "several modules give this substatus"
	othersFine     clue = "another machine gets answers from the same host"
)

// codeUnreadable is ERROR_WINHTTP_INVALID_SERVER_RESPONSE.
const codeUnreadable Code = 12152

// Limits that products have and no file tells.
const (
	coreTimeout     = 2 * time.Minute   // requestTimeout of ANCM and of HttpPlatformHandler
	platformTimeout = 230 * time.Second // of App Service's front end, fixed
)

// A hosting is how a machine runs applications, as far as all its files tell.
type hosting struct {
	core     []iisconfig.ANCM // sections of its configuration
	coreSeen Evidence         // that names the module; no text = nothing does
	outside  bool             // ... and it may run an application in a process of its own
	arr      bool             // it passes requests on to other machines, or has the settings for it
	platform bool             // Azure App Service
	socket   *iisconfig.WebSocket
	socketIn int
	codes    map[Code]Evidence    // that FREB has the module fail with
	pages    map[string]*pageFare // of requests that came in, by path
	hosts    map[string]bool      // that answer calls of this machine over TLS
	broken   map[Code]*[2]int     // requests that failed with the code: those that a proxy may repeat, and others
	repeated int                  // requests that a proxy may repeat and that went well
}

// A pageFare tells how the requests for a page went.
type pageFare struct {
	list    []*Request // in order of start
	well    int
	clients map[string]int      // of those that went well
	methods map[string]*success // of those that had a whole answer, and no error in it
	failed  map[failure]*sufferers
}

// A success tells of requests of a method that were answered as they should be.
type success struct {
	n       int
	slowest time.Duration
}

// A failure is what requests that failed alike have in common.
type failure struct {
	status int
	code   Code
}

// The sufferers of a failure: how many requests, and the client, if it is the only one.
type sufferers struct {
	n       int
	client  string
	several bool
}

// fare returns how the requests for a path went.
func (h *hosting) fare(path string) *pageFare {
	p := h.pages[path]
	if p == nil {
		p = &pageFare{clients: map[string]int{}, methods: map[string]*success{}, failed: map[failure]*sufferers{}}
		h.pages[path] = p
	}
	return p
}

// count takes a request that came in.
func (h *hosting) count(r *Request) {
	p, client := h.fare(pathOfRequest(r)), hostName(r.Client)
	p.list = append(p.list, r)
	repeats := slices.Contains(repeatable, r.Method)
	switch r.Outcome {
	case OK:
		p.well++
		p.clients[client]++
		if good := r.Status >= 200 && r.Status < 400 && r.Partial == Whole; good {
			if p.methods[r.Method] == nil {
				p.methods[r.Method] = new(success)
			}
			s := p.methods[r.Method]
			s.n++
			s.slowest = max(s.slowest, r.Duration())
		}
		if repeats {
			h.repeated++
		}
	case Failed:
		key := failure{r.Status, r.Error}
		if p.failed[key] == nil {
			p.failed[key] = &sufferers{client: client}
		}
		s := p.failed[key]
		s.n++
		s.several = s.several || s.client != client
		if h.broken[r.Error] == nil {
			h.broken[r.Error] = new([2]int)
		}
		if repeats {
			h.broken[r.Error][0]++
		} else {
			h.broken[r.Error][1]++
		}
	}
}

// hosting returns how a machine runs applications.
func (b *Builder) hosting(m *Machine) *hosting {
	if m.hosts == nil {
		b.findHosts()
	}
	return m.hosts
}

// findHosts collects it for all machines.
func (b *Builder) findHosts() {
	for _, m := range b.machines {
		h := &hosting{codes: map[Code]Evidence{}, pages: map[string]*pageFare{}, hosts: map[string]bool{}, broken: map[Code]*[2]int{}, arr: m.Role == RoleProxy, platform: instanceName.MatchString(m.Name)}
		m.hosts = h
		for _, i := range m.Inputs {
			s := b.sessions[i]
			h.platform = h.platform || s.platform
			if f := s.settings; f != nil && f.History == 0 {
				h.configured(f, i)
			}
		}
		for _, o := range m.ever(coreEvents...) {
			h.sees(o.evidence())
			h.outside = h.outside || len(h.core) == 0
		}
	}
	for _, r := range b.requests {
		h := b.on(r).hosts
		if r.Side == Server || r.Proxied {
			h.count(r)
		} else if r.Outcome == OK && strings.HasPrefix(r.URL, "https:") {
			h.hosts[strings.ToLower(cmp.Or(r.Host, Authority(r.URL)))] = true
		}
		if w := r.sight; w != nil && w.onward && w.forwarder == freb.ANCM {
			e := quoted(cmp.Or(r.by(KindFREB), r))
			e.Text = "another request alike: " + e.Text
			h.sees(e)
			h.outside = true
			if f := w.freb; f != nil && f.Failure() != nil && freb.ForwarderOf(f.Failure().Module) == freb.ANCM {
				h.codes[win32Of(f.Failure().Code)] = e
			}
		}
		if strings.HasPrefix(r.AppPool, "~1") {
			h.platform = true // App Service names the pools of a site's tools so
		}
	}
}

// instanceName is the computer name of an instance of App Service.
var instanceName = regexp.MustCompile(`^(?i:RD|DW|PD)[0-9A-Fa-f]{12}$`)

// coreEvents are those that only the ASP.NET Core Module writes.
var coreEvents = []eventlog.FactKind{
	eventlog.AppStarted, eventlog.AppStartFailed, eventlog.AppCrash, eventlog.AppRapidFail, eventlog.AppStopFailed,
	eventlog.AppStopped, eventlog.AppOffline, eventlog.AppRecycle,
}

func (h *hosting) sees(e Evidence) {
	if h.coreSeen.Text == "" {
		h.coreSeen = e
	}
}

// configured takes what a file in use sets.
func (h *hosting) configured(f *iisconfig.File, input int) {
	for _, c := range f.ANCM {
		h.core = append(h.core, c)
		h.outside = h.outside || !strings.EqualFold(c.HostingModel.Value, "inprocess")
		h.sees(Evidence{Input: input, Text: c.Source() + " has the section aspNetCore", Key: true, Place: Place{Line: c.Line}})
	}
	h.arr = h.arr || len(f.Farms) > 0 || len(f.Proxies) > 0 || len(f.RewriteProxyRules) > 0
	for i := range f.WebSocket {
		if w := &f.WebSocket[i]; w.Enabled.Set && !w.Enabled.Value && h.socket == nil {
			h.socket, h.socketIn = w, input
		}
	}
}

// lookCore looks at ASP.NET Core, other programs that run behind a module of IIS, and Azure App Service.
func (x *scene) lookCore() {
	if x.alone {
		return
	}
	h := x.b.hosting(x.front)
	r, w := x.r, x.r.sight
	if w != nil && w.page != nil {
		x.note(pageTells, Evidence{Input: w.pageInput, Text: pageLine(w.page), Key: true})
	}
	if h.platform {
		x.note(onPlatform)
		if r.Side == Server || r.Proxied {
			x.context = append(x.context, "This is Azure App Service: its front end, through which all requests come, is not in these files.")
		}
	}
	x.seeModule(h)
	x.seeLimit(h)
	x.seeClient()
	x.seeStart()
	x.seeApplication(h)
	x.seePorts()
	x.seePlatform()
	x.seeSetter(h)
	x.seeSockets(h)
	x.seeNode(h)
	x.say("machine", x.front.called())
	x.askFor(h)
	x.say("substatus", r.status())
	x.say("started", clockTime(r.Start, "15:04:05"))
	code := ""
	for _, c := range x.codes() {
		if c != 0 {
			code = " (" + codeText(c) + ")"
			break
		}
	}
	x.say("logCode", code)
}

// frebOf returns what FREB has of a request, or nil.
func (x *scene) frebOf() *freb.Request {
	if w := x.r.sight; w != nil {
		return w.freb
	}
	return nil
}

// codes returns what the files say the request ended with: the raw code, that of a log, of FREB and of a saved page.
func (x *scene) codes() []Code {
	list := []Code{x.r.Error, x.r.WinHTTP.Code}
	if w := x.r.sight; w != nil {
		list = append(list, w.win32)
		if w.freb != nil {
			if f := w.freb.Failure(); f != nil {
				list = append(list, win32Of(f.Code))
			}
		}
		if w.page != nil {
			list = append(list, win32Of(w.page.Code))
		}
	}
	return list
}

// seeModule tells which module of IIS passed the request on, or set its status.
func (x *scene) seeModule(h *hosting) {
	r, w := x.r, x.r.sight
	by, module := freb.NoForwarder, ""
	if w != nil && w.onward {
		by = w.forwarder
	}
	if q := x.frebOf(); q != nil {
		if f := q.Failure(); f != nil {
			module = f.Module
		}
	}
	if w != nil && w.page != nil && module == "" {
		if module = w.page.Module; module == "" && w.page.MadeBy == errorpage.ANCM {
			module = "AspNetCoreModule"
		}
	}
	if _, ok := startErrors[r.SubStatus]; ok && r.Status == 500 && r.HasSub {
		by = freb.ANCM // nobody else gives these
		if r.MadeBy == nil || r.MadeBy.Module == "" {
			r.MadeBy = &MadeBy{Tier: "ancm"}
		}
	}
	if set := freb.ForwarderOf(module); set == freb.ANCM || set == freb.HTTPPlatform {
		by = cmp.Or(by, set)
		x.note(setByModule)
		if r.MadeBy == nil || r.MadeBy.Module == "" {
			r.MadeBy = &MadeBy{Tier: tierOf(module), Module: module}
		}
	}
	if by == freb.NoForwarder && x.f.seen.has(factCoreToken) {
		by = freb.ANCM
	}
	if (by == freb.ANCM || by == freb.HTTPPlatform) && !x.has(setByModule) && r.Phase == "" && x.f.seen.has(factHeaders) && r.Status >= 500 {
		r.MadeBy = &MadeBy{Tier: "app"} // the module handed it on
	}
	if r.Side == Client && !r.Proxied {
		x.note(ownCall)
	}
	onward := w != nil && w.onward || r.Side == Client && r.Proxied
	name := "the part of IIS that passes requests on"
	switch {
	case by == freb.ANCM, by == freb.HTTPPlatform:
		name = map[freb.Forwarder]string{freb.ANCM: "the ASP.NET Core Module", freb.HTTPPlatform: "HttpPlatformHandler"}[by]
		x.note(viaModule)
	case by == freb.ARR, x.has(fromARR), h.arr:
		name = "ARR"
	case h.outside && (onward || isLoopback(r.Server)), h.coreSeen.Text != "" && !onward:
		name = "the ASP.NET Core Module"
		x.note(viaModuleSeen, h.coreSeen)
		if e, ok := h.codes[r.Error]; ok && r.Error != 0 {
			x.note(alikeTold, e)
		}
	case r.Side == Client && isWorker(r.Process) && isLoopback(r.Server) && r.Timer != nil && r.Timer.Limit == coreTimeout && r.Timer.Source == TimerTrace:
		name = "the module of IIS that passes requests on"
		x.note(viaModuleSeen)
	case onward:
		x.note(viaNobody)
	}
	if r.MadeBy == nil && r.unanswered() {
		switch name {
		case "ARR":
			r.MadeBy = &MadeBy{Tier: "arr"}
		case "the ASP.NET Core Module":
			r.MadeBy = &MadeBy{Tier: "ancm"}
		}
	}
	x.say("module", name)
}

// seeLimit compares how long the module waited with the limit that it has.
func (x *scene) seeLimit(h *hosting) {
	if !x.has(viaModule) && !x.has(viaModuleSeen) {
		return
	}
	r, w := x.r, x.r.sight
	limit, source, from := coreTimeout, TimerDefault, spell(coreTimeout)+" is its default, and no file here sets another"
	var set []Evidence
	if s, input, ok := x.requestTimeout(h); ok && s.Set {
		limit, source, from = s.Value, TimerConfig, "set at "+s.Source()
		set = []Evidence{{Input: input, Text: s.Source() + " sets requestTimeout to " + spell(s.Value), Key: true, Place: Place{Line: s.Line}}}
	} else if t := r.Timer; t != nil && t.Source == TimerTrace {
		limit, source, from = t.Limit, t.Source, "the trace shows it set"
	}
	x.say("requestTimeout", spell(limit))
	x.say("limitFrom", from)
	timed := slices.ContainsFunc(x.codes(), func(c Code) bool { return slices.Contains(timerCodes, c) })
	// A clock tick of FREB's, and the time that the timer's own thread may take to wake.
	fits := func(d time.Duration) bool { return d >= limit-100*time.Millisecond && d <= limit+limit/20 }
	if timed && fits(x.f.wait) {
		x.note(limitRan, set...)
	} else if timed && x.f.wait == 0 && w != nil && fits(w.took) {
		x.note(aroundLimit, set...)
	}
	if timed && (x.has(limitRan) || x.has(aroundLimit)) && r.Timer == nil {
		x.timer = &Timer{Name: "requestTimeout", Limit: limit, Source: source}
	}
	q := x.frebOf()
	if q == nil || q.Forward() == nil {
		return
	}
	switch f := q.Forward(); f.Phase {
	case freb.AwaitingHeaders:
		x.note(heldUp)
	case freb.ReceivingBody, freb.Completed:
		x.note(answerBegun)
	case freb.Forwarding, freb.Resolving, freb.Connecting, freb.Securing:
		x.note(neverSent)
	}
	for _, kind := range [...]Kind{KindIISLog, KindETL} {
		if r.by(kind) != nil && timed {
			x.note(toldTwice)
		}
	}
	if r.kind() == KindETL && timed {
		x.note(toldTwice)
	}
}

// requestTimeout returns the module's limit where the request went: by the site and its path, else that of the only
// section there is.
func (x *scene) requestTimeout(h *hosting) (s iisconfig.Setting[time.Duration], input int, ok bool) {
	c, ok := iisconfig.ANCM{}, false
	if w := x.r.sight; w != nil && x.front.settings != nil {
		if site, found := x.front.settings.Site(w.site); found {
			c, ok = x.front.settings.ANCM(site.Name + w.path)
		}
	}
	if !ok && len(h.core) == 1 {
		c, ok = h.core[0], true
	}
	for _, i := range x.front.Inputs {
		if f := x.b.sessions[i].settings; f != nil && f.Name == c.RequestTimeout.File {
			input = i
		}
	}
	return c.RequestTimeout, input, ok
}

// seeClient tells whether the client had gone, and how long such requests take that go well.
func (x *scene) seeClient() {
	r, w := x.r, x.r.sight
	if w == nil {
		return
	}
	gone := departed[w.win32] && !slices.Contains(pipeCodes, w.win32)
	if q := w.freb; q != nil {
		gone = gone || departed[win32Of(q.Flush.Code)]
	}
	if r.Outcome == Cancelled {
		gone = true
	}
	if !gone {
		return
	}
	x.note(clientGone)
	left := r.Duration()
	if left <= 0 {
		left = w.took
	}
	after := ""
	if left > 0 {
		after = " after " + spell(left)
	}
	x.say("left", after)
	switch s := x.samePage().methods[r.Method]; {
	case s == nil || s.slowest == 0 || left <= 0:
	case left <= s.slowest:
		x.context = append(x.context, fmt.Sprintf("That is no longer than this page takes when all goes well: up to %s in %s.", spell(s.slowest), counted(s.n, "other request", "other requests")))
	default:
		x.context = append(x.context, fmt.Sprintf("That is longer than this page takes when all goes well: up to %s in %s; it may have been slow when its client left.", spell(s.slowest), counted(s.n, "other request", "other requests")))
	}
}

// samePage returns how the requests went that came in at the same machine for the same path.
func (x *scene) samePage() *pageFare { return x.b.hosting(x.front).fare(pathOfRequest(x.r)) }

// around returns what happened to the machine and the request's pool around it.
func (x *scene) around(before, after etl.Time, kinds ...eventlog.FactKind) []*occurrence {
	list := x.front.during(x.r.Start-before, x.end()+after, x.r.AppPool, kinds...)
	return slices.DeleteFunc(list, func(o *occurrence) bool { return x.tied(o) == another })
}

// A tie says whether what happened befell the application that a request was for.
type tie uint8

const (
	unclear tie = iota // no file says so, or what happened is of no application
	itself             // it did
	another            // it befell another one
)

// A spot is where an event has an application: whichever of these it names.
type spot struct {
	name   string // of the site
	id     uint32 // of the site
	path   string // below the site, without slashes around it; only with name or id
	folder string // on disk
}

var (
	configPath = regexp.MustCompile(`(?i)^(?:.*/)?APPHOST/([^/]+)(/.*)?$`)
	metaPath   = regexp.MustCompile(`(?i)^/LM/W3SVC/([0-9]{1,9})/ROOT(/.*)?$`)
)

// spotOf reads what an event calls an application: MACHINE/WEBROOT/APPHOST/Shop/api, /LM/W3SVC/2/ROOT/api or a folder.
func spotOf(s string) (p spot, ok bool) {
	if m := configPath.FindStringSubmatch(s); m != nil {
		return spot{name: m[1], path: strings.Trim(m[2], "/")}, true
	}
	if m := metaPath.FindStringSubmatch(s); m != nil {
		id, _ := strconv.ParseUint(m[1], 10, 32)
		return spot{id: uint32(id), path: strings.Trim(m[2], "/")}, true
	}
	if s = strings.TrimRight(s, `\`); strings.Contains(s, `\`) {
		return spot{folder: s}, true
	}
	return p, false
}

// is compares with an application of a site. A folder with variables in it compares with none.
func (p spot) is(site *iisconfig.Site, app *iisconfig.Application) (same, comparable bool) {
	if p.folder == "" {
		return (p.id == site.ID || p.id == 0 && strings.EqualFold(p.name, site.Name)) && strings.EqualFold(p.path, strings.Trim(app.Path, "/")), true
	}
	for _, f := range app.Folders {
		if f.Path == "/" {
			return strings.EqualFold(p.folder, strings.TrimRight(f.PhysicalPath, `\`)), !strings.Contains(f.PhysicalPath, "%")
		}
	}
	return false, false
}

// under reports whether a path, in lower case, is at or below another one without slashes around it.
func under(at, path string) bool {
	return path == "" || strings.HasPrefix(strings.Trim(at, "/")+"/", strings.ToLower(path)+"/")
}

// tied tells whether an event on an application is about the one that the request was for: by the configuration, else by
// what the event and the request have in common.
func (x *scene) tied(o *occurrence) tie {
	if !slices.Contains(coreEvents, o.Kind) {
		return unclear
	}
	p, ok := spotOf(o.Detail)
	if !ok {
		return unclear
	}
	id, at := uint32(0), pathOfRequest(x.r)
	if w := x.r.sight; w != nil {
		id = w.site
	}
	found, alike, all := 0, 0, true
	if host := x.front.settings.Host(); host != nil {
		for i := range host.Sites {
			site := &host.Sites[i]
			if id != 0 && site.ID != id {
				continue
			}
			if app := applicationAt(site, at); app != nil {
				same, comparable := p.is(site, app)
				all = all && comparable
				found++
				if same {
					alike++
				}
			}
		}
	}
	switch {
	case found > 0 && alike == found:
		return itself
	case found > 0 && alike == 0 && all,
		!under(at, p.path),
		p.id != 0 && id != 0 && p.id != id:
		return another
	case p.id != 0 && p.id == id, p.path != "", o.PID != 0 && o.PID == x.r.PID:
		return itself
	}
	name := cmp.Or(p.name, p.folder[strings.LastIndexByte(p.folder, '\\')+1:])
	first, _, _ := strings.Cut(strings.TrimPrefix(at, "/"), "/")
	host := hostName(cmp.Or(x.r.Host, Authority(x.r.URL)))
	for _, s := range [...]string{x.r.AppPool, host, hostLabel(host), first} {
		if name != "" && strings.EqualFold(s, name) {
			return itself
		}
	}
	return unclear
}

// applicationAt returns the application that a path of a site belongs to, or nil.
func applicationAt(site *iisconfig.Site, at string) (found *iisconfig.Application) {
	for i := range site.Applications {
		app := &site.Applications[i]
		if under(at, strings.Trim(app.Path, "/")) && (found == nil || len(app.Path) > len(found.Path)) {
			found = app
		}
	}
	return found
}

// sortOut parts what befell the request's application, or its pool, from what befell one that may be another. That
// one's name is kept for texts.
func (x *scene) sortOut(list []*occurrence) (own, nearby []*occurrence) {
	for _, o := range list {
		if slices.Contains(coreEvents, o.Kind) && x.tied(o) == unclear {
			nearby = append(nearby, o)
		} else {
			own = append(own, o)
		}
	}
	if len(nearby) > 0 {
		name := nearby[0].Detail
		if p, ok := spotOf(name); ok && p.name != "" {
			name = strings.Trim(p.name+"/"+p.path, "/")
		}
		x.say("nearby", cmp.Or(name, "the one that the event tells of"))
	}
	return own, nearby
}

// askFor says which files to get, of those that the machine does not have for the time of the request.
func (x *scene) askFor(h *hosting) {
	m, t := x.front, x.end()
	from, to := x.r.Start-10*etl.Second, t+lateness
	span := clockTime(from, "15:04") + " to " + clockTime(to, "15:04") + " UTC"
	system, application := m.missing(t, from, to, systemLog), m.missing(t, from, to, applicationLog)
	events := m.missing(t, from, to, systemLog, applicationLog)
	config := "from " + m.called() + " add web.config and applicationHost.config (has it a section aspNetCore, or a farm?)"
	traced := "switch Failed Request Tracing on for this site (status 400 to 599), and put its files with the IIS log into this folder"
	platform := ""
	if application != "" {
		platform = "from the site's Kudu console get LogFiles/eventlog.xml and LogFiles/Application for " + span
	}
	if h.platform { // Windows itself is out of reach there
		system, application, events = "", platform, platform
		config = "from the site's Kudu console get site/wwwroot/web.config (has it a section aspNetCore, or rules that pass requests on?)"
	}
	if m.configured {
		config = ""
	}
	if x.frebOf() != nil {
		traced = ""
	}
	log := "the IIS log of " + m.called() + " (sc-substatus, sc-win32-status)"
	witnesses := log + " and its Failed Request Tracing for " + span
	switch {
	case x.r.by(KindIISLog) != nil:
		witnesses = traced
	case traced == "":
		witnesses = log + " for " + span
	}
	x.say("get witnesses", witnesses)
	x.say("get system", system)
	x.say("get application", application)
	x.say("get events", events)
	x.say("pool name", commandWord(cmp.Or(x.r.Queue, x.r.AppPool, "(unknown)")))
	x.say("get config", config)
	x.say("get freb", traced)
	x.say("get platform", platform)
}

// noteAll adds a clue with what happened: each by itself, or many alike in one line.
func (x *scene) noteAll(c clue, list []*occurrence) {
	const few = 4
	if n := len(list); n > few {
		e := list[0].evidence()
		what, source, _ := strings.Cut(e.Text, " (")
		e.Text = fmt.Sprintf("%s, %s until %s (%s", what, often(n), clockTime(list[n-1].Time, "15:04:05"), source)
		x.note(c, e)
		return
	}
	for _, o := range list {
		x.note(c, o.evidence())
	}
}

// startErrors are the substatuses of 500 by which the module says why an application did not start.
var startErrors = map[int]string{
	30: "its start failed inside the worker process", 31: "a framework or a native library that it needs is missing",
	32: "its DLL could not be loaded, mostly one of 32 bits in a pool of 64 or the other way round",
	33: "the module's own handler for applications in process could not be loaded", 34: "the pool has applications in process and out of process",
	35: "the pool has several applications in process", 36: "the module's own handler for applications out of process could not be loaded",
	37: "it was not ready within startupTimeLimit", 38: "its DLL was not found",
}

// seeStart tells whether the application could be started.
func (x *scene) seeStart() {
	r := x.r
	why, ok := startErrors[r.SubStatus]
	if r.Status == 500 && r.HasSub && ok {
		x.note(setByModule)
		x.say("startError", ": "+why)
	} else {
		x.say("startError", "")
	}
	var failed []*occurrence
	if slices.Contains(coreStatuses, r.status()) {
		failed = x.around(10*Minute, 30*etl.Second, eventlog.AppStartFailed, eventlog.AppRapidFail)
	}
	own, nearby := x.sortOut(failed)
	x.noteAll(startRefused, own)
	x.noteAll(startNearby, nearby)
	code := ""
	for _, o := range failed {
		if o.Code != 0 {
			code = " (" + eventCode(o.Code) + ")"
		}
	}
	x.say("startCode", code)
	x.say("starts", counted(len(failed), "time", "times"))
}

// seeApplication tells what became of the application's process.
func (x *scene) seeApplication(h *hosting) {
	ends := x.around(5*etl.Second, 30*etl.Second, eventlog.AppCrash, eventlog.Crash, eventlog.ManagedCrash)
	x.noteAll(processEnded, slices.DeleteFunc(ends, func(o *occurrence) bool {
		return !h.runs(o.Image) || isWorker(o.Image) && o.PID != 0 && x.r.PID != 0 && o.PID != x.r.PID
	}))
	if h.platform {
		memory := x.around(10*Minute, Minute, eventlog.MemoryRecycle, eventlog.MemoryPressure)
		for _, o := range x.around(10*Minute, Minute, eventlog.ManagedCrash, eventlog.RequestException) {
			if strings.Contains(o.Detail, "OutOfMemory") {
				memory = append(memory, o)
			}
		}
		x.noteAll(memoryShort, memory)
	}
	x.seeStop()
	x.seeHang()
	x.seeFastCGI()
	x.seeOthers(h)
}

// hosts are the programs that applications run in, next to the one that the configuration names.
var hosts = []string{"", "w3wp.exe", "dotnet.exe", "node.exe", "php-cgi.exe"}

// runs reports whether a process may be one of the machine's applications.
func (h *hosting) runs(image string) bool {
	image = strings.ToLower(image)
	return slices.Contains(hosts, image) || slices.ContainsFunc(h.core, func(c iisconfig.ANCM) bool {
		name := strings.ToLower(path.Base(strings.ReplaceAll(c.ProcessPath.Value, `\`, "/")))
		return name != "." && strings.TrimSuffix(name, ".exe") == strings.TrimSuffix(image, ".exe")
	})
}

// seeStop tells whether the application was shutting down, and why.
func (x *scene) seeStop() {
	r := x.r
	const shutdownInProgress Code = 1255
	if slices.Contains(x.codes(), shutdownInProgress) {
		x.note(shuttingDown)
		stops := x.around(2*Minute, Minute, eventlog.Recycle, eventlog.MemoryRecycle, eventlog.IdleStop, eventlog.AppStopped,
			eventlog.AppOffline, eventlog.AppRecycle, eventlog.SystemStop)
		stops, nearby := x.sortOut(stops)
		x.noteAll(stopSeen, stops)
		x.noteAll(stopNearby, nearby)
		why := ""
		for _, o := range stops {
			if o.PID != 0 && o.PID == r.PID {
				x.note(ownStopSeen, o.evidence())
			}
			if why == "" {
				why, _, _ = strings.Cut(o.String(), " (")
			}
		}
		x.say("stop", why)
	}
}

// seeHang tells whether the process hung to which the request was given.
func (x *scene) seeHang() {
	r := x.r
	if !slices.Contains(hangReasons, x.f.call) {
		return
	}
	hangs := x.around(3*Minute, 3*Minute, eventlog.PingFailed)
	if len(x.around(5*Minute, 5*Minute, eventlog.Recycle, eventlog.MemoryRecycle, eventlog.IdleStop)) == 0 {
		hangs = append(hangs, x.around(3*Minute, 3*Minute, eventlog.StopTimeout)...)
	}
	hangs = slices.DeleteFunc(hangs, func(o *occurrence) bool {
		return r.PID != 0 && o.PID != 0 && o.PID != r.PID || r.AppPool == "" && o.PID != r.PID
	})
	x.noteAll(hangSeen, hangs)
	if len(hangs) > 0 {
		x.say("hang", hangs[0].String())
		x.say("pool name", commandWord(cmp.Or(r.Queue, r.AppPool, hangs[0].Pool)))
		if r.PID != 0 && hangs[0].PID == r.PID {
			x.note(ownHangSeen, hangs[0].evidence())
		}
	}
}

// seeFastCGI tells whether FastCGI had no process left.
func (x *scene) seeFastCGI() {
	q := x.frebOf()
	if q == nil {
		return
	}
	for _, n := range q.Notes {
		if strings.HasSuffix(n.Event, "QUEUE_FULL") {
			x.note(fastCGIFull, Evidence{Input: x.r.by(KindFREB).Input, Time: n.Time, Text: n.Event, Key: true, Place: stepOf(q, n.Number)})
		}
	}
}

// seeOthers compares the request with others for the same page, and those of other machines.
func (x *scene) seeOthers(h *hosting) {
	r, page := x.r, x.samePage()
	s := page.failed[failure{r.Status, r.Error}]
	if s != nil && slices.Contains(x.codes(), codeUnreadable) && s.n > 1 && !s.several && s.client != "" && page.well-page.clients[s.client] > 1 {
		x.note(someClients)
		x.say("through", s.client)
		x.context = append(x.context, fmt.Sprintf("All %d failures of this page are of requests from %s; %s from others went well.", s.n, s.client,
			counted(page.well-page.clients[s.client], "request", "requests")))
	}
	x.seeMethods(h)
	if r.Side == Client && !r.Proxied && r.Outcome == Failed && r.Phase == PhaseTLS {
		host := strings.ToLower(cmp.Or(r.Host, Authority(r.URL)))
		for _, m := range x.b.machines {
			if m != x.front && m.hosts.hosts[host] {
				x.note(othersFine)
				x.say("other", cmp.Or(m.Name, "another machine"))
				break
			}
		}
	}
}

// repeatable are the methods that a proxy may send again by itself.
var repeatable = []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"}

// seeMethods tells whether only requests fail that cannot be sent twice: those of which a broken connection shows.
func (x *scene) seeMethods(h *hosting) {
	if slices.Contains(repeatable, x.r.Method) || x.r.Outcome != Failed || !slices.ContainsFunc(x.codes(), func(c Code) bool { return slices.Contains(brokenCodes, c) }) {
		return
	}
	fared := h.broken[x.r.Error]
	quick := x.r.sight != nil && x.r.sight.took >= 0 && x.r.sight.took < 50*time.Millisecond
	if quick && fared != nil && fared[0] == 0 && fared[1] > 1 && h.repeated > 1 {
		x.note(postsOnly)
		x.context = append(x.context, fmt.Sprintf("All %d that failed so are of a method that is never sent twice by itself; %s of others went well.", fared[1], counted(h.repeated, "request", "requests")))
	}
}

// seePorts tells what the machine's event log and netstat have on ports.
func (x *scene) seePorts() {
	if connects := slices.ContainsFunc(x.codes(), func(c Code) bool { return slices.Contains(portCodes, c) }); !connects && x.r.status() != "502.5" {
		return
	}
	x.noteAll(portsShort, x.front.during(x.r.Start-portsBefore, x.end()+Minute, "", eventlog.PortReused, eventlog.PortsExhausted))
	if !x.has(portsShort) && x.front.covers(systemLog, x.end()) {
		x.rejected = append(x.rejected, Rejection{"C3", "ports used up: the System log has no Tcpip 4227 or 4231 " + x.noneAround(eventlog.PortReused, eventlog.PortsExhausted)})
	}
	binds := x.front.during(x.r.Start-10*Minute, x.end()+Minute, "", eventlog.BindFailed)
	x.noteAll(bindRefused, binds)
	if len(binds) > 0 {
		x.say("bind", binds[0].Detail)
		x.say("binds", counted(len(binds), "time", "times"))
	}
	for _, t := range x.front.consoles {
		c := t.Connections
		if c == nil {
			continue
		}
		if n := c.Count(netshtext.TimeWait); x.has(portsShort) && n > 0 {
			x.context = append(x.context, counted(n, "connection is in TIME_WAIT", "connections are in TIME_WAIT")+" in what netstat shows; it does not say when that was.")
		}
		if c.Count(netshtext.SynSent) == 0 {
			continue
		}
		for _, l := range c.Listeners {
			i := slices.IndexFunc(c.Remotes, func(o netshtext.Remote) bool { return o.Addr.Addr().IsLoopback() && o.Addr.Port() == l.Local.Port() })
			if i < 0 || !l.Local.Addr().IsLoopback() && !l.Local.Addr().IsUnspecified() {
				continue
			}
			x.note(deafPort, Evidence{Input: t.input, Text: fmt.Sprintf("netstat: PID %d listens on %s, %s there, %s in SYN_SENT and %s in CLOSE_WAIT on this machine",
				l.PID, l.Local, counted(c.Remotes[i].Ports, "connection", "connections"),
				strconv.Itoa(c.Count(netshtext.SynSent)), strconv.Itoa(c.Count(netshtext.CloseWait))), Key: true})
			x.say("listener", l.Local.String())
			return
		}
	}
}

// portsBefore is how long before a request scarce ports may bear on it.
const portsBefore = 30 * Minute

// noneAround says for what time before the request nothing was found, and where the nearest one is.
func (x *scene) noneAround(kinds ...eventlog.FactKind) string {
	s := "within " + spell(portsBefore.Sub(0)) + " before it"
	o := x.front.nearest(x.r.Start, kinds...)
	if o == nil {
		return s
	}
	layout := "15:04:05"
	if max(o.Time-x.r.Start, x.r.Start-o.Time) > 12*60*Minute {
		layout = "2006-01-02 15:04:05"
	}
	return s + "; the nearest is of " + clockTime(o.Time, layout)
}

// setters are the names in texts of who gives a substatus.
var setters = map[string]string{
	"IIS": "IIS itself", "ANCM": "the ASP.NET Core Module", "ARR": "Application Request Routing", "CGI": "the CGI module", "FastCGI": "the FastCGI module",
	"ASP": "classic ASP", "Azure App Service front end": "App Service's front end",
}

// seeSetter tells who gives the status that the request was answered with, if its substatus tells that.
func (x *scene) seeSetter(h *hosting) {
	r := x.r
	if r.Side != Server || r.Status < 500 || !r.HasSub || r.SubStatus == 0 {
		return
	}
	var rows []winerr.Code
	for _, c := range winerr.LookAll(uint32(r.Status)) {
		if c.Family == winerr.Status && c.Symbol == r.status() && !(c.Source == "ARR" && x.front.configured && !h.arr) {
			rows = append(rows, c)
		}
	}
	if q := x.frebOf(); q != nil && len(rows) > 1 {
		if f := q.Failure(); f != nil {
			byARR := freb.ForwarderOf(f.Module) == freb.ARR
			rows = slices.DeleteFunc(rows, func(c winerr.Code) bool { return (c.Source == "ARR") != byARR })
		}
	}
	name := func(c winerr.Code) string { return cmp.Or(setters[c.Source], c.Source) }
	switch len(rows) {
	case 0:
	case 1:
		x.note(setterKnown)
		x.say("setter", name(rows[0]))
		x.say("meaning", inSentence(rows[0].Meaning))
	default:
		x.note(setterUnclear)
		var list []string
		for _, c := range rows {
			list = append(list, inSentence(c.Meaning)+" ("+name(c)+")")
		}
		x.say("meaning", strings.Join(list, ", or "))
	}
}

// inSentence writes a sentence as a part of another one. Names keep their capitals.
func inSentence(s string) string {
	first, _, _ := strings.Cut(s, " ")
	if first != "Global.asax" && len(first) > 0 && strings.ToLower(first[1:]) == first[1:] {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// seePlatform compares with the limit of App Service's front end.
func (x *scene) seePlatform() {
	r, w := x.r, x.r.sight
	if r.Status == 500 && r.SubStatus == 121 && w != nil {
		x.note(platformStatus)
		took := ""
		if w.took >= 0 {
			took = ", and this was " + spell(w.took)
		}
		x.say("tookInstead", took)
	}
	if !x.has(onPlatform) || w == nil || w.took < platformTimeout-time.Second || w.took > platformTimeout+2*time.Second || r.Status < 500 {
		return
	}
	x.note(platformLimit)
	r.MadeBy = &MadeBy{Tier: "app service front end"}
	if r.Timer == nil {
		x.timer = &Timer{Name: "front end", Limit: platformTimeout, Source: TimerDefault}
	}
}

// seeSockets tells whether a WebSocket was asked for, and whether that is switched off.
func (x *scene) seeSockets(h *hosting) {
	r, w := x.r, x.r.sight
	if r.Status != 503 || w == nil {
		return
	}
	if q := w.freb; q != nil {
		if strings.EqualFold(q.Received.Get("Upgrade"), "websocket") {
			x.note(socketAsked)
		}
		if f := q.Failure(); f != nil && strings.Contains(strings.ToLower(f.Reason+f.Text), "websocket") {
			x.note(socketRefused)
		}
	}
	if strings.Contains(w.path, "websocket") || strings.Contains(w.path, "/signalr/connect") {
		x.note(socketAsked)
	}
	if p := w.page; p != nil && p.MadeBy == errorpage.AppService && p.Code == 0 && x.has(socketAsked) {
		x.note(socketRefused)
	}
	if h.socket != nil {
		x.note(socketsOff, Evidence{Input: h.socketIn, Text: h.socket.Enabled.Source() + ` webSocket enabled="false"`, Key: true, Place: Place{Line: h.socket.Enabled.Line}})
		x.say("socketSetting", h.socket.Enabled.Source())
	}
}

// pipeCodes say that the other end of a pipe is gone.
var pipeCodes = []Code{109, 232}

// seeNode tells whether iisnode found its pipe to Node closed, and whether that comes at a steady pace.
func (x *scene) seeNode(h *hosting) {
	r, q := x.r, x.frebOf()
	if r.Status != 500 || !slices.ContainsFunc(x.codes(), func(c Code) bool { return slices.Contains(pipeCodes, c) }) {
		return
	}
	x.note(pipeEnded)
	if q != nil {
		if f := q.Failure(); f != nil && strings.EqualFold(f.Module, "iisnode") {
			x.note(pipeTold, quoted(r.by(KindFREB)))
		}
	}
	// A request of one client that finds a good pipe leaves it to the next, which comes too late.
	const enough, most = 5, 100
	list := x.samePage().list
	at, _ := slices.BinarySearchFunc(list, r.Start, func(o *Request, t etl.Time) int { return cmp.Compare(o.Start, t) })
	var run []*Request
	for _, o := range list[max(at-most, 0):min(at+most, len(list))] {
		if hostName(o.Client) == hostName(r.Client) && o.Start.Sub(r.Start).Abs() < 10*time.Minute {
			run = append(run, o)
		}
	}
	if len(run) < enough {
		return
	}
	pace := run[1].Start - run[0].Start
	for i := 1; i < len(run); i++ {
		if d := run[i].Start - run[i-1].Start; d.Sub(pace).Abs() > time.Second || (run[i].Outcome == Failed) == (run[i-1].Outcome == Failed) {
			return
		}
	}
	x.note(alternating)
	each := run[len(run)-1].Start.Sub(run[0].Start) / time.Duration(len(run)-1)
	x.context = append(x.context, fmt.Sprintf("Of %d requests for this page, one every %s, every second one fails.", len(run), spell(each.Round(100*time.Millisecond))))
}

// pageScenes returns a scene for each kind of error page that is of no request. Its request is what the page tells.
func (b *Builder) pageScenes() []*scene {
	const most = 5
	var out []*scene
	told := map[string]bool{}
	for _, s := range b.sessions {
		p := s.page
		if p == nil || s.joined || p.Status < 400 || told[pageLine(p)] || len(out) == most {
			continue
		}
		told[pageLine(p)] = true
		r := &Request{
			Input: s.number, Side: Server, Outcome: Failed, URL: p.URL, Host: Authority(p.URL), Status: p.Status, SubStatus: p.SubStatus, HasSub: p.HasSub,
			Error: win32Of(p.Code), MadeBy: &MadeBy{Tier: p.MadeBy, Module: p.Module}, facts: new(facts),
		}
		x := &scene{b: b, r: r, f: r.facts, front: s.on, alone: true}
		x.note(pageTells, Evidence{Input: s.number, Text: pageLine(p), Key: true})
		maker := cmp.Or(p.Module, makers[p.MadeBy], "nobody that it names")
		switch freb.ForwarderOf(maker) {
		case freb.ANCM, freb.HTTPPlatform:
			x.note(viaModule)
		case freb.ARR:
			x.note(fromARR)
		}
		if p.MadeBy == errorpage.ANCM {
			x.note(viaModule)
		}
		x.seeStart()
		x.say("maker", maker)
		x.say("answer", r.status())
		coded := ""
		if p.Code != 0 {
			coded = " with " + hexCode(p.Code)
		}
		x.say("coded", coded)
		x.say("page", cmp.Or(pagePath(p.URL), "the page"))
		x.say("file", path.Base(s.in.Path))
		x.lookFront(p)
		out = append(out, x)
	}
	return out
}

// makers are the names in texts of who makes pages that name no module.
var makers = map[string]string{
	errorpage.IIS: "IIS", errorpage.ARR: "Application Request Routing", errorpage.ANCM: "the ASP.NET Core Module", errorpage.HTTPSys: "HTTP.sys",
	errorpage.AppService: "Azure App Service", errorpage.ApplicationGateway: "Azure Application Gateway",
}

// pagePath is what a page's URL asks for, without host and query.
func pagePath(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	return u.Path
}
