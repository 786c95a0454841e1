// Package redact takes secrets and identities out of texts, before they are written down for others.
//
//	text ─► secrets: what gives access becomes ***
//	        identities: names and addresses get pseudonyms, the same ones by the same [Key]: host-3f2a91c0, user-91c07b5e
//	        strict: words that are not known to be harmless become [...]
//
// Rules look at a text where a character stands that they begin or end at, so that texts without such characters cost
// little. A text that is redacted stays as it is if it is redacted again by the same [Redactor].
//
// A [Mode] says how far this goes, [NotRemoved] what is left.
package redact

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
)

const (
	// Mask stands for a secret.
	Mask = "***"
	// blank stands for words that are not known to be harmless.
	blank = "[...]"
)

// A Redactor takes out of texts what its [Mode] says, and counts it. A nil Redactor leaves everything as it is.
// Its methods belong to one goroutine.
type Redactor struct {
	mode   Mode
	counts map[string]int
	*names // nil before Identities

	text    []byte // scratch
	cache   map[string]cached
	cached  int // bytes
	version int // of names that the cache was made with
}

// A cached text is what became of one, and what that took.
type cached struct {
	text   string
	counts map[string]int
}

// maxCache bounds the bytes of texts that are kept with what became of them.
const maxCache = 32 << 20

// New returns a redactor; nil for None. The key matters from Identities on.
func New(mode Mode, key Key) *Redactor {
	if mode == None {
		return nil
	}
	r := &Redactor{mode: mode, counts: map[string]int{}}
	if mode >= Identities {
		r.names = newNames(key)
		r.cache = map[string]cached{}
	}
	return r
}

// Uncounted returns a redactor that does the same, knows the same names, and counts for itself.
func (r *Redactor) Uncounted() *Redactor {
	if r == nil {
		return nil
	}
	c := &Redactor{mode: r.mode, counts: map[string]int{}, names: r.names}
	if r.cache != nil {
		c.cache = map[string]cached{}
	}
	return c
}

// Mode returns the mode; None for a nil Redactor.
func (r *Redactor) Mode() Mode {
	if r == nil {
		return None
	}
	return r.mode
}

// KeyID returns the id of the key; "" if the mode uses none.
func (r *Redactor) KeyID() string {
	if r.Mode() < Identities {
		return ""
	}
	return r.key.ID()
}

// Counts returns how often each rule took something out, never nil.
func (r *Redactor) Counts() map[string]int {
	if r == nil {
		return map[string]int{}
	}
	return maps.Clone(r.counts)
}

// Masked returns how many secrets were taken out: of Counts, those that are no names and no words.
func (r *Redactor) Masked() (n int) {
	if r == nil {
		return 0
	}
	for rule, times := range r.counts {
		if !ofNames[rule] {
			n += times
		}
	}
	return n
}

// Count counts what a caller took out itself by a rule.
func (r *Redactor) Count(rule string) {
	if r != nil {
		r.counts[rule]++
	}
}

// Names returns the pseudonyms given out, by kind and original name. They are not for passing on. If there were more
// than are kept, the last row is one of "...".
func (r *Redactor) Names() []Name {
	if r.Mode() < Identities {
		return nil
	}
	return r.list()
}

// Text returns s without what is to be taken out.
func (r *Redactor) Text(s string) string {
	switch {
	case r == nil || s == "":
		return s
	case r.mode < Identities:
		r.text = append(r.text[:0], s...)
		if out := r.secrets(r.text, &scanner{mode: r.mode, names: r.names}); len(out) != len(s) || string(out) != s {
			return string(out)
		}
		return s
	}
	if r.version != r.changes || r.cached > maxCache {
		clear(r.cache)
		r.version, r.cached = r.changes, 0
	}
	c, ok := r.cache[s]
	if !ok {
		counts := r.counts
		r.counts = map[string]int{}
		c.text = string(r.all([]byte(s), &scanner{mode: r.mode, names: r.names}))
		c.counts, r.counts = r.counts, counts
		r.cache[s] = c
		r.cached += len(s) + len(c.text) + 100
	}
	for rule, n := range c.counts {
		r.counts[rule] += n
	}
	return c.text
}

// Bytes takes what is to be taken out from the text that lies in doc from a place on, and returns doc with its new
// length.
func (r *Redactor) Bytes(doc []byte, from int) []byte {
	switch {
	case r == nil:
		return doc
	case r.mode < Identities:
		out := r.secrets(doc[from:], &scanner{mode: r.mode, names: r.names})
		if len(out) > 0 && len(doc) > from && &out[0] == &doc[from] {
			return doc[:from+len(out)]
		}
		return append(doc[:from], out...)
	}
	return append(doc[:from], r.Text(string(doc[from:]))...)
}

// all does what the mode asks for, until nothing changes any more.
func (r *Redactor) all(b []byte, s *scanner) []byte {
	for range maxPasses {
		out := r.secrets(b, s)
		if r.mode >= Identities {
			out = r.words(out)
		}
		if r.mode >= Strict {
			out = r.strict(out)
		}
		if bytes.Equal(out, b) {
			return b
		}
		b = out
	}
	return []byte(Mask)
}

// maxPasses bounds how often a text is looked at: what is taken out may make what is around it look like something else.
const maxPasses = 8

// secrets masks what rules find, and returns b itself if they find nothing.
func (r *Redactor) secrets(b []byte, s *scanner) []byte {
	for range maxPasses {
		h, ok := s.find(b, 0)
		if !ok {
			return b
		}
		var out []byte
		from, changed := 0, false
		for ; ok; h, ok = s.find(b, h.end) {
			if out == nil {
				out = make([]byte, 0, len(b)+16)
			}
			out = append(out, b[from:h.start]...)
			put := r.replacement(h, b[h.start:h.end])
			if put != string(b[h.start:h.end]) {
				r.counts[h.rule]++
				changed = true
			}
			out = append(out, put...)
			from = h.end
		}
		if !changed {
			return b
		}
		b = append(out, b[from:]...)
	}
	return []byte(Mask)
}

// replacement is what stands for a hit.
func (r *Redactor) replacement(h hit, text []byte) string {
	switch h.kind {
	case "":
		return Mask
	case Host:
		return r.address(string(text))
	case User:
		return r.user(string(text))
	case authority:
		return r.authority(text)
	case via:
		return r.via(string(text))
	case machines:
		return r.machines(string(text))
	}
	if looksLikeHost(text) {
		return r.host(string(text))
	}
	return r.pseudonym(h.kind, lowered(string(text)))
}

// masked is the mask of something of which only the size is told.
func masked(bytes int) string { return fmt.Sprintf(Mask+" (%d bytes)", bytes) }

// Hex masks digits, which are the bytes raw in hexadecimal form, where raw has secrets in ASCII or UTF-16LE.
func (r *Redactor) Hex(digits, raw []byte) {
	if r == nil || len(digits) != 2*len(raw) {
		return
	}
	r.hexPart(digits, raw, 0, 1)
	if r.mode == Default && !bytes.Contains(raw, []byte(":\x00")) {
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
func (r *Redactor) hexPart(digits, text []byte, offset, stride int) {
	s := scanner{mode: min(r.mode, Secrets)}
	for h, ok := s.find(text, 0); ok; h, ok = s.find(text, h.end) {
		r.counts[h.rule]++
		for i := h.start; i < h.end; i++ {
			at := 2 * (offset + i*stride)
			digits[at], digits[at+1] = '2', 'a' // an asterisk
		}
	}
}

// A Finding is a place in a text that Secrets would have masked.
type Finding struct {
	Rule       string
	Start, End int // bytes
}

// Find yields what Secrets would mask in a text, in order; nothing of what it has masked.
func Find(text []byte) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		s := scanner{mode: Secrets, loose: true}
		for h, ok := s.find(text, 0); ok; h, ok = s.find(text, h.end) {
			if !yield(Finding{h.rule, h.start, h.end}) {
				return
			}
		}
	}
}
