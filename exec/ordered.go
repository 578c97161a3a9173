package exec

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/exec/explain"
	"github.com/clew-tracing/clew/exec/few"
	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/exec/judge/hit"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// place is a trace's place in the order that a query asks for.
type place struct {
	kind placeKind
	bits uint64 // of a number or a truth value
	text string
	id   clew.TraceID
}

type placeKind uint8

// The kinds of values, in their order whether that is ascending or not.
const (
	placeInt placeKind = iota
	placeDouble
	placeText
	placeTruth
	placeless // a trace none of whose spans has a value
)

// Trace implements few.Ranked.
func (p place) Trace() clew.TraceID { return p.id }

func placeOf(v clew.Value, id clew.TraceID) place {
	switch v.Type {
	case clew.TypeInt:
		return place{kind: placeInt, bits: v.Bits, id: id}
	case clew.TypeDouble:
		if !math.IsNaN(v.Double()) {
			return place{kind: placeDouble, bits: v.Bits, id: id}
		}
	case clew.TypeString:
		return place{kind: placeText, text: string(v.Bytes), id: id}
	case clew.TypeBool:
		return place{kind: placeTruth, bits: v.Bits, id: id}
	}
	return place{kind: placeless, id: id}
}

func (p place) number() clew.Value {
	if p.kind == placeInt {
		return clew.Value{Type: clew.TypeInt, Bits: p.bits}
	}
	return clew.Value{Type: clew.TypeDouble, Bits: p.bits}
}

// compare orders places: numbers before texts before truth values before nothing, then
// by value, then by id.
func (o *ordering) compare(a, b place) int {
	group := func(k placeKind) int { return max(int(k), int(placeDouble)) }
	if c := cmp.Compare(group(a.kind), group(b.kind)); c != 0 {
		return c
	}
	c := 0
	switch a.kind {
	case placeInt, placeDouble:
		switch {
		case span.CompareValues(a.number(), span.Lt, b.number()):
			c = -1
		case span.CompareValues(a.number(), span.Gt, b.number()):
			c = 1
		}
	case placeText:
		c = cmp.Compare(a.text, b.text)
	case placeTruth:
		c = cmp.Compare(a.bits, b.bits)
	}
	if o.desc {
		c = -c
	}
	return cmp.Or(c, a.id.Compare(b.id), cmp.Compare(a.kind, b.kind), cmp.Compare(a.bits, b.bits))
}

// ordered is a search whose query says the order of its traces. There is one page of
// them: the first by that order, exactly.
type ordered struct {
	*run
	r     *Request
	ctx   context.Context
	order *ordering
	want  int

	judge *judge.Judge
	whole *span.Calculator // for whole traces
	rows  *span.Calculator // for batches of rows; nil: only whole traces tell
	match *span.Matcher
	best  *few.Ranking[place]
	read  map[clew.TraceID]struct{}
	hits  *hit.Summariser
	page  []placed
}

type placed struct {
	place
	hit hit.Trace
}

// searchOrdered returns the first traces in the order that the plan asks for.
//
// Where single rows tell the value, all of them are gone through, the traces of the best
// values are remembered and read whole, the best first, until what was read cannot be
// surpassed. Else the traces with a row that may match are gone through whole, as Count
// does, and the best ones are remembered: however many there are, no more than a page.
func searchOrdered(ctx context.Context, store Store, r *Request) (Result, error) {
	if r.Cursor != "" {
		return Result{}, clew.Errorf(clew.Invalid, "an answer in an order of its own has one page: ask for up to %d traces instead of a further page", MaxLimit)
	}
	o := &ordered{run: begin(store, r.Over), r: r, ctx: ctx, order: r.Plan.order, want: r.Limit, judge: judge.New(&r.Plan.selection, gone(ctx)),
		whole: span.NewCalculator(r.Plan.order.by.Expr, gone(ctx)), match: span.NewMatcher(r.Plan.rows), read: make(map[clew.TraceID]struct{})}
	fields := r.Plan.shown()
	o.hits, o.wanted = hit.NewSummariser(fields, r.SpansPerTrace, gone(ctx)), r.Plan.ofTraces(fields)
	o.order.by.Expr.Fields(func(f span.Field) { addWhole(o.wanted, f) })
	if o.order.limit > 0 {
		o.want = min(o.want, o.order.limit)
	}
	ofTrace := false
	o.order.by.Expr.Fields(func(f span.Field) { ofTrace = ofTrace || f.OfTrace() })
	if r.Plan.whole == nil && !ofTrace {
		o.rows = span.NewCalculator(o.order.by.Expr, gone(ctx))
	}
	r.Plan.explainOrder(r.Explain, o.want, o.rows != nil)
	rank := o.byTraces
	if o.rows != nil {
		rank = o.passes
	}
	if err := rank(); err != nil {
		return Result{}, err
	}
	var out Result
	for _, p := range o.page[:min(len(o.page), o.want)] {
		out.Hits = append(out.Hits, p.hit)
	}
	out.Cost = o.done(o.part)
	return out, nil
}

// byTraces goes through whole traces and then reads the best ones to tell of them.
func (o *ordered) byTraces() error {
	o.best = few.NewRanking(o.want+candidateSlack, o.order.compare)
	columns := wholeColumns(&o.r.Plan.selection)
	o.order.by.Expr.Fields(func(f span.Field) { addWhole(&columns, f) })
	g := &gathering{run: o.run, plan: o.r.Plan, matcher: o.match, room: o.over.Budget.ids()}
	err := g.each(o.ctx, columns, func(w *span.Whole, selected column.Bitmap) { o.offer(w, selected, o.whole) })
	if o.part = g.share; err != nil {
		return err
	}
	return o.readBest()
}

func (o *ordered) passes() error {
	for room := o.want + candidateSlack; ; room = min(4*room, maxCandidates) {
		o.best = few.NewRanking(room, o.order.compare)
		if err := o.pass(); err != nil {
			return err
		}
		switch {
		case o.ended || !o.best.AnyDropped || len(o.page) >= o.want && o.order.compare(o.page[o.want-1].place, o.best.Dropped) <= 0:
			return nil
		case room == maxCandidates:
			o.partial("more than %d traces would have to be read to order them", maxCandidates)
			return nil
		}
	}
}

// pass goes through all rows and reads the best traces.
func (o *ordered) pass() error {
	req := storage.Request{Window: o.r.Window, Where: o.r.Plan.rows}
	o.order.by.Expr.Fields(func(f span.Field) { req.Columns.Fields = append(req.Columns.Fields, f) })
	err := o.scan(o.ctx, req, func(b *span.Batch) (bool, error) {
		o.offer(span.NewWhole(b), matching(o.match, b, o.r.Window), o.rows)
		return true, nil
	})
	if err != nil {
		return err
	}
	return o.readBest()
}

// readBest reads the traces of the ranking, the best first, until none of those that are
// left can come to the page.
func (o *ordered) readBest() error {
	for i, c := range o.best.Keys {
		if len(o.page) >= o.want && o.order.compare(o.page[o.want-1].place, c) < 0 {
			return nil
		}
		if o.outOf(1.5) || o.full(o.hits) {
			o.part *= float64(i) / float64(len(o.best.Keys))
			return nil
		}
		if err := o.take(c.id); err != nil {
			return err
		}
	}
	return nil
}

// offer ranks the traces of some rows by what these have.
func (o *ordered) offer(w *span.Whole, of column.Bitmap, by *span.Calculator) {
	if !of.Any() {
		return
	}
	values := judge.ValuesOf(w, by, of)
	var one clew.TraceID
	if w.Traces == 1 && len(w.TraceIDs) > 1 { // one trace under several ids
		one = canonical(w.TraceIDs[0], w.TraceIDs)
	}
	for row := range of.Ones() {
		p := placeOf(values.Of(uint32(row)), cmp.Or(one, w.TraceIDs[w.Trace[row]]))
		if n := len(o.best.Keys); n == o.best.Limit && o.order.compare(p, o.best.Keys[n-1]) >= 0 {
			o.best.Drop(p)
			continue
		}
		o.best.Offer(p)
	}
}

// take reads a trace and puts it into the page if it is selected.
func (o *ordered) take(id clew.TraceID) error {
	if _, done := o.read[id]; done {
		return nil
	}
	o.read[id] = struct{}{}
	t, err := o.trace(o.ctx, id)
	if err != nil || t == nil {
		return err
	}
	defer t.Free()
	defer o.over.Explain.Begin(explain.Judge, "").End()
	w := span.OneTrace(t.Batch)
	sets := o.judge.Sets(w, o.r.Window)
	if len(sets) == 0 {
		return nil
	}
	id = canonical(id, t.TraceIDs)
	best := place{kind: placeless, id: id}
	o.whole.Each(w, judge.Union(w, sets), func(_ int, v clew.Value) {
		if p := placeOf(v, id); o.order.compare(p, best) < 0 {
			best = p
		}
	})
	i, found := slices.BinarySearchFunc(o.page, best, func(p placed, k place) int { return o.order.compare(p.place, k) })
	if !found {
		o.page = slices.Insert(o.page, i, placed{best, o.hits.Of(t, w, id, sets)})
		o.page = o.page[:min(len(o.page), o.want)]
	}
	return canceled(o.ctx)
}
