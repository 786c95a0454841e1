package report

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"iter"
	"slices"
	"strings"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/timeline/redact"
)

// A redactor masks events.
type redactor struct {
	*redact.Redactor
	schemas map[*schema.Event]exposure
	rules   map[called]string
}

func newRedactor(r *redact.Redactor) *redactor {
	return &redactor{Redactor: r, schemas: map[*schema.Event]exposure{}, rules: map[called]string{}}
}

// An exposure says what events of a kind may hold that is masked, beside texts that rules look through.
type exposure uint8

const (
	inTexts exposure = 1 << iota // in a text
	inBlobs                      // in bytes that are shown in hex
	asField                      // a field is a credential
	asPair                       // a field may be one, if another one names it so
	asBody                       // a field is the content of a message
)

// exposure looks at the fields of an event, once for each event.
func (r *redactor) exposure(s *schema.Event) exposure {
	if e, ok := r.schemas[s]; ok {
		return e
	}
	e := inTexts | r.exposureOf(s.Fields)
	if len(r.schemas) >= 10_000 {
		clear(r.schemas) // hostile variety
	}
	r.schemas[s] = e
	return e
}

func (r *redactor) exposureOf(fields []schema.Field) (e exposure) {
	if _, ok := pairIn(fields); ok {
		e |= asPair
	}
	for i := range fields {
		f := &fields[i]
		if redact.IsBody(f.Name) {
			e |= asBody
		}
		if f.Secret || r.rule(alone(f)) != "" && (f.In == schema.Struct || isText(f)) {
			e |= asField
		}
		if isBlob(f) {
			e |= inBlobs
		}
		e |= r.exposureOf(f.Fields)
	}
	return e
}

func isBlob(f *schema.Field) bool {
	return f.In == schema.Binary || f.In == schema.CountedBinary || f.In == schema.HexDump
}

// isText reports whether the values of a field are texts, addresses or bytes, not numbers, times or GUIDs.
func isText(f *schema.Field) bool {
	switch f.Out {
	case schema.OutIPv4, schema.OutIPv6, schema.OutSocketAddress, schema.OutIPAddress:
		return true
	}
	if isCharacter(f) {
		return true
	}
	switch f.In {
	case schema.Int8, schema.UInt8, schema.Int16, schema.UInt16, schema.Int32, schema.UInt32, schema.Int64, schema.UInt64, schema.Float,
		schema.Double, schema.Boolean, schema.GUID, schema.Pointer, schema.FileTime, schema.SystemTime, schema.HexInt32, schema.HexInt64,
		schema.SizeT:
		return false
	}
	return true
}

// isCharacter reports whether the values of a field are characters, of which an array is a text.
func isCharacter(f *schema.Field) bool {
	switch f.In {
	case schema.UnicodeChar, schema.AnsiChar:
		return true
	case schema.Int8, schema.UInt8, schema.Int16, schema.UInt16:
		return f.Out == schema.OutString
	}
	return false
}

// isDigits reports whether a value is shown as its bytes in hexadecimal form.
func isDigits(v decode.Value) bool {
	f := v.Field()
	if !isBlob(f) {
		return false
	}
	switch f.Out {
	case schema.OutString, schema.OutXML, schema.OutJSON, schema.OutUTF8, schema.OutIPv4, schema.OutIPv6, schema.OutSocketAddress, schema.OutIPAddress:
		return v.Text() == hex.EncodeToString(v.Bytes()) // it is not what the field says
	}
	return true
}

// isArray reports whether a value is made of others of its field.
func isArray(v decode.Value) bool {
	for part := range v.Values() {
		return part.Field() == v.Field()
	}
	return false
}

// isMade reports whether a value is made of others: a struct, or an array that is not a text.
func isMade(v decode.Value) bool {
	f := v.Field()
	return f.In == schema.Struct || !isCharacter(f) && isArray(v)
}

// A called value is one with the name that tells what it is: mostly that of its field, or what the field says that
// names it, as HeaderName does with HeaderValue.
type called struct {
	name   string
	header bool // the name is that of a header
}

func alone(f *schema.Field) called { return called{name: f.Name} }

// pairs are fields that name the value of another one. EventSource writes dictionaries as keys and values.
var pairs = [...]struct {
	name, value string
	header      bool
}{
	{"HeaderName", "HeaderValue", true},
	{"Key", "Value", false},
	{"Name", "Value", false},
}

// pairIn returns the index in pairs of that which fields have.
func pairIn(fields []schema.Field) (pair int, ok bool) {
	for i, p := range pairs {
		has := func(name string) bool {
			return slices.ContainsFunc(fields, func(f schema.Field) bool { return strings.EqualFold(f.Name, name) })
		}
		if has(p.value) && has(p.name) {
			return i, true
		}
	}
	return 0, false
}

// callings returns what tells of each of values, which are those of an event or the members of a struct, what it is
// called.
func callings(fields []schema.Field, values iter.Seq[decode.Value]) func(*schema.Field) called {
	pair, ok := pairIn(fields)
	if !ok {
		return alone
	}
	p := pairs[pair]
	for v := range values {
		if strings.EqualFold(v.Field().Name, p.name) {
			if name := v.Text(); name != "" {
				return func(f *schema.Field) called {
					if strings.EqualFold(f.Name, p.value) {
						return called{name, p.header}
					}
					return alone(f)
				}
			}
		}
	}
	return alone
}

func (r *redactor) callings(ev *decode.Event) func(*schema.Field) called {
	if r.Redactor == nil || r.exposure(ev.Schema)&asPair == 0 {
		return alone
	}
	return callings(ev.Schema.Fields, ev.Values())
}

// provider returns the name of an event's provider.
func (r *redactor) provider(ev *decode.Event) string {
	if r.Mode() < redact.Identities {
		return ev.ProviderName()
	}
	return provider(r.Redactor, ev.ProviderName())
}

// isKnown reports whether a provider is one whose events are described with this program: their names and those of
// their fields tell nothing of who uses it.
func isKnown(ev *decode.Event) bool { return schema.Lookup(ev.Provider()) != nil }

// name returns the name of an event.
func (r *redactor) name(ev *decode.Event) string {
	if r.Mode() < redact.Strict || isKnown(ev) {
		return ev.Name()
	}
	return r.Named(redact.Label, ev.Name())
}

// hidesFields reports whether an event is shown without fields: with an allow-list nothing is known of those that
// other providers make up.
func (r *redactor) hidesFields(ev *decode.Event) bool {
	return r.Mode() >= redact.Strict && !isKnown(ev)
}

// fields appends the fields of an event as a JSON object, without what is masked.
func (r *redactor) fields(dst []byte, ev *decode.Event) []byte {
	switch {
	case r.Redactor == nil || ev.Schema == nil:
		return ev.AppendFields(dst)
	case r.hidesFields(ev):
		return append(dst, "{}"...)
	case r.Mode() == redact.Default && r.exposure(ev.Schema)&^inTexts == 0:
		from := len(dst)
		return r.JSON(ev.AppendFields(dst), from)
	}
	dst = append(dst, '{')
	name := r.callings(ev)
	i := 0
	for v := range ev.Values() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = ev.AppendKey(dst, i)
		i++
		dst = r.value(dst, v, name(v.Field()), quoted)
	}
	return append(dst, '}')
}

// texts yields the fields of an event with what is shown of them, as people read it.
func (r *redactor) texts(ev *decode.Event) iter.Seq2[string, string] {
	return func(yield func(name, text string) bool) {
		if ev.Schema == nil || r.hidesFields(ev) {
			return
		}
		name := r.callings(ev)
		var scratch []byte
		for v := range ev.Values() {
			f := v.Field()
			scratch = r.value(scratch[:0], v, name(f), plain)
			if !yield(f.Name, string(scratch)) {
				return
			}
		}
	}
}

// rule returns the rule by which values that are called so are masked; "" if they are not.
func (r *redactor) rule(c called) string {
	rule, ok := r.rules[c]
	if ok {
		return rule
	}
	if rule = redact.HeaderRule(c.name, r.Mode()); rule == "" && !c.header && r.Mode() >= redact.Secrets {
		rule = redact.SecretField(c.name)
	}
	if len(r.rules) >= 10_000 {
		clear(r.rules) // hostile variety
	}
	if len(c.name) < 100 {
		r.rules[c] = rule
	}
	return rule
}

// A fate says what becomes of a value.
type fate uint8

const (
	stays  fate = iota
	hidden      // it is a credential
	sized       // it is the content of a message, or bytes that may be anything: its size is told
	digits      // it is bytes, of which those are masked that are a credential
	words       // it is a text, of which parts may be masked
	made        // the values that it is made of have each their own
)

// fate returns what becomes of v, and the rule by which it is hidden.
func (r *redactor) fate(v decode.Value, c called) (is fate, rule string) {
	f := v.Field()
	if r.Redactor == nil || !f.Secret && !isText(f) || len(v.Bytes()) == 0 {
		return stays, ""
	}
	rule = r.rule(c)
	switch mode := r.Mode(); {
	case f.Secret:
		return hidden, cmp.Or(rule, "credential")
	case isMade(v):
		if rule != "" && f.In == schema.Struct {
			return hidden, rule
		}
		return made, ""
	case isDigits(v):
		switch {
		case rule != "":
			return hidden, rule
		case mode >= redact.Identities, mode == redact.Secrets && redact.IsBody(c.name):
			return sized, ""
		}
		return digits, ""
	case rule != "" && redact.Tells(v.Text()):
		return hidden, rule
	case mode >= redact.Secrets && !c.header && redact.IsBody(c.name):
		return sized, ""
	}
	return words, ""
}

// A form is one in which values are written.
type form struct {
	quote  string // around a text
	render func(decode.Value, []byte) []byte
}

var (
	plain  = form{"", decode.Value.AppendText}
	quoted = form{`"`, decode.Value.AppendJSON}
)

// value appends a value in a form, without what is masked.
func (r *redactor) value(dst []byte, v decode.Value, c called, in form) []byte {
	is, rule := r.fate(v, c)
	at := len(dst)
	switch is {
	case stays:
		return in.render(v, dst)
	case hidden:
		r.Count(rule)
		return append(append(append(dst, in.quote...), redact.Mask...), in.quote...)
	case made:
		return r.made(dst, v, c)
	case digits:
		dst = in.render(v, dst)
		r.Hex(dst[at+len(in.quote):len(dst)-len(in.quote)], v.Bytes())
		return dst
	case sized:
		if isDigits(v) {
			size := r.Unknown
			if redact.IsBody(c.name) {
				size = r.Body
			}
			dst = append(append(dst, in.quote...), size(string(v.Bytes()))...)
			return append(dst, in.quote...)
		}
	}
	text := v.Text()
	shown := ""
	if c.header {
		shown = r.Header(c.name, text)
	} else {
		shown = r.Field(c.name, text)
	}
	switch {
	case shown == text:
		return in.render(v, dst)
	case in.quote != "":
		return appendJSON(dst, shown)
	}
	return append(dst, shown...)
}

// made appends an array or a struct as JSON, without what is masked. Of one beyond all measure, "..." stands for the rest.
func (r *redactor) made(dst []byte, v decode.Value, c called) []byte {
	const most = 4 << 20
	open, end := byte('['), byte(']')
	array := isArray(v)
	var name func(*schema.Field) called
	if !array {
		open, end = '{', '}'
		name = callings(v.Field().Fields, v.Values())
	}
	dst = append(dst, open)
	first := len(dst)
	for part := range v.Values() {
		if len(dst) > first {
			dst = append(dst, ',')
		}
		if !array {
			c = name(part.Field())
			dst = append(appendJSON(dst, part.Field().Name), ':')
		}
		if len(dst)-first > most {
			dst = append(dst, `"..."`...)
			break
		}
		dst = r.value(dst, part, c, quoted)
	}
	return append(dst, end)
}

// message appends the message of an event, without what is masked; ok is false if it has none.
func (r *redactor) message(dst []byte, ev *decode.Event) (out []byte, ok bool) {
	from := len(dst)
	dst, ok = ev.AppendMessage(dst)
	if r.Redactor == nil || !ok {
		return dst, ok
	}
	if ev.Schema != nil && (r.Mode() >= redact.Identities || r.exposure(ev.Schema)&(asField|asPair|asBody) != 0) {
		LearnEvent(r.Redactor, ev)
		name := r.callings(ev)
		for v := range ev.Values() {
			c := name(v.Field())
			is, _ := r.fate(v, c)
			if is != hidden && is != sized && is != made {
				continue
			}
			// What is short stands for itself elsewhere in the text, too.
			text := v.AppendText(nil)
			if len(text) == 0 || is == sized && len(text) <= 3 {
				continue
			}
			shown := []byte(redact.Mask)
			if is == made {
				shown = r.made(nil, v, c)
			}
			dst = append(dst[:from], bytes.ReplaceAll(dst[from:], text, shown)...)
		}
	}
	return r.Bytes(dst, from), true
}

// raw appends the bytes of an event that are not decoded, in hexadecimal form. Those of an event with
// a secret field are withheld: nothing tells where in them it is.
func (r *redactor) raw(dst []byte, ev *decode.Event, raw []byte) []byte {
	exposed := exposure(0)
	if r.Redactor != nil && ev.Schema != nil && len(raw) > 0 {
		exposed = r.exposure(ev.Schema)
	}
	switch {
	case exposed&asField != 0:
		r.Count("credential")
		return append(dst, redact.Mask...)
	case r.Mode() >= redact.Secrets && exposed&asBody != 0:
		return append(dst, r.Body(string(raw))...)
	case r.Mode() >= redact.Identities:
		return append(dst, r.Unknown(string(raw))...)
	}
	from := len(dst)
	dst = hex.AppendEncode(dst, raw)
	r.Hex(dst[from:], raw)
	return dst
}

// LearnEvent tells r the names that ev holds: those of machines and users that typed fields tell, and headers. What is
// redacted from then on loses them wherever they stand, so that all events are to be learnt before anything is
// redacted: see [Analysis.Redact]. Below [redact.Identities] it does nothing.
func LearnEvent(r *redact.Redactor, ev *decode.Event) {
	if r.Mode() < redact.Identities || ev.Schema == nil {
		return
	}
	learnValues(r, ev.Values(), callings(ev.Schema.Fields, ev.Values()))
}

// learnValues tells r the names in values, and in those that they are made of.
func learnValues(r *redact.Redactor, values iter.Seq[decode.Value], name func(*schema.Field) called) {
	for v := range values {
		f := v.Field()
		if !isText(f) {
			continue
		}
		switch c := name(f); {
		case isArray(v):
			learnValues(r, v.Values(), func(*schema.Field) called { return c })
		case isMade(v):
			learnValues(r, v.Values(), callings(f.Fields, v.Values()))
		case isDigits(v):
		case c.header:
			r.LearnHeader(c.name, v.Text())
		default:
			text := v.Text()
			r.LearnField(c.name, text)
			r.LearnText(text)
		}
	}
}
