package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/csv"
	hexcode "encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"io/fs"
	"iter"
	"maps"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/etwhy/etwhy/cab/cabtest"
	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/etl/etltest"
	"github.com/etwhy/etwhy/timeline/incident/incidenttest"
	"github.com/etwhy/etwhy/timeline/redact"
)

// A class says what a planted text is, and so which redaction has to take it out.
type class string

const (
	credential class = "cred"   // secret, masked in every format unless --redact none is given; told by its shape
	cell       class = "cell"   // the same, told by the field alone
	secret     class = "secret" // masked where a result is passed on; told by its shape
	field      class = "field"  // the same, told by the field alone
	body       class = "body"   // what was sent or received
	user       class = "user"
	host       class = "host"
	ip         class = "ip"
	ip6        class = "ip6"
	sid        class = "sid"
	cert       class = "cert"  // certificate of a client
	other      class = "other" // left out by an allow-list alone
)

func (c class) isDefault() bool { return c == credential || c == cell }

func (c class) isSecret() bool {
	return c.isDefault() || c == secret || c == field || c == body
}

func (c class) isIdentity() bool { return !c.isSecret() && c != other }

func (c class) letter() byte {
	switch {
	case c.isSecret():
		return 's'
	case c.isIdentity():
		return 'i'
	}
	return 'o'
}

// hasShape reports whether a text of this class looks like a secret wherever it stands.
func (c class) hasShape() bool { return c == credential || c == secret }

// A canary is a text that occurs nowhere else.
type canary struct {
	class class
	name  string // of the field that it is planted in
	text  string
}

func (c *canary) String() string { return fmt.Sprintf("%s %s (%s)", c.class, c.name, c.text) }

// Canaries are words, addresses and SIDs that nothing else looks like. Behind the mark of a word a letter says what it
// is, so that this is known of the beginning of one, too: s secret, i identity, o other.
const (
	wordMark = "zqj"
	ipMark   = "10.213."
	ip6Mark  = "fd5c:213::"
	sidMark  = "2130706433-77-88-"
)

// canaries are all that were planted.
type canaries struct {
	byName map[string]*canary
	byText map[string]*canary
	files  map[string][]*canary // by the file that they are planted in
	forms  map[*canary]string   // as they stand there, if encoded
}

func newCanaries() *canaries {
	return &canaries{map[string]*canary{}, map[string]*canary{}, map[string][]*canary{}, map[*canary]string{}}
}

// plant returns the canary of a class and name, a new one if there is none yet.
func (p *canaries) plant(file string, kind class, name string) string {
	key := string(kind) + " " + name
	c := p.byName[key]
	if c == nil {
		n := len(p.byName) + 1
		c = &canary{class: kind, name: name}
		switch kind {
		case ip:
			c.text = fmt.Sprintf("%s%d.%d", ipMark, n/250, 1+n%250)
		case ip6:
			c.text = fmt.Sprintf("%s%x", ip6Mark, n)
		case sid:
			c.text = fmt.Sprintf("S-1-5-21-%s%d", sidMark, 5000+n)
		default:
			c.text = fmt.Sprintf("%s%c%04dv", wordMark, kind.letter(), n)
		}
		p.byName[key] = c
		p.byText[c.text] = c
	}
	if file != "" && !slices.Contains(p.files[file], c) {
		p.files[file] = append(p.files[file], c)
	}
	return c.text
}

// fill is what a placeholder {class name} of testdata/planted.txtar stands for.
func (p *canaries) fill(file, kind, name string) string {
	encode := base64.RawURLEncoding.EncodeToString
	switch kind {
	case "jwt", "bearer": // of the first, nothing but its shape tells what it is
		shape := map[string]class{"jwt": secret, "bearer": credential}[kind]
		payload := fmt.Sprintf(`{"sub":"%s","aud":"shop","exp":1772640000}`, p.plant(file, user, name+".sub"))
		return encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(payload)) + "." +
			p.plant(file, shape, name) + "Xb3pVw9RkTq7LmZs2NcYf4HgJd8UaE6i"
	case "basic":
		text := p.plant(file, credential, name)
		form := base64.StdEncoding.EncodeToString([]byte("svc:pw-" + text))
		p.forms[p.byText[text]] = form
		return form
	case "cert":
		return "MIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJ" + p.plant(file, cert, name) + "RTESMBAGA1UE"
	}
	return p.plant(file, class(kind), name)
}

// placeholder is {class name}.
var placeholder = regexp.MustCompile(`\{([a-z]+6?) ([a-z0-9.-]+)\}`)

// fillAll replaces the placeholders of a text.
func fillAll(text string, fill func(before, kind, name string) string) string {
	var b strings.Builder
	for at := 0; ; {
		m := placeholder.FindStringSubmatchIndex(text[at:])
		if m == nil {
			b.WriteString(text[at:])
			return b.String()
		}
		b.WriteString(text[at : at+m[0]])
		line := text[strings.LastIndexByte(text[:at+m[0]], '\n')+1 : at+m[0]]
		b.WriteString(fill(line, text[at+m[2]:at+m[3]], text[at+m[4]:at+m[5]]))
		at += m[1]
	}
}

// An incidentFolder is the folder of testdata/planted.txtar.
type incidentFolder struct {
	path    string            // argument of commands
	sources map[string][]byte // files by their path in it, texts before they were compiled
}

// writeIncident writes the files of testdata/planted.txtar below dir, their placeholders filled.
func writeIncident(t testing.TB, dir string, fill func(file, before, kind, name string) string, more map[string][]byte) incidentFolder {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/planted.txtar")
	if err != nil {
		t.Fatal(err)
	}
	texts := fstest.MapFS{}
	for _, f := range archive.Files {
		name := fillAll(f.Name, func(before, kind, name string) string { return fill("", before, kind, name) })
		data := fillAll(string(f.Data), func(before, kind, n string) string { return fill(name, before, kind, n) })
		texts[name] = &fstest.MapFile{Data: []byte(data)}
	}
	made, err := incidenttest.Folder(texts)
	if err != nil {
		t.Fatal(err)
	}
	in := incidentFolder{path: dir, sources: map[string][]byte{}}
	var cabinet cabtest.Folder
	var box bytes.Buffer
	z := zip.NewWriter(&box)
	put := func(name string, data []byte) {
		t.Helper()
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	err = fs.WalkDir(made, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(made, name)
		if err != nil {
			return err
		}
		if member, ok := strings.CutPrefix(name, "cabinet/"); ok {
			cabinet.Files = append(cabinet.Files, cabtest.File{Name: strings.ReplaceAll(member, "/", `\`), Data: data})
		} else if member, ok := strings.CutPrefix(name, "zip/"); ok {
			w, err := z.Create(member)
			if err == nil {
				_, err = w.Write(data)
			}
			return err
		} else {
			in.sources[name] = data
			put(name, data)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	cabinet.Method = cabtest.MSZIP
	var packed bytes.Buffer
	if err := cabtest.Write(&packed, cabtest.Cabinet{Folders: []cabtest.Folder{cabinet}}); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	put("net.cab", packed.Bytes())
	put("logs.zip", box.Bytes())
	for name, data := range more {
		put(name, data)
	}
	return in
}

// sweepRules say what the fields of the built-in schemas are, by their names. The first that fits counts.
var sweepRules = []struct {
	names *regexp.Regexp
	class class
}{
	{regexp.MustCompile(`^(Data|Payload|Fragment|ChunkData|PlainData)$`), body},
	{regexp.MustCompile(`^(Password|Cookie)$`), cell},
	{regexp.MustCompile(`^(UserName|.*UserName|FinalClientUserName|AccountName)$`), user},
	{regexp.MustCompile(`(?i)^(host|.*hostname|nodename|queryname|namequery|fqdn|canonicalname|resolvename|addressname|dcname|dnsname|probehost|domainname|dnssuffix|adsuffix|.*servername|normalizedhost)$`), host},
}

// sweep returns a log with one event of each kind whose schema is built in and has texts, addresses or SIDs, each planted.
func sweep(t testing.TB, fill func(kind, name string) string) []byte {
	t.Helper()
	trace := etltest.Trace{Log: etltest.Log{Start: time.Date(2026, 3, 4, 18, 0, 0, 0, time.UTC), CPUs: 1, Build: 20348}}
	seen := map[string]bool{} // of several versions of an event the first is enough
	n := 0
	for p := range schema.Providers() {
		for i := range p.Events {
			ev := &p.Events[i]
			if ev.Class != (etl.GUID{}) || ev.MinBuild > 20348 || ev.MaxBuild != 0 && ev.MaxBuild < 20348 {
				continue
			}
			key := p.Name
			for k := range ev.Fields {
				key += " " + ev.Fields[k].Name
			}
			if seen[key] {
				continue
			}
			seen[key] = true
			var fields []etltest.Field
			for k := range ev.Fields {
				f := &ev.Fields[k]
				if value := sweepValue(p, ev, f, fill); value != "" {
					fields = append(fields, etltest.Field{Name: f.Name, Value: value})
				}
			}
			if len(fields) > 0 {
				n++
				trace.Events = append(trace.Events, etltest.Event{
					At: time.Duration(n) * time.Millisecond, PID: 7777, TID: 7778,
					Provider: p.GUID, ID: ev.ID, Version: uint16(ev.Version), Fields: fields,
				})
			}
		}
	}
	data, err := trace.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if n < 300 {
		t.Errorf("only %d kinds of events in the sweep", n)
	}
	return data
}

// sweepValue returns a value for a field, "" if it holds no text.
func sweepValue(p *schema.Provider, ev *schema.Event, f *schema.Field, fill func(kind, name string) string) string {
	name := strings.ToLower(fmt.Sprintf("sweep.%s.%d.%s", strings.NewReplacer(" ", "", ":", "", "/", "").Replace(strings.TrimPrefix(p.Name, "Microsoft-Windows-")), ev.ID, f.Name))
	kind := other
	for _, r := range sweepRules {
		if r.names.MatchString(f.Name) {
			kind = r.class
			break
		}
	}
	if f.Secret {
		kind = cell
	}
	if f.Count.Kind != schema.Unset {
		return ""
	}
	fixed := f.Length.Kind == schema.Fixed
	switch f.In {
	case schema.UnicodeString, schema.AnsiString, schema.CountedString, schema.CountedAnsiString:
		if fixed {
			return ""
		}
		return fill(string(kind), name)
	case schema.SID:
		return fill("sid", name)
	case schema.Binary:
		switch {
		case f.Out == schema.OutSocketAddress && !fixed:
			return "sock:" + fill("ip", name) + ":80"
		case f.Out == schema.OutIPAddress && !fixed:
			return "ip:" + fill("ip", name)
		case f.Out == schema.OutIPv6:
			return "ip:" + fill("ip6", name)
		case f.Out == schema.OutDefault && !fixed:
			return "text:" + fill(string(kind), name)
		}
	case schema.UInt32:
		if f.Out == schema.OutIPv4 {
			return fill("ip", name)
		}
	}
	return ""
}

// A product is something that a command writes, with the arguments in front of the path.
type product struct {
	name   string
	args   []string
	shared bool
}

var products = func() []product {
	var list []product
	for _, f := range []string{"text", "markdown", "html", "har", "perfetto", "otlp"} {
		list = append(list, product{f, []string{"analyze", "-f", f}, true})
	}
	list = append(list, product{"report", []string{"report", "-o", "-"}, true}, product{"ticket", []string{"ticket", "-o", "-"}, true})
	for _, command := range []string{"analyze", "timeline", "events", "info"} {
		for _, f := range []string{"table", "csv", "json", "ndjson"} {
			if command == "events" && f == "json" {
				continue
			}
			list = append(list, product{command + "." + f, []string{command, "-f", f}, false})
		}
	}
	return list
}()

// A document is a file that was written.
type document struct {
	name string
	data []byte
}

// documents runs a command over an incident, and returns what it wrote: of a ticket each file in it.
func (p product) documents(t testing.TB, path string, more ...string) []document {
	t.Helper()
	data := written(t, slices.Concat(p.args, []string{"-q", "--all-traffic"}, more, []string{path})...)
	if p.name != "ticket" {
		return []document{{p.name, data}}
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var docs []document
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, document{"ticket/" + f.Name, data})
	}
	return docs
}

// A place is where a canary was found.
type place struct {
	canary *canary
	doc    string
	line   int // 0 in what had to be decoded
	text   string
}

func (p place) String() string {
	if p.line == 0 {
		return fmt.Sprintf("%s (decoded): %s", p.doc, p.text)
	}
	return fmt.Sprintf("%s:%d: %s", p.doc, p.line, p.text)
}

// parts stand for canaries of which only the beginning was found.
var parts = map[string]*canary{
	"s": {secret, "the beginning of a secret", ""}, "i": {user, "the beginning of a name", ""}, "o": {other, "the beginning of a text", ""},
}

// find returns where canaries are in a document, in whatever form.
func (p *canaries) find(d document) []place {
	var found []place
	lower := lowered(d.data)
	lines, at := 1, 0
	p.scan(lower, false, func(c *canary, from, to int) {
		lines += bytes.Count(lower[at:from], []byte("\n"))
		at = from
		found = append(found, place{c, d.name, lines, excerpt(lower, from, to)})
	})
	for _, view := range views(d.data) {
		lower := lowered(view.data)
		p.scan(lower, view.binary, func(c *canary, from, to int) {
			found = append(found, place{c, d.name, 0, excerpt(lower, from, to)})
		})
	}
	return found
}

// lowered returns b with its letters of ASCII in lower case, and all other bytes as they are.
func lowered(b []byte) []byte {
	b = bytes.Clone(b)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return b
}

// excerpt returns what stands around a place.
func excerpt(b []byte, from, to int) string {
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' {
			return '.'
		}
		return r
	}, string(b[max(0, from-70):min(len(b), to+25, from+200)])), "?")
}

// scan looks for canaries in a text in lower case; in binary data also for the bytes of addresses.
func (p *canaries) scan(b []byte, binary bool, yield func(c *canary, from, to int)) {
	type hit struct {
		c        *canary
		from, to int
	}
	var hits []hit
	each := func(mark string, find func(at int) (string, int)) {
		for at := 0; ; {
			i := bytes.Index(b[at:], []byte(mark))
			if i < 0 {
				return
			}
			text, end := find(at + i)
			c := p.byText[text]
			if c == nil && mark == wordMark {
				c = parts[strings.TrimPrefix(text, mark)[:min(1, len(text)-len(mark))]]
			} else if c == nil && mark == sidMark { // which is the machine's or domain's own
				c = parts["i"]
			}
			if c != nil {
				hits = append(hits, hit{c, at + i, end})
			}
			at += i + len(mark)
		}
	}
	digits := func(at int, set string) int {
		for at < len(b) && strings.IndexByte(set, b[at]) >= 0 {
			at++
		}
		return at
	}
	each(wordMark, func(at int) (string, int) {
		end := min(len(b), at+len(wordMark)+6)
		return string(b[at:end]), end
	})
	each(ipMark, func(at int) (string, int) {
		end := digits(at, "0123456789.")
		return strings.TrimRight(string(b[at:end]), "."), end
	})
	each(ip6Mark, func(at int) (string, int) {
		end := digits(at, "0123456789abcdef:")
		return string(b[at:end]), end
	})
	each(sidMark, func(at int) (string, int) {
		end := digits(at, "0123456789-")
		return "S-1-5-21-" + string(b[at:end]), end
	})
	if binary {
		each("\x0a\xd5", func(at int) (string, int) {
			end := min(len(b), at+4)
			a, _ := netip.AddrFromSlice(b[at:end])
			return a.String(), end
		})
		each("\xfd\x5c\x02\x13\x00\x00", func(at int) (string, int) {
			end := min(len(b), at+16)
			a, _ := netip.AddrFromSlice(b[at:end])
			return a.String(), end
		})
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Compare(a.from, b.from) })
	for _, h := range hits {
		yield(h.c, h.from, h.to)
	}
}

// A view is a document, or a part of it, in another form.
type view struct {
	data   []byte
	binary bool
}

var (
	percents = regexp.MustCompile(`(?:%[0-9A-Fa-f]{2})`)
	escapes  = regexp.MustCompile(`\\u[0-9a-fA-F]{4}`)
)

// pieces are what lies in a document between all but some characters, if it is as long as that.
func pieces(data []byte, least int, of string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for piece := range bytes.FieldsFuncSeq(data, func(r rune) bool { return !strings.ContainsRune(of, r) }) {
			if len(piece) >= least && !yield(piece) {
				return
			}
		}
	}
}

// views returns a document as it is when escapes are undone and what is encoded is decoded.
func views(data []byte) []view {
	var list []view
	add := func(b []byte) { list = append(list, view{b, false}) }
	if bytes.IndexByte(data, 0) >= 0 { // UTF-16
		add(bytes.ReplaceAll(data, []byte{0}, nil))
	}
	if percents.Match(data) {
		add(percents.ReplaceAllFunc(data, func(m []byte) []byte {
			b, _ := hexcode.DecodeString(string(m[1:]))
			return b
		}))
	}
	if escapes.Match(data) {
		add(escapes.ReplaceAllFunc(data, func(m []byte) []byte {
			n, _ := strconv.ParseUint(string(m[2:]), 16, 32)
			return utf8.AppendRune(nil, rune(n))
		}))
	}
	if bytes.Contains(data, []byte("&#")) {
		add([]byte(html.UnescapeString(string(data))))
	}
	var hexed, based []byte
	for m := range pieces(data, 8, "0123456789ABCDEFabcdef") {
		b, _ := hexcode.DecodeString(string(m[:len(m)&^1]))
		hexed = append(append(append(hexed, b...), ' '), bytes.ReplaceAll(b, []byte{0}, nil)...)
	}
	list = append(list, view{hexed, true})
	for m := range pieces(data, 12, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-") {
		m = bytes.ReplaceAll(bytes.ReplaceAll(m, []byte("-"), []byte("+")), []byte("_"), []byte("/"))
		for skip := range 4 {
			if len(m)-skip < 8 {
				break
			}
			part := m[skip:]
			if len(part)%4 == 1 {
				part = part[:len(part)-1]
			}
			b := make([]byte, base64.RawStdEncoding.DecodedLen(len(part)))
			n, _ := base64.RawStdEncoding.Decode(b, part)
			based = append(append(append(based, b[:n]...), ' '), bytes.ReplaceAll(b[:n], []byte{0}, nil)...)
		}
	}
	list = append(list, view{based, false})
	return list
}

// forbidden reports whether a canary of a class may not be in a product.
func (p product) forbidden(mode string, c class) bool {
	switch mode {
	case "default":
		return c.isDefault() || p.shared && c.isSecret()
	case "secrets":
		return c.isSecret()
	case "identities":
		return c.isSecret() || c.isIdentity()
	case "strict":
		return true
	}
	return false
}

// redactModes are the values of --redact, and "default" for none.
var redactModes = []string{"none", "default", "secrets", "identities", "strict"}

// flags are those that ask for a mode, with one key of pseudonyms for all.
func redactFlags(mode, key string) []string {
	if mode == "default" {
		return nil
	}
	return []string{"--redact", mode, "--redact-key", key}
}

const (
	testKey  = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	otherKey = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
)

// keyFile writes a key of pseudonyms.
func keyFile(t testing.TB, key string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pseudonyms.key")
	if err := os.WriteFile(path, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// plantedIncident writes the incident with a canary in every field.
func plantedIncident(t testing.TB) (*canaries, incidentFolder) {
	t.Helper()
	planted := newCanaries()
	folder := filepath.Join(t.TempDir(), "Users", planted.plant("", user, "folder"), "Desktop", "case")
	in := writeIncident(t, folder, func(file, _, kind, name string) string { return planted.fill(file, kind, name) }, map[string][]byte{
		planted.plant("", host, "arr") + "/sweep.etl": sweep(t, func(kind, name string) string { return planted.fill("", kind, name) }),
	})
	return planted, in
}

// What is secret is in nothing that is passed on, and with pseudonyms nobody is named. Each text of the incident is one
// that occurs nowhere else, so that whatever is left of it is found, and where it is from.
func TestCanaries(t *testing.T) {
	t.Parallel()
	planted, in := plantedIncident(t)
	key := keyFile(t, testKey)
	for _, mode := range redactModes {
		t.Run(mode, func(t *testing.T) {
			leaks := map[*canary][]place{}
			seen := map[*canary]bool{}
			var docs []document
			for _, p := range products {
				for _, d := range p.documents(t, in.path, redactFlags(mode, key)...) {
					docs = append(docs, d)
					for _, at := range planted.find(d) {
						seen[at.canary] = true
						if p.forbidden(mode, at.canary.class) {
							leaks[at.canary] = append(leaks[at.canary], at)
						}
					}
				}
			}
			switch mode {
			case "none":
				planted.shown(t, seen)
			case "secrets":
				checkSecrets(t, docs)
			}
			reportLeaks(t, leaks)
		})
	}
}

// checkSecrets runs check-secrets over documents, which must find nothing.
func checkSecrets(t *testing.T, docs []document) {
	t.Helper()
	dir := t.TempDir()
	args := []string{"check-secrets"}
	for _, d := range docs {
		path := filepath.Join(dir, strings.ReplaceAll(d.name, "/", "_"))
		if err := os.WriteFile(path, d.data, 0o666); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	var stdout, stderr bytes.Buffer
	if code := run(args, strings.NewReader(""), &stdout, &stderr); code == exitOK {
		return
	}
	t.Errorf("check-secrets finds something where secrets are masked: %s%s", &stdout, &stderr)
	for _, d := range docs {
		for f := range redact.Find(d.data) {
			t.Logf("%s: %s: %s", d.name, f.Rule, excerpt(d.data, f.Start, f.End))
		}
	}
}

// reportLeaks tells what leaked, a line for each canary.
func reportLeaks(t *testing.T, leaks map[*canary][]place) {
	t.Helper()
	order := slices.SortedFunc(maps.Keys(leaks), func(a, b *canary) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.text, b.text))
	})
	const most = 400
	for i, c := range order {
		if i == most {
			t.Errorf("and %d more", len(order)-most)
			break
		}
		var docs []string
		for _, at := range leaks[c] {
			if !slices.Contains(docs, at.doc) {
				docs = append(docs, at.doc)
			}
		}
		t.Errorf("%v is in %s\n\t%s", c, strings.Join(docs, " "), leaks[c][0])
	}
}

// shown checks that most of what was planted is shown as long as nothing is masked: else that nothing leaks says nothing.
func (p *canaries) shown(t *testing.T, seen map[*canary]bool) {
	t.Helper()
	type group struct {
		letter byte
		swept  bool
	}
	total, there := map[group]int{}, map[group]int{}
	var missing []string
	for _, c := range p.byName {
		g := group{c.class.letter(), strings.HasPrefix(c.name, "sweep.")}
		total[g]++
		if seen[c] {
			there[g]++
		} else {
			missing = append(missing, string(c.class)+" "+c.name)
		}
	}
	for g, n := range total {
		least := 50
		if g.swept {
			least = 90
		}
		if there[g]*100 < n*least {
			t.Errorf("of %d texts of group %c (of a schema: %t) only %d are shown with --redact none", n, g.letter, g.swept, there[g])
		}
	}
	slices.Sort(missing)
	t.Logf("nowhere: %s", strings.Join(missing, ", "))
}

// written runs a command that should succeed, and returns what it wrote.
func written(t testing.TB, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(args, strings.NewReader(""), &stdout, &stderr); code > exitFailed {
		t.Fatalf("%s: exit %d: %s", strings.Join(args, " "), code, &stderr)
	}
	return stdout.Bytes()
}

// What --redact identities and strict may change of analyze -f json, by key. Under the others everything stays as it is.
var mayChange = map[string][]string{
	"identities": {"url", "host", "server", "client", "local", "remote", "log_id", "text", "title", "next_steps", "context", "why", "path", "container", "machine",
		"input", "clock_offset_from", "process", "app_pool", "farm", "error", "detail", "note"},
	"strict": {"name", "method", "module"},
}

// aliases are keys whose values stand for one and the same thing wherever they are.
var aliases = []string{"host", "server", "client", "machine", "input", "path", "process", "app_pool", "farm"}

// Redaction changes names and nothing else: the same requests with the same verdicts, joined in the same way. What is
// one name stays one, and what are two stay two, in all formats.
func TestRedactedJoins(t *testing.T) {
	t.Parallel()
	_, in := plantedIncident(t)
	key := keyFile(t, testKey)
	plain := analysisOf(t, written(t, "analyze", "-q", "-f", "json", "--redact", "none", in.path))
	for _, mode := range []string{"secrets", "identities", "strict"} {
		t.Run(mode, func(t *testing.T) {
			flags := append(redactFlags(mode, key), "-q", in.path)
			raw := written(t, append([]string{"analyze", "-f", "json"}, flags...)...)
			masked := analysisOf(t, raw)
			c := comparison{t: t, may: slices.Concat(mayChange["identities"], mayChange["strict"]), to: map[string]map[string]string{}, from: map[string]map[string]string{}}
			if mode != "strict" {
				c.may = mayChange["identities"]
			}
			c.compare("", "", plain, masked)
			if len(c.to["server"]) < 3 || len(c.to["input"]) < 10 {
				t.Errorf("%d servers and %d inputs are too few to say anything", len(c.to["server"]), len(c.to["input"]))
			}

			// The rows of CSV have the names of JSON, and the texts those of the servers.
			requests := masked.(map[string]any)["requests"].([]any)
			byID := map[string]map[string]any{}
			for _, r := range requests {
				r := r.(map[string]any)
				byID[r["id"].(string)] = r
			}
			for _, command := range []string{"analyze", "timeline"} {
				for _, row := range tableOf(t, written(t, append([]string{command, "-f", "csv"}, flags...)...)) {
					r := byID[cmp.Or(row["id"], row["request_id"])]
					if r == nil {
						t.Errorf("%s: no request %q in JSON", command, cmp.Or(row["id"], row["request_id"]))
						continue
					}
					for _, name := range []string{"server", "url", "process", "app_pool", "input"} {
						if want, _ := r[name].(string); strings.TrimPrefix(row[name], "'") != want {
							t.Errorf("%s: %s of %s is %q in CSV, %q in JSON", command, name, r["id"], row[name], want)
						}
					}
				}
			}
			for _, format := range []string{"table", "text", "markdown", "html", "har", "perfetto", "otlp"} {
				text := func(flags ...string) string {
					return html.UnescapeString(string(written(t, append([]string{"analyze", "-q", "-f", format, in.path}, flags...)...)))
				}
				before, after := text("--redact", "none"), text(redactFlags(mode, key)...)
				there := 0
				for was, is := range c.to["server"] {
					was, is := withoutPort(was), withoutPort(is)
					if strings.Contains(before, was) {
						there++
						if !strings.Contains(after, is) {
							t.Errorf("%s: nothing of server %s, as %s is called in JSON", format, is, was)
						}
					}
				}
				if there == 0 && format != "table" { // which shows the first few groups
					t.Errorf("%s: it names %d of the servers", format, there)
				}
			}
		})
	}
}

// withoutPort returns the address of a server.
func withoutPort(server string) string { return server[:max(strings.LastIndexByte(server, ':'), 0)] }

func analysisOf(t testing.TB, data []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	delete(v.(map[string]any), "redaction")
	return v
}

// tableOf returns the rows of CSV by the names of their columns.
func tableOf(t testing.TB, data []byte) []map[string]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil || len(rows) == 0 {
		t.Fatalf("no CSV: %v", err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, v := range row {
			m[rows[0][i]] = v
		}
		out = append(out, m)
	}
	return out
}

// A comparison goes over two analyses that should differ in names alone.
type comparison struct {
	t        *testing.T
	may      []string                     // keys whose values may differ
	to, from map[string]map[string]string // by key of aliases
}

func (c *comparison) compare(at, key string, a, b any) {
	c.t.Helper()
	switch a := a.(type) {
	case map[string]any:
		m, ok := b.(map[string]any)
		if !ok || len(m) != len(a) {
			c.t.Errorf("%s: other keys", at)
			return
		}
		for _, k := range slices.Sorted(maps.Keys(a)) {
			if _, ok := m[k]; !ok {
				c.t.Errorf("%s.%s is gone", at, k)
				continue
			}
			c.compare(at+"."+k, k, a[k], m[k])
		}
	case []any:
		list, ok := b.([]any)
		if !ok || len(list) != len(a) {
			c.t.Errorf("%s: %d elements, and masked %v", at, len(a), b)
			return
		}
		for i := range a {
			c.compare(fmt.Sprintf("%s.%d", at, i), key, a[i], list[i])
		}
	case string:
		s, ok := b.(string)
		if !ok || s != a && !slices.Contains(c.may, key) {
			c.t.Errorf("%s: %q became %v", at, a, b)
			return
		}
		if !slices.Contains(aliases, key) {
			return
		}
		if c.to[key] == nil {
			c.to[key], c.from[key] = map[string]string{}, map[string]string{}
		}
		if was, ok := c.to[key][a]; ok && was != s {
			c.t.Errorf("%s: %q is %q here, and %q elsewhere", at, a, s, was)
		}
		if was, ok := c.from[key][s]; ok && was != a {
			c.t.Errorf("%s: both %q and %q are %q", at, was, a, s)
		}
		c.to[key][a], c.from[key][s] = s, a
	default:
		if a != b {
			c.t.Errorf("%s: %v became %v", at, a, b)
		}
	}
}

// A ticket has the same bytes each time with the same key; with another one, other pseudonyms. The list of pseudonyms,
// which is not in it, has all that are.
func TestPseudonyms(t *testing.T) {
	planted, in := plantedIncident(t)
	dir := t.TempDir()
	names := filepath.Join(dir, "names.csv")
	ticket := func(key string, more ...string) []byte {
		return written(t, append([]string{"ticket", "-q", "-o", "-", "--redact", "identities", "--redact-key", key, in.path}, more...)...)
	}
	key, other := keyFile(t, testKey), keyFile(t, otherKey)
	one := ticket(key, "--redact-names", names)
	if !bytes.Equal(one, ticket(key)) {
		t.Error("another ticket with the same key has other bytes")
	}
	two := ticket(other)
	if bytes.Equal(one, two) {
		t.Error("a ticket with another key has the same bytes")
	}
	list, err := os.ReadFile(names)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	originals := map[string]bool{}
	for _, row := range tableOf(t, list) {
		if was, ok := listed[row["pseudonym"]]; ok {
			t.Errorf("%s stands for %q and for %q", row["pseudonym"], was, row["original"])
		}
		listed[row["pseudonym"]] = row["original"]
		originals[strings.ToLower(row["original"])] = true
	}
	if len(planted.find(document{"names.csv", list})) < 50 {
		t.Errorf("names.csv has few of the names: %s", list)
	}
	pseudonym := regexp.MustCompile(`\b(?:host|domain|user|sid|mac|name)-[0-9a-f]{4,}\b`)
	z, err := zip.NewReader(bytes.NewReader(one), int64(len(one)))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = fs.WalkDir(z, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(z, name)
		for _, p := range pseudonym.FindAllString(string(data), -1) {
			n++
			if _, ok := listed[p]; !ok {
				t.Errorf("%s: %s is not in the list of pseudonyms", name, p)
			}
		}
		return err
	})
	if err != nil || n < 50 {
		t.Errorf("%d pseudonyms in the ticket, %v", n, err)
	}
	for _, c := range []struct {
		class class
		name  string
	}{{host, "arr"}, {host, "web"}, {ip, "web"}, {user, "freb.token"}} {
		text := planted.plant("", c.class, c.name)
		if !originals[strings.ToLower(text)] {
			t.Errorf("the list of pseudonyms has no %s %s (%s)", c.class, c.name, text)
		}
	}
	// The other key's list tells the two apart.
	written(t, "ticket", "-q", "-o", "-", "--force", "--redact", "identities", "--redact-key", other, "--redact-names", names, in.path)
	list, err = os.ReadFile(names)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range tableOf(t, list) {
		if was, ok := listed[row["pseudonym"]]; ok && was == row["original"] && row["pseudonym"] != row["original"] {
			t.Errorf("%s is %s with either key", row["original"], row["pseudonym"])
		}
	}
}

// Of the secrets in the files, check-secrets finds each one that has the shape of a secret.
func TestCheckSecretsFinds(t *testing.T) {
	planted, in := plantedIncident(t)
	n := 0
	for _, name := range slices.Sorted(maps.Keys(in.sources)) {
		text := bytes.ReplaceAll(in.sources[name], []byte{0}, nil)
		found := slices.Collect(redact.Find(text))
		var stdout, stderr bytes.Buffer
		code := run([]string{"check-secrets", filepath.Join(in.path, filepath.FromSlash(name))}, strings.NewReader(""), &stdout, &stderr)
		if (code == exitFailed) != (len(found) > 0) || code > exitFailed || stderr.Len() > 0 {
			t.Errorf("%s: exit %d with %d findings, %s", name, code, len(found), &stderr)
		}
		for _, at := range planted.find(document{name, stdout.Bytes()}) {
			if at.canary.class.isSecret() {
				t.Errorf("%s: the answer shows what was found: %s", name, at)
			}
		}
		for _, c := range planted.in(name) {
			if !c.class.hasShape() {
				continue
			}
			n++
			form := []byte(cmp.Or(planted.forms[c], c.text))
			at := bytes.Index(text, form)
			if at < 0 {
				t.Errorf("%s: %v is not in it", name, c)
				continue
			}
			if !slices.ContainsFunc(found, func(f redact.Finding) bool { return f.Start <= at && at+len(form) <= f.End }) {
				t.Errorf("%s: %v is not found\n\t%s", name, c, excerpt(text, at, at+len(form)))
			}
		}
	}
	if n < 60 {
		t.Errorf("only %d secrets with a shape", n)
	}
}

// in returns what was planted in a file, which may have been compiled from a text.
func (p *canaries) in(name string) []*canary {
	stem := strings.TrimSuffix(name, path.Ext(name))
	for _, source := range []string{name, stem + ".etl.txt", stem + ".freb.txt", stem + ".events.txt", stem + ".evtx.txt", stem + ".srum.txt"} {
		if list := p.files[source]; list != nil {
			return list
		}
	}
	return nil
}

// A file by itself tells no more: nothing is masked only because another file has it as a name.
func TestCanariesAlone(t *testing.T) {
	t.Parallel()
	planted, in := plantedIncident(t)
	key := keyFile(t, testKey)
	alone := slices.DeleteFunc(slices.Clone(products), func(p product) bool {
		return !slices.Contains([]string{"html", "markdown", "analyze.json", "events.ndjson", "info.json"}, p.name)
	})
	err := filepath.WalkDir(in.path, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "sweep.etl" {
			return err
		}
		t.Run(d.Name(), func(t *testing.T) {
			for _, mode := range []string{"secrets", "identities", "strict"} {
				leaks := map[*canary][]place{}
				for _, p := range alone {
					flags := slices.Concat(p.args, []string{"-q"}, redactFlags(mode, key), []string{file})
					var stdout, stderr bytes.Buffer
					if code := run(flags, strings.NewReader(""), &stdout, &stderr); code > exitFailed && code != exitInput {
						t.Fatalf("%v: exit %d: %s", flags, code, &stderr)
					}
					for _, at := range planted.find(document{p.name + " --redact " + mode, stdout.Bytes()}) {
						if p.forbidden(mode, at.canary.class) {
							leaks[at.canary] = append(leaks[at.canary], at)
						}
					}
				}
				reportLeaks(t, leaks)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What a user asks for may name somebody, too.
func TestFilterNamesNobody(t *testing.T) {
	t.Parallel()
	planted, in := plantedIncident(t)
	key := keyFile(t, testKey)
	for _, filter := range [][]string{
		{"--host", planted.plant("", host, "site")},
		{"--host", planted.plant("", ip, "web") + ":80"},
		{"--url", "https://" + planted.plant("", host, "api") + ".example/pay"},
		{"--url", "token=" + planted.plant("", secret, "url.token")},
		{"--app-pool", planted.plant("", other, "pool")},
	} {
		for _, format := range []string{"table", "json", "markdown", "html", "otlp"} {
			plain := document{format, written(t, append([]string{"analyze", "-q", "-f", format, "--redact", "none", in.path}, filter...)...)}
			if len(planted.find(plain)) == 0 {
				t.Errorf("%v: %s shows nothing", filter, format)
			}
			for _, mode := range []string{"secrets", "identities", "strict"} {
				p := product{shared: true}
				d := document{format + " --redact " + mode, written(t, slices.Concat([]string{"analyze", "-q", "-f", format, in.path}, redactFlags(mode, key), filter)...)}
				leaks := map[*canary][]place{}
				for _, at := range planted.find(d) {
					if p.forbidden(mode, at.canary.class) {
						leaks[at.canary] = append(leaks[at.canary], at)
					}
				}
				reportLeaks(t, leaks)
			}
		}
	}
}

// injections put a token and a user into the files of a case, where a request has no query and a log no user.
var injections = []struct {
	where *regexp.Regexp
	with  string
}{
	{regexp.MustCompile(`(?m)^(\d{4}-\d\d-\d\d \S+ (?:\S+ ){1,3}[A-Z]+ /\S*) - (\d+) - `), "${1} access_token=SECRET ${2} CORP\\USER "},
	{regexp.MustCompile(`((?:URI|RequestURL|Url)=https?://[^\s"?]+/[^\s"?]*)(\s)`), "${1}?access_token=SECRET${2}"},
	{regexp.MustCompile(`(?m)^(url https?://[^\s?]+)$`), "${1}?access_token=SECRET"},
	{regexp.MustCompile(`(?m)^(userName|remoteUserName)\s*$`), "${1} CORP\\USER"},
	{regexp.MustCompile(`(Headers="(?:[^"\\]|\\.)*?)\\r\\n\\r\\n"`), `${1}\r\nX-Api-Key: SECRET\r\nCookie: id=SECRET\r\n\r\n"`},
	{regexp.MustCompile(`(Exception Info: )`), "${1}password=SECRET of 'CORP\\\\USER', "},
}

// In the cases of the project nobody is named either: no machine, no address, no host of their files, and no secret
// that is put into them is told.
func TestCasesNameNobody(t *testing.T) {
	t.Parallel()
	var (
		machine = regexp.MustCompile(`^[A-Z]+[0-9]+$`)
		address = regexp.MustCompile(`\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b`)
		dotted  = regexp.MustCompile(`(?i)\b[a-z0-9-]+\.(?:example|contoso\.com)\b`)
	)
	key := keyFile(t, testKey)
	planted := newCanaries()
	token, account := planted.plant("", credential, "token"), planted.plant("", user, "account")
	injected := 0
	inject := func(data []byte) []byte {
		for _, in := range injections {
			n := len(data)
			data = in.where.ReplaceAll(data, []byte(strings.NewReplacer("SECRET", token, "USER", account).Replace(in.with)))
			if len(data) > n {
				injected++
			}
		}
		return data
	}
	eachCase(t, inject, func(t *testing.T, texts fs.FS, dir string) {
		known := map[string]bool{}
		err := fs.WalkDir(texts, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.Name() == "case.txt" || d.Name() == "answer.txt" {
				return err
			}
			if d.IsDir() {
				if machine.MatchString(d.Name()) {
					known[strings.ToLower(d.Name())] = true
				}
				return nil
			}
			data, err := fs.ReadFile(texts, path)
			for _, a := range address.FindAllString(string(data), -1) {
				if ip, err := netip.ParseAddr(a); err == nil && !ip.IsLoopback() && !ip.IsUnspecified() && !strings.HasSuffix(a, ".0.0") && ip.As4()[0] >= 10 && ip.As4()[0] != 255 {
					known[a] = true
				}
			}
			for _, h := range dotted.FindAllString(string(data), -1) {
				known[strings.ToLower(h)] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range []string{"table", "json", "markdown", "html", "har"} {
			data := written(t, "analyze", "-q", "--all-traffic", "-f", format, "--redact", "identities", "--redact-key", key, dir)
			for _, at := range planted.find(document{format, data}) {
				t.Errorf("%v: %s", at.canary, at)
			}
			data = bytes.ToLower(data)
			data = bytes.ReplaceAll(data, []byte("server:10.0.0.12"), nil) // of the page's help for its filter
			for _, name := range slices.Sorted(maps.Keys(known)) {
				for at := 0; ; {
					i := bytes.Index(data[at:], []byte(name))
					if i < 0 {
						break
					}
					from, to := at+i, at+i+len(name)
					at = to
					if from > 0 && isPart(data[from-1]) || to < len(data) && isPart(data[to]) {
						continue
					}
					t.Errorf("%s: %s: %s", format, name, excerpt(data, from, to))
					break
				}
			}
		}
	})
	if injected < 80 {
		t.Errorf("something was put into %d texts only", injected)
	}
}

// isPart reports whether a character is one of a word or a number.
func isPart(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' }
