package cabinfo

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

// The listings are the same machine's in several languages. An en dash is not in them, nor anything
// else that the code pages lack.
const (
	english = `
Image Name                     PID Services
========================= ======== ============================================
System Idle Process              0 N/A
System                           4 N/A
smss.exe                       420 N/A
lsass.exe                      752 KeyIso, SamSs, VaultSvc
svchost.exe                   1068 Dhcp, EventLog, lmhosts, TimeBrokerSvc,
                                   WinHttpAutoProxySvc
w3wp.exe                      1432 N/A
MicrosoftEdgeUpdateSetup.  1048576 N/A
AppleMobileDeviceService.     5504 Apple Mobile Device Service
`
	german = `
Abbildname                     PID Dienste
========================= ======== ============================================
System Idle Process              0 Nicht zutreffend
System                           4 Nicht zutreffend
Prüfläufer.exe                 420 Nicht zutreffend
svchost.exe                   1068 Dhcp, EventLog, lmhosts, TimeBrokerSvc,
                                   WinHttpAutoProxySvc
w3wp.exe                      1432 Nicht zutreffend
`
	russian = `
Имя образа                     PID Службы
========================= ======== ============================================
System Idle Process              0 Н/Д
System                           4 Н/Д
Отчёт.exe                      420 Н/Д
svchost.exe                   1068 Dhcp, EventLog, lmhosts, TimeBrokerSvc,
                                   WinHttpAutoProxySvc
w3wp.exe                      1432 Н/Д
`
	polish = `
Nazwa obrazu                   PID Usługi
========================= ======== ============================================
System Idle Process              0 Brak
System                           4 Brak
Księgowość żółta.exe           420 Brak
svchost.exe                   1068 Dhcp, EventLog, lmhosts, TimeBrokerSvc,
                                   WinHttpAutoProxySvc
w3wp.exe                      1432 Brak
`
	japaneseText = `
イメージ名                     PID サービス
========================= ======== ============================================
System Idle Process              0 N/A
System                           4 N/A
勤怠サービス.exe               420 N/A
svchost.exe                   1068 Dhcp, EventLog, lmhosts, TimeBrokerSvc,
                                   WinHttpAutoProxySvc
w3wp.exe                      1432 N/A
`
	chineseText = `
映像名称                       PID 服务
========================= ======== ============================================
System Idle Process              0 暂缺
System                           4 暂缺
财务系统.exe                   420 暂缺
svchost.exe                   1068 Dhcp, EventLog, lmhosts, TimeBrokerSvc,
                                   WinHttpAutoProxySvc
w3wp.exe                      1432 暂缺
`
	taiwaneseText = `
映像名稱                       PID 服務
========================= ======== ============================================
System Idle Process              0 不適用
System                           4 不適用
會計系統.exe                   420 不適用
svchost.exe                   1068 Dhcp, EventLog, lmhosts, TimeBrokerSvc,
                                   WinHttpAutoProxySvc
w3wp.exe                      1432 不適用
`
	koreanText = `
이미지 이름                    PID 서비스
========================= ======== ============================================
System Idle Process              0 해당 없음
System                           4 해당 없음
회계 관리.exe                  420 해당 없음
svchost.exe                   1068 Dhcp, EventLog, lmhosts, TimeBrokerSvc,
                                   WinHttpAutoProxySvc
w3wp.exe                      1432 해당 없음
`
	verbose = `
Image Name                     PID Session Name        Session#    Mem Usage Status          User Name                                              CPU Time Window Title
========================= ======== ================ =========== ============ =============== ================================================== ============ ========================================================================
System Idle Process              0 Services                   0          8 K Unknown         NT AUTHORITY\SYSTEM                                     5:12:01 N/A
svchost.exe                   1068 Services                   0     15,224 K Unknown         N/A                                                     0:00:14 N/A
w3wp.exe                      1432 Services                   0    115,224 K Unknown         IIS APPPOOL\DefaultAppPool                              0:01:09 N/A
`
	russianPlain = `
Имя образа                     PID Имя сессии          № сеанса       Память
========================= ======== ================ =========== ============
System Idle Process              0 Services                   0         4 КБ
System                           4 Services                   0   594 912 КБ
w3wp.exe                      1432 Services                   0       216 КБ
`
)

// listed is what the localised listings say; only the name of process 420 differs.
func listed(name420 string) []Entry {
	return []Entry{
		{Name: "System Idle Process", PID: 0},
		{Name: "System", PID: 4},
		{Name: name420, PID: 420},
		{Name: "svchost.exe", PID: 1068, Services: []string{"Dhcp", "EventLog", "lmhosts", "TimeBrokerSvc", "WinHttpAutoProxySvc"}},
		{Name: "w3wp.exe", PID: 1432},
	}
}

func TestProcesses(t *testing.T) {
	utf16le := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	utf16be := unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	utf16bare := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	for _, tt := range []struct {
		name string
		text string
		enc  encoding.Encoding
		want []Entry
	}{
		{"English", english, charmap.CodePage437, []Entry{
			{Name: "System Idle Process", PID: 0},
			{Name: "System", PID: 4},
			{Name: "smss.exe", PID: 420},
			{Name: "lsass.exe", PID: 752, Services: []string{"KeyIso", "SamSs", "VaultSvc"}},
			{Name: "svchost.exe", PID: 1068, Services: []string{"Dhcp", "EventLog", "lmhosts", "TimeBrokerSvc", "WinHttpAutoProxySvc"}},
			{Name: "w3wp.exe", PID: 1432},
			{Name: "MicrosoftEdgeUpdateSetup.", PID: 1048576},
			{Name: "AppleMobileDeviceService.", PID: 5504, Services: []string{"Apple Mobile Device Service"}},
		}},
		{"German 850", german, charmap.CodePage850, listed("Prüfläufer.exe")},
		{"German 437", german, charmap.CodePage437, listed("Prüfläufer.exe")},
		{"German UTF-8", german, encoding.Nop, listed("Prüfläufer.exe")},
		{"German UTF-8 with mark", "\ufeff" + german, encoding.Nop, listed("Prüfläufer.exe")},
		{"German UTF-16", german, utf16le, listed("Prüfläufer.exe")},
		{"German UTF-16 big-endian", german, utf16be, listed("Prüfläufer.exe")},
		{"German UTF-16 without mark", german, utf16bare, listed("Prüfläufer.exe")},
		{"Polish 852", polish, charmap.CodePage852, listed("Księgowość żółta.exe")},
		{"Russian 866", russian, charmap.CodePage866, listed("Отчёт.exe")},
		{"Russian UTF-16", russian, utf16le, listed("Отчёт.exe")},
		{"Japanese 932", japaneseText, japanese.ShiftJIS, listed("勤怠サービス.exe")},
		{"Japanese UTF-8", japaneseText, encoding.Nop, listed("勤怠サービス.exe")},
		{"Simplified Chinese 936", chineseText, simplifiedchinese.GBK, listed("财务系统.exe")},
		{"Simplified Chinese UTF-16", chineseText, utf16le, listed("财务系统.exe")},
		{"Korean 949", koreanText, korean.EUCKR, listed("회계 관리.exe")},
		{"Traditional Chinese 950", taiwaneseText, traditionalchinese.Big5, listed("會計系統.exe")},
		{"verbose", verbose, charmap.CodePage437, []Entry{
			{Name: "System Idle Process", PID: 0},
			{Name: "svchost.exe", PID: 1068},
			{Name: "w3wp.exe", PID: 1432},
		}},
		{"plain Russian", strings.ReplaceAll(russianPlain, "№", "N"), charmap.CodePage866, []Entry{
			{Name: "System Idle Process", PID: 0},
			{Name: "System", PID: 4},
			{Name: "w3wp.exe", PID: 1432},
		}},
		{"verbose, then services", verbose + "\n" + german, charmap.CodePage850, []Entry{
			{Name: "System Idle Process", PID: 0},
			{Name: "svchost.exe", PID: 1068, Services: []string{"Dhcp", "EventLog", "lmhosts", "TimeBrokerSvc", "WinHttpAutoProxySvc"}},
			{Name: "w3wp.exe", PID: 1432},
			{Name: "System", PID: 4},
			{Name: "Prüfläufer.exe", PID: 420},
		}},
		{"narrow columns of an older Windows", "Image Name             PID Services\n==================== ===== =====\nw3wp.exe              1432 N/A\nservices.exe           592 Eventlog\nlsass.exe              604 N/A\n",
			charmap.CodePage437, []Entry{
				{Name: "w3wp.exe", PID: 1432},
				{Name: "services.exe", PID: 592, Services: []string{"Eventlog"}},
				{Name: "lsass.exe", PID: 604},
			}},
		{"a name wider than its column", "Image                     PID X\n==================== ======== ===\nMicrosoft.Exchange.RpcClientAccess.Service.exe 5120 0\nw3wp.exe                 1432 0\n",
			charmap.CodePage437, []Entry{
				{Name: "Microsoft.Exchange.RpcClientAccess.Service.exe", PID: 5120},
				{Name: "w3wp.exe", PID: 1432},
			}},
		{"no ruler", "name pid\nw3wp.exe 1432 8 12\nMy Service 2.0.exe   77\nVersion 1.0\n", charmap.CodePage437, []Entry{
			{Name: "w3wp.exe", PID: 1432},
			{Name: "My Service 2.0.exe", PID: 77},
		}},
		{"a service name that is cut in two", "Image                     PID Services\n==================== ======== ========\nsvchost.exe                88 Alpha,\n                              LongServ\n                              iceName\n",
			charmap.CodePage437, []Entry{{Name: "svchost.exe", PID: 88, Services: []string{"Alpha", "LongServiceName"}}}},
		{"continuation of a line that was not understood", "Image                     PID Services\n==================== ======== ========\nsvchost.exe                88 Alpha\nbroken                     ?? Beta,\n                              Gamma\n",
			charmap.CodePage437, []Entry{{Name: "svchost.exe", PID: 88, Services: []string{"Alpha"}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := tt.enc.NewEncoder().Bytes([]byte(strings.ReplaceAll(tt.text, "\n", "\r\n")))
			if err != nil {
				t.Fatal(err)
			}
			got, err := Processes(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestProcessesGarbage(t *testing.T) {
	for _, s := range []string{
		"", "\x00", "\xff\xfe", "======= ====\n", "INFO: No tasks are running which match the specified criteria.\r\n",
		"========================= ========\nw3wp.exe                  99999999999999\n", "Version 1.0 beta\n",
	} {
		if got, err := Processes([]byte(s)); !errors.Is(err, ErrFormat) || got != nil {
			t.Errorf("Processes(%q) = %v, %v; want ErrFormat", s, got, err)
		}
	}
}

func FuzzProcesses(f *testing.F) {
	for _, s := range []string{english, german, russian, japaneseText, chineseText, koreanText, verbose} {
		f.Add([]byte(s))
	}
	sjis, err := japanese.ShiftJIS.NewEncoder().String(japaneseText)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(sjis))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := Processes(b)
		if (err == nil) != (len(entries) > 0) {
			t.Fatalf("%d entries with error %v", len(entries), err)
		}
		type id struct {
			name string
			pid  uint32
		}
		seen := make(map[id]bool)
		for _, e := range entries {
			if e.Name == "" || e.Name != strings.TrimSpace(e.Name) || !utf8.ValidString(e.Name) {
				t.Errorf("name %q", e.Name)
			}
			if seen[id{e.Name, e.PID}] {
				t.Errorf("%s %d twice", e.Name, e.PID)
			}
			seen[id{e.Name, e.PID}] = true
			if slices.Contains(e.Services, "") {
				t.Errorf("%s has an empty service in %q", e.Name, e.Services)
			}
		}
	})
}

func ExampleProcesses() {
	entries, err := Processes([]byte(`
Image Name                     PID Services
========================= ======== ============================================
System Idle Process              0 N/A
svchost.exe                    984 Dhcp, EventLog, lmhosts, TimeBrokerSvc,
                                   WinHttpAutoProxySvc
w3wp.exe                      1432 N/A
`))
	if err != nil {
		fmt.Println(err)
	}
	for _, e := range entries {
		fmt.Println(e.PID, e.Name, e.Services)
	}
	// Output:
	// 0 System Idle Process []
	// 984 svchost.exe [Dhcp EventLog lmhosts TimeBrokerSvc WinHttpAutoProxySvc]
	// 1432 w3wp.exe []
}
