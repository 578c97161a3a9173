package view_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api/xray/view"
	"github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
)

var update = flag.Bool("update", false, "write the expected answers")

// rowsOf returns the rows of documents of X-Ray and requests of OTLP in JSON.
func rowsOf(t testing.TB, documents ...string) *span.Rows {
	t.Helper()
	b := build.NewBuilder(1 << 10)
	var tr xray.Translator
	var dec otlp.Decoder
	for _, d := range documents {
		var body []byte
		var err error
		if strings.HasPrefix(d, `{"resourceSpans"`) {
			body, _, err = otlp.TranscodeJSON(nil, []byte(d))
		} else {
			body, err = tr.Append(nil, []byte(d))
		}
		if err != nil {
			t.Fatalf("%s: %v", d, err)
		}
		if res, err := dec.Decode(b, body, otlp.Options{}); err != nil || res.Refused > 0 {
			t.Fatalf("%s: %+v, %v", d, res, err)
		}
	}
	return span.NewRows(b.View(b.Rows()))
}

// load reads a file of testdata: a document a line, those that begin with # left out.
func load(t testing.TB, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
}

func flags(e *view.Entity) string {
	s := ""
	for _, f := range []struct {
		is   bool
		word string
	}{{e.Inferred && !e.StandIn, " inferred"}, {e.StandIn, " stand-in"}, {e.InProgress, " in-progress"}, {e.Error, " error"}, {e.Throttle, " throttle"}, {e.Fault, " fault"}, {e.SQL, " sql"}} {
		if f.is {
			s += f.word
		}
	}
	return s
}

// describe writes a trace as text: a line for each entity, below what it hangs below.
func describe(t *view.Trace) string {
	var b strings.Builder
	fmt.Fprintf(&b, "trace %s duration %d response %d partial %v fault %v error %v throttle %v\n", t.ID, t.Duration()/1e6, t.ResponseTime()/1e6, t.Partial, t.HasFault(), t.HasError(), t.HasThrottle())
	var walk func(i, depth int)
	walk = func(i, depth int) {
		e := &t.Entities[i]
		kind := "sub"
		if e.IsSegment {
			kind = "SEGMENT"
		}
		fmt.Fprintf(&b, "%s%s %s %q", strings.Repeat("  ", depth), kind, e.ID, e.Name)
		if e.IsSegment || e.IsCall() {
			fmt.Fprintf(&b, " node(%s|%s|%s)", e.Node.Name, e.Node.Type, e.Node.Account)
		}
		if e.Alias != "" {
			fmt.Fprintf(&b, " alias(%s)", e.Alias)
		}
		if e.Answer != view.None {
			fmt.Fprintf(&b, " answer(%s)", t.Entities[e.Answer].ID)
		}
		if s := t.SegmentOf(i); s == nil {
			b.WriteString(" of nobody")
		}
		if i == t.Entry {
			b.WriteString(" ENTRY")
		}
		fmt.Fprintf(&b, " %d+%dms%s", (e.Start-t.Start)/1e6, e.Duration()/1e6, flags(e))
		if e.HTTP != (view.HTTP{}) {
			fmt.Fprintf(&b, " http(%s %s %d %s %s)", e.HTTP.Method, e.HTTP.URL, e.HTTP.Status, e.HTTP.ClientIP, e.HTTP.UserAgent)
		}
		for _, s := range []string{e.User, e.ResourceARN, e.Zone, e.Instance, e.Operation} {
			if s != "" {
				b.WriteString(" " + s)
			}
		}
		t.Annotations(i, func(key string, v clew.Value) { fmt.Fprintf(&b, " @%s=%s:%s", key, v.Type, v) })
		for _, x := range t.Exceptions(i) {
			fmt.Fprintf(&b, " !%s(%s)", x.Type, x.Message)
		}
		b.WriteString("\n")
		for c := e.First; c != view.None; c = t.Entities[c].Next {
			walk(c, depth+1)
		}
	}
	for i := range t.Entities {
		if t.Entities[i].Parent == view.None {
			walk(i, 1)
		}
	}
	cause := func(what string, c view.Cause) {
		fmt.Fprintf(&b, "%s client %v:", what, c.ClientImpacting)
		for _, s := range c.Services {
			fmt.Fprintf(&b, " [%s", t.Entities[s.Segment].Node.Name)
			for _, p := range s.Path {
				fmt.Fprintf(&b, " / %s %.2f", t.Entities[p].Name, t.Coverage(p))
			}
			b.WriteString("]")
		}
		b.WriteString("\n")
	}
	for _, c := range t.Causes(view.FlagFault) {
		cause("fault", c)
	}
	for _, c := range t.Causes(view.FlagError) {
		cause("error", c)
	}
	if c, ok := t.ResponseTimeCause(); ok {
		cause("time", c)
	}
	return b.String()
}

// TestGolden views the traces of testdata; *.docs has documents, *.view what they are.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.docs")
	if err != nil || len(files) < 4 {
		t.Fatalf("%q, %v", files, err)
	}
	var b view.Builder // one for all, since it is used again
	for _, file := range files {
		docs := load(t, file)
		got := describe(b.Of(rowsOf(t, docs...)))
		golden := strings.TrimSuffix(file, ".docs") + ".view"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%s\nwant\n%s", file, got, want)
		}
		for i, k := 0, len(docs)-1; i < k; i, k = i+1, k-1 { // the order in which they came does not matter
			docs[i], docs[k] = docs[k], docs[i]
		}
		if got := describe(b.Of(rowsOf(t, docs...))); got != string(want) {
			t.Errorf("%s, the last first:\n%s\nwant\n%s", file, got, want)
		}
	}
}

// TestEach tells the traces of one batch apart.
func TestEach(t *testing.T) {
	docs := append(load(t, "testdata/shop.docs"), load(t, "testdata/otlp.docs")...)
	r := rowsOf(t, docs...)
	var b, one view.Builder
	var got []string
	b.Each(span.NewWhole(r.Batch()), nil, func(tr *view.Trace) { got = append(got, describe(tr)) })
	want := []string{describe(one.Of(rowsOf(t, load(t, "testdata/shop.docs")...))), describe(one.Of(rowsOf(t, load(t, "testdata/otlp.docs")...)))}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

const head = `{"trace_id":"1-6b039621-2942d23cf37ea4a764dab1fe",`

// call is the node of a call of a segment.
func call(t *testing.T, sub string) (view.Node, string) {
	t.Helper()
	var b view.Builder
	tr := b.Of(rowsOf(t, head+`"id":"0000000000000001","name":"front","start_time":1,"end_time":2,"subsegments":[{"id":"0000000000000002","start_time":1,"end_time":2,`+sub+`}]}`))
	for i := range tr.Entities {
		if e := &tr.Entities[i]; e.Inferred {
			return e.Node, e.Alias
		}
	}
	return view.Node{}, ""
}

// TestInferredNodes is who is asked, by what calls say.
func TestInferredNodes(t *testing.T) {
	for sub, want := range map[string]view.Node{
		`"name":"DynamoDB","namespace":"aws","aws":{"table_name":"carts","account_id":"1"}`:                 {Name: "carts", Type: "AWS::DynamoDB::Table", Account: "1"},
		`"name":"AmazonDynamoDBv2","namespace":"aws","aws":{"resource_names":["carts","b"]}`:                {Name: "carts", Type: "AWS::DynamoDB::Table"},
		`"name":"dynamodb","namespace":"aws","aws":{"operation":"ListTables"}`:                              {Name: "dynamodb", Type: "AWS::DynamoDB"},
		`"name":"dynamodb","namespace":"aws","aws":{"table_names":["x","y"]}`:                               {Name: "x", Type: "AWS::DynamoDB::Table"},
		`"name":"SQS","namespace":"aws","aws":{"queue_url":"https://sqs.eu-west-1.amazonaws.com/1/orders"}`: {Name: "orders", Type: "AWS::SQS::Queue"},
		`"name":"SQS","namespace":"aws"`: {Name: "SQS", Type: "AWS::SQS"},
		`"name":"SNS","namespace":"aws","aws":{"topic_arn":"arn:aws:sns:eu-west-1:1:news"}`: {Name: "news", Type: "AWS::SNS"},
		`"name":"SNS","namespace":"aws"`:                                                                               {Name: "SNS", Type: "AWS::SNS"},
		`"name":"S3","namespace":"aws","aws":{"bucket_name":"b"}`:                                                      {Name: "b", Type: "AWS::S3::Bucket"},
		`"name":"Amazon S3","namespace":"aws"`:                                                                         {Name: "Amazon S3", Type: "AWS::S3"},
		`"name":"Lambda","namespace":"aws","aws":{"function_name":"f"}`:                                                {Name: "f", Type: "AWS::Lambda"},
		`"name":"SecretsManager","namespace":"aws"`:                                                                    {Name: "SecretsManager", Type: "AWS::SecretsManager"},
		`"name":"shop@db","namespace":"remote","sql":{"url":"jdbc:postgresql://db/shop","sanitized_query":"SELECT 1"}`: {Name: "shop@db", Type: "Database::SQL"},
		`"name":"shop@db","sql":{"sanitized_query":"SELECT 1"}`:                                                        {Name: "shop@db", Type: "Database::SQL"},
		`"name":"api.pay.example","namespace":"remote"`:                                                                {Name: "api.pay.example", Type: "remote"},
		`"name":"work"`:                     {},
		`"name":"work","namespace":"local"`: {},
	} {
		if got, _ := call(t, sub); got != want {
			t.Errorf("%s: %+v, want %+v", sub, got, want)
		}
	}
	if _, alias := call(t, `"name":"SQS","namespace":"aws","aws":{"queue_url":"https://sqs.eu-west-1.amazonaws.com/1/orders"}`); alias != "https://sqs.eu-west-1.amazonaws.com/1/orders" {
		t.Errorf("alias %q", alias)
	}
}

// TestForeignNodes is who is asked by spans that did not come as X-Ray, by what their
// instrumentations say.
func TestForeignNodes(t *testing.T) {
	for attrs, want := range map[string]view.Node{
		"rpc.system=aws-api rpc.service=DynamoDB aws.table.name=carts":                                                                      {Name: "carts", Type: "AWS::DynamoDB::Table"},
		"rpc.system=aws-api rpc.service=SQS aws.queue.url=https://sqs/1/orders":                                                             {Name: "orders", Type: "AWS::SQS::Queue"},
		"rpc.system=aws-api rpc.service=Sqs aws.queue.name=orders":                                                                          {Name: "orders", Type: "AWS::SQS::Queue"},
		"rpc.system=aws-api aws.service=S3 aws.bucket.name=b":                                                                               {Name: "b", Type: "AWS::S3::Bucket"},
		"rpc.system=aws-api rpc.service=Kinesis aws.remote.resource.type=AWS::Kinesis::Stream aws.remote.resource.identifier=clicks":        {Name: "clicks", Type: "AWS::Kinesis::Stream"},
		"aws.remote.service=AWS::DynamoDB aws.service=x aws.remote.resource.type=AWS::DynamoDB::Table aws.remote.resource.identifier=carts": {Name: "carts", Type: "AWS::DynamoDB::Table"},
		"rpc.system=grpc rpc.service=Cart":                                                                                                  {Name: "Cart", Type: "remote"},
		"db.system=mysql db.name=shop":                                                                                                      {Name: "shop", Type: "Database::SQL"},
		"db.system=redis server.address=cache":                                                                                              {Name: "cache", Type: "remote"},
		"db.system=redis db.namespace=0 server.address=cache":                                                                               {Name: "cache", Type: "remote"},
		"peer.service=stock server.address=10.0.0.1":                                                                                        {Name: "stock", Type: "remote"},
		"messaging.system=kafka messaging.destination.name=t":                                                                               {Name: "t", Type: "remote"},
	} {
		var list []string
		for _, a := range strings.Fields(attrs) {
			key, value, _ := strings.Cut(a, "=")
			list = append(list, fmt.Sprintf(`{"key":%q,"value":{"stringValue":%q}}`, key, value))
		}
		var b view.Builder
		tr := b.Of(rowsOf(t, fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"web"}}]},"scopeSpans":[{"spans":[
			{"traceId":"7b0396212942d23cf37ea4a764dab1fe","spanId":"0000000000000011","parentSpanId":"0000000000000010","name":"x","kind":3,"startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[%s]}]}]}]}`, strings.Join(list, ","))))
		last := &tr.Entities[len(tr.Entities)-1]
		if !last.Inferred || last.StandIn || last.Node != want {
			t.Errorf("%s: %+v, want %+v", attrs, last.Node, want)
		}
	}
}

// TestSDKs views what SDKs of X-Ray have sent.
func TestSDKs(t *testing.T) {
	for file, want := range map[string]view.Node{
		"sdk_python.json": {Name: "db", Type: "Database::SQL"},
		"sdk_node.json":   {Name: "remote.example", Type: "remote"},
	} {
		text, err := os.ReadFile("../../../format/xray/testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var b view.Builder
		tr := b.Of(rowsOf(t, string(text)))
		last := &tr.Entities[len(tr.Entities)-1]
		if !last.Inferred || last.Node != want || !last.Fault || !tr.HasFault() || tr.EntrySegment().Fault || tr.Partial {
			t.Errorf("%s: %s", file, describe(tr))
		}
		causes := tr.Causes(view.FlagFault)
		if len(causes) != 1 || causes[0].ClientImpacting || len(causes[0].Services) != 2 || len(tr.Exceptions(causes[0].Services[0].Path[1])) != 1 {
			t.Errorf("%s: %+v", file, causes)
		}
	}
}

// TestOddities views what is cyclic, lost, twice and deep.
func TestOddities(t *testing.T) {
	part := func(id, parent int, more string) string {
		return fmt.Sprintf(head+`"id":"%016x","parent_id":"%016x","name":"p","start_time":1,"end_time":2,"type":"subsegment"%s}`, id, parent, more)
	}
	var b view.Builder
	var circle []string
	for i := 1; i <= 300; i++ {
		circle = append(circle, part(i, max(1, (i+1)%301), `,"namespace":"remote"`))
	}
	tr := b.Of(rowsOf(t, circle...))
	if len(tr.Entities) != 600 || tr.Entry != view.None || tr.ResponseTime() != 0 || tr.EntrySegment() != nil || tr.Duration() != 1e9 {
		t.Errorf("a circle: %d entities, entry %d", len(tr.Entities), tr.Entry)
	}
	tops := 0
	for i := range tr.Entities {
		if tr.Entities[i].Parent == view.None {
			tops++
		}
	}
	if tops != 1 {
		t.Errorf("a circle has %d tops", tops)
	}
	if c, ok := tr.ResponseTimeCause(); ok {
		t.Errorf("%+v", c)
	}

	deep := []string{head + `"id":"0000000000001000","name":"front","start_time":1,"end_time":2,"fault":true}`}
	for i := 1; i <= 300; i++ {
		parent := 0x1000
		if i > 1 {
			parent = i - 1
		}
		deep = append(deep, part(i, parent, `,"fault":true`))
	}
	tr = b.Of(rowsOf(t, deep...))
	causes := tr.Causes(view.FlagFault)
	if len(causes) != 1 || !causes[0].ClientImpacting || len(causes[0].Services) != 1 || len(causes[0].Services[0].Path) != 101 || tr.Entities[causes[0].Services[0].Path[0]].Name != "front" {
		t.Errorf("%+v", causes)
	}

	var many []string
	for i := 1; i <= 50; i++ {
		many = append(many, part(i, 0x1000, `,"error":true`))
	}
	tr = b.Of(rowsOf(t, append(many, deep[0])...))
	if causes := tr.Causes(view.FlagError); len(causes) != 20 || causes[0].ClientImpacting {
		t.Errorf("%d causes", len(causes))
	}
}

// TestManyServices has subsegments of ever other services below one that is not there: the
// segments that stand in for it are found in a moment, and each has an id of its own.
func TestManyServices(t *testing.T) {
	const services = 30_000
	var list []string
	for i := range services {
		list = append(list, fmt.Sprintf(`{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s%d"}}]},"scopeSpans":[{"spans":[`+
			`{"traceId":"6b0396212942d23cf37ea4a764dab1fe","spanId":"%016x","parentSpanId":"00000000000f4240","name":"work","startTimeUnixNano":"1000","endTimeUnixNano":"2000"}]}]}`, i, i+1))
	}
	rows := rowsOf(t, `{"resourceSpans":[`+strings.Join(list, ",")+`]}`)
	var b view.Builder
	begun := time.Now()
	tr := b.Of(rows)
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
	ids := map[clew.SpanID]bool{}
	for i := range tr.Entities {
		ids[tr.Entities[i].ID] = true
	}
	if len(tr.Segments) != services || len(ids) != 2*services {
		t.Errorf("%d segments, %d ids", len(tr.Segments), len(ids))
	}
}

// TestAnnotation finds attributes as annotations, by what names their keys may have.
func TestAnnotation(t *testing.T) {
	var b view.Builder
	tr := b.Of(rowsOf(t, load(t, "testdata/otlp.docs")...))
	find := func(key string) (out []string) {
		for i := range tr.Entities {
			tr.FindAnnotations(i, func(k string) bool { return k == key }, func(_ string, v clew.Value) { out = append(out, v.String()) })
		}
		return out
	}
	for key, want := range map[string]string{"shop.tier": "[gold]", "shop_tier": "[gold]", "http.request.method": "[POST GET]", "nothing": "[]"} {
		if got := fmt.Sprint(find(key)); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	tr = b.Of(rowsOf(t, load(t, "testdata/shop.docs")...))
	for key, want := range map[string]string{"customer_tier": "[gold]", "user": "[someone]", "http.method": "[]", "items": "[3]"} {
		if got := fmt.Sprint(find(key)); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}

// TestLean: what Columns asks for is enough to know everything but texts.
func TestLean(t *testing.T) {
	have := map[string]bool{}
	for _, f := range view.Columns().Fields {
		have[f.Key] = true
	}
	for _, key := range []string{"aws.xray.form", "aws.xray.fault", "peer.service", "http.status_code", "aws.queue_url"} {
		if !have[key] {
			t.Errorf("%s is not asked for", key)
		}
	}
}
