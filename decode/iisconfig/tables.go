package iisconfig

import (
	"slices"
	"strings"
	"time"
)

// A field is a setting of a T: where it is in a file, and what it is if no file says so.
type field[T any] struct {
	name    string // element/element@attribute, below the element that makes a T; of sections, from the root
	initial string // default of the product, as a file would have it; "" = none, the zero value
	of      func(*T) setting
	form    form
}

// A form is how a value is written, where its type alone does not tell.
type form struct {
	unit  time.Duration       // of a duration that is a plain number
	words []string            // of an enumeration
	clean func(string) string // leaves out what may be secret
}

// A table has all settings of a T.
type table[T any] struct {
	fields []field[T]
	index  map[string]int // by name
	fresh  T              // with the product's defaults
}

func newTable[T any](lists ...[]field[T]) *table[T] {
	t := &table[T]{fields: slices.Concat(lists...), index: map[string]int{}}
	for i, f := range t.fields {
		t.index[f.name] = i
		if f.initial != "" {
			f.of(&t.fresh).parse(f.initial, f.form.unit)
		}
	}
	return t
}

// inherit takes over into to whatever from says.
func (t *table[T]) inherit(to, from *T) {
	for _, f := range t.fields {
		f.of(to).inherit(f.of(from))
	}
}

// under gives to what it does not say itself but defaults does.
func (t *table[T]) under(to, defaults *T) {
	for _, f := range t.fields {
		if s := f.of(to); !isSet(s) {
			s.inherit(f.of(defaults))
		}
	}
}

func isSet(s setting) bool {
	_, set := s.at()
	return set
}

var (
	seconds = form{unit: time.Second}
	program = form{clean: programName}
	address = form{clean: withoutCredentials}
)

func oneOf(words ...string) form { return form{words: words} }

var poolTable = newTable([]field[Pool]{
	{"@autoStart", "true", func(p *Pool) setting { return &p.AutoStart }, form{}},
	{"@startMode", "OnDemand", func(p *Pool) setting { return &p.StartMode }, oneOf("OnDemand", "AlwaysRunning")},
	{"@queueLength", "1000", func(p *Pool) setting { return &p.QueueLength }, form{}},
	{"@enable32BitAppOnWin64", "false", func(p *Pool) setting { return &p.Enable32Bit }, form{}},
	{"@managedRuntimeVersion", "", func(p *Pool) setting { return &p.RuntimeVersion }, form{}},
	{"@managedPipelineMode", "Integrated", func(p *Pool) setting { return &p.PipelineMode }, oneOf("Integrated", "Classic")},

	{"processModel@identityType", "ApplicationPoolIdentity", func(p *Pool) setting { return &p.IdentityType }, oneOf("LocalSystem", "LocalService", "NetworkService", "SpecificUser", "ApplicationPoolIdentity")},
	{"processModel@userName", "", func(p *Pool) setting { return &p.UserName }, form{}},
	{"processModel@idleTimeout", "00:20:00", func(p *Pool) setting { return &p.ProcessModel.IdleTimeout }, form{}},
	{"processModel@idleTimeoutAction", "Terminate", func(p *Pool) setting { return &p.ProcessModel.IdleTimeoutAction }, oneOf("Terminate", "Suspend")},
	{"processModel@maxProcesses", "1", func(p *Pool) setting { return &p.ProcessModel.MaxProcesses }, form{}},
	{"processModel@pingingEnabled", "true", func(p *Pool) setting { return &p.ProcessModel.Pinging }, form{}},
	{"processModel@pingInterval", "00:00:30", func(p *Pool) setting { return &p.ProcessModel.PingInterval }, form{}},
	{"processModel@pingResponseTime", "00:01:30", func(p *Pool) setting { return &p.ProcessModel.PingResponseTime }, form{}},
	{"processModel@startupTimeLimit", "00:01:30", func(p *Pool) setting { return &p.ProcessModel.StartupTimeLimit }, form{}},
	{"processModel@shutdownTimeLimit", "00:01:30", func(p *Pool) setting { return &p.ProcessModel.ShutdownTimeLimit }, form{}},

	{"recycling@disallowOverlappingRotation", "false", func(p *Pool) setting { return &p.Recycling.DisallowOverlappingRotation }, form{}},
	{"recycling@disallowRotationOnConfigChange", "false", func(p *Pool) setting { return &p.Recycling.DisallowRotationOnConfigChange }, form{}},
	{"recycling/periodicRestart@time", "29:00:00", func(p *Pool) setting { return &p.Recycling.PeriodicRestart }, form{}},
	{"recycling/periodicRestart@privateMemory", "0", func(p *Pool) setting { return &p.Recycling.PrivateMemory }, form{}},
	{"recycling/periodicRestart@memory", "0", func(p *Pool) setting { return &p.Recycling.Memory }, form{}},
	{"recycling/periodicRestart@requests", "0", func(p *Pool) setting { return &p.Recycling.Requests }, form{}},

	{"failure@rapidFailProtection", "true", func(p *Pool) setting { return &p.RapidFail.Enabled }, form{}},
	{"failure@rapidFailProtectionMaxCrashes", "5", func(p *Pool) setting { return &p.RapidFail.MaxFailures }, form{}},
	{"failure@rapidFailProtectionInterval", "00:05:00", func(p *Pool) setting { return &p.RapidFail.Interval }, form{}},
	{"failure@loadBalancerCapabilities", "HttpLevel", func(p *Pool) setting { return &p.RapidFail.LoadBalancerCapabilities }, oneOf("TcpLevel", "HttpLevel")},

	{"cpu@limit", "0", func(p *Pool) setting { return &p.CPU.Limit }, form{}},
	{"cpu@action", "NoAction", func(p *Pool) setting { return &p.CPU.Action }, oneOf("NoAction", "KillW3wp", "Throttle", "ThrottleUnderLoad")},
	{"cpu@resetInterval", "00:05:00", func(p *Pool) setting { return &p.CPU.ResetInterval }, form{}},
})

// scheduleTable has the one setting of an entry of a pool's schedule.
var scheduleTable = newTable([]field[Setting[time.Duration]]{
	{"@value", "", func(s *Setting[time.Duration]) setting { return s }, form{}},
})

const logFields = "Date, Time, ClientIP, UserName, ServerIP, Method, UriStem, UriQuery, TimeTaken, HttpStatus, Win32Status, ServerPort, UserAgent, HttpSubStatus, Referer"

var siteTable = newTable([]field[Site]{
	{"@serverAutoStart", "true", func(s *Site) setting { return &s.ServerAutoStart }, form{}},
	{"limits@connectionTimeout", "00:02:00", func(s *Site) setting { return &s.ConnectionTimeout }, form{}},
	{"limits@maxConnections", "4294967295", func(s *Site) setting { return &s.MaxConnections }, form{}},
	{"logFile@enabled", "true", func(s *Site) setting { return &s.LogFile.Enabled }, form{}},
	{"logFile@directory", `%SystemDrive%\inetpub\logs\LogFiles`, func(s *Site) setting { return &s.LogFile.Directory }, form{}},
	{"logFile@logFormat", "W3C", func(s *Site) setting { return &s.LogFile.Format }, oneOf("IIS", "NCSA", "W3C", "Custom")},
	{"logFile@logExtFileFlags", logFields, func(s *Site) setting { return &s.LogFile.Fields }, form{}},
	{"logFile@period", "Daily", func(s *Site) setting { return &s.LogFile.Period }, oneOf("MaxSize", "Daily", "Weekly", "Monthly", "Hourly")},
	{"logFile@localTimeRollover", "false", func(s *Site) setting { return &s.LogFile.LocalTimeRollover }, form{}},
	{"traceFailedRequestsLogging@enabled", "false", func(s *Site) setting { return &s.Tracing.Enabled }, form{}},
	{"traceFailedRequestsLogging@directory", `%SystemDrive%\inetpub\logs\FailedReqLogFiles`, func(s *Site) setting { return &s.Tracing.Directory }, form{}},
	{"traceFailedRequestsLogging@maxLogFiles", "50", func(s *Site) setting { return &s.Tracing.MaxFiles }, form{}},
})

var appTable = newTable([]field[Application]{
	{"@applicationPool", "", func(a *Application) setting { return &a.Pool }, form{}},
	{"@preloadEnabled", "false", func(a *Application) setting { return &a.Preload }, form{}},
})

// forwarding returns the fields that farms and the proxy section have alike, but for some defaults.
func forwarding[T any](element, timeout, preserveHost, reverseRewrite string, of func(*T) *Forwarding) []field[T] {
	return []field[T]{
		{element + "@timeout", timeout, func(t *T) setting { return &of(t).Timeout }, form{}},
		{element + "@keepAlive", "true", func(t *T) setting { return &of(t).KeepAlive }, form{}},
		{element + "@httpVersion", "PassThrough", func(t *T) setting { return &of(t).HTTPVersion }, oneOf("Http10", "Http11", "PassThrough")},
		{element + "@preserveHostHeader", preserveHost, func(t *T) setting { return &of(t).PreserveHostHeader }, form{}},
		{element + "@reverseRewriteHostInResponseHeaders", reverseRewrite, func(t *T) setting { return &of(t).ReverseRewrite }, form{}},
		{element + "@logGuidName", "X-ARR-LOG-ID", func(t *T) setting { return &of(t).LogGuidName }, form{}},
		{element + "@arrResponseHeader", "true", func(t *T) setting { return &of(t).ArrResponseHeader }, form{}},
		{element + "@maxResponseHeaderSize", "65536", func(t *T) setting { return &of(t).MaxResponseHeaderSize }, form{}},
		{element + "@proxy", "", func(t *T) setting { return &of(t).ProxyServer }, address},
		{element + "@proxyBypass", "", func(t *T) setting { return &of(t).ProxyBypass }, address},
	}
}

var farmTable = newTable([]field[Farm]{
	{"@enabled", "true", func(f *Farm) setting { return &f.Enabled }, form{}},
	{"applicationRequestRouting/healthCheck@url", "", func(f *Farm) setting { return &f.HealthCheck.URL }, address},
	{"applicationRequestRouting/healthCheck@interval", "00:00:30", func(f *Farm) setting { return &f.HealthCheck.Interval }, form{}},
	{"applicationRequestRouting/healthCheck@timeout", "00:00:30", func(f *Farm) setting { return &f.HealthCheck.Timeout }, form{}},
	{"applicationRequestRouting/healthCheck@retries", "3", func(f *Farm) setting { return &f.HealthCheck.Retries }, form{}},
	{"applicationRequestRouting/healthCheck@statusCodeMatch", "200-399", func(f *Farm) setting { return &f.HealthCheck.StatusCodeMatch }, form{}},
	{"applicationRequestRouting/healthCheck@responseMatch", "", func(f *Farm) setting { return &f.HealthCheck.ResponseMatch }, form{}},
	{"applicationRequestRouting/healthCheck@liveTrafficFailureCodes", "500-", func(f *Farm) setting { return &f.HealthCheck.LiveTrafficFailureCodes }, form{}},
	{"applicationRequestRouting/healthCheck@maxLiveTrafficFailures", "10", func(f *Farm) setting { return &f.HealthCheck.MaxLiveTrafficFailures }, form{}},
	{"applicationRequestRouting/healthCheck@liveTrafficFailurePeriod", "00:00:00", func(f *Farm) setting { return &f.HealthCheck.LiveTrafficFailurePeriod }, form{}},
	{"applicationRequestRouting/healthCheck@minServers", "0", func(f *Farm) setting { return &f.HealthCheck.MinServers }, form{}},
	{"applicationRequestRouting/affinity@useCookie", "false", func(f *Farm) setting { return &f.Affinity.UseCookie }, form{}},
	{"applicationRequestRouting/affinity@cookieName", "ARRAffinity", func(f *Farm) setting { return &f.Affinity.CookieName }, form{}},
	{"applicationRequestRouting/affinity@useHostName", "false", func(f *Farm) setting { return &f.Affinity.UseHostName }, form{}},
	{"applicationRequestRouting/loadBalancing@algorithm", "WeightedRoundRobin", func(f *Farm) setting { return &f.Algorithm }, oneOf("WeightedRoundRobin", "RequestHash", "LeastRequests", "LeastResponseTime", "WeightedTotalTraffic")},
}, forwarding("applicationRequestRouting/protocol", "00:00:30", "true", "false", func(f *Farm) *Forwarding { return &f.Forwarding }))

var memberTable = newTable([]field[Member]{
	{"@enabled", "true", func(m *Member) setting { return &m.Enabled }, form{}},
	{"applicationRequestRouting@httpPort", "80", func(m *Member) setting { return &m.HTTPPort }, form{}},
	{"applicationRequestRouting@httpsPort", "443", func(m *Member) setting { return &m.HTTPSPort }, form{}},
	{"applicationRequestRouting@weight", "100", func(m *Member) setting { return &m.Weight }, form{}},
	{"applicationRequestRouting@hostName", "", func(m *Member) setting { return &m.HostName }, form{}},
})

var proxyTable = newTable([]field[Proxy]{
	{"system.webServer/proxy@enabled", "false", func(p *Proxy) setting { return &p.Enabled }, form{}},
}, forwarding("system.webServer/proxy", "00:02:00", "false", "true", func(p *Proxy) *Forwarding { return &p.Forwarding }))

var runtimeTable = newTable([]field[Runtime]{
	{"system.web/httpRuntime@executionTimeout", "110", func(r *Runtime) setting { return &r.ExecutionTimeout }, seconds},
	{"system.web/httpRuntime@appRequestQueueLimit", "5000", func(r *Runtime) setting { return &r.AppRequestQueueLimit }, form{}},
	{"system.web/httpRuntime@maxRequestLength", "4096", func(r *Runtime) setting { return &r.MaxRequestLength }, form{}},
	{"system.web/compilation@debug", "false", func(r *Runtime) setting { return &r.Debug }, form{}},
	{"system.web/processModel@requestQueueLimit", "", func(r *Runtime) setting { return &r.RequestQueueLimit }, form{}},
	{"system.web/applicationPool@requestQueueLimit", "5000", func(r *Runtime) setting { return &r.RequestQueueLimit }, form{}},
	{"system.webServer/serverRuntime@appConcurrentRequestLimit", "5000", func(r *Runtime) setting { return &r.AppConcurrentRequestLimit }, form{}},
	{"system.webServer/serverRuntime@uploadReadAheadSize", "49152", func(r *Runtime) setting { return &r.UploadReadAheadSize }, form{}},
})

var ancmTable = newTable([]field[ANCM]{
	{"system.webServer/aspNetCore@processPath", "", func(a *ANCM) setting { return &a.ProcessPath }, program},
	{"system.webServer/aspNetCore@hostingModel", "", func(a *ANCM) setting { return &a.HostingModel }, oneOf("inprocess", "outofprocess")},
	{"system.webServer/aspNetCore@requestTimeout", "00:02:00", func(a *ANCM) setting { return &a.RequestTimeout }, form{}},
	{"system.webServer/aspNetCore@startupTimeLimit", "120", func(a *ANCM) setting { return &a.StartupTimeLimit }, seconds},
	{"system.webServer/aspNetCore@shutdownTimeLimit", "10", func(a *ANCM) setting { return &a.ShutdownTimeLimit }, seconds},
	{"system.webServer/aspNetCore@rapidFailsPerMinute", "10", func(a *ANCM) setting { return &a.RapidFailsPerMinute }, form{}},
	{"system.webServer/aspNetCore@processesPerApplication", "1", func(a *ANCM) setting { return &a.Processes }, form{}},
	{"system.webServer/aspNetCore@stdoutLogEnabled", "false", func(a *ANCM) setting { return &a.StdoutLogEnabled }, form{}},
	{"system.webServer/aspNetCore@stdoutLogFile", `.\aspnetcore-stdout`, func(a *ANCM) setting { return &a.StdoutLogFile }, form{}},
})

var webSocketTable = newTable([]field[WebSocket]{
	{"system.webServer/webSocket@enabled", "true", func(w *WebSocket) setting { return &w.Enabled }, form{}},
	{"system.webServer/webSocket@pingInterval", "00:00:00", func(w *WebSocket) setting { return &w.PingInterval }, form{}},
})

var fastCGITable = newTable([]field[FastCGI]{
	{"@maxInstances", "0", func(f *FastCGI) setting { return &f.MaxInstances }, form{}},
	{"@queueLength", "1000", func(f *FastCGI) setting { return &f.QueueLength }, form{}},
	{"@instanceMaxRequests", "200", func(f *FastCGI) setting { return &f.InstanceMaxRequests }, form{}},
	{"@idleTimeout", "300", func(f *FastCGI) setting { return &f.IdleTimeout }, seconds},
	{"@activityTimeout", "70", func(f *FastCGI) setting { return &f.ActivityTimeout }, seconds},
	{"@requestTimeout", "90", func(f *FastCGI) setting { return &f.RequestTimeout }, seconds},
	{"@rapidFailsPerMinute", "10", func(f *FastCGI) setting { return &f.RapidFailsPerMinute }, form{}},
})

var ruleTable = newTable([]field[ProxyRule]{
	{"@enabled", "true", func(r *ProxyRule) setting { return &r.Enabled }, form{}},
})

var triggerTable = newTable([]field[Trigger]{
	{"@count", "", func(t *Trigger) setting { return &t.Count }, form{}},
	{"@timeInterval", "", func(t *Trigger) setting { return &t.TimeInterval }, form{}},
	{"@timeTaken", "", func(t *Trigger) setting { return &t.TimeTaken }, form{}},
	{"@statusCode", "", func(t *Trigger) setting { return &t.StatusCode }, form{}},
	{"@statusCodes", "", func(t *Trigger) setting { return &t.StatusCode }, form{}},
	{"@subStatusCode", "", func(t *Trigger) setting { return &t.SubStatus }, form{}},
	{"@win32StatusCode", "", func(t *Trigger) setting { return &t.Win32Status }, form{}},
	{"@privateBytesInKB", "", func(t *Trigger) setting { return &t.PrivateKB }, form{}},
	{"@path", "", func(t *Trigger) setting { return &t.Path }, address},
})

var actionTable = newTable([]field[Action]{
	{"@value", "", func(a *Action) setting { return &a.Value }, oneOf("Recycle", "LogEvent", "CustomAction")},
	{"@minProcessExecutionTime", "", func(a *Action) setting { return &a.MinProcess }, form{}},
	{"customAction@exe", "", func(a *Action) setting { return &a.Program }, program},
})

var redirectTable = newTable([]field[RedirectSection]{
	{"@enabled", "false", func(r *RedirectSection) setting { return &r.Enabled }, form{}},
	{"@path", "", func(r *RedirectSection) setting { return &r.Path }, form{}},
})

// withoutArguments cuts a command line behind the program.
func withoutArguments(command string) string {
	command = strings.Trim(command, `"' `)
	if i := strings.Index(strings.ToLower(command), ".exe"); i >= 0 && i+len(".exe") <= len(command) {
		return command[:i+len(".exe")]
	}
	command, _, _ = strings.Cut(command, " ")
	return command
}

// programName returns the file name of a command line's program.
func programName(command string) string { return base(withoutArguments(command)) }

// withoutCredentials leaves the query out of an address, and what stands in front of an @.
func withoutCredentials(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if ok {
		scheme += "://"
	} else {
		scheme, rest = "", address
	}
	authority, _, _ := strings.Cut(rest, "/")
	rest = rest[strings.LastIndexByte(authority, '@')+1:]
	rest, _, _ = strings.Cut(rest, "?")
	return scheme + rest[strings.LastIndexByte(rest, '@')+1:]
}
