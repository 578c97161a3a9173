package filter_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api/xray/filter"
	"github.com/clew-tracing/clew/api/xray/view"
	"github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
)

// viewOf is the trace of documents, and of spans in OTLP's JSON.
func viewOf(t testing.TB, spans string, docs ...string) *view.Trace {
	t.Helper()
	var tr xray.Translator
	var body []byte
	var err error
	for _, doc := range docs {
		if body, err = tr.Append(body, []byte(doc)); err != nil {
			t.Fatal(err)
		}
	}
	if spans != "" {
		if body, _, err = otlp.TranscodeJSON(body, []byte(spans)); err != nil {
			t.Fatal(err)
		}
	}
	b := build.NewBuilder(1 << 14)
	var dec otlp.Decoder
	if res, err := dec.Decode(b, body, otlp.Options{}); err != nil || res.Refused > 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	return new(view.Builder).Of(span.NewRows(b.View(b.Rows())))
}

// shop is a request to a front end, which calls a cart that fails and asks a table; the front
// end answers all the same.
var shop = []string{
	`{"trace_id":"1-6b039621-2942d23cf37ea4a764dab1fe","id":"0000000000000001","name":"front","start_time":10,"end_time":14,"origin":"AWS::EC2::Instance","user":"alice",
	 "resource_arn":"arn:aws:ec2:1","http":{"request":{"url":"https://shop/v2/buy?x=1","method":"POST","user_agent":"curl/8","client_ip":"10.1.2.3"},"response":{"status":200}},
	 "aws":{"account_id":"111","ec2":{"instance_id":"i-1","availability_zone":"eu-1a"}},"annotations":{"tier":"gold","items":3,"vip":false,"empty":"","big":9007199254740993},
	 "subsegments":[{"id":"0000000000000002","name":"cart","namespace":"remote","start_time":11,"end_time":13,"fault":true,"annotations":{"tries":2.5},"http":{"response":{"status":503}}},
	  {"id":"0000000000000003","name":"DynamoDB","namespace":"aws","start_time":13,"end_time":13.5,"aws":{"table_name":"carts","operation":"GetItem"}}]}`,
	`{"trace_id":"1-6b039621-2942d23cf37ea4a764dab1fe","id":"0000000000000004","parent_id":"0000000000000002","name":"cart","start_time":11.5,"end_time":15,"fault":true,"origin":"AWS::Lambda",
	 "http":{"request":{"method":"GET"},"response":{"status":503}},"annotations":{"shard":"a"},"cause":{"exceptions":[{"id":"00000000000000aa","type":"Denied","message":"Access Denied for account_id: 1234567890"}]},
	 "subsegments":[{"id":"0000000000000005","name":"deserialize","start_time":12,"end_time":12.1}]}`,
}

// holding are expressions that hold of the shop, failing those that do not.
var holding = []string{
	``, `ok`, `!error`, `!fault`, `!throttle`, `!partial`, `inferred`, `ok AND !partial duration < 6`,
	`responsetime = 4`, `responsetime >= 4 AND responsetime < 4.1`, `duration = 5`, `duration > 4.999999999`, `http.status = 200`, `http.status != 404`, `http.status`,
	`http.url CONTAINS "/v2/"`, `http.url BEGINSWITH "https://shop/"`, `http.url ENDSWITH "x=1"`, `http.method = "POST"`, `http.method != "GET"`, `http.useragent`, `http.clientip = "10.1.2.3"`,
	`user = "alice"`, `user CONTAINS ""`, `user`, `availabilityzone = "eu-1a"`, `instance.id = "i-1"`, `resource.arn BEGINSWITH "arn:"`,
	`annotation.tier = "gold"`, `annotation.tier CONTAINS "o"`, `annotation.items > 2`, `annotation.items = 3`, `annotation.items < 3.5`, `annotation.vip = false`, `annotation.vip != true`, `!annotation.vip`,
	`annotation.tries = 2.5`, `annotation.shard`, `annotation.empty = ""`, `annotation.empty != "a"`, `annotation.empty`, `annotation.big = 9007199254740993`, `annotation.items = 3 AND annotation.shard = "a"`,
	`service("cart") { fault }`, `service() { fault }`, `service("front") { root }`, `service("front") { ok AND root = true }`, `service("carts")`, `service("DynamoDB")`,
	`service(id(type: "AWS::DynamoDB::Table")) { inferred }`, `service(id(name: "front", type: "AWS::EC2::Instance", account.id: "111"))`, `service() { name BEGINSWITH "ca" AND type = "AWS::Lambda" }`,
	`service("cart") { annotation.shard = "a" AND responsetime = 3.5 }`, `service("front") { annotation.tries }`, `service("front") { user = "alice" AND instance.id }`,
	`edge("front", "cart") { fault }`, `edge("front", "cart") { responsetime = 2 AND http.status = 503 }`, `edge("front", "carts") { ok inferred }`, `edge("front", "cart") { annotation.tries = 2.5 }`,
	`edge(id(type: "client"), "front") { ok }`, `edge(id(name: "front", type: "client"), id(name: "front", type: "AWS::EC2::Instance"))`,
	`rootcause.fault.service`, `rootcause.fault.service { last and name = "cart" }`, `rootcause.fault.service { index = 0 and first and name = "front" }`, `rootcause.fault.service { type = "AWS::Lambda" }`,
	`rootcause.fault.entity { remote and name = "cart" }`, `rootcause.fault.exception { last and message = "Access Denied for account_id: 1234567890" }`, `rootcause.fault.exception { name = "Denied" }`,
	`rootcause.responsetime.entity { first and coverage = 1 }`, `rootcause.responsetime.entity { remote and coverage > 0.4 and name = "cart" }`, `rootcause.responsetime.service`,
	`rootcause.json = #[{"Services":[{"Name":"front"},{"Name":"cart","Type":"AWS::Lambda","EntityPath":[{"Name":"cart","Exceptions":[{"Name":"Denied"}]}]}]}]`,
	`rootcause.json = #[{"ClientImpacting":true}]`, `rootcause.json = #[{"Services":[{"EntityPath":[{"Coverage":1},{"Coverage":0.5,"Remote":true}]},{}]}]`, `annotation.items <= 3 annotation.items != 2`, `rootcause.json = #[{"Services":[{"AccountId":111,"Names":["front"],"Inferred":false},{}]}]`,
	`http.url CONTAINS "/v2/" AND !service("api.example.com")`,
}

var failing = []string{
	`!ok`, `error`, `fault`, `partial`, `responsetime > 4`, `duration < 5`, `http.status = 503`, `http.status > 200`, `http.method != "POST"`, `http.url CONTAINS "/v3/"`, `user != "alice"`, `user = "Alice"`,
	`annotation.tier = 3`, `annotation.items = "3"`, `annotation.vip`, `annotation.vip = true`, `annotation.none`, `annotation.none != "a"`, `annotation.empty != ""`, `annotation.big = 9007199254740992`, `annotation.tier != "gold"`,
	`service("cart") { ok }`, `service("front") { fault }`, `service("none")`, `service(id(name: "front", type: "AWS::Lambda"))`, `service(id(account.id: "222"))`, `service("cart") { root }`, `service("cart") { annotation.tier }`,
	`edge("cart", "front")`, `edge("front", "cart") { ok }`, `edge("front", "front")`, `edge(id(type: "client"), "cart")`, `edge("front", "cart") { annotation.shard }`,
	`rootcause.error.service`, `rootcause.fault.service { last and name = "front" }`, `rootcause.fault.service { index > 5 }`, `rootcause.responsetime.entity { coverage > 1 }`, `rootcause.fault.entity { last and name = "deserialize" }`,
	`rootcause.json = #[{"Services":[{"Name":"front"}]}]`, `rootcause.json = #[]`, `rootcause.json = #[{"Services":[{"Name":"front"},{"EntityPath":[{"Name":"x"}]}]}]`, `rootcause.json = #[{"Services":[{},{"EntityPath":[{"Coverage":0.25}]}]}]`, `annotation.tries != 2.5`, `annotation.items <= 2`, `rootcause.json = #[{"Services":[{"Name":"front"},{"EntityPath":[{},{}]}]}]`,
	`group.name = "a"`,
}

func TestHolds(t *testing.T) {
	tr := viewOf(t, "", shop...)
	for want, list := range map[bool][]string{true: holding, false: failing} {
		for _, text := range list {
			x, err := filter.Parse(text)
			if err != nil {
				t.Errorf("%s: %v", text, err)
			} else if filter.Holds(x, tr) != want {
				t.Errorf("%s: want %v", text, want)
			}
		}
	}
}

// otherWorld is a span of OpenTelemetry that serves, and one that asks a database.
const otherWorld = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"web"}},{"key":"host.id","value":{"stringValue":"i-9"}},{"key":"cloud.platform","value":{"stringValue":"aws_ec2"}}]},
"scopeSpans":[{"spans":[
{"traceId":"6b0396212942d23cf37ea4a764dab1fe","spanId":"0000000000000001","kind":2,"name":"GET /x","startTimeUnixNano":"1000000000","endTimeUnixNano":"2000000000",
 "attributes":[{"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"url.path","value":{"stringValue":"/x"}},{"key":"server.address","value":{"stringValue":"h"}},{"key":"http.response.status_code","value":{"intValue":"404"}},{"key":"enduser.id","value":{"stringValue":"bob"}},{"key":"app.tier","value":{"stringValue":"gold"}}]},
{"traceId":"6b0396212942d23cf37ea4a764dab1fe","spanId":"0000000000000002","parentSpanId":"0000000000000001","kind":3,"name":"SELECT","startTimeUnixNano":"1200000000","endTimeUnixNano":"1900000000",
 "attributes":[{"key":"db.system","value":{"stringValue":"postgresql"}},{"key":"db.name","value":{"stringValue":"orders"}}],"status":{"code":2,"message":"no"}}]}]}]}`

// TestOtherWorlds asks the same of spans that did not come as X-Ray.
func TestOtherWorlds(t *testing.T) {
	tr := viewOf(t, otherWorld)
	for _, text := range []string{
		`error AND !fault AND !ok`, `http.status = 404`, `http.url = "http://h/x"`, `http.method = "GET"`, `user = "bob"`, `responsetime = 1`, `instance.id = "i-9"`,
		`annotation[app.tier] = "gold"`, `annotation.app_tier = "gold"`, `annotation[http.response.status_code] >= 400`, `service("web") { error }`, `service(id(type: "AWS::EC2::Instance"))`,
		`service("orders") { fault inferred }`, `edge("web", "orders") { fault AND responsetime > 0.6 }`, `rootcause.fault.exception { message = "no" }`,
	} {
		x, err := filter.Parse(text)
		if err != nil || !filter.Holds(x, tr) {
			t.Errorf("%s: does not hold, %v", text, err)
		}
	}
}

// TestPieces: of a trace that has no segment yet nothing is known of its entry.
func TestPieces(t *testing.T) {
	tr := viewOf(t, "", `{"trace_id":"1-6b039621-2942d23cf37ea4a764dab1fe","id":"0000000000000002","type":"subsegment","parent_id":"0000000000000001","name":"cart","start_time":11,"end_time":13,"fault":true}`)
	for text, want := range map[string]bool{`ok`: true, `fault`: false, `http.status`: false, `responsetime`: false, `duration = 2`: true, `service()`: false, `user != "a"`: false, `rootcause.fault.entity`: true} {
		if x, err := filter.Parse(text); err != nil || filter.Holds(x, tr) != want {
			t.Errorf("%s: want %v, %v", text, want, err)
		}
	}
}

func TestResolve(t *testing.T) {
	groups := func(key filter.Key, text string) (filter.Expr, error) {
		switch key.String() + " " + text {
		case "group.name slow":
			return filter.Parse("responsetime > 3")
		case "group.arn slow":
			return filter.Parse(`group.name = "slow" AND ok`)
		case "group.name circle":
			return filter.Parse(`ok OR group.name != "circle"`)
		}
		return nil, clew.Errorf(clew.Invalid, "there is no group %q", text)
	}
	for text, want := range map[string]string{
		`user = "alice" AND group.name = "slow"`: `user = "alice" AND responsetime > 3`,
		`!group.arn = "slow" OR fault`:           `!(responsetime > 3 AND ok) OR fault`,
		`group.name != "slow"`:                   `!responsetime > 3`,
		`group.name = "none"`:                    `there is no group "none"`,
		`fault AND group.name = "circle"`:        `is it a circle?`,
	} {
		x, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		x, err = filter.Resolve(x, groups)
		if err != nil && (clew.KindOf(err) != clew.Invalid || !strings.Contains(err.Error(), want)) || err == nil && x.String() != want {
			t.Errorf("%s: %v, %v; want %s", text, x, err, want)
		}
	}
}

// TestResolveMuch has groups each of which names the next a hundred times: what that comes to
// is refused before it is there.
func TestResolveMuch(t *testing.T) {
	asked := 0
	groups := func(_ filter.Key, text string) (filter.Expr, error) {
		if asked++; asked > 10_000 {
			t.Fatal("it goes on and on")
		}
		if text == "gggg" {
			return filter.Parse("ok")
		}
		return filter.Parse(strings.Repeat(`group.name = "`+text+`g" `, 100))
	}
	x, err := filter.Parse(`group.name = "g"`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = filter.Resolve(x, groups); clew.KindOf(err) != clew.Invalid || !strings.Contains(fmt.Sprint(err), "more than 2000 conditions") {
		t.Errorf("%v", err)
	}
	if x, err = filter.Parse(strings.Repeat(`group.name = "gggg" `, 800)); err != nil {
		t.Fatal(err)
	}
	if _, err = filter.Resolve(x, groups); err != nil {
		t.Error(err)
	}
}

// TestAt: to ask each segment of a trace takes no more memory than there are segments.
func TestAt(t *testing.T) {
	var docs []string
	for i := range 500 {
		docs = append(docs, fmt.Sprintf(`{"trace_id":"1-6b039621-2942d23cf37ea4a764dab1fe","id":"%016x","name":"cart","start_time":11,"end_time":13,"annotations":{"a":%d}}`, i+1, i))
	}
	tr := viewOf(t, "", docs...)
	x, err := filter.Parse(`service("cart") { annotation.a >= 400 }`)
	if err != nil {
		t.Fatal(err)
	}
	met := 0
	allocs := testing.AllocsPerRun(1, func() {
		met = 0
		at := filter.At(x, tr)
		for _, s := range tr.Segments {
			if at(s) {
				met++
			}
		}
	})
	if met != 100 || allocs > 20*500 {
		t.Errorf("%d met, %v allocations", met, allocs)
	}
}

// TestManyKeys: a trace is gone through once for the annotations of all keys.
func TestManyKeys(t *testing.T) {
	var docs []string
	for i := range 10_000 {
		docs = append(docs, fmt.Sprintf(`{"trace_id":"1-6b039621-2942d23cf37ea4a764dab1fe","id":"%016x","name":"cart","start_time":11,"end_time":13,"annotations":{"a":%d}}`, i+1, i))
	}
	tr := viewOf(t, "", docs...)
	text := ""
	for i := range 600 {
		text += fmt.Sprintf("annotation.k%d OR ", i)
	}
	x, err := filter.Parse(text + "service() { annotation.a = 7777 }")
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if !filter.Holds(x, tr) {
		t.Error("it does not hold")
	}
	if took := time.Since(begun); took > 500*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}

// TestManyCauses: the exceptions of a trace are read once for all conditions on them.
func TestManyCauses(t *testing.T) {
	exceptions := strings.Repeat(`{"id":"1","type":"a","message":"b"},`, 200)
	tr := viewOf(t, "", `{"trace_id":"1-6b039621-2942d23cf37ea4a764dab1fe","id":"0000000000000001","name":"cart","start_time":11,"end_time":13,"fault":true,"cause":{"working_directory":"/","exceptions":[`+strings.TrimSuffix(exceptions, ",")+`]}}`)
	x, err := filter.Parse(strings.Repeat(`!rootcause.fault.exception { name = "c" } `, 300) + `rootcause.fault.exception { last name = "a" }`)
	if err != nil {
		t.Fatal(err)
	}
	if allocs := testing.AllocsPerRun(1, func() {
		if !filter.Holds(x, tr) {
			t.Error("it does not hold")
		}
	}); allocs > 1500 {
		t.Errorf("%v allocations", allocs)
	}
}

// TestQueries shows what expressions come to in TraceQL.
func TestQueries(t *testing.T) {
	for text, want := range map[string]string{
		``:        `{ }`,
		`ok`:      `{ }`,
		`!user`:   `{ }`,
		`partial`: `{ duration = nil }`,
		`rootcause.responsetime.service { last type = "on a boat" }`:  `{ span.aws.xray.origin = "on a boat" }`,
		`rootcause.responsetime.service { type = "remote" }`:          `{ span.aws.xray.origin = "remote" || span.aws.xray.namespace = "remote" || span.aws.xray.inferred = true || kind = client || kind = producer }`,
		`rootcause.error.exception { name != "a" AND message = "b" }`: `{ event.exception.type != "a" } && { event.exception.message = "b" || statusMessage = "b" } && ` + filter.Query(&filter.Cause{Of: filter.OfError}),
		`duration >= 5 AND duration < 8`:                              `{ trace:duration >= 4.999999s } && { trace:duration <= 8.000001s }`,
		`!(duration > 5)`:                                             `{ trace:duration <= 5.000001s }`,
		`service() { !(duration < 5) }`:                               `{ }`,
		`service() { duration > 5 }`:                                  `{ duration >= 4.999999s }`,
		`http.method = "GET"`:                                         `{ span.http.method = "GET" || span.http.request.method = "GET" }`,
		`http.status >= 500 user`:                                     `{ span.http.response.status_code >= 500 || span.http.status_code >= 500 } && { span.enduser.id != nil || span.user.id != nil }`,
		`user = "a" OR instance.id = "b"`:                             `{ span.enduser.id = "a" || span.user.id = "a" || resource.host.id = "b" }`,
		`user = "a" OR ok`:                                            `{ }`,
		`!(ok OR user)`:                                               filter.Query(filter.And{&filter.Not{X: &filter.Test{Key: filter.OK}}}),
		`annotation[a.b] > 1.5`:                                       `{ span.a.b > 1.5 || span.aws.xray.annotation.a.b > 1.5 }`,
		`annotation.a_b`:                                              `{ span.a_b != nil || span.aws.xray.annotation.a_b != nil || span.aws.xray.form = nil }`,
		`responsetime > 1.5`:                                          `{ duration >= 1.499999s }`,
		`http.useragent BEGINSWITH "a.b"`:                             `{ span.http.user_agent =~ "(?s)a\\.b.*" || span.user_agent.original =~ "(?s)a\\.b.*" }`,
	} {
		x, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if have := filter.Query(x); have != want {
			t.Errorf("%s: %s\nwant %s", text, have, want)
		}
	}
}
