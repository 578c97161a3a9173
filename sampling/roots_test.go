package sampling_test

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/wire"
	"github.com/clew-tracing/clew/sampling"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

// spans is a request with traces of a service, each a root and a child of the same name.
func spans(first uint64, service, name string, traces int, start clew.UnixNanos) []byte {
	b, resourceSpans := wire.Open(nil, wire.RequestResourceSpans)
	b, resource := wire.Open(b, wire.ResourceSpansResource)
	b = wire.AppendTextAttr(b, wire.ResourceAttributes, "service.name", service)
	b = wire.Close(b, resource)
	b, scopeSpans := wire.Open(b, wire.ResourceSpansScope)
	for i := range uint64(traces) {
		for parent := range uint64(2) {
			var span int
			b, span = wire.Open(b, wire.ScopeSpansSpans)
			id := clew.MakeTraceID(1, first+i)
			b = wire.AppendBytes(b, wire.SpanTraceID, id[:])
			b = wire.AppendSpanID(b, wire.SpanSpanID, parent+1)
			if parent > 0 {
				b = wire.AppendSpanID(b, wire.SpanParentID, parent)
			}
			b = wire.AppendText(b, wire.SpanName, name)
			b = wire.AppendNanos(b, wire.SpanStart, uint64(start))
			b = wire.AppendNanos(b, wire.SpanEnd, uint64(start)+5)
			b = wire.Close(b, span)
		}
	}
	return wire.Close(wire.Close(b, scopeSpans), resourceSpans)
}

// TestBegan counts roots, of what lies in memory and in files.
func TestBegan(t *testing.T) {
	db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	now := clew.UnixNanos(time.Now().UnixNano())
	w := sampling.StepBefore(now)
	if w.End > now-clew.UnixNanos(sampling.Delay) || w.End <= now-clew.UnixNanos(sampling.Delay+sampling.Step) || w.End-w.Start != clew.UnixNanos(sampling.Step) ||
		sampling.StepBefore(w.End+clew.UnixNanos(sampling.Delay)) != w {
		t.Fatalf("the step before %d is %+v", now, w)
	}
	for name, store := range map[string]storage.Store{"memory": storagetest.NewMemory(storagetest.AllCapabilities()), "least": storagetest.NewMemory(storage.Capabilities{}), "file": db} {
		t.Run(name, func(t *testing.T) {
			for i, body := range [][]byte{
				spans(0, "cart", "list", 30, w.Start), spans(100, "cart", "pay", 2, w.End-1), spans(200, "user", "list", 5, w.Start+1),
				spans(300, "cart", "list", 7, w.Start-1), spans(400, "cart", "list", 7, w.End), spans(500, "cart", "list", 3, w.Start+5),
			} {
				if got, err := store.Append(t.Context(), storage.Record{Tenant: tenant, Body: body, ReceivedAt: time.Now()}); err != nil || got.Refused > 0 {
					t.Fatal(i, got, err)
				}
			}
			got, err := sampling.Began(t.Context(), store, tenant, w, []string{"cart", "none"})
			if want := map[sampling.Operation]int{{Service: "cart", Name: "list"}: 33, {Service: "cart", Name: "pay"}: 2}; err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%v, %v\nwant %v", got, err, want)
			}
		})
	}
}

// scanner yields no rows, and says that it looked at as many as it may.
type scanner struct{ err error }

func (s scanner) Scan(_ context.Context, r storage.Request) iter.Seq2[*span.Batch, error] {
	return func(yield func(*span.Batch, error) bool) {
		if r.Stats.Exhausted = s.err == nil; s.err != nil {
			yield(nil, s.err)
		}
	}
}

// TestBeganErrors: what is not counted whole is not counted.
func TestBeganErrors(t *testing.T) {
	for want, s := range map[string]scanner{"more than 50000000 spans": {}, "cut off": {clew.Errorf(clew.Canceled, "cut off")}} {
		if got, err := sampling.Began(t.Context(), s, tenant, clew.Window{}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v, want %q", got, err, want)
		}
	}
}

// BenchmarkBegan counts a step of a store that took 2,000,000 spans in it, of 1,000,000 traces.
func BenchmarkBegan(b *testing.B) {
	db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	w := sampling.StepBefore(clew.UnixNanos(time.Now().UnixNano()))
	for i := range uint64(200) {
		if _, err := db.Append(b.Context(), storage.Record{Tenant: tenant, Body: spans(i*5000, "cart", fmt.Sprint("op", i%50), 5000, w.Start+clew.UnixNanos(i)), ReceivedAt: time.Now()}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if got, err := sampling.Began(b.Context(), db, tenant, w, []string{"cart"}); err != nil || len(got) != 50 {
			b.Fatal(len(got), err)
		}
	}
}
