// Package iisconfig reads the configuration of IIS, Application Request Routing (ARR), the ASP.NET Core Module (ANCM)
// and ASP.NET, as far as it bears on why a request failed: pools, sites, server farms and every time limit and queue
// length on a request's way.
//
//	applicationHost.config                               the server              [ApplicationHost]
//	  system.applicationHost/applicationPools/add        a pool                  [Pool]
//	  system.applicationHost/sites/site                  a site                  [Site]
//	  webFarms/webFarm/server                            a farm and its members  [Farm], [Member]
//	  system.webServer/proxy                             ARR without a farm      [Proxy]
//	  <location path="Default Web Site/shop"> ...        the same, for a part of the server
//	web.config                                           a folder of a site      [WebConfig]
//	  system.web/httpRuntime, system.webServer/serverRuntime, compilation        [Runtime]
//	  system.webServer/aspNetCore, /rewrite, /monitoring [ANCM], [ProxyRule], [Trigger]
//	machine.config, aspnet.config                        ASP.NET of the machine  [Machine], [ASPNet]
//	redirection.config                                   where a shared applicationHost.config is
//
// [Parse] reads one file, [NewServer] puts the files of one machine together and answers what holds for a pool, a farm or a
// location, and [Diff] tells what changed between two copies, such as those below inetpub\history. Every value is a
// [Setting], which knows whether a file says so, and on which line, or whether it is the product's default.
//
// Only attributes that are listed in this package are ever turned into strings, none of which is made to hold a secret:
// passwords, connection strings, application settings, keys, environment variables and arguments of programs are skipped
// where they stand. Values encrypted by IIS ([enc:...]) are not kept either.
//
// Names and defaults of elements and attributes are those of the schema files of IIS, ARR and ANCM, and of the
// reference of ASP.NET's web settings.
package iisconfig

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// ErrFormat means that the input is no configuration file: its root element is not <configuration>.
var ErrFormat = errors.New("not an IIS configuration file")

// A Kind is what a file configures. It is told by the sections inside, never by the file's name.
type Kind uint8

// The kinds, those that decide over others last.
const (
	Unknown         Kind = iota // a <configuration> without any section that tells
	WebConfig                   // web.config: a folder of a site
	ASPNet                      // aspnet.config: all ASP.NET processes of a framework version
	Machine                     // machine.config
	Administration              // administration.config: IIS Manager, of no interest here
	ApplicationHost             // applicationHost.config: the server
	Redirection                 // redirection.config: where applicationHost.config really is
	Transform                   // a recipe to make a web.config of another; not in use itself
)

var kindNames = [...]string{
	Unknown: "unknown", WebConfig: "web.config", ASPNet: "aspnet.config", Machine: "machine.config",
	Administration: "administration.config", ApplicationHost: "applicationHost.config",
	Redirection: "redirection.config", Transform: "transform",
}

// String returns the usual name of such a file.
func (k Kind) String() string { return kindNames[k] }

// A File is one configuration file. It holds no part of the input.
type File struct {
	Name    string // as given to Parse
	Kind    Kind
	History uint64 // number of the CFGHISTORY_ folder that Name is in; 0 = none, the file is in use

	Pools    []Pool // with what they inherit of PoolDefaults
	Sites    []Site // with what they inherit of SiteDefaults
	Farms    []Farm
	FastCGI  []FastCGI
	Redirect *RedirectSection // nil = no such section

	PoolDefaults Pool // applicationPoolDefaults: what the file says, else the product's defaults
	SiteDefaults Site // siteDefaults, likewise

	// One entry per location that has such a section.
	Proxies   []Proxy
	Runtimes  []Runtime
	ANCM      []ANCM
	WebSocket []WebSocket

	RewriteProxyRules []ProxyRule
	AutoHeal          []Trigger
	HealActions       []Action

	Anomalies []Anomaly // in file order
}

// Partial reports whether a part of the file could not be read, so that a setting which seems to have its default may
// have been set.
func (f *File) Partial() bool {
	for _, a := range f.Anomalies {
		if a.Kind.hides() {
			return true
		}
	}
	return false
}

// An AnomalyKind classifies damage, and what could not be read.
type AnomalyKind uint8

const (
	CutFile   AnomalyKind = iota // the file ends before its root element does
	BadXML                       // no XML from here on: reading stopped. IIS does not start with such a file
	TooDeep                      // elements nested beyond all measure, left out
	TooLong                      // a file or a value beyond all measure; the rest, or the value, is left out
	TooMany                      // entries or attributes beyond all measure; the rest is left out
	BadEntity                    // a reference that XML does not know; the value is not used
	Doctype                      // a document type declaration, skipped: nothing it declares is expanded
	BadValue                     // a value that its attribute cannot have; not used
	Encrypted                    // a value, or a whole section, that only the server itself can read
	External                     // a section that is in a file of its own (configSource)
)

var anomalyNames = [...]string{
	CutFile: "cut-file", BadXML: "bad-xml", TooDeep: "too-deep", TooLong: "too-long", TooMany: "too-many", BadEntity: "bad-entity",
	Doctype: "doctype", BadValue: "bad-value", Encrypted: "encrypted", External: "external",
}

// String returns a stable name.
func (k AnomalyKind) String() string { return anomalyNames[k] }

// hides reports whether settings may be missing for such an anomaly.
func (k AnomalyKind) hides() bool { return k != Doctype }

// An Anomaly is damage found in a file. Detail quotes nothing of the file's values, which may be secret.
type Anomaly struct {
	Kind   AnomalyKind
	Line   int
	Detail string
}

// An Origin is where something stands.
type Origin struct {
	File     string // name of the file as given to Parse
	Line     int    // from 1; 0 = nowhere, a default of the product
	Location string // path of the location element around it, below the file's folder; "" = all of that

	OwnAppOnly bool // the location element has inheritInChildApplications="false"
}

// Source returns the file's name without folders, and the line: applicationHost.config:212; or "default".
func (o Origin) Source() string {
	if o.Line == 0 {
		return "default"
	}
	return base(o.File) + ":" + strconv.Itoa(o.Line)
}

func (o Origin) origin() Origin { return o }

// base returns what follows the last slash of either kind.
func base(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }

// A Pool is an application pool.
type Pool struct {
	Origin
	Name string

	AutoStart      Setting[bool]   // false: WAS does not start it; IIS Manager writes that when somebody stops the pool
	StartMode      Setting[string] // OnDemand, AlwaysRunning
	QueueLength    Setting[uint]   // requests that HTTP.sys queues for the pool; one more gets 503
	Enable32Bit    Setting[bool]   // enable32BitAppOnWin64
	RuntimeVersion Setting[string] // managedRuntimeVersion: v4.0; "" = no managed code
	PipelineMode   Setting[string] // Integrated, Classic
	IdentityType   Setting[string] // ApplicationPoolIdentity (the default since IIS 7.5), NetworkService, SpecificUser, ...
	UserName       Setting[string] // of a SpecificUser; the password is not kept

	ProcessModel ProcessModel
	Recycling    Recycling
	RapidFail    RapidFail
	CPU          CPU
}

// A ProcessModel tells how long the parts of a worker process' life may take.
type ProcessModel struct {
	IdleTimeout       Setting[time.Duration] // 0 = never
	IdleTimeoutAction Setting[string]        // Terminate, Suspend
	MaxProcesses      Setting[uint]          // more than 1: a web garden
	Pinging           Setting[bool]
	PingInterval      Setting[time.Duration]
	PingResponseTime  Setting[time.Duration]
	StartupTimeLimit  Setting[time.Duration]
	ShutdownTimeLimit Setting[time.Duration]
}

// Recycling tells when a worker process is replaced.
type Recycling struct {
	DisallowOverlappingRotation    Setting[bool] // the old process ends before the new one starts
	DisallowRotationOnConfigChange Setting[bool]

	PeriodicRestart Setting[time.Duration]   // periodicRestart@time; 0 = never
	PrivateMemory   Setting[uint]            // KB; 0 = no limit
	Memory          Setting[uint]            // KB of virtual memory; 0 = no limit
	Requests        Setting[uint]            // 0 = no limit
	Schedule        []Setting[time.Duration] // times of day, of the server's zone
}

// RapidFail stops a pool whose processes crash.
type RapidFail struct {
	Enabled                  Setting[bool]
	MaxFailures              Setting[uint]
	Interval                 Setting[time.Duration]
	LoadBalancerCapabilities Setting[string] // HttpLevel: a stopped pool answers 503; TcpLevel: connections are reset
}

// CPU limits the processor time of a pool.
type CPU struct {
	Limit         Setting[uint]   // 1/1000 percent of all processors; 0 = no limit
	Action        Setting[string] // NoAction, KillW3wp, Throttle, ThrottleUnderLoad
	ResetInterval Setting[time.Duration]
}

// A Site is a web site.
type Site struct {
	Origin
	ID   uint32
	Name string

	ServerAutoStart   Setting[bool] // false: it stays stopped; IIS Manager writes that when somebody stops the site
	ConnectionTimeout Setting[time.Duration]
	MaxConnections    Setting[uint]

	Bindings     []Binding
	Applications []Application
	LogFile      LogFile
	Tracing      Tracing
}

// A Binding is an address that a site listens on.
type Binding struct {
	Origin
	Protocol    string // http, https, net.tcp, ...
	Information string // as written: *:80:shop.example
	Address     string // of HTTP: the IP address; "*" or "" = any
	Port        uint16 // of HTTP
	Host        string // of HTTP: the host name; "" = any
}

// An Application is a part of a site that runs in one pool.
type Application struct {
	Origin
	Path    string // below the site: /, /shop
	Pool    Setting[string]
	Preload Setting[bool]
	Folders []Folder // virtual directories
}

// A Folder is the folder on disk of a virtual directory.
type Folder struct {
	Origin
	Path         string // below the application: /, /images
	PhysicalPath string // as written, with variables such as %SystemDrive%
}

// A LogFile tells how a site logs.
type LogFile struct {
	Enabled           Setting[bool]
	Directory         Setting[string] // the files are in W3SVC and the site's number below it
	Format            Setting[string] // W3C, IIS, NCSA, Custom
	Fields            Setting[string] // logExtFileFlags: TimeTaken, HttpSubStatus, ...
	Period            Setting[string] // Daily, Hourly, MaxSize, ...
	LocalTimeRollover Setting[bool]   // a file ends at midnight of the server's zone, not UTC; times inside are UTC
	CustomFields      []CustomField
}

// A CustomField is a column of the log that is made of a header or server variable.
type CustomField struct {
	Origin
	Name       string // of the column
	Source     string // of the header or variable
	SourceType string // RequestHeader, ResponseHeader, ServerVariable
}

// Tracing tells whether Failed Request Tracing writes files.
type Tracing struct {
	Enabled   Setting[bool]
	Directory Setting[string]
	MaxFiles  Setting[uint]
}

// Forwarding is how ARR talks to the server behind it, be it a farm's or any other.
type Forwarding struct {
	Timeout               Setting[time.Duration]
	KeepAlive             Setting[bool]
	HTTPVersion           Setting[string] // PassThrough, Http10, Http11
	PreserveHostHeader    Setting[bool]
	ReverseRewrite        Setting[bool]   // reverseRewriteHostInResponseHeaders
	LogGuidName           Setting[string] // header that carries the request's identifier
	ArrResponseHeader     Setting[bool]   // whether the response gets X-Powered-By: ARR
	MaxResponseHeaderSize Setting[uint]   // bytes
	ProxyServer           Setting[string] // a proxy on the way, without user and password
	ProxyBypass           Setting[string]
}

// A Farm is a server farm of ARR.
type Farm struct {
	Origin
	Name    string
	Enabled Setting[bool]
	Servers []Member

	Forwarding
	HealthCheck HealthCheck
	Affinity    Affinity
	Algorithm   Setting[string] // of load balancing: WeightedRoundRobin, RequestHash, ...
}

// A Member is a server of a farm.
type Member struct {
	Origin
	Address   string
	Enabled   Setting[bool]
	HTTPPort  Setting[uint]
	HTTPSPort Setting[uint]
	Weight    Setting[uint]
	HostName  Setting[string]
}

// A HealthCheck tells when ARR takes a member out of the farm.
type HealthCheck struct {
	URL             Setting[string] // without user, password and query; "" = there is no test
	Interval        Setting[time.Duration]
	Timeout         Setting[time.Duration]
	Retries         Setting[uint]
	StatusCodeMatch Setting[string] // 200-399
	ResponseMatch   Setting[string] // text that the answer must hold

	// The test by live traffic: so many answers with such a status within a period.
	LiveTrafficFailureCodes  Setting[string]
	MaxLiveTrafficFailures   Setting[uint]
	LiveTrafficFailurePeriod Setting[time.Duration] // 0 = off
	MinServers               Setting[uint]          // that stay in, however ill
}

// Affinity ties a client to a member.
type Affinity struct {
	UseCookie   Setting[bool]
	CookieName  Setting[string]
	UseHostName Setting[bool]
}

// A Proxy is ARR's section for requests that are forwarded without a farm.
type Proxy struct {
	Origin
	Enabled Setting[bool]
	Forwarding
}

// A Runtime holds limits of IIS' worker process and of ASP.NET in it.
type Runtime struct {
	Origin
	ExecutionTimeout          Setting[time.Duration] // does not count if Debug
	Debug                     Setting[bool]          // compilation/@debug
	AppRequestQueueLimit      Setting[uint]
	MaxRequestLength          Setting[uint] // KB
	RequestQueueLimit         Setting[uint] // of the process, in aspnet.config (integrated mode) or machine.config (classic)
	AppConcurrentRequestLimit Setting[uint] // serverRuntime: beyond it requests get 503.2
	UploadReadAheadSize       Setting[uint] // bytes
}

// An ANCM is the section of the ASP.NET Core Module. Arguments and environment are not kept.
type ANCM struct {
	Origin
	ProcessPath         Setting[string]        // file name of the program only
	HostingModel        Setting[string]        // inprocess, outofprocess; "" = outofprocess
	RequestTimeout      Setting[time.Duration] // counts out of process only
	StartupTimeLimit    Setting[time.Duration]
	ShutdownTimeLimit   Setting[time.Duration]
	RapidFailsPerMinute Setting[uint]
	Processes           Setting[uint] // processesPerApplication
	StdoutLogEnabled    Setting[bool]
	StdoutLogFile       Setting[string]
}

// A WebSocket is the section of IIS' WebSocket module.
type WebSocket struct {
	Origin
	Enabled      Setting[bool]
	PingInterval Setting[time.Duration] // 0 = none
}

// A FastCGI is a program that answers requests by FastCGI, such as PHP. Arguments and environment are not kept.
type FastCGI struct {
	Origin
	FullPath            string
	MaxInstances        Setting[uint] // processes; 0 = IIS decides
	QueueLength         Setting[uint]
	InstanceMaxRequests Setting[uint]
	IdleTimeout         Setting[time.Duration]
	ActivityTimeout     Setting[time.Duration] // without a byte
	RequestTimeout      Setting[time.Duration] // in all
	RapidFailsPerMinute Setting[uint]
}

// A ProxyRule is a rule of URL Rewrite that hands requests to another server.
type ProxyRule struct {
	Origin
	Name    string
	Enabled Setting[bool]
	Global  bool   // of globalRules
	Scheme  string // http, https; or a variable such as {C:1}
	Target  string // farm, or host and port; may hold variables: {HTTP_HOST}
}

// A Trigger is a condition on which App Service's AutoHeal acts (system.webServer/monitoring/triggers).
type Trigger struct {
	Origin
	Type         string                 // requests, slowRequests, statusCode, memory, ...
	Count        Setting[uint]          // so many requests
	TimeInterval Setting[time.Duration] // within this time
	TimeTaken    Setting[time.Duration] // slowRequests: that take as long
	StatusCode   Setting[string]        // statusCode: with this status, 500 or 500-530
	SubStatus    Setting[uint]
	Win32Status  Setting[uint]
	PrivateKB    Setting[uint]   // memory: private bytes of the process
	Path         Setting[string] // of the requests, without query
}

// An Action is what AutoHeal does. Parameters are not kept.
type Action struct {
	Origin
	Value      Setting[string]        // Recycle, LogEvent, CustomAction
	MinProcess Setting[time.Duration] // minProcessExecutionTime: a younger process is left alone
	Program    Setting[string]        // of a CustomAction, file name only
}

// A RedirectSection tells where a shared applicationHost.config is. The credentials are not kept.
type RedirectSection struct {
	Origin
	Enabled Setting[bool]
	Path    Setting[string]
}
