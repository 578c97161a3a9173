package exec_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// withoutCatalog hides a store's own catalogue.
type withoutCatalog struct{ storage.Store }

// What scans find is what a catalogue says.
func TestCatalogByScan(t *testing.T) {
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	store.BatchRows = 23
	spans := storagetest.NewGenerator(21).Spans(60, 6)
	fill(t, store, spans, 31)
	scanned := withoutCatalog{store}
	for _, w := range []clew.Window{{}, {Start: spans[3].Start, End: spans[3].Start + 100e9}} {
		over := exec.Over{Tenant: tenant, Window: w}
		names, cost, err := exec.TagNames(t.Context(), scanned, over)
		wantNames, _, _ := exec.TagNames(t.Context(), store, over)
		if err != nil || !cost.Complete || !reflect.DeepEqual(names, wantNames) {
			t.Errorf("TagNames = %v, %+v, %v, want %v", names, cost, err, wantNames)
		}
		services, cost, err := exec.Services(t.Context(), scanned, over)
		wantServices, _, _ := exec.Services(t.Context(), store, over)
		if err != nil || !cost.Complete || !reflect.DeepEqual(services, wantServices) {
			t.Errorf("Services = %v, %+v, %v, want %v", services, cost, err, wantServices)
		}
		for _, field := range []string{"name", "kind", "duration", "span:parentID", "event:name", "link:traceID", "event:timeSinceStart",
			"statusMessage", "instrumentation:version", ".a", "span.b", "resource.service.name", "event.a", "link.b", "instrumentation.a"} {
			f, err := exec.ParseField(field)
			if err != nil {
				t.Fatal(err)
			}
			for _, limit := range []int{1, 3, 1000} {
				values, more, _, err := exec.TagValues(t.Context(), scanned, over, f, limit)
				want, wantMore, _, _ := exec.TagValues(t.Context(), store, over, f, limit)
				if g, w := tagText(values, more), tagText(want, wantMore); err != nil || g != w {
					t.Errorf("TagValues(%s, %d) = %s, %v, want %s", field, limit, g, err, w)
				}
			}
		}
	}
	_, _, _, err := exec.TagValues(t.Context(), scanned, exec.Over{Tenant: tenant}, span.Field{Key: "a"}, 0)
	if clew.KindOf(err) != clew.Invalid {
		t.Errorf("TagValues with limit 0 = %v, want Invalid", err)
	}
}

func tagText(values []storage.TagValue, more bool) string {
	var out []string
	for _, v := range values {
		out = append(out, fmt.Sprintf("%v %q %d", v.Value.Type, v.Value, v.Count))
	}
	return fmt.Sprint(out, more)
}

func TestTail(t *testing.T) {
	store := storagetest.NewMemory(storagetest.AllCapabilities())
	spans := storagetest.NewGenerator(4).Spans(40, 4)
	p := prepare(t, `{ status = error }`)
	where, _ := p.Condition()
	var want []string
	for i := range spans {
		if storagetest.Holds(where, &spans[i]) {
			want = append(want, spans[i].TraceID.String()+spans[i].SpanID.String())
		}
	}
	fill(t, store, storagetest.NewGenerator(5).Spans(3, 3), 10) // before the tail
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tail, err := exec.Tail(ctx, store, tenant, p)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan []string)
	go func() {
		var got []string
		for x := range tail {
			for _, row := range x.Rows {
				got = append(got, x.TraceIDs[x.Trace[row]].String()+clew.SpanID(x.SpanID[row]).String())
			}
			if len(got) >= len(want) {
				cancel()
			}
		}
		done <- got
	}()
	fill(t, store, spans, 7)
	if got := <-done; !slices.Equal(got, want) {
		t.Errorf("Tail = %v, want %v", got, want)
	}
}
