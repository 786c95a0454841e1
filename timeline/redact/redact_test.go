package redact

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

// testKey is that of the sample trace of Crypto-PAn's authors.
var testKey = Key{21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16, 216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2}

const signed = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLWNhbmFyeQ"

func TestDefault(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"Cookie: a=b; c=d", "Cookie: ***"},
		{"GET / HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\nAccept: */*\r\n", "GET / HTTP/1.1\r\nHost: x\r\nCookie: ***\r\nAccept: */*\r\n"},
		{"AUTHORIZATION:Basic Zm9v\nX: y", "AUTHORIZATION:***\nX: y"},
		{"proxy-authorization : Negotiate TlRM", "proxy-authorization : ***"},
		{"Set-Cookie: a\r\n\tfolded\r\n folded\r\nDate: x", "Set-Cookie: ***\r\nDate: x"},
		{"Set-Cookie: a\nSet-Cookie: b\n", "Set-Cookie: ***\nSet-Cookie: ***\n"},
		{"Cookie: a\x00Host: b", "Cookie: ***\x00Host: b"},
		{"Cookie:\r\nHost: b", "Cookie:\r\nHost: b"},
		{"X-Forwarded-Authorization: t", "X-Forwarded-Authorization: ***"},
		{"at 12:31:52, phase: receive, Error: 1460", "at 12:31:52, phase: receive, Error: 1460"},
		{"http://bob:pw@host/x?y=a:b@c", "http://bob:***@host/x?y=a:b@c"},
		{"see http://host:80/a@b and ftp://u:p:q@h", "see http://host:80/a@b and ftp://u:***@h"},
		{"Cookie: ***", "Cookie: ***"},
		{"Cookie: \"quoted\" rest", "Cookie: ***"},
		{":", ":"},
		{"https://h/?access_token=abc X-Api-Key: x", "https://h/?access_token=abc X-Api-Key: x"},
	} {
		if got := New(Default, Key{}).Text(tt.in); got != tt.want {
			t.Errorf("%q\n got %q\nwant %q", tt.in, got, tt.want)
		}
	}
}

// secretTexts have each a secret, which is the word CANARY or holds it.
var secretTexts = []struct{ in, want string }{
	{"X-API-Key: CANARY\r\nHost: x", "X-API-Key: ***\r\nHost: x"},
	{"x-ms-client-principal: CANARY==\n", "x-ms-client-principal: ***\n"},
	{"X-ARR-ClientCert: MIICANARY", "X-ARR-ClientCert: ***"},
	{"Authentication-Info: CANARY", "Authentication-Info: ***"},
	{"Set-Cookie2: CANARY", "Set-Cookie2: ***"},
	{"WWW-Authenticate: Negotiate oYG1MIGyoAMKAQCANARY==", "WWW-Authenticate: Negotiate ***"},
	{"WWW-Authenticate: NTLM TlRMTVNTUAACAAAACANARY\r\nWWW-Authenticate: Basic realm=\"x\"", "WWW-Authenticate: NTLM ***\r\nWWW-Authenticate: Basic realm=\"x\""},
	{"got Bearer CANARY.123456789abcdef from", "got Bearer *** from"},
	{"ran with Basic Q0FOQVJZOnB3", "ran with Basic ***"},
	{"https://h/a?x=1&access_token=CANARY&y=2", "https://h/a?x=1&access_token=***&y=2"},
	{"https://h/a?code=0.CANARY#x", "https://h/a?code=***#x"},
	{"https://h/cb#id_token=CANARY&state=CANARY", "https://h/cb#id_token=***&state=***"},
	{"/a?token=CANARY HTTP/1.1", "/a?token=*** HTTP/1.1"},
	{"/a;jsessionid=CANARY?x=1", "/a;jsessionid=***?x=1"},
	{"/a;jsessionid=CANARY/b", "/a;jsessionid=***/b"},
	{"GET /(S(CANARYabc))/page.aspx", "GET /(S(***))/page.aspx"},
	{"/(A(CANARY)F(CANARY)X(1))/p.aspx", "/(A(***)F(***)X(1))/p.aspx"},
	{"/blob?sv=2020&sig=CANARY%2B1%3D&se=2026", "/blob?sv=2020&sig=***&se=2026"},
	{"/s3?X-Amz-Credential=CANARY%2F2026&X-Amz-Signature=CANARY", "/s3?X-Amz-Credential=***&X-Amz-Signature=***"},
	{"returnUrl=%2Fx%3Faccess_token%3DCANARY%26y%3D2", "returnUrl=%2Fx%3Faccess_token%3D***%26y%3D2"},
	{"u=%252Fx%253Ftoken%253DCANARY%2526y", "u=%252Fx%253Ftoken%253D***%2526y"},
	{"a=1&amp;token=CANARY&amp;b=2", "a=1&amp;token=***&amp;b=2"},
	{`{"a":"x?a=1\u0026token=CANARY\u0026b=2"}`, `{"a":"x?a=1\u0026token=***\u0026b=2"}`},
	{"username=bob&password=CANARY&remember=true", "username=bob&password=***&remember=true"},
	{"code=CANARY&grant_type=authorization_code", "code=***&grant_type=authorization_code"},
	{"SAMLResponse=CANARY%3D&RelayState=CANARY", "SAMLResponse=***&RelayState=***"},
	{`{"user":"bob","password":"CANARY\"x","n":1}`, `{"user":"bob","password":"***","n":1}`},
	{`{\"client_secret\":\"CANARY\",\"x\":1}`, `{\"client_secret\":\"***\",\"x\":1}`},
	{`%7B%22password%22%3A%22CANARY%22%7D`, `%7B%22password%22%3A%22***%22%7D`},
	{`{"token": "CANARY", "code": 502}`, `{"token": "***", "code": 502}`},
	{`{"pin":12345}`, `{"pin":***}`},
	{`<x password="CANARY" user="u"/>`, `<x password="***" user="u"/>`},
	{`<x password='CANARY "q"' user="u"/>`, `<x password='***' user="u"/>`},
	{`<add key="SmtpPassword" value="CANARY" />`, `<add key="SmtpPassword" value="***" />`},
	{`{"name": "Cookie", "value": "CANARY"}`, `{"name": "Cookie", "value": "***"}`},
	{`<Password>CANARY</Password>`, `<Password>***</Password>`},
	{`<wsse:Password Type="x">CANARY</wsse:Password><ns:Secret>CANARY</ns:Secret>`, `<wsse:Password Type="x">***</wsse:Password><ns:Secret>***</ns:Secret>`},
	{`<Data Name="Password">CANARY</Data>`, `<Data Name="Password">***</Data>`},
	{`<Data Name="HeaderName">X-Api-Key</Data><Data Name="HeaderValue">CANARY</Data>`, `<Data Name="HeaderName">X-Api-Key</Data><Data Name="HeaderValue">***</Data>`},
	{`::WinHttpSetCredentials(0x36aae0, 0, 1, "svc", "CANARY", 0x0)`, `::WinHttpSetCredentials(0x36aae0, 0, 1, "svc", "***", 0x0)`},
	{"MS-ASPNETCORE-TOKEN: CANARY", "MS-ASPNETCORE-TOKEN: ***"},
	{"Server=db;User Id=sa;Password=CANARY with blanks;Encrypt=true", "Server=db;User Id=sa;Password=***;Encrypt=true"},
	{"AccountName=a;AccountKey=CANARY==;EndpointSuffix=x", "AccountName=a;AccountKey=***;EndpointSuffix=x"},
	{"Pwd=CANARY;", "Pwd=***;"},
	{"password = CANARY", "password = ***"},
	{"tool --password CANARY -x", "tool --password *** -x"},
	{"tool -password \"CANARY y\" -x", "tool -password \"***\" -x"},
	{"tool /password:CANARY /x", "tool /password:*** /x"},
	{"msdeploy -dest:auto,userName=u,password=CANARY,authType=basic", "msdeploy -dest:auto,userName=u,password=***,authType=basic"},
	{"/processModel.password:CANARY", "/processModel.password:***"},
	{"-----BEGIN RSA PRIVATE KEY-----\nCANARY\n-----END RSA PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----"},
	{"-----BEGIN PRIVATE KEY-----\nCANARY", "-----BEGIN PRIVATE KEY-----***"},
	{"x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.CANARY y", "x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.*** y"},
	{"t=eyJhbGciOiJSU0EifQ.CANARY.CANARY.CANARY.CANARY", "t=eyJhbGciOiJSU0EifQ.***"},
	{"Cookie=a=CANARY; b=CANARY", "Cookie=***"},
	{"{\"h\":\"a\\r\\nauthorization: CANARY", "{\"h\":\"a\\r\\nauthorization: ***"},
	{"ASPSESSIONIDQACBRSST=CANARY; x", "ASPSESSIONIDQACBRSST=***; x"},
	{"user[password]=CANARY&x=1", "user[password]=***&x=1"},
	{"GET /cart auth=CANARY&page=2 80 - 10.0.0.1", "GET /cart auth=***&page=2 80 - 10.0.0.1"},
	{"POST /cart token=CANARY4711 80 - 10.0.0.1", "POST /cart token=*** 80 - 10.0.0.1"},
	{"http=bob:CANARY@proxy:8080;https=proxy:8081", "http=bob:***@proxy:8080;https=proxy:8081"},
	{"x-ms-authorization-auxiliary: EdDSA CANARY\r\nServer: x", "x-ms-authorization-auxiliary: ***\r\nServer: x"},
	// Names of headers and parameters that are known by their ends, and other languages than English.
	{"X-Contoso-Key: CANARY\r\nHost: x", "X-Contoso-Key: ***\r\nHost: x"},
	{"X-Shop-Auth: CANARY", "X-Shop-Auth: ***"},
	{"Stripe-Signature: t=1,v1=CANARY", "Stripe-Signature: ***"},
	{"Authentication: Basic CANARY", "Authentication: ***"},
	{"X-WSSE: UsernameToken PasswordDigest=\"CANARY\"", "X-WSSE: ***"},
	{"/cb?session_state=CANARY&iss=x", "/cb?session_state=***&iss=x"},
	{"subject_token=CANARY&x=1", "subject_token=***&x=1"},
	{`{"body":"sso_token=CANARY&x=1"}`, `{"body":"sso_token=***&x=1"}`},
	{"/a?csrf=CANARY&user_code=CANARY&subscription-key=CANARY", "/a?csrf=***&user_code=***&subscription-key=***"},
	{"/a?passwort=CANARY&password2=CANARY&password_confirmation=CANARY", "/a?passwort=***&password2=***&password_confirmation=***"},
	{`{"passwordHash": "CANARY", "mfaCode": "CANARY"}`, `{"passwordHash": "***", "mfaCode": "***"}`},
	{"__VIEWSTATE1=CANARY4711&__EVENTVALIDATION=CANARY4711", "__VIEWSTATE1=***&__EVENTVALIDATION=***"},
	{"FedAuth=CANARY; AppServiceAuthSession=CANARY", "FedAuth=***; AppServiceAuthSession=***"},
	{"InstrumentationKey=CANARY;IngestionEndpoint=https://x/", "InstrumentationKey=***;IngestionEndpoint=https://x/"},
	{"?AWSAccessKeyId=CANARY&Expires=1", "?AWSAccessKeyId=***&Expires=1"},
	{`{"cardNumber":"4111CANARY"}`, `{"cardNumber":"***"}`},
	{"SharedKey account:4711CANARYCANARYCANARY= refused", "SharedKey account:*** refused"},
	{"<ns:SecurityToken>CANARY</ns:SecurityToken>", "<ns:SecurityToken>***</ns:SecurityToken>"},
	// Secrets that are known by how they begin.
	{"push with ghp_16CANARY42F292c6912E7710c838347Ae178B4a failed", "push with ghp_*** failed"},
	{"/hook/sk_live_4eCANARYqLyjWDarjtT1zdp7dc/x", "/hook/sk_live_***/x"},
	{"key AIzaSyCANARYa4JsXZ-HjGw7ISLn_3namBGewQe used", "key AIza*** used"},
	{"by AKIAIOSFOCANARY0EXAMPLE", "by AKIA***"},
	{"at https://hooks.slack.com/services/T0/B0/CANARY00000000000", "at https://hooks.slack.com/services/***"},
	{"/reset/CfDJ8NrAkS3lq1CANARYabcdefghijkl", "/reset/CfDJ8***"},
	{"x=TlRMTVNTUAADAAAAGAAYAIwCANARYAGAAYAIAb", "x=TlRMTVNTUA***"},
	{"of the app abc8Q~CANARYjKlMnOpQrStUvWxYz0123456789 expired", "of the app *** expired"},
	{"-----BEGIN PGP PRIVATE KEY BLOCK-----\nCANARY\n-----END PGP PRIVATE KEY BLOCK-----", "-----BEGIN PGP PRIVATE KEY BLOCK-----***-----END PGP PRIVATE KEY BLOCK-----"},
	// Escaped.
	{"/shop/%28S%28CANARYabc%29%29/page.aspx", "/shop/%28S%28***%29%29/page.aspx"},
	{"u=https%3A%2F%2Fbob%3ACANARY%40host%2Fx", "u=https%3A%2F%2Fbob%3A***%40host%2Fx"},
	{"connectionString=\"Data Source=x;Password=CANARY\" other=\"y\"", "connectionString=\"Data Source=x;Password=***\" other=\"y\""},
}

func TestSecrets(t *testing.T) {
	for _, tt := range secretTexts {
		r := New(Secrets, Key{})
		if got := r.Text(tt.in); got != tt.want {
			t.Errorf("%q\n got %q\nwant %q", tt.in, got, tt.want)
		}
		if len(r.Counts()) == 0 {
			t.Errorf("%q: nothing counted", tt.in)
		}
		found := ""
		for f := range Find([]byte(tt.in)) {
			found += tt.in[f.Start:f.End]
		}
		if strings.Count(found, "CANARY") != strings.Count(tt.in, "CANARY") && !strings.Contains(tt.in, "Q0FO") {
			t.Errorf("%q: found %q", tt.in, found)
		}
		for f := range Find([]byte(tt.want)) {
			t.Errorf("%q: found %+v: %q", tt.want, f, tt.want[f.Start:f.End])
		}
	}
}

// What looks a little like a secret stays.
func TestNoSecrets(t *testing.T) {
	for _, s := range []string{
		"?code=502&x", "ErrorCode=12002, code: 502.3", "key=value", "the key= of it", "status code=12002", "state=Active", `"state":"Active"`,
		"System.Web, Version=4.0.0.0, Culture=neutral, PublicKeyToken=b03f5f7f11d50a3a", "Basic authentication", "Negotiate authentication failed",
		"WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\nWWW-Authenticate: Basic realm=\"x\"", "Bearer error=\"invalid_token\"",
		"the user name or password is incorrect", "Token: none", "12:31:52 r1 GET http://host/a?b=c", "password=null&x=1", "/password HTTP/1.1",
		"wrong password: no 5021, 5057", "netstat -p tcp", "{\"password\":12,\"authorization\":3}", "{\"Token\":\"0x1a2b\"}", "nothing (S(x)) here", "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----", "eyJ. eyJa.", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ...`", "eyJhbGciOi...", "sessions: 12",
		"password:", "password=", "a->b (key: x)", "HTTP_COOKIE:", "wait 30.0 s ==========X limit 30 s", "PASSWORD_MUST_CHANGE (0x80070773)",
		"token=none signature=valid token=0x1a2b3c4d5e", "http=proxy:8080;https=proxy:8081",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "X-Cache-Key: /shop/1", "Flags=None; SessionID=-1; x", "<a:UsernameToken><a:Username>b</a:Username></a:UsernameToken>",
		"task-that-has-a-long-name-made-of-words-only", "impersonateToken=\"S-1-5-18\"", "/webhookb2/ and ghp_ and sk_live_x", "PasswordFormat=Hashed",
	} {
		if got := New(Secrets, Key{}).Text(s); got != s {
			t.Errorf("%q\n got %q", s, got)
		}
		for f := range Find([]byte(s)) {
			t.Errorf("%q: found %+v", s, f)
		}
	}
}

func TestIdentities(t *testing.T) {
	r := New(Identities, testKey)
	r.Learn(Host, "WEB02")
	r.Learn(Host, "web03.shop.corp.contoso.com:443")
	r.Learn(User, `CONTOSO\adele.vance`)
	r.Learn(User, "the")
	r.Learn(Host, "orders")
	host := func(n string) string { return r.pseudonym(Host, n) }
	dom := func(n string) string { return r.pseudonym(Domain, n) }
	user := func(n string) string { return r.pseudonym(User, n) }
	for _, tt := range []struct{ in, want string }{
		{"asked web01.contoso.com twice.", "asked " + host("web01") + "." + dom("contoso.com") + " twice."},
		{"WEB02's pool, web02-logs, on WEB02.", host("web02") + "'s pool, " + host("web02") + "-logs, on " + host("web02") + "."},
		{"GET /orders/WEB02/x?x=orders", "GET /orders/" + host("web02") + "/x?x=" + host("orders")},
		{"http://orders/orders and orders", "http://" + host("orders") + "/orders and " + host("orders")},
		{"logs/orders/net.etl", "logs/" + host("orders") + "/net.etl"},
		{"pool Orders, apppool /apppool.name:orders", "pool Orders, apppool /apppool.name:orders"},
		{"pool WEB02, site \"web01.contoso.com\"", "pool " + r.pseudonym(Pool, "web02") + ", site \"" + r.pseudonym(Site, "web01.contoso.com") + "\""},
		{"Via: 1.1 edgeproxy (squid/6.6), HTTP/1.0 web02:3128\r\nX: 1", "Via: 1.1 " + host("edgeproxy") + " (squid/6.6), HTTP/1.0 " + host("web02") + ":3128\r\nX: 1"},
		{"X-FEServer: MBX01\r\n", "X-FEServer: " + host("mbx01") + "\r\n"},
		{"web02_iis.log", host("web02") + "_iis.log"},
		{"WEB02.contoso.com", host("web02") + "." + dom("contoso.com")},
		{"web03 and contoso", host("web03") + " and " + r.pseudonym(Label, "contoso")},
		{"http://shop:8080/a?b=1", "http://" + host("shop") + ":8080/a?b=1"},
		{"http://localhost:8080/ https://+:443/ http://127.0.0.1/", "http://localhost:8080/ https://+:443/ http://127.0.0.1/"},
		{"http://bob:pw@shop/", "http://" + user("bob") + ":***@" + host("shop") + "/"},
		{"u=https%3A%2F%2Fshop.contoso.com%2Fx", "u=https%3A%2F%2F" + host("shop") + "." + dom("contoso.com") + "%2Fx"},
		{`CONTOSO\alice did`, host("contoso") + `\` + user("alice") + " did"},
		{`NT AUTHORITY\SYSTEM, IIS APPPOOL\Shop, BUILTIN\Administrators`, `NT AUTHORITY\SYSTEM, IIS APPPOOL\Shop, BUILTIN\Administrators`},
		{"alice@contoso.com", user("alice") + "@" + dom("contoso.com")},
		{"u=alice%40eu.contoso.com&x", "u=" + user("alice") + "%40" + host("eu") + "." + dom("contoso.com") + "&x"},
		{"Adele.Vance was here", user("adele.vance") + " was here"},
		{"S-1-5-18 S-1-5-32-544 S-1-5-21-1-2-3-1001", "S-1-5-18 S-1-5-32-544 " + r.pseudonym(SID, "S-1-5-21-1-2-3-1001")},
		{`C:\Users\alice\AppData, C:\Users\Public\x`, `C:\Users\` + user("alice") + `\AppData, C:\Users\Public\x`},
		{`C:\Documents and Settings\Mary Smith\x`, `C:\Documents and Settings\` + user("mary smith") + `\x`},
		{`C:\\Users\\alice\\x`, `C:\\Users\\` + user("alice") + `\\x`},
		{`on \\fs01\share\x`, `on \\` + host("fs01") + `\share\x`},
		{`C:\Windows\System32\inetsrv\config D:\sites\web.config`, `C:\Windows\System32\inetsrv\config D:\sites\web.config`},
		{"00-15-5D-01-02-03 00:15:5d:01:02:03", r.pseudonym(MAC, "00155d010203") + " " + r.pseudonym(MAC, "00155d010203")},
		{"128.11.68.132", "135.242.180.132"},
		{"[::ffff:128.11.68.132]:80, 128.11.68.132:80", "[::ffff:135.242.180.132]:80, 135.242.180.132:80"},
		{"Version=4.0.0.0, 10.0.20348.1, 0.0.0.0:80, 12:31:52.912", "Version=4.0.0.0, 10.0.20348.1, 0.0.0.0:80, 12:31:52.912"},
		{"ip128.11.68.132", "ip135.242.180.132"},
		{"Host: shop\r\nX-Forwarded-For: 128.11.68.132", "Host: " + host("shop") + "\r\nX-Forwarded-For: 135.242.180.132"},
		{"X-Forwarded-User: alice\r\n", "X-Forwarded-User: " + user("alice") + "\r\n"},
		{"user=alice&x=1", "user=" + user("alice") + "&x=1"},
		{"Server=sql01;Database=x", "Server=" + host("sql01") + ";Database=x"},
		{signed, "***"},
		{"System.Net.Http ASP.NET w3wp.exe u_ex260305.log Microsoft.AspNetCore.App web.config e.g. 1.2", "System.Net.Http ASP.NET w3wp.exe u_ex260305.log Microsoft.AspNetCore.App web.config e.g. 1.2"},
		{"xmlns=http://schemas.microsoft.com/win/2004", "xmlns=http://schemas.microsoft.com/win/2004"},
		{"CN=alice, O=Contoso", "CN=" + r.pseudonym(Label, "alice") + ", O=" + r.pseudonym(Label, "contoso")},
		{"the server refused", "the server refused"},
		// Headers that are called as machines and users are.
		{"X-MachineName: WEB77\r\nX-Backend: primary", "X-MachineName: " + host("web77") + "\r\nX-Backend: primary"},
		{"Server: WEB78\r\nServer: Microsoft-IIS/10.0\r\nX-Powered-By: ASP.NET", "Server: " + host("web78") + "\r\nServer: Microsoft-IIS/10.0\r\nX-Powered-By: ASP.NET"},
		{"X-Served-By: cache-1, WEB77", "X-Served-By: " + host("cache-1") + ", " + host("web77")},
		{"X-Auth-User: bob\r\nSM_USER: bob", "X-Auth-User: " + user("bob") + "\r\nSM_USER: " + user("bob")},
		// What messages tell.
		{"Login failed for user 'bob'.", "Login failed for user '" + user("bob") + "'."},
		{"could not be resolved: 'app9x'", "could not be resolved: '" + host("app9x") + "'"},
		{"refused. (shopapp:8080) (web.config:12) (Error:12)", "refused. (" + host("shopapp") + ":8080) (web.config:12) (Error:12)"},
		{"WEB77:6380,ssl r12:45", host("web77") + ":6380,ssl r12:45"},
		{"HTTP/web77 HTTP/1.1 on server WEB77", "HTTP/" + host("web77") + " HTTP/1.1 on server " + host("web77")},
		{"Details:\r\n\tAccount Name:\t\tbob\r\n\tLogin: failed\r\n\tUser: not found\r\n", "Details:\r\n\tAccount Name:\t\t" + user("bob") + "\r\n\tLogin: failed\r\n\tUser: not found\r\n"},
		{`\\?\UNC\fs01\share`, `\\?\UNC\` + host("fs01") + `\share`},
		{`u=EU%255Cbob&x`, `u=` + host("eu") + `%255C` + user("bob") + `&x`},
		{"<Subject><CN>alice</CN><O>Fabrikam Ltd</O></Subject>", "<Subject><CN>" + r.pseudonym(Label, "alice") + "</CN><O>" + r.pseudonym(Label, "fabrikam ltd") + "</O></Subject>"},
		{`<Certificate subjectName="Mary Smith"/>`, `<Certificate subjectName="` + r.pseudonym(Label, "mary smith") + `"/>`},
		// What a domain is called, within words.
		{"pool ContosoShopPool, contosostore, MyContoso.dll", "pool " + r.pseudonym(Label, "contoso") + "-ShopPool, " + r.pseudonym(Label, "contoso") + "-store, My-" + r.pseudonym(Label, "contoso") + ".dll"},
		{"MyContoso", "My-" + r.pseudonym(Label, "contoso")},
		{"discontosome Orders.exe", "discontosome Orders.exe"},
		// Domains of services tell what is there.
		{"https://shopstore.blob.core.windows.net/x sql1.database.windows.net", "https://" + host("shopstore") + ".blob.core.windows.net/x " + host("sql1") + ".database.windows.net"},
		{"blob.core.windows.net", "blob.core.windows.net"},
	} {
		got := r.Text(tt.in)
		if got != tt.want {
			t.Errorf("%q\n got %q\nwant %q", tt.in, got, tt.want)
		}
		if again := r.Text(got); again != got {
			t.Errorf("%q\nonce  %q\ntwice %q", tt.in, got, again)
		}
	}
}

// The addresses of the sample trace of Crypto-PAn's authors.
func TestCryptoPAn(t *testing.T) {
	r := New(Identities, testKey)
	for in, want := range map[string]string{
		"128.11.68.132": "135.242.180.132", "129.118.74.4": "134.136.186.123", "130.132.252.244": "133.68.164.234", "141.223.7.43": "141.167.8.160",
		"141.233.145.108": "141.129.237.235", "156.29.3.236": "147.225.12.42", "165.247.96.84": "162.9.99.234",
	} {
		if got := r.Address(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	a, b := netip.MustParseAddr(r.Address("10.1.2.3")), netip.MustParseAddr(r.Address("10.1.2.200"))
	if netip.PrefixFrom(a, 24).Masked() != netip.PrefixFrom(b, 24).Masked() || a == b {
		t.Errorf("%v and %v are not of one network", a, b)
	}
}

// The same key gives the same pseudonyms, another one others.
func TestStable(t *testing.T) {
	const text = `web01.contoso.com CONTOSO\alice 10.0.0.5 S-1-5-21-1-2-3-4`
	one, two, other := New(Identities, testKey), New(Identities, testKey), New(Identities, Key{1})
	two.Text("something else on web09.contoso.com at 10.9.9.9")
	if a, b := one.Text(text), two.Text(text); a != b {
		t.Errorf("%s\n%s", a, b)
	}
	if a, b := one.Text(text), other.Text(text); a == b {
		t.Errorf("with another key: %s", b)
	}
	if one.KeyID() == other.KeyID() || len(one.KeyID()) != 8 {
		t.Errorf("ids of keys: %s %s", one.KeyID(), other.KeyID())
	}
	names := one.Names()
	if len(names) == 0 {
		t.Fatal("no names")
	}
	for i, n := range names {
		if n.Pseudonym == "" || n.Original == "" || i > 0 && names[i-1].Kind > n.Kind {
			t.Errorf("%+v", n)
		}
	}
}

// Pseudonyms are told apart however many there are.
func TestCollisions(t *testing.T) {
	r := New(Identities, testKey)
	seen := map[string]bool{}
	longer := 0
	for i := range 200_000 {
		p := r.Host(fmt.Sprintf("srv%d", i))
		if seen[p] {
			t.Fatalf("%s twice", p)
		}
		seen[p] = true
		if len(p) > len("host-12345678") {
			longer++
		}
	}
	if longer == 0 {
		t.Error("no collision among 200,000 names of 8 digits")
	}
	if first := r.Host("srv0"); !seen[first] || r.Text(first) != first {
		t.Errorf("%s is not the same again", first)
	}
}

// A name that only looks like a pseudonym gets one, and keeps it where texts are redacted again.
func TestNamesLikePseudonyms(t *testing.T) {
	const name = "host-10011001"
	for _, mode := range []Mode{Identities, Strict} {
		r := New(mode, testKey)
		for i, show := range []func(string) string{
			r.Host, r.User, func(s string) string { return r.Header("Host", s) }, func(s string) string { return r.Field("ServerName", s) },
			func(s string) string { return r.Text(`CONTOSO\` + s) }, func(s string) string { return r.Text("http://" + s + "/") },
			func(s string) string { return r.Text(s + ".corp.contoso.com") },
		} {
			once := show(name)
			if strings.Contains(once, name) {
				t.Errorf("%v: %d shows %s", mode, i, once)
			}
			if twice := r.Text(once); twice != once {
				t.Errorf("%v: once %s, twice %s", mode, once, twice)
			}
		}
	}
	r := New(Identities, testKey)
	p := New(Identities, testKey).Host("web02")
	r.Learn(Host, p) // a machine that is called like that
	if got := r.Host("web02"); got == p || !strings.HasPrefix(got, p) {
		t.Errorf("another machine than %s is called %s", p, got)
	}
	if got := r.Text("on " + p); strings.Contains(got, p) {
		t.Errorf("%s stays: %s", p, got)
	}
}

// What a redactor keeps is bounded, and its list says that there was more.
func TestManyNames(t *testing.T) {
	r := New(Identities, testKey)
	first := r.Host("web02")
	long := strings.Repeat("x", 1<<20)
	for i := range 200 {
		r.Host(fmt.Sprint(long, i))
	}
	if n := r.given[0].size + r.given[1].size; n > 2*maxGeneration {
		t.Errorf("%d bytes are kept", n)
	}
	list := r.Names()
	if len(list) == 0 || len(list) > 130 || list[len(list)-1] != (Name{"", "...", "..."}) {
		t.Errorf("%d names", len(list))
	}
	if again := r.Host("web02"); again != first {
		t.Errorf("%s became %s", first, again)
	}
}

// What headers and URLs tell to be the name of a machine goes from texts without any of these as well.
func TestLearnText(t *testing.T) {
	for _, text := range []string{
		"GET / HTTP/1.1\r\nHost: canaryhost:8080\r\nAccept: */*", "Via: 1.1 canaryhost (squid/6.6), 1.0 other", "X-Forwarded-For: 10.0.0.1, canaryhost",
		"asked http://bob:pw@canaryhost:80/x", "u=https%3A%2F%2Fcanaryhost%2Fx",
	} {
		for _, mode := range []Mode{Identities, Strict} {
			r := New(mode, testKey)
			r.LearnText(text)
			if got := r.Text("1 request failed: CANARYHOST sent no answer"); strings.Contains(strings.ToLower(got), "canary") {
				t.Errorf("%v: after %q: %s", mode, text, got)
			}
		}
		r := New(Secrets, testKey)
		r.LearnText(text)
		if got := r.Text("canaryhost"); got != "canaryhost" {
			t.Errorf("secrets: %s", got)
		}
	}
}

// The folders of users, wherever a text names them.
func TestHomes(t *testing.T) {
	for _, mode := range []Mode{Identities, Strict} {
		for _, s := range []string{
			"open /home/canary/x.etl: permission denied", "file:///home/canary", "/var/home/canary/x", "/export/home/canary", "../../home/canary/net.etl",
			"/home/canary", `C:\Users\canary\x`, "/Users/canary/x", `\\wsl$\Ubuntu\home\canary\x`, "(/home/canary)",
		} {
			r := New(mode, testKey)
			for i, got := range []string{r.Text(s), r.Path(s), r.Field("FileName", s)} {
				if strings.Contains(got, "canary") || r.Text(got) != got && mode < Strict {
					t.Errorf("%v: %d: %q is %q", mode, i, s, got)
				}
			}
			r = New(mode, testKey)
			r.Learn(Path, s)
			if got := r.Text("by canary"); strings.HasPrefix(s, "/home") && strings.Contains(got, "canary") {
				t.Errorf("%v: after %q: %s", mode, s, got)
			}
		}
	}
	r := New(Identities, testKey)
	for _, s := range []string{"http://localhost/home/index", "GET /home/index HTTP/1.1", "/Home/Index", "at home/work"} {
		if got := r.Text(s); got != s {
			t.Errorf("%q is %q", s, got)
		}
	}
}

func TestStrict(t *testing.T) {
	r := New(Strict, testKey)
	r.Learn(Host, "WEB02")
	r.Learn(Pool, "Shop")
	r.Learn(Path, "case/u_ex260305.log")
	path := func(s string) string { return r.pseudonym(Path, s) }
	for _, tt := range []struct{ in, want string }{
		{"1 request failed: 128.11.68.132:443 sent no answer within 30 s (ERROR_TIMEOUT, 0x80072EE2).", "1 request failed: 135.242.180.132:443 sent no answer within 30 s (ERROR_TIMEOUT, 0x80072EE2)."},
		{"the answer of Wonderland Ltd. failed", "the answer of [...]. failed"},
		{"w3wp.exe (PID 1432), pool Shop", "w3wp.exe (PID 1432), pool " + r.pseudonym(Pool, "shop")},
		{"sent GET /cart/42?x=1 HTTP/1.1", "sent GET /" + path("cart") + "/" + path("42") + "?[...] HTTP/1.1"},
		{"2026-03-05T09:14:07.123Z: 502.3", "2026-03-05T09:14:07.123Z: 502.3"},
		{"4111111111111111", "[...]"},
		{"appcmd start apppool /apppool.name:Wonder", "appcmd start apppool /apppool.name:" + r.pseudonym(Pool, "wonder")},
		{"-section:webFarms /[name='wonderfarm'].[address='128.11.68.132']", "-section:webFarms /[name='" + r.pseudonym(Farm, "wonderfarm") + "'].[address='135.242.180.132']"},
		{"both members of farm wonder-farm are off", "both members of farm " + r.pseudonym(Farm, "wonder-farm") + " are off"},
		{"pool \"Wonder Land\" of site Wonder's", "pool \"" + r.pseudonym(Pool, "wonder land") + "\" of site " + r.pseudonym(Site, "wonder") + "'s"},
		{`IIS APPPOOL\Wonder`, `IIS APPPOOL\` + r.pseudonym(Pool, "wonder")},
		{"Via: 1.1 edgeproxy (wonder/6.6)", "Via: 1.1 " + r.pseudonym(Host, "edgeproxy") + " ([...]/6.6)"},
		{"wonder (wonderland) of", "[...] ([...]) of"},
		{"u_ex260305.log, line 3", "u_ex260305.log, line 3"},
		{"{2f07e2ee-15db-40f1-90ef-9d7ba282188a}", "{2f07e2ee-15db-40f1-90ef-9d7ba282188a}"},
	} {
		got := r.Text(tt.in)
		if got != tt.want {
			t.Errorf("%q\n got %q\nwant %q", tt.in, got, tt.want)
		}
		if again := r.Text(got); again != got {
			t.Errorf("%q\nonce  %q\ntwice %q", tt.in, got, again)
		}
	}
	if got, want := r.URL("https://128.11.68.132:8443/cart/42/?id=7#x"), "https://135.242.180.132:8443/"+path("cart")+"/"+path("42")+"/?[...]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := r.URL(r.URL("https://web02/a/b?c")); got != r.URL("https://web02/a/b?c") {
		t.Errorf("twice: %s", got)
	}
}

// Bytes that may mean anything are no secrets: how many secrets there were is the same in every mode that masks them.
func TestUnknownBytes(t *testing.T) {
	r := New(Identities, testKey)
	if got := r.Unknown("0u\x00\x00"); got != "*** (4 bytes)" || r.Masked() != 0 {
		t.Errorf("%s, %d secrets", got, r.Masked())
	}
	if got := r.Body("user=ann"); got != "*** (8 bytes)" || r.Masked() != 1 {
		t.Errorf("%s, %d secrets", got, r.Masked())
	}
}

// What is called after a machine, and is none, does not become one; what is counted goes by what was taken out.
func TestKindDecides(t *testing.T) {
	r := New(Identities, testKey)
	r.Learn(Host, "shop")
	r.Learn(Host, "web02")
	for _, tt := range []struct{ got, want string }{
		{r.Named(Pool, "Shop"), "Shop"}, {r.Named(Pool, "WEB02"), r.pseudonym(Pool, "web02")}, {r.Named(Pool, "Other"), "Other"},
		{r.Path("/data/shop/CASE7/net.etl"), "/data/" + r.pseudonym(Host, "shop") + "/" + r.pseudonym(Host, "case7") + "/net.etl"},
		{r.Path("Users/jane.doe/Desktop/net.cab"), "Users/" + r.pseudonym(User, "jane.doe") + "/Desktop/net.cab"},
		{r.Path("./home/jane/net.cab"), "./home/" + r.pseudonym(User, "jane") + "/net.cab"}, {r.Path("case/net.etl"), "case/net.etl"},
		{r.Header("Via", "1.1 edge"), "1.1 " + r.pseudonym(Host, "edge")},
		{r.Text("CASE7"), "CASE7"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
	r = New(Strict, testKey)
	for _, mask := range []func(string) string{r.URL, r.Text} {
		mask("http://web02/cart/42?x=1")
		mask("/cart/42")
	}
	r.User(`CONTOSO\alice`)
	r.Address("10.0.0.5:443")
	r.Named(Process, "shop.exe")
	if diff := cmp.Diff(map[string]int{"host name": 2, "path": 4, "user": 1, "ip address": 1, "process": 1}, r.Counts()); diff != "" {
		t.Error(diff)
	}
}

func TestTyped(t *testing.T) {
	const canary = "CANARY-17 is here"
	r := New(Secrets, Key{})
	for name, got := range map[string]string{
		"body": r.Body(canary), "header": r.Header("X-Api-Key", canary), "field": r.Field("Password", canary), "data": r.Field("ChunkData", canary),
		"args": r.CommandLine("tool.exe -p CANARY-17 /pw CANARY-17 -u bob:CANARY-17 --proxy-user bob:CANARY-17"),
	} {
		if strings.Contains(got, "CANARY") {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := r.Body(canary); got != "*** (17 bytes)" || r.Body(got) != got {
		t.Errorf("body: %s", got)
	}
	if got, want := New(Secrets, Key{}).CommandLine("curl -u bob:pw https://x/ python -u run.py"), "curl -u bob:*** https://x/ python -u run.py"; got != want {
		t.Errorf("args: %s, want %s", got, want)
	}
	r = New(Identities, testKey)
	if got, want := r.CommandLine("curl -u bob:pw python -u run.py sqlcmd -U bob"), fmt.Sprintf("curl -u %[1]s:*** python -u run.py sqlcmd -U %[1]s", r.User("bob")); got != want {
		t.Errorf("args: %s, want %s", got, want)
	}
	for _, got := range []string{
		r.Host("CANARY-17"), r.Address("CANARY-17:80"), r.User(`CANARY-17\CANARY-17`), r.Field("HostName", "CANARY-17"), r.Field("UserName", "CANARY-17"),
		r.Header("Host", "CANARY-17"), r.Path("/home/CANARY-17/x"),
	} {
		if strings.Contains(strings.ToUpper(got), "CANARY") || r.Text(got) != got {
			t.Error(got)
		}
	}
	r = New(Strict, testKey)
	for _, got := range []string{r.Field("Whatever", "CANARY-17"), r.Field("Url", "/CANARY-17"), r.Named(Pool, "CANARY-17"), r.Path("CANARY-17.etl"), r.URL("x://h/CANARY-17")} {
		if strings.Contains(strings.ToUpper(got), "CANARY") || r.Text(got) != got {
			t.Error(got)
		}
	}
	if got := r.Field("ErrorCode", "2147954402"); got != "2147954402" {
		t.Error(got)
	}
}

// A nil redactor leaves everything as it is.
func TestNil(t *testing.T) {
	var r *Redactor
	const s = "Cookie: a=b 10.0.0.5"
	r.Learn(Host, "x")
	r.Count("x")
	r.Hex(nil, nil)
	for i, got := range []string{
		r.Text(s), r.URL(s), r.Host(s), r.Address(s), r.User(s), r.Path(s), r.Body(s), r.CommandLine(s), r.Header("Cookie", s), r.Field("Password", s),
		r.Named(Pool, s), string(r.Bytes([]byte(s), 0)),
	} {
		if got != s {
			t.Errorf("%d: %s", i, got)
		}
	}
	if r.Mode() != None || r.KeyID() != "" || len(r.Counts()) != 0 || r.Names() != nil || r.Uncounted() != nil {
		t.Error("a nil redactor has something to tell")
	}
}

func TestModes(t *testing.T) {
	for _, name := range Modes() {
		if m, ok := ParseMode(name); !ok || m.String() != name || len(NotRemoved(m)) == 0 {
			t.Errorf("%s: %v, %v", name, m, ok)
		}
	}
	if _, ok := ParseMode(""); ok {
		t.Error("a mode without a name")
	}
}

func TestKey(t *testing.T) {
	k, err := NewKey()
	if err != nil || k == (Key{}) {
		t.Fatal(k, err)
	}
	if back, err := ParseKey(k.String() + "\r\n"); err != nil || back != k {
		t.Errorf("%v, %v", back, err)
	}
	for _, text := range []string{"", "12", strings.Repeat("x", 64)} {
		if _, err := ParseKey(text); err == nil {
			t.Errorf("%q is a key", text)
		}
	}
}

// What is masked in a text is masked in its JSON form, and leaves JSON behind.
func TestJSON(t *testing.T) {
	for _, in := range []string{
		"Cookie: a=b; c=d", "GET /\r\nCookie: say \"hi\" \\ there\r\nHost: x", "Set-Cookie: a\r\n\tfolded\r\n b\nDate: x",
		"Authorization: \x01\x02é\nX: y", "http://bob:p\"w@host/", "Cookie: ends with backslash \\",
	} {
		want := New(Default, Key{}).Text(in)
		text, _ := json.Marshal(in)
		doc := []byte(`{"A":` + string(text) + `,"B":"Host: kept","C":12}`)
		masked := New(Default, Key{}).JSON(doc, 0)
		var got struct {
			A, B string
			C    int
		}
		if err := json.Unmarshal(masked, &got); err != nil {
			t.Errorf("%q: %s: %v", in, masked, err)
		}
		if got.A != want || got.B != "Host: kept" || got.C != 12 {
			t.Errorf("%q: got %+v, want A %q", in, got, want)
		}
	}
}

func TestHex(t *testing.T) {
	const headers = "GET / HTTP/1.1\r\nCookie: sid=12345\r\nHost: x\r\n"
	wide := func(s string) []byte {
		var out []byte
		for _, u := range utf16.Encode([]rune(s)) {
			out = append(out, byte(u), byte(u>>8))
		}
		return out
	}
	for name, raw := range map[string][]byte{
		"ascii": []byte(headers), "utf16": wide(headers), "odd utf16": append([]byte{7}, wide(headers)...),
	} {
		digits := hex.AppendEncode(nil, raw)
		New(Default, Key{}).Hex(digits, raw)
		back, err := hex.DecodeString(string(digits))
		if err != nil || len(back) != len(raw) {
			t.Fatalf("%s: %s, %v", name, digits, err)
		}
		plain := strings.ReplaceAll(string(back), "\x00", "")
		if strings.Contains(plain, "12345") || !strings.Contains(plain, "Host: x") || !strings.Contains(plain, "Cookie: *********") {
			t.Errorf("%s: %q", name, plain)
		}
	}
}

// Long texts of what rules begin at: none takes longer than its length asks for, and all stay as they are the second time.
func TestHostileTexts(t *testing.T) {
	for _, unit := range []string{
		"%", "1.", "1:", "a.", "a@", `a\`, `"password":"`, "eyJ.", "x://", "/(S(", `WinHttpConnect("`, "-----BEGIN PRIVATE KEY-----", "Cookie: a\n",
		"CN=a,", "&amp;", "%2525", "host-12345678", "S-1-5-21-", `C:\Users\`, "[...] a ", "1::", "a-b-", " --password ", "user id=a ",
	} {
		s := strings.Repeat(unit, 50_000/len(unit))
		for mode := Default; mode <= Strict; mode++ {
			r := New(mode, testKey)
			once := r.Text(s)
			if twice := r.Text(once); twice != once {
				t.Errorf("%v of many %q: not the same twice", mode, unit)
			}
		}
	}
}

func FuzzText(f *testing.F) {
	for _, tt := range secretTexts {
		f.Add(tt.in)
	}
	for _, s := range []string{
		"GET / HTTP/1.1\r\nCookie: a=b\r\n c\r\nSet-Cookie: \"x\"\r\nHost: http://a:b@c/", "Authorization", "\\u000d:cookie:\\\"x",
		`CONTOSO\alice alice@contoso.com web01.contoso.com 10.0.0.5 [fe80::1]:80 00-15-5D-01-02-03 S-1-5-21-1-2-3 C:\Users\x\y \\fs01\x`,
		signed, "CN=a, OU=b", "host-3f2a91c0 user-91c07b5e.domain-12345678 name-12abcdef", "a::b::c:1.2.3.4", "Host: Host: x", "https://https://a@b:c@d:1/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for mode := Default; mode <= Strict; mode++ {
			r := New(mode, testKey)
			once := r.Text(s)
			if twice := r.Text(once); twice != once {
				t.Errorf("%v of %q:\nonce  %q\ntwice %q", mode, s, once, twice)
			}
			if mode == Secrets {
				for f := range Find([]byte(once)) {
					t.Errorf("%q masked is %q, and has %+v: %q", s, once, f, once[f.Start:f.End])
				}
			}
			doc := r.JSON(appendString(nil, s), 0)
			if !json.Valid(doc) {
				t.Errorf("%v of %q: %s is not JSON", mode, s, doc)
			}
			if got := r.Bytes([]byte("in front: "+s), len("in front: ")); string(got) != "in front: "+once && r != nil {
				t.Errorf("%v of %q: %q as bytes, %q as text", mode, s, got, once)
			}
			digits := hex.AppendEncode(nil, []byte(s))
			r.Hex(digits, []byte(s))
			if back, err := hex.DecodeString(string(digits)); err != nil || len(back) != len(s) || bytes.Count(back, []byte(":")) > strings.Count(s, ":") {
				t.Errorf("%v of %q: hex %s, %v", mode, s, digits, err)
			}
		}
	})
}
