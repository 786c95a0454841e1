package winerr

import (
	"path"
	"slices"
	"strings"
)

// A Mapping says what becomes of a code on its way up: a raw code becomes the code that the caller
// of WinHTTP sees, an NTSTATUS the Winsock code.
type Mapping struct {
	// From is the code that the row was asked for. In [Code.Causes] it is the zero Code where a
	// Condition leads to the target, and has a pattern ("SEC_E_* SEC_I_*") for its symbol where the
	// row covers a class of codes.
	From      Code
	Condition string
	To        Code   // the same code as From where WinHTTP hands an error on unchanged
	Phase     string // as in [Code]
	Evidence  Evidence
	Note      string

	class bool // the row covers a class of codes
}

// covers reports whether the row is about c. A pattern is a list of globs; one that begins with "!" excludes.
func (m *Mapping) covers(c *Code) bool {
	if m.From.Family != c.Family {
		return false
	}
	if !m.class {
		return m.From.Number == c.Number
	}
	found := false
	for glob := range strings.FieldsSeq(m.From.Symbol) {
		exclude, negated := strings.CutPrefix(glob, "!")
		if negated {
			glob = exclude
		}
		if ok, _ := path.Match(glob, c.Symbol); ok {
			if negated {
				return false
			}
			found = true
		}
	}
	return found
}

// Mappings returns the rows for a raw code, the strongest evidence not necessarily first.
// Most have one; TLS and certificate codes have several, since systems differ.
func (c Code) Mappings() []Mapping {
	var out []Mapping
	for _, m := range tables().mappings {
		if m.covers(&c) {
			m.From = c
			m.class = false
			out = append(out, m)
		}
	}
	return out
}

// Causes returns the rows that lead to a code: the raw codes, classes of codes and conditions behind it.
func (c Code) Causes() []Mapping {
	var out []Mapping
	for _, m := range tables().mappings {
		if m.To.Family == c.Family && m.To.Number == c.Number && !m.covers(&c) {
			out = append(out, m)
		}
	}
	return out
}

// ToWinHTTP returns the WinHTTP code that a raw code becomes, for traces that do not show it.
// It answers only from a documented or observed row about that very code, and only if no other row
// names another target. So it has no answer for TLS codes, which end as 12157, 12175, 12029
// or 12030 depending on the system, none for a WinHTTP code itself, and none for an NTSTATUS:
// see [FromNTStatus]. The rows that it does not trust are in [Code.Mappings].
func ToWinHTTP(code uint32) (Mapping, bool) {
	c, ok := Look(code)
	if !ok {
		return Mapping{}, false
	}
	x := tables()
	var best *Mapping
	for i := range x.mappings {
		m := &x.mappings[i]
		switch {
		case !m.covers(&c):
		case m.class || m.To.Family != WinHTTP || best != nil && best.To.Number != m.To.Number:
			return Mapping{}, false
		case best == nil || m.Evidence.Firm() && !best.Evidence.Firm():
			best = m
		}
	}
	if best == nil || !best.Evidence.Firm() {
		return Mapping{}, false
	}
	return *best, true
}

// FromNTStatus returns the Winsock code that the socket layer makes of an NTSTATUS. The table is
// that of another project, so the result explains a code but proves nothing about WinHTTP.
func FromNTStatus(status uint32) (Code, bool) {
	c, ok := NTStatus.Look(status)
	if !ok {
		c, ok = Look(status) // its HRESULT form
	}
	if !ok || c.Family != NTStatus {
		return Code{}, false
	}
	mappings := tables().mappings
	i := slices.IndexFunc(mappings, func(m Mapping) bool { return m.covers(&c) })
	if i < 0 {
		return Code{}, false
	}
	return mappings[i].To, true
}
