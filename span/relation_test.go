package span_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

var (
	keyA     = span.FieldOf(span.Field{Scope: span.ScopeSpan, Key: "a"})
	keyB     = span.FieldOf(span.Field{Scope: span.ScopeSpan, Key: "b"})
	eventN   = span.FieldOf(span.Field{Scope: span.ScopeEvent, Key: "n"})
	duration = span.FieldOf(span.Field{Intrinsic: span.Duration})
)

// batchOf puts spans through a store into one batch with all columns.
func batchOf(t testing.TB, spans ...clew.Span) *span.Batch {
	t.Helper()
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	if res, err := store.Append(t.Context(), storage.Record{Tenant: "t", Body: storagetest.Body(spans...)}); err != nil || res.Accepted != len(spans) {
		t.Fatalf("Append = %+v, %v", res, err)
	}
	for b, err := range store.Scan(t.Context(), storage.Request{Tenant: "t", Columns: storage.Columns{All: true}}) {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	t.Fatal("no batch")
	return nil
}

func attr(key string, v clew.Value) clew.Attr { return clew.Attr{Key: key, Value: v} }

func spanOf(id int, attrs ...clew.Attr) clew.Span {
	return clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: clew.SpanID(id), Start: 1000, End: 1005, Attrs: attrs}
}

// Calculations on rows, each against a constant; the operands are attributes.
func TestCalculate(t *testing.T) {
	i, d := clew.IntValue, clew.DoubleValue
	f := func(a clew.Value, op span.ExprOp, b, want clew.Value) {
		t.Helper()
		batch := batchOf(t, spanOf(1, attr("a", a), attr("b", b)))
		if c := span.Relates(span.Calculate(op, keyA, keyB), span.Eq, span.ValueOf(want)); !span.NewMatcher(c).Match(batch).Get(0) {
			t.Errorf("%v with a = %s, b = %s does not hold", c, a, b)
		}
	}
	none := func(a clew.Value, op span.ExprOp, b clew.Value) {
		t.Helper()
		batch := batchOf(t, spanOf(1, attr("a", a), attr("b", b)))
		for _, c := range []span.Condition{
			span.Relates(span.Calculate(op, keyA, keyB), span.Ne, span.ValueOf(i(77))),
			span.Relates(span.Calculate(op, keyA, keyB), span.Ne, span.ValueOf(clew.StringValue("x"))),
		} {
			if span.NewMatcher(c).Match(batch).Get(0) {
				t.Errorf("%v with a = %s, b = %s: there is a result", c, a, b)
			}
		}
	}
	f(i(7), span.Sum, i(-2), i(5))
	f(i(7), span.Sum, d(0.5), d(7.5))
	f(i(7), span.Difference, i(9), i(-2))
	f(i(-7), span.Product, i(9), i(-63))
	f(i(-7), span.Quotient, i(2), i(-3))
	f(d(7), span.Quotient, i(2), d(3.5))
	f(i(7), span.Ratio, i(2), d(3.5))
	f(i(-7), span.Remainder, i(2), i(-1))
	f(d(7.5), span.Remainder, i(2), d(1.5))
	f(i(2), span.Power, i(62), i(1<<62))
	f(i(-2), span.Power, i(63), i(math.MinInt64))
	f(i(2), span.Power, i(-1), i(0))
	f(i(-1), span.Power, i(math.MinInt64), i(1))
	f(d(2), span.Power, i(-1), d(0.5))
	f(i(math.MaxInt64), span.Sum, i(math.MinInt64), i(-1))
	f(i(math.MinInt64), span.Remainder, i(-1), i(0))
	f(d(math.MaxFloat64), span.Product, i(2), d(math.Inf(1)))

	none(i(math.MaxInt64), span.Sum, i(1))
	none(i(math.MinInt64), span.Sum, i(-1))
	none(i(math.MinInt64), span.Difference, i(1))
	none(i(0), span.Difference, i(math.MinInt64))
	none(i(math.MinInt64), span.Product, i(-1))
	none(i(math.MinInt64), span.Quotient, i(-1))
	none(i(3), span.Power, i(41))
	none(i(0), span.Power, i(-1))
	none(i(1), span.Quotient, i(0))
	none(i(1), span.Remainder, i(0))
	none(i(1), span.Ratio, i(0))
	none(d(1), span.Quotient, d(0))
	none(d(1), span.Remainder, i(0))
	none(d(0), span.Power, i(-1))
	none(clew.StringValue("1"), span.Sum, i(1))
	none(clew.BoolValue(true), span.Sum, i(1))
}

func TestRelation(t *testing.T) {
	event := func(at int, n clew.Value) clew.Event {
		return clew.Event{Time: clew.UnixNanos(1000 + at), Name: fmt.Sprint(at), Attrs: []clew.Attr{attr("n", n)}}
	}
	res := &clew.Resource{Attrs: []clew.Attr{attr("a", clew.IntValue(9)), attr("a", clew.IntValue(1)), attr("b", clew.StringValue("res"))}}
	spans := []clew.Span{
		spanOf(1, attr("a", clew.IntValue(1)), attr("b", clew.DoubleValue(1))),
		spanOf(2, attr("a", clew.StringValue("x")), attr("b", clew.StringValue("y"))),
		spanOf(3, attr("a", clew.IntValue(5)), attr("a", clew.StringValue("y")), attr("b", clew.StringValue("y"))),
		spanOf(4, attr("a", clew.BoolValue(true)), attr("b", clew.BoolValue(false))),
		spanOf(5, attr("a", storagetest.BytesValue([]byte{1})), attr("b", clew.IntValue(1))),
		spanOf(6, attr("b", clew.IntValue(9))),
	}
	spans[5].Events = []clew.Event{event(3, clew.IntValue(30)), event(4, clew.IntValue(1))}
	for i := range spans {
		spans[i].Resource = res
	}
	batch := batchOf(t, spans...)
	f := func(c span.Condition, want ...uint32) {
		t.Helper()
		if got := span.NewMatcher(c).Match(batch).AppendOnes(nil); !slices.Equal(got, want) {
			t.Errorf("%v matches rows %v, want %v", c, got, want)
		}
	}
	anyA, anyB := span.FieldOf(span.Field{Key: "a"}), span.FieldOf(span.Field{Key: "b"})
	resA := span.FieldOf(span.Field{Scope: span.ScopeResource, Key: "a"})
	truth := func(x span.Expr) span.Condition {
		return span.Condition{Op: span.Eq, Field: x.Field, Value: clew.BoolValue(true)}
	}
	offset := span.FieldOf(span.Field{Intrinsic: span.EventTimeSinceStart})
	link := span.FieldOf(span.Field{Intrinsic: span.LinkSpanID})

	f(span.Relates(keyA, span.Eq, keyB), 0, 2)
	f(span.Relates(keyA, span.Ne, keyB), 1, 3)
	f(span.Relates(keyA, span.Lt, keyB), 1)
	f(span.Relates(keyA, span.Gt, keyB), 3)
	f(span.Negate(span.Relates(keyA, span.Ne, keyB)), 0, 2, 4, 5)
	f(span.Relates(anyA, span.Eq, anyB), 0, 2, 5) // row 4 has an array of its own, row 5 the resource's 9
	f(span.Relates(resA, span.Eq, keyB), 5)       // the first of two values
	f(span.Relates(span.TruthOf(truth(keyA)), span.Ne, keyB), 3)
	f(span.Relates(span.TruthOf(truth(keyA)), span.Eq, span.TruthOf(truth(keyB))), 0, 1, 2, 4, 5)
	f(span.Relates(offset, span.Lt, eventN), 5)
	f(span.Relates(offset, span.Gt, eventN), 5)
	f(span.Relates(span.Calculate(span.Product, offset, span.ValueOf(clew.IntValue(10))), span.Eq, eventN), 5)
	f(span.Relates(span.Calculate(span.Product, offset, span.ValueOf(clew.IntValue(7))), span.Eq, span.Calculate(span.Negative, eventN)))
	f(span.Relates(span.Calculate(span.Difference, duration, offset), span.Le, span.ValueOf(clew.IntValue(1))), 5)
	f(span.Relates(offset, span.Ne, link))
}

func TestRelationString(t *testing.T) {
	x := span.Calculate(span.Sum, span.Calculate(span.Negative, keyA), span.ValueOf(clew.DoubleValue(1.5)))
	c := span.Relates(x, span.Le, span.TruthOf(span.Has(keyB.Field)))
	if got, want := c.String(), `(-span.a + 1.5) <= (span.b != nil)`; got != want {
		t.Errorf("String = %s, want %s", got, want)
	}
	var fields []string
	c.Fields(func(f span.Field) { fields = append(fields, f.String()) })
	if want := []string{"span.a", "span.b"}; !slices.Equal(fields, want) {
		t.Errorf("Fields = %v, want %v", fields, want)
	}
	if got, want := c.Relation.Needs().String(), "span.a != nil"; got != want {
		t.Errorf("Needs = %s, want %s", got, want)
	}
	s := span.Relates(keyA, span.Eq, span.ValueOf(clew.StringValue("q\"")))
	if got, want := s.String(), `span.a = "q\""`; got != want {
		t.Errorf("String = %s, want %s", got, want)
	}
}

// Relations on batches of several chunks, of rows and of events, are what the
// model says.
func TestRelationChunks(t *testing.T) {
	g := storagetest.NewGenerator(3)
	var spans []clew.Span
	for len(spans) < 3000 {
		spans = append(spans, g.Spans(100, 6)...)
	}
	spans[1].Links = []clew.Link{{SpanID: 7, Attrs: []clew.Attr{attr("a", clew.IntValue(2400))}}, {SpanID: 8, Attrs: []clew.Attr{attr("b", clew.IntValue(7))}}}
	for i := range 2500 { // one span with more events than a chunk, each with two links
		spans[1].Events = append(spans[1].Events, clew.Event{Time: clew.UnixNanos(i), Attrs: []clew.Attr{attr("a", clew.IntValue(int64(i)))}})
	}
	batch := batchOf(t, spans...)
	held := 0
	for range 60 {
		c := g.Relation(spans[:50])
		m := span.NewMatcher(c).Match(batch)
		for i := range spans {
			want := storagetest.Holds(c, &spans[i])
			if m.Get(i) != want {
				t.Fatalf("%v on row %d is %v, want %v", c, i, !want, want)
			}
			if want {
				held++
			}
		}
	}
	if held == 0 {
		t.Error("no relation held: the test shows nothing")
	}
}

// Two events of one span, none of the next, one of the third.
func TestRelationOwners(t *testing.T) {
	spans := []clew.Span{spanOf(1, attr("a", clew.IntValue(1))), spanOf(2, attr("a", clew.IntValue(2))), spanOf(3, attr("a", clew.IntValue(3)))}
	n := func(v int64) clew.Event { return clew.Event{Attrs: []clew.Attr{attr("n", clew.IntValue(v))}} }
	spans[0].Events, spans[2].Events = []clew.Event{n(2), n(1)}, []clew.Event{n(3)}
	batch := batchOf(t, spans...)
	for c, want := range map[span.Op][]uint32{span.Eq: {0, 2}, span.Ne: {0}, span.Lt: {0}, span.Gt: nil} {
		if got := span.NewMatcher(span.Relates(keyA, c, eventN)).Match(batch).AppendOnes(nil); !slices.Equal(got, want) {
			t.Errorf("a %v event.n on rows %v, want %v", c, got, want)
		}
	}
}

// A matcher that has seen a batch takes no memory for the relations of the next.
func TestRelationAllocs(t *testing.T) {
	batch := batchOf(t, storagetest.NewGenerator(3).Spans(500, 6)...)
	m := span.NewMatcher(span.Relates(span.Calculate(span.Sum, keyA, keyB), span.Gt, span.Calculate(span.Quotient, duration, keyA)))
	m.Match(batch)
	if n := testing.AllocsPerRun(10, func() { m.Match(batch) }); n > 4 {
		t.Errorf("%v allocations for a batch", n)
	}
}

func BenchmarkRelation(b *testing.B) {
	r := newRandom(1)
	builder := build.NewBuilder(0)
	for range 65536 {
		x := r.row()
		put(builder, &x)
	}
	v := builder.View(65536)
	k := func(i int) span.Expr {
		return span.FieldOf(span.Field{Scope: span.ScopeSpan, Key: fmt.Sprint("k", i)})
	}
	for name, c := range map[string]span.Condition{
		"attributes": span.Relates(k(1), span.Gt, k(2)),
		"calculated": span.Relates(span.Calculate(span.Quotient, duration, span.ValueOf(clew.IntValue(3))), span.Gt, k(1)),
		"events":     span.Relates(duration, span.Lt, span.FieldOf(span.Field{Intrinsic: span.EventTimeSinceStart})),
		"names":      span.Relates(k(1), span.Eq, span.FieldOf(span.Field{Intrinsic: span.Name})),
	} {
		b.Run(name, func(b *testing.B) {
			m := span.NewMatcher(c)
			b.ReportAllocs()
			for b.Loop() {
				m.Match(v)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/65536, "ns/row")
		})
	}
}

// What is calculated for some rows is what they have where all are calculated.
func TestCalculatorRows(t *testing.T) {
	g := storagetest.NewGenerator(4)
	var spans []clew.Span
	for len(spans) < 2500 {
		spans = append(spans, g.Spans(100, 6)...)
	}
	w := &span.Whole{Batch: batchOf(t, spans...)}
	all := column.NewBitmap(w.Rows)
	all.Fill(w.Rows)
	for _, x := range []span.Expr{
		span.FieldOf(span.Field{Intrinsic: span.Name}), span.FieldOf(span.Field{Scope: span.ScopeResource, Key: "service.name"}),
		span.FieldOf(span.Field{Intrinsic: span.ScopeName}), span.FieldOf(span.Field{Key: "a"}), span.Calculate(span.Sum, keyA, duration),
		span.FieldOf(span.Field{Intrinsic: span.EventName}),
	} {
		c := span.NewCalculator(x, nil)
		want := make(map[int]string)
		c.Each(w, all, func(row int, v clew.Value) { want[row] = v.String() })
		if len(want) == 0 {
			t.Errorf("no row has %v: the test shows nothing", x)
		}
		for _, rows := range [][]int{{}, {0}, {63}, {64, 65}, {1023, 1024}, {17, 2048}, {w.Rows - 1}, {0, w.Rows - 1}, {1500, 1501, 1600}} {
			some, left := column.NewBitmap(w.Rows), 0
			for _, row := range rows {
				some.Set(row)
				if _, has := want[row]; has {
					left++
				}
			}
			c.Each(w, some, func(row int, v clew.Value) {
				if !some.Get(row) || v.String() != want[row] {
					t.Errorf("%v of row %d, of %v, is %v, want %q", x, row, rows, v, want[row])
				}
				left--
			})
			if left != 0 {
				t.Errorf("%v: %d more of the rows %v have a value", x, left, rows)
			}
		}
	}
}
