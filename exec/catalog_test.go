package exec_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/catalog"
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
		names, cost, err := catalog.TagNames(t.Context(), scanned, over)
		wantNames, _, _ := catalog.TagNames(t.Context(), store, over)
		if err != nil || !cost.Complete || !reflect.DeepEqual(names, wantNames) {
			t.Errorf("TagNames = %v, %+v, %v, want %v", names, cost, err, wantNames)
		}
		services, cost, err := catalog.Services(t.Context(), scanned, over)
		wantServices, _, _ := catalog.Services(t.Context(), store, over)
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
				values, more, _, err := catalog.TagValues(t.Context(), scanned, over, f, limit)
				want, wantMore, _, _ := catalog.TagValues(t.Context(), store, over, f, limit)
				if g, w := tagText(values, more), tagText(want, wantMore); err != nil || g != w {
					t.Errorf("TagValues(%s, %d) = %s, %v, want %s", field, limit, g, err, w)
				}
			}
		}
	}
	_, _, _, err := catalog.TagValues(t.Context(), scanned, exec.Over{Tenant: tenant}, span.Field{Key: "a"}, 0)
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

func TestDurations(t *testing.T) {
	marks, filters := storagetest.NewMemory(storagetest.AllCapabilities()), storagetest.NewMemory(storage.Capabilities{})
	took := func(id clew.SpanID, start clew.UnixNanos, nanos int64) clew.Span {
		return clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: id, Start: start, End: start + clew.UnixNanos(nanos)}
	}
	unfinished := clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: 9, Start: 1000}
	for _, s := range []*storagetest.Memory{marks, filters} {
		s.BatchRows = 2
		fill(t, s, []clew.Span{took(1, 1000, 50), took(2, 2000, 7), unfinished, took(3, 3000, -20), took(4, 4000, 900), took(5, 9000, 0)}, 3)
	}
	f := func(tenant clew.Tenant, start, end clew.UnixNanos, want string) {
		t.Helper()
		for _, s := range []storage.Store{marks, filters} {
			got, cost, err := catalog.Durations(t.Context(), s, exec.Over{Tenant: tenant, Window: clew.Window{Start: start, End: end}})
			text := "none"
			if got != nil {
				text = fmt.Sprint(*got)
			}
			if err != nil || !cost.Complete || text != want {
				t.Errorf("Durations(%s, %d, %d) = %s, %+v, %v, want %s", tenant, start, end, text, cost, err, want)
			}
		}
	}
	f(tenant, 0, 0, "{-20 900}")
	f(tenant, 0, 3000, "{7 50}")
	f(tenant, 5000, 0, "{0 0}")
	f(tenant, 4001, 9000, "none")
	f("nobody", 0, 0, "none")
}
