package exec_test

import (
	"context"
	"errors"
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
