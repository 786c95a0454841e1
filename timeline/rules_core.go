package timeline

import "slices"

// Steps that several rules advise. Those in braces are left out if the files asked for are there.
const (
	getSystem      = "{get system}"
	getApplication = "{get application}"
	getEvents      = "{get events}"
	getConfig      = "{get config}"
	getFREB        = "{get freb}"
	platformLogs   = "{get platform}"
	stdoutLog      = "the application's stdout log of {at} UTC (etwhy does not read it)"
)

// Codes by which a module says that it could not connect, and that its client had gone.
var (
	noConnectCodes = []Code{12029, 10061, 1225}
	portCodes      = append([]Code{10048, 10055, codeTimeout, 12002}, noConnectCodes...) // where ports may be short, or a listener deaf
	clientCodes    = []Code{64, 87, 995, 1229, 1236, 10053, 10054}
	coreStatuses   = []string{"500.30", "500.31", "500.32", "500.33", "500.34", "500.35", "500.36", "500.37", "500.38", "502.5"}
)

func isTimer(c Code) bool { return slices.Contains(timerCodes, c) }

// Neighbours of rules on ASP.NET Core.
var (
	notARR        = neighbour{"T1", 0, 0, "a slow content server behind ARR: {module} passed it on, to a program of this machine"}
	processWasUp  = neighbour{"K1", 0, 0, "application not started: it had the request"}
	moduleNotSlow = neighbour{"T7", 0, 0, "requestTimeout: no limit ran out"}
)

// eitherSide are rules on what a module does before it passes a request on, or in its place: only some files
// of such a request show that it was to be passed on.
var eitherSide = []rule{
	{
		id: "C3", statuses: []string{"502.5"}, see: []clue{portsShort}, unless: []clue{fromARR},
		title: "{machine} was short of ports for outgoing connections when it answered 502.5",
		open:  "which program opens so many connections",
		near: []neighbour{
			{"K1", 0, 0, "an application that fails by itself: Windows itself reported that ports were reused too soon"},
		},
		doNow:   []string{"restart the pool; widen the range of ports: netsh int ipv4 set dynamicport tcp start=10000 num=55000"},
		findOut: []string{"while it happens, on {machine}: netstat -ano, netsh int ipv4 show dynamicport tcp: which process and which other end have the most connections"},
	},
	{
		id: "K1", statuses: coreStatuses, see: []clue{startRefused}, seeAny: []clue{viaModule, viaModuleSeen, setByModule}, proof: []clue{startRefused, setByModule},
		title: "{module} could not start the application{startCode}{startError}",
		open:  "why its process ends or does not listen: the application's stdout log tells, which is not among what etwhy reads",
		near: []neighbour{
			{"T7", 0, 0, "slow application: it was not running"},
		},
		doNow:   []string{"start the application by hand in the site's folder on {machine} (the command is in web.config: processPath and arguments): the error shows at once"},
		findOut: []string{"set stdoutLogEnabled=\"true\" at the aspNetCore element of web.config, repeat, and read the stdout log", getSystem},
	},
	{
		id: "K1", statuses: coreStatuses, see: []clue{startNearby}, seeAny: []clue{viaModule, viaModuleSeen}, unless: []clue{setByModule}, unsure: always,
		title:   "{module} probably could not start the application: it could not start {nearby} at that time{startCode}",
		open:    "whether the request was for {nearby}: no file here says which application it was for",
		near:    []neighbour{{"T7", 0, 0, "slow application: an application that does not start is not waited for"}},
		doNow:   []string{"start the application by hand in the site's folder on {machine} (the command is in web.config: processPath and arguments): the error shows at once"},
		findOut: []string{getConfig, getFREB, stdoutLog},
	},
	{
		id: "K1", statuses: coreStatuses, seeAny: []clue{setByModule},
		title:   "{module} could not start the application{startError}",
		open:    "why: the Application event log and the application's stdout log tell",
		near:    []neighbour{{"T7", 0, 0, "slow application: it was not running"}},
		doNow:   []string{"start the application by hand in the site's folder on {machine} (the command is in web.config: processPath and arguments): the error shows at once"},
		findOut: []string{getApplication, stdoutLog},
	},
	{
		id: "K1", statuses: []string{"502.5"}, see: []clue{viaModuleSeen}, unsure: always,
		title:   "{module} probably could not start the application: it answers 502.5 then",
		open:    "the proof, and why: neither the Application event log nor an error page of that time is here",
		doNow:   []string{"start the application by hand in the site's folder on {machine} (the command is in web.config: processPath and arguments)"},
		findOut: []string{getApplication, stdoutLog},
	},
	{
		id: "NE", statuses: []string{"502.5"}, unless: []clue{fromARR}, unsure: always,
		title:   "502.5 came from a module of IIS: an application of ASP.NET Core that did not start, or a WebSocket that ARR could not carry",
		open:    "which of the two: no file here names the module",
		findOut: []string{getConfig, getApplication, getFREB},
	},
	{
		id: "Q11", statuses: []string{"503"}, see: []clue{shuttingDown, ownStopSeen}, proof: []clue{shuttingDown, ownStopSeen},
		title: "the application was already shutting down: {stop}",
		near: []neighbour{
			{"Q1", 0, 0, "pool switched off: that is AppOffline, and no worker process has the request"},
			{"Q4", 0, 0, "queue full: that is QueueFull"},
		},
		doNow:   []string{"let the old process take requests a little longer before its application ends: handlerSetting shutdownDelay (milliseconds) in the aspNetCore element; recycle when nobody is there"},
		findOut: []string{"how many such answers come at each recycle: look for 503 with win32 1255 in the IIS log"},
	},
	{
		id: "Q11", statuses: []string{"503"}, see: []clue{shuttingDown, stopSeen},
		title: "the application was already shutting down: {stop}",
		open:  "whether its own process was the one that ended, and what asked it to if no recycle is named",
		near: []neighbour{
			{"Q1", 0, 0, "pool switched off: that is AppOffline, and no worker process has the request"},
			{"Q4", 0, 0, "queue full: that is QueueFull"},
		},
		doNow:   []string{"let the old process take requests a little longer before its application ends: handlerSetting shutdownDelay (milliseconds) in the aspNetCore element"},
		findOut: []string{getSystem, getFREB},
	},
	{
		id: "Q11", statuses: []string{"503"}, see: []clue{shuttingDown, stopNearby}, unsure: always,
		title: "the application was already shutting down (1255)",
		open:  "whether that was {nearby}, which was stopped at that time: no file here says which application the request was for",
		near: []neighbour{
			{"Q4", 0, 0, "queue full: that is QueueFull"},
		},
		doNow:   []string{"let the old process take requests a little longer before its application ends: handlerSetting shutdownDelay (milliseconds) in the aspNetCore element"},
		findOut: []string{getConfig, getSystem, getFREB, stdoutLog},
	},
	{
		id: "Q11", statuses: []string{"503"}, see: []clue{shuttingDown}, unsure: always,
		title: "the application was already shutting down (1255)",
		open:  "what asked it to end: a recycle, a changed file, or itself; no event log of the time has it",
		near: []neighbour{
			{"Q4", 0, 0, "queue full: that is QueueFull"},
		},
		findOut: []string{getEvents, stdoutLog},
	},
	{
		id: "Q14", statuses: []string{"503.0", "503"}, see: []clue{socketsOff}, seeAny: []clue{socketRefused, socketAsked}, proof: []clue{socketsOff, socketRefused},
		title:   "WebSockets, which the client asked for, are switched off for this site ({socketSetting})",
		near:    []neighbour{{"Q1", 0, 0, "pool switched off: then no worker process logs the request"}},
		doNow:   []string{"set webSocket enabled=\"true\" at {socketSetting}; on Azure App Service: Configuration, General settings, Web sockets"},
		findOut: []string{"was it switched off on purpose; the client's fallback (long polling) may do meanwhile"},
	},
	{
		id: "Q14", statuses: []string{"503.0", "503"}, see: []clue{socketRefused},
		title:   "the client asked for a WebSocket, and IIS says that they are off for this site",
		open:    "where they were switched off: no configuration is here",
		doNow:   []string{"switch the WebSocket feature on for the site; on Azure App Service: Configuration, General settings, Web sockets"},
		findOut: []string{getConfig},
	},
}

// leftRules are for requests whose client had gone: whatever came of them then is no news of the application.
var leftRules = []rule{
	{
		id: "R7", see: []clue{clientGone, viaModule, answerBegun}, codes: clientCodes, unless: []clue{onPlatform},
		title: "the client {client} left{left}, just as the application's answer came in; {module} made {substatus} of it",
		open:  "why it left; older versions of the module answer 502.3 here, later ones 400",
		near: []neighbour{
			moduleNotSlow, processWasUp,
			{"R1", 0, 0, "broken off by the application: its answer had begun"},
		},
		doNow:   []string{"if such waits are normal for this page, leave these out when you count failures; update the ASP.NET Core Module"},
		findOut: []string{"does {client} have a time-out, or do its users go on to another page"},
	},
	{
		id: "R7", see: []clue{clientGone}, seeAny: []clue{viaModule, viaModuleSeen}, codes: clientCodes, unless: []clue{onPlatform, answerBegun},
		title: "the client {client} left{left}; the application had not answered by then",
		open:  "whether it lost patience: compare the wait with what such requests take",
		near: []neighbour{
			moduleNotSlow,
		},
		doNow:   []string{"if the wait is short, leave these out when you count failures; if not, look at why the application is slow"},
		findOut: []string{"the time-out of {client}; the application's own log of {at} UTC: did it answer, and when"},
	},
	{
		id: "R7", see: []clue{clientGone, onPlatform}, seeAny: []clue{viaModule, viaModuleSeen, viaNobody}, codes: clientCodes, unsure: always,
		title: "the incoming connection was gone{left}, and {module} could not answer on it",
		open:  "who ended it: App Service's front end, through which all requests come, or the client behind that; neither is in these files",
		near: []neighbour{
			moduleNotSlow,
		},
		doNow:   []string{"update the ASP.NET Core Module (newer versions answer 400 when the client has gone)"},
		findOut: []string{"the client's own log, or the portal's metrics for {span}: did it give up", platformLogs},
	},
}

// alsoCancelled returns the rules for requests that count as given up: those that were answered by another status
// than one of a failure, or by none.
func alsoCancelled(list []rule) []rule {
	list = slices.Clone(list)
	for i := range list {
		list[i].as, list[i].codes = Cancelled, nil
	}
	return list
}

// coreRules are for requests that the ASP.NET Core Module or a module like it sent on.
var coreRules = slices.Concat(eitherSide, leftRules, alsoCancelled(leftRules), []rule{
	{
		id: "K2", codes: []Code{87, 1229}, see: []clue{viaModule}, unless: []clue{clientGone}, unsure: always,
		title: "{module} could not hand the application's answer on{logCode}",
		open:  "whether its client had gone or the module is at fault: old versions of it give this code for both",
		near: []neighbour{
			moduleNotSlow,
		},
		doNow:   []string{"update the ASP.NET Core Module (the hosting bundle)"},
		findOut: []string{"the application's stdout log of {at} UTC: did it answer 200", "the client's own log: did it leave"},
	},

	// Its limit.
	{
		id: "T7", phases: []PhaseName{PhaseReceive, PhaseSend, ""}, codes: timerCodes, see: []clue{viaModule, limitRan}, unless: []clue{neverSent},
		proof: []clue{limitRan, heldUp, toldTwice},
		title: "{module} stopped waiting for the application after {waited} (requestTimeout {requestTimeout})",
		open:  "what the application was doing: it waits for something, or has no thread free; its own log or a dump of that time tells",
		near: []neighbour{
			notARR, processWasUp,
			{"C1", 0, 0, "application down: it took the request"},
		},
		doNow:   []string{"if that is normal for this page, raise requestTimeout of the aspNetCore element in web.config ({limitFrom}); if not, find out why the application is silent"},
		findOut: []string{"the application's stdout log from {started} UTC on (etwhy does not read it): when did it answer", "while it hangs: dotnet-dump collect -p PID of the application, or procdump -ma"},
	},
	{
		id: "T7", codes: timerCodes, see: []clue{viaModuleSeen}, seeAny: []clue{limitRan, aroundLimit}, phases: []PhaseName{PhaseReceive, PhaseSend, ""}, unless: []clue{neverSent},
		title: "{module} stopped waiting for the application after {waited} (requestTimeout {requestTimeout})",
		open:  "that it was this module follows from this machine's settings or from its limit; what the application was doing, its own log tells",
		near: []neighbour{
			notARR,
			{"C1", 0, 0, "application down: that is 12029"},
		},
		doNow:   []string{"if that is normal for this page, raise requestTimeout of the aspNetCore element in web.config ({limitFrom}); if not, find out why the application is silent"},
		findOut: []string{getFREB, "the application's stdout log from {started} UTC on (etwhy does not read it): when did it answer"},
	},
	{
		id: "T7", phases: []PhaseName{PhaseReceive, PhaseSend, ""}, codes: timerCodes, see: []clue{viaModule}, unless: []clue{neverSent}, unsure: always,
		title: "{module} stopped waiting for the application after {waited}",
		open:  "which limit that was: requestTimeout is {requestTimeout} ({limitFrom}), and the wait was another",
		near: []neighbour{
			notARR,
			{"C1", 0, 0, "application down: that is 12029"},
		},
		doNow:   []string{"look at requestTimeout of the aspNetCore element in web.config of {machine}"},
		findOut: []string{getConfig, "what changed in web.config and applicationHost.config before it failed", getFREB},
	},

	// No connection.
	{
		id: "C3", codes: slices.DeleteFunc(slices.Clone(portCodes), isTimer), see: []clue{portsShort}, seeAny: []clue{viaModule, viaModuleSeen, viaNobody},
		title: "{machine} was short of ports for outgoing connections, and {module} got none to the application",
		open:  "which program opens so many connections",
		near: []neighbour{
			{"C1", 0, 0, "application down: Windows itself reported that ports were reused too soon"},
		},
		doNow:   []string{"restart the pool; widen the range of ports: netsh int ipv4 set dynamicport tcp start=10000 num=55000"},
		findOut: []string{"while it happens, on {machine}: netstat -ano, netsh int ipv4 show dynamicport tcp: which process and which other end have the most connections"},
	},
	{
		id: "C5", codes: noConnectCodes, see: []clue{bindRefused}, seeAny: []clue{viaModule, viaModuleSeen, viaNobody},
		title: "{module} got no connection, and HTTP.sys could not listen on {bind} (reported {binds})",
		open:  "whether that is the address that the request was for, and what stands in the way: the list of addresses that HTTP.sys may listen on, or another program on the port",
		near: []neighbour{
			{"T7", 0, 0, "slow application: no connection was made"},
		},
		doNow:   []string{"look at netsh http show iplisten on {machine}; if it has entries, add the address or delete them: netsh http delete iplisten ipaddress=..."},
		findOut: []string{"on {machine}: netsh http show iplisten; netsh http show servicestate; netstat -ano: who has the port of {bind}"},
	},
	{
		id: "C5", codes: portCodes, see: []clue{deafPort}, seeAny: []clue{viaModule, viaModuleSeen, viaNobody}, unless: []clue{limitRan, aroundLimit}, unsure: always,
		title:   "no connection to the application was made, though a program listens on {listener} and connections to it hang",
		open:    "whether that is the application, and why it takes no connections: netstat does not say when it was run",
		doNow:   []string{"recycle the pool: the module starts the application anew"},
		findOut: []string{"before that, a dump of the process that listens: procdump -ma PID: what do its threads wait for", getConfig, getApplication},
	},
	{
		id: "C5", codes: timerCodes, see: []clue{viaModule, neverSent}, unsure: always,
		title: "{module} could not get the request through to the application within {waited}",
		open:  "whether the application took no connection or did not read: the module's events do not tell",
		near: []neighbour{
			{"T7", 0, 0, "slow page: the module has no end of the sending"},
		},
		doNow:   []string{"recycle the pool: the module starts the application anew"},
		findOut: []string{"on {machine}, while it lasts: netstat -ano, does the application's port listen, and how many connections wait there; a dump of the application"},
	},
	{
		id: "C1", codes: noConnectCodes, seeAny: []clue{viaModule, alikeTold}, unless: []clue{processEnded},
		title: "the application behind {module} took no connection",
		open:  "whether its process had gone, or listens and takes none: the code is the same",
		near: []neighbour{
			{"T7", 0, 0, "slow application: no connection was made"},
			{"K1", 0, 0, "not started at all: that is 502.5"},
		},
		doNow:   []string{"recycle the pool: the module starts the application anew"},
		findOut: []string{"on {machine}, while it lasts: netstat -ano, does anybody listen on the application's port, and tasklist, is its process there", getApplication, stdoutLog},
	},
	{
		id: "C1", codes: noConnectCodes, see: []clue{viaModuleSeen}, unless: []clue{processEnded}, unsure: always,
		title:   "the application behind {module} took no connection",
		open:    "whether its process had gone, or listens and takes none; and that it was this module follows only from what this machine is set up for",
		near:    []neighbour{{"T7", 0, 0, "slow application: no connection was made"}},
		doNow:   []string{"recycle the pool: the module starts the application anew"},
		findOut: []string{"on {machine}, while it lasts: netstat -ano, does anybody listen on the application's port", getFREB},
	},

	// It broke.
	{
		id: "R2", codes: slices.Concat(brokenCodes, noConnectCodes), see: []clue{processEnded}, seeAny: []clue{viaModule, viaModuleSeen}, unless: []clue{onPlatform, clientGone},
		title: "the application's process ended while it had the request",
		open:  "what it died of, if the events do not tell",
		near: []neighbour{
			moduleNotSlow,
		},
		doNow:   []string{"put back the version of the application that ran"},
		findOut: []string{getApplication, "if it ends again, get a dump: procdump -e -ma -w dotnet.exe C:\\temp"},
	},
	{
		id: "A3", see: []clue{onPlatform, processEnded}, unless: []clue{clientGone},
		title:   "the application's process ended at that time",
		open:    "what it died of, if the events do not tell; App Service's front end is not in these files",
		near:    []neighbour{{"A1", 0, 0, "limit of 230 s: it ended earlier"}},
		doNow:   []string{"put back the version of the application that ran"},
		findOut: []string{platformLogs, "in the portal: Diagnose and solve problems, collect a memory dump at the next crash"},
	},
	{
		id: "R4", codes: brokenCodes, see: []clue{postsOnly}, seeAny: []clue{viaModule, viaModuleSeen, viaNobody}, unsure: always,
		title: "the connection to the application was closed just as the request went out on it, as it seems",
		open:  "that the connection had been idle before: only a trace or the application's own log has its age",
		near: []neighbour{
			{"T7", 0, 0, "slow application: it was over within milliseconds"},
			{"C1", 0, 0, "application down: that is 12029"},
		},
		doNow:   []string{"let the application keep idle connections longer than the module does (Kestrel: Limits.KeepAliveTimeout above 2 min), or let callers repeat the request"},
		findOut: []string{"record: netsh trace with WinHttp and WebIO at level 5; was the connection used before, and for how long idle", getConfig, getApplication},
	},
	{
		id: "R1", codes: brokenCodes, seeAny: []clue{viaModule, alikeTold}, unless: []clue{clientGone, answerBegun}, unsure: always,
		title: "the application's end of the connection went away before any answer",
		open:  "whether the application closed it or its process ended",
		near: []neighbour{
			moduleNotSlow,
			{"C1", 0, 0, "application down: that is 12029"},
		},
		doNow:   []string{"send the request again"},
		findOut: []string{getApplication, stdoutLog, "record: netsh trace with WinHttp, WebIO and TCPIP: who ends the connection"},
	},

	// It was not understood.
	{
		id: "X6", codes: []Code{12152}, see: []clue{someClients}, seeAny: []clue{viaModule, alikeTold}, unsure: always,
		title: "{module} could not read the application's answer, and only for requests from {through}",
		open:  "what is different about them: a header that {through} adds or passes on is likely, and no file here has both",
		near: []neighbour{
			{"T7", 0, 0, "slow application: it was over within milliseconds"},
			{"X3", 0, 0, "an answer that is malformed for all: requests of others went well"},
		},
		doNow:   []string{"let {through} leave out Upgrade, Connection and HTTP2-Settings headers for a test"},
		findOut: []string{"record a request through {through} and one without it, and compare their headers"},
	},
	{
		id: "NE", codes: []Code{12152, 12183}, seeAny: []clue{viaModule, alikeTold}, unsure: always,
		title:   "{module} could not read the application's answer as HTTP",
		open:    "whether it is malformed, was cut off, or only some clients' requests have it so",
		near:    []neighbour{moduleNotSlow},
		doNow:   []string{"look for an error of this page in the application's log"},
		findOut: []string{"record: netsh trace with capture=yes and WebIO at level 5, and look at the bytes of the answer"},
	},

	// App Service.
	{
		id: "A4", codes: brokenCodes, see: []clue{onPlatform, ownCall}, none: factPeerClosed | factPeerReset | factHeaders, unless: []clue{viaModule, viaModuleSeen}, unsure: always,
		title: "an outgoing connection to {server} broke {doing}",
		open:  "whether {server} ended it, or App Service had too many outgoing connections open (its ports are few): nothing here counts them",
		near: []neighbour{
			{"C1", 0, 0, "refused: that is 10061"},
			{"T1", 0, 0, "slow server: no timer ran out"},
		},
		doNow:   []string{"use one HttpClient for all calls, so that connections are used again"},
		findOut: []string{"in the portal: Diagnose and solve problems, SNAT Port Exhaustion and TCP Connections, for {span}"},
	},

	// TLS that only fails here.
	{
		id: "S9", phases: []PhaseName{PhaseTLS}, codes: []Code{12175}, see: []clue{othersFine}, none: factCertificate | factPeerReset | factPeerClosed, unsure: always,
		title: "TLS with {host} fails on {machine}, and works on {other}",
		open:  "what differs: trusted roots, protocols and suites, or the account; this trace has neither the handshake's steps nor the flags of the certificate check",
		near: []neighbour{
			{"T4", factConnected, 0, "server offline: it was connected"},
		},
		doNow:   []string{"compare on both machines: certlm.msc (trusted roots), and the protocols below SCHANNEL in the registry"},
		findOut: []string{"record again with WebIO and Schannel at level 5, all keywords", getSystem},
	},

	// What it passed on.
	{
		id: "HTTP-5xx", phases: []PhaseName{""}, all: factHeaders, see: []clue{viaModule}, unless: []clue{setByModule},
		title:   "the application answered {status}; {module} only handed that on",
		open:    "why it answered so: its own log knows",
		near:    []neighbour{{"T7", 0, 0, "time-out of the module: an answer came"}},
		findOut: []string{"the application's stdout log of {at} UTC (etwhy does not read it)"},
	},

	// It is not told who passed it on.
	{
		id: "NE", statuses: []string{"502.3"}, see: []clue{viaNobody}, codes: timerCodes, unsure: always,
		title:   "the part of IIS that passes requests on got no answer in time ({waited} in all)",
		open:    "what that was: ARR (then another server was slow), or the ASP.NET Core Module (then a program of this machine); no file here names it",
		findOut: []string{getConfig, getApplication, getFREB},
	},
	{
		id: "NE", statuses: []string{"502.3"}, see: []clue{viaNobody}, codes: noConnectCodes, unsure: always,
		title:   "the part of IIS that passes requests on got no connection (12029, after {waited})",
		open:    "what that was, ARR or the ASP.NET Core Module, and to which address: no file here names them",
		findOut: []string{getConfig, getApplication, getFREB},
	},
	{
		id: "NE", statuses: []string{"502.3"}, see: []clue{viaNobody}, unsure: always,
		title:   "the part of IIS that passes requests on failed{logCode}",
		open:    "what that was, ARR or the ASP.NET Core Module: no file here names it",
		findOut: []string{getConfig, getApplication, getFREB},
	},
})

// servedRules are for requests that came in to ASP.NET Core, or to Azure App Service.
var servedRules = slices.Concat(eitherSide, []rule{
	{
		id: "R4", statuses: []string{"500.1011", "500.1013"}, see: []clue{pipeEnded, alternating}, proof: []clue{pipeTold, alternating},
		title: "iisnode sent every second request down a pipe that Node had closed",
		near: []neighbour{
			{"R2", 0, 0, "a crash of Node: the next request finds it at work"},
			{"T7", 0, 0, "slow application: it was over within milliseconds"},
		},
		doNow:   []string{"let Node keep idle connections longer than iisnode does: server.keepAliveTimeout = 35000 (Node's default is 5 s), or set maxNamedPipePooledConnectionAge of the iisnode element below 5000"},
		findOut: []string{"the iisnode element of web.config, and the version of Node"},
	},
	{
		id: "R4", statuses: []string{"500.1011", "500.1013"}, see: []clue{pipeEnded}, unsure: always,
		title: "iisnode lost its pipe to Node",
		open:  "whether Node had closed it for being idle (after 5 s by default), or ended",
		near: []neighbour{
			{"T7", 0, 0, "slow application: the pipe ended first"},
		},
		doNow:   []string{"let Node keep idle connections longer than iisnode does: server.keepAliveTimeout = 35000, or set maxNamedPipePooledConnectionAge of the iisnode element below 5000"},
		findOut: []string{"the log of iisnode (folder iisnode below the site), and the IIS log for {span}: at which pace does it come"},
	},
	{
		id: "A1", see: []clue{platformLimit, platformStatus},
		title: "App Service's front end answered for the application after 230 s, its fixed limit",
		open:  "what the application made of it later: its own log tells",
		near: []neighbour{
			{"HTTP-5xx", 0, 0, "an answer of the application: the front end made it (500.121)"},
			{"T7", 0, 0, "requestTimeout of ASP.NET Core: that is 2 min by default, and 502.3"},
		},
		doNow:   []string{"let the request answer 202 at once and do the work from a queue (Durable Functions); the limit cannot be raised"},
		findOut: []string{platformLogs},
	},
	{
		id: "A1", see: []clue{platformLimit}, unsure: always,
		title:   "the answer took 230 s, the fixed limit of App Service's front end",
		open:    "whether the front end or the application answered {status}: the time is all that tells",
		doNow:   []string{"let the request answer 202 at once and do the work from a queue; the limit cannot be raised"},
		findOut: []string{platformLogs},
	},
	{
		id: "A3", statuses: []string{"500", "502", "503"}, see: []clue{onPlatform, processEnded}, unless: []clue{memoryShort, clientGone},
		title:   "the application's process ended at that time",
		open:    "what it died of, if the events do not tell; App Service's front end is not in these files",
		near:    []neighbour{{"A1", 0, 0, "limit of 230 s: it ended earlier"}},
		doNow:   []string{"put back the version of the application that ran"},
		findOut: []string{platformLogs, "in the portal: Diagnose and solve problems, collect a memory dump at the next crash"},
	},
	{
		id: "A2", statuses: []string{"500", "502", "503"}, see: []clue{onPlatform, memoryShort}, unsure: always,
		title:   "the application had run short of memory at that time",
		open:    "how much it had: the metrics of the plan tell, and are not here",
		near:    []neighbour{{"A1", 0, 0, "limit of 230 s: it ended earlier"}},
		doNow:   []string{"restart the application, or scale the plan up"},
		findOut: []string{"export from the portal for {span}: CPU time, memory working set, average response time, requests, Http 5xx"},
	},
	{
		id: "Q10", statuses: []string{"503.4"}, unless: []clue{onPlatform},
		title:   "every FastCGI process was busy, and their queue was full",
		open:    "what keeps them busy: slow scripts, or too few processes",
		near:    []neighbour{{"Q4", 0, 0, "queue of the pool full: that is QueueFull, and no worker process has the request"}},
		doNow:   []string{"find the slow scripts before allowing more; then raise maxInstances and queueLength of the fastCgi application in applicationHost.config"},
		findOut: []string{"on {machine}: appcmd list requests, and how many php-cgi.exe run", getConfig, "the error log of PHP"},
	},
	{
		id: "Q10", see: []clue{fastCGIFull},
		title:   "every FastCGI process was busy, and their queue was full",
		open:    "what keeps them busy: slow scripts, or too few processes",
		near:    []neighbour{{"Q4", 0, 0, "queue of the pool full: that is QueueFull, and no worker process has the request"}},
		doNow:   []string{"find the slow scripts before allowing more; then raise maxInstances and queueLength of the fastCgi application in applicationHost.config"},
		findOut: []string{"on {machine}: appcmd list requests, and how many php-cgi.exe run"},
	},
	{
		id: "Q16", see: []clue{ownHangSeen}, reasons: hangReasons, proof: []clue{ownHangSeen},
		title: "the worker process that had the request hung: {hang}",
		open:  "what its threads waited for: only a dump tells",
		near: []neighbour{
			{"R2", 0, 0, "a crash: WAS found it alive and silent"},
		},
		doNow:   []string{"recycle the pool: appcmd recycle apppool /apppool.name:{pool name}"},
		findOut: []string{"at the next hang, before it is ended: procdump -ma PID C:\\temp"},
	},
	{
		id: "Q16", see: []clue{hangSeen}, reasons: hangReasons,
		title: "the worker process of the pool hung: {hang}",
		open:  "what its threads waited for: only a dump tells",
		near: []neighbour{
			{"R2", 0, 0, "a crash: WAS found it alive and silent"},
		},
		doNow:   []string{"recycle the pool: appcmd recycle apppool /apppool.name:{pool name}"},
		findOut: []string{"at the next hang, before it is ended: procdump -ma PID C:\\temp"},
	},
})

// setterRules are for statuses of which the substatus tells who gives them, when nothing else tells more.
var setterRules = []rule{
	{
		id: "HTTP-5xx", phases: []PhaseName{""}, all: factHeaders, see: []clue{platformStatus}, unsure: always,
		title:   "{substatus} is what App Service's front end gives after 230 s without an answer{tookInstead}",
		open:    "why it came after another time",
		findOut: []string{platformLogs},
	},
	{
		id: "HTTP-5xx", phases: []PhaseName{""}, all: factHeaders, see: []clue{setterKnown},
		title:   "{setter} answered {substatus}: {meaning}{logCode}",
		open:    "what exactly it met: the log has no more than the number",
		near:    []neighbour{{"Q4", 0, 0, "refused by HTTP.sys: then no worker process logs the request"}},
		doNow:   []string{"look at the page on {machine} itself: there the error page says more"},
		findOut: []string{getFREB},
	},
	{
		id: "NE", phases: []PhaseName{""}, all: factHeaders, see: []clue{setterUnclear}, unsure: always,
		title:   "{substatus} has two meanings: {meaning}",
		open:    "which of them it was: no file here names the module",
		findOut: []string{getConfig, getFREB},
	},
}

// hangReasons are the words of HTTPERR, and of the trace, for requests that a worker process leaves behind.
var hangReasons = []string{"Connection_Abandoned_By_ReqQueue", "Connection_Abandoned_By_AppPool", "Timer_AppPool", "Timer_ReqQueue", "AppPoolTimer"}

// coreAloneRules are for saved error pages of which no other file has the request: what a page says of itself.
var coreAloneRules = []rule{
	{
		id: "K1", statuses: coreStatuses, see: []clue{viaModule},
		title:   "the page {file} says {answer}: the ASP.NET Core Module could not start the application{startError}",
		open:    "when that was, and why: a page has no time",
		doNow:   []string{"start the application by hand in the site's folder (the command is in web.config: processPath and arguments): the error shows at once"},
		findOut: []string{"from the server get Application.evtx and the IIS log of that time, put them in this folder and run again"},
	},
	{
		id: "T7", statuses: []string{"502.3"}, codes: timerCodes, see: []clue{viaModule}, unsure: always,
		title:   "the page {file} says {answer}, set by {maker}{coded}: it stopped waiting for the application",
		open:    "when that was, and how long it had waited: a page has no time",
		doNow:   []string{"if {page} is slow by nature, raise requestTimeout at the aspNetCore element of web.config (2 min by default)"},
		findOut: []string{"from the server get the IIS log, web.config and Failed Request Tracing of that time, put them in this folder and run again"},
	},
	{
		id: "C1", statuses: []string{"502.3"}, codes: noConnectCodes, see: []clue{viaModule}, unsure: always,
		title:   "the page {file} says {answer}, set by {maker}{coded}: the application took no connection",
		open:    "when that was, and whether its process had gone: a page has no time",
		doNow:   []string{"recycle the pool: the module starts the application anew"},
		findOut: []string{"from the server get the IIS log, Application.evtx and System.evtx of that time, put them in this folder and run again"},
	},
	{
		id: "Q11", statuses: []string{"503"}, codes: []Code{1255}, unsure: always,
		title:   "the page {file} says {answer}, set by {maker}{coded}: the application was shutting down",
		open:    "when that was, and what asked it to: a page has no time",
		findOut: []string{"from the server get the IIS log, System.evtx and Application.evtx of that time, put them in this folder and run again"},
	},
	{
		id: "NE", unsure: always,
		title:   "the page {file} says {answer}{coded}, made by {maker}, and no other file here has that request",
		open:    "when that was, and why",
		findOut: []string{"from the server get the IIS log, HTTPERR and the event logs of that time, put them in this folder and run again"},
	},
}
