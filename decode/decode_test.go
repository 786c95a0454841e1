package decode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/etl/etltest"
)

// compile returns the log that text describes.
func compile(t testing.TB, text string) *etl.Log {
	t.Helper()
	data, err := etltest.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return openLog(t, data)
}

func openLog(t testing.TB, data []byte) *etl.Log {
	t.Helper()
	log, err := etl.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// decodeLog learns a log and calls do with each of its events.
func decodeLog(t testing.TB, log *etl.Log, do func(ev *Event)) *Decoder {
	t.Helper()
	d := New(log.Header())
	for r, err := range log.Unordered(0, 1) {
		if err != nil {
			t.Fatal(err)
		}
		d.Learn(r)
	}
	for r, err := range log.Records() {
		if err != nil {
			t.Fatal(err)
		}
		if !IsLogRecord(r) {
			ev := d.Decode(r)
			checkEvent(t, ev)
			do(ev)
		}
	}
	return d
}

// checkEvent tests what holds for every event, whatever its bytes.
func checkEvent(t testing.TB, ev *Event) {
	t.Helper()
	fields := ev.AppendFields(nil)
	if !json.Valid(fields) {
		t.Fatalf("%v event %d: fields are no JSON: %s", ev.Provider(), ev.ID(), fields)
	}
	if again := ev.AppendFields(nil); !bytes.Equal(fields, again) {
		t.Fatalf("%v event %d: %s, then %s", ev.Provider(), ev.ID(), fields, again)
	}
	why, raw := ev.Undecoded()
	if ev.used+len(raw) != len(ev.Payload()) && why != "" || why == "" && ev.used != len(ev.Payload()) {
		t.Fatalf("%v event %d: %d bytes decoded, %d not, %d in all; reason %q", ev.Provider(), ev.ID(), ev.used, len(raw), len(ev.Payload()), why)
	}
	ev.Message()
	for v := range ev.Values() {
		if !v.OK() || v.Field() == nil {
			t.Fatalf("%v event %d: a value without field", ev.Provider(), ev.ID())
		}
		v.Text()
	}
}

// line renders an event for comparison.
func line(ev *Event) string {
	s := fmt.Sprintf("%s|%s|%s|%s", ev.DecodedBy, ev.ProviderName(), ev.Name(), ev.AppendFields(nil))
	if m, ok := ev.Message(); ok {
		s += "|" + m
	}
	if why, raw := ev.Undecoded(); why != "" {
		s += fmt.Sprintf("|%s [%x]", why, raw)
	}
	return s
}

func lines(t *testing.T, text string) []string {
	t.Helper()
	var got []string
	decodeLog(t, compile(t, text), func(ev *Event) { got = append(got, line(ev)) })
	return got
}

// TestDecode: which description is taken, and what is said when none fits.
func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		name string
		log  string
		want []string
	}{
		{"embedded before builtin", `
			+1 WebIO/207 DnsQuery=0x30 Error=11001
			+2 embed WebIO/207 taskname='Lookup ' opcodename=win:Stop message='Query %1 failed: %2 ' Query:Pointer Code:UInt32/Win32Error
			+3 WebIO/208 DnsQuery=0x30`,
			[]string{
				`embedded|Microsoft-Windows-WebIO|Lookup/Stop|{"Query":"0x30","Code":11001}|Query 0x30 failed: 11001 (WSAHOST_NOT_FOUND) `,
				`builtin|Microsoft-Windows-WebIO|ConnectionNameResolutionRequest|{"DnsQuery":"0x30","CacheEntry":"0x0"}`,
			}},
		{"nothing", `
			provider Strange {11112222-3333-4444-5555-666677778888}
			+1 Strange/7v3 A:UInt16=513
			+2 Strange/7v3`,
			[]string{
				`|||{}|no schema for provider 11112222-3333-4444-5555-666677778888, event 7, version 3 [0102]`,
				`|||{}|no schema for provider 11112222-3333-4444-5555-666677778888, event 7, version 3 []`,
			}},
		{"a newer version than the embedded one, an older one, and one of another event", `
			provider T
			+1 embed T/5v2 A:UInt8 B:UInt8
			+2 T/5v2 A:UInt8=1 B:UInt8=2
			+3 T/5v4 A:UInt8=1 B:UInt8=2 C:UInt8=3
			+4 T/5v1 A:UInt8=1
			+5 T/6v2 A:UInt8=1`,
			[]string{
				`embedded|T||{"A":1,"B":2}`,
				`embedded|T||{"A":1,"B":2}|version 4 is newer than the known version 2; 1 bytes are left behind the last field [03]`,
				`|T||{}|no schema for provider 5a323643-ffa3-58eb-3b66-2caa0064a138, event 5, version 1 [01]`,
				`|T||{}|no schema for provider 5a323643-ffa3-58eb-3b66-2caa0064a138, event 6, version 2 [01]`,
			}},
		{"the very version elsewhere before a lower one embedded", `
			+1 embed WebIO/200v0 A:UInt8
			+2 WebIO/200v1 Connection=0x1`,
			[]string{`builtin|Microsoft-Windows-WebIO|ConnectionSocketConnect/Start|{"Connection":"0x1","SocketHandle":"0x0","AddressLength":0,"Address":"","Context":"0x0",` +
				`"RemainingAddressCount":"0x0","Error":0,"Http3ClientConnectionId":"0x0"}`}},
		{"payload too short", `
			+1 WebIO/207 DnsQuery=0x30 Error=11001 cut=10
			+2 WebIO/207 cut=0`,
			[]string{
				`builtin|Microsoft-Windows-WebIO|ConnectionNameResolutionRequest/Stop|{"DnsQuery":"0x30"}|the payload ends early: Error needs 4 bytes, 2 are left [f92a]`,
				`builtin|Microsoft-Windows-WebIO|ConnectionNameResolutionRequest/Stop|{}|the payload ends early: DnsQuery needs 8 bytes, 0 are left []`,
			}},
		{"32-bit record in a 64-bit log", `
			+1 WebIO/207 bits=32 DnsQuery=0x30 Error=12
			+2 WebIO/207 DnsQuery=0x30 Error=12`,
			[]string{
				`builtin|Microsoft-Windows-WebIO|ConnectionNameResolutionRequest/Stop|{"DnsQuery":"0x30","Error":12}`,
				`builtin|Microsoft-Windows-WebIO|ConnectionNameResolutionRequest/Stop|{"DnsQuery":"0x30","Error":12}`,
			}},
		{"kernel, WPP and what is unknown", `
			+1 kernel 0x33/7v2 raw=0102
			+2 kernel DiskIo/10v2 raw=00
			+3 message {11112222-3333-4444-5555-666677778888}/43 raw=aabb
			+4 classic {11112222-3333-4444-5555-666677778888}/9v1 raw=cc
			+5 record 0x0d raw=0102030405060708
			+6 record 0x0c raw=01`,
			[]string{
				`|MSNT_SystemTrace|kernel group 0x33/7|{}|no layout for kernel event (group 0x33, opcode 7, version 2) [0102]`,
				`|MSNT_SystemTrace|DiskIo/10|{}|no layout for kernel event (group 0x01, opcode 10, version 2) [00]`,
				`|||{}|no TMF for 11112222-3333-4444-5555-666677778888 [aabb]`,
				`|||{}|no schema for class 11112222-3333-4444-5555-666677778888, opcode 9, version 1 [cc]`,
				`|||{}|record of the unknown type 13 [0c000dc00102030405060708]`,
				`|||{}|record of the unknown type 12 [08000cc001000000]`,
			}},
		{"classic events: IIS by task and opcode, embedded by class", `
			provider P {aaaa2222-3333-4444-5555-666677778888}
			+1 classic {d42cf7ef-de92-473e-8b6c-621ea663113a}/2 ContextId={11112222-3333-4444-5555-666677778888} BytesSent=10 BytesReceived=20 HttpStatus=200
			+2 embed P/3v1 class={bbbb2222-3333-4444-5555-666677778888} taskname=Job opcodename=Begin N:UInt8
			+3 classic {bbbb2222-3333-4444-5555-666677778888}/3v1 N:UInt8=9
			+4 classic {bbbb2222-3333-4444-5555-666677778888}/3v2 N:UInt8=9
			+5 embed P/4v1 class={bbbb2222-3333-4444-5555-666677778888} B:Boolean N:UInt8
			+6 classic {bbbb2222-3333-4444-5555-666677778888}/4v1 raw=0107`,
			[]string{
				`builtin|IIS: WWW Server|GENERAL_REQUEST_END|{"ContextId":"11112222-3333-4444-5555-666677778888","BytesSent":10,"BytesReceived":20,"HttpStatus":200,"HttpSubStatus":0}`,
				`embedded|P|Job/Begin|{"N":9}`,
				`embedded|P|Job/Begin|{"N":9}|version 2 is newer than the known version 1 []`,
				`embedded|P||{"B":true,"N":7}`, // one byte in MOF
			}},
		{"metadata that cannot be read", `
			provider T
			+1 embed T/5v0 raw=` + strings.ReplaceAll(eventInfoHex("5a323643-ffa3-58eb-3b66-2caa0064a138", 5), " ", "") + `
			+2 T/5v0 A:UInt8=1`,
			[]string{`|||{}|no schema for provider 5a323643-ffa3-58eb-3b66-2caa0064a138, event 5, version 0; ` +
				`malformed event metadata: 1000 properties, 0 at the top, in 0 bytes [01]`}},
		{"Kernel-Network's last field is a pointer", `
			+1 KernelNetwork/17 Proto=6 FailureCode=10060
			+2 KernelNetwork/13 PID=8 daddr=10.0.0.1 saddr=10.0.0.2 dport=443 sport=5000 extra=00000000
			+3 KernelNetwork/13 bits=32 PID=8 daddr=10.0.0.1 saddr=10.0.0.2 dport=443 sport=5000`,
			[]string{
				`builtin|Microsoft-Windows-Kernel-Network|KERNEL_NETWORK_TASK_TCPIP/TCPconnectionattemptfailed.|{"Proto":6,"FailureCode":10060}`,
				`builtin|Microsoft-Windows-Kernel-Network|KERNEL_NETWORK_TASK_TCPIP/Disconnectissued.|{"PID":8,"size":0,"daddr":"10.0.0.1","saddr":"10.0.0.2","dport":443,"sport":5000,"seqnum":0,"connid":"0x0"}`,
				`builtin|Microsoft-Windows-Kernel-Network|KERNEL_NETWORK_TASK_TCPIP/Disconnectissued.|{"PID":8,"size":0,"daddr":"10.0.0.1","saddr":"10.0.0.2","dport":443,"sport":5000,"seqnum":0,"connid":"0x0"}`,
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(t, strings.ReplaceAll(tt.log, "\n\t\t\t", "\n"))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A layout that changed within a version is chosen by the build of the system.
func TestDecodeBuild(t *testing.T) {
	for build, want := range map[int]string{19041: "Type", 22000: "CallerProcessId", 26100: "CallerProcessId"} {
		log := compile(t, fmt.Sprintf("log build=%d\n+1 Schannel/36871", build))
		decodeLog(t, log, func(ev *Event) {
			got := ""
			for v := range ev.Values() {
				got = v.Field().Name
				break
			}
			if got != want {
				t.Errorf("build %d: the first field is %s, want %s", build, got, want)
			}
		})
	}
	// Without a build the newest layout is taken, and marked.
	d := New(etl.Header{})
	for r := range compile(t, "log build=26100\n+1 Schannel/36871").Records() {
		if r.Kind() == etl.KindEvent {
			why, _ := d.Decode(r).Undecoded()
			if want := "the layout depends on the Windows build, which the log does not tell"; why != want {
				t.Errorf("reason %q, want %q", why, want)
			}
		}
	}
}

// TestStringOnly: the header's flag says that the payload is text, whatever the id.
func TestStringOnly(t *testing.T) {
	data, err := etltest.Compile("+1 WebIO/207 raw=wide:Hello!")
	if err != nil {
		t.Fatal(err)
	}
	webIO := etl.MustParseGUID("50b3e73c-9370-461d-bb9f-26f32d68887d")
	const guidAt, flagsAt, stringOnly = 0x18, 4, 4
	data[bytes.Index(data, webIO[:])-guidAt+flagsAt] |= stringOnly
	var got []string
	decodeLog(t, openLog(t, data), func(ev *Event) { got = append(got, line(ev)) })
	if diff := cmp.Diff([]string{`builtin|Microsoft-Windows-WebIO||{"message":"Hello!"}|Hello!`}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestLearnOrder: what is decoded does not depend on the order of learning, nor on goroutines.
func TestLearnOrder(t *testing.T) {
	log := compile(t, `
provider T
provider Src
+1 cpu0 1:1 embed T/5v0 A:UInt8<M>
+2 cpu1 embed T/5v0 B:UInt8 C:UInt8
+2 cpu1 map T/M 1=Second
+1 cpu0 map T/M 1=First
+3 cpu0 T/5v0 A:UInt8=1
+4 cpu1 10:11 manifest Src Ev/1="A:Int32 B:UnicodeString" chunk=40
+5 cpu0 20:21 manifest Src Ev/1="A:Int32 Z:UnicodeString" chunk=40
+6 cpu0 10:11 Src/1v0 A:Int32=5 B:UnicodeString=x
+6 cpu0 20:11 Src/1v0 A:Int32=5 B:UnicodeString=x
+6 cpu0 30:11 Src/1v0 A:Int32=5 B:UnicodeString=x
`)
	var records []*etl.Record
	for r := range log.Records() {
		records = append(records, r.Clone())
	}
	want := []string{
		`embedded|T||{"A":"First"}`,
		`eventsource|Src|Ev|{"A":5,"B":"x"}`,
		`eventsource|Src|Ev|{"A":5,"Z":"x"}`,
		`eventsource|Src|Ev|{"A":5,"B":"x"}`, // no manifest of its own: the first
	}
	for seed := range uint64(20) {
		d := New(log.Header())
		order := rand.New(rand.NewPCG(seed, 0)).Perm(len(records))
		var wg sync.WaitGroup
		for part := range 4 {
			wg.Go(func() {
				for i, n := range order {
					if i%4 == part {
						d.Learn(records[n])
					}
				}
			})
		}
		wg.Wait()
		for _, d := range []*Decoder{d, d.Fork()} {
			var got []string
			for _, r := range records {
				if !IsLogRecord(r) {
					got = append(got, line(d.Decode(r)))
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("order %d: -want +got:\n%s", seed, diff)
			}
		}
	}
}

// TestLearnLate: a description that comes behind its event helps the next one, in a single pass too.
func TestLearnLate(t *testing.T) {
	log := compile(t, "provider T\n+1 T/5v0 A:UInt8=1\n+2 embed T/5v0 A:UInt8\n+3 T/5v0 A:UInt8=1")
	d := New(log.Header())
	var got []Source
	for r := range log.Records() {
		d.Learn(r)
		if !IsLogRecord(r) {
			got = append(got, d.Decode(r).DecodedBy)
		}
	}
	if diff := cmp.Diff([]Source{Undescribed, Embedded}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestDecodeAllocs: the hot path allocates nothing.
func TestDecodeAllocs(t *testing.T) {
	log := compile(t, `
provider T
+1 10:11 embed T/5v0 A:UInt8 S:Struct={x:UInt8=1 y:UnicodeString=y} L:UnicodeString[2]=[a,b]
+2 T/5v0 A:UInt8=1 S:Struct={x:UInt8=1 y:UnicodeString=y} L:UnicodeString[2]=[a,b]
+3 tlg Prov Ev A:UInt8=1 S:Struct={x:UInt8=1 y:UnicodeString=y} L:UnicodeString[]=[a,b]
+4 WebIO/200 Connection=0x1 Address=10.0.0.1:443
+5 kernel TcpIp/11v2 raw=`+strings.Repeat("07", 32))
	d := New(log.Header())
	var records []*etl.Record
	for r := range log.Records() {
		d.Learn(r)
		if !IsLogRecord(r) {
			records = append(records, r.Clone())
		}
	}
	buf := make([]byte, 0, 4096)
	n := uint64(0)
	allocs := testing.AllocsPerRun(100, func() {
		for _, r := range records {
			ev := d.Decode(r)
			n += ev.Get("A").Uint() + ev.Get("PID").Uint() + ev.Get("Connection").Uint()
			buf = ev.AppendFields(buf[:0])
			ev.Undecoded()
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations per pass over %d records", allocs, len(records))
	}
}

// eventInfoHex is a TRACE_EVENT_INFO that claims 1000 properties and has none.
func eventInfoHex(provider string, id byte) string {
	g := etl.MustParseGUID(provider)
	b := make([]byte, 0x70)
	copy(b, g[:])
	b[0x20] = id
	b[0x64], b[0x65] = 0xE8, 0x03
	return fmt.Sprintf("%x", b)
}
