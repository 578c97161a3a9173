package propagation_test

import (
	"context"
	"net/http"
	"testing"

	otel "go.opentelemetry.io/otel/propagation"

	"github.com/clew-tracing/clew/propagation"
)

// BenchmarkExtract reads trace context and baggage of a request, by this package and by
// OpenTelemetry's, and by this package with all formats looked for.
func BenchmarkExtract(b *testing.B) {
	h := header("traceparent: 00-" + trace128 + "-" + span + "-01\ntracestate: a=1,b=2\nbaggage: user=1,tier=gold\nAccept: */*\nUser-Agent: x\nContent-Type: application/json\nX-Request-Id: 1")
	for name, reads := range map[string]propagation.Set{"w3c": propagation.TraceContext.And(propagation.Baggage), "all": propagation.All} {
		b.Run(name, func(b *testing.B) {
			p := propagation.New(reads, 0)
			b.ReportAllocs()
			for b.Loop() {
				if e := p.Extract(h); !e.Context.Valid() {
					b.Fatal(e)
				}
			}
		})
	}
	b.Run("opentelemetry", func(b *testing.B) {
		p := otel.NewCompositeTextMapPropagator(otel.TraceContext{}, otel.Baggage{})
		b.ReportAllocs()
		for b.Loop() {
			_ = p.Extract(context.Background(), otel.HeaderCarrier(h))
		}
	})
}

// BenchmarkInject writes trace context and baggage, by both.
func BenchmarkInject(b *testing.B) {
	h := header("traceparent: 00-" + trace128 + "-" + span + "-01\ntracestate: a=1,b=2\nbaggage: user=1,tier=gold")
	e := propagation.New(propagation.All, 0).Extract(h)
	for name, writes := range map[string]propagation.Set{"w3c": propagation.TraceContext.And(propagation.Baggage), "all": propagation.All} {
		b.Run(name, func(b *testing.B) {
			p := propagation.New(0, writes)
			out := http.Header{}
			b.ReportAllocs()
			for b.Loop() {
				p.Inject(&e.Context, out)
			}
		})
	}
	b.Run("opentelemetry", func(b *testing.B) {
		p := otel.NewCompositeTextMapPropagator(otel.TraceContext{}, otel.Baggage{})
		ctx := p.Extract(context.Background(), otel.HeaderCarrier(h))
		out := http.Header{}
		b.ReportAllocs()
		for b.Loop() {
			p.Inject(ctx, otel.HeaderCarrier(out))
		}
	})
}
