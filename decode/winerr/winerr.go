// Package winerr knows the error codes that HTTP traces and logs of Windows show: number, symbol,
// meaning, phase, and what WinHTTP makes of a raw code.
//
//	raw cause                      what the caller of WinHTTP sees      what the logs say
//	NTSTATUS ─► Winsock, Win32 ──► WinHTTP 12001 to 12193 ────────────► status.substatus win32
//	  TCPIP, AFD   WebIO Error       HRESULT 0x8007 + code               HTTPERR reason, event id
//	  HTTP.sys     SEC_E_, CERT_E_
//
// [Name] and [Look] read a code as it stands in a trace, [ToWinHTTP] says which WinHTTP code it
// becomes, [Explain] reads what a person types or pastes.
//
// The tables are the files in tables/, one per [Family]; they are parsed once, at first use. Each
// row and each mapping carries the level of evidence behind it. A number that is in no table is
// unknown: nothing is guessed.
package winerr

import (
	"fmt"
	"strings"
)

// A Family is a set of codes with one numbering. The families from Win32 to HResult are the error
// codes proper, which have HRESULT forms; the others share the number space without meaning the same.
type Family string

const (
	Win32             Family = "win32"               // winerror.h, below 65536
	Winsock           Family = "winsock"             // WSA..., 10004 to 11031
	WinHTTP           Family = "winhttp"             // ERROR_WINHTTP_..., 12001 to 12193
	WinINet           Family = "wininet"             // numbers of the same range that WinHTTP never produces
	HResult           Family = "hresult"             // SEC_E_, SEC_I_, CERT_E_, CRYPT_E_, TRUST_E_, NTE_
	NTStatus          Family = "ntstatus"            // STATUS_...
	TLSAlert          Family = "tls-alert"           // RFC 5246, RFC 8446
	WebSocketClose    Family = "websocket-close"     // RFC 6455
	SecureFailureFlag Family = "secure-failure-flag" // bits: WINHTTP_CALLBACK_STATUS_FLAG_...
	Status            Family = "status"              // HTTP status with IIS substatus; the symbol is "502.3"
	HTTPErr           Family = "httperr"             // s-reason of the HTTPERR log; no number
	Event             Family = "event"               // event log; the symbol is source and id, "WAS 5002"
	TimeTaken         Family = "time-taken"          // the last field of an IIS log line, in milliseconds
)

// families lists those with a table. Meanings of one number are given in this order.
var families = []Family{Win32, Winsock, WinHTTP, WinINet, HResult, NTStatus, TLSAlert, Event,
	WebSocketClose, Status, HTTPErr, SecureFailureFlag}

// errorFamilies are the families whose codes stand in error fields and have an HRESULT.
var errorFamilies = []Family{Win32, Winsock, WinHTTP, WinINet, HResult, NTStatus}

// Evidence says what a row rests on.
type Evidence string

const (
	Documented        Evidence = "documented"         // by Microsoft, or an RFC
	ObservedLogLine   Evidence = "observed-log-line"  // WinHTTP's own trace line is public
	ObservedBehaviour Evidence = "observed-behaviour" // seen in public reports
	Observed          Evidence = "observed"           // seen in public reports
	Header            Evidence = "header"             // number and name from public headers
	DocumentedByName  Evidence = "documented-by-name" // both ends are documented under the same name
	ThirdParty        Evidence = "third-party"        // another project's table
	Inferred          Evidence = "inferred"
	InferredWeak      Evidence = "inferred-weak"
	Recalled          Evidence = "recalled" // from memory of practitioners; not looked up
)

// Firm reports whether a row is documented or was observed, and so may stand for what the trace
// itself does not say.
func (e Evidence) Firm() bool {
	return e == Documented || strings.HasPrefix(string(e), "observed")
}

// A Code is one row of the tables. Strings are English and may be empty; they are shared and small.
type Code struct {
	Family  Family
	Number  uint32 // for Status the status without substatus; 0 for HTTPErr
	Symbol  string // unique within its family, except Status: there together with Source
	Aliases []string
	Source  string // Status: who sets it. Event: provider and log

	// Phase says where such a failure happens, in the words of the timeline: route, proxy, resolve,
	// connect, tls, send, receive, queue, process; several as "send or receive". Other words:
	// any (the code does not tell), local (not on the wire: caller, memory, settings), auth,
	// cancel, none (not a failure). Empty if not known.
	Phase string

	Meaning  string
	InLog    string // what it says as sc-win32-status of an IIS log
	PointsTo string // Status, HTTPErr, Event: what it is a sign of
	Next     string // what to look at next
	Evidence Evidence
}

// HResult returns the code as an HRESULT: 0x8007xxxx for Windows errors, the NTSTATUS with
// FACILITY_NT_BIT, an HRESULT itself. It is 0 for families without HRESULT, and for success.
func (c Code) HResult() uint32 {
	switch c.Family {
	case HResult:
		return c.Number
	case NTStatus:
		if c.Number != 0 {
			return c.Number | facilityNT
		}
	case Win32, Winsock, WinHTTP, WinINet:
		return HResultFromWin32(c.Number)
	}
	return 0
}

const (
	facilityWin32 = 0x80070000
	facilityNT    = 0x10000000
)

// HResultFromWin32 returns the HRESULT of a Windows error: 12002 gives 0x80072EE2. Success stays 0,
// and what is larger than 16 bits is returned as it is, since it has such a form already.
func HResultFromWin32(code uint32) uint32 {
	if code == 0 || code > 0xFFFF {
		return code
	}
	return facilityWin32 | code
}

// Win32FromHResult returns the Windows error inside an HRESULT of FACILITY_WIN32:
// 0x80072EE2 gives 12002. ok is false for every other value.
func Win32FromHResult(hr uint32) (code uint32, ok bool) {
	return hr & 0xFFFF, hr&0xFFFF0000 == facilityWin32
}

// Hex returns the code as Windows headers write it: 0x5B4, 0x80072EE2.
func Hex(code uint32) string { return fmt.Sprintf("0x%X", code) }

// Look returns the meaning of a raw code in an error or status field of a trace. It takes Windows,
// Winsock and WinHTTP errors, HRESULTs (also 0x8007xxxx around any known error), and NTSTATUS
// values. An NTSTATUS without error bits looks like a Windows error and is read as one;
// where the field is known to hold an NTSTATUS, use NTStatus.Look.
func Look(code uint32) (Code, bool) {
	if c := tables().byCode[code]; c != nil {
		return *c, true
	}
	return Code{}, false
}

// Name returns the symbol of a raw code as [Look] reads it, or "". It does not allocate.
func Name(code uint32) string {
	if c := tables().byCode[code]; c != nil {
		return c.Symbol
	}
	return ""
}

// Look returns the code of this family with that number. Where a number has several rows
// (Status, Event) it returns the first; [LookAll] has all.
func (f Family) Look(number uint32) (Code, bool) {
	if c := tables().byFamily[familyNumber{f, number}]; c != nil {
		return *c, true
	}
	return Code{}, false
}

// LookAll returns every meaning of a number: of all families but the secure-failure flags, in any
// of the number's forms, Windows errors first.
func LookAll(number uint32) []Code { return values(tables().byNumber[number]) }

func values(list []*Code) []Code {
	out := make([]Code, len(list))
	for i, c := range list {
		out[i] = *c
	}
	return out
}
