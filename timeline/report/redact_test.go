package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
