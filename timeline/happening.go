package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
)

// An occurrence is something that happened to a machine, a pool or a process, as an event log tells.
type occurrence struct {
	eventlog.Fact
	input  int
	source string // of the event: WAS 5002
}

// maxOccurrences bounds what is kept of one event log.
const maxOccurrences = 50_000

// Happened takes an entry of an event log. It keeps nothing of e.
func (s *Session) Happened(e *eventlog.Entry) {
	s.host(e.Computer)
	f, ok := e.Fact()
	if !ok || f.Time.IsZero() {
		return
	}
	if len(s.happened) >= maxOccurrences {
		return // the incident's scan keeps no more than that, and says so
	}
	s.happened = append(s.happened, &occurrence{f, s.number, fmt.Sprintf("%s %d", strings.TrimPrefix(e.Provider, "Microsoft-Windows-"), e.ID)})
}

// gather puts what happened to the machine in order. What a log tells in local time is moved by the
// offset of a trace of the same machine; without one its place is not known, and it is left out.
func (m *Machine) gather(b *Builder) {
	bias, known := etl.Time(0), false
	for _, i := range m.Inputs {
		if h := b.sessions[i].in.Header; h.PointerSize != 0 {
			bias, known = etl.Time(h.Bias/100), true
			break
		}
	}
	for _, i := range m.Inputs {
		for _, o := range b.sessions[i].happened {
			if o.Local && !known {
				b.sessions[i].unplaced++
				continue
			}
			if o.Local {
				o.Time += bias
			}
			m.happened = append(m.happened, o)
		}
	}
	slices.SortStableFunc(m.happened, func(x, y *occurrence) int { return cmp.Compare(x.Time, y.Time) })
}

// during returns what of some kinds a machine's event logs have between two times, of the pool or, of events
// that name none, of any. pool "" is any pool.
func (m *Machine) during(from, to etl.Time, pool string, kinds ...eventlog.FactKind) []*occurrence {
	if m == nil {
		return nil
	}
	i, _ := slices.BinarySearchFunc(m.happened, from, func(o *occurrence, t etl.Time) int { return cmp.Compare(o.Time, t) })
	var out []*occurrence
	for ; i < len(m.happened) && m.happened[i].Time <= to; i++ {
		o := m.happened[i]
		if slices.Contains(kinds, o.Kind) && (pool == "" || o.Pool == "" || strings.EqualFold(o.Pool, pool)) {
			out = append(out, o)
		}
	}
	return out
}

// evidence quotes an occurrence.
func (o *occurrence) evidence() Evidence {
	return Evidence{Input: o.input, Time: o.Time, Text: o.String(), Key: true}
}

// occurrenceTexts say what happened. {pool}, {pid}, {image}, {module}, {code}, {detail} and {service} stand for
// what the event tells.
var occurrenceTexts = map[eventlog.FactKind]string{
	eventlog.Crash:            "{process} ended unexpectedly{code}",
	eventlog.ManagedCrash:     "{process} ended by an unhandled exception{detail}{module}",
	eventlog.CrashReport:      "a crash of {process} was reported{module}{code}",
	eventlog.RequestException: "an unhandled exception in a request{detail}",
	eventlog.PingFailed:       "{process} did not answer WAS in time",
	eventlog.StartTimeout:     "{process} was not ready in time",
	eventlog.StopTimeout:      "{process} did not stop in time and was ended",
	eventlog.StartFailed:      "a worker process{ofpool} could not be started{code}",
	eventlog.IdentityInvalid:  "the account{ofpool} does not work{code}",
	eventlog.PoolDisabled:     "pool{pool} was switched off{detail}{code}",
	eventlog.Recycle:          "pool{pool} was recycled{detail}",
	eventlog.MemoryRecycle:    "pool{pool} was recycled, a limit of memory was reached{detail}",
	eventlog.IdleStop:         "{process} was stopped, it had nothing to do",
	eventlog.CPULimit:         "pool{pool} used more processor time than it may",
	eventlog.ModuleFailed:     "a native module could not be loaded{module}{code}",
	eventlog.ListenerFailed:   "{process} could not listen for requests{code}",
	eventlog.ConfigChanged:    "a change of the configuration was committed{detail}",
	eventlog.ConfigFailed:     "a configuration could not be read{detail}{code}",
	eventlog.BindFailed:       "an address could not be listened on{detail}{code}",
	eventlog.URLReserved:      "a URL was reserved{detail}",
	eventlog.URLReleased:      "the reservation of a URL was deleted{detail}",
	eventlog.PortReused:       "an outgoing connection took a port again too soon: ports are scarce",
	eventlog.PortsExhausted:   "no port was left for an outgoing connection",
	eventlog.TLSNoCipher:      "client and server share no cipher or version{detail}",
	eventlog.TLSAlertReceived: "TLS alert received{number}",
	eventlog.TLSAlertSent:     "TLS alert sent{number}",
	eventlog.TLSCredential:    "a key or certificate of this machine could not be used{code}",
	eventlog.TLSCertificate:   "the certificate of the other side was not accepted{code}",
	eventlog.ServiceState:     "service{service}: {state}",
	eventlog.ServiceCrash:     "service{service} ended unexpectedly",
	eventlog.ServiceFailed:    "service{service} failed{detail}{code}",
	eventlog.AppStarted:       "the application was started{detail}",
	eventlog.AppStartFailed:   "the application could not be started{detail}{code}",
	eventlog.AppCrash:         "the application ended unexpectedly{detail}{code}",
	eventlog.AppRapidFail:     "the application failed too often and is not started any more{detail}",
	eventlog.AppStopFailed:    "the application did not stop in time{detail}",
	eventlog.AppStopped:       "the application was stopped{detail}",
	eventlog.AppOffline:       "app_offline.htm stopped the application{detail}",
	eventlog.AppRecycle:       "the application is started anew{detail}",
	eventlog.SystemStart:      "Windows started",
	eventlog.SystemStop:       "Windows stopped",
	eventlog.SystemCrash:      "Windows had gone down without stopping",
	eventlog.RestartWanted:    "a restart was asked for",
}

// details say in words what a fact's detail stands for.
var details = map[string]string{
	eventlog.DisabledRapidFail: "too many failures within the limit of time", eventlog.DisabledIdentity: "its account does not work",
	eventlog.DisabledStart: "its worker process cannot be started", eventlog.DisabledHTTP: "HTTP.sys refused it",
	eventlog.RecycleTime: "the regular interval", eventlog.RecycleRequests: "number of requests", eventlog.RecycleSchedule: "the schedule",
	eventlog.RecycleUnhealthy: "it reported itself unwell", eventlog.RecycleAdministrator: "someone asked for it",
	eventlog.RecycleConfig: "a configuration change", eventlog.RecycleStore: "trouble with the configuration",
	eventlog.VirtualMemory: "virtual memory", eventlog.PrivateMemory: "private memory",
}

// String says what happened, and which event tells: "pool Shop was switched off (...): WAS 5002".
func (o *occurrence) String() string {
	text, ok := occurrenceTexts[o.Kind]
	if !ok {
		text = strings.ReplaceAll(o.Kind.String(), "-", " ")
	}
	after := func(pre, s string) string {
		if s == "" {
			return ""
		}
		return pre + s
	}
	process := cmp.Or(o.Image, "the worker process")
	if o.PID != 0 {
		process += fmt.Sprintf(" (PID %d)", o.PID)
	}
	process += after(" of pool ", o.Pool)
	code := ""
	if o.Code != 0 {
		code = ", " + eventCode(o.Code)
	}
	detail := o.Detail
	if words, ok := details[detail]; ok {
		detail = words
	}
	text = strings.NewReplacer(
		"{process}", process, "{ofpool}", after(" of pool ", o.Pool), "{pool}", after(" ", o.Pool), "{module}", after(", in ", o.Module),
		"{code}", code, "{number}", fmt.Sprintf(" %d", o.Code), "{detail}", after(": ", detail), "{service}", after(" ", o.Service),
		"{state}", cmp.Or(o.Detail, "changed its state"),
	).Replace(text)
	return text + " (" + o.source + ")"
}

// eventCode names a code of an event: exit codes and exceptions as hexadecimal, Windows errors as numbers.
func eventCode(code uint32) string {
	s := codeText(Code(code))
	if code > 0xFFFF && winerr.Name(code) == "" {
		if c, ok := winerr.NTStatus.Look(code); ok {
			s += " " + c.Symbol
		}
	}
	return s
}
