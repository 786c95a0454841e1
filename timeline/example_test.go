package timeline_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/etwhy/etwhy/decode"
	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/etl/etltest"
	"github.com/etwhy/etwhy/timeline"
)

func ExampleBuilder() {
	data, err := etltest.Compile(`
+0.0001 cpu0 1432:2280 WebIO/17  act=0x20/0x1000 Request=0x1000 RequestHandle=0x20 Method=GET URI=http://10.0.0.11/time/
+0.0002 WebIO/200 act=0x20/0x1000 Connection=0x3000 SocketHandle=0x88 Address=10.0.0.11:80 Context=0x70
+2.0012 WebIO/202 act=0x20/0x1000 Connection=0x3000 SocketHandle=0x88 Context=0x70 Error=10061
+2.0014 WebIO/134 act=0x20/0x1000 Request=0x1000 Error=10061
`)
	if err != nil {
		log.Fatal(err)
	}
	file, err := etl.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		log.Fatal(err)
	}
	decoder := decode.New(file.Header())
	builder := timeline.NewBuilder(timeline.Options{})
	in := builder.Input(timeline.Input{Path: "net.etl", Header: file.Header(), Processes: decoder.Processes(), Loss: file.Loss()})
	for record, err := range file.Records() {
		if err != nil {
			log.Fatal(err)
		}
		in.Add(decoder.Decode(record))
	}
	in.Close()
	for _, r := range builder.Finish().Requests {
		fmt.Println(r.Method, r.URL, r.Outcome, "in phase", r.Phase)
		fmt.Println(r.Verdict.Title+",", r.Verdict.Confidence)
		for _, e := range r.Verdict.Evidence {
			fmt.Println("  ", e.Text)
		}
	}
	// Output:
	// GET http://10.0.0.11/time/ failed in phase connect
	// 10.0.0.11:80 refused the connection, likely
	//    WebIO 17 request created
	//    WebIO 200 connecting to 10.0.0.11:80
	//    WebIO 202 connect failed at 10.0.0.11:80: 10061 WSAECONNREFUSED
	//    WebIO 134 WebIO gave up on the request: 10061 WSAECONNREFUSED
}
