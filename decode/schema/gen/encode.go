package main

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// A writer appends little-endian values; the format is described in schema's tables.go.
type writer struct {
	buf []byte
	err error // the first one
}

func (w *writer) uint8(v uint8)   { w.buf = append(w.buf, v) }
func (w *writer) uint16(v uint16) { w.buf = binary.LittleEndian.AppendUint16(w.buf, v) }
func (w *writer) uint32(v uint32) { w.buf = binary.LittleEndian.AppendUint32(w.buf, v) }
func (w *writer) uint64(v uint64) { w.buf = binary.LittleEndian.AppendUint64(w.buf, v) }
func (w *writer) guid(g etl.GUID) { w.buf = append(w.buf, g[:]...) }

func (w *writer) bool(v bool) {
	if v {
		w.uint8(1)
	} else {
		w.uint8(0)
	}
}

// count writes a number of elements, or a place among them.
func (w *writer) count(n int) {
	if n > math.MaxUint16 && w.err == nil {
		w.err = fmt.Errorf("%d elements do not fit in 16 bits", n)
	}
	w.uint16(uint16(n))
}

func (w *writer) string(s string) {
	if len(s) > math.MaxUint8 && w.err == nil {
		w.err = fmt.Errorf("%q is longer than 255 bytes", s)
	}
	w.uint8(uint8(len(s)))
	w.buf = append(w.buf, s...)
}

// An entry is a known GUID.
type entry struct {
	guid  etl.GUID
	name  string
	owner string           // the provider of a class
	table *schema.Provider // nil for names and classes
}

// entries lists all GUIDs by name.
func entries(names []name, providers []*schema.Provider) ([]entry, error) {
	var list []entry
	seen := map[etl.GUID]bool{}
	for _, n := range names {
		list = append(list, entry{guid: n.guid, name: n.text})
	}
	for _, p := range providers {
		list = append(list, entry{guid: p.GUID, name: p.Name, table: p})
		var last etl.GUID
		for _, ev := range p.Events { // by class
			if ev.Class != last {
				list = append(list, entry{guid: ev.Class, name: p.Name + "/" + ev.TaskName, owner: p.Name})
				last = ev.Class
			}
		}
	}
	for _, e := range list {
		if seen[e.guid] || e.name == "" {
			return nil, fmt.Errorf("%s %s: a GUID must have one name", e.guid, e.name)
		}
		seen[e.guid] = true
	}
	slices.SortStableFunc(list, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	return list, nil
}

// encode returns the contents of tables.bin.
func encode(names []name, providers []*schema.Provider) ([]byte, error) {
	list, err := entries(names, providers)
	if err != nil {
		return nil, err
	}
	var w writer
	var blobs []byte
	w.count(len(list))
	for _, e := range list {
		w.guid(e.guid)
		w.string(e.name)
		w.count(1 + slices.IndexFunc(list, func(o entry) bool { return o.table != nil && o.name == e.owner }))
		size := 0
		if e.table != nil {
			blob, err := encodeProvider(e.table)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.name, err)
			}
			packed, err := pack(blob)
			if err != nil {
				return nil, err
			}
			size = len(packed)
			blobs = append(blobs, packed...)
		}
		w.uint32(uint32(size))
	}
	return append(w.buf, blobs...), w.err
}

func pack(data []byte) ([]byte, error) {
	var buf bytes.Buffer
	f, err := flate.NewWriter(&buf, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(data); err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// A pool numbers different values from 0, in the order they come.
type pool[K comparable] struct {
	at   map[K]int
	list []K
}

func (p *pool[K]) add(k K) int {
	i, ok := p.at[k]
	if !ok {
		if p.at == nil {
			p.at = map[K]int{}
		}
		i = len(p.list)
		p.at[k] = i
		p.list = append(p.list, k)
	}
	return i
}

// encodeProvider returns the blob of p, not yet deflated.
func encodeProvider(p *schema.Provider) ([]byte, error) {
	var strings pool[string]
	var maps pool[*schema.Map]
	var lists pool[string] // encoded
	var classes pool[etl.GUID]
	maps.add(nil)
	classes.add(etl.GUID{})

	var events writer
	events.count(len(p.Events))
	for _, ev := range p.Events {
		events.uint16(ev.ID)
		events.uint8(ev.Version)
		events.uint8(ev.Level)
		events.uint8(ev.Opcode)
		events.uint16(ev.Task)
		events.count(classes.add(ev.Class))
		events.uint64(ev.Keywords)
		events.count(strings.add(ev.Symbol))
		events.count(strings.add(ev.TaskName))
		events.count(strings.add(ev.OpcodeName))
		events.uint32(ev.MinBuild)
		events.uint32(ev.MaxBuild)

		var fields writer
		fields.count(len(ev.Fields))
		for _, f := range ev.Fields {
			fields.count(strings.add(f.Name))
			fields.uint16(uint16(f.In))
			fields.uint16(uint16(f.Out))
			for _, s := range []schema.Size{f.Length, f.Count} {
				fields.uint8(uint8(s.Kind))
				fields.uint16(s.N)
			}
			fields.count(maps.add(f.Map))
			fields.bool(f.Secret)
		}
		events.count(lists.add(string(fields.buf)))
		events.err = cmp.Or(events.err, fields.err)
	}

	var middle writer
	middle.count(len(p.Keywords))
	for _, k := range p.Keywords {
		middle.count(strings.add(k.Name))
		middle.uint64(k.Mask)
	}
	middle.count(len(maps.list) - 1)
	for _, m := range maps.list[1:] {
		middle.count(strings.add(m.Name))
		middle.bool(m.Bits)
		middle.count(len(m.Entries))
		for _, e := range m.Entries {
			middle.uint64(e.Value)
			middle.count(strings.add(e.Text))
		}
	}
	middle.count(len(lists.list))
	for _, l := range lists.list {
		middle.buf = append(middle.buf, l...)
	}
	middle.count(len(classes.list) - 1)
	for _, g := range classes.list[1:] {
		middle.guid(g)
	}

	var blob writer
	blob.count(len(strings.list))
	for _, s := range strings.list {
		blob.string(s)
	}
	blob.buf = slices.Concat(blob.buf, middle.buf, events.buf)
	return blob.buf, cmp.Or(blob.err, middle.err, events.err)
}
