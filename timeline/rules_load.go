package timeline

// loadRules are for requests at a machine that performance counters show to be at its limit. Whatever names a cause of
// its own comes before them.
var loadRules = []rule{
	{
		id: "A2", statuses: []string{"500", "502", "503"}, see: []clue{onPlatform, processorBusy}, unsure: always,
		title:   "{load}: the plan had no processor time left",
		open:    "what used it: this application, or another one of the plan",
		near:    []neighbour{{"A1", 0, 0, "limit of 230 s: it ended earlier"}},
		doNow:   []string{"scale the plan up or out"},
		findOut: []string{"export from the portal for {span}: CPU time, average response time, requests, Http 5xx of each application of the plan"},
	},
}
