package cab

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// decodeName makes text of a name as it lies in a cabinet. FileHeader.RawName says how.
func decodeName(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	var b strings.Builder
	for _, c := range raw {
		b.WriteRune(charmap.Windows1252.DecodeByte(c))
	}
	return b.String()
}

// devices are the names that Windows gives to devices in every directory, with any extension.
var devices = strings.Fields("con prn aux nul clock$ conin$ conout$ " +
	"com0 com1 com2 com3 com4 com5 com6 com7 com8 com9 com¹ com² com³ " +
	"lpt0 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9 lpt¹ lpt² lpt³")

// CleanName makes name, from a source that is not trusted, safe as a path below some directory on
// any system: slash separated, relative, valid by [fs.ValidPath], at least one element, never ".".
//
//	\ becomes /                                dir\file      → dir/file
//	roots and drive letters go                 C:\a, \\h\s\a → a, h/s/a
//	"", "." and ".." go                        ../../a       → a
//	so do blanks and dots at the end           a. ./b..      → a/b
//	: * ? " < > | and what cannot be printed   a:s, a\nb     → a_s, a_b
//	names of devices get an underscore         nul.txt       → _nul.txt
//
// Different names can become equal: [FileHeader.Name] is unique, CleanName alone is not.
func CleanName(name string) string {
	name = strings.TrimLeft(strings.ReplaceAll(name, `\`, "/"), "/")
	if len(name) >= 2 && name[1] == ':' && 'a' <= name[0]|0x20 && name[0]|0x20 <= 'z' {
		name = name[2:]
	}
	var elems []string
	for elem := range strings.SplitSeq(name, "/") {
		elem = strings.TrimRight(strings.Map(harmless, elem), " .")
		if elem == "" { // "." and ".." too
			continue
		}
		base, _, _ := strings.Cut(elem, ".")
		if slices.Contains(devices, strings.ToLower(strings.TrimRight(base, " "))) {
			elem = "_" + elem
		}
		elems = append(elems, elem)
	}
	if len(elems) == 0 {
		return "_"
	}
	return strings.Join(elems, "/")
}

// harmless replaces what means something to a file system, or shows something else than it is.
func harmless(r rune) rune {
	if strings.ContainsRune(`:*?"<>|`, r) || !unicode.IsPrint(r) {
		return '_'
	}
	return r
}

// nameFiles sets the Name of each file. No two are equal without regard to case, and none is a
// directory in the path of another.
func nameFiles(files []*File) {
	paths := make([]string, len(files))
	for i, f := range files {
		f.Name = CleanName(decodeName([]byte(f.RawName)))
		paths[i] = strings.ToLower(f.Name)
	}
	slices.Sort(paths)
	isDir := func(key string) bool {
		i, _ := slices.BinarySearch(paths, key+"/")
		return i < len(paths) && strings.HasPrefix(paths[i], key+"/")
	}
	// asked counts how often a name was tried, so that many files of one name do not try the same
	// numbers again and again.
	asked := make(map[string]int, len(files))
	for _, f := range files {
		name := f.Name
		want := strings.ToLower(name)
		for key := want; asked[key] > 0 || isDir(key); key = strings.ToLower(f.Name) {
			asked[want] = max(asked[want], 1) + 1
			ext := path.Ext(name)
			f.Name = fmt.Sprintf("%s_%d%s", strings.TrimSuffix(name, ext), asked[want], ext)
		}
		asked[strings.ToLower(f.Name)] = max(asked[strings.ToLower(f.Name)], 1)
	}
}
