package incident_test

import (
	"errors"
	"testing"
	"testing/fstest"

	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
)

// A FREB file is read again event by event: from a folder always, from a container if it was to be kept and there was
// room for it.
func TestFREB(t *testing.T) {
	file := frebFile(t, 1)
	packed := archive(t, "a/fr000002.xml", string(frebFile(t, 2)), "a/fr000003.xml", string(frebFile(t, 3)))
	for _, test := range []struct {
		name string
		keep int64
		want map[string]error
	}{
		{"nothing kept", 0, map[string]error{
			"case/fr000001.xml": nil, "case/box.zip/a/fr000002.xml": incident.ErrReleased, "case/box.zip/a/fr000003.xml": incident.ErrReleased}},
		{"all kept", 1 << 20, map[string]error{
			"case/fr000001.xml": nil, "case/box.zip/a/fr000002.xml": nil, "case/box.zip/a/fr000003.xml": nil}},
		{"room for one", 1800, map[string]error{
			"case/fr000001.xml": nil, "case/box.zip/a/fr000002.xml": nil, "case/box.zip/a/fr000003.xml": incident.ErrReleased}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inc := incident.New(incident.Options{Keep: test.keep})
			defer inc.Close()
			inc.AddFS(fstest.MapFS{"fr000001.xml": {Data: file}, "box.zip": {Data: packed}}, ".", "case")
			inc.Scan(incident.Details{})
			inc.Analyze(timeline.Options{})
			read := 0
			for _, in := range inc.Inputs {
				want, ok := test.want[in.Path]
				if !ok {
					continue
				}
				read++
				events := 0
				err := inc.FREB(in, func(tr *freb.Trace) error {
					for _, err := range tr.Events() {
						if err != nil {
							return err
						}
						events++
					}
					return nil
				})
				if !errors.Is(err, want) || err == nil && events != in.Entries {
					t.Errorf("%s: %d events, %v; want %d, %v", in.Path, events, err, in.Entries, want)
				}
			}
			if read != len(test.want) {
				t.Errorf("%d FREB files, want %d: %v", read, len(test.want), list(inc))
			}
		})
	}
}
