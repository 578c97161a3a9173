package graph

import (
	"maps"
	"slices"
)

// steps are the values of a histogram from 10 to 100 of some unit: each is about a fifth
// more than the one before, so that no time is told further than an eighth from what it is.
var steps = [...]uint64{10, 12, 14, 17, 20, 24, 30, 35, 42, 50, 60, 72, 85, 100}

// histogram counts times, in nanoseconds, by the nearest value of steps.
type histogram map[uint64]int64

// bucketOf is the value, in nanoseconds, that a time is told as. Below a microsecond all is
// one.
func bucketOf(d uint64) uint64 {
	const least = 100 // ns; 10 of it are a microsecond
	const most = 1e18 // thirty years
	d = min(d, most)
	unit := uint64(least)
	if d < 10*unit {
		if d == 0 {
			return 0
		}
		return 10 * unit
	}
	for d/unit >= 100 {
		unit *= 10
	}
	for i := range len(steps) - 1 {
		if low, high := steps[i]*unit, steps[i+1]*unit; d < high {
			if d-low < high-d {
				return low
			}
			return high
		}
	}
	return 100 * unit
}

func (h histogram) add(d uint64) { h[bucketOf(d)]++ }

func (h histogram) join(o histogram) {
	for v, n := range o {
		h[v] += n
	}
}

type entryJSON struct {
	Value float64
	Count int64
}

func (h histogram) json() []entryJSON {
	var out []entryJSON
	for _, v := range slices.Sorted(maps.Keys(h)) {
		out = append(out, entryJSON{float64(v) / 1e9, h[v]})
	}
	return out
}

// statistics count what came of requests.
type statistics struct {
	ok, throttled, errors, faults int64
	time                          uint64 // all of them together, in nanoseconds
}

func (s *statistics) join(o *statistics) {
	s.ok, s.throttled, s.errors, s.faults, s.time = s.ok+o.ok, s.throttled+o.throttled, s.errors+o.errors, s.faults+o.faults, s.time+o.time
}

type errorsJSON struct{ ThrottleCount, OtherCount, TotalCount int64 }

type faultsJSON struct{ OtherCount, TotalCount int64 }

type statisticsJSON struct {
	OkCount           int64
	ErrorStatistics   errorsJSON
	FaultStatistics   faultsJSON
	TotalCount        int64
	TotalResponseTime float64
}

func (s *statistics) json() *statisticsJSON {
	return &statisticsJSON{
		s.ok, errorsJSON{s.throttled, s.errors, s.throttled + s.errors}, faultsJSON{s.faults, s.faults},
		s.ok + s.throttled + s.errors + s.faults, float64(s.time) / 1e9,
	}
}
