package decode_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/etl/etltest"
)

// connectFailure is a log of one attempt to connect that failed.
func connectFailure() *etl.Log {
	data, err := etltest.Compile(`
log start=2026-03-02T12:31:52Z
+0.1  1432:2280 WebIO/200 Connection=0x3000 Address=192.168.0.216:80
+21.1 1432:2280 WebIO/202 Connection=0x3000 Error=10060`)
	if err != nil {
		log.Fatal(err)
	}
	l, err := etl.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		log.Fatal(err)
	}
	return l
}

func Example() {
	file := connectFailure()
	d := decode.New(file.Header())
	for r, err := range file.Unordered(0, 1) { // first what the log says about its events
		if err != nil {
			log.Fatal(err)
		}
		d.Learn(r)
	}
	for r, err := range file.Records() { // then the events
		if err != nil {
			log.Fatal(err)
		}
		if decode.IsLogRecord(r) {
			continue
		}
		ev := d.Decode(r)
		fmt.Println(ev.Time(), ev.ProviderName(), ev.Name(), ev.DecodedBy)
		if code := ev.Get("Error"); code.Uint() != 0 {
			fmt.Println("failed with", code.Text())
		}
	}
	// Output:
	// 2026-03-02T12:31:52.1000000Z Microsoft-Windows-WebIO ConnectionSocketConnect/Start builtin
	// 2026-03-02T12:32:13.1000000Z Microsoft-Windows-WebIO ConnectionSocketConnect/Stop builtin
	// failed with 10060
}

func ExampleEvent_Values() {
	file := connectFailure()
	d := decode.New(file.Header())
	for r := range file.Records() {
		if ev := d.Decode(r); ev.ID() == 200 {
			for v := range ev.Values() {
				fmt.Printf("%s=%s\n", v.Field().Name, v.Text())
			}
			fmt.Printf("%s\n", ev.AppendFields(nil))
		}
	}
	// Output:
	// Connection=0x3000
	// SocketHandle=0x0
	// AddressLength=16
	// Address=192.168.0.216:80
	// Context=0x0
	// RemainingAddressCount=0x0
	// Error=0
	// {"Connection":"0x3000","SocketHandle":"0x0","AddressLength":16,"Address":"192.168.0.216:80","Context":"0x0","RemainingAddressCount":"0x0","Error":0}
}
