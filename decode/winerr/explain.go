package winerr

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Meaning is one answer of [Explain]: a code, and the piece of the input that stands for it.
type Meaning struct {
	Input string // as typed
	Code         // zero if Unknown, but for the Number where Input holds one

	Unknown     bool     // this input is in no table
	Suggestions []string // symbols that look like an unknown Input, the nearest first
}

// Explain says what a code means that a person typed or pasted. It takes
//
//	12002  0x80072EE2  80072ee2  2147954402  -2147012894   a number, in any form
//	WSAETIMEDOUT  etimedout  ERROR_INTERNET_TIMEOUT        a symbol, also without its prefix
//	502.3   502.3 12002   502 3 12002 29889                status and substatus; an IIS log line or its end
//	Timer_ReqQueue   503 1 AppOffline Shop                 a reason; an HTTPERR line or its end
//	WAS 5002   alert 40   websocket 1006   flag 0x18       a number that the words before it explain
//	... mapped (WSAETIMEDOUT) 10060 to (ERROR_...) 12002   lines of a trace, FREB file or error page
//
// in one or more lines. Log lines are read in the default order of IIS 7 and later: sc-status,
// sc-substatus, sc-win32-status, and time-taken last.
//
// A number with several meanings gives all of them. The result has at least one entry. What is in no
// table gives an entry with Unknown set; of running text only what is recognised is listed.
func Explain(text string) []Meaning {
	e := explainer{index: tables(), seen: map[seen]bool{}}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			e.line(line)
		}
	}
	if len(e.found) == 0 {
		text = strings.TrimSpace(text)
		return []Meaning{{Input: text, Unknown: true, Suggestions: e.suggest(text)}}
	}
	return e.found
}

// explainer collects what is found in a text, each code once.
type explainer struct {
	*index
	found []Meaning
	seen  map[seen]bool
}

// seen is what makes an entry of the result the same as another one.
type seen struct {
	familyNumber
	symbol, source string
	unknown        string // the input
}

// line tries the readings of a line, the strictest first.
func (e *explainer) line(line string) {
	switch {
	case e.word(line), e.qualified(line), e.httpErr(line), e.iisLog(line), e.several(line), e.running(line):
	}
}

func (e *explainer) add(input string, codes ...*Code) bool {
	for _, c := range codes {
		e.addOnce(seen{familyNumber{c.Family, c.Number}, c.Symbol, c.Source, ""}, Meaning{Input: input, Code: *c})
	}
	return len(codes) > 0
}

// addUnknown adds an input that is in no table. Of an HRESULT around a Windows error it keeps the error.
func (e *explainer) addUnknown(input string, number uint32) {
	if inner, ok := Win32FromHResult(number); ok {
		number = inner
	}
	e.addOnce(seen{unknown: input}, Meaning{Input: input, Code: Code{Number: number}, Unknown: true})
}

func (e *explainer) addOnce(key seen, m Meaning) {
	if !e.seen[key] {
		e.seen[key] = true
		e.found = append(e.found, m)
	}
}

// addRaw adds what a number means in an error field.
func (e *explainer) addRaw(input string, number uint32) {
	if c := e.byCode[number]; c != nil {
		e.add(input, c)
	} else {
		e.addUnknown(input, number)
	}
}

// look returns the meanings of a word: symbol, status, or number.
func (e *explainer) look(word string) (codes []*Code, number uint32, isNumber bool) {
	if !allDigits(word) { // "500" is one row's symbol and the number of many
		codes = e.named(word)
	}
	if codes != nil {
		return codes, 0, false
	}
	if codes = e.status(word); codes != nil {
		return codes, 0, false
	}
	number, isNumber = parseNumber(word)
	if isNumber {
		codes = e.byNumber[number]
	}
	if h, ok := parseBareHex(word); ok {
		codes = slices.Concat(codes, e.byNumber[h])
	}
	return codes, number, isNumber
}

// word reads a line that is nothing but one code.
func (e *explainer) word(line string) bool {
	line = strings.Trim(line, "\"'`,;()")
	codes, n, isNumber := e.look(line)
	if !e.add(line, codes...) && isNumber {
		e.addUnknown(line, n)
		return true
	}
	return codes != nil
}

// named returns the codes of a symbol, alias or reason in any case; of a symbol without its prefix; or
// the one code whose symbol ends so.
func (e *explainer) named(s string) []*Code {
	s = strings.ToLower(s)
	if codes := slices.Concat(e.byName[s], e.byShort[s]); codes != nil { // access_denied is both
		return codes
	}
	if alert, ok := strings.CutPrefix(s, "alert_"); ok {
		return inFamilies(e.byName[alert], TLSAlert)
	}
	if codes := e.bySuffix[s]; len(codes) == 1 {
		return codes
	}
	return nil
}

var statusPattern = regexp.MustCompile(`^[1-5][0-9]{2}\.[0-9]{1,4}$`)

// status returns the rows of "502.3". Substatus 0 is no substatus.
func (e *explainer) status(s string) []*Code {
	if !statusPattern.MatchString(s) {
		return nil
	}
	if codes := e.byName[s]; codes != nil {
		return codes
	}
	if plain, ok := strings.CutSuffix(s, ".0"); ok {
		return e.byName[plain]
	}
	return nil
}

func inFamilies(codes []*Code, families ...Family) []*Code {
	var out []*Code
	for _, c := range codes {
		if slices.Contains(families, c.Family) {
			out = append(out, c)
		}
	}
	return out
}

// parseNumber reads a 32-bit number: decimal, signed decimal, or hexadecimal with 0x. A negative one, and
// one that was widened to 64 bits with its sign, stands for its 32-bit pattern.
func parseNumber(s string) (uint32, bool) {
	if strings.HasPrefix(s, "-") {
		n, err := strconv.ParseInt(s, 10, 32)
		return uint32(n), err == nil
	}
	base := 10
	if h, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		base, s = 16, h
	}
	if s == "" || s[0] == '+' {
		return 0, false
	}
	n, err := strconv.ParseUint(s, base, 64)
	return uint32(n), err == nil && (n>>32 == 0 || n>>31 == 1<<33-1)
}

// parseBareHex reads a hexadecimal number without 0x: eight digits, or letters and digits mixed.
func parseBareHex(s string) (uint32, bool) {
	if len(s) != 8 && (!strings.ContainsAny(s, "abcdefABCDEF") || !strings.ContainsAny(s, "0123456789")) {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 16, 32)
	return uint32(n), err == nil
}

func allDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// qualifiers are the words before a number or name that say of which family it is.
var qualifiers = map[string][]Family{
	"alert": {TLSAlert}, "tls": {TLSAlert}, "tls alert": {TLSAlert}, "ssl alert": {TLSAlert}, "fatal alert": {TLSAlert},
	"event": {Event}, "event id": {Event}, "eventid": {Event},
	"websocket": {WebSocketClose}, "websocket close": {WebSocketClose}, "close code": {WebSocketClose},
	"flag": {SecureFailureFlag}, "secure failure flag": {SecureFailureFlag}, "servercerterrors": {SecureFailureFlag},
	"status": {Status}, "http": {Status}, "http status": {Status}, "http error": {Status}, "sc-status": {Status},
	"httperr": {HTTPErr}, "s-reason": {HTTPErr},
	"win32": errorFamilies, "error": errorFamilies, "error code": errorFamilies, "errorcode": errorFamilies,
	"hresult": errorFamilies, "sc-win32-status": errorFamilies, "win32 status": errorFamilies,
	"winsock": {Winsock}, "winhttp": {WinHTTP}, "ntstatus": {NTStatus},
}

// qualified reads a code after words that say what it is: "alert 40", "WAS 5002", "... failed with error 10060".
func (e *explainer) qualified(line string) bool {
	words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t:=#(),", r) })
	if len(words) < 2 {
		return false
	}
	last := len(words) - 1
	codes, n, isNumber := e.look(words[last])
	if codes == nil && !isNumber {
		return false
	}
	events := inFamilies(codes, Event)
	for first := max(0, last-4); first < last; first++ {
		head := strings.ToLower(strings.Join(words[first:last], " "))
		wanted, ok := qualifiers[head]
		switch {
		case !ok:
			from := slices.DeleteFunc(slices.Clone(events), func(c *Code) bool {
				provider, _, _ := strings.Cut(c.Source, ",")
				return !strings.EqualFold(provider, head) && !strings.EqualFold(c.Symbol, head+" "+words[last])
			})
			if !e.add(line, from...) {
				continue
			}
		case isNumber && wanted[0] == SecureFailureFlag:
			e.addFlags(line, n)
		case !e.add(line, inFamilies(codes, wanted...)...):
			e.addUnknown(line, n)
		}
		return true
	}
	return false
}

// addFlags adds each bit of a mask of secure-failure flags.
func (e *explainer) addFlags(input string, mask uint32) {
	rest := mask
	for bit := uint32(1); bit != 0; bit <<= 1 {
		if c := e.byFamily[familyNumber{SecureFailureFlag, bit & mask}]; c != nil {
			e.add(input, c)
			rest &^= bit
		}
	}
	if rest != 0 || mask == 0 {
		e.addUnknown(input, rest)
	}
}

// httpErr reads the end of an HTTPERR line: status, site, reason, queue. Words that are not known are "-".
func (e *explainer) httpErr(line string) bool {
	words := strings.Fields(line)
	for i := len(words) - 1; i >= max(1, len(words)-2); i-- {
		reason := inFamilies(e.byName[strings.ToLower(words[i])], HTTPErr)
		if reason == nil || words[i-1] != "-" && !allDigits(words[i-1]) {
			continue
		}
		e.add(words[i], reason...)
		for _, w := range words[max(0, i-2):i] {
			e.add(w, slices.DeleteFunc(inFamilies(e.byName[w], Status), func(c *Code) bool { return c.Source != "HTTP.sys" })...)
		}
		return true
	}
	return false
}

// iisLog reads the numbers of an IIS log line: status, substatus, win32 status, and time-taken, perhaps
// with sc-bytes and cs-bytes before it. It takes the last row of numbers that begins with a known status.
func (e *explainer) iisLog(line string) bool {
	words := strings.Fields(line)
	for end := len(words); end > 0; {
		start := end
		for start > 0 && allDigits(words[start-1]) {
			start--
		}
		run := words[start:end]
		if len(run) > 0 && start > 0 && e.status(words[start-1]) != nil { // 502.3 12002
			return e.addLog(words[start-1], run)
		}
		for i := 0; i+1 < len(run); i++ {
			if status := run[i] + "." + run[i+1]; e.status(status) != nil {
				return e.addLog(status, run[i+2:])
			}
		}
		if len(run) >= 3 && statusPattern.MatchString(run[0]+"."+run[1]) && end == len(words) {
			return e.addLog(run[0]+"."+run[1], run[2:])
		}
		end = min(start, end-1)
	}
	return false
}

// addLog adds a status and the numbers after it.
func (e *explainer) addLog(status string, rest []string) bool {
	if !e.add(status, e.status(status)...) {
		e.addUnknown(status, 0)
	}
	if len(rest) == 0 {
		return true
	}
	if n, ok := parseNumber(rest[0]); ok {
		e.addRaw(rest[0], n)
	} else {
		e.addUnknown(rest[0], 0)
	}
	if len(rest) == 2 || len(rest) == 4 {
		last := rest[len(rest)-1]
		if ms, err := strconv.ParseUint(last, 10, 32); err == nil {
			e.add(last, &Code{
				Family:   TimeTaken,
				Number:   uint32(ms),
				Symbol:   fmt.Sprintf("%d.%03d s", ms/1000, ms%1000),
				Meaning:  "From the first byte of the request to the last acknowledged byte of the answer: a slow upload, the queue and a slow reader count too",
				Evidence: Documented,
			})
		}
	}
	return true
}

// several reads a list of codes.
func (e *explainer) several(line string) bool {
	words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t,;", r) })
	for _, w := range words {
		if codes, _, isNumber := e.look(w); codes == nil && !isNumber {
			return false
		}
	}
	for _, w := range words {
		e.word(w)
	}
	return len(words) > 0
}

// codeWithSymbol finds how WinHTTP's own trace text writes a code: "(WSAETIMEDOUT) 10060",
// "WSAETIMEDOUT (0x274c)", and "?" for a symbol that it does not know.
var codeWithSymbol = regexp.MustCompile(
	`\((\?|[A-Z][A-Z0-9_]+)\) (0x[0-9A-Fa-f]+|-?[0-9]+)|(\?|[A-Z][A-Z0-9_]+) \((0x[0-9A-Fa-f]+|-?[0-9]+)\)`)

// running picks out of running text what cannot be anything but a code.
func (e *explainer) running(line string) bool {
	before := len(e.found)
	for _, m := range codeWithSymbol.FindAllStringSubmatch(line, -1) {
		symbol, number := m[1]+m[3], m[2]+m[4]
		if n, ok := parseNumber(number); ok && (symbol == "?" || inFamilies(e.byName[strings.ToLower(symbol)], errorFamilies...) != nil) {
			e.addRaw(number, n)
		}
	}
	for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune(" \t\"'(),;:[]{}<>=", r) }) {
		word = strings.TrimRight(word, ".")
		if n, ok := parseNumber(word); ok && (n>>31 != 0 || len(word) == len("0x80072EE2")) {
			if c := e.byCode[n]; c != nil {
				e.add(word, c)
			}
			continue
		}
		e.add(word, e.status(word)...)
		for _, c := range e.byName[strings.ToLower(word)] {
			if isProper(word) && (c.Symbol == word || slices.Contains(c.Aliases, word)) {
				e.add(word, c)
			}
		}
	}
	return len(e.found) > before
}

// isProper reports whether a word looks like a name and not like prose: WSAEINTR, bad_record_mac, AppOffline.
func isProper(word string) bool {
	return strings.Contains(word, "_") || strings.HasPrefix(word, "WSA") || properPattern.MatchString(word)
}

var properPattern = regexp.MustCompile(`[a-z][A-Z]`)

// suggest returns up to three symbols that a word may be a slip of.
func (e *explainer) suggest(word string) []string {
	if len(word) < 4 || len(word) > 64 || strings.ContainsAny(word, " \t\n") {
		return nil
	}
	word = strings.ToLower(word)
	type candidate struct {
		symbol   string
		distance int
	}
	var near []candidate
	limit := min(3, len(word)/4)
	for _, names := range []map[string][]*Code{e.byName, e.byShort} {
		for name, codes := range names {
			d := distance(word, name, limit)
			if d > limit {
				continue
			}
			for _, c := range codes {
				near = append(near, candidate{c.Symbol, d})
			}
		}
	}
	slices.SortFunc(near, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.symbol, b.symbol))
	})
	var out []string
	for _, c := range near {
		if len(out) < 3 && !slices.Contains(out, c.symbol) {
			out = append(out, c.symbol)
		}
	}
	return out
}

// distance counts the insertions, deletions and replacements of bytes between a and b; more than limit
// is only known to be more.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
