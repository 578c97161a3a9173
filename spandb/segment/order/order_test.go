package order

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// shuffled returns n rows, ascending, and starts of them as a merge meets them, within
// spread nanoseconds and often equal.
func shuffled(n int, spread uint64) (rows []uint32, start []uint64) {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range n {
		rows = append(rows, uint32(2*i))
		start = append(start, 1<<60+r.Uint64N(spread), 0)
	}
	for i := range n / 4 {
		start[2*i] = start[2*r.IntN(n)]
	}
	return rows, start
}

func TestSortByStart(t *testing.T) {
	var o Order
	for _, n := range []int{2, 32, 33, 1000, 5000} {
		for _, spread := range []uint64{1, 1000, 1<<startBits - 1, 1 << startBits, 1 << 62} {
			got, start := shuffled(n, spread)
			start[0], start[2*n-2] = 1<<60+spread, 1<<60 // the widest that it gets
			want := slices.Clone(got)
			slices.SortStableFunc(want, func(x, y uint32) int { return cmp.Compare(start[x], start[y]) })
			o.sortByStart(got, start)
			if !slices.Equal(got, want) {
				t.Errorf("%d rows within %d ns are not in order of start, then of arrival", n, spread)
			}
		}
	}
}

func BenchmarkSortByStart(b *testing.B) {
	for name, spread := range map[string]uint64{"seconds": 1e9, "days": 1e15} {
		b.Run(name, func(b *testing.B) {
			var o Order
			from, start := shuffled(200, spread)
			rows := make([]uint32, len(from))
			for b.Loop() {
				copy(rows, from)
				o.sortByStart(rows, start)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rows)), "ns/row")
		})
	}
}
