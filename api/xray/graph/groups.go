package graph

import (
	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray/filter"
	"github.com/clew-tracing/clew/api/xray/view"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// Groups gives the groups of a tenant.
type Groups func(t clew.Tenant) filter.Groups

// ofGroup is the group that a request asks for, by name or ARN; without either it is all
// traces.
type ofGroup struct{ GroupName, GroupARN string }

// expression is what traces have to meet, nil where that is nothing.
func (o *operations) expression(t clew.Tenant, of *ofGroup) (filter.Expr, error) {
	key, text := filter.GroupName, of.GroupName
	switch {
	case of.GroupName != "" && of.GroupARN != "":
		return nil, clew.Errorf(clew.Invalid, "give GroupName or GroupARN, not both")
	case of.GroupARN != "":
		key, text = filter.GroupARN, of.GroupARN
	case of.GroupName == "":
		return nil, nil
	}
	groups := o.groups(t)
	x, err := groups(key, text)
	if err != nil {
		return nil, err
	}
	if x, err = filter.Resolve(x, groups); err != nil {
		return nil, err
	}
	if and, ok := x.(filter.And); ok && len(and) == 0 {
		return nil, nil
	}
	return x, nil
}

// scope is which traces are counted.
type scope struct {
	window clew.Window
	wanted filter.Expr // nil: all
	// all says that everything of a trace is looked at besides.
	all bool
}

// countTraces shows the traces that have a span in the window and meet the expression, whose
// spans may start before or after it. taker is as exec.Traces has it.
func countTraces(c *api.Call, s scope, taker func() (each func(*view.Trace), join func())) error {
	over := c.Over
	over.Window = s.window
	columns := view.Columns()
	if s.wanted != nil || s.all {
		columns = storage.Columns{All: true}
	}
	cost, err := exec.Traces(c.Ctx, c.Store, over, exec.Everything(), columns, func() (func(*span.Whole, column.Bitmap), func()) {
		each, join := taker()
		b := new(view.Builder)
		return func(w *span.Whole, rows column.Bitmap) {
			b.Each(w, rows, func(t *view.Trace) {
				if s.wanted == nil || filter.Holds(s.wanted, t) {
					each(t)
				}
			})
		}, join
	})
	if err != nil {
		return err
	}
	c.Partial(cost)
	return nil
}
