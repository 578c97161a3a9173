package exec_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/traceql"
	"github.com/clew-tracing/clew/vfs"
)

// sparse are traces of a root and a child, of which every nth root is "rare".
func sparse(traces, nth int) (spans []clew.Span) {
	for i := range traces {
		name := "often"
		if i%nth == nth-1 {
			name = "rare"
		}
		start := storagetest.Epoch + clew.UnixNanos(i*100)
		id := clew.MakeTraceID(1, uint64(i+1))
		spans = append(spans, clew.Span{TraceID: id, SpanID: 1, Name: name, Start: start, End: start + 10},
			clew.Span{TraceID: id, SpanID: 2, ParentID: 1, Name: "child", Start: start + 250, End: start + 260})
	}
	return spans
}

// Where nearly all candidates fail, a search finds the few that do not, reads no
// trace twice, goes over the batches no more often than its room demands, and
// soon leaves out what lacks a witness. Counting, too.
func TestSearchInVain(t *testing.T) {
	spans := sparse(6000, 1000)
	reads := map[string]int{ // the last has no witness, the others are left out after some
		`{ rootName = "rare" && name = "child" }`:          256 + 6,
		`{ name = "rare" } && { name = "child" }`:          256 + 6,
		`{ span:parentID != nil && rootName =~ "rar.*" }`:  256 + 6,
		`{ !(rootName = "often") && span:parentID = nil }`: 6000,
	}
	for _, name := range []string{"memory, one batch", "spandb, segments", "spandb, head"} {
		store := &countingStore{Store: &indexed{Store: variants()[name](t), spans: spans}}
		fill(t, store, spans, 6000)
		for query := range reads {
			t.Run(name+" "+query, func(t *testing.T) {
				p, want := prepare(t, query), naiveSearch(t, spans, query, clew.Window{})
				if len(want) != 6 {
					t.Fatalf("the model finds %d traces", len(want))
				}
				for _, limit := range []int{1, 4, 10} {
					compareHits(t, fmt.Sprint(limit), pages(t, store, p, clew.Window{}, limit), want)
				}
				store.traces, store.scans = 0, 0
				res, err := exec.Search(t.Context(), store, exec.Request{Over: exec.Over{Tenant: tenant}, Plan: p, Limit: 10})
				if err != nil || len(res.Hits) != 6 {
					t.Fatalf("Search = %d hits, %v", len(res.Hits), err)
				}
				if store.traces < reads[query]-6 || store.traces > reads[query] || store.scans > 4 {
					t.Errorf("%s: %d trace reads and %d scans", query, store.traces, store.scans)
				}
				store.traces = 0
				n, err := exec.Count(t.Context(), store, exec.Over{Tenant: tenant}, p)
				if err != nil || n.Traces != 6 || store.traces > reads[query] {
					t.Errorf("Count = %+v, %v, after %d trace reads", n, err, store.traces)
				}
			})
		}
	}
}

// apartStore counts the traces that its scans read one by one.
type apartStore struct {
	storage.Store
	read int
}

func (s *apartStore) Scan(ctx context.Context, r storage.Request) iter.Seq2[*span.Batch, error] {
	if ask := r.Apart; ask != nil {
		r.Apart = func(id clew.TraceID) (bool, error) {
			wanted, err := ask(id)
			if wanted {
				s.read++
			}
			return wanted, err
		}
	}
	return s.Store.Scan(ctx, r)
}

// A scan by traces leaves out those that lack a witness, too, once it has read many in
// vain that lie in several places; not before that, and not if it finds what it reads.
func TestScanByTracesInVain(t *testing.T) {
	spans := sparse(3000, 1000)
	slices.SortStableFunc(spans, func(a, b clew.Span) int { return cmp.Compare(a.SpanID, b.SpanID) }) // roots, then children
	db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1, SealRows: 3000})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	store := &apartStore{Store: db}
	fill(t, store, spans, 3000)
	for query, want := range map[string][2]int{ // traces, and how many are read at most
		`{ rootName = "rare" && name = "child" }`:  {3, 256 + 3},
		`{ name = "rare" } >> { name = "child" }`:  {3, 256 + 3},
		`{ rootName = "often" && name = "child" }`: {2997, 3000},
	} {
		store.read = 0
		n, err := exec.Count(t.Context(), store, exec.Over{Tenant: tenant}, prepare(t, query))
		if err != nil || !n.Cost.Complete || n.Traces != int64(want[0]) || store.read > want[1] || store.read < want[0] {
			t.Errorf("%s: %+v after %d reads, %v, want %v", query, n, store.read, err, want)
		}
	}
}

// indexed reads the traces of sparse without going through all rows.
type indexed struct {
	storage.Store
	spans []clew.Span
	one   map[clew.TraceID]storage.Trace
}

func (s *indexed) Trace(ctx context.Context, t clew.Tenant, id clew.TraceID) (storage.Trace, error) {
	if s.one == nil {
		s.one = make(map[clew.TraceID]storage.Trace)
	}
	if tr, ok := s.one[id]; ok {
		return tr, nil
	}
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	i := 2 * (int(id.Low()) - 1)
	if _, err := store.Append(ctx, storage.Record{Tenant: t, Body: storagetest.Body(s.spans[i : i+2]...)}); err != nil {
		return storage.Trace{}, err
	}
	tr, err := store.Trace(ctx, t, id)
	s.one[id] = tr
	return tr, err
}

// Budgets hold in scans that match nothing, and Searched is the part of the rows
// that was looked at.
func TestBudgetsOfScansThatMatchNothing(t *testing.T) {
	spans := storagetest.NewGenerator(3).Spans(100, 5)
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	store.BatchRows = 10
	fill(t, store, spans, 50)
	f := func(b exec.Budget, rows int, reason string) {
		t.Helper()
		over := exec.Over{Tenant: tenant, Budget: b}
		p := prepare(t, `{ .a = "nobody has this" }`)
		res, err := exec.Search(t.Context(), store, exec.Request{Over: over, Plan: p})
		if err != nil {
			t.Fatal(err)
		}
		n, err := exec.Count(t.Context(), store, over, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []exec.Cost{res.Cost, n.Cost} {
			want := float64(rows) / float64(len(spans))
			if c.Complete != (reason == "") || c.Reason != reason || c.Rows != int64(rows) || math.Abs(c.Searched-want) > 1e-9 {
				t.Errorf("with %+v: %+v, want %d rows, %v searched, %q", b, c, rows, want, reason)
			}
		}
	}
	f(exec.Budget{Rows: 30}, 30, "the row budget of 30 ended")
	f(exec.Budget{Rows: 31}, 40, "the row budget of 31 ended")
	f(exec.Budget{Bytes: 4500}, 50, "the byte budget of 4500 bytes ended (query-max-bytes)")
	f(exec.Budget{Bytes: 4000}, 40, "the byte budget of 4 KB ended (query-max-bytes)")
	f(exec.Budget{Bytes: 4 << 10}, 50, "the byte budget of 4 KiB ended (query-max-bytes)")
	f(exec.Budget{Rows: int64(len(spans))}, len(spans), "")
	f(exec.Budget{Rows: int64(len(spans)) - 1}, len(spans), "")
}

// rowsOnly are the capabilities of a store that cannot scan by traces.
func rowsOnly() storage.Capabilities {
	c := storagetest.AllCapabilities()
	c.TracesMode = false
	return c
}

// Rows of traces read whole are within the budget, too.
func TestBudgetsOfTraceReads(t *testing.T) {
	spans := sparse(100, 10)
	store := storagetest.NewMemory(rowsOnly())
	fill(t, store, spans, 50)
	p := prepare(t, `{ rootName = "rare" }`)
	over := exec.Over{Tenant: tenant, Budget: exec.Budget{Rows: 300}}
	n, err := exec.Count(t.Context(), store, over, p)
	if err != nil || n.Cost.Complete || n.Cost.Rows != 300 || n.Cost.Searched != 0.5 || n.Traces != 5 || n.Spans != 10 {
		t.Errorf("Count = %+v, %v, want 50 of 100 traces read", n, err)
	}
	over.Budget.Rows = 250
	res, err := exec.Search(t.Context(), store, exec.Request{Over: over, Plan: p, Limit: 100})
	if err != nil || res.Cost.Complete || len(res.Hits) != 9 || res.Cost.Searched != 0.88 || res.Cost.Rows != 376 {
		t.Errorf("Search = %d hits, %+v, %v, want 88 of 100 traces read", len(res.Hits), res.Cost, err)
	}
	over.Budget.Rows = 401
	n, err = exec.Count(t.Context(), store, over, p)
	if err != nil || !n.Cost.Complete || n.Traces != 10 || n.Spans != 20 || n.Cost.Rows != 400 {
		t.Errorf("Count = %+v, %v, want all", n, err)
	}
}

// Counting whole traces obeys the time budget and says how far it came.
func TestCountSlowReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := storagetest.NewMemory(rowsOnly())
		fill(t, store, sparse(40, 4), 80)
		over := exec.Over{Tenant: tenant, Budget: exec.Budget{Time: 10500 * time.Millisecond}}
		n, err := exec.Count(t.Context(), slowStore{store}, over, prepare(t, `{ rootName = "rare" }`))
		if err != nil || n.Cost.Complete || !strings.Contains(n.Cost.Reason, "time budget of 10.5s") || n.Cost.Searched != 11.0/40 || n.Traces != 2 {
			t.Errorf("Count = %+v, %v, want 11 traces of 40 read, 2 of them rare", n, err)
		}
	})
}

// damagedStore lacks the last of its rows: as many could not be read.
type damagedStore struct {
	storage.Store
	rows int64
}

func (s damagedStore) Scan(ctx context.Context, r storage.Request) iter.Seq2[*span.Batch, error] {
	return func(yield func(*span.Batch, error) bool) {
		for b, err := range s.Store.Scan(ctx, r) {
			if !yield(b, err) {
				return
			}
		}
		r.Stats.Damaged, r.Stats.Damage = s.rows, errBroken
		r.Stats.Total += s.rows
	}
}

func TestSearchedOfDamage(t *testing.T) {
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	fill(t, store, sparse(30, 4), 80)
	n, err := exec.Count(t.Context(), damagedStore{store, 20}, exec.Over{Tenant: tenant}, prepare(t, `{ }`))
	if err != nil || n.Cost.Complete || n.Cost.Searched != 0.75 || !strings.Contains(n.Cost.Reason, "20 rows could not be read: broken") {
		t.Errorf("Count = %+v, %v, want 60 of 80 rows searched", n, err)
	}
}

func TestCountReportsFaults(t *testing.T) {
	store := storagetest.NewMemory(rowsOnly())
	fill(t, store, sparse(5, 2), 80)
	if _, err := exec.Count(t.Context(), brokenStore{store}, exec.Over{Tenant: tenant}, prepare(t, `{ rootName = "rare" }`)); !errors.Is(err, errBroken) {
		t.Errorf("Count = %v, want the store's fault", err)
	}
}

// A tail knows no whole traces, and says where it would need them.
func TestTailRefuses(t *testing.T) {
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	f := func(query, want string) {
		t.Helper()
		_, err := exec.Tail(t.Context(), store, tenant, prepare(t, query))
		got := ""
		var e *traceql.Error
		if errors.As(err, &e) && e.Class == traceql.Unsupported {
			got = fmt.Sprintf("%d:%d %s", e.Pos.Line, e.Pos.Column, e.Msg)
		}
		if err == nil != (want == "") || !strings.HasPrefix(got, want) {
			t.Errorf("Tail(%s) = %v, want %s", query, err, want)
		}
	}
	f(`{ .a = 1 || span.a > span.b } | { status = error }`, "")
	f(`{ rootName = "x" && false }`, "")
	f(`{ .a = 1 && rootName = "x" }`, "1:13 trace:rootName needs the whole trace")
	f(`{ .a = 1 } || { !(duration < trace:duration) }`, "1:30 trace:duration needs the whole trace")
	f(`{ .a = 1 } && { .b = 1 }`, "1:1 && between { … } needs the whole trace")
}

// brokenScans fails each scan and has no catalogue.
type brokenScans struct{ storage.Store }

func (brokenScans) Scan(context.Context, storage.Request) iter.Seq2[*span.Batch, error] {
	return func(yield func(*span.Batch, error) bool) { yield(nil, errBroken) }
}
