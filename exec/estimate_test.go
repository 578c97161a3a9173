package exec_test

import (
	"math"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// TestEstimates counts spans of which some were sampled, by themselves and in whole traces.
func TestEstimates(t *testing.T) {
	of := func(trace, id, parent uint64, name, state string) clew.Span {
		return clew.Span{TraceID: clew.MakeTraceID(1, trace), SpanID: clew.SpanID(id), ParentID: clew.SpanID(parent), Name: name,
			Start: storagetest.Epoch + clew.UnixNanos(id), End: storagetest.Epoch + clew.UnixNanos(id+7), TraceState: state}
	}
	forced := of(4, 8, 0, "forced", "")
	forced.Attrs = []clew.Attr{{Key: "sampling.priority", Value: clew.IntValue(1)}}
	spans := []clew.Span{
		of(1, 1, 0, "a", "ot=th:8"), of(1, 2, 1, "b", "ot=th:8"), // one of two
		of(2, 3, 0, "a", "ot=th:c"), of(2, 4, 3, "b", "ot=th:c"), // one of four
		of(3, 5, 0, "a", ""), of(3, 6, 5, "b", "ot=th:0"),
		of(4, 7, 8, "b", "ot=th:oh"), forced, // nobody knows
		of(5, 9, 0, "c", ""),
	}
	for name, open := range variants() {
		store := open(t)
		fill(t, store, spans, 2)
		for _, c := range []struct {
			query                   string
			spans                   int64
			estimate, standardError float64
			unknown                 int64
		}{
			{"{ }", 9, 4 + 8 + 2 + 2 + 1, math.Sqrt(2*2 + 2*12), 2},
			{`{ name = "a" }`, 3, 7, math.Sqrt(2 + 12), 0},
			{`{ name = "b" }`, 4, 8, math.Sqrt(2 + 12), 1},
			{`{ name = "c" }`, 1, 0, 0, 0},
			{`{ name = "forced" }`, 1, 0, 0, 1},
			{`{ name = "none" }`, 0, 0, 0, 0},
			{`{ name = "a" } > { name = "b" }`, 3, 7, math.Sqrt(2 + 12), 0},
			{`{ name = "b" } with (weighted = false)`, 4, 0, 0, 0},
		} {
			n, err := exec.Count(t.Context(), store, exec.Over{Tenant: tenant}, prepare(t, c.query))
			if err != nil {
				t.Fatal(err)
			}
			e := &n.Estimate
			if n.Spans != c.spans || e.Sampled() != (c.estimate > 0) || e.Unknown != c.unknown {
				t.Errorf("%s: %s: %d spans, sampled %v, %d unknown; want %+v", name, c.query, n.Spans, e.Sampled(), e.Unknown, c)
			}
			if e.Sampled() && (e.Spans() != c.estimate || math.Abs(e.StandardError()-c.standardError) > 1e-9) {
				t.Errorf("%s: %s: %v ± %v, want %v ± %v", name, c.query, e.Spans(), e.StandardError(), c.estimate, c.standardError)
			}
		}
	}
}

// TestErrorsOfAverages has averages of sampled spans, whose sums a store has, and which are
// made of the spans all the same.
func TestErrorsOfAverages(t *testing.T) {
	var spans []clew.Span
	for i, took := range []clew.UnixNanos{10e9, 20e9} {
		spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, uint64(i+1)), SpanID: clew.SpanID(i + 1), Name: "a",
			Start: storagetest.Epoch, End: storagetest.Epoch + took, TraceState: []string{"ot=th:c", ""}[i]})
	}
	begin := storagetest.Epoch / 60e9 * 60e9
	for name, open := range variants() {
		store := open(t)
		fill(t, store, spans, 2)
		for query, want := range map[string]float64{
			"{ } | avg_over_time(duration)":                         math.Sqrt(4*3*2*2) / 5,
			"{ } | avg_over_time(duration) with (weighted = false)": 0,
			"{ duration > 15s } | avg_over_time(duration)":          0,
		} {
			got, err := exec.RunMetrics(t.Context(), store, exec.MetricsRequest{Plan: prepare(t, query), Step: time.Minute,
				Over: exec.Over{Tenant: tenant, Window: clew.Window{Start: begin, End: begin + 60e9}}})
			if err != nil {
				t.Fatal(err)
			}
			have := got.Series[0].Errors
			if (have != nil) != (want > 0) || want > 0 && math.Abs(have[0]-want) > 1e-9 {
				t.Errorf("%s: %s: errors %v, want %v", name, query, have, want)
			}
		}
	}
}
