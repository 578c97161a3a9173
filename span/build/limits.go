package build

// rawAfter is how many values a string column has before it may stop looking for
// equal ones: once more than half of them were different. Interning costs about 25 ns
// a value; where half of the values are new it saves nothing.
const rawAfter = 4096

// maxShapeNodes bounds the attribute orders a Builder remembers. Spans of
// orders beyond it keep their attributes but not their order. Services with
// random subsets of many keys reach it; 65,536 nodes are 1 MiB.
const maxShapeNodes = 1 << 16

// An order that leaves the known ones is a branch. The first freeBranches are kept as
// they come; beyond them, a name has keptBranches and one for each branchRows of its
// rows. What a segment lists of orders is bounded alike: those of an operation that has
// fewer rows for each are not kept in it.
const (
	freeBranches = 1024
	keptBranches = 8
	branchRows   = 32
)

// maxShapeRoots bounds the span names that predict attributes on their own;
// names beyond it (an identifier in the name, most likely) share one root.
const maxShapeRoots = 4096

// columnBytes is what a column takes besides its values.
const columnBytes = 256

// headSlots is the size of a table of columns by the heads of their attributes: enough
// for some hundred columns, and 16 KiB.
const (
	headBits  = 11
	headSlots = 1 << headBits
)

// maxColumns bounds the attribute columns (key and type) of a Builder's spans,
// events or links. An empty column takes about 1 KiB and is looked at by every
// view, and eight bytes of a request are enough to ask for one; attributes beyond
// it are kept but cannot be searched. Real heads have some hundreds.
const maxColumns = 1 << 13

// What a Draft keeps from one message to the next is forgotten when it is more than
// this: columns, names and resources that real traffic does not have, or a message of
// so many spans that its memory is not worth keeping.
const (
	maxDraftColumns  = 4096
	maxDraftBranches = 8192
	maxDraftNames    = 4096
	maxDraftBytes    = 1 << 20
	maxDraftRows     = 1 << 15
)
