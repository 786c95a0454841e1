package incident

import (
	"bytes"
	"path"
	"strings"

	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/decode/w3c"
)

const (
	memoryDump = "memory dump: open it in WinDbg, or in the portal's crash diagnostics"
	capture    = "capture of packets: open it in Wireshark"
)

// known are files that come with traces and are not read here: by what they begin with, or, where that does not tell,
// by the end of their name; and what opens them.
var known = []struct{ magic, suffix, note string }{
	{"MDMP", "", memoryDump},
	{"PAGEDU64", "", memoryDump},
	{"PAGEDUMP", "", memoryDump},
	{"GMBU", "", "capture of Network Monitor: open it in Network Monitor or Wireshark"},
	{"\xa1\xb2\xc3\xd4", "", capture},
	{"\xd4\xc3\xb2\xa1", "", capture},
	{"\xa1\xb2\x3c\x4d", "", capture},
	{"\x4d\x3c\xb2\xa1", "", capture},
	{"\x0a\x0d\x0d\x0a", "", capture},
	{"\x30\x00\x00\x00LfLe", "", "event log of Windows Server 2003: open it in the Event Viewer and save it as .evtx"},
	{"", ".blg", "performance counters in binary: relog FILE.blg -f csv -o FILE.csv makes a text that etwhy reads"},
}

// noteOf says what a file is that is known and not read, and what opens it; "" if it is not known.
func noteOf(label string, head []byte) string {
	for _, k := range known {
		if k.magic != "" && bytes.HasPrefix(head, []byte(k.magic)) ||
			k.suffix != "" && strings.HasSuffix(strings.ToLower(label), k.suffix) {
			return strings.ReplaceAll(k.note, "FILE", strings.TrimSuffix(path.Base(label), path.Ext(label)))
		}
	}
	if _, _, ok := eventlog.LocaleFile(path.Base(label)); ok {
		return "texts of an event log in one language: they belong to the .evtx of that name, which says all without them"
	}
	if kind, ok := w3c.Recognise(head); ok && !kind.Readable() {
		note := kind.String() + ": etwhy reads the W3C logs of IIS"
		if kind == w3c.Native {
			note += "; set the format of the site's log to W3C"
		}
		return note
	}
	return ""
}
