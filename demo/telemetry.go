package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// scopeName is the instrumentation scope of the shop's own spans; those of
// libraries have the library's.
const scopeName = "github.com/clew-tracing/clew/demo"

// instance is one process of one service, as its telemetry sees it.
type instance struct {
	service string
	version string
	id      string // pod name
	tracer  trace.Tracer
	tracers *sdktrace.TracerProvider
}

// process says what to start: one instance of a service.
type process struct {
	service, version string
	ordinal          int // 0-based among the service's instances
}

// newInstance gives p its resource, tracer provider and exporter.
func newInstance(patience context.Context, c Config, l *ledger, p process) (*instance, error) {
	a := l.account(p.service)
	exporter, err := newExporter(patience, c, l, a)
	if err != nil {
		return nil, err
	}
	res, err := newResource(p)
	if err != nil {
		return nil, err
	}
	tracers := sdktrace.NewTracerProvider(
		sdktrace.WithResource(res),
		// Said here, because environment variables could say otherwise.
		sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithSpanProcessor(opening{ledger: l, account: a}),
		sdktrace.WithSpanProcessor(sdktrace.NewBatchSpanProcessor(exporter,
			sdktrace.WithBlocking(), // a full queue waits; nothing is dropped
			sdktrace.WithMaxQueueSize(c.queueSpans()),
			sdktrace.WithMaxExportBatchSize(min(batchSpans, c.queueSpans())),
			sdktrace.WithBatchTimeout(batchDelay),
			sdktrace.WithExportTimeout(retryFor+2*attemptTimeout),
		)),
	)
	return &instance{
		service: p.service,
		version: p.version,
		id:      p.podName(),
		tracers: tracers,
		tracer:  tracers.Tracer(scopeName, trace.WithInstrumentationVersion(p.version)),
	}, nil
}

// podName has the shape Kubernetes gives: service, replica set (it changes with
// the version), pod.
func (p process) podName() string {
	return fmt.Sprintf("%s-%s-%s", p.service, shortHash(p.service+p.version, 9),
		shortHash(fmt.Sprint(p.service, p.version, p.ordinal), 5))
}

func newResource(p process) (*resource.Resource, error) {
	zone := fmt.Sprintf("eu-central-1%c", 'a'+rune(p.ordinal%3))
	node := fmt.Sprintf("ip-10-0-%d-%d", 16+p.ordinal%3*16, 10+len(p.service))
	return resource.New(context.Background(),
		resource.WithTelemetrySDK(),
		resource.WithSchemaURL(semconv.SchemaURL),
		resource.WithAttributes(
			attribute.Bool("demo", true),
			semconv.DeploymentEnvironmentNameKey.String("demo"),
			semconv.ServiceName(p.service),
			semconv.ServiceNamespace("shop"),
			semconv.ServiceVersion(p.version),
			semconv.ServiceInstanceID(p.podName()),
			semconv.HostName(node),
			semconv.HostArchKey.String(runtime.GOARCH),
			semconv.OSTypeKey.String(runtime.GOOS),
			semconv.ProcessPID(os.Getpid()),
			semconv.ProcessRuntimeName("go"),
			semconv.ProcessRuntimeVersion(runtime.Version()),
			semconv.CloudProviderAWS,
			semconv.CloudRegion("eu-central-1"),
			semconv.CloudAvailabilityZone(zone),
			semconv.K8SClusterName("demo"),
			semconv.K8SNamespaceName("shop"),
			semconv.K8SDeploymentName(p.service),
			semconv.K8SPodName(p.podName()),
			semconv.K8SNodeName(node),
			semconv.ContainerImageName("registry.shop.example/"+p.service),
			semconv.ContainerImageTags(p.version),
		))
}

// propagator carries W3C trace context and baggage between instances.
func propagator() propagation.TextMapPropagator {
	return propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
}

// start begins an internal span.
func (in *instance) start(ctx context.Context, name string, attrs ...attribute.KeyValue) (context.Context, trace.Span) {
	return in.tracer.Start(ctx, name, trace.WithAttributes(attrs...))
}

// fault is an error with a name of low cardinality for error.type.
type fault struct {
	name string
	text string
}

func (f *fault) Error() string { return f.text }

// failed records err on the span with the stack of whoever calls, and sets the
// span's status. It returns err.
func failed(span trace.Span, err error) error {
	span.RecordError(err, trace.WithStackTrace(true))
	span.SetStatus(codes.Error, err.Error())
	span.SetAttributes(semconv.ErrorTypeKey.String(errorType(err)))
	return err
}

// errorType is err's class in few words.
func errorType(err error) string {
	var f *fault
	switch {
	case errors.As(err, &f):
		return f.name
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return fmt.Sprintf("%T", err)
}
