package exec_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// sums is a store that answers what a test wants.
type sums struct {
	*storagetest.Memory
	asked storage.RollupRequest
	out   storage.Rollups
	slow  bool
}

func (s *sums) Rollups(ctx context.Context, r storage.RollupRequest) (storage.Rollups, error) {
	s.asked = r
	if s.slow {
		<-ctx.Done()
		return storage.Rollups{}, clew.Errorf(clew.Canceled, "stopped: %w", context.Cause(ctx))
	}
	return s.out, nil
}

func TestRollups(t *testing.T) {
	s := &sums{Memory: storagetest.NewMemory(storagetest.AllCapabilities())}
	at := time.Unix(1_800_000_000, 0)
	s.out = storage.Rollups{Series: []storage.RollupSeries{{Figures: storage.Figures{Spans: 30}}}, Watermark: at}
	over := exec.Over{Tenant: "a", Window: clew.Window{Start: 60e9, End: 120e9}}
	out, cost, err := exec.Rollups(t.Context(), s, over, storage.RollupRequest{By: storage.ByKind})
	if err != nil || len(out.Series) != 1 || !cost.Complete || cost.Searched != 1 || !cost.Watermark.Equal(at) {
		t.Errorf("Rollups = %+v, %+v, %v", out, cost, err)
	}
	if s.asked.Tenant != "a" || s.asked.Window != over.Window || s.asked.By != storage.ByKind {
		t.Errorf("the store was asked %+v", s.asked)
	}
	s.out.Damaged, s.out.Damage = 10, errors.New("x.seg: offset 7")
	_, cost, err = exec.Rollups(t.Context(), s, over, storage.RollupRequest{})
	if err != nil || cost.Complete || cost.Searched != 0.75 || cost.Reason != "10 spans may be missing: x.seg: offset 7; to mend it, stop the server and run clew verify --repair" {
		t.Errorf("damage: %+v, %v", cost, err)
	}
	s.slow = true
	over.Budget.Time = time.Millisecond
	if _, _, err := exec.Rollups(t.Context(), s, over, storage.RollupRequest{}); clew.KindOf(err) != clew.TooLarge {
		t.Errorf("a question that takes too long: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := exec.Rollups(ctx, s, exec.Over{}, storage.RollupRequest{}); clew.KindOf(err) != clew.Canceled {
		t.Errorf("a question that was withdrawn: %v", err)
	}
	least := storagetest.NewMemory(storage.Capabilities{})
	if _, _, err := exec.Rollups(t.Context(), least, exec.Over{}, storage.RollupRequest{}); clew.KindOf(err) != clew.Unsupported {
		t.Errorf("a store that cannot: %v", err)
	}
}

// TestRareOperations asks for an operation of a service that has so many that rollups do
// not keep all of them apart.
func TestRareOperations(t *testing.T) {
	store := variants()["spandb, head"](t)
	const names = 600
	var spans []clew.Span
	for i := range uint64(names) {
		for k := range min(i+1, 2) { // the first one is the rarest
			start := storagetest.Epoch + clew.UnixNanos(i)*1000
			spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, i+1), SpanID: clew.SpanID(k + 1), Name: fmt.Sprintf("op %d", i),
				Start: start, End: start + 1000, Kind: clew.KindClient, Attrs: []clew.Attr{{Key: "peer.service", Value: clew.StringValue(fmt.Sprintf("peer %d", i))}},
				Resource: &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue("many")}}}})
		}
	}
	fill(t, store, spans, len(spans))
	minute := clew.UnixNanos(time.Minute)
	start := storagetest.Epoch / minute * minute
	over := exec.Over{Tenant: tenant, Window: clew.Window{Start: start, End: start + 2*minute}}
	for query, want := range map[string]float64{
		`{ name = "op 0" } | count_over_time()`:                                   1,
		`{ name = "op 0" && resource.service.name = "many" } | count_over_time()`: 1,
		`{ name = "op 1" } | count_over_time()`:                                   2,
		`{ resource.service.name = "many" } | count_over_time()`:                  2*names - 1,
	} {
		m, err := exec.RunMetrics(t.Context(), store, exec.MetricsRequest{Over: over, Plan: prepare(t, query)})
		if err != nil || len(m.Series) != 1 || m.Series[0].Points[0] != want || !m.Cost.Complete {
			t.Errorf("%s: %+v, %v, want %v", query, m, err, want)
		}
	}
	for _, c := range []struct {
		storage.RollupRequest
		others int64
	}{
		{storage.RollupRequest{Services: []string{"many"}, Operations: []string{"op 1"}}, 2*(names-512) - 1},
		{storage.RollupRequest{Services: []string{"another"}, Operations: []string{"op 1"}}, 0},
		{storage.RollupRequest{Services: []string{"many"}, Edges: true}, 0},
		{storage.RollupRequest{Services: []string{"peer 1"}, Edges: true}, 2*(names-256) - 1},
	} {
		sums, cost, err := exec.Rollups(t.Context(), store, over, c.RollupRequest)
		if err != nil || sums.Others != c.others || cost.Complete != (c.others == 0) || cost.Complete != (cost.Searched == 1) {
			t.Errorf("%+v: %d others, %+v, %v, want %d", c.RollupRequest, sums.Others, cost, err, c.others)
		}
	}
}

// A metric for which a store's sums take longer than there is time is not known, and says
// so.
func TestMetricsOfSlowSums(t *testing.T) {
	s := &sums{Memory: storagetest.NewMemory(storagetest.AllCapabilities()), slow: true}
	over := exec.Over{Tenant: tenant, Window: clew.Window{Start: 60e9, End: 120e9}, Budget: exec.Budget{Time: time.Millisecond}}
	for _, query := range []string{"{ } | rate()", "({ } | rate()) / ({ } | rate())"} {
		m, err := exec.RunMetrics(t.Context(), s, exec.MetricsRequest{Over: over, Plan: prepare(t, query)})
		if err != nil || m.Cost.Complete || m.Cost.Searched != 0 || !strings.HasPrefix(m.Cost.Reason, "the time budget of 1ms ended") {
			t.Errorf("%s: %+v, %v", query, m.Cost, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := exec.RunMetrics(ctx, s, exec.MetricsRequest{Over: over, Plan: prepare(t, "{ } | rate()")}); clew.KindOf(err) != clew.Canceled {
		t.Errorf("a question that was withdrawn: %v", err)
	}
}

// In the last minute of time there is no whole one.
func TestMetricsAtTheEndOfTime(t *testing.T) {
	store := variants()["memory, one batch"](t)
	fill(t, store, []clew.Span{{TraceID: clew.MakeTraceID(1, 1), SpanID: 1, Start: storagetest.Epoch, End: storagetest.Epoch + 1}}, 1)
	over := exec.Over{Tenant: tenant, Window: clew.Window{Start: math.MaxUint64 - 10, End: math.MaxUint64}}
	m, err := exec.RunMetrics(t.Context(), store, exec.MetricsRequest{Over: over, Plan: prepare(t, "{ } | count_over_time()")})
	if err != nil || len(m.Series) != 1 || m.Series[0].Points[0] != 0 {
		t.Errorf("%+v, %v", m, err)
	}
}
