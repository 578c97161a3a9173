package api_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// lending is a store that says when nobody holds on to the batch of a trace any more.
type lending struct {
	storage.Store
	gone chan struct{}
}

func (l lending) Trace(ctx context.Context, t clew.Tenant, id clew.TraceID) (storage.Trace, error) {
	out, err := l.Store.Trace(ctx, t, id)
	if err == nil {
		b := *out.Batch
		out.Batch, out.Release = &b, func() {}
		runtime.AddCleanup(&b, func(c chan struct{}) { close(c) }, l.gone)
	}
	return out, err
}

// TestUnsharedHolds: the store's batch is held on to until the trace is freed, also where a copy
// takes its place.
func TestUnsharedHolds(t *testing.T) {
	store := lending{storagetest.NewMemory(storagetest.AllCapabilities()), make(chan struct{})}
	one := func(kind clew.Kind) clew.Span {
		return clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: 2, Kind: kind, Start: storagetest.Epoch, End: storagetest.Epoch + 1}
	}
	if _, err := store.Append(t.Context(), storage.Record{Tenant: clew.DefaultTenant, Body: storagetest.Body(one(clew.KindClient), one(clew.KindServer))}); err != nil {
		t.Fatal(err)
	}
	q := api.Question{Ctx: t.Context(), Over: exec.Over{Tenant: clew.DefaultTenant}, Store: store}
	tr, err := q.Unshared(clew.MakeTraceID(1, 1))
	if err != nil || tr.Rows != 2 || tr.SpanID[0] == tr.SpanID[1] {
		t.Fatalf("%v, %v", tr.SpanID, err)
	}
	mark := make(chan struct{})
	runtime.AddCleanup(&struct{ _ [64]byte }{}, func(c chan struct{}) { close(c) }, mark)
	for waiting := true; waiting; {
		runtime.GC()
		select {
		case <-mark:
			waiting = false
		case <-store.gone:
			t.Fatal("the batch was let go")
		default:
		}
	}
	select {
	case <-store.gone:
		t.Error("the batch was let go")
	default:
	}
	tr.Free()
}
