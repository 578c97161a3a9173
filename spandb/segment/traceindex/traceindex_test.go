package traceindex

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
)

// indexOf builds the index of n traces, the i-th of them in block i·blocks/n.
func indexOf(t testing.TB, ids []clew.TraceID, blocks int) Index {
	t.Helper()
	var x Builder
	for i, id := range ids {
		x.Add(id.Low(), i*blocks/len(ids))
	}
	x.Group(func(uint64) {})
	index, err := Parse(x.Append(nil, blocks))
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func randomIDs(seed uint64, n int) []clew.TraceID {
	rng := rand.New(rand.NewPCG(seed, 1))
	ids := make([]clew.TraceID, n)
	for i := range ids {
		ids[i] = clew.MakeTraceID(rng.Uint64(), rng.Uint64())
	}
	return ids
}

// TestIndex finds every trace of indexes of many sizes in its block, and one in
// a thousand of those that are not there in some block, at 17 bits a trace.
func TestIndex(t *testing.T) {
	for _, c := range []struct{ traces, blocks int }{{1, 1}, {2, 2}, {7, 3}, {8, 1}, {100, 9}, {2700, 8}, {65536, 8}, {300_000, 200}} {
		ids := randomIDs(1, c.traces)
		x := indexOf(t, ids, c.blocks)
		for i, id := range ids {
			if got := x.Blocks(nil, id); !slices.Contains(got, i*c.blocks/c.traces) {
				t.Fatalf("%d traces in %d blocks: trace %d is in %v", c.traces, c.blocks, i, got)
			}
		}
		found := 0
		const others = 100_000
		for _, id := range randomIDs(2, others) {
			found += len(x.Blocks(nil, id))
		}
		if c.traces > 100 && found > others/500 {
			t.Errorf("%d traces: %d of %d others are named", c.traces, found, others)
		}
		if size := float64(8*(len(x.places)+padding)) / float64(c.traces); c.traces > 1000 && c.blocks <= 8 && size > 18.5 {
			t.Errorf("%d traces take %.1f bits each", c.traces, size)
		}
	}
}

// TestTwins has ids of equal low half in several blocks, and finds all.
func TestTwins(t *testing.T) {
	ids := make([]clew.TraceID, 40)
	for i := range ids {
		ids[i] = clew.MakeTraceID(uint64(i), 7)
	}
	x := indexOf(t, ids, 4)
	if got := x.Blocks([]int{9}, clew.MakeTraceID(0, 7)); !slices.Equal(got, []int{9, 0, 1, 2, 3}) {
		t.Errorf("blocks %v, want 0 to 3 behind the 9", got)
	}
	var zero Index
	if got := zero.Blocks(nil, ids[0]); len(got) != 0 {
		t.Errorf("an index of nothing names %v", got)
	}
}

// FuzzParse reads any bytes: an index or an error, and no block that is not
// there.
func FuzzParse(f *testing.F) {
	var x Builder
	for i, id := range randomIDs(3, 50) {
		x.Add(id.Low(), i%5)
	}
	x.Group(func(uint64) {})
	f.Add(x.Append(nil, 5), uint64(1))
	f.Add([]byte{1, 1}, uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, low uint64) {
		x, err := Parse(b)
		if err != nil {
			return
		}
		for i := range uint64(64) {
			for _, blk := range x.Blocks(nil, clew.MakeTraceID(0, low+i<<32)) {
				if blk < 0 || blk >= x.blocks {
					t.Fatalf("block %d of %d", blk, x.blocks)
				}
			}
		}
	})
}

// BenchmarkBlocks looks a trace up in the indexes of a thousand segments.
func BenchmarkBlocks(b *testing.B) {
	indexes := make([]Index, 1000)
	for i := range indexes {
		indexes[i] = indexOf(b, randomIDs(uint64(i+10), 2700), 8)
	}
	others := randomIDs(5, 1000)
	var blocks []int
	i := 0
	for b.Loop() {
		id := others[i%len(others)]
		i++
		for k := range indexes {
			blocks = indexes[k].Blocks(blocks[:0], id)
		}
	}
}
