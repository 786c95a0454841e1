package iisconfig_test

import (
	"fmt"
	"log"
	"os"

	"github.com/etwhy/etwhy/decode/iisconfig"
)

func Example() {
	in, err := os.Open("testdata/applicationHost.config")
	if err != nil {
		log.Fatal(err)
	}
	defer in.Close()
	file, err := iisconfig.Parse(in, "ARR01/applicationHost.config")
	if err != nil {
		log.Fatal(err)
	}
	server := iisconfig.NewServer(file)
	farm := server.FarmTimeout("shop")
	fmt.Println(farm.Value, farm.Source())
	other := server.FarmTimeout("plain")
	fmt.Println(other.Value, other.Source())
	// Output:
	// 45s applicationHost.config:123
	// 30s default
}

func ExampleDiff() {
	read := func(name string, timeout string) *iisconfig.File {
		file, err := os.ReadFile("testdata/applicationHost.config")
		if err != nil {
			log.Fatal(err)
		}
		f, err := iisconfig.Parse(replaced(file, "00:00:45", timeout), name)
		if err != nil {
			log.Fatal(err)
		}
		return f
	}
	before := read("CFGHISTORY_0000000012/applicationHost.config", "00:01:00")
	after := read("applicationHost.config", "00:00:45")
	for _, c := range iisconfig.Diff(before, after) {
		fmt.Println(c)
	}
	// Output:
	// farm shop: applicationRequestRouting.protocol.timeout: 1m -> 45s
}
