package exec

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/traceql"
)

func TestCompile(t *testing.T) {
	f := func(query, want string) {
		t.Helper()
		p, err := Prepare(query)
		if err != nil {
			t.Errorf("Prepare(%s): %v", query, err)
			return
		}
		if got := p.Condition().String(); got != want {
			t.Errorf("Prepare(%s) = %s, want %s", query, got, want)
		}
	}
	f(``, `true`)
	f(`  `, `true`)
	f(`{}`, `true`)
	f(`{ false }`, `()`)
	f(`{ .a }`, `.a = true`)
	f(`{ .a && .b && .c }`, `(.a = true && .b = true && .c = true)`)
	f(`{ .a || .b && .c }`, `((.a = true || .b = true) && .c = true)`)
	f(`{ 5 < span.a }`, `span.a > 5`)
	f(`{ 5 >= span.a }`, `span.a <= 5`)
	f(`{ "x" != resource.a }`, `resource.a != "x"`)
	f(`{ event.a = nil }`, `!event.a != nil`)
	f(`{ nil != link.a }`, `link.a != nil`)
	f(`{ duration > 1ms + 5us }`, `duration > 1005000`)
	f(`{ .d = 1.5 && .d = 2s && .d = false }`, `(.d = 1.5 && .d = 2000000000 && .d = false)`)
	f(`{ status = error || kind = server }`, `(status = 2 || kind = 2)`)
	f(`{ name =~ "a|b" }`, `name =~ "^(?:a|b)$"`)
	f(`{ instrumentation:name !~ "x" }`, `instrumentation:name !~ "^(?:x)$"`)
	f(`{ .a = 1 } | { .b = 1 }`, `(.a = 1 && .b = 1)`)
	f(`{ .a = 1 } || { .b = 1 }`, `(.a = 1 || .b = 1)`)
	f(`{ .a = 1 } with (most_recent = true)`, `.a = 1`)
	f(`{ trace:id = "ABC" }`, `trace:id = "00000000000000000000000000000abc"`)
	f(`{ span:id = "123456789abcdef01" }`, `span:id = "123456789abcdef01"`)
	f(`{ link:spanID = "xyz" }`, `link:spanID = "xyz"`)
	f(`{ span.id = "ABC" }`, `span.id = "ABC"`)
	f(`{ statusMessage = "" }`, `(!statusMessage != nil || statusMessage = "")`)
	f(`{ statusMessage = "x" }`, `statusMessage = "x"`)
	f(`{ .a = error }`, `()`)
}

func TestPlanString(t *testing.T) {
	p, err := Prepare(`{span:name="x"}`)
	if err != nil || p.String() != `{ name = "x" }` {
		t.Errorf("Prepare = %v, %v", p, err)
	}
}

// A chain as long as the parser allows compiles without deep recursion.
func TestCompileLongChain(t *testing.T) {
	p, err := Prepare("{ " + strings.Repeat(".a || ", traceql.MaxNodes/2-2) + ".a }")
	if err != nil || len(p.Condition().Args) != traceql.MaxNodes/2-1 {
		t.Errorf("Prepare = %d arguments, %v", len(p.Condition().Args), err)
	}
}

func TestParseField(t *testing.T) {
	f := func(text string, want span.Field) {
		t.Helper()
		if got, err := ParseField(text); err != nil || got != want {
			t.Errorf("ParseField(%s) = %v, %v, want %v", text, got, err, want)
		}
	}
	f("span.http.route", span.Field{Scope: span.ScopeSpan, Key: "http.route"})
	f(".foo", span.Field{Key: "foo"})
	f(`resource."a b"`, span.Field{Scope: span.ScopeResource, Key: "a b"})
	f("name", span.Field{Intrinsic: span.Name})
	f("instrumentation:name", span.Field{Intrinsic: span.ScopeName})
	bad := func(text string, kind clew.ErrorKind) {
		t.Helper()
		if got, err := ParseField(text); err == nil || clew.KindOf(err) != kind {
			t.Errorf("ParseField(%s) = %v, %v, want an error of kind %v", text, got, err, kind)
		}
	}
	bad("", clew.Invalid)
	bad("nam", clew.Invalid)
	bad("service.name", clew.Invalid)
	bad("1", clew.Invalid)
	bad(".a = nil || .b", clew.Invalid)
	bad(".a != nil } | { .b", clew.Invalid)
	bad("rootName", clew.Unsupported)
	bad("parent.x", clew.Unsupported)
}

func FuzzPrepare(f *testing.F) {
	f.Add(`{ resource.service.name = "cart" && duration > 20ms } | { .a =~ "x" }`)
	f.Add(`{ (.a = 1) != false || !(.b > 1 + 2) } || { 2 < event.c }`)
	spans := storagetest.NewGenerator(5).Spans(4, 4)
	f.Fuzz(func(t *testing.T, query string) {
		p, err := Prepare(query)
		if err != nil {
			var e *traceql.Error
			if !errors.As(err, &e) {
				t.Fatalf("Prepare(%q): untyped error %v", query, err)
			}
			return
		}
		again, err := Prepare(p.String())
		if err != nil || again.Condition().String() != p.Condition().String() {
			t.Fatalf("Prepare(%q) = %v, printed %v, %v", query, p.Condition(), again, err)
		}
		for i := range spans {
			storagetest.Holds(p.Condition(), &spans[i])
		}
	})
}

// Counting in many passes gives what counting in one gives.
func TestCountWithLittleRoom(t *testing.T) {
	spans := storagetest.NewGenerator(9).Spans(200, 4)
	for i := range 40 { // traces under two ids
		short := spans[i]
		short.TraceID, short.SpanID = clew.MakeTraceID(0, short.TraceID.Low()), clew.SpanID(i+1)
		spans = append(spans, short)
	}
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	store.BatchRows = 17
	if _, err := store.Append(t.Context(), storage.Record{Tenant: "t", Body: storagetest.Body(spans...)}); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{`{}`, `{ status = error }`, `{ .a != nil }`, `{ false }`} {
		p, err := Prepare(query)
		if err != nil {
			t.Fatal(err)
		}
		rows, low := int64(0), make(map[uint64]bool)
		for i := range spans {
			if storagetest.Holds(p.Condition(), &spans[i]) {
				rows++
				low[spans[i].TraceID.Low()] = true
			}
		}
		for _, room := range []int{4, 10, 64, 1 << 20} {
			n, err := countWithin(t.Context(), store, Over{Tenant: "t"}, p, room)
			if err != nil || n.Spans != rows || n.Traces != int64(len(low)) || !n.Cost.Complete {
				t.Errorf("count of %s with room for %d: %d spans in %d traces, %v, want %d in %d", query, room, n.Spans, n.Traces, err, rows, len(low))
			}
		}
	}
}

func TestIDSetStaysSmall(t *testing.T) {
	s := &idSet{room: 100, high: math.MaxUint64, ids: make(map[clew.TraceID]struct{})}
	for i := range uint64(10_000) {
		s.add(clew.MakeTraceID(1, i*i+1))
		if len(s.ids) > 101 {
			t.Fatalf("%d ids with room for 100", len(s.ids))
		}
	}
	if len(s.ids) < 20 {
		t.Errorf("only %d ids are left: the halves are uneven", len(s.ids))
	}
}
