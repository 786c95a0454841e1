package report

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// HAR 1.2, the HTTP Archive: what the developer tools of browsers, Fiddler and others open. It knows the view of a
// client. Whatever else is known stands, in the form of the JSON output, in fields whose names begin with an underscore;
// other programs have to ignore these.
//
//	log ─ creator, entries ─ request, response, timings: blocked dns connect(ssl) send wait receive
//
// What it takes to be valid: the schema of the npm package har-schema 2.0.0.

type harEntry struct {
	Started    momentJSON   `json:"startedDateTime"`
	Time       durationJSON `json:"time"` // the sum of the timings
	Request    harRequest   `json:"request"`
	Response   harResponse  `json:"response"`
	Cache      struct{}     `json:"cache"`
	Timings    harTimings   `json:"timings"`
	Address    string       `json:"serverIPAddress,omitempty"`
	Connection string       `json:"connection,omitempty"` // the end of it that no other connection has
	Comment    string       `json:"comment,omitempty"`

	ID         string          `json:"_id"`
	Attempt    int             `json:"_attempt,omitempty"` // from 1, of a request that has an entry for each
	Input      *string         `json:"_input,omitempty"`
	Machine    *string         `json:"_machine,omitempty"`
	Side       string          `json:"_side"`
	Proxied    bool            `json:"_proxied,omitempty"`
	PID        *uint32         `json:"_pid,omitempty"`
	Process    *string         `json:"_process,omitempty"`
	AppPool    *string         `json:"_appPool,omitempty"`
	URL        *string         `json:"_url,omitempty"` // as the file has it, where that is no absolute URL
	Host       *string         `json:"_host,omitempty"`
	Server     *string         `json:"_server,omitempty"`
	Client     *string         `json:"_client,omitempty"`
	Farm       *string         `json:"_farm,omitempty"`
	Substatus  *int            `json:"_substatus,omitempty"`
	Traffic    string          `json:"_traffic"`
	Outcome    string          `json:"_outcome"`
	Partial    *string         `json:"_partial,omitempty"`
	Phase      *string         `json:"_phase,omitempty"`
	Error      *codeJSON       `json:"_error,omitempty"`
	WinHTTP    *winHTTPJSON    `json:"_winhttp,omitempty"`
	Phases     []phaseJSON     `json:"_phases,omitempty"`
	Attempts   []attemptJSON   `json:"_attempts,omitempty"`
	Restarts   int             `json:"_restarts,omitempty"`
	MadeBy     *madeByJSON     `json:"_madeBy,omitempty"`
	Timer      *timerJSON      `json:"_timer,omitempty"`
	Link       *connectionJSON `json:"_connection,omitempty"`
	LogID      *string         `json:"_logId,omitempty"`
	Verdict    *verdictJSON    `json:"_verdict,omitempty"`
	Behind     *behindJSON     `json:"_behind,omitempty"`
	Related    []relatedJSON   `json:"_related,omitempty"`
	Unjoined   bool            `json:"_unjoined,omitempty"`
	Unfinished bool            `json:"_unfinished,omitempty"` // the time is that until the trace ends
}

type harRequest struct {
	Method      string    `json:"method"`
	URL         string    `json:"url"`
	HTTPVersion string    `json:"httpVersion"`
	Cookies     []harPair `json:"cookies"`
	Headers     []harPair `json:"headers"`
	QueryString []harPair `json:"queryString"`
	HeadersSize int       `json:"headersSize"`
	BodySize    int       `json:"bodySize"`
}

type harPair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type harResponse struct {
	Status      int        `json:"status"` // 0 = none seen
	StatusText  string     `json:"statusText"`
	HTTPVersion string     `json:"httpVersion"`
	Cookies     []harPair  `json:"cookies"`
	Headers     []harPair  `json:"headers"`
	Content     harContent `json:"content"`
	RedirectURL string     `json:"redirectURL"`
	HeadersSize int        `json:"headersSize"`
	BodySize    int        `json:"bodySize"`
	Error       string     `json:"_error,omitempty"` // Chrome's name for it: net::ERR_TIMED_OUT
}

type harContent struct {
	Size     int    `json:"size"`
	MimeType string `json:"mimeType"`
}

// harTimings are -1 where a step does not apply. Connect includes SSL.
type harTimings struct {
	Blocked durationJSON `json:"blocked"`
	DNS     durationJSON `json:"dns"`
	Connect durationJSON `json:"connect"`
	SSL     durationJSON `json:"ssl"`
	Send    durationJSON `json:"send"`
	Wait    durationJSON `json:"wait"`
	Receive durationJSON `json:"receive"`
}

// notKnown is what HAR has for sizes that are not known, unknownType for types of content.
const (
	notKnown     = -1
	unknownType  = "x-unknown"
	inapplicable = durationJSON(-time.Millisecond)
)

// analysisHAR writes an entry for each request, or for each attempt of one where the phases can be told apart.
func analysisHAR(w io.Writer, a *Analysis, _ Options) error {
	j := newJSONWriter(w)
	list, left := a.exchanges()
	j.member(`{"log":{`, "version", "1.2")
	j.member(",", "creator", a.Tool)
	comment := a.Masked()
	if left > 0 {
		comment += fmt.Sprintf(" Left out: %d of %d requests; nothing tells when they began.", left, left+len(list))
	}
	j.member(",", "comment", comment)
	j.member(",", "_redaction", a.redaction())
	discoveries := make([]discoveryJSON, len(a.Discoveries))
	for i, d := range a.Discoveries {
		discoveries[i] = a.newDiscovery(d)
	}
	j.member(",", "_discoveries", discoveries)
	j.member(",", "pages", []struct{}{})
	j.member(",", "entries", nil)
	writeArray(j, harLegs(list), func(l harLeg) harEntry { return a.newHAREntry(l) })
	j.raw("}}\n")
	return j.close()
}

// A harLeg is what makes an entry: a request, or one attempt of it.
type harLeg struct {
	exchange
	attempt int    // from 1; 0 = the whole request
	next    string // URL of the next attempt
}

// harLegs returns what makes the entries, by start.
func harLegs(list []exchange) []harLeg {
	out := make([]harLeg, 0, len(list))
	for i := range list {
		out = list[i].appendLegs(out)
	}
	slices.SortStableFunc(out, func(l, m harLeg) int { return cmp.Compare(l.start, m.start) })
	return out
}

// appendLegs appends a request, or each attempt as a request of its own: if its phases can be told apart, and it is not
// proxied. The attempts of a proxied request are of its outbound half, its time and answer are those of the inbound half.
func (x *exchange) appendLegs(out []harLeg) []harLeg {
	n := len(x.Attempts)
	if n < 2 || x.Proxied {
		return append(out, harLeg{exchange: *x})
	}
	cuts := make([]etl.Time, n+1)
	for i := range x.Attempts {
		cuts[i] = x.Attempts[i].Start
	}
	cuts[0], cuts[n] = x.start, x.end
	if !slices.IsSorted(cuts) {
		return append(out, harLeg{exchange: *x})
	}
	phases := make([][]timeline.Phase, n)
	for _, p := range within(x.Phases, x.stretch) {
		i := n - 1
		for i > 0 && p.start < cuts[i] {
			i--
		}
		if p.end > cuts[i+1] {
			return append(out, harLeg{exchange: *x})
		}
		phases[i] = append(phases[i], *p.Phase)
	}
	for i := range x.Attempts {
		t := &x.Attempts[i]
		r, s := *x.Request, stretch{start: cuts[i], end: cuts[i+1], late: x.late && i == 0, open: x.open && i == n-1}
		r.URL, r.Phases, r.Attempts = t.URL, phases[i], nil
		l := harLeg{attempt: i + 1}
		if i < n-1 {
			l.next = x.Attempts[i+1].URL
			r.Status, r.HasSub, r.Error, r.WinHTTP, r.Outcome, r.Phase = t.Status, false, t.Error, timeline.WinHTTPCode{}, timeline.OK, ""
			r.Server, r.Restarts, r.MadeBy, r.Timer, r.Connection, r.Verdict, r.Behind, r.Related = "", 0, nil, nil, nil, nil, nil, nil
			if t.Error != 0 {
				r.Outcome = timeline.Failed
			}
			for j := range r.Phases {
				if p := &r.Phases[j]; p.Outcome == timeline.Failed {
					r.Phase = p.Name
				} else if p.Name == timeline.PhaseConnect {
					r.Server = p.Detail
				}
			}
		}
		if r.Partial == timeline.PartialStart && i > 0 || r.Partial == timeline.PartialEnd && i < n-1 {
			r.Partial = timeline.Whole
		}
		l.exchange = exchange{&r, s, x.input, x.machine}
		out = append(out, l)
	}
	return out
}

func (a *Analysis) newHAREntry(l harLeg) harEntry {
	x, r := &l.exchange, a.newRequest(l.Request)
	address := x.absolute()
	e := harEntry{
		Started: momentJSON(x.start), Time: durationJSON(x.end.Sub(x.start)),
		Request: harRequest{
			Method: x.Method, URL: address, Cookies: []harPair{}, Headers: []harPair{}, QueryString: queryOf(address),
			HeadersSize: notKnown, BodySize: notKnown,
		},
		Response: harResponse{
			Status: x.Status, StatusText: http.StatusText(x.Status), Cookies: []harPair{}, Headers: []harPair{},
			Content: harContent{notKnown, unknownType}, HeadersSize: notKnown, BodySize: notKnown, Error: chromeError(x.Request),
		},
		Timings: newHARTimings(x),

		ID: r.ID, Attempt: l.attempt, Input: r.Input, Machine: known(x.machine), Side: r.Side, Proxied: r.Proxied,
		PID: r.PID, Process: r.Process, AppPool: r.AppPool, Host: r.Host, Server: r.Server, Client: r.Client, Farm: r.Farm,
		Substatus: r.Substatus, Traffic: r.Traffic, Outcome: r.Outcome, Partial: r.Partial, Phase: r.Phase, Error: r.Error,
		WinHTTP: r.WinHTTP, Phases: r.Phases, Attempts: r.Attempts, Restarts: r.Restarts, MadeBy: r.MadeBy, Timer: r.Timer,
		Link: r.Connection, LogID: r.LogID, Verdict: r.Verdict, Behind: r.Behind, Related: r.Related, Unjoined: r.Unjoined,
		Unfinished: x.open,
	}
	if address != x.URL {
		e.URL = r.URL
	}
	if x.Status >= 300 && x.Status < 400 {
		e.Response.RedirectURL = l.next
	}
	if v := x.Verdict; v != nil {
		e.Comment = v.Title
	}
	here, there := x.ends()
	if ip, _, ok := timeline.ParseEndpoint(there); ok {
		e.Address = ip.String()
	}
	if _, port, ok := timeline.ParseEndpoint(here); ok && port != 0 {
		e.Connection = here
	}
	return e
}

// ends returns the addresses at the client's and at the server's end of the connection that carried a request; "" is
// unknown. For a proxied request that is the connection to the content server.
func (x *exchange) ends() (client, server string) {
	client, server = x.Client, x.Server
	if x.Side == timeline.Client {
		client = ""
	}
	if c := x.Connection; c != nil {
		client, server = cmp.Or(c.Local, client), cmp.Or(c.Remote, server)
		if x.Side == timeline.Server {
			client, server = cmp.Or(c.Remote, x.Client), cmp.Or(c.Local, x.Server)
		}
	}
	return client, server
}

// maxQuery bounds the parameters of a query that are listed; its URL has them all.
const maxQuery = 1000

// queryOf takes the query of a URL apart.
func queryOf(address string) []harPair {
	_, query, _ := strings.Cut(address, "?")
	query, _, _ = strings.Cut(query, "#")
	out := []harPair{}
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		if len(out) == maxQuery {
			break
		}
		name, value, _ := strings.Cut(part, "=")
		out = append(out, harPair{plainText(name), plainText(value)})
	}
	return out
}

// plainText returns what a part of a query stands for.
func plainText(s string) string {
	if t, err := url.QueryUnescape(s); err == nil {
		return t
	}
	return s
}

// A harStep is one of HAR's timings.
type harStep uint8

const (
	harBlocked harStep = iota
	harDNS
	harConnect
	harSSL
	harSend
	harWait
	harReceive
	harSteps
)

// harStepOf says, by side, which of them a phase counts to. They are a client's: what the server reads is what the client
// sends.
var harStepOf = [...]map[string]harStep{
	timeline.Client: {
		"route": harBlocked, "proxy": harBlocked, "resolve": harDNS, "connect pool": harBlocked, "connect": harConnect, "tls": harSSL,
		"send": harSend, "receive": harWait, "receive headers": harWait, "receive body": harReceive,
	},
	timeline.Server: {"receive": harSend, "queue": harWait, "process": harWait, "send": harReceive},
}

// What lies between two phases counts to one of them: to which depends on the later one, at the end on the last one.
var (
	harBefore = [harSteps]harStep{harDNS: harBlocked, harConnect: harBlocked, harSSL: harConnect, harSend: harBlocked, harWait: harWait, harReceive: harWait}
	harAfter  = [harSteps]harStep{harDNS: harBlocked, harConnect: harBlocked, harSSL: harBlocked, harSend: harWait, harWait: harWait, harReceive: harReceive}
)

// newHARTimings divides all the time of an exchange up: of phases at the same time, the one that began last counts.
func newHARTimings(x *exchange) harTimings {
	var spent [harSteps]time.Duration
	var seen [harSteps]bool
	type task struct {
		step harStep
		end  etl.Time
	}
	var active []task
	now := x.start
	pass := func(until etl.Time, idle harStep) {
		for now < until {
			for n := len(active); n > 0 && active[n-1].end <= now; n-- {
				active = active[:n-1]
			}
			t := task{idle, until}
			if n := len(active); n > 0 {
				t = task{active[n-1].step, min(active[n-1].end, until)}
			}
			spent[t.step] += t.end.Sub(now)
			seen[t.step], now = true, t.end
		}
	}
	last := harWait
	for _, p := range within(x.Phases, x.stretch) {
		step, ok := harStepOf[x.Side][stepOf(p.Phase)]
		if !ok {
			step = harWait
		}
		pass(p.start, harBefore[step])
		active = append(active, task{step, p.end})
		seen[step], last = true, step
	}
	pass(x.end, harAfter[last])

	spent[harConnect] += spent[harSSL]
	seen[harConnect] = seen[harConnect] || seen[harSSL]
	seen[harSend], seen[harWait], seen[harReceive] = true, true, true
	of := func(step harStep) durationJSON {
		if !seen[step] {
			return inapplicable
		}
		return durationJSON(spent[step])
	}
	return harTimings{of(harBlocked), of(harDNS), of(harConnect), of(harSSL), of(harSend), of(harWait), of(harReceive)}
}

// chromeErrors are the names that Chrome has for codes: as its own table for Windows has them (net_errors_win.cc), and
// where that says no more than "failed", the one in its list whose description fits.
var chromeErrors = []struct {
	name  string
	codes []uint32
}{
	{"net::ERR_ABORTED", []uint32{995, 12017}},
	{"net::ERR_TIMED_OUT", []uint32{10060, 1460, 121, 12002}},
	{"net::ERR_CONNECTION_RESET", []uint32{10054, 10052, 64, 109}},
	{"net::ERR_CONNECTION_ABORTED", []uint32{10053, 1236}},
	{"net::ERR_CONNECTION_CLOSED", []uint32{12030, 1229, 38, 10101, 996}},
	{"net::ERR_CONNECTION_REFUSED", []uint32{10061, 1225}},
	{"net::ERR_CONNECTION_FAILED", []uint32{12029}},
	{"net::ERR_SOCKET_NOT_CONNECTED", []uint32{10057}},
	{"net::ERR_ADDRESS_UNREACHABLE", []uint32{10051, 10065, 1231, 1232, 10047}},
	{"net::ERR_ADDRESS_INVALID", []uint32{10049}},
	{"net::ERR_ADDRESS_IN_USE", []uint32{10048}},
	{"net::ERR_NO_BUFFER_SPACE", []uint32{10055}},
	{"net::ERR_INTERNET_DISCONNECTED", []uint32{10050}},
	{"net::ERR_ACCESS_DENIED", []uint32{5, 10013}},
	{"net::ERR_INVALID_HANDLE", []uint32{6}},
	{"net::ERR_OUT_OF_MEMORY", []uint32{8, 14}},
	{"net::ERR_INVALID_ARGUMENT", []uint32{87, 10022}},
	{"net::ERR_NAME_NOT_RESOLVED", []uint32{11001, 11002, 11003, 11004, 9002, 9003, 9501, 12007}},
	{"net::ERR_INVALID_HTTP_RESPONSE", []uint32{12152}},
	{"net::ERR_RESPONSE_HEADERS_TOO_BIG", []uint32{12181, 12182}},
	{"net::ERR_INVALID_CHUNKED_ENCODING", []uint32{12183}},
	{"net::ERR_RESPONSE_BODY_TOO_BIG_TO_DRAIN", []uint32{12184}},
	{"net::ERR_PAC_SCRIPT_FAILED", []uint32{12166, 12177}},
	{"net::ERR_MANDATORY_PROXY_CONFIGURATION_FAILED", []uint32{12167, 12178, 12180}},
	{"net::ERR_SSL_PROTOCOL_ERROR", []uint32{12157, 12175, 0x80090308, 0x80090326, 0x80090304}},
	{"net::ERR_SSL_VERSION_OR_CIPHER_MISMATCH", []uint32{0x80090331}},
	{"net::ERR_SSL_CLIENT_AUTH_CERT_NEEDED", []uint32{12044, 0x80090320}},
	{"net::ERR_SSL_CLIENT_AUTH_CERT_NO_PRIVATE_KEY", []uint32{12185, 0x8009030E}},
	{"net::ERR_SSL_CLIENT_AUTH_PRIVATE_KEY_ACCESS_DENIED", []uint32{12186}},
	{"net::ERR_CERT_COMMON_NAME_INVALID", []uint32{12038, 0x800B010F, 0x80090322}},
	{"net::ERR_CERT_DATE_INVALID", []uint32{12037, 0x800B0101, 0x80090328}},
	{"net::ERR_CERT_AUTHORITY_INVALID", []uint32{12045, 0x800B0109, 0x800B010A, 0x800B0112, 0x80090325}},
	{"net::ERR_CERT_UNABLE_TO_CHECK_REVOCATION", []uint32{12057, 0x80092012, 0x80092013, 0x800B010E}},
	{"net::ERR_CERT_REVOKED", []uint32{12170, 0x80092010, 0x800B010C}},
	{"net::ERR_CERT_INVALID", []uint32{12169, 12179, 0x800B0110}},
}

// chromeTimeouts are the names where Chrome tells apart in which phase the time ran out.
var chromeTimeouts = map[timeline.PhaseName]string{
	timeline.PhaseResolve: "net::ERR_DNS_TIMED_OUT",
	timeline.PhaseConnect: "net::ERR_CONNECTION_TIMED_OUT",
	timeline.PhaseTLS:     "net::ERR_CONNECTION_TIMED_OUT",
}

// chromeError returns the name that Chrome would show for how a request ended, or "".
func chromeError(r *timeline.Request) string {
	switch r.Outcome {
	case timeline.Cancelled:
		return "net::ERR_ABORTED"
	case timeline.Failed:
	default:
		return ""
	}
	for _, c := range []timeline.Code{r.Error, r.WinHTTP.Code} {
		n, ok := winerr.Win32FromHResult(uint32(c))
		if !ok {
			n = uint32(c)
		}
		name := ""
		for _, e := range chromeErrors {
			if slices.Contains(e.codes, n) {
				name = e.name
			}
		}
		if name == "net::ERR_TIMED_OUT" {
			name = cmp.Or(chromeTimeouts[r.Phase], name)
		}
		if name != "" {
			return name
		}
	}
	switch {
	case r.Phase == timeline.PhaseTLS:
		return "net::ERR_SSL_PROTOCOL_ERROR"
	case r.Status == 0 || r.Error != 0:
		return "net::ERR_FAILED"
	}
	return "" // an answer, and a whole one
}
