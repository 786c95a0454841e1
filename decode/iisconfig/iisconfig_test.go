package iisconfig_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/unicode"

	"github.com/etwhy/etwhy/decode/iisconfig"
)

const canary = "CANARY"

func sample(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func parse(tb testing.TB, text, name string) *iisconfig.File {
	tb.Helper()
	f, err := iisconfig.Parse(strings.NewReader(text), name)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

// load reads a sample, which must be without anomalies but for the encrypted user name of one pool.
func load(tb testing.TB, name string) *iisconfig.File {
	tb.Helper()
	f := parse(tb, string(sample(tb, name)), name)
	for _, a := range f.Anomalies {
		if a.Kind != iisconfig.Encrypted {
			tb.Errorf("%s: %+v", name, a)
		}
	}
	return f
}

// lineOf returns the line of a sample that holds text.
func lineOf(tb testing.TB, name, text string) int {
	tb.Helper()
	before, _, ok := strings.Cut(string(sample(tb, name)), text)
	if !ok {
		tb.Fatalf("%s has no %q", name, text)
	}
	return 1 + strings.Count(before, "\n")
}

// says tests a setting's value, and where it is: mark is the text in the sample, "" = default.
func says[T comparable](t *testing.T, s iisconfig.Setting[T], want T, name, mark string) {
	t.Helper()
	source := "default"
	if mark != "" {
		source = fmt.Sprintf("%s:%d", name, lineOf(t, name, mark))
	}
	if s.Value != want || s.Source() != source || s.Set != (mark != "") {
		t.Errorf("%v at %s, want %v at %s", s.Value, s.Source(), want, source)
	}
}

func TestKinds(t *testing.T) {
	for name, want := range map[string]iisconfig.Kind{
		"applicationHost.config": iisconfig.ApplicationHost, "web.config": iisconfig.WebConfig, "redirection.config": iisconfig.Redirection,
		"aspnet.config": iisconfig.ASPNet, "machine.config": iisconfig.Machine,
	} {
		file := sample(t, name)
		if kind, ok := iisconfig.Recognise(file); kind != want || !ok {
			t.Errorf("%s is recognised as %v, %v", name, kind, ok)
		}
		if f := load(t, name); f.Kind != want || f.Kind.String() != name {
			t.Errorf("%s is %v", name, f.Kind)
		}
	}
	for text, want := range map[string]bool{
		`<configuration><location path="x"><system.webServer/></location></configuration>`: true,
		`<configuration><system.webServer`:                                                 false, // cut inside the tag
		`<configuration><startup/></configuration>`:                                        false,
		`<failedRequest/>`: false,
		`text <configuration><system.webServer/></configuration>`: false,
		`</configuration>`: false,
		``:                 false,
		`<!-- <configuration> --><html><configuration><system.web/></html>`: false,
	} {
		if _, ok := iisconfig.Recognise([]byte(text)); ok != want {
			t.Errorf("%s: %v", text, ok)
		}
	}
	transform := parse(t, `<configuration xmlns:xdt="x"><system.web><compilation xdt:Transform="RemoveAttributes(debug)"/></system.web></configuration>`, "Web.Release.config")
	if transform.Kind != iisconfig.Transform {
		t.Error(transform.Kind)
	}
}

func TestFormatError(t *testing.T) {
	for _, text := range []string{"", "text", "<html></html>", "</configuration>", "<", "\xff\xfe", "<configuration", "x<configuration/>"} {
		f, err := iisconfig.Parse(strings.NewReader(text), "x")
		if !errors.Is(err, iisconfig.ErrFormat) || f == nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	broken := errors.New("broken disk")
	f, err := iisconfig.Parse(io.MultiReader(strings.NewReader(`<configuration><webFarms><webFarm name="a"/>`), iotest.ErrReader(broken)), "x")
	if !errors.Is(err, broken) || len(f.Farms) != 1 {
		t.Errorf("%v, %d farms", err, len(f.Farms))
	}
}

func TestPools(t *testing.T) {
	const host = "applicationHost.config"
	f := load(t, host)
	if len(f.Pools) != 3 {
		t.Fatalf("%d pools", len(f.Pools))
	}
	shop := f.Pools[1]
	if shop.Name != "Shop" || shop.Source() != fmt.Sprint(host, ":", lineOf(t, host, `name="Shop"`)) {
		t.Errorf("%s at %s", shop.Name, shop.Source())
	}
	says(t, shop.AutoStart, false, host, `name="Shop"`)
	says(t, shop.QueueLength, 2000, host, `name="Shop"`)
	says(t, shop.RuntimeVersion, "", host, `name="Shop"`)
	says(t, shop.StartMode, "OnDemand", host, "")
	says(t, shop.IdentityType, "SpecificUser", host, `identityType="specificUser"`)
	says(t, shop.UserName, `CONTOSO\svc-shop`, host, `userName="CONTOSO\svc-shop"`)
	says(t, shop.ProcessModel.IdleTimeout, 0, host, `idleTimeout="00:00:00"`)
	says(t, shop.ProcessModel.PingInterval, time.Minute, host, `pingInterval=`)
	says(t, shop.ProcessModel.PingResponseTime, 90*time.Second, host, "")
	says(t, shop.ProcessModel.ShutdownTimeLimit, 90*time.Second, host, "")
	says(t, shop.Recycling.PeriodicRestart, 0, host, `periodicRestart time=`)
	says(t, shop.Recycling.PrivateMemory, 2097152, host, `privateMemory=`)
	says(t, shop.Recycling.DisallowOverlappingRotation, true, host, `disallowOverlappingRotation=`)
	says(t, shop.RapidFail.Enabled, true, host, "")
	says(t, shop.RapidFail.MaxFailures, 3, host, "rapidFailProtectionMaxCrashes=")
	says(t, shop.RapidFail.Interval, 10*time.Minute, host, "rapidFailProtectionInterval=")
	says(t, shop.CPU.Limit, 50000, host, "cpu limit=")
	says(t, shop.CPU.Action, "KillW3wp", host, `action="KillW3wp"`)
	says(t, shop.CPU.ResetInterval, 5*time.Minute, host, "")
	if s := shop.Recycling.Schedule; len(s) != 2 {
		t.Errorf("%v", s)
	} else {
		says(t, s[1], 15*time.Hour+30*time.Minute, host, `"15:30:00"`)
	}

	// What the defaults say, though they stand behind the pools.
	says(t, shop.ProcessModel.StartupTimeLimit, 3*time.Minute, host, "startupTimeLimit=")
	says(t, shop.RapidFail.LoadBalancerCapabilities, "TcpLevel", host, "loadBalancerCapabilities=")
	plain := f.Pools[0]
	says(t, plain.QueueLength, 1500, host, `applicationPoolDefaults queueLength`)
	says(t, plain.Recycling.PeriodicRestart, 29*time.Hour, host, "")
	says(t, plain.ProcessModel.IdleTimeout, 20*time.Minute, host, "")
	says(t, plain.RapidFail.MaxFailures, 5, host, "")
	says(t, f.Pools[2].UserName, "", host, "") // encrypted
}

func TestSites(t *testing.T) {
	const host = "applicationHost.config"
	f := load(t, host)
	if len(f.Sites) != 1 {
		t.Fatalf("%d sites", len(f.Sites))
	}
	site := f.Sites[0]
	if site.ID != 1 || site.Name != "Default Web Site" || len(site.Applications) != 3 || len(site.Bindings) != 3 {
		t.Fatalf("%+v", site)
	}
	says(t, site.ServerAutoStart, false, host, `site name="Default Web Site"`)
	says(t, site.ConnectionTimeout, 5*time.Minute, host, "connectionTimeout=")
	says(t, site.LogFile.Directory, `E:\Logs`, host, `E:\Logs`)
	says(t, site.LogFile.Format, "W3C", host, `logFormat="W3C"`)
	says(t, site.LogFile.LocalTimeRollover, true, host, "localTimeRollover=")
	says(t, site.LogFile.Enabled, true, host, "")
	says(t, site.Tracing.Enabled, true, host, `traceFailedRequestsLogging enabled="true"`)
	says(t, site.Tracing.MaxFiles, 200, host, `maxLogFiles`)
	if c := site.LogFile.CustomFields; len(c) != 1 || c[0].Name != "X-Forwarded-For" || c[0].SourceType != "RequestHeader" {
		t.Errorf("%+v", c)
	}
	if b := site.Bindings[1]; b.Address != "[::1]" || b.Port != 443 || b.Host != "shop.example" {
		t.Errorf("%+v", b)
	}
	if b := site.Bindings[2]; b.Port != 0 || b.Information != "808:*" {
		t.Errorf("%+v", b)
	}
	says(t, site.Applications[0].Pool, "DefaultAppPool", host, `<applicationDefaults`)
	says(t, site.Applications[1].Pool, "Shop", host, `application path="/shop" `)
	if v := site.Applications[1].Folders; len(v) != 2 || v[1].Path != "/images" || v[1].PhysicalPath != `D:\Sites\Images` {
		t.Errorf("%+v", v)
	}
}

func TestFarms(t *testing.T) {
	const host = "applicationHost.config"
	f := load(t, host)
	if len(f.Farms) != 2 || len(f.Farms[0].Servers) != 2 || len(f.Farms[1].Servers) != 1 {
		t.Fatalf("%+v", f.Farms)
	}
	shop, plain := f.Farms[0], f.Farms[1]
	says(t, shop.Timeout, 45*time.Second, host, `timeout="00:00:45"`)
	says(t, shop.PreserveHostHeader, false, host, `preserveHostHeader=`)
	says(t, shop.LogGuidName, "X-ARR-LOG-ID", host, "")
	says(t, shop.HealthCheck.URL, "http://shop/health", host, "healthCheck")
	says(t, shop.HealthCheck.Interval, 10*time.Second, host, "healthCheck")
	says(t, shop.HealthCheck.Timeout, 30*time.Second, host, "")
	says(t, shop.HealthCheck.ResponseMatch, "OK", host, "healthCheck")
	says(t, shop.Affinity.UseCookie, true, host, "useCookie")
	says(t, plain.Timeout, 30*time.Second, host, "")
	says(t, plain.PreserveHostHeader, true, host, "")
	says(t, plain.ReverseRewrite, false, host, "")
	says(t, plain.HealthCheck.StatusCodeMatch, "200-399", host, "")
	says(t, plain.HealthCheck.MaxLiveTrafficFailures, 10, host, "")
	says(t, plain.MaxResponseHeaderSize, 65536, host, "")

	off := shop.Servers[1]
	if off.Address != "10.0.0.12" || off.Line != lineOf(t, host, "10.0.0.12") {
		t.Errorf("%+v", off)
	}
	says(t, off.Enabled, false, host, "10.0.0.12")
	says(t, off.HTTPPort, 8080, host, "httpPort")
	says(t, off.HTTPSPort, 8443, host, "httpsPort")
	says(t, shop.Servers[0].Enabled, true, host, "10.0.0.11")
	says(t, plain.Servers[0].Enabled, true, host, "")
	says(t, plain.Servers[0].HTTPPort, 80, host, "")
}

func TestSections(t *testing.T) {
	const host, web = "applicationHost.config", "web.config"
	f := load(t, host)
	if len(f.Proxies) != 2 || len(f.FastCGI) != 1 || len(f.RewriteProxyRules) != 2 {
		t.Fatalf("%d proxies, %d FastCGI programs, %d rules", len(f.Proxies), len(f.FastCGI), len(f.RewriteProxyRules))
	}
	says(t, f.Proxies[0].Timeout, 3*time.Minute, host, `timeout="00:03:00"`)
	says(t, f.Proxies[0].ProxyServer, "http://proxy.example:8080", host, "proxy.example")
	says(t, f.Proxies[1].Timeout, 10*time.Minute, host, `timeout="00:10:00"`)
	if l := f.Proxies[1].Timeout.Location; l != "Default Web Site/shop" || f.Proxies[1].Location != l {
		t.Errorf("location %q", l)
	}
	php := f.FastCGI[0]
	says(t, php.ActivityTimeout, 10*time.Minute, host, "activityTimeout")
	says(t, php.MaxInstances, 64, host, "maxInstances")
	says(t, php.QueueLength, 1000, host, "")
	if php.FullPath != `C:\PHP\php-cgi.exe` {
		t.Error(php.FullPath)
	}
	farm, off := f.RewriteProxyRules[0], f.RewriteProxyRules[1]
	if farm.Name != "ARR_shop_loadbalance" || farm.Scheme != "http" || farm.Target != "shop" || !farm.Global || !farm.Enabled.Value {
		t.Errorf("%+v", farm)
	}
	if off.Target != "10.0.0.9:8443" || off.Scheme != "https" || off.Enabled.Value {
		t.Errorf("%+v", off)
	}
	says(t, f.WebSocket[0].Enabled, false, host, "<webSocket")

	w := load(t, web)
	if len(w.ANCM) != 1 || len(w.Runtimes) != 1 || len(w.AutoHeal) != 4 || len(w.HealActions) != 2 {
		t.Fatalf("%+v", w)
	}
	a := w.ANCM[0]
	says(t, a.ProcessPath, "dotnet.exe", web, "processPath")
	says(t, a.HostingModel, "outofprocess", web, "hostingModel")
	says(t, a.RequestTimeout, 4*time.Minute, web, "requestTimeout")
	says(t, a.StartupTimeLimit, time.Minute, web, "startupTimeLimit")
	says(t, a.StdoutLogEnabled, true, web, "stdoutLogEnabled")
	says(t, a.ShutdownTimeLimit, 10*time.Second, web, "")
	if !a.OwnAppOnly || a.Location != "" {
		t.Errorf("%+v", a.Origin)
	}
	r := w.Runtimes[0]
	says(t, r.ExecutionTimeout, 5*time.Minute, web, "executionTimeout")
	says(t, r.MaxRequestLength, 1048576, web, "maxRequestLength")
	says(t, r.AppRequestQueueLimit, 100, web, "appRequestQueueLimit")
	says(t, r.Debug, true, web, "compilation")
	says(t, r.AppConcurrentRequestLimit, 5000, web, "")
	if rule := w.RewriteProxyRules[0]; rule.Target != "localhost:5000" || rule.Global {
		t.Errorf("%+v", rule)
	}
	var types []string
	for _, trigger := range w.AutoHeal {
		types = append(types, trigger.Type)
	}
	if !slices.Equal(types, []string{"requests", "slowRequests", "statusCode", "memory"}) {
		t.Error(types)
	}
	says(t, w.AutoHeal[1].TimeTaken, 45*time.Second, web, "slowRequests")
	says(t, w.AutoHeal[2].StatusCode, "500", web, `statusCode="500"`)
	says(t, w.AutoHeal[3].PrivateKB, 800000, web, "privateBytesInKB")
	says(t, w.HealActions[0].Value, "Recycle", web, `"Recycle"`)
	says(t, w.HealActions[1].Program, "dump.exe", web, "dump.exe")

	redirect := load(t, "redirection.config").Redirect
	says(t, redirect.Enabled, true, "redirection.config", "configurationRedirection enabled")
	says(t, redirect.Path, `\\files.example\iis\shared`, "redirection.config", "configurationRedirection enabled")
}

// everything returns all that a file holds, also behind pointers and in unexported fields.
func everything(f *iisconfig.File) string {
	js, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%#v\n%#v\n%s", f, f.Redirect, js)
}

func TestSecrets(t *testing.T) {
	names, err := filepath.Glob("testdata/*.config")
	if err != nil || len(names) < 5 {
		t.Fatal(names, err)
	}
	var files []*iisconfig.File
	for _, name := range names {
		name = filepath.Base(name)
		text := string(sample(t, name))
		if !strings.Contains(text, canary) && name != "aspnet.config" {
			t.Errorf("%s: there is no secret in it", name)
		}
		f := load(t, name)
		if all := everything(f); strings.Contains(all, canary) {
			t.Errorf("%s: %.80s", name, all[strings.Index(all, canary):])
		}
		files = append(files, f)
		// Nor from a file that breaks off in the middle of one.
		for at := range len(text) {
			if strings.HasPrefix(text[at:], canary) {
				f, err := iisconfig.Parse(strings.NewReader(text[:at+len(canary)]), name)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(everything(f), canary) {
					t.Errorf("%s: kept when cut at %#x", name, at)
				}
			}
		}
	}
	empty := parse(t, "<configuration/>", "x")
	for _, f := range files {
		if changes := fmt.Sprintf("%#v", iisconfig.Diff(empty, f)); strings.Contains(changes, canary) {
			t.Errorf("%s: in the changes", f.Name)
		}
	}
}

// Whatever stands in front of an @ or behind a program may be secret.
func TestCleaned(t *testing.T) {
	for address, want := range map[string]string{
		"http://u:p@h:80/x?k=v": "http://h:80/x", "http://h/a?mail=a@b": "http://h/a", "u:p/w@h:80": "h:80", "http://u:p?w@h/": "http://h/",
		"proxy:8080": "proxy:8080", "*.local;10.*": "*.local;10.*", "http://u:p/w@h/x": "http://h/x",
	} {
		f := parse(t, `<configuration><system.webServer><proxy proxy="`+address+`"/></system.webServer></configuration>`, "x")
		if got := f.Proxies[0].ProxyServer.Value; got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
	for path, want := range map[string]string{
		`dotnet`: "dotnet", `dotnet --key=/secret`: "dotnet", `&quot;C:\Program Files\a.EXE&quot; secret`: "a.EXE", `.\bin\app.exe`: "app.exe", `%ProgramFiles%\dotnet\dotnet.exe`: "dotnet.exe",
	} {
		f := parse(t, `<configuration><system.webServer><aspNetCore processPath="`+path+`"/></system.webServer></configuration>`, "x")
		if got := f.ANCM[0].ProcessPath.Value; got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestTimeSpans(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"00:00:30": 30 * time.Second, "29:00:00": 29 * time.Hour, "1.05:00:00": 29 * time.Hour, "00:30": 30 * time.Minute, "00:00:00.1": 100 * time.Millisecond,
		"00:00:01.0000001": time.Second + 100, "36500.00:00:00": 36500 * 24 * time.Hour,
		// No time spans: the default stays.
		"30": 0, "": 0, "Infinite": 0, "00:60:00": 0, "00:00:60": 0, "-00:00:01": 0, "a:b:c": 0, "1.2.3:4:5": 0, "00:00:01.": 0, "00:00:01.12345678": 0,
		"99999999999999999999.00:00:00": 0, "36501.00:00:00": 0, "1:2:3:4": 0,
	} {
		f := parse(t, `<configuration><system.webServer><webSocket pingInterval="`+text+`"/></system.webServer></configuration>`, "x")
		ping, bad := f.WebSocket[0].PingInterval, f.Partial()
		if ping.Value != want || ping.Set != (want != 0) || bad != (want == 0) {
			t.Errorf("%s: %+v %v", text, ping, f.Anomalies)
		}
	}
}

func TestEncodings(t *testing.T) {
	text := sample(t, "applicationHost.config")
	want := load(t, "applicationHost.config")
	for name, encoding := range map[string]interface{ Bytes([]byte) ([]byte, error) }{
		"UTF-8 with mark":     unicode.UTF8BOM.NewEncoder(),
		"UTF-16LE with mark":  unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder(),
		"UTF-16BE with mark":  unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder(),
		"UTF-16LE, no marker": unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder(),
		"UTF-16BE, no marker": unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder(),
	} {
		coded, err := encoding.Bytes(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := iisconfig.Parse(iotest.OneByteReader(bytes.NewReader(coded)), "applicationHost.config")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if kind, ok := iisconfig.Recognise(coded[:len(coded)/2]); !ok || kind != iisconfig.ApplicationHost {
			t.Errorf("%s is not recognised", name)
		}
	}
}

func TestHistory(t *testing.T) {
	for name, want := range map[string]uint64{
		`C:\inetpub\history\CFGHISTORY_0000000012\applicationHost.config`: 12, "WEB01/history/cfghistory_0000000003/applicationHost.config": 3,
		"applicationHost.config": 0, "CFGHISTORY_/x": 0, "CFGHISTORY_12x/applicationHost.config": 0, "CFGHISTORY_99999999999999999999/x": 0,
	} {
		if f := parse(t, "<configuration/>", name); f.History != want {
			t.Errorf("%s: %d", name, f.History)
		}
	}
}

func TestEntriesHaveLines(t *testing.T) {
	for _, name := range []string{"applicationHost.config", "web.config"} {
		lines := strings.Count(string(sample(t, name)), "\n") + 1
		walk(t, reflect.ValueOf(load(t, name)).Elem(), func(at iisconfig.Origin) {
			if at.Line < 1 || at.Line > lines || at.File != name {
				t.Errorf("%+v", at)
			}
		})
	}
}

// walk calls f with the place of each entry and each setting that is set.
func walk(t *testing.T, v reflect.Value, f func(iisconfig.Origin)) {
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			walk(t, v.Index(i), f)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[iisconfig.Anomaly]() {
			return
		}
		if set := v.FieldByName("Set"); set.IsValid() {
			if set.Bool() {
				f(iisconfig.Origin{File: v.FieldByName("File").String(), Line: int(v.FieldByName("Line").Int())})
			}
			return
		}
		for i := range v.NumField() {
			if strings.HasSuffix(v.Type().Field(i).Name, "Defaults") && v.Field(i).FieldByName("Line").Int() == 0 {
				continue // the file has no such element
			}
			if at, ok := v.Field(i).Interface().(iisconfig.Origin); ok {
				f(at)
				continue
			}
			walk(t, v.Field(i), f)
		}
	}
}
