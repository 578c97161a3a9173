package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/encoding/gzip"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cmd/clew/serve"
)

// TestOpenTelemetrySDK sends a trace with the OpenTelemetry SDK for Go, over
// each door, packed and not, to the real program, and reads it back: what the
// SDK was told is what comes out.
func TestOpenTelemetrySDK(t *testing.T) {
	p := startServer(t, t.TempDir())
	ctx := context.Background()
	grpcDoor, httpDoor := p.addresses[serve.DoorOTLPGRPC][0], p.addresses[serve.DoorOTLPHTTP][0]
	for name, open := range map[string]func() (*otlptrace.Exporter, error){
		"grpc": func() (*otlptrace.Exporter, error) {
			return otlptracegrpc.New(ctx, otlptracegrpc.WithInsecure(), otlptracegrpc.WithEndpoint(grpcDoor))
		},
		"grpc-gzip": func() (*otlptrace.Exporter, error) {
			return otlptracegrpc.New(ctx, otlptracegrpc.WithInsecure(), otlptracegrpc.WithEndpoint(grpcDoor), otlptracegrpc.WithCompressor(gzip.Name))
		},
		"http": func() (*otlptrace.Exporter, error) {
			return otlptracehttp.New(ctx, otlptracehttp.WithInsecure(), otlptracehttp.WithEndpoint(httpDoor))
		},
		"http-gzip": func() (*otlptrace.Exporter, error) {
			return otlptracehttp.New(ctx, otlptracehttp.WithInsecure(), otlptracehttp.WithEndpoint(httpDoor), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
		},
	} {
		t.Run(name, func(t *testing.T) {
			exporter, err := open()
			if err != nil {
				t.Fatal(err)
			}
			id := shop(t, exporter, name)
			checkShop(t, p, id, name)
		})
	}
}

// shop makes one trace of two spans and returns its id once it is acknowledged.
func shop(t *testing.T, exporter *otlptrace.Exporter, service string) clew.TraceID {
	t.Helper()
	ctx := context.Background()
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", service))))
	tracer := provider.Tracer("shop", trace.WithInstrumentationVersion("1.2.3"))
	linked := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	ctx, root := tracer.Start(ctx, "POST /checkout", trace.WithSpanKind(trace.SpanKindServer), trace.WithLinks(trace.Link{SpanContext: linked}))
	_, child := tracer.Start(ctx, "charge", trace.WithAttributes(
		attribute.String("card", "visa"), attribute.Int64("cents", -1), attribute.Float64("rate", 0.5),
		attribute.Bool("retry", true), attribute.StringSlice("items", []string{"a", "b"})))
	child.RecordError(errors.New("declined"))
	child.SetStatus(codes.Error, "card declined")
	child.End()
	root.End()
	// ForceFlush returns when the export has been acknowledged, or with its error.
	if err := provider.ForceFlush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := provider.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	return clew.TraceID(root.SpanContext().TraceID())
}

func checkShop(t *testing.T, p *process, id clew.TraceID, service string) {
	t.Helper()
	cl, err := newClient(resolvedFor(t, p))
	if err != nil {
		t.Fatal(err)
	}
	spans, err := fetchTrace(context.Background(), cl, id)
	if err != nil {
		t.Fatal(err)
	}
	if len(spans) != 2 {
		t.Fatalf("%d spans, want 2", len(spans))
	}
	child, root := spans[0], spans[1]
	if child.ParentID == 0 {
		child, root = root, child
	}
	var got []string
	for _, a := range child.Attrs[:min(4, len(child.Attrs))] {
		got = append(got, a.Key+"="+a.Value.String())
	}
	facts := strings.Join([]string{
		root.Service(), root.Name, root.Kind.String(), fmt.Sprint(len(root.Links)), root.Scope.Name + " " + root.Scope.Version,
		child.Name, child.Status.String(), child.StatusMessage, strings.Join(got, " "), fmt.Sprint(len(child.Attrs)),
		fmt.Sprint(len(child.Events)), fmt.Sprint(child.ParentID == root.SpanID),
		fmt.Sprint(child.DurationNanos() >= 0 && child.DurationNanos() < int64(time.Minute)),
	}, "|")
	want := service + "|POST /checkout|server|1|shop 1.2.3|charge|error|card declined|card=visa cents=-1 rate=0.5 retry=true|5|1|true|true"
	if facts != want {
		t.Errorf("came back as\n%s\nwant\n%s", facts, want)
	}
	count := countSpans(t, p, `{ resource.service.name = "`+service+`" }`)
	if count != 2 {
		t.Errorf("a search counts %d spans, want 2", count)
	}
}
