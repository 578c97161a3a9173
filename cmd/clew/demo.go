package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clew-tracing/clew/cmd/clew/serve"
	"github.com/clew-tracing/clew/demo"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/usage"
)

// newDemo builds `clew demo`.
func newDemo(t *terminal) *cobra.Command {
	var duration, protocol string
	var seed int64
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a small shop that sends traces to a server",
		Long: `Run a small shop of eleven services, with a database, a cache and a queue, whose
traces go to a server through its OTLP door. It is real: real HTTP and gRPC
between the services, real wire protocols, the OpenTelemetry SDK. One dependency
is slow from time to time, and some orders fail.

Ctrl-C ends it. It then says how many spans were acknowledged.`,
		Example: `  clew demo
  clew demo --demo-rate 2000 --duration 5m`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := resolve(c, t)
			if err != nil {
				return err
			}
			cfg := demo.Config{Protocol: protocol, SpansPerSecond: float64(r.DemoRate.N), Seed: seed, Token: string(r.Token)}
			if string(r.Tenant) != "default" {
				cfg.Tenant = string(r.Tenant)
			}
			if duration != "" {
				if cfg.Duration, err = config.ParseDuration(duration); err != nil {
					return usage.Errorf("--duration %q: %w", duration, err)
				}
			}
			if protocol != demo.ProtocolGRPC && protocol != demo.ProtocolHTTP {
				return usage.Errorf("--protocol %q: want grpc or http", protocol)
			}
			if cfg.Endpoint, err = demoEndpoint(c.Context(), r, protocol); err != nil {
				return err
			}
			// A server that speaks TLS does so on all its doors; an endpoint with a
			// scheme says so itself.
			cfg.Insecure = !strings.HasPrefix(string(r.Server), "https://")
			return runDemo(c.Context(), t, r, cfg)
		},
	}
	addSettings(c, config.Client|config.Sender)
	addNamedSettings(c, "demo-rate", "log-level", "log-format")
	c.Flags().StringVar(&duration, "duration", "", "how long to run, such as 5m; without it until Ctrl-C")
	c.Flags().StringVar(&protocol, "protocol", demo.ProtocolGRPC, "how to send: grpc or http")
	c.Flags().Int64Var(&seed, "seed", 0, "what shoppers do; the same seed is the same shopping")
	return c
}

// demoEndpoint is where the shop sends to: the setting, else the door that the
// server names.
func demoEndpoint(ctx context.Context, r *config.Resolved, protocol string) (string, error) {
	cl, err := newClient(r)
	if err != nil {
		return "", err
	}
	if at := string(r.OTLPEndpoint); at != "" {
		return at, cl.Reachable(ctx, at)
	}
	name := serve.DoorOTLPGRPC
	if protocol == demo.ProtocolHTTP {
		name = serve.DoorOTLPHTTP
	}
	return cl.FindDoor(ctx, name)
}

func runDemo(ctx context.Context, t *terminal, r *config.Resolved, cfg demo.Config) error {
	cfg.Logger, _ = serve.NewLogger(t.err, &r.Config)
	if t.errTTY {
		cfg.Progress = func(s demo.Stats) {
			fmt.Fprintf(t.err, "\r\x1b[K%d spans acknowledged, %d failed, %d traces", s.Exported, s.Failed, s.Traces)
		}
	}
	fmt.Fprintf(t.err, "the shop sends %d spans a second to %s; Ctrl-C ends it\n", r.DemoRate.N, cfg.Endpoint)
	stats, err := demo.Run(ctx, cfg)
	if t.errTTY {
		fmt.Fprint(t.err, "\r\x1b[K")
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "acknowledged  %d spans\nfailed        %d spans\ntraces        %d\n", stats.Exported, stats.Failed, stats.Traces)
	if lost := stats.Failed + stats.Dropped; lost > 0 {
		return fmt.Errorf("%d of %d spans were not acknowledged", lost, stats.Started)
	}
	return nil
}
