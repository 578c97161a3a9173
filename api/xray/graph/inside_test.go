package graph

import (
	"math"
	"testing"
)

// TestBuckets: no time is told further than an eighth from what it is, and values are those
// of the list.
func TestBuckets(t *testing.T) {
	values := map[uint64]bool{}
	for d := uint64(1000); d < 1e14; d += d/97 + 1 {
		v := bucketOf(d)
		values[v] = true
		if off := math.Abs(float64(v)-float64(d)) / float64(d); off > 0.125 {
			t.Fatalf("%d is told as %d", d, v)
		}
		if bucketOf(v) != v {
			t.Fatalf("%d is told as %d", v, bucketOf(v))
		}
	}
	if len(values) > 150 {
		t.Errorf("%d values", len(values))
	}
	for d, want := range map[uint64]uint64{0: 0, 1: 1000, 999: 1000, 1_000_000: 1_000_000, 1_100_000: 1_200_000, 109: 1000, 96_000_000: 100_000_000, 500_000_000: 500_000_000} {
		if got := bucketOf(d); got != want {
			t.Errorf("%d is told as %d, want %d", d, got, want)
		}
	}
	bucketOf(math.MaxUint64)
}
