package redact

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode"
)

// A hit is a place in a text that a rule found.
type hit struct {
	start, end int
	rule       string
	kind       Kind // of the name that is there; "" = a secret, to be masked
}

// A scanner looks for what rules find. It looks closer only behind the characters that one of them begins at or ends at.
type scanner struct {
	mode  Mode
	names *names // nil before Identities
	loose bool   // what begins with a mask is masked: what follows it may be of another text around
	args  bool   // the text is a command line
}

// A rule looks at the place of a character that it is for. from is where the text begins that no earlier hit has taken.
type rule struct {
	from Mode // the weakest mode that it is part of, beside Default
	look func(s *scanner, b []byte, from, at int) (hit, bool)
}

// rules are those that are for a character.
var rules = [256][]rule{
	':': {
		{Default, (*scanner).header},
		{Default, (*scanner).userInfo},
		{Secrets, (*scanner).keyed},
		{Identities, (*scanner).authority},
	},
	'=':  {{Secrets, (*scanner).proxyUser}, {Secrets, (*scanner).keyed}, {Identities, (*scanner).subject}},
	'%':  {{Secrets, (*scanner).userInfo}, {Secrets, (*scanner).cookieless}, {Secrets, (*scanner).keyed}, {Identities, (*scanner).authority}},
	'\\': {{Secrets, (*scanner).keyed}},
	'>':  {{Secrets, (*scanner).element}},
	' ':  {{Secrets, (*scanner).scheme}, {Secrets, (*scanner).argument}},
	'(':  {{Secrets, (*scanner).cookieless}, {Secrets, (*scanner).call}},
	'-':  {{Secrets, (*scanner).privateKey}, {Secrets, (*scanner).begun}},
	'/':  {{Secrets, (*scanner).begun}},
	'_':  {{Secrets, (*scanner).begun}},
	'.':  {{Secrets, (*scanner).begun}},
	'I':  {{Secrets, (*scanner).begun}},
	'J':  {{Secrets, (*scanner).webToken}, {Secrets, (*scanner).begun}},
	'K':  {{Secrets, (*scanner).begun}},
	'V':  {{Secrets, (*scanner).begun}},
	'~':  {{Secrets, (*scanner).clientSecret}},
}

// has reports whether a mode has a rule.
func (m Mode) has(r *rule) bool { return r.from == Default || m >= r.from }

// find returns the next hit at or behind from.
func (s *scanner) find(b []byte, from int) (hit, bool) {
	for i := from; i < len(b); i++ {
		if s.mode == Default { // whose rules are all for colons
			n := bytes.IndexByte(b[i:], ':')
			if n < 0 {
				break
			}
			i += n
		}
		list := rules[b[i]]
		for j := range list {
			if !s.mode.has(&list[j]) {
				continue
			}
			if h, ok := list[j].look(s, b, from, i); ok && h.start >= from && h.start < h.end && !s.done(b, h) {
				return h, true
			}
		}
	}
	return hit{}, false
}

// done reports whether a hit is masked already, or has its pseudonym.
func (s *scanner) done(b []byte, h hit) bool {
	text := b[h.start:h.end]
	rest, masked := bytes.CutPrefix(text, []byte(Mask))
	if h.kind != "" {
		return masked || s.names.isPseudonym(text) || bytes.HasPrefix(text, []byte(blank))
	}
	if s.loose { // a mask may be cut where lines are, and what is around the text may have come along
		rest := bytes.TrimLeft(text, "\"'\\")
		masked := bytes.TrimLeft(rest, "*")
		return len(masked) < len(rest) && (len(masked) == 0 || !isWord(masked[0]))
	}
	return masked && len(rest) == 0
}

// header finds the value of a header that is a credential, from the colon behind its name. A value goes on in the next
// line if that begins with a blank (obsolete folding, RFC 9112 5.2).
func (s *scanner) header(b []byte, from, colon int) (h hit, ok bool) {
	end := colon
	for end > from && isBlank(b[end-1]) {
		end--
	}
	start := end
	for start > from && (b[start-1] == '-' || b[start-1] == '_' || isLetter(b[start-1]) || isDigit(b[start-1])) {
		start--
	}
	if end-start < len("Via") {
		return h, false
	}
	name := b[start:end]
	h.rule = credentialHeader(name, s.mode)
	switch {
	case h.rule != "":
	case s.mode >= Identities:
		h.kind = identityHeader(name)
		if h.kind == "" {
			return h, false
		}
		h.rule = h.kind.rule()
	default:
		return h, false
	}
	h.start = colon + 1
	for h.start < len(b) && isBlank(b[h.start]) {
		h.start++
	}
	if h.kind == Host { // its line may go on, if line breaks are gone
		h.end = endOfHost(b, h.start)
		return h, true
	}
	for h.end = h.start; h.end < len(b) && b[h.end] != 0; h.end++ {
		if c := b[h.end]; c != '\r' && c != '\n' {
			continue
		}
		at := h.end + 1
		if b[h.end] == '\r' && at < len(b) && b[at] == '\n' {
			at++
		}
		if at >= len(b) || !isBlank(b[at]) {
			break
		}
		h.end = at
	}
	return h, true
}

// userInfo finds the password of a URL, from the colon behind its scheme: scheme://user:password@host.
func (s *scanner) userInfo(b []byte, _, at int) (h hit, ok bool) {
	i := at
	for _, want := range []byte("://") {
		if i >= len(b) {
			return h, false
		}
		c, n := next(b, i)
		if c != want {
			return h, false
		}
		i += n
	}
	h.rule = rulePassword
	for i < len(b) {
		c, n := next(b, i)
		if strings.IndexByte("/?#&\\\"'<> \t\r\n\x00", c) >= 0 {
			break
		}
		switch {
		case c == ':' && h.start == 0:
			h.start = i + n
		case c == '@' && h.start > 0:
			h.end = i
		}
		i += n
	}
	return h, h.end > 0
}

// maxUserInfo is how long a user with password and host may be where no scheme tells that they are one.
const maxUserInfo = 300

// proxyUser finds the password of a proxy, as netsh shows it: http=user:password@host:8080.
func (s *scanner) proxyUser(b []byte, from, at int) (h hit, ok bool) {
	var buffer [maxName]byte
	switch name, _ := nameBefore(buffer[:0], b, from, at); string(name) {
	case "http", "https", "ftp", "socks":
	default:
		return h, false
	}
	value := b[at+1 : min(len(b), at+1+maxUserInfo)]
	value = value[:endBefore(value, 0, ";,/\"'<> \t\r\n")]
	host, colon := bytes.LastIndexByte(value, '@'), bytes.IndexByte(value, ':')
	return hit{start: at + 1 + colon + 1, end: at + 1 + host, rule: rulePassword}, colon >= 0 && colon < host
}

// keyed finds the value behind a name, from what is between them:
//
//	?token=...&  password=...;  "password": "..."  password: ...  access_token%3D...%26
func (s *scanner) keyed(b []byte, from, at int) (h hit, ok bool) {
	sep, size := next(b, at)
	if sep != ':' && sep != '=' {
		return h, false
	}
	quoted := false
	end := at
	for i := 0; i < 3; i++ { // "name" :
		c, n := before(b, from, end)
		if n == 0 || c != '"' && c != '\'' && c != ']' && !isBlank(c) {
			break
		}
		quoted = quoted || c == '"' || c == '\''
		end -= n
	}
	var buffer [maxName]byte
	name, start := nameBefore(buffer[:0], b, from, end)
	if len(name) == 0 {
		return h, false
	}
	lead, width := before(b, from, start)
	inQuery := lead == '?' || lead == '&' || lead == '#'
	first := width == 0 || isBlank(lead) || lead == '"' || lead == '>' // a log has the query in a column of its own
	where := anywhere
	switch {
	case quoted && !inQuery:
		where |= asKey
	case sep == '=' && inQuery:
		where |= inURL
	}
	h.start = at + size
	for h.start < len(b) && isBlank(b[h.start]) {
		h.start++
	}
	if h.start >= len(b) {
		return h, false
	}
	quote, width := next(b, h.start)
	open := quote == '"' || quote == '\''
	if open && sep == '=' {
		where |= asKey
	}
	if sep == '=' && string(name) == "value" {
		// <add key="password" value="..."/>: the name is the attribute before.
		if name, start = valueName(buffer[:0], b, from, start); len(name) == 0 {
			return h, false
		}
		where |= asKey
	} else if sep == ':' && quoted && string(name) == "value" {
		// {"name": "Cookie", "value": "..."}
		if name, start = valueName(buffer[:0], b, from, start); len(name) == 0 {
			return h, false
		}
	}
	p, known := lookParameter(name, s.mode)
	if c, n := before(b, from, start); !known && n > 0 && isBlank(c) { // User Id=...
		var more [maxName]byte
		first, begin := nameBefore(more[:0], b, from, start-n)
		if len(first) == 0 || len(first)+len(name) > maxName {
			return h, false
		}
		start = begin
		name = append(first, name...)
		p, known = lookParameter(name, s.mode)
	}
	if known && p.where&where == 0 && sep == '=' && first {
		const most = 4096
		head := b[at:min(len(b), at+most)]
		if i := bytes.IndexAny(head, "& \t\r\n\x00"); i >= 0 && head[i] == '&' {
			where |= inURL
		}
	}
	unsure := p.where&where == 0
	if !known || unsure && (sep != '=' || !first || p.kind != "" || p.where&asKey == 0) {
		return h, false
	}
	h.rule, h.kind = p.rule, p.kind
	if sep == ':' && p.kind != "" && !quoted && !isLine(b, from, start, h.start) { // prose
		return h, false
	}
	if open {
		form := b[h.start : h.start+width]
		h.start += width
		h.end = endOfQuote(b, h.start, form)
		value := b[h.start:h.end]
		// In a list of texts the quote may be that which ends the name: ["SessionId:", "next"].
		return h, !isHandle(value) && len(bytes.Trim(value, ",;: \t\r\n")) > 0
	}
	switch {
	case p.line && !(quoted && sep == ':'):
		h.end = endOfLine(b, h.start)
	case string(name) == "jsessionid": // of a path
		h.end = endBefore(b, h.start, "?/&;#\"'<> \t\r\n")
	case inQuery:
		h.end = endBefore(b, h.start, "&;#\"'<> \t\r\n")
	case lead == ';': // of a connection string
		h.end = endBefore(b, h.start, ";\"'<>\r\n")
	default:
		h.end = endBefore(b, h.start, "&;,\"'<>()[]{} \t\r\n")
	}
	for h.end > h.start && h.end == len(b) && b[h.end-1] == '.' { // the end of a sentence
		h.end--
	}
	value := b[h.start:h.end]
	switch {
	case isNothing(value) || isHandle(value) || unsure && !looksRandom(value):
		return h, false
	case sep == ':' && p.kind != "" && !quoted && isOrdinaryWord(value): // Login: failed
		return h, false
	case p.where&inURL != 0 && isShort(value, 3): // code=502
		return h, false
	case sep == ':' && !quoted && h.start > at+size && h.end+1 < len(b) && b[h.end] == ' ' && isWord(b[h.end+1]) && isOrdinaryWord(value):
		return h, false // prose goes on
	case quoted && sep == ':' && p.where&anywhere != 0 && isShort(value, 7): // {"password": 12}: a count of these
		return h, false
	}
	return h, true
}

// isLine reports whether a name that begins at start, with words before it, and the value at i are all that is in a line.
func isLine(b []byte, from, start, i int) bool {
	for start > from && (isBlank(b[start-1]) || isLetter(b[start-1])) {
		start--
	}
	if start > from && b[start-1] != '\n' {
		return false
	}
	for i = endBefore(b, i, " \t\r\n\"'<>"); i < len(b) && isBlank(b[i]); i++ {
	}
	return i == len(b) || b[i] == '\r' || b[i] == '\n'
}

// nameBefore returns the name that ends at end in a plain form, and where it begins: letters and digits in lower case,
// so that access_token, Access-Token and accessToken are the same.
func nameBefore(dst, b []byte, from, end int) (name []byte, start int) {
	start = end
	for start > from && nameChars[b[start-1]] {
		start--
	}
	if start == from || strings.IndexByte(`%\;`, b[start-1]) < 0 { // no escapes
		if end-start > cap(dst) {
			return nil, start
		}
		for _, c := range b[start:end] {
			if isLetter(c) || isDigit(c) {
				dst = append(dst, lower(c))
			}
		}
		return dst, start
	}
	for start = end; ; {
		c, n := before(b, from, start)
		if n == 0 || !nameChars[c] {
			break
		}
		if len(dst) == cap(dst) {
			return nil, start
		}
		if isLetter(c) || isDigit(c) {
			dst = append(dst, lower(c))
		}
		start -= n
	}
	for i, j := 0, len(dst)-1; i < j; i, j = i+1, j-1 {
		dst[i], dst[j] = dst[j], dst[i]
	}
	return dst, start
}

// valueName returns the name that the attribute or member before the one at end gives, as nameBefore does.
func valueName(dst, b []byte, from, end int) (name []byte, start int) {
	quotes := 0
	for i := 0; i < 8; i++ {
		c, n := before(b, from, end)
		if n == 0 || c != '"' && c != '\'' && c != ',' && !isSpace(c) {
			break
		}
		if c == '"' || c == '\'' {
			quotes++
		}
		end -= n
	}
	if quotes == 0 {
		return nil, end
	}
	return nameBefore(dst, b, from, end)
}

// maxTag is how long the beginning of an element is, with its attributes.
const maxTag = 512

// element finds the text of an XML element with a telling name, or of one that is called after it, as events are
// written down: <password>...</password>, <Data Name="Password">...</Data>.
func (s *scanner) element(b []byte, _, at int) (h hit, ok bool) {
	tag := max(0, at-maxTag)
	i := bytes.LastIndexByte(b[tag:at], '<')
	if i < 0 || b[at-1] == '/' {
		return h, false
	}
	tag += i + 1
	var buffer [maxName]byte
	var name []byte
	start, named := at, false
	if q, n := before(b, tag, at); q == '"' || q == '\'' {
		name, start = nameBefore(buffer[:0], b, tag, at-n)
		_, n = before(b, tag, start)
		named = hasSuffixFold(b[tag:start-n], "name=")
	}
	if !named {
		if bytes.IndexByte(b[tag:at], '>') >= 0 { // where the tag has ended
			return h, false
		}
		end := tag
		for end < at && (nameChars[b[end]] || b[end] == ':') {
			end++
		}
		name, _ = nameBefore(buffer[:0], b, tag, end) // without its namespace
	}
	if len(name) == 0 {
		return h, false
	}
	h = hit{start: at + 1, end: endBefore(b, at+1, "<")}
	if h.end < len(b) && b[h.end] != 0 && !bytes.HasPrefix(b[h.end:], []byte("</")) { // it has elements of its own
		return h, false
	}
	if named && string(name) == "headervalue" { // the header's name is the text of the element before
		const around = 256
		text := b[max(0, at-around):start]
		i := bytes.LastIndex(text, []byte(`"HeaderName">`))
		if i < 0 {
			return h, false
		}
		text = text[i+len(`"HeaderName">`):]
		if i = bytes.IndexByte(text, '<'); i <= 0 {
			return h, false
		}
		h.rule = credentialHeader(text[:i], s.mode)
		return h, h.rule != ""
	}
	p, known := lookParameter(name, s.mode)
	if !named && s.mode >= Identities && subjectParts[string(name)] {
		p, known = parameter{rule: ruleSubject, kind: Label, where: asKey}, true
	}
	if !known || p.where&(anywhere|asKey) == 0 {
		return h, false
	}
	h.rule, h.kind = p.rule, p.kind
	return h, !isHandle(b[h.start:h.end]) && !isNothing(bytes.TrimSpace(b[h.start:h.end]))
}

// scheme finds what stands behind the name of an authentication scheme, if it looks like that: Basic dXNlcjpwdw==.
func (s *scanner) scheme(b []byte, from, at int) (h hit, ok bool) {
	start := at
	for start > from && isLetter(b[start-1]) {
		start--
	}
	var buffer [16]byte
	if at-start > len(buffer) || start > from && isWord(b[start-1]) {
		return h, false
	}
	h = hit{start: at + 1, rule: "authorization"}
	switch string(appendLower(buffer[:0], b[start:at])) {
	case "basic":
		h.end = run(b, h.start, &base64Chars)
		return h, holdsCredentials(b[h.start:h.end])
	case "bearer", "token":
		h.end = run(b, h.start, &tokenChars)
	case "ntlm", "negotiate", "kerberos":
		h.end = run(b, h.start, &base64Chars)
	case "sharedkey", "sharedkeylite": // account:signature
		if i := run(b, h.start, &tokenChars); i < len(b) && b[i] == ':' {
			h.start = i + 1
		}
		h.end = run(b, h.start, &base64Chars)
	default:
		return h, false
	}
	return h, h.end-h.start >= 16 && !isProse(b[h.start:h.end])
}

// isProse reports whether a run of characters may be a word or a name, not the bytes of something.
func isProse(text []byte) bool {
	isUpper := func(c byte) bool { return c >= 'A' && c <= 'Z' }
	mixed := bytes.ContainsFunc(text, unicode.IsLower)
	for i, c := range text {
		if isDigit(c) || mixed && i > 1 && isUpper(c) && isUpper(text[i-1]) {
			return false
		}
	}
	return true
}

// holdsCredentials reports whether text is user:password in base64.
func holdsCredentials(text []byte) bool {
	if len(text) < 4 || len(text) > 4096 {
		return false
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(string(text), "="))
	return err == nil && bytes.IndexByte(raw, ':') >= 0
}

// argument finds the value of an option of a command, from the blank between them: --password hunter2. Short options
// and those with a slash count in command lines only.
func (s *scanner) argument(b []byte, from, at int) (h hit, ok bool) {
	var buffer [maxName]byte
	end := at
	if end > from && b[end-1] == ' ' {
		return h, false
	}
	name, start := nameBefore(buffer[:0], b, from, end)
	if len(name) == 0 {
		return h, false
	}
	dash := b[start] == '-' // which is of names as well
	slash := !dash && start > from && b[start-1] == '/' && s.args
	if dash && start > from && !isSpace(b[start-1]) && b[start-1] != '"' || !dash && !slash {
		return h, false
	}
	p, known := lookParameter(name, s.mode)
	account := s.args && dash && accountOptions[string(name)]
	if known = known && p.kind == "" && p.where&(anywhere|asKey) != 0; !known && !account && !(s.args && isShortOption(name)) {
		return h, false
	}
	h = hit{start: at + 1, rule: rulePassword}
	if h.start >= len(b) || b[h.start] == '-' || b[h.start] == '/' || b[h.start] == '<' {
		return h, false
	}
	if b[h.start] == '"' {
		h.start++
		h.end = endOfQuote(b, h.start, []byte{'"'})
	} else {
		h.end = endBefore(b, h.start, " \t\r\n\"")
	}
	if !account || known {
		return h, true
	}
	n := bytes.IndexByte(b[h.start:h.end], ':')
	if n >= 0 {
		if password := (hit{start: h.start + n + 1, end: h.end, rule: rulePassword}); password.start < password.end && !s.done(b, password) {
			return password, true
		}
		h.end = h.start + n
	}
	h.rule, h.kind = User.rule(), User
	return h, s.mode >= Identities && (n >= 0 || b[end-1] != 'u') && !bytes.ContainsAny(b[h.start:h.end], `\/@.`)
}

// accountOptions are those that take an account, maybe with its password: curl -u user:password, sqlcmd -U user.
var accountOptions = wordSet("u user username proxyuser")

// isShortOption reports whether an option is one that takes a password in the tools of Windows.
func isShortOption(name []byte) bool {
	return string(name) == "p" || string(name) == "pw" || string(name) == "rp"
}

// cookieless finds the sessions and tickets that ASP.NET puts into paths: /(S(abc)F(def))/page.aspx.
func (s *scanner) cookieless(b []byte, from, at int) (h hit, ok bool) {
	c, size := next(b, at)
	i := at - 1
	if c != '(' || i <= from || strings.IndexByte("SAFsaf", b[i]) < 0 {
		return h, false
	}
	switch c, n := before(b, from, i); c {
	case ')':
	case '(':
		if slash, _ := before(b, from, i-n); slash != '/' {
			return h, false
		}
	default:
		return h, false
	}
	h = hit{start: at + size, end: endBefore(b, at+size, "()/?& \t\r\n\"'<>"), rule: ruleToken}
	if h.end >= len(b) {
		return h, false
	}
	c, _ = next(b, h.end)
	return h, c == ')'
}

// arguments of functions of WinHTTP that tell a secret or a name, as its text events list them: by position.
var arguments = map[string][]struct {
	at   int
	rule string
	kind Kind
}{
	"winhttpsetcredentials": {{4, rulePassword, ""}, {3, string(User), User}},
	"winhttpconnect":        {{1, "host name", Host}},
}

// call finds the arguments in WinHttpSetCredentials(0x36aae0, 0, 1, "user", "password", 0x0).
func (s *scanner) call(b []byte, from, at int) (h hit, ok bool) {
	start := at
	for start > from && isLetter(b[start-1]) {
		start--
	}
	var buffer [32]byte
	if at-start < len("winhttp") || at-start > len(buffer) {
		return h, false
	}
	list := arguments[string(appendLower(buffer[:0], b[start:at]))]
	for _, arg := range list {
		if arg.kind != "" && s.mode < Identities {
			continue
		}
		h = hit{rule: arg.rule, kind: arg.kind}
		h.start, h.end = argumentAt(b, at+1, arg.at)
		if h.start < h.end && !s.done(b, h) {
			return h, true
		}
	}
	return h, false
}

// argumentAt returns where the text of an argument stands, without quotation marks; start is end if it is no text.
func argumentAt(b []byte, i, n int) (start, end int) {
	const most = 4096
	b = b[:min(len(b), i+most)]
	for ; i < len(b) && b[i] != ')' && b[i] != '\n'; i++ {
		switch c, size := next(b, i); {
		case c == '"':
			end := endOfQuote(b, i+size, b[i:i+size])
			if n == 0 {
				return i + size, end
			}
			i = end + size - 1
		case c == ',':
			if n--; n < 0 {
				return i, i
			}
		}
	}
	return i, i
}

// privateKey finds the lines between those that begin and end a key.
func (s *scanner) privateKey(b []byte, from, at int) (h hit, ok bool) {
	const begin, name, dashes, end = "-----BEGIN ", "PRIVATE KEY", "-----", "-----END "
	if !bytes.HasPrefix(b[at:], []byte(begin)) {
		return h, false
	}
	at += len(begin)
	head := b[at:min(len(b), at+64)]
	n := bytes.Index(head, []byte(dashes))
	if n < 0 || !bytes.Contains(head[:n], []byte(name)) {
		return h, false
	}
	h = hit{start: at + n + len(dashes), rule: "private key"}
	if n := bytes.Index(b[h.start:], []byte(end)); n >= 0 {
		h.end = h.start + n
	} else {
		h.end = len(b)
	}
	return h, len(bytes.TrimSpace(b[h.start:h.end])) > 0
}

// A beginning tells a secret, wherever it stands.
type beginning struct {
	text  string
	at    byte // the character of text at which rules look for it
	chars *[256]bool
	least int // characters of the secret behind text
}

// beginnings are those of the keys that services give out, and of what Windows and ASP.NET Core make, by the character.
var beginnings = func() (by [256][]beginning) {
	for _, k := range [...]beginning{
		{"ghp_", '_', &base64URLChars, 30}, {"gho_", '_', &base64URLChars, 30}, {"ghu_", '_', &base64URLChars, 30}, {"ghs_", '_', &base64URLChars, 30}, // GitHub
		{"ghr_", '_', &base64URLChars, 30}, {"github_pat_", '_', &base64URLChars, 30}, {"glpat-", '-', &base64URLChars, 16},
		{"xoxb-", '-', &base64URLChars, 20}, {"xoxp-", '-', &base64URLChars, 20}, {"xoxa-", '-', &base64URLChars, 20}, {"xoxs-", '-', &base64URLChars, 20}, // Slack
		{"xapp-", '-', &base64URLChars, 20}, {"slack.com/services/", '/', &tokenChars, 16},
		{"/webhookb2/", '/', &hookChars, 36}, {"discord.com/api/webhooks/", '/', &tokenChars, 20}, // Teams
		{"sk_live_", '_', &base64URLChars, 16}, {"rk_live_", '_', &base64URLChars, 16}, {"sk_test_", '_', &base64URLChars, 16}, {"whsec_", '_', &base64Chars, 16}, // Stripe
		{"shpat_", '_', &base64URLChars, 24}, {"shpss_", '_', &base64URLChars, 24}, {"npm_", '_', &base64URLChars, 30}, {"sk-", '-', &base64URLChars, 40},
		{"AKIA", 'I', &base64URLChars, 16}, {"ASIA", 'I', &base64URLChars, 16}, {"AIza", 'I', &base64URLChars, 30}, {"ya29.", '.', &tokenChars, 20}, // AWS, Google
		{"SG.", '.', &tokenChars, 60},         // SendGrid
		{"CfDJ8", 'J', &base64URLChars, 8},    // what ASP.NET Core protects: cookies, tokens
		{"TlRMTVNTUA", 'V', &base64Chars, 20}, // NTLM
	} {
		by[k.at] = append(by[k.at], k)
	}
	return by
}()

// begun finds what stands behind such a beginning.
func (s *scanner) begun(b []byte, from, at int) (h hit, ok bool) {
	for _, k := range beginnings[b[at]] {
		start := at - strings.IndexByte(k.text, k.at)
		if start < 0 || !bytes.HasPrefix(b[start:], []byte(k.text)) {
			continue
		}
		if c, n := before(b, 0, start); n > 0 && base64URLChars[c] && isWord(k.text[0]) {
			continue
		}
		h = hit{start: start + len(k.text), rule: ruleToken}
		const enough = 256 // to tell prose
		head := b[h.start:min(len(b), h.start+enough)]
		if n := run(head, 0, k.chars); n < k.least || isProse(head[:n]) {
			return h, false
		}
		h.end = run(b, h.start, k.chars)
		return h, true
	}
	return h, false
}

// clientSecret finds the secrets that Entra ID makes for applications: three characters, a digit, Q~ and 34 more.
func (s *scanner) clientSecret(b []byte, from, at int) (h hit, ok bool) {
	const lead, rest = 5, 31
	start := at - lead
	if start < from || b[at-1] != 'Q' || !isDigit(b[at-2]) || run(b, start, &tokenChars) < at {
		return h, false
	}
	h = hit{start: start, end: run(b, at, &tokenChars), rule: ruleToken}
	return h, h.end-at > rest
}

// webToken finds JSON Web Tokens (RFC 7519): of a signed one the signature, without which it opens nothing, of an
// encrypted one all but the header. What a signed one says is about a person, and goes with the identities.
func (s *scanner) webToken(b []byte, from, at int) (h hit, ok bool) {
	start := at - 2
	if start < from || b[start] != 'e' || b[start+1] != 'y' {
		return h, false
	}
	if c, n := before(b, from, start); n > 0 && base64URLChars[c] {
		return h, false
	}
	h.rule = "jwt"
	var dots [4]int
	n := 0
	for h.end = run(b, at, &base64URLChars); n < len(dots) && h.end < len(b) && b[h.end] == '.'; n++ {
		next := run(b, h.end+1, &base64URLChars)
		if next == h.end+1 && (n > 0 || next >= len(b) || b[next] != '.') {
			break // a full stop; the key of an encrypted one, which is next to the header, may be empty
		}
		dots[n] = h.end
		h.end = next
	}
	switch {
	case n < 1:
		return h, false
	case s.mode >= Identities:
		h.start = start
	case n < 2:
		return h, false
	case n == len(dots):
		h.start = dots[0] + 1
	default:
		h.start = dots[1] + 1
	}
	return h, true
}

// Ends of values.

func endOfLine(b []byte, i int) int { return endBefore(b, i, "\r\n") }

// endBefore returns where the first character of a set stands, in any form, or a zero; len(b) if nowhere.
func endBefore(b []byte, i int, set string) int {
	for i < len(b) {
		c, n := next(b, i)
		if c == 0 || strings.IndexByte(set, c) >= 0 {
			break
		}
		i += n
	}
	return i
}

// endOfQuote returns where the quotation mark stands that closes a text, in the form in which it was opened. One behind
// a backslash does not.
func endOfQuote(b []byte, i int, form []byte) int {
	for i < len(b) && b[i] != '\n' && b[i] != '\r' && b[i] != 0 {
		if bytes.HasPrefix(b[i:], form) {
			break
		}
		if b[i] == '\\' && len(form) == 1 && i+1 < len(b) {
			i++
		}
		i++
	}
	return min(i, len(b))
}

// endOfHost returns where a host with its port ends.
func endOfHost(b []byte, i int) int {
	return endBefore(b, i, " \t\r\n,;\"'<>/?#\\")
}

// isNothing reports whether a value without quotes says that there is none.
func isNothing(value []byte) bool {
	var buffer [8]byte
	if len(value) > len(buffer) {
		return false
	}
	switch string(appendLower(buffer[:0], value)) {
	case "", "null", "true", "false", "(null)", "...", "-", "*", "<none>", "[...]":
		return true
	}
	return false
}

// isShort reports whether a value is a number of up to most digits: nothing that opens anything.
func isShort(value []byte, most int) bool {
	value = bytes.TrimPrefix(value, []byte("-"))
	for _, c := range value {
		if !isDigit(c) {
			return false
		}
	}
	return len(value) <= most
}

// looksRandom reports whether a value is like those that programs make up: long, without a break, letters and digits.
func looksRandom(value []byte) bool {
	letters, digits := 0, 0
	for _, c := range value {
		switch {
		case isLetter(c):
			letters++
		case isDigit(c):
			digits++
		case strings.IndexByte("-_.~+/=%", c) < 0:
			return false
		}
	}
	return len(value) >= 8 && letters > 0 && digits > 0
}

// isHandle reports whether a value is a handle or a pointer: 0x1a2b.
func isHandle(value []byte) bool {
	return hasPrefixFold(value, "0x") && len(value) > 2 && len(value) <= 18 && len(bytes.Trim(value[2:], "0123456789abcdefABCDEF")) == 0
}
