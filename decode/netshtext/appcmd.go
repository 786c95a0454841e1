package netshtext

import (
	"html"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Lines of appcmd, plain and with /xml. Its words are identifiers of the configuration and never translated.
var (
	workerLine  = regexp.MustCompile(`\bWP "(\d+)" \(applicationPool:(.*)\)$`)
	poolLine    = regexp.MustCompile(`\bAPPPOOL "([^"]+)" \((?:.*,)?state:(\w+)\)$`)
	siteLine    = regexp.MustCompile(`\bSITE "([^"]+)" \(id:(\d+),bindings:(.*),state:(\w+)\)$`)
	requestLine = regexp.MustCompile(`\bREQUEST "(\w+)" \(url:(\S+) (.*?), time:(\d+) msec, client:([^,)]*)(?:, stage:([^,)]*))?(?:, module:([^)]*))?\)$`)

	element   = regexp.MustCompile(`<(WP|APPPOOL|SITE|REQUEST)\s([^<>]*)>`)
	attribute = regexp.MustCompile(`([\w.]+)="([^"]*)"`)
)

func (p *parser) appcmd(l *line) {
	if strings.ContainsRune(l.text, '<') {
		for _, m := range element.FindAllStringSubmatch(l.text, -1) {
			p.element(m[1], m[2], l.number)
		}
		return
	}
	if !strings.HasSuffix(l.text, ")") {
		return
	}
	if m := workerLine.FindStringSubmatch(l.text); m != nil {
		p.worker(m[1], m[2], l.number)
	} else if m := poolLine.FindStringSubmatch(l.text); m != nil {
		p.pool(m[1], m[2], l.number)
	} else if m := siteLine.FindStringSubmatch(l.text); m != nil {
		p.site(m[1], m[2], m[3], m[4], l.number)
	} else if m := requestLine.FindStringSubmatch(l.text); m != nil {
		p.request(Request{ID: m[1], Method: m[2], URL: m[3], Elapsed: milliseconds(m[4]), Client: m[5], Stage: m[6], Module: m[7], Line: l.number})
	}
}

// element reads what /xml writes of one object.
func (p *parser) element(name, attributes string, number int) {
	values := make(map[string]string)
	for _, m := range attribute.FindAllStringSubmatch(attributes, -1) {
		values[strings.ToLower(m[1])] = html.UnescapeString(m[2])
	}
	switch name {
	case "WP":
		p.worker(values["wp.name"], values["apppool.name"], number)
	case "APPPOOL":
		p.pool(values["apppool.name"], values["state"], number)
	case "SITE":
		p.site(values["site.name"], values["site.id"], values["bindings"], values["state"], number)
	case "REQUEST":
		pid, _ := decimal(values["wp.name"])
		p.request(Request{ID: values["request.name"], Method: values["verb"], URL: values["url"], Elapsed: milliseconds(values["time"]),
			Client: values["client"], Stage: values["stage"], Module: values["module"], PID: pid, Pool: values["apppool.name"], Line: number})
	}
}

func (p *parser) worker(pid, pool string, number int) {
	if id, ok := decimal(pid); ok && pool != "" && p.room(WorkerProcesses, len(p.Workers)) {
		p.Workers = append(p.Workers, Worker{id, pool, number})
	}
}

func (p *parser) pool(name, state string, number int) {
	if name != "" && state != "" && p.room(AppPools, len(p.Pools)) {
		p.Pools = append(p.Pools, Pool{name, state, number})
	}
}

func (p *parser) site(name, id, bindings, state string, number int) {
	n, ok := decimal(id)
	if !ok || name == "" || !p.room(Sites, len(p.Sites)) {
		return
	}
	s := Site{Name: name, ID: n, State: state, Line: number}
	for b := range strings.SplitSeq(bindings, ",") {
		if b != "" {
			s.Bindings = append(s.Bindings, b)
		}
	}
	p.Sites = append(p.Sites, s)
}

func (p *parser) request(r Request) {
	if r.ID != "" && r.URL != "" && p.room(RunningRequests, len(p.Requests)) {
		p.Requests = append(p.Requests, r)
	}
}

func decimal(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil
}

func milliseconds(s string) time.Duration {
	n, _ := decimal(s)
	return time.Duration(n) * time.Millisecond
}
