package demo

import (
	"math/rand/v2"
	"time"
)

// schedule says when the risk partner is slow: once in each cycle, for phase,
// at an offset that the seed and the cycle's number decide. It is a pure
// function of the clock, so that two runs with one seed at one time agree, and
// so does anybody who wants to check.
//
//	cycle n            cycle n+1
//	├──────────┬──────┬┼────┬──────┬───────┤
//	   fast     slow        slow
type schedule struct {
	seed          int64
	period, phase time.Duration
}

// slow reports whether t lies in a slow phase.
func (s schedule) slow(t time.Time) bool {
	nanos := t.UnixNano()
	cycle := nanos / int64(s.period)
	within := time.Duration(nanos % int64(s.period))
	offset := s.offset(cycle)
	return within >= offset && within < offset+s.phase
}

// offset is where the slow phase of a cycle begins.
func (s schedule) offset(cycle int64) time.Duration {
	free := s.period - s.phase
	if free <= 0 {
		return 0
	}
	return time.Duration(rand.New(rand.NewPCG(uint64(s.seed), uint64(cycle))).Int64N(int64(free)))
}
