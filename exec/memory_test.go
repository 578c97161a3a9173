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
