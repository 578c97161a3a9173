package demo

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Run opens the shop, lets shoppers in at the configured rate, and closes it
// again when the duration is over or ctx ends, whichever is first. Either is a
// regular end. It returns when every goroutine and listener of its own is gone
// and every span is accounted for; spans that are still undelivered by then get
// 30 s (5 s after ctx has ended) before they count as failed.
//
// The error is of kind Invalid for a bad Config. Otherwise it says that the shop
// could not be opened, or that not a single span was accepted; the Stats are
// valid in each case. That some spans failed is told by Stats and the log alone.
//
// Several Runs may go on at once.
func Run(ctx context.Context, c Config) (Stats, error) {
	return run(ctx, c, schedule{seed: c.Seed, period: slowPeriod, phase: slowPhase})
}

func run(ctx context.Context, c Config, sched schedule) (Stats, error) {
	if err := c.Validate(); err != nil {
		return Stats{}, err
	}
	log := c.logger()
	books := newLedger(log)
	patience, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	s, err := openShop(patience, c, books, sched)
	if err != nil {
		return books.closing(), err
	}
	target, err := c.target()
	if err != nil {
		return books.closing(), err
	}
	about := []any{"endpoint", target.hostPort, "protocol", c.protocol(), "spans_per_second", c.spansPerSecond(), "instances", len(s.instances)}
	if c.Duration > 0 {
		about = append(about, "duration", c.Duration)
	}
	log.Info("demo: shop open", about...)
	began := time.Now()

	stopProgress := reportProgress(c.Progress, books)
	shopping, closingTime := ctx, context.CancelFunc(func() {})
	if c.Duration > 0 {
		shopping, closingTime = context.WithTimeout(ctx, c.Duration)
	}
	// The time to flush runs from the end of the load, not from the end of the
	// last visit: a visit may be waiting for the very exporters that are stuck.
	var patrons sync.WaitGroup
	patrons.Go(func() { lastCall(ctx, shopping, patience, giveUp) })
	newLoad(s, c.spansPerSecond()).run(shopping)
	closingTime()
	closeErr := s.close()
	giveUp()
	patrons.Wait()
	stopProgress()

	stats := books.closing()
	if c.Progress != nil {
		c.Progress(stats)
	}
	log.Info("demo: shop closed", "after", time.Since(began).Round(time.Millisecond), "requests", stats.Requests,
		"traces", stats.Traces, "started", stats.Started, "exported", stats.Exported, "failed", stats.Failed, "dropped", stats.Dropped)
	if closeErr != nil {
		return stats, fmt.Errorf("demo: close the shop: %w", closeErr)
	}
	if stats.Exported == 0 && stats.Failed > 0 {
		return stats, fmt.Errorf("demo: %s accepted none of %d spans: %w", target.hostPort, stats.Failed, books.failure())
	}
	return stats, nil
}

// lastCall waits for the end of the load and from then on counts the time that
// exports have left; it ends their patience when it is over. It returns when
// patience has ended, by it or otherwise.
func lastCall(ctx, shopping, patience context.Context, giveUp func()) {
	<-shopping.Done()
	timer := time.NewTimer(flushAfterDuration)
	defer timer.Stop()
	hurry := ctx.Done()
	for {
		select {
		case <-patience.Done():
			return
		case <-hurry:
			hurry = nil
			timer.Reset(flushAfterCancel)
		case <-timer.C:
			giveUp()
		}
	}
}

// reportProgress calls f with the accounts every progressEvery until the
// returned function is called, which waits for the last call to end.
func reportProgress(f func(Stats), books *ledger) (stop func()) {
	if f == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				f(books.stats())
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}
