package w3c

import (
	"bytes"
	"strings"

	"github.com/etwhy/etwhy/etl"
)

// maxFields bounds the names in a #Fields line. IIS has some 30, custom fields included.
const maxFields = 128

// A column is a field that this package knows by name.
type column uint8

const (
	noColumn column = iota
	colDate
	colTime
	colClientIP
	colClientPort
	colServerIP
	colServerPort
	colMethod
	colStem
	colQuery
	colURI
	colVersion
	colStatus
	colSubStatus
	colWin32
	colTimeTaken
	colSent
	colReceived
	colUser
	colUserAgent
	colCookie
	colReferer
	colHost
	colSite
	colComputer
	colSiteID
	colReason
	colQueue
	colStream
	colTransport
	columns
)

// A form is what the values of a field look like. Only [layout.fits] asks.
type form uint8

const (
	anything form = iota
	aDate
	aClock
	aNumber
	aStatus
	anAddress
	aVerb
	aPath
	aVersion
	aReason
)

// A field is a name in a #Fields line.
type field struct {
	name   string
	column column
	form   form
	bits   uint8 // of a number
	iis    bool  // the name is used by Windows web servers only, not by other writers of W3C logs
}

// fields are the names of IIS and HTTP.sys and, at the end, other spellings of the same: IIS Advanced Logging's and
// those of event 6200.
var fields = []field{
	{"date", colDate, aDate, 0, false},
	{"time", colTime, aClock, 0, false},
	{"c-ip", colClientIP, anAddress, 0, false},
	{"c-port", colClientPort, aNumber, 16, false},
	{"s-ip", colServerIP, anAddress, 0, true},
	{"s-port", colServerPort, aNumber, 16, true},
	{"cs-method", colMethod, aVerb, 0, false},
	{"cs-uri-stem", colStem, aPath, 0, false},
	{"cs-uri-query", colQuery, anything, 0, false},
	{"cs-uri", colURI, anything, 0, false},
	{"cs-version", colVersion, aVersion, 0, false},
	{"sc-status", colStatus, aStatus, 16, false},
	{"sc-substatus", colSubStatus, aNumber, 16, true},
	{"sc-win32-status", colWin32, aNumber, 32, true},
	{"time-taken", colTimeTaken, aNumber, 63, false},
	{"sc-bytes", colSent, aNumber, 64, false},
	{"cs-bytes", colReceived, aNumber, 64, false},
	{"cs-username", colUser, anything, 0, false},
	{"cs(User-Agent)", colUserAgent, anything, 0, false},
	{"cs(Cookie)", colCookie, anything, 0, false},
	{"cs(Referer)", colReferer, anything, 0, false},
	{"cs-host", colHost, anything, 0, false},
	{"s-sitename", colSite, anything, 0, true},
	{"s-computername", colComputer, anything, 0, true},
	{"s-siteid", colSiteID, aNumber, 32, true},
	{"s-reason", colReason, aReason, 0, true},
	{"s-queuename", colQueue, anything, 0, true},
	{"streamid", colStream, aNumber, 64, true},
	{"transport", colTransport, anything, 0, false},

	{"cs(Host)", colHost, anything, 0, false},
	{"TimeTakenMS", colTimeTaken, aNumber, 63, true},
	{"csUser-Agent", colUserAgent, anything, 0, true},
	{"csCookie", colCookie, anything, 0, true},
	{"csReferer", colReferer, anything, 0, true},
}

func fieldNamed(name string) field {
	for _, f := range fields {
		if strings.EqualFold(f.name, name) {
			return f
		}
	}
	return field{name: name}
}

// A layout is what a #Fields line says. It does not change once made.
type layout struct {
	kind    Kind // IIS or HTTPERR
	fields  []field
	at      [columns]uint8 // place of each column, from 1; 0 if there is none
	numbers []uint8        // places of numbers, from 0
	stamped bool           // every line begins with date and time
	quoted  bool           // values may stand in quotes, with blanks in them (IIS Advanced Logging)
	hosted  bool           // the field set of Azure App Service
}

// Software that writes logs of HTTP requests, as #Software names it.
const (
	softwareIIS      = "Internet Information Services"
	softwareHTTP     = "Microsoft HTTP API"
	softwareAdvanced = "IIS Advanced Logging"
)

// newLayout returns nil if these are not the fields of a log of HTTP requests from Windows: firewalls, mail and
// media servers, content delivery networks write W3C logs, too.
func newLayout(names, software string) *layout {
	l := &layout{kind: IIS, quoted: strings.Contains(software, softwareAdvanced)}
	windows := false
	for name := range strings.FieldsSeq(names) {
		f := fieldNamed(name)
		if len(l.fields) == maxFields || strings.EqualFold(name, "x-session") { // FTP
			return nil
		}
		if f.column != noColumn && l.at[f.column] == 0 {
			l.at[f.column] = uint8(len(l.fields) + 1)
		} else {
			f = field{name: name}
		}
		if f.bits > 0 {
			l.numbers = append(l.numbers, uint8(len(l.fields)))
		}
		windows = windows || f.iis
		l.fields = append(l.fields, f)
	}
	switch {
	case software == "":
	case strings.Contains(software, softwareIIS), strings.Contains(software, softwareHTTP), l.quoted:
		windows = true
	default:
		return nil
	}
	if l.has(colReason) {
		l.kind = HTTPERR
	}
	request := l.has(colMethod) || l.has(colStem) || l.has(colStatus) || l.has(colReason)
	if !windows || !request {
		return nil
	}
	l.stamped = l.at[colDate] == 1 && l.at[colTime] == 2
	l.hosted = l.has(colSite) && l.has(colHost) && !l.has(colServerIP) && !l.has(colComputer)
	return l
}

func (l *layout) has(c column) bool { return l.at[c] != 0 }

// standard are the field sets that lines without a header may have.
var standard = func() (list []*layout) {
	const (
		httperr = "date time c-ip c-port s-ip s-port cs-version cs-method cs-uri "
		iis     = "s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip "
	)
	for _, names := range []string{
		httperr + "streamid streamid_ex sc-status s-siteid s-reason s-queuename transport",
		httperr + "streamid sc-status s-siteid s-reason s-queuename",
		httperr + "streamid sc-status s-siteid s-reason",
		httperr + "sc-status s-siteid s-reason s-queuename",
		httperr + "sc-status s-siteid s-reason",
		// IIS 8 and later, IIS 7, IIS 6
		"date time " + iis + "cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken",
		"date time " + iis + "cs(User-Agent) sc-status sc-substatus sc-win32-status time-taken",
		"date time s-sitename " + iis + "cs(User-Agent) sc-status sc-substatus sc-win32-status",
		// all fields
		"date time s-sitename s-computername " + iis + "cs-version cs(User-Agent) cs(Cookie) cs(Referer) cs-host " +
			"sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken",
		// App Service
		"date time s-sitename cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Cookie) cs(Referer) cs-host " +
			"sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken",
	} {
		list = append(list, newLayout(names, softwareIIS))
	}
	return list
}()

// fragments are the ends of lines, without date and addresses, as people quote them.
var fragments = func() (list []*layout) {
	for _, names := range []string{
		"cs-version cs-method cs-uri streamid sc-status s-siteid s-reason s-queuename",
		"cs-version cs-method cs-uri streamid sc-status s-siteid s-reason",
		"cs-version cs-method cs-uri sc-status s-siteid s-reason s-queuename",
		"cs-version cs-method cs-uri sc-status s-siteid s-reason",
		"sc-status sc-substatus sc-win32-status time-taken",
	} {
		list = append(list, newLayout(names, softwareHTTP))
	}
	return list
}()

// match returns the first of layouts that the values of a line fit.
func match(layouts []*layout, line []byte, values []span) *layout {
	for _, l := range layouts {
		if len(values) == len(l.fields) && l.fits(line, values) {
			return l
		}
	}
	return nil
}

// A span is a value's place in its line.
type span struct{ start, end uint32 }

func (s span) of(line []byte) []byte { return line[s.start:s.end] }

// split appends the values of a line to dst. Empty values do not occur: several blanks count as one.
func split(dst []span, line []byte, quoted bool) []span {
	separator := byte(' ')
	if i := bytes.IndexAny(line[:min(len(line), 64)], " \t"); i >= 0 {
		separator = line[i]
	}
	for at := 0; at < len(line); {
		end := bytes.IndexByte(line[at:], separator)
		if quoted && line[at] == '"' {
			if i := bytes.Index(line[at+1:], []byte{'"', separator}); i >= 0 {
				dst = append(dst, span{uint32(at + 1), uint32(at + 1 + i)})
				at += i + 3
				continue
			}
			if len(line) > at+1 && line[len(line)-1] == '"' {
				return append(dst, span{uint32(at + 1), uint32(len(line) - 1)})
			}
		}
		if end < 0 {
			end = len(line) - at
		}
		if end > 0 {
			dst = append(dst, span{uint32(at), uint32(at + end)})
		}
		at += end + 1
	}
	return dst
}

// fits reports whether the values, which may be fewer than the fields, look like what the fields hold.
func (l *layout) fits(line []byte, values []span) bool {
	for i, v := range values {
		if !l.fields[i].fits(v.of(line)) {
			return false
		}
	}
	return true
}

// join makes as many values of too many, by taking one value with the blanks in it as one. Which one is told by
// the forms of the others; the first that fits is taken.
func (l *layout) join(line []byte, values []span) []span {
	extra := len(values) - len(l.fields)
	joined := make([]span, len(l.fields))
	for i, f := range l.fields {
		if f.form != anything && f.form != aPath {
			continue
		}
		copy(joined, values[:i])
		joined[i] = span{values[i].start, values[i+extra].end}
		copy(joined[i+1:], values[i+extra+1:])
		if l.fits(line, joined) {
			return joined
		}
	}
	return nil
}

var noValue = []byte("-")

func (f *field) fits(value []byte) bool {
	none := len(value) == 0 || bytes.Equal(value, noValue)
	switch f.form {
	case aDate:
		_, ok := parseDate(value)
		return ok
	case aClock:
		_, ok := parseClock(value)
		return ok
	case aNumber:
		_, ok := parseNumber(value, f.bits)
		return ok || none
	case aStatus:
		n := digits(value)
		return none || n == 0 || len(value) == 3 && n >= 100 && n < 600
	case anAddress: // not net.ParseIP: logs with impossible addresses are logs all the same
		return none || bytes.ContainsAny(value, ".:") && consists(value, "0123456789abcdefABCDEF.:%,+[]")
	case aVerb:
		return none || consists(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-")
	case aPath:
		return none || value[0] == '/' || value[0] == '*' || bytes.HasPrefix(value, []byte("http"))
	case aVersion:
		return none || bytes.HasPrefix(value, []byte("HTTP/"))
	case aReason:
		return !none && consists(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_/+")
	}
	return true
}

func consists(value []byte, of string) bool {
	for _, c := range value {
		if strings.IndexByte(of, c) < 0 {
			return false
		}
	}
	return true
}

// parseNumber reads a decimal number of at most the given bits. Win32 codes of 32 bits are sometimes written as
// the negative number that they are as an HRESULT.
func parseNumber(b []byte, bits uint8) (n uint64, ok bool) {
	negative := bits == 32 && len(b) > 1 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	limit := ^uint64(0) >> (64 - bits)
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 || n > (limit-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	if negative {
		return uint64(uint32(-n)), n <= 1<<31
	}
	return n, true
}

// digits reads a number of fixed width; -1 if it is none.
func digits(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

const day = 24 * 3600 * etl.Second

// firstYear and lastYear bound what is taken for a date.
const (
	firstYear = 1970
	lastYear  = 9999
)

// parseDate reads YYYY-MM-DD.
func parseDate(b []byte) (etl.Time, bool) {
	if len(b) != 10 || b[4] != '-' || b[7] != '-' {
		return 0, false
	}
	return makeDate(digits(b[:4]), digits(b[5:7]), digits(b[8:]))
}

// parseClock reads HH:MM, HH:MM:SS or HH:MM:SS.f, the forms of the W3C draft, as time since midnight.
func parseClock(b []byte) (etl.Time, bool) {
	if len(b) < 5 || b[2] != ':' {
		return 0, false
	}
	h, m, s := digits(b[:2]), digits(b[3:5]), 0
	fraction := etl.Time(0)
	if len(b) > 5 {
		if len(b) < 8 || b[5] != ':' {
			return 0, false
		}
		s = digits(b[6:8])
		if len(b) > 8 {
			if b[8] != '.' || len(b) == 9 || len(b) > 16 {
				return 0, false
			}
			unit := etl.Second
			for _, c := range b[9:] {
				if c < '0' || c > '9' {
					return 0, false
				}
				unit /= 10
				fraction += etl.Time(c-'0') * unit
			}
		}
	}
	if h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60 {
		return 0, false
	}
	return etl.Time(h*3600+m*60+s)*etl.Second + fraction, true
}
