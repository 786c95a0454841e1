// Package textline parts the lines of the texts that logs for tests are written in:
//
//	2026-03-05T09:12:19Z "Application Error" 1000 error Path="C:\\Program Files\\a.exe"
package textline

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// Lines yields the lines of a text that say something, by number from 1, without the blanks around them: those that are
// empty or begin with # do not.
func Lines(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		n := 0
		for line := range strings.Lines(text) {
			n++
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' && !yield(n, line) {
				return
			}
		}
	}
}

// Split parts a line at blanks that are not inside the quotes of Go. The words keep their quotes. The error is one of a
// quote that does not end.
func Split(line string) (words []string, err error) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		n := 0
		for n < len(line) && line[n] != ' ' {
			if line[n] != '"' {
				n++
				continue
			}
			quoted, err := strconv.QuotedPrefix(line[n:])
			if err != nil {
				return nil, fmt.Errorf("a quote without end: %.40s", line[n:])
			}
			n += len(quoted)
		}
		words = append(words, line[:n])
		line = line[n:]
	}
	return words, nil
}

// Unquote returns the text that a word stands for: itself, if it is not one in the quotes that [Split] heeds.
func Unquote(word string) string {
	if !strings.HasPrefix(word, `"`) {
		return word
	}
	if plain, err := strconv.Unquote(word); err == nil {
		return plain
	}
	return word
}
