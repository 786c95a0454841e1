package timeline_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/etl/etltest"
	"github.com/etwhy/etwhy/timeline"
)

// analyzeWith is analyze with options, and with changes to what the log's header says.
func analyzeWith(t testing.TB, data []byte, opt timeline.Options, change ...func(*timeline.Input)) *timeline.Result {
	t.Helper()
	log, err := etl.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	d := decode.New(log.Header())
	for r, err := range log.Unordered(0, 1) {
		if err != nil {
			t.Fatal(err)
		}
		d.Learn(r)
	}
	in := timeline.Input{Path: "net.etl", Header: log.Header(), Processes: d.Processes(), Loss: log.Loss()}
	for _, f := range change {
		f(&in)
	}
	b := timeline.NewBuilder(opt)
	s := b.Input(in)
	for r, err := range log.Records() {
		if err != nil {
			t.Fatal(err)
		}
		s.Add(d.Decode(r))
	}
	s.Close()
	return b.Finish()
}

func compile(t testing.TB, text string) []byte {
	t.Helper()
	data, err := etltest.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// text writes a finding as a terminal would, without layout.
func text(f timeline.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s\n", f.ID, f.Severity, f.Title)
	for name, list := range map[string][]string{"": f.Text, "Do: ": f.DoNow, "$ ": f.Commands, "Find out: ": f.FindOut} {
		for _, s := range list {
			b.WriteString(name + s + "\n")
		}
	}
	b.WriteString(f.Warning)
	return b.String()
}

const someProcess = `
log start=2026-03-02T09:14:02Z build=20348
process 4120 w3wp.exe cmdline='w3wp.exe -ap "Shop"'
`

// A request that WebIO tells of, in process 4120, and that ends with a time-out.
const someRequest = `
+1 cpu0 4120:8 WebIO/17 act=0x20/0x1000 Request=0x1000 RequestHandle=0x20 Method=GET URI=http://10.0.0.12/
+1.1 WebIO/200 act=0x20/0x1000 Connection=0x3000 SocketHandle=0x88 Address=10.0.0.12:80
+22 WebIO/202 act=0x20/0x1000 Connection=0x3000 SocketHandle=0x88 Error=10060
+22.1 WebIO/134 act=0x20/0x1000 Request=0x1000 Error=10060
+22.2 WebIO/19 ApiHandle=0x20
`

// Calls into WinHTTP that fail, one of them without harm, and nothing of WebIO.
const callsOnly = `
+88 cpu0 4120:8 TCPIP/1031 Tcb=0x78 LocalAddress=10.0.0.5:50002 RemoteAddress=10.0.0.12:80 ProcessId=4120
+89 TCPIP/1034 Tcb=0x78 Status=0xC00000B5
+90 cpu0 4120:8 WinHttp/9 ApiHandle=0x500 Api=WinHttpSendRequest
+91 WinHttp/12 ApiHandle=0x500 Api=WinHttpSendRequest
+92 WinHttp/9 ApiHandle=0x500 Api=WinHttpReceiveResponse
+99 WinHttp/14 ApiHandle=0x500 Api=WinHttpReceiveResponse Result=12002
+99.1 WinHttp/11 ApiHandle=0x500 Api=WinHttpQueryHeaders Result=12150
+109 WinHttp/14 ApiHandle=0x500 Api=WinHttpReceiveResponse Result=12002
+110 cpu0 77:8 WinHttp/14 ApiHandle=0x600 Api=WinHttpSendRequest Result=12029
`

const tcpOnly = `
+1 cpu0 4120:8 TCPIP/1002 Tcb=0x77 LocalAddress=10.0.0.5:50000 RemoteAddress=10.0.0.12:80
+1 TCPIP/1031 Tcb=0x77 LocalAddress=10.0.0.5:50000 RemoteAddress=10.0.0.12:80 ProcessId=4120
+22 cpu0 4:9 TCPIP/1045 Tcb=0x77 LocalAddress=10.0.0.5:50000 RemoteAddress=10.0.0.12:80 ProcessId=4120
+22 TCPIP/1034 Tcb=0x77 LocalAddress=10.0.0.5:50000 RemoteAddress=10.0.0.12:80 ProcessId=4120
+23 cpu0 4120:8 TCPIP/1031 Tcb=0x77 LocalAddress=10.0.0.5:50001 RemoteAddress=10.0.0.12:80 ProcessId=4120
+44 cpu0 4:9 TCPIP/1045 Tcb=0x77 LocalAddress=10.0.0.5:50001 RemoteAddress=10.0.0.12:80 ProcessId=4120
+45 cpu0 4120:8 TCPIP/1031 Tcb=0x78 LocalAddress=10.0.0.5:50002 RemoteAddress=10.0.0.13:80 ProcessId=4120
+45.1 TCPIP/1033 Tcb=0x78 LocalAddress=10.0.0.5:50002 RemoteAddress=10.0.0.13:80 ProcessId=4120
+46 DNS/3006 QueryName=shop
`

// Each finding, with a trace that is just not a case of it.
func TestFindings(t *testing.T) {
	for _, c := range []struct {
		id       timeline.FindingID
		trace    string
		nearMiss string
		want     []string
		change   func(*timeline.Input)
	}{
		{
			id: timeline.FindNoWinHTTP, trace: someProcess + tcpOnly, nearMiss: someProcess + tcpOnly + someRequest,
			want: []string{
				"it has no WinHTTP and no WebIO events",
				"It runs 09:14:02 to 09:14:48 UTC (46 s), Windows build 20348, 9 events, none lost.",
				"In it: TCPIP 8, DNS-Client 1. WebIO 0, WinHttp 0.",
				"not switched on",
				"w3wp.exe (PID 4120) tried 10.0.0.12:80 2 times from 09:14:03: without any reply (TCPIP 1045).",
				"provider=Microsoft-Windows-WinHttp level=5 provider=Microsoft-Windows-WebIO level=5",
				"netsh trace stop",
				"passwords",
			},
		},
		{
			id:       timeline.FindNoWinHTTP,
			trace:    strings.Replace(someProcess+tcpOnly, "build=20348", "build=7601", 1),
			nearMiss: someProcess + "+1 cpu0 4120:8 HttpService/24 ConnectionObj=1\n",
			want:     []string{"netsh trace start scenario=internetclient capture=yes"},
		},
		{
			id:       timeline.FindThreadsOnly,
			trace:    someProcess + "+1 cpu0 4120:8 WinHttp/59996 Context=1\n+2 WebIO/59997 Context=1\n+3 TCPIP/1002 Tcb=1\n",
			nearMiss: someProcess + "+1 cpu0 4120:8 WinHttp/59996 Context=1\n+2 WebIO/17 Request=0x1000\n",
			want:     []string{"has 2 events of WinHTTP, and all of them are about its threads", "provider=Microsoft-Windows-WebIO level=5"},
		},
		{
			id:       timeline.FindSilent,
			trace:    someProcess + "process 5000 w3wp.exe cmdline='w3wp.exe -ap \"Admin\"'\nprocess 5001 other.exe\n" + someRequest,
			nearMiss: someProcess + "process 5001 other.exe\n" + someRequest,
			want:     []string{"w3wp.exe (PID 5000, pool Admin) sent nothing through WinHTTP", "HttpClient"},
		},
		{
			id:       timeline.FindErrorsOnly,
			trace:    someProcess + "+1 cpu0 4120:8 WebIO/202 Connection=0x3000 Error=10060\n",
			nearMiss: someProcess + someRequest,
			want:     []string{"WebIO was recorded at level 2"},
		},
		{
			id: timeline.FindNoCallerErr, trace: someProcess + someRequest,
			nearMiss: someProcess + someRequest + "+22.15 cpu0 4120:8 WinHttp/14 ApiHandle=0x500 Api=WinHttpReceiveResponse Result=12002\n",
			want:     []string{"below level 5"},
		},
		{
			id:       timeline.FindLoss,
			trace:    strings.Replace(someProcess, "build", "lost=3 bufferslost=1 build", 1) + someRequest,
			nearMiss: someProcess + someRequest,
			want:     []string{"3 events and 1 buffer of this trace were lost", "1 request that failed"},
		},
		{
			id:       timeline.FindTooShort,
			trace:    someProcess + strings.Join(strings.Split(someRequest, "\n")[:3], "\n") + "\n+13.5 TCPIP/1002 Tcb=1\n",
			nearMiss: someProcess + strings.Join(strings.Split(someRequest, "\n")[:3], "\n") + "\n+45 TCPIP/1002 Tcb=1\n",
			want:     []string{"1 request was still waiting at the end of the trace, after 12 s at most"},
		},
		{
			id: timeline.FindOverwritten, trace: someProcess + someRequest, nearMiss: someProcess + someRequest,
			change: func(in *timeline.Input) {
				in.Header.Mode |= etl.ModeCircular
				in.Header.MaximumFileSize = 1
				in.Header.BufferSize, in.Header.BuffersWritten = 65536, 40
			},
			want: []string{"ring of 1 MB that went round: what happened before 09:14:03 UTC was overwritten"},
		},
		{
			id:       timeline.FindServerOnly,
			trace:    someProcess + "+1 cpu0 4120:8 HttpService/24 ConnectionObj=1\n",
			nearMiss: someProcess + "+1 cpu0 4120:8 HttpService/24 ConnectionObj=1\n" + someRequest,
			want:     []string{"answered (HTTP.sys)"},
		},
		{
			id: timeline.FindHandshakes,
			trace: someProcess + "+1 cpu0 4:8 HttpService/96 LocalAddress=10.0.0.5:443 SniHostname=shop.example Status=0x80090331\n" +
				"+2 HttpService/96 LocalAddress=10.0.0.5:443 SniHostname=shop.example Status=0x80090331 ClientDisconnect=1\n",
			nearMiss: someProcess + "+1 cpu0 4:8 HttpService/36 ConnectionObj=1\n",
			want:     []string{"2 TLS handshakes with this server failed", "10.0.0.5:443 for shop.example: 2 times 0x80090331 SEC_E_ALGORITHM_MISMATCH, 1 of them broken off by the client"},
		},
		{
			id:       timeline.FindNoWebIO,
			trace:    someProcess + callsOnly,
			nearMiss: someProcess + callsOnly + someRequest,
			want: []string{
				"(blind): This trace cannot tell why a request failed: it has events of WinHTTP, but none of WebIO",
				"In it: WinHttp 7, TCPIP 2. WebIO 0.",
				"WinHttpReceiveResponse failed with 12002 ERROR_WINHTTP_TIMEOUT in w3wp.exe (PID 4120), 2 times from 09:15:41 to 09:15:51.",
				"WinHttpSendRequest failed with 12029 ERROR_WINHTTP_CANNOT_CONNECT in process 77, at 09:15:52.",
				"Which server",
				"w3wp.exe (PID 4120) tried 10.0.0.12:80 once at 09:15:30: failed (TCPIP 1034: 0xC00000B5 STATUS_IO_TIMEOUT).",
				"provider=Microsoft-Windows-WebIO level=5",
			},
		},
		{
			id:       timeline.FindNoWebIO,
			trace:    someProcess + "+1 cpu0 4120:8 WinHttp/801 DetectFlags=1\n",
			nearMiss: someProcess + callsOnly + "+101 cpu0 4120:8 WinHttp/58999 Message='12:00:00.000 ::sys-recver starts in _INIT state'\n",
			want:     []string{"provider WinHttp at level 5"},
		},
		{
			id: timeline.FindNotClosed, trace: strings.Replace(someProcess, "build", "open=true build", 1) + someRequest,
			nearMiss: someProcess + someRequest,
			want:     []string{"(doubt): The log was never closed: its end may be missing, and how many events were lost is not known."},
		},
		{
			id:       timeline.FindTextOnly,
			trace:    someProcess + "+1 cpu0 4120:8 WinHttp/58999 Message='12:00:00.000 ::sys-recver starts in _INIT state'\n",
			nearMiss: someProcess + someRequest + "+22.15 WinHttp/58999 Message='12:00:00.000 ::sys-recver starts in _INIT state'\n",
			want:     []string{"text lines"},
		},
	} {
		t.Run(string(c.id), func(t *testing.T) {
			var changes []func(*timeline.Input)
			if c.change != nil {
				changes = append(changes, c.change)
			}
			res := analyzeWith(t, compile(t, c.trace), timeline.Options{}, changes...)
			f := find(res, c.id)
			if f == nil {
				t.Fatalf("not found; findings %+v", res.Inputs[0].Health.Findings)
			}
			for _, w := range c.want {
				if !strings.Contains(text(*f), w) {
					t.Errorf("%q is missing in\n%s", w, text(*f))
				}
			}
			if f := find(analyzeWith(t, compile(t, c.nearMiss), timeline.Options{}), c.id); f != nil {
				t.Errorf("the near miss has it too:\n%s", text(*f))
			}
		})
	}
}

// A good trace has nothing to say against it.
func TestHealthy(t *testing.T) {
	for _, name := range []string{"receive-timeout", "tls-ok"} {
		res := analyzeTrace(t, readScenario(t, "../testdata/scenarios/"+name+".txt").parse(t))
		for _, f := range res.Inputs[0].Health.Findings {
			t.Errorf("%s:\n%s", name, text(f))
		}
	}
}

// The gravest finding comes first.
func TestFindingOrder(t *testing.T) {
	res := analyzeWith(t, compile(t, strings.Replace(someProcess, "build", "lost=1 build", 1)+tcpOnly), timeline.Options{})
	var ids []string
	for _, f := range res.Inputs[0].Health.Findings {
		ids = append(ids, fmt.Sprintf("%s/%s", f.ID, f.Severity))
	}
	if got := strings.Join(ids, " "); got != "no-winhttp/blind loss/doubt" {
		t.Errorf("got %s", got)
	}
}

// Events without text lines are not taken for text lines, and an open log is said to be one.
func TestFindingsApart(t *testing.T) {
	res := analyzeWith(t, compile(t, someProcess+callsOnly), timeline.Options{})
	if f := find(res, timeline.FindTextOnly); f != nil {
		t.Errorf("no line of text in it: %s", text(*f))
	}
	if f := res.Inputs[0].Health.Findings[0]; f.ID != timeline.FindNoWebIO {
		t.Errorf("first is %s", text(f))
	}
	res = analyzeWith(t, compile(t, strings.Replace(someProcess, "build", "open=true build", 1)+tcpOnly), timeline.Options{})
	f := find(res, timeline.FindNoWinHTTP)
	if f == nil || !strings.Contains(text(*f), "9 events; how many were lost is not known.") || find(res, timeline.FindNotClosed) == nil {
		t.Errorf("findings %+v", res.Inputs[0].Health.Findings)
	}
}

// A worker process that is the only one, and silent, is what the trace is asked about: that comes first,
// with what it tried. Beside another worker it is worth a note.
func TestSilentWorker(t *testing.T) {
	const svchost = "process 900 svchost.exe cmdline='svchost -k netsvcs'\n"
	request := strings.ReplaceAll(someRequest, "4120:8", "900:8")
	const tries = `
+30 cpu0 4120:8 TCPIP/1031 Tcb=0x77 LocalAddress=10.0.0.5:50000 RemoteAddress=10.0.0.12:80 ProcessId=4120
+51 cpu0 4:9 TCPIP/1045 Tcb=0x77 ProcessId=4120
+52 cpu0 900:8 TCPIP/1031 Tcb=0x78 LocalAddress=10.0.0.5:50001 RemoteAddress=10.0.0.14:80 ProcessId=900
+53 cpu0 900:8 TCPIP/1034 Tcb=0x78
`
	other := "process 5000 w3wp.exe cmdline='w3wp.exe -ap \"Admin\"'\n"
	for _, c := range []struct {
		name, trace string
		want        timeline.Severity
		first       bool
	}{
		{"alone", someProcess + svchost + request + tries, timeline.Blind, true},
		{"two, one of which tries to connect", strings.Replace(someProcess, "process", other+"process", 1) + svchost + request + tries, timeline.Blind, true},
		{"beside a worker that speaks", someProcess + other + svchost + strings.ReplaceAll(request, "900:8", "5000:8") + tries, timeline.Note, false},
		{"on a server", someProcess + svchost + request + tries + "+54 cpu0 4:8 HttpService/24 ConnectionObj=1\n", timeline.Doubt, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := analyzeWith(t, compile(t, c.trace), timeline.Options{})
			f := find(res, timeline.FindSilent)
			if f == nil {
				t.Fatalf("findings %+v", res.Inputs[0].Health.Findings)
			}
			got := text(*f)
			if f.Severity != c.want || c.first && res.Inputs[0].Health.Findings[0].ID != f.ID {
				t.Errorf("got %s", got)
			}
			for _, w := range []string{
				"w3wp.exe (PID 4120, pool Shop) sent nothing through WinHTTP while the trace ran; other processes did.",
				"w3wp.exe (PID 4120) tried 10.0.0.12:80 once at 09:14:32: without any reply (TCPIP 1045).",
				"HttpClient",
			} {
				if !strings.Contains(got, w) {
					t.Errorf("%q is missing in\n%s", w, got)
				}
			}
			tried := res.Inputs[0].Health.Connects
			if c.want != timeline.Note && len(tried) != 1 || strings.Contains(got, "10.0.0.14") {
				t.Errorf("another process's connection: %+v\n%s", tried, got)
			}
		})
	}
}

func TestHealthCounts(t *testing.T) {
	h := analyzeWith(t, compile(t, someProcess+tcpOnly), timeline.Options{}).Inputs[0].Health
	if h.Events != 9 || len(h.Providers) != 2 || h.Providers[0].Name != "Microsoft-Windows-TCPIP" || h.Providers[0].Events != 8 {
		t.Errorf("got %d events, %+v", h.Events, h.Providers)
	}
	want := []string{
		"{PID:4120 Process:w3wp.exe Remote:10.0.0.12:80 Tried:2 Connected:0 NoReply:2 Refused:0 Failed:0",
		"{PID:4120 Process:w3wp.exe Remote:10.0.0.13:80 Tried:1 Connected:1 NoReply:0 Refused:0 Failed:0",
	}
	if len(h.Connects) != len(want) {
		t.Fatalf("got %+v", h.Connects)
	}
	for i, c := range h.Connects {
		if got := fmt.Sprintf("%+v", c); !strings.HasPrefix(got, want[i]) {
			t.Errorf("got %s, want %s", got, want[i])
		}
	}
	h = analyzeWith(t, compile(t, someProcess+someRequest), timeline.Options{}).Inputs[0].Health
	if h.WebIO != 5 || len(h.Speakers) != 1 || h.Speakers[0].PID != 4120 || h.Speakers[0].Process != "w3wp.exe" || !h.Speaks(4120) || h.Speaks(1) {
		t.Errorf("got %+v", h)
	}
}
