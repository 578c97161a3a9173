package filter

const (
	// MaxBytes bounds the text of an expression. X-Ray takes some 2,000 characters; programs
	// that list services need more.
	MaxBytes = 16 << 10
	// maxDepth bounds how deep parentheses, braces and ! nest: each level is some frames of
	// the stack. People stay below five.
	maxDepth = 50
	// maxTests bounds the conditions of an expression, each of which is judged for each
	// segment of a trace.
	maxTests = 1000
	// maxNear is how many keys are offered for one that is misspelt.
	maxNear = 3
	// maxShown is how many bytes of what was written stand in an error.
	maxShown = 40
)
