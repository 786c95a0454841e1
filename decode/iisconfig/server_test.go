package iisconfig_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/iisconfig"
)

func TestServer(t *testing.T) {
	const host = "applicationHost.config"
	s := iisconfig.NewServer(load(t, host), load(t, "aspnet.config"), load(t, "machine.config"))

	if pool, ok := s.Pool("shop"); !ok || pool.Name != "Shop" {
		t.Errorf("%v %s", ok, pool.Name)
	}
	if pool, ok := s.Pool("none"); ok || pool.QueueLength.Value != 1000 || pool.QueueLength.Set {
		t.Errorf("%v %+v", ok, pool)
	}
	if site, ok := s.Site(1); !ok || site.Name != "Default Web Site" {
		t.Errorf("%v %+v", ok, site)
	}
	for path, want := range map[string]string{
		"/": "DefaultAppPool", "": "DefaultAppPool", "/shopping": "DefaultAppPool", "/shop": "Shop", "/SHOP/cart/x": "Shop", "/shop/api/v1": "Encrypted", "/shop/apis": "Shop",
	} {
		if pool, ok := s.PoolOf(1, path); !ok || pool.Name != want {
			t.Errorf("%s: %s", path, pool.Name)
		}
	}
	if _, ok := s.PoolOf(2, "/"); ok {
		t.Error("a site that there is not has a pool")
	}

	says(t, s.FarmTimeout("SHOP"), 45*time.Second, host, `timeout="00:00:45"`)
	says(t, s.FarmTimeout("10.0.0.12"), 45*time.Second, host, `timeout="00:00:45"`)
	says(t, s.FarmTimeout("10.0.0.11"), 30*time.Second, host, "") // in two farms
	says(t, s.FarmTimeout("plain"), 30*time.Second, host, "")
	if _, ok := s.Farm("10.0.0.11"); ok {
		t.Error("a member of two farms tells neither")
	}

	says(t, s.ProxyTimeout(""), 3*time.Minute, host, `timeout="00:03:00"`)
	says(t, s.ProxyTimeout("Default Web Site"), 3*time.Minute, host, `timeout="00:03:00"`)
	says(t, s.ProxyTimeout("default web site/Shop/cart"), 10*time.Minute, host, `timeout="00:10:00"`)
	says(t, s.ProxyTimeout("Default Web Site/shopping"), 3*time.Minute, host, `timeout="00:03:00"`)
	if p, ok := s.Proxy("Default Web Site/shop"); !ok || !p.Enabled.Value || p.Enabled.Location != "" || p.Location != "Default Web Site/shop" {
		t.Errorf("%+v", p)
	}

	r, _ := s.Runtime("Default Web Site/shop")
	says(t, r.RequestQueueLimit, 800, "aspnet.config", "requestQueueLimit")
	says(t, r.ExecutionTimeout, 200*time.Second, "machine.config", "executionTimeout")
	says(t, r.AppConcurrentRequestLimit, 200, host, `appConcurrentRequestLimit="200"`)
	if _, ok := s.ANCM("Default Web Site"); ok {
		t.Error("there is no section of ANCM")
	}
	if names := s.LogIDNames(); !cmp.Equal(names, []string{"X-ARR-LOG-ID", "X-Trace-ID"}) {
		t.Error(names)
	}
}

func TestEmptyServer(t *testing.T) {
	s := iisconfig.NewServer()
	if timeout := s.FarmTimeout("shop"); timeout.Value != 30*time.Second || timeout.Set {
		t.Error(timeout)
	}
	if timeout := s.ProxyTimeout("a/b"); timeout.Value != 2*time.Minute || timeout.Set {
		t.Error(timeout)
	}
	ancm, ok := s.ANCM("a")
	if ok || ancm.RequestTimeout.Value != 2*time.Minute || ancm.StartupTimeLimit.Value != 2*time.Minute {
		t.Error(ancm)
	}
	if r, ok := s.Runtime(""); ok || r.ExecutionTimeout.Value != 110*time.Second || r.AppRequestQueueLimit.Value != 5000 {
		t.Error(r)
	}
	if _, ok := s.Site(1); ok || s.Host() != nil {
		t.Error("a site from nowhere")
	}
}

func TestPlaces(t *testing.T) {
	host := load(t, "applicationHost.config")
	web := string(sample(t, "web.config"))
	limit := func(seconds int) string {
		return fmt.Sprintf(`<configuration><system.web><httpRuntime executionTimeout="%d"/></system.web></configuration>`, seconds)
	}
	runtime := func(s *iisconfig.Server, location string, want time.Duration) {
		t.Helper()
		if r, _ := s.Runtime(location); r.ExecutionTimeout.Value != want {
			t.Errorf("%s: %v at %s", location, r.ExecutionTimeout.Value, r.ExecutionTimeout.File)
		}
	}

	s := iisconfig.NewServer(host,
		parse(t, limit(10), "WEB01/inetpub/wwwroot/web.config"),
		parse(t, limit(20), `WEB01\D\Sites\Shop\web.config`),
		parse(t, limit(30), "WEB01/D/Sites/Shop/Admin/web.config"),
		parse(t, limit(40), "WEB01/Windows/Microsoft.NET/Framework64/v4.0.30319/Config/web.config"),
		parse(t, limit(50), "WEB01/elsewhere/web.config"),
		parse(t, limit(60), "WEB01/CFGHISTORY_0000000002/web.config"),
		parse(t, limit(70), "WEB01/Api/web.config"))
	runtime(s, "", 40*time.Second)
	runtime(s, "Default Web Site", 10*time.Second)
	runtime(s, "Default Web Site/blog", 10*time.Second)
	runtime(s, "Default Web Site/shop/cart", 20*time.Second)
	runtime(s, "Default Web Site/shop/admin/users", 30*time.Second)
	runtime(s, "Default Web Site/shop/api", 70*time.Second) // by the last folder alone
	if u := s.Unplaced(); len(u) != 1 || u[0].Name != "WEB01/elsewhere/web.config" {
		t.Errorf("%d unplaced", len(u))
	}

	// A location element with inheritInChildApplications="false" does not reach the application below.
	s = iisconfig.NewServer(host, parse(t, web, "D:/Sites/Shop/web.config"))
	if a, ok := s.ANCM("Default Web Site/shop/cart"); !ok || a.ProcessPath.Value != "dotnet.exe" {
		t.Errorf("%v %+v", ok, a)
	}
	if a, ok := s.ANCM("Default Web Site/shop/api"); ok {
		t.Errorf("%+v", a)
	}
	runtime(s, "Default Web Site/shop/api", 300*time.Second) // outside of that element

	// The folder's own file decides over the server's location element, but not over one for a deeper folder.
	deep := parse(t, `<configuration><location path="S/a/b"><system.web><httpRuntime executionTimeout="3"/></system.web></location>
		<location path="S/a"><system.web><httpRuntime executionTimeout="2"/></system.web></location>
		<system.applicationHost><sites><site name="S" id="7"><application path="/"><virtualDirectory path="/" physicalPath="c:\s"/></application></site></sites></system.applicationHost></configuration>`, "applicationHost.config")
	s = iisconfig.NewServer(deep, parse(t, limit(9), "s/a/web.config"))
	runtime(s, "S", 110*time.Second)
	runtime(s, "S/a", 9*time.Second)
	runtime(s, "S/a/b", 3*time.Second)

	// One file, one application: there is no other place.
	s = iisconfig.NewServer(deep, parse(t, limit(9), "web.config"))
	runtime(s, "S/x", 9*time.Second)
	// A web.config alone holds wherever one asks.
	s = iisconfig.NewServer(parse(t, limit(9), "web.config"))
	runtime(s, "Default Web Site", 9*time.Second)
}

func TestRedirected(t *testing.T) {
	pool := func(name, file string) *iisconfig.File {
		return parse(t, `<configuration><system.applicationHost><applicationPools><add name="`+name+`"/></applicationPools></system.applicationHost></configuration>`, file)
	}
	redirect := load(t, "redirection.config")
	local := pool("local", "WEB01/Windows/System32/inetsrv/config/applicationHost.config")
	s := iisconfig.NewServer(redirect, local)
	if at, missing, ok := s.Redirected(); !ok || !missing || at.Path.Value != `\\files.example\iis\shared` || s.Host() != local {
		t.Errorf("%+v %v %v", at, missing, ok)
	}
	shared := pool("shared", "WEB01/iis/shared/applicationHost.config")
	s = iisconfig.NewServer(redirect, local, shared)
	if _, missing, ok := s.Redirected(); !ok || missing || s.Host() != shared {
		t.Errorf("%v %v", missing, ok)
	}
	s = iisconfig.NewServer(pool("part", "temp/appPools/Shop/Shop.config"), local, pool("old", "history/CFGHISTORY_0000000001/applicationHost.config"))
	if _, _, ok := s.Redirected(); ok || s.Host() != local {
		t.Error("which applicationHost.config?")
	}
}

func TestDiff(t *testing.T) {
	const name = "history/CFGHISTORY_0000000012/applicationHost.config"
	text := string(sample(t, "applicationHost.config"))
	old := parse(t, text, name)
	if changes := iisconfig.Diff(old, parse(t, text, "applicationHost.config")); len(changes) != 0 {
		t.Errorf("%v", changes)
	}
	for _, tt := range []struct{ from, to, want string }{
		{`timeout="00:00:45"`, `timeout="00:00:20"`, `farm shop: applicationRequestRouting.protocol.timeout: 45s -> 20s`},
		{`timeout="00:00:45"`, ``, `farm shop: applicationRequestRouting.protocol.timeout: 45s -> 30s (default)`},
		{`autoStart="false"`, ``, `pool Shop: autoStart: false -> true (default)`},
		{`queueLength="1500"`, `queueLength="10"`, `pool defaults: queueLength: 1500 -> 10`},
		{`queueLength="2000"`, ``, `pool Shop: queueLength: 2000 -> 1500`},
		{`<add value="03:00:00" />`, ``, `pool Shop: recycling.periodicRestart.schedule: 03:00 15:30 -> 15:30`},
		{`address="10.0.0.12" enabled="false"`, `address="10.0.0.12"`, `farm shop server 10.0.0.12: enabled: false -> true (default)`},
		{`address="10.0.0.12"`, `address="10.0.0.13"`, `farm shop server 10.0.0.13: absent -> present; farm shop server 10.0.0.12: present -> absent`},
		{`timeout="00:10:00"`, `timeout="00:01:30"`, `Default Web Site/shop: proxy.timeout: 10m -> 1m30s`},
		{`appConcurrentRequestLimit="10000"`, ``, `serverRuntime.appConcurrentRequestLimit: 10000 -> 5000 (default)`},
		{`<webSocket enabled="false" />`, ``, `webSocket.enabled: false -> true (default)`},
		{`bindingInformation="*:80:"`, `bindingInformation="*:81:"`, `site Default Web Site binding http *:81:: absent -> present; site Default Web Site binding http *:80:: present -> absent`},
		{`path="/shop" applicationPool="Shop"`, `path="/shop" applicationPool="DefaultAppPool"`, `site Default Web Site application /shop: applicationPool: Shop -> DefaultAppPool`},
		{`http://shop/{R:0}`, `http://plain/{R:0}`, `rewrite rule ARR_shop_loadbalance to http://plain: absent -> present; rewrite rule ARR_shop_loadbalance to http://shop: present -> absent`},
		{`CANARY-poolpassword`, `CANARY-other`, ``},
		{`activityTimeout="600"`, `activityTimeout="70"`, `fastCgi C:\PHP\php-cgi.exe: activityTimeout: 10m -> 1m10s`},
	} {
		now := strings.Replace(text, tt.from, tt.to, 1)
		if now == text {
			t.Fatalf("the sample has no %s", tt.from)
		}
		changed := parse(t, now, "applicationHost.config")
		var got []string
		for _, c := range iisconfig.Diff(old, changed) {
			got = append(got, c.String())
			if c.Line == 0 || c.File == "" {
				t.Errorf("%+v stands nowhere", c)
			}
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, "; ")); diff != "" {
			t.Errorf("%s: %s", tt.from, diff)
		}
		// Back again there are as many changes.
		if back := iisconfig.Diff(changed, old); len(back) != len(got) {
			t.Errorf("%s: %v and back %v", tt.from, got, back)
		}
	}
	c := iisconfig.Diff(old, parse(t, strings.Replace(text, `timeout="00:00:45"`, `timeout="00:00:20"`, 1), "applicationHost.config"))[0]
	if want := lineOf(t, "applicationHost.config", `timeout="00:00:45"`); c.File != "applicationHost.config" || c.Line != want {
		t.Errorf("%+v, want line %d", c, want)
	}
}

// replaced is a reader of a file with another text in it.
func replaced(file []byte, from, to string) *strings.Reader {
	return strings.NewReader(strings.Replace(string(file), from, to, 1))
}
