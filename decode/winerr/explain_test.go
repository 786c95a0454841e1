package winerr

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// brief writes meanings as "family symbol", an unknown one as "? input", suggestions behind it.
func brief(list []Meaning) string {
	var out []string
	for _, m := range list {
		s := fmt.Sprintf("%s %s", m.Family, m.Symbol)
		if m.Source != "" && m.Family == Status {
			s += " " + m.Source
		}
		if m.Unknown {
			s = "? " + m.Input
			if m.Number != 0 {
				s += fmt.Sprintf(" %d", m.Number)
			}
			if m.Suggestions != nil {
				s += " " + strings.Join(m.Suggestions, " ")
			}
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func TestExplain(t *testing.T) {
	const (
		timeout = "winhttp ERROR_WINHTTP_TIMEOUT"
		arr     = "status 502.3 ARR; status 502.3 ANCM; "
	)
	for _, test := range []struct{ name, input, want string }{
		// one number
		{"decimal", "12002", timeout},
		{"hex", "0x80072EE2", timeout},
		{"hex, lower case", "0x80072ee2", timeout},
		{"hex without 0x", "80072EE2", timeout},
		{"hex of digits only", "80070005", "win32 ERROR_ACCESS_DENIED"},
		{"short hex without 0x", "274c", "winsock WSAETIMEDOUT"},
		{"unsigned HRESULT", "2147954402", timeout},
		{"signed HRESULT", "-2147012894", timeout},
		{"widened with its sign", "0xFFFFFFFF80072EE2", timeout},
		{"the same in decimal", "18446744071562538722", timeout},
		{"quoted", `"12002",`, timeout},
		{"wrapped error that no list of HRESULTs has", "0x800705B4", "win32 ERROR_TIMEOUT"},
		{"signed NTSTATUS", "-1073741643", "ntstatus STATUS_IO_TIMEOUT"},
		{"two meanings", "258", "win32 WAIT_TIMEOUT; ntstatus STATUS_TIMEOUT"},
		{"event and alert share the space", "1000", "event ANCM 1000; event Application Error 1000; websocket-close normal_closure"},
		{"misprint of an article", "12092", "? 12092 12092"},
		{"misprint of an article", "1292", "? 1292 1292"},
		{"HRESULT of an unknown error", "0x80072F3C", "? 0x80072F3C 12092"},
		{"33 bits", "4294967296", "? 4294967296"},
		{"below 32 bits", "-2147483649", "? -2147483649"},
		{"hex letters only are no number", "decade", "? decade"},
		// one name
		{"symbol", "WSAETIMEDOUT", "winsock WSAETIMEDOUT"},
		{"lower case, no prefix", "econnrefused", "winsock WSAECONNREFUSED"},
		{"WinINet name", "ERROR_INTERNET_CONNECTION_ABORTED", "winhttp ERROR_WINHTTP_CONNECTION_ERROR"},
		{"no prefix", "secure_failure", "winhttp ERROR_WINHTTP_SECURE_FAILURE"},
		{"no prefix, several", "connection_refused", "win32 ERROR_CONNECTION_REFUSED; ntstatus STATUS_CONNECTION_REFUSED"},
		{"alert and errors", "access_denied", "tls-alert access_denied; win32 ERROR_ACCESS_DENIED; ntstatus STATUS_ACCESS_DENIED"},
		{"end of one symbol", "pkgid", "hresult SEC_E_BAD_PKGID"},
		{"end of several symbols", "private_key", "? private_key"},
		{"E_ name", "E_INVALIDARG", "win32 ERROR_INVALID_PARAMETER"},
		{"slip", "WSAETIMEDOT", "? WSAETIMEDOT WSAETIMEDOUT"},
		{"slip", "ERROR_WINHTP_TIMEOUT", "? ERROR_WINHTP_TIMEOUT ERROR_WINHTTP_TIMEOUT"},
		{"slip in a short name", "timeot", "? timeot ERROR_TIMEOUT ERROR_WINHTTP_TIMEOUT STATUS_TIMEOUT"},
		{"slip in a reason", "Timer_RequQueue", "? Timer_RequQueue Timer_ReqQueue"},
		{"nothing like it", "Kubernetes", "? Kubernetes"},
		{"empty", "  \n", "? "},
		// qualified
		{"WAS event", "WAS 5002", "event WAS 5002"},
		{"provider's name", "Microsoft-Windows-WAS 5002", "event WAS 5002"},
		{"event viewer", "Event ID: 5059", "event WAS 5059"},
		{"CPU limit", "was 5025", "event WAS 5025"},
		{"one of two", "Application Error 1000", "event Application Error 1000"},
		{"ANCM", "ANCM 1010", "event ANCM 1010"},
		{"alert", "alert 40", "tls-alert handshake_failure"},
		{"alert, not Win32", "TLS alert 50", "tls-alert decode_error"},
		{"Win32, not alert", "error 50", "win32 ERROR_NOT_SUPPORTED"},
		{"alert name", "alert_unknown_ca", "tls-alert unknown_ca"},
		{"websocket", "websocket 1006", "websocket-close abnormal_closure"},
		{"NTSTATUS that is small", "NTSTATUS 0x102", "ntstatus STATUS_TIMEOUT"},
		{"mask", "ServerCertErrors=0x18", "secure-failure-flag WINHTTP_CALLBACK_STATUS_FLAG_INVALID_CA; secure-failure-flag WINHTTP_CALLBACK_STATUS_FLAG_CERT_CN_INVALID"},
		{"mask with an unknown bit", "flag 0x88", "secure-failure-flag WINHTTP_CALLBACK_STATUS_FLAG_INVALID_CA; ? flag 0x88 128"},
		{"unknown alert", "alert 41", "? alert 41 41"},
		{"end of a sentence", "connect failed with error 10061", "winsock WSAECONNREFUSED"},
		// status and logs
		{"substatus", "502.3", strings.TrimSuffix(arr, "; ")},
		{"substatus 0 of a plain status", "200.0", "status 200 HTTP"},
		{"unknown substatus", "502.99", "? 502.99"},
		{"title of an error page", "HTTP Error 500.19 - Internal Server Error", "status 500.19 IIS"},
		{"status and code", "502.3 12002", arr + timeout},
		{"status and HRESULT", "502.3 2147954402", arr + timeout},
		{"log tail", "502 3 12002 29889", arr + timeout + "; time-taken 29.889 s"},
		{"log tail, unknown code", "502 3 12092 29889", arr + "? 12092 12092; time-taken 29.889 s"},
		{"log tail, unknown status", "404 99 0 5", "? 404.99; win32 ERROR_SUCCESS; time-taken 0.005 s"},
		{"log tail with byte counts", "200 0 64 51200 310 45208", "status 200 HTTP; win32 ERROR_NETNAME_DELETED; time-taken 45.208 s"},
		{"log line", "2011-07-18 16:51:06 192.168.0.216 GET /time/ - 80 - 200 0 64 45208", "status 200 HTTP; win32 ERROR_NETNAME_DELETED; time-taken 45.208 s"},
		{"log line whose port looks like a status", "2011-07-18 16:51:06 ::1 GET / - 443 502 3 12030 7", arr + "winhttp ERROR_WINHTTP_CONNECTION_ERROR; time-taken 0.007 s"},
		{"log line with a field behind", "2024-01-02 00:00:01 10.0.0.1 GET / - 80 - 503 2 0 9 -", "status 503.2 IIS; win32 ERROR_SUCCESS; time-taken 0.009 s"},
		{"reason", "Timer_ReqQueue", "httperr Timer_ReqQueue"},
		{"reason, any case", "appoffline", "httperr AppOffline"},
		{"reason", "N/A", "httperr N/A"},
		{"HTTPERR tail", "503 - N/A -", "httperr N/A; status 503 HTTP.sys"},
		{"HTTPERR line", "2011-07-18 16:50:40 192.168.0.204 49247 192.168.0.216 80 HTTP/1.1 GET /time/ - 1 Connection_Dropped DefaultAppPool", "httperr Connection_Dropped"},
		{"HTTPERR line, 503", "2024-01-02 00:00:01 10.0.0.9 50000 10.0.0.1 80 HTTP/1.1 GET / 503 2 AppOffline Shop", "httperr AppOffline; status 503 HTTP.sys"},
		{"several codes", "12002, 10061 WSAECONNRESET", timeout + "; winsock WSAECONNREFUSED; winsock WSAECONNRESET"},
		// running text
		{"mapping line", "WINHTTP:12:26:39.704 ::ERROR_WINHTTP_FROM_WIN32 mapped (WSAETIMEDOUT) 10060 to (ERROR_WINHTTP_TIMEOUT) 12002", "winsock WSAETIMEDOUT; " + timeout},
		{"mapping line, code without symbol", "mapped (?) 1460 to (ERROR_WINHTTP_TIMEOUT) 12002", "win32 ERROR_TIMEOUT; " + timeout},
		{"mapping line, unknown code", "mapped (?) 1292 to (?) 12092", "? 1292 1292; ? 12092 12092"},
		{"hex in a trace line", "x completion (error-cdoe = ? (0x5b4), overlapped = 003728F0)", "win32 ERROR_TIMEOUT"},
		{"a PID is no code", "w3wp.exe (1460)", "? w3wp.exe (1460)"},
		{"a word in capitals is no symbol", "URL (1460) is slow", "? URL (1460) is slow"},
		{"FREB", `ErrorCode="An operation was attempted on a nonexistent network connection. (0x800704cd)" 16:51:06.240`, "win32 ERROR_CONNECTION_INVALID"},
		{"FREB, decimal", `ErrorCode="2147954402"`, timeout},
		{"prose", "The server closed: WSAECONNRESET, then handshake_failure. Header and URL were fine, 404 of them.", "winsock WSAECONNRESET; tls-alert handshake_failure"},
		{"two lines, one of prose", "It broke at noon.\n502 3 12002 29889\n", arr + timeout + "; time-taken 29.889 s"},
		{"header of a log", "#Fields: sc-status sc-substatus\n404 2 0 5", "status 404.2 IIS; win32 ERROR_SUCCESS; time-taken 0.005 s"},
	} {
		if got := brief(Explain(test.input)); got != test.want {
			t.Errorf("%s: %q\n got %s\nwant %s", test.name, test.input, got, test.want)
		}
	}
}

// samples returns the folder of real files beside the repository, and skips the test where there is none.
func samples(t *testing.T, sub string) string {
	dir := filepath.Join("..", "..", "..", "shared", "samples", sub)
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("ETWHY_SAMPLES") == "required" {
			t.Fatal(err)
		}
		t.Skip("no sample files")
	}
	return dir
}

// TestRealTrace reads the trace excerpt of the ARR 502 troubleshooter: two failures, FREB and log lines.
func TestRealTrace(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(samples(t, "text"), "arr_502_winhttp_trace_win2008r2.txt"))
	if err != nil {
		t.Fatal(err)
	}
	first, second, ok := strings.Cut(string(data), "-- case 2")
	second, rest, ok2 := strings.Cut(second, "-- FREB")
	if !ok || !ok2 {
		t.Fatal("the sample has other parts than it had")
	}
	for _, test := range []struct{ text, want string }{
		{first, "win32 ERROR_TIMEOUT; winhttp ERROR_WINHTTP_TIMEOUT"},
		{second, "winsock WSAETIMEDOUT; winhttp ERROR_WINHTTP_TIMEOUT"},
		{rest, "win32 ERROR_CONNECTION_INVALID; status 200 HTTP; win32 ERROR_NETNAME_DELETED; time-taken 45.208 s; " +
			"httperr Connection_Dropped; winhttp ERROR_WINHTTP_CONNECTION_ERROR; winhttp ERROR_WINHTTP_INVALID_SERVER_RESPONSE"},
	} {
		if got := brief(Explain(test.text)); got != test.want {
			t.Errorf("\n got %s\nwant %s", got, test.want)
		}
	}
}

// TestRealLogs compares what is read from each line of real IIS logs, without knowing the columns,
// with the columns that the log names.
func TestRealLogs(t *testing.T) {
	paths, _ := filepath.Glob(filepath.Join(samples(t, "iis"), "*.log"))
	lines := 0
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var fields []string
		for line := range strings.Lines(string(data)) {
			if f, ok := strings.CutPrefix(line, "#Fields:"); ok {
				fields = strings.Fields(f)
			}
			words := strings.Fields(line)
			at := slices.Index(fields, "sc-win32-status")
			if line[0] == '#' || at < 0 || len(words) != len(fields) {
				continue
			}
			lines++
			got := Explain(line)
			status := words[slices.Index(fields, "sc-status")] + "." + words[slices.Index(fields, "sc-substatus")]
			if got[0].Input != status {
				t.Errorf("%s: %q: status %s, want %s", filepath.Base(path), line, got[0].Input, status)
			}
			if !slices.ContainsFunc(got, func(m Meaning) bool { return m.Input == words[at] && (m.Unknown || isError(m.Family)) }) {
				t.Errorf("%s: %q: no win32 status %s", filepath.Base(path), line, words[at])
			}
			taken := slices.Index(fields, "time-taken")
			last := got[len(got)-1]
			if (taken >= 0) != (last.Family == TimeTaken) || taken >= 0 && last.Input != words[taken] {
				t.Errorf("%s: %q: time taken %s", filepath.Base(path), line, last.Input)
			}
		}
	}
	if lines < 20 {
		t.Errorf("only %d lines", lines)
	}
}

func FuzzExplain(f *testing.F) {
	for _, s := range []string{"12002", "-2147012894", "0x80072EE2", "80072ee2", "WSAETIMEDOUT", "timeot", "502.3 12002",
		"502 3 12002 29889", "503 1 AppOffline Shop", "WAS 5002", "alert 40", "flag 0xFF", "N/A", "1\n2\n", "#x",
		"mapped (WSAETIMEDOUT) 10060 to (?) 12092", "GET / - 443 - 200 0 64 5 -", "error = ? (0x5b4)", "\x00\xff", "é 40"} {
		f.Add(s)
	}
	for _, c := range tables().codes {
		f.Add(c.Symbol)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Explain(text)
		if len(got) == 0 || !reflect.DeepEqual(got, Explain(text)) {
			t.Fatalf("Explain(%q) is empty or not the same twice", text)
		}
		if b, err := json.Marshal(got); err != nil || !json.Valid(b) {
			t.Fatalf("JSON of %q: %v", text, err)
		}
		for _, m := range got {
			if m.Unknown != (m.Family == "") || m.Unknown && len(m.Suggestions) > 3 {
				t.Fatalf("Explain(%q): %+v", text, m)
			}
			if !m.Unknown && m.Family != TimeTaken {
				// What was found is in the tables, and its own name leads back to it.
				if back := Explain(m.Symbol); !slices.ContainsFunc(back, func(o Meaning) bool { return reflect.DeepEqual(o.Code, m.Code) }) {
					t.Fatalf("Explain(%q) gives %s %s, whose name gives %s", text, m.Family, m.Symbol, brief(back))
				}
			}
			// A symbol that is offered is one.
			for _, s := range m.Suggestions {
				if Explain(s)[0].Unknown {
					t.Fatalf("Explain(%q) suggests %q", text, s)
				}
			}
		}
	})
}
