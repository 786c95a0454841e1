package errorpage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// labels of the detailed page: headline, module, notification, handler, code, URL, path, method, user.
var (
	english  = []string{"HTTP Error", "Module", "Notification", "Handler", "Error Code", "Requested URL", "Physical Path", "Logon Method", "Logon User"}
	german   = []string{"HTTP-Fehler", "Modul", "Benachrichtigung", "Handler", "Fehlercode", "Angeforderte URL", "Physikalischer Pfad", "Anmeldemethode", "Angemeldeter Benutzer"}
	japan    = []string{"HTTP エラー", "モジュール", "通知", "ハンドラー", "エラー コード", "要求された URL", "物理パス", "ログオン方法", "ログオン ユーザー"}
	chinese  = []string{"HTTP 错误", "模块", "通知", "处理程序", "错误代码", "请求的 URL", "物理路径", "登录方法", "登录用户"}
	french   = []string{"Erreur HTTP", "Module", "Notification", "Gestionnaire", "Code d’erreur", "URL demandée", "Chemin d’accès physique", "Méthode d’ouverture de session", "Utilisateur connecté"}
	contents = []string{"502.3 - Bad Gateway", "ApplicationRequestRouting", "ExecuteRequestHandler", "ApplicationRequestRoutingHandler", "0x80072ee2",
		"http://shop.example:80/time/?id=1&n=2", `C:\inetpub\wwwroot\time\`, "Anonymous", `SHOP\alice`}
)

var detailed = Page{Status: 502, SubStatus: 3, HasSub: true, Module: "ApplicationRequestRouting", Notification: "ExecuteRequestHandler",
	Handler: "ApplicationRequestRoutingHandler", Code: 0x80072ee2, URL: "http://shop.example:80/time/?id=1&n=2", MadeBy: ARR}

// saved is the page as a browser saves it.
func saved(labels []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml">
<head><title>IIS 10.0 - %[2]s</title>
<style type="text/css">
<!--
body{margin:0;} code{color:#006600;} /* 0x00000000 */
-->
</style></head>
<body>
<div id="content"><div class="content-container"><h3>%[1]s %[2]s</h3><h4>Something went wrong at 10.0.0.12.</h4></div>
<div class="content-container"><fieldset><h4>A list:</h4><ul><li>one</li><li>see http://192.168.0.5/</li></ul></fieldset></div>
<div class="content-container"><fieldset><h4>More:</h4><div id="details-left">
 <table border="0" cellpadding="0" cellspacing="0">
`, labels[0], contents[0])
	for i := 1; i < len(labels); i++ {
		fmt.Fprintf(&b, "  <tr class=\"alt\"><th>%s</th><td>&nbsp;&nbsp;&nbsp;%s</td></tr>\n", labels[i], strings.ReplaceAll(contents[i], "&", "&amp;"))
		if i == 4 {
			b.WriteString(" </table></div><div id=\"details-right\"><table>\n")
		}
	}
	b.WriteString(`</table></div></fieldset></div><a href="http://go.example/?LinkID=1">More</a></div></body></html>`)
	return b.String()
}

// copied is the page as it comes out of the clipboard, its cells parted by a separator.
func copied(labels []string, separator string) string {
	lines := []string{labels[0] + " " + contents[0], "Something went wrong.", "A list:", "    one", ""}
	for i := 1; i < len(labels); i++ {
		lines = append(lines, labels[i]+separator+contents[i])
	}
	return strings.Join(lines, "\r\n")
}

func TestDetailed(t *testing.T) {
	sjis, err := japanese.ShiftJIS.NewEncoder().String(saved(japan))
	if err != nil {
		t.Fatal(err)
	}
	gbk, err := simplifiedchinese.GBK.NewEncoder().String(copied(chinese, "\t   "))
	if err != nil {
		t.Fatal(err)
	}
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(saved(german))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"saved":             saved(english),
		"saved, German":     saved(german),
		"saved, Japanese":   saved(japan),
		"saved, French":     saved(french),
		"code page 932":     sjis,
		"UTF-16":            utf16,
		"tabs":              copied(english, "\t\u00a0\u00a0\u00a0"),
		"blanks":            copied(german, "    "),
		"one blank":         copied(chinese, " "),
		"colon":             copied(french, " : "),
		"code page 936":     gbk,
		"value below label": copied(japan, "\n"),
		"within a mail":     "Hello,\n\nthis is what I get:\n\n" + copied(english, "\t") + "\n\nRegards\n",
	} {
		t.Run(name, func(t *testing.T) {
			if !Recognise([]byte(text)) {
				t.Error("not recognised")
			}
			p, err := Parse(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&detailed, p); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMadeBy(t *testing.T) {
	page := saved(english)
	for _, tt := range []struct {
		name, text string
		want       Page
	}{
		{"IIS", strings.ReplaceAll(strings.ReplaceAll(page, "502.3 - Bad Gateway", "404.0 - Not Found"), "ApplicationRequestRouting<", "IIS Web Core<"),
			Page{Status: 404, HasSub: true, MadeBy: IIS}},
		{"ANCM 1", strings.ReplaceAll(page, "ApplicationRequestRouting<", "AspNetCoreModule<"), Page{Status: 502, SubStatus: 3, HasSub: true, MadeBy: ANCM}},
		{"App Service module", strings.ReplaceAll(page, "ApplicationRequestRouting<", "DWASModule<"), Page{Status: 502, SubStatus: 3, HasSub: true, MadeBy: AppService}},
		{"ANCM 2", "<!DOCTYPE html><html><head><title>IIS</title></head><body><h3> HTTP Error 502.5 - ANCM Out-Of-Process Startup Failure </h3><ul><li>Ask</li></ul></body></html>",
			Page{Status: 502, SubStatus: 5, HasSub: true, MadeBy: ANCM}},
		{"ANCM in process", "HTTP Error 500.30 - ASP.NET Core app failed to start\n", Page{Status: 500, SubStatus: 30, HasSub: true, MadeBy: ANCM}},
		{"HTTP.sys", "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"\"http://www.w3.org/TR/html4/strict.dtd\">\r\n<HTML><HEAD><TITLE>Service Unavailable</TITLE>\r\n" +
			"<META HTTP-EQUIV=\"Content-Type\" Content=\"text/html; charset=us-ascii\"></HEAD>\r\n<BODY><h2>Service Unavailable</h2>\r\n<hr><p>HTTP Error 503. Sorry.</p>\r\n</BODY></HTML>\r\n",
			Page{Status: 503, MadeBy: HTTPSys}},
		{"HTTP.sys, copied", "Service Unavailable\n\nHTTP Error 503. Sorry.", Page{Status: 503, MadeBy: HTTPSys}},
		{"App Service", "The specified CGI application encountered an error and so on.", Page{Status: 502, MadeBy: AppService}},
		{"custom page", "<html><head><style>.content-container{}</style></head><body><div id=\"header\"><h1>Serverfehler</h1></div><div class=\"content-container\"><h2>502 - Ungültige Antwort.</h2></div></body></html>",
			Page{Status: 502, MadeBy: IIS}},
		{"application gateway", "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>Microsoft-Azure-Application-Gateway/v2</center>\r\n</body>\r\n</html>\r\n",
			Page{Status: 502, MadeBy: ApplicationGateway}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse(strings.NewReader(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			got := Page{Status: p.Status, SubStatus: p.SubStatus, HasSub: p.HasSub, MadeBy: p.MadeBy}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if p.HasSub && p.Code != 0 && (p.Code != detailed.Code || p.URL != detailed.URL) {
				t.Errorf("code %#x, URL %q", p.Code, p.URL)
			}
		})
	}
}

func TestNoErrorPage(t *testing.T) {
	for name, text := range map[string]string{
		"empty":           "",
		"binary":          "\x00\x01\x02\xff\xfe\x00",
		"nginx":           "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body></html>",
		"framework":       "<html><body><h1>404 - Page not found</h1></body></html>",
		"address":         "HTTP://192.168.0.5/ and HTTP/1.1 200 OK\nModule\tx\nNotification\ty\nHandler\tz\nCode\t0x80072ee2\n",
		"an article":      "<html><body><h1>How we fixed it</h1><p>HTTP Error 503. Sorry.</p>" + strings.Repeat("<p>Many words follow here.</p>", 200) + "</body></html>",
		"a log":           "2026-03-05 09:14:07 GET / 502 3 12002 29889\n",
		"headline only":   "HTTP Error 502.3 - Bad Gateway\n",
		"code on its own": "HTTP Error 502.3 - Bad Gateway\nError Code\t0x80072ee2\n",
	} {
		t.Run(name, func(t *testing.T) {
			if p, err := Parse(strings.NewReader(text)); !errors.Is(err, ErrFormat) || p != nil {
				t.Errorf("%+v, %v", p, err)
			}
			if Recognise([]byte(text)) {
				t.Error("recognised")
			}
		})
	}
}

// What stands on the page of the user must not come out.
func TestNothingPrivate(t *testing.T) {
	for _, text := range []string{saved(english), copied(german, "\t"), copied(chinese, "\n")} {
		p, err := Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if s := fmt.Sprintf("%+v", *p); strings.Contains(s, "alice") || strings.Contains(s, "wwwroot") {
			t.Error(s)
		}
	}
}

// check fails if a page says what its text cannot say. The values of a page are in its text.
func check(t *testing.T, text []byte) *Page {
	t.Helper()
	p, err := Parse(bytes.NewReader(text))
	if err != nil {
		if p != nil || !errors.Is(err, ErrFormat) {
			t.Fatalf("%+v, %v", p, err)
		}
		return nil
	}
	if p.MadeBy == "" || p.Status != 0 && (p.Status < 100 || p.Status > 599) || p.SubStatus > 999 || p.SubStatus < 0 || p.SubStatus != 0 && !p.HasSub {
		t.Fatalf("%+v", p)
	}
	if p.URL != "" && !strings.Contains(strings.ToLower(p.URL), "://") || len(p.Module) > maxLine || len(p.Handler) > maxLine {
		t.Fatalf("%+v", p)
	}
	if p.Module != "" && (p.Notification == "" || p.Handler == "") {
		t.Fatalf("%+v", p)
	}
	if len(text) <= HeadSize && !Recognise(text) {
		t.Fatal("not recognised")
	}
	return p
}

func TestTruncated(t *testing.T) {
	for _, text := range []string{saved(german), copied(english, "\t"), copied(japan, "\n")} {
		found := 0
		for n := range len(text) {
			if p := check(t, []byte(text[:n])); p != nil {
				found++
				url := strings.TrimRight(p.URL, "amp") // of a character reference
				if p.Module != detailed.Module || p.Handler != detailed.Handler || !strings.HasPrefix(detailed.URL, url) {
					t.Fatalf("cut at %d: %+v", n, p)
				}
			}
		}
		if found == 0 {
			t.Error("no page without its end")
		}
	}
}

func TestMutated(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	texts := [][]byte{[]byte(saved(german)), []byte(copied(english, "\t")), []byte("HTTP Error 503. Sorry.")}
	for i := range 10_000 {
		text := bytes.Clone(texts[i%len(texts)])
		for range 1 + r.IntN(8) {
			text[r.IntN(len(text))] = byte(r.IntN(256))
		}
		check(t, text)
	}
}

// A page that never ends is read as far as the limit.
func TestEndless(t *testing.T) {
	for name, fill := range map[string]string{"line": "x", "tags": "<", "open tags": "<div ", "comments": "<!-- ", "style": "<style>", "ends": "</", "scripts": "<script></", "rows": "a 0x80072ee2\n"} {
		t.Run(name, func(t *testing.T) {
			r := &endless{fill: fill, left: 1 << 30}
			p, err := Parse(io.MultiReader(strings.NewReader("<html>"), r))
			if !errors.Is(err, ErrFormat) || p != nil {
				t.Errorf("%+v, %v", p, err)
			}
			if read := 1<<30 - r.left; read > maxSize+1<<20 {
				t.Errorf("%d bytes read", read)
			}
		})
	}
	p, err := Parse(io.MultiReader(strings.NewReader(saved(english)), &endless{fill: " ", left: 1 << 30}))
	if err != nil || !p.Cut || p.Code != detailed.Code {
		t.Errorf("%+v, %v", p, err)
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

func TestReadError(t *testing.T) {
	broken := errors.New("broken")
	if _, err := Parse(io.MultiReader(strings.NewReader(saved(english)), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, labels := range [][]string{english, german, japan, chinese, french} {
		f.Add([]byte(saved(labels)))
		f.Add([]byte(copied(labels, "\t")))
		f.Add([]byte(copied(labels, "\n")))
	}
	f.Add([]byte("<h2>Service Unavailable</h2><hr><p>HTTP Error 503. Sorry.</p>"))
	f.Fuzz(func(t *testing.T, text []byte) { check(t, text) })
}

func Example() {
	page := "HTTP Error 502.3 - Bad Gateway\n" +
		"Module\tApplicationRequestRouting\n" +
		"Notification\tExecuteRequestHandler\n" +
		"Handler\tApplicationRequestRoutingHandler\n" +
		"Error Code\t0x80072ee2\n"
	p, err := Parse(strings.NewReader(page))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d.%d from %s, %#x\n", p.Status, p.SubStatus, p.MadeBy, p.Code)
	// Output: 502.3 from arr, 0x80072ee2
}
