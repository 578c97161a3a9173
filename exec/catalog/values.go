package catalog

import (
	"math"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// eachScalar calls f for each value that a span has for a field, and of arrays for each
// element. It leaves out maps and bytes.
func eachScalar(field span.Field, s *clew.Span, f func(clew.Value)) {
	eachValue(field, s, func(v clew.Value) {
		if v.Type != clew.TypeOther {
			f(v)
		}
		for e := range span.Elements(v) {
			if e.Type != clew.TypeOther {
				f(e)
			}
		}
	})
}

// eachValue calls f for each value that a span has for a field.
func eachValue(field span.Field, s *clew.Span, f func(clew.Value)) {
	if field.Intrinsic != span.None {
		eachIntrinsic(field.Intrinsic, s, f)
		return
	}
	attrs := func(attrs []clew.Attr) (found bool) {
		for _, a := range attrs {
			if a.Key == field.Key {
				f(a.Value)
				found = true
			}
		}
		return found
	}
	switch field.Scope {
	case span.ScopeAny:
		if !attrs(s.Attrs) {
			attrs(s.Resource.Attrs)
		}
	case span.ScopeSpan:
		attrs(s.Attrs)
	case span.ScopeResource:
		attrs(s.Resource.Attrs)
	case span.ScopeInstrumentation:
		attrs(s.Scope.Attrs)
	case span.ScopeEvent:
		for _, e := range s.Events {
			attrs(e.Attrs)
		}
	case span.ScopeLink:
		for _, l := range s.Links {
			attrs(l.Attrs)
		}
	}
}

func eachIntrinsic(i span.Intrinsic, s *clew.Span, f func(clew.Value)) {
	text := func(v string) { f(clew.StringValue(v)) }
	optional := func(v string) {
		if v != "" {
			text(v)
		}
	}
	switch i {
	case span.Name:
		text(s.Name)
	case span.Duration:
		if !s.Unfinished() {
			f(clew.IntValue(s.DurationNanos()))
		}
	case span.Start:
		f(clew.IntValue(int64(min(s.Start, math.MaxInt64))))
	case span.StatusCode:
		f(clew.IntValue(int64(s.Status)))
	case span.SpanKind:
		f(clew.IntValue(int64(s.Kind)))
	case span.StatusMessage:
		optional(s.StatusMessage)
	case span.TraceState:
		optional(s.TraceState)
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
	case span.EventName, span.EventTimeSinceStart:
		for _, e := range s.Events {
			if i == span.EventName {
				text(e.Name)
			} else {
				f(clew.IntValue(int64(e.Time - s.Start)))
			}
		}
	case span.LinkTraceID, span.LinkSpanID:
		for _, l := range s.Links {
			if i == span.LinkTraceID {
				text(l.TraceID.String())
			} else {
				text(l.SpanID.String())
			}
		}
	}
}
