package report

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/clipperhouse/displaywidth"

	"github.com/etwhy/etwhy/etl"
	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/redact"
)

// forTickets are the models whose texts for a ticket are golden.
var forTickets = []string{
	"receive-timeout", "connect-timeout", "healthy", "no-webio", "three-ways", "ten-ways", "silent-worker", "silent-filtered", "two-servers",
	"clock-ahead", "rivals", "pool-off", "pool-off-alone", "only-counted", "discovery", "odd", "discovery-beside", "unfinished",
	"server-side", "text-form", "nothing", "filtered-out", "secrets", "hostile",
}

func TestTicketTexts(t *testing.T) {
	t.Parallel()
	for _, format := range []struct{ name, ending string }{{"markdown", ".md"}, {"text", ".txt"}} {
		for _, name := range forTickets {
			golden(t, format.name+"/"+name+format.ending, ticketText(t, format.name, models[name]()))
		}
	}
}

func ticketText(t *testing.T, format string, a *Analysis) []byte {
	t.Helper()
	return render(t, WriteAnalysis, format, a, Options{Redact: redact.New(redact.Secrets, redact.Key{})})
}

// Whatever the model: lines that a ticket shows as they are, and the same bytes each time.
func TestTicketLines(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"markdown", "text"} {
		for _, name := range modelNames() {
			text := ticketText(t, format, models[name]())
			for i, l := range strings.Split(string(text), "\n") {
				if n := displaywidth.String(l); n > ticketColumns && !hasCommand(l) {
					t.Errorf("%s of %s: line %d has %d columns: %s", format, name, i+1, n, l)
				}
				if clean(l) != l || strings.TrimRight(l, " ") != l {
					t.Errorf("%s of %s: line %d: %q", format, name, i+1, l)
				}
			}
			if bytes.Contains(text, []byte("\n\n\n")) || bytes.HasPrefix(text, []byte("\n")) || bytes.HasSuffix(text, []byte("\n\n")) {
				t.Errorf("%s of %s: empty lines", format, name)
			}
			if len(text) > 30_000 {
				t.Errorf("%s of %s: %d bytes", format, name, len(text))
			}
			if !bytes.Equal(text, ticketText(t, format, models[name]())) {
				t.Errorf("%s of %s differs from one time to the next", format, name)
			}
		}
	}
}

// hasCommand reports whether a line is that long because of a command, which is of no use once it is cut.
func hasCommand(l string) bool {
	return commandSpans(strings.TrimLeft(l, "` -.0123456789")) != nil && displaywidth.String(l) < longestCommand+10
}

// What the terminal leads with leads here, too, and all that fails is told of.
func TestTicketTellsAll(t *testing.T) {
	t.Parallel()
	for _, name := range modelNames() {
		a := models[name]()
		a.Redact(redact.New(redact.Secrets, redact.Key{}))
		markdown, plain := flat(string(ticketText(t, "markdown", models[name]()))), flat(string(ticketText(t, "text", models[name]())))
		lead := flat(shorten(a.telling(&page{width: cardWidth}).answer(), longWords))
		if name != "hostile" && !strings.HasPrefix(plain, lead) {
			t.Errorf("%s begins\n%.200s\nwant\n%.200s", name, plain, lead)
		}
		for i, c := range a.cards() {
			title := flat(shorten(clause(c.Headline), 200))
			if _, rest, ok := strings.Cut(title, " x "); ok {
				title = rest
			}
			if i < ticketCards+ticketOthers && !strings.Contains(markdown, title) {
				t.Errorf("%s: markdown does not tell %s", name, title)
			}
			if c.discovery == nil && !strings.Contains(plain, title) {
				t.Errorf("%s: text does not tell %s", name, title)
			}
		}
	}
}

// flat is a text in lower case, without markup and line breaks.
func flat(s string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("`", "", "*", "", "# ", "").Replace(strings.ToLower(s))), " ")
}

func TestInline(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"ARR stopped waiting after 29.9 s; the content server needed 45.2 s.", "ARR stopped waiting after 29.9 s; the content server needed 45.2 s."},
		{"12002 ERROR_WINHTTP_TIMEOUT (0x80072EE2).", "12002 `ERROR_WINHTTP_TIMEOUT` (0x80072EE2)."},
		{"GET http://test/time/, again", "GET `http://test/time/`, again"},
		{"see www.example.com", "see `www.example.com`"},
		{"w3wp.exe (PID 1432)", "`w3wp.exe` (PID 1432)"},
		{"ask @team about #123 and !45 or GH-7", "ask `@team` about `#123` and `!45` or `GH-7`"},
		{"<script>alert(1)</script>", "`<script>alert(1)</script>`"},
		{"a|b *bold* _it_ [x](y) ~~s~~ \\ & $x$ {m}", "`a|b` `*bold*` `_it_` `[x](y)` `~~s~~` `\\` `&` `$x$` `{m}`"},
		{"`` and `x` and a`b", "`` ` ` `` and `` `x` `` and ``a`b``"},
		{"```sh ``<i>`", "`` ` ` `sh `` `` ` `<i>` ``"},
		{"- 1. + # = > ---", "`-` 1. `+` `#` `=` `>` `---`"},
		{"1. first", "`1.` first"},
		{"/close :smile: ::: -dash --all", "`/close` `:smile`: `:::` `-dash` `--all`"},
		{"commit dbf06c50-1234 and 0123456", "commit `dbf06c50-1234` and 0123456"},
		{"C:\\temp\\x.etl, 95 %, 10.0.0.5:80, [fe80::1]:80", "`C:\\temp\\x.etl`, 95 %, 10.0.0.5:80, `[fe80::1]:80`"},
		{"start the pool: appcmd start apppool /apppool.name:Shop (twice)", "start the pool: `appcmd start apppool /apppool.name:Shop` (twice)"},
		{"=cmd|' /C calc'!A0", "`=cmd|`' `/C` `calc'!A0`"},
		{`webSocket enabled="false" here, (name='a'), "a=b" and call f(x).`, "webSocket `enabled=\"false\"` here, (`name='a'`), \"`a=b`\" and call f(x)."},
		{"\x1b[31mred\u202e", "`\\x1b[31mred\\u202e`"},
	} {
		if got := strings.Join(inline(tt.in), " "); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.in, got, tt.want)
		}
	}
}

// special is what must not stand outside of code spans.
var special = regexp.MustCompile("[\\\\`*_\\[\\]<>#|~@$^{}&=]|//|\\b(?i:www\\.)[\\p{L}\\p{N}]|^[-/]|^::|![^\\s)?!.,;:\"']")

// withoutSpans cuts out code spans as CommonMark reads them.
func withoutSpans(s string) (outside string) {
	for s != "" {
		i := strings.IndexByte(s, '`')
		if i < 0 {
			return outside + s
		}
		outside += s[:i]
		s = s[i:]
		rest := strings.TrimLeft(s, "`")
		run := s[:len(s)-len(rest)]
		end := slices.IndexFunc(backticks.FindAllStringIndex(rest, -1), func(m []int) bool { return m[1]-m[0] == len(run) })
		if end < 0 {
			return outside + s // no span: the backticks remain
		}
		m := backticks.FindAllStringIndex(rest, -1)[end]
		outside += "x"
		s = rest[m[1]:]
	}
	return outside
}

// Nothing of a text is markup, nothing of it is lost, and no line can begin as a list does.
func FuzzInline(f *testing.F) {
	for _, s := range []string{
		"", "plain words, and a 12002 ERROR_WINHTTP_TIMEOUT.", "`", "a`` b ```c", "1. x", "http://u:p@h/?a=b&c", "</script>", "a\x00\x1bb\u202e\xff",
		"do: appcmd start apppool /apppool.name:`x` (so)", "(((((((((((((((((x", "!!!!!!!!!!![x]", "netsh trace start a|b; * c", "\\` \\`` x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		pieces := inline(s)
		for _, p := range pieces {
			if p == "" || isListNumber.MatchString(p) {
				t.Errorf("piece %q", p)
			}
			outside := withoutSpans(p)
			if m := special.FindString(outside); m != "" {
				t.Errorf("%q is outside of code in %q", m, p)
			}
			if clean(p) != p {
				t.Errorf("%q is not printable", p)
			}
		}
		if len(s) > 80 { // words may be cut
			return
		}
		plain := func(s string) string {
			return strings.NewReplacer(" ", "", "`", "", "x", "").Replace(s)
		}
		joined := ""
		for _, p := range pieces {
			joined += p
		}
		if got, want := plain(joined), plain(strings.Join(strings.Fields(clean(s)), "")); got != want && !strings.Contains(got, "...") {
			t.Errorf("%q became %q", want, got)
		}
	})
}

// What files hold is shown, and does nothing, wherever it stands.
func TestHostileTickets(t *testing.T) {
	const evil = "`x` <script>alert(1)</script> @all #1 [a](http://evil) | *b* \x1b[31m\u202e\xff\n# h\n=cmd|' /C calc'!A0"
	long := "http://x/" + strings.Repeat("a|`<", 1<<18)
	a := models["two-servers"]()
	for _, s := range []string{evil, long} {
		r := a.Requests[len(a.Requests)-1]
		for _, q := range a.Requests {
			if q.Outcome == timeline.Failed {
				r = q
			}
		}
		r.URL, r.Process, r.AppPool, r.Server, r.Host, r.LogID = s, s, s, s, s, s
		r.Attempts = []timeline.Attempt{{URL: s}, {URL: s + "b"}}
		v := *r.Verdict
		v.Title, v.Open = s, s
		v.Context, v.DoNow, v.FindOut = []string{s}, []string{s, "do: appcmd " + s}, []string{s}
		v.Rejected = []timeline.Rejection{{ID: "X", Why: s + ": " + s}}
		v.Evidence = append([]timeline.Evidence{{Text: s, Time: etl.Time(1), Key: true}}, v.Evidence...)
		r.Verdict = &v
		for i := range a.Inputs {
			in := &a.Inputs[i]
			in.Machine, in.Error, in.Note = s, s, s
			in.Damage = []Damage{{Kind: "x", Detail: s}}
		}
		a.Filter, a.Tool.Version = s, s
		for _, format := range []string{"markdown", "text"} {
			text := string(ticketText(t, format, a))
			if len(text) > 60_000 {
				t.Errorf("%s has %d bytes", format, len(text))
			}
			fence := false
			for l := range strings.Lines(text) {
				l = strings.TrimSuffix(l, "\n")
				if clean(l) != l {
					t.Errorf("%s: %q", format, l)
				}
				if strings.HasPrefix(l, "```") {
					fence = !fence
					continue
				}
				if format != "markdown" || fence {
					continue
				}
				if n := displaywidth.String(l); n > ticketColumns && !hasCommand(l) {
					t.Errorf("%d columns: %s", n, l)
				}
				l = strings.TrimLeft(l, " #-|")
				outside := withoutSpans(strings.ReplaceAll(l, "**", ""))
				outside = strings.ReplaceAll(outside, " | ", " ")
				if m := special.FindString(strings.TrimRight(outside, "| ")); m != "" && !strings.HasPrefix(l, ": | --:") {
					t.Errorf("%q in %s", m, l)
				}
			}
			if s == evil && !strings.Contains(text, "<script>") {
				t.Errorf("%s does not show it:\n%s", format, text)
			}
		}
	}
}

func TestProofsAreBounded(t *testing.T) {
	a := models["receive-timeout-alone"]()
	v := a.Requests[0].Verdict
	v.Evidence = nil
	for i := range 40 {
		v.Evidence = append(v.Evidence, timeline.Evidence{Time: a.Requests[0].Start.Add(ms(float64(i))), Text: "observation " + strings.Repeat("I", i), Key: true})
	}
	got := a.cards()[0].Evidence
	if len(got) != mostProofs {
		t.Fatalf("%d proofs", len(got))
	}
	if gap := got[mostProofs/3]; gap.Text != "(29 more observations)" || gap.When != "" || gap.Source != "" {
		t.Errorf("in the gap: %+v", gap)
	}
	if last := got[mostProofs-1].Text; last != "observation "+strings.Repeat("I", 39) {
		t.Errorf("the last is %s", last)
	}
}

func TestTasks(t *testing.T) {
	a := models["two-servers"]()
	for _, tt := range []struct{ in, want string }{
		{"is that normal for this page", "Is that normal for this page?"},
		{"is 45 s normal? where it went: etwhy timeline, and logs", "Is 45 s normal? Where it went: etwhy timeline, and logs."},
		{"netsh winhttp show proxy; record again", "netsh winhttp show proxy; record again."},
		{"from this machine add applicationHost.config", "From ARR01 add applicationHost.config."},
		{"get System.evtx, put it in this folder and run again", "Get System.evtx, put it in the folder of the other files and analyze again."},
		{"how many come: look for 503", "How many come: look for 503."},
		{"does 10.0.0.91:61022 have a time-out", "Does 10.0.0.91:61022 have a time-out?"},
	} {
		if got := a.tasks([]string{tt.in}, 0)[0]; got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.in, got, tt.want)
		}
	}
}
