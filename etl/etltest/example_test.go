package etltest_test

import (
	"fmt"
	"slices"

	"github.com/etwhy/etwhy/etl/etltest"
)

func ExampleCompile() {
	log, err := etltest.Compile(`
log cpus=2 buffer=4096
process 1432 w3wp.exe cmdline='w3wp.exe -ap "ARRPool"'
+0.0001 cpu0 1432:2280 WebIO/17 act=0x20/0x1000 Request=0x1000 Method=GET URI=http://192.168.0.216/time/
+29.9   cpu1 1432:2284 WebIO/134 act=0x20/0x1000 Request=0x1000 Error=1460
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, b := range etltest.Buffers(log) {
		fmt.Println(b.Offset, b.CPU, b.Sequence)
	}
	// Output:
	// 0 0 0
	// 4096 0 1
	// 8192 1 2
}

func ExampleTrace() {
	trace, err := etltest.Parse(`
+0 cpu0 1432:2280 WebIO/200 act=0x20/0x1000 Connection=0x3000 Address=192.168.0.216:80
+1 WebIO/201 act=0x20/0x1000 Connection=0x3000
+2 WebIO/204 Endpoint=0x3000 Reason=Remote_Graceful
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	trace.Events = slices.Delete(trace.Events, 1, 2)
	trace.Rename(map[uint64]uint64{0x3000: 0x5000})
	trace.Log.Clock = etltest.SystemTime
	fmt.Print(trace)
	// Output:
	// log clock=system
	// +0.0000000 cpu0 1432:2280 WebIO/200v0 act=0x20/0x1000 Connection=0x5000 Address=192.168.0.216:80
	// +2.0000000 cpu0 1432:2280 WebIO/204v0 Endpoint=0x5000 Reason=Remote_Graceful
}
