package eventlogtest_test

import (
	"bytes"
	"fmt"

	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/decode/eventlog/eventlogtest"
)

func ExampleEVTX() {
	data, err := eventlogtest.EVTX("computer WEB02\n2026-03-05T09:14:07.123Z Microsoft-Windows-WAS 5002 warning AppPoolID=Shop")
	if err != nil {
		fmt.Println(err)
		return
	}
	r := eventlog.NewReader(bytes.NewReader(data), int64(len(data)), eventlog.Options{})
	for e, err := range r.Entries() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(e.Time, e.Computer, e.Provider, e.ID, e.Fields)
	}
	// Output: 2026-03-05T09:14:07.1230000Z WEB02 Microsoft-Windows-WAS 5002 [{AppPoolID Shop}]
}
