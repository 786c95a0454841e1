package w3c

import (
	"bytes"
	"io"

	"github.com/etwhy/etwhy/decode/charset"
)

// maxLine bounds a line. HTTP.sys cuts values at 4 KB each.
const maxLine = 1 << 20

// bufferSize is what is read at once and, outside of the window, passed over at once.
const bufferSize = 256 << 10

// lines reads a text line by line. What it returns aliases buf until the next call.
type lines struct {
	src     io.Reader
	buf     []byte
	pos     int // buf[pos:end] is still to be read
	end     int
	offset  int64 // of buf[pos] in the text
	number  int64 // lines read
	err     error // of src
	inLong  bool  // buf[pos] is inside of a line whose beginning was returned
	zeros   int64 // zero bytes passed over
	zerosAt int64 // offset of the first
	spans   []span
}

type line struct {
	text   []byte // without "\n"
	offset int64
	number int64
	open   bool // ends with the file
	long   bool // is cut to maxLine
}

// next returns the next line, or false at the end of the text or at an error.
func (l *lines) next() (line, bool) {
	for {
		rest := l.buf[l.pos:l.end]
		if !l.inLong && len(rest) > 0 && rest[0] == 0 {
			n := len(rest) - len(bytes.TrimLeft(rest, "\x00"))
			if l.zeros == 0 {
				l.zerosAt = l.offset
			}
			l.zeros += int64(n)
			l.advance(n)
			continue
		}
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			at := l.offset
			l.advance(i + 1)
			if l.inLong {
				l.inLong = false
				continue
			}
			l.number++
			return line{rest[:i], at, l.number, false, false}, true
		}
		switch {
		case l.inLong:
			l.advance(len(rest))
		case len(rest) >= maxLine:
			l.number++
			l.inLong = true
			at := l.offset
			l.advance(maxLine)
			return line{rest[:maxLine], at, l.number, false, true}, true
		}
		if l.err != nil {
			at := l.offset
			l.advance(l.end - l.pos)
			if len(rest) == 0 || l.inLong || l.err != io.EOF {
				return line{}, false
			}
			l.number++
			return line{rest, at, l.number, true, false}, true
		}
		l.fill()
	}
}

func (l *lines) advance(n int) {
	l.pos += n
	l.offset += int64(n)
}

// block returns the whole lines that are in the buffer, with as much in it as is there to be read; nothing in the
// middle of a long line.
func (l *lines) block() []byte {
	for l.err == nil && l.end-l.pos < bufferSize/2 {
		l.fill()
	}
	if l.inLong {
		return nil
	}
	return l.buf[l.pos : l.pos+bytes.LastIndexByte(l.buf[l.pos:l.end], '\n')+1]
}

// pass goes n bytes on, over the given number of lines.
func (l *lines) pass(n int, number int64) {
	l.advance(n)
	l.number += number
}

// fill reads more. It sets err at the end.
func (l *lines) fill() {
	if l.buf == nil {
		l.src, l.offset = charset.NewReader(l.src)
		l.buf = make([]byte, bufferSize)
	}
	if l.pos > 0 {
		l.end = copy(l.buf, l.buf[l.pos:l.end])
		l.pos = 0
	}
	if l.end == len(l.buf) {
		l.buf = append(l.buf, make([]byte, len(l.buf))...)
	}
	for range 100 { // of reads that read nothing
		n, err := l.src.Read(l.buf[l.end:])
		l.end += n
		if err != nil {
			l.err = err
		}
		if n > 0 || err != nil {
			return
		}
	}
	l.err = io.ErrNoProgress
}
