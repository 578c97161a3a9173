package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// TestTurns gives as many turns as there are, takes them back, and lets go of who leaves.
func TestTurns(t *testing.T) {
	turns := api.NewTurns(1, nil)
	_, done, err := turns.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left, leave := context.WithCancel(t.Context())
	leave()
	if _, _, err := turns.Take(left); clew.KindOf(err) != clew.Canceled {
		t.Errorf("the turn of who left = %v, want Canceled", err)
	}
	waiting := make(chan error)
	go func() {
		_, again, err := turns.Take(context.Background())
		if err == nil {
			again()
		}
		waiting <- err
	}()
	done()
	if err := <-waiting; err != nil {
		t.Errorf("a turn that was given back = %v, want it", err)
	}
}

// TestTurnsWaitForACore gives the turn back of who leaves while there is no core for it.
func TestTurnsWaitForACore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := cores.New(1)
		turns := api.NewTurns(2, pool)
		_, done, err := turns.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		left, leave := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() {
			_, _, err := turns.Take(left)
			gone <- err
		}()
		synctest.Wait()
		if computing, waiting := pool.State(); computing != 1 || waiting != 1 {
			t.Fatalf("%d compute, %d wait, want one each", computing, waiting)
		}
		leave()
		if err := <-gone; clew.KindOf(err) != clew.Canceled {
			t.Errorf("who left while waiting for a core: %v, want Canceled", err)
		}
		if running, _ := turns.State(); running != 1 {
			t.Errorf("%d turns are taken, want 1", running)
		}
		done()
		if computing, waiting := pool.State(); computing+waiting != 0 {
			t.Errorf("%d compute, %d wait at the end", computing, waiting)
		}
	})
}

// TestQueueIsBounded tells who comes when as many wait as may to come again.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := api.NewTurns(2, nil)
		var running []func()
		for range 2 {
			_, done, err := turns.Take(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			running = append(running, done)
		}
		const most = 2 * api.QueuePerTurn
		outcomes := make(chan error, most)
		for range most {
			go func() {
				_, done, err := turns.Take(t.Context())
				if err == nil {
					done()
				}
				outcomes <- err
			}()
		}
		synctest.Wait()
		if r, w := turns.State(); r != 2 || w != most {
			t.Errorf("%d run and %d wait, want 2 and %d", r, w, most)
		}
		if _, _, err := turns.Take(t.Context()); clew.KindOf(err) != clew.Busy || api.RetryAfter(err) != api.MaxQueue || !strings.Contains(err.Error(), "64 more wait") {
			t.Errorf("one more: %v, want Busy", err)
		}
		running[0]()
		for range most {
			if err := <-outcomes; err != nil {
				t.Errorf("one that waited: %v", err)
			}
		}
		if r, w := turns.State(); r != 1 || w != 0 {
			t.Errorf("%d run and %d wait, want 1 and 0", r, w)
		}
	})
}

// TestRetryAfter is never less than a second.
func TestRetryAfter(t *testing.T) {
	for err, want := range map[error]time.Duration{
		&clew.Error{Kind: clew.Busy, RetryAfter: 7 * time.Second}: 7 * time.Second,
		&clew.Error{Kind: clew.Busy, RetryAfter: 1}:               time.Second,
		context.Canceled: time.Second,
	} {
		if got := api.RetryAfter(err); got != want {
			t.Errorf("RetryAfter(%v) = %v, want %v", err, got, want)
		}
	}
}

// TestHeaderText is one line of bounded length, cut between characters.
func TestHeaderText(t *testing.T) {
	if got := api.HeaderText("a\nb\xff"); got != `a; b\xff` {
		t.Errorf("HeaderText = %q", got)
	}
	got := api.HeaderText(strings.Repeat("ä", 1000))
	if want := strings.Repeat("ä", 500) + "…"; got != want {
		t.Errorf("HeaderText of 2000 bytes has %d, want %d", len(got), len(want))
	}
}

// TestJSONPieces makes one object of a trace of any number of pieces.
func TestJSONPieces(t *testing.T) {
	for _, n := range []int{1, 5000, 5001, 12_000} {
		var spans []clew.Span
		for i := range n {
			spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: clew.SpanID(i + 1), Start: clew.UnixNanos(i + 1), Resource: &clew.Resource{}})
		}
		m := storagetest.NewMemory(storagetest.AllCapabilities())
		if _, err := m.Append(t.Context(), storage.Record{Tenant: clew.DefaultTenant, Body: storagetest.Body(spans...)}); err != nil {
			t.Fatal(err)
		}
		tr, err := m.Trace(t.Context(), clew.DefaultTenant, spans[0].TraceID)
		if err != nil {
			t.Fatal(err)
		}
		order := make([]uint32, n)
		for i := range order {
			order[i] = uint32(i)
		}
		var text []byte
		for piece, err := range api.JSONPieces(span.NewRows(tr.Batch), order, `{"x":{"batches":`, `}}`, otlp.AppendProtoJSON) {
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, piece...)
		}
		var out struct {
			X struct {
				Batches []struct {
					ScopeSpans []struct {
						Spans []struct{ TraceID []byte }
					}
				}
			}
		}
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatalf("%d spans: %v\n%.300s", n, err, text)
		}
		got := 0
		for _, b := range out.X.Batches {
			for _, s := range b.ScopeSpans {
				got += len(s.Spans)
			}
		}
		if got != n || len(out.X.Batches[0].ScopeSpans[0].Spans[0].TraceID) != 16 {
			t.Errorf("%d spans came out as %d: %.300s", n, got, text)
		}
	}
}

// TestPagesHaveOneBudget asks for more traces than a page has: what they cost together is
// what one question may.
func TestPagesHaveOneBudget(t *testing.T) {
	const n = exec.MaxLimit + 100
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	spans := make([]clew.Span, n)
	for i := range spans {
		at := storagetest.Epoch + clew.UnixNanos(i)
		spans[i] = clew.Span{TraceID: clew.MakeTraceID(1, uint64(i+1)), SpanID: 1, Name: "a", Start: at, End: at + 1}
	}
	if _, err := store.Append(t.Context(), storage.Record{Tenant: "t", Body: storagetest.Body(spans...)}); err != nil {
		t.Fatal(err)
	}
	q := api.Question{Ctx: t.Context(), Over: exec.Over{Tenant: "t"}, Store: store}
	hits, cost, err := q.Search("{ }", n, n)
	if err != nil || len(hits) != n || !cost.Complete || cost.Rows <= n {
		t.Fatalf("%d traces, %+v, %v", len(hits), cost, err)
	}
	for rows, want := range map[int64]int{cost.Rows + 1: n, cost.Rows * 3 / 5: 0, n + 1: 0} {
		q.Budget.Rows = rows
		hits, cost, err := q.Search("{ }", n, n)
		switch {
		case err != nil || cost.Rows > rows*3/2+1: // traces are read for half as much again
			t.Errorf("%d rows: %+v, %v", rows, cost, err)
		case want == n && (len(hits) != n || !cost.Complete):
			t.Errorf("%d rows are enough: %d traces, %+v", rows, len(hits), cost)
		case want == 0 && (len(hits) >= n || cost.Complete || cost.Searched >= 1 || cost.Reason != fmt.Sprintf("the row budget of %d ended", rows)):
			t.Errorf("%d rows are not enough: %d traces, %+v", rows, len(hits), cost)
		}
	}
}
