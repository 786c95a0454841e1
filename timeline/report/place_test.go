package report

import (
	"encoding/json"
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
