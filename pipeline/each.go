package pipeline

import (
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlresource"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlscope"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspanevent"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func eachResource(t ptrace.Traces, do func(*ottlresource.TransformContext) error) error {
	for _, rs := range t.ResourceSpans().All() {
		if err := onResource(rs, do); err != nil {
			return err
		}
	}
	return nil
}

func onResource(rs ptrace.ResourceSpans, do func(*ottlresource.TransformContext) error) error {
	c := ottlresource.NewTransformContext(rs.Resource(), rs)
	defer c.Close()
	return do(c)
}

func eachScope(t ptrace.Traces, do func(*ottlscope.TransformContext) error) error {
	for _, rs := range t.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			if err := onScope(rs, ss, do); err != nil {
				return err
			}
		}
	}
	return nil
}

func onScope(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, do func(*ottlscope.TransformContext) error) error {
	c := ottlscope.NewTransformContext(ss.Scope(), rs.Resource(), ss, rs)
	defer c.Close()
	return do(c)
}

func eachSpan(t ptrace.Traces, do func(*ottlspan.TransformContext) error) error {
	for _, rs := range t.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if err := onSpan(rs, ss, s, do); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func onSpan(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, s ptrace.Span, do func(*ottlspan.TransformContext) error) error {
	c := ottlspan.NewTransformContext(rs, ss, s)
	defer c.Close()
	return do(c)
}

func eachEvent(t ptrace.Traces, do func(*ottlspanevent.TransformContext) error) error {
	for _, rs := range t.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				for i, e := range s.Events().All() {
					if err := onEvent(rs, ss, s, e, i, do); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

func onEvent(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans, s ptrace.Span, e ptrace.SpanEvent, i int, do func(*ottlspanevent.TransformContext) error) error {
	c := ottlspanevent.NewTransformContext(rs, ss, s, e, ottlspanevent.WithEventIndex(int64(i)))
	defer c.Close()
	return do(c)
}

// dropResources drops all spans of resources.
func dropResources(t ptrace.Traces, met func(*ottlresource.TransformContext) bool) (dropped int) {
	t.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) (gone bool) {
		_ = onResource(rs, func(c *ottlresource.TransformContext) error { gone = met(c); return nil })
		if gone {
			for _, ss := range rs.ScopeSpans().All() {
				dropped += ss.Spans().Len()
			}
		}
		return gone
	})
	return dropped
}

// dropScopes drops all spans of scopes.
func dropScopes(t ptrace.Traces, met func(*ottlscope.TransformContext) bool) (dropped int) {
	t.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		before := dropped
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) (gone bool) {
			_ = onScope(rs, ss, func(c *ottlscope.TransformContext) error { gone = met(c); return nil })
			if gone {
				dropped += ss.Spans().Len()
			}
			return gone
		})
		return dropped > before && rs.ScopeSpans().Len() == 0
	})
	return dropped
}

// dropSpans drops spans, and what is empty then.
func dropSpans(t ptrace.Traces, met func(*ottlspan.TransformContext) bool) (dropped int) {
	t.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		before := dropped
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			before := dropped
			ss.Spans().RemoveIf(func(s ptrace.Span) (gone bool) {
				_ = onSpan(rs, ss, s, func(c *ottlspan.TransformContext) error { gone = met(c); return nil })
				if gone {
					dropped++
				}
				return gone
			})
			return dropped > before && ss.Spans().Len() == 0
		})
		return dropped > before && rs.ScopeSpans().Len() == 0
	})
	return dropped
}

// dropEvents drops events; no span goes with them.
func dropEvents(t ptrace.Traces, met func(*ottlspanevent.TransformContext) bool) int {
	for _, rs := range t.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				i := 0
				s.Events().RemoveIf(func(e ptrace.SpanEvent) (gone bool) {
					_ = onEvent(rs, ss, s, e, i, func(c *ottlspanevent.TransformContext) error { gone = met(c); return nil })
					i++
					return gone
				})
			}
		}
	}
	return 0
}
