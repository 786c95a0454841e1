package report

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/clipperhouse/displaywidth"
	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/winerr"
	"github.com/etwhy/etwhy/etl"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// names of the models, in order.
func modelNames() []string { return slices.Sorted(maps.Keys(models)) }

func TestAnalysisScreen(t *testing.T) {
	for _, name := range modelNames() {
		for _, width := range []int{80, 120} {
			var out bytes.Buffer
			if err := WriteAnalysis(&out, "table", models[name](), Options{Width: width}); err != nil {
				t.Fatal(err)
			}
			golden(t, fmt.Sprintf("analyze/%s.%d.txt", name, width), out.Bytes())
			checkScreen(t, name, out.String(), width, screenLines)
		}
	}
}

// checkScreen holds for every answer: not too long, not too wide, nothing that a terminal obeys, no ids of rules.
func checkScreen(t *testing.T, name, text string, width, most int) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > most {
		t.Errorf("%s at %d: %d lines, want %d at most", name, width, len(lines), most)
	}
	for i, l := range lines {
		if w := displaywidth.String(l); w > width && strings.Contains(strings.TrimSpace(l), " ") {
			t.Errorf("%s at %d: line %d is %d wide: %s", name, width, i+1, w, l)
		}
		for _, r := range l {
			if !unicode.IsPrint(r) {
				t.Errorf("%s: line %d holds %q", name, i+1, r)
			}
		}
		if l != strings.TrimRight(l, " ") {
			t.Errorf("%s: line %d ends with blanks", name, i+1)
		}
	}
	for _, id := range []string{"T1", "T4", "C1", "R8", "HTTP-5xx"} {
		if slices.Contains(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\n' || r == '(' || r == ')' }), id) {
			t.Errorf("%s shows the rule id %s", name, id)
		}
	}
}

func TestColor(t *testing.T) {
	for _, name := range []string{"receive-timeout", "healthy", "three-ways"} {
		var plain, color bytes.Buffer
		if err := WriteAnalysis(&plain, "table", models[name](), Options{Width: 100}); err != nil {
			t.Fatal(err)
		}
		if err := WriteAnalysis(&color, "table", models[name](), Options{Width: 100, Color: true}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(color.String(), "\x1b[") || strings.Contains(plain.String(), "\x1b") {
			t.Errorf("%s: colour where it was not asked for, or none where it was", name)
		}
		stripped := strings.NewReplacer(bold, "", red, "", plainColor, "").Replace(color.String())
		if diff := cmp.Diff(plain.String(), stripped); diff != "" {
			t.Errorf("%s: colour changes the text:\n%s", name, diff)
		}
	}
}

func TestInfoScreen(t *testing.T) {
	a := models["many-ways"]()
	a.Inputs = a.Inputs[:3]
	a.Inputs[0].Log.Loss = etl.Loss{EventsLost: 41, BuffersLost: 1, FlagBuffers: 2, SequenceGaps: 908}
	a.Inputs = append(a.Inputs,
		Input{Path: "net.cab", Kind: "cab", Size: 2_300_000_000},
		Input{Path: "net.cab/report.etl", Container: "net.cab", Kind: "etl", Size: 43_210_987, DuplicateOf: "case/net.etl", Log: a.Inputs[0].Log},
		Input{Path: "net.cab/osinfo.txt", Container: "net.cab", Kind: "other", Size: 812},
		Input{Path: "paste.txt", Kind: "text", Size: 1410, Entries: 14},
	)
	a.Inputs[0].Log.Providers = a.Inputs[0].Log.Providers[:1]
	for _, width := range []int{80, 120} {
		var out bytes.Buffer
		if err := WriteInfo(&out, "table", a, Options{Width: width}); err != nil {
			t.Fatal(err)
		}
		golden(t, fmt.Sprintf("info.%d.txt", width), out.Bytes())
		checkScreen(t, "info", out.String(), width, 100)
	}
}

func TestTimelineScreen(t *testing.T) {
	for _, name := range []string{"connect-timeout", "unfinished", "hostile", "server-side", "text-form", "filtered-out"} {
		a := models[name]()
		a.Requests = a.Requests[max(0, len(a.Requests)-5):]
		var out bytes.Buffer
		if err := WriteTimeline(&out, "table", a, Options{Width: 100}); err != nil {
			t.Fatal(err)
		}
		golden(t, "timeline/"+name+".txt", out.Bytes())
		checkScreen(t, name, out.String(), 100, 100)
	}
}

func TestExplainScreen(t *testing.T) {
	for _, text := range []string{"12002", "-2147012894", "0x80090326", "502.3", "64", "12092", "Timer_ReqQueue", "WAS 5002", "alert 40", "flag 0x18", "502 3 12002 29889"} {
		for _, width := range []int{80, 120} {
			var out bytes.Buffer
			if err := WriteExplanation(&out, "table", winerr.Explain(text), Options{Width: width}); err != nil {
				t.Fatal(err)
			}
			checkScreen(t, text, out.String(), width, 100)
			if *update || testing.Verbose() {
				t.Logf("%s:\n%s", text, out.String())
			}
		}
	}
}

// Between the widths of the golden files the answers fit as well.
func TestWidths(t *testing.T) {
	for _, name := range modelNames() {
		for width := 70; width <= 130; width += 10 {
			var out bytes.Buffer
			if err := WriteAnalysis(&out, "table", models[name](), Options{Width: width}); err != nil {
				t.Fatal(err)
			}
			checkScreen(t, name, out.String(), width, screenLines)
		}
	}
}
