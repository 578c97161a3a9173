package exec

import (
	"math/rand/v2"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// Random selections: what has no witness has nothing selected, with much room
// for ids and with little.
func TestWitnessed(t *testing.T) {
	g := storagetest.NewGenerator(23)
	g.OfTrace = true
	r := rand.New(rand.NewPCG(8, 8))
	spans := g.Spans(60, 6)
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	store.BatchRows = 30
	if _, err := store.Append(t.Context(), storage.Record{Tenant: "t", Body: storagetest.Body(spans...)}); err != nil {
		t.Fatal(err)
	}
	traces := make(map[clew.TraceID]*span.Batch)
	for i := range spans {
		tr, err := store.Trace(t.Context(), "t", spans[i].TraceID)
		if err != nil {
			t.Fatal(err)
		}
		traces[spans[i].TraceID] = tr.Batch
	}
	var random func(depth int) selection
	random = func(depth int) selection {
		if depth == 0 {
			return pick(g.Condition(spans, 2))
		}
		args := []selection{random(r.IntN(depth)), random(r.IntN(depth))}
		switch r.IntN(4) {
		case 0:
			return inTurn(args...)
		case 1:
			return either(args...)
		}
		return both(args...)
	}
	leftOut, selected := 0, 0
	for range 300 {
		s := random(r.IntN(3))
		w := clew.Window{}
		if r.IntN(2) == 0 {
			w.Start = spans[r.IntN(len(spans))].Start
		}
		run := begin(store, Over{Tenant: "t"})
		filter, err := run.witnessed(t.Context(), s.witnesses(nil, w), []int{20, 1000}[r.IntN(2)])
		if err != nil {
			t.Fatal(err)
		}
		j := newJudge(&s)
		for id, b := range traces {
			got := j.selected(b, w).Any()
			if got && !filter.has(id) {
				t.Fatalf("%v in %v: trace %s has something selected and no witness", s, w, id)
			}
			if got {
				selected++
			}
			if !filter.has(id) {
				leftOut++
			}
		}
	}
	if leftOut < 1000 || selected < 1000 {
		t.Errorf("%d traces were left out and %d selected: the test shows little", leftOut, selected)
	}
}

// A budget that ends while witnesses are looked for leaves nobody out.
func TestWitnessedWithinBudget(t *testing.T) {
	spans := storagetest.NewGenerator(2).Spans(50, 4)
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	store.BatchRows = 10
	if _, err := store.Append(t.Context(), storage.Record{Tenant: "t", Body: storagetest.Body(spans...)}); err != nil {
		t.Fatal(err)
	}
	p, err := Prepare(`{ rootName = "nobody" } && { status = error }`)
	if err != nil {
		t.Fatal(err)
	}
	run := begin(store, Over{Tenant: "t", Budget: Budget{Rows: 30}})
	filter, err := run.witnessed(t.Context(), p.selection.witnesses(nil, clew.Window{}), 1000)
	if filter != nil || err != nil || run.cost.Complete {
		t.Errorf("witnessed = %d traces, %v, %+v, want none left out", len(filter), err, run.cost)
	}
}
