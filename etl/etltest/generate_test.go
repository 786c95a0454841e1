package etltest

import (
	"bytes"
	"testing"
)

func generate(t *testing.T, l Log, size int64) (log []byte, records int64) {
	t.Helper()
	var b bytes.Buffer
	records, err := Generate(&b, l, size)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), records
}
