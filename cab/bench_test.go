package cab_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/etwhy/etwhy/cab"
	"github.com/etwhy/etwhy/cab/cabtest"
)

// A cabinet like that of netsh: one solid folder, a large log among small texts.
func netshLike() []cabtest.File {
	files := []cabtest.File{{Name: "report.etl", Data: append(text(1, 12<<20), noise(2, 4<<20)...)}}
	for i := range 50 {
		files = append(files, cabtest.File{Name: string(rune('a'+i/26)) + string(rune('a'+i%26)) + ".txt", Data: text(3+i, 20_000)})
	}
	return files
}

func BenchmarkSequential(b *testing.B) {
	for _, method := range []cab.Method{cab.Stored, cab.MSZIP} {
		b.Run(method.String(), func(b *testing.B) {
			data := build(b, cabtest.Cabinet{Folders: []cabtest.Folder{{Method: uint16(method), Files: netshLike()}}})
			buf := make([]byte, 64<<10)
			b.ReportAllocs()
			for b.Loop() {
				r := open(b, data)
				var total int64
				for _, f := range r.File {
					rc, err := f.Open()
					if err != nil {
						b.Fatal(err)
					}
					n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, rc, buf)
					if err != nil {
						b.Fatal(err)
					}
					rc.Close()
					total += n
				}
				b.SetBytes(total)
			}
		})
	}
}

func BenchmarkNewReader(b *testing.B) {
	var folder cabtest.Folder
	for _, f := range netshLike() {
		folder.Files = append(folder.Files, cabtest.File{Name: f.Name})
	}
	data := build(b, cabtest.Cabinet{Folders: []cabtest.Folder{folder}})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cab.NewReader(bytes.NewReader(data), int64(len(data))); err != nil {
			b.Fatal(err)
		}
	}
}
