package exec_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/catalog"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// teller is a store whose own catalogue takes its time, or lacks something.
type teller struct {
	*storagetest.Memory
	err error // nil: it waits until nobody wants to know
}

func (c *teller) tell(ctx context.Context) error {
	if c.err == nil {
		<-ctx.Done()
		return clew.Errorf(clew.Canceled, "stopped: %w", context.Cause(ctx))
	}
	return c.err
}

func (c *teller) TagNames(ctx context.Context, _ clew.Tenant, _ clew.Window) ([]storage.TagName, error) {
	return []storage.TagName{{Key: "a"}}, c.tell(ctx)
}

func (c *teller) TagValues(ctx context.Context, _ clew.Tenant, _ clew.Window, _ span.Field, _ int) ([]storage.TagValue, bool, error) {
	return []storage.TagValue{{Count: 1}}, false, c.tell(ctx)
}

func (c *teller) Services(ctx context.Context, _ clew.Tenant, _ clew.Window) ([]storage.Service, error) {
	return []storage.Service{{Name: "a"}}, c.tell(ctx)
}

// A store's own catalogue has the time of a question, and what it lacks is said.
func TestToldCatalogues(t *testing.T) {
	asked := map[string]func(ctx context.Context, s exec.Store, over exec.Over) (int, exec.Cost, error){
		"names": func(ctx context.Context, s exec.Store, over exec.Over) (int, exec.Cost, error) {
			list, cost, err := catalog.TagNames(ctx, s, over)
			return len(list), cost, err
		},
		"values": func(ctx context.Context, s exec.Store, over exec.Over) (int, exec.Cost, error) {
			list, _, cost, err := catalog.TagValues(ctx, s, over, span.Field{Intrinsic: span.Name}, 10)
			return len(list), cost, err
		},
		"services": func(ctx context.Context, s exec.Store, over exec.Over) (int, exec.Cost, error) {
			list, cost, err := catalog.Services(ctx, s, over)
			return len(list), cost, err
		},
	}
	memory := storagetest.NewMemory(storagetest.AllCapabilities())
	lacking := storage.LackingFor(errors.New("x.seg: offset 7"))
	for name, ask := range asked {
		n, cost, err := ask(t.Context(), &teller{memory, lacking}, exec.Over{Tenant: tenant})
		if err != nil || n != 1 || cost.Complete || cost.Searched == 1 || !strings.HasPrefix(cost.Reason, "not all could be read: x.seg: offset 7; to mend it") {
			t.Errorf("%s with damage: %d, %+v, %v", name, n, cost, err)
		}
		if _, _, err := ask(t.Context(), &teller{memory, nil}, exec.Over{Tenant: tenant, Budget: exec.Budget{Time: time.Millisecond}}); clew.KindOf(err) != clew.TooLarge {
			t.Errorf("%s that take long: %v", name, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := ask(ctx, &teller{memory, nil}, exec.Over{Tenant: tenant}); clew.KindOf(err) != clew.Canceled {
			t.Errorf("%s that nobody waits for: %v", name, err)
		}
	}
}
