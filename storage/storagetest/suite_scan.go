package storagetest

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

func testOrder(_ *testing.T, s *suite) {
	spans := s.g.Spans(80, 6)
	s.appendMany(spans, 23)
	bound := ^clew.UnixNanos(0)
	seen := make(map[string]int)
	for b, err := range s.Scan(s.Context(), where(span.Condition{})) {
		if err != nil {
			s.Fatal(err)
		}
		if b.Rows < 1 || b.Rows > storage.MaxBatchRows {
			s.Errorf("a batch of %d rows", b.Rows)
		}
		if b.MaxStart > bound {
			s.Errorf("MaxStart %d after %d: it must descend", b.MaxStart, bound)
		}
		bound = b.MaxStart
		rows := span.NewRows(b)
		for i := range b.Rows {
			if clew.UnixNanos(b.Start[i]) > b.MaxStart {
				s.Errorf("a row starts at %d in a batch of MaxStart %d", b.Start[i], b.MaxStart)
			}
			seen[spanText(rows.Span(i))]++
		}
	}
	for text, n := range seen {
		if n != 1 {
			s.Errorf("%d times in one scan: %s", n, text)
		}
	}
	if len(seen) != len(spans) {
		s.Errorf("%d different rows, want %d", len(seen), len(spans))
	}
}

func testWindows(_ *testing.T, s *suite) {
	spans := s.g.Spans(60, 5)
	s.appendMany(spans, 31)
	starts := make([]clew.UnixNanos, len(spans))
	for i := range spans {
		starts[i] = spans[i].Start
	}
	slices.Sort(starts)
	mid := starts[len(starts)/2]
	first, last := starts[0], starts[len(starts)-1]
	for _, w := range []clew.Window{{}, {Start: mid}, {End: mid}, {Start: mid, End: mid + 1}, {Start: mid, End: mid},
		{Start: first, End: last}, {Start: first, End: last + 1}, {Start: last + 1}, {End: first}, {Start: first + 1, End: last - 1}} {
		r := where(span.Condition{})
		r.Window = w
		s.equal(fmt.Sprintf("window %v", w), s.scan(r), want(spans, func(x *clew.Span) bool { return w.Contains(x.Start) }))
	}
}

// check scans for a condition and compares with the naive evaluation; it also
// holds the Matcher to it on the same batches.
func (s *suite) check(spans []clew.Span, c span.Condition) {
	s.Helper()
	want := make(map[rowKey]bool, len(spans))
	for i := range spans {
		want[keyOf(&spans[i])] = Holds(c, &spans[i])
	}
	r := where(c)
	m := span.NewMatcher(c)
	seen := make(map[rowKey]bool, len(spans))
	for b, err := range s.Scan(s.Context(), r) {
		if err != nil {
			s.Fatalf("Scan(%v): %v", c, err)
		}
		got := m.Match(b)
		for i := range b.Rows {
			k := rowKey{b.TraceIDs[b.Trace[i]], clew.SpanID(b.SpanID[i])}
			holds, sent := want[k]
			switch {
			case !sent:
				s.Fatalf("Scan(%v) yields a row that was not sent: %v", c, k)
			case got.Get(i) != holds:
				s.Fatalf("Matcher finds %v = %v, want %v, for\n%s", c, !holds, holds, spanText(span.NewRows(b).Span(i)))
			case b.Matched != nil && b.Matched.Get(i) != holds:
				s.Fatalf("Matched says %v = %v, want %v, for\n%s", c, !holds, holds, spanText(span.NewRows(b).Span(i)))
			}
			seen[k] = true
		}
	}
	for i := range spans {
		if k := keyOf(&spans[i]); want[k] && !seen[k] {
			s.Fatalf("Scan(%v) loses\n%s", c, spanText(spans[i]))
		}
	}
}

// rowKey names a generated span.
type rowKey struct {
	trace clew.TraceID
	span  clew.SpanID
}

func keyOf(s *clew.Span) rowKey { return rowKey{s.TraceID, s.SpanID} }

func testLeaves(_ *testing.T, s *suite) {
	spans := s.g.Spans(20, 6)
	s.appendMany(spans, 50)
	var all []span.Field
	for _, i := range allIntrinsics {
		all = append(all, span.Field{Intrinsic: i})
	}
	for _, scope := range allScopes {
		for _, key := range append(attrKeys, "absent") {
			all = append(all, span.Field{Scope: scope, Key: key})
		}
	}
	for _, f := range all {
		s.check(spans, span.Has(f))
		s.check(spans, span.Matches(f, span.Match, patterns[1+s.g.r.IntN(4)]))
		s.check(spans, span.Matches(f, span.NotMatch, patterns[1+s.g.r.IntN(4)]))
		for _, op := range comparisons {
			for _, v := range []clew.Value{s.occurring(spans, f), clew.StringValue(pick(s.g, texts)), clew.IntValue(pick(s.g, ints)),
				clew.DoubleValue(pick(s.g, doubles)), clew.BoolValue(true)} {
				if v.Type != clew.TypeOther {
					s.check(spans, span.Compare(f, op, v))
				}
			}
		}
	}
}

// occurring returns a value that some span has for f, or an odd one.
func (s *suite) occurring(spans []clew.Span, f span.Field) clew.Value {
	for range 20 {
		if v := valuesOf(f, &spans[s.g.r.IntN(len(spans))]); len(v) > 0 {
			return v[0]
		}
	}
	return clew.StringValue("nobody has this")
}

func testConditions(_ *testing.T, s *suite) {
	spans := s.g.Spans(50, 6)
	s.appendMany(spans, 64)
	for range 200 {
		s.check(spans, s.g.Condition(spans, 3))
	}
}

func testRelations(_ *testing.T, s *suite) {
	spans := s.g.Spans(60, 6)
	s.appendMany(spans, 64)
	held, total := 0, 0
	for range 120 {
		c := s.g.Relation(spans)
		s.check(spans, c)
		for i := range spans {
			total++
			if Holds(c, &spans[i]) {
				held++
			}
		}
	}
	if held < total/50 {
		s.Errorf("relations held %d times in %d: they tell nothing", held, total)
	}
}

func testColumns(_ *testing.T, s *suite) {
	spans := s.g.Spans(10, 4)
	s.append(spans...)
	scan := func(c storage.Columns, w span.Condition, check func(*span.Batch) bool) {
		s.Helper()
		for b, err := range s.Scan(s.Context(), storage.Request{Tenant: tenant, Where: w, Columns: c}) {
			if err != nil {
				s.Fatal(err)
			}
			if len(b.Trace) != b.Rows || len(b.Start) != b.Rows || len(b.TraceIDs) == 0 {
				s.Errorf("columns %+v: no Trace, TraceIDs or Start", c)
			}
			if !check(b) {
				s.Errorf("columns %+v for %v are not all there", c, w)
			}
		}
	}
	named := storage.Columns{Intrinsics: []span.Intrinsic{span.Name, span.Duration, span.SpanID, span.SpanKind, span.StatusCode}}
	scan(named, span.Condition{}, func(b *span.Batch) bool {
		return len(b.Name) == b.Rows && len(b.Duration) == b.Rows && len(b.SpanID) == b.Rows && len(b.Kind) == b.Rows &&
			len(b.Status) == b.Rows && b.Names.Len() > 0
	})
	scan(storage.Columns{Resources: true}, span.Condition{}, func(b *span.Batch) bool {
		return len(b.Resource) == b.Rows && len(b.Resources) > 0 && b.Resources[b.Resource[0]] != nil
	})
	field := span.Field{Intrinsic: span.ParentID}
	parent := span.Has(field)
	scan(storage.Columns{}, parent, func(b *span.Batch) bool { return b.Matched != nil || len(b.ParentID) == b.Rows })
	scan(storage.Columns{Intrinsics: []span.Intrinsic{span.ParentID}}, span.Condition{}, func(b *span.Batch) bool { return len(b.ParentID) == b.Rows })
	scan(storage.Columns{Fields: []span.Field{field}}, parent, func(b *span.Batch) bool { return len(b.ParentID) == b.Rows })
	key := span.Field{Scope: span.ScopeSpan, Key: "a"}
	scan(storage.Columns{Fields: []span.Field{key}}, span.Has(key), func(b *span.Batch) bool {
		return slices.ContainsFunc(b.Attrs.Columns, func(c span.Column) bool { return c.Key == "a" && c.Len() > 0 })
	})
	scan(storage.Columns{}, span.Has(key), func(b *span.Batch) bool {
		return b.Matched != nil || slices.ContainsFunc(b.Attrs.Columns, func(c span.Column) bool { return c.Key == "a" && c.Len() > 0 })
	})
}

// testCounts asks for no columns: the rows that match are counted.
func testCounts(_ *testing.T, s *suite) {
	spans := s.g.Spans(60, 6)
	s.appendMany(spans, 11)
	for i := range 60 {
		c := s.g.Condition(spans, 2)
		w := clew.Window{}
		if i%2 == 0 {
			w.Start = spans[i].Start
		}
		got, want := 0, 0
		for b, err := range s.Scan(s.Context(), storage.Request{Tenant: tenant, Where: c, Window: w, Columns: storage.Columns{None: true}}) {
			if err != nil {
				s.Fatal(err)
			}
			rows := b.Matched
			if rows == nil {
				rows = span.NewMatcher(c).Match(b)
				for i := range b.Rows {
					if !w.Contains(clew.UnixNanos(b.Start[i])) {
						rows.Clear(i)
					}
				}
			}
			got += rows.Count()
		}
		for i := range spans {
			if w.Contains(spans[i].Start) && Holds(c, &spans[i]) {
				want++
			}
		}
		if got != want {
			s.Errorf("%v in %v: %d rows, want %d", c, w, got, want)
		}
	}
}

func testSnapshot(_ *testing.T, s *suite) {
	spans := s.g.Spans(20, 4)
	s.appendMany(spans, 7)
	scan := s.Scan(s.Context(), where(span.Condition{}))
	late := s.g.Spans(5, 4)
	rows, first := 0, true
	for b, err := range scan {
		if err != nil {
			s.Fatal(err)
		}
		rows += b.Rows
		if first {
			s.append(late...)
			first = false
		}
	}
	if rows != len(spans) {
		s.Errorf("a scan sees %d rows, want the %d that were there when it began", rows, len(spans))
	}
}

func testStop(_ *testing.T, s *suite) {
	spans := s.g.Spans(40, 6)
	s.appendMany(spans, 11)
	for range 3 {
		for _, err := range s.Scan(s.Context(), where(span.Condition{})) {
			if err != nil {
				s.Fatal(err)
			}
			break
		}
	}
	s.equal("scan after scans left early", s.scan(where(span.Condition{})), want(spans, nil))
	more := s.g.Trace(3)
	s.append(more...)
	s.equal("and appended to", s.scan(where(span.Condition{})), want(append(spans, more...), nil))
}

func testCancel(_ *testing.T, s *suite) {
	s.appendMany(s.g.Spans(40, 6), 11)
	batches := 0
	for _, err := range s.Scan(s.Context(), where(span.Condition{})) {
		if err != nil {
			s.Fatal(err)
		}
		batches++
	}
	for stop := range batches + 1 {
		ctx, cancel := cancelable(s)
		if stop == 0 {
			cancel()
		}
		seen, ended := 0, false
		for b, err := range s.Scan(ctx, where(span.Condition{})) {
			if ended {
				s.Fatalf("canceled at batch %d: the scan goes on after its error", stop)
			}
			if err != nil {
				s.kind(fmt.Sprintf("scan canceled at batch %d", stop), err, clew.Canceled)
				if b != nil {
					s.Errorf("an error comes with a batch")
				}
				ended = true
				continue
			}
			if seen++; seen == stop {
				cancel()
			}
		}
		if seen > max(stop, 1) && stop < batches {
			s.Errorf("canceled at batch %d, the scan went on to batch %d", stop, seen)
		}
		if stop < batches && !ended {
			s.Errorf("canceled at batch %d of %d, the scan ended without an error", stop, batches)
		}
	}
	ctx, cancel := cancelable(s)
	cancel()
	_, err := s.Trace(ctx, tenant, clew.MakeTraceID(1, 1))
	s.kind("trace after cancel", err, clew.Canceled)
}

func testStats(_ *testing.T, s *suite) {
	spans := s.g.Spans(40, 6)
	s.appendMany(spans, 13)
	stats := storage.Stats{Rows: 77}
	r := where(span.Condition{})
	r.Stats = &stats
	rows, before := int64(0), int64(0)
	for b, err := range s.Scan(s.Context(), r) {
		if err != nil {
			s.Fatal(err)
		}
		rows += int64(b.Rows)
		// Budgets are kept by who reads: the numbers are good within the loop.
		if stats.Rows < rows || stats.Rows < before {
			s.Errorf("Stats.Rows = %d when %d rows have been yielded, %d before", stats.Rows, rows, before)
		}
		before = stats.Rows
	}
	if stats.Rows+stats.PrunedRows < int64(len(spans)) || stats.Rows < rows {
		s.Errorf("Stats = %+v after %d rows", stats, rows)
	}
	if stats.Damaged != 0 || stats.Damage != nil {
		s.Errorf("Stats tell of damage: %+v", stats)
	}
	if stats.Watermark.IsZero() {
		s.Errorf("Stats.Watermark is not set")
	}
}

// testBounds holds scans to their bounds, with conditions that all rows, some
// and none meet.
func testBounds(_ *testing.T, s *suite) {
	spans := s.g.Spans(150, 6)
	s.appendMany(spans, 10)
	for _, c := range []span.Condition{{}, span.Has(span.Field{Scope: span.ScopeSpan, Key: "a"}),
		span.Compare(span.Field{Intrinsic: span.Duration}, span.Eq, clew.IntValue(12345))} {
		most := int64(0) // rows looked at between two batches
		run := func(maxRows, maxBytes int64) (stats storage.Stats, matched int) {
			r := where(c)
			r.MaxRows, r.MaxBytes, r.Stats = maxRows, maxBytes, &stats
			seen, total := int64(0), int64(0)
			for b, err := range s.Scan(s.Context(), r) {
				if err != nil {
					s.Fatal(err)
				}
				if stats.Total < stats.Rows || total != 0 && stats.Total > total {
					s.Errorf("Total is %d within the loop, after %d; %d rows are looked at", stats.Total, total, stats.Rows)
				}
				total = stats.Total
				matched += matches(b, r).Count()
				most, seen = max(most, stats.Rows-seen), stats.Rows
			}
			most = max(most, stats.Rows-seen)
			return stats, matched
		}
		all, wanted := run(0, 0)
		if all.Exhausted || all.Rows != all.Total || all.Total+all.PrunedRows < int64(len(spans)) {
			s.Errorf("unbounded scan of %v: %+v", c, all)
		}
		for _, bound := range []int64{1, all.Rows / 3, all.Rows, all.Rows + 1} {
			if bound == 0 {
				continue // pruned to nothing, and 0 is no bound
			}
			got, matched := run(bound, 0)
			complete := got.Rows == got.Total
			switch {
			case got.Exhausted == complete:
				s.Errorf("scan of %v within %d rows: %+v", c, bound, got)
			case got.Exhausted && (got.Rows < bound || got.Rows >= bound+most):
				s.Errorf("scan of %v within %d rows, at most %d at a time, looks at %d", c, bound, most, got.Rows)
			case complete && matched != wanted || matched > wanted:
				s.Errorf("scan of %v within %d rows matches %d of %d", c, bound, matched, wanted)
			}
		}
		// What is a byte is the store's affair, and may change while it works.
		if got, _ := run(0, 1<<40); got.Exhausted {
			s.Errorf("scan of %v within more bytes than there are: %+v", c, got)
		}
		if got, _ := run(0, 1); got.Exhausted == (got.Rows == got.Total) {
			s.Errorf("scan of %v within 1 byte: %+v", c, got)
		}
	}
}

func testOfTrace(_ *testing.T, s *suite) {
	s.append(s.g.Trace(3)...)
	f := span.Field{Intrinsic: span.TraceDuration}
	for _, c := range []span.Condition{span.Has(f), span.Negate(span.AllOf(span.Compare(f, span.Gt, clew.IntValue(1)))),
		span.Relates(span.FieldOf(span.Field{Intrinsic: span.Duration}), span.Lt, span.FieldOf(f))} {
		var last error
		for b, err := range s.Scan(s.Context(), where(c)) {
			if b != nil {
				s.Errorf("a scan for %v yields rows", c)
			}
			last = err
		}
		s.kind(fmt.Sprintf("scan for %v", c), last, clew.Invalid)
	}
}

func testCatalog(_ *testing.T, s *suite) {
	c, ok := s.Store.(storage.Catalog)
	if !ok {
		s.Skip("the store leaves the catalogue to scans")
	}
	model := NewMemory(AllCapabilities())
	spans := s.g.Spans(40, 6)
	for part := range slices.Chunk(spans, 21) {
		s.append(part...)
		if _, err := model.Append(s.Context(), storage.Record{Tenant: tenant, Body: Body(part...)}); err != nil {
			s.Fatal(err)
		}
	}
	everything := clew.Window{}
	got, err := c.TagNames(s.Context(), tenant, everything)
	wanted, _ := model.TagNames(s.Context(), tenant, everything)
	if err != nil || !reflect.DeepEqual(got, wanted) {
		s.Errorf("TagNames = %v, %v, want %v", got, err, wanted)
	}
	services, err := c.Services(s.Context(), tenant, everything)
	wantServices, _ := model.Services(s.Context(), tenant, everything)
	if err != nil || !reflect.DeepEqual(services, wantServices) {
		s.Errorf("Services = %v, %v, want %v", services, err, wantServices)
	}
	fields := []span.Field{{Scope: span.ScopeSpan, Key: "http.route"}, {Scope: span.ScopeResource, Key: "service.name"},
		{Key: "a"}, {Scope: span.ScopeEvent, Key: "b"}, {Scope: span.ScopeLink, Key: "b"}, {Scope: span.ScopeInstrumentation, Key: "a"}}
	for i := span.Name; !i.OfTrace(); i++ {
		fields = append(fields, span.Field{Intrinsic: i})
	}
	for _, f := range fields {
		for _, limit := range []int{1, 3, 1000} {
			values, more, err := c.TagValues(s.Context(), tenant, everything, f, limit)
			wantValues, wantMore, _ := model.TagValues(s.Context(), tenant, everything, f, limit)
			if err != nil || more != wantMore || !slices.EqualFunc(values, wantValues, sameTagValue) {
				s.Errorf("TagValues(%v, %d) = %v, %v, %v, want %v, %v", f, limit, values, more, err, wantValues, wantMore)
			}
		}
	}
	if none, err := c.Services(s.Context(), "nobody", everything); err != nil || len(none) != 0 {
		s.Errorf("Services of another tenant = %v, %v", none, err)
	}
}

func sameTagValue(a, b storage.TagValue) bool {
	return cmp.Compare(a.Count, b.Count) == 0 && compareValues(a.Value, b.Value) == 0
}

func testTail(_ *testing.T, s *suite) {
	tailer, ok := s.Store.(storage.Tailer)
	if !ok {
		s.Skip("the store has no tail")
	}
	s.append(s.g.Trace(3)...) // before the call: not told
	ctx, cancel := cancelable(s)
	tail := tailer.Tail(ctx, tenant)
	done := make(chan []string)
	spans := s.g.Spans(12, 4)
	go func() {
		var got []string
		for x := range tail {
			rows := span.NewRows(x.Batch)
			for i := x.First; i < x.Rows; i++ {
				got = append(got, spanText(rows.Span(i)))
			}
			if x.Lost != 0 {
				s.Errorf("the tail lost %d rows", x.Lost)
			}
			if len(got) >= len(spans) {
				cancel()
			}
		}
		slices.Sort(got)
		done <- got
	}()
	s.appendTo("t2", s.g.Trace(3)...) // another tenant's: not told
	s.appendMany(spans, 9)
	s.equal("tail", <-done, want(spans, nil))
}
