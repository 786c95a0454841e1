package netshtext

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

var update = flag.Bool("update", false, "write the golden files")

func testdata(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/*.*")
	if err != nil || len(names) == 0 {
		t.Fatal("no testdata", err)
	}
	texts := make(map[string][]byte)
	for _, name := range names {
		if filepath.Ext(name) == ".golden" {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(name)] = b
	}
	return texts
}

func parse(t testing.TB, text []byte) *Text {
	t.Helper()
	got, err := Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestGolden(t *testing.T) {
	for name, text := range testdata(t) {
		t.Run(name, func(t *testing.T) {
			var shown struct {
				Kinds []string
				*Text
			}
			shown.Text = parse(t, text)
			for _, k := range shown.Text.Kinds {
				shown.Kinds = append(shown.Kinds, k.String())
			}
			got, err := json.MarshalIndent(shown, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRecognise(t *testing.T) {
	want := map[string]Kind{
		"servicestate-de.txt": ServiceState, "servicestate-ja.txt": ServiceState, "urlacl-zh.txt": URLReservations,
		"sslcert-de.txt": Certificates, "iplisten-zh.txt": IPListenList, "netstat-de.txt": Netstat,
		"dynamicport-ja.txt": DynamicPorts, "proxy-zh.txt": WinHTTPProxy, "systeminfo-fr.txt": SystemInfo, "osinfo.txt": SystemInfo,
		"ipconfig-ko.txt": IPConfig, "ipconfig-short-de.txt": IPConfig, "appcmd.txt": WorkerProcesses, "appcmd.xml": WorkerProcesses,
		"dns.txt": Remainder,
	}
	for name, text := range testdata(t) {
		if k, ok := Recognise(text); !ok || k != want[name] {
			t.Errorf("%s: %v, want %v", name, k, want[name])
		}
	}
	for name, text := range map[string]string{
		"empty":        "",
		"prose":        "Version: 2.0\nState: none\n",
		"yaml":         "name: shop\n  version: 1.0\n  state: on\n  url: http://shop.example/\n",
		"IIS log":      "#Fields: date time cs-method cs-uri-stem\n2026-03-05 09:14:07 GET /time/\n",
		"tasklist":     "Image Name                     PID Services\n========================= ======== ====\nw3wp.exe                      1432 N/A\n",
		"config":       "<configuration><applicationPools><add name=\"Shop\" state=\"Started\" /></applicationPools></configuration>",
		"ruler within": "Name: X\n    Version: 2.0\n------------------\nState: on\n    1432\n",
		"ruler":        "Title\n------------------\nfirst: 1\nsecond: 2\n",
		"binary":       "\x00\x01\x02\x03\x04\x05",
		"zeros":        strings.Repeat("\x00", 4096),
		"WinHTTP log":  "16:51:47.899 ::*0000004* :: WinHttpReceiveResponse(0x36aae0, 0x0)\n",
	} {
		if k, ok := Recognise([]byte(text)); ok || k != Unknown {
			t.Errorf("%s is %v", name, k)
		}
	}
}

// The same text in the code pages of its language says the same.
func TestCharset(t *testing.T) {
	le, be := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	bare := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	texts := testdata(t)
	for _, tt := range []struct {
		file, charset string
		encoding      encoding.Encoding
	}{
		{"servicestate-de.txt", "850", charmap.CodePage850},
		{"servicestate-de.txt", "850", charmap.CodePage437},
		{"servicestate-de.txt", "1252", charmap.Windows1252},
		{"servicestate-de.txt", "UTF-16", le},
		{"servicestate-de.txt", "UTF-16", be},
		{"servicestate-ja.txt", "UTF-16", le},
		{"servicestate-ja.txt", "932", japanese.ShiftJIS},
		{"urlacl-zh.txt", "936", simplifiedchinese.GBK},
		{"urlacl-zh.txt", "UTF-16", bare},
		{"sslcert-de.txt", "850", charmap.CodePage850},
		{"iplisten-zh.txt", "936", simplifiedchinese.GBK},
		{"netstat-de.txt", "850", charmap.CodePage850},
		{"dynamicport-ja.txt", "932", japanese.ShiftJIS},
		{"proxy-zh.txt", "936", simplifiedchinese.GBK},
		{"systeminfo-fr.txt", "850", charmap.CodePage850},
		{"systeminfo-fr.txt", "1252", charmap.Windows1252},
		{"ipconfig-ko.txt", "949", korean.EUCKR},
	} {
		t.Run(tt.file+" "+tt.charset, func(t *testing.T) {
			text, err := tt.encoding.NewEncoder().Bytes(texts[tt.file])
			if err != nil {
				t.Fatal(err)
			}
			want, got := parse(t, texts[tt.file]), parse(t, text)
			if got.Charset != tt.charset || want.Charset != "UTF-8" {
				t.Errorf("%s, %s", got.Charset, want.Charset)
			}
			got.Charset = want.Charset
			if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Prompts, blank lines between all lines, and several outputs in one file are no obstacle.
func TestTogether(t *testing.T) {
	texts := testdata(t)
	var all []byte
	for _, name := range []string{"netstat-de.txt", "appcmd.txt", "servicestate-de.txt", "urlacl-zh.txt", "sslcert-de.txt", "iplisten-zh.txt", "dynamicport-ja.txt", "proxy-zh.txt", "systeminfo-fr.txt"} {
		all = append(all, "\r\nC:\\>type "+name+"\r\n"...)
		all = append(all, bytes.ReplaceAll(texts[name], []byte("\n"), []byte("\r\n\r\n"))...)
	}
	got := parse(t, all)
	want := []Kind{WorkerProcesses, RunningRequests, AppPools, Sites, ServiceState, URLReservations, Certificates, IPListenList, Netstat, DynamicPorts, WinHTTPProxy, SystemInfo}
	if diff := cmp.Diff(want, got.Kinds); diff != "" {
		t.Error(diff)
	}
	if len(got.Queues) != 2 || !slices.Equal(got.Queues[1].PIDs, []uint32{1432, 5120}) || len(got.Reservations) != 2 || len(got.Bindings) != 2 || len(got.IPListen) != 2 ||
		got.Connections.Count(TimeWait) != 2 || got.Ports.Count != 16384 || got.Machine != "WEB02" {
		t.Errorf("%+v", got)
	}
}

// Two outputs in one file, as of both views: a name that each has once is a name. URLs stay with their output.
func TestTwoOutputs(t *testing.T) {
	german := testdata(t)["servicestate-de.txt"]
	one, two := parse(t, german).Queues, parse(t, append(bytes.Clone(german), german...)).Queues
	for i := range two {
		if two[i].Line > bytes.Count(german, []byte("\n")) {
			two[i].Line -= bytes.Count(german, []byte("\n"))
		}
	}
	if diff := cmp.Diff(append(slices.Clone(one), one...), two); diff != "" {
		t.Error(diff)
	}
}

// Of several unnamed queues it is not told which the URLs are of, even where the sentence has no full stop.
func TestUnnamedQueues(t *testing.T) {
	text := strings.ReplaceAll(string(testdata(t)["servicestate-de.txt"]), "unbenannt.", "unbenannt") +
		"    Name: Die Anforderungswarteschlange ist unbenannt\n        Version: 2.0\n        Status: Aktiv\n        X: Y\n        Max: 10\n"
	got := parse(t, []byte(text)).Queues
	if len(got) != 4 || got[0].Name != "" || got[0].URLs != nil || got[1].Name != "Geschäft" || got[2].Limit != 10 || len(got[3].URLs) != 2 || got[3].Line != 0 {
		t.Errorf("%+v", got)
	}
}

// Without words that are known, position tells the state.
func TestNetstatStates(t *testing.T) {
	got := parse(t, []byte(`
  TCP    0.0.0.0:80        0.0.0.0:0        ПРОСЛУШИВАНИЕ  4
  TCP    10.0.0.5:49712    10.0.0.12:80     В ОЖИДАНИИ     0
  TCP    10.0.0.5:49713    10.0.0.12:80     УСТАНОВЛЕНО    1432  InHost
  TCP    10.0.0.5:49714    0.0.0.0:0        BOUND          1432
  TCP    10.0.0.5:x        10.0.0.12:80     УСТАНОВЛЕНО    1432
`)).Connections
	want := &Connections{TCP: 4, Listeners: []Listener{{netip.MustParseAddrPort("0.0.0.0:80"), 4, 2}}, Remotes: []Remote{{netip.MustParseAddrPort("10.0.0.12:80"), 2, 1}}}
	want.States[Listening], want.States[TimeWait], want.States[Other], want.States[Bound] = 1, 1, 1, 1
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestProxy(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want Proxy
	}{
		"direct":        {"Aktuelle WinHTTP-Proxyeinstellungen:\n\n    Direktzugriff (kein Proxyserver).\n", Proxy{Line: 3}},
		"server":        {"Current WinHTTP proxy settings:\n\n    Proxy Server(s) :  proxy:8080\n    Bypass List     :  (none)\n", Proxy{"proxy:8080", "(none)", 3}},
		"with password": {"Current WinHTTP proxy settings:\n    Server :  http://a:b@c@proxy:8080\n", Proxy{"http://proxy:8080", "", 2}},
	} {
		if got := parse(t, []byte(tt.text)).Proxy; *got != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// What stands in the texts about people must not come out.
func TestNothingPrivate(t *testing.T) {
	for name, text := range testdata(t) {
		if s := fmt.Sprintf("%+v", parse(t, text)); strings.Contains(s, "alice") || strings.Contains(s, "secret") {
			t.Errorf("%s: %s", name, s)
		}
	}
}

// check fails if a result contradicts itself or its text.
func check(t *testing.T, text []byte) *Text {
	t.Helper()
	got, err := Parse(bytes.NewReader(text))
	if got == nil || errors.Is(err, ErrUnknown) != (len(got.Kinds) == 0) || err != nil && !errors.Is(err, ErrUnknown) {
		t.Fatalf("%+v, %v", got, err)
	}
	lines := bytes.Count(text, []byte("\n")) + 1
	if got.Charset == "UTF-16" {
		lines = len(text)
	}
	at := func(line int) {
		if line < 1 || line > lines {
			t.Fatalf("line %d of %d", line, lines)
		}
	}
	for _, w := range got.Workers {
		at(w.Line)
	}
	for _, r := range got.Reservations {
		at(r.Line)
		if r.SDDL == "" || !strings.Contains(strings.ToLower(r.URL), "http") {
			t.Fatalf("%+v", r)
		}
	}
	for _, q := range got.Queues {
		if q.Line != 0 {
			at(q.Line)
		}
	}
	for _, b := range got.Bindings {
		at(b.Line)
	}
	for _, a := range got.Addresses {
		if !a.IsValid() || a.Zone() != "" || a.IsLoopback() || a.IsUnspecified() {
			t.Fatal(a)
		}
	}
	if p := got.Ports; p != nil && (p.Start < 1 || p.Count < 1 || p.Start+p.Count > 1<<16) {
		t.Fatalf("%+v", p)
	}
	if c := got.Connections; c != nil {
		sum := 0
		for _, n := range c.States {
			sum += n
		}
		ports := 0
		for _, r := range c.Remotes {
			ports += r.Ports
		}
		if sum != c.TCP || len(c.Listeners) > c.Count(Listening) || ports > c.TCP {
			t.Fatalf("%+v", c)
		}
	}
	if k, ok := Recognise(text); len(text) <= HeadSize && ok != (len(got.Kinds) > 0) || ok && len(text) <= HeadSize && k != got.Kinds[0] {
		t.Fatalf("recognised %v, read %v", k, got.Kinds)
	}
	return got
}

func TestTruncated(t *testing.T) {
	for name, text := range testdata(t) {
		whole := parse(t, text)
		for n := range len(text) {
			if got := check(t, text[:n]); len(got.Workers) > len(whole.Workers) || len(got.Reservations) > len(whole.Reservations) || len(got.Bindings) > len(whole.Bindings) {
				t.Fatalf("%s cut at %d: %+v", name, n, got)
			}
		}
	}
}

func TestMutated(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var texts [][]byte
	for _, text := range testdata(t) {
		texts = append(texts, text)
	}
	for i := range 10_000 {
		text := bytes.Clone(texts[i%len(texts)])
		for range 1 + r.IntN(8) {
			text[r.IntN(len(text))] = byte(r.IntN(256))
		}
		check(t, text)
	}
}

// A line that does not end is cut, and the rest of the file is read as far as the limit.
func TestLongLine(t *testing.T) {
	head := []byte("WP \"1432\" (applicationPool:Shop)\n")
	r := &endless{fill: "x", left: 1 << 30}
	got, err := Parse(io.MultiReader(bytes.NewReader(head), r))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Anomaly{{LongLine, 2}, {TooLong, 2}}, got.Anomalies); diff != "" || len(got.Workers) != 1 {
		t.Errorf("%+v\n%s", got.Workers, diff)
	}
	if read := 1<<30 - r.left; read > maxSize+1<<20 {
		t.Errorf("%d bytes read", read)
	}
	got = parse(t, append(bytes.Repeat([]byte("x"), 3*maxLine), "\nWP \"1432\" (applicationPool:Shop)\n"...))
	if len(got.Workers) != 1 || got.Workers[0].Line != 2 || len(got.Anomalies) != 1 {
		t.Errorf("%+v", got)
	}
}

// Lists have a limit, and that it was reached is told once.
func TestTooMany(t *testing.T) {
	got := parse(t, bytes.Repeat([]byte("WP \"1\" (applicationPool:Shop)\n"), maxEntries+10))
	if len(got.Workers) != maxEntries || len(got.Anomalies) != 1 || got.Anomalies[0] != (Anomaly{TooMany, maxEntries + 1}) {
		t.Errorf("%d workers, %v", len(got.Workers), got.Anomalies)
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("broken")
	got, err := Parse(io.MultiReader(strings.NewReader("WP \"1432\" (applicationPool:Shop)\n"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || len(got.Workers) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// endless is a reader of the same text again and again.
type endless struct {
	fill string
	left int
}

func (e *endless) Read(b []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(b) {
		n += copy(b[n:], e.fill)
	}
	e.left -= n
	return n, nil
}

func FuzzParse(f *testing.F) {
	for _, text := range testdata(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) { check(t, text) })
}
