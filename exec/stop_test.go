package exec_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// leaving is a context that ends when it has been looked at so many times.
type leaving struct {
	context.Context
	looks atomic.Int64
}

func (l *leaving) Err() error {
	if l.looks.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// TestGoneWithinOneSpan asks for what is calculated for each pair of an event and a link of
// one span, and leaves meanwhile: while the span is judged, parted or compared,
// since there is nothing else to be done.
func TestGoneWithinOneSpan(t *testing.T) {
	const pairs = 1000
	s := storagetest.NewGenerator(1).Spans(1, 1)[0]
	s.Events, s.Links = make([]clew.Event, pairs), make([]clew.Link, pairs)
	for i := range pairs {
		s.Events[i] = clew.Event{Time: s.Start, Name: "e"}
		s.Links[i] = clew.Link{TraceID: s.TraceID, SpanID: s.SpanID}
	}
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	fill(t, store, []clew.Span{s}, 1)
	over := exec.Over{Tenant: tenant, Window: clew.Window{Start: s.Start, End: s.Start + 1}}
	search := func(ctx context.Context, p *exec.Plan) error {
		_, err := exec.Search(ctx, store, exec.Request{Over: over, Plan: p})
		return err
	}
	count := func(ctx context.Context, p *exec.Plan) error {
		_, err := exec.Count(ctx, store, over, p)
		return err
	}
	metric := func(ctx context.Context, p *exec.Plan) error {
		_, err := exec.RunMetrics(ctx, store, exec.MetricsRequest{Over: over, Plan: p})
		return err
	}
	for _, test := range []struct {
		query string
		ask   func(context.Context, *exec.Plan) error
	}{
		{`{ } | by(event.a + link.b)`, search},
		{`{ } | avg(event.a + link.b) > 0`, search},
		{`({ } >> { event.a + link.b = 1 }) || { }`, search},
		{`{ } | by(event.a + link.b) | count() > 0`, count},
		{`{ } | sum_over_time(event.a + link.b)`, metric},
		{`{ } | compare({ event.a + link.b = 1 })`, metric},
	} {
		ctx := &leaving{Context: t.Context()}
		ctx.looks.Store(100) // of about a thousand
		if err := test.ask(ctx, prepare(t, test.query)); clew.KindOf(err) != clew.Canceled {
			t.Errorf("%s: %v after %d looks, want the error that who asked has gone", test.query, err, 100-ctx.looks.Load())
		}
		ctx.looks.Store(1e6)
		if err := test.ask(ctx, prepare(t, test.query)); err != nil {
			t.Errorf("%s: %v", test.query, err)
		}
	}
}
