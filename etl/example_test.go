package etl_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/etl/etltest"
)

func Example() {
	data, err := etltest.Compile(`
log start=2026-03-02T12:31:52.9Z
+0.001 cpu1 1432:2280 WebIO/30 ApiHandle=0x20
+0.002 cpu0 1432:2284 WebIO/30 ApiHandle=0x21
`)
	if err != nil {
		log.Fatal(err)
	}
	l, err := etl.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		log.Fatal(err)
	}
	for r, err := range l.Records() {
		if err != nil {
			log.Fatal(err)
		}
		if r.Kind() == etl.KindEvent {
			fmt.Println(r.Time(), "cpu", r.CPU(), "pid", r.PID(), r.Provider(), r.ID())
		}
	}
	fmt.Println("lost:", l.Loss().Any(), "damage:", l.Anomalies())
	// Output:
	// 2026-03-02T12:31:52.9010000Z cpu 1 pid 1432 50b3e73c-9370-461d-bb9f-26f32d68887d 30
	// 2026-03-02T12:31:52.9020000Z cpu 0 pid 1432 50b3e73c-9370-461d-bb9f-26f32d68887d 30
	// lost: false damage: []
}
