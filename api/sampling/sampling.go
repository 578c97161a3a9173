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
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	rules "github.com/clew-tracing/clew/sampling"
)

const (
	// maxServiceBytes bounds the name of a service: what rules can say is shorter.
	maxServiceBytes = 1024
	// maxOperations bounds a strategy: rules are fewer.
	maxOperations = 250
)

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

// StrategyOf makes a strategy of the rules that a service is of, which come in the order of
// matching. Jaeger's clients know the service and the names of spans alone: a rule that asks
// for a host, a type, an ARN or attributes is passed over; one that names a method and a path
// is about the spans METHOD PATH.
func StrategyOf(list []rules.Record, service string) Strategy {
	var named []operation
	seen := map[string]bool{}
	for i := range list {
		r := &list[i].Rule
		if !rules.Wild(r.ServiceName, service) || r.Host != "*" || r.ServiceType != "*" || r.ResourceARN != "*" || len(r.Attributes) > 0 {
			continue
		}
		if r.HTTPMethod == "*" && r.URLPath == "*" {
			return strategy(r, named)
		}
		name := r.HTTPMethod + " " + r.URLPath
		if !strings.ContainsAny(name, "*?") && !seen[name] && len(named) < maxOperations {
			seen[name] = true
			named = append(named, operation{name, probabilistic{r.FixedRate}})
		}
	}
	return strategy(&rules.Rule{}, named) // there is always Default
}

// strategy is that of the rule of everything that has no strategy of its own.
func strategy(r *rules.Rule, named []operation) Strategy {
	switch {
	case len(named) == 0 && r.ReservoirSize == 0:
		return Strategy{StrategyType: "PROBABILISTIC", ProbabilisticSampling: &probabilistic{r.FixedRate}}
	case len(named) == 0 && r.FixedRate == 0:
		return Strategy{StrategyType: "RATE_LIMITING", RateLimitingSampling: &rateLimiting{min(r.ReservoirSize, 1<<15-1)}}
	}
	if named == nil {
		named = []operation{}
	}
	// Clients that know no operations take the first of these.
	return Strategy{StrategyType: "PROBABILISTIC", ProbabilisticSampling: &probabilistic{r.FixedRate},
		OperationSampling: &operations{r.FixedRate, float64(r.ReservoirSize), named}}
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
	list, _ := book.Rules(t)
	return StrategyOf(list, service), nil
}

// Fail answers with an error as Jaeger does, in a line of text.
func Fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // a client that left gets no answer
}
