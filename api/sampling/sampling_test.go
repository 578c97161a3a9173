package sampling_test

import (
	"flag"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/apitest"
	"github.com/clew-tracing/clew/api/apitest/protoset"
	"github.com/clew-tracing/clew/api/sampling"
	rules "github.com/clew-tracing/clew/sampling"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// rule is one of a service, given as a text METHOD PATH, and what is changed of it.
func rule(name string, priority int, service, span string, reservoir int, rate float64, change ...func(*rules.Rule)) rules.Rule {
	method, path, _ := strings.Cut(span, " ")
	r := rules.Rule{Name: name, ResourceARN: "*", Priority: priority, FixedRate: rate, ReservoirSize: reservoir,
		ServiceName: service, ServiceType: "*", Host: "*", HTTPMethod: method, URLPath: path, Version: 1}
	for _, f := range change {
		f(&r)
	}
	return r
}

// TestStrategies asks for what services are told of some rules.
func TestStrategies(t *testing.T) {
	book := rules.NewBook(nil, nil)
	for _, r := range []rules.Rule{
		rule("host", 1, "cart", "* *", 9, 1, func(r *rules.Rule) { r.Host = "a" }),
		rule("gold", 2, "cart", "* *", 9, 1, func(r *rules.Rule) { r.Attributes = map[string]string{"tier": "gold"} }),
		rule("pay", 3, "cart", "POST /pay", 9, 0.75),
		rule("pay-again", 4, "cart", "POST /pay", 9, 0.25),
		rule("wild", 5, "cart", "GET /items/*", 9, 0.3),
		rule("cart", 6, "c*", "* *", 2, 0.1),
		rule("after", 7, "cart", "GET /late", 9, 1),
		rule("limited", 8, "bank", "* *", 5, 0),
		rule("plain", 9, "user", "* *", 0, 0.5),
		rule("none", 10, "quiet", "* *", 0, 0),
		rule("budget", 11, "shop", "* *", 0, 0.5, func(r *rules.Rule) { r.Budget = 0.6 }),
	} {
		if _, err := book.Create(clew.DefaultTenant, r, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	book.Strategy(clew.DefaultTenant, "shop", time.Now()) // it asks, and is counted
	book.Count(clew.DefaultTenant, map[rules.Operation]int{{Service: "shop", Name: "buy"}: 30}, time.Now())
	h := sampling.New(api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities())}, book)
	for path, want := range map[string]string{
		"/sampling?service=cart":     `{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.1},"operationSampling":{"defaultSamplingProbability":0.1,"defaultLowerBoundTracesPerSecond":2,"perOperationStrategies":[{"operation":"POST /pay","probabilisticSampling":{"samplingRate":0.75}}]}}`,
		"/api/sampling?service=chat": `{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.1},"operationSampling":{"defaultSamplingProbability":0.1,"defaultLowerBoundTracesPerSecond":2,"perOperationStrategies":[]}}`,
		"/sampling?service=bank":     `{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":5}}`,
		"/sampling?service=user":     `{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5}}`,
		"/sampling?service=quiet":    `{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0}}`,
		"/sampling?service=shop":     `{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5},"operationSampling":{"defaultSamplingProbability":0.5,"defaultLowerBoundTracesPerSecond":0.01,"perOperationStrategies":[{"operation":"buy","probabilisticSampling":{"samplingRate":0.15}}]}}`,
		"/sampling?service=unnamed":  `{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.05},"operationSampling":{"defaultSamplingProbability":0.05,"defaultLowerBoundTracesPerSecond":1,"perOperationStrategies":[]}}`,
	} {
		if w := apitest.Get(h, path); w.Code != 200 || strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("%s: %d %s\nwant %s", path, w.Code, w.Body, want)
		}
	}
	for path, want := range map[string]string{"/sampling": "400 service: want the name", "/other?service=a": "404 strategies are asked for by GET /sampling?service=NAME"} {
		w := apitest.Get(h, path)
		if code, text, _ := strings.Cut(want, " "); code != httptestCode(w) || !strings.HasPrefix(w.Body.String(), text) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/sampling?service=a", nil))
	if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}
}

var update = flag.Bool("update", false, "write the compiled protocol anew")

func protocolFiles(t *testing.T, update bool) *protoregistry.Files {
	return protoset.Hold(t, "sampling.protoset", update, "sampling.proto")
}

// TestProtocol holds the compiled protocol to its source.
func TestProtocol(t *testing.T) { protocolFiles(t, *update) }

func httptestCode(w *httptest.ResponseRecorder) string { return strings.Fields(w.Result().Status)[0] }
