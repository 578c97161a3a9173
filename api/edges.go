package api

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/storage"
)

// Edge is that one service asks another, or a database or queue that sends no spans.
type Edge struct {
	Client, Server string
	// Calls and Errors are estimated where spans are sampled.
	Calls, Errors uint64
}

// Edges returns who asks whom in the question's window, widened to whole minutes, by client,
// then server. Those of which the client is not known, or that the store does not keep
// apart, are not among them.
func (q *Question) Edges() ([]Edge, exec.Cost, error) {
	over := q.Over
	over.Window = WholeMinutes(over.Window)
	sums, cost, err := exec.Rollups(q.Ctx, q.Store, over, storage.RollupRequest{Edges: true, By: storage.ByClient | storage.ByServer})
	if err != nil {
		return nil, cost, err
	}
	var out []Edge
	for i := range sums.Series {
		s := &sums.Series[i]
		if s.Unresolved || s.Other {
			continue
		}
		e := Edge{ServiceName(s.Client), ServiceName(s.Server), uint64(math.Round(s.Weight.Float64())), uint64(math.Round(s.ErrorWeight.Float64()))}
		if n := len(out); n > 0 && out[n-1].Client == e.Client && out[n-1].Server == e.Server { // one that sends spans, and sometimes not
			out[n-1].Calls += e.Calls
			out[n-1].Errors += e.Errors
			continue
		}
		out = append(out, e)
	}
	slices.SortFunc(out, func(x, y Edge) int {
		return cmp.Or(cmp.Compare(x.Client, y.Client), cmp.Compare(x.Server, y.Server))
	})
	return out, cost, nil
}

// WholeMinutes widens a window to whole minutes.
func WholeMinutes(w clew.Window) clew.Window {
	const minute = clew.UnixNanos(time.Minute)
	w.Start -= w.Start % minute
	if rest := w.End % minute; rest != 0 && w.End < math.MaxUint64-minute {
		w.End += minute - rest
	} else if rest != 0 {
		w.End = 0 // open: there is no whole minute behind it
	}
	return w
}
