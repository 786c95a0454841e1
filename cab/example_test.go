package cab_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"time"

	"github.com/etwhy/etwhy/cab"
	"github.com/etwhy/etwhy/cab/cabtest"
)

// netCab stands for an *os.File and its size.
func netCab() (io.ReaderAt, int64) {
	var b bytes.Buffer
	err := cabtest.Write(&b, cabtest.Cabinet{Folders: []cabtest.Folder{{Method: cabtest.MSZIP, Files: []cabtest.File{
		{Name: "report.etl", Data: make([]byte, 65536), Modified: time.Date(2024, 5, 17, 9, 30, 0, 0, time.UTC)},
		{Name: "processes.txt", Data: []byte("w3wp.exe  1432\r\n")},
		{Name: `logs\..\..\nul.txt`, Data: []byte("x")},
	}}}})
	if err != nil {
		log.Fatal(err)
	}
	return bytes.NewReader(b.Bytes()), int64(b.Len())
}

// Reading all files in the order of Reader.File unpacks every block once.
func Example() {
	r, err := cab.NewReader(netCab())
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range r.File {
		rc, err := f.Open()
		if err != nil { // this file cannot be read; others may
			fmt.Println(f.Name, err)
			continue
		}
		hash := sha256.New()
		_, err = io.Copy(hash, rc) // what comes before an error is good
		rc.Close()
		fmt.Printf("%s %d bytes %x %v\n", f.Name, f.Size, hash.Sum(nil)[:4], err)
	}
	// Output:
	// report.etl 65536 bytes de2f2560 <nil>
	// processes.txt 16 bytes ea3dda90 <nil>
	// logs/_nul.txt 1 bytes 2d711642 <nil>
}

// A Reader is an fs.FS.
func ExampleReader_Open() {
	r, err := cab.NewReader(netCab())
	if err != nil {
		log.Fatal(err)
	}
	text, err := fs.ReadFile(r, "processes.txt")
	fmt.Printf("%q %v\n", text, err)
	_, err = r.Open("report.xml")
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output:
	// "w3wp.exe  1432\r\n" <nil>
	// true
}

func ExampleCleanName() {
	fmt.Println(cab.CleanName(`..\..\Windows\System32\evil.dll`))
	fmt.Println(cab.CleanName(`C:\temp\aux.log`))
	fmt.Println(cab.CleanName(`notes.txt:hidden`))
	// Output:
	// Windows/System32/evil.dll
	// temp/_aux.log
	// notes.txt_hidden
}
