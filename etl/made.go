package etl

import (
	"encoding/binary"
	"errors"
)

// An EventHeader holds the fields of a record that was not read from a log. See [NewRecord].
type EventHeader struct {
	Time     Time
	Provider GUID
	Class    GUID // not zero: a classic event of this class, which has no Provider
	ID       uint16
	Version  uint8
	Level    uint8
	Opcode   uint8
	Task     uint16
	Keyword  uint64
	PID, TID uint32
	CPU      uint16
	Activity GUID
	Related  GUID // activity; zero = none
	Position Position
}

// ErrRecordSize says that the parts of a record are longer than 64 KB together.
var ErrRecordSize = errors.New("longer than a record can be")

// An Extension is an extended data item of a record.
type Extension struct {
	Type ExtensionType
	Data []byte
}

// utc is the clock of records whose timestamps are times.
var utc = clock{pointer: 8}

// NewRecord makes a record as a log of a 64-bit system would hold it, for events that come in another form,
// such as the XML that tracerpt makes of a log. payload and extensions are copied. The error wraps ErrRecordSize.
func NewRecord(h EventHeader, payload []byte, extensions ...Extension) (*Record, error) {
	typ := Event64
	if !h.Class.IsZero() {
		typ, extensions = Full64, nil
	} else if !h.Related.IsZero() {
		extensions = append([]Extension{{ExtRelatedActivity, h.Related[:]}}, extensions...)
	}
	size := int(headers[typ].size)
	for _, x := range extensions {
		size += align8(8 + len(x.Data))
	}
	const maxSize = 0xFFFF
	if len(payload) > maxSize || size+len(payload) > maxSize {
		return nil, ErrRecordSize
	}
	le := binary.LittleEndian
	b := make([]byte, headers[typ].size, size+len(payload))
	le.PutUint16(b, uint16(size+len(payload)))
	b[2], b[3] = byte(typ), 0xC0
	le.PutUint32(b[0x08:], h.TID)
	le.PutUint32(b[0x0C:], h.PID)
	le.PutUint64(b[0x10:], uint64(h.Time))
	if typ == Full64 {
		b[4], b[5] = h.Opcode, h.Level
		le.PutUint16(b[6:], uint16(h.Version))
		copy(b[0x18:], h.Class[:])
	} else {
		copy(b[0x18:], h.Provider[:])
		le.PutUint16(b[0x28:], h.ID)
		b[0x2A], b[0x2C], b[0x2D] = h.Version, h.Level, h.Opcode
		le.PutUint16(b[0x2E:], h.Task)
		le.PutUint64(b[0x30:], h.Keyword)
		copy(b[0x40:], h.Activity[:])
	}
	for i, x := range extensions {
		b[4] |= flagExtended
		step := align8(8 + len(x.Data))
		item := make([]byte, step)
		le.PutUint16(item, uint16(step))
		le.PutUint16(item[2:], uint16(x.Type))
		if i < len(extensions)-1 {
			item[4] = 1 // another one follows
		}
		le.PutUint16(item[6:], uint16(len(x.Data)))
		copy(item[8:], x.Data)
		b = append(b, item...)
	}
	b = append(b, payload...)
	r := &Record{clock: &utc, cpu: h.CPU, pos: h.Position}
	if _, bad := r.parse(b); bad != "" {
		return nil, errors.New(bad)
	}
	return r, nil
}
