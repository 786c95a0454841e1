package perfmon_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/etwhy/etwhy/decode/perfmon"
)

func ExampleReader() {
	text := `"(PDH-CSV 4.0) (W. Europe Standard Time)(-60)","\\WEB01\Processor(_Total)\% Processor Time","\\WEB01\System\Threads"
"03/05/2026 09:14:07.123","97.5","812"
`
	r, err := perfmon.NewReader(strings.NewReader(text), perfmon.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for s, err := range r.Samples() {
		if err != nil {
			log.Fatal(err)
		}
		for i, c := range r.Header().Counters {
			if c.Is("Processor", "% Processor Time") {
				fmt.Println(s.Time, c.Machine, c.Instance, s.Values[i])
			}
		}
	}
	// Output: 2026-03-05T08:14:07.1230000Z WEB01 _Total 97.5
}
