package sampling

import (
	"context"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// StepBefore returns the last whole Step of which the spans have come by now.
func StepBefore(now clew.UnixNanos) clew.Window {
	end := now - clew.UnixNanos(Delay)
	end -= end % clew.UnixNanos(Step)
	return clew.Window{Start: end - clew.UnixNanos(Step), End: end}
}

// Began counts the traces of a tenant that began in a window with operations of some services:
// spans without parents. It is an error of kind TooLarge if there is too much to be looked at.
func Began(ctx context.Context, s storage.Scanner, t clew.Tenant, w clew.Window, services []string) (map[Operation]int, error) {
	wanted := make(map[string]bool, len(services))
	for _, name := range services {
		wanted[name] = true
	}
	out := map[Operation]int{}
	codes := map[[2]uint32]int{} // of resources and names, in a batch
	var stats storage.Stats
	request := storage.Request{Tenant: t, Window: w, Where: span.Negate(span.Has(span.Field{Intrinsic: span.ParentID})), MaxRows: maxCountedRows, Stats: &stats,
		Columns: storage.Columns{Intrinsics: []span.Intrinsic{span.Start, span.Name}, Resources: true}}
	for b, err := range s.Scan(ctx, request) {
		if err != nil {
			return nil, err
		}
		clear(codes)
		for row := range b.Rows {
			if b.Matched != nil && b.Matched.Get(row) || b.Matched == nil && b.ParentID[row] == 0 && w.Contains(clew.UnixNanos(b.Start[row])) {
				codes[[2]uint32{b.Resource[row], b.Name[row]}]++
			}
		}
		for c, n := range codes {
			service := b.Resources[c[0]].Service
			if !wanted[service] {
				continue
			}
			o := Operation{service, string(b.Names.At(int(c[1])))}
			if _, known := out[o]; known || len(out) < maxCounted {
				out[o] += n
			}
		}
	}
	if stats.Exhausted {
		return nil, clew.Errorf(clew.TooLarge, "more than %d spans began within %v", maxCountedRows, Step)
	}
	return out, nil
}
