package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cmd/clew/serve"
	"github.com/clew-tracing/clew/internal/proxycheck"
	"github.com/clew-tracing/clew/internal/usage"
	"github.com/clew-tracing/clew/propagation"
)

// hop is a service of the test: what it reads and writes, and whom it calls.
type hop struct {
	name          string
	reads, writes propagation.Set
	// passes are headers that it hands on as they are, as a proxy does.
	passes []string
	silent bool // it reports no spans
	short  bool // it knows trace ids of 64 bits only
}

// serveHops starts services that call each other in a row, with real spans sent to a server,
// and returns the address of the first.
func serveHops(t *testing.T, endpoint string, hops ...hop) string {
	t.Helper()
	next := ""
	for _, h := range slices.Backward(hops) {
		options := []otlptracehttp.Option{otlptracehttp.WithInsecure(), otlptracehttp.WithEndpoint(endpoint)}
		exporter, err := otlptracehttp.New(context.Background(), options...)
		if err != nil {
			t.Fatal(err)
		}
		provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter),
			sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", h.name))))
		t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
		server := httptest.NewServer(h.handler(t, provider.Tracer("test"), next))
		t.Cleanup(server.Close)
		next = server.URL
	}
	return next
}

func (h hop) handler(t *testing.T, tracer trace.Tracer, next string) http.Handler {
	p := propagation.New(h.reads, h.writes)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := p.Extract(r.Header)
		c := e.Context
		if h.short {
			c.TraceID = clew.MakeTraceID(0, c.TraceID.Low())
		}
		if !h.silent {
			ctx := r.Context()
			if c.Valid() {
				var parent [8]byte
				for i := range parent {
					parent[i] = byte(c.SpanID >> (56 - 8*i))
				}
				ctx = trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
					TraceID: trace.TraceID(c.TraceID), SpanID: parent, TraceFlags: trace.FlagsSampled, Remote: true}))
			}
			ctx, span := tracer.Start(ctx, "GET /", trace.WithSpanKind(trace.SpanKindServer))
			defer span.End()
			sc := span.SpanContext()
			c = propagation.Context{TraceID: clew.TraceID(sc.TraceID()), Sampling: propagation.Record}
			for _, b := range sc.SpanID() {
				c.SpanID = c.SpanID<<8 | clew.SpanID(b)
			}
			_ = ctx
		}
		if next == "" {
			return
		}
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, next, nil)
		if err != nil {
			t.Error(err)
			return
		}
		p.Inject(&c, req.Header)
		for _, name := range h.passes {
			if v := r.Header.Values(name); len(v) > 0 {
				req.Header[http.CanonicalHeaderKey(name)] = v
			}
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
	})
}

// TestProxyCheck asks services that keep some headers and lose others.
func TestProxyCheck(t *testing.T) {
	p := startServer(t, t.TempDir())
	endpoint := p.addresses[serve.DoorOTLPHTTP][0]
	w3c := propagation.TraceContext.And()
	const all = propagation.All
	check := func(args []string, hops ...hop) (*proxycheck.Report, error) {
		t.Helper()
		args = append([]string{"proxy-check", "--json", "--wait", "5s", "--settle", "300ms", serveHops(t, endpoint, hops...)}, args...)
		out, _, err := cli([]string{"CLEW_SERVER=" + p.url(serve.DoorPage)}, args...)
		var report proxycheck.Report
		if e := json.Unmarshal([]byte(out), &report); e != nil {
			t.Fatalf("%v: %q, %v", e, out, err)
		}
		return &report, err
	}
	of := func(r *proxycheck.Report, kind string) proxycheck.Result {
		for _, x := range r.Results {
			if x.Kind == kind {
				return x
			}
		}
		t.Fatalf("no %s in %+v", kind, r)
		return proxycheck.Result{}
	}
	want := func(name string, r *proxycheck.Report, verdicts string) {
		t.Helper()
		var got []string
		for _, x := range r.Results {
			got = append(got, x.Kind+" "+string(x.Verdict))
		}
		if s := strings.Join(got, ", "); s != verdicts {
			t.Errorf("%s: %s\nwant %s", name, s, verdicts)
		}
	}

	r, err := check(nil, hop{name: "front", reads: all, writes: all}, hop{name: "cart", reads: all, writes: all}, hop{name: "bank", reads: all})
	want("all", r, "tracecontext kept, b3 kept, b3multi kept, jaeger kept, datadog kept, xray kept")
	if err != nil || !slices.Equal(r.Services, []string{"front", "cart", "bank"}) || len(r.Believed) != 1 || r.Believed[0].Kind != "tracecontext" || len(r.Others) != 0 {
		t.Errorf("%+v, %v", r, err)
	}

	// The last hop knows none of what it gets, and begins traces of its own.
	r, _ = check(nil, hop{name: "front", reads: all, writes: w3c}, hop{name: "bank", reads: propagation.XRay.And()})
	want("deaf", r, "tracecontext kept, b3 kept, b3multi kept, jaeger kept, datadog kept, xray kept")
	if !slices.Equal(r.Services, []string{"front"}) || !slices.Equal(r.Others, []string{"bank"}) {
		t.Errorf("%+v", r)
	}

	// A proxy in the middle hands b3 on, and the service behind it reads nothing else.
	r, err = check([]string{"--want", "tracecontext,b3"}, hop{name: "front", reads: propagation.B3.And(propagation.TraceContext), writes: propagation.B3.And(propagation.TraceContext)},
		hop{name: "proxy", reads: w3c, writes: w3c, silent: true, passes: []string{"b3"}}, hop{name: "cart", reads: propagation.B3.And()})
	want("middle", r, "tracecontext kept, b3 kept, b3multi unseen, jaeger unseen, datadog unseen, xray unseen")
	if err != nil || !slices.Equal(r.Services, []string{"front", "cart"}) {
		t.Errorf("%+v, %v", r, err)
	}

	// Two doors into the same services: what the first does not know goes past it.
	r, err = check([]string{"--want", "tracecontext,b3"}, hop{name: "front", reads: w3c, writes: w3c, passes: []string{"b3"}},
		hop{name: "cart", reads: propagation.B3.And()})
	want("past", r, "tracecontext lost, b3 lost, b3multi unseen, jaeger unseen, datadog unseen, xray unseen")
	if got := of(r, "b3"); !slices.Equal(got.Services, []string{"cart"}) || !slices.Equal(got.Losses, []proxycheck.Loss{{Before: "front"}}) || got.Advice == "" {
		t.Errorf("%+v", got)
	}
	if !errors.Is(err, errPartly) || !strings.Contains(err.Error(), "not kept by every service: tracecontext, b3") || len(r.Believed) != 2 {
		t.Errorf("%v", err)
	}

	// A service that knows one spelling only, and cuts it.
	r, err = check(nil, hop{name: "old", reads: propagation.B3.And(), short: true})
	want("old", r, "tracecontext unseen, b3 kept, b3multi unseen, jaeger unseen, datadog unseen, xray unseen")
	if got := of(r, "b3"); err != nil || !got.Short || !strings.Contains(got.Advice, "128-bit") || len(r.Believed) != 1 || r.Believed[0].Kind != "b3" {
		t.Errorf("%+v, %+v, %v", got, r.Believed, err)
	}
}

// TestProxyCheckInWords reads what is printed.
func TestProxyCheckInWords(t *testing.T) {
	p := startServer(t, t.TempDir())
	endpoint := p.addresses[serve.DoorOTLPHTTP][0]
	environ := []string{"CLEW_SERVER=" + p.url(serve.DoorPage)}
	quick := []string{"--wait", "1s", "--settle", "200ms"}
	says := func(out string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%q is not in:\n%s", w, out)
			}
		}
	}
	w3c := propagation.TraceContext.And()
	at := serveHops(t, endpoint, hop{name: "front", reads: propagation.All, writes: propagation.All}, hop{name: "cart", reads: w3c})
	out, _, err := cli(environ, append([]string{"proxy-check", at}, quick...)...)
	says(out, "services seen: front, cart", "tracecontext  kept", "by all 2 services", "With all headers at once, tracecontext is believed")
	if err != nil {
		t.Error(err)
	}

	// It knows no header, and begins traces of its own.
	at = serveHops(t, endpoint, hop{name: "deaf"})
	out, _, err = cli(environ, append([]string{"proxy-check", at}, quick...)...)
	says(out, "unseen", "answered 200, and no span has the trace id", "No span of any of these requests came", "Other traces began meanwhile in: deaf")
	if !errors.Is(err, errPartly) {
		t.Error(err)
	}

	// It answers with a redirect, and with a trace of its own.
	var seen http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header
		w.Header().Set("X-Amzn-Trace-Id", "Root=1-67891233-abcdef012345678912345678")
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	defer server.Close()
	out, _, _ = cli(environ, append([]string{"proxy-check", server.URL, "-H", "x-key: 1"}, quick...)...)
	says(out, "it sends on to /elsewhere", "The answer to tracecontext names another trace, 67891233abcdef012345678912345678 (xray)")
	if seen.Get("X-Key") != "1" {
		t.Errorf("%v", seen)
	}

	server.Close()
	out, _, err = cli(environ, append([]string{"proxy-check", server.URL}, quick...)...)
	if err == nil || !strings.Contains(err.Error(), "did not answer") || strings.Contains(out, "No span of any") {
		t.Errorf("%v: %s", err, out)
	}
	for line, want := range map[string]string{
		"proxy-check localhost:80":                      "no address of a service",
		"proxy-check http://localhost -H x":             "want a name, a colon and a value",
		"proxy-check http://localhost -H Traceparent:x": "one of those that are tried (tracecontext)",
		"proxy-check http://localhost --wait soon":      `--wait "soon"`,
		"proxy-check http://localhost --want zipkin":    `no format "zipkin"`,
		"proxy-check": "needs URL",
	} {
		if _, _, err := cli(environ, strings.Fields(line)...); !errors.Is(err, usage.Err) || !strings.Contains(err.Error(), want) {
			t.Errorf("clew %s: %v, want one of usage with %q", line, err, want)
		}
	}
}
