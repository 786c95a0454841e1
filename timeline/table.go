package timeline

// A table is a map with room for a fixed number of entries. When it is full, the entry that was used
// longest ago makes room: closing events may be lost, and handles of a hostile log never close.
type table[K comparable, V any] struct {
	room    int
	entries map[K]*entry[K, V]
	ring    entry[K, V] // ring.next was used last, ring.prev longest ago
	evict   func(V)     // told what had to go; may be nil
}

type entry[K comparable, V any] struct {
	prev, next *entry[K, V]
	key        K
	value      V
}

func newTable[K comparable, V any](room int, evict func(V)) *table[K, V] {
	t := &table[K, V]{room: room, entries: map[K]*entry[K, V]{}, evict: evict}
	t.ring.prev, t.ring.next = &t.ring, &t.ring
	return t
}

// get returns the value of k, or the zero value.
func (t *table[K, V]) get(k K) (v V) {
	if e := t.entries[k]; e != nil {
		e.unlink()
		t.link(e)
		return e.value
	}
	return v
}

// put sets the value of k. A value that it replaces is not told to evict.
func (t *table[K, V]) put(k K, v V) {
	if e := t.entries[k]; e != nil {
		e.value = v
		e.unlink()
		t.link(e)
		return
	}
	for len(t.entries) >= t.room {
		old := t.ring.prev
		t.delete(old.key)
		if t.evict != nil {
			t.evict(old.value)
		}
	}
	e := &entry[K, V]{key: k, value: v}
	t.entries[k] = e
	t.link(e)
}

// delete removes k.
func (t *table[K, V]) delete(k K) {
	if e := t.entries[k]; e != nil {
		e.unlink()
		delete(t.entries, k)
	}
}

// oldest yields the values, those that were used longest ago first. The table must not change meanwhile.
func (t *table[K, V]) oldest(yield func(V) bool) {
	for e := t.ring.prev; e != &t.ring; e = e.prev {
		if !yield(e.value) {
			return
		}
	}
}

func (t *table[K, V]) link(e *entry[K, V]) {
	e.prev, e.next = &t.ring, t.ring.next
	e.prev.next, e.next.prev = e, e
}

func (e *entry[K, V]) unlink() { e.prev.next, e.next.prev = e.next, e.prev }

// drop removes k if it still holds v.
func drop[K, V comparable](t *table[K, V], k K, v V) {
	if e := t.entries[k]; e != nil && e.value == v {
		t.delete(k)
	}
}
