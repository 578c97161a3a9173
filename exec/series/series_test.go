package series

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/span"
)

// text writes series as name=points, "-" for a point that is not there.
func text(list []Series) string {
	var out []string
	for _, s := range list {
		line := ""
		for i := range s.Labels {
			line += s.Labels[i].Text + ","
		}
		line = strings.TrimSuffix(line, ",") + "="
		for _, v := range s.Points {
			if v != v {
				line += "- "
			} else {
				line += fmt.Sprint(v) + " "
			}
		}
		out = append(out, strings.TrimSpace(line))
	}
	return strings.Join(out, "; ")
}

func parse(lines ...string) (list []Series) {
	for _, line := range lines {
		name, points, _ := strings.Cut(line, "=")
		s := Series{}
		if name != "" {
			s.Labels = []Label{{"name", clew.StringValue(name), name}}
		}
		for _, p := range strings.Fields(points) {
			v := math.NaN()
			if p != "-" {
				fmt.Sscan(p, &v)
			}
			s.Points = append(s.Points, v)
		}
		list = append(list, s)
	}
	return list
}

func TestTop(t *testing.T) {
	f := func(n int, least bool, want string, lines ...string) {
		t.Helper()
		if got := text(Top(parse(lines...), n, least)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f(1, false, "a=3 - 1; b=- 4 -", "a=3 2 1", "b=1 4 -")
	f(1, true, "a=- 2 1; b=1 - -", "a=3 2 1", "b=1 4 -")
	f(1, false, "a=2 2", "a=2 2", "b=2 2", "c=1 1")
	f(5, false, "a=- 1", "a=- 1")
}

// Names and values may have every byte; what is read from them is not what parts them.
func TestKeysTellLabelsApart(t *testing.T) {
	label := func(name, value string) Label { return Label{Name: name, Value: clew.StringValue(value)} }
	kind := label("b", "").Value.Key() // what comes before a text's bytes
	seen := make(map[string]int)
	for i, labels := range [][]Label{
		{},
		{label("a", "x"), label("b", "y")},
		{label("a", "x\x00b\x00"+kind+"y")},
		{label("a\x00"+kind+"x\x00b", "y")},
		{label("a", "x\x00"), label("b", "y")},
		{label("a", "x"), label("\x00b", "y")},
		{label("a", ""), label("", "")},
		{label("a", "")},
	} {
		s := Series{Labels: labels}
		if other, ok := seen[s.Key()]; ok {
			t.Errorf("labels %d and %d have one key: %q", other, i, s.Key())
		}
		seen[s.Key()] = i
	}
	l := []Series{{Labels: []Label{label("a", "x"), label("b", "y")}, Points: []float64{1}}}
	r := []Series{{Labels: []Label{label("a", "x\x00b\x00"+kind+"y")}, Points: []float64{2}}}
	l, r = append(l, Series{Labels: []Label{label("a", "z")}, Points: []float64{3}}), append(r, Series{Labels: []Label{label("a", "w")}, Points: []float64{4}})
	if got := Calculate(span.Sum, l, r); len(got) != 0 {
		t.Errorf("series of different labels were added: %s", text(got))
	}
}

func TestFilter(t *testing.T) {
	f := func(op span.Op, want string) {
		t.Helper()
		if got := text(Filter(parse("a=1 2 3", "b=- 2 1"), op, 2)); got != want {
			t.Errorf("%v: %s, want %s", op, got, want)
		}
	}
	f(span.Gt, "a=- - 3")
	f(span.Ge, "a=- 2 3; b=- 2 -")
	f(span.Lt, "a=1 - -; b=- - 1")
	f(span.Le, "a=1 2 -; b=- 2 1")
	f(span.Eq, "a=- 2 -; b=- 2 -")
	f(span.Ne, "a=1 - 3; b=- - 1")
}

func TestCalculate(t *testing.T) {
	f := func(op span.ExprOp, l, r []Series, want string) {
		t.Helper()
		if got := text(Calculate(op, l, r)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	ab := func() []Series { return parse("a=1 2 3", "b=4 - 6") }
	f(span.Sum, ab(), parse("b=1 1 1", "a=10 20 -"), "a=11 22 -; b=5 - 7")
	f(span.Quotient, ab(), parse("a=2 0 2"), "a=0.5 - 1.5")
	f(span.Quotient, ab(), parse("=2 2 2"), "a=0.5 1 1.5; b=2 - 3")
	f(span.Difference, Scalar(10, 3), ab(), "a=9 8 7; b=6 - 4")
	f(span.Product, Scalar(10, 3), Scalar(2, 3), "=20 20 20")
	f(span.Product, ab(), parse("c=1 1 1"), "")
	f(span.Product, ab(), nil, "")
}

// Builders make the same series whatever the order of measurements.
func TestBuilderAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var all []Measurement
	for i := range 500 {
		v := clew.IntValue(r.Int64N(1000) - 100)
		if r.IntN(2) == 0 {
			v = clew.DoubleValue((r.Float64() - 0.5) * math.Exp2(float64(r.IntN(100)-50)))
		}
		all = append(all, Measurement{Step: r.IntN(3), Weight: clew.Weight(1 + r.Uint64N(1<<20)), Value: v,
			Exemplar: Exemplar{Trace: clew.MakeTraceID(1, r.Uint64N(100)+1), Span: clew.SpanID(i + 1), At: clew.UnixNanos(r.IntN(10))}})
	}
	for fn := Rate; fn <= Last; fn++ {
		run := func() string {
			b := NewBuilder(Spec{Fn: fn, Unit: 1, Quantiles: []float64{0.5, 0.99}, Steps: 3, Seconds: 2, Exemplars: 5})
			s := b.Series([]Label{{"x", clew.IntValue(1), "1"}})
			r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			for i := range all {
				b.Add(s, &all[i])
			}
			list, err := b.Finish()
			if err != nil {
				t.Fatal(err)
			}
			out := text(list)
			for _, s := range list {
				out += fmt.Sprint(s.Errors, s.Exemplars)
			}
			return out
		}
		if a, b := run(), run(); a != b {
			t.Errorf("function %d:\n%s\n%s", fn, a, b)
		}
	}
}

// Spans stand for as many as their weight says, with the standard error of that.
func TestWeights(t *testing.T) {
	f := func(fn Fn, want string, wantErrors []float64) {
		t.Helper()
		b := NewBuilder(Spec{Fn: fn, Unit: 1, Quantiles: []float64{0.5}, Steps: 1, Seconds: 2})
		s := b.Series(nil)
		b.Add(s, &Measurement{Weight: 4 * clew.WeightOne, Value: clew.IntValue(10)})
		b.Add(s, &Measurement{Weight: clew.WeightOne, Value: clew.IntValue(20)})
		list, err := b.Finish()
		if err != nil || text(list) != want {
			t.Errorf("%d: %s, %v, want %s", fn, text(list), err, want)
		}
		if got := list[0].Errors; fmt.Sprint(got) != fmt.Sprint(wantErrors) {
			t.Errorf("%d: errors %v, want %v", fn, got, wantErrors)
		}
	}
	f(Count, "=5", []float64{math.Sqrt(12)})
	f(Rate, "=2.5", []float64{math.Sqrt(12) / 2})
	f(Sum, "=60", []float64{math.Sqrt(4 * 3 * 10 * 10)})
	f(Avg, "=12", []float64{math.Sqrt(4*3*2*2) / 5})
	f(Min, "=10", nil)
	f(CountDistinct, "=2", nil)
	f(Octaves, "16=4; 32=1", nil)
}

// What a store has summed up counts as its spans would.
func TestAddSums(t *testing.T) {
	var h sketch.Histogram
	var sums Sums
	spans := []uint64{5, 100, 100, 7000}
	for fn := Rate; fn <= Octaves; fn++ {
		one := NewBuilder(Spec{Fn: fn, Unit: 1e9, Quantiles: []float64{0.5, 1}, Steps: 1, Seconds: 1})
		two := NewBuilder(one.spec)
		one.Series(nil)
		two.Series(nil)
		h, sums = sketch.Histogram{}, Sums{}
		for _, v := range spans {
			one.Add(0, &Measurement{Weight: clew.WeightOne, Value: clew.IntValue(int64(v))})
			h.Add(v, uint64(clew.WeightOne))
			sums.Weight = sums.Weight.Plus(clew.WeightOne)
			sums.Squares = sums.Squares.Add(sketch.Product(uint64(clew.WeightOne), uint64(clew.WeightOne)))
		}
		sums.Durations = &h
		two.AddSums(0, 0, &sums)
		a, errA := one.Finish()
		b, errB := two.Finish()
		if errA != nil || errB != nil || text(a) != text(b) {
			t.Errorf("function %d: %s of spans, %s of sums, %v, %v", fn, text(a), text(b), errA, errB)
		}
	}
}

func TestBounds(t *testing.T) {
	b := NewBuilder(Spec{Fn: Count, Unit: 1, Steps: MaxCells/2 + 1, Seconds: 1})
	if b.Series(nil) != 0 || b.Err() != nil || b.Series(nil) != -1 || clew.KindOf(b.Err()) != clew.TooLarge {
		t.Errorf("two series of too many points: %v", b.Err())
	}
}

// Exemplars are told in the unit of points.
func TestExemplarsHaveTheUnit(t *testing.T) {
	b := NewBuilder(Spec{Fn: Max, Unit: 1e9, Steps: 1, Seconds: 1, Exemplars: 1})
	b.Add(b.Series(nil), &Measurement{Weight: clew.WeightOne, Value: clew.IntValue(2e9), Exemplar: Exemplar{Trace: clew.MakeTraceID(0, 1), Span: 1}})
	list, err := b.Finish()
	if err != nil || len(list) != 1 || len(list[0].Exemplars) != 1 || list[0].Points[0] != 2 || list[0].Exemplars[0].Value != 2 {
		t.Errorf("Finish = %+v, %v, want the point 2 and the exemplar 2", list, err)
	}
}

// TestMemory ends where series would take more than they may, whatever they are made of.
func TestMemory(t *testing.T) {
	for _, fn := range []Fn{Quantile, Octaves, CountDistinct} {
		b := NewBuilder(Spec{Fn: fn, Unit: 1, Quantiles: []float64{0.5}, Steps: 1, Seconds: 1, Memory: 1000})
		s := b.Series(nil)
		added := 0
		for ; b.Err() == nil && added < 100; added++ {
			b.Add(s, &Measurement{Weight: clew.WeightOne, Value: clew.IntValue(1 << (added % 60))})
		}
		if clew.KindOf(b.Err()) != clew.TooLarge || added < 10 || added > 45 {
			t.Errorf("function %d: %v after %d values", fn, b.Err(), added)
		}
		if b.Series(nil) >= 0 {
			t.Errorf("function %d: a further series", fn)
		}
	}
}

// TestQuantilesOfSums has steps of one histogram, of two, and of one and values besides:
// all are as if each value had been added by itself.
func TestQuantilesOfSums(t *testing.T) {
	for _, fn := range []Fn{Quantile, Octaves} {
		spec := Spec{Fn: fn, Unit: 1, Quantiles: []float64{0, 0.5, 0.99, 1}, Steps: 5}
		sums, each := NewBuilder(spec), NewBuilder(spec)
		sums.Series(nil)
		each.Series(nil)
		histogram := func(step int, values ...uint64) {
			h := new(sketch.Histogram)
			for _, v := range values {
				h.Add(v, uint64(clew.WeightOne))
				each.Add(0, &Measurement{Step: step, Weight: clew.WeightOne, Value: clew.IntValue(int64(v))})
			}
			sums.AddSums(0, step, &Sums{Weight: clew.Weight(len(values)) * clew.WeightOne, Durations: h})
		}
		value := func(step int, v int64) {
			for _, b := range []*Builder{sums, each} {
				b.Add(0, &Measurement{Step: step, Weight: clew.WeightOne, Value: clew.IntValue(v)})
			}
		}
		histogram(0, 0, 5, 17, 1000, 1000, 77777)
		histogram(1, 3, 9)
		histogram(1, 4, 1<<40)
		histogram(2, 8, 8)
		value(2, -3)
		value(3, 12)
		histogram(3, 1, 2)
		histogram(4)
		got, err := sums.Finish()
		if err != nil {
			t.Fatal(err)
		}
		want, err := each.Finish()
		if err != nil {
			t.Fatal(err)
		}
		if text(got) != text(want) {
			t.Errorf("%v: of histograms %s, of values %s", fn, text(got), text(want))
		}
	}
}

// Where memory is short exemplars are forgotten, and the numbers are told.
func TestExemplarsGoFirst(t *testing.T) {
	spec := Spec{Fn: Count, Unit: 1, Steps: 1000, Seconds: 1, Exemplars: 100, Memory: 200_000}
	b := NewBuilder(spec)
	for i := range 4 {
		s := b.Series([]Label{{Name: "n", Value: clew.IntValue(int64(i)), Text: "x"}})
		if s != i {
			t.Fatalf("series %d: %v", i, b.Err())
		}
		b.Add(s, &Measurement{Step: i, Weight: clew.WeightOne, Exemplar: Exemplar{Trace: clew.MakeTraceID(1, 1), Span: 1}})
	}
	list, err := b.Finish()
	if err != nil || len(list) != 4 || list[3].Points[3] != 1 || list[0].Exemplars != nil || !strings.Contains(b.Forgotten(), "exemplars") {
		t.Errorf("%d series, %v, forgotten: %q", len(list), err, b.Forgotten())
	}
}

// What is calculated has the errors that follow from those of both sides, and the exemplars
// of both.
func TestCalculateErrors(t *testing.T) {
	nan := math.NaN()
	l := func() []Series { return []Series{{Points: []float64{12, 8, nan, 5}, Errors: []float64{3, nan, 1, 0}}} }
	r := func() []Series { return []Series{{Points: []float64{4, 2, 1, 0}, Errors: []float64{4, 1, 1, 1}}} }
	exact := Scalar(2, 4)
	for _, c := range []struct {
		op   span.ExprOp
		l, r []Series
		want string
	}{
		{span.Sum, l(), r(), "[5 NaN NaN 1]"},
		{span.Difference, l(), r(), "[5 NaN NaN 1]"},
		{span.Product, l(), r(), fmt.Sprint([]float64{math.Hypot(12, 48), nan, nan, 5})},
		{span.Quotient, l(), r(), fmt.Sprint([]float64{math.Hypot(3, 12) / 4, nan, nan, nan})},
		{span.Product, l(), exact, "[6 NaN NaN 0]"},
		{span.Quotient, exact, r(), fmt.Sprint([]float64{.5, .5, 2, nan})},
		{span.Sum, exact, exact, "[]"},
	} {
		out := Calculate(c.op, c.l, c.r)
		if got := fmt.Sprint(out[0].Errors); got != c.want {
			t.Errorf("%v %v %v: errors %s, want %s", text(c.l), c.op, text(c.r), got, c.want)
		}
	}
	one := func(n uint64) Exemplar {
		return Exemplar{Trace: clew.MakeTraceID(1, n), Span: 1, At: clew.UnixNanos(n)}
	}
	a, b := Scalar(1, 1), Scalar(2, 1)
	a[0].Exemplars, b[0].Exemplars = []Exemplar{one(1), one(3)}, []Exemplar{one(2), one(3), one(4)}
	for _, out := range [][]Series{Calculate(span.Quotient, a, b), Calculate(span.Quotient, b, a)} {
		if x := out[0].Exemplars; len(x) != 4 || x[0] != one(1) || x[1] != one(2) || x[2] != one(3) || x[3] != one(4) {
			t.Errorf("exemplars %v", x)
		}
	}
}

// TestMerge tells three builders of measurements, at random, and one of all: together they
// say the same, and remember as much.
func TestMerge(t *testing.T) {
	for fn := Rate; fn <= Last; fn++ {
		for seed := range uint64(20) {
			rng := rand.New(rand.NewPCG(seed, uint64(fn)))
			spec := Spec{Fn: fn, Unit: 1e9, Quantiles: []float64{0, .5, .9, 1}, Steps: 1 + rng.IntN(4), Seconds: 60, Exemplars: rng.IntN(2) * 10}
			all := NewBuilder(spec)
			parts := []*Builder{NewBuilder(spec), NewBuilder(spec), NewBuilder(spec)}
			const names = 5
			var known, to [4][names + 1]int // numbers of series, and one more; 0: none
			series := func(of int, b *Builder, name int) int {
				if known[of][name] == 0 {
					known[of][name] = 1 + b.Series([]Label{{"name", clew.IntValue(int64(name)), fmt.Sprint(name)}})
					to[of][known[of][name]-1] = name
				}
				return known[of][name] - 1
			}
			for range rng.IntN(200) {
				name, of := rng.IntN(names), rng.IntN(3)
				m := Measurement{Step: rng.IntN(spec.Steps), Weight: clew.WeightOne}
				m.At, m.Trace, m.Span = clew.UnixNanos(rng.IntN(9)), clew.MakeTraceID(0, 1+rng.Uint64N(3)), clew.SpanID(1+rng.Uint64N(3))
				if rng.IntN(3) == 0 {
					m.Weight = clew.Weight(rng.Uint64N(9 * uint64(clew.WeightOne)))
				}
				switch rng.IntN(4) {
				case 0:
					m.Value = clew.IntValue(rng.Int64N(9) - 4)
				case 1:
					m.Value = clew.DoubleValue([]float64{0, math.Copysign(0, -1), math.Inf(1), math.NaN()}[rng.IntN(4)])
				case 2:
					m.Value = clew.StringValue("text")
				default:
					m.Value = clew.DoubleValue(math.Ldexp(rng.NormFloat64(), rng.IntN(90)-40))
				}
				again := m
				all.Add(series(3, all, name), &m)
				parts[of].Add(series(of, parts[of], name), &again)
			}
			together := NewBuilder(spec)
			known[3] = [names + 1]int{}
			for _, of := range rng.Perm(3) {
				numbers := make([]int, len(parts[of].list))
				for i := range numbers {
					numbers[i] = series(3, together, to[of][i])
				}
				together.Merge(parts[of], numbers)
			}
			if all.Remembered() != together.Remembered() {
				t.Errorf("%v, seed %d: %d bytes are remembered, want %d", fn, seed, together.Remembered(), all.Remembered())
			}
			want, err := all.Finish()
			if err != nil {
				t.Fatal(err)
			}
			got, err := together.Finish()
			if err != nil || fmt.Sprintf("%v", got) != fmt.Sprintf("%v", want) {
				t.Errorf("%v, seed %d: %v, %v, want %v", fn, seed, got, err, want)
			}
		}
	}
}

// What one builder may not remember, it may not be told by others.
func TestMergeTooMuch(t *testing.T) {
	spec := Spec{Fn: CountDistinct, Steps: 1, Memory: 1 << 18}
	b := NewBuilder(spec)
	b.Series(nil)
	for part := range int64(2) {
		o := NewBuilder(spec)
		o.Series(nil)
		for i := range int64(3000) {
			o.Add(0, &Measurement{Weight: clew.WeightOne, Value: clew.IntValue(part<<32 + i)})
		}
		if o.Err() != nil {
			t.Fatal(o.Err())
		}
		b.Merge(o, []int{0})
	}
	if err := b.Err(); err == nil || !strings.Contains(err.Error(), "would take more than") {
		t.Errorf("6,000 values of some 57 bytes in %d: %v", spec.Memory, err)
	}
	b = NewBuilder(Spec{Fn: CountDistinct, Steps: 1})
	o := NewBuilder(Spec{Fn: CountDistinct, Steps: 1, Memory: 1})
	o.Series(nil)
	b.Series(nil)
	if b.Merge(o, []int{0}); b.Err() == nil {
		t.Error("one that failed was merged, and that is not told")
	}
}
