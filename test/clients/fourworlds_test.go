package clients

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/openzipkin/zipkin-go"
	middleware "github.com/openzipkin/zipkin-go/middleware/http"
	report "github.com/openzipkin/zipkin-go/reporter/http"
	jaegerclient "github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/transport"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	xraypropagator "go.opentelemetry.io/contrib/propagators/aws/xray"
	"go.opentelemetry.io/contrib/propagators/b3"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/clew-tracing/clew/propagation"
)

// TestFourWorlds has one request go through four services over HTTP, each traced by another
// world's client, which hands the trace on in its own headers and sends its spans to its own
// door of the real program. Whichever API reads the trace back, it is one tree.
func TestFourWorlds(t *testing.T) {
	clew := serveProgram(t)
	datagrams, err := jaegerclient.NewUDPTransport(clew.at("jaeger-agent-compact"), 0)
	if err != nil {
		t.Fatal(err)
	}
	overHTTP := transport.NewHTTPTransport("http://" + clew.at("jaeger-collector-http") + "/api/traces")
	for name, sender := range map[string]jaegerclient.Transport{"datagrams": datagrams, "http": overHTTP} {
		t.Run(name, func(t *testing.T) {
			c := chain{program: &program{t, clew.addresses}, t: t}
			store := c.jaegerService(sender)
			back := c.zipkinService(store)
			middle := c.otelService(back)
			id := node(t, "front.js", clew.at("xray-udp"), middle)
			for _, flush := range c.flush {
				flush()
			}
			c.hold(id)
		})
	}
}

// chain is the services of one request.
type chain struct {
	*program
	t     *testing.T
	flush []func()
}

func (c *chain) ok(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *chain) listen(h http.Handler) (url string) {
	s := httptest.NewServer(h)
	c.t.Cleanup(s.Close)
	return s.URL
}

// pass answers a request once another service has answered one made by client.
func (c *chain) pass(client *http.Client, url string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out, err := http.NewRequestWithContext(r.Context(), http.MethodGet, url, nil)
		if err == nil {
			var res *http.Response
			if res, err = client.Do(out); err == nil {
				err = res.Body.Close()
			}
		}
		if err != nil {
			c.t.Error(err)
			w.WriteHeader(http.StatusBadGateway)
		}
	}
}

// otelService reads X-Amzn-Trace-Id and writes X-B3-….
func (c *chain) otelService(next string) string {
	exporter, err := otlptracehttp.New(c.t.Context(), otlptracehttp.WithEndpointURL("http://"+c.at("otlp-http")+"/v1/traces"))
	c.ok(err)
	tracers := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "middle"))))
	c.flush = append(c.flush, func() { c.ok(tracers.Shutdown(context.Background())) })
	client := &http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport, otelhttp.WithTracerProvider(tracers),
		otelhttp.WithPropagators(b3.New(b3.WithInjectEncoding(b3.B3MultipleHeader))))}
	return c.listen(otelhttp.NewHandler(c.pass(client, next), "middle", otelhttp.WithTracerProvider(tracers), otelhttp.WithPropagators(xraypropagator.Propagator{})))
}

// zipkinService reads X-B3-…, of which its client makes a shared span, and writes uber-trace-id.
func (c *chain) zipkinService(next string) string {
	sender := report.NewReporter("http://" + c.at("zipkin") + "/api/v2/spans")
	c.flush = append(c.flush, func() { c.ok(sender.Close()) })
	endpoint, err := zipkin.NewEndpoint("back", "127.0.0.1:80")
	c.ok(err)
	tracer, err := zipkin.NewTracer(sender, zipkin.WithLocalEndpoint(endpoint), zipkin.WithTraceID128Bit(true))
	c.ok(err)
	out, err := middleware.NewTransport(tracer, middleware.RoundTripper(uber{}))
	c.ok(err)
	return c.listen(middleware.NewServerMiddleware(tracer)(c.pass(&http.Client{Transport: out}, next)))
}

// uber turns the headers that Zipkin's client writes into Jaeger's.
type uber struct{}

func (uber) RoundTrip(r *http.Request) (*http.Response, error) {
	e := propagation.New(propagation.B3Multi.And(), 0).Extract(r.Header)
	r = r.Clone(r.Context())
	maps.DeleteFunc(r.Header, func(name string, _ []string) bool { return strings.HasPrefix(name, "X-B3-") })
	propagation.New(0, propagation.Jaeger.And()).Inject(&e.Context, r.Header)
	return http.DefaultTransport.RoundTrip(r)
}

// jaegerService reads uber-trace-id.
func (c *chain) jaegerService(sender jaegerclient.Transport) string {
	tracer, closer := jaegerclient.NewTracer("store", jaegerclient.NewConstSampler(true), jaegerclient.NewRemoteReporter(sender), jaegerclient.TracerOptions.Gen128Bit(true))
	c.flush = append(c.flush, func() { c.ok(closer.Close()) })
	return c.listen(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		from, err := tracer.Extract(opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier(r.Header))
		if err != nil {
			c.t.Error(err)
		}
		served := tracer.StartSpan("GET /stock", ext.RPCServerOption(from))
		tracer.StartSpan("query", opentracing.ChildOf(served.Context())).Finish()
		served.Finish()
	}))
}

// theTree is what every API tells of the request: service and kind of each span.
const theTree = `front server
  front client
    middle server
      middle client
        back server
          back client
            store server
              store internal
`

// hold reads the trace with X-Ray's id through all APIs.
func (c *chain) hold(xrayID string) {
	id := strings.ReplaceAll(strings.TrimPrefix(xrayID, "1-"), "-", "")
	c.awaitSpans(id, strings.Count(theTree, "\n"))
	for name, read := range map[string]func(id string) []point{"v1": c.readV1, "tempo": c.readTempo, "jaeger": c.readJaeger, "zipkin": c.readZipkin, "xray": c.readXRay} {
		points := read(map[bool]string{false: id, true: xrayID}[name == "xray"])
		if got := treeOf(c.t, name, points); got != theTree {
			c.t.Errorf("%s reads\n%s\nwant\n%s", name, got, theTree)
		}
		ids := map[string]int{}
		for _, p := range points {
			ids[p.id]++
		}
		// Of Zipkin's shared span both halves have one id, where the API knows of that.
		if shared := name == "v1" || name == "zipkin"; len(ids) != len(points) && !shared || len(ids) == len(points) && shared {
			c.t.Errorf("%s: %d spans have %d ids", name, len(points), len(ids))
		}
	}
	if edges := c.traceGraph(xrayID); edges != "back→store client→front front→middle middle→back" {
		c.t.Errorf("X-Ray's graph of the trace: %s", edges)
	}
	for _, edges := range []string{c.dependencies("http://" + c.at("jaeger") + "/api/dependencies?lookback=3600000&endTs="), c.dependencies("http://" + c.at("zipkin") + "/api/v2/dependencies?lookback=3600000&endTs=")} {
		if edges != "back→store front→middle middle→back" {
			c.t.Errorf("who asks whom: %s", edges)
		}
	}
	var clocks struct {
		Calls          int
		Contradictions []any
		Notes          []string
	}
	if !c.read(&clocks, "GET", "http://"+c.at("page")+"/api/v1/traces/"+id+"/clocks", "") || clocks.Calls == 0 || len(clocks.Contradictions) > 0 {
		c.t.Errorf("clocks of one machine: %+v", clocks)
	}
}

// dependencies are who asks whom, as Jaeger or Zipkin tell it.
func (c *chain) dependencies(url string) string {
	var answer any
	c.must(c.read(&answer, "GET", url+fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()), ""))
	if jaeger, ok := answer.(map[string]any); ok {
		answer = jaeger["data"]
	}
	var edges []string
	for _, x := range answer.([]any) {
		edge := x.(map[string]any)
		edges = append(edges, fmt.Sprint(edge["parent"], "→", edge["child"]))
	}
	slices.Sort(edges)
	return strings.Join(edges, " ")
}

// traceGraph is who asks whom in a trace, as X-Ray tells it.
func (c *chain) traceGraph(id string) string {
	var answer struct {
		Services []struct {
			ReferenceID int `json:"ReferenceId"`
			Name, Type  string
			Edges       []struct {
				ReferenceID int `json:"ReferenceId"`
			}
		}
	}
	c.must(c.read(&answer, "POST", "http://"+c.at("xray")+"/TraceGraph", `{"TraceIds":["`+id+`"]}`))
	names := map[int]string{}
	for _, s := range answer.Services {
		names[s.ReferenceID] = s.Name
		if s.Type == "client" {
			names[s.ReferenceID] = "client"
		}
	}
	var edges []string
	for _, s := range answer.Services {
		for _, e := range s.Edges {
			edges = append(edges, names[s.ReferenceID]+"→"+names[e.ReferenceID])
		}
	}
	slices.Sort(edges)
	return strings.Join(edges, " ")
}

func (c *chain) awaitSpans(id string, spans int) {
	c.t.Helper()
	got := 0
	for end := time.Now().Add(patience); time.Now().Before(end); runtime.Gosched() {
		var trace otlpTrace
		if c.read(&trace, "GET", "http://"+c.at("page")+"/api/v1/traces/"+id, "") {
			if got = len(trace.points(func(id string) string { return id })); got == spans {
				return
			}
		}
	}
	c.t.Fatalf("trace %s has %d spans, want %d", id, got, spans)
}

// point is a span as an API tells it.
type point struct{ id, parent, service, kind string }

// treeOf draws spans by their parents; there has to be one root, and no parent may be missing.
func treeOf(t *testing.T, name string, points []point) string {
	t.Helper()
	byID := map[string][]int{}
	for i, p := range points {
		byID[p.id] = append(byID[p.id], i)
	}
	children := map[int][]int{}
	for i, p := range points {
		up := -1
		halves := byID[p.parent]
		if len(byID[p.id]) == 2 && p.kind == "server" {
			halves = byID[p.id] // a shared span: below the client's half
		}
		for _, k := range halves {
			if k != i && (up < 0 || points[k].kind == "server") {
				up = k
			}
		}
		if up < 0 && p.parent != "" {
			t.Errorf("%s: the parent %s of a span of %s is not there", name, p.parent, p.service)
		}
		children[up] = append(children[up], i)
	}
	if len(children[-1]) != 1 {
		t.Errorf("%s: %d roots", name, len(children[-1]))
	}
	var b strings.Builder
	var draw func(at, depth int)
	draw = func(at, depth int) {
		below := children[at]
		slices.SortFunc(below, func(x, y int) int { return strings.Compare(points[x].service, points[y].service) })
		for _, i := range below {
			fmt.Fprintf(&b, "%s%s %s\n", strings.Repeat("  ", depth), points[i].service, points[i].kind)
			draw(i, depth+1)
		}
	}
	draw(-1, 0)
	return b.String()
}

// otlpTrace is OTLP in JSON.
type otlpTrace struct {
	ResourceSpans []struct {
		Resource struct {
			Attributes []struct {
				Key   string
				Value struct{ StringValue string }
			}
		}
		ScopeSpans []struct {
			Spans []struct {
				SpanID, ParentSpanID string
				Kind                 any
			}
		}
	}
}

// points are its spans; spelt turns ids into hex.
func (o *otlpTrace) points(spelt func(string) string) (out []point) {
	kinds := map[string]string{"1": "internal", "2": "server", "3": "client", "SPAN_KIND_INTERNAL": "internal", "SPAN_KIND_SERVER": "server", "SPAN_KIND_CLIENT": "client",
		"<nil>": "internal", "0": "internal", "SPAN_KIND_UNSPECIFIED": "internal"}
	for _, rs := range o.ResourceSpans {
		service := ""
		for _, a := range rs.Resource.Attributes {
			if a.Key == "service.name" {
				service = a.Value.StringValue
			}
		}
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				out = append(out, point{spelt(s.SpanID), spelt(s.ParentSpanID), service, kinds[fmt.Sprint(s.Kind)]})
			}
		}
	}
	return out
}

func (c *chain) readV1(id string) []point {
	var trace otlpTrace
	c.must(c.read(&trace, "GET", "http://"+c.at("page")+"/api/v1/traces/"+id, ""))
	return trace.points(func(id string) string { return id })
}

func (c *chain) readTempo(id string) []point {
	var answer struct{ Trace otlpTrace }
	c.must(c.read(&answer, "GET", "http://"+c.at("tempo")+"/api/v2/traces/"+id, ""))
	return answer.Trace.points(func(id string) string {
		raw, err := base64.StdEncoding.DecodeString(id)
		c.ok(err)
		return hex.EncodeToString(raw)
	})
}

func (c *chain) must(found bool) {
	c.t.Helper()
	if !found {
		c.t.Fatal("there is no such trace")
	}
}

func (c *chain) readJaeger(id string) (out []point) {
	var answer struct {
		Data []struct {
			Spans []struct {
				SpanID, ProcessID string
				References        []struct{ RefType, SpanID string }
				Tags              []struct {
					Key   string
					Value any
				}
			}
			Processes map[string]struct{ ServiceName string }
		}
	}
	c.must(c.read(&answer, "GET", "http://"+c.at("jaeger")+"/api/traces/"+id, ""))
	for _, s := range answer.Data[0].Spans {
		p := point{id: s.SpanID, service: answer.Data[0].Processes[s.ProcessID].ServiceName, kind: "internal"}
		for _, ref := range s.References {
			if ref.RefType == "CHILD_OF" {
				p.parent = ref.SpanID
			}
		}
		for _, tag := range s.Tags {
			if tag.Key == "span.kind" {
				p.kind = fmt.Sprint(tag.Value)
			}
		}
		out = append(out, p)
	}
	return out
}

func (c *chain) readZipkin(id string) (out []point) {
	var spans []struct {
		ID, ParentID, Kind string
		LocalEndpoint      struct{ ServiceName string }
	}
	c.must(c.read(&spans, "GET", "http://"+c.at("zipkin")+"/api/v2/trace/"+id, ""))
	for _, s := range spans {
		kind := strings.ToLower(s.Kind)
		if kind == "" {
			kind = "internal"
		}
		out = append(out, point{s.ID, s.ParentID, s.LocalEndpoint.ServiceName, kind})
	}
	return out
}

// document is a segment or subsegment.
type document struct {
	ID, Name, Namespace string
	ParentID            string `json:"parent_id"`
	Type                string
	Subsegments         []document
}

func (c *chain) readXRay(id string) (out []point) {
	var answer struct {
		Traces []struct{ Segments []struct{ Document string } }
	}
	c.must(c.read(&answer, "POST", "http://"+c.at("xray")+"/Traces", `{"TraceIds":["`+id+`"]}`))
	var walk func(d *document, parent, service string, sub bool)
	walk = func(d *document, parent, service string, sub bool) {
		kind := "server"
		if sub {
			kind = "internal"
		}
		if d.Namespace == "remote" {
			kind = "client"
		}
		out = append(out, point{d.ID, parent, service, kind})
		for i := range d.Subsegments {
			walk(&d.Subsegments[i], d.ID, service, true)
		}
	}
	for _, s := range answer.Traces[0].Segments {
		var d document
		c.ok(json.Unmarshal([]byte(s.Document), &d))
		walk(&d, d.ParentID, d.Name, d.Type == "subsegment")
	}
	return out
}
