package schema_test

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

var (
	webIO          = etl.MustParseGUID("50b3e73c-9370-461d-bb9f-26f32d68887d")
	winHTTP        = etl.MustParseGUID("7d44233d-3055-4b9c-ba64-0d47ca40a232")
	schannel       = etl.MustParseGUID("1f678132-5938-4686-9fdc-c8ff68f15c85")
	tcpip          = etl.MustParseGUID("2f07e2ee-15db-40f1-90ef-9d7ba282188a")
	kernelProcess  = etl.MustParseGUID("22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716")
	packetCapture  = etl.MustParseGUID("2ed6006e-4729-4609-b423-3ee7bcd678ef")
	iis            = etl.MustParseGUID("3a2a4e84-4c21-4981-ae10-3fda0d9b0f83")
	iisGeneral     = etl.MustParseGUID("d42cf7ef-de92-473e-8b6c-621ea663113a")
	systemTrace    = etl.MustParseGUID("9e814aad-3204-11d2-9a82-006008a86939")
	eventMetadata  = etl.MustParseGUID("bbccf6c1-6cd1-48c4-80ff-839482e37671")
	unknown        = etl.MustParseGUID("00000000-0000-0000-0000-000000000001")
	numericInTypes = []schema.InType{schema.UInt8, schema.UInt16, schema.UInt32, schema.Int32}
)

// countEvents counts the lines that describe an event.
func countEvents(t *testing.T, file string) (provider string, n int) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		line := in.Text()
		if line != "" && '0' <= line[0] && line[0] <= '9' {
			n++
		}
		if rest, ok := strings.CutPrefix(line, "provider "); ok {
			_, provider, _ = strings.Cut(rest, " ")
		}
	}
	return provider, n
}

func TestTablesAreComplete(t *testing.T) {
	files, err := filepath.Glob("providers/*.txt")
	if err != nil || len(files) != 31 {
		t.Fatalf("%d texts, error %v; want 31 texts", len(files), err)
	}
	want := map[string]int{}
	for _, file := range files {
		provider, n := countEvents(t, file)
		want[provider] = n
	}
	total := 0
	for p := range schema.Providers() {
		if len(p.Events) != want[p.Name] {
			t.Errorf("%s: %d events, the text has %d", p.Name, len(p.Events), want[p.Name])
		}
		total += len(p.Events)
		delete(want, p.Name)
		if !slices.IsSortedFunc(p.Events, schema.Compare) {
			t.Errorf("%s: events are not sorted", p.Name)
		}
		if schema.Lookup(p.GUID) != p || schema.Name(p.GUID) != p.Name {
			t.Errorf("%s: Lookup or Name do not find it by its GUID", p.Name)
		}
		if g, ok := schema.ByName(p.Name); !ok || g != p.GUID {
			t.Errorf("%s: ByName gives %s", p.Name, g)
		}
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	if total != 2599 {
		t.Errorf("%d events in all, want 2599", total)
	}
}

// TestFields checks what a walker of payloads relies on.
func TestFields(t *testing.T) {
	for p := range schema.Providers() {
		for _, ev := range p.Events {
			for i, f := range ev.Fields {
				for _, s := range []schema.Size{f.Length, f.Count} {
					if s.Kind == schema.Prefixed {
						t.Errorf("%s %d v%d %s: prefixed size in a manifest", p.Name, ev.ID, ev.Version, f.Name)
					}
					if s.Kind != schema.ByField {
						continue
					}
					if int(s.N) >= i {
						t.Errorf("%s %d v%d %s: size is field %d, not an earlier one", p.Name, ev.ID, ev.Version, f.Name, s.N)
					} else if ref := ev.Fields[s.N]; !slices.Contains(numericInTypes, ref.In) {
						t.Errorf("%s %d v%d %s: size is %s, of type %d", p.Name, ev.ID, ev.Version, f.Name, ref.Name, ref.In)
					}
				}
				if f.In == schema.Binary && f.Length.Kind == schema.Unset {
					t.Errorf("%s %d v%d %s: no length", p.Name, ev.ID, ev.Version, f.Name)
				}
				if f.Name == "" {
					t.Errorf("%s %d v%d: field %d has no name", p.Name, ev.ID, ev.Version, i)
				}
			}
		}
	}
}

func fieldNames(ev *schema.Event) string {
	var names []string
	for _, f := range ev.Fields {
		names = append(names, f.Name)
	}
	return strings.Join(names, " ")
}

func TestFind(t *testing.T) {
	for _, test := range []struct {
		name     string
		provider etl.GUID
		id       uint16
		version  uint8
		build    uint32
		exact    bool
		fields   string // names; "none" if no event is found
	}{
		{"version 0", webIO, 200, 0, 7600, true,
			"Connection SocketHandle AddressLength Address Context RemainingAddressCount Error"},
		{"version 1", webIO, 200, 1, 22621, true,
			"Connection SocketHandle AddressLength Address Context RemainingAddressCount Error Http3ClientConnectionId"},
		{"on a build without a manifest", webIO, 200, 1, 20348, true,
			"Connection SocketHandle AddressLength Address Context RemainingAddressCount Error Http3ClientConnectionId"},
		{"newer than known", webIO, 200, 9, 30000, false,
			"Connection SocketHandle AddressLength Address Context RemainingAddressCount Error Http3ClientConnectionId"},
		{"unknown id", webIO, 65000, 0, 22621, false, "none"},
		{"below the first id", webIO, 0, 0, 22621, false, "none"},
		{"the older of two layouts", kernelProcess, 13, 0, 10240, true, "JobID JobHandle StatusCode"},

		{"before the layout changed", schannel, 36887, 0, 19045, true, "AlertDesc"},
		{"in the gap between manifests", schannel, 36887, 0, 20348, true, "AlertDesc"},
		{"from the build of the change", schannel, 36887, 0, 22000, true, "CallerProcessId CallerProcessImageName AlertDesc"},
		{"build unknown: the newest, as a guess", schannel, 36887, 0, 0, false, "CallerProcessId CallerProcessImageName AlertDesc"},
		{"three layouts, first", schannel, 36888, 0, 7601, true, "AlertDesc ErrorState"},
		{"three layouts, second", schannel, 36888, 0, 20348, true, "AlertDesc ErrorState TargetName"},
		{"three layouts, third", schannel, 36888, 0, 26100, true, "CallerProcessId CallerProcessImageName AlertDesc ErrorState TargetName"},
		{"only the binary differs", schannel, 36867, 0, 17763, true, "Type __binLength binaryData"},
		{"and with the caller", schannel, 36867, 0, 26100, true, "CallerProcessId CallerProcessImageName Type __binLength binaryData"},

		{"without Gft", packetCapture, 1001, 0, 17762, true, "MiniportIfIndex LowerIfIndex FragmentSize Fragment"},
		{"with Gft", packetCapture, 1001, 0, 17763, true, "MiniportIfIndex LowerIfIndex FragmentSize Fragment GftFlowEntryId GftOffloadInformation"},

		{"ProcessStart", kernelProcess, 1, 3, 19041, true,
			"ProcessID ProcessSequenceNumber CreateTime ParentProcessID ParentProcessSequenceNumber SessionID Flags ProcessTokenElevationType ProcessTokenIsElevated MandatoryLabel ImageName ImageChecksum TimeDateStamp PackageFullName PackageRelativeAppId"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ev, exact := schema.Lookup(test.provider).Find(test.id, test.version, test.build)
			got := "none"
			if ev != nil {
				got = fieldNames(ev)
			}
			if got != test.fields || exact != test.exact {
				t.Errorf("got %s, exact %t\nwant %s, exact %t", got, exact, test.fields, test.exact)
			}
		})
	}
}

func TestFindLastFieldByBuild(t *testing.T) {
	for _, test := range []struct {
		build uint32
		want  string
	}{{18990, "ProcessSequenceNumber"}, {18991, "ProcessStartKey"}, {0, "ProcessStartKey"}} {
		ev, _ := schema.Lookup(tcpip).Find(1017, 1, test.build)
		if ev == nil {
			t.Fatal("no event")
		}
		if got := ev.Fields[len(ev.Fields)-1].Name; got != test.want {
			t.Errorf("build %d: got %s, want %s", test.build, got, test.want)
		}
	}
}

// TestFindOwnTable uses a table as a file gives it: it may start with any version and build.
func TestFindOwnTable(t *testing.T) {
	p := &schema.Provider{Events: []schema.Event{
		{ID: 4, Version: 2, MinBuild: 500, Symbol: "a"},
		{ID: 7, Version: 1, Symbol: "b"},
		{ID: 7, Version: 3, Symbol: "c"},
		{Class: iisGeneral, Opcode: 7, Symbol: "classic"},
	}}
	for _, test := range []struct {
		id      uint16
		version uint8
		build   uint32
		want    string
		exact   bool
	}{
		{4, 2, 600, "a", true},
		{4, 2, 400, "a", true}, // the only layout of this version
		{4, 1, 600, "", false},
		{7, 0, 0, "", false},
		{7, 1, 0, "b", true},
		{7, 2, 0, "b", false},
		{7, 255, 0, "c", false},
		{0, 0, 0, "", false},
		{9, 0, 0, "", false},
	} {
		ev, exact := p.Find(test.id, test.version, test.build)
		got := ""
		if ev != nil {
			got = ev.Symbol
		}
		if got != test.want || exact != test.exact {
			t.Errorf("Find(%d, %d, %d) = %q, %t; want %q, %t", test.id, test.version, test.build, got, exact, test.want, test.exact)
		}
	}
	if ev, _ := (&schema.Provider{}).Find(1, 0, 0); ev != nil {
		t.Error("an empty table gives an event")
	}
}

func TestFindClassic(t *testing.T) {
	p := schema.LookupClass(iisGeneral)
	if p == nil || p.GUID != iis {
		t.Fatalf("LookupClass gives %v", p)
	}
	for _, test := range []struct {
		class   etl.GUID
		opcode  uint8
		version uint8
		want    string
		exact   bool
	}{
		{iisGeneral, 1, 0, "GENERAL_REQUEST_START", true},
		{iisGeneral, 2, 0, "GENERAL_REQUEST_END", true},
		{iisGeneral, 2, 3, "GENERAL_REQUEST_END", false},
		{iisGeneral, 200, 0, "", false},
		{iisGeneral, 0, 0, "", false},
		{unknown, 1, 0, "", false},
		{etl.GUID{}, 1, 0, "", false},
	} {
		ev, exact := p.FindClassic(test.class, test.opcode, test.version)
		got := ""
		if ev != nil {
			got = ev.Symbol
		}
		if got != test.want || exact != test.exact {
			t.Errorf("FindClassic(%s, %d, %d) = %q, %t; want %q, %t", test.class, test.opcode, test.version, got, exact, test.want, test.exact)
		}
	}
	if ev, _ := p.FindClassic(iisGeneral, 1, 0); fieldNames(ev) != "ContextId SiteId AppPoolId ConnId RawConnId RequestURL RequestVerb" {
		t.Errorf("fields %s", fieldNames(ev))
	}
	if schema.Lookup(iisGeneral) != nil || schema.LookupClass(iis) != nil || schema.LookupClass(unknown) != nil {
		t.Error("a class is not a provider, nor a provider a class")
	}
}

func field(t *testing.T, provider etl.GUID, id uint16, version uint8, build uint32, name string) schema.Field {
	t.Helper()
	ev, _ := schema.Lookup(provider).Find(id, version, build)
	if ev == nil {
		t.Fatalf("no event %d v%d", id, version)
	}
	for _, f := range ev.Fields {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("event %d v%d has no field %s", id, version, name)
	return schema.Field{}
}

func TestFieldTypes(t *testing.T) {
	afd := etl.MustParseGUID("e53c6823-7bb8-44bb-90dc-3f86090d48a6")
	httpService := etl.MustParseGUID("dd5ef90a-6398-47a4-ad34-4dcecdef795f")
	for _, test := range []struct {
		provider etl.GUID
		id       uint16
		version  uint8
		name     string
		in       schema.InType
		out      schema.OutType
		length   schema.Size
		secret   bool
	}{
		{webIO, 200, 0, "Address", schema.UnicodeString, 0, schema.Size{Kind: schema.ByField, N: 2}, false},
		{webIO, 200, 0, "SocketHandle", schema.UInt64, schema.OutHex64, schema.Size{}, false},
		{webIO, 200, 0, "Error", schema.UInt32, schema.OutWin32Error, schema.Size{}, false},
		{webIO, 703, 0, "Result", schema.UInt32, schema.OutHResult, schema.Size{}, false},
		{webIO, 206, 0, "SockAddr", schema.Binary, schema.OutSocketAddress, schema.Size{Kind: schema.ByField, N: 4}, false},
		{winHTTP, 815, 0, "Error", schema.UInt32, schema.OutWin32Error, schema.Size{}, false},
		{winHTTP, 100, 0, "UserName", schema.UnicodeString, 0, schema.Size{}, true},
		{winHTTP, 100, 0, "Password", schema.UnicodeString, 0, schema.Size{}, true},
		{winHTTP, 100, 0, "AuthScheme", schema.UInt32, 0, schema.Size{}, false},
		{tcpip, 1033, 0, "Status", schema.UInt32, schema.OutNTStatus, schema.Size{}, false},
		{tcpip, 1002, 0, "RemoteAddress", schema.Binary, schema.OutSocketAddress, schema.Size{Kind: schema.ByField, N: 3}, false},
		{afd, 2, 0, "Address", schema.UInt32, schema.OutIPv4, schema.Size{}, false},
		{afd, 3, 0, "Address", schema.Binary, schema.OutIPv6, schema.Size{Kind: schema.Fixed, N: 16}, false},
		{afd, 3, 0, "Port", schema.UInt16, schema.OutPort, schema.Size{}, false},
		{afd, 6, 0, "Error", schema.UInt32, schema.OutNTStatus, schema.Size{}, false},
		{afd, 1021, 0, "Status", schema.UInt32, schema.OutNTStatus, schema.Size{}, false},
		{kernelProcess, 1, 1, "ProcessID", schema.UInt32, schema.OutPID, schema.Size{}, false},
		{httpService, 1, 0, "RequestId", schema.UInt64, schema.OutHex64, schema.Size{}, false},
		{httpService, 2, 0, "Url", schema.UnicodeString, 0, schema.Size{}, false},
	} {
		got := field(t, test.provider, test.id, test.version, 22621, test.name)
		if got.In != test.in || got.Out != test.out || got.Length != test.length || got.Secret != test.secret {
			t.Errorf("%s %d %s: got %+v", schema.Name(test.provider), test.id, test.name, got)
		}
	}
}

func TestUnknownMembers(t *testing.T) {
	f := field(t, packetCapture, 1003, 0, 22000, "Destination")
	if f.In != schema.Struct || f.Fields != nil || f.Count.Kind != schema.ByField {
		t.Errorf("got %+v", f)
	}
}

func TestMap(t *testing.T) {
	m := field(t, webIO, 204, 0, 19041, "Reason").Map
	if m == nil || m.Name != "TCPCloseReasonType" || m.Bits || len(m.Entries) != 10 {
		t.Fatalf("got %+v", m)
	}
	if e := m.Entries[4]; e.Value != 4 || e.Text != "Connect_Timeout" {
		t.Errorf("entry 4 is %+v", e)
	}
}

func TestSymbol(t *testing.T) {
	ev, _ := schema.Lookup(webIO).Find(200, 0, 22621)
	if ev.Symbol != "ConnectionSocketConnectStart" || ev.TaskName != "ConnectionSocketConnect" || ev.Task != 417 ||
		ev.OpcodeName != "Start" || ev.Opcode != 1 || ev.Level != 4 || ev.Keywords != 0x400000000 {
		t.Errorf("got %+v", ev)
	}
	if ev, _ := schema.Lookup(webIO).Find(2113, 0, 22621); ev.Symbol != "TCPConnect" {
		t.Errorf("2113 is %s", ev.Symbol)
	}
	if ev, _ := schema.Lookup(kernelProcess).Find(1, 0, 22621); ev.Symbol != "ProcessStart" {
		t.Errorf("Kernel-Process 1 is %s", ev.Symbol)
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct {
		guid etl.GUID
		name string
	}{
		{webIO, "Microsoft-Windows-WebIO"},
		{systemTrace, "MSNT_SystemTrace"},
		{eventMetadata, "KernelTraceControl/EventMetadata"},
		{iisGeneral, "IIS: WWW Server/IISGeneral"},
		{etl.MustParseGUID("3d6fa8d0-fe05-11d0-9dda-00c04fd7ba7c"), "MSNT_SystemTrace/Process"},
		{etl.MustParseGUID("05448e22-93de-4a7a-bba5-92e27486a8be"), "Microsoft-Windows-IIS-W3SVC"},
		{unknown, ""},
	} {
		if got := schema.Name(test.guid); got != test.name {
			t.Errorf("Name(%s) = %q, want %q", test.guid, got, test.name)
		}
	}
	if schema.Lookup(systemTrace) != nil || schema.Lookup(unknown) != nil {
		t.Error("Lookup gives a table for a provider without one")
	}
}

func TestByName(t *testing.T) {
	for _, test := range []struct {
		name string
		want etl.GUID
	}{
		{"Microsoft-Windows-WebIO", webIO},
		{"microsoft-windows-webio", webIO},
		{"webio", webIO}, // not the WPP provider of this name
		{"WinHttp", winHTTP},
		{"Schannel", schannel},
		{"iis: www server", iis},
		{"Winsock-AFD", etl.MustParseGUID("e53c6823-7bb8-44bb-90dc-3f86090d48a6")},
		{"FWPKCLNT", etl.MustParseGUID("ad33fa19-f2d2-46d1-8f4c-e3c3087e45ad")},
		{"{50B3E73C-9370-461D-BB9F-26F32D68887D}", webIO},
		{"00000000-0000-0000-0000-000000000001", unknown},
	} {
		if got, ok := schema.ByName(test.name); !ok || got != test.want {
			t.Errorf("ByName(%q) = %s, %t; want %s", test.name, got, ok, test.want)
		}
	}
	for _, name := range []string{"", "Microsoft-Windows-", "Web", "no such provider"} {
		if g, ok := schema.ByName(name); ok {
			t.Errorf("ByName(%q) = %s", name, g)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	schema.Lookup(tcpip)
	schema.LookupClass(iisGeneral)
	n := testing.AllocsPerRun(100, func() {
		schema.Lookup(tcpip).Find(1033, 0, 22621)
		schema.LookupClass(iisGeneral).FindClassic(iisGeneral, 1, 0)
		schema.Name(unknown)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFind(b *testing.B) {
	for b.Loop() {
		schema.Lookup(tcpip).Find(1033, 0, 22621)
	}
}
