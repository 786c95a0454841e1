package timeline

import (
	"cmp"
	"fmt"
	"math"
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
	record uint64 // its number in the log; 0 = unknown
	place  int32  // among all of the machine, by time
}

// Happened takes an entry of an event log. It keeps nothing of e. How many there may be, the caller bounds, and says
// with [Input.Gaps] when some are left out.
func (s *Session) Happened(e *eventlog.Entry) {
	s.host(e.Computer)
	f, ok := e.Fact()
	if !ok || f.Time.IsZero() {
		return
	}
	source := fmt.Sprintf("%s %d", strings.TrimPrefix(e.Provider, "Microsoft-Windows-"), e.ID)
	s.happened = append(s.happened, &occurrence{Fact: f, input: s.number, source: s.intern([]byte(source)), record: e.Record})
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
	m.events = map[subject][]*occurrence{}
	for i, o := range m.happened {
		o.place = int32(i)
		for _, pool := range [...]string{anyPool, strings.ToLower(o.Pool)} {
			k := subject{o.Kind, pool}
			m.events[k] = append(m.events[k], o)
		}
	}
}

// A subject is what occurrences are found by.
type subject struct {
	kind eventlog.FactKind
	pool string // in lower case; "" = the event names none
}

// anyPool finds the occurrences of a kind, whichever pool they name.
const anyPool = "\x00"

// maxDuring is how many occurrences of one kind and time are looked at: a hundred thousand requests may ask.
const maxDuring = 500

// during returns what of some kinds a machine's event logs have between two times, of the pool or, of events
// that name none, of any. pool "" is any pool. Of very many it returns the first.
func (m *Machine) during(from, to etl.Time, pool string, kinds ...eventlog.FactKind) []*occurrence {
	return m.occurrences(from, to, maxDuring, pool, kinds)
}

// ever returns all that the machine's event logs have of some kinds.
func (m *Machine) ever(kinds ...eventlog.FactKind) []*occurrence {
	return m.occurrences(0, lastMoment, math.MaxInt, "", kinds)
}

func (m *Machine) occurrences(from, to etl.Time, most int, pool string, kinds []eventlog.FactKind) (out []*occurrence) {
	if m == nil || len(m.events) == 0 || to < from {
		return nil
	}
	names := [...]string{strings.ToLower(pool), ""}
	of := names[:]
	if pool == "" {
		names[0], of = anyPool, names[:1]
	}
	lists := 0
	for _, kind := range kinds {
		for _, name := range of {
			list := m.events[subject{kind, name}]
			list = list[before(list, from-1):]
			if list = list[:before(list[:min(len(list), most)], to)]; len(list) > 0 {
				out = append(out, list...)
				lists++
			}
		}
	}
	if lists > 1 {
		slices.SortFunc(out, func(x, y *occurrence) int { return cmp.Compare(x.place, y.place) })
	}
	return out[:min(len(out), most)]
}

// nearest returns which occurrence of some kinds is nearest to a time; nil if there is none.
func (m *Machine) nearest(t etl.Time, kinds ...eventlog.FactKind) (found *occurrence) {
	for _, kind := range kinds {
		list := m.events[subject{kind, anyPool}]
		n := before(list, t)
		for _, o := range list[max(n-1, 0):min(n+1, len(list))] {
			if found == nil || max(o.Time-t, t-o.Time) < max(found.Time-t, t-found.Time) {
				found = o
			}
		}
	}
	return found
}

// often says how many times something happened.
func often(n int) string {
	if n >= maxDuring {
		return fmt.Sprintf("at least %d times", n)
	}
	return fmt.Sprintf("%d times", n)
}

// evidence quotes an occurrence.
func (o *occurrence) evidence() Evidence {
	return Evidence{Input: o.input, Time: o.Time, Text: o.String(), Key: true, Place: o.where()}
}

// where returns the place of an occurrence in its log.
func (o *occurrence) where() Place { return Place{Record: o.record} }

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
