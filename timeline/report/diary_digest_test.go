package report

import (
	"strings"
	"testing"

	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/redact"
)

// wentWell is the Failed Request Tracing file of a request that a module refused at first.
const wentWell = `url http://shop.example:80/report/default.aspx
siteId 2
appPoolId Shop
processId 5012
verb GET
failureReason STATUS_CODE
statusCode 200
triggerStatusCode 401.2
timeTaken 1250
userName CORP\anna
computer WEB02
date 2026-03-05
09:14:07.100 GENERAL_REQUEST_START SiteId=2 AppPoolId=Shop ConnId=1 RequestURL=http://shop.example:80/report/ RequestVerb=GET
09:14:07.100 GENERAL_ENDPOINT_INFORMATION RemoteAddress=10.0.0.70 RemotePort=50103 LocalAddress=10.0.0.45 LocalPort=80
09:14:07.100 > WindowsAuthentication 2
09:14:07.110 MODULE_SET_RESPONSE_ERROR_STATUS ModuleName=WindowsAuthentication Notification=2~AUTHENTICATE_REQUEST HttpStatus=401 HttpReason=Unauthorized HttpSubStatus=2 ErrorCode=2147942405~"Access is denied. (0x80070005)"
09:14:07.110 < WindowsAuthentication 2
09:14:07.110 HANDLER_CHANGED OldHandlerName= NewHandlerName=PageHandler
09:14:07.250 > ManagedPipelineHandler 128
09:14:08.300 < ManagedPipelineHandler 128
09:14:08.350 GENERAL_REQUEST_END BytesSent=420 BytesReceived=452 HttpStatus=200 HttpSubStatus=0
`

// tracings is an analysis of Failed Request Tracing files, each of a request that went well.
func tracings(t *testing.T, texts ...string) *Analysis {
	t.Helper()
	a := analysis()
	a.Inputs, a.Traces, a.Details = nil, nil, &Details{requests: map[string]*Detail{}}
	for i, text := range texts {
		d := madeDiary(t, text)
		d.Input = i
		path := "case/fr00000" + string(rune('1'+i)) + ".xml"
		a.Inputs = append(a.Inputs, Input{Path: path, Kind: string(timeline.KindFREB), Machine: "WEB02"})
		a.Traces = append(a.Traces, timeline.InputResult{Path: path})
		r := &timeline.Request{
			ID: "r" + string(rune('1'+i)), Input: i, Side: timeline.Server, Method: "GET", URL: d.Request.URL, Process: "w3wp.exe", PID: 5012,
			Start: d.Request.Start, End: d.Request.End, Outcome: timeline.OK, Status: 200, HasSub: true,
		}
		a.Requests = append(a.Requests, r)
		a.Details.requests[r.ID] = &Detail{Diaries: []*Diary{d}}
	}
	return a
}

// Of a few files whose requests went well, answers for people tell what IIS' own style sheet led with.
func TestDigests(t *testing.T) {
	for _, format := range []struct {
		name, file string
		opt        Options
	}{
		{"table", "digest/80.table", Options{Width: 80}}, {"table", "digest/120.table", Options{Width: 120}},
		{"text", "digest/one.txt", Options{Redact: redact.New(redact.Secrets, redact.Key{})}},
		{"markdown", "digest/one.md", Options{Redact: redact.New(redact.Secrets, redact.Key{})}},
	} {
		got := render(t, WriteAnalysis, format.name, tracings(t, wentWell), format.opt)
		golden(t, format.file, got)
		if lines := strings.Count(string(got), "\n"); format.name == "table" && lines > digestLines {
			t.Errorf("%s has %d lines", format.file, lines)
		}
	}
	second := strings.NewReplacer("/report/", "/second/").Replace(wentWell)
	golden(t, "digest/two.table", render(t, WriteAnalysis, "table", tracings(t, wentWell, second), Options{}))
}

// Others are told of as ever.
func TestNoDigests(t *testing.T) {
	for name, change := range map[string]func(*Analysis){
		"failed":   func(a *Analysis) { a.Requests[0].Outcome = timeline.Failed },
		"given up": func(a *Analysis) { a.Requests[0].Outcome = timeline.Cancelled },
		"another file": func(a *Analysis) {
			a.Inputs = append(a.Inputs, Input{Path: "u_ex.log", Kind: string(timeline.KindIISLog)})
		},
		"more files": func(a *Analysis) {
			a.Inputs = append(a.Inputs, a.Inputs[0], a.Inputs[0], a.Inputs[0])
		},
		"no details": func(a *Analysis) { a.Details = nil },
	} {
		a := tracings(t, wentWell)
		change(a)
		if got := string(render(t, WriteAnalysis, "table", a, Options{})); strings.Contains(got, "tracing rule") {
			t.Errorf("%s:\n%s", name, got)
		}
	}
	a := tracings(t, wentWell)
	a.Inputs = append(a.Inputs, Input{Path: "freb.xsl", Kind: string(timeline.KindOther)}, Input{Path: "again.xml", Kind: string(timeline.KindFREB), DuplicateOf: a.Inputs[0].Path})
	if got := string(render(t, WriteAnalysis, "table", a, Options{})); !strings.Contains(got, "tracing rule") {
		t.Errorf("with the style sheet:\n%s", got)
	}
}
