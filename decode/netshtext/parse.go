package netshtext

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/transform"

	"github.com/etwhy/etwhy/decode/charset"
)

// HeadSize is how much of a file [Recognise] should see.
const HeadSize = 64 << 10

const (
	maxSize    = 64 << 20 // of a text, once decoded
	maxLine    = 64 << 10
	maxEntries = 100_000 // of each list
)

// Recognise tells which command's output head is, the first HeadSize bytes of a file or all of it. It goes by
// content, never by name. Of several commands it returns the most telling.
func Recognise(head []byte) (Kind, bool) {
	t, err := Parse(bytes.NewReader(head[:min(len(head), HeadSize)]))
	if err != nil {
		return Unknown, false
	}
	return t.Kinds[0], true
}

// Parse reads a text. Without a known command's output in it the error is ErrUnknown. If r fails, its error is
// returned along with what was read before.
func Parse(r io.Reader) (*Text, error) {
	in := bufio.NewReaderSize(r, HeadSize)
	head, err := in.Peek(HeadSize)
	p := newParser()
	name, encoding := charset.Guess(head, err != nil)
	p.Charset = name
	text := &io.LimitedReader{R: transform.NewReader(in, encoding.NewDecoder()), N: maxSize}
	err = p.lines(text)
	if text.N <= 0 {
		p.anomaly(TooLong)
	}
	p.finish()
	if err == nil && len(p.Kinds) == 0 {
		err = ErrUnknown
	}
	return &p.Text, err
}

// lines feeds every line to every reader.
func (p *parser) lines(r io.Reader) error {
	in := bufio.NewReaderSize(r, maxLine)
	rest := false // the line before was too long, and this is more of it
	for {
		data, err := in.ReadSlice('\n')
		if !rest && len(data) > 0 {
			p.number++
			l := newLine(data, p.number)
			for _, k := range kinds {
				if k.read != nil {
					k.read(p, &l)
				}
			}
			if err == bufio.ErrBufferFull {
				p.anomaly(LongLine)
			}
		}
		switch rest = err == bufio.ErrBufferFull; {
		case err == io.EOF:
			return nil
		case err != nil && !rest:
			return err
		}
	}
}

// A line is one line, and what most readers need of it.
type line struct {
	text   string // without the blanks around it
	indent int    // blanks before it
	number int
	// Of "LABEL: VALUE" both, without blanks and leaders around. A line without is bare. Labels are translated.
	label, value string
	bare         bool
}

func newLine(data []byte, number int) line {
	s := strings.TrimRight(strings.ToValidUTF8(string(data), "\ufffd"), " \t\r\n\x00\x1a\u00a0\u3000")
	l := line{text: strings.TrimLeft(s, " \t"), number: number, bare: true}
	l.indent = len(s) - len(l.text)
	for i, r := range l.text {
		after := l.text[i+utf8.RuneLen(r):]
		if r == '：' || r == ':' && (after == "" || after[0] == ' ' || after[0] == '\t') {
			l.label = strings.TrimRight(l.text[:i], " .\t\u00a0\u3000")
			l.value = strings.TrimLeft(after, " \t\u00a0\u3000")
			l.bare = false
			break
		}
	}
	return l
}

// A parser holds what the readers keep from line to line.
type parser struct {
	Text
	number int // of the line

	found     map[Kind]bool
	full      map[Kind]bool // list was cut
	addresses map[netip.Addr]bool

	state state
	ports map[connection]bool
	ends  map[netip.AddrPort]*Remote

	pending *Reservation
	level   int // indent of its users
	tls     []line
	ruler   int  // lines since one of hyphens; 0 = not near one
	list    bool // what follows the ruler are addresses
	title   line // the line before the ruler
	numbers []int
	winHTTP int      // lines read since the title of the proxy settings, from 1
	before  []string // values of the last lines of systeminfo
	section string   // the last heading of ipconfig
	address netip.Addr
}

func newParser() *parser {
	return &parser{
		found: make(map[Kind]bool), full: make(map[Kind]bool), addresses: make(map[netip.Addr]bool),
		ports: make(map[connection]bool), ends: make(map[netip.AddrPort]*Remote),
		state: state{count: make(map[key]int), unnamed: make(map[string]bool)},
	}
}

func (p *parser) anomaly(k AnomalyKind) {
	if len(p.Anomalies) < 1000 {
		p.Anomalies = append(p.Anomalies, Anomaly{k, p.number})
	}
}

// room reports whether a list of n entries may grow, and that there is something of the kind.
func (p *parser) room(k Kind, n int) bool {
	p.found[k] = true
	if n < maxEntries {
		return true
	}
	if !p.full[k] {
		p.full[k] = true
		p.anomaly(TooMany)
	}
	return false
}

// own keeps an address of the machine.
func (p *parser) own(a netip.Addr) {
	a = a.WithZone("").Unmap()
	if a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && len(p.addresses) < maxEntries {
		p.addresses[a] = true
	}
}

// finish makes lists of what was gathered.
func (p *parser) finish() {
	p.finishQueues()
	p.finishConnections()
	p.finishCertificate()
	p.Addresses = slices.SortedFunc(maps.Keys(p.addresses), netip.Addr.Compare)
	p.Kinds = slices.Sorted(maps.Keys(p.found))
}
