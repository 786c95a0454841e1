package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/etwhy/etwhy/decode/winerr"
)

// explainScreen tells what each code means.
func explainScreen(w io.Writer, meanings []winerr.Meaning, opt Options) error {
	p := newPage(opt)
	for i := range meanings {
		if i > 0 {
			p.blank()
		}
		p.meaning(&meanings[i])
	}
	return p.writeTo(w, 0)
}

// families says what the families of codes are.
var families = map[winerr.Family]string{
	winerr.Win32:             "Windows",
	winerr.Winsock:           "Winsock",
	winerr.WinHTTP:           "WinHTTP",
	winerr.WinINet:           "WinINet, never from WinHTTP",
	winerr.HResult:           "HRESULT",
	winerr.NTStatus:          "NTSTATUS",
	winerr.TLSAlert:          "TLS alert",
	winerr.WebSocketClose:    "WebSocket close code",
	winerr.SecureFailureFlag: "WinHTTP's flag for a certificate",
	winerr.Status:            "HTTP status",
	winerr.HTTPErr:           "reason in the HTTPERR log",
	winerr.Event:             "event log",
	winerr.TimeTaken:         "time-taken",
}

func (p *page) meaning(m *winerr.Meaning) {
	if m.Unknown {
		p.headline(m.Input+" is in no table: unknown.", true)
		if len(m.Suggestions) > 0 {
			p.text("  Similar: "+strings.Join(m.Suggestions, ", "), 4)
		}
		return
	}
	p.headline(title(m), false)
	item := func(label, s string) {
		if s != "" {
			p.indented(label + sentence(s))
		}
	}
	if hr := m.HResult(); hr != 0 {
		item("", fmt.Sprintf("%s; as HRESULT %s = %d = %d", winerr.Hex(m.Number), winerr.Hex(hr), hr, int32(hr)))
	}
	item("", m.Meaning)
	item("Phase: ", cmp.Or(phaseWords[m.Phase], m.Phase))
	item("As sc-win32-status in a log: ", m.InLog)
	item("A sign of: ", m.PointsTo)
	item("WinHTTP reports it as: ", ends(m.Mappings(), func(r winerr.Mapping) winerr.Code { return r.To }))
	item("Comes from: ", ends(m.Causes(), func(r winerr.Mapping) winerr.Code { return r.From }))
	item("Next: ", m.Next)
	if !m.Evidence.Firm() && m.Evidence != winerr.Header {
		item("Not certain: ", "this row is "+strings.ReplaceAll(string(m.Evidence), "-", " "))
	}
}

// title names a code: what was typed, what that is, of which family.
func title(m *winerr.Meaning) string {
	t := m.Symbol
	if number := strconv.FormatUint(uint64(m.Number), 10); m.Number > 0xFFFF {
		t = winerr.Hex(m.Number) + " " + t
	} else if m.Number != 0 && !strings.Contains(m.Symbol, number) {
		t = number + " " + t
	}
	if m.Input != m.Symbol && !strings.HasPrefix(t, m.Input+" ") {
		t = m.Input + " = " + t
	}
	family := families[m.Family]
	if m.Source != "" {
		family += ", " + m.Source
	}
	if len(m.Aliases) > 0 {
		family += "; also " + strings.Join(m.Aliases, ", ")
	}
	return t + " (" + family + ")"
}

// phaseWords says what the words for a phase mean that are no phases.
var phaseWords = map[string]string{
	"any":    "any, the code alone does not tell",
	"local":  "none, it is about the caller, memory or settings",
	"auth":   "authentication",
	"cancel": "any, it follows a cancellation",
	"none":   "none, it is no failure",
}

// ends lists the codes or conditions at the other end of mappings, each once.
func ends(rows []winerr.Mapping, end func(winerr.Mapping) winerr.Code) string {
	var out []string
	firm := map[string]bool{}
	for _, r := range rows {
		t := clause(r.Condition)
		if c := end(r); c.Symbol != "" {
			number := ""
			switch {
			case c.Number > 0xFFFF:
				number = winerr.Hex(c.Number) + " "
			case c.Number != 0:
				number = strconv.FormatUint(uint64(c.Number), 10) + " "
			}
			if t != "" {
				t = " (" + t + ")"
			}
			t = number + c.Symbol + t
		}
		if t != "" && !slices.Contains(out, t) {
			out = append(out, t)
		}
		firm[t] = firm[t] || r.Evidence.Firm()
	}
	for i, t := range out {
		if !firm[t] {
			out[i] += " [not certain]"
		}
	}
	return strings.Join(out, "; ")
}
