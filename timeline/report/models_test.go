package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// The models of the tests: what a timeline would hand over, made by hand.

var tool = Tool{"etwhy", "v0.0.0-test"}

// at returns a time of day of 22 July 2011.
func at(clock string) etl.Time {
	t, err := time.Parse("2006-01-02 15:04:05.999999999", "2011-07-22 "+clock)
	if err != nil {
		panic(err)
	}
	return etl.FromTime(t)
}

func ms(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }

// traceLog is an input of an ARR server two hours ahead of UTC.
func traceLog(path string, start, end etl.Time) Input {
	undecoded := 0
	return Input{
		Path: path, Kind: "etl", Size: 43_210_987, SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		Start: start, End: end,
		Log: &Log{
			Header: etl.Header{
				Major: 10, Build: 20348, Processors: 8, PointerSize: 8, Clock: etl.ClockQPC,
				Bias: -2 * time.Hour, BuffersWritten: 700, BufferSize: 65536, MaximumFileSize: 2048,
			},
			Compression: etl.XPRESS,
			Records:     [etl.Kinds]int{etl.KindEvent: 812410, etl.KindClassic: 311, etl.KindKernel: 2048},
			Undecoded:   &undecoded,
			Providers: []Provider{
				{etl.MustParseGUID("2f07e2ee-15db-40f1-90ef-9d7ba282188a"), "Microsoft-Windows-TCPIP", 611020},
				{etl.MustParseGUID("50b3e73c-9370-461d-bb9f-26f32d68887d"), "Microsoft-Windows-WebIO", 201390},
				{etl.MustParseGUID("11111111-2222-3333-4444-555555555555"), "", 2359},
			},
		},
	}
}

// analysis is a result about one trace.
func analysis(requests ...*timeline.Request) *Analysis {
	start, end := at("12:25:58"), at("12:33:40.25")
	for i, r := range requests {
		r.ID = fmt.Sprintf("r%d", i+1)
	}
	return &Analysis{
		Tool:      tool,
		Inputs:    []Input{traceLog("case/net.etl", start, end)},
		Selection: timeline.Selection{Requests: requests},
		Traces:    []timeline.InputResult{{Path: "case/net.etl", First: start, Last: end}},
	}
}

// answered is a client-side request that went well.
func answered(start etl.Time, server, url string, wait time.Duration) *timeline.Request {
	step := start.Add(ms(1))
	first := step.Add(ms(1)).Add(wait)
	return &timeline.Request{
		Side: timeline.Client, PID: 1432, Process: "w3wp.exe", AppPool: "ARRPool",
		Method: "GET", URL: url, Host: "192.168.0.216", Server: server,
		Start: start, End: first.Add(ms(2)), Status: 200, Outcome: timeline.OK,
		Phases: []timeline.Phase{
			{Name: timeline.PhaseConnect, Detail: server, Start: start, End: step, Outcome: timeline.OK},
			{Name: timeline.PhaseSend, Start: step, End: step.Add(ms(1)), Outcome: timeline.OK},
			{Name: timeline.PhaseReceive, Detail: "headers", Start: step.Add(ms(1)), End: first, Outcome: timeline.OK},
			{Name: timeline.PhaseReceive, Detail: "body", Start: first, End: first.Add(ms(2)), Outcome: timeline.OK},
		},
		Attempts:   []timeline.Attempt{{URL: url, Status: 200, Start: start}},
		Connection: &timeline.Connection{Local: "10.0.0.5:50001", Remote: server, Opened: step},
	}
}

// many returns n requests that went well, to a server.
func many(n int, server string) []*timeline.Request {
	out := make([]*timeline.Request, n)
	for i := range out {
		url := fmt.Sprintf("http://%s/page%d?id=%d", server, i%7, i)
		out[i] = answered(at("12:26:01").Add(time.Duration(i)*ms(1700)), server, url, ms(float64(20+i*i%2100)))
	}
	return out
}

// receiveTimeout is the 30 s case of the guide.
func receiveTimeout(start etl.Time) *timeline.Request {
	const server, url = "192.168.0.216:80", "http://192.168.0.216/time/"
	send := start.Add(ms(1))
	wait := send.Add(ms(1))
	end := wait.Add(30 * time.Second)
	return &timeline.Request{
		Side: timeline.Client, PID: 1432, Process: "w3wp.exe", AppPool: "ARRPool",
		Method: "GET", URL: url, Host: "192.168.0.216", Server: server,
		Start: start, End: end, Outcome: timeline.Failed, Phase: timeline.PhaseReceive,
		Error: 1460, WinHTTP: timeline.WinHTTPCode{Code: 12002, From: timeline.FromTrace},
		Phases: []timeline.Phase{
			{Name: timeline.PhaseConnect, Detail: server, Start: start, End: send, Outcome: timeline.OK},
			{Name: timeline.PhaseSend, Start: send, End: wait, Outcome: timeline.OK},
			{Name: timeline.PhaseReceive, Detail: "headers", Start: wait, End: end, Outcome: timeline.Failed, Error: 1460},
		},
		Attempts:   []timeline.Attempt{{URL: url, Start: start, Error: 1460}},
		Timer:      &timeline.Timer{Name: "receive", Limit: 30 * time.Second, Source: timeline.TimerTrace},
		Connection: &timeline.Connection{Local: "10.0.0.5:50001", Remote: server, Opened: send},
		LogID:      "dbf06c50-adb0-4141-8c04-20bc2f193a61",
		Verdict: &timeline.Verdict{
			ID: "T1", Title: "192.168.0.216 sent no answer within 30 s", Confidence: timeline.Likely,
			Evidence: []timeline.Evidence{
				{Input: 0, Time: start, Text: "WebIO 200 connecting to 192.168.0.216:80"},
				{Input: 0, Time: send, Text: "WebIO 201 connected", Key: true},
				{Input: 0, Time: wait, Text: "WebIO 214 sent 412 bytes, the whole request", Key: true},
				{Input: 0, Time: wait, Text: "no byte came back", Key: true},
				{Input: 0, Time: end, Text: "WebIO 134 WebIO gave up on the request: 1460 ERROR_TIMEOUT", Key: true},
				{Input: 0, Time: end, Text: "WebIO 30 closed"},
			},
			Open:    "whether the page is slow, the request is stuck in the server's queue, or the answer was lost on the way",
			Context: []string{"40 other requests to the same server were answered, slowest 2.1 s, all for other pages."},
			DoNow:   []string{"only if the page is known to be slow, raise the time-out of the proxy's farm"},
			FindOut: []string{"from 192.168.0.216 get the IIS log, HTTPERR and Failed Request Tracing for 12:30 to 12:34 UTC, put them in this folder and run again"},
			Rejected: []timeline.Rejection{
				{ID: "C1", Why: "closed port or server down: it was connected"},
				{ID: "N1", Why: "name lookup: none was needed, or it was known"},
				{ID: "S5", Why: "TLS: no handshake in this request"},
			},
		},
	}
}

// connectTimeout is the case of the content server that is off.
func connectTimeout(start etl.Time, server string) *timeline.Request {
	url := "http://" + server + "/time/"
	end := start.Add(21 * time.Second)
	return &timeline.Request{
		Side: timeline.Client, PID: 1432, Process: "w3wp.exe", AppPool: "ARRPool",
		Method: "GET", URL: url, Host: server, Server: server,
		Start: start, End: end, Outcome: timeline.Failed, Phase: timeline.PhaseConnect,
		Error: 10060, WinHTTP: timeline.WinHTTPCode{Code: 12002, From: timeline.FromTable},
		Phases: []timeline.Phase{
			{Name: timeline.PhaseConnect, Detail: server, Start: start, End: end, Outcome: timeline.Failed, Error: 10060},
		},
		Attempts: []timeline.Attempt{{URL: url, Start: start, Error: 10060}},
		Verdict: &timeline.Verdict{
			ID: "T4", Title: "nothing answered at " + server, Confidence: timeline.Likely,
			Evidence: []timeline.Evidence{
				{Input: 0, Time: start, Text: "WebIO 200 connecting to " + server, Key: true},
				{Input: 0, Time: start.Add(3 * time.Second), Text: "TCPIP 1186 connection attempt sent again", Key: true},
				{Input: 0, Time: end, Text: "WebIO 202 connect failed: 10060 WSAETIMEDOUT", Key: true},
				{Input: 0, Time: end, Text: "WebIO 30 closed"},
			},
			Open:     "whether the machine is off, the address is wrong, or a firewall in between is silent",
			Context:  []string{"The error shows up at WinHttpReceiveResponse, but nothing was ever sent.", "3 connection attempts were sent, none was answered."},
			DoNow:    []string{"take 192.168.0.216 out of the farm until it answers"},
			FindOut:  []string{"on this machine: Test-NetConnection 192.168.0.216 -Port 80", "is the host up and the port silent: a firewall in between; is the host silent: power, network, address"},
			Rejected: []timeline.Rejection{{ID: "T1", Why: "slow page: the request was never sent"}, {ID: "C1", Why: "closed port: nothing refused the connection (that is 10061)"}, {ID: "N1", Why: "name lookup: none was needed, or it was known"}},
		},
	}
}

// refused is a failure of a third kind.
func refused(start etl.Time, server string) *timeline.Request {
	r := connectTimeout(start, server)
	r.End = start.Add(2 * time.Second)
	r.Error, r.WinHTTP.Code = 10061, 12029
	r.Phases[0].End, r.Phases[0].Error = r.End, 10061
	r.Attempts[0].Error = 10061
	r.Verdict.ID, r.Verdict.Title = "C1", server+" refused the connection"
	r.Verdict.DoNow = []string{"start the service or site at " + server + ", or correct the port in the farm"}
	return r
}

// served is a request at HTTP.sys.
func served(start etl.Time, status int) *timeline.Request {
	a, b, c := start.Add(ms(0.1)), start.Add(ms(0.3)), start.Add(ms(7))
	return &timeline.Request{
		Side: timeline.Server, PID: 4400, Process: "w3wp.exe", AppPool: "DefaultAppPool", Queue: "DefaultAppPool",
		Method: "GET", URL: "http://localhost:80/welcome.png", Host: "localhost", Server: "127.0.0.1:80", Client: "127.0.0.1:51210",
		Start: start, End: c.Add(ms(1)), Status: status, Outcome: timeline.OK,
		Phases: []timeline.Phase{
			{Name: timeline.PhaseReceive, Start: start, End: a, Outcome: timeline.OK},
			{Name: timeline.PhaseQueue, Start: a, End: b, Outcome: timeline.OK},
			{Name: timeline.PhaseProcess, Start: b, End: c, Outcome: timeline.OK},
			{Name: timeline.PhaseSend, Start: c, End: c.Add(ms(1)), Outcome: timeline.OK},
		},
	}
}

// silentWorker is a trace in which only programs other than the worker process sent requests.
func silentWorker() *Analysis {
	a := analysis()
	for range 4 {
		r := refused(at("12:30:00"), "93.184.216.34:80")
		r.PID, r.Process, r.AppPool, r.Traffic = 900, "svchost.exe", "", timeline.Background
		a.Aside = append(a.Aside, r)
	}
	silent := timeline.Finding{
		ID: timeline.FindSilent, Severity: timeline.Blind,
		Title: "w3wp.exe (PID 4120, pool Shop) sent nothing through WinHTTP while the trace ran; other processes did.",
		Text: []string{"Either it sent no request in this time, or it does not use WinHTTP: ASP.NET Core in-process, " +
			".NET's HttpClient, YARP and HttpWebRequest have their own ways."},
		FindOut: []string{"For such a process: its own log, and the packets of the trace."},
	}
	a.Traces[0].Health = timeline.Health{Events: 900, Findings: []timeline.Finding{silent}}
	return a
}

// models returns each model anew: writers mask in place.
var models = map[string]func() *Analysis{
	"receive-timeout": func() *Analysis {
		return analysis(append(many(40, "192.168.0.216:80"), receiveTimeout(at("12:31:52.9")))...)
	},
	"receive-timeout-alone": func() *Analysis { return analysis(receiveTimeout(at("12:31:52.9"))) },
	"connect-timeout": func() *Analysis {
		list := append(many(39, "192.168.0.217:80"),
			connectTimeout(at("12:26:18.704"), "192.168.0.216:80"), connectTimeout(at("12:26:40"), "192.168.0.216:80"))
		return analysis(list...)
	},
	"healthy": func() *Analysis {
		list := append(many(208, "10.0.0.11:80"), many(204, "10.0.0.12:80")...)
		for i, r := range list {
			if i%2 == 0 {
				r.PID, r.AppPool = 1444, "Shop"
			}
			if i%70 == 0 {
				r.Status = 404
			}
		}
		again := list[300]
		again.Restarts = 1
		again.Attempts = append([]timeline.Attempt{{URL: again.URL, Start: again.Start, Error: 10054}}, again.Attempts...)
		a := analysis(list...)
		for range 6 {
			r := connectTimeout(at("12:30:00"), "93.184.216.34:80")
			r.PID, r.Process, r.AppPool, r.Traffic = 900, "svchost.exe", "", timeline.Background
			a.Aside = append(a.Aside, r)
		}
		return a
	},
	"no-webio": func() *Analysis {
		a := analysis()
		a.Traces[0].Health = timeline.Health{Events: 812410, Findings: []timeline.Finding{{
			ID: timeline.FindNoWinHTTP, Severity: timeline.Blind,
			Title: "This trace cannot tell why a request failed: it has no WinHTTP and no WebIO events.",
			Text: []string{
				"It runs 12:25:58 to 12:33:40 UTC (7 min 42 s), Windows build 20348, 812,410 events, none lost.",
				"In it: TCPIP 611,020, Winsock-AFD 140,882, packets 57,388, DNS-Client 3,120. WebIO 0, WinHttp 0.",
				"Not one process has such events, so they were not switched on. (A process that does not use WinHTTP, such as ASP.NET Core in-process or .NET's HttpClient, would be missing alone.)",
				"Still to be seen: w3wp.exe (PID 4120) tried 10.0.0.12:80 2 times from 12:31:31: without any reply (TCPIP 1045).",
			},
			DoNow: []string{"Record again on the server that sends the requests, as administrator: start, repeat the failure, wait 2 minutes, stop."},
			Commands: []string{
				`netsh trace start capture=yes maxsize=2048 tracefile=C:\temp\net.etl provider=Microsoft-Windows-WinHttp level=5 provider=Microsoft-Windows-WebIO level=5 provider=Microsoft-Windows-TCPIP level=4`,
				`netsh trace stop`,
			},
			FindOut: []string{"Meanwhile: the IIS log of the proxy (column sc-win32-status) and its failed request tracing may tell already. Put them into the same folder."},
			Warning: "Such a trace holds cookies, passwords and page content in clear. Pass on the report, not the trace.",
		}}}
		return a
	},
	"three-ways": func() *Analysis {
		var list []*timeline.Request
		for i := range 10_000 {
			start := at("12:26:00").Add(time.Duration(i) * ms(45))
			switch {
			case i%10 < 6:
				list = append(list, receiveTimeout(start))
			case i%10 < 9:
				list = append(list, connectTimeout(start, "192.168.0.217:80"))
			default:
				list = append(list, refused(start, "192.168.0.218:8080"))
			}
		}
		a := analysis(append(list, many(2431, "192.168.0.216:80")...)...)
		a.Inputs[0].Log.Loss = etl.Loss{EventsLost: 41}
		a.Traces[0].Health.Findings = []timeline.Finding{{
			ID: timeline.FindLoss, Severity: timeline.Doubt,
			Title:    "Windows could not keep up: 41 events of this trace were lost, and one of them may be what is looked for.",
			DoNow:    []string{"Record again with fewer providers (without capture=yes, for one), or for a shorter time."},
			Commands: []string{"netsh trace start maxsize=2048 tracefile=C:\\temp\\net.etl provider=Microsoft-Windows-WinHttp level=5", "netsh trace stop"},
		}}
		return a
	},
	"many-ways": func() *Analysis {
		var list []*timeline.Request
		for i := range 10_000 {
			list = append(list, connectTimeout(at("12:26:00"), fmt.Sprintf("10.1.%d.%d:80", i/200, i%200)))
		}
		a := analysis(list...)
		a.Inputs[0].Log.Anomalies = []etl.Anomaly{{Kind: etl.CutBuffer, Offset: 0x2a0000, Detail: "the file ends 300 bytes into a buffer of 65536"}}
		for i := range 30 {
			a.Inputs = append(a.Inputs, Input{Path: fmt.Sprintf("case/broken%d.etl", i), Kind: "etl", Size: 100, Error: "not an event trace log: the first record is no log header"})
		}
		return a
	},
	"ten-ways": func() *Analysis {
		var list []*timeline.Request
		for i := range 10_000 {
			r := receiveTimeout(at("12:26:00").Add(time.Duration(i) * ms(40)))
			r.Error = timeline.Code(10050 + i%10)
			r.Phases[2].Error = r.Error
			r.Verdict.ID, r.Verdict.Title = fmt.Sprintf("X%d", i%10), fmt.Sprintf("192.168.0.216 let it down in way %d of 10", i%10+1)
			list = append(list, r)
		}
		return analysis(list...)
	},
	"ten-ways-of-leaving": func() *Analysis {
		var list []*timeline.Request
		for i := range 100 {
			r := receiveTimeout(at("12:26:00").Add(time.Duration(i) * ms(40)))
			r.Outcome, r.Error, r.WinHTTP, r.Timer = timeline.Cancelled, timeline.Code(i%10), timeline.WinHTTPCode{}, nil
			r.Phases[2].Outcome, r.Phases[2].Error = timeline.Cancelled, 0
			r.Verdict.ID, r.Verdict.Title = "R8", fmt.Sprintf("the caller gave up after %d s, in way %c", i, 'a'+i%10)
			list = append(list, r)
		}
		return analysis(append(list, many(12, "192.168.0.216:80")...)...)
	},
	"unknown-servers": func() *Analysis {
		var list []*timeline.Request
		for i, host := range []string{"alpha", "beta", "beta", "gamma"} {
			r := refused(at("12:26:00").Add(time.Duration(i)*time.Second), host)
			r.Server, r.Host, r.Phase, r.Phases = "", "", "", nil
			if host == "gamma" {
				r.Error, r.Verdict.ID, r.Verdict.Title = 11001, "N1", "the name gamma is not known"
			}
			list = append(list, r)
		}
		return analysis(list...)
	},
	"filtered-table": func() *Analysis {
		r := connectTimeout(at("12:33:10"), "192.168.0.216:80")
		r.Verdict.Context = append(r.Verdict.Context, "10 other requests to the same server were answered, slowest 2.1 s, all for other pages.")
		all := slices.Concat(many(10, "192.168.0.216:80"), many(16, "192.168.0.217:80"))
		update := connectTimeout(at("12:30:00"), "93.184.216.34:80")
		update.PID, update.Process, update.Traffic = 900, "svchost.exe", timeline.Background
		probe := answered(at("12:31:00"), "192.168.0.217:80", "http://192.168.0.217/probe", ms(2))
		probe.Traffic = timeline.Probe
		all = append(all, update, probe, r)
		a := analysis(all...)
		a.Everything, a.Requests = a.Requests, []*timeline.Request{r}
		a.FilteredOut, a.Filter = 28, "--from 12:33"
		return a
	},
	"redirect": func() *Analysis {
		r := refused(at("12:26:00"), "10.0.0.6:8080")
		r.URL = "http://10.0.0.5/old/"
		r.Attempts = []timeline.Attempt{{URL: r.URL, Status: 302, Start: r.Start}, {URL: "http://10.0.0.6:8080/new/", Start: r.Start.Add(ms(20)), Error: 10061}}
		r.Phases[0].Start = r.Attempts[1].Start
		return analysis(r)
	},
	"cut-start": func() *Analysis {
		r := receiveTimeout(at("12:25:59"))
		r.Partial, r.Phases = timeline.PartialStart, r.Phases[2:]
		r.Phases[0].Start, r.Timer = 0, nil
		return analysis(r)
	},
	"open-log": func() *Analysis {
		a := analysis(receiveTimeout(at("12:31:52.9")))
		a.Inputs[0].Log.Header.BuffersWritten = 0
		a.Traces[0].Health.Findings = []timeline.Finding{{
			ID: "never-closed", Severity: timeline.Doubt,
			Title: "The log was never closed: its end may be missing.",
		}}
		return a
	},
	"silent-worker": silentWorker,
	"silent-filtered": func() *Analysis {
		a := silentWorker()
		a.FilteredOut, a.Filter, a.Aside = 4, "--pid 4120", nil
		return a
	},
	"several-files": func() *Analysis {
		r := receiveTimeout(at("12:31:52.9"))
		r.Verdict.Evidence[4].Input = 1
		a := analysis(r)
		b := traceLog("case/server.etl", at("12:30:00"), at("12:34:00"))
		a.Inputs = append(a.Inputs, b)
		a.Traces = append(a.Traces, timeline.InputResult{Path: b.Path, First: b.Start, Last: b.End})
		return a
	},
	"two-servers":      twoServers,
	"calls":            failedCalls,
	"calls-possible":   possibleCalls,
	"calls-rivals":     rivalCalls,
	"clock-ahead":      clockAhead,
	"rivals":           rivals,
	"pool-off":         poolOff,
	"pool-off-alone":   poolOffAlone,
	"only-counted":     onlyCounted,
	"discovery":        discovery,
	"odd":              odd,
	"discovery-beside": discoveryBeside,
	"unfinished": func() *Analysis {
		hangs := receiveTimeout(at("12:33:20"))
		hangs.End, hangs.Outcome, hangs.Error, hangs.Timer, hangs.Verdict = 0, timeline.Unfinished, 0, nil, nil
		hangs.WinHTTP, hangs.Partial = timeline.WinHTTPCode{}, timeline.PartialEnd
		hangs.Phases[2].End, hangs.Phases[2].Outcome, hangs.Phases[2].Error = 0, timeline.Unfinished, 0
		left := receiveTimeout(at("12:30:00"))
		left.End = left.Start.Add(ms(4200))
		left.Outcome, left.Error, left.WinHTTP, left.Timer = timeline.Cancelled, 0, timeline.WinHTTPCode{}, nil
		left.Phases[2].End, left.Phases[2].Outcome, left.Phases[2].Error = left.End, timeline.Cancelled, 0
		left.Verdict = &timeline.Verdict{
			ID: "R8", Title: "the caller gave up after 4.2 s, while waiting for the answer", Confidence: timeline.Likely,
			Evidence: []timeline.Evidence{{Time: left.End, Text: "WebIO 136 the caller cancelled"}},
			Open:     "why: its user left, its own limit ran out, or it was being recycled",
			DoNow:    []string{"look one step earlier: at the request that w3wp.exe was serving at 12:30:04 UTC"},
		}
		return analysis(append(many(12, "192.168.0.216:80"), hangs, left)...)
	},
	"server-side": func() *Analysis {
		var list []*timeline.Request
		for i := range 291 {
			status := 304
			if i < 2 {
				status = 200
			}
			list = append(list, served(at("12:26:00").Add(time.Duration(i)*ms(900)), status))
		}
		a := analysis(list...)
		a.Inputs[0].Log.Header.Bias = 7 * time.Hour
		a.Traces[0].Health.Findings = []timeline.Finding{{
			ID: timeline.FindServerOnly, Severity: timeline.Note,
			Title: "The trace shows the requests that this machine answered (HTTP.sys), not those that it sent.",
		}}
		return a
	},
	"server-error": func() *Analysis {
		r := answered(at("12:28:00"), "192.168.0.216:80", "http://192.168.0.216/order", ms(340))
		r.Status, r.Outcome = 503, timeline.Failed
		r.Verdict = &timeline.Verdict{
			ID: "HTTP-5xx", Title: "192.168.0.216:80 answered 503", Confidence: timeline.Likely,
			Evidence: []timeline.Evidence{{Time: r.End, Text: "WebIO 101 answered 503"}},
			Open:     "why the server answered so: its own log and trace know",
			DoNow:    []string{"look at 192.168.0.216:80, not at this machine: the answer was made there"},
		}
		return analysis(r)
	},
	"text-form": func() *Analysis {
		r := &timeline.Request{
			Outcome: timeline.Failed, Start: at("12:26:39.704"), End: at("12:26:39.704"),
			Error: 10060, WinHTTP: timeline.WinHTTPCode{Code: 12002, From: timeline.FromTrace}, Partial: timeline.PartialStart,
			Phase:  timeline.PhaseConnect,
			Phases: []timeline.Phase{{Name: timeline.PhaseConnect, End: at("12:26:39.704"), Outcome: timeline.Failed, Error: 10060}},
			Verdict: &timeline.Verdict{
				ID: "T4", Title: "nothing answered at the server", Confidence: timeline.Likely,
				Evidence: []timeline.Evidence{
					{Time: at("12:26:39.704"), Text: "sys-recver failed to receive headers: 10060 WSAETIMEDOUT"},
					{Time: at("12:26:39.704"), Text: "10060 WSAETIMEDOUT mapped to 12002 ERROR_WINHTTP_TIMEOUT"},
				},
				Open:  "this old trace form has no connect events: 10060 can also come from a connection that went dead",
				DoNow: []string{"take the server out of the farm until it answers"},
			},
		}
		a := analysis(r)
		a.Inputs = []Input{{Path: "paste.txt", Kind: "text", Size: 2100, Lines: 14, Entries: 14, Start: r.Start, End: r.End}}
		a.Unattributed, a.Filter = 1, "--process w3wp"
		a.Traces[0].Health.Findings = []timeline.Finding{{
			ID: timeline.FindTextOnly, Severity: timeline.Note,
			Title: "These are WinHTTP's own text lines: they hold codes and calls, but no events of names, connections and bytes.",
			Text:  []string{"No process is named in these lines."},
		}}
		return a
	},
	"nothing": func() *Analysis {
		return &Analysis{Tool: tool, Inputs: []Input{{Path: "notes.txt", Kind: "other", Size: 12, Error: "not a file that etwhy reads"}}}
	},
	"filtered-out": func() *Analysis {
		a := analysis()
		a.FilteredOut, a.Filter = 41, "--pid 77"
		a.Traces[0].Health.Speakers = []timeline.Speaker{{PID: 1432, Process: "w3wp.exe", Events: 900}, {PID: 900, Process: "svchost.exe", Events: 20}}
		return a
	},
	"secrets": func() *Analysis {
		r := receiveTimeout(at("12:31:52.9"))
		r.URL = "http://bob:hunter2@192.168.0.216/time/?q=1"
		r.Attempts[0].URL = r.URL
		r.Verdict.Evidence[1].Text = "sent GET /time/ HTTP/1.1\r\nHost: x\r\nCookie: sid=hunter2\r\n more=hunter2\r\nX-Other: fine\r\nauthorization:Basic hunter2"
		return analysis(r)
	},
	"hostile": func() *Analysis {
		r := receiveTimeout(at("12:31:52.9"))
		r.Method, r.URL = "=cmd|' /C calc'!A0", "http://x/\x1b]0;owned\x07\u202e\xff/\"quoted\",comma\r\nnext\tline"
		r.Process, r.AppPool = "+evil.exe", "-2+3"
		r.Server = "@SUM(A1)"
		r.Verdict.Title = "\x1b[31mred\x1b[0m"
		return analysis(r)
	},
}
