package timeline

// Codes of WinHTTP, or of what it reports so, that rules share.
var (
	tunnelStatuses = []string{"101"}
	noServer       = []PhaseName{PhaseRoute}
	beforeAnswer   = []PhaseName{PhaseSend, PhaseReceive, ""}
	anyWait        = []PhaseName{PhaseSend, PhaseReceive, PhaseConnect, PhaseResolve, ""}
	brokenOrLogged = append([]Code{0}, brokenCodes...)
	endedEarly     = append([]Code{0, 12152, 13}, brokenCodes...) // by which an exchange ends before its time
	untold         = []PhaseName{""}
)

// Neighbours that many rules share.
var (
	notSlow        = neighbour{"T1", 0, 0, "slow page: no timer ran out"}
	notDown        = neighbour{"T4", 0, 0, "server down: it answered, too late"}
	notRouted      = neighbour{"T4", 0, 0, "server down: no connection was tried"}
	notItself      = neighbour{"Q4", 0, 0, "refused by this machine: the status was made behind it"}
	notByUser      = neighbour{"R8", 0, factCancelled | factClosedEarly, "cancelled by the caller: the end came from the other side"}
	notSwitchedOff = neighbour{"F1", 0, 0, "members switched off or failing their tests: the files do not say so"}
)

// proxyRules are for requests that a proxy or another client of WinHTTP sent on, by what the files of both servers
// tell. They come before what the trace tells alone.
var proxyRules = []rule{
	// The answer is the failure, and was made behind the proxy.
	{
		id: "PT1", phases: untold, all: factHeaders, see: []clue{behindSame}, proof: []clue{behindSame},
		title:  "{server} answered {status}, and the proxy handed it on",
		open:   "why the content server answered so: its files here do not tell",
		near:   []neighbour{notItself},
		doNow:  []string{"look at {server} first, not at the proxy"},
		behind: []Kind{KindHTTPERR, KindFREB, systemLog, applicationLog},
	},
	{
		id: "PT1", phases: untold, see: []clue{serverGave},
		title:  "the content server answered {status}, and {forwarder} handed it on",
		open:   "why the content server answered so: its files are not here",
		near:   []neighbour{notItself},
		doNow:  []string{"look at the content server first, not at the proxy: SERVER-STATUS in the proxy's log is its answer"},
		behind: []Kind{KindIISLog, KindHTTPERR, KindFREB, systemLog, applicationLog},
	},

	// No server to choose.
	{
		id: "F1", phases: noServer, see: []clue{memberSlots}, proof: []clue{memberSlots},
		title:   "{forwarder} had no server to choose: {members} switched off ({where})",
		open:    "who switched them off, and whether that was meant: the configuration does not say",
		near:    []neighbour{notRouted, {"F2", 0, 0, "state lost with the proxy's process: the configuration itself has them off"}},
		doNow:   []string{"switch the members on again: IIS Manager, Server Farms, Servers, Bring Server Online; or appcmd set config -section:webFarms /[name='{farmname}'].[address='{member}'].enabled:true /commit:apphost, and so for each"},
		findOut: []string{"who changed applicationHost.config, and when: inetpub\\history and the log Microsoft-IIS-Configuration/Operational of this machine"},
	},
	{
		id: "F1", phases: noServer, see: []clue{memberTests}, proof: []clue{memberTests},
		title: "{forwarder} had no server to choose: the health test of every member of {farm} failed ({testurl} {testresult})",
		open:  "why the test's page fails while the servers themselves may be well",
		near:  []neighbour{notRouted, {"F3", 0, 0, "taken out by live traffic: the tests themselves failed"}},
		doNow: []string{
			"bring back the page of the test on the members, or correct its URL ({testsource}); the members come back with the next test that passes",
			"Set Server as Healthy only hides a test that fails",
		},
		findOut: []string{"on this machine ask each member for the page of the test: Invoke-WebRequest {testurl}; what changed on the members before {at} UTC"},
	},
	{
		id: "F2", phases: noServer, see: []clue{farmForgot}, unless: []clue{memberSlots, memberTests, liveFailures}, proof: []clue{farmForgot, membersWell},
		title: "{forwarder} had no server to choose: its own worker process had gone at {lostat} UTC, and the state of the farm with it: {lost}",
		open:  "why the state of the farm did not come back with the new process",
		near: []neighbour{
			notRouted, notSwitchedOff,
			{"F3", 0, 0, "taken out by live traffic: no such failures came before"},
		},
		doNow: []string{
			"restart the Web Farm Service if there is one (net stop, net start), or mark the servers as available in IIS Manager",
			"keep the pool of the proxy from stopping: {never}",
		},
		findOut: []string{"the state of each server in IIS Manager, Server Farms, Servers, next time"},
	},
	{
		id: "F3", phases: noServer, see: []clue{liveFailures}, unless: []clue{memberSlots, memberTests},
		title: "{forwarder} had no server to choose: {failures} had ended in 502.3 within {period}, and each failure of live traffic counts against a member",
		open:  "which member was taken out when: ARR writes that nowhere",
		near: []neighbour{
			notRouted, notSwitchedOff,
			{"F2", 0, 0, "state lost with the proxy's process: failures of live traffic came before"},
		},
		doNow: []string{
			"look at the requests that failed before: they are the cause",
			"keep some members in whatever happens: appcmd set config -section:webFarms /[name='{farmname}'].applicationRequestRouting.healthCheck.minServers:1 /commit:apphost",
		},
		findOut: []string{"the findings on the requests that failed before: why was that"},
	},
	{
		id: "F3", phases: noServer, see: []clue{risingFailures}, unless: []clue{memberSlots, memberTests, farmForgot}, unsure: always,
		title:   "{forwarder} had no server to choose, after {failures} had ended in 502.3 within {period}",
		open:    "whether live traffic takes members out: the farm's settings are not here",
		near:    []neighbour{notRouted},
		doNow:   []string{"look at the requests that failed before: they may be the cause"},
		findOut: []string{"what the farm's healthCheck has for liveTrafficFailurePeriod and minServers"},
		here:    []Kind{systemLog, KindConfig},
	},
	{
		id: "NE", phases: noServer, unsure: always,
		title:   "{forwarder} had no server to choose, and why is not in these files",
		open:    "{state}: ARR writes that nowhere",
		near:    []neighbour{notRouted},
		doNow:   []string{"look at the state of the servers in IIS Manager, Server Farms, Servers"},
		findOut: []string{"{ask members}"},
		here:    []Kind{systemLog, KindConfig},
	},

	// Answers that the proxy handed on, and that are odd.
	{
		id: "F4", as: OK, statuses: []string{"400.605"}, see: []clue{fromARR},
		title:   "{forwarder} sent the request to itself again and again, until Max-Forwards was used up ({answer})",
		open:    "which rule sends it back to this machine",
		doNow:   []string{"give the rewrite rule a condition that leaves out what already came through this proxy, or correct the address of the farm's member"},
		findOut: []string{"from this machine add web.config, and Failed Request Tracing with the area Rewrite"},
		here:    []Kind{KindConfig},
	},
	{
		id: "P3", as: OK, statuses: []string{"400"}, see: []clue{otherAnswered, proxyIsSet, proxyUnknown},
		title:   "the outbound proxy {outbound} answered {status} in place of {member}: {forwarder} does not know of it and sent it a relative URL",
		open:    "whether the request has to go through that proxy at all",
		near:    []neighbour{{"PT1", 0, 0, "made by the content server: another server answered"}},
		doNow:   []string{"name the proxy in the farm's settings: appcmd set config -section:webFarms /[name='{farmname}'].applicationRequestRouting.protocol.proxy:{outbound} /commit:apphost; or let the members be reached directly: netsh winhttp set proxy with a bypass list"},
		findOut: []string{"on this machine: netsh winhttp show proxy; does the log of the member have the request"},
	},
	{
		id: "P3", as: OK, statuses: []string{"400"}, seeAny: []clue{otherAnswered}, unsure: always,
		title:   "another server than the member of the farm answered {status}: {outbound}",
		open:    "whether an outbound proxy between {forwarder} and the member objects to the relative URL",
		doNow:   []string{"if a proxy stands in between, name it in the farm's settings (protocol, attribute proxy)"},
		findOut: []string{"on this machine: netsh winhttp show proxy; does the log of the member have the request"},
	},
	{
		id: "W1", as: OK, statuses: tunnelStatuses, see: []clue{fromARR, tunnelPacked, tunnelShort},
		title: "the WebSocket was over after {lasted}: the two ends agreed on permessage-deflate, which ARR 3 does not carry",
		open:  "whether {forwarder} ended it: only packets show which side did",
		near:  []neighbour{{"W3", 0, 0, "idle limit of the proxy: it was over at once"}},
		doNow: []string{
			"switch compression of WebSocket messages off in the application, or let {forwarder} drop the offer: a rewrite rule that sets the server variable HTTP_SEC_WEBSOCKET_EXTENSIONS to nothing",
		},
		findOut: []string{"the same page without the proxy; packets on this machine: who sends the first FIN after the first frame"},
	},
	{
		id: "W3", as: OK, statuses: tunnelStatuses, see: []clue{fromARR, tunnelTimed}, unsure: always,
		title:   "the WebSocket was ended after {lasted}, which is {limitset}",
		open:    "whether nothing was sent for so long: the files do not have the frames",
		doNow:   []string{"let one side send a ping more often than that (pingInterval of webSocket, or of the application)"},
		findOut: []string{"do connections that are in use last longer than those that are idle"},
	},
	{
		id: "W2", statuses: []string{"502.5"}, see: []clue{fromARR},
		title:  "{forwarder} could not set up the WebSocket ({answer})",
		open:   "whether the WebSocket feature of this machine is missing, or the content server refused the switch",
		near:   []neighbour{{"K1", 0, 0, "ASP.NET Core did not start: the status was made by ARR"}},
		doNow:  []string{"install the WebSocket Protocol feature on this machine (Install-WindowsFeature Web-WebSockets), and see that webSocket is not switched off"},
		behind: []Kind{KindIISLog},
		here:   []Kind{KindFREB},
	},

	// Connecting.
	{
		id: "C3", phases: []PhaseName{PhaseConnect, ""}, codes: []Code{10048, 10055, 12029, 12002, codeConnTimeout, 0}, see: []clue{portsGone}, none: factSending, unsure: lost,
		proof: []clue{portsGone, frontTrace, frontAgrees},
		title: "this machine had no free port left for a connection to {server}",
		open:  "which program uses up the ports",
		near:  []neighbour{{"T4", 0, 0, "server offline: this machine itself had no port to come from"}, {"C1", 0, 0, "closed port: that is 10061"}},
		doNow: []string{"switch keep-alive on in the proxy, so that connections are used again; widen the range: netsh int ipv4 set dynamicport tcp start=10000 num=55000"},
		findOut: []string{
			"on this machine while it happens: netstat -ano, and netsh int ipv4 show dynamicport tcp; which PID has most, in which state",
		},
	},
	{
		id: "C3", phases: []PhaseName{PhaseConnect, ""}, codes: []Code{10048, 10055, 12029, 12002, codeConnTimeout, 0}, seeAny: []clue{portsChurn, portsScarce}, none: factSending, unsure: always,
		title:   "the connection to {server} could not be made, while this machine was short of ports for outgoing connections",
		open:    "whether the ports were really used up at that moment",
		near:    []neighbour{{"C1", 0, 0, "closed port: nothing tells that it was refused"}},
		doNow:   []string{"switch keep-alive on in the proxy, so that connections are used again; widen the range: netsh int ipv4 set dynamicport tcp start=10000 num=55000"},
		findOut: []string{"on this machine while it happens: netstat -ano, and netsh int ipv4 show dynamicport tcp"},
		here:    []Kind{systemLog},
	},
	{
		id: "C5", phases: []PhaseName{PhaseConnect, ""}, codes: []Code{10061, 1225, 12029}, see: []clue{bindTrouble}, none: factSending,
		title:   "{server} could not be connected to: HTTP.sys there could not listen on {binding}",
		open:    "what else holds the address, or whether the list of addresses to listen on leaves it out",
		near:    []neighbour{{"T4", 0, 0, "server offline: its event log goes on"}},
		doNow:   []string{"on {address}: netsh http show iplisten; netstat -ano: free the address, then restart the site"},
		findOut: []string{"{reach}"},
	},
	{
		id: "T4", phases: []PhaseName{PhaseConnect, ""}, codes: []Code{10060, codeTimeout, 12002, 12029, 121, 0}, see: []clue{serverDown}, none: factSending | factReused | factConnected | factPeerReset,
		proof: []clue{serverDown, frontTrace, frontAgrees},
		title: "nothing answered at {server}{others}: it was shut down at {downsince}",
		open:  "whether that was meant, and why the proxy went on sending requests there",
		near:  []neighbour{notSent, notRefused, wasFound, wasAddress},
		doNow: []string{"{retire}"},
		findOut: []string{
			"a health test for the farm takes a server out that is off: is there one (farm, Health Test)",
		},
	},

	// TLS.
	{
		id: "C6", phases: []PhaseName{PhaseTLS}, see: []clue{saidUnreachable}, any: established | factTLS, unsure: lost | factMixed, proof: []clue{confirmed},
		title: "the TLS handshake with {server} failed ({alert}), which WinHTTP of this Windows calls a failed connect (12029)",
		open:  "which of the two lacks the version or cipher suite that the other asks for; a server that changed its certificate may need other suites than before",
		near: []neighbour{
			wasConnected,
			{"T4", established, 0, "server offline: the TCP connection was made"},
			{"S1", 0, factCertificate, "the server's certificate: it was not turned down"},
		},
		doNow:   []string{"switch the same TLS version on at both ends (TLS 1.2), and suites that both have: for a certificate with an ECDSA key those that begin with TLS_ECDHE_ECDSA"},
		findOut: []string{"Get-TlsCipherSuite here and at {address}; what changed there: certificate, versions, suites"},
		behind:  []Kind{systemLog},
		here:    []Kind{systemLog},
	},
	{
		id: "C6", phases: untold, codes: []Code{12029}, see: []clue{saidUnreachable, tlsTold}, unsure: always,
		title:   "{server} could not be connected to (12029), and the event log has a failed TLS handshake of that moment ({alert})",
		open:    "whether the two belong together: the event does not name the connection",
		near:    []neighbour{{"C1", 0, 0, "closed port: nothing tells that it was refused"}},
		doNow:   []string{"switch the same TLS version on at both ends (TLS 1.2), and suites that both have"},
		findOut: []string{"record on this machine with WinHttp and WebIO at level 5: does TCP connect before the handshake fails"},
	},

	// The other end of the connection.
	{
		id: "R2", phases: beforeAnswer, codes: endedEarly, see: []clue{workerCrashed}, proof: []clue{workerCrashed, workerServed},
		title:   "the worker process of {server} ended while it had the request: {crash}",
		open:    "what made it end: a dump of the process tells",
		near:    []neighbour{notSlow, notByUser, {"R3", 0, 0, "recycle: it ended without being told to"}},
		doNow:   []string{"if it began with a deployment, go back to the version before"},
		findOut: []string{"on {address} get a dump of the next crash: procdump -e -ma -w w3wp.exe C:\\temp"},
		behind:  []Kind{applicationLog},
	},
	{
		id: "R3", phases: beforeAnswer, codes: endedEarly, see: []clue{workerRetired}, proof: []clue{workerRetired, workerServed},
		title:  "the worker process of {server} was retired and did not get done with the request: {recycle}",
		open:   "whether the request needs longer than the process is given to stop",
		near:   []neighbour{notSlow, {"R2", 0, 0, "crash: the end was ordered"}},
		doNow:  []string{"give the process more time (shutdownTimeLimit), let old and new overlap, and recycle when nobody is there"},
		behind: []Kind{systemLog, KindConfig},
	},
	{
		id: "R3", phases: beforeAnswer, codes: endedEarly, see: []clue{serverStopped},
		title:   "{server} was being shut down ({downsince}), and the connection ended with it",
		open:    "whether the shutdown was meant",
		near:    []neighbour{notSlow, {"R2", 0, 0, "crash: the whole machine went down"}},
		doNow:   []string{"take a server out of the farm, and let it drain, before it is shut down"},
		findOut: []string{"who asked for it: User32 1074 in System.evtx of {address}"},
		behind:  []Kind{systemLog},
	},
	{
		id: "R4", phases: beforeAnswer, codes: brokenOrLogged, all: factReused, see: []clue{idleRace}, any: factPeerClosed | factPeerReset, none: factBytes | factHeaders | factConnected,
		unsure: lost, proof: []clue{idleRace, idleClosed, frontAgrees},
		title: "{server} closed the connection, idle for {idle}, just as the next request went out on it",
		open:  "whether the server's idle limit is really that: its settings are not here",
		near: []neighbour{
			notSlow,
			{"R1", 0, 0, "closed by the page: the request had only just been sent"},
			notByUser,
		},
		doNow: []string{
			"let {server} keep idle connections for longer than {idle} (Node: server.keepAliveTimeout), longer than the proxy keeps them; or switch keep-alive off in the proxy for a test",
			"a GET is repeated by itself, a POST is not: let the caller repeat what may be repeated",
		},
		findOut: []string{"what {address} does with idle connections: its keep-alive time-out; packets on this machine: does its FIN cross the request"},
	},
	{
		id: "R4", phases: beforeAnswer, codes: brokenOrLogged, see: []clue{idleClosed}, none: factBytes | factHeaders | factConnected,
		unsure:  lost,
		title:   "HTTP.sys of {server} closed the connection for being idle, just as the next request went out on it",
		open:    "why the proxy keeps connections for longer than the server does",
		near:    []neighbour{notSlow, notByUser},
		doNow:   []string{"let {server} keep idle connections for longer (connectionTimeout of the site), or switch keep-alive off in the proxy for a test"},
		findOut: []string{"packets on this machine: does the server's FIN cross the request"},
	},
	{
		id: "R6", phases: []PhaseName{PhaseReceive, ""}, codes: endedEarly, all: factBytes, any: factPeerClosed | factPeerReset, see: []clue{behindWhole}, proof: []clue{behindWhole},
		title: "{server} sent its whole answer ({answersize}) and closed at once: WinHTTP threw away what it had not read yet",
		open:  "why the server resets the connection right after the answer",
		near: []neighbour{
			{"R1", factBytes, 0, "closed without an answer: the answer had come"},
			{"X1", 0, 0, "cut off: the server's own trace says that all of it was sent"},
			notSlow,
		},
		doNow:   []string{"let the server close later: keep the connection open after an answer (no Connection: close), or wait until the client has closed"},
		findOut: []string{"packets on this machine: is the answer complete before the reset"},
	},
	{
		id: "X1", phases: []PhaseName{PhaseReceive, ""}, codes: append([]Code{0, 12152, 13}, brokenCodes...), all: factBytes | factHeaders, see: []clue{behindDropped, leftDirect},
		proof: []clue{behindDropped, leftDirect, frontAgrees},
		title: "{server} broke off in the middle of its answer",
		open:  "what in the page ends the connection: an error while it writes, or a call such as Response.Close",
		near: []neighbour{
			notSlow,
			{"R1", factHeaders, 0, "closed without an answer: the header of the answer was there"},
			{"R2", 0, 0, "{no crash}"},
		},
		doNow:  []string{"look for an error of this page, or for a call that closes the connection before the answer is complete"},
		behind: []Kind{applicationLog, KindFREB},
	},
	{
		id: "R1", phases: beforeAnswer, codes: brokenOrLogged, all: factSent, see: []clue{leftDirect, workerReplaced}, seeAny: []clue{behindDropped, behindRan}, none: factBytes | factHeaders | factHeaderLimit,
		unsure: lost | factClosedEarly | factPartial,
		title:  "{server} took the request and closed the connection without an answer, while its worker process was being replaced",
		open:   "whether the page closed it, or the end of its process ({replaced}): a process that is replaced gets time to finish what it has",
		near: []neighbour{
			notSlow,
			{"C1", established, 0, "closed port: it was connected"},
			notByUser,
			{"R2", 0, 0, "{no crash}"},
		},
		doNow:   []string{"see whether it only happens when the pool is recycled; if not, look in the page for what ends the connection before it has answered"},
		findOut: []string{"when the old process ended: later events of WAS for the pool, and other requests that it had"},
		behind:  []Kind{systemLog, applicationLog},
	},
	{
		id: "R1", phases: beforeAnswer, codes: brokenOrLogged, all: factSent, see: []clue{leftDirect}, seeAny: []clue{behindDropped, behindRan}, none: factBytes | factHeaders | factHeaderLimit,
		unsure: lost | factClosedEarly | factPartial, proof: []clue{behindRan, behindDropped, leftDirect, frontTrace},
		title: "{server} took the request and closed the connection without an answer",
		open:  "what in the page closes it: a call such as Response.Close, or an abort of the request; no crash is in these files",
		near: []neighbour{
			notSlow,
			{"C1", established, 0, "closed port: it was connected"},
			notByUser,
			{"R2", 0, 0, "{no crash}"},
		},
		doNow:  []string{"look in the page for what ends the connection before it has answered"},
		behind: []Kind{systemLog, applicationLog},
	},
	{
		id: "R1", phases: []PhaseName{PhaseReceive, ""}, codes: []Code{12030}, see: []clue{behindDropped}, unless: []clue{frontTrace},
		title:   "the connection to {server} ended before any answer",
		open:    "which side ended it: the page, or something in between; HTTP.sys writes Connection_Dropped for both",
		near:    []neighbour{notSlow, {"C1", 0, 0, "closed port: the content server had the request"}},
		doNow:   []string{"send the request again"},
		findOut: []string{"record packets on both machines: who sends the first FIN or RST"},
		behind:  []Kind{systemLog, applicationLog},
	},

	// Time-outs.
	{
		id: "T2", phases: anyWait, codes: timerCodes, see: []clue{behindQueued, behindLeft}, proof: []clue{behindQueued, frontTrace, frontAgrees},
		title:   "{forwarder} stopped waiting after {waited}; until then the request lay in the queue of {queuename} at the content server",
		open:    "why no worker process took it: all threads were busy, or the process was starting",
		near:    []neighbour{{"T4", 0, 0, "server down: HTTP.sys there had the request"}, {"T1", 0, 0, "slow page: it had not begun"}},
		doNow:   []string{"on {address} look for what keeps the worker's threads busy; more time for the proxy does not help"},
		findOut: []string{"on {address}, while requests wait: appcmd list requests, and a dump of w3wp.exe"},
		behind:  []Kind{systemLog},
	},
	{
		id: "T8", phases: []PhaseName{PhaseReceive, ""}, codes: timerCodes, see: []clue{coldStart}, seeAny: []clue{behindLater, behindGone, rivalsLater}, proof: []clue{behindLater, behindGone, coldStart},
		title:   "{forwarder} stopped waiting after {waited} for the first request after a stop of the application, which needed {took}",
		open:    "what the start of the application spends its time on",
		near:    []neighbour{notDown},
		doNow:   []string{"start it before the first user comes: startMode AlwaysRunning for the pool, preloadEnabled for the application", "{raise}, if a start may take so long"},
		findOut: []string{"how long do the next requests for the page take"},
		behind:  []Kind{applicationLog},
	},
	{
		id: "T2", phases: anyWait, codes: timerCodes, see: []clue{behindLater, behindWaited}, proof: []clue{behindLater, behindGone},
		title:   "{forwarder} stopped waiting after {waited}; the content server needed {took}, {queued} of it in the queue before a worker took the request",
		open:    "why no worker process was free: all threads were busy, or the process was starting",
		near:    []neighbour{notDown, {"T1", 0, 0, "slow page: most of the time went by before the page began"}},
		doNow:   []string{"on {address} look for what keeps the worker's threads busy; more time for the proxy does not help"},
		findOut: []string{"from {address} get a dump of w3wp.exe while requests wait, and appcmd list requests"},
	},
	{
		id: "T9", phases: []PhaseName{PhaseSend, ""}, codes: timerCodes, see: []clue{expectWait, bodyHeld}, none: factBytes | factHeaders,
		title:   "the request waits for leave to send its body (Expect: 100-continue), and {forwarder} stopped waiting after {waited}",
		open:    "who holds back the interim answer 100",
		near:    []neighbour{{"T1", 0, 0, "slow page: it did not get the whole request"}},
		doNow:   []string{"let the client leave out Expect: 100-continue"},
		findOut: []string{"record packets on both machines: does an answer 100 come, and does it go on to the client"},
	},
	{
		id: "T1", phases: []PhaseName{PhaseReceive, ""}, codes: timerCodes, see: []clue{behindLater}, unless: []clue{behindQueued},
		proof: []clue{behindLater, behindGone},
		title: "{forwarder} stopped waiting after {waited}; the content server needed {took}",
		near:  []neighbour{notDown},
		doNow: []string{"if that is normal for this page, {raise}; if not, find out why the page is slow"},
		findOut: []string{
			"is {took} normal for this page? where it went: etwhy timeline, and the server's own traces",
		},
	},
	{
		id: "T1", phases: []PhaseName{PhaseReceive, ""}, codes: timerCodes, see: []clue{rivalsLater},
		title: "{forwarder} stopped waiting after {waited}; the content servers needed {rivals} for such requests",
		open:  "which of several requests at the content servers was this one: they have no id, and time and URL fit more than one",
		near:  []neighbour{notDown},
		doNow: []string{"if that is normal for this page, {raise}; if not, find out why the page is slow"},
		findOut: []string{
			"let the content servers log X-ARR-LOG-ID (ARR Helper, or a custom field of the log): then each can be told", "is that normal for this page",
		},
	},

	// The client left first. Whether it had reason to, how long the server takes else tells.
	{
		id: "R7", as: Cancelled, see: []clue{askerLeft, behindLater}, unsure: lost | factPartial,
		title:   "the client {client} left{after}; the content server had not answered by then, and needed {took}",
		open:    "whether the client was impatient or the page is slow",
		near:    []neighbour{{"T1", 0, 0, "time-out of the proxy: the client was gone before"}},
		doNow:   []string{"find out what the client's own limit is, or that of a balancer in front; if {took} is more than usual for this page, look at {server}"},
		findOut: []string{"is {took} normal for this page? where it went: the content server's own traces"},
	},
	{
		id: "R7", as: Cancelled, see: []clue{askerLeft}, unsure: lost | factPartial | factTimerNear,
		title:   "the client {client} left{after}{while}",
		open:    "why: its user left, or a limit of its own ran out; the wait says nothing of the server unless it is longer than usual",
		near:    []neighbour{{"T1", 0, 0, "time-out of the proxy: the client was gone before"}},
		doNow:   []string{"leave it out of the count of failures, unless many leave after the same time: then look at the limit of what stands in front"},
		findOut: []string{"had the server answered by then, and how long does the page take else"},
		behind:  []Kind{KindIISLog},
	},

	// HTTP/2, and answers that cannot be read.
	{
		id: "X4", phases: []PhaseName{PhaseSend, PhaseReceive, ""}, codes: []Code{12152, 13}, all: factFrames, sure: factOwnCert, unsure: lost,
		title: "{server} speaks HTTP/2 only, and WinHTTP of this Windows went back to HTTP/1.1 because it had a client certificate to show",
		open:  "whether another version of Windows offers HTTP/2 together with a client certificate",
		near: []neighbour{
			{"X3", 0, 0, "malformed answer: what came is a well-formed frame of HTTP/2"},
			{"X1", 0, 0, "cut off: nothing of an answer had come"},
			tlsWasDone,
		},
		doNow:   []string{"send these requests from a Windows whose WinHTTP can do both, or with a client library of its own HTTP/2; or log on to {host} with a token in place of the certificate"},
		findOut: []string{"on this machine: winver; is the option for HTTP/2 with client certificates there (WINHTTP_OPTION_HTTP2_PLUS_CLIENT_CERT)"},
	},
	{
		id: "X5", codes: []Code{12182, 12181},
		title:   "the header of the answer of {server} was too large for WinHTTP",
		open:    "which header grew: often cookies",
		near:    []neighbour{{"X3", 0, 0, "malformed answer: it was its size"}, notSlow},
		doNow:   []string{"raise maxResponseHeaderSize of the farm's or proxy's protocol (64 KB is the default), or let the page send less"},
		findOut: []string{"the size of the answer's headers, from {address} itself: curl -D - -o NUL"},
	},

	// Only the machine in front is known, and its files do not tell how far the request came.
	{
		id: "NE", phases: untold, codes: []Code{12002}, see: []clue{fromARR}, unless: []clue{frontTrace}, none: factText, unsure: always,
		title:   "{forwarder} gave up after {waited}; which of its four waits it was is not in these files",
		open:    "whether the name, the connection, the sending or the answer took so long: the proxy's log and Failed Request Tracing have one code for all",
		near:    []neighbour{{"C1", 0, 0, "closed port: that ends with 12029"}},
		doNow:   []string{"look at the content server at {at} UTC: does it run, and does this page take so long"},
		findOut: []string{"record a trace on this machine with WinHttp and WebIO at level 5: it tells the four apart"},
		behind:  serverFiles,
		here:    []Kind{KindConfig},
	},
	{
		id: "NE", phases: untold, codes: []Code{12029}, unless: []clue{frontTrace}, see: []clue{loopbackTarget}, none: factText, unsure: always,
		title:   "no connection to {target} could be made within {waited}; why is not in these files",
		open:    "whether nobody listens there, or only on the other of 127.0.0.1 and [::1]; a refused connection is given up after about 2 s for each address",
		near:    []neighbour{{"T1", 0, 0, "slow page: nothing was sent"}},
		doNow:   []string{"on this machine: netstat -ano: does the program listen on that port, and on which address; name 127.0.0.1 in the rule in place of localhost"},
		findOut: []string{"record a trace with WinHttp and WebIO at level 5: it has the error of the socket (10061 refused, 10060 no answer)"},
	},
	{
		id: "NE", phases: untold, codes: []Code{12029}, unless: []clue{frontTrace}, none: factText, unsure: always,
		title:   "{server} could not be connected to ({waited}); why is not in these files",
		open:    "whether the port is closed, the server is off, a TLS handshake failed or this machine had no port left: 12029 stands for all of them",
		near:    []neighbour{{"T1", 0, 0, "slow page: nothing was sent"}},
		doNow:   []string{"{reach}"},
		findOut: []string{"record a trace on this machine with WinHttp and WebIO at level 5: it has the error of the socket"},
		here:    []Kind{systemLog},
	},
	{
		id: "NE", phases: untold, codes: []Code{12030}, unless: []clue{frontTrace}, none: factText, unsure: always,
		title:   "the connection to {server} broke off after {waited}; who ended it is not in these files",
		open:    "whether the page, a crash or recycle, an idle limit or something in between ended it",
		near:    []neighbour{notSlow},
		doNow:   []string{"send the request again; if it is the first one after a pause that fails, let the proxy keep connections idle for a shorter time than the server"},
		findOut: []string{"record a trace on this machine with WinHttp and WebIO at level 5"},
		behind:  []Kind{KindHTTPERR, systemLog, applicationLog, KindFREB},
	},
	{
		id: "NE", phases: untold, codes: []Code{12152}, unless: []clue{frontTrace}, none: factText, unsure: always,
		title:   "what {server} answered could not be read as HTTP, or broke off; which of the two is not in these files",
		open:    "what the answer looks like: the files here have none of it",
		near:    []neighbour{notSlow},
		doNow:   []string{"ask {server} for the page without the proxy, and look at the headers"},
		findOut: []string{"record a trace on this machine with WebIO at level 5"},
		behind:  []Kind{KindHTTPERR, KindFREB},
	},
	{
		id: "NE", phases: untold, see: []clue{serverSilent}, unless: []clue{frontTrace}, codes: []Code{0}, none: factText, unsure: always,
		title:   "{forwarder} itself answered {status}: no server had given it an answer",
		open:    "why: {unlogged}",
		near:    []neighbour{{"HTTP-5xx", 0, 0, "answer of the server: the log has no status that one gave (SERVER-STATUS)"}},
		doNow:   []string{"look at this machine and at the way from it to the content servers at {at} UTC, not at the page"},
		findOut: []string{"{log more}"},
		here:    []Kind{KindFREB, KindConfig, systemLog},
	},
}

// proxyAloneRules are for machines of which no request tells that their ports were used up.
var proxyAloneRules = []rule{
	{
		id: "C3", see: []clue{portsGone}, proof: []clue{portsGone, portsScarce},
		title:   "this machine had no free port left for outgoing connections at {portsat} UTC",
		open:    "which program uses up the ports, and which requests failed for it: none of them is in these files",
		doNow:   []string{"let the programs of this machine use connections again (keep-alive); widen the range: netsh int ipv4 set dynamicport tcp start=10000 num=55000"},
		findOut: []string{"while it happens: netstat -ano, and netsh int ipv4 show dynamicport tcp; which PID has most, in which state"},
	},
	{
		id: "C3", seeAny: []clue{portsScarce}, unsure: always,
		title:   "nearly all of the {range} ports for outgoing connections were taken: {timewait} connections in TIME_WAIT, {established} open",
		open:    "whether a connection failed for it: no request is in these files",
		doNow:   []string{"let the programs of this machine use connections again (keep-alive); widen the range: netsh int ipv4 set dynamicport tcp start=10000 num=55000"},
		findOut: []string{"record a trace with WinHttp and WebIO at level 5 while it happens"},
		here:    []Kind{systemLog},
	},
	{
		id: "C3", seeAny: []clue{portsChurn}, unsure: always,
		title:   "ports for outgoing connections were used again too soon at {portsat} UTC: this machine may run short of them",
		open:    "whether a connection failed for it: no request is in these files",
		doNow:   []string{"let the programs of this machine use connections again (keep-alive)"},
		findOut: []string{"while it happens: netstat -ano, and netsh int ipv4 show dynamicport tcp"},
	},
	{
		id: "NE", see: []clue{portsFree}, unsure: always,
		title:   "ports for outgoing connections were not used up when netstat ran: {taken} of {range}, {closewait} of them in CLOSE_WAIT",
		open:    "why connections fail, if they do: no request is in these files. CLOSE_WAIT means that the other end has closed and the program here has not",
		doNow:   []string{"find the program that leaves connections in CLOSE_WAIT: netstat -ano names its PID"},
		findOut: []string{"netstat -ano again while it happens, and a trace with WinHttp and WebIO at level 5"},
		here:    []Kind{systemLog},
	},
}
