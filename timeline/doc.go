// Package timeline makes HTTP requests of what the files of an incident tell, and says why those that failed did.
//
//	a trace:   WebIO, WinHttp ─┐
//	           TCPIP, DNS, TLS ─┼─► exchange ─► leg ─► Request ─┐
//	           HttpService ─────┘   by handle, activity,        │
//	           WinHTTP's text       address                     ├─► join ─► scene ─► rules ─► Verdict
//	FREB, IIS log, HTTPERR ─────────────────────────► Request ──┘     │       ▲               a claim with
//	event logs ─► occurrences ──────────────────────────────────► Machine ────┘ clues         its evidence
//	configuration, console texts, counters, pages ──────────────────┘
//
// A [Builder] takes the inputs, each through a [Session] of its own: events of a trace in time order, the typed entries
// of all other files. A request of a trace leaves as soon as it is closed; what is kept of it is small, so that hundreds
// of thousands fit in memory. What logs have beyond that is counted, see [Tally].
//
// [Builder.Finish] finds out which files are of the same machine ([Machine]), and joins what is of the same exchange: the
// witnesses at one machine, the two halves of a proxied request, and what the server behind the proxy saw of it. What an id
// or an address with its port proves comes first; where only URL and time speak, exactly one candidate has to fit. Clocks
// of machines are compared by the exchanges that both saw. Verdicts come last.
//
// A verdict is that of the first rule that fits. Rules are data: they ask for facts (bits that the events of a trace set)
// and for clues (what lookers found in the files around a request, in words). Silence of a file counts only where it covers
// the time.
//
// The phase of a request is where its work stopped, not the call that reported it: on Windows 7 a server that is off shows
// up at WinHttpReceiveResponse. The error is the raw code at that place, never the effect of a cancellation.
//
// The schemas of WebIO have not been proven on real traces, and one file is one witness: a verdict that rests on one file
// alone is likely at the most. Certain takes two that are independent of each other and agree. Loss, contradicting witnesses
// and mere elapsed time make it less.
package timeline
