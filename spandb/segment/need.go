package segment

import "github.com/clew-tracing/clew/span"

// Need says which columns of a block a reader wants. TraceIDs, Trace and Start are
// always read. The zero value wants nothing more.
type Need struct {
	// All wants every column.
	All        bool
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
func (n *Need) Parents() bool { return n.anyOf(span.ParentID) }

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
		n.attrs[attrNeed{familyEvent, f.Key}] = true
	case span.ScopeLink:
		n.attrs[attrNeed{familyLink, f.Key}] = true
	case span.ScopeAny:
		n.resource = true
		n.attrs[attrNeed{familySpan, f.Key}] = true
	default:
		n.attrs[attrNeed{familySpan, f.Key}] = true
	}
}

func (n *Need) anyOf(any ...span.Intrinsic) bool {
	for _, i := range any {
		if n.intrinsics[i] {
			return true
		}
	}
	return n.All
}

func (n *Need) family(f byte) bool {
	for a := range n.attrs {
		if a.family == f {
			return true
		}
	}
	return n.All
}
