package exec

import (
	"context"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage"
)

// Rollups returns series of a store that keeps sums; of others the error is of kind
// Unsupported, since counting every row is what rollups are there to spare. Tenant and
// window of r are those of over. Of the budget only its time counts: an answer in part
// would be wrong sums, so that the error is then of kind TooLarge.
func Rollups(ctx context.Context, store Store, over Over, r storage.RollupRequest) (storage.Rollups, Cost, error) {
	run := begin(store, over)
	a, ok := store.(storage.Aggregator)
	if s, all := store.(storage.Store); !ok || all && !s.Capabilities().Rollups {
		return storage.Rollups{}, Cost{}, clew.Errorf(clew.Unsupported, "this store has no rollups")
	}
	r.Tenant, r.Window = over.Tenant, over.Window
	var out storage.Rollups
	err := over.Budget.InTime(ctx, "the rollups", func(ctx context.Context) (err error) {
		out, err = a.Rollups(ctx, r)
		return err
	})
	if err != nil {
		return storage.Rollups{}, Cost{}, err
	}
	counted := int64(0)
	for i := range out.Series {
		counted += int64(out.Series[i].Spans)
	}
	if out.Damaged > 0 {
		run.partial("%d spans may be missing: %v%s", out.Damaged, out.Damage, Mend)
	}
	if out.Others > 0 {
		run.partial("%d spans may be missing: they are of operations or servers that are so many that rollups do not keep them apart", out.Others)
	}
	searched := 1.0
	if missing := out.Damaged + out.Others; missing > 0 {
		searched = float64(counted) / float64(counted+missing)
	}
	run.cost.Watermark = out.Watermark
	return out, run.done(searched), nil
}
