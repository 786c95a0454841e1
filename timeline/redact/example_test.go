package redact_test

import (
	"fmt"

	"github.com/etwhy/etwhy/timeline/redact"
)

func ExampleRedactor() {
	key, err := redact.ParseKey("0000000000000000000000000000000000000000000000000000000000000001")
	if err != nil {
		fmt.Println(err)
		return
	}
	r := redact.New(redact.Identities, key)
	r.Learn(redact.Host, "WEB02.contoso.com") // a typed field tells
	fmt.Println(r.Text("WEB02 refused https://web02.contoso.com/pay?order=7&access_token=c2VjcmV0 asked by CONTOSO\\alice from 10.0.0.12"))
	fmt.Println(r.Counts())
	// Output:
	// host-3af84b36 refused https://host-3af84b36.domain-9d85d577/pay?order=7&access_token=*** asked by host-fee1e67a\user-0f0d32e1 from 58.97.183.242
	// map[host name:3 ip address:1 token:1 user:1]
}

func ExampleFind() {
	const text = "GET /pay?order=7&access_token=c2VjcmV0 HTTP/1.1\r\nCookie: sid=1\r\n"
	for f := range redact.Find([]byte(text)) {
		fmt.Println(f.Rule, text[f.Start:f.End])
	}
	// Output:
	// token c2VjcmV0
	// cookie sid=1
}
