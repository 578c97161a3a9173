package clients

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	exportjaeger "go.opentelemetry.io/otel/exporters/jaeger"
	exportzipkin "go.opentelemetry.io/otel/exporters/zipkin"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/jaegerdoor"
	"github.com/clew-tracing/clew/ingest/zipkindoor"
)

// otelTrace has OpenTelemetry's SDK for Go send three spans, and returns the id of their trace.
func otelTrace(t *testing.T, exporter sdktrace.SpanExporter, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter), sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "front"))))
	tracer := provider.Tracer("shop", trace.WithInstrumentationVersion("1"))
	ctx, root := tracer.Start(context.Background(), "get /", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attribute.String("tier", "gold")))
	_, call := tracer.Start(ctx, "get", trace.WithSpanKind(trace.SpanKindClient))
	call.End()
	_, work := tracer.Start(ctx, "work")
	work.AddEvent("half")
	work.SetStatus(codes.Error, "no stock")
	work.End()
	root.End()
	if err := provider.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	return root.SpanContext().TraceID().String()
}

// otelLines is that trace: neither exporter says of a span that it is internal.
const otelLines = `front: get /, server tier=gold
front: get, client of get /
front: work, unspecified of get /, error event half`

// TestOTelJaeger sends what OpenTelemetry's last exporter for Jaeger makes, in datagrams and
// over HTTP.
func TestOTelJaeger(t *testing.T) {
	db := store(t)
	cfg := ingest.Config{Appender: db}
	host, port, _ := strings.Cut(serve(t, jaegerdoor.NewCompact(cfg)), ":")
	overHTTP := httptest.NewServer(jaegerdoor.NewHTTP(cfg))
	defer overHTTP.Close()
	for name, endpoint := range map[string]exportjaeger.EndpointOption{
		"udp":  exportjaeger.WithAgentEndpoint(exportjaeger.WithAgentHost(host), exportjaeger.WithAgentPort(port)),
		"http": exportjaeger.WithCollectorEndpoint(exportjaeger.WithEndpoint(overHTTP.URL + "/api/traces")),
	} {
		t.Run(name, func(t *testing.T) {
			exporter, err := exportjaeger.New(endpoint)
			hold(t, await(t, db, otelTrace(t, exporter, err), 3), otelLines, "tier")
		})
	}
}

// TestOTelZipkin sends what OpenTelemetry's exporter for Zipkin makes.
func TestOTelZipkin(t *testing.T) {
	db := store(t)
	door := httptest.NewServer(zipkindoor.New(ingest.Config{Appender: db}))
	defer door.Close()
	exporter, err := exportzipkin.New(door.URL + "/api/v2/spans")
	hold(t, await(t, db, otelTrace(t, exporter, err), 3), otelLines, "tier")
}

// TestJaegerGRPC posts spans by Jaeger's own client of the collector's gRPC.
func TestJaegerGRPC(t *testing.T) {
	db := store(t)
	door := httptest.NewUnstartedServer(jaegerdoor.NewGRPC(ingest.Config{Appender: db}))
	door.Config.Protocols = new(http.Protocols)
	door.Config.Protocols.SetUnencryptedHTTP2(true)
	door.Start()
	defer door.Close()
	conn, err := grpc.NewClient(strings.TrimPrefix(door.URL, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	id := model.NewTraceID(7, 8)
	_, err = api_v2.NewCollectorServiceClient(conn).PostSpans(t.Context(), &api_v2.PostSpansRequest{Batch: model.Batch{
		Process: model.NewProcess("front", nil),
		Spans: []*model.Span{
			{TraceID: id, SpanID: 1, OperationName: "get /", Tags: []model.KeyValue{model.String("span.kind", "server"), model.String("tier", "gold")}},
			{TraceID: id, SpanID: 2, OperationName: "get", References: []model.SpanRef{model.NewChildOfRef(id, 1)}, Tags: []model.KeyValue{model.String("span.kind", "client")}},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	hold(t, await(t, db, id.String(), 2), `front: get /, server tier=gold
front: get, client of get /`, "tier")
}

// TestOTelNode sends what OpenTelemetry's SDK for Node.js makes, over each of OTLP's
// transports and to Zipkin.
func TestOTelNode(t *testing.T) {
	s := serveProgram(t)
	for transport, endpoint := range map[string]string{
		"http": s.url("otlp-http") + "/v1/traces", "proto": s.url("otlp-http") + "/v1/traces",
		"grpc": s.url("otlp-grpc"), "zipkin": s.url("zipkin") + "/api/v2/spans",
	} {
		t.Run(transport, func(t *testing.T) {
			holdOTel(t, s, node(t, "otel.js", transport, endpoint))
		})
	}
}

// holdOTel reads the three spans of an SDK from a server.
func holdOTel(t *testing.T, s *program, id string) {
	t.Helper()
	text := exchange(t, "GET", s.url("page")+"/zipkin/api/v2/trace/"+id, "", "", "", "")
	for _, want := range []string{`"name":"get /"`, `"kind":"SERVER"`, `"name":"get"`, `"kind":"CLIENT"`, `"name":"work"`, `"error":"no stock"`, `"value":"half"`, `"tier":"gold"`, `"serviceName":"front"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}
