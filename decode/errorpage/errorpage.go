// Package errorpage reads the error pages that users save or copy from the browser: they say which module of which
// server gave up, and with which code.
//
//	HTTP-Fehler 502.3 - Bad Gateway                      status and substatus
//	...
//	Modul            ApplicationRequestRouting           the module that set the status
//	Benachrichtigung ExecuteRequestHandler
//	Handler          ApplicationRequestRoutingHandler
//	Fehlercode       0x80072ee2                          ← eight hexadecimal digits: the rows above it are those
//	Angeforderte URL http://shop.example:80/time/        ← a URL
//
// The page above is the detailed error page of IIS 7 and later, in any language: labels are translated, order and
// values are not. A copy from a browser has the same rows, parted by tabs or blanks, or each value below its label.
// Besides it there are the short pages of HTTP.sys, of the ASP.NET Core Module, of Azure, and the custom pages that
// IIS shows to remote clients.
//
// Physical path and logon user stand on the page, too; they are not kept. A page does not tell when it was made.
package errorpage

import (
	"bytes"
	"errors"
	"html"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/etwhy/etwhy/decode/charset"
)

// ErrFormat is the error for a text that is no error page.
var ErrFormat = errors.New("not an error page of IIS or of what stands before it")

// Who makes error pages.
const (
	IIS                = "iis"                 // the worker process; Module tells more
	ARR                = "arr"                 // Application Request Routing, a module of IIS
	ANCM               = "ancm"                // ASP.NET Core Module, a module of IIS
	HTTPSys            = "http.sys"            // the kernel driver: the request reached no worker process
	AppService         = "app service"         // Azure App Service, in front of the app
	ApplicationGateway = "application gateway" // Azure Application Gateway v2
)

// A Page is what an error page tells.
type Page struct {
	Status    int // 0 = not told
	SubStatus int
	HasSub    bool   // SubStatus is told
	Module    string // "" without details, like Notification and Handler
	Notification,
	Handler string // a translated remark if the request had none yet
	Code   uint32 // error code, mostly an HRESULT: 0x80072ee2; 0 = not told
	URL    string // requested
	MadeBy string // one of the constants
	Cut    bool   // the page is longer than what was read of it
}

const (
	maxSize  = 4 << 20
	maxLine  = 4096 // of text; longer ones are passed over
	maxShort = 2048 // visible text of a page without details
)

// HeadSize is how much of a file [Recognise] should see. The details stand behind a style sheet and a list of causes.
const HeadSize = 64 << 10

// Recognise reports whether head, the first HeadSize bytes of a file or all of it, is such a page. It goes by content.
func Recognise(head []byte) bool {
	_, err := parse(head[:min(len(head), HeadSize)])
	return err == nil
}

// Parse reads a page, of which it reads no more than 4 MB. The error is ErrFormat if it is none.
func Parse(r io.Reader) (*Page, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, err
	}
	p, err := parse(b[:min(len(b), maxSize)])
	if p != nil {
		p.Cut = len(b) > maxSize
	}
	return p, err
}

var (
	// What stands around "HTTP" and the number is translated. No URL with an address must match, nor a version.
	headline   = regexp.MustCompile(`HTTP[^0-9:/<>]{1,40}?([1-5]\d\d)\.(\d{1,3})(?:[^.\d]|$)`)
	title      = regexp.MustCompile(`^IIS .*[-–] ([1-5]\d\d)\.(\d{1,3}) [-–] `)
	code       = regexp.MustCompile(`(?:^|[^0-9A-Za-z])0x([0-9a-fA-F]{8})$`)
	urlValue   = regexp.MustCompile(`^(?i:https?)://\S+$`)
	bareStatus = regexp.MustCompile(`^([45]\d\d) \pL`) // of a gateway: "502 Bad Gateway"
)

// short are the pages without details, by a mark in one of their lines. The groups are status and substatus.
var short = []struct {
	madeBy string
	mark   *regexp.Regexp
	source string // what the source has besides
	status int    // if no line has it
}{
	{HTTPSys, regexp.MustCompile(`^HTTP Error ([45]\d\d)\. `), "", 0},
	{ANCM, regexp.MustCompile(`^HTTP Error (500)\.(3\d) [-–] `), "", 0},
	{ANCM, regexp.MustCompile(`^HTTP Error (50[02])\.(\d{1,2}) [-–] (?:ANCM |Process Failure|.*\bNET Core\b)`), "", 0},
	{AppService, regexp.MustCompile(`(?i)^The specified CGI application encountered an error`), "", 502},
	{AppService, regexp.MustCompile(`^Error (403) [-–] .*\bweb app\b`), "", 0},
	{ApplicationGateway, regexp.MustCompile(`^Microsoft-Azure-Application-Gateway/`), "", 0},
	// What IIS shows to remote clients, App Service's among them: translated, always with the same style sheet.
	{IIS, regexp.MustCompile(`^([45]\d\d) [-–] \pL`), "content-container", 0},
	{IIS, regexp.MustCompile(`^(502) [-–] Web server received an invalid response`), "", 0}, // copied
}

func parse(b []byte) (*Page, error) {
	text := charset.Bytes(b)
	s := string(text)
	if isHTML(text) {
		s = html.UnescapeString(visible(s))
	}
	var lines []string
	size := 0
	for l := range strings.Lines(s) {
		if l = strings.Trim(l, " \t\r\n\x00\u00a0"); l != "" && len(l) <= maxLine {
			lines = append(lines, strings.ToValidUTF8(l, "\ufffd"))
			size += len(l)
		}
	}
	p := new(Page)
	for _, l := range lines {
		for _, form := range []*regexp.Regexp{headline, title} {
			if m := form.FindStringSubmatch(l); m != nil && !p.HasSub {
				p.status(m)
			}
		}
	}
	if p.HasSub && p.details(lines) {
		p.MadeBy = maker(p.Module)
		return p, nil
	}
	if size > maxShort {
		return nil, ErrFormat
	}
	for _, f := range short {
		for _, l := range lines {
			m := f.mark.FindStringSubmatch(l)
			if m == nil || !bytes.Contains(text, []byte(f.source)) {
				continue
			}
			p.MadeBy = f.madeBy
			if p.status(m); p.Status == 0 {
				p.Status = f.status
			}
			for i := 0; i < len(lines) && p.Status == 0; i++ {
				p.status(bareStatus.FindStringSubmatch(lines[i]))
			}
			return p, nil
		}
	}
	return nil, ErrFormat
}

// status sets the status, and the substatus if it has one, from the groups of a match.
func (p *Page) status(m []string) {
	if len(m) > 1 && m[1] != "" {
		p.Status, _ = strconv.Atoi(m[1])
	}
	if len(m) > 2 {
		p.SubStatus, _ = strconv.Atoi(m[2])
		p.HasSub = true
	}
}

// makers are modules that people take for a server of its own.
var makers = map[string]string{
	"applicationrequestrouting": ARR, "requestrouter": ARR,
	"aspnetcoremodule": ANCM, "aspnetcoremodulev2": ANCM,
	"dwasmodule": AppService,
}

func maker(module string) string {
	if m := makers[strings.ToLower(module)]; m != "" {
		return m
	}
	return IIS
}

// details finds the row with the error code, and by it the others. It reports whether there are such rows.
func (p *Page) details(lines []string) bool {
	for i, l := range lines {
		m := code.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		// The others are the three rows above it, or, where each value has a line of its own, every other line.
		step, value := 1, valueOf
		if len(l) == len("0x80072ee2") {
			step, value = 2, func(row string) string { return row }
		}
		if i < 3*step {
			continue
		}
		module, notification, handler := value(lines[i-3*step]), value(lines[i-2*step]), value(lines[i-step])
		if module == "" || notification == "" || handler == "" {
			continue
		}
		p.Module, p.Notification, p.Handler = module, notification, handler
		n, _ := strconv.ParseUint(m[1], 16, 32)
		p.Code = uint32(n)
		for _, l := range lines[i+1:] {
			if v := value(l); urlValue.MatchString(v) {
				p.URL = v
				break
			}
		}
		return true
	}
	return false
}

var gap = regexp.MustCompile(`\s*\t[\s\x{a0}]*|[ \x{a0}]{2,}|[:：][ \x{a0}]+`)

// valueOf returns what follows the label of a row. Where only a blank parts them, the label is one word, or all
// before a URL.
func valueOf(row string) string {
	if at := gap.FindStringIndex(row); at != nil {
		return strings.Trim(row[at[1]:], " \t\u00a0")
	}
	if last := row[strings.LastIndexByte(row, ' ')+1:]; urlValue.MatchString(last) {
		return last
	}
	_, value, _ := strings.Cut(row, " ")
	return value
}

func isHTML(b []byte) bool {
	head := bytes.ToLower(b[:min(len(b), 4096)])
	for _, tag := range []string{"<!doctype html", "<html", "<head", "<title", "<body", "<h1", "<h2", "<table"} {
		if bytes.Contains(head, []byte(tag)) {
			return true
		}
	}
	return false
}

// breaks are the tags that begin a line; cells of a table are parted by tabs.
var breaks = map[string]byte{
	"tr": '\n', "p": '\n', "br": '\n', "div": '\n', "li": '\n', "ul": '\n', "title": '\n', "table": '\n', "hr": '\n', "body": '\n',
	"h1": '\n', "h2": '\n', "h3": '\n', "h4": '\n', "h5": '\n', "h6": '\n', "fieldset": '\n', "legend": '\n', "center": '\n', "pre": '\n',
	"dt": '\n', "dd": '\n', "section": '\n', "header": '\n', "footer": '\n', "main": '\n', "td": '\t', "th": '\t',
}

// hidden are the tags whose content is not text.
var hidden = map[string]bool{"style": true, "script": true}

// blanks: line ends of the source are no more than that.
var blanks = strings.NewReplacer("\r", " ", "\n", " ", "\t", " ")

// visible returns the text of a page as a browser copies it, with character references.
func visible(s string) string {
	var out strings.Builder
	for s != "" {
		at := strings.IndexByte(s, '<')
		if at < 0 {
			at = len(s)
		}
		out.WriteString(blanks.Replace(s[:at]))
		if s = s[at:]; strings.HasPrefix(s, "<!--") {
			_, s, _ = strings.Cut(s[len("<!--"):], "-->")
			continue
		}
		tag, rest, _ := strings.Cut(s, ">")
		s = rest
		name := strings.ToLower(strings.TrimLeft(tag, "</"))
		if i := strings.IndexAny(name, " \t\r\n/"); i >= 0 {
			name = name[:i]
		}
		if b, ok := breaks[name]; ok && !(b == '\t' && strings.HasPrefix(tag, "</")) {
			out.WriteByte(b)
		}
		if hidden[name] && !strings.HasPrefix(tag, "</") {
			s = after(s, "</"+name)
		}
	}
	return out.String()
}

// after returns what follows a tag, in any case, from its '>' on.
func after(s, tag string) string {
	for {
		at := strings.Index(s, "</")
		if at < 0 {
			return ""
		}
		s = s[at:]
		if len(s) >= len(tag) && strings.EqualFold(s[:len(tag)], tag) {
			return s
		}
		s = s[len("</"):]
	}
}
