// Package need says which columns of a block a reader wants.
package need

import "github.com/clew-tracing/clew/span"

// The families of attributes.
const (
	OfSpans  = 'a'
	OfEvents = 'e'
	OfLinks  = 'l'
)

// Need says which columns of a block a reader wants. TraceIDs, Trace and Start are
// always read. The zero value wants nothing more.
type Need struct {
	// All wants every column.
	All bool
	// Weights wants the rows' weights.
	Weights bool
	// Received wants to know which of the rows of one identity came first.
	Received   bool
	intrinsics [256]bool // by span.Intrinsic
	resource   bool
	attrs      map[attrNeed]bool
}

type attrNeed struct {
	family byte
	key    string
}

// Intrinsic wants the column of an intrinsic.
func (n *Need) Intrinsic(i span.Intrinsic) { n.intrinsics[i] = true }

// Resources wants each row's resource.
func (n *Need) Resources() { n.resource = true }

// Parents reports whether parents are wanted: they can be found only where all rows of
// a trace are read.
func (n *Need) Parents() bool { return n.Any(span.ParentID) }

// Field wants the columns that a test of f looks at.
func (n *Need) Field(f span.Field) {
	if f.Intrinsic != span.None {
		n.intrinsics[f.Intrinsic] = true
		return
	}
	if n.attrs == nil {
		n.attrs = make(map[attrNeed]bool)
	}
	switch f.Scope {
	case span.ScopeResource:
		n.resource = true
	case span.ScopeInstrumentation:
		n.intrinsics[span.ScopeName] = true
	case span.ScopeEvent:
		n.attrs[attrNeed{OfEvents, f.Key}] = true
	case span.ScopeLink:
		n.attrs[attrNeed{OfLinks, f.Key}] = true
	case span.ScopeAny:
		n.resource = true
		n.attrs[attrNeed{OfSpans, f.Key}] = true
	default:
		n.attrs[attrNeed{OfSpans, f.Key}] = true
	}
}

// Of returns b without sparse columns that are not wanted; b itself where all are, or
// weights, which several columns tell.
func (n *Need) Of(b *span.Batch) *span.Batch {
	if n.All || n.Weights {
		return b
	}
	p := *b
	p.Weight, p.Moved, p.DroppedAttrs, p.DroppedEvents, p.DroppedLinks = span.Column{}, span.Column{}, span.Column{}, span.Column{}, span.Column{}
	if !n.Any(span.StatusMessage) {
		p.StatusMessage = span.Column{}
	}
	if !n.Any(span.TraceState) {
		p.TraceState = span.Column{}
	}
	p.Attrs = n.of(OfSpans, &b.Attrs)
	if p.Events.Attrs = n.of(OfEvents, &b.Events.Attrs); !n.Family(OfEvents) && !n.Any(span.EventName, span.EventTimeSinceStart) {
		p.Events = span.Events{}
	}
	if p.Links.Attrs = n.of(OfLinks, &b.Links.Attrs); !n.Family(OfLinks) && !n.Any(span.LinkTraceID, span.LinkSpanID) {
		p.Links = span.Links{}
	}
	return &p
}

// of returns the wanted columns of a family.
func (n *Need) of(family byte, all *span.Attrs) (some span.Attrs) {
	if !n.Family(family) {
		return some
	}
	for i := range all.Columns {
		if n.Attr(family, all.Columns[i].Key) {
			some.Columns = append(some.Columns, all.Columns[i])
		}
	}
	return some
}

// Any reports whether one of some intrinsics is wanted.
func (n *Need) Any(any ...span.Intrinsic) bool {
	for _, i := range any {
		if n.intrinsics[i] {
			return true
		}
	}
	return n.All
}

// Family reports whether attributes of a family are wanted.
func (n *Need) Family(f byte) bool {
	for a := range n.attrs {
		if a.family == f {
			return true
		}
	}
	return n.All
}

// Attr reports whether an attribute is wanted.
func (n *Need) Attr(family byte, key string) bool { return n.All || n.attrs[attrNeed{family, key}] }

// Attrs reports whether any attribute is wanted.
func (n *Need) Attrs() bool { return n.All || len(n.attrs) > 0 }

// Resource reports whether each row's resource is wanted.
func (n *Need) Resource() bool { return n.All || n.resource }
