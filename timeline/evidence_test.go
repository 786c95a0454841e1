package timeline_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/etl/etltest"
	"github.com/etwhy/etwhy/timeline"
)

// theTrouble returns the first request of a scenario that has a verdict.
func theTrouble(t *testing.T, name string) *timeline.Request {
	t.Helper()
	res := analyzeTrace(t, readScenario(t, "../testdata/scenarios/"+name+".txt").parse(t))
	return trouble(t, res)
}

func trouble(t *testing.T, res *timeline.Result) *timeline.Request {
	t.Helper()
	i := slices.IndexFunc(res.Requests, func(r *timeline.Request) bool { return r.Verdict != nil })
	if i < 0 {
		t.Fatal("no verdict")
	}
	return res.Requests[i]
}

// keyEvidence returns what a verdict rests on.
func keyEvidence(v *timeline.Verdict) []string {
	var out []string
	for _, e := range v.Evidence {
		if e.Key {
			out = append(out, e.Text)
		}
	}
	return out
}

// TestKeyEvidence has what verdicts rest on, in order: no more and no less.
func TestKeyEvidence(t *testing.T) {
	for name, want := range map[string][]string{
		"receive-timeout":       {"WebIO 201 connected", "request sent in full", "no byte back", "WebIO 134 WebIO gave up on the request: 1460 ERROR_TIMEOUT"},
		"reused-timeout":        {"an open connection was used", "request sent in full", "no byte back", "WebIO 134 WebIO gave up on the request: 1460 ERROR_TIMEOUT"},
		"text-with-webio":       {"WebIO 201 connected", "request sent in full", "no byte back", "WebIO 134 WebIO gave up on the request: 1460 ERROR_TIMEOUT"},
		"connect-timeout":       {"TCPIP 1045 TCP: no reply to the connection attempt: 0xC00000B5 STATUS_IO_TIMEOUT", "WebIO 202 connect failed at 192.168.0.216:80: 10060 WSAETIMEDOUT"},
		"resolve-unknown":       {"WebIO 205 looking up nosuch.example", "DNS-Client 3008 DNS lookup failed: 9003 DNS_ERROR_RCODE_NAME_ERROR", "Winsock-NameResolution 1001 Winsock could not resolve the name: 11001 WSAHOST_NOT_FOUND", "WebIO 212 the resolver failed: 11001 WSAHOST_NOT_FOUND", "WebIO 207 name lookup failed: 11001 WSAHOST_NOT_FOUND"},
		"tls-alert":             {"WebIO 201 connected", "WebIO 703 TLS handshake failed: 0x80090326 SEC_E_ILLEGAL_MESSAGE", "Schannel 36887 the server sent TLS alert 40"},
		"tls-cert-name":         {"WebIO 201 connected", "WebIO 713 certificate refused, flags 0x10: 0x800B010F CERT_E_CN_NO_MATCH"},
		"tls-credentials":       {"WebIO 201 connected", "WebIO 730 no TLS credentials could be had: 0x8009030D SEC_E_UNKNOWN_CREDENTIALS"},
		"tls-never-began":       {"WebIO 201 connected", "WebIO 19 the request was closed"},
		"cancel":                {"WebIO 201 connected", "request sent in full", "no byte back", "WebIO 136 the caller cancelled"},
		"continue-then-nothing": {"WebIO 201 connected", "request sent in full", "WebIO 216 received 25 bytes", "WebIO 101 the server answered in the interim 100", "nothing after the interim answer 100", "WebIO 134 WebIO gave up on the request: 1460 ERROR_TIMEOUT"},
		"http2-stream-reset":    {"request sent in full", "no byte back", "WebIO 220 the stream was aborted with code 2 INTERNAL_ERROR: 12030 ERROR_WINHTTP_CONNECTION_ERROR"},
		"http2-goaway":          {"WebIO 201 connected", "request sent in full", "WebIO 223 the server announced the end of the connection (GOAWAY) with code 2 INTERNAL_ERROR", "no byte back", "WebIO 224 the HTTP/2 connection was aborted: 12030 ERROR_WINHTTP_CONNECTION_ERROR"},
		"receive-answer-lost":   {"WebIO 201 connected", "request sent in full", "WebIO 216 received 300 bytes", "WebIO 216 receive failed: 10054 WSAECONNRESET", "WebIO 204 socket closed: 10054 WSAECONNRESET"},
		"receive-malformed":     {"WebIO 201 connected", "request sent in full", "WebIO 216 received 300 bytes", "WebIO 124 the answer could not be parsed: 12152 ERROR_WINHTTP_INVALID_SERVER_RESPONSE"},
		"fallback-failed": {
			"TCPIP 1045 TCP: no reply to the connection attempt: 0xC00000B5 STATUS_IO_TIMEOUT", "WebIO 204 socket closed at 10.0.0.11:80: 10060 WSAETIMEDOUT",
			"TCPIP 1045 TCP: no reply to the connection attempt: 0xC00000B5 STATUS_IO_TIMEOUT", "WebIO 204 socket closed at 10.0.0.12:80: 10060 WSAETIMEDOUT",
			"TCPIP 1183 TCP: the connection attempt was answered by a reset", "WebIO 202 connect failed at 10.0.0.13:80: 10061 WSAECONNREFUSED",
		},
		"nothing-below":        {"WebIO 134 WebIO gave up on the request: 10061 WSAECONNREFUSED"},
		"receive-body-timeout": {"WebIO 201 connected", "WebIO 216 received 5000 bytes", "WebIO 101 answered 200", "WebIO 117 reading the body failed: 1460 ERROR_TIMEOUT"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := keyEvidence(theTrouble(t, name).Verdict); !slices.Equal(got, want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
			}
		})
	}
}

// parseTrace reads a trace of package etltest.
func parseTrace(t *testing.T, text string) *etltest.Trace {
	t.Helper()
	trace, err := etltest.Parse("log start=2026-03-02T12:31:52.9Z cpus=2 build=20348\n" + text)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

// TestStopped has how long the phase lasted that failed or was given up.
func TestStopped(t *testing.T) {
	for name, want := range map[string]string{
		"receive-body-timeout": "31.0", "receive-body-cut": "1.0", "cancel-in-body": "2.0", "receive-timeout": "30.0",
		"send-timeout": "30.0", "connect-timeout": "21.0", "pool-wait": "30.0", "tls-never-began": "5.0", "cancel": "3.0",
	} {
		r := theTrouble(t, name)
		last := r.Phases[len(r.Phases)-1]
		if got := strconv.FormatFloat(last.Duration().Seconds(), 'f', 1, 64); got != want || last.Outcome != r.Outcome {
			t.Errorf("%s: phase %s %s %s s, want %s s", name, last.Name, last.Outcome, got, want)
		}
	}
}

// TestContext checks how others are said to have fared.
func TestContext(t *testing.T) {
	for name, want := range map[string]string{
		"receive-body-cut":     "No other request to 192.168.0.216:80 was answered in this trace.",
		"receive-body-timeout": "No other request to 192.168.0.216:80 was answered in this trace.",
		"receive-malformed":    "No other request to 192.168.0.216:80 was answered in this trace.",
		"receive-answer-lost":  "No other request to 192.168.0.216:80 was answered in this trace.",
		"receive-timeout":      "No request to 192.168.0.216:80 was answered in this trace.",
		"reused-timeout":       "1 other request to the same server was answered, after 43 ms, for another page.",
		"fallback-failed":      "3 addresses were tried: 2 did not answer, 1 refused.",
		"connect-timeout":      "3 connection attempts were sent, none was answered.",
	} {
		if v := theTrouble(t, name).Verdict; !slices.Contains(v.Context, want) || strings.Contains(v.Open, want) {
			t.Errorf("%s: context %q, want %q", name, v.Context, want)
		}
	}

	// The server answers all, never well.
	twice := readScenario(t, "../testdata/scenarios/status-503.txt").parse(t)
	for i := range twice.Events {
		for j := range twice.Events[i].Fields {
			f := &twice.Events[i].Fields[j]
			f.Value = strings.ReplaceAll(strings.ReplaceAll(f.Value, "404 Not Found", "503 Service Unavailable"), "404", "503")
		}
	}
	res := analyzeTrace(t, twice)
	for _, r := range res.Requests {
		if want := []string{"1 other request to the same server got an answer, and did not go well either."}; r.Status != 503 || !slices.Equal(r.Verdict.Context, want) {
			t.Errorf("%s: context %q, want %q", describe(r), r.Verdict.Context, want)
		}
	}
}

// TestServersOfRedirect checks that a server counts by what happened there: the first answered with a
// redirect, the second refused.
func TestServersOfRedirect(t *testing.T) {
	for name, want := range map[string][]string{
		"redirect-refused": {"192.168.0.216:80 1 1 0 answered", "192.168.0.219:80 1 0 1 "},
		"redirect":         {"192.168.0.216:80 1 1 0 answered"},
		"fallback-failed":  {"10.0.0.11:80 1 0 0 ", "10.0.0.12:80 1 0 0 ", "10.0.0.13:80 1 0 1 "},
		"fallback-ok":      {"10.0.0.11:80 1 0 0 ", "10.0.0.12:80 1 0 0 ", "10.0.0.13:80 1 1 0 answered"},
		"status-503":       {"192.168.0.216:80 2 2 1 answered"},
		"tls-never-began":  {"10.0.0.21:443 1 1 0 "},
		"retry-failed":     {"192.168.0.216:80 2 1 1 answered"}, // the repetition did not connect
		"retry-ok":         {"192.168.0.216:80 2 2 0 answered"},
		"cut-end":          {"192.168.0.217:80 3 3 0 answered"}, // it was still connecting to the other one
	} {
		res := analyzeTrace(t, readScenario(t, "../testdata/scenarios/"+name+".txt").parse(t))
		var got []string
		for _, s := range timeline.Servers(slices.Values(res.Requests)) {
			success := ""
			if !s.Success.IsZero() {
				success = "answered"
			}
			got = append(got, fmt.Sprintf("%s %d %d %d %s", s.Server, s.Tried, s.Connected, s.Failed, success))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestSlowestOfRedirect checks that the slowest wait for a first byte has the URL that was waited for.
func TestSlowestOfRedirect(t *testing.T) {
	res := analyzeTrace(t, readScenario(t, "../testdata/scenarios/redirect.txt").parse(t))
	r := res.Requests[0]
	want := r.Attempts[len(r.Attempts)-1].URL
	if want == r.URL {
		t.Fatal("not redirected")
	}
	stats := timeline.Servers(slices.Values(res.Requests[:1]))
	if len(stats) != 1 || stats[0].FirstByte.URL != want {
		t.Errorf("got %+v, want the URL %s", stats, want)
	}
}

// TestUnsent checks what is said of a failed connect: an earlier attempt may have sent the request.
func TestUnsent(t *testing.T) {
	for name, sent := range map[string]bool{"connect-timeout": false, "connect-refused": false, "retry-failed": true, "redirect-refused": true} {
		v := theTrouble(t, name).Verdict
		var texts []string
		for _, n := range v.Rejected {
			texts = append(texts, n.Why)
		}
		text := strings.Join(append(texts, v.Context...), "\n")
		never, again := "never sent", "not sent this time"
		if sent {
			never, again = again, never
		}
		if !strings.Contains(text, never) || strings.Contains(text, again) || sent && strings.Contains(text, "ever sent") {
			t.Errorf("%s: sent before: %v, in\n%s", name, sent, text)
		}
	}
}

// TestWording checks words that only some requests may have.
func TestWording(t *testing.T) {
	all := func(v *timeline.Verdict) string {
		return strings.Join(slices.Concat([]string{v.Title, v.Open}, v.Context, v.DoNow, v.FindOut), "\n")
	}
	const refused = `
+0 cpu0 0:0 process 1432 %s parent=800
+0.1 cpu1 1432:2004 WebIO/17 act=0x30/0x2000 Request=0x1a2b00002000 RequestHandle=0x30 Method=GET URI=http://%s/
+0.2 cpu1 1432:2004 WebIO/104 act=0x30/0x2000 Request=0x1a2b00002000 Connection=0x1a2b00301000
+0.3 cpu1 1432:2004 WebIO/200 act=0x30/0x2000 Connection=0x1a2b00301000 SocketHandle=0x808 Address=%s Context=0x1a2b00500100
+2.4 cpu1 1432:2004 WebIO/202 act=0x30/0x2000 Connection=0x1a2b00301000 SocketHandle=0x808 Context=0x1a2b00500100 Error=10061
+2.5 cpu1 1432:2004 WebIO/134 act=0x30/0x2000 Request=0x1a2b00002000 Error=10061
+2.6 cpu1 1432:2004 WebIO/19 ApiHandle=0x30
`
	for _, tt := range []struct {
		process, host, address string
		loopback               bool
	}{
		{"w3wp.exe", "10.0.0.1", "10.0.0.1:80", false},
		{"svchost.exe", "10.0.0.1", "10.0.0.1:80", false},
		{"w3wp.exe", "localhost", "[::1]:80", true},
		{"w3wp.exe", "localhost", "127.0.0.1:80", false},
		{"w3wp.exe", "farm", "[2001:db8::1]:80", false},
	} {
		res := analyzeTrace(t, parseTrace(t, fmt.Sprintf(refused, tt.process, tt.host, tt.address)))
		text := all(trouble(t, res).Verdict)
		// Any program may send requests, also from a worker process: nothing here tells of a proxy with a farm.
		if farm, loopback := strings.Contains(text, "farm\n") || strings.Contains(text, "in the farm"), strings.Contains(text, "[::1] was tried"); farm || loopback != tt.loopback {
			t.Errorf("%s to %s at %s: farm %v, loopback %v in\n%s", tt.process, tt.host, tt.address, farm, loopback, text)
		}
	}
	for name, idle := range map[string]bool{"connection-died": false, "reused-dead": true} {
		v := theTrouble(t, name).Verdict
		if v.ID != "T6" || strings.Contains(all(v), "idle") != idle {
			t.Errorf("%s: %s\n%s", name, v.ID, all(v))
		}
	}
	if r := theTrouble(t, "nothing-below"); r.Phase != timeline.PhaseConnect || len(r.Phases) > 0 {
		t.Errorf("refused, nothing below: phase %q, %v", r.Phase, r.Phases)
	}
}

// TestStreamResets has events of HTTP/2 that tell the protocol's own code, which is no system code.
func TestStreamResets(t *testing.T) {
	for _, name := range []string{"http2-stream-reset", "http2-goaway"} {
		trace := readScenario(t, "../testdata/scenarios/"+name+".txt").parse(t)
		for i := range trace.Events {
			if ev := &trace.Events[i]; ev.ID == 220 || ev.ID == 224 {
				for j := range ev.Fields {
					if ev.Fields[j].Name == "Error" {
						ev.Fields[j].Value = "0"
					}
				}
			}
		}
		r := trouble(t, analyzeTrace(t, trace))
		if r.Verdict.ID != "R1" || r.Error != 12030 || !strings.Contains(strings.Join(keyEvidence(r.Verdict), "\n"), "code 2 INTERNAL_ERROR") {
			t.Errorf("%s: %s, rests on %q", name, describe(r), keyEvidence(r.Verdict))
		}
	}
}
