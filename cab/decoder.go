package cab

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/etwhy/etwhy/decode/cursor"
)

// maxBlock is the most that a CFDATA unpacks to, and how far back MSZIP refers.
const maxBlock = 32 << 10

// A decoder unpacks one folder, block by block.
type decoder struct {
	cab    *Reader
	folder int   // index; -1 before the first seek
	block  int   // how many blocks are done
	next   int64 // offset of the CFDATA after them
	end    int64 // how much output they made
	at     int64 // where the next Read begins in the output

	out window

	// After a damaged block the decoder goes on, in two minds: out takes its bytes for 0x00, alt
	// for 0xFF, and where later output differs it was copied from there. Whatever is equal in both
	// does not depend on the damage.
	alt    *window // nil while there is no doubt
	damage error   // why alt differs from out
	strict bool    // there was damage in this folder: a block without checksum proves nothing

	packed  [8 + 0xFF + 0xFFFF]byte // the CFDATA, reserved area and all
	src     bytes.Reader
	inflate io.ReadCloser // also a flate.Resetter; nil before the first MSZIP block
	spare   [1]byte
}

// A window holds the newest block of output and, before it, up to 32 KB of history.
type window struct {
	buf      [2 * maxBlock]byte
	from, to int // the block
}

func (w *window) block() []byte { return w.buf[w.from:w.to] }

// grow makes the block history and returns room for a new one of n bytes.
func (w *window) grow(n int) (block, history []byte) {
	if w.to > maxBlock {
		copy(w.buf[:], w.buf[w.to-maxBlock:w.to])
		w.to = maxBlock
	}
	w.from, w.to = w.to, w.to+n
	return w.block(), w.buf[:w.from]
}

// unpackers turn the payload of a block into exactly len(block) bytes, by Method.
var unpackers = [...]func(d *decoder, block, history, payload []byte) error{
	Stored: (*decoder).unpackStored,
	MSZIP:  (*decoder).unpackMSZIP,
}

func (d *decoder) unpackStored(block, _, payload []byte) error {
	if len(payload) != len(block) {
		return fmt.Errorf("%d stored bytes are to give %d", len(payload), len(block))
	}
	copy(block, payload)
	return nil
}

func (d *decoder) unpackMSZIP(block, history, payload []byte) error {
	data, ok := bytes.CutPrefix(payload, []byte("CK"))
	if !ok {
		return errors.New("no CK at the start of the MSZIP block")
	}
	d.src.Reset(data)
	if d.inflate == nil {
		d.inflate = flate.NewReaderDict(&d.src, history)
	} else if err := d.inflate.(flate.Resetter).Reset(&d.src, history); err != nil {
		return err
	}
	if n, err := io.ReadFull(d.inflate, block); err != nil {
		return fmt.Errorf("%d of %d bytes unpacked: %w", n, len(block), err)
	}
	// A stream without an end mark is accepted, one that goes on is not.
	if n, _ := d.inflate.Read(d.spare[:]); n > 0 {
		return fmt.Errorf("the block unpacks to more than %d bytes", len(block))
	}
	return nil
}

// seek makes Read begin at offset off of the unpacked folder. Only a step back before the newest
// block starts the folder again.
func (d *decoder) seek(folder int, off int64) {
	if folder != d.folder || off < d.end-int64(len(d.out.block())) {
		d.folder, d.block, d.next, d.end = folder, 0, d.cab.folders[folder].data, 0
		d.out.from, d.out.to = 0, 0
		d.alt, d.damage, d.strict = nil, nil, false
	}
	d.at = off
}

// Read gives bytes of the newest block, after unpacking as many as it takes to get there.
func (d *decoder) Read(p []byte) (int, error) {
	for d.at >= d.end {
		if err := d.unpackNext(); err != nil {
			return 0, err
		}
	}
	start := d.end - int64(len(d.out.block()))
	n := copy(p, d.out.block()[d.at-start:])
	if d.alt != nil {
		if n = equalPrefix(p[:n], d.alt.block()[d.at-start:]); n == 0 {
			return 0, d.damage
		}
	}
	d.at += int64(n)
	return n, nil
}

// unpackNext unpacks the next block. After an error it may be called again and gives it again.
func (d *decoder) unpackNext() error {
	fo := &d.cab.folders[d.folder]
	if d.block == fo.blocks {
		return d.errorf(ErrFormat, "the folder ends after %d blocks, %d bytes", fo.blocks, d.end)
	}
	head, err := d.readAt(d.next, 0, 8+d.cab.dataReserve)
	if err != nil {
		return err
	}
	c := cursor.New("CFDATA", head, d.next)
	sum, cbData, n := c.Uint32(), int(c.Uint16()), int(c.Uint16())
	payload, err := d.readAt(d.next+int64(len(head)), len(head), cbData)
	if err != nil {
		return err
	}
	if n == 0 && d.cab.next != "" && d.block+1 == fo.blocks {
		return fmt.Errorf("%w: the folder continues in cabinet %q", ErrAlgorithm, d.cab.next)
	}
	if n == 0 || n > maxBlock {
		return d.errorf(ErrFormat, "the block claims to unpack to %d bytes", n)
	}

	block, history := d.out.grow(n)
	bad := d.verify(sum, head, payload)
	if bad == nil {
		if err := unpackers[fo.method](d, block, history, payload); err != nil {
			bad = d.errorf(ErrFormat, "%v", err)
		}
	}
	switch {
	case bad != nil && n < maxBlock:
		// Every block but a folder's last is full. This one is the last, or its size is damaged
		// too and nothing after it is where it seems to be.
		d.out.to = d.out.from
		return bad
	case bad != nil:
		d.doubt(bad)
	case d.alt != nil:
		block, history := d.alt.grow(n)
		// What steers the unpacking is in the payload, so it succeeds as it did above.
		if err := unpackers[fo.method](d, block, history, payload); err != nil {
			return d.errorf(ErrFormat, "%v", err)
		}
		if bytes.Equal(d.out.buf[:d.out.to], d.alt.buf[:d.alt.to]) {
			d.alt, d.damage = nil, nil
		}
	}
	d.block++
	d.next += int64(len(head) + cbData)
	d.end += int64(n)
	return nil
}

// doubt marks every byte of the newest block of out as damaged.
func (d *decoder) doubt(damage error) {
	if d.alt == nil {
		alt := d.out
		d.alt, d.damage = &alt, damage
	} else {
		d.alt.grow(len(d.out.block()))
	}
	clear(d.out.block())
	for i := range d.alt.block() {
		d.alt.block()[i] = 0xFF
	}
	d.strict = true
}

// verify compares a block with its checksum.
func (d *decoder) verify(sum uint32, head, payload []byte) error {
	switch got := checksum(head[4:], checksum(payload, 0)); {
	case sum == 0 && d.strict:
		return d.errorf(ErrChecksum, "a block without checksum after a damaged one")
	case sum != 0 && sum != got:
		return d.errorf(ErrChecksum, "checksum 0x%08x of block %d in folder %d, computed 0x%08x", sum, d.block, d.folder, got)
	}
	return nil
}

// readAt reads n bytes at offset off of the cabinet to place to of packed.
func (d *decoder) readAt(off int64, to, n int) ([]byte, error) {
	b := d.packed[to : to+n]
	if off > d.cab.size-int64(n) {
		return nil, d.errorf(ErrFormat, "the cabinet ends within block %d of %d in folder %d", d.block, d.cab.folders[d.folder].blocks, d.folder)
	}
	if got, err := d.cab.r.ReadAt(b, off); got < n {
		if err == io.EOF { // the size given to NewReader was too large; this is not the end of a file
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("cab: %d bytes at offset %#x: %w", n, off, err)
	}
	return b, nil
}

// errorf returns a FormatError at the CFDATA that is being read.
func (d *decoder) errorf(sentinel error, format string, args ...any) error {
	return &cursor.FormatError{Name: "CFDATA", Offset: d.next, Msg: fmt.Sprintf(format, args...), Err: sentinel}
}

// checksum is that of a CFDATA: its little-endian 32-bit words, joined by exclusive or. Of one to
// three bytes that are left over, the last is the least significant.
func checksum(b []byte, sum uint32) uint32 {
	for ; len(b) >= 4; b = b[4:] {
		sum ^= binary.LittleEndian.Uint32(b)
	}
	var tail uint32
	for _, x := range b {
		tail = tail<<8 | uint32(x)
	}
	return sum ^ tail
}

// equalPrefix returns how many bytes a and b, which is no shorter, have in common at the start.
func equalPrefix(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return len(a)
}
