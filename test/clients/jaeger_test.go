package clients

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	translator "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/jaeger"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	otlog "github.com/opentracing/opentracing-go/log"
	client "github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/transport"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/jaeger"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/jaegerdoor"
	"github.com/clew-tracing/clew/span"
)

// TestJaeger sends what Jaeger's client for Go makes, in datagrams and over HTTP.
func TestJaeger(t *testing.T) {
	db := store(t)
	cfg := ingest.Config{Appender: db}
	udp := jaegerdoor.NewCompact(cfg)
	address := serve(t, udp)
	overHTTP := httptest.NewServer(jaegerdoor.NewHTTP(cfg))
	defer overHTTP.Close()

	datagrams, err := client.NewUDPTransport(address, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, sender := range map[string]client.Transport{"udp": datagrams, "http": transport.NewHTTPTransport(overHTTP.URL + "/api/traces")} {
		id := jaegerTrace(t, name, sender)
		rows := 0
		for rows < 3 {
			runtime.Gosched()
			if st := udp.Stats(); len(st.Errors) > 0 {
				t.Fatalf("%+v", st)
			}
			got, err := db.Trace(t.Context(), clew.DefaultTenant, id)
			if err != nil {
				continue // not there yet
			}
			if rows = got.Batch.Rows; rows == 3 {
				holdJaeger(t, name, span.NewRows(got.Batch))
			}
		}
	}
}

// jaegerTrace has the client make a trace of three spans.
func jaegerTrace(t *testing.T, service string, sender client.Transport) clew.TraceID {
	t.Helper()
	tracer, closer := client.NewTracer(service, client.NewConstSampler(true), client.NewRemoteReporter(sender), client.TracerOptions.Gen128Bit(true))
	root := tracer.StartSpan("GET /", ext.SpanKindRPCServer, opentracing.Tag{Key: "user", Value: "ann"})
	child := tracer.StartSpan("get", opentracing.ChildOf(root.Context()), ext.SpanKindRPCClient)
	ext.Error.Set(child, true)
	ext.HTTPStatusCode.Set(child, 503)
	child.LogFields(otlog.Event("retry"), otlog.Int("attempt", 2))
	child.Finish()
	after := tracer.StartSpan("after", opentracing.FollowsFrom(child.Context()))
	after.Finish()
	root.Finish()
	id, err := clew.ParseTraceID(root.Context().(client.SpanContext).TraceID().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	return id
}

func holdJaeger(t *testing.T, service string, rows *span.Rows) {
	t.Helper()
	names := map[clew.SpanID]string{}
	var spans []clew.Span
	for row := range rows.Batch().Rows {
		spans = append(spans, rows.Span(row))
		names[spans[row].SpanID] = spans[row].Name
	}
	var got []string
	for _, s := range spans {
		line := fmt.Sprint(s.Service(), " ", s.Name, " ", s.Kind, " of ", names[s.ParentID], " ", s.Status, " flags ", s.Flags, " links ", len(s.Links))
		for _, a := range s.Attrs {
			if a.Key == "user" || a.Key == "http.status_code" {
				line += fmt.Sprint(" ", a.Key, "=", a.Value.String())
			}
		}
		for _, e := range s.Events {
			line += fmt.Sprint(" event ", e.Name, " ", e.Attrs[0].Key, "=", e.Attrs[0].Value.String())
		}
		got = append(got, line)
	}
	slices.Sort(got)
	want := strings.ReplaceAll(`S GET / server of  unset flags 1 links 0 user=ann
S after unspecified of get unset flags 1 links 1
S get client of GET / error flags 1 links 0 http.status_code=503 event retry attempt=2`, "S ", service+" ")
	if strings.Join(got, "\n") != want {
		t.Errorf("%s: the trace is\n%s\nwant\n%s", service, strings.Join(got, "\n"), want)
	}
}

// TestJaegerAsCollector holds our translation to that of OpenTelemetry's collector, where that
// loses nothing: tags of different keys, with values that mean something, and no more flags
// than the first.
func TestJaegerAsCollector(t *testing.T) {
	for seed := range uint64(500) {
		b := collectorBatch(rand.New(rand.NewPCG(seed, 1)))
		body, err := (&api_v2.PostSpansRequest{Batch: *b}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		out, unknown, err := jaeger.AppendProto(nil, body)
		if err != nil || unknown != 0 {
			t.Fatal(unknown, err)
		}
		ours, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(out)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := translator.ProtoToTraces([]*model.Batch{b})
		if err != nil {
			t.Fatal(err)
		}
		if o, w := shown(ours), shown(theirs); o != w {
			t.Fatalf("batch %d is\n%s\nfor the collector\n%s", seed, o, w)
		}
	}
}

// collectorBatch makes a batch.
func collectorBatch(r *rand.Rand) *model.Batch {
	some := func(of ...model.KeyValue) (out []model.KeyValue) {
		seen := map[string]bool{}
		for range r.IntN(6) {
			if kv := of[r.IntN(len(of))]; !seen[kv.Key] {
				seen[kv.Key] = true
				out = append(out, kv)
			}
		}
		return out
	}
	text := model.String
	b := &model.Batch{Process: &model.Process{ServiceName: "cart", Tags: some(text("ip", "::1"), model.Int64("pid", 1), model.Bool("b", true))}}
	for id := range r.IntN(6) {
		s := &model.Span{
			TraceID: model.NewTraceID(r.Uint64(), r.Uint64()), SpanID: model.SpanID(id + 1), OperationName: "get", Flags: model.Flags(r.IntN(2)),
			StartTime: time.Unix(1_800_000_000, r.Int64N(1e9)).UTC(), Duration: time.Duration(r.Int64N(1e12)),
			Tags: some(text("span.kind", []string{"client", "server", "internal"}[r.IntN(3)]), model.Bool("error", r.IntN(2) == 0), text("otel.status_code", []string{"OK", "ERROR"}[r.IntN(2)]),
				text("otel.status_description", "why"), text("w3c.tracestate", "a=1"), text("otel.scope.name", "lib"), text("http.status_message", "Gone"),
				model.Int64("http.status_code", []int64{200, 302, 404, 503}[r.IntN(4)]), text("x", "y"), model.Binary("raw", []byte{0}), model.Float64("f", 0.5)),
		}
		for span := range r.IntN(4) {
			ref := model.SpanRef{TraceID: s.TraceID, SpanID: model.SpanID(100 + span), RefType: model.SpanRefType(r.IntN(2))}
			if r.IntN(3) == 0 {
				ref.TraceID.Low++
			}
			s.References = append(s.References, ref)
		}
		for range r.IntN(3) {
			s.Logs = append(s.Logs, model.Log{Timestamp: s.StartTime, Fields: some(text("event", "e"), text("k", "v"), model.Int64("n", 1))})
		}
		b.Spans = append(b.Spans, s)
	}
	return b
}

// shown are the spans, with what they have of their resource and scope, whatever the order.
func shown(t ptrace.Traces) string {
	attrs := func(m pcommon.Map) string {
		raw := m.AsRaw()
		delete(raw, "otel.status_code") // one that error contradicts: ours keeps it
		var out []string
		for _, key := range slices.Sorted(maps.Keys(raw)) {
			out = append(out, fmt.Sprintf("%s=%v", key, raw[key]))
		}
		return strings.Join(out, " ")
	}
	var out []string
	for _, rs := range t.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				line := fmt.Sprint(s.SpanID(), s.TraceID(), s.ParentSpanID(), s.Name(), s.Kind(), s.Flags(), s.StartTimestamp(), s.EndTimestamp(), s.TraceState().AsRaw(),
					s.Status().Code(), s.Status().Message(), "\n  ", attrs(rs.Resource().Attributes()), " ", ss.Scope().Name(), "\n  ", attrs(s.Attributes()))
				for _, e := range s.Events().All() {
					line += fmt.Sprint("\n  event ", e.Timestamp(), e.Name(), " ", attrs(e.Attributes()))
				}
				for _, l := range s.Links().All() {
					line += fmt.Sprint("\n  link ", l.TraceID(), l.SpanID(), " ", attrs(l.Attributes()))
				}
				out = append(out, line)
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}
