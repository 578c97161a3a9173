// Command go sends traces to clew, or to any OTLP endpoint, with the
// OpenTelemetry SDK for Go, and says when the export call returned.
//
//	go run ./examples/go        one trace
//	go run ./examples/go 100    a hundred
//
// Where to and how, by the SDK's own variables:
//
//	OTEL_EXPORTER_OTLP_PROTOCOL     http/protobuf (default), http/json or grpc
//	OTEL_EXPORTER_OTLP_ENDPOINT     default http://localhost:4318, for grpc :4317
//	OTEL_EXPORTER_OTLP_HEADERS      for example X-Scope-OrgID=team-a
//	OTEL_EXPORTER_OTLP_COMPRESSION  none (default) or gzip
//
// Output, one key=value a line: trace_id for each trace (the first 10), then
// spans, export_returned_at (RFC 3339, UTC) and export_ms. The exit code is 1 if
// an export failed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	count := 1
	if len(args) > 0 {
		n, err := strconv.Atoi(args[0])
		if err != nil || n < 1 {
			return fmt.Errorf("%q: want the count of traces, 1 and more", args[0])
		}
		count = n
	}
	exporter, err := newExporter(ctx)
	if err != nil {
		return err
	}
	watched := &watchedExporter{SpanExporter: exporter}
	res, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithSchemaURL(semconv.SchemaURL),
		resource.WithAttributes(
			semconv.ServiceName(serviceName()),
			semconv.ServiceVersion("1.0.0"),
			semconv.DeploymentEnvironmentNameKey.String("example"),
		))
	if err != nil {
		return err
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithResource(res),
		// Blocking, so that nothing is dropped however many spans there are.
		sdktrace.WithSpanProcessor(sdktrace.NewBatchSpanProcessor(watched, sdktrace.WithBlocking())),
	)
	tracer := provider.Tracer("clew-example-go", trace.WithInstrumentationVersion("1.0.0"))
	for n := range count {
		id := showCart(ctx, tracer, n)
		if n < 10 {
			fmt.Printf("trace_id=%s\n", id)
		}
	}
	began := time.Now()
	err = provider.ForceFlush(ctx)
	returned := time.Now()
	err = errors.Join(err, provider.Shutdown(ctx), watched.failure)
	fmt.Printf("spans=%d\n", watched.spans)
	fmt.Printf("export_returned_at=%s\n", returned.UTC().Format("2006-01-02T15:04:05.000Z"))
	fmt.Printf("export_ms=%.1f\n", float64(returned.Sub(began).Microseconds())/1000)
	if err != nil {
		return fmt.Errorf("export failed: %w", err)
	}
	return nil
}

func serviceName() string {
	if name := os.Getenv("OTEL_SERVICE_NAME"); name != "" {
		return name
	}
	return "cart"
}

// newExporter makes the exporter that OTEL_EXPORTER_OTLP_PROTOCOL names; all else
// the exporters read from the environment themselves.
func newExporter(ctx context.Context) (*otlptrace.Exporter, error) {
	// The SDK's default is TLS; without an endpoint, this example means clew on
	// this machine.
	local := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == ""
	switch protocol := os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"); protocol {
	case "grpc":
		var opts []otlptracegrpc.Option
		if local {
			opts = append(opts, otlptracegrpc.WithInsecure())
		}
		return otlptracegrpc.New(ctx, opts...)
	case "", "http/protobuf", "http/json":
		var opts []otlptracehttp.Option
		if local {
			opts = append(opts, otlptracehttp.WithInsecure())
		}
		return otlptracehttp.New(ctx, opts...)
	default:
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL %q: want grpc, http/protobuf or http/json", protocol)
	}
}

// watchedExporter remembers how exports ended; the processor would only log it.
// The processor calls it from one goroutine at a time.
type watchedExporter struct {
	sdktrace.SpanExporter
	spans   int
	failure error
}

// ExportSpans exports and counts.
func (w *watchedExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := w.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		w.spans += len(spans)
	} else if w.failure == nil {
		w.failure = err
	}
	return err
}

// showCart is a request as a web framework would record it: 4 spans.
func showCart(ctx context.Context, tracer trace.Tracer, n int) trace.TraceID {
	user := fmt.Sprintf("u-%d", n)
	ctx, span := tracer.Start(ctx, "GET /cart/{user}", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		semconv.HTTPRequestMethodGet,
		semconv.HTTPRoute("/cart/{user}"),
		semconv.URLPath("/cart/"+user),
		semconv.HTTPResponseStatusCode(200),
		semconv.UserID(user),
	))
	defer span.End()

	_, query := tracer.Start(ctx, "SELECT carts", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		semconv.DBSystemNamePostgreSQL,
		semconv.DBOperationName("SELECT"),
		semconv.DBQueryText("SELECT product, quantity FROM carts WHERE user_id = $1"),
		semconv.ServerAddress("db.example"),
	))
	query.End()

	ctx, discounts := tracer.Start(ctx, "apply discounts", trace.WithAttributes(
		attribute.Int("cart.items", 3), attribute.StringSlice("cart.codes", []string{"WELCOME", "SPRING"})))
	defer discounts.End()
	discounts.AddEvent("code rejected", trace.WithAttributes(attribute.String("code", "SPRING")))

	_, check := tracer.Start(ctx, "check code")
	defer check.End()
	err := errors.New("code SPRING has expired")
	check.RecordError(err, trace.WithStackTrace(true))
	check.SetStatus(codes.Error, err.Error())
	return span.SpanContext().TraceID()
}
