package xray_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/otlp/wire"
)

// TestApart sends the parts of a segment by themselves, the last first: they come back as one
// document, each as it was.
func TestApart(t *testing.T) {
	part := func(id, parent string) string {
		return fmt.Sprintf(`{"id":"%s","name":"p","start_time":1.5,"end_time":2,"type":"subsegment","parent_id":"%s","trace_id":"1-6b039621-2942d23cf37ea4a764dab1fe"}`, id, parent)
	}
	inner, outer := part("0000000000000003", "0000000000000002"), part("0000000000000002", "70de5b6f19ff9a0a")
	docs := back(t, inner, outer, head+`,"subsegments":[`+sub+`}]}`)
	if len(docs) != 1 {
		t.Fatalf("%d documents: %q", len(docs), docs)
	}
	same(t, docs[0], head+`,"subsegments":[`+sub+`},`+strings.TrimSuffix(outer, "}")+`,"subsegments":[`+inner+`]}]}`)

	// Without what they are parts of, they are documents of their own, as is a nested one.
	docs = back(t, inner)
	if len(docs) != 1 {
		t.Fatalf("%d documents", len(docs))
	}
	same(t, docs[0], inner)
}

// TestCircle has subsegments that are each other's, and a chain that is too long to nest:
// each comes back, once.
func TestCircle(t *testing.T) {
	var docs []string
	for i := 1; i <= 300; i++ {
		parent := i - 1
		if i == 1 {
			parent = 300
		}
		docs = append(docs, fmt.Sprintf(`{"id":"%016x","name":"p","start_time":1,"end_time":2,"type":"subsegment","parent_id":"%016x","trace_id":"1-6b039621-2942d23cf37ea4a764dab1fe"}`, i, parent))
	}
	all := strings.Join(back(t, docs...), "\n")
	for i := 1; i <= 300; i++ {
		if want := fmt.Sprintf(`{"id":"%016x","name"`, i); strings.Count(all, want) != 1 {
			t.Errorf("%016x comes %d times", i, strings.Count(all, want))
		}
	}
	if n := strings.Count(all, `"name":"p"`); n != 300 {
		t.Errorf("%d documents and subsegments, want 300", n)
	}
}

// TestForeign turns spans of OpenTelemetry into documents.
func TestForeign(t *testing.T) {
	const request = `{"resourceSpans":[{"resource":{"attributes":[
	{"key":"service.name","value":{"stringValue":"cart"}},{"key":"service.version","value":{"stringValue":"1.2"}},
	{"key":"cloud.provider","value":{"stringValue":"aws"}},{"key":"cloud.platform","value":{"stringValue":"aws_ecs"}},{"key":"aws.ecs.launchtype","value":{"stringValue":"fargate"}},
	{"key":"container.id","value":{"stringValue":"c1"}},{"key":"cloud.account.id","value":{"stringValue":"123"}},{"key":"telemetry.sdk.language","value":{"stringValue":"go"}},{"key":"telemetry.sdk.name","value":{"stringValue":"opentelemetry"}}]},
	"scopeSpans":[{"spans":[
	{"traceId":"6b0396212942d23cf37ea4a764dab1fe","spanId":"0000000000000001","name":"GET /cart","kind":2,"startTimeUnixNano":"1000000000","endTimeUnixNano":"2500000000","status":{"code":2},
	 "attributes":[{"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"url.scheme","value":{"stringValue":"https"}},{"key":"server.address","value":{"stringValue":"shop"}},{"key":"url.path","value":{"stringValue":"/cart"}},
	 {"key":"http.response.status_code","value":{"intValue":"429"}},{"key":"client.address","value":{"stringValue":"10.0.0.1"}},{"key":"enduser.id","value":{"stringValue":"u"}},
	 {"key":"tier","value":{"stringValue":"gold"}},{"key":"aws.xray.annotations","value":{"arrayValue":{"values":[{"stringValue":"tier"}]}}},{"key":"list","value":{"arrayValue":{"values":[{"intValue":"1"},{"doubleValue":2}]}}}],
	 "links":[{"traceId":"6b0396212942d23cf37ea4a764dab1ff","spanId":"0000000000000009"}]},
	{"traceId":"6b0396212942d23cf37ea4a764dab1fe","spanId":"0000000000000002","parentSpanId":"0000000000000001","name":"SELECT <cart>","kind":3,"startTimeUnixNano":"1500000000","endTimeUnixNano":"2000000000","status":{"code":2,"message":"no"},
	 "attributes":[{"key":"db.system","value":{"stringValue":"postgresql"}},{"key":"db.name","value":{"stringValue":"shop"}},{"key":"db.statement","value":{"stringValue":"SELECT ?"}},{"key":"db.connection_string","value":{"stringValue":"jdbc:postgresql://db.example:5432"}}]},
	{"traceId":"6b0396212942d23cf37ea4a764dab1fe","spanId":"0000000000000003","parentSpanId":"0000000000000001","name":"S3.Get","kind":3,"startTimeUnixNano":"1600000000",
	 "attributes":[{"key":"rpc.system","value":{"stringValue":"aws-api"}},{"key":"aws.service","value":{"stringValue":"S3"}},{"key":"aws.operation","value":{"stringValue":"GetObject"}},{"key":"aws.s3.bucket","value":{"stringValue":"b"}}],
	 "events":[{"name":"exception","timeUnixNano":"1600000000","attributes":[{"key":"exception.type","value":{"stringValue":"T"}},{"key":"exception.message","value":{"stringValue":"m"}},{"key":"exception.stacktrace","value":{"stringValue":"T: m\n  at f (x.js:1:2)\n"}}]}]}
	]}]}]}`
	body, _, err := otlp.TranscodeJSON(nil, []byte(request))
	if err != nil {
		t.Fatal(err)
	}
	docs := xray.Documents(rowsOf(t, body))
	if len(docs) != 1 {
		t.Fatalf("%d documents", len(docs))
	}
	golden(t, "foreign.txt", indented(string(docs[0].Text))+"\n")
}

// TestRequest takes the documents out of a request.
func TestRequest(t *testing.T) {
	for _, c := range []struct{ body, want, err string }{
		{`{"TraceSegmentDocuments":[]}`, "", ""},
		{`{"TraceSegmentDocuments":["{\"a\":1}","x\u0041"],"x":{}}`, `{"a":1};xA;`, ""},
		{`{}`, "", "there are no TraceSegmentDocuments"},
		{`{"TraceSegmentDocuments":[{}]}`, "", "TraceSegmentDocuments[0]: want a string, have '{'"},
		{`{"TraceSegmentDocuments":"x"}`, "", "want '['"},
		{`{"TraceSegmentDocuments":[]} x`, "", "want nothing behind the request"},
	} {
		have := ""
		_, err := xray.EachDocument([]byte(c.body), func(doc []byte) error { have += string(doc) + ";"; return nil })
		if text := fmt.Sprint(err); have != c.want || (err == nil) != (c.err == "") || !strings.Contains(text, c.err) && err != nil {
			t.Errorf("%s: %q, %v", c.body, have, err)
		}
	}
}

// TestDatagram takes the document out of a datagram.
func TestDatagram(t *testing.T) {
	for _, c := range []struct{ datagram, want, err string }{
		{"{\"format\":\"json\",\"version\":1}\n{}", "{}", ""},
		{"{\"format\": \"json\", \"version\": 1}\n", "", ""},
		{" {\"version\" : 1, \"format\": \"JSON\"} \r\n{\n}\n", "{\n}\n", ""},
		{"{}", "", "there is no header line"},
		{"", "", "there is no header line"},
		{"hello\n{}", "", `the header line is no JSON object: "hello"`},
		{"{\"format\":\"xml\",\"version\":1}\n{}", "", "the header's format is not json"},
		{"{\"format\":\"json\",\"version\":2}\n{}", "", "the header's version is not 1"},
		{"{\"format\":\"json\"}\n{}", "", "the header's version is not 1"},
	} {
		doc, err := xray.Datagram([]byte(c.datagram))
		if string(doc) != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), "ErrorCode: InvalidHeader, Cause: "+c.err) {
			t.Errorf("%q: %q, %v", c.datagram, doc, err)
		}
	}
}

// TestMadeUp writes spans whose attributes claim to have come as X-Ray and have anything in
// them: what comes out is JSON all the same.
func TestMadeUp(t *testing.T) {
	text, err := os.ReadFile("../../docs/reference/xray.md") // which names every attribute
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, word := range strings.Split(string(text), "`") {
		if strings.Contains(word, ".") && !strings.ContainsAny(word, " \"\n…") {
			keys = append(keys, strings.TrimSuffix(word, "KEY")+"k", word)
		}
	}
	if len(keys) < 100 {
		t.Fatalf("only %d attributes", len(keys))
	}
	values := []clew.Value{
		clew.StringValue("{\"a\":"), clew.StringValue("[1,{}]"), clew.StringValue("{\"a\":{\"b\":1},\"http\":2,\"aws\":{\"ec2\":[]}}"), clew.StringValue("\xff\x00\"\\"), clew.StringValue(""),
		clew.IntValue(-1), clew.DoubleValue(math.NaN()), clew.BoolValue(true), {Type: clew.TypeOther, Bytes: []byte{0x2a, 0x02, 0x0a, 0x00}}, {Type: clew.TypeOther},
	}
	for _, form := range []string{"segment", "nested trace_id parent_id type", "subsegment w3c start_time=E9 end_time=.0 x", ""} {
		for _, v := range values {
			var body []byte
			body, whole := wire.Open(body, wire.RequestResourceSpans)
			body, resource := wire.Open(body, wire.ResourceSpansResource)
			for _, key := range keys {
				body = wire.AppendAttr(body, wire.ResourceAttributes, key, v)
			}
			body = wire.Close(body, resource)
			body, scope := wire.Open(body, wire.ResourceSpansScope)
			body, one := wire.Open(body, wire.ScopeSpansSpans)
			body = wire.AppendBytes(body, wire.SpanTraceID, []byte("0123456789abcdef"))
			body = wire.AppendSpanID(body, wire.SpanSpanID, 1)
			body = wire.AppendSpanID(body, wire.SpanParentID, 1)
			body = wire.AppendNanos(body, wire.SpanStart, 1)
			body = wire.AppendTextAttr(body, wire.SpanAttributes, "aws.xray.form", form)
			body, event := wire.Open(body, wire.SpanEvents)
			body = wire.AppendText(body, wire.EventName, "exception")
			for _, key := range keys {
				body = wire.AppendAttr(body, wire.EventAttributes, key, v)
			}
			body = wire.Close(body, event)
			for _, key := range keys {
				body = wire.AppendAttr(body, wire.SpanAttributes, key, v)
			}
			body = wire.Close(wire.Close(wire.Close(body, one), scope), whole)
			docs := xray.Documents(rowsOf(t, body))
			if len(docs) != 1 || !json.Valid(docs[0].Text) {
				t.Errorf("%q of %v: %s", form, v, fmt.Sprint(docs))
			}
		}
	}
}
