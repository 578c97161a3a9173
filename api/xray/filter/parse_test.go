package filter

import (
	"reflect"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
)

// documented are the examples of X-Ray's documentation, and what they are when written again.
var documented = []struct{ text, want string }{
	{`responsetime > 5`, `responsetime > 5`},
	{`duration >= 5 AND duration <= 8`, `duration >= 5 AND duration <= 8`},
	{`ok`, `ok`},
	{`!ok`, `!ok`},
	{`ok = false`, `!ok`},
	{`ok = "true"`, `ok`},
	{`ok != true`, `!ok`},
	{`rootcause.fault.entity { last and name = "deserialize" }`, `rootcause.fault.entity { last AND name = "deserialize" }`},
	{`rootcause.responsetime.entity { remote and coverage > 0.7 and name = "traces" }`, `rootcause.responsetime.entity { remote AND coverage > 0.7 AND name = "traces" }`},
	{`rootcause.fault.service { inferred and name = traces and type = "AWS::DynamoDB" }`, `rootcause.fault.service { inferred AND name = "traces" AND type = "AWS::DynamoDB" }`},
	{`service("data-plane") {root = true and fault = true}`, `service("data-plane") { root AND fault }`},
	{`http.status != 200`, `http.status != 200`},
	{`ok !partial duration <3`, `ok AND !partial AND duration < 3`},
	{`rootcause.fault.service { index > 5 }`, `rootcause.fault.service { index > 5 }`},
	{`rootcause.responsetime.entity { last and coverage > 0.8 }`, `rootcause.responsetime.entity { last AND coverage > 0.8 }`},
	{`http.url CONTAINS "/api/game/"`, `http.url CONTAINS "/api/game/"`},
	{`user CONTAINS ""`, `user CONTAINS ""`},
	{`rootcause.fault.service { name = "Auth" }`, `rootcause.fault.service { name = "Auth" }`},
	{`rootcause.responsetime.service { last and type = "AWS::DynamoDB" }`, `rootcause.responsetime.service { last AND type = "AWS::DynamoDB" }`},
	{`rootcause.fault.exception { last and message = "Access Denied for account_id: 1234567890" }`, `rootcause.fault.exception { last AND message = "Access Denied for account_id: 1234567890" }`},
	{`service("api.example.com") { fault }`, `service("api.example.com") { fault }`},
	{`service() { fault }`, `service() { fault }`},
	{`edge("api.example.com", "backend.example.com") { error }`, `edge("api.example.com", "backend.example.com") { error }`},
	{`http.url BEGINSWITH "http://api.example.com/" AND http.url CONTAINS "/v2/" AND !service("api.example.com")`, `http.url BEGINSWITH "http://api.example.com/" AND http.url CONTAINS "/v2/" AND !service("api.example.com")`},
	{`http.url AND responseTime > 2`, `http.url AND responsetime > 2`},
	{`annotation.gameid = "817DL6VO"`, `annotation.gameid = "817DL6VO"`},
	{`annotation.age`, `annotation.age`},
	{`!annotation.age`, `!annotation.age`},
	{`annotation.age > 29`, `annotation.age > 29`},
	{`annotation[gameid] = "817DL6VO"`, `annotation.gameid = "817DL6VO"`},
	{`annotation[game.id] = "817DL6VO"`, `annotation[game.id] = "817DL6VO"`},
	{`group.name = "high_response_time" AND user = "alice"`, `group.name = "high_response_time" AND user = "alice"`},
	{`group.arn = "arn:aws:xray:us-east-1:123456789012:group/a/B"`, `group.arn = "arn:aws:xray:us-east-1:123456789012:group/a/B"`},
	{`rootcause.json = #[{ "Services": [ { "Name": "GetWeatherData", "EntityPath": [{ "Name": "GetWeatherData" }, { "Name": "get_temperature" } ] }, { "Name": "GetTemperature", "EntityPath": [ { "Name": "GetTemperature" } ] } ] }]`,
		`rootcause.json = #[{"Services":[{"Name":"GetWeatherData","EntityPath":[{"Name":"GetWeatherData"},{"Name":"get_temperature"}]},{"Name":"GetTemperature","EntityPath":[{"Name":"GetTemperature"}]}]}]`},
	{`service(id(name: "random-name", type: "AWS::Lambda::Function")) { error }`, `service(id(name: "random-name", type: "AWS::Lambda::Function")) { error }`},
	{`service(id(type: "AWS::Lambda::Function")) { error }`, `service(id(type: "AWS::Lambda::Function")) { error }`},
	{`service(id(account.id: "123456789012"))`, `service(id(account.id: "123456789012"))`},
	{`edge(id(name: "service-one", type:"service::type"), id(name: "service-two", type:"service::type")) { ok }`, `edge(id(name: "service-one", type: "service::type"), id(name: "service-two", type: "service::type")) { ok }`},
	{`service("api.example.com") { fault = true OR responsetime > 2.5 } AND annotation.account = "12345"`, `service("api.example.com") { fault OR responsetime > 2.5 } AND annotation.account = "12345"`},
}

func TestDocumented(t *testing.T) {
	for _, c := range documented {
		rewrites(t, c.text, c.want)
	}
}

// rewrites parses a text, and what it is written as again.
func rewrites(t *testing.T, text, want string) {
	t.Helper()
	x, err := Parse(text)
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	got := x.String()
	if got != want {
		t.Errorf("%s\nis %s\nwant %s", text, got, want)
	}
	again, err := Parse(got)
	if err != nil || !reflect.DeepEqual(x, again) {
		t.Errorf("%s: written as %s it is %#v, %v, not %#v", text, got, again, err, x)
	}
}

// TestMore is what else people write, and what binds how.
func TestMore(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{" \n\t", ""},
		{`ERROR Or Fault aNd oK`, `error OR fault AND ok`},
		{`(error OR fault) ok`, `(error OR fault) AND ok`},
		{`!(error fault)`, `!(error AND fault)`},
		{`! !error`, `!!error`},
		{`((error))`, `error`},
		{`error AND (fault AND ok)`, `error AND (fault AND ok)`},
		{`service('a')`, `service("a")`},
		{`service(a-b.c) service( ) {  }`, `service("a-b.c") AND service()`},
		{`service(id)`, `service("id")`},
		{`edge(a,id(type: b))`, `edge("a", id(type: "b"))`},
		{`user = 12345`, `user = "12345"`},
		{`user = "a \"b\" \\ \n \u00e9 \'"`, `user = "a \"b\" \\ \n é '"`},
		{`user = "\/\r\t\u00e9"`, `user = "/\r\té"`},
		{`groupname = "Default"`, `group.name = "Default"`},
		{`groupARN = "a"`, `group.arn = "a"`},
		{`user=alice ok`, `user = "alice" AND ok`},
		{`user = true`, `user = "true"`},
		{`http.status="200"`, `http.status = 200`},
		{`responsetime>-1.5e-3`, `responsetime > -1.5e-3`},
		{`annotation.aws:api_id = "x"`, `annotation.aws:api_id = "x"`},
		{`annotation.a.b = 1.2.3`, `annotation[a.b] = "1.2.3"`},
		{`annotation["a ] b"] = "3"`, `annotation["a ] b"] = "3"`},
		{`annotation[ a b ] != true`, `annotation[a b] != true`},
		{`annotation.big = 9223372036854775807`, `annotation.big = 9223372036854775807`},
		{`annotation.Flag endswith x`, `annotation.Flag ENDSWITH "x"`},
		{`service() { annotation.a = 1 }`, `service() { annotation.a = 1 }`},
		{`rootcause.error.exception`, `rootcause.error.exception`},
		{`rootcause.json != #[{"ClientImpacting":true,"Services":[]}]`, `!rootcause.json = #[{"ClientImpacting":true}]`},
		{`rootcause.json=#[{"Services":[{"AccountId":123456789012,"Type":null,"EntityPath":[{"Coverage":0.8,"Remote":false}]}]}] ok`,
			`rootcause.json = #[{"Services":[{"AccountId":"123456789012","EntityPath":[{"Coverage":0.8,"Remote":false}]}]}] AND ok`},
	} {
		rewrites(t, c.text, c.want)
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`responstime > 5`, `character 1: unknown key responstime; did you mean responsetime?`},
		{`ok AND fautl`, `character 8: unknown key fautl; did you mean fault?`},
		{`é`, `character 1: unexpected é; expected a key`},
		{`user = "é" AND x.y`, `character 16: unknown key x.y; what spans have of their own is asked for by annotation.key`},
		{`http.url CONTAIN "a"`, `character 10: unknown key CONTAIN; did you mean CONTAINS?`},
		{`http.url CONTAINS`, `character 18: the expression ends here; expected a value`},
		{`error &&fault`, `character 7: unexpected &; did you mean AND?`},
		{`error | fault`, `character 7: unexpected |; did you mean OR?`},
		{`error AND`, `character 10: the expression ends here; expected a key`},
		{`AND error`, `character 1: AND stands between two conditions`},
		{`not error`, `character 1: unknown key not; did you mean !?`},
		{`duration == 5`, `character 10: == is no operator; did you mean =?`},
		{`duration = 5s`, `character 12: duration is a number of seconds, such as 0.5, not 5s`},
		{`duration CONTAINS 5`, `CONTAINS compares no number; expected =, !=, <, <=, > or >=`},
		{`user < "a"`, `character 6: < compares no text; expected =, !=, CONTAINS, BEGINSWITH or ENDSWITH`},
		{`annotation.age > "29"`, `> compares no texts: write 29 without quotes`},
		{`ok > true`, `ok is true or false: compare it with = or !=`},
		{`ok = 1`, `character 6: ok is true or false, not 1`},
		{`(error`, `character 1: ( is not closed; ) ends it`},
		{`error)`, `character 6: nothing is open that ) could close`},
		{`rootcause.fault.exception { last and message = "Access Denied"`, `character 27: { is not closed; } ends it`},
		{`user = "a`, `character 8: the string is not closed; " ends it`},
		{`user = "a\d"`, `character 10: unknown escape \d: write \\ for a backslash`},
		{`last`, `character 1: last is of something within the trace, not of the trace: write rootcause.fault.service { last }`},
		{`service() { last }`, `character 13: last cannot stand here; expected ok`},
		{`service() { service("a") }`, `character 13: service(…) cannot stand in braces`},
		{`service() { rootcause.fault.service }`, `root causes are of the trace`},
		{`rootcause.fault.service { annotation.a }`, `annotations are of services and calls`},
		{`rootcause.fault.servce`, `did you mean rootcause.fault.service, rootcause.`},
		{`rootcause.responsetime.exception`, `what takes long has no exception`},
		{`rootcause.fault.entity { coverage > 1 }`, `coverage cannot stand here; expected`},
		{`service "a"`, `character 9: unexpected "; expected service("name")`},
		{`service("a"`, `character 8: ( is not closed`},
		{`service("a", "b")`, `character 12: unexpected ,; expected )`},
		{`edge("a")`, `character 9: unexpected ); expected a comma and the service that is called`},
		{`service(id())`, `expected name:, type: or account.id:`},
		{`service(id(nam: "a"))`, `a service has no nam; did you mean name?`},
		{`service(id(name: "a", name: "b"))`, `character 23: name comes twice`},
		{`service(id(name = "a"))`, `character 17: unexpected =; expected :`},
		{`annotation = 5`, `annotation of which key`},
		{`annotation. = 5`, `the key of the annotation is missing`},
		{`annotation[a = 5`, `expected ]`},
		{`group.name`, `group.name names one group; expected = "…"`},
		{`group.name CONTAINS "a"`, `character 12: group.name names one group`},
		{`"a" = user`, `character 1: a value without a key`},
		{`account.id = "1"`, `the account is a part of a service`},
		{`rootcause.json = [{}]`, `expected #[{"Services"`},
		{`rootcause.json = #[{"Servces":[]}]`, `unknown field "Servces"`},
		{`rootcause.json = #[{"Services":[{"Name":1}]}]`, `Services.Name of a root cause cannot be a number`},
		{`rootcause.json = #[{"Services":[`, `the list of root causes is not closed`},
		{`coverage`, `coverage is of something within the trace`},
		{`rootcause.responsetime.entity { coverage > x }`, `coverage is a number from 0 to 1, not x`},
		{`http.status = x`, `http.status is a number, not x`},
		{strings.Repeat("é", 30) + "x = 1", `unexpected é`},
		{"x" + strings.Repeat("y", 100) + " = 1", "unknown key x" + strings.Repeat("y", 39) + "…"},
		{`user = "\u00g0"`, `unknown escape \u`},
		{`service("a" ok)`, `unexpected ok; expected )`},
		{`(error fault x`, `unknown key x`},
		{`(error }`, `unexpected }; expected AND, OR or )`},
		{strings.Repeat("(", 100), `nested too deep`},
		{strings.Repeat("!", 100) + "ok", `nested too deep`},
		{strings.Repeat("ok ", 1001), `more than 1000 conditions`},
		{strings.Repeat(" ", MaxBytes+1), `16384 are taken`},
	} {
		x, err := Parse(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) || clew.KindOf(err) != clew.Invalid {
			t.Errorf("%.80s: %v, %v; want %s", c.text, x, err, c.want)
		}
	}
}

// FuzzParse: no text makes Parse panic; what it takes it takes again as it writes it; and a
// mistake is within the text.
func FuzzParse(f *testing.F) {
	for _, c := range documented {
		f.Add(c.text)
	}
	f.Add(`service(id(name: "a", account.id: 'b')) { annotation["x y"] != -1e3 OR !(partial user = x) }`)
	f.Add(`rootcause.json = #[{"Services":[{"Names":["a"],"Inferred":true}]},null]`)
	f.Fuzz(func(t *testing.T, text string) {
		x, err := Parse(text)
		if err != nil {
			e, ok := err.(*Error)
			if !ok || e.Start < 0 || e.Start > e.End || e.End > len(text) || e.Column < 1 || e.Error() == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		written := x.String()
		if len(written) > MaxBytes {
			return // white space and quotes came to it
		}
		again, err := Parse(written)
		if err != nil || again.String() != written {
			t.Fatalf("%q is %q, and that %v, %v", text, written, again, err)
		}
	})
}
