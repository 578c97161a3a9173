package exec_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/traceql"
)

// Every query in docs/query.md runs, and finds what the model finds; those that
// the page calls unsupported are.
func TestQueriesOfTheManual(t *testing.T) {
	spans := storagetest.NewGenerator(6).Spans(30, 6)
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	store.BatchRows = 20
	fill(t, store, spans, 40)
	page, err := os.ReadFile("../docs/query.md")
	if err != nil {
		t.Fatal(err)
	}
	runs, unsupported := 0, 0
	kind := ""
	for i, line := range strings.Split(string(page), "\n") {
		if fence, ok := strings.CutPrefix(line, "```"); ok {
			kind = fence
			continue
		}
		p, err := exec.Prepare(line)
		switch kind {
		case "traceql":
			runs++
			if err != nil {
				t.Errorf("docs/query.md:%d: %s: %v", i+1, line, err)
				continue
			}
			if p.IsMetrics() {
				manualMetric(t, store, spans, line, p)
				continue
			}
			find := naiveSearch
			if strings.Contains(line, "| order by") {
				find = naiveOrder
			}
			compareHits(t, line, pages(t, store, p, clew.Window{}, 1000), find(t, spans, line, clew.Window{}))
		case "traceql unsupported":
			unsupported++
			var e *traceql.Error
			if !errors.As(err, &e) || e.Class != traceql.Unsupported {
				t.Errorf("docs/query.md:%d: %s: %v, want it unsupported", i+1, line, err)
			}
		}
	}
	if runs < 20 || unsupported < 2 {
		t.Errorf("docs/query.md has %d queries that run and %d that do not yet", runs, unsupported)
	}
}

// manualMetric compares a query that is one metric and counts nothing but spans with the
// model, of others only that they are answered.
func manualMetric(t *testing.T, store exec.Store, spans []clew.Span, query string, p *exec.Plan) {
	t.Helper()
	w := clew.Window{Start: storagetest.Epoch, End: storagetest.Epoch + 300e9}
	got, err := exec.RunMetrics(t.Context(), store, exec.MetricsRequest{Over: exec.Over{Tenant: tenant, Window: w}, Plan: p, Step: time.Minute})
	if err != nil {
		t.Errorf("%s: %v", query, err)
		return
	}
	q, _ := traceql.Parse(query)
	m, ok := q.Stages[len(q.Stages)-1].(*traceql.Metric)
	switch {
	case ok && m.Fn == traceql.Compare:
		if diff := difference(comparisonOf(&got), naiveComparison(t, spans, query, w, time.Minute)); diff != "" {
			t.Errorf("%s:\n%s", query, diff)
		}
	case ok && m.Fn != traceql.CountDistinctOverTime:
		compareMetric(t, query, got, naiveMetric(t, spans, query, w, time.Minute), sketch.RelativeError)
	}
}
