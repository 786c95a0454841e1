package timeline

import (
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
		if s.settings != nil {
			files = append(files, s.settings)
		}
		if s.console != nil {
			m.consoles = append(m.consoles, printed{s.console, i})
		}
	}
	m.settings = iisconfig.NewServer(files...)
	m.configured = len(files) > 0
}

// A printed text is what a command printed, and the input that holds it.
type printed struct {
	*netshtext.Text
	input int
}
