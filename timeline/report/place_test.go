package report

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/timeline"
)

func TestPlaced(t *testing.T) {
	for _, tt := range []struct {
		file  string
		place timeline.Place
		kind  timeline.Kind
		want  string
	}{
		{"u_ex260304.log", timeline.Place{Line: 23}, timeline.KindIISLog, "u_ex260304.log:23"},
		{"System.evtx", timeline.Place{Record: 1234}, timeline.KindEvents, "System.evtx #1234"},
		{"net.etl", timeline.Place{}, timeline.KindETL, "net.etl"},
		{"fr000012.xml", timeline.Place{Record: 45}, timeline.KindFREB, "fr000012.xml, event 45"},
		{"fr000012.xml", timeline.Place{}, timeline.KindFREB, "fr000012.xml"},
		{"", timeline.Place{Line: 23}, timeline.KindETL, ""}, // of no input
		{"", timeline.Place{Record: 1}, timeline.KindETL, ""},
	} {
		if got := placed(tt.file, tt.place, tt.kind); got != tt.want {
			t.Errorf("%s, %+v: %q, want %q", tt.file, tt.place, got, tt.want)
		}
	}
}

// Of inputs with the same name, the folders that tell them apart are in front.
func TestNames(t *testing.T) {
	for _, tt := range [][]struct{ path, want string }{
		{{"case/net.etl", "net.etl"}, {"case/ARR01/u.log", "ARR01/u.log"}, {"case/WEB16/u.log", "WEB16/u.log"}},
		{{"ARR01/W3SVC1/u.log", "ARR01/W3SVC1/u.log"}, {"WEB16/W3SVC1/u.log", "WEB16/W3SVC1/u.log"}, {"WEB16/W3SVC2/u.log", "W3SVC2/u.log"}},
		{{`C:\case\ARR01\u.log`, "ARR01/u.log"}, {`C:\case\WEB16\u.log`, "WEB16/u.log"}},
		{{"u.log", "u.log"}, {"old/u.log", "old/u.log"}, {"menu.log", "menu.log"}},
		{{"/u.log", "/u.log"}, {"//u.log", "//u.log"}, {"a//u.log", "a//u.log"}},
		{{"u.log", "u.log"}, {"u.log", "u.log"}}, // nothing tells them apart
		{{"", ""}, {"a", "a"}, {"b/a", "b/a"}},
	} {
		a := &Analysis{}
		for _, in := range tt {
			a.Traces = append(a.Traces, timeline.InputResult{Path: in.path})
		}
		for i, in := range tt {
			if got := a.name(i); got != in.want {
				t.Errorf("%q of %v: %q, want %q", in.path, tt, got, in.want)
			}
		}
	}
}

func TestPlaceJSON(t *testing.T) {
	for _, tt := range []struct {
		place timeline.Place
		want  string
	}{
		{timeline.Place{}, `{"line":null,"record":null}`},
		{timeline.Place{Line: 23}, `{"line":23,"record":null}`},
		{timeline.Place{Record: 1 << 53}, `{"line":null,"record":9007199254740992}`},
		{timeline.Place{Record: 1<<64 - 1}, `{"line":null,"record":"18446744073709551615"}`},
	} {
		if b, err := json.Marshal(newPlace(tt.place)); err != nil || string(b) != tt.want {
			t.Errorf("%+v: %s, %v, want %s", tt.place, b, err, tt.want)
		}
	}
}

// Wherever evidence is listed it is told where it stands.
func TestPlacesShown(t *testing.T) {
	a := models["pool-off"]()
	v := a.Requests[0].Verdict
	input := -1
	for _, r := range a.Requests {
		if r.Verdict != nil && len(r.Verdict.Evidence) > 1 {
			v = r.Verdict
			input = v.Evidence[0].Input
			v.Evidence[0].Place, v.Evidence[1].Place = timeline.Place{Line: 4711}, timeline.Place{Record: 1<<63 + 1}
			break
		}
	}
	if input < 0 {
		t.Fatal("no evidence")
	}
	otlp := string(render(t, WriteAnalysis, "otlp", a, Options{}))
	for _, want := range []string{`{"key":"etwhy.line","value":{"intValue":"4711"}}`, `{"key":"etwhy.record","value":{"stringValue":"9223372036854775809"}}`} {
		if !strings.Contains(otlp, want) {
			t.Errorf("otlp has no %s", want)
		}
	}
	a.Details = NewDetails(a)
	d := &htmlDataWriter{a: a, detailed: a.Details, diaries: map[*Diary]int{}}
	var places []string
	for _, r := range a.Requests {
		if r.Verdict == v {
			for _, x := range d.tale(r, a.Details.Of(r.ID)) {
				places = append(places, x.place)
			}
		}
	}
	if want := a.name(input) + ":4711"; !slices.Contains(places, want) {
		t.Errorf("the tale has %q, not %s", places, want)
	}
	if page := htmlReport(t, a); strings.Count(page, `"`+a.name(input)+`:4711"`) != 1 { // among the texts of the data
		t.Error("the page does not have the place")
	}
}

// A machine is called by its first name, as far as that tells it from the others.
func TestMachineWords(t *testing.T) {
	for _, test := range []struct{ machine, other, want string }{
		{"web02.corp.example", "WEB01", "web02 System log"},
		{"web02.corp.example", "web02.test.example", "web02.corp.e... System log"},
		{"host-36f9d751.domain-0c11aa22", "host-11223344", "host-36f9d751 System log"},
		{"10.20.30.40", "10.20.30.41", "10.20.30.40 System log"},
	} {
		a := &Analysis{Inputs: []Input{
			{Path: "a.evtx", Kind: string(timeline.KindEvents), Channels: []string{"System"}, Machine: test.machine},
			{Path: "b.evtx", Kind: string(timeline.KindEvents), Channels: []string{"System"}, Machine: test.other},
		}}
		if got := a.label(0); got != test.want {
			t.Errorf("%s beside %s is %q, not %q", test.machine, test.other, got, test.want)
		}
	}
}
