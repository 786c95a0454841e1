package redact

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// JSON takes what is to be taken out from the strings of the JSON text that lies in doc from a place on, and returns
// doc with its new length. Names of members stay.
func (r *Redactor) JSON(doc []byte, from int) []byte {
	if r == nil {
		return doc
	}
	var out []byte // nil while nothing has changed
	done := from
	for i := from; ; {
		n := bytes.IndexByte(doc[i:], '"')
		if n < 0 {
			break
		}
		start := i + n
		end, worth := r.skipString(doc, start+1)
		if i = end + 1; i > len(doc) {
			break
		}
		if !worth || i < len(doc) && doc[i] == ':' {
			continue
		}
		raw := doc[start+1 : end]
		text := string(raw)
		if bytes.IndexByte(raw, '\\') >= 0 && json.Unmarshal(doc[start:end+1], &text) != nil {
			continue
		}
		clean := r.Text(text)
		if clean == text {
			continue
		}
		out = append(out, doc[done:start]...)
		out = appendString(out, clean)
		done = end + 1
	}
	if out == nil {
		return doc
	}
	out = append(out, doc[done:]...)
	return append(doc[:from], out...)
}

// skipString returns where the quotation mark stands that ends a string, and whether rules may find something in it.
func (r *Redactor) skipString(doc []byte, i int) (end int, worth bool) {
	worth = r.mode >= Identities
	for ; i < len(doc); i++ {
		switch c := doc[i]; {
		case c == '"':
			return i, worth
		case c == '\\':
			i++
		case len(rules[c]) > 0 && (r.mode >= Secrets || c == ':'):
			worth = true
		}
		if i < len(doc) && doc[i] == 'u' { // \u003a
			worth = worth || doc[i-1] == '\\'
		}
	}
	return i, false
}

// appendString appends a string in JSON's form.
func appendString(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			char, size := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, char)
			i += size
			continue
		}
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < ' ' || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			dst = append(dst, c)
		}
		i++
	}
	return append(dst, '"')
}
