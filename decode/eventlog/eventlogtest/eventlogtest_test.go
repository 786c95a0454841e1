package eventlogtest_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/decode/eventlog/eventlogtest"
)

const story = `
# a crash, and what follows
computer WEB02
channel Application
2026-03-05T10:12:19+01:00 "Application Error" 1000 error w3wp.exe "a=b" "" 1a2c
channel System
2026-03-05T09:14:07.123Z @1234 Microsoft-Windows-WAS 5002 warning AppPoolID="My <Shop>" Url=http://+:80/?a=b "c:\\x y"
2026-03-05T09:15:00Z EventLog 6005 information
`

func TestXML(t *testing.T) {
	data, err := eventlogtest.XML(story)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	r := eventlog.NewReader(bytes.NewReader(data), int64(len(data)), eventlog.Options{})
	for e, err := range r.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %s %s %s %d %d %d %d %q", e.Time, e.Computer, e.Channel, e.Provider, e.ID, e.Level, e.Record, e.PID, e.Fields))
	}
	want := []string{
		`2026-03-05T09:12:19.0000000Z WEB02 Application Application Error 1000 2 1 0 [{"" "w3wp.exe"} {"" "a=b"} {"" ""} {"" "1a2c"}]`,
		`2026-03-05T09:14:07.1230000Z WEB02 System Microsoft-Windows-WAS 5002 3 2 1234 [{"AppPoolID" "My <Shop>"} {"Url" "http://+:80/?a=b"} {"" "c:\\x y"}]`,
		`2026-03-05T09:15:00.0000000Z WEB02 System EventLog 6005 4 3 0 []`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if r.Form() != eventlog.XML || len(r.Anomalies()) > 0 {
		t.Errorf("%v, %v", r.Form(), r.Anomalies())
	}
}

// TestUser: the user is not among what package eventlog reads.
func TestUser(t *testing.T) {
	data, err := eventlogtest.XML("user S-1-5-18\n2026-03-05T09:14:07Z WAS 1 error\nuser none\n2026-03-05T09:14:07Z WAS 2 error")
	if err != nil {
		t.Fatal(err)
	}
	first, second, _ := strings.Cut(string(data), "</Event>")
	if !strings.Contains(first, "<Security UserID='S-1-5-18'/>") || !strings.Contains(second, "<Security/>") {
		t.Error(string(data))
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"computer":                                  "want: computer name",
		"user S-1-5-18 x":                           "want: user name",
		"user root":                                 "no user",
		"user S-1-5":                                "no user",
		"user S-2-5-18":                             "no user",
		"user S-1-5-4294967296":                     "no user",
		"user S-1-5" + strings.Repeat("-1", 16):     "no user",
		"yesterday WAS 5002 warning":                "no time",
		"1600-12-31T23:59:59Z WAS 5002 warning":     "no time",
		"\n2026-03-05T09:14:07Z WAS 5002":           "line 2: want: time provider",
		"2026-03-05T09:14:07Z WAS many warning":     "no event id",
		"2026-03-05T09:14:07Z WAS 5002 sad":         "no level",
		"2026-03-05T09:14:07Z @x WAS 5002 warning":  "no process",
		"2026-03-05T09:14:07Z WAS 5002 warning \"a": "quote without end",
	} {
		for _, write := range []func(string) ([]byte, error){eventlogtest.XML, eventlogtest.EVTX} {
			if _, err := write(text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %q", text, err, want)
			}
		}
	}
}
