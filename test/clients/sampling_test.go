package clients

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jaegerclient "github.com/uber/jaeger-client-go"
	sampler "go.opentelemetry.io/contrib/samplers/aws/xray"
	"go.opentelemetry.io/contrib/samplers/jaegerremote"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	strategies "github.com/clew-tracing/clew/api/sampling"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/account"
	"github.com/clew-tracing/clew/api/xray/rules"
	"github.com/clew-tracing/clew/sampling"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// asked counts which clients have reported.
type asked struct {
	http.Handler
	mu      sync.Mutex
	reports int
}

func (a *asked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.Handler.ServeHTTP(w, r)
	if r.URL.Path == "/SamplingTargets" {
		a.mu.Lock()
		a.reports++
		a.mu.Unlock()
	}
}

func (a *asked) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reports
}

// TestRemoteSamplers has 20 of OpenTelemetry's X-Ray samplers, as they are, sample by one
// rule: from their first reports on, after 10 seconds, its reservoir lets 10 per second
// through, all together, or as many within a fifth of its budget. A change of the rule reaches them.
func TestRemoteSamplers(t *testing.T) {
	rule := sampling.Rule{Name: "shop", ResourceARN: "*", Priority: 1, ServiceName: "shop", ServiceType: "*",
		Host: "*", HTTPMethod: "*", URLPath: "*", Version: 1}
	t.Run("reservoir", func(t *testing.T) {
		t.Parallel()
		r := rule
		r.ReservoirSize = 10
		sampleRemotely(t, r, 9, 11)
	})
	t.Run("reservoir and rate", func(t *testing.T) {
		t.Parallel()
		r := rule
		r.ReservoirSize, r.FixedRate = 10, 0.05
		sampleRemotely(t, r, 9, 11)
	})
	t.Run("budget", func(t *testing.T) {
		t.Parallel()
		r := rule
		r.Budget, r.FixedRate = 10, 0.01
		sampleRemotely(t, r, 8, 12)
	})
}

// sampleRemotely has 20 samplers let between least and most traces per second through by a
// rule, and by its fixed rate, where it has a reservoir, the rest within three standard
// deviations.
func sampleRemotely(t *testing.T, rule sampling.Rule, least, most float64) {
	const clients = 20
	book := sampling.NewBook(nil, nil)
	if _, err := book.Create(clew.DefaultTenant, rule, time.Now()); err != nil {
		t.Fatal(err)
	}
	h := &asked{Handler: xray.New(api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities())}, rules.Operations(book, account.NewBook(nil, nil).Tag)...)}
	server := httptest.NewServer(h)
	defer server.Close()
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var list []sdktrace.Sampler
	for range clients { // which take no interval below their own jitter, 5 s
		s, err := sampler.NewRemoteSampler(ctx, "shop", "ec2", sampler.WithEndpoint(*at), sampler.WithSamplingRulesPollingInterval(6*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}

	// Each has up to 50 requests a second: on a slow machine still as many as the reservoir.
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	round := func() (sampled int) {
		<-tick.C
		for _, s := range list {
			var id trace.TraceID
			binary.BigEndian.PutUint64(id[:], rand.Uint64())
			binary.BigEndian.PutUint64(id[8:], rand.Uint64())
			if s.ShouldSample(sdktrace.SamplingParameters{ParentContext: ctx, TraceID: id, Name: "GET /", Kind: trace.SpanKindServer}).Decision == sdktrace.RecordAndSample {
				sampled++
			}
		}
		return sampled
	}
	until := func(what string, patience time.Duration, f func() bool) {
		t.Helper()
		for end := time.Now().Add(patience); !f(); {
			if time.Now().After(end) {
				t.Fatalf("after %v: %s", patience, what)
			}
		}
	}
	until("not all have reported", 30*time.Second, func() bool { round(); return h.count() >= clients })
	for range 20 { // what was borrowed and saved up before is used
		round()
	}
	measured := func() error {
		began, sampled, requests := time.Now(), 0, 0
		for time.Since(began) < 5*time.Second {
			sampled += round()
			requests += clients
		}
		seconds := time.Since(began).Seconds()
		least, most := least*seconds, most*seconds
		if rate := rule.FixedRate; rule.ReservoirSize > 0 {
			beyond := float64(requests) - float64(rule.ReservoirSize)*seconds
			deviation := math.Sqrt(beyond * rate * (1 - rate))
			least, most = least+beyond*rate-3*deviation, most+beyond*rate+3*deviation
			t.Logf("%d of %d sampled in %.1f s, by the rate %.0f ± %.0f of these", sampled, requests, seconds, beyond*rate, 3*deviation)
		}
		if float64(sampled) < least || float64(sampled) > most {
			return fmt.Errorf("%d of %d were sampled in %.1f s by %v, want %.1f to %.1f", sampled, requests, seconds, &rule, least, most)
		}
		return nil
	}
	// One measurement in some hundreds is off by three deviations, and two in a row are by
	// some fault.
	if first := measured(); first != nil {
		t.Log(first)
		if err := measured(); err != nil {
			t.Error(err)
		}
	}

	if _, err := book.Update(clew.DefaultTenant, "shop", time.Now(), func(r *sampling.Rule) { r.FixedRate, r.Budget = 1, 0 }); err != nil {
		t.Fatal(err)
	}
	until("a changed rule has not reached all", 30*time.Second, func() bool { return round() == clients })
}

// TestJaegerSamplers has the remote samplers of Jaeger's client and of OpenTelemetry ask for
// the strategy of a service, which says how often its spans are sampled, and more of one
// operation. A change of the rules reaches them.
func TestJaegerSamplers(t *testing.T) {
	book := sampling.NewBook(nil, nil)
	create := func(name string, priority int, method, path string, rate float64) {
		t.Helper()
		rule := sampling.Rule{Name: name, ResourceARN: "*", Priority: priority, FixedRate: rate, ServiceName: "shop", ServiceType: "*", Host: "*", HTTPMethod: method, URLPath: path, Version: 1}
		if _, err := book.Create(clew.DefaultTenant, rule, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	create("pay", 1, "POST", "/pay", 1)
	create("rest", 2, "*", "*", 0)
	server := httptest.NewServer(strategies.New(api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities())}, book))
	defer server.Close()

	const every = 20 * time.Millisecond
	old := jaegerclient.NewRemotelyControlledSampler("shop", jaegerclient.SamplerOptions.SamplingServerURL(server.URL+"/sampling"),
		jaegerclient.SamplerOptions.SamplingRefreshInterval(every), jaegerclient.SamplerOptions.InitialSampler(jaegerclient.NewConstSampler(false)))
	tracer, closer := jaegerclient.NewTracer("shop", old, jaegerclient.NewNullReporter()) // which closes the sampler
	defer func() { _ = closer.Close() }()
	remote := jaegerremote.New("shop", jaegerremote.WithSamplingServerURL(server.URL+"/sampling"), jaegerremote.WithSamplingRefreshInterval(every),
		jaegerremote.WithInitialSampler(sdktrace.NeverSample()))
	defer remote.Close()
	samples := map[string]func(operation string) bool{
		"Jaeger's client": func(operation string) bool {
			span := tracer.StartSpan(operation)
			defer span.Finish()
			return span.Context().(jaegerclient.SpanContext).IsSampled()
		},
		"OpenTelemetry": func(operation string) bool {
			var id trace.TraceID
			binary.BigEndian.PutUint64(id[8:], rand.Uint64())
			return remote.ShouldSample(sdktrace.SamplingParameters{ParentContext: t.Context(), TraceID: id, Name: operation}).Decision == sdktrace.RecordAndSample
		},
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	until := func(what string, f func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !f(); <-tick.C {
			if time.Now().After(end) {
				t.Fatal(what)
			}
		}
	}
	for name, sampled := range samples {
		until(name+" does not sample the operation of a rule", func() bool { return sampled("POST /pay") })
		n := 0
		for range 20 {
			if sampled("GET /items") {
				n++
			}
		}
		if n > 1 { // Jaeger's client takes the first of an operation, even at a lower bound of 0
			t.Errorf("%s samples %d of 20 spans of an operation that has no rule of its own", name, n)
		}
	}
	if _, err := book.Update(clew.DefaultTenant, "rest", time.Now(), func(r *sampling.Rule) { r.FixedRate = 1 }); err != nil {
		t.Fatal(err)
	}
	for name, sampled := range samples {
		until(name+" is not reached by a changed rule", func() bool {
			all := true
			for range 20 {
				all = sampled("GET /items") && all
			}
			return all
		})
	}
}

// TestJaegerBudget has the same clients sample two operations by a budget. What they keep is told in
// steps, as if each were of so many seconds; they ask after each. In the end it is the budget.
func TestJaegerBudget(t *testing.T) {
	t.Parallel()
	const perSecond, steps = 10, 40
	rule := sampling.Rule{Name: "all", ResourceARN: "*", Priority: 1, FixedRate: 0.5, Budget: perSecond, ServiceName: "*", ServiceType: "*", Host: "*", HTTPMethod: "*", URLPath: "*", Version: 1}
	book := sampling.NewBook(nil, nil)
	if _, err := book.Create(clew.DefaultTenant, rule, time.Now()); err != nil {
		t.Fatal(err)
	}
	h := strategies.New(api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities())}, book)
	questions := map[string]chan struct{}{"old": make(chan struct{}), "new": make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		select {
		case questions[r.URL.Query().Get("service")] <- struct{}{}:
		default:
		}
	}))
	defer server.Close()
	const every = 5 * time.Millisecond
	old := jaegerclient.NewRemotelyControlledSampler("old", jaegerclient.SamplerOptions.SamplingServerURL(server.URL+"/sampling"), jaegerclient.SamplerOptions.SamplingRefreshInterval(every))
	tracer, closer := jaegerclient.NewTracer("old", old, jaegerclient.NewNullReporter())
	defer func() { _ = closer.Close() }()
	remote := jaegerremote.New("new", jaegerremote.WithSamplingServerURL(server.URL+"/sampling"), jaegerremote.WithSamplingRefreshInterval(every))
	defer remote.Close()
	samples := map[string]func(operation string) bool{
		"old": func(operation string) bool {
			span := tracer.StartSpan(operation)
			defer span.Finish()
			return span.Context().(jaegerclient.SpanContext).IsSampled()
		},
		"new": func(operation string) bool {
			var id trace.TraceID
			binary.BigEndian.PutUint64(id[8:], rand.Uint64())
			return remote.ShouldSample(sdktrace.SamplingParameters{ParentContext: t.Context(), TraceID: id, Name: operation}).Decision == sdktrace.RecordAndSample
		},
	}
	asked := func() {
		for range 3 { // one that was under way, one with the new rates, and it is used when the next comes
			for name := range samples {
				select {
				case <-questions[name]:
				case <-time.After(patience):
					t.Fatalf("%s asks no more", name)
				}
			}
		}
	}
	asked()
	kept := map[sampling.Operation]int{}
	for step := range steps {
		began := map[sampling.Operation]int{}
		for service, sampled := range samples {
			for name, requests := range map[string]int{"often": 300, "seldom": 20} { // per second
				for range requests * int(sampling.Step/time.Second) {
					if sampled(name) {
						began[sampling.Operation{Service: service, Name: name}]++
					}
				}
			}
		}
		book.Count(clew.DefaultTenant, began, time.Now())
		asked()
		for o, n := range began {
			if step >= steps/2 {
				kept[o] += n
			}
		}
	}
	if len(kept) != 4 {
		t.Errorf("%v", kept)
	}
	for o, n := range kept {
		if rate := float64(n) / (steps / 2 * sampling.Step.Seconds()); rate < 0.8*perSecond || rate > 1.2*perSecond {
			t.Errorf("%v: %.1f per second are kept of a budget of %d", o, rate, perSecond)
		}
	}
}

// TestJaegerSamplersNode has Jaeger's client for Node.js and OpenTelemetry's sampler sample by the
// strategy of a service, with and without operations of their own.
func TestJaegerSamplersNode(t *testing.T) {
	// Jaeger's keeps to what it was told of an operation until that is named, or none has a rate
	// of its own.
	for program, reservoir := range map[string]int{"jaegersampling.js": 2, "jaegerclientsampling.js": 0} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			sampleByStrategies(t, program, reservoir)
		})
	}
}

// sampleByStrategies has a program sample by the rate of an operation, and then by that of all, with
// a reservoir or without.
func sampleByStrategies(t *testing.T, program string, reservoir int) {
	book := sampling.NewBook(nil, nil)
	rule := func(name string, priority, reservoir int, method, path string, rate float64) {
		t.Helper()
		r := sampling.Rule{Name: name, ResourceARN: "*", Priority: priority, FixedRate: rate, ReservoirSize: reservoir, ServiceName: "shop", ServiceType: "*", Host: "*", HTTPMethod: method, URLPath: path, Version: 1}
		if _, err := book.Create(clew.DefaultTenant, r, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	rule("pay", 1, 0, "POST", "/pay", 1)
	rule("rest", 2, 0, "*", "*", 0)
	var once sync.Once
	h := strategies.New(api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities())}, book)
	var questions atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		if questions.Add(1) < 40 { // it asks twenty times a second, one question after the other
			return
		}
		// Then there are no operations by name; with a reservoir it is a strategy by operations without any.
		once.Do(func() {
			if _, err := book.Delete(clew.DefaultTenant, "pay", time.Now()); err != nil {
				t.Error(err)
			}
			if _, err := book.Update(clew.DefaultTenant, "rest", time.Now(), func(r *sampling.Rule) { r.FixedRate, r.ReservoirSize = 1, reservoir }); err != nil {
				t.Error(err)
			}
		})
	}))
	defer server.Close()
	if out := node(t, program, server.URL); out != "sampled" {
		t.Error(out)
	}
}
