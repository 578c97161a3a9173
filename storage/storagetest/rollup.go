package storagetest

import (
	"context"
	"slices"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/storage"
)

// Rollups implements storage.Aggregator by looking at every row. It keeps all
// operations and servers apart.
func (m *Memory) Rollups(ctx context.Context, r storage.RollupRequest) (storage.Rollups, error) {
	if !m.caps.Rollups {
		return storage.Rollups{}, clew.Errorf(clew.Unsupported, "storagetest: no rollups")
	}
	if err := r.Check(); err != nil {
		return storage.Rollups{}, err
	}
	if err := canceled(ctx); err != nil {
		return storage.Rollups{}, err
	}
	out := storage.Rollups{Watermark: time.Now()}
	rows := m.of(r.Tenant)
	for _, x := range rows {
		at, moved := countedAt(x)
		out.Elsewhere = out.Elsewhere || moved && r.Window.Contains(x.span.Start)
		if !r.Window.Contains(at - at%clew.UnixNanos(time.Minute)) {
			continue
		}
		if moved {
			out.Moved++
		}
		if x.span.End == 0 {
			out.Unfinished++
			continue
		}
		for _, s := range seriesOf(x, rows, &r) {
			s.Start = r.StepOf(at - at%clew.UnixNanos(time.Minute))
			i := slices.IndexFunc(out.Series, func(o storage.RollupSeries) bool { return o.RollupKey == s.RollupKey })
			if i < 0 {
				out.Series = append(out.Series, s)
				continue
			}
			out.Series[i].Add(&s.Figures)
		}
	}
	slices.SortFunc(out.Series, func(a, b storage.RollupSeries) int { return a.Compare(&b.RollupKey) })
	return out, nil
}

// countedAt returns the moment in which a row counts, and whether it is not its start.
func countedAt(x *row) (at clew.UnixNanos, moved bool) {
	if x.received == 0 {
		return x.span.Start, false
	}
	at = max(x.span.Start, x.received-min(x.received, clew.UnixNanos(storage.MaxLate)))
	at = min(at, x.received+clew.UnixNanos(storage.MaxEarly))
	return at, at != x.span.Start
}

// seriesOf returns the series to which a row adds, with what it adds.
func seriesOf(x *row, rows []*row, r *storage.RollupRequest) []storage.RollupSeries {
	if r.Edges {
		return edgesOf(x, rows, r)
	}
	s := &x.span
	if !passes(r.Services, s.Service()) || !passes(r.Operations, s.Name) {
		return nil
	}
	var k storage.RollupKey
	if r.By&storage.ByService != 0 {
		k.Service = s.Service()
	}
	if r.By&storage.ByOperation != 0 {
		k.Operation = s.Name
	}
	if r.By&storage.ByKind != 0 {
		k.Kind = s.Kind
	}
	if r.By&storage.ByStatus != 0 {
		k.Status = s.Status
	}
	return []storage.RollupSeries{{RollupKey: k, Figures: figuresOf(s, s.Status == clew.StatusError, r)}}
}

func passes(filter []string, names ...string) bool {
	return len(filter) == 0 || slices.ContainsFunc(filter, func(f string) bool { return slices.Contains(names, f) })
}

func figuresOf(s *clew.Span, failed bool, r *storage.RollupRequest) storage.Figures {
	w := weightOf(s)
	f := storage.Figures{Spans: 1, Weight: w.Counted(), Squares: sketch.Product(uint64(w.Counted()), uint64(w.Counted()))}
	if w == clew.WeightUnknown {
		f.Unknown = 1
	}
	if failed {
		f.Errors, f.ErrorWeight = 1, w.Counted()
	}
	if d := s.DurationNanos(); r.Durations && d >= 0 {
		f.Durations.Add(uint64(d), uint64(w.Counted()))
	}
	return f
}

func callsOut(k clew.Kind) bool { return k == clew.KindClient || k == clew.KindProducer }

func isCalled(k clew.Kind) bool { return k == clew.KindServer || k == clew.KindConsumer }

// parentOf returns the row of the same trace that is x's parent, nil if there is
// none. Of a shared span the server's half is the child of the other, and what names the
// id of both is a child of the server's.
func parentOf(x *row, rows []*row) (parent *row) {
	for _, p := range rows {
		if p.span.TraceID != x.span.TraceID {
			continue
		}
		if isCalled(x.span.Kind) && p.span.SpanID == x.span.SpanID && !isCalled(p.span.Kind) {
			return p
		}
		if p.span.SpanID == x.span.ParentID && (parent == nil || isCalled(p.span.Kind) && !isCalled(parent.span.Kind)) {
			parent = p
		}
	}
	return parent
}

// isEdge reports whether a row and its parent are one.
func isEdge(child, parent *row) bool {
	return child.span.Service() != parent.span.Service() || callsOut(parent.span.Kind) && isCalled(child.span.Kind)
}

// edgesOf returns the edges that a row is one of: that from its parent, and that to
// a virtual server.
func edgesOf(x *row, rows []*row, r *storage.RollupRequest) (out []storage.RollupSeries) {
	s := &x.span
	failed := s.Status == clew.StatusError
	called := storage.ConnOther
	if !callsOut(s.Kind) {
		called = connectionOf(s)
	}
	switch parent := parentOf(x, rows); {
	case parent == nil && s.ParentID == 0:
	case parent == nil:
		out = appendEdge(out, storage.RollupKey{Unresolved: true, Server: s.Service(), Connection: called}, s, failed, r)
	case isEdge(x, parent):
		k := storage.RollupKey{Client: parent.span.Service(), Server: s.Service(), Connection: called}
		if callsOut(parent.span.Kind) {
			failed = failed || parent.span.Status == clew.StatusError
			if k.Connection == storage.ConnOther {
				k.Connection = connectionOf(&parent.span)
			}
		}
		out = appendEdge(out, k, s, failed, r)
	}
	if name, ok := peerOf(s); ok && callsOut(s.Kind) && !isServed(x, rows) {
		out = appendEdge(out, storage.RollupKey{Client: s.Service(), Server: name, Virtual: true, Connection: connectionOf(s)},
			s, s.Status == clew.StatusError, r)
	}
	return out
}

func appendEdge(list []storage.RollupSeries, k storage.RollupKey, s *clew.Span, failed bool, r *storage.RollupRequest) []storage.RollupSeries {
	if !passes(r.Services, k.Client, k.Server) {
		return list
	}
	if r.By&storage.ByClient == 0 {
		k.Client = ""
	}
	if r.By&storage.ByServer == 0 {
		k.Server, k.Virtual = "", false
	}
	if r.By&storage.ByConnection == 0 {
		k.Connection = 0
	}
	return append(list, storage.RollupSeries{RollupKey: k, Figures: figuresOf(s, failed, r)})
}

// isServed reports whether a row answers a call, or is the same call seen from the
// other side.
func isServed(x *row, rows []*row) bool {
	for _, c := range rows {
		if c == x || c.span.TraceID != x.span.TraceID {
			continue
		}
		if c.span.SpanID == x.span.SpanID && isCalled(c.span.Kind) {
			return true
		}
		if p := parentOf(c, rows); p != nil && p.span.SpanID == x.span.SpanID && isEdge(c, p) {
			return true
		}
	}
	return false
}

func textAttr(s *clew.Span, key string) (string, bool) {
	for _, a := range s.Attrs {
		if a.Key == key && a.Value.Type == clew.TypeString {
			return string(a.Value.Bytes), true
		}
	}
	return "", false
}

func connectionOf(s *clew.Span) storage.Connection {
	has := func(keys ...string) bool {
		return slices.ContainsFunc(keys, func(k string) bool { _, ok := textAttr(s, k); return ok })
	}
	rpc, _ := textAttr(s, "rpc.system")
	if name, ok := textAttr(s, "rpc.system.name"); ok && rpc != "grpc" {
		rpc = name
	}
	switch {
	case has("db.system.name", "db.system"):
		return storage.ConnDB
	case has("messaging.system"):
		return storage.ConnMessaging
	case rpc == "grpc":
		return storage.ConnGRPC
	case has("http.request.method", "http.method"):
		return storage.ConnHTTP
	case s.Kind == clew.KindProducer || s.Kind == clew.KindConsumer:
		return storage.ConnMessaging
	}
	return storage.ConnOther
}

func peerOf(s *clew.Span) (string, bool) {
	for _, key := range []string{"service.peer.name", "peer.service", "db.system.name", "db.system", "messaging.system", "server.address", "net.peer.name"} {
		if name, ok := textAttr(s, key); ok {
			return name, true
		}
	}
	return "", false
}
