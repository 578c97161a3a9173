package exec

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec/judge"
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
	kins := slices.SortedFunc(maps.Values(judge.Kins), func(a, b judge.Kin) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	var random func(depth int) judge.Selection
	random = func(depth int) judge.Selection {
		if depth == 0 {
			return judge.Pick(g.Condition(spans, 2))
		}
		args := []judge.Selection{random(r.IntN(depth)), random(r.IntN(depth))}
		switch r.IntN(6) {
		case 4, 5:
			return judge.Selection{Op: judge.OpKin, Kin: kins[r.IntN(len(kins))], Args: args}
		case 0:
			return judge.InTurn(args...)
		case 1:
			return judge.Either(args...)
		}
		return judge.Both(args...)
	}
	leftOut, selected := 0, 0
	for range 300 {
		s := random(r.IntN(3))
		w := clew.Window{}
		if r.IntN(2) == 0 {
			w.Start = spans[r.IntN(len(spans))].Start
		}
		run := begin(store, Over{Tenant: "t"})
		filter, err := run.witnessed(t.Context(), s.Witnesses(nil, w), []int{20, 1000}[r.IntN(2)])
		if err != nil {
			t.Fatal(err)
		}
		j := judge.New(&s, nil)
		for id, b := range traces {
			got := j.Selected(span.OneTrace(b), nil, w).Any()
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
	filter, err := run.witnessed(t.Context(), p.selection.Witnesses(nil, clew.Window{}), 1000)
	if filter != nil || err != nil || run.cost.Complete {
		t.Errorf("witnessed = %d traces, %v, %+v, want none left out", len(filter), err, run.cost)
	}
}
