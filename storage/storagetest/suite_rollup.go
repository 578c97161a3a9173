package storagetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage"
)

// aggregator returns the store as one; a store that does not claim to be one skips.
func (s *suite) aggregator() storage.Aggregator {
	if !s.Capabilities().Rollups {
		s.Skip("the store does not claim to have rollups")
	}
	a, ok := s.Store.(storage.Aggregator)
	if !ok {
		s.Fatal("the store claims to have rollups and is no Aggregator")
	}
	return a
}

// arrivals are when records come: some minutes after their spans, and now and then
// much later.
func (g *Generator) arrival() time.Time {
	at := (Epoch + clew.UnixNanos(g.r.Int64N(600e9))).Time()
	if g.r.IntN(10) == 0 {
		at = at.Add(time.Duration(g.r.IntN(20)) * 24 * time.Hour)
	}
	return at
}

// both appends a record to the store and to a model.
func (s *suite) both(m *Memory, t clew.Tenant, at time.Time, spans ...clew.Span) {
	s.Helper()
	r := storage.Record{Tenant: t, Body: Body(spans...), Door: "test", ReceivedAt: at}
	if _, err := m.Append(s.Context(), r); err != nil {
		s.Fatal(err)
	}
	if res, err := s.Append(s.Context(), r); err != nil || res.Accepted != len(spans) {
		s.Fatalf("Append(%d spans) = %+v, %v", len(spans), res, err)
	}
}

// RollupRequest returns a request for rollups of a tenant at random.
func (g *Generator) RollupRequest(t clew.Tenant) storage.RollupRequest {
	const minute = clew.UnixNanos(time.Minute)
	r := storage.RollupRequest{Tenant: t, Durations: g.r.IntN(4) > 0, Edges: g.r.IntN(2) == 0}
	if g.r.IntN(2) == 0 {
		r.Step = time.Duration(1+g.r.IntN(5)) * time.Minute
	}
	if g.r.IntN(2) == 0 {
		r.Window.Start = Epoch + minute*clew.UnixNanos(g.r.IntN(6))
		r.Window.End = r.Window.Start + minute*clew.UnixNanos(1+g.r.IntN(6))
	}
	r.By = storage.Dimensions(g.r.IntN(256)) & storage.OperationDimensions
	if r.Edges {
		r.By = storage.Dimensions(g.r.IntN(256)) & storage.EdgeDimensions
	}
	if g.r.IntN(3) == 0 {
		r.Services = []string{pick(g, services), pick(g, services)}
	}
	if g.r.IntN(3) == 0 && !r.Edges {
		r.Operations = []string{pick(g, spanNames), pick(g, spanNames)}
	}
	return r
}

// RollupText writes an answer, all but its watermark and damage. Equal answers have
// equal texts.
func RollupText(r storage.Rollups) (lines []string) {
	lines = append(lines, fmt.Sprintf("unfinished %d, moved %d, damaged %d", r.Unfinished, r.Moved, r.Damaged))
	for i := range r.Series {
		s := &r.Series[i]
		line := fmt.Sprintf("%+v: spans %d, errors %d, weight %d, of errors %d, squares %v, unknown %d", s.RollupKey,
			s.Spans, s.Errors, s.Weight, s.ErrorWeight, s.Squares, s.Unknown)
		d := &s.Durations
		line += fmt.Sprintf("; %d from %d to %d, sum %v, zero %d", d.Count(), d.Min(), d.Max(), d.Sum(), d.Zero())
		for i, n := range d.Buckets() {
			line += fmt.Sprintf(" %d:%d", i, n)
		}
		lines = append(lines, line)
	}
	return lines
}

// sameRollups compares the answers of a store and a model.
func (s *suite) sameRollups(a storage.Aggregator, m *Memory, r storage.RollupRequest) {
	s.Helper()
	got, err := a.Rollups(s.Context(), r)
	if err != nil {
		s.Fatalf("Rollups(%+v): %v", r, err)
	}
	expected, err := m.Rollups(s.Context(), r)
	if err != nil {
		s.Fatal(err)
	}
	if got.Damage != nil || got.Watermark.IsZero() {
		s.Errorf("Rollups(%+v): damage %v, watermark %v", r, got.Damage, got.Watermark)
	}
	if expected.Elsewhere && !got.Elsewhere { // a store may be careful
		s.Errorf("Rollups(%+v) says that no row counts elsewhere", r)
	}
	if x, y := RollupText(got), RollupText(expected); !slices.Equal(x, y) {
		for i := range max(len(x), len(y)) {
			if i >= len(x) || i >= len(y) || x[i] != y[i] {
				s.Fatalf("Rollups(%+v): line %d of %d, want %d lines: got\n%s\nwant\n%s", r, i, len(x), len(y), lineOf(x, i), lineOf(y, i))
			}
		}
	}
}

func lineOf(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "nothing"
}

// testRollups compares rollups with what the model finds by looking at every row,
// wherever the rows lie. Traces come whole, so that parents are where their children
// are.
func testRollups(_ *testing.T, s *suite) {
	a, m := s.aggregator(), NewMemory(AllCapabilities())
	for i, trace := range s.g.Rolled(120, 9) {
		s.g.share(trace)
		s.both(m, tenant, s.g.arrival(), trace...)
		if i%10 == 0 { // a record that is the same but for a span: its rows are counted again
			s.both(m, tenant, s.g.arrival(), append(slices.Clone(trace), s.g.Trace(1)...)...)
		}
		if i%7 == 0 {
			s.both(m, "t2", s.g.arrival(), s.g.Trace(3)...)
		}
		if i%15 == 0 {
			s.sameRollups(a, m, s.g.RollupRequest(tenant))
		}
	}
	all := storage.RollupRequest{Tenant: tenant, Step: time.Minute, By: storage.OperationDimensions, Durations: true}
	s.sameRollups(a, m, all)
	all.Edges, all.By = true, storage.EdgeDimensions
	s.sameRollups(a, m, all)
	for range 150 {
		s.sameRollups(a, m, s.g.RollupRequest(tenant))
	}
	s.sameRollups(a, m, s.g.RollupRequest("t2"))
	s.sameRollups(a, m, s.g.RollupRequest("nobody"))
}

// share makes some calls of a trace, each a span and a child of it, shared spans: two
// halves with one id, of which the server's may name the client's parent, or nobody.
func (g *Generator) share(trace []clew.Span) {
	shared := make(map[clew.SpanID]bool) // no id has three halves
	for i := range trace {
		client := &trace[i]
		k := slices.IndexFunc(trace, func(s clew.Span) bool { return s.ParentID == client.SpanID })
		if k < 0 || shared[client.SpanID] || shared[trace[k].SpanID] || trace[k].SpanID == client.SpanID || g.r.IntN(4) > 0 {
			continue
		}
		server := &trace[k]
		shared[client.SpanID] = true
		old := server.SpanID
		client.Kind, server.Kind, server.SpanID, server.ParentID = clew.KindClient, clew.KindServer, client.SpanID, client.ParentID
		if g.r.IntN(2) == 0 {
			server.ParentID = 0
		}
		for n := range trace {
			if trace[n].ParentID == old {
				trace[n].ParentID = client.SpanID
			}
		}
	}
}

// testRollupParts sends traces in pieces: operations are exact all the same, and an
// edge whose two ends lie apart is unresolved, not lost.
func testRollupParts(_ *testing.T, s *suite) {
	a, m := s.aggregator(), NewMemory(AllCapabilities())
	var spans []clew.Span
	for _, trace := range s.g.Rolled(60, 9) {
		spans = append(spans, trace...)
	}
	s.g.r.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
	for part := range slices.Chunk(spans, 5) {
		s.both(m, tenant, s.g.arrival(), part...)
	}
	for range 60 {
		r := s.g.RollupRequest(tenant)
		if r.Edges {
			r.Edges, r.By = false, storage.ByService
		}
		s.sameRollups(a, m, r)
	}
	type ends struct{ resolved, unresolved uint64 }
	count := func(a storage.Aggregator) map[string]ends {
		out := make(map[string]ends)
		r, err := a.Rollups(s.Context(), storage.RollupRequest{Tenant: tenant, Edges: true, By: storage.ByServer})
		if err != nil {
			s.Fatal(err)
		}
		for _, x := range r.Series {
			e := out[x.Server]
			switch {
			case x.Unresolved:
				e.unresolved += x.Spans
			case !x.Virtual:
				e.resolved += x.Spans
			}
			out[x.Server] = e
		}
		return out
	}
	got, expected := count(a), count(m)
	for server, w := range expected {
		if g := got[server]; g.resolved > w.resolved || g.resolved+g.unresolved < w.resolved+w.unresolved {
			s.Errorf("server %q: %+v, and of whole traces %+v", server, g, w)
		}
	}
}

func testRollupErrors(_ *testing.T, s *suite) {
	a := s.aggregator()
	s.append(s.g.Trace(3)...)
	for name, r := range map[string]storage.RollupRequest{
		"half a minute":           {Window: clew.Window{Start: Epoch + 30e9}},
		"an end in a minute":      {Window: clew.Window{Start: Epoch, End: Epoch + 90e9}},
		"a step of seconds":       {Step: 90 * time.Second},
		"a step back":             {Step: -time.Minute},
		"operations by client":    {By: storage.ByClient},
		"edges by service":        {Edges: true, By: storage.ByService},
		"edges of some operation": {Edges: true, Operations: []string{"x"}},
	} {
		r.Tenant = tenant
		_, err := a.Rollups(s.Context(), r)
		s.kind(name, err, clew.Invalid)
	}
	ctx, cancel := cancelable(s)
	cancel()
	_, err := a.Rollups(ctx, storage.RollupRequest{Tenant: tenant})
	s.kind("canceled", err, clew.Canceled)
}
