package bitmap

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// setOf builds a Bitmap for n bits from a slice of booleans' indices.
func setOf(n int, members ...int) Bitmap {
	b := New(n)
	for _, i := range members {
		b.Set(i)
	}
	return b
}

func TestBitmapAgainstSlice(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	for _, n := range []int{0, 1, 63, 64, 65, 127, 128, 200, 1000} {
		for _, density := range []float64{0, 0.02, 0.5, 0.98, 1} {
			model, other := make([]bool, n), make([]bool, n)
			b, o := New(n), New(n)
			for i := range n {
				if rng.Float64() < density {
					model[i] = true
					b.Set(i)
				}
				if rng.IntN(2) == 0 {
					other[i] = true
					o.Set(i)
				}
			}
			checkBitmap(t, b, model)
			check := func(op func(Bitmap), want func(x, y bool) bool) {
				t.Helper()
				c := slices.Clone(b)
				op(c)
				m := make([]bool, n)
				for i := range m {
					m[i] = want(model[i], other[i])
				}
				checkBitmap(t, c, m)
			}
			check(func(c Bitmap) { c.And(o) }, func(x, y bool) bool { return x && y })
			check(func(c Bitmap) { c.AndNot(o) }, func(x, y bool) bool { return x && !y })
			check(func(c Bitmap) { c.Or(o) }, func(x, y bool) bool { return x || y })
			check(func(c Bitmap) { c.Not(n) }, func(x, _ bool) bool { return !x })
			check(func(c Bitmap) { c.Fill(n) }, func(_, _ bool) bool { return true })
		}
	}
}

func checkBitmap(t *testing.T, b Bitmap, model []bool) {
	t.Helper()
	var members []int
	for i, in := range model {
		if b.Get(i) != in {
			t.Fatalf("n %d: Get(%d) = %v, want %v", len(model), i, !in, in)
		}
		if got := b.CountRange(0, i); got != len(members) {
			t.Fatalf("n %d: Rank(%d) = %d, want %d", len(model), i, got, len(members))
		}
		if in {
			if got := b.Select(len(members)); got != i {
				t.Fatalf("n %d: Select(%d) = %d, want %d", len(model), len(members), got, i)
			}
			members = append(members, i)
		}
	}
	if got := slices.Collect(b.Ones()); !slices.Equal(got, members) {
		t.Fatalf("n %d: Ones() = %v, want %v", len(model), got, members)
	}
	for i, row := range b.AppendOnes(nil) {
		if int(row) != members[i] {
			t.Fatalf("n %d: AppendOnes()[%d] = %d, want %d", len(model), i, row, members[i])
		}
	}
	var runs []int
	for list := b.AppendRuns(nil); len(list) > 0; list = list[2:] {
		if list[0] >= list[1] || len(list) > 2 && list[1] >= list[2] {
			t.Fatalf("n %d: runs %v", len(model), list)
		}
		for i := list[0]; i < list[1]; i++ {
			runs = append(runs, int(i))
		}
	}
	if !slices.Equal(runs, members) {
		t.Fatalf("n %d: AppendRuns has %v, want %v", len(model), runs, members)
	}
	var next []int
	for i := b.Next(0); i >= 0; i = b.Next(i + 1) {
		next = append(next, i)
	}
	if !slices.Equal(next, members) || b.Next(len(model)+64) != -1 {
		t.Fatalf("n %d: Next yields %v, want %v", len(model), next, members)
	}
	if b.Count() != len(members) || b.CountRange(0, len(model)) != len(members) || b.Select(len(members)) != -1 || b.Select(-1) != -1 {
		t.Fatalf("n %d: Count %d, CountRange %d, want %d", len(model), b.Count(), b.CountRange(0, len(model)), len(members))
	}
	if b.All(len(model)) != (len(members) == len(model)) || b.Any() != (len(members) > 0) {
		t.Fatalf("n %d: All %v, Any %v with %d members", len(model), b.All(len(model)), b.Any(), len(members))
	}
}

func randomSet(r *rand.Rand, n int) Bitmap {
	b := New(n)
	for i := range n {
		if r.IntN(3) == 0 {
			b.Set(i)
		}
	}
	return b
}

func TestBitmapRangesAndMemory(t *testing.T) {
	for start := range 140 {
		for _, end := range []int{start - 1, start, start + 1, start + 63, start + 64, 200} {
			b := New(300)
			b.SetRange(start, end)
			want := max(0, end-start)
			if b.Count() != want || want > 0 && (!b.Get(start) || !b.Get(end-1)) {
				t.Fatalf("SetRange(%d, %d) set %d bits, want %d", start, end, b.Count(), want)
			}
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		src, dst := randomSet(r, 300), randomSet(r, 300)
		from, at := r.IntN(300), r.IntN(300)
		n := r.IntN(301 - max(from, at))
		want, count := slices.Clone(dst), 0
		for i := range n {
			if src.Get(from + i) {
				want.Set(at + i)
				count++
			}
		}
		if got := src.CountRange(from, from+n); got != count || src.CountRange(from, from-1) != 0 {
			t.Fatalf("CountRange(%d, %d) = %d, want %d", from, from+n, got, count)
		}
		if dst.OrRange(at, src, from, n); !slices.Equal(dst, want) {
			t.Fatalf("OrRange(%d, …, %d, %d) = %x, want %x", at, from, n, dst, want)
		}
	}
	b := setOf(100, 1, 99).Grow(1000)
	b.Set(999)
	if got := slices.Collect(b.Ones()); !slices.Equal(got, []int{1, 99, 999}) {
		t.Errorf("Grow lost bits: %v", got)
	}
	b.Clear(99)
	if b.Get(99) {
		t.Error("Clear left the bit")
	}
	if c := b.Reset(500); c.Any() || len(c) != 8 || &c[0] != &b[0] {
		t.Error("Reset did not empty the set in place")
	}
	if d := b.Reset(5).Grow(300); d.Any() {
		t.Error("Grow brought old bits back")
	}
	for range b.Reset(64).Ones() {
		t.Error("an empty set yields")
	}
	for i := range setOf(100, 3, 4, 5).Ones() {
		if i > 3 {
			t.Error("Ones went on after break")
		}
		break
	}
}

func BenchmarkBitmapOnes(b *testing.B) {
	set := New(8192)
	for i := 0; i < 8192; i += 3 {
		set.Set(i)
	}
	b.ReportAllocs()
	sum := 0
	for b.Loop() {
		for i := range set.Ones() {
			sum += i
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(set.Count()), "ns/member")
}
