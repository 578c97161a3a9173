package span_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// row is one span of the model: a slice of these, read with loops, is what every
// test compares a Builder with.
type row struct {
	clew.Span
	resource, scope string // raw
	extra           string
}

// random makes rows of few distinct names, keys and values.
type random struct{ *rand.Rand }

func newRandom(seed uint64) random { return random{rand.New(rand.NewPCG(seed, 0x5a))} }

func (r random) one(n int) bool { return r.IntN(n) == 0 }

func (r random) value() clew.Value {
	switch r.IntN(7) {
	case 0:
		return clew.IntValue(int64(r.IntN(5)) - 2)
	case 1:
		return clew.IntValue([]int64{math.MinInt64, math.MaxInt64, 1 << 53, 1<<53 + 1}[r.IntN(4)])
	case 2:
		return clew.DoubleValue([]float64{0, -1, 1, 1.5, 1 << 53, math.Inf(1), math.NaN(), math.MaxInt64}[r.IntN(8)])
	case 3:
		return clew.BoolValue(r.one(2))
	case 4:
		if r.one(2) {
			return clew.Value{Type: clew.TypeOther, Bytes: []byte{0x3a, 1, byte(r.IntN(3))}}
		}
		list := make([]clew.Value, r.IntN(4))
		for i := range list {
			list[i] = r.value()
		}
		return storagetest.ArrayValue(list...)
	}
	return clew.StringValue(fmt.Sprint("v", r.IntN(6)))
}

// attrs makes attributes of distinct (key, type).
func (r random) attrs() []clew.Attr {
	var list []clew.Attr
	for range r.IntN(6) {
		a := clew.Attr{Key: fmt.Sprint("k", r.IntN(6)), Value: r.value()}
		if !slices.ContainsFunc(list, func(b clew.Attr) bool { return a.Key == b.Key && a.Value.Type == b.Value.Type }) {
			list = append(list, a)
		}
	}
	return list
}

func (r random) text() string {
	if r.one(2) {
		return ""
	}
	return fmt.Sprint("t", r.IntN(5))
}

func (r random) count() uint32 { return uint32(r.IntN(2) * r.IntN(5)) }

func (r random) traceID() clew.TraceID {
	return clew.MakeTraceID(uint64(r.IntN(3)), uint64(1+r.IntN(6)))
}

func (r random) row() row {
	n, m := r.IntN(3), r.IntN(3)
	x := row{resource: fmt.Sprint("resource ", n), scope: fmt.Sprint("scope ", m)}
	s := &x.Span
	s.TraceID, s.SpanID, s.ParentID = r.traceID(), clew.SpanID(1+r.IntN(9)), clew.SpanID(r.IntN(4))
	s.TraceState, s.StatusMessage, s.Name = r.text(), r.text(), fmt.Sprint("name ", r.IntN(4))
	s.Flags, s.Kind, s.Status = r.count(), clew.Kind(r.IntN(7)), clew.Status(r.IntN(3))
	s.Start, s.End = clew.UnixNanos(r.IntN(20)), clew.UnixNanos(r.IntN(20))
	if r.one(20) {
		s.Start = math.MaxUint64
	}
	s.DroppedAttrs, s.DroppedEvents, s.DroppedLinks = r.count(), r.count(), r.count()
	s.Attrs = r.attrs()
	if r.one(5) {
		x.extra = fmt.Sprint("extra ", r.IntN(5))
	}
	for range r.IntN(3) {
		s.Events = append(s.Events, clew.Event{
			Time: clew.UnixNanos(r.IntN(30)), Name: fmt.Sprint("event ", r.IntN(3)), Attrs: r.attrs(), DroppedAttrs: r.count(),
		})
	}
	for range r.IntN(3) {
		s.Links = append(s.Links, clew.Link{
			TraceID: r.traceID(), SpanID: clew.SpanID(r.IntN(4)), TraceState: r.text(), Attrs: r.attrs(), DroppedAttrs: r.count(), Flags: r.count(),
		})
	}
	s.Resource = &clew.Resource{Attrs: []clew.Attr{
		{Key: "service.name", Value: clew.StringValue(fmt.Sprint("service ", n))}, {Key: "k1", Value: clew.StringValue("v1")}, {Key: "k2", Value: clew.IntValue(int64(n))},
	}, SchemaURL: x.resource}
	s.Scope = &clew.Scope{Name: x.scope, Version: "1", Attrs: []clew.Attr{{Key: "k3", Value: clew.BoolValue(m == 0)}}}
	return x
}

// putAttrs adds attributes and returns the shape they come to.
func putAttrs(a *build.AttrsBuilder, root, at uint32, list []clew.Attr) uint32 {
	node := root
	for _, x := range list {
		var c *build.ColumnBuilder
		c, node = a.Next(node, []byte(x.Key), x.Value.Type)
		if x.Value.Type == clew.TypeString || x.Value.Type == clew.TypeOther {
			c.PutBytes(at, x.Value.Bytes)
		} else {
			c.PutBits(at, x.Value.Bits)
		}
	}
	return node
}

// begin adds what a decoder adds before a row ends.
func begin(b *build.Builder, x *row) *build.Fixed {
	at, s := uint32(b.Rows()), &x.Span
	f := &build.Fixed{
		TraceHigh: s.TraceID.High(), TraceLow: s.TraceID.Low(), SpanID: uint64(s.SpanID), ParentID: uint64(s.ParentID),
		Start: uint64(s.Start), End: uint64(s.End), Name: b.InternName([]byte(s.Name)), Flags: s.Flags, Kind: uint8(s.Kind), Status: uint8(s.Status),
	}
	f.Shape = putAttrs(&b.Attrs, b.Attrs.Root(f.Name), at, s.Attrs)
	if x.extra != "" {
		b.Attrs.PutExtra(at, []byte(x.extra))
	}
	for _, e := range s.Events {
		name := b.Events.InternName([]byte(e.Name))
		shape := putAttrs(&b.Events.Attrs, b.Events.Attrs.Root(name), b.Events.Next(), e.Attrs)
		b.Events.End(at, uint64(e.Time), name, shape, uint64(e.DroppedAttrs))
	}
	for _, l := range s.Links {
		shape := putAttrs(&b.Links.Attrs, 0, b.Links.Next(), l.Attrs)
		b.Links.End(at, &build.LinkFixed{
			TraceHigh: l.TraceID.High(), TraceLow: l.TraceID.Low(), SpanID: uint64(l.SpanID), Flags: l.Flags, Shape: shape,
			DroppedAttrs: uint64(l.DroppedAttrs), TraceState: []byte(l.TraceState),
		})
	}
	for _, t := range []struct {
		c *build.ColumnBuilder
		s string
	}{{&b.StatusMessage, s.StatusMessage}, {&b.TraceState, s.TraceState}} {
		if t.s != "" {
			t.c.PutBytes(at, []byte(t.s))
		}
	}
	for _, t := range []struct {
		c *build.ColumnBuilder
		n uint32
	}{{&b.DroppedAttrs, s.DroppedAttrs}, {&b.DroppedEvents, s.DroppedEvents}, {&b.DroppedLinks, s.DroppedLinks}} {
		if t.n != 0 {
			t.c.PutBits(at, uint64(t.n))
		}
	}
	return f
}

// put adds a row.
func put(b *build.Builder, x *row) {
	at := b.Rows()
	b.EndSpan(begin(b, x))
	resource, fresh := b.InternResource([]byte(x.resource))
	if fresh {
		b.SetResource(resource, *x.Resource)
	}
	scope, fresh := b.InternScope([]byte(x.scope))
	if fresh {
		b.SetScope(scope, *x.Scope)
	}
	b.SetResourceRange(at, resource)
	b.SetScopeRange(at, scope)
}

// same reports whether two values are equal; NaNs are bits here.
func same(a, b any) bool { return reflect.DeepEqual(a, b) }

// check compares a batch with the model, row by row.
func check(t *testing.T, b *span.Batch, want []row) {
	t.Helper()
	if d := diff(b, want); d != "" {
		t.Fatal(d)
	}
}

// diff says where a batch differs from the model, "" if nowhere.
func diff(b *span.Batch, want []row) string {
	if b.Rows != len(want) {
		return fmt.Sprintf("%d rows, want %d", b.Rows, len(want))
	}
	r := span.NewRows(b)
	for i := range want {
		got, w := r.Span(i), want[i].Span
		if !same(*got.Resource, *w.Resource) || !same(*got.Scope, *w.Scope) {
			return fmt.Sprintf("row %d: %v of %v, want %v of %v", i, got.Scope, got.Resource, w.Scope, w.Resource)
		}
		got.Resource, got.Scope, w.Resource, w.Scope = nil, nil, nil, nil
		if !same(got, w) {
			return fmt.Sprintf("row %d:\n got %+v\nwant %+v", i, got, w)
		}
		if extra := string(r.Extra(i)); extra != want[i].extra {
			return fmt.Sprintf("row %d: extra %q, want %q", i, extra, want[i].extra)
		}
		if b.Service(i) != want[i].Service() || b.End(i) != want[i].End {
			return fmt.Sprintf("row %d: service %q, end %d", i, b.Service(i), b.End(i))
		}
	}
	return ""
}

// traceRows is Builder.TraceRows, by looking at every row.
func traceRows(rows []row, id clew.TraceID) (out []uint32) {
	for i, x := range rows {
		if x.TraceID.Low() == id.Low() && (x.TraceID.High() == id.High() || x.TraceID.High() == 0 || id.High() == 0) {
			out = append(out, uint32(i))
		}
	}
	return out
}
