package order

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTwins finds what was added more than once among many and few, random and
// ascending, and nothing else.
func TestTwins(t *testing.T) {
	var f Twins
	for _, n := range []int{0, 1, 2, 100, 70_000} {
		for _, times := range []int{1, 2, 3} {
			f.Reset()
			rng := rand.New(rand.NewPCG(uint64(n), 1))
			var want []uint64
			for i := range n {
				v := uint64(i)
				if n%200 == 0 {
					v = rng.Uint64()
				}
				f.Add(v)
				if i%50 == 1 && times > 1 {
					want = append(want, v)
					for range times - 1 {
						f.Add(v)
					}
				}
			}
			slices.Sort(want)
			if got := f.Append(nil); !slices.Equal(got, want) {
				t.Errorf("%d ids, some %d times: %d twins, want %d", n, times, len(got), len(want))
			}
		}
	}
}
