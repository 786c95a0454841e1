package iisconfig

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// A Server answers what holds on one machine, whose files it is made of. It keeps the files, and changes nothing in
// them. A location is the name of a site with a path behind it, as in location elements: Default Web Site/shop/api; ""
// is the server as a whole.
type Server struct {
	host     *File // applicationHost.config; nil = not there
	redirect *File // redirection.config; nil = not there
	files    []placed
	unplaced []*File
	shared   bool // host comes from where redirect says
}

// A placed file is one that it is known of where it holds.
type placed struct {
	file   *File
	rank   int      // a file decides over those of lower rank; a web.config has the depth of its folder
	places []string // locations; several where applications share a folder
}

// Ranks of the files that hold for the whole server.
const (
	ofMachine = iota
	ofASPNet
	ofRootWeb // web.config beside machine.config
	ofHost
	ofFolder
)

// NewServer puts the files of one machine together. A web.config is placed by the folders of its name and the physical
// paths in applicationHost.config; see [Server.Unplaced]. Copies of the history do not count.
func NewServer(files ...*File) *Server {
	s := &Server{}
	var hosts, webs []*File
	for _, f := range files {
		switch {
		case f.History != 0:
		case f.Kind == ApplicationHost:
			hosts = append(hosts, f)
		case f.Kind == Redirection:
			s.redirect = f
		case f.Kind == Machine:
			s.files = append(s.files, placed{f, ofMachine, []string{""}})
		case f.Kind == ASPNet:
			s.files = append(s.files, placed{f, ofASPNet, []string{""}})
		case f.Kind == WebConfig:
			webs = append(webs, f)
		}
	}
	s.choose(hosts)
	if s.host != nil {
		s.files = append(s.files, placed{s.host, ofHost, []string{""}})
	}
	for _, f := range webs {
		if places, ok := s.place(f.Name, len(webs) == 1); ok {
			s.files = append(s.files, placed{f, ofFolder + depth(places[0]), places})
		} else if ofFramework(f.Name) {
			s.files = append(s.files, placed{f, ofRootWeb, []string{""}})
		} else {
			s.unplaced = append(s.unplaced, f)
		}
	}
	return s
}

// choose picks the applicationHost.config in use: the one from where redirection.config says, else one with the usual
// name, for IIS keeps parts of it for each pool under other names.
func (s *Server) choose(hosts []*File) {
	for _, f := range hosts {
		if s.redirect != nil && s.redirect.Redirect != nil && s.redirect.Redirect.Enabled.Value {
			if n := common(folders(f.Name), split(s.redirect.Redirect.Path.Value)); n > 0 {
				s.host, s.shared = f, true
				return
			}
		}
		if s.host == nil || !usualName(s.host) && usualName(f) {
			s.host = f
		}
	}
}

func usualName(f *File) bool { return strings.EqualFold(base(f.Name), kindNames[ApplicationHost]) }

// ofFramework reports whether a web.config is that of the .NET Framework, which holds for all sites.
func ofFramework(name string) bool {
	dir := folders(name)
	return len(dir) >= 2 && dir[len(dir)-1] == "config" && slices.ContainsFunc(dir, func(d string) bool { return strings.HasPrefix(d, "framework") })
}

// folders returns the folders of a file's name, in lower case, without drive.
func folders(name string) []string {
	return split(strings.TrimSuffix(name, base(name)))
}

// split returns the parts of a path, in lower case, without drive and variables.
func split(path string) []string {
	return slices.DeleteFunc(strings.FieldsFunc(strings.ToLower(path), slash), func(part string) bool {
		return part == "." || part == ".." || strings.HasSuffix(part, ":") || strings.HasPrefix(part, "%")
	})
}

// common returns how many of the last parts of a and b are the same.
func common(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// place returns the locations of a web.config. only: there is no other.
func (s *Server) place(name string, only bool) ([]string, bool) {
	if s.host == nil {
		return []string{""}, only
	}
	dir := folders(name)
	var inside, alike []string // locations whose folder contains the file's, or ends like it
	longest, most, all := 0, 0, 0
	for i := range s.host.Sites {
		site := &s.host.Sites[i]
		for _, app := range site.Applications {
			for _, folder := range app.Folders {
				all++
				location := join(site.Name, app.Path, folder.Path)
				path := split(folder.PhysicalPath)
				if at := last(dir, path); at >= 0 && len(path) >= longest {
					if len(path) > longest {
						longest, inside = len(path), nil
					}
					// The rest as it is written.
					rest := strings.FieldsFunc(strings.TrimSuffix(name, base(name)), slash)
					inside = append(inside, join(location, strings.Join(rest[len(rest)-(len(dir)-at-len(path)):], "/")))
				}
				if n := common(dir, path); n > 0 && n >= most {
					if n > most {
						most, alike = n, nil
					}
					alike = append(alike, location)
				}
			}
		}
	}
	switch {
	case len(inside) > 0:
		return inside, true
	case len(alike) == 1:
		return alike, true
	case all == 1 && only && len(s.host.Sites) == 1:
		return []string{join(s.host.Sites[0].Name)}, true
	}
	return nil, false
}

// last returns where path is in dir, the last time, or -1.
func last(dir, path []string) int {
	if len(path) == 0 {
		return -1
	}
	for at := len(dir) - len(path); at >= 0; at-- {
		if slices.Equal(dir[at:at+len(path)], path) {
			return at
		}
	}
	return -1
}

// join makes a location of parts.
func join(parts ...string) string {
	var all []string
	for _, p := range parts {
		if p = strings.Trim(p, `/\`); p != "" {
			all = append(all, p)
		}
	}
	return strings.Join(all, "/")
}

// depth returns how far below the server a location is.
func depth(location string) int {
	if location == "" {
		return 0
	}
	return 1 + strings.Count(location, "/")
}

// within reports whether a location is inner, or below it.
func within(location, outer string) bool {
	n := len(outer)
	return n == 0 || len(location) >= n && strings.EqualFold(location[:n], outer) && (len(location) == n || location[n] == '/')
}

// Host returns the applicationHost.config that the answers come from, or nil.
func (s *Server) Host() *File { return s.host }

// Unplaced returns the web.config files of which it is not known where they hold. No answer comes from them.
func (s *Server) Unplaced() []*File { return s.unplaced }

// Redirected returns where the server has its applicationHost.config, if that is not on the machine itself. missing
// reports that the file from there is not among those given: what Host has is then not in use.
func (s *Server) Redirected() (at RedirectSection, missing, ok bool) {
	if s.redirect == nil || s.redirect.Redirect == nil || !s.redirect.Redirect.Enabled.Value {
		return redirectTable.fresh, false, false
	}
	return *s.redirect.Redirect, !s.shared, true
}

// find returns the one entry of a list that fits.
func find[T any](s *Server, list func(*File) []T, fits func(*T) bool) (entry T, ok bool) {
	if s.host == nil {
		return entry, false
	}
	for _, e := range list(s.host) {
		if fits(&e) {
			return e, true
		}
	}
	return entry, false
}

// Pool returns a pool by its name, whose case does not matter.
func (s *Server) Pool(name string) (Pool, bool) {
	pool, ok := find(s, func(f *File) []Pool { return f.Pools }, func(p *Pool) bool { return strings.EqualFold(p.Name, name) })
	if !ok {
		pool = poolTable.fresh
	}
	return pool, ok
}

// Site returns a site by its number.
func (s *Server) Site(id uint32) (Site, bool) {
	return find(s, func(f *File) []Site { return f.Sites }, func(site *Site) bool { return site.ID == id })
}

// PoolOf returns the pool that runs what is at a path of a site, such as /shop/cart.
func (s *Server) PoolOf(id uint32, path string) (Pool, bool) {
	site, ok := s.Site(id)
	if !ok {
		return poolTable.fresh, false
	}
	app := site.application(path)
	if app == nil || app.Pool.Value == "" {
		return poolTable.fresh, false
	}
	return s.Pool(app.Pool.Value)
}

// application returns the application that a path of the site belongs to, or nil.
func (site *Site) application(path string) *Application {
	var found *Application
	for i := range site.Applications {
		app := &site.Applications[i]
		if within(join(path), join(app.Path)) && (found == nil || len(app.Path) > len(found.Path)) {
			found = app
		}
	}
	return found
}

// app returns the location of the application that a location belongs to.
func (s *Server) app(location string) string {
	name, path, _ := strings.Cut(location, "/")
	site, ok := find(s, func(f *File) []Site { return f.Sites }, func(site *Site) bool { return strings.EqualFold(site.Name, name) })
	if !ok {
		return name
	}
	if app := site.application(path); app != nil {
		return join(name, app.Path)
	}
	return name
}

// Farm returns a farm by its name or, if there is no such farm, by the address of a member that no other farm has.
func (s *Server) Farm(nameOrMember string) (Farm, bool) {
	farm, ok := find(s, func(f *File) []Farm { return f.Farms }, func(f *Farm) bool { return strings.EqualFold(f.Name, nameOrMember) })
	if ok {
		return farm, true
	}
	farm = farmTable.fresh
	if s.host == nil {
		return farm, false
	}
	found := 0
	for _, f := range s.host.Farms {
		if slices.ContainsFunc(f.Servers, func(m Member) bool { return strings.EqualFold(m.Address, nameOrMember) }) {
			farm = f
			found++
		}
	}
	if found != 1 {
		return farmTable.fresh, false
	}
	return farm, true
}

// FarmTimeout returns how long ARR waits for a member of the farm, which is found as by Farm: the product's default if
// there is no such farm.
func (s *Server) FarmTimeout(farm string) Setting[time.Duration] {
	f, _ := s.Farm(farm)
	return f.Timeout
}

// ProxyTimeout returns how long ARR waits for a server that is in no farm, for requests to the location.
func (s *Server) ProxyTimeout(location string) Setting[time.Duration] {
	p, _ := s.Proxy(location)
	return p.Timeout
}

// Proxy returns the proxy settings of a location, and whether any file has such a section for it.
func (s *Server) Proxy(location string) (Proxy, bool) {
	return effective(s, location, proxyTable, func(f *File) []Proxy { return f.Proxies }, func(p *Proxy) *Origin { return &p.Origin })
}

// Runtime returns the limits of ASP.NET and the worker process at a location, and whether any file has one.
func (s *Server) Runtime(location string) (Runtime, bool) {
	return effective(s, location, runtimeTable, func(f *File) []Runtime { return f.Runtimes }, func(r *Runtime) *Origin { return &r.Origin })
}

// ANCM returns the settings of the ASP.NET Core Module at a location, and whether any file has such a section for it.
func (s *Server) ANCM(location string) (ANCM, bool) {
	return effective(s, location, ancmTable, func(f *File) []ANCM { return f.ANCM }, func(a *ANCM) *Origin { return &a.Origin })
}

// WebSocket returns the WebSocket settings of a location, and whether any file has such a section for it.
func (s *Server) WebSocket(location string) (WebSocket, bool) {
	return effective(s, location, webSocketTable, func(f *File) []WebSocket { return f.WebSocket }, func(w *WebSocket) *Origin { return &w.Origin })
}

// effective puts the sections together that hold for a location. The innermost folder decides, and there its own file
// over the location elements of files further out. The result's Origin is that of the section that decides most.
func effective[T any](s *Server, location string, t *table[T], list func(*File) []T, origin func(*T) *Origin) (T, bool) {
	type candidate struct {
		depth, rank int
		section     *T
	}
	var found []candidate
	location = join(location)
	for _, p := range s.files {
		sections := list(p.file)
		for i := range sections {
			at := origin(&sections[i])
			for _, place := range p.places {
				outer := join(place, at.Location)
				if within(location, outer) && (!at.OwnAppOnly || outer == "" || strings.EqualFold(s.app(location), s.app(outer))) {
					found = append(found, candidate{depth(outer), p.rank, &sections[i]})
				}
			}
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.depth, b.depth), cmp.Compare(a.rank, b.rank))
	})
	result := t.fresh
	for _, c := range found {
		t.inherit(&result, c.section)
		*origin(&result) = *origin(c.section)
	}
	return result, len(found) > 0
}

// LogIDNames returns the names of the headers by which ARR hands on a request's identifier, as far as they are set; the
// default is not among them if another name is set everywhere.
func (s *Server) LogIDNames() []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
			names = append(names, name)
		}
	}
	if s.host != nil {
		for _, f := range s.host.Farms {
			add(f.LogGuidName.Value)
		}
	}
	proxy, _ := s.Proxy("")
	add(proxy.LogGuidName.Value)
	return names
}
