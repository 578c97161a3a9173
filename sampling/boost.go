package sampling

import (
	"time"

	"github.com/clew-tracing/clew"
)

// BoostReport is what a client has seen of anomalies in the requests of a rule since it
// reported last: how many there were, and how many of those were sampled.
type BoostReport struct {
	Rule               string
	Anomalies, Sampled int
}

// boosted is a rate that is raised for a while.
type boosted struct {
	rate  float64
	until time.Time
	// again is when a rate may be raised the next time.
	again time.Time
}

// Boost takes the report of a client and raises the rate of the rule for a minute if there were
// anomalies, too few of which were sampled: so far that one a second is, up to the rule's
// MaxRate. Targets tells it. A rate is raised once in the rule's CooldownWindowMinutes.
func (b *Book) Boost(t clew.Tenant, report BoostReport, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	own, err := b.of(t, now)
	if err != nil {
		return err
	}
	r := own.find(report.Rule)
	switch {
	case r == nil:
		return noRule(report.Rule)
	case r.Rule.Boost == nil:
		return clew.Errorf(clew.Invalid, "the rule has no SamplingRateBoost: its own rate holds")
	}
	wanted := boostWanted * int(Interval/time.Second)
	if report.Anomalies <= 0 || report.Sampled >= wanted || now.Before(r.boost.again) {
		return nil
	}
	rate := min(r.Rule.Boost.MaxRate, float64(wanted)/float64(report.Anomalies))
	if rate <= r.rate(now) {
		return nil
	}
	r.boost = boosted{rate, now.Add(boostTime), now.Add(max(boostTime, time.Duration(r.Rule.Boost.CooldownWindowMinutes)*time.Minute))}
	return nil
}
