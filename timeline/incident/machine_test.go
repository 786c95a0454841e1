package incident_test

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/timeline"
)

// Texts of which each tells something of its machine, or nothing.
const (
	eventsOfWEB02 = "computer WEB02.corp.example\nchannel System\n2026-03-05T09:14:07Z Microsoft-Windows-WAS 5002 warning AppPoolID=Shop\n"
	eventsOfWEB03 = "computer WEB03\nchannel System\n2026-03-05T09:14:07Z Microsoft-Windows-WAS 5002 warning AppPoolID=Shop\n"
	logAt11       = proxyLog + "2026-03-05 09:14:00 10.0.0.11 GET / - 80 10.9.9.9 200 0 0 10\n"
	logAt12       = proxyLog + "2026-03-05 09:14:00 10.0.0.12 GET / - 80 10.9.9.9 200 0 0 10\n"
	urlacl        = "    Reserved URL            : http://+:80/ \n        User: CORP\\svc\n            Listen: Yes\n            SDDL: D:(A;;GX;;;S-1-5-21-1-2-3-1001) \n"
	frebOfWEB02   = "url http://shop:80/\ncomputer WEB02\ndate 2026-03-05\n" +
		"09:14:00.000 GENERAL_REQUEST_START SiteId=1 RequestURL=http://shop:80/ RequestVerb=GET\n" +
		"09:14:00.000 GENERAL_ENDPOINT_INFORMATION RemoteAddress=10.9.9.9 RemotePort=50001 LocalAddress=10.0.0.11 LocalPort=80\n" +
		"09:14:00.010 GENERAL_REQUEST_END BytesSent=10 BytesReceived=10 HttpStatus=200 HttpSubStatus=0\n"
)

// Which files are of the same machine.
func TestMachines(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  string // machines by name, each with its files
	}{
		{"a name with and without domain", map[string]string{"a/s.events.txt": eventsOfWEB02, "b/fr000001.freb.txt": frebOfWEB02},
			"WEB02.corp.example: fr000001.xml s.xml"},
		{"an address that another file gives a name", map[string]string{"logs/u_ex.log": logAt11, "freb/fr000001.freb.txt": frebOfWEB02},
			"WEB02: fr000001.xml u_ex.log"},
		{"a folder of one machine", map[string]string{"WEB/s.events.txt": eventsOfWEB02, "WEB/logs/u_ex.log": logAt11, "WEB/urlacl.txt": urlacl, "ARR/u_ex.log": logAt12},
			"10.0.0.12: u_ex.log\nWEB02.corp.example: s.xml u_ex.log urlacl.txt"},
		{"one name, one address, one folder", map[string]string{"s.events.txt": eventsOfWEB02, "u_ex.log": logAt11},
			"WEB02.corp.example: s.xml u_ex.log"},
		{"two addresses in one folder", map[string]string{"a.log": logAt11, "b.log": logAt12},
			"10.0.0.11: a.log\n10.0.0.12: b.log"},
		{"two names in one folder", map[string]string{"a.events.txt": eventsOfWEB02, "b.events.txt": eventsOfWEB03},
			"WEB02.corp.example: a.xml\nWEB03: b.xml"},
		{"two names, and a log of neither", map[string]string{"a.events.txt": eventsOfWEB02, "b.events.txt": eventsOfWEB03, "u_ex.log": logAt12},
			"10.0.0.12: u_ex.log\nWEB02.corp.example: a.xml\nWEB03: b.xml"},
		{"folders without a name", map[string]string{"one/urlacl.txt": urlacl, "two/urlacl.txt": urlacl},
			"one: urlacl.txt\ntwo: urlacl.txt"},
		{"a name around a folder with an address", map[string]string{"s.events.txt": eventsOfWEB03, "WEB02/u_ex.log": logAt11, "WEB02/urlacl.txt": urlacl},
			"10.0.0.11: u_ex.log urlacl.txt\nWEB03: s.xml"},
		{"an address around a folder with a name", map[string]string{"u_ex.log": logAt11, "WEB03/s.events.txt": eventsOfWEB03},
			"10.0.0.11: u_ex.log\nWEB03: s.xml"},
		{"folders by kind", map[string]string{"s.events.txt": eventsOfWEB02, "LogFiles/W3SVC1/u_ex.log": logAt11, "config/urlacl.txt": urlacl},
			"WEB02.corp.example: s.xml u_ex.log urlacl.txt"},
		{"folders of any name in one of the machine's", map[string]string{"ARR/u_ex.log": logAt12, "WEB02/sys/s.events.txt": eventsOfWEB02, "WEB02/web/u_ex.log": logAt11},
			"10.0.0.12: u_ex.log\nWEB02.corp.example: s.xml u_ex.log"},
		{"a stray file of a machine with a folder of its own", map[string]string{"A/s.events.txt": eventsOfWEB03, "A/u_ex.log": logAt11, "WEB03/t.events.txt": strings.ReplaceAll(eventsOfWEB03, "Shop", "News")},
			"10.0.0.11: u_ex.log\nWEB03: s.xml t.xml"},
	}
	for _, tt := range tests {
		res := caseResult(t, folder(t, tt.files), "case")
		var lines []string
		for _, m := range res.Machines {
			var names []string
			for _, i := range m.Inputs {
				names = append(names, path.Base(res.Inputs[i].Path))
			}
			slices.Sort(names)
			lines = append(lines, fmt.Sprintf("%s: %s", m.Name, strings.Join(names, " ")))
		}
		slices.Sort(lines)
		if got := strings.Join(lines, "\n"); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// What rests on files that only their folder joins is not certain.
func TestJoinedByFolder(t *testing.T) {
	texts := func(folder, computer string) map[string]string {
		out := map[string]string{}
		for _, name := range []string{"System.events.txt", "Application.events.txt", "httperr3.log"} {
			b, err := os.ReadFile("../../testdata/cases/50-crash-loop-after-deployment/WEB02/" + name)
			if err != nil {
				t.Fatal(err)
			}
			out[folder+name] = strings.ReplaceAll(string(b), "computer WEB02", "computer "+computer)
		}
		return out
	}
	tests := []struct {
		name, folder, computer string
		want                   timeline.Confidence
	}{
		{"the folder has the name", "WEB02/", "WEB02", timeline.Certain},
		{"the folder has another name", "WEB02/", "WEB09", timeline.Likely},
		{"no folder", "", "WEB02", timeline.Likely},
	}
	for _, tt := range tests {
		res := caseResult(t, folder(t, texts(tt.folder, tt.computer)), "case")
		list := failed(res)
		if len(list) == 0 || list[0].Verdict.ID != "Q1" || list[0].Verdict.Confidence != tt.want {
			t.Fatalf("%s: %d requests, verdict %+v", tt.name, len(list), list[0].Verdict)
		}
		if doubt := strings.Contains(list[0].Verdict.Open, "only their folder says so"); doubt != (tt.want != timeline.Certain) {
			t.Errorf("%s: %q", tt.name, list[0].Verdict.Open)
		}
	}
}
