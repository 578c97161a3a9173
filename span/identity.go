package span

import (
	"bytes"
	"cmp"
	"reflect"
	"slices"

	"github.com/clew-tracing/clew"
)

// Identity is what tells a row from the others of its trace: two rows that share
// it are the same span, received twice, or a conflict.
type Identity struct {
	Span uint64
	Side uint8
}

// Identity returns a row's identity within its trace.
func (b *Batch) Identity(row uint32) Identity {
	return Identity{b.SpanID[row], clew.Kind(b.Kind[row]).Side()}
}

// Equal compares everything that was received of two rows, but the order of
// attributes, which a store may not have kept, and the high half of their trace
// ids, which one of them may lack.
func (r *Rows) Equal(i, k int) bool {
	a, b := r.Span(i), r.Span(k)
	a.TraceID, b.TraceID = clew.TraceID{}, clew.TraceID{}
	for _, s := range []*clew.Span{&a, &b} {
		sortByKey(s.Attrs)
		for e := range s.Events {
			sortByKey(s.Events[e].Attrs)
		}
		for l := range s.Links {
			sortByKey(s.Links[l].Attrs)
		}
	}
	return reflect.DeepEqual(a, b) && r.equalRaw(i, k)
}

func sortByKey(attrs []clew.Attr) {
	slices.SortFunc(attrs, func(a, b clew.Attr) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value.Type, b.Value.Type))
	})
}

// equalRaw compares what two rows of equal numbers of events and links have besides
// the fields of a clew.Span: repeated keys, and unknown fields of resource and scope.
func (r *Rows) equalRaw(i, k int) bool {
	b := r.Batch()
	if !bytes.Equal(r.Extra(i), r.Extra(k)) || !bytes.Equal(b.Resources[b.Resource[i]].Raw, b.Resources[b.Resource[k]].Raw) ||
		!bytes.Equal(b.Scopes[b.Scope[i]].Raw, b.Scopes[b.Scope[k]].Raw) {
		return false
	}
	ei, end := r.Events(i)
	ek, _ := r.Events(k)
	for ; ei < end; ei, ek = ei+1, ek+1 {
		if !bytes.Equal(r.EventExtra(ei), r.EventExtra(ek)) {
			return false
		}
	}
	li, end := r.Links(i)
	lk, _ := r.Links(k)
	for ; li < end; li, lk = li+1, lk+1 {
		if !bytes.Equal(r.LinkExtra(li), r.LinkExtra(lk)) {
			return false
		}
	}
	return true
}
