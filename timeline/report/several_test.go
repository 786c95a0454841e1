package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// The models of incidents of several files.

// day returns a time of day of 4 March 2026.
func day(clock string) etl.Time {
	t, err := time.Parse("2006-01-02 15:04:05.999999999", "2026-03-04 "+clock)
	if err != nil {
		panic(err)
	}
	return etl.FromTime(t)
}

// from makes an input of a file of a machine.
func from(machine, role, name string, kind timeline.Kind, start, end string, entries int) Input {
	return Input{
		Path: "case/" + machine + "/" + name, Kind: string(kind), Size: 4096, Machine: machine, Role: role,
		Start: day(start), End: day(end), Lines: entries + 4, Entries: entries,
	}
}

// incident makes an analysis of inputs, whose machines are those that they name.
func incident(inputs []Input, requests ...*timeline.Request) *Analysis {
	a := &Analysis{Tool: tool, Inputs: inputs, Selection: timeline.Selection{Requests: requests}, Everything: requests}
	byName := map[string]*timeline.Machine{}
	for i, in := range inputs {
		m := byName[in.Machine]
		if m == nil {
			m = &timeline.Machine{Name: in.Machine, Role: timeline.Role(in.Role)}
			byName[in.Machine] = m
			a.Machines = append(a.Machines, m)
		}
		m.Inputs = append(m.Inputs, i)
		a.Traces = append(a.Traces, timeline.InputResult{Path: in.Path, First: in.Start, Last: in.End, Machine: m})
	}
	for i, r := range requests {
		r.ID = fmt.Sprintf("r%d", i+1)
	}
	return a
}

// twoServers is the case of the guide with the files of the proxy and of the server behind it.
func twoServers() *Analysis {
	trace := traceLog("case/ARR01/net.etl", day("16:50:05"), day("16:51:25"))
	trace.Machine, trace.Role, trace.Log.Header.Bias = "ARR01", "arr", 0
	inputs := []Input{
		trace,
		from("ARR01", "arr", "u_ex260304.log", timeline.KindIISLog, "16:46:06", "16:55:12", 41),
		from("WEB16", "content", "fr000004.xml", timeline.KindFREB, "16:50:21", "16:51:06.24", 14),
		from("WEB16", "content", "u_ex260304.log", timeline.KindIISLog, "16:46:06", "16:54:59", 21),
	}
	r := receiveTimeout(day("16:50:21.033"))
	v := r.Verdict
	r.Proxied, r.URL, r.Client = true, "http://test:80/time/", "192.168.0.204:49247"
	r.Status, r.SubStatus, r.HasSub = 502, 3, true
	r.MadeBy = &timeline.MadeBy{Tier: "arr", Module: "ApplicationRequestRouting"}
	r.Related = []timeline.Related{
		{Input: 1, Kind: "iis-log", By: "X-ARR-LOG-ID", Confidence: timeline.Certain, Time: day("16:50:51"), Text: "502.3, win32 12002 ERROR_WINHTTP_TIMEOUT, 30,002 ms"},
		{Input: 2, Kind: "freb", By: "X-ARR-LOG-ID", Confidence: timeline.Certain, Time: day("16:51:06.24"), Text: "200.0, sending the answer failed, 0x800704CD ERROR_CONNECTION_INVALID, took 45.2 s"},
		{Input: 3, Kind: "iis-log", By: "URL, method and time", Confidence: timeline.Likely, Time: day("16:51:06"), Text: "200.0, win32 64 ERROR_NETNAME_DELETED, 45,208 ms"},
	}
	v.Title, v.Confidence = "ARR stopped waiting after 30 s; the content server needed 45.2 s", timeline.Certain
	v.Evidence = append(v.Evidence[1:5:5],
		timeline.Evidence{Input: 1, Time: day("16:50:51"), Text: r.Related[0].Text, Key: true, Place: timeline.Place{Line: 23}},
		timeline.Evidence{Input: 2, Time: day("16:51:06.24"), Text: r.Related[1].Text, Key: true, Place: timeline.Place{Record: 45}},
		timeline.Evidence{Input: 3, Time: day("16:51:06"), Text: r.Related[2].Text, Key: true, Place: timeline.Place{Line: 31}})
	v.Open = ""
	v.DoNow = []string{"if 45 s are normal for this page, raise the farm's time-out above them"}
	v.FindOut = []string{"is 45 s normal for /time/?"}
	v.Rejected = []timeline.Rejection{{ID: "T4", Why: "server down: it answered, too late"}}
	start := r.Start.Add(ms(3))
	phase := func(name timeline.PhaseName, from, to float64) timeline.Phase {
		return timeline.Phase{Name: name, Start: start.Add(ms(from)), End: start.Add(ms(to)), Outcome: timeline.OK}
	}
	r.Behind = &timeline.Behind{
		Input: 2, Start: start, End: start.Add(ms(45204)), Took: ms(45204), Status: 200,
		Phases: []timeline.Phase{
			phase(timeline.PhaseReceive, 0, 4000), phase(timeline.PhaseQueue, 4000, 12000),
			phase(timeline.PhaseProcess, 12000, 45200), phase(timeline.PhaseSend, 45200, 45204),
		},
	}
	return incident(inputs, append(many(3, "192.168.0.217:80"), r)...)
}

// clockAhead is the same where the clock of the content server is ahead: so are the times in its files.
func clockAhead() *Analysis {
	a := twoServers()
	const ahead = 92 * time.Second
	for i := range a.Inputs {
		if in := &a.Inputs[i]; in.Machine == "WEB16" {
			in.ClockOffset, in.ClockOffsetFrom = etl.Time(-ahead/100), "ARR01"
		}
	}
	a.Machines[1].ClockOffset, a.Machines[1].ClockFrom, a.Machines[1].ClockPairs = -ahead, "ARR01", 5
	r := a.Requests[3]
	for i := range r.Related {
		if r.Related[i].Input >= 2 {
			r.Related[i].Time = r.Related[i].Time.Add(ahead)
		}
	}
	for i := range r.Verdict.Evidence {
		if e := &r.Verdict.Evidence[i]; e.Input >= 2 {
			e.Time = e.Time.Add(ahead)
		}
	}
	return a
}

// rivals is a request of which two lines of the content server may tell.
func rivals() *Analysis {
	a := twoServers()
	r := a.Requests[3]
	r.Behind = nil
	r.Verdict.Confidence = timeline.Likely
	r.Verdict.Evidence = r.Verdict.Evidence[:5]
	r.Related = append(r.Related[:1],
		timeline.Related{Input: 3, Kind: "iis-log", By: "URL, method and time", Time: day("16:50:51"), Text: "200.0, 31,200 ms"},
		timeline.Related{Input: 3, Kind: "iis-log", By: "URL, method and time", Time: day("16:50:52"), Text: "200.0, 32,100 ms"})
	return a
}

// turnedDown returns n requests of pool Shop that HTTP.sys refused, and some of another pool that went well.
func turnedDown(n int, v *timeline.Verdict) []*timeline.Request {
	var out []*timeline.Request
	first, last := day("09:14:07"), day("09:31:55")
	for i := range n {
		t := first.Add(last.Sub(first) * time.Duration(i) / time.Duration(n-1)).Add(0)
		t -= t % etl.Second
		out = append(out, &timeline.Request{
			Input: 0, Side: timeline.Server, AppPool: "Shop", Queue: "Shop", Method: "GET", URL: "/", Server: "10.0.0.12:80",
			Client: fmt.Sprintf("10.0.1.21:%d", 49300+i), Start: t, End: t, Status: 503, Outcome: timeline.Failed, Partial: timeline.PartialStart,
			MadeBy: &timeline.MadeBy{Tier: "http.sys"}, Verdict: v,
		})
		if i%17 == 0 {
			out = append(out, &timeline.Request{
				Input: 1, Side: timeline.Server, AppPool: "News", Method: "GET", URL: "/news", Server: "10.0.0.12:80", Client: "10.0.1.30",
				Start: t, End: t.Add(time.Second), Status: 200, Outcome: timeline.OK,
			})
		}
	}
	return out
}

// poolOff is a pool that WAS switched off, with the event logs that tell why.
func poolOff() *Analysis {
	v := &timeline.Verdict{
		ID: "Q1", Title: "IIS had switched off application pool Shop after 5 crashes", Confidence: timeline.Certain, AtLeast: true,
		DoNow:   []string{"put back the old version of the application, then start the pool: appcmd start apppool /apppool.name:Shop"},
		FindOut: []string{"if it crashes again, get a dump of the worker process"},
		Context: []string{
			"From 09:14:07 to 09:31:55 UTC on WEB02, every request for Shop; the other pools answered normally.",
			"These requests never reached IIS, so its log has no line for them.",
		},
		Rejected: []timeline.Rejection{{ID: "Q2", Why: "stopped by a person: then the reason is Disabled"}, {ID: "Q4", Why: "queue full: that is QueueFull"}},
	}
	add := func(input int, at, text string) {
		v.Evidence = append(v.Evidence, timeline.Evidence{Input: input, Time: day(at), Text: text, Key: true})
	}
	add(2, "09:08:44.1", "pool Shop was recycled: a configuration change (WAS 5080)")
	for i, at := range []string{"09:12:19", "09:12:50", "09:13:21", "09:13:40", "09:14:06"} {
		add(2, at, fmt.Sprintf("the worker process (PID %d) of pool Shop ended unexpectedly (WAS 5011)", 4100+i))
	}
	add(3, "09:12:19", "w3wp.exe ended by an unhandled exception: System.IO.FileNotFoundException, in Payments (.NET Runtime 1026)")
	add(2, "09:14:07", "pool Shop was switched off: too many failures within the limit of time (WAS 5002)")
	add(0, "09:14:07", "first 503 AppOffline (log rolled since)")
	v.Evidence[len(v.Evidence)-1].Line = 5
	inputs := []Input{
		from("WEB02", "", "httperr3.log", timeline.KindHTTPERR, "09:14:07", "09:41:02", 320),
		from("WEB02", "", "u_ex260304.log", timeline.KindIISLog, "09:02:10", "09:38:50", 19),
		from("WEB02", "", "System.evtx", timeline.KindEvents, "08:50:12", "09:45:00", 9),
		from("WEB02", "", "Application.evtx", timeline.KindEvents, "08:45:10", "09:40:31", 12),
	}
	inputs[2].Channels, inputs[3].Channels = []string{"System"}, []string{"Application"}
	return incident(inputs, turnedDown(318, v)...)
}

// poolOffAlone is the same without the event logs.
func poolOffAlone() *Analysis {
	v := &timeline.Verdict{
		ID: "Q1", Title: "application pool Shop was off", Confidence: timeline.Likely,
		Evidence: []timeline.Evidence{{Input: 0, Time: day("09:14:07"), Text: "503 AppOffline, queue Shop", Key: true}},
		Open:     "why it was off",
		DoNow:    []string{"start the pool: appcmd start apppool /apppool.name:Shop"},
		FindOut:  []string{"get System.evtx and Application.evtx of WEB02, 09:00 to 09:35 UTC"},
	}
	inputs := []Input{
		from("WEB02", "", "httperr3.log", timeline.KindHTTPERR, "09:02:07", "09:41:02", 320),
		from("WEB02", "", "u_ex260304.log", timeline.KindIISLog, "09:02:10", "09:38:50", 19),
	}
	return incident(inputs, turnedDown(318, v)...)
}

// onlyCounted is a day on which all went well, in a log of which most lines are only counted.
func onlyCounted() *Analysis {
	a := analysis(many(40, "192.168.0.216:80")...)
	a.Inputs = append(a.Inputs, from("ARR01", "arr", "u_ex110722.log", timeline.KindIISLog, "00:00:01", "23:59:58", 41240))
	a.Inputs[1].Start, a.Inputs[1].End = at("00:00:01"), at("23:59:58")
	a.Traces = append(a.Traces, timeline.InputResult{Path: a.Inputs[1].Path, Counted: timeline.Tally{
		OK: 41200, Statuses: map[int]int{200: 41000, 304: 200}, Slowest: 90 * time.Second, Method: "GET", URL: "/export",
	}})
	return a
}

// switchedOff is what an event log tells although nobody asked for the pool.
func switchedOff(a *Analysis) *Analysis {
	in := from("WEB02", "", "System.evtx", timeline.KindEvents, "08:50:12", "09:45:00", 9)
	in.Channels, in.Start, in.End = []string{"System"}, at("08:50:12"), at("13:45:00")
	a.Inputs = append(a.Inputs, in)
	i := len(a.Inputs) - 1
	m := &timeline.Machine{Name: "WEB02", Inputs: []int{i}}
	a.Traces = append(a.Traces, timeline.InputResult{Path: in.Path, Machine: m})
	a.Discoveries = []timeline.Discovery{{Machine: m, Verdict: &timeline.Verdict{
		ID: "Q1", Title: "pool Shop was switched off", Confidence: timeline.Likely,
		Evidence: []timeline.Evidence{{Input: i, Time: at("09:14:07"), Text: "pool Shop was switched off: too many failures within the limit of time (WAS 5002)", Key: true}},
		DoNow:    []string{"start the pool"},
	}}}
	return a
}

func discovery() *Analysis { return switchedOff(analysis(many(12, "192.168.0.216:80")...)) }

func discoveryBeside() *Analysis {
	return switchedOff(analysis(append(many(40, "192.168.0.216:80"), receiveTimeout(at("12:31:52.9")))...))
}

// odd is requests that went well, of which nobody knows what became of them.
func odd() *Analysis {
	v := &timeline.Verdict{
		ID: "W1", Title: "the connection became a WebSocket, and no file tells what went through it", Confidence: timeline.Possible,
		Evidence: []timeline.Evidence{{Input: 0, Time: at("12:30:00"), Text: "101 answered", Key: true}},
		FindOut:  []string{"the application's own log"},
	}
	list := many(4, "192.168.0.216:80")
	for i := range 5 {
		r := answered(at("12:30:00").Add(time.Duration(i)*time.Second), "192.168.0.216:80", "http://192.168.0.216/chat", ms(5))
		r.Status, r.Verdict = 101, v
		list = append(list, r)
	}
	return analysis(list...)
}

func TestMachinesScreen(t *testing.T) {
	for _, name := range []string{"clock-ahead", "pool-off"} {
		for _, width := range []int{80, 120} {
			a := models[name]()
			a.Inputs = append(a.Inputs,
				Input{Path: "case/w3wp.dmp", Kind: "other", Note: "memory dump: open it in WinDbg"},
				Input{Path: "case/notes.docx", Kind: "other"},
				Input{Path: "case/WEB02/httperr2.log", Kind: "httperr", Size: 10, Error: "unexpected end"})
			var out bytes.Buffer
			if err := WriteInfo(&out, "table", a, Options{Width: width}); err != nil {
				t.Fatal(err)
			}
			golden(t, fmt.Sprintf("machines-%s.%d.txt", name, width), out.Bytes())
			checkScreen(t, name, out.String(), width, 60)
		}
	}
}

// A source that begins after the failures is asked for again, and so is one of a server that there is no file of.
func TestLacking(t *testing.T) {
	info := func(a *Analysis) string {
		var out bytes.Buffer
		if err := WriteInfo(&out, "table", a, Options{}); err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(out.String()), " ")
	}
	a := poolOff()
	for _, want := range []string{"Missing for a verdict on 503 (318 requests, 09:14:07 to 09:31:55 UTC): WEB02: applicationHost.config.", "copy %windir%"} {
		if text := info(a); !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	a = poolOff()
	a.Inputs[2].Start = day("09:20:00")
	if text, want := info(a), "System event log from before 09:14:07 (this one begins at 09:20:00)"; !strings.Contains(text, want) {
		t.Errorf("no %q in %s", want, text)
	}
	a = twoServers()
	a.Machines, a.Inputs, a.Traces = a.Machines[:1], a.Inputs[:2], a.Traces[:2]
	r := a.Requests[3]
	r.Behind = nil
	text := info(a)
	for _, want := range []string{"ARR01: Failed Request Tracing; applicationHost.config.", "192.168.0.216 (no file of it is here): IIS log; HTTPERR; Failed Request Tracing; System event log; Application event log."} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	a.Everything = a.Everything[:3]
	if text := info(a); strings.Contains(text, "Missing") || !strings.Contains(text, "No request failed") {
		t.Errorf("nothing failed: %s", text)
	}
}

// What several files tell of one request takes no more than a screenful of 24 lines.
func TestBrief(t *testing.T) {
	for _, name := range []string{"two-servers", "clock-ahead", "pool-off"} {
		if n := strings.Count(told(t, name, 100), "\n"); n > 20 {
			t.Errorf("%s: %d lines\n%s", name, n, told(t, name, 100))
		}
	}
}
