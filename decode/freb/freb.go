// Package freb reads the XML files of Failed Request Tracing (fr000001.xml): the diary that IIS keeps of a request
// which met a rule, module by module.
//
//	<failedRequest url= siteId= appPoolId= processId= statusCode="502.3" timeTaken= ...>   [Header]
//	 <Event>                                                                               [Event]
//	  <System>         provider, level, opcode, time (UTC, a clock tick of about 15.6 ms), process, thread
//	  <EventData>      <Data Name="ErrorCode">2147954402</Data>      raw values            [Field]
//	  <RenderingInfo>  <Opcode>MODULE_SET_RESPONSE_ERROR_STATUS</Opcode>  the event's name
//	                   <freb:Description Data="ErrorCode">... (0x80072ee2)</freb:Description>
//	  <ExtendedTracingInfo> <EventGuid>                              class of the event
//	 </Event> ...
//	</failedRequest>
//
// [NewReader] reads the events of any provider one after the other: IIS, ASP.NET, URL Rewrite, Application Request
// Routing (ARR), the ASP.NET Core Module (ANCM). [Trace.Request] distils them into a [Request]: which module took how
// long, which one set the status, and how far the exchange with another server came. The same events are classic
// events of ETW, and a [Collector] makes the same requests of those.
//
// IIS writes a file in one go when the request ends, but not always whole: over its size limit
// (LOG_FILE_MAX_SIZE_TRUNCATE), or when a time limit triggered it, before the request ended. Damage costs the event
// that it hits, see [Anomaly].
//
// The names of events and fields are those of the files and of IIS' own trace manifests; those of ARR and ANCM are
// from articles and source code that quote them, since no file with ARR events is public.
package freb

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/xmlscan"
	"github.com/etwhy/etwhy/etl"
)

// ErrFormat means that the input is no Failed Request Tracing file.
var ErrFormat = errors.New("not a failed request trace")

// A Header is what the root element tells: the request as IIS saw it when it wrote the file.
type Header struct {
	URL     string // with scheme, host, port and query; after rewriting
	Verb    string
	Site    uint32 // IIS' number of the site, as in W3SVC1
	AppPool string
	PID     uint32 // of the worker process

	RemoteUser, User, TokenUser string // "" = nobody, or authentication was not reached
	AuthType                    string // anonymous, NOT_AVAILABLE, ...

	Activity      etl.GUID      // also that of all events, here and in ETW
	FailureReason string        // the rule that was met: STATUS_CODE, ...
	Status        Status        // at the end
	TriggerStatus Status        // when the rule was met
	TimeTaken     time.Duration // in whole milliseconds
	Timed         bool          // TimeTaken is told

	More []Field // attributes beside these, by name; nil in all files seen
}

// A Status is an HTTP status with IIS' substatus: 502.3.
type Status struct {
	Code   uint16 // 0 = unknown
	Sub    uint16
	HasSub bool
}

// ParseStatus reads "404" and "404.7".
func ParseStatus(s string) (Status, bool) {
	code, sub, has := strings.Cut(s, ".")
	c, err := strconv.ParseUint(code, 10, 16)
	if err != nil {
		return Status{}, false
	}
	status := Status{Code: uint16(c), HasSub: has}
	if has {
		n, err := strconv.ParseUint(sub, 10, 16)
		if err != nil {
			return Status{}, false
		}
		status.Sub = uint16(n)
	}
	return status, true
}

// String returns the form that ParseStatus reads; "" if the status is unknown.
func (s Status) String() string {
	switch {
	case s.Code == 0:
		return ""
	case !s.HasSub:
		return strconv.Itoa(int(s.Code))
	}
	return strconv.Itoa(int(s.Code)) + "." + strconv.Itoa(int(s.Sub))
}

// An Event is one step of a request. Its strings may be kept; Fields is used again for the next event.
type Event struct {
	Time     etl.Time // 0 = unknown
	Provider etl.GUID
	Source   string // the provider's name: WWW Server, ASPNET
	Name     string // NOTIFY_MODULE_START; "" = not told

	ID       uint16 // 0 for WWW Server, which tells events apart by class and opcode
	Version  uint8
	Level    uint8  // 0 general, 1 critical error, 2 error, 3 warning, 4 information, 5 verbose
	Opcode   uint8  // number of the event within its class
	Keywords uint64 // mask of the area
	Area     string // RequestNotifications, RequestRouting, ...; "" = general, several are joined by a comma
	Class    etl.GUID
	Culture  string // language of the texts: en-US

	Activity etl.GUID // of the request
	PID, TID uint32
	Computer string

	Fields []Field
	Offset int64 // of the element in the file; of a UTF-16 file, in its text as UTF-8
}

// A Field is one named value of an event.
type Field struct {
	Name  string
	Value string // as recorded: codes and enumerations as decimal numbers, true and false
	Text  string // what IIS says about the value, in the language of the system; "" = nothing. Some have only that
}

// Field returns the first field with that name. Case, blanks and a unit in parentheses make no
// difference: ContextId is also "Context ID", ResponseTime also "ResponseTime(ms)".
func (e *Event) Field(name string) (Field, bool) {
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			return e.Fields[i], true
		}
	}
	for i := range e.Fields {
		if sameName(e.Fields[i].Name, name) {
			return e.Fields[i], true
		}
	}
	return Field{}, false
}

func sameName(given, name string) bool {
	n := 0
	for i := 0; i < len(given) && given[i] != '('; i++ {
		if given[i] == ' ' {
			continue
		}
		if n == len(name) || given[i]|0x20 != name[n]|0x20 {
			return false
		}
		n++
	}
	return n == len(name)
}

// Value returns the value of a field, or "".
func (e *Event) Value(name string) string {
	f, _ := e.Field(name)
	return f.Value
}

// Uint returns the number in a field: decimal, or hexadecimal with 0x. ok is false if there is none.
func (e *Event) Uint(name string) (n uint64, ok bool) {
	v := e.Value(name)
	n, err := strconv.ParseUint(v, 0, 64)
	return n, err == nil
}

// Code returns the error number in a field, and what IIS says about it. Files hold it unsigned: an
// HRESULT or a Windows error. 0 is success, or no such field.
func (e *Event) Code(name string) (code uint32, text string) {
	f, _ := e.Field(name)
	if n, err := strconv.ParseUint(f.Value, 0, 32); err == nil {
		return uint32(n), f.Text
	}
	n, _ := strconv.ParseInt(f.Value, 10, 32) // signed, as some tools write it
	return uint32(n), f.Text
}

// Bool returns whether a field is true.
func (e *Event) Bool(name string) bool {
	v := e.Value(name)
	return strings.EqualFold(v, "true") || v == "1"
}

// Recognise reports whether a file that begins with head is a failed request trace. Some hundred bytes
// are enough. The text may be UTF-8 or UTF-16.
func Recognise(head []byte) bool {
	s := newScanner(bytes.NewReader(head))
	for range 16 { // a declaration, a stylesheet, comments
		switch s.Next() {
		case xmlscan.StartTag, xmlscan.Broken: // Broken: head ends inside the tag
			return string(xmlscan.Local(s.Name)) == rootName
		case xmlscan.Text:
			if len(bytes.TrimSpace(s.Raw)) > 0 {
				return false
			}
		case xmlscan.EndTag, xmlscan.AtEnd:
			return false
		}
	}
	return false
}
