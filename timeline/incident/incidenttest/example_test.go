package incidenttest_test

import (
	"fmt"
	"io/fs"
	"testing/fstest"

	"github.com/etwhy/etwhy/timeline/incident/incidenttest"
)

func ExampleFolder() {
	texts := fstest.MapFS{
		"case.txt": {Data: []byte("# The pool was switched off.\ncase 50\nallowed Q1\nstrongest certain\n")},
		"WEB02/System.events.txt": {Data: []byte(
			"computer WEB02\n2026-03-05T09:14:07Z Microsoft-Windows-WAS 5002 warning AppPoolID=Shop\n")},
		"WEB02/httperr1.log": {Data: []byte(
			"2026-03-05 09:14:09 10.0.0.8 55210 10.0.0.12 80 HTTP/1.1 GET /orders 503 2 AppOffline Shop\n")},
	}
	made, err := incidenttest.Folder(texts)
	if err != nil {
		fmt.Println(err)
		return
	}
	files, _ := fs.Glob(made, "WEB02/*")
	fmt.Println(files)
	// Output: [WEB02/System.xml WEB02/httperr1.log]
}
