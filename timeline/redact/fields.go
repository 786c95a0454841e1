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
	asHarmless           // words of Windows or IIS, never of a user
)

// treatments are those of fields of events, by their names as plainName gives them.
var treatments = func() map[string]treatment {
	m := map[string]treatment{}
	for t, names := range map[treatment]string{
		asBody: "data chunkdata plaindata fragment body buffer payload content postdata requestbody responsebody entitybody truncateddata",
		asHost: `host hostname servername server serveraddress snihostname snihost computer computername machine machinename targetname dcname
			nodename queryname domain dnssuffix adaptersuffixname peerspn localspn umpeerspn umlocalspn retrieveddomain retrievedforest
			proxyname resolvename namequery workstation workstationname fqdn spn targetserver remotehost remoteaddress localaddress
			clientaddress address ipaddress socketaddress sockaddr`,
		asUser: `user username remoteuser remoteusername authuser tokenuser tokenusername account accountname subjectusername targetusername
			logonuser usersid useraccount runas identity`,
		asURL: "url uri rawurl requesturl requesturi urlbuffer originalurl newurl redirecturl currenturl urlpath referer referrer proxystring",
		asFile: `filename filepath physicalpath directory rootpath modulepath executablepath imagename processpath logfile configfile
			configfilename scriptfilename imagepath documentroot configpath`,
		asCommand: "commandline cmdline arguments parameters",
		asHarmless: `modulename notification notificationstatus verb method requestverb httpmethod protocol protocolversion api type subsystem
			result status statuscode substatus httpstatus httpsubstatus errorcode errorname reason routingreason authtype authenticationtype
			state algorithm opcode level category scheme trigger triggerstatus failurereason cachepolicy httpcachepolicy kernelcachehint
			iswow64 bytes postnotification fisreentrant moduletype handlertype impersonationlevel`,
	} {
		for name := range strings.FieldsSeq(names) {
			m[name] = t
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
	return treatments[string(plainName(buffer[:0], name))]
}

// IsBody reports whether a field of an event holds the content of messages, going by its name.
func IsBody(name string) bool { return treatmentOf(name) == asBody }

// IsCredential reports whether the value of a header is a credential, going by its name.
func IsCredential(header string) bool {
	return header != "" && credentialHeader([]byte(header), Secrets) != ""
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
	}
}

// Field returns the value of a field of an event as it may be shown. What the value is goes by the field's name, as the
// events of Windows and IIS name theirs.
func (r *Redactor) Field(name, value string) string {
	if r == nil || value == "" || r.mode == Default {
		return r.Text(value)
	}
	if rule := credentialHeader([]byte(name), r.mode); rule != "" {
		if value != Mask {
			r.counts[rule]++
		}
		return Mask
	}
	var buffer [64]byte
	if len(name) <= len(buffer) {
		if p, ok := lookParameter(plainName(buffer[:0], name), Secrets); ok && p.kind == "" && p.where&anywhere != 0 {
			if value != Mask && !isNothing([]byte(value)) {
				r.counts[p.rule]++
			}
			return Mask
		}
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

// strictly lets pass the values of fields that are harmless, and single numbers and names of others.
func (r *Redactor) strictly(name, value string) string {
	if r.mode < Strict || treatmentOf(name) == asHarmless || value == blank || strings.HasPrefix(value, Mask) {
		return value
	}
	b := []byte(value)
	if isPseudonym(b) || isNumber(b) || isSymbol(b) || isNumber(bytes.TrimPrefix(b, []byte("-"))) || guidEnd(b, 0) == len(b) || isNothing(b) {
		return value
	}
	if n := len(b); n > 2 && b[0] == '{' && b[n-1] == '}' && guidEnd(b[1:n-1], 0) == n-2 {
		return value
	}
	r.counts["field"]++
	return blank
}
