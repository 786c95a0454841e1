package winerr_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/etwhy/etwhy/decode/winerr"
)

func Example() {
	// What a trace shows, and what the caller of WinHTTP got.
	fmt.Println(1460, winerr.Name(1460))
	if m, ok := winerr.ToWinHTTP(1460); ok {
		fmt.Println(m.To.Number, m.To.Symbol, winerr.Hex(m.To.HResult()), "because", m.Evidence)
	}
	// A mapping that is only inferred is shown as such, never used for a missing code.
	_, ok := winerr.ToWinHTTP(10061)
	refused, _ := winerr.Look(10061)
	for _, m := range refused.Mappings() {
		fmt.Println(refused.Symbol, "to", m.To.Number, m.To.Symbol, m.Evidence, ok)
	}
	// Output:
	// 1460 ERROR_TIMEOUT
	// 12002 ERROR_WINHTTP_TIMEOUT 0x80072EE2 because observed-log-line
	// WSAECONNREFUSED to 12029 ERROR_WINHTTP_CANNOT_CONNECT inferred false
}

func ExampleExplain() {
	for _, m := range winerr.Explain("502 4 0 15") {
		fmt.Printf("%s: %s %s: %s\n", m.Input, m.Family, m.Symbol, m.Meaning)
	}
	for _, m := range winerr.Explain("WSAETIMEDOT") {
		fmt.Println(m.Input, "is unknown; did you mean", m.Suggestions)
	}
	// Output:
	// 502.4: status 502.4: No server to send it to: all members of the farm are offline, unhealthy or draining; the error code is 0
	// 0: win32 ERROR_SUCCESS: Nothing went wrong
	// 15: time-taken 0.015 s: From the first byte of the request to the last acknowledged byte of the answer: a slow upload, the queue and a slow reader count too
	// WSAETIMEDOT is unknown; did you mean [WSAETIMEDOUT]
}

func TestName(t *testing.T) {
	for code, want := range map[uint32]string{
		0: "ERROR_SUCCESS", 64: "ERROR_NETNAME_DELETED", 258: "WAIT_TIMEOUT", 1460: "ERROR_TIMEOUT",
		10060: "WSAETIMEDOUT", 11001: "WSAHOST_NOT_FOUND", 12002: "ERROR_WINHTTP_TIMEOUT", 12031: "ERROR_INTERNET_CONNECTION_RESET",
		0x80070005: "ERROR_ACCESS_DENIED", 0x8007274C: "WSAETIMEDOUT", 0x80072EE2: "ERROR_WINHTTP_TIMEOUT",
		0x80090326: "SEC_E_ILLEGAL_MESSAGE", 0x00090320: "SEC_I_INCOMPLETE_CREDENTIALS", 0x800B0109: "CERT_E_UNTRUSTEDROOT",
		0xC00000B5: "STATUS_IO_TIMEOUT", 0xC0000236: "STATUS_CONNECTION_REFUSED", 0xD0000236: "STATUS_CONNECTION_REFUSED",
		259: "", 12092: "", 1292: "", 0x80072F3C: "", 0x80004005: "", 40: "", 5002: "", 0xFFFFFFFF: "",
	} {
		if got := winerr.Name(code); got != want {
			t.Errorf("Name(%#x) = %q, want %q", code, got, want)
		}
	}
}

func TestToWinHTTP(t *testing.T) {
	want := map[uint32]uint32{1460: 12002, 10060: 12002, 10054: 12030}
	for n := range uint32(70000) {
		for _, code := range []uint32{n, 0x80070000 + n, 0x80090000 + n, 0x800B0000 + n, 0x00090000 + n, 0xC0000000 + n} {
			inner, wrapped := winerr.Win32FromHResult(code)
			if !wrapped {
				inner = code
			}
			m, ok := winerr.ToWinHTTP(code)
			if ok != (want[inner] != 0) || m.To.Number != want[inner] {
				t.Errorf("ToWinHTTP(%#x) = %d %v, want %d", code, m.To.Number, ok, want[inner])
			}
		}
	}
}

func TestMappings(t *testing.T) {
	for code, want := range map[uint32]string{
		10061:      "12029 inferred,",
		11001:      "12007 inferred,",
		10060:      "12002 observed-log-line,12002 observed-behaviour,",
		8:          "8 documented,",
		0x800B0101: "12175 observed-behaviour,12037 documented,",
		0x800B010C: "12175 observed-behaviour,",
		0x80090325: "12157 documented,12045 inferred,",
		0x80090326: "12157 documented,12175 inferred,",
		0x00090320: "12157 documented,12044 inferred,",
		0xC0000236: "10061 third-party,",
		12002:      "",
		10038:      "",
	} {
		c, ok := winerr.Look(code)
		if !ok {
			t.Errorf("%#x is unknown", code)
		}
		got := ""
		for _, m := range c.Mappings() {
			got += fmt.Sprintf("%d %s,", m.To.Number, m.Evidence)
			if m.From.Number != c.Number {
				t.Errorf("mapping of %#x is from %s", code, m.From.Symbol)
			}
		}
		if got != want {
			t.Errorf("Mappings of %#x: %s, want %s", code, got, want)
		}
	}
	alert, _ := winerr.TLSAlert.Look(40)
	if m := alert.Mappings(); len(m) != 1 || m[0].To.Number != 12029 {
		t.Errorf("Mappings of alert 40: %v", m)
	}
	reset, _ := winerr.Look(12030)
	if n := len(reset.Causes()); n != 12 {
		t.Errorf("12030 has %d causes, want 12", n)
	}
}

func TestFromNTStatus(t *testing.T) {
	for status, want := range map[uint32]string{
		0xC00000B5: "WSAETIMEDOUT", 0x102: "WSAETIMEDOUT", 0x10000102: "WSAETIMEDOUT", 0xC0000236: "WSAECONNREFUSED",
		0xD000020D: "WSAECONNRESET", 0xC0000237: "WSAEDISCON", 0xC0000001: "", 0: "", 0x103: "", 0x80090326: "", 10060: "",
	} {
		if got, ok := winerr.FromNTStatus(status); got.Symbol != want || ok != (want != "") {
			t.Errorf("FromNTStatus(%#x) = %s %v, want %q", status, got.Symbol, ok, want)
		}
	}
}

func TestHResult(t *testing.T) {
	for code, want := range map[uint32]uint32{
		12002: 2147954402, 12029: 2147954429, 12030: 2147954430, 12152: 2147954552, 12175: 2147954575,
		1229: 0x800704CD, 1255: 2147943655, 87: 0x80070057, 10054: 0x80072746, 0: 0, 0x80090326: 0x80090326, 0xC00000B5: 0xD00000B5,
	} {
		c, ok := winerr.Look(code)
		if got := c.HResult(); !ok || got != want {
			t.Errorf("HResult of %#x = %#x %v, want %#x", code, got, ok, want)
		}
		if back, ok := winerr.Look(want); !ok || back.Symbol != c.Symbol {
			t.Errorf("Look(%#x) = %s, want %s", want, back.Symbol, c.Symbol)
		}
	}
	if got := winerr.Hex(winerr.HResultFromWin32(12002)); got != "0x80072EE2" {
		t.Error(got)
	}
}

func TestLookAll(t *testing.T) {
	for number, want := range map[uint32]string{
		0:     "win32 ERROR_SUCCESS,ntstatus STATUS_SUCCESS,tls-alert close_notify,",
		50:    "win32 ERROR_NOT_SUPPORTED,tls-alert decode_error,",
		258:   "win32 WAIT_TIMEOUT,ntstatus STATUS_TIMEOUT,",
		1006:  "event ANCM 1006,event ARR 1006,websocket-close abnormal_closure,",
		5002:  "event WAS 5002,",
		8:     "win32 ERROR_NOT_ENOUGH_MEMORY,",
		12092: "",
	} {
		got := ""
		for _, c := range winerr.LookAll(number) {
			got += fmt.Sprintf("%s %s,", c.Family, c.Symbol)
		}
		if got != want {
			t.Errorf("LookAll(%d) = %s, want %s", number, got, want)
		}
	}
}

func TestMeaningJSON(t *testing.T) {
	for _, test := range []struct{ input, want string }{
		{"-2147023436", `[{"input":"-2147023436","unknown":false,"family":"win32","code":1460,"hex":"0x5B4",` +
			`"hresult":2147943860,"hresult_hex":"0x800705B4","hresult_signed":-2147023436,"symbol":"ERROR_TIMEOUT","aliases":[],` +
			`"source":null,"phase":"any","meaning":"A timer of WinHTTP or WebIO ran out","in_log":"A timer of this side ran out",` +
			`"points_to":null,"next_step":"See which wait it was: the last WebIO step that began and did not end. The number names none of the timers",` +
			`"evidence":"header","maps_to":[{"family":"winhttp","code":12002,"symbol":"ERROR_WINHTTP_TIMEOUT","condition":null,` +
			`"phase":"any","evidence":"observed-log-line","note":"Seen as a trace line after 30 s; any of the four WinHTTP timers"}],` +
			`"caused_by":[],"suggestions":[]}]`},
		{"0x80072F3C", `[{"input":"0x80072F3C","unknown":true,"family":null,"code":12092,"hex":"0x2F3C","hresult":null,"hresult_hex":null,` +
			`"hresult_signed":null,"symbol":null,"aliases":[],"source":null,"phase":null,"meaning":null,"in_log":null,"points_to":null,` +
			`"next_step":null,"evidence":null,"maps_to":[],"caused_by":[],"suggestions":[]}]`},
		{"Timer_Response", `[{"input":"Timer_Response","unknown":false,"family":"httperr","code":null,"hex":null,"hresult":null,"hresult_hex":null,` +
			`"hresult_signed":null,"symbol":"Timer_Response","aliases":[],"source":null,"phase":null,"meaning":"Reserved","in_log":null,"points_to":null,` +
			`"next_step":null,"evidence":"documented","maps_to":[],"caused_by":[],"suggestions":[]}]`},
	} {
		got, err := json.Marshal(winerr.Explain(test.input))
		if err != nil || string(got) != test.want {
			t.Errorf("%s: %v\n got %s\nwant %s", test.input, err, got, test.want)
		}
	}
}
