// Package sampling tells Jaeger's clients and OpenTelemetry's remote samplers by which
// strategy to sample, of the rules that there are.
//
//	GET /sampling?service=NAME       of Jaeger's agent, 5778
//	GET /api/sampling?service=NAME   of its collector, 14268
//	jaeger.api_v2.SamplingManager    over gRPC, of both: 5779 and 14250
//
// docs/reference/sampling.md says what a strategy is of a rule.
package sampling

import (
	"net/http"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	rules "github.com/clew-tracing/clew/sampling"
)

// maxServiceBytes bounds the name of a service: what rules can say is shorter.
const maxServiceBytes = 1024

// Paths are what a Handler answers.
var Paths = []string{"/sampling", "/api/sampling"}

// probabilistic and the other structs are Jaeger's sampling.proto as JSON.
type probabilistic struct {
	SamplingRate float64 `json:"samplingRate"`
}

type rateLimiting struct {
	MaxTracesPerSecond int `json:"maxTracesPerSecond"`
}

type operation struct {
	Operation             string        `json:"operation"`
	ProbabilisticSampling probabilistic `json:"probabilisticSampling"`
}

type operations struct {
	DefaultSamplingProbability       float64     `json:"defaultSamplingProbability"`
	DefaultLowerBoundTracesPerSecond float64     `json:"defaultLowerBoundTracesPerSecond"`
	PerOperationStrategies           []operation `json:"perOperationStrategies"`
}

// Strategy is what a client does.
type Strategy struct {
	StrategyType          string         `json:"strategyType"`
	ProbabilisticSampling *probabilistic `json:"probabilisticSampling,omitempty"`
	RateLimitingSampling  *rateLimiting  `json:"rateLimitingSampling,omitempty"`
	OperationSampling     *operations    `json:"operationSampling,omitempty"`
}

// strategyOf makes a strategy in Jaeger's form of what a service is told.
func strategyOf(in *rules.Strategy) Strategy {
	switch {
	case len(in.Named) == 0 && !in.Budget && in.PerSecond == 0:
		return Strategy{StrategyType: "PROBABILISTIC", ProbabilisticSampling: &probabilistic{in.Rate}}
	case len(in.Named) == 0 && !in.Budget && in.Rate == 0:
		return Strategy{StrategyType: "RATE_LIMITING", RateLimitingSampling: &rateLimiting{int(min(in.PerSecond, 1<<15-1))}}
	}
	named := make([]operation, 0, len(in.Named))
	for _, o := range in.Named {
		named = append(named, operation{o.Name, probabilistic{o.Rate}})
	}
	// Clients that know no operations take the first of these.
	return Strategy{StrategyType: "PROBABILISTIC", ProbabilisticSampling: &probabilistic{in.Rate},
		OperationSampling: &operations{in.Rate, in.PerSecond, named}}
}

// New returns a handler of the paths.
func New(cfg api.Config, book *rules.Book) http.Handler {
	return cfg.Handler(Fail, func(c *api.Call) error {
		if c.R.Method != http.MethodGet && c.R.Method != http.MethodHead {
			c.W.Header().Set("Allow", "GET, HEAD")
			Fail(c.W, http.StatusMethodNotAllowed, "strategies are asked for by GET "+Paths[0]+"?service=NAME")
			return nil
		}
		switch c.R.URL.Path {
		case Paths[0], Paths[1]:
		default:
			return clew.Errorf(clew.NotFound, "strategies are asked for by GET %s?service=NAME or %s?service=NAME", Paths[0], Paths[1])
		}
		s, err := ask(book, c.Tenant, c.R.URL.Query().Get("service"), "service")
		if err != nil {
			return err
		}
		api.WriteJSON(c.W, http.StatusOK, s)
		return nil
	})
}

// ask returns the strategy of a service, which a parameter names.
func ask(book *rules.Book, t clew.Tenant, service, parameter string) (s Strategy, err error) {
	if service == "" || len(service) > maxServiceBytes {
		return s, clew.Errorf(clew.Invalid, "%s: want the name of the service that asks, such as checkout", parameter)
	}
	told := book.Strategy(t, service, time.Now())
	return strategyOf(&told), nil
}

// Fail answers with an error as Jaeger does, in a line of text.
func Fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // a client that left gets no answer
}
