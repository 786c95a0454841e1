package decode

import (
	"slices"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// Fork returns a Decoder that knows what d has learned, for another goroutine to decode with.
// Neither may learn while the other is in use, and the fork's process table is empty.
func (d *Decoder) Fork() *Decoder {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := New(d.header)
	f.learned = d.learned
	f.learned.chunks = slices.Clone(f.learned.chunks) // they are sorted when they are put together
	f.news.Store(true)
	return f
}

// ProviderName returns the name that the log, or failing that this program, has for a provider or
// event class; r is one of its records, which may tell the name itself. It returns "" if nothing does.
func (d *Decoder) ProviderName(r *etl.Record) string {
	if traits, ok := r.Extension(etl.ExtProviderTraits); ok {
		return traitsName(traits)
	}
	if r.Kind() == etl.KindClassic { // one provider has many classes
		if name := schema.Name(r.Provider()); name != "" {
			return name
		}
	}
	return d.Decode(r).ProviderName()
}
