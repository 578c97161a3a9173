package sampling

import (
	_ "embed"

	"github.com/clew-tracing/clew/api"
	rules "github.com/clew-tracing/clew/sampling"
)

//go:embed sampling.protoset
var protocol []byte

// MethodsPath begins the paths of the methods of gRPC.
const MethodsPath = "/jaeger.api_v2.SamplingManager/"

// NewGRPC returns what tells strategies over gRPC. notReady says why the server is not ready,
// "" if it is.
func NewGRPC(cfg api.Config, notReady func() string, book *rules.Book) *api.GRPC {
	return api.NewGRPC(cfg, notReady, api.MustProtocol(protocol), api.Service{Name: "jaeger.api_v2.SamplingManager",
		Methods: map[string]func(*api.RPC) error{"GetSamplingStrategy": func(c *api.RPC) error {
			s, err := ask(book, c.Tenant, c.Request.Text("serviceName"), "serviceName")
			if err != nil {
				return err
			}
			return c.Send(s.append(nil))
		}}})
}

// append appends the strategy as a SamplingStrategyResponse.
func (s *Strategy) append(dst []byte) []byte {
	if r := s.RateLimitingSampling; r != nil {
		dst = api.AppendNumber(dst, 1, rateLimitingType)
		dst = api.AppendMessage(dst, 3, api.AppendNumber(nil, 1, uint64(r.MaxTracesPerSecond)))
	}
	if p := s.ProbabilisticSampling; p != nil {
		dst = api.AppendMessage(dst, 2, api.AppendDouble(nil, 1, p.SamplingRate))
	}
	if o := s.OperationSampling; o != nil {
		body := api.AppendDouble(nil, 1, o.DefaultSamplingProbability)
		body = api.AppendDouble(body, 2, o.DefaultLowerBoundTracesPerSecond)
		for _, one := range o.PerOperationStrategies {
			rate := api.AppendDouble(nil, 1, one.ProbabilisticSampling.SamplingRate)
			body = api.AppendMessage(body, 3, api.AppendMessage(api.AppendText(nil, 1, one.Operation), 2, rate))
		}
		dst = api.AppendMessage(dst, 4, body)
	}
	return dst
}

// rateLimitingType is RATE_LIMITING of SamplingStrategyType.
const rateLimitingType = 1
