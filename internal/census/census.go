// Package census knows how many spans and services each tenant of a store has.
package census

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage"
)

// A Census knows how many spans and services each tenant has. Counting is a scan,
// so that what is known is told again while it is fresh, and counting never
// takes more than a small share of the time. It is safe for concurrent use.
type Census struct {
	// Catalog is what counts.
	Catalog storage.Catalog

	mu      sync.Mutex // guards tenants
	tenants map[clew.Tenant]*Count
}

// Count is what a Census knows of one tenant.
type Count struct {
	Spans    int64
	Services int

	at   time.Time
	took time.Duration
	// counting is closed when the count under way is done; nil if none is.
	counting chan struct{}
}

const (
	// fresh is how long a count is told again at least.
	fresh = 2 * time.Second
	// share is how many times as long as it took a count is told again.
	share = 20
	// patience is how long an answer waits for a new count.
	patience = 200 * time.Millisecond
	// limit bounds a count; an older one is told where it does not suffice.
	limit = 30 * time.Second
)

// Of returns the newest count of a tenant, renewed if it is not fresh and that
// is quickly done.
func (c *Census) Of(t clew.Tenant) Count {
	c.mu.Lock()
	if c.tenants == nil {
		c.tenants = map[clew.Tenant]*Count{}
	}
	known := c.tenants[t]
	if known == nil {
		known = &Count{}
		c.tenants[t] = known
	}
	if known.counting == nil && time.Since(known.at) > max(fresh, share*known.took) {
		known.counting = make(chan struct{})
		go c.count(t, known)
	}
	counting := known.counting
	c.mu.Unlock()
	if counting != nil {
		enough := time.NewTimer(patience)
		defer enough.Stop()
		select {
		case <-counting:
		case <-enough.C:
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return *known
}

// count counts a tenant once. It ends by itself: nothing waits for it, and a
// store that closes lets it end.
func (c *Census) count(t clew.Tenant, known *Count) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	services, err := c.Catalog.Services(ctx, t, clew.Window{})
	spans := int64(0)
	for _, s := range services {
		spans += s.Spans
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if lacking := (*storage.Lacking)(nil); err == nil || errors.As(err, &lacking) { // what can be read counts
		known.Spans, known.Services = spans, len(services)
	}
	known.at, known.took = time.Now(), time.Since(began)
	close(known.counting)
	known.counting = nil
}
