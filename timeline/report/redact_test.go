package report

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/timeline/redact"
)

func defaults() *redact.Redactor { return redact.New(redact.Default, redact.Key{}) }

func TestMaskText(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"Cookie: a=b; c=d", "Cookie: ***"},
		{"GET / HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\nAccept: */*\r\n", "GET / HTTP/1.1\r\nHost: x\r\nCookie: ***\r\nAccept: */*\r\n"},
		{"AUTHORIZATION:Basic Zm9v\nX: y", "AUTHORIZATION:***\nX: y"},
		{"proxy-authorization : Negotiate TlRM", "proxy-authorization : ***"},
		{"Set-Cookie: a\r\n\tfolded\r\n folded\r\nDate: x", "Set-Cookie: ***\r\nDate: x"},
		{"Set-Cookie: a\nSet-Cookie: b\n", "Set-Cookie: ***\nSet-Cookie: ***\n"},
		{"Cookie: a\x00Host: b", "Cookie: ***\x00Host: b"},
		{"Cookie:\r\nHost: b", "Cookie:\r\nHost: b"},
		{"X-Forwarded-Authorization: t", "X-Forwarded-Authorization: ***"},
		{"at 12:31:52, phase: receive, Error: 1460", "at 12:31:52, phase: receive, Error: 1460"},
		{"http://bob:pw@host/x?y=a:b@c", "http://bob:***@host/x?y=a:b@c"},
		{"see http://host:80/a@b and ftp://u:p:q@h", "see http://host:80/a@b and ftp://u:***@h"},
		{"Cookie: ***", "Cookie: ***"},
		{"Cookie: \"quoted\" rest", "Cookie: ***"},
		{":", ":"},
	} {
		got := tt.in
		got = defaults().Text(got)
		if got != tt.want {
			t.Errorf("%q\n got %q\nwant %q", tt.in, got, tt.want)
		}
	}
}

// What is masked in a text is masked in its JSON form, and leaves JSON behind.
func TestMaskJSON(t *testing.T) {
	for _, in := range []string{
		"Cookie: a=b; c=d", "GET /\r\nCookie: say \"hi\" \\ there\r\nHost: x", "Set-Cookie: a\r\n\tfolded\r\n b\nDate: x",
		"Authorization: \x01\x02é\nX: y", "http://bob:p\"w@host/", "Cookie: ends with backslash \\",
	} {
		want := in
		want = defaults().Text(want)
		doc := append(appendJSON([]byte(`{"A":`), in), `,"B":"Host: kept","C":12}`...)
		masked := defaults().JSON(doc, 0)
		var got struct {
			A, B string
			C    int
		}
		if err := json.Unmarshal(masked, &got); err != nil {
			t.Errorf("%q: %s: %v", in, masked, err)
		}
		if got.A != want && !strings.Contains(in, "p\"w") || got.B != "Host: kept" || got.C != 12 {
			t.Errorf("%q: got %+v, want A %q", in, got, want)
		}
	}
}

func TestMaskHex(t *testing.T) {
	const headers = "GET / HTTP/1.1\r\nCookie: sid=12345\r\nHost: x\r\n"
	wide := func(s string) []byte {
		var out []byte
		for _, u := range utf16.Encode([]rune(s)) {
			out = append(out, byte(u), byte(u>>8))
		}
		return out
	}
	for name, raw := range map[string][]byte{
		"ascii": []byte(headers), "utf16": wide(headers), "odd utf16": append([]byte{7}, wide(headers)...),
	} {
		digits := hex.AppendEncode(nil, raw)
		defaults().Hex(digits, raw)
		back, err := hex.DecodeString(string(digits))
		if err != nil || len(back) != len(raw) {
			t.Fatalf("%s: %s, %v", name, digits, err)
		}
		plain := strings.ReplaceAll(string(back), "\x00", "")
		if strings.Contains(plain, "12345") || !strings.Contains(plain, "Host: x") || !strings.Contains(plain, "Cookie: *********") {
			t.Errorf("%s: %q", name, plain)
		}
	}
}

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

func FuzzMask(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\nCookie: a=b\r\n c\r\nSet-Cookie: \"x\"\r\nHost: http://a:b@c/")
	f.Add("Authorization")
	f.Add("\\u000d:cookie:\\\"x")
	f.Fuzz(func(t *testing.T, s string) {
		r := defaults()
		once := string(r.Bytes([]byte(s), 0))
		if twice := string(r.Bytes([]byte(once), 0)); twice != once {
			t.Errorf("%q: masked %q, masked again %q", s, once, twice)
		}
		doc := r.JSON(appendJSON(nil, s), 0)
		if !json.Valid(doc) {
			t.Errorf("%q: %s is not JSON", s, doc)
		}
		digits := hex.AppendEncode(nil, []byte(s))
		r.Hex(digits, []byte(s))
		if back, err := hex.DecodeString(string(digits)); err != nil || len(back) != len(s) || bytes.Count(back, []byte(":")) > strings.Count(s, ":") {
			t.Errorf("%q: hex %s, %v", s, digits, err)
		}
	})
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
