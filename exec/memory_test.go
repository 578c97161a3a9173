package exec_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// TestMemoryIsBounded asks for much to remember with little memory: series of many long
// texts are refused, with what to do; traces with large values end the page, and it says so.
func TestMemoryIsBounded(t *testing.T) {
	const n, long = 300, 100_000
	spans := make([]clew.Span, n)
	for i := range spans {
		spans[i] = clew.Span{TraceID: clew.MakeTraceID(1, uint64(i+1)), SpanID: 1, Name: "n", Start: storagetest.Epoch + clew.UnixNanos(i), End: storagetest.Epoch + 1000,
			Attrs: []clew.Attr{{Key: "big", Value: clew.StringValue(fmt.Sprint(i) + strings.Repeat("x", long))}, {Key: "i", Value: clew.IntValue(int64(i))}}}
	}
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	fill(t, store, spans, 50)
	over := exec.Over{Tenant: tenant, Window: clew.Window{Start: storagetest.Epoch, End: storagetest.Epoch + n}, Budget: exec.Budget{Memory: 1 << 20}}
	for query, step := range map[string]int64{
		`{ } | rate() by (span.big)`:               n,
		`{ } | count_distinct_over_time(span.big)`: n,
	} {
		_, err := exec.RunMetrics(t.Context(), store, exec.MetricsRequest{Over: over, Plan: prepare(t, query), Step: time.Duration(step)})
		if clew.KindOf(err) != clew.TooLarge || !strings.Contains(err.Error(), "more than the 8 MB of memory") {
			t.Errorf("%s: %v, want TooLarge", query, err)
		}
	}
	for _, query := range []string{`{ } | select(span.big)`, `{ } | select(span.big) | order by span.i`} {
		res, err := exec.Search(t.Context(), store, exec.Request{Over: over, Plan: prepare(t, query), Limit: 200})
		if err != nil || res.Cost.Complete || !strings.Contains(res.Cost.Reason, "more than the 4 MB of memory") || len(res.Hits) == 0 || len(res.Hits) > 50 {
			t.Errorf("%s: %d traces, %+v, %v", query, len(res.Hits), res.Cost, err)
		}
	}
	over.Budget.Memory = 0 // the default
	if res, err := exec.Search(t.Context(), store, exec.Request{Over: over, Plan: prepare(t, `{ } | select(span.i)`), Limit: 200}); err != nil || !res.Cost.Complete || len(res.Hits) != 200 {
		t.Errorf("small values: %d traces, %+v, %v", len(res.Hits), res.Cost, err)
	}
}

// Metrics that are calculated with others share memory with those that wait for them.
func TestMemoryOfCalculations(t *testing.T) {
	spans := make([]clew.Span, 400)
	for i := range spans {
		at := storagetest.Epoch + clew.UnixNanos(i)
		spans[i] = clew.Span{TraceID: clew.MakeTraceID(1, uint64(i+1)), SpanID: 1, Start: at, End: at + 1, Attrs: []clew.Attr{{Key: "n", Value: clew.IntValue(int64(i))}}}
	}
	store := variants()["memory, one batch"](t)
	fill(t, store, spans, len(spans))
	over := exec.Over{Tenant: tenant, Window: clew.Window{Start: storagetest.Epoch, End: storagetest.Epoch + 100e9}, Budget: exec.Budget{Memory: 1}}
	const one, n = "({ } | count_over_time() by (span.n))", 40
	for name, c := range map[string]struct {
		query string
		kind  clew.ErrorKind
	}{
		"in turn":          {one + strings.Repeat(" + "+one, n), 0},
		"all at the end":   {strings.Repeat("("+one+" + ", n) + one + strings.Repeat(")", n), clew.TooLarge},
		"a few at the end": {strings.Repeat("("+one+" + ", 4) + one + strings.Repeat(")", 4), 0},
	} {
		m, err := exec.RunMetrics(t.Context(), store, exec.MetricsRequest{Over: over, Plan: prepare(t, c.query), Step: time.Second})
		if c.kind != 0 && clew.KindOf(err) != c.kind || c.kind == 0 && (err != nil || len(m.Series) != len(spans)) {
			t.Errorf("%s: %d series, %v", name, len(m.Series), err)
		}
	}
}

// A comparison remembers less where there is less memory, and says how much is too much.
func TestMemoryOfComparisons(t *testing.T) {
	spans := make([]clew.Span, 1000)
	for i := range spans {
		s := clew.Span{TraceID: clew.MakeTraceID(1, uint64(i+1)), SpanID: 1, Start: storagetest.Epoch, End: storagetest.Epoch + 1}
		for k := range 50 {
			s.Attrs = append(s.Attrs, clew.Attr{Key: fmt.Sprintf("a%02d", k), Value: clew.IntValue(int64(i))})
		}
		spans[i] = s
	}
	store := variants()["memory, one batch"](t)
	fill(t, store, spans, len(spans))
	over := exec.Over{Tenant: tenant, Window: clew.Window{Start: storagetest.Epoch, End: storagetest.Epoch + 100e9}}
	plan := prepare(t, "{ } | compare({ status = error })")
	if m, err := exec.RunMetrics(t.Context(), store, exec.MetricsRequest{Over: over, Plan: plan}); err != nil || len(m.Series) < 50*10 {
		t.Errorf("%d series, %v", len(m.Series), err)
	}
	over.Budget.Memory = 1
	_, err := exec.RunMetrics(t.Context(), store, exec.MetricsRequest{Over: over, Plan: plan})
	if clew.KindOf(err) != clew.TooLarge || !strings.Contains(err.Error(), "select fewer of them") {
		t.Errorf("with little memory: %v", err)
	}
}
