package tempo

import (
	"context"

	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/catalog"
	"github.com/clew-tracing/clew/storage"
)

// namesOf returns the attributes that occur in a window: those of the spans that a query
// selects, if it can be told which.
func namesOf(ctx context.Context, store exec.Store, over exec.Over, query string) ([]storage.TagName, exec.Cost, error) {
	plan := filterOf(query)
	if plan == nil {
		return catalog.TagNames(ctx, store, over)
	}
	found, cost, err := catalog.CountTags(ctx, store, over, plan)
	names := make([]storage.TagName, len(found))
	for i := range found {
		names[i] = found[i].TagName
	}
	return names, cost, err
}

// filterOf returns what selects the spans of which tags are wanted; nil if that is all of
// them, or cannot be told.
func filterOf(query string) *exec.Plan {
	filter := valid(query)
	if filter == "" {
		return nil
	}
	q, err := parse(filter)
	if err != nil {
		return nil
	}
	plan, err := compile(q)
	if err != nil {
		return nil
	}
	return plan
}
