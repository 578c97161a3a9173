package span_test

import (
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// On whole traces a Matcher says what the model says, and every row that meets a
// condition meets its RowBound.
func TestWholeTrace(t *testing.T) {
	g := storagetest.NewGenerator(7)
	g.OfTrace = true
	matched, total, bounded, rootless := 0, 0, 0, 0
	for range 700 {
		spans := g.Trace(8)
		var trace []*clew.Span
		for i := range spans {
			trace = append(trace, &spans[i])
		}
		batch := batchOf(t, spans...)
		for range 12 {
			c := g.Condition(spans, 3)
			bound := c.RowBound()
			if bound.OfTrace() {
				t.Fatalf("the bound of %v is %v", c, bound)
			}
			if !c.OfTrace() {
				continue
			}
			rows := span.NewMatcher(bound).Match(batch)
			got := span.NewMatcher(c).Match(batch)
			for i := range spans {
				want := storagetest.HoldsIn(c, trace[i], trace)
				if got.Get(i) != want {
					t.Fatalf("%v on row %d of %d is %v, want %v", c, i, len(spans), !want, want)
				}
				if want && !rows.Get(i) {
					t.Fatalf("row %d meets %v, but not its bound %v", i, c, bound)
				}
				total++
				if want {
					matched++
				}
				if !rows.Get(i) {
					bounded++
				}
			}
			if root, ok := c.RootBound(); ok {
				row, found := batch.Root()
				holds := found && span.NewMatcher(root).Match(batch).Get(row)
				if got.Any() && !holds {
					t.Fatalf("a row meets %v, but the root does not meet %v", c, root)
				}
				if !holds {
					rootless++
				}
			}
		}
	}
	if matched < total/10 || matched > total*9/10 || bounded < total/20 || rootless < 100 {
		t.Errorf("of %d rows %d matched and %d were out of bounds, and %d roots: the conditions tell nothing", total, matched, bounded, rootless)
	}
}

func TestRowBound(t *testing.T) {
	row := span.Has(keyA.Field)
	other := span.Has(keyB.Field)
	root := span.Compare(span.Field{Intrinsic: span.RootName}, span.Eq, clew.StringValue("x"))
	f := func(c span.Condition, want string) {
		t.Helper()
		if got := c.RowBound().String(); got != want {
			t.Errorf("bound of %v is %s, want %s", c, got, want)
		}
	}
	a, b := row.String(), other.String()
	f(row, a)
	f(span.AllOf(row, span.Negate(other)), "("+a+" && !"+b+")")
	f(root, "true")
	f(span.Negate(root), "true")
	f(span.AllOf(row, root), a)
	f(span.AllOf(row, root, span.Negate(root)), a)
	f(span.AnyOf(row, root), "true")
	f(span.AnyOf(row, span.AllOf(other, root)), "("+a+" || "+b+")")
	f(span.Negate(span.AnyOf(row, root)), "!"+a)
	f(span.Negate(span.AllOf(row, root)), "true")
	f(span.Negate(span.AllOf(row, span.AnyOf(other, root))), "!("+a+" && "+b+")")
	f(span.Negate(span.Negate(span.AllOf(row, root))), a)
	f(span.AllOf(span.AnyOf(), root), "()")
	length := span.FieldOf(span.Field{Intrinsic: span.TraceDuration})
	f(span.Relates(keyA, span.Gt, length), a)
	f(span.Relates(span.Calculate(span.Sum, keyA, keyB), span.Gt, length), "("+a+" && "+b+")")
	f(span.Relates(span.TruthOf(row), span.Eq, length), "true")
	f(span.Relates(span.TruthOf(root), span.Eq, keyB), b)
	f(span.Negate(span.Relates(keyA, span.Gt, length)), "true")
}

func TestRoot(t *testing.T) {
	mk := func(id, parent clew.SpanID, start, end clew.UnixNanos) clew.Span {
		return clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: id, ParentID: parent, Start: start, End: end}
	}
	batch := batchOf(t, mk(9, 8, 5, 6), mk(7, 0, 20, 30), mk(3, 0, 10, 90), mk(2, 0, 10, 11), mk(1, 0, 11, 12))
	if row, ok := batch.Root(); !ok || batch.SpanID[row] != 2 {
		t.Errorf("Root = row %d, %v", row, ok)
	}
	for _, c := range []struct {
		last clew.Span
		want clew.UnixNanos
	}{{mk(8, 9, 7, 95), 95}, {mk(8, 9, 7, 3), 90}, {mk(8, 9, 99, 3), 99}, {mk(8, 9, 98, 0), 98}, {mk(8, 9, 0, 0), 90}} {
		b := batchOf(t, mk(3, 0, 10, 90), c.last)
		if first, last := b.Extent(); first != min(10, c.last.Start) || last != c.want {
			t.Errorf("Extent with %d to %d = %d to %d, want to %d", c.last.Start, c.last.End, first, last, c.want)
		}
	}
	if row, ok := batchOf(t, mk(9, 8, 5, 6)).Root(); ok {
		t.Errorf("Root = row %d of a trace without one", row)
	}
}
