// Package frebtest makes Failed Request Tracing files of readable text, for tests and demonstrations.
//
//	# a comment
//	url http://shop.example/time/
//	statusCode 502.3
//	computer ARR01
//	date 2026-03-04
//	16:50:21.033 GENERAL_REQUEST_START SiteId=2 RequestURL=http://shop.example/time/ RequestVerb=GET
//	16:50:21.033 > ApplicationRequestRouting 128
//	16:50:51.047 @2470 MODULE_SET_RESPONSE_ERROR_STATUS ErrorCode=2147954402~"The operation timed out (0x80072ee2)"
//	16:50:51.047 < ApplicationRequestRouting 128 1
//	open
//
// Lines in front of the first event give attributes of the root element, by their names there, and for all
// events the computer, the date (UTC) and the thread. An event is a time, an optional thread, a name, and
// fields: Name=Value, or Name=Value~Text with what RenderingInfo says about the value; either in Go's quotes.
// A ContextId is put in front. "> module notification" and "< module notification status" stand for the
// start and the end of a notification; 128p is the notification after 128. A last line "open" leaves the
// root element without its end tag.
package frebtest

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/etwhy/etwhy/decode/internal/textline"
)

// attributes of the root element, in the order of real files.
var attributes = []string{
	"url", "siteId", "appPoolId", "processId", "verb", "remoteUserName", "userName", "tokenUserName",
	"authenticationType", "activityId", "failureReason", "statusCode", "triggerStatusCode", "timeTaken",
}

// A kind is what System and ExtendedTracingInfo tell about an event.
type kind struct {
	class    string
	opcode   int
	level    int
	keywords int
	area     string
}

const (
	general       = "D42CF7EF-DE92-473E-8B6C-621EA663113A"
	notifications = "002E91E3-E7AE-44AB-8E07-99230FFA6ADE"
	ancm          = "82ADEAD7-12B2-4781-BDCA-5A4B6C757191"
)

// kinds of the events that real files show. Others get a kind by their prefix.
var kinds = map[string]kind{
	"GENERAL_REQUEST_START":              {general, 1, 0, 0, ""},
	"GENERAL_REQUEST_END":                {general, 2, 0, 0, ""},
	"GENERAL_FLUSH_RESPONSE_START":       {general, 35, 4, 0, ""},
	"GENERAL_FLUSH_RESPONSE_END":         {general, 36, 4, 0, ""},
	"GENERAL_READ_ENTITY_START":          {general, 37, 4, 0, ""},
	"GENERAL_READ_ENTITY_END":            {general, 38, 4, 0, ""},
	"URL_CHANGED":                        {general, 42, 4, 0, ""},
	"HANDLER_CHANGED":                    {general, 43, 4, 0, ""},
	"GENERAL_RESPONSE_HEADERS":           {general, 47, 4, 0, ""},
	"GENERAL_RESPONSE_ENTITY_BUFFER":     {general, 49, 5, 0, ""},
	"GENERAL_REQUEST_HEADERS":            {general, 50, 4, 0, ""},
	"GENERAL_REQUEST_ENTITY":             {general, 51, 5, 0, ""},
	"GENERAL_SET_REQUEST_HEADER":         {general, 53, 5, 0, ""},
	"GENERAL_ENDPOINT_INFORMATION":       {general, 55, 4, 0, ""},
	"GENERAL_SET_RESPONSE_HEADER":        {general, 56, 4, 0, ""},
	"NOTIFY_MODULE_START":                {notifications, 1, 5, 256, "RequestNotifications"},
	"NOTIFY_MODULE_END":                  {notifications, 2, 5, 256, "RequestNotifications"},
	"NOTIFY_MODULE_COMPLETION":           {notifications, 3, 5, 256, "RequestNotifications"},
	"PRE_BEGIN_REQUEST_START":            {notifications, 4, 5, 256, "RequestNotifications"},
	"PRE_BEGIN_REQUEST_END":              {notifications, 5, 5, 256, "RequestNotifications"},
	"MODULE_SET_RESPONSE_ERROR_STATUS":   {notifications, 16, 3, 256, "RequestNotifications"},
	"MODULE_SET_RESPONSE_SUCCESS_STATUS": {notifications, 17, 4, 256, "RequestNotifications"},
	"ANCM_START_APPLICATION_FAIL":        {ancm, 0, 2, 65536, "ANCM"},
	"ANCM_REQUEST_FORWARD_FAIL":          {ancm, 0, 2, 65536, "ANCM"},
	"ARR_DISK_CACHE_GET_FAILED":          {"", 0, 3, 2048, "RequestRouting"},
}

var prefixes = []struct {
	prefix string
	kind   kind
}{
	{"ANCM_", kind{ancm, 0, 4, 65536, "ANCM"}},
	{"ARR_", kind{"", 0, 4, 2048, "RequestRouting"}},
	{"URL_REWRITE_", kind{"", 0, 4, 1024, "Rewrite"}},
	{"RULE_EVALUATION_", kind{"", 0, 4, 1024, "Rewrite"}},
	{"GENERAL_", kind{general, 0, 4, 0, ""}},
}

func kindOf(name string) kind {
	k, ok := kinds[name]
	for _, p := range prefixes {
		if !ok && strings.HasPrefix(name, p.prefix) {
			return p.kind
		}
	}
	return k
}

// A writer collects the file.
type writer struct {
	bytes.Buffer
	root   map[string]string // attributes, and computer, date and thread
	began  bool              // the root element has
	closed bool
}

// XML returns the file that text describes, laid out as IIS does.
func XML(text string) ([]byte, error) {
	w := &writer{root: map[string]string{"computer": "WEB01", "thread": "2468", "processId": "1432"}}
	for n, line := range textline.Lines(text) {
		if err := w.line(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	w.begin()
	if !w.closed {
		w.WriteString("</failedRequest>")
	}
	return bytes.ReplaceAll(w.Bytes(), []byte("\n"), []byte("\r\n")), nil
}

func (w *writer) line(line string) error {
	if w.closed {
		return fmt.Errorf("nothing may follow after open")
	}
	if line == "open" {
		w.begin()
		w.closed = true
		return nil
	}
	if line[0] < '0' || line[0] > '9' {
		key, value, _ := strings.Cut(line, " ")
		if w.began || !slices.Contains(attributes, key) && key != "computer" && key != "date" && key != "thread" {
			return fmt.Errorf("%q is no attribute", key)
		}
		w.root[key] = strings.TrimSpace(value)
		return nil
	}
	words, err := textline.Split(line)
	if err != nil {
		return err
	}
	thread := w.root["thread"]
	if len(words) > 1 && words[1][0] == '@' {
		thread = words[1][1:]
		words = slices.Delete(words, 1, 2)
	}
	if len(words) < 2 {
		return fmt.Errorf("an event without name")
	}
	w.begin()
	return w.event(words[0], thread, words[1], words[2:])
}

func escape(s string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(s)) // writes to memory only
	return strings.NewReplacer("&#34;", "&quot;", "&#39;", "'", "&#xA;", "\n", "&#xD;", "").Replace(b.String())
}

// begin writes the root element's tag, once.
func (w *writer) begin() {
	if w.began {
		return
	}
	w.began = true
	w.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<?xml-stylesheet type='text/xsl' href='freb.xsl'?>\n<failedRequest")
	for _, a := range attributes {
		if v, ok := w.root[a]; ok {
			fmt.Fprintf(w, " %s=\"%s\"\n              ", a, escape(v))
		}
	}
	w.WriteString(" xmlns:freb=\"http://schemas.microsoft.com/win/2006/06/iis/freb\"\n               >\n")
}

// A field is one value of an event, and what is said about it.
type field struct{ name, value, text string }

func (w *writer) event(clock, thread, name string, words []string) error {
	fields := []field{{"ContextId", w.root["activityId"], ""}}
	if name == ">" || name == "<" {
		if len(words) < 2 {
			return fmt.Errorf("want: %s module notification", name)
		}
		number, post := strings.CutSuffix(words[1], "p")
		fields = append(fields, field{"ModuleName", words[0], ""}, field{"Notification", number, ""})
		if name == ">" {
			name = "NOTIFY_MODULE_START"
			fields = append(fields, field{"fIsPostNotification", strconv.FormatBool(post), ""})
		} else {
			name = "NOTIFY_MODULE_END"
			status := "0"
			if len(words) > 2 {
				status = words[2]
			}
			fields = append(fields, field{"fIsPostNotificationEvent", strconv.FormatBool(post), ""}, field{"NotificationStatus", status, ""})
		}
		words = nil
	}
	for _, word := range words {
		key, rest, ok := strings.Cut(word, "=")
		if !ok {
			return fmt.Errorf("%q is no field", word)
		}
		value, text := rest, ""
		if quoted, err := strconv.QuotedPrefix(rest); err == nil {
			value, rest = textline.Unquote(quoted), rest[len(quoted):]
			text, _ = strings.CutPrefix(rest, "~")
		} else {
			value, text, _ = strings.Cut(rest, "~")
		}
		fields = append(fields, field{key, value, textline.Unquote(text)})
	}
	w.write(clock, thread, name, fields)
	return nil
}

func (w *writer) write(clock, thread, name string, fields []field) {
	k := kindOf(name)
	fmt.Fprintf(w, `<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event">
 <System>
  <Provider Name="WWW Server" Guid="{3A2A4E84-4C21-4981-AE10-3FDA0D9B0F83}"/>
  <EventID>0</EventID>
  <Version>1</Version>
  <Level>%d</Level>
  <Opcode>%d</Opcode>
  <Keywords>0x%x</Keywords>
  <TimeCreated SystemTime="%sT%sZ"/>
  <Correlation ActivityID="%s"/>
  <Execution ProcessID="%s" ThreadID="%s"/>
  <Computer>%s</Computer>
 </System>
 <EventData>
`, k.level, k.opcode, k.keywords, w.root["date"], clock, w.root["activityId"], w.root["processId"], thread, escape(w.root["computer"]))
	for _, f := range fields {
		fmt.Fprintf(w, "  <Data Name=\"%s\">%s</Data>\n", escape(f.name), escape(f.value))
	}
	fmt.Fprintf(w, " </EventData>\n <RenderingInfo Culture=\"en-US\">\n  <Opcode>%s</Opcode>\n", escape(name))
	if k.area != "" {
		fmt.Fprintf(w, "  <Keywords>\n   <Keyword>%s</Keyword>\n  </Keywords>\n", k.area)
	}
	for _, f := range fields {
		if f.text != "" {
			fmt.Fprintf(w, "  <freb:Description Data=\"%s\">%s</freb:Description>\n", escape(f.name), escape(f.text))
		}
	}
	w.WriteString(" </RenderingInfo>\n")
	if k.class != "" {
		fmt.Fprintf(w, " <ExtendedTracingInfo xmlns=\"http://schemas.microsoft.com/win/2004/08/events/trace\">\n  <EventGuid>{%s}</EventGuid>\n </ExtendedTracingInfo>\n", k.class)
	}
	w.WriteString("</Event>\n")
}
