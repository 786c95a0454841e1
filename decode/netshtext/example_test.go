package netshtext_test

import (
	"fmt"
	"strings"

	"github.com/etwhy/etwhy/decode/netshtext"
)

func ExampleParse() {
	t, err := netshtext.Parse(strings.NewReader(`
WP "1432" (applicationPool:Shop)

  TCP    10.0.0.5:49712    10.0.0.12:80     WARTEND        0
  TCP    10.0.0.5:49713    10.0.0.12:80     WARTEND        0
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(t.Kinds)
	fmt.Println(t.Workers[0].PID, t.Workers[0].Pool)
	for _, r := range t.Connections.Remotes {
		fmt.Println(r.Addr, r.Ports, r.TimeWait)
	}
	// Output:
	// [appcmd list wp netstat]
	// 1432 Shop
	// 10.0.0.12:80 2 2
}
