package charset_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/etwhy/etwhy/decode/charset"
)

var (
	little     = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	big        = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	markLittle = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	markBig    = unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
)

func encoded(t testing.TB, enc encoding.Encoding, text string) []byte {
	t.Helper()
	b, err := enc.NewEncoder().Bytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNewReader(t *testing.T) {
	const story = "<?xml version=\"1.0\"?>\r\n<a>Grüße, Привет, 日本語 😀</a>"
	tests := []struct {
		name string
		in   []byte
		want string
		mark int64
	}{
		{"UTF-8", []byte(story), story, 0},
		{"UTF-8 with a mark", []byte("\ufeff" + story), story, 3},
		{"little-endian", encoded(t, little, story), story, 0},
		{"big-endian", encoded(t, big, story), story, 0},
		{"little-endian with a mark", encoded(t, markLittle, story), story, 0},
		{"big-endian with a mark", encoded(t, markBig, story), story, 0},
		{"mark, first character not ASCII", encoded(t, markLittle, "日本"), "日本", 0},
		{"code page", []byte("Gr\x81\xe1e"), "Gr\x81\xe1e", 0},
		{"zero bytes in front", []byte("\x00\x00\x00#Fields"), "\x00\x00\x00#Fields", 0},
		{"one zero byte in front", []byte("\x00#Fields"), "\x00#Fields", 0},
		{"nothing", nil, "", 0},
		{"marks alone", []byte("\xef\xbb\xbf"), "", 3},
		{"mark of UTF-16 alone", []byte("\xff\xfe"), "", 0},
		{"half a mark", []byte("\xef\xbb"), "\xef\xbb", 0},
		{"one character", []byte("<\x00"), "<\x00", 0}, // too little to tell
		{"half a character", []byte("<\x00a\x00>"), "<a\ufffd", 0},
		{"half a pair", encoded(t, little, "<a😀")[:6], "<a\ufffd", 0},
		{"two marks", []byte("\ufeff\ufeffa"), "\ufeffa", 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, in := range map[string]io.Reader{
				"whole": bytes.NewReader(tt.in), "byte by byte": iotest.OneByteReader(bytes.NewReader(tt.in)), "end with data": iotest.DataErrReader(bytes.NewReader(tt.in)),
			} {
				r, mark := charset.NewReader(in)
				if got, err := io.ReadAll(r); string(got) != tt.want || mark != tt.mark || err != nil {
					t.Errorf("%s: %q with a mark of %d bytes, %v", name, got, mark, err)
				}
			}
			if got := charset.Bytes(tt.in); string(got) != tt.want {
				t.Errorf("Bytes: %q", got)
			}
		})
	}
}

// An error comes behind all that could be read, wherever it happens, and is not taken for the end.
func TestError(t *testing.T) {
	broken := errors.New("cable unplugged")
	for _, enc := range []encoding.Encoding{unicode.UTF8, unicode.UTF8BOM, little, markBig} {
		whole := encoded(t, enc, "<a>text</a>")
		for n := range len(whole) {
			// once is a reader that tells its error only once.
			once := io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(broken))
			r, _ := charset.NewReader(once)
			got, err := io.ReadAll(r)
			if !errors.Is(err, broken) {
				t.Fatalf("%d bytes: %q, %v", n, got, err)
			}
			if enc == unicode.UTF8 && string(got) != string(whole[:n]) {
				t.Errorf("%d bytes: %q", n, got)
			}
		}
	}
	r, _ := charset.NewReader(idle{})
	if _, err := io.ReadAll(r); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
}

// idle is a Reader that never gets anywhere.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// ticks is n times a text.
type ticks struct {
	text []byte
	left int
}

func (r *ticks) Read(p []byte) (n int, err error) {
	for ; r.left > 0 && len(p)-n >= len(r.text); r.left-- {
		n += copy(p[n:], r.text)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func TestMemory(t *testing.T) {
	const size = 256 << 20
	for name, text := range map[string][]byte{"UTF-8": []byte("ab"), "UTF-16": encoded(t, little, "a")} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, _ := charset.NewReader(&ticks{text, size / len(text)})
		n, err := io.Copy(io.Discard, struct{ io.Reader }{r})
		runtime.ReadMemStats(&after)
		if want := int64(size/len(text)) * int64(len(charset.Bytes(bytes.Repeat(text, 8)))) / 8; n != want || err != nil {
			t.Errorf("%s: %d bytes of %d, %v", name, n, want, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
			t.Errorf("%s: %d bytes allocated", name, used)
		}
	}
}

// What consoles of each language print, as its machines write it.
func TestGuess(t *testing.T) {
	const (
		german   = "Name der Anforderungswarteschlange: Größe ändern, Prozesse für später, Übersicht"
		french   = "Nom de l'hôte: SERVEUR\r\nNom du système d'exploitation: Année de référence à vérifier"
		polish   = "Nazwa hosta: Aktywne połączenia, Zażółć gęślą jaźń, następnie wyłączone"
		russian  = "Имя узла: активные подключения, состояние очереди запросов"
		nihongo  = "要求キューの名前: アクティブなプロセスの数"
		hangugeo = "호스트 이름: 활성 프로세스 수와 요청 큐 이름"
		chinese  = "请求队列名称: 活动进程数和状态"
		taiwan   = "要求佇列名稱: 使用中的處理程序數目"
	)
	tests := []struct {
		text, want string
		enc        encoding.Encoding
	}{
		{"plain ASCII", "UTF-8", unicode.UTF8},
		{german, "UTF-8", unicode.UTF8},
		{german, "UTF-8", unicode.UTF8BOM},
		{german, "UTF-16", little},
		{german, "UTF-16", big},
		{german, "UTF-16", markBig},
		{german, "850", charmap.CodePage850},
		{german, "850", charmap.CodePage437},
		{german, "1252", charmap.Windows1252},
		{french, "850", charmap.CodePage850},
		{french, "1252", charmap.Windows1252},
		{polish, "852", charmap.CodePage852},
		{russian, "866", charmap.CodePage866},
		{nihongo, "932", japanese.ShiftJIS},
		{hangugeo, "949", korean.EUCKR},
		{chinese, "936", simplifiedchinese.GBK},
		{taiwan, "950", traditionalchinese.Big5},
	}
	for _, tt := range tests {
		b := encoded(t, tt.enc, tt.text)
		name, enc := charset.Guess(b, true)
		got, err := enc.NewDecoder().Bytes(b)
		if name != tt.want || string(got) != tt.text || err != nil {
			t.Errorf("%s as %s: %q, %v", tt.want, name, got, err)
		}
	}
}

// A character that the beginning cuts does not make another encoding of it; one that the text cuts does.
func TestGuessCut(t *testing.T) {
	text := []byte("Größe 日本 😀")
	for n := range len(text) + 1 {
		if name, _ := charset.Guess(text[:n], false); name != "UTF-8" {
			t.Errorf("%d bytes: %s", n, name)
		}
		if name, _ := charset.Guess(text[:n], true); (name == "UTF-8") != utf8.Valid(text[:n]) {
			t.Errorf("all %d bytes: %s", n, name)
		}
	}
}

func TestString(t *testing.T) {
	for _, tt := range []struct {
		in   string
		page encoding.Encoding
		want string
	}{
		{"", nil, ""},
		{"Grüße", nil, "Grüße"},
		{"Grüße", charmap.CodePage866, "Grüße"},
		{"Gr\xfc\xdfe", nil, "Grüße"},
		{"\x8f\xe0\xa8\xa2\xa5\xe2", charmap.CodePage866, "Привет"},
		{"\x93\xfa\x96\x7b", japanese.ShiftJIS, "日本"},
		{"\x93\xfa\x96", japanese.ShiftJIS, "日\ufffd"},
	} {
		if got := charset.String([]byte(tt.in), tt.page); got != tt.want {
			t.Errorf("%q: %q", tt.in, got)
		}
	}
}

func FuzzNewReader(f *testing.F) {
	f.Add([]byte("<a>Grüße</a>"))
	f.Add([]byte("\xff\xfe<\x00a\x00\x3d\xd8\x00"))
	f.Add([]byte("\x00<\x00a\x00"))
	f.Add([]byte("\xef\xbb\xbfa\x84"))
	f.Fuzz(func(t *testing.T, b []byte) {
		want := charset.Bytes(b)
		for _, in := range []io.Reader{bytes.NewReader(b), iotest.HalfReader(bytes.NewReader(b))} {
			r, mark := charset.NewReader(in)
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%q and %q, %v", got, want, err)
			}
			if mark > 0 && !bytes.Equal(b[mark:], got) {
				t.Fatalf("a mark of %d bytes in front of %q", mark, got)
			}
		}
		name, enc := charset.Guess(b, true)
		text, err := enc.NewDecoder().Bytes(b)
		if err != nil || !utf8.Valid(text) {
			t.Fatalf("%s: %q, %v", name, text, err)
		}
		// Where nothing is guessed, both say the same.
		if (name == "UTF-8" || name == "UTF-16") && !bytes.Equal(text, want) {
			t.Fatalf("%s: %q and %q", name, text, want)
		}
		if s := charset.String(b, nil); !utf8.ValidString(s) || utf8.Valid(b) && s != string(b) {
			t.Fatalf("%q", s)
		}
	})
}

func ExampleNewReader() {
	file := strings.NewReader("\xff\xfe<\x00a\x00/\x00>\x00") // as PowerShell's > writes it
	text, _ := charset.NewReader(file)
	b, _ := io.ReadAll(text)
	fmt.Printf("%s\n", b)
	// Output: <a/>
}

func ExampleGuess() {
	line := []byte("Max. Gr\x94\xe1e der Warteschlange: 1000") // netsh on a German machine
	name, encoding := charset.Guess(line, true)
	text, _ := encoding.NewDecoder().Bytes(line)
	fmt.Printf("%s: %s\n", name, text)
	// Output: 850: Max. Größe der Warteschlange: 1000
}
