package exec_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
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
	"github.com/clew-tracing/clew/vfs"
)

const tenant clew.Tenant = "t1"

// variants are stores that differ in what they do themselves, where their rows
// lie and how they cut their batches; every answer must be the same.
func variants() map[string]func(t *testing.T) storage.Store {
	memory := func(caps storage.Capabilities, rows int) func(*testing.T) storage.Store {
		return func(*testing.T) storage.Store {
			m := storagetest.NewMemory(caps)
			m.BatchRows = rows
			return m
		}
	}
	embedded := func(sealRows int) func(*testing.T) storage.Store {
		return func(t *testing.T) storage.Store {
			db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1, SealRows: sealRows})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
			return db
		}
	}
	return map[string]func(*testing.T) storage.Store{
		"memory, one batch":        memory(storagetest.AllCapabilities(), 0),
		"memory, small batches":    memory(storagetest.AllCapabilities(), 7),
		"memory that can do least": memory(storage.Capabilities{}, 13),
		"spandb, head":             embedded(0),
		"spandb, segments":         embedded(20),
	}
}

func fill(t testing.TB, store storage.Appender, spans []clew.Span, n int) {
	t.Helper()
	for part := range slices.Chunk(spans, n) {
		res, err := store.Append(t.Context(), storage.Record{Tenant: tenant, Body: storagetest.Body(part...), Door: "test"})
		if err != nil || res.Accepted != len(part) {
			t.Fatalf("Append = %+v, %v", res, err)
		}
	}
}

func prepare(t testing.TB, query string) *exec.Plan {
	t.Helper()
	p, err := exec.Prepare(query)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// pages walks all pages of a search.
func pages(t *testing.T, store exec.Store, p *exec.Plan, w clew.Window, limit int) (out []naiveHit) {
	t.Helper()
	r := exec.Request{Over: exec.Over{Tenant: tenant, Window: w}, Plan: p, Limit: limit, SpansPerTrace: 2}
	for {
		res, err := exec.Search(t.Context(), store, r)
		if err != nil {
			t.Fatalf("Search(%s): %v", p, err)
		}
		if !res.Cost.Complete || res.Cost.Searched != 1 || res.Cost.Watermark.IsZero() {
			t.Fatalf("Search(%s): cost %+v", p, res.Cost)
		}
		if len(res.Hits) > limit {
			t.Fatalf("Search(%s): %d hits on a page of %d", p, len(res.Hits), limit)
		}
		for _, h := range res.Hits {
			out = append(out, asNaive(h))
		}
		if res.Next == "" {
			return out
		}
		if len(res.Hits) != limit {
			t.Fatalf("Search(%s): a next page behind one of %d hits", p, len(res.Hits))
		}
		r.Cursor = res.Next
	}
}

var queries = []string{
	`{}`,
	`{ status = error }`,
	`{ status = error || duration > 1s }`,
	`{ resource.service.name = "cart" && .a != nil }`,
	`{ .a >= 1 } | { kind = server }`,
	`{ name =~ "GET.*" && !(span.b = "a") }`,
	`{ event:name = "exception" } || { link.a != nil }`,
	`{ span:parentID = nil }`,
	`{ .a = "nobody has this" }`,
	`{ false }`,
	`{ span.a > span.b || duration / 1ms > 1 }`,
	`{ event:timeSinceStart * 2 > duration }`,
	`{ rootName = "GET /" }`,
	`{ rootServiceName != "cart" && status = error }`,
	`{ trace:duration > 60s || .a != nil }`,
	`{ span:childCount > 1 && duration * 2 >= trace:duration }`,
	`{ !(rootName = "SELECT" || kind = server) }`,
	`{ status = error } && { kind = server }`,
	`{ status = error } && { .a = "nobody has this" }`,
	`({ status = error } && { kind = server } | { duration > 1ms }) || { rootName = nil }`,
}

func TestSearch(t *testing.T) {
	g := storagetest.NewGenerator(11)
	spans := g.Spans(35, 7)
	r := rand.New(rand.NewPCG(1, 2))
	for name, open := range variants() {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			fill(t, store, spans, 19)
			for _, query := range queries {
				p := prepare(t, query)
				for _, w := range windows(spans, r) {
					want := naiveSearch(t, spans, query, w)
					for _, limit := range []int{1 + r.IntN(6), 1000} {
						got := pages(t, store, p, w, limit)
						compareHits(t, fmt.Sprintf("%s in %v by %d", query, w, limit), got, want)
					}
					compareCount(t, store, p, w, want)
				}
			}
		})
	}
}

// Random queries, each on every store, are answered as the model says.
func TestSearchRandomQueries(t *testing.T) {
	g := storagetest.NewGenerator(12)
	spans := g.Spans(40, 7)
	r := randomQuery{rand.New(rand.NewPCG(3, 4))}
	var texts []string
	found, whole := 0, 0
	for len(texts) < 150 {
		text := r.spanset(2)
		p, err := exec.Prepare(text)
		if err != nil {
			continue // of types that do not fit, or an event compared with a link
		}
		if _, exact := p.Condition(); !exact {
			whole++
		}
		found += min(1, len(naiveSearch(t, spans, text, clew.Window{})))
		texts = append(texts, text)
	}
	if found < 50 || whole < 40 {
		t.Errorf("of %d queries %d find something and %d ask about whole traces: the test shows little", len(texts), found, whole)
	}
	for name, open := range variants() {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			fill(t, store, spans, 23)
			for _, text := range texts {
				w := windows(spans, r.Rand)[r.IntN(3)]
				p, want := prepare(t, text), naiveSearch(t, spans, text, w)
				limit := []int{3, 1000}[r.IntN(2)]
				compareHits(t, fmt.Sprintf("%s in %v by %d", text, w, limit), pages(t, store, p, w, limit), want)
				compareCount(t, store, p, w, want)
			}
		})
	}
}

// compareCount holds Count to what a search should find.
func compareCount(t *testing.T, store exec.Store, p *exec.Plan, w clew.Window, want []naiveHit) {
	t.Helper()
	matched := 0
	for _, h := range want {
		matched += h.matched
	}
	n, err := exec.Count(t.Context(), store, exec.Over{Tenant: tenant, Window: w}, p)
	if err != nil || n.Traces != int64(len(want)) || n.Spans != int64(matched) || !n.Cost.Complete || n.Cost.Searched != 1 {
		t.Fatalf("Count of %s in %v = %+v, %v, want %d spans in %d traces", p, w, n, err, matched, len(want))
	}
}

// windows are all of time, and two that cut through the spans.
func windows(spans []clew.Span, r *rand.Rand) []clew.Window {
	a, b := spans[r.IntN(len(spans))].Start, spans[r.IntN(len(spans))].Start
	return []clew.Window{{}, {Start: min(a, b), End: max(a, b)}, {Start: a}}
}

func compareHits(t *testing.T, what string, got, want []naiveHit) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Fatalf("%s: %d hits, want %d; missing\n%v", what, len(got), len(want), want[i])
		case i >= len(want):
			t.Fatalf("%s: %d hits, want %d; too much\n%v", what, len(got), len(want), got[i])
		case got[i] != want[i]:
			t.Fatalf("%s: hit %d is\n%v\nwant\n%v", what, i, got[i], want[i])
		}
	}
}

// Traces whose matches reach far below those of later traces: on later pages all
// earlier traces stand first, and the slack for them has to grow.
func TestSearchLongTraces(t *testing.T) {
	var spans []clew.Span
	const traces, each, limit = 100, 80, 20
	for id := range traces {
		for i := range each {
			spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, uint64(id+1)), SpanID: clew.SpanID(i + 1),
				Start: storagetest.Epoch + clew.UnixNanos(10*(traces+each-id-i)), End: storagetest.Epoch})
		}
	}
	p := prepare(t, `{ }`)
	want := naiveSearch(t, spans, `{ }`, clew.Window{})
	for _, name := range []string{"memory, one batch", "spandb, segments"} {
		open := variants()[name]
		t.Run(name, func(t *testing.T) {
			store := &countingStore{Store: open(t)}
			fill(t, store, spans, 2000)
			compareHits(t, "pages", pages(t, store, p, clew.Window{}, limit), want)
			if store.scans <= traces/limit {
				t.Errorf("%d pages took %d scans: the slack sufficed, and the test shows nothing", traces/limit, store.scans)
			}
		})
	}
}

func TestSearchTies(t *testing.T) {
	var spans []clew.Span
	for id := range 50 {
		spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(uint64(id%3+1), uint64(100-id)), SpanID: 1,
			Start: storagetest.Epoch + clew.UnixNanos(id/20), End: storagetest.Epoch})
	}
	spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: 1, Start: 0},
		clew.Span{TraceID: clew.MakeTraceID(1, 2), SpanID: 1, Start: 0},
		clew.Span{TraceID: clew.MakeTraceID(1, 3), SpanID: 1, Start: 1<<64 - 1},
		clew.Span{TraceID: clew.MakeTraceID(1, 4), SpanID: 1, Start: 1<<64 - 1})
	p := prepare(t, `{ }`)
	for name, open := range variants() {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			fill(t, store, spans, 9)
			for _, limit := range []int{1, 2, 7, 100} {
				compareHits(t, fmt.Sprint(limit), pages(t, store, p, clew.Window{}, limit), naiveSearch(t, spans, `{ }`, clew.Window{}))
			}
		})
	}
}

// A trace sent in part with a 64-bit id is one hit, under its 128-bit id.
func TestSearchShortIDs(t *testing.T) {
	mk := func(high, low uint64, id clew.SpanID, start int) clew.Span {
		return clew.Span{TraceID: clew.MakeTraceID(high, low), SpanID: id, Start: storagetest.Epoch + clew.UnixNanos(start), End: storagetest.Epoch}
	}
	spans := []clew.Span{mk(9, 5, 1, 10), mk(0, 5, 2, 30), mk(0, 6, 3, 20), mk(7, 8, 4, 5)}
	for name, open := range variants() {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			fill(t, store, spans, 1)
			for _, limit := range []int{1, 10} {
				var got []string
				for _, h := range pages(t, store, prepare(t, "{}"), clew.Window{}, limit) {
					got = append(got, fmt.Sprintf("%d:%d %d+%d", h.id.High(), h.id.Low(), h.spans, h.newest-storagetest.Epoch))
				}
				if want := []string{"9:5 2+30", "0:6 1+20", "7:8 1+5"}; !slices.Equal(got, want) {
					t.Errorf("pages of %d: %v, want %v", limit, got, want)
				}
			}
			n, err := exec.Count(t.Context(), store, exec.Over{Tenant: tenant}, prepare(t, "{}"))
			if err != nil || n.Spans != 4 || n.Traces != 3 {
				t.Errorf("Count = %+v, %v, want 4 spans in 3 traces", n, err)
			}
		})
	}
}

// A row that lost against another of the same identity matches nothing.
func TestSearchResolvesConflicts(t *testing.T) {
	a := clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: 1, Name: "first", Start: storagetest.Epoch, End: storagetest.Epoch}
	b := a
	b.Name, b.Start = "second", a.Start+100
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	fill(t, store, []clew.Span{a, b}, 1)
	if got := pages(t, store, prepare(t, `{ name = "second" }`), clew.Window{}, 5); len(got) != 0 {
		t.Errorf("found the overruled row: %v", got)
	}
	got := pages(t, store, prepare(t, `{ }`), clew.Window{}, 5)
	if len(got) != 1 || got[0].newest != a.Start || got[0].matched != 1 {
		t.Errorf("got %v, want the first row alone", got)
	}
}

// countingStore counts what is asked of a store, to hold search to stopping early.
type countingStore struct {
	storage.Store
	traces, batches, scans int
}

func (c *countingStore) Trace(ctx context.Context, t clew.Tenant, id clew.TraceID) (storage.Trace, error) {
	c.traces++
	return c.Store.Trace(ctx, t, id)
}

func (c *countingStore) Scan(ctx context.Context, r storage.Request) iter.Seq2[*span.Batch, error] {
	c.scans++
	return func(yield func(*span.Batch, error) bool) {
		for b, err := range c.Store.Scan(ctx, r) {
			c.batches++
			if !yield(b, err) {
				return
			}
		}
	}
}

func TestSearchStopsEarly(t *testing.T) {
	var spans []clew.Span
	for i := range 1000 {
		spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, uint64(i+1)), SpanID: 1,
			Start: storagetest.Epoch + clew.UnixNanos(i), End: storagetest.Epoch})
	}
	m := storagetest.NewMemory(storagetest.AllCapabilities())
	m.BatchRows = 50
	fill(t, m, spans, 100)
	store := &countingStore{Store: m}
	r := exec.Request{Over: exec.Over{Tenant: tenant}, Plan: prepare(t, "{}"), Limit: 20}
	for page := range 5 {
		store.traces, store.batches = 0, 0
		res, err := exec.Search(t.Context(), store, r)
		if err != nil || len(res.Hits) != 20 {
			t.Fatalf("Search = %d hits, %v", len(res.Hits), err)
		}
		// A page of 20 lies in one or two batches of 50, and one more shows that
		// nothing newer follows.
		if store.batches > 3 || store.traces > 22 {
			t.Errorf("page %d took %d batches and %d trace reads", page, store.batches, store.traces)
		}
		r.Cursor = res.Next
	}
}

func TestBudgets(t *testing.T) {
	g := storagetest.NewGenerator(3)
	spans := g.Spans(100, 5)
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	store.BatchRows = 10
	fill(t, store, spans, 50)
	f := func(b exec.Budget, reason string) {
		t.Helper()
		over := exec.Over{Tenant: tenant, Budget: b, Window: clew.Window{Start: storagetest.Epoch}}
		res, err := exec.Search(t.Context(), store, exec.Request{Over: over, Plan: prepare(t, `{ status = error }`), Limit: 1000})
		if err != nil || res.Cost.Complete || !strings.Contains(res.Cost.Reason, reason) || res.Cost.Searched >= 1 {
			t.Errorf("Search with %+v: %+v, %v", b, res.Cost, err)
		}
		n, err := exec.Count(t.Context(), store, over, prepare(t, `{ }`))
		if err != nil || n.Cost.Complete || !strings.Contains(n.Cost.Reason, reason) || n.Spans >= int64(len(spans)) {
			t.Errorf("Count with %+v: %+v, %v", b, n, err)
		}
	}
	f(exec.Budget{Rows: 30}, "row budget of 30")
	f(exec.Budget{Bytes: 3000}, "byte budget of 3 KB")
	f(exec.Budget{Time: 1}, "time budget of 1ns")
}

func TestSearchCanceled(t *testing.T) {
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	fill(t, store, storagetest.NewGenerator(1).Spans(5, 3), 50)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := exec.Search(ctx, store, exec.Request{Over: exec.Over{Tenant: tenant}, Plan: prepare(t, "{}")})
	if clew.KindOf(err) != clew.Canceled {
		t.Errorf("Search = %v, want Canceled", err)
	}
	_, err = exec.Count(ctx, store, exec.Over{Tenant: tenant}, prepare(t, "{}"))
	if clew.KindOf(err) != clew.Canceled {
		t.Errorf("Count = %v, want Canceled", err)
	}
}

func TestSearchRefuses(t *testing.T) {
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	f := func(change func(*exec.Request)) {
		t.Helper()
		r := exec.Request{Over: exec.Over{Tenant: tenant}, Plan: prepare(t, "{}")}
		change(&r)
		if _, err := exec.Search(t.Context(), store, r); clew.KindOf(err) != clew.Invalid || err == nil {
			t.Errorf("Search(%+v) = %v, want Invalid", r, err)
		}
	}
	f(func(r *exec.Request) { r.Plan = nil })
	f(func(r *exec.Request) { r.Limit = -1 })
	f(func(r *exec.Request) { r.Limit = exec.MaxLimit + 1 })
	f(func(r *exec.Request) { r.SpansPerTrace = exec.MaxSpansPerTrace + 1 })
	f(func(r *exec.Request) { r.Cursor = "x" })
}

func TestCursor(t *testing.T) {
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	fill(t, store, storagetest.NewGenerator(1).Spans(5, 3), 50)
	r := exec.Request{Over: exec.Over{Tenant: tenant}, Plan: prepare(t, "{}"), Limit: 1}
	res, err := exec.Search(t.Context(), store, r)
	if err != nil || res.Next == "" {
		t.Fatalf("Search = %+v, %v", res, err)
	}
	f := func(change func(*exec.Request), want string) {
		t.Helper()
		again := r
		again.Cursor = res.Next
		change(&again)
		_, err := exec.Search(t.Context(), store, again)
		switch {
		case want == "" && err != nil:
			t.Errorf("Search: %v", err)
		case want != "" && (clew.KindOf(err) != clew.Invalid || !strings.Contains(fmt.Sprint(err), want)):
			t.Errorf("Search = %v, want %q", err, want)
		}
	}
	f(func(r *exec.Request) {}, "")
	f(func(r *exec.Request) { r.Limit = 7 }, "")
	f(func(r *exec.Request) { r.Plan = prepare(t, "{ true }") }, "another query")
	f(func(r *exec.Request) { r.Plan = prepare(t, " { } ") }, "")
	f(func(r *exec.Request) { r.Tenant = "t2" }, "another query")
	f(func(r *exec.Request) { r.Window.End = 5 }, "another query")
	f(func(r *exec.Request) { r.Cursor = r.Cursor[:20] }, "bytes")
	f(func(r *exec.Request) { r.Cursor += "!" }, "damaged")
	f(func(r *exec.Request) { r.Cursor = "Ag" + r.Cursor[2:] }, "version 2")
}

func FuzzCursor(f *testing.F) {
	f.Add("AQAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAA")
	f.Add("")
	f.Add("!!")
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	p, err := exec.Prepare("{}")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		_, err := exec.Search(t.Context(), store, exec.Request{Over: exec.Over{Tenant: tenant}, Plan: p, Cursor: cursor})
		if err != nil && clew.KindOf(err) != clew.Invalid {
			t.Errorf("Search with cursor %q = %v", cursor, err)
		}
	})
}

var errBroken = errors.New("broken")

// brokenStore fails each trace read.
type brokenStore struct{ storage.Store }

func (brokenStore) Trace(context.Context, clew.Tenant, clew.TraceID) (storage.Trace, error) {
	return storage.Trace{}, errBroken
}

func TestSearchReportsFaults(t *testing.T) {
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	fill(t, store, storagetest.NewGenerator(1).Spans(5, 3), 50)
	_, err := exec.Search(t.Context(), brokenStore{store}, exec.Request{Over: exec.Over{Tenant: tenant}, Plan: prepare(t, "{}")})
	if !errors.Is(err, errBroken) {
		t.Errorf("Search = %v, want the store's fault", err)
	}
}

// slowStore takes a second for each trace.
type slowStore struct{ storage.Store }

func (s slowStore) Trace(ctx context.Context, t clew.Tenant, id clew.TraceID) (storage.Trace, error) {
	<-time.After(time.Second)
	return s.Store.Trace(ctx, t, id)
}

// Reading the traces of a page is within the time budget, and a half more.
func TestSearchSlowReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := storagetest.NewMemory(storagetest.AllCapabilities())
		fill(t, store, storagetest.NewGenerator(1).Spans(50, 3), 50)
		r := exec.Request{Over: exec.Over{Tenant: tenant, Budget: exec.Budget{Time: 10 * time.Second}}, Plan: prepare(t, "{}"), Limit: 30}
		res, err := exec.Search(t.Context(), slowStore{store}, r)
		if err != nil || res.Cost.Complete || !strings.Contains(res.Cost.Reason, "time budget of 10s") {
			t.Errorf("Search: %+v, %v, want it partial", res.Cost, err)
		}
		if len(res.Hits) != 16 || res.Cost.Took != 16*time.Second {
			t.Errorf("%d hits after %v, want 16 after 16 s", len(res.Hits), res.Cost.Took)
		}
	})
}
