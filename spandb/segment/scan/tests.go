package scan

import (
	"slices"

	"github.com/clew-tracing/clew/storage"
)

// testedOn says, for people, on what a leaf is tested.
var testedOn = [...]string{
	leafTemplate: "names and kinds that rows have in common", leafResource: "resources", leafWindow: "start times, packed",
	leafDuration: "durations, packed", leafAttr: "dictionaries and bounds, then packed values",
	leafAny:   "resources, dictionaries and bounds, then packed values",
	leafChild: "dictionaries and bounds, then columns", leafOther: "columns, row by row",
}

// Tests returns what rows are tested for, in the order in which that is done: first what
// many rows have in common; then, of conditions that all have to be met, the cheapest.
// The window is one of them.
func (s *Selector) Tests() (out []storage.Test) {
	leaves := s.root().appendLeaves(nil)
	slices.SortStableFunc(leaves, func(a, b *node) int { return min(a.cost, costDense) - min(b.cost, costDense) })
	for _, n := range leaves {
		test := storage.Test{Condition: "the window", On: testedOn[n.kind]}
		if n.kind != leafWindow {
			test.Condition = n.cond.String()
		}
		out = append(out, test)
	}
	return out
}

// appendLeaves appends the leaves of n in the order in which they are tested on rows.
func (n *node) appendLeaves(dst []*node) []*node {
	if n.kind > nodeNot {
		return append(dst, n)
	}
	for _, arg := range n.args {
		dst = arg.appendLeaves(dst)
	}
	return dst
}
