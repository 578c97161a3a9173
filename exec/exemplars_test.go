package exec_test

import (
	"context"
	"iter"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// scanned is a store that counts scans, and fails or stalls them if it is to.
type scanned struct {
	*storagetest.Memory
	scans int
	fault error
	stall bool
}

func (s *scanned) Scan(ctx context.Context, r storage.Request) iter.Seq2[*span.Batch, error] {
	s.scans++
	switch {
	case s.fault != nil:
		return func(yield func(*span.Batch, error) bool) { yield(nil, s.fault) }
	case s.stall:
		return func(yield func(*span.Batch, error) bool) {
			<-ctx.Done()
			yield(nil, clew.Errorf(clew.Canceled, "stopped: %w", context.Cause(ctx)))
		}
	}
	return s.Memory.Scan(ctx, r)
}

// TestExemplarsChangeNoNumber asks with and without exemplars, of a store whose sums tell the
// numbers: the answers are the same, whatever happens to the scan that looks for exemplars,
// and there is one of them.
func TestExemplarsChangeNoNumber(t *testing.T) {
	s := &scanned{Memory: storagetest.NewMemory(storagetest.AllCapabilities())}
	minute := clew.UnixNanos(time.Minute)
	start := storagetest.Epoch / minute * minute
	var spans []clew.Span
	for i := range uint64(60) {
		at := start + clew.UnixNanos(i)*2*clew.UnixNanos(time.Second)
		spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, i+1), SpanID: 1, Name: "op", Start: at, End: at + 1000,
			Resource: &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue([]string{"a", "b"}[i%2])}}}})
	}
	fill(t, s, spans, len(spans))
	over := exec.Over{Tenant: tenant, Window: clew.Window{Start: start, End: start + 2*minute}}
	for _, query := range []string{`{ } | rate() by (resource.service.name)`, `{ } | quantile_over_time(duration, .5)`, `({ } | rate()) + ({ } | rate())`} {
		ask := func(exemplars int) exec.Metrics {
			t.Helper()
			s.scans = 0
			m, err := exec.RunMetrics(t.Context(), s, exec.MetricsRequest{Over: over, Plan: prepare(t, query), Step: time.Minute, Exemplars: exemplars})
			if err != nil || !m.Cost.Complete {
				t.Fatalf("%s: %+v, %v", query, m.Cost, err)
			}
			return m
		}
		plain := ask(0)
		if s.scans != 0 {
			t.Fatalf("%s: %d scans: it is not answered from sums, and shows nothing", query, s.scans)
		}
		check := func(what string, some bool, reason string) {
			t.Helper()
			m := ask(10)
			got := 0
			for i := range m.Series {
				got += len(m.Series[i].Exemplars)
				if !reflect.DeepEqual(m.Series[i].Points, plain.Series[i].Points) {
					t.Errorf("%s, %s: %v, without exemplars %v", query, what, m.Series[i].Points, plain.Series[i].Points)
				}
			}
			if most := strings.Count(query, "}"); got > 0 != some || !strings.Contains(m.LeftOut, reason) || (m.LeftOut == "") != (reason == "") || s.scans > most {
				t.Errorf("%s, %s: %d exemplars by %d scans, left out: %q", query, what, got, s.scans, m.LeftOut)
			}
		}
		check("all well", true, "")
		s.fault = clew.Errorf(clew.TooLarge, "no room")
		check("a scan that fails", false, "no room")
		s.fault, s.stall = nil, true
		check("a scan that takes long", false, "time budget of 500ms")
		s.stall = false
	}
}
