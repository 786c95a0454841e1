package srum_test

import (
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/etwhy/etwhy/decode/srum"
)

func ExampleDatabase_Usage() {
	f, err := os.Open("SRUDB.dat")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		log.Fatal(err)
	}
	db, err := srum.NewReader(f, info.Size())
	if err != nil {
		log.Fatal(err)
	}
	for u, err := range db.Usage() {
		if err != nil {
			log.Fatal(err)
		}
		if strings.HasSuffix(strings.ToLower(u.App), `\w3wp.exe`) {
			fmt.Println(u.Time, u.Sent, u.Received)
		}
	}
	for _, a := range db.Anomalies() {
		fmt.Println(a)
	}
}
