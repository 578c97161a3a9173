package demo

import (
	"log/slog"
	"math"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
)

// The values of Config.Protocol.
const (
	ProtocolGRPC = "grpc"
	ProtocolHTTP = "http"
)

// Config says where spans go, how many and for how long. The zero value sends
// 200 spans a second to a clew on this machine until the context ends.
type Config struct {
	// Endpoint is an OTLP door: host:port, or http(s)://host:port, for
	// ProtocolHTTP with an optional path (else /v1/traces). A scheme decides
	// about TLS and overrides Insecure. Empty is this machine's standard port
	// without TLS: 127.0.0.1:4317 for gRPC, 127.0.0.1:4318 for HTTP.
	Endpoint string
	// Protocol is ProtocolGRPC or ProtocolHTTP; empty is ProtocolGRPC.
	Protocol string
	// SpansPerSecond is the mean rate aimed at; 0 is 200.
	SpansPerSecond float64
	// Duration is how long load is made; 0 is until the context ends.
	Duration time.Duration
	// Seed decides what shoppers do and when the slow dependency is slow.
	Seed int64
	// Tenant is sent as X-Scope-OrgID; empty sends no header.
	Tenant string
	// Token is sent as a bearer token; empty sends no header.
	Token string
	// Insecure sends without TLS.
	Insecure bool
	// Logger gets start, end and delivery troubles; nil is silence.
	Logger *slog.Logger
	// Progress, if set, is called about once a second and once more just before
	// Run returns, always from one goroutine at a time. A slow Progress delays
	// only itself.
	Progress func(Stats)

	// queue is how many ended spans wait before each instance's exporter; 0 is
	// queueSpans. Tests fill a short one sooner.
	queue int
}

// Validate reports the first field that cannot work, of kind Invalid, with what
// to write instead.
func (c Config) Validate() error {
	if c.Protocol != "" && c.Protocol != ProtocolGRPC && c.Protocol != ProtocolHTTP {
		return clew.Errorf(clew.Invalid, "demo: Protocol %q: want %q or %q", c.Protocol, ProtocolGRPC, ProtocolHTTP)
	}
	if math.IsNaN(c.SpansPerSecond) || c.SpansPerSecond < 0 || c.SpansPerSecond > maxSpansPerSecond {
		return clew.Errorf(clew.Invalid, "demo: SpansPerSecond %v: want a number from 0 (the default, %d) to %d",
			c.SpansPerSecond, defaultSpansPerSecond, maxSpansPerSecond)
	}
	if c.Duration < 0 {
		return clew.Errorf(clew.Invalid, "demo: Duration %v is negative: want a length such as 5m, or 0 for no end", c.Duration)
	}
	if c.Tenant != "" {
		if _, err := clew.ParseTenant(c.Tenant); err != nil {
			return clew.Errorf(clew.Invalid, "demo: Tenant: %w", err)
		}
	}
	if strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return clew.Errorf(clew.Invalid, "demo: Token has a space or a character beyond ASCII: want it as the server prints it, without \"Bearer\"")
	}
	_, err := c.target()
	return err
}

// target is an endpoint taken apart.
type target struct {
	hostPort string
	path     string // ProtocolHTTP only
	insecure bool
}

// target parses Endpoint.
func (c Config) target() (target, error) {
	if c.Endpoint == "" {
		port := "4317"
		if c.protocol() == ProtocolHTTP {
			port = "4318"
		}
		return target{hostPort: net.JoinHostPort("127.0.0.1", port), path: tracesPath, insecure: true}, nil
	}
	t := target{hostPort: c.Endpoint, path: tracesPath, insecure: c.Insecure}
	if strings.Contains(c.Endpoint, "://") {
		u, err := url.Parse(c.Endpoint)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" {
			return target{}, c.endpointError("a URL here starts with http:// or https://")
		}
		t.hostPort, t.insecure = u.Host, u.Scheme == "http"
		if path := strings.TrimSuffix(u.Path, "/"); path != "" {
			if c.protocol() == ProtocolGRPC {
				return target{}, c.endpointError("gRPC takes no path")
			}
			t.path = path
		}
	}
	host, port, err := net.SplitHostPort(t.hostPort)
	if err != nil || host == "" || port == "" {
		return target{}, c.endpointError("want host:port, such as 127.0.0.1:4317, or http://host:port")
	}
	return t, nil
}

// tracesPath is where OTLP over HTTP takes traces.
const tracesPath = "/v1/traces"

func (c Config) endpointError(mend string) error {
	return clew.Errorf(clew.Invalid, "demo: Endpoint %q: %s", c.Endpoint, mend)
}

func (c Config) protocol() string {
	if c.Protocol == "" {
		return ProtocolGRPC
	}
	return c.Protocol
}

func (c Config) spansPerSecond() float64 {
	if c.SpansPerSecond == 0 {
		return defaultSpansPerSecond
	}
	return c.SpansPerSecond
}

func (c Config) queueSpans() int {
	if c.queue == 0 {
		return queueSpans
	}
	return c.queue
}

func (c Config) logger() *slog.Logger {
	if c.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Logger
}
