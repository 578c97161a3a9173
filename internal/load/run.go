// Package load sends requests, OTLP's or of another Kind, to any endpoint as fast as it takes them, or
// at a given rate, and measures how long each takes to be acknowledged.
//
// Bodies are generated and compressed before, into a Spool, so that a run costs
// little but sockets. Each of C clients has a connection of its own, kept
// alive, and one request in flight; clients take the bodies in order.
//
// A refusal that asks for patience (HTTP 429, 502, 503, 504; gRPC UNAVAILABLE,
// or RESOURCE_EXHAUSTED with RetryInfo) is repeated after the time it names.
// Anything else is a failure, counted with its spans.
package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clew-tracing/clew"
)

// Protocol is a transport.
type Protocol string

// The transports.
const (
	HTTP Protocol = "http"
	GRPC Protocol = "grpc"
)

// ParseProtocol reads a protocol's name.
func ParseProtocol(s string) (Protocol, error) {
	switch p := Protocol(s); p {
	case HTTP, GRPC:
		return p, nil
	}
	return "", clew.Errorf(clew.Invalid, "protocol %q: want http or grpc", s)
}

// Config says where and how a run sends.
type Config struct {
	Protocol Protocol
	// Kind is what is sent; the zero Kind is OTLP in protobuf.
	Kind Kind
	// Endpoint is a URL for HTTP, to which the Kind's path is added if it has no
	// path, and host:port for gRPC.
	Endpoint string
	// Clients is how many requests are in flight at once, 1 to MaxClients.
	Clients int
	// SpansPerSecond bounds the rate; 0 sends as fast as acknowledged.
	SpansPerSecond float64
	// Headers are sent with each request, as gRPC metadata or HTTP headers.
	Headers map[string]string
	// Patience is how long one request is tried; 0 means DefaultPatience.
	Patience time.Duration
}

// Validate names the field that makes c unusable.
func (c *Config) Validate() error {
	if c.Clients < 1 || c.Clients > MaxClients {
		return clew.Errorf(clew.Invalid, "%d clients: want 1 to %d", c.Clients, MaxClients)
	}
	if c.Endpoint == "" {
		return clew.Errorf(clew.Invalid, "no endpoint")
	}
	if c.SpansPerSecond < 0 || c.Patience < 0 {
		return clew.Errorf(clew.Invalid, "rate %v, patience %v: want 0 or more", c.SpansPerSecond, c.Patience)
	}
	_, err := ParseProtocol(string(c.Protocol))
	return err
}

// Result is what a run measured.
type Result struct {
	// Accepted, Rejected and Failed sum to the spool's spans after a whole run:
	// acknowledged; refused by partial_success; and never acknowledged.
	Accepted, Rejected, Failed int64
	Requests                   int
	// Throttled counts answers that asked for patience.
	Throttled int
	// Elapsed is from the first byte to the last acknowledgement.
	Elapsed time.Duration
	// Latency is of acknowledged requests, repetitions included. With a rate it
	// counts from when a request was due, so that a server that stalls pays for
	// those that queued behind the stall.
	Latency Latency
	// FirstError is the first failure or rejection, nil if there was none.
	FirstError error
}

// reply is a server's answer to one attempt.
type reply struct {
	rejected int64 // spans refused by partial_success, with its message
	message  string
}

// sender sends one body over one connection. A *refusal error is worth another
// try, any other is final.
type sender interface {
	send(ctx context.Context, body []byte) (reply, error)
	close() error
}

// refusal asks the sender to come again after a time; 0 leaves it open.
type refusal struct {
	after time.Duration
	cause error
}

func (r *refusal) Error() string { return r.cause.Error() }
func (r *refusal) Unwrap() error { return r.cause }

// runner is one run. Clients share next; each has a client to itself.
type runner struct {
	config Config
	spool  *Spool
	begin  time.Time
	next   atomic.Int64
	pause  func(context.Context, time.Duration) error
}

// client is what one connection did.
type client struct {
	accepted, rejected, failed int64
	throttled                  int
	latency                    []time.Duration
	first                      error
	body                       []byte
}

// Run sends all bodies of the spool, each once, and returns when the last is
// acknowledged or given up. It returns an error only if the run itself broke:
// a bad Config, an unreadable spool, or ctx; refusals are in the Result.
func Run(ctx context.Context, spool *Spool, config Config) (*Result, error) {
	return run(ctx, spool, config, sleep)
}

func run(ctx context.Context, spool *Spool, config Config, pause func(context.Context, time.Duration) error) (*Result, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if config.Patience == 0 {
		config.Patience = DefaultPatience
	}
	senders := make([]sender, config.Clients)
	for i := range senders {
		s, err := newSender(config, spool.encoding)
		if err != nil {
			return nil, fmt.Errorf("load: %w", err)
		}
		defer s.close()
		senders[i] = s
	}
	r := &runner{config: config, spool: spool, pause: pause, begin: time.Now()}
	clients := make([]client, config.Clients)
	errs := make([]error, config.Clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() { errs[i] = r.drive(ctx, senders[i], &clients[i]) })
	}
	wg.Wait()
	result := &Result{Requests: spool.Len(), Elapsed: time.Since(r.begin)}
	for i := range clients {
		result.add(&clients[i])
	}
	result.Latency.sort()
	return result, errors.Join(errs...)
}

func newSender(config Config, encoding Encoding) (sender, error) {
	if config.Protocol == GRPC {
		return newGRPCSender(config, encoding)
	}
	return newHTTPSender(config, encoding)
}

func (r *Result) add(c *client) {
	r.Accepted += c.accepted
	r.Rejected += c.rejected
	r.Failed += c.failed
	r.Throttled += c.throttled
	r.Latency.all = append(r.Latency.all, c.latency...)
	if r.FirstError == nil {
		r.FirstError = c.first
	}
}

// drive sends bodies until there are none left.
func (r *runner) drive(ctx context.Context, s sender, c *client) error {
	for {
		i := int(r.next.Add(1)) - 1
		if i >= r.spool.Len() {
			return nil
		}
		var spans int
		var err error
		c.body, spans, err = r.spool.Read(i, c.body)
		if err != nil {
			return err
		}
		due := time.Now()
		if r.config.SpansPerSecond > 0 {
			due = r.begin.Add(time.Duration(float64(r.spool.entries[i].before) / r.config.SpansPerSecond * 1e9))
			if err := r.pause(ctx, time.Until(due)); err != nil {
				return err
			}
		}
		r.deliver(ctx, s, c, spans, due)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("load: %w", err)
		}
	}
}

// deliver sends one body until it is acknowledged, refused for good, or
// patience ends.
func (r *runner) deliver(ctx context.Context, s sender, c *client, spans int, due time.Time) {
	patience := time.Now().Add(r.config.Patience)
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		attempt, cancel := context.WithDeadline(ctx, patience)
		answer, err := s.send(attempt, c.body)
		cancel()
		if err == nil {
			c.latency = append(c.latency, time.Since(due))
			rejected := min(answer.rejected, int64(spans))
			c.rejected += rejected
			c.accepted += int64(spans) - rejected
			if rejected > 0 {
				c.keep(fmt.Errorf("partial success: %d spans rejected: %s", rejected, answer.message))
			}
			return
		}
		var refused *refusal
		if !errors.As(err, &refused) || time.Now().After(patience) {
			c.failed += int64(spans)
			c.keep(err)
			return
		}
		c.throttled++
		after := wait
		if refused.after > 0 {
			after = min(refused.after, maxAdvice)
		}
		if err := r.pause(ctx, after); err != nil {
			c.failed += int64(spans)
			c.keep(err)
			return
		}
	}
}

func (c *client) keep(err error) {
	if c.first == nil {
		c.first = err
	}
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
