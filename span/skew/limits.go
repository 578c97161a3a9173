package skew

import "time"

const (
	// Tolerance is by how much clocks must differ for it to be said, and bounds contradict
	// each other: a server's span may end a little after its client has the answer, since it
	// ends when the handler returns, and not with the last byte.
	Tolerance = int64(time.Millisecond)
	// MaxTold is how many clocks, or contradictions, an answer lists.
	MaxTold = 64
	// MaxClocks is of how many clocks a trace is measured. A clock and what it shares with others
	// take some hundred bytes each: this is what the spans of a large trace take anyway.
	MaxClocks = 16_384
	// maxRounds bounds how often bounds are passed on between clocks, after once along the
	// way from the root. Each round only narrows intervals, so that fewer do no harm.
	maxRounds = 8
	// furthest bounds differences: 73 years. A clock may say 1970; what is more says nothing.
	furthest = int64(1) << 61
)
