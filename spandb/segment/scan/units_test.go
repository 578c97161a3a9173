package scan

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestUnits takes units off a queue that others are added to meanwhile.
func TestUnits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var q units
	var left []unit // those in the queue, in order
	for step := range 5000 {
		if len(q) > 0 && r.IntN(200) > step%200 { // now growing, now shrinking
			if u := q.pop(); u != left[0] {
				t.Fatalf("step %d: %+v comes first, want %+v", step, u, left[0])
			}
			left = left[1:]
			continue
		}
		u := unit{maxStart: r.Uint64N(8), age: r.IntN(4), blk: step, rows: step}
		q.push(u)
		at := slices.IndexFunc(left, func(v unit) bool { return u.before(&v) })
		if at < 0 {
			at = len(left)
		}
		left = slices.Insert(left, at, u)
	}
	for _, want := range left {
		if u := q.pop(); u != want {
			t.Fatalf("%+v comes first, want %+v", u, want)
		}
	}
}
