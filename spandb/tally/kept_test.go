package tally

import (
	"fmt"
	"testing"

	"github.com/clew-tracing/clew/span"
)

func valuesOf(n int) *Values {
	c := New(1 << 30)
	for i := range n {
		c.addText([]byte(fmt.Sprint(i)), int64(i+1))
	}
	return c
}

// What was counted of a segment is added again as often as it is asked for, for its field
// and its segment alone.
func TestKept(t *testing.T) {
	var k Kept
	route, other := span.Field{Scope: span.ScopeSpan, Key: "route"}, span.Field{Scope: span.ScopeResource, Key: "route"}
	total := New(1 << 30)
	k.Take(total, valuesOf(3), 7, route, true)
	for range 2 {
		if !k.AddTo(total, 7, route) {
			t.Fatal("nothing is kept")
		}
	}
	values, more := total.Top(0)
	if len(values) != 3 || more || values[0].Count != 9 || string(values[0].Value.Bytes) != "2" {
		t.Errorf("after three times: %v, %v", values, more)
	}
	for _, x := range []struct {
		segment uint64
		field   span.Field
	}{{8, route}, {7, other}} {
		if k.AddTo(total, x.segment, x.field) {
			t.Errorf("segment %d, %v: something is kept", x.segment, x.field)
		}
	}
}

// Neither what may not be kept is, nor what is too much; and there is a bound to all.
func TestKeptIsBounded(t *testing.T) {
	var k Kept
	f := span.Field{Scope: span.ScopeSpan, Key: "id"}
	k.Take(New(1<<30), valuesOf(maxKept+1), 1, f, true)
	k.Take(New(1<<30), valuesOf(1), 2, f, false)
	for segment := range uint64(3) {
		if k.AddTo(New(1<<30), segment, f) {
			t.Errorf("segment %d is kept", segment)
		}
	}
	full := New(1000)
	some := valuesOf(2)
	some.more = true
	if k.Take(full, some, 3, f, true); !full.more || k.AddTo(full, 3, f) {
		t.Error("values of which there were more are kept as if they were all")
	}
	for segment := range uint64(3 * keptBytes / (1000 * valueBytes)) {
		k.Take(New(1<<30), valuesOf(1000), 100+segment, f, true)
		if k.bytes > keptBytes {
			t.Fatalf("%d bytes are kept", k.bytes)
		}
	}
	if k.bytes == 0 {
		t.Error("nothing is kept")
	}
}

// Segments have other values than those before, and another field has some of them: each
// is counted as often as if nothing were kept, also when all was emptied in between.
func TestKeptOfManySegments(t *testing.T) {
	var k Kept
	fields := []span.Field{{Scope: span.ScopeSpan, Key: "a"}, {Scope: span.ScopeSpan, Key: "b"}}
	own := func(segment uint64, f int) *Values {
		c := New(1 << 30)
		for i := range uint64(9) {
			c.addText([]byte(fmt.Sprint((segment*uint64(3+f)+i)%20)), int64(segment+i))
		}
		return c
	}
	for range 2 {
		for f, field := range fields {
			want, got := New(1<<30), New(1<<30)
			for segment := range uint64(12) {
				for v, slot := range own(segment, f).count {
					want.addKey(v, own(segment, f).rows[slot])
				}
				if !k.AddTo(got, segment, field) {
					k.Take(got, own(segment, f), segment, field, true)
				}
				if segment == 7 && f == 1 {
					k.of = nil // emptied for others
				}
			}
			w, _ := want.Top(0)
			if g, more := got.Top(0); more || fmt.Sprint(g) != fmt.Sprint(w) {
				t.Errorf("field %s: %v, want %v", field.Key, g, w)
			}
		}
	}
	few := New(3 * (valueBytes + 2))
	for segment := range uint64(12) {
		k.AddTo(few, segment, fields[1])
	}
	if values, more := few.Top(0); len(values) != 3 || !more {
		t.Errorf("%d values in memory for three, more %v", len(values), more)
	}
}
