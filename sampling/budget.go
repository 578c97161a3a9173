package sampling

import (
	"math"
	"time"
)

// pace is how many requests per second a rule has, by what X-Ray's clients report: as many as
// there are, or as there were, halved each halving since.
type pace struct {
	rate float64   // 0: nothing is known
	at   time.Time // zero: it is as it was saved
}

// now returns the requests per second. Silence is no sign that there are fewer: clients report
// when they have some.
func (p *pace) now(now time.Time) float64 {
	quiet := now.Sub(p.at)
	if p.at.IsZero() || quiet <= 0 {
		return p.rate
	}
	return p.rate * math.Exp2(-min(quiet, leaseTime).Seconds()/halving.Seconds())
}

func (p *pace) meet(rate float64, now time.Time) {
	p.rate, p.at = max(rate, p.now(now)), now
}

// unseen is the rate of what no traffic is known of.
func (r *Rule) unseen() float64 {
	switch {
	case r.Budget == 0:
		return r.FixedRate
	case r.FixedRate == 0:
		return initialRate
	}
	return max(minRate, r.FixedRate)
}

// reservoir is how many traces per second the rule lets through before its rate.
func (r *Rule) reservoir() int {
	if r.Budget > 0 {
		return int(firm * r.Budget)
	}
	return r.ReservoirSize
}

// learn takes how many requests per second the clients have that hold leases, all together.
func (r *record) learn(requests float64, now time.Time) {
	if r.Rule.Budget == 0 {
		return
	}
	if r.pace.rate == 0 { // as many as the rate was right for that they had until now
		r.pace.rate = r.Rule.Budget / r.Rule.unseen()
	}
	r.pace.meet(requests, now)
}

// rate is how many of the requests that the reservoir lets go by are let through now: with a
// budget as many as are left of it.
func (r *record) rate(now time.Time) float64 {
	requests := r.pace.now(now)
	if r.Rule.Budget == 0 || requests == 0 {
		return r.Rule.unseen()
	}
	most := 1.0
	if r.Rule.reservoir() > 0 {
		most = maxBeyond
	}
	used := min(r.used, requests)
	left, beyond := max(0, r.Rule.Budget-used), requests-used
	if left >= most*beyond {
		return most
	}
	return left / beyond
}

// tell is the rate for those who report now. It stays as it is where it is right within a twentieth:
// clients that ask for the rules, and find another rate there than they were told, forget their
// shares.
func (r *record) tell(now time.Time) float64 {
	if rate := r.rate(now); r.told == 0 || math.Abs(rate-r.told) > steady*r.told {
		r.told = rate
	}
	return r.told
}

// listed is the rate for those who ask for the rules.
func (r *record) listed(now time.Time) float64 {
	if r.told > 0 {
		return r.told
	}
	return r.rate(now)
}
