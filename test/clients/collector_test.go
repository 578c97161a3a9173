package clients

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/awsxrayexporter"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/clew-tracing/clew"
)

// TestCollectorXRay has OpenTelemetry's exporter for X-Ray send spans to a server, and the same
// spans sent to it as OTLP, in another tenant. Read as X-Ray's segments and by Tempo's API,
// they are the same.
func TestCollectorXRay(t *testing.T) {
	s := serveProgram(t)
	traces, id := shopTrace()
	body, err := new(ptrace.ProtoMarshaler).MarshalTraces(traces)
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, "POST", s.url("otlp-http")+"/v1/traces", "otlp", "application/x-protobuf", "", string(body))
	exportXRay(t, s.url("xray"), traces)

	segments := func(tenant string) map[string]map[string]any {
		text := exchange(t, "POST", s.url("page")+"/xray/Traces", tenant, "application/json", "", fmt.Sprintf(`{"TraceIds":[%q]}`, id.String()))
		return segmentsOf(t, text)
	}
	theirs, ours := segments(""), segments("otlp")
	if len(ours) != traces.SpanCount() {
		t.Errorf("%d segments of %d spans", len(ours), traces.SpanCount())
	}
	for _, key := range slices.Sorted(maps.Keys(theirs)) {
		compareSegments(t, key, ours[key], theirs[key])
	}
	if len(ours) != len(theirs) {
		t.Errorf("%d segments of the exporter, %d of OTLP", len(theirs), len(ours))
	}

	for _, ask := range []struct{ path, list string }{{"TraceSummaries", "TraceSummaries"}, {"ServiceGraph", "Services"}} {
		read := func(tenant string) []any {
			now := time.Now()
			text := exchange(t, "POST", s.url("page")+"/xray/"+ask.path, tenant, "application/json", "", fmt.Sprintf(`{"StartTime":%d,"EndTime":%d}`, now.Add(-time.Hour).Unix(), now.Add(time.Minute).Unix()))
			answer := map[string]any{}
			if err := json.Unmarshal([]byte(text), &answer); err != nil {
				t.Fatal(err)
			}
			list, _ := answer[ask.list].([]any)
			return list
		}
		theirs, ours := read(""), read("otlp")
		if len(ours) == 0 || len(ours) != len(theirs) {
			t.Errorf("%s: %d, of the exporter %d", ask.path, len(ours), len(theirs))
		}
		if !near(ours, theirs) {
			t.Errorf("%s:\n%s\nof the exporter\n%s", ask.path, inJSON(ours), inJSON(theirs))
		}
	}

	spans := func(tenant string) map[pcommon.SpanID]ptrace.Span {
		text := exchange(t, "GET", s.url("page")+"/tempo/api/traces/"+id.String(), tenant, "", "application/protobuf", "")
		got, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return spansOf(got)
	}
	sent, exported, direct := spansOf(traces), spans(""), spans("otlp")
	for id, want := range sent {
		if got, ok := direct[id]; !ok || spanLine(got) != spanLine(want) {
			t.Errorf("sent as OTLP:\n%s\nfor Tempo it is\n%s", spanLine(want), spanLine(got))
		}
		if got, ok := exported[id]; !ok || spanLine(got) != asXRay(want) {
			t.Errorf("sent to X-Ray:\n%s\nfor Tempo it is\n%s", asXRay(want), spanLine(got))
		}
	}
	if len(exported) != len(sent) || len(direct) != len(sent) {
		t.Errorf("%d spans sent; exported %d, direct %d", len(sent), len(exported), len(direct))
	}
}

// exportXRay has the exporter send spans.
func exportXRay(t *testing.T, endpoint string, traces ptrace.Traces) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	factory := awsxrayexporter.NewFactory()
	cfg := factory.CreateDefaultConfig().(*awsxrayexporter.Config)
	cfg.Endpoint, cfg.Region, cfg.LocalMode = endpoint, "eu-west-1", true
	x, err := factory.CreateTraces(t.Context(), exportertest.NewNopSettings(factory.Type()), cfg)
	if err == nil {
		err = x.Start(t.Context(), componenttest.NewNopHost())
	}
	if err == nil {
		err = x.ConsumeTraces(t.Context(), traces)
	}
	if err == nil {
		err = x.Shutdown(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// shopTrace makes a trace of two services that has what the exporter translates.
func shopTrace() (ptrace.Traces, clew.TraceID) {
	var trace pcommon.TraceID
	binary.BigEndian.PutUint32(trace[:], uint32(time.Now().Unix())) // X-Ray's ids begin with the time
	binary.BigEndian.PutUint64(trace[8:], rand.Uint64()|1)
	traces := ptrace.NewTraces()
	begin := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	service := func(name string, attrs map[string]any) ptrace.SpanSlice {
		rs := traces.ResourceSpans().AppendEmpty()
		_ = rs.Resource().Attributes().FromRaw(attrs)
		rs.Resource().Attributes().PutStr("service.name", name)
		return rs.ScopeSpans().AppendEmpty().Spans()
	}
	n := 0
	add := func(to ptrace.SpanSlice, parent pcommon.SpanID, name string, kind ptrace.SpanKind, attrs map[string]any) ptrace.Span {
		n++
		s := to.AppendEmpty()
		s.SetTraceID(trace)
		s.SetSpanID(pcommon.SpanID{0: byte(n), 7: 1})
		s.SetParentSpanID(parent)
		s.SetName(name)
		s.SetKind(kind)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(begin.Add(time.Duration(n) * time.Millisecond)))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(begin.Add(time.Duration(100-n) * time.Millisecond)))
		_ = s.Attributes().FromRaw(attrs)
		return s
	}
	front := service("front", map[string]any{"cloud.provider": "aws", "cloud.platform": "aws_eks", "cloud.account.id": "123456789012",
		"k8s.pod.name": "front-1", "k8s.cluster.name": "shop", "container.id": "c1", "telemetry.sdk.name": "opentelemetry", "telemetry.sdk.language": "go", "telemetry.sdk.version": "1.47.0"})
	back := service("back", map[string]any{"service.version": "7"})
	root := add(front, pcommon.SpanID{}, "GET /items", ptrace.SpanKindServer, map[string]any{"http.request.method": "GET", "url.full": "https://shop.example/items?page=2",
		"http.response.status_code": int64(200), "client.address": "10.1.2.3", "user_agent.original": "curl/8", "enduser.id": "ann", "tier": "gold", "items": int64(3), "note": "x", "aws.xray.annotations": []any{"tier", "items"}})
	call := add(front, root.SpanID(), "GET", ptrace.SpanKindClient, map[string]any{"http.method": "GET", "http.url": "http://back:8080/stock", "http.status_code": int64(502), "peer.service": "back"})
	call.Status().SetCode(ptrace.StatusCodeError)
	served := add(back, call.SpanID(), "GET /stock", ptrace.SpanKindServer, map[string]any{"http.request.method": "GET", "url.scheme": "http", "server.address": "back", "url.path": "/stock", "http.response.status_code": int64(502)})
	served.Status().SetCode(ptrace.StatusCodeError)
	served.Status().SetMessage("no stock")
	work := add(back, served.SpanID(), "count", ptrace.SpanKindInternal, map[string]any{"ratio": 0.5, "exact": true})
	work.Status().SetCode(ptrace.StatusCodeError)
	event := work.Events().AppendEmpty()
	event.SetName("exception")
	event.SetTimestamp(work.EndTimestamp())
	_ = event.Attributes().FromRaw(map[string]any{"exception.type": "StockError", "exception.message": "no stock"})
	add(back, work.SpanID(), "SELECT", ptrace.SpanKindClient, map[string]any{"db.system": "postgresql", "db.name": "stock", "db.statement": "SELECT ?", "db.connection_string": "postgres://db.example:5432", "db.user": "reader"})
	add(back, served.SpanID(), "GetItem", ptrace.SpanKindClient, map[string]any{"rpc.system": "aws-api", "rpc.service": "DynamoDB", "rpc.method": "GetItem", "aws.table.name": "carts", "aws.region": "eu-west-1", "aws.request_id": "R1"})
	late := add(back, served.SpanID(), "too many", ptrace.SpanKindClient, map[string]any{"http.request.method": "POST", "url.full": "http://pay.example/charge", "http.response.status_code": int64(429), "peer.service": "pay.example"})
	late.Status().SetCode(ptrace.StatusCodeError)
	link := add(back, served.SpanID(), "send", ptrace.SpanKindProducer, map[string]any{"messaging.system": "kafka", "messaging.destination.name": "orders", "peer.service": "orders"}).Links().AppendEmpty()
	link.SetTraceID(trace)
	link.SetSpanID(root.SpanID())
	return traces, clew.TraceID(trace)
}

// segmentsOf returns the segments and subsegments of an answer of BatchGetTraces by their ids,
// each without what is below it, and with whose it is.
func segmentsOf(t *testing.T, text string) map[string]map[string]any {
	t.Helper()
	var answer struct {
		Traces []struct{ Segments []struct{ Document string } }
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]any{}
	var walk func(parent string, doc map[string]any)
	walk = func(parent string, doc map[string]any) {
		id, _ := doc["id"].(string)
		if parent != "" {
			doc["parent_id"] = parent
		}
		if doc["inferred"] == true {
			return // nobody sent it
		}
		below, _ := doc["subsegments"].([]any)
		delete(doc, "subsegments")
		out[id] = doc
		for _, x := range below {
			walk(id, x.(map[string]any))
		}
	}
	for _, trace := range answer.Traces {
		for _, s := range trace.Segments {
			var doc map[string]any
			if err := json.Unmarshal([]byte(s.Document), &doc); err != nil {
				t.Fatalf("%v: %s", err, s.Document)
			}
			walk("", doc)
		}
	}
	return out
}

// compareSegments holds one segment to another, key by key.
func compareSegments(t *testing.T, id string, ours, theirs map[string]any) {
	t.Helper()
	means(ours)
	means(theirs)
	keys := slices.Sorted(maps.Keys(theirs))
	for key := range ours {
		if _, ok := theirs[key]; !ok {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		if !near(ours[key], theirs[key]) {
			t.Errorf("%s (%v): %s is %s, of the exporter %s", id, theirs["name"], key, inJSON(ours[key]), inJSON(theirs[key]))
		}
	}
}

// near reports whether two answers are the same, but for numbers that differ by little, since
// the exporter's seconds went through doubles.
func near(a, b any) bool {
	switch x := a.(type) {
	case float64:
		y, ok := b.(float64)
		return ok && math.Abs(x-y) < 1e-5
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && maps.EqualFunc(x, y, near)
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, near)
	}
	return a == b
}

// means leaves in a segment what means something. The exporter writes what is false, zero and
// empty, seconds as doubles, and with each subsegment what its segment says of where it runs;
// the ids of exceptions are made up. Of SQL it has the span's name for the address.
func means(doc map[string]any) {
	if doc["type"] == "subsegment" || doc["namespace"] != nil || doc["trace_id"] == nil {
		delete(doc, "type")
		delete(doc, "trace_id")
		delete(doc, "origin")
		if aws, ok := doc["aws"].(map[string]any); ok {
			for _, key := range []string{"account_id", "eks", "xray"} {
				delete(aws, key)
			}
		}
	}
	if sql, ok := doc["sql"].(map[string]any); ok {
		delete(sql, "url")
		delete(sql, "connection_string")
	}
	if cause, ok := doc["cause"].(map[string]any); ok {
		list, _ := cause["exceptions"].([]any)
		for _, x := range list {
			delete(x.(map[string]any), "id")
		}
	}
	prune(doc)
}

// prune takes out what is false, zero or empty.
func prune(v any) (empty bool) {
	switch x := v.(type) {
	case map[string]any:
		for key, part := range x {
			if prune(part) {
				delete(x, key)
			}
		}
		return len(x) == 0
	case []any:
		for _, part := range x {
			prune(part)
		}
		return len(x) == 0
	}
	return v == false || v == 0.0 || v == ""
}

func inJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// spansOf returns spans by their ids.
func spansOf(traces ptrace.Traces) map[pcommon.SpanID]ptrace.Span {
	out := map[pcommon.SpanID]ptrace.Span{}
	for _, rs := range traces.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				out[s.SpanID()] = s
			}
		}
	}
	return out
}

// spanLine is what of a span both ways keep.
func spanLine(s ptrace.Span) string { return lineAs(s, s.Kind(), s.Events().Len()) }

// asXRay is spanLine of what X-Ray has for a span.
func asXRay(s ptrace.Span) string {
	kind := s.Kind()
	switch kind {
	case ptrace.SpanKindProducer:
		kind = ptrace.SpanKindClient
	case ptrace.SpanKindConsumer:
		kind = ptrace.SpanKindServer
	}
	exceptions := s.Events().Len()
	if exceptions == 0 && s.Status().Message() != "" {
		exceptions = 1 // which has the message
	}
	return lineAs(s, kind, exceptions)
}

func lineAs(s ptrace.Span, kind ptrace.SpanKind, exceptions int) string {
	micros := func(t pcommon.Timestamp) uint64 { return (uint64(t) + 500) / 1000 }
	return fmt.Sprint(s.TraceID(), " ", s.SpanID(), " of ", s.ParentSpanID(), " ", kind, " ", s.Status().Code() == ptrace.StatusCodeError, " from ", micros(s.StartTimestamp()), " to ", micros(s.EndTimestamp()), " exceptions ", exceptions, " links ", s.Links().Len())
}
