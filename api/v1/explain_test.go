package v1_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	v1 "github.com/clew-tracing/clew/api/v1"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

type explained struct {
	Scanned struct{ Rows, Bytes int64 }
	Explain *struct {
		Query  string
		Plan   []string
		Stages []struct {
			Name, What                                       string
			Times, Heads                                     int
			Rows, PrunedRows, Bytes, Matched, Traces, Series int64
			Segments, Blocks                                 storage.Pruning
			Tests                                            []storage.Test
		}
	}
}

// threeHours serves three segments of four spans, of a service, a name and an hour each,
// and one span in a head.
func threeHours(t *testing.T) *server {
	sealed := make(chan struct{}, 3)
	store, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{SealRows: 4, Events: spandb.Events{Sealed: func(spandb.SealInfo) { sealed <- struct{}{} }}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	s := serve(t, store, v1.Config{})
	for i, name := range []string{"a", "b", "c", "d"} {
		resource := &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue(name)}}}
		var spans []clew.Span
		for k := range 4 - i/3*3 {
			at := storagetest.Epoch + clew.UnixNanos(i)*clew.UnixNanos(time.Hour)
			spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, uint64(i+1)), SpanID: clew.SpanID(k + 1), ParentID: clew.SpanID(k), Name: name,
				Resource: resource, Start: at + clew.UnixNanos(k), End: at + 1e6})
		}
		s.put(4, spans...)
		if i < 3 {
			<-sealed
		}
	}
	return s
}

// TestExplain holds explanations to a store of which it is known what can be left out.
func TestExplain(t *testing.T) {
	s := threeHours(t)
	ask := func(path string) (e explained) {
		t.Helper()
		s.get(path + "&explain=true").ok(&e)
		var rows, bytes int64
		for _, st := range e.Explain.Stages {
			rows, bytes = rows+st.Rows, bytes+st.Bytes
		}
		if rows != e.Scanned.Rows || bytes != e.Scanned.Bytes || bytes == 0 && strings.Contains(path, "search") {
			t.Errorf("%s: stages of %d rows and %d bytes, scanned are %+v", path, rows, bytes, e.Scanned)
		}
		return e
	}
	q := func(query string) string { return url.QueryEscape(query) }
	says := func(e explained, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if !slices.ContainsFunc(e.Explain.Plan, func(p string) bool { return strings.Contains(p, text) }) {
				t.Errorf("%s: the plan %q does not say %q", e.Explain.Query, e.Explain.Plan, text)
			}
		}
	}

	e := ask("/api/v1/search?limit=5&q=" + q(`{ name = "b" && duration > 1us }`))
	says(e, "newest first, until 5 traces", "read whole")
	scan := e.Explain.Stages[0]
	if scan.Name != "scan rows" || scan.Segments != (storage.Pruning{Total: 3, ByContent: 2, Read: 1}) || scan.Blocks != (storage.Pruning{Total: 1, Read: 1}) ||
		scan.Heads != 1 || scan.Rows != 5 || scan.PrunedRows != 8 || scan.Matched != 4 {
		t.Errorf("search: %+v", scan)
	}
	if want := []storage.Test{{Condition: `name = "b"`, On: "names and kinds that rows have in common"}, {Condition: "duration > 1µs", On: "durations, packed"}}; !slices.Equal(scan.Tests, want) {
		t.Errorf("tests %+v, want %+v", scan.Tests, want)
	}
	if read := e.Explain.Stages[1]; read.Name != "read whole traces" || read.Traces != 1 || read.Rows != 4 || read.Times != 1 {
		t.Errorf("reading: %+v", read)
	}

	e = ask("/api/v1/search?limit=0&count=true&start=" + url.QueryEscape(storagetest.Epoch.Time().UTC().Add(time.Hour).Format(time.RFC3339)) + "&q=" + q(`{ kind = server } >> { }`))
	says(e, "needs the whole trace", "scan by traces")
	if scan := e.Explain.Stages[0]; scan.Name != "scan by traces" || scan.Segments.ByTime != 1 {
		t.Errorf("count: %+v", scan)
	}

	window := "&start=2026-01-01T00:00:00Z&end=2026-01-01T04:00:00Z&step=60"
	e = ask("/api/v1/metrics?q=" + q(`{ } | rate() by (resource.service.name)`) + window)
	says(e, "rate by resource.service.name over spans that meet true: from rollups alone")
	if sums := e.Explain.Stages[0]; len(e.Explain.Stages) != 1 || sums.Name != "add up rollups" || sums.Series != 4 {
		t.Errorf("rollups: %+v", e.Explain.Stages)
	}
	e = ask("/api/v1/metrics?q=" + q(`{ span.x != 1 } | rate()`) + window)
	says(e, "from columns; rollups do not tell it: they do not tell which spans meet span.x != 1")

	var plain explained
	s.get("/api/v1/search?q=").ok(&plain)
	if plain.Explain != nil {
		t.Errorf("not asked for: %+v", plain.Explain)
	}
	if r := s.bad("GET", "/api/v1/metrics?explain=perhaps&q="+q("{ } | rate()"), ""); r.status != 400 {
		t.Errorf("explain=perhaps: %d", r.status)
	}
}
