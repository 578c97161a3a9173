package span_test

import (
	"bytes"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// TestElements looks into arrays, and into what is none.
func TestElements(t *testing.T) {
	text, number, inner := clew.StringValue("a"), clew.IntValue(-7), storagetest.ArrayValue(clew.StringValue("deep"))
	two := storagetest.ArrayValue(text, number)
	for _, c := range []struct {
		name string
		in   clew.Value
		want []clew.Value
	}{
		{"scalars", storagetest.ArrayValue(text, number, clew.DoubleValue(1.5), clew.BoolValue(true), clew.BoolValue(false)),
			[]clew.Value{text, number, clew.DoubleValue(1.5), clew.BoolValue(true), clew.BoolValue(false)}},
		{"empty texts", storagetest.ArrayValue(clew.StringValue(""), clew.StringValue("")), []clew.Value{{Bytes: []byte{}}, {Bytes: []byte{}}}},
		{"an array in an array", storagetest.ArrayValue(text, inner), []clew.Value{text, inner}},
		{"no elements", storagetest.ArrayValue(), nil},
		{"an array in two pieces", clew.Value{Type: clew.TypeOther, Bytes: slices.Concat(two.Bytes, two.Bytes)}, []clew.Value{text, number, text, number}},
		{"a text", text, nil},
		{"bytes", storagetest.BytesValue(two.Bytes), nil},
		{"an array overruled by bytes", clew.Value{Type: clew.TypeOther, Bytes: slices.Concat(two.Bytes, storagetest.BytesValue(nil).Bytes)}, nil},
		{"an empty value", clew.Value{Type: clew.TypeOther}, nil},
	} {
		if got := slices.Collect(span.Elements(c.in)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// FuzzElements holds what is no message to the end of its bytes.
func FuzzElements(f *testing.F) {
	f.Add(storagetest.ArrayValue(clew.StringValue("a"), clew.IntValue(1), clew.DoubleValue(2), storagetest.ArrayValue()).Bytes)
	f.Add([]byte{0x2a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, m []byte) {
		for e := range span.Elements(clew.Value{Type: clew.TypeOther, Bytes: m}) {
			if e.Bytes != nil && !bytes.Contains(m, e.Bytes) {
				t.Errorf("%x is not of %x", e.Bytes, m)
			}
		}
	})
}

// TestArraysMeet tests arrays: one element has to meet a condition, or if it is about a
// difference, all.
func TestArraysMeet(t *testing.T) {
	field, array := span.Field{Scope: span.ScopeSpan, Key: "k"}, storagetest.ArrayValue
	a, b, one, two := clew.StringValue("a"), clew.StringValue("b"), clew.IntValue(1), clew.IntValue(2)
	re := regexp.MustCompile("^(?:a)$")
	for _, c := range []struct {
		in   clew.Value
		cond span.Condition
		want bool
	}{
		{array(a, b), span.Compare(field, span.Eq, b), true},
		{array(a, b), span.Compare(field, span.Eq, clew.StringValue("c")), false},
		{array(a, b), span.Compare(field, span.Ne, b), false},
		{array(a, b), span.Compare(field, span.Ne, clew.StringValue("c")), true},
		{array(a, b), span.Compare(field, span.Gt, a), true},
		{array(a, b), span.Compare(field, span.Lt, a), false},
		{array(a, b), span.Matches(field, span.Match, re), true},
		{array(a, b), span.Matches(field, span.NotMatch, re), false},
		{array(b, b), span.Matches(field, span.NotMatch, re), true},
		{array(one, two), span.Compare(field, span.Ge, clew.DoubleValue(1.5)), true},
		{array(one, two), span.Compare(field, span.Eq, a), false},
		{array(one, two), span.Compare(field, span.Ne, a), false},
		{array(a, one), span.Compare(field, span.Ne, b), false},
		{array(clew.BoolValue(false), clew.BoolValue(true)), span.Compare(field, span.Eq, clew.BoolValue(true)), true},
		{array(array(a)), span.Compare(field, span.Eq, a), false},
		{array(), span.Compare(field, span.Ne, a), false},
		{array(), span.Has(field), true},
		{storagetest.BytesValue([]byte("a")), span.Compare(field, span.Ne, b), false},
	} {
		if got := c.cond.Test(c.in); got != c.want {
			t.Errorf("%v of %q: %v, want %v", c.cond.String(), c.in.Bytes, got, c.want)
		}
	}
}
