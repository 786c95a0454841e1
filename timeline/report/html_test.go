package report

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
)

// Browser tests of the HTML report. They are skipped where there is no Chromium, unless ETWHY_TOOLS=required.
// With ETWHY_SHOTS=DIR they leave pictures there, to be looked at.

// patience is when a test gives up: nothing else of these tests looks at a clock, so that they do not fail because a machine
// is busy.
const patience = 3 * time.Minute

// A browserTab is a page of the browser that complains about all that a report must not do.
type browserTab struct {
	*testing.T
	ctx context.Context
	url string // of the file that is shown

	mu     sync.Mutex
	faults []string
}

// chromium starts the browser; each tab of it is one of the returned function.
func chromium(t *testing.T) func(t *testing.T) *browserTab {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		if os.Getenv("ETWHY_TOOLS") == "required" {
			t.Fatal("no chromium, and ETWHY_TOOLS=required")
		}
		t.Skip("no chromium")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 900), chromedp.WSURLReadTimeout(patience))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	quiet := chromedp.WithErrorf(func(string, ...any) {}) // events of browsers that are newer than the library
	first, stop := chromedp.NewContext(allocator, quiet)
	t.Cleanup(stop)
	if err := chromedp.Run(first); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	t.Cleanup(func() { // it leaves folders if it is killed
		ctx, stop := context.WithTimeout(first, patience)
		defer stop()
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("ending %s: %v", path, err)
		}
	})
	return func(t *testing.T) *browserTab {
		ctx, stop := chromedp.NewContext(first)
		t.Cleanup(stop)
		ctx, stop = context.WithTimeout(ctx, patience)
		t.Cleanup(stop)
		b := &browserTab{T: t, ctx: ctx}
		chromedp.ListenTarget(ctx, func(event any) {
			switch e := event.(type) {
			case *network.EventRequestWillBeSent:
				if u, _, _ := strings.Cut(e.Request.URL, "#"); u != b.url {
					b.fault("asks for %s", e.Request.URL)
				}
			case *runtime.EventConsoleAPICalled:
				args, _ := json.Marshal(e.Args)
				b.fault("console: %s %s", e.Type, args)
			case *runtime.EventExceptionThrown:
				b.fault("exception: %s", e.ExceptionDetails.Error())
			case *log.EventEntryAdded:
				b.fault("log: %s %s", e.Entry.Source, e.Entry.Text)
			case *cdppage.EventJavascriptDialogOpening:
				b.fault("dialog: %s", e.Message)
			}
		})
		b.run(network.Enable(), log.Enable(), runtime.Enable(), emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}))
		t.Cleanup(func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, f := range b.faults {
				t.Error(f)
			}
		})
		return b
	}
}

func (b *browserTab) fault(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

func (b *browserTab) run(actions ...chromedp.Action) {
	b.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

// open writes a report and shows it, at a place of it if hash is not "".
func (b *browserTab) open(a *Analysis, hash string) {
	b.Helper()
	var buf bytes.Buffer
	if err := WriteAnalysis(&buf, "html", a, Options{}); err != nil {
		b.Fatal(err)
	}
	name := filepath.Join(b.TempDir(), "report.html")
	if err := os.WriteFile(name, buf.Bytes(), 0o666); err != nil {
		b.Fatal(err)
	}
	b.url = "file://" + filepath.ToSlash(name)
	b.run(chromedp.Navigate(b.url + hash))
}

// get evaluates an expression in the page.
func (b *browserTab) get(js string) string {
	b.Helper()
	var out any
	if err := chromedp.Run(b.ctx, chromedp.Evaluate(js, &out)); err != nil {
		return err.Error() // what is waited for is not there yet
	}
	return strings.TrimSpace(fmt.Sprint(out))
}

// wait waits until an expression is true.
func (b *browserTab) wait(js string) {
	b.Helper()
	if b.until("!!("+js+")", "true") == "true" {
		return
	}
	left, _, _ := strings.Cut(js, ".startsWith(")
	left, _, _ = strings.Cut(left, ".includes(")
	b.Fatalf("never: %s\nit is %s", js, b.get(left))
}

// is waits until an expression has a value.
func (b *browserTab) is(js, want string) {
	b.Helper()
	if got := b.until(js, want); got != want {
		b.Errorf("%s is %q, not %q", js, got, want)
	}
}

// until evaluates an expression until it has a value, and returns the last one.
func (b *browserTab) until(js, want string) (got string) {
	const most = patience / 6 // so that what else is wrong is told as well
	for end := time.Now().Add(most); ; time.Sleep(10 * time.Millisecond) {
		if got = b.get(js); got == want || b.ctx.Err() != nil || time.Now().After(end) {
			return got
		}
	}
}

// drawn waits until the page shows what was done to it, as anybody does who goes by what they see: the browser tells of a
// closed panel, and the page lays out its rows, with the next picture. Whatever acts on the page comes behind it.
func (b *browserTab) drawn() {
	b.Helper()
	const js = `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(""))))`
	b.run(chromedp.Evaluate(js, nil, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
}

// keys presses keys, one after the other.
func (b *browserTab) keys(keys ...string) {
	b.Helper()
	b.drawn()
	for _, k := range keys {
		b.run(chromedp.KeyEvent(k))
	}
}

func (b *browserTab) click(selector string) {
	b.Helper()
	b.drawn()
	b.run(chromedp.Click(selector, chromedp.ByQuery))
}

func (b *browserTab) focus(selector string) {
	b.Helper()
	b.drawn()
	b.run(chromedp.Focus(selector, chromedp.ByQuery))
}

// filter puts a filter into its box, as if typed, and waits until the list shows what fits it.
func (b *browserTab) filter(text string) {
	b.Helper()
	q, _ := json.Marshal(text)
	b.run(chromedp.Evaluate(fmt.Sprintf(`{
		const f = document.getElementById("filter");
		f.value = %s;
		f.dispatchEvent(new Event("input"));
	}`, q), nil))
	b.drawn()
}

// mouse moves, presses or turns something at a place of an element, as parts of its width.
func (b *browserTab) mouse(kind input.MouseType, selector string, part float64, more func(*input.DispatchMouseEventParams)) {
	b.Helper()
	b.drawn()
	var box [4]float64
	b.run(chromedp.Evaluate(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.scrollIntoView({ block: "nearest" }); const r = e.getBoundingClientRect(); return [r.left, r.top, r.width, r.height] })()`, selector), &box))
	p := input.DispatchMouseEvent(kind, box[0]+box[2]*part, box[1]+box[3]/2)
	if more != nil {
		more(p)
	}
	b.run(p)
}

// shot leaves a picture, if that is wanted.
func (b *browserTab) shot(name string) {
	dir := os.Getenv("ETWHY_SHOTS")
	if dir == "" {
		return
	}
	var png []byte
	b.run(chromedp.CaptureScreenshot(&png))
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o666); err != nil {
		b.Error(err)
	}
}

// browsed is an analysis with some of everything: 214 requests, the machine two hours ahead of UTC.
func browsed() *Analysis {
	slow := receiveTimeout(at("12:31:52.9"))
	list := append(many(200, "10.0.0.11:80"), slow)
	for i := range 10 {
		list = append(list, connectTimeout(at("12:32:00").Add(time.Duration(i)*time.Second), "10.0.0.12:80"))
	}
	left := receiveTimeout(at("12:32:30"))
	left.Outcome, left.Error, left.WinHTTP, left.Timer, left.End = timeline.Cancelled, 0, timeline.WinHTTPCode{}, nil, left.Start.Add(ms(4200))
	left.Phases[2].Outcome, left.Phases[2].Error, left.Phases[2].End = timeline.Cancelled, 0, left.End
	left.Verdict = nil
	hangs := receiveTimeout(at("12:33:20"))
	hangs.End, hangs.Outcome, hangs.Error, hangs.Timer, hangs.Verdict = 0, timeline.Unfinished, 0, nil, nil
	hangs.WinHTTP, hangs.Partial = timeline.WinHTTPCode{}, timeline.PartialEnd
	hangs.Phases[2].End, hangs.Phases[2].Outcome, hangs.Phases[2].Error = 0, timeline.Unfinished, 0
	slow.Proxied, slow.Status, slow.SubStatus, slow.HasSub = true, 502, 3, true
	slow.Client = "192.168.0.204:49247"
	slow.Related = []timeline.Related{{Input: 1, Kind: "iis-log", By: "X-ARR-LOG-ID", Confidence: timeline.Certain, Time: at("12:32:22"), Text: "502.3, win32 12002, 30,002 ms"}}
	slow.Behind = &timeline.Behind{
		Input: 1, Start: slow.Start.Add(ms(3)), End: slow.Start.Add(ms(45203)), Took: ms(45200), Status: 200,
		Phases: []timeline.Phase{{Name: timeline.PhaseProcess, Start: slow.Start.Add(ms(3)), End: slow.Start.Add(ms(45203)), Outcome: timeline.OK}},
	}
	slow.Verdict.Evidence[1].Text = "WebIO 201 connected"
	list = append(list, left, hangs, refused(at("12:33:30"), "10.0.0.13:8080"))
	a := analysis(list...)
	a.Inputs = append(a.Inputs, Input{Path: "case/u_ex110722.log", Kind: string(timeline.KindIISLog), Size: 4096, Start: at("12:26:00"), End: at("12:34:00"), Lines: 80, Entries: 76})
	a.Traces = append(a.Traces, timeline.InputResult{Path: "case/u_ex110722.log"})
	a.Details = NewDetails(a)
	d := a.Details.Of(slow.ID)
	for i := range 40 {
		d.Moments = append(d.Moments, Moment{
			Time: slow.Start.Add(ms(float64(i) * 0.1)), Source: "TCPIP", ID: uint16(1000 + i), Event: "TcpDataTransferSend", Level: 4,
			Text:   fmt.Sprintf("TCP: connection 0xffff%04x: send, %d bytes", i, 40*i),
			Fields: []Field{{"Tcb", fmt.Sprintf("0xffff%04x", i)}, {"NumBytes", fmt.Sprint(40 * i)}, {"Tick", fmt.Sprint(7 * i)}},
		})
	}
	d.Moments = append(d.Moments, Moment{Time: slow.Verdict.Evidence[1].Time, Source: "WebIO", ID: 201, Event: "ConnectionConnected", Level: 4, Text: "Connection established", Fields: []Field{{"Connection", "0x7ff1"}, {"Error", "0"}}})
	slices.SortStableFunc(d.Moments, func(x, y Moment) int { return int(x.Time - y.Time) })
	d.Omitted, d.tail = 412, 20
	d.Diaries = []*Diary{{
		Input: 1, Request: &freb.Request{URL: slow.URL, Verb: "GET", Start: slow.Start, End: slow.End, Events: 2},
		Events: []freb.Event{
			{Time: slow.Start, Source: "WWW Server", Name: "GENERAL_REQUEST_START", Fields: []freb.Field{{Name: "ContextId", Value: "{1}"}, {Name: "RequestVerb", Value: "GET"}}},
			{Time: slow.End, Source: "WWW Server", Name: "MODULE_SET_RESPONSE_ERROR_STATUS", Level: 3, Fields: []freb.Field{{Name: "Notification", Value: "128", Text: "EXECUTE_REQUEST_HANDLER"}}},
		},
	}}
	return a
}

func TestHTMLInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	// What the tests look at.
	const (
		count   = `document.querySelector(".count").textContent`
		onTop   = `document.querySelector(".body .row[aria-rowindex='2'] .f-id").textContent`
		focused = `document.activeElement.querySelector(".f-id").textContent`
		panel   = `document.getElementById("detail").open`
		heading = `document.querySelector("#detail h2").textContent`
		axis    = `document.querySelector(".ruler").getAttribute("aria-label")`
	)
	t.Parallel()
	newTab := chromium(t)

	t.Run("filter", func(t *testing.T) {
		b := newTab(t)
		b.open(browsed(), "")
		b.is(count, "214 of 214 requests")
		b.shot("list-1280-light")
		for _, test := range []struct{ filter, want string }{
			{"outcome:failed", "12"}, {"is:failed", "12"}, {"-is:ok", "14"}, {"is:cancelled is:unfinished", "2"}, // the same twice: one of them
			{"phase:connect", "11"}, {"phase:wait", "0"}, {"server:10.0.0.12", "10"}, {"server:10.0.0.1", "211"},
			{"status:502", "1"}, {"status:502.3", "1"}, {"status:502.4", "0"}, {"status:2xx", "200"},
			{"pid:1432", "214"}, {"pid:143", "0"}, {"pool:arrp", "214"}, {"method:get", "214"}, {"method:post", "0"},
			{"code:12002", "11"}, {"code:0x274C", "10"}, {"code:WSAECONNREF", "1"}, {"id:r12", "1"}, {"id:r12 id:13", "2"},
			{"verdict:T1", "1"}, {"verdict:t4 server:10.0.0.12", "10"}, {"verdict:\"no answer within\"", "1"},
			{"ms>5000", "11"}, {"ms>=21000", "11"}, {"ms<100 is:ok", ""}, {"MS>5000", "11"}, {"is:limit", "1"},
			{"page3", ""}, {"-page3 is:ok", ""}, {"\"page3?id=3\" is:ok", ""}, {"10.0.0.13:8080", "1"}, {"http://10.0.0.13", "1"}, {"Page3?ID=10", ""},
			{"client:192.168.0.204", "1"}, {"nothing such", "0"},
		} {
			b.filter(test.filter)
			got, _, _ := strings.Cut(b.get(count), " ")
			want := test.want
			if want == "" {
				want = fmt.Sprint(plainCount(t, test.filter))
			}
			if got != want {
				t.Errorf("%s: %s requests, not %s", test.filter, got, want)
			}
			if said := b.get(`document.querySelector(".said").textContent`); said != "" {
				t.Errorf("%s: it says %q", test.filter, said)
			}
		}
		b.filter("colour:red")
		b.is(`document.querySelector(".said").textContent`, "\u201ccolour:\u201d is no word of this filter, so \u201ccolour:red\u201d is looked for as text.")
		b.is(`document.querySelector(".none").hidden`, "false")
		b.shot("list-1280-none")
		b.filter("is:purple")
		b.wait(`document.querySelector(".said").textContent.includes("After is: there may be failed")`)
		b.filter("ms>fast")
		b.wait(`document.querySelector(".said").textContent.includes("number of milliseconds")`)
		b.filter("server:")
		b.wait(`document.querySelector(".said").textContent.includes("needs a value")`)

		b.get(`document.activeElement.blur()`)
		b.keys("/")
		b.is(`document.activeElement.id`, "filter")
		b.keys(kb.Escape)
		b.is(count, "214 of 214 requests")
		b.is(`document.getElementById("filter").value`, "")
		b.keys("i", "s", ":", "f", "a", "i", "l", "e", "d")
		b.is(count, "12 of 214 requests")
		b.shot("list-1280-failed")
		b.click(`.chip[aria-pressed="true"]`)
		b.is(count, "214 of 214 requests")
	})

	t.Run("sort", func(t *testing.T) {
		b := newTab(t)
		b.open(browsed(), "")
		b.is(onTop, "r201") // the failed ones first, in the order of time
		b.is(`document.querySelector("[data-key=outcome]").ariaSort`, "ascending")
		b.is(`[...document.querySelectorAll(".body .row .f-outcome")].slice(0, 15).map((e) => e.textContent).join()`,
			strings.Repeat("failed,", 12)+"unfinished,cancelled,ok")
		b.click(`[data-key="start"] button`)
		b.is(onTop, "r1")
		b.is(`document.querySelector("[data-key=start]").ariaSort`, "ascending")
		b.click(`[data-key="took"] button`) // the slowest first
		b.is(onTop, "r201")
		b.is(`document.querySelector("[data-key=took]").ariaSort`, "descending")
		b.is(`document.querySelector("[data-key=start]").ariaSort`, "none")
		b.click(`[data-key="took"] button`)
		b.is(`document.querySelector("[data-key=took]").ariaSort`, "ascending")
		b.is(onTop, "r1")
		b.focus(`[data-key="outcome"] button`)
		b.keys(kb.Enter)
		b.is(`document.querySelector("[data-key=outcome]").ariaSort`, "ascending")
		b.is(onTop, "r201") // failed
		b.keys(kb.Enter)
		b.is(onTop, "r1") // ok
		b.keys(kb.Tab)
		b.is(`document.activeElement.title`, "Sort by Phase")
		b.keys(" ")
		b.is(onTop, "r202") // those without a phase come last
		b.focus(`[data-key="status"] button`)
		b.keys(kb.Enter, kb.Enter)
		b.is(onTop, "r201")
	})

	t.Run("keyboard", func(t *testing.T) {
		b := newTab(t)
		b.open(browsed(), "")
		b.wait(`document.querySelector(".body .row")`)
		b.click(`[data-key="start"] button`)
		b.is(onTop, "r1")
		b.wait(`document.querySelectorAll(".body .row").length <= 60`)
		b.is(`document.querySelector("[role=grid]").getAttribute("aria-rowcount")`, "215")
		b.focus(`.body .row[tabindex="0"]`)
		b.keys(kb.ArrowDown, kb.ArrowDown, kb.ArrowUp)
		b.is(focused, "r2")
		b.keys(kb.End)
		b.is(focused, "r214")
		b.is(`document.activeElement.getAttribute("aria-rowindex")`, "215")
		b.keys(kb.PageUp)
		b.wait(focused + ` !== "r214"`)
		b.keys(kb.Home)
		b.is(focused, "r1")
		b.is(`document.querySelectorAll(".body .row[tabindex='0']").length`, "1")
		// The focus is not lost when its row is scrolled out of view.
		b.get(`document.querySelector("[role=grid]").scrollTop = 4000`)
		b.wait(`document.querySelector(".body .row[aria-rowindex='120']")`)
		b.is(focused, "r1")
		b.keys(kb.ArrowDown, kb.Enter)
		b.is(panel, "true")
		b.is(heading, "r2 ok 200")
		b.is(`location.hash`, "#r2")
		b.keys("j")
		b.is(heading, "r3 ok 200")
		b.keys("k", "k")
		b.is(heading, "r1 ok 200")
		b.keys(kb.Escape)
		b.is(panel, "false")
		b.is(focused, "r1")
		b.is(`location.hash`, "")
	})

	t.Run("zoom", func(t *testing.T) {
		b := newTab(t)
		b.open(browsed(), "")
		b.is(count, "214 of 214 requests")
		const all = "Time axis, from the start of each request: 0 to 47.915 s."
		b.wait(axis + `.startsWith("` + all + `")`)
		b.click(`[aria-label="Zoom in"]`)
		b.wait(axis + `.includes(": 0 to 23.958 s")`)
		b.click(`[aria-label="Zoom out"]`)
		b.wait(axis + `.startsWith("` + all + `")`)
		b.focus(`.ruler`)
		b.keys("+", "+")
		b.wait(axis + `.includes(": 0 to 11.979 s")`)
		b.keys(kb.ArrowRight)
		b.wait(axis + `.includes(": 2.995 s to 14.973 s")`)
		b.keys("-")
		b.keys("0")
		b.wait(axis + `.startsWith("` + all + `")`)
		ctrl := func(p *input.DispatchMouseEventParams) { p.Modifiers, p.DeltaY = input.ModifierCtrl, -100 }
		b.mouse(input.MouseWheel, ".ruler", 0.25, ctrl)
		b.wait(`/: 2\.\d+ s to 40\.\d+ s\./.test(` + axis + `)`)
		b.click(`[title="Show all (0)"]`)
		b.mouse(input.MousePressed, ".ruler", 0.25, func(p *input.DispatchMouseEventParams) { p.Button, p.ClickCount = input.Left, 1 })
		b.mouse(input.MouseMoved, ".ruler", 0.4, func(p *input.DispatchMouseEventParams) { p.Button = input.Left })
		b.mouse(input.MouseMoved, ".ruler", 0.5, func(p *input.DispatchMouseEventParams) { p.Button = input.Left })
		b.mouse(input.MouseReleased, ".ruler", 0.5, func(p *input.DispatchMouseEventParams) { p.Button, p.ClickCount = input.Left, 1 })
		b.wait(`/: 1[12]\.\d+ s to 2[34]\.\d+ s\./.test(` + axis + `)`)
		b.shot("zoomed")
		b.click(`[data-mode="clock"]`)
		b.wait(axis + `.startsWith("Time axis, UTC: 12:25:")`)
		b.shot("clock")
	})

	t.Run("detail", func(t *testing.T) {
		b := newTab(t)
		b.open(browsed(), "#r201")
		b.wait(panel)
		b.click(`#detail .close`)
		b.is(panel, "false")
		b.click(`[data-key="start"] button`)
		b.is(onTop, "r1")
		b.get(`location.hash = "#r201"`)
		b.wait(panel)
		b.is(heading, "r201 failed 502.3")
		b.is(`document.activeElement.id`, "detail-title")
		b.shot("detail-1280-light")
		text := b.get(`document.querySelector("#detail").innerText`)
		for _, want := range []string{
			"192.168.0.216 sent no answer within 30 s.", "likely", "How sure:", "What this rests on", "Do now", "Find out", "Not\n", "raise the time-out of the proxy's farm",
			"http://192.168.0.216/time/", "2011-07-22 12:31:52.900 UTC", "30.0 s", "502.3", "1460 ERROR_TIMEOUT", "receive 30 s (set in the trace)",
			"w3wp.exe, PID 1432, pool ARRPool", "12002 ERROR_WINHTTP_TIMEOUT (0x80072EE2), known from the trace", "dbf06c50-adb0-4141-8c04-20bc2f193a61", "192.168.0.204:49247",
			"45.2 s, answered 200", "connect", "wait", "failed", "process", "412 events between these two left out: etwhy events --id r201 shows all.",
			"TCPIP 1000", "send, 40 bytes", "WebIO 201", "evidence", "trace 50", "IIS log 4", "MODULE_SET_RESPONSE_ERROR_STATUS", "Notification EXECUTE_REQUEST_HANDLER", "Failed Request Tracing: IIS log", "12:32:22\t", "12:31:52.9010",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the detail does not say %q", want)
			}
		}
		if strings.Contains(text, "12:32:22.0") {
			t.Error("a log's time is shown finer than it is")
		}
		// What the verdict rests on can be looked at alone.
		const lines = `document.querySelectorAll(".tale .line").length`
		all := b.get(lines)
		b.click(".tale > .tray > .chip")
		b.is(`[...document.querySelectorAll(".tale .line")].filter((e) => e.querySelector(".key")).length`, strings.TrimPrefix(b.get(`document.querySelector(".tale > .tray > .chip").textContent`), "Only evidence "))
		b.is(`[...document.querySelectorAll(".tale .line")].filter((e) => !e.querySelector(".key")).length`, "0")
		b.click(".tale > .tray > .chip")
		b.is(lines, all)
		// The event that the verdict quotes is told once, in its words; its own message and fields are in the drawer.
		b.is(`[...document.querySelectorAll(".tale .line")].filter((e) => e.textContent.includes("WebIO 201")).length`, "1")
		b.get(`[...document.querySelectorAll(".tale .line")].find((e) => e.textContent.includes("WebIO 201")).querySelector("button").focus()`)
		b.keys(kb.Enter)
		b.is(`document.activeElement.getAttribute("aria-expanded")`, "true")
		drawer := b.get(`document.querySelector(".raw").innerText`)
		for _, want := range []string{"Connection established", "ConnectionConnected", "0x7ff1", "net.etl", "information", "2011-07-22 12:31:52.901000 UTC"} {
			if !strings.Contains(drawer, want) {
				t.Errorf("the drawer does not say %q: %s", want, drawer)
			}
		}
		b.get(`document.querySelector(".raw").scrollIntoView({block: "center"})`)
		b.shot("drawer-1280-light")
		b.keys(kb.Enter)
		b.is(`document.querySelectorAll(".raw").length`, "0")
		b.click(`.tale .line td`)
		b.is(`document.querySelectorAll(".raw").length`, "1")
		b.click(`.chips button:last-child`) // a source less
		b.wait(`!document.querySelector(".tale table").innerText.includes("X-ARR") && document.querySelector(".chips button:last-child").ariaPressed === "false"`)

		b.click(`.chips button:last-child`)
		b.get(`[...document.querySelectorAll(".tale .line")].find((e) => e.textContent.includes("MODULE_SET")).click()`)
		b.click(`.raw a[href="#diary-1-e2"]`) // where the page has the file whole
		b.is(panel, "false")
		b.is(`location.hash`, "#diary-1-e2")
		b.wait(`document.getElementById("diary-1-e2").checkVisibility()`)
		b.get(`location.hash = "#r201"`)
		b.wait(panel)
		b.is(heading, "r201 failed 502.3")

		b.click(`[aria-label="The request before"]`)
		b.is(heading, "r200 ok 200")
		b.is(`location.hash`, "#r200")
		b.click(`#detail .close`)
		b.is(panel, "false")
		b.click(`.body .row[aria-rowindex="201"]`)
		b.is(heading, "r200 ok 200")
		b.keys(kb.Escape)
		b.is(panel, "false")
		b.get(`location.hash = "#r5"`)
		b.wait(panel)
		b.is(heading, "r5 ok 200")
		b.get(`location.hash = "#verdicts"`)
		b.is(panel, "false")
		b.click(`#verdicts a[href="#r202"]`) // of a card
		b.is(heading, "r202 failed")
		b.keys(kb.Escape)
		b.is(`document.activeElement.getAttribute("href")`, "#r202")
	})

	t.Run("markdown", func(t *testing.T) {
		b := newTab(t)
		b.open(browsed(), "#r201")
		b.wait(panel)
		b.get(`navigator.clipboard.writeText = (t) => { window.copied = t; return Promise.resolve() }; ""`)
		b.click(`#detail .copy`)
		b.is(`document.querySelector(".copied").textContent`, "Copied.")
		text := b.get(`window.copied`)
		for _, want := range []string{
			"### r201 failed, 502.3: GET http://192.168.0.216/time/\n", "**192.168.0.216 sent no answer within 30 s.**\n\nHow sure: likely. ", "- Duration: 30.0 s\n",
			"| wait | trace | 2 ms | 30.0 s | failed | 1460 ERROR_TIMEOUT |", "| process | IIS log | 3 ms | 45.2 s | ok |", "| time, UTC | who tells | what | where |",
			"| 12:31:52.901 | trace | connected | net.etl, WebIO 201 |", "**Do now**\n\n1. Only if", "**Find out**\n\n1. ", "**Not**\n\n- ",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the Markdown lacks %q:\n%s", want, text)
			}
		}
		b.get(`window.copied = ""; navigator.clipboard.writeText = () => Promise.reject(new Error("no")); document.addEventListener("copy", () => { window.copied = document.activeElement.value }); ""`)
		b.click(`#detail .copy`)
		b.wait(`window.copied.startsWith("### r201")`)
		b.is(`document.querySelector(".copied").textContent`, "Copied.")
		b.is(`document.querySelectorAll("textarea").length`, "0")
		b.click(`.markdown summary`)
		b.wait(`document.querySelector(".markdown pre").textContent === window.copied`)
	})

	t.Run("tools", func(t *testing.T) {
		b := newTab(t)
		b.open(browsed(), "")
		b.is(count, "214 of 214 requests")
		const background = `getComputedStyle(document.documentElement).backgroundColor`
		light := b.get(background)
		b.click("#theme")
		b.is(`document.documentElement.dataset.theme`, "light")
		b.click("#theme")
		b.wait(background + ` !== "` + light + `"`)
		b.shot("list-1280-dark")
		b.click("#theme")
		b.is(background, light)
		const start = `document.querySelector(".body .row .f-start").textContent`
		b.click(`[data-key="start"] button`)
		b.is(start, "12:26:01.000")
		b.click("#zone")
		b.is(start, "14:26:01.000")
		b.is(`document.querySelector("[data-key=start]").textContent`, "Start, UTC+2")
		b.is(`document.getElementById("zone").textContent`, "Times of the list: UTC+2")
		b.click("#zone")
		b.is(start, "12:26:01.000")
		b.wait(`[...document.querySelectorAll("#verdicts time")].some((e) => e.textContent === "12:32:22.902" && e.title === "2011-07-22 14:32:22.902 UTC+2, by the clock of the captured machine")`)
		b.get(`window.print = () => { window.printed = true }; ""`)
		b.click("#print")
		b.is(`window.printed`, "true")

		const visible = `["#app", ".static"].map((s) => document.querySelector(s).checkVisibility()).join()`
		b.is(visible, "true,false")
		b.run(emulation.SetEmulatedMedia().WithMedia("print"))
		b.is(visible, "false,true")
		b.is(`document.querySelector("#tools").checkVisibility()`, "false")
		const colours = `["--bg", "--ink", "--mark", "--p-wait", "--failed"].map((n) => getComputedStyle(document.documentElement).getPropertyValue(n)).join()`
		paper := b.get(colours)
		b.get(`document.documentElement.dataset.theme = "dark"`)
		b.is(colours, paper)

		// Of a request that is open, it alone is printed.
		b.run(emulation.SetEmulatedMedia().WithMedia(""))
		b.get(`location.hash = "#r201"`)
		b.wait(panel)
		b.run(emulation.SetEmulatedMedia().WithMedia("print"))
		b.is(`["#verdicts", ".static", "#detail .known", "#detail .acts", "#detail .chip", "#detail a.button"].map((s) => document.querySelector(s).checkVisibility()).join()`, "false,false,true,false,false,false")
	})

	t.Run("narrow", func(t *testing.T) {
		b := newTab(t)
		b.run(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2)))
		b.open(browsed(), "")
		b.is(count, "214 of 214 requests")
		b.is(`document.documentElement.scrollWidth`, "390") // nothing sticks out
		b.get(`document.getElementById("requests").scrollIntoView()`)
		b.filter("-is:ok")
		b.is(count, "14 of 214 requests")
		b.shot("list-390-light")
		b.get(`location.hash = "#r201"`)
		b.wait(panel)
		b.is(`document.getElementById("detail").clientWidth`, "390")
		b.is(`document.getElementById("detail").scrollWidth`, "390")
		b.shot("detail-390-light")
		b.get(`document.querySelector(".tale").scrollIntoView()`)
		b.shot("tale-390-light")
	})

	// Of what only logs tell of, nothing is shown finer than they have it, and no filter is offered that finds nothing.
	t.Run("logs", func(t *testing.T) {
		b := newTab(t)
		b.open(models["pool-off"](), "")
		b.wait(`document.querySelectorAll(".body .row").length > 2`)
		b.is(`[...document.querySelectorAll(".body .f-start")].filter((e) => !/^\d\d:\d\d:\d\d$/.test(e.textContent)).length`, "0")
		b.is(`[...document.querySelectorAll(".body .f-bar title")].filter((e) => e.textContent.includes("0 ms")).length`, "0")
		b.wait(`document.querySelector(".body .failed .cross")`)
		b.is(`[...document.querySelectorAll(".body .failed .cross")].every((e) => e.getBBox().x >= 2)`, "true") // none is cut
		chips := b.get(`[...document.querySelectorAll(".hints .chip")].map((e) => e.textContent).join(" ")`)
		if !strings.Contains(chips, "is:failed") {
			t.Errorf("offered: %s", chips)
		}
		for _, chip := range strings.Fields(chips) {
			b.filter(chip)
			if got := b.get(count); strings.HasPrefix(got, "0 ") {
				t.Errorf("%s: %s", chip, got)
			}
		}
		// What happened before it began has a minus, and no plus as well.
		b.filter("is:failed")
		b.get(`document.querySelector(".body .row .f-id a").click()`)
		b.wait(panel)
		const before = `[...document.querySelectorAll(".tale td")].filter((e) => e.textContent.startsWith("\u2212"))`
		b.wait(before + `.length > 0`)
		b.is(before+`.filter((e) => e.matches(".since")).length`, "0")
		b.is(`document.querySelectorAll("#detail .known dd")[0].textContent.includes(".")`, "false")
		b.open(models["healthy"](), "")
		b.wait(`document.querySelector(".body .row")`)
		b.is(`[...document.querySelectorAll(".hints .chip")].map((e) => e.textContent).filter((t) => /failed|outcome/.test(t)).length`, "0")
	})

	t.Run("no scripts", func(t *testing.T) {
		b := newTab(t)
		b.run(emulation.SetScriptExecutionDisabled(true))
		b.open(browsed(), "")
		text := b.get(`document.body.innerText`)
		for _, want := range []string{"214", "nothing answered at 10.0.0.12:80", "192.168.0.216 sent no answer within 30 s", "r201", "http://192.168.0.216/time/"} {
			if !strings.Contains(text, want) {
				t.Errorf("the page does not say %q", want)
			}
		}
		b.is(`["#app", "#tools", ".static"].map((s) => document.querySelector(s).checkVisibility()).join()`, "false,false,true")
		b.shot("no-scripts")
	})

	t.Run("hostile", func(t *testing.T) {
		b := newTab(t)
		b.open(hostileEverywhere(), "#r1")
		b.wait(panel)
		text := b.get(`document.querySelector("#detail").innerText`)
		for _, want := range []string{`</script><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `\u202e`, `\x1b`, "1,048,6"} {
			if !strings.Contains(text, want) {
				t.Errorf("the detail does not show %q", want)
			}
		}
		b.get(`document.querySelectorAll(".tale .line").forEach((e) => e.click()); document.querySelector(".markdown summary").click(); ""`)
		b.wait(`document.querySelector(".markdown pre").textContent`)
		b.is(`document.querySelectorAll("img, iframe, object, link, base, script:not([type='application/json'])").length`, "1") // the page's own script
		b.is(`[...document.querySelectorAll("#app *, #detail *, #tools *")].filter((e) => e.hasAttribute("style") && /attr/.test(e.getAttribute("style")) || [...e.attributes].some((a) => a.name.startsWith("on"))).length`, "0")
		b.shot("hostile")
		b.keys(kb.Escape)
		b.filter(`"</script>"`)
		b.is(count, "1 of 1 request")
	})

	t.Run("nothing", func(t *testing.T) {
		b := newTab(t)
		for _, name := range []string{"nothing", "filtered-out", "no-webio", "discovery", "text-form", "server-side", "healthy"} {
			a := models[name]()
			b.open(a, "")
			if len(a.Requests) == 0 {
				b.is(`document.getElementById("app").hidden`, "true")
			} else {
				b.wait(`document.querySelector(".count").textContent.startsWith("` + thousands(len(a.Requests)) + ` of ")`)
			}
		}
	})

	t.Run("50,000 requests", func(t *testing.T) {
		b := newTab(t)
		b.open(fiftyThousand(), "")
		b.is(count, "50,000 of 50,000 requests")
		var paint float64
		b.run(chromedp.Evaluate(`performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1`, &paint))
		t.Logf("first contentful paint after %.0f ms", paint)
		b.focus(`.body .row[tabindex="0"]`)
		b.keys(kb.End)
		b.wait(focused + ` === "r50000" || ` + focused + ` === "r49999"`)
		b.filter("is:failed")
		b.wait(count + `.startsWith("2,500 of")`)
		b.click(`[data-key="took"] button`)
		b.wait(`document.querySelectorAll(".body .row").length < 80`)
	})
}

// plainCount counts the requests that a filter of plain words fits, by their own rules.
func plainCount(t *testing.T, filter string) int {
	n := 0
	for _, r := range browsed().Requests {
		text := strings.ToLower(r.URL)
		ok := true
		for _, w := range strings.Fields(strings.ToLower(strings.ReplaceAll(filter, `"`, ""))) {
			switch {
			case w == "is:ok":
				ok = ok && r.Outcome == timeline.OK
			case w == "ms<100":
				ok = ok && r.Duration() < 100*time.Millisecond && !r.End.IsZero()
			case w[0] == '-':
				ok = ok && !strings.Contains(text, w[1:])
			default:
				ok = ok && strings.Contains(text, w)
			}
		}
		if ok {
			n++
		}
	}
	if n == 0 || n == 214 {
		t.Fatalf("%s fits %d requests: nothing is shown by that", filter, n)
	}
	return n
}

// hostileEverywhere has text that wants to be more than text wherever text may stand.
func hostileEverywhere() *Analysis {
	const evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u202e\x1b]0;owned\x07\xff\u2028'\"`javascript:alert(1)"
	r := receiveTimeout(at("12:31:52.9"))
	r.Method, r.URL, r.Process, r.AppPool, r.Server, r.Client, r.Host, r.Farm, r.LogID = evil, "http://x/"+evil+strings.Repeat("A", 1<<20), evil, evil, evil, evil, evil, evil, evil
	r.Connection = &timeline.Connection{Local: evil, Remote: evil}
	r.MadeBy = &timeline.MadeBy{Tier: evil, Module: evil}
	r.Timer.Name = evil
	r.Related = []timeline.Related{{Kind: evil, By: evil, Text: evil, Time: r.Start}}
	r.Attempts = []timeline.Attempt{{URL: evil, Start: r.Start}, {URL: evil, Start: r.Start}}
	r.Phases[0].Detail = evil
	v := r.Verdict
	v.Title, v.Open, v.Context, v.DoNow, v.FindOut = evil, evil, []string{evil}, []string{evil}, []string{evil}
	v.Rejected = []timeline.Rejection{{ID: "C1", Why: evil}}
	for i := range v.Evidence {
		v.Evidence[i].Text = evil
	}
	a := analysis(r)
	a.Inputs[0].Path, a.Inputs[0].Machine = evil, evil
	a.Details = NewDetails(a)
	a.Details.Of("r1").Moments = []Moment{{Time: r.Start, Source: evil, ID: 1, Event: evil, Text: evil, Fields: []Field{{evil, evil}, {"__proto__", evil}}}}
	return a
}

// fiftyThousand is an analysis of 50,000 requests with addresses of their own.
func fiftyThousand() *Analysis {
	list := make([]*timeline.Request, 0, 50_000)
	for i := range 50_000 {
		start := at("06:00:00").Add(time.Duration(i) * 411_300 * time.Microsecond)
		server := fmt.Sprintf("10.0.%d.%d:80", i%3, i%17)
		url := fmt.Sprintf("http://shop.example.com/catalog/%07d/item?session=%08x&page=%d", i*7919%9999991, uint32(i)*2654435761, i%90)
		r := answered(start, server, url, time.Duration(5000+i*7919%900_000)*time.Microsecond)
		for j := range r.Phases {
			r.Phases[j].Start = r.Phases[j].Start.Add(time.Duration(i*j*317%900) * time.Microsecond)
			r.Phases[j].End = r.Phases[j].End.Add(time.Duration(i*(j+1)*317%900) * time.Microsecond)
		}
		if i%4 == 0 {
			name := timeline.Phase{Name: timeline.PhaseResolve, Start: start, End: start.Add(ms(0.4)), Outcome: timeline.OK}
			tls := timeline.Phase{Name: timeline.PhaseTLS, Start: r.Phases[0].End, End: r.Phases[0].End.Add(ms(7)), Outcome: timeline.OK}
			r.Phases = slices.Insert(slices.Insert(r.Phases, 1, tls), 0, name)
		}
		if i%20 == 0 {
			bad := receiveTimeout(start)
			bad.URL, bad.Server = url, server
			r = bad
		}
		list = append(list, r)
	}
	a := analysis(list...)
	a.Details = NewDetails(a)
	for k, id := range a.Details.IDs() {
		d := a.Details.Of(id)
		for j := range 10 {
			d.Moments = append(d.Moments, Moment{
				Time: at("06:00:00").Add(time.Duration(k*j) * time.Millisecond), Source: "TCPIP", ID: uint16(1033 + j), Event: "TcpDataTransferReceive", Level: 4,
				Text:   fmt.Sprintf("TCP: connection 0x%016x: receive %d", k*7919, j),
				Fields: []Field{{"Tcb", fmt.Sprintf("0x%016x", k*7919)}, {"NumBytes", fmt.Sprint(j * k % 1460)}, {"SeqNo", fmt.Sprint(k * j * 31)}},
			})
		}
	}
	return a
}

// A report of 50,000 requests is one that a mail takes.
func TestHTMLSize(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	var n byteCounter
	begun := time.Now()
	if err := WriteAnalysis(&n, "html", fiftyThousand(), Options{}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f MB, written in %.1f s, the model included", float64(n)/1e6, time.Since(begun).Seconds())
	if const12 := 12_000_000; int(n) > const12 {
		t.Errorf("%d bytes", n)
	}
}

// A byteCounter counts what is written to it.
type byteCounter int

func (n *byteCounter) Write(p []byte) (int, error) { *n += byteCounter(len(p)); return len(p), nil }

func BenchmarkHTML50k(b *testing.B) {
	a := fiftyThousand()
	b.ReportAllocs()
	for b.Loop() {
		var n byteCounter
		if err := WriteAnalysis(&n, "html", a, Options{}); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(n)/1e6, "MB/file")
	}
}

// htmlDataOf returns the data of a report, read as the page reads it.
func htmlDataOf(t *testing.T, a *Analysis) (data struct {
	Base    int64
	Zone    *int
	Rows    [][]any
	Details []struct {
		ID   string
		Tale [][]any
	}
	Strings []string
	Steps   [][]int
	written []byte
}) {
	t.Helper()
	data.written = writtenData(t, a)
	if i := bytes.IndexAny(data.written, "<>&\u2028\u2029"); i >= 0 {
		t.Errorf("%q stands in the data", data.written[i])
	}
	if err := json.Unmarshal(data.written, &data); err != nil {
		t.Fatalf("%v: %.300s", err, data.written)
	}
	return data
}

func writtenData(t *testing.T, a *Analysis) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := a.htmlData(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// The data of every model can stand in a script element, is the same each time, and has all requests, with their times
// to the microsecond.
func TestHTMLData(t *testing.T) {
	t.Parallel()
	all := map[string]func() *Analysis{"hostile everywhere": hostileEverywhere, "browsed": browsed}
	for name, m := range models {
		all[name] = m
	}
	for name, m := range all {
		t.Run(name, func(t *testing.T) {
			a := m()
			data := htmlDataOf(t, a)
			if len(data.Rows) != len(a.Requests) {
				t.Fatalf("%d rows of %d requests", len(data.Rows), len(a.Requests))
			}
			id, start := 0, data.Base*1000
			for i, r := range a.Requests {
				row := data.Rows[i]
				if n, ok := row[0].(float64); ok {
					id += int(n)
				}
				if got := fmt.Sprintf("r%d", id); got != r.ID {
					t.Fatalf("row %d is %s, not %s", i, got, r.ID)
				}
				if d, ok := row[1].(float64); ok {
					start += int64(d)
					if want := r.Start.Time().UnixMicro(); start != want {
						t.Fatalf("%s begins at %d, not %d", r.ID, start, want)
					}
				}
				if phases := (len(row) - 8) / 3; phases != len(r.Phases) {
					t.Errorf("%s has %d phases of %d", r.ID, phases, len(r.Phases))
				}
			}
			if !bytes.Equal(data.written, writtenData(t, m())) {
				t.Error("written differently a second time")
			}
		})
	}
}

// Of more requests than a page can list, the failed ones and the slowest are listed, in their order.
func TestHTMLMostRows(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a second")
	}
	list := make([]*timeline.Request, maxRows+500)
	for i := range list {
		list[i] = &timeline.Request{Start: at("12:26:00").Add(ms(float64(i))), Outcome: timeline.OK, Status: 200}
		list[i].End = list[i].Start.Add(ms(float64(i)))
	}
	list[3].Outcome = timeline.Failed
	a := analysis(list...)
	a.Details = NewDetails(a)
	data := htmlDataOf(t, a)
	if len(data.Rows) != maxRows {
		t.Fatalf("%d rows", len(data.Rows))
	}
	if first, second := data.Rows[0][0], data.Rows[1][0]; first != 4.0 || second != 498.0 { // r4, r502: 501 of the fast ones are left out
		t.Errorf("the first is r%v, the second %v behind it", first, second)
	}
	if last := data.Rows[maxRows-1][0]; last != 1.0 {
		t.Errorf("the last is %v behind the one in front", last)
	}
}

// All that is told of a request is in the order of time, by the clock of its own machine.
func TestHTMLTale(t *testing.T) {
	a := clockAhead()
	data := htmlDataOf(t, a)
	var lines []string
	for _, x := range data.Details[len(data.Details)-1].Tale {
		at := etl.FromTime(time.UnixMilli(data.Base)).Add(time.Duration(x[0].(float64)) * time.Microsecond)
		words := fmt.Sprint(at.Time().Format("15:04:05.000"), " ", x[2], " ", data.Strings[int(x[4].(float64))], " ", data.Strings[int(x[5].(float64))])
		lines = append(lines, strings.Join(strings.Fields(words), " "))
	}
	want := []string{
		"16:50:21.033 0 connect 192.168.0.216:80",
		"16:50:21.034 0 send",
		"16:50:21.034 0 WebIO 201 connected",
		"16:50:21.035 0 wait",
		"16:50:21.035 0 WebIO 214 sent 412 bytes, the whole request",
		"16:50:21.035 0 no byte came back",
		"16:50:21.036 2 receive",
		"16:50:25.036 2 queue",
		"16:50:33.036 2 process",
		"16:50:51.035 0 WebIO 134 WebIO gave up on the request: 1460 ERROR_TIMEOUT",
		"16:50:51.035 0 wait failed: 1460 ERROR_TIMEOUT",
		"16:50:51.000 1 502.3, win32 12002 ERROR_WINHTTP_TIMEOUT, 30,002 ms",
		"16:51:06.236 2 send",
		"16:51:06.240 2 200.0, sending the answer failed, 0x800704CD ERROR_CONNECTION_INVALID, took 45.2 s",
		"16:51:06.000 3 200.0, win32 64 ERROR_NETNAME_DELETED, 45,208 ms",
	}
	if got, want := strings.Join(lines, "\n"), strings.Join(want, "\n"); got != want {
		t.Errorf("told:\n%s\nwant:\n%s", got, want)
	}
}

// The script is one that the policy of the page lets run, and that needs nothing else.
func TestHTMLScript(t *testing.T) {
	for _, never := range []string{`\beval\b`, `\bFunction\(`, `innerHTML`, `outerHTML`, `insertAdjacentHTML`, `document\.write`, `setAttribute\("style"`, `localStorage`, `sessionStorage`, `\bfetch\(`, `XMLHttpRequest`, `import\(`, `</script`} {
		if m := regexp.MustCompile(never).FindString(appJS); m != "" {
			t.Errorf("app.js has %q", m)
		}
	}
}
