package eventlog

import (
	"cmp"
	"encoding/binary"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/etwhy/etwhy/decode/charset"
	"github.com/etwhy/etwhy/etl"
)

// A FactKind is what an event tells about a web server.
type FactKind uint8

const (
	Crash            FactKind = iota + 1 // a process ended, or lost touch, without being told to
	ManagedCrash                         // a process ended by an unhandled .NET exception; no PID
	CrashReport                          // Windows Error Reporting filed a crash, maybe much later
	RequestException                     // ASP.NET: an unhandled exception of a request, the process lives
	PingFailed                           // a worker process did not answer WAS: it hangs or starves
	StartTimeout                         // a worker process was not ready in time
	StopTimeout                          // a worker process did not stop in time and was ended
	StartFailed                          // a worker process could not be started, or broke off its start
	Untrusted                            // WAS stopped listening to a worker process
	IdentityInvalid                      // the account of a pool does not work
	PoolDisabled                         // a pool was switched off; Detail is a Disabled constant
	Recycle                              // a pool's process is replaced by a new one; Detail is a Recycle constant
	MemoryRecycle                        // the same for a limit of memory; Detail is VirtualMemory or PrivateMemory
	IdleStop                             // a worker process was stopped because it had nothing to do
	CPULimit                             // a pool used more processor time than it may
	MemoryPressure                       // WAS cuts idle times short since memory is scarce
	Unhealthy                            // an ISAPI extension or application says that it is unwell
	ModuleFailed                         // a native module could not be loaded
	ListenerFailed                       // the channel of a protocol in a worker process failed; often for a module
	ConfigFailed                         // a configuration could not be read or written
	ConfigChanged                        // a change of the configuration was committed; Detail is its path
	WASFailed                            // the activation service itself stops

	BindFailed      // an address could not be listened on; Detail is the address or URL
	URLReserved     // a URL was reserved; Detail is the URL
	URLReleased     // a reservation was deleted; Detail is the URL
	TLSConfigFailed // certificate or key of an endpoint do not work; Detail is the endpoint
	TLSConfigNew    // the certificate of an endpoint was set or deleted; Detail is the endpoint
	AuthFailed      // HTTP.sys could not set up a security package; Detail is its name

	PortReused     // an outgoing connection took an address too soon again: ports churn
	PortsExhausted // no port was left for an outgoing connection

	TLSNoCipher      // client and server share no cipher or version
	TLSAlertReceived // Code is the number of the alert
	TLSAlertSent     // Code is the number of the alert
	TLSCredential    // no credential could be made, or its key not be used
	TLSCertificate   // the certificate of the other side was not accepted

	ServiceState   // a service runs or stopped; Detail is "running", "stopped", or as the system says it
	ServiceCrash   // a service ended unexpectedly
	ServiceFailed  // a service ended with an error, or did not start
	ServiceStartup // how a service starts was changed; Detail is the new way

	AppStarted     // ANCM started an application
	AppStartFailed // ANCM could not start an application
	AppCrash       // an application under ANCM exited, or died of an exception
	AppRapidFail   // ANCM gave up starting: too many failures in a minute
	AppStopFailed  // an application under ANCM did not stop in time
	AppStopped     // an application under ANCM was told to stop, or has stopped
	AppOffline     // app_offline.htm stopped an application
	AppRecycle     // ANCM restarts an application, mostly for a changed file

	SystemStart   // the system, or its event log, started
	SystemStop    // the system, or its event log, stopped in order
	SystemCrash   // the system went down before, without stopping
	RestartWanted // a program or person wanted to restart or stop the system
)

var factNames = [...]string{
	Crash: "crash", ManagedCrash: "managed-crash", CrashReport: "crash-report", RequestException: "request-exception",
	PingFailed: "ping-failed", StartTimeout: "start-timeout", StopTimeout: "stop-timeout", StartFailed: "start-failed",
	Untrusted: "untrusted", IdentityInvalid: "identity-invalid", PoolDisabled: "pool-disabled", Recycle: "recycle",
	MemoryRecycle: "memory-recycle", IdleStop: "idle-stop", CPULimit: "cpu-limit", MemoryPressure: "memory-pressure",
	Unhealthy: "unhealthy", ModuleFailed: "module-failed", ListenerFailed: "listener-failed",
	ConfigFailed: "config-failed", ConfigChanged: "config-changed", WASFailed: "was-failed",
	BindFailed: "bind-failed", URLReserved: "url-reserved", URLReleased: "url-released",
	TLSConfigFailed: "tls-config-failed", TLSConfigNew: "tls-config-new", AuthFailed: "auth-failed",
	PortReused: "port-reused", PortsExhausted: "ports-exhausted",
	TLSNoCipher: "tls-no-cipher", TLSAlertReceived: "tls-alert-received", TLSAlertSent: "tls-alert-sent",
	TLSCredential: "tls-credential", TLSCertificate: "tls-certificate",
	ServiceState: "service-state", ServiceCrash: "service-crash", ServiceFailed: "service-failed", ServiceStartup: "service-startup",
	AppStarted: "app-started", AppStartFailed: "app-start-failed", AppCrash: "app-crash", AppRapidFail: "app-rapid-fail",
	AppStopFailed: "app-stop-failed", AppStopped: "app-stopped", AppOffline: "app-offline", AppRecycle: "app-recycle",
	SystemStart: "system-start", SystemStop: "system-stop", SystemCrash: "system-crash", RestartWanted: "restart-wanted",
}

// String returns the kind's name: "ping-failed".
func (k FactKind) String() string { return factNames[k] }

// Details of PoolDisabled, Recycle and MemoryRecycle, and states of ServiceState.
const (
	DisabledRapidFail = "rapid-fail" // too many failures of its processes within some minutes
	DisabledIdentity  = "identity"   // its account does not work
	DisabledStart     = "start"      // a worker process could not be started
	DisabledHTTP      = "http"       // HTTP.sys refused to enable it

	RecycleTime          = "time"          // the regular interval
	RecycleRequests      = "requests"      // number of requests
	RecycleSchedule      = "schedule"      // time of day
	RecycleUnhealthy     = "unhealthy"     // an ISAPI extension reported itself so
	RecycleAdministrator = "administrator" // someone asked for it
	RecycleConfig        = "config"        // a changed setting of the pool
	RecycleStore         = "config-store"  // trouble with the configuration store

	VirtualMemory  = "virtual-memory"
	PrivateMemory  = "private-memory"
	ServiceRunning = "running"
	ServiceStopped = "stopped"
)

// A Fact is what an event tells, free of language. What the event does not tell is zero.
type Fact struct {
	Kind     FactKind
	Time     etl.Time // of the entry
	Local    bool     // Time is of a clock whose zone is unknown
	Computer string
	Pool     string
	PID      uint32 // of the process that the event is about
	Image    string // its file: w3wp.exe
	Module   string // file of the module that failed; the first method on the stack of a .NET exception
	Code     uint32 // exit code, exception code, HRESULT, Windows error, NTSTATUS or TLS alert: what the event has
	Detail   string // by kind: .NET exception type, reason, limit, address, URL, path of an application
	Service  string // key name of the service (W3SVC) if told, else the name shown
	Missing  string // assembly that a .NET exception did not find: Payments.dll
}

// A source is a provider, whatever its name was over time.
type source uint8

const (
	was source = iota + 1
	worker
	publishing
	httpSys
	tcpip
	schannel
	services
	appError
	errorReporting
	dotnet
	ancm
	iisConfig
	eventLog
	kernelGeneral
	kernelPower
	user32
	aspnet
)

// sources are the names of providers, in lower case.
var sources = map[string]source{
	"microsoft-windows-was": was, "was": was,
	"microsoft-windows-iis-w3svc-wp": worker, "w3svc-wp": worker,
	"microsoft-windows-iis-w3svc": publishing, "w3svc": publishing,
	"microsoft-windows-httpevent": httpSys, "http": httpSys,
	"tcpip": tcpip, "microsoft-windows-tcpip": tcpip,
	"schannel": schannel, "microsoft-windows-schannel": schannel,
	"service control manager": services, "microsoft-windows-service control manager": services,
	"application error": appError, "windows error reporting": errorReporting, ".net runtime": dotnet,
	"iis aspnetcore module": ancm, "iis aspnetcore module v2": ancm,
	"iis express aspnetcore module": ancm, "iis express aspnetcore module v2": ancm,
	"microsoft-windows-iis-configuration": iisConfig,
	"eventlog":                            eventLog, "microsoft-windows-eventlog": eventLog,
	"microsoft-windows-kernel-general": kernelGeneral, "microsoft-windows-kernel-power": kernelPower,
	"user32": user32, "microsoft-windows-user32": user32,
}

// sourceOf returns the source with that name, or 0.
func sourceOf(provider string) source {
	if len(provider) > 64 {
		return 0
	}
	name := strings.ToLower(provider)
	if strings.HasPrefix(name, "asp.net ") { // with a version
		return aspnet
	}
	return sources[name]
}

// An event is a source and an id.
type event struct {
	source source
	id     uint32
}

// A rule says what an event means and what its data are, in their order.
type rule struct {
	kind   FactKind
	detail string
	data   []role
	read   func(*Fact, *Entry) // for what is not plain data
}

// A role is what a value is.
type role uint8

const (
	none role = iota
	pool
	pid     // decimal
	hexPID  // hexadecimal, with or without 0x
	hexCode // the same
	code    // decimal, hexadecimal with 0x, or %%1792
	image
	module
	service
	detail
)

// roleNames are the names that values of a role have, where they have names that tell it; param1 does not.
var roleNames = map[role][]string{
	pool:    {"AppPoolID"},
	pid:     {"ProcessID", "CallerProcessId"},
	hexPID:  {"ProcessId"},
	hexCode: {"ExitCode", "ExceptionCode"},
	code:    {"AlertDesc", "ErrorState", "ErrorCode"},
	image:   {"AppName"},
	module:  {"ModuleDll", "ModuleName"},
	detail:  {"Endpoint", "Url", "Configuration", "Protocol"},
}

// rules hold what an event means. The order of the data is that of the messages which Microsoft documents for IIS 7
// and later, and of real events; those of ANCM are in aspnetcore_msg.mc.
var rules = map[event]rule{
	{was, 5002}: {kind: PoolDisabled, detail: DisabledRapidFail, data: []role{pool}},
	{was, 5005}: {kind: WASFailed},
	{was, 5009}: {kind: Crash, data: []role{pool, pid, hexCode}},
	{was, 5010}: {kind: PingFailed, data: []role{pool, pid}},
	{was, 5011}: {kind: Crash, data: []role{pool, pid}},
	{was, 5012}: {kind: StartTimeout, data: []role{pool, pid}},
	{was, 5013}: {kind: StopTimeout, data: []role{pool, pid}},
	{was, 5021}: {kind: IdentityInvalid, data: []role{pool}},
	{was, 5022}: {kind: StartFailed, data: []role{pool}},
	{was, 5025}: {kind: CPULimit, data: []role{pool}},
	{was, 5057}: {kind: PoolDisabled, detail: DisabledIdentity, data: []role{pool}},
	{was, 5059}: {kind: PoolDisabled, detail: DisabledStart, data: []role{pool}},
	{was, 5074}: {kind: Recycle, detail: RecycleTime, data: []role{pid, pool}},
	{was, 5075}: {kind: Recycle, detail: RecycleRequests, data: []role{pid, pool}},
	{was, 5076}: {kind: Recycle, detail: RecycleSchedule, data: []role{pid, pool}},
	{was, 5077}: {kind: MemoryRecycle, detail: VirtualMemory, data: []role{pid, pool}},
	{was, 5078}: {kind: Recycle, detail: RecycleUnhealthy, data: []role{pid, pool}},
	{was, 5079}: {kind: Recycle, detail: RecycleAdministrator, data: []role{pool}},
	{was, 5080}: {kind: Recycle, detail: RecycleConfig, data: []role{pool}},
	{was, 5081}: {kind: Recycle, detail: RecycleStore, data: []role{pool}},
	{was, 5117}: {kind: MemoryRecycle, detail: PrivateMemory, data: []role{pid, pool}},
	{was, 5127}: {kind: Untrusted, data: []role{pool, pid}},
	{was, 5137}: {kind: ListenerFailed, data: []role{pool, pid}},
	{was, 5138}: {kind: ListenerFailed, data: []role{pool, pid}},
	{was, 5139}: {kind: ListenerFailed, data: []role{pool, pid}},
	{was, 5140}: {kind: ListenerFailed},
	{was, 5186}: {kind: IdleStop, data: []role{pid, pool}},
	{was, 5189}: {kind: ConfigFailed, data: []role{pool}},
	{was, 5192}: {kind: MemoryPressure},
	{was, 5193}: {kind: MemoryPressure},
	{was, 5195}: {kind: IdleStop, detail: "pressure", data: []role{pid, pool}},
	{was, 5196}: {kind: MemoryPressure},

	{publishing, 1004}: {kind: BindFailed, data: []role{detail}},
	{publishing, 1007}: {kind: BindFailed, data: []role{detail}},
	{publishing, 1027}: {kind: PoolDisabled, detail: DisabledHTTP, data: []role{pool}},
	{worker, 2262}:     {kind: Unhealthy, data: []role{module}},
	{worker, 2263}:     {kind: Unhealthy, data: []role{module}},
	{worker, 2269}:     {kind: StartFailed},
	{worker, 2276}:     {kind: StartFailed},
	{worker, 2277}:     {kind: StartFailed},
	{worker, 2278}:     {kind: StartFailed},
	{worker, 2279}:     {kind: StartFailed},
	{worker, 2280}:     {kind: ModuleFailed, data: []role{module}},
	{worker, 2281}:     {kind: StartFailed},
	{worker, 2282}:     {kind: ModuleFailed, detail: "bitness", data: []role{module}},
	{worker, 2297}:     {kind: ConfigFailed, data: []role{pool, code, detail}},
	{worker, 2299}:     {kind: Unhealthy},
	{worker, 2307}:     {kind: ConfigFailed, data: []role{pool, code, detail}},

	{httpSys, 15005}: {kind: BindFailed, data: []role{none, detail}},
	{httpSys, 15007}: {kind: URLReserved, data: []role{none, detail}},
	{httpSys, 15008}: {kind: URLReleased, data: []role{none, detail}},
	{httpSys, 15016}: {kind: AuthFailed, data: []role{none, detail}},
	{httpSys, 15021}: {kind: TLSConfigFailed, data: []role{none, detail}},
	{httpSys, 15300}: {kind: TLSConfigNew, data: []role{none, detail}},
	{httpSys, 15301}: {kind: TLSConfigNew, data: []role{none, detail}},

	{tcpip, 4227}: {kind: PortReused},
	{tcpip, 4231}: {kind: PortsExhausted},

	{schannel, 36870}: {kind: TLSCredential, data: []role{none, code}},
	{schannel, 36871}: {kind: TLSCredential, data: []role{none, code}},
	{schannel, 36874}: {kind: TLSNoCipher, data: []role{detail}},
	{schannel, 36876}: {kind: TLSCertificate, data: []role{code}},
	{schannel, 36881}: {kind: TLSCertificate},
	{schannel, 36882}: {kind: TLSCertificate},
	{schannel, 36884}: {kind: TLSCertificate, detail: "name"},
	{schannel, 36887}: {kind: TLSAlertReceived, data: []role{code}},
	{schannel, 36888}: {kind: TLSAlertSent, data: []role{code}},

	{services, 7000}: {kind: ServiceFailed, data: []role{service, code}, read: serviceKey},
	{services, 7009}: {kind: ServiceFailed, data: []role{none, service}, detail: "timeout", read: serviceKey},
	{services, 7011}: {kind: ServiceFailed, data: []role{none, service}, detail: "timeout", read: serviceKey},
	{services, 7022}: {kind: ServiceFailed, data: []role{service}, detail: "hung", read: serviceKey},
	{services, 7023}: {kind: ServiceFailed, data: []role{service, code}, read: serviceKey},
	{services, 7024}: {kind: ServiceFailed, data: []role{service, code}, read: serviceKey},
	{services, 7031}: {kind: ServiceCrash, data: []role{service}, read: serviceKey},
	{services, 7034}: {kind: ServiceCrash, data: []role{service}, read: serviceKey},
	{services, 7036}: {kind: ServiceState, data: []role{service, detail}, read: serviceKey},
	{services, 7038}: {kind: ServiceFailed, data: []role{service, none, code}, detail: DisabledIdentity, read: serviceKey},
	{services, 7040}: {kind: ServiceStartup, data: []role{none, none, detail, service}},

	{appError, 1000}: {kind: Crash, data: []role{image, none, none, module, none, none, hexCode, none, hexPID}, read: faultText},

	{errorReporting, 1001}: {kind: CrashReport, read: errorReport},

	{dotnet, 1023}: {kind: ManagedCrash, read: managedText},
	{dotnet, 1025}: {kind: ManagedCrash, read: managedText},
	{dotnet, 1026}: {kind: ManagedCrash, read: managedText},
	{aspnet, 1309}: {kind: RequestException, read: webEvent},

	{ancm, 1000}: {kind: AppStartFailed, read: ancmText},
	{ancm, 1001}: {kind: AppStarted, read: ancmText},
	{ancm, 1002}: {kind: AppCrash, read: ancmText},
	{ancm, 1003}: {kind: AppRapidFail},
	{ancm, 1004}: {kind: AppStartFailed, read: ancmText},
	{ancm, 1005}: {kind: AppStopFailed, read: ancmText},
	{ancm, 1007}: {kind: AppStartFailed, read: ancmText},
	{ancm, 1008}: {kind: AppStartFailed, read: ancmText},
	{ancm, 1009}: {kind: AppStartFailed, read: ancmText},
	{ancm, 1010}: {kind: AppStartFailed, read: ancmText},
	{ancm, 1011}: {kind: AppCrash, read: ancmText},
	{ancm, 1012}: {kind: AppOffline, read: ancmText},
	{ancm, 1014}: {kind: AppStartFailed, read: ancmText},
	{ancm, 1015}: {kind: AppStartFailed, read: ancmText},
	{ancm, 1016}: {kind: AppStartFailed, read: ancmText},
	{ancm, 1017}: {kind: AppStartFailed, read: ancmText},
	{ancm, 1018}: {kind: AppCrash, read: ancmText},
	{ancm, 1019}: {kind: AppStartFailed, read: ancmText},
	{ancm, 1020}: {kind: AppStartFailed, read: ancmText},
	{ancm, 1021}: {kind: AppRecycle, read: ancmText},
	{ancm, 1022}: {kind: AppRecycle, read: ancmText},
	{ancm, 1028}: {kind: AppStartFailed, read: ancmText},
	{ancm, 1029}: {kind: AppStartFailed, read: ancmText},
	{ancm, 1030}: {kind: AppStopped, read: ancmText},
	{ancm, 1031}: {kind: AppStartFailed, read: ancmText},
	{ancm, 1032}: {kind: AppStarted, read: ancmText},
	{ancm, 1033}: {kind: AppStopped, read: ancmText},

	{iisConfig, 29}: {kind: ConfigChanged, data: []role{detail}},
	{iisConfig, 50}: {kind: ConfigChanged, data: []role{detail}},

	{eventLog, 6005}:    {kind: SystemStart},
	{eventLog, 6006}:    {kind: SystemStop},
	{eventLog, 6008}:    {kind: SystemCrash},
	{kernelGeneral, 12}: {kind: SystemStart},
	{kernelGeneral, 13}: {kind: SystemStop},
	{kernelPower, 41}:   {kind: SystemCrash},
	{user32, 1074}:      {kind: RestartWanted, data: []role{image, none, none, hexCode}, read: restartBy},
}

// Known reports whether an event may be a [Fact]; it fits [Options.Keep].
func Known(provider string, id uint32) bool {
	_, ok := rules[event{sourceOf(provider), id}]
	return ok
}

// Fact returns what the entry tells about a web server; ok is false if it is not known to tell anything. Its strings
// may be kept.
func (e *Entry) Fact() (fact Fact, ok bool) {
	from := sourceOf(e.Provider)
	r, ok := rules[event{from, e.ID}]
	if !ok {
		return Fact{}, false
	}
	f := Fact{Kind: r.kind, Time: e.Time, Local: e.Local, Computer: e.Computer, Detail: r.detail}
	for i, role := range r.data {
		if v := e.play(role, i); v != "" {
			f.take(role, v)
		}
	}
	switch from {
	case was, worker, publishing, httpSys:
		if len(e.Fields) == 0 {
			f.takeText(e.Message)
		}
		if f.Code == 0 {
			f.Code = e.errorNumber()
		}
	}
	if r.read != nil {
		r.read(&f, e)
	}
	return f, true
}

// play returns the value that has a role: by name, else the one at that place.
func (e *Entry) play(r role, at int) string {
	for _, name := range roleNames[r] {
		if v := e.Value(name); v != "" {
			return v
		}
	}
	if r == none || at >= len(e.Fields) {
		return ""
	}
	f := e.Fields[at]
	for other, names := range roleNames {
		if other != r && slices.Contains(names, f.Name) {
			return ""
		}
	}
	return f.Value
}

func (f *Fact) take(r role, v string) {
	v = strings.TrimSpace(v)
	switch r {
	case pool:
		f.Pool = v
	case pid:
		f.PID = parseNumber(v, 10)
	case hexPID:
		f.PID = parseNumber(v, 16)
	case hexCode:
		f.Code = parseNumber(v, 16)
	case code:
		f.Code = parseNumber(strings.TrimPrefix(v, "%%"), 10)
	case image:
		f.Image = fileName(v)
	case module:
		f.Module = fileName(v)
	case service:
		f.Service = v
	case detail:
		if f.Detail == "" {
			f.Detail = v
		}
	}
}

// parseNumber reads a number; 0x makes it hexadecimal. A negative one, as HRESULTs are written sometimes, wraps. 0 if it is
// none.
func parseNumber(v string, base int) uint32 {
	if hex, ok := strings.CutPrefix(strings.ToLower(v), "0x"); ok {
		v, base = hex, 16
	}
	if strings.HasPrefix(v, "-") {
		n, _ := strconv.ParseInt(v, base, 32)
		return uint32(n)
	}
	n, err := strconv.ParseUint(v, base, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// fileName returns the last part of a path.
func fileName(v string) string { return v[strings.LastIndexAny(v, `\/`)+1:] }

// Places in the data of an event that a driver wrote (IO_ERROR_LOG_PACKET of the Windows Driver Kit).
const (
	packetError  = 12 // ErrorCode: qualifiers and id of the event
	packetStatus = 20 // FinalStatus
	packetDump   = 40 // DumpData
)

// errorNumber returns the error number in the data of the event, or 0: WAS, W3SVC and HTTP.sys put it there.
func (e *Entry) errorNumber() uint32 {
	b := e.Binary
	if len(b) >= packetDump && binary.LittleEndian.Uint32(b[packetError:])&0xFFFF == e.ID {
		if status := binary.LittleEndian.Uint32(b[packetStatus:]); status != 0 || len(b) < packetDump+4 {
			return status
		}
		return binary.LittleEndian.Uint32(b[packetDump:])
	}
	if len(b) < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

// Shapes of values in texts, in whatever language.
var (
	quotedShape    = regexp.MustCompile(`(?:^|[\s(:])['"„“‘«‚‹]\s?([^'"„“”‘’«»‚‹›\r\n]+?)\s?['"“”‘’»›](?:[\s.,;:)?]|$)`)
	hexShape       = regexp.MustCompile(`\b0x([0-9a-fA-F]+)\b`)
	imageShape     = regexp.MustCompile(`(?i)[\w.+-]+\.exe\b`)
	moduleShape    = regexp.MustCompile(`(?i)[\w.+-]+\.(?:dll|exe)\b`)
	exceptionShape = regexp.MustCompile(`\b(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*Exception\b`)
	nativeShape    = regexp.MustCompile(`\b([0-9a-fA-F]{8})\b`)
	frameShape     = regexp.MustCompile("(?m)^[ \\t\u3000]+\\S{1,8}[ \\t]+([\\w.<>`+\\[\\],]{1,256})\\(")
	assemblyShape  = regexp.MustCompile(`([\w.+-]{1,128}), Version=\d`)
	addressShape   = regexp.MustCompile(`\[[0-9a-fA-F:.%]+\]:\d+|\d{1,3}(?:\.\d{1,3}){3}:\d+|https?://[^\s'"<>]+`)
)

// maxText is how much of a text is looked at.
const maxText = 32 << 10

func shorten(text string) string { return charset.Head(text, maxText) }

// takeText takes what the text of an event of IIS or HTTP.sys quotes, for want of data.
func (f *Fact) takeText(text string) {
	text = shorten(text)
	for _, m := range quotedShape.FindAllStringSubmatch(text, 8) {
		v := m[1]
		switch {
		case strings.Trim(v, "0123456789") == "":
			if f.PID == 0 {
				f.PID = parseNumber(v, 10)
			}
		case strings.HasPrefix(v, "0x"):
			f.Code = parseNumber(v, 16)
		case moduleShape.MatchString(v) && f.Kind == ModuleFailed:
			f.Module = fileName(v)
		case f.Pool == "":
			f.Pool = v
		}
	}
	if f.Kind == ModuleFailed && f.Module == "" {
		f.Module = moduleShape.FindString(text)
	}
	switch f.Kind {
	case BindFailed, URLReserved, URLReleased, TLSConfigFailed, TLSConfigNew:
		f.Detail, f.Pool = addressShape.FindString(text), ""
	}
}

// data returns the text of an event whose data are one text.
func (e *Entry) data() string {
	if len(e.Fields) == 0 {
		return shorten(e.Message)
	}
	longest := ""
	for _, f := range e.Fields {
		if len(f.Value) > len(longest) {
			longest = f.Value
		}
	}
	return shorten(longest)
}

// serviceStates are the numbers of SERVICE_STATUS that the data of event 7036 end with.
var serviceStates = map[string]string{"1": ServiceStopped, "4": ServiceRunning}

// serviceKey takes the key name of the service out of the data, "W3SVC" or "W3SVC/4", which is the same in all languages.
func serviceKey(f *Fact, e *Entry) {
	key, state, _ := strings.Cut(string(decode16(nil, trimNUL(e.Binary, 2))), "/")
	if !serviceName.MatchString(key) {
		return
	}
	f.Service = key
	if s, ok := serviceStates[state]; ok && f.Kind == ServiceState {
		f.Detail = s
	}
}

var serviceName = regexp.MustCompile(`^[\w.$@ -]{1,256}$`)

// faultText takes an Application Error of which only the text is there: its numbers come in the order of the data.
func faultText(f *Fact, e *Entry) {
	if len(e.Fields) > 0 {
		return
	}
	text := shorten(e.Message)
	f.Image = imageShape.FindString(text)
	if all := moduleShape.FindAllString(text, 2); len(all) == 2 {
		f.Module = all[1]
	}
	// Time stamps of both files, exception code, offset, process, its start.
	if numbers := hexShape.FindAllStringSubmatch(text, 6); len(numbers) >= 5 {
		f.Code, f.PID = parseNumber(numbers[2][1], 16), parseNumber(numbers[4][1], 16)
	}
}

// Places of the data of Windows Error Reporting 1001: bucket, type, name, response, cab, P1, P2 ...
const (
	reportName = 2
	reportP1   = 5
)

func errorReport(f *Fact, e *Entry) {
	p := func(n int) string { return e.At(reportP1 + n - 1) }
	f.Detail = e.At(reportName)
	f.Image = fileName(p(1))
	if len(e.Fields) == 0 {
		f.Image = imageShape.FindString(shorten(e.Message))
		return
	}
	switch name := f.Detail; {
	case name == "APPCRASH":
		f.Module, f.Code = p(4), parseNumber(p(7), 16)
	case strings.HasPrefix(name, "BEX"):
		f.Module, f.Code = p(4), parseNumber(p(8), 16)
	case strings.HasPrefix(name, "CLR20"):
		f.Module, f.Detail = p(4), p(9)
	}
}

// managedText takes the text of the .NET runtime. "Application:" and "Exception Info:" stand in it in English on
// systems of other languages too, mostly; the shapes of file, type and stack always.
func managedText(f *Fact, e *Entry) {
	text := e.data()
	f.Image = imageShape.FindString(text)
	info := text
	if _, after, ok := strings.Cut(text, "Exception Info:"); ok {
		info = strings.TrimSpace(after)
		if f.Detail = exceptionShape.FindString(firstLine(info)); f.Detail == "" {
			if m := nativeShape.FindStringSubmatch(firstLine(info)); m != nil {
				f.Code = parseNumber(m[1], 16)
			}
		}
	}
	if f.Detail == "" && f.Code == 0 {
		f.Detail = exceptionShape.FindString(info)
	}
	if m := frameShape.FindStringSubmatch(info); m != nil {
		f.Module = m[1]
	}
	if f.Detail == "System.IO.FileNotFoundException" {
		if m := assemblyShape.FindStringSubmatch(firstLine(info)); m != nil {
			f.Missing = m[1] + ".dll"
		}
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// webEvent takes an exception of ASP.NET: process, its file, its account and the type of the exception stand in a row.
func webEvent(f *Fact, e *Entry) {
	for i := range e.Fields {
		if v := e.At(i); i > 0 && len(v) < 128 && imageShape.FindString(v) == v && v != "" {
			f.PID, f.Image, f.Detail = parseNumber(e.At(i-1), 10), v, e.At(i+2)
			return
		}
	}
	f.Image = imageShape.FindString(shorten(e.Message))
	f.Detail = exceptionShape.FindString(shorten(e.Message))
}

// ancmText takes a text of ANCM, which is never translated: the application comes first, in quotes.
func ancmText(f *Fact, e *Entry) {
	text := shorten(cmp.Or(e.At(0), e.Message)) // version 2 has its own number and name behind it
	for _, m := range quotedShape.FindAllStringSubmatch(text, 8) {
		v := m[1]
		switch {
		case strings.Trim(v, "0123456789") == "" && e.ID == 1011: // exit code
			f.Code = parseNumber(v, 10)
		case strings.Trim(v, "0123456789") == "":
			if f.PID == 0 && (e.ID == 1001 || e.ID == 1005) {
				f.PID = parseNumber(v, 10)
			}
		case f.Detail == "" && !strings.HasPrefix(v, "0x"):
			f.Detail = v
		}
	}
	if m := hexShape.FindStringSubmatch(text); m != nil {
		f.Code = parseNumber(m[1], 16)
	}
	if e.ID == 1032 || e.ID == 1033 { // in process, the application's is the worker's
		for _, v := range e.Fields {
			if m := workerShape.FindStringSubmatch(v.Value); m != nil {
				f.PID = parseNumber(m[1], 10)
			}
		}
	}
}

// workerShape is what version 2 of ANCM adds to its texts.
var workerShape = regexp.MustCompile(`Process Id: (\d{1,10})\.`)

// restartBy takes who wanted a restart: "C:\Windows\system32\winlogon.exe (WEB02)".
func restartBy(f *Fact, e *Entry) {
	f.Image = imageShape.FindString(f.Image)
	f.Detail = e.At(4)
}
