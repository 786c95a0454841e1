package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/clipperhouse/displaywidth"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// screens are the answers for people.
var screens = map[string]func(a *Analysis, width int) (string, error){
	"analysis": func(a *Analysis, width int) (string, error) {
		var out bytes.Buffer
		err := WriteAnalysis(&out, "table", a, Options{Redact: defaults(), Width: width})
		return out.String(), err
	},
	"info": func(a *Analysis, width int) (string, error) {
		var out bytes.Buffer
		err := WriteInfo(&out, "table", a, Options{Redact: defaults(), Width: width})
		return out.String(), err
	},
	"timeline": func(a *Analysis, width int) (string, error) {
		var out bytes.Buffer
		err := WriteTimeline(&out, "table", a, Options{Redact: defaults(), Width: width})
		return out.String(), err
	},
}

// A value beyond all measure in a file does not make a screen wider than the page, nor longer than can be read.
func TestLongValues(t *testing.T) {
	for name, long := range map[string]string{
		"one word": strings.Repeat("A", 1<<15), "words": strings.Repeat("A word ", 1<<12), "lines": strings.Repeat("a\n", 1<<14), "blanks": strings.Repeat(" ", 1<<15) + "x",
	} {
		for _, model := range []string{"receive-timeout", "two-servers", "clock-ahead"} {
			a := models[model]()
			a.Requests = slices.DeleteFunc(slices.Clone(a.Requests), func(r *timeline.Request) bool { return r.Verdict == nil })
			a.Everything = a.Requests
			for i := range a.Inputs {
				in := &a.Inputs[i]
				in.Path += "/" + long
				in.Damage = []Damage{{Kind: "bad-line", Offset: 1, Detail: long}}
				if i > 0 {
					in.Note, in.Error = long, long
				}
			}
			for _, r := range a.Requests {
				r.URL = "http://shop.example/" + long
				r.Client, r.AppPool, r.Farm, r.Server = long, long, long, long+":80"
				if v := r.Verdict; v != nil {
					v.Title, v.Open = v.Title+" "+long, long
					v.Context, v.FindOut = append(v.Context, long), append(v.FindOut, long)
					for i := range v.Evidence {
						v.Evidence[i].Text += " " + long
					}
				}
			}
			for screen, write := range screens {
				for _, width := range []int{60, 100} {
					text, err := write(a, width)
					if err != nil {
						t.Fatal(err)
					}
					for l := range strings.Lines(text) {
						if w := displaywidth.String(strings.TrimSuffix(l, "\n")); w > width {
							t.Errorf("%s of %s with %s: a line of %d columns on a page of %d: %.120s", screen, model, name, w, width, l)
							break
						}
					}
					if n := strings.Count(text, "\n"); n > 3000 {
						t.Errorf("%s of %s with %s: %d lines", screen, model, name, n)
					}
				}
			}
		}
	}
}

// A command stays whole, even where a page has no room for one of its words.
func TestCommandsStayWhole(t *testing.T) {
	const command = "appcmd set config -section:webFarms /[name='shopfarm-of-the-north'].applicationRequestRouting.protocol.timeout:00:01:30"
	p := newPage(Options{Width: 60})
	p.steps("Do now:", []string{command}, 3)
	p.command(command)
	var out bytes.Buffer
	if err := p.writeTo(&out, 0); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "/[name='shopfarm-of-the-north'].applicationRequestRouting.protocol.timeout:00:01:30"); n != 2 {
		t.Error(out.String())
	}
}

// A span of several days is told with both.
func TestSpansOfDays(t *testing.T) {
	tell := func(start, end etl.Time) (info, analysis string) {
		a := models["two-servers"]()
		a.Inputs, a.Traces, a.Machines = a.Inputs[:1], a.Traces[:1], nil
		in := &a.Inputs[0]
		in.Kind, in.Log, in.Start, in.End = string(timeline.KindEvents), nil, start, end
		a.Requests, a.Everything = nil, nil
		var err error
		if info, err = screens["info"](a, 100); err != nil {
			t.Fatal(err)
		}
		if analysis, err = screens["analysis"](a, 100); err != nil {
			t.Fatal(err)
		}
		return info, analysis
	}
	start := at("03:55:59")
	day := start.Time().Format("2006-01-02")
	later := start + 2*24*60*timeline.Minute
	until := later.Time().Format("2006-01-02")
	for _, test := range []struct {
		end  etl.Time
		want string
	}{
		{start + timeline.Minute, day + " 03:55:59 to 03:56:59 UTC"},
		{later, day + " 03:55:59 to " + until + " 03:55:59 UTC"},
	} {
		info, analysis := tell(start, test.end)
		if !strings.Contains(info, test.want) || !strings.Contains(analysis, test.want) {
			t.Errorf("%q is missing in\n%s\nor\n%s", test.want, info, analysis)
		}
	}
}

// A Failed Request Tracing file that makes no request is quoted on the screen.
func TestRootQuoted(t *testing.T) {
	a := models["receive-timeout"]()
	const note = "cut before its first event; its root says GET http://test:80/time/ answered 502.3"
	a.Inputs = append(a.Inputs, Input{Path: "fr000001.xml", Kind: string(timeline.KindFREB), Note: note, Damage: []Damage{{Kind: "cut-file", Offset: 737, Detail: "x"}}})
	text, err := screens["analysis"](a, 200)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(strings.Fields(text), " "); !strings.Contains(got, "Careful: fr000001.xml: "+note+".") {
		t.Error(text)
	}
}
