package etltest

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestBuffers(t *testing.T) {
	log := compile(t, "log buffer=2048 build=7601\n+0 cpu0 WebIO/17 URI="+string(bytes.Repeat([]byte{'x'}, 700))+
		"\n+1 cpu2 WebIO/17 URI=http://a/\n+2 cpu0 WebIO/17 URI="+string(bytes.Repeat([]byte{'y'}, 700)))
	spans := Buffers(log)
	type short struct {
		offset, cpu int
		sequence    int64
		kind        uint16
	}
	var got []short
	for _, s := range spans {
		got = append(got, short{s.Offset, s.CPU, s.Sequence, s.Type})
	}
	want := []short{{0, 0, 0, 4}, {2048, 0, 1, 0}, {4096, 0, 2, 0}, {6144, 2, 3, 0}}
	if !slices.Equal(got, want) {
		t.Errorf("buffers %v, want %v", got, want)
	}
	if !bytes.Equal(Join(log, spans), log) {
		t.Error("all buffers joined are not the log")
	}
	other := Join(log, []Span{spans[0], spans[3], spans[1]})
	var sequence []int64
	for _, s := range Buffers(other) {
		sequence = append(sequence, s.Sequence)
	}
	if !slices.Equal(sequence, []int64{0, 3, 1}) || len(other) != 3*2048 {
		t.Errorf("joined: sequence numbers %v in %d bytes", sequence, len(other))
	}
	if n := len(Buffers(log[:len(log)-1])); n != 4 {
		t.Errorf("%d buffers in a cut log, want the cut one too", n)
	}
	for _, size := range []uint64{0, 71, 0xFFFFFFFF} {
		damaged := SetField(log, spans[2], BufferSize, size)
		if n := len(Buffers(damaged)); n != 2 || bytes.Equal(damaged, log) {
			t.Errorf("%d buffers before one of size %#x", n, size)
		}
	}
	if s := Buffers(SetField(log, spans[1], FilledOffset, 0xFFFFFFF0))[1]; s.Used != 0xFFFFFFF0 {
		t.Errorf("offset %#x", s.Used)
	}
}

func TestMutate(t *testing.T) {
	log := compile(t, healthyText)
	before := bytes.Clone(log)
	r := rand.New(rand.NewPCG(1, 2))
	same := 0
	for range 500 {
		if bytes.Equal(Mutate(log, r), log) {
			same++
		}
	}
	if same > 200 { // a hole in the padding, a tail that was zero, ...
		t.Errorf("%d of 500 mutations change nothing", same)
	}
	if !bytes.Equal(log, before) {
		t.Error("the log itself changed")
	}
	if b := Mutate(nil, r); len(b) != 0 {
		t.Errorf("%d bytes out of nothing", len(b))
	}
}

func TestBomb(t *testing.T) {
	log, err := Bomb(20, 1<<20, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(log) > 20*1024 {
		t.Errorf("%d bytes", len(log))
	}
	for i, s := range Buffers(log)[1:] {
		data, err := unpackXpress(log[s.Offset+72:s.Offset+s.Size], int(s.Used)-72)
		if err != nil || s.CPU != i || len(data) < 1<<20-200 || len(data)+72 != int(s.Used) || !bytes.Equal(data[:104], data[len(data)-104:]) {
			t.Fatalf("buffer of CPU %d: %d of %d bytes, %v", s.CPU, len(data), s.Used, err)
		}
	}
	if log, err = Bomb(2048, 16<<20, false); err != nil {
		t.Fatal(err)
	}
	spans := Buffers(log)
	if last := spans[len(spans)-1]; len(spans) != 2049 || last.CPU != 2047 || last.Used != 16<<20 || len(log) > 1<<20 {
		t.Errorf("%d buffers in %d bytes, the last %+v", len(spans), len(log), last)
	}
}

func TestExtendedItems(t *testing.T) {
	log, err := ExtendedItems(20_000)
	if err != nil {
		t.Fatal(err)
	}
	items := 0
	for _, s := range Buffers(log)[1:] {
		for at := s.Offset + 72 + 0x50; ; at += 8 {
			if items++; le.Uint16(log[at+4:]) == 0 {
				break
			}
		}
	}
	if items != 20_000 {
		t.Errorf("%d extended items", items)
	}
}

func TestDeepStructs(t *testing.T) {
	const depth = 1000
	log, err := DeepStructs(depth)
	if err != nil {
		t.Fatal(err)
	}
	s := Buffers(log)[1]
	var innermost []uint16
	for rec := log[s.Offset+72 : s.Offset+int(s.Used)]; len(rec) > 0; rec = rec[(le.Uint16(rec)+7)&^7:] {
		if rec[2] == 20 {
			info := rec[0x30:]
			if n := le.Uint32(info[0x64:]); n != depth+1 {
				t.Errorf("%d properties", n)
			}
			innermost = append(innermost, le.Uint16(info[0x70+24*(depth-1)+8:]))
		}
	}
	if !slices.Equal(innermost, []uint16{depth, 0}) {
		t.Errorf("the innermost structs start at properties %v", innermost)
	}
}
