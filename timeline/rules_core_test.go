package timeline

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/etwhy/etwhy/decode/errorpage"
	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/decode/eventlog/eventlogtest"
	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/decode/freb/frebtest"
	"github.com/etwhy/etwhy/decode/iisconfig"
	"github.com/etwhy/etwhy/decode/netshtext"
	"github.com/etwhy/etwhy/decode/w3c"
	"github.com/etwhy/etwhy/etl"
)

// What the scenes below are made of. Everything is of one machine and one morning.
const (
	coreConfig   = `<configuration><system.webServer><aspNetCore processPath="dotnet" arguments=".\Api.dll" /></system.webServer></configuration>`
	coreLonger   = `<configuration><system.webServer><aspNetCore processPath="dotnet" requestTimeout="00:05:00" /></system.webServer></configuration>`
	coreInside   = `<configuration><system.webServer><aspNetCore processPath="dotnet" hostingModel="inprocess" /></system.webServer></configuration>`
	farmConfig   = `<configuration><webFarms><webFarm name="shop"><server address="10.0.0.40" /></webFarm></webFarms></configuration>`
	siteConfig   = `<configuration><system.applicationHost><sites><site name="shop" id="3"><application path="/" /></site></sites></system.applicationHost></configuration>`
	noSockets    = `<configuration><system.webServer><webSocket enabled="false" /></system.webServer></configuration>`
	withSockets  = `<configuration><system.webServer><webSocket enabled="true" /></system.webServer></configuration>`
	logHead      = "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time s-ip s-port cs-method cs-uri-stem c-ip sc-status sc-substatus sc-win32-status time-taken\n"
	platformHead = "#Software: Microsoft Internet Information Services 8.0\n#Fields: date time s-sitename cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Cookie) cs(Referer) cs-host sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken\n"
	instance     = "RD0003FF123456" // of App Service
	errHead      = "#Software: Microsoft HTTP API 2.0\n#Fields: date time c-ip c-port s-ip s-port cs-version cs-method cs-uri sc-status s-siteid s-reason s-queuename\n"
	coreNetstat  = "  TCP    127.0.0.1:14310        0.0.0.0:0              LISTENING       9040\n" +
		"  TCP    127.0.0.1:51300        127.0.0.1:14310        %s        4188\n"
)

// coreLog makes a log of lines like "09:10:02 GET /a 10.0.0.9 502 3 12002 120031".
func coreLog(lines ...string) string {
	s := logHead
	for _, l := range lines {
		f := strings.Fields(l)
		s += "2026-03-05 " + f[0] + " 10.0.0.30 80 " + strings.Join(f[1:], " ") + "\n"
	}
	return s
}

// platformLog makes a log of App Service of lines like "09:10:02 GET /a 500 121 0 230015".
func platformLog(lines ...string) string {
	s := platformHead
	for _, l := range lines {
		f := strings.Fields(l)
		s += fmt.Sprintf("2026-03-05 %s SHOP %s %s X-ARR-LOG-ID=1bc71f38-9791-4895-a0af-75fd81635f6f 443 - 203.0.113.61 curl/8 - - shop.azurewebsites.net %s %s %s 311 1204 %s\n",
			f[0], f[1], f[2], f[3], f[4], f[5], f[6])
	}
	return s
}

// frebOfCore makes a FREB file of GET /a from 09:10:00 on, which a module ended with a status and a code. What lies
// in between is given, or else that the module passed the request on and then nothing.
func frebOfCore(module, status string, code uint32, end string, between ...string) string {
	if between == nil {
		between = []string{"09:10:00.010 ANCM_REQUEST_FORWARD_START", "09:10:00.010 ANCM_WINHTTP_CALLBACK InternetStatus=16", "09:10:00.015 ANCM_WINHTTP_CALLBACK InternetStatus=4194304"}
	}
	main, sub, _ := strings.Cut(status, ".")
	flush := "0"
	for i, l := range between {
		if rest, ok := strings.CutPrefix(l, "flush "); ok {
			flush, between = rest, slices.Delete(slices.Clone(between), i, i+1)
		}
	}
	return fmt.Sprintf(`url http://api.example:80/a
siteId 3
appPoolId Api
processId 4188
verb GET
activityId {4000A1D4-0000-FE00-B63F-84710C7967BB}
statusCode %s
computer WEB30
date 2026-03-05
09:10:00.000 GENERAL_REQUEST_START SiteId=3 AppPoolId=Api ConnId=1 RawConnId=0 RequestURL=http://api.example:80/a RequestVerb=GET
09:10:00.000 GENERAL_ENDPOINT_INFORMATION RemoteAddress=10.0.0.9 RemotePort=61022 LocalAddress=10.0.0.30 LocalPort=80
09:10:00.000 GENERAL_REQUEST_HEADERS Headers="Host: api.example\r\n\r\n"
09:10:00.010 > %s 128
%s
%s @67 MODULE_SET_RESPONSE_ERROR_STATUS ModuleName=%s Notification=128~EXECUTE_REQUEST_HANDLER HttpStatus=%s HttpReason=Bad HttpSubStatus=%s ErrorCode=%d ConfigExceptionInfo=
%s @67 GENERAL_FLUSH_RESPONSE_START
%s @67 GENERAL_FLUSH_RESPONSE_END BytesSent=0 ErrorCode=%s
%s @67 GENERAL_REQUEST_END BytesSent=0 BytesReceived=180 HttpStatus=%s HttpSubStatus=%s
`, status, module, strings.Join(between, "\n"), end, module, main, cmp.Or(sub, "0"), code, end, end, flush, end, main, cmp.Or(sub, "0"))
}

// corePage is a detailed error page for /a.
func corePage(status, module, code string) string {
	return `<html><head><title>IIS 10.0 Detailed Error - ` + status + ` - Bad Gateway</title></head><body><h2>HTTP Error ` + status + ` - Bad Gateway</h2><table>
<tr><th>Module</th><td>&nbsp;&nbsp;&nbsp;` + module + `</td></tr>
<tr><th>Notification</th><td>&nbsp;&nbsp;&nbsp;ExecuteRequestHandler</td></tr>
<tr><th>Handler</th><td>&nbsp;&nbsp;&nbsp;aspNetCore</td></tr>
<tr><th>Error Code</th><td>&nbsp;&nbsp;&nbsp;` + code + `</td></tr>
<tr><th>Requested URL</th><td>&nbsp;&nbsp;&nbsp;http://api.example:80/a</td></tr>
<tr><th>Physical Path</th><td>&nbsp;&nbsp;&nbsp;D:\sites\a</td></tr>
<tr><th>Logon Method</th><td>&nbsp;&nbsp;&nbsp;Anonymous</td></tr>
<tr><th>Logon User</th><td>&nbsp;&nbsp;&nbsp;Anonymous</td></tr>
</table></body></html>`
}

// Events of a machine.
const (
	startFailed = `2026-03-05T09:09:58Z "IIS AspNetCore Module" 1000 error "Application 'APPHOST/A' with root 'D:\\api' did not start, ErrorCode = '0x80004005 : 1."`
	portReused  = `2026-03-05T09:09:58Z Tcpip 4227 warning ""`
	bindFailed  = `2026-03-05T09:09:58Z Microsoft-Windows-HttpEvent 15005 error DeviceObject=x Address=[::]:53362`
	appStopped  = `2026-03-05T09:09:59Z "IIS AspNetCore Module V2" 1033 information "Application 'APPHOST/A' is down." "Process Id: 77."`
	ownRecycle  = `2026-03-05T09:09:59Z Microsoft-Windows-WAS 5076 information ProcessID=4188 AppPoolID=Api`
	otherPool   = `2026-03-05T09:09:59Z Microsoft-Windows-WAS 5076 information ProcessID=9 AppPoolID=Other`
	crashed     = `2026-03-05T09:10:01Z ".NET Runtime" 1026 error "Application: w3wp.exe\nDescription: x\nException Info: System.InvalidOperationException: x\n   at Shop.Cart.Load()"`
	outOfMemory = `2026-03-05T09:10:01Z ".NET Runtime" 1026 error "Application: w3wp.exe\nDescription: x\nException Info: System.OutOfMemoryException: x\n   at Shop.Cart.Load()"`
	ownHang     = `2026-03-05T09:10:01Z Microsoft-Windows-WAS 5010 warning AppPoolID=Api ProcessID=4188`
	otherHang   = `2026-03-05T09:10:01Z Microsoft-Windows-WAS 5010 warning AppPoolID=Other ProcessID=9`
)

// coreScene reads the files of a machine, by the ends of their names, and joins what they tell.
func coreScene(t *testing.T, files map[string]string) *Builder {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	b := NewBuilder(Options{})
	names := sortedKeys(files)
	b.Watch(0, 0)
	day := etl.FromTime(time.Date(2026, 3, 5, 9, 0, 0, 0, time.UTC))
	b.Watch(day, day.Add(time.Hour))
	for _, name := range names {
		text := files[name]
		in := Input{Path: "case/WEB30/" + name}
		if strings.Contains(name, "/") {
			in.Path = "case/" + name
		}
		switch path.Ext(name) {
		case ".freb":
			in.Kind = KindFREB
			xml, err := frebtest.XML(text)
			check(err)
			f, err := freb.NewReader(bytes.NewReader(xml))
			check(err)
			q, err := f.Request()
			check(err)
			b.Input(in).FREB(q)
		case ".log":
			in.Kind = KindIISLog
			if strings.HasPrefix(text, errHead) {
				in.Kind = KindHTTPERR
			}
			s := b.Input(in)
			for e, err := range w3c.NewReader(strings.NewReader(text), w3c.Options{Name: name}).Entries() {
				check(err)
				s.LogEntry(e)
			}
		case ".events":
			in.Kind = KindEvents
			computer := "WEB30"
			if strings.Contains(files["f.freb"], instance) {
				computer = instance
			}
			xml, err := eventlogtest.XML("computer " + computer + "\nchannel System\n" + text + "\n")
			check(err)
			in.Channels = []string{"System"}
			s := b.Input(in)
			for e, err := range eventlog.NewReader(bytes.NewReader(xml), int64(len(xml)), eventlog.Options{}).Entries() {
				check(err)
				s.Happened(e)
				s.in.First, s.in.Last = min(cmp.Or(s.in.First, e.Time), e.Time), max(s.in.Last, e.Time)
			}
		case ".config":
			in.Kind = KindConfig
			f, err := iisconfig.Parse(strings.NewReader(text), name)
			check(err)
			b.Input(in).Settings(f)
		case ".htm":
			in.Kind = KindPage
			p, err := errorpage.Parse(strings.NewReader(text))
			check(err)
			b.Input(in).Page(p)
		case ".txt":
			in.Kind = KindConsole
			p, err := netshtext.Parse(strings.NewReader("\nActive Connections\n\n  Proto  Local Address          Foreign Address        State           PID\n" + text))
			check(err)
			b.Input(in).Console(p)
		default:
			t.Fatalf("what is %s", name)
		}
	}
	return b
}

// outbound adds a call that a trace of the machine, or of another one, shows.
func outbound(b *Builder, folder string, r *Request, f *facts) {
	s := b.Input(Input{Path: "case/" + folder + "/net.etl"})
	s.host(folder)
	r.facts, r.Process = f, "w3wp.exe"
	s.emit(s.begin(r))
}

func TestCoreRules(t *testing.T) {
	type set = map[string]string
	const (
		timeout   = 0x80072ee2
		noConnect = 0x80072efd
		broken    = 0x80072efe
		unread    = 0x80072f78
		shutdown  = 0x800704e7
		nonesuch  = 0x800704cd
		invalid   = 0x80070057
	)
	slow := frebOfCore("AspNetCoreModule", "502.3", timeout, "09:12:00.020")
	begun := []string{"09:10:00.010 ANCM_REQUEST_FORWARD_START", "09:10:00.015 ANCM_WINHTTP_CALLBACK InternetStatus=4194304", "09:10:00.300 ANCM_WINHTTP_CALLBACK InternetStatus=131072"}
	unsent := []string{"09:10:00.010 ANCM_REQUEST_FORWARD_START", "09:10:00.011 ANCM_WINHTTP_CALLBACK InternetStatus=1024"}
	gone := append(slices.Clone(begun), "flush 2147942464")
	goneBefore := []string{"09:10:00.010 ANCM_REQUEST_FORWARD_START", "09:10:00.015 ANCM_WINHTTP_CALLBACK InternetStatus=4194304", "flush 2147942464"}
	answered500 := []string{"09:10:00.010 ANCM_REQUEST_FORWARD_START", "09:10:00.015 ANCM_WINHTTP_CALLBACK InternetStatus=4194304", "09:10:00.300 ANCM_WINHTTP_CALLBACK InternetStatus=131072",
		"09:10:00.300 ANCM_WINHTTP_CALLBACK InternetStatus=524288", "09:10:00.310 ANCM_REQUEST_FORWARD_END"}
	pace := coreLog("09:09:54 GET /a 10.0.0.9 200 0 0 30", "09:10:00 GET /a 10.0.0.9 500 1013 109 2", "09:10:06 GET /a 10.0.0.9 200 0 0 30",
		"09:10:12 GET /a 10.0.0.9 500 1013 109 2", "09:10:18 GET /a 10.0.0.9 200 0 0 30")
	unsteady := coreLog("09:09:48 GET /a 10.0.0.9 200 0 0 30", "09:09:50 GET /a 10.0.0.9 500 1013 109 2", "09:10:00 GET /a 10.0.0.9 200 0 0 30",
		"09:10:06 GET /a 10.0.0.9 500 1013 109 2", "09:10:12 GET /a 10.0.0.9 500 1013 109 2")
	balancer := coreLog("09:09:00 GET /a 10.0.0.91 200 0 0 21", "09:09:10 GET /a 10.0.0.91 200 0 0 21", "09:10:00 GET /a 10.0.0.9 502 3 12152 19", "09:11:00 GET /a 10.0.0.9 502 3 12152 19")
	all := coreLog("09:09:00 GET /a 10.0.0.91 200 0 0 21", "09:09:10 GET /a 10.0.0.91 502 3 12152 21", "09:10:00 GET /a 10.0.0.9 502 3 12152 19", "09:11:00 GET /a 10.0.0.9 502 3 12152 19")
	abandoned := errHead + "2026-03-05 09:10:00 10.0.0.9 61022 10.0.0.30 80 HTTP/1.1 GET /a - 3 Connection_Abandoned_By_ReqQueue Api\n"
	full := errHead + "2026-03-05 09:10:00 10.0.0.9 61022 10.0.0.30 80 HTTP/1.1 GET /a 503 3 QueueFull Api\n"
	one := func(rest string) string { return coreLog("09:10:00 GET /a 10.0.0.9 " + rest) }
	start := etl.FromTime(time.Date(2026, 3, 5, 9, 10, 0, 0, time.UTC))
	call := func(phase PhaseName, code Code, outcome Outcome) *Request {
		return &Request{Outcome: outcome, Phase: phase, Error: code, URL: "https://rates.example/", Host: "rates.example", Server: "203.0.113.77:443", Start: start, End: start.Add(time.Second)}
	}
	toCore := func(code Code) *Request {
		return &Request{Outcome: Failed, Phase: PhaseReceive, Error: code, URL: "http://127.0.0.1:21943/a", Server: "127.0.0.1:21943", Start: start, End: start.Add(2 * time.Minute),
			Phases: []Phase{{Name: PhaseReceive, Detail: "headers", Start: start, End: start.Add(2 * time.Minute), Outcome: Failed}}, Timer: &Timer{"receive", 2 * time.Minute, TimerTrace}}
	}
	const sent = factTried | factConnected | factSending | factSent

	tests := []struct {
		name  string
		want  string // id and confidence of the verdict on the first request that did not go well
		files set
		more  func(b *Builder)
	}{
		{"ports scarce before a 502.5", "C3 likely", set{"u.log": one("502 5 0 3"), "s.events": portReused}, nil},
		{"ports scarce, and ARR's 502.5", "W2", set{"u.log": one("502 5 0 3"), "s.events": portReused, "a.config": farmConfig, "f.freb": frebOfCore("ApplicationRequestRouting", "502.5", 0, "09:10:00.200", "09:10:00.020 ARR_SERVER_ROUTED Server=10.0.0.40 RoutingReason=LoadBalancing")}, nil},
		{"start failed, the page names the module", "K1 certain", set{"u.log": one("502 5 0 3"), "a.events": startFailed, "e.htm": corePage("502.5", "AspNetCoreModule", "0x00000000")}, nil},
		{"start failed, log only", "K1 likely", set{"u.log": one("502 5 0 3"), "a.events": startFailed}, nil},
		{"start failed, of which application is not told", "K1 possible", set{"u.log": one("502 5 0 3"), "a.events": strings.ReplaceAll(startFailed, "APPHOST/A", "APPHOST/STOCK")}, nil},
		{"start failed, of another application", "K1 possible", set{"u.log": one("502 5 0 3"), "a.events": strings.ReplaceAll(startFailed, "APPHOST/A", "APPHOST/STOCK"), "applicationHost.config": siteConfig}, nil},
		{"500.30 without events", "K1 likely", set{"u.log": one("500 30 0 3")}, nil},
		{"500.0 without events", "HTTP-5xx likely", set{"u.log": one("500 0 0 3")}, nil},
		{"502.5 with a section", "K1 possible", set{"u.log": one("502 5 0 3"), "web.config": coreConfig}, nil},
		{"502.5 with nothing", "NE possible", set{"u.log": one("502 5 0 3")}, nil},

		{"1255 in the process that is recycled", "Q11 certain", set{"f.freb": frebOfCore("AspNetCoreModuleV2", "503.0", shutdown, "09:10:00.020", "09:10:00.010 HANDLER_CHANGED"), "s.events": ownRecycle}, nil},
		{"1255 while the application stops", "Q11 likely", set{"u.log": one("503 0 1255 3"), "a.events": appStopped}, nil},
		{"1255 while an application stops", "Q11 possible", set{"u.log": one("503 0 1255 3"), "a.events": strings.ReplaceAll(appStopped, "APPHOST/A", "APPHOST/STOCK")}, nil},
		{"1255 while another application of the process stops", "Q11 possible", set{"f.freb": frebOfCore("AspNetCoreModuleV2", "503.0", shutdown, "09:10:00.020", "09:10:00.010 HANDLER_CHANGED"),
			"a.events": strings.NewReplacer("APPHOST/A", "APPHOST/STOCK", "77", "4188").Replace(appStopped), "applicationHost.config": siteConfig}, nil},
		{"1255 while another pool is recycled", "Q11 possible", set{"f.freb": frebOfCore("AspNetCoreModuleV2", "503.0", shutdown, "09:10:00.020", "09:10:00.010 HANDLER_CHANGED"), "s.events": otherPool}, nil},
		{"1255 alone", "Q11 possible", set{"u.log": one("503 0 1255 3")}, nil},
		{"503 with another code", "HTTP-5xx likely", set{"u.log": one("503 0 5 3"), "a.events": appStopped}, nil},

		{"a socket, refused and off", "Q14 certain", set{"u.log": coreLog("09:10:00 GET /a/websocket 10.0.0.9 503 0 0 3"), "web.config": noSockets,
			"e.htm": strings.ReplaceAll(corePage("503.0", "DWASModule", "0x00000000"), ":80/a<", ":80/a/websocket<"), "WEB31/web.config": withSockets}, nil},
		{"a socket, refused and off, of one folder", "Q14 likely", set{"u.log": coreLog("09:10:00 GET /a/websocket 10.0.0.9 503 0 0 3"), "web.config": noSockets,
			"e.htm": strings.ReplaceAll(corePage("503.0", "DWASModule", "0x00000000"), ":80/a<", ":80/a/websocket<")}, nil},
		{"a socket, and off", "Q14 likely", set{"u.log": coreLog("09:10:00 GET /a/websocket 10.0.0.9 503 0 0 3"), "web.config": noSockets}, nil},
		{"a socket, and on", "HTTP-5xx likely", set{"u.log": coreLog("09:10:00 GET /a/websocket 10.0.0.9 503 0 0 3"), "web.config": withSockets}, nil},
		{"off, and no socket", "HTTP-5xx likely", set{"u.log": one("503 0 0 3"), "web.config": noSockets}, nil},
		{"a socket, refused", "Q14 likely", set{"u.log": coreLog("09:10:00 GET /a/websocket 10.0.0.9 503 0 0 3"),
			"e.htm": strings.ReplaceAll(corePage("503.0", "DWASModule", "0x00000000"), ":80/a<", ":80/a/websocket<")}, nil},

		{"client gone, the answer had begun", "R7 likely", set{"f.freb": frebOfCore("AspNetCoreModule", "502.3", invalid, "09:10:00.343", gone...), "u.log": coreLog("09:10:00 GET /a 10.0.0.9 502 3 64 343")}, nil},
		{"client gone, no answer yet", "R7 likely", set{"f.freb": frebOfCore("AspNetCoreModule", "502.3", nonesuch, "09:10:00.343", goneBefore...), "u.log": coreLog("09:10:00 GET /a 10.0.0.9 502 3 64 343")}, nil},
		{"connection gone on App Service", "R7 possible", set{"f.freb": strings.ReplaceAll(frebOfCore("AspNetCoreModule", "502.3", nonesuch, "09:10:00.343", gone...), "WEB30", instance)}, nil},
		{"log of App Service, client gone", "R7 possible", set{"u.log": platformLog("09:10:00 GET /a 502 3 64 343")}, nil},
		{"400 for a client that is gone", "R7 likely", set{"f.freb": frebOfCore("AspNetCoreModuleV2", "400.0", 0x80072746, "09:10:30.000", goneBefore...)}, nil},
		{"client still there", "K2 possible", set{"f.freb": frebOfCore("AspNetCoreModule", "502.3", nonesuch, "09:10:00.343", begun...)}, nil},

		{"limit ran, told twice", "T7 certain", set{"f.freb": slow, "u.log": coreLog("09:12:00 GET /a 10.0.0.9 502 3 12002 120020")}, nil},
		{"limit ran, FREB alone", "T7 likely", set{"f.freb": slow}, nil},
		{"limit of 5 min, and 2 min waited", "T7 possible", set{"f.freb": slow, "web.config": coreLonger}, nil},
		{"the same by HttpPlatformHandler", "T7 likely", set{"f.freb": frebOfCore("httpPlatformHandler", "502.3", timeout, "09:12:00.020", "09:10:00.016 GENERAL_SET_REQUEST_HEADER HeaderName=X-Forwarded-For HeaderValue=10.0.0.9:1 Replace=true")}, nil},
		{"log and section", "T7 likely", set{"u.log": coreLog("09:12:00 GET /a 10.0.0.9 502 3 12002 120020"), "web.config": coreConfig}, nil},
		{"log and section, in process: nothing is passed on", "NE possible", set{"u.log": coreLog("09:12:00 GET /a 10.0.0.9 502 3 12002 120020"), "web.config": coreInside}, nil},
		{"log of 2 min, nothing else", "NE possible", set{"u.log": coreLog("09:12:00 GET /a 10.0.0.9 502 3 12002 120020")}, nil},
		{"trace to a program of its own, with the module's mark", "T7 likely", set{"web.config": coreConfig}, func(b *Builder) {
			outbound(b, "WEB30", toCore(1460), &facts{seen: sent | factCoreToken | factTimerKnown | factTimerNear, wait: 2 * time.Minute})
		}},
		{"trace to a program of its own, limits of 2 min", "T7 likely", set{}, func(b *Builder) {
			outbound(b, "WEB30", toCore(1460), &facts{seen: sent | factTimerKnown | factTimerNear, wait: 2 * time.Minute})
		}},
		{"trace to another machine", "T1 likely", set{}, func(b *Builder) {
			r := toCore(1460)
			r.Server, r.URL = "10.0.0.40:80", "http://10.0.0.40/a"
			outbound(b, "WEB30", r, &facts{seen: sent | factTimerKnown | factTimerNear, wait: 2 * time.Minute})
		}},

		{"no connection, ports scarce", "C3 likely", set{"f.freb": frebOfCore("AspNetCoreModule", "502.3", noConnect, "09:10:02.020", unsent...), "s.events": portReused}, nil},
		{"no connection, 15005", "C5 likely", set{"u.log": one("502 3 12029 2040"), "s.events": bindFailed}, nil},
		{"no connection, and it listens", "C5 possible", set{"u.log": one("502 3 12029 2040"), "n.txt": fmt.Sprintf(coreNetstat, "SYN_SENT")}, nil},
		{"no connection, it listens and is connected", "NE possible", set{"u.log": one("502 3 12029 2040"), "n.txt": fmt.Sprintf(coreNetstat, "ESTABLISHED")}, nil},
		{"the limit ran before anything was sent", "C5 possible", set{"f.freb": frebOfCore("AspNetCoreModule", "502.3", timeout, "09:12:00.020", unsent...)}, nil},
		{"no connection", "C1 likely", set{"f.freb": frebOfCore("AspNetCoreModule", "502.3", noConnect, "09:10:02.020", unsent...)}, nil},
		{"no connection, log and section", "C1 possible", set{"u.log": one("502 3 12029 2040"), "web.config": coreConfig}, nil},
		{"no connection, log only", "NE possible", set{"u.log": one("502 3 12029 2040")}, nil},

		{"broken, and a crash", "R2 likely", set{"f.freb": frebOfCore("AspNetCoreModule", "502.3", broken, "09:10:02.020"), "a.events": crashed}, nil},
		{"broken, and a crash of something else", "R1 possible", set{"f.freb": frebOfCore("AspNetCoreModule", "502.3", broken, "09:10:02.020"), "a.events": strings.ReplaceAll(crashed, "w3wp.exe", "backup.exe")}, nil},
		{"broken, and a crash of the program in its section", "R2 likely", set{"f.freb": frebOfCore("AspNetCoreModule", "502.3", broken, "09:10:02.020"), "a.events": strings.ReplaceAll(crashed, "w3wp.exe", "Api.exe"),
			"web.config": strings.ReplaceAll(coreConfig, "dotnet", `.\Api.exe`)}, nil},
		{"broken", "R1 possible", set{"f.freb": frebOfCore("AspNetCoreModule", "502.3", broken, "09:10:02.020")}, nil},
		{"broken and a crash on App Service", "A3 likely", set{"f.freb": strings.ReplaceAll(frebOfCore("AspNetCoreModule", "502.3", broken, "09:10:02.020"), "WEB30", instance), "a.events": crashed}, nil},
		{"POST only", "R4 possible", set{"u.log": coreLog("09:09:00 GET /b 10.0.0.9 200 0 0 20", "09:09:05 GET /b 10.0.0.9 200 0 0 20", "09:10:00 POST /a 10.0.0.9 502 3 12030 5", "09:11:00 POST /a 10.0.0.9 502 3 12030 5")}, nil},
		{"POST and GET", "NE possible", set{"u.log": coreLog("09:09:00 GET /b 10.0.0.9 200 0 0 20", "09:09:05 GET /b 10.0.0.9 502 3 12030 20", "09:10:00 POST /a 10.0.0.9 502 3 12030 5", "09:11:00 POST /a 10.0.0.9 502 3 12030 5")}, nil},
		{"POST only, after a second", "NE possible", set{"u.log": coreLog("09:09:00 GET /b 10.0.0.9 200 0 0 20", "09:09:05 GET /b 10.0.0.9 200 0 0 20", "09:10:00 POST /a 10.0.0.9 502 3 12030 1005", "09:11:00 POST /a 10.0.0.9 502 3 12030 1005")}, nil},
		{"unreadable for one client", "X6 possible", set{"f.freb": frebOfCore("AspNetCoreModule", "502.3", unread, "09:10:00.019"), "u.log": balancer}, nil},
		{"unreadable for all", "NE possible", set{"f.freb": frebOfCore("AspNetCoreModule", "502.3", unread, "09:10:00.019"), "u.log": all}, nil},

		{"a call from App Service", "A4 possible", set{}, func(b *Builder) {
			outbound(b, instance, call(PhaseTLS, 12030, Failed), &facts{seen: factTried | factConnected})
		}},
		{"a call that the other end closed", "S5 possible", set{}, func(b *Builder) {
			outbound(b, instance, call(PhaseTLS, 12030, Failed), &facts{seen: factTried | factConnected | factPeerReset})
		}},
		{"TLS fails here only", "S9 possible", set{}, func(b *Builder) {
			outbound(b, "WEB30", call(PhaseTLS, 12175, Failed), &facts{seen: factTried | factConnected})
			outbound(b, "DEV01", call("", 0, OK), nil)
		}},
		{"TLS fails here, nobody else asked", "NE possible", set{}, func(b *Builder) {
			outbound(b, "WEB30", call(PhaseTLS, 12175, Failed), &facts{seen: factTried | factConnected})
		}},
		{"500 of the application", "HTTP-5xx likely", set{"f.freb": strings.ReplaceAll(frebOfCore("AspNetCoreModule", "500.0", 0, "09:10:00.320", answered500...), "MODULE_SET_RESPONSE_ERROR_STATUS", "MODULE_SET_RESPONSE_SUCCESS_STATUS")}, nil},
		{"502.3 with a code of its own", "NE possible", set{"u.log": one("502 3 5 40")}, nil},

		{"pipe of iisnode, steady, FREB", "R4 certain", set{"u.log": pace, "f.freb": frebOfCore("iisnode", "500.1013", 0x8007006d, "09:10:00.002", "09:10:00.001 HANDLER_CHANGED")}, nil},
		{"pipe of iisnode, steady", "R4 likely", set{"u.log": pace}, nil},
		{"pipe of iisnode, now and then", "R4 possible", set{"u.log": unsteady}, nil},
		{"500.1013 without a code", "HTTP-5xx likely", set{"u.log": one("500 1013 0 2")}, nil},
		{"230 s, 500.121", "A1 likely", set{"u.log": platformLog("09:10:00 GET /a 500 121 0 230015")}, nil},
		{"230 s, 500.0", "A1 possible", set{"u.log": platformLog("09:10:00 GET /a 500 0 0 230015")}, nil},
		{"200 s", "HTTP-5xx likely", set{"u.log": platformLog("09:10:00 GET /a 500 0 0 200015")}, nil},
		{"230 s, not App Service", "HTTP-5xx likely", set{"u.log": one("500 0 0 230015")}, nil},
		{"a crash on App Service", "A3 likely", set{"u.log": platformLog("09:10:00 GET /a 502 0 0 15"), "e.events": crashed}, nil},
		{"out of memory on App Service", "A2 possible", set{"u.log": platformLog("09:10:00 GET /a 503 0 0 15"), "e.events": outOfMemory}, nil},
		{"503.4", "Q10 likely", set{"u.log": one("503 4 0 3")}, nil},
		{"503.2", "Q5", set{"u.log": one("503 2 0 3"), "s.events": otherPool}, nil},
		{"FREB has the queue full", "Q10 likely", set{"f.freb": frebOfCore("FastCgiModule", "500.0", 5, "09:10:00.020", "09:10:00.015 CGIF_QUEUE_FULL ErrorCode=5")}, nil},
		{"hang of its process", "Q16 certain", set{"h.log": abandoned, "s.events": ownHang}, func(b *Builder) { b.requests[0].PID = 4188 }},
		{"hang of its pool", "Q16 likely", set{"h.log": abandoned, "s.events": ownHang}, nil},
		{"queue full while it hangs", "Q4", set{"h.log": full, "s.events": ownHang}, nil},

		{"page: 502.5", "K1 likely", set{"e.htm": corePage("502.5", "AspNetCoreModule", "0x00000000")}, nil},
		{"page: time-out", "T7 possible", set{"e.htm": corePage("502.3", "AspNetCoreModule", "0x80072ee2")}, nil},
		{"page: time-out of ARR", "NE possible", set{"e.htm": corePage("502.3", "ApplicationRequestRouting", "0x80072ee2")}, nil},
		{"page: no connection", "C1 possible", set{"e.htm": corePage("502.3", "AspNetCoreModuleV2", "0x80072efd")}, nil},
		{"page: shutting down", "Q11 possible", set{"e.htm": corePage("503.0", "AspNetCoreModuleV2", "0x800704e7")}, nil},
	}
	tried := map[string][]rule{"core": coreRules, "served": servedRules, "alone": coreAloneRules}
	used := map[string]bool{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := coreScene(t, tt.files)
			if tt.more != nil {
				tt.more(b)
			}
			for _, r := range b.requests {
				b.attribute(r)
			}
			b.join()
			slices.SortStableFunc(b.requests, func(x, y *Request) int { return cmp.Compare(x.Start, y.Start) })
			scenes, table, which := b.pageScenes(), coreAloneRules, "alone"
			j := &judge{fared: newFared(b.requests), texts: map[string]string{}, lists: map[string][]string{}, nears: map[string][]Rejection{}}
			var v *Verdict
			for _, r := range b.requests {
				if r.Outcome != Failed && r.Outcome != Cancelled {
					continue
				}
				if x := b.scene(r); scenes == nil || v == nil {
					scenes, table, which = []*scene{x}, tables[r.Side], [...]string{Client: "core", Server: "served"}[r.Side]
					v = j.verdict(b, r)
				}
				for i, u := range tables[r.Side] {
					if u.fits(b.scene(r)) {
						used[[...]string{Client: "core", Server: "served"}[r.Side]+strconv.Itoa(i)] = true
						break
					}
				}
			}
			if v == nil && len(scenes) > 0 {
				i := slices.IndexFunc(table, func(u rule) bool { return u.fits(scenes[0]) })
				if i < 0 {
					t.Fatal("no rule fits the page")
				}
				used[which+strconv.Itoa(i)] = true
				v = table[i].verdict(scenes[0])
			}
			if v == nil {
				t.Fatal("no verdict")
			}
			if got := v.ID + " " + v.Confidence.String(); !strings.HasPrefix(got, tt.want) {
				t.Errorf("%s, want %s: %s", got, tt.want, v.Title)
			}
			for _, s := range slices.Concat([]string{v.Title, v.Open}, v.DoNow, v.FindOut) {
				if i := strings.IndexByte(s, '{'); i >= 0 {
					t.Errorf("a word without a value in %q", s)
				}
			}
		})
	}
	for name, list := range tried {
		for i, u := range list {
			for _, n := range u.near {
				if n.id == u.id {
					t.Errorf("%s rejects itself", u.id)
				}
			}
			shared := slices.ContainsFunc(eitherSide, func(o rule) bool { return o.title == u.title })
			if !used[name+strconv.Itoa(i)] && !shared && u.as != Cancelled {
				t.Errorf("no test for row %d of the %s rules, %s %q", i, name, u.id, u.title)
			}
		}
	}
}

// coreVerdicts are those on the requests of some files.
func coreVerdicts(t *testing.T, files map[string]string) (list []*Verdict) {
	t.Helper()
	for _, r := range coreScene(t, files).Finish().Requests {
		if r.Verdict != nil {
			list = append(list, r.Verdict)
		}
	}
	if len(list) == 0 {
		t.Fatal("no verdict")
	}
	return list
}

// TestTied tells events on the application that a request was for from those on others.
func TestTied(t *testing.T) {
	const sites = `<configuration><system.applicationHost><sites>
<site name="Shop" id="3"><application path="/"><virtualDirectory path="/" physicalPath="D:\sites\shop\" /></application>
<application path="/api"><virtualDirectory path="/" physicalPath="%SystemDrive%\api" /></application></site>
<site name="Stock" id="4"><application path="/"><virtualDirectory path="/" physicalPath="D:\sites\stock" /></application></site>
</sites></system.applicationHost></configuration>`
	host, err := iisconfig.Parse(strings.NewReader(sites), "applicationHost.config")
	if err != nil {
		t.Fatal(err)
	}
	known, blank := &Machine{settings: iisconfig.NewServer(host)}, &Machine{settings: iisconfig.NewServer()}
	for _, tt := range []struct {
		on     *Machine
		site   uint32
		path   string
		detail string
		want   tie
	}{
		{known, 3, "/cart", "MACHINE/WEBROOT/APPHOST/SHOP", itself},
		{known, 3, "/cart", "MACHINE/WEBROOT/APPHOST/STOCK", another},
		{known, 3, "/cart", "APPHOST/SHOP/api", another},
		{known, 3, "/api/v1", "APPHOST/SHOP/API", itself},
		{known, 3, "/api/v1", "APPHOST/SHOP", another},
		{known, 3, "/apis", "APPHOST/SHOP", itself},
		{known, 3, "/cart", "/LM/W3SVC/3/ROOT", itself},
		{known, 3, "/cart", "/LM/W3SVC/4/ROOT", another},
		{known, 3, "/cart", `D:\sites\shop`, itself},
		{known, 4, "/cart", `D:\sites\shop\`, another},
		{known, 3, "/api/v1", `C:\web`, unclear}, // its folder has a variable
		{known, 0, "/cart", "APPHOST/SHOP", unclear},
		{known, 0, "/cart", "APPHOST/BILLING", another},
		{blank, 3, "/cart", "APPHOST/SHOP", unclear},
		{blank, 3, "/shop/cart", "APPHOST/SHOP", itself},
		{blank, 3, "/cart", "APPHOST/SHOP/api", another},
		{blank, 3, "/cart", "/LM/W3SVC/4/ROOT", another},
		{blank, 3, "/cart", "/LM/W3SVC/3/ROOT", itself},
		{blank, 3, "/cart", "Orders pool", unclear},
	} {
		x := &scene{front: tt.on, r: &Request{sight: &sight{site: tt.site, path: tt.path}}}
		o := &occurrence{Fact: eventlog.Fact{Kind: eventlog.AppStartFailed, Detail: tt.detail}}
		if got := x.tied(o); got != tt.want {
			t.Errorf("site %d, %s, event on %s: %d, want %d", tt.site, tt.path, tt.detail, got, tt.want)
		}
	}
}

// TestOtherApplication has events on another application: nothing of them is quoted.
func TestOtherApplication(t *testing.T) {
	stopped := strings.ReplaceAll(appStopped, "APPHOST/A", "APPHOST/STOCK")
	log := coreLog("09:10:00 GET /a 10.0.0.9 503 0 1255 3")
	quotes := func(v *Verdict) bool {
		return slices.ContainsFunc(v.Evidence, func(e Evidence) bool { return strings.Contains(e.Text, "STOCK") })
	}
	if v := coreVerdicts(t, map[string]string{"u.log": log, "a.events": stopped})[0]; !quotes(v) || !strings.Contains(v.Open, "STOCK") {
		t.Errorf("maybe another: %q, %v", v.Open, v.Evidence)
	}
	if v := coreVerdicts(t, map[string]string{"u.log": log, "a.events": stopped, "applicationHost.config": siteConfig})[0]; quotes(v) {
		t.Errorf("another: %v", v.Evidence)
	}
}

// TestSetters says who gave a substatus.
func TestSetters(t *testing.T) {
	for name, tt := range map[string]struct {
		answer string // status, substatus, win32, time-taken
		more   map[string]string
		want   string
	}{
		"configuration":             {"500 19 5 36", nil, "HTTP-5xx likely IIS itself answered 500.19: the configuration is not valid (5 ERROR_ACCESS_DENIED)"},
		"rewrite rules":             {"500 50 0 3", nil, "HTTP-5xx likely URL Rewrite answered 500.50: URL Rewrite failed"},
		"start in the process":      {"500 30 0 32", nil, "K1 likely the ASP.NET Core Module could not start the application: its start failed inside"},
		"front end, too early":      {"500 121 0 37", nil, "HTTP-5xx possible 500.121 is what App Service's front end gives after 230 s without an answer, and this was 37 ms"},
		"CGI or ARR":                {"502 2 0 38", nil, "NE possible 502.2 has two meanings: "},
		"CGI, and no farm":          {"502 2 0 38", map[string]string{"web.config": noSockets}, "HTTP-5xx likely the CGI module answered 502.2: the CGI program ended"},
		"no substatus":              {"500 0 0 38", nil, "HTTP-5xx likely the application answered 500"},
		"a substatus without a row": {"500 77 0 38", nil, "HTTP-5xx likely the application answered 500"},
	} {
		files := map[string]string{"u.log": coreLog("09:10:00 GET /a 10.0.0.9 " + tt.answer)}
		for k, v := range tt.more {
			files[k] = v
		}
		v := coreVerdicts(t, files)[0]
		if got := v.ID + " " + v.Confidence.String() + " " + v.Title; !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestUsualTime compares with whole, good answers only, and says nothing of the phase that a log does not tell.
func TestUsualTime(t *testing.T) {
	arr := func(lines ...string) string {
		s := "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time s-ip s-port cs-method cs-uri-stem cs-uri-query c-ip sc-status sc-substatus sc-win32-status time-taken\n"
		for i, l := range lines {
			f := strings.Fields(l)
			s += fmt.Sprintf("2026-03-05 %s 10.0.0.4 80 GET /p X-ARR-CACHE-HIT=0&X-ARR-LOG-ID=6018366c-f658-47a7-9ed3-4fe53a09%04d&SERVER-STATUS=%s 10.0.1.21 %s\n", f[0], i, f[1], strings.Join(f[2:], " "))
		}
		return s
	}
	v := coreVerdicts(t, map[string]string{"u.log": arr("09:08:00 200 200 0 0 21", "09:09:00 404 404 0 0 9000", "09:10:00 0 400 0 64 211", "09:12:00 0 400 604 0 60011")})[0]
	if text := strings.Join(v.Context, " "); v.ID != "R7" || !strings.Contains(text, "longer than this page takes when all goes well: up to 21 ms in 1 other request;") {
		t.Errorf("%s: %q", v.ID, text)
	}
	if strings.Contains(v.Title, "before anything was sent") {
		t.Error(v.Title)
	}
}

// TestPortsAround refutes scarce ports without denying those of another time.
func TestPortsAround(t *testing.T) {
	log := coreLog("09:10:00 GET /a 10.0.0.9 502 3 12029 2040")
	around := `2026-03-05T08:00:00Z Microsoft-Windows-Kernel-General 12 information x=1` + "\n%s" + `2026-03-05T09:30:00Z Microsoft-Windows-Kernel-General 12 information x=1`
	for events, want := range map[string]string{
		"": "has no Tcpip 4227 or 4231 within 30 min before it",
		strings.Replace(portReused, "09:09:58", "08:31:00", 1) + "\n": "has no Tcpip 4227 or 4231 within 30 min before it; the nearest is of 08:31:00",
	} {
		v := coreVerdicts(t, map[string]string{"u.log": log, "s.events": fmt.Sprintf(around, events), "web.config": coreConfig})[0]
		if !slices.ContainsFunc(v.Rejected, func(r Rejection) bool { return r.ID == "C3" && strings.HasSuffix(r.Why, want) }) {
			t.Errorf("want %q: %v", want, v.Rejected)
		}
	}
}

// TestAsksForWhatIsMissing leaves out of the steps the files that are there and cover the time.
func TestAsksForWhatIsMissing(t *testing.T) {
	cover := "2026-03-05T09:00:00Z Microsoft-Windows-Kernel-General 12 information x=1\n%s\n2026-03-05T09:30:00Z Microsoft-Windows-Kernel-General 12 information x=1"
	ask := func(files map[string]string) string {
		return strings.Join(coreVerdicts(t, files)[0].FindOut, "; ")
	}
	log := coreLog("09:10:00 GET /a 10.0.0.9 503 0 1255 3")
	if s := ask(map[string]string{"u.log": log, "s.events": appStopped}); !strings.Contains(s, "System.evtx") || !strings.Contains(s, "Failed Request Tracing") {
		t.Errorf("nothing covers the time: %q", s)
	}
	traced := frebOfCore("AspNetCoreModuleV2", "503.0", 0x800704e7, "09:10:00.020", "09:10:00.010 HANDLER_CHANGED")
	if s := ask(map[string]string{"u.log": log, "f.freb": traced, "s.events": fmt.Sprintf(cover, appStopped)}); strings.Contains(s, "System.evtx") || strings.Contains(s, "Failed Request Tracing") {
		t.Errorf("both are there: %q", s)
	}
	answered := coreLog("09:10:00 GET /a 10.0.0.9 502 5 0 3")
	if s := ask(map[string]string{"u.log": answered}); !strings.Contains(s, "web.config") {
		t.Errorf("no configuration: %q", s)
	}
	if s := ask(map[string]string{"u.log": answered, "applicationHost.config": siteConfig}); strings.Contains(s, "web.config") {
		t.Errorf("a configuration is there: %q", s)
	}
}

// TestNoFolderForMachine does not take the folders of App Service for machines.
func TestNoFolderForMachine(t *testing.T) {
	v := coreVerdicts(t, map[string]string{"LogFiles/http/RawLogs/shop.log": platformLog("09:10:00 GET /a 502 5 0 31")})[0]
	for _, s := range slices.Concat([]string{v.Title, v.Open}, v.DoNow, v.FindOut) {
		if strings.Contains(s, "RawLogs") || strings.Contains(s, "from http") {
			t.Errorf("%q", s)
		}
	}
}

// TestCoreBehindProxy has ARR in front of a server whose module gives up: one request, judged by what the
// server behind tells, and the server behind is no proxy.
func TestCoreBehindProxy(t *testing.T) {
	const id = "8a4996ef-b447-40ce-b484-38b5c41f9dfd"
	front := "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time s-ip s-port cs-method cs-uri-stem cs-uri-query c-ip sc-status sc-substatus sc-win32-status time-taken\n" +
		"2026-03-05 09:12:00 10.0.0.4 80 GET /a X-ARR-CACHE-HIT=0&X-ARR-LOG-ID=" + id + "&SERVER-STATUS=502 203.0.113.9 502 3 0 120031\n"
	back := strings.Replace(frebOfCore("AspNetCoreModule", "502.3", 0x80072ee2, "09:12:00.020"), `Headers="Host: api.example\r\n`, `Headers="Host: api.example\r\nX-ARR-LOG-ID: `+id+`\r\nX-Forwarded-For: 203.0.113.9:50112\r\n`, 1)
	b := coreScene(t, map[string]string{"ARR01/u.log": front, "WEB30/f.freb": back})
	res := b.Finish()
	if len(res.Requests) != 1 {
		t.Fatalf("%d requests", len(res.Requests))
	}
	r := res.Requests[0]
	if v := r.Verdict; v == nil || v.ID != "T7" || !strings.Contains(v.Title, "handed it on") {
		t.Errorf("verdict %+v", v)
	}
	if r.MadeBy == nil || r.MadeBy.Tier != "ancm" {
		t.Errorf("made by %+v", r.MadeBy)
	}
	for _, m := range res.Machines {
		if m.Name == "WEB30" && m.Role != RoleContent {
			t.Errorf("WEB30 is %q", m.Role)
		}
	}
}

// TestMadeBy says who set the status.
func TestMadeBy(t *testing.T) {
	answered := []string{"09:10:00.010 ANCM_REQUEST_FORWARD_START", "09:10:00.015 ANCM_WINHTTP_CALLBACK InternetStatus=4194304", "09:10:00.300 ANCM_WINHTTP_CALLBACK InternetStatus=131072",
		"09:10:00.300 ANCM_WINHTTP_CALLBACK InternetStatus=524288", "09:10:00.310 ANCM_REQUEST_FORWARD_END"}
	for name, tt := range map[string]struct {
		want string
		file string
		text string
	}{
		"the module":    {"ancm AspNetCoreModule", "f.freb", frebOfCore("AspNetCoreModule", "502.3", 0x80072ee2, "09:12:00.020")},
		"application":   {"app ", "f.freb", strings.ReplaceAll(frebOfCore("AspNetCoreModule", "500.0", 0, "09:10:00.320", answered...), "SET_RESPONSE_ERROR_STATUS", "SET_RESPONSE_SUCCESS_STATUS")},
		"the front end": {"app service front end ", "u.log", platformLog("09:10:00 GET /a 500 121 0 230015")},
	} {
		r := coreScene(t, map[string]string{tt.file: tt.text}).Finish().Requests[0]
		if r.MadeBy == nil || r.MadeBy.Tier+" "+r.MadeBy.Module != tt.want {
			t.Errorf("%s: %+v, want %s", name, r.MadeBy, tt.want)
		}
	}
}

// TestSavedPage has a page beside the log: it is listed with the request that it may be of, and alone it is told of.
func TestSavedPage(t *testing.T) {
	page := corePage("502.3", "AspNetCoreModule", "0x80072ee2")
	res := coreScene(t, map[string]string{"u.log": coreLog("09:12:00 GET /a 10.0.0.9 502 3 12002 120020"), "e.htm": page}).Finish()
	r := res.Requests[0]
	if len(r.Related) != 1 || r.Related[0].Kind != string(KindPage) || r.Related[0].Confidence != Possible {
		t.Errorf("related %+v", r.Related)
	}
	if r.Verdict.ID != "T7" || r.MadeBy == nil || r.MadeBy.Module != "AspNetCoreModule" || len(res.Discoveries) != 0 {
		t.Errorf("%+v, made by %+v, %d discoveries", r.Verdict, r.MadeBy, len(res.Discoveries))
	}
	res = coreScene(t, map[string]string{"u.log": coreLog("09:12:00 GET /other 10.0.0.9 502 3 12002 120020"), "e.htm": page}).Finish()
	if r := res.Requests[0]; len(r.Related) != 0 || r.Verdict.ID != "NE" {
		t.Errorf("related %+v, %+v", r.Related, r.Verdict)
	}
	if len(res.Discoveries) != 1 || res.Discoveries[0].Verdict.ID != "T7" {
		t.Errorf("discoveries %+v", res.Discoveries)
	}
}
