package w3c_test

import (
	"fmt"
	"strings"

	"github.com/etwhy/etwhy/decode/w3c"
)

func ExampleReader() {
	log := `#Software: Microsoft Internet Information Services 10.0
#Fields: date time cs-method cs-uri-stem cs-uri-query sc-status sc-substatus sc-win32-status time-taken
2024-03-05 16:50:50 GET /time/ X-ARR-CACHE-HIT=0&X-ARR-LOG-ID=dbf06c50-adb0-4141-8c04-20bc2f193a61&SERVER-STATUS=0 502 3 12002 29889
`
	r := w3c.NewReader(strings.NewReader(log), w3c.Options{Name: "u_ex240305.log"})
	for e, err := range r.Entries() {
		if err != nil {
			fmt.Println(err)
			return
		}
		status, _ := e.Status()
		win32, _ := e.Win32()
		_, answered := e.ServerStatus()
		fmt.Println(e.Start(), e.Method(), e.URL(), status, win32)
		fmt.Println(e.LogID(), answered)
	}
	// Output:
	// 2024-03-05T16:50:20.1110000Z GET /time/ 502 12002
	// dbf06c50-adb0-4141-8c04-20bc2f193a61 false
}

func ExampleRecognise() {
	kind, ok := w3c.Recognise([]byte(`203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326` + "\n"))
	fmt.Println(kind, ok, kind.Readable())
	// Output: access log in NCSA format (Apache) true false
}

func ExampleParseLine() {
	e, ok := w3c.ParseLine("HTTP/1.1 GET /time/ - 1 Connection_Dropped DefaultAppPool")
	if !ok {
		return
	}
	fmt.Println(e.Reason(), e.QueueName(), e.URL())
	// Output: Connection_Dropped DefaultAppPool /time/
}

func ExampleCoverage_Covers() {
	log := `2024-03-05 16:50:20 10.0.0.9 2774 10.0.0.5 80 HTTP/1.1 GET /a 503 1 QueueFull Shop
2024-03-05 16:50:40 10.0.0.9 2775 10.0.0.5 80 HTTP/1.1 GET /b 503 1 QueueFull Shop
`
	r := w3c.NewReader(strings.NewReader(log), w3c.Options{})
	for e, err := range r.Entries() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(e.URL())
	}
	c := r.Coverage()
	fmt.Println(c.Covers(c.First)) // the log ends 20 s later: it may lack a line
	// Output:
	// /a
	// /b
	// false
}
