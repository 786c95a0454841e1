package report

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/timeline/redact"
)

// A redactor masks events.
type redactor struct {
	*redact.Redactor
	schemas map[*schema.Event]exposure
}

func newRedactor(r *redact.Redactor) *redactor {
	return &redactor{Redactor: r, schemas: map[*schema.Event]exposure{}}
}

// An exposure says how the fields of an event may hold credentials.
type exposure uint8

const (
	inTexts exposure = 1 << iota // in a text
	inBlobs                      // in bytes that are shown in hex
	asField                      // a field is one
	asPair                       // a field is one if another one names such a header
	asBody                       // a field is the content of a message
)

// exposure looks at the fields of an event, once for each event.
func (r *redactor) exposure(s *schema.Event) exposure {
	if e, ok := r.schemas[s]; ok {
		return e
	}
	e := inTexts | exposureOf(s.Fields)
	if len(r.schemas) >= 10_000 {
		clear(r.schemas) // hostile variety
	}
	r.schemas[s] = e
	return e
}

func exposureOf(fields []schema.Field) (e exposure) {
	for i := range fields {
		f := &fields[i]
		if redact.IsBody(f.Name) {
			e |= asBody
		}
		switch {
		case isSecret(f):
			e |= asField
		case isBlob(f):
			e |= inBlobs
		case strings.EqualFold(f.Name, "HeaderName"):
			e |= asPair
		case f.In == schema.Struct:
			// Values within structs are not looked at one by one.
			e |= exposureOf(f.Fields) & (asField | asBody)
		}
	}
	return e
}

func isBlob(f *schema.Field) bool {
	return f.In == schema.Binary || f.In == schema.CountedBinary || f.In == schema.HexDump
}

// isSecret reports whether a field is a credential: by its description, or by its name.
func isSecret(f *schema.Field) bool {
	if f.Secret || isSecretHeader(f.Name) {
		return true
	}
	for i := range f.Fields {
		if isSecret(&f.Fields[i]) {
			return true
		}
	}
	return false
}

func isSecretHeader(name string) bool {
	switch strings.ToLower(name) {
	case "authorization", "proxy-authorization", "cookie", "set-cookie", "cs(cookie)":
		return true
	}
	return false
}

// provider returns the name of an event's provider.
func (r *redactor) provider(ev *decode.Event) string {
	if r.Mode() < redact.Strict {
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
	i := 0
	for v := range ev.Values() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = ev.AppendKey(dst, i)
		i++
		dst = r.jsonValue(dst, ev, v)
	}
	return append(dst, '}')
}

// jsonValue appends a value as JSON, without what is masked.
func (r *redactor) jsonValue(dst []byte, ev *decode.Event, v decode.Value) []byte {
	if r.hides(ev, v) {
		r.Count(kindOf(v.Field()))
		return append(dst, `"`+redact.Mask+`"`...)
	}
	at := len(dst)
	dst = v.AppendJSON(dst)
	f := v.Field()
	if raw := v.Bytes(); isBlob(f) && len(dst)-at == 2*len(raw)+len(`""`) {
		digits := r.blob(dst[at+1:len(dst)-1], f.Name, raw)
		return append(append(dst[:at+1], digits...), '"')
	}
	if r.Mode() == redact.Default || dst[at] != '"' {
		return r.JSON(dst, at)
	}
	if !isText(f) {
		return dst
	}
	text := string(dst[at+1 : len(dst)-1])
	if strings.IndexByte(text, '\\') >= 0 && json.Unmarshal(dst[at:], &text) != nil {
		return append(dst[:at], `"`+redact.Mask+`"`...)
	}
	if is := r.Field(f.Name, text); is != text {
		return appendJSON(dst[:at], is)
	}
	return dst
}

// isText reports whether the values of a field are texts or addresses, not numbers, times or GUIDs.
func isText(f *schema.Field) bool {
	switch f.Out {
	case schema.OutIPv4, schema.OutIPv6, schema.OutSocketAddress, schema.OutIPAddress:
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

// blob returns what is shown of the bytes of a field, of which digits is the hexadecimal form. It may change digits.
func (r *redactor) blob(digits []byte, name string, raw []byte) []byte {
	switch mode := r.Mode(); {
	case len(raw) == 0 || mode == redact.None:
		return digits
	case mode >= redact.Identities, mode == redact.Secrets && (redact.IsBody(name) || redact.SecretField(name) != ""):
		return []byte(r.Body(string(raw)))
	}
	r.Hex(digits, raw)
	return digits
}

// hides reports whether a field of ev is a credential: by itself, or because HeaderName says so.
func (r *redactor) hides(ev *decode.Event, v decode.Value) bool {
	f := v.Field()
	switch exposed := r.exposure(ev.Schema); {
	case len(v.Bytes()) == 0:
		return false
	case exposed&asField != 0 && isSecret(f):
		return true
	case exposed&asPair != 0 && strings.EqualFold(f.Name, "HeaderValue"):
		name := ev.Get("HeaderName").Text()
		return isSecretHeader(name) || r.Mode() >= redact.Secrets && redact.IsCredential(name)
	}
	return false
}

// value appends the text of a field without what is masked.
func (r *redactor) value(dst []byte, ev *decode.Event, v decode.Value) []byte {
	if r.Redactor == nil {
		return v.AppendText(dst)
	}
	if r.hides(ev, v) {
		r.Count(kindOf(v.Field()))
		return append(dst, redact.Mask...)
	}
	at := len(dst)
	dst = v.AppendText(dst)
	f := v.Field()
	if raw := v.Bytes(); isBlob(f) && len(dst)-at == 2*len(raw) {
		return append(dst[:at], r.blob(dst[at:], f.Name, raw)...)
	}
	if !isText(f) {
		return dst
	}
	return append(dst[:at], r.Field(f.Name, string(dst[at:]))...)
}

// kindOf names a secret field in the counts.
func kindOf(f *schema.Field) string {
	name := strings.ToLower(f.Name)
	for _, kind := range [...]string{"proxy-authorization", "authorization", "set-cookie", "cookie"} {
		if strings.Contains(name, kind) {
			return kind
		}
	}
	return "credential"
}

// message appends the message of an event, without what is masked; ok is false if it has none.
func (r *redactor) message(dst []byte, ev *decode.Event) (out []byte, ok bool) {
	from := len(dst)
	dst, ok = ev.AppendMessage(dst)
	if r.Redactor == nil || !ok {
		return dst, ok
	}
	if ev.Schema != nil && (r.Mode() >= redact.Identities || r.exposure(ev.Schema)&(asField|asPair|asBody) != 0) {
		for v := range ev.Values() {
			f := v.Field()
			if r.Mode() >= redact.Identities && isText(f) && !isBlob(f) {
				r.LearnField(f.Name, v.Text())
			}
			hidden := r.hides(ev, v)
			if !hidden && (r.Mode() < redact.Secrets || !redact.IsBody(f.Name) && (r.Mode() < redact.Identities || !isBlob(f))) {
				continue
			}
			// What is short stands for itself elsewhere in the text, too.
			if text := v.AppendText(nil); len(text) > 0 && (hidden || len(text) > 3) {
				masked := bytes.ReplaceAll(dst[from:], text, []byte(redact.Mask))
				dst = append(dst[:from], masked...)
			}
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
	case r.Mode() >= redact.Identities, r.Mode() == redact.Secrets && exposed&asBody != 0:
		return append(dst, r.Body(string(raw))...)
	}
	from := len(dst)
	dst = hex.AppendEncode(dst, raw)
	r.Hex(dst[from:], raw)
	return dst
}
