package exec

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/traceql"
	"github.com/clew-tracing/clew/traceql/fold"
)

func TestCompile(t *testing.T) {
	f := func(query, want string) {
		t.Helper()
		p, err := Prepare(query)
		if err != nil {
			t.Errorf("Prepare(%s): %v", query, err)
			return
		}
		if got, exact := p.Condition(); got.String() != want || !exact {
			t.Errorf("Prepare(%s) = %s, exact %v, want %s", query, got, exact, want)
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
	f(`{ duration > 1ms + 5us }`, `duration > 1.005ms`)
	f(`{ .d = 1.5 && .d = 2s && .d = false }`, `(.d = 1.5 && .d = 2000000000 && .d = false)`)
	f(`{ status = error || kind = server }`, `(status = error || kind = server)`)
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
	f(`{ .a = .b }`, `.a = .b`)
	f(`{ 2 < .a - 1 }`, `2 < (.a - 1)`)
	f(`{ -.a ^ 2 >= span.b / 1.5 }`, `-(.a ^ 2) >= (span.b / 1.5)`)
	f(`{ duration / 1s > 0.5 }`, `(duration ÷ 1000000000) > 0.5`)
	f(`{ duration / 2 > 1s }`, `(duration / 2) > 1000000000`)
	f(`{ duration * 2 / (1s + event:timeSinceStart) > 1 }`, `((duration * 2) ÷ (1000000000 + event:timeSinceStart)) > 1`)
	f(`{ (.a = 1) = (.b = 2) }`, `(.a = 1) = (.b = 2)`)
	f(`{ .a != (.b = 2 || .c) }`, `.a != ((.b = 2 || .c = true))`)
	f(`{ status = .a }`, `()`)
	f(`{ status = status }`, `status = status`)
	f(`{ .a + 1 }`, `()`)
	f(`{ .a + 1 = "x" }`, `()`)
	f(`{ .a + 1 !~ "x" }`, `()`)
	f(`{ statusMessage = .a }`, `(statusMessage = .a || (!statusMessage != nil && .a = ""))`)
	f(`{ rootName = "x" && false }`, `()`)
	f(`{ .a = 1 } && { false }`, `()`)
	f(`{ true } || { .a = 1 } || { .b = 1 }`, `(true || .a = 1 || .b = 1)`)
}

// What needs the whole trace goes down as what follows from it for a row.
func TestCompileWhole(t *testing.T) {
	f := func(query, selection, rows string) {
		t.Helper()
		p, err := Prepare(query)
		if err != nil {
			t.Errorf("Prepare(%s): %v", query, err)
			return
		}
		where, exact := p.Condition()
		if p.selection.String() != selection || where.String() != rows || exact {
			t.Errorf("Prepare(%s) = %v, rows %v, exact %v, want %s, rows %s", query, p.selection, where, exact, selection, rows)
		}
	}
	f(`{ rootName = "x" }`, `{ trace:rootName = "x" }`, `true`)
	f(`{ rootName = "x" && .a = 1 }`, `{ (trace:rootName = "x" && .a = 1) }`, `.a = 1`)
	f(`{ !(rootName = "x" || .a = 1) }`, `{ !(trace:rootName = "x" || .a = 1) }`, `!.a = 1`)
	f(`{ traceDuration / 2 < span.a }`, `{ (trace:duration / 2) < span.a }`, `span.a != nil`)
	f(`{ .a = 1 } && { .b = 1 }`, `({ .a = 1 } && { .b = 1 })`, `(.a = 1 || .b = 1)`)
	f(`{ .a = 1 } && { .b = 1 } && { .c = 1 }`, `({ .a = 1 } && { .b = 1 } && { .c = 1 })`, `(.a = 1 || .b = 1 || .c = 1)`)
	f(`{ .a = 1 } && { .b = 1 } | { .c = 1 }`, `(({ .a = 1 } && { .b = 1 }) | { .c = 1 })`, `((.a = 1 || .b = 1) && .c = 1)`)
	f(`{ .a = 1 } && { .b = 1 } || { .c = 1 }`, `(({ .a = 1 } && { .b = 1 }) || { .c = 1 })`, `((.a = 1 || .b = 1) || .c = 1)`)
	f(`{ .a = 1 } || { childCount = 1 }`, `{ (.a = 1 || span:childCount = 1) }`, `true`)
}

// What a trace must have if anything of it is selected.
func TestWitnesses(t *testing.T) {
	f := func(query string, want ...string) {
		t.Helper()
		p, err := Prepare(query)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range p.selection.Witnesses(nil, clew.Window{Start: 1}) {
			text := w.Row.String()
			if w.Window.Start != 0 {
				text += " in the window"
			}
			got = append(got, text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("witnesses of %s: %q, want %q", query, got, want)
		}
	}
	const root = `!span:parentID != nil`
	f(`{ .a = 1 }`)
	f(`{ rootName = "x" && .a = 1 }`, `(`+root+` && name = "x")`)
	f(`{ rootName = "x" && rootServiceName = "s" }`, `(`+root+` && (name = "x" && resource.service.name = "s"))`)
	f(`{ rootName = "x" || rootName =~ "y" }`, `(`+root+` && (name = "x" || name =~ "^(?:y)$"))`)
	f(`{ rootName = "x" || .a = 1 }`)
	f(`{ !(rootName = "x") }`)
	f(`{ !(!(rootName = "x") || .a = 1) }`, `(`+root+` && name = "x")`)
	f(`{ rootName != nil }`, `(`+root+` && name != nil)`)
	f(`{ rootName = nil }`)
	f(`{ rootServiceName != "s" }`)
	f(`{ rootServiceName != nil }`)
	f(`{ rootName = name && traceDuration > 1s && childCount > 0 }`)
	f(`{ .a = 1 } && { .b = 1 }`, `.a = 1 in the window`, `.b = 1 in the window`)
	f(`{ .a = 1 } && { traceDuration > 1s }`, `.a = 1 in the window`)
	f(`({ .a = 1 } && { rootName = "x" }) | { .b = 1 }`, `.a = 1 in the window`, `(`+root+` && name = "x")`)
	f(`({ .a = 1 } && { .b = 1 }) || { .c = 1 }`)
	f(`{}`+strings.Repeat(` && { .a = 1 }`, 20), slices.Repeat([]string{`.a = 1 in the window`}, 8)...)
	f(`{ .a = 1 } >> { .b = 1 }`, `.a = 1`)
	f(`{ .a = 1 } !>> ({ .b = 1 } && { .c = 1 })`, `.b = 1 in the window`, `.c = 1 in the window`)
	f(`{ .a = 1 } &> { .b = 1 }`, `.a = 1`, `.b = 1`)
	f(`({ .a = 1 } && { .b = 1 }) > { .c = 1 }`, `(.a = 1 || .b = 1)`, `.a = 1`, `.b = 1`)
	f(`({ .a = 1 } > { .b = 1 }) | by(.c) | count() > 2`, `.a = 1`)
}

// Arithmetic between values, done before the search, is the same on rows.
func TestArithmeticAgrees(t *testing.T) {
	numbers := []string{"0", "1", "-1", "2", "-3", "7", "minInt", "maxInt", "1.5", "-0.25", "2s", "-3ms", "64"}
	fixed := func(text string) (traceql.Static, error) {
		q, err := traceql.Parse("{ .x = " + text + " }")
		if err != nil {
			return traceql.Static{}, err
		}
		x, err := fold.Expr(q, q.Stages[0].(*traceql.Filter).Where.(*traceql.Binary).R)
		if err != nil {
			return traceql.Static{}, err
		}
		return x.(*traceql.Literal).Value, nil
	}
	compared := 0
	for _, a := range numbers {
		for _, b := range numbers {
			for _, op := range []string{"+", "-", "*", "/", "%", "^"} {
				va, erra := fixed(a)
				vb, errb := fixed(b)
				if erra != nil || errb != nil {
					t.Fatal(erra, errb)
				}
				want, err := fixed("(" + a + ") " + op + " (" + b + ")")
				duration := va.Type == traceql.TypeDuration || vb.Type == traceql.TypeDuration
				float := va.Type == traceql.TypeFloat || vb.Type == traceql.TypeFloat
				if duration && (float || va.Type == vb.Type) {
					continue // rows keep the fraction, and know no durations among attributes
				}
				s := clew.Span{Attrs: []clew.Attr{{Key: "a", Value: value(span.Field{}, va)}, {Key: "b", Value: value(span.Field{}, vb)}},
					Resource: new(clew.Resource), Scope: new(clew.Scope)}
				target := "maxInt"
				if err == nil {
					target = fmt.Sprint(want.Int)
					if want.Type == traceql.TypeFloat {
						target = strconv.FormatFloat(want.Float, 'e', -1, 64)
					}
				}
				p, perr := Prepare("{ .a " + op + " .b = " + target + " }")
				if perr != nil {
					t.Fatal(perr)
				}
				if got := storagetest.Holds(p.rows, &s); got != (err == nil) {
					t.Errorf("%s %s %s on a row equals %s: %v; between values %v", a, op, b, target, got, err)
				}
				compared++
			}
		}
	}
	if compared < 500 {
		t.Errorf("only %d calculations were compared", compared)
	}
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
	if err != nil || len(p.rows.Args) != traceql.MaxNodes/2-1 {
		t.Errorf("Prepare = %v, want a chain, %v", p, err)
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
	f.Add(`{ span.a > span.b * 2 && rootName = name } && ({ (.a = 1) = .b } | { traceDuration / duration > 0.5 })`)
	f.Add(`{ -event.a % 7 < duration - event:timeSinceStart } && { !(childCount ^ 2 > .c) } && { statusMessage = .d }`)
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
		if err != nil || again.selection.String() != p.selection.String() {
			t.Fatalf("Prepare(%q) = %v, printed %v, %v", query, p.selection, again, err)
		}
		for i := range spans {
			storagetest.Holds(p.rows, &spans[i])
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
			if storagetest.Holds(p.rows, &spans[i]) {
				rows++
				low[spans[i].TraceID.Low()] = true
			}
		}
		compareCounts(t, store, p, rows, int64(len(low)))
	}
}

func compareCounts(t *testing.T, store Store, p *Plan, spans, traces int64) {
	t.Helper()
	for _, room := range []int{4, 10, 64, 1 << 20} {
		n, err := countWithin(t.Context(), store, Over{Tenant: "t"}, p, room)
		if err != nil || n.Spans != spans || n.Traces != traces || !n.Cost.Complete {
			t.Errorf("count of %s with room for %d: %d spans in %d traces, %v, want %d in %d", p, room, n.Spans, n.Traces, err, spans, traces)
		}
	}
}

// So it is for plans that ask about whole traces, some of them under two ids.
func TestCountWholeTracesWithLittleRoom(t *testing.T) {
	spans := storagetest.NewGenerator(19).Spans(60, 4)
	for i := range spans {
		if i%5 == 0 {
			spans[i].TraceID = clew.MakeTraceID(0, spans[i].TraceID.Low())
		}
	}
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	store.BatchRows = 17
	if _, err := store.Append(t.Context(), storage.Record{Tenant: "t", Body: storagetest.Body(spans...)}); err != nil {
		t.Fatal(err)
	}
	byTrace := make(map[uint64][]*clew.Span)
	for i := range spans {
		byTrace[spans[i].TraceID.Low()] = append(byTrace[spans[i].TraceID.Low()], &spans[i])
	}
	count := func(c span.Condition, trace []*clew.Span) (n int64) {
		for _, s := range trace {
			if storagetest.HoldsIn(c, s, trace) {
				n++
			}
		}
		return n
	}
	for _, query := range []string{`{ rootName != "GET /" }`, `{ span:childCount > 0 && .a != nil }`, `{ duration * 3 > trace:duration }`} {
		p, err := Prepare(query)
		if err != nil {
			t.Fatal(err)
		}
		rows, traces := int64(0), int64(0)
		for _, trace := range byTrace {
			n := count(p.selection.Cond, trace)
			rows, traces = rows+n, traces+min(n, 1)
		}
		compareCounts(t, store, p, rows, traces)
	}
	p, err := Prepare(`{ status = error } && { kind = server }`)
	if err != nil {
		t.Fatal(err)
	}
	rows, traces := int64(0), int64(0)
	for _, trace := range byTrace {
		l, r := p.selection.Args[0].Cond, p.selection.Args[1].Cond
		if count(l, trace) > 0 && count(r, trace) > 0 {
			rows, traces = rows+count(span.AnyOf(l, r), trace), traces+1
		}
	}
	compareCounts(t, store, p, rows, traces)
}
