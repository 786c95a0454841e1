package timeline

// A rule is a row of the decision table: what must be seen, what that means, and what to do.
// The rules are tried in order; the first that fits is the verdict.
//
// In texts, {server}, {host}, {limit} and so on stand for values of the request and for what lookers found; see scene.replacer and scene.say.
type rule struct {
	id     string
	phases []PhaseName // where the request stopped; nil = anywhere
	detail string      // of the phase; "" = any
	codes  []Code      // raw codes, or WinHTTP codes; 0 = none is known; nil = any
	cert   uint32      // bits of ServerCertErrors that do as well as a code
	alerts []uint8     // TLS alerts that do as well as a code
	all    fact        // all of these were seen
	any    fact        // at least one of these, if not 0
	none   fact        // none of these
	as     Outcome     // 0 = failed; or Cancelled; or OK, of requests that are odd all the same

	statuses []string // that the client got: "502.3", or "502" with any substatus; nil = any
	reasons  []string // by which HTTP.sys ended the request; nil = any, also none
	see      []clue   // all of these were found in the other files
	seeAny   []clue   // at least one of these, if not nil
	unless   []clue   // none of these
	proof    []clue   // certain if all of these were found, nothing was lost, and it would be likely else; nil = never

	sure   fact // likely only if one of these was seen, if not 0
	unsure fact // only possible if one of these was seen

	title   string
	open    string
	near    []neighbour
	doNow   []string
	findOut []string
	behind  []Kind // files of the server behind that would tell more: those that are not there are asked for
	here    []Kind // the same of the machine that the request was seen at
}

// A neighbour is a rule that the user may think of, with the observation that speaks against it.
type neighbour struct {
	id   string
	all  fact // what was seen
	none fact // what was not
	why  string
}

// WinHTTP's flags for what is wrong with a certificate (WINHTTP_CALLBACK_STATUS_FLAG_*), assumed to be
// those of WebIO's ServerCertErrors too.
const (
	certRevocation = 0x01
	certName       = 0x10
	certCA         = 0x08
	certDate       = 0x20
)

// Sets of codes that rules share.
var (
	brokenCodes = []Code{10054, 10053, 10052, 10101, 10058, 10057, 64, 1236, 1229, 38, 12030}
	deadCodes   = []Code{10060, 10053, 121}
	timerCodes  = []Code{codeTimeout, 12002}
)

// serverFiles are what tells most of a request at the server behind.
var serverFiles = []Kind{KindIISLog, KindHTTPERR, KindFREB}

// established is what shows that the request had a working connection.
const established = factConnected | factReused | factSending

// What makes a verdict less sure: events are missing; or, for some rules, it is never more than possible.
const (
	lost   = factLoss
	always = ^fact(0)
)

var (
	connecting   = []PhaseName{PhaseConnect}
	transferring = []PhaseName{PhaseSend, PhaseReceive}
)

// Reasons against neighbours that many rules share.
var (
	wasConnected = neighbour{"C1", factConnected, 0, "closed port or server down: it was connected"}
	wasReused    = neighbour{"C1", factReused, factConnected, "closed port: the request went out on an open connection"}
	wasFound     = neighbour{"N1", factResolved, 0, "name lookup: the name was found"}
	wasAddress   = neighbour{"N1", 0, factResolve, "name lookup: none was needed, or it was known"}
	noTLS        = neighbour{"S5", 0, factTLS | factTLSDone, "TLS: no handshake in this request"}
	tlsWasDone   = neighbour{"S5", factTLSDone, 0, "TLS: the handshake ended well"}
	notSent      = neighbour{"T1", factTried, factSending, "slow page: {unsent}"}
	notRefused   = neighbour{"C1", 0, factRefused, "closed port: nothing refused the connection (that is 10061)"}
	notCancelled = neighbour{"R8", 0, factCancelled | factClosedEarly, "cancelled by the caller: no cancel before the error"}
)

var rules = []rule{
	// The answer is the failure.
	{
		id: "HTTP-5xx", phases: []PhaseName{""}, all: factHeaders,
		title: "{server} answered {status}",
		open:  "why the server answered so: its own log and trace know",
		near: []neighbour{
			{"T1", 0, 0, "time-out: the answer came"},
			wasConnected, wasReused,
		},
		doNow:  []string{"look at {server}, not at this machine: the answer was made there"},
		behind: serverFiles,
	},

	// WinHTTP's text lines tell less than its events: no connect, no send.
	{
		id: "T1", codes: timerCodes, all: factText,
		title: "no answer came in time",
		open:  "this old trace form has no connect events: 1460 can come from any of WinHTTP's four timers, not only from the one for the answer",
		near: []neighbour{
			{"T4", 0, 0, "server offline: that ends with 10060 in this form"},
			{"C1", 0, 0, "closed port: that is 10061"},
		},
		doNow:   []string{"only if the page is known to be slow, raise {timeout}"},
		findOut: []string{"get the IIS log, HTTPERR and Failed Request Tracing of the content server for {span}"},
	},
	{
		id: "T4", codes: []Code{10060}, all: factText,
		title: "nothing answered at the server",
		open:  "this old trace form has no connect events: 10060 can also come from a connection that went dead",
		near: []neighbour{
			{"T1", 0, 0, "slow page: WinHTTP's own timer is 1460"},
			{"C1", 0, 0, "closed port: that is 10061"},
		},
		doNow:   []string{"{retire}"},
		findOut: []string{"which server it was, and whether its port answers from this machine (Test-NetConnection): this form does not name it"},
	},

	{
		id: "R1", codes: brokenCodes, all: factText,
		title: "the connection broke before the answer was complete",
		open:  "which side ended it, or something in between: this old trace form has no socket events",
		near: []neighbour{
			{"T1", 0, 0, "slow page: WinHTTP's own timer is 1460"},
			{"C1", 0, 0, "closed port: that is 10061"},
		},
		doNow:   []string{"send the request again; if the first one after a pause fails, let the proxy keep connections idle for a shorter time than the server"},
		findOut: []string{"get HTTPERR, System and Application event logs of the content server for {span}"},
	},

	// The name.
	{
		id: "T3", phases: []PhaseName{PhaseResolve, ""}, codes: []Code{codeTimeout, 10060, 12002, 0}, all: factResolve, any: factResolveTimeout | factTimerKnown,
		sure: factResolveTimeout | factTimerNear, unsure: lost | factResolved,
		proof: []clue{confirmed},
		title: "the name {host} could not be looked up in time",
		open:  "which DNS server is at fault, and whether it got the question",
		near: []neighbour{
			{"N1", 0, factResolveFailed, "unknown name: nobody said that it does not exist"},
			notSent,
			{"T4", 0, factTried, "server offline: no connection was tried"},
		},
		doNow:   []string{"use the address in place of the name, or put {host} into the hosts file of this machine"},
		findOut: []string{"on this machine: Resolve-DnsName {host}; Get-DnsClientServerAddress; ask each server by itself"},
	},
	{
		id: "N1", phases: []PhaseName{PhaseResolve, ""}, codes: []Code{11001, 11004, 9003, 9501},
		unsure: lost | factResolved,
		proof:  []clue{confirmed},
		title:  "the name {host} is not known",
		open:   "whether the record is missing, or an earlier miss is still cached",
		near: []neighbour{
			{"N2", 0, factResolveTimeout, "DNS servers in trouble: the answer was that there is no such name"},
			{"T4", 0, factTried, "server offline: no connection was tried"},
		},
		doNow:   []string{"correct the name, or its DNS record; then clear the cache: ipconfig /flushdns"},
		findOut: []string{"on this machine: Resolve-DnsName {host}"},
	},
	{
		id: "N2", phases: []PhaseName{PhaseResolve, ""}, codes: []Code{11002, 11003, 9002},
		unsure: lost | factResolved,
		proof:  []clue{confirmed},
		title:  "the DNS servers could not answer for {host}",
		open:   "which DNS server fails, and whether always or now and then",
		near: []neighbour{
			{"N1", 0, 0, "unknown name: the answer did not say that it does not exist"},
			{"T4", 0, factTried, "server offline: no connection was tried"},
		},
		doNow:   []string{"use a DNS server that works, or put {host} into the hosts file of this machine"},
		findOut: []string{"on this machine: Get-DnsClientServerAddress, then Resolve-DnsName {host} -Server with each"},
	},

	// The proxy in front of this machine.
	{
		id: "P2", phases: []PhaseName{PhaseProxy, ""}, codes: []Code{12167, 12166, 12177, 12178}, sure: factProxyFailed, unsure: lost,
		title: "the proxy script could not be used",
		open:  "whether the script's server or the script itself is at fault",
		near: []neighbour{
			{"P1", 0, factProxyGap, "slow proxy detection: it did not take long"},
			{"T4", 0, factTried, "server offline: no connection was tried"},
		},
		doNow:   []string{"give WinHTTP a fixed setting: netsh winhttp set proxy, or netsh winhttp reset proxy"},
		findOut: []string{"open the script's address on this machine"},
	},
	{
		id: "P1", phases: []PhaseName{PhaseProxy}, all: factProxyGap, sure: factProxySearch, unsure: lost,
		title: "looking for a proxy took {proxy} of the request's {duration}",
		open:  "why the search takes so long: DHCP, DNS, or a script that does not load",
		near: []neighbour{
			{"T4", 0, factTried, "server offline: no connection was tried"},
			{"N1", 0, factResolve, "name lookup: it was not reached"},
		},
		doNow:   []string{"switch automatic detection off: netsh winhttp reset proxy, or set the proxy by hand"},
		findOut: []string{"netsh winhttp show proxy; record again with WinHttp events at level 5"},
	},

	// The connection.
	{
		id: "C1", phases: connecting, codes: []Code{10061, 1225}, none: factSending, unsure: lost,
		proof: []clue{confirmed},
		title: "{server} refused the connection{others}",
		open:  "why: the service or site is stopped, there is no binding for this port, or its queue of connections is full{loopback}",
		near: []neighbour{
			{"T4", 0, 0, "server offline or firewall that drops: something answered"},
			{"T1", factTried, factSending, "slow page: {unsent}"},
			wasFound, wasAddress,
		},
		doNow:   []string{"start the service or site at {server}, or correct {port of}"},
		findOut: []string{"on this machine: Test-NetConnection {address} -Port {port}; on the server: netstat -ano, is anybody listening, and do other sites on that port answer"},
	},
	{
		id: "C2", phases: connecting, codes: []Code{10051, 10065, 10050, 10064}, none: factSending, unsure: lost,
		proof: []clue{confirmed},
		title: "there is no way from this machine to {server}",
		open:  "whether the route, the gateway or this machine's own network is missing",
		near: []neighbour{
			{"T4", 0, 0, "server offline: this machine itself reported that it cannot get there"},
			{"C1", 0, 0, "closed port: that is 10061"},
		},
		doNow:   []string{"correct the route or the gateway: route print, Get-NetAdapter"},
		findOut: []string{"on this machine: Test-NetConnection {address} -DiagnoseRouting"},
	},
	{
		id: "C3", phases: connecting, codes: []Code{10048, 10055}, none: factSending, unsure: lost,
		proof: []clue{confirmed},
		title: "this machine had no free port, or no memory, for a connection to {server}",
		open:  "whether it was ports (thousands of connections in TIME_WAIT) or memory: only this machine's state tells",
		near: []neighbour{
			{"T4", 0, 0, "server offline: the attempt never left this machine"},
			{"C1", 0, 0, "closed port: that is 10061"},
		},
		doNow:   []string{"switch keep-alive on in the proxy, so that connections are used again; widen the range of ports: netsh int ipv4 set dynamicport tcp"},
		findOut: []string{"System event log: Tcpip 4227 and 4231; netstat -ano while it happens"},
	},
	{
		id: "C4", phases: connecting, codes: []Code{10013}, none: factSending, unsure: lost,
		proof: []clue{confirmed},
		title: "this machine's own firewall or filter forbids the connection to {server}",
		open:  "which rule or product forbids it",
		near: []neighbour{
			{"T4", 0, 0, "server offline: the attempt never left this machine"},
			{"C1", 0, 0, "closed port: that is 10061"},
		},
		doNow:   []string{"allow {process} outbound to port {port}"},
		findOut: []string{"netsh wfp show netevents; the list of installed security software"},
	},
	{
		id: "T4", phases: connecting, codes: []Code{10060, codeTimeout, 12002, 121, 0}, all: factTried, any: factTryFailed | factSYNLost | factTimerKnown | factTimerNear, none: factSending | factReused | factConnected | factPeerReset,
		sure: factTryFailed | factSYNLost | factTimerKnown, unsure: lost,
		proof: []clue{confirmed},
		title: "nothing answered at {server}{others}",
		open:  "whether the machine is off, the address is wrong, or a firewall in between is silent",
		near: []neighbour{
			notSent, notRefused, wasFound, wasAddress,
		},
		doNow:   []string{"{retire}"},
		findOut: []string{"on this machine: Test-NetConnection {address} -Port {port}", "host up but port silent: a firewall between them; host silent: power, network, address"},
	},

	// TLS.
	{
		id: "S4", phases: []PhaseName{PhaseTLS}, codes: []Code{0x80092012, 0x80092013, 12057}, cert: certRevocation, unsure: lost,
		proof: []clue{confirmed},
		title: "it could not be checked whether the certificate of {host} is revoked",
		open:  "which list or responder could not be reached",
		near: []neighbour{
			{"S1", 0, 0, "unknown issuer: the certificate was turned down for revocation only"},
			wasConnected,
		},
		doNow:   []string{"let this machine reach the addresses of the certificate's revocation list (port 80), or give it a proxy: netsh winhttp set proxy"},
		findOut: []string{"certutil -verify -urlfetch with the server's certificate, as the pool's identity"},
	},
	{
		id: "S2", phases: []PhaseName{PhaseTLS}, codes: []Code{0x800B0101, 0x80090328, 12037}, cert: certDate, unsure: lost,
		proof: []clue{confirmed},
		title: "the certificate of {host} has expired or is not valid yet",
		open:  "whether the certificate is old or a clock is wrong",
		near: []neighbour{
			{"S1", 0, 0, "unknown issuer: it is the date"},
			wasConnected,
		},
		doNow:   []string{"renew the certificate at {server}; check the clocks of both machines"},
		findOut: []string{"look at the certificate's dates in a browser on this machine"},
	},
	{
		id: "S3", phases: []PhaseName{PhaseTLS}, codes: []Code{0x800B010F, 0x80090322, 12038}, cert: certName, unsure: lost,
		proof: []clue{confirmed},
		title: "the certificate of {server} is for another name than {host}",
		open:  "whether the name that was asked for is wrong, or the binding that answered",
		near: []neighbour{
			{"S1", 0, 0, "unknown issuer: it is the name"},
			wasConnected,
		},
		doNow:   []string{"use a name that the certificate has, or bind the right certificate; with ARR see preserveHostHeader, which decides the name sent"},
		findOut: []string{"netsh http show sslcert on the server", "ARR ignores the name by default: look for a second error of the certificate"},
	},
	{
		id: "S1", phases: []PhaseName{PhaseTLS}, codes: []Code{0x800B0109, 0x800B010A, 0x80090325, 12045}, cert: certCA, unsure: lost,
		proof: []clue{confirmed},
		title: "this machine does not trust the issuer of the certificate of {host}",
		open:  "whether the root is missing here or the server leaves out the certificates in between",
		near: []neighbour{
			{"S2", 0, 0, "expired certificate: it is the issuer"},
			wasConnected,
		},
		doNow:   []string{"import the issuer's root certificate into this machine's store (LocalMachine, not the user's)"},
		findOut: []string{"open the certificate on this machine and look at its path"},
	},
	{
		id: "S6", phases: []PhaseName{PhaseTLS, PhaseReceive}, codes: []Code{secIncompleteCredentials, 12044}, alerts: []uint8{116, 42}, any: factTLS | factClientCert, unsure: lost,
		proof: []clue{confirmed},
		title: "{server} demands a client certificate",
		open:  "whether the server is meant to ask for one",
		near: []neighbour{
			{"S1", 0, factCertificate, "the server's own certificate: it was not turned down"},
			wasConnected,
		},
		doNow:   []string{"give the proxy a client certificate, or let the server stop asking for one"},
		findOut: []string{"on the server: the site's SSL settings, netsh http show sslcert (Negotiate Client Certificate)"},
	},
	{
		id: "S7", phases: []PhaseName{PhaseTLS}, codes: []Code{0x8009030E, 0x8009030D, 0x80090010, 12185, 12186}, any: factTLS | factCredentials, unsure: lost,
		proof: []clue{confirmed},
		title: "this machine could not use its own key for TLS with {host}",
		open:  "whether the key is missing or the pool's identity may not read it",
		near: []neighbour{
			{"S1", 0, factCertificate, "the server's certificate: it was not turned down"},
			wasConnected,
		},
		doNow:   []string{"let the identity of {process} read the private key (certlm.msc, Manage Private Keys)"},
		findOut: []string{"certutil -store My: does the certificate have its key"},
	},
	{
		id: "S5", phases: []PhaseName{PhaseTLS}, codes: []Code{0x80090331, 0x80090326, 0x80090302}, alerts: []uint8{40, 70, 71, 47}, unsure: lost,
		proof: []clue{confirmed},
		title: "this machine and {server} have no TLS version or cipher in common",
		open:  "which of the two lacks what the other asks for",
		near: []neighbour{
			{"S1", 0, factCertificate, "the server's certificate: it was not turned down"},
			wasConnected,
		},
		doNow:   []string{"switch the same TLS version on at both ends (TLS 1.2), and suites that both have"},
		findOut: []string{"System event log, Schannel 36874, 36887 and 36888, at both ends"},
	},

	{
		id: "S5", phases: []PhaseName{PhaseTLS}, codes: append([]Code{0, 12175, 12157, 12029}, brokenCodes...), any: factPeerClosed | factPeerReset,
		unsure: always,
		title:  "{server} ended the TLS handshake without saying why",
		open:   "often the two have no TLS version or cipher in common; the server may also lack a certificate for {host}, or something in between may object",
		near: []neighbour{
			{"S1", 0, factCertificate, "the server's certificate: it was not turned down"},
			wasConnected,
		},
		doNow:   []string{"switch the same TLS version on at both ends (TLS 1.2), and suites that both have"},
		findOut: []string{"System event log, Schannel 36874, 36887 and 36888, at both ends"},
	},

	// Sending.
	{
		id: "T5", phases: []PhaseName{PhaseSend}, codes: []Code{codeTimeout, 12002, 0}, all: factSending, any: factSendError | factSendOpen | factTimerCancel | factTimerNear | factTimerKnown, none: factPeerClosed | factPeerReset,
		sure: factSendError | factSendOpen, unsure: lost | factSendUnclear,
		proof: []clue{confirmed},
		title: "{server} did not take the whole request within {limit}",
		open:  "why not: the page does not read the upload, or the way there swallows large packets",
		near: []neighbour{
			wasConnected, wasReused,
			{"T1", 0, factSent, "slow page: it had not got the whole request yet"},
		},
		doNow:   []string{"try a small upload to the same page: if that works, look for a firewall or a tunnel with a smaller packet size (MTU)"},
		findOut: []string{"has HTTPERR there a line with Timer_EntityBody: it would name the cause"},
		behind:  []Kind{KindIISLog, KindHTTPERR},
	},
	{
		id: "T6", phases: transferring, codes: deadCodes, all: factInUse, any: established, none: factPeerClosed | factPeerReset | factHeaders,
		sure: factGaveUp | factReused | factConnected, unsure: lost | factPartial,
		proof: []clue{confirmed},
		title: "the connection to {server} went dead while it was in use: what was sent was not acknowledged",
		open:  "whether the server vanished at that moment, or something on the way swallows what is sent",
		near: []neighbour{
			{"T4", established, 0, "server offline from the start: the connection had been made"},
			{"R1", 0, factPeerClosed | factPeerReset, "closed by the server: no end of the connection came in"},
			{"T1", 0, 0, "slow page: WinHTTP's own timer is 1460"},
		},
		doNow:   []string{"send the request again; if small requests get through and large ones do not, look for a tunnel or firewall with a smaller packet size (MTU)"},
		findOut: []string{"record packets at both ends: does what is sent arrive", "did {address} restart or change its address around {span}"},
	},
	{
		id: "T6", phases: transferring, codes: deadCodes, any: established, none: factPeerClosed | factPeerReset | factHeaders,
		sure: factReused | factConnected | factGaveUp, unsure: lost | factPartial,
		proof: []clue{confirmed},
		title: "the connection to {server} was dead: what was sent was not acknowledged",
		open:  "whether the server vanished or a firewall dropped the connection while it was idle",
		near: []neighbour{
			{"T4", established, 0, "server offline from the start: the connection had been made"},
			{"R1", 0, factPeerClosed | factPeerReset, "closed by the server: no end of the connection came in"},
			{"T1", 0, 0, "slow page: WinHTTP's own timer is 1460"},
		},
		doNow:   []string{"keep connections idle for a shorter time than the firewall does, or switch keep-alive off for a test"},
		findOut: []string{"record packets at both ends; ask for the idle time-out of firewalls and address translation between them"},
	},
	{
		id: "T6", phases: transferring, codes: []Code{0}, all: factGaveUp, any: established, none: factPeerClosed | factPeerReset | factHeaders,
		unsure: always,
		title:  "the connection to {server} was dead: what was sent was not acknowledged",
		open:   "whether the server vanished or something on the way dropped the connection",
		near: []neighbour{
			{"R1", 0, factPeerClosed | factPeerReset, "closed by the server: no end of the connection came in"},
		},
		doNow:   []string{"keep connections idle for a shorter time than the firewall does, or switch keep-alive off for a test"},
		findOut: []string{"record packets at both ends"},
	},

	// Receiving.
	{
		id: "X2", phases: []PhaseName{PhaseReceive, ""}, all: factNotHTTP, unsure: lost,
		title: "what {server} sent is not HTTP",
		open:  "what listens there: a TLS port, or another service",
		near: []neighbour{
			{"X3", 0, 0, "damaged HTTP: not even the first line is HTTP"},
			wasConnected,
		},
		doNow:   []string{"correct the scheme or {port of} for {server} (http to a TLS port looks like this)"},
		findOut: []string{"open the address in a browser on this machine, with http and with https"},
	},
	{
		id: "T10", phases: []PhaseName{PhaseReceive}, detail: "headers", codes: []Code{codeTimeout, 12002}, all: factBytes | factHeaderLimit,
		sure: factTimerNear, unsure: lost,
		title: "{server} began its answer, but the header was not complete after {wait}",
		open:  "why the header trickles: the page writes it in pieces, or something on the way holds it back",
		near: []neighbour{
			{"T1", 0, 0, "silent server: bytes kept coming"},
			{"X1", 0, factPeerClosed | factPeerReset, "cut off: the connection stayed open"},
		},
		doNow:   []string{"let the page send its header at once"},
		findOut: []string{"record packets: what arrives, and at what pace"},
	},
	{
		id: "T1", phases: []PhaseName{PhaseReceive}, detail: "headers", codes: []Code{codeTimeout, 12002}, all: factSent, none: factBytes | factPeerClosed | factPeerReset | factStreamReset,
		sure: factConnected | factReused, unsure: lost | factSendUnclear,
		title: "{address} sent no answer within {limit}",
		open:  "whether the page is slow, the request is stuck in the server's queue, or the answer was lost on the way",
		near: []neighbour{
			wasConnected, wasReused, wasFound, wasAddress, noTLS, tlsWasDone, notCancelled,
		},
		doNow:  []string{"only if the page is known to be slow, raise {timeout}"},
		behind: serverFiles,
		here:   []Kind{KindIISLog, KindConfig},
	},
	{
		id: "T1", phases: []PhaseName{PhaseReceive}, codes: []Code{codeTimeout, 12002}, any: factBytes | factHeaders, none: factPeerClosed | factPeerReset | factStreamReset,
		sure: factTimerNear, unsure: lost,
		title: "{address} began its answer and then sent nothing for {limit}",
		open:  "whether the page stalled or the rest was lost on the way",
		near: []neighbour{
			wasConnected, wasReused, tlsWasDone, notCancelled,
			{"X1", 0, factPeerClosed | factPeerReset, "cut off: the connection stayed open"},
		},
		doNow:  []string{"only if the page is known to pause, raise {timeout}"},
		behind: serverFiles,
	},
	{
		id: "T1", phases: []PhaseName{PhaseReceive}, codes: []Code{0}, all: factTimerCancel | factTimerKnown, none: factPeerClosed | factPeerReset | factStreamReset,
		sure: factCancelled, unsure: lost | factSendUnclear,
		title: "{address} sent no answer within {limit}, and the request was cancelled at that moment",
		open:  "whether the page is slow, the request is stuck in the server's queue, or the answer was lost on the way",
		near: []neighbour{
			{"R8", 0, 0, "given up by the user: the cancel came exactly when the timer of {limit} ran out"},
			wasConnected, wasReused,
		},
		doNow:  []string{"only if the page is known to be slow, raise {timeout}"},
		behind: serverFiles,
	},
	{
		id: "X1", phases: []PhaseName{PhaseReceive}, detail: "body", codes: append([]Code{0, 12152, 13, 10060, 121}, brokenCodes...), all: factHeaders,
		sure: factPeerClosed | factPeerReset | factStreamReset, unsure: lost,
		title: "{server} broke off in the middle of its answer",
		open:  "whether the page failed while it was writing, or something on the way cut the connection",
		near: []neighbour{
			{"T1", 0, 0, "slow page: no timer ran out"},
			{"R1", factHeaders, 0, "closed without an answer: the header of the answer was there ({status})"},
		},
		doNow:  []string{"look for an error of this page in the log of {server}: the user saw status {status} and a cut page"},
		behind: []Kind{KindIISLog, applicationLog, KindFREB},
	},
	{
		id: "X1", phases: []PhaseName{PhaseReceive}, detail: "headers", codes: []Code{12152, 13}, all: factBytes, any: factPeerClosed | factPeerReset, none: factParser, unsure: lost,
		title: "{server} broke off in the middle of its answer",
		open:  "whether the page failed while it was writing, or something on the way cut the connection",
		near: []neighbour{
			{"X3", 0, factParser, "malformed answer: the parser had no complaint before the end came"},
			{"T1", 0, 0, "slow page: no timer ran out"},
		},
		doNow:  []string{"look for an error of this page in the log of {server}"},
		behind: []Kind{KindIISLog, applicationLog, KindFREB},
	},
	{
		id: "X3", phases: []PhaseName{PhaseReceive}, codes: []Code{12152, 12183, 13}, any: factBytes | factParser | factHeaders,
		sure: factStatus, unsure: lost | factPeerClosed | factPeerReset,
		title: "the answer of {server} is not valid HTTP",
		open:  "which line is malformed: a header with a blank in its name, bare line ends, a wrong chunk size",
		near: []neighbour{
			{"X1", 0, factPeerClosed | factPeerReset, "cut off: the connection stayed open"},
			{"T1", 0, 0, "slow page: no timer ran out"},
		},
		doNow:   []string{"correct the page or filter at {server} that writes its own headers"},
		findOut: []string{"record packets, or WebIO events at level 5, and look at the bytes of the answer"},
	},
	{
		id: "R6", phases: []PhaseName{PhaseReceive}, detail: "headers", codes: append([]Code{0}, brokenCodes...), all: factBytes, any: factPeerClosed | factPeerReset, none: factHeaders,
		unsure: always,
		title:  "{server} closed the connection right after it had sent {bytes}: WinHTTP may have thrown an answer away",
		open:   "whether the answer was complete: only packets can show it",
		near: []neighbour{
			{"R1", factBytes, 0, "closed without an answer: some of it had come"},
			{"T1", 0, 0, "slow page: no timer ran out"},
		},
		doNow:   []string{"let the server announce the length of its answer and close later"},
		findOut: []string{"record packets on this machine: is the answer complete before the end of the connection"},
	},
	{
		id: "R1", phases: transferring, codes: append([]Code{0}, brokenCodes...), any: factPeerClosed | factPeerReset, none: factBytes | factHeaders | factHeaderLimit,
		unsure: lost | factClosedEarly | factPartial,
		title:  "the connection to {server} was closed from the other end before any answer",
		open:   "who closed it: the page itself, a crash or recycle of its process, the server's idle limit if the connection was a used one, or a firewall in between",
		near: []neighbour{
			{"T1", 0, 0, "slow page: no timer ran out, the connection ended first"},
			{"C1", established, 0, "closed port: it was connected"},
			{"R8", 0, factCancelled | factClosedEarly, "cancelled by the caller: the end came from the other side"},
		},
		doNow:   []string{"send the request again; if it is the first one after a pause that fails, let the proxy keep connections idle for a shorter time than the server"},
		findOut: []string{"record packets on this machine: who sends the first FIN or RST"},
		behind:  []Kind{KindHTTPERR, systemLog, applicationLog},
	},
	{
		id: "R1", phases: []PhaseName{PhaseReceive}, all: factStreamReset, none: factHeaders,
		sure: factGoAway, unsure: lost,
		title: "{server} ended the HTTP/2 exchange before any answer",
		open:  "why: the page failed, the server restarted, or it limits requests on one connection",
		near: []neighbour{
			{"T1", 0, 0, "slow page: no timer ran out, the exchange was ended first"},
			wasConnected, wasReused, tlsWasDone,
		},
		doNow:  []string{"send the request again"},
		behind: []Kind{KindHTTPERR, systemLog, applicationLog},
	},
	{
		id: "R1", phases: transferring, codes: brokenCodes, any: established, none: factBytes | factHeaders,
		unsure: always,
		title:  "the connection to {server} broke before any answer",
		open:   "which side ended it, or something in between",
		near: []neighbour{
			{"T1", 0, 0, "slow page: no timer ran out"},
			{"C1", established, 0, "closed port: it was connected"},
		},
		doNow:   []string{"send the request again"},
		findOut: []string{"record packets on this machine: who sends the first FIN or RST"},
	},

	// The caller.
	{
		id: "R8", as: Cancelled, sure: factCancelled, unsure: lost | factTimerNear | factPartial | factText,
		title: "the caller gave up{after}{while}",
		open:  "why: its user left, its own limit ran out, or it was being recycled",
		near: []neighbour{
			{"T1", 0, 0, "time-out of WinHTTP: no error came before the end"},
			wasConnected, wasReused,
		},
		doNow:   []string{"look one step earlier: at the request that {process} was serving at {at} UTC"},
		findOut: []string{"who left first: the log and HTTPERR of this machine tell"},
		here:    []Kind{KindIISLog, KindHTTPERR},
	},

	// There is no row for these.
	{
		id: "NE", phases: connecting, detail: "pool", unsure: always,
		title: "no connection became free for the request within {wait}",
		open:  "what keeps the connections busy: slow requests, or a limit on connections per server",
		near: []neighbour{
			{"T4", 0, factTried, "server offline: no connection was tried"},
			{"N1", 0, factResolve, "name lookup: it was not reached"},
		},
		doNow:   []string{"look for the slow requests of {process} at {at} UTC; raise the limit on connections per server if there is one"},
		findOut: []string{"which other requests to {host} were open at {at} UTC"},
	},
	{
		id:      "NE",
		unsure:  always,
		title:   "{what}, and {the files} not tell why",
		open:    "the cause: the events that would tell it are not in {these files}",
		findOut: []string{"{record} with WinHttp and WebIO at level 5 and TCPIP at level 4"},
		behind:  []Kind{KindIISLog},
	},
}
