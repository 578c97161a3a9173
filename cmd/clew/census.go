package main

import (
	"context"
	"sync"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage"
)

// census knows how many spans and services each tenant has. Counting is a scan,
// so that what is known is told again while it is fresh, and counting never
// takes more than a small share of the time. It is safe for concurrent use.
type census struct {
	catalog storage.Catalog

	mu      sync.Mutex // guards tenants
	tenants map[clew.Tenant]*count
}

// count is what a census knows of one tenant.
type count struct {
	spans    int64
	services int

	at   time.Time
	took time.Duration
	// counting is closed when the count under way is done; nil if none is.
	counting chan struct{}
}

const (
	// censusFresh is how long a count is told again at least.
	censusFresh = 2 * time.Second
	// censusShare is how many times as long as it took a count is told again.
	censusShare = 20
	// censusPatience is how long an answer waits for a new count.
	censusPatience = 200 * time.Millisecond
	// censusLimit bounds a count; an older one is told where it does not suffice.
	censusLimit = 30 * time.Second
)

// of returns the newest count of a tenant, renewed if it is not fresh and that
// is quickly done.
func (c *census) of(t clew.Tenant) count {
	c.mu.Lock()
	if c.tenants == nil {
		c.tenants = map[clew.Tenant]*count{}
	}
	known := c.tenants[t]
	if known == nil {
		known = &count{}
		c.tenants[t] = known
	}
	if known.counting == nil && time.Since(known.at) > max(censusFresh, censusShare*known.took) {
		known.counting = make(chan struct{})
		go c.count(t, known)
	}
	counting := known.counting
	c.mu.Unlock()
	if counting != nil {
		patience := time.NewTimer(censusPatience)
		defer patience.Stop()
		select {
		case <-counting:
		case <-patience.C:
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return *known
}

// count counts a tenant once. It ends by itself: nothing waits for it, and a
// store that closes lets it end.
func (c *census) count(t clew.Tenant, known *count) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), censusLimit)
	defer cancel()
	services, err := c.catalog.Services(ctx, t, clew.Window{})
	spans := int64(0)
	for _, s := range services {
		spans += s.Spans
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		known.spans, known.services = spans, len(services)
	}
	known.at, known.took = time.Now(), time.Since(began)
	close(known.counting)
	known.counting = nil
}
