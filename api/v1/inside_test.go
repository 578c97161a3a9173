package v1

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// traceOf reads the one trace of spans back from the model.
func traceOf(t *testing.T, spans ...clew.Span) *storage.Trace {
	t.Helper()
	m := storagetest.NewMemory(storagetest.AllCapabilities())
	if _, err := m.Append(t.Context(), storage.Record{Tenant: clew.DefaultTenant, Body: storagetest.Body(spans...)}); err != nil {
		t.Fatal(err)
	}
	tr, err := m.Trace(t.Context(), clew.DefaultTenant, spans[0].TraceID)
	if err != nil {
		t.Fatal(err)
	}
	return &tr
}

// TestFingerprint changes with every field, and with nothing else.
func TestFingerprint(t *testing.T) {
	attr := func(key string, v clew.Value) []clew.Attr { return []clew.Attr{{Key: key, Value: v}} }
	base := func() []clew.Span {
		s := clew.Span{TraceID: clew.MakeTraceID(1, 2), SpanID: 3, ParentID: 4, TraceState: "a", Flags: 5, Name: "b", Kind: 2, Start: 6, End: 7,
			Attrs: attr("c", clew.IntValue(0)), DroppedAttrs: 8, DroppedEvents: 9, DroppedLinks: 10, Status: 1, StatusMessage: "d",
			Events:   []clew.Event{{Time: 11, Name: "e", Attrs: attr("f", clew.BoolValue(true)), DroppedAttrs: 12}, {Time: 13, Name: "g"}},
			Links:    []clew.Link{{TraceID: clew.MakeTraceID(14, 15), SpanID: 16, TraceState: "h", Attrs: attr("i", clew.StringValue("j")), DroppedAttrs: 17, Flags: 18}, {SpanID: 19}},
			Resource: &clew.Resource{Attrs: attr("k", clew.StringValue("l"))}, Scope: &clew.Scope{Name: "m"}}
		other := s
		other.SpanID, other.Events, other.Links = 20, nil, nil
		return []clew.Span{s, other}
	}
	want := fingerprintOf(traceOf(t, base()...))
	for i, change := range []func(s []clew.Span){
		func(s []clew.Span) { s[0].SpanID++ },
		func(s []clew.Span) { s[0].ParentID = 0 },
		func(s []clew.Span) { s[0].TraceState = "" },
		func(s []clew.Span) { s[0].Flags++ },
		func(s []clew.Span) { s[0].Name = "c" },
		func(s []clew.Span) { s[0].Kind = 3 },
		func(s []clew.Span) { s[0].Start++ },
		func(s []clew.Span) { s[0].End = 0 },
		func(s []clew.Span) { s[0].Start, s[0].End = s[0].Start+1, s[0].End+1 },
		func(s []clew.Span) { s[0].Attrs = attr("c", clew.IntValue(1)) },
		func(s []clew.Span) { s[0].Attrs = attr("c", clew.DoubleValue(0)) },
		func(s []clew.Span) { s[0].Attrs = attr("d", clew.IntValue(0)) },
		func(s []clew.Span) { s[0].Attrs = nil },
		func(s []clew.Span) { s[0].Attrs, s[1].Attrs = s[1].Attrs, attr("c", clew.IntValue(2)) },
		func(s []clew.Span) { s[0].Attrs = append(s[0].Attrs, s[0].Attrs[0]) },
		func(s []clew.Span) { s[0].DroppedAttrs, s[0].DroppedEvents = 9, 8 },
		func(s []clew.Span) { s[0].DroppedLinks = 0 },
		func(s []clew.Span) { s[0].Status = 2 },
		func(s []clew.Span) { s[0].StatusMessage = "e" },
		func(s []clew.Span) { slices.Reverse(s[0].Events) },
		func(s []clew.Span) { s[0].Events[0].Time++ },
		func(s []clew.Span) { s[0].Events[1].Name = "h" },
		func(s []clew.Span) { s[0].Events[1].Attrs, s[0].Events[0].Attrs = s[0].Events[0].Attrs, nil },
		func(s []clew.Span) { s[0].Events[0].DroppedAttrs = 0 },
		func(s []clew.Span) { s[1].Events, s[0].Events = s[0].Events, nil },
		func(s []clew.Span) { s[0].Links = s[0].Links[:1] },
		func(s []clew.Span) { s[0].Links[0].TraceID = clew.MakeTraceID(15, 14) },
		func(s []clew.Span) { s[0].Links[0].SpanID++ },
		func(s []clew.Span) { s[0].Links[0].TraceState = "" },
		func(s []clew.Span) { s[0].Links[0].Attrs = attr("i", clew.StringValue("")) },
		func(s []clew.Span) { s[0].Links[0].DroppedAttrs++ },
		func(s []clew.Span) { s[0].Links[0].Flags++ },
		func(s []clew.Span) { s[0].Resource = &clew.Resource{Attrs: attr("k", clew.StringValue("m"))} },
		func(s []clew.Span) { s[0].Scope = &clew.Scope{Name: "n"} },
		func(s []clew.Span) { s[0].TraceID = clew.MakeTraceID(0, 2) },
	} {
		spans := base()
		change(spans)
		if got := fingerprintOf(traceOf(t, spans...)); got.content == want.content {
			t.Errorf("change %d leaves the fingerprint as it was", i)
		}
	}
	spans := base()
	slices.Reverse(spans)
	got := fingerprintOf(traceOf(t, spans...))
	if got.content != want.content || got.sequence == want.sequence {
		t.Error("another order of rows changes the content, or not the sequence")
	}
	if again := fingerprintOf(traceOf(t, base()...)); again != want {
		t.Error("the same spans have another fingerprint")
	}
}

// TestLayoutCache keeps the last layouts, and no more than it may.
func TestLayoutCache(t *testing.T) {
	key := func(i int) layoutKey { return layoutKey{tenant: clew.Tenant(fmt.Sprint(i))} }
	var c layoutCache
	for i := range 20 {
		c.put(key(i), &layout{rows: make([]uint32, 1)})
		if i > 0 && c.get(key(1)) == nil { // used again and again
			t.Fatalf("after %d the second is gone", i)
		}
	}
	var kept []int
	for i := range 20 {
		if c.get(key(i)) != nil {
			kept = append(kept, i)
		}
	}
	if want := []int{1, 13, 14, 15, 16, 17, 18, 19}; !slices.Equal(kept, want) {
		t.Errorf("kept %v, want %v", kept, want)
	}
	large := &layout{rows: make([]uint32, maxLayoutBytes/10)}
	c.put(key(30), large)
	c.put(key(30), large)
	if c.get(key(30)) != large || c.get(key(19)) != nil || len(c.kept) != 1 || c.bytes != large.sizeBytes() {
		t.Errorf("%d layouts with %d bytes beside one of %d", len(c.kept)-1, c.bytes, large.sizeBytes())
	}
	c.put(key(31), &layout{rows: make([]uint32, maxLayoutBytes)})
	if c.get(key(31)) != nil || c.get(key(30)) != large {
		t.Error("one that is too large is kept")
	}
}

// TestRadixSort agrees with a sort by comparison.
func TestRadixSort(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, width := range []int{0, 1, 11, 12, 34, 64} {
		for _, n := range []int{0, 1, 100, 1 << digitBits, 10_000} {
			b := &span.Batch{Rows: n}
			for range n {
				start := uint64(0)
				if width > 0 {
					start = r.Uint64() >> (64 - width)
				}
				b.Start = append(b.Start, start)
				b.SpanID = append(b.SpanID, r.Uint64N(3))
				b.Kind = append(b.Kind, uint8(r.IntN(3)))
			}
			got := siblingOrder(b)
			for i := 1; i < n; i++ {
				x, y := got[i-1], got[i]
				xs, ys := clew.Kind(b.Kind[x]).Side(), clew.Kind(b.Kind[y]).Side()
				a := [4]uint64{b.Start[x], b.SpanID[x], uint64(xs), uint64(x)}
				z := [4]uint64{b.Start[y], b.SpanID[y], uint64(ys), uint64(y)}
				if slices.Compare(a[:], z[:]) >= 0 {
					t.Fatalf("width %d, %d rows: %v before %v", width, n, a, z)
				}
			}
			slices.Sort(got)
			for i, row := range got {
				if int(row) != i {
					t.Fatalf("width %d, %d rows: row %d is missing", width, n, i)
				}
			}
		}
	}
}

// TestIDTableGrows takes a ghost per row.
func TestIDTableGrows(t *testing.T) {
	var ids idTable
	ids.times = 1 // ids that meet: the top bits are 0
	ids.resize(3)
	for i := range 1000 {
		s := ids.claim(uint64(i))
		if !s.empty() {
			t.Fatalf("id %d is there already", i)
		}
		s.ghost = int32(i + 1)
	}
	for i := range 1000 {
		if s := ids.find(uint64(i)); s.id != uint64(i) || s.ghost != int32(i+1) {
			t.Fatalf("id %d: %+v", i, s)
		}
	}
	if 4*ids.used > 3*len(ids.slots) {
		t.Errorf("%d of %d slots are used", ids.used, len(ids.slots))
	}
}
