package demo

import (
	"context"
	"sync"
	"time"
)

// pacer decides when the next request may start, so that spans come into being
// at a given mean rate.
//
// It steers by what really happened: the number of spans started so far, from
// the ledger, plus what the requests under way will still start. A request's
// cost is a guess at first; the guesses are scaled by what requests have cost
// up to then, and since the true count is in the sum, errors do not add up.
//
// A token bucket charged with a fixed price per request was the obvious
// design; the price depends on cart sizes, cache misses and errors, and a wrong
// price is a wrong rate for ever.
//
// next is called from one goroutine; done from any.
type pacer struct {
	rate    float64 // spans per second
	started func() int64
	clock   func() time.Time

	origin time.Time // when credit began to grow; moved forward by stalls

	mu       sync.Mutex // guards what follows
	underWay float64    // guessed cost of requests handed out and not done
	settled  float64    // guessed cost of requests done
}

func newPacer(rate float64, started func() int64, clock func() time.Time) *pacer {
	return &pacer{rate: rate, started: started, clock: clock, origin: clock()}
}

// next waits until a request of the guessed cost may start, and counts it as
// under way. It returns false once ctx has ended.
func (p *pacer) next(ctx context.Context, cost float64) bool {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
		}
		wait := p.wait(cost)
		if wait == 0 {
			p.mu.Lock()
			p.underWay += cost
			p.mu.Unlock()
			return ctx.Err() == nil
		}
		timer.Reset(wait)
	}
}

// pollLeast and pollMost bound one nap of the pacer. Spans of requests under
// way arrive meanwhile, so a long wait is looked at again.
const (
	pollLeast = 200 * time.Microsecond
	pollMost  = 20 * time.Millisecond
)

// wait says how long the next request of the given cost has to wait before
// asking again; 0 is now. The request goes when half of it is paid for, which
// centres the error.
func (p *pacer) wait(cost float64) time.Duration {
	now := p.clock()
	debt := p.committed() + p.scale()*cost/2 - p.rate*now.Sub(p.origin).Seconds()
	if debt > 0 {
		nap := time.Duration(debt / p.rate * float64(time.Second))
		return min(max(nap, pollLeast), pollMost)
	}
	if behind := time.Duration(-debt / p.rate * float64(time.Second)); behind > maxCatchUp {
		p.origin = p.origin.Add(behind - maxCatchUp)
	}
	return 0
}

// committed is the spans started and those that requests under way will still
// start: on the average, half of them are through.
func (p *pacer) committed() float64 {
	scale := p.scale()
	p.mu.Lock()
	defer p.mu.Unlock()
	return float64(p.started()) + scale*p.underWay/2
}

// warmUp is the guessed cost that must be settled before guesses are corrected:
// a handful of requests says little about the mean.
const warmUp = 200

// scale is the true cost of one guessed span.
func (p *pacer) scale() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.settled < warmUp {
		return 1
	}
	scale := float64(p.started()) / (p.settled + p.underWay/2)
	return min(max(scale, 0.2), 5)
}

// done ends a request that next has let go.
func (p *pacer) done(cost float64) {
	p.mu.Lock()
	p.underWay -= cost
	p.settled += cost
	p.mu.Unlock()
}
