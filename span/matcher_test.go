package span_test

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// holds is what a condition means, told on objects: the model of Matcher.
func holds(c *span.Condition, s *clew.Span) bool {
	switch c.Op {
	case span.True:
		return true
	case span.And:
		return !slices.ContainsFunc(c.Args, func(a span.Condition) bool { return !holds(&a, s) })
	case span.Or:
		return slices.ContainsFunc(c.Args, func(a span.Condition) bool { return holds(&a, s) })
	case span.Not:
		return !holds(&c.Args[0], s)
	}
	return slices.ContainsFunc(values(c.Field, s), func(v clew.Value) bool { return tests(c, v) })
}

// values are all values that a field has in a span.
func values(f span.Field, s *clew.Span) []clew.Value {
	of := func(attrs []clew.Attr) (out []clew.Value) {
		for _, a := range attrs {
			if a.Key == f.Key {
				out = append(out, a.Value)
			}
		}
		return out
	}
	var out []clew.Value
	text := func(s string) { out = append(out, clew.StringValue(s)) }
	number := func(n int64) { out = append(out, clew.IntValue(n)) }
	switch f.Intrinsic {
	case span.None:
		switch f.Scope {
		case span.ScopeSpan:
			return of(s.Attrs)
		case span.ScopeResource:
			return of(s.Resource.Attrs)
		case span.ScopeInstrumentation:
			return of(s.Scope.Attrs)
		case span.ScopeEvent:
			for _, e := range s.Events {
				out = append(out, of(e.Attrs)...)
			}
			return out
		case span.ScopeLink:
			for _, l := range s.Links {
				out = append(out, of(l.Attrs)...)
			}
			return out
		}
		if own := of(s.Attrs); own != nil {
			return own
		}
		return of(s.Resource.Attrs)
	case span.Name:
		text(s.Name)
	case span.Duration:
		if s.End != 0 {
			number(int64(s.End - s.Start))
		}
	case span.Start:
		number(int64(min(uint64(s.Start), math.MaxInt64)))
	case span.StatusCode:
		number(int64(s.Status))
	case span.SpanKind:
		number(int64(s.Kind))
	case span.StatusMessage:
		if s.StatusMessage != "" {
			text(s.StatusMessage)
		}
	case span.TraceState:
		if s.TraceState != "" {
			text(s.TraceState)
		}
	case span.TraceID:
		text(s.TraceID.String())
	case span.SpanID:
		text(s.SpanID.String())
	case span.ParentID:
		if s.ParentID != 0 {
			text(s.ParentID.String())
		}
	case span.ScopeName:
		text(s.Scope.Name)
	case span.ScopeVersion:
		text(s.Scope.Version)
	}
	for _, e := range s.Events {
		switch f.Intrinsic {
		case span.EventName:
			text(e.Name)
		case span.EventTimeSinceStart:
			number(int64(e.Time - s.Start))
		}
	}
	for _, l := range s.Links {
		switch f.Intrinsic {
		case span.LinkTraceID:
			text(l.TraceID.String())
		case span.LinkSpanID:
			text(l.SpanID.String())
		}
	}
	return out
}

// tests says whether one value meets a test, by exact arithmetic.
func tests(c *span.Condition, v clew.Value) bool {
	if of := storagetest.Elements(v); c.Op != span.Exists && len(of) > 0 {
		meets := func(e clew.Value) bool { return e.Type != clew.TypeOther && tests(c, e) }
		if c.Op == span.Ne || c.Op == span.NotMatch {
			return !slices.ContainsFunc(of, func(e clew.Value) bool { return !meets(e) })
		}
		return slices.ContainsFunc(of, meets)
	}
	switch c.Op {
	case span.Exists:
		return true
	case span.Match, span.NotMatch:
		return v.Type == clew.TypeString && c.Regexp.Match(v.Bytes) == (c.Op == span.Match)
	}
	w := c.Value
	number := func(v clew.Value) bool { return v.Type == clew.TypeInt || v.Type == clew.TypeDouble }
	var order int
	switch {
	case number(v) && number(w):
		a, b, ok := exact(v), exact(w), true
		if a == nil || b == nil { // NaN
			ok = false
		}
		if !ok {
			return c.Op == span.Ne
		}
		order = a.Cmp(b)
	case v.Type != w.Type || v.Type == clew.TypeOther:
		return false
	case v.Type == clew.TypeBool:
		order = int(v.Int() - w.Int())
	default:
		order = strings.Compare(v.String(), w.String())
	}
	return map[span.Op]bool{
		span.Eq: order == 0, span.Ne: order != 0, span.Lt: order < 0, span.Le: order <= 0, span.Gt: order > 0, span.Ge: order >= 0,
	}[c.Op]
}

func exact(v clew.Value) *big.Float {
	if v.Type == clew.TypeInt {
		return new(big.Float).SetInt64(v.Int())
	}
	if math.IsNaN(v.Double()) {
		return nil
	}
	return new(big.Float).SetFloat64(v.Double())
}

func (r random) condition(depth int) span.Condition {
	if depth < 3 && r.one(2) {
		var args []span.Condition
		for range r.IntN(4) {
			args = append(args, r.condition(depth+1))
		}
		switch r.IntN(4) {
		case 0:
			return span.Negate(r.condition(depth + 1))
		case 1:
			return span.AnyOf(args...)
		case 2:
			return span.Condition{}
		}
		return span.AllOf(args...)
	}
	f := span.Field{Scope: span.Scope(r.IntN(6)), Key: fmt.Sprint("k", r.IntN(7))}
	v := r.value()
	if r.one(2) {
		f = span.Field{Intrinsic: span.Name + span.Intrinsic(r.IntN(int(span.ScopeVersion)))}
		switch r.IntN(4) {
		case 0:
			v = clew.IntValue(int64(r.IntN(40)) - 20)
		case 1:
			v = clew.StringValue([]string{"name 1", "event 2", "t3", "scope 1", "1"}[r.IntN(5)])
		case 2:
			v = clew.StringValue(clew.SpanID(r.IntN(4)).String())
		case 3:
			v = clew.StringValue(r.traceID().String())
		}
	}
	switch r.IntN(10) {
	case 0:
		return span.Has(f)
	case 1:
		return span.Matches(f, span.Match, regexp.MustCompile("^(?:v[1-3]|name [12]|.*2)$"))
	case 2:
		return span.Matches(f, span.NotMatch, regexp.MustCompile("^(?:v[1-3]|name [12]|.*2)$"))
	}
	return span.Compare(f, span.Eq+span.Op(r.IntN(6)), v)
}

// TestMatcher compares random conditions on random batches with the model. Each
// matcher sees several batches, some of which share dictionaries.
func TestMatcher(t *testing.T) {
	matched, total := 0, 0
	for seed := range uint64(40) {
		r := newRandom(seed)
		b := build.NewBuilder(0)
		var rows []row
		for range 1 + r.IntN(150) {
			x := r.row()
			put(b, &x)
			rows = append(rows, x)
		}
		batches := []*span.Batch{b.View(len(rows)), b.View(len(rows) / 2), b.View(len(rows))}
		shareDictionaries(batches[0], batches[2])
		for range 40 {
			c := r.condition(0)
			m := span.NewMatcher(c)
			for _, v := range batches {
				got := m.Match(v)
				for i := range v.Rows {
					want := holds(&c, &rows[i].Span)
					if got.Get(i) != want {
						t.Fatalf("seed %d: %v on row %d is %v, want %v\n%+v", seed, c, i, got.Get(i), want, rows[i].Span)
					}
					total++
					if want {
						matched++
					}
				}
				if got.Count() > v.Rows {
					t.Fatalf("seed %d: %v: bits beyond the rows", seed, c)
				}
			}
		}
	}
	if matched < total/10 || matched > total*9/10 {
		t.Errorf("%d of %d rows matched: the conditions tell nothing", matched, total)
	}
}

// shareDictionaries gives batches of equal dictionaries equal ids.
func shareDictionaries(batches ...*span.Batch) {
	for _, b := range batches {
		b.NamesDictID = 1
		for i := range b.Attrs.Columns {
			b.Attrs.Columns[i].DictID = uint64(2 + i)
		}
	}
}

func TestConditionString(t *testing.T) {
	f := func(c span.Condition, want string) {
		t.Helper()
		if got := c.String(); got != want {
			t.Errorf("String = %s, want %s", got, want)
		}
	}
	key := span.Field{Scope: span.ScopeSpan, Key: "http.route"}
	name := span.Field{Intrinsic: span.Name}
	f(span.Condition{}, "true")
	f(span.AllOf(span.Compare(key, span.Eq, clew.StringValue("/a")), span.Negate(span.Has(key))), `(span.http.route = "/a" && !span.http.route != nil)`)
	f(span.AnyOf(span.Compare(name, span.Ge, clew.IntValue(2)), span.Matches(name, span.NotMatch, regexp.MustCompile("a.*"))), `(name >= 2 || name !~ "a.*")`)

	var fields []string
	c := span.AllOf(span.Compare(key, span.Eq, clew.IntValue(1)), span.Negate(span.AnyOf(span.Has(name), span.Condition{})))
	c.Fields(func(f span.Field) { fields = append(fields, f.String()) })
	if want := []string{"span.http.route", "name"}; !slices.Equal(fields, want) {
		t.Errorf("Fields = %v, want %v", fields, want)
	}
}

func BenchmarkMatch(b *testing.B) {
	r := newRandom(1)
	builder := build.NewBuilder(0)
	for range 65536 {
		x := r.row()
		put(builder, &x)
	}
	v := builder.View(65536)
	for name, c := range map[string]span.Condition{
		"string":   span.Compare(span.Field{Scope: span.ScopeSpan, Key: "k1"}, span.Eq, clew.StringValue("v1")),
		"regexp":   span.Matches(span.Field{Scope: span.ScopeSpan, Key: "k1"}, span.Match, regexp.MustCompile("^v[12]$")),
		"int":      span.Compare(span.Field{Scope: span.ScopeSpan, Key: "k1"}, span.Gt, clew.IntValue(0)),
		"duration": span.Compare(span.Field{Intrinsic: span.Duration}, span.Gt, clew.IntValue(10)),
		"traceid":  span.Compare(span.Field{Intrinsic: span.TraceID}, span.Eq, clew.StringValue(r.traceID().String())),
	} {
		b.Run(name, func(b *testing.B) {
			m := span.NewMatcher(c)
			b.ReportAllocs()
			var sink column.Bitmap
			for b.Loop() {
				sink = m.Match(v)
			}
			_ = sink
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/65536, "ns/row")
		})
	}
}
