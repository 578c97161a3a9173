package demo

import (
	"hash/fnv"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// dice gives deterministic randomness: the n-th throw of a seed is always the
// same. Safe for concurrent use; which caller gets which throw is up to the
// scheduler.
type dice struct {
	seed   uint64
	throws atomic.Uint64
}

// roll returns a generator of its own for the next throw.
func (d *dice) roll() *rand.Rand {
	return rand.New(rand.NewPCG(d.seed, d.throws.Add(1)))
}

// between returns a length of time from least to most, short ones more often:
// latencies lean to the left.
func (d *dice) between(least, most time.Duration) time.Duration {
	f := d.roll().Float64()
	return least + time.Duration(f*f*float64(most-least))
}

// shortHash returns the first n characters of a hash of s, in the alphabet of
// Kubernetes' generated names. n is at most 12.
func shortHash(s string, n int) string {
	const alphabet = "bcdfghjklmnpqrstvwxz2456789"
	h := fnv.New64a()
	h.Write([]byte(s))
	sum := h.Sum64()
	out := make([]byte, n)
	for i := range out {
		out[i] = alphabet[sum%uint64(len(alphabet))]
		sum /= uint64(len(alphabet))
	}
	return string(out)
}
