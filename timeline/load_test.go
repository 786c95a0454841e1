package timeline_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etwhy/etwhy/decode/srum"
	"github.com/etwhy/etwhy/decode/w3c"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// SRUM gives a sentence for the hour of a failure, of its process, and no evidence.
func TestUsage(t *testing.T) {
	hour := func(h int) etl.Time { return etl.FromTime(time.Date(2026, 3, 5, h, 0, 0, 0, time.UTC)) }
	const worker = `\device\harddiskvolume4\windows\system32\inetsrv\w3wp.exe`
	b := timeline.NewBuilder(timeline.Options{})
	account := b.Input(timeline.Input{Path: "WEB02/SRUDB.dat", Kind: timeline.KindSRUM})
	for _, u := range []srum.Usage{
		{Time: hour(8), App: worker, Sent: 1, Received: 1},
		{Time: hour(9), App: worker, SID: "S-1-5-82-1", Sent: 1 << 20, Received: 2 << 20},
		{Time: hour(9), App: `\device\harddiskvolume4\windows\system32\lsass.exe`, Sent: 7 << 30},
		{Time: hour(9), App: worker, SID: "S-1-5-82-2", Sent: 1 << 19, Received: 1 << 20},
		{Time: hour(10), App: worker, Sent: 5 << 30},
		{App: worker, Sent: 5 << 30},
	} {
		account.Usage(u)
	}
	for _, c := range []srum.Connectivity{
		{Time: hour(2), Start: hour(1), Connected: time.Hour}, // over long before
		{Time: hour(8), Start: hour(6), Connected: 2 * time.Hour},
		{Time: hour(9), Start: hour(6), Connected: 3 * time.Hour},
		{Time: hour(9), Connected: 3 * time.Hour},
	} {
		account.Connected(c)
	}
	account.Close()
	log := b.Input(timeline.Input{Path: "WEB02/u_ex260305.log", Kind: timeline.KindIISLog})
	for e, err := range w3c.NewReader(strings.NewReader(
		"#Fields: date time s-ip cs-method cs-uri-stem sc-status sc-substatus sc-win32-status time-taken\n"+
			"2026-03-05 08:14:30 10.0.0.12 GET /orders 500 0 0 20000\n"), w3c.Options{}).Entries() {
		if err != nil {
			t.Fatal(err)
		}
		log.LogEntry(e)
	}
	log.Close()
	res := b.Finish()
	if len(res.Requests) != 1 || res.Requests[0].Verdict == nil {
		t.Fatalf("%d requests", len(res.Requests))
	}
	v := res.Requests[0].Verdict
	i := slices.IndexFunc(v.Context, func(s string) bool { return strings.Contains(s, "SRUM") })
	if i < 0 || !strings.Contains(v.Context[i], "sent 1.5 MB and received 3.0 MB between 08:00 and 09:00 UTC") {
		t.Errorf("context %q", v.Context)
	}
	if !slices.ContainsFunc(v.Context, func(s string) bool {
		return strings.HasSuffix(s, "had a network at that time, since 2026-03-05 06:00 UTC (SRUM).")
	}) {
		t.Errorf("context %q", v.Context)
	}
	if slices.ContainsFunc(v.Evidence, func(e timeline.Evidence) bool { return e.Input == 0 }) {
		t.Errorf("evidence %+v", v.Evidence)
	}
}

// What goes to the management site of an App Service is not the app's.
func TestManagement(t *testing.T) {
	b := timeline.NewBuilder(timeline.Options{})
	log := b.Input(timeline.Input{Path: "LogFiles/http/RawLogs/a.log", Kind: timeline.KindIISLog})
	for e, err := range w3c.NewReader(strings.NewReader(
		"#Fields: date time s-sitename cs-method cs-uri-stem cs-uri-query s-port c-ip cs-host sc-status sc-substatus sc-win32-status time-taken\n"+
			"2026-03-05 08:14:30 ~1SHOP GET /api/deployments - 443 10.0.0.1 shop.scm.example 500 0 0 20\n"+
			"2026-03-05 08:14:31 SHOP GET /orders - 443 10.0.0.1 shop.example 500 0 0 20\n"), w3c.Options{}).Entries() {
		if err != nil {
			t.Fatal(err)
		}
		log.LogEntry(e)
	}
	log.Close()
	for _, r := range b.Finish().Requests {
		if want := r.URL == "/orders"; (r.Traffic == timeline.App) != want {
			t.Errorf("%s: traffic %v", r.URL, r.Traffic)
		}
	}
}
