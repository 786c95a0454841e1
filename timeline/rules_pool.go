package timeline

// Reasons against neighbours, and steps, that the rules on pools share.
var (
	startPool   = "start the pool: appcmd start apppool /apppool.name:{pool name}"
	mendFirst   = "{fix}, then " + startPool + " (starting it alone will end in the same stop)"
	nextCrash   = `if it crashes again, get a dump: procdump -e -ma -w w3wp.exe C:\temp`
	hangDump    = `when it hangs again, get a dump before it is ended: procdump -ma -w w3wp.exe C:\temp`
	whoChanged  = "who changed what on {machine} before {at}: applicationHost.config with inetpub\\history, and the event log Microsoft-Windows-IIS-Configuration/Operational"
	abandoned   = []string{"Connection_Abandoned_By_ReqQueue", "Connection_Abandoned_By_AppPool"}
	queueIsFull = neighbour{"Q4", 0, 0, "queue full: that is QueueFull"}
	notOffline  = neighbour{"Q1", 0, 0, "pool switched off: that is AppOffline or Disabled"}
)

// poolRules are for requests that came in, by what HTTPERR, the logs and the event logs of a server tell of its
// application pools. They come before what a trace or a log tells alone.
var poolRules = []rule{
	// The pool was off, and the event logs tell why.
	{
		id: "Q3", see: []clue{turnedAway, poolIdentity}, proof: []clue{turnedAway, identityOff},
		title:   "application pool {pool} cannot run{account trouble}",
		near:    []neighbour{{"Q1", 0, 0, "crashes: no worker process could be started"}},
		doNow:   []string{"{mend account}; then " + startPool},
		findOut: []string{"{get}"},
	},
	{
		id: "Q12", see: []clue{turnedAway, poolDisabled, moduleFailed}, proof: []clue{turnedAway, poolDisabled, moduleFailed, channelLost},
		title:   "IIS had switched off application pool {pool}: native module {module} does not load{bitness}",
		doNow:   []string{"repair or remove module {module} (appcmd list module; appcmd uninstall module), then " + startPool},
		findOut: []string{"{get}", "which of its own files the module misses: Process Monitor, or dumpbin /dependents; is it built for 32 or 64 bit, as the pool is"},
	},
	{
		id: "Q12", see: []clue{turnedAway, moduleFailed, channelLost},
		title:   "application pool {pool} was off: native module {module} does not load{bitness}",
		doNow:   []string{"repair or remove module {module} (appcmd list module; appcmd uninstall module), then " + startPool},
		findOut: []string{"{get}"},
	},
	{
		id: "Q12", see: []clue{turnedAway, moduleFailed}, unless: []clue{systemKnown},
		title:   "application pool {pool} was off, just after native module {module} could not be loaded{bitness}",
		open:    "whether IIS switched the pool off for that",
		doNow:   []string{"repair or remove module {module} (appcmd list module; appcmd uninstall module), then " + startPool},
		findOut: []string{"{get}"},
	},
	{
		id: "Q12", see: []clue{turnedAway, channelLost, severalPools}, unless: []clue{poolCrashed},
		title:   "application pool {pool} was off: {failed starts} of it could not listen, and those of other pools neither",
		open:    "which native module of the whole server it is, the usual reason: events 2280 and 2282 in the Application log name it",
		doNow:   []string{"remove the native module that was added or updated last (globalModules in applicationHost.config), restart WAS and W3SVC, then " + startPool},
		findOut: []string{"{get}", whoChanged},
	},
	{
		id: "Q12", see: []clue{turnedAway, channelLost}, unless: []clue{poolCrashed}, unsure: always,
		title:   "application pool {pool} was off: {failed starts} of it could not listen",
		open:    "whether a native module does not load, the usual reason: events 2280 and 2282 in the Application log tell",
		doNow:   []string{"look at the native modules that were added or updated last, then " + startPool},
		findOut: []string{"{get}", whoChanged},
	},
	{
		id: "Q13", see: []clue{turnedAway, poolDisabled, memoryLimit}, unless: []clue{poolCrashed, poolHung}, proof: []clue{turnedAway, poolDisabled, memoryLimit},
		title:   "IIS had switched off application pool {pool}, which had reached {memory limit} {times} times before",
		doNow:   []string{"raise the limit if the machine has the memory (0 = none): appcmd set apppool /apppool.name:{pool name} /recycling.periodicRestart.{memory setting}:0; then " + startPool},
		findOut: []string{"{get system}", "what fills the memory: a dump of the worker process when it is large"},
	},
	{
		id: "Q16", see: []clue{turnedAway, poolDisabled, poolHung}, unless: []clue{poolCrashed}, proof: []clue{turnedAway, poolDisabled, poolHung},
		title:   "IIS had switched off application pool {pool}, whose worker processes did not answer its pings",
		open:    "what they hang in",
		doNow:   []string{startPool},
		findOut: []string{"{get}", hangDump},
	},
	{
		id: "Q1", see: []clue{turnedAway, poolDisabled, poolCrashed}, proof: []clue{turnedAway, poolDisabled, poolCrashed},
		title:   "IIS had switched off application pool {pool} after {crashes}",
		doNow:   []string{mendFirst},
		findOut: []string{"{get}", nextCrash},
	},
	{
		id: "Q1", see: []clue{turnedAway, poolDisabled},
		title:   "IIS had switched off application pool {pool}: its worker processes had failed too often",
		open:    "why they failed",
		doNow:   []string{startPool + " (it may end in the same stop)"},
		findOut: []string{"{get}", nextCrash},
	},
	{
		id: "Q1", see: []clue{turnedAway, someCrashed}, reasons: []string{"AppOffline"}, unless: []clue{systemKnown},
		title:   "application pool {pool} was off, just after {crashes} of w3wp.exe",
		open:    "whether these were its processes, and IIS switched it off for that",
		doNow:   []string{mendFirst},
		findOut: []string{"{get}", nextCrash},
	},
	{
		id: "NE", see: []clue{turnedAway, poolStartOff},
		title:   "IIS had switched off application pool {pool}: no worker process of it could be started",
		open:    "why none could be started",
		doNow:   []string{startPool},
		findOut: []string{"{get}", "the account of the pool: appcmd list apppool {pool name} /text:processModel.identityType; may it log on here and read the site's files"},
	},
	{
		id: "Q7", reasons: []string{"AppShutdown"}, see: []clue{turnedAway, cpuLimit, cpuKills}, proof: []clue{turnedAway, cpuLimit, cpuKills},
		title:   "application pool {pool} was shut down at its limit of processor time ({cpu limit})",
		doNow:   []string{"raise the limit, or let it only slow the pool down: appcmd set apppool /apppool.name:{pool name} /cpu.action:Throttle; it starts again after the interval, or " + startPool},
		findOut: []string{"{get}", "which pages take the time: the IIS log for {span}, and a dump while the processor is busy"},
	},
	{
		id: "NE", reasons: []string{"AppShutdown"}, see: []clue{turnedAway, cpuLimit, cpuOpen},
		title:   "application pool {pool} was shut down after it had reached its limit of processor time",
		open:    "whether that shut it down: what its limit does (cpu action) is not in these files",
		doNow:   []string{startPool},
		findOut: []string{"get applicationHost.config of {machine}, put it in this folder and run again", "{get}"},
	},
	{
		id: "Q2", reasons: []string{"Disabled"}, see: []clue{turnedAway, byHand, systemKnown}, proof: []clue{turnedAway, byHand, systemKnown},
		title:   "application pool {pool} had been stopped by hand",
		open:    "who stopped it: no log of these names a person",
		near:    []neighbour{{"Q1", 0, 0, "switched off after crashes: WAS has no 5002 at that time"}},
		doNow:   []string{startPool + ", and appcmd set apppool /apppool.name:{pool name} /autoStart:true"},
		findOut: []string{whoChanged},
	},

	// It was off, and nothing tells why.
	{
		id: "NE", reasons: []string{"AppOffline", "Disabled", "AppShutdown"}, see: []clue{turnedAway, poolUnnamed},
		title:   "the application pool for port {port} was off ({reason})",
		open:    "which pool that is: HTTPERR names none; and why it was off",
		doNow:   []string{"on {machine}, see which pools are stopped, and start them: appcmd list apppool /state:Stopped"},
		findOut: []string{"applicationHost.config of {machine}: which pools there are", "{get}"},
	},
	{
		id: "NE", reasons: []string{"AppOffline"}, see: []clue{turnedAway},
		title:   "application pool {pool} was off",
		open:    "why it was off is not in these files",
		doNow:   []string{startPool},
		findOut: []string{"{get}", whoChanged},
	},
	{
		id: "NE", reasons: []string{"Disabled"}, see: []clue{turnedAway},
		title:   "application pool {pool} was stopped or disabled",
		open:    "who or what stopped it is not in these files",
		doNow:   []string{startPool},
		findOut: []string{"{get}", whoChanged},
	},
	{
		id: "NE", reasons: []string{"AppShutdown"}, see: []clue{turnedAway},
		title:   "application pool {pool} was shut down by a rule of its settings",
		open:    "which rule is not in these files",
		doNow:   []string{startPool},
		findOut: []string{"{get}", "the settings of the pool: appcmd list apppool {pool name} /text:*"},
	},

	// Nobody takes the requests for an address.
	{
		id: "Q8", reasons: []string{"N/A"}, seeAny: []clue{urlTaken, urlReserved}, unless: []clue{wasTold}, proof: []clue{turnedAway, urlTaken},
		title:   "{owner} has reserved {reserved}, and requests for port {port} no longer reach the site",
		near:    []neighbour{queueIsFull},
		doNow:   []string{"if nobody needs it, delete the reservation: netsh http delete urlacl url={reserved}"},
		findOut: []string{"{get system}", "which program made the reservation, and listens there: on {machine}, netsh http show servicestate"},
	},
	{
		id: "NE", reasons: []string{"N/A"}, see: []clue{turnedAway}, unsure: always,
		title:   "HTTP.sys had nobody to give the request to (N/A)",
		open:    "whether the binding of the site is missing, another program reserved the address, or memory was short",
		near:    []neighbour{queueIsFull, notOffline},
		findOut: []string{"on {machine}: netsh http show urlacl; netsh http show servicestate", "applicationHost.config of {machine}", "{get system}"},
	},

	// Too much at once.
	{
		id: "Q4", reasons: []string{"QueueFull"}, see: []clue{turnedAway, queueSlow}, proof: []clue{turnedAway, queueSlow},
		title:   "the queue of application pool {pool} was full{queue limit}: its answers had become slow",
		open:    "why they are slow",
		near:    []neighbour{notOffline},
		doNow:   []string{"find out what is slow before making the queue longer: a longer queue is a longer wait"},
		findOut: []string{"why {slow page} is slow: {slow count}, {slow time} in all, more than any other page", "while it lasts, on {machine}: appcmd list requests; a dump of w3wp.exe"},
	},
	{
		id: "Q5", statuses: []string{"503.2"},
		title:   "IIS had as many requests at once as it may have{request limit}",
		open:    "why so many are open at once: mostly some are slow",
		near:    []neighbour{{"Q4", 0, 0, "queue of the pool full: that is QueueFull in HTTPERR"}},
		doNow:   []string{"find the slow requests before raising serverRuntime/appConcurrentRequestLimit"},
		findOut: []string{"on this machine: appcmd list requests; the IIS log for {span}, by time-taken"},
	},
	{
		id: "Q6", statuses: []string{"503.3"},
		title:   "the queue of ASP.NET was full{asp limit}",
		open:    "why its threads are busy: mostly slow pages, or calls that they wait for",
		near:    []neighbour{{"Q4", 0, 0, "queue of the pool full: that is QueueFull in HTTPERR"}},
		doNow:   []string{"find the slow pages before raising httpRuntime/appRequestQueueLimit or, in integrated mode, requestQueueLimit"},
		findOut: []string{"on this machine: appcmd list requests; a dump of w3wp.exe; the IIS log for {span}"},
	},

	// A worker process let go of requests.
	{
		id: "R2", reasons: abandoned, see: []clue{workerDied}, proof: []clue{turnedAway, workerDied},
		title:   "the worker process of pool {pool} crashed with the request open",
		near:    []neighbour{{"R3", 0, 0, "recycling: WAS tells of a process that ended unexpectedly"}},
		doNow:   []string{"{fix}"},
		findOut: []string{"{get}", nextCrash},
	},
	{
		id: "R3", reasons: abandoned, see: []clue{workerNew}, proof: []clue{turnedAway, workerNew, workerForced},
		title:   "pool {pool} was recycled ({recycle}) with the request open",
		open:    "why the old process did not finish it first",
		near:    []neighbour{{"R2", 0, 0, "crash: the event logs tell of a recycle"}},
		doNow:   []string{"look at the pool's overlap (disallowOverlappingRotation) and shutdownTimeLimit; recycle when there is little to do"},
		findOut: []string{"{get}"},
	},
	{
		id: "Q16", reasons: abandoned, see: []clue{workerForced},
		title:   "the worker process of pool {pool} did not stop in time, and was ended with the request open",
		open:    "what it waited for",
		findOut: []string{"{get}", hangDump},
	},
	{
		id: "R2", reasons: abandoned, see: []clue{workerMayDie}, unless: []clue{systemKnown},
		title:   "the worker process of pool {pool} ended with the request open, when a w3wp.exe crashed",
		open:    "whether it was that process",
		doNow:   []string{"{fix}"},
		findOut: []string{"{get}", nextCrash},
	},

	// The client left.
	{
		id: "R7", as: Cancelled, see: []clue{leftQueued},
		title:   "the client {client} left before a worker process had taken its request",
		open:    "how long it had waited: compare with the time-out of the client or proxy in front",
		near:    []neighbour{notOffline},
		findOut: []string{"the log of {client} for {span}, and the slow requests of this machine at that time"},
	},
}

// aloneRules are for machines: what their files tell although no request of theirs shows it.
var aloneRules = []rule{
	{
		id: "Q3", seeAny: []clue{poolIdentity, identityOff},
		title:   "at {at} UTC application pool {pool} could not run{account trouble}",
		doNow:   []string{"{mend account}; then " + startPool},
		findOut: []string{"HTTPERR of {machine} for {span}: which requests were refused"},
	},
	{
		id: "Q12", see: []clue{poolDisabled, moduleFailed},
		title:   "at {at} UTC IIS switched off application pool {pool}: native module {module} does not load{bitness}",
		doNow:   []string{"repair or remove module {module} (appcmd list module; appcmd uninstall module), then " + startPool},
		findOut: []string{"HTTPERR of {machine} for {span}: which requests were refused"},
	},
	{
		id: "Q13", see: []clue{poolDisabled, memoryLimit}, unless: []clue{poolCrashed, poolHung},
		title:   "at {at} UTC IIS switched off application pool {pool}, which had reached {memory limit} {times} times before",
		doNow:   []string{"raise the limit if the machine has the memory (0 = none): appcmd set apppool /apppool.name:{pool name} /recycling.periodicRestart.{memory setting}:0; then " + startPool},
		findOut: []string{"HTTPERR of {machine} for {span}: which requests were refused"},
	},
	{
		id: "Q1", see: []clue{poolDisabled, poolCrashed},
		title:   "at {at} UTC IIS switched off application pool {pool} after {crashes}",
		doNow:   []string{mendFirst},
		findOut: []string{"HTTPERR of {machine} for {span}: which requests were refused", nextCrash},
	},
	{
		id: "NE", see: []clue{noKernelRoom},
		title:   "HTTP.sys refused {refused} on {machine}: less than 20 MB of kernel memory (nonpaged pool) was left",
		open:    "which driver or program holds the memory",
		findOut: []string{"on {machine}: poolmon by nonpaged bytes; handles by process in Task Manager"},
	},
	{
		id: "Q9", see: []clue{tooMany},
		title:   "HTTP.sys refused {limited} on {machine}: more than may be open at once",
		open:    "whether clients leave connections open, or there are that many",
		doNow:   []string{"count the connections by client before raising the limit (maxConnections of the site)"},
		findOut: []string{"on {machine}, while it lasts: netstat -ano"},
	},
	{
		id: "Q9", see: []clue{noHeaders}, unsure: always,
		title:   "{silent} brought {machine} no whole request in time",
		open:    "who opens them: scanners, health tests and address translation look alike",
		findOut: []string{"HTTPERR of {machine}: the c-ip column of the lines with Timer_HeaderWait"},
	},
}

// frontRules are for error pages that a tier in front of the servers made.
var frontRules = []rule{
	{
		id: "Q15", statuses: []string{"502", "503"}, see: []clue{frontAnswer}, unsure: always,
		title:   "the page {file} says {answer} and was made by {maker}: the servers' logs have no such answer",
		open:    "whether the page is of the time that the logs cover: a page has no time",
		doNow:   []string{"look at {maker} first, not at these servers"},
		findOut: []string{"the log of {maker} for that time: which server it asked, whether its health test failed, and which limit ran out"},
	},
}
