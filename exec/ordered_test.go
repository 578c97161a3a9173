package exec_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/traceql"
)

// naiveOrder sorts the traces of a search by the greatest, or least, value of their
// selected spans.
func naiveOrder(t *testing.T, spans []clew.Span, query string, w clew.Window) []naiveHit {
	t.Helper()
	q, err := traceql.Parse(query)
	if err != nil {
		t.Fatal(err)
	}
	hits := naiveSearch(t, spans, query, w)
	order := q.Stages[len(q.Stages)-1].(*traceql.OrderBy)
	best := make(map[clew.TraceID]*naiveValue)
	rank := func(v *naiveValue) int {
		switch {
		case v == nil || v.v.Type == clew.TypeDouble && math.IsNaN(v.v.Double()):
			return 3
		case v.t.IsNumeric():
			return 0
		case v.v.Type == clew.TypeString:
			return 1
		}
		return 2
	}
	compare := func(a, b *naiveValue) int {
		c := cmp.Compare(rank(a), rank(b))
		if c != 0 || rank(a) == 3 {
			return c
		}
		less, greater := traceql.OpLess, traceql.OpGreater
		if order.Desc {
			less, greater = greater, less
		}
		switch {
		case rank(a) == 2:
			if c = int(a.v.Int() - b.v.Int()); order.Desc {
				c = -c
			}
		case naiveCompare(less, *a, *b):
			c = -1
		case naiveCompare(greater, *a, *b):
			c = 1
		}
		return c
	}
	for _, h := range hits {
		var trace, from []*clew.Span
		for i := range spans {
			if spans[i].TraceID == h.id {
				trace = append(trace, &spans[i])
				if w.Contains(spans[i].Start) {
					from = append(from, &spans[i])
				}
			}
		}
		for _, s := range naiveSelect(q.Stages, from, trace, trace) {
			if _, v := naiveValueOf(order.X, s, trace); compare(v, best[h.id]) < 0 {
				best[h.id] = v
			}
		}
	}
	slices.SortFunc(hits, func(a, b naiveHit) int { return cmp.Or(compare(best[a.id], best[b.id]), a.id.Compare(b.id)) })
	if order.Limit > 0 {
		hits = hits[:min(len(hits), order.Limit)]
	}
	return hits
}

// An order that the query asks for is that of the model, on every store, with the first
// traces of it whatever the limit.
func TestOrderBy(t *testing.T) {
	spans := storagetest.NewGenerator(15).Spans(60, 6)
	r := randomQuery{rand.New(rand.NewPCG(5, 6))}
	texts := []string{"{ } | order by duration", "{ } | order by duration desc", "{ duration = nil } | order by duration limit 3", "{ } | order by trace:duration"}
	for len(texts) < 60 {
		text := r.spanset(1) + " | order by " + r.value(1) + r.one("", " asc", " desc", " desc limit 5", " desc limit 1")
		if _, err := exec.Prepare(text); err == nil {
			texts = append(texts, text)
		}
	}
	for name, open := range variants() {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			fill(t, store, spans, 23)
			for _, text := range texts {
				w := windows(spans, r.Rand)[r.IntN(3)]
				want := naiveOrder(t, spans, text, w)
				limit := 1 + r.IntN(20)
				got := pages(t, store, prepare(t, text), w, limit)
				compareHits(t, fmt.Sprintf("%s in %v by %d", text, w, limit), got, want[:min(len(want), limit)])
			}
		})
	}
}

// The first traces by what only whole traces tell are the first of all, of however many,
// and no more than these are read one by one.
func TestOrderByManyWholeTraces(t *testing.T) {
	const traces = 20_000
	var spans []clew.Span
	for i := range traces {
		id, start := clew.MakeTraceID(1, uint64(i+1)), storagetest.Epoch+clew.UnixNanos(i)
		length := clew.UnixNanos(i * 7919 % traces) // each once
		spans = append(spans, clew.Span{TraceID: id, SpanID: 1, Name: fmt.Sprint("root ", i%2), Start: start, End: start},
			clew.Span{TraceID: id, SpanID: 2, ParentID: 1, Name: "child", Start: start, End: start + length})
	}
	store := &countingStore{Store: variants()["spandb, head"](t)}
	fill(t, store, spans, len(spans))
	for query, want := range map[string][]uint64{
		`{ } | order by trace:duration desc limit 3`:                                  {traces - 1, traces - 2, traces - 3},
		`{ rootName = "root 1" && name = "child" } | order by trace:duration limit 2`: {1, 3},
		`{ rootName = "root 0" } | order by trace:duration desc limit 1`:              {traces - 2},
	} {
		store.traces = 0
		res, err := exec.Search(t.Context(), store, exec.Request{Over: exec.Over{Tenant: tenant}, Plan: prepare(t, query)})
		var got []uint64
		for _, h := range res.Hits {
			got = append(got, h.Duration)
		}
		if err != nil || !res.Cost.Complete || !slices.Equal(got, want) || store.traces != len(want) {
			t.Errorf("%s: lengths %v after %d reads, %+v, %v; want %v", query, got, store.traces, res.Cost, err, want)
		}
	}
}

func TestOrderByHasOnePage(t *testing.T) {
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	_, err := exec.Search(t.Context(), store, exec.Request{Over: exec.Over{Tenant: tenant}, Plan: prepare(t, "{ } | order by duration"), Cursor: "x"})
	if clew.KindOf(err) != clew.Invalid {
		t.Errorf("a further page: %v", err)
	}
}
