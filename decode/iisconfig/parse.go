package iisconfig

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etwhy/etwhy/decode/charset"
	"github.com/etwhy/etwhy/decode/cursor"
	"github.com/etwhy/etwhy/decode/xmlscan"
)

// HeadSize is how much of a file [Recognise] should see.
const HeadSize = 64 << 10

const (
	rootName = "configuration"

	maxSize      = 32 << 20 // bytes of a file, as UTF-8; one with 10,000 sites has about 10 MB
	maxDepth     = 64       // of elements; files have about 10
	maxPath      = 256      // bytes of a path; nothing below a longer one is known
	maxAttrs     = 256      // of an element
	maxValue     = 4 << 10  // bytes of a value
	maxList      = 20_000   // entries of a list
	maxEntries   = 200_000  // of all lists
	maxAnomalies = 100      // in the list; further ones are counted in the last entry
)

// Recognise tells what kind of file head is the beginning of: the first HeadSize bytes, or all of it. It returns false
// for what is no configuration file, and for those with no section of IIS or ASP.NET in head, such as a program's
// app.config.
func Recognise(head []byte) (Kind, bool) {
	f, err := Parse(bytes.NewReader(head[:min(len(head), HeadSize)]), "")
	return f.Kind, err == nil && f.Kind != Unknown
}

// Parse reads a file. name is kept for [Setting.Source], and tells by its folders which web.config it is, see
// [NewServer], and which copy of the history. The text may be UTF-8 or UTF-16, with or without byte order mark.
//
// Where the file is damaged, the File holds what comes before, and its Anomalies tell. The File is never nil. The error
// is a *cursor.FormatError that wraps [ErrFormat], or one of r; then too the File holds what could be read.
func Parse(r io.Reader, name string) (*File, error) {
	p := parser{
		file:        &File{Name: name, History: history(name), PoolDefaults: poolTable.fresh, SiteDefaults: siteTable.fresh},
		sections:    map[section]int{},
		appDefaults: appTable.fresh,
	}
	text, _ := charset.NewReader(r)
	data, readErr := io.ReadAll(io.LimitReader(text, maxSize+1))
	p.long = len(data) > maxSize
	p.scan = xmlscan.NewBytes(data[:min(len(data), maxSize)])
	err := p.run()
	p.finish()
	if readErr != nil {
		err = readErr
	}
	return p.file, err
}

// history returns the number of the history folder in a path, or 0.
func history(name string) uint64 {
	const prefix = "CFGHISTORY_"
	for _, folder := range strings.FieldsFunc(name, slash) {
		if len(folder) > len(prefix) && strings.EqualFold(folder[:len(prefix)], prefix) {
			if n, err := strconv.ParseUint(folder[len(prefix):], 10, 64); err == nil {
				return n
			}
		}
	}
	return 0
}

func slash(r rune) bool { return r == '/' || r == '\\' }

// A parser reads one file.
type parser struct {
	file *File
	scan *xmlscan.Scanner
	long bool // the file goes on behind the data

	line  int    // of the token
	attrs []attr // of a start tag
	more  bool   // it has more than maxAttrs

	stack    []node // open elements, root first
	deep     int    // open elements beyond maxDepth or maxPath
	path     string // of the innermost, without root and location: system.webServer/proxy
	rel      string // the same below the prefix of the part that reads it
	location Origin // what the location element says
	entries  int

	// What is being read; nil = it is not kept.
	pool     *Pool
	site     *Site
	app      *Application
	farm     *Farm
	member   *Member
	fastCGI  *FastCGI
	rule     ProxyRule
	action   *Action
	sections map[section]int // index in its list

	appDefaults Application
	unlisted    int // anomalies that are not in the list
}

// A node is an open element.
type node struct {
	name []byte // aliases the data
	path int    // length of the parser's path around it
}

// An attr is an attribute, its value as written.
type attr struct {
	name, raw []byte // alias the data
	line      int
}

// A section is one of those that each location may have.
type section struct {
	table    any // *table[T]
	location string
	own      bool
}

// run reads the file. The error is a *cursor.FormatError.
func (p *parser) run() error {
	s := p.scan
	foreign := false // there is text in front of the root element
	for {
		switch p.next() {
		case xmlscan.Text:
			foreign = foreign || len(bytes.TrimSpace(s.Raw)) > 0
		case xmlscan.Doctype:
			p.anomaly(Doctype, "what it declares is not expanded")
		case xmlscan.StartTag:
			if len(p.stack) == 0 && (foreign || string(s.Name) != rootName) {
				return p.fail("the root element is not <" + rootName + ">")
			}
			p.open()
			if s.Empty && p.close() {
				return nil
			}
		case xmlscan.EndTag:
			if len(p.stack) == 0 {
				return p.fail("an end tag in front of the root element")
			}
			if p.deep == 0 && !bytes.Equal(s.Name, p.stack[len(p.stack)-1].name) {
				p.anomaly(BadXML, "an end tag that does not fit; nothing behind it is read")
				return nil
			}
			if p.close() {
				return nil
			}
		case xmlscan.Broken:
			if len(p.stack) == 0 {
				return p.fail("no XML")
			}
			p.anomaly(BadXML, "no XML; nothing behind it is read")
			return nil
		case xmlscan.AtEnd:
			switch {
			case len(p.stack) == 0:
				return p.fail("no root element")
			case p.long:
				p.anomaly(TooLong, "more than %d bytes; the rest is not read", maxSize)
			default:
				p.anomaly(CutFile, "the file ends without </%s>", rootName)
			}
			return nil
		}
	}
}

// next moves to the next token, with the attributes of a tag. A tag that is not written as XML demands it is broken: IIS
// would not read the file either. One that the input cuts off is its end.
func (p *parser) next() xmlscan.Token {
	s := p.scan
	token := s.Next()
	p.line = s.Line(s.Offset)
	switch token {
	case xmlscan.StartTag, xmlscan.EndTag:
		p.attrs, p.more = p.attrs[:0], false
		list := s.Attributes()
		for name, value, ok := list.Next(); ok; name, value, ok = list.Next() {
			if p.more = p.more || len(p.attrs) == maxAttrs; !p.more {
				p.attrs = append(p.attrs, attr{name, value, s.Line(list.Offset())})
			}
		}
		if !list.Sound() || token == xmlscan.EndTag && len(p.attrs) > 0 {
			return xmlscan.Broken
		}
	case xmlscan.Broken:
		if s.Fault == xmlscan.CutOff {
			return xmlscan.AtEnd
		}
	}
	return token
}

// find returns an attribute of the start tag, or the zero attr.
func (p *parser) find(name string) attr {
	for _, a := range p.attrs {
		if string(a.name) == name {
			return a
		}
	}
	return attr{}
}

func (p *parser) fail(msg string) error {
	return &cursor.FormatError{Name: "IIS configuration", Offset: p.scan.Offset, Msg: msg, Err: ErrFormat}
}

func (p *parser) anomaly(kind AnomalyKind, format string, args ...any) {
	p.anomalyAt(p.line, kind, format, args...)
}

func (p *parser) anomalyAt(line int, kind AnomalyKind, format string, args ...any) {
	if len(p.file.Anomalies) == maxAnomalies {
		p.unlisted++
		return
	}
	p.file.Anomalies = append(p.file.Anomalies, Anomaly{kind, line, fmt.Sprintf(format, args...)})
}

// finish completes what needs the whole file.
func (p *parser) finish() {
	f := p.file
	if p.unlisted > 0 {
		last := &f.Anomalies[len(f.Anomalies)-1]
		last.Detail += fmt.Sprintf("; %d further anomalies", p.unlisted)
	}
	for i := range f.Pools {
		pool := &f.Pools[i]
		poolTable.under(pool, &f.PoolDefaults)
		if pool.Recycling.Schedule == nil {
			pool.Recycling.Schedule = f.PoolDefaults.Recycling.Schedule
		}
	}
	for i := range f.Sites {
		site := &f.Sites[i]
		siteTable.under(site, &f.SiteDefaults)
		for j := range site.Applications {
			appTable.under(&site.Applications[j], &p.appDefaults)
		}
	}
}

// open takes a start tag.
func (p *parser) open() {
	s := p.scan
	if p.deep == 0 && len(p.stack) == maxDepth {
		p.anomaly(TooDeep, "elements nested deeper than %d are left out", maxDepth)
	}
	if p.deep > 0 || len(p.stack) == maxDepth || len(p.path) > maxPath {
		p.deep++
		return
	}
	p.stack = append(p.stack, node{s.Name, len(p.path)})
	if p.more {
		p.anomaly(TooMany, "more than %d attributes; the rest is not read", maxAttrs)
	}
	p.tell()
	switch {
	case len(p.stack) == 1:
		return
	case len(p.stack) == 2 && string(s.Name) == "location":
		if path := strings.Trim(p.value(p.find("path")), "/"); path != "." {
			p.location.Location = path
		}
		p.location.OwnAppOnly = strings.EqualFold(string(p.find("inheritInChildApplications").raw), "false")
		return
	case p.path == "":
		p.path = p.word(s.Name)
	default:
		p.path += "/" + p.word(s.Name)
	}
	if kind, ok := markers[p.path]; ok {
		p.file.Kind = max(p.file.Kind, kind)
	}
	for i := range parts {
		if rel, ok := strings.CutPrefix(p.path, parts[i].prefix); ok && (rel == "" || rel[0] == '/') {
			p.rel = strings.TrimPrefix(rel, "/")
			p.elsewhere(parts[i].prefix)
			parts[i].read(p)
			return
		}
	}
	if p.rel = ""; holders[p.path] {
		p.elsewhere(p.path)
	}
}

// word returns the name of an element for the path. A longer one than any that is known is none.
func (p *parser) word(name []byte) string { return string(name[:min(len(name), 64)]) }

// close ends the innermost element and reports whether it was the root.
func (p *parser) close() bool {
	if p.deep > 0 {
		p.deep--
		return false
	}
	top := p.stack[len(p.stack)-1]
	p.stack = p.stack[:len(p.stack)-1]
	p.path = p.path[:top.path]
	if len(p.stack) == 1 && string(top.name) == "location" {
		p.location = Origin{}
	}
	return len(p.stack) == 0
}

// markers are elements that tell what a file is.
var markers = map[string]Kind{
	"system.applicationHost":                 ApplicationHost,
	"webFarms":                               ApplicationHost,
	"configurationRedirection":               Redirection,
	"moduleProviders":                        Administration,
	"system.web/processModel":                Machine,
	"system.web/applicationPool":             ASPNet,
	"runtime/legacyUnhandledExceptionPolicy": ASPNet,
	"system.webServer":                       WebConfig,
	"system.web":                             WebConfig,
}

// groups are section groups whose declaration tells what a file is.
var groups = map[string]Kind{"system.applicationHost": ApplicationHost, "system.web": Machine}

// tell looks at the tag for signs of the file's kind.
func (p *parser) tell() {
	s := p.scan
	if p.path == "configSections" && string(s.Name) == "sectionGroup" {
		p.file.Kind = max(p.file.Kind, groups[string(p.find("name").raw)])
	}
	for _, a := range p.attrs {
		if string(a.name) == "xdt:Transform" || string(a.name) == "xdt:Locator" {
			p.file.Kind = Transform
		}
	}
}

// holders are the sections that lists of parts are in.
var holders = map[string]bool{
	"system.applicationHost/applicationPools": true, "system.applicationHost/sites": true, "webFarms": true,
	"system.webServer/rewrite/rules": true, "system.webServer/rewrite/globalRules": true, "system.webServer/fastCgi": true,
	"system.webServer/monitoring": true,
}

// elsewhere notes a section whose content is not in the file, or not readable.
func (p *parser) elsewhere(what string) {
	if p.rel != "" {
		return
	}
	if a := p.find("configSource"); a.name != nil {
		p.anomalyAt(a.line, External, "%s is in a file of its own", what)
	}
	if a := p.find("configProtectionProvider"); a.name != nil {
		p.anomalyAt(a.line, Encrypted, "%s is encrypted", what)
	}
}

// here returns where the tag is.
func (p *parser) here() Origin {
	at := p.location
	at.File, at.Line = p.file.Name, p.line
	return at
}

// value returns the value of an attribute that is known to hold no secret; "" if it cannot be used.
func (p *parser) value(a attr) string {
	text, _ := p.read(a)
	return text
}

// read is value, and tells an unusable value from an empty one.
func (p *parser) read(a attr) (string, bool) {
	switch {
	case len(a.raw) > maxValue:
		p.anomalyAt(a.line, TooLong, "a value of more than %d bytes", maxValue)
		return "", false
	case bytes.Contains(a.raw, []byte("[enc:")):
		p.anomalyAt(a.line, Encrypted, "a value")
		return "", false
	}
	text, known := xmlscan.AppendText(nil, a.raw)
	if !known {
		p.anomalyAt(a.line, BadEntity, "the value is not used")
		return "", false
	}
	return strings.ToValidUTF8(string(text), "\ufffd"), true
}

// apply sets what the attributes of the tag say about to, if it is not nil. element is the tag's path below to's.
func apply[T any](p *parser, t *table[T], to *T, element string) {
	if to == nil {
		return
	}
	for _, a := range p.attrs {
		i, ok := t.index[element+"@"+string(a.name)]
		if !ok {
			continue
		}
		f := &t.fields[i]
		text, ok := p.read(a)
		if !ok {
			continue
		}
		if f.form.clean != nil {
			text = f.form.clean(text)
		}
		if f.form.words != nil {
			n := slices.IndexFunc(f.form.words, func(w string) bool { return strings.EqualFold(w, text) })
			if n < 0 {
				p.anomalyAt(a.line, BadValue, "%s cannot have this value", f.name)
				continue
			}
			text = f.form.words[n]
		}
		at := p.location
		at.File, at.Line = p.file.Name, a.line
		if !f.of(to).assign(text, f.form.unit, at) {
			p.anomalyAt(a.line, BadValue, "%s cannot have this value", f.name)
		}
	}
}

// grow appends to a list and returns the new entry, or nil if there are too many.
func grow[T any](p *parser, list *[]T, entry T) *T {
	if len(*list) == maxList || p.entries == maxEntries {
		p.anomaly(TooMany, "more than %d entries in a list, or %d in all; the rest is not read", maxList, maxEntries)
		return nil
	}
	p.entries++
	*list = append(*list, entry)
	return &(*list)[len(*list)-1]
}

// parts are the elements that are read, with all that is in them.
var parts = []struct {
	prefix string
	read   func(*parser)
}{
	{"system.applicationHost/applicationPools/add", (*parser).readPool},
	{"system.applicationHost/applicationPools/applicationPoolDefaults", (*parser).readPoolDefaults},
	{"system.applicationHost/sites/site", (*parser).readSite},
	{"system.applicationHost/sites/siteDefaults", (*parser).readSiteDefaults},
	{"system.applicationHost/sites/applicationDefaults", (*parser).readAppDefaults},
	{"webFarms/webFarm", (*parser).readFarm},
	{"system.webServer/proxy", inSection(proxyTable, func(p *parser) *[]Proxy { return &p.file.Proxies }, func(t *Proxy) *Origin { return &t.Origin })},
	{"system.web/httpRuntime", (*parser).readRuntime},
	{"system.web/compilation", (*parser).readRuntime},
	{"system.web/processModel", (*parser).readRuntime},
	{"system.web/applicationPool", (*parser).readRuntime},
	{"system.webServer/serverRuntime", (*parser).readRuntime},
	{"system.webServer/aspNetCore", inSection(ancmTable, func(p *parser) *[]ANCM { return &p.file.ANCM }, func(t *ANCM) *Origin { return &t.Origin })},
	{"system.webServer/webSocket", inSection(webSocketTable, func(p *parser) *[]WebSocket { return &p.file.WebSocket }, func(t *WebSocket) *Origin { return &t.Origin })},
	{"system.webServer/fastCgi/application", (*parser).readFastCGI},
	{"system.webServer/rewrite/rules/rule", (*parser).readRule},
	{"system.webServer/rewrite/globalRules/rule", (*parser).readRule},
	{"system.webServer/monitoring/triggers", (*parser).readTrigger},
	{"system.webServer/monitoring/actions", (*parser).readAction},
	{"configurationRedirection", (*parser).readRedirect},
}

// inSection returns a reader of a section that each location may have.
func inSection[T any](t *table[T], list func(*parser) *[]T, origin func(*T) *Origin) func(*parser) {
	return func(p *parser) {
		key := section{t, p.location.Location, p.location.OwnAppOnly}
		entries := list(p)
		i, ok := p.sections[key]
		if !ok {
			i = len(*entries)
			entry := grow(p, entries, t.fresh)
			if entry == nil {
				return
			}
			*origin(entry) = p.here()
			p.sections[key] = i
		}
		apply(p, t, &(*entries)[i], p.path)
	}
}

var runtimeSection = inSection(runtimeTable, func(p *parser) *[]Runtime { return &p.file.Runtimes }, func(t *Runtime) *Origin { return &t.Origin })

// readRuntime reads one of several sections that make one Runtime.
func (p *parser) readRuntime() {
	if len(p.attrs) > 0 {
		runtimeSection(p)
	}
}

func (p *parser) readPool() {
	if p.rel == "" {
		pool := poolTable.fresh
		pool.Origin, pool.Name = p.here(), p.value(p.find("name"))
		p.pool = grow(p, &p.file.Pools, pool)
	}
	p.readPoolElement(p.pool)
}

func (p *parser) readPoolDefaults() {
	if p.rel == "" {
		p.file.PoolDefaults.Origin = p.here()
	}
	p.readPoolElement(&p.file.PoolDefaults)
}

func (p *parser) readPoolElement(pool *Pool) {
	apply(p, poolTable, pool, p.rel)
	if pool != nil && p.rel == "recycling/periodicRestart/schedule/add" {
		if at := grow(p, &pool.Recycling.Schedule, Setting[time.Duration]{}); at != nil {
			apply(p, scheduleTable, at, "")
		}
	}
}

func (p *parser) readSite() {
	if p.rel == "" {
		site := siteTable.fresh
		site.Origin, site.Name = p.here(), p.value(p.find("name"))
		if id := p.find("id"); id.name != nil {
			n, ok := parseUint(p.value(id))
			if !ok {
				p.anomalyAt(id.line, BadValue, "the number of a site cannot have this value")
			}
			site.ID = uint32(n)
		}
		p.site, p.app = grow(p, &p.file.Sites, site), nil
	}
	apply(p, siteTable, p.site, p.rel)
	if p.site == nil {
		return
	}
	switch p.rel {
	case "bindings/binding":
		grow(p, &p.site.Bindings, newBinding(p.here(), p.value(p.find("protocol")), p.value(p.find("bindingInformation"))))
	case "logFile/customFields/add":
		grow(p, &p.site.LogFile.CustomFields, CustomField{p.here(), p.value(p.find("logFieldName")), p.value(p.find("sourceName")), p.value(p.find("sourceType"))})
	case "application":
		app := appTable.fresh
		app.Origin, app.Path = p.here(), p.value(p.find("path"))
		p.app = grow(p, &p.site.Applications, app)
		apply(p, appTable, p.app, "")
	case "application/virtualDirectory":
		if p.app != nil {
			grow(p, &p.app.Folders, Folder{p.here(), p.value(p.find("path")), p.value(p.find("physicalPath"))})
		}
	}
}

// newBinding takes the binding information of HTTP apart: address:port:host.
func newBinding(at Origin, protocol, information string) Binding {
	b := Binding{Origin: at, Protocol: protocol, Information: information}
	if !strings.EqualFold(protocol, "http") && !strings.EqualFold(protocol, "https") {
		return b
	}
	host := strings.LastIndexByte(information, ':')
	if host < 0 {
		return b
	}
	port := strings.LastIndexByte(information[:host], ':')
	if port < 0 {
		return b
	}
	if n, err := strconv.ParseUint(information[port+1:host], 10, 16); err == nil {
		b.Address, b.Port, b.Host = information[:port], uint16(n), information[host+1:]
	}
	return b
}

func (p *parser) readSiteDefaults() {
	if p.rel == "" {
		p.file.SiteDefaults.Origin = p.here()
	}
	apply(p, siteTable, &p.file.SiteDefaults, p.rel)
}

func (p *parser) readAppDefaults() { apply(p, appTable, &p.appDefaults, p.rel) }

func (p *parser) readFarm() {
	if p.rel == "" {
		farm := farmTable.fresh
		farm.Origin, farm.Name = p.here(), p.value(p.find("name"))
		p.farm, p.member = grow(p, &p.file.Farms, farm), nil
	}
	if p.farm == nil {
		return
	}
	inside, ok := strings.CutPrefix(p.rel, "server")
	if !ok || inside != "" && inside[0] != '/' {
		apply(p, farmTable, p.farm, p.rel)
		return
	}
	if inside == "" {
		member := memberTable.fresh
		member.Origin, member.Address = p.here(), p.value(p.find("address"))
		p.member = grow(p, &p.farm.Servers, member)
	}
	apply(p, memberTable, p.member, strings.TrimPrefix(inside, "/"))
}

func (p *parser) readFastCGI() {
	if p.rel == "" {
		program := fastCGITable.fresh
		program.Origin, program.FullPath = p.here(), withoutArguments(p.value(p.find("fullPath")))
		p.fastCGI = grow(p, &p.file.FastCGI, program)
	}
	apply(p, fastCGITable, p.fastCGI, p.rel)
}

func (p *parser) readRule() {
	switch p.rel {
	case "":
		p.rule = ruleTable.fresh
		p.rule.Origin, p.rule.Name = p.here(), p.value(p.find("name"))
		p.rule.Global = strings.Contains(p.path, "/globalRules/")
		apply(p, ruleTable, &p.rule, "")
	case "action":
		url := p.find("url")
		if !strings.EqualFold(string(p.find("type").raw), "Rewrite") || !bytes.Contains(url.raw, []byte("://")) {
			return
		}
		scheme, rest, ok := strings.Cut(withoutCredentials(p.value(url)), "://")
		if !ok {
			return
		}
		p.rule.Scheme = scheme
		p.rule.Target, _, _ = strings.Cut(rest, "/")
		grow(p, &p.file.RewriteProxyRules, p.rule)
	}
}

func (p *parser) readTrigger() {
	kind, _, _ := strings.Cut(p.rel, "/")
	var trigger Trigger
	apply(p, triggerTable, &trigger, "")
	if kind != "" && trigger != (Trigger{}) {
		trigger.Origin, trigger.Type = p.here(), kind
		grow(p, &p.file.AutoHeal, trigger)
	}
}

func (p *parser) readAction() {
	if p.rel == "" {
		p.action = grow(p, &p.file.HealActions, Action{Origin: p.here()})
	}
	apply(p, actionTable, p.action, p.rel)
}

func (p *parser) readRedirect() {
	if p.rel != "" {
		return
	}
	redirect := redirectTable.fresh
	redirect.Origin = p.here()
	apply(p, redirectTable, &redirect, "")
	p.file.Redirect = &redirect
}
