package segment

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/segment/order"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// spansOf returns n spans, each a trace of its own, changed by f.
func spansOf(n int, f func(i int, s *clew.Span)) []clew.Span {
	spans := make([]clew.Span, n)
	for i := range spans {
		spans[i] = clew.Span{TraceID: clew.MakeTraceID(1, uint64(i+1)), SpanID: 1, Name: "n", Start: storagetest.Epoch, End: storagetest.Epoch + 5}
		f(i, &spans[i])
	}
	return spans
}

// TestWhatSendersCanSend seals heads that only a sender of ill will makes: each
// must be readable, or the store could never seal it.
func TestWhatSendersCanSend(t *testing.T) {
	for name, spans := range map[string][]clew.Span{
		"a key of 3 MiB": spansOf(2, func(_ int, s *clew.Span) {
			s.Attrs = []clew.Attr{{Key: strings.Repeat("k", 3<<20), Value: clew.IntValue(1)}}
		}),
		"an empty key": spansOf(2, func(_ int, s *clew.Span) { s.Attrs = []clew.Attr{{Value: clew.StringValue("v")}} }),
		"keys like the names of columns": spansOf(2, func(_ int, s *clew.Span) {
			s.Attrs = []clew.Attr{{Key: ".start", Value: clew.IntValue(1)}, {Key: "a0.start", Value: clew.IntValue(1)}}
		}),
		"20,000 keys": spansOf(20, func(i int, s *clew.Span) {
			for k := range 1000 {
				s.Attrs = append(s.Attrs, clew.Attr{Key: fmt.Sprint(i, "-", k), Value: clew.IntValue(1)})
			}
		}),
		"a name for each span": spansOf(20_000, func(i int, s *clew.Span) { s.Name = fmt.Sprint(i) }),
		"a resource for each span": spansOf(3000, func(i int, s *clew.Span) {
			s.Resource = &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue(fmt.Sprint(i))}}}
		}),
		"40,000 events":        spansOf(2, func(_ int, s *clew.Span) { s.Events = make([]clew.Event, 20_000) }),
		"one span 5,000 times": spansOf(5000, func(_ int, s *clew.Span) { s.TraceID = clew.MakeTraceID(1, 1) }),
		"twin traces":          spansOf(100, func(i int, s *clew.Span) { s.TraceID = clew.MakeTraceID(uint64(i), 7) }),
	} {
		t.Run(name, func(t *testing.T) {
			if err := readAllOf(seal(decode(t, [][]byte{storagetest.Body(spans...)}))); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestBlocksGrow cuts a head of many columns into few blocks.
func TestBlocksGrow(t *testing.T) {
	head := decode(t, [][]byte{storagetest.Body(spansOf(2000, func(i int, s *clew.Span) {
		for k := range 4 {
			s.Attrs = append(s.Attrs, clew.Attr{Key: fmt.Sprint((4*i + k) % 8000), Value: clew.IntValue(1)})
		}
	})...)})
	s := Sealer{BlockRows: 1}
	r := open(t, s.Seal(head.View(head.Rows()), Meta{Tenant: "x"}, nil))
	if n := len(r.Meta().BlockRows); n > 2*order.MaxChunks/8000 {
		t.Errorf("%d blocks of 8,040 columns", n)
	}
	if damage := r.Damage(); damage != nil {
		t.Error(damage)
	}
}
