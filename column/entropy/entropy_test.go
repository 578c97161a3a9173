package entropy_test

import (
	"math/rand/v2"
	"testing"

	"github.com/clew-tracing/clew/column/entropy"
)

// TestBytes compares estimates with what is known of the values: nothing to store, a bit
// each, differences that say less than values, noise.
func TestBytes(t *testing.T) {
	const n = 8192
	r := rand.New(rand.NewPCG(1, 1))
	values := func(f func(i int) uint64) []uint64 {
		vals := make([]uint64, n)
		for i := range vals {
			vals[i] = f(i)
		}
		return vals
	}
	for _, c := range []struct {
		name         string
		vals         []uint64
		from, planes int
		least, most  int
	}{
		{"constant", values(func(int) uint64 { return 7 }), 0, 1, 0, 16},
		{"bits", values(func(int) uint64 { return r.Uint64() & 1 }), 0, 1, n / 8 * 9 / 10, n / 8 * 11 / 10},
		{"steps", values(func(i int) uint64 { return uint64(1000 * i) }), 1, 2, 0, 32},
		{"noise", values(func(int) uint64 { return r.Uint64() & 0xffff }), 0, 2, 2 * n * 9 / 10, 2 * n * 11 / 10},
	} {
		if got := entropy.Bytes(c.vals, c.from, 0, c.planes); got < c.least || got > c.most {
			t.Errorf("%s: %d bytes expected, want %d to %d", c.name, got, c.least, c.most)
		}
	}
}
