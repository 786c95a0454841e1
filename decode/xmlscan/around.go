package xmlscan

import "bytes"

// An Around follows the element around those that a reader cuts out of a text one by one, so that damage costs one of
// them alone. Whether it has an end tells a text that is whole from one that was cut between two of them. The zero
// Around is ready for use.
type Around struct {
	begun  bool
	end    []byte // of the outermost element, without ">"; nil = nothing is around
	passed []byte // of what was passed: the prolog, then what may be the beginning of end
}

// maxProlog is how much of a text in front of the first element is looked at, in bytes.
const maxProlog = 64 << 10

// Pass takes what stands in front of, between and behind the elements, in any pieces. It keeps nothing of b.
func (a *Around) Pass(b []byte) {
	if !a.begun {
		a.passed = append(a.passed, b[:min(len(b), maxProlog-len(a.passed))]...)
		return
	}
	if a.end == nil {
		return
	}
	a.passed = append(a.passed, b...)
	if bytes.Contains(a.passed, a.end) {
		a.end = nil
		return
	}
	keep := min(len(a.passed), len(a.end)-1)
	a.passed = append(a.passed[:0], a.passed[len(a.passed)-keep:]...)
}

// Begin says that one of the elements begins.
func (a *Around) Begin() {
	if !a.begun {
		a.begun = true
		if name := outermost(a.passed); name != nil {
			a.end = append([]byte("</"), name...)
		}
	}
	a.passed = a.passed[:0]
}

// Open reports whether an element was begun around the others and had no end yet.
func (a *Around) Open() bool { return a.end != nil }

// outermost returns the name of the outermost element that has no end, or nil. It aliases text.
func outermost(text []byte) []byte {
	s := NewBytes(text)
	var name []byte
	for depth := 0; ; {
		switch s.Next() {
		case StartTag:
			if s.Empty {
				continue
			}
			if depth == 0 {
				name = s.Name
			}
			depth++
		case EndTag:
			if depth--; depth <= 0 {
				depth, name = 0, nil
			}
		case AtEnd, Broken:
			return name
		}
	}
}
