package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/etwhy/etwhy/decode/schema"
	"github.com/etwhy/etwhy/etl"
)

// inTypes are the in types that the texts use.
var inTypes = map[string]schema.InType{
	"UnicodeString": schema.UnicodeString,
	"AnsiString":    schema.AnsiString,
	"UInt8":         schema.UInt8,
	"UInt16":        schema.UInt16,
	"Int32":         schema.Int32,
	"UInt32":        schema.UInt32,
	"Int64":         schema.Int64,
	"UInt64":        schema.UInt64,
	"Boolean":       schema.Boolean,
	"Binary":        schema.Binary,
	"GUID":          schema.GUID,
	"Pointer":       schema.Pointer,
	"FileTime":      schema.FileTime,
	"SID":           schema.SID,
	"HexInt32":      schema.HexInt32,
	"Struct":        schema.Struct,
}

// counters are the in types that may give a length or a count.
var counters = []schema.InType{schema.UInt8, schema.UInt16, schema.UInt32, schema.Int32}

// sized are the in types that may have a length.
var sized = []schema.InType{schema.UnicodeString, schema.AnsiString, schema.Binary}

// outTypes are the out types that the texts use, with the in types they go with.
var outTypes = map[string]struct {
	out schema.OutType
	in  []schema.InType
}{
	"Boolean":       {schema.OutBoolean, counters},
	"Hex32":         {schema.OutHex32, []schema.InType{schema.UInt32}},
	"Hex64":         {schema.OutHex64, []schema.InType{schema.UInt64}},
	"PID":           {schema.OutPID, []schema.InType{schema.UInt32}},
	"TID":           {schema.OutTID, []schema.InType{schema.UInt32}},
	"Port":          {schema.OutPort, []schema.InType{schema.UInt16}},
	"IPv4":          {schema.OutIPv4, []schema.InType{schema.UInt32}},
	"IPv6":          {schema.OutIPv6, []schema.InType{schema.Binary}},
	"IPAddress":     {schema.OutIPAddress, []schema.InType{schema.Binary}},
	"SocketAddress": {schema.OutSocketAddress, []schema.InType{schema.Binary}},
	"XML":           {schema.OutXML, []schema.InType{schema.UnicodeString}},
	"ErrorCode":     {schema.OutErrorCode, codes},
	"Win32Error":    {schema.OutWin32Error, codes},
	"NTStatus":      {schema.OutNTStatus, codes},
	"HResult":       {schema.OutHResult, codes},
}

// codes are the in types of error codes.
var codes = []schema.InType{schema.UInt32, schema.Int32, schema.HexInt32}

// A name is a GUID without a table.
type name struct {
	guid etl.GUID
	text string
}

// readSources reads names.txt and providers/*.txt.
func readSources(fsys fs.FS) (names []name, providers []*schema.Provider, err error) {
	err = readLines(fsys, "names.txt", func(line string) error {
		guid, text, _ := strings.Cut(line, " ")
		g, err := etl.ParseGUID(guid)
		names = append(names, name{g, text})
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	files, err := fs.Glob(fsys, "providers/*.txt")
	if err != nil {
		return nil, nil, err
	}
	for _, file := range files {
		p := newParser()
		if err := readLines(fsys, file, p.line); err != nil {
			return nil, nil, err
		}
		if err := p.finish(); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path.Base(file), err)
		}
		providers = append(providers, p.p)
	}
	return names, providers, nil
}

// readLines calls f for each line that is neither empty nor a comment.
func readLines(fsys fs.FS, file string, f func(line string) error) error {
	r, err := fsys.Open(file)
	if err != nil {
		return err
	}
	defer r.Close()
	return scan(r, path.Base(file), f)
}

func scan(r io.Reader, file string, f func(line string) error) error {
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		line := in.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := f(line); err != nil {
			return fmt.Errorf("%s:%d: %w", file, n, err)
		}
	}
	return in.Err()
}

// A parser reads the text of one provider.
type parser struct {
	p        *schema.Provider
	keywords map[string]uint64
	tasks    map[string]task
	opcodes  map[string]uint8
	maps     map[string]*schema.Map
	used     map[*schema.Map]bool
}

// A task is a task, or in classic providers a class.
type task struct {
	number uint16
	class  etl.GUID
}

func newParser() *parser {
	return &parser{
		p:        &schema.Provider{},
		keywords: map[string]uint64{},
		tasks:    map[string]task{},
		opcodes:  map[string]uint8{},
		maps:     map[string]*schema.Map{},
		used:     map[*schema.Map]bool{},
	}
}

// line reads one line. Lines that do not start with a word of this table describe an event.
func (p *parser) line(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	if word != "provider" && p.p.Name == "" {
		return errors.New("the provider line must come first")
	}
	if f, ok := map[string]func(string) error{
		"provider": p.provider,
		"keyword":  p.keyword,
		"task":     p.task,
		"class":    p.class,
		"opcode":   p.opcode,
		"map":      p.mapping,
	}[word]; ok {
		return f(rest)
	}
	return p.event(line)
}

// provider GUID NAME
func (p *parser) provider(s string) (err error) {
	guid, name, _ := strings.Cut(s, " ")
	if p.p.Name != "" || name == "" {
		return fmt.Errorf("provider %q: want one provider, with a name", name)
	}
	p.p.Name = name
	p.p.GUID, err = etl.ParseGUID(guid)
	return err
}

// declare enters v in m, once.
func declare[V any](m map[string]V, kind, name string, v V) error {
	if _, ok := m[name]; ok || name == "" {
		return fmt.Errorf("%s %q: empty or declared twice", kind, name)
	}
	m[name] = v
	return nil
}

// number reads a number of so many bits; "?" is one that is not known, and zero.
func number(s string, bits int) (uint64, error) {
	if s == "?" {
		return 0, nil
	}
	return strconv.ParseUint(s, 0, bits)
}

// keyword MASK NAME
func (p *parser) keyword(s string) error {
	mask, name, _ := strings.Cut(s, " ")
	n, err := number(mask, 64)
	if err != nil {
		return err
	}
	p.p.Keywords = append(p.p.Keywords, schema.Keyword{Name: name, Mask: n})
	return declare(p.keywords, "keyword", name, n)
}

// task NUMBER NAME
func (p *parser) task(s string) error {
	num, name, _ := strings.Cut(s, " ")
	n, err := number(num, 16)
	if err != nil {
		return err
	}
	return declare(p.tasks, "task", name, task{number: uint16(n)})
}

// class GUID NUMBER NAME
func (p *parser) class(s string) error {
	w := strings.SplitN(s, " ", 3)
	if len(w) != 3 {
		return errors.New("want: class GUID NUMBER NAME")
	}
	g, err := etl.ParseGUID(w[0])
	if err != nil {
		return err
	}
	n, err := number(w[1], 16)
	if err != nil {
		return err
	}
	return declare(p.tasks, "class", w[2], task{number: uint16(n), class: g})
}

// opcode NUMBER NAME
func (p *parser) opcode(s string) error {
	num, name, _ := strings.Cut(s, " ")
	n, err := number(num, 8)
	if err != nil {
		return err
	}
	return declare(p.opcodes, "opcode", name, uint8(n))
}

// map NAME values|bits: NUMBER=TEXT; ...
func (p *parser) mapping(s string) error {
	head, list, ok := strings.Cut(s, ": ")
	name, kind, ok2 := strings.Cut(head, " ")
	if !ok || !ok2 || kind != "values" && kind != "bits" {
		return errors.New("want map NAME values|bits: list of NUMBER=TEXT")
	}
	m := &schema.Map{Name: name, Bits: kind == "bits"}
	for item := range strings.SplitSeq(list, "; ") {
		value, text, _ := strings.Cut(item, "=")
		n, err := strconv.ParseUint(value, 0, 64)
		if err != nil || text == "" {
			return fmt.Errorf("map %s: %q is not NUMBER=TEXT", name, item)
		}
		if k := len(m.Entries); k > 0 && m.Entries[k-1].Value >= n {
			return fmt.Errorf("map %s: %q is out of order", name, item)
		}
		m.Entries = append(m.Entries, schema.MapEntry{Value: n, Text: text})
	}
	return declare(p.maps, "map", name, m)
}

// event reads ID vVERSION LLEVEL TASK[/OPCODE] ["SYMBOL"] [ATTRIBUTE=VALUE]... :[ FIELD; ...].
func (p *parser) event(line string) error {
	head, list, ok := strings.Cut(line, " :")
	words := strings.Split(head, " ")
	if !ok || len(words) < 4 || !strings.HasPrefix(words[1], "v") || !strings.HasPrefix(words[2], "L") {
		return errors.New(`want: ID vVERSION LLEVEL TASK[/OPCODE] ["SYMBOL"] [kw=...] [op=...] [builds=...] : FIELDS`)
	}
	id, err1 := strconv.ParseUint(words[0], 10, 16)
	version, err2 := strconv.ParseUint(words[1][1:], 10, 8)
	level, err3 := strconv.ParseUint(words[2][1:], 10, 8)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	ev := schema.Event{ID: uint16(id), Version: uint8(version), Level: uint8(level)}
	if err := p.taskOpcode(&ev, words[3]); err != nil {
		return err
	}
	for _, word := range words[4:] {
		if err := p.attribute(&ev, word); err != nil {
			return err
		}
	}
	if list != "" {
		for item := range strings.SplitSeq(strings.TrimPrefix(list, " "), "; ") {
			f, err := p.field(ev.Fields, item)
			if err != nil {
				return err
			}
			ev.Fields = append(ev.Fields, f)
		}
	}
	p.p.Events = append(p.p.Events, ev)
	return nil
}

// taskOpcode reads TASK or TASK/OPCODE; both may contain slashes themselves. "-" is no task.
func (p *parser) taskOpcode(ev *schema.Event, s string) error {
	t, ok := p.tasks[s]
	ev.TaskName = s
	if i := strings.LastIndex(s, "/"); i >= 0 && !ok {
		ev.TaskName, ev.OpcodeName = s[:i], s[i+1:]
		t, ok = p.tasks[s[:i]]
	}
	if ev.TaskName == "-" {
		ev.TaskName, ok = "", true
	}
	if !ok {
		return fmt.Errorf("task %q is not declared", ev.TaskName)
	}
	ev.Task, ev.Class = t.number, t.class
	ev.Symbol = ev.TaskName
	if !t.class.IsZero() {
		if ev.ID > 255 {
			return fmt.Errorf("opcode %d is greater than 255", ev.ID)
		}
		ev.ID, ev.Opcode = 0, uint8(ev.ID)
		if ev.OpcodeName != "" {
			ev.Symbol = ev.OpcodeName
		}
		return nil
	}
	if ev.OpcodeName == "" {
		return nil
	}
	if ev.Opcode, ok = p.opcodes[ev.OpcodeName]; !ok {
		return fmt.Errorf("opcode %q is not declared", ev.OpcodeName)
	}
	if !strings.HasSuffix(ev.TaskName, ev.OpcodeName) {
		ev.Symbol += ev.OpcodeName
	}
	return nil
}

// attribute reads one of the words between task and fields.
func (p *parser) attribute(ev *schema.Event, word string) error {
	if s, ok := strings.CutPrefix(word, `"`); ok {
		ev.Symbol = strings.TrimSuffix(s, `"`)
		return nil
	}
	key, value, _ := strings.Cut(word, "=")
	switch key {
	case "kw":
		for k := range strings.SplitSeq(value, "|") {
			mask, ok := p.keywords[k]
			if !ok {
				var err error
				if mask, err = strconv.ParseUint(k, 0, 64); err != nil {
					return fmt.Errorf("keyword %q is not declared", k)
				}
			}
			ev.Keywords |= mask
		}
		return nil
	case "op":
		n, err := strconv.ParseUint(value, 10, 8)
		ev.Opcode = uint8(n)
		return err
	case "builds":
		from, to, ok := strings.Cut(value, "-")
		if !ok {
			return fmt.Errorf("builds %q: want FROM-TO", value)
		}
		lo, err1 := strconv.ParseUint("0"+from, 10, 32)
		hi, err2 := strconv.ParseUint("0"+to, 10, 32)
		ev.MinBuild, ev.MaxBuild = uint32(lo), uint32(hi)
		return errors.Join(err1, err2)
	}
	return fmt.Errorf("%q is not an attribute of an event", word)
}

// field reads NAME:IN[:OUT][[LENGTH]][*COUNT][=MAP][ secret]. The earlier fields are those that
// LENGTH and COUNT may name.
func (p *parser) field(earlier []schema.Field, s string) (f schema.Field, err error) {
	s, f.Secret = strings.CutSuffix(s, " secret")
	s, mapName, hasMap := strings.Cut(s, "=")
	s, count, hasCount := strings.Cut(s, "*")
	s, length, hasLength := strings.Cut(s, "[")
	name, types, _ := strings.Cut(s, ":")
	in, out, hasOut := strings.Cut(types, ":")

	var ok bool
	f.Name = name
	if f.In, ok = inTypes[in]; !ok || name == "" || strings.Contains(name, " ") {
		return f, fmt.Errorf("field %q: no name, or unknown type %q", name, in)
	}
	if hasOut {
		o, ok := outTypes[out]
		if !ok || !slices.Contains(o.in, f.In) {
			return f, fmt.Errorf("field %s: %s cannot be shown as %q", name, in, out)
		}
		f.Out = o.out
	}
	if hasLength {
		length, ok := strings.CutSuffix(length, "]")
		if !ok || !slices.Contains(sized, f.In) {
			return f, fmt.Errorf("field %s: a %s has no length", name, in)
		}
		if f.Length, err = size(earlier, length); err != nil {
			return f, fmt.Errorf("field %s: %w", name, err)
		}
	}
	if f.In == schema.Binary && !hasLength {
		return f, fmt.Errorf("field %s: Binary needs a length", name)
	}
	if hasCount {
		if f.Count, err = size(earlier, count); err != nil {
			return f, fmt.Errorf("field %s: %w", name, err)
		}
	}
	if hasMap {
		if f.Map, ok = p.maps[mapName]; !ok {
			return f, fmt.Errorf("field %s: map %q is not declared", name, mapName)
		}
		p.used[f.Map] = true
	}
	return f, nil
}

// size reads a number, or the name of an earlier field.
func size(earlier []schema.Field, s string) (schema.Size, error) {
	if n, err := strconv.ParseUint(s, 10, 16); err == nil {
		return schema.Size{Kind: schema.Fixed, N: uint16(n)}, nil
	}
	for i, f := range slices.Backward(earlier) {
		if f.Name == s {
			if !slices.Contains(counters, f.In) || f.Count.Kind != schema.Unset {
				return schema.Size{}, fmt.Errorf("%s is not a number", s)
			}
			return schema.Size{Kind: schema.ByField, N: uint16(i)}, nil
		}
	}
	return schema.Size{}, fmt.Errorf("%q is neither a number nor an earlier field", s)
}

// finish sorts the events and checks what concerns more than one line.
func (p *parser) finish() error {
	if p.p.Name == "" {
		return errors.New("no provider line")
	}
	for name, m := range p.maps {
		if !p.used[m] {
			return fmt.Errorf("map %s is not used", name)
		}
	}
	ev := p.p.Events
	slices.SortStableFunc(ev, schema.Compare)
	for i := range ev {
		first := i == 0 || !sameEvent(ev[i-1], ev[i])
		last := i == len(ev)-1 || !sameEvent(ev[i], ev[i+1])
		ok := ev[i].MinBuild == 0
		if !first {
			ok = ev[i-1].MaxBuild != 0 && ev[i].MinBuild == ev[i-1].MaxBuild+1
		}
		if !ok || last != (ev[i].MaxBuild == 0) {
			return fmt.Errorf("event %d (opcode %d) version %d: the builds of its layouts must follow each other without gap", ev[i].ID, ev[i].Opcode, ev[i].Version)
		}
	}
	return nil
}

// sameEvent reports whether a and b are layouts of one event on different builds.
func sameEvent(a, b schema.Event) bool {
	a.MinBuild, b.MinBuild = 0, 0
	return schema.Compare(a, b) == 0
}
