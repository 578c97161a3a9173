package redact

import (
	"strings"
	"testing"
	"time"
)

func with(t testing.TB, o Options) *Redactor {
	t.Helper()
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// hold tries texts, each written as key=text → what it comes to; "" is no key, and no
// arrow says that it stays.
func hold(t *testing.T, r *Redactor, cases [][3]string) {
	t.Helper()
	for _, c := range cases {
		if got := r.Text(c[0], c[1]); got != c[2] {
			t.Errorf("%s: %q\n  is  %q\n  want %q", c[0], c[1], got, c[2])
		}
	}
}

// stay tries texts in which there is nothing.
func stay(t *testing.T, r *Redactor, key string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if got := r.Text(key, text); got != text {
			t.Errorf("%s: %q came to %q", key, text, got)
		}
	}
}

func TestCredentialKeys(t *testing.T) {
	r := with(t, Options{Sets: []Set{Credentials}})
	for _, key := range []string{"password", "db.password", "user_password", "userPassword", "PASSWORD", "passwd", "pwd", "api-key", "api_key", "x-api-key", "apiKey",
		"http.request.header.authorization", "http.request.header.cookie", "http.response.header.set-cookie", "http.response.header.set_cookie",
		"client_secret", "aws.secret_access_key", "aws_session_token", "accessToken", "auth.token", "private_key", "password_hash", "password1", "credentials",
		"smtp.pass", "otp", "SharedAccessKey", "AccountKey", "x-csrf-token", "PHPSESSID", "proxy-authorization", "http.request.header.cookie.0"} {
		if got := r.Text(key, "hunter2!"); got != Mark {
			t.Errorf("%s: %q", key, got)
		}
	}
	for _, key := range []string{"http.route", "gen_ai.usage.input_tokens", "llm.token.count", "next_token", "page_token", "messaging.kafka.message.key", "cache.key", "partition_key",
		"aws.access_key_id", "session.id", "secret.name", "password_policy", "authorized", "compass", "token_type", "code.function.name", "db.namespace", "cookie_count", "author", "keyboard"} {
		stay(t, r, key, "hunter2!")
	}
	hold(t, r, [][3]string{
		{"password", "", ""}, {"password", "****", "****"}, {"password", "REDACTED", "REDACTED"}, {"password", "null", "null"},
		{"llm.token", "1024", "1024"}, {"password", "1024", "REDACTED"},
	})
}

func TestCredentialsInTexts(t *testing.T) {
	r := with(t, Options{Sets: []Set{Credentials}})
	const jwt = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	hold(t, r, [][3]string{
		{"", "password=hunter2", "password=REDACTED"},
		{"", "login failed: password=hunter2, user=bob", "login failed: password=REDACTED, user=bob"},
		{"", "Server=db;Password=hunter2;User=bob", "Server=db;Password=REDACTED;User=bob"},
		{"", `x {"user":"bob","password":"hun\"ter2"} y`, `x {"user":"bob","password":"REDACTED"} y`},
		{"", `x {\"password\":\"hunter2\",\"a\":1}`, `x {\"password\":\"REDACTED\",\"a\":1}`},
		{"", `{password: 'hunter 2', a: 1}`, `{password: 'REDACTED', a: 1}`},
		{"", "Authorization: Bearer abc.def-123", "Authorization: REDACTED"},
		{"", "curl -H 'Authorization: token abc def' x", "curl -H 'Authorization: REDACTED' x"},
		{"", "Cookie: a=1; b=2\r\nHost: x", "Cookie: REDACTED\r\nHost: x"},
		{"", "sent Bearer abcdefgh12345678 to it", "sent Bearer REDACTED to it"},
		{"", "Basic dXNlcjpwYXNz", "Basic REDACTED"}, {"", "basic dXNlcjpwYXNzd29yZA==", "basic REDACTED"},
		{"", "key AKIAIOSFODNN7EXAMPLE used", "key REDACTED used"},
		{"", "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "REDACTED:REDACTED"},
		{"", "wJalrXUtnFEMI/K7MDENG/bPxRfiCY3XAMPLEKEY", "REDACTED"},
		{"", jwt, "REDACTED"}, {"", "got " + jwt + ".", "got REDACTED."},
		{"", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "REDACTED"},
		{"", "git https://x/ github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz", "git https://x/ REDACTED"},
		{"", "xoxb-123456789012-abcdefABCDEF", "REDACTED"}, {"", "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "REDACTED"},
		{"", "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY", "REDACTED"}, {"", "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", "REDACTED"},
		{"", "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----\nb", "a\nREDACTED\nb"},
		{"", "-----BEGIN PRIVATE KEY-----\nMIIEow", "REDACTED"},
		{"", "env DB_PASSWORD=hunter2 AWS_SECRET_ACCESS_KEY=abc", "env DB_PASSWORD=REDACTED AWS_SECRET_ACCESS_KEY=REDACTED"},
		{"", "password%3Dhunter2%26a", "password%3DREDACTED%26a"},
		{"", "<a><wsse:Password Type=\"t\">hunter2</wsse:Password><user>bob</user></a>", "<a><wsse:Password Type=\"t\">REDACTED</wsse:Password><user>bob</user></a>"},
		{"", "<token>abc</token>", "<token>REDACTED</token>"}, {"", "mysql --user bob --password hunter2 -h db", "mysql --user bob --password REDACTED -h db"},
		{"", "run --token abc --verbose", "run --token REDACTED --verbose"}, {"", "x -p 5 --api-key 'a b'", "x -p 5 --api-key 'REDACTED'"},
		{"", "token=aaaaaaaa1" + strings.Repeat("b", 400) + ",", "token=REDACTED,"}, {"", "token=" + strings.Repeat("b1", 124) + "),))))" + strings.Repeat("b", 50) + " x", "token=REDACTED x"},
		{"", "headers[authorization]: abc", "headers[authorization]: REDACTED"},
	})
	stay(t, r, "", "GET /api/v1/products/{id}", "token expired", "unexpected token: }", "basic authentication failed", "Bearer token is missing", "a Basic idea",
		"0a0f3c6e-4b1d-4f3a-9c55-aaaa0e7d1234", "4bf92f3577b34da6a3ce929d0e0e4736", "d6cd1e2bd19e03a81132a23b2025920577f84e37", "https://shop.example/cart?id=5&page=2",
		"token=5", "max_tokens=1024", "org.apache.kafka.clients.consumer.internals.ConsumerCoordinator", "-----BEGIN CERTIFICATE-----\nMIIEow\n-----END CERTIFICATE-----",
		"SELECT * FROM orders WHERE id = $1", "risk-averse", "sk-learn is a library of tools", "eyJ is how objects begin", "password: ", "<password></password>", "a < b </i", "x --no-password -v", "the --token flag"[:11], "key=value", "author=bob", "if pass == 1 {",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36")
}

func TestJSON(t *testing.T) {
	r := with(t, Options{Sets: Sets()})
	hold(t, r, [][3]string{
		{"aws.xray.metadata.default", `{"password": "hunter2", "n": 1.50, "deep":{"token":"abc","list":["x","bob@example.com"]}}`,
			`{"password": "REDACTED", "n": 1.50, "deep":{"token":"REDACTED","list":["x","REDACTED"]}}`},
		{"a", `{"card":4111111111111111,"cvv":123,"pin":1}`, `{"card":"REDACTED","cvv":"REDACTED","pin":1}`},
		{"a", `{"authorization":{"type":"bearer","value":"xyz"}}`, `{"authorization":{"type":"REDACTED","value":"REDACTED"}}`},
		{"a", `{"mail":"bob\u0040example.com"}`, `{"mail":"REDACTED"}`},
		{"a", `{"body":"{\"password\":\"hunter2\",\"x\":\"é\\n\"}"}`, `{"body":"{\"password\":\"REDACTED\",\"x\":\"é\\n\"}"}`},
		{"a", `{"bob@example.com":1}`, `{"REDACTED":1}`},
		{"a", `"bob\u0040example.com"`, `"REDACTED"`},
		{"password", `{"a":"b","c":[1,true,null]}`, `{"a":"REDACTED","c":["REDACTED",true,null]}`},
		{"a", `{"password":"hunter2"`, `{"password":"REDACTED"`},
		{"a", `{"db.statement":"SELECT 'x'","deep":{"sanitized_query":"a=\"b\""}}`, `{"db.statement":"SELECT ?","deep":{"sanitized_query":"a=?"}}`},
		{"a", `[{"name":"DB_PASSWORD","value":"x"},{"value":["y"],"Key":"Authorization"},{"name":"path","value":"/"}]`, `[{"name":"DB_PASSWORD","value":"REDACTED"},{"value":["REDACTED"],"Key":"Authorization"},{"name":"path","value":"/"}]`},
		{"a", `{"name":"password","value":"{\"m\":\"hunter2\"}"}`, `{"name":"password","value":"{\"m\":\"REDACTED\"}"}`},
		{"a", `["4111 1111 1111 1111"]`, `["REDACTED"]`},
		{"db.query.text", `{"find":"users","filter":{"name":"bob","n":{"$gt":5}}}`, `{"find":"?","filter":{"name":"?","n":{"$gt":"?"}}}`},
	})
	stay(t, r, "a", `{"a":"b","tokens":5,"token":17,"next_token":"abcdefgh1","n":4.111111111111111e15}`, `[]`, `{}`, `{"a":{}}`, `{"password":null,"secret":""}`, `[1,2`)
}

func TestCards(t *testing.T) {
	r := with(t, Options{Sets: []Set{Cards}})
	for _, card := range []string{"4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "5555555555554444", "378282246310005", "3782 822463 10005",
		"6011111111111117", "30569309025904", "3530111333300000", "4222222222222", "2223003122003222", "6200000000000005", "5105105105105100", "4000056655665556", "6304000000000000"} {
		hold(t, r, [][3]string{{"", card, Mark}, {"", "paid with " + card + ".", "paid with REDACTED."}, {"", "x=" + card + "&y", "x=REDACTED&y"}, {"", "card " + card + " 12/27", "card REDACTED 12/27"}})
	}
	hold(t, r, [][3]string{{"", "1234 4111 1111 1111 1111", "1234 REDACTED"}, {"", "q=4111+1111+1111+1111", "q=REDACTED"}, {"", "n%3D4111111111111111", "n%3DREDACTED"},
		{"payment.cvv", "123", Mark}, {"card_number", "4111", Mark}})
	stay(t, r, "", "4111111111111112", "order 4000000000000000", "1767225600000000000", "1764403200000", "4111111111111111a", "a4111111111111111", "4.111111111111111",
		"0.4111111111111111", "4111111111111111.5", "41111111-1111-1111-1111-111111111111", "41111111111111111111", "4111 11111111 1111", "+49 30 901820 1234567",
		"00000000000000000000", "1111111111111111", "9999999999999995", "4111  1111 1111 1111", "4613303445314885481")
}

func TestEmail(t *testing.T) {
	r := with(t, Options{Sets: []Set{Email}})
	hold(t, r, [][3]string{
		{"", "bob@example.com", Mark}, {"", "mail to bob.smith+x@mail.example.co.uk.", "mail to REDACTED."}, {"", "<bob@example.com>", "<REDACTED>"},
		{"", "/users/bob@example.com/orders", "/users/REDACTED/orders"}, {"", "https://x.example/?email=bob@example.com&a=1", "https://x.example/?email=REDACTED&a=1"},
		{"", "email=bob%40example.com", "email=REDACTED"}, {"", "a%3Dbob%40example.com", "a%3DREDACTED"}, {"", "mailto:bob@example.com?subject=x", "mailto:REDACTED?subject=x"},
		{"", "jürgen@exämple.de", Mark}, {"", "a@b.co,c@d.org", "REDACTED,REDACTED"}, {"", "o'brien@example.com", Mark}, {"", "x@xn--80ak6aa92e.com", Mark},
		{"", "https://bob@example.com/x", "https://REDACTED/x"},
	})
	stay(t, r, "", "user@localhost", "pkg@1.2.3", "@scope/package@4.5.6", "image@sha256:abcdef", "icon@2x.png", "ebdb@aawijb5u25wdoy.cpamxznpdoq8.us-west-2.rds.amazonaws.com", "a @ b.com", "@example.com", "bob@", "bob@example.", "x@y.z", "me@here", "@", "50% @ 3")
}

func TestURLs(t *testing.T) {
	r := with(t, Options{Sets: []Set{URLs}})
	hold(t, r, [][3]string{
		{"", "https://bob:hunter2@example.com/x", "https://REDACTED:REDACTED@example.com/x"}, {"", "postgres://bob:p@ss:w@db:5432/shop", "postgres://REDACTED:REDACTED@db:5432/shop"},
		{"", "https://ghtoken@github.com/x", "https://REDACTED@github.com/x"}, {"", "redis://:hunter2@cache", "redis://:REDACTED@cache"},
		{"", "https://x/?access_token=abc&b=1", "https://x/?access_token=REDACTED&b=1"}, {"", "/cb?b=1&token=abc#x", "/cb?b=1&token=REDACTED#x"},
		{"", "https://x/#id_token=abc", "https://x/#id_token=REDACTED"}, {"", "a=1&api_key=abc", "a=1&api_key=REDACTED"},
		{"", "https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIAX%2F20260101%2Fus&X-Amz-Signature=0123456789abcdef0123&X-Amz-Expires=5", "https://b.s3.amazonaws.com/k?X-Amz-Credential=REDACTED&X-Amz-Signature=REDACTED&X-Amz-Expires=5"},
		{"", "https://x/?sig=abcdefghij0123456789%2B&se=1", "https://x/?sig=REDACTED&se=1"}, {"", "https://x/?code=4%2F0AbCD1234567890EfGh&state=open", "https://x/?code=REDACTED&state=open"},
		{"", "https://x/?redirect=https%3A%2F%2Fy%3Ftoken%3Dabc%26b", "https://x/?redirect=https%3A%2F%2Fy%3Ftoken%3DREDACTED%26b"},
		{"", "password=x", "password=REDACTED"}, {"", "bob:hunter2@tcp(db:3306)/shop", "REDACTED:REDACTED@tcp(db:3306)/shop"},
		{"", "a:b@tcp(x)/s c:d@tcp(y)/s", "REDACTED:REDACTED@tcp(x)/s REDACTED:REDACTED@tcp(y)/s"},
	})
	stay(t, r, "", "https://example.com/a:b@c", "https://example.com/?code=404&key=5&state=open", "https://example.com:8443/x", "git@github.com:a/b", "time: 12:30@home", "://@", "a password: x", "https://REDACTED:REDACTED@x/")
}

func TestSQL(t *testing.T) {
	r := with(t, Options{Sets: []Set{SQL}})
	const key = "db.query.text"
	hold(t, r, [][3]string{
		{key, "SELECT * FROM users WHERE name = 'bob' AND age > 42 LIMIT 10", "SELECT * FROM users WHERE name = ? AND age > ? LIMIT ?"},
		{key, "INSERT INTO t1 (a, b) VALUES ('it''s', -1.5e-3), (0xFF, NULL)", "INSERT INTO t1 (a, b) VALUES (?, -?), (?, NULL)"},
		{key, `SELECT 'it\'s bob', 'x' FROM t`, `SELECT ? FROM t`}, {key, `SELECT * FROM t WHERE p = 'C:\' AND n = 'bob'`, `SELECT * FROM t WHERE p = ?`},
		{key, `SELECT "a"."b" FROM "t" WHERE "c" = "bob" AND d IN ("x", 'y')`, `SELECT "a"."b" FROM "t" WHERE "c" = ? AND d IN (?, ?)`},
		{key, `INSERT INTO t VALUES ("bob", "x") ON CONFLICT ("id") DO UPDATE`, `INSERT INTO t VALUES (?, ?) ON CONFLICT ("id") DO UPDATE`},
		{key, "SELECT $tag$bob's$tag$, $1, $$x$$", "SELECT ?, $1, ?"}, {key, "SELECT E'a\\n', N'b', X'ff'", "SELECT ?, ?, ?"},
		{key, "SELECT 1 -- bob's\nFROM t /* it's 5 */ WHERE a = 'x'", "SELECT ? -- bob's\nFROM t /* it's 5 */ WHERE a = ?"},
		{key, "SELECT * FROM `a1` WHERE b LIKE \"%bob%\" AND c BETWEEN 1 AND 2", "SELECT * FROM `a1` WHERE b LIKE ? AND c BETWEEN ? AND ?"},
		{key, "SELECT 'open", "SELECT ?"}, {key, "AUTH bob hunter2", "AUTH ?"}, {"db.query.parameter.name", "bob", "?"},
		{"db.statement", "a = 1", "a = ?"}, {"sql.sanitized_query", "a='1'", "a=?"}, {key, "a=1", "a=?"},
	})
	stay(t, r, key, "SELECT t1.a2, c_3 FROM s4.t5 WHERE x = $1 AND y = :p1 AND z = @p2 AND q = ? AND r = ?1", "SELECT a FROM t WHERE b IS NULL OR c = TRUE", "")
	stay(t, r, "db.query.summary", "SELECT 'x'")
}

// TestNothingIsQuadratic: what is made to be slow is looked through in little time: in
// milliseconds each, and in many seconds if its parts were looked at to the end of the text.
func TestNothingIsQuadratic(t *testing.T) {
	r := with(t, Options{Sets: Sets()})
	const size = 1 << 18
	const most = 2 * time.Second
	for _, part := range []string{"token=", "?token=", "password=", "sig=", "code=", "token:", `"token":"`, "'a',", "eyJ-", "eyJ.", "sk-", "xoxb-", "AKIA_", "a@", "a@b.", "@", "://", "://a:", "a:b@", "4111 ", "4", "Bearer ", "basic ",
		"-----BEGIN PRIVATE KEY", "$a$ ", "$a", "/*", `\'`, `'\`, `"a`, `{"`, `["`, `{"a":`, `["\"`, "[", "{", "%3D", "token%3D", "%40", "a%40b.", "</password>", "<password>a</password>", "--token ", "@tcp(", `{"name":"password","value":`, `[{"key":"token","value":[`, "VALUES (", `"a".`, "1.", "e1", "_-",
		"a%40b.cd,", "sk-aaaaaaaaaaaaaaa.", "sk-a1aaaaaaaaaaaaa.", "xoxb-aaaaaaaaaaaaaaa.", "eyJaaaaaaaaaaaaaaaaa.", "--password '-", "a:b@tcp(", "<token><![CDATA[a]]></token>", "-----BEGIN -----END -----PRIVATE KEY"} {
		text := strings.Repeat(part, size/len(part))
		for _, c := range [][2]string{{"x", text}, {"db.statement", text}, {"password", text}, {"x", `{"a":"` + strings.ReplaceAll(text, `"`, `\"`) + `"}`}} {
			began := time.Now()
			r.Text(c[0], c[1])
			if took := time.Since(began); took > most {
				t.Errorf("%s: %q again and again took %v", c[0], part, took)
			}
		}
	}
	var slashes strings.Builder // quotes that are not closed by those behind them
	for n := 0; slashes.Len() < size; n++ {
		slashes.WriteString("--password " + strings.Repeat(`\`, n) + "'-")
	}
	began := time.Now()
	if r.Text("x", slashes.String()); time.Since(began) > most {
		t.Errorf("quotes with backslashes took %v", time.Since(began))
	}
}

// TestCDATA: what is in a section of CDATA is what its element has.
func TestCDATA(t *testing.T) {
	r := with(t, Options{Sets: []Set{Credentials}})
	hold(t, r, [][3]string{
		{"x", "<a><password><![CDATA[hun>ter2]]></password></a>", "<a><password><![CDATA[REDACTED]]></password></a>"},
		{"x", "<ns:password> <![CDATA[hunter2]]>\n</ns:password>", "<ns:password> <![CDATA[REDACTED]]>\n</ns:password>"},
	})
	stay(t, r, "x", "<password><![CDATA[]]></password>", "<name><![CDATA[bob]]></name>", "]]></password>")
}

// TestNumbersWithinSecrets: a number is one where its own key would say that it is none, too.
func TestNumbersWithinSecrets(t *testing.T) {
	r := with(t, Options{Sets: []Set{Credentials}})
	hold(t, r, [][3]string{
		{"x", `{"credentials":{"token":12345,"b":[6]},"token":7}`, `{"credentials":{"token":"REDACTED","b":["REDACTED"]},"token":7}`},
		{"x", `{"token":{"password":12345}}`, `{"token":{"password":"REDACTED"}}`},
	})
}

// TestPrivateKeysEnd: the end of a key that is before it is none, and is not looked for again.
func TestPrivateKeysEnd(t *testing.T) {
	r := with(t, Options{Sets: []Set{Credentials}})
	hold(t, r, [][3]string{
		{"x", "-----BEGIN -----END -----PRIVATE KEY", "REDACTED"},
		{"x", "a -----BEGIN -----END -----PRIVATE KEY-----\nMII\n-----END PRIVATE KEY----- b", "a REDACTED b"},
	})
}

// TestTooManyHits: a text of which very many parts are to be taken out is taken out whole.
func TestTooManyHits(t *testing.T) {
	r := with(t, Options{Sets: []Set{SQL}})
	if got := r.Text("db.statement", strings.Repeat("1,", maxHits)); got != strings.Repeat("?,", maxHits) {
		t.Errorf("%d bytes: %.20q", len(got), got)
	}
	if got := r.Text("db.statement", strings.Repeat("1,", maxHits+1)); got != Mark {
		t.Errorf("%d bytes: %.20q", len(got), got)
	}
	if got := r.Text("db.statement", "a = 1"); got != "a = ?" {
		t.Errorf("then %q", got)
	}
}

func TestKeysAndHashes(t *testing.T) {
	r := with(t, Options{Sets: []Set{Email, Credentials}, Keys: []string{"tenant.name", "internal.*"}, Keep: []string{"contact.*", "token"}, HashKey: []byte("0123456789abcdef")})
	a, b := r.Text("", "bob@example.com"), r.Text("", "bob@example.com")
	if a != b || !strings.HasPrefix(a, "REDACTED-") || len(a) != len("REDACTED-")+hashDigits || a == r.Text("", "eve@example.com") {
		t.Errorf("%q %q", a, b)
	}
	if got := r.Text("password", a); got != a {
		t.Errorf("what was hashed is hashed again: %q", got)
	}
	if other := with(t, Options{Sets: []Set{Email}, HashKey: []byte("fedcba9876543210")}); other.Text("", "bob@example.com") == a {
		t.Error("another key gives the same hash")
	}
	for _, key := range []string{"tenant.name", "internal.x"} {
		if got := r.Text(key, "acme"); !strings.HasPrefix(got, "REDACTED-") {
			t.Errorf("%s: %q", key, got)
		}
	}
	for _, o := range []Options{{HashKey: []byte("short")}, {Keys: []string{""}}, {Keep: []string{"a*b"}}, {Keys: []string{"*"}}} {
		if _, err := New(o); err == nil {
			t.Errorf("%v is taken", o)
		}
	}
}
