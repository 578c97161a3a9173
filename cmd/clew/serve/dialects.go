package serve

import (
	"net/http"
	"slices"
	"strings"

	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/jaeger"
	"github.com/clew-tracing/clew/api/prom"
	"github.com/clew-tracing/clew/api/sampling"
	"github.com/clew-tracing/clew/api/tempo"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/account"
	"github.com/clew-tracing/clew/api/xray/graph"
	"github.com/clew-tracing/clew/api/xray/rules"
	"github.com/clew-tracing/clew/api/xray/traces"
	"github.com/clew-tracing/clew/api/zipkin"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/guard"
)

// dialect is a read API that others made: on the page's address under a prefix, and
// alone on a spare door, where its own clients look for it.
type dialect struct {
	door, prefix string
	handler      http.Handler // guarded; its paths have no prefix
	fault        func(http.ResponseWriter, *http.Request)
	// calls is what of it is gRPC, guarded, whose paths have no prefix anywhere; nil: nothing.
	calls *api.GuardedGRPC
}

// dialects are those that this server speaks.
func (s *server) dialects() []dialect {
	cfg := s.asked()
	return []dialect{
		s.tempo(),
		s.newDialect(DoorJaeger, "/jaeger", jaeger.Fail, jaeger.New(cfg)),
		s.jaegerGRPC(cfg),
		s.newDialect(DoorZipkin, "/zipkin", zipkin.Fail, zipkin.New(cfg)),
		s.prometheus(cfg),
		s.newDialect(DoorJaegerSampling, "", sampling.Fail, sampling.New(cfg, s.rules)),
		s.called(DoorJaegerSamplingGRPC, s.strategies),
	}
}

// asked is what every dialect needs.
func (s *server) asked() api.Config {
	return api.Config{Store: s.store, Turns: s.turns, Budget: s.budget(), Logger: s.log}
}

// tempo is the API of Grafana Tempo. Whether the server is ready can be asked without a
// token, as elsewhere.
func (s *server) tempo() dialect {
	answers := tempo.New(tempo.Config{Store: s.store, Budget: s.budget(), Turns: s.turns, NotReady: s.notReady, Program: s.version, Logger: s.log})
	d := s.newDialect(DoorTempo, "/tempo", writeText, answers).openTo(answers, "/ready")
	d.calls = s.callable(answers.Streaming())
	return d
}

// prometheus is the query API of Prometheus.
func (s *server) prometheus(cfg api.Config) dialect {
	answers := prom.New(prom.Config{Config: cfg, NotReady: s.notReady, Program: s.version})
	return s.newDialect(DoorProm, "/prometheus", prom.Fail, answers).openTo(answers, "/-/ready", "/-/healthy")
}

// xrayReads is X-Ray's API but for what takes spans. Some operations change what is kept;
// they need the right to write.
func (s *server) xrayReads() func(path string) http.Handler {
	answers := xray.New(s.asked(), slices.Concat(traces.Operations(s.accounts.Groups), graph.Operations(s.accounts.Groups, graph.NewRetrievals(nil)), rules.Operations(s.rules, s.accounts.Tag),
		account.Operations(s.accounts, rules.Known(s.rules)))...)
	deny := func(w http.ResponseWriter, _ *http.Request, no *guard.Denial) { xray.Fail(w, no.Status, no.Message) }
	ready := s.fromOrigins(s.whileReady(xray.Fail, answers))
	read, change := s.gate.Guard(config.Read, deny, ready), s.gate.Guard(config.Write, deny, ready)
	return func(path string) http.Handler {
		switch changes, ok := answers.Has(path); {
		case !ok:
			return nil
		case changes:
			return change
		}
		return read
	}
}

// jaegerStrategies is what of the collector's port is for reading: strategies of sampling.
func (s *server) jaegerStrategies() func(path string) http.Handler {
	d := s.newDialect(DoorJaegerThrift, "", sampling.Fail, sampling.New(s.asked(), s.rules))
	return func(path string) http.Handler {
		if slices.Contains(sampling.Paths, path) {
			return d.handler
		}
		return nil
	}
}

// strategiesCalled is what of the collector's port of gRPC is for reading: the same.
func (s *server) strategiesCalled(path string) http.Handler {
	if strings.HasPrefix(path, sampling.MethodsPath) {
		return s.strategies
	}
	return nil
}

// healthOf is what a door of spans over gRPC has for reading: how its services are, and what
// others say that is, if that is not nil.
func (s *server) healthOf(door *ingest.GRPC, others func(path string) http.Handler) func(path string) http.Handler {
	g := api.NewHealth(s.notReady, door.Services()...)
	s.healths = append(s.healths, g)
	return func(path string) http.Handler {
		switch {
		case strings.HasPrefix(path, api.HealthPath):
			return g
		case others != nil:
			return others(path)
		}
		return nil
	}
}

// openTo lets everybody ask for some paths, without a token.
func (d dialect) openTo(answers http.Handler, paths ...string) dialect {
	mux := http.NewServeMux()
	for _, p := range paths {
		mux.Handle(p, answers)
	}
	mux.Handle("/", d.handler)
	d.handler = mux
	return d
}

// jaegerGRPC is Jaeger's API over gRPC, which has a door of its own.
func (s *server) jaegerGRPC(cfg api.Config) dialect {
	return s.called(DoorJaegerGRPC, s.callable(jaeger.NewGRPC(cfg, s.notReady)))
}

// called is a dialect that is asked over gRPC alone, on a door of its own.
func (s *server) called(door string, calls *api.GuardedGRPC) dialect {
	fault := func(w http.ResponseWriter, _ *http.Request) {
		api.FailGRPC(w, http.StatusInternalServerError, faultText)
	}
	return dialect{door: door, handler: calls, calls: calls, fault: fault}
}

// callable guards what is asked over gRPC, as newDialect guards the rest, and notes it to be
// stopped.
func (s *server) callable(g *api.GRPC) *api.GuardedGRPC {
	s.rpcs = append(s.rpcs, g)
	deny := func(w http.ResponseWriter, _ *http.Request, no *guard.Denial) { api.FailGRPC(w, no.Status, no.Message) }
	return g.Behind(func(h http.Handler) http.Handler {
		return s.gate.Guard(config.Read, deny, s.whileReady(api.FailGRPC, h))
	})
}

// telling is what tells of all that can be called, where all of it can.
func (s *server) telling() *api.GuardedGRPC {
	return s.callable(api.NewTelling(s.notReady, s.rpcs...))
}

// onPage adds the dialect to what the page's address answers.
func (d *dialect) onPage(mux *http.ServeMux) {
	if d.prefix != "" {
		mux.Handle(d.prefix+"/", http.StripPrefix(d.prefix, d.handler))
	}
	d.calls.Mount(mux, false)
}

// newDialect guards a read API, all of which needs the right to read. fail answers in
// its form.
func (s *server) newDialect(door, prefix string, fail api.Fail, h http.Handler) dialect {
	deny := func(w http.ResponseWriter, _ *http.Request, no *guard.Denial) { fail(w, no.Status, no.Message) }
	return dialect{door: door, prefix: prefix, handler: s.gate.Guard(config.Read, deny, s.whileReady(fail, h)), fault: faultOf(fail)}
}

// faultOf tells of a fault of the server in the form of fail.
func faultOf(fail api.Fail) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusInternalServerError, faultText) }
}

// alone is the dialect on an address of its own: with its prefix, too, since who moves
// from one address to the other has it in the path.
func (s *server) alone(d *dialect) http.Handler {
	mux := http.NewServeMux()
	d.onPage(mux)
	mux.Handle("/", d.handler)
	d.calls.Mount(mux, true)
	// Another site's page must not act here through a visitor's browser.
	return s.takersAt(d, http.NewCrossOriginProtection().Handler(mux), "", d.prefix)
}

// budget is what one question may cost.
func (s *server) budget() exec.Budget {
	return exec.Budget{Time: s.settings.QueryMaxTime.D, Bytes: s.settings.QueryMaxBytes.Bytes, Memory: s.memory.Question()}
}
