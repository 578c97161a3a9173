package demo

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// never is a schedule without slow phases, always one without end.
func never() schedule  { return schedule{period: time.Hour, phase: 0} }
func always() schedule { return schedule{period: time.Hour, phase: time.Hour} }

// log is a logger whose text can be looked at.
type testLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *testLog) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// checkAccounts demands that the books balance and agree with the collector.
func checkAccounts(t *testing.T, s Stats, c *collector) {
	t.Helper()
	spans := c.all()
	if s.Started != s.Exported+s.Failed+s.Dropped {
		t.Errorf("started %d ≠ exported %d + failed %d + dropped %d", s.Started, s.Exported, s.Failed, s.Dropped)
	}
	if int64(len(spans)) != s.Exported {
		t.Errorf("collector has %d spans, Exported = %d", len(spans), s.Exported)
	}
	if s.Dropped != 0 {
		t.Errorf("Dropped = %d, want 0", s.Dropped)
	}
	byService := map[string]int64{}
	unique := map[string]bool{}
	for _, r := range spans {
		byService[r.service()]++
		unique[key(r.TraceId, r.SpanId)] = true
	}
	if len(unique) != len(spans) {
		t.Errorf("%d spans, but %d different ones", len(spans), len(unique))
	}
	for _, row := range s.ByService {
		if byService[row.Service] != row.Exported {
			t.Errorf("%s: collector has %d spans, Exported = %d", row.Service, byService[row.Service], row.Exported)
		}
	}
}

func TestEverySpanExportedArrives(t *testing.T) {
	for _, protocol := range []string{ProtocolGRPC, ProtocolHTTP} {
		t.Run(protocol, func(t *testing.T) {
			c := newCollector()
			d := openDoor(t, c, protocol, "127.0.0.1:0")
			var log testLog
			stats, err := run(t.Context(), Config{
				Endpoint: d.address, Protocol: protocol, Insecure: true, SpansPerSecond: 600,
				Duration: 3 * time.Second, Seed: seedWithDeclinedCard(), Tenant: "shop-1", Token: "s3cret", Logger: log.logger(),
			}, always())
			if err != nil {
				t.Fatal(err)
			}
			checkAccounts(t, stats, c)
			if stats.Failed != 0 {
				t.Errorf("Failed = %d, want 0", stats.Failed)
			}
			if stats.Requests == 0 || stats.Traces == 0 {
				t.Errorf("too little happened: %+v", stats)
			}
			if text := log.String(); strings.Contains(text, "ERROR") || strings.Contains(text, "WARN") {
				t.Errorf("the log has troubles:\n%s", text)
			}
			if len(c.callers) != 1 || c.callers["shop-1 Bearer s3cret"] == 0 {
				t.Errorf("tenant and token seen: %v, want only those configured", c.callers)
			}
			checkShape(t, c.all(), stats)
		})
	}
}

// seedWithDeclinedCard finds a seed by which one of the first visitors fails to
// pay, so that a short run is sure to have an error.
func seedWithDeclinedCard() int64 {
	for seed := int64(1); ; seed++ {
		l := &load{shop: &shop{config: Config{Seed: seed}}}
		for n := range uint64(10) {
			for _, s := range l.plan(n).steps {
				if place, ok := s.body.(placeRequest); ok && strings.HasSuffix(place.Card, declinedSuffix) {
					return seed
				}
			}
		}
	}
}

// checkShape demands what a viewer of the demo should find.
func checkShape(t *testing.T, spans []received, stats Stats) {
	t.Helper()
	if n := len(stats.ByService); n < 8 {
		t.Errorf("%d services, want 8 and more", n)
	}
	byID := map[string]received{}
	for _, r := range spans {
		byID[key(r.TraceId, r.SpanId)] = r
	}
	attributes := map[string]bool{}
	found := map[string]int{}
	versions, instances, roots := map[string]bool{}, map[string]bool{}, map[string]int{}
	for _, r := range spans {
		checkResource(t, r)
		for k := range attrMap(r.Attributes) {
			attributes[k] = true
		}
		for k := range r.resource {
			attributes["resource."+k] = true
		}
		versions[r.service()+" "+r.resource["service.version"].GetStringValue()] = true
		instances[r.resource["service.instance.id"].GetStringValue()] = true
		if len(r.ParentSpanId) == 0 {
			roots[string(r.TraceId)]++
			if r.Kind != tracepb.Span_SPAN_KIND_SERVER && len(r.Links) == 0 {
				t.Errorf("root %q of %s is no server span and has no link", r.Name, r.service())
			}
		} else if parent, ok := byID[key(r.TraceId, r.ParentSpanId)]; !ok {
			t.Errorf("%q of %s: parent is missing", r.Name, r.service())
		} else if r.StartTimeUnixNano < parent.StartTimeUnixNano {
			t.Errorf("%q starts before its parent %q", r.Name, parent.Name)
		}
		classify(t, r, byID, found)
	}
	for _, r := range spans {
		if roots[string(r.TraceId)] != 1 {
			t.Fatalf("trace %x has %d roots, want 1", r.TraceId, roots[string(r.TraceId)])
		}
	}
	if int64(len(roots)) != stats.Traces {
		t.Errorf("%d traces arrived, Traces = %d", len(roots), stats.Traces)
	}
	for _, what := range []string{"postgresql", "redis", "http server", "http client", "grpc server", "grpc client",
		"producer", "consumer", "link", "internal", "error", "stack"} {
		if found[what] == 0 {
			t.Errorf("no %s span among %d", what, len(spans))
		}
	}
	if len(attributes) < 40 || len(versions) <= len(stats.ByService) || len(instances) <= len(stats.ByService) {
		t.Errorf("%d attributes, %d versions, %d instances: too uniform", len(attributes), len(versions), len(instances))
	}
}

func checkResource(t *testing.T, r received) {
	t.Helper()
	if !r.resource["demo"].GetBoolValue() || r.resource["deployment.environment.name"].GetStringValue() != "demo" {
		t.Errorf("%q of %s is not labelled as demo data: %v", r.Name, r.service(), r.resource)
	}
}

// classify counts what kinds of thing a span shows, and checks each kind.
func classify(t *testing.T, r received, byID map[string]received, found map[string]int) {
	t.Helper()
	must := func(what string, keys ...string) {
		found[what]++
		for _, k := range keys {
			if r.attr(k) == nil {
				t.Errorf("%s span %q of %s has no %s", what, r.Name, r.service(), k)
			}
		}
	}
	http, rpc := r.attr("http.request.method") != nil, r.attr("rpc.method") != nil
	switch db := r.attr("db.system.name").GetStringValue(); {
	case db != "":
		must(db, "db.operation.name", "db.query.text", "db.namespace", "server.address", "server.port")
	case http && r.Kind == tracepb.Span_SPAN_KIND_SERVER:
		must("http server", "http.route", "url.path", "url.scheme", "http.response.status_code", "server.address")
	case http:
		must("http client", "url.full", "server.address", "server.port")
	case rpc && r.Kind == tracepb.Span_SPAN_KIND_SERVER:
		must("grpc server", "rpc.system.name", "rpc.response.status_code", "server.address")
	case rpc:
		must("grpc client", "rpc.system.name", "rpc.response.status_code", "server.address", "server.port")
	case r.Kind == tracepb.Span_SPAN_KIND_PRODUCER:
		must("producer", "messaging.system", "messaging.destination.name", "messaging.operation.type", "messaging.message.id")
	case r.Kind == tracepb.Span_SPAN_KIND_CONSUMER:
		must("consumer", "messaging.system", "messaging.consumer.group.name", "messaging.batch.message_count")
	default:
		must("internal")
	}
	for _, l := range r.Links {
		found["link"]++
		from, ok := byID[key(l.TraceId, l.SpanId)]
		if !ok || from.Kind != tracepb.Span_SPAN_KIND_PRODUCER || bytes.Equal(l.TraceId, r.TraceId) {
			t.Errorf("%q is linked to %v, want a producer in another trace", r.Name, from.Span)
		}
	}
	if r.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR {
		found["error"]++
	}
	for _, e := range r.Events {
		if e.Name == "exception" && strings.Contains(attrMap(e.Attributes)["exception.stacktrace"].GetStringValue(), ".go:") {
			found["stack"]++
		}
	}
}

func TestPartialSuccessIsCountedExactly(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{ProtocolGRPC, ProtocolHTTP} {
		t.Run(protocol, func(t *testing.T) {
			c := newCollector()
			c.refuse = func(int) (int, string, error) { return 1, "span 0: not to my taste", nil }
			d := openDoor(t, c, protocol, "127.0.0.1:0")
			var log testLog
			stats, err := run(t.Context(), Config{Endpoint: d.address, Protocol: protocol, Insecure: true,
				SpansPerSecond: 300, Duration: time.Second, Logger: log.logger()}, never())
			if err != nil {
				t.Fatal(err)
			}
			checkAccounts(t, stats, c)
			if stats.Failed != int64(c.refused) || c.refused == 0 {
				t.Errorf("Failed = %d, the collector refused %d", stats.Failed, c.refused)
			}
			if !strings.Contains(log.String(), "not to my taste") {
				t.Errorf("the log does not give the reason:\n%s", log.String())
			}
		})
	}
}

func TestWarningIsNoFailure(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{ProtocolGRPC, ProtocolHTTP} {
		c := newCollector()
		c.refuse = func(int) (int, string, error) { return 0, "all is well, but slow down", nil }
		d := openDoor(t, c, protocol, "127.0.0.1:0")
		stats, err := run(t.Context(), Config{Endpoint: d.address, Protocol: protocol, Insecure: true,
			SpansPerSecond: 300, Duration: time.Second}, never())
		if err != nil {
			t.Fatal(err)
		}
		checkAccounts(t, stats, c)
		if stats.Failed != 0 || stats.Exported == 0 {
			t.Errorf("%s: Exported = %d, Failed = %d", protocol, stats.Exported, stats.Failed)
		}
	}
}

func TestNothingAcceptedIsAnError(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{ProtocolGRPC, ProtocolHTTP} {
		c := newCollector()
		c.refuse = func(int) (int, string, error) { return 0, "", status.Error(codes.InvalidArgument, "no such world") }
		d := openDoor(t, c, protocol, "127.0.0.1:0")
		stats, err := run(t.Context(), Config{Endpoint: d.address, Protocol: protocol, Insecure: true,
			SpansPerSecond: 300, Duration: time.Second}, never())
		if err == nil || !strings.Contains(err.Error(), "no such world") {
			t.Errorf("%s: error %v, want the server's words", protocol, err)
		}
		checkAccounts(t, stats, c)
		if stats.Failed == 0 || stats.Failed != stats.Started {
			t.Errorf("%s: Failed = %d of %d", protocol, stats.Failed, stats.Started)
		}
	}
}

// steadyAddress is a free address that stays free while nobody listens there: its
// port is below those that systems give to whoever asks for any, so that none of
// the many connections of this process can take it.
func steadyAddress(t *testing.T) string {
	t.Helper()
	var err error
	for range 100 {
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(10_000))); err == nil {
			address := l.Addr().String()
			l.Close()
			return address
		}
	}
	t.Fatal("no free port: ", err)
	return ""
}

// TestRestart takes the collector away in the middle and brings it back.
func TestRestart(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{ProtocolGRPC, ProtocolHTTP} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			c := newCollector()
			d := openDoor(t, c, protocol, steadyAddress(t))
			var ticks int
			var log testLog
			stats, err := run(t.Context(), Config{
				Endpoint: d.address, Protocol: protocol, Insecure: true, SpansPerSecond: 200, Logger: log.logger(),
				// Ends by time and not by cancelling: what is open then has the long
				// grace, which a busy machine needs.
				Duration: 6 * time.Second,
				Progress: func(Stats) {
					switch ticks++; ticks {
					case 1:
						d.close()
					case 3:
						d = openDoor(t, c, protocol, d.address)
					}
				},
			}, never())
			if err != nil {
				t.Fatal(err)
			}
			checkAccounts(t, stats, c)
			if stats.Failed != 0 {
				t.Errorf("Failed = %d, want 0: retries should bridge two seconds", stats.Failed)
			}
			if !strings.Contains(log.String(), "trying again") {
				t.Errorf("the log does not mention the outage:\n%s", log.String())
			}
		})
	}
}

// TestBackPressure lets the collector stand still: the load must wait and
// nothing may be dropped, not even what is cut off when the run is cancelled.
func TestBackPressure(t *testing.T) {
	t.Parallel()
	const queue = 64 // soon full, on any machine
	// An answered request ended a span of a frontend's, which its two exporters
	// have room for only so long.
	const most = 2*(queue+queue) + maxInFlight
	c := newCollector()
	c.refuse = func(int) (int, string, error) { return 0, "", status.Error(codes.Unavailable, "closed for now") }
	d := openDoor(t, c, ProtocolGRPC, "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var answered []int64
	stats, err := run(ctx, Config{Endpoint: d.address, Insecure: true, SpansPerSecond: 3000, queue: queue,
		Progress: func(s Stats) {
			if ctx.Err() != nil {
				return
			}
			answered = append(answered, s.Requests)
			n := len(answered)
			// The frontends have begun more than can wait, and shoppers get no
			// answer any more.
			full := startedBy(s, "frontend") > 2*(queue+queue)
			if s.Requests > most || full && n > 3 && answered[n-1] == answered[n-4] {
				cancel()
			}
		}}, never())
	if err == nil {
		t.Error("no error although nothing was accepted")
	}
	checkAccounts(t, stats, c)
	if last := answered[len(answered)-1]; last > most {
		t.Errorf("the load never stood still: requests answered, second by second: %v; want at most %d", answered, most)
	}
}

// startedBy is how many spans a service began.
func startedBy(s Stats, service string) int64 {
	for _, row := range s.ByService {
		if row.Service == service {
			return row.Started
		}
	}
	return 0
}

// TestRateIsHeld checks that a run keeps to its rate at all; how well the pacer
// does is told by its own tests, which have no machine to be slow.
func TestRateIsHeld(t *testing.T) {
	const rate, length, tries = 200, 5 * time.Second, 3
	want := rate * length.Seconds()
	var got float64
	for range tries { // a machine that is busy elsewhere spoils a run, not all
		c := newCollector()
		d := openDoor(t, c, ProtocolGRPC, "127.0.0.1:0")
		stats, err := run(t.Context(), Config{Endpoint: d.address, Insecure: true, SpansPerSecond: rate, Duration: length, Seed: 3}, never())
		if err != nil {
			t.Fatal(err)
		}
		if got = float64(stats.Started); got >= want/2 && got <= 1.25*want {
			return
		}
	}
	t.Errorf("%v spans in %v, want about %v, in %d tries", got, length, want, tries)
}

// TestSlowPhaseShows compares fraud's calls to its partner in good and bad times,
// the quickest of each: a busy machine makes calls longer, never shorter.
func TestSlowPhaseShows(t *testing.T) {
	t.Parallel()
	quickest := func(sched schedule) time.Duration {
		c := newCollector()
		d := openDoor(t, c, ProtocolGRPC, "127.0.0.1:0")
		_, err := run(t.Context(), Config{Endpoint: d.address, Insecure: true, SpansPerSecond: 500, Duration: 2 * time.Second}, sched)
		if err != nil {
			t.Fatal(err)
		}
		var calls []uint64
		for _, r := range c.all() {
			if r.service() == "fraud" && r.Kind == tracepb.Span_SPAN_KIND_CLIENT {
				calls = append(calls, r.EndTimeUnixNano-r.StartTimeUnixNano)
			}
		}
		if len(calls) == 0 {
			t.Fatal("fraud made no call")
		}
		return time.Duration(slices.Min(calls))
	}
	if good := quickest(never()); good < riskFastLeast || good >= riskSlowLeast {
		t.Errorf("quickest call to the partner in good times: %v, want %v to %v", good, riskFastLeast, riskSlowLeast)
	}
	if bad := quickest(always()); bad < riskSlowLeast {
		t.Errorf("quickest call to the partner in bad times: %v, want at least %v", bad, riskSlowLeast)
	}
}

func TestRunLeavesNothingBehind(t *testing.T) {
	for _, protocol := range []string{ProtocolGRPC, ProtocolHTTP} {
		c := newCollector()
		d := openDoor(t, c, protocol, "127.0.0.1:0")
		before := stacks()
		if _, err := run(t.Context(), Config{Endpoint: d.address, Protocol: protocol, Insecure: true,
			SpansPerSecond: 500, Duration: time.Second}, always()); err != nil {
			t.Fatal(err)
		}
		d.close()
		// Goroutines that have nothing left to do may still be on their last
		// instruction.
		deadline := time.After(time.Minute)
		for len(leaked(before)) > 0 {
			select {
			case <-deadline:
				t.Fatalf("%s: goroutines left behind:\n%s", protocol, strings.Join(leaked(before), "\n\n"))
			default:
				runtime.Gosched()
			}
		}
	}
}

// stacks counts goroutines by where they were made.
func stacks() map[string]int {
	buf := make([]byte, 8<<20)
	count := map[string]int{}
	for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		count[birth(g)]++
	}
	return count
}

// birth is the line that says where a goroutine was made.
func birth(g string) string {
	i := strings.LastIndex(g, "created by ")
	if i < 0 {
		return "main"
	}
	line, _, _ := strings.Cut(g[i:], "\n")
	line, _, _ = strings.Cut(line, " in goroutine")
	return line
}

// leaked returns what there is more of than before, the collector's own aside.
func leaked(before map[string]int) []string {
	var more []string
	for where, n := range stacks() {
		if n > before[where] && where != "main" {
			more = append(more, where)
		}
	}
	return more
}

func TestRunEndsAtOnceWithItsContext(t *testing.T) {
	c := newCollector()
	d := openDoor(t, c, ProtocolGRPC, "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	stats, err := Run(ctx, Config{Endpoint: d.address, Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	checkAccounts(t, stats, c)
}
