package cab_test

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/cab"
	"github.com/etwhy/etwhy/cab/cabtest"
)

var nameTests = []struct{ raw, want string }{
	{"report.etl", "report.etl"},
	{`dir\sub\file.txt`, "dir/sub/file.txt"},
	{"dir/sub/file.txt", "dir/sub/file.txt"},
	{"", "_"},
	{".", "_"},
	{"..", "_"},
	{`..\..\..`, "_"},
	{"/", "_"},
	{"C:", "_"},
	{`..\..\windows\system32\evil.dll`, "windows/system32/evil.dll"},
	{"a/../b", "a/b"},
	{"a/./b", "a/b"},
	{"a//b/", "a/b"},
	{"/etc/passwd", "etc/passwd"},
	{`C:\windows\x`, "windows/x"},
	{"c:x", "x"},
	{`C:..\x`, "x"},
	{`C:D:\x`, "D_/x"},
	{`\\server\share\x`, "server/share/x"},
	{`\\?\C:\x`, "_/C_/x"},
	{"file.txt:stream", "file.txt_stream"},
	{"file.txt::$DATA", "file.txt__$DATA"},
	{"con", "_con"},
	{"CON", "_CON"},
	{"nul.txt", "_nul.txt"},
	{"NUL .txt", "_NUL .txt"},
	{"nul.tar.gz", "_nul.tar.gz"},
	{"aux/x", "_aux/x"},
	{"com1.log", "_com1.log"},
	{"COM¹", "_COM¹"},
	{"lpt9", "_lpt9"},
	{"conin$", "_conin$"},
	{"prn. ", "_prn"},
	{"console.txt", "console.txt"},
	{"com10", "com10"},
	{"xcon", "xcon"},
	{"a. . .", "a"},
	{"dir. /file ", "dir/file"},
	{"... /x", "x"},
	{" leading", " leading"},
	{"a\tb\nc\x7f", "a_b_c_"},
	{`a*b?c"d<e>f|g`, "a_b_c_d_e_f_g"},
	{"gnp.\u202etxt.exe", "gnp._txt.exe"},
	{"täst.dat", "täst.dat"},
	{"文件.txt", "文件.txt"},
	{"~/.ssh", "~/.ssh"},
	{"-rf", "-rf"},
}

func TestCleanName(t *testing.T) {
	for _, test := range nameTests {
		got := cab.CleanName(test.raw)
		if got != test.want {
			t.Errorf("CleanName(%q) = %q, want %q", test.raw, got, test.want)
		}
		if again := cab.CleanName(got); again != got {
			t.Errorf("CleanName(%q) = %q is not clean: %q", test.raw, got, again)
		}
	}
	if got := cab.CleanName("a\xffb"); !fs.ValidPath(got) {
		t.Errorf("%q is not valid", got)
	}
}

// names returns the names of a cabinet of files with the raw names.
func names(t *testing.T, raw ...string) []string {
	t.Helper()
	var folder cabtest.Folder
	for _, name := range raw {
		folder.Files = append(folder.Files, cabtest.File{Name: name})
	}
	var got []string
	for i, f := range open(t, build(t, cabtest.Cabinet{Folders: []cabtest.Folder{folder}})).File {
		if f.RawName != raw[i] {
			t.Fatalf("RawName = %q, want %q", f.RawName, raw[i])
		}
		got = append(got, f.Name)
	}
	return got
}

func TestNames(t *testing.T) {
	tests := []struct{ raw, want []string }{
		{[]string{"a.txt", "a.txt", "A.TXT", `.\a.txt`}, []string{"a.txt", "a_2.txt", "A_3.TXT", "a_4.txt"}},
		{[]string{"a_2.txt", "a.txt", "a.txt", "a_2.txt"}, []string{"a_2.txt", "a.txt", "a_3.txt", "a_2_2.txt"}},
		{[]string{"x", `x\y`, "X"}, []string{"x_2", "x/y", "X_3"}},
		{[]string{`x\y`, `x\y\z`}, []string{"x/y_2", "x/y/z"}},
		{[]string{"..", ".", "_"}, []string{"_", "__2", "__3"}},
		{[]string{"con", "_con"}, []string{"_con", "_con_2"}},
		{[]string{`d.x\f`, `d.x\f`}, []string{"d.x/f", "d.x/f_2"}},
		{[]string{"t\xc3\xa9st", "t\xe9st", "caf\xe9", "\x81\x80"}, []string{"tést", "tést_2", "café", "\ufffd€"}},
	}
	for _, test := range tests {
		if got := names(t, test.raw...); !slices.Equal(got, test.want) {
			t.Errorf("%q: %q, want %q", test.raw, got, test.want)
		}
	}
}

// Ten thousand files of one name, and names that are made to collide with what becomes of them.
func TestManyCollisions(t *testing.T) {
	var raw []string
	for i := range 10_000 {
		raw = append(raw, "same.txt", fmt.Sprintf("same_%d.txt", i))
	}
	seen := map[string]bool{}
	for _, name := range names(t, raw...) {
		if seen[strings.ToLower(name)] {
			t.Fatalf("%q twice", name)
		}
		seen[strings.ToLower(name)] = true
	}
}
