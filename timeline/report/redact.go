package report

import (
	"bytes"
	"encoding/hex"
	"strings"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/timeline"
)

// A Redaction says what is masked before anything is written.
type Redaction uint8

const (
	// RedactDefault masks credentials: fields that hold a user's name and password, the values of the
	// headers Authorization, Proxy-Authorization, Cookie and Set-Cookie wherever a text or a block of
	// bytes holds them, and passwords in URLs.
	RedactDefault Redaction = iota
	// RedactNone masks nothing. Only a user who asks for it gets it.
	RedactNone
	// RedactSecrets is RedactDefault, chosen by name.
	RedactSecrets
)

// String returns the mode as JSON output names it.
func (r Redaction) String() string {
	if r == RedactSecrets {
		return "secrets"
	}
	return "none"
}

// mask stands for what was taken out.
const mask = "***"

// A redactor masks credentials and counts them by kind. A nil redactor masks nothing.
type redactor struct {
	counts  map[string]int
	schemas map[*schema.Event]exposure
}

func newRedactor(mode Redaction) *redactor {
	if mode == RedactNone {
		return nil
	}
	return &redactor{counts: map[string]int{}, schemas: map[*schema.Event]exposure{}}
}

// redact masks the credentials in a, in place.
func (a *Analysis) redact(mode Redaction) {
	a.redaction = redaction{Mode: mode.String(), Counts: map[string]int{}}
	r := newRedactor(mode)
	if r == nil {
		return
	}
	a.redaction.Counts = r.counts
	for i := range a.Inputs {
		in := &a.Inputs[i]
		r.text(&in.Error)
		r.text(&in.Note)
		for j := range in.Damage {
			r.text(&in.Damage[j].Detail)
		}
	}
	for _, d := range a.Discoveries {
		r.verdict(d.Verdict)
	}
	for _, list := range [][]*timeline.Request{a.Requests, a.Aside} {
		for _, req := range list {
			r.request(req)
		}
	}
	rest := newRedactor(mode) // of these, no format counts anything
	for _, req := range a.Everything {
		rest.request(req)
	}
}

func (r *redactor) request(q *timeline.Request) {
	r.text(&q.URL)
	for i := range q.Attempts {
		r.text(&q.Attempts[i].URL)
	}
	for i := range q.Related {
		r.text(&q.Related[i].Text)
	}
	r.verdict(q.Verdict)
}

func (r *redactor) verdict(v *timeline.Verdict) {
	if v == nil {
		return
	}
	r.text(&v.Title)
	r.text(&v.Open)
	for i := range v.Evidence {
		r.text(&v.Evidence[i].Text)
	}
	for i := range v.Rejected {
		r.text(&v.Rejected[i].Why)
	}
	for _, sentences := range [][]string{v.Context, v.DoNow, v.FindOut} {
		for i := range sentences {
			r.text(&sentences[i])
		}
	}
}

// text masks what *s holds.
func (r *redactor) text(s *string) {
	if strings.IndexByte(*s, ':') < 0 {
		return
	}
	if masked := r.bytes([]byte(*s), 0, plain); len(masked) != len(*s) || string(masked) != *s {
		*s = string(masked)
	}
}

// bytes masks what lies in dst from a place on, and returns dst with its new length.
func (r *redactor) bytes(dst []byte, from int, in quoting) []byte {
	for r != nil {
		s, ok := findSecret(dst, from, in)
		if !ok {
			break
		}
		r.counts[s.kind]++
		rest := string(dst[s.end:])
		dst = append(dst[:s.start], mask...)
		from = len(dst)
		dst = append(dst, rest...)
	}
	return dst
}

// A secret is the place of a credential in a text.
type secret struct {
	start, end int
	kind       string // what it is, for the counts
}

// A quoting says how a text is written down.
type quoting uint8

const (
	plain  quoting = iota // as it is
	inJSON                // within JSON strings: a line break is \r\n, a quotation mark ends the text
)

// findSecret returns the next credential at or behind from. It looks at colons only: they stand
// behind the name of a header, and in the user part of a URL.
func findSecret(b []byte, from int, in quoting) (s secret, ok bool) {
	for i := from; ; i++ {
		colon := bytes.IndexByte(b[i:], ':')
		if colon < 0 {
			return secret{}, false
		}
		i += colon
		if s, ok = headerValue(b, from, i, in); !ok {
			s, ok = userInfo(b, i)
		}
		if ok && s.start < s.end && string(b[s.start:s.end]) != mask {
			return s, true
		}
	}
}

// headerValue returns the value of the header whose name ends at a colon, if it is a credential. A
// value goes on in the next line if that begins with a blank (obsolete folding, RFC 9112 5.2).
func headerValue(b []byte, from, colon int, in quoting) (s secret, ok bool) {
	end := colon
	for end > from && (b[end-1] == ' ' || b[end-1] == '\t') {
		end--
	}
	start := end
	for start > from && isToken(b[start-1]) {
		start--
	}
	if start == end || b[end-1]|0x20 != 'n' && b[end-1]|0x20 != 'e' {
		return s, false // most colons
	}
	// In JSON the name may stand right behind an escape such as \n: its letter is no harm in a suffix.
	name := strings.ToLower(string(b[start:end]))
	for _, known := range [...]string{"proxy-authorization", "authorization", "set-cookie", "cookie"} {
		if strings.HasSuffix(name, known) {
			s.kind = known
			break
		}
	}
	if s.kind == "" {
		return s, false
	}
	s.start = colon + 1
	for s.start < len(b) && (b[s.start] == ' ' || b[s.start] == '\t') {
		s.start++
	}
	s.end = s.start
	for s.end < len(b) {
		size, char := unquote(b[s.end:], in)
		if char == endOfText {
			break
		}
		if char == '\r' || char == '\n' {
			at := s.end + size
			if char == '\r' && at < len(b) {
				if n, next := unquote(b[at:], in); next == '\n' {
					at += n
				}
			}
			if at >= len(b) {
				break
			}
			if _, next := unquote(b[at:], in); next != ' ' && next != '\t' {
				break
			}
			size = at - s.end
		}
		s.end += size
	}
	return s, true
}

func isToken(c byte) bool {
	return c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// endOfText is what unquote returns where a text ends.
const endOfText = 0

// unquote returns the first character of b as far as it matters here, and how many bytes it takes.
func unquote(b []byte, in quoting) (size int, char byte) {
	switch {
	case in == plain || b[0] != '\\' && b[0] != '"':
		return 1, b[0]
	case b[0] == '"' || len(b) < 2:
		return 1, endOfText
	}
	switch b[1] {
	case 'r':
		return 2, '\r'
	case 'n':
		return 2, '\n'
	case 't':
		return 2, '\t'
	case 'u':
		var c [2]byte
		if len(b) < 6 {
			return len(b), '?'
		}
		if n, err := hex.Decode(c[:], b[2:6]); n != 2 || err != nil || c[0] != 0 {
			return 6, '?'
		}
		return 6, c[1]
	}
	return 2, b[1]
}

// userInfo returns the password of a URL whose scheme ends at a colon: scheme://user:password@host.
func userInfo(b []byte, colon int) (s secret, ok bool) {
	rest, found := bytes.CutPrefix(b[colon:], []byte("://"))
	if !found {
		return s, false
	}
	if end := bytes.IndexAny(rest, "/?#\\\"'<> \t\r\n\x00"); end >= 0 {
		rest = rest[:end]
	}
	at := bytes.LastIndexByte(rest, '@')
	if at < 0 {
		return s, false
	}
	user := bytes.IndexByte(rest[:at], ':')
	if user < 0 {
		return s, false
	}
	base := colon + len("://")
	return secret{base + user + 1, base + at, "password"}, true
}

// An exposure says how the fields of an event may hold credentials.
type exposure uint8

const (
	inTexts exposure = 1 << iota // in a text
	inBlobs                      // in bytes that are shown in hex
	asField                      // a field is one
	asPair                       // a field is one if another one names such a header
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
		switch {
		case isSecret(f):
			e |= asField
		case isBlob(f):
			e |= inBlobs
		case strings.EqualFold(f.Name, "HeaderName"):
			e |= asPair
		case f.In == schema.Struct:
			// Values within structs are not looked at one by one.
			if exposureOf(f.Fields)&asField != 0 {
				e |= asField
			}
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

// fields appends the fields of an event as a JSON object, without its credentials.
func (r *redactor) fields(dst []byte, ev *decode.Event) []byte {
	if r == nil || ev.Schema == nil {
		return ev.AppendFields(dst)
	}
	from := len(dst)
	exposed := r.exposure(ev.Schema)
	if exposed&^inTexts == 0 {
		return r.bytes(ev.AppendFields(dst), from, inJSON)
	}
	dst = append(dst, '{')
	i := 0
	for v := range ev.Values() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = ev.AppendKey(dst, i)
		i++
		if f := v.Field(); r.hides(ev, v) {
			r.counts[kindOf(f)]++
			dst = append(dst, `"`+mask+`"`...)
		} else {
			at := len(dst)
			dst = v.AppendJSON(dst)
			if raw := v.Bytes(); isBlob(f) && len(dst)-at == 2*len(raw)+len(`""`) {
				r.hex(dst[at+1:len(dst)-1], raw)
			}
		}
	}
	return r.bytes(append(dst, '}'), from, inJSON)
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
		return isSecretHeader(ev.Get("HeaderName").Text())
	}
	return false
}

// value appends the text of a field, masked if it is a credential. What its text holds is left to bytes.
func (r *redactor) value(dst []byte, ev *decode.Event, v decode.Value) []byte {
	if r == nil {
		return v.AppendText(dst)
	}
	if r.hides(ev, v) {
		r.counts[kindOf(v.Field())]++
		return append(dst, mask...)
	}
	at := len(dst)
	dst = v.AppendText(dst)
	if raw := v.Bytes(); isBlob(v.Field()) && len(dst)-at == 2*len(raw) {
		r.hex(dst[at:], raw)
	}
	return dst
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

// hex masks digits, which are the bytes raw in hexadecimal form, where raw has the values of secret
// headers in ASCII or UTF-16LE.
func (r *redactor) hex(digits, raw []byte) {
	if r == nil || len(digits) != 2*len(raw) {
		return
	}
	r.hexPart(digits, raw, 0, 1)
	if !bytes.Contains(raw, []byte(":\x00")) {
		return
	}
	for offset := range 2 {
		narrow := make([]byte, 0, len(raw)/2)
		for i := offset; i+1 < len(raw); i += 2 {
			c := raw[i]
			if raw[i+1] != 0 {
				c = '?'
			}
			narrow = append(narrow, c)
		}
		r.hexPart(digits, narrow, offset, 2)
	}
}

// hexPart masks the digits of a text whose characters lie stride bytes apart, the first at offset.
func (r *redactor) hexPart(digits, text []byte, offset, stride int) {
	for from := 0; ; {
		s, ok := findSecret(text, from, plain)
		if !ok {
			return
		}
		r.counts[s.kind]++
		for i := s.start; i < s.end; i++ {
			at := 2 * (offset + i*stride)
			digits[at], digits[at+1] = '2', 'a' // an asterisk
		}
		from = s.end
	}
}

// message appends the message of an event, without its credentials; ok is false if it has none.
func (r *redactor) message(dst []byte, ev *decode.Event) (out []byte, ok bool) {
	from := len(dst)
	dst, ok = ev.AppendMessage(dst)
	if r == nil || !ok {
		return dst, ok
	}
	if r.exposure(ev.Schema)&(asField|asPair) != 0 {
		for v := range ev.Values() {
			if r.hides(ev, v) {
				masked := bytes.ReplaceAll(dst[from:], v.AppendText(nil), []byte(mask))
				dst = append(dst[:from], masked...)
			}
		}
	}
	return r.bytes(dst, from, plain), true
}

// raw appends the bytes of an event that are not decoded, in hexadecimal form. Those of an event with
// a secret field are withheld: nothing tells where in them it is.
func (r *redactor) raw(dst []byte, ev *decode.Event, raw []byte) []byte {
	if r != nil && ev.Schema != nil && r.exposure(ev.Schema)&asField != 0 && len(raw) > 0 {
		r.counts["credential"]++
		return append(dst, mask...)
	}
	from := len(dst)
	dst = hex.AppendEncode(dst, raw)
	r.hex(dst[from:], raw)
	return dst
}
