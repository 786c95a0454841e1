package redact

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write words.txt")

// sources are the folders whose texts reach reports.
var sources = []string{"timeline", "decode", "etl", "cab"}

// words.txt has every word of the strings that the source has, and no others.
func TestWords(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := map[string]bool{}
	for _, dir := range sources {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "testdata" || d.Name() == "redact" || strings.HasSuffix(d.Name(), "test")):
				return fs.SkipDir
			case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			imports := map[*ast.BasicLit]bool{}
			for _, i := range f.Imports {
				imports[i.Path] = true
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && !imports[lit] {
					if text, err := strconv.Unquote(lit.Value); err == nil {
						addWords(seen, text)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var list strings.Builder
	for _, w := range slices.Sorted(func(yield func(string) bool) {
		for w := range seen {
			if !yield(w) {
				return
			}
		}
	}) {
		list.WriteString(w + "\n")
	}
	if *update {
		if err := os.WriteFile("words.txt", []byte(list.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if list.String() != wordList {
		t.Error("texts of this module have other words than words.txt: run go generate ./timeline/redact")
	}
}

// addWords adds the words of a text that have a letter.
func addWords(seen map[string]bool, text string) {
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r != '_' && (r > 0x7f || !isWord(byte(r))) }) {
		// Numbers pass by their form; parts of GUIDs are no words.
		if len(w) <= 40 && !isDigit(w[0]) && (strings.Trim(lowered(w), "0123456789abcdef") != "" || !strings.ContainsAny(w, "0123456789")) {
			seen[lowered(w)] = true
		}
	}
}
