package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/timeline/redact"
)

// madeOf has credentials (CANARY) and names (zqjsmith) in structs, arrays, and arrays of structs.
const madeOf = `
log start=2026-03-02T12:31:52.9Z cpus=2 name=net
provider Acme-Shop {11111111-2222-3333-4444-555555555555}
process 1432 w3wp.exe parent=800
embed Acme-Shop/7 Info:Struct={UserName:UnicodeString="" Inner:Struct={AccessToken:UnicodeString="" N:UInt32=0}} Hosts:UnicodeString[2]=[a,b] message='%1 asked %2'
+0.0011 Acme-Shop/7 Info:Struct={UserName:UnicodeString="zqjsmith" Inner:Struct={AccessToken:UnicodeString="CANARY" N:UInt32=5}} Hosts:UnicodeString[2]=["http://u:CANARY@zqjsmith/","x"]
+0.1    tlg Acme.Text Said Info:Struct={UserName:UnicodeString=zqjsmith AccessToken:UnicodeString=CANARY Password:AnsiString=CANARY N:Int32=1}
+0.2    tlg Acme.Text Listed Info:Struct[]=[{UserName:UnicodeString=zqjsmith Password:AnsiString=CANARY},{UserName:UnicodeString=zqjsmith Password:AnsiString=CANARY}]
+0.3    tlg Acme.Text Pairs Arguments:Struct[]=[{Key:UnicodeString=Password Value:UnicodeString=CANARY},{Key:UnicodeString=UserName Value:UnicodeString=zqjsmith}]
+0.4    tlg Acme.Text Texts Password:UnicodeString[]=[CANARY,CANARY] ServerName:UnicodeString[]=[zqjsmith]
+0.5    tlg Acme.Text Headers All:Struct[]=[{HeaderName:AnsiString=X-Api-Key HeaderValue:AnsiString=CANARY},{HeaderName:AnsiString=Host HeaderValue:AnsiString=zqjsmith}]
+0.6    tlg Acme.Text Bytes In:Struct={Data:CountedBinary=text:CANARY Password:CountedBinary=text:CANARY} AuthToken:UInt8/String[]=[67,65,78,65,82,89]
+0.7    tlg Acme.Text Deep A:Struct={B:Struct={C:Struct={Cookie:AnsiString=CANARY Login:UnicodeString="password=CANARY"}}}
`

// Values within others are masked by their own names, in every format.
func TestEventStructs(t *testing.T) {
	log := compile(t, madeOf)
	shown := func(out []byte) (found []string) {
		for _, canary := range []string{"CANARY", "43414e415259", "zqjsmith"} {
			if bytes.Contains(out, []byte(canary)) {
				found = append(found, canary)
			}
		}
		return found
	}
	for _, mode := range []redact.Mode{redact.None, redact.Secrets, redact.Identities, redact.Strict} {
		want := map[redact.Mode]string{redact.None: "CANARY 43414e415259 zqjsmith", redact.Secrets: "zqjsmith"}[mode]
		for _, format := range Formats("events") {
			out := writeEvents(t, log, format, Options{Redact: redact.New(mode, redact.Key{})})
			if got := strings.Join(shown(out), " "); got != want {
				t.Errorf("%v: %s shows %q, want %q:\n%s", mode, format, got, want, out)
			}
			if format == "ndjson" {
				for l := range bytes.Lines(out) {
					if !json.Valid(l) {
						t.Errorf("%v: not JSON: %s", mode, l)
					}
				}
			}
		}
		a := &Analysis{}
		a.Redact(redact.New(mode, redact.Key{}))
		var moments []Moment
		events(t, log, func(ev *decode.Event) { moments = append(moments, a.moment(EventRow{Event: ev})) })
		out, err := json.Marshal(moments)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(shown(out), " "); got != want {
			t.Errorf("%v: the moments show %q, want %q:\n%s", mode, got, want, out)
		}
	}
}
