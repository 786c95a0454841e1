package winerr

import "encoding/json"

// MarshalJSON writes a meaning as an object whose names are stable: what is not known is null, codes
// are unsigned numbers, lists are never null.
//
// The number's forms (hex, hresult, hresult_hex, hresult_signed) are null for families without them.
// maps_to and caused_by are [Code.Mappings] and [Code.Causes], without the code itself.
func (m Meaning) MarshalJSON() ([]byte, error) {
	out := meaningJSON{
		Input: m.Input, Unknown: m.Unknown,
		Family: known(m.Family), Symbol: known(m.Symbol), Aliases: append([]string{}, m.Aliases...),
		Source: known(m.Source), Phase: known(m.Phase), Meaning: known(m.Meaning), InLog: known(m.InLog),
		PointsTo: known(m.PointsTo), NextStep: known(m.Next), Evidence: known(m.Evidence),
		MapsTo: []mappingJSON{}, CausedBy: []mappingJSON{}, Suggestions: append([]string{}, m.Suggestions...),
	}
	hasNumber := m.Number != 0 || !m.Unknown
	switch m.Family {
	case Status, HTTPErr, TimeTaken:
		hasNumber = false
	case SecureFailureFlag:
		out.Hex = known(Hex(m.Number))
	}
	if hasNumber {
		out.Code = &m.Number
	}
	if isError(m.Family) || m.Unknown && hasNumber {
		out.Hex = known(Hex(m.Number))
	}
	if hr := m.HResult(); hr != 0 {
		signed := int32(hr)
		out.HResult, out.HResultHex, out.HResultSigned = &hr, known(Hex(hr)), &signed
	}
	for _, to := range m.Mappings() {
		out.MapsTo = append(out.MapsTo, newMappingJSON(to, to.To))
	}
	for _, from := range m.Causes() {
		out.CausedBy = append(out.CausedBy, newMappingJSON(from, from.From))
	}
	return json.Marshal(out)
}

type meaningJSON struct {
	Input         string        `json:"input"`
	Unknown       bool          `json:"unknown"`
	Family        *string       `json:"family"`
	Code          *uint32       `json:"code"`
	Hex           *string       `json:"hex"`
	HResult       *uint32       `json:"hresult"`
	HResultHex    *string       `json:"hresult_hex"`
	HResultSigned *int32        `json:"hresult_signed"`
	Symbol        *string       `json:"symbol"`
	Aliases       []string      `json:"aliases"`
	Source        *string       `json:"source"`
	Phase         *string       `json:"phase"`
	Meaning       *string       `json:"meaning"`
	InLog         *string       `json:"in_log"`
	PointsTo      *string       `json:"points_to"`
	NextStep      *string       `json:"next_step"`
	Evidence      *string       `json:"evidence"`
	MapsTo        []mappingJSON `json:"maps_to"`
	CausedBy      []mappingJSON `json:"caused_by"`
	Suggestions   []string      `json:"suggestions"`
}

// mappingJSON is a mapping seen from one end; the code is the other end.
type mappingJSON struct {
	Family    *string `json:"family"`
	Code      *uint32 `json:"code"` // null for a condition or a class of codes
	Symbol    *string `json:"symbol"`
	Condition *string `json:"condition"`
	Phase     *string `json:"phase"`
	Evidence  *string `json:"evidence"`
	Note      *string `json:"note"`
}

func newMappingJSON(m Mapping, end Code) mappingJSON {
	out := mappingJSON{
		Family: known(end.Family), Symbol: known(end.Symbol), Condition: known(m.Condition),
		Phase: known(m.Phase), Evidence: known(m.Evidence), Note: known(m.Note),
	}
	if end.Number != 0 {
		out.Code = &end.Number
	}
	return out
}

// known returns nil for what is not known.
func known[S ~string](s S) *string {
	if s == "" {
		return nil
	}
	text := string(s)
	return &text
}
