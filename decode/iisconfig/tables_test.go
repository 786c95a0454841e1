package iisconfig

import (
	"slices"
	"testing"
)

// Every default is one that the field itself can have, and every field can be compared.
func TestTables(t *testing.T) {
	checkTable(t, poolTable)
	checkTable(t, scheduleTable)
	checkTable(t, siteTable)
	checkTable(t, appTable)
	checkTable(t, farmTable)
	checkTable(t, memberTable)
	checkTable(t, proxyTable)
	checkTable(t, runtimeTable)
	checkTable(t, ancmTable)
	checkTable(t, webSocketTable)
	checkTable(t, fastCGITable)
	checkTable(t, ruleTable)
	checkTable(t, triggerTable)
	checkTable(t, actionTable)
	checkTable(t, redirectTable)
}

func checkTable[T any](t *testing.T, table *table[T]) {
	if len(table.index) != len(table.fields) {
		t.Errorf("%T: a name occurs twice", table.fresh)
	}
	for _, f := range table.fields {
		var entry T
		s := f.of(&entry)
		if f.initial != "" {
			if !s.parse(f.initial, f.form.unit) {
				t.Errorf("%s: default %q", f.name, f.initial)
			}
			if f.form.words != nil && !slices.Contains(f.form.words, f.initial) {
				t.Errorf("%s: default %q is none of its words", f.name, f.initial)
			}
			if got, want := f.of(&table.fresh).text(), s.text(); got != want {
				t.Errorf("%s: %s, want %s", f.name, got, want)
			}
		}
		if _, isString := s.(*Setting[string]); s.text() == "" && !isString {
			t.Errorf("%s: a type without text", f.name)
		}
		if isSet(f.of(&table.fresh)) {
			t.Errorf("%s: a default is set", f.name)
		}
	}
}
