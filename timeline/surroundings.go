package timeline

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/etwhy/etwhy/decode/errorpage"
	"github.com/etwhy/etwhy/decode/iisconfig"
	"github.com/etwhy/etwhy/decode/netshtext"
)

// Settings takes a configuration file of the machine.
func (s *Session) Settings(f *iisconfig.File) { s.settings = f }

// Console takes what a command printed on the machine's console.
func (s *Session) Console(t *netshtext.Text) {
	s.host(t.Machine)
	for _, a := range t.Addresses {
		s.address(a.String())
	}
	s.console = t
}

// Page takes an error page that a user saved.
func (s *Session) Page(p *errorpage.Page) { s.page = p }

// furnish collects what the inputs of the machine tell of it as a whole.
func (m *Machine) furnish(b *Builder) {
	m.gather(b)
	var files []*iisconfig.File
	for _, i := range m.Inputs {
		s := b.sessions[i]
		s.sortUsages()
		if s.settings != nil {
			files = append(files, s.settings)
		}
		if s.console != nil {
			m.consoles = append(m.consoles, printed{s.console, i})
		}
	}
	m.settings = iisconfig.NewServer(files...)
	m.history = slices.DeleteFunc(slices.Clone(files), func(f *iisconfig.File) bool { return f.Kind != iisconfig.ApplicationHost })
	slices.SortStableFunc(m.history, func(x, y *iisconfig.File) int {
		return cmp.Compare(x.History-1, y.History-1) // 0, the one in use, comes last
	})
	m.configured = len(files) > 0
}

// changed returns what the last change of applicationHost.config was, as far as its history shows it, and between
// which copies.
func (m *Machine) changed() (diff []iisconfig.Change, between string) {
	for i := len(m.history) - 1; i > 0; i-- {
		from, to := m.history[i-1], m.history[i]
		if from.Partial() || to.Partial() {
			continue
		}
		if diff = iisconfig.Diff(from, to); len(diff) > 0 {
			return diff, "the history of applicationHost.config since copy " + strconv.FormatUint(from.History, 10)
		}
	}
	return nil, ""
}

// A printed text is what a command printed, and the input that holds it.
type printed struct {
	*netshtext.Text
	input int
}
