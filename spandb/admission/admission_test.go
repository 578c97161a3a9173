package admission

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
)

// TestGate has somebody wait for a full gate until the context ends, until patience
// comes, and until there is room.
func TestGate(t *testing.T) {
	for _, n := range []int{1, 3} {
		g := NewGate(n)
		for range n {
			if !g.Try() {
				t.Fatalf("a gate of %d lets fewer in", n)
			}
		}
		if g.Try() {
			t.Fatalf("a gate of %d lets more in", n)
		}
		enough := errors.New("enough")
		ended, cancel := context.WithCancelCause(context.Background())
		cancel(enough)
		if err := g.Enter(ended, nil); clew.KindOf(err) != clew.Canceled || !errors.Is(err, enough) {
			t.Errorf("Enter with a context that has ended = %v", err)
		}
		now := make(chan time.Time, 1)
		now <- time.Time{}
		var e *clew.Error
		if err := g.Enter(context.Background(), now); !errors.As(err, &e) || e.Kind != clew.Busy || e.RetryAfter != Retry {
			t.Errorf("Enter without patience = %v", err)
		}
		entered := make(chan error)
		go func() { entered <- g.Enter(context.Background(), nil) }()
		g.Leave()
		if err := <-entered; err != nil {
			t.Error(err)
		}
		if g.Try() {
			t.Errorf("a gate of %d lets more in after one has left and one has come", n)
		}
		for range n {
			g.Leave()
		}
	}
}
