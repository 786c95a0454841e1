package winhttplog_test

import (
	"fmt"
	"strings"

	"github.com/etwhy/etwhy/decode/winhttplog"
)

func ExampleParse() {
	pasted := "336  2:32:22 PM  7/22/2011  32.6380453  w3wp.exe (1432)  WINHTTP_MicrosoftWindowsWinHttp  " +
		"WINHTTP_MicrosoftWindowsWinHttp:12:32:23.123 ::sys-recver failed to receive headers; error = ? (1460)"
	for line, err := range winhttplog.Parse(strings.NewReader(pasted)) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(line.Time, line.Process, line.PID, line.Kind, line.API, line.Code)
	}
	// Output: 2011-07-22T12:32:23.1230000Z w3wp.exe 1432 failure receive headers 1460
}

func ExampleParseMessage() {
	line, ok := winhttplog.ParseMessage("12:26:39.704 ::ERROR_WINHTTP_FROM_WIN32 mapped (WSAETIMEDOUT) 10060 to (ERROR_WINHTTP_TIMEOUT) 12002")
	fmt.Println(ok, line.Code, line.Target, line.TargetName)
	// Output: true 10060 12002 ERROR_WINHTTP_TIMEOUT
}
