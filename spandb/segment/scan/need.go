package scan

import (
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/storage"
)

// noteColumns notes the columns that are asked for.
func noteColumns(n *segment.Need, c *storage.Columns) {
	n.All, n.Weights = c.All, c.Weights
	if c.Resources {
		n.Resources()
	}
	for _, i := range c.Intrinsics {
		n.Intrinsic(i)
		n.Resources()
	}
	for _, f := range c.Fields {
		n.Field(f)
	}
}

// NeedOfTraces returns what is read of a trace whose rows lie in several places, to put
// them together: what is asked for and tested, by what rows are known, and whether they have an end.
func NeedOfTraces(c *storage.Columns, where *span.Condition) *segment.Need {
	n := &segment.Need{Received: true}
	noteColumns(n, c)
	where.Fields(n.Field)
	for _, i := range []span.Intrinsic{span.SpanID, span.ParentID, span.SpanKind, span.Duration} {
		n.Intrinsic(i)
	}
	return n
}

// NeedOfParts is NeedOfTraces for storage.PartReader.
func NeedOfParts(c *storage.Columns) *segment.Need {
	n := NeedOfTraces(c, new(span.Condition))
	n.Resources()
	for _, i := range []span.Intrinsic{span.StatusCode, span.Name, span.ScopeName} {
		n.Intrinsic(i)
	}
	return n
}
