package etltest

import (
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// shortNames are names that schema.ByName does not know.
var shortNames = map[string]string{
	"AFD":           "Microsoft-Windows-Winsock-AFD",
	"Sockets":       "Microsoft-Windows-Winsock-Sockets",
	"GAI":           "Microsoft-Windows-Winsock-NameResolution",
	"DNS":           "Microsoft-Windows-DNS-Client",
	"KernelProcess": "Microsoft-Windows-Kernel-Process",
	"KernelNetwork": "Microsoft-Windows-Kernel-Network",
	"NDIS":          "Microsoft-Windows-NDIS-PacketCapture",
}

// NameGUID returns the GUID that TraceLogging and EventSource derive from the name of a provider.
func NameGUID(name string) etl.GUID {
	h := sha1.New()
	h.Write([]byte{0x48, 0x2C, 0x2D, 0xB2, 0xC3, 0x90, 0x47, 0xC8, 0x87, 0xF8, 0x1A, 0x15, 0xBF, 0xC1, 0x30, 0xFB})
	for _, u := range utf16.Encode([]rune(strings.ToUpper(name))) {
		h.Write(binary.BigEndian.AppendUint16(nil, u))
	}
	var g etl.GUID
	copy(g[:], h.Sum(nil))
	g[7] = g[7]&0x0F | 0x50
	return g
}

func (t *Trace) custom(name string) (etl.GUID, bool) {
	for _, p := range t.Providers {
		if p.Name == name {
			return p.GUID, true
		}
	}
	return etl.GUID{}, false
}

// resolve returns the GUID of a provider or of a kernel class.
func (t *Trace) resolve(name string) (etl.GUID, error) {
	if g, ok := t.custom(name); ok {
		return g, nil
	}
	for _, g := range groups {
		if g.name == name {
			return g.class, nil
		}
	}
	if full := shortNames[name]; full != "" {
		name = full
	}
	if g, ok := schema.ByName(name); ok {
		return g, nil
	}
	return etl.GUID{}, fmt.Errorf("unknown provider %q", name)
}

// providerName returns the shortest name that resolves to g, or the GUID in braces.
func (t *Trace) providerName(g etl.GUID) string {
	var names []string
	for _, p := range t.Providers {
		if p.GUID == g {
			names = append(names, p.Name)
		}
	}
	for _, gr := range groups {
		if gr.class == g {
			names = append(names, gr.name)
		}
	}
	full := schema.Name(g)
	for short, name := range shortNames {
		if name == full {
			names = append(names, short)
		}
	}
	names = append(names, strings.TrimPrefix(full, "Microsoft-Windows-"), full)
	for _, name := range names {
		if r, err := t.resolve(name); err == nil && r == g {
			return name
		}
	}
	return "{" + g.String() + "}"
}

// A subject is how a line names its event.
type subject struct {
	parse  func(p *parser, ev *Event, words []string) (rest []string, err error)
	append func(b []byte, t *Trace, ev *Event) []byte
}

var (
	bySchema = subject{ // Provider/ID or Provider/IDvVERSION
		func(p *parser, ev *Event, words []string) (rest []string, err error) {
			if len(words) == 0 {
				return nil, errors.New("no event")
			}
			if ev.Provider, err = p.provider(ev, words[0]); err != nil {
				return nil, err
			}
			return words[1:], nil
		},
		func(b []byte, t *Trace, ev *Event) []byte {
			return fmt.Appendf(b, "%s/%dv%d", quote(t.providerName(ev.Provider)), ev.ID, ev.Version)
		}}
	byHook = subject{ // Group/OPCODE
		func(_ *parser, ev *Event, words []string) (rest []string, err error) {
			if len(words) == 0 {
				return nil, errors.New("no event")
			}
			name, id, _ := strings.Cut(words[0], "/")
			group := slices.IndexFunc(groups[:], func(g group) bool { return g.name == name })
			if group < 0 {
				n, err := strconv.ParseUint(name, 0, 8)
				if err != nil {
					return nil, fmt.Errorf("unknown kernel group %q", name)
				}
				group = int(n)
			}
			if err := parseID(ev, id); err != nil {
				return nil, err
			}
			if ev.ID > 0xFF || ev.Version > 0xFF {
				return nil, fmt.Errorf("opcode or version of %s is over 255", words[0])
			}
			ev.ID |= uint16(group) << 8
			return words[1:], nil
		},
		func(b []byte, _ *Trace, ev *Event) []byte {
			name := strconv.Itoa(int(ev.ID >> 8))
			if n := int(ev.ID >> 8); n < len(groups) {
				name = groups[n].name
			}
			return fmt.Appendf(b, "%s/%dv%d", name, ev.ID&0xFF, ev.Version)
		}}
	byNames = subject{ // "Provider" "Event"
		func(p *parser, ev *Event, words []string) (rest []string, err error) {
			if len(words) < 2 {
				return nil, errors.New("want the names of provider and event")
			}
			if err := p.source(ev, words[0]); err != nil {
				return nil, err
			}
			ev.Name, err = unquote(words[1])
			return words[2:], err
		},
		func(b []byte, t *Trace, ev *Event) []byte {
			return append(append(append(b, quote(ev.Source)...), ' '), quote(ev.Name)...)
		}}
	bySource = subject{ // "Provider"
		func(p *parser, ev *Event, words []string) (rest []string, err error) {
			if len(words) < 1 {
				return nil, errors.New("want the name of a provider")
			}
			return words[1:], p.source(ev, words[0])
		},
		func(b []byte, _ *Trace, ev *Event) []byte { return append(b, quote(ev.Source)...) }}
	byMap = subject{ // Provider/Map
		func(p *parser, ev *Event, words []string) (rest []string, err error) {
			if len(words) < 1 {
				return nil, errors.New("want Provider/Map")
			}
			slash := strings.LastIndexByte(words[0], '/')
			if slash < 0 {
				return nil, fmt.Errorf("%q is not Provider/Map", words[0])
			}
			ev.Source = words[0][slash+1:]
			if ev.Provider, err = p.named(words[0][:slash]); err != nil {
				return nil, err
			}
			return words[1:], nil
		},
		func(b []byte, t *Trace, ev *Event) []byte {
			return fmt.Appendf(b, "%s/%s", quote(t.providerName(ev.Provider)), ev.Source)
		}}
	byType = subject{ // TYPE
		func(_ *parser, ev *Event, words []string) (rest []string, err error) {
			if len(words) < 1 {
				return nil, errors.New("want the type of the record")
			}
			n, err := strconv.ParseUint(words[0], 0, 8)
			ev.ID = uint16(n)
			return words[1:], err
		},
		func(b []byte, _ *Trace, ev *Event) []byte { return fmt.Appendf(b, "%#02x", ev.ID) }}
	byNothing = subject{
		func(_ *parser, _ *Event, words []string) ([]string, error) { return words, nil },
		func(b []byte, _ *Trace, _ *Event) []byte { return b }}
)

// provider reads Provider/IDvVERSION. The default of the version is the lowest that the schema has.
func (p *parser) provider(ev *Event, word string) (etl.GUID, error) {
	slash := strings.LastIndexByte(word, '/')
	if slash < 0 {
		return etl.GUID{}, fmt.Errorf("%q is neither a kind of line nor Provider/ID", word)
	}
	g, err := p.named(word[:slash])
	if err != nil {
		return g, err
	}
	if err := parseID(ev, word[slash+1:]); err != nil {
		return g, err
	}
	ev.Provider = g
	if !strings.Contains(word[slash:], "v") {
		ev.Version = p.enc.lowestVersion(ev)
	}
	return g, nil
}

func (p *parser) named(word string) (etl.GUID, error) {
	name, err := unquote(word)
	if err != nil {
		return etl.GUID{}, err
	}
	return p.trace.resolve(name)
}

func parseID(ev *Event, s string) error {
	m := idForm.FindStringSubmatch(s)
	if m == nil {
		return fmt.Errorf("%q is not a number with or without a version, as 200 or 200v1", s)
	}
	id, err := strconv.ParseUint(m[1], 0, 16)
	if err == nil && m[2] != "" {
		var v uint64
		v, err = strconv.ParseUint(m[2], 10, 16)
		ev.Version = uint16(v)
	}
	ev.ID = uint16(id)
	return err
}

// source sets the name of a provider that describes itself, and the GUID that follows from it.
func (p *parser) source(ev *Event, word string) (err error) {
	ev.Source, err = unquote(word)
	ev.Provider = p.trace.sourceGUID(ev.Source)
	return err
}

func (t *Trace) sourceGUID(name string) etl.GUID {
	if g, ok := t.custom(name); ok {
		return g
	}
	return NameGUID(name)
}
