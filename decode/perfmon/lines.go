package perfmon

import (
	"bufio"
	"io"

	"github.com/etwhy/etwhy/decode/charset"
)

// maxLine bounds a line. A log of thousands of counters has lines of some hundred kilobytes.
const maxLine = 4 << 20

// lines reads a text line by line. What it returns aliases buf until the next call.
type lines struct {
	src    *bufio.Reader
	buf    []byte
	number int64 // lines read
	err    error // of src
}

type line struct {
	text   []byte // without "\n"
	number int64
	open   bool // ends with the file
	long   bool // is cut to maxLine
}

func newLines(src io.Reader) *lines {
	text, _ := charset.NewReader(src)
	return &lines{src: bufio.NewReaderSize(text, 64<<10)}
}

// next returns the next line, or false at the end of the text or at an error.
func (l *lines) next() (line, bool) {
	if l.err != nil {
		return line{}, false
	}
	l.buf = l.buf[:0]
	long := false
	for {
		part, err := l.src.ReadSlice('\n')
		room := maxLine - len(l.buf)
		long = long || len(part) > room+1 // the line end does not count
		l.buf = append(l.buf, part[:min(len(part), room)]...)
		if err == bufio.ErrBufferFull {
			continue
		}
		l.err = err
		if err == nil {
			if n := len(l.buf); n > 0 && l.buf[n-1] == '\n' {
				l.buf = l.buf[:n-1]
			}
		} else if len(l.buf) == 0 || err != io.EOF {
			return line{}, false
		}
		l.number++
		return line{l.buf, l.number, err != nil, long}, true
	}
}
