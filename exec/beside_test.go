package exec_test

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/explain"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// besides is a store that counts how often something was told of beside a loop.
type besides struct {
	*spandb.DB
	n int
}

func (s *besides) Scan(ctx context.Context, r storage.Request) iter.Seq2[*span.Batch, error] {
	if beside := r.Beside; beside != nil {
		r.Beside = func() storage.Beside {
			s.n++
			return beside()
		}
	}
	return s.DB.Scan(ctx, r)
}

// TestBeside asks on one core and on three: answers, what they cost, and what explains them
// are the same to the last bit.
func TestBeside(t *testing.T) {
	db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1, SealRows: 8192})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	store := &besides{DB: db}
	for _, body := range corpus.Requests(corpus.Shop, 5, 70_000, 1000) {
		if _, err := db.Append(t.Context(), storage.Record{Tenant: tenant, Body: body, ReceivedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	newest, err := exec.Search(t.Context(), db, exec.Request{Over: exec.Over{Tenant: tenant}, Plan: prepare(t, `{ }`), Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	w := clew.Window{End: newest.Hits[0].Newest + 1}
	w.Start = w.End - clew.UnixNanos(time.Hour)
	ask := func(ctx context.Context, query string, budget exec.Budget) string {
		t.Helper()
		p, report := prepare(t, query), new(explain.Report)
		over := exec.Over{Tenant: tenant, Window: w, Explain: report, Budget: budget}
		var answer any
		var cost exec.Cost
		if p.IsMetrics() {
			m, err := exec.RunMetrics(ctx, store, exec.MetricsRequest{Over: over, Plan: p, Step: 7 * time.Minute, Exemplars: 20})
			if err != nil {
				answer = err
			}
			cost, m.Cost = m.Cost, exec.Cost{}
			answer = fmt.Sprint(answer, m)
		} else {
			n, err := exec.Count(ctx, store, over, p)
			if err != nil {
				t.Fatal(err)
			}
			cost, n.Cost = n.Cost, exec.Cost{}
			answer = n
		}
		cost.Took, cost.Watermark = 0, time.Time{}
		text := fmt.Sprintf("%+v %+v %q", answer, cost, report.Plan)
		for _, s := range report.Stages {
			if text += fmt.Sprint("\n", s.Name, s.What, s.Times, s.Rows, s.PrunedRows, s.Bytes, s.Matched, s.Traces, s.Heads, s.Tests); cost.Complete {
				text += fmt.Sprint(s.Segments, s.Blocks) // else the next may have been opened, or not
			}
		}
		return text
	}
	for _, query := range []string{
		`{ } | rate() by (name)`,
		`{ } | rate() by (span.http.route, status)`,
		`{ span.http.route != nil } | quantile_over_time(duration, 0.5, 0.99) by (span.http.route)`,
		`{ } | histogram_over_time(duration)`,
		`{ } | avg_over_time(duration / 3) by (kind)`,
		`{ } | sum_over_time(duration / 7)`,
		`{ } | max_over_time(duration) by (resource.service.name, name)`,
		`{ } | count_distinct_over_time(name)`,
		`{ kind = server } >> { status = error } | rate() by (name)`,
		`{ } | by(resource.service.name) | count() > 3`,
		`{ kind = server } >> { status = error }`,
		`{ status = error }`,
	} {
		if _, err := exec.Prepare(query); err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		for _, budget := range []exec.Budget{{}, {Rows: 50_000}, {Memory: 1}} {
			ctx, share, err := cores.New(3).Enter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want := ask(t.Context(), query, budget)
			for got := ""; got != want; {
				got = ask(ctx, query, budget)
				before := want
				if want = ask(t.Context(), query, budget); want == before && got != want { // else rows were sealed meanwhile
					at := 0
					for at < min(len(got), len(want)) && got[at] == want[at] {
						at++
					}
					t.Fatalf("%s, %+v: on three cores … %.200s\nwant … %.200s", query, budget, got[max(0, at-60):], want[max(0, at-60):])
				}
			}
			share.Leave()
		}
	}
	if store.n < 20 {
		t.Errorf("only %d times a core was beside the first", store.n)
	}
}
