// Package w3c reads the request logs of a Windows web server: the W3C extended logs of IIS and the HTTPERR logs
// of HTTP.sys.
//
//	#Software: Microsoft Internet Information Services 10.0
//	#Date: 2024-03-05 16:50:04
//	#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query ... sc-status sc-substatus sc-win32-status time-taken
//	2024-03-05 16:50:50 192.168.0.205 GET /time/ X-ARR-CACHE-HIT=0&X-ARR-LOG-ID=dbf06c50-...&SERVER-STATUS=0 ... 502 3 12002 29889
//	└─ end of the request, UTC                   └─ what ARR appends: read by LogID, CacheHit, ...                          ms ─┘
//
// Values stand between blanks; a blank inside a value is written as "+", and "-" is "no value". #Fields names the
// values of the lines that follow and may change on any line: HTTP.sys writes a new header after a restart, after a
// change of the fields, and when it opens a log again that was idle for a quarter of an hour.
//
// HTTPERR has the same form but documents itself as having no header (many files have one all the same). Its field
// sets grew: streamid came with HTTP/2, streamid_ex and transport with HTTP/3; the oldest end without a queue name.
// The reason N/A is a reason and not a missing value.
//
// # Time
//
// Times are UTC, also where files roll over at local midnight: that setting changes only when a new file begins
// (LogFileLocaltimeRollover, IIS metabase reference). They are cut to whole seconds. A line is stamped when HTTP.sys
// logs it, at the end of the request. time-taken counts from the first byte of the request at HTTP.sys to the
// last completed send (KB 944884): a slow upload, the wait in the kernel's queue and a slow download are all in it.
// Lines are written late (up to about a minute) and not strictly in order.
//
// Where lines have no date, the date is that of the #Date directive, else that in the name of a daily or hourly
// file (u_ex240305.log), and the day is counted on where the clock passes midnight.
//
// # Sources
//
// The field tables are those of the Log Parser documentation, of "Format of the HTTP Server API Error Logs" and of
// KB 832975 and 820729 on learn.microsoft.com. Real files settled the rest.
package w3c

// A Kind tells which log a text is.
type Kind uint8

// The first three are what a [Reader] reads. The others are recognised to be named to the user.
const (
	Unknown     Kind = iota
	IIS              // W3C extended log of IIS
	AppService       // the same, written by Azure App Service
	HTTPERR          // error log of HTTP.sys
	AccessLog        // NCSA common or combined format: Apache, nginx, IIS as u_nc*.log
	ApacheError      // error log of Apache
	Native           // IIS's own format with commas, u_in*.log, in local time
)

var kindNames = [...]string{"unknown", "IIS log", "App Service log", "HTTPERR log",
	"access log in NCSA format (Apache)", "Apache error log", "log in IIS's own format (not W3C)"}

// String returns what to call it in a sentence.
func (k Kind) String() string { return kindNames[k] }

// Readable reports whether a [Reader] yields entries of it.
func (k Kind) Readable() bool { return k == IIS || k == AppService || k == HTTPERR }
