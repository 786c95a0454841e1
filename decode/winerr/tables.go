package winerr

import (
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed tables/*.tsv
var files embed.FS

// index is what the files hold, by every key that is looked up.
type index struct {
	codes    []*Code
	mappings []Mapping

	byCode   map[uint32]*Code // every number form of the error families; one meaning each
	byNumber map[uint32][]*Code
	byFamily map[familyNumber]*Code
	byName   map[string][]*Code // symbols and aliases, in lower case
	byShort  map[string][]*Code // symbols without their prefix, in lower case
	bySuffix map[string][]*Code // what follows an underscore of a symbol, in lower case
}

type familyNumber struct {
	family Family
	number uint32
}

// tables holds the parsed files. They are part of the program, and a test checks that they parse.
var tables = sync.OnceValue(func() *index {
	x, _ := load()
	return x
})

func load() (*index, error) {
	x := &index{
		byCode:   map[uint32]*Code{},
		byNumber: map[uint32][]*Code{},
		byFamily: map[familyNumber]*Code{},
		byName:   map[string][]*Code{},
		byShort:  map[string][]*Code{},
		bySuffix: map[string][]*Code{},
	}
	for _, f := range families {
		if err := readTable(string(f), func(row map[string]string) error {
			c, err := newCode(f, row)
			if err == nil {
				x.add(c)
			}
			return err
		}); err != nil {
			return x, err
		}
	}
	err := readTable("mapping", func(row map[string]string) error {
		m, err := x.newMapping(row)
		if err == nil {
			x.mappings = append(x.mappings, m)
		}
		return err
	})
	return x, err
}

// readTable calls add with each row of a file as column → cell. A cell "-" is empty, "#" begins a comment line.
func readTable(name string, add func(map[string]string) error) error {
	data, err := files.ReadFile("tables/" + name + ".tsv")
	if err != nil {
		return err
	}
	var columns []string
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "\t")
		if columns == nil {
			columns = cells
			continue
		}
		if len(cells) != len(columns) {
			return fmt.Errorf("%s.tsv:%d: %d cells, want %d", name, n, len(cells), len(columns))
		}
		row := make(map[string]string, len(cells))
		for i, cell := range cells {
			if cell != "-" {
				row[columns[i]] = cell
			}
		}
		if err := add(row); err != nil {
			return fmt.Errorf("%s.tsv:%d: %w", name, n, err)
		}
	}
	return nil
}

func newCode(f Family, row map[string]string) (*Code, error) {
	c := &Code{
		Family:   f,
		Symbol:   row["symbol"],
		Source:   row["source"],
		Phase:    row["phase"],
		Meaning:  row["meaning"],
		InLog:    row["in_log"],
		PointsTo: row["points_to"],
		Next:     row["next"],
		Evidence: Evidence(row["evidence"]),
	}
	if c.Evidence == "" {
		c.Evidence = Header
	}
	if a := row["aliases"]; a != "" {
		c.Aliases = strings.Split(a, ",")
	}
	if f == HTTPErr {
		return c, nil
	}
	n, err := strconv.ParseUint(row["number"], 0, 32)
	c.Number = uint32(n)
	return c, err
}

func (x *index) newMapping(row map[string]string) (Mapping, error) {
	m := Mapping{
		Condition: row["condition"],
		Phase:     row["phase"],
		Evidence:  Evidence(row["evidence"]),
		Note:      row["note"],
	}
	target, err := strconv.ParseUint(row["target"], 10, 32)
	if err != nil {
		return m, err
	}
	to := x.byCode[uint32(target)]
	if to == nil {
		return m, fmt.Errorf("target %d is in no table", target)
	}
	m.To = *to
	source, f := row["source"], Family(row["family"])
	switch {
	case source == "":
		return m, nil
	case strings.Contains(source, "*"):
		m.class = true
		m.From = Code{Family: f, Symbol: source}
		return m, nil
	}
	n, err := strconv.ParseUint(source, 0, 32)
	if err != nil {
		return m, err
	}
	from := x.byFamily[familyNumber{f, uint32(n)}]
	if from == nil {
		return m, fmt.Errorf("source %s %s is in no table", f, source)
	}
	m.From = *from
	return m, nil
}

// prefixes are what people leave out of a symbol. A longer one comes before those that it begins with.
var prefixes = []string{"error_winhttp_", "error_internet_", "error_http_", "error_", "wsa_", "wsa",
	"status_", "sec_e_", "sec_i_", "cert_e_", "crypt_e_", "trust_e_", "nte_",
	"dns_error_rcode_", "dns_error_", "dns_info_", "wait_", "winhttp_callback_status_flag_"}

func (x *index) add(c *Code) {
	x.codes = append(x.codes, c)
	name := strings.ToLower(c.Symbol)
	x.byName[name] = append(x.byName[name], c)
	for _, a := range c.Aliases {
		a = strings.ToLower(a)
		x.byName[a] = append(x.byName[a], c)
	}
	for _, p := range prefixes {
		if short, ok := strings.CutPrefix(name, p); ok {
			x.byShort[short] = append(x.byShort[short], c)
			break
		}
	}
	for rest := name; ; {
		_, after, ok := strings.Cut(rest, "_")
		if !ok {
			break
		}
		x.bySuffix[after] = append(x.bySuffix[after], c)
		rest = after
	}
	if c.Family == HTTPErr {
		return
	}
	if k := (familyNumber{c.Family, c.Number}); x.byFamily[k] == nil {
		x.byFamily[k] = c
	}
	if c.Family == SecureFailureFlag {
		return // small bits would turn up in the meanings of every small number
	}
	for _, n := range c.forms() {
		x.byNumber[n] = append(x.byNumber[n], c)
		// A small NTSTATUS cannot be told from a Windows error by its number.
		if isError(c.Family) && x.byCode[n] == nil && !(c.Family == NTStatus && n < facilityNT) {
			x.byCode[n] = c
		}
	}
}

// forms returns the numbers under which a code appears, without repeats. Zero in an HRESULT of
// FACILITY_WIN32 is no valid HRESULT, but messages print it.
func (c *Code) forms() []uint32 {
	forms := []uint32{c.Number}
	switch c.Family {
	case Win32, Winsock, WinHTTP, WinINet:
		forms = append(forms, facilityWin32|c.Number)
	case NTStatus:
		if c.Number != 0 {
			forms = append(forms, c.Number|facilityNT)
		}
	}
	return forms
}

func isError(f Family) bool { return slices.Contains(errorFamilies, f) }
