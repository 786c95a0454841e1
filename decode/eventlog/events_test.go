package eventlog_test

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/decode/eventlog"
)

func TestFacts(t *testing.T) {
	const clr = "Application: w3wp.exe\\nFramework Version: v4.0.30319\\nDescription: it died.\\n" +
		"Exception Info: System.InvalidOperationException\\n   at Shop.Cart.Load(Int32)\\n   at System.Web.HttpApplication.Step()"
	const core = "Anwendung: w3wp.exe\\nCoreCLR-Version: 8.0.1\\nBeschreibung: beendet.\\n" +
		"Ausnahmeinformationen: Shop.Data.StockException: Kein Bestand\\n   bei Shop.Data.Stock+<>c.<Get>b__0()\\n"
	for _, test := range []struct {
		line string
		want eventlog.Fact
	}{
		{`Microsoft-Windows-WAS 5002 error AppPoolID=Shop`, eventlog.Fact{Kind: eventlog.PoolDisabled, Detail: eventlog.DisabledRapidFail, Pool: "Shop"}},
		{`WAS 5002 error "My Shop"`, eventlog.Fact{Kind: eventlog.PoolDisabled, Detail: eventlog.DisabledRapidFail, Pool: "My Shop"}},
		{`Microsoft-Windows-WAS 5009 warning AppPoolID=Shop ProcessID=6700 ExitCode=c0000005`, eventlog.Fact{Kind: eventlog.Crash, Pool: "Shop", PID: 6700, Code: 0xc0000005}},
		{`Microsoft-Windows-WAS 5009 warning Shop 6700 0xff`, eventlog.Fact{Kind: eventlog.Crash, Pool: "Shop", PID: 6700, Code: 0xff}},
		{`Microsoft-Windows-WAS 5010 warning AppPoolID=Shop ProcessID=6700`, eventlog.Fact{Kind: eventlog.PingFailed, Pool: "Shop", PID: 6700}},
		{`Microsoft-Windows-WAS 5011 warning ProcessID=6700 AppPoolID=Shop`, eventlog.Fact{Kind: eventlog.Crash, Pool: "Shop", PID: 6700}},
		{`Microsoft-Windows-WAS 5012 warning Shop 6700`, eventlog.Fact{Kind: eventlog.StartTimeout, Pool: "Shop", PID: 6700}},
		{`Microsoft-Windows-WAS 5013 warning Shop 6700`, eventlog.Fact{Kind: eventlog.StopTimeout, Pool: "Shop", PID: 6700}},
		{`Microsoft-Windows-WAS 5021 warning AppPoolID=Shop`, eventlog.Fact{Kind: eventlog.IdentityInvalid, Pool: "Shop"}},
		{`Microsoft-Windows-WAS 5025 warning Shop`, eventlog.Fact{Kind: eventlog.CPULimit, Pool: "Shop"}},
		{`Microsoft-Windows-WAS 5057 warning Shop`, eventlog.Fact{Kind: eventlog.PoolDisabled, Detail: eventlog.DisabledIdentity, Pool: "Shop"}},
		{`Microsoft-Windows-WAS 5059 error Shop`, eventlog.Fact{Kind: eventlog.PoolDisabled, Detail: eventlog.DisabledStart, Pool: "Shop"}},
		{`Microsoft-Windows-WAS 5074 information ProcessID=6700 AppPoolID=Shop`, eventlog.Fact{Kind: eventlog.Recycle, Detail: eventlog.RecycleTime, Pool: "Shop", PID: 6700}},
		{`Microsoft-Windows-WAS 5075 information 6700 Shop`, eventlog.Fact{Kind: eventlog.Recycle, Detail: eventlog.RecycleRequests, Pool: "Shop", PID: 6700}},
		{`Microsoft-Windows-WAS 5079 information Shop`, eventlog.Fact{Kind: eventlog.Recycle, Detail: eventlog.RecycleAdministrator, Pool: "Shop"}},
		{`Microsoft-Windows-WAS 5080 information Shop`, eventlog.Fact{Kind: eventlog.Recycle, Detail: eventlog.RecycleConfig, Pool: "Shop"}},
		{`Microsoft-Windows-WAS 5077 information 6700 Shop`, eventlog.Fact{Kind: eventlog.MemoryRecycle, Detail: eventlog.VirtualMemory, Pool: "Shop", PID: 6700}},
		{`Microsoft-Windows-WAS 5117 information 6700 Shop`, eventlog.Fact{Kind: eventlog.MemoryRecycle, Detail: eventlog.PrivateMemory, Pool: "Shop", PID: 6700}},
		{`Microsoft-Windows-WAS 5139 warning AppPoolID=Shop ProcessID=6700 param3=0 ProtocolID=http`, eventlog.Fact{Kind: eventlog.ListenerFailed, Pool: "Shop", PID: 6700}},
		{`Microsoft-Windows-WAS 5186 information 6700 Shop 20`, eventlog.Fact{Kind: eventlog.IdleStop, Pool: "Shop", PID: 6700}},
		{`Microsoft-Windows-IIS-W3SVC-WP 2280 error ModuleDll="C:\\mods\\auth.dll"`, eventlog.Fact{Kind: eventlog.ModuleFailed, Module: "auth.dll"}},
		{`W3SVC-WP 2282 error "C:\\mods\\auth.dll" x86`, eventlog.Fact{Kind: eventlog.ModuleFailed, Module: "auth.dll", Detail: "bitness"}},
		{`Microsoft-Windows-HttpEvent 15005 error DeviceObject="\\Device\\Http\\ReqQueue" Endpoint=[::]:53362`, eventlog.Fact{Kind: eventlog.BindFailed, Detail: "[::]:53362"}},
		{`HTTP 15005 error "\\Device\\Http\\ReqQueue" 10.0.0.1:80`, eventlog.Fact{Kind: eventlog.BindFailed, Detail: "10.0.0.1:80"}},
		{`Microsoft-Windows-HttpEvent 15007 information DeviceObject=x Url=http://+:80/`, eventlog.Fact{Kind: eventlog.URLReserved, Detail: "http://+:80/"}},
		{`Tcpip 4227 warning ""`, eventlog.Fact{Kind: eventlog.PortReused}},
		{`Tcpip 4231 warning`, eventlog.Fact{Kind: eventlog.PortsExhausted}},
		{`Schannel 36887 error AlertDesc=40`, eventlog.Fact{Kind: eventlog.TLSAlertReceived, Code: 40}},
		{`Schannel 36888 error 70 105`, eventlog.Fact{Kind: eventlog.TLSAlertSent, Code: 70}},
		{`Schannel 36874 error Protocol="TLS 1.2"`, eventlog.Fact{Kind: eventlog.TLSNoCipher, Detail: "TLS 1.2"}},
		{`Schannel 36871 error Type=client ErrorState=10013`, eventlog.Fact{Kind: eventlog.TLSCredential, Code: 10013}},
		{`"Service Control Manager" 7036 information param1="WWW-Publishingdienst" param2=beendet`, eventlog.Fact{Kind: eventlog.ServiceState, Service: "WWW-Publishingdienst", Detail: "beendet"}},
		{`"Service Control Manager" 7031 error param1="World Wide Web" param2=1`, eventlog.Fact{Kind: eventlog.ServiceCrash, Service: "World Wide Web"}},
		{`"Service Control Manager" 7023 error param1="Windows Time" param2=%%1792`, eventlog.Fact{Kind: eventlog.ServiceFailed, Service: "Windows Time", Code: 1792}},
		{`"Service Control Manager" 7040 information param1=Web param2="auto start" param3=disabled param4=W3SVC`, eventlog.Fact{Kind: eventlog.ServiceStartup, Service: "W3SVC", Detail: "disabled"}},
		{`"Application Error" 1000 error w3wp.exe 10.0.20348.1 5f2e KERNELBASE.dll 10.0.20348.1 abcd e0434352 0000000000034b59 1a2c 01dc c:\\w3wp.exe`,
			eventlog.Fact{Kind: eventlog.Crash, Image: "w3wp.exe", Module: "KERNELBASE.dll", Code: 0xe0434352, PID: 0x1a2c}},
		{`"Application Error" 1000 error AppName=w3wp.exe AppVersion=1 ModuleName=ntdll.dll ExceptionCode=c0000374 ProcessId=0x9380`,
			eventlog.Fact{Kind: eventlog.Crash, Image: "w3wp.exe", Module: "ntdll.dll", Code: 0xc0000374, PID: 0x9380}},
		{`"Windows Error Reporting" 1001 information "" 0 APPCRASH x 0 w3wp.exe 10.0 5f2e auth.dll 1.0 abcd c0000005 1234`,
			eventlog.Fact{Kind: eventlog.CrashReport, Image: "w3wp.exe", Module: "auth.dll", Code: 0xc0000005, Detail: "APPCRASH"}},
		{`"Windows Error Reporting" 1001 information "" 0 CLR20r3 x 0 w3wp.exe 10.0 5f2e Shop 1.0 abcd 3a 12 System.NullReferenceException`,
			eventlog.Fact{Kind: eventlog.CrashReport, Image: "w3wp.exe", Module: "Shop", Detail: "System.NullReferenceException"}},
		{`".NET Runtime" 1026 error "` + clr + `"`, eventlog.Fact{Kind: eventlog.ManagedCrash, Image: "w3wp.exe", Detail: "System.InvalidOperationException", Module: "Shop.Cart.Load"}},
		{`".NET Runtime" 1026 error "` + core + `"`, eventlog.Fact{Kind: eventlog.ManagedCrash, Image: "w3wp.exe", Detail: "Shop.Data.StockException", Module: "Shop.Data.Stock+<>c.<Get>b__0"}},
		{`".NET Runtime" 1026 error "Application: w3wp.exe\nException Info: exception code c0000005, exception address 00007FF"`,
			eventlog.Fact{Kind: eventlog.ManagedCrash, Image: "w3wp.exe", Code: 0xc0000005}},
		{`"IIS AspNetCore Module" 1000 warning "Application 'MACHINE/WEBROOT/APPHOST/SHOP' in 'C:\\shop' did not start 'dotnet shop.dll', code '0x80070002' : 0."`,
			eventlog.Fact{Kind: eventlog.AppStartFailed, Detail: "MACHINE/WEBROOT/APPHOST/SHOP", Code: 0x80070002}},
		{`"IIS AspNetCore Module V2" 1001 information "Application 'APPHOST/SHOP' runs as process '1234' on port '5000'."`,
			eventlog.Fact{Kind: eventlog.AppStarted, Detail: "APPHOST/SHOP", PID: 1234}},
		{`"IIS AspNetCore Module V2" 1011 warning "Application '/LM/W3SVC/2/ROOT' in 'C:\\shop' left with '3'."`,
			eventlog.Fact{Kind: eventlog.AppCrash, Detail: "/LM/W3SVC/2/ROOT", Code: 3}},
		{`"IIS AspNetCore Module V2" 1032 information "Application 'D:\\shop\\' runs." "Process Id: 7884." "File Version: 18.0."`,
			eventlog.Fact{Kind: eventlog.AppStarted, Detail: `D:\shop\`, PID: 7884}},
		{`"IIS AspNetCore Module V2" 1033 information "Application 'APPHOST/SHOP' is down." "Process Id: 6120." "File Version: 18.0."`,
			eventlog.Fact{Kind: eventlog.AppStopped, Detail: "APPHOST/SHOP", PID: 6120}},
		{`EventLog 6008 error`, eventlog.Fact{Kind: eventlog.SystemCrash}},
		{`User32 1074 information "C:\\Windows\\System32\\RuntimeBroker.exe (WEB02)" WEB02 Other 0x5000000 restart`,
			eventlog.Fact{Kind: eventlog.RestartWanted, Image: "RuntimeBroker.exe", Code: 0x5000000, Detail: "restart"}},
	} {
		list, _ := read(t, export(t, "2026-03-05T09:14:07Z "+test.line), eventlog.Options{Keep: eventlog.Known})
		if len(list) != 1 {
			t.Errorf("%s: not known", test.line)
			continue
		}
		got, ok := list[0].Fact()
		test.want.Time, test.want.Computer = at("2026-03-05T09:14:07Z"), "WEB01"
		if diff := cmp.Diff(test.want, got); diff != "" || !ok {
			t.Errorf("%s: %s", test.line, diff)
		}
	}
}

// TestNoFact holds near misses: the same id of somebody else, or another id.
func TestNoFact(t *testing.T) {
	for _, line := range []string{"Microsoft-Windows-WAS 5003 error Shop", "Other 5002 error Shop", `"Application Hang" 1000 error w3wp.exe`, "Schannel 36880 information"} {
		list, _ := read(t, export(t, "2026-03-05T09:14:07Z "+line), eventlog.Options{})
		if f, ok := list[0].Fact(); ok {
			t.Errorf("%s: %+v", line, f)
		}
	}
}

func TestBinary(t *testing.T) {
	packet := make([]byte, 44)
	binary.LittleEndian.PutUint32(packet[12:], 0xC0003A9D) // 15005 with qualifiers
	binary.LittleEndian.PutUint32(packet[40:], 0xC0000043)
	status := append([]byte(nil), packet...)
	binary.LittleEndian.PutUint32(status[20:], 0xC0000022)
	key := func(s string) (b []byte) {
		for _, r := range s + "\x00" {
			b = append(b, byte(r), 0)
		}
		return b
	}
	for _, test := range []struct {
		line string
		data []byte
		want eventlog.Fact
	}{
		{"Microsoft-Windows-WAS 5139 warning Shop 1", []byte{5, 0, 7, 0x80}, eventlog.Fact{Kind: eventlog.ListenerFailed, Pool: "Shop", PID: 1, Code: 0x80070005}},
		{"Microsoft-Windows-WAS 5021 warning Shop", []byte{0x2E, 5, 7, 0x80}, eventlog.Fact{Kind: eventlog.IdentityInvalid, Pool: "Shop", Code: 0x8007052E}},
		{"Microsoft-Windows-WAS 5021 warning Shop", []byte{1, 2}, eventlog.Fact{Kind: eventlog.IdentityInvalid, Pool: "Shop"}},
		{"Microsoft-Windows-WAS 5009 warning Shop 1 ff", []byte{5, 0, 7, 0x80}, eventlog.Fact{Kind: eventlog.Crash, Pool: "Shop", PID: 1, Code: 0xff}},
		{"Microsoft-Windows-HttpEvent 15005 error d [::]:80", packet, eventlog.Fact{Kind: eventlog.BindFailed, Detail: "[::]:80", Code: 0xC0000043}},
		{"Microsoft-Windows-HttpEvent 15005 error d [::]:80", status, eventlog.Fact{Kind: eventlog.BindFailed, Detail: "[::]:80", Code: 0xC0000022}},
		{`"Service Control Manager" 7036 information param1=Dienst param2=beendet`, key("W3SVC/1"), eventlog.Fact{Kind: eventlog.ServiceState, Service: "W3SVC", Detail: eventlog.ServiceStopped}},
		{`"Service Control Manager" 7036 information param1=Dienst param2=x`, key("WAS/4"), eventlog.Fact{Kind: eventlog.ServiceState, Service: "WAS", Detail: eventlog.ServiceRunning}},
		{`"Service Control Manager" 7034 information param1=Dienst param2=1`, key("W3SVC"), eventlog.Fact{Kind: eventlog.ServiceCrash, Service: "W3SVC"}},
		{`"Service Control Manager" 7034 information param1=Dienst param2=1`, []byte("\x01\x02\x03"), eventlog.Fact{Kind: eventlog.ServiceCrash, Service: "Dienst"}},
	} {
		data := string(export(t, "2026-03-05T09:14:07Z "+test.line))
		data = strings.Replace(data, "</EventData>", "<Binary>"+hex.EncodeToString(test.data)+"</Binary></EventData>", 1)
		list, _ := read(t, []byte(data), eventlog.Options{})
		got, _ := list[0].Fact()
		test.want.Time, test.want.Computer = at("2026-03-05T09:14:07Z"), "WEB01"
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.line, diff)
		}
	}
}

func TestKindNames(t *testing.T) {
	seen := map[string]bool{}
	for k := eventlog.Crash; k <= eventlog.RestartWanted; k++ {
		if name := k.String(); name == "" || seen[name] {
			t.Errorf("kind %d is called %q", k, name)
		}
		seen[k.String()] = true
	}
}
