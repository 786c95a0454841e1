package schema_test

import (
	"fmt"

	"github.com/etwhy/etwhy/decode/schema"
)

func ExampleProvider_Find() {
	guid, _ := schema.ByName("Schannel")
	for _, build := range []uint32{19045, 22621} {
		ev, exact := schema.Lookup(guid).Find(36887, 0, build) // alert received
		fmt.Print(build, " ", exact)
		for _, f := range ev.Fields {
			fmt.Print(" ", f.Name)
		}
		fmt.Println()
	}
	// Output:
	// 19045 true AlertDesc
	// 22621 true CallerProcessId CallerProcessImageName AlertDesc
}
