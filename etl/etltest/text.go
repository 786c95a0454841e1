package etltest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the nesting of values: deep enough for any test, far from the stack's end.
const maxDepth = 4000

// blanks separate words; a newline stands between a line and one that continues it.
const blanks = " \t\n"

// token returns the first word of s, that is up to a blank outside quotes and brackets (or up to
// stop, if not 0), and the rest.
func token(s string, stop byte) (word, rest string, err error) {
	var open []byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\'':
			n := quoted(s[i:])
			if n < 0 {
				return "", "", fmt.Errorf("%c without its end", c)
			}
			i += n - 1
		case c == '{' || c == '[':
			if open = append(open, c+2); len(open) > maxDepth { // the closing one is two further in ASCII
				return "", "", fmt.Errorf("more than %d brackets within each other", maxDepth)
			}
		case c == '}' || c == ']':
			if len(open) == 0 || open[len(open)-1] != c {
				return "", "", fmt.Errorf("%c without its start", c)
			}
			open = open[:len(open)-1]
		case len(open) > 0:
		case stop == 0 && strings.IndexByte(blanks, c) >= 0, stop != 0 && c == stop:
			return s[:i], s[i:], nil
		}
	}
	if len(open) > 0 {
		return "", "", fmt.Errorf("%c is missing; quote a value that has single brackets", open[len(open)-1])
	}
	return s, "", nil
}

// quoted returns the length of the quoted string at the start of s, or -1 if it does not end.
func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return i + 1
		case s[i] == '\n':
			return -1
		case s[i] == '\\' && s[0] == '"':
			i++
		}
	}
	return -1
}

// words splits a line at blanks. "#" at the start of a word begins a comment.
func words(s string) (list []string, err error) {
	for s = strings.TrimLeft(s, blanks); s != ""; s = strings.TrimLeft(s, blanks) {
		if s[0] == '#' {
			_, s, _ = strings.Cut(s, "\n")
			continue
		}
		var w string
		if w, s, err = token(s, 0); err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	return list, nil
}

// unquote returns the text that a word stands for.
func unquote(s string) (string, error) {
	switch {
	case s == "" || quoted(s) != len(s):
		return s, nil
	case s[0] == '\'':
		return s[1 : len(s)-1], nil
	case s[0] == '"':
		t, err := strconv.Unquote(s)
		if err != nil {
			return "", fmt.Errorf(`%s has an escape that Go does not know; in '...' a backslash is just that`, s)
		}
		return t, nil
	}
	return s, nil
}

// quote is the inverse of unquote: s as it is if it can stand as one word.
func quote(s string) string {
	if plainWord(s) {
		return s
	}
	printable := utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) })
	if printable && strings.Contains(s, `\`) && !strings.Contains(s, "'") {
		return "'" + s + "'"
	}
	return strconv.Quote(s)
}

func plainWord(s string) bool {
	if s == "" || s[0] == '"' || s[0] == '\'' || s[0] == '#' || strings.HasPrefix(s, "<<") ||
		!utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r != ' ' && !strconv.IsPrint(r) }) {
		return false
	}
	word, rest, err := token(s, 0)
	return err == nil && word == s && rest == ""
}

// splitList splits "[a, b, c]" into its elements. An empty string is an empty list.
func splitList(s string) (elements []string, err error) {
	if s == "" || s == "[]" {
		return nil, nil
	}
	if s[0] != '[' || s[len(s)-1] != ']' {
		return nil, fmt.Errorf("%q is not a list like [1,2,3]", s)
	}
	for s = s[1 : len(s)-1]; ; s = s[1:] {
		var e string
		if e, s, err = token(s, ','); err != nil {
			return nil, err
		}
		if e, err = unquote(strings.TrimSpace(e)); err != nil {
			return nil, err
		}
		elements = append(elements, e)
		if s == "" {
			return elements, nil
		}
	}
}

// splitStruct splits "{a=1 b=2}" into fields.
func splitStruct(s string) ([]Field, error) {
	if s == "" {
		return nil, nil
	}
	if s[0] != '{' || s[len(s)-1] != '}' {
		return nil, fmt.Errorf("%q is not a struct like {A=1 B=2}", s)
	}
	list, err := words(s[1 : len(s)-1])
	if err != nil {
		return nil, err
	}
	return fields(list)
}

// fields reads words of the form Name=value, Name:Type=value or Name:Type.
func fields(words []string) ([]Field, error) {
	list := make([]Field, 0, len(words))
	for _, w := range words {
		head, value, _ := strings.Cut(w, "=")
		name, typ, typed := strings.Cut(head, ":")
		if name == "" || strings.ContainsAny(head, `"'{}`) || typed == (typ == "") || !typed && head == w {
			return nil, fmt.Errorf("%q is not a field; want Name=value or Name:Type=value", w)
		}
		text, err := unquote(value)
		if err != nil {
			return nil, err
		}
		list = append(list, Field{name, typ, text})
	}
	return list, nil
}

func (f Field) append(b []byte) []byte {
	b = append(append(b, ' '), f.Name...)
	if f.Type != "" {
		b = append(append(b, ':'), f.Type...)
	}
	if f.Type != "" && f.Value == "" {
		return b
	}
	return append(append(b, '='), quote(f.Value)...)
}

// A source is the lines of a text.
type source struct {
	lines []string
	n     int // lines taken
}

// next returns the next line with those that continue it (they begin with a blank), and the
// number of the first. Comments and empty lines are left out. ok is false at the end.
func (s *source) next() (line string, number int, ok bool) {
	for ; s.n < len(s.lines); s.n++ {
		text := strings.TrimSpace(s.lines[s.n])
		if text == "" || text[0] == '#' {
			continue
		}
		continues := s.lines[s.n][0] == ' ' || s.lines[s.n][0] == '\t'
		if ok && !continues {
			return line, number, true
		}
		if !ok {
			number, ok = s.n+1, true
		}
		line += "\n" + text
	}
	return line, number, ok
}

// block returns the lines up to one that is just end.
func (s *source) block(end string) (string, error) {
	for i := s.n; i < len(s.lines); i++ {
		if s.lines[i] == end {
			text := strings.Join(s.lines[s.n:i], "\n")
			s.n = i + 1
			return text, nil
		}
	}
	return "", errors.New("no line " + end + " ends the block")
}
