package timeline

import (
	"slices"
	"testing"
)

func TestTable(t *testing.T) {
	var gone []string
	tab := newTable[int](3, func(v string) { gone = append(gone, v) })
	for i, v := range []string{"a", "b", "c"} {
		tab.put(i, v)
	}
	if got := tab.get(0); got != "a" {
		t.Errorf("get(0) = %q", got)
	}
	tab.put(1, "B") // the same key again: nothing has to go
	tab.put(3, "d") // c was used longest ago
	if !slices.Equal(gone, []string{"c"}) {
		t.Errorf("evicted %q, want c", gone)
	}
	if got := tab.get(2); got != "" {
		t.Errorf("get(2) = %q, want nothing", got)
	}
	drop(tab, 1, "b") // another value is there by now
	drop(tab, 0, "a")
	tab.delete(7)
	var left []string
	for v := range tab.oldest {
		left = append(left, v)
	}
	if !slices.Equal(left, []string{"B", "d"}) {
		t.Errorf("left %q, want B d", left)
	}
}
