package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/etwhy/etwhy/cab/cabtest"
	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/etl/etltest"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
)

var update = flag.Bool("update", false, "write expected files anew")

const (
	netcabSource = "../../testdata/netcab-source"
	netcab       = "../../testdata/netcab/net.cab"
	netcabLimit  = 300_000 // bytes
)

// The cabinet is made from its source, on every machine to the same byte.
func TestNetCab(t *testing.T) {
	made := makeNetCab(t)
	if len(made) >= netcabLimit {
		t.Errorf("the cabinet has %d bytes: keep it under %d", len(made), netcabLimit)
	}
	if *update {
		if err := os.WriteFile(netcab, made, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	kept, err := os.ReadFile(netcab)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, kept) {
		t.Error("net.cab is not what its source says; -update writes it")
	}
}

// The cabinet tells its story.
func TestNetCabStory(t *testing.T) {
	const want = `
12:31:52.900 receive 1460 12002 w3wp.exe 1432 ARRPool app T1 GET http://192.168.0.216/time/
12:32:45.307 connect 10060 12002 w3wp.exe 1432 ARRPool app T4 GET http://192.168.0.216/time/
12:33:10.816 connect 10060 12002 w3wp.exe 1432 ARRPool app T4 GET http://192.168.0.216/products/
`
	inc := incident.New(incident.Options{})
	defer inc.Close()
	inc.AddFS(os.DirFS(filepath.Dir(netcab)), ".", "netcab")
	inc.Scan(incident.Details{Undecoded: true})
	for _, in := range inc.Inputs {
		if in.Err != nil || len(in.Anomalies) > 0 || in.Loss.Any() {
			t.Errorf("%s: error %v, anomalies %v, loss %v", in.Path, in.Err, in.Anomalies, in.Loss)
		}
		if in.Undecoded != nil && *in.Undecoded > 0 {
			t.Errorf("%s: %d records are not decoded whole", in.Path, *in.Undecoded)
		}
	}
	got := "\n"
	answered, retried, background := map[string]int{}, 0, 0
	for _, r := range inc.Analyze(timeline.Options{}).Requests {
		switch {
		case r.Traffic != timeline.App:
			background++
		case r.Outcome == timeline.OK:
			answered[r.AppPool]++
			retried += r.Restarts
		default:
			verdict := "none"
			if r.Verdict != nil {
				verdict = r.Verdict.ID
			}
			got += fmt.Sprintln(r.Start.Time().Format("15:04:05.000"), r.Phase, r.Error, r.WinHTTP.Code,
				r.Process, r.PID, r.AppPool, r.Traffic, verdict, r.Method, r.URL)
		}
	}
	if got != want {
		t.Errorf("failed requests:%swant:%s", got, want)
	}
	if counts := fmt.Sprint(answered, retried, background); counts != "map[ARRPool:26 ShopPool:10] 1 2" {
		t.Errorf("answered requests by pool, retried ones, those of other processes: %s", counts)
	}
}

// makeNetCab returns the cabinet: the log, made of net.txt, and the other texts.
func makeNetCab(t *testing.T) []byte {
	t.Helper()
	closed := time.Date(2026, 3, 2, 14, 33, 54, 0, time.UTC) // on the clock of the machine
	folder := cabtest.Folder{Method: cabtest.MSZIP}
	paths, err := filepath.Glob(filepath.Join(netcabSource, "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no source: %v", err)
	}
	for i, name := range paths {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(source), "\r\n", "\n") // a checkout may have either
		f := cabtest.File{
			Name:       filepath.Base(name),
			Data:       []byte(strings.ReplaceAll(text, "\n", "\r\n")),
			Modified:   closed.Add(time.Duration(i) * 2 * time.Second),
			Attributes: 0x20, // archive
		}
		if f.Name == "net.txt" {
			f.Name, f.Data, f.Modified = "report.etl", makeDemoLog(t, text), closed
		}
		folder.Files = append(folder.Files, f)
	}
	var b bytes.Buffer
	if err := cabtest.Write(&b, cabtest.Cabinet{Folders: []cabtest.Folder{folder}}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// makeDemoLog returns the log that the template describes.
func makeDemoLog(t *testing.T, source string) []byte {
	t.Helper()
	w := &demoWriter{conns: map[string]*demoConn{}}
	w.tmpl = template.New("net.txt").Funcs(template.FuncMap{"requests": w.requests})
	if _, err := w.tmpl.Parse(source); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := w.tmpl.Execute(&text, nil); err != nil {
		t.Fatal(err)
	}
	trace, err := etltest.Parse(text.String())
	if err != nil {
		t.Fatalf("%v in\n%s", err, text.String())
	}
	webIO, _ := schema.ByName("WebIO")
	embedMetadata(trace, webIO)
	log, err := trace.Bytes()
	if err != nil {
		t.Fatalf("%v in\n%s", err, text.String())
	}
	return log
}

// embedMetadata puts the metadata of a provider's events before the first of each, as merging does.
func embedMetadata(trace *etltest.Trace, provider etl.GUID) {
	slices.SortStableFunc(trace.Events, func(a, b etltest.Event) int { return cmp.Compare(a.At, b.At) })
	var events []etltest.Event
	known := map[uint16]bool{}
	for _, ev := range trace.Events {
		if ev.Kind == etltest.Manifested && ev.Provider == provider && !known[ev.ID] {
			known[ev.ID] = true
			events = append(events, etltest.Event{
				At: ev.At, CPU: ev.CPU, PID: ev.PID, TID: ev.TID, Kind: etltest.Embed,
				Provider: ev.Provider, ID: ev.ID, Version: ev.Version,
			})
		}
		events = append(events, ev)
	}
	trace.Events = events
}

// A demoWriter writes the requests of the table.
type demoWriter struct {
	tmpl   *template.Template
	conns  map[string]*demoConn // by process and letter
	number int                  // of the last request
	port   int                  // of the last connection, counted from the first
}

// A demoRequest is a row of the table. What the template names as an event names it is the value of
// that field. Addresses and handles depend on the process and the row's slot only, so that they are
// used again.
type demoRequest struct {
	w    *demoWriter
	now  time.Duration // since the start of the log
	dice uint64        // state of a small random generator, the same in every version of Go
	next string        // connection to go on with

	Number                                             int // of the row
	PID, TID                                           uint32
	Method, URL, Wait                                  string
	Status, Bytes                                      int
	New                                                bool // the connection is to be opened
	ApiHandle, Request, RequestHandle, Session         string
	SessionHandle, CompletionContext, ConnMgr          string
	ServerEndpoint, DataChunks, Buffer, CacheEntry     string
	ProcessStartKey, Act, Activity, Host, Name, Target string

	*demoConn
}

// A demoConn is a connection. Opened again it has the same object and socket and another port.
type demoConn struct {
	Connection, SocketHandle, Context         string
	Tcb, LocalAddress, RemoteAddress, Address string
}

// requests writes the rows of a table.
func (w *demoWriter) requests(table string) (string, error) {
	var b strings.Builder
	for line := range strings.Lines(table) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		r, how, err := w.row(line)
		if err == nil {
			err = w.tmpl.ExecuteTemplate(&b, how, r)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", line, err)
		}
	}
	return b.String(), nil
}

// row reads the columns start, thread, slot, conn, server, method, URL, status, wait, bytes, how.
func (w *demoWriter) row(cols string) (r *demoRequest, how string, err error) {
	w.number++
	r = &demoRequest{w: w, dice: uint64(w.number), Number: w.number}
	var start, conn, server string
	var slot uint64
	cols = strings.Replace(cols, ":", " ", 1) // of the thread
	if _, err = fmt.Sscan(cols, &start, &r.PID, &r.TID, &slot, &conn, &server, &r.Method, &r.URL, &r.Status, &r.Wait, &r.Bytes, &how); err != nil {
		return nil, "", err
	}
	if r.now, err = time.ParseDuration(start + "s"); err != nil {
		return nil, "", err
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		return nil, "", err
	}
	r.Host, r.Target = u.Host, u.RequestURI()
	if _, err := netip.ParseAddr(u.Hostname()); err != nil {
		r.Name = u.Hostname()
	}
	heap := r.heap()
	object := heap + 0x4000 + slot*0x1200
	r.Request, r.RequestHandle = hex(object), hex(0x20+slot*0x10)
	r.Act = fmt.Sprintf("act=%s/%s", r.RequestHandle, hex(object&0xFFFFFFFF))
	r.Activity = fmt.Sprintf("act={8000%04x-%04x-fa00-9c31-6e0d4b8a2f57}", r.Number, r.PID)
	r.ApiHandle, r.CompletionContext = hex(object+0x0A40), hex(object+0x0AE0)
	r.DataChunks, r.Buffer = hex(object+0x0C80), hex(object+0x0D00)
	r.Session, r.SessionHandle = hex(heap+0x0100), "0x10"
	r.ConnMgr, r.ServerEndpoint, r.CacheEntry = hex(heap+0x0600), hex(heap+0x0800), hex(heap+0x0B00)
	r.ProcessStartKey = hex(0x2A000000000000 + uint64(r.PID))

	conn, r.next, _ = strings.Cut(conn, ">")
	conn, r.New = strings.CutSuffix(conn, "+")
	return r, how, r.use(conn, server)
}

func hex(n uint64) string { return fmt.Sprintf("%#x", n) }

// heap returns where the process has its objects.
func (r *demoRequest) heap() uint64 { return 0x1C000000000 + uint64(r.PID)<<20 }

// use puts the request on the connection with that letter.
func (r *demoRequest) use(letter, server string) error {
	at, err := netip.ParseAddrPort(server)
	if err != nil {
		return err
	}
	key := fmt.Sprint(r.PID, letter)
	if r.New {
		n := uint64(letter[0] - 'a')
		r.w.port++
		r.w.conns[key] = &demoConn{
			Connection: hex(r.heap() + 0x40000 + n*0x0900), SocketHandle: hex(0x0A40 + n*0x4C),
			Context: hex(r.heap() + 0x40000 + n*0x0900 + 0x0310), Tcb: hex(0xFFFFA60F20010000 + uint64(r.w.port)*0x0B50),
			LocalAddress:  "192.168.0.210:" + strconv.Itoa(49811+3*r.w.port),
			RemoteAddress: server, Address: at.Addr().String(),
		}
	}
	if r.demoConn = r.w.conns[key]; r.demoConn == nil {
		return fmt.Errorf("connection %s was not opened", letter)
	}
	return nil
}

// Reconnect puts the request on its next connection.
func (r *demoRequest) Reconnect() (string, error) {
	r.New = true
	return "", r.use(r.next, r.RemoteAddress)
}

func (r *demoRequest) random(n uint64) uint64 {
	r.dice = r.dice*6364136223846793005 + 1442695040888963407
	return (r.dice >> 33) % n
}

// In moves the clock on by about d.
func (r *demoRequest) In(d string) (string, error) {
	about, err := time.ParseDuration(d)
	return r.move(about*time.Duration(75+r.random(51))/100, err)
}

// Exactly moves the clock on by d.
func (r *demoRequest) Exactly(d string) (string, error) {
	return r.move(time.ParseDuration(d))
}

func (r *demoRequest) move(d time.Duration, err error) (string, error) {
	r.now += d.Truncate(100 * time.Nanosecond)
	return fmt.Sprintf("+%d.%07d", r.now/time.Second, r.now%time.Second/100), err
}

func thread(cpu, pid, tid uint32) string { return fmt.Sprintf("cpu%d %d:%d", cpu%4, pid, tid) }

// Caller is the thread that called WinHTTP.
func (r *demoRequest) Caller() string { return thread(r.TID/4, r.PID, r.TID) }

// Worker is the thread that completes what was begun.
func (r *demoRequest) Worker() string { return thread(r.TID/4+1, r.PID, r.TID+40) }

// Proxy reports whether it is a request of ARR.
func (r *demoRequest) Proxy() bool { return r.PID == 1432 }

// Client is the user on whose behalf ARR asks.
func (r *demoRequest) Client() string {
	return fmt.Sprintf("192.168.0.%d:%d", 30+r.random(40), 49152+r.random(16000))
}

// LogID is the id that ARR gives the request.
func (r *demoRequest) LogID() string {
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x",
		r.random(1<<32), r.random(1<<16), r.random(1<<12), r.random(1<<12), r.random(1<<31)<<17|r.random(1<<17))
}

// Reason is the text that goes with the status.
func (r *demoRequest) Reason() string { return http.StatusText(r.Status) }

// ContentType is that of the answer.
func (r *demoRequest) ContentType() string {
	name, _, _ := strings.Cut(r.Target, "?")
	switch ext := path.Ext(name); {
	case !r.Proxy():
		return "application/json"
	case ext == ".css":
		return "text/css"
	case ext == ".js":
		return "text/javascript"
	case ext == ".png", ext == ".jpg":
		return "image/" + ext[1:]
	}
	return "text/html; charset=utf-8"
}

// RequestHead is the header block that is sent. It is the same however often it is asked for.
func (r *demoRequest) RequestHead() (string, error) { return r.head("request head") }

// ResponseHead is the header block of the answer.
func (r *demoRequest) ResponseHead() (string, error) { return r.head("response head") }

func (r *demoRequest) head(name string) (string, error) {
	dice := r.dice
	defer func() { r.dice = dice }()
	r.dice = uint64(r.Number)
	var b strings.Builder
	err := r.w.tmpl.ExecuteTemplate(&b, name, r)
	return strings.ReplaceAll(b.String(), "\n", "\r\n"), err
}

// FirstBytes is what the first read brings: header and, of a body, the first chunk.
func (r *demoRequest) FirstBytes() (int, error) {
	head, err := r.ResponseHead()
	return len(head) + r.Chunks()[0], err
}

// Chunks are the pieces in which the body is read. The last, of 0 bytes, is its end.
func (r *demoRequest) Chunks() (sizes []int) {
	const most = 8192
	for left := r.Bytes; left > 0; left -= most {
		sizes = append(sizes, min(left, most))
	}
	return append(sizes, 0)
}
