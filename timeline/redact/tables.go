package redact

import (
	"bytes"
	"strings"
)

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
	"authentication-info":          "authorization", "proxy-authentication-info": "proxy-authorization", "authentication": "authorization",
	"apikey": ruleToken, "x-apikey": ruleToken, "x-csrftoken": ruleToken, "requestverificationtoken": ruleToken, "x-amzn-oidc-data": ruleToken,
	"x-amzn-oidc-accesstoken": ruleToken, "x-hub-signature-256": ruleToken, "dpop": ruleToken, "x-wsse": ruleToken,
	"x-ms-client-principal":    "client principal",
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
		if strings.HasSuffix(string(name), end) && !plainKeys[string(name)] {
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
	"-token", "-key", "-apikey", "-auth", "-signature", "-secret", "-password", "-passwd", "-credential", "-credentials", "-clientcert", "-client-cert",
	"-assertion", "-jwt", "-ticket", "-session-id", "-sessionid", "-session",
}

// plainKeys are the headers with such an end that open nothing.
var plainKeys = wordSet("sec-websocket-key idempotency-key cache-key x-cache-key surrogate-key partition-key x-partition-key")

// identityHeaders are the headers that name a machine or a person.
var identityHeaders = map[string]Kind{
	"host": Host, "x-host": Host, "x-forwarded-host": Host, "x-original-host": Host, "x-forwarded-server": Host, "disguised-host": Host,
	"via": via, "x-backend-server": Host, "x-server": Host, "x-server-name": Host, "x-machine-name": Host, "x-served-by": machines,
	"x-feserver": Host, "x-beserver": Host, "x-diaginfo": Host, "x-calculatedbetarget": Host, "x-calculatedfetarget": Host, // of Exchange
	"server": machines, "x-powered-by": machines, "remote-user": User, "sm_user": User, "sm-user": User,
}

// identityEnds are the ends of names of such headers that begin with "X-".
var identityEnds = [...]struct {
	end  string
	kind Kind
}{
	{"server", machines}, {"machine", machines}, {"node", machines}, {"host", machines}, {"backend", machines}, {"upstream", machines}, {"worker", machines},
	{"instance", machines}, {"-by", machines}, {"servername", machines}, {"machinename", machines}, {"nodename", machines}, {"hostname", machines},
	{"user", User}, {"username", User}, {"userid", User}, {"user-id", User}, {"user-name", User}, {"-email", User}, {"-upn", User}, {"-login", User},
}

// identityHeader returns the kind of what a header names; "" if it is nobody.
func identityHeader(name []byte) Kind {
	var buffer [40]byte
	if len(name) > len(buffer) {
		return ""
	}
	name = appendLower(buffer[:0], name)
	if kind := identityHeaders[string(name)]; kind != "" || !bytes.HasPrefix(name, []byte("x-")) {
		return kind
	}
	for _, e := range identityEnds {
		if strings.HasSuffix(string(name), e.end) {
			return e.kind
		}
	}
	return ""
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

// parameterEnds are names that also mean it at the end of longer ones, SmtpPassword, by their last letter.
var parameterEnds = endsByLetter(`password passwd passphrase passwort kennwort secret apikey accesskey secretkey accountkey privatekey
	subscriptionkey instrumentationkey encryptionkey validationkey decryptionkey signingkey storagekey jwtkey authkey accesskeyid sessionid
	accesstoken refreshtoken idtoken authtoken bearertoken sessiontoken securitytoken verificationtoken`)

func endsByLetter(list string) (by [256][]string) {
	for end := range strings.FieldsSeq(list) {
		last := end[len(end)-1]
		by[last] = append(by[last], end)
	}
	return by
}

// passwordEnds are what names of passwords may end with.
var passwordEnds = endsByLetter("confirmation confirm repeat again hash digest new old")

// plainTokens are names that end with "token" and are no secrets.
var plainTokens = wordSet("publickeytoken impersonatetoken impersonationtoken canceltoken cancellationtoken")

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
	add(parameter{rule: rulePassword, where: everywhere}, "password passwd pwd passphrase passcode userpassword jpassword mysqlpwd userpw motdepasse contrasena senha wachtwoord")
	add(parameter{rule: rulePassword, where: marked}, "pass pw pin otp totp otpcode smscode mfacode verificationcode usercode resetcode activationcode")
	add(parameter{rule: "card number", where: marked}, "cardnumber creditcard creditcardnumber ccnumber cvv cvv2 cvc")
	add(parameter{rule: ruleToken, where: everywhere}, `accesstoken idtoken refreshtoken authtoken bearertoken sessiontoken securitytoken
		codeverifier clientsecret clientassertion authorizationcode devicecode secret apikey accesskey secretkey accountkey sharedaccesskey
		sharedaccesssignature sharedsecret samlrequest samlresponse samlart wresult
		jsessionid phpsessid sessionid aspxauth sessionkey xamzsignature xamzcredential xamzsecuritytoken xgoogsignature xgoogcredential
		csrftoken xsrftoken csrfmiddlewaretoken requestverificationtoken validationkey decryptionkey privatekey cftoken
		connectsid fedauth fedauth1 msisauth msisauth1 rtfa appserviceauthsession aspnetcookies aspnetapplicationcookie aspnetexternalcookie`)
	add(parameter{rule: ruleToken, where: marked}, `token sig signature ticket idtokenhint assertion credential credentials viewstate eventvalidation
		relaystate hmac jwt bearer csrf xsrf sessionstate appkey hubkey masterkey hostkey functionkey`)
	add(parameter{rule: ruleToken, where: inURL}, "code key state nonce sid session sess auth authkey wctx samlds st hash accesscode invite")
	add(parameter{rule: "cookie", where: marked | anywhere, line: true}, "cookie setcookie")
	add(parameter{rule: "authorization", where: marked | anywhere, line: true}, "authorization proxyauthorization")
	add(parameter{kind: User, where: everywhere}, `user username userid userlogin login logon loginname logonname account accountname samaccountname
		upn userprincipalname email mail emailaddress csusername remoteuser authuser tokenusername remoteusername loginhint
		uid owner loginid preferredusername benutzer benutzername firstname lastname surname givenname familyname fullname displayname vorname nachname
		phone phonenumber mobile telephone dateofbirth birthdate dob ssn iban`)
	add(parameter{kind: Host, where: everywhere}, `host hostname computer computername machine machinename server servername datasource
		serveraddress domain domainname dnsname workstation workstationname accountdomain userdomain userdnsdomain logonserver`)
	add(parameter{kind: Label, where: asKey}, "subjectname issuername")
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
	if strings.HasPrefix(string(name), "aspsessionid") {
		return parameters["sessionid"], true
	}
	if len(name) == 0 {
		return p, false
	}
	last := name[len(name)-1]
	for _, end := range parameterEnds[last] {
		if strings.HasSuffix(string(name), end) {
			rule := ruleToken
			if strings.HasPrefix(end, "pass") || end == "kennwort" {
				rule = rulePassword
			}
			return parameter{rule: rule, where: anywhere | asKey | inURL}, true
		}
	}
	if last == 'n' && strings.HasSuffix(string(name), "token") && !plainTokens[string(name)] {
		return parameter{rule: ruleToken, where: asKey | inURL}, true
	}
	base := strings.TrimRight(string(name), "0123456789") // password2, passwordConfirmation, viewstate1
	if base == "" {
		return p, false
	}
	for _, end := range passwordEnds[base[len(base)-1]] {
		base = strings.TrimSuffix(base, end)
	}
	if len(base) == len(name) {
		return p, false
	}
	p = parameters[base]
	return p, p.kind == "" && p.where&asKey != 0
}

// subjectParts are the elements of the name that a certificate has for its owner, as events of CAPI2 write it.
var subjectParts = wordSet("cn ou o l st e dc sn givenname")

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
	for kind, list := range [...]string{
		topSure:    "com org edu gov mil biz arpa local localdomain lan corp intranet internal intern firma onmicrosoft",
		topCountry: "net info cloud app dev aero coop mobi jobs travel asia online tech systems solutions company group agency bank digital example invalid test",
		topAmbiguous: `int name pro post site store shop domain private home host ad dom prod uat stage staging svc cluster
			localhost xyz club top global world zone network services software email web`,
	} {
		for name := range strings.FieldsSeq(list) {
			m[name] = topLevel(kind)
		}
	}
	return m
}()

// ambiguousCountries are domains of countries that are also endings of files, or words.
var ambiguousCountries = wordSet("cs js ts sh ps py pl md so rs vb gz db tt id is as to in no my me st ms io ai cc tv do be at it us am pm ok ro vs")

// publicDomains stay as they are.
var publicDomains = []string{
	"microsoft.com", "w3.org", "xmlsoap.org", "openxmlformats.org", "aka.ms", "ietf.org", "rfc-editor.org", "windowsupdate.com",
	"msftconnecttest.com", "msftncsi.com", "microsoftonline.com", "login.windows.net", "example.com", "example.org", "example.net",
}

// sharedDomains are those of services that many organisations have names in: these tell what is there, not whose it is.
var sharedDomains = strings.Fields(`core.windows.net servicebus.windows.net database.windows.net redis.cache.windows.net search.windows.net azurewebsites.net
	documents.azure.com vault.azure.net azure-devices.net azure-api.net azurefd.net azureedge.net trafficmanager.net cloudapp.net cloudapp.azure.com
	logic.azure.com applicationinsights.azure.com webhook.office.com onmicrosoft.com sharepoint.com amazonaws.com cloudfront.net googleapis.com
	appspot.com run.app herokuapp.com`)

// cutShared returns what stands before the shared domain of a name in lower case, and that domain with its dot; rest is
// empty if there is nothing.
func cutShared(name string) (rest, domain string, ok bool) {
	for _, d := range sharedDomains {
		if rest, ok := strings.CutSuffix(name, d); ok && (rest == "" || strings.HasSuffix(rest, ".")) {
			for _, kind := range [...]string{"blob", "queue", "table", "file", "dfs", "web", "scm", "in"} { // of storage
				if first, ok := strings.CutSuffix(rest, kind+"."); ok && (first == "" || strings.HasSuffix(first, ".")) {
					rest = first
					break
				}
			}
			return strings.TrimSuffix(rest, "."), name[max(0, len(rest)-1):], true
		}
	}
	return "", "", false
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
