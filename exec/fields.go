package exec

import (
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/traceql"
)

// value turns a literal into what the field's values compare with.
func value(f span.Field, v traceql.Static) clew.Value {
	switch v.Type {
	case traceql.TypeString:
		return clew.StringValue(hexID(f.Intrinsic, v.Str))
	case traceql.TypeFloat:
		return clew.DoubleValue(v.Float)
	case traceql.TypeBool:
		return clew.BoolValue(v.IsTrue())
	}
	return clew.IntValue(v.Int) // ints, durations, statuses, kinds
}

// hexID brings an id to the form in which ids compare: lower case, all digits.
// Text that is no id stays, and equals none.
func hexID(i span.Intrinsic, s string) string {
	digits := 0
	switch i {
	case span.TraceID, span.LinkTraceID:
		digits = 32
	case span.SpanID, span.ParentID, span.LinkSpanID:
		digits = 16
	}
	if digits == 0 || s == "" || len(s) > digits || strings.Trim(s, "0123456789abcdefABCDEF") != "" {
		return s
	}
	return strings.Repeat("0", digits-len(s)) + strings.ToLower(s)
}

var scopes = [...]span.Scope{
	traceql.ScopeAny: span.ScopeAny, traceql.ScopeSpan: span.ScopeSpan, traceql.ScopeResource: span.ScopeResource,
	traceql.ScopeEvent: span.ScopeEvent, traceql.ScopeLink: span.ScopeLink, traceql.ScopeInstrumentation: span.ScopeInstrumentation,
}

var intrinsics = map[traceql.Intrinsic]span.Intrinsic{
	traceql.IntrinsicName:                   span.Name,
	traceql.IntrinsicDuration:               span.Duration,
	traceql.IntrinsicStatus:                 span.StatusCode,
	traceql.IntrinsicStatusMessage:          span.StatusMessage,
	traceql.IntrinsicKind:                   span.SpanKind,
	traceql.IntrinsicSpanID:                 span.SpanID,
	traceql.IntrinsicParentID:               span.ParentID,
	traceql.IntrinsicTraceID:                span.TraceID,
	traceql.IntrinsicEventName:              span.EventName,
	traceql.IntrinsicEventTimeSinceStart:    span.EventTimeSinceStart,
	traceql.IntrinsicLinkTraceID:            span.LinkTraceID,
	traceql.IntrinsicLinkSpanID:             span.LinkSpanID,
	traceql.IntrinsicInstrumentationName:    span.ScopeName,
	traceql.IntrinsicInstrumentationVersion: span.ScopeVersion,
	traceql.IntrinsicTraceDuration:          span.TraceDuration,
	traceql.IntrinsicTraceRootName:          span.RootName,
	traceql.IntrinsicTraceRootService:       span.RootService,
	traceql.IntrinsicChildCount:             span.ChildCount,
	traceql.IntrinsicNestedSetLeft:          span.NestedSetLeft,
	traceql.IntrinsicNestedSetRight:         span.NestedSetRight,
	traceql.IntrinsicNestedSetParent:        span.NestedSetParent,
}

func (c *compiler) field(f *traceql.Field) (span.Field, error) {
	switch {
	case f.Intrinsic == traceql.IntrinsicParent:
		return span.Field{Intrinsic: span.ParentID}, nil
	case f.Intrinsic != traceql.IntrinsicNone:
		i, ok := intrinsics[f.Intrinsic]
		if !ok {
			return span.Field{}, c.unsupported(f.At, f.String()+", which is the span's place among the others, is")
		}
		if i.OfTrace() {
			c.needsTrace(f.At, f.String())
		}
		return span.Field{Intrinsic: i}, nil
	case f.Scope == traceql.ScopeTrace:
		return span.Field{}, c.unsupported(f.At, "traces have no attributes of their own; the scope trace. is")
	}
	if f.Parent {
		c.needsTrace(f.At, f.String())
	}
	return span.Field{Scope: scopes[f.Scope], Key: f.Name, Parent: f.Parent}, nil
}

// FieldText writes a field as a query does, shortened if need be.
func FieldText(f span.Field) string { return Clip(FieldName(f)) }

// FieldName writes a field as a query does.
func FieldName(f span.Field) string {
	if f.Intrinsic != span.None {
		return f.String()
	}
	q := traceql.Field{Parent: f.Parent, Name: f.Key}
	for scope, s := range scopes {
		if s == f.Scope {
			q.Scope = traceql.Scope(scope)
		}
	}
	return q.String()
}

// Clip shortens a text for a message.
func Clip(s string) string {
	if runes := []rune(s); len(runes) > maxTextRunes {
		return string(runes[:maxTextRunes]) + "…"
	}
	return s
}
