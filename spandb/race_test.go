//go:build race

package spandb

// The race detector makes everything ten times slower.
const (
	powerCuts         = 100
	metamorphicRounds = 2
	soakHours         = 9
	mergeFaultStep    = 5
)
