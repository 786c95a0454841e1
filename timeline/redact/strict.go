package redact

import (
	"bytes"
	_ "embed"
	"strings"
	"sync"
)

// wordList is every word of the texts that the packages of this module are made with, in lower case, a line each: of
// the strings in their source, without tests. See words_test.go.
//
//go:generate go test -run TestWords -update .
//go:embed words.txt
var wordList string

// vocabulary returns the words of wordList.
var vocabulary = sync.OnceValue(func() map[string]bool {
	m := make(map[string]bool, strings.Count(wordList, "\n"))
	for w := range strings.Lines(wordList) {
		m[strings.TrimSuffix(w, "\n")] = true
	}
	return m
})

// isOrdinary reports whether a name, in lower case, is a word of reports.
func isOrdinary(name string) bool { return vocabulary()[name] }

// strict lets pass words of reports, numbers with their units, codes and their symbols, times, and pseudonyms.
func (r *Redactor) strict(b []byte) []byte {
	out := make([]byte, 0, len(b))
	last := -1 // where the last blank ends in out, as long as nothing passed since
	for i := 0; i < len(b); {
		if !isWord(b[i]) && b[i] != '_' {
			if n := r.shaped(&out, b, i); n > i {
				i, last = n, -1
				continue
			}
			if b[i] == '\n' {
				last = -1
			}
			if bytes.HasPrefix(b[i:], []byte(blank)) {
				i += len(blank)
				if last >= 0 && !bytes.ContainsAny(out[last:], brackets) {
					out = out[:last]
				} else {
					out = append(out, blank...)
				}
				last = len(out)
				continue
			}
			out = append(out, b[i])
			i++
			continue
		}
		if n := r.shaped(&out, b, i); n > i {
			i, last = n, -1
			continue
		}
		if end := r.passes(b, i); end > i {
			out = append(out, b[i:end]...)
			i, last = end, -1
			continue
		}
		for i < len(b) && (isWord(b[i]) || b[i] == '_') {
			i++
		}
		r.counts[ruleWord]++
		if last >= 0 && !bytes.ContainsAny(out[last:], brackets) {
			out = out[:last] // what is between two of them tells nothing
			continue
		}
		out = append(out, blank...)
		last = len(out)
	}
	return out
}

// brackets open what must be closed.
const brackets = "()[]{}<>\"'`"

// passes returns where what may be shown ends that begins at i; i if there is nothing.
func (r *Redactor) passes(b []byte, i int) int {
	if end := r.pseudonymEnd(b, i); end > i {
		return end
	}
	if b[i]|0x20 == 's' {
		if end := sidEnd(b, i); end > i && !namesSomebody(string(b[i:end])) {
			return end
		}
	}
	if a, end, ok := ipv6(b, i); ok && (r.isAnonymous(a) || !tells(a)) {
		return end
	}
	if end := guidEnd(b, i); end > i {
		return end
	}
	end := i
	for end < len(b) && (isWord(b[end]) || b[end] == '_') {
		end++
	}
	// Names with a dot: w3wp.exe, web.config.
	dotted := end
	for dotted+1 < len(b) && dotted-i < 64 && b[dotted] == '.' && isWord(b[dotted+1]) {
		for dotted++; dotted < len(b) && (isWord(b[dotted]) || b[dotted] == '_'); dotted++ {
		}
	}
	if name := string(b[i:dotted]); dotted > end && (isWellKnown(name) || isPlainFile(name)) {
		return dotted
	}
	if word := b[i:end]; isNumber(word) || isSymbol(word) || isRequestID(word) || isOrdinaryWord(word) || isWellKnown(string(word)) {
		return end
	}
	return i
}

func isOrdinaryWord(word []byte) bool {
	var buffer [48]byte
	return len(word) <= len(buffer) && vocabulary()[string(appendLower(buffer[:0], word))]
}

// isNumber reports whether a word is a number, alone or with a unit, a number in hexadecimal form, or a part of a time.
func isNumber(word []byte) bool {
	const most = 10 // digits: what is longer may be a number of an account, or of a person
	if hasPrefixFold(word, "0x") {
		return len(word) > 2 && len(word) <= 18 && len(bytes.Trim(word[2:], "0123456789abcdefABCDEF")) == 0
	}
	n := 0
	for n < len(word) && isDigit(word[n]) {
		n++
	}
	if n == 0 || n > most {
		return false
	}
	rest := word[n:]
	if len(rest) > 1 && (rest[0] == 'T' || rest[0] == 't') && isDigit(rest[1]) { // 05T09
		rest = bytes.TrimLeft(rest[1:], "0123456789")
		return len(rest) == 0
	}
	return units[string(rest)]
}

// units are what stands right behind numbers.
var units = func() map[string]bool {
	m := wordSet("s ms us ns m h d min B KB MB GB TB kB k Z z st nd rd th x xx xxx")
	m[""] = true
	return m
}()

// isSymbol reports whether a word is the name of an error code, by its form.
func isSymbol(word []byte) bool {
	for _, c := range word {
		if !isDigit(c) && (c < 'A' || c > 'Z') && c != '_' {
			return false
		}
	}
	for _, prefix := range [...]string{"ERROR_", "WSAE", "WSA_", "SEC_E_", "SEC_I_", "STATUS_", "NTE_", "CRYPT_E_", "CERT_E_", "TRUST_E_",
		"E_", "HTTP_STATUS_", "RPC_", "WINHTTP_", "DNS_ERROR_", "HRESULT_", "SCHED_", "SE_", "WER_", "APPMODEL_", "COR_E_", "IIS_"} {
		if len(word) > len(prefix)+2 && bytes.HasPrefix(word, []byte(prefix)) {
			return true
		}
	}
	return false
}

// isRequestID reports whether a word is the id of a request: r12.
func isRequestID(word []byte) bool {
	return len(word) > 1 && len(word) < 10 && word[0] == 'r' && len(bytes.Trim(word[1:], "0123456789")) == 0
}

// guidEnd returns where the GUID at i ends; i if there is none.
func guidEnd(b []byte, i int) int {
	const form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	end := i + len(form)
	if end > len(b) || end < len(b) && isWord(b[end]) {
		return i
	}
	for n := range len(form) {
		if form[n] == '-' && b[i+n] != '-' || form[n] == 'x' && !isHex(b[i+n]) {
			return i
		}
	}
	return end
}

// shaped takes a URL or a path of one at i, and returns where it ends; i if there is none.
func (r *Redactor) shaped(out *[]byte, b []byte, i int) int {
	end := i
	switch {
	case isLetter(b[i]): // scheme://
		for end < len(b) && isLetter(b[end]) {
			end++
		}
		if !bytes.HasPrefix(b[end:], []byte("://")) {
			return i
		}
	case b[i] == '/' && (i == 0 || isSpace(b[i-1]) || b[i-1] == '"'):
		word := i + 1
		for word < len(b) && (isWord(b[word]) || b[word] == '.' && word+1 < len(b) && isWord(b[word+1])) { // apppool.name:
			word++
		}
		if word == i+1 || word < len(b) && strings.IndexByte(":=", b[word]) >= 0 || word < len(b) && !isSpace(b[word]) && strings.IndexByte("/?.-_%,;", b[word]) < 0 {
			return i // an option
		}
		if (word == len(b) || isSpace(b[word])) && isOrdinaryWord(b[i+1:word]) {
			return i // as well
		}
	default:
		return i
	}
	for end = i; end < len(b) && !isSpace(b[end]) && strings.IndexByte("\"'<>|`", b[end]) < 0; end++ {
	}
	for end > i && strings.IndexByte(".,;:)", b[end-1]) >= 0 && b[end-1] != ']' {
		end--
	}
	was := string(b[i:end])
	*out = append(*out, r.shape(was)...)
	return end
}

// shape leaves of a URL the scheme, the host, and how many parts the path has. It counts what it takes out.
func (r *Redactor) shape(s string) string {
	head := ""
	if i := strings.Index(s, "://"); i > 0 && i < 12 {
		end := strings.IndexAny(s[i+3:], "/?#")
		if end < 0 {
			end = len(s) - i - 3
		}
		host := s[i+3 : i+3+end]
		head, s = s[:i+3]+r.counted(Host.rule(), host, r.authority([]byte(host))), s[i+3+end:]
	}
	path, query := s, ""
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		path, query = s[:i], s[i:]
	}
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if p != "" && p != blank && p != "*" && p != Mask && p != "..." && !r.isPseudonym([]byte(p)) {
			parts[i] = r.pseudonym(Path, p)
		}
	}
	if len(query) > 1 {
		query = query[:1] + blank
	}
	return head + r.counted(Path.rule(), s, strings.Join(parts, "/")+query)
}

func isSeparator(c rune) bool { return c == '/' || c == '\\' }

// file leaves of the path of a file how many parts it has, and the extension.
func (r *Redactor) file(s string) string {
	var out strings.Builder
	for s != "" {
		n := strings.IndexFunc(s, isSeparator)
		part := s
		if n >= 0 {
			part = s[:n]
		}
		out.WriteString(r.filePart(part))
		if n < 0 {
			break
		}
		out.WriteByte(s[n])
		s = s[n+1:]
	}
	return out.String()
}

func (r *Redactor) filePart(part string) string {
	name, ext := part, ""
	if dot := strings.LastIndexByte(part, '.'); dot > 0 && isExtension([]byte(part[dot+1:])) {
		name, ext = part[:dot], lowered(part[dot:])
	}
	if isPlainFile(part) || name == "" || name == "." || name == ".." || name == "-" || r.isPseudonym([]byte(name)) || len(name) == 2 && name[1] == ':' {
		return part
	}
	if l, end, ok := r.find([]byte(part), 0, len(firstWord(part))); ok && end == len(part) && l.kind == Host {
		return r.host(l.name) // a folder that is called after its machine
	}
	return r.pseudonym(Path, lowered(name)) + ext
}

// plainFiles are what files are called that every installation or trace has, without numbers: web.config, u_ex260305.log.
var plainFiles = wordSet("web applicationhost machine u_ex httperr fr net report system application security")

// isPlainFile reports whether a file has such a name.
func isPlainFile(name string) bool {
	dot := strings.LastIndexByte(name, '.')
	return dot > 0 && isExtension([]byte(name[dot+1:])) && plainFiles[strings.TrimRight(lowered(name[:dot]), "0123456789")]
}

// isWellKnown reports whether a name is one that every installation has: of a process, a module, a pool.
func isWellKnown(name string) bool { return wellKnown[lowered(name)] }

var wellKnown = wordSet(`w3wp.exe svchost.exe system idle lsass.exe iisexpress.exe dotnet.exe services.exe winhttp.dll webio.dll http.sys tcpip.sys
	netsh.exe powershell.exe pwsh.exe explorer.exe wininit.exe csrss.exe smss.exe spoolsv.exe inetinfo.exe appcmd.exe curl.exe msedge.exe chrome.exe
	defaultapppool default_web_site arrpool
	iiscore protocolsupportmodule httploggingmodule requestfilteringmodule staticfilemodule defaultdocumentmodule directorylistingmodule
	customerrormodule anonymousauthenticationmodule windowsauthenticationmodule basicauthenticationmodule digestauthenticationmodule
	certificatemappingauthenticationmodule iiscertificatemappingauthenticationmodule urlauthorizationmodule iprestrictionmodule
	dynamiciprestrictionmodule dynamiccompressionmodule staticcompressionmodule httpcachemodule filecachemodule uricachemodule tokencachemodule
	httpredirectionmodule isapimodule isapifiltermodule cgimodule fastcgimodule serversideincludemodule webdavmodule websocketmodule
	failedrequeststracingmodule tracingmodule requestmonitormodule configurationvalidationmodule managedenginemodule managedengine64
	managedpipelinehandler rewritemodule applicationrequestrouting applicationinitializationmodule aspnetcoremodule aspnetcoremodulev2
	httpplatformhandler customloggingmodule outputcache session windowsauthentication formsauthentication defaultauthentication rolemanager
	urlauthorization fileauthorization anonymousidentification profile urlmappingsmodule servicemodel scriptmodule-4.0 urlroutingmodule-4.0
	extensionlessurlhandler-integrated-4.0 staticfile aspnetcore pagehandlerfactory-integrated-4.0 corsmodule`)
