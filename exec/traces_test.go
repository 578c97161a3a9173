package exec_test

import (
	"reflect"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// tracesOf asks for whole traces, and counts for each the rows that it was told with.
func tracesOf(t *testing.T, store exec.Store, over exec.Over, query string) (map[clew.TraceID]int, exec.Cost) {
	t.Helper()
	got := map[clew.TraceID]int{}
	joined, begun := 0, 0
	cost, err := exec.Traces(t.Context(), store, over, prepare(t, query), storage.Columns{Intrinsics: []span.Intrinsic{span.SpanID, span.Name}}, func() (func(*span.Whole, column.Bitmap), func()) {
		begun++
		mine := map[clew.TraceID]int{}
		return func(w *span.Whole, rows column.Bitmap) {
				told := map[clew.TraceID]bool{}
				for row := range rows.Ones() {
					id := w.TraceIDs[w.Trace[row]]
					if mine[id] > 0 && !told[id] {
						t.Errorf("trace %v is told twice", id)
					}
					told[id] = true
					mine[id]++
					if w.SpanID[row] == 0 || w.Names.At(int(w.Name[row])) == nil {
						t.Errorf("trace %v lacks columns", id)
					}
				}
			}, func() {
				joined++
				for id, n := range mine {
					got[id] += n
				}
			}
	})
	if err != nil || joined != begun {
		t.Fatalf("%v; %d begun, %d joined", err, begun, joined)
	}
	return got, cost
}

// TestTraces: the traces of which a plan selects something come once, with all of their rows,
// whatever the store can do.
func TestTraces(t *testing.T) {
	spans := sparse(300, 10)
	late := clew.Window{Start: storagetest.Epoch + 20_000}
	for name, open := range variants() {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			fill(t, store, spans, 40)
			for _, c := range []struct {
				query  string
				window clew.Window
			}{
				{"{ }", clew.Window{}},
				{`{ name = "rare" }`, clew.Window{}},
				{`{ name = "child" && rootName = "rare" }`, clew.Window{}},
				{"{ }", late},
				{`{ name = "nobody" }`, clew.Window{}},
			} {
				want := map[clew.TraceID]int{}
				for _, h := range naiveSearch(t, spans, c.query, c.window) {
					want[h.id] = 2
				}
				got, cost := tracesOf(t, store, exec.Over{Tenant: tenant, Window: c.window}, c.query)
				if !reflect.DeepEqual(got, want) || !cost.Complete {
					t.Errorf("%s in %v: %d traces, want %d; %+v", c.query, c.window, len(got), len(want), cost)
				}
			}
		})
	}
}

// TestTracesBudget says that the answer is partial.
func TestTracesBudget(t *testing.T) {
	store := storagetest.NewMemory(rowsOnly())
	fill(t, store, sparse(100, 10), 50)
	got, cost := tracesOf(t, store, exec.Over{Tenant: tenant, Budget: exec.Budget{Rows: 300}}, "{ }")
	if cost.Complete || cost.Reason == "" || len(got) != 50 {
		t.Errorf("%d traces, %+v", len(got), cost)
	}
	if _, err := exec.Traces(t.Context(), store, exec.Over{Tenant: tenant}, prepare(t, "{ } | rate()"), storage.Columns{}, nil); clew.KindOf(err) != clew.Invalid {
		t.Errorf("series are no traces: %v", err)
	}
}
