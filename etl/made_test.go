package etl_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/etwhy/etwhy/etl"
)

func TestNewRecord(t *testing.T) {
	provider := etl.MustParseGUID("50b3e73c-9370-461d-bb9f-26f32d68887d")
	activity := etl.MustParseGUID("a1000000-0000-0000-0000-000000000050")
	h := etl.EventHeader{
		Time: 134_000_000_000_000_000, Provider: provider, ID: 17, Version: 2, Level: 4, Opcode: 1, Task: 9, Keyword: 1 << 63,
		PID: 1432, TID: 2320, CPU: 3, Activity: activity, Related: provider, Position: etl.Position{Buffer: 7},
	}
	payload := []byte("abcdefg")
	r, err := etl.NewRecord(h, payload, etl.Extension{Type: etl.ExtProviderTraits, Data: []byte("traits")})
	if err != nil {
		t.Fatal(err)
	}
	related, _ := r.RelatedActivity()
	traits, ok := r.Extension(etl.ExtProviderTraits)
	got := etl.EventHeader{
		Time: r.Time(), Provider: r.Provider(), ID: r.ID(), Version: uint8(r.Version()), Level: r.Level(), Opcode: r.Opcode(),
		Task: r.Task(), Keyword: r.Keyword(), PID: r.PID(), TID: r.TID(), CPU: uint16(r.CPU()), Activity: r.Activity(),
		Related: related, Position: r.Position(),
	}
	if got != h || r.Kind() != etl.KindEvent || !bytes.Equal(r.Payload(), payload) || !ok || string(traits) != "traits" || r.PointerSize() != 8 {
		t.Errorf("got %+v, payload %q, traits %q", got, r.Payload(), traits)
	}
	if r, err = etl.NewRecord(etl.EventHeader{Class: provider, Opcode: 5, Version: 3, PID: 4}, payload); err != nil ||
		r.Kind() != etl.KindClassic || r.Provider() != provider || r.Opcode() != 5 || r.Version() != 3 || r.PID() != 4 || !bytes.Equal(r.Payload(), payload) {
		t.Errorf("classic: %+v, %v", r, err)
	}
	if _, err = etl.NewRecord(h, make([]byte, 0xFFFF)); !errors.Is(err, etl.ErrRecordSize) {
		t.Errorf("64 KB of payload: %v", err)
	}
}
