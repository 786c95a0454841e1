package timeline

// proxyRules are for requests that a proxy sent on, by what the files of both servers tell. They come before
// what the proxy's trace tells alone.
var proxyRules = []rule{
	{
		id: "PT1", phases: []PhaseName{""}, see: []clue{behindSame}, proof: []clue{behindSame},
		title: "{server} answered {status}, and the proxy handed it on",
		open:  "why the content server answered so: its files here do not tell",
		near: []neighbour{
			{"Q4", 0, 0, "refused by this machine: the status was made behind it"},
		},
		doNow:   []string{"look at {server} first, not at the proxy"},
		findOut: []string{"from {address} get HTTPERR, Failed Request Tracing, System.evtx and Application.evtx for {from} to {to} UTC, put them in this folder and run again"},
	},
	{
		id: "T1", phases: []PhaseName{PhaseReceive, ""}, codes: timerCodes, see: []clue{behindLater}, unless: []clue{behindQueued},
		proof: []clue{behindLater, behindGone},
		title: "{forwarder} stopped waiting after {waited}; the content server needed {took}",
		near: []neighbour{
			{"T4", 0, 0, "server down: it answered, too late"},
		},
		doNow:   []string{"if that is normal for this page, raise {timeout} above {took}; if not, find out why the page is slow"},
		findOut: []string{"is {took} normal for this page? where it went: etwhy timeline, and the server's own traces"},
	},
}
