package schema

import (
	"bytes"
	"cmp"
	"iter"
	"sort"
	"strings"

	"github.com/etwhy/etwhy/etl"
)

// Lookup returns the built-in table of provider g, or nil. The table is shared: do not modify it.
// The first call for a provider unpacks its table; later calls allocate nothing.
func Lookup(g etl.GUID) *Provider {
	e := index().byGUID[g]
	if e == nil || e.class {
		return nil
	}
	return e.provider()
}

// LookupClass returns the built-in table that describes the classic events of class g, or nil.
// A classic event carries the GUID of its class, not of its provider. Pass g on to
// [Provider.FindClassic].
func LookupClass(g etl.GUID) *Provider {
	e := index().byGUID[g]
	if e == nil || !e.class {
		return nil
	}
	return e.provider()
}

// Name returns the name of provider g, or "" if it is not known. More providers have a name than
// have a table. For the class of a classic event it returns provider and class, as in
// "MSNT_SystemTrace/Process".
func Name(g etl.GUID) string {
	if e := index().byGUID[g]; e != nil {
		return e.name
	}
	return ""
}

// ByName is the inverse of [Name], for what a user types: case does not matter, the prefix
// "Microsoft-Windows-" may be left out, and a GUID in text form stands for itself, known or not.
// Where providers share a name, one that has a table gets it: "WebIO" is also the name of a WPP
// provider, but hardly what is meant.
func ByName(name string) (etl.GUID, bool) {
	if g, err := etl.ParseGUID(name); err == nil {
		return g, true
	}
	var found *entry
	for _, e := range index().entries {
		match := strings.EqualFold(e.name, name) || strings.EqualFold(strings.TrimPrefix(e.name, "Microsoft-Windows-"), name)
		if match && (found == nil || found.packed == nil && e.packed != nil) {
			found = e
		}
	}
	if found == nil {
		return etl.GUID{}, false
	}
	return found.guid, true
}

// Providers yields the built-in tables by name. It unpacks each as it comes.
func Providers() iter.Seq[*Provider] {
	return func(yield func(*Provider) bool) {
		for _, e := range index().entries {
			if e.packed != nil && !yield(e.provider()) {
				return
			}
		}
	}
}

// Find returns the description of the event with this id and version as Windows build lays it
// out; build 0 is "not known". If the version is newer than all known ones, it returns the
// greatest lower version: newer versions append fields. exact is false then, and also if the
// layout depends on a build that is not known. Find returns nil if there is no such event.
//
// p.Events must be sorted. Find allocates nothing; the event is shared with p.
func (p *Provider) Find(id uint16, version uint8, build uint32) (ev *Event, exact bool) {
	// The first event behind all that are wanted.
	n := sort.Search(len(p.Events), func(i int) bool {
		ev := &p.Events[i]
		return cmp.Or(bytes.Compare(ev.Class[:], zeroClass[:]), cmp.Compare(ev.ID, id), cmp.Compare(ev.Version, version)) > 0
	})
	if n == 0 {
		return nil, false
	}
	ev = &p.Events[n-1]
	if ev.ID != id || ev.Class != zeroClass {
		return nil, false
	}
	exact = ev.Version == version && (build != 0 || ev.MinBuild == 0)
	for i := n - 2; i >= 0 && build != 0 && ev.MinBuild > build; i-- {
		older := &p.Events[i]
		if older.ID != id || older.Version != ev.Version {
			break
		}
		ev = older
	}
	return ev, exact
}

// FindClassic returns the description of the classic event of this class, opcode and version, or
// of the greatest lower version (exact is false then), or nil.
//
// p.Events must be sorted. FindClassic allocates nothing; the event is shared with p.
func (p *Provider) FindClassic(class etl.GUID, opcode, version uint8) (ev *Event, exact bool) {
	n := sort.Search(len(p.Events), func(i int) bool {
		ev := &p.Events[i]
		return cmp.Or(bytes.Compare(ev.Class[:], class[:]), cmp.Compare(ev.Opcode, opcode), cmp.Compare(ev.Version, version)) > 0
	})
	if n == 0 {
		return nil, false
	}
	ev = &p.Events[n-1]
	if ev.Class != class || ev.Opcode != opcode {
		return nil, false
	}
	return ev, ev.Version == version
}

var zeroClass etl.GUID

// Compare orders events as [Provider.Find] and [Provider.FindClassic] want them: by class; then
// by ID, or by opcode in a class; then by version and first build.
func Compare(a, b Event) int {
	c := bytes.Compare(a.Class[:], b.Class[:])
	if c == 0 && a.Class == zeroClass {
		c = cmp.Compare(a.ID, b.ID)
	} else if c == 0 {
		c = cmp.Compare(a.Opcode, b.Opcode)
	}
	return cmp.Or(c, cmp.Compare(a.Version, b.Version), cmp.Compare(a.MinBuild, b.MinBuild))
}
