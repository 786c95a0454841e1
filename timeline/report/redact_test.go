package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/redact"
)

func defaults() *redact.Redactor { return redact.New(redact.Default, redact.Key{}) }

// No format shows a credential unless the user asks for it, and none hides it then.
func TestRedaction(t *testing.T) {
	writers := map[string]func(io.Writer, string, *Analysis, Options) error{"analyze": WriteAnalysis, "timeline": WriteTimeline}
	for command, write := range writers {
		for _, format := range Formats(command) {
			for _, mode := range []redact.Mode{redact.Default, redact.Secrets, redact.None} {
				text := string(render(t, write, format, models["secrets"](), Options{Redact: redact.New(mode, redact.Key{}), Width: 120}))
				if shown := strings.Contains(text, "hunter2"); shown != (mode == redact.None) {
					t.Errorf("%s -f %s, mode %d: shown = %v", command, format, mode, shown)
				}
				if format != "table" && !strings.Contains(text, "bob:") {
					t.Errorf("%s -f %s: more than the password is gone", command, format)
				}
			}
		}
	}
	var got struct{ Redaction map[string]any }
	if err := json.Unmarshal(render(t, WriteAnalysis, "json", models["secrets"](), Options{Redact: redact.New(redact.Secrets, redact.Key{})}), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"mode": "secrets", "key_id": nil, "counts": map[string]any{"cookie": 1.0, "authorization": 1.0, "password": 2.0}}
	if diff := cmp.Diff(want, got.Redaction); diff != "" {
		t.Error(diff)
	}
}

// Requests that the filter left out are looked at for the table of servers: they are masked, not counted.
func TestRedactEverything(t *testing.T) {
	a := models["secrets"]()
	b := models["secrets"]()
	b.Everything = append(b.Everything, b.Requests[0], models["secrets"]().Requests[0])
	a.Redact(defaults())
	b.Redact(defaults())
	if got := b.Everything[1].URL; strings.Contains(got, "hunter2") {
		t.Errorf("not masked: %s", got)
	}
	if diff := cmp.Diff(a.redaction().Counts, b.redaction().Counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// What is told beside the requests is masked as well.
func TestRedactBeside(t *testing.T) {
	a := discovery()
	v := a.Discoveries[0].Verdict
	v.Title, v.Evidence[0].Text = "Cookie: a=b", "http://bob:pw@host/ failed"
	a.Inputs[0].Note, a.Inputs[0].Error = "http://bob:pw@host/", "Cookie: a=b"
	a.Inputs[1].Damage = []Damage{{Kind: "cut", Offset: 1, Detail: "Authorization: Basic Zm9v"}}
	for _, format := range Formats("analyze") {
		var out bytes.Buffer
		if err := WriteAnalysis(&out, format, a, Options{Redact: defaults()}); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"a=b", ":pw", "Zm9v"} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s shows %q", format, secret)
			}
		}
	}
}

// A long log: 300,000 requests, of which some have a secret in their URL.
func BenchmarkRedact(b *testing.B) {
	model := func() *Analysis {
		var list []*timeline.Request
		for i := range 300_000 {
			url := fmt.Sprintf("https://shop.contoso.com/orders/%d/items?page=%d&sort=name", i, i%50)
			if i%10 == 0 {
				url += "&access_token=0123456789abcdef"
			}
			list = append(list, answered(at("12:26:00").Add(time.Duration(i)*time.Millisecond), fmt.Sprintf("10.0.0.%d:443", i%20), url, time.Second))
		}
		return analysis(list...)
	}
	for _, mode := range []redact.Mode{redact.Default, redact.Secrets, redact.Identities, redact.Strict} {
		b.Run(mode.String(), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				a := model()
				b.StartTimer()
				a.Redact(redact.New(mode, redact.Key{}))
			}
		})
	}
}

// closed are the fields whose values are from fixed lists of this program, or of formats, or names that users give to
// what they pass on.
var closed = map[string]bool{
	"Analysis.Beside": true,
	"Tool.Name":       true, "Tool.Version": true, "Input.Kind": true, "Input.SHA256": true, "Input.Role": true, "Damage.Kind": true,
	"Anomaly.Kind": true, "Request.ID": true, "Request.Phase": true, "Phase.Name": true, "Timer.Source": true, "Verdict.ID": true,
	"Rejection.ID": true, "Related.Kind": true, "Finding.ID": true, "Machine.Role": true,
	"Event.Culture": true, "HeaderField.Name": true, "Field.Name": true,
}

// fill gives every exported field below v a value, so that no list is empty. Strings are what text says.
func fill(v reflect.Value, field string, depth int, text func(field string) string) {
	if depth > 12 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		if !closed[field] {
			v.SetString(text(field))
		}
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		fill(v.Elem(), field, depth+1, text)
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		}
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), field, depth+1, text)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fill(v.Field(i), v.Type().Name()+"."+f.Name, depth+1, text)
			}
		}
	}
}

// strings calls visit for every string below v, and tells the field that has it.
func everyString(v reflect.Value, field string, depth int, visit func(field, s string)) {
	if depth > 14 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		visit(field, v.String())
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			everyString(v.Elem(), field, depth+1, visit)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			everyString(v.Index(i), field, depth+1, visit)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			everyString(k, field, depth+1, visit)
			everyString(v.MapIndex(k), field, depth+1, visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				everyString(v.Field(i), v.Type().Name()+"."+f.Name, depth+1, visit)
			}
		}
	}
}

// planted are texts with a word that a mode has to take out, wherever they stand.
var planted = map[redact.Mode]string{
	redact.Secrets: "?token=zqjcanary x Cookie: sid=zqjcanary",
	redact.Identities: `zqjcanary.corp.contoso.com CONTOSO\zqjcanary zqjcanary@contoso.com http://zqjcanary/ \\zqjcanary\share C:\Users\zqjcanary\x ` +
		"10.213.7.9:80 fd5c:213::7 S-1-5-21-77-88-99-1001 00-15-5D-21-30-79",
	redact.Strict: "zqjcanary",
}

var canaries = []string{"zqjcanary", "10.213.7.9", "fd5c:213::7", "s-1-5-21-77-88", "00-15-5d-21-30-79"}

func checkCanaries(t *testing.T, mode redact.Mode, model any) {
	t.Helper()
	n := 0
	everyString(reflect.ValueOf(model), "", 0, func(field, s string) {
		if s != "" {
			n++
		}
		for _, c := range canaries {
			if strings.Contains(strings.ToLower(s), c) {
				t.Errorf("%v: %s is %q", mode, field, s)
			}
		}
	})
	if n < 20 {
		t.Errorf("only %d strings", n)
	}
}

// No text of an analysis is forgotten: a new field that the walk does not know fails here.
func TestRedactEveryField(t *testing.T) {
	for mode, text := range planted {
		a := &Analysis{}
		fill(reflect.ValueOf(a).Elem(), "", 0, func(string) string { return text })
		a.Details = nil
		a.Redact(redact.New(mode, redact.Key{}))
		checkCanaries(t, mode, a)
		for _, format := range []string{"json", "csv", "ndjson"} {
			out := strings.ToLower(string(render(t, WriteAnalysis, format, a, Options{})))
			for _, c := range canaries {
				if strings.Contains(out, c) {
					t.Errorf("%v: %s shows %s", mode, format, c)
				}
			}
		}
	}
}

// The same of Failed Request Tracing files.
func TestRedactDiary(t *testing.T) {
	for mode, text := range planted {
		d := &Diary{}
		fill(reflect.ValueOf(d).Elem(), "", 0, func(string) string { return text })
		header := d.Events[0]
		header.Fields = []freb.Field{{Name: "HeaderName", Value: "X-Api-Key"}, {Name: "HeaderValue", Value: "zqjcanary"}}
		body := d.Events[0]
		body.Fields = []freb.Field{{Name: "Buffer", Value: "zqjcanary"}}
		d.Events = append(d.Events, header, body)
		a := &Analysis{}
		a.Redact(redact.New(mode, redact.Key{}))
		a.redactDiary(d)
		checkCanaries(t, mode, d)
		if got := d.Events[3].Fields[0].Value; got != redact.Mask+" (9 bytes)" {
			t.Errorf("%v: the body is %q", mode, got)
		}
	}
}

// A cabinet, and what in it tells of no machine, is not taken for one by what it lies in.
func TestRedactContainer(t *testing.T) {
	a := analysis(answered(at("12:26:00"), "10.0.0.12:443", "https://10.0.0.12/a", time.Second))
	for _, in := range []Input{{Path: "cases/net.cab", Kind: "cab"}, {Path: "cases/net.cab/dns.txt", Container: "cases/net.cab", Kind: "other"}} {
		a.Inputs = append(a.Inputs, in)
		a.Traces = append(a.Traces, timeline.InputResult{Path: in.Path, Machine: &timeline.Machine{Name: path.Base(path.Dir(in.Path)), Guessed: true}})
	}
	a.Redact(redact.New(redact.Identities, redact.Key{1}))
	if got := a.Inputs[len(a.Inputs)-1].Path; got != "cases/net.cab/dns.txt" {
		t.Error(got)
	}
}

// What belongs together has the same pseudonyms.
func TestRedactJoins(t *testing.T) {
	for _, mode := range []redact.Mode{redact.Identities, redact.Strict} {
		q := answered(at("12:26:00"), "10.0.0.12:443", "https://web02.shop.contoso.com/a", time.Second)
		q.Host = "web02.shop.contoso.com"
		q.Verdict = &timeline.Verdict{Title: "WEB02 (10.0.0.12) is down, see case/WEB02/net.etl"}
		m := &timeline.Machine{Name: "WEB02", Inputs: []int{0}, Addresses: []string{"10.0.0.12"}}
		a := analysis(q)
		a.Everything = []*timeline.Request{q}
		a.Machines = []*timeline.Machine{m}
		a.Inputs[0].Path, a.Traces[0].Path, a.Inputs[0].Machine, a.Traces[0].Machine = "case/WEB02/net.etl", "case/WEB02/net.etl", "WEB02", m
		other := a.Inputs[0]
		other.Path = "case/web02/net.etl" // another one, where case counts
		a.Inputs = append(a.Inputs, other)
		r := redact.New(mode, redact.Key{1})
		a.Redact(r)
		once := render(t, WriteAnalysis, "json", a, Options{})
		a.Redact(r)
		if twice := render(t, WriteAnalysis, "json", a, Options{Redact: r}); !bytes.Equal(once, twice) {
			t.Errorf("%v: another format sees something else", mode)
		}
		if q.Server != m.Addresses[0]+":443" || a.Inputs[0].Machine != m.Name || a.Inputs[0].Path != a.Traces[0].Path {
			t.Errorf("%v: %q at %q, %q is %q, %q is %q", mode, q.Server, m.Addresses, a.Inputs[0].Machine, m.Name, a.Inputs[0].Path, a.Traces[0].Path)
		}
		if !strings.HasPrefix(q.Host, m.Name+".") || !strings.Contains(q.URL, "://"+q.Host+"/") {
			t.Errorf("%v: host %q and URL %q of machine %q", mode, q.Host, q.URL, m.Name)
		}
		if title := q.Verdict.Title; !strings.Contains(title, m.Name+" ("+m.Addresses[0]+")") || !strings.Contains(title, a.Inputs[0].Path) {
			t.Errorf("%v: %q with %q and %q", mode, title, m.Name, a.Inputs[0].Path)
		}
		if a.Inputs[0].Path == a.Inputs[1].Path {
			t.Errorf("%v: two inputs are called %q", mode, a.Inputs[0].Path)
		}
		if got := a.redaction(); got.KeyID == nil || got.Mode != mode.String() || len(got.Counts) == 0 {
			t.Errorf("%v: %+v", mode, got)
		}
	}
}
