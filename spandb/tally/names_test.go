package tally

import (
	"reflect"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// TestEntries notes resources that have the keys of the one before, others at the same
// places, other types, fewer and more; and a scope with the key of a resource.
func TestEntries(t *testing.T) {
	text, whole := clew.StringValue("v"), clew.IntValue(1)
	attrs := func(of ...any) (list []clew.Attr) {
		for i := 0; i < len(of); i += 2 {
			list = append(list, clew.Attr{Key: of[i].(string), Value: of[i+1].(clew.Value)})
		}
		return list
	}
	var resources []*span.ResourceEntry
	for _, list := range [][]clew.Attr{attrs("a", text, "b", text), attrs("a", text, "b", text), attrs("a", text, "b", whole),
		attrs(), attrs("b", text), attrs("b", text, "c", text), attrs("c", text, "b", whole, "d", whole)} {
		resources = append(resources, &span.ResourceEntry{Resource: clew.Resource{Attrs: list}})
	}
	n := make(Names)
	n.Entries(resources, []*span.ScopeEntry{{Scope: clew.Scope{Attrs: attrs("c", text)}}})
	want := []storage.TagName{
		{Scope: span.ScopeResource, Key: "a", Types: []clew.Type{clew.TypeString}},
		{Scope: span.ScopeResource, Key: "b", Types: []clew.Type{clew.TypeString, clew.TypeInt}},
		{Scope: span.ScopeResource, Key: "c", Types: []clew.Type{clew.TypeString}},
		{Scope: span.ScopeResource, Key: "d", Types: []clew.Type{clew.TypeInt}},
		{Scope: span.ScopeInstrumentation, Key: "c", Types: []clew.Type{clew.TypeString}},
	}
	if got := n.List(); !reflect.DeepEqual(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}
