// Package graph answers what X-Ray's API is asked about who asks whom: the graph of services of
// a range of time or of some traces, and numbers of it over time.
//
// Everything is counted from whole traces, as package view shows them; the rollups of a store
// know no faults and throttles. A request counts where it starts: ranges that follow each other
// add up.
package graph

import (
	"context"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/view"
	format "github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/span"
)

// operations are those that need groups.
type operations struct{ groups Groups }

// Operations are those of this package.
func Operations(groups Groups, r *Retrievals) []xray.Operation {
	o := &operations{groups}
	return []xray.Operation{
		xray.Op("/ServiceGraph", o.serviceGraph),
		xray.Op("/TimeSeriesServiceStatistics", o.timeSeries),
		xray.Op("/TraceGraph", traceGraph),
		xray.Op("/StartTraceRetrieval", r.startRetrieval),
		xray.Op("/ListRetrievedTraces", r.list),
		xray.Op("/GetRetrievedTracesGraph", r.graph),
		xray.Op("/CancelTraceRetrieval", r.cancelRetrieval),
	}
}

type serviceGraphRequest struct {
	StartTime, EndTime *xray.Seconds
	ofGroup
	NextToken string
}

type serviceGraphAnswer struct {
	StartTime, EndTime       xray.Seconds
	Services                 []serviceJSON
	ContainsOldGroupVersions bool
}

func (o *operations) serviceGraph(c *api.Call, in *serviceGraphRequest) (*serviceGraphAnswer, error) {
	w, err := windowOf(in.StartTime, in.EndTime)
	if err != nil {
		return nil, err
	}
	if err := noPage(in.NextToken); err != nil {
		return nil, err
	}
	wanted, err := o.expression(c.Tenant, &in.ofGroup)
	if err != nil {
		return nil, err
	}
	all := newTally(w)
	err = countTraces(c, scope{window: w, wanted: wanted}, func() (func(*view.Trace), func()) {
		mine := newTally(w)
		return mine.add, func() { all.join(mine) }
	})
	if err != nil {
		return nil, err
	}
	if err := all.follow(c); err != nil {
		return nil, err
	}
	if err := all.tooLarge(); err != nil {
		return nil, err
	}
	return &serviceGraphAnswer{StartTime: *in.StartTime, EndTime: *in.EndTime, Services: all.services()}, nil
}

// tooLarge is the error of a graph that has no room.
func (y *tally) tooLarge() error {
	if !y.full {
		return nil
	}
	return clew.Errorf(clew.Invalid, "the graph has more than %d nodes or %d edges: ask for a shorter range; if names of services have ids in them, let them have none", maxNodes, maxEdges)
}

// windowOf reads a range of time.
func windowOf(start, end *xray.Seconds) (clew.Window, error) {
	if start == nil || end == nil || *start >= *end {
		return clew.Window{}, clew.Errorf(clew.Invalid, "StartTime, EndTime: give both, the end behind the start")
	}
	return clew.Window{Start: clew.UnixNanos(*start), End: clew.UnixNanos(*end)}, nil
}

// noPage refuses a token: answers here have one page.
func noPage(token string) error {
	if token == "" {
		return nil
	}
	return clew.Errorf(clew.Invalid, "NextToken: this operation answers on one page, and never gave a token: leave it out")
}

type traceGraphRequest struct {
	TraceIDs  []string `json:"TraceIds"`
	NextToken string
}

type traceGraphAnswer struct{ Services []serviceJSON }

// traceGraph is the graph of some traces. Those that are not there have no nodes in it.
func traceGraph(c *api.Call, in *traceGraphRequest) (*traceGraphAnswer, error) {
	ids, err := idsOf(in.TraceIDs, maxNamed)
	if err != nil {
		return nil, err
	}
	if err := noPage(in.NextToken); err != nil {
		return nil, err
	}
	y := newTally(clew.Window{})
	if err := eachNamed(c, ids, func(_ clew.TraceID, t *view.Trace) { y.add(t) }); err != nil {
		return nil, err
	}
	if err := y.follow(c); err != nil {
		return nil, err
	}
	if err := y.tooLarge(); err != nil {
		return nil, err
	}
	return &traceGraphAnswer{y.services()}, nil
}

// idsOf reads ids of traces, of which there may be so many at once; each counts once.
func idsOf(texts []string, most int) ([]clew.TraceID, error) {
	switch n := len(texts); {
	case n == 0:
		return nil, clew.Errorf(clew.Invalid, "TraceIds: name at least one trace")
	case n > most:
		return nil, clew.Errorf(clew.Invalid, "TraceIds: %d traces: name at most %d at once", n, most)
	}
	var ids []clew.TraceID
	for _, text := range texts {
		id, err := format.ParseTraceID(text)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// eachNamed shows some traces, one after the other, within the time of a question; those that
// are not there are left out.
func eachNamed(c *api.Call, ids []clew.TraceID, f func(id clew.TraceID, t *view.Trace)) error {
	return c.Budget.InTime(c.Ctx, "reading the traces", func(ctx context.Context) error {
		var b view.Builder
		for _, id := range ids {
			t, err := c.Store.Trace(ctx, c.Tenant, id)
			switch {
			case err == nil:
			case clew.KindOf(err) == clew.NotFound:
				continue
			default:
				return err
			}
			if t.Damaged != nil {
				c.SayPartial(t.Damaged.Error())
			}
			f(id, b.Of(span.NewRows(t.Batch)))
			t.Free()
		}
		return nil
	})
}
