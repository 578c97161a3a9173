package storagetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// Epoch is when generated spans start, more or less: 2026-01-01 UTC.
const Epoch clew.UnixNanos = 1767225600e9

// Generator makes spans and conditions that provoke: few keys with all types,
// values at the edges of their ranges, missing fields, spans out of order. The
// same seed makes the same.
type Generator struct {
	// OfTrace makes conditions ask for fields of the whole trace, too.
	OfTrace bool
	// Fields, where not empty, are the fields that half of the conditions ask for.
	Fields []span.Field

	r         *rand.Rand
	resources []*clew.Resource
	scopes    []*clew.Scope
	traces    uint64
}

// NewGenerator returns a generator for a seed.
func NewGenerator(seed uint64) *Generator {
	g := &Generator{r: rand.New(rand.NewPCG(seed, 1))}
	for i := range 4 {
		g.resources = append(g.resources, &clew.Resource{
			Attrs:        append([]clew.Attr{{Key: "service.name", Value: clew.StringValue(services[i])}}, g.attrs(3)...),
			DroppedAttrs: uint32(i), SchemaURL: fmt.Sprintf("https://example.org/%d", i),
		})
	}
	g.resources = append(g.resources, &clew.Resource{Attrs: []clew.Attr{{Key: "a", Value: clew.StringValue("no service")}}})
	for i := range 3 {
		g.scopes = append(g.scopes, &clew.Scope{Name: []string{"", "http", "sql"}[i], Version: []string{"", "1.0", "0.9"}[i],
			Attrs: g.attrs(i), DroppedAttrs: uint32(i), SchemaURL: []string{"", "x", "y"}[i]})
	}
	return g
}

var (
	services  = []string{"cart", "checkout", "frontend", "größe"}
	spanNames = []string{"GET /", "SELECT", "", "Charge", "größe"}
	attrKeys  = []string{"a", "b", "http.route", "weird key", "größe", "service.name"}
	texts     = []string{"", "a", "b", "/api/cart", "/api/cart/7", "\xff\xfe", "ö", "10", "true"}
	ints      = []int64{0, 1, -1, 7, 200, 500, math.MaxInt64, math.MinInt64, 1 << 53, 1<<53 + 1}
	doubles   = []float64{0, 1, -1, 7.5, 200, 1 << 53, 1 << 63, -(1 << 63), math.Inf(1), math.Inf(-1), math.NaN(), math.Copysign(0, -1), 5e-324}
	offsets   = []int64{0, 1, 5, 1000, 1e6, 2e6, 1e9, 60e9}
)

// orderField is an attribute of half of all spans whose values are ids, nearly all of
// one form: a store may keep the numbers in them, and has to tell 17 from 017.
var orderField = span.Field{Scope: span.ScopeSpan, Key: "order.id"}

func (g *Generator) order() clew.Value {
	form := "ord-%06d"
	switch g.r.IntN(16) {
	case 0:
		form = "ord-%d"
	case 1:
		form = "12345678901234567890-%d"
	}
	return clew.StringValue(fmt.Sprintf(form, g.r.IntN(1200)))
}

func pick[T any](g *Generator, from []T) T { return from[g.r.IntN(len(from))] }

// Value returns a value of any type.
func (g *Generator) Value() clew.Value {
	switch g.r.IntN(9) {
	case 0, 1, 2:
		return clew.StringValue(pick(g, texts))
	case 3, 4:
		return clew.IntValue(pick(g, ints))
	case 5, 6:
		return clew.DoubleValue(pick(g, doubles))
	case 7:
		return clew.BoolValue(g.r.IntN(2) == 0)
	}
	if g.r.IntN(2) == 0 {
		return BytesValue([]byte(pick(g, texts)))
	}
	return g.array()
}

// array returns an array of a few values, mostly of one type. Its texts are UTF-8, since
// JSON shows others in arrays otherwise.
func (g *Generator) array() clew.Value {
	var list []clew.Value
	for range g.r.IntN(4) {
		switch g.r.IntN(8) {
		case 0:
			list = append(list, clew.IntValue(pick(g, ints)))
		case 1:
			list = append(list, clew.BoolValue(g.r.IntN(2) == 0))
		case 2:
			list = append(list, ArrayValue(clew.StringValue(strings.ToValidUTF8(pick(g, texts), "?"))))
		default:
			list = append(list, clew.StringValue(strings.ToValidUTF8(pick(g, texts), "?")))
		}
	}
	return ArrayValue(list...)
}

// attrs returns up to n attributes of different keys.
func (g *Generator) attrs(n int) (out []clew.Attr) {
	for _, i := range g.r.Perm(len(attrKeys)) {
		if len(out) < n && attrKeys[i] != "service.name" {
			out = append(out, clew.Attr{Key: attrKeys[i], Value: g.Value()})
		}
	}
	return out
}

// Trace returns the spans of one new trace, 1 to maxSpans of them, parents
// before children, over several services. Starts lie within some minutes of
// Epoch; one trace in twenty has a 64-bit id.
func (g *Generator) Trace(maxSpans int) []clew.Span {
	g.traces++
	id := clew.MakeTraceID(g.r.Uint64()|1, g.r.Uint64()<<20|g.traces)
	if g.r.IntN(20) == 0 {
		id = clew.MakeTraceID(0, id.Low())
	}
	begin := Epoch + clew.UnixNanos(g.r.Int64N(300e9))
	spans := make([]clew.Span, 0, maxSpans)
	for i := range 1 + g.r.IntN(maxSpans) {
		s := g.span(id, begin)
		s.SpanID = clew.SpanID(g.r.Uint64()<<16 | uint64(i+1))
		switch {
		case i > 0 && g.r.IntN(10) > 0:
			s.ParentID = spans[g.r.IntN(i)].SpanID
		case g.r.IntN(10) == 0:
			s.ParentID = clew.SpanID(g.r.Uint64() | 1) // never seen
		}
		spans = append(spans, s)
	}
	return spans
}

func (g *Generator) span(id clew.TraceID, begin clew.UnixNanos) clew.Span {
	s := clew.Span{
		TraceID: id, Name: pick(g, spanNames), Kind: clew.Kind(g.r.IntN(7)), Status: clew.Status(g.r.IntN(3)),
		Start: begin + clew.UnixNanos(pick(g, offsets)), Flags: uint32(g.r.IntN(2)) * 257,
		Attrs: g.attrs(g.r.IntN(4)), Resource: pick(g, g.resources), Scope: pick(g, g.scopes),
	}
	if g.r.IntN(2) == 0 {
		s.Attrs = append(s.Attrs, clew.Attr{Key: orderField.Key, Value: g.order()})
	}
	s.End = s.Start + clew.UnixNanos(pick(g, offsets))
	switch g.r.IntN(20) {
	case 0:
		s.End = s.Start - 1
	case 1:
		s.End = 0 // it has not ended
	}
	if g.r.IntN(3) == 0 {
		s.StatusMessage, s.TraceState = pick(g, texts), pick(g, texts)
		s.DroppedAttrs, s.DroppedEvents, s.DroppedLinks = 1, uint32(g.r.IntN(3)), 1<<31
	}
	for range g.r.IntN(3) {
		s.Events = append(s.Events, clew.Event{Time: s.Start + clew.UnixNanos(pick(g, offsets)) - 3, Name: pick(g, []string{"exception", "log", ""}),
			Attrs: g.attrs(g.r.IntN(3)), DroppedAttrs: uint32(g.r.IntN(2))})
	}
	for range g.r.IntN(2) {
		s.Links = append(s.Links, clew.Link{TraceID: clew.MakeTraceID(7, 8), SpanID: clew.SpanID(g.r.IntN(3) + 1),
			TraceState: pick(g, texts), Attrs: g.attrs(g.r.IntN(3)), DroppedAttrs: uint32(g.r.IntN(2)), Flags: uint32(g.r.IntN(3))})
	}
	return s
}

// Spans returns the spans of n new traces, shuffled.
func (g *Generator) Spans(traces, maxSpans int) (out []clew.Span) {
	for range traces {
		out = append(out, g.Trace(maxSpans)...)
	}
	g.r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// Field returns a field that generated spans may have.
func (g *Generator) Field() span.Field {
	if len(g.Fields) > 0 && g.r.IntN(2) == 0 {
		return g.Fields[g.r.IntN(len(g.Fields))]
	}
	if g.OfTrace && g.r.IntN(3) == 0 {
		if g.r.IntN(2) == 0 {
			return span.Field{Intrinsic: pick(g, traceIntrinsics)}
		}
		f := g.ownField()
		f.Parent = true
		return f
	}
	return g.ownField()
}

// ownField returns a field that a span has by itself.
func (g *Generator) ownField() span.Field {
	if g.r.IntN(3) == 0 {
		return span.Field{Intrinsic: pick(g, allIntrinsics)}
	}
	return span.Field{Scope: pick(g, allScopes), Key: pick(g, attrKeys)}
}

var (
	allScopes     = []span.Scope{span.ScopeAny, span.ScopeSpan, span.ScopeResource, span.ScopeInstrumentation, span.ScopeEvent, span.ScopeLink}
	allIntrinsics = []span.Intrinsic{span.Name, span.Duration, span.Start, span.StatusCode, span.StatusMessage, span.SpanKind,
		span.TraceID, span.SpanID, span.ParentID, span.TraceState, span.EventName, span.EventTimeSinceStart,
		span.LinkTraceID, span.LinkSpanID, span.ScopeName, span.ScopeVersion}
	traceIntrinsics = []span.Intrinsic{span.TraceDuration, span.RootName, span.RootService, span.ChildCount,
		span.NestedSetLeft, span.NestedSetRight, span.NestedSetParent}
	comparisons = []span.Op{span.Eq, span.Ne, span.Lt, span.Le, span.Gt, span.Ge}
	patterns    = []*regexp.Regexp{regexp.MustCompile(`^(?:)$`), regexp.MustCompile(`^(?:/api/.*)$`), regexp.MustCompile(`^(?:[a-z]*)$`),
		regexp.MustCompile(`^(?:.*ö.*|GET.*)$`), regexp.MustCompile(`^(?:0.*)$`)}
)

// Leaf returns a test of one field. probe supplies values that occur.
func (g *Generator) Leaf(probe []clew.Span) span.Condition {
	f, v := g.Field(), g.Value()
	if g.r.IntN(12) == 0 {
		f, v = orderField, g.order()
	}
	switch g.r.IntN(8) {
	case 0:
		return span.Has(f)
	case 1:
		return span.Matches(f, span.Match, pick(g, patterns))
	case 2:
		return span.Matches(f, span.NotMatch, pick(g, patterns))
	}
	if values := valuesOf(f, &probe[g.r.IntN(len(probe))]); len(values) > 0 && g.r.IntN(3) > 0 {
		v = values[g.r.IntN(len(values))]
	}
	switch f.Intrinsic {
	case span.TraceDuration:
		v = clew.IntValue(pick(g, offsets))
	case span.RootName:
		v = clew.StringValue(pick(g, spanNames))
	case span.RootService:
		v = clew.StringValue(pick(g, services))
	case span.ChildCount:
		v = clew.IntValue(g.r.Int64N(3))
	}
	if of := Elements(v); len(of) > 0 {
		v = pick(g, of)
	}
	if v.Type == clew.TypeOther {
		v = clew.IntValue(1)
	}
	return span.Compare(f, pick(g, comparisons), v)
}

// Condition returns a condition of up to the given depth.
func (g *Generator) Condition(probe []clew.Span, depth int) span.Condition {
	if depth == 0 || g.r.IntN(3) == 0 {
		if depth > 0 && g.r.IntN(3) == 0 {
			return g.Relation(probe)
		}
		return g.Leaf(probe)
	}
	var args []span.Condition
	for range g.r.IntN(4) {
		args = append(args, g.Condition(probe, depth-1))
	}
	switch g.r.IntN(3) {
	case 0:
		return span.AllOf(args...)
	case 1:
		return span.AnyOf(args...)
	}
	return span.Negate(g.Condition(probe, depth-1))
}
