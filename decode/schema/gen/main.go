// Gen packs the provider tables of the package above: it reads names.txt and providers/*.txt,
// checks them and writes tables.bin. The grammar of the texts is in the package documentation.
//
//	go generate ./decode/schema
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run generates the file in dir, the folder of package schema.
func run(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	names, providers, err := readSources(root.FS())
	if err != nil {
		return err
	}
	data, err := encode(names, providers)
	if err != nil {
		return err
	}
	return root.WriteFile("tables.bin", data, 0o644)
}
