package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// A harShape says what a JSON value of a HAR has to be: "string", "number", "size", "bool", "time", or an object or array.
type harShape any

// harShapes are the objects of HAR 1.2; a name with ? need not be there. It is written down from the specification, not
// from the writer.
var harShapes = map[string]map[string]harShape{
	"har":      {"log": "log"},
	"log":      {"version": "string", "creator": "creator", "browser?": "creator", "pages?": "[]page", "entries": "[]entry", "comment?": "string"},
	"creator":  {"name": "string", "version": "string", "comment?": "string"},
	"page":     {"startedDateTime": "time", "id": "string", "title": "string", "pageTimings": "any", "comment?": "string"},
	"entry":    {"pageref?": "string", "startedDateTime": "time", "time": "number", "request": "request", "response": "response", "cache": "cache", "timings": "timings", "serverIPAddress?": "string", "connection?": "string", "comment?": "string"},
	"request":  {"method": "string", "url": "string", "httpVersion": "string", "cookies": "[]pair", "headers": "[]pair", "queryString": "[]pair", "postData?": "any", "headersSize": "size", "bodySize": "size", "comment?": "string"},
	"response": {"status": "size", "statusText": "string", "httpVersion": "string", "cookies": "[]pair", "headers": "[]pair", "content": "content", "redirectURL": "string", "headersSize": "size", "bodySize": "size", "comment?": "string"},
	"content":  {"size": "size", "compression?": "size", "mimeType": "string", "text?": "string", "encoding?": "string", "comment?": "string"},
	"cache":    {"beforeRequest?": "any", "afterRequest?": "any", "comment?": "string"},
	"timings":  {"blocked?": "number", "dns?": "number", "connect?": "number", "ssl?": "number", "send": "number", "wait": "number", "receive": "number", "comment?": "string"},
	"pair":     {"name": "string", "value": "string", "comment?": "string"},
}

// checkShape reports where a value is not what a HAR has there.
func checkShape(at string, v any, shape string, report func(string, ...any)) {
	if of, ok := strings.CutPrefix(shape, "[]"); ok {
		list, ok := v.([]any)
		if !ok {
			report("%s is %T, not a list", at, v)
		}
		for i, v := range list {
			checkShape(fmt.Sprintf("%s[%d]", at, i), v, of, report)
		}
		return
	}
	ok := true
	switch shape {
	case "any":
	case "string":
		_, ok = v.(string)
	case "number", "size":
		var n float64
		n, ok = v.(float64)
		ok = ok && n >= -1 && (shape == "number" || n == math.Trunc(n))
	case "time":
		s, _ := v.(string)
		_, err := time.Parse(time.RFC3339Nano, s)
		ok = err == nil
	default:
		object, isObject := v.(map[string]any)
		if !isObject {
			report("%s is %T, not an object", at, v)
			return
		}
		shapes := harShapes[shape]
		for name := range object {
			_, must := shapes[name]
			_, may := shapes[name+"?"]
			if !must && !may && !strings.HasPrefix(name, "_") {
				report("%s has a %s, which HAR does not know", at, name)
			}
		}
		for name, of := range shapes {
			name, optional := strings.CutSuffix(name, "?")
			if v, has := object[name]; has {
				checkShape(at+"."+name, v, of.(string), report)
			} else if !optional {
				report("%s has no %s", at, name)
			}
		}
	}
	if !ok {
		report("%s is no %s: %v", at, shape, v)
	}
}

// harFile is what the tests read of a HAR.
type harFile struct {
	Log struct {
		Comment string
		Entries []struct {
			Started time.Time `json:"startedDateTime"`
			Time    float64
			Request struct {
				Method, URL string
				QueryString []struct{ Name, Value string }
			}
			Response struct {
				Status      int
				RedirectURL string
				Error       string `json:"_error"`
			}
			Timings         map[string]float64
			ServerIPAddress *string
			Connection      string
			Comment         string
			ID              string                  `json:"_id"`
			Attempt         int                     `json:"_attempt"`
			URL             string                  `json:"_url"`
			Outcome         string                  `json:"_outcome"`
			Unfinished      bool                    `json:"_unfinished"`
			Behind          *struct{ Status int }   `json:"_behind"`
			Verdict         *struct{ ID string }    `json:"_verdict"`
			Phases          []struct{ Name string } `json:"_phases"`
		}
	}
}

func readHAR(t *testing.T, name string, out []byte) (f harFile) {
	t.Helper()
	var v any
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	checkShape("har", v, "har", func(format string, args ...any) { t.Errorf(name+": "+format, args...) })
	if err := json.Unmarshal(out, &f); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return f
}

// What is written has the shape that HAR 1.2 wants, and its numbers mean what they mean there.
func TestHAR(t *testing.T) {
	for name, make := range drawn() {
		a := make()
		out := render(t, WriteAnalysis, "har", a, Options{})
		f := readHAR(t, name, out)
		ids := map[string]bool{}
		for i, e := range f.Log.Entries {
			ids[e.ID] = true
			at := fmt.Sprintf("%s, %s of %d", name, e.ID, e.Attempt)
			if i > 0 && e.Started.Before(f.Log.Entries[i-1].Started) {
				t.Errorf("%s is out of order", at)
			}
			sum := 0.0
			for step, d := range e.Timings {
				if d < 0 && (d != -1 || step == "send" || step == "wait" || step == "receive") {
					t.Errorf("%s: %s is %v", at, step, d)
				}
				if step != "ssl" {
					sum += max(d, 0)
				}
			}
			if math.Abs(sum-e.Time) > 1e-6*max(1, e.Time) || e.Timings["ssl"] > e.Timings["connect"] {
				t.Errorf("%s takes %v ms, its steps %v: %v", at, e.Time, sum, e.Timings)
			}
			if u, err := url.Parse(e.Request.URL); err != nil || !u.IsAbs() || u.Host == "" || strings.ContainsFunc(e.Request.URL, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Errorf("%s: %v: %.200s", at, err, e.Request.URL)
			}
			if e.ServerIPAddress != nil {
				if _, err := netip.ParseAddr(*e.ServerIPAddress); err != nil {
					t.Errorf("%s: %v", at, err)
				}
			}
		}
		list, left := a.exchanges()
		if len(ids) != len(list) || left > 0 != strings.Contains(f.Log.Comment, fmt.Sprintf("Left out: %d of %d", left, len(a.Requests))) {
			t.Errorf("%s: %d of %d requests, and: %s", name, len(ids), len(list), f.Log.Comment)
		}
		if !bytes.Equal(out, render(t, WriteAnalysis, "har", make(), Options{})) {
			t.Errorf("%s: written differently the second time", name)
		}
	}
}

func TestHARValues(t *testing.T) {
	f := readHAR(t, "awkward", render(t, WriteAnalysis, "har", awkward(), Options{}))
	type entry struct {
		Attempt                                             int
		Time                                                float64
		Blocked, DNS, Connect, SSL, Send, Wait, Receive     float64
		Status                                              int
		URL, Redirect, Error, Address, Connection, AsInFile string
	}
	want := map[string][]entry{
		// Of connects at the same time the later one counts; the resolver comes first.
		"r1": {{Time: 1000, Blocked: -1, DNS: 10, Connect: 590, SSL: 100, Send: 0, Wait: 390, Receive: 10, Status: 200, URL: "https://shop.example/race", Address: "10.0.0.1"}},
		// Waiting began before the connection was there.
		"r2":  {{Time: 195, Blocked: -1, DNS: 10, Connect: 40, SSL: -1, Send: 0, Wait: 135, Receive: 10, Status: 200, URL: "http://shop.example/a?b=c", Address: "10.0.0.1"}},
		"r3":  {{Time: 460200, Blocked: 10, DNS: -1, Connect: -1, SSL: -1, Send: 460190, Wait: 0, Receive: 0, URL: "http://shop.example/a?b=c", Address: "10.0.0.1"}},
		"r4":  {{Time: 20, Blocked: -1, DNS: -1, Connect: -1, SSL: -1, Send: 0, Wait: 10, Receive: 10, Status: 200, URL: "http://shop.example/a?b=c", Address: "10.0.0.1"}},
		"r6":  {{Time: 0, Blocked: -1, DNS: -1, Connect: 0, SSL: -1, Send: 0, Wait: 0, Receive: 0, Status: 200, URL: "http://shop.example/a?b=c", Address: "10.0.0.1"}},
		"r10": {{Time: 2, Blocked: -1, DNS: -1, Connect: -1, SSL: -1, Send: 0, Wait: 2, Receive: 0, URL: "http://ARR01/"}},
		"r11": {
			{Attempt: 1, Time: 45, Blocked: 1, DNS: -1, Connect: 4, SSL: -1, Send: 0, Wait: 40, Receive: 0, Status: 302, URL: "http://10.0.0.5/old", Redirect: "http://10.0.0.6/new", Address: "10.0.0.5"},
			{Attempt: 2, Time: 55, Blocked: 5, DNS: -1, Connect: 10, SSL: -1, Send: 0, Wait: 40, Receive: 0, Status: 200, URL: "http://10.0.0.6/new", Address: "10.0.0.6"},
		},
		"r12": {{Time: 100, Blocked: 31, DNS: -1, Connect: 69, SSL: -1, Send: 0, Wait: 0, Receive: 0, Status: 200, URL: "http://shop.example/a?b=c", Address: "10.0.0.1"}},
		"r13": {{Time: 30002, Blocked: -1, DNS: -1, Connect: 1, SSL: -1, Send: 1, Wait: 30000, Receive: 0, Status: 502, URL: "http://192.168.0.216/time/", Error: "net::ERR_TIMED_OUT", Address: "192.168.0.216", Connection: "10.0.0.5:50001"}},
		// What the server reads is what the client sends.
		"r14": {{Time: 8, Blocked: -1, DNS: -1, Connect: -1, SSL: -1, Send: 0.1, Wait: 6.9, Receive: 1, Status: 503, URL: "http://127.0.0.1:80/only/a%20path%C3%A9?x=%25zz&y=1+1&&=z", Address: "127.0.0.1", Connection: "127.0.0.1:51210", AsInFile: "/only/a path\u00e9?x=%zz&y=1+1&&=z"}},
	}
	got := map[string][]entry{}
	for _, e := range f.Log.Entries {
		if want[e.ID] == nil {
			continue
		}
		round := func(step string) float64 { return math.Round(e.Timings[step]*1e4) / 1e4 }
		g := entry{
			e.Attempt, e.Time, round("blocked"), round("dns"), round("connect"), round("ssl"), round("send"), round("wait"), round("receive"),
			e.Response.Status, e.Request.URL, e.Response.RedirectURL, e.Response.Error, "", e.Connection, e.URL,
		}
		if e.ServerIPAddress != nil {
			g.Address = *e.ServerIPAddress
		}
		got[e.ID] = append(got[e.ID], g)
		if e.ID == "r14" {
			if diff := cmp.Diff([]struct{ Name, Value string }{{"x", "%zz"}, {"y", "1 1"}, {"", "z"}}, e.Request.QueryString); diff != "" {
				t.Errorf("query (-want +got):\n%s", diff)
			}
		}
		if e.ID == "r13" && (e.Behind == nil || e.Verdict == nil || e.Comment == "" || len(e.Phases) != 3) {
			t.Errorf("what HAR has no word for: %+v", e)
		}
		if e.Unfinished != (e.ID == "r3") {
			t.Errorf("%s: unfinished is %v", e.ID, e.Unfinished)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestChromeError(t *testing.T) {
	for _, test := range []struct {
		r    timeline.Request
		want string
	}{
		{timeline.Request{Outcome: timeline.OK, Status: 404}, ""},
		{timeline.Request{Outcome: timeline.Failed, Status: 503}, ""},
		{timeline.Request{Outcome: timeline.Failed}, "net::ERR_FAILED"},
		{timeline.Request{Outcome: timeline.Cancelled, Error: 995}, "net::ERR_ABORTED"},
		{timeline.Request{Outcome: timeline.Failed, Error: 10061, WinHTTP: timeline.WinHTTPCode{Code: 12029}}, "net::ERR_CONNECTION_REFUSED"},
		{timeline.Request{Outcome: timeline.Failed, Error: 10060, Phase: timeline.PhaseConnect}, "net::ERR_CONNECTION_TIMED_OUT"},
		{timeline.Request{Outcome: timeline.Failed, Error: 1460, Phase: timeline.PhaseReceive}, "net::ERR_TIMED_OUT"},
		{timeline.Request{Outcome: timeline.Failed, Error: 0x80072EE2}, "net::ERR_TIMED_OUT"},
		{timeline.Request{Outcome: timeline.Failed, Error: 0x800B0109, Phase: timeline.PhaseTLS}, "net::ERR_CERT_AUTHORITY_INVALID"},
		{timeline.Request{Outcome: timeline.Failed, Error: 0x80090399, Phase: timeline.PhaseTLS}, "net::ERR_SSL_PROTOCOL_ERROR"},
		{timeline.Request{Outcome: timeline.Failed, Error: 4711, WinHTTP: timeline.WinHTTPCode{Code: 12152}}, "net::ERR_INVALID_HTTP_RESPONSE"},
		{timeline.Request{Outcome: timeline.Failed, Error: 4711, Status: 200}, "net::ERR_FAILED"},
	} {
		if got := chromeError(&test.r); got != test.want {
			t.Errorf("%+v: %s, want %s", test.r, got, test.want)
		}
	}
}

// The check of the shape finds what is wrong, so that its silence means something.
func TestHARShape(t *testing.T) {
	good := string(render(t, WriteAnalysis, "har", models["receive-timeout-alone"](), Options{}))
	for _, change := range [][2]string{
		{`"send":1`, `"send":"1"`}, {`"cache":{}`, `"cash":{}`}, {`"headersSize":-1`, `"headersSize":-1.5`}, {`"creator":{`, `"creator":[],"x":{`},
		{"2011-07-22T12", "22.07.2011 12"}, {`"cookies":[]`, `"cookies":[{"name":1,"value":""}]`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		found := 0
		var v any
		if err := json.Unmarshal([]byte(bad), &v); err != nil || bad == good {
			t.Fatalf("%s: %v", change, err)
		}
		checkShape("har", v, "har", func(string, ...any) { found++ })
		if found == 0 {
			t.Errorf("%s is not found", change)
		}
	}
	golden(t, "har/receive-timeout.har", []byte(good))
}

// harValidator is the version of the npm package that knows the JSON schema of HAR 1.2.
const harValidator = "har-validator@5.1.5"

// The schema that others check with finds nothing. Where node or the package is not there it is skipped, unless ETWHY_TOOLS
// is "required"; .ci/run installs the package.
func TestHARSchema(t *testing.T) {
	skip := t.Skipf
	if os.Getenv("ETWHY_TOOLS") == "required" {
		skip = t.Fatalf
	} else if testing.Short() {
		t.Skip("short")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		skip("%v", err)
	}
	modules, err := harModules()
	if err != nil {
		skip("%v", err)
	}

	dir := t.TempDir()
	var files []string
	add := func(name string, text []byte) {
		path := filepath.Join(dir, name+".har")
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	for name, make := range drawn() {
		add(name, render(t, WriteAnalysis, "har", make(), Options{}))
	}
	bad := render(t, WriteAnalysis, "har", models["receive-timeout-alone"](), Options{})
	add("BAD", bytes.Replace(bad, []byte(`"send":1`), []byte(`"send":"1"`), 1))

	const script = `
const fs = require('fs'), validate = require(process.argv[1]);
(async () => {
  for (const f of process.argv.slice(2)) {
    try { await validate.har(JSON.parse(fs.readFileSync(f))); console.log('ok ' + f); }
    catch (e) { console.log('bad ' + f + ' ' + JSON.stringify(e.errors || String(e)).slice(0, 500)); }
  }
})();`
	out, err := exec.Command(node, append([]string{"-e", script, filepath.Join(modules, "har-validator")}, files...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(files) {
		t.Fatalf("%d files, and:\n%s", len(files), out)
	}
	for _, l := range lines {
		if strings.HasPrefix(l, "ok ") == strings.Contains(l, "BAD.har") {
			t.Error(l)
		}
	}
}

// harModules is where the gate has installed it: a test talks to no network.
func harModules() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	modules := filepath.Join(cache, "etwhy-test", harValidator, "node_modules")
	_, err = os.Stat(modules)
	return modules, err
}

// However phases lie, all the time of a request is divided up.
func FuzzHARTimings(f *testing.F) {
	f.Add([]byte{0, 10, 1, 10, 20, 2, 5, 40, 3}, int64(50), uint8(0))
	f.Add([]byte{0, 0, 1, 0, 0, 2}, int64(0), uint8(1))
	f.Fuzz(func(t *testing.T, spec []byte, length int64, side uint8) {
		names := slices.Sorted(maps.Keys(harStepOf[side%2]))
		start := at("12:26:00")
		r := &timeline.Request{Side: timeline.Side(side % 2), Start: start}
		x := exchange{Request: r, stretch: stretch{start: start, end: start + etl.Time(uint16(length))}}
		for ; len(spec) >= 3; spec = spec[3:] {
			name, detail, _ := strings.Cut(names[int(spec[2])%len(names)], " ")
			r.Phases = append(r.Phases, timeline.Phase{Name: timeline.PhaseName(name), Detail: detail, Start: start + etl.Time(spec[0]), End: start + etl.Time(spec[1])})
		}
		got := newHARTimings(&x)
		sum := time.Duration(0)
		for _, d := range []durationJSON{got.Blocked, got.DNS, got.Connect, got.Send, got.Wait, got.Receive} {
			if d < 0 && d != inapplicable {
				t.Fatalf("%+v", got)
			}
			sum += max(time.Duration(d), 0)
		}
		if sum != x.end.Sub(x.start) || got.Send < 0 || got.Wait < 0 || got.Receive < 0 || got.SSL > got.Connect {
			t.Errorf("%+v of %v", got, x.end.Sub(x.start))
		}
	})
}
