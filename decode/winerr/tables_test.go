package winerr

import (
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestTablesParse(t *testing.T) {
	if _, err := load(); err != nil {
		t.Fatal(err)
	}
	columns := strings.Fields("number symbol aliases source phase meaning in_log points_to next evidence")
	mapping := strings.Fields("family source condition target phase evidence note")
	paths, _ := fs.Glob(files, "tables/*.tsv")
	if len(paths) != len(families)+1 {
		t.Errorf("%d files, want one for each of %d families and the mapping", len(paths), len(families))
	}
	for _, p := range paths {
		data, _ := files.ReadFile(p)
		want := columns
		if strings.HasSuffix(p, "mapping.tsv") {
			want = mapping
		}
		for line := range strings.Lines(string(data)) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			for _, c := range strings.Split(strings.TrimSpace(line), "\t") {
				if !slices.Contains(want, c) {
					t.Errorf("%s: column %q is not read", p, c)
				}
			}
			break
		}
	}
}

// phases are the words that Phase is made of.
var phases = []string{"route", "proxy", "resolve", "connect", "tls", "send", "receive", "queue", "process",
	"any", "local", "auth", "cancel", "none"}

func checkPhase(t *testing.T, where, phase string) {
	t.Helper()
	for _, p := range strings.Split(strings.ReplaceAll(phase, " or ", ", "), ", ") {
		if phase != "" && !slices.Contains(phases, p) {
			t.Errorf("%s: phase %q", where, phase)
		}
	}
}

var evidence = []Evidence{Documented, ObservedLogLine, ObservedBehaviour, Observed, Header, DocumentedByName,
	ThirdParty, Inferred, InferredWeak, Recalled}

func TestTablesAreConsistent(t *testing.T) {
	type key struct {
		family Family
		text   string
	}
	symbols, numbers, names := map[key]bool{}, map[key]bool{}, map[string]*Code{}
	ranges := map[Family][2]uint32{
		Win32: {0, 9999}, Winsock: {10000, 11999}, WinHTTP: {12000, 12999}, WinINet: {12000, 12999},
		HResult: {0x00090000, 0x800BFFFF}, NTStatus: {0, 0xC000FFFF}, TLSAlert: {0, 255}, WebSocketClose: {1000, 1015},
		Status: {101, 599}, Event: {1000, 65535}, SecureFailureFlag: {1, 0x80000000}, HTTPErr: {0, 0},
	}
	for _, c := range tables().codes {
		where := fmt.Sprintf("%s %d %s", c.Family, c.Number, c.Symbol)
		checkPhase(t, where, c.Phase)
		if !slices.Contains(evidence, c.Evidence) {
			t.Errorf("%s: evidence %q", where, c.Evidence)
		}
		if c.Symbol == "" || c.Meaning == "" || strings.ContainsAny(c.Symbol, "\t") {
			t.Errorf("%s: symbol or meaning is missing", where)
		}
		if r := ranges[c.Family]; c.Number < r[0] || c.Number > r[1] {
			t.Errorf("%s: number is outside the family's range", where)
		}
		if k := (key{c.Family, c.Symbol + c.Source}); symbols[k] {
			t.Errorf("%s: symbol appears twice", where)
		} else {
			symbols[k] = true
		}
		switch c.Family {
		case Status:
			if !strings.HasPrefix(c.Symbol, fmt.Sprint(c.Number)) || c.Source == "" {
				t.Errorf("%s: symbol is not the status, or no source", where)
			}
		case Event:
			if !strings.HasSuffix(c.Symbol, fmt.Sprintf(" %d", c.Number)) || c.Source == "" {
				t.Errorf("%s: symbol does not end with the id, or no source", where)
			}
		case HTTPErr:
		default:
			if k := (key{c.Family, fmt.Sprint(c.Number)}); numbers[k] {
				t.Errorf("%s: number appears twice", where)
			} else {
				numbers[k] = true
			}
		}
		if !isError(c.Family) {
			continue
		}
		for _, name := range append([]string{c.Symbol}, c.Aliases...) {
			if other := names[name]; other != nil {
				t.Errorf("%s: the name %s is taken by %s %d", where, name, other.Family, other.Number)
			}
			names[name] = c
		}
		switch hr := c.HResult(); c.Family {
		case NTStatus:
			if c.Number != 0 && hr != c.Number+0x10000000 {
				t.Errorf("%s: HRESULT %#x", where, hr)
			}
		case HResult:
			if hr != c.Number {
				t.Errorf("%s: HRESULT %#x", where, hr)
			}
		default:
			if inner, ok := Win32FromHResult(hr); c.Number != 0 && (!ok || inner != c.Number) {
				t.Errorf("%s: HRESULT %#x", where, hr)
			}
		}
	}
	if len(symbols) < 690 {
		t.Errorf("only %d codes", len(symbols))
	}
}

func TestMappingsAreConsistent(t *testing.T) {
	var rows int
	for _, m := range tables().mappings {
		rows++
		where := fmt.Sprintf("%s %d %q %q to %d", m.From.Family, m.From.Number, m.From.Symbol, m.Condition, m.To.Number)
		checkPhase(t, where, m.Phase)
		if !slices.Contains(evidence, m.Evidence) {
			t.Errorf("%s: evidence %q", where, m.Evidence)
		}
		switch m.To.Family {
		case WinHTTP:
		case Winsock:
			if m.From.Family != NTStatus || m.Evidence.Firm() {
				t.Errorf("%s: only an NTSTATUS leads to Winsock, by another project's table", where)
			}
		default:
			if m.To.Number != m.From.Number || m.To.Family != m.From.Family {
				t.Errorf("%s: target is no WinHTTP code", where)
			}
		}
		if (m.From.Family == "") == (m.Condition == "") {
			t.Errorf("%s: want either a source or a condition", where)
		}
		covered := 0
		for _, c := range tables().codes {
			if m.covers(c) {
				covered++
				if !slices.ContainsFunc(c.Mappings(), func(o Mapping) bool {
					return o.To.Number == m.To.Number && o.Evidence == m.Evidence && o.From.Symbol == c.Symbol
				}) {
					t.Errorf("%s: Mappings of %s lack this row", where, c.Symbol)
				}
			}
		}
		if want := 1; m.Condition != "" && covered != 0 || m.Condition == "" && !m.class && covered != want || m.class && covered < 5 {
			t.Errorf("%s: covers %d codes", where, covered)
		}
		if m.To.Family != m.From.Family && !slices.ContainsFunc(m.To.Causes(), func(o Mapping) bool { return reflect.DeepEqual(o, m) }) {
			t.Errorf("%s: Causes of the target lack this row", where)
		}
	}
	if rows < 95 {
		t.Errorf("only %d mappings", rows)
	}
}

// TestForms checks that every error is found by every form of its number, and every code by what
// people write for it.
func TestForms(t *testing.T) {
	explains := func(c *Code, input string) {
		t.Helper()
		if !slices.ContainsFunc(Explain(input), func(m Meaning) bool {
			return m.Family == c.Family && m.Number == c.Number && m.Symbol == c.Symbol && m.Source == c.Source && m.Meaning == c.Meaning
		}) {
			t.Errorf("Explain(%q) lacks %s %s", input, c.Family, c.Symbol)
		}
	}
	for _, c := range tables().codes {
		explains(c, c.Symbol)
		explains(c, " "+strings.ToLower(c.Symbol)+"\n")
		for _, a := range c.Aliases {
			explains(c, a)
		}
		switch c.Family {
		case TLSAlert:
			explains(c, fmt.Sprintf("alert %d", c.Number))
			explains(c, "alert_"+c.Symbol)
			explains(c, fmt.Sprint(c.Number))
		case WebSocketClose:
			explains(c, fmt.Sprintf("WebSocket close %d", c.Number))
			explains(c, fmt.Sprint(c.Number))
		case Event:
			explains(c, fmt.Sprintf("Event ID: %d", c.Number))
			explains(c, fmt.Sprint(c.Number))
		case SecureFailureFlag:
			explains(c, fmt.Sprintf("flag %#x", c.Number))
		case Status:
			explains(c, fmt.Sprint(c.Number))
			explains(c, "HTTP Error "+c.Symbol)
		case HTTPErr:
			explains(c, "503 1 "+c.Symbol+" DefaultAppPool")
		}
		if !isError(c.Family) {
			continue
		}
		numbers := []uint32{c.Number}
		if hr := c.HResult(); hr != 0 {
			numbers = append(numbers, hr)
		}
		if c.Number <= 0xFFFF && c.Family != NTStatus {
			numbers = append(numbers, 0x80070000+c.Number)
		}
		for _, n := range numbers {
			explains(c, fmt.Sprint(n))
			explains(c, fmt.Sprint(int32(n)))
			explains(c, fmt.Sprint(int64(int32(n))))
			explains(c, fmt.Sprintf("0x%x", n))
			explains(c, fmt.Sprintf("0x%08X", n))
			explains(c, fmt.Sprintf("%08X", n))
			explains(c, fmt.Sprintf("0x%016x", uint64(int64(int32(n)))))
			if c.Family == NTStatus && n < 0x10000000 {
				continue // reads as a Windows error
			}
			if got, ok := Look(n); !ok || got.Symbol != c.Symbol || Name(n) != c.Symbol {
				t.Errorf("Look(%#x) = %s %v, Name = %s; want %s", n, got.Symbol, ok, Name(n), c.Symbol)
			}
		}
		if got, ok := c.Family.Look(c.Number); !ok || got.Symbol != c.Symbol {
			t.Errorf("%s.Look(%d) = %s %v, want %s", c.Family, c.Number, got.Symbol, ok, c.Symbol)
		}
	}
}

func TestNameDoesNotAllocate(t *testing.T) {
	Name(0)
	for _, n := range []uint32{1460, 0x80072EE2, 0xC00000B5, 12092} {
		if a := testing.AllocsPerRun(100, func() { Name(n) }); a != 0 {
			t.Errorf("Name(%d) allocates %v times", n, a)
		}
	}
}
