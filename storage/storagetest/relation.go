package storagetest

import (
	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage/storagetest/arithmetic"
)

// relationHolds evaluates a relation by trying each event alone, and with each link alone.
func relationHolds(r *span.Relation, s *clew.Span, trace []*clew.Span) bool {
	events, links := false, false
	for _, x := range []*span.Expr{&r.L, &r.R} {
		e, l := childrenRead(x)
		events, links = events || e, links || l
	}
	parts := []*clew.Span{s}
	if events {
		parts = split(parts, func(one *clew.Span, add func()) {
			for _, e := range s.Events {
				one.Events = []clew.Event{e}
				add()
			}
		})
	}
	if links {
		parts = split(parts, func(one *clew.Span, add func()) {
			for _, l := range s.Links {
				one.Links = []clew.Link{l}
				add()
			}
		})
	}
	for _, part := range parts {
		for _, a := range results(&r.L, part, s, trace) {
			for _, b := range results(&r.R, part, s, trace) {
				if compares(a, r.Op, b) {
					return true
				}
			}
		}
	}
	return false
}

// split makes of each span those that each adds.
func split(parts []*clew.Span, each func(one *clew.Span, add func())) (out []*clew.Span) {
	for _, p := range parts {
		one := *p
		each(&one, func() {
			part := one
			out = append(out, &part)
		})
	}
	return out
}

// childrenRead reports whether an expression reads events or links.
func childrenRead(x *span.Expr) (events, links bool) {
	if x.Op == span.Reading && !x.Field.Parent {
		switch x.Field.Intrinsic {
		case span.EventName, span.EventTimeSinceStart:
			events = true
		case span.LinkTraceID, span.LinkSpanID:
			links = true
		case span.None:
			events, links = x.Field.Scope == span.ScopeEvent, x.Field.Scope == span.ScopeLink
		}
	}
	for i := range x.Args {
		e, l := childrenRead(&x.Args[i])
		events, links = events || e, links || l
	}
	return events, links
}

// results lists what an expression is for a span with at most one event or link
// left, at most one value of a kind; conditions in it are about the whole span.
func results(x *span.Expr, s, whole *clew.Span, trace []*clew.Span) []clew.Value {
	switch x.Op {
	case span.Constant:
		return []clew.Value{x.Value}
	case span.Reading:
		own := x.Field
		own.Parent = false
		if events, links := childrenRead(&span.Expr{Op: span.Reading, Field: own}); x.Field.Parent && (events || links) {
			return nil
		}
		return onePerKind(valuesIn(x.Field, s, trace))
	case span.Truth:
		return []clew.Value{clew.BoolValue(HoldsIn(*x.Cond, whole, trace))}
	}
	operands := make([]clew.Value, len(x.Args))
	for i := range x.Args {
		found := false
		for _, v := range results(&x.Args[i], s, whole, trace) {
			if isNumber(v) {
				operands[i], found = v, true
			}
		}
		if !found {
			return nil
		}
	}
	if v, ok := arithmetic.Calculate(x.Op, operands); ok {
		return []clew.Value{v}
	}
	return nil
}

// onePerKind keeps the first text, the first truth value, and the first int or
// else the first double.
func onePerKind(all []clew.Value) (out []clew.Value) {
	first := make(map[clew.Type]bool)
	for _, t := range []clew.Type{clew.TypeString, clew.TypeBool, clew.TypeInt, clew.TypeDouble} {
		for _, v := range all {
			if v.Type == t && !first[t] && !(t == clew.TypeDouble && first[clew.TypeInt]) {
				first[t] = true
				out = append(out, v)
			}
		}
	}
	return out
}

// exprOps are what Generator.Relation calculates with.
var exprOps = []span.ExprOp{span.Sum, span.Difference, span.Product, span.Quotient, span.Ratio, span.Remainder, span.Power}

// Relation returns a relation of fields, half of them of one field with another.
func (g *Generator) Relation(probe []clew.Span) span.Condition {
	family := pick(g, []family{{}, {events: true}, {links: true}, {events: true, links: true}})
	depth := g.r.IntN(2) * g.r.IntN(4)
	return span.Relates(g.expr(probe, family, depth), pick(g, comparisons), g.expr(probe, family, g.r.IntN(2)*g.r.IntN(3)))
}

// family is which children a relation reads, save rarely others.
type family struct{ events, links bool }

// expr returns an expression that reads fields of spans and of the family.
func (g *Generator) expr(probe []clew.Span, family family, depth int) span.Expr {
	if depth > 0 {
		if g.r.IntN(8) == 0 {
			return span.Calculate(span.Negative, g.expr(probe, family, depth-1))
		}
		return span.Calculate(pick(g, exprOps), g.expr(probe, family, depth-1), g.expr(probe, family, g.r.IntN(depth)))
	}
	switch g.r.IntN(12) {
	case 0:
		return span.TruthOf(g.Condition(probe, 1))
	case 1, 2, 3:
		for {
			if v := g.Value(); v.Type != clew.TypeOther {
				return span.ValueOf(v)
			}
		}
	}
	for {
		x := span.FieldOf(g.Field())
		events, links := childrenRead(&x)
		if (!events || family.events) && (!links || family.links) || g.r.IntN(50) == 0 {
			return x
		}
	}
}
