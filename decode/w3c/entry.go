package w3c

import (
	"bytes"
	"iter"
	"path"
	"regexp"
	"strings"
	"time"

	"golang.org/x/text/encoding"

	"github.com/etwhy/etwhy/decode/charset"
	"github.com/etwhy/etwhy/etl"
)

// A DateSource tells where the date of an entry comes from.
type DateSource uint8

const (
	NoDate        DateSource = iota // nowhere: Time is unknown
	LineDate                        // the line
	DirectiveDate                   // the #Date line before it
	NameDate                        // the file's name, which is local where files roll at local midnight
)

// An Entry is one request (IIS) or one refused request or ended connection (HTTPERR).
//
// Methods return what stands in the line, "" or false for what does not; a value "-" does not stand there. An
// Entry that a [Reader] yields aliases the reader's buffer and is valid until the next step; [Entry.Clone] keeps it.
// Strings that methods return are copies.
type Entry struct {
	Time   etl.Time      // UTC, when it was logged: the end of the request. 0 if no date is known
	Clock  time.Duration // the same since midnight UTC, also where the date is unknown
	Dated  DateSource
	Line   int64 // from 1; 0 for an entry that is not from a file
	Offset int64 // of the line, in bytes from the start of the file; of UTF-16, of its text in UTF-8
	Cut    bool  // the line ends early: values are missing, or the last one may be cut off

	layout *layout
	conf   *config
	line   []byte
	values []span
}

// config is what an Entry needs of the Options.
type config struct {
	charset encoding.Encoding
	logID   []string // names
}

func newConfig(o Options) *config {
	c := &config{o.Charset, logIDNames}
	if o.LogIDName != "" {
		c.logID = append([]string{o.LogIDName}, logIDNames...)
	}
	return c
}

// Clone returns a copy that aliases nothing.
func (e *Entry) Clone() *Entry {
	c := *e
	c.line = bytes.Clone(e.line)
	c.values = append([]span(nil), e.values...)
	return &c
}

// Kind returns HTTPERR, AppService or IIS.
func (e *Entry) Kind() Kind {
	if name := e.bytes(colSite); e.layout.hosted && len(name) > 0 && !site.Match(name) {
		return AppService
	}
	return e.layout.kind
}

// site matches the s-sitename of an IIS of one's own. App Service writes the app's name.
var site = regexp.MustCompile(`(?i)^W3SVC\d+$`)

// Text returns the whole line, in UTF-8. Cookies and user names are in it.
func (e *Entry) Text() string { return e.decode(e.line) }

// Field returns the value of the field with that name in #Fields, in any case: "X-Forwarded-For".
func (e *Entry) Field(name string) string {
	for i := range e.values {
		if strings.EqualFold(e.layout.fields[i].name, name) {
			return e.decode(e.value(i))
		}
	}
	return ""
}

// Fields yields the names and values of the line in order, without those that have no value. cs(Cookie) and
// cs-username are among them.
func (e *Entry) Fields() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for i := range e.values {
			if v := e.value(i); len(v) > 0 && !yield(e.layout.fields[i].name, e.decode(v)) {
				return
			}
		}
	}
}

// value returns the value at a place, empty if there is none.
func (e *Entry) value(i int) []byte {
	if i >= len(e.values) {
		return nil
	}
	v := e.values[i].of(e.line)
	if bytes.Equal(v, noValue) {
		return nil
	}
	return v
}

func (e *Entry) bytes(c column) []byte {
	if at := int(e.layout.at[c]); at > 0 {
		return e.value(at - 1)
	}
	return nil
}

func (e *Entry) text(c column) string { return e.decode(e.bytes(c)) }

func (e *Entry) number(c column) (uint64, bool) {
	if v := e.bytes(c); len(v) > 0 {
		return parseNumber(v, e.layout.fields[e.layout.at[c]-1].bits)
	}
	return 0, false
}

// decode returns text in UTF-8: what is none is in the code page.
func (e *Entry) decode(b []byte) string {
	return charset.String(b, e.conf.charset)
}

// Start returns when the request began: Time less TimeTaken. Where that is not logged, or the time unknown, it is Time.
func (e *Entry) Start() etl.Time {
	if d, ok := e.TimeTaken(); ok && !e.Time.IsZero() {
		return e.Time.Add(-d)
	}
	return e.Time
}

// TimeTaken returns time-taken; see the package comment for what it counts.
func (e *Entry) TimeTaken() (time.Duration, bool) {
	n, ok := e.number(colTimeTaken)
	if n > uint64(maxTaken/time.Millisecond) {
		return 0, false
	}
	return time.Duration(n) * time.Millisecond, ok
}

// maxTaken is longer than any request takes; more is not a time.
const maxTaken = 366 * 24 * time.Hour

// Status returns sc-status. IIS writes 0 when the client was gone before there was one.
func (e *Entry) Status() (int, bool) {
	n, ok := e.number(colStatus)
	return int(n), ok
}

// SubStatus returns sc-substatus, the 3 of 502.3.
func (e *Entry) SubStatus() (int, bool) {
	n, ok := e.number(colSubStatus)
	return int(n), ok
}

// Win32 returns sc-win32-status: a Win32, Winsock or WinHTTP code, or an HRESULT; 0 is success.
func (e *Entry) Win32() (uint32, bool) {
	n, ok := e.number(colWin32)
	return uint32(n), ok
}

// Method returns cs-method.
func (e *Entry) Method() string { return e.text(colMethod) }

// Stem returns the path of the URL, as IIS decoded it.
func (e *Entry) Stem() string {
	if s, _, _ := strings.Cut(e.text(colURI), "?"); s != "" {
		return s
	}
	return e.text(colStem)
}

// URL returns path and query. What ARR appended to the query is left out.
func (e *Entry) URL() string {
	if s := e.text(colURI); s != "" {
		return s
	}
	stem, query := e.Stem(), e.Query()
	if query == "" {
		return stem
	}
	return stem + "?" + query
}

// Version returns cs-version, "HTTP/1.1".
func (e *Entry) Version() string { return e.text(colVersion) }

// ClientIP returns c-ip as it stands there: not always a possible address, with the scope of an IPv6 one
// (fe80::1%4), and with ARR Helper what X-Forwarded-For said.
func (e *Entry) ClientIP() string { return e.text(colClientIP) }

// ClientPort returns c-port, which IIS logs have only as a custom field.
func (e *Entry) ClientPort() (uint16, bool) {
	n, ok := e.number(colClientPort)
	return uint16(n), ok
}

// ServerIP returns s-ip as it stands there.
func (e *Entry) ServerIP() string { return e.text(colServerIP) }

// ServerPort returns s-port.
func (e *Entry) ServerPort() (uint16, bool) {
	n, ok := e.number(colServerPort)
	return uint16(n), ok
}

// Host returns cs-host, the Host header.
func (e *Entry) Host() string { return e.text(colHost) }

// User returns cs-username.
func (e *Entry) User() string { return e.text(colUser) }

// UserAgent returns cs(User-Agent) with "+" for blanks, as logged.
func (e *Entry) UserAgent() string { return e.text(colUserAgent) }

// Referer returns cs(Referer).
func (e *Entry) Referer() string { return e.text(colReferer) }

// Site returns s-sitename: W3SVC1 with the site's number, or the name of an App Service.
func (e *Entry) Site() string { return e.text(colSite) }

// Management reports whether the request went to the management site of an App Service (Kudu), not to the app.
func (e *Entry) Management() bool { return bytes.HasPrefix(e.bytes(colSite), []byte("~1")) }

// SiteID returns the number of the site: s-siteid, or that in s-sitename.
func (e *Entry) SiteID() (uint32, bool) {
	if n, ok := e.number(colSiteID); ok {
		return uint32(n), true
	}
	if name := e.bytes(colSite); site.Match(name) {
		n, ok := parseNumber(name[len("W3SVC"):], 32)
		return uint32(n), ok
	}
	return 0, false
}

// Computer returns s-computername.
func (e *Entry) Computer() string { return e.text(colComputer) }

// Affinity returns the ARRAffinity cookie that the client sent: which instance it was sent to before.
func (e *Entry) Affinity() string {
	for pair := range strings.SplitSeq(e.text(colCookie), ";") {
		name, value, _ := strings.Cut(strings.TrimLeft(pair, "+ "), "=")
		if name == "ARRAffinity" || name == "ARRAffinitySameSite" {
			return value
		}
	}
	return ""
}

// Sent returns sc-bytes.
func (e *Entry) Sent() (uint64, bool) { return e.number(colSent) }

// Received returns cs-bytes.
func (e *Entry) Received() (uint64, bool) { return e.number(colReceived) }

// Reason returns s-reason, why HTTP.sys ended it: "Connection_Dropped", "N/A". Only HTTPERR has it.
func (e *Entry) Reason() string { return e.text(colReason) }

// QueueName returns s-queuename, the request queue, which IIS names like the application pool; with "+" for blanks,
// as logged.
func (e *Entry) QueueName() string { return e.text(colQueue) }

// StreamID returns the HTTP/2 stream of an HTTPERR entry.
func (e *Entry) StreamID() (uint64, bool) { return e.number(colStream) }

// Transport returns the transport of an HTTPERR entry, TCP or QUIC, where the log has the field.
func (e *Entry) Transport() string { return e.text(colTransport) }

// Names of the pairs that ARR appends to the query. Application Gateway v1 is ARR under another name. The guide
// on 502 errors in ARR spells the second.
var (
	logIDNames  = []string{"X-ARR-LOG-ID", "X-ARR-LOG_ID", "X-AzureApplicationGateway-LOG-ID"}
	cacheNames  = []string{"X-ARR-CACHE-HIT", "X-AzureApplicationGateway-CACHE-HIT"}
	statusNames = []string{"SERVER-STATUS"}
	routedNames = []string{"SERVER-ROUTED"}
)

// LogID returns the id that ARR gave the request and sent along as X-ARR-LOG-ID: from the query, or from a custom
// field of that name.
func (e *Entry) LogID() string {
	if id := e.pair(e.conf.logID); id != "" {
		return id
	}
	for _, name := range e.conf.logID {
		if id := e.Field(name); id != "" {
			return id
		}
	}
	return ""
}

// CacheHit returns X-ARR-CACHE-HIT: whether ARR answered from its cache.
func (e *Entry) CacheHit() (hit, ok bool) {
	v := e.pair(cacheNames)
	return v == "1", v == "0" || v == "1"
}

// ServerStatus returns SERVER-STATUS, the status that the content server gave to ARR. ARR writes none, or 0, if no
// answer came.
func (e *Entry) ServerStatus() (int, bool) {
	n, ok := parseNumber([]byte(e.pair(statusNames)), 16)
	return int(n), ok && n != 0
}

// ServerRouted returns SERVER-ROUTED, the content server that the request was sent to. Application Gateway writes it.
func (e *Entry) ServerRouted() string { return e.pair(routedNames) }

// pair returns the last value in the query that has one of the names.
func (e *Entry) pair(names []string) string {
	var last []byte
	for pair := range bytes.SplitSeq(e.bytes(colQuery), ampersand) {
		if name, value, ok := bytes.Cut(pair, equals); ok && contains(names, name) {
			last = value
		}
	}
	return e.decode(last)
}

var (
	ampersand = []byte("&")
	equals    = []byte("=")
)

// Query returns the query as the client sent it, without what ARR appended.
func (e *Entry) Query() string {
	if _, query, ok := strings.Cut(e.text(colURI), "?"); ok {
		return query
	}
	var kept [][]byte
	for pair := range bytes.SplitSeq(e.bytes(colQuery), ampersand) {
		name, _, _ := bytes.Cut(pair, equals)
		if !contains(e.conf.logID, name) && !contains(cacheNames, name) && !contains(statusNames, name) && !contains(routedNames, name) {
			kept = append(kept, pair)
		}
	}
	return e.decode(bytes.Join(kept, ampersand))
}

func contains(names []string, name []byte) bool {
	for _, n := range names {
		if len(n) == len(name) && strings.EqualFold(n, string(name)) {
			return true
		}
	}
	return false
}

// dailyName matches the names of daily and hourly files, with what people and IIS append (u_ex130609_x.log).
var dailyName = regexp.MustCompile(`(?i)^(?:u_)?ex(\d\d)(\d\d)(\d\d)(?:\d\d)?(?:\D|$)`)

// dateOfName returns the day that a file's name tells. Weekly files have names of the same form; their
// week is taken for a day.
func dateOfName(name string) (etl.Time, bool) {
	m := dailyName.FindStringSubmatch(path.Base(strings.ReplaceAll(name, `\`, "/")))
	if m == nil {
		return 0, false
	}
	return makeDate(2000+digits([]byte(m[1])), digits([]byte(m[2])), digits([]byte(m[3])))
}

func makeDate(y, m, d int) (etl.Time, bool) {
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if y < firstYear || y > lastYear || t.Month() != time.Month(m) || t.Day() != d {
		return 0, false
	}
	return etl.FromTime(t), true
}
