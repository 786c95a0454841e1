package redact

import (
	"bytes"
	"strings"
)

// A treatment says what the values of a field are, by its name.
type treatment uint8

const (
	asText     treatment = iota
	asBody               // content of messages
	asHost               // a machine, maybe with a port
	asUser               // an account
	asURL                // or the path of one
	asFile               // a path
	asCommand            // a command line
	asMachine            // a machine, if it is called like one
	asProxies            // hosts with words and signs between them
	asHarmless           // words of Windows or IIS, never of a user
)

// treatments are those of fields of events, by their names as plainName gives them.
var treatments = func() map[string]treatment {
	m := map[string]treatment{}
	for t, names := range [...]string{
		asBody: "data chunkdata plaindata fragment body buffer payload content postdata requestbody responsebody entitybody truncateddata",
		asHost: `host hostname servername server serveraddress snihostname snihost computer computername machine machinename targetname dcname
			nodename queryname domain dnssuffix adaptersuffixname peerspn localspn umpeerspn umlocalspn retrieveddomain retrievedforest
			proxyname resolvename namequery workstation workstationname fqdn spn targetserver remotehost remoteaddress localaddress
			clientaddress address ipaddress socketaddress sockaddr realm`,
		asMachine: "machineid node nodeid instance instanceid instancename roleinstance backend upstream worker workerid pod podname",
		asProxies: "proxystring proxy proxies proxylist proxybypass proxyserver queryresults addresses",
		asUser: `user username remoteuser remoteusername authuser tokenuser tokenusername account accountname subjectusername targetusername
			logonuser usersid useraccount runas identity upn userprincipalname login loginid loginname domainuser`,
		asURL: "url uri rawurl requesturl requesturi urlbuffer originalurl newurl redirecturl currenturl urlpath referer referrer",
		asFile: `filename filepath physicalpath directory rootpath modulepath executablepath imagename processpath logfile configfile
			configfilename scriptfilename imagepath documentroot configpath`,
		asCommand: "commandline cmdline arguments parameters",
		asHarmless: `modulename notification notificationstatus verb method requestverb httpmethod protocol protocolversion api type subsystem
			result status statuscode substatus httpstatus httpsubstatus errorcode errorname reason routingreason authtype authenticationtype
			state algorithm opcode level category scheme trigger triggerstatus failurereason cachepolicy httpcachepolicy kernelcachehint
			iswow64 bytes postnotification fisreentrant moduletype handlertype impersonationlevel`,
	} {
		for name := range strings.FieldsSeq(names) {
			m[name] = treatment(t)
		}
	}
	return m
}()

// plainName appends the letters and digits of a name in lower case.
func plainName(dst []byte, name string) []byte {
	for i := range len(name) {
		if c := name[i]; isWord(c) {
			dst = append(dst, lower(c))
		}
	}
	return dst
}

func treatmentOf(name string) treatment {
	var buffer [64]byte
	if len(name) > len(buffer) {
		return asText
	}
	plain := plainName(buffer[:0], name)
	if t, ok := treatments[string(plain)]; ok {
		return t
	}
	for _, e := range treatmentEnds {
		if strings.HasSuffix(string(plain), e.name) {
			return e.treatment
		}
	}
	return asText
}

// treatmentEnds are those of fields whose names end so.
var treatmentEnds = [...]struct {
	name string
	treatment
}{
	{"hostname", asHost}, {"servername", asHost}, {"computername", asHost}, {"machinename", asHost}, {"domainname", asHost}, {"dnsname", asHost},
	{"addressname", asHost}, {"canonicalname", asHost}, {"dnssuffix", asHost}, {"adsuffix", asHost}, {"probehost", asHost},
	{"normalizedhost", asHost}, {"username", asUser}, {"accountname", asUser},
}

// IsBody reports whether a field of an event holds the content of messages, going by its name.
func IsBody(name string) bool { return treatmentOf(name) == asBody }

// SecretField returns the rule by which the values of a field are masked, going by its name; "" if they are not.
func SecretField(name string) string {
	if name == "" || len(name) > maxName {
		return ""
	}
	if rule := HeaderRule(name, Secrets); rule != "" {
		return rule
	}
	var buffer [maxName]byte
	if p, ok := lookParameter(plainName(buffer[:0], name), Secrets); ok && p.kind == "" && p.where&(anywhere|asKey) != 0 {
		return p.rule
	}
	return ""
}

// HeaderRule returns the rule by which a mode masks the values of a header; "" if it does not. The name may be one of
// the fields of a log: cs(Cookie).
func HeaderRule(name string, mode Mode) string {
	if inner, ok := strings.CutSuffix(name, ")"); ok {
		name = inner[strings.IndexByte(inner, '(')+1:]
	}
	if name == "" || mode == None {
		return ""
	}
	return credentialHeader([]byte(name), mode)
}

// Tells reports whether the value of a field that holds a secret may be one: it is not empty, a word for nothing, or the
// number of a handle.
func Tells(value string) bool { return !isNothing([]byte(value)) && !isHandle([]byte(value)) }

// LearnHeader notes the names that the value of a header holds.
func (r *Redactor) LearnHeader(name, value string) {
	if r.Mode() < Identities || len(value) > maxLearntText {
		return
	}
	switch kind := identityHeader([]byte(name)); {
	case kind == Host:
		r.learnHost(value)
	case kind == User:
		r.learnUser(value)
	case kind == machines:
		for one := range strings.SplitSeq(value, ",") {
			if host, _ := splitPort(strings.TrimSpace(one)); isNamedLikeMachine(host) {
				r.learnHost(host)
			}
		}
	case kind == via, strings.EqualFold(name, "X-Forwarded-For"):
		for hop := range strings.SplitSeq(value, ",") {
			words := strings.Fields(hop)
			if kind == via && len(words) > 0 { // the protocol
				words = words[1:]
			}
			if len(words) > 0 {
				r.learnHost(words[0])
			}
		}
	}
}

// maxLearntText bounds the texts in which names are looked for that are to be learnt.
const maxLearntText = 16 << 10

// LearnText notes the names in a text that are sure to be some: those in headers, each in a line, and in URLs.
func (r *Redactor) LearnText(text string) {
	if r.Mode() < Identities || len(text) > maxLearntText {
		return
	}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			r.LearnHeader(name, strings.TrimSpace(value))
		}
	}
	b, s := []byte(text), scanner{}
	for i, c := range b {
		if c != ':' && c != '%' {
			continue
		}
		if h, ok := s.authority(b, 0, i); ok {
			r.learnHost(text[h.start+bytes.LastIndexByte(b[h.start:h.end], '@')+1 : h.end])
		}
	}
}

// LearnField notes the name that a field of an event holds, if it is one that holds names: see [Redactor.Learn].
func (r *Redactor) LearnField(name, value string) {
	if r.Mode() < Identities || value == "" || len(value) > 255 {
		return
	}
	switch treatmentOf(name) {
	case asHost:
		r.Learn(Host, value)
	case asUser:
		r.Learn(User, value)
	case asMachine:
		if isNamedLikeMachine(value) {
			r.Learn(Host, value)
		}
	}
}

// Field returns the value of a field of an event as it may be shown. What the value is goes by the field's name, as the
// events of Windows and IIS name theirs.
func (r *Redactor) Field(name, value string) string {
	if r == nil || value == "" || r.mode == Default {
		return r.Text(value)
	}
	if rule := SecretField(name); rule != "" && Tells(value) {
		if value != Mask {
			r.counts[rule]++
		}
		return Mask
	}
	switch t := treatmentOf(name); t {
	case asBody:
		return r.Body(value)
	case asCommand:
		return r.strictly(name, r.CommandLine(value))
	case asHost:
		if r.mode >= Identities && len(value) < 256 && strings.IndexByte(value, ' ') < 0 {
			r.LearnField(name, value)
			return r.addresses(value)
		}
	case asUser:
		if r.mode >= Identities && len(value) < 256 {
			r.LearnField(name, value)
			return r.User(value)
		}
	case asMachine:
		if r.mode >= Identities && isNamedLikeMachine(value) {
			r.Learn(Host, value)
			return r.Host(value)
		}
	case asProxies:
		if r.mode >= Identities {
			return r.strictly(name, r.proxies(value))
		}
	case asURL:
		return r.URL(value)
	case asFile:
		if r.mode < Strict || isWellKnown(value) {
			return r.Path(value)
		}
		return r.Path(r.Text(value))
	}
	return r.strictly(name, r.Text(value))
}

// addresses is what stands for one or several hosts or addresses.
func (r *Redactor) addresses(value string) string {
	parts := strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == ';' })
	if len(parts) < 2 {
		return r.Address(value)
	}
	for i := range parts {
		parts[i] = r.Address(parts[i])
	}
	return strings.Join(parts, ",")
}

// proxies is what stands for a list of proxies or addresses: PROXY a:8080; DIRECT, http=a:80;https=b:80.
func (r *Redactor) proxies(value string) string {
	const separators = " ;,=<>\t\r\n"
	var out strings.Builder
	for value != "" {
		n := strings.IndexAny(value, separators)
		if n < 0 {
			n = len(value)
		}
		if word := value[:n]; isOrdinary(lowered(word)) || isNumber([]byte(word)) || strings.HasSuffix(word, ":") || strings.Contains(word, "://") {
			out.WriteString(r.Text(word))
		} else if word != "" {
			out.WriteString(r.Address(word))
		}
		if value = value[n:]; value != "" {
			out.WriteByte(value[0])
			value = value[1:]
		}
	}
	return r.Text(out.String())
}

// strictly lets pass the values of fields that are harmless, and single numbers and names of others.
func (r *Redactor) strictly(name, value string) string {
	if r.mode < Strict || treatmentOf(name) == asHarmless || value == blank || strings.HasPrefix(value, Mask) {
		return value
	}
	b := []byte(value)
	if r.isPseudonym(b) || isNumber(b) || isSymbol(b) || isNumber(bytes.TrimPrefix(b, []byte("-"))) || guidEnd(b, 0) == len(b) || isNothing(b) {
		return value
	}
	if n := len(b); n > 2 && b[0] == '{' && b[n-1] == '}' && guidEnd(b[1:n-1], 0) == n-2 {
		return value
	}
	r.counts[ruleField]++
	return blank
}
