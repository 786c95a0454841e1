package freb_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"testing"

	"github.com/etwhy/etwhy/etl"
	"github.com/google/go-cmp/cmp"
)

// oracle is a file as encoding/xml sees it.
type oracle struct {
	URL    string `xml:"url,attr"`
	Events []struct {
		Provider struct {
			Name string `xml:",attr"`
			GUID string `xml:"Guid,attr"`
		} `xml:"System>Provider"`
		ID       uint16 `xml:"System>EventID"`
		Version  uint8  `xml:"System>Version"`
		Level    uint8  `xml:"System>Level"`
		Opcode   uint8  `xml:"System>Opcode"`
		Keywords string `xml:"System>Keywords"`
		Time     struct {
			SystemTime string `xml:",attr"`
		} `xml:"System>TimeCreated"`
		Execution struct {
			PID uint32 `xml:"ProcessID,attr"`
			TID uint32 `xml:"ThreadID,attr"`
		} `xml:"System>Execution"`
		Data []struct {
			Name  string `xml:",attr"`
			Value string `xml:",chardata"`
		} `xml:"EventData>Data"`
		Rendering struct {
			Name        string `xml:"Opcode"`
			Area        string `xml:"Keywords>Keyword"`
			Description []struct {
				Data string `xml:",attr"`
				Text string `xml:",chardata"`
			}
		} `xml:"RenderingInfo"`
		Class string `xml:"ExtendedTracingInfo>EventGuid"`
	} `xml:"Event"`
}

// TestOracle compares every value with what encoding/xml reads.
func TestOracle(t *testing.T) {
	files := map[string][]byte{}
	for _, name := range cases(t) {
		if name != "cut" {
			files[name] = made(t, name)
		}
	}
	for _, name := range []string{"fr000001.xml", "fr000005.xml"} {
		t.Run(name, func(t *testing.T) { compare(t, sample(t, name)) })
	}
	for name, file := range files {
		t.Run(name, func(t *testing.T) { compare(t, file) })
	}
}

func compare(t *testing.T, file []byte) {
	var o oracle
	if err := xml.Unmarshal(file, &o); err != nil {
		t.Fatal(err)
	}
	res, err := read(t, bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if o.URL != res.header.URL || len(o.Events) == 0 {
		t.Errorf("URL %q, %d events", o.URL, len(o.Events))
	}
	var want, got []string
	for _, ev := range o.Events {
		provider, _ := etl.ParseGUID(ev.Provider.GUID)
		class, _ := etl.ParseGUID(ev.Class)
		want = append(want, fmt.Sprint(ev.Provider.Name, provider, ev.ID, ev.Version, ev.Level, ev.Opcode, ev.Keywords, ev.Time.SystemTime,
			ev.Execution, ev.Rendering.Name, ev.Rendering.Area, class))
		for _, d := range ev.Data {
			text := ""
			for _, r := range ev.Rendering.Description {
				if r.Data == d.Name {
					text = r.Text
				}
			}
			want = append(want, fmt.Sprintf("%s=%q %q", d.Name, d.Value, text))
		}
	}
	for _, ev := range res.events {
		clock := ev.Time.Time().Format("2006-01-02T15:04:05.000Z")
		got = append(got, fmt.Sprint(ev.Source, ev.Provider, ev.ID, ev.Version, ev.Level, ev.Opcode, fmt.Sprintf("0x%x", ev.Keywords), clock,
			struct{ PID, TID uint32 }{ev.PID, ev.TID}, ev.Name, ev.Area, ev.Class))
		for _, f := range ev.Fields {
			got = append(got, fmt.Sprintf("%s=%q %q", f.Name, f.Value, f.Text))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-encoding/xml +freb\n%s", diff)
	}
}
