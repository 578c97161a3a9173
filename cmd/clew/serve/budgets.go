package serve

import (
	"context"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/sampling"
)

// followTraffic counts what traces begin with, for the tenants whose rules have budgets, and
// keeps what is learnt of it, until ctx ends. Where there are none it does nothing.
func (s *server) followTraffic(ctx context.Context) {
	tick := time.NewTicker(sampling.Step / trafficTicks)
	defer tick.Stop()
	var counted clew.UnixNanos
	for {
		select {
		case <-ctx.Done():
			s.keepTraffic(true)
			return
		case now := <-tick.C:
			if w := sampling.StepBefore(clew.UnixNanos(now.UnixNano())); w.End > counted {
				counted = w.End
				s.countTraffic(ctx, w, now)
			}
			s.keepTraffic(false)
		}
	}
}

// countTraffic counts one step. What cannot be counted is left out: rates stay as they are.
func (s *server) countTraffic(ctx context.Context, w clew.Window, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, sampling.Step)
	defer cancel()
	for t, services := range s.rules.Counting(now) {
		began, err := sampling.Began(ctx, s.store, t, w, services)
		if err != nil {
			s.log.Warn("sampling by budgets goes on with the rates there are", "tenant", t, "error", err)
			continue
		}
		s.rules.Count(t, began, now)
	}
}

func (s *server) keepTraffic(atOnce bool) {
	if err := s.rules.Keep(time.Now(), atOnce); err != nil {
		s.log.Warn("what was learnt of the traffic for sampling could not be saved", "error", err)
	}
}
