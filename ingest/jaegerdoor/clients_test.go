package jaegerdoor_test

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jaegertracing/jaeger-idl/model/v1"

	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/jaegerdoor"
)

// program sends two spans with Jaeger's client for Node.js over HTTP, and two in datagrams,
// and prints the ids of the traces.
const program = `
const { initTracer, opentracing } = require('jaeger-client');
const [endpoint, host, port] = process.argv.slice(1);
function run(serviceName, reporter) {
  const tracer = initTracer({ serviceName, sampler: { type: 'const', param: 1 }, reporter, traceId128bit: true }, { tags: { version: '1.2' } });
  const root = tracer.startSpan('GET /', { tags: { 'span.kind': 'server', 'http.status_code': 200, ratio: 0.5, größe: '漢字' } });
  const child = tracer.startSpan('get', { childOf: root, tags: { 'span.kind': 'client', error: true } });
  child.log({ event: 'retry', attempt: 2 });
  child.finish();
  root.finish();
  console.log(serviceName, root.context().traceIdStr);
  return new Promise((resolve) => tracer.close(resolve));
}
(async () => {
  await run('http', { collectorEndpoint: endpoint });
  await run('udp', { agentHost: host, agentPort: Number(port) });
})();
`

// TestNode runs Jaeger's client for Node.js, where it is installed (npm install
// jaeger-client@3.19.0, and NODE_PATH says where).
func TestNode(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := exec.CommandContext(ctx, "node", "-e", "require('jaeger-client')").Run(); err != nil {
		if os.Getenv("CLEW_REQUIRE_ENGINES") == "1" {
			t.Fatalf("jaeger-client for Node.js is not here: %v", err)
		}
		t.Skipf("jaeger-client for Node.js is not here (%v): npm install it and set NODE_PATH, or set CLEW_REQUIRE_ENGINES=1 to make this a failure", err)
	}
	db := store(t)
	cfg := ingest.Config{Appender: db}
	posts := httptest.NewServer(jaegerdoor.NewHTTP(cfg))
	defer posts.Close()
	door := jaegerdoor.NewCompact(cfg)
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	serving, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- door.Serve(serving, conn) }()
	out, err := exec.CommandContext(ctx, "node", "-e", program, "--", posts.URL+"/api/traces", host, port).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for door.Stats().Accepted < 2 && ctx.Err() == nil {
		runtime.Gosched()
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(out))
	if len(lines) != 4 {
		t.Fatalf("the program says %s", out)
	}
	for i := 0; i < 4; i += 2 {
		id, err := model.TraceIDFromString(lines[i+1])
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range ask(t, db, id) {
			line := fmt.Sprint(s.Process.ServiceName, " ", s.OperationName, " references ", len(s.References), " logs ", len(s.Logs))
			for _, tag := range s.Tags {
				if slices.Contains([]string{"span.kind", "http.status_code", "ratio", "größe", "error"}, tag.Key) {
					line += " " + tag.Key + "=" + tag.AsString()
				}
			}
			got = append(got, line)
		}
		slices.Sort(got)
		want := strings.ReplaceAll("S GET / references 0 logs 0 http.status_code=200 ratio=0.5 größe=漢字 span.kind=server\nS get references 1 logs 1 span.kind=client error=true", "S ", lines[i]+" ")
		if strings.Join(got, "\n") != want {
			t.Errorf("%s: the spans are\n%s\nwant\n%s", lines[i], strings.Join(got, "\n"), want)
		}
	}
}
