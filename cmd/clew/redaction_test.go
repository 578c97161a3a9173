package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/agent"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cmd/clew/serve"
)

// secretTags are attributes with secrets in them, each of which has the word of its door,
// and what must not be found of them.
func secretTags(door string) (tags map[string]string, secrets []string) {
	word := strings.ReplaceAll(door, "-", "")
	secrets = []string{
		"hunter2" + word, "dXNlcjpodW50ZXIy" + word, "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"MIIEowIBAAKCAQEA" + word, "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "4111111111111111", "5555 5555 5555 4444", "bob." + word, "urlpass" + word, "tok3n" + word, "O'Neill" + word, "31415926" + fmt.Sprint(len(word)),
	}
	return map[string]string{
		"shop.door":                         "marker." + word, // which is no secret: it has to be found
		"user.password":                     secrets[0],
		"http.request.header.authorization": "Basic " + secrets[1],
		"log":                               "cloned with " + secrets[2] + " and " + secrets[3],
		"aws.note":                          secrets[3] + " " + secrets[4],
		"key.file":                          "-----BEGIN RSA PRIVATE KEY-----\n" + secrets[5] + "\n-----END RSA PRIVATE KEY-----",
		"session":                           "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + secrets[6] + ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
		"payment":                           "card " + secrets[7] + " or " + secrets[8],
		"customer":                          "mail <" + secrets[9] + "@example.com>",
		"url.full":                          "https://bob:" + secrets[10] + "@shop.example/cart?access_token=" + secrets[11] + "&page=2",
		"db.statement":                      "SELECT * FROM users WHERE name = '" + strings.ReplaceAll(secrets[12], "'", "''") + "' AND id = " + secrets[13],
		"body":                              `{"order":17,"login":{"password":"` + secrets[0] + `","mail":"` + secrets[9] + `\u0040example.com"}}`,
	}, secrets
}

// The trace that all spans are of.
const (
	secretTraceHex = "58406520a006649127e371903a2de979"
	secretTraceHi  = 0x58406520a0066491
	secretTraceLo  = 0x27e371903a2de979
)

// secretSender sends spans with secrets to doors, one each.
type secretSender struct {
	t       *testing.T
	p       *process
	doors   []string
	secrets []string
}

// tags begins a door.
func (s *secretSender) tags(door string) (id int64, tags map[string]string) {
	tags, secrets := secretTags(door)
	s.doors = append(s.doors, door)
	s.secrets = append(s.secrets, secrets...)
	return int64(len(s.doors)), tags
}

func (s *secretSender) post(url, contentType, encoding string, body []byte) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode/100 != 2 || bytes.Contains(text, []byte("Unprocessed\":[{")) {
		s.t.Fatalf("%s: %s: %s", url, res.Status, text)
	}
}

// request is a request of OTLP with secrets in all parts that it has: also in a span that
// is refused, and in a field that OTLP does not define.
func (s *secretSender) request(door string) *coltracepb.ExportTraceServiceRequest {
	id, tags := s.tags(door)
	var attrs []*commonpb.KeyValue
	for k, v := range tags {
		attrs = append(attrs, &commonpb.KeyValue{Key: k, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}})
	}
	slices.SortFunc(attrs, func(a, b *commonpb.KeyValue) int { return strings.Compare(a.Key, b.Key) })
	in := []*commonpb.KeyValue{
		{Key: "list", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: attrs}}}}}}}},
		{Key: tags["customer"], Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: []byte(tags["log"])}}},
		{Key: "n", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: 4111111111111111}}},
	}
	now := uint64(time.Now().UnixNano())
	binary, _ := hex.DecodeString(secretTraceHex)
	one := &tracepb.Span{TraceId: binary, SpanId: []byte{0, 0, 0, 0, 0, 0, 0, byte(id)}, Name: "mail " + tags["customer"], TraceState: "password=" + s.secrets[0], StartTimeUnixNano: now, EndTimeUnixNano: now + 5,
		Attributes: append(slices.Clone(attrs), in...), Status: &tracepb.Status{Message: tags["payment"], Code: 2},
		Events: []*tracepb.Span_Event{{TimeUnixNano: now, Name: tags["log"], Attributes: in}}, Links: []*tracepb.Span_Link{{TraceId: binary, SpanId: []byte{1, 2, 3, 4, 5, 6, 7, 8}, TraceState: tags["url.full"], Attributes: attrs}}}
	refused := &tracepb.Span{TraceId: []byte(tags["user.password"]), SpanId: []byte{9}, Name: tags["log"], Attributes: attrs}
	req := &coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{Resource: &resourcepb.Resource{Attributes: append(slices.Clone(in), &commonpb.KeyValue{Key: "service.name", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: door}}})}, SchemaUrl: tags["url.full"],
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: tags["log"], Version: tags["payment"], Attributes: in}, Spans: []*tracepb.Span{one}, SchemaUrl: tags["url.full"]}}}}}
	if door != "otlp-grpc" && door != "otlp-json" && door != "import" && door != "kafka" { // whose clients are told of what was refused, or write no such id
		req.ResourceSpans[0].ScopeSpans[0].Spans = append(req.ResourceSpans[0].ScopeSpans[0].Spans, refused)
	}
	return req
}

func (s *secretSender) otlp() {
	marshal := func(door string) []byte {
		body, err := proto.Marshal(s.request(door))
		if err != nil {
			s.t.Fatal(err)
		}
		return protowire.AppendString(protowire.AppendTag(body, 1000, protowire.BytesType), s.secrets[0])
	}
	at := s.p.url(serve.DoorOTLPHTTP) + "/v1/traces"
	s.post(at, "application/x-protobuf", "", marshal("otlp-http"))
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(marshal("otlp-gzip"))
	_ = w.Close()
	s.post(at, "application/x-protobuf", "gzip", packed.Bytes())
	text, err := protojson.Marshal(s.request("otlp-json"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.post(at, "application/json", "", otlpJSON(text))
	conn, err := grpc.NewClient(s.p.addresses[serve.DoorOTLPGRPC][0], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := coltracepb.NewTraceServiceClient(conn).Export(s.t.Context(), s.request("otlp-grpc")); err != nil {
		s.t.Fatal(err)
	}
	s.post(s.p.url(serve.DoorXRay)+"/v1/traces", "application/x-protobuf", "", marshal("xray-otlp"))
	text, err = protojson.Marshal(s.request("import"))
	if err != nil {
		s.t.Fatal(err)
	}
	dir := s.t.TempDir()
	file := filepath.Join(dir, "traces.json")
	if err := os.WriteFile(file, otlpJSON(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if _, _, err := cli([]string{"CLEW_SERVER=" + s.p.url(serve.DoorPage)}, "import", "--state", dir+"/state", file); err != nil {
		s.t.Fatal(err)
	}
}

// otlpJSON makes protobuf's JSON into OTLP's, whose ids are hexadecimal.
func otlpJSON(text []byte) []byte {
	var v any
	_ = json.Unmarshal(text, &v) // it was just written
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range []string{"traceId", "spanId"} {
				if id, ok := v[key].(string); ok {
					var raw []byte
					_ = json.Unmarshal([]byte(`"`+id+`"`), &raw)
					v[key] = fmt.Sprintf("%x", raw)
				}
			}
			for _, e := range v {
				walk(e)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(v)
	out, _ := json.Marshal(v)
	return out
}

func (s *secretSender) zipkin() {
	now := time.Now().UnixMicro()
	for _, base := range []string{s.p.url(serve.DoorZipkin), s.p.url(serve.DoorPage) + "/zipkin"} {
		id, tags := s.tags("zipkin-json" + fmt.Sprint(len(s.doors)))
		span, _ := json.Marshal([]any{map[string]any{"traceId": secretTraceHex, "id": fmt.Sprintf("%016x", id), "name": "get " + tags["customer"], "timestamp": now, "duration": 5,
			"localEndpoint": map[string]any{"serviceName": "zipkin"}, "tags": tags, "annotations": []any{map[string]any{"timestamp": now, "value": tags["log"]}}}})
		s.post(base+"/api/v2/spans", "application/json", "", span)
	}
	id, tags := s.tags("zipkin-v1")
	var binary []any
	for k, v := range tags {
		binary = append(binary, map[string]any{"key": k, "value": v, "endpoint": map[string]any{"serviceName": "zipkin"}})
	}
	span, _ := json.Marshal([]any{map[string]any{"traceId": secretTraceHex, "id": fmt.Sprintf("%016x", id), "name": "get", "timestamp": now, "duration": 5, "binaryAnnotations": binary}})
	s.post(s.p.url(serve.DoorZipkin)+"/api/v1/spans", "application/json", "", span)
	id, tags = s.tags("zipkin-proto")
	var m []byte
	traceID, _ := hex.DecodeString(secretTraceHex)
	m = protowire.AppendBytes(protowire.AppendTag(m, 1, protowire.BytesType), traceID)
	m = protowire.AppendBytes(protowire.AppendTag(m, 3, protowire.BytesType), []byte{0, 0, 0, 0, 0, 0, 0, byte(id)})
	m = protowire.AppendString(protowire.AppendTag(m, 5, protowire.BytesType), "get")
	m = protowire.AppendFixed64(protowire.AppendTag(m, 6, protowire.Fixed64Type), uint64(now))
	m = protowire.AppendVarint(protowire.AppendTag(m, 7, protowire.VarintType), 5)
	for k, v := range tags {
		kv := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), k)
		kv = protowire.AppendString(protowire.AppendTag(kv, 2, protowire.BytesType), v)
		m = protowire.AppendBytes(protowire.AppendTag(m, 11, protowire.BytesType), kv)
	}
	s.post(s.p.url(serve.DoorZipkin)+"/api/v2/spans", "application/x-protobuf", "", protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), m))
}

func (s *secretSender) xray() {
	document := func(door string) string {
		id, tags := s.tags(door)
		start := float64(time.Now().UnixMilli()) / 1000
		doc := map[string]any{"trace_id": "1-" + secretTraceHex[:8] + "-" + secretTraceHex[8:], "id": fmt.Sprintf("%016x", id), "name": "xray", "start_time": start, "end_time": start + 1,
			"annotations": map[string]any{"door": tags["shop.door"], "password": tags["user.password"], "text": tags["payment"]},
			"metadata":    map[string]any{"default": tags, "more": map[string]any{"deep": []any{tags, tags["body"]}, "password": []any{tags["user.password"]}}},
			"user":        tags["customer"], "http": map[string]any{"request": map[string]any{"url": tags["url.full"], "method": "GET", "user_agent": tags["log"]}},
			"sql":    map[string]any{"sanitized_query": tags["db.statement"], "url": "jdbc:" + tags["url.full"], "user": tags["customer"]},
			"cause":  map[string]any{"exceptions": []any{map[string]any{"id": fmt.Sprintf("%016x", id), "message": tags["log"], "type": "T"}}},
			"custom": tags}
		text, _ := json.Marshal(doc)
		return string(text)
	}
	for _, at := range []string{s.p.url(serve.DoorXRay), s.p.url(serve.DoorPage) + "/xray"} {
		body, _ := json.Marshal(map[string]any{"TraceSegmentDocuments": []string{document(fmt.Sprint("xray-http", len(s.doors)))}})
		s.post(at+"/TraceSegments", "application/json", "", body)
	}
	s.send(serve.DoorXRayUDP, []byte("{\"format\":\"json\",\"version\":1}\n"+document("xray-udp")))
}

func (s *secretSender) send(door string, datagram []byte) {
	s.t.Helper()
	to, err := net.Dial("udp", s.p.addresses[door][0])
	if err != nil {
		s.t.Fatal(err)
	}
	defer to.Close()
	if _, err := to.Write(datagram); err != nil {
		s.t.Fatal(err)
	}
}

func (s *secretSender) jaeger() {
	ctx := context.Background()
	id, tags := s.tags("jaeger-grpc")
	var list []model.KeyValue
	for k, v := range tags {
		list = append(list, model.String(k, v))
	}
	conn, err := grpc.NewClient(s.p.addresses[serve.DoorJaegerPost][0], grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(selfCodec{})))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	_, err = api_v2.NewCollectorServiceClient(conn).PostSpans(ctx, &api_v2.PostSpansRequest{Batch: model.Batch{Process: &model.Process{ServiceName: "jaeger", Tags: list},
		Spans: []*model.Span{{TraceID: model.NewTraceID(secretTraceHi, secretTraceLo), SpanID: model.SpanID(id), OperationName: tags["customer"], StartTime: time.Now(), Duration: 5000, Tags: list, Logs: []model.Log{{Timestamp: time.Now(), Fields: list}}}}}})
	if err != nil {
		s.t.Fatal(err)
	}
	batch := func(door string) *jaeger.Batch {
		id, tags := s.tags(door)
		var list []*jaeger.Tag
		for k, v := range tags {
			list = append(list, &jaeger.Tag{Key: k, VType: jaeger.TagType_STRING, VStr: &v})
		}
		return &jaeger.Batch{Process: &jaeger.Process{ServiceName: "jaeger", Tags: list}, Spans: []*jaeger.Span{
			{TraceIdHigh: secretTraceHi, TraceIdLow: secretTraceLo, SpanId: id, OperationName: tags["customer"], StartTime: time.Now().UnixMicro(), Duration: 5, Tags: list, Logs: []*jaeger.Log{{Timestamp: time.Now().UnixMicro(), Fields: list}}}}}
	}
	buf := thrift.NewTMemoryBuffer()
	if err := batch("jaeger-http").Write(ctx, thrift.NewTBinaryProtocolConf(buf, nil)); err != nil {
		s.t.Fatal(err)
	}
	s.post(s.p.url(serve.DoorJaegerThrift)+"/api/traces?format=jaeger.thrift", "application/vnd.apache.thrift.binary", "", buf.Bytes())
	for _, door := range []string{serve.DoorJaegerCompact, serve.DoorJaegerBinary} {
		datagram := thrift.NewTMemoryBuffer()
		protocol := thrift.TProtocol(thrift.NewTCompactProtocolConf(datagram, nil))
		if door == serve.DoorJaegerBinary {
			protocol = thrift.NewTBinaryProtocolConf(datagram, nil)
		}
		if err := agent.NewAgentClientProtocol(datagram, protocol, protocol).EmitBatch(ctx, batch(door)); err != nil {
			s.t.Fatal(err)
		}
		s.send(door, datagram.Bytes())
	}
}

func (s *secretSender) kafka(brokers []string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		s.t.Fatal(err)
	}
	defer client.Close()
	body, err := proto.Marshal(s.request("kafka"))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := client.ProduceSync(s.t.Context(), &kgo.Record{Topic: kafkaTopic, Value: body}).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
}

// zipkinThrift sends a list of spans of Zipkin's first version in Thrift's binary protocol.
func (s *secretSender) zipkinThrift() {
	id, tags := s.tags("zipkin-thrift")
	ctx := context.Background()
	buf := thrift.NewTMemoryBuffer()
	w := thrift.NewTBinaryProtocolConf(buf, nil)
	field := func(kind thrift.TType, id int16, write func() error) {
		if err := errors.Join(w.WriteFieldBegin(ctx, "", kind, id), write()); err != nil {
			s.t.Fatal(err)
		}
	}
	i64 := func(id int16, v int64) { field(thrift.I64, id, func() error { return w.WriteI64(ctx, v) }) }
	text := func(id int16, v string) { field(thrift.STRING, id, func() error { return w.WriteString(ctx, v) }) }
	_ = w.WriteListBegin(ctx, thrift.STRUCT, 1) // a buffer never fails
	i64(1, secretTraceLo)
	text(3, "get "+tags["customer"])
	i64(4, id)
	field(thrift.LIST, 8, func() error {
		_ = w.WriteListBegin(ctx, thrift.STRUCT, len(tags))
		for k, v := range tags {
			text(1, k)
			text(2, v)
			field(thrift.I32, 3, func() error { return w.WriteI32(ctx, 6) })
			field(thrift.STRUCT, 4, func() error { text(3, "zipkin"); return w.WriteFieldStop(ctx) })
			_ = w.WriteFieldStop(ctx)
		}
		return nil
	})
	i64(10, time.Now().UnixMicro())
	i64(11, 5)
	i64(12, secretTraceHi)
	_ = w.WriteFieldStop(ctx)
	s.post(s.p.url(serve.DoorZipkin)+"/api/v1/spans", "application/x-thrift", "", buf.Bytes())
}

// fill sends as many spans as make a segment of what is there when the server ends.
func (s *secretSender) fill() {
	now := uint64(time.Now().UnixNano())
	spans := make([]*tracepb.Span, 5000)
	for i := range spans {
		id := []byte{1, 0, 0, 0, 0, 0, byte(i >> 8), byte(i)}
		spans[i] = &tracepb.Span{TraceId: append(id, id...), SpanId: id, Name: "fill", StartTimeUnixNano: now, EndTimeUnixNano: now + 1}
	}
	body, err := proto.Marshal(&coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}}}}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.post(s.p.url(serve.DoorOTLPHTTP)+"/v1/traces", "application/x-protobuf", "", body)
}

// TestRedactionThroughEveryDoor sends secrets in spans of one trace through each door of the
// real program, and then looks for them as whoever gets hold of its folder would:
//
//   - in the bytes of all files while nothing is sealed, after kill -9. The log has bodies
//     as they were acknowledged, unpacked: that each door's marker is found in the same
//     bytes shows that a secret would be.
//   - in what the API tells of all spans, from the log and, after a good end, from segments.
//     These are packed in ways that a byte search cannot look through, and the API reads
//     all of what is in them; each door's marker is there.
//   - in the bytes of all files after that, and in what each zstd frame and gzip stream in them
//     unpacks to.
func TestRedactionThroughEveryDoor(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pipeline.yaml"), []byte("redact: {sets: all}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, kafkaTopic))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	p := startServer(t, dir, "--pipeline", "pipeline.yaml", "--data", "data", "--kafka-brokers", strings.Join(cluster.ListenAddrs(), ","), "--kafka-topics", kafkaTopic)
	s := &secretSender{t: t, p: p}
	s.kafka(cluster.ListenAddrs())
	s.otlp()
	s.zipkin()
	s.zipkinThrift()
	s.xray()
	s.jaeger()
	id, err := clew.ParseTraceID(secretTraceHex)
	if err != nil {
		t.Fatal(err)
	}
	awaitTrace(t, p, id, len(s.doors)) // datagrams, too
	s.fill()
	metrics, err := http.Get(p.url(serve.DoorPage) + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(metrics.Body)
	_ = metrics.Body.Close()
	for _, set := range []string{"credentials", "cards", "email", "urls", "sql"} {
		if !strings.Contains(string(text), `clew_redacted_values_total{set="`+set+`"} `) || strings.Contains(string(text), `clew_redacted_values_total{set="`+set+`"} 0`) {
			t.Errorf("no value of %s is counted", set)
		}
	}
	p.kill()
	s.search("the log", folderBytes(t, filepath.Join(dir, "data")), true)
	p = startServer(t, dir, "--pipeline", "pipeline.yaml", "--data", "data")
	s.search("answers from the log", answers(t, p), true)
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	s.search("the segments", folderBytes(t, filepath.Join(dir, "data")), false)
	p = startServer(t, dir, "--data", "data") // nothing is taken out of answers
	health, err := http.Get(p.url(serve.DoorPage) + "/api/v1/health")
	if err != nil {
		t.Fatal(err)
	}
	text, _ = io.ReadAll(health.Body)
	_ = health.Body.Close()
	if !bytes.Contains(text, []byte(`"headRows":0,`)) || bytes.Contains(text, []byte(`"segments":0,`)) {
		t.Errorf("the spans are not in segments: %s", text)
	}
	s.search("answers from segments", answers(t, p), true)
}

// TestSecretsAreFoundWithoutRedaction: the search of the test above finds what is there.
func TestSecretsAreFoundWithoutRedaction(t *testing.T) {
	dir := t.TempDir()
	p := startServer(t, dir, "--data", "data")
	s := &secretSender{t: t, p: p}
	s.otlp()
	p.kill()
	log := folderBytes(t, filepath.Join(dir, "data"))
	for _, secret := range s.secrets {
		if !bytes.Contains(log, []byte(secret)) && !bytes.Contains(log, []byte(strings.ReplaceAll(secret, "'", "''"))) {
			t.Errorf("%q is not found", secret)
		}
	}
}

// search looks for secrets, and for the markers of doors where they have to be there.
func (s *secretSender) search(where string, in []byte, marked bool) {
	s.t.Helper()
	for _, secret := range s.secrets {
		for _, form := range []string{secret, strings.ReplaceAll(secret, "'", "''")} {
			if i := bytes.Index(in, []byte(form)); i >= 0 {
				s.t.Errorf("%s: %q is there: %q", where, form, in[max(0, i-80):min(len(in), i+80)])
				break
			}
		}
	}
	for _, door := range s.doors {
		if marker := "marker." + strings.ReplaceAll(door, "-", ""); marked && !bytes.Contains(in, []byte(marker)) {
			s.t.Errorf("%s: %s is not there: what came through %s is not either, or cannot be looked through", where, marker, door)
		}
	}
}

// folderBytes returns the bytes of all files in a folder, and of the zstd frames and gzip
// streams in them.
func folderBytes(t *testing.T, dir string) (all []byte) {
	t.Helper()
	unpack, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer unpack.Close()
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all = append(all, data...)
		for i := range data {
			switch { // what follows an end is none
			case bytes.HasPrefix(data[i:], []byte{0x28, 0xb5, 0x2f, 0xfd}):
				plain, _ := unpack.DecodeAll(data[i:], nil)
				all = append(all, plain...)
			case bytes.HasPrefix(data[i:], []byte{0x1f, 0x8b, 8}):
				if r, err := gzip.NewReader(bytes.NewReader(data[i:])); err == nil {
					plain, _ := io.ReadAll(r)
					all = append(all, plain...)
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// answers returns what the API tells of the trace, and of all attributes and services.
func answers(t *testing.T, p *process) (all []byte) {
	t.Helper()
	for _, path := range []string{"/api/v1/traces/" + secretTraceHex, "/api/v1/services", "/jaeger/api/traces/" + secretTraceHex, "/zipkin/api/v2/trace/" + secretTraceHex, "/tempo/api/traces/" + secretTraceHex} {
		res, err := http.Get(p.url(serve.DoorPage) + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", path, res.Status, err)
		}
		all = append(all, text...)
	}
	return all
}

// awaitTrace returns once the trace has as many spans.
func awaitTrace(t *testing.T, p *process, id clew.TraceID, n int) {
	t.Helper()
	cl, err := newClient(resolvedFor(t, p))
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	for end := time.Now().Add(time.Minute); time.Now().Before(end); runtime.Gosched() {
		spans, err := fetchTrace(t.Context(), cl, id)
		if err == nil {
			if got = len(spans); got >= n {
				return
			}
		}
	}
	t.Fatalf("the trace has %d spans, want %d", got, n)
}
