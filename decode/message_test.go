package decode

import (
	"strings"
	"testing"
)

func TestMessage(t *testing.T) {
	const fields = `A:UInt32=10 B:UnicodeString=text C:Binary(2)=0aff D:UInt32/Win32Error=12002 E:UInt32/NTStatus=0xC00000B5 ` +
		`F:FileTime=2011-07-22T12:26:39.704Z G:Int32=-5 H:Pointer=0xabc I:Boolean=1 J:UInt32/Win32Error=4242424242`
	for _, tt := range []struct{ message, want string }{
		{"no inserts ", "no inserts "},
		{"%1 and %2", "10 and text"},
		{"%3", "0x0AFF"},
		{"%4, %5, %10", "12002 (ERROR_WINHTTP_TIMEOUT), 3221225653 (STATUS_IO_TIMEOUT), 4242424242"},
		{"%6", "2011-07-22T12:26:39.7040000Z"},
		{"%7 %8 %9", "-5 0xABC true"},
		{"%1!x! %1!X! %1!#x! %1!08x! %1!.4x!", "a A 0xa 0000000a 000a"},
		{"[%1!5d!] [%1!-5u!] [%1!05d!] [%2!6s!] [%2!-6s!]", "[   10] [10   ] [00010] [  text] [text  ]"},
		{"%7!d! %7!u! %7!I64d!", "-5 4294967291 -5"},
		{"%2!99999s!", strings.Repeat(" ", 60) + "text"},
		{"%1!unfinished", "10!unfinished"},
		{"%1!!", "10"},
		{"%1!q!", "10"},
		{"a%nb%tc%rd%%e%.f% g%!", "a\r\nb\tc\rd%e.f g!"},
		{"cut here%0 not shown", "cut here"},
		{"%11 %99", "%11 %99"},
		{"%100", "4242424242" + "0"},
		{"50% of it, and a last %", "50 of it, and a last %"},
		{"%ä", "ä"},
	} {
		log := compile(t, "provider T\n+1 embed T/1v0 "+fields+" message="+"'"+tt.message+"'\n+2 T/1v0 "+fields)
		events := 0
		decodeLog(t, log, func(ev *Event) {
			events++
			if got, ok := ev.Message(); !ok || got != tt.want {
				t.Errorf("%q: %q, %v; want %q", tt.message, got, ok, tt.want)
			}
		})
		if events != 1 {
			t.Fatalf("%d events", events)
		}
	}
	// Without text, and where the payload ends early.
	decodeLog(t, compile(t, "provider T\n+1 embed T/1v0 A:UInt8 B:UInt8 message='<%1 %2 %3>'\n+2 T/1v0 A:UInt8=1\n+3 WebIO/207"), func(ev *Event) {
		got, ok := ev.Message()
		if ev.DecodedBy == Embedded && got != "<1  %3>" || ok != (ev.DecodedBy == Embedded) {
			t.Errorf("%v: %q, %v", ev.DecodedBy, got, ok)
		}
	})
}
