package timeline

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etwhy/etwhy/decode/errorpage"
	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/decode/eventlog/eventlogtest"
	"github.com/etwhy/etwhy/decode/iisconfig"
	"github.com/etwhy/etwhy/decode/netshtext"
	"github.com/etwhy/etwhy/decode/w3c"
	"github.com/etwhy/etwhy/etl"
)

// A told is a text that the machine WEB02 is known by.
type told struct {
	kind Kind
	text string
}

const (
	httperrHead = "#Software: Microsoft HTTP API 2.0\n#Version: 1.0\n#Date: 2026-03-23 09:00:00\n" +
		"#Fields: date time c-ip c-port s-ip s-port cs-version cs-method cs-uri streamid sc-status s-siteid s-reason s-queuename\n"
	iisHead = "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n#Date: 2026-03-23 09:00:00\n" +
		"#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port c-ip sc-status sc-substatus sc-win32-status time-taken\n"
	idleLine = "2026-03-23 09:01:00 10.0.1.9 49000 10.0.0.12 80 - - - - - - Timer_ConnectionIdle -\n"
)

// refused are lines of HTTPERR from 09:14:07 on, one a second, after one that shows that the log had begun before.
func refused(n int, word, queue string) told {
	var s strings.Builder
	s.WriteString(httperrHead + idleLine)
	for i := range n {
		at := time.Date(2026, 3, 23, 9, 14, 7+i, 0, time.UTC).Format("15:04:05")
		status := "503"
		if strings.Contains(word, "_") {
			status = "-"
		}
		fmt.Fprintf(&s, "2026-03-23 %s 10.0.1.9 %d 10.0.0.12 80 HTTP/1.1 GET /cart - %s 2 %s %s\n", at, 50000+i, status, word, queue)
	}
	return told{KindHTTPERR, s.String()}
}

// system are events of a System log that covers the time.
func system(events ...string) told { return logOf("System", events, true) }

// application are those of an Application log that does.
func application(events ...string) told { return logOf("Application", events, true) }

func logOf(channel string, events []string, whole bool) told {
	s := "computer WEB02\nchannel " + channel + "\n"
	if whole {
		s += "2026-03-23T08:30:00Z ESENT 326 information x\n"
	}
	for _, e := range events {
		s += "2026-03-23T" + e + "\n"
	}
	if whole {
		s += "2026-03-23T09:40:00Z ESENT 327 information x\n"
	}
	return told{KindEvents, s}
}

// pool is a configuration with a pool Shop for site 2 and one, Docs, for site 3.
func pool(attributes, inside string) told {
	return told{KindConfig, `<configuration><system.applicationHost><applicationPools>
<add name="Shop" ` + attributes + `>` + inside + `</add><add name="Docs" />
</applicationPools><sites>
<site name="shop" id="2"><application path="/" applicationPool="Shop" /><bindings><binding protocol="http" bindingInformation="*:80:" /></bindings></site>
<site name="docs" id="3"><application path="/" applicationPool="Docs" /><bindings><binding protocol="http" bindingInformation="*:8081:" /></bindings></site>
</sites></system.applicationHost></configuration>`}
}

// served are lines of an IIS log: time, port, status.sub, milliseconds.
func served(lines ...string) told {
	s := iisHead
	for _, l := range lines {
		f := strings.Fields(l)
		status, sub, _ := strings.Cut(f[2], ".")
		s += fmt.Sprintf("2026-03-23 %s 10.0.0.12 GET /cart - %s 10.0.1.9 %s %s 0 %s\n", f[0], f[1], status, cmp.Or(sub, "0"), f[3])
	}
	return told{KindIISLog, s}
}

// tell gives a builder the texts.
func tell(t testing.TB, b *Builder, list []told) {
	t.Helper()
	for i, f := range list {
		in := Input{Path: fmt.Sprintf("WEB02/%d", i), Kind: f.kind}
		var s *Session
		switch f.kind {
		case KindHTTPERR, KindIISLog:
			log := w3c.NewReader(strings.NewReader(f.text), w3c.Options{})
			for range log.Entries() {
			}
			in.First, in.Last = log.Coverage().First, log.Coverage().Last
			s = b.Input(in)
			for e := range w3c.NewReader(strings.NewReader(f.text), w3c.Options{}).Entries() {
				s.LogEntry(e)
			}
		case KindEvents:
			xml, err := eventlogtest.XML(f.text)
			if err != nil {
				t.Fatal(err)
			}
			log := eventlog.NewReader(bytes.NewReader(xml), int64(len(xml)), eventlog.Options{})
			var entries []*eventlog.Entry
			for e := range log.Entries() {
				entries = append(entries, e.Clone())
				if !slices.Contains(in.Channels, e.Channel) {
					in.Channels = append(in.Channels, e.Channel)
				}
			}
			in.First, in.Last = log.Coverage().First, log.Coverage().Last
			s = b.Input(in)
			for _, e := range entries {
				s.Happened(e)
			}
		case KindConfig:
			c, err := iisconfig.Parse(strings.NewReader(f.text), "applicationHost.config")
			if err != nil {
				t.Fatal(err)
			}
			s = b.Input(in)
			s.Settings(c)
		case KindPage:
			p, err := errorpage.Parse(strings.NewReader(f.text))
			if err != nil {
				t.Fatal(err)
			}
			s = b.Input(in)
			s.Page(p)
		case KindConsole:
			p, err := netshtext.Parse(strings.NewReader(f.text))
			if err != nil {
				t.Fatal(err)
			}
			s = b.Input(in)
			s.Console(p)
		}
		s.Close()
	}
}

// crash is a worker process of Shop that crashed, as WAS tells it.
func crash(at string, pid int) string {
	return fmt.Sprintf("%sZ Microsoft-Windows-WAS 5011 warning AppPoolID=Shop ProcessID=%d", at, pid)
}

// fault is a worker process that crashed, as Windows tells it.
func fault(at string, pid int, module string) string {
	return fmt.Sprintf(`%sZ "Application Error" 1000 error w3wp.exe 10.0.1.1 405e4a01 %s 1.0.0.0 7f8a90c1 c0000005 0000a6ec 0x%x 0x1dcb3 w3wp.exe %s x "" ""`, at, module, pid, module)
}

func off(id int) string {
	return fmt.Sprintf("09:14:07Z Microsoft-Windows-WAS %d error AppPoolID=Shop", id)
}

var (
	fiveCrashes = []string{crash("09:12:19", 11), crash("09:12:47", 12), crash("09:13:15", 13), crash("09:13:41", 14), crash("09:14:06", 15)}
	fiveFaults  = []string{
		fault("09:12:19", 11, "pay.dll"), fault("09:12:47", 12, "pay.dll"), fault("09:13:15", 13, "pay.dll"), fault("09:13:41", 14, "pay.dll"), fault("09:14:06", 15, "pay.dll"),
	}
	noModule = `09:13:50Z Microsoft-Windows-IIS-W3SVC-WP 2280 error ModuleDll="C:\\x\\pay.dll"`
	channel  = "09:13:51Z Microsoft-Windows-WAS 5139 warning AppPoolID=Shop ProcessID=11 param3=0 ProtocolID=http"
	urlACL   = told{KindConsole, "\nURL Reservations:\n-----------------\n\n    Reserved URL            : http://+:80/\n        User: WEB02\\agent\n            Listen: Yes\n            Delegate: No\n            SDDL: D:(A;;GX;;;S-1-5-21-1-2-3-1012)\n"}
)

func events(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return all
}

// TestPoolRules has, for every row on pools, files that it is about, and files that are nearly the same and must
// lead elsewhere.
func TestPoolRules(t *testing.T) {
	killer := `<cpu limit="50000" action="KillW3wp" resetInterval="00:05:00" />`
	const abandon = "Connection_Abandoned_By_ReqQueue"
	tests := []struct {
		name  string
		want  string // id and confidence of the first request, or of the machine if there is none
		title string // a part of the title
		miss  string // the id that must not come out although it is near
		files []told
	}{
		{"crashes, then 5002", "Q1 certain", "switched off application pool Shop after 5 crashes", "", []told{refused(3, "AppOffline", "Shop"), system(events(fiveCrashes, []string{off(5002)})...)}},
		{"no 5002 in covered time", "NE likely", "application pool Shop was off", "Q1", []told{refused(3, "AppOffline", "Shop"), system(fiveCrashes...)}},
		{"HTTPERR alone", "NE likely", "application pool Shop was off", "Q1", []told{refused(3, "AppOffline", "Shop")}},
		{"5002 without crashes", "Q1 likely", "failed too often", "", []told{refused(3, "AppOffline", "Shop"), system(off(5002))}},
		{"5002 of another pool", "NE likely", "pool Shop was off", "Q1", []told{refused(3, "AppOffline", "Shop"), system("09:14:07Z Microsoft-Windows-WAS 5002 error AppPoolID=Docs")}},
		{"switched off, then alive again", "NE likely", "pool Shop was off", "Q1", []told{refused(3, "AppOffline", "Shop"),
			system("09:02:00Z Microsoft-Windows-WAS 5002 error AppPoolID=Shop", "09:10:00Z Microsoft-Windows-WAS 5186 information ProcessID=9 AppPoolID=Shop Minutes=20")}},
		{"switched off, then it answered", "NE likely", "pool Shop was off", "Q1", []told{refused(3, "AppOffline", "Shop"),
			system("09:02:00Z Microsoft-Windows-WAS 5002 error AppPoolID=Shop"), pool("", ""), served("09:10:00 80 200 15", "09:20:00 8081 200 15")}},
		{"crashes known from the Application log", "Q1 likely", "just after 5 crashes", "", []told{refused(3, "AppOffline", "Shop"), application(fiveFaults...)}},
		{"too few of them", "NE likely", "pool Shop was off", "Q1", []told{refused(3, "AppOffline", "Shop"), application(fiveFaults[:4]...)}},
		{"two pools refused, crashes of one", "NE likely", "was off", "Q1", []told{
			{KindHTTPERR, refused(3, "AppOffline", "Shop").text + "2026-03-23 09:14:08 10.0.1.9 51000 10.0.0.12 8081 HTTP/1.1 GET / - 503 3 AppOffline Docs\n"}, application(fiveFaults...)}},

		{"stopped by hand", "Q2 certain", "stopped by hand", "", []told{refused(3, "Disabled", "Shop"), system(), pool(`autoStart="false"`, "")}},
		{"the same, no System log", "NE likely", "stopped or disabled", "Q2", []told{refused(3, "Disabled", "Shop"), pool(`autoStart="false"`, "")}},
		{"Disabled alone", "NE likely", "stopped or disabled", "Q2", []told{refused(3, "Disabled", "Shop"), system()}},

		{"account", "Q3 certain", "cannot run: its account SHOP\\svc does not work", "", []told{refused(3, "Disabled", "Shop"),
			system("09:14:06Z Microsoft-Windows-WAS 5021 warning AppPoolID=Shop", off(5057)), pool("", `<processModel identityType="SpecificUser" userName="SHOP\svc" />`)}},
		{"account, off for it, and no process", "Q3 certain", "cannot run: its account does not work", "", []told{refused(3, "Disabled", "Shop"),
			system("09:14:06Z Microsoft-Windows-WAS 5021 warning AppPoolID=Shop", off(5057), "09:14:07.2Z Microsoft-Windows-WAS 5059 error AppPoolID=Shop")}},
		{"account, and no word that it is off for that", "Q3 likely", "cannot run: its account does not work", "", []told{refused(3, "Disabled", "Shop"), system("09:14:06Z Microsoft-Windows-WAS 5021 warning AppPoolID=Shop")}},
		{"HTTP.sys would not have it", "NE likely", "stopped", "Q3", []told{refused(3, "Disabled", "Shop"), system("09:14:06Z Microsoft-Windows-IIS-W3SVC 1027 error AppPoolID=Shop")}},
		{"account of another pool", "NE likely", "stopped", "Q3", []told{refused(3, "Disabled", "Shop"), system("09:14:06Z Microsoft-Windows-WAS 5021 warning AppPoolID=Docs")}},
		{"no process could be started", "NE likely", "no worker process of it could be started", "Q3", []told{refused(3, "Disabled", "Shop"), system(off(5059))}},

		{"module, 5002", "Q12 likely", "pay.dll does not load", "", []told{refused(3, "AppOffline", "Shop"), system(off(5002)), application(noModule)}},
		{"module, channel, 5002", "Q12 certain", "pay.dll does not load", "", []told{refused(3, "AppOffline", "Shop"), system(channel, off(5002)), application(noModule)}},
		{"module, channel", "Q12 likely", "pay.dll does not load", "", []told{refused(3, "AppOffline", "Shop"), system(channel), application(noModule)}},
		{"module, no System log", "Q12 likely", "just after native module pay.dll", "", []told{refused(3, "AppOffline", "Shop"), application(noModule)}},
		{"module, and WAS tells of nothing", "NE likely", "was off", "Q12", []told{refused(3, "AppOffline", "Shop"), system(), application(noModule)}},
		{"channels of several pools", "Q12 likely", "those of other pools neither", "", []told{refused(3, "AppOffline", "Shop"),
			system(channel, "09:13:52Z Microsoft-Windows-WAS 5139 warning AppPoolID=Docs ProcessID=12 param3=0 ProtocolID=http")}},
		{"channel of one pool", "Q12 possible", "could not listen", "", []told{refused(3, "AppOffline", "Shop"), system(channel)}},

		{"memory limit", "Q13 certain", "2 times", "", []told{refused(3, "AppOffline", "Shop"),
			system("09:02:00Z Microsoft-Windows-WAS 5117 information ProcessID=1 AppPoolID=Shop", "09:10:00Z Microsoft-Windows-WAS 5117 information ProcessID=2 AppPoolID=Shop", off(5002))}},
		{"memory limit once", "Q1 likely", "failed too often", "Q13", []told{refused(3, "AppOffline", "Shop"),
			system("09:10:00Z Microsoft-Windows-WAS 5117 information ProcessID=2 AppPoolID=Shop", off(5002))}},

		{"pings", "Q16 certain", "did not answer its pings", "", []told{refused(3, "AppOffline", "Shop"), system("09:13:00Z Microsoft-Windows-WAS 5010 warning AppPoolID=Shop ProcessID=3", off(5002))}},
		{"pings and crashes", "Q1 certain", "crashes", "Q16", []told{refused(3, "AppOffline", "Shop"),
			system(events(fiveCrashes, []string{"09:13:00Z Microsoft-Windows-WAS 5010 warning AppPoolID=Shop ProcessID=3", off(5002)})...)}},

		{"processor limit", "Q7 certain", "50 % of the processors within 5 min", "", []told{refused(3, "AppShutdown", "Shop"), system("09:14:00Z Microsoft-Windows-WAS 5025 warning AppPoolID=Shop"), pool("", killer)}},
		{"processor limit that only warns", "NE likely", "shut down by a rule", "Q7", []told{refused(3, "AppShutdown", "Shop"),
			system("09:14:00Z Microsoft-Windows-WAS 5025 warning AppPoolID=Shop"), pool("", `<cpu limit="50000" action="NoAction" />`)}},
		{"processor limit, no settings", "NE likely", "after it had reached its limit of processor time", "Q7", []told{refused(3, "AppShutdown", "Shop"), system("09:14:00Z Microsoft-Windows-WAS 5025 warning AppPoolID=Shop")}},
		{"processor limit, settings without the pool", "NE likely", "after it had reached its limit of processor time", "Q7", []told{refused(3, "AppShutdown", "Other"),
			system("09:14:00Z Microsoft-Windows-WAS 5025 warning AppPoolID=Other"), pool("", killer)}},
		{"off, and no pool named", "NE likely", "the application pool for port 80 was off (AppOffline)", "Q1", []told{refused(3, "AppOffline", "-"), system(events(fiveCrashes, []string{off(5002)})...)}},
		{"AppShutdown alone", "NE likely", "shut down by a rule", "Q7", []told{refused(3, "AppShutdown", "Shop"), system(), pool("", killer)}},

		{"reserved, as event and list tell", "Q8 certain", `WEB02\agent has reserved http://+:80/`, "", []told{refused(3, "N/A", "-"), urlACL, system(`09:13:00Z Microsoft-Windows-HttpEvent 15007 information DeviceObject=\Device\Http\ReqQueue Url=http://+:80/`)}},
		{"reserved, as the list tells", "Q8 likely", "has reserved", "", []told{refused(3, "N/A", "-"), urlACL, system()}},
		{"reserved for another port", "NE possible", "nobody to give", "Q8", []told{refused(3, "N/A", "-"), {KindConsole, strings.Replace(urlACL.text, ":80/", ":8080/", 1)}, system()}},
		{"reserved, and WAS failed", "NE possible", "nobody to give", "Q8", []told{refused(3, "N/A", "-"), urlACL, system("09:14:00Z Microsoft-Windows-WAS 5005 error x")}},
		{"released again before", "NE possible", "nobody to give", "Q8", []told{refused(3, "N/A", "-"),
			system(`09:12:00Z Microsoft-Windows-HttpEvent 15007 information DeviceObject=\Device\Http\ReqQueue Url=http://+:80/`, `09:13:00Z Microsoft-Windows-HttpEvent 15008 information DeviceObject=\Device\Http\ReqQueue Url=http://+:80/`)}},

		{"queue full, slow answers", "Q4 certain", "(700 requests, applicationHost.config:2)", "", []told{refused(3, "QueueFull", "Shop"), pool(`queueLength="700"`, ""), served("09:05:00 80 200 15", "09:14:09 80 200 46000")}},
		{"queue full, nothing slow", "Q4 likely", "is full", "", []told{refused(3, "QueueFull", "Shop"), pool("", ""), served("09:05:00 80 200 15", "09:14:09 80 200 16")}},
		{"queue full, slow answers of another pool", "Q4 likely", "is full", "", []told{refused(3, "QueueFull", "Shop"), pool("", ""), served("09:14:09 8081 200 46000")}},

		{"503.2", "Q5 likely", "as many requests at once", "", []told{served("09:14:07 80 503.2 15")}},
		{"503.3", "Q6 likely", "ASP.NET", "Q5", []told{served("09:14:07 80 503.3 15")}},
		{"503.1", "HTTP-5xx likely", "", "Q6", []told{served("09:14:07 80 503.1 15")}},

		{"abandoned, crash", "R2 certain", "crashed with the request open", "R3", []told{refused(2, abandon, "Shop"), system(crash("09:14:08", 11)), application(fault("09:14:07", 11, "pay.dll"))}},
		{"abandoned, crash of another pool", "R2 likely", "ended with the request open", "", []told{refused(2, abandon, "Shop"), system("09:14:08Z Microsoft-Windows-WAS 5011 warning AppPoolID=Docs ProcessID=11")}},
		{"abandoned, some crash", "R2 likely", "when a w3wp.exe crashed", "", []told{refused(2, abandon, "Shop"), application(fault("09:14:07", 11, "pay.dll"))}},
		{"abandoned, recycled", "R3 likely", "recycled (the schedule)", "R2", []told{refused(2, abandon, "Shop"), system("09:14:00Z Microsoft-Windows-WAS 5076 information ProcessID=11 AppPoolID=Shop")}},
		{"abandoned, recycled and ended", "R3 certain", "recycled", "Q16", []told{refused(2, abandon, "Shop"),
			system("09:12:40Z Microsoft-Windows-WAS 5076 information ProcessID=11 AppPoolID=Shop", "09:14:08Z Microsoft-Windows-WAS 5013 warning AppPoolID=Shop ProcessID=11")}},
		{"abandoned, recycled an hour before", "R2 likely", "ended", "R3", []told{refused(2, abandon, "Shop"), system("08:40:00Z Microsoft-Windows-WAS 5076 information ProcessID=11 AppPoolID=Shop")}},
		{"abandoned, did not stop", "Q16 likely", "did not stop in time", "R3", []told{refused(2, abandon, "Shop"), system("09:14:06Z Microsoft-Windows-WAS 5013 warning AppPoolID=Shop ProcessID=11")}},

		{"left in the queue", "R7 likely", "before a worker process", "", []told{refused(1, "Client_Reset", "Shop")}},
		{"left in the queue, or not", "NE possible", "the connection to 10.0.1.9 ended with the request open", "R7", []told{refused(1, "Connection_Dropped", "Shop")}},
		{"limit for the body", "NE possible", "when Timer_EntityBody ran out: its body had not come in", "", []told{refused(1, "Timer_EntityBody", "Shop")}},
		{"limit for the answer", "NE possible", "when Timer_MinBytesPerSecond ran out: the client took its answer too slowly", "", []told{refused(1, "Timer_MinBytesPerSecond", "Shop")}},

		{"no request: account", "Q3 likely", "at 09:14:07 UTC", "", []told{system(off(5057))}},
		{"no request: module", "Q12 likely", "at 09:14:07 UTC", "Q1", []told{system(off(5002)), application(noModule)}},
		{"no request: memory", "Q13 likely", "at 09:14:07 UTC", "Q1", []told{
			system("09:02:00Z Microsoft-Windows-WAS 5117 information ProcessID=1 AppPoolID=Shop", "09:10:00Z Microsoft-Windows-WAS 5117 information ProcessID=2 AppPoolID=Shop", off(5002))}},
		{"no request: crashes", "Q1 likely", "after 5 crashes", "Q13", []told{system(events(fiveCrashes, []string{off(5002)})...)}},
		{"no request: crashes, and the pool went on", "", "", "Q1", []told{system(fiveCrashes...)}},
		{"no request: kernel memory", "NE likely", "2 connections", "Q9", []told{{KindHTTPERR, httperrHead + strings.Repeat(strings.Replace(idleLine, "Timer_ConnectionIdle", "Connections_Refused", 1), 2)}}},
		{"no request: limit of connections", "Q9 likely", "1 connection ", "NE", []told{{KindHTTPERR, httperrHead + strings.Replace(idleLine, "Timer_ConnectionIdle", "ConnLimit", 1)}}},
		{"no request: silent connections", "Q9 possible", "1,000 connections", "NE", []told{{KindHTTPERR, httperrHead + strings.Repeat(strings.Replace(idleLine, "Timer_ConnectionIdle", "Timer_HeaderWait", 1), 1000)}}},
		{"no request: some silent connections", "", "", "Q9", []told{{KindHTTPERR, httperrHead + strings.Repeat(strings.Replace(idleLine, "Timer_ConnectionIdle", "Timer_HeaderWait", 1), 999)}}},
	}
	used, alone := make([]bool, len(poolRules)), make([]bool, len(aloneRules))
	missed := map[string]bool{"NE": true}
	for _, tt := range tests {
		b := NewBuilder(Options{})
		tell(t, b, tt.files)
		b.join()
		slices.SortStableFunc(b.requests, func(x, y *Request) int { return cmp.Compare(x.Start, y.Start) })
		b.findOutages()
		for _, r := range b.requests {
			if i := slices.IndexFunc(poolRules, func(u rule) bool { return r.Outcome != OK && u.fits(b.scene(r)) }); i >= 0 {
				used[i] = true
			}
		}
		for _, m := range b.machines {
			if i := slices.IndexFunc(aloneRules, func(u rule) bool { return u.fits(b.machineScene(m)) }); i >= 0 {
				alone[i] = true
			}
		}
		b.outages = nil
		b.judge()
		got, title := "", ""
		list := b.discoveries
		i := slices.IndexFunc(b.requests, func(r *Request) bool { return r.Verdict != nil })
		if i >= 0 {
			list = []Discovery{{nil, b.requests[i].Verdict}}
		}
		if len(list) > 0 {
			v := list[0].Verdict
			got, title = v.ID+" "+v.Confidence.String(), v.Title
			for _, text := range append(slices.Concat(v.Context, v.DoNow, v.FindOut), v.Title, v.Open) {
				if strings.Contains(text, "pool  ") || strings.HasSuffix(text, "apppool.name:") {
					t.Errorf("%s: a pool without a name: %q", tt.name, text)
				}
				if strings.ContainsAny(text, "{}") || strings.Contains(text, "attack") || strings.Contains(text, "rapid-fail") || strings.Contains(text, "IIS_WPG") {
					t.Errorf("%s: %q", tt.name, text)
				}
			}
		}
		if got != tt.want || !strings.Contains(title, tt.title) || tt.miss != "" && strings.HasPrefix(got, tt.miss+" ") {
			t.Errorf("%s: %s: %q, want %s: %q", tt.name, got, title, tt.want, tt.title)
		}
		missed[tt.miss] = true
	}
	for i, u := range poolRules {
		if !used[i] {
			t.Errorf("no test for row %d, %s %q", i, u.id, u.title)
		}
		if !missed[u.id] && !slices.Contains([]string{"Q4", "R7"}, u.id) { // these stand before rows with the same id
			t.Errorf("no near-miss for %s", u.id)
		}
		for _, n := range u.near {
			if n.id == u.id {
				t.Errorf("%s rejects itself", u.id)
			}
		}
	}
	for i, u := range aloneRules {
		if !alone[i] {
			t.Errorf("no test for %s %q", u.id, u.title)
		}
	}
}

// The error number of the event decides what is wrong with an account.
func TestAccountErrors(t *testing.T) {
	for number, want := range map[uint32]string{1326: "password is wrong", 1330: "expired", 1385: "batch job", 5: "denied", 0x80070532: "expired", 87: "does not work (87 ERROR_INVALID_PARAMETER)"} {
		b := NewBuilder(Options{})
		tell(t, b, []told{refused(1, "Disabled", "Shop")})
		s := b.Input(Input{Path: "WEB02/System.evtx", Kind: KindEvents})
		data := []byte{byte(number), byte(number >> 8), byte(number >> 16), byte(number >> 24)}
		at := etl.FromTime(time.Date(2026, 3, 23, 9, 14, 6, 0, time.UTC))
		s.Happened(&eventlog.Entry{Time: at, Provider: "Microsoft-Windows-WAS", ID: 5057, Fields: []eventlog.Field{{Name: "AppPoolID", Value: "Shop"}}, Binary: data})
		s.Close()
		v := b.Finish().Requests[0].Verdict
		if v.ID != "Q3" || !strings.Contains(v.Title, want) {
			t.Errorf("%d: %s %q, want %q", number, v.ID, v.Title, want)
		}
	}
}

// The verdict tells the story: what had been changed, the crashes with what they ended of, the stop, the first
// refused request with its line, and that there may have been more before.
func TestPoolStory(t *testing.T) {
	exception := `09:12:19.1Z ".NET Runtime" 1026 error "Application: w3wp.exe\nException Info: System.IO.FileNotFoundException: Could not load file or assembly 'Payments, Version=4.2.0.0'\n   at Shop.Init()"`
	httperr := refused(4, "AppOffline", "Shop")
	httperr.text = strings.Replace(httperr.text, idleLine, "", 1)
	b := NewBuilder(Options{})
	tell(t, b, []told{httperr, system("09:08:44Z Microsoft-Windows-WAS 5080 information AppPoolID=Shop", crash("09:12:19.2", 11), off(5002)),
		application(exception, fault("09:12:19.15", 11, "KERNELBASE.dll")), pool("", ""), served("09:05:00 8081 200 15", "09:14:08 8081 200 15", "09:14:09 8081 200 15", "09:30:00 8081 200 15")})
	b.sessions[0].in.Path = "WEB02/httperr3.log"
	res := b.Finish()
	var v *Verdict
	for _, r := range res.Requests {
		switch {
		case r.Outcome != Failed:
		case v == nil:
			v = r.Verdict
		case r.Verdict != v:
			t.Error("requests of one outage have verdicts of their own")
		}
	}
	var texts []string
	for _, e := range v.Evidence {
		texts = append(texts, e.Time.Time().Format("15:04:05 ")+e.Text)
	}
	want := []string{
		"09:08:44 pool Shop was recycled: a configuration change (WAS 5080)",
		"09:12:19 w3wp.exe (PID 11) crashed (WAS 5011, Application Error 1000)",
		"09:12:19 each time: System.IO.FileNotFoundException, Payments.dll (.NET Runtime 1026)",
		"09:14:07 pool Shop was switched off: too many failures within the limit of time (WAS 5002)",
		"09:14:07 first 503 AppOffline (the log has rolled since)",
	}
	if !slices.Equal(texts, want) {
		t.Errorf("evidence:\n%s", strings.Join(texts, "\n"))
	}
	if !v.AtLeast {
		t.Error("the log begins with a refused request, and the verdict does not say so")
	}
	if !slices.ContainsFunc(v.Context, func(s string) bool { return strings.Contains(s, "the other pools answered normally") }) {
		t.Errorf("nothing on the other pools: %q", v.Context)
	}
	if !slices.ContainsFunc(v.DoNow, func(s string) bool { return strings.HasPrefix(s, "put back the missing Payments.dll") }) {
		t.Errorf("do now: %q", v.DoNow)
	}
}

// The first file of HTTPERR has nothing before it, even if it begins with a refused request.
func TestPoolBegins(t *testing.T) {
	for name, rolled := range map[string]bool{"httperr1.log": false, "httperr1 (2).log": false, "httperr2.log": true, "httperr10.log": true, "errors.log": false} {
		log := refused(3, "AppOffline", "Shop")
		log.text = strings.Replace(log.text, idleLine, "", 1)
		b := NewBuilder(Options{})
		tell(t, b, []told{log})
		b.sessions[0].in.Path = "WEB02/httperr9/" + name
		v := b.Finish().Requests[0].Verdict
		text := v.Evidence[len(v.Evidence)-1].Text
		if v.AtLeast != rolled || strings.Contains(text, "rolled") != rolled || strings.Contains(text, "begins with it") == rolled {
			t.Errorf("%s: at least %v: %q", name, v.AtLeast, text)
		}
	}
}

// What reaching the limit of processor time does is not guessed, and that it was reached is not denied.
func TestProcessorLimit(t *testing.T) {
	limit := system("09:14:00Z Microsoft-Windows-WAS 5025 warning AppPoolID=Shop")
	for _, tt := range []struct {
		name, context, rejected, ask string
		files                        []told
	}{
		{"no settings", "", "", "get applicationHost.config", []told{refused(3, "AppShutdown", "Shop"), limit}},
		{"only warns", "its action is NoAction", "its action is NoAction", "", []told{refused(3, "AppShutdown", "Shop"), limit, pool("", `<cpu limit="50000" action="NoAction" />`)}},
		{"another word", "refused with AppShutdown", "refused with AppShutdown", "", []told{refused(3, "AppOffline", "Shop"), limit}},
		{"not reached", "", "no 5025", "", []told{refused(3, "AppShutdown", "Shop"), system()}},
	} {
		b := NewBuilder(Options{})
		tell(t, b, tt.files)
		v := b.Finish().Requests[0].Verdict
		why := ""
		for _, n := range v.Rejected {
			if n.ID == "Q7" {
				why += n.Why
			}
		}
		context, ask := strings.Join(v.Context, " "), strings.Join(v.FindOut, " ")
		if !strings.Contains(why, tt.rejected) || (why == "") != (tt.rejected == "") {
			t.Errorf("%s: rejected for %q, want %q", tt.name, why, tt.rejected)
		}
		if !strings.Contains(context, tt.context) || tt.context == "" && strings.Contains(context, "processor") || !strings.Contains(ask, tt.ask) {
			t.Errorf("%s: %q, %q", tt.name, context, ask)
		}
	}
}

// Requests for other pools that were refused are no others that went well, and a request that a process had taken
// was not refused.
func TestPoolNeighbours(t *testing.T) {
	docs := "2026-03-23 09:14:08 10.0.1.9 51000 10.0.0.12 8081 HTTP/1.1 GET / - 503 3 %s Docs\n"
	for _, tt := range []struct {
		name, word, docs, want, never string
	}{
		{"both", "AppOffline", "AppOffline", "the other pools answered 1 request; 1 request for Docs was not served either", "normally"},
		{"one", "AppOffline", "", "the other pools answered normally", "Docs"},
		{"taken", "Connection_Abandoned_By_ReqQueue", "", "3 requests for Shop were abandoned by a worker process", "refused"},
	} {
		log := refused(3, tt.word, "Shop")
		if tt.docs != "" {
			log.text += fmt.Sprintf(docs, tt.docs)
		}
		b := NewBuilder(Options{})
		tell(t, b, []told{log, pool("", ""), served("09:14:08 8081 200 15", "09:20:00 8081 200 15")})
		list := b.Finish().Requests
		i := slices.IndexFunc(list, func(r *Request) bool { return r.Verdict != nil })
		text := strings.Join(list[i].Verdict.Context, " ")
		if !strings.Contains(text, tt.want) || strings.Contains(text, tt.never) {
			t.Errorf("%s: %q", tt.name, text)
		}
	}
}

// A name of a pool with blanks is quoted in commands, whichever files tell of it.
func TestPoolNameInCommands(t *testing.T) {
	for _, word := range []string{"Connection_Abandoned_By_ReqQueue", "Timer_AppPool"} {
		b := NewBuilder(Options{})
		tell(t, b, []told{refused(1, word, "My+Shop"), system(`09:14:07Z Microsoft-Windows-WAS 5010 warning AppPoolID="My Shop" ProcessID=44`)})
		v := b.Finish().Requests[0].Verdict
		if want := `recycle the pool: appcmd recycle apppool /apppool.name:"My Shop"`; v.ID != "Q16" || !slices.Contains(v.DoNow, want) {
			t.Errorf("%s: %s: %q", word, v.ID, v.DoNow)
		}
	}
}

// Without the event logs the step names them, with machine and span.
func TestPoolMissing(t *testing.T) {
	b := NewBuilder(Options{})
	tell(t, b, []told{refused(3, "AppOffline", "Shop")})
	b.sessions[0].machine = "WEB02"
	v := b.Finish().Requests[0].Verdict
	if want := "get System.evtx and Application.evtx of WEB02, 09:00 to 09:20 UTC, put them in this folder and run again"; v.FindOut[0] != want {
		t.Errorf("got %q", v.FindOut)
	}
	if v.AtLeast {
		t.Error("the log begins before: all that were refused are in it")
	}
}

// A log names neither pool nor process. The settings tell the pool, and files that name both the process.
func TestPoolsOfLogs(t *testing.T) {
	b := NewBuilder(Options{})
	tell(t, b, []told{served("09:05:00 80 200 15", "09:06:00 8081 200 15", "09:20:00 80 200 15"), pool("", ""),
		system("09:04:00Z Microsoft-Windows-WAS 5010 warning AppPoolID=Shop ProcessID=77", "09:10:00Z Microsoft-Windows-WAS 5186 information ProcessID=77 AppPoolID=Shop Minutes=20")})
	var got []string
	for _, r := range b.Finish().Requests {
		got = append(got, fmt.Sprintf("%s %d", r.AppPool, r.PID))
	}
	if want := []string{"Shop 77", "Docs 0", "Shop 0"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A page that a gateway made is of the gateway, unless a server answered so.
func TestFrontTier(t *testing.T) {
	page := told{KindPage, "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center><hr><center>Microsoft-Azure-Application-Gateway/v2</center></body></html>"}
	for _, tt := range []struct {
		name  string
		want  string
		files []told
	}{
		{"no server answered so", "Q15 possible", []told{page, served("09:05:00 80 200 15")}},
		{"a server did", "", []told{page, served("09:05:00 80 502.3 15")}},
		{"no log", "", []told{page}},
	} {
		b := NewBuilder(Options{})
		tell(t, b, tt.files)
		got := ""
		for _, d := range b.Finish().Discoveries {
			if d.Verdict.ID == "Q15" {
				got = d.Verdict.ID + " " + d.Verdict.Confidence.String()
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// The copies of the configuration tell what was changed last, whenever that was.
func TestLastChange(t *testing.T) {
	b := NewBuilder(Options{})
	tell(t, b, []told{refused(1, "AppOffline", "Shop")})
	for _, c := range []struct{ name, attributes string }{
		{"WEB02/applicationHost.config", `queueLength="700"`},
		{"WEB02/history/CFGHISTORY_0000000009/applicationHost.config", `queueLength="500"`},
		{"WEB02/history/CFGHISTORY_0000000010/applicationHost.config", `queueLength="700"`},
	} {
		f, err := iisconfig.Parse(strings.NewReader(pool(c.attributes, "").text), c.name)
		if err != nil {
			t.Fatal(err)
		}
		s := b.Input(Input{Path: c.name, Kind: KindConfig})
		s.Settings(f)
		s.Close()
	}
	v := b.Finish().Requests[0].Verdict
	if !slices.ContainsFunc(v.Context, func(s string) bool {
		return strings.Contains(s, "since copy 9") && strings.Contains(s, "500") && strings.Contains(s, "700")
	}) {
		t.Errorf("context: %q", v.Context)
	}
}

// Where a proxy handed a 503 on, the files of the server behind it tell why.
func TestPoolBehindProxy(t *testing.T) {
	front := iisHead + "2026-03-23 09:14:07 10.0.0.5 GET /cart X-ARR-LOG-ID=765ffbb0-cbec-4960-a0e0-06608dd96d2c&SERVER-STATUS=503 80 10.9.1.9 503 0 0 15\n" +
		"2026-03-23 09:20:00 10.0.0.5 GET /other - 80 10.9.1.9 200 0 0 15\n"
	for _, tt := range []struct {
		name, want string
		events     []string
	}{
		{"crashes, then 5002", "Q1", events(fiveCrashes, []string{off(5002)})},
		{"nothing", "PT1", nil},
	} {
		b := NewBuilder(Options{})
		s := b.Input(Input{Path: "ARR01/u_ex.log", Kind: KindIISLog})
		s.machine = "ARR01"
		for e := range w3c.NewReader(strings.NewReader(front), w3c.Options{}).Entries() {
			s.LogEntry(e)
		}
		s.Close()
		behind := refused(1, "AppOffline", "Shop")
		behind.text = strings.ReplaceAll(behind.text, "10.0.1.9", "10.0.0.5")
		tell(t, b, []told{behind, system(tt.events...)})
		var got []string
		for _, r := range b.Finish().Requests {
			if r.Outcome == Failed {
				got = append(got, r.Verdict.ID)
			}
		}
		if !slices.Equal(got, []string{tt.want}) {
			t.Errorf("%s: got %q, want %s for the one request", tt.name, got, tt.want)
		}
	}
}
