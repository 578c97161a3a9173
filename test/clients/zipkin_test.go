package clients

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openzipkin/zipkin-go"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	"github.com/openzipkin/zipkin-go/reporter"
	report "github.com/openzipkin/zipkin-go/reporter/http"

	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/zipkindoor"
)

// TestZipkinGo sends what Zipkin's client for Go makes of two services that share a span,
// in both formats that it has.
func TestZipkinGo(t *testing.T) {
	for name, format := range map[string]reporter.SpanSerializer{"json": reporter.JSONSerializer{}, "protobuf": zipkin_proto3.SpanSerializer{}} {
		t.Run(name, func(t *testing.T) {
			db := store(t)
			door := httptest.NewServer(zipkindoor.New(ingest.Config{Appender: db}))
			defer door.Close()
			sender := report.NewReporter(door.URL+"/api/v2/spans", report.Serializer(format), report.BatchInterval(time.Millisecond))
			tracer := func(service, at string) *zipkin.Tracer {
				endpoint, err := zipkin.NewEndpoint(service, at)
				if err != nil {
					t.Fatal(err)
				}
				tracer, err := zipkin.NewTracer(sender, zipkin.WithLocalEndpoint(endpoint), zipkin.WithTraceID128Bit(true), zipkin.WithSharedSpans(true))
				if err != nil {
					t.Fatal(err)
				}
				return tracer
			}
			front, back := tracer("front", "127.0.0.1:80"), tracer("back", "[::1]:81")
			root := front.StartSpan("get /", zipkin.Kind(model.Server), zipkin.Tags(map[string]string{"http.status_code": "200"}))
			call := front.StartSpan("get", zipkin.Kind(model.Client), zipkin.Parent(root.Context()))
			served := back.StartSpan("get", zipkin.Kind(model.Server), zipkin.Parent(call.Context()))
			work := back.StartSpan("work", zipkin.Parent(served.Context()))
			work.Annotate(time.Now(), "half")
			zipkin.TagError.Set(work, "no stock")
			work.Finish()
			served.Finish()
			call.Finish()
			root.Finish()
			if err := sender.Close(); err != nil { // sends what it has
				t.Fatal(err)
			}
			hold(t, await(t, db, root.Context().TraceID.String(), 4), `back: get, server of get /
back: work, unspecified of get, error error=no stock event half
front: get /, server http.status_code=200
front: get, client of get /`, "http.status_code", "error")
		})
	}
}

// TestZipkinNode sends what Zipkin's client for Node.js makes.
func TestZipkinNode(t *testing.T) {
	db := store(t)
	door := httptest.NewServer(zipkindoor.New(ingest.Config{Appender: db}))
	defer door.Close()
	for _, version := range []string{"v1", "v2"} {
		id := node(t, "zipkin.js", door.URL+"/api/"+version+"/spans", version)
		hold(t, await(t, db, id, 3), strings.ReplaceAll(`VERSION: get /, server http.status_code=200
VERSION: get, client of get / peer.service=back
VERSION: work, unspecified of get /, error error=no stock`, "VERSION", version), "http.status_code", "error", "peer.service")
	}
}

// braveSpans is a list as brave writes it, for Java: the fields in this order, no spaces,
// addresses without a name, a server that joins its client's span, and one that goes on.
const braveSpans = `[{"traceId":"5a1f0c2d9b3e4f60718293a4b5c6d7e8","parentId":"718293a4b5c6d7e8","id":"0f1e2d3c4b5a6978","kind":"SERVER","name":"get /api/{item}","timestamp":1795397153564001,"duration":12345,` +
	`"localEndpoint":{"serviceName":"backend","ipv4":"192.168.99.1"},"remoteEndpoint":{"ipv4":"127.0.0.1","port":52731},` +
	`"tags":{"http.method":"GET","http.path":"/api/7","mvc.controller.class":"Backend","mvc.controller.method":"item"},"shared":true},` +
	`{"traceId":"5a1f0c2d9b3e4f60718293a4b5c6d7e8","parentId":"718293a4b5c6d7e8","id":"0f1e2d3c4b5a6978","kind":"CLIENT","name":"get","timestamp":1795397153563000,"duration":14000,` +
	`"localEndpoint":{"serviceName":"frontend","ipv4":"192.168.99.1"},"remoteEndpoint":{"serviceName":"backend","ipv4":"192.168.99.1","port":9000},"annotations":[{"timestamp":1795397153563100,"value":"ws"}],"tags":{"http.method":"GET"}},` +
	`{"traceId":"5a1f0c2d9b3e4f60718293a4b5c6d7e8","id":"718293a4b5c6d7e8","kind":"SERVER","name":"get /","timestamp":1795397153562000,"localEndpoint":{"serviceName":"frontend","ipv4":"192.168.99.1"},"tags":{"error":""}}]`

// TestBrave posts a list of brave's.
func TestBrave(t *testing.T) {
	db := store(t)
	door := httptest.NewServer(zipkindoor.New(ingest.Config{Appender: db}))
	defer door.Close()
	res, err := http.Post(door.URL+"/api/v2/spans", "application/json", strings.NewReader(braveSpans))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		t.Fatal(res.Status)
	}
	rows := await(t, db, "5a1f0c2d9b3e4f60718293a4b5c6d7e8", 3)
	hold(t, rows, `backend: get /api/{item}, server of get / network.peer.port=52731
frontend: get /, server, error error=
frontend: get, client of get / peer.service=backend network.peer.port=9000 event ws`, "peer.service", "network.peer.port", "error")
	unfinished := 0
	for row := range rows.Batch().Rows {
		if rows.Batch().Unfinished(row) {
			unfinished++
		}
	}
	if unfinished != 1 {
		t.Errorf("%d spans go on", unfinished)
	}
}
