// Package netshtext reads what commands print on the console of a Windows web server and what support receives as
// text files: netsh, appcmd, netstat, systeminfo, ipconfig, and the files that netsh makes of them for its cabinet.
//
//	WP "1432" (applicationPool:Shop)                               appcmd list wp: the only sure map of PID and pool
//
//	Name der Anforderungswarteschlange: Shop                       netsh http show servicestate, in German
//	    Version: 2.0                                               ← a number like this makes the line above a queue
//	    Status: Aktiv
//	    Max. Anforderungen: 1000
//	    Anzahl der aktiven Prozesse: 1
//	    Prozess-IDs:
//	        1432                                                   ← a bare number: a process attached to it
//	    URL-Gruppen-ID: FE00000040000001                           ← 16 hexadecimal digits: a URL group or a session
//	        ...
//	        HTTP://SHOP.EXAMPLE:80/                                ← a bare URL: registered
//
// The words are in the language of the machine, the bytes in its OEM code page, or UTF-16 where PowerShell wrote the
// file. Nothing here looks at a translated word: numbers, GUIDs, addresses, URLs, identifiers and the order of lines
// tell what a line is. So a file may hold the output of several commands, with prompts and remarks between them.
//
// User names that name the owner of a reservation are kept; those of osinfo.txt and proxy passwords are not.
//
// The layouts are those of the tools themselves; osinfo.txt and the other members of the cabinet are made by
// gatherNetworkInfo.vbs, which is part of Windows.
package netshtext

import (
	"errors"
	"net/netip"
	"time"
)

// ErrUnknown is the error for a text in which no output of a known command was found.
var ErrUnknown = errors.New("not the output of a known command")

// A Kind is a command, or several that tell the same.
type Kind uint8

const (
	Unknown         Kind = iota
	WorkerProcesses      // appcmd list wp
	RunningRequests      // appcmd list requests
	AppPools             // appcmd list apppool
	Sites                // appcmd list site
	ServiceState         // netsh http show servicestate
	URLReservations      // netsh http show urlacl
	Certificates         // netsh http show sslcert
	IPListenList         // netsh http show iplisten
	Netstat              // netstat -ano
	DynamicPorts         // netsh int ipv4 show dynamicport tcp
	WinHTTPProxy         // netsh winhttp show proxy
	SystemInfo           // systeminfo; osinfo.txt of the cabinet
	IPConfig             // ipconfig; envinfo.txt of the cabinet
	Remainder            // a text of the cabinet that tells nothing about requests; named, not read
)

// kinds says of each Kind what it is called and how it is read. The readers see every line in turn. They are in the
// order of what decides a case, which is also the order of Text.Kinds.
var kinds = [...]struct {
	name string
	read func(*parser, *line)
}{
	Unknown:         {"unknown", nil},
	WorkerProcesses: {"appcmd list wp", (*parser).appcmd},
	RunningRequests: {"appcmd list requests", nil}, // appcmd reads all its lists
	AppPools:        {"appcmd list apppool", nil},
	Sites:           {"appcmd list site", nil},
	ServiceState:    {"netsh http show servicestate", (*parser).serviceState},
	URLReservations: {"netsh http show urlacl", (*parser).reservation},
	Certificates:    {"netsh http show sslcert", (*parser).certificate},
	IPListenList:    {"netsh http show iplisten", (*parser).ipListen},
	Netstat:         {"netstat", (*parser).netstat},
	DynamicPorts:    {"netsh int ipv4 show dynamicport", (*parser).dynamicPorts},
	WinHTTPProxy:    {"netsh winhttp show proxy", (*parser).proxy},
	SystemInfo:      {"systeminfo", (*parser).systemInfo},
	IPConfig:        {"ipconfig", (*parser).ipConfig},
	Remainder:       {"network information of the netsh cabinet", (*parser).remainder},
}

// String returns the command, or what else to call it.
func (k Kind) String() string { return kinds[k].name }

// A Text is what a file says. Lines are counted from 1.
type Text struct {
	Kinds   []Kind // commands whose output was found, the most telling first
	Charset string // "UTF-8", "UTF-16", or the code page: "850"

	Workers      []Worker      // worker processes
	Requests     []Request     // requests that ran at that moment
	Pools        []Pool        // application pools
	Sites        []Site        // sites
	Queues       []Queue       // request queues of HTTP.sys
	Reservations []Reservation // reserved URLs
	Bindings     []Binding     // TLS endpoints of HTTP.sys
	IPListen     []netip.Addr  // the IP listen list; HTTP.sys listens on nothing else unless it is empty
	Connections  *Connections  // nil without netstat
	Ports        *PortRange    // of outgoing TCP connections; nil if not told
	Proxy        *Proxy        // of WinHTTP; nil if not told

	Machine   string       // computer name; "" if not told
	Build     int          // build number of Windows; 0 if not told
	Addresses []netip.Addr // the machine's own, without loopback and zone, sorted

	Anomalies []Anomaly
}

// A Worker is a worker process.
type Worker struct {
	PID  uint32
	Pool string
	Line int
}

// A Request is a request that was being processed.
type Request struct {
	ID      string // as in events and FREB file names of the same moment
	Method  string
	URL     string
	Elapsed time.Duration
	Client  string // address, or "localhost"
	Stage   string // notification: ExecuteRequestHandler
	Module  string
	PID     uint32 // 0 if not told
	Pool    string // "" if not told
	Line    int
}

// A Pool is an application pool of the configuration.
type Pool struct {
	Name  string
	State string // Started, Stopped, Starting, Stopping, Unknown
	Line  int
}

// A Site is a site of the configuration.
type Site struct {
	Name     string
	ID       uint32
	Bindings []string // protocol/address:port:host
	State    string   // as of a Pool
	Line     int
}

// A Queue is a request queue of HTTP.sys. IIS names it like the application pool.
type Queue struct {
	Name  string // "" if it has none
	State string // in the language of the machine
	Limit uint32 // requests that may wait; 0 if not told
	PIDs  []uint32
	URLs  []string // registered; of unnamed queues in the session view they may stand in a Queue of their own
	Line  int      // 0 if only URL groups name it
}

// A Reservation gives users the right to register URLs below one.
type Reservation struct {
	URL   string
	Users []string // account names as printed
	SDDL  string
	Line  int
}

// A Binding is an endpoint with a certificate.
type Binding struct {
	Endpoint string // address:port, host:port, or the port of a central certificate store
	Client   Switch // whether client certificates are negotiated
	Line     int
}

// A Switch is a setting that may be unknown.
type Switch uint8

const (
	NotTold Switch = iota
	Off
	On
)

// Connections sums up netstat.
type Connections struct {
	TCP, UDP  int           // rows
	States    [NumState]int // TCP rows by state
	Listeners []Listener
	// Remotes are the other ends of TCP connections, those that occupy the most local ports first.
	Remotes []Remote
}

// Count returns how many TCP rows have the state.
func (c *Connections) Count(s State) int { return c.States[s] }

// A Listener is a TCP endpoint that waits for connections.
type Listener struct {
	Local netip.AddrPort
	PID   uint32 // 0 if not told
	Line  int
}

// A Remote is one other end.
type Remote struct {
	Addr     netip.AddrPort
	Ports    int // distinct local ports
	TimeWait int // rows in that state
}

// A State is the state of a TCP connection as far as it tells something.
type State uint8

const (
	Other State = iota // a word that is not known
	Listening
	Established
	TimeWait
	CloseWait
	SynSent
	SynReceived
	Bound   // a local port without a connection (netstat -q)
	Closing // FIN_WAIT_1, FIN_WAIT_2, LAST_ACK, CLOSING, CLOSED
	NumState
)

var stateNames = [...]string{"other", "LISTENING", "ESTABLISHED", "TIME_WAIT", "CLOSE_WAIT", "SYN_SENT", "SYN_RECEIVED", "BOUND", "closing"}

// String returns netstat's English word.
func (s State) String() string { return stateNames[s] }

// A PortRange are the local ports that outgoing connections use.
type PortRange struct {
	Start, Count int
	Line         int
}

// A Proxy is the proxy setting of WinHTTP for the machine.
type Proxy struct {
	Server string // host:port or list; "" = direct access. Without user and password
	Bypass string // hosts that are reached directly; in the language of the machine if none
	Line   int
}

// An AnomalyKind says what is wrong with a text.
type AnomalyKind uint8

const (
	LongLine  AnomalyKind = iota // a line was cut
	TooLong                      // the end of the file was not read
	TooMany                      // a list was cut
	BrokenRow                    // a row of netstat that cannot be read
)

var anomalyNames = [...]string{"line is too long and was cut", "text is too long, its end was not read", "too many entries, the rest was left out", "row cannot be read"}

// String describes it.
func (k AnomalyKind) String() string { return anomalyNames[k] }

// An Anomaly is something wrong at a line.
type Anomaly struct {
	Kind AnomalyKind
	Line int
}
