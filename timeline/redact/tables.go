package redact

import "strings"

// Names of rules, as counts show them.
const (
	rulePassword = "password"
	ruleToken    = "token"
	ruleBody     = "body"
	ruleSubject  = "certificate subject"
	ruleField    = "field" // of an event, whose value may be anything
	ruleWord     = "word"
)

// credentialHeaders are the headers whose values are credentials, in lower case, with their rules. Beside these come
// all that end with one of credentialEnds.
var credentialHeaders = map[string]string{
	"cookie2": "cookie", "set-cookie2": "set-cookie",
	"x-ms-authorization-auxiliary": "authorization",
	"authentication-info":          "authorization", "proxy-authentication-info": "proxy-authorization",
	"x-api-key": ruleToken, "api-key": ruleToken, "apikey": ruleToken, "x-apikey": ruleToken, "ocp-apim-subscription-key": ruleToken,
	"x-functions-key": ruleToken, "x-auth-token": ruleToken, "x-auth-key": ruleToken, "x-access-token": ruleToken, "x-id-token": ruleToken,
	"x-csrf-token": ruleToken, "x-csrftoken": ruleToken, "x-xsrf-token": ruleToken, "requestverificationtoken": ruleToken,
	"x-session-id": ruleToken, "x-session-token": ruleToken, "x-amz-security-token": ruleToken, "x-amz-signature": ruleToken,
	"x-amzn-oidc-data": ruleToken, "x-amzn-oidc-accesstoken": ruleToken, "x-goog-iap-jwt-assertion": ruleToken,
	"cf-access-jwt-assertion": ruleToken, "x-jwt-assertion": ruleToken, "x-ms-site-restricted-token": ruleToken, "x-zumo-auth": ruleToken,
	"x-ms-token-aad-access-token": ruleToken, "x-ms-token-aad-id-token": ruleToken, "x-ms-token-aad-refresh-token": ruleToken,
	"x-vault-token": ruleToken, "private-token": ruleToken, "x-gitlab-token": ruleToken, "x-hub-signature": ruleToken,
	"x-hub-signature-256": ruleToken, "dpop": ruleToken, "x-ms-client-principal": "client principal",
	"x-ms-client-principal-id": "client principal", "x-ms-client-principal-name": "client principal",
	"x-arr-clientcert": "client certificate", "ms-aspnetcore-clientcert": "client certificate", "x-client-cert": "client certificate", "x-ssl-client-cert": "client certificate",
	"ssl-client-cert": "client certificate", "x-forwarded-client-cert": "client certificate", "client-cert": "client certificate",
}

// credentialEnds are the ends of names of headers that are masked in every mode, the longer ones first.
var credentialEnds = [...]string{"proxy-authorization", "authorization", "set-cookie", "cookie"}

// credentialHeader returns the rule for a header; "" if its value is no credential. In JSON a name may stand right
// behind an escape such as \n: its letter is no harm in an end.
func credentialHeader(name []byte, mode Mode) string {
	var buffer [64]byte
	if len(name) > len(buffer) {
		name = name[len(name)-len(buffer):]
	}
	name = appendLower(buffer[:0], name)
	switch name[len(name)-1] {
	case 'e', 'n':
		for _, end := range credentialEnds {
			if strings.HasSuffix(string(name), end) {
				return end
			}
		}
	}
	if mode < Secrets {
		return ""
	}
	if rule, ok := credentialHeaders[string(name)]; ok {
		return rule
	}
	for _, end := range tokenEnds {
		if strings.HasSuffix(string(name), end) {
			return ruleToken
		}
	}
	if (name[0] == 'n' || name[0] == 'r') && len(name) > 1 {
		return credentialHeaders[string(name[1:])]
	}
	return ""
}

// tokenEnds are the ends of names of headers that hold a token.
var tokenEnds = [...]string{
	"-token", "-api-key", "-apikey", "-access-key", "-auth-key", "-secret", "-password", "-clientcert", "-client-cert", "-assertion", "-session-id",
}

// identityHeaders are the headers that name a machine or a person.
var identityHeaders = map[string]Kind{
	"host": Host, "x-host": Host, "x-forwarded-host": Host, "x-original-host": Host, "x-forwarded-server": Host, "disguised-host": Host,
	"via": via, "x-backend-server": Host, "x-served-by": Host, "x-server": Host, "x-server-name": Host, "x-machine-name": Host,
	"x-feserver": Host, "x-beserver": Host, "x-diaginfo": Host, "x-calculatedbetarget": Host, "x-calculatedfetarget": Host, // of Exchange
	"x-forwarded-user": User, "remote-user": User, "x-remote-user": User, "x-user": User, "x-user-id": User, "x-username": User,
	"x-authenticated-user": User, "x-user-name": User, "x-user-email": User,
}

func identityHeader(name []byte) Kind {
	var buffer [32]byte
	if len(name) > len(buffer) {
		return ""
	}
	return identityHeaders[string(appendLower(buffer[:0], name))]
}

// A place says where a name has to stand to mean what a parameter is.
type place uint8

const (
	anywhere place = 1 << iota // in front of = and :
	asKey                      // of XML or JSON: in quotes, or the name of an element
	inURL                      // in a query, or among the fields of a form
)

// A parameter is what the value behind a name is.
type parameter struct {
	rule  string
	kind  Kind  // of name; "" = it is a secret
	where place // where the name means that
	line  bool  // the value goes on to the end of the line
}

// maxName bounds the length of names that are looked up.
const maxName = 40

// parameters are names as nameBefore gives them.
var parameters = makeParameters()

// parameterEnds are names that also mean it at the end of longer ones: SmtpPassword.
var parameterEnds = [...]string{
	"password", "passwd", "passphrase", "secret", "apikey", "accesskey", "secretkey", "accountkey", "privatekey", "accesstoken", "refreshtoken",
	"idtoken", "authtoken", "sessionid", "sessiontoken", "clientsecret", "validationkey", "decryptionkey", "verificationtoken",
}

func makeParameters() map[string]parameter {
	m := map[string]parameter{}
	add := func(p parameter, names string) {
		for name := range strings.FieldsSeq(names) {
			m[name] = p
		}
	}
	const (
		everywhere = anywhere | asKey | inURL
		marked     = asKey | inURL
	)
	add(parameter{rule: rulePassword, where: everywhere}, "password passwd pwd passphrase passcode userpassword jpassword mysqlpwd")
	add(parameter{rule: rulePassword, where: marked}, "pass pw pin otp")
	add(parameter{rule: ruleToken, where: everywhere}, `accesstoken idtoken refreshtoken authtoken bearertoken sessiontoken securitytoken
		codeverifier clientsecret clientassertion authorizationcode devicecode secret apikey accesskey secretkey accountkey sharedaccesskey
		sharedaccesssignature sharedsecret encryptionkey subscriptionkey samlrequest samlresponse samlart wresult
		jsessionid phpsessid sessionid aspxauth sessionkey xamzsignature xamzcredential xamzsecuritytoken xgoogsignature xgoogcredential
		csrftoken xsrftoken csrfmiddlewaretoken requestverificationtoken validationkey decryptionkey privatekey cftoken`)
	add(parameter{rule: ruleToken, where: marked}, "token sig signature ticket idtokenhint assertion credential credentials viewstate relaystate hmac jwt")
	add(parameter{rule: ruleToken, where: inURL}, "code key state nonce sid session sess auth authkey wctx samlds st hash accesscode invite")
	add(parameter{rule: "cookie", where: marked | anywhere, line: true}, "cookie setcookie")
	add(parameter{rule: "authorization", where: marked | anywhere, line: true}, "authorization proxyauthorization")
	add(parameter{kind: User, where: everywhere}, `user username userid userlogin login logon loginname logonname account accountname samaccountname
		upn userprincipalname email mail emailaddress csusername remoteuser authuser tokenusername remoteusername loginhint
		uid owner`)
	add(parameter{kind: Host, where: everywhere}, `host hostname computer computername machine machinename server servername datasource
		serveraddress domain domainname dnsname workstation workstationname`)
	for name, p := range m {
		if p.kind != "" {
			p.rule = p.kind.rule()
			m[name] = p
		}
	}
	return m
}

// lookParameter returns what the value behind a name is, if the mode cares.
func lookParameter(name []byte, mode Mode) (p parameter, ok bool) {
	if p, ok = parameters[string(name)]; ok {
		return p, p.kind == "" || mode >= Identities
	}
	if len(name) < len("secret") {
		return p, false
	}
	if strings.HasPrefix(string(name), "aspsessionid") {
		return parameters["sessionid"], true
	}
	for _, end := range parameterEnds {
		if strings.HasSuffix(string(name), end) {
			rule := ruleToken
			if strings.HasPrefix(end, "pass") {
				rule = rulePassword
			}
			return parameter{rule: rule, where: anywhere | asKey | inURL}, true
		}
	}
	return p, false
}

// Tables of names of machines and accounts.

type topLevel uint8

const (
	topSure      topLevel = iota // nothing else ends like this
	topCountry                   // nothing that is no code ends like this
	topAmbiguous                 // of names with three parts at least
)

// topLevels are the last parts of names of machines, besides those of countries.
var topLevels = func() map[string]topLevel {
	m := map[string]topLevel{}
	for kind, list := range map[topLevel]string{
		topSure:    "com org edu gov mil biz arpa local localdomain lan corp intranet internal intern firma onmicrosoft",
		topCountry: "net info cloud app dev aero coop mobi jobs travel asia online tech systems solutions company group agency bank digital example invalid test",
		topAmbiguous: `int name pro post site store shop domain private home host ad dom prod uat stage staging svc cluster
			localhost xyz club top global world zone network services software email web`,
	} {
		for name := range strings.FieldsSeq(list) {
			m[name] = kind
		}
	}
	return m
}()

// ambiguousCountries are domains of countries that are also endings of files, or words.
var ambiguousCountries = wordSet("cs js ts sh ps py pl md so rs vb gz db tt id is as to in no my me st ms io ai cc tv do be at it us am pm ok ro vs")

// publicDomains stay as they are.
var publicDomains = []string{
	"microsoft.com", "w3.org", "xmlsoap.org", "openxmlformats.org", "aka.ms", "ietf.org", "rfc-editor.org", "windowsupdate.com",
	"msftconnecttest.com", "msftncsi.com", "example.com", "example.org", "example.net",
}

// products are words in front of .NET and .io that make no host.
var products = wordSet("asp ado vb system microsoft windows ml socket")

// folders are names in front of a backslash that are no domains of accounts.
var folders = wordSet(`windows system32 syswow64 inetsrv inetpub users programdata hklm hkcu hkcr hku hkcc hkey_local_machine hkey_current_user
	hkey_users hkey_classes_root software system microsoft config logs logfiles bin obj wwwroot temp tmp drivers etc app data content files
	services parameters currentcontrolset policies root currentversion control http httperr w3svc sites winevt testdata registry device
	settings files processor process memory network pipe globalroot`)

func isFolder(name []byte) bool { return len(name) == 1 || folders[string(name)] }

// extensions are those of files that may stand behind a backslash.
var extensions = wordSet("dll exe config log txt xml json etl evtx cab zip aspx asmx svc ashx asp htm html js css png ini inf sys ps1 cmd bat cs vb dmp blg csv dat pdb ico mof man")

func isExtension(name []byte) bool {
	var buffer [8]byte
	return len(name) <= len(buffer) && extensions[string(appendLower(buffer[:0], name))]
}

// authorities are the domains of accounts that every Windows has, in lower case.
var authorities = []string{"nt authority", "builtin", "iis apppool", "nt service", "window manager", "font driver host", "nt virtual machine"}

// isAuthority reports whether b ends with such a domain, whose last word begins at word.
func isAuthority(b []byte, word int) bool {
	for _, a := range authorities {
		if at := len(b) - len(a); at >= 0 && at <= word && hasSuffixFold(b, a) && (at == 0 || !isWord(b[at-1])) {
			return true
		}
	}
	return false
}

// everybody are accounts and hosts that tell nothing.
var (
	everybody = wordSet(`system local_service network_service localservice networkservice localsystem anonymous anonymous_logon iusr iwam
		iis_iusrs everyone administrators users guest guests nobody none null not_available n/a public default all_users default_user
		defaultapppool trustedinstaller`)
	anyHost = wordSet("localhost localhost.localdomain * + . - (null) null any none default")
)

// internal are last parts of names that are given within a house: what stands before them is a machine.
var internal = wordSet("local localdomain lan corp intranet internal intern firma home ad dom test private domain prod cluster svc")

// services are first parts of names that say what is there, not who.
var services = wordSet("www www1 www2 api mail smtp imap pop ftp web app apps dev test prod stage staging login auth sso cdn static proxy gateway vpn ns dns ntp ldap db sql portal admin remote cloud")

func wordSet(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[strings.ReplaceAll(w, "_", " ")] = true
		m[w] = true
	}
	return m
}
