package traceql

// MaxQueryBytes bounds a query's text. Generated queries list services or
// routes in one regular expression; 64 KiB is some thousand names.
const MaxQueryBytes = 64 << 10

// MaxNodes bounds the size of the tree, and with it the work and the recursion
// of whatever walks it: a chain of && is as deep as it is long.
const MaxNodes = 4096

// MaxDepth bounds how deep parentheses and prefix operators nest in the text:
// each level is some stack frames of the parser. People stay below ten.
const MaxDepth = 100

// MaxRegexpBytes bounds the text of one regular expression.
const MaxRegexpBytes = 8 << 10

// MaxRegexpInstructions bounds the program a regular expression compiles to:
// a{1000} is a thousand instructions and repeats multiply, so that a dozen bytes
// could ask for 128 MB. 20,000 instructions are about 1 MB.
const MaxRegexpInstructions = 20_000

// MaxFields bounds the lists of select(…) and by (…): each is a column to read, or a
// part of a series' key.
const MaxFields = 64

// MaxQuantiles bounds those of one metric: each is a series of its own.
const MaxQuantiles = 32

// MaxTopK bounds topk and bottomk, and MaxCompareTop the values that compare tells of
// one attribute. Nobody looks at more.
const (
	MaxTopK       = 10_000
	MaxCompareTop = 1_000
)

// MaxLimit bounds order by … limit: as much as one page of any dialect holds.
const MaxLimit = 262_144

// MaxHints bounds the list of with (…).
const MaxHints = 16
