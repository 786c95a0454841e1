package frebtest_test

import (
	"strings"
	"testing"

	"github.com/etwhy/etwhy/decode/freb/frebtest"
)

func TestXML(t *testing.T) {
	file, err := frebtest.XML("# made\nurl http://h/?a&b\n12:00:00.000 @7 E A=1~\"one & two\" B=\"x y\" C=\n12:00:01.000 > M 128p\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`url="http://h/?a&amp;b"`, `ThreadID="7"`, `<Data Name="A">1</Data>`, `<freb:Description Data="A">one &amp; two</freb:Description>`,
		`<Data Name="B">x y</Data>`, `<Data Name="C"></Data>`, `<Data Name="fIsPostNotification">true</Data>`, "</Event>\r\n</failedRequest>",
	} {
		if !strings.Contains(string(file), want) {
			t.Errorf("no %s in\n%s", want, file)
		}
	}
	for _, bad := range []string{"colour red", "12:00:00.000", "12:00:00.000 E A", "12:00:00.000 E A=\"x", "12:00:00.000 > M", "12:00:00.000 E\nurl x", "open\nopen"} {
		if file, err := frebtest.XML(bad); err == nil {
			t.Errorf("%q gives\n%s", bad, file)
		}
	}
}
