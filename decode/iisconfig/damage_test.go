package iisconfig_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/decode/iisconfig"
)

// A file that is cut holds what comes before, with the very same values, and says that it is cut.
func TestTruncated(t *testing.T) {
	for _, name := range []string{"applicationHost.config", "web.config"} {
		text := sample(t, name)
		text = text[:bytes.LastIndex(text, []byte("</configuration>"))]
		whole := load(t, name)
		root := bytes.Index(text, []byte("<configuration>")) + len("<configuration>")
		for n := range len(text) {
			f, err := iisconfig.Parse(bytes.NewReader(text[:n]), name)
			if n < root {
				if !errors.Is(err, iisconfig.ErrFormat) {
					t.Fatalf("%s: %d bytes: %v", name, n, err)
				}
				continue
			}
			if err != nil || !f.Partial() || f.Anomalies[len(f.Anomalies)-1].Kind != iisconfig.CutFile {
				t.Fatalf("%s: %d bytes: %v %v", name, n, err, f.Anomalies)
			}
			check(t, f)
			if len(f.Pools) > len(whole.Pools) || len(f.Farms) > len(whole.Farms) || len(f.ANCM) > len(whole.ANCM) {
				t.Fatalf("%s: %d bytes: entries from nowhere", name, n)
			}
			for i, p := range f.Pools {
				if p.Name != whole.Pools[i].Name || p.Line != whole.Pools[i].Line {
					t.Fatalf("%s: %d bytes: pool %q on line %d", name, n, p.Name, p.Line)
				}
			}
			for i, farm := range f.Farms {
				if farm.Timeout.Set && farm.Timeout != whole.Farms[i].Timeout {
					t.Fatalf("%s: %d bytes: %+v", name, n, farm.Timeout)
				}
			}
		}
	}
}

func TestMutations(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	text := sample(t, "applicationHost.config")
	damaged := make([]byte, len(text))
	for range 10_000 {
		copy(damaged, text)
		for range 1 + random.IntN(3) {
			at := random.IntN(len(text))
			switch random.IntN(3) {
			case 0:
				damaged[at] = byte(random.Uint32())
			case 1:
				damaged[at] = "<>\"'&/!?= "[random.IntN(10)]
			case 2:
				n := min(random.IntN(100), len(text)-at)
				copy(damaged[at:at+n], text[random.IntN(len(text)-n):])
			}
		}
		f, err := iisconfig.Parse(bytes.NewReader(damaged), "x")
		if err != nil && !errors.Is(err, iisconfig.ErrFormat) {
			t.Fatal(err)
		}
		check(t, f)
	}
}

// check tests what holds for every file.
func check(t *testing.T, f *iisconfig.File) {
	t.Helper()
	if len(f.Anomalies) > 100 {
		t.Fatalf("%d anomalies", len(f.Anomalies))
	}
	for _, a := range f.Anomalies {
		if a.Kind.String() == "" || a.Detail == "" || a.Line < 1 {
			t.Fatalf("%+v", a)
		}
	}
	if changes := iisconfig.Diff(f, f); len(changes) != 0 {
		t.Fatalf("differs from itself: %v", changes)
	}
	s := iisconfig.NewServer(f)
	for _, p := range f.Pools {
		if p.Line < 1 {
			t.Fatalf("%+v", p)
		}
		if _, ok := s.Pool(p.Name); !ok && f.Kind == iisconfig.ApplicationHost && f.History == 0 {
			t.Fatalf("pool %q is not found", p.Name)
		}
	}
	for _, site := range f.Sites {
		s.PoolOf(site.ID, "/x")
		s.ProxyTimeout(site.Name + "/x")
	}
}

// repeated is a reader of head, n bytes made of body, and tail.
func repeated(head, body string, n int, tail string) io.Reader {
	readers := []io.Reader{strings.NewReader(head)}
	part := strings.Repeat(body, max(1, 1<<20/len(body)))
	for ; n > 0; n -= len(part) {
		readers = append(readers, strings.NewReader(part[:min(n, len(part))/len(body)*len(body)]))
	}
	return io.MultiReader(append(readers, strings.NewReader(tail))...)
}

func TestHostile(t *testing.T) {
	const (
		head     = `<configuration><webFarms><webFarm name="first"/></webFarms>`
		tail     = `<webFarms><webFarm name="last"/></webFarms></configuration>`
		gigabyte = 1 << 30
	)
	laughs := `<?xml version="1.0"?><!DOCTYPE configuration [<!ENTITY lol "lol">`
	for i := range 9 {
		laughs += fmt.Sprintf(`<!ENTITY lol%d "%s">`, i+1, strings.Repeat("&lol;", 10))
	}
	laughs += `]><configuration><webFarms><webFarm name="&lol9;"/></webFarms>` + tail
	const many = iisconfig.TooMany
	tests := []struct {
		name  string
		input io.Reader
		want  []iisconfig.AnomalyKind // the first ones
		farms int                     // at least
	}{
		{"laughs", strings.NewReader(laughs), []iisconfig.AnomalyKind{iisconfig.Doctype, iisconfig.BadEntity}, 2},
		{"deep", repeated(head, "<a>", 300_000, ""), []iisconfig.AnomalyKind{iisconfig.TooDeep, iisconfig.CutFile}, 1},
		{"deep, closed", io.MultiReader(repeated(head, "<a>", 300_000, ""), repeated("", "</a>", 400_000, tail)), []iisconfig.AnomalyKind{iisconfig.TooDeep}, 2},
		{"long path", repeated(head+strings.Repeat("<"+strings.Repeat("x", 64)+">", 60), "<a/>", 1<<23, strings.Repeat("</"+strings.Repeat("x", 64)+">", 60)+tail), nil, 2},
		{"long attribute", repeated(head+`<appSettings><add value="`, "x", gigabyte, `"/></appSettings>`+tail), []iisconfig.AnomalyKind{iisconfig.TooLong}, 1},
		{"long line", repeated(head, " ", gigabyte, tail), []iisconfig.AnomalyKind{iisconfig.TooLong}, 1},
		{"long comment", repeated(head+"<!--", "-- >", 1<<24, "-->"+tail), nil, 2},
		{"long name", repeated(head+"<", "x", 1<<24, "/>"+tail), nil, 2},
		{"long value of a setting", repeated(`<configuration><webFarms><webFarm name="`, "x", 1<<20, `"/></webFarms>`+tail), []iisconfig.AnomalyKind{iisconfig.TooLong}, 2},
		{"many attributes", repeated(head+"<a ", `x="1" `, 6<<18, "/>"+tail), []iisconfig.AnomalyKind{many}, 2},
		{"many farms", repeated(`<configuration><webFarms>`, `<webFarm name="f"/>`, 19*20_100, "</webFarms></configuration>"), []iisconfig.AnomalyKind{many}, 20_000},
		{"many members", repeated(`<configuration><webFarms><webFarm>`, `<server/>`, 1<<22, "</webFarm></webFarms></configuration>"), []iisconfig.AnomalyKind{many}, 1},
		{"many bad values", repeated(`<configuration><webFarms>`, `<webFarm enabled="x"/>`, 22*2000, "</webFarms></configuration>"), []iisconfig.AnomalyKind{iisconfig.BadValue}, 2000},
		{"only <", repeated(head, "<", 1<<24, tail), []iisconfig.AnomalyKind{iisconfig.BadXML}, 1},
		{"text between", repeated(head, "x&y;", 1<<24, tail), nil, 2},
		{"CDATA", strings.NewReader(head + "<a><![CDATA[</configuration>]]></a>" + tail), nil, 2},
		{"wrong end tag", strings.NewReader(head + "<a></b>" + tail), []iisconfig.AnomalyKind{iisconfig.BadXML}, 1},
		{"no quotes", strings.NewReader(head + "<a b=c/>" + tail), []iisconfig.AnomalyKind{iisconfig.BadXML}, 1},
		{"< in a value", strings.NewReader(head + `<a b="<"/>` + tail), []iisconfig.AnomalyKind{iisconfig.BadXML}, 1},
		{"no blank between attributes", strings.NewReader(head + `<a b="1"c="2"/>` + tail), []iisconfig.AnomalyKind{iisconfig.BadXML}, 1},
		{"cut comment", strings.NewReader(head + `<!-- `), []iisconfig.AnomalyKind{iisconfig.CutFile}, 1},
		{"cut document type", strings.NewReader(head + `<!DOCTYPE x [`), []iisconfig.AnomalyKind{iisconfig.CutFile}, 1},
		{"encrypted section", strings.NewReader(`<configuration><webFarms configProtectionProvider="x"><EncryptedData/></webFarms>` + tail), []iisconfig.AnomalyKind{iisconfig.Encrypted}, 1},
		{"section elsewhere", strings.NewReader(`<configuration><system.webServer><rewrite><rules configSource="r.config"/></rewrite></system.webServer>` + tail), []iisconfig.AnomalyKind{iisconfig.External}, 1},
		{"other section elsewhere", strings.NewReader(`<configuration><connectionStrings configSource="c.config"/>` + tail), nil, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := iisconfig.Parse(tt.input, "x")
			if err != nil {
				t.Fatal(err)
			}
			var kinds []iisconfig.AnomalyKind
			for _, a := range f.Anomalies {
				kinds = append(kinds, a.Kind)
			}
			if len(kinds) < len(tt.want) || !slices.Equal(kinds[:len(tt.want)], tt.want) || len(tt.want) == 0 && len(kinds) > 0 || len(f.Farms) < tt.farms {
				t.Errorf("%v, %d farms", f.Anomalies, len(f.Farms))
			}
			check(t, f)
			if strings.Contains(everything(f), "lollol") {
				t.Error("an entity was expanded")
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"applicationHost.config", "web.config", "redirection.config", "aspnet.config", "machine.config"} {
		f.Add(sample(f, name))
	}
	f.Add([]byte("\xff\xfe<\x00c\x00"))
	f.Add([]byte(`<configuration><webFarms><webFarm name="&#x41;&lt;&y;&#;"/></webFarms><!DOCTYPE x [<!ENTITY a "b">]></configuration>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := iisconfig.Parse(bytes.NewReader(data), "x")
		if err != nil && !errors.Is(err, iisconfig.ErrFormat) {
			t.Fatal(err)
		}
		check(t, file)
		if _, ok := iisconfig.Recognise(data); ok && err != nil {
			t.Error("recognised, but not read")
		}
		// Text behind the root element changes nothing.
		if err == nil && !file.Partial() {
			again, err := iisconfig.Parse(io.MultiReader(bytes.NewReader(data), strings.NewReader("\n")), "x")
			if err != nil || len(iisconfig.Diff(file, again)) != 0 || len(again.Anomalies) != len(file.Anomalies) {
				t.Errorf("a line break at the end: %v", err)
			}
		}
	})
}
