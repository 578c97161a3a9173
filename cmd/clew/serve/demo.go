package serve

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/clew-tracing/clew/demo"
)

// demoRun is the shop beside a server: started and stopped by the setting and by
// the page. It is safe for concurrent use.
type demoRun struct {
	log *slog.Logger
	// endpoint is the server's own door for gRPC.
	endpoint string

	mu      sync.Mutex // guards what follows
	cancel  context.CancelFunc
	done    chan struct{} // closed when the run is over
	running bool
	rate    float64
}

// start begins a run unless one is on.
func (d *demoRun) start(spansPerSecond float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	d.cancel, d.done, d.running, d.rate = cancel, done, true, spansPerSecond
	go func() {
		defer close(done)
		defer cancel()
		_, err := demo.Run(ctx, demo.Config{Endpoint: d.endpoint, SpansPerSecond: spansPerSecond, Insecure: true, Logger: d.log})
		if err != nil {
			d.log.Error("the demo shop ended", "error", err)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.running, d.rate = false, 0
	}()
}

// stop ends the run, if one is on, and waits until it is over, at most patience.
func (d *demoRun) stop(patience time.Duration) {
	d.mu.Lock()
	cancel, done := d.cancel, d.done
	d.mu.Unlock()
	if cancel == nil {
		return
	}
	cancel()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// state reports whether a run is on, and its rate.
func (d *demoRun) state() (running bool, spansPerSecond float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.running, d.rate
}

// loopback rewrites an address that listens on every interface to one that can
// be dialled.
func loopback(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(strings.TrimSpace(host), port)
}
