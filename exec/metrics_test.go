package exec_test

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/traceql"
)

// naiveMetric answers a query that is one metric: points by the texts of labels.
func naiveMetric(t *testing.T, spans []clew.Span, query string, w clew.Window, step time.Duration) map[string][]float64 {
	t.Helper()
	q, err := traceql.Parse(query)
	if err != nil {
		t.Fatal(err)
	}
	m := q.Stages[len(q.Stages)-1].(*traceql.Metric)
	steps := int((uint64(w.End-w.Start)-1)/uint64(step)) + 1
	type cell struct {
		span  *clew.Span
		value *naiveValue
	}
	groups := make(map[string][][]cell)
	if len(m.By) == 0 && !m.Fn.Measures() {
		groups[""] = make([][]cell, steps)
	}
	byTrace := make(map[clew.TraceID][]*clew.Span)
	for i := range spans {
		byTrace[spans[i].TraceID] = append(byTrace[spans[i].TraceID], &spans[i])
	}
	for _, trace := range byTrace {
		from := slices.DeleteFunc(slices.Clone(trace), func(s *clew.Span) bool { return !w.Contains(s.Start) })
		for _, s := range naiveSelect(q.Stages[:len(q.Stages)-1], from, trace, trace) {
			c := cell{span: s}
			if m.X != nil {
				if c.value, _ = naiveValueOf(m.X, s, trace); c.value == nil {
					continue
				}
			}
			var key []string
			for _, f := range m.By {
				_, v := naiveValueOf(f, s, trace)
				key = append(key, naiveText(v))
			}
			k := strings.Join(key, "|")
			if groups[k] == nil {
				groups[k] = make([][]cell, steps)
			}
			at := int(uint64(s.Start-w.Start) / uint64(step))
			groups[k][at] = append(groups[k][at], c)
		}
	}
	out := make(map[string][]float64)
	for k, cells := range groups {
		for i, list := range cells {
			var values []float64
			exact := new(big.Float).SetPrec(3000)
			slices.SortFunc(list, func(a, b cell) int {
				return cmp.Or(cmp.Compare(a.span.Start, b.span.Start), a.span.TraceID.Compare(b.span.TraceID), cmp.Compare(a.span.SpanID, b.span.SpanID))
			})
			for _, c := range list {
				if c.value != nil {
					f, _ := naiveFloat(c.value.v)
					if values = append(values, f); naiveExact(c.value.v) != nil && !math.IsInf(f, 0) {
						exact.Add(exact, naiveExact(c.value.v))
					}
				}
			}
			for name, v := range naivePoints(m, len(list), values, exact, step) {
				name := strings.TrimPrefix(k+name, "|")
				if out[name] == nil {
					out[name] = slices.Repeat([]float64{math.NaN()}, steps)
					if m.Fn == traceql.HistogramOverTime {
						out[name] = make([]float64, steps)
					}
				}
				out[name][i] = v
			}
		}
	}
	return out
}

func naiveText(v *naiveValue) string {
	switch {
	case v == nil:
		return "nil"
	case v.t == traceql.TypeDuration || v.t == traceql.TypeStatus || v.t == traceql.TypeKind:
		return traceql.Static{Type: v.t, Int: v.v.Int()}.String()
	case v.v.Type == clew.TypeDouble && v.v.Double() == math.Trunc(v.v.Double()) && v.v.Double() >= -1<<63 && v.v.Double() < 1<<63:
		return fmt.Sprint(int64(v.v.Double()))
	}
	if v.v.Type == clew.TypeBool || v.v.Type == clew.TypeString {
		return v.v.Type.String() + " " + v.v.String()
	}
	return v.v.String()
}

// naivePoints makes points of the spans of one step, by what the function adds to the
// labels.
func naivePoints(m *traceql.Metric, n int, values []float64, exact *big.Float, step time.Duration) map[string]float64 {
	unit, out := 1.0, make(map[string]float64)
	q := traceql.Query{}
	if m.X != nil && q.TypeOf(m.X) == traceql.TypeDuration {
		unit = 1e9
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	if !math.IsInf(sum, 0) && !math.IsNaN(sum) {
		sum, _ = exact.Float64()
	}
	sorted := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	slices.Sort(sorted)
	switch m.Fn {
	case traceql.Rate:
		out[""] = float64(n) / step.Seconds()
	case traceql.CountOverTime:
		out[""] = float64(n)
	case traceql.SumOverTime:
		if len(values) > 0 {
			out[""] = sum / unit
		}
	case traceql.AvgOverTime:
		if len(values) > 0 {
			out[""] = sum / float64(len(values)) / unit
		}
	case traceql.QuantileOverTime:
		for _, q := range m.Quantiles {
			if len(sorted) > 0 {
				out[fmt.Sprintf("|%v", q)] = sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)] / unit
			}
		}
	case traceql.HistogramOverTime:
		for _, v := range sorted {
			bound := 0.0
			switch {
			case math.IsInf(v, 0):
				bound = v
			case v > 0:
				bound = math.Exp2(math.Ceil(math.Log2(v)))
			case v < 0:
				bound = -math.Exp2(math.Ceil(math.Log2(-v)) - 1)
			}
			out[fmt.Sprintf("|%v", bound/unit)]++
		}
	default:
		if len(sorted) > 0 {
			ends := map[traceql.MetricFn]float64{traceql.MinOverTime: sorted[0], traceql.MaxOverTime: sorted[len(sorted)-1]}
			times := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
			ends[traceql.FirstOverTime], ends[traceql.LastOverTime] = times[0], times[len(times)-1]
			out[""] = ends[m.Fn] / unit
		}
	}
	return out
}

// near compares two points.
func near(a, b, tolerance float64) bool {
	return math.IsNaN(a) && math.IsNaN(b) || a == b || math.Abs(a-b) <= tolerance*math.Abs(b)
}

func compareMetric(t *testing.T, name string, got exec.Metrics, want map[string][]float64, tolerance float64) {
	t.Helper()
	seen := make(map[string]bool)
	for _, s := range got.Series {
		var key []string
		for i := range s.Labels {
			text := s.Labels[i].Text
			if v := s.Labels[i].Value; v.Type == clew.TypeBool || v.Type == clew.TypeString {
				text = v.Type.String() + " " + text
			}
			key = append(key, text)
		}
		k := strings.Join(key, "|")
		seen[k] = true
		points, ok := want[k]
		if !ok {
			if slices.ContainsFunc(s.Points, func(v float64) bool { return v == v }) {
				t.Errorf("%s: series %q %v, want none; there are %q", name, k, s.Points, slices.Sorted(maps.Keys(want)))
			}
			continue
		}
		for i := range points {
			if !near(s.Points[i], points[i], tolerance) {
				t.Errorf("%s: series %q has %v at step %d, want %v", name, k, s.Points[i], i, points[i])
				break
			}
		}
	}
	for k := range want {
		if !seen[k] {
			t.Errorf("%s: no series %q", name, k)
		}
	}
}

// Random metrics over random spans are those of the model, on every store.
func TestMetrics(t *testing.T) {
	g := storagetest.NewGenerator(31)
	spans := g.Spans(60, 6)
	r := randomQuery{rand.New(rand.NewPCG(8, 9))}
	x := func() string {
		return r.one("duration", "span:childCount", ".a", "span.b", "event.a", "event:timeSinceStart", "duration / 7", "parent.a")
	}
	var texts []string
	for len(texts) < 80 {
		fn := r.one("rate()", "count_over_time()", "min_over_time(%s)", "max_over_time(%s)", "avg_over_time(%s)", "sum_over_time(%s)",
			"quantile_over_time(%s, .5, 0.99, 0, 1)", "histogram_over_time(%s)", "first_over_time(%s)", "last_over_time(%s)")
		if strings.Contains(fn, "%s") {
			fn = fmt.Sprintf(fn, x())
		}
		text := r.spanset(1) + " | " + fn + r.one("", " by (resource.service.name)", " by (name, kind)", " by (.a)", " by (status, span.b)", " by (duration)", " by (parent.a)")
		if _, err := exec.Prepare(text); err == nil {
			texts = append(texts, text)
		}
	}
	first, last := spans[0].Start, spans[0].Start
	for i := range spans {
		first, last = min(first, spans[i].Start), max(last, spans[i].Start)
	}
	for name, open := range variants() {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			fill(t, store, spans, 23)
			for _, text := range texts {
				w := clew.Window{Start: first + clew.UnixNanos(r.Int64N(60e9)), End: last - clew.UnixNanos(r.Int64N(60e9))}
				step := []time.Duration{time.Minute, 7 * time.Second, time.Hour}[r.IntN(3)]
				got, err := exec.RunMetrics(t.Context(), store, exec.MetricsRequest{Over: exec.Over{Tenant: tenant, Window: w}, Plan: prepare(t, text), Step: step})
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				tolerance := 1e-9
				if got.Approximate {
					tolerance = sketch.RelativeError
				}
				compareMetric(t, fmt.Sprintf("%s in %v by %v", text, w, step), got, naiveMetric(t, spans, text, w, step), tolerance)
				if t.Failed() {
					return
				}
			}
		})
	}
}

// countingScans counts the scans of a store.
type countingScans struct {
	storage.Store
	storage.Aggregator
	windows []clew.Window
}

func (s *countingScans) Scan(ctx context.Context, r storage.Request) iter.Seq2[*span.Batch, error] {
	s.windows = append(s.windows, r.Window)
	return s.Store.Scan(ctx, r)
}

// What a store has summed up is answered from its sums, and from spans at the ends of the
// window; what it has not, from spans. The answer is the same.
func TestMetricsFromSums(t *testing.T) {
	spans := storagetest.NewGenerator(41).Spans(80, 6)
	for i := range spans {
		spans[i].End = max(spans[i].End, spans[i].Start)
	}
	const minute = clew.UnixNanos(time.Minute)
	begin := storagetest.Epoch / minute * minute
	for name, open := range variants() {
		store := open(t)
		a, ok := store.(storage.Aggregator)
		if !ok || !store.Capabilities().Rollups {
			continue
		}
		fill(t, store, spans, 23)
		f := func(query string, w clew.Window, step time.Duration, scans int) {
			t.Helper()
			counted := &countingScans{Store: store, Aggregator: a}
			got, err := exec.RunMetrics(t.Context(), counted, exec.MetricsRequest{Over: exec.Over{Tenant: tenant, Window: w}, Plan: prepare(t, query), Step: step})
			if err != nil {
				t.Fatal(err)
			}
			if len(counted.windows) != scans {
				t.Errorf("%s: %s in %v by %v: scans %v, want %d", name, query, w, step, counted.windows, scans)
			}
			if step == 0 {
				step = time.Duration(w.End - w.Start)
			}
			tolerance := 1e-9
			if got.Approximate {
				tolerance = sketch.RelativeError
			}
			compareMetric(t, name+": "+query, got, naiveMetric(t, spans, query, w, step), tolerance)
		}
		even, odd := clew.Window{Start: begin, End: begin + 5*minute}, clew.Window{Start: begin + 7e9, End: begin + 4*minute + 3e9}
		f("{ } | rate()", even, time.Minute, 0)
		f("{ } | count_over_time() by (name, kind)", even, 2*time.Minute, 0)
		f("{ status = error && kind = server } | count_over_time()", even, time.Minute, 0)
		f(`{ name = "GET /" } | sum_over_time(duration)`, even, 0, 0)
		f("{ } | min_over_time(duration) by (status)", even, time.Minute, 0)
		f("{ } | max_over_time(duration)", even, time.Minute, 0)
		f("{ } | avg_over_time(duration) by (kind)", even, time.Minute, 0)
		f("{ } | quantile_over_time(duration, 0.5, 0.99)", even, time.Minute, 0)
		f("{ } | histogram_over_time(duration) by (name)", even, time.Minute, 0)
		f("{ } | rate()", odd, 0, 2)
		f("{ } | rate()", clew.Window{Start: begin, End: odd.End}, time.Minute, 1)
		f("{ } | rate()", odd, time.Minute, 1)
		f("{ } | rate()", even, 90*time.Second, 1)
		f("{ } | rate() by (resource.service.name)", even, time.Minute, 1) // some have none
		f("{ } | rate() by (.a)", even, time.Minute, 1)
		f("{ .a = 1 } | rate()", even, time.Minute, 1)
		f("{ } | sum_over_time(span.a)", even, time.Minute, 1)
		f("{ } | first_over_time(duration)", even, time.Minute, 1)
	}
}
